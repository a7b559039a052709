/*
 * The DOTS client role: one upstream a server of the snapshot, and the wish engine's actions
 * carried out on them. Decisions are homing's; bytes and sessions are net's.
 */
#include "role/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "role/body.h"
#include "role/farewell.h"
#include "role/names.h"
#include "role/upstream.h"
#include "wire/path.h"
#include "wire/signal.h"

enum { CODE_TEXT = 5 };

static const char deputy_kind[] = "deputy"; /* in the store */

/* An action that waits for the store before it goes on the wire (M16). */
struct outgoing {
	struct outgoing *next;
	uint32_t server, mid;
	uint8_t method, hop_limit;
	bool if_match;
	uint8_t *payload;
	size_t len;
};

struct batch {
	struct dots_client *client;
	struct outgoing *first, **last;
	struct batch *next; /* all waiting ones, so that the client can go away */
};

struct dots_client {
	char *name;                 /* of a deputy: whom it acts for; NULL */
	char cdid[PATH_ID_MAX + 1]; /* and what its requests call that one; "" */
	struct loop *loop;
	struct persist *persist;
	struct links *links; /* a deputy's are its chief's */
	struct names *names; /* likewise */
	struct dots_client_setup setup;
	const struct homing *homing;
	struct upstream **upstreams;  /* by ordinal */
	struct event_quota *statuses; /* what a server makes us say by notifications; likewise */
	size_t n_upstreams;
	struct farewell **farewells; /* to servers of earlier snapshots */
	size_t n_farewells;
	struct wishes *wishes;
	struct timer *timer;
	struct timer *review; /* whether a domain is under attack */
	bool reviewing;       /* it is armed */
	struct batch *batches;
	bool running;
	void (*changed)(void *arg, const char *wish); /* the chief's for all */
	void *changed_arg;
	void (*stale)(void *arg, const char *domain, const char *interface, const char *why);
	void *stale_arg;
	struct client_records records; /* the chief's for all */
	void (*link)(void *arg);
	void *link_arg;
	void (*renamed)(void *arg);
	void *renamed_arg;
	struct dots_client *chief; /* of a deputy */
	struct map *deputies;      /* by name; a deputy has none */
};

const char *
dots_client_name(const struct dots_client *c)
{
	return c->name ? c->name : "";
}

static const struct domain *
domain_of(const struct dots_client *c, uint32_t server)
{
	return &c->homing->domains[c->homing->servers[server]->domain];
}

/* ---- what the wish engine wants done ------------------------------------------------------ */

static const char *
cuid_at(struct dots_client *c, uint32_t domain, const struct credentials *cred)
{
	char derived[CUID_TEXT_LEN + 1] = "";

	if (cred && c->name)
		credentials_cuid_for(cred, c->name, derived);
	else if (cred)
		snprintf(derived, sizeof(derived), "%s", credentials_cuid(cred));
	return wishes_cuid(c->wishes, domain, derived, loop_wall());
}

static const char *
cuid_for(struct dots_client *c, uint32_t server)
{
	return cuid_at(
		c, c->homing->servers[server]->domain, upstream_credentials(c->upstreams[server]));
}

static char *
scope_text(const struct target *t, struct buf *out)
{
	char text[PREFIX_TEXT_MAX];

	buf_init(out, 8192);
	for (size_t i = 0; i < t->n_target_prefix; i++)
		buf_printf(out, "%s%s", i ? "," : "", prefix_format(&t->target_prefix[i], text));
	return (char *)buf_text(out);
}

static void
raise_sent(const struct dots_client *c, const struct wish_action *a, const char *kind)
{
	struct server_view view;
	struct buf scope;

	upstream_view(c->upstreams[a->server], &view);
	event_raise(EVENT_SENT, EVENT_F("domain", domain_of(c, a->server)->name),
		EVENT_F("server", c->homing->servers[a->server]->name), EVENT_F("behalf", c->name),
		EVENT_F("interface", view.interface), EVENT_N("mid", a->mid),
		EVENT_F("scope", scope_text(&a->scope.target, &scope)),
		EVENT_N("lifetime", a->scope.lifetime), EVENT_F("kind", kind));
	buf_finish(&scope);
}

/* NULL: nothing of it may go there. */
static struct outgoing *
outgoing_put(const struct dots_client *c, const struct wish_action *a)
{
	struct outgoing *o = mem_new(sizeof(*o));

	if (!body_make(c->homing, c->name, a, &o->payload, &o->len)) {
		free(o);
		return NULL;
	}
	o->method = COAP_PUT;
	o->hop_limit = a->hop_limit;
	o->if_match = a->if_match;
	raise_sent(c, a,
		a->if_match           ? "efficacy"
		: a->refresh          ? "refresh"
		: a->scope.n_acl_list ? "filters"
				      : "request");
	return o;
}

static void
batch_add(struct dots_client *c, struct batch **batch, const struct wish_action *a)
{
	struct server_view view;
	struct outgoing *o;

	if (a->kind == WISH_ACTION_PUT) {
		o = outgoing_put(c, a);
	} else {
		o = mem_new(sizeof(*o));
		o->method = COAP_DELETE;
		upstream_view(c->upstreams[a->server], &view);
		event_raise(EVENT_SENT, EVENT_F("domain", domain_of(c, a->server)->name),
			EVENT_F("server", c->homing->servers[a->server]->name),
			EVENT_F("behalf", c->name), EVENT_F("interface", view.interface),
			EVENT_N("mid", a->mid), EVENT_F("kind", "withdraw"));
	}
	if (!o)
		return;
	o->server = a->server;
	o->mid = a->mid;
	if (!*batch) {
		*batch = mem_new(sizeof(**batch));
		(*batch)->client = c;
		(*batch)->last = &(*batch)->first;
		(*batch)->next = c->batches;
		c->batches = *batch;
	}
	*(*batch)->last = o;
	(*batch)->last = &o->next;
}

/* The records are on disk, or the store is down: either way the request goes out now (serving fails
 * open). */
static void
batch_stored(void *arg, bool durable)
{
	struct batch *b = arg;
	struct dots_client *c = b->client;
	struct outgoing *o;

	(void)durable;
	while ((o = b->first)) {
		b->first = o->next;
		if (c && o->server < c->n_upstreams)
			upstream_send(c->upstreams[o->server], cuid_for(c, o->server), o->mid,
				o->method, o->payload, o->len, o->hop_limit, o->if_match);
		free(o->payload);
		free(o);
	}
	if (c) {
		for (struct batch **p = &c->batches; *p; p = &(*p)->next)
			if (*p == b) {
				*p = b->next;
				break;
			}
		dots_client_run(c); /* what is due next has moved */
	}
	free(b);
}

static const struct {
	enum event_id event;
	bool alert;
} report_events[] = {
	[WISH_REPORT_ASKED] = {EVENT_ASKED, false},
	[WISH_REPORT_PLANNED] = {EVENT_PLANNED, false},
	[WISH_REPORT_REFUSED] = {EVENT_REFUSED, true},
	[WISH_REPORT_DECLINED] = {EVENT_REFUSED, false},
	[WISH_REPORT_PENDING] = {EVENT_PENDING, true},
	[WISH_REPORT_PLACED] = {EVENT_PLACED, false},
	[WISH_REPORT_STATUS] = {EVENT_STATUS, false},
	[WISH_REPORT_CONFLICT] = {EVENT_STATUS, true},
	[WISH_REPORT_ENDED] = {EVENT_STATUS, true},
	[WISH_REPORT_WITHDRAWN] = {EVENT_WITHDRAWN, false},
	[WISH_REPORT_RELEASED] = {EVENT_RELEASED, false},
	[WISH_REPORT_CONTROLLED] = {EVENT_FILTER_CONTROL, false},
	[WISH_REPORT_UNCONTROLLED] = {EVENT_FILTER_CONTROL, true},
	[WISH_REPORT_CHANGED] = {EVENT_FILTER_CONTROL, false},
	[WISH_REPORT_RENAMED] = {EVENT_ALERT, false},
};

/* Every report fills the same candidates; the event's own row decides which of them it has. */
static void
raise_report(struct dots_client *c, const struct wish_action *a)
{
	enum event_id id = report_events[a->report].event;
	bool at_domain = a->domain >= 0 && (size_t)a->domain < c->homing->n_domains;
	bool at_server = at_domain && a->server < c->n_upstreams;
	struct event_field candidates[16], fields[16];
	char target[NAME_HOST_MAX + 1] = "", code[CODE_TEXT], conflict[CONFLICT_TEXT_MAX];
	struct server_view view = {.interface = ""};
	const char *untold = NULL;
	size_t n = 0, used = 0;

	if (at_server && (id == EVENT_STATUS || a->report == WISH_REPORT_CHANGED) &&
		!event_quota_take(&c->statuses[a->server], loop_now(c->loop), &untold))
		return;
	if (at_server)
		upstream_view(c->upstreams[a->server], &view);
	if (a->prefix.addr.family)
		prefix_format(&a->prefix, target);
	else
		snprintf(target, sizeof(target), "%s", a->name);
	candidates[n++] = EVENT_F("ask", a->ask);
	candidates[n++] = EVENT_F("target", *target ? target : NULL);
	candidates[n++] = EVENT_F("domain", at_domain ? c->homing->domains[a->domain].name : NULL);
	candidates[n++] = EVENT_F("server", at_server ? c->homing->servers[a->server]->name : NULL);
	candidates[n++] = EVENT_F("interface", at_server ? view.interface : NULL);
	candidates[n++] = EVENT_F("reason", *a->reason ? a->reason : NULL);
	candidates[n++] = EVENT_F("section", a->section);
	candidates[n++] = EVENT_N("lifetime", a->lifetime);
	candidates[n++] = EVENT_F("scope", *target ? target : NULL);
	candidates[n++] = EVENT_N("mid", a->mid);
	candidates[n++] = EVENT_F("code", a->code ? coap_code_format(a->code, code) : NULL);
	candidates[n++] = EVENT_F("status", a->status ? dots_status_name((int)a->status) : NULL);
	candidates[n++] = EVENT_F("conflict", conflict_format(&a->conflict, conflict));
	candidates[n++] = EVENT_F("acls", *a->acls ? a->acls : NULL);
	candidates[n++] = EVENT_F("untold", untold);
	for (size_t i = 0; i < n; i++)
		if (event_has_field(id, candidates[i].name))
			fields[used++] = candidates[i];
	event_raise_fields(id, fields, used);
	if (!report_events[a->report].alert)
		return;
	for (size_t i = used = 0; i < n; i++)
		if (event_has_field(EVENT_ALERT, candidates[i].name))
			fields[used++] = candidates[i];
	event_raise_fields(EVENT_ALERT, fields, used);
}

static void
tell_renamed(const struct dots_client *c)
{
	const struct dots_client *chief = c->chief ? c->chief : c;

	if (chief->renamed)
		chief->renamed(chief->renamed_arg);
}

static void
tell_changed(const struct dots_client *c, const char *wish)
{
	if (c->changed)
		c->changed(c->changed_arg, wish);
}

static void
tell_missing(const struct dots_client *c, int domain)
{
	if (c->records.missing && domain >= 0)
		c->records.missing(c->records.of.arg, (uint32_t)domain);
}

static void
carry_out(struct dots_client *c, const struct wish_action *a, struct batch **batch)
{
	switch (a->kind) {
	case WISH_ACTION_PUT:
	case WISH_ACTION_DELETE:
		batch_add(c, batch, a);
		break;
	case WISH_ACTION_REPEAT:
		upstream_repeat(c->upstreams[a->server], a->mid);
		break;
	case WISH_ACTION_PARALLEL:
		upstream_parallel(c->upstreams[a->server]);
		break;
	case WISH_ACTION_OBSERVE:
		upstream_observe(c->upstreams[a->server], cuid_for(c, a->server), a->mid);
		break;
	case WISH_ACTION_REPORT:
		raise_report(c, a);
		if (a->report == WISH_REPORT_PENDING && a->server < c->n_upstreams)
			upstream_hurry(c->upstreams[a->server]);
		if (a->report == WISH_REPORT_RENAMED)
			tell_renamed(c);
		break;
	case WISH_ACTION_FORGET:
		upstream_forget(c->upstreams[a->server], a->mid);
		break;
	case WISH_ACTION_CHANGED:
		tell_changed(c->chief ? c->chief : c, a->ask);
		break;
	case WISH_ACTION_LOOK:
		tell_missing(c->chief ? c->chief : c, a->domain);
		break;
	case WISH_ACTION_RESOLVE:
		names_lookup(c->names, a->name, a->refresh);
		break;
	}
}

static void review_redirections(const struct dots_client *c);

enum { REVIEW_MS = 1000 };

/* Not each time: it looks at all placements. */
static void
review_later(struct dots_client *c)
{
	if (!c->reviewing)
		timer_after(c->review, REVIEW_MS);
	c->reviewing = true;
}

static void
review_due(void *arg)
{
	struct dots_client *c = arg;

	c->reviewing = false;
	for (size_t i = 0; i < c->n_upstreams; i++)
		upstream_config_review(c->upstreams[i]);
}

void
dots_client_run(struct dots_client *c)
{
	struct batch *batch = NULL;
	struct wish_action a;
	mono_ms at;

	if (c->running) /* a callback of an action changed a wish: the loop below sees it */
		return;
	c->running = true;
	while (wishes_next(c->wishes, loop_now(c->loop), loop_wall(), &a))
		carry_out(c, &a, &batch);
	c->running = false;
	if (batch)
		persist_after(c->persist, batch_stored, batch);
	at = wishes_deadline(c->wishes);
	if (at == INT64_MAX)
		timer_stop(c->timer);
	else
		timer_at(c->timer, at);
	review_redirections(c);
	review_later(c);
}

void
dots_client_run_later(struct dots_client *c)
{
	timer_after(c->timer, 0);
}

static void
timer_due(void *arg)
{
	dots_client_run(arg);
}

/* ---- names -------------------------------------------------------------------------------- */

struct resolution {
	const char *host;
	const struct name_answer *answer; /* NULL: who wants it is asked */
	bool wanted;
};

static void
resolve_one(void *arg, struct dots_client *c)
{
	struct resolution *r = arg;

	if (!wishes_seek(c->wishes, r->host))
		return;
	r->wanted = true;
	if (!r->answer)
		return;
	wishes_resolved(c->wishes, r->host, r->answer, loop_now(c->loop), loop_wall());
	dots_client_run(c);
}

static void
on_name(void *arg, const char *host, const struct name_answer *answer)
{
	struct resolution r = {.host = host, .answer = answer};

	dots_client_each(arg, resolve_one, &r);
}

static bool
is_name_wanted(void *arg, const char *host)
{
	struct resolution r = {.host = host};

	dots_client_each(arg, resolve_one, &r);
	return r.wanted;
}

static const struct names_ops names_ops = {.answered = on_name, .wanted = is_name_wanted};

int
dots_client_recall(struct dots_client *c, struct name *n, struct arena *a, char *why, size_t cap)
{
	const struct name_answer *known = names_known(c->names, n->host);

	if (n->state == NAME_KNOWN) /* an address */
		return 0;
	if (names_check(c->names, n->host, why, cap) != 0)
		return -ENOTSUP;
	if (!known)
		known = names_read_table(c->names, n->host);
	if (known)
		name_learn(n, known, a);
	return 0;
}

void
dots_client_seek(struct dots_client *c, const struct name *n)
{
	names_lookup(c->names, n->host, false);
}

/* ---- what the upstreams tell -------------------------------------------------------------- */

static void
on_available(void *arg, struct upstream *u, enum availability a)
{
	struct dots_client *c = arg;

	wishes_available(c->wishes, upstream_server(u)->ordinal, a, loop_now(c->loop), loop_wall());
	dots_client_run(c);
}

static void
on_renewed(void *arg, struct upstream *u, mono_ms since)
{
	struct dots_client *c = arg;

	wishes_renewed(c->wishes, upstream_server(u)->ordinal, since, loop_now(c->loop));
	dots_client_run(c);
}

static void
on_sent(void *arg, struct upstream *u, uint32_t mid)
{
	struct dots_client *c = arg;

	wishes_sent(c->wishes, upstream_server(u)->ordinal, mid, loop_now(c->loop));
}

/* The diagnostic text of a refusal (RFC 9132 3), in buf; "" if there is none. */
static const char *
diagnostic(const struct coap_msg *m, char *buf, size_t cap)
{
	uint32_t format = COAP_FORMAT_TEXT;

	buf[0] = '\0';
	coap_get_uint(m, COAP_OPT_CONTENT_FORMAT, &format);
	if (m->payload && format == COAP_FORMAT_TEXT)
		event_escape(buf, cap, m->payload, m->payload_len);
	return buf;
}

/* The first scope entry of a CBOR body; NULL if it is none. */
static const struct scope *
body_scope(const struct coap_msg *m, struct arena *arena, struct signal_msg *msg)
{
	struct schema_error err;
	uint32_t format = COAP_FORMAT_TEXT;

	if (!m->payload || !coap_get_uint(m, COAP_OPT_CONTENT_FORMAT, &format) ||
		format != COAP_FORMAT_DOTS_CBOR ||
		signal_decode(arena, m->payload, m->payload_len, msg, &err) != 0 ||
		!(msg->has & (1ULL << SIGNAL_MITIGATION_SCOPE)) || !msg->mitigation_scope.n_scope)
		return NULL;
	return &msg->mitigation_scope.scope[0];
}

static void
on_answered(void *arg, struct upstream *u, uint32_t mid, uint8_t method, const struct coap_msg *m)
{
	struct dots_client *c = arg;
	struct arena *arena = arena_new();
	struct signal_msg msg = {0};
	const struct scope *scope = body_scope(m, arena, &msg);
	char why[WISH_WHY_MAX], code[CODE_TEXT], fresh_cuid[CUID_TEXT_LEN + 1],
		conflict[CONFLICT_TEXT_MAX];
	struct wish_answer answer = {.method = method, .code = m->code};

	answer.why = diagnostic(m, why, sizeof(why));
	if (msg.has & (1ULL << SIGNAL_REDIRECTED_SIGNAL)) /* Max-Age is that of the other server */
		snprintf(why, sizeof(why), "redirects to %.100s", msg.redirected_signal.alt_server);
	else
		coap_get_uint(m, COAP_OPT_MAX_AGE, &answer.max_age);
	if (scope && SCOPE_HAS(scope, LIFETIME))
		answer.lifetime = scope->lifetime;
	if (scope && SCOPE_HAS(scope, CONFLICT_INFORMATION)) {
		answer.conflict = conflict_of(scope);
		answer.conflict_mid = (uint32_t)scope->conflict_information.conflict_scope.mid;
	}
	if (answer.conflict.cause == CUID_COLLISION) {
		credentials_random_cuid(fresh_cuid);
		answer.fresh_cuid = fresh_cuid;
	}
	answer.acls_failed = m->code == COAP_503_SERVICE_UNAVAILABLE && scope &&
			     SCOPE_HAS(scope, ACL_LIST); /* RFC 9133 figure 1 */
	event_raise(EVENT_RESPONSE,
		EVENT_F("domain", domain_of(c, upstream_server(u)->ordinal)->name),
		EVENT_F("server", upstream_server(u)->name), EVENT_F("behalf", c->name),
		EVENT_N("mid", mid), EVENT_F("code", coap_code_format(m->code, code)),
		EVENT_F("text", *why ? why : NULL),
		EVENT_F("conflict", conflict_format(&answer.conflict, conflict)));
	wishes_answer(c->wishes, upstream_server(u)->ordinal, mid, &answer, loop_now(c->loop),
		loop_wall());
	arena_free(arena);
	dots_client_run(c);
}

static void
on_observed(void *arg, struct upstream *u, uint32_t mid, const struct coap_msg *m)
{
	struct dots_client *c = arg;
	uint32_t server = upstream_server(u)->ordinal;
	struct arena *arena = arena_new();
	struct signal_msg msg;

	if (m->code == COAP_404_NOT_FOUND) {
		wishes_unknown(c->wishes, server, mid, loop_now(c->loop));
	} else if (m->code == COAP_205_CONTENT && body_scope(m, arena, &msg)) {
		for (size_t i = 0; i < msg.mitigation_scope.n_scope; i++)
			wishes_status(c->wishes, server, &msg.mitigation_scope.scope[i],
				loop_now(c->loop));
		wishes_release_stopped(c->wishes, server, mid, loop_now(c->loop), loop_wall());
	}
	arena_free(arena);
	dots_client_run(c);
}

static bool
on_under_attack(void *arg, struct upstream *u)
{
	struct dots_client *c = arg;

	return wishes_under_attack(c->wishes, upstream_server(u)->domain);
}

static void
on_stale(void *arg, struct upstream *u, const char *why)
{
	struct dots_client *c = arg, *chief = c->chief ? c->chief : c;
	const struct domain_server *s = upstream_server(u);

	if (chief->stale && s->learned)
		chief->stale(chief->stale_arg, domain_of(c, s->ordinal)->name,
			s->n_interfaces ? s->interfaces[0] : "", why);
}

/* ---- redirections (M10) ------------------------------------------------------------------- */

/* Over other links of the same domain it is another attachment (M14). */
static bool
same_links(const struct domain_server *a, const struct domain_server *b)
{
	if (a->domain != b->domain || a->n_interfaces != b->n_interfaces)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
			return false;
	return true;
}

static void
add_contacts(const struct upstream *of, bool asks, struct redirect_contact **list, size_t *n)
{
	struct redirect_contact some[UPSTREAM_CONTACTS_MAX];
	size_t more = upstream_contacts(of, some);

	*list = mem_grow(*list, *n + more + 1, sizeof(**list));
	for (size_t i = 0; i < more; i++) {
		some[i].serves = some[i].serves && !asks;
		(*list)[(*n)++] = some[i];
	}
}

static void
add_known(const struct upstream *of, struct redirect_address **list, size_t *n)
{
	size_t more;
	const struct addr *addrs = upstream_addresses(of, &more);

	*list = mem_grow(*list, *n + more + 1, sizeof(**list));
	for (size_t i = 0; i < more; i++)
		(*list)[(*n)++] = (struct redirect_address){upstream_server(of)->domain, addrs[i]};
}

/* The lists are to be freed. */
static void
question(const struct dots_client *c, const struct upstream *u, unsigned hops,
	struct redirect_question *ret, struct redirect_contact **ret_contacts,
	struct redirect_address **ret_known)
{
	const struct domain_server *from = upstream_server(u);

	*ret = (struct redirect_question){
		.homing = c->homing, .from = from, .hops = hops, .now = loop_now(c->loop)};
	*ret_contacts = NULL;
	*ret_known = NULL;
	for (size_t i = 0; i < c->n_upstreams; i++) {
		const struct upstream *o = c->upstreams[i];

		if (same_links(upstream_server(o), from))
			add_contacts(o, o == u, ret_contacts, &ret->n_contacts);
		if (upstream_server(o)->domain != from->domain)
			add_known(o, ret_known, &ret->n_known);
	}
	ret->contacts = *ret_contacts;
	ret->known = *ret_known;
}

static void
on_redirected(void *arg, struct upstream *u, const struct redirect *r, unsigned hops,
	struct redirect_decision *ret)
{
	struct redirect_question q;
	struct redirect_contact *contacts;
	struct redirect_address *known;

	question(arg, u, hops, &q, &contacts, &known);
	redirect_decide(&q, r, ret);
	free(contacts);
	free(known);
}

static size_t
on_usable(void *arg, struct upstream *u, const struct addr *from, size_t n,
	struct addr ret[static REDIRECT_ADDRESSES_MAX])
{
	struct redirect_question q;
	struct redirect_contact *contacts;
	struct redirect_address *known;
	size_t usable;

	question(arg, u, 0, &q, &contacts, &known);
	usable = redirect_addresses(&q, from, n, ret);
	free(contacts);
	free(known);
	return usable;
}

/* A session of another upstream with the server that this one was redirected to. */
static bool
is_served(const struct dots_client *c, const struct upstream *u)
{
	struct redirect_contact contacts[UPSTREAM_CONTACTS_MAX];

	for (size_t i = 0; i < c->n_upstreams; i++) {
		const struct upstream *o = c->upstreams[i];

		if (o != u && same_links(upstream_server(o), upstream_server(u)) &&
			upstream_contacts(o, contacts) && contacts[0].serves &&
			!strcasecmp(contacts[0].name, upstream_elsewhere(u)))
			return true;
	}
	return false;
}

static void
review_redirections(const struct dots_client *c)
{
	for (size_t i = 0; i < c->n_upstreams; i++) {
		struct upstream *u = c->upstreams[i];

		if (upstream_elsewhere(u) && !is_served(c, u))
			upstream_return(u);
		upstream_calm(u);
	}
}

static const struct upstream_ops upstream_ops = {
	.available = on_available,
	.renewed = on_renewed,
	.sent = on_sent,
	.answered = on_answered,
	.observed = on_observed,
	.under_attack = on_under_attack,
	.redirected = on_redirected,
	.usable = on_usable,
	.stale = on_stale,
};

static void
link_changed(void *arg, struct dots_client *c)
{
	for (size_t i = 0; i < c->n_upstreams; i++)
		upstream_link_changed(c->upstreams[i], arg);
	for (size_t i = 0; i < c->n_farewells; i++)
		farewell_link_changed(c->farewells[i], arg);
}

static void
on_link(void *arg, const char *interface, bool up)
{
	const struct dots_client *c = arg;

	event_raise(
		EVENT_LINK, EVENT_F("interface", interface), EVENT_F("state", up ? "up" : "down"));
	dots_client_each(arg, link_changed, (void *)(uintptr_t)interface);
	if (c->link)
		c->link(c->link_arg);
}

/* ---- life --------------------------------------------------------------------------------- */

static struct upstream *
make_upstream(struct dots_client *c, const struct domain_server *ds)
{
	const struct dots_client_setup *s = &c->setup;
	struct upstream_context cx = {.loop = c->loop,
		.links = c->links,
		.ops = &upstream_ops,
		.arg = c,
		.behalf = c->name,
		.cdid = c->cdid};

	return upstream_new(
		&cx, s->homing, &s->homing->domains[ds->domain], ds, s->credentials[ds->domain]);
}

static const char *
acl_there(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	const struct dots_client *c = arg, *chief = c->chief ? c->chief : c;
	const struct wish_records *r = &chief->records.of;

	return r->acl ? r->acl(r->arg, domain, asker, acl) : NULL;
}

static const char *
accepting_there(void *arg, uint32_t domain, size_t n)
{
	const struct dots_client *c = arg, *chief = c->chief ? c->chief : c;
	const struct wish_records *r = &chief->records.of;

	return r->accepting ? r->accepting(r->arg, domain, n) : NULL;
}

static struct dots_client *
client_make(struct loop *l, struct persist *p, const struct dots_client_setup *s,
	struct dots_client *chief, const char *name)
{
	struct dots_client *c = mem_new(sizeof(*c));
	struct names_sources from = {s->homing, s->homing->target_resolver};

	c->loop = l;
	c->persist = p;
	c->chief = chief;
	c->name = name ? mem_text(name) : NULL;
	c->setup = *s;
	c->homing = s->homing;
	c->links = chief ? chief->links : links_new(l, on_link, c);
	c->names = chief ? chief->names : names_new(l, &from, &names_ops, c);
	c->timer = timer_new(l, timer_due, c);
	c->review = timer_new(l, review_due, c);
	c->wishes = wishes_new(s->homing, p, name);
	wishes_set_limit(c->wishes, s->max_wishes);
	wishes_set_records(c->wishes, &(struct wish_records){acl_there, accepting_there, c});
	wishes_restore(c->wishes, loop_now(l), loop_wall());
	c->n_upstreams = s->homing->n_servers;
	c->upstreams = mem_array(c->n_upstreams ? c->n_upstreams : 1, sizeof(*c->upstreams));
	c->statuses = mem_array(c->n_upstreams + 1, sizeof(*c->statuses));
	for (size_t i = 0; i < c->n_upstreams; i++)
		c->upstreams[i] = make_upstream(c, s->homing->servers[i]);
	dots_client_run_later(c);
	return c;
}

static void
client_end(struct dots_client *c)
{
	for (struct batch *b = c->batches; b; b = b->next)
		b->client = NULL;
	for (size_t i = 0; i < c->n_upstreams; i++)
		upstream_free(c->upstreams[i]);
	free(c->upstreams);
	for (size_t i = 0; i < c->n_farewells; i++)
		farewell_free(c->farewells[i]);
	free(c->farewells);
	free(c->statuses);
	wishes_free(c->wishes);
	timer_free(c->timer);
	timer_free(c->review);
	if (!c->chief) {
		links_free(c->links);
		names_free(c->names);
	}
	free(c->name);
	free(c);
}

struct deputy_record {
	char *name, *cdid;
};
struct deputy_records {
	struct deputy_record *list;
	size_t n;
};

static void
note_record(void *arg, const char *key, const char *value)
{
	struct deputy_records *r = arg;
	json_t *j = json_loads(value, 0, NULL);
	const char *cdid = json_string_value(json_object_get(j, "cdid"));

	r->list = mem_grow(r->list, r->n + 1, sizeof(*r->list));
	r->list[r->n++] = (struct deputy_record){mem_text(key), mem_text(cdid ? cdid : "")};
	json_decref(j);
}

/* Each reads the store itself. */
static void
restore_deputies(struct dots_client *c)
{
	struct deputy_records r = {0};

	persist_each(c->persist, deputy_kind, note_record, &r);
	for (size_t i = 0; i < r.n; i++) {
		struct dots_client *d =
			client_make(c->loop, c->persist, &c->setup, c, r.list[i].name);

		snprintf(d->cdid, sizeof(d->cdid), "%s", r.list[i].cdid);
		map_set(c->deputies, d->name, strlen(d->name), d);
		free(r.list[i].name);
		free(r.list[i].cdid);
	}
	free(r.list);
}

struct dots_client *
dots_client_new(struct loop *l, struct persist *p, const struct dots_client_setup *s)
{
	struct dots_client *c = client_make(l, p, s, NULL, NULL);

	c->deputies = map_new();
	restore_deputies(c);
	return c;
}

static bool
end_deputy(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	client_end(value);
	return true;
}

void
dots_client_free(struct dots_client *c)
{
	if (!c)
		return;
	map_each(c->deputies, end_deputy, NULL);
	map_free(c->deputies);
	client_end(c);
}

/* ---- deputies ----------------------------------------------------------------------------- */

static void
store_deputy(const struct dots_client *d)
{
	json_t *j = *d->cdid ? json_pack("{ss}", "cdid", d->cdid) : json_object();
	char *text = json_dumps(j, JSON_COMPACT);

	persist_put(d->persist, deputy_kind, d->name, text);
	free(text);
	json_decref(j);
}

struct dots_client *
dots_client_deputy(struct dots_client *c, const char *name, bool make)
{
	struct dots_client *d = map_get(c->deputies, name, strlen(name));

	if (d || !make)
		return d;
	d = client_make(c->loop, c->persist, &c->setup, c, name);
	store_deputy(d);
	map_set(c->deputies, name, strlen(name), d);
	return d;
}

void
dots_client_call(struct dots_client *deputy, const char *cdid)
{
	if (!strcmp(deputy->cdid, cdid))
		return;
	snprintf(deputy->cdid, sizeof(deputy->cdid), "%s", cdid);
	store_deputy(deputy);
}

const char *
dots_client_cdid(const struct dots_client *deputy)
{
	return deputy->cdid;
}

bool
dots_client_dismiss(struct dots_client *c, const char *name)
{
	struct dots_client *d = map_get(c->deputies, name, strlen(name));

	if (!d || wishes_count(d->wishes) || d->n_farewells)
		return !d;
	persist_remove(c->persist, deputy_kind, name);
	map_remove(c->deputies, name, strlen(name));
	client_end(d);
	return true;
}

struct visit {
	void (*visit)(void *arg, struct dots_client *c);
	void *arg;
};

static bool
visit_deputy(void *arg, const void *key, size_t len, void *value)
{
	const struct visit *v = arg;

	(void)key;
	(void)len;
	v->visit(v->arg, value);
	return true;
}

void
dots_client_each(struct dots_client *c, void (*visit)(void *arg, struct dots_client *c), void *arg)
{
	struct visit v = {visit, arg};

	visit(arg, c);
	if (c->deputies)
		map_each(c->deputies, visit_deputy, &v);
}

/* Requests that wait for the store go to the server they were meant for, or nowhere. */
static void
move_outgoing(struct dots_client *c, const uint32_t *moved)
{
	for (struct batch *b = c->batches; b; b = b->next)
		for (struct outgoing *o = b->first; o; o = o->next)
			if (o->server != UINT32_MAX)
				o->server = moved[o->server];
}

/* ---- a new configuration ------------------------------------------------------------------ */

/* The upstreams of before, by ordinal: NULL is one that was taken over. */
struct parting {
	struct dots_client *client;
	const struct homing *homing;
	struct upstream **upstreams;
	struct farewell **farewells; /* beside them */
};

static void
farewell_over(void *arg, struct farewell *f)
{
	struct dots_client *c = arg;

	for (size_t i = 0; i < c->n_farewells; i++)
		if (c->farewells[i] == f)
			c->farewells[i] = c->farewells[--c->n_farewells];
	farewell_free(f);
}

static struct farewell *
say_farewell(struct dots_client *c, struct upstream *u, const struct homing *h)
{
	struct farewell *f = farewell_new(c->loop, u, h, farewell_over, c);

	c->farewells = mem_grow(c->farewells, c->n_farewells + 1, sizeof(*c->farewells));
	c->farewells[c->n_farewells++] = f;
	return f;
}

static bool
leave(void *arg, const struct wish_leaving *l)
{
	struct parting *p = arg;

	if (!p->upstreams[l->server])
		return false;
	if (!p->farewells[l->server])
		p->farewells[l->server] =
			say_farewell(p->client, p->upstreams[l->server], p->homing);
	farewell_withdraw(p->farewells[l->server], l->cuid, l->mid, l->expires);
	return true;
}

static void
reload_one(void *arg, struct dots_client *c)
{
	const struct dots_client_setup *s = arg;
	size_t n = s->homing->n_servers, n_old = c->n_upstreams;
	struct upstream **old = c->upstreams, **now = mem_array(n ? n : 1, sizeof(*now));
	uint32_t *moved = mem_array(n_old ? n_old : 1, sizeof(*moved)); /* old ordinal -> new */
	struct parting parting;

	memset(moved, 0xff, n_old * sizeof(*moved));
	for (uint32_t i = 0; i < n; i++) {
		const struct domain_server *ds = s->homing->servers[i];

		for (size_t j = 0; j < n_old && !now[i]; j++)
			if (old[j] &&
				upstream_rebind(old[j], s->homing, &s->homing->domains[ds->domain],
					ds, s->credentials[ds->domain])) {
				now[i] = old[j];
				old[j] = NULL;
				moved[j] = i;
			}
	}
	move_outgoing(c, moved);
	free(moved);
	parting = (struct parting){
		c, c->homing, old, mem_array(n_old ? n_old : 1, sizeof(struct farewell *))};
	c->setup = *s;
	c->homing = s->homing;
	c->upstreams = now;
	c->n_upstreams = n;
	free(c->statuses);
	c->statuses = mem_array(n + 1, sizeof(*c->statuses));
	wishes_set_limit(c->wishes, s->max_wishes);
	wishes_reload(c->wishes, s->homing, leave, &parting, loop_now(c->loop), loop_wall());
	for (size_t j = 0; j < n_old; j++)
		if (!parting.farewells[j])
			upstream_free(old[j]);
	free(parting.farewells);
	free(old);
	for (uint32_t i = 0; i < n; i++) {
		if (now[i])
			continue;
		now[i] = make_upstream(c, s->homing->servers[i]);
		/* Its name may be known, the association is not. */
		wishes_available(c->wishes, i, SERVER_UNAVAILABLE, loop_now(c->loop), loop_wall());
	}
	dots_client_run(c);
}

void
dots_client_reload(struct dots_client *c, const struct dots_client_setup *s)
{
	dots_client_on_acl(c, NULL); /* of other domains, until who knows is reloaded, too */
	names_reload(c->names, &(struct names_sources){s->homing, s->homing->target_resolver});
	dots_client_each(c, reload_one, (void *)(uintptr_t)s);
}

static void
clock_set_one(void *arg, struct dots_client *c)
{
	(void)arg;
	wishes_clock_set(c->wishes, loop_now(c->loop), loop_wall());
}

void
dots_client_clock_set(struct dots_client *c)
{
	dots_client_each(c, clock_set_one, NULL);
}

struct search {
	const char *wish;
	struct dots_client *found;
	size_t count;
};

static void
search_one(void *arg, struct dots_client *c)
{
	struct search *s = arg;

	s->count += wishes_count(c->wishes);
	if (s->wish && wishes_has(c->wishes, s->wish))
		s->found = c;
}

struct dots_client *
dots_client_holding(struct dots_client *c, const char *wish)
{
	struct search s = {.wish = wish};

	dots_client_each(c, search_one, &s);
	return s.found;
}

size_t
dots_client_wish_count(struct dots_client *c)
{
	struct search s = {0};

	dots_client_each(c, search_one, &s);
	return s.count;
}

struct wishes *
dots_client_wishes(struct dots_client *c)
{
	return c->wishes;
}

void
dots_client_on_change(
	struct dots_client *c, void (*changed)(void *arg, const char *wish), void *arg)
{
	c->changed = changed;
	c->changed_arg = arg;
}

void
dots_client_way(const struct dots_client *c, uint32_t server, struct server_way *ret)
{
	upstream_way(c->upstreams[server], ret);
}

void
dots_client_on_stale(struct dots_client *c,
	void (*stale)(void *arg, const char *domain, const char *interface, const char *why),
	void *arg)
{
	c->stale = stale;
	c->stale_arg = arg;
}

struct server_visit {
	void (*visit)(void *arg, const struct server_view *v);
	void *arg;
};

static void
visit_servers(void *arg, struct dots_client *c)
{
	const struct server_visit *to = arg;

	for (size_t i = 0; i < c->n_upstreams; i++) {
		struct server_view v;

		upstream_view(c->upstreams[i], &v);
		v.cuid = cuid_for(c, (uint32_t)i);
		v.behalf = dots_client_name(c);
		v.learned = c->homing->servers[i]->learned ? c->homing->servers[i]->learned : "";
		v.expires = c->homing->servers[i]->expires;
		to->visit(to->arg, &v);
	}
}

void
dots_client_servers(
	struct dots_client *c, void (*visit)(void *arg, const struct server_view *v), void *arg)
{
	struct server_visit to = {visit, arg};

	dots_client_each(c, visit_servers, &to);
}

const char *
dots_client_cuid(struct dots_client *c, uint32_t domain)
{
	return cuid_at(c, domain, c->setup.credentials[domain]);
}

bool
dots_client_collided(struct dots_client *c, uint32_t domain)
{
	char fresh[CUID_TEXT_LEN + 1];

	credentials_random_cuid(fresh);
	if (!wishes_rename(c->wishes, domain, fresh, loop_now(c->loop), loop_wall()))
		return false;
	event_raise(EVENT_ALERT,
		EVENT_F("reason", "our cuid is in use by another client there: a new one is taken"),
		EVENT_F("domain", c->homing->domains[domain].name),
		EVENT_F("section", "RFC 8783 5.1"));
	dots_client_run_later(c);
	return true;
}

void
dots_client_on_cuid(struct dots_client *c, void (*changed)(void *arg), void *arg)
{
	c->renamed = changed;
	c->renamed_arg = arg;
}

const struct links *
dots_client_links(const struct dots_client *c)
{
	return c->links;
}

void
dots_client_on_link(struct dots_client *c, void (*changed)(void *arg), void *arg)
{
	c->link = changed;
	c->link_arg = arg;
}

void
dots_client_on_acl(struct dots_client *c, const struct client_records *r)
{
	c->records = r ? *r : (struct client_records){0};
}

static void
recorded_one(void *arg, struct dots_client *c)
{
	const uint32_t *domain = arg;

	wishes_recorded(c->wishes, *domain, loop_now(c->loop), loop_wall());
	dots_client_run_later(c);
}

void
dots_client_recorded(struct dots_client *c, uint32_t domain)
{
	dots_client_each(c, recorded_one, &domain);
}
