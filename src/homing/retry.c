/*
 * See retry.h. A handful at most, so they are walked; mostly there is none.
 */
#include "homing/retry.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { RETRIES_MAX = 64 };

struct retry {
	struct arena *arena; /* holds the target */
	struct target target;
	char *domain, *server;
	bool trigger_mitigation;
	struct conflict conflict;
	mono_ms until;
};

struct retries {
	struct retry list[RETRIES_MAX];
	size_t n;
};

struct retries *
retries_new(void)
{
	return mem_new(sizeof(struct retries));
}

static void
drop(struct retries *r, size_t i)
{
	arena_free(r->list[i].arena);
	free(r->list[i].domain);
	free(r->list[i].server);
	r->list[i] = r->list[--r->n];
}

void
retries_free(struct retries *r)
{
	if (!r)
		return;
	while (r->n)
		drop(r, 0);
	free(r);
}

static bool
is_for(const struct retry *e, const struct retry_key *k)
{
	return e->trigger_mitigation == k->trigger_mitigation && !strcmp(e->domain, k->domain) &&
	       !strcmp(e->server, k->server) && target_covers(&e->target, k->target) &&
	       target_covers(k->target, &e->target);
}

/* Room for one more. */
static void
make_room(struct retries *r, mono_ms now)
{
	size_t first = 0;

	for (size_t i = r->n; i-- > 0;)
		if (r->list[i].until <= now)
			drop(r, i);
	if (r->n < RETRIES_MAX)
		return;
	for (size_t i = 1; i < r->n; i++)
		if (r->list[i].until < r->list[first].until)
			first = i;
	drop(r, first);
}

static void
add(struct retries *r, const struct retry_key *k, const struct conflict *c, mono_ms until)
{
	struct retry *e = &r->list[r->n++];

	*e = (struct retry){.arena = arena_new(),
		.domain = mem_text(k->domain),
		.server = mem_text(k->server),
		.trigger_mitigation = k->trigger_mitigation,
		.conflict = *c,
		.until = until};
	target_union(k->target, k->target, e->arena, &e->target);
}

void
retries_set(struct retries *r, const struct retry_key *k, const struct conflict *c, mono_ms now)
{
	for (size_t i = r->n; i-- > 0;)
		if (is_for(&r->list[i], k))
			drop(r, i);
	if (!c->retry_timer)
		return;
	make_room(r, now);
	add(r, k, c, now + (mono_ms)c->retry_timer * 1000);
}

bool
retries_find(const struct retries *r, const struct retry_key *k, mono_ms now, struct conflict *ret)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct retry *e = &r->list[i];

		if (e->until <= now || !is_for(e, k))
			continue;
		*ret = e->conflict;
		ret->retry_timer = (uint64_t)(e->until - now + 999) / 1000;
		return true;
	}
	return false;
}
