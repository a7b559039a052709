/*
 * Recursive signaling (RFC 8811 3.2.3): a server whose own mitigators act and answer asks upstream
 * beside them, at once or when they are overwhelmed, and tells its client of both as one. Also what
 * upstream tells a gateway that has no mitigators.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "core/status.h"
#include "role/server_state.h"

/* A server that ends what it has accepted is not asked again at once. */
enum { REST_MS = 60000 };

bool
recursion_is_on(const struct dots_server *s)
{
	return s->escalation && s->n_mitigators;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void
ask(struct dots_server *s, const struct mitigation *m, bool refresh, struct escalation_asked *ret)
{
	const struct client *c = clients_named(s->setup.clients, m->client);
	char *key = server_key(m->client, m->cuid, m->mid);
	struct scope scope = m->scope;
	struct escalation_request r = {.key = key,
		.scope = &scope,
		.cover = m->cover.arena ? &m->cover : NULL,
		.share = c ? c->limits.mitigations : 0,
		.refresh = refresh,
		.hop_limit = m->hop_limit ? m->hop_limit : COAP_HOP_LIMIT_INITIAL,
		.cdid = m->cdid ? m->cdid : ""};

	scope.lifetime = mitigation_remaining(m, loop_now(s->loop));
	s->escalation->ops->ask(s->escalation, &r, ret);
	free(key);
}

static void
tell(const struct mitigation *m, const char *reason, const struct escalation_asked *asked)
{
	struct buf scope;

	if (verdict_ok(&asked->verdict)) {
		event_raise(EVENT_ESCALATED, EVENT_N("id", m->id), EVENT_F("client", m->client),
			EVENT_N("mid", m->mid), EVENT_F("reason", reason),
			EVENT_F("upstream", asked->upstream));
		return;
	}
	buf_init(&scope, 8192);
	naming_scope_text(m, &scope);
	event_raise(EVENT_ALERT, EVENT_F("target", buf_text(&scope)),
		EVENT_F("section", "RFC 8811 3.2.3"), EVENT_F("reason", asked->verdict.why));
	buf_finish(&scope);
}

/* What nobody can be asked for counts as refused (M13), and is not measured any more. */
static struct verdict
escalate(struct dots_server *s, struct mitigation *m, const char *reason)
{
	struct escalation_asked asked = {0};
	struct effects fx = {0};

	ask(s, m, false, &asked);
	tell(m, reason, &asked);
	book_escalated(s->book, m, true, &fx);
	if (!verdict_ok(&asked.verdict))
		book_upstream(s->book, m, ATTACK_EXCEEDED_CAPABILITY, &fx);
	server_apply(s, &fx);
	return asked.verdict;
}

void
recursion_granted(struct dots_server *s, struct mitigation *m)
{
	struct escalation_asked asked = {0};
	/* upstream would drop */
	bool observed = m->action.kind == ACTION_OBSERVE && !m->escalated;

	if (!recursion_is_on(s) || m->local || observed)
		return;
	if (m->escalated)
		ask(s, m, true, &asked);
	else if (m->takes_over)
		escalate(s, m, "predecessor");
	else if (!s->setup.above.rate)
		escalate(s, m, "always");
}

void
recursion_moved(struct dots_server *s, const struct mitigation *m)
{
	struct escalation_asked asked = {.verdict = {.code = COAP_204_CHANGED}};

	if (!s->escalation || m->local || (s->n_mitigators && !m->escalated))
		return;
	ask(s, m, true, &asked);
	if (!verdict_ok(&asked.verdict))
		tell(m, "names", &asked);
}

void
recursion_measure(struct dots_server *s, struct mitigation *m)
{
	const struct dropped *d = &m->dropped[DROPPED_HERE];

	if (!recursion_is_on(s) || m->local || m->escalated || m->terminating)
		return;
	if (overload_seen(&s->setup.above, &m->gauge, d->packets, d->bytes, loop_now(s->loop)))
		escalate(s, m, "rate");
}

struct verdict
server_escalate(struct dots_server *s, uint64_t id)
{
	struct mitigation *m = book_by_id(s->book, id);

	if (!m)
		return verdict_of(COAP_404_NOT_FOUND, "there is no such mitigation");
	if (!s->escalation)
		return verdict_of(COAP_400_BAD_REQUEST,
			"this dotsd does not ask upstream: `mitigators` has no escalate");
	if (!s->n_mitigators)
		return verdict_of(COAP_400_BAD_REQUEST,
			"upstream is asked for everything here: there is no other mitigator");
	if (m->local)
		return verdict_of(COAP_400_BAD_REQUEST,
			"it came from another server of ours, which asks whom it asks itself");
	if (m->terminating)
		return verdict_of(COAP_400_BAD_REQUEST, "its client has withdrawn it");
	return escalate(s, m, "operator");
}

/* ---- what upstream tells --------------------------------------------------------------------- */

static struct mitigation *
find(const struct dots_server *s, const char *key)
{
	const char *mid = strrchr(key, '/'), *cuid = strchr(key, '/');
	char client[256], cuid_text[PATH_ID_MAX + 1];

	if (!mid || mid == cuid)
		return NULL;
	snprintf(client, sizeof(client), "%.*s", (int)(cuid - key), key);
	snprintf(cuid_text, sizeof(cuid_text), "%.*s", (int)(mid - cuid - 1), cuid + 1);
	return book_find(s->book, client, cuid_text, (uint32_t)strtoul(mid + 1, NULL, 10));
}

static bool
stands(void *arg, const char *key)
{
	return find(arg, key) != NULL;
}

void
recursion_restored(struct dots_server *s)
{
	if (s->escalation)
		s->escalation->ops->restored(s->escalation, stands, s);
}

/* Nobody else handles it. Over there it is over: asked for again it is a new request. */
static void
on_status_alone(
	struct dots_server *s, struct mitigation *m, enum dots_status status, struct effects *fx)
{
	if (status)
		book_status(s->book, m, status, loop_now(s->loop), fx);
	if (status == ATTACK_MITIGATION_TERMINATED || status == ATTACK_MITIGATION_WITHDRAWN)
		book_end(s->book, m, "ended upstream", fx);
}

/* Our own mitigators go on, whatever becomes of it upstream. */
static void
on_status_beside(struct dots_server *s, struct mitigation *m, const char *key,
	const struct escalation_status *e, struct effects *fx)
{
	if (e->loops) {
		book_upstream(s->book, m, ATTACK_EXCEEDED_CAPABILITY, fx);
	} else if (status_is_over(e->status)) {
		s->escalation->ops->withdraw(s->escalation, key);
		overload_rest(&m->gauge, loop_now(s->loop) + REST_MS);
		book_escalated(s->book, m, false, fx);
	} else {
		book_upstream(s->book, m, e->status, fx);
	}
}

static void
on_status(void *arg, const char *key, const struct escalation_status *e)
{
	struct dots_server *s = arg;
	struct mitigation *m = find(s, key);
	struct effects fx = {0};

	if (!m)
		return;
	if (e->counted)
		book_counters(
			s->book, m, DROPPED_UPSTREAM, e->packets, e->bytes, loop_now(s->loop));
	book_conflict(s->book, m, &e->conflict, &fx);
	if (s->n_mitigators)
		on_status_beside(s, m, key, e, &fx);
	else
		on_status_alone(s, m, e->status, &fx);
	server_apply(s, &fx);
}

void
recursion_listen(struct dots_server *s)
{
	if (s->escalation)
		s->escalation->ops->on_status(s->escalation, on_status, s);
}
