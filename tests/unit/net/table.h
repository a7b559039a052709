/*
 * A server session under test and a peer that speaks CoAP by hand (harness.h).
 */
#ifndef DOTSD_TEST_TABLE_H
#define DOTSD_TEST_TABLE_H

#include "harness.h"
#include "net/session_private.h"

struct table {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side side;
	struct raw *raw;
	struct session *s;
};

/* Repeats of ours come soon and are never given up while a test lasts. */
void table_start(struct table *t);
/* limits: what the listener is to keep to; its credentials are set here. */
void table_start_limited(struct table *t, const struct listener_config *limits);
void table_stop(struct table *t);
/* Its token is "tokn", unless it is empty. */
struct coap_msg message(enum coap_type type, uint8_t code, uint16_t id);
void send_message(struct table *t, enum coap_type type, uint8_t code, uint16_t id);
/* The i-th message that came, once it is there. */
const struct coap_msg *came(struct table *t, unsigned i);

#endif
