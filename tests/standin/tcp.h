/*
 * Connections in memory, in place of net/tcp.c: the test comes to the listening socket, writes what
 * is read and takes what is sent. Nobody can be connected to.
 */
#ifndef DOTSD_TESTS_STANDIN_TCP_H
#define DOTSD_TESTS_STANDIN_TCP_H

#include "net/tcp.h"

/* The other end; told from inside the calls of net/tcp.h. */
struct standin_tcp_peer {
	void (*sent)(void *arg, const uint8_t *bytes, size_t len);
	void (*gone)(void *arg); /* the connection is freed */
	void *arg;
};

/* For the listening socket that was made last. NULL: there is none, or it was refused at once. peer
 * outlives the connection. */
struct tcp *standin_tcp_come(const struct endpoint *remote, const struct standin_tcp_peer *peer);
/* All of these may free t. */
void standin_tcp_write(struct tcp *t, const uint8_t *bytes, size_t len);
void standin_tcp_end(struct tcp *t); /* nothing more comes */
void standin_tcp_break(struct tcp *t);
/* It reads no more, or does again: the queue towards it is long. */
void standin_tcp_stall(struct tcp *t, bool stalled);

#endif
