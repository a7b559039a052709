/*
 * See tcp.h. Owns descriptors, their watches and the queue of outgoing bytes.
 *
 * The heartbeats of DOTS tell first whether a peer is there (RFC 9132 4.7). What is set here is for
 * sessions without heartbeats, and so that the kernel ends what nobody else does.
 */
#include "net/tcp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/mem.h"

enum {
	ACCEPTED_A_TURN = 64,
	SEND_BUFFER = 64 * 1024, /* the kernel's own queue, beside ours */
	DRAIN_MAX = 64 * 1024,
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 15,
	/* Longer than heartbeats need by default to find out (15 × 30 s). */
	DEAD_PATH_MS = 600000,
};

struct tcp {
	int fd;
	bool open, connecting, calling;
	struct endpoint local, remote;
	char interface[IFNAMSIZ];
	struct loop *loop;
	struct watch *watch;
	struct timer *timer; /* what is due next turn: flush, again, broken */
	const struct tcp_ops *ops;
	void *arg;
	uint8_t *queue;
	size_t len, cap;
	bool stuck; /* the kernel takes no more now */
	bool again, shrunk;
	bool held;
	bool ending, ended; /* our direction, once the queue is empty */
	const char *broken; /* why; NULL: it is not */
};

struct tcp_listener {
	struct acceptor *acceptor;
	struct loop *loop;
	char interface[IFNAMSIZ];
	tcp_accepted cb;
	void *arg;
};

/* --- sockets -------------------------------------------------------------------------------- */

static int
tcp_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int
tcp_socket(const char *interface, uint8_t family)
{
	int fd = socket(
		family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && family == 6)
		r = tcp_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r == 0 && interface && interface[0] &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
			(socklen_t)strnlen(interface, IFNAMSIZ)) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int
tcp_bind(int fd, const struct endpoint *local)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(local, &ss);

	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

static void
tcp_set_defaults(int fd)
{
	/* None of them can fail on a TCP socket of Linux; without them it works all the same. */
	(void)tcp_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)tcp_set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	(void)tcp_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	(void)tcp_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	(void)tcp_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	(void)tcp_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_PATH_MS);
}

/* --- life ----------------------------------------------------------------------------------- */

static void
tcp_watch(struct tcp *t)
{
	int events = 0;

	if (t->connecting || t->stuck)
		events |= LOOP_WRITE;
	if (t->open && !t->connecting && !t->broken && !t->held && !tcp_is_busy(t))
		events |= LOOP_READ;
	watch_events(t->watch, events);
}

static void
tcp_break(struct tcp *t, const char *why)
{
	if (t->broken)
		return;
	t->broken = why;
	t->stuck = t->connecting = false;
	t->len = 0;
	tcp_watch(t);
	timer_after(t->timer, 0);
}

static void
tcp_shut(struct tcp *t)
{
	if (!t->ending || t->ended || t->len || t->broken)
		return;
	t->ended = true;
	shutdown(t->fd, SHUT_WR);
}

static void
tcp_flush(struct tcp *t)
{
	bool was_busy = tcp_is_busy(t);
	size_t done = 0;

	while (done < t->len && !t->connecting) {
		ssize_t n = send(t->fd, t->queue + done, t->len - done, MSG_NOSIGNAL);

		if (n > 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			tcp_break(t, strerrordesc_np(errno));
			return;
		}
	}
	if (done)
		memmove(t->queue, t->queue + done, t->len - done);
	t->len -= done;
	t->stuck = t->len > 0;
	if (!t->len) {
		free(t->queue);
		t->queue = NULL;
		t->cap = 0;
		tcp_shut(t);
	}
	tcp_watch(t);
	if (was_busy && !tcp_is_busy(t)) {
		t->shrunk = true;
		timer_after(t->timer, 0);
	}
}

/* All callbacks go through here: what they have queued goes out as one. */
static void
tcp_call(struct tcp *t, void (*cb)(void *arg))
{
	t->calling = true;
	cb(t->arg);
	t->calling = false;
	if (t->len)
		tcp_flush(t);
}

static void
tcp_due(void *arg)
{
	struct tcp *t = arg;
	bool wanted = t->shrunk || (t->again && !t->held);

	t->again = t->shrunk = false;
	if (t->broken) {
		t->open = false;
		t->ops->broken(t->arg, t->broken);
		return;
	}
	if (t->len)
		tcp_flush(t);
	if (wanted && !t->broken && !tcp_is_busy(t))
		tcp_call(t, t->ops->readable);
}

static void
tcp_connect_done(struct tcp *t)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		tcp_break(t, strerrordesc_np(error));
		return;
	}
	t->connecting = false;
	tcp_watch(t);
	tcp_call(t, t->ops->connected);
}

static void
tcp_event(void *arg, int events)
{
	struct tcp *t = arg;

	if (t->connecting) {
		tcp_connect_done(t);
		return;
	}
	if (t->stuck)
		tcp_flush(t);
	if (events & LOOP_READ && t->open && !t->broken && !t->held && !tcp_is_busy(t))
		tcp_call(t, t->ops->readable);
}

/* Takes the descriptor. */
static struct tcp *
tcp_new(struct loop *l, int fd, const char *interface, const struct endpoint *remote)
{
	struct tcp *t = mem_new(sizeof(*t));
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	t->fd = fd;
	t->loop = l;
	t->remote = *remote;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		(void)endpoint_from_sockaddr((struct sockaddr *)&ss, &t->local);
	if (interface)
		memcpy(t->interface, interface, strnlen(interface, IFNAMSIZ - 1));
	t->timer = timer_new(l, tcp_due, t);
	t->watch = watch_new(l, fd, 0, tcp_event, t);
	return t;
}

struct tcp *
tcp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, const struct tcp_ops *ops, void *arg, int *ret_error)
{
	int fd = tcp_socket(interface, remote->addr.family), r = 0;
	struct sockaddr_storage ss;
	struct tcp *t;
	socklen_t len;

	if (fd < 0) {
		*ret_error = fd;
		return NULL;
	}
	tcp_set_defaults(fd);
	if (source) {
		struct endpoint from = {.addr = *source, .scope_id = remote->scope_id};

		r = source->family == remote->addr.family ? tcp_bind(fd, &from) : -EAFNOSUPPORT;
	}
	len = endpoint_to_sockaddr(remote, &ss);
	if (r == 0 && connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
		r = -errno;
	if (r < 0) {
		close(fd);
		*ret_error = r;
		return NULL;
	}
	t = tcp_new(l, fd, interface, remote);
	t->connecting = true;
	tcp_open(t, ops, arg);
	return t;
}

void
tcp_open(struct tcp *t, const struct tcp_ops *ops, void *arg)
{
	t->ops = ops;
	t->arg = arg;
	t->open = true;
	tcp_watch(t);
}

/* What the peer sent and nobody read would turn the end into a reset, which could overtake the last
 * words. */
static void
tcp_drain(struct tcp *t)
{
	static uint8_t nowhere[4096];

	shutdown(t->fd, SHUT_WR);
	for (size_t n = 0; n < DRAIN_MAX; n += sizeof(nowhere))
		if (recv(t->fd, nowhere, sizeof(nowhere), 0) <= 0)
			return;
}

void
tcp_free(struct tcp *t)
{
	const struct linger reset = {.l_onoff = 1};

	if (!t)
		return;
	assert(!t->calling);
	if (t->len)
		tcp_flush(t);
	if (t->open && !t->connecting && !t->broken)
		tcp_drain(t);
	else
		(void)setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	watch_free(t->watch);
	timer_free(t->timer);
	close(t->fd);
	free(t->queue);
	free(t);
}

/* --- data ----------------------------------------------------------------------------------- */

ssize_t
tcp_read(struct tcp *t, void *bytes, size_t cap)
{
	ssize_t n;

	do
		n = recv(t->fd, bytes, cap, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool
tcp_send(struct tcp *t, const void *bytes, size_t len)
{
	if (t->broken || t->ending)
		return false;
	if (len > TCP_QUEUE_MAX - t->len) {
		tcp_break(t, "the peer does not read");
		return false;
	}
	if (t->len + len > t->cap) {
		while (t->len + len > t->cap)
			t->cap = t->cap ? 2 * t->cap : 1024;
		t->queue = mem_grow(t->queue, t->cap, 1);
	}
	if (!t->calling && !t->stuck)
		timer_after(t->timer, 0);
	memcpy(t->queue + t->len, bytes, len);
	t->len += len;
	return true;
}

bool
tcp_is_busy(const struct tcp *t)
{
	return t->len > TCP_QUEUE_BUSY;
}

void
tcp_again(struct tcp *t)
{
	t->again = true;
	timer_after(t->timer, 0);
}

void
tcp_hold(struct tcp *t, bool hold)
{
	t->held = hold;
	tcp_watch(t);
}

void
tcp_end(struct tcp *t)
{
	t->ending = true;
	tcp_shut(t);
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
	return t->interface;
}

/* --- listening ------------------------------------------------------------------------------ */

/* The interface on which the first packet came in. */
static void
tcp_name_interface(int fd, uint8_t family, char interface[static IFNAMSIZ])
{
	_Alignas(struct cmsghdr) uint8_t bytes[256];
	socklen_t len = sizeof(bytes);
	struct msghdr h = {.msg_control = bytes};
	unsigned index = 0;
	int r = family == 6 ? getsockopt(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, bytes, &len)
			    : getsockopt(fd, IPPROTO_IP, IP_PKTOPTIONS, bytes, &len);

	h.msg_controllen = r < 0 ? 0 : len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		struct in_pktinfo info4;
		struct in6_pktinfo info6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(c), sizeof(info4));
			index = (unsigned)info4.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			index = info6.ipi6_ifindex;
		}
	}
	if (!index || !if_indextoname(index, interface))
		interface[0] = 0;
}

static void
tcp_accept(void *arg, int fd, const struct sockaddr *from)
{
	struct tcp_listener *tl = arg;
	char interface[IFNAMSIZ] = "";
	struct endpoint remote;

	if (endpoint_from_sockaddr(from, &remote) != 0) {
		close(fd);
		return;
	}
	tcp_set_defaults(fd);
	if (tl->interface[0])
		memcpy(interface, tl->interface, sizeof(interface));
	else
		tcp_name_interface(fd, remote.addr.family, interface);
	tl->cb(tl->arg, tcp_new(tl->loop, fd, interface, &remote));
}

static int
tcp_listen_on(int fd, const struct endpoint *local)
{
	/* A restart does not wait for what is left of the connections of the last life. */
	int r = tcp_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0)
		r = local->addr.family == 6 ? tcp_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
					    : tcp_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (r == 0)
		r = tcp_bind(fd, local);
	if (r == 0 && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	return r;
}

struct tcp_listener *
tcp_listen(struct loop *l, const char *interface, const struct endpoint *local, tcp_accepted cb,
	void *arg, int *ret_error)
{
	int fd = tcp_socket(interface, local->addr.family);
	int r = fd < 0 ? fd : tcp_listen_on(fd, local);
	struct tcp_listener *tl;

	if (r < 0) {
		if (fd >= 0)
			close(fd);
		*ret_error = r;
		return NULL;
	}
	tl = mem_new(sizeof(*tl));
	tl->loop = l;
	if (interface)
		memcpy(tl->interface, interface, strnlen(interface, IFNAMSIZ - 1));
	tl->cb = cb;
	tl->arg = arg;
	tl->acceptor = acceptor_new(l, fd, ACCEPTED_A_TURN, "sessions over TCP", tcp_accept, tl);
	return tl;
}

void
tcp_listener_free(struct tcp_listener *tl)
{
	if (!tl)
		return;
	acceptor_free(tl->acceptor);
	free(tl);
}
