/*
 * Interfaces and addresses by rtnetlink: one dump at start, then events; after an overrun, a new
 * dump.
 */
#include "net/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { READ_BUF = 65536, DUMP_ADDRS_MAX = 65536 };

struct link {
	int index;
	char name[IFNAMSIZ];
	bool up;
};

struct links {
	struct watch *watch;
	int fd;
	uint32_t seq;
	struct link *list;
	size_t n;
	struct link_addr *addrs;
	int *addr_index; /* interface of each address */
	size_t n_addrs, cap_addrs;
	bool live; /* the first dumps are through: changes are told */
	void (*changed)(void *arg, const char *interface, bool up);
	void *arg;
};

static struct link *
link_by_index(const struct links *ls, int index)
{
	for (size_t i = 0; i < ls->n; i++)
		if (ls->list[i].index == index)
			return &ls->list[i];
	return NULL;
}

static struct link *
link_by_name(const struct links *ls, const char *name)
{
	for (size_t i = 0; i < ls->n; i++)
		if (!strcmp(ls->list[i].name, name))
			return &ls->list[i];
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
on_newlink(struct links *ls, const struct ifinfomsg *ifi, int len)
{
	const struct rtattr *rta = IFLA_RTA(ifi);
	struct link *l = link_by_index(ls, ifi->ifi_index);
	bool up = ifi->ifi_flags & IFF_UP && ifi->ifi_flags & (IFF_RUNNING | IFF_LOOPBACK);
	bool fresh = !l;
	char name[IFNAMSIZ];

	if (fresh) {
		ls->list = mem_grow(ls->list, ls->n + 1, sizeof(*ls->list));
		l = &ls->list[ls->n++];
		*l = (struct link){.index = ifi->ifi_index};
	}
	for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len))
		if (rta->rta_type == IFLA_IFNAME)
			memcpy(l->name, RTA_DATA(rta), strnlen(RTA_DATA(rta), IFNAMSIZ - 1) + 1);
	if (!fresh && l->up == up)
		return;
	l->up = up;
	memcpy(name, l->name, sizeof(name)); /* the list may move in the callback */
	tell(ls, name, up);
}

static void
on_dellink(struct links *ls, const struct ifinfomsg *ifi)
{
	struct link *l = link_by_index(ls, ifi->ifi_index);
	char name[IFNAMSIZ];

	if (!l)
		return;
	memcpy(name, l->name, sizeof(name));
	*l = ls->list[--ls->n];
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

static void
forget_addr(struct links *ls, int index, const struct addr *a)
{
	for (size_t i = 0; i < ls->n_addrs; i++)
		if (ls->addr_index[i] == index && addr_equal(&ls->addrs[i].addr, a)) {
			ls->addrs[i] = ls->addrs[--ls->n_addrs];
			ls->addr_index[i] = ls->addr_index[ls->n_addrs];
			return;
		}
}

static void
add_addr(struct links *ls, const struct link *l, const struct addr *a, unsigned len, uint32_t flags)
{
	if (ls->n_addrs == ls->cap_addrs) {
		ls->cap_addrs = ls->cap_addrs ? 2 * ls->cap_addrs : 16;
		ls->addrs = mem_grow(ls->addrs, ls->cap_addrs, sizeof(*ls->addrs));
		ls->addr_index = mem_grow(ls->addr_index, ls->cap_addrs, sizeof(*ls->addr_index));
	}
	ls->addr_index[ls->n_addrs] = l->index;
	ls->addrs[ls->n_addrs] = (struct link_addr){.prefix = prefix_of(a, len),
		.addr = *a,
		.deprecated = flags & IFA_F_DEPRECATED,
		.temporary = flags & IFA_F_TEMPORARY,
		.tentative = flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)};
	memcpy(ls->addrs[ls->n_addrs++].interface, l->name, IFNAMSIZ);
}

static void
on_addr(struct links *ls, const struct ifaddrmsg *ifa, int len, bool added)
{
	const struct link *l = link_by_index(ls, (int)ifa->ifa_index);
	struct addr a;
	uint32_t flags;
	char name[IFNAMSIZ];

	if (!l || !parse_addr(ifa, len, &a, &flags) || ifa->ifa_prefixlen > addr_bits(&a))
		return;
	forget_addr(ls, l->index, &a);
	if (added && ls->n_addrs < DUMP_ADDRS_MAX)
		add_addr(ls, l, &a, ifa->ifa_prefixlen, flags);
	memcpy(name, l->name, sizeof(name));
	tell(ls, name, l->up);
}

static void
on_message(struct links *ls, const struct nlmsghdr *nh)
{
	switch (nh->nlmsg_type) {
	case RTM_NEWLINK:
		on_newlink(ls, NLMSG_DATA(nh), (int)IFLA_PAYLOAD(nh));
		break;
	case RTM_DELLINK:
		on_dellink(ls, NLMSG_DATA(nh));
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		on_addr(ls, NLMSG_DATA(nh), (int)IFA_PAYLOAD(nh), nh->nlmsg_type == RTM_NEWADDR);
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

/* Reads once. 1: a dump ended; 0: more to come; negative: -errno. */
static int
read_once(struct links *ls, int flags)
{
	static const size_t size = READ_BUF;
	uint8_t *buf = mem_new(size);
	ssize_t n = recv(ls->fd, buf, size, flags);
	int r = n < 0 ? -errno : 0;

	for (const struct nlmsghdr *nh = (const struct nlmsghdr *)buf;
		n > 0 && NLMSG_OK(nh, (size_t)n); nh = NLMSG_NEXT(nh, n)) {
		if (nh->nlmsg_type == NLMSG_DONE || nh->nlmsg_type == NLMSG_ERROR)
			r = 1;
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
			r = read_once(ls, 0); /* the kernel answers at once */
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
	while ((r = read_once(ls, MSG_DONTWAIT)) >= 0)
		;
	if (r == -ENOBUFS) { /* events were lost */
		ls->n = ls->n_addrs = 0;
		dump(ls);
		for (size_t i = 0; i < ls->n; i++)
			tell(ls, ls->list[i].name, ls->list[i].up);
	}
}

struct links *
links_new(struct loop *l, void (*changed)(void *arg, const char *interface, bool up), void *arg)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	struct links *ls = mem_new(sizeof(*ls));
	int r;

	ls->changed = changed;
	ls->arg = arg;
	ls->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	r = ls->fd < 0 || bind(ls->fd, (struct sockaddr *)&nl, sizeof(nl)) < 0 ? -errno : dump(ls);
	if (r < 0) {
		links_free(ls);
		errno = -r;
		return NULL;
	}
	ls->live = true;
	ls->watch = watch_new(l, ls->fd, LOOP_READ, on_readable, ls);
	return ls;
}

void
links_free(struct links *ls)
{
	if (!ls)
		return;
	watch_free(ls->watch);
	if (ls->fd >= 0)
		close(ls->fd);
	free(ls->list);
	free(ls->addrs);
	free(ls->addr_index);
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
	*ret_n = ls->n_addrs;
	return ls->addrs;
}
