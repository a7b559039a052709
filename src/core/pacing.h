/*
 * On average not more than one datagram a round trip goes to a peer (RFC 9132 4.4, RFC 8085 3.1.3);
 * the average is that of ten minutes, so that what an attack asks for at once is not held back by
 * the quiet before it. Pure.
 */
#ifndef DOTSD_CORE_PACING_H
#define DOTSD_CORE_PACING_H

#include "base/loop.h" /* mono_ms only */

enum {
	PACING_SPAN_MS = 600000,
	PACING_ROUND_TRIP_MS = 3000, /* while none was measured (RFC 9132 4.4) */
};

/* All zero at first. */
struct pacing {
	mono_ms paid;          /* what went out so far is paid for by then */
	int64_t round_trip_ms; /* smoothed; 0: none was measured */
};

/* Something that is answered at once was answered so long after it had been sent: a heartbeat, say,
 * not a mitigation request, which may wait for a disk or for others. */
void pacing_measured(struct pacing *p, int64_t round_trip_ms);
/* When the next datagram may go; now at the earliest. */
mono_ms pacing_next(const struct pacing *p, mono_ms now);
void pacing_sent(struct pacing *p, mono_ms now); /* one went */

#endif
