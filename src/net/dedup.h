/*
 * Message IDs lately received from one peer, and what was answered to the Confirmable ones
 * (RFC 7252 section 4.5).
 *
 * Bounded: a peer that sends more within a lifetime pushes its own oldest ones out. The DTLS replay
 * window already stops copies made by the network.
 */
#ifndef DOTSD_NET_DEDUP_H
#define DOTSD_NET_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

enum { DEDUP_IDS = 64, DEDUP_ANSWERS = 16 };

/* What was answered. */
struct dedup_kept {
	uint8_t *bytes; /* owned; NULL: free */
	uint16_t len;
	uint8_t place; /* of the id */
};

/* Ids side by side: they are looked through for every message. */
struct dedup {
	uint16_t ids[DEDUP_IDS];  /* a ring */
	mono_ms until[DEDUP_IDS]; /* 0: free */
	struct dedup_kept *kept;  /* DEDUP_ANSWERS; NULL: none yet */
	unsigned next, n_kept;
};

void dedup_finish(struct dedup *d);
/* The place of that id; -1: not seen, or too long ago. */
int dedup_find(const struct dedup *d, uint16_t id, mono_ms now);
/* What was answered to the one at that place; NULL: nothing yet, or none kept. */
const struct dedup_kept *dedup_answered(const struct dedup *d, int place);
void dedup_add(struct dedup *d, uint16_t id, mono_ms until);
/* Keeps a copy of what was answered to that id, in place of an earlier one. */
void dedup_answer(struct dedup *d, uint16_t id, const void *bytes, size_t len, mono_ms now);

#endif
