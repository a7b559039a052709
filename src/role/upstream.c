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
	CANDIDATE_MS = 20000,     /* a second session has to answer within that */
	OBSERVE_REPEAT_MS = 3000, /* RFC 9132 4.4: Non-confirmable requests at most every 3 s */
	OBSERVE_TRIES = 20,
	/* A session keeps 64 requests open (net/session.h); they are shared out: */
	WINDOW = 24,           /* requests under way to a server that answers … */
	WINDOW_MS = 200,       /* … and without an answer for that long so many more */
	OBSERVATIONS_MAX = 24, /* subscriptions */
	LOOKS_MAX = 8,         /* questions for the status of what has none */
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
	int64_t handle[2]; /* by line; 0: not open there */
	mono_ms sent[2];
	bool waiting[2]; /* to be sent (again) */
	struct upstream *u;
};

struct observation {
	struct observation *next;
	struct upstream *u;
	uint32_t mid;
	char cuid[PATH_ID_MAX + 1];
	int64_t handle;  /* on the current session; 0: not sent */
	bool subscribed; /* that is with Observe */
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
	struct timer *hb_timer, *dial_timer, *observe_timer, *window_timer;
	enum availability availability;
	mono_ms next_attempt; /* INT64_MAX: none planned */
	mono_ms failed;       /* when the last attempt failed or was cut off; 0: it did not */
	mono_ms candidate_up; /* since when the candidate is; 0: it is not yet */
	mono_ms heard;
	bool ever_up;
	bool answered;  /* the server has answered something on the current session */
	bool pressing;  /* a request is unanswered there: another session is tried beside it */
	bool suspended; /* an attempt waits for a link, an address or a route */
	int64_t local_retry;
	char interface[IFNAMSIZ];
	char reason[REASON_MAX];
	struct open_request *requests; /* in the order in which they were begun */
	unsigned in_a_row;
	struct observation *observations;
};

/* ---- small helpers ----------------------------------------------------------------------- */

static enum session_transport
transport_of(const struct upstream *u)
{
	return u->server->transport == SERVER_TCP ? SESSION_TCP : SESSION_UDP;
}

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

/* First interface of the server's access that is up; NULL with *ret_bound false: any will do. */
static const char *
pick_interface(const struct upstream *u, bool *ret_bound)
{
	char **links;
	size_t n = domain_access(u->domain, u->server, &links);

	*ret_bound = n > 0;
	for (size_t i = 0; i < n; i++)
		if (links_up(u->cx.links, links[i]))
			return links[i];
	return NULL;
}

static bool
has_interface(const struct upstream *u, const char *name)
{
	char **links;
	size_t n = domain_access(u->domain, u->server, &links);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(links[i], name))
			return true;
	return n == 0;
}

static void
tell_failure(struct upstream *u, const char *reason)
{
	char remote[ENDPOINT_TEXT_MAX] = "";
	const struct endpoint *e =
		u->session[CANDIDATE] ? session_remote(u->session[CANDIDATE]) : NULL;

	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	event_raise(EVENT_SESSION_FAILED, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name),
		EVENT_F("address", e ? endpoint_format(e, remote) : NULL),
		EVENT_F("reason", reason),
		EVENT_N("retry", (u->next_attempt - loop_now(u->cx.loop)) / 1000),
		EVENT_F("behalf", u->cx.behalf));
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name), EVENT_F("section", "RFC 9132 4.7"));
}

static void
failed_attempt(struct upstream *u, const char *reason)
{
	u->failed = loop_now(u->cx.loop);
	u->next_addr++;
	attempt_at(u, u->failed + retry_gap(u));
	tell_failure(u, reason);
}

/* No packet left for the server, so RFC 9132 4.7 asks for no pause; told once. */
static void
cannot_attempt(struct upstream *u, const char *reason)
{
	bool known = !strcmp(u->reason, reason);

	u->suspended = true;
	u->local_retry = u->local_retry ? 2 * u->local_retry : LOCAL_RETRY_MS;
	if (u->local_retry > LOCAL_RETRY_MAX)
		u->local_retry = LOCAL_RETRY_MAX;
	attempt_at(u, loop_now(u->cx.loop) + u->local_retry);
	if (!known)
		tell_failure(u, reason);
}

/* The moment from which on the pace of RFC 9132 4.7 allows an attempt. */
static mono_ms
soonest(const struct upstream *u)
{
	mono_ms now = loop_now(u->cx.loop);

	return u->failed && u->failed + RETRY_ATTACK_MS > now ? u->failed + RETRY_ATTACK_MS : now;
}

/* The current session's link is up, and its address is there still. The address may be one of
 * another link (of the domain's prefix on the inside); without a device of its own the session's
 * link is where the address is. */
static bool
line_works(const struct upstream *u)
{
	const struct session *s = u->session[CURRENT];
	const char *bound = session_interface(s);
	size_t n = 0;
	const struct link_addr *la = links_addrs(u->cx.links, &n);

	for (size_t i = 0; i < n; i++)
		if (addr_equal(&la[i].addr, &session_local(s)->addr) && !la[i].tentative &&
			links_up(u->cx.links, *bound ? bound : la[i].interface))
			return true;
	return false;
}

static bool
wants_session(const struct upstream *u)
{
	return !u->session[CURRENT] || u->hb.lost || u->pressing || !line_works(u);
}

/* Rule M3: without an association, or with its link known to be down, nothing can be asked there.
 */
static void
see_availability(struct upstream *u)
{
	if (!u->session[CURRENT] || !line_works(u))
		set_availability(u, SERVER_UNAVAILABLE);
	else
		set_availability(u, u->hb.silent || u->hb.lost ? SERVER_SILENT : SERVER_AVAILABLE);
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

static void send_waiting(struct upstream *u);

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
	if (!u->requests)
		u->pressing = false;
}

static void promote(struct upstream *u);
static void drop_candidate(struct upstream *u);

static void
request_done(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct open_request *r = arg;
	struct upstream *u = r->u;
	int line = u->session[CANDIDATE] == s ? CANDIDATE : CURRENT;
	mono_ms renewed = line == CANDIDATE ? u->candidate_up : 0;
	uint32_t mid = r->mid;
	uint8_t method = r->method;

	(void)error;
	r->handle[line] = 0;
	if (response && u->in_a_row) {
		u->in_a_row--;
		timer_after(u->window_timer, WINDOW_MS);
	}
	if (!response) /* that session is over; the other one, or the next, carries it */
		return;
	request_unlink(u, r);
	if (line == CANDIDATE)
		promote(u);
	else if (!u->requests) /* the first that answers wins */
		drop_candidate(u);
	u->answered = true;
	send_waiting(u);
	u->cx.ops->answered(u->cx.arg, u, mid, method, response);
	if (renewed)
		u->cx.ops->renewed(u->cx.arg, u, renewed);
}

/* A session keeps so many requests open and no more: the one sent longest ago gives up its place.
 * It is sent again when its repeat is due. False: there is none. */
static bool
make_room(struct upstream *u, int line)
{
	struct open_request *oldest = NULL;

	for (struct open_request *r = u->requests; r; r = r->next)
		if (r->handle[line] && (!oldest || r->sent[line] < oldest->sent[line]))
			oldest = r;
	if (!oldest)
		return false;
	request_cancel(u->session[line], oldest->handle[line]);
	oldest->handle[line] = 0;
	return true;
}

static void
request_begin(struct open_request *r, int line)
{
	struct upstream *u = r->u;
	struct session *s = u->session[line];
	char storage[PATH_STORAGE];
	struct coap_msg m;
	int64_t handle;

	build_request(&m, r->method, r->cuid, r->mid, storage);
	if (r->payload) {
		coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
		m.payload = r->payload;
		m.payload_len = r->len;
	}
	do
		handle = request_send(s, &m, request_done, r);
	while (handle == -EMFILE && make_room(u, line));
	if (handle > 0)
		r->handle[line] = handle;
	else
		event_raise(EVENT_ALERT, EVENT_F("reason", strerror((int)-handle)),
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name),
			EVENT_F("section", "RFC 9132 7.3"));
}

static void
request_on_line(struct open_request *r, int line)
{
	struct upstream *u = r->u;
	struct session *s = u->session[line];

	if (!r->waiting[line])
		return;
	r->waiting[line] = false;
	if (!s || !session_is_up(s))
		return;
	if (r->handle[line] > 0)
		request_repeat(s, r->handle[line]);
	else
		request_begin(r, line);
	r->sent[line] = loop_now(u->cx.loop);
	if (line == CURRENT)
		u->cx.ops->sent(u->cx.arg, u, r->mid);
}

static struct open_request *
first_waiting(const struct upstream *u)
{
	struct open_request *r = u->requests;

	while (r && !r->waiting[CURRENT] && !r->waiting[CANDIDATE])
		r = r->next;
	return r;
}

/* A server that answers sets the pace (RFC 9132 4.4: on average one datagram a round trip); one
 * that does not gets them in heaps that it has room for. */
static void
send_waiting(struct upstream *u)
{
	struct open_request *r;

	while (u->in_a_row < WINDOW && (r = first_waiting(u))) {
		if (u->in_a_row++ == 0)
			timer_after(u->window_timer, WINDOW_MS);
		request_on_line(r, CURRENT);
		request_on_line(r, CANDIDATE);
	}
}

static void
window_due(void *arg)
{
	struct upstream *u = arg;

	u->in_a_row = 0;
	send_waiting(u);
}

static void
send_all(struct upstream *u, int line)
{
	for (struct open_request *r = u->requests; r; r = r->next)
		r->waiting[line] = true;
	send_waiting(u);
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
	struct open_request *r = request_find(u, mid), **last = &u->requests;

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
	while (*last)
		last = &(*last)->next;
	*last = r;
	r->waiting[CURRENT] = r->waiting[CANDIDATE] = true;
	send_waiting(u);
}

void
upstream_repeat(struct upstream *u, uint32_t mid)
{
	struct open_request *r = request_find(u, mid);

	if (!r)
		return;
	r->waiting[CURRENT] = r->waiting[CANDIDATE] = true;
	send_waiting(u);
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
	uint32_t sequence;

	(void)s;
	(void)error;
	if (!response) {
		o->handle = 0;
		o->answered = false;
		return;
	}
	o->answered = true;
	o->u->answered = true;
	if (coap_class(response->code) != 2 ||
		!coap_get_uint(response, COAP_OPT_OBSERVE, &sequence))
		o->handle = 0; /* that was the last one (RFC 7641 3.2, 4.2) */
	o->u->cx.ops->observed(o->u->cx.arg, o->u, o->mid, response);
}

static unsigned
count_open(const struct upstream *u, bool subscribed)
{
	unsigned n = 0;

	for (const struct observation *o = u->observations; o; o = o->next)
		n += o->handle > 0 && o->subscribed == subscribed;
	return n;
}

/* With Observe while there is room; else its status is asked for once, in turn with others. */
static void
observation_send(struct observation *o)
{
	struct upstream *u = o->u;
	struct session *s = u->session[CURRENT];
	char storage[PATH_STORAGE];
	struct coap_msg m;
	int64_t handle = 0;

	if (!s || !session_is_up(s))
		return;
	timer_after(u->observe_timer, OBSERVE_REPEAT_MS);
	if (o->handle > 0) {
		request_repeat(s, o->handle);
	} else {
		o->subscribed = count_open(u, true) < OBSERVATIONS_MAX;
		if (!o->subscribed && count_open(u, false) >= LOOKS_MAX)
			return; /* later */
		build_request(&m, COAP_GET, o->cuid, o->mid, storage);
		if (o->subscribed)
			coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
		handle = request_send(s, &m, observation_answer, o);
		o->handle = handle > 0 ? handle : 0;
	}
	if (o->handle) {
		o->sent = loop_now(u->cx.loop);
		o->tries++;
	}
}

static void
observation_cancel(struct observation *o)
{
	if (o->handle > 0 && o->u->session[CURRENT])
		request_cancel(o->u->session[CURRENT], o->handle);
	o->handle = 0;
}

static void
observe_due(void *arg)
{
	struct upstream *u = arg;
	mono_ms now = loop_now(u->cx.loop);

	for (struct observation *o = u->observations; o; o = o->next) {
		if (o->answered || now - o->sent < OBSERVE_REPEAT_MS)
			continue;
		if (o->tries < OBSERVE_TRIES)
			observation_send(o);
		else
			observation_cancel(o); /* until it is refreshed */
	}
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

static void
unobserve(struct upstream *u, uint32_t mid)
{
	for (struct observation **p = &u->observations; *p; p = &(*p)->next) {
		struct observation *o = *p;

		if (o->mid != mid)
			continue;
		*p = o->next;
		observation_cancel(o);
		free(o);
		return;
	}
}

void
upstream_forget(struct upstream *u, uint32_t mid)
{
	struct open_request *r = request_find(u, mid);

	if (r)
		request_unlink(u, r);
	unobserve(u, mid);
}

/* ---- heartbeats -------------------------------------------------------------------------- */

static void
raise_session(enum event_id id, const struct upstream *u)
{
	event_raise(id, EVENT_F("role", "client"), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name), EVENT_F("peer", u->server->name),
		EVENT_F("behalf", u->cx.behalf));
}

static void
hb_answered(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct upstream *u = arg;

	(void)error;
	if (s != u->session[CURRENT])
		return;
	u->hb_handle = 0;
	if (response) {
		u->answered = true;
		heartbeat_answered(&u->hb, loop_now(u->cx.loop));
	}
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
		do
			u->hb_handle = hb_send(s, due.peer_hb_status, hb_answered, u);
		while (u->hb_handle == -EMFILE && make_room(u, CURRENT));
		event_raise(EVENT_HEARTBEAT, EVENT_F("role", "client"), EVENT_F("direction", "out"),
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name));
	}
	if (due.became_silent) {
		raise_session(EVENT_SESSION_SILENT, u);
		see_availability(u);
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
		observation_cancel(o);
		o->answered = false;
		o->tries = 0;
	}
}

/* Not needed, or cut off. An attempt that was under way counts for the pace as if it had failed. */
static void
drop_candidate(struct upstream *u)
{
	if (!u->session[CANDIDATE])
		return;
	for (struct open_request *r = u->requests; r; r = r->next)
		r->handle[CANDIDATE] = 0;
	if (!u->candidate_up)
		u->failed = loop_now(u->cx.loop);
	u->candidate_up = 0;
	session_abandon(u->session[CANDIDATE]);
	u->session[CANDIDATE] = NULL;
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
}

/* The candidate is the session from now on; the caller tells that it is `renewed`, if an answer has
 * decided it, after that. */
static void
promote(struct upstream *u)
{
	struct session *old = u->session[CURRENT];

	observations_reset(u);
	if (u->hb_handle > 0 && old)
		request_cancel(old, u->hb_handle);
	u->hb_handle = 0;
	for (struct open_request *r = u->requests; r; r = r->next) {
		r->handle[CURRENT] = r->handle[CANDIDATE];
		r->waiting[CURRENT] = r->waiting[CANDIDATE];
		r->handle[CANDIDATE] = 0;
		r->waiting[CANDIDATE] = false;
	}
	u->session[CURRENT] = u->session[CANDIDATE];
	u->session[CANDIDATE] = NULL;
	u->candidate_up = u->failed = 0;
	u->answered = u->pressing = false;
	if (old)
		session_abandon(old);
	heartbeat_init(&u->hb, &u->domain->heartbeat, loop_now(u->cx.loop));
	hb_rearm(u);
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	u->reason[0] = '\0';
	see_availability(u);
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
		EVENT_F("interface", session_interface(s)),
		EVENT_F("transport", session_transport_name(session_transport(s))),
		EVENT_F("ca", peer->issuer),
		EVENT_F("credential", credentials_label(u->credentials)),
		EVENT_F("resumed", session_was_resumed(s) ? "yes" : "no"),
		EVENT_F("behalf", u->cx.behalf));
}

/* The candidate becomes the session, whatever was answered. */
static void
take_over(struct upstream *u)
{
	mono_ms since = u->candidate_up;

	promote(u);
	u->cx.ops->renewed(u->cx.arg, u, since);
}

static void
on_up(void *arg, struct session *s)
{
	struct upstream *u = arg;

	assert(s == u->session[CANDIDATE]);
	u->ever_up = true;
	u->heard = u->candidate_up = loop_now(u->cx.loop);
	resumption_free(u->resume);
	u->resume = session_resumption(s);
	snprintf(u->interface, sizeof(u->interface), "%s", session_interface(s));
	raise_up(u, s);
	/* Beside a session that may live the first that answers wins; without open requests the
	 * handshake itself was the answer. */
	if (u->session[CURRENT] && u->requests && line_works(u)) {
		send_all(u, CANDIDATE);
		attempt_at(u, u->candidate_up + CANDIDATE_MS);
		return;
	}
	take_over(u);
}

/* The current session is gone. A candidate that is up takes its place. */
static void
lose_current(struct upstream *u, const char *reason)
{
	u->session[CURRENT] = NULL;
	u->hb_handle = 0;
	for (struct open_request *r = u->requests; r; r = r->next)
		r->handle[CURRENT] = 0;
	observations_reset(u);
	timer_stop(u->hb_timer);
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	event_raise(EVENT_SESSION_DOWN, EVENT_F("role", "client"), EVENT_F("peer", u->server->name),
		EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name),
		EVENT_F("reason", reason), EVENT_F("behalf", u->cx.behalf));
	see_availability(u);
	if (u->candidate_up)
		take_over(u);
}

static void
on_down(void *arg, struct session *s, const char *reason)
{
	struct upstream *u = arg;

	if (s == u->session[CANDIDATE]) {
		for (struct open_request *r = u->requests; r; r = r->next)
			r->handle[CANDIDATE] = 0;
		u->candidate_up = 0;
		failed_attempt(u, reason);
		u->session[CANDIDATE] = NULL;
		return;
	}
	assert(s == u->session[CURRENT]);
	lose_current(u, reason);
	if (u->session[CURRENT] || u->session[CANDIDATE])
		return;
	if (u->answered)
		attempt_at(u, loop_now(u->cx.loop) + RECONNECT_MS);
	else /* closed before it was of any use, as for a client that is not welcome */
		failed_attempt(u, reason);
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
		see_availability(u);
	}
	if (!u->requests) /* the old one lives: the new attempt is not needed (RFC 9132 4.7) */
		drop_candidate(u);
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
		if (s == u->session[CURRENT]) {
			u->answered = true;
			heartbeat_peer(&u->hb, loop_now(u->cx.loop));
		}
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
	size_t n = 0, n_local = 0;
	const struct link_addr *la = links_addrs(u->cx.links, &n);
	struct local_addr *local = mem_array(n ? n : 1, sizeof(*local));
	int r;

	for (size_t i = 0; i < n; i++)
		if (interface || links_up(u->cx.links, la[i].interface))
			local[n_local++] = (struct local_addr){.addr = la[i].addr,
				.on_link = la[i].prefix,
				.interface = la[i].interface,
				.deprecated = la[i].deprecated,
				.temporary = la[i].temporary,
				.tentative = la[i].tentative};
	r = source_select(u->homing, u->domain, interface, to, local, n_local, ret, why, cap);
	free(local);
	return r == 0;
}

/* False: nothing can be sent there, `why` says so. */
static bool
dial_address(struct upstream *u, const char *interface, const struct addr *to, const char *cause,
	char *why, size_t cap)
{
	char source[ADDR_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
	struct dial d = {.transport = transport_of(u),
		.interface = interface,
		.remote = {.addr = *to, .port = u->server->port},
		.server_name = u->server->name,
		.credentials = u->credentials,
		.resume = u->resume};
	int error = 0;

	if (!choose_source(u, interface, to, &d.source, why, cap))
		return false;
	u->session[CANDIDATE] = session_dial(u->cx.loop, &d, &session_ops, u, &error);
	if (!u->session[CANDIDATE]) {
		snprintf(why, cap, "%s: %s", endpoint_format(&d.remote, remote), strerror(-error));
		return false;
	}
	u->suspended = false;
	u->local_retry = 0;
	event_raise(EVENT_SESSION_ATTEMPT, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name),
		EVENT_F("address", endpoint_format(&d.remote, remote)),
		EVENT_F("source", addr_format(&d.source, source)), EVENT_F("interface", interface),
		EVENT_F("transport", session_transport_name(d.transport)), EVENT_F("reason", cause),
		EVENT_F("behalf", u->cx.behalf));
	return true;
}

/* The next address in turn that we have a source for: the others are no attempts. */
static void
dial_next(struct upstream *u, const char *interface, const struct addr *addrs, size_t n,
	const char *cause)
{
	char why[REASON_MAX] = "", first[REASON_MAX] = "";

	for (size_t i = 0; i < n; i++, u->next_addr++) {
		if (dial_address(u, interface, &addrs[u->next_addr % n], cause, why, sizeof(why)))
			return;
		if (!i)
			memcpy(first, why, sizeof(first));
	}
	cannot_attempt(u, first);
}

/* Without any address the operator has to look; told once. What was known serves meanwhile. */
static void
unresolved(struct upstream *u, const char *cause)
{
	char why[REASON_MAX];

	event_raise(EVENT_RESOLVE_FAILED, EVENT_F("domain", u->domain->name),
		EVENT_F("name", u->server->name), EVENT_F("reason", cause));
	snprintf(why, sizeof(why), "cannot resolve %.100s", u->server->name);
	if (!u->n_addrs && strcmp(u->reason, why) != 0)
		event_raise(EVENT_ALERT, EVENT_F("reason", why), EVENT_F("domain", u->domain->name),
			EVENT_F("server", u->server->name), EVENT_F("section", "RFC 9284 5.1"));
	snprintf(u->reason, sizeof(u->reason), "%s", why);
}

static void
on_resolved(void *arg, const struct resolver_answer *a)
{
	struct upstream *u = arg;
	mono_ms now = loop_now(u->cx.loop);
	char text[ADDR_TEXT_MAX];

	u->resolving = false;
	if (a->error) {
		unresolved(u, a->why);
		u->addrs_until = now + RESOLVE_RETRY_MS;
		attempt_at(u, u->n_addrs ? now : now + RESOLVE_RETRY_MS);
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

/* One source a family, and those resolvers that one of them can ask; the resolver's own choice of
 * a source might be another domain's address. False with `why`: none. */
static bool
choose_resolvers(struct upstream *u, const char *interface, struct resolver_config *cfg,
	struct addr sources[static 2], struct endpoint *servers, char *why, size_t cap)
{
	const struct domain *d = u->domain;

	for (size_t i = 0; i < d->n_resolvers; i++) {
		const struct addr *to = &d->resolvers[i].addr;
		bool known = false;

		for (size_t k = 0; k < cfg->n_sources; k++)
			known |= sources[k].family == to->family;
		if (!known && choose_source(u, interface, to, &sources[cfg->n_sources], why, cap)) {
			cfg->n_sources++;
			known = true;
		}
		if (known)
			servers[cfg->n_servers++] = d->resolvers[i];
	}
	cfg->sources = sources;
	cfg->servers = servers;
	return cfg->n_servers > 0;
}

/* The domain's own resolvers, over its own link, from its own address (RFC 9284 5.1). */
static void
resolve(struct upstream *u, const char *interface)
{
	struct endpoint *servers = mem_array(u->domain->n_resolvers + 1, sizeof(*servers));
	struct addr sources[2];
	char why[REASON_MAX] = "no address and no resolver configured";
	struct resolver_config cfg = {.interface = interface};

	if (choose_resolvers(u, interface, &cfg, sources, servers, why, sizeof(why))) {
		resolver_free(u->resolver);
		u->resolver = resolver_new(u->cx.loop, &cfg);
		if (!u->resolver)
			snprintf(why, sizeof(why), "resolver: %s", strerror(errno));
		u->resolving = u->resolver != NULL;
	}
	free(servers);
	if (!u->resolving) {
		cannot_attempt(u, why);
		return;
	}
	u->suspended = false;
	u->local_retry = 0;
	snprintf(u->interface, sizeof(u->interface), "%s", interface ? interface : "");
	resolver_lookup(u->resolver, u->server->name, on_resolved, u);
}

/* Addresses that were looked up are good for their time; beside a session that answers nothing,
 * when an answer of the resolver would not come in either, also longer, until an attempt has
 * failed. */
static bool
knows_addresses(const struct upstream *u)
{
	return u->n_addrs &&
	       (loop_now(u->cx.loop) < u->addrs_until || (u->session[CURRENT] && !u->failed));
}

static void
suspend(struct upstream *u, const char *interface)
{
	u->suspended = true; /* link-up starts it */
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	snprintf(u->reason, sizeof(u->reason), "interface %s is down", interface);
}

/* One attempt now; nothing while one is under way, the link is known to be down or the last failure
 * is too near. */
static void
start_candidate(struct upstream *u, const char *why)
{
	bool bound;
	const char *interface = pick_interface(u, &bound);

	if (u->session[CANDIDATE] || u->resolving || !u->credentials)
		return;
	if (bound && !interface) {
		char **links;

		domain_access(u->domain, u->server, &links);
		suspend(u, links[0]);
		return;
	}
	if (soonest(u) > loop_now(u->cx.loop)) {
		attempt_at(u, soonest(u));
		return;
	}
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	if (u->server->n_addresses)
		dial_next(u, interface, u->server->addresses, u->server->n_addresses, why);
	else if (knows_addresses(u))
		dial_next(u, interface, u->addrs, u->n_addrs, why);
	else
		resolve(u, interface);
}

static void
dial_due(void *arg)
{
	struct upstream *u = arg;

	if (u->candidate_up) { /* it came up beside the old session and answered nothing either */
		drop_candidate(u);
		failed_attempt(u, "the new session answers nothing");
	} else if (wants_session(u)) {
		start_candidate(u, u->ever_up ? "reconnect" : "start");
	}
}

void
upstream_parallel(struct upstream *u)
{
	if (!u->session[CURRENT]) {
		upstream_hurry(u);
		return;
	}
	u->pressing = true;
	start_candidate(u, "request unanswered");
}

void
upstream_hurry(struct upstream *u)
{
	bool usable = u->session[CURRENT] && line_works(u);

	if (!usable && !u->session[CANDIDATE] && !u->resolving && soonest(u) < u->next_attempt)
		attempt_at(u, soonest(u));
}

/* The device of the current session is gone, and its socket with it (rule M1). */
static void
check_device(struct upstream *u)
{
	struct session *s = u->session[CURRENT];

	if (!s || !*session_interface(s) || links_exists(u->cx.links, session_interface(s)))
		return;
	session_abandon(s);
	lose_current(u, "its interface is gone");
	u->suspended = true;
}

/* Something changed on a link of ours that is up. */
static void
access_changed(struct upstream *u)
{
	if (!u->session[CURRENT])
		return;
	see_availability(u);
	if (wants_session(u))
		start_candidate(u, "link changed");
}

void
upstream_link_changed(struct upstream *u, const char *interface)
{
	bool ours = has_interface(u, interface), bound;
	bool up = pick_interface(u, &bound) || !bound;

	if (ours) {
		check_device(u);
		if (up) {
			access_changed(u);
		} else {
			/* Sessions stay: a short flap loses nothing. New attempts wait for it. */
			drop_candidate(u);
			suspend(u, interface);
			see_availability(u);
		}
	}
	/* An address on another link may be the source that was missing. */
	if (up && u->suspended && !u->session[CURRENT] && !u->session[CANDIDATE] && !u->resolving) {
		u->local_retry = 0;
		attempt_at(u, soonest(u));
	}
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
	u->window_timer = timer_new(cx->loop, window_due, u);
	u->heard = -1;
	if (cred)
		attempt_at(u, loop_now(cx->loop));
	else
		snprintf(u->reason, sizeof(u->reason), "no usable credentials");
	return u;
}

static void
drop_session(struct upstream *u, int line)
{
	if (u->session[line])
		session_abandon(u->session[line]);
	u->session[line] = NULL;
}

void
upstream_free(struct upstream *u)
{
	if (!u)
		return;
	while (u->requests)
		request_unlink(u, u->requests);
	while (u->observations)
		unobserve(u, u->observations->mid);
	if (u->hb_handle > 0 && u->session[CURRENT])
		request_cancel(u->session[CURRENT], u->hb_handle);
	drop_session(u, CURRENT);
	drop_session(u, CANDIDATE);
	resolver_free(u->resolver);
	resumption_free(u->resume);
	timer_free(u->hb_timer);
	timer_free(u->dial_timer);
	timer_free(u->observe_timer);
	timer_free(u->window_timer);
	credentials_unref(u->credentials);
	free(u);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool
same_access(const struct upstream *u, const struct domain *d, const struct domain_server *s)
{
	const struct domain *before = u->domain;
	char **links, **links_before;
	size_t n = domain_access(d, s, &links);

	if (domain_access(before, u->server, &links_before) != n ||
		!addr_equal(&before->source, &d->source) ||
		!same_text(before->credentials.certificate, d->credentials.certificate) ||
		!same_text(before->credentials.psk_identity, d->credentials.psk_identity))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(links[i], links_before[i]) != 0)
			return false;
	return true;
}

static bool
same_server(const struct domain_server *a, const struct domain_server *b)
{
	if (strcmp(a->name, b->name) != 0 || a->port != b->port || a->transport != b->transport ||
		a->n_addresses != b->n_addresses)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!addr_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

/* The servers are judged by what the new credentials trust: those of live sessions now, one whose
 * handshake is under way by beginning it anew. */
static void
judge_sessions(struct upstream *u)
{
	for (int i = 0; i < 2; i++)
		if (u->session[i] && session_is_up(u->session[i]))
			session_judge_by(u->session[i], u->credentials);
	if (!u->session[CANDIDATE] || session_is_up(u->session[CANDIDATE]))
		return;
	drop_session(u, CANDIDATE);
	attempt_at(u, loop_now(u->cx.loop));
}

bool
upstream_rebind(struct upstream *u, const struct homing *h, const struct domain *d,
	const struct domain_server *s, struct credentials *cred)
{
	if (strcmp(u->domain->name, d->name) != 0 || !same_access(u, d, s) ||
		!same_server(u->server, s))
		return false;
	u->homing = h;
	u->domain = d;
	u->server = s;
	if (cred)
		credentials_ref(cred);
	credentials_unref(u->credentials);
	u->credentials = cred;
	judge_sessions(u);
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
		.transport = session_transport_name(transport_of(u)),
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
