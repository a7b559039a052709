/*
 * Set algebra of targets. Prefixes nest or are disjoint, so a sorted list needs one look back.
 */
#include "homing/target.h"

#include <stdlib.h>
#include <string.h>

bool
target_overlaps(const struct target *a, const struct target *b)
{
	for (size_t i = 0; i < a->n_target_prefix; i++)
		for (size_t k = 0; k < b->n_target_prefix; k++)
			if (prefix_overlaps(&a->target_prefix[i], &b->target_prefix[k]))
				return true;
	return false;
}

bool
target_has(const struct target *t, const struct prefix *p)
{
	for (size_t i = 0; i < t->n_target_prefix; i++)
		if (prefix_contains(&t->target_prefix[i], p))
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

static bool
same_prefixes(const struct target *a, const struct target *b)
{
	if (a->n_target_prefix != b->n_target_prefix)
		return false;
	for (size_t i = 0; i < a->n_target_prefix; i++)
		if (!prefix_equal(&a->target_prefix[i], &b->target_prefix[i]))
			return false;
	return true;
}

static bool
covers_prefixes(const struct target *a, const struct target *b)
{
	if (same_prefixes(a, b)) /* the usual case, and the only cheap one */
		return true;
	for (size_t i = 0; i < b->n_target_prefix; i++)
		if (!target_has(a, &b->target_prefix[i]))
			return false;
	return true;
}

bool
target_covers(const struct target *a, const struct target *b)
{
	if ((a->n_target_port_range && !b->n_target_port_range) ||
		(a->n_target_protocol && !b->n_target_protocol))
		return false;
	for (size_t i = 0; a->n_target_port_range && i < b->n_target_port_range; i++)
		if (!covers_ports(a, &b->target_port_range[i]))
			return false;
	for (size_t i = 0; a->n_target_protocol && i < b->n_target_protocol; i++)
		if (!has_protocol(a, b->target_protocol[i]))
			return false;
	return covers_prefixes(a, b);
}

static int
compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

size_t
target_normalise(struct prefix *prefixes, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(prefixes, n, sizeof(*prefixes), compare_prefixes);
	for (size_t i = 0; i < n; i++) /* a wider one comes before what it contains */
		if (!kept || !prefix_contains(&prefixes[kept - 1], &prefixes[i]))
			prefixes[kept++] = prefixes[i];
	return kept;
}

static void
unite_prefixes(
	const struct target *a, const struct target *b, struct arena *arena, struct target *ret)
{
	size_t n = a->n_target_prefix + b->n_target_prefix;
	struct prefix *all = arena_alloc(arena, n, sizeof(*all));

	if (a->n_target_prefix)
		memcpy(all, a->target_prefix, a->n_target_prefix * sizeof(*all));
	if (b->n_target_prefix)
		memcpy(all + a->n_target_prefix, b->target_prefix,
			b->n_target_prefix * sizeof(*all));
	ret->target_prefix = all;
	ret->n_target_prefix = target_normalise(all, n);
}

static void
unite_ports(const struct target *a, const struct target *b, struct arena *arena, struct target *ret)
{
	size_t n_a = a->n_target_port_range, n = n_a + b->n_target_port_range;

	if (!n_a || !b->n_target_port_range)
		return;
	ret->target_port_range = arena_alloc(arena, n, sizeof(*ret->target_port_range));
	for (size_t i = 0; i < n; i++) {
		const struct port_range *r =
			i < n_a ? &a->target_port_range[i] : &b->target_port_range[i - n_a];

		if (!covers_ports(ret, r))
			ret->target_port_range[ret->n_target_port_range++] = *r;
	}
}

static void
unite_protocols(
	const struct target *a, const struct target *b, struct arena *arena, struct target *ret)
{
	size_t n_a = a->n_target_protocol, n = n_a + b->n_target_protocol;

	if (!n_a || !b->n_target_protocol)
		return;
	ret->target_protocol = arena_alloc(arena, n, sizeof(*ret->target_protocol));
	for (size_t i = 0; i < n; i++) {
		uint64_t p = i < n_a ? a->target_protocol[i] : b->target_protocol[i - n_a];

		if (!has_protocol(ret, p))
			ret->target_protocol[ret->n_target_protocol++] = p;
	}
}

void
target_union(
	const struct target *a, const struct target *b, struct arena *arena, struct target *ret)
{
	struct target u = {0};

	unite_prefixes(a, b, arena, &u);
	unite_ports(a, b, arena, &u);
	unite_protocols(a, b, arena, &u);
	*ret = u;
}
