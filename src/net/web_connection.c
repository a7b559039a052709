/*
 * See web_private.h. One connection: TCP as asked for, TLS with who the server has to be, and what
 * passes between it and libcurl.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/web_private.h"

enum {
	RECORD_MAX = 16384,
	ROUNDS = 4, /* records taken, or given, in one go */
	PAIR_BUFFER = 32 * 1024,
};

/* --- end ------------------------------------------------------------------------------------- */

static void
connection_close_plain(struct web_connection *c)
{
	watch_free(c->watch);
	c->watch = NULL;
	if (c->plain >= 0)
		close(c->plain);
	c->plain = -1;
	free(c->in);
	c->in = NULL;
}

__attribute__((format(printf, 2, 3))) static void
connection_explain(struct web_connection *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

static void
connection_over(struct web_connection *c)
{
	if (c->state == WEB_OVER)
		return;
	c->state = WEB_OVER;
	connection_close_plain(c);
	tcp_hold(c->tcp, true);
	web_lost(c->web);
}

/* There will be no more from the server. What there is may be a whole answer. */
static void
connection_ended(struct web_connection *c)
{
	if (c->state == WEB_OPEN && c->talks)
		c->state = WEB_ENDED;
	if (c->state != WEB_ENDED)
		connection_over(c);
	else if (!c->in)
		connection_close_plain(c);
}

/* --- towards libcurl ------------------------------------------------------------------------- */

/* Passes on what is here. True: all of it. */
static bool
connection_pass(struct web_connection *c)
{
	while (c->in) {
		ssize_t n = send(c->plain, c->in + c->in_at, c->in_len - c->in_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		c->in_at = n < 0 ? c->in_len : c->in_at + (size_t)n; /* its end is closed */
		if (c->in_at < c->in_len)
			continue;
		free(c->in);
		c->in = NULL;
	}
	return true;
}

static void
connection_keep(struct web_connection *c, const uint8_t *bytes, size_t len)
{
	c->heard += len;
	c->in = mem_copy(bytes, len);
	c->in_at = 0;
	c->in_len = len;
}

/* Takes one more record. False: there is none. */
static bool
connection_fill(struct web_connection *c)
{
	uint8_t record[RECORD_MAX];
	size_t n = 0;
	enum association_read r =
		association_read(c->association, NULL, 0, record, sizeof(record), &n);

	if (r == ASSOCIATION_SILENT || r == ASSOCIATION_FOREIGN)
		return false;
	if (r == ASSOCIATION_DATA && c->plain >= 0) {
		connection_keep(c, record, n);
		return true;
	}
	if (r == ASSOCIATION_DATA) {
		connection_explain(c, "the server spoke without being asked");
		connection_over(c);
		return false;
	}
	c->cut = r == ASSOCIATION_BROKEN;
	connection_explain(c, "%s", association_why(c->association));
	connection_ended(c);
	return false;
}

static void
connection_watch(struct web_connection *c)
{
	if (c->watch)
		watch_events(
			c->watch, (tcp_is_busy(c->tcp) ? 0 : LOOP_READ) | (c->in ? LOOP_WRITE : 0));
}

static void
connection_pump(struct web_connection *c)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (!connection_pass(c) || !connection_fill(c)) {
			if (c->state == WEB_OPEN) {
				tcp_hold(c->tcp, c->in);
				connection_watch(c);
			}
			return;
		}
	}
	tcp_hold(c->tcp, false);
	tcp_again(c->tcp);
}

/* --- from libcurl ---------------------------------------------------------------------------- */

static void
connection_forward(struct web_connection *c)
{
	uint8_t bytes[RECORD_MAX];

	while (c->state == WEB_OPEN && !tcp_is_busy(c->tcp)) {
		ssize_t n = recv(c->plain, bytes, sizeof(bytes), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* if it has gone, that is about to be told */
		c->said = true;
		if (association_write(c->association, bytes, (size_t)n) < 0)
			break; /* tcp has more to say about that */
	}
	connection_watch(c);
}

static void
connection_plain(void *arg, int events)
{
	struct web_connection *c = arg;

	if (events & LOOP_WRITE && c->state == WEB_OPEN)
		connection_pump(c);
	else if (events & LOOP_WRITE && c->state == WEB_ENDED && connection_pass(c))
		connection_close_plain(c);
	if (events & LOOP_READ && c->state == WEB_OPEN)
		connection_forward(c);
}

void
web_connection_attach(struct web_connection *c, int fd)
{
	const int size = PAIR_BUFFER;

	if (c->state != WEB_OPEN) { /* it is too late for the request */
		close(fd);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->plain = fd;
	c->watch = watch_new(c->web->loop, fd, LOOP_READ, connection_plain, c);
}

/* --- handshake ------------------------------------------------------------------------------- */

static bool
connection_push(void *arg, const void *bytes, size_t len)
{
	struct web_connection *c = arg;

	return tcp_send(c->tcp, bytes, len);
}

static ssize_t
connection_pull(void *arg, void *bytes, size_t cap)
{
	struct web_connection *c = arg;

	return tcp_read(c->tcp, bytes, cap);
}

/* A ticket is shown once (RFC 8446 C.4). A server need not name the protocol: it is that of its
 * port. */
static bool
connection_begin(struct web_connection *c)
{
	struct web *w = c->web;
	const struct association_setup setup = {
		.credentials = w->cfg.credentials,
		.server_name = w->name,
		.resume = w->resumption,
		.protocol_implied = true,
		.push = connection_push,
		.pull = connection_pull,
		.protocol = ASSOCIATION_HTTP,
		.arg = c,
	};

	c->association = association_new(&setup);
	resumption_free(w->resumption);
	w->resumption = NULL;
	c->state = WEB_HANDSHAKE;
	if (!c->association)
		connection_explain(c, "TLS: the credentials cannot be used");
	return c->association;
}

static void
connection_fail(struct web_connection *c)
{
	connection_explain(c, "TLS: %s", association_why(c->association));
	connection_over(c);
}

static void
connection_step(struct web_connection *c)
{
	switch (association_handshake(c->association, NULL, 0)) {
	case ASSOCIATION_WAITING:
		return;
	case ASSOCIATION_FAILED:
		connection_fail(c);
		return;
	case ASSOCIATION_DONE:
		break;
	}
	/* The library has looked at its certificate if this is not resumed. */
	if (!association_verify(c->association, c->web->cfg.credentials)) {
		association_refuse(c->association);
		connection_fail(c);
		return;
	}
	c->up = true;
	c->state = WEB_OPEN;
	web_ready(c->web);
}

/* --- the server's side ----------------------------------------------------------------------- */

static void
connection_connected(void *arg)
{
	struct web_connection *c = arg;

	if (c->state != WEB_CONNECTING)
		return;
	if (connection_begin(c))
		connection_step(c);
	else
		connection_over(c);
}

static void
connection_readable(void *arg)
{
	struct web_connection *c = arg;

	if (c->state == WEB_HANDSHAKE)
		connection_step(c);
	if (c->state != WEB_OPEN)
		return;
	connection_pump(c);
	if (c->state == WEB_OPEN)
		connection_forward(c);
}

static void
connection_broken(void *arg, const char *why)
{
	struct web_connection *c = arg;

	if (c->state >= WEB_ENDED)
		return;
	c->cut = true;
	connection_explain(c, "%s%s",
		c->state == WEB_CONNECTING  ? "connection: "
		: c->state == WEB_HANDSHAKE ? "TLS: "
					    : "",
		why);
	connection_ended(c);
}

static const struct tcp_ops connection_ops = {
	.connected = connection_connected,
	.readable = connection_readable,
	.broken = connection_broken,
};

/* --- life ------------------------------------------------------------------------------------ */

struct web_connection *
web_connection_new(struct web *w, char why[static WEB_WHY_MAX])
{
	struct web_connection *c = mem_new(sizeof(*c));
	int error = 0;

	c->web = w;
	c->plain = -1;
	c->tcp =
		tcp_connect(w->loop, w->cfg.interface, w->cfg.source.family ? &w->cfg.source : NULL,
			&w->cfg.server, &connection_ops, c, &error);
	if (c->tcp)
		return c;
	snprintf(why, WEB_WHY_MAX, "connection: %s", strerrordesc_np(-error));
	free(c);
	return NULL;
}

/* What it leaves for the next one. */
static void
connection_bequeath(struct web_connection *c)
{
	struct resumption *r = c->up ? association_resumption(c->association) : NULL;

	if (!r)
		return;
	resumption_free(c->web->resumption);
	c->web->resumption = r;
}

void
web_connection_free(struct web_connection *c)
{
	if (!c)
		return;
	connection_bequeath(c);
	if (c->state == WEB_OPEN || c->state == WEB_ENDED)
		association_close(c->association);
	web_http_free(c->http);
	connection_close_plain(c);
	association_free(c->association);
	tcp_free(c->tcp);
	free(c);
}

bool
web_connection_is_good(const struct web_connection *c)
{
	return c->state == WEB_OPEN && !c->spent;
}

bool
web_connection_is_spent(const struct web_connection *c)
{
	return !c->talks && (c->spent || c->state >= WEB_ENDED);
}

/* --- requests -------------------------------------------------------------------------------- */

bool
web_connection_begin(struct web_connection *c, struct web_ask *k)
{
	c->said = false;
	c->heard = 0;
	c->http = web_http_new(c, k);
	c->talks = c->http;
	return c->talks;
}

/* The server has said more than its answer (RFC 9112 6.3): here, unread by libcurl, or read by it
 * and thrown away. That cannot be told of chunks. */
static bool
connection_has_excess(const struct web_connection *c, const struct web_ask *k)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)getsockopt(c->plain, SOL_SOCKET, SO_ERROR, &error, &len);
	return c->in || error || (!k->head.chunked && c->heard != k->head.seen + k->body.len);
}

void
web_connection_finish(struct web_connection *c, const struct web_ask *k, bool answered)
{
	c->spent = !answered || k->head.closes || connection_has_excess(c, k);
	c->talks = false;
	c->served++;
	connection_close_plain(c);
	tcp_hold(c->tcp, false);
}

void
web_connection_settle(struct web_connection *c)
{
	if (c->talks)
		return;
	web_http_free(c->http);
	c->http = NULL;
}
