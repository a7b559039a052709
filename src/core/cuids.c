/*
 * Which cuid belongs to which client (RFC 9132 4.4.1.1, 11). First use binds; the hash of a known
 * credential is kept for its owner even before that. Does not derive cuids: wire/cuid does.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/client.h"

struct binding {
	char *owner;    /* client that uses it, or NULL */
	char *reserved; /* client whose credential hashes to it, or NULL */
};

struct tally {
	size_t n; /* cuids bound to the client */
};

struct cuids {
	struct map *bindings; /* cuid -> struct binding */
	struct map *tallies;  /* client -> struct tally */
};

struct cuids *
cuids_new(void)
{
	struct cuids *cu = mem_new(sizeof(*cu));

	cu->bindings = map_new();
	cu->tallies = map_new();
	return cu;
}

static void
binding_free(struct binding *b)
{
	free(b->owner);
	free(b->reserved);
	free(b);
}

static bool
free_binding(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	binding_free(value);
	return true;
}

static bool
free_tally(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
cuids_free(struct cuids *cu)
{
	if (!cu)
		return;
	map_each(cu->bindings, free_binding, NULL);
	map_each(cu->tallies, free_tally, NULL);
	map_free(cu->bindings);
	map_free(cu->tallies);
	free(cu);
}

static struct binding *
binding_of(struct cuids *cu, const char *cuid)
{
	struct binding *b = map_get(cu->bindings, cuid, strlen(cuid));

	if (!b) {
		b = mem_new(sizeof(*b));
		map_set(cu->bindings, cuid, strlen(cuid), b);
	}
	return b;
}

static struct tally *
tally_of(struct cuids *cu, const char *client)
{
	struct tally *t = map_get(cu->tallies, client, strlen(client));

	if (!t) {
		t = mem_new(sizeof(*t));
		map_set(cu->tallies, client, strlen(client), t);
	}
	return t;
}

static void
release(struct cuids *cu, struct binding *b)
{
	struct tally *t = map_get(cu->tallies, b->owner, strlen(b->owner));

	if (--t->n == 0)
		free(map_remove(cu->tallies, b->owner, strlen(b->owner)));
	free(b->owner);
	b->owner = NULL;
}

static struct verdict
collision(void)
{
	struct verdict v =
		verdict_of(COAP_409_CONFLICT, "RFC 9132 4.4.1.1: cuid is in use by another client");

	v.conflict.cause = CUID_COLLISION;
	return v;
}

bool
cuids_is_foreign(const struct cuids *cu, const char *client, const char *cuid)
{
	const struct binding *b = map_get(cu->bindings, cuid, strlen(cuid));

	return b && ((b->reserved && strcmp(b->reserved, client) != 0) ||
			    (b->owner && strcmp(b->owner, client) != 0));
}

struct verdict
cuids_bind(struct cuids *cu, const struct client *c, const char *cuid, bool *ret_new)
{
	const struct binding *b = map_get(cu->bindings, cuid, strlen(cuid));
	const struct tally *t = map_get(cu->tallies, c->name, strlen(c->name));

	*ret_new = false;
	if (cuids_is_foreign(cu, c->name, cuid))
		return collision();
	if (b && b->owner)
		return (struct verdict){.code = COAP_204_CHANGED};
	if ((t ? t->n : 0) >= c->limits.cuids)
		return verdict_of(COAP_429_TOO_MANY_REQUESTS,
			"RFC 9132 11: cuid is one more than the %u allowed to this client",
			c->limits.cuids);
	cuids_restore(cu, c->name, cuid);
	*ret_new = true;
	return (struct verdict){.code = COAP_204_CHANGED};
}

const char *
cuids_owner(const struct cuids *cu, const char *cuid)
{
	const struct binding *b = map_get(cu->bindings, cuid, strlen(cuid));

	return b ? b->owner : NULL;
}

void
cuids_reserve(struct cuids *cu, const char *client, const char *cuid)
{
	struct binding *b = binding_of(cu, cuid);

	free(b->reserved);
	b->reserved = mem_text(client);
}

void
cuids_restore(struct cuids *cu, const char *client, const char *cuid)
{
	struct binding *b = binding_of(cu, cuid);

	if (b->owner)
		release(cu, b);
	b->owner = mem_text(client);
	tally_of(cu, client)->n++;
}
