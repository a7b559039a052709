/*
 * Interfaces and addresses by rtnetlink: a dump at start, then events. After an overrun or any
 * other error everything is read anew over a new socket. No call blocks: the kernel answers a dump
 * at once.
 */
#include "net/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/event.h"
#include "base/mem.h"

enum { READ_BUF = 65536, ADDRS_MAX = 65536, DUMP_TRIES = 5, RETRY_MS = 1000 };

struct link {
	int index;
	char name[IFNAMSIZ];
	bool up;
};

struct links {
	struct loop *loop;
	struct watch *watch;
	struct timer *renew;
	int fd;
	uint32_t seq;
	struct state { /* what the kernel has told */
		struct link *list;
		size_t n;
		struct link_addr *addrs;
		int *addr_index; /* interface of each address */
		size_t n_addrs, cap_addrs;
	} known;
	bool live; /* the dumps are through: changes are told */
	void (*changed)(void *arg, const char *interface, bool up);
	void *arg;
};

static struct link *
link_by_index(const struct links *ls, int index)
{
	for (size_t i = 0; i < ls->known.n; i++)
		if (ls->known.list[i].index == index)
			return &ls->known.list[i];
	return NULL;
}

static struct link *
link_by_name(const struct links *ls, const char *name)
{
	for (size_t i = 0; i < ls->known.n; i++)
		if (!strcmp(ls->known.list[i].name, name))
			return &ls->known.list[i];
	return NULL;
}

static void
tell(struct links *ls, const char *name, bool up)
{
	if (ls->live)
		ls->changed(ls->arg, name, up);
}

/* ---- messages ---- */

static void
rename_link(struct links *ls, struct link *l, const char *name)
{
	for (size_t i = 0; i < ls->known.n_addrs; i++)
		if (ls->known.addr_index[i] == l->index)
			memcpy(ls->known.addrs[i].interface, name, IFNAMSIZ);
	memcpy(l->name, name, IFNAMSIZ);
}

static void
on_newlink(struct links *ls, const struct ifinfomsg *ifi, int len)
{
	const struct rtattr *rta = IFLA_RTA(ifi);
	struct link *l = link_by_index(ls, ifi->ifi_index);
	bool up = ifi->ifi_flags & IFF_UP && ifi->ifi_flags & (IFF_RUNNING | IFF_LOOPBACK);
	char name[IFNAMSIZ] = "", old[IFNAMSIZ] = "";
	bool same;

	for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len))
		if (rta->rta_type == IFLA_IFNAME)
			memcpy(name, RTA_DATA(rta), strnlen(RTA_DATA(rta), IFNAMSIZ - 1));
	if (!*name)
		return; /* nothing can be said of it */
	if (!l) {
		ls->known.list = mem_grow(ls->known.list, ls->known.n + 1, sizeof(*ls->known.list));
		l = &ls->known.list[ls->known.n++];
		*l = (struct link){.index = ifi->ifi_index};
	}
	memcpy(old, l->name, sizeof(old));
	same = !strcmp(old, name) && l->up == up;
	l->up = up;
	rename_link(ls, l, name);
	/* The callee may look at us; l is not touched after it. */
	if (*old && strcmp(old, name) != 0)
		tell(ls, old, false);
	if (!same)
		tell(ls, name, up);
}

static void
forget_addr_at(struct links *ls, size_t i)
{
	ls->known.addrs[i] = ls->known.addrs[--ls->known.n_addrs];
	ls->known.addr_index[i] = ls->known.addr_index[ls->known.n_addrs];
}

static void
on_dellink(struct links *ls, const struct ifinfomsg *ifi)
{
	struct link *l = link_by_index(ls, ifi->ifi_index);
	char name[IFNAMSIZ];

	if (!l)
		return;
	memcpy(name, l->name, sizeof(name)); /* its addresses were taken back before */
	*l = ls->known.list[--ls->known.n];
	tell(ls, name, false);
}

static bool
parse_addr(const struct ifaddrmsg *ifa, int len, struct addr *ret, uint32_t *ret_flags)
{
	const struct rtattr *rta = IFA_RTA(ifa);
	bool local = false;

	*ret = (struct addr){.family = ifa->ifa_family == AF_INET ? 4 : 6};
	*ret_flags = ifa->ifa_flags;
	for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len)) {
		size_t n = RTA_PAYLOAD(rta);

		if (rta->rta_type == IFA_FLAGS && n >= sizeof(*ret_flags))
			memcpy(ret_flags, RTA_DATA(rta), sizeof(*ret_flags));
		/* On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is ours. */
		if (n != addr_bits(ret) / 8 ||
			(rta->rta_type != IFA_LOCAL && rta->rta_type != IFA_ADDRESS))
			continue;
		if (rta->rta_type == IFA_LOCAL || !local)
			memcpy(ret->bytes, RTA_DATA(rta), n);
		local |= rta->rta_type == IFA_LOCAL;
	}
	return ifa->ifa_family == AF_INET || ifa->ifa_family == AF_INET6;
}

static struct link_addr *
find_addr(const struct links *ls, int index, const struct addr *a)
{
	for (size_t i = 0; i < ls->known.n_addrs; i++)
		if (ls->known.addr_index[i] == index && addr_equal(&ls->known.addrs[i].addr, a))
			return &ls->known.addrs[i];
	return NULL;
}

static struct link_addr *
add_addr(struct links *ls, int index)
{
	if (ls->known.n_addrs == ls->known.cap_addrs) {
		ls->known.cap_addrs = ls->known.cap_addrs ? 2 * ls->known.cap_addrs : 16;
		ls->known.addrs =
			mem_grow(ls->known.addrs, ls->known.cap_addrs, sizeof(*ls->known.addrs));
		ls->known.addr_index = mem_grow(
			ls->known.addr_index, ls->known.cap_addrs, sizeof(*ls->known.addr_index));
	}
	ls->known.addr_index[ls->known.n_addrs] = index;
	return &ls->known.addrs[ls->known.n_addrs++];
}

/* A router advertisement only prolongs lifetimes: nothing that we tell changes by that. */
static bool
same_addr(const struct link_addr *a, const struct link_addr *b)
{
	return prefix_equal(&a->prefix, &b->prefix) && a->deprecated == b->deprecated &&
	       a->temporary == b->temporary && a->home == b->home && a->tentative == b->tentative;
}

static void
on_newaddr(struct links *ls, const struct ifaddrmsg *ifa, int len)
{
	const struct link *l = link_by_index(ls, (int)ifa->ifa_index);
	struct link_addr now = {0}, *known;
	uint32_t flags;
	char name[IFNAMSIZ];

	if (!l || !parse_addr(ifa, len, &now.addr, &flags) ||
		ifa->ifa_prefixlen > addr_bits(&now.addr))
		return;
	now.prefix = prefix_of(&now.addr, ifa->ifa_prefixlen);
	now.deprecated = flags & IFA_F_DEPRECATED;
	now.temporary = now.addr.family == 6 && flags & IFA_F_TEMPORARY;
	now.home = now.addr.family == 6 && flags & IFA_F_HOMEADDRESS;
	now.tentative = flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED);
	memcpy(now.interface, l->name, IFNAMSIZ);
	known = find_addr(ls, l->index, &now.addr);
	if ((known && same_addr(known, &now)) || (!known && ls->known.n_addrs == ADDRS_MAX))
		return;
	if (!known)
		known = add_addr(ls, l->index);
	*known = now;
	memcpy(name, l->name, sizeof(name)); /* the list may move in the callback */
	tell(ls, name, l->up);
}

static void
on_deladdr(struct links *ls, const struct ifaddrmsg *ifa, int len)
{
	const struct link *l = link_by_index(ls, (int)ifa->ifa_index);
	struct link_addr *known;
	struct addr a;
	uint32_t flags;
	char name[IFNAMSIZ];

	if (!l || !parse_addr(ifa, len, &a, &flags))
		return;
	known = find_addr(ls, l->index, &a);
	if (!known)
		return;
	forget_addr_at(ls, (size_t)(known - ls->known.addrs));
	memcpy(name, l->name, sizeof(name));
	tell(ls, name, l->up);
}

static void
on_message(struct links *ls, const struct nlmsghdr *nh)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(nh);

	switch (nh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (ifi->ifi_family != AF_UNSPEC)
			break; /* of a bridge's port: the interface itself does not come or go */
		if (nh->nlmsg_type == RTM_NEWLINK)
			on_newlink(ls, ifi, (int)IFLA_PAYLOAD(nh));
		else
			on_dellink(ls, ifi);
		break;
	case RTM_NEWADDR:
		on_newaddr(ls, NLMSG_DATA(nh), (int)IFA_PAYLOAD(nh));
		break;
	case RTM_DELADDR:
		on_deladdr(ls, NLMSG_DATA(nh), (int)IFA_PAYLOAD(nh));
		break;
	}
}

/* ---- the socket ---- */

static int
request_dump(struct links *ls, int type)
{
	struct {
		struct nlmsghdr nh;
		struct rtgenmsg gen;
	} req = {.nh = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
			 .nlmsg_type = (uint16_t)type,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			 .nlmsg_seq = ++ls->seq},
		.gen = {.rtgen_family = AF_UNSPEC}};

	return send(ls->fd, &req, req.nh.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Reads once. 1: our dump ended; 0: more to come; negative: -errno. */
static int
read_once(struct links *ls)
{
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	uint8_t *buf = mem_new(READ_BUF);
	ssize_t n =
		recvfrom(ls->fd, buf, READ_BUF, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
	int r = n < 0 ? -errno : 0;

	if (from.nl_pid != 0)
		n = 0; /* not from the kernel */
	for (const struct nlmsghdr *nh = (const struct nlmsghdr *)buf;
		n > 0 && NLMSG_OK(nh, (size_t)n); nh = NLMSG_NEXT(nh, n)) {
		if (nh->nlmsg_flags & NLM_F_DUMP_INTR)
			r = -EINTR; /* things changed between two parts of the dump */
		if (nh->nlmsg_type == NLMSG_ERROR)
			r = ((const struct nlmsgerr *)NLMSG_DATA(nh))->error;
		else if (nh->nlmsg_type == NLMSG_DONE)
			r = r ? r : 1;
		else
			on_message(ls, nh);
	}
	free(buf);
	return r;
}

static int
dump(struct links *ls)
{
	static const int types[] = {RTM_GETLINK, RTM_GETADDR};

	for (size_t i = 0; i < 2; i++) {
		int r = request_dump(ls, types[i]);

		while (r == 0)
			r = read_once(ls);
		if (r < 0)
			return r;
	}
	return 0;
}

static void
on_readable(void *arg, int events)
{
	struct links *ls = arg;
	int r;

	(void)events;
	do
		r = read_once(ls);
	while (r >= 0);
	if (r != -EAGAIN && r != -EINTR)
		timer_after(ls->renew, 0); /* ENOBUFS: events were lost */
}

static void
shut(struct links *ls)
{
	watch_free(ls->watch);
	ls->watch = NULL;
	if (ls->fd >= 0)
		close(ls->fd);
	ls->fd = -1;
}

/* Listens first and reads the state after, so that nothing falls in between. */
static int
open_once(struct links *ls)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};

	shut(ls);
	ls->known.n = ls->known.n_addrs = 0;
	ls->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (ls->fd < 0 || bind(ls->fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return -errno;
	return dump(ls);
}

/* 0; -errno: what is known is empty or, while everything changes all the time, not complete. */
static int
open_all(struct links *ls)
{
	int r = -EINTR;

	ls->live = false;
	for (int i = 0; r != 0 && i < DUMP_TRIES; i++)
		r = open_once(ls);
	ls->live = true;
	if (r == 0)
		ls->watch = watch_new(ls->loop, ls->fd, LOOP_READ, on_readable, ls);
	return r;
}

static void
tell_all(struct links *ls, const struct link *old, size_t n_old)
{
	size_t n = ls->known.n;
	struct link *now = mem_copy(ls->known.list, n * sizeof(*now));

	for (size_t i = 0; i < n_old; i++)
		if (!link_by_name(ls, old[i].name))
			tell(ls, old[i].name, false);
	for (size_t i = 0; i < n; i++)
		tell(ls, now[i].name, now[i].up);
	free(now);
}

static void
state_finish(struct state *s)
{
	free(s->list);
	free(s->addrs);
	free(s->addr_index);
}

/* Everything may have changed: all that is there is told, and all that is no longer. While it
 * cannot be read as a whole, what was known last stays. */
static void
on_renew(void *arg)
{
	struct links *ls = arg;
	struct state last = ls->known;

	ls->known = (struct state){0};
	if (open_all(ls) == 0) {
		tell_all(ls, last.list, last.n);
		state_finish(&last);
	} else {
		state_finish(&ls->known);
		ls->known = last;
		timer_after(ls->renew, RETRY_MS);
	}
}

struct links *
links_new(struct loop *l, void (*changed)(void *arg, const char *interface, bool up), void *arg)
{
	struct links *ls = mem_new(sizeof(*ls));
	char why[96];
	int r;

	ls->loop = l;
	ls->fd = -1;
	ls->changed = changed;
	ls->arg = arg;
	ls->renew = timer_new(l, on_renew, ls);
	r = open_all(ls);
	if (r < 0) {
		snprintf(why, sizeof(why), "interfaces cannot be read: %s", strerror(-r));
		event_raise(EVENT_ALERT, EVENT_F("reason", why));
		timer_after(ls->renew, RETRY_MS);
	}
	return ls;
}

void
links_free(struct links *ls)
{
	if (!ls)
		return;
	shut(ls);
	timer_free(ls->renew);
	state_finish(&ls->known);
	free(ls);
}

bool
links_up(const struct links *ls, const char *interface)
{
	const struct link *l = link_by_name(ls, interface);

	return l && l->up;
}

bool
links_exists(const struct links *ls, const char *interface)
{
	return link_by_name(ls, interface) != NULL;
}

const struct link_addr *
links_addrs(const struct links *ls, size_t *ret_n)
{
	*ret_n = ls->known.n_addrs;
	return ls->known.addrs;
}
