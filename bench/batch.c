/*
 * See batch.h.
 */
#include "batch.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SOCKET_BUFFER = 16 << 20 };

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct side {
	struct datagram datagrams[BATCH];
	struct control controls[BATCH];
	struct iovec iovs[BATCH];
	struct mmsghdr heads[BATCH];
};

struct batch {
	int fd;
	bool with_local;
	struct side in, out;
	unsigned n_out;
};

struct sockaddr_in
parse_endpoint(const char *text)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char address[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!len || len >= sizeof(address))
		errx(2, "%s: not an address:port", text);
	memcpy(address, text, len);
	address[len] = '\0';
	at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		errx(2, "%s: not an address:port", text);
	return at;
}

struct batch *
batch_new(struct in_addr address, uint16_t port, bool with_local)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
	struct batch *b = calloc(1, sizeof(*b));
	const int size = SOCKET_BUFFER, one = 1;

	if (!b)
		err(1, "memory");
	b->with_local = with_local;
	b->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->fd < 0 || bind(b->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		err(1, "udp socket");
	if (with_local && setsockopt(b->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) != 0)
		err(1, "IP_PKTINFO");
	/* As much as there is to have: what a queue loses, nobody measures. */
	if (setsockopt(b->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(b->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(b->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return b;
}

int
batch_fd(const struct batch *b)
{
	return b->fd;
}

struct datagram *
batch_at(struct batch *b, unsigned i)
{
	return &b->in.datagrams[i];
}

static void
prepare(struct batch *b, unsigned i)
{
	struct side *in = &b->in;
	struct msghdr *h = &in->heads[i].msg_hdr;

	in->iovs[i] = (struct iovec){in->datagrams[i].bytes, DATAGRAM_MAX};
	*h = (struct msghdr){.msg_name = &in->datagrams[i].remote,
		.msg_namelen = sizeof(struct sockaddr_in),
		.msg_iov = &in->iovs[i],
		.msg_iovlen = 1};
	if (b->with_local) {
		h->msg_control = &in->controls[i];
		h->msg_controllen = sizeof(in->controls[i]);
	}
}

static void
note_local(struct datagram *d, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->local = info.ipi_addr;
		}
}

unsigned
batch_read(struct batch *b, int timeout_ms)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	int n;

	for (unsigned i = 0; i < BATCH; i++)
		prepare(b, i);
	n = recvmmsg(b->fd, b->in.heads, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && timeout_ms && poll(&p, 1, timeout_ms) > 0)
		n = recvmmsg(b->fd, b->in.heads, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		b->in.datagrams[i].len = b->in.heads[i].msg_len;
		if (b->with_local)
			note_local(&b->in.datagrams[i], &b->in.heads[i].msg_hdr);
	}
	return n < 0 ? 0 : (unsigned)n;
}

void
batch_flush(struct batch *b)
{
	unsigned done = 0;

	while (done < b->n_out) {
		int n = sendmmsg(b->fd, b->out.heads + done, b->n_out - done, 0);

		if (n > 0)
			done += (unsigned)n;
		else if (errno == EAGAIN)
			(void)poll(&(struct pollfd){.fd = b->fd, .events = POLLOUT}, 1, 10);
		else if (errno != EINTR)
			done++;
	}
	b->n_out = 0;
}

static void
put_local(struct msghdr *h, struct control *room, const struct in_addr *local)
{
	struct in_pktinfo info = {.ipi_spec_dst = *local};
	struct cmsghdr *c;

	h->msg_control = room;
	h->msg_controllen = sizeof(*room);
	memset(room, 0, sizeof(*room));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

void
batch_send(struct batch *b, const struct sockaddr_in *remote, const struct in_addr *local,
	const void *bytes, size_t len)
{
	unsigned i = b->n_out++;
	struct datagram *d = &b->out.datagrams[i];
	struct msghdr *h = &b->out.heads[i].msg_hdr;

	if (len > DATAGRAM_MAX)
		errx(1, "a datagram of %zu bytes", len);
	memcpy(d->bytes, bytes, len);
	d->remote = *remote;
	b->out.iovs[i] = (struct iovec){d->bytes, len};
	*h = (struct msghdr){.msg_name = &d->remote,
		.msg_namelen = sizeof(struct sockaddr_in),
		.msg_iov = &b->out.iovs[i],
		.msg_iovlen = 1};
	if (b->with_local)
		put_local(h, &b->out.controls[i], local);
	if (b->n_out == BATCH)
		batch_flush(b);
}
