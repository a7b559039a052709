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
	struct trie *never;
	char why[WHY_MAX]; /* last refusal of clients_add */
};

struct clients *
clients_new(void)
{
	struct clients *cs = mem_new(sizeof(*cs));

	cs->found = map_new();
	cs->never = trie_new();
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
	trie_free(cs->never);
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

struct texts {
	enum found_kind kind;
	char **list;
	size_t n;
};

enum { TEXTS_OF_CLIENT = 6 };

/* All that it is found by. */
static void
texts_of(struct client *c, struct texts ret[TEXTS_OF_CLIENT])
{
	const struct texts all[TEXTS_OF_CLIENT] = {
		{BY_NAME, &c->name, 1},
		{BY_CERTIFICATE, c->certificates, c->n_certificates},
		{BY_SPKI, c->spki, c->n_spki},
		{BY_PSK, c->psk_identities, c->n_psk_identities},
		{BY_CDID, c->spki, c->n_spki},
		{BY_CDID, c->cdids, c->n_cdids},
	};

	memcpy(ret, all, sizeof(all));
}

/* A credential that stands twice, also within one entry, or NULL. */
static const char *
claim_all(struct clients *cs, struct client *c)
{
	struct texts sets[TEXTS_OF_CLIENT];

	texts_of(c, sets);
	for (size_t i = 0; i < TEXTS_OF_CLIENT; i++)
		for (size_t k = 0; k < sets[i].n; k++)
			if (!claim(cs, sets[i].kind, sets[i].list[k], c))
				return sets[i].list[k];
	return NULL;
}

static void
unclaim(struct clients *cs, enum found_kind kind, const char *text, const struct client *c)
{
	size_t len = strlen(text);
	char *key = mem_array(len + 1, 1);

	key_put(key, kind, text, len);
	if (map_get(cs->found, key, len + 1) == c)
		map_remove(cs->found, key, len + 1);
	free(key);
}

static void
unclaim_all(struct clients *cs, struct client *c)
{
	struct texts sets[TEXTS_OF_CLIENT];

	texts_of(c, sets);
	for (size_t i = 0; i < TEXTS_OF_CLIENT; i++)
		for (size_t k = 0; k < sets[i].n; k++)
			unclaim(cs, sets[i].kind, sets[i].list[k], c);
}

void
clients_never(struct clients *cs, const struct prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		trie_set(cs->never, &prefixes[i], cs);
}

const char *
clients_add(struct clients *cs, struct client *c)
{
	const char *twice = claim_all(cs, c);

	if (twice) {
		unclaim_all(cs, c);
		snprintf(cs->why, sizeof(cs->why), "client \"%s\": \"%s\" stands twice", c->name,
			twice);
		client_free(c);
		return cs->why;
	}
	assert(!c->authorised);
	c->authorised = trie_new();
	c->never = cs->never;
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

static bool
note_first(void *arg, const struct prefix *p, void *value)
{
	(void)value;
	*(struct prefix *)arg = *p;
	return false;
}

/* Of what is never mitigated something around p or inside of it. */
static bool
meets_never(const struct client *c, const struct prefix *p, struct prefix *ret)
{
	if (trie_longest(c->never, p, ret))
		return true;
	ret->addr.family = 0;
	trie_covered(c->never, p, note_first, ret);
	return ret->addr.family;
}

static struct verdict
check_prefix(const struct client *c, const struct prefix *p)
{
	uint32_t widest = p->addr.family == 4 ? c->widest.ipv4 : c->widest.ipv6;
	char text[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];
	struct prefix never;

	prefix_format(p, text);
	if (prefix_is_special(p))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.1: target-prefix %s holds loopback, multicast or "
			"broadcast addresses",
			text);
	if (!trie_longest(c->authorised, p, NULL))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.1: target-prefix %s is outside what this client may "
			"ask for",
			text);
	if (p->len < widest)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.1: target-prefix %s is wider than the /%u that this client "
			"may ask for at most",
			text, widest);
	if (meets_never(c, p, &never))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.1: target-prefix %s has to do with %s, which this server "
			"never mitigates",
			text, prefix_format(&never, other));
	return (struct verdict){.code = COAP_204_CHANGED};
}

struct verdict
client_authorises(const struct client *c, const struct prefix *prefixes, size_t n)
{
	struct verdict v = {.code = COAP_204_CHANGED};

	for (size_t i = 0; i < n && verdict_ok(&v); i++)
		v = check_prefix(c, &prefixes[i]);
	return v;
}
