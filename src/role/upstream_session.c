/*
 * The sessions to a server, the current one and a candidate beside it: heartbeats, loss, which of
 * the two counts (RFC 9132 4.7).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "role/hb.h"
#include "role/upstream_private.h"

enum {
	RECONNECT_MS = 1000,       /* first attempt after an orderly close */
	CANDIDATE_MS = 20000,      /* a second session has to answer within that */
	LOOK_MS = 3600 * 1000,     /* at a certificate: the wall clock may be set meanwhile */
	HANDSHAKE_ROUND_TRIPS = 2, /* at least; with the time that both ends take to compute */
};

/* ---- heartbeats -------------------------------------------------------------------------- */

static void
raise_session(enum event_id id, const struct upstream *u)
{
	event_raise(id, EVENT_F("role", "client"), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->with), EVENT_F("peer", u->with),
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
		pacing_measured(&u->pacing, loop_now(u->cx.loop) - u->hb_sent);
		upstream_redirect_take(u, response, false);
	}
}

void
upstream_session_hb_rearm(struct upstream *u)
{
	mono_ms at = heartbeat_deadline(&u->hb);

	if (at == INT64_MAX || !u->session[CURRENT])
		timer_stop(u->hb_timer);
	else
		timer_at(u->hb_timer, at);
}

void
upstream_session_hb_due(void *arg)
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
		while (u->hb_handle == -EMFILE && upstream_request_make_room(u, CURRENT));
		u->hb_sent = loop_now(u->cx.loop);
		event_raise(EVENT_HEARTBEAT, EVENT_F("role", "client"), EVENT_F("direction", "out"),
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->with));
	}
	if (due.became_silent) {
		raise_session(EVENT_SESSION_SILENT, u);
		upstream_see(u);
	}
	/* Loss never closes the session here: with the inbound link full the server may still hear
	 * us (RFC 9132 4.7). A new one is tried beside it. */
	if (due.became_lost)
		upstream_dial_begin(u, "heartbeats unanswered");
	upstream_session_hb_rearm(u);
}

/* ---- the server's certificate ------------------------------------------------------------ */

/* It goes on until the server is judged again; found anew it is at once (RFC 8973 4). */
void
upstream_session_certificate_due(void *arg)
{
	struct upstream *u = arg;
	int64_t ends = u->session[CURRENT] ? session_peer(u->session[CURRENT])->expires : 0;
	int64_t left = 1000 * ends - loop_wall();

	if (!ends)
		return;
	if (left > 0) {
		timer_after(u->certificate_timer, left < LOOK_MS ? left : LOOK_MS);
		return;
	}
	event_raise(EVENT_ALERT, EVENT_F("reason", "the certificate of the server has expired"),
		EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name),
		EVENT_F("section", "RFC 8973 4"));
	u->cx.ops->stale(u->cx.arg, u, "certificate");
}

/* ---- the two sessions -------------------------------------------------------------------- */

/* Not needed, or cut off. An attempt that was under way counts for the pace as if it had failed. */
void
upstream_session_drop_candidate(struct upstream *u)
{
	if (!u->race && !u->session[CANDIDATE])
		return;
	if (u->race && !upstream_race_probes(u))
		u->failed = loop_now(u->cx.loop);
	upstream_race_stop(u);
	upstream_request_line_gone(u, CANDIDATE);
	u->candidate_up = 0;
	if (u->session[CANDIDATE])
		session_abandon(u->session[CANDIDATE]);
	u->session[CANDIDATE] = NULL;
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
}

/* The old one lives: a new attempt is not needed (RFC 9132 4.7), but for one that may lead from TCP
 * to UDP, or to another server. */
void
upstream_session_serves(struct upstream *u)
{
	if (!upstream_race_probes(u) && !u->moving)
		upstream_session_drop_candidate(u);
}

/* The candidate is the session from now on; the caller tells that it is `renewed`, if an answer has
 * decided it, after that. */
void
upstream_session_promote(struct upstream *u)
{
	struct session *old = u->session[CURRENT];
	bool moved = u->moving && u->availability != SERVER_UNAVAILABLE;

	upstream_observe_reset(u);
	if (u->hb_handle > 0 && old)
		request_cancel(old, u->hb_handle);
	u->hb_handle = 0;
	upstream_request_promote(u);
	u->session[CURRENT] = u->session[CANDIDATE];
	u->session[CANDIDATE] = NULL;
	u->candidate_up = u->failed = 0;
	upstream_redirect_arrived(u);
	u->answered = u->pressing = false;
	if (old)
		session_abandon(old);
	heartbeat_init(&u->hb, &u->domain->heartbeat, loop_now(u->cx.loop));
	upstream_config_begin(u);
	timer_after(u->certificate_timer, 0);
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	u->reason[0] = '\0';
	upstream_see(u);
	if (moved) /* what was open at the other server, and what waited meanwhile */
		upstream_request_all(u, CURRENT);
	upstream_observe_renew(u);
	upstream_race_settled(u);
}

/* ---- session callbacks ------------------------------------------------------------------- */

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

	upstream_session_promote(u);
	u->cx.ops->renewed(u->cx.arg, u, since);
}

static void
on_up(void *arg, struct session *s)
{
	struct upstream *u = arg;
	bool probe = upstream_race_won(u, s);

	u->ever_up = true;
	u->heard = u->candidate_up = loop_now(u->cx.loop);
	pacing_measured(&u->pacing, (u->heard - u->dialled) / HANDSHAKE_ROUND_TRIPS);
	resumption_free(u->resume);
	u->resume = session_resumption(s);
	u->resume_over = session_transport(s);
	snprintf(u->interface, sizeof(u->interface), "%s", session_interface(s));
	raise_up(u, s);
	/* Beside a session that may live the first that answers wins; without open requests the
	 * handshake itself was the answer, as it is to a probe. */
	if (u->session[CURRENT] && u->requests && upstream_link_works(u) && !probe && !u->moving) {
		upstream_request_all(u, CANDIDATE);
		upstream_dial_at(u, u->candidate_up + CANDIDATE_MS);
		return;
	}
	take_over(u);
}

void
upstream_session_lost(struct upstream *u, const char *reason)
{
	u->session[CURRENT] = NULL;
	u->hb_handle = 0;
	upstream_request_line_gone(u, CURRENT);
	upstream_observe_reset(u);
	upstream_config_lost(u);
	timer_stop(u->hb_timer);
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	event_raise(EVENT_SESSION_DOWN, EVENT_F("role", "client"), EVENT_F("peer", u->with),
		EVENT_F("domain", u->domain->name), EVENT_F("server", u->with),
		EVENT_F("reason", reason), EVENT_F("behalf", u->cx.behalf));
	upstream_see(u);
	if (u->candidate_up)
		take_over(u);
	else
		u->cx.ops->stale(u->cx.arg, u, "loss");
}

static void
on_down(void *arg, struct session *s, const char *reason)
{
	struct upstream *u = arg;

	if (upstream_race_lost(u, s, reason))
		return;
	if (s == u->session[CANDIDATE]) {
		upstream_request_line_gone(u, CANDIDATE);
		u->candidate_up = 0;
		u->session[CANDIDATE] = NULL;
		upstream_dial_failed(u, s, reason);
		return;
	}
	assert(s == u->session[CURRENT]);
	upstream_session_lost(u, reason);
	if (u->session[CURRENT] || u->race || u->session[CANDIDATE])
		return;
	if (u->answered)
		upstream_dial_at(u, loop_now(u->cx.loop) + RECONNECT_MS);
	else /* closed before it was of any use, as for a client that is not welcome */
		upstream_dial_failed(u, s, reason);
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
		upstream_see(u);
	}
	if (!u->requests)
		upstream_session_serves(u);
	upstream_session_hb_rearm(u);
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
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->with));
	} else {
		coap_init(&response, COAP_NON, COAP_404_NOT_FOUND);
		response.payload = (const uint8_t *)why;
		response.payload_len = strlen(why);
	}
	exchange_respond(ex, &response);
}

const struct session_ops upstream_session_ops = {
	.judge = on_judge,
	.up = on_up,
	.down = on_down,
	.request = on_request,
	.heard = on_heard,
};
