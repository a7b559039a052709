#include "homing/carry.h"

/* One ask in one domain. */
struct load {
	const struct ask *ask;
	uint32_t domain;
	struct load *into;                  /* carried together with that one */
	const struct domain_server *server; /* that carries it now; of a root: all of them */
};

struct carrying {
	const struct join *j;
	struct plan *plan;
	struct load *loads;
	size_t n;
	struct load **of_part; /* beside the parts; NULL: not ours to choose */
	struct overlap *known; /* loads by domain and what they want */
};

static struct load *
root_of(struct load *l)
{
	while (l->into)
		l = l->into;
	return l;
}

/* Ordinals of one domain ascend by priority, then name; one that can be reached comes first. */
static const struct domain_server *
better(const struct join *j, const struct domain_server *a, const struct domain_server *b)
{
	bool can_a, can_b;

	if (!a || !b)
		return a ? a : b;
	can_a = j->available[a->ordinal] != SERVER_UNAVAILABLE;
	can_b = j->available[b->ordinal] != SERVER_UNAVAILABLE;
	if (can_a != can_b)
		return can_a ? a : b;
	return a->ordinal < b->ordinal ? a : b;
}

/* Of the requests that stand for it so far, those at servers of that domain. */
static const struct domain_server *
standing_at(const struct join *j, const struct ask *ask, uint32_t domain)
{
	const struct domain_server *best = NULL;

	for (size_t i = 0; i < ask->n_served_by; i++) {
		const struct domain_server *s =
			j->homing->servers[j->live[ask->served_by[i]].server];

		if (s->domain == domain)
			best = better(j, best, s);
	}
	return best;
}

static struct load *
load_of(struct carrying *c, size_t first, const struct ask *ask, uint32_t domain)
{
	for (size_t i = first; i < c->n; i++)
		if (c->loads[i].domain == domain)
			return &c->loads[i];
	c->loads[c->n] = (struct load){
		.ask = ask, .domain = domain, .server = standing_at(c->j, ask, domain)};
	return &c->loads[c->n++];
}

struct meeting {
	struct load *root, *other;
};

static bool
note_other(void *arg, void *holder)
{
	struct meeting *m = arg;

	m->other = root_of(holder);
	return m->other == m->root;
}

static bool
is_other(void *arg, void *holder)
{
	return root_of(holder) != arg;
}

static void
carry_together(const struct join *j, struct load *root, struct load *other)
{
	root->into = other;
	other->server = better(j, other->server, root->server);
}

static void
meet(struct carrying *c, struct load *l, const struct prefix *prefix)
{
	struct target one = {.target_prefix = (struct prefix *)prefix, .n_target_prefix = 1};
	bool trigger = l->ask->trigger_mitigation;
	struct meeting m = {.root = root_of(l)};

	while (!overlap_each(c->known, l->domain, trigger, &one, note_other, &m)) {
		carry_together(c->j, m.root, m.other);
		m.root = m.other;
	}
	if (overlap_covering(c->known, l->domain, trigger, prefix, is_other, m.root))
		overlap_add(c->known, l->domain, trigger, &one, m.root);
}

static void
meet_all(struct carrying *c, const struct join_ask *a)
{
	size_t first = c->n;

	for (size_t i = a->first; i < a->first + a->n; i++) {
		const struct plan_part *part = &c->plan->parts[i];

		if (part->domain < 0 || part->server >= 0 ||
			!c->j->homing->domains[part->domain].n_servers)
			continue;
		c->of_part[i] = load_of(c, first, a->ask, (uint32_t)part->domain);
		meet(c, c->of_part[i], &part->prefix);
	}
}

/* What can be reached, in the order of the domain; without any it waits where it stands. */
static const struct domain_server *
choose(const struct join *j, const struct domain *d, const struct domain_server *standing)
{
	if (standing && j->available[standing->ordinal] != SERVER_UNAVAILABLE)
		return standing;
	for (size_t i = 0; i < d->n_servers; i++)
		if (j->available[d->servers[i]->ordinal] != SERVER_UNAVAILABLE)
			return d->servers[i];
	return standing ? standing : d->servers[0];
}

void
carry_choose(const struct join *j, struct plan *plan)
{
	struct carrying c = {.j = j,
		.plan = plan,
		.loads = arena_alloc(j->arena, plan->n_parts + 1, sizeof(struct load)),
		.of_part = arena_alloc(j->arena, plan->n_parts + 1, sizeof(struct load *)),
		.known = overlap_new(j->homing->n_domains)};

	for (size_t i = 0; i < j->n_asks; i++)
		meet_all(&c, &j->asks[i]);
	for (size_t i = 0; i < plan->n_parts; i++) {
		struct plan_part *part = &plan->parts[i];

		if (c.of_part[i])
			part->server = (int)choose(
				j, &j->homing->domains[part->domain], root_of(c.of_part[i])->server)
					       ->ordinal;
	}
	overlap_free(c.known);
}
