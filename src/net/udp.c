/*
 * See udp.h. Owns the descriptor, its watch and the queue of outgoing datagrams.
 *
 * recvmmsg and sendmmsg keep the cost of a datagram near the kernel's floor. The queue is flushed
 * after each batch read and, for what the owner sends at other moments, by a timer of the next
 * turn.
 */
#include "net/udp.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	READ_BATCH = 64,      /* listening socket */
	READ_BATCH_SMALL = 8, /* one peer only */
	READ_ROUNDS = 4,      /* batches a wake-up, then the loop goes round */
	READ_MAX = 17408,     /* a full DTLS record and its header */
	WRITE_BATCH = 64,
	SOCKET_BUFFER = 4 << 20,
};

/* Room for either family's packet information. */
struct udp_control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_in {
	uint8_t bytes[READ_MAX];
	struct sockaddr_storage from;
	struct udp_control control;
	struct iovec iov;
};

struct udp_out {
	uint8_t bytes[UDP_SEND_MAX];
	struct sockaddr_storage to;
	struct udp_control control;
	struct iovec iov;
};

struct udp {
	int fd;
	bool connected;
	bool reading; /* our callback is running */
	struct endpoint local;
	struct watch *watch;
	struct timer *flush_timer;
	udp_cb cb;
	void *arg;
	unsigned read_batch, n_out;
	struct udp_in *in;
	struct udp_out *out;
	struct mmsghdr in_heads[READ_BATCH], out_heads[WRITE_BATCH];
};

/* --- writing ------------------------------------------------------------------------------- */

static void
udp_flush(struct udp *u)
{
	unsigned done = 0;

	while (done < u->n_out) {
		int n = sendmmsg(u->fd, u->out_heads + done, u->n_out - done, MSG_DONTWAIT);

		if (n > 0)
			done += (unsigned)n;
		else if (errno != EINTR)
			done++; /* lost: a pending ICMP error, no route, no room */
	}
	u->n_out = 0;
	timer_stop(u->flush_timer);
}

static void
udp_flush_due(void *arg)
{
	udp_flush(arg);
}

static size_t
udp_control_v4(struct cmsghdr *c, const struct udp_path *path)
{
	struct in_pktinfo info = {.ipi_ifindex = (int)path->ifindex};

	memcpy(&info.ipi_spec_dst, path->local.addr.bytes, 4);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

static size_t
udp_control_v6(struct cmsghdr *c, const struct udp_path *path)
{
	struct in6_pktinfo info = {.ipi6_ifindex = path->ifindex};

	memcpy(&info.ipi6_addr, path->local.addr.bytes, 16);
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

void
udp_send(struct udp *u, const struct udp_path *path, const void *bytes, size_t len)
{
	struct udp_out *o;
	struct msghdr *h;

	assert(len <= UDP_SEND_MAX);
	if (u->n_out == WRITE_BATCH)
		udp_flush(u);
	if (u->n_out == 0 && !u->reading)
		timer_after(u->flush_timer, 0);
	o = &u->out[u->n_out];
	h = &u->out_heads[u->n_out++].msg_hdr;
	memcpy(o->bytes, bytes, len);
	o->iov = (struct iovec){o->bytes, len};
	*h = (struct msghdr){.msg_iov = &o->iov, .msg_iovlen = 1};
	if (u->connected)
		return;
	h->msg_name = &o->to;
	h->msg_namelen = endpoint_to_sockaddr(&path->remote, &o->to);
	memset(&o->control, 0, sizeof(o->control));
	h->msg_control = &o->control;
	h->msg_controllen = sizeof(o->control);
	if (path->local.addr.family == 6)
		h->msg_controllen = udp_control_v6(CMSG_FIRSTHDR(h), path);
	else
		h->msg_controllen = udp_control_v4(CMSG_FIRSTHDR(h), path);
}

/* --- reading ------------------------------------------------------------------------------- */

static void
udp_note_control(struct msghdr *h, struct udp_path *path)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(path->local.addr.bytes, &info.ipi_addr, 4);
			path->ifindex = (unsigned)info.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(path->local.addr.bytes, &info.ipi6_addr, 16);
			path->ifindex = info.ipi6_ifindex;
		}
	}
}

static void
udp_deliver(struct udp *u, struct udp_in *in, struct mmsghdr *head)
{
	struct udp_path path = {.local = u->local};

	if (head->msg_hdr.msg_flags & MSG_TRUNC)
		return;
	if (endpoint_from_sockaddr((struct sockaddr *)&in->from, &path.remote) < 0)
		return;
	udp_note_control(&head->msg_hdr, &path);
	if (addr_is_multicast(&path.local.addr) || path.remote.port == 0)
		return;
	if (addr_is_link_local(&path.local.addr))
		path.local.scope_id = path.ifindex;
	u->cb(u->arg, &path, in->bytes, head->msg_len);
}

static int
udp_read_batch(struct udp *u)
{
	int n;

	for (unsigned i = 0; i < u->read_batch; i++) {
		struct udp_in *in = &u->in[i];

		in->iov = (struct iovec){in->bytes, READ_MAX};
		u->in_heads[i].msg_hdr = (struct msghdr){
			.msg_name = &in->from,
			.msg_namelen = sizeof(in->from),
			.msg_iov = &in->iov,
			.msg_iovlen = 1,
			.msg_control = &in->control,
			.msg_controllen = sizeof(in->control),
		};
	}
	n = recvmmsg(u->fd, u->in_heads, u->read_batch, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		udp_deliver(u, &u->in[i], &u->in_heads[i]);
	return n;
}

static void
udp_readable(void *arg, int events)
{
	struct udp *u = arg;
	int n = 0;

	(void)events;
	u->reading = true;
	for (int round = 0; round < READ_ROUNDS; round++) {
		n = udp_read_batch(u);
		if (n < (int)u->read_batch)
			break;
	}
	u->reading = false;
	udp_flush(u);
	/* An ICMP error, whoever has fetched it, makes the loop stop watching: go on. */
	if (u->connected || n < 0)
		watch_events(u->watch, LOOP_READ);
}

/* --- making -------------------------------------------------------------------------------- */

/* Our datagrams are of a size that every path of IPv6 carries, and most of IPv4 (RFC 9132 7.3).
 * Where one carries less, routers may divide them: with the kernel's "don't fragment" they would
 * vanish without a word if ICMP is filtered, and who forges ICMP could make them small. */
static int
udp_let_fragment(int fd)
{
	const int how = IP_PMTUDISC_OMIT;

	return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how));
}

static int
udp_socket(const char *interface, uint8_t family)
{
	int fd = socket(
		family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;
	int r;

	if (fd < 0)
		return -errno;
	if (family == 6)
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0 ||
		    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) < 0;
	else
		r = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) < 0 ||
		    udp_let_fragment(fd) < 0;
	if (!r && interface && interface[0])
		r = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
			    (socklen_t)strnlen(interface, IFNAMSIZ)) < 0;
	if (r) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int
udp_bind(int fd, const struct endpoint *local)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(local, &ss);

	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

/* Takes the descriptor, also on failure. */
static struct udp *
udp_wrap(struct loop *l, int fd, bool connected, udp_cb cb, void *arg)
{
	struct udp *u = mem_new(sizeof(*u));
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	u->fd = fd;
	u->connected = connected;
	u->cb = cb;
	u->arg = arg;
	u->read_batch = connected ? READ_BATCH_SMALL : READ_BATCH;
	u->in = mem_array(u->read_batch, sizeof(*u->in));
	u->out = mem_array(WRITE_BATCH, sizeof(*u->out));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		(void)endpoint_from_sockaddr((struct sockaddr *)&ss, &u->local);
	u->flush_timer = timer_new(l, udp_flush_due, u);
	u->watch = watch_new(l, fd, LOOP_READ, udp_readable, u);
	return u;
}

struct udp *
udp_listen(struct loop *l, const char *interface, const struct endpoint *local, udp_cb cb,
	void *arg, int *ret_error)
{
	const int size = SOCKET_BUFFER;
	int fd = udp_socket(interface, local->addr.family), r;

	if (fd < 0) {
		*ret_error = fd;
		return NULL;
	}
	/* As much as the system grants: the room for a burst while a turn of the loop lasts. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	r = udp_bind(fd, local);
	if (r < 0) {
		close(fd);
		*ret_error = r;
		return NULL;
	}
	return udp_wrap(l, fd, false, cb, arg);
}

struct udp *
udp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, udp_cb cb, void *arg, int *ret_error)
{
	int fd = udp_socket(interface, remote->addr.family), r = 0;
	struct sockaddr_storage ss;
	socklen_t len;

	if (fd < 0) {
		*ret_error = fd;
		return NULL;
	}
	if (source) {
		struct endpoint from = {.addr = *source, .scope_id = remote->scope_id};

		r = source->family == remote->addr.family ? udp_bind(fd, &from) : -EAFNOSUPPORT;
	}
	len = endpoint_to_sockaddr(remote, &ss);
	if (r == 0 && connect(fd, (struct sockaddr *)&ss, len) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		*ret_error = r;
		return NULL;
	}
	return udp_wrap(l, fd, true, cb, arg);
}

void
udp_free(struct udp *u)
{
	if (!u)
		return;
	assert(!u->reading);
	udp_flush(u);
	watch_free(u->watch);
	timer_free(u->flush_timer);
	close(u->fd);
	free(u->in);
	free(u->out);
	free(u);
}

const struct endpoint *
udp_local(const struct udp *u)
{
	return &u->local;
}
