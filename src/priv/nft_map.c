/*
 * See nft_map.h.
 */
#include "priv/nft_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/trie.h"
#include "priv/nft_msg.h"
#include "priv/nft_rule.h"

/* What covers one prefix. */
struct holders {
	struct range_id *ids;
	size_t n, cap;
};

struct elements {
	struct nft_element *list; /* ascending, IPv4 first */
	size_t n, cap;
};

struct nft_map {
	struct trie *targets;   /* prefix -> struct holders */
	struct prefix *touched; /* since the last update */
	size_t n_touched, cap_touched;
	struct elements elements; /* of the kernel */
	struct map *cells;        /* chain name -> how many elements lead to it */
};

/* ---- targets ---- */

struct nft_map *
nft_map_new(void)
{
	struct nft_map *m = mem_new(sizeof(*m));

	m->targets = trie_new();
	m->cells = map_new();
	return m;
}

static void
holders_free(struct holders *h)
{
	free(h->ids);
	free(h);
}

static bool
free_holders(void *arg, const struct prefix *p, void *value)
{
	(void)arg;
	(void)p;
	holders_free(value);
	return true;
}

void
nft_map_free(struct nft_map *m)
{
	trie_walk(m->targets, free_holders, NULL);
	trie_free(m->targets);
	map_free(m->cells);
	free(m->touched);
	free(m->elements.list);
	free(m);
}

static void
touch(struct nft_map *m, const struct prefix *p)
{
	if (m->n_touched == m->cap_touched) {
		m->cap_touched = m->cap_touched ? 2 * m->cap_touched : 64;
		m->touched = mem_grow(m->touched, m->cap_touched, sizeof(*m->touched));
	}
	m->touched[m->n_touched++] = *p;
}

void
nft_map_hold(struct nft_map *m, const struct prefix *p, struct range_id id)
{
	struct holders *h = trie_get(m->targets, p);

	if (!h) {
		h = mem_new(sizeof(*h));
		trie_set(m->targets, p, h);
	}
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 1;
		h->ids = mem_grow(h->ids, h->cap, sizeof(*h->ids));
	}
	h->ids[h->n++] = id;
	touch(m, p);
}

void
nft_map_drop(struct nft_map *m, const struct prefix *p, struct range_id id)
{
	struct holders *h = trie_get(m->targets, p);
	size_t i = 0;

	assert(h);
	while (range_compare_ids(&h->ids[i], &id) != 0)
		i++;
	h->ids[i] = h->ids[--h->n];
	if (!h->n) {
		trie_remove(m->targets, p);
		holders_free(h);
	}
	touch(m, p);
}

/* ---- what has to be cut again ---- */

static bool
take_first(void *arg, const struct prefix *p, void *value)
{
	(void)value;
	*(struct prefix *)arg = *p;
	return false;
}

static int
compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b); /* wider ones first at the same address */
}

/* In place of what was touched, the widest prefixes around it, each once and apart from the others.
 * Nothing crosses their borders, neither now nor before: whatever went was touched as well. */
static void
widen(struct nft_map *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_touched; i++) {
		struct prefix p = m->touched[i];

		trie_covering(m->targets, &p, take_first, &m->touched[i]);
	}
	if (m->n_touched)
		qsort(m->touched, m->n_touched, sizeof(*m->touched), compare_prefixes);
	for (size_t i = 0; i < m->n_touched; i++)
		if (!n || !prefix_contains(&m->touched[n - 1], &m->touched[i]))
			m->touched[n++] = m->touched[i];
	m->n_touched = n;
}

struct items {
	struct range_item *list;
	size_t n, cap;
};

static bool
add_items(void *arg, const struct prefix *p, void *value)
{
	struct items *items = arg;
	const struct holders *h = value;

	if (items->n + h->n > items->cap) {
		items->cap = 2 * (items->n + h->n);
		items->list = mem_grow(items->list, items->cap, sizeof(*items->list));
	}
	for (size_t i = 0; i < h->n; i++)
		items->list[items->n++] = (struct range_item){*p, h->ids[i]};
	return true;
}

/* ---- cells ---- */

static bool
is_cell(const char *chain)
{
	return *chain == 'c';
}

static uintptr_t
uses(const struct nft_map *m, const char *chain)
{
	return (uintptr_t)map_get(m->cells, chain, strlen(chain));
}

bool
nft_map_has_cell(const struct nft_map *m, const char *chain)
{
	return uses(m, chain) > 0;
}

static void
use_cell(struct nft_map *m, const char *table, const struct range *r, const char *chain,
	struct buf *in)
{
	uintptr_t n = uses(m, chain);

	if (!n)
		nft_msg_cell(table, r, in);
	map_set(m->cells, chain, strlen(chain), (void *)(n + 1));
}

static void
leave_cell(struct nft_map *m, const char *table, const char *chain, struct buf *out)
{
	uintptr_t n = uses(m, chain);

	if (n > 1) {
		map_set(m->cells, chain, strlen(chain), (void *)(n - 1));
		return;
	}
	map_remove(m->cells, chain, strlen(chain));
	nft_rule_flush_chain(table, chain, out);
	nft_msg_delete(table, NFT_CHAIN, chain, out);
}

/* ---- elements ---- */

struct update {
	struct nft_map *m;
	const char *table;
	struct buf *out, *in;
	struct elements now;
	size_t at; /* first of the old ones not looked at yet */
};

static void
keep(struct update *u, const struct nft_element *e)
{
	if (u->now.n == u->now.cap) {
		u->now.cap = u->now.cap ? 2 * u->now.cap : 64;
		u->now.list = mem_grow(u->now.list, u->now.cap, sizeof(*u->now.list));
	}
	u->now.list[u->now.n++] = *e;
}

static void
put_old(struct update *u, const struct nft_element *e)
{
	nft_msg_element(u->table, false, e, u->out);
	if (is_cell(e->chain))
		leave_cell(u->m, u->table, e->chain, u->out);
}

static void
put_new(struct update *u, const struct range *r, const struct nft_element *e)
{
	if (is_cell(e->chain))
		use_cell(u->m, u->table, r, e->chain, u->in);
	nft_msg_element(u->table, true, e, u->in);
}

static bool
same_element(const struct nft_element *a, const struct nft_element *b)
{
	return addr_equal(&a->first, &b->first) && addr_equal(&a->last, &b->last) &&
	       !strcmp(a->chain, b->chain);
}

/* The next old element if it lies in that prefix, else NULL. */
static const struct nft_element *
old_in(const struct update *u, const struct prefix *p)
{
	const struct elements *old = &u->m->elements;

	return u->at < old->n && prefix_contains_addr(p, &old->list[u->at].first)
		       ? &old->list[u->at]
		       : NULL;
}

/* Both ascend: one pass tells what goes and what comes. */
static void
put_differences(struct update *u, const struct prefix *p, const struct range *ranges, size_t n)
{
	const struct nft_element *old;

	for (size_t i = 0; i < n; i++) {
		struct nft_element e = {ranges[i].first, ranges[i].last, ""};

		nft_msg_chain(&ranges[i], e.chain);
		while ((old = old_in(u, p)) && addr_compare(&old->first, &e.first) < 0) {
			put_old(u, old);
			u->at++;
		}
		if (old && same_element(old, &e)) {
			u->at++;
		} else {
			if (old && addr_equal(&old->first, &e.first)) {
				put_old(u, old);
				u->at++;
			}
			put_new(u, &ranges[i], &e);
		}
		keep(u, &e);
	}
	for (; (old = old_in(u, p)); u->at++)
		put_old(u, old);
}

static void
cut(struct update *u, const struct prefix *p)
{
	struct arena *a = arena_new();
	struct items items = {0};
	struct range *ranges;
	size_t n;

	trie_covered(u->m->targets, p, add_items, &items);
	n = range_cut(items.list, items.n, a, &ranges);
	put_differences(u, p, ranges, n);
	free(items.list);
	arena_free(a);
}

void
nft_map_update(struct nft_map *m, const char *table, struct buf *out, struct buf *in)
{
	struct update u = {.m = m, .table = table, .out = out, .in = in};
	const struct elements *old = &m->elements;

	widen(m);
	for (size_t i = 0; i < m->n_touched; i++) {
		while (u.at < old->n &&
			addr_compare(&old->list[u.at].first, &m->touched[i].addr) < 0)
			keep(&u, &old->list[u.at++]);
		cut(&u, &m->touched[i]);
	}
	while (u.at < old->n)
		keep(&u, &old->list[u.at++]);
	m->n_touched = 0;
	free(m->elements.list);
	m->elements = u.now;
}
