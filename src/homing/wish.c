/*
 * Wishes: what was asked of us until it is released. Every change is planned anew and compared with
 * what is placed (placement.c); the differences become placements and actions.
 */
#include "homing/wish.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "homing/placement.h"
#include "wire/coap.h"

enum { WISHES_MAX = 100000 };

/* ---- the queue of things to tell ---- */

static struct wish_action *
queue(struct wishes *w, enum wish_action_kind kind, const char *ask)
{
	struct queued_action *q = mem_new(sizeof(*q));

	q->action.kind = kind;
	q->action.domain = -1;
	q->action.server = UINT32_MAX;
	snprintf(q->action.ask, sizeof(q->action.ask), "%s", ask);
	*w->last = q;
	w->last = &q->next;
	return &q->action;
}

void
wish_report(struct wishes *w, enum wish_report report, const char *ask, const struct placement *p,
	const struct wish_part *part, const char *reason)
{
	struct wish_action *a = queue(w, WISH_ACTION_REPORT, ask);

	a->report = report;
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
	if (p) {
		a->server = p->server;
		a->mid = p->mid;
		a->domain = homing_domain(w->homing, p->domain);
		a->code = p->code;
		a->status = p->status;
		a->lifetime = p->lifetime;
		if (p->target.n_target_prefix)
			a->prefix = p->target.target_prefix[0];
		a->section = "RFC 9132 4.4";
	}
	if (part) {
		a->prefix = part->prefix;
		a->domain = part->domain;
		a->server = part->server < 0 ? UINT32_MAX : (uint32_t)part->server;
		a->section = part->section;
	}
}

void
wish_changed(struct wishes *w, const struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++)
		queue(w, WISH_ACTION_CHANGED, p->asks[i]);
}

/* ---- the list ---- */

struct wish *
wish_add(struct wishes *w, struct wish *wish)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->list = mem_grow(w->list, w->cap, sizeof(struct wish *));
	}
	w->list[w->n++] = wish;
	map_set(w->by_id, wish->id, strlen(wish->id), wish);
	return wish;
}

static struct wish *
wish_get(const struct wishes *w, const char *id)
{
	return map_get(w->by_id, id, strlen(id));
}

static void
wish_free(struct wish *wish)
{
	arena_free(wish->arena);
	arena_free(wish->parts_arena);
	free(wish->id);
	free(wish->asker);
	free(wish);
}

static void
wish_remove(struct wishes *w, struct wish *wish)
{
	size_t i = 0;

	while (w->list[i] != wish)
		i++;
	w->list[i] = w->list[--w->n];
	map_remove(w->by_id, wish->id, strlen(wish->id));
	wish_free(wish);
}

static bool
is_held(const struct wishes *w, const struct wish *wish)
{
	for (size_t i = 0; i < w->n_placements; i++)
		if (w->placements[i]->state == PLACEMENT_GOING &&
			placement_serves(w->placements[i], wish->id))
			return true;
	return false;
}

/* A released wish is over when the last of its withdrawals is. */
static void
finish_released(struct wishes *w, const char *id)
{
	struct wish *wish = wish_get(w, id);

	if (!wish || !wish->releasing || is_held(w, wish))
		return;
	wish_report(w, WISH_REPORT_RELEASED, id, NULL, NULL, "");
	wish_remove(w, wish);
}

void
wish_placement_gone(struct wishes *w, const struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++)
		finish_released(w, p->asks[i]);
}

/* ---- planning ---- */

/* Requests that can carry a wish: not those being withdrawn, given up or replaced. */
static bool
is_live(const struct placement *p)
{
	return p->state != PLACEMENT_GOING && !p->standby && !p->superseded &&
	       p->server != UINT32_MAX;
}

struct replan {
	struct wishes *w;
	struct arena *arena;
	struct ask *asks;
	size_t n_asks;
	struct live *live;
	struct placement **placements; /* beside live */
	size_t n_live;
	struct plan plan;
	mono_ms now;
	wall_ms wall;
};

static void
collect(struct replan *r)
{
	struct wishes *w = r->w;

	r->asks = arena_alloc(r->arena, w->n + 1, sizeof(*r->asks));
	r->live = arena_alloc(r->arena, w->n_placements + 1, sizeof(*r->live));
	r->placements = arena_alloc(r->arena, w->n_placements + 1, sizeof(struct placement *));
	for (size_t i = 0; i < w->n; i++)
		if (!w->list[i]->releasing)
			r->asks[r->n_asks++] = (struct ask){
				w->list[i]->id, w->list[i]->target, w->list[i]->trigger_mitigation};
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];

		if (!is_live(p))
			continue;
		r->placements[r->n_live] = p;
		r->live[r->n_live++] =
			(struct live){p->server, p->mid, p->target, p->trigger_mitigation};
	}
}

/* M6: the next server of the domain gets the same mid when this one cannot be reached. */
static struct placement *
predecessor(const struct replan *r, const struct plan_request *q)
{
	uint32_t domain = r->w->homing->servers[q->server]->domain;

	for (size_t i = 0; i < r->plan.n_withdraw; i++) {
		struct placement *p = r->placements[r->plan.withdraw[i]];

		if (p->server != q->server && r->w->homing->servers[p->server]->domain == domain &&
			r->w->available[p->server] == SERVER_UNAVAILABLE && p->sent &&
			target_covers(&p->target, &q->target) &&
			target_covers(&q->target, &p->target))
			return p;
	}
	return NULL;
}

static int64_t
wanted_lifetime(const struct replan *r, const struct plan_request *q)
{
	const struct domain *d = &r->w->homing->domains[r->w->homing->servers[q->server]->domain];
	int64_t lifetime = 0;

	for (size_t i = 0; i < q->n_asks; i++) {
		const struct wish *wish = wish_get(r->w, q->asks[i]);

		if (wish->lifetime > lifetime)
			lifetime = wish->lifetime;
	}
	return lifetime ? lifetime : d->lifetime;
}

/* M14: copies over several attachments are one request, which one mid says to the server. */
static struct placement *
sibling(const struct replan *r, const struct plan_request *q)
{
	const struct homing *h = r->w->homing;
	uint32_t domain = h->servers[q->server]->domain;

	if (h->domains[domain].attachments != ATTACHMENTS_ALL)
		return NULL;
	for (size_t i = 0; i < r->w->n_placements; i++) {
		struct placement *p = r->w->placements[i];

		if (is_live(p) && p->server != q->server &&
			h->servers[p->server]->domain == domain &&
			p->trigger_mitigation == q->trigger_mitigation &&
			target_covers(&p->target, &q->target) &&
			target_covers(&q->target, &p->target) &&
			!placement_find(r->w, q->server, p->mid))
			return p;
	}
	return NULL;
}

static struct placement *
place(struct replan *r, const struct plan_request *q)
{
	struct wishes *w = r->w;
	const char *domain = w->homing->domains[w->homing->servers[q->server]->domain].name;
	struct placement *before = predecessor(r, q), *like = before ? before : sibling(r, q);
	uint32_t mid = like ? like->mid : store_take_mid(w, domain, r->wall);
	struct placement *p = before ? placement_find(w, q->server, mid) : NULL;

	if (before)
		before->standby = true;
	if (p) { /* it was there before the other one */
		p->standby = false;
		p->state = PLACEMENT_WANTED;
	} else {
		p = placement_new(w, q->server, mid, &q->target, q->trigger_mitigation,
			wanted_lifetime(r, q));
	}
	placement_queue(p, r->now);
	return p;
}

static void
apply_requests(struct replan *r)
{
	for (size_t i = 0; i < r->plan.n_requests; i++) {
		const struct plan_request *q = &r->plan.requests[i];
		struct placement *p = q->live < 0 ? place(r, q) : r->placements[q->live];
		bool changed = q->live < 0 || p->n_asks != q->n_asks;

		for (size_t k = 0; k < q->n_asks; k++)
			changed |= !placement_serves(p, q->asks[k]);
		placement_set_asks(p, q->asks, q->n_asks);
		if (changed)
			store_placement(r->w, p, r->now, r->wall);
	}
}

static bool
is_replaced(const struct replan *r, const struct placement *p)
{
	for (size_t i = 0; i < r->plan.n_requests; i++) {
		const struct plan_request *q = &r->plan.requests[i];

		if (q->live < 0 && q->server == p->server &&
			q->trigger_mitigation == p->trigger_mitigation &&
			target_overlaps(&q->target, &p->target))
			return true;
	}
	return false;
}

static void
withdraw(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	if (!p->sent || p->state == PLACEMENT_REFUSED || p->state == PLACEMENT_ENDED ||
		p->server == UINT32_MAX) {
		placement_drop(w, p); /* nothing stands there */
		return;
	}
	p->state = PLACEMENT_GOING;
	p->standby = p->superseded = false;
	if (!p->expires) /* never answered: it may live there for what we asked */
		p->expires = now + (p->lifetime > 0 ? p->lifetime * 1000 : 0);
	placement_queue(p, now);
	store_placement(w, p, now, wall);
}

/* The copies left at servers that were given up go with it (M6). */
static void
withdraw_standbys(struct wishes *w, const char *domain, uint32_t mid, mono_ms now, wall_ms wall)
{
	for (size_t i = w->n_placements; i-- > 0;) {
		struct placement *p = w->placements[i];

		if (p->standby && p->mid == mid && !strcmp(p->domain, domain))
			withdraw(w, p, now, wall);
	}
}

static void
apply_withdrawals(struct replan *r)
{
	for (size_t i = 0; i < r->plan.n_withdraw; i++) {
		struct placement *p = r->placements[r->plan.withdraw[i]];
		char *domain = mem_text(p->domain);
		uint32_t mid = p->mid;

		if (is_replaced(r, p) && p->sent) {
			p->superseded = true; /* until the newer mid is accepted */
		} else if (!p->standby) {
			withdraw(r->w, p, r->now, r->wall);
			withdraw_standbys(r->w, domain, mid, r->now, r->wall);
		} else {
			store_placement(r->w, p, r->now, r->wall);
		}
		free(domain);
	}
}

/* ---- parts of a wish ---- */

static const struct placement *
serving(const struct wishes *w, const char *id, const struct wish_part *part)
{
	const struct placement *best = NULL;

	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *p = w->placements[i];
		struct target one = {
			.target_prefix = (struct prefix *)&part->prefix, .n_target_prefix = 1};

		if ((int)p->server != part->server || !placement_serves(p, id) ||
			!target_overlaps(&p->target, &one))
			continue;
		if (!best || (is_live(p) && p->mid > best->mid))
			best = p;
	}
	return best;
}

static enum wish_state
state_of(const struct wishes *w, const struct placement *p)
{
	switch (p->state) {
	case PLACEMENT_PLACED:
	case PLACEMENT_GOING:
		return WISH_PLACED;
	case PLACEMENT_REFUSED:
		return WISH_REFUSED;
	case PLACEMENT_ENDED:
		return WISH_ENDED;
	case PLACEMENT_WANTED:
		break;
	}
	if (!placement_sendable(w, p))
		return WISH_PENDING;
	return p->silent ? WISH_SILENT : WISH_SENT;
}

static void
fill_part(const struct wishes *w, const char *id, struct wish_part *part, mono_ms now)
{
	const struct placement *p = part->server >= 0 ? serving(w, id, part) : NULL;

	if (!p)
		return;
	part->state = state_of(w, p);
	part->code = p->code;
	part->mid = p->mid;
	part->lifetime = p->expires == INT64_MAX ? -1
			 : p->expires > now      ? (p->expires - now) / 1000
						 : 0;
	part->status = p->status;
	part->bytes_dropped = p->bytes_dropped;
	part->pkts_dropped = p->pkts_dropped;
	part->bps_dropped = p->bps_dropped;
	part->pps_dropped = p->pps_dropped;
	if (part->state == WISH_REFUSED) {
		part->section = "RFC 9132 4.4.1.3";
		part->reason = *p->why ? p->why : "refused by the server";
	}
}

static enum wish_state
planned_state(enum part_state s)
{
	return s == PART_REFUSED ? WISH_REFUSED : s == PART_PENDING ? WISH_PENDING : WISH_SENT;
}

static struct wish_part *
copy_parts(const struct plan *plan, const char *id, struct arena *a, size_t *ret_n)
{
	struct wish_part *parts = arena_alloc(a, plan->n_parts + 1, sizeof(*parts));
	size_t n = 0;

	for (size_t i = 0; i < plan->n_parts; i++) {
		const struct plan_part *p = &plan->parts[i];

		if (strcmp(p->ask, id) != 0)
			continue;
		parts[n++] = (struct wish_part){.prefix = p->prefix,
			.domain = p->domain,
			.server = p->server,
			.state = planned_state(p->state),
			.section = p->section,
			.reason = arena_text(a, p->reason, strlen(p->reason))};
	}
	*ret_n = n;
	return parts;
}

static bool
told_before(const struct wish *wish, const struct wish_part *part)
{
	for (size_t i = 0; i < wish->n_parts; i++)
		if (prefix_equal(&wish->parts[i].prefix, &part->prefix) &&
			wish->parts[i].server == part->server &&
			wish->parts[i].state == part->state)
			return true;
	return false;
}

static void
tell_parts(struct wishes *w, const struct wish *wish, const struct wish_part *parts, size_t n)
{
	static const enum wish_report reports[] = {[WISH_REFUSED] = WISH_REPORT_REFUSED,
		[WISH_PENDING] = WISH_REPORT_PENDING,
		[WISH_SENT] = WISH_REPORT_PLANNED};

	for (size_t i = 0; i < n; i++)
		if (!told_before(wish, &parts[i]))
			wish_report(w, reports[parts[i].state], wish->id, NULL, &parts[i],
				parts[i].reason);
}

static void
update_parts(struct replan *r)
{
	for (size_t i = 0; i < r->w->n; i++) {
		struct wish *wish = r->w->list[i];
		struct arena *a;
		struct wish_part *parts;
		size_t n;

		if (wish->releasing)
			continue;
		a = arena_new();
		parts = copy_parts(&r->plan, wish->id, a, &n);
		tell_parts(r->w, wish, parts, n);
		arena_free(wish->parts_arena);
		wish->parts_arena = a;
		wish->parts = parts;
		wish->n_parts = n;
		queue(r->w, WISH_ACTION_CHANGED, wish->id);
	}
}

static void
replan(struct wishes *w, mono_ms now, wall_ms wall)
{
	struct replan r = {.w = w, .arena = arena_new(), .now = now, .wall = wall};

	collect(&r);
	plan(w->homing, r.asks, r.n_asks, r.live, r.n_live, w->available, r.arena, &r.plan);
	apply_requests(&r);
	apply_withdrawals(&r);
	update_parts(&r);
	arena_free(r.arena);
}

/* ---- asking ---- */

static bool
same_target(const struct target *a, const struct target *b)
{
	return target_covers(a, b) && target_covers(b, a);
}

static int
renew(struct wishes *w, struct wish *wish, const struct wish_request *r, mono_ms now, wall_ms wall,
	char *why, size_t cap)
{
	if (wish->releasing || !same_target(&wish->target, r->target)) {
		snprintf(why, cap, "%s is in use for another target", wish->id);
		return -EEXIST;
	}
	wish->until = r->duration ? wall + r->duration * 1000 : 0;
	wish->ends = r->duration ? now + r->duration * 1000 : INT64_MAX;
	store_wish(w, wish);
	return 0;
}

static struct wish *
make_wish(struct wishes *w, const struct wish_request *r, mono_ms now, wall_ms wall)
{
	struct wish *wish = mem_new(sizeof(*wish));
	struct scope from = {.target = *r->target}, to;
	char id[32];

	from.has = 1ULL << SCOPE_TARGET_PREFIX |
		   (r->target->n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		   (r->target->n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0);
	wish->arena = arena_new();
	schema_copy(&scope_schema, wish->arena, &from, &to);
	wish->target = to.target;
	do
		snprintf(id, sizeof(id), "w%llu", (unsigned long long)++w->last_number);
	while (!r->id && wish_get(w, id));
	wish->id = mem_text(r->id ? r->id : id);
	wish->asker = mem_text(r->asker);
	wish->trigger_mitigation = r->trigger_mitigation;
	wish->lifetime = r->lifetime;
	wish->asked = wall;
	wish->until = r->duration ? wall + r->duration * 1000 : 0;
	wish->ends = r->duration ? now + r->duration * 1000 : INT64_MAX;
	return wish;
}

static bool
all_refused(const struct wish *wish)
{
	for (size_t i = 0; i < wish->n_parts; i++)
		if (wish->parts[i].state != WISH_REFUSED)
			return false;
	return true;
}

static int
check_request(const struct wishes *w, const struct wish_request *r, char *why, size_t cap)
{
	if (!r->target->n_target_prefix) {
		snprintf(why, cap, "no target");
		return -EINVAL;
	}
	if (r->id && (!*r->id || strlen(r->id) >= WISH_ID_MAX)) {
		snprintf(why, cap, "the id is empty or longer than %d", WISH_ID_MAX - 1);
		return -EINVAL;
	}
	for (size_t i = 0; i < r->target->n_target_prefix; i++)
		if (prefix_is_special(&r->target->target_prefix[i])) {
			snprintf(why, cap,
				"RFC 9132 4.4.1.1: a target is loopback, multicast or broadcast");
			return -EINVAL;
		}
	if (w->n >= WISHES_MAX) {
		snprintf(why, cap, "%d requests are kept already", WISHES_MAX);
		return -ENOSPC;
	}
	return 0;
}

int
wishes_ask(struct wishes *w, const struct wish_request *r, mono_ms now, wall_ms wall, char *ret_id,
	char *why, size_t cap)
{
	struct wish *wish = r->id ? wish_get(w, r->id) : NULL;
	int error = check_request(w, r, why, cap);

	if (error)
		return error;
	if (wish) {
		snprintf(ret_id, WISH_ID_MAX, "%s", wish->id);
		return renew(w, wish, r, now, wall, why, cap);
	}
	wish = wish_add(w, make_wish(w, r, now, wall));
	snprintf(ret_id, WISH_ID_MAX, "%s", wish->id);
	wish_report(w, WISH_REPORT_ASKED, wish->id, NULL,
		&(struct wish_part){
			.prefix = r->target->target_prefix[0], .domain = -1, .server = -1},
		wish->asker);
	replan(w, now, wall);
	if (all_refused(wish)) {
		snprintf(why, cap, "%s: %s",
			wish->n_parts ? wish->parts[0].section : "RFC 9284 5.1",
			wish->n_parts ? wish->parts[0].reason : "no domain is configured");
		wish_remove(w, wish);
		return -EPERM;
	}
	store_wish(w, wish);
	return 0;
}

int
wishes_release(struct wishes *w, const char *id, mono_ms now, wall_ms wall)
{
	struct wish *wish = wish_get(w, id);
	char *copy;

	if (!wish || wish->releasing)
		return wish ? 0 : -ENOENT;
	wish->releasing = true;
	wish->ends = INT64_MAX;
	store_forget_wish(w, id);
	copy = mem_text(id);
	replan(w, now, wall);
	finish_released(w, copy);
	free(copy);
	return 0;
}

int
wishes_refresh(struct wishes *w, const char *id, mono_ms now)
{
	if (!wish_get(w, id))
		return -ENOENT;
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];

		if (!placement_serves(p, id) || p->state == PLACEMENT_GOING)
			continue;
		if (p->state == PLACEMENT_REFUSED || p->state == PLACEMENT_ENDED)
			p->state = PLACEMENT_WANTED;
		placement_queue(p, now);
	}
	return 0;
}

size_t
wishes_explain(struct wishes *w, const struct target *t, struct arena *a, struct wish_part **ret)
{
	struct ask ask = {"explain", *t, true};
	struct plan result;
	size_t n;

	plan(w->homing, &ask, 1, NULL, 0, w->available, a, &result);
	*ret = copy_parts(&result, "explain", a, &n);
	return n;
}

bool
wishes_view(struct wishes *w, const char *id, mono_ms now, struct arena *a, struct wish_view *ret)
{
	struct wish *wish = wish_get(w, id);
	struct wish_part *parts;

	if (!wish)
		return false;
	parts = arena_alloc(a, wish->n_parts + 1, sizeof(*parts));
	for (size_t i = 0; i < wish->n_parts; i++) {
		parts[i] = wish->parts[i];
		fill_part(w, id, &parts[i], now);
	}
	*ret = (struct wish_view){.id = wish->id,
		.asker = wish->asker,
		.target = &wish->target,
		.asked = wish->asked,
		.until = wish->until,
		.releasing = wish->releasing,
		.parts = parts,
		.n_parts = wish->n_parts};
	return true;
}

void
wishes_each(struct wishes *w, void (*visit)(void *arg, const char *id), void *arg)
{
	for (size_t i = 0; i < w->n; i++)
		visit(arg, w->list[i]->id);
}

size_t
wishes_count(const struct wishes *w)
{
	return w->n;
}

bool
wishes_under_attack(const struct wishes *w, uint32_t domain)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *p = w->placements[i];

		if (p->server != UINT32_MAX && w->homing->servers[p->server]->domain == domain &&
			p->state != PLACEMENT_ENDED && p->state != PLACEMENT_REFUSED)
			return true;
	}
	return false;
}

/* ---- the world ---- */

void
wishes_renewed(struct wishes *w, uint32_t server, mono_ms since, mono_ms now)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];

		if (p->server == server && !p->standby && p->state == PLACEMENT_PLACED &&
			p->exchange == EXCHANGE_NONE && p->answered < since)
			placement_queue(p, now); /* it may have lost it: told again */
	}
}

void
wishes_sent(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now)
{
	struct placement *p = placement_find(w, server, mid);

	if (p && p->exchange == EXCHANGE_OPEN)
		placement_sent(p, now);
}

/* What was under way when the association ended may not have arrived. */
static void
send_again(struct wishes *w, uint32_t server, mono_ms now)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];

		if (p->server == server && !p->standby && p->exchange == EXCHANGE_OPEN)
			placement_queue(p, now);
	}
}

void
wishes_available(struct wishes *w, uint32_t server, enum availability a, mono_ms now, wall_ms wall)
{
	enum availability before;

	if (server >= w->homing->n_servers || w->available[server] == a)
		return;
	before = w->available[server];
	w->available[server] = a;
	if (before != SERVER_UNAVAILABLE && a != SERVER_UNAVAILABLE)
		return;
	if (before == SERVER_UNAVAILABLE)
		send_again(w, server, now);
	replan(w, now, wall);
}

void
wishes_answer(struct wishes *w, uint32_t server, uint32_t mid, const struct wish_answer *answer,
	mono_ms now, wall_ms wall)
{
	struct placement *p = placement_find(w, server, mid);

	if (p)
		placement_answer(w, p, answer, now, wall);
}

static void
take_counters(struct placement *p, const struct scope *e)
{
	p->bytes_dropped = SCOPE_HAS(e, BYTES_DROPPED) ? e->bytes_dropped : p->bytes_dropped;
	p->pkts_dropped = SCOPE_HAS(e, PKTS_DROPPED) ? e->pkts_dropped : p->pkts_dropped;
	p->bps_dropped = SCOPE_HAS(e, BPS_DROPPED) ? e->bps_dropped : p->bps_dropped;
	p->pps_dropped = SCOPE_HAS(e, PPS_DROPPED) ? e->pps_dropped : p->pps_dropped;
}

void
wishes_status(struct wishes *w, uint32_t server, const struct scope *entry, mono_ms now)
{
	struct placement *p =
		SCOPE_HAS(entry, MID) ? placement_find(w, server, (uint32_t)entry->mid) : NULL;
	bool changed, over;

	if (!p || p->state == PLACEMENT_GOING || !SCOPE_HAS(entry, STATUS))
		return;
	changed = p->status != entry->status;
	p->status = entry->status;
	take_counters(p, entry);
	over = entry->status == ATTACK_MITIGATION_TERMINATED ||
	       entry->status == ATTACK_MITIGATION_WITHDRAWN;
	if (over && p->state == PLACEMENT_PLACED) {
		p->state = PLACEMENT_ENDED;
		p->exchange = EXCHANGE_NONE;
		p->due = INT64_MAX;
		placement_forget(w, p);
	}
	if (changed)
		wish_report(w, over ? WISH_REPORT_ENDED : WISH_REPORT_STATUS,
			p->n_asks ? p->asks[0] : "", p, NULL, over ? "ended by the server" : "");
	wish_changed(w, p);
	(void)now;
}

void
wishes_unknown(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now)
{
	struct placement *p = placement_find(w, server, mid);

	if (p && p->state == PLACEMENT_PLACED && p->exchange == EXCHANGE_NONE)
		placement_lost(p, now);
}

/* ---- actions ---- */

static void
release_ended(struct wishes *w, mono_ms now, wall_ms wall)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i]->ends <= now) {
			char *id = mem_text(w->list[i]->id);

			wishes_release(w, id, now, wall);
			free(id);
			i = (size_t)-1; /* the list changed */
		}
}

/* A withdrawal nobody answers is over when the request has expired there. */
static void
drop_expired(struct wishes *w, mono_ms now)
{
	for (size_t i = w->n_placements; i-- > 0;) {
		struct placement *p = w->placements[i];

		if (p->state == PLACEMENT_GOING && p->expires <= now)
			placement_drop(w, p);
	}
}

static bool
take_queued(struct wishes *w, struct wish_action *ret)
{
	struct queued_action *q = w->first;

	if (!q)
		return false;
	*ret = q->action;
	w->first = q->next;
	if (!w->first)
		w->last = &w->first;
	free(q);
	return true;
}

bool
wishes_next(struct wishes *w, mono_ms now, wall_ms wall, struct wish_action *ret)
{
	if (take_queued(w, ret))
		return true;
	if (!w->cursor) {
		release_ended(w, now, wall);
		drop_expired(w, now);
	}
	for (; w->cursor < w->n_placements; w->cursor++)
		if (placement_next(w, w->placements[w->cursor], now, ret))
			return true; /* it may have more */
	w->cursor = 0;
	return take_queued(w, ret);
}

mono_ms
wishes_deadline(const struct wishes *w)
{
	mono_ms first = INT64_MAX;

	if (w->first)
		return 0;
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i]->ends < first)
			first = w->list[i]->ends;
	for (size_t i = 0; i < w->n_placements; i++) {
		mono_ms at = placement_deadline(w, w->placements[i]);

		if (at < first)
			first = at;
	}
	return first;
}

/* ---- life ---- */

struct wishes *
wishes_new(const struct homing *h, struct persist *p)
{
	struct wishes *w = mem_new(sizeof(*w));

	w->homing = h;
	w->persist = p;
	w->by_id = map_new();
	w->identities = map_new();
	w->available = mem_array(h->n_servers, sizeof(*w->available));
	w->last = &w->first;
	return w;
}

static bool
free_identity(void *arg, const void *key, size_t len, void *value)
{
	struct identity *id = value;

	(void)arg;
	(void)key;
	(void)len;
	free(id->cuid);
	free(id);
	return true;
}

void
wishes_free(struct wishes *w)
{
	struct wish_action a;

	if (!w)
		return;
	while (take_queued(w, &a))
		;
	for (size_t i = 0; i < w->n; i++)
		wish_free(w->list[i]);
	for (size_t i = 0; i < w->n_placements; i++)
		placement_free(w->placements[i]);
	map_each(w->identities, free_identity, NULL);
	map_free(w->identities);
	map_free(w->by_id);
	free(w->list);
	free(w->placements);
	free(w->available);
	free(w);
}

void
wishes_restore(struct wishes *w, mono_ms now, wall_ms wall)
{
	store_restore(w, now, wall);
	replan(w, now, wall);
}

void
wishes_clock_set(struct wishes *w, mono_ms now, wall_ms wall)
{
	for (size_t i = 0; i < w->n; i++) {
		struct wish *wish = w->list[i];
		int64_t duration = wish->until - wish->asked;

		if (wish->releasing || !wish->until)
			continue;
		wish->until = wall + (wish->ends - now);
		wish->asked = wish->until - duration;
		store_wish(w, wish);
	}
	for (size_t i = 0; i < w->n_placements; i++)
		store_placement(w, w->placements[i], now, wall);
}

void
wishes_reload(struct wishes *w, const struct homing *h, mono_ms now, wall_ms wall)
{
	enum availability *available = mem_array(h->n_servers, sizeof(*available));

	for (uint32_t i = 0; i < h->n_servers; i++) {
		uint32_t before = placement_server(
			w->homing, h->domains[h->servers[i]->domain].name, h->servers[i]->name);

		if (before != UINT32_MAX)
			available[i] = w->available[before];
	}
	for (size_t i = 0; i < w->n_placements; i++)
		w->placements[i]->server = placement_server(
			h, w->placements[i]->domain, w->placements[i]->server_name);
	free(w->available);
	w->available = available;
	w->homing = h;
	replan(w, now, wall);
}

const char *
wishes_cuid(struct wishes *w, uint32_t domain, const char *derived, wall_ms wall)
{
	const char *name = w->homing->domains[domain].name;
	struct identity *id = store_identity(w, name, wall);

	if (!id->cuid && *derived) {
		id->cuid = mem_text(derived);
		store_put_identity(w, name, id);
	}
	return id->cuid ? id->cuid : "";
}
