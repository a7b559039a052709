/*
 * The client-domain gateway: each downstream request becomes one wish of our own client, whose
 * state answers it (rules M12, M13; RFC 9284 5.2). Upstream names never reach a downstream client.
 */
#include "role/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "homing/merge.h"
#include "homing/plan.h"

/* Wishes of downstream requests are told from the operator's by this prefix of their id. */
static const char wish_prefix[] = "client:";

struct decision {
	void (*decide)(void *arg, const struct verdict *v);
	void *arg;
	bool made; /* without upstream: */
	struct verdict verdict;
};

struct gateway {
	struct escalation escalation; /* first: the server knows this part only */
	struct loop *loop;
	struct dots_client *client;
	const struct homing *homing;
	bool trim;
	struct map *waiting; /* wish id -> struct decision */
	struct timer *later; /* decisions are given from the loop, never from inside admit */
	char **due;          /* wish ids whose decision is due now */
	size_t n_due, cap_due;
	void (*status)(void *arg, const char *key, enum dots_status status, uint64_t packets,
		uint64_t bytes);
	void *status_arg;
};

static char *
wish_id(const char *key)
{
	return mem_printf("%s%s", wish_prefix, key);
}

static void
decide(struct gateway *g, const char *id, const struct verdict *v)
{
	struct decision *d = map_remove(g->waiting, id, strlen(id));

	if (!d)
		return;
	d->decide(d->arg, v);
	free(d);
}

/* The answer for a request that waits, if there is one already. False: it was refused. */
static bool
answer(struct gateway *g, const char *id, const struct merged *m)
{
	bool ok = verdict_ok(&m->verdict);

	if (!m->answer)
		return true;
	if (!ok)
		wishes_release(dots_client_wishes(g->client), id, loop_now(g->loop),
			loop_wall()); /* refused by all: nothing is kept */
	decide(g, id, &m->verdict);
	return ok;
}

/* The wish changed: an answer for a request that waits, a status for one that was granted. */
static void
on_change(void *arg, const char *id)
{
	struct gateway *g = arg;
	struct arena *a;
	struct wish_view view;
	struct merged m;
	bool granted = true;

	if (strncmp(id, wish_prefix, strlen(wish_prefix)) != 0)
		return;
	a = arena_new();
	if (wishes_view(dots_client_wishes(g->client), id, loop_now(g->loop), a, &view) &&
		!view.releasing) {
		merge_parts(view.parts, view.n_parts, &m);
		if (map_get(g->waiting, id, strlen(id)))
			granted = answer(g, id, &m);
		if (granted && g->status)
			g->status(g->status_arg, id + strlen(wish_prefix), m.status, m.pkts_dropped,
				m.bytes_dropped);
	}
	arena_free(a);
}

/* Whoever waits for this wish gets its answer on the next turn. */
static void
owe(struct gateway *g, const char *id)
{
	if (g->n_due == g->cap_due) {
		g->cap_due = g->cap_due ? 2 * g->cap_due : 8;
		g->due = mem_grow(g->due, g->cap_due, sizeof(*g->due));
	}
	g->due[g->n_due++] = mem_text(id);
	timer_after(g->later, 0);
}

static void
later(void *arg)
{
	struct gateway *g = arg;
	char **ids = g->due;
	size_t n = g->n_due;

	g->due = NULL;
	g->n_due = g->cap_due = 0;
	for (size_t i = 0; i < n; i++) {
		const struct decision *d = map_get(g->waiting, ids[i], strlen(ids[i]));
		struct verdict v;

		if (d && d->made) {
			v = d->verdict;
			decide(g, ids[i], &v);
		} else {
			on_change(g, ids[i]);
		}
		free(ids[i]);
	}
	free(ids);
	dots_client_run(g->client);
}

/* ---- the server's questions ------------------------------------------------------------------ */

/* From the loop: with that verdict, or with what upstream says. */
static void
decide_later(struct gateway *g, const char *id, const struct decision *d)
{
	free(map_set(g->waiting, id, strlen(id), mem_copy(d, sizeof(*d))));
	owe(g, id);
}

/* Every target has to be owned by one of our domains (M12), or the foreign ones are trimmed. */
static bool
all_owned(const struct gateway *g, const struct scope *scope, struct verdict *v)
{
	struct prefix foreign;
	char text[PREFIX_TEXT_MAX];

	if (g->trim || plan_owns_all(g->homing, &scope->target, &foreign))
		return true;
	*v = verdict_of(COAP_400_BAD_REQUEST,
		"RFC 9284 5.3: target-prefix %s belongs to no provider of this network",
		prefix_format(&foreign, text));
	return false;
}

/* Makes it a wish of our client, or says why not. */
static bool
wish(struct gateway *g, const char *id, const struct scope *scope, struct verdict *v)
{
	struct wish_request r = {.id = id,
		.asker = id,
		.target = &scope->target,
		.trigger_mitigation = scope->trigger_mitigation,
		.duration = scope->lifetime > 0 ? scope->lifetime : 0};
	char made[WISH_ID_MAX], why[WISH_WHY_MAX] = "";
	int error;

	if (!all_owned(g, scope, v))
		return false;
	error = wishes_ask(dots_client_wishes(g->client), &r, loop_now(g->loop), loop_wall(), made,
		why, sizeof(why));
	if (error == -EPERM)
		*v = verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9284 5.1: no provider of this network owns the target");
	else if (error)
		*v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.3: %s", why);
	return error == 0;
}

static void
admit(struct escalation *e, const char *key, const struct scope *scope, bool refresh,
	void (*decided)(void *arg, const struct verdict *v), void *arg)
{
	struct gateway *g = (struct gateway *)e;
	char *id = wish_id(key);
	struct decision d = {.decide = decided, .arg = arg};

	if (!wish(g, id, scope, &d.verdict)) {
		d.made = true;
	} else if (refresh) { /* upstream is refreshed by the wish itself */
		d.verdict = verdict_of(COAP_204_CHANGED, "%s", "");
		d.made = true;
	}
	decide_later(g, id, &d);
	free(id);
}

static void
withdraw(struct escalation *e, const char *key)
{
	struct gateway *g = (struct gateway *)e;
	char *id = wish_id(key);

	free(map_remove(g->waiting, id, strlen(id)));
	if (wishes_release(dots_client_wishes(g->client), id, loop_now(g->loop), loop_wall()) == 0)
		timer_after(g->later, 0);
	free(id);
}

static void
on_status(struct escalation *e,
	void (*status)(void *arg, const char *key, enum dots_status status, uint64_t packets,
		uint64_t bytes),
	void *arg)
{
	struct gateway *g = (struct gateway *)e;

	g->status = status;
	g->status_arg = arg;
}

static const struct escalation_ops escalation_ops = {
	.admit = admit,
	.withdraw = withdraw,
	.on_status = on_status,
};

/* ---- life ------------------------------------------------------------------------------------ */

struct gateway *
gateway_new(struct loop *l, struct dots_client *client, const struct homing *homing, bool trim)
{
	struct gateway *g = mem_new(sizeof(*g));

	g->escalation.ops = &escalation_ops;
	g->loop = l;
	g->client = client;
	g->homing = homing;
	g->trim = trim;
	g->waiting = map_new();
	g->later = timer_new(l, later, g);
	dots_client_on_change(client, on_change, g);
	return g;
}

static bool
free_decision(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
gateway_free(struct gateway *g)
{
	if (!g)
		return;
	dots_client_on_change(g->client, NULL, NULL);
	for (size_t i = 0; i < g->n_due; i++)
		free(g->due[i]);
	free(g->due);
	map_each(g->waiting, free_decision, NULL);
	map_free(g->waiting);
	timer_free(g->later);
	free(g);
}

void
gateway_reload(struct gateway *g, const struct homing *homing, bool trim)
{
	g->homing = homing;
	g->trim = trim;
}

struct escalation *
gateway_escalation(struct gateway *g)
{
	return &g->escalation;
}
