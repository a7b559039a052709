#include "priv/range.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 number;

/* Prefixes nest or are apart, so a stack of the open ones is all there is to know. */
struct sweep {
	struct arena *arena;
	const struct range_item **open;
	number *ends;
	size_t depth;
	number at;     /* first address not yet given to a range */
	bool finished; /* `at` went past the last address there is */
	struct range *list;
	size_t n, cap;
};

static number
to_number(const struct addr *a)
{
	number v = 0;

	for (unsigned i = 0; i < addr_bits(a) / 8; i++)
		v = v << 8 | a->bytes[i];
	return v;
}

static struct addr
to_addr(number v, uint8_t family)
{
	struct addr a = {.family = family};

	for (unsigned i = addr_bits(&a) / 8; i-- > 0; v >>= 8)
		a.bytes[i] = (uint8_t)v;
	return a;
}

static number
last_of(const struct prefix *p)
{
	unsigned host = addr_bits(&p->addr) - p->len;

	return to_number(&p->addr) | (host == 128 ? ~(number)0 : ((number)1 << host) - 1);
}

int
range_compare_ids(const struct range_id *a, const struct range_id *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int
compare_ids(const void *a, const void *b)
{
	return range_compare_ids(a, b);
}

static void
emit(struct sweep *s, number last)
{
	struct range *r;
	size_t n = 0;

	if (s->n == s->cap) {
		struct range *wider =
			arena_alloc(s->arena, s->cap = s->cap ? 2 * s->cap : 64, sizeof(*r));

		if (s->n)
			memcpy(wider, s->list, s->n * sizeof(*r));
		s->list = wider;
	}
	r = &s->list[s->n++];
	r->first = to_addr(s->at, s->open[0]->prefix.addr.family);
	r->last = to_addr(last, s->open[0]->prefix.addr.family);
	r->ids = arena_alloc(s->arena, s->depth, sizeof(*r->ids));
	for (size_t i = 0; i < s->depth; i++)
		r->ids[i] = s->open[i]->id;
	qsort(r->ids, s->depth, sizeof(*r->ids), compare_ids);
	for (size_t i = 0; i < s->depth; i++)
		if (!n || range_compare_ids(&r->ids[n - 1], &r->ids[i]) != 0)
			r->ids[n++] = r->ids[i];
	r->n_ids = n;
}

static void
close_top(struct sweep *s)
{
	number end = s->ends[s->depth - 1];

	if (!s->finished && s->at <= end) {
		emit(s, end);
		s->at = end + 1;
		s->finished = s->at == 0;
	}
	s->depth--;
}

static void
open_item(struct sweep *s, const struct range_item *item)
{
	number first = to_number(&item->prefix.addr);

	while (s->depth && (s->ends[s->depth - 1] < first ||
				   s->open[0]->prefix.addr.family != item->prefix.addr.family))
		close_top(s);
	if (s->depth && s->at < first)
		emit(s, first - 1);
	s->at = first;
	s->finished = false;
	s->open[s->depth] = item;
	s->ends[s->depth++] = last_of(&item->prefix);
}

static int
compare_items(const void *a, const void *b)
{
	const struct range_item *x = a, *y = b;
	int r = prefix_compare(&x->prefix, &y->prefix); /* wider ones first at the same address */

	return r ? r : range_compare_ids(&x->id, &y->id);
}

size_t
range_cut(struct range_item *items, size_t n, struct arena *a, struct range **ret)
{
	struct sweep s = {.arena = a};

	s.open = arena_alloc(a, n + 1, sizeof(const struct range_item *));
	s.ends = arena_alloc(a, n + 1, sizeof(number));
	if (n)
		qsort(items, n, sizeof(*items), compare_items);
	for (size_t i = 0; i < n; i++)
		open_item(&s, &items[i]);
	while (s.depth)
		close_top(&s);
	*ret = s.list;
	return s.n;
}
