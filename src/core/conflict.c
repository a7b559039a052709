/*
 * The index of claims: a trie of all prefixes that are asked for, and at each who asks for it.
 */
#include "core/conflict.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/trie.h"

/* One target of a claim. */
struct hold {
	LIST_ENTRY(hold) entry;
	struct claim *claim;
	struct spot *spot;
};

/* Who asks for one prefix. */
struct spot {
	LIST_HEAD(, hold) holds;
};

struct conflicts {
	struct trie *spots;
	uint64_t walks;
};

struct conflicts *
conflicts_new(void)
{
	struct conflicts *cs = mem_new(sizeof(*cs));

	cs->spots = trie_new();
	return cs;
}

static bool
free_spot(void *arg, const struct prefix *p, void *value)
{
	(void)arg;
	(void)p;
	free(value);
	return true;
}

void
conflicts_free(struct conflicts *cs)
{
	if (!cs)
		return;
	trie_walk(cs->spots, free_spot, NULL);
	trie_free(cs->spots);
	free(cs);
}

static struct spot *
spot_make(struct conflicts *cs, const struct prefix *p)
{
	struct spot *s = trie_get(cs->spots, p);

	if (s)
		return s;
	s = mem_new(sizeof(*s));
	LIST_INIT(&s->holds);
	trie_set(cs->spots, p, s);
	return s;
}

void
conflicts_enter(struct conflicts *cs, struct claim *k)
{
	k->holds = mem_array(k->n_targets, sizeof(*k->holds));
	for (size_t i = 0; i < k->n_targets; i++) {
		struct hold *h = &k->holds[i];

		h->claim = k;
		h->spot = spot_make(cs, &k->targets[i]);
		LIST_INSERT_HEAD(&h->spot->holds, h, entry);
	}
}

void
conflicts_leave(struct conflicts *cs, struct claim *k)
{
	for (size_t i = 0; k->holds && i < k->n_targets; i++) {
		struct hold *h = &k->holds[i];

		LIST_REMOVE(h, entry);
		if (LIST_EMPTY(&h->spot->holds))
			free(trie_remove(cs->spots, &k->targets[i]));
	}
	free(k->holds);
	k->holds = NULL;
}

/* ---- searching ---- */

struct search {
	const struct claim *claim;
	bool (*meet)(struct search *s, struct claim *other); /* false: enough */
	unsigned left;                                       /* of what may be looked at */
	bool over;
	/* of conflicts_scope */
	bool met;
	/* of conflicts_others */
	uint64_t walk;
	unsigned told;
	void (*visit)(void *arg, struct claim *other);
	void *arg;
};

static bool
look(void *arg, const struct prefix *p, void *value)
{
	struct search *s = arg;
	const struct spot *spot = value;
	const struct hold *h;

	(void)p;
	LIST_FOREACH(h, &spot->holds, entry)
	{
		if (!s->left) {
			s->over = true;
			return false;
		}
		s->left--;
		if (strcmp(h->claim->client, s->claim->client) != 0 && !s->meet(s, h->claim))
			return false;
	}
	return true;
}

static bool
meet_first(struct search *s, struct claim *other)
{
	(void)other;
	s->met = true;
	return false;
}

static bool
is_among(const struct prefix *list, size_t n, const struct prefix *p)
{
	size_t i = 0;

	while (i < n && !prefix_equal(&list[i], p))
		i++;
	return i < n;
}

size_t
conflicts_scope(
	const struct conflicts *cs, const struct claim *k, struct prefix ret[CONFLICT_SCOPE_MAX])
{
	struct search s = {.claim = k, .meet = meet_first, .left = CONFLICT_WALK_MAX};
	size_t n = 0;

	for (size_t i = 0; k->holds && i < k->n_targets && n < CONFLICT_SCOPE_MAX && !s.over; i++) {
		s.met = false;
		trie_covering(cs->spots, &k->targets[i], look, &s);
		if (!s.met && !s.over)
			trie_covered(cs->spots, &k->targets[i], look, &s);
		if (s.met && !is_among(ret, n, &k->targets[i]))
			ret[n++] = k->targets[i];
	}
	return n;
}

static bool
meet_all(struct search *s, struct claim *other)
{
	if (other->walk == s->walk)
		return true;
	if (s->told == CONFLICT_TOLD_MAX) {
		s->over = true;
		return false;
	}
	other->walk = s->walk;
	s->told++;
	s->visit(s->arg, other);
	return true;
}

void
conflicts_others(struct conflicts *cs, const struct claim *k,
	void (*visit)(void *arg, struct claim *other), void *arg)
{
	struct search s = {.claim = k,
		.meet = meet_all,
		.left = CONFLICT_WALK_MAX,
		.walk = ++cs->walks,
		.visit = visit,
		.arg = arg};

	for (size_t i = 0; i < k->n_targets && !s.over; i++) {
		trie_covering(cs->spots, &k->targets[i], look, &s);
		if (!s.over)
			trie_covered(cs->spots, &k->targets[i], look, &s);
	}
}
