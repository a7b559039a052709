/*
 * plan(): cut targets along owners, pick domains and servers (rules M2-M6, M12, M14); join.c makes
 * requests of it. Pure; everything lives in the caller's arena.
 */
#include "homing/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "homing/carry.h"
#include "homing/join.h"
#include "homing/nat.h"
#include "homing/target.h"

/* ---- cutting along owners (M2) ---- */

struct piece {
	struct prefix prefix;
	const struct owner *owner; /* NULL: nobody's */
};

struct pieces {
	struct arena *arena;
	struct piece *list;
	size_t n, cap;
};

struct inner {
	const struct owner *outer;
	bool different;
};

static bool
same_fate(const struct owner *a, const struct owner *b)
{
	if (!a || !b || a->kind != b->kind || a->n_domains != b->n_domains)
		return false;
	return !a->n_domains || !memcmp(a->domains, b->domains, a->n_domains * sizeof(*a->domains));
}

static bool
note_inner(void *arg, const struct prefix *p, void *value)
{
	struct inner *in = arg;

	(void)p;
	in->different = !same_fate(in->outer, value);
	return !in->different;
}

static void
add_piece(struct pieces *ps, const struct prefix *p, const struct owner *o)
{
	if (ps->n == ps->cap) {
		size_t cap = ps->cap ? 2 * ps->cap : 8;
		struct piece *wider = arena_alloc(ps->arena, cap, sizeof(*wider));

		if (ps->n)
			memcpy(wider, ps->list, ps->n * sizeof(*wider));
		ps->list = wider;
		ps->cap = cap;
	}
	ps->list[ps->n++] = (struct piece){*p, o};
}

/* At most as deep as the address is long. */
static void
cut(const struct homing *h, const struct prefix *p, struct pieces *ps)
{
	struct inner in = {.outer = trie_longest(h->owners, p, NULL)};
	struct prefix half[2];

	trie_covered(h->owners, p, note_inner, &in);
	if (!in.different || p->len == addr_bits(&p->addr)) {
		add_piece(ps, p, in.outer);
		return;
	}
	prefix_halves(p, half);
	cut(h, &half[0], ps);
	cut(h, &half[1], ps);
}

/* The prefixes of a target, as few as say the same; in the arena. */
static size_t
distinct_prefixes(const struct target *t, struct arena *a, struct prefix **ret)
{
	struct prefix *list = arena_alloc(a, t->n_target_prefix, sizeof(*list));

	for (size_t i = 0; i < t->n_target_prefix; i++)
		list[i] = t->target_prefix[i];
	*ret = list;
	return target_normalise(list, t->n_target_prefix);
}

/* Each once, or who names one again and again would make us cut it as often. */
static void
cut_all(const struct homing *h, const struct target *t, struct pieces *ps)
{
	struct prefix *prefixes;
	size_t n = distinct_prefixes(t, ps->arena, &prefixes);

	for (size_t i = 0; i < n; i++)
		cut(h, &prefixes[i], ps);
}

bool
plan_owns_all(const struct homing *h, const struct target *t, struct prefix *ret_foreign)
{
	struct arena *a = arena_new();
	struct pieces ps = {.arena = a};
	bool all = true;

	cut_all(h, t, &ps);
	for (size_t i = 0; all && i < ps.n; i++)
		if (!ps.list[i].owner || ps.list[i].owner->kind == OWNER_NEVER) {
			*ret_foreign = ps.list[i].prefix;
			all = false;
		}
	arena_free(a);
	return all;
}

static bool
is_asked(const struct owner *o, uint32_t domain)
{
	if (!o || o->kind == OWNER_NEVER)
		return false;
	for (size_t i = 0; i < o->n_domains; i++)
		if (o->domains[i] == domain)
			return true;
	return o->kind == OWNER_PI;
}

bool
plan_domain_may_hold(const struct homing *h, uint32_t domain, const struct target *t)
{
	struct arena *a = arena_new();
	struct pieces ps = {.arena = a};
	bool all = true;

	cut_all(h, t, &ps);
	for (size_t i = 0; all && i < ps.n; i++)
		all = is_asked(ps.list[i].owner, domain);
	arena_free(a);
	return all;
}

bool
plan_may_hold(const struct homing *h, uint32_t server, const struct target *t)
{
	return plan_domain_may_hold(h, h->servers[server]->domain, t);
}

/* ---- parts: every piece at every domain that is to be asked ---- */

struct planning {
	const struct homing *h;
	const enum availability *available;
	struct arena *arena;
	struct plan *plan;
	size_t cap_parts;
};

__attribute__((format(printf, 2, 3))) static const char *
text(struct arena *a, const char *fmt, ...)
{
	char buf[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return arena_text(a, buf, strlen(buf));
}

static struct plan_part *
add_part(struct planning *p, const struct ask *ask, const struct prefix *prefix)
{
	struct plan *plan = p->plan;

	if (plan->n_parts == p->cap_parts) {
		size_t cap = p->cap_parts ? 2 * p->cap_parts : 8;
		struct plan_part *wider = arena_alloc(p->arena, cap, sizeof(*wider));

		if (plan->n_parts)
			memcpy(wider, plan->parts, plan->n_parts * sizeof(*wider));
		plan->parts = wider;
		p->cap_parts = cap;
	}
	plan->parts[plan->n_parts] = (struct plan_part){.ask = ask->id,
		.prefix = *prefix,
		.state = PART_REFUSED,
		.domain = -1,
		.server = -1};
	return &plan->parts[plan->n_parts++];
}

static const char *
ownership(struct planning *p, const struct plan_part *part, const struct owner *o,
	const struct domain *d)
{
	char prefix[PREFIX_TEXT_MAX], owned[PREFIX_TEXT_MAX];

	prefix_format(&part->prefix, prefix);
	if (o->kind == OWNER_PI)
		return text(p->arena, "%s is provider-independent (%s)", prefix,
			prefix_format(&o->prefix, owned));
	if (d->gateway)
		return text(p->arena, "%s is %s gateway %s", prefix,
			o->prefix.len ? "filtered to" : "for every", d->name);
	return text(p->arena, "%s belongs to %s (%s)", prefix, d->name,
		prefix_format(&o->prefix, owned));
}

/* server -1: chosen when all parts are there (carry.c). */
static void
want_part(struct planning *p, const struct ask *ask, const struct piece *piece, uint32_t domain,
	int server)
{
	struct plan_part *part = add_part(p, ask, &piece->prefix);

	part->domain = (int)domain;
	part->server = server;
}

static void
ask_domain(struct planning *p, const struct ask *ask, const struct piece *piece, uint32_t domain)
{
	const struct domain *d = &p->h->domains[domain];

	if (d->attachments == ATTACHMENTS_ONE || !d->n_servers)
		want_part(p, ask, piece, domain, -1);
	else
		for (size_t i = 0; i < d->n_servers; i++) /* M14: copies over all attachments */
			want_part(p, ask, piece, domain, (int)d->servers[i]->ordinal);
}

/* What becomes of a part whose domain and server are known, and why. */
static void
settle_part(struct planning *p, struct plan_part *part)
{
	const struct domain *d = &p->h->domains[part->domain];
	const struct owner *o = trie_longest(p->h->owners, &part->prefix, NULL);
	const char *why;

	assert(o); /* who has a domain has an owner */
	why = ownership(p, part, o, d);
	part->section = d->gateway            ? "RFC 9284 5.3"
			: o->kind == OWNER_PI ? "RFC 9284 5.2"
					      : "RFC 9284 5.1";
	if (part->server < 0) {
		if (domain_expects_server(d))
			part->state = PART_PENDING;
		part->reason = text(p->arena, "%s, but no DOTS server of it is known", why);
	} else if (p->available[part->server] == SERVER_UNAVAILABLE) {
		part->state = PART_PENDING;
		part->reason =
			text(p->arena, "%s, but %s cannot be reached now; no other may be asked",
				why, p->h->servers[part->server]->name);
	} else {
		part->state = PART_SEND;
		part->reason = why;
	}
}

static void
settle_parts(struct planning *p)
{
	for (size_t i = 0; i < p->plan->n_parts; i++)
		if (p->plan->parts[i].domain >= 0)
			settle_part(p, &p->plan->parts[i]);
}

static bool
is_available(const struct planning *p, const struct domain *d)
{
	for (size_t i = 0; i < d->n_servers; i++)
		if (p->available[d->servers[i]->ordinal] != SERVER_UNAVAILABLE)
			return true;
	return false;
}

static bool
listed(const struct homing *h, const struct domain *d)
{
	for (size_t i = 0; i < h->n_pi_list; i++)
		if (!strcmp(h->pi_list[i], d->name))
			return true;
	return false;
}

/* Providers, or gateways, by name, so that their order in the configuration does not matter. */
static size_t
sorted_domains(const struct homing *h, bool gateways, struct arena *a, uint32_t **ret)
{
	uint32_t *list = arena_alloc(a, h->n_domains, sizeof(*list));
	size_t n = 0;

	for (uint32_t i = 0; i < h->n_domains; i++) {
		size_t k = n;

		if (h->domains[i].gateway != gateways)
			continue;
		for (; k && strcmp(h->domains[list[k - 1]].name, h->domains[i].name) > 0; k--)
			list[k] = list[k - 1];
		list[k] = i;
		n++;
	}
	*ret = list;
	return n;
}

static uint32_t
stable_hash(const struct prefix *p)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < sizeof(p->addr.bytes); i++)
		h = (h ^ p->addr.bytes[i]) * 16777619u;
	return h;
}

/* M5. */
static void
ask_provider_independent(struct planning *p, const struct ask *ask, const struct piece *piece)
{
	uint32_t *domains;
	size_t n = sorted_domains(p->h, false, p->arena, &domains), chosen = 0;

	if (!n) { /* the gateways know the providers (M12) */
		n = sorted_domains(p->h, true, p->arena, &domains);
		for (size_t i = 0; i < n; i++)
			ask_domain(p, ask, piece, domains[i]);
		return;
	}
	switch (p->h->pi) {
	case PI_ALL:
	case PI_LIST:
		for (size_t i = 0; i < n; i++)
			if (p->h->pi == PI_ALL || listed(p->h, &p->h->domains[domains[i]]))
				ask_domain(p, ask, piece, domains[i]);
		return;
	case PI_SERIAL:
		while (chosen + 1 < n && !is_available(p, &p->h->domains[domains[chosen]]))
			chosen++;
		if (!is_available(p, &p->h->domains[domains[chosen]]))
			chosen = 0;
		break;
	case PI_DIVIDE:
		chosen = stable_hash(&piece->prefix) % n;
		break;
	}
	ask_domain(p, ask, piece, domains[chosen]);
}

static void
refuse_part(struct planning *p, const struct ask *ask, const struct prefix *prefix,
	const char *section, const char *reason)
{
	struct plan_part *part = add_part(p, ask, prefix);

	part->section = section;
	part->reason = reason;
}

static const char *
owned_parts(struct planning *p, const struct pieces *ps)
{
	struct buf out;
	const char *reason;
	char prefix[PREFIX_TEXT_MAX];

	buf_init(&out, 200);
	for (size_t i = 0; i < ps->n && out.len < 150; i++)
		if (ps->list[i].owner && ps->list[i].owner->kind != OWNER_NEVER)
			buf_printf(&out, "%s%s", out.len ? ", " : "",
				prefix_format(&ps->list[i].prefix, prefix));
	reason = text(p->arena, "wider than what providers of this network own, which is: %s",
		buf_text(&out));
	buf_finish(&out);
	return reason;
}

static void
place_piece(struct planning *p, const struct ask *ask, const struct piece *piece)
{
	char prefix[PREFIX_TEXT_MAX];

	prefix_format(&piece->prefix, prefix);
	if (!piece->owner && nat_is_inside(&piece->prefix))
		refuse_part(p, ask, &piece->prefix, "RFC 9284 5.2",
			text(p->arena, "%s is private, and no nat-map says what it is outside",
				prefix));
	else if (!piece->owner)
		refuse_part(p, ask, &piece->prefix, "RFC 9284 5.1",
			text(p->arena, "%s belongs to no provider of this network", prefix));
	else if (piece->owner->kind == OWNER_NEVER)
		refuse_part(p, ask, &piece->prefix, "RFC 9284 6",
			text(p->arena, "%s is never to be signalled, by policy", prefix));
	else if (piece->owner->kind == OWNER_PI)
		ask_provider_independent(p, ask, piece);
	else
		for (size_t i = 0; i < piece->owner->n_domains; i++)
			ask_domain(p, ask, piece, piece->owner->domains[i]);
}

/* One target prefix of an ask: cut, then M3, M4, M15, or on to the domains. */
static void
place_prefix(struct planning *p, const struct ask *ask, const struct prefix *prefix)
{
	struct pieces ps = {.arena = p->arena};
	size_t owned = 0, foreign = 0;

	cut(p->h, prefix, &ps);
	for (size_t i = 0; i < ps.n; i++) {
		owned += ps.list[i].owner && ps.list[i].owner->kind != OWNER_NEVER;
		foreign += !ps.list[i].owner;
	}
	if (foreign && !owned) {
		struct piece whole = {*prefix, NULL};

		place_piece(p, ask, &whole);
	} else if (foreign && !p->h->clip) {
		refuse_part(p, ask, prefix, "RFC 9284 5.1", owned_parts(p, &ps));
	} else {
		for (size_t i = 0; i < ps.n; i++)
			place_piece(p, ask, &ps.list[i]);
	}
}

/* ---- the whole ---- */

static int
compare_asks(const void *a, const void *b)
{
	return strcmp(((const struct join_ask *)a)->ask->id, ((const struct join_ask *)b)->ask->id);
}

static struct join_ask *
sort_asks(const struct ask *asks, size_t n, struct arena *a)
{
	struct join_ask *sorted = arena_alloc(a, n + 1, sizeof(*sorted));

	for (size_t i = 0; i < n; i++)
		sorted[i].ask = &asks[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), compare_asks);
	return sorted;
}

/* A prefix inside another one of the same ask has no fate of its own. */
static void
place_ask(struct planning *p, struct join_ask *a)
{
	struct prefix *prefixes;
	size_t n = distinct_prefixes(&a->ask->target, p->arena, &prefixes);

	a->first = p->plan->n_parts;
	for (size_t i = 0; i < n; i++)
		place_prefix(p, a->ask, &prefixes[i]);
	a->n = p->plan->n_parts - a->first;
}

void
plan(const struct homing *h, const struct ask *asks, size_t n_asks, const struct live *live,
	size_t n_live, const enum availability *available, struct arena *a, struct plan *ret)
{
	struct overlap *standing = overlap_new(h->n_servers);
	struct join_ask *sorted = sort_asks(asks, n_asks, a);
	struct planning p = {.h = h, .available = available, .arena = a, .plan = ret};
	const struct join j = {.homing = h,
		.available = available,
		.asks = sorted,
		.n_asks = n_asks,
		.live = live,
		.n_live = n_live,
		.standing = standing,
		.arena = a};

	*ret = (struct plan){0};
	for (size_t i = 0; i < n_live; i++)
		if (!live[i].refused && !live[i].outdated)
			overlap_add(standing, live[i].server, live[i].trigger_mitigation,
				&live[i].target, (void *)&live[i]);
	for (size_t i = 0; i < n_asks; i++)
		place_ask(&p, &sorted[i]);
	carry_choose(&j, ret);
	settle_parts(&p);
	join_requests(&j, ret);
	overlap_free(standing);
}
