/*
 * The clients of a server, found by credential or name, and the binding of cuids to them.
 */
#include "core/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct clients {
	struct client **list;
	size_t n;
	struct map *by_name;
	struct map *by_credential; /* "cert:<name>", "spki:<digest>", "psk:<identity>" */
	char why[VERDICT_WHY_MAX];
};

struct clients *
clients_new(void)
{
	struct clients *cs = mem_new(sizeof(*cs));

	cs->by_name = map_new();
	cs->by_credential = map_new();
	return cs;
}

static void
free_texts(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void
client_free(struct client *c)
{
	free(c->name);
	free_texts(c->certificates, c->n_certificates);
	free_texts(c->spki, c->n_spki);
	free_texts(c->psk_identities, c->n_psk_identities);
	free(c->prefixes);
	trie_free(c->authorised);
	free(c);
}

void
clients_free(struct clients *cs)
{
	if (!cs)
		return;
	for (size_t i = 0; i < cs->n; i++)
		client_free(cs->list[i]);
	free(cs->list);
	map_free(cs->by_name);
	map_free(cs->by_credential);
	free(cs);
}

static struct client *
by_credential(const struct clients *cs, const char *kind, const char *text)
{
	char *key = mem_printf("%s:%s", kind, text);
	struct client *c = map_get(cs->by_credential, key, strlen(key));

	free(key);
	return c;
}

static const char *
add_credentials(struct clients *cs, struct client *c, const char *kind, char **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *key = mem_printf("%s:%s", kind, list[i]);
		struct client *other = map_get(cs->by_credential, key, strlen(key));

		if (!other)
			map_set(cs->by_credential, key, strlen(key), c);
		free(key);
		if (other) {
			snprintf(cs->why, sizeof(cs->why), "%.60s %.60s stands for %.40s already", kind,
				list[i], other->name);
			return cs->why;
		}
	}
	return NULL;
}

const char *
clients_add(struct clients *cs, struct client *c)
{
	const char *why;

	cs->list = mem_grow(cs->list, cs->n + 1, sizeof(struct client *));
	cs->list[cs->n++] = c;
	c->authorised = trie_new();
	for (size_t i = 0; i < c->n_prefixes; i++)
		trie_set(c->authorised, &c->prefixes[i], c);
	if (map_set(cs->by_name, c->name, strlen(c->name), c))
		return "the name stands twice";
	why = add_credentials(cs, c, "cert", c->certificates, c->n_certificates);
	if (!why)
		why = add_credentials(cs, c, "spki", c->spki, c->n_spki);
	if (!why)
		why = add_credentials(cs, c, "psk", c->psk_identities, c->n_psk_identities);
	return why;
}

size_t
clients_count(const struct clients *cs)
{
	return cs->n;
}

const struct client *
clients_get(const struct clients *cs, size_t i)
{
	return cs->list[i];
}

const struct client *
clients_named(const struct clients *cs, const char *name)
{
	return map_get(cs->by_name, name, strlen(name));
}

const struct client *
clients_by_certificate(const struct clients *cs, const char *const *names, size_t n_names,
	const char *spki_cuid)
{
	const struct client *c = by_credential(cs, "spki", spki_cuid);

	for (size_t i = 0; !c && i < n_names; i++)
		c = by_credential(cs, "cert", names[i]);
	return c;
}

const struct client *
clients_by_psk(const struct clients *cs, const char *identity)
{
	return by_credential(cs, "psk", identity);
}

struct verdict
client_authorises(const struct client *c, const struct prefix *prefixes, size_t n)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		if (prefix_is_special(&prefixes[i]))
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.1: target-prefix %s is loopback, multicast or broadcast",
				prefix_format(&prefixes[i], text));
		if (!trie_longest(c->authorised, &prefixes[i], NULL))
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.1: target-prefix %s is outside of what this client may "
				"ask for",
				prefix_format(&prefixes[i], text));
	}
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

/* ---- cuids ---------------------------------------------------------------------------------- */

struct cuid_owner {
	char *client;
	bool reserved; /* by a known credential, used or not */
	bool bound;
};

struct cuids {
	struct map *owners; /* cuid -> struct cuid_owner */
	struct map *counts; /* client -> uint32_t */
};

struct cuids *
cuids_new(void)
{
	struct cuids *cu = mem_new(sizeof(*cu));

	cu->owners = map_new();
	cu->counts = map_new();
	return cu;
}

static bool
free_owner(void *arg, const void *key, size_t len, void *value)
{
	struct cuid_owner *o = value;

	(void)arg;
	(void)key;
	(void)len;
	free(o->client);
	free(o);
	return true;
}

static bool
free_count(void *arg, const void *key, size_t len, void *value)
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
	map_each(cu->owners, free_owner, NULL);
	map_each(cu->counts, free_count, NULL);
	map_free(cu->owners);
	map_free(cu->counts);
	free(cu);
}

static uint32_t *
count_of(struct cuids *cu, const char *client)
{
	uint32_t *n = map_get(cu->counts, client, strlen(client));

	if (!n) {
		n = mem_new(sizeof(*n));
		map_set(cu->counts, client, strlen(client), n);
	}
	return n;
}

static struct cuid_owner *
own(struct cuids *cu, const char *client, const char *cuid)
{
	struct cuid_owner *o = map_get(cu->owners, cuid, strlen(cuid));

	if (!o) {
		o = mem_new(sizeof(*o));
		o->client = mem_text(client);
		map_set(cu->owners, cuid, strlen(cuid), o);
	}
	return o;
}

struct verdict
cuids_bind(struct cuids *cu, const struct client *c, const char *cuid, bool *ret_new)
{
	struct cuid_owner *o = map_get(cu->owners, cuid, strlen(cuid));
	struct verdict v = verdict_of(COAP_409_CONFLICT, "RFC 9132 4.4.1.1: cuid is in use by another client");
	uint32_t *n = count_of(cu, c->name);

	*ret_new = false;
	if (o && strcmp(o->client, c->name) != 0) {
		v.conflict_cause = CUID_COLLISION;
		return v;
	}
	if (!o || !o->bound) {
		if (*n >= c->limits.cuids)
			return verdict_of(COAP_429_TOO_MANY_REQUESTS,
				"RFC 9132 11: this client uses %u cuids already", *n);
		own(cu, c->name, cuid)->bound = true;
		++*n;
		*ret_new = true;
	}
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

const char *
cuids_owner(const struct cuids *cu, const char *cuid)
{
	const struct cuid_owner *o = map_get(cu->owners, cuid, strlen(cuid));

	return o && o->bound ? o->client : NULL;
}

void
cuids_reserve(struct cuids *cu, const char *client, const char *cuid)
{
	own(cu, client, cuid)->reserved = true;
}

void
cuids_restore(struct cuids *cu, const char *client, const char *cuid)
{
	struct cuid_owner *o = own(cu, client, cuid);

	if (o->bound || strcmp(o->client, client) != 0)
		return;
	o->bound = true;
	++*count_of(cu, client);
}

void
cuids_forget(struct cuids *cu, const char *client, const char *cuid)
{
	struct cuid_owner *o = map_get(cu->owners, cuid, strlen(cuid));

	if (!o || !o->bound || strcmp(o->client, client) != 0)
		return;
	--*count_of(cu, client);
	o->bound = false;
	if (o->reserved)
		return;
	map_remove(cu->owners, cuid, strlen(cuid));
	free_owner(NULL, NULL, 0, o);
}
