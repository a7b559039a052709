/*
 * Loss of a client, at a server (RFC 9132 4.7, 4.4.1.3), by identity, not by session: nothing was
 * heard on any of its sessions for heartbeat-interval * missing-hb-allowed. Pure: time comes in.
 */
#ifndef DOTSD_CORE_LOSS_H
#define DOTSD_CORE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h" /* mono_ms only */

/* One for each client. */
struct loss {
	mono_ms heard; /* on any of its sessions; ahead of now while a grace lasts */
	bool orderly;  /* its last session ended by an authenticated close of the client, or by
			  ours (redirect, drain, limit, stop): not a loss, until it was here
			  again */
	bool lost;
};

/* Known to be there; grace_ms: added to the first wait (after a start of the server: 300 s). */
void loss_init(struct loss *l, mono_ms now, uint32_t grace_ms);
/* Any authenticated datagram of it. True: it was lost, and is back. */
bool loss_heard(struct loss *l, mono_ms now);
/* Its last session is over, and how. */
void loss_closed(struct loss *l, bool orderly);
/* patience_ms: heartbeat-interval * missing-hb-allowed of the session heard last; 0: heartbeats are
 * off, it is never lost. True: it is lost since now. Called later than the deadline by all of the
 * patience and more, it waits anew: we were stopped ourselves. */
bool loss_tick(struct loss *l, uint64_t patience_ms, mono_ms now);
/* When to look again; INT64_MAX: never. */
mono_ms loss_deadline(const struct loss *l, uint64_t patience_ms);

#endif
