/*
 * Sessions to one DOTS server: name, address, source, handshakes and their pacing, heartbeats, loss
 * (RFC 9284 5.1, RFC 9132 4.3, 4.7, 7.1), and the requests that are open there.
 *
 * What is asked and when it is repeated is decided in homing/wish.c; here it is carried out.
 */
#include "role/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "core/heartbeat.h"
#include "homing/source.h"
#include "role/hb.h"
#include "wire/path.h"
#include "wire/signal.h"

enum {
	RETRY_ATTACK_MS = 60000,  /* RFC 9132 4.7: never more often than every 60 s … */
	RETRY_IDLE_MS = 300000,   /* … and not more often than every 300 s */
	RECONNECT_MS = 1000,      /* first attempt after an orderly close */
	LOCAL_RETRY_MS = 100,     /* nothing could be sent (no address, no route): doubled … */
	LOCAL_RETRY_MAX = 6400,   /* … up to this */
	RESOLVE_RETRY_MS = 10000, /* a name that could not be resolved */
	OBSERVE_REPEAT_MS = 3000, /* RFC 9132 4.4: Non-confirmable requests at most every 3 s */
	OBSERVE_TRIES = 20,
	PATH_STORAGE = 4 * (PATH_ID_MAX + 8),
	REASON_MAX = 160,
};

struct open_request {
	struct open_request *next;
	uint32_t mid;
	uint8_t method;
	char cuid[PATH_ID_MAX + 1];
	uint8_t *payload;
	size_t len;
	int64_t handle[2]; /* by line; 0: not sent there */
	struct upstream *u;
};

struct observation {
	struct observation *next;
	struct upstream *u;
	uint32_t mid;
	char cuid[PATH_ID_MAX + 1];
	int64_t handle; /* on the current session; 0: not sent */
	bool answered;
	unsigned tries;
	mono_ms sent;
};

enum { CURRENT, CANDIDATE };

struct upstream {
	struct upstream_context cx;
	const struct homing *homing;
	const struct domain *domain;
	const struct domain_server *server;
	struct credentials *credentials;
	struct resolver *resolver;
	struct addr addrs[RESOLVER_ADDRS_MAX];
	size_t n_addrs, next_addr;
	mono_ms addrs_until;
	bool resolving;
	struct session *session[2]; /* current, candidate */
	struct resumption *resume;
	struct heartbeat hb;
	int64_t hb_handle;
	struct timer *hb_timer, *dial_timer, *observe_timer;
	enum availability availability;
	mono_ms next_attempt; /* INT64_MAX: none planned */
	mono_ms failed;       /* when the last attempt failed; 0: it did not */
	mono_ms heard;
	bool ever_up;
	bool needs_link; /* nothing can be sent until interface, address or route come */
	int64_t local_retry;
	char interface[IFNAMSIZ];
	char reason[REASON_MAX];
	struct open_request *requests;
	struct observation *observations;
};

static void dial_due(void *arg);

/* ---- small helpers ----------------------------------------------------------------------- */

static void
set_availability(struct upstream *u, enum availability a)
{
	if (a == u->availability)
		return;
	u->availability = a;
	u->cx.ops->available(u->cx.arg, u, a);
}

static void
attempt_at(struct upstream *u, mono_ms when)
{
	u->next_attempt = when;
	timer_at(u->dial_timer, when);
}

static int64_t
retry_gap(const struct upstream *u)
{
	return !u->ever_up || u->cx.ops->under_attack(u->cx.arg, (struct upstream *)u)
		       ? RETRY_ATTACK_MS
		       : RETRY_IDLE_MS;
}

/* First interface of the domain's access that is up; NULL with *ret_bound false: any will do. */
static const char *
pick_interface(const struct upstream *u, bool *ret_bound)
{
	const struct domain *d = u->domain;

	*ret_bound = d->n_interfaces > 0;
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (links_up(u->cx.links, d->interfaces[i]))
			return d->interfaces[i];
	return NULL;
}

static bool
has_interface(const struct domain *d, const char *name)
{
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (!strcmp(d->interfaces[i], name))
			return true;
	return d->n_interfaces == 0;
}

static void
raise_failed(const struct upstream *u, const char *reason, int64_t gap)
{
	char remote[ENDPOINT_TEXT_MAX] = "";
	const struct endpoint *e =
		u->session[CANDIDATE] ? session_remote(u->session[CANDIDATE]) : NULL;

	event_raise(EVENT_SESSION_FAILED, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name),
		EVENT_F("address", e ? endpoint_format(e, remote) : NULL),
		EVENT_F("reason", reason), EVENT_N("retry", gap / 1000));
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name), EVENT_F("section", "RFC 9132 4.7"));
}

static void
failed_attempt(struct upstream *u, const char *reason)
{
	int64_t gap = retry_gap(u);

	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	u->failed = loop_now(u->cx.loop);
	u->next_addr++;
	attempt_at(u, u->failed + gap);
	raise_failed(u, reason, gap);
}

/* Nothing was sent, for want of an address or a route: no handshake that the next one had to keep a
 * distance from. Told once. */
static void
cannot_attempt(struct upstream *u, const char *reason)
{
	bool told = u->needs_link && !strcmp(u->reason, reason);

	u->local_retry = u->local_retry ? 2 * u->local_retry : LOCAL_RETRY_MS;
	if (u->local_retry > LOCAL_RETRY_MAX)
		u->local_retry = LOCAL_RETRY_MAX;
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	u->needs_link = true;
	u->next_addr++;
	attempt_at(u, loop_now(u->cx.loop) + u->local_retry);
	if (!told)
		raise_failed(u, reason, u->local_retry);
}

/* ---- requests ---------------------------------------------------------------------------- */

static void
build_request(struct coap_msg *m, uint8_t method, const char *cuid, uint32_t mid, char *storage)
{
	struct path path = {.resource = PATH_MITIGATE, .has_mid = true, .mid = mid, .content = 'a'};

	coap_init(m, COAP_NON, method);
	snprintf(path.cuid, sizeof(path.cuid), "%s", cuid);
	path_add(m, &path, storage);
}

static void
request_unlink(struct upstream *u, struct open_request *r)
{
	for (struct open_request **p = &u->requests; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			break;
		}
	for (int i = 0; i < 2; i++)
		if (r->handle[i] > 0 && u->session[i])
			request_cancel(u->session[i], r->handle[i]);
	free(r->payload);
	free(r);
}

static void promote(struct upstream *u);

static void
request_done(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct open_request *r = arg;
	struct upstream *u = r->u;
	int line = u->session[CANDIDATE] == s ? CANDIDATE : CURRENT;
	uint32_t mid = r->mid;
	uint8_t method = r->method;

	(void)error;
	r->handle[line] = 0;
	if (!response) /* that session is over; the other one, or the next, carries it */
		return;
	request_unlink(u, r);
	if (line == CANDIDATE)
		promote(u);
	u->cx.ops->answered(u->cx.arg, u, mid, method, response);
}

static void
request_on_line(struct open_request *r, int line)
{
	struct session *s = r->u->session[line];
	char storage[PATH_STORAGE];
	struct coap_msg m;
	int64_t handle;

	if (!s || !session_is_up(s) || r->handle[line])
		return;
	build_request(&m, r->method, r->cuid, r->mid, storage);
	if (r->payload) {
		coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
		m.payload = r->payload;
		m.payload_len = r->len;
	}
	handle = request_send(s, &m, request_done, r);
	if (handle > 0)
		r->handle[line] = handle;
	else
		event_raise(EVENT_ALERT, EVENT_F("reason", strerror((int)-handle)),
			EVENT_F("domain", r->u->domain->name),
			EVENT_F("server", r->u->server->name), EVENT_F("section", "RFC 9132 7.3"));
}

static struct open_request *
request_find(const struct upstream *u, uint32_t mid)
{
	struct open_request *r = u->requests;

	while (r && r->mid != mid)
		r = r->next;
	return r;
}

void
upstream_send(struct upstream *u, const char *cuid, uint32_t mid, uint8_t method,
	const uint8_t *payload, size_t len)
{
	struct open_request *r = request_find(u, mid);

	if (r)
		request_unlink(u, r);
	r = mem_new(sizeof(*r));
	r->u = u;
	r->mid = mid;
	r->method = method;
	snprintf(r->cuid, sizeof(r->cuid), "%s", cuid);
	if (payload) {
		r->payload = mem_copy(payload, len);
		r->len = len;
	}
	r->next = u->requests;
	u->requests = r;
	request_on_line(r, CURRENT);
	request_on_line(r, CANDIDATE);
}

void
upstream_repeat(struct upstream *u, uint32_t mid)
{
	struct open_request *r = request_find(u, mid);

	if (!r)
		return;
	for (int i = 0; i < 2; i++)
		if (r->handle[i] > 0)
			request_repeat(u->session[i], r->handle[i]);
		else
			request_on_line(r, i);
}

/* ---- observations ------------------------------------------------------------------------ */

static struct observation *
observation_find(const struct upstream *u, uint32_t mid)
{
	struct observation *o = u->observations;

	while (o && o->mid != mid)
		o = o->next;
	return o;
}

static void
observation_answer(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct observation *o = arg;

	(void)s;
	(void)error;
	if (!response) {
		o->handle = 0;
		o->answered = false;
		return;
	}
	o->answered = true;
	if (!coap_find(response, COAP_OPT_OBSERVE))
		o->handle = 0; /* that was the last one (RFC 7641 3.2) */
	o->u->cx.ops->observed(o->u->cx.arg, o->u, o->mid, response);
}

static void
observation_send(struct observation *o)
{
	struct upstream *u = o->u;
	struct session *s = u->session[CURRENT];
	char storage[PATH_STORAGE];
	struct coap_msg m;

	if (!s || !session_is_up(s))
		return;
	o->sent = loop_now(u->cx.loop);
	o->tries++;
	if (o->handle > 0) {
		request_repeat(s, o->handle);
	} else {
		build_request(&m, COAP_GET, o->cuid, o->mid, storage);
		coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
		o->handle = request_send(s, &m, observation_answer, o);
		if (o->handle < 0)
			o->handle = 0;
	}
	timer_after(u->observe_timer, OBSERVE_REPEAT_MS);
}

static void
observe_due(void *arg)
{
	struct upstream *u = arg;
	mono_ms now = loop_now(u->cx.loop);

	for (struct observation *o = u->observations; o; o = o->next)
		if (!o->answered && o->tries < OBSERVE_TRIES && now - o->sent >= OBSERVE_REPEAT_MS)
			observation_send(o);
}

void
upstream_observe(struct upstream *u, const char *cuid, uint32_t mid)
{
	struct observation *o = observation_find(u, mid);

	if (o && o->handle > 0)
		return;
	if (!o) {
		o = mem_new(sizeof(*o));
		o->u = u;
		o->mid = mid;
		o->next = u->observations;
		u->observations = o;
	}
	snprintf(o->cuid, sizeof(o->cuid), "%s", cuid);
	o->answered = false;
	o->tries = 0;
	observation_send(o);
}

void
upstream_unobserve(struct upstream *u, uint32_t mid)
{
	for (struct observation **p = &u->observations; *p; p = &(*p)->next) {
		struct observation *o = *p;

		if (o->mid != mid)
			continue;
		*p = o->next;
		if (o->handle > 0 && u->session[CURRENT])
			request_cancel(u->session[CURRENT], o->handle);
		free(o);
		return;
	}
}

/* ---- heartbeats -------------------------------------------------------------------------- */

static void
raise_session(enum event_id id, const struct upstream *u)
{
	event_raise(id, EVENT_F("role", "client"), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name), EVENT_F("peer", u->server->name));
}

static void
hb_answered(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct upstream *u = arg;

	(void)error;
	if (s != u->session[CURRENT])
		return;
	u->hb_handle = 0;
	if (response)
		heartbeat_answered(&u->hb, loop_now(u->cx.loop));
}

static void start_candidate(struct upstream *u, const char *why);

static void
hb_rearm(struct upstream *u)
{
	mono_ms at = heartbeat_deadline(&u->hb);

	if (at == INT64_MAX || !u->session[CURRENT])
		timer_stop(u->hb_timer);
	else
		timer_at(u->hb_timer, at);
}

static void
hb_due(void *arg)
{
	struct upstream *u = arg;
	struct session *s = u->session[CURRENT];
	struct heartbeat_due due;

	if (!s)
		return;
	due = heartbeat_tick(&u->hb, loop_now(u->cx.loop));
	if (due.cancel && u->hb_handle > 0) {
		request_cancel(s, u->hb_handle);
		u->hb_handle = 0;
	}
	if (due.send) {
		u->hb_handle = hb_send(s, due.peer_hb_status, hb_answered, u);
		event_raise(EVENT_HEARTBEAT, EVENT_F("role", "client"), EVENT_F("direction", "out"),
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name));
	}
	if (due.became_silent) {
		raise_session(EVENT_SESSION_SILENT, u);
		set_availability(u, SERVER_SILENT);
	}
	/* Loss never closes the session here: with the inbound link full the server may still hear
	 * us (RFC 9132 4.7). A new one is tried beside it. */
	if (due.became_lost)
		start_candidate(u, "heartbeats unanswered");
	hb_rearm(u);
}

/* ---- session callbacks ------------------------------------------------------------------- */

static void
observations_reset(struct upstream *u)
{
	for (struct observation *o = u->observations; o; o = o->next) {
		if (o->handle > 0 && u->session[CURRENT])
			request_cancel(u->session[CURRENT], o->handle);
		o->handle = 0;
		o->answered = false;
		o->tries = 0;
	}
}

/* The candidate has answered: it is the session from now on. */
static void
promote(struct upstream *u)
{
	struct session *old = u->session[CURRENT];

	observations_reset(u);
	if (u->hb_handle > 0 && old)
		request_cancel(old, u->hb_handle);
	u->hb_handle = 0;
	for (struct open_request *r = u->requests; r; r = r->next) {
		if (r->handle[CURRENT] > 0 && old)
			request_cancel(old, r->handle[CURRENT]);
		r->handle[CURRENT] = r->handle[CANDIDATE];
		r->handle[CANDIDATE] = 0;
	}
	u->session[CURRENT] = u->session[CANDIDATE];
	u->session[CANDIDATE] = NULL;
	if (old)
		session_close(old);
	heartbeat_init(&u->hb, &u->domain->heartbeat, loop_now(u->cx.loop));
	hb_rearm(u);
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	u->reason[0] = '\0';
	set_availability(u, SERVER_AVAILABLE);
	if (old)
		u->cx.ops->renewed(u->cx.arg, u);
	for (struct observation *o = u->observations; o; o = o->next)
		observation_send(o);
}

static const char *
on_judge(void *arg, struct session *s)
{
	(void)arg;
	(void)s; /* chain, validity and name are proven below us; nothing else to ask of a server */
	return NULL;
}

static void
raise_up(struct upstream *u, struct session *s)
{
	char local[ADDR_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
	const struct peer_id *peer = session_peer(s);

	event_raise(EVENT_SESSION_UP, EVENT_F("role", "client"), EVENT_F("peer", peer->name),
		EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name),
		EVENT_F("source", addr_format(&session_local(s)->addr, local)),
		EVENT_F("address", endpoint_format(session_remote(s), remote)),
		EVENT_F("interface", session_interface(s)), EVENT_F("ca", peer->issuer),
		EVENT_F("credential", credentials_label(u->credentials)),
		EVENT_F("resumed", session_was_resumed(s) ? "yes" : "no"));
}

static void
on_up(void *arg, struct session *s)
{
	struct upstream *u = arg;

	assert(s == u->session[CANDIDATE]);
	u->ever_up = true;
	u->failed = 0;
	u->heard = loop_now(u->cx.loop);
	resumption_free(u->resume);
	u->resume = session_resumption(s);
	snprintf(u->interface, sizeof(u->interface), "%s", session_interface(s));
	raise_up(u, s);
	/* With a live session, the first that answers wins; without open requests the handshake
	 * itself was the answer, and what waits for it is sent by the wishes. */
	if (u->session[CURRENT] && u->requests) {
		for (struct open_request *r = u->requests; r; r = r->next)
			request_on_line(r, CANDIDATE);
		return;
	}
	promote(u);
}

/* Without a session nothing is open but what a candidate carries: what is still wanted when the
 * server is back is sent anew, and nothing else. */
static void
drop_requests(struct upstream *u)
{
	struct open_request *r, *next;

	for (r = u->requests; r; r = next) {
		next = r->next;
		r->handle[CURRENT] = 0;
		if (!r->handle[CANDIDATE])
			request_unlink(u, r);
	}
}

static void
on_down(void *arg, struct session *s, const char *reason)
{
	struct upstream *u = arg;

	if (s == u->session[CANDIDATE]) {
		bool was_up = session_is_up(s);

		for (struct open_request *r = u->requests; r; r = r->next)
			r->handle[CANDIDATE] = 0;
		if (!was_up)
			failed_attempt(u, reason);
		u->session[CANDIDATE] = NULL;
		return;
	}
	if (s != u->session[CURRENT])
		return; /* the old one after a promotion */
	u->session[CURRENT] = NULL;
	u->hb_handle = 0;
	drop_requests(u);
	observations_reset(u);
	timer_stop(u->hb_timer);
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	event_raise(EVENT_SESSION_DOWN, EVENT_F("role", "client"), EVENT_F("peer", u->server->name),
		EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name),
		EVENT_F("reason", reason));
	set_availability(u, SERVER_UNAVAILABLE);
	if (!u->session[CANDIDATE])
		attempt_at(u, loop_now(u->cx.loop) + RECONNECT_MS);
}

static void
on_heard(void *arg, struct session *s)
{
	struct upstream *u = arg;

	u->heard = loop_now(u->cx.loop);
	if (s != u->session[CURRENT])
		return;
	if (heartbeat_heard(&u->hb, u->heard)) {
		raise_session(EVENT_SESSION_HEARD, u);
		if (u->session[CANDIDATE]) /* the old one lives: the new attempt is not needed */
			session_close(u->session[CANDIDATE]);
		set_availability(u, SERVER_AVAILABLE);
	}
	hb_rearm(u);
}

/* A server asks us only for heartbeats (RFC 9132 4.7). */
static void
on_request(void *arg, struct session *s, struct exchange *ex, const struct coap_msg *req)
{
	struct upstream *u = arg;
	struct coap_msg response;
	struct path path;
	const char *why = "RFC 9132 4.7: a DOTS client serves heartbeats only";

	if (path_parse(req, &path, &why) == 0 && path.resource == PATH_HB &&
		req->code == COAP_PUT) {
		coap_init(&response, COAP_NON, COAP_204_CHANGED);
		if (s == u->session[CURRENT])
			heartbeat_peer(&u->hb, loop_now(u->cx.loop));
		event_raise(EVENT_HEARTBEAT, EVENT_F("role", "client"), EVENT_F("direction", "in"),
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name));
	} else {
		coap_init(&response, COAP_NON, COAP_404_NOT_FOUND);
		response.payload = (const uint8_t *)why;
		response.payload_len = strlen(why);
	}
	exchange_respond(ex, &response);
}

static const struct session_ops session_ops = {
	.judge = on_judge,
	.up = on_up,
	.down = on_down,
	.request = on_request,
	.heard = on_heard,
};

/* ---- dialling ---------------------------------------------------------------------------- */

static bool
choose_source(struct upstream *u, const char *interface, const struct addr *to, struct addr *ret,
	char *why, size_t cap)
{
	size_t n = 0;
	const struct link_addr *la = links_addrs(u->cx.links, &n);
	struct local_addr *local = mem_array(n ? n : 1, sizeof(*local));
	int r;

	for (size_t i = 0; i < n; i++)
		local[i] = (struct local_addr){.addr = la[i].addr,
			.on_link = la[i].prefix,
			.interface = la[i].interface,
			.deprecated = la[i].deprecated,
			.temporary = la[i].temporary,
			.tentative = la[i].tentative};
	r = source_select(u->homing, u->domain, interface, to, local, n, ret, why, cap);
	free(local);
	return r == 0;
}

/* The next address of the server that the domain has a source for, both into d. */
static bool
next_address(struct upstream *u, const char *interface, const struct addr *list, size_t n,
	struct dial *d, char *why, size_t cap)
{
	for (size_t i = 0; i < n; i++) {
		const struct addr *to = &list[(u->next_addr + i) % n];

		if (!choose_source(u, interface, to, &d->source, why, cap))
			continue;
		d->remote.addr = *to;
		u->next_addr += i;
		return true;
	}
	return false;
}

static void
dial_one_of(struct upstream *u, const char *interface, const struct addr *list, size_t n,
	const char *cause)
{
	char why[REASON_MAX] = "", source[ADDR_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
	struct dial d = {.interface = interface,
		.remote = {.port = u->server->port},
		.server_name = u->server->name,
		.credentials = u->credentials,
		.resume = u->resume};
	int error = 0;

	if (!next_address(u, interface, list, n, &d, why, sizeof(why))) {
		cannot_attempt(u, why);
		return;
	}
	u->session[CANDIDATE] = session_dial(u->cx.loop, &d, &session_ops, u, &error);
	if (!u->session[CANDIDATE]) {
		cannot_attempt(u, strerror(-error));
		return;
	}
	u->needs_link = false;
	u->local_retry = 0;
	event_raise(EVENT_SESSION_ATTEMPT, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name),
		EVENT_F("address", endpoint_format(&d.remote, remote)),
		EVENT_F("source", addr_format(&d.source, source)), EVENT_F("interface", interface),
		EVENT_F("reason", cause));
}

static void
on_resolved(void *arg, const struct resolver_answer *a)
{
	struct upstream *u = arg;
	mono_ms now = loop_now(u->cx.loop);
	char text[ADDR_TEXT_MAX];

	u->resolving = false;
	if (a->error) {
		event_raise(EVENT_RESOLVE_FAILED, EVENT_F("domain", u->domain->name),
			EVENT_F("name", u->server->name), EVENT_F("reason", a->why));
		snprintf(u->reason, sizeof(u->reason), "cannot resolve %.100s", u->server->name);
		attempt_at(u, now + RESOLVE_RETRY_MS);
		return;
	}
	u->n_addrs = a->n_addrs;
	memcpy(u->addrs, a->addrs, a->n_addrs * sizeof(a->addrs[0]));
	u->addrs_until = now + (a->ttl > 60 ? (int64_t)a->ttl : 60) * 1000;
	event_raise(EVENT_RESOLVED, EVENT_F("domain", u->domain->name),
		EVENT_F("name", u->server->name),
		EVENT_F("addresses", addr_format(&a->addrs[0], text)),
		EVENT_F("interface", u->interface));
	attempt_at(u, now);
}

/* Who can be asked, and from where: the domain's own address of the family. */
static void
choose_resolvers(struct upstream *u, const char *interface, struct resolver_config *cfg,
	struct endpoint *servers, struct addr sources[static 2], char *why, size_t cap)
{
	const struct domain *d = u->domain;
	struct addr source;

	for (size_t i = 0; i < d->n_resolvers; i++) {
		uint8_t family = d->resolvers[i].addr.family;
		bool known = (cfg->n_sources > 0 && sources[0].family == family) ||
			     (cfg->n_sources > 1 && sources[1].family == family);

		if (!known &&
			!choose_source(u, interface, &d->resolvers[i].addr, &source, why, cap))
			continue;
		if (!known)
			sources[cfg->n_sources++] = source;
		servers[cfg->n_servers++] = d->resolvers[i];
	}
	cfg->servers = servers;
	cfg->sources = sources;
}

/* The domain's own resolvers, over its own link, from its own address (RFC 9284 5.1). */
static void
resolve(struct upstream *u, const char *interface)
{
	size_t n = u->domain->n_resolvers;
	struct endpoint *servers = mem_array(n ? n : 1, sizeof(*servers));
	struct resolver_config cfg = {.interface = interface};
	char why[REASON_MAX] = "no address and no resolver configured";
	struct addr sources[2];

	choose_resolvers(u, interface, &cfg, servers, sources, why, sizeof(why));
	if (!cfg.n_servers) {
		cannot_attempt(u, why);
	} else {
		resolver_free(u->resolver);
		u->resolver = resolver_new(u->cx.loop, &cfg);
		if (!u->resolver)
			failed_attempt(u, strerror(errno));
	}
	free(servers);
	if (!cfg.n_servers || !u->resolver)
		return;
	u->resolving = true;
	snprintf(u->interface, sizeof(u->interface), "%s", interface ? interface : "");
	resolver_lookup(u->resolver, u->server->name, on_resolved, u);
}

/* One attempt now; nothing while one is under way or the link is known to be down. */
static void
start_candidate(struct upstream *u, const char *why)
{
	bool bound;
	const char *interface = pick_interface(u, &bound);

	if (u->session[CANDIDATE] || u->resolving || !u->credentials)
		return;
	if (bound && !interface) {
		u->needs_link = true;
		u->next_attempt = INT64_MAX; /* link-up starts it */
		snprintf(u->reason, sizeof(u->reason), "interface %s is down",
			u->domain->interfaces[0]);
		return;
	}
	if (u->failed && loop_now(u->cx.loop) < u->failed + RETRY_ATTACK_MS) {
		attempt_at(u, u->failed + RETRY_ATTACK_MS);
		return;
	}
	u->next_attempt = INT64_MAX;
	if (u->server->n_addresses) {
		dial_one_of(u, interface, u->server->addresses, u->server->n_addresses, why);
	} else if (u->n_addrs && loop_now(u->cx.loop) < u->addrs_until) {
		dial_one_of(u, interface, u->addrs, u->n_addrs, why);
	} else {
		resolve(u, interface);
	}
}

static void
dial_due(void *arg)
{
	struct upstream *u = arg;

	if (u->session[CURRENT] && !u->hb.lost)
		return;
	start_candidate(u, u->ever_up ? "reconnect" : "start");
}

void
upstream_parallel(struct upstream *u)
{
	if (u->session[CURRENT])
		start_candidate(u, "request unanswered");
	else
		upstream_hurry(u);
}

void
upstream_hurry(struct upstream *u)
{
	mono_ms soonest = u->failed ? u->failed + RETRY_ATTACK_MS : loop_now(u->cx.loop);

	if (!u->session[CURRENT] && !u->session[CANDIDATE] && !u->resolving &&
		soonest < u->next_attempt)
		attempt_at(u, soonest);
}

static void
drop_session(struct upstream *u, int line)
{
	if (u->session[line])
		session_abandon(u->session[line]);
	u->session[line] = NULL;
}

/* Sessions stay: a short flap loses nothing. New attempts wait for the link; one that is under way
 * is given up, and counts for the distance between handshakes: the server has seen it. */
static void
link_lost(struct upstream *u)
{
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	u->needs_link = true;
	snprintf(u->reason, sizeof(u->reason), "interface %s is down", u->domain->interfaces[0]);
	for (struct open_request *r = u->requests; r; r = r->next)
		r->handle[CANDIDATE] = 0;
	if (u->session[CANDIDATE] && !session_is_up(u->session[CANDIDATE]))
		u->failed = loop_now(u->cx.loop);
	drop_session(u, CANDIDATE);
	resolver_free(u->resolver);
	u->resolver = NULL;
	u->resolving = false;
	set_availability(u, SERVER_UNAVAILABLE);
}

void
upstream_link_changed(struct upstream *u, const char *interface)
{
	bool ours = has_interface(u->domain, interface);
	bool bound, up = pick_interface(u, &bound) || !bound;

	if (ours && !up)
		link_lost(u);
	else if (ours && u->session[CURRENT])
		set_availability(u, u->hb.silent || u->hb.lost ? SERVER_SILENT : SERVER_AVAILABLE);
	if (!up || !u->needs_link)
		return; /* an address on another link may be the source that was missing */
	u->needs_link = false;
	u->local_retry = 0;
	if (!u->session[CURRENT] || u->hb.lost)
		attempt_at(
			u, loop_now(u->cx.loop)); /* sooner than its pace allows it is not made */
}

/* ---- life -------------------------------------------------------------------------------- */

struct upstream *
upstream_new(const struct upstream_context *cx, const struct homing *h, const struct domain *d,
	const struct domain_server *s, struct credentials *cred)
{
	struct upstream *u = mem_new(sizeof(*u));

	u->cx = *cx;
	u->homing = h;
	u->domain = d;
	u->server = s;
	u->credentials = cred ? credentials_ref(cred) : NULL;
	u->hb_timer = timer_new(cx->loop, hb_due, u);
	u->dial_timer = timer_new(cx->loop, dial_due, u);
	u->observe_timer = timer_new(cx->loop, observe_due, u);
	u->heard = -1;
	if (cred)
		attempt_at(u, loop_now(cx->loop));
	else
		snprintf(u->reason, sizeof(u->reason), "no usable credentials");
	return u;
}

void
upstream_free(struct upstream *u)
{
	if (!u)
		return;
	while (u->requests)
		request_unlink(u, u->requests);
	while (u->observations)
		upstream_unobserve(u, u->observations->mid);
	if (u->hb_handle > 0 && u->session[CURRENT])
		request_cancel(u->session[CURRENT], u->hb_handle);
	drop_session(u, CURRENT);
	drop_session(u, CANDIDATE);
	resolver_free(u->resolver);
	resumption_free(u->resume);
	timer_free(u->hb_timer);
	timer_free(u->dial_timer);
	timer_free(u->observe_timer);
	credentials_unref(u->credentials);
	free(u);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool
same_access(const struct domain *a, const struct domain *b)
{
	if (a->n_interfaces != b->n_interfaces || !addr_equal(&a->source, &b->source) ||
		!same_text(a->credentials.certificate, b->credentials.certificate) ||
		!same_text(a->credentials.psk_identity, b->credentials.psk_identity))
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
			return false;
	return true;
}

static bool
same_server(const struct domain_server *a, const struct domain_server *b)
{
	if (strcmp(a->name, b->name) != 0 || a->port != b->port || a->n_addresses != b->n_addresses)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!addr_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

bool
upstream_rebind(struct upstream *u, const struct homing *h, const struct domain *d,
	const struct domain_server *s, struct credentials *cred)
{
	if (strcmp(u->domain->name, d->name) != 0 || !same_access(u->domain, d) ||
		!same_server(u->server, s))
		return false;
	u->homing = h;
	u->domain = d;
	u->server = s;
	if (cred)
		credentials_ref(cred);
	credentials_unref(u->credentials);
	u->credentials = cred;
	heartbeat_configure(&u->hb, &d->heartbeat, loop_now(u->cx.loop));
	hb_rearm(u);
	return true;
}

const struct domain_server *
upstream_server(const struct upstream *u)
{
	return u->server;
}

struct credentials *
upstream_credentials(const struct upstream *u)
{
	return u->credentials;
}

static const char *
state_text(const struct upstream *u)
{
	if (u->session[CURRENT] && u->availability != SERVER_UNAVAILABLE)
		return u->availability == SERVER_SILENT ? "silent" : "available";
	if (u->session[CANDIDATE] || u->resolving)
		return "connecting";
	return u->next_attempt == INT64_MAX && u->credentials ? "link down" : "waiting";
}

void
upstream_view(const struct upstream *u, struct server_view *ret)
{
	const struct session *s = u->session[CURRENT];
	mono_ms now = loop_now(u->cx.loop);

	*ret = (struct server_view){
		.domain = u->domain->name,
		.server = u->server->name,
		.interface = u->interface,
		.state = state_text(u),
		.reason = u->reason,
		.credential = u->credentials ? credentials_label(u->credentials) : "",
		.gateway = u->domain->gateway,
		.next_attempt_s =
			u->next_attempt == INT64_MAX || s ? -1 : (u->next_attempt - now) / 1000,
		.heard_s = u->heard < 0 ? -1 : (now - u->heard) / 1000,
	};
	if (s) {
		ret->local = *session_local(s);
		ret->remote = *session_remote(s);
		ret->resumed = session_was_resumed(s);
	}
}
