/*
 * Signalling messages of CoAP over TCP (RFC 8323 section 5): capabilities first, pings, and the two
 * ways to end a connection with a reason.
 *
 * The options that the RFC defines are all elective, so a critical one is never known. Of the
 * elective ones Max-Message-Size is used. Custody, Hold-Off and Alternative-Address are left alone:
 * the pace of new sessions is that of RFC 9132 4.7, and where to connect to is never the server's
 * choice alone (RFC 9284 5.1). Block-Wise-Transfer is not announced, for together with our
 * Max-Message-Size it would promise BERT (5.3.2).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "net/session_private.h"

enum {
	PEER_TEXT_MAX = 120,
	RELEASE_MS = 5000,    /* for what is still to be answered (RFC 8323 5.5) */
	PEER_MAX_LEAST = 256, /* any error goes into this, with its text */
};

/* --- ours ----------------------------------------------------------------------------------- */

void
signalling_greet(struct session *s)
{
	struct coap_msg msg;

	coap_init(&msg, COAP_NON, COAP_701_CSM);
	coap_add_uint(&msg, COAP_CSM_MAX_MESSAGE_SIZE, COAP_MESSAGE_MAX);
	stream_send(s, &msg);
}

/* option: of a CSM, that cannot be processed; 0: another reason. */
static void
signalling_abort_for(struct session *s, const char *why, uint16_t option)
{
	struct coap_msg msg;

	coap_init(&msg, COAP_NON, COAP_705_ABORT);
	if (option)
		coap_add_uint(&msg, COAP_ABORT_BAD_CSM_OPTION, option);
	msg.payload = (const uint8_t *)why;
	msg.payload_len = strlen(why);
	stream_send(s, &msg);
	association_close(s->association);
	session_end(s, why);
}

void
signalling_abort(struct session *s, const char *why)
{
	signalling_abort_for(s, why, 0);
}

/* --- the peer's ----------------------------------------------------------------------------- */

/* What the peer says about the end. */
static char *
signalling_reason(const char *what, const struct coap_msg *msg)
{
	char text[PEER_TEXT_MAX];

	if (!msg->payload_len)
		return mem_text(what);
	event_escape(text, sizeof(text), msg->payload, msg->payload_len);
	return mem_printf("%s: %s", what, text);
}

static void
signalling_csm(struct session *s, const struct coap_msg *msg)
{
	uint32_t max;

	if (coap_find(msg, COAP_CSM_MAX_MESSAGE_SIZE)) {
		if (!coap_get_uint(msg, COAP_CSM_MAX_MESSAGE_SIZE, &max)) {
			signalling_abort_for(s, "Max-Message-Size is no number (RFC 8323 5.3.1)",
				COAP_CSM_MAX_MESSAGE_SIZE);
			return;
		}
		if (max < PEER_MAX_LEAST) {
			signalling_abort_for(s,
				"Max-Message-Size holds no answer of ours (RFC 8323 5.3.1)",
				COAP_CSM_MAX_MESSAGE_SIZE);
			return;
		}
		s->stream.peer_max = max;
	}
	if (s->state == SESSION_GREETING)
		session_greeted(s);
}

static void
signalling_ping(struct session *s, const struct coap_msg *msg)
{
	struct coap_msg pong;

	coap_init(&pong, COAP_NON, COAP_703_PONG);
	pong.token_len = msg->token_len;
	memcpy(pong.token, msg->token, msg->token_len);
	stream_send(s, &pong);
}

void
signalling_answered(struct session *s)
{
	if (s->stream.released && s->coap.n_exchanges == 0 && s->state == SESSION_UP)
		timer_after(s->timer, 0);
}

/* RFC 8323 5.5: first what was asked before is answered. */
static void
signalling_release(struct session *s, const struct coap_msg *msg)
{
	if (s->stream.released)
		return;
	s->stream.released = signalling_reason("released by the peer", msg);
	timer_after(s->timer, RELEASE_MS);
	signalling_answered(s);
}

static void
signalling_aborted(struct session *s, const struct coap_msg *msg)
{
	char *reason = signalling_reason("aborted by the peer", msg);

	association_close(s->association);
	session_end(s, reason);
	free(reason);
}

static const struct {
	uint8_t code;
	void (*receive)(struct session *s, const struct coap_msg *msg);
} signals[] = {
	{COAP_701_CSM, signalling_csm},
	{COAP_702_PING, signalling_ping},
	{COAP_704_RELEASE, signalling_release},
	{COAP_705_ABORT, signalling_aborted},
};

/* RFC 8323 5.2. */
static uint16_t
signalling_critical_option(const struct coap_msg *msg)
{
	for (unsigned i = 0; i < msg->n_options; i++)
		if (msg->options[i].number & 1)
			return msg->options[i].number;
	return 0;
}

void
signalling_receive(struct session *s, const struct coap_msg *msg)
{
	uint16_t critical = signalling_critical_option(msg);
	char why[96];

	if (msg->code == COAP_EMPTY)
		return; /* may come at any time (RFC 8323 3.4) */
	if (s->state == SESSION_GREETING && msg->code != COAP_701_CSM) {
		signalling_abort(s, "the first message is no CSM (RFC 8323 5.3)");
		return;
	}
	if (critical) {
		snprintf(why, sizeof(why), "critical option %u is not known (RFC 8323 5.2)",
			critical);
		signalling_abort_for(s, why, msg->code == COAP_701_CSM ? critical : 0);
		return;
	}
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].code == msg->code)
			signals[i].receive(s, msg);
}
