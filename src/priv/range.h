/*
 * Cuts overlapping prefixes into disjoint address ranges, each with what covers it.
 */
#ifndef DOTSD_PRIV_RANGE_H
#define DOTSD_PRIV_RANGE_H

#include "base/addr.h"
#include "base/mem.h"

/* In the order in which they are asked: the ACLs of a client (id: its key), then mitigations. */
enum range_kind { RANGE_ACLS, RANGE_MITIGATION };
struct range_id {
	enum range_kind kind;
	uint64_t id;
};

struct range_item {
	struct prefix prefix;
	struct range_id id;
};

struct range {
	struct addr first, last;
	struct range_id *ids; /* ascending, each once */
	size_t n_ids;
};

int range_compare_ids(const struct range_id *a, const struct range_id *b);
/* items are sorted in place; ranges (IPv4 first, ascending) live in the arena. */
size_t range_cut(struct range_item *items, size_t n, struct arena *a, struct range **ret);

#endif
