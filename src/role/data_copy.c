/*
 * Copies of what is on record where a request leads: what is made of it beside the loop must not
 * change meanwhile.
 */
#include <string.h>

#include "role/data_state.h"

struct list {
	struct data_entry *const *entries;
	size_t n;
};

static struct list
list_of(const struct data_client *dc, enum data_kind kind)
{
	return kind == DATA_ALIAS ? (struct list){dc->aliases, dc->n_aliases}
				  : (struct list){dc->acls, dc->n_acls};
}

/* ---- which ---- */

static bool
is_above(const struct data_request *r)
{
	return r->place < PLACE_CLIENT;
}

/* Of the asker all there is, else the one that the request leads to. */
static const struct data_client *
next_client(const struct data_request *r, const struct data_client *after)
{
	if (is_above(r))
		return data_next(r->server->data, r->client->name, after);
	return after ? NULL : data_request_subject(r);
}

/* The part of a list that lies on the way. */
static struct list
part_of(const struct data_request *r, const struct data_client *dc, enum data_kind kind)
{
	struct list none = {NULL, 0};

	if (r->place < PLACE_CONTAINER)
		return list_of(dc, kind);
	if (r->kind != kind)
		return none;
	if (r->place == PLACE_ENTRY)
		return r->entry ? (struct list){&r->entry, 1} : none;
	return list_of(dc, kind);
}

size_t
data_copy_weigh(const struct data_request *r)
{
	const struct data_client *dc = NULL;
	size_t sum = 0;

	while ((dc = next_client(r, dc)))
		for (int kind = DATA_ALIAS; kind <= DATA_ACL; kind++) {
			struct list l = part_of(r, dc, kind);

			for (size_t i = 0; i < l.n; i++)
				sum += strlen(l.entries[i]->text);
		}
	return sum;
}

/* ---- copying ---- */

static void *
copy_of(struct arena *a, const void *from, size_t n, size_t size)
{
	void *to = arena_alloc(a, n, size);

	return n ? memcpy(to, from, n * size) : to;
}

static const char *
text_of(struct arena *a, const char *text)
{
	return text ? arena_text(a, text, strlen(text)) : NULL;
}

static struct data_copy_entry
copy_entry(struct arena *a, const struct data_entry *e)
{
	struct data_copy_entry c = {
		.name = text_of(a, e->name), .text = text_of(a, e->text), .expires = e->expires};

	if (e->kind == DATA_ALIAS)
		return c;
	c.n_rules = e->acl.n_rules;
	c.packets = copy_of(a, e->packets, c.n_rules, sizeof(*e->packets));
	c.bytes = copy_of(a, e->bytes, c.n_rules, sizeof(*e->bytes));
	return c;
}

static struct data_copy *
copy_client(const struct data_request *r, const struct data_client *dc)
{
	struct data_copy *c = arena_alloc(r->arena, 1, sizeof(*c));

	c->cuid = text_of(r->arena, dc->cuid);
	/* Only gateways have to do with it (RFC 8783 5.1). */
	c->cdid = r->asker->gateway ? text_of(r->arena, dc->cdid) : NULL;
	for (int kind = DATA_ALIAS; kind <= DATA_ACL; kind++) {
		struct list l = part_of(r, dc, kind);

		c->lists[kind] = arena_alloc(r->arena, l.n, sizeof(*c->lists[kind]));
		c->n[kind] = l.n;
		for (size_t i = 0; i < l.n; i++)
			c->lists[kind][i] = copy_entry(r->arena, l.entries[i]);
	}
	return c;
}

void
data_copy_take(struct data_request *r)
{
	const struct data_client *dc = NULL;
	struct data_copy **last = &r->copies;

	while ((dc = next_client(r, dc))) {
		*last = copy_client(r, dc);
		last = &(*last)->next;
	}
}
