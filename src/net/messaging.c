/*
 * See messaging.h: sorting of what arrives (RFC 7252 4.2, 4.3, 4.5), retransmission, the timer.
 */
#include "net/messaging.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/session_private.h"
#include "net/tls.h"

enum {
	MAX_LATENCY_MS = 100000, /* RFC 7252 4.8.2 */
	HEADER_LEN = 4,
	BACKOFF_MAX = 20, /* doublings; keeps sums far from overflow */
	SERVER_ERROR_CLASS = 5,
};

/* --- times ---------------------------------------------------------------------------------- */

static int64_t
messaging_transmit_span(const struct messaging *m)
{
	unsigned n =
		m->params.max_retransmit < BACKOFF_MAX ? m->params.max_retransmit : BACKOFF_MAX;

	return (int64_t)m->params.ack_timeout_ms * ((1 << n) - 1) * m->params.ack_random_percent /
	       100;
}

int64_t
messaging_exchange_lifetime(const struct messaging *m)
{
	return messaging_transmit_span(m) + 2 * MAX_LATENCY_MS + m->params.ack_timeout_ms;
}

int64_t
messaging_non_lifetime(const struct messaging *m)
{
	return messaging_transmit_span(m) + MAX_LATENCY_MS;
}

void
messaging_due(struct messaging *m, mono_ms when)
{
	if (m->due && m->due <= when)
		return;
	m->due = when;
	timer_at(m->timer, when);
}

static void
messaging_timer(void *arg)
{
	struct messaging *m = arg;
	mono_ms now = loop_now(m->loop), next;

	m->due = 0;
	m->session->busy++;
	next = exchange_run(m, now);
	if (next)
		messaging_due(m, next);
	next = request_run(m, now);
	if (next)
		messaging_due(m, next);
	m->session->busy--;
}

/* --- sending -------------------------------------------------------------------------------- */

bool
messaging_is_reliable(const struct messaging *m)
{
	return session_transport(m->session) == SESSION_TCP;
}

int
messaging_encode(const struct messaging *m, const struct coap_msg *msg, uint8_t *bytes)
{
	size_t room = session_max_message(m->session);

	return messaging_is_reliable(m) ? coap_stream_encode(msg, bytes, room)
					: coap_encode(msg, bytes, room);
}

bool
messaging_decode(const struct messaging *m, const uint8_t *bytes, size_t len, struct coap_msg *ret)
{
	const char *why;
	size_t size;

	if (messaging_is_reliable(m))
		return coap_stream_decode(bytes, len, ret, &size, &why) == 0;
	return coap_decode(bytes, len, ret, &why) == 0;
}

uint16_t
messaging_id(struct messaging *m)
{
	return m->next_id++;
}

void
messaging_empty(struct messaging *m, enum coap_type type, uint16_t id)
{
	struct coap_msg msg;
	uint8_t bytes[HEADER_LEN];
	int n;

	if (messaging_is_reliable(m))
		return;
	coap_init(&msg, type, COAP_EMPTY);
	msg.id = id;
	n = coap_encode(&msg, bytes, sizeof(bytes));
	if (n < 0)
		return;
	session_send(m->session, bytes, (size_t)n);
	dedup_answer(&m->dedup, id, bytes, (size_t)n, loop_now(m->loop));
}

void
transmission_start(
	struct transmission *t, struct messaging *m, uint16_t id, const uint8_t *bytes, size_t len)
{
	uint64_t base = m->params.ack_timeout_ms, random;
	uint64_t spread = base * (m->params.ack_random_percent - 100) / 100;

	tls_random(&random, sizeof(random));
	*t = (struct transmission){.bytes = mem_copy(bytes, len), .len = len, .id = id};
	t->timeout_ms = (int64_t)(base + random % (spread + 1));
	t->next = loop_now(m->loop) + t->timeout_ms;
	session_send(m->session, bytes, len);
	messaging_due(m, t->next);
}

void
transmission_stop(struct transmission *t)
{
	free(t->bytes);
	t->bytes = NULL;
}

bool
transmission_repeat(struct transmission *t, struct messaging *m)
{
	if (t->repeats >= m->params.max_retransmit)
		return false;
	if (t->repeats++ < BACKOFF_MAX)
		t->timeout_ms *= 2;
	t->next = loop_now(m->loop) + t->timeout_ms;
	session_send(m->session, t->bytes, t->len);
	return true;
}

/* --- receiving ------------------------------------------------------------------------------ */

static void
messaging_note_reset(struct messaging *m, uint16_t id)
{
	struct session *s = m->session;

	for (unsigned i = 0; m->notes && i < MESSAGING_NOTES; i++) {
		struct note *n = &m->notes[i], copy;

		if (!n->used || n->id != id)
			continue;
		copy = *n;
		n->used = false;
		observers_remove(&m->observers, copy.token, copy.token_len);
		if (s->ops->observer_gone)
			s->ops->observer_gone(s->arg, s, copy.token, copy.token_len);
		return;
	}
}

static void
messaging_receive_empty(struct messaging *m, const struct coap_msg *msg)
{
	switch (msg->type) {
	case COAP_CON: /* "CoAP ping" */
		messaging_empty(m, COAP_RST, msg->id);
		break;
	case COAP_ACK:
		if (!request_acknowledged(m, msg->id))
			exchange_settled(m, msg->id);
		break;
	case COAP_RST:
		if (request_reset(m, msg->id))
			break;
		exchange_settled(m, msg->id);
		messaging_note_reset(m, msg->id);
		break;
	default:
		break;
	}
}

static void
messaging_receive_response(struct messaging *m, const struct coap_msg *msg)
{
	struct request *r = coap_bad_option(msg) ? NULL : request_match(m, msg);

	if (!r) {
		/* RFC 7252 4.2, 4.3; RFC 7641 3.6: the RST ends an observation we do not know. */
		if (msg->type == COAP_CON ||
			(msg->type == COAP_NON && coap_find(msg, COAP_OPT_OBSERVE)))
			messaging_empty(m, COAP_RST, msg->id);
		return;
	}
	if (msg->type == COAP_CON)
		messaging_empty(m, COAP_ACK, msg->id);
	request_deliver(m, r, msg);
}

/* A header that can be read, with the rest not understood. */
static void
messaging_receive_malformed(
	struct messaging *m, const uint8_t *bytes, size_t len, const struct coap_msg *msg)
{
	bool version_1 = len >= HEADER_LEN && bytes[0] >> 6 == 1;

	/* RFC 7252 3: another version is ignored without an answer. */
	if (version_1 && msg->type == COAP_CON)
		messaging_empty(m, COAP_RST, msg->id);
}

/* CON or NON with a code: true if it was seen before (then it is answered as before). */
static bool
messaging_is_repeat(struct messaging *m, const struct coap_msg *msg)
{
	mono_ms now = loop_now(m->loop);
	int place = dedup_find(&m->dedup, msg->id, now);
	bool con = msg->type == COAP_CON;
	const struct dedup_kept *answer;

	if (place < 0) {
		dedup_add(&m->dedup, msg->id,
			now + (con ? messaging_exchange_lifetime(m) : messaging_non_lifetime(m)));
		return false;
	}
	answer = dedup_answered(&m->dedup, place);
	if (con && answer)
		session_send(m->session, answer->bytes, answer->len);
	return true;
}

void
messaging_receive(struct messaging *m, const uint8_t *bytes, size_t len)
{
	struct coap_msg msg;
	const char *why;
	unsigned code_class;

	memset(&msg, 0, sizeof(msg));
	if (coap_decode(bytes, len, &msg, &why) < 0) {
		messaging_receive_malformed(m, bytes, len, &msg);
		return;
	}
	code_class = coap_class(msg.code);
	if (msg.code == COAP_EMPTY) {
		messaging_receive_empty(m, &msg);
	} else if (msg.type == COAP_ACK) {
		if (code_class >= 2 && code_class <= SERVER_ERROR_CLASS)
			messaging_receive_response(m, &msg);
	} else if (msg.type == COAP_RST || messaging_is_repeat(m, &msg)) {
		return;
	} else if (coap_is_request(msg.code)) {
		exchange_receive(m, &msg);
	} else if (code_class >= 2 && code_class <= SERVER_ERROR_CLASS) {
		messaging_receive_response(m, &msg);
	} else if (msg.type == COAP_CON) {
		messaging_empty(m, COAP_RST, msg.id); /* reserved code class */
	}
}

void
messaging_receive_reliable(struct messaging *m, const struct coap_msg *msg)
{
	if (coap_is_request(msg->code))
		exchange_receive(m, msg);
	else if (coap_is_response(msg->code))
		messaging_receive_response(m, msg);
	/* Empty: a keepalive (RFC 8323 3.4). Reserved classes mean nothing here. */
}

/* --- life ----------------------------------------------------------------------------------- */

void
messaging_init(struct messaging *m, struct session *s, struct loop *l)
{
	m->session = s;
	m->loop = l;
	m->params = COAP_PARAMS_DEFAULT;
	m->exchanges_max = MESSAGING_EXCHANGES_MAX;
	m->timer = timer_new(l, messaging_timer, m);
	tls_random(&m->next_id, sizeof(m->next_id));
}

void
messaging_cancel(struct messaging *m)
{
	request_cancel_all(m);
	exchange_orphan_all(m);
}

void
messaging_finish(struct messaging *m)
{
	request_forget_all(m);
	exchange_orphan_all(m);
	dedup_finish(&m->dedup);
	free(m->notes);
	timer_free(m->timer);
}
