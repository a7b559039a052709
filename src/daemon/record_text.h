/*
 * Aliases and ACLs of ours as text: a JSON object with `ietf-dots-data-channel:aliases`,
 * `ietf-dots-data-channel:acls`, or both (RFC 8783 4.3). So they stand in `data-files`, come with
 * commands, and are kept in the store.
 */
#ifndef DOTSD_DAEMON_RECORD_TEXT_H
#define DOTSD_DAEMON_RECORD_TEXT_H

#include "homing/share.h"

enum { RECORD_WHY_MAX = 800 };

/* visit: each entry, normalised, borrowed, in its order. False with `why`, which names field and
 * reason; some may have been visited then. */
bool record_text_read(const char *text, size_t len,
	void (*visit)(void *arg, enum share_kind kind, json_t *entry), void *arg, char *why,
	size_t cap);
/* Of one; mem_* allocated (free). */
char *record_text_write(enum share_kind kind, json_t *entry);

#endif
