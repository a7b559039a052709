/*
 * What rtnetlink says: messages as the kernel writes them, with links and addresses in any order
 * and any contents (a router's advertisements decide about some of them). The socket is the
 * target's: the linker puts its functions in place of the system's.
 *
 * Covers: net/link.c
 */
#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz.h"
#include "input.h"
#include "net/link.h"
#include "standin/loop.h"

enum { MESSAGES_MAX = 64, MESSAGE_MAX = 512, BATCH_MAX = 8192, LINKS = 4 };

ssize_t __wrap_recvfrom(
	int fd, void *bytes, size_t cap, int flags, struct sockaddr *from, socklen_t *from_len);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_socket(int domain, int type, int protocol);

static struct input input;
static int other_end; /* of the pair whose one end is the "netlink socket" */
static bool dumping;

static size_t
add_attribute(uint8_t *to, size_t at, uint16_t type, const void *value, size_t len)
{
	struct rtattr *rta = (struct rtattr *)(to + at);

	rta->rta_type = type;
	rta->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(rta), value, len);
	return at + RTA_SPACE(len);
}

/* NLMSG_NEWLINK or DELLINK: index, flags, name. */
static size_t
add_link(uint8_t *to, bool gone)
{
	static const char *const names[LINKS] = {"lo", "wan1", "a-name-of-15-ch", ""};
	struct nlmsghdr *nh = (struct nlmsghdr *)to;
	struct ifinfomsg *ifi = NLMSG_DATA(nh);
	unsigned how = input_u8(&input);
	size_t at = NLMSG_LENGTH(sizeof(*ifi));
	const char *name = names[how >> 2 & 3];

	nh->nlmsg_type = gone ? RTM_DELLINK : RTM_NEWLINK;
	ifi->ifi_index = 1 + (int)(how & 3);
	ifi->ifi_flags = input_u8(&input);
	if (how & 16)
		at = add_attribute(to, at, IFLA_MTU, &ifi->ifi_index, 4);
	if (!(how & 32))
		at = add_attribute(to, at, IFLA_IFNAME, name, strlen(name) + 1);
	nh->nlmsg_len = (uint32_t)at;
	return NLMSG_ALIGN(at);
}

static size_t
add_address(uint8_t *to, bool gone)
{
	struct nlmsghdr *nh = (struct nlmsghdr *)to;
	struct ifaddrmsg *ifa = NLMSG_DATA(nh);
	unsigned how = input_u8(&input);
	size_t at = NLMSG_LENGTH(sizeof(*ifa));
	uint8_t bytes[32];
	uint32_t flags;

	nh->nlmsg_type = gone ? RTM_DELADDR : RTM_NEWADDR;
	ifa->ifa_index = 1 + (how & 3);
	ifa->ifa_family = how & 4 ? AF_INET6 : how & 8 ? AF_INET : input_u8(&input);
	ifa->ifa_prefixlen = input_u8(&input);
	for (unsigned i = 0; i < 2; i++) {
		memset(bytes, input_u8(&input), sizeof(bytes));
		if (how >> i & 16)
			at = add_attribute(to, at, i ? IFA_LOCAL : IFA_ADDRESS, bytes,
				how & 128 ? input_u8(&input) % sizeof(bytes)
				: how & 4 ? 16
					  : 4);
	}
	flags = input_u16(&input);
	if (how & 64)
		at = add_attribute(to, at, IFA_FLAGS, &flags, sizeof(flags));
	nh->nlmsg_len = (uint32_t)at;
	return NLMSG_ALIGN(at);
}

static size_t
add_end(uint8_t *to, uint16_t type)
{
	struct nlmsghdr *nh = (struct nlmsghdr *)to;

	nh->nlmsg_type = type;
	nh->nlmsg_len = NLMSG_LENGTH(4);
	return NLMSG_SPACE(4);
}

/* As many messages as the input has for one read. */
static size_t
fill(uint8_t *to)
{
	size_t at = 0;
	unsigned n = input_u8(&input) % 8;

	for (unsigned i = 0; i < n && input_left(&input); i++) {
		unsigned kind = input_u8(&input) & 7;

		if (kind < 3)
			at += add_link(to + at, kind == 2);
		else if (kind < 6)
			at += add_address(to + at, kind == 5);
		else
			at += add_end(to + at, kind == 6 ? RTM_NEWROUTE : NLMSG_ERROR);
	}
	return at;
}

/* ---- in place of the system's ---- */

int
__wrap_socket(int domain, int type, int protocol)
{
	int fds[2];

	assert(domain == AF_NETLINK && protocol == NETLINK_ROUTE);
	if (socketpair(AF_UNIX, SOCK_DGRAM | (type & SOCK_CLOEXEC), 0, fds) != 0)
		return -1;
	other_end = fds[1];
	return fds[0];
}

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)fd;
	(void)len;
	assert(sa->sa_family == AF_NETLINK);
	return 0;
}

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	(void)fd;
	(void)bytes;
	(void)flags;
	dumping = true;
	return (ssize_t)len;
}

/* A dump ends; between dumps the socket runs dry or overflows, as the input says. */
ssize_t
__wrap_recvfrom(
	int fd, void *bytes, size_t cap, int flags, struct sockaddr *from, socklen_t *from_len)
{
	struct sockaddr_nl *sender = (struct sockaddr_nl *)from;
	_Alignas(struct nlmsghdr) uint8_t batch[BATCH_MAX] = {0};
	size_t n;

	(void)fd;
	(void)flags;
	if (!dumping && (!input_left(&input) || input_u8(&input) & 1)) {
		errno = input_u8(&input) & 1 && input_left(&input) ? ENOBUFS : EAGAIN;
		return -1;
	}
	n = fill(batch);
	if (dumping && !(input_left(&input) && input_u8(&input) & 1)) {
		n += add_end(batch + n, NLMSG_DONE);
		dumping = false;
	}
	assert(n <= cap && *from_len == sizeof(*sender));
	sender->nl_pid =
		input_left(&input) && input_u8(&input) == 1; /* another process may write */
	memcpy(bytes, batch, n);
	return (ssize_t)n;
}

/* ---- what is told ---- */

static void
changed(void *arg, const char *interface, bool up)
{
	struct links **ls = arg;

	assert(strlen(interface) < IFNAMSIZ);
	if (*ls && *interface && links_exists(*ls, interface))
		(void)(links_up(*ls, interface) + up);
}

static void
check(const struct links *ls)
{
	size_t n;
	const struct link_addr *list = links_addrs(ls, &n);

	for (size_t i = 0; i < n; i++) {
		assert(list[i].addr.family == 4 || list[i].addr.family == 6);
		assert(list[i].prefix.len <= addr_bits(&list[i].addr));
		assert(prefix_contains_addr(&list[i].prefix, &list[i].addr));
		assert(strlen(list[i].interface) < IFNAMSIZ);
		for (size_t k = 4; list[i].addr.family == 4 && k < 16; k++)
			assert(list[i].addr.bytes[k] == 0); /* plain values: they are hash keys */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *l = loop_new();
	struct links *ls = NULL;

	input = (struct input){data, data + size};
	dumping = false; /* of the input before */
	ls = links_new(l, changed, &ls);
	assert(ls);
	for (unsigned i = 0; i < MESSAGES_MAX && input_left(&input); i++) {
		check(ls);
		if (write(other_end, "", 1) != 1)
			break; /* its socket is closed: the kernel is asked again in a second */
		standin_loop_turn(l);
	}
	check(ls);
	links_free(ls);
	close(other_end);
	loop_free(l);
	return 0;
}
