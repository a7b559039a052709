/*
 * What the process asks of the system around its start: limits, memory, directories, fewer
 * privileges.
 */
#ifndef DOTSD_DAEMON_PROCESS_H
#define DOTSD_DAEMON_PROCESS_H

#include "daemon/config.h"

/* Sessions over UDP need no descriptor of their own; those over TCP, links, helpers and watchers
 * do. */
void process_raise_file_limit(void);
/* Once, before the loop runs: what is done to memory keeps nobody waiting from then on. What is
 * freed is joined with its neighbours at once, not all of it in one go now and then, which takes
 * milliseconds; reading what is on record is faster without. And a worker that is at work on JSON
 * gives way (base/loop.h) with every so many pieces of it. */
void process_set_memory(void);
/* The directory of a file, if it is missing: /run is empty after a boot. What is wrong with it
 * shows when the file is made. */
void process_make_parent(const char *path);
/* No new privileges from here on; and the account of `user:`, when started as root. Everything that
 * needs root is open by then; what is written later is handed over. False with `why`. */
bool process_drop(const struct config *c, char *why, size_t cap);

#endif
