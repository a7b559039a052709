/*
 * One request of ours at one server: sent, repeated, accepted, refreshed, withdrawn (RFC 9132 4.4;
 * rules M3, M6, M16).
 */
#include "homing/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/coap.h"

enum {
	REPEAT_MS = 3000,        /* RFC 9132 4.4: without an RTT estimate */
	PARALLEL_GAP_MS = 60000, /* RFC 9132 4.7: handshakes never more often */
	RETRY_S = 60,
	DEFAULT_LIFETIME_S = 3600,
};

struct placement *
placement_new(struct wishes *w, uint32_t server, uint32_t mid, const struct target *t, bool trigger,
	int64_t lifetime)
{
	struct placement *p = mem_new(sizeof(*p));
	struct scope from = {.target = *t}, to;

	from.has = (t->n_target_prefix ? 1ULL << SCOPE_TARGET_PREFIX : 0) |
		   (t->n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		   (t->n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0);
	p->arena = arena_new();
	schema_copy(&scope_schema, p->arena, &from, &to);
	p->target = to.target;
	p->server = server;
	if (server < w->homing->n_servers) {
		const struct domain_server *s = w->homing->servers[server];

		p->server_name = mem_text(s->name);
		p->domain = mem_text(w->homing->domains[s->domain].name);
	}
	p->mid = mid;
	p->trigger_mitigation = trigger;
	p->lifetime = lifetime ? lifetime : DEFAULT_LIFETIME_S;
	p->due = INT64_MAX;
	if (w->n_placements == w->cap_placements) {
		w->cap_placements = w->cap_placements ? 2 * w->cap_placements : 16;
		w->placements =
			mem_grow(w->placements, w->cap_placements, sizeof(struct placement *));
	}
	w->placements[w->n_placements++] = p;
	return p;
}

static void
free_asks(struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++)
		free(p->asks[i]);
	free(p->asks);
	p->asks = NULL;
	p->n_asks = 0;
}

uint32_t
placement_server(const struct homing *h, const char *domain, const char *server)
{
	for (uint32_t i = 0; i < h->n_servers; i++)
		if (!strcmp(h->servers[i]->name, server) &&
			!strcmp(h->domains[h->servers[i]->domain].name, domain))
			return i;
	return UINT32_MAX;
}

static void
queue_action(struct wishes *w, enum wish_action_kind kind, const struct placement *p)
{
	struct queued_action *q = mem_new(sizeof(*q));

	q->action = (struct wish_action){
		.kind = kind, .server = p->server, .mid = p->mid, .domain = -1};
	*w->last = q;
	w->last = &q->next;
}

void
placement_forget(struct wishes *w, const struct placement *p)
{
	if (p->server != UINT32_MAX)
		queue_action(w, WISH_ACTION_FORGET, p);
}

void
placement_drop(struct wishes *w, struct placement *p)
{
	size_t i = 0;

	while (w->placements[i] != p)
		i++;
	w->placements[i] = w->placements[--w->n_placements];
	store_forget_placement(w, p);
	placement_forget(w, p);
	wish_placement_gone(w, p);
	placement_free(p);
}

void
placement_free(struct placement *p)
{
	free_asks(p);
	arena_free(p->arena);
	free(p->domain);
	free(p->server_name);
	free(p);
}

struct placement *
placement_find(const struct wishes *w, uint32_t server, uint32_t mid)
{
	for (size_t i = 0; i < w->n_placements; i++)
		if (w->placements[i]->server == server && w->placements[i]->mid == mid)
			return w->placements[i];
	return NULL;
}

void
placement_set_asks(struct placement *p, const char *const *asks, size_t n)
{
	char **copy = mem_array(n, sizeof(char *));

	for (size_t i = 0; i < n; i++)
		copy[i] = mem_text(asks[i]);
	free_asks(p);
	p->asks = copy;
	p->n_asks = n;
}

bool
placement_serves(const struct placement *p, const char *ask)
{
	for (size_t i = 0; i < p->n_asks; i++)
		if (!strcmp(p->asks[i], ask))
			return true;
	return false;
}

/* A server that accepts it and says the next moment that it is not there is asked again at leisure.
 */
void
placement_lost(struct placement *p, mono_ms now)
{
	mono_ms soonest = p->answered + (mono_ms)RETRY_S * 1000;

	placement_queue(p, now > soonest ? now : soonest);
}

void
placement_queue(struct placement *p, mono_ms when)
{
	p->exchange = EXCHANGE_QUEUED;
	p->due = when;
	p->repeats = 0;
}

bool
placement_sendable(const struct wishes *w, const struct placement *p)
{
	return p->server != UINT32_MAX && w->available[p->server] != SERVER_UNAVAILABLE;
}

/* ---- answers ---- */

static void
close_exchange(struct placement *p)
{
	p->exchange = EXCHANGE_NONE;
	p->due = INT64_MAX;
	p->repeats = 0;
	p->silent = false;
}

/* The server deletes what a newer mid of ours overlaps; we forget it without asking. */
static void
drop_superseded(struct wishes *w, const struct placement *by)
{
	for (size_t i = w->n_placements; i-- > 0;) {
		struct placement *p = w->placements[i];

		if (p->superseded && p->server == by->server && p->mid < by->mid &&
			target_overlaps(&p->target, &by->target))
			placement_drop(w, p);
	}
}

static void
accepted(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now)
{
	bool first = p->state != PLACEMENT_PLACED;
	int64_t granted = a->lifetime ? a->lifetime : p->lifetime;

	close_exchange(p);
	p->answered = now;
	p->state = PLACEMENT_PLACED;
	p->code = a->code;
	p->why[0] = '\0';
	p->expires = granted < 0 ? INT64_MAX : now + granted * 1000;
	p->due = granted < 0 ? INT64_MAX : now + granted * 500; /* refreshed at half, but … */
	if (p->due < now + REPEAT_MS)
		p->due = now + REPEAT_MS; /* … whatever is granted (RFC 9132 4.4) */
	if (first) {
		if (!p->status)
			p->status = ATTACK_MITIGATION_IN_PROGRESS;
		wish_report(w, WISH_REPORT_PLACED, p->n_asks ? p->asks[0] : "", p, NULL, "");
	}
	queue_action(w, WISH_ACTION_OBSERVE, p);
	drop_superseded(w, p);
}

static void
refused(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now)
{
	close_exchange(p);
	p->code = a->code;
	snprintf(p->why, sizeof(p->why), "%s", a->why ? a->why : "");
	if (a->code == COAP_409_CONFLICT && a->conflict_cause == CUID_COLLISION)
		snprintf(p->why, sizeof(p->why),
			"RFC 9132 4.4.1.1: our cuid is in use by another client there");
	if (coap_class(a->code) == 5) /* it may work later */
		placement_queue(p, now + (int64_t)(a->max_age ? a->max_age : RETRY_S) * 1000);
	if (p->state != PLACEMENT_PLACED || coap_class(a->code) == 4) {
		p->state = PLACEMENT_REFUSED;
		wish_report(w, WISH_REPORT_REFUSED, p->n_asks ? p->asks[0] : "", p, NULL, p->why);
	}
}

/* M14: the copies of one request share its mid; one that was raised draws the others after it. */
static uint32_t
raised_mid(struct wishes *w, const struct placement *p, wall_ms wall)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *o = w->placements[i];

		if (o->retried_mid && o->server != p->server && o->mid > p->mid &&
			!strcmp(o->domain, p->domain) && target_covers(&o->target, &p->target) &&
			target_covers(&p->target, &o->target))
			return o->mid;
	}
	return store_take_mid(w, p->domain, wall);
}

/* A higher mid of ours stands there that we do not know of: ask again under one above it, once. */
static bool
mid_is_behind(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	if (a->code != COAP_409_CONFLICT || a->conflict_cause != OVERLAPPING_TARGETS ||
		p->retried_mid)
		return false;
	store_forget_placement(w, p);
	store_raise_mid(w, p->domain, a->conflict_mid, wall);
	p->mid = raised_mid(w, p, wall);
	p->retried_mid = true;
	p->state = PLACEMENT_WANTED;
	placement_queue(p, now);
	return true;
}

void
placement_answer(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	if (p->state == PLACEMENT_GOING) {
		if (a->method != COAP_DELETE)
			return; /* the PUT it had open; the withdrawal goes on */
		p->code = a->code;
		wish_report(w, WISH_REPORT_WITHDRAWN, p->n_asks ? p->asks[0] : "", p, NULL, "");
		placement_drop(w, p);
		return;
	}
	if (a->method != COAP_PUT || p->exchange != EXCHANGE_OPEN)
		return;
	if (coap_class(a->code) == 2)
		accepted(w, p, a, now);
	else if (!mid_is_behind(w, p, a, now, wall))
		refused(w, p, a, now);
	store_placement(w, p, now, wall);
	wish_changed(w, p);
}

/* ---- what is due ---- */

static void
fill_put(const struct placement *p, struct wish_action *ret)
{
	struct scope *s = &ret->scope;

	s->target = p->target;
	s->lifetime = p->lifetime;
	s->trigger_mitigation = p->trigger_mitigation;
	s->has = 1ULL << SCOPE_TARGET_PREFIX | 1ULL << SCOPE_LIFETIME |
		 (p->target.n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		 (p->target.n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0) |
		 (p->trigger_mitigation ? 0 : 1ULL << SCOPE_TRIGGER_MITIGATION);
	ret->refresh = p->state == PLACEMENT_PLACED;
}

void
placement_sent(struct placement *p, mono_ms now)
{
	p->due = now + REPEAT_MS;
}

static void
transmit(struct placement *p, mono_ms now, struct wish_action *ret)
{
	ret->kind = p->state == PLACEMENT_GOING ? WISH_ACTION_DELETE : WISH_ACTION_PUT;
	if (ret->kind == WISH_ACTION_PUT)
		fill_put(p, ret);
	p->exchange = EXCHANGE_OPEN;
	p->sent = true;
	p->repeats = 0;
	placement_sent(p, now);
}

/* Unanswered: again every 3 s; when the first repeat stayed unanswered too, a second session. */
static bool
repeat(struct wishes *w, struct placement *p, mono_ms now, struct wish_action *ret)
{
	if (p->repeats == 1 && p->parallel_at <= now) {
		p->parallel_at = now + PARALLEL_GAP_MS;
		ret->kind = WISH_ACTION_PARALLEL;
		return true;
	}
	ret->kind = WISH_ACTION_REPEAT;
	p->repeats++;
	p->due = now + REPEAT_MS;
	if (!p->silent) {
		p->silent = true;
		wish_changed(w, p);
	}
	return true;
}

bool
placement_next(struct wishes *w, struct placement *p, mono_ms now, struct wish_action *ret)
{
	*ret = (struct wish_action){.server = p->server, .mid = p->mid, .domain = -1};
	if (p->server != UINT32_MAX)
		ret->domain = (int)w->homing->servers[p->server]->domain;
	if (!placement_sendable(w, p) || p->due > now)
		return false;
	switch (p->exchange) {
	case EXCHANGE_OPEN:
		return repeat(w, p, now, ret);
	case EXCHANGE_NONE: /* a refresh is due */
	case EXCHANGE_QUEUED:
		transmit(p, now, ret);
		return true;
	}
	return false;
}

mono_ms
placement_deadline(const struct wishes *w, const struct placement *p)
{
	mono_ms gone = p->state == PLACEMENT_GOING && p->expires ? p->expires : INT64_MAX;
	mono_ms due = placement_sendable(w, p) ? p->due : INT64_MAX;

	return due < gone ? due : gone;
}
