/*
 * Requests of ours and the responses to them (RFC 7252 section 5.2, 5.3), observations included
 * (RFC 7641 section 3). Owns them from request_send to the last answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/session_private.h"
#include "net/tls.h"

enum {
	TOKEN_LEN = 8,
	OBSERVE_FRESH_MS = 128000, /* RFC 7641 3.4 */
	OBSERVE_HALF = 1 << 23,
	SUCCESS_CLASS = 2,
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
	uint8_t *bytes; /* Non-confirmable: what is repeated; over TCP: what ends an observation */
	size_t len;
	response_cb cb;
	void *arg;
};

static void
request_free(struct messaging *m, struct request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		m->requests = r->next;
	if (r->next)
		r->next->prev = r->prev;
	m->n_requests--;
	transmission_stop(&r->con);
	free(r->bytes);
	free(r);
}

/* The last callback: by then the request is gone, so the owner may do anything. */
static void
request_conclude(struct messaging *m, struct request *r, const struct coap_msg *response, int error)
{
	response_cb cb = r->cb;
	void *arg = r->arg;

	request_free(m, r);
	if (cb)
		cb(arg, m->session, response, error);
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

/* --- public --------------------------------------------------------------------------------- */

static void
request_link(struct messaging *m, struct request *r)
{
	r->next = m->requests;
	if (r->next)
		r->next->prev = r;
	m->requests = r;
	m->n_requests++;
}

int64_t
request_send(struct session *s, const struct coap_msg *msg, response_cb cb, void *arg)
{
	struct messaging *m = &s->coap;
	struct coap_msg out = *msg;
	uint8_t bytes[COAP_MESSAGE_MAX];
	uint32_t observe = 1;
	struct request *r;
	int n;

	if (s->state != SESSION_UP)
		return -ENOTCONN;
	if (m->n_requests == MESSAGING_REQUESTS_MAX)
		return -EMFILE;
	if (messaging_is_reliable(m))
		out.type = COAP_NON;
	out.id = messaging_id(m);
	out.token_len = TOKEN_LEN;
	tls_random(out.token, TOKEN_LEN);
	n = messaging_encode(m, &out, bytes);
	if (n < 0)
		return n == -ENOSPC ? -EMSGSIZE : n;
	r = mem_new(sizeof(*r));
	r->handle = ++m->last_handle;
	memcpy(r->token, out.token, TOKEN_LEN);
	r->id = out.id;
	r->confirmable = out.type == COAP_CON;
	r->observe = coap_get_uint(msg, COAP_OPT_OBSERVE, &observe) && observe == 0;
	r->cb = cb;
	r->arg = arg;
	request_link(m, r);
	if (r->confirmable) {
		transmission_start(&r->con, m, r->id, bytes, (size_t)n);
	} else {
		r->bytes = mem_copy(bytes, (size_t)n);
		r->len = (size_t)n;
		session_send(s, bytes, (size_t)n);
	}
	return r->handle;
}

int
request_repeat(struct session *s, int64_t handle)
{
	struct request *r = request_find(&s->coap, handle);

	if (!r || r->confirmable || s->state != SESSION_UP)
		return -ENOENT;
	if (messaging_is_reliable(&s->coap))
		return 0;
	r->id = messaging_id(&s->coap);
	r->bytes[2] = (uint8_t)(r->id >> 8); /* RFC 7252 3: the Message ID of the header */
	r->bytes[3] = (uint8_t)r->id;
	session_send(s, r->bytes, r->len);
	return 0;
}

/* RFC 8323 7.4, RFC 7641 3.6: over TCP the server is told, by the same request with Observe 1. */
static void
request_deregister(struct session *s, const struct request *r)
{
	uint8_t bytes[COAP_MESSAGE_MAX];
	struct coap_msg msg;
	int n;

	if (!messaging_decode(&s->coap, r->bytes, r->len, &msg))
		return;
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
	if (r->observe && messaging_is_reliable(&s->coap))
		request_deregister(s, r);
	request_free(&s->coap, r);
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

void
request_deliver(struct messaging *m, struct request *r, const struct coap_msg *response)
{
	mono_ms now = loop_now(m->loop);
	uint32_t sequence;

	if (!r->observe || coap_class(response->code) != SUCCESS_CLASS ||
		!coap_get_uint(response, COAP_OPT_OBSERVE, &sequence)) {
		request_conclude(m, r, response, 0);
		return;
	}
	transmission_stop(&r->con);
	r->response_by = 0;
	/* RFC 8323 7.1: a stream keeps the order. */
	if (r->observing && !messaging_is_reliable(m) && !request_is_newer(r, sequence, now))
		return;
	r->observing = true;
	r->sequence = sequence;
	r->sequence_at = now;
	if (r->cb)
		r->cb(r->arg, m->session, response, 0);
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
	return r->con.bytes ? r->con.next : r->response_by;
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

mono_ms
request_run(struct messaging *m, mono_ms now)
{
	struct request *r;

	while ((r = request_first(m)) && request_next(r) <= now)
		if (!r->con.bytes || !transmission_repeat(&r->con, m))
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
