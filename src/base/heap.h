/*
 * Deadlines in order: a heap, the earliest first, with four children to a node, whose deadlines lie
 * side by side: where there are many, comparing them is one line of the processor's cache. What has
 * no deadline is in it with INT64_MAX.
 */
#ifndef DOTSD_BASE_HEAP_H
#define DOTSD_BASE_HEAP_H

#include <stddef.h>

#include "base/loop.h" /* mono_ms only */

/* Embedded in what waits; zeroed: in no heap. */
struct heap_node {
	size_t place; /* its index + 1 */
};

/* Zeroed: empty. */
struct heap {
	struct heap_slot {
		mono_ms at;
		struct heap_node *node;
	} * list;
	size_t n, cap;
};

/* What a node is embedded in. */
#define heap_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void heap_finish(struct heap *h); /* nodes are not touched */
/* Puts it in, or moves it there. */
void heap_set(struct heap *h, struct heap_node *n, mono_ms at);
void heap_remove(struct heap *h, struct heap_node *n);            /* legal when it is not in it */
mono_ms heap_at(const struct heap *h, const struct heap_node *n); /* of one that is in it */
struct heap_node *heap_first(const struct heap *h);               /* NULL when empty */
mono_ms heap_deadline(const struct heap *h); /* of the first; INT64_MAX when empty */

#endif
