/*
 * A client over TLS by hand, and the relay of a connection, of harness.h.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "net/association.h"
#include "net/tcp.h"

enum { MESSAGES_MAX = 1024, RECORD_MAX = 16384 };

/* --- line ----------------------------------------------------------------------------------- */

struct kept {
	uint8_t *bytes;
	struct coap_msg msg;
};

struct line {
	struct tcp *tcp;
	struct association *association;
	struct credentials *credentials;
	bool up, over, deaf;
	char why[256];
	uint8_t *bytes; /* part of a message */
	size_t len;
	struct kept kept[MESSAGES_MAX];
	unsigned n;
};

static void
line_end(struct line *l, const char *why)
{
	l->over = true;
	snprintf(l->why, sizeof(l->why), "%s", why);
}

static void
line_cut(struct line *l)
{
	const char *why = "";
	struct coap_msg msg;
	size_t size;
	int r;

	while ((r = coap_stream_decode(l->bytes, l->len, &msg, &size, &why)) == 0) {
		struct kept *k = &l->kept[l->n++];

		assert_true(l->n <= MESSAGES_MAX);
		k->bytes = malloc(size);
		memcpy(k->bytes, l->bytes, size);
		assert_int_equal(coap_stream_decode(k->bytes, size, &k->msg, &size, &why), 0);
		memmove(l->bytes, l->bytes + size, l->len - size);
		l->len -= size;
	}
	if (r != -EAGAIN)
		fail_msg("what came is no message: %s", why);
}

static bool
line_shake(struct line *l)
{
	enum association_progress p = association_handshake(l->association, NULL, 0);

	l->up = p == ASSOCIATION_DONE;
	if (p == ASSOCIATION_FAILED)
		line_end(l, association_why(l->association));
	return l->up;
}

static void
line_readable(void *arg)
{
	struct line *l = arg;
	static uint8_t data[RECORD_MAX];
	size_t n = 0;
	enum association_read r;

	if (l->over || (!l->up && !line_shake(l)))
		return;
	while (!l->deaf && !l->over) {
		r = association_read(l->association, NULL, 0, data, sizeof(data), &n);
		if (r == ASSOCIATION_CLOSED || r == ASSOCIATION_BROKEN)
			line_end(l, association_why(l->association));
		if (r != ASSOCIATION_DATA)
			return;
		l->bytes = realloc(l->bytes, l->len + n);
		memcpy(l->bytes + l->len, data, n);
		l->len += n;
		line_cut(l);
	}
}

static void
line_broken(void *arg, const char *why)
{
	line_end(arg, why);
}

static const struct tcp_ops line_ops = {
	.connected = line_readable,
	.readable = line_readable,
	.broken = line_broken,
};

static bool
line_push(void *arg, const void *bytes, size_t len)
{
	struct line *l = arg;

	return tcp_send(l->tcp, bytes, len);
}

static ssize_t
line_pull(void *arg, void *bytes, size_t cap)
{
	struct line *l = arg;

	return tcp_read(l->tcp, bytes, cap);
}

struct line *
line_new(struct loop *loop, const struct endpoint *to, const char *source, struct credentials *c)
{
	struct line *l = calloc(1, sizeof(*l));
	struct association_setup setup = {
		.credentials = c,
		.server_name = "dots.example",
		.push = line_push,
		.pull = line_pull,
		.arg = l,
	};
	struct addr from;
	int error = 0;

	if (source)
		assert_int_equal(addr_parse(source, &from), 0);
	l->credentials = credentials_ref(c);
	l->tcp = tcp_connect(loop, NULL, source ? &from : NULL, to, &line_ops, l, &error);
	assert_non_null(l->tcp);
	l->association = association_new(&setup);
	assert_non_null(l->association);
	return l;
}

void
line_free(struct line *l)
{
	for (unsigned i = 0; i < l->n; i++)
		free(l->kept[i].bytes);
	association_free(l->association);
	tcp_free(l->tcp);
	credentials_unref(l->credentials);
	free(l->bytes);
	free(l);
}

bool
line_is_up(const struct line *l)
{
	return l->up;
}

bool
line_is_over(const struct line *l)
{
	return l->over;
}

const char *
line_why(const struct line *l)
{
	return l->why;
}

void
line_listen(struct line *l, bool listen)
{
	l->deaf = !listen;
	if (listen)
		tcp_again(l->tcp);
}

void
line_send(struct line *l, const void *bytes, size_t len)
{
	assert_int_equal(association_write(l->association, bytes, len), 0);
}

void
line_send_msg(struct line *l, const struct coap_msg *msg)
{
	static uint8_t bytes[COAP_STREAM_MAX];
	int n = coap_stream_encode(msg, bytes, sizeof(bytes));

	assert_true(n > 0);
	line_send(l, bytes, (size_t)n);
}

void
line_greet(struct line *l)
{
	line_send(l, "\x30\xe1\x22\x40\x00", 5);
}

unsigned
line_count(const struct line *l)
{
	return l->n;
}

const struct coap_msg *
line_msg(const struct line *l, unsigned i)
{
	assert_true(i < l->n);
	return &l->kept[i].msg;
}

/* --- knock ---------------------------------------------------------------------------------- */

int
knock(const struct endpoint *to, const char *source)
{
	int fd = socket(to->addr.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage ss;
	struct endpoint from;
	socklen_t len;

	if (source) {
		assert_int_equal(endpoint_parse(source, 0, &from), 0);
		len = endpoint_to_sockaddr(&from, &ss);
		assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	}
	len = endpoint_to_sockaddr(to, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

bool
knock_stands(int fd)
{
	uint8_t byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* --- tube ----------------------------------------------------------------------------------- */

static void
tube_pass(struct tube *t, int from, int to)
{
	uint8_t bytes[65536];
	size_t cap = t->chunk ? t->chunk : sizeof(bytes);
	ssize_t n = recv(from, bytes, cap, MSG_DONTWAIT);

	if (n > 0) {
		/* Who has gone away hears no more. */
		(void)!send(to, bytes, (size_t)n, MSG_NOSIGNAL);
		*(from == t->client_fd ? &t->up : &t->down) += (size_t)n;
	} else if (n == 0 || errno != EAGAIN) {
		shutdown(to, SHUT_WR);
		watch_free(from == t->client_fd ? t->client : t->server);
		*(from == t->client_fd ? &t->client : &t->server) = NULL;
	}
}

static void
tube_from_client(void *arg, int events)
{
	struct tube *t = arg;

	(void)events;
	tube_pass(t, t->client_fd, t->server_fd);
}

static void
tube_from_server(void *arg, int events)
{
	struct tube *t = arg;

	(void)events;
	tube_pass(t, t->server_fd, t->client_fd);
}

static void
tube_accept(void *arg, int events)
{
	struct tube *t = arg;
	const int one = 1;

	(void)events;
	assert_int_equal(t->client_fd, -1);
	t->client_fd = accept(t->listen_fd, NULL, NULL);
	assert_true(t->client_fd >= 0);
	setsockopt(t->client_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	t->client = watch_new(t->loop, t->client_fd, LOOP_READ, tube_from_client, t);
	t->server = watch_new(t->loop, t->server_fd, 0, tube_from_server, t);
	tube_hold(t, t->held);
}

void
tube_start(struct tube *t, struct loop *l, const struct endpoint *server)
{
	struct sockaddr_storage ss;
	socklen_t len;
	const int one = 1, small = 4096;

	memset(t, 0, sizeof(*t));
	t->loop = l;
	t->client_fd = -1;
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &t->at), 0);
	t->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	len = endpoint_to_sockaddr(&t->at, &ss);
	assert_int_equal(bind(t->listen_fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(t->listen_fd, 1), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(t->listen_fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &t->at), 0);
	t->server_fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(t->server_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	len = endpoint_to_sockaddr(server, &ss);
	assert_int_equal(connect(t->server_fd, (struct sockaddr *)&ss, len), 0);
	setsockopt(t->server_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	t->listen = watch_new(l, t->listen_fd, LOOP_READ, tube_accept, t);
}

void
tube_hold(struct tube *t, bool hold)
{
	t->held = hold;
	if (t->server)
		watch_events(t->server, hold ? 0 : LOOP_READ);
}

void
tube_stop(struct tube *t)
{
	watch_free(t->listen);
	watch_free(t->client);
	watch_free(t->server);
	close(t->listen_fd);
	close(t->server_fd);
	if (t->client_fd >= 0)
		close(t->client_fd);
}
