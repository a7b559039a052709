/*
 * See https_private.h. One connection: the handshake and who its peer is, then one request after
 * the other through the pair of sockets, with an eye on the clock.
 *
 * What came in is passed on as far as the request under way reaches: its head up to the empty line
 * once that has been looked at (http_head.h), its body up to its length, or in chunks until
 * libmicrohttpd has found its end. Then the gate is closed until the answer is out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/https_private.h"
#include "net/tls.h"

enum {
	RECORD_MAX = 16384,
	ROUNDS = 4,       /* records taken, or given, in one go */
	LINGER_MS = 5000, /* for the peer to end its direction, too (RFC 9112 9.6) */
	DISCARD_MAX = 4 * 1024 * 1024,
	PAIR_BUFFER = 32 * 1024,
	MS = 1000,
};

/* --- time ------------------------------------------------------------------------------------ */

/* INT64_MAX: it is our turn, the peer has nothing to be late with. */
static mono_ms
connection_deadline(const struct https_connection *c)
{
	const struct https_config *limits = &c->https->limits;
	mono_ms idle = c->last + (mono_ms)limits->timeout_s * MS;
	mono_ms whole = c->since + (mono_ms)limits->request_timeout_s * MS;

	switch (c->state) {
	case HTTPS_HANDSHAKE:
		return c->since + (mono_ms)limits->timeout_s * MS;
	case HTTPS_HEAD:
		return c->head.n && whole < idle ? whole : idle;
	case HTTPS_PARSING:
	case HTTPS_BODY:
		return whole < idle ? whole : idle;
	case HTTPS_ANSWERING:
		return c->exchange ? INT64_MAX : idle;
	case HTTPS_CLOSING:
		return c->last + LINGER_MS;
	case HTTPS_OVER:
		break;
	}
	return 0;
}

static void
connection_arm(struct https_connection *c)
{
	mono_ms when = connection_deadline(c);

	if (when == INT64_MAX)
		timer_stop(c->timer);
	else
		timer_at(c->timer, when);
}

static void
connection_enter(struct https_connection *c, enum https_state state)
{
	c->state = state;
	connection_arm(c);
}

static void
connection_moved(struct https_connection *c)
{
	c->last = loop_now(c->https->loop);
}

static bool
connection_is_open(const struct https_connection *c)
{
	return c->state != HTTPS_CLOSING && c->state != HTTPS_OVER;
}

/* --- end ------------------------------------------------------------------------------------- */

static void
connection_close_plain(struct https_connection *c)
{
	watch_free(c->watch);
	c->watch = NULL;
	if (c->plain >= 0)
		close(c->plain);
	c->plain = -1;
	free(c->in);
	c->in = NULL;
	c->cleared = 0;
}

void
https_connection_over(struct https_connection *c)
{
	if (c->state == HTTPS_OVER)
		return;
	https_forget(c);
	if (c->exchange)
		https_exchange_abandon(c->exchange);
	connection_enter(c, HTTPS_OVER);
}

void
https_connection_free(struct https_connection *c)
{
	TAILQ_REMOVE(&c->https->connections, c, siblings);
	connection_close_plain(c);
	timer_free(c->timer);
	association_free(c->association);
	tcp_free(c->tcp);
	https_share_leave(c->share);
	credentials_unref(c->credentials);
	peer_id_finish(&c->peer);
	free(c);
}

/* From the loop: nobody is inside of a call of it. */
static void
connection_release(struct https_connection *c)
{
	connection_close_plain(c);
	tcp_free(c->tcp);
	c->tcp = NULL;
	if (!c->attached)
		https_connection_free(c);
}

void
https_connection_detached(struct https_connection *c)
{
	c->attached = false;
	if (c->state == HTTPS_OVER && !c->tcp && !c->https->freeing)
		timer_after(c->timer, 0);
}

/* Our last word, and the end of our direction. What the peer still sends is thrown away for a
 * while: a reset could overtake what we have said (RFC 9112 9.6). */
static void
connection_finish(struct https_connection *c)
{
	char *text = c->refusal ? https_refusal(c->refusal) : NULL;

	if (text)
		(void)association_write(c->association, text, strlen(text));
	free(text);
	association_close(c->association);
	tcp_end(c->tcp);
	connection_close_plain(c);
	connection_moved(c);
	connection_enter(c, HTTPS_CLOSING);
	tcp_hold(c->tcp, false);
}

static void
connection_refuse(struct https_connection *c, unsigned status)
{
	c->refusal = status;
	connection_finish(c);
}

static void
connection_discard(struct https_connection *c)
{
	static uint8_t nowhere[RECORD_MAX];
	ssize_t n = tcp_read(c->tcp, nowhere, sizeof(nowhere));

	if (n > 0)
		c->discarded += (size_t)n;
	if (n == 0 || (n < 0 && n != -EAGAIN) || c->discarded > DISCARD_MAX)
		https_connection_over(c);
}

/* The peer does not come to an end: with a request, or with reading. */
static void
connection_expire(struct https_connection *c)
{
	bool began = c->state == HTTPS_BODY || c->state == HTTPS_PARSING ||
		     (c->state == HTTPS_HEAD && c->head.n);

	if (c->state == HTTPS_HEAD || began)
		connection_refuse(c, began ? 408 : 0);
	else
		https_connection_over(c);
}

static void
connection_timer(void *arg)
{
	struct https_connection *c = arg;

	if (c->state == HTTPS_OVER) {
		if (c->tcp)
			connection_release(c);
		else if (!c->attached)
			https_connection_free(c);
		return;
	}
	if (loop_now(c->https->loop) >= connection_deadline(c))
		connection_expire(c);
	else
		connection_arm(c);
}

/* --- towards libmicrohttpd ------------------------------------------------------------------- */

static void
connection_watch(struct https_connection *c)
{
	if (c->watch)
		watch_events(c->watch,
			(tcp_is_busy(c->tcp) ? 0 : LOOP_READ) | (c->cleared ? LOOP_WRITE : 0));
}

/* Looks at more of the head; false: it is refused. */
static bool
connection_clear_head(struct https_connection *c)
{
	struct https *h = c->https;
	bool begins = !c->head.n;
	enum http_head_verdict v = http_head_scan(&c->head, c->in + c->in_at, c->in_len - c->in_at,
		h->limits.max_headers, &c->cleared);

	if (begins) {
		c->since = loop_now(h->loop);
		connection_arm(c);
	}
	switch (v) {
	case HTTP_HEAD_MORE:
		return true;
	case HTTP_HEAD_COMPLETE:
		connection_enter(c, HTTPS_PARSING);
		return true;
	case HTTP_HEAD_BAD:
		connection_refuse(c, 400);
		return false;
	case HTTP_HEAD_LONG:
		connection_refuse(c, 431);
		return false;
	}
	return false;
}

static void
connection_clear_body(struct https_connection *c)
{
	size_t n = c->in_len - c->in_at;

	if (n > c->body_left)
		n = (size_t)c->body_left;
	c->cleared = n;
	if (c->body_left != UINT64_MAX)
		c->body_left -= n;
	if (!c->body_left)
		connection_enter(c, HTTPS_ANSWERING);
}

/* False: the gate is closed, or the request is refused. */
static bool
connection_clear(struct https_connection *c)
{
	if (c->state == HTTPS_HEAD)
		return (c->head.n || https_afford(c, HTTPS_COST_HEAD)) && connection_clear_head(c);
	if (c->state != HTTPS_BODY)
		return false;
	connection_clear_body(c);
	return true;
}

/* Passes on what is here. True: all of it. */
static bool
connection_pass(struct https_connection *c)
{
	while (c->in && (c->cleared || connection_clear(c))) {
		ssize_t n = send(c->plain, c->in + c->in_at, c->cleared, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false; /* its end is closed: that is about to be read */
		if (n < 0)
			break;
		c->in_at += (size_t)n;
		c->cleared -= (size_t)n;
		if (c->in_at < c->in_len)
			continue;
		free(c->in);
		c->in = NULL;
	}
	return connection_is_open(c) && !c->in;
}

/* Takes one more record. False: there is none. */
static bool
connection_fill(struct https_connection *c)
{
	uint8_t record[RECORD_MAX];
	size_t n = 0;

	switch (association_read(c->association, NULL, 0, record, sizeof(record), &n)) {
	case ASSOCIATION_DATA:
		c->in = mem_copy(record, n);
		c->in_at = 0;
		c->in_len = n;
		connection_moved(c);
		return true;
	case ASSOCIATION_CLOSED:
		association_close(c->association);
		https_connection_over(c);
		return false;
	case ASSOCIATION_BROKEN:
		https_connection_over(c);
		return false;
	case ASSOCIATION_FOREIGN:
	case ASSOCIATION_SILENT:
		break;
	}
	return false;
}

/* More may be taken in. */
static void
connection_ask(struct https_connection *c)
{
	tcp_hold(c->tcp, false);
	tcp_again(c->tcp);
}

static void
connection_pump(struct https_connection *c)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (!connection_pass(c) || !connection_fill(c)) {
			if (connection_is_open(c)) {
				tcp_hold(c->tcp, c->in != NULL);
				connection_watch(c);
			}
			return;
		}
	}
	connection_ask(c);
}

void
https_connection_head_read(struct https_connection *c, uint64_t body)
{
	c->body_left = body;
	connection_enter(c, body ? HTTPS_BODY : HTTPS_ANSWERING);
	connection_ask(c);
}

void
https_connection_complete(struct https_connection *c)
{
	connection_moved(c);
	connection_enter(c, HTTPS_ANSWERING);
}

void
https_connection_answered(struct https_connection *c)
{
	c->answered = true;
	connection_ask(c);
}

/* --- from libmicrohttpd ---------------------------------------------------------------------- */

/* The answer is on its way to the peer, all of it: the next request, please. */
static void
connection_next(struct https_connection *c)
{
	c->answered = false;
	c->head = (struct http_head){0};
	connection_moved(c);
	connection_enter(c, HTTPS_HEAD);
}

/* What libmicrohttpd has to say. Before a request is complete, that is that it goes on (RFC
 * 9110 15.2.1) or an error, which is ours to tell: it is made as all others, and once. */
static void
connection_say(struct https_connection *c, const uint8_t *bytes, size_t len)
{
	static const char status_line[] = "HTTP/1.1 ", interim[] = "HTTP/1.1 1";

	if (c->state != HTTPS_ANSWERING && len > strlen(interim) + 2 &&
		memcmp(bytes, interim, strlen(interim)) != 0)
		connection_refuse(
			c, (unsigned)strtoul((const char *)bytes + strlen(status_line), NULL, 10));
	else if (association_write(c->association, bytes, len) < 0)
		https_connection_over(c);
	else
		connection_moved(c);
}

/* No more than the pair of sockets holds. */
static void
connection_forward(struct https_connection *c)
{
	uint8_t bytes[RECORD_MAX];

	while (connection_is_open(c) && !tcp_is_busy(c->tcp)) {
		ssize_t n = recv(c->plain, bytes, sizeof(bytes), 0);

		if (n > 0) {
			connection_say(c, bytes, (size_t)n);
		} else if (n < 0 && errno == EAGAIN) {
			if (c->answered)
				connection_next(c);
			break;
		} else if (n == 0 || errno != EINTR) {
			connection_finish(c); /* that was all it had to say */
		}
	}
	if (connection_is_open(c))
		connection_watch(c);
}

static void
connection_plain(void *arg, int events)
{
	struct https_connection *c = arg;

	if (events & LOOP_WRITE && connection_is_open(c))
		connection_pump(c);
	if (events & LOOP_READ && connection_is_open(c))
		connection_forward(c);
}

/* --- handshake ------------------------------------------------------------------------------- */

static bool
connection_push(void *arg, const void *bytes, size_t len)
{
	struct https_connection *c = arg;

	return tcp_send(c->tcp, bytes, len);
}

static ssize_t
connection_pull(void *arg, void *bytes, size_t cap)
{
	struct https_connection *c = arg;

	return tcp_read(c->tcp, bytes, cap);
}

static bool
connection_begin(struct https_connection *c)
{
	const struct association_setup setup = {
		.credentials = c->https->credentials,
		.server = c->https->tls,
		.push = connection_push,
		.pull = connection_pull,
		.protocol = ASSOCIATION_HTTP,
		.arg = c,
	};

	c->credentials = credentials_ref(c->https->credentials);
	c->association = association_new(&setup);
	return c->association;
}

/* The same as of any session (net/session.c), by the credentials of now: a reload may have come
 * since the handshake began. Who has shown no certificate is nobody, and the requests will say so
 * (RFC 8040 2.5). */
static bool
connection_is_welcome(struct https_connection *c, struct peer_id *ret)
{
	struct https *h = c->https;

	if (association_is_anonymous(c->association))
		return true;
	return association_verify(c->association, h->credentials) &&
	       association_identify(c->association, ret) &&
	       !(h->ops->judge && h->ops->judge(h->arg, ret, tcp_remote(c->tcp)));
}

static bool
connection_attach(struct https_connection *c)
{
	const int size = PAIR_BUFFER;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->plain = pair[0];
	c->attached = https_exchange_attach(c, pair[1]) == 0;
	if (c->attached)
		c->watch = watch_new(c->https->loop, c->plain, LOOP_READ, connection_plain, c);
	return c->attached;
}

/* It counts as its peer's from now on. */
static void
connection_introduce(struct https_connection *c)
{
	crowd_remove(c->https->strangers, &c->stranger);
	https_share_leave(c->share);
	c->share = https_share_join(c->https, &c->peer);
}

static void
connection_prove(struct https_connection *c)
{
	if (!connection_is_welcome(c, &c->peer) || !connection_attach(c)) {
		association_refuse(c->association);
		https_connection_over(c);
		return;
	}
	c->known = !association_is_anonymous(c->association);
	if (c->known)
		connection_introduce(c);
	connection_moved(c);
	connection_enter(c, HTTPS_HEAD);
	connection_pump(c);
}

static void
connection_shake_hands(struct https_connection *c)
{
	if (!c->association && !connection_begin(c)) {
		https_connection_over(c);
		return;
	}
	switch (association_handshake(c->association, NULL, 0)) {
	case ASSOCIATION_WAITING:
		tcp_hold(c->tcp, false);
		break;
	case ASSOCIATION_DONE:
		tcp_hold(c->tcp, false);
		connection_prove(c);
		break;
	case ASSOCIATION_FAILED:
		https_connection_over(c);
		break;
	}
}

static void
connection_step(struct https_connection *c)
{
	uint64_t begun = loop_used_us();

	if (https_afford(c, HTTPS_COST_HANDSHAKE)) {
		connection_shake_hands(c);
		https_end(c->https, begun, HTTPS_COST_HANDSHAKE);
	} else {
		tcp_hold(c->tcp, true);
	}
}

void
https_connection_judge(struct https_connection *c)
{
	struct peer_id again = {0}; /* a request under way may still point to what c has */
	bool welcome;

	if (c->state == HTTPS_HANDSHAKE || !connection_is_open(c))
		return;
	welcome = connection_is_welcome(c, &again);
	peer_id_finish(&again);
	if (welcome)
		return;
	association_refuse(c->association);
	https_connection_over(c);
}

/* --- the peer's side ------------------------------------------------------------------------- */

static void
connection_proceed(struct https_connection *c)
{
	if (c->state == HTTPS_HANDSHAKE) {
		connection_step(c);
		return;
	}
	if (c->answered)
		connection_forward(c);
	if (connection_is_open(c))
		connection_pump(c);
}

void
https_connection_go(struct https_connection *c)
{
	if (c->exchange && https_exchange_waits(c->exchange) && https_afford(c, HTTPS_COST_REQUEST))
		https_exchange_deliver(c->exchange);
	connection_proceed(c);
}

unsigned
https_connection_cost(const struct https_connection *c)
{
	return c->state == HTTPS_HANDSHAKE ? HTTPS_COST_HANDSHAKE : HTTPS_COST_REQUEST;
}

/* What waits for its turn with a whole request is read on: its peer may go away. */
static void
connection_readable(void *arg)
{
	struct https_connection *c = arg;

	if (c->state == HTTPS_OVER)
		return;
	if (c->state == HTTPS_CLOSING)
		connection_discard(c);
	else if (c->queued && !c->exchange)
		tcp_hold(c->tcp, true);
	else
		connection_proceed(c);
}

static void
connection_broken(void *arg, const char *why)
{
	(void)why;
	https_connection_over(arg);
}

static const struct tcp_ops connection_ops = {
	.readable = connection_readable,
	.broken = connection_broken,
};

struct https_connection *
https_connection_new(struct https *h, struct tcp *t)
{
	struct https_connection *c = mem_new(sizeof(*c));

	c->https = h;
	c->share = https_share_join(h, NULL);
	c->tcp = t;
	c->plain = -1;
	c->timer = timer_new(h->loop, connection_timer, c);
	c->since = c->last = loop_now(h->loop);
	connection_enter(c, HTTPS_HANDSHAKE);
	tcp_open(t, &connection_ops, c);
	return c;
}
