/*
 * Sessions of clients at the server: who they are (the one judge), heartbeats towards them, loss,
 * limits (RFC 9132 4.7, 8, 11).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/hb.h"
#include "role/server_state.h"

enum { MINUTE_S = 60 };

const char *
peer_client(const struct peer *p)
{
	return p->group->client;
}

/* The `clients:` entry that stands for what the handshake proved; NULL if none does. */
static const struct client *
identify(const struct dots_server *s, const struct session *session)
{
	const struct peer_id *id = session_peer(session);
	const char *names[PEER_NAMES_MAX + 1];
	size_t n = 0;

	if (id->kind == PEER_PSK)
		return clients_by_psk(s->setup.clients, id->name);
	for (unsigned i = 0; i < id->n_names; i++)
		names[n++] = id->names[i];
	if (id->kind == PEER_CERTIFICATE)
		names[n++] = id->name;
	return clients_by_certificate(s->setup.clients, names, n, id->cuid);
}

struct peer_group *
peer_group(struct dots_server *s, const char *client)
{
	struct peer_group *g = map_get(s->peers, client, strlen(client));

	if (!g) {
		g = mem_new(sizeof(*g));
		g->server = s;
		g->client = mem_text(client);
		g->absence = timer_new(s->loop, activation_absent, g);
		map_set(s->peers, client, strlen(client), g);
	}
	return g;
}

void
group_refused(struct peer_group *g, const char *why)
{
	g->refused++;
	free(g->refusal);
	g->refusal = mem_text(why);
}

/* Who connects in a loop costs the others as much each time (RFC 9132 11); a ticket costs little.
 */
static const char *
check_handshakes(struct dots_server *s, const struct client *c, const struct session *session)
{
	static const char why[] = "RFC 9132 11: too many handshakes of this client in a minute";
	struct peer_group *g = peer_group(s, c->name);

	if (session_was_resumed(session) ||
		!rate_take_in(&g->handshakes, c->limits.handshakes_per_minute, MINUTE_S,
			loop_now(s->loop)))
		return NULL;
	group_refused(g, why);
	return why;
}

static const char *
on_judge(void *arg, struct session *session)
{
	const struct client *c = identify(arg, session);
	struct peer *p = session_data(session);

	if (!c)
		return "RFC 9132 8: no client of ours has this credential";
	if (p && strcmp(p->group->client, c->name) != 0)
		return "RFC 9132 8: the credential stands for another client now";
	return p ? NULL : check_handshakes(arg, c, session);
}

/* ---- heartbeats ---------------------------------------------------------------------------- */

static void
hb_answered(void *arg, struct session *session, const struct coap_msg *response, int error)
{
	struct peer *p = arg;

	(void)session;
	(void)error;
	p->hb_handle = 0;
	if (response)
		heartbeat_answered(&p->hb, loop_now(p->server->loop));
}

void
peer_rearm(struct peer *p)
{
	mono_ms at = heartbeat_deadline(&p->hb);

	if (at == INT64_MAX)
		timer_stop(p->timer);
	else
		timer_at(p->timer, at);
}

static void
hb_due(void *arg)
{
	struct peer *p = arg;
	struct heartbeat_due due = heartbeat_tick(&p->hb, loop_now(p->server->loop));

	if (due.cancel && p->hb_handle > 0) {
		request_cancel(p->session, p->hb_handle);
		p->hb_handle = 0;
	}
	if (due.became_silent)
		event_raise(EVENT_SESSION_SILENT, EVENT_F("role", "server"),
			EVENT_F("peer", p->group->client), EVENT_N("missed", p->hb.missed));
	if (due.became_lost) { /* no traffic at all from it for the whole time (RFC 9132 4.7) */
		p->silent = true;
		session_close(p->session);
		return;
	}
	if (due.send && !p->redirected) {
		p->hb_handle = hb_send(p->session, due.peer_hb_status, hb_answered, p);
		event_raise(EVENT_HEARTBEAT, EVENT_F("role", "server"), EVENT_F("direction", "out"),
			EVENT_F("peer", p->group->client));
	}
	peer_rearm(p);
}

void
peer_heartbeat_request(struct peer *p, bool hears)
{
	mono_ms now = loop_now(p->server->loop);
	const char *untold;

	heartbeat_peer(&p->hb, now);
	if (!hears) {
		heartbeat_unheard(&p->hb, now);
		peer_rearm(p);
	}
	if (event_quota_take(&p->group->idle, now, &untold))
		event_raise(EVENT_HEARTBEAT, EVENT_F("role", "server"), EVENT_F("direction", "in"),
			EVENT_F("peer", p->group->client), EVENT_F("untold", untold));
}

/* ---- session callbacks --------------------------------------------------------------------- */

/* Beyond its limit the client loses the session that was heard longest ago: a client that comes
 * back from new ports after an outage must not lock itself out. */
static void
enforce_limit(const struct peer *newest, uint32_t limit)
{
	const struct peer *oldest;
	size_t up;

	do {
		oldest = NULL;
		up = 0;
		for (struct peer *p = newest->group->peers; p; p = p->next) {
			if (!session_is_up(p->session))
				continue;
			up++;
			if (p != newest && (!oldest || p->heard < oldest->heard))
				oldest = p;
		}
		if (up > limit && oldest)
			session_close(oldest->session);
	} while (up > limit + 1 && oldest);
}

static void
group_add(struct peer_group *g, struct peer *p)
{
	p->group = g;
	p->next = g->peers;
	p->self = &g->peers;
	if (p->next)
		p->next->self = &p->next;
	g->peers = p;
	g->n++;
}

/* Its end is told if this is. */
static void
tell_up(struct peer *p)
{
	const struct session *session = p->session;
	const struct peer_id *id = session_peer(session);
	char source[ADDR_TEXT_MAX], address[ENDPOINT_TEXT_MAX];
	const char *untold;

	p->told = event_quota_take(&p->group->sessions, p->heard, &untold);
	if (!p->told)
		return;
	event_raise(EVENT_SESSION_UP, EVENT_F("role", "server"), EVENT_F("peer", peer_client(p)),
		EVENT_F("source", addr_format(&session_remote(session)->addr, source)),
		EVENT_F("address", endpoint_format(session_local(session), address)),
		EVENT_F("interface", session_interface(session)),
		EVENT_F("transport", session_transport_name(session_transport(session))),
		EVENT_F("ca", id->issuer), EVENT_F("credential", id->name),
		EVENT_F("resumed", session_was_resumed(session) ? "yes" : "no"),
		EVENT_F("untold", untold));
}

static void
on_up(void *arg, struct session *session)
{
	struct dots_server *s = arg;
	const struct client *c = identify(s, session);
	struct peer *p;

	if (!c) { /* a reload came between judge and here */
		session_close(session);
		return;
	}
	p = mem_new(sizeof(*p));
	p->server = s;
	p->session = session;
	p->heard = loop_now(s->loop);
	LIST_INIT(&p->observers);
	p->timer = timer_new(s->loop, hb_due, p);
	heartbeat_init(&p->hb, &s->setup.heartbeat, p->heard);
	group_add(peer_group(s, c->name), p);
	negotiation_begin(p);
	session_set_data(session, p);
	activation_came(p);
	tell_up(p);
	session_set_waiting_max(session, c->limits.waiting_requests);
	enforce_limit(p, c->limits.sessions);
	if (server_learn_endpoint(s, session_local(session)))
		record_endpoint(s, session_local(session));
	server_flows(s, c->name);
	peer_rearm(p);
}

static void
peer_free(struct peer *p)
{
	*p->self = p->next;
	if (p->next)
		p->next->self = p->self;
	p->group->n--;
	timer_free(p->timer);
	free(p);
}

/* Strangers may knock as often as they like, most of all over TCP: only some are told of. */
static void
tell_refused(struct dots_server *s, const struct session *session, const char *reason)
{
	char address[ENDPOINT_TEXT_MAX];
	const char *untold;

	if (event_quota_take(&s->refusals, loop_now(s->loop), &untold))
		event_raise(EVENT_SESSION_REFUSED, EVENT_F("role", "server"),
			EVENT_F("address", endpoint_format(session_remote(session), address)),
			EVENT_F("reason", reason), EVENT_F("untold", untold));
}

/* By the word of either end, not for silence, and not broken. */
static bool
is_orderly(const struct peer *p, const struct session *session)
{
	return p->redirected || p->dismissed || (!p->silent && session_said_farewell(session));
}

static void
on_down(void *arg, struct session *session, const char *reason)
{
	struct dots_server *s = arg;
	struct peer *p = session_data(session);
	struct peer_group *g;
	bool orderly;

	if (!p) {
		tell_refused(s, session, reason);
		return;
	}
	if (p->told)
		event_raise(EVENT_SESSION_DOWN, EVENT_F("role", "server"),
			EVENT_F("peer", p->group->client), EVENT_F("reason", reason));
	session_set_data(session, NULL);
	observe_session_gone(p);
	g = p->group; /* it stays */
	orderly = is_orderly(p, session);
	peer_free(p);
	server_flows(s, g->client);
	activation_gone(g, orderly);
}

static void
on_heard(void *arg, struct session *session)
{
	struct dots_server *s = arg;
	struct peer *p = session_data(session);

	if (!p)
		return;
	p->heard = loop_now(s->loop);
	activation_heard(p);
	if (!heartbeat_heard(&p->hb, p->heard))
		return;
	event_raise(
		EVENT_SESSION_HEARD, EVENT_F("role", "server"), EVENT_F("peer", p->group->client));
	observe_heard(p);
}

static void
on_request(void *arg, struct session *session, struct exchange *ex, const struct coap_msg *req)
{
	signal_serve(arg, session_data(session), session, ex, req);
}

static void
on_observer_gone(void *arg, struct session *session, const uint8_t *token, size_t len)
{
	struct peer *p = session_data(session);

	(void)arg;
	if (!p)
		return;
	observe_remove(p, token, len);
	negotiation_forget(p, token, len);
}

const struct session_ops peer_session_ops = {
	.judge = on_judge,
	.up = on_up,
	.down = on_down,
	.request = on_request,
	.heard = on_heard,
	.observer_gone = on_observer_gone,
};

/* ---- all of them --------------------------------------------------------------------------- */

static bool
judge_group(void *arg, const void *key, size_t len, void *value)
{
	struct dots_server *s = arg;
	struct peer_group *g = value;
	const struct client *c = clients_named(s->setup.clients, g->client);

	(void)key;
	(void)len;
	for (struct peer *p = g->peers; p; p = p->next) {
		negotiation_rebase(p);
		session_judge(p->session);
		p->dismissed = !session_is_up(p->session);
		if (c)
			session_set_waiting_max(p->session, c->limits.waiting_requests);
	}
	return true;
}

/* What a reload changed goes for live sessions too (M17). */
void
peers_judge(struct dots_server *s)
{
	map_each(s->peers, judge_group, s);
}

static bool
free_group(void *arg, const void *key, size_t len, void *value)
{
	struct peer_group *g = value;

	(void)arg;
	(void)key;
	(void)len;
	while (g->peers)
		peer_free(g->peers);
	timer_free(g->absence);
	free(g->client);
	free(g->refusal);
	free(g);
	return true;
}

void
peers_free(struct dots_server *s)
{
	map_each(s->peers, free_group, NULL);
	map_free(s->peers);
}

static enum flow_protocol
protocol_of(const struct session *session)
{
	return session_transport(session) == SESSION_TCP ? FLOW_TCP : FLOW_UDP;
}

/* The client's live 5-tuples, and our own endpoints for handshakes under way (core/mitigator.h). */
void
server_flows(struct dots_server *s, const char *client)
{
	struct peer_group *g = peer_group(s, client);
	struct flow *flows = mem_array(g->n + 2 * s->n_endpoints + 1, sizeof(*flows));
	size_t n = 0;

	for (struct peer *p = g->peers; p; p = p->next)
		flows[n++] = (struct flow){.protocol = protocol_of(p->session),
			.server = *session_local(p->session),
			.client = *session_remote(p->session)};
	for (size_t i = 0; i < s->n_endpoints; i++) {
		flows[n++] = (struct flow){.protocol = FLOW_UDP, .server = s->endpoints[i]};
		flows[n++] = (struct flow){.protocol = FLOW_TCP, .server = s->endpoints[i]};
	}
	for (size_t i = 0; i < s->n_mitigators; i++)
		s->mitigators[i]->ops->flows(s->mitigators[i], client, flows, n);
	free(flows);
}

void
peers_use(struct dots_server *s, const char *client, struct client_view *ret)
{
	const struct peer_group *g = map_get(s->peers, client, strlen(client));
	mono_ms heard = -1;

	for (const struct peer *p = g ? g->peers : NULL; p; p = p->next)
		heard = p->heard > heard ? p->heard : heard;
	if (!g)
		return;
	ret->sessions = g->n;
	ret->observers = g->n_observers;
	ret->refused = g->refused;
	ret->refusal = g->refusal;
	if (g->n)
		ret->heard_s = (loop_now(s->loop) - heard) / 1000;
}

struct visit {
	struct dots_server *server;
	void (*visit)(void *arg, const struct peer_view *v);
	void *arg;
};

static bool
visit_group(void *arg, const void *key, size_t len, void *value)
{
	struct visit *visit = arg;
	struct peer_group *g = value;

	(void)key;
	(void)len;
	for (struct peer *p = g->peers; p; p = p->next) {
		struct peer_view v = {
			.client = g->client,
			.credential = session_peer(p->session)->name,
			.ca = session_peer(p->session)->issuer,
			.state = p->hb.silent ? "silent" : "available",
			.local = *session_local(p->session),
			.remote = *session_remote(p->session),
			.interface = session_interface(p->session),
			.transport = session_transport_name(session_transport(p->session)),
			.resumed = session_was_resumed(p->session),
			.heard_s = (loop_now(visit->server->loop) - p->heard) / 1000,
			.set = session_set_name(p->set),
			.sid = p->config.sid,
			.params = p->config.sets[p->set],
		};
		visit->visit(visit->arg, &v);
	}
	return true;
}

void
peers_visit(struct dots_server *s, void (*visit)(void *arg, const struct peer_view *v), void *arg)
{
	struct visit v = {s, visit, arg};

	map_each(s->peers, visit_group, &v);
}
