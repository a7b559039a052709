/*
 * See probing.h. Each message costs the time in which the rate sends as much.
 */
#include "core/probing.h"

mono_ms
probing_next(const struct probing *p, mono_ms now)
{
	return p->paid > now ? p->paid : now;
}

void
probing_sent(struct probing *p, size_t bytes, uint32_t rate, mono_ms now)
{
	p->paid = probing_next(p, now) + (mono_ms)((bytes + PROBING_ENVELOPE) * 1000 / rate);
}
