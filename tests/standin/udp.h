/*
 * Sockets in memory, in place of net/udp.c: the test brings what comes in and takes what goes out.
 */
#ifndef DOTSD_TESTS_STANDIN_UDP_H
#define DOTSD_TESTS_STANDIN_UDP_H

#include "net/udp.h"

/* Told of every datagram that is sent, during udp_send. NULL: they vanish. */
typedef void (*standin_udp_out)(
	void *arg, const struct udp_path *path, const uint8_t *bytes, size_t len);
void standin_udp_set_out(standin_udp_out out, void *arg);
/* A datagram for the listening socket (the last that was made); false: there is none. bytes may be
 * changed by the receiver. */
bool standin_udp_receive(const struct udp_path *path, uint8_t *bytes, size_t len);
/* A datagram for a connected socket, by its number in the order they were made; false: gone. */
bool standin_udp_receive_at(unsigned socket, uint8_t *bytes, size_t len);
unsigned standin_udp_connected(void); /* how many were made so far, freed ones too */

#endif
