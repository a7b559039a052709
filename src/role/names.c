#include "role/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/resolver.h"

enum {
	HOSTS_MAX = 4096,         /* that are followed */
	OPEN_MAX = 32,            /* look-ups at a time */
	TTL_MIN_MS = 30 * 1000,   /* requests do not change more often, … */
	TTL_MAX_MS = 1800 * 1000, /* … and names are looked at with each refresh */
	NONE_MS = 10 * 1000,      /* who mends it tries again */
	RETRY_MS = 10 * 1000,     /* doubled … */
	RETRY_MAX_MS = 60 * 1000,
	WHY_MAX = 200,
};

struct entry {
	TAILQ_ENTRY(entry) waiting;
	struct names *names;
	char host[NAME_HOST_MAX + 1];
	enum { IDLE, WAITING, OPEN, ABANDONED } look_up; /* abandoned: nobody waits for it */
	struct name_answer answer;                       /* SOUGHT: none so far */
	char why[WHY_MAX];
	bool configured; /* from the table */
	bool troubled;   /* told that it cannot be looked up */
	int64_t retry;
	struct timer *timer; /* when the answer is too old */
	bool old;
};
TAILQ_HEAD(entries, entry);

struct names {
	struct loop *loop;
	struct names_sources from;
	const struct names_ops *ops;
	void *arg;
	struct map *entries; /* by host */
	size_t n;
	struct entries waiting;
	size_t open;
	struct name_answer table;  /* what was last read from it */
	struct resolver *resolver; /* NULL: not made yet */
};

/* ---- whom to ask ---- */

static const struct host *
configured(const struct names *n, const char *host)
{
	const struct homing *h = n->from.homing;

	for (size_t i = 0; h && i < h->n_hosts; i++)
		if (!strcmp(h->hosts[i].name, host))
			return &h->hosts[i];
	return NULL;
}

/* A provider's resolver may have been learned after the configuration was checked. */
static int
check_resolver(const struct names *n, char *why, size_t cap)
{
	const struct endpoint *e = &n->from.resolver;
	const struct homing *h = n->from.homing;
	const struct domain *d = h && e->addr.family ? homing_resolver_of(h, &e->addr) : NULL;

	if (!e->addr.family)
		snprintf(why, cap, "there is no `target-resolver`, and it is not among `hosts`");
	else if (d)
		snprintf(why, cap,
			"the `target-resolver` is one of %.64s, which a look-up would tell",
			d->name);
	return !e->addr.family || d ? -ENOTSUP : 0;
}

int
names_check(const struct names *n, const char *host, char *why, size_t cap)
{
	return configured(n, host) ? 0 : check_resolver(n, why, cap);
}

const struct name_answer *
names_read_table(struct names *n, const char *host)
{
	const struct host *h = configured(n, host);

	if (!h)
		return NULL;
	n->table = (struct name_answer){
		.state = NAME_KNOWN, .n_addrs = h->n_addresses, .whole = true, .why = ""};
	memcpy(n->table.addrs, h->addresses, h->n_addresses * sizeof(*h->addresses));
	return &n->table;
}

static bool
make_resolver(struct names *n)
{
	struct resolver_config cfg = {.servers = &n->from.resolver, .n_servers = 1};

	if (!n->resolver)
		n->resolver = resolver_new(n->loop, &cfg);
	return n->resolver;
}

/* ---- answers ---- */

static void
tell(struct entry *e, enum name_state state, const char *why)
{
	struct name_answer failed = {.state = state, .why = why};

	e->names->ops->answered(e->names->arg, e->host, state == NAME_KNOWN ? &e->answer : &failed);
}

/* What it said last serves, as long as it says nothing else. */
static void
set_answer(struct entry *e, enum name_state state, const char *why)
{
	snprintf(e->why, sizeof(e->why), "%s", why);
	if (state == NAME_KNOWN || e->answer.state != NAME_KNOWN)
		e->answer.state = state;
	e->answer.why = e->why;
}

static void
alert(const struct entry *e, const char *reason)
{
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("target", e->host),
		EVENT_F("section", "RFC 9132 4.4.1.1"));
}

/* Wishes that wait for it say so by themselves; what stands is nobody's but ours to tell. */
static void
fail(struct entry *e, const char *why)
{
	event_raise(EVENT_RESOLVE_FAILED, EVENT_F("name", e->host), EVENT_F("reason", why));
	if (!e->troubled && e->answer.state == NAME_KNOWN)
		alert(e, "it cannot be looked up; the addresses of before count");
	e->troubled = true;
	set_answer(e, NAME_FAILED, why);
	e->retry = e->retry ? 2 * e->retry : RETRY_MS;
	if (e->retry > RETRY_MAX_MS)
		e->retry = RETRY_MAX_MS;
	timer_after(e->timer, e->retry);
	tell(e, NAME_FAILED, e->why);
}

static void
none(struct entry *e, const char *why)
{
	event_raise(EVENT_RESOLVE_FAILED, EVENT_F("name", e->host), EVENT_F("reason", why));
	if (!e->troubled && e->answer.state == NAME_KNOWN)
		alert(e, "it has no address any more; those of before count");
	e->troubled = e->answer.state == NAME_KNOWN;
	set_answer(e, NAME_NONE, why);
	e->retry = 0;
	timer_after(e->timer, NONE_MS);
	tell(e, NAME_NONE, e->why);
}

static void
raise_resolved(const struct entry *e)
{
	char text[ADDR_TEXT_MAX], resolver[ENDPOINT_TEXT_MAX];
	struct buf list;

	buf_init(&list, NAME_ADDRS_MAX * ADDR_TEXT_MAX);
	for (size_t i = 0; i < e->answer.n_addrs; i++)
		buf_printf(&list, "%s%s", i ? "," : "", addr_format(&e->answer.addrs[i], text));
	event_raise(EVENT_RESOLVED, EVENT_F("name", e->host), EVENT_F("addresses", buf_text(&list)),
		EVENT_F("resolver", e->configured
					    ? "hosts"
					    : endpoint_format(&e->names->from.resolver, resolver)));
	buf_finish(&list);
}

static void
found(struct entry *e, const struct addr *addrs, size_t n, bool whole)
{
	e->answer.n_addrs = n < NAME_ADDRS_MAX ? n : NAME_ADDRS_MAX;
	memcpy(e->answer.addrs, addrs, e->answer.n_addrs * sizeof(*addrs));
	e->answer.whole = whole && n <= NAME_ADDRS_MAX;
	set_answer(e, NAME_KNOWN, "");
	e->troubled = false;
	e->retry = 0;
	raise_resolved(e);
	if (!e->answer.whole)
		alert(e, "it has more addresses than are known; those that are count");
	tell(e, NAME_KNOWN, "");
}

static int64_t
keep_ms(uint32_t ttl)
{
	int64_t ms = (int64_t)ttl * 1000;

	return ms < TTL_MIN_MS ? TTL_MIN_MS : ms > TTL_MAX_MS ? TTL_MAX_MS : ms;
}

static void begin_waiting(struct names *n);

static void
on_answer(void *arg, const struct resolver_answer *a)
{
	struct entry *e = arg;
	struct names *n = e->names;

	n->open -= e->look_up == OPEN;
	e->look_up = IDLE;
	e->old = false;
	if (!a->error) {
		timer_after(e->timer, keep_ms(a->ttl));
		found(e, a->addrs, a->n_addrs, a->whole);
	} else if (a->error == -ENOENT) {
		none(e, a->why ? a->why : "");
	} else {
		fail(e, a->why ? a->why : "");
	}
	begin_waiting(n);
}

/* ---- look-ups ---- */

static void
begin(struct entry *e)
{
	struct names *n = e->names;
	char why[WHY_MAX];

	e->look_up = IDLE;
	if (check_resolver(n, why, sizeof(why)) != 0) {
		fail(e, why);
	} else if (!make_resolver(n)) {
		fail(e, "no resolver can be made");
	} else {
		e->look_up = OPEN;
		n->open++;
		resolver_lookup(n->resolver, e->host, on_answer, e);
	}
}

static void
begin_waiting(struct names *n)
{
	struct entry *e;

	while (n->open < OPEN_MAX && (e = TAILQ_FIRST(&n->waiting))) {
		TAILQ_REMOVE(&n->waiting, e, waiting);
		begin(e);
	}
}

static void
entry_free(struct entry *e)
{
	if (e->look_up == WAITING)
		TAILQ_REMOVE(&e->names->waiting, e, waiting);
	timer_free(e->timer);
	free(e);
}

static void
forget(struct entry *e)
{
	map_remove(e->names->entries, e->host, strlen(e->host));
	e->names->n--;
	entry_free(e);
}

static void
seek(struct entry *e)
{
	if (e->look_up == ABANDONED) { /* it is under way already */
		e->look_up = OPEN;
		e->names->open++;
	}
	if (e->look_up != IDLE)
		return;
	e->look_up = WAITING;
	TAILQ_INSERT_TAIL(&e->names->waiting, e, waiting);
	begin_waiting(e->names);
}

/* The table is never too old. */
static bool
read_table(struct entry *e)
{
	const struct host *h = configured(e->names, e->host);

	e->configured = h != NULL;
	if (!h)
		return false;
	e->old = false;
	timer_after(e->timer, TTL_MAX_MS);
	found(e, h->addresses, h->n_addresses, true);
	return true;
}

/* Nobody waits for what has been refused. */
static void
on_due(void *arg)
{
	struct entry *e = arg;

	bool wanted = e->names->ops->wanted(e->names->arg, e->host);

	e->old = true;
	if (e->look_up != IDLE || (wanted && read_table(e)))
		return;
	if (e->answer.state == NAME_NONE || !wanted)
		forget(e);
	else
		seek(e);
}

static struct entry *
entry_of(struct names *n, const char *host)
{
	struct entry *e = map_get(n->entries, host, strlen(host));

	if (e || n->n == HOSTS_MAX)
		return e;
	e = mem_new(sizeof(*e));
	e->names = n;
	e->answer.why = e->why;
	snprintf(e->host, sizeof(e->host), "%s", host);
	e->timer = timer_new(n->loop, on_due, e);
	map_set(n->entries, e->host, strlen(e->host), e);
	n->n++;
	return e;
}

const struct name_answer *
names_known(const struct names *n, const char *host)
{
	const struct entry *e = map_get(n->entries, host, strlen(host));

	return e && e->answer.state != NAME_SOUGHT ? &e->answer : NULL;
}

void
names_lookup(struct names *n, const char *host, bool anew)
{
	struct entry *e = entry_of(n, host);
	struct name_answer full = {
		.state = NAME_FAILED, .why = "as many names are followed as can be"};

	if (!e)
		n->ops->answered(n->arg, host, &full);
	else if (!anew && !e->old && e->answer.state != NAME_SOUGHT)
		tell(e, e->answer.state, e->why);
	else if ((e->look_up == IDLE || e->look_up == ABANDONED) && !read_table(e))
		seek(e);
}

void
names_drop(struct names *n, const char *host)
{
	struct entry *e = map_get(n->entries, host, strlen(host));

	if (!e || n->ops->wanted(n->arg, host))
		return;
	if (e->look_up == IDLE || e->look_up == WAITING) {
		forget(e);
	} else if (e->look_up == OPEN) { /* its place is for others; the answer is kept a while */
		e->look_up = ABANDONED;
		n->open--;
		begin_waiting(n);
	}
}

/* ---- life ---- */

struct names *
names_new(struct loop *l, const struct names_sources *s, const struct names_ops *ops, void *arg)
{
	struct names *n = mem_new(sizeof(*n));

	n->loop = l;
	n->from = *s;
	n->ops = ops;
	n->arg = arg;
	n->entries = map_new();
	TAILQ_INIT(&n->waiting);
	return n;
}

static bool
free_entry(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	entry_free(value);
	return true;
}

void
names_free(struct names *n)
{
	if (!n)
		return;
	resolver_free(n->resolver);
	map_each(n->entries, free_entry, NULL);
	map_free(n->entries);
	free(n);
}

struct renewal {
	bool moved; /* another resolver is to be asked */
};

/* From the loop: who reloads is not answered meanwhile. */
static bool
renew(void *arg, const void *key, size_t len, void *value)
{
	const struct renewal *r = arg;
	struct entry *e = value;

	(void)key;
	(void)len;
	if (r->moved) /* look-ups under way were dropped */
		e->look_up = IDLE;
	if (r->moved || e->configured || configured(e->names, e->host))
		timer_after(e->timer, 0);
	return true;
}

void
names_reload(struct names *n, const struct names_sources *s)
{
	struct renewal r = {!endpoint_equal(&n->from.resolver, &s->resolver)};

	n->from = *s;
	if (r.moved) {
		resolver_free(n->resolver);
		n->resolver = NULL;
		n->open = 0;
		TAILQ_INIT(&n->waiting);
	}
	map_each(n->entries, renew, &r);
}
