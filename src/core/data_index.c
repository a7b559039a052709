/*
 * ACLs by what they are for: those of different registrations conflict only where their
 * destinations have something in common (RFC 8783 3.1, 7.2).
 */
#include <stdlib.h>
#include <string.h>

#include "core/data_private.h"

static int
compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static bool
is_for_all(const struct acl *acl)
{
	for (size_t i = 0; i < acl->n_rules; i++)
		if (!acl->rules[i].destination.addr.family)
			return true;
	return false;
}

/* Each once; mem_* allocated. What has none is for all of its client's. */
static struct prefix *
destinations_of(const struct acl *acl, const struct client *c, size_t *ret_n)
{
	bool all = is_for_all(acl);
	struct prefix *list = mem_array(acl->n_rules + (all ? c->n_prefixes : 0), sizeof(*list));
	size_t n = 0, unique = 0;

	for (size_t i = 0; all && i < c->n_prefixes; i++)
		list[n++] = c->prefixes[i];
	for (size_t i = 0; i < acl->n_rules; i++)
		if (acl->rules[i].destination.addr.family)
			list[n++] = acl->rules[i].destination;
	qsort(list, n, sizeof(*list), compare);
	for (size_t i = 0; i < n; i++)
		if (!unique || !prefix_equal(&list[unique - 1], &list[i]))
			list[unique++] = list[i];
	*ret_n = unique;
	return list;
}

static struct data_bucket *
bucket_for(struct data *d, const struct prefix *p)
{
	struct data_bucket *b = trie_get(d->destinations, p);

	if (!b) {
		b = mem_new(sizeof(*b));
		b->destination = *p;
		LIST_INIT(&b->uses);
		trie_set(d->destinations, p, b);
	}
	return b;
}

void
data_index_add(struct data *d, struct data_stored *s, const struct client *c)
{
	struct prefix *list = destinations_of(&s->entry.acl, c, &s->n_uses);

	s->uses = mem_array(s->n_uses, sizeof(*s->uses));
	for (size_t i = 0; i < s->n_uses; i++) {
		struct data_use *u = &s->uses[i];

		u->of = s;
		u->bucket = bucket_for(d, &list[i]);
		LIST_INSERT_HEAD(&u->bucket->uses, u, entry);
	}
	free(list);
}

void
data_index_remove(struct data *d, struct data_stored *s)
{
	for (size_t i = 0; i < s->n_uses; i++) {
		struct data_bucket *b = s->uses[i].bucket;

		LIST_REMOVE(&s->uses[i], entry);
		if (LIST_EMPTY(&b->uses)) {
			trie_remove(d->destinations, &b->destination);
			free(b);
		}
	}
	free(s->uses);
	s->uses = NULL;
	s->n_uses = 0;
}

struct search {
	const struct data *book;
	const struct data_stored *one, *found;
	const struct client *client;
	const struct clients *clients;
	unsigned *looks;
};

/* Each ACL is compared once, however many destinations they share. */
static bool
compare_bucket(void *arg, const struct prefix *p, void *value)
{
	struct search *find = arg;
	const struct data_bucket *b = value;

	(void)p;
	for (struct data_use *u = LIST_FIRST(&b->uses); u; u = LIST_NEXT(u, entry)) {
		struct data_stored *other = u->of;
		const struct client *c;

		if (other->of == find->one->of || other->seen == find->book->search)
			continue;
		other->seen = find->book->search;
		c = clients_named(find->clients, other->of->client.client);
		if (c && acl_conflicts(&find->one->entry.acl, find->client, &other->entry.acl, c,
				 find->looks)) {
			find->found = other;
			return false;
		}
	}
	return true;
}

const struct data_stored *
data_index_conflict(struct data *d, struct data_stored *s, const struct client *c,
	const struct clients *clients, unsigned *inout_looks)
{
	struct search find = {
		.book = d, .one = s, .client = c, .clients = clients, .looks = inout_looks};
	size_t n;
	struct prefix *list = destinations_of(&s->entry.acl, c, &n);

	d->search++;
	for (size_t i = 0; i < n && !find.found; i++) {
		trie_covering(d->destinations, &list[i], compare_bucket, &find);
		if (!find.found)
			trie_covered(d->destinations, &list[i], compare_bucket, &find);
	}
	free(list);
	return find.found;
}
