/*
 * See lifetime.h. The rows form a queue: a row that is still the newest of its mitigation when it
 * comes to the front goes to the end once more. There are never many more than two a mitigation.
 */
#include "role/lifetime.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum {
	SPARE = 64,   /* rows beyond two a mitigation */
	MOVES = 4,    /* rows taken from the front for one that comes */
	KEY_MAX = 17, /* 16 digits, so that their order is that of the numbers */
	VALUE_MAX = 112,
};
static const char kind[] = "lifetime";

struct row {
	uint64_t number, id; /* id 0: a newer one was written since, nobody need be looked up */
};

/* The newest of a mitigation, as read at the start. */
struct found {
	uint64_t number;
	wall_ms expires;
	int64_t left;
};

struct lifetimes {
	struct persist *persist;
	struct row *rows; /* a ring */
	size_t first, n, cap;
	uint64_t last;
	uint64_t restored; /* the rows above it have numbers without gaps */
	struct map *found; /* id -> struct found; NULL after the start */
};

struct lifetimes *
lifetimes_new(struct persist *p)
{
	struct lifetimes *l = mem_new(sizeof(*l));

	l->persist = p;
	return l;
}

void
lifetimes_free(struct lifetimes *l)
{
	if (!l)
		return;
	lifetimes_restored(l);
	free(l->rows);
	free(l);
}

uint64_t
lifetimes_last(const struct lifetimes *l)
{
	return l->last;
}

/* --- the queue ------------------------------------------------------------------------------ */

static void
push(struct lifetimes *l, struct row row)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : SPARE;
		struct row *rows = mem_array(cap, sizeof(*rows));

		for (size_t i = 0; i < l->n; i++)
			rows[i] = l->rows[(l->first + i) % l->cap];
		free(l->rows);
		l->rows = rows;
		l->cap = cap;
		l->first = 0;
	}
	l->rows[(l->first + l->n++) % l->cap] = row;
}

static struct row
pop(struct lifetimes *l)
{
	struct row row = l->rows[l->first];

	l->first = (l->first + 1) % l->cap;
	l->n--;
	return row;
}

static void
key_of(uint64_t number, char key[static KEY_MAX])
{
	snprintf(key, KEY_MAX, "%016" PRIx64, number);
}

/* A mitigation is somewhere in memory, its row is not far. */
static void
supersede(struct lifetimes *l, uint64_t number)
{
	uint64_t back = l->last - number;

	if (number > l->restored && back < l->n)
		l->rows[(l->first + l->n - 1 - back) % l->cap].id = 0;
}

static void
append(struct lifetimes *l, struct mitigation *m, wall_ms epoch)
{
	wall_ms expires = m->expires == INT64_MAX ? -1 : epoch + m->expires;
	int64_t left = expires < 0 ? -1 : (expires - loop_wall() + 999) / 1000;
	char key[KEY_MAX], value[VALUE_MAX];

	supersede(l, m->lifetime_row);
	m->lifetime_row = ++l->last;
	push(l, (struct row){m->lifetime_row, m->id});
	key_of(m->lifetime_row, key);
	snprintf(value, sizeof(value),
		"{\"id\":%" PRIu64 ",\"expires\":%" PRId64 ",\"left\":%" PRId64 "}", m->id, expires,
		left);
	persist_put(l->persist, kind, key, value);
}

static void
drop_first(struct lifetimes *l, const struct book *b, wall_ms epoch)
{
	struct row row = pop(l);
	struct mitigation *m = row.id ? book_by_id(b, row.id) : NULL;
	char key[KEY_MAX];

	key_of(row.number, key);
	persist_remove(l->persist, kind, key);
	if (m && m->lifetime_row == row.number)
		append(l, m, epoch);
}

void
lifetimes_put(struct lifetimes *l, const struct book *b, struct mitigation *m, wall_ms epoch)
{
	append(l, m, epoch);
	for (int i = 0; i < MOVES && l->n > 2 * book_count(b) + SPARE; i++)
		drop_first(l, b, epoch);
}

/* --- the start ------------------------------------------------------------------------------ */

static void
restore_row(void *arg, const char *key, const char *value)
{
	struct lifetimes *l = arg;
	uint64_t number = strtoull(key, NULL, 16);
	json_t *j = json_loads(value, 0, NULL);
	uint64_t id = (uint64_t)json_integer_value(json_object_get(j, "id"));
	struct found *f = map_get(l->found, &id, sizeof(id));

	if (!f) {
		f = mem_new(sizeof(*f));
		map_set(l->found, &id, sizeof(id), f);
	}
	*f = (struct found){number, json_integer_value(json_object_get(j, "expires")),
		json_integer_value(json_object_get(j, "left"))};
	push(l, (struct row){number, id});
	l->last = number;
	json_decref(j);
}

void
lifetimes_restore(struct lifetimes *l)
{
	l->found = map_new();
	persist_each(l->persist, kind, restore_row, l); /* in the order of the keys */
}

bool
lifetimes_find(struct lifetimes *l, uint64_t id, uint64_t after, wall_ms *ret_expires,
	int64_t *ret_left, uint64_t *ret_row)
{
	const struct found *f = map_get(l->found, &id, sizeof(id));

	if (l->last < after)
		l->last = after; /* its rows are gone */
	if (!f || f->number <= after)
		return false;
	*ret_expires = f->expires;
	*ret_left = f->left;
	*ret_row = f->number;
	return true;
}

static bool
free_found(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
lifetimes_restored(struct lifetimes *l)
{
	if (!l->found)
		return;
	l->restored = l->last;
	map_each(l->found, free_found, NULL);
	map_free(l->found);
	l->found = NULL;
}
