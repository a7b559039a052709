/*
 * Requests of the peer and our responses to them (RFC 7252 section 5.2), and notifications
 * (RFC 7641 section 4). An exchange belongs to the owner from the request callback until
 * exchange_respond, and may outlive its session.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/session_private.h"
#include "net/udp.h"

enum { BUSY_MAX_AGE_S = 5 };

struct exchange {
	struct session *session; /* NULL: gone */
	struct exchange *prev, *next;
	uint8_t token_len;
	uint8_t token[COAP_TOKEN_MAX];
	uint16_t id;
	bool confirmable;
	mono_ms ack_at; /* an empty ACK is due then; 0: sent, or not needed */
};

/* A separate response on its way (RFC 7252 5.2.2). */
struct reply {
	struct reply *prev, *next;
	struct transmission con;
};

/* --- lists ---------------------------------------------------------------------------------- */

static void
exchange_unlink(struct messaging *m, struct exchange *ex)
{
	if (ex->prev)
		ex->prev->next = ex->next;
	else
		m->exchanges = ex->next;
	if (ex->next)
		ex->next->prev = ex->prev;
	ex->prev = ex->next = NULL;
	m->n_exchanges--;
}

static struct exchange *
exchange_new(struct messaging *m, const struct coap_msg *request)
{
	struct exchange *ex = mem_new(sizeof(*ex));

	ex->session = m->session;
	ex->token_len = request->token_len;
	memcpy(ex->token, request->token, request->token_len);
	ex->id = request->id;
	ex->confirmable = request->type == COAP_CON;
	ex->next = m->exchanges;
	if (ex->next)
		ex->next->prev = ex;
	m->exchanges = ex;
	m->n_exchanges++;
	return ex;
}

static void
reply_free(struct messaging *m, struct reply *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		m->replies = r->next;
	if (r->next)
		r->next->prev = r->prev;
	m->n_replies--;
	transmission_stop(&r->con);
	free(r);
}

static void
reply_start(struct messaging *m, uint16_t id, const uint8_t *bytes, size_t len)
{
	struct reply *r = mem_new(sizeof(*r));

	r->next = m->replies;
	if (r->next)
		r->next->prev = r;
	m->replies = r;
	m->n_replies++;
	transmission_start(&r->con, m, id, bytes, len);
}

static struct reply *
reply_find(const struct messaging *m, uint16_t id)
{
	for (struct reply *r = m->replies; r; r = r->next)
		if (r->con.id == id)
			return r;
	return NULL;
}

/* --- answering ------------------------------------------------------------------------------ */

/* Encodes it; what does not fit in a datagram becomes an error that does (RFC 9132 7.3). */
static size_t
exchange_encode(struct session *s, const struct coap_msg *msg, uint8_t *bytes)
{
	static const char text[] = "the response does not fit in one datagram (RFC 9132 7.3)";
	struct coap_msg small;
	int n = coap_encode(msg, bytes, session_max_message(s));

	if (n >= 0)
		return (size_t)n;
	coap_init(&small, msg->type, COAP_500_INTERNAL_SERVER_ERROR);
	small.id = msg->id;
	small.token_len = msg->token_len;
	memcpy(small.token, msg->token, msg->token_len);
	small.payload = (const uint8_t *)text;
	small.payload_len = strlen(text);
	n = coap_encode(&small, bytes, session_max_message(s));
	return n < 0 ? 0 : (size_t)n;
}

static void
exchange_send(struct exchange *ex, const struct coap_msg *response)
{
	struct session *s = ex->session;
	struct messaging *m = &s->coap;
	struct coap_msg out = *response;
	uint8_t bytes[UDP_SEND_MAX];
	bool piggybacked = ex->confirmable && ex->ack_at;
	size_t n;

	out.token_len = ex->token_len;
	memcpy(out.token, ex->token, ex->token_len);
	if (piggybacked)
		out.type = COAP_ACK;
	else
		out.type = ex->confirmable && m->n_replies < MESSAGING_REPLIES_MAX ? COAP_CON
										   : COAP_NON;
	out.id = piggybacked ? ex->id : messaging_id(m);
	n = exchange_encode(s, &out, bytes);
	if (out.type == COAP_CON) {
		reply_start(m, out.id, bytes, n);
		return;
	}
	session_send(s, bytes, n);
	if (piggybacked)
		dedup_answer(&m->dedup, ex->id, bytes, n, loop_now(m->loop));
}

/* The request is dealt with, and there is nothing to say. */
static void
exchange_silence(struct exchange *ex)
{
	if (ex->confirmable && ex->ack_at)
		messaging_empty(&ex->session->coap, COAP_ACK, ex->id);
}

void
exchange_respond(struct exchange *ex, const struct coap_msg *response)
{
	if (ex->session) {
		if (ex->session->state == SESSION_UP && response->code == COAP_EMPTY)
			exchange_silence(ex);
		else if (ex->session->state == SESSION_UP)
			exchange_send(ex, response);
		exchange_unlink(&ex->session->coap, ex);
	}
	free(ex);
}

struct session *
exchange_session(const struct exchange *ex)
{
	return ex->session;
}

int
session_notify(struct session *s, const uint8_t *token, size_t token_len,
	const struct coap_msg *notification)
{
	struct messaging *m = &s->coap;
	struct coap_msg out = *notification;
	uint8_t bytes[UDP_SEND_MAX];
	struct note *note = &m->notes[m->next_note];
	int n;

	if (s->state != SESSION_UP)
		return -ENOTCONN;
	if (token_len > COAP_TOKEN_MAX)
		return -EINVAL;
	out.type = COAP_NON;
	out.id = messaging_id(m);
	out.token_len = (uint8_t)token_len;
	memcpy(out.token, token, token_len);
	n = coap_encode(&out, bytes, session_max_message(s));
	if (n < 0)
		return n == -ENOSPC ? -EMSGSIZE : n;
	*note = (struct note){.used = true, .id = out.id, .token_len = out.token_len};
	memcpy(note->token, token, token_len);
	m->next_note = (m->next_note + 1) % MESSAGING_NOTES;
	return session_send(s, bytes, (size_t)n);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* RFC 9132 3: every error says what is wrong. */
static void
exchange_refuse(struct exchange *ex, uint8_t code, const char *text)
{
	struct coap_msg msg;

	coap_init(&msg, COAP_NON, code);
	if (code == COAP_503_SERVICE_UNAVAILABLE)
		coap_add_uint(&msg, COAP_OPT_MAX_AGE, BUSY_MAX_AGE_S);
	msg.payload = (const uint8_t *)text;
	msg.payload_len = strlen(text);
	exchange_respond(ex, &msg);
}

void
exchange_receive(struct messaging *m, const struct coap_msg *request)
{
	struct session *s = m->session;
	bool full = m->n_exchanges == MESSAGING_EXCHANGES_MAX;
	struct exchange *ex = exchange_new(m, request);
	uint16_t bad = coap_bad_option(request);
	char text[96];

	if (ex->confirmable) {
		ex->ack_at = loop_now(m->loop) + m->params.ack_timeout_ms / 2;
		messaging_due(m, ex->ack_at);
	}
	if (full) {
		exchange_refuse(ex, COAP_503_SERVICE_UNAVAILABLE,
			"too many requests are waiting for an answer (RFC 7252 5.9.3.4)");
	} else if (bad) {
		snprintf(text, sizeof(text), "option %u: not known or not valid (RFC 7252 5.4.1)",
			bad);
		exchange_refuse(ex, COAP_402_BAD_OPTION, text);
	} else if (!s->ops->request) {
		exchange_refuse(ex, COAP_404_NOT_FOUND, "no resource here (RFC 7252 5.9.2.5)");
	} else {
		s->ops->request(s->arg, s, ex, request);
	}
}

void
exchange_acknowledged(struct messaging *m, uint16_t id)
{
	struct reply *r = reply_find(m, id);

	if (r)
		reply_free(m, r);
}

bool
exchange_reset(struct messaging *m, uint16_t id)
{
	struct reply *r = reply_find(m, id);

	if (r)
		reply_free(m, r);
	return r != NULL;
}

/* --- time ----------------------------------------------------------------------------------- */

static mono_ms
earlier(mono_ms a, mono_ms b)
{
	return a && (!b || a < b) ? a : b;
}

mono_ms
exchange_run(struct messaging *m, mono_ms now)
{
	struct reply *next_reply;
	mono_ms next = 0;

	for (struct exchange *ex = m->exchanges; ex; ex = ex->next) {
		if (ex->ack_at && ex->ack_at <= now) {
			messaging_empty(m, COAP_ACK, ex->id);
			ex->ack_at = 0;
		}
		next = earlier(ex->ack_at, next);
	}
	for (struct reply *r = m->replies; r; r = next_reply) {
		next_reply = r->next;
		if (r->con.next <= now && !transmission_repeat(&r->con, m))
			reply_free(m, r);
		else
			next = earlier(r->con.next, next);
	}
	return next;
}

void
exchange_orphan_all(struct messaging *m)
{
	while (m->exchanges) {
		struct exchange *ex = m->exchanges;

		exchange_unlink(m, ex);
		ex->session = NULL;
	}
	while (m->replies)
		reply_free(m, m->replies);
}
