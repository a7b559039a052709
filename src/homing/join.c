#include "homing/join.h"

#include <stdlib.h>
#include <string.h>

#include "homing/disclosure.h"
#include "homing/target.h"

/* What of a request is its target may be so long, for the whole of it to fit a datagram in a path
 * of 1280 bytes, whatever cuid and cipher suite (RFC 9132 7.3). */
enum {
	TARGET_BYTES = 900,
	PREFIX_BYTES_LEAST = 6 /* ::/0 */,
	PORT_BYTES = 9,
	PROTOCOL_BYTES = 2,
	NAME_BYTES = 3
};

/* What one ask, or several that were joined, want at one server. */
struct group {
	uint32_t server;
	bool trigger, alone;
	size_t bytes;             /* of its target in a request */
	const struct live *stood; /* what stands for it so far, or was refused; NULL: nothing */
	enum { NOT_REFUSED, WITH_OTHERS, BY_ITSELF } refused; /* there, before */
	struct group *into;        /* joined into that one; NULL: it stands by itself */
	struct target target, own; /* with what was joined, and without */
	const char **asks;
	size_t n_asks, cap_asks;
	bool idle;                  /* nothing is asked for it */
	const struct live *live;    /* the standing request that covers it; NULL: a new mid */
	const struct live *indexed; /* the one it is known by in `relying` */
};

struct joining {
	const struct join *j;
	struct group *groups;
	size_t n;
	struct overlap *wanted;  /* groups by what they want */
	struct overlap *relying; /* groups by what the request they rely on covers */
};

static struct group *
root_of(struct group *g)
{
	while (g->into)
		g = g->into;
	return g;
}

/* ---- one group an ask and server, or a few ---- */

/* M12: asked of several gateways (or, provider-independent, of all), each of which may be
 * responsible for something else and rejects a request that names more than that. */
static bool
goes_alone(const struct homing *h, const struct plan_part *part)
{
	const struct owner *o = trie_longest(h->owners, &part->prefix, NULL);

	return h->domains[part->domain].gateway && o && o->n_domains != 1;
}

/* A text of CBOR. */
static size_t
prefix_bytes(const struct prefix *p)
{
	char text[PREFIX_TEXT_MAX];

	return strlen(prefix_format(p, text)) + 2;
}

/* What its prefixes leave no room for by dividing them is not counted. */
static size_t
bytes_beside_prefixes(const struct target *t)
{
	size_t n = PORT_BYTES * t->n_target_port_range + PROTOCOL_BYTES * t->n_target_protocol;

	return n < TARGET_BYTES / 2 ? n : TARGET_BYTES / 2;
}

static const struct live *
standing_for(const struct join *j, const struct ask *ask, const struct plan_part *part)
{
	const struct live *best = NULL;

	for (size_t i = 0; i < ask->n_served_by; i++) {
		const struct live *l = &j->live[ask->served_by[i]];

		if (l->outdated || (int)l->server != part->server ||
			l->trigger_mitigation != ask->trigger_mitigation ||
			!target_has(&l->target, &part->prefix))
			continue;
		if (!best || (best->refused && !l->refused) ||
			(best->refused == l->refused && l->mid > best->mid))
			best = l;
	}
	return best;
}

static struct group *
group_new(struct joining *s, const struct join_ask *a, const struct plan_part *part, size_t most)
{
	struct group *g = &s->groups[s->n++];

	*g = (struct group){.server = (uint32_t)part->server,
		.trigger = a->ask->trigger_mitigation,
		.bytes = bytes_beside_prefixes(&a->ask->target),
		.target = a->ask->target,
		.cap_asks = 1,
		.n_asks = 1};
	g->target.target_prefix =
		arena_alloc(s->j->arena, a->n < most ? a->n : most, sizeof(struct prefix));
	g->target.n_target_prefix = 0;
	g->asks = arena_alloc(s->j->arena, 1, sizeof(*g->asks));
	g->asks[0] = a->ask->id;
	return g;
}

/* What an ask wants at a server may be more than a datagram holds: then it is several requests,
 * for prefixes that have nothing in common (RFC 9132 7.3, RFC 8612 SIG-002). What stands in one
 * request stays together. */
static struct group *
group_at(struct joining *s, size_t first, const struct join_ask *a, const struct plan_part *part)
{
	bool alone = goes_alone(s->j->homing, part);
	const struct live *stood = standing_for(s->j, a->ask, part);
	size_t need = prefix_bytes(&part->prefix);
	struct group *g = NULL;

	for (size_t i = first; i < s->n && !alone && !g; i++)
		if (s->groups[i].server == (uint32_t)part->server && !s->groups[i].alone &&
			s->groups[i].stood == stood &&
			(stood || s->groups[i].bytes + need <= TARGET_BYTES))
			g = &s->groups[i];
	if (!g) {
		g = group_new(s, a, part,
			alone   ? 1
			: stood ? a->n
				: TARGET_BYTES / PREFIX_BYTES_LEAST);
		g->alone = alone;
		g->stood = stood;
	}
	g->bytes += need;
	return g;
}

static void
look_back(const struct join *j, const struct ask *ask, struct group *g)
{
	for (size_t i = 0; i < ask->n_served_by; i++) {
		const struct live *l = &j->live[ask->served_by[i]];

		if (!l->refused || l->server != g->server || l->trigger_mitigation != g->trigger ||
			!target_covers(&l->target, &g->target))
			continue;
		if (target_covers(&g->target, &l->target))
			g->refused = BY_ITSELF;
		else if (!g->refused)
			g->refused = WITH_OTHERS;
	}
}

static void
make_groups(struct joining *s, const struct plan *plan)
{
	const struct join *j = s->j;

	s->groups = arena_alloc(j->arena, plan->n_parts + 1, sizeof(*s->groups));
	for (size_t i = 0; i < j->n_asks; i++) {
		size_t first = s->n;

		for (size_t k = 0; k < j->asks[i].n; k++) {
			const struct plan_part *part = &plan->parts[j->asks[i].first + k];
			struct group *g;

			if (part->state == PART_REFUSED || part->server < 0)
				continue;
			g = group_at(s, first, &j->asks[i], part);
			g->target.target_prefix[g->target.n_target_prefix++] = part->prefix;
		}
		for (size_t k = first; k < s->n; k++) {
			struct target *t = &s->groups[k].target;

			t->n_target_prefix = target_normalise(t->target_prefix, t->n_target_prefix);
			s->groups[k].own = *t;
			look_back(j, j->asks[i].ask, &s->groups[k]);
		}
	}
}

/* ---- what they rely on ---- */

struct covering {
	const struct group *group;
	const struct live *best;
};

static bool
note_covering(void *arg, void *holder)
{
	struct covering *c = arg;
	const struct live *l = holder;

	if ((!c->best || l->mid > c->best->mid) && target_covers(&l->target, &c->group->target))
		c->best = l;
	return true;
}

/* The newest standing request that covers the group, or NULL. */
static const struct live *
covering_live(const struct joining *s, const struct group *g)
{
	struct covering c = {g, NULL};

	overlap_covering(s->j->standing, g->server, g->trigger, &g->target.target_prefix[0],
		note_covering, &c);
	return c.best;
}

/* ---- joining ---- */

struct meeting {
	struct group *group, *found;
	bool new_only;
};

static bool
note_meeting(void *arg, void *holder)
{
	struct meeting *m = arg;
	struct group *other = root_of(holder);

	if (other == m->group || (m->new_only && other->live))
		return true;
	m->found = other;
	return false;
}

static bool
note_reliance(void *arg, void *holder)
{
	struct meeting *m = arg;
	const struct live *live = root_of(holder)->live;

	/* What it was indexed by may have been given up since. */
	return !live || !target_overlaps(&live->target, &m->group->target) ||
	       note_meeting(m, holder);
}

static bool
note_companion(void *arg, void *holder)
{
	const struct meeting *m = arg;

	return root_of(holder)->live != m->group->live || note_meeting(arg, holder);
}

/* One that has to be in the same request: their targets overlap; or they rely on the same one; or
 * the one needs a new mid, which makes the server delete what it overlaps, and the other relies on
 * that. */
static struct group *
must_join(const struct joining *s, struct group *g)
{
	struct meeting m = {.group = g};

	if (!overlap_each(s->wanted, g->server, g->trigger, &g->target, note_meeting, &m))
		return m.found;
	if (!g->live) {
		overlap_each(s->relying, g->server, g->trigger, &g->target, note_reliance, &m);
		return m.found;
	}
	if (!overlap_each(s->relying, g->server, g->trigger, &g->live->target, note_companion, &m))
		return m.found;
	m.new_only = true;
	overlap_each(s->wanted, g->server, g->trigger, &g->live->target, note_meeting, &m);
	return m.found;
}

static void
join(const struct joining *s, struct group *into, struct group *from)
{
	size_t n = into->n_asks + from->n_asks;

	target_union(&into->target, &from->target, s->j->arena, &into->target);
	if (n > into->cap_asks) {
		const char **wider = arena_alloc(s->j->arena, 2 * n, sizeof(*wider));

		memcpy(wider, into->asks, into->n_asks * sizeof(*wider));
		into->asks = wider;
		into->cap_asks = 2 * n;
	}
	memcpy(into->asks + into->n_asks, from->asks, from->n_asks * sizeof(*from->asks));
	into->n_asks = n;
	from->into = into;
	into->live = covering_live(s, into);
}

static bool
is_of(void *arg, void *holder)
{
	return root_of(holder) != arg;
}

/* A prefix that the same group is known by already is not noted again: many asks for one target
 * stay one entry. */
static void
note_wanted(struct joining *s, struct group *root, const struct target *t)
{
	for (size_t i = 0; i < t->n_target_prefix; i++) {
		struct target one = {.target_prefix = &t->target_prefix[i], .n_target_prefix = 1};

		if (overlap_covering(s->wanted, root->server, root->trigger, &t->target_prefix[i],
			    is_of, root))
			overlap_add(s->wanted, root->server, root->trigger, &one, root);
	}
}

static void
note_relying(struct joining *s, struct group *root)
{
	if (!root->live || root->indexed == root->live)
		return;
	root->indexed = root->live;
	overlap_add(s->relying, root->server, root->trigger, &root->live->target, root);
}

static void
enter(struct joining *s, struct group *g)
{
	struct target own = g->target;
	struct group *root = g, *other;

	g->live = covering_live(s, g);
	while ((other = must_join(s, root))) {
		join(s, other, root);
		root = other;
	}
	note_wanted(s, root, &own);
	note_relying(s, root);
}

/* ---- what was refused --------------------------------------------------------------------------
 */

static bool
note_wider(void *arg, void *holder)
{
	struct meeting *m = arg;
	struct group *root = root_of(holder);
	const struct target *t = root->live ? &root->live->target : &root->target;

	if (!target_covers(t, &m->group->target))
		return true;
	m->found = root;
	return false;
}

/* It adds nothing to what is asked for anyway. */
static bool
go_with_wider(const struct joining *s, struct group *g)
{
	struct meeting m = {.group = g};

	overlap_each(s->wanted, g->server, g->trigger, &g->target, note_wider, &m);
	if (!m.found)
		return false;
	join(s, m.found, g);
	return true;
}

static bool
meets_any(const struct joining *s, struct group *g)
{
	struct meeting m = {.group = g};

	return !overlap_each(s->wanted, g->server, g->trigger, &g->target, note_meeting, &m) ||
	       !overlap_each(s->relying, g->server, g->trigger, &g->target, note_reliance, &m);
}

/* What was refused is not asked for again. What was refused together with others is asked for by
 * itself, unless it would have to be joined with what is asked for otherwise. */
static void
enter_refused(struct joining *s, struct group *g)
{
	if (!covering_live(s, g)) {
		if (go_with_wider(s, g))
			return;
		g->idle = g->refused == BY_ITSELF || meets_any(s, g);
	}
	if (!g->idle)
		enter(s, g);
}

static void
enter_all(struct joining *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->groups[i].refused)
			enter(s, &s->groups[i]);
	for (size_t i = 0; i < s->n; i++)
		if (s->groups[i].refused)
			enter_refused(s, &s->groups[i]);
	for (size_t i = 0; i < s->n; i++) /* by then it may not be alone any more */
		if (s->groups[i].idle)
			s->groups[i].idle = !go_with_wider(s, &s->groups[i]);
}

/* ---- the outcome ---- */

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of what was joined, several may have been for the same ask. */
static size_t
sort_asks(const char **asks, size_t n)
{
	size_t kept = 0;

	qsort(asks, n, sizeof(*asks), compare_texts);
	for (size_t i = 0; i < n; i++)
		if (!kept || strcmp(asks[kept - 1], asks[i]) != 0)
			asks[kept++] = asks[i];
	return kept;
}

static int
compare_id(const void *id, const void *a)
{
	return strcmp(id, ((const struct join_ask *)a)->ask->id);
}

/* All that is asked for there of what the name stands for is in this request. */
static bool
stands_for(const struct join *j, const struct plan_request *q, const struct name *n)
{
	for (size_t i = 0; i < n->n_addresses; i++) {
		struct target one = {.target_prefix = &n->addresses[i], .n_target_prefix = 1};

		if (plan_may_hold(j->homing, q->server, &one) &&
			!target_has(&q->target, &n->addresses[i]))
			return false;
	}
	return true;
}

/* Names have what room the addresses leave. */
static bool
has_room(const struct plan_request *q, const struct name *list, const struct name *more)
{
	size_t bytes = bytes_beside_prefixes(&q->target) + strlen(more->text) + NAME_BYTES;

	for (size_t i = 0; i < q->target.n_target_prefix; i++)
		bytes += prefix_bytes(&q->target.target_prefix[i]);
	for (size_t i = 0; i < q->n_names; i++)
		bytes += strlen(list[i].text) + NAME_BYTES;
	return q->n_names < NAMES_MAX && bytes <= TARGET_BYTES;
}

static void
add_names(const struct join *j, const struct ask *ask, struct plan_request *q, struct name *list)
{
	for (size_t i = 0; i < ask->n_names; i++) {
		const struct name *name = &ask->names[i];

		if (disclosure_allows(j->homing, q->server, name) && stands_for(j, q, name) &&
			!name_find(list, q->n_names, name->text) && has_room(q, list, name))
			list[q->n_names++] = *name;
	}
}

/* What the server is told of names (M9). */
static void
name_request(const struct join *j, struct plan_request *q)
{
	struct name *list = NULL;

	for (size_t i = 0; i < q->n_asks; i++) {
		const struct join_ask *a =
			bsearch(q->asks[i], j->asks, j->n_asks, sizeof(*j->asks), compare_id);

		if (!a || !a->ask->n_names)
			continue;
		if (!list)
			list = arena_alloc(j->arena, NAMES_MAX, sizeof(*list));
		add_names(j, a->ask, q, list);
	}
	q->names = list;
}

static void
put_request(const struct join *j, struct group *g, const struct target *t, struct plan *plan)
{
	g->n_asks = sort_asks(g->asks, g->n_asks);
	plan->requests[plan->n_requests++] = (struct plan_request){.server = g->server,
		.live = g->live ? (int)(g->live - j->live) : -1,
		.pending = j->available[g->server] == SERVER_UNAVAILABLE,
		.target = *t,
		.trigger_mitigation = g->trigger,
		.asks = g->asks,
		.n_asks = g->n_asks};
	if (!g->live)
		name_request(j, &plan->requests[plan->n_requests - 1]);
}

/* Part of what was joined, for those who want something of it. */
static void
put_piece(struct joining *s, struct group *g, const struct target *t, struct plan *plan)
{
	struct group piece = *g;

	piece.asks = arena_alloc(s->j->arena, g->n_asks, sizeof(*piece.asks));
	piece.n_asks = 0;
	for (size_t i = 0; i < s->n; i++)
		if (root_of(&s->groups[i]) == g && target_overlaps(&s->groups[i].own, t))
			piece.asks[piece.n_asks++] = s->groups[i].asks[0];
	put_request(s->j, &piece, t, plan);
}

/* A new request for all that was joined, or several if it does not fit a datagram (RFC 9132 7.3).
 */
static void
put_new(struct joining *s, struct group *g, struct plan *plan)
{
	const struct target *all = &g->target;
	struct target piece = *all;

	for (size_t i = 0, k; i < all->n_target_prefix; i = k) {
		size_t bytes = bytes_beside_prefixes(all);

		for (k = i; k < all->n_target_prefix; k++) {
			bytes += prefix_bytes(&all->target_prefix[k]);
			if (k > i && bytes > TARGET_BYTES)
				break;
		}
		piece.target_prefix = all->target_prefix + i;
		piece.n_target_prefix = k - i;
		if (piece.n_target_prefix == all->n_target_prefix)
			put_request(s->j, g, all, plan);
		else
			put_piece(s, g, &piece, plan);
	}
}

/* They are remembered with all that they were for. */
static void
keep_refusals(const struct join *j, bool *kept)
{
	for (size_t i = 0; i < j->n_asks; i++) {
		const struct ask *ask = j->asks[i].ask;

		for (size_t k = 0; k < ask->n_served_by; k++)
			if (j->live[ask->served_by[k]].refused)
				kept[ask->served_by[k]] = true;
	}
}

void
join_requests(const struct join *j, struct plan *plan)
{
	struct joining s = {.j = j,
		.wanted = overlap_new(j->homing->n_servers),
		.relying = overlap_new(j->homing->n_servers)};
	bool *kept = arena_alloc(j->arena, j->n_live + 1, sizeof(*kept));

	make_groups(&s, plan);
	enter_all(&s);
	/* No prefix is in two of them. */
	plan->requests = arena_alloc(j->arena, plan->n_parts + 1, sizeof(*plan->requests));
	for (size_t i = 0; i < s.n; i++) {
		struct group *g = &s.groups[i];

		if (g->into || g->idle)
			continue;
		if (g->live) {
			put_request(j, g, &g->live->target, plan);
			kept[g->live - j->live] = true;
		} else {
			put_new(&s, g, plan);
		}
	}
	keep_refusals(j, kept);
	plan->withdraw = arena_alloc(j->arena, j->n_live + 1, sizeof(*plan->withdraw));
	for (size_t i = 0; i < j->n_live; i++)
		if (!kept[i])
			plan->withdraw[plan->n_withdraw++] = i;
	overlap_free(s.wanted);
	overlap_free(s.relying);
}
