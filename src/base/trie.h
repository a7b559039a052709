/*
 * Prefix trie: longest match and cover queries over IPv4 and IPv6 prefixes.
 *
 * Cost of every query is bounded by the address length, never by the number of entries.
 * Values are borrowed pointers, never NULL; one value a prefix.
 */
#ifndef DOTSD_BASE_TRIE_H
#define DOTSD_BASE_TRIE_H

#include "base/addr.h"

struct trie;

struct trie *trie_new(void);
void trie_free(struct trie *t); /* NULL is legal; values are not touched */
size_t trie_count(const struct trie *t);
/* Returns the value replaced, or NULL. */
void *trie_set(struct trie *t, const struct prefix *p, void *value);
/* Returns the value removed, or NULL. */
void *trie_remove(struct trie *t, const struct prefix *p);
void *trie_get(const struct trie *t, const struct prefix *p); /* exact; NULL if none */
/* The longest entry that contains p (p itself counts); its prefix in *ret_prefix unless NULL. */
void *trie_longest(const struct trie *t, const struct prefix *p, struct prefix *ret_prefix);

typedef bool (*trie_visit)(void *arg, const struct prefix *p, void *value); /* false stops */
/* Entries that contain p, shortest first (p itself counts). */
void trie_covering(const struct trie *t, const struct prefix *p, trie_visit visit, void *arg);
/* Entries inside p, in address order (p itself counts). */
void trie_covered(const struct trie *t, const struct prefix *p, trie_visit visit, void *arg);
/* All entries, IPv4 first, in address order. */
void trie_walk(const struct trie *t, trie_visit visit, void *arg);

#endif
