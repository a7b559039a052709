/*
 * What either end does alike: the heartbeat message (RFC 9132 4.7), and taking up what was agreed
 * on for a session (4.5).
 */
#ifndef DOTSD_ROLE_HB_H
#define DOTSD_ROLE_HB_H

#include "core/session_config.h"
#include "net/session.h"

/* A Non-confirmable PUT hb; handle as of request_send. */
int64_t hb_send(struct session *s, bool peer_hb_status, response_cb answered, void *arg);
/* These values are in force on that session from now on. */
void hb_follow(
	struct session *s, struct heartbeat *hb, const struct session_params *p, mono_ms now);

#endif
