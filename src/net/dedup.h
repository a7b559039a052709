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

struct dedup_entry {
	mono_ms until;   /* 0: free */
	uint8_t *answer; /* owned; NULL: none yet, or none kept */
	uint16_t answer_len;
	uint16_t id;
};

struct dedup {
	struct dedup_entry entries[DEDUP_IDS]; /* a ring */
	unsigned next, n_answers;
};

void dedup_finish(struct dedup *d);
/* NULL: not seen, or too long ago. */
const struct dedup_entry *dedup_find(const struct dedup *d, uint16_t id, mono_ms now);
void dedup_add(struct dedup *d, uint16_t id, mono_ms until);
/* Keeps a copy of what was answered to that id, in place of an earlier one. */
void dedup_answer(struct dedup *d, uint16_t id, const void *bytes, size_t len, mono_ms now);

#endif
