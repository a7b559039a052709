/*
 * See dhcp_socket.h.
 */
#include "priv/dhcp_socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

enum { CLIENT_PORT4 = 68, CLIENT_PORT6 = 546 };

/* The link-local IPv6 address of the interface, with its scope. */
static int
find_link_local(const char *interface, struct endpoint *ret)
{
	struct ifaddrs *list;
	int r = -EADDRNOTAVAIL;

	if (getifaddrs(&list) != 0)
		return -errno;
	for (const struct ifaddrs *i = list; i && r; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6 &&
			!strcmp(i->ifa_name, interface) &&
			endpoint_from_sockaddr(i->ifa_addr, ret) == 0 &&
			addr_is_link_local(&ret->addr))
			r = 0;
	freeifaddrs(list);
	return r;
}

static int
bind_as_client(int fd, uint8_t family, const char *interface)
{
	struct endpoint local = {.addr = {.family = 4}, .port = CLIENT_PORT4};
	struct sockaddr_storage ss;
	const int one = 1;
	socklen_t len;
	int r;

	if (family == 6) {
		r = find_link_local(interface, &local);
		if (r)
			return r;
		local.port = CLIENT_PORT6;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -errno;
	len = endpoint_to_sockaddr(&local, &ss);
	return bind(fd, (struct sockaddr *)&ss, len) == 0 ? 0 : -errno;
}

int
dhcp_socket(uint8_t family, const char *interface)
{
	int fd, r;

	if (!if_nametoindex(interface))
		return -ENODEV;
	fd = socket(family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_as_client(fd, family, interface);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}
