/*
 * Sockets of a DHCP client, the two privileged ports there are for it.
 */
#ifndef DOTSD_PRIV_DHCP_SOCKET_H
#define DOTSD_PRIV_DHCP_SOCKET_H

#include <stdint.h>

/* A UDP socket bound to the interface (SO_BINDTODEVICE): family 4 on port 68 of every address,
 * family 6 on port 546 of the interface's link-local address, from which a client has to ask (RFC
 * 8415 13). Its owner closes it. -errno: -ENODEV without such an interface, -EADDRNOTAVAIL without
 * an address that could be used. */
int dhcp_socket(uint8_t family, const char *interface);

#endif
