/*
 * The server's resources: mitigate, config, hb (RFC 9132 4.2, 4.4, 4.5, 4.7). A table of routes;
 * bytes to struct to verdict here, the rules themselves in core/.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

enum { RETRY_ADMISSION_S = 3, CODE_TEXT = 5 };

/* ---- answers ------------------------------------------------------------------------------ */

/* Whether a refusal is to be told; who is no client of ours any more is among the strangers. */
static bool
may_tell(const struct request *r, const char **ret_untold)
{
	struct dots_server *s = r->server;

	return event_quota_take(
		r->peer ? &r->peer->group->refusals : &s->refusals, loop_now(s->loop), ret_untold);
}

static void
note_refusal(const struct request *r, const char *why)
{
	if (r->peer)
		group_refused(r->peer->group, why);
}

static void
raise_refused(const struct request *r, uint8_t code, const char *why)
{
	char text[CODE_TEXT] = "";
	const char *untold;

	note_refusal(r, why);
	if (may_tell(r, &untold))
		event_raise(EVENT_REQUEST_REFUSED,
			EVENT_F("from", r->client ? r->client->name : "?"),
			EVENT_F("code", coap_code_format(code, text)), EVENT_F("reason", why),
			EVENT_F("untold", untold));
}

void
signal_refuse(const struct request *r, const struct verdict *v)
{
	raise_refused(r, v->code, v->why);
	answer_verdict(r->ex, v);
}

static void
raise_put(const char *from, const struct path *path, const struct target *t, int64_t lifetime,
	const struct verdict *v, const char *untold)
{
	char code[CODE_TEXT] = "none";
	struct buf scope, named;

	buf_init(&scope, 8192);
	buf_init(&named, 8192);
	server_scope_text(t, &scope);
	if (v->code)
		coap_code_format(v->code, code);
	event_raise(EVENT_PUT_MITIGATE, EVENT_F("from", from),
		EVENT_F("cdid", *path->cdid ? path->cdid : NULL), EVENT_F("cuid", path->cuid),
		EVENT_N("mid", path->mid), EVENT_F("scope", buf_text(&scope)),
		EVENT_F("names", naming_text(t, &named)), EVENT_N("lifetime", lifetime),
		EVENT_F("code", code), EVENT_F("reason", *v->why ? v->why : NULL),
		EVENT_F("untold", untold));
	buf_finish(&scope);
	buf_finish(&named);
}

/* RFC 9132 4.4.1.3, figure 10: mid, granted lifetime, and the conflict it is in. */
static void
answer_granted(struct dots_server *s, struct exchange *ex, const struct mitigation *m, uint8_t code)
{
	struct scope scope = {0};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};
	struct answer_body body = {.code = code, .msg = &msg};

	SCOPE_SET(&scope, MID);
	SCOPE_SET(&scope, LIFETIME);
	scope.mid = m->mid;
	scope.lifetime = mitigation_remaining(m, loop_now(s->loop));
	mitigation_conflict(m, &scope);
	msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
	msg.mitigation_scope.scope = &scope;
	msg.mitigation_scope.n_scope = 1;
	answer_stored(s, ex, &body, m->id);
}

/* ---- PUT mitigate ------------------------------------------------------------------------- */

/* A request that waits for what its names stand for, or for what upstream says (gateway). */
struct admission {
	struct dots_server *server;
	char *key, *client;
	struct path path;
	struct arena *arena; /* holds scope */
	struct scope scope;
	struct cover cover;      /* what it stands for; empty: its prefixes */
	struct inquiry *inquiry; /* into its names; NULL: it has none */
	bool is_found;           /* they are known */
	bool local;              /* it goes no further, for the sake of who asks */
	bool if_match;
	uint8_t hop_limit; /* it goes on with */
	char cdid[PATH_ID_MAX + 1];
	char *peer;
	struct exchange *exchanges[8]; /* the client repeats itself while it waits */
	size_t n_exchanges;
};

/* What a PUT asks for, as the book sees it. */
struct asked {
	const struct client *client;
	const struct path *path;
	const struct scope *scope;
	bool if_match;
	uint8_t hop_limit;         /* it goes on with */
	const char *cdid;          /* likewise; NULL: it does not go on */
	bool local;                /* so, for the sake of who asks */
	const struct cover *cover; /* of names and aliases; NULL: there are none */
	const char *peer;          /* whose session it came on */
};

static struct mitigation_request
request_of(const struct dots_server *s, const struct asked *a)
{
	return (struct mitigation_request){.client = a->client,
		.cuid = a->path->cuid,
		.mid = a->path->mid,
		.scope = a->scope,
		.if_match = a->if_match,
		.hop_limit = a->hop_limit,
		.cdid = a->cdid,
		.local = a->local,
		.cover = a->cover,
		.peer = a->peer,
		.now = loop_now(s->loop),
		.wall = loop_wall()};
}

/* Grants it: the book changes, effects are carried out, every exchange gets the answer. */
static void
grant(struct dots_server *s, const struct asked *a, const struct conflict *conflict,
	struct exchange **exchanges, size_t n)
{
	struct mitigation_request mr = request_of(s, a);
	struct effects fx = {0};
	struct mitigation *m = NULL;
	struct verdict v = book_put(s->book, &mr, &fx, &m);

	assert(a->client && (m || !verdict_ok(&v))); /* what is granted is in the book */
	if (m)
		book_conflict(s->book, m, conflict, &fx);
	raise_put(a->client->name, a->path, &a->scope->target,
		m ? mitigation_remaining(m, mr.now) : 0, &v, NULL);
	server_apply(s, &fx);
	if (m && v.code == COAP_201_CREATED)
		naming_follow(s, m);
	if (m)
		recursion_granted(s, m);
	for (size_t i = 0; i < n; i++) {
		if (verdict_ok(&v))
			answer_granted(s, exchanges[i], m, v.code);
		else
			answer_verdict(exchanges[i], &v);
	}
}

static void
admission_free(struct admission *a)
{
	map_remove(a->server->admissions, a->key, strlen(a->key));
	inquiry_free(a->inquiry);
	cover_finish(&a->cover);
	arena_free(a->arena);
	free(a->key);
	free(a->client);
	free(a->peer);
	free(a);
}

static void
admission_refuse(struct admission *a, const struct verdict *v)
{
	for (size_t i = 0; i < a->n_exchanges; i++)
		answer_verdict(a->exchanges[i], v);
	admission_free(a);
}

static bool
names(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (n == len && !memcmp(list, name, n))
			return true;
	}
	return false;
}

/* RFC 8768 4: who the loop leads through, the nearest to the client first, which is us; `beyond`
 * are the others. An answer that has come round to us is not passed on: this one is our own. Where
 * there is no room for our name theirs go on as they are. */
static struct verdict
loop_verdict(const struct dots_server *s, const char *beyond)
{
	const char *us = s->setup.name;
	size_t room = strlen(us) + 1 + strlen(beyond) + 1;

	if (!*beyond || names(beyond, us))
		return verdict_of(COAP_508_HOP_LIMIT_REACHED, "%s", us);
	if (room > VERDICT_WHY_MAX)
		return verdict_of(COAP_508_HOP_LIMIT_REACHED, "%s", beyond);
	return verdict_of(COAP_508_HOP_LIMIT_REACHED, "%s %s", us, beyond);
}

/* No longer than upstream grants it (M13). */
static void
shorten(struct scope *scope, int64_t lifetime)
{
	if (lifetime > 0 && (scope->lifetime < 0 || scope->lifetime > lifetime))
		scope->lifetime = lifetime;
}

static const struct cover *
cover_in(const struct admission *a)
{
	return a->cover.arena ? &a->cover : NULL;
}

static void
admission_decided(void *arg, const struct verdict *v, int64_t lifetime)
{
	struct admission *a = arg;
	struct dots_server *s = a->server;
	const struct client *c = clients_named(s->setup.clients, a->client);
	bool granted_upstream = s->escalation && verdict_ok(v);
	struct asked asked = {c, &a->path, &a->scope, a->if_match, a->hop_limit, a->cdid,
		.local = a->local, .cover = cover_in(a), .peer = a->peer};
	struct verdict gone =
		verdict_of(COAP_401_UNAUTHORIZED, "RFC 9132 8: no longer a client of ours");
	struct verdict loops;

	if (!c) {
		v = &gone;
	} else if (v->code == COAP_508_HOP_LIMIT_REACHED) {
		loops = loop_verdict(s, v->why);
		v = &loops;
	}
	shorten(&a->scope, lifetime);
	if (verdict_ok(v))
		grant(s, &asked, &v->conflict, a->exchanges, a->n_exchanges);
	else
		raise_put(a->client, &a->path, &a->scope.target, 0, v, NULL);
	/* What we cannot take after all is not to live on there. */
	if (granted_upstream && !book_find(s->book, a->client, a->path.cuid, a->path.mid))
		s->escalation->ops->withdraw(s->escalation, a->key);
	if (verdict_ok(v))
		admission_free(a);
	else
		admission_refuse(a, v);
}

/* RFC 8768 3: one less than it came with. */
static uint8_t
next_hop_limit(const struct request *r)
{
	return r->hop_limit ? r->hop_limit - 1 : COAP_HOP_LIMIT_INITIAL;
}

/* What a gateway in front of us says stays: only the first one of the server's domain says it (RFC
 * 9132 4.4.1.2). */
static const char *
cdid_of(const struct request *r)
{
	return *r->path.cdid ? r->path.cdid : session_peer(r->session)->cuid;
}

static void
admission_ask(struct admission *a, const struct client *c, bool refresh)
{
	struct escalation *e = a->server->escalation;
	struct escalation_request er = {.key = a->key,
		.scope = &a->scope,
		.cover = cover_in(a),
		.share = c->limits.mitigations,
		.refresh = refresh,
		.hop_limit = a->hop_limit,
		.cdid = a->cdid};

	e->ops->admit(e, &er, admission_decided, a);
}

/* It has gone further since than what we wait for, as in a loop, and goes on with what is left of
 * its hops. The client waits for the answer to this one only. */
static void
admission_renew(struct request *r, struct admission *a, bool refresh)
{
	struct verdict v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
		"RFC 8768 3: asked for again with a smaller Hop-Limit");

	v.max_age = RETRY_ADMISSION_S;
	for (size_t i = 0; i < a->n_exchanges; i++)
		answer_verdict(a->exchanges[i], &v);
	a->exchanges[0] = r->ex;
	a->n_exchanges = 1;
	a->hop_limit = next_hop_limit(r);
	if (!a->inquiry || a->is_found)
		admission_ask(a, r->client, refresh);
}

/* The client asks again while we wait: the same request shares the answer. */
static void
admission_join(struct request *r, struct admission *a)
{
	struct verdict v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
		"RFC 8811 2.2.3: this mid is being looked up or asked for upstream");

	if (a->n_exchanges < sizeof(a->exchanges) / sizeof(a->exchanges[0])) {
		a->exchanges[a->n_exchanges++] = r->ex;
		return;
	}
	v.max_age = RETRY_ADMISSION_S;
	answer_verdict(r->ex, &v);
}

/* False: that request does not wait yet. */
static bool
admission_waits(struct request *r, bool refresh)
{
	struct dots_server *s = r->server;
	char *key = server_key(r->client->name, r->path.cuid, r->path.mid);
	struct admission *a = map_get(s->admissions, key, strlen(key));

	free(key);
	if (!a)
		return false;
	if (s->escalation && next_hop_limit(r) < a->hop_limit)
		admission_renew(r, a, refresh);
	else
		admission_join(r, a);
	return true;
}

static struct admission *
admission_new(struct request *r, const struct scope *scope, bool if_match)
{
	struct dots_server *s = r->server;
	struct admission *a = mem_new(sizeof(*a));

	a->server = s;
	a->key = server_key(r->client->name, r->path.cuid, r->path.mid);
	a->client = mem_text(r->client->name);
	a->path = r->path;
	a->arena = arena_new();
	schema_copy(&scope_schema, a->arena, scope, &a->scope);
	a->if_match = if_match;
	a->local = r->asker->local;
	a->hop_limit = next_hop_limit(r);
	snprintf(a->cdid, sizeof(a->cdid), "%s", cdid_of(r));
	a->peer = mem_text(r->asker->name);
	a->exchanges[a->n_exchanges++] = r->ex;
	map_set(s->admissions, a->key, strlen(a->key), a);
	return a;
}

static void
admit(struct request *r, const struct scope *scope, bool if_match, const struct mitigation *known)
{
	struct admission *a;

	if (admission_waits(r, known))
		return;
	a = admission_new(r, scope, if_match);
	if (known && known->cover.arena)
		cover_copy(&known->cover, &a->cover);
	admission_ask(a, r->client, known);
}

/* ---- names and aliases (4.4.1.1) ---- */

/* Its names are found out about, as far as they could be in time: it goes on like any other. */
static void
admission_found(void *arg)
{
	struct admission *a = arg;
	struct dots_server *s = a->server;
	const struct client *c = clients_named(s->setup.clients, a->client);
	struct verdict v = {.code = COAP_401_UNAUTHORIZED, .why = "RFC 9132 8: not authorised"};
	struct prefix foreign;

	if (c)
		v = cover_check(&a->cover, c);
	if (verdict_ok(&v))
		cover_gather(&a->cover, c, &foreign);
	if (verdict_ok(&v) && s->escalation && !a->local && !recursion_is_on(s)) {
		a->is_found = true;
		admission_ask(a, c, false);
		return;
	}
	admission_decided(a, &v, 0);
}

/* What it stands for has to be found out first. */
static void
look_up(struct request *r, const struct scope *scope, bool if_match, struct cover *cv)
{
	struct dots_server *s = r->server;
	struct verdict v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
		"RFC 9132 4.4.1.1: as many names are being looked up as can be");
	struct admission *a;

	if (admission_waits(r, false)) {
		cover_finish(cv);
		return;
	}
	a = admission_new(r, scope, if_match);
	a->cover = *cv;
	*cv = (struct cover){0};
	a->inquiry = naming_ask(s, r->client, &a->cover, admission_found, a);
	if (a->inquiry)
		return;
	v.max_age = RETRY_ADMISSION_S;
	raise_refused(r, v.code, v.why);
	admission_refuse(a, &v);
}

void
admission_withdraw(struct dots_server *s, const char *client, const char *cuid, uint32_t mid,
	const struct verdict *v)
{
	char *key = server_key(client, cuid, mid);
	struct admission *a = map_get(s->admissions, key, strlen(key));

	if (s->escalation) {
		s->escalation->ops->withdraw(s->escalation, key);
		recursion_withdraw_immediate(s, client, cuid, mid);
	}
	if (a)
		admission_refuse(a, v);
	free(key);
}

struct withdrawal {
	const char *client;
	const struct verdict *verdict;
};

static bool
withdraw_one(void *arg, const void *key, size_t len, void *value)
{
	const struct withdrawal *w = arg;
	struct admission *a = value;

	(void)key;
	(void)len;
	if (!strcmp(a->client, w->client)) {
		if (a->server->escalation)
			a->server->escalation->ops->withdraw(a->server->escalation, a->key);
		admission_refuse(a, w->verdict);
	}
	return true;
}

void
admissions_withdraw(struct dots_server *s, const char *client, const struct verdict *v)
{
	map_each(s->admissions, withdraw_one, &(struct withdrawal){client, v});
}

static bool
free_admission(void *arg, const void *key, size_t len, void *value)
{
	struct verdict v =
		verdict_of(COAP_503_SERVICE_UNAVAILABLE, "RFC 9132 4.4.1.3: shutting down");

	(void)arg;
	(void)key;
	(void)len;
	admission_refuse(value, &v);
	return true;
}

void
admissions_free(struct dots_server *s)
{
	map_each(s->admissions, free_admission, NULL);
	map_free(s->admissions);
}

/* The one scope entry of a PUT body, or NULL with the refusal. */
static const struct scope *
put_scope(struct request *r, struct verdict *v)
{
	struct signal_msg *msg = arena_alloc(r->arena, 1, sizeof(*msg));
	struct schema_error err;

	if (!r->msg->payload) {
		*v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: the body is missing");
		return NULL;
	}
	if (signal_decode(r->arena, r->msg->payload, r->msg->payload_len, msg, &err) != 0) {
		*v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 6: %s", err.why);
		return NULL;
	}
	if (!(msg->has & (1ULL << SIGNAL_MITIGATION_SCOPE))) {
		*v = verdict_of(
			COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: mitigation-scope is missing");
		return NULL;
	}
	if (msg->mitigation_scope.n_scope != 1) {
		*v = verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.3: scope has %zu entries instead of one",
			msg->mitigation_scope.n_scope);
		return NULL;
	}
	return &msg->mitigation_scope.scope[0];
}

static bool
needs(const struct request *r, bool mid, struct verdict *v)
{
	if (!r->path.cuid[0]) {
		*v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: Uri-Path cuid is missing");
		return false;
	}
	if (mid && !r->path.has_mid) {
		*v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: Uri-Path mid is missing");
		return false;
	}
	return true;
}

static void
put_refused(struct request *r, const struct scope *scope, const struct verdict *v)
{
	const char *untold;

	if (v->code)
		note_refusal(r, v->why);
	if (may_tell(r, &untold))
		raise_put(r->client->name, &r->path, &scope->target, scope->lifetime, v, untold);
	answer_verdict(r->ex, v); /* code 0: answered with silence (RFC 9132 4.4.3) */
}

/* RFC 8768 3, 4: it may go no further. */
static void
hop_limit_reached(struct request *r, const struct scope *scope)
{
	struct verdict v = verdict_of(
		COAP_508_HOP_LIMIT_REACHED, "RFC 8768 3: Hop-Limit is 1, it cannot go upstream");
	struct verdict answer = loop_verdict(r->server, "");
	const char *untold;

	if (may_tell(r, &untold))
		raise_put(r->client->name, &r->path, &scope->target, scope->lifetime, &v, untold);
	answer_verdict(r->ex, &answer);
}

/* Aliases are known; names have to be looked up. */
static bool
can_be_found(const struct dots_server *s, const struct target *t)
{
	return naming_is_on(s) ? cover_is_needed(t)
			       : t->n_alias_name && !t->n_target_fqdn && !t->n_target_uri;
}

/* Nothing new for who is suspended, nor for whom one asks who is. What its client has withdrawn is
 * new when it is asked for again. */
static struct verdict
check_suspended(const struct request *r, const struct mitigation *known)
{
	struct verdict v = suspension_verdict(r->server, r->client->name);

	if (known && !known->terminating)
		return (struct verdict){.code = COAP_204_CHANGED};
	return verdict_ok(&v) ? suspension_verdict(r->server, r->asker->name) : v;
}

static void
put_mitigate(struct request *r)
{
	struct dots_server *s = r->server;
	bool if_match = coap_find(r->msg, COAP_OPT_IF_MATCH) != NULL, claimed = false;
	bool goes_on = s->escalation && !r->asker->local;
	const struct scope *scope;
	const struct mitigation *known;
	struct mitigation_request mr;
	struct asked asked;
	struct cover cover = {0};
	struct verdict v = {0}, suspended;

	if (!needs(r, true, &v) || !(scope = put_scope(r, &v))) {
		signal_refuse(r, &v);
		return;
	}
	v = cuids_bind(s->cuids, r->client, r->path.cuid, &claimed);
	if (!verdict_ok(&v)) {
		put_refused(r, scope, &v);
		return;
	}
	if (claimed)
		record_cuid(s, r->client->name, r->path.cuid);
	known = book_find(s->book, r->client->name, r->path.cuid, r->path.mid);
	v.code = COAP_204_CHANGED;
	if (!known && can_be_found(s, &scope->target))
		v = cover_read(r->client, &scope->target, naming_is_on(s), &cover);
	asked = (struct asked){r->client, &r->path, scope, if_match, next_hop_limit(r),
		s->escalation ? cdid_of(r) : NULL, r->asker->local, cover.arena ? &cover : NULL,
		r->asker->name};
	mr = request_of(s, &asked);
	if (verdict_ok(&v))
		v = book_check_put(s->book, &mr);
	suspended = check_suspended(r, known);
	if (!verdict_ok(&v))
		put_refused(r, scope, &v);
	else if (!verdict_ok(&suspended))
		put_refused(r, scope, &suspended);
	else if (goes_on && r->hop_limit == 1)
		hop_limit_reached(r, scope);
	else if (cover.arena)
		look_up(r, scope, if_match, &cover);
	else if (goes_on && !recursion_is_on(s))
		admit(r, scope, if_match, known);
	else
		grant(s, &asked, known ? &known->conflict : &v.conflict, &r->ex, 1);
	cover_finish(&cover);
}

/* ---- GET and DELETE mitigate --------------------------------------------------------------- */

static bool
owns_cuid(const struct request *r)
{
	const char *owner = cuids_owner(r->server->cuids, r->path.cuid);

	return owner && !strcmp(owner, r->client->name);
}

struct listing {
	const struct request *r;
	struct effects fx; /* of having told it */
	struct scope *scopes;
	size_t n, cap;
};

static bool
list_one(void *arg, struct mitigation *m)
{
	struct listing *l = arg;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 1; /* most ask for one */
		l->scopes = mem_grow(l->scopes, l->cap, sizeof(*l->scopes));
	}
	book_review(l->r->server->book, m);
	book_told(l->r->server->book, m, loop_now(l->r->server->loop), &l->fx);
	mitigation_describe(
		m, l->r->path.content, loop_now(l->r->server->loop), &l->scopes[l->n++]);
	return true;
}

static void
collect(struct listing *l)
{
	const struct request *r = l->r;
	struct mitigation *m;

	if (!owns_cuid(r))
		return;
	if (!r->path.has_mid)
		book_each(r->server->book, r->client->name, r->path.cuid, list_one, l);
	else if ((m = book_find(r->server->book, r->client->name, r->path.cuid, r->path.mid)))
		list_one(l, m);
}

/* False: it is larger than anything that is sent. */
static bool
answer_list(struct request *r, struct listing *l, bool observed, uint32_t sequence)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};
	struct answer_body body = {.code = COAP_205_CONTENT,
		.msg = &msg,
		.has_observe = observed,
		.observe = sequence};

	msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
	msg.mitigation_scope.scope = l->scopes;
	msg.mitigation_scope.n_scope = l->n;
	return answer_now(r->ex, &body);
}

static void
raise_get(const struct request *r, const char *code, const char *observed)
{
	event_raise(EVENT_GET_MITIGATE, EVENT_F("from", r->client->name),
		EVENT_F("cuid", r->path.cuid), EVENT_F("code", code), EVENT_F("observe", observed));
}

static void
get_mitigate(struct request *r)
{
	struct listing l = {.r = r};
	uint32_t observe = 2, sequence = 0;
	bool wants = coap_get_uint(r->msg, COAP_OPT_OBSERVE, &observe) && observe == 0;
	bool observed;
	struct verdict v;

	if (!needs(r, false, &v)) {
		signal_refuse(r, &v);
		return;
	}
	collect(&l);
	server_apply(r->server, &l.fx);
	if (observe == 1)
		observe_remove(r->peer, r->msg->token, r->msg->token_len);
	if (!l.n) {
		raise_get(r, "4.04", "no");
		v = verdict_of(COAP_404_NOT_FOUND, "RFC 9132 4.4.2: no such mitigation request");
		signal_refuse(r, &v);
		return;
	}
	observed = wants && observe_add(r->peer, r->client->name, r->msg, &r->path, &sequence);
	if (answer_list(r, &l, observed, sequence)) {
		raise_get(r, "2.05", observed ? "yes" : wants ? "too many" : "no");
	} else {
		if (observed) /* an error ends it (RFC 7641 4.2) */
			observe_remove(r->peer, r->msg->token, r->msg->token_len);
		raise_get(r, "5.00", "no");
		raise_refused(
			r, COAP_500_INTERNAL_SERVER_ERROR, "RFC 9132 4.4.2: the list is too large");
	}
	free(l.scopes);
}

/* m: what was withdrawn; NULL: there was nothing, which a client can say without end. */
static void
raise_delete(struct request *r, const struct mitigation *m)
{
	const char *untold = NULL;
	struct buf scope;

	if (!m && !event_quota_take(&r->peer->group->idle, loop_now(r->server->loop), &untold))
		return;
	buf_init(&scope, 8192);
	if (m)
		naming_scope_text(m, &scope);
	event_raise(EVENT_DELETE_MITIGATE, EVENT_F("from", r->client->name),
		EVENT_F("cuid", r->path.cuid), EVENT_N("mid", r->path.mid), EVENT_F("code", "2.02"),
		EVENT_F("scope", m ? buf_text(&scope) : NULL), EVENT_F("untold", untold));
	buf_finish(&scope);
}

static void
delete_mitigate(struct request *r)
{
	struct dots_server *s = r->server;
	struct effects fx = {0};
	struct answer_body body = {0};
	struct mitigation_request mr;
	struct verdict v;

	if (!needs(r, true, &v)) {
		signal_refuse(r, &v);
		return;
	}
	if (cuids_owner(s->cuids, r->path.cuid) && !owns_cuid(r)) {
		v = verdict_of(COAP_404_NOT_FOUND, "RFC 9132 4.4.4: this cuid is not yours");
		signal_refuse(r, &v);
		return;
	}
	raise_delete(r, book_find(s->book, r->client->name, r->path.cuid, r->path.mid));
	mr = request_of(s, &(struct asked){.client = r->client, .path = &r->path});
	body.code = book_delete(s->book, &mr, &fx).code;
	/* Also what upstream has not decided yet, or it would come to life after this. */
	v = verdict_of(
		COAP_404_NOT_FOUND, "RFC 9132 4.4.4: mid %u was withdrawn meanwhile", r->path.mid);
	admission_withdraw(s, r->client->name, r->path.cuid, r->path.mid, &v);
	server_apply(s, &fx);
	answer_stored(s, r->ex, &body, 0);
}

/* ---- hb -------------------------------------------------------------------------- */

static struct verdict
check_hb(struct request *r, bool *ret_hears)
{
	struct signal_msg *msg = arena_alloc(r->arena, 1, sizeof(*msg));
	struct schema_error err;

	if (!r->msg->payload)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.7: the body is missing");
	if (signal_decode(r->arena, r->msg->payload, r->msg->payload_len, msg, &err) != 0)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.7: %s", err.why);
	if (!(msg->has & (1ULL << SIGNAL_HEARTBEAT)))
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.7: heartbeat is missing");
	*ret_hears = msg->heartbeat.peer_hb_status;
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

static void
put_hb(struct request *r)
{
	struct answer_body body = {.code = COAP_204_CHANGED};
	bool hears = false;
	struct verdict v = check_hb(r, &hears);

	if (!verdict_ok(&v)) {
		signal_refuse(r, &v);
		return;
	}
	peer_heartbeat_request(r->peer, hears);
	answer_now(r->ex, &body);
}

/* ---- routes --------------------------------------------------------------------------------- */

static const struct route {
	enum path_resource resource;
	uint8_t method;
	void (*handle)(struct request *r);
	/* Whatever else the client asks: it lives, or it wants less. */
	bool always;
} routes[] = {
	{PATH_MITIGATE, COAP_PUT, put_mitigate, false},
	{PATH_MITIGATE, COAP_GET, get_mitigate, false},
	{PATH_MITIGATE, COAP_DELETE, delete_mitigate, true},
	{PATH_CONFIG, COAP_GET, negotiation_get, false},
	{PATH_CONFIG, COAP_PUT, negotiation_put, false},
	{PATH_CONFIG, COAP_DELETE, negotiation_delete, true},
	{PATH_HB, COAP_PUT, put_hb, true},
};

static const struct route *
find_route(const struct request *r)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (routes[i].resource == r->path.resource && routes[i].method == r->msg->code)
			return &routes[i];
	return NULL;
}

static bool
note_one(void *arg, struct mitigation *m)
{
	(void)m;
	*(bool *)arg = true;
	return false;
}

/* Of mitigation requests only those on record; everything else is always there. */
static bool
target_exists(const struct request *r)
{
	const struct book *b = r->server->book;
	bool any = false;

	if (r->path.resource != PATH_MITIGATE)
		return true;
	if (r->path.has_mid)
		return book_find(b, r->client->name, r->path.cuid, r->path.mid);
	book_each(b, r->client->name, r->path.cuid, note_one, &any);
	return any;
}

/* An empty one asks for anything that is there; ETags of ours change with every second, so there is
 * none to name. What an efficacy update of nothing gets is for core/mitigation to say (RFC 9132
 * 4.4.3). */
static bool
if_match_holds(const struct request *r)
{
	bool puts = r->path.resource == PATH_MITIGATE && r->msg->code == COAP_PUT, any = false;

	for (unsigned i = 0; i < r->msg->n_options; i++) {
		if (r->msg->options[i].number != COAP_OPT_IF_MATCH)
			continue;
		any = true;
		if (!r->msg->options[i].len)
			return puts || target_exists(r);
	}
	return !any;
}

/* What the client makes its request depend on (RFC 7252 5.10.4, 5.10.8). */
static struct verdict
check_conditions(const struct request *r)
{
	uint32_t accept = COAP_FORMAT_DOTS_CBOR;

	coap_get_uint(r->msg, COAP_OPT_ACCEPT, &accept);
	if (accept != COAP_FORMAT_DOTS_CBOR)
		return verdict_of(COAP_406_NOT_ACCEPTABLE,
			"RFC 7252 5.10.4: Accept %u, but there is only 271", accept);
	if (!if_match_holds(r))
		return verdict_of(COAP_412_PRECONDITION_FAILED,
			"RFC 7252 5.10.8.1: If-Match, but nothing here has that ETag");
	if (coap_find(r->msg, COAP_OPT_IF_NONE_MATCH) && target_exists(r))
		return verdict_of(COAP_412_PRECONDITION_FAILED,
			"RFC 7252 5.10.8.2: If-None-Match, but it is there");
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

/* Whom it is for, where a gateway says so that is trusted to; of anybody else a cdid is ignored
 * (RFC 9132 4.4.1.2). False: nobody we know. */
static bool
find_client(struct request *r)
{
	const struct client *c;

	if (!r->asker->gateway)
		r->path.cdid[0] = '\0';
	if (!*r->path.cdid)
		return true;
	c = clients_by_cdid(r->server->setup.clients, r->path.cdid);
	if (c)
		r->client = c;
	return c;
}

/* What holds for every resource: path, method, Content-Format, a client that is still ours. */
static struct verdict
check_common(struct request *r, const struct route **ret_route)
{
	const char *why = "";
	uint32_t format = COAP_FORMAT_DOTS_CBOR;
	int error = path_parse(r->msg, &r->path, &why);

	if (!r->client)
		return verdict_of(COAP_401_UNAUTHORIZED, "RFC 9132 8: not authorised");
	if (error == -ENOENT)
		return verdict_of(COAP_404_NOT_FOUND, "RFC 9132 4.2: no such resource");
	if (error)
		return verdict_of(COAP_400_BAD_REQUEST, "%s", why);
	if (!find_client(r))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.2: no client of this server has cdid %s", r->path.cdid);
	*ret_route = find_route(r);
	if (!*ret_route)
		return verdict_of(
			COAP_405_METHOD_NOT_ALLOWED, "RFC 9132 9: method not supported here");
	coap_get_uint(r->msg, COAP_OPT_CONTENT_FORMAT, &format);
	if (format != COAP_FORMAT_DOTS_CBOR)
		return verdict_of(COAP_415_UNSUPPORTED_CONTENT_FORMAT,
			"RFC 9132 9: Content-Format %u instead of 271", format);
	if (coap_hop_limit(r->msg, &r->hop_limit) != 0)
		return verdict_of(
			COAP_400_BAD_REQUEST, "RFC 8768 3: Hop-Limit is not between 1 and 255");
	return check_conditions(r);
}

/* What one client asks too fast is no cost to others (RFC 9132 11). The code is that of RFC 8516,
 * with when to come back. */
static struct verdict
check_rate(const struct request *r)
{
	uint32_t rate = r->asker->limits.requests_per_second;
	struct verdict v = {.code = COAP_204_CHANGED};
	uint32_t seconds = rate_take(&r->peer->group->requests, rate, loop_now(r->server->loop));

	if (seconds) {
		v = verdict_of(COAP_429_TOO_MANY_REQUESTS,
			"RFC 9132 11: more than %u requests a second", rate);
		v.max_age = seconds;
	}
	return v;
}

/* Redirected, a client may still withdraw (RFC 9132 4.6). */
static bool
is_drained(const struct request *r)
{
	bool puts = r->path.resource == PATH_MITIGATE && r->msg->code == COAP_PUT;

	return r->server->drain && r->msg->code != COAP_DELETE &&
	       drain_refuses(r->server, r->client->name, puts && !target_exists(r));
}

void
signal_serve(struct dots_server *s, struct peer *p, struct session *session, struct exchange *ex,
	const struct coap_msg *req)
{
	struct request r = {.server = s, .peer = p, .session = session, .ex = ex, .msg = req};
	const struct route *route = NULL;
	struct verdict v;

	r.asker = r.client = p ? clients_named(s->setup.clients, peer_client(p)) : NULL;
	v = check_common(&r, &route);
	if (r.client && !(route && route->always)) {
		struct verdict rate = check_rate(&r);

		v = verdict_ok(&rate) ? v : rate;
	}
	if (!verdict_ok(&v)) {
		signal_refuse(&r, &v);
		return;
	}
	assert(r.client && route);
	if (is_drained(&r)) {
		drain_answer(p, ex);
		return;
	}
	r.arena = arena_new();
	route->handle(&r);
	arena_free(r.arena);
}
