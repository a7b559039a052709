/*
 * Hash map from a byte string to a borrowed pointer, keyed with a random seed (SipHash-2-4), so
 * that a peer that chooses the keys cannot choose the collisions.
 */
#ifndef DOTSD_BASE_MAP_H
#define DOTSD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m); /* NULL is legal; values are not touched */
size_t map_count(const struct map *m);
void *map_get(const struct map *m, const void *key, size_t len); /* NULL if none */
/* Copies the key. Returns the value replaced, or NULL; value must not be NULL. */
void *map_set(struct map *m, const void *key, size_t len, void *value);
void *map_remove(struct map *m, const void *key, size_t len); /* value removed, or NULL */
/* Any order; the visitor may remove the entry it is given, and no other. false stops. */
void map_each(struct map *m, bool (*visit)(void *arg, const void *key, size_t len, void *value),
	void *arg);

#endif
