/*
 * PROBING_RATE (RFC 7252 4.7, RFC 9132 4.5.2): the bytes a second, on average, that go to a peer
 * that does not respond. Mitigation requests never wait for it (RFC 9132 4.4), nor do heartbeats,
 * which have an interval of their own. Pure.
 */
#ifndef DOTSD_CORE_PROBING_H
#define DOTSD_CORE_PROBING_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h" /* mono_ms only */

/* Added to each message by DTLS, UDP and IPv6: 29 + 8 + 40, or a little less. */
enum { PROBING_ENVELOPE = 77 };

/* All zero at first. */
struct probing {
	mono_ms paid; /* what went out so far is paid for by then */
};

/* When the next message may go; now at the earliest. */
mono_ms probing_next(const struct probing *p, mono_ms now);
/* One of so many bytes went; rate: at least 1. */
void probing_sent(struct probing *p, size_t bytes, uint32_t rate, mono_ms now);

#endif
