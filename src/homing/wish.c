/*
 * Wishes: what was asked of us until it is released. Every change is planned anew (replan.c); what
 * becomes of it at the servers are placements (placement.c) and actions.
 */
#include "homing/wish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/filter_control.h"
#include "homing/nat.h"
#include "homing/placement.h"
#include "homing/target.h"
#include "wire/coap.h"

enum { DEFAULT_WISHES = 100000 };

/* ---- the queue of things to tell ---- */

struct wish_action *
wish_queue(struct wishes *w, enum wish_action_kind kind, const char *ask)
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

struct wish_action *
wish_report(struct wishes *w, enum wish_report report, const char *ask, const struct placement *p,
	const struct wish_part *part, const char *reason)
{
	struct wish_action *a = wish_queue(w, WISH_ACTION_REPORT, ask);

	a->report = report;
	snprintf(a->reason, sizeof(a->reason), "%s", reason);
	if (p) {
		a->server = p->server;
		a->mid = p->mid;
		a->domain = homing_domain(w->homing, p->domain);
		a->code = p->code;
		a->status = p->status;
		a->conflict = p->conflict;
		a->lifetime = p->lifetime;
		if (p->target.n_target_prefix)
			a->prefix = p->target.target_prefix[0];
		a->section = "RFC 9132 4.4";
	}
	if (part) {
		snprintf(a->name, sizeof(a->name), "%s", part->name ? part->name : "");
		a->prefix = part->prefix;
		a->domain = part->domain;
		a->server = part->server < 0 ? UINT32_MAX : (uint32_t)part->server;
		a->section = part->section;
	}
	return a;
}

void
wish_changed(struct wishes *w, const struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++)
		wish_queue(w, WISH_ACTION_CHANGED, p->asks[i]);
}

/* ---- the list ---- */

static size_t
asker_count(const struct wishes *w, const char *asker)
{
	return (uintptr_t)map_get(w->askers, asker, strcspn(asker, "/"));
}

static void
asker_set(struct wishes *w, const char *asker, size_t n)
{
	if (n)
		map_set(w->askers, asker, strcspn(asker, "/"), (void *)(uintptr_t)n);
	else
		map_remove(w->askers, asker, strcspn(asker, "/"));
}

struct wish *
wish_add(struct wishes *w, struct wish *wish, mono_ms ends)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->list = mem_grow(w->list, w->cap, sizeof(struct wish *));
	}
	wish->place = w->n;
	w->list[w->n++] = wish;
	map_set(w->by_id, wish->id, strlen(wish->id), wish);
	overlap_add(w->asked, 0, wish->trigger_mitigation, &wish->target, wish);
	heap_set(&w->ends, &wish->ends, ends);
	asker_set(w, wish->asker, asker_count(w, wish->asker) + 1);
	seek_begin(w, wish);
	return wish;
}

struct wish *
wish_get(const struct wishes *w, const char *id)
{
	return map_get(w->by_id, id, strlen(id));
}

static void
wish_free(struct wish *wish)
{
	arena_free(wish->arena);
	arena_free(wish->names_arena);
	arena_free(wish->parts_arena);
	arena_free(wish->acls_arena);
	free(wish->held);
	free(wish->id);
	free(wish->asker);
	free(wish);
}

static void
wish_remove(struct wishes *w, struct wish *wish)
{
	w->list[wish->place] = w->list[--w->n];
	w->list[wish->place]->place = wish->place;
	for (size_t i = 0; i < wish->n_held; i++)
		placement_forget_ask(wish->held[i], wish->id);
	map_remove(w->by_id, wish->id, strlen(wish->id));
	overlap_remove(w->asked, 0, wish->trigger_mitigation, &wish->target, wish);
	heap_remove(&w->ends, &wish->ends);
	asker_set(w, wish->asker, asker_count(w, wish->asker) - 1);
	seek_end(w, wish);
	wish_free(wish);
}

static bool
is_held(const struct wish *wish)
{
	for (size_t i = 0; i < wish->n_held; i++)
		if (wish->held[i]->state == PLACEMENT_GOING)
			return true;
	return false;
}

/* A released wish is over when the last of its withdrawals is. */
static void
finish_released(struct wishes *w, const char *id)
{
	struct wish *wish = wish_get(w, id);

	if (!wish || !wish->releasing || is_held(wish))
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

/* ---- parts of a wish ---- */

/* What only tells of filters says nothing of the request before it has taken its place. */
static bool
is_to_follow(const struct placement *p)
{
	return p->sequel && (p->state == PLACEMENT_WANTED || p->state == PLACEMENT_REFUSED);
}

/* What was refused says something only where nothing else was asked for (M8). */
static bool
is_newer(const struct wishes *w, const struct placement *p, const struct placement *than)
{
	bool refused = placement_is_refused(p);

	if (is_to_follow(p) != is_to_follow(than))
		return is_to_follow(than);
	if (p->index != w->live)
		return false;
	if (refused != placement_is_refused(than))
		return !refused;
	return p->mid > than->mid;
}

static const struct placement *
serving(const struct wishes *w, const struct wish *wish, const struct wish_part *part)
{
	const struct placement *best = NULL;
	struct target one = {.target_prefix = (struct prefix *)&part->prefix, .n_target_prefix = 1};

	for (size_t i = 0; i < wish->n_held; i++) {
		const struct placement *p = wish->held[i];

		if ((int)p->server != part->server || !target_overlaps(&p->target, &one))
			continue;
		if (!best || is_newer(w, p, best))
			best = p;
	}
	return best;
}

/* It is accepted, but this wish has come with fewer hops than that, and so it was asked again:
 * where it leads in a loop, the answer is 5.08. */
static bool
goes_on(const struct wish *wish, const struct placement *p)
{
	return wish->hop_limit && wish->hop_limit < p->accepted_limit &&
	       p->exchange != EXCHANGE_NONE;
}

static enum wish_state
state_of(const struct wishes *w, const struct wish *wish, const struct placement *p)
{
	switch (p->state) {
	case PLACEMENT_PLACED:
		if (goes_on(wish, p))
			break;
		return WISH_PLACED;
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

static bool
is_gateway_part(const struct wishes *w, const struct wish_part *part)
{
	return part->domain >= 0 && w->homing->domains[part->domain].gateway;
}

static void
fill_controls(const struct wish *wish, const struct placement *p, struct wish_part *part)
{
	const struct placement *c = control_holder(wish, p);

	part->controls = c->controls.list;
	part->n_controls = c->controls.n;
	part->control = c->control;
	part->control_why = c->control_why ? c->control_why : "";
	part->changed = p->changed.list;
	part->n_changed = p->changed.n;
}

static void
fill_part(const struct wishes *w, const struct wish *wish, struct wish_part *part, mono_ms now)
{
	const struct placement *p = part->server >= 0 ? serving(w, wish, part) : NULL;

	if (!p)
		return;
	part->state = state_of(w, wish, p);
	part->code = p->code;
	part->mid = p->mid;
	part->lifetime = p->expires == INT64_MAX ? -1
			 : p->expires > now      ? (p->expires - now) / 1000
						 : 0;
	part->granted = p->granted;
	part->conflict = p->conflict;
	part->status = p->status;
	part->bytes_dropped = p->bytes_dropped;
	part->pkts_dropped = p->pkts_dropped;
	part->bps_dropped = p->bps_dropped;
	part->pps_dropped = p->pps_dropped;
	part->counted = p->counted;
	part->told = p->names;
	part->n_told = p->n_names;
	fill_controls(wish, p, part);
	if (part->state == WISH_REFUSED) {
		part->section = "RFC 9132 4.4.1.3";
		part->reason = *p->why ? p->why : "refused by the server";
	}
	if (part->state == WISH_REFUSED && p->code == COAP_508_HOP_LIMIT_REACHED) {
		part->section = "RFC 8768 4";
		part->loop = is_gateway_part(w, part) ? p->why : NULL;
	}
}

/* M12: one gateway that takes it is enough; to the others it was foreign. The parts of one prefix
 * stand together. */
static void
settle_declined(const struct wishes *w, struct wish_part *parts, size_t n)
{
	for (size_t first = 0, i; first < n; first = i) {
		bool taken = false;

		for (i = first; i < n && prefix_equal(&parts[i].prefix, &parts[first].prefix); i++)
			taken |= (parts[i].state == WISH_PLACED || parts[i].state == WISH_ENDED) &&
				 is_gateway_part(w, &parts[i]);
		for (size_t k = first; taken && k < i; k++)
			if (parts[k].state == WISH_REFUSED && coap_class(parts[k].code) == 4 &&
				is_gateway_part(w, &parts[k]))
				parts[k].state = WISH_DECLINED;
	}
}

static enum wish_state
planned_state(enum part_state s)
{
	return s == PART_REFUSED ? WISH_REFUSED : s == PART_PENDING ? WISH_PENDING : WISH_SENT;
}

static struct wish_part *
copy_parts(const struct plan_part *from, size_t n, struct arena *a)
{
	struct wish_part *parts = arena_alloc(a, n + 1, sizeof(*parts));

	for (size_t i = 0; i < n; i++)
		parts[i] = (struct wish_part){.prefix = from[i].prefix,
			.domain = from[i].domain,
			.server = from[i].server,
			.state = planned_state(from[i].state),
			.section = from[i].section,
			.reason = arena_text(a, from[i].reason, strlen(from[i].reason))};
	return parts;
}

/* What becomes of a name without addresses. */
static struct wish_part
name_part(const struct name *n, struct arena *a)
{
	static const char *const reasons[] = {[NAME_SOUGHT] = "it is being looked up",
		[NAME_FAILED] = "its addresses cannot be found out now",
		[NAME_NONE] = "it has no address"};
	char reason[WISH_WHY_MAX];
	struct wish_part part = {.name = arena_text(a, n->text, strlen(n->text)),
		.domain = -1,
		.server = -1,
		.state = n->state == NAME_NONE ? WISH_REFUSED : WISH_PENDING,
		.section = n->state == NAME_SOUGHT ? NULL : "RFC 9132 4.4.1.1"};

	snprintf(reason, sizeof(reason), "%s%s%s", reasons[n->state], *n->why ? ": " : "", n->why);
	part.reason = arena_text(a, reason, strlen(reason));
	return part;
}

/* Those of names that have no addresses follow. */
static size_t
copy_all_parts(const struct wish *wish, const struct plan_part *from, size_t n, struct arena *a,
	struct wish_part **ret)
{
	struct wish_part *parts = arena_alloc(a, n + wish->n_names + 1, sizeof(*parts));
	const struct wish_part *planned = copy_parts(from, n, a);

	for (size_t i = 0; i < n; i++)
		parts[i] = planned[i];
	for (size_t i = 0; i < wish->n_names; i++)
		if (wish->names[i].state != NAME_KNOWN)
			parts[n++] = name_part(&wish->names[i], a);
	*ret = parts;
	return n;
}

static bool
same_name(const struct wish_part *a, const struct wish_part *b)
{
	if (!a->name || !b->name)
		return a->name == b->name;
	return !strcmp(a->name, b->name) && !a->section == !b->section;
}

static bool
same_fate(const struct wish_part *a, const struct wish_part *b)
{
	return same_name(a, b) && prefix_equal(&a->prefix, &b->prefix) && a->server == b->server &&
	       a->state == b->state;
}

/* Part i of the new ones; most often nothing moved. */
static bool
told_before(const struct wish *wish, const struct wish_part *parts, size_t i)
{
	if (i < wish->n_parts && same_fate(&wish->parts[i], &parts[i]))
		return true;
	for (size_t k = 0; k < wish->n_parts; k++)
		if (same_fate(&wish->parts[k], &parts[i]))
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
		if (!told_before(wish, parts, i) && (!parts[i].name || parts[i].section))
			wish_report(w, reports[parts[i].state], wish->id, NULL, &parts[i],
				parts[i].reason);
}

void
wish_set_parts(struct wishes *w, struct wish *wish, const struct plan_part *from, size_t n)
{
	struct arena *a = arena_new();
	struct wish_part *parts;

	n = copy_all_parts(wish, from, n, a, &parts);
	tell_parts(w, wish, parts, n);
	arena_free(wish->parts_arena);
	wish->parts_arena = a;
	wish->parts = parts;
	wish->n_parts = n;
	wish_queue(w, WISH_ACTION_CHANGED, wish->id);
}

/* ---- asking ---- */

static bool
same_target(const struct target *a, const struct target *b)
{
	return target_covers(a, b) && target_covers(b, a);
}

static bool
same_names(const struct wish *wish, const struct wish_request *r)
{
	if (wish->n_names != r->n_names)
		return false;
	for (size_t i = 0; i < r->n_names; i++)
		if (!name_find(wish->names, wish->n_names, r->names[i].text))
			return false;
	return true;
}

static mono_ms
end_of(const struct wish_request *r, mono_ms now)
{
	return r->duration ? now + r->duration * 1000 : INT64_MAX;
}

/* Where nothing is known of it, as of names without addresses, it may go anywhere. */
static void
go_anywhere(const struct wishes *w, bool *goes)
{
	for (size_t d = 0; d < w->homing->n_domains; d++)
		if (goes[d])
			return;
	for (size_t d = 0; d < w->homing->n_domains; d++)
		goes[d] = true;
}

static bool *
goes_to(const struct wishes *w, const struct wish *wish, struct arena *a)
{
	bool *goes = arena_alloc(a, w->homing->n_domains + 1, sizeof(*goes));

	for (size_t i = 0; i < wish->n_parts; i++)
		if (wish->parts[i].domain >= 0)
			goes[wish->parts[i].domain] = true;
	go_anywhere(w, goes);
	return goes;
}

/* How many of them it has not got, or, with types, has as something else. */
static size_t
count_new(const struct wish *wish, const struct acl_entry *acls, size_t n, bool types)
{
	size_t new = n;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < wish->n_acls; k++)
			new -= !strcmp(wish->acls[k].acl_name, acls[i].acl_name) &&
			       (!types || wish->acls[k].activation_type ==
						  filter_control_type(&acls[i]));
	return new;
}

/* What is said again has been checked before. */
static int
check_controls(const struct wishes *w, const struct wish *wish, const struct wish_request *r,
	char *why, size_t cap)
{
	struct wish_request checked = *r;
	struct arena *a;
	int error;

	if (!r->n_acls)
		return 0;
	a = arena_new();
	checked.acls_known = r->acls_known && count_new(wish, r->acls, r->n_acls, true);
	error = control_check(w, &checked, goes_to(w, wish, a), why, cap);
	if (!error && wish->n_acls + count_new(wish, r->acls, r->n_acls, false) > CONTROLS_MAX) {
		snprintf(why, cap, "%s would have more than %d filters", wish->id, CONTROLS_MAX);
		error = -EINVAL;
	}
	arena_free(a);
	return error;
}

static int
renew(struct wishes *w, struct wish *wish, const struct wish_request *r, mono_ms now, wall_ms wall,
	char *why, size_t cap)
{
	bool moved, controls;
	int error;

	if (wish->releasing) {
		snprintf(why, cap, "%s is being withdrawn", wish->id);
		return -EBUSY;
	}
	if (!same_target(&wish->literal, r->target) || !same_names(wish, r) ||
		wish->trigger_mitigation != r->trigger_mitigation) {
		snprintf(why, cap, "%s is in use for another target", wish->id);
		return -EEXIST;
	}
	error = check_controls(w, wish, r, why, cap);
	if (error)
		return error;
	controls = r->n_acls && control_want(wish, r->acls, r->n_acls, wall);
	wish->until = r->duration ? wall + r->duration * 1000 : 0;
	wish->hop_limit = r->hop_limit;
	heap_set(&w->ends, &wish->ends, end_of(r, now));
	moved = wish->led && seek_lead(w, wish, r->names, r->n_names);
	store_wish(w, wish);
	for (size_t i = 0; i < wish->n_held; i++)
		placement_limit(w, wish->held[i], now);
	if (controls)
		control_again(w, wish, now, wall);
	if (moved)
		replan_wish(w, wish, now, wall);
	return 0;
}

static struct wish *
make_wish(struct wishes *w, const struct wish_request *r, wall_ms wall)
{
	struct wish *wish = mem_new(sizeof(*wish));
	struct scope from = {.target = *r->target}, to;
	char id[32];

	from.has = (r->target->n_target_prefix ? 1ULL << SCOPE_TARGET_PREFIX : 0) |
		   (r->target->n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		   (r->target->n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0);
	wish->arena = arena_new();
	schema_copy(&scope_schema, wish->arena, &from, &to);
	wish->literal = to.target;
	seek_set_names(wish, r->names, r->n_names);
	do
		snprintf(id, sizeof(id), "w%llu", (unsigned long long)++w->last_number);
	while (!r->id && wish_get(w, id));
	wish->id = mem_text(r->id ? r->id : id);
	wish->asker = mem_text(r->asker);
	wish->led = r->led;
	wish->trigger_mitigation = r->trigger_mitigation;
	wish->lifetime = r->lifetime;
	wish->hop_limit = r->hop_limit;
	control_want(wish, r->acls, r->n_acls, wall);
	wish->asked = wall;
	wish->until = r->duration ? wall + r->duration * 1000 : 0;
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
check_request(const struct wish_request *r, char *why, size_t cap)
{
	if (!r->target->n_target_prefix && !r->n_names) {
		snprintf(why, cap, "no target");
		return -EINVAL;
	}
	if (r->n_names > NAMES_MAX) {
		snprintf(why, cap, "%zu names, expected at most %d", r->n_names, NAMES_MAX);
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
	return 0;
}

static int
check_room(const struct wishes *w, const struct wish_request *r, char *why, size_t cap)
{
	if (w->n >= w->max) {
		snprintf(why, cap, "%zu requests are kept already", w->n);
		return -ENOSPC;
	}
	if (r->share && asker_count(w, r->asker) >= r->share) {
		snprintf(why, cap, "%zu requests of this asker are kept already", r->share);
		return -ENOSPC;
	}
	return 0;
}

static void
tell_asked(struct wishes *w, const struct wish *wish)
{
	struct wish_part part = {.domain = -1, .server = -1};

	if (wish->literal.n_target_prefix)
		part.prefix = wish->literal.target_prefix[0];
	else
		part.name = wish->names[0].text;
	wish_report(w, WISH_REPORT_ASKED, wish->id, NULL, &part, wish->asker);
}

/* Where it would go, without sending. */
static int
check_new_controls(const struct wishes *w, const struct wish_request *r, char *why, size_t cap)
{
	struct arena *a = arena_new();
	bool *goes = arena_alloc(a, w->homing->n_domains + 1, sizeof(*goes));
	struct ask ask = {.id = "",
		.target = seek_target(r->target, r->names, r->n_names, a),
		.names = r->names,
		.n_names = r->n_names,
		.trigger_mitigation = r->trigger_mitigation};
	struct plan result;
	int error;

	plan(w->homing, &ask, 1, NULL, 0, w->available, a, &result);
	for (size_t i = 0; i < result.n_parts; i++)
		if (result.parts[i].domain >= 0)
			goes[result.parts[i].domain] = true;
	go_anywhere(w, goes);
	error = control_check(w, r, goes, why, cap);
	arena_free(a);
	return error;
}

static int
ask_outside(struct wishes *w, const struct wish_request *r, mono_ms now, wall_ms wall, char *ret_id,
	char *why, size_t cap)
{
	struct wish *wish = r->id ? wish_get(w, r->id) : NULL;
	int error = check_request(r, why, cap);

	if (error)
		return error;
	if (wish) {
		snprintf(ret_id, WISH_ID_MAX, "%s", wish->id);
		return renew(w, wish, r, now, wall, why, cap);
	}
	error = check_room(w, r, why, cap);
	if (!error && r->n_acls)
		error = check_new_controls(w, r, why, cap);
	if (error)
		return error;
	wish = wish_add(w, make_wish(w, r, wall), end_of(r, now));
	snprintf(ret_id, WISH_ID_MAX, "%s", wish->id);
	tell_asked(w, wish);
	replan_wish(w, wish, now, wall);
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
wishes_ask(struct wishes *w, const struct wish_request *r, mono_ms now, wall_ms wall, char *ret_id,
	char *why, size_t cap)
{
	struct arena *a = arena_new();
	struct target outside = nat_outside(w->homing, r->target, a);
	struct wish_request mapped = *r;
	struct name *names;
	int error;

	mapped.target = &outside;
	names = name_copy(r->names, r->n_names, a);
	seek_outside(w, names, r->n_names, a);
	mapped.names = names;
	error = ask_outside(w, &mapped, now, wall, ret_id, why, cap);
	arena_free(a);
	return error;
}

int
wishes_control(struct wishes *w, const char *id, const struct acl_entry *acls, size_t n,
	mono_ms now, wall_ms wall, char *why, size_t cap)
{
	struct wish *wish = wish_get(w, id);
	struct wish_request r = {.acls = acls, .n_acls = n, .acls_known = true};
	int error;

	if (!wish)
		return -ENOENT;
	if (wish->releasing) {
		snprintf(why, cap, "%s is being withdrawn", id);
		return -EBUSY;
	}
	r.asker = wish->asker;
	r.trigger_mitigation = wish->trigger_mitigation;
	error = check_controls(w, wish, &r, why, cap);
	if (error)
		return error;
	control_want(wish, acls, n, wall);
	store_wish(w, wish);
	control_again(w, wish, now, wall);
	wish_queue(w, WISH_ACTION_CHANGED, wish->id);
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
	heap_set(&w->ends, &wish->ends, INT64_MAX);
	store_forget_wish(w, id);
	copy = mem_text(id);
	replan_wish(w, wish, now, wall);
	finish_released(w, copy);
	free(copy);
	return 0;
}

int
wishes_refresh(struct wishes *w, const char *id, mono_ms now, wall_ms wall)
{
	struct wish *wish = wish_get(w, id);
	bool anew = false;

	if (!wish)
		return -ENOENT;
	for (size_t i = wish->n_held; i-- > 0;) {
		struct placement *p = wish->held[i];

		if (p->state == PLACEMENT_GOING || p->standby)
			continue;
		if (placement_is_refused(p) && !placement_stands(p) && !wish->releasing) {
			placement_drop(w, p);
			anew = true;
			continue;
		}
		if (p->state == PLACEMENT_REFUSED || p->state == PLACEMENT_ENDED)
			p->state = PLACEMENT_WANTED;
		placement_queue(w, p, now);
	}
	if (anew)
		replan_wish(w, wish, now, wall);
	seek_again(w, wish);
	return 0;
}

int
wishes_efficacy(struct wishes *w, const char *id, enum attack_status status, mono_ms now)
{
	struct wish *wish = wish_get(w, id);

	if (!wish)
		return -ENOENT;
	for (size_t i = 0; i < wish->n_held; i++)
		if (wish->held[i]->state == PLACEMENT_PLACED && !wish->held[i]->standby) {
			wish->held[i]->attack_status = status;
			placement_queue(w, wish->held[i], now);
		}
	return 0;
}

size_t
wishes_explain(struct wishes *w, const struct target *t, struct name *names, size_t n_names,
	struct arena *a, struct wish_part **ret)
{
	struct target outside = nat_outside(w->homing, t, a);
	struct ask ask = {
		.id = "explain", .names = names, .n_names = n_names, .trigger_mitigation = true};
	struct plan result;

	seek_outside(w, names, n_names, a);
	ask.target = seek_target(&outside, names, n_names, a);
	plan(w->homing, &ask, 1, NULL, 0, w->available, a, &result);
	*ret = copy_parts(result.parts, result.n_parts, a);
	return result.n_parts;
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
		fill_part(w, wish, &parts[i], now);
	}
	settle_declined(w, parts, wish->n_parts);
	*ret = (struct wish_view){.id = wish->id,
		.asker = wish->asker,
		.target = &wish->target,
		.names = wish->names,
		.n_names = wish->n_names,
		.acls = wish->acls,
		.n_acls = wish->n_acls,
		.asked = wish->asked,
		.until = wish->until,
		.trigger_mitigation = wish->trigger_mitigation,
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
wishes_has(const struct wishes *w, const char *id)
{
	return wish_get(w, id);
}

/* A preconfigured request tells of no attack, unless its server acts on it. */
static bool
tells_of_attack(const struct placement *p)
{
	bool acts = p->status == ATTACK_MITIGATION_IN_PROGRESS ||
		    p->status == ATTACK_SUCCESSFULLY_MITIGATED ||
		    p->status == ATTACK_EXCEEDED_CAPABILITY;

	return p->state != PLACEMENT_ENDED && p->state != PLACEMENT_REFUSED &&
	       (p->trigger_mitigation || acts);
}

bool
wishes_under_attack(const struct wishes *w, uint32_t domain)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *p = w->placements[i];

		if (w->homing->servers[p->server]->domain == domain && tells_of_attack(p))
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
			p->exchange == EXCHANGE_NONE && p->answered < since) {
			p->doubted = true;
			placement_queue(w, p, now); /* it may have lost it: told again */
		}
	}
}

void
wishes_sent(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now)
{
	struct placement *p = placement_find(w, server, mid);

	if (p && p->exchange == EXCHANGE_OPEN)
		placement_sent(w, p, now);
}

/* What was under way when the association ended may not have arrived. */
static void
send_again(struct wishes *w, uint32_t server, mono_ms now)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];

		if (p->server == server && !p->standby && p->exchange == EXCHANGE_OPEN)
			placement_queue(w, p, now);
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
	for (size_t i = 0; i < w->n_placements; i++)
		if (w->placements[i]->server == server)
			placement_file(w, w->placements[i]);
	if (before == SERVER_UNAVAILABLE)
		send_again(w, server, now);
	replan_all(w, now, wall);
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
	p->counted = true;
}

/* It counts from when it was first told. */
static void
hold(struct wishes *w, struct placement *p, const struct conflict *c, mono_ms now)
{
	bool inactive = c->status && c->status != REQUEST_ACTIVE;

	p->hold = inactive && c->retry_timer ? now + (mono_ms)c->retry_timer * 1000 : 0;
	placement_wait(w, p, inactive ? c : &(struct conflict){0}, now);
	if (p->exchange != EXCHANGE_OPEN && p->state != PLACEMENT_GOING && p->due < p->hold) {
		p->due = p->hold;
		placement_file(w, p);
	}
}

void
wish_conflict(struct wishes *w, struct placement *p, const struct scope *entry, mono_ms now)
{
	const char *ask = p->n_asks ? p->asks[0] : "";
	struct conflict told = conflict_of(entry), *c = &told;
	bool known = p->conflict.cause == c->cause && p->conflict.status == c->status;
	char reason[WISH_WHY_MAX], text[CONFLICT_TEXT_MAX], acls[WISH_WHY_MAX];

	if (conflict_equal(&p->conflict, c))
		return;
	p->conflict = *c;
	hold(w, p, c, now);
	if (known)
		return;
	if (!conflict_format(c, text)) {
		wish_report(w, WISH_REPORT_STATUS, ask, p, NULL, "");
		return;
	}
	if (c->cause == CONFLICT_WITH_ACCEPTLIST) {
		control_candidates(w, p, entry, acls, sizeof(acls));
		snprintf(reason, sizeof(reason),
			"RFC 9133 1.1: conflict with filters; could be deactivated: %.100s",
			*acls ? acls : "none of ours");
	} else {
		snprintf(reason, sizeof(reason),
			"RFC 9132 4.4.2.1: conflict with another request: %s", text);
	}
	wish_report(w, WISH_REPORT_CONFLICT, ask, p, NULL, reason);
}

/* A preconfigured request that is withdrawn may wait again (table 3): then some of its lifetime is
 * left. */
static bool
is_over(const struct placement *p, const struct scope *entry)
{
	bool waits = !p->trigger_mitigation && SCOPE_HAS(entry, LIFETIME) && entry->lifetime != 0;

	return entry->status == ATTACK_MITIGATION_TERMINATED ||
	       (entry->status == ATTACK_MITIGATION_WITHDRAWN && !waits);
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
	wish_conflict(w, p, entry, now);
	take_counters(p, entry);
	control_told(w, p, entry);
	over = is_over(p, entry) && !p->superseded; /* by what takes its place */
	if (over && p->state == PLACEMENT_PLACED) {
		p->state = PLACEMENT_ENDED;
		p->exchange = EXCHANGE_NONE;
		p->due = INT64_MAX;
		placement_file(w, p);
		placement_forget(w, p);
	}
	if (changed)
		wish_report(w, over ? WISH_REPORT_ENDED : WISH_REPORT_STATUS,
			p->n_asks ? p->asks[0] : "", p, NULL, over ? "ended by the server" : "");
	wish_changed(w, p);
}

/* Nobody who was asked says otherwise. */
static bool
has_stopped(const struct wish *wish)
{
	for (size_t i = 0; i < wish->n_held; i++) {
		const struct placement *p = wish->held[i];

		if (p->state != PLACEMENT_GOING && p->state != PLACEMENT_ENDED && !p->standby &&
			(p->state != PLACEMENT_PLACED || p->status != ATTACK_STOPPED))
			return false;
	}
	return wish->n_held > 0;
}

/* What waits for a loss of signal waits again (table 3). */
static bool
is_over_when_stopped(const struct wish *wish)
{
	return wish->trigger_mitigation &&
	       strncmp(wish->asker, WISH_ASKER_CLIENT, strlen(WISH_ASKER_CLIENT)) != 0;
}

void
wishes_release_stopped(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now, wall_ms wall)
{
	const struct placement *p = placement_find(w, server, mid);
	size_t n = p && w->homing->withdraw_stopped && p->status == ATTACK_STOPPED ? p->n_asks : 0;
	char **ids = mem_array(n, sizeof(*ids));

	for (size_t i = 0; i < n; i++) /* it may go with the first of them */
		ids[i] = mem_text(p->asks[i]);
	for (size_t i = 0; i < n; i++) {
		const struct wish *wish = wish_get(w, ids[i]);

		if (wish && is_over_when_stopped(wish) && has_stopped(wish))
			wishes_release(w, ids[i], now, wall);
		free(ids[i]);
	}
	free(ids);
}

void
wishes_unknown(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now)
{
	struct placement *p = placement_find(w, server, mid);

	if (p && p->state == PLACEMENT_PLACED && p->exchange == EXCHANGE_NONE)
		placement_lost(w, p, now);
}

/* ---- actions ---- */

static void
release_ended(struct wishes *w, mono_ms now, wall_ms wall)
{
	while (heap_deadline(&w->ends) <= now) {
		const struct wish *wish = heap_entry(heap_first(&w->ends), struct wish, ends);
		char *id = mem_text(wish->id);

		wishes_release(w, id, now, wall);
		free(id);
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

static bool
take_due(struct wishes *w, mono_ms now, wall_ms wall, struct wish_action *ret)
{
	while (heap_deadline(&w->due) <= now) {
		struct placement *p = heap_entry(heap_first(&w->due), struct placement, deadline);

		if ((p->state == PLACEMENT_GOING || p->standby) && p->expires <= now)
			placement_drop(w, p); /* nobody answered, and by now it has expired there */
		else if (control_deadline(p) <= now)
			control_retry(w, p, now, wall);
		else if (!placement_too_early(w, p, now, wall) && placement_next(w, p, now, ret))
			return true;
	}
	return take_queued(w, ret);
}

/* A look at the mids goes through all placements: at the first and the last of the actions that are
 * due together, not at each. The last of the mids are not to be sent, and what has expired
 * meanwhile may be what a new beginning waits for. */
bool
wishes_next(struct wishes *w, mono_ms now, wall_ms wall, struct wish_action *ret)
{
	if (take_queued(w, ret))
		return true;
	release_ended(w, now, wall);
	if (!w->acting)
		rollover_look(w, now, wall);
	w->acting = true;
	if (take_due(w, now, wall, ret))
		return true;
	rollover_look(w, now, wall);
	w->acting = take_due(w, now, wall, ret);
	return w->acting;
}

mono_ms
wishes_deadline(const struct wishes *w)
{
	mono_ms due = heap_deadline(&w->due), ends = heap_deadline(&w->ends);

	if (w->first)
		return 0;
	return due < ends ? due : ends;
}

/* ---- life ---- */

struct wishes *
wishes_new(const struct homing *h, struct persist *p, const char *owner)
{
	struct wishes *w = mem_new(sizeof(*w));

	w->homing = h;
	w->persist = p;
	store_begin(w, owner);
	w->by_id = map_new();
	w->by_mid = map_new();
	w->asked = overlap_new(1);
	w->live = overlap_new(h->n_servers);
	w->replaced = overlap_new(h->n_servers);
	w->askers = map_new();
	w->seekers = map_new();
	w->max = DEFAULT_WISHES;
	w->retries = retries_new();
	w->identities = map_new();
	w->available = mem_array(h->n_servers, sizeof(*w->available));
	w->unable = mem_array(h->n_servers, sizeof(*w->unable));
	LIST_INIT(&w->controlling);
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
	map_free(w->by_mid);
	overlap_free(w->asked);
	overlap_free(w->live);
	overlap_free(w->replaced);
	heap_finish(&w->due);
	heap_finish(&w->ends);
	retries_free(w->retries);
	map_free(w->askers);
	seek_finish(w);
	store_end(w);
	free(w->list);
	free(w->placements);
	free(w->available);
	free(w->unable);
	free(w);
}

void
wishes_set_limit(struct wishes *w, size_t max)
{
	w->max = max ? max : DEFAULT_WISHES;
}

void
wishes_restore(struct wishes *w, mono_ms now, wall_ms wall)
{
	store_restore(w, now, wall);
	rollover_resume(w);
	replan_withdraw_foreign(w, now, wall);
	replan_all(w, now, wall);
}

/* ---- a new configuration ---- */

struct parting {
	const struct homing *to;
	wish_leave leave;
	void *arg;
	mono_ms now;
	wall_ms wall;
};

/* M14: a copy of it stays at another server of the domain; withdrawn here it might end there, where
 * it is the same request. */
static bool
has_copy(const struct wishes *w, const struct placement *p, const struct homing *to)
{
	const struct domain *d = &w->homing->domains[w->homing->servers[p->server]->domain];

	for (size_t i = 0; i < d->n_servers; i++) {
		const struct placement *o = placement_find(w, d->servers[i]->ordinal, p->mid);

		if (o && o != p && o->state != PLACEMENT_GOING && placement_stands(o) &&
			placement_server(to, o->domain, o->server_name) != UINT32_MAX)
			return true;
	}
	return false;
}

/* The role withdraws it, as it was placed. */
static bool
is_left(struct wishes *w, struct placement *p, const struct parting *parting)
{
	struct wish_leaving l = {.server = p->server,
		.mid = p->mid,
		.cuid = store_identity(w, p->domain, parting->wall)->cuid};

	if (!placement_stands(p) || !l.cuid)
		return false;
	placement_bound_expiry(p, parting->now);
	l.expires = p->expires;
	return parting->leave(parting->arg, &l);
}

/* True: its server is gone, or the new snapshot has taken it from there (M17) and the withdrawal
 * goes another way than those to come. */
static bool
parts(struct wishes *w, struct placement *p, const struct parting *parting)
{
	uint32_t server = placement_server(parting->to, p->domain, p->server_name);

	if (server != UINT32_MAX)
		return !plan_may_hold(parting->to, server, &p->target) && is_left(w, p, parting);
	if (!has_copy(w, p, parting->to))
		is_left(w, p, parting);
	return true;
}

static void
part(struct wishes *w, const struct parting *parting)
{
	for (size_t i = w->n_placements; i-- > 0;) {
		struct placement *p = i < w->n_placements ? w->placements[i] : NULL;
		bool away = p && homing_awaits_server(parting->to, p->domain);

		if (!p || (!away && !parts(w, p, parting)))
			continue;
		placement_unfile(w, p);
		p->server = UINT32_MAX;
		if (away)
			placement_put_away(w, p, parting->now, parting->wall);
		else
			placement_drop(w, p);
	}
}

/* Ordinals are those of the snapshot: everything is filed anew. */
static void
move_placements(struct wishes *w, const struct homing *h)
{
	for (size_t i = 0; i < w->n_placements; i++)
		placement_unfile(w, w->placements[i]);
	overlap_free(w->live);
	overlap_free(w->replaced);
	w->live = overlap_new(h->n_servers);
	w->replaced = overlap_new(h->n_servers);
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];

		p->server = placement_server(h, p->domain, p->server_name);
		placement_file(w, p);
	}
}

void
wishes_clock_set(struct wishes *w, mono_ms now, wall_ms wall)
{
	for (size_t i = 0; i < w->n; i++) {
		struct wish *wish = w->list[i];
		int64_t duration = wish->until - wish->asked;

		if (wish->releasing || !wish->until)
			continue;
		wish->until = wall + (heap_at(&w->ends, &wish->ends) - now);
		wish->asked = wish->until - duration;
		store_wish(w, wish);
	}
	for (size_t i = 0; i < w->n_placements; i++)
		store_placement(w, w->placements[i], now, wall);
}

void
wishes_reload(struct wishes *w, const struct homing *h, wish_leave leave, void *leave_arg,
	mono_ms now, wall_ms wall)
{
	struct parting parting = {h, leave, leave_arg, now, wall};
	enum availability *available = mem_array(h->n_servers, sizeof(*available));

	part(w, &parting);
	for (uint32_t i = 0; i < h->n_servers; i++) {
		uint32_t before = placement_server(
			w->homing, h->domains[h->servers[i]->domain].name, h->servers[i]->id);

		if (before != UINT32_MAX)
			available[i] = w->available[before];
	}
	free(w->available);
	w->available = available;
	free(w->unable);
	w->unable = mem_array(h->n_servers, sizeof(*w->unable));
	move_placements(w, h);
	w->homing = h;
	store_bring_back(w, now, wall);
	replan_withdraw_foreign(w, now, wall);
	replan_all(w, now, wall);
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
