/*
 * The configured clients: found by name, certificate, pinned key or PSK identity, and what each may
 * ask for (RFC 9132 4.4.1.1, 8, 11). Immutable once built; cuids.c holds what changes.
 */
#include "core/client.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	WHY_MAX = 320,
	FOUND_MAX = 255, /* nobody shows a longer name (net/credentials.h) */
};

/* The first byte of a key in `found`: the same text may be a name, a DNS-ID and a PSK identity. */
enum found_kind { BY_NAME = 'n', BY_CERTIFICATE = 'c', BY_SPKI = 's', BY_PSK = 'p', BY_CDID = 'd' };

struct clients {
	struct client **list;
	size_t n, cap;
	struct map *found;
	char why[WHY_MAX]; /* last refusal of clients_add */
};

struct clients *
clients_new(void)
{
	struct clients *cs = mem_new(sizeof(*cs));

	cs->found = map_new();
	return cs;
}

static void
texts_free(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static void
client_free(struct client *c)
{
	free(c->name);
	texts_free(c->certificates, c->n_certificates);
	texts_free(c->spki, c->n_spki);
	texts_free(c->psk_identities, c->n_psk_identities);
	texts_free(c->cdids, c->n_cdids);
	for (size_t i = 0; i < c->n_aliases; i++)
		alias_finish(&c->aliases[i]);
	free(c->aliases);
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
	map_free(cs->found);
	free(cs);
}

/* Names of hosts compare without regard to case (RFC 6125 6.4.1); everything else is exact. The
 * key has as many bytes as the text, and one. */
static void
key_put(char *key, enum found_kind kind, const char *text, size_t len)
{
	key[0] = (char)kind;
	for (size_t i = 0; i < len; i++)
		key[i + 1] =
			(char)(kind == BY_CERTIFICATE ? tolower((unsigned char)text[i]) : text[i]);
}

/* For every request, so not by way of the heap. */
static struct client *
find(const struct clients *cs, enum found_kind kind, const char *text)
{
	size_t len = strlen(text);
	char key[FOUND_MAX + 1];

	if (len > FOUND_MAX)
		return NULL;
	key_put(key, kind, text, len);
	return map_get(cs->found, key, len + 1);
}

static bool
claim(struct clients *cs, enum found_kind kind, const char *text, struct client *c)
{
	size_t len = strlen(text);
	char *key = mem_array(len + 1, 1);
	const struct client *other;

	key_put(key, kind, text, len);
	other = map_get(cs->found, key, len + 1);
	if (!other)
		map_set(cs->found, key, len + 1, c);
	free(key);
	return !other;
}

/* A credential that stands twice, also within one entry, or NULL. */
static const char *
claim_all(struct clients *cs, struct client *c)
{
	const struct {
		enum found_kind kind;
		char **texts;
		size_t n;
	} sets[] = {
		{BY_CERTIFICATE, c->certificates, c->n_certificates},
		{BY_SPKI, c->spki, c->n_spki},
		{BY_PSK, c->psk_identities, c->n_psk_identities},
		{BY_CDID, c->spki, c->n_spki},
		{BY_CDID, c->cdids, c->n_cdids},
	};

	if (!claim(cs, BY_NAME, c->name, c))
		return c->name;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		for (size_t k = 0; k < sets[i].n; k++)
			if (!claim(cs, sets[i].kind, sets[i].texts[k], c))
				return sets[i].texts[k];
	return NULL;
}

struct unclaim {
	struct map *found;
	const struct client *client;
};

static bool
unclaim_one(void *arg, const void *key, size_t len, void *value)
{
	const struct unclaim *u = arg;

	if (value == u->client)
		map_remove(u->found, key, len);
	return true;
}

const char *
clients_add(struct clients *cs, struct client *c)
{
	const char *twice = claim_all(cs, c);

	if (twice) {
		map_each(cs->found, unclaim_one, &(struct unclaim){cs->found, c});
		snprintf(cs->why, sizeof(cs->why), "client \"%s\": \"%s\" stands twice", c->name,
			twice);
		client_free(c);
		return cs->why;
	}
	assert(!c->authorised);
	c->authorised = trie_new();
	for (size_t i = 0; i < c->n_prefixes; i++)
		trie_set(c->authorised, &c->prefixes[i], c);
	if (cs->n == cs->cap) {
		cs->cap = cs->cap ? 2 * cs->cap : 16;
		cs->list = mem_grow(cs->list, cs->cap, sizeof(*cs->list));
	}
	cs->list[cs->n++] = c;
	return NULL;
}

size_t
clients_count(const struct clients *cs)
{
	return cs->n;
}

const struct client *
clients_get(const struct clients *cs, size_t i)
{
	assert(i < cs->n);
	return cs->list[i];
}

const struct client *
clients_named(const struct clients *cs, const char *name)
{
	return find(cs, BY_NAME, name);
}

const struct client *
clients_by_certificate(
	const struct clients *cs, const char *const *names, size_t n_names, const char *spki_cuid)
{
	const struct client *found = spki_cuid ? find(cs, BY_SPKI, spki_cuid) : NULL;

	if (found) /* a pinned key says more than any name in the certificate */
		return found;
	for (size_t i = 0; i < n_names; i++) {
		const struct client *c = find(cs, BY_CERTIFICATE, names[i]);

		if (c && found && c != found)
			return NULL;
		if (c)
			found = c;
	}
	return found;
}

const struct client *
clients_by_psk(const struct clients *cs, const char *identity)
{
	return find(cs, BY_PSK, identity);
}

const struct client *
clients_by_cdid(const struct clients *cs, const char *cdid)
{
	return find(cs, BY_CDID, cdid);
}

struct verdict
client_authorises(const struct client *c, const struct prefix *prefixes, size_t n)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		if (prefix_is_special(&prefixes[i]))
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.1: target-prefix %s holds loopback, multicast or "
				"broadcast addresses",
				prefix_format(&prefixes[i], text));
		if (!trie_longest(c->authorised, &prefixes[i], NULL))
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.1: target-prefix %s is outside what this client "
				"may "
				"ask for",
				prefix_format(&prefixes[i], text));
	}
	return (struct verdict){.code = COAP_204_CHANGED};
}
