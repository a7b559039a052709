/*
 * The heartbeat message, the same from either end (RFC 9132 4.7).
 */
#ifndef DOTSD_ROLE_HB_H
#define DOTSD_ROLE_HB_H

#include "net/session.h"

/* A Non-confirmable PUT hb; handle as of request_send. */
int64_t hb_send(struct session *s, bool peer_hb_status, response_cb answered, void *arg);

#endif
