/*
 * See tcp.h.
 */
#include "tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { INPUT_MAX = 1 << 20 };

struct tcp_listener {
	struct loop *loop;
	struct endpoint local;
	tcp_accepted cb;
	void *arg;
};

struct tcp {
	struct endpoint local, remote;
	const struct standin_tcp_peer *peer;
	const struct tcp_ops *ops; /* NULL: not opened yet */
	void *arg;
	struct timer *again;
	struct buf in;
	size_t taken; /* of `in` */
	bool ended, stalled, held;
};

static struct tcp_listener *listening;
static const struct tcp *refused; /* freed before it was handed out */

/* ---- the other end ---- */

static void
on_again(void *arg)
{
	const struct tcp *t = arg;

	if (t->ops && !t->held)
		t->ops->readable(t->arg);
}

struct tcp *
standin_tcp_come(const struct endpoint *remote, const struct standin_tcp_peer *peer)
{
	struct tcp *t;

	if (!listening)
		return NULL;
	t = mem_new(sizeof(*t));
	t->local = listening->local;
	t->remote = *remote;
	t->peer = peer;
	t->again = timer_new(listening->loop, on_again, t);
	buf_init(&t->in, INPUT_MAX);
	refused = NULL;
	listening->cb(listening->arg, t);
	return t == refused ? NULL : t;
}

void
standin_tcp_write(struct tcp *t, const uint8_t *bytes, size_t len)
{
	buf_bytes(&t->in, bytes, len);
	if (!t->stalled)
		on_again(t);
}

void
standin_tcp_end(struct tcp *t)
{
	t->ended = true;
	on_again(t);
}

void
standin_tcp_break(struct tcp *t)
{
	if (t->ops)
		t->ops->broken(t->arg, "connection reset");
}

void
standin_tcp_stall(struct tcp *t, bool stalled)
{
	t->stalled = stalled;
	if (!stalled)
		on_again(t);
}

/* ---- net/tcp.h ---- */

struct tcp_listener *
tcp_listen(struct loop *l, const char *interface, const struct endpoint *local, tcp_accepted cb,
	void *arg, int *ret_error)
{
	struct tcp_listener *tl = mem_new(sizeof(*tl));

	(void)interface;
	(void)ret_error;
	*tl = (struct tcp_listener){l, *local, cb, arg};
	listening = tl;
	return tl;
}

void
tcp_listener_free(struct tcp_listener *tl)
{
	if (tl == listening)
		listening = NULL;
	free(tl);
}

struct tcp *
tcp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, const struct tcp_ops *ops, void *arg, int *ret_error)
{
	(void)l;
	(void)interface;
	(void)source;
	(void)remote;
	(void)ops;
	(void)arg;
	*ret_error = -ENETUNREACH;
	return NULL;
}

void
tcp_open(struct tcp *t, const struct tcp_ops *ops, void *arg)
{
	t->ops = ops;
	t->arg = arg;
	tcp_again(t);
}

void
tcp_free(struct tcp *t)
{
	if (!t)
		return;
	refused = t;
	t->peer->gone(t->peer->arg);
	timer_free(t->again);
	buf_finish(&t->in);
	free(t);
}

ssize_t
tcp_read(struct tcp *t, void *bytes, size_t cap)
{
	size_t n = t->in.len - t->taken;

	if (!n)
		return t->ended ? 0 : -EAGAIN;
	n = n < cap ? n : cap;
	memcpy(bytes, t->in.bytes + t->taken, n);
	t->taken += n;
	return (ssize_t)n;
}

bool
tcp_send(struct tcp *t, const void *bytes, size_t len)
{
	t->peer->sent(t->peer->arg, bytes, len);
	return true;
}

bool
tcp_is_busy(const struct tcp *t)
{
	return t->stalled;
}

void
tcp_again(struct tcp *t)
{
	timer_after(t->again, 0);
}

void
tcp_hold(struct tcp *t, bool hold)
{
	t->held = hold;
	if (!hold)
		tcp_again(t);
}

/* Nothing is queued here. */
void
tcp_end(struct tcp *t)
{
	(void)t;
}

const struct endpoint *
tcp_local(const struct tcp *t)
{
	return &t->local;
}

const struct endpoint *
tcp_remote(const struct tcp *t)
{
	return &t->remote;
}

const char *
tcp_interface(const struct tcp *t)
{
	(void)t;
	return "";
}
