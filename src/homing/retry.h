/*
 * Requests that a server will not hear of again before its retry-timer is over (RFC 9132 4.4.1.3,
 * 4.4.2.1), whoever asks for them meanwhile. Kept in memory only, at most 64 of them: of more, the
 * one that is over first is forgotten.
 */
#ifndef DOTSD_HOMING_RETRY_H
#define DOTSD_HOMING_RETRY_H

#include "base/loop.h" /* mono_ms only */
#include "core/verdict.h"
#include "homing/target.h"

struct retries;

struct retries *retries_new(void);
void retries_free(struct retries *r); /* NULL is legal */

/* Which request: of an equal target (ports and protocols, too) at that server. All is copied where
 * it is kept. */
struct retry_key {
	const char *domain, *server; /* name and id */
	const struct target *target;
	bool trigger_mitigation;
};
/* Takes the place of what was known of it. The server's word, whose retry-timer counts from now; 0:
 * there is nothing to wait for. */
void retries_set(
	struct retries *r, const struct retry_key *k, const struct conflict *c, mono_ms now);
/* True: it may not be asked for yet; *ret is that word, with the seconds that are left. */
bool retries_find(
	const struct retries *r, const struct retry_key *k, mono_ms now, struct conflict *ret);

#endif
