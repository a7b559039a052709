/*
 * Datagrams in batches of 64 on one IPv4 UDP socket, for the load generator and the floors.
 */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BATCH = 64, DATAGRAM_MAX = 2048 };

/* One datagram that was read; `local` only where the batch was made with_local. */
struct datagram {
	uint8_t bytes[DATAGRAM_MAX];
	size_t len;
	struct sockaddr_in remote;
	struct in_addr local;
};

struct batch;

/* Bound to address:port; with_local: the local address of each datagram counts, in and out.
 * Exits with a message on failure. */
struct batch *batch_new(struct in_addr address, uint16_t port, bool with_local);
int batch_fd(const struct batch *b);
/* Waits up to timeout_ms (-1: for ever) for the first one, then takes what is there. */
unsigned batch_read(struct batch *b, int timeout_ms);
struct datagram *batch_at(struct batch *b, unsigned i);
/* Queues it; a full queue is written. local: NULL unless with_local. */
void batch_send(struct batch *b, const struct sockaddr_in *remote, const struct in_addr *local,
	const void *bytes, size_t len);
void batch_flush(struct batch *b);

struct sockaddr_in parse_endpoint(const char *text); /* "192.0.2.1:4646", else exits */

#endif
