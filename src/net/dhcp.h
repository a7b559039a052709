/*
 * Asks the DHCP servers of one link what they know of DOTS servers (RFC 8973 5), beside whatever
 * configures the link: DHCPINFORM (RFC 2131 4.4.3) or Information-request (RFC 8415 18.2.6).
 */
#ifndef DOTSD_NET_DHCP_H
#define DOTSD_NET_DHCP_H

#include "base/addr.h"
#include "base/loop.h"
#include "wire/dhcp.h"

struct dhcp_probe;

struct dhcp_probe_config {
	uint8_t family; /* 4, 6 */
	/* A UDP socket on port 68, or on port 546 of the link-local address, bound to the interface
	 * (`dotsd-priv` opens them). It stays the caller's, who frees the probe before closing it.
	 */
	int fd;
	const char *interface;
	struct addr address; /* IPv4: ours on the interface, to which the answer goes */
	struct addr server;  /* IPv4: who gave it to us; family 0: everybody is asked */
};

/* answer: what the first server to answer said, resolvers with the scope of the link; borrowed.
 * NULL after about a minute without any, with the reason in `why`. Once a probe, from the loop; the
 * callee may free the probe. */
typedef void (*dhcp_probe_cb)(void *arg, const struct dhcp_dots *answer, const char *why);

/* NULL with *ret_error = -errno: no such interface, not such a socket, no address. */
struct dhcp_probe *dhcp_probe_new(struct loop *l, const struct dhcp_probe_config *cfg,
	dhcp_probe_cb cb, void *arg, int *ret_error);
void dhcp_probe_free(struct dhcp_probe *p); /* NULL is legal; no callback comes after it */

#endif
