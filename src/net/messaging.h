/*
 * The CoAP message layer of one session (RFC 7252 section 4): what arrives is sorted to requests
 * and exchanges, what is Confirmable is repeated until acknowledged. Over TCP only the sorting is
 * left (RFC 8323 3.1): all messages count as Non-confirmable there.
 *
 * Everything a peer can make grow is bounded here; a table of 64 is walked rather than indexed.
 */
#ifndef DOTSD_NET_MESSAGING_H
#define DOTSD_NET_MESSAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/block.h"
#include "net/dedup.h"
#include "net/observer.h"
#include "net/session.h"

enum {
	MESSAGING_REQUESTS_MAX = 64,  /* ours, open */
	MESSAGING_EXCHANGES_MAX = 64, /* the peer's, not answered yet; a session may have fewer */
	MESSAGING_REPLIES_MAX = 64,   /* separate responses, not acknowledged yet */
	MESSAGING_NOTES = 32,         /* notifications whose rejection is still understood */
};

/* A Confirmable message under way (RFC 7252 4.2). */
struct transmission {
	uint8_t *bytes; /* owned; NULL: not under way */
	size_t len;
	uint16_t id;
	uint32_t repeats;
	int64_t timeout_ms;
	mono_ms next;
};

struct note {
	bool used;
	uint16_t id;
	uint8_t token_len;
	uint8_t token[COAP_TOKEN_MAX];
};

struct request; /* request.c */
struct reply;   /* exchange.c */

struct messaging {
	struct session *session;
	struct loop *loop;
	struct coap_params params;
	struct timer *timer;
	mono_ms due; /* it is armed for then; 0 = not armed */
	uint16_t next_id;
	struct dedup dedup;
	struct request *requests;
	unsigned n_requests;
	int64_t last_handle;
	struct exchange *exchanges; /* requests of the peer, not answered yet */
	unsigned n_exchanges, exchanges_max;
	struct reply *replies;
	unsigned n_replies;
	struct note *notes; /* MESSAGING_NOTES, a ring; NULL: none yet */
	unsigned next_note;
	struct body *body;       /* which the peer is fetching; NULL: none */
	struct block_room *room; /* in which it is counted */
	struct observers observers;
};

void messaging_init(struct messaging *m, struct session *s, struct loop *l);
/* Open requests are told -ECANCELED, exchanges lose their session. */
void messaging_cancel(struct messaging *m);
void messaging_finish(struct messaging *m);
void messaging_receive(struct messaging *m, const uint8_t *bytes, size_t len);
/* From a stream. */
void messaging_receive_reliable(struct messaging *m, const struct coap_msg *msg);

/* --- for request.c and exchange.c ------------------------------------------------------------- */

bool messaging_is_reliable(const struct messaging *m);
/* In the transport's form, at most session_max_message; bytes has room for COAP_MESSAGE_MAX. Bytes
 * written, or -ENOSPC, -EINVAL. */
int messaging_encode(const struct messaging *m, const struct coap_msg *msg, uint8_t *bytes);
/* What messaging_encode made; values point into bytes. False: it did not. */
bool messaging_decode(
	const struct messaging *m, const uint8_t *bytes, size_t len, struct coap_msg *ret);
uint16_t messaging_id(struct messaging *m);
/* An empty ACK or RST for that id, kept for repeats of what it answers. Streams have neither. */
void messaging_empty(struct messaging *m, enum coap_type type, uint16_t id);
/* Sees to it that the timer fires at `when` at the latest. */
void messaging_due(struct messaging *m, mono_ms when);
/* EXCHANGE_LIFETIME and NON_LIFETIME (RFC 7252 4.8.2). */
int64_t messaging_exchange_lifetime(const struct messaging *m);
int64_t messaging_non_lifetime(const struct messaging *m);

/* Sends it the first time; the bytes are copied. */
void transmission_start(
	struct transmission *t, struct messaging *m, uint16_t id, const uint8_t *bytes, size_t len);
void transmission_stop(struct transmission *t);
/* Due: sends again, or false if it was sent often enough. */
bool transmission_repeat(struct transmission *t, struct messaging *m);

/* request.c */
/* A response of the peer; it is delivered if a request waits for it. The ACK of a CON response
 * has to go out first, so matching and delivery are two steps. */
struct request *request_match(const struct messaging *m, const struct coap_msg *response);
void request_deliver(struct messaging *m, struct request *r, const struct coap_msg *response);
bool request_acknowledged(struct messaging *m, uint16_t id);
bool request_reset(struct messaging *m, uint16_t id);
mono_ms request_run(struct messaging *m, mono_ms now); /* what is due; when next, 0 = never */
void request_cancel_all(struct messaging *m);          /* -ECANCELED */
void request_forget_all(struct messaging *m);          /* no callback */

/* exchange.c */
void exchange_receive(struct messaging *m, const struct coap_msg *request);
/* Acknowledged or reset: it is not repeated any more. */
void exchange_settled(struct messaging *m, uint16_t id);
mono_ms exchange_run(struct messaging *m, mono_ms now);
/* Exchanges lose their session; what is kept for the peer goes. */
void exchange_orphan_all(struct messaging *m);

#endif
