/*
 * Nothing is kept: a table of routes may be large, and only who looks for its router asks.
 */
#include "net/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { READ_BUF = 65536, READS_MAX = 100000 };

/* ---- messages ---- */

static bool
goes_before(const struct router *a, const struct router *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return addr_compare(&a->addr, &b->addr) < 0;
}

static void
remove_at(struct routers *r, size_t i)
{
	memmove(&r->list[i], &r->list[i + 1], (--r->n - i) * sizeof(r->list[0]));
}

/* In several tables a router has several metrics: the lowest counts. */
static void
add_router(struct routers *r, const struct router *new)
{
	size_t at = 0;

	for (size_t i = 0; i < r->n; i++)
		if (addr_equal(&r->list[i].addr, &new->addr)) {
			if (!goes_before(new, &r->list[i]))
				return;
			remove_at(r, i);
			break;
		}
	while (at < r->n && goes_before(&r->list[at], new))
		at++;
	if (at == ROUTERS_MAX)
		return;
	if (r->n == ROUTERS_MAX)
		r->n--;
	memmove(&r->list[at + 1], &r->list[at], (r->n++ - at) * sizeof(r->list[0]));
	r->list[at] = *new;
}

static bool
read_addr(const struct rtattr *rta, uint8_t family, struct addr *ret)
{
	*ret = (struct addr){.family = family == AF_INET ? 4 : 6};
	if (RTA_PAYLOAD(rta) != addr_bits(ret) / 8)
		return false;
	memcpy(ret->bytes, RTA_DATA(rta), RTA_PAYLOAD(rta));
	return !addr_is_unspecified(ret) && !addr_is_multicast(ret) && !addr_is_loopback(ret);
}

/* The next hops of a route with several: each with attributes of its own. */
static void
read_hops(struct routers *r, int index, const struct rtattr *list, uint8_t family, uint32_t metric)
{
	const struct rtnexthop *hop = RTA_DATA(list);
	int left = (int)RTA_PAYLOAD(list);

	while (left >= (int)sizeof(*hop) && RTNH_OK(hop, left)) {
		const struct rtattr *rta = RTNH_DATA(hop);
		int len = hop->rtnh_len - (int)sizeof(*hop);
		struct router new = {.metric = metric};

		for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len))
			if (rta->rta_type == RTA_GATEWAY && hop->rtnh_ifindex == index &&
				read_addr(rta, family, &new.addr))
				add_router(r, &new);
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

static uint32_t
number_of(const struct rtattr *rta)
{
	uint32_t v = 0;

	if (rta && RTA_PAYLOAD(rta) == sizeof(v))
		memcpy(&v, RTA_DATA(rta), sizeof(v));
	return v;
}

static void
read_route(struct routers *r, int index, const struct rtmsg *rtm, int len)
{
	const struct rtattr *found[RTA_MAX + 1] = {0};
	struct router new;

	for (const struct rtattr *rta = RTM_RTA(rtm); RTA_OK(rta, len); rta = RTA_NEXT(rta, len))
		if (rta->rta_type <= RTA_MAX)
			found[rta->rta_type] = rta;
	new.metric = number_of(found[RTA_PRIORITY]);
	if (found[RTA_MULTIPATH])
		read_hops(r, index, found[RTA_MULTIPATH], rtm->rtm_family, new.metric);
	else if (found[RTA_GATEWAY] && number_of(found[RTA_OIF]) == (uint32_t)index &&
		 read_addr(found[RTA_GATEWAY], rtm->rtm_family, &new.addr))
		add_router(r, &new);
}

static bool
is_default_route(const struct nlmsghdr *nh)
{
	const struct rtmsg *rtm = NLMSG_DATA(nh);

	return (nh->nlmsg_type == RTM_NEWROUTE || nh->nlmsg_type == RTM_DELROUTE) &&
	       nh->nlmsg_len >= NLMSG_LENGTH(sizeof(*rtm)) && rtm->rtm_dst_len == 0 &&
	       rtm->rtm_type == RTN_UNICAST &&
	       (rtm->rtm_family == AF_INET || rtm->rtm_family == AF_INET6);
}

static bool
has(const void *messages, size_t len, bool (*is)(const struct nlmsghdr *nh))
{
	ssize_t left = (ssize_t)len; /* below 0 after a last one of odd length */

	for (const struct nlmsghdr *nh = messages; left > 0 && NLMSG_OK(nh, (size_t)left);
		nh = NLMSG_NEXT(nh, left))
		if (is(nh))
			return true;
	return false;
}

void
routers_read(struct routers *r, int index, const void *messages, size_t len)
{
	ssize_t left = (ssize_t)len; /* as above */

	for (const struct nlmsghdr *nh = messages; left > 0 && NLMSG_OK(nh, (size_t)left);
		nh = NLMSG_NEXT(nh, left))
		if (is_default_route(nh) && nh->nlmsg_type == RTM_NEWROUTE)
			read_route(r, index, NLMSG_DATA(nh), (int)RTM_PAYLOAD(nh));
}

/* ---- sockets ---- */

/* A message from somebody else than the kernel reads as none. */
static ssize_t
read_from_kernel(int fd, void *buf)
{
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, buf, READ_BUF, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

	return n > 0 && from.nl_pid != 0 ? 0 : n;
}

static int
open_socket(uint32_t groups)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The kernel leaves out routes over other interfaces where it knows how (Linux 4.20). */
static bool
request_dump(int fd, uint8_t family, int index)
{
	struct {
		struct nlmsghdr nh;
		struct rtmsg rtm;
		struct rtattr rta;
		int oif;
	} req = {.nh = {.nlmsg_len = sizeof(req),
			 .nlmsg_type = RTM_GETROUTE,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.rtm = {.rtm_family = family},
		.rta = {.rta_len = RTA_LENGTH(sizeof(int)), .rta_type = RTA_OIF},
		.oif = index};
	int one = 1;

	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	return send(fd, &req, sizeof(req), 0) >= 0;
}

static bool
is_end(const struct nlmsghdr *nh)
{
	return nh->nlmsg_type == NLMSG_DONE || nh->nlmsg_type == NLMSG_ERROR;
}

static void
dump(uint8_t family, int index, struct routers *ret)
{
	uint8_t *buf = mem_new(READ_BUF);
	int fd = open_socket(0);
	bool more = fd >= 0 && request_dump(fd, family, index);

	for (int i = 0; more && i < READS_MAX; i++) {
		ssize_t n = read_from_kernel(fd, buf);

		more = n >= 0 && !has(buf, (size_t)n, is_end);
		if (n > 0)
			routers_read(ret, index, buf, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	free(buf);
}

void
routers_of(const char *interface, struct routers *ret)
{
	int index = (int)if_nametoindex(interface);

	ret->n = 0;
	if (!index)
		return;
	dump(AF_INET, index, ret);
	dump(AF_INET6, index, ret);
}

/* ---- watching ---- */

struct route_watch {
	struct watch *watch;
	int fd;
	void (*changed)(void *arg);
	void *arg;
};

/* After an overrun anything may have changed. */
static void
on_readable(void *arg, int events)
{
	struct route_watch *w = arg;
	uint8_t *buf = mem_new(READ_BUF);
	bool changed = false;
	ssize_t n;

	(void)events;
	while ((n = read_from_kernel(w->fd, buf)) >= 0)
		changed = changed || has(buf, (size_t)n, is_default_route);
	changed = changed || (errno != EAGAIN && errno != EINTR);
	free(buf);
	if (changed)
		w->changed(w->arg);
}

struct route_watch *
route_watch_new(struct loop *l, void (*changed)(void *arg), void *arg)
{
	struct route_watch *w;
	int fd = open_socket(RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);

	if (fd < 0)
		return NULL;
	w = mem_new(sizeof(*w));
	*w = (struct route_watch){.fd = fd, .changed = changed, .arg = arg};
	w->watch = watch_new(l, fd, LOOP_READ, on_readable, w);
	return w;
}

void
route_watch_free(struct route_watch *w)
{
	if (!w)
		return;
	watch_free(w->watch);
	close(w->fd);
	free(w);
}
