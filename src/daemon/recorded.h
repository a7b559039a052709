/*
 * Aliases and ACLs that the operator has put on record at run time, beside those of `data-files`
 * (RFC 8783 6, 7): kept in the store until they are removed. No file is overridden: what has the
 * name of one of a file is withheld while the file has it.
 */
#ifndef DOTSD_DAEMON_RECORDED_H
#define DOTSD_DAEMON_RECORDED_H

#include "core/persist.h"
#include "daemon/config.h"

struct recorded;
/* Reads the store. What cannot be read is left alone there, with an alert. */
struct recorded *recorded_new(struct persist *p);
void recorded_free(struct recorded *r); /* NULL is legal */

/* All of ours: those of the files in their order, then the operator's by name; those beyond
 * SHARES_MAX are withheld. Borrowed from r and c, until the next call. */
const struct share_wish *recorded_wishes(struct recorded *r, const struct config *c, size_t *ret_n);
/* Puts it on record in place of what the operator has there by that name; the entry is normalised,
 * and referenced. 0, or with `why` -EEXIST: a file has that name; -ENOSPC. */
int recorded_set(struct recorded *r, const struct config *c, enum share_kind kind, json_t *entry,
	char *why, size_t cap);
/* 0, or with `why` -EEXIST: only a file has it; -ENOENT: nobody has. */
int recorded_remove(struct recorded *r, const struct config *c, enum share_kind kind,
	const char *name, char *why, size_t cap);
/* How many of the operator's there are. */
size_t recorded_count(const struct recorded *r);

#endif
