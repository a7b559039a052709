/*
 * The numbers of requests begin anew (RFC 9132 4.4.1.1): when three quarters of them are used and
 * there is no attack, they restart at 0. What stands is then only what waits for a loss of signal:
 * it is withdrawn, for a server refuses a lower mid beside a higher one (4.4.1.3), and asked for
 * again once that is through.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "homing/placement.h"

struct look {
	struct wishes *w;
	mono_ms now;
	wall_ms wall;
	bool worn;      /* there is something to look at again */
	bool recreates; /* what is withdrawn is to be asked for again */
};

static bool
is_preconfigured(const struct placement *p, const char *domain)
{
	return !p->trigger_mitigation && !strcmp(p->domain, domain);
}

/* Of what is being withdrawn: what waits there may have been asked for anew meanwhile. */
static bool
any_left(const struct wishes *w, const char *domain)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *p = w->placements[i];

		if (p->state == PLACEMENT_GOING && is_preconfigured(p, domain))
			return true;
	}
	return false;
}

static void
begin(const struct look *l, const char *domain, struct identity *id)
{
	struct wishes *w = l->w;

	id->next_mid = id->reserved = 0;
	id->recreates = true;
	store_put_identity(w, domain, id);
	for (size_t i = w->n_placements; i-- > 0;) {
		struct placement *p = i < w->n_placements ? w->placements[i] : NULL;

		if (p && p->state != PLACEMENT_GOING && is_preconfigured(p, domain))
			replan_withdraw(w, p, l->now, l->wall);
	}
}

bool
rollover_holds(const struct wishes *w, const struct placement *p)
{
	const struct identity *id;

	if (!w->worn || p->trigger_mitigation || p->state == PLACEMENT_GOING)
		return false;
	id = map_get(w->identities, p->domain, strlen(p->domain));
	return id && id->recreates;
}

/* It is not on record: what is being withdrawn under a mid that is still to come is of before it.
 * No server is available yet, so nothing is filed as due that is held from now on. */
void
rollover_resume(struct wishes *w)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *p = w->placements[i];
		struct identity *id;

		if (p->state != PLACEMENT_GOING || p->trigger_mitigation)
			continue;
		id = map_get(w->identities, p->domain, strlen(p->domain));
		if (id && p->mid >= id->next_mid)
			id->recreates = w->worn = true;
	}
}

static bool
look_at(void *arg, const void *key, size_t len, void *value)
{
	struct look *l = arg;
	struct identity *id = value;
	char *domain = mem_printf("%.*s", (int)len, (const char *)key);
	int index = homing_domain(l->w->homing, domain);

	if (id->next_mid >= MIDS_WORN && index >= 0 && !wishes_under_attack(l->w, (uint32_t)index))
		begin(l, domain, id);
	if (id->recreates && !any_left(l->w, domain)) {
		id->recreates = false;
		l->recreates = true;
	}
	l->worn = l->worn || id->next_mid >= MIDS_WORN || id->recreates;
	free(domain);
	return true;
}

static void
file_preconfigured(struct wishes *w)
{
	for (size_t i = 0; i < w->n_placements; i++)
		if (!w->placements[i]->trigger_mitigation)
			placement_file(w, w->placements[i]);
}

void
rollover_look(struct wishes *w, mono_ms now, wall_ms wall)
{
	struct look l = {.w = w, .now = now, .wall = wall};

	if (!w->worn)
		return;
	map_each(w->identities, look_at, &l);
	w->worn = l.worn;
	if (l.recreates) {
		file_preconfigured(w); /* they are held no more */
		replan_all(w, now, wall);
	}
}
