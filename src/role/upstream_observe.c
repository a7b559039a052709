/*
 * Subscriptions to the status of requests (RFC 9132 4.4.2.1), or, where that is the policy,
 * questions for it at intervals (4.4.2.2).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "role/upstream_private.h"

enum {
	OBSERVE_REPEAT_MS = 3000, /* RFC 9132 4.4: Non-confirmable requests at most every 3 s */
	OBSERVE_TRIES = 20,
	OBSERVATIONS_MAX = 24, /* subscriptions */
	LOOKS_MAX = 8,         /* questions for the status of what has none */
};

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
	upstream_redirect_take(o->u, response, true);
	if (!o->subscribed || coap_class(response->code) != 2 ||
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

/* Time between questions; 0: the server tells. */
static mono_ms
interval(const struct upstream *u)
{
	return (mono_ms)u->domain->status_interval * 1000;
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
	if (upstream_request_turn(u) > loop_now(u->cx.loop))
		return; /* later */
	if (o->handle > 0) {
		request_repeat(s, o->handle);
	} else {
		o->subscribed = !interval(u) && count_open(u, true) < OBSERVATIONS_MAX;
		if (!o->subscribed && count_open(u, false) >= LOOKS_MAX)
			return; /* later */
		upstream_request_build(u, &m, COAP_GET, o->cuid, o->mid, storage);
		if (o->subscribed)
			coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
		handle = request_send(s, &m, observation_answer, o);
		o->handle = handle > 0 ? handle : 0;
	}
	if (o->handle) {
		o->sent = loop_now(u->cx.loop);
		pacing_sent(&u->pacing, o->sent);
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
observation_run(struct observation *o, mono_ms now)
{
	mono_ms every = interval(o->u);

	if (o->answered && every && now - o->sent >= every) {
		o->answered = false;
		o->tries = 0;
	}
	if (o->answered || now - o->sent < OBSERVE_REPEAT_MS)
		return;
	if (o->tries < OBSERVE_TRIES)
		observation_send(o);
	else
		observation_cancel(o); /* until it is refreshed */
}

/* Unanswered ones have the timer running since they were sent. */
static void
rearm(struct upstream *u, mono_ms now)
{
	mono_ms next = INT64_MAX;

	for (const struct observation *o = u->observations; o; o = o->next) {
		mono_ms due = o->answered ? o->sent + interval(u) : now + OBSERVE_REPEAT_MS;

		next = due < next ? due : next;
	}
	if (next < INT64_MAX)
		timer_at(u->observe_timer, next);
}

void
upstream_observe_due(void *arg)
{
	struct upstream *u = arg;
	mono_ms now = loop_now(u->cx.loop);

	for (struct observation *o = u->observations; o; o = o->next)
		observation_run(o, now);
	if (interval(u))
		rearm(u, now);
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
upstream_observe_end(struct upstream *u, uint32_t mid)
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
upstream_observe_reset(struct upstream *u)
{
	for (struct observation *o = u->observations; o; o = o->next) {
		observation_cancel(o);
		o->answered = false;
		o->tries = 0;
	}
}

void
upstream_observe_renew(struct upstream *u)
{
	for (struct observation *o = u->observations; o; o = o->next)
		observation_send(o);
}
