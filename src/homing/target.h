/*
 * Targets as sets: prefixes, with ports and protocols that none given means all (RFC 9132 4.4.1.1).
 */
#ifndef DOTSD_HOMING_TARGET_H
#define DOTSD_HOMING_TARGET_H

#include "base/mem.h"
#include "wire/signal.h"

bool target_overlaps(const struct target *a, const struct target *b); /* ports ignored */
bool target_has(const struct target *t, const struct prefix *p);      /* all of p */
/* Everything that b asks for is covered by a (prefixes, ports, protocols). */
bool target_covers(const struct target *a, const struct target *b);
/* Arrays of *ret live in the arena; its prefixes are normalised. ret may be a or b. */
void target_union(
	const struct target *a, const struct target *b, struct arena *arena, struct target *ret);
/* Sorts the prefixes in place and drops those that lie inside another one; returns how many are
 * left. */
size_t target_normalise(struct prefix *prefixes, size_t n);

#endif
