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

/* A preconfigured request is asked for as such, and once it is active in its immediate form, too:
 * that one has a key of its own, which ends with this. */
static const char immediate_mark = '+';

static char *
immediate_key(const char *client, const char *cuid, uint32_t mid)
{
	char *key = server_key(client, cuid, mid);
	char *ret = mem_printf("%s%c", key, immediate_mark);

	free(key);
	return ret;
}

static bool
is_immediate_key(const char *key)
{
	return key[strlen(key) - 1] == immediate_mark;
}

static void
ask(struct dots_server *s, const struct mitigation *m, bool immediate, bool refresh,
	struct escalation_asked *ret)
{
	const struct client *c = clients_named(s->setup.clients, m->client);
	char *key = (immediate ? immediate_key : server_key)(m->client, m->cuid, m->mid);
	struct scope scope = m->scope;
	struct escalation_request r = {.key = key,
		.scope = &scope,
		.cover = m->cover.arena ? &m->cover : NULL,
		.share = (immediate ? 2 : 1) * (size_t)(c ? c->limits.mitigations : 0),
		.refresh = refresh,
		.hop_limit = m->hop_limit ? m->hop_limit : COAP_HOP_LIMIT_INITIAL,
		.cdid = m->cdid ? m->cdid : ""};

	scope.trigger_mitigation = m->scope.trigger_mitigation || immediate;
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

	m->escalated_now = m->peer && m->filtering;
	ask(s, m, m->escalated_now, false, &asked);
	tell(m, reason, &asked);
	book_escalated(s->book, m, true, &fx);
	if (!verdict_ok(&asked.verdict))
		book_upstream(s->book, m, ATTACK_EXCEEDED_CAPABILITY, &fx);
	server_apply(s, &fx);
	return asked.verdict;
}

/* Of a preconfigured one that is active both forms stand there, or the immediate one alone, where
 * upstream is asked above a rate. */
static bool
is_immediate_alone(const struct dots_server *s, const struct mitigation *m)
{
	return m->escalated_now && s->n_mitigators && s->setup.above.rate;
}

static void
renew(struct dots_server *s, const struct mitigation *m, struct escalation_asked *ret)
{
	if (m->escalated_now)
		ask(s, m, true, true, ret);
	if (!is_immediate_alone(s, m))
		ask(s, m, false, true, ret);
}

void
recursion_granted(struct dots_server *s, struct mitigation *m)
{
	struct escalation_asked asked = {0};
	/* upstream would drop */
	bool observed = m->action.kind == ACTION_OBSERVE && !m->escalated;

	if (m->escalated_now && !s->n_mitigators)
		ask(s, m, true, true, &asked); /* as such it has just been asked for */
	if (!recursion_is_on(s) || m->local || observed)
		return;
	if (m->escalated)
		renew(s, m, &asked);
	else if (m->takes_over)
		escalate(s, m, "predecessor");
	else if (!s->setup.above.rate)
		escalate(s, m, "always");
}

/* Upstream does not see that client, so it is told (RFC 8811 3.3.3): as of any request, where there
 * are mitigators of our own at once or when they are overwhelmed. */
void
recursion_activated(struct dots_server *s, struct mitigation *m)
{
	struct escalation_asked asked = {0};
	struct effects fx = {0};

	/* of what is only observed upstream is not asked: it would drop */
	bool observed = s->n_mitigators && m->action.kind == ACTION_OBSERVE;

	if (!s->escalation || m->local || observed || (s->n_mitigators && s->setup.above.rate))
		return;
	if (s->n_mitigators) {
		escalate(s, m, "loss");
		return;
	}
	m->escalated_now = true;
	ask(s, m, true, false, &asked);
	tell(m, "loss", &asked);
	if (!verdict_ok(&asked.verdict))
		book_status(s->book, m, ATTACK_EXCEEDED_CAPABILITY, loop_now(s->loop), &fx);
	server_apply(s, &fx);
}

void
recursion_withdraw_immediate(
	struct dots_server *s, const char *client, const char *cuid, uint32_t mid)
{
	char *key = immediate_key(client, cuid, mid);

	s->escalation->ops->withdraw(s->escalation, key);
	free(key);
}

void
recursion_deactivated(struct dots_server *s, struct mitigation *m)
{
	if (m->filtering || !m->escalated_now) /* only no address is known just now */
		return;
	if (is_immediate_alone(s, m))
		m->escalated = false;
	m->escalated_now = false;
	recursion_withdraw_immediate(s, m->client, m->cuid, m->mid);
}

void
recursion_moved(struct dots_server *s, const struct mitigation *m)
{
	struct escalation_asked asked = {.verdict = {.code = COAP_204_CHANGED}};

	if (!s->escalation || m->local || (s->n_mitigators && !m->escalated))
		return;
	renew(s, m, &asked);
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
		m->escalated_now = false;
		overload_rest(&m->gauge, loop_now(s->loop) + REST_MS);
		book_escalated(s->book, m, false, fx);
	} else {
		book_upstream(s->book, m, e->status, fx);
	}
}

/* Of a preconfigured request its immediate form counts while it is asked for. Told of neither form
 * for good: of the first only that it is gone, and a status 7 may become 8 again; when the second
 * ends it waits again. */
static void
on_status_preconfigured(
	struct dots_server *s, struct mitigation *m, enum dots_status status, struct effects *fx)
{
	bool gone = status == ATTACK_MITIGATION_TERMINATED;

	if (m->escalated_now && (gone || status == ATTACK_MITIGATION_WITHDRAWN))
		book_deactivate(s->book, m, "ended upstream", fx);
	else if (!m->escalated_now && gone)
		book_end(s->book, m, "ended upstream", fx);
	else if (status && (m->escalated_now || status != ATTACK_MITIGATION_IN_PROGRESS))
		book_status(s->book, m, status, loop_now(s->loop), fx);
}

static void
on_status(void *arg, const char *key, const struct escalation_status *e)
{
	struct dots_server *s = arg;
	struct mitigation *m = find(s, key);
	struct effects fx = {0};

	if (!m || (m->peer && is_immediate_key(key) != m->escalated_now))
		return;
	if (e->counted)
		book_counters(
			s->book, m, DROPPED_UPSTREAM, e->packets, e->bytes, loop_now(s->loop));
	book_conflict(s->book, m, &e->conflict, &fx);
	if (s->n_mitigators)
		on_status_beside(s, m, key, e, &fx);
	else if (m->peer)
		on_status_preconfigured(s, m, e->status, &fx);
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
