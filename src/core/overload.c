/*
 * The rate that a mitigation drops, interval by interval.
 */
#include "core/overload.h"

bool
overload_seen(const struct overload_rule *r, struct overload_gauge *g, uint64_t packets,
	uint64_t bytes, mono_ms now)
{
	uint64_t count = r->unit == RATE_BYTES ? bytes : packets;
	mono_ms span = now - g->since;
	bool over = !g->begun || span >= r->interval_ms, exceeded = false;

	if (!r->rate || span < 0)
		return false;
	/* What is too much for the whole interval already need not be waited for. */
	if (g->begun)
		exceeded = (count - g->count) * 1000 >
			   (uint64_t)r->rate * (uint64_t)(over ? span : r->interval_ms);
	if (over)
		*g = (struct overload_gauge){true, now, count};
	return exceeded;
}

void
overload_rest(struct overload_gauge *g, mono_ms until)
{
	*g = (struct overload_gauge){.since = until};
}
