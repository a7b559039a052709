/*
 * Lifetimes that refreshes gave, as records of their own (kind "lifetime", key a number that only
 * grows): a refresh of one mitigation among many writes a line at the end instead of a page
 * somewhere in the middle. What is superseded goes from the front as new ones come.
 *
 * The record of a mitigation itself says up to which number it knows already.
 */
#ifndef DOTSD_ROLE_LIFETIME_H
#define DOTSD_ROLE_LIFETIME_H

#include "core/mitigation.h"
#include "core/persist.h"

struct lifetimes;

struct lifetimes *lifetimes_new(struct persist *p);
void lifetimes_free(struct lifetimes *l); /* NULL is legal */
/* The last number given: what is written of a mitigation now supersedes all up to here. */
uint64_t lifetimes_last(const struct lifetimes *l);
/* Writes when m expires; the number of that row is in m->lifetime_row. epoch: the wall clock's time
 * at moment 0 of the monotonic one. */
void lifetimes_put(struct lifetimes *l, const struct book *b, struct mitigation *m, wall_ms epoch);

/* At the start: reads all; then each mitigation is asked for; then the answers are forgotten. */
void lifetimes_restore(struct lifetimes *l);
/* The newest one of that mitigation, if its number is above `after`, the one that its record knows:
 * true, *ret_expires, *ret_left (seconds that there were when it was written; 0: not told) and
 * *ret_row are set. Numbers given later are above `after`, too. */
bool lifetimes_find(struct lifetimes *l, uint64_t id, uint64_t after, wall_ms *ret_expires,
	int64_t *ret_left, uint64_t *ret_row);
void lifetimes_restored(struct lifetimes *l);

#endif
