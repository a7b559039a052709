/*
 * nat-map (M15): from the addresses inside to those that providers see.
 */
#include "homing/nat.h"

#include <string.h>

bool
nat_is_inside(const struct prefix *p)
{
	static const char *const spaces[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"};
	struct prefix space;

	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (prefix_parse(spaces[i], &space) == 0 && prefix_contains(&space, p))
			return true;
	return false;
}

/* The part of `outside` that p is of `inside`. */
static struct prefix
translate(const struct nat_entry *e, const struct prefix *p)
{
	struct prefix to = e->outside;

	if (e->inside.len != e->outside.len)
		return to;
	for (unsigned bit = e->inside.len; bit < p->len; bit++)
		to.addr.bytes[bit / 8] |= p->addr.bytes[bit / 8] & (0x80 >> bit % 8);
	to.len = p->len;
	return to;
}

bool
nat_translate(const struct domain *d, const struct prefix *p, struct prefix *ret)
{
	for (size_t i = 0; i < d->n_nat; i++)
		if (prefix_contains(&d->nat[i].inside, p)) {
			*ret = translate(&d->nat[i], p);
			return true;
		}
	return false;
}

bool
nat_is_internal(const struct homing *h, const struct prefix *p)
{
	struct prefix outside;

	for (size_t i = 0; i < h->n_domains; i++)
		if (nat_translate(&h->domains[i], p, &outside))
			return true;
	return nat_is_inside(p);
}

struct mapping {
	struct arena *arena;
	struct prefix *list;
	size_t n, cap;
};

static void
add(struct mapping *m, const struct prefix *p)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 8;
		struct prefix *wider = arena_alloc(m->arena, cap, sizeof(*wider));

		if (m->n)
			memcpy(wider, m->list, m->n * sizeof(*wider));
		m->list = wider;
		m->cap = cap;
	}
	m->list[m->n++] = *p;
}

static void
map_one(const struct homing *h, const struct prefix *p, struct mapping *m)
{
	size_t before = m->n;

	for (size_t i = 0; i < h->n_domains; i++)
		for (size_t k = 0; k < h->domains[i].n_nat; k++) {
			const struct nat_entry *e = &h->domains[i].nat[k];
			struct prefix to = translate(e, p);

			if (prefix_contains(&e->inside, p))
				add(m, &to);
			else if (h->clip && prefix_contains(p, &e->inside))
				add(m, &e->outside);
		}
	if (m->n == before)
		add(m, p);
}

struct target
nat_outside(const struct homing *h, const struct target *t, struct arena *a)
{
	struct mapping m = {.arena = a};
	struct target to = *t;

	for (size_t i = 0; i < t->n_target_prefix; i++)
		map_one(h, &t->target_prefix[i], &m);
	to.target_prefix = m.list;
	to.n_target_prefix = m.n;
	return to;
}
