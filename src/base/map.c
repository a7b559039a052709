/*
 * Hash map: chains over a power-of-two table that grows and shrinks, SipHash-2-4 with a random key.
 */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { SLOTS_MIN = 16 };

/* Small, so that with a short key it is one line of the cache. */
struct entry {
	struct entry *next;
	void *value; /* NULL: removed while map_each walks */
	uint32_t hash, len;
	uint8_t key[];
};

struct slot {
	struct entry *first;
};

struct map {
	struct slot *slots;
	size_t n_slots, count;
	uint64_t k0, k1;
	unsigned walking;
	bool removed; /* entries wait to be freed until the walk is over */
};

static uint64_t
rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t
siphash(const struct map *m, const uint8_t *p, size_t len)
{
	uint64_t v[4] = {m->k0 ^ 0x736f6d6570736575ULL, m->k1 ^ 0x646f72616e646f6dULL,
		m->k0 ^ 0x6c7967656e657261ULL, m->k1 ^ 0x7465646279746573ULL};
	uint64_t last = (uint64_t)len << 56, word;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		memcpy(&word, p + i, 8);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t k = 0; i + k < len; k++)
		last |= (uint64_t)p[i + k] << 8 * k;
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int r = 0; r < 4; r++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *
map_new(void)
{
	struct map *m = mem_new(sizeof(*m));
	uint64_t seed[2] = {0};

	/* A map without a secret would be the attack it is to prevent. */
	if (getentropy(seed, sizeof(seed)) != 0)
		abort();
	m->k0 = seed[0];
	m->k1 = seed[1];
	m->n_slots = SLOTS_MIN;
	m->slots = mem_array(m->n_slots, sizeof(*m->slots));
	return m;
}

void
map_free(struct map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_slots; i++)
		for (struct entry *e = m->slots[i].first, *next; e; e = next) {
			next = e->next;
			free(e);
		}
	free(m->slots);
	free(m);
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

static struct entry **
slot_of(const struct map *m, const void *key, size_t len, uint32_t *ret_hash)
{
	uint32_t hash = (uint32_t)siphash(m, key, len);
	struct entry **p = &m->slots[hash & (m->n_slots - 1)].first;

	*ret_hash = hash;
	while (*p && ((*p)->hash != hash || (*p)->len != len || memcmp((*p)->key, key, len) != 0))
		p = &(*p)->next;
	return p;
}

static void
resize(struct map *m, size_t n_slots)
{
	struct slot *slots = mem_array(n_slots, sizeof(*slots));

	for (size_t i = 0; i < m->n_slots; i++)
		for (struct entry *e = m->slots[i].first, *next; e; e = next) {
			struct entry **to = &slots[e->hash & (n_slots - 1)].first;

			next = e->next;
			e->next = *to;
			*to = e;
		}
	free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
}

static void
fit(struct map *m)
{
	if (m->walking)
		return;
	/* Two slots an entry: to look at another one's entry costs more than a slot. */
	if (m->count > m->n_slots / 2)
		resize(m, m->n_slots * 2);
	else if (m->n_slots > SLOTS_MIN && m->count < m->n_slots / 16)
		resize(m, m->n_slots / 2);
}

void *
map_get(const struct map *m, const void *key, size_t len)
{
	uint32_t hash;
	struct entry *e = *slot_of(m, key, len, &hash);

	return e ? e->value : NULL;
}

void *
map_set(struct map *m, const void *key, size_t len, void *value)
{
	uint32_t hash;
	struct entry **p = slot_of(m, key, len, &hash), *e = *p;
	void *old;

	if (e) {
		old = e->value;
		m->count += !old;
		e->value = value;
		return old;
	}
	e = mem_new(sizeof(*e) + len);
	e->hash = hash;
	e->value = value;
	e->len = (uint32_t)len;
	memcpy(e->key, key, len);
	*p = e;
	m->count++;
	fit(m);
	return NULL;
}

void *
map_remove(struct map *m, const void *key, size_t len)
{
	uint32_t hash;
	struct entry **p = slot_of(m, key, len, &hash), *e = *p;
	void *old;

	if (!e || !e->value)
		return NULL;
	old = e->value;
	m->count--;
	if (m->walking) {
		e->value = NULL;
		m->removed = true;
		return old;
	}
	*p = e->next;
	free(e);
	fit(m);
	return old;
}

static void
sweep(struct map *m)
{
	for (size_t i = 0; i < m->n_slots; i++)
		for (struct entry **p = &m->slots[i].first, *e; (e = *p);) {
			if (e->value) {
				p = &e->next;
			} else {
				*p = e->next;
				free(e);
			}
		}
	m->removed = false;
}

void
map_each(struct map *m, bool (*visit)(void *arg, const void *key, size_t len, void *value),
	void *arg)
{
	bool go_on = true;

	m->walking++;
	for (size_t i = 0; go_on && i < m->n_slots; i++)
		for (struct entry *e = m->slots[i].first; go_on && e; e = e->next)
			if (e->value)
				go_on = visit(arg, e->key, e->len, e->value);
	m->walking--;
	if (!m->walking && m->removed)
		sweep(m);
	fit(m);
}
