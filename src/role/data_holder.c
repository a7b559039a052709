/*
 * Who has a registration at each provider: we, or a deputy; and what is to be on record there: all
 * that the askers of that holder want, as far as there is room.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_upstream_private.h"

enum {
	BYTES_MAX = 1 << 20, /* of clients' in one registration: a server shows all of it at once */
	PLANNED_IN_ONE_GO = 128, /* below a millisecond */
};

/* ---- holders --------------------------------------------------------------------------------- */

struct holder *
data_holder_make(struct data_upstream *u, const char *name)
{
	struct holder *h;

	TAILQ_FOREACH(h, &u->holders, entry)
		if (!strcmp(h->name, name))
			return h;
	h = mem_new(sizeof(*h));
	h->name = mem_text(name);
	h->channels = mem_array(u->n_links + 1, sizeof(struct data_channel *));
	TAILQ_INIT(&h->askers);
	TAILQ_INSERT_TAIL(&u->holders, h, entry);
	return h;
}

void
data_holder_free(struct data_upstream *u, struct holder *h)
{
	for (size_t i = 0; i < u->n_links; i++)
		data_channel_free(h->channels[i]);
	TAILQ_REMOVE(&u->holders, h, entry);
	free(h->channels);
	free(h->name);
	free(h);
}

void
data_holder_mark(struct data_upstream *u, struct holder *h)
{
	h->dirty = true;
	timer_after(u->later, 0);
}

void
data_holder_join(struct data_upstream *u, struct asker *a, const char *name)
{
	struct holder *h = data_holder_make(u, name);
	struct asker *after;

	a->holder = h;
	after = TAILQ_FIRST(&h->askers);
	while (after && strcmp(after->name, a->name) <= 0)
		after = TAILQ_NEXT(after, entry);
	if (after)
		TAILQ_INSERT_BEFORE(after, a, entry);
	else
		TAILQ_INSERT_TAIL(&h->askers, a, entry);
}

void
data_holder_leave(struct data_upstream *u, struct asker *a)
{
	TAILQ_REMOVE(&a->holder->askers, a, entry);
	data_holder_mark(u, a->holder);
}

/* ---- what is to be where --------------------------------------------------------------------- */

/* What one domain is to have of one holder's. */
struct wanted {
	const struct asker *asker;
	const struct item *item;
	struct part *part;
};
struct gathering {
	struct wanted *list;
	size_t n;
};

static void
gather_kind(const struct holder *h, uint32_t domain, enum share_kind kind, struct gathering *g)
{
	const struct asker *a;

	TAILQ_FOREACH(a, &h->askers, entry)
		for (size_t i = 0; i < a->n_items; i++)
			for (size_t k = 0; a->items[i].kind == kind && k < a->items[i].n_parts; k++)
				if (a->items[i].parts[k].domain == domain) {
					g->list = mem_grow(g->list, g->n + 1, sizeof(*g->list));
					g->list[g->n++] = (struct wanted){
						a, &a->items[i], &a->items[i].parts[k]};
				}
}

/* Ours first, then what has been there for the longest time. */
static int
compare_age(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	bool our_x = !*x->asker->name, our_y = !*y->asker->name;

	if (our_x != our_y)
		return our_x ? -1 : 1;
	return x->item->number < y->item->number ? -1 : x->item->number > y->item->number;
}

/* What comes last when there is as much as may be stands nowhere: nobody pushes out another one. */
static void
mark_excess(const struct data_upstream *u, uint32_t domain, const struct gathering *g)
{
	struct wanted *by_age = mem_copy(g->list, g->n * sizeof(*by_age));
	size_t n[2] = {0}, bytes = 0;

	qsort(by_age, g->n, sizeof(*by_age), compare_age);
	for (size_t i = 0; i < g->n; i++) {
		const struct wanted *w = &by_age[i];
		bool was = w->part->excess;

		w->part->excess = *w->asker->name && (n[w->item->kind] >= SHARES_MAX ||
							     bytes + w->part->bytes > BYTES_MAX);
		if (!w->part->excess) {
			n[w->item->kind]++;
			bytes += w->part->bytes;
		} else if (!was) {
			data_asker_raise_unshared(w->asker, w->item,
				u->setup.homing->domains[domain].name, "RFC 8783 10",
				"there is as much on record there as may be");
		}
	}
	free(by_age);
}

static struct data_record *
make_records(const struct gathering *g, size_t *ret_n)
{
	struct data_record *list = mem_array(g->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct wanted *w = &g->list[i];

		if (!w->part->excess)
			list[n++] = (struct data_record){.kind = w->item->kind,
				.asker = mem_text(w->asker->name),
				.own = mem_text(w->item->name),
				.entry = json_incref(w->part->entry),
				.prefixes = w->part->prefixes,
				.names = w->part->names,
				.consent = mem_text(w->part->consent),
				.via = mem_text(w->item->via)};
	}
	*ret_n = n;
	return list;
}

static void
gather_at(struct data_upstream *u, struct holder *h, size_t link)
{
	uint32_t domain = u->domains[link];
	const struct placed *p = data_upstream_placed(u, domain, h->name);
	struct data_channel_setup cs = data_upstream_channel_setup(u, link);
	struct gathering g = {.list = mem_new(sizeof(*g.list))};
	struct data_channel **c = &h->channels[link];
	struct data_record *list;
	size_t n;

	gather_kind(h, domain, SHARE_ALIAS, &g);
	gather_kind(h, domain, SHARE_ACL, &g);
	mark_excess(u, domain, &g);
	list = make_records(&g, &n);
	free(g.list);
	if (!*c && (n || p || !*h->name))
		*c = data_channel_new(
			u->loop, h->name, p ? p->cuid : NULL, p ? p->cdid : NULL, &cs);
	if (*c)
		data_channel_wish(*c, list, n);
	else
		free(list);
	if (*c && data_channel_is_over(*c)) {
		data_channel_free(*c);
		*c = NULL;
	}
}

bool
data_holder_is_idle(const struct data_upstream *u, const struct holder *h)
{
	for (size_t i = 0; i < u->n_links; i++)
		if (h->channels[i])
			return false;
	return *h->name && TAILQ_EMPTY(&h->askers);
}

/* False: there are more. Ours are all planned at once: they come rarely, and who has set one is
 * told what becomes of it. */
static bool
plan_some(const struct data_upstream *u, const struct holder *h)
{
	size_t n = 0;
	const struct asker *a;

	TAILQ_FOREACH(a, &h->askers, entry)
		for (size_t i = 0; i < a->n_items; i++) {
			if (a->items[i].is_planned)
				continue;
			if (*a->name && n++ == PLANNED_IN_ONE_GO)
				return false;
			data_asker_plan(u, a, &a->items[i]);
		}
	return true;
}

bool
data_holder_gather(struct data_upstream *u, struct holder *h)
{
	if (!plan_some(u, h))
		return false;
	h->dirty = false;
	for (size_t i = 0; i < u->n_links; i++)
		gather_at(u, h, i);
	return true;
}
