/*
 * See rate.h. Every request costs the time between two of them; the debt may grow as long as the
 * burst.
 */
#include "core/rate.h"

enum { SECOND_US = 1000000 };

uint32_t
rate_take_in(struct rate *r, uint32_t n, uint32_t seconds, mono_ms now)
{
	int64_t now_us = now * 1000, burst_us = (int64_t)seconds * SECOND_US;
	int64_t until_us = (r->until_us > now_us ? r->until_us : now_us) + burst_us / n;
	int64_t over_us = until_us - now_us - burst_us;

	if (over_us > 0)
		return (uint32_t)((over_us + SECOND_US - 1) / SECOND_US);
	r->until_us = until_us;
	return 0;
}

uint32_t
rate_take(struct rate *r, uint32_t per_second, mono_ms now)
{
	return rate_take_in(r, per_second * RATE_BURST_S, RATE_BURST_S, now);
}
