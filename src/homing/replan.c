/*
 * Planning anew: some wishes and all that they have to do with are planned (plan.c) and compared
 * with what is placed; the differences become placements and withdrawals (rules M2, M6, M8, M14,
 * M17).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "homing/disclosure.h"
#include "homing/placement.h"
#include "homing/target.h"

/* Some wishes and all that they have to do with: requests at one server that overlap, and the
 * wishes those stand for, and so on. What lies outside cannot be changed by what happens inside. */
struct replan {
	struct wishes *w;
	struct arena *arena;
	struct wish **wishes;
	size_t n_wishes, cap_wishes;
	struct placement **found;
	size_t n_found, cap_found;
	struct live *live;
	struct placement **placements; /* beside live */
	struct placement **replaced;   /* superseded ones */
	size_t n_replaced;
	struct plan plan;
	mono_ms now;
	wall_ms wall;
};

static void
see_wish(struct replan *r, struct wish *wish)
{
	if (!wish || wish->seen == r->w->plannings)
		return;
	wish->seen = r->w->plannings;
	if (r->n_wishes == r->cap_wishes) {
		r->cap_wishes = r->cap_wishes ? 2 * r->cap_wishes : 8;
		r->wishes = mem_grow(r->wishes, r->cap_wishes, sizeof(struct wish *));
	}
	r->wishes[r->n_wishes++] = wish;
}

static bool
see_placement(void *arg, void *holder)
{
	struct replan *r = arg;
	struct placement *p = holder;

	if (p->seen == r->w->plannings)
		return true;
	p->seen = r->w->plannings;
	if (r->n_found == r->cap_found) {
		r->cap_found = r->cap_found ? 2 * r->cap_found : 8;
		r->found = mem_grow(r->found, r->cap_found, sizeof(struct placement *));
	}
	r->found[r->n_found++] = p;
	return true;
}

static bool
see_asked(void *arg, void *holder)
{
	see_wish(arg, holder);
	return true;
}

static void
follow_wish(struct replan *r, const struct wish *wish)
{
	for (size_t i = 0; i < wish->n_held; i++)
		see_placement(r, wish->held[i]);
	overlap_each(r->w->asked, 0, wish->trigger_mitigation, &wish->target, see_asked, r);
	for (uint32_t s = 0; !wish->releasing && s < r->w->homing->n_servers; s++)
		overlap_each(
			r->w->live, s, wish->trigger_mitigation, &wish->target, see_placement, r);
}

static void
follow_placement(struct replan *r, const struct placement *p)
{
	const struct wishes *w = r->w;

	for (size_t i = 0; i < p->n_asks; i++)
		see_wish(r, wish_get(w, p->asks[i]));
	if (p->index != w->live)
		return;
	overlap_each(w->asked, 0, p->trigger_mitigation, &p->target, see_asked, r);
	overlap_each(w->live, p->server, p->trigger_mitigation, &p->target, see_placement, r);
	overlap_each(w->replaced, p->server, p->trigger_mitigation, &p->target, see_placement, r);
}

static void
follow_all(struct replan *r)
{
	size_t wishes = 0, placements = 0;

	while (wishes < r->n_wishes || placements < r->n_found)
		if (wishes < r->n_wishes)
			follow_wish(r, r->wishes[wishes++]);
		else
			follow_placement(r, r->found[placements++]);
}

static bool
has_moved(const struct replan *r, const struct placement *p, const struct name *n)
{
	for (size_t i = 0; i < p->n_asks; i++) {
		const struct wish *wish = wish_get(r->w, p->asks[i]);
		const struct name *now =
			wish ? name_find(wish->names, wish->n_names, n->text) : NULL;

		if (now && !name_same_addresses(now, n))
			return true;
	}
	return false;
}

/* A name is told with the addresses that it had then: with other ones, or where it may not be told
 * any more, it would be another request (M7). */
static bool
is_outdated(const struct replan *r, const struct placement *p)
{
	for (size_t i = 0; i < p->n_names; i++)
		if (!disclosure_allows(r->w->homing, p->server, &p->names[i]) ||
			has_moved(r, p, &p->names[i]))
			return true;
	return false;
}

static size_t
collect_live(struct replan *r)
{
	size_t n = 0;

	r->live = arena_alloc(r->arena, r->n_found + 1, sizeof(*r->live));
	r->placements = arena_alloc(r->arena, r->n_found + 1, sizeof(struct placement *));
	r->replaced = arena_alloc(r->arena, r->n_found + 1, sizeof(struct placement *));
	r->n_replaced = 0;
	for (size_t i = 0; i < r->n_found; i++) {
		struct placement *p = r->found[i];

		if (p->index == r->w->replaced)
			r->replaced[r->n_replaced++] = p;
		if (p->index != r->w->live) /* on its way out, or replaced */
			continue;
		p->planned = n;
		r->placements[n] = p;
		r->live[n++] = (struct live){p->server, p->mid, p->target, p->trigger_mitigation,
			placement_is_refused(p), is_outdated(r, p)};
	}
	return n;
}

static struct ask
ask_of(const struct replan *r, const struct wish *wish)
{
	size_t *served_by = arena_alloc(r->arena, wish->n_held + 1, sizeof(*served_by));
	struct ask ask = {.id = wish->id,
		.target = wish->target,
		.names = wish->names,
		.n_names = wish->n_names,
		.trigger_mitigation = wish->trigger_mitigation,
		.served_by = served_by};

	for (size_t i = 0; i < wish->n_held; i++)
		if (wish->held[i]->index == r->w->live)
			served_by[ask.n_served_by++] = wish->held[i]->planned;
	return ask;
}

static void
make_plan(struct replan *r)
{
	struct ask *asks = arena_alloc(r->arena, r->n_wishes + 1, sizeof(*asks));
	size_t n_asks = 0, n_live = collect_live(r);

	for (size_t i = 0; i < r->n_wishes; i++) {
		struct wish *wish = r->wishes[i];

		if (wish->releasing) /* may be gone before we are through */
			continue;
		r->wishes[n_asks] = wish;
		asks[n_asks++] = ask_of(r, wish);
	}
	r->n_wishes = n_asks;
	plan(r->w->homing, asks, n_asks, r->live, n_live, r->w->available, r->arena, &r->plan);
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
			!p->standby && p->trigger_mitigation == q->trigger_mitigation &&
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

/* It stays at its server until it expires there or is withdrawn; it is not refreshed any more. */
static void
stand_by(struct wishes *w, struct placement *p, mono_ms now)
{
	p->standby = true;
	p->exchange = EXCHANGE_NONE;
	p->due = INT64_MAX;
	placement_bound_expiry(p, now);
	placement_file(w, p);
}

/* The copy of a request that stayed at this server when another one took over (M6), or when one was
 * enough (M14). */
static struct placement *
come_back(struct replan *r, const struct plan_request *q, const struct placement *before)
{
	struct placement *p = placement_find(r->w, q->server, before->mid);

	if (!p || !p->standby)
		return NULL;
	p->standby = false;
	p->state = PLACEMENT_WANTED;
	control_ask_again(p);
	p->lifetime = wanted_lifetime(r, q);
	p->seen = r->w->plannings;
	return p;
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
		struct placement *p = r->w->placements[i], *here;

		if (p->index != r->w->live || p->server == q->server ||
			h->servers[p->server]->domain != domain ||
			p->trigger_mitigation != q->trigger_mitigation ||
			!target_covers(&p->target, &q->target) ||
			!target_covers(&q->target, &p->target))
			continue;
		here = placement_find(r->w, q->server, p->mid);
		if (!here || here->standby)
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
	struct placement *p = NULL;

	if (before)
		stand_by(w, before, r->now);
	if (like)
		p = come_back(r, q, like);
	if (!p) {
		p = placement_new(w, q->server, mid, &q->target, q->trigger_mitigation,
			wanted_lifetime(r, q));
		placement_tell(p, q->names, q->n_names);
	}
	placement_queue(w, p, r->now);
	return p;
}

static void
apply_requests(struct replan *r)
{
	for (size_t i = 0; i < r->plan.n_requests; i++) {
		const struct plan_request *q = &r->plan.requests[i];
		struct placement *p = q->live < 0 ? place(r, q) : r->placements[q->live];

		if (placement_set_asks(r->w, p, q->asks, q->n_asks) || q->live < 0)
			store_placement(r->w, p, r->now, r->wall);
		placement_limit(r->w, p, r->now);
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
withdraw_one(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	if (!placement_stands(p)) {
		placement_drop(w, p); /* nothing stands there */
		return;
	}
	p->state = PLACEMENT_GOING;
	p->standby = p->superseded = false;
	placement_bound_expiry(p, now);
	placement_queue(w, p, now);
	store_placement(w, p, now, wall);
}

/* The copies left at servers that were given up go with it (M6). */
static void
withdraw_standbys(struct wishes *w, const char *domain, uint32_t mid, mono_ms now, wall_ms wall)
{
	int index = homing_domain(w->homing, domain);
	const struct domain *d = index < 0 ? NULL : &w->homing->domains[index];

	for (size_t i = 0; d && i < d->n_servers; i++) {
		struct placement *p = placement_find(w, d->servers[i]->ordinal, mid);

		if (p && p->standby)
			withdraw_one(w, p, now, wall);
	}
}

static bool
is_wanted(const struct wishes *w, const struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++) {
		const struct wish *wish = wish_get(w, p->asks[i]);

		if (wish && !wish->releasing)
			return true;
	}
	return false;
}

static bool
stop_at_first(void *arg, void *holder)
{
	(void)arg;
	(void)holder;
	return false;
}

/* What was to be replaced may still stand at its server. Nobody else withdraws it when its
 * successor is gone before that was accepted. */
static void
withdraw_replaced(struct replan *r)
{
	struct wishes *w = r->w;

	for (size_t i = 0; i < r->n_replaced; i++) {
		struct placement *p = r->replaced[i];

		if (!is_wanted(w, p) && overlap_each(w->live, p->server, p->trigger_mitigation,
						&p->target, stop_at_first, NULL))
			withdraw_one(w, p, r->now, r->wall);
	}
}

void
replan_withdraw(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	char *domain = mem_text(p->domain);
	uint32_t mid = p->mid;

	withdraw_one(w, p, now, wall);
	withdraw_standbys(w, domain, mid, now, wall);
	free(domain);
}

/* A copy of it is still wanted over another attachment: to withdraw this one there would end the
 * request where both lead to one and the same server (M14). */
static bool
copy_stays(const struct replan *r, const struct placement *p)
{
	for (size_t i = 0; i < r->plan.n_requests; i++) {
		int live = r->plan.requests[i].live;

		if (live >= 0 && r->placements[live]->mid == p->mid &&
			!strcmp(r->placements[live]->domain, p->domain))
			return true;
	}
	return false;
}

static void
apply_withdrawals(struct replan *r)
{
	for (size_t i = 0; i < r->plan.n_withdraw; i++) {
		struct placement *p = r->placements[r->plan.withdraw[i]];

		if (!p->standby && copy_stays(r, p))
			stand_by(r->w, p, r->now);
		if (is_replaced(r, p) && p->sent) {
			p->superseded = true; /* until the newer mid is accepted */
			placement_file(r->w, p);
		} else if (!p->standby) {
			replan_withdraw(r->w, p, r->now, r->wall);
		} else {
			store_placement(r->w, p, r->now, r->wall);
		}
	}
}

/* The first part of that ask, or of the one that would follow it: parts ascend by the ids of asks.
 */
static size_t
first_part(const struct plan *plan, const char *id)
{
	size_t low = 0, high = plan->n_parts;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(plan->parts[middle].ask, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
update_parts(struct replan *r)
{
	const struct plan *plan = &r->plan;

	for (size_t i = 0; i < r->n_wishes; i++) {
		size_t first = first_part(plan, r->wishes[i]->id), n = 0;

		while (first + n < plan->n_parts &&
			!strcmp(plan->parts[first + n].ask, r->wishes[i]->id))
			n++;
		wish_set_parts(r->w, r->wishes[i], n ? plan->parts + first : NULL, n);
	}
}

/* Of what stands for others than before they may want other filters. */
static void
review_controls(struct replan *r)
{
	for (size_t i = 0; i < r->plan.n_requests; i++)
		if (r->plan.requests[i].live >= 0)
			control_review(
				r->w, r->placements[r->plan.requests[i].live], r->now, r->wall);
}

/* Plans what was put into r to start from, and everything that has to do with it. */
static void
replan_around(struct replan *r)
{
	r->arena = arena_new();
	follow_all(r);
	make_plan(r);
	apply_requests(r);
	apply_withdrawals(r);
	withdraw_replaced(r);
	review_controls(r);
	update_parts(r);
	arena_free(r->arena);
	r->n_wishes = r->n_found = 0;
}

static void
replan_finish(struct replan *r)
{
	free(r->wishes);
	free(r->found);
}

static struct replan
replan_begin(struct wishes *w, mono_ms now, wall_ms wall)
{
	w->plannings++;
	return (struct replan){.w = w, .now = now, .wall = wall};
}

void
replan_wish(struct wishes *w, struct wish *wish, mono_ms now, wall_ms wall)
{
	struct replan r = replan_begin(w, now, wall);

	see_wish(&r, wish);
	replan_around(&r);
	replan_finish(&r);
}

void
replan_placement(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	struct replan r = replan_begin(w, now, wall);

	see_placement(&r, p);
	replan_around(&r);
	replan_finish(&r);
}

void
replan_all(struct wishes *w, mono_ms now, wall_ms wall)
{
	struct replan r = replan_begin(w, now, wall);

	/* From the end: what goes meanwhile is replaced by the last. */
	for (size_t i = w->n; i-- > 0;)
		if (i < w->n && w->list[i]->seen != w->plannings) {
			see_wish(&r, w->list[i]);
			replan_around(&r);
		}
	for (size_t i = w->n_placements; i-- > 0;) /* those that nobody wants */
		if (i < w->n_placements && w->placements[i]->seen != w->plannings) {
			see_placement(&r, w->placements[i]);
			replan_around(&r);
		}
	replan_finish(&r);
}

/* What a new configuration has taken from a server is no longer asked for there, not even as part
 * of a request that goes on (M17); what is left of it is planned anew. */
void
replan_withdraw_foreign(struct wishes *w, mono_ms now, wall_ms wall)
{
	for (size_t i = w->n_placements; i-- > 0;) {
		struct placement *p = i < w->n_placements ? w->placements[i] : NULL;

		if (p && p->state != PLACEMENT_GOING &&
			!plan_may_hold(w->homing, p->server, &p->target))
			replan_withdraw(w, p, now, wall);
	}
}
