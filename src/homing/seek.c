/*
 * Wishes for names (rule M7): who wants which host, and what becomes of them when its addresses are
 * found out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "homing/nat.h"
#include "homing/placement.h"
#include "homing/target.h"

static void
seek(struct wishes *w, struct wish *wish, const char *host)
{
	struct seekers *s = map_get(w->seekers, host, strlen(host));

	if (!s) {
		s = mem_new(sizeof(*s));
		map_set(w->seekers, host, strlen(host), s);
	}
	if (s->n && s->list[s->n - 1] == wish) /* by another name of that host */
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 4;
		s->list = mem_grow(s->list, s->cap, sizeof(struct wish *));
	}
	s->list[s->n++] = wish;
}

static void
seek_no_more(struct wishes *w, const struct wish *wish, const char *host)
{
	struct seekers *s = map_get(w->seekers, host, strlen(host));
	size_t i = 0;

	while (s && i < s->n && s->list[i] != wish)
		i++;
	if (s && i < s->n)
		s->list[i] = s->list[--s->n];
	if (!s || s->n)
		return;
	map_remove(w->seekers, host, strlen(host));
	free(s->list);
	free(s);
}

static void
want_host(struct wishes *w, const struct wish *wish, const char *host, bool anew)
{
	struct wish_action *a = wish_queue(w, WISH_ACTION_RESOLVE, wish->id);

	snprintf(a->name, sizeof(a->name), "%s", host);
	a->refresh = anew;
}

/* An address as the host of a URI is known. */
static bool
is_looked_up(const struct name *n)
{
	struct addr a;

	return addr_parse(n->host, &a) != 0;
}

static void
want_hosts(struct wishes *w, const struct wish *wish, bool anew)
{
	for (size_t i = 0; i < wish->n_names; i++)
		if (is_looked_up(&wish->names[i]))
			want_host(w, wish, wish->names[i].host, anew);
}

static size_t
count_addresses(const struct name *names, size_t n)
{
	size_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += names[i].n_addresses;
	return all;
}

struct target
seek_target(const struct target *t, const struct name *names, size_t n, struct arena *a)
{
	struct target to = *t;

	to.target_prefix = arena_alloc(
		a, t->n_target_prefix + count_addresses(names, n) + 1, sizeof(struct prefix));
	for (size_t i = 0; i < t->n_target_prefix; i++)
		to.target_prefix[i] = t->target_prefix[i];
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < names[i].n_addresses; k++)
			to.target_prefix[to.n_target_prefix++] = names[i].addresses[k];
	return to;
}

void
seek_set_names(struct wish *wish, const struct name *names, size_t n)
{
	struct arena *before = wish->names_arena;

	if (!n) {
		wish->target = wish->literal;
		return;
	}
	wish->names_arena = arena_new();
	wish->names = name_copy(names, n, wish->names_arena);
	wish->n_names = n;
	wish->target = seek_target(&wish->literal, wish->names, n, wish->names_arena);
	arena_free(before);
}

/* M15. */
static void
move_outside(const struct wishes *w, struct name *n, struct arena *a)
{
	struct target inside = {.target_prefix = n->addresses, .n_target_prefix = n->n_addresses};
	struct target outside = nat_outside(w->homing, &inside, a);

	n->addresses = outside.target_prefix;
	n->n_addresses = target_normalise(outside.target_prefix, outside.n_target_prefix);
}

void
seek_outside(const struct wishes *w, struct name *names, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++)
		move_outside(w, &names[i], a);
}

void
seek_begin(struct wishes *w, struct wish *wish)
{
	if (wish->led)
		return;
	for (size_t i = 0; i < wish->n_names; i++)
		seek(w, wish, wish->names[i].host);
	want_hosts(w, wish, false);
}

void
seek_end(struct wishes *w, const struct wish *wish)
{
	for (size_t i = 0; i < wish->n_names; i++)
		seek_no_more(w, wish, wish->names[i].host);
}

void
seek_again(struct wishes *w, const struct wish *wish)
{
	if (!wish->led)
		want_hosts(w, wish, true);
}

/* ---- who leads it tells ---- */

static void
set_names(struct wishes *w, struct wish *wish, const struct name *names, size_t n)
{
	overlap_remove(w->asked, 0, wish->trigger_mitigation, &wish->target, wish);
	seek_set_names(wish, names, n);
	overlap_add(w->asked, 0, wish->trigger_mitigation, &wish->target, wish);
}

bool
seek_lead(struct wishes *w, struct wish *wish, const struct name *names, size_t n)
{
	bool changed = false;

	for (size_t i = 0; i < n && !changed; i++) {
		const struct name *known = name_find(wish->names, wish->n_names, names[i].text);

		changed = !known || !name_same_addresses(known, &names[i]);
	}
	if (changed)
		set_names(w, wish, names, n);
	return changed;
}

/* ---- what was found out about names ---- */

/* False: it changes nothing of that wish. */
static bool
learn(struct wishes *w, struct wish *wish, const char *host, const struct name_answer *answer)
{
	struct arena *a = arena_new();
	struct name *names = name_copy(wish->names, wish->n_names, a);
	bool changed = false;

	for (size_t i = 0; i < wish->n_names; i++) {
		struct name found = names[i];

		if (strcmp(found.host, host) != 0 || !name_learn(&found, answer, a))
			continue;
		move_outside(w, &found, a);
		changed |= found.state != names[i].state || !name_same_addresses(&found, &names[i]);
		names[i] = found;
	}
	if (changed)
		set_names(w, wish, names, wish->n_names);
	arena_free(a);
	return changed;
}

static char **
seeker_ids(const struct wishes *w, const char *host, size_t *ret_n)
{
	const struct seekers *s = map_get(w->seekers, host, strlen(host));
	char **ids = mem_array(s ? s->n : 0, sizeof(char *));

	*ret_n = s ? s->n : 0;
	for (size_t i = 0; i < *ret_n; i++)
		ids[i] = mem_text(s->list[i]->id);
	return ids;
}

/* All of them are changed before the first is planned: requests for one name do not meet at a
 * server with addresses of different times. */
void
wishes_resolved(struct wishes *w, const char *host, const struct name_answer *answer, mono_ms now,
	wall_ms wall)
{
	size_t n;
	char **ids = seeker_ids(w, host, &n);
	struct wish *wish;

	for (size_t i = 0; i < n; i++)
		if (!learn(w, wish_get(w, ids[i]), host, answer)) {
			free(ids[i]);
			ids[i] = NULL;
		}
	for (size_t i = 0; i < n; i++) {
		wish = ids[i] ? wish_get(w, ids[i]) : NULL;
		if (wish && !wish->releasing) {
			store_wish(w, wish);
			replan_wish(w, wish, now, wall);
		}
		free(ids[i]);
	}
	free(ids);
}

bool
wishes_seek(const struct wishes *w, const char *host)
{
	return map_get(w->seekers, host, strlen(host));
}

static bool
free_seekers(void *arg, const void *key, size_t len, void *value)
{
	struct seekers *s = value;

	(void)arg;
	(void)key;
	(void)len;
	free(s->list);
	free(s);
	return true;
}

void
seek_finish(struct wishes *w)
{
	map_each(w->seekers, free_seekers, NULL);
	map_free(w->seekers);
}
