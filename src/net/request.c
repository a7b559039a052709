/*
 * Requests of ours and the responses to them (RFC 7252 section 5.2, 5.3), observations included
 * (RFC 7641 section 3). Owns them from request_send to the last answer.
 *
 * The rest of an answer that came in blocks is asked for by requests that belong to the first one,
 * each with a token of its own (RFC 7959 3.4). One body at a time: the peer may keep no more for
 * us, and two would take each other's place there for ever.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/fetch.h"
#include "net/session_private.h"
#include "net/tls.h"

enum {
	TOKEN_LEN = 8,
	OBSERVE_FRESH_MS = 128000, /* RFC 7641 3.4 */
	OBSERVE_HALF = 1 << 23,
	SUCCESS_CLASS = 2,
	BLOCK_GAP_MS = 3000, /* RFC 9132 4.4: without an RTT estimate */
	BLOCK_REPEATS = 5,
};

struct request {
	struct request *prev, *next;
	int64_t handle;
	uint8_t token[TOKEN_LEN];
	uint16_t id; /* of its last message */
	bool confirmable, observe;
	bool observing; /* a notification has come */
	uint32_t sequence;
	mono_ms sequence_at;
	struct transmission con; /* Confirmable, not acknowledged yet */
	mono_ms response_by;     /* acknowledged: the response is due then */
	uint8_t *bytes; /* the message: for repeats, for the blocks of its answer, and over TCP for
			   the end of an observation */
	size_t len;
	response_cb cb;
	void *arg;
	bool told;             /* an observation: its owner has heard of it */
	struct fetch *fetch;   /* its answer, until all of it is there */
	struct request *block; /* which asks for more of that */
	struct request *first; /* of a block: what it belongs to */
	mono_ms again;         /* of a Non-confirmable block: to be asked for again then */
	unsigned repeats;
};

static void
request_unlink(struct messaging *m, struct request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		m->requests = r->next;
	if (r->next)
		r->next->prev = r->prev;
	if (r->first)
		r->first->block = NULL;
	else
		m->n_requests--;
}

static void
request_free_one(struct messaging *m, struct request *r)
{
	request_unlink(m, r);
	transmission_stop(&r->con);
	fetch_free(r->fetch);
	free(r->bytes);
	free(r);
}

static void
request_free(struct messaging *m, struct request *r)
{
	if (r->block)
		request_free_one(m, r->block);
	request_free_one(m, r);
}

static void request_block_over(
	struct messaging *m, struct request *r, const struct coap_msg *response, int error);
static void request_fetch_next(struct messaging *m);

/* The last callback: by then the request is gone, so the owner may do anything. */
static void
request_conclude(struct messaging *m, struct request *r, const struct coap_msg *response, int error)
{
	struct request *first = r->first;
	response_cb cb = r->cb;
	void *arg = r->arg;

	request_free(m, r);
	if (first)
		request_block_over(m, first, response, error);
	else if (cb)
		cb(arg, m->session, response, error);
	request_fetch_next(m);
}

static struct request *
request_find(const struct messaging *m, int64_t handle)
{
	for (struct request *r = m->requests; r; r = r->next)
		if (r->handle == handle)
			return r;
	return NULL;
}

static struct request *
request_find_id(const struct messaging *m, uint16_t id)
{
	for (struct request *r = m->requests; r; r = r->next)
		if (r->id == id)
			return r;
	return NULL;
}

/* --- sending -------------------------------------------------------------------------------- */

static void
request_link(struct messaging *m, struct request *r)
{
	r->next = m->requests;
	if (r->next)
		r->next->prev = r;
	m->requests = r;
	if (!r->first)
		m->n_requests++;
}

/* Sends it; first: NULL, or what this block belongs to. 0 or -errno. */
static int
request_start(struct messaging *m, const struct coap_msg *msg, struct request *first,
	struct request **ret)
{
	struct coap_msg out = *msg;
	uint8_t bytes[COAP_MESSAGE_MAX];
	struct request *r;
	int n;

	if (messaging_is_reliable(m))
		out.type = COAP_NON;
	out.id = messaging_id(m);
	out.token_len = TOKEN_LEN;
	tls_random(out.token, TOKEN_LEN);
	n = messaging_encode(m, &out, bytes);
	if (n < 0)
		return n == -ENOSPC ? -EMSGSIZE : n;
	*ret = r = mem_new(sizeof(*r));
	r->handle = ++m->last_handle;
	memcpy(r->token, out.token, TOKEN_LEN);
	r->id = out.id;
	r->confirmable = out.type == COAP_CON;
	r->bytes = mem_copy(bytes, (size_t)n);
	r->len = (size_t)n;
	r->first = first;
	request_link(m, r);
	if (r->confirmable)
		transmission_start(&r->con, m, r->id, bytes, (size_t)n);
	else
		session_send(m->session, bytes, (size_t)n);
	return 0;
}

static void
request_send_again(struct messaging *m, struct request *r)
{
	r->id = messaging_id(m);
	r->bytes[2] = (uint8_t)(r->id >> 8); /* RFC 7252 3: the Message ID of the header */
	r->bytes[3] = (uint8_t)r->id;
	session_send(m->session, r->bytes, r->len);
}

/* --- blocks --------------------------------------------------------------------------------- */

/* The answer, or its rest, cannot be had. A notification is lost by that, like one whose datagram
 * was; the observation ends only if its owner has never heard of it. */
static void
request_fail(struct messaging *m, struct request *r, const struct coap_msg *response, int error)
{
	if (r->observe && r->told) {
		fetch_free(r->fetch);
		r->fetch = NULL;
	} else {
		request_conclude(m, r, response, error);
	}
}

static void
request_ask_block(struct messaging *m, struct request *r)
{
	struct coap_msg msg;
	int error = messaging_decode(m, r->bytes, r->len, &msg) ? 0 : -EBADMSG;

	if (!error) {
		fetch_ask(r->fetch, &msg);
		error = request_start(m, &msg, r, &r->block);
	}
	if (error) {
		request_fail(m, r, NULL, error);
	} else if (!r->confirmable && !messaging_is_reliable(m)) {
		r->block->again = loop_now(m->loop) + BLOCK_GAP_MS;
		messaging_due(m, r->block->again);
	}
}

static bool
request_is_fetching(const struct messaging *m)
{
	for (const struct request *r = m->requests; r; r = r->next)
		if (r->first)
			return true;
	return false;
}

/* If nothing is being fetched, what waits for that longest. */
static void
request_fetch_next(struct messaging *m)
{
	struct request *oldest = NULL;

	if (m->session->state != SESSION_UP || request_is_fetching(m))
		return;
	for (struct request *r = m->requests; r; r = r->next)
		if (r->fetch)
			oldest = r;
	if (oldest)
		request_ask_block(m, oldest);
}

/* All of it is there. */
static void
request_deliver_body(struct messaging *m, struct request *r)
{
	struct fetch *f = r->fetch;
	struct coap_msg whole;

	r->fetch = NULL;
	fetch_body(f, &whole);
	if (r->observe) {
		coap_remove(&whole, COAP_OPT_OBSERVE);
		coap_add_uint(&whole, COAP_OPT_OBSERVE, r->sequence);
		r->told = true;
		if (r->cb)
			r->cb(r->arg, m->session, &whole, 0);
	} else {
		request_conclude(m, r, &whole, 0);
	}
	fetch_free(f);
}

static void
request_take_block(struct messaging *m, struct request *r, const struct coap_msg *response)
{
	switch (fetch_take(r->fetch, response)) {
	case FETCH_MORE:
		if (!request_is_fetching(m))
			request_ask_block(m, r);
		break;
	case FETCH_WHOLE:
		request_deliver_body(m, r);
		break;
	case FETCH_OTHER:
		request_fail(m, r, response, 0);
		break;
	case FETCH_GIVEN_UP:
		request_fail(m, r, NULL, -EMSGSIZE);
		break;
	case FETCH_TOO_LARGE: /* and so is the next one */
		request_conclude(m, r, NULL, -EMSGSIZE);
		break;
	}
}

/* A request for a block came to its end. */
static void
request_block_over(
	struct messaging *m, struct request *r, const struct coap_msg *response, int error)
{
	if (response)
		request_take_block(m, r, response);
	else
		request_fail(m, r, NULL, error);
}

/* What is under way of an older body is of no use any more. */
static void
request_drop_fetch(struct messaging *m, struct request *r)
{
	if (r->block)
		request_free_one(m, r->block);
	fetch_free(r->fetch);
	r->fetch = NULL;
}

/* --- public --------------------------------------------------------------------------------- */

int64_t
request_send(struct session *s, const struct coap_msg *msg, response_cb cb, void *arg)
{
	struct messaging *m = &s->coap;
	uint32_t observe = 1;
	struct request *r;
	int error;

	if (s->state != SESSION_UP)
		return -ENOTCONN;
	if (m->n_requests == MESSAGING_REQUESTS_MAX)
		return -EMFILE;
	error = request_start(m, msg, NULL, &r);
	if (error)
		return error;
	r->observe = coap_get_uint(msg, COAP_OPT_OBSERVE, &observe) && observe == 0;
	r->cb = cb;
	r->arg = arg;
	return r->handle;
}

int
request_repeat(struct session *s, int64_t handle)
{
	struct request *r = request_find(&s->coap, handle);

	if (!r || r->confirmable || s->state != SESSION_UP)
		return -ENOENT;
	if (!r->fetch && !messaging_is_reliable(&s->coap))
		request_send_again(&s->coap, r); /* else the peer has it */
	return 0;
}

/* RFC 9132 4.4.2.1, RFC 7641 3.6, RFC 8323 7.4: the same request with Observe 1 tells the server.
 * If that is lost, the Reset to its next notification does. */
static void
request_deregister(struct session *s, const struct request *r)
{
	uint8_t bytes[COAP_MESSAGE_MAX];
	struct coap_msg msg;
	int n;

	if (s->state != SESSION_UP || !messaging_decode(&s->coap, r->bytes, r->len, &msg))
		return;
	msg.id = messaging_id(&s->coap);
	for (unsigned i = 0; i < msg.n_options; i++)
		if (msg.options[i].number == COAP_OPT_OBSERVE) {
			msg.options[i].value = (const uint8_t *)"\x01";
			msg.options[i].len = 1;
		}
	n = messaging_encode(&s->coap, &msg, bytes);
	if (n > 0)
		session_send(s, bytes, (size_t)n);
}

void
request_cancel(struct session *s, int64_t handle)
{
	struct request *r = request_find(&s->coap, handle);

	if (!r)
		return;
	/* What a datagram asked for is registered once it is answered. */
	if (r->observe && (r->observing || messaging_is_reliable(&s->coap)))
		request_deregister(s, r);
	request_free(&s->coap, r);
	request_fetch_next(&s->coap);
}

/* --- for messaging.c ------------------------------------------------------------------------ */

struct request *
request_match(const struct messaging *m, const struct coap_msg *response)
{
	if (response->token_len != TOKEN_LEN)
		return NULL;
	for (struct request *r = m->requests; r; r = r->next) {
		if (memcmp(r->token, response->token, TOKEN_LEN) != 0)
			continue;
		/* RFC 7252 5.3.2: a piggybacked response also has the Message ID. */
		if (response->type == COAP_ACK && (!r->confirmable || r->id != response->id))
			return NULL;
		return r;
	}
	return NULL;
}

/* RFC 7641 3.4. */
static bool
request_is_newer(const struct request *r, uint32_t sequence, mono_ms now)
{
	uint32_t v1 = r->sequence, v2 = sequence;

	return (v1 < v2 && v2 - v1 < OBSERVE_HALF) || (v1 > v2 && v1 - v2 > OBSERVE_HALF) ||
	       now > r->sequence_at + OBSERVE_FRESH_MS;
}

/* A notification (RFC 7641 3.2); false: one that came late. */
static bool
request_note_sequence(struct messaging *m, struct request *r, uint32_t sequence)
{
	mono_ms now = loop_now(m->loop);

	/* RFC 8323 7.1: a stream keeps the order. */
	if (r->observing && !messaging_is_reliable(m) && !request_is_newer(r, sequence, now))
		return false;
	r->observing = true;
	r->sequence = sequence;
	r->sequence_at = now;
	return true;
}

static bool
is_notification(const struct request *r, const struct coap_msg *response, uint32_t *ret_sequence)
{
	return r->observe && coap_class(response->code) == SUCCESS_CLASS &&
	       coap_get_uint(response, COAP_OPT_OBSERVE, ret_sequence);
}

void
request_deliver(struct messaging *m, struct request *r, const struct coap_msg *response)
{
	uint32_t sequence;

	transmission_stop(&r->con);
	r->response_by = 0;
	if (is_notification(r, response, &sequence)) {
		if (!request_note_sequence(m, r, sequence))
			return;
	} else if (r->fetch && !r->observe) {
		return; /* the first block once more */
	} else {
		r->observe = false; /* that was the last one (RFC 7641 3.2) */
	}
	request_drop_fetch(m, r);
	if (!r->first && fetch_is_needed(response)) {
		r->fetch = fetch_new(SESSION_BODY_MAX);
		request_take_block(m, r, response);
	} else if (r->observe) {
		r->told = true;
		if (r->cb)
			r->cb(r->arg, m->session, response, 0);
	} else {
		request_conclude(m, r, response, 0);
	}
	request_fetch_next(m);
}

bool
request_acknowledged(struct messaging *m, uint16_t id)
{
	struct request *r = request_find_id(m, id);

	if (!r || !r->con.bytes)
		return r != NULL;
	transmission_stop(&r->con);
	r->response_by = loop_now(m->loop) + messaging_exchange_lifetime(m);
	messaging_due(m, r->response_by);
	return true;
}

bool
request_reset(struct messaging *m, uint16_t id)
{
	struct request *r = request_find_id(m, id);

	if (r)
		request_conclude(m, r, NULL, -ECONNRESET);
	return r != NULL;
}

static mono_ms
request_next(const struct request *r)
{
	return r->con.bytes ? r->con.next : r->again ? r->again : r->response_by;
}

/* The first to be due; ours are few. */
static struct request *
request_first(const struct messaging *m)
{
	struct request *first = NULL;

	for (struct request *r = m->requests; r; r = r->next)
		if (request_next(r) && (!first || request_next(r) < request_next(first)))
			first = r;
	return first;
}

/* It is due: sent again, or false. */
static bool
request_is_repeated(struct messaging *m, struct request *r, mono_ms now)
{
	if (r->con.bytes)
		return transmission_repeat(&r->con, m);
	if (!r->again || r->repeats == BLOCK_REPEATS)
		return false;
	r->repeats++;
	r->again = now + BLOCK_GAP_MS;
	request_send_again(m, r);
	return true;
}

mono_ms
request_run(struct messaging *m, mono_ms now)
{
	struct request *r;

	while ((r = request_first(m)) && request_next(r) <= now)
		if (!request_is_repeated(m, r, now))
			request_conclude(m, r, NULL, -ETIMEDOUT);
	return r ? request_next(r) : 0;
}

void
request_cancel_all(struct messaging *m)
{
	while (m->requests)
		request_conclude(m, m->requests, NULL, -ECANCELED);
}

void
request_forget_all(struct messaging *m)
{
	while (m->requests)
		request_free(m, m->requests);
}
