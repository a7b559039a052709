/*
 * Cuts overlapping prefixes into disjoint address ranges, each with the filters that cover it.
 */
#ifndef DOTSD_PRIV_RANGE_H
#define DOTSD_PRIV_RANGE_H

#include "base/addr.h"
#include "base/mem.h"

struct range_item {
	struct prefix prefix;
	uint64_t id;
};

struct range {
	struct addr first, last;
	uint64_t *ids; /* ascending, each once */
	size_t n_ids;
};

/* items are sorted in place; ranges (IPv4 first, ascending) live in the arena. */
size_t range_cut(struct range_item *items, size_t n, struct arena *a, struct range **ret);

#endif
