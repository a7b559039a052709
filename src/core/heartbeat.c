/*
 * Heartbeats of one session (RFC 9132 4.7): when one is sent, and when the peer counts as silent or
 * lost. What a role does about loss (a client keeps the session, a server ends it) is its own.
 */
#include "core/heartbeat.h"

/* The clocks start as if the peer had just been heard. */
static void
start(struct heartbeat *h, mono_ms now)
{
	h->next = h->config.interval_ms ? now + h->config.interval_ms : INT64_MAX;
	h->heard = now;
	h->peer_beat = now;
}

void
heartbeat_init(struct heartbeat *h, const struct heartbeat_config *c, mono_ms now)
{
	*h = (struct heartbeat){.config = *c};
	start(h, now);
}

void
heartbeat_configure(struct heartbeat *h, const struct heartbeat_config *c, mono_ms now)
{
	uint32_t old = h->config.interval_ms;

	h->config = *c;
	if (!old || !c->interval_ms) { /* nothing was, or nothing is any more, to be missed */
		h->outstanding = h->quiet = false;
		h->missed = 0;
		start(h, now);
		return;
	}
	h->next = h->next - old + c->interval_ms;
	if (h->next < now)
		h->next = now;
}

/* Whatever is authenticated proves life: an answer, a request, anything (RFC 9132 4.7). */
static void
alive(struct heartbeat *h, mono_ms now)
{
	h->heard = now;
	h->quiet = false;
	h->missed = 0;
}

bool
heartbeat_heard(struct heartbeat *h, mono_ms now)
{
	bool again = h->silent || h->lost;

	alive(h, now);
	h->silent = h->lost = false;
	return again;
}

/* silent and lost stay: heartbeat_heard reports the return, whichever of the two comes first. */
void
heartbeat_answered(struct heartbeat *h, mono_ms now)
{
	alive(h, now);
	h->outstanding = false;
}

void
heartbeat_peer(struct heartbeat *h, mono_ms now)
{
	alive(h, now);
	h->peer_beat = now;
}

enum { CLOSEST_MS = 15000 }; /* RFC 9132 4.5.2, RFC 8085 */

/* RFC 9132 4.7: its own heartbeat has just opened the way of any translator. */
void
heartbeat_unheard(struct heartbeat *h, mono_ms now)
{
	uint32_t interval = h->config.interval_ms;
	mono_ms last = h->next - interval;
	mono_ms closest = interval < CLOSEST_MS ? interval : CLOSEST_MS;

	if (interval)
		h->next = now - last >= closest ? now : now + interval;
}

/* Time without any traffic that exhausts missing-hb-allowed. */
static uint64_t
span(const struct heartbeat *h)
{
	return (uint64_t)h->config.interval_ms * h->config.missing_allowed;
}

/* Loss is the time span, but only with the heartbeats to show for it: when we ourselves were
 * stopped for long, the peer had no chance to answer. The last one of the span is still under way
 * then. */
static bool
missed_enough(const struct heartbeat *h)
{
	uint32_t allowed = h->config.missing_allowed;

	return h->silent && h->missed >= (allowed > 2 ? allowed - 1 : 1);
}

/* The interval is over: what became of the last one, and the next. */
static void
beat(struct heartbeat *h, mono_ms now, struct heartbeat_due *due)
{
	due->cancel = h->outstanding;
	if (h->quiet) {
		h->missed++;
		due->became_silent = !h->silent;
		h->silent = true;
	}
	due->send = true;
	due->peer_hb_status = now - h->peer_beat <= 2 * (mono_ms)h->config.interval_ms;
	h->outstanding = h->quiet = true;
	h->next = now + h->config.interval_ms;
}

struct heartbeat_due
heartbeat_tick(struct heartbeat *h, mono_ms now)
{
	struct heartbeat_due due = {0};

	if (now >= h->next)
		beat(h, now, &due);
	if (!h->lost && missed_enough(h) && (uint64_t)(now - h->heard) >= span(h))
		due.became_lost = h->lost = true;
	return due;
}

mono_ms
heartbeat_deadline(const struct heartbeat *h)
{
	if (!h->lost && missed_enough(h) && (uint64_t)(h->next - h->heard) > span(h))
		return h->heard + (mono_ms)span(h);
	return h->next;
}
