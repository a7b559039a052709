/*
 * See crowd.h. Owns the sources, each of which lives as long as it has members.
 */
#include "net/crowd.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

enum {
	SOURCE_PREFIX_V4 = 24,
	SOURCE_PREFIX_V6 = 56,
	RANK_SHIFT = 40,    /* of the number of members, beside a time */
	PATIENCE_MS = 1000, /* a peer has repeated itself by then (RFC 6347 4.2.4.1) */
};

TAILQ_HEAD(crowd_list, crowd_member);

struct crowd_source {
	struct prefix prefix;
	size_t n;
	struct crowd_list list; /* the oldest first */
	struct heap_node rank;  /* the fullest first, of these the one with the oldest */
};

struct crowd {
	size_t n;
	struct map *sources; /* prefix → struct crowd_source */
	struct heap ranking; /* of the same */
};

struct crowd *
crowd_new(void)
{
	struct crowd *c = mem_new(sizeof(*c));

	c->sources = map_new();
	return c;
}

void
crowd_free(struct crowd *c)
{
	if (!c)
		return;
	map_free(c->sources);
	heap_finish(&c->ranking);
	free(c);
}

size_t
crowd_count(const struct crowd *c)
{
	return c->n;
}

static struct prefix
crowd_prefix(const struct addr *a)
{
	return prefix_of(a, a->family == 6 ? SOURCE_PREFIX_V6 : SOURCE_PREFIX_V4);
}

size_t
crowd_count_of(const struct crowd *c, const struct addr *a)
{
	struct prefix p = crowd_prefix(a);
	const struct crowd_source *src = map_get(c->sources, &p, sizeof(p));

	return src ? src->n : 0;
}

static void
crowd_rank(struct crowd *c, struct crowd_source *src)
{
	heap_set(&c->ranking, &src->rank,
		TAILQ_FIRST(&src->list)->since - ((mono_ms)src->n << RANK_SHIFT));
}

void
crowd_add(struct crowd *c, struct crowd_member *m, const struct addr *a, mono_ms now)
{
	struct prefix p = crowd_prefix(a);
	struct crowd_source *src = map_get(c->sources, &p, sizeof(p));

	if (!src) {
		src = mem_new(sizeof(*src));
		src->prefix = p;
		TAILQ_INIT(&src->list);
		map_set(c->sources, &src->prefix, sizeof(src->prefix), src);
	}
	m->source = src;
	m->since = now;
	TAILQ_INSERT_TAIL(&src->list, m, siblings);
	src->n++;
	c->n++;
	crowd_rank(c, src);
}

void
crowd_remove(struct crowd *c, struct crowd_member *m)
{
	struct crowd_source *src = m->source;

	if (!src)
		return;
	m->source = NULL;
	c->n--;
	TAILQ_REMOVE(&src->list, m, siblings);
	if (--src->n) {
		crowd_rank(c, src);
		return;
	}
	heap_remove(&c->ranking, &src->rank);
	map_remove(c->sources, &src->prefix, sizeof(src->prefix));
	free(src);
}

void
crowd_renew(struct crowd *c, struct crowd_member *m, mono_ms now)
{
	m->since = now;
	crowd_rank(c, m->source);
}

struct crowd_member *
crowd_yielding(const struct crowd *c, const struct addr *from, mono_ms now)
{
	struct heap_node *first = heap_first(&c->ranking);
	const struct crowd_source *src =
		first ? heap_entry(first, struct crowd_source, rank) : NULL;
	size_t own = crowd_count_of(c, from);
	struct crowd_member *oldest;

	if (!src || src->n <= own)
		return NULL;
	oldest = TAILQ_FIRST(&src->list);
	return now - oldest->since >= PATIENCE_MS * (mono_ms)(own + 1) / (mono_ms)src->n ? oldest
											 : NULL;
}
