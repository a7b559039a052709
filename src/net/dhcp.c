/*
 * See dhcp.h. One question, repeated at the pace of its family until a datagram answers it.
 */
#include "net/dhcp.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/tls.h"

enum {
	READ_MAX = 9216,       /* a jumbo frame */
	READS_A_TURN = 16,     /* others are to have their turn */
	FIRST_DELAY_MS = 1000, /* RFC 8415 7.6 INF_MAX_DELAY: not all at once after an outage */
	INFORM_MS = 4000,      /* RFC 2131 4.1 */
	INFORM_SPREAD_MS = 1000,
	INF_TIMEOUT_MS = 1000, /* RFC 8415 7.6 */
};

struct family_row;

struct dhcp_probe {
	const struct family_row *row;
	struct loop *loop;
	int fd;
	unsigned ifindex;
	struct addr server;
	struct dhcp_question question;
	dhcp_probe_cb cb;
	void *arg;
	struct watch *watch;
	struct timer *timer;
	mono_ms began; /* the first message */
	unsigned sent;
	int64_t wait;
	const char *why; /* of the last datagram that was no answer */
	uint8_t in[READ_MAX];
};

struct family_row {
	uint8_t family;
	uint16_t server_port;
	/* The last one has its full time to be answered; that is about a minute in either family,
	 * and in DHCPv6 less than the least INF_MAX_RT that a server may set (RFC 8415 21.25). */
	unsigned sends;
	int64_t (*wait)(const struct dhcp_probe *p);
	void (*encode)(const struct dhcp_probe *p, struct buf *out);
	socklen_t (*to)(const struct dhcp_probe *p, struct sockaddr_storage *ret);
	const char *(*decode)(const struct dhcp_question *q, const uint8_t *bytes, size_t len,
		struct dhcp_dots *ret);
};

/* ---- pace ---- */

static int64_t
random_below(int64_t n)
{
	uint32_t r;

	tls_random(&r, sizeof(r));
	return r % n;
}

/* From -spread to +spread. */
static int64_t
random_around(int64_t spread)
{
	return random_below(2 * spread + 1) - spread;
}

/* RFC 2131 4.1: 4 s, doubled, each ± 1 s. */
static int64_t
wait4(const struct dhcp_probe *p)
{
	return ((int64_t)INFORM_MS << (p->sent - 1)) + random_around(INFORM_SPREAD_MS);
}

/* RFC 8415 15: IRT + RAND * IRT, then 2 * RTprev + RAND * RTprev, RAND within ± 0.1. */
static int64_t
wait6(const struct dhcp_probe *p)
{
	return p->wait ? 2 * p->wait + random_around(p->wait / 10)
		       : INF_TIMEOUT_MS + random_around(INF_TIMEOUT_MS / 10);
}

/* ---- sending ---- */

static int64_t
elapsed_ms(const struct dhcp_probe *p)
{
	return loop_now(p->loop) - p->began;
}

static void
encode4(const struct dhcp_probe *p, struct buf *out)
{
	dhcp_inform_encode(&p->question, (uint16_t)(elapsed_ms(p) / 1000), out);
}

static void
encode6(const struct dhcp_probe *p, struct buf *out)
{
	int64_t centisecs = elapsed_ms(p) / 10;

	dhcp_information_request_encode(
		&p->question, centisecs < UINT16_MAX ? (uint16_t)centisecs : UINT16_MAX, out);
}

static socklen_t
to4(const struct dhcp_probe *p, struct sockaddr_storage *ret)
{
	struct endpoint e = {.addr = {4, {255, 255, 255, 255}}, .port = p->row->server_port};

	if (p->server.family)
		e.addr = p->server;
	return endpoint_to_sockaddr(&e, ret);
}

/* All_DHCP_Relay_Agents_and_Servers (RFC 8415 7.1) */
static socklen_t
to6(const struct dhcp_probe *p, struct sockaddr_storage *ret)
{
	struct endpoint e = {.addr = {6, {[0] = 0xff, [1] = 2, [13] = 1, [15] = 2}},
		.port = p->row->server_port,
		.scope_id = p->ifindex};

	return endpoint_to_sockaddr(&e, ret);
}

static const struct family_row rows[] = {
	{4, 67, 4, wait4, encode4, to4, dhcp_ack_decode},
	{6, 547, 6, wait6, encode6, to6, dhcp_reply_decode},
};

/* Over the interface; in IPv4 from the address that the answer is to go to. What cannot be sent is
 * lost, like a datagram: the next one is on time. */
static void
send_question(struct dhcp_probe *p)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {0};
	struct in_pktinfo info = {.ipi_ifindex = (int)p->ifindex};
	struct sockaddr_storage to;
	struct iovec iov;
	struct msghdr msg = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
	struct buf out;

	buf_init(&out, DHCP_QUESTION_MAX);
	p->row->encode(p, &out);
	iov = (struct iovec){out.bytes, out.len};
	msg.msg_namelen = p->row->to(p, &to);
	if (p->row->family == 4) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		memcpy(&info.ipi_spec_dst, p->question.client.bytes, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
	(void)!sendmsg(p->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_finish(&out);
}

static void
finish(struct dhcp_probe *p, const struct dhcp_dots *answer)
{
	timer_stop(p->timer);
	watch_events(p->watch, 0);
	p->cb(p->arg, answer, answer ? NULL : p->why); /* p may be gone now */
}

static void
on_timer(void *arg)
{
	struct dhcp_probe *p = arg;

	if (p->sent == p->row->sends) {
		finish(p, NULL);
		return;
	}
	if (!p->sent)
		p->began = loop_now(p->loop);
	send_question(p);
	p->sent++;
	p->wait = p->row->wait(p);
	timer_after(p->timer, p->wait);
}

/* ---- receiving ---- */

static unsigned
ifindex_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			return (unsigned)info.ipi_ifindex;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			return info.ipi6_ifindex;
		}
	}
	return 0;
}

static const char *
judge(const struct dhcp_probe *p, struct msghdr *msg, size_t len, struct dhcp_dots *ret)
{
	struct endpoint from;

	if (endpoint_from_sockaddr(msg->msg_name, &from) != 0 || from.port != p->row->server_port)
		return "not from a server's port";
	if (ifindex_of(msg) != p->ifindex)
		return "from another link";
	if (msg->msg_flags & MSG_TRUNC)
		return "too long";
	return p->row->decode(&p->question, p->in, len, ret);
}

static void
set_scopes(const struct dhcp_probe *p, struct dhcp_dots *d)
{
	for (size_t i = 0; i < d->n_resolvers; i++)
		if (d->resolvers[i].addr.family == 6 && addr_is_link_local(&d->resolvers[i].addr))
			d->resolvers[i].scope_id = p->ifindex;
}

/* One datagram. False: there is none, or it was the answer and the probe may be gone. */
static bool
read_one(struct dhcp_probe *p)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct sockaddr_storage from = {0};
	struct iovec iov = {p->in, sizeof(p->in)};
	struct msghdr msg = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(p->fd, &msg, MSG_DONTWAIT);
	struct dhcp_dots answer;

	if (n < 0) {
		watch_events(p->watch, LOOP_READ); /* an error makes the loop stop watching */
		return false;
	}
	p->why = judge(p, &msg, (size_t)n, &answer);
	if (p->why)
		return true;
	set_scopes(p, &answer);
	finish(p, &answer);
	return false;
}

static void
on_readable(void *arg, int events)
{
	(void)events;
	for (int i = 0; i < READS_A_TURN && read_one(arg); i++)
		;
}

/* ---- life ---- */

static int
prepare_socket(const struct dhcp_probe_config *cfg)
{
	const int one = 1;

	if (cfg->family == 6)
		return setsockopt(cfg->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one))
			       ? -errno
			       : 0;
	return setsockopt(cfg->fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) ||
			       setsockopt(cfg->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one))
		       ? -errno
		       : 0;
}

static int
make_question(const struct dhcp_probe_config *cfg, struct dhcp_question *ret)
{
	struct ifreq ifr = {0};

	if (cfg->family == 4 && cfg->address.family != 4)
		return -EADDRNOTAVAIL;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", cfg->interface);
	if (ioctl(cfg->fd, SIOCGIFHWADDR, &ifr) != 0)
		return -errno;
	ret->has_ether = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	if (ret->has_ether)
		memcpy(ret->ether, ifr.ifr_hwaddr.sa_data, sizeof(ret->ether));
	ret->client = cfg->address;
	tls_random(&ret->xid, sizeof(ret->xid));
	return 0;
}

struct dhcp_probe *
dhcp_probe_new(struct loop *l, const struct dhcp_probe_config *cfg, dhcp_probe_cb cb, void *arg,
	int *ret_error)
{
	struct dhcp_question question = {0};
	unsigned ifindex = if_nametoindex(cfg->interface);
	int r = ifindex ? make_question(cfg, &question) : -ENODEV;
	struct dhcp_probe *p;

	if (!r)
		r = prepare_socket(cfg);
	if (r) {
		*ret_error = r;
		return NULL;
	}
	p = mem_new(sizeof(*p));
	p->row = &rows[cfg->family == 6];
	p->loop = l;
	p->fd = cfg->fd;
	p->ifindex = ifindex;
	p->server = cfg->server;
	p->question = question;
	p->cb = cb;
	p->arg = arg;
	p->why = "nobody answered";
	p->watch = watch_new(l, cfg->fd, LOOP_READ, on_readable, p);
	p->timer = timer_new(l, on_timer, p);
	timer_after(p->timer, random_below(FIRST_DELAY_MS + 1));
	return p;
}

void
dhcp_probe_free(struct dhcp_probe *p)
{
	if (!p)
		return;
	watch_free(p->watch);
	timer_free(p->timer);
	free(p);
}
