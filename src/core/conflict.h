/*
 * Requests of different clients for the same addresses (RFC 9132 4.4.1.3, 4.4.2.1): an index by
 * prefix that finds them. All of them stay active, nobody's is ended for another one's sake, and
 * each client is told which of its own targets are concerned; of the other request nothing. Ports
 * and protocols do not count. Pure.
 *
 * Requests are within what their clients may ask for, so they meet only where two clients have
 * authority over the same addresses: such clients are of one DOTS client domain.
 *
 * What a call costs is bounded, however many requests there are and overlap.
 */
#ifndef DOTSD_CORE_CONFLICT_H
#define DOTSD_CORE_CONFLICT_H

#include "base/addr.h"

enum {
	CONFLICT_SCOPE_MAX = 16,  /* targets named to a client; the others are in conflict untold */
	CONFLICT_TOLD_MAX = 64,   /* requests that conflicts_others finds */
	CONFLICT_WALK_MAX = 4096, /* what stands in the index and is looked at, in one call */
};

/* One request's place in the index. The caller sets the first four, borrowed until it leaves. */
struct claim {
	const char *client; /* claims of one client are never in conflict */
	const struct prefix *targets;
	size_t n_targets;
	void *owner;
	/* private to conflict.c */
	struct hold *holds; /* NULL: not in the index */
	uint64_t walk;      /* last search that met it */
};

struct conflicts;
struct conflicts *conflicts_new(void);
void conflicts_free(struct conflicts *cs); /* claims are not touched */
void conflicts_enter(struct conflicts *cs, struct claim *k);
void conflicts_leave(struct conflicts *cs, struct claim *k); /* not in it: nothing happens */
/* Of k's own targets those that meet a target of another client, each once, in k's order. 0 if k is
 * not in the index. *ret_whole: nothing was left unlooked at. */
size_t conflicts_scope(const struct conflicts *cs, const struct claim *k,
	struct prefix ret[CONFLICT_SCOPE_MAX], bool *ret_whole);
/* The claims of other clients that k meets, each once; k may have left. True: those are all. */
bool conflicts_others(struct conflicts *cs, const struct claim *k,
	void (*visit)(void *arg, struct claim *other), void *arg);

#endif
