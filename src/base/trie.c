/*
 * Prefix trie: a path-compressed binary trie a family. Inner nodes without a value only join two
 * branches; depth is bounded by the address length. Nodes come from a pool of the trie, so that a
 * large one is a few allocations and lies close together.
 */
#include "base/trie.h"

#include <stdlib.h>

#include "base/mem.h"

struct node {
	struct prefix prefix;
	void *value; /* NULL: a joint */
	struct node *child[2];
};

enum { CHUNK_NODES = 64 };

struct chunk {
	struct chunk *next;
	struct node nodes[CHUNK_NODES];
};

struct trie {
	struct node *root[2]; /* IPv4, IPv6 */
	size_t count;
	struct chunk *chunks;
	struct node *spare; /* chained by child[0] */
};

static struct node **
root_of(const struct trie *t, const struct prefix *p)
{
	return (struct node **)&t->root[p->addr.family == 6];
}

/* Bit n of the address; n counts from the most significant one. */
static unsigned
bit(const struct addr *a, unsigned n)
{
	return a->bytes[n / 8] >> (7 - n % 8) & 1;
}

/* Number of leading bits two prefixes share, at most the shorter length. */
static unsigned
common(const struct prefix *a, const struct prefix *b)
{
	unsigned most = a->len < b->len ? a->len : b->len;

	for (unsigned i = 0; i * 8 < most; i++) {
		uint8_t diff = a->addr.bytes[i] ^ b->addr.bytes[i];

		if (diff) {
			unsigned n = i * 8 + (unsigned)__builtin_clz(diff) - 24;

			return n < most ? n : most;
		}
	}
	return most;
}

struct trie *
trie_new(void)
{
	return mem_new(sizeof(struct trie));
}

void
trie_free(struct trie *t)
{
	struct chunk *c;

	if (!t)
		return;
	while ((c = t->chunks)) {
		t->chunks = c->next;
		free(c);
	}
	free(t);
}

size_t
trie_count(const struct trie *t)
{
	return t->count;
}

static void
node_free(struct trie *t, struct node *n)
{
	n->child[0] = t->spare;
	t->spare = n;
}

static struct node *
node_new(struct trie *t, const struct prefix *p, void *value)
{
	struct node *n;

	if (!t->spare) {
		struct chunk *c = mem_new(sizeof(*c));

		c->next = t->chunks;
		t->chunks = c;
		for (size_t i = CHUNK_NODES; i > 0; i--)
			node_free(t, &c->nodes[i - 1]);
	}
	n = t->spare;
	t->spare = n->child[0];
	*n = (struct node){.prefix = *p, .value = value};
	return n;
}

/* Puts a new node for p where *link (which p does not lie below) is. */
static void
insert_above(struct trie *t, struct node **link, const struct prefix *p, void *value)
{
	struct node *old = *link, *fresh = node_new(t, p, value), *joint;
	unsigned shared = common(&old->prefix, p);
	struct prefix at;

	if (shared == p->len) { /* p contains the old node */
		fresh->child[bit(&old->prefix.addr, p->len)] = old;
		*link = fresh;
		return;
	}
	at = prefix_of(&p->addr, shared);
	joint = node_new(t, &at, NULL);
	joint->child[bit(&old->prefix.addr, shared)] = old;
	joint->child[bit(&p->addr, shared)] = fresh;
	*link = joint;
}

void *
trie_set(struct trie *t, const struct prefix *p, void *value)
{
	struct node **link = root_of(t, p);
	void *old;

	while (*link && prefix_contains(&(*link)->prefix, p)) {
		if ((*link)->prefix.len == p->len) {
			old = (*link)->value;
			(*link)->value = value;
			t->count += !old;
			return old;
		}
		link = &(*link)->child[bit(&p->addr, (*link)->prefix.len)];
	}
	if (*link)
		insert_above(t, link, p, value);
	else
		*link = node_new(t, p, value);
	t->count++;
	return NULL;
}

/* A node that neither holds a value nor joins two branches is of no use. */
static void
prune(struct trie *t, struct node **link)
{
	struct node *n = *link;

	if (n->value || (n->child[0] && n->child[1]))
		return;
	*link = n->child[0] ? n->child[0] : n->child[1];
	node_free(t, n);
}

void *
trie_remove(struct trie *t, const struct prefix *p)
{
	struct node **link = root_of(t, p), **parent = NULL;
	void *old;

	while (*link && (*link)->prefix.len < p->len && prefix_contains(&(*link)->prefix, p)) {
		parent = link;
		link = &(*link)->child[bit(&p->addr, (*link)->prefix.len)];
	}
	if (!*link || !prefix_equal(&(*link)->prefix, p) || !(*link)->value)
		return NULL;
	old = (*link)->value;
	(*link)->value = NULL;
	t->count--;
	prune(t, link);
	if (parent)
		prune(t, parent);
	return old;
}

void *
trie_get(const struct trie *t, const struct prefix *p)
{
	struct prefix found;
	void *value = trie_longest(t, p, &found);

	return value && found.len == p->len ? value : NULL;
}

void *
trie_longest(const struct trie *t, const struct prefix *p, struct prefix *ret_prefix)
{
	const struct node *best = NULL;

	for (const struct node *n = *root_of(t, p); n && prefix_contains(&n->prefix, p);
		n = n->prefix.len < p->len ? n->child[bit(&p->addr, n->prefix.len)] : NULL)
		if (n->value)
			best = n;
	if (best && ret_prefix)
		*ret_prefix = best->prefix;
	return best ? best->value : NULL;
}

void
trie_covering(const struct trie *t, const struct prefix *p, trie_visit visit, void *arg)
{
	for (const struct node *n = *root_of(t, p); n && prefix_contains(&n->prefix, p);
		n = n->prefix.len < p->len ? n->child[bit(&p->addr, n->prefix.len)] : NULL)
		if (n->value && !visit(arg, &n->prefix, n->value))
			return;
}

static bool
walk(const struct node *n, trie_visit visit, void *arg)
{
	if (!n)
		return true;
	if (n->value && !visit(arg, &n->prefix, n->value))
		return false;
	return walk(n->child[0], visit, arg) && walk(n->child[1], visit, arg);
}

void
trie_covered(const struct trie *t, const struct prefix *p, trie_visit visit, void *arg)
{
	const struct node *n = *root_of(t, p);

	while (n && n->prefix.len < p->len && prefix_contains(&n->prefix, p))
		n = n->child[bit(&p->addr, n->prefix.len)];
	if (n && prefix_contains(p, &n->prefix))
		walk(n, visit, arg);
}

void
trie_walk(const struct trie *t, trie_visit visit, void *arg)
{
	if (walk(t->root[0], visit, arg))
		walk(t->root[1], visit, arg);
}
