/*
 * When our own mitigators count as overwhelmed, so that somebody else is asked as well (RFC 8811
 * 3.2.3). Pure: counters and time come in.
 */
#ifndef DOTSD_CORE_OVERLOAD_H
#define DOTSD_CORE_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h" /* mono_ms only */
#include "core/mitigator.h"

struct overload_rule {
	uint32_t rate; /* units a second that one mitigation may drop; 0: there is no such rule */
	enum rate_unit unit;
	uint32_t interval_ms; /* over which it is measured */
};

struct overload_gauge {
	bool begun;
	mono_ms since;  /* may be to come: nothing is measured before */
	uint64_t count; /* units dropped by then */
};

/* With the totals dropped until now, which never shrink: true once a measured interval had more
 * than the rate. Each interval begins where the one before it was over. */
bool overload_seen(const struct overload_rule *r, struct overload_gauge *g, uint64_t packets,
	uint64_t bytes, mono_ms now);
/* Measures anew, from that moment on. */
void overload_rest(struct overload_gauge *g, mono_ms until);

#endif
