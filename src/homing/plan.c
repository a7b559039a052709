/*
 * plan(): cut targets along owners, pick domains and servers, join what overlaps (rules M2-M6, M8,
 * M12, M14). Pure; everything lives in the caller's arena.
 */
#include "homing/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- target sets ---- */

bool
target_overlaps(const struct target *a, const struct target *b)
{
	for (size_t i = 0; i < a->n_target_prefix; i++)
		for (size_t k = 0; k < b->n_target_prefix; k++)
			if (prefix_overlaps(&a->target_prefix[i], &b->target_prefix[k]))
				return true;
	return false;
}

static bool
covers_prefix(const struct target *a, const struct prefix *p)
{
	for (size_t i = 0; i < a->n_target_prefix; i++)
		if (prefix_contains(&a->target_prefix[i], p))
			return true;
	return false;
}

static bool
covers_ports(const struct target *a, const struct port_range *r)
{
	for (size_t i = 0; i < a->n_target_port_range; i++)
		if (a->target_port_range[i].lower_port <= r->lower_port &&
			port_range_last(r) <= port_range_last(&a->target_port_range[i]))
			return true;
	return false;
}

static bool
has_protocol(const struct target *a, uint64_t protocol)
{
	for (size_t i = 0; i < a->n_target_protocol; i++)
		if (a->target_protocol[i] == protocol)
			return true;
	return false;
}

bool
target_covers(const struct target *a, const struct target *b)
{
	if ((a->n_target_port_range && !b->n_target_port_range) ||
		(a->n_target_protocol && !b->n_target_protocol))
		return false;
	for (size_t i = 0; i < b->n_target_prefix; i++)
		if (!covers_prefix(a, &b->target_prefix[i]))
			return false;
	for (size_t i = 0; a->n_target_port_range && i < b->n_target_port_range; i++)
		if (!covers_ports(a, &b->target_port_range[i]))
			return false;
	for (size_t i = 0; a->n_target_protocol && i < b->n_target_protocol; i++)
		if (!has_protocol(a, b->target_protocol[i]))
			return false;
	return true;
}

static void
add_prefix(struct target *t, const struct prefix *p)
{
	if (!covers_prefix(t, p))
		t->target_prefix[t->n_target_prefix++] = *p;
}

static int
compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

void
target_union(
	const struct target *a, const struct target *b, struct arena *arena, struct target *ret)
{
	struct target u = {0};
	size_t n = a->n_target_prefix + b->n_target_prefix;
	struct prefix *all = arena_alloc(arena, n, sizeof(*all));

	memcpy(all, a->target_prefix, a->n_target_prefix * sizeof(*all));
	if (b->n_target_prefix)
		memcpy(all + a->n_target_prefix, b->target_prefix,
			b->n_target_prefix * sizeof(*all));
	qsort(all, n, sizeof(*all),
		compare_prefixes); /* wider ones come before what they contain */
	u.target_prefix = arena_alloc(arena, n, sizeof(*u.target_prefix));
	for (size_t i = 0; i < n; i++)
		add_prefix(&u, &all[i]);
	if (a->n_target_port_range && b->n_target_port_range) {
		n = a->n_target_port_range + b->n_target_port_range;
		u.target_port_range = arena_alloc(arena, n, sizeof(*u.target_port_range));
		for (size_t i = 0; i < n; i++) {
			const struct port_range *r =
				i < a->n_target_port_range
					? &a->target_port_range[i]
					: &b->target_port_range[i - a->n_target_port_range];

			if (!covers_ports(&u, r))
				u.target_port_range[u.n_target_port_range++] = *r;
		}
	}
	if (a->n_target_protocol && b->n_target_protocol) {
		n = a->n_target_protocol + b->n_target_protocol;
		u.target_protocol = arena_alloc(arena, n, sizeof(*u.target_protocol));
		for (size_t i = 0; i < n; i++) {
			uint64_t p = i < a->n_target_protocol
					     ? a->target_protocol[i]
					     : b->target_protocol[i - a->n_target_protocol];

			if (!has_protocol(&u, p))
				u.target_protocol[u.n_target_protocol++] = p;
		}
	}
	*ret = u;
}

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

bool
plan_owns_all(const struct homing *h, const struct target *t, struct prefix *ret_foreign)
{
	struct arena *a = arena_new();
	struct pieces ps = {.arena = a};
	bool all = true;

	for (size_t i = 0; i < t->n_target_prefix; i++)
		cut(h, &t->target_prefix[i], &ps);
	for (size_t i = 0; all && i < ps.n; i++)
		if (!ps.list[i].owner || ps.list[i].owner->kind == OWNER_NEVER) {
			*ret_foreign = ps.list[i].prefix;
			all = false;
		}
	arena_free(a);
	return all;
}

/* ---- parts: every piece at every domain that is to be asked ---- */

struct planning {
	const struct homing *h;
	const struct live *live;
	size_t n_live;
	const enum availability *available;
	struct arena *arena;
	struct plan *plan;
	size_t cap_parts, cap_requests;
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

/* The one of the domain that carries what covers the prefix; NULL if there is none. */
static const struct domain_server *
carrier(const struct planning *p, const struct domain *d, const struct prefix *prefix,
	bool available)
{
	for (size_t i = 0; i < p->n_live; i++) {
		const struct domain_server *s = p->h->servers[p->live[i].server];

		if (&p->h->domains[s->domain] == d && covers_prefix(&p->live[i].target, prefix) &&
			(!available || p->available[s->ordinal] != SERVER_UNAVAILABLE))
			return s;
	}
	return NULL;
}

/* M6: the one that carries it goes on while it is not unavailable; else the first by priority, then
 * name, that has an association; with none at all it waits where it is. */
static const struct domain_server *
choose_server(const struct planning *p, const struct domain *d, const struct prefix *prefix)
{
	const struct domain_server *s = carrier(p, d, prefix, true);

	for (size_t i = 0; i < d->n_servers && !s; i++)
		if (p->available[d->servers[i]->ordinal] != SERVER_UNAVAILABLE)
			s = d->servers[i];
	if (!s)
		s = carrier(p, d, prefix, false);
	return s || !d->n_servers ? s : d->servers[0];
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

static void
send_part(struct planning *p, const struct ask *ask, const struct piece *piece, uint32_t domain,
	const struct domain_server *s)
{
	const struct domain *d = &p->h->domains[domain];
	struct plan_part *part = add_part(p, ask, &piece->prefix);
	const char *why = ownership(p, part, piece->owner, d);

	part->domain = (int)domain;
	part->section = d->gateway                       ? "RFC 9284 5.3"
			: piece->owner->kind == OWNER_PI ? "RFC 9284 5.2"
							 : "RFC 9284 5.1";
	if (!s) {
		part->reason = text(p->arena, "%s, but no DOTS server of it is known", why);
		return;
	}
	part->server = (int)s->ordinal;
	if (p->available[s->ordinal] == SERVER_UNAVAILABLE) {
		part->state = PART_PENDING;
		part->reason = text(p->arena,
			"%s, but %s cannot be reached now; no other may be asked", why, s->name);
	} else {
		part->state = PART_SEND;
		part->reason = why;
	}
}

static void
ask_domain(struct planning *p, const struct ask *ask, const struct piece *piece, uint32_t domain)
{
	const struct domain *d = &p->h->domains[domain];

	if (d->attachments == ATTACHMENTS_ONE || !d->n_servers) {
		send_part(p, ask, piece, domain, choose_server(p, d, &piece->prefix));
		return;
	}
	for (size_t i = 0; i < d->n_servers; i++) /* M14: copies over all attachments */
		send_part(p, ask, piece, domain, d->servers[i]);
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

/* Domains by name, so that their order in the configuration does not matter. */
static size_t
sorted_domains(const struct homing *h, struct arena *a, uint32_t **ret)
{
	uint32_t *list = arena_alloc(a, h->n_domains, sizeof(*list));
	size_t n = 0;

	for (uint32_t i = 0; i < h->n_domains; i++) {
		size_t k = n;

		if (h->domains[i].gateway)
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
	size_t n = sorted_domains(p->h, p->arena, &domains), chosen = 0;

	if (!n)
		return;
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
	if (!piece->owner)
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

/* One target prefix of an ask: cut, then M3, M4, or on to the domains. */
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

/* ---- requests: what is to stand at one server (M8) ---- */

/* What one ask, or several that were joined, want at one server. */
struct group {
	uint32_t server;
	bool trigger;
	bool dead; /* joined into another */
	struct target target;
	const char **asks;
	size_t n_asks;
	int live;
};

static void
ask_target(const struct planning *p, const struct ask *ask, uint32_t server, struct target *ret)
{
	*ret = ask->target;
	ret->target_prefix = arena_alloc(p->arena, p->plan->n_parts, sizeof(struct prefix));
	ret->n_target_prefix = 0;
	for (size_t i = 0; i < p->plan->n_parts; i++) {
		const struct plan_part *part = &p->plan->parts[i];

		if (part->server == (int)server && part->state != PART_REFUSED &&
			!strcmp(part->ask, ask->id))
			add_prefix(ret, &part->prefix);
	}
}

static void
join(struct planning *p, struct group *into, struct group *from)
{
	const char **asks = arena_alloc(p->arena, into->n_asks + from->n_asks, sizeof(*asks));

	target_union(&into->target, &from->target, p->arena, &into->target);
	memcpy(asks, into->asks, into->n_asks * sizeof(*asks));
	memcpy(asks + into->n_asks, from->asks, from->n_asks * sizeof(*asks));
	into->asks = asks;
	into->n_asks += from->n_asks;
	from->dead = true;
}

static bool
alike(const struct group *a, const struct group *b)
{
	return !a->dead && !b->dead && a != b && a->server == b->server && a->trigger == b->trigger;
}

static bool
live_fits(const struct live *l, const struct group *g)
{
	return l->server == g->server && l->trigger_mitigation == g->trigger;
}

/* The newest live request that covers the group, or -1. */
static int
covering_live(const struct planning *p, const struct group *g)
{
	int best = -1;

	for (size_t i = 0; i < p->n_live; i++)
		if (live_fits(&p->live[i], g) && target_covers(&p->live[i].target, &g->target) &&
			(best < 0 || p->live[i].mid > p->live[best].mid))
			best = (int)i;
	return best;
}

/* A new mid would make the server delete what it overlaps: whoever relies on that has to be in it.
 */
static bool
must_join(const struct planning *p, const struct group *a, const struct group *b)
{
	if (target_overlaps(&a->target, &b->target))
		return true;
	return a->live < 0 && b->live >= 0 && target_overlaps(&a->target, &p->live[b->live].target);
}

static bool
join_once(struct planning *p, struct group *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (alike(&groups[i], &groups[k]) && must_join(p, &groups[i], &groups[k])) {
				join(p, &groups[i], &groups[k]);
				groups[i].live = covering_live(p, &groups[i]);
				return true;
			}
	return false;
}

static size_t
make_groups(struct planning *p, const struct ask *const *asks, size_t n_asks, struct group **ret)
{
	struct group *groups = arena_alloc(p->arena, n_asks * p->h->n_servers + 1, sizeof(*groups));
	size_t n = 0;

	for (size_t i = 0; i < n_asks; i++)
		for (uint32_t s = 0; s < p->h->n_servers; s++) {
			struct group g = {.server = s, .trigger = asks[i]->trigger_mitigation};

			ask_target(p, asks[i], s, &g.target);
			if (!g.target.n_target_prefix)
				continue;
			g.asks = arena_alloc(p->arena, 1, sizeof(*g.asks));
			g.asks[0] = asks[i]->id;
			g.n_asks = 1;
			g.live = covering_live(p, &g);
			groups[n++] = g;
		}
	*ret = groups;
	return n;
}

static void
make_requests(struct planning *p, const struct ask *const *asks, size_t n_asks)
{
	struct plan *plan = p->plan;
	struct group *groups;
	size_t n = make_groups(p, asks, n_asks, &groups);
	bool *wanted = arena_alloc(p->arena, p->n_live + 1, sizeof(*wanted));

	while (join_once(p, groups, n))
		;
	plan->requests = arena_alloc(p->arena, n + 1, sizeof(*plan->requests));
	for (size_t i = 0; i < n; i++) {
		struct group *g = &groups[i];

		if (g->dead)
			continue;
		if (g->live >= 0)
			wanted[g->live] = true;
		plan->requests[plan->n_requests++] = (struct plan_request){.server = g->server,
			.live = g->live,
			.pending = p->available[g->server] == SERVER_UNAVAILABLE,
			.target = g->live >= 0 ? p->live[g->live].target : g->target,
			.trigger_mitigation = g->trigger,
			.asks = g->asks,
			.n_asks = g->n_asks};
	}
	plan->withdraw = arena_alloc(p->arena, p->n_live + 1, sizeof(*plan->withdraw));
	for (size_t i = 0; i < p->n_live; i++)
		if (!wanted[i])
			plan->withdraw[plan->n_withdraw++] = i;
}

static int
compare_asks(const void *a, const void *b)
{
	return strcmp((*(const struct ask *const *)a)->id, (*(const struct ask *const *)b)->id);
}

void
plan(const struct homing *h, const struct ask *asks, size_t n_asks, const struct live *live,
	size_t n_live, const enum availability *available, struct arena *a, struct plan *ret)
{
	struct planning p = {.h = h,
		.live = live,
		.n_live = n_live,
		.available = available,
		.arena = a,
		.plan = ret};
	const struct ask **sorted = arena_alloc(a, n_asks + 1, sizeof(*sorted));

	*ret = (struct plan){0};
	for (size_t i = 0; i < n_asks; i++)
		sorted[i] = &asks[i];
	qsort(sorted, n_asks, sizeof(*sorted), compare_asks);
	for (size_t i = 0; i < n_asks; i++)
		for (size_t k = 0; k < sorted[i]->target.n_target_prefix; k++)
			place_prefix(&p, sorted[i], &sorted[i]->target.target_prefix[k]);
	make_requests(&p, sorted, n_asks);
}
