/*
 * What becomes of a PUT of a mitigation request (RFC 9132 4.4.1.3): checked, held while names are
 * looked up or upstream is asked, granted or refused. The rules themselves are in core/.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

enum { RETRY_ADMISSION_S = 3, CODE_TEXT = 5 };

/* ---- answers ------------------------------------------------------------------------------ */

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
void
admission_answer(
	struct dots_server *s, struct exchange *ex, const struct mitigation *m, uint8_t code)
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
	if (m && verdict_ok(&v) && SCOPE_HAS(a->scope, ACL_LIST)) {
		filters_control(s, m, a->scope, exchanges, n, v.code);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (verdict_ok(&v))
			admission_answer(s, exchanges[i], m, v.code);
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

static const struct alias *
find_alias(const void *arg, const char *name)
{
	const struct request *r = arg;
	struct server_data *d = r->server->data;

	return d->ops->alias(d, r->client->name, r->path.cuid, name);
}

/* With a data channel aliases are those that this client, by its cuid, has put on record there (RFC
 * 8783 6). */
static struct verdict
read_cover(const struct request *r, const struct target *t, struct cover *ret)
{
	const struct alias_source on_record = {find_alias, r};

	return cover_read(
		r->client, r->server->data ? &on_record : NULL, t, naming_is_on(r->server), ret);
}

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
	signal_raise_refused(r, v.code, v.why);
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

static void
put_refused(struct request *r, const struct scope *scope, const struct verdict *v)
{
	const char *untold;

	if (v->code)
		signal_note_refusal(r, v->why);
	if (signal_may_tell(r, &untold))
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

	if (signal_may_tell(r, &untold))
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

void
admission_put(struct request *r)
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

	if (!signal_needs(r, true, &v) || !(scope = put_scope(r, &v))) {
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
		v = read_cover(r, &scope->target, &cover);
	asked = (struct asked){r->client, &r->path, scope, if_match, next_hop_limit(r),
		s->escalation ? cdid_of(r) : NULL, r->asker->local, cover.arena ? &cover : NULL,
		r->asker->name};
	mr = request_of(s, &asked);
	if (verdict_ok(&v))
		v = book_check_put(s->book, &mr);
	if (verdict_ok(&v) && SCOPE_HAS(scope, ACL_LIST))
		v = filters_check(r, scope, known);
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
