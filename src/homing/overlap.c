#include "homing/overlap.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/trie.h"

/* Those who hold one and the same prefix. */
struct holders {
	void **list;
	size_t n, cap;
};

struct overlap {
	size_t n_servers;
	struct trie **tries; /* two a server, by trigger; made when first needed */
};

struct overlap *
overlap_new(size_t n_servers)
{
	struct overlap *o = mem_new(sizeof(*o));

	o->n_servers = n_servers;
	o->tries = mem_array(2 * n_servers + 1, sizeof(struct trie *));
	return o;
}

static bool
free_holders(void *arg, const struct prefix *p, void *value)
{
	struct holders *h = value;

	(void)arg;
	(void)p;
	free(h->list);
	free(h);
	return true;
}

void
overlap_free(struct overlap *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < 2 * o->n_servers; i++) {
		if (o->tries[i])
			trie_walk(o->tries[i], free_holders, NULL);
		trie_free(o->tries[i]);
	}
	free(o->tries);
	free(o);
}

static struct trie **
trie_of(const struct overlap *o, uint32_t server, bool trigger)
{
	return &o->tries[2 * (size_t)server + trigger];
}

static void
hold(struct trie *t, const struct prefix *p, void *holder)
{
	struct holders *h = trie_get(t, p);

	if (!h) {
		h = mem_new(sizeof(*h));
		trie_set(t, p, h);
	}
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 1;
		h->list = mem_grow(h->list, h->cap, sizeof(void *));
	}
	h->list[h->n++] = holder;
}

void
overlap_add(struct overlap *o, uint32_t server, bool trigger, const struct target *t, void *holder)
{
	struct trie **trie = trie_of(o, server, trigger);

	if (!*trie)
		*trie = trie_new();
	for (size_t i = 0; i < t->n_target_prefix; i++)
		hold(*trie, &t->target_prefix[i], holder);
}

static void
let_go(struct trie *t, const struct prefix *p, const void *holder)
{
	struct holders *h = trie_get(t, p);

	for (size_t i = 0; h && i < h->n; i++)
		if (h->list[i] == holder) {
			h->list[i] = h->list[--h->n];
			break;
		}
	if (h && !h->n) {
		trie_remove(t, p);
		free(h->list);
		free(h);
	}
}

void
overlap_remove(
	struct overlap *o, uint32_t server, bool trigger, const struct target *t, void *holder)
{
	struct trie *trie = *trie_of(o, server, trigger);

	for (size_t i = 0; trie && i < t->n_target_prefix; i++)
		let_go(trie, &t->target_prefix[i], holder);
}

struct asking {
	overlap_visit visit;
	void *arg;
	bool stopped;
};

static bool
visit_holders(void *arg, const struct prefix *p, void *value)
{
	struct asking *a = arg;
	const struct holders *h = value;

	(void)p;
	for (size_t i = 0; !a->stopped && i < h->n; i++)
		a->stopped = !a->visit(a->arg, h->list[i]);
	return !a->stopped;
}

bool
overlap_each(const struct overlap *o, uint32_t server, bool trigger, const struct target *t,
	overlap_visit visit, void *arg)
{
	const struct trie *trie = *trie_of(o, server, trigger);
	struct asking a = {visit, arg, false};

	for (size_t i = 0; trie && !a.stopped && i < t->n_target_prefix; i++) {
		trie_covering(trie, &t->target_prefix[i], visit_holders, &a);
		if (!a.stopped)
			trie_covered(trie, &t->target_prefix[i], visit_holders, &a);
	}
	return !a.stopped;
}

bool
overlap_covering(const struct overlap *o, uint32_t server, bool trigger, const struct prefix *p,
	overlap_visit visit, void *arg)
{
	const struct trie *trie = *trie_of(o, server, trigger);
	struct asking a = {visit, arg, false};

	if (trie)
		trie_covering(trie, p, visit_holders, &a);
	return !a.stopped;
}
