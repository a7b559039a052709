/*
 * See pacing.h. Each datagram costs a round trip; what is owed may be as much as the span.
 */
#include "core/pacing.h"

enum { SMOOTHING = 8 }; /* RFC 6298 2.3 */

void
pacing_measured(struct pacing *p, int64_t round_trip_ms)
{
	int64_t now = round_trip_ms > 0 ? round_trip_ms : 1;

	p->round_trip_ms =
		p->round_trip_ms ? ((SMOOTHING - 1) * p->round_trip_ms + now) / SMOOTHING : now;
}

mono_ms
pacing_next(const struct pacing *p, mono_ms now)
{
	return p->paid - PACING_SPAN_MS > now ? p->paid - PACING_SPAN_MS : now;
}

void
pacing_sent(struct pacing *p, mono_ms now)
{
	p->paid = (p->paid > now ? p->paid : now) +
		  (p->round_trip_ms ? p->round_trip_ms : PACING_ROUND_TRIP_MS);
}
