/*
 * The index of claims: a trie of all prefixes that are asked for, and at each who asks for it.
 */
#include "core/conflict.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/trie.h"

/* One target of a claim; the trie has the first of those with the same prefix. */
struct hold {
	struct hold *next, *prev;
	struct claim *claim;
};

struct conflicts {
	struct trie *holds;
	uint64_t walks;
};

struct conflicts *
conflicts_new(void)
{
	struct conflicts *cs = mem_new(sizeof(*cs));

	cs->holds = trie_new();
	return cs;
}

void
conflicts_free(struct conflicts *cs)
{
	if (!cs)
		return;
	trie_free(cs->holds);
	free(cs);
}

void
conflicts_enter(struct conflicts *cs, struct claim *k)
{
	k->holds = mem_array(k->n_targets, sizeof(*k->holds));
	for (size_t i = 0; i < k->n_targets; i++) {
		struct hold *h = &k->holds[i];

		h->claim = k;
		h->next = trie_set(cs->holds, &k->targets[i], h);
		if (h->next)
			h->next->prev = h;
	}
}

static void
unlink_hold(struct conflicts *cs, const struct hold *h, const struct prefix *p)
{
	if (h->next)
		h->next->prev = h->prev;
	if (h->prev)
		h->prev->next = h->next;
	else if (h->next)
		trie_set(cs->holds, p, h->next);
	else
		trie_remove(cs->holds, p);
}

void
conflicts_leave(struct conflicts *cs, struct claim *k)
{
	for (size_t i = 0; k->holds && i < k->n_targets; i++)
		unlink_hold(cs, &k->holds[i], &k->targets[i]);
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

	(void)p;
	for (const struct hold *h = value; h; h = h->next) {
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
conflicts_scope(const struct conflicts *cs, const struct claim *k,
	struct prefix ret[CONFLICT_SCOPE_MAX], bool *ret_whole)
{
	struct search s = {.claim = k, .meet = meet_first, .left = CONFLICT_WALK_MAX};
	size_t n = 0;

	for (size_t i = 0; k->holds && i < k->n_targets && n < CONFLICT_SCOPE_MAX && !s.over; i++) {
		s.met = false;
		trie_covering(cs->holds, &k->targets[i], look, &s);
		if (!s.met && !s.over)
			trie_covered(cs->holds, &k->targets[i], look, &s);
		if (s.met && !is_among(ret, n, &k->targets[i]))
			ret[n++] = k->targets[i];
	}
	*ret_whole = !s.over;
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

bool
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
		trie_covering(cs->holds, &k->targets[i], look, &s);
		if (!s.over)
			trie_covered(cs->holds, &k->targets[i], look, &s);
	}
	return !s.over;
}
