/*
 * A session over TCP: from the events of its connection to messages (RFC 8323 section 3).
 *
 * The length of a message is judged before its bytes are awaited, so what is kept is never more
 * than one message of legal size and what came with it in the same record. A peer whose answers
 * pile up is not read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/session_private.h"

enum {
	RECORD_DATA_MAX = 16384, /* RFC 8446 5.1 */
	READ_ROUNDS = 4,         /* records a wake-up … */
	SERVE_MAX = 64,          /* … and messages, then the loop goes round */
};

/* --- bytes ---------------------------------------------------------------------------------- */

static void
stream_keep(struct stream *st, const uint8_t *bytes, size_t len)
{
	if (!st->bytes || st->len + len > st->cap) {
		st->cap = st->len + len;
		st->bytes = mem_grow(st->bytes, st->cap, 1);
	}
	memcpy(st->bytes + st->len, bytes, len);
	st->len += len;
}

static void
stream_drop(struct stream *st, size_t len)
{
	st->len -= len;
	if (st->len) {
		memmove(st->bytes, st->bytes + len, st->len);
		return;
	}
	free(st->bytes);
	st->bytes = NULL;
	st->cap = 0;
}

ssize_t
stream_pull(void *arg, void *bytes, size_t cap)
{
	struct session *s = arg;

	return tcp_read(s->tcp, bytes, cap);
}

void
stream_send(struct session *s, const struct coap_msg *msg)
{
	uint8_t bytes[COAP_STREAM_HEADER_MAX + 256];
	int n = coap_stream_encode(msg, bytes, sizeof(bytes));

	if (n > 0)
		association_write(s->association, bytes, (size_t)n);
}

/* --- messages ------------------------------------------------------------------------------- */

static bool
stream_may_serve(const struct session *s)
{
	return (s->state == SESSION_GREETING || s->state == SESSION_UP) && !tcp_is_busy(s->tcp);
}

static void
stream_serve_one(struct session *s, const struct coap_msg *msg)
{
	if (s->state == SESSION_GREETING || coap_is_signal(msg->code))
		signalling_receive(s, msg);
	else
		messaging_receive_reliable(&s->coap, msg);
}

/* Messages that are there. True: all of them, more is to be read. */
static bool
stream_serve(struct session *s)
{
	struct stream *st = &s->stream;
	size_t used = 0, size = 0;
	const char *why = NULL;
	char text[96];
	struct coap_msg msg;
	int r = 0, n;

	for (n = 0; n < SERVE_MAX && stream_may_serve(s); n++) {
		r = used == st->len ? -EAGAIN
				    : coap_stream_decode(
					      st->bytes + used, st->len - used, &msg, &size, &why);
		if (r < 0)
			break;
		stream_serve_one(s, &msg);
		used += size;
	}
	if (used)
		stream_drop(st, used);
	if (n == SERVE_MAX)
		tcp_again(s->tcp);
	if (r == 0 || r == -EAGAIN)
		return r < 0;
	snprintf(text, sizeof(text), "message: %s (RFC 8323 %s)",
		r == -EMSGSIZE ? "larger than allowed" : why, r == -EMSGSIZE ? "5.3.1" : "5.6");
	signalling_abort(s, text);
	return false;
}

/* True: there was something. */
static bool
stream_fill(struct session *s)
{
	size_t room = COAP_STREAM_MAX - s->stream.len, n = 0;
	uint8_t data[RECORD_DATA_MAX];
	enum association_read r = association_read(
		s->association, NULL, 0, data, room < sizeof(data) ? room : sizeof(data), &n);

	if (r != ASSOCIATION_DATA) {
		session_read_over(s, r);
		return false;
	}
	if (s->state == SESSION_UP && s->ops->heard)
		s->ops->heard(s->arg, s);
	stream_keep(&s->stream, data, n);
	return true;
}

static void
stream_run(struct session *s)
{
	for (int round = 0; round < READ_ROUNDS; round++)
		if (!stream_serve(s) || !stream_fill(s))
			return;
	tcp_again(s->tcp);
}

/* --- the connection ------------------------------------------------------------------------- */

static void
stream_readable(void *arg)
{
	struct session *s = arg;

	s->busy++;
	if (s->state == SESSION_HANDSHAKE)
		session_step(s, NULL, 0);
	if (s->state == SESSION_GREETING || s->state == SESSION_UP)
		stream_run(s);
	s->busy--;
}

static void
stream_connected(void *arg)
{
	struct session *s = arg;

	s->busy++;
	if (s->state == SESSION_WAITING) {
		s->state = SESSION_HANDSHAKE;
		session_step(s, NULL, 0);
	}
	s->busy--;
}

static void
stream_broken(void *arg, const char *why)
{
	session_end(arg, why);
}

void
stream_attach(struct session *s, struct tcp *t)
{
	s->tcp = t;
	s->path.local = *tcp_local(t);
	s->path.remote = *tcp_remote(t);
	memcpy(s->interface, tcp_interface(t), strlen(tcp_interface(t)) + 1);
	s->stream.peer_max = COAP_MESSAGE_BASE;
}

const struct tcp_ops stream_ops = {
	.connected = stream_connected,
	.readable = stream_readable,
	.broken = stream_broken,
};

void
stream_free(struct session *s)
{
	tcp_free(s->tcp);
	free(s->stream.bytes);
	free(s->stream.released);
}
