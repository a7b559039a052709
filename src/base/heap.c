#include "base/heap.h"

#include <stdlib.h>

#include "base/mem.h"

static void
place(struct heap *h, size_t i, struct heap_node *n)
{
	h->list[i] = n;
	n->place = i + 1;
}

/* Moves the node at i to where its deadline belongs. */
static void
fix(struct heap *h, size_t i)
{
	struct heap_node *n = h->list[i];

	for (; i && h->list[(i - 1) / 2]->at > n->at; i = (i - 1) / 2)
		place(h, i, h->list[(i - 1) / 2]);
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->n && h->list[child + 1]->at < h->list[child]->at)
			child++;
		if (child >= h->n || h->list[child]->at >= n->at)
			break;
		place(h, i, h->list[child]);
		i = child;
	}
	place(h, i, n);
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
	n->at = at;
	if (!n->place) {
		if (h->n == h->cap) {
			h->cap = h->cap ? 2 * h->cap : 16;
			h->list = mem_grow(h->list, h->cap, sizeof(struct heap_node *));
		}
		place(h, h->n++, n);
	}
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
	place(h, i, h->list[h->n]);
	fix(h, i);
}

struct heap_node *
heap_first(const struct heap *h)
{
	return h->n ? h->list[0] : NULL;
}

mono_ms
heap_deadline(const struct heap *h)
{
	return h->n ? h->list[0]->at : INT64_MAX;
}
