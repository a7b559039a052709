/*
 * The server's resources: mitigate, config, hb (RFC 9132 4.2, 4.4, 4.5, 4.7). A table of routes;
 * bytes to struct to verdict here, the rules themselves in core/.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

enum { CODE_TEXT = 5 };

/* ---- answers ------------------------------------------------------------------------------ */

bool
signal_may_tell(const struct request *r, const char **ret_untold)
{
	struct dots_server *s = r->server;

	return event_quota_take(
		r->peer ? &r->peer->group->refusals : &s->refusals, loop_now(s->loop), ret_untold);
}

void
signal_note_refusal(const struct request *r, const char *why)
{
	if (r->peer)
		group_refused(r->peer->group, why);
}

void
signal_raise_refused(const struct request *r, uint8_t code, const char *why)
{
	char text[CODE_TEXT] = "";
	const char *untold;

	signal_note_refusal(r, why);
	if (signal_may_tell(r, &untold))
		event_raise(EVENT_REQUEST_REFUSED,
			EVENT_F("from", r->client ? r->client->name : "?"),
			EVENT_F("code", coap_code_format(code, text)), EVENT_F("reason", why),
			EVENT_F("untold", untold));
}

void
signal_refuse(const struct request *r, const struct verdict *v)
{
	signal_raise_refused(r, v->code, v->why);
	answer_verdict(r->ex, v);
}

/* ---- GET and DELETE mitigate --------------------------------------------------------------- */

bool
signal_needs(const struct request *r, bool mid, struct verdict *v)
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

	if (!signal_needs(r, false, &v)) {
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
		signal_raise_refused(
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

	if (!signal_needs(r, true, &v)) {
		signal_refuse(r, &v);
		return;
	}
	if (cuids_owner(s->cuids, r->path.cuid) && !owns_cuid(r)) {
		v = verdict_of(COAP_404_NOT_FOUND, "RFC 9132 4.4.4: this cuid is not yours");
		signal_refuse(r, &v);
		return;
	}
	raise_delete(r, book_find(s->book, r->client->name, r->path.cuid, r->path.mid));
	mr = (struct mitigation_request){.client = r->client,
		.cuid = r->path.cuid,
		.mid = r->path.mid,
		.now = loop_now(s->loop),
		.wall = loop_wall()};
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
	{PATH_MITIGATE, COAP_PUT, admission_put, false},
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
