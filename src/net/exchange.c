/*
 * Requests of the peer and our responses to them (RFC 7252 section 5.2), in blocks where they do
 * not fit one message (RFC 7959), and notifications (RFC 7641 section 4). An exchange belongs to
 * the owner from the request callback until exchange_respond, and may outlive its session.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/session_private.h"

enum { BUSY_MAX_AGE_S = 5, SUCCESS_CLASS = 2, TEXT_MAX = 128 };

static const struct block any_block = {.szx = BLOCK_SZX_MAX};

struct exchange {
	struct session *session; /* NULL: gone */
	struct exchange *prev, *next;
	uint8_t token_len;
	uint8_t token[COAP_TOKEN_MAX];
	uint16_t id;
	bool confirmable;
	bool sized;    /* Block2 was there */
	bool observes; /* Observe was, and the block asked for is the first */
	struct block block;
	uint64_t key;
	mono_ms ack_at; /* an empty ACK is due then; 0: sent, or not needed */
};

/* A separate response, or a notification, on its way (RFC 7252 5.2.2). */
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
	ex->block = any_block;
	ex->sized = block_get(request, COAP_OPT_BLOCK2, &ex->block) == 0;
	ex->observes = !ex->block.num && coap_find(request, COAP_OPT_OBSERVE);
	ex->key = block_key(request);
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

/* An error with its reason (RFC 9132 3: every error says what is wrong). */
static void
error_init(struct coap_msg *m, uint8_t code, uint32_t max_age, const char *text)
{
	coap_init(m, COAP_NON, code);
	if (max_age)
		coap_add_uint(m, COAP_OPT_MAX_AGE, max_age);
	m->payload = (const uint8_t *)text;
	m->payload_len = strlen(text);
}

/* No response at all (RFC 9132 4.4.3); a Confirmable request is acknowledged all the same. */
static void
exchange_stay_silent(const struct exchange *ex)
{
	if (ex->confirmable && ex->ack_at)
		messaging_empty(&ex->session->coap, COAP_ACK, ex->id);
}

/* False: it does not fit one message. */
static bool
exchange_send(struct exchange *ex, const struct coap_msg *response)
{
	struct session *s = ex->session;
	struct messaging *m = &s->coap;
	struct coap_msg out = *response;
	uint8_t bytes[COAP_MESSAGE_MAX];
	bool piggybacked = ex->confirmable && ex->ack_at;
	int n;

	out.token_len = ex->token_len;
	memcpy(out.token, ex->token, ex->token_len);
	if (piggybacked)
		out.type = COAP_ACK;
	else
		out.type = ex->confirmable && m->n_replies < MESSAGING_REPLIES_MAX ? COAP_CON
										   : COAP_NON;
	out.id = piggybacked ? ex->id : messaging_id(m);
	n = messaging_encode(m, &out, bytes);
	if (n < 0)
		return false;
	if (out.type == COAP_CON) {
		reply_start(m, out.id, bytes, (size_t)n);
		return true;
	}
	session_send(s, bytes, (size_t)n);
	if (piggybacked)
		dedup_answer(&m->dedup, ex->id, bytes, (size_t)n, loop_now(m->loop));
	return true;
}

/* The message for what is wrong with an answer, or with the block asked for; text has TEXT_MAX. */
static void
exchange_explain(const struct exchange *ex, int error, size_t len, struct coap_msg *ret, char *text)
{
	const struct block_room *room = ex->session->coap.room;
	uint8_t code = COAP_500_INTERNAL_SERVER_ERROR;
	uint32_t max_age = 0;

	switch (error) {
	case -EFBIG:
		snprintf(text, TEXT_MAX,
			"RFC 7959 2.4: the answer has %zu bytes, more than the %u that are sent",
			len, room->max_body);
		break;
	case -ENOBUFS:
		code = COAP_503_SERVICE_UNAVAILABLE;
		max_age = BLOCK_KEEP_S;
		snprintf(text, TEXT_MAX,
			"RFC 7959 7.1: there is no room now for an answer in blocks");
		break;
	case -ERANGE:
		code = COAP_400_BAD_REQUEST;
		snprintf(text, TEXT_MAX,
			"RFC 7959 2.4: Block2 asks for block %u of %zu bytes, the body has %zu",
			ex->block.num, block_size(&ex->block), len);
		break;
	default:
		snprintf(text, TEXT_MAX, "RFC 9132 7.3: the answer does not fit one datagram");
		break;
	}
	error_init(ret, code, max_age, text);
}

/* The first message of a body, kept in place of an earlier one. 0 or -errno. */
static int
body_begin(struct messaging *m, uint64_t key, const struct block *wanted,
	const struct coap_msg *response, struct coap_msg *ret)
{
	mono_ms now = loop_now(m->loop);
	uint32_t observe;
	int error;

	/* RFC 7959 2.1: what has no body. */
	if (coap_class(response->code) != SUCCESS_CLASS || !response->payload_len)
		return -EMSGSIZE;
	body_free(m->body);
	error = body_new(m->room, key, response, now, &m->body);
	if (error)
		return error;
	error = body_block(m->body, wanted, session_max_message(m->session), now, ret);
	if (!error && coap_get_uint(response, COAP_OPT_OBSERVE, &observe))
		coap_add_uint(ret, COAP_OPT_OBSERVE, observe);
	messaging_due(m, body_deadline(m->body));
	return error;
}

/* Nothing to be cut, as far as the peer asked for a size; whether it fits is another matter. */
static bool
is_whole(const struct coap_msg *response, bool sized, const struct block *wanted)
{
	return coap_class(response->code) != SUCCESS_CLASS || !response->payload_len || !sized ||
	       (wanted->num == 0 && response->payload_len <= block_size(wanted));
}

/* RFC 7641 4.1: it registers if it is answered with Observe. */
static void
exchange_note_observer(const struct exchange *ex, const struct coap_msg *response)
{
	struct observers *o = &ex->session->coap.observers;
	struct observer new = {.token_len = ex->token_len,
		.key = ex->key,
		.sized = ex->sized,
		.szx = ex->block.szx};

	if (!ex->observes)
		return;
	memcpy(new.token, ex->token, ex->token_len);
	if (coap_class(response->code) == SUCCESS_CLASS && coap_find(response, COAP_OPT_OBSERVE))
		observers_add(o, &new);
	else
		observers_remove(o, ex->token, ex->token_len);
}

static void
exchange_answer(struct exchange *ex, const struct coap_msg *response)
{
	struct messaging *m = &ex->session->coap;
	const struct coap_msg *sent = response;
	struct coap_msg out;
	char text[TEXT_MAX];
	int error;

	if (!is_whole(response, ex->sized, &ex->block) || !exchange_send(ex, response)) {
		error = body_begin(m, ex->key, &ex->block, response, &out);
		if (error)
			exchange_explain(ex, error, response->payload_len, &out, text);
		exchange_send(ex, &out);
		sent = &out;
	}
	exchange_note_observer(ex, sent);
}

static void
exchange_free(struct exchange *ex)
{
	if (ex->session) {
		exchange_unlink(&ex->session->coap, ex);
		signalling_answered(ex->session);
	}
	free(ex);
}

void
exchange_respond(struct exchange *ex, const struct coap_msg *response)
{
	if (ex->session && ex->session->state == SESSION_UP) {
		if (response->code == COAP_EMPTY)
			exchange_stay_silent(ex);
		else
			exchange_answer(ex, response);
	}
	exchange_free(ex);
}

struct session *
exchange_session(const struct exchange *ex)
{
	return ex->session;
}

/* --- notifications -------------------------------------------------------------------------- */

/* The first block in place of the whole (RFC 7959 2.6). 0 or -errno. */
static int
notification_begin(struct messaging *m, const struct observer *o,
	const struct coap_msg *notification, struct coap_msg *ret)
{
	struct block wanted = {.szx = o->szx};
	int error;

	if (m->body && body_is_busy(m->body, loop_now(m->loop)))
		return -EBUSY;
	error = body_begin(m, o->key, &wanted, notification, ret);
	return error == -EFBIG ? -EMSGSIZE : error;
}

static int
notification_encode(struct messaging *m, struct coap_msg *msg, enum coap_type type,
	const struct note *note, uint8_t bytes[static COAP_MESSAGE_MAX])
{
	msg->type = type;
	msg->id = note->id;
	msg->token_len = note->token_len;
	memcpy(msg->token, note->token, note->token_len);
	return messaging_encode(m, msg, bytes);
}

int
session_notify(struct session *s, const uint8_t *token, size_t token_len,
	const struct coap_msg *notification)
{
	struct messaging *m = &s->coap;
	const struct observer *o = observers_find(&m->observers, token, token_len);
	struct block size = {.szx = o ? o->szx : 0};
	struct coap_msg out = *notification;
	uint8_t bytes[COAP_MESSAGE_MAX];
	struct note note = {.used = true};
	enum coap_type type = notification->type == COAP_CON && !messaging_is_reliable(m) &&
					      m->n_replies < MESSAGING_REPLIES_MAX
				      ? COAP_CON
				      : COAP_NON;
	int n = -ENOSPC;

	if (s->state != SESSION_UP)
		return -ENOTCONN;
	if (token_len > COAP_TOKEN_MAX)
		return -EINVAL;
	note.id = messaging_id(m);
	note.token_len = (uint8_t)token_len;
	memcpy(note.token, token, token_len);
	if (is_whole(notification, o && o->sized, &size))
		n = notification_encode(m, &out, type, &note, bytes);
	if (n == -ENOSPC) {
		n = o ? notification_begin(m, o, notification, &out) : -EMSGSIZE;
		if (n == 0)
			n = notification_encode(m, &out, type, &note, bytes);
	}
	if (n < 0)
		return n;
	if (!coap_find(notification, COAP_OPT_OBSERVE)) /* the last one (RFC 7641 3.2, 4.2) */
		observers_remove(&m->observers, token, token_len);
	if (!m->notes)
		m->notes = mem_array(MESSAGING_NOTES, sizeof(*m->notes));
	m->notes[m->next_note] = note;
	m->next_note = (m->next_note + 1) % MESSAGING_NOTES;
	if (type == COAP_NON)
		return session_send(s, bytes, (size_t)n);
	reply_start(m, note.id, bytes, (size_t)n);
	return 0;
}

/* --- receiving ------------------------------------------------------------------------------ */

static void
exchange_refuse(struct exchange *ex, uint8_t code, uint32_t max_age, const char *text)
{
	struct coap_msg msg;

	error_init(&msg, code, max_age, text);
	exchange_send(ex, &msg);
	exchange_free(ex);
}

/* What the Block options of the request rule out; then it is answered. */
static bool
exchange_refuse_block(struct exchange *ex, const struct coap_msg *request)
{
	struct block block1, block2;
	int got1 = block_get(request, COAP_OPT_BLOCK1, &block1);
	uint8_t code = 0;
	const char *text = NULL;

	if (got1 == -EBADMSG || block_get(request, COAP_OPT_BLOCK2, &block2) == -EBADMSG) {
		code = COAP_400_BAD_REQUEST;
		text = got1 == -EBADMSG ? "RFC 7959 2.2: Block1 has SZX 7, which is reserved"
					: "RFC 7959 2.2: Block2 has SZX 7, which is reserved";
	} else if (got1 == 0 && block1.num) {
		code = COAP_408_REQUEST_ENTITY_INCOMPLETE;
		text = "RFC 9132 7.3: a request is one datagram; the blocks before this Block1 "
		       "are not kept";
	} else if (got1 == 0 && block1.more) {
		code = COAP_413_REQUEST_ENTITY_TOO_LARGE;
		text = "RFC 9132 7.3: a request is one datagram; split it instead of using Block1";
	}
	if (code)
		exchange_refuse(ex, code, 0, text);
	return code != 0;
}

/* A later block of the body that is kept; then it is answered. */
static bool
exchange_continue(struct exchange *ex)
{
	struct messaging *m = &ex->session->coap;
	mono_ms now = loop_now(m->loop);
	struct coap_msg out;
	char text[TEXT_MAX];
	int error;

	if (!ex->block.num || !m->body || !body_is(m->body, ex->key))
		return false;
	error = body_block(m->body, &ex->block, session_max_message(ex->session), now, &out);
	if (error)
		exchange_explain(ex, error, body_len(m->body), &out, text);
	messaging_due(m, body_deadline(m->body));
	exchange_send(ex, &out);
	exchange_free(ex);
	return true;
}

static void
exchange_hand_over(struct exchange *ex, const struct coap_msg *request)
{
	struct session *s = ex->session;
	struct coap_msg plain = *request;

	/* RFC 7959 2.6: who asks for a later block observes nothing by that. */
	if (ex->block.num)
		coap_remove(&plain, COAP_OPT_OBSERVE);
	s->ops->request(s->arg, s, ex, &plain);
}

static bool
wants_a_proxy(const struct coap_msg *request)
{
	return coap_find(request, COAP_OPT_PROXY_URI) || coap_find(request, COAP_OPT_PROXY_SCHEME);
}

void
exchange_receive(struct messaging *m, const struct coap_msg *request)
{
	struct session *s = m->session;
	bool full = m->n_exchanges >= m->exchanges_max;
	uint16_t bad = coap_bad_option(request);
	struct exchange *ex;
	char text[TEXT_MAX];

	/* RFC 7252 5.4.1, 4.3: rejected, and a Reset so that its sender knows. */
	if (bad && request->type == COAP_NON && !messaging_is_reliable(m)) {
		messaging_empty(m, COAP_RST, request->id);
		return;
	}
	ex = exchange_new(m, request);
	if (ex->confirmable) {
		ex->ack_at = loop_now(m->loop) + m->params.ack_timeout_ms / 2;
		messaging_due(m, ex->ack_at);
	}
	if (full) {
		exchange_refuse(ex, COAP_503_SERVICE_UNAVAILABLE, BUSY_MAX_AGE_S,
			"too many requests are waiting for an answer (RFC 7252 5.9.3.4)");
	} else if (bad) {
		snprintf(text, sizeof(text), "option %u: not known or not valid (RFC 7252 5.4.1)",
			bad);
		exchange_refuse(ex, COAP_402_BAD_OPTION, 0, text);
	} else if (wants_a_proxy(request)) {
		exchange_refuse(ex, COAP_505_PROXYING_NOT_SUPPORTED, 0,
			"nobody is asked by Proxy-Uri or Proxy-Scheme here (RFC 7252 5.10.2)");
	} else if (!s->ops->request) {
		exchange_refuse(ex, COAP_404_NOT_FOUND, 0, "no resource here (RFC 7252 5.9.2.5)");
	} else if (!exchange_refuse_block(ex, request) && !exchange_continue(ex)) {
		exchange_hand_over(ex, request);
	}
}

void
exchange_settled(struct messaging *m, uint16_t id)
{
	struct reply *r = reply_find(m, id);

	if (r)
		reply_free(m, r);
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
	if (m->body && body_deadline(m->body) <= now) {
		body_free(m->body);
		m->body = NULL;
	}
	return m->body ? earlier(body_deadline(m->body), next) : next;
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
	body_free(m->body);
	m->body = NULL;
	observers_finish(&m->observers);
}
