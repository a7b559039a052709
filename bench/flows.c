/*
 * See flows.h: linear probing over a power of two; a removed peer leaves its place marked.
 */
#include "flows.h"

#include <err.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLOTS_MIN = 1024 };

struct slot {
	uint64_t key; /* address and port; 0: never used */
	void *data;
};

struct flows {
	struct slot *slots;
	size_t n_slots, used;
};

static uint64_t
key_of(const struct sockaddr_in *peer)
{
	return (uint64_t)peer->sin_addr.s_addr << 16 | peer->sin_port;
}

static struct slot *
find(struct flows *f, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ULL) >> 32;

	while (f->slots[i & (f->n_slots - 1)].key && f->slots[i & (f->n_slots - 1)].key != key)
		i++;
	return &f->slots[i & (f->n_slots - 1)];
}

static struct slot *
room(size_t n)
{
	struct slot *slots = calloc(n, sizeof(*slots));

	if (!slots)
		err(1, "memory");
	return slots;
}

static void
grow(struct flows *f)
{
	struct slot *old = f->slots;
	size_t n = f->n_slots;

	f->n_slots *= 2;
	f->slots = room(f->n_slots);
	f->used = 0;
	for (size_t i = 0; i < n; i++)
		if (old[i].data) {
			*find(f, old[i].key) = old[i];
			f->used++;
		}
	free(old);
}

struct flows *
flows_new(void)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f)
		err(1, "memory");
	f->n_slots = SLOTS_MIN;
	f->slots = room(f->n_slots);
	return f;
}

void **
flows_get(struct flows *f, const struct sockaddr_in *peer)
{
	struct slot *s = find(f, key_of(peer));

	if (!s->key && f->used * 2 >= f->n_slots) {
		grow(f);
		s = find(f, key_of(peer));
	}
	if (!s->key) {
		s->key = key_of(peer);
		f->used++;
	}
	return &s->data;
}

void
flows_remove(struct flows *f, const struct sockaddr_in *peer)
{
	find(f, key_of(peer))->data = NULL;
}
