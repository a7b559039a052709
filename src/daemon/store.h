/*
 * The store: SQLite (WAL) behind core/persist.h. One table of records, a schema version, one group
 * commit a loop turn in the worker thread. If a commit fails or takes over a second, whoever waits
 * is told "not durable", an event says so, and the changes stay queued until the store is back: at
 * most one for each record that lives, and one for each that is on disk. A database file that is
 * removed while it is open is written anew, whole, when the directory is there.
 */
#ifndef DOTSD_DAEMON_STORE_H
#define DOTSD_DAEMON_STORE_H

#include "base/loop.h"
#include "core/persist.h"

/* Opens or creates <dir>/dotsd.db. NULL with `why`: directory or file unusable, schema newer than
 * we know. */
struct persist *store_open(struct loop *l, const char *dir, char *why, size_t cap);
/* Writes what is queued (waits for the worker), closes, and tells those who still wait: they are to
 * let go. The loop does not run any more. */
void store_close(struct persist *p);
/* It fails, since a commit failed or took over a second and until one returns. */
bool store_is_volatile(const struct persist *p);
/* Records accepted but not on disk while it fails: 0 in health. */
size_t store_backlog(const struct persist *p);

#endif
