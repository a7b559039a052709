/*
 * Heartbeats (RFC 9132 4.7): one a interval, each either answered or, when the next is due, missed.
 */
#include "core/heartbeat.h"

void
heartbeat_init(struct heartbeat *h, const struct heartbeat_config *c, mono_ms now)
{
	*h = (struct heartbeat){
		.config = *c, .next = now + c->interval_ms, .heard = now, .peer_beat = now};
}

void
heartbeat_configure(struct heartbeat *h, const struct heartbeat_config *c, mono_ms now)
{
	if (c->interval_ms != h->config.interval_ms)
		h->next = now + c->interval_ms;
	h->config = *c;
}

bool
heartbeat_heard(struct heartbeat *h, mono_ms now)
{
	bool was = h->silent || h->lost;

	h->heard = now;
	h->missed = 0;
	h->silent = h->lost = false;
	return was;
}

void
heartbeat_answered(struct heartbeat *h, mono_ms now)
{
	h->outstanding = false;
	heartbeat_heard(h, now);
}

void
heartbeat_peer(struct heartbeat *h, mono_ms now)
{
	h->peer_beat = now;
	heartbeat_heard(h, now);
}

/* The last one was not answered in its interval, and nothing else came either. */
static void
count_missed(struct heartbeat *h, struct heartbeat_due *due, mono_ms now)
{
	due->cancel = h->outstanding;
	if (!h->outstanding || now - h->heard < h->config.interval_ms)
		return;
	h->missed++;
	due->became_silent = !h->silent;
	h->silent = true;
	if (h->missed >= h->config.missing_allowed && !h->lost) {
		due->became_lost = true;
		h->lost = true;
	}
}

struct heartbeat_due
heartbeat_tick(struct heartbeat *h, mono_ms now)
{
	struct heartbeat_due due = {0};

	if (!h->config.interval_ms || now < h->next)
		return due;
	count_missed(h, &due, now);
	due.send = true;
	due.peer_hb_status = now - h->peer_beat <= 2 * (mono_ms)h->config.interval_ms;
	h->outstanding = true;
	h->next = now + h->config.interval_ms;
	return due;
}

mono_ms
heartbeat_deadline(const struct heartbeat *h)
{
	return h->config.interval_ms ? h->next : INT64_MAX;
}
