/*
 * A socket on DHCP's client port, from dotsd-priv: we have no right to open one.
 */
#ifndef DOTSD_DAEMON_DHCP_PORT_H
#define DOTSD_DAEMON_DHCP_PORT_H

#include "base/loop.h"

struct dhcp_port;

/* helper: path of its socket; instance: the one it was started with. fd: the callee's, bound to
 * that interface; -1 with `why`. Once, from the loop; the request is gone then. family: 4, 6. */
typedef void (*dhcp_port_cb)(void *arg, int fd, const char *why);
struct dhcp_port *dhcp_port_ask(struct loop *l, const char *helper, const char *instance,
	uint8_t family, const char *interface, dhcp_port_cb cb, void *arg);
void dhcp_port_cancel(struct dhcp_port *p); /* no callback comes after it; NULL is legal */

#endif
