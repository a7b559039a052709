/*
 * See store.h.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

struct item {
	TAILQ_ENTRY(item) entry;
	char *kind, *key, *value;
};

struct promise {
	TAILQ_ENTRY(promise) entry;
	void (*done)(void *arg, bool durable);
	void *arg;
};

TAILQ_HEAD(items, item);
TAILQ_HEAD(promises, promise);

struct store {
	struct persist persist;
	struct items items;
	struct promises promises;
	struct timer *timer;
	int64_t delay;
	bool durable;
};

static struct item *
find(struct store *s, const char *kind, const char *key)
{
	struct item *i;

	TAILQ_FOREACH(i, &s->items, entry)
		if (!strcmp(i->kind, kind) && !strcmp(i->key, key))
			return i;
	return NULL;
}

static void
drop(struct store *s, struct item *i)
{
	TAILQ_REMOVE(&s->items, i, entry);
	free(i->kind);
	free(i->key);
	free(i->value);
	free(i);
}

static void
put(struct persist *p, const char *kind, const char *key, const char *value)
{
	struct store *s = (struct store *)p;
	struct item *i = find(s, kind, key);

	if (!i) {
		i = mem_new(sizeof(*i));
		i->kind = mem_text(kind);
		i->key = mem_text(key);
		TAILQ_INSERT_TAIL(&s->items, i, entry);
	}
	free(i->value);
	i->value = mem_text(value);
}

static void
remove_(struct persist *p, const char *kind, const char *key)
{
	struct store *s = (struct store *)p;
	struct item *i = find(s, kind, key);

	if (i)
		drop(s, i);
}

static void
keep_promises(void *arg)
{
	struct store *s = arg;
	struct promises now = TAILQ_HEAD_INITIALIZER(now);
	struct promise *p;

	TAILQ_CONCAT(&now, &s->promises, entry);
	while ((p = TAILQ_FIRST(&now))) {
		TAILQ_REMOVE(&now, p, entry);
		p->done(p->arg, s->durable);
		free(p);
	}
}

static void
after(struct persist *p, void (*done)(void *arg, bool durable), void *arg)
{
	struct store *s = (struct store *)p;
	struct promise *new = mem_new(sizeof(*new));

	*new = (struct promise){.done = done, .arg = arg};
	TAILQ_INSERT_TAIL(&s->promises, new, entry);
	timer_after(s->timer, s->delay);
}

/* Like the real one it reads first and visits then: a visitor may put and remove. */
static void
each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	const struct store *s = (const struct store *)p;
	struct items copies = TAILQ_HEAD_INITIALIZER(copies);
	struct item *i;

	TAILQ_FOREACH(i, &s->items, entry)
		if (!strcmp(i->kind, kind)) {
			struct item *copy = mem_new(sizeof(*copy));

			copy->key = mem_text(i->key);
			copy->value = mem_text(i->value);
			TAILQ_INSERT_TAIL(&copies, copy, entry);
		}
	while ((i = TAILQ_FIRST(&copies))) {
		TAILQ_REMOVE(&copies, i, entry);
		visit(arg, i->key, i->value);
		free(i->key);
		free(i->value);
		free(i);
	}
}

static const struct persist_ops ops = {put, remove_, after, each};

struct persist *
standin_store_new(struct loop *l)
{
	struct store *s = mem_new(sizeof(*s));

	s->persist.ops = &ops;
	s->durable = true;
	TAILQ_INIT(&s->items);
	TAILQ_INIT(&s->promises);
	s->timer = timer_new(l, keep_promises, s);
	return &s->persist;
}

void
standin_store_free(struct persist *p)
{
	struct store *s = (struct store *)p;

	while (!TAILQ_EMPTY(&s->promises))
		keep_promises(s);
	while (!TAILQ_EMPTY(&s->items))
		drop(s, TAILQ_FIRST(&s->items));
	timer_free(s->timer);
	free(s);
}

void
standin_store_durable(struct persist *p, bool durable)
{
	((struct store *)p)->durable = durable;
}

void
standin_store_delay(struct persist *p, int64_t ms)
{
	((struct store *)p)->delay = ms;
}

void
standin_store_put(struct persist *p, const char *kind, const char *key, const char *value)
{
	put(p, kind, key, value);
}

size_t
standin_store_count(const struct persist *p, const char *kind)
{
	const struct store *s = (const struct store *)p;
	const struct item *i;
	size_t n = 0;

	TAILQ_FOREACH(i, &s->items, entry)
		n += !strcmp(i->kind, kind);
	return n;
}
