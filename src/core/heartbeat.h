/*
 * Heartbeats and loss on one signal channel session, either end (RFC 9132 4.7). Pure.
 */
#ifndef DOTSD_CORE_HEARTBEAT_H
#define DOTSD_CORE_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h" /* mono_ms only */

struct heartbeat_config {
	uint32_t interval_ms;     /* 30000; 0 = none are sent and nothing is ever missed */
	uint32_t missing_allowed; /* 15 */
};
#define HEARTBEAT_CONFIG_DEFAULT ((struct heartbeat_config){30000, 15})

struct heartbeat {
	struct heartbeat_config config;
	mono_ms next;      /* when the next one is due */
	mono_ms heard;     /* last authenticated datagram of the peer */
	mono_ms peer_beat; /* last heartbeat request of the peer */
	uint32_t missed;   /* ours in a row without any response */
	bool outstanding;  /* the last one is unanswered so far */
	bool quiet;        /* nothing at all was heard since the last one went out */
	bool silent, lost; /* as last reported */
};

struct heartbeat_due {
	bool send;           /* send a heartbeat now … */
	bool peer_hb_status; /* … with this value: peer heartbeats came within 2 * interval */
	bool cancel;         /* forget the outstanding one first (its answer no longer counts) */
	bool became_silent;  /* one heartbeat interval and more without anything from the peer */
	bool became_lost;    /* missing_allowed exceeded: the session counts as disconnected */
};

void heartbeat_init(struct heartbeat *h, const struct heartbeat_config *c, mono_ms now);
/* New parameters on a live session; the clocks go on. */
void heartbeat_configure(struct heartbeat *h, const struct heartbeat_config *c, mono_ms now);
/* Any authenticated datagram. True: the session was silent or lost and is heard again. */
bool heartbeat_heard(struct heartbeat *h, mono_ms now);
void heartbeat_answered(struct heartbeat *h, mono_ms now); /* 2.04 to ours */
void heartbeat_peer(struct heartbeat *h, mono_ms now);     /* a heartbeat request of the peer */
/* The peer says that it hears none of ours (peer-hb-status false): the next one follows right after
 * this one of its own, or if the last one was lately, right after its next one. */
void heartbeat_unheard(struct heartbeat *h, mono_ms now);
/* What is due at now; call at heartbeat_deadline or later. Never sends more often than interval,
 * but for heartbeat_unheard: then every 15 s at most. */
struct heartbeat_due heartbeat_tick(struct heartbeat *h, mono_ms now);
mono_ms heartbeat_deadline(const struct heartbeat *h); /* INT64_MAX: never */

#endif
