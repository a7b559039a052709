/*
 * Routes as rtnetlink writes them: a router's advertisements decide about some of them. The input
 * is one read of the socket, which is the target's: the linker puts its functions in place of the
 * system's.
 *
 * Covers: net/route.c
 */
#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "input.h"
#include "net/route.h"
#include "standin/loop.h"

enum { INDEX = 2 };

ssize_t __wrap_recvfrom(
	int fd, void *bytes, size_t cap, int flags, struct sockaddr *from, socklen_t *from_len);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int __wrap_socket(int domain, int type, int protocol);
unsigned __wrap_if_nametoindex(const char *name);

static const uint8_t *message;
static size_t message_len;
static int reads_left, other_end = -1;

int
__wrap_socket(int domain, int type, int protocol)
{
	int fds[2];

	assert(domain == AF_NETLINK && protocol == NETLINK_ROUTE);
	if (socketpair(AF_UNIX, SOCK_DGRAM | (type & SOCK_CLOEXEC), 0, fds) != 0)
		return -1;
	if (other_end >= 0)
		close(other_end);
	other_end = fds[1];
	reads_left = 1;
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

int
__wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)option;
	(void)value;
	(void)len;
	return 0;
}

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	(void)fd;
	(void)bytes;
	(void)flags;
	return (ssize_t)len;
}

ssize_t
__wrap_recvfrom(
	int fd, void *bytes, size_t cap, int flags, struct sockaddr *from, socklen_t *from_len)
{
	size_t n = message_len < cap ? message_len : cap;

	(void)fd;
	(void)flags;
	assert(*from_len == sizeof(struct sockaddr_nl));
	memset(from, 0, *from_len);
	if (reads_left-- <= 0) {
		errno = message_len & 1 ? ENOBUFS : EAGAIN;
		return -1;
	}
	memcpy(bytes, message, n);
	return (ssize_t)n;
}

unsigned
__wrap_if_nametoindex(const char *name)
{
	(void)name;
	return INDEX;
}

static void
check(const struct routers *r)
{
	assert(r->n <= ROUTERS_MAX);
	for (size_t i = 0; i < r->n; i++) {
		const struct router *a = &r->list[i];

		assert(a->addr.family == 4 || a->addr.family == 6);
		assert(!addr_is_unspecified(&a->addr) && !addr_is_multicast(&a->addr));
		for (size_t k = 0; k < i; k++)
			assert(!addr_equal(&r->list[k].addr, &a->addr));
		assert(!i || r->list[i - 1].addr.family < a->addr.family ||
			r->list[i - 1].metric <= a->metric);
	}
}

static void
changed(void *arg)
{
	++*(unsigned *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	uint8_t *copy = input_bytes(&in, size, &message_len);
	struct loop *l = loop_new();
	struct routers direct = {.n = 0}, asked;
	struct route_watch *w;
	unsigned told = 0;

	message = copy;
	routers_read(&direct, INDEX, copy, message_len);
	check(&direct);
	routers_of("wan1", &asked);
	check(&asked);
	w = route_watch_new(l, changed, &told);
	if (w && write(other_end, "", 1) == 1)
		standin_loop_turn(l);
	assert(told <= 1);
	route_watch_free(w);
	loop_free(l);
	close(other_end);
	other_end = -1;
	free(copy);
	return 0;
}
