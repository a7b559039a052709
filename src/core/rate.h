/*
 * A token bucket: how many requests a client may send (RFC 9132 11). Pure.
 */
#ifndef DOTSD_CORE_RATE_H
#define DOTSD_CORE_RATE_H

#include <stdint.h>

#include "base/loop.h" /* mono_ms only */

/* At once, after a quiet time: as many as in so many seconds. */
enum { RATE_BURST_S = 10 };

/* All zero at first. */
struct rate {
	int64_t until_us; /* what was taken so far is paid for by then */
};

/* per_second: at least 1. 0: one more is fine, and counted. Else, nothing was counted, and the
 * seconds after which it will be fine, rounded up. */
uint32_t rate_take(struct rate *r, uint32_t per_second, mono_ms now);
/* The same of what may come n times in so many seconds, all at once, too. */
uint32_t rate_take_in(struct rate *r, uint32_t n, uint32_t seconds, mono_ms now);

#endif
