#include "base/heap.h"

#include <stdlib.h>

#include "base/mem.h"

enum { CHILDREN = 4 };

static void
place(struct heap *h, size_t i, struct heap_slot slot)
{
	h->list[i] = slot;
	slot.node->place = i + 1;
}

/* The earliest of its children; h->n or more: it has none. */
static size_t
earliest_child(const struct heap *h, size_t i)
{
	size_t first = CHILDREN * i + 1, best = first;

	for (size_t c = first + 1; c < first + CHILDREN && c < h->n; c++)
		if (h->list[c].at < h->list[best].at)
			best = c;
	return best;
}

/* Moves what is at i to where its deadline belongs. */
static void
fix(struct heap *h, size_t i)
{
	struct heap_slot slot = h->list[i];
	size_t child;

	for (; i && h->list[(i - 1) / CHILDREN].at > slot.at; i = (i - 1) / CHILDREN)
		place(h, i, h->list[(i - 1) / CHILDREN]);
	while ((child = earliest_child(h, i)) < h->n && h->list[child].at < slot.at) {
		place(h, i, h->list[child]);
		i = child;
	}
	place(h, i, slot);
}

void
heap_finish(struct heap *h)
{
	free(h->list);
	*h = (struct heap){0};
}

void
heap_set(struct heap *h, struct heap_node *n, mono_ms at)
{
	struct heap_slot slot = {at, n};

	if (!n->place) {
		if (h->n == h->cap) {
			h->cap = h->cap ? 2 * h->cap : 16;
			h->list = mem_grow(h->list, h->cap, sizeof(*h->list));
		}
		n->place = ++h->n;
	}
	h->list[n->place - 1] = slot;
	fix(h, n->place - 1);
}

void
heap_remove(struct heap *h, struct heap_node *n)
{
	size_t i = n->place - 1;

	if (!n->place)
		return;
	n->place = 0;
	h->n--;
	if (i == h->n)
		return;
	h->list[i] = h->list[h->n];
	fix(h, i);
}

mono_ms
heap_at(const struct heap *h, const struct heap_node *n)
{
	return h->list[n->place - 1].at;
}

struct heap_node *
heap_first(const struct heap *h)
{
	return h->n ? h->list[0].node : NULL;
}

mono_ms
heap_deadline(const struct heap *h)
{
	return h->n ? h->list[0].at : INT64_MAX;
}
