/*
 * What becomes of preconfigured requests when their client is lost (RFC 9132 4.4.1.3, 4.7; RFC 8811
 * 3.3.3): they are activated, for many clients at once a few at a time, as links break for other
 * reasons than attacks, too, and then for many.
 */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

enum {
	GRACE_MS = 300000, /* after a start: so long clients may take to come back (4.7) */
	TURN_MS = 200,
	TURN_MAX = 10, /* activated in each: 50 a second */
};

/* ---- activating ------------------------------------------------------------------------------ */

static void
tell(const struct peer_group *g, const struct mitigation *m, mono_ms now)
{
	struct buf scope;

	buf_init(&scope, 8192);
	server_scope_text(&m->scope.target, &scope);
	event_raise(EVENT_ACTIVATED, EVENT_N("id", m->id), EVENT_F("client", m->client),
		EVENT_N("mid", m->mid), EVENT_F("scope", buf_text(&scope)),
		EVENT_F("peer", g->client), EVENT_N("silent", (now - g->loss.heard) / 1000));
	buf_finish(&scope);
}

static void
activate(struct dots_server *s, const struct peer_group *g, struct mitigation *m)
{
	mono_ms now = loop_now(s->loop);
	struct effects fx = {0};

	tell(g, m, now);
	book_activate(s->book, m, now, loop_wall(), &fx);
	recursion_activated(s, m); /* before what it supersedes is withdrawn there: no gap */
	server_apply(s, &fx);
}

static void
dequeue(struct peer_group *g)
{
	if (g->queued)
		TAILQ_REMOVE(&g->server->lost, g, of_lost);
	g->queued = false;
}

static void
enqueue(struct peer_group *g)
{
	if (!g->queued)
		TAILQ_INSERT_TAIL(&g->server->lost, g, of_lost);
	g->queued = true;
}

static void
arm_turn(struct dots_server *s)
{
	mono_ms now = loop_now(s->loop);

	if (!TAILQ_EMPTY(&s->lost))
		timer_at(s->activations, s->next_turn > now ? s->next_turn : now);
}

/* The lost take turns: who has many does not keep the others waiting. */
void
activations_due(void *arg)
{
	struct dots_server *s = arg;
	struct peer_group *g;

	for (size_t n = 0; n < TURN_MAX && (g = TAILQ_FIRST(&s->lost));) {
		struct mitigation *m = book_waiting(s->book, g->client);

		dequeue(g);
		if (!m)
			continue;
		activate(s, g, m);
		enqueue(g);
		n++;
	}
	s->next_turn = loop_now(s->loop) + TURN_MS;
	arm_turn(s);
}

/* ---- loss ------------------------------------------------------------------------------------ */

static void
watch(struct peer_group *g)
{
	mono_ms at = loss_deadline(&g->loss, g->patience_ms);

	if (at == INT64_MAX || !book_has_preconfigured(g->server->book, g->client))
		timer_stop(g->absence);
	else
		timer_at(g->absence, at);
}

void
activation_absent(void *arg)
{
	struct peer_group *g = arg;

	if (g->n) /* a session that is silent ends by its own heartbeats */
		return;
	if (!loss_tick(&g->loss, g->patience_ms, loop_now(g->server->loop))) {
		watch(g);
		return;
	}
	enqueue(g);
	arm_turn(g->server);
}

void
activation_heard(struct peer *p)
{
	struct peer_group *g = p->group;

	g->patience_ms = (uint64_t)p->hb.config.interval_ms * p->hb.config.missing_allowed;
	if (loss_heard(&g->loss, loop_now(p->server->loop)))
		dequeue(g); /* what is active by now stays so (4.4.4) */
}

void
activation_came(struct peer *p)
{
	struct peer_group *g = p->group;

	activation_heard(p);
	timer_stop(g->absence);
	if (g->left)
		record_left(p->server, g->client, false);
	g->left = false;
}

void
activation_gone(struct peer_group *g, bool orderly)
{
	if (g->n || g->server->ending)
		return;
	loss_closed(&g->loss, orderly);
	g->left = orderly && book_has_preconfigured(g->server->book, g->client);
	if (g->left)
		record_left(g->server, g->client, true);
	watch(g);
}

/* Whoever has preconfigured requests here is waited for from now on, unless it had left, or was
 * sent away by the configuration. */
static void
await(void *arg, const char *peer)
{
	struct dots_server *s = arg;
	const struct session_params *p = negotiation_expected(s, peer);
	struct peer_group *g = peer_group(s, peer);

	g->patience_ms = (uint64_t)p->heartbeat_ms * p->missing_hb_allowed;
	loss_init(&g->loss, loop_now(s->loop), GRACE_MS);
	loss_closed(&g->loss, g->left || !clients_named(s->setup.clients, peer));
	watch(g);
}

void
activations_restored(struct dots_server *s)
{
	book_peers(s->book, await, s);
}
