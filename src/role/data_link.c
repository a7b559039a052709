#include "role/data_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "core/rate.h"
#include "role/access.h"
#include "role/data_reply.h"

enum {
	RETRY_S = 30,       /* after a failure: doubled … */
	RETRY_MAX_S = 3600, /* … up to this */
	RETRY_LINK_S = 5,   /* after the first failure over a link that has come up */
	ANSWER_MAX = 1 << 22,
	TURNS_PER_SECOND = 10, /* in the long run: what clients of a gateway change must not trouble
				  the server */
	REASON_MAX = 300,
};

struct data_link {
	struct loop *loop;
	struct data_link_setup setup;
	const struct domain *domain;
	struct web *web;
	struct access access; /* that it goes over */
	struct addr source;
	char *root; /* of RESTCONF there; NULL: not known */
	struct data_capability can;
	struct timer *timer; /* of the next turn */
	TAILQ_HEAD(data_turns, data_turn) waiting;
	struct rate turns;
	struct data_turn *has; /* the turn; while the root is looked for, too */
	unsigned failures;     /* in a row */
	bool pauses;           /* after one of them */
	bool no_link;          /* it waits for a link or an address: nothing was sent */
	bool fresh;            /* the link has just come up */
	char reason[REASON_MAX];
};

/* ---- turns ----------------------------------------------------------------------------------- */

static void
forget_root(struct data_link *l)
{
	free(l->root);
	l->root = NULL;
}

static void
disconnect(struct data_link *l)
{
	web_free(l->web);
	l->web = NULL;
	forget_root(l); /* the server may be another one */
	data_capability_forget(&l->can);
}

static void
go_on(struct data_link *l)
{
	if (!l->has && !l->pauses && TAILQ_FIRST(&l->waiting))
		timer_after(l->timer, 0);
}

static void
tell_waiting(struct data_link *l)
{
	struct data_turn *t;

	TAILQ_FOREACH(t, &l->waiting, entry)
		if (t->failed)
			t->failed(t->arg);
}

/* RFC 8040 says nothing of when to come back; a server that fails is left in peace. What fails may
 * be that it has its root somewhere else now (3.1). */
void
data_link_fail(struct data_link *l, struct data_turn *t, const char *reason)
{
	int64_t pause =
		l->fresh ? RETRY_LINK_S : (int64_t)RETRY_S << (l->failures < 7 ? l->failures : 7);
	bool known = !strcmp(l->reason, reason);

	pause = pause < RETRY_MAX_S ? pause : RETRY_MAX_S;
	l->failures += !l->fresh;
	l->fresh = false;
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
	event_raise(EVENT_DATA_PENDING, EVENT_F("domain", l->domain->name),
		EVENT_F("server", l->domain->data.name), EVENT_F("reason", l->reason),
		EVENT_N("retry", pause));
	if (!known)
		event_raise(EVENT_ALERT, EVENT_F("reason", l->reason),
			EVENT_F("domain", l->domain->name), EVENT_F("server", l->domain->data.name),
			EVENT_F("section", "RFC 8783 3.1"));
	l->pauses = true;
	timer_after(l->timer, pause * 1000);
	forget_root(l);
	l->has = NULL;
	if (!t->waits)
		TAILQ_INSERT_HEAD(&l->waiting, t, entry);
	t->waits = true;
	tell_waiting(l);
}

void
data_link_wait(struct data_link *l, struct data_turn *t)
{
	if (!t->waits)
		TAILQ_INSERT_TAIL(&l->waiting, t, entry);
	t->waits = true;
	go_on(l);
}

void
data_link_done(struct data_link *l, struct data_turn *t)
{
	if (l->has != t)
		return;
	l->has = NULL;
	l->failures = 0;
	l->fresh = false;
	*l->reason = '\0';
	go_on(l);
}

void
data_link_leave(struct data_link *l, struct data_turn *t)
{
	if (t->waits)
		TAILQ_REMOVE(&l->waiting, t, entry);
	t->waits = false;
	if (l->has != t)
		return;
	l->has = NULL;
	disconnect(l);
	go_on(l);
}

/* ---- a way there ----------------------------------------------------------------------------- */

static bool
same_way(const struct data_link *l, const struct access *a, const struct source *s)
{
	const char *x = l->access.interface, *y = a->interface;

	return l->access.domain == a->domain && (x == y || (x && y && !strcmp(x, y))) &&
	       addr_equal(&l->source, &s->local.addr);
}

static bool
connect_there(struct data_link *l, char *why, size_t cap)
{
	const struct homing *h = l->setup.homing;
	const struct domain_data *to = &l->domain->data;
	struct web_config cfg = {.name = to->name,
		.server = {.addr = to->address, .port = (uint16_t)to->port},
		.credentials = l->setup.credentials,
		.max_answer = ANSWER_MAX};
	struct source source;
	struct access a;
	size_t n = 0;

	while (access_nth(h, l->domain, NULL, n, &a) && !access_up(&a, l->setup.links))
		n++;
	if (!access_nth(h, l->domain, NULL, n, &a)) {
		access_nth(h, l->domain, NULL, 0, &a);
		snprintf(why, cap, "RFC 9284 5.1: interface %s is down", a.interface);
		return false;
	}
	if (!access_source(h, &a, l->setup.links, &to->address, &source, why, cap))
		return false;
	if (l->web && !same_way(l, &a, &source))
		disconnect(l);
	l->access = a;
	l->source = source.local.addr;
	cfg.interface = a.interface;
	cfg.source = source.local.addr;
	if (!l->web)
		l->web = web_new(l->loop, &cfg);
	return true;
}

static void
got_root(void *arg, const struct web_answer *a)
{
	struct data_link *l = arg;
	struct data_turn *t = l->has;
	const struct domain_data *to = &l->domain->data;
	char why[DATA_REPLY_MAX], reason[REASON_MAX];

	if (a->status != 200)
		data_reply_reason(a, why, sizeof(why));
	else
		l->root = data_reply_root(a, to->name, to->port, why, sizeof(why));
	if (l->root) {
		t->begin(t->arg);
		return;
	}
	snprintf(reason, sizeof(reason), "RFC 8040 3.1: %s", why);
	data_link_fail(l, t, reason);
}

static void
ask_root(struct data_link *l)
{
	const struct web_field accept = {"Accept", "application/xrd+xml"};
	const struct web_request r = {.method = "GET",
		.path = "/.well-known/host-meta",
		.fields = &accept,
		.n_fields = 1};

	data_link_ask(l, &r, got_root, l);
}

static void
turn(void *arg)
{
	struct data_link *l = arg;
	struct data_turn *t = TAILQ_FIRST(&l->waiting);
	char why[REASON_MAX] = "";
	uint32_t wait;

	l->pauses = false;
	if (l->has || !t)
		return;
	wait = rate_take(&l->turns, TURNS_PER_SECOND, loop_now(l->loop));
	if (wait) {
		timer_after(l->timer, (int64_t)wait * 1000);
		return;
	}
	TAILQ_REMOVE(&l->waiting, t, entry);
	t->waits = false;
	l->has = t;
	if (!l->setup.credentials)
		snprintf(why, sizeof(why), "RFC 8040 2.5: the credentials cannot be read");
	l->no_link = !l->setup.credentials || !connect_there(l, why, sizeof(why));
	if (l->no_link)
		data_link_fail(l, t, why);
	else if (l->root)
		t->begin(t->arg);
	else
		ask_root(l);
}

/* ---- requests -------------------------------------------------------------------------------- */

const char *
data_link_root(const struct data_link *l)
{
	return l->root;
}

struct data_capability *
data_link_can(struct data_link *l)
{
	return &l->can;
}

void
data_link_ask(struct data_link *l, const struct web_request *r,
	void (*done)(void *arg, const struct web_answer *a), void *arg)
{
	web_ask(l->web, r, done, arg);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct data_link *
data_link_new(struct loop *loop, const struct data_link_setup *s)
{
	struct data_link *l = mem_new(sizeof(*l));

	l->loop = loop;
	l->setup = *s;
	l->domain = &s->homing->domains[s->domain];
	l->timer = timer_new(loop, turn, l);
	TAILQ_INIT(&l->waiting);
	return l;
}

void
data_link_free(struct data_link *l)
{
	if (!l)
		return;
	disconnect(l);
	timer_free(l->timer);
	free(l);
}

/* What was wrong before may be right now: it is tried at once. */
void
data_link_rebind(struct data_link *l, const struct data_link_setup *s)
{
	disconnect(l);
	l->has = NULL;
	l->pauses = false;
	l->setup = *s;
	l->domain = &s->homing->domains[s->domain];
	go_on(l);
}

bool
data_link_leads_to(const struct data_link *l, const struct domain *d)
{
	const struct domain_data *is = &l->domain->data, *wanted = &d->data;

	return !strcmp(l->domain->name, d->name) && !strcmp(is->name, wanted->name) &&
	       addr_equal(&is->address, &wanted->address) && is->port == wanted->port;
}

const struct domain *
data_link_domain(const struct data_link *l)
{
	return l->domain;
}

const char *
data_link_interface(const struct data_link *l)
{
	return l->access.interface;
}

const char *
data_link_via(const struct data_link *l)
{
	return l->setup.via;
}

const char *
data_link_reason(const struct data_link *l)
{
	return l->reason;
}

void
data_link_up(struct data_link *l)
{
	if (!l->no_link || l->has)
		return;
	/* How long the link was away says nothing of the server; its routes may come a moment
	 * later. */
	l->failures = 0;
	l->fresh = true;
	l->pauses = false;
	go_on(l);
}
