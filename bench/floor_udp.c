/*
 * The least a server of datagrams costs: batches in, the peer looked up, an answer of --answer
 * bytes (the request, repeated as often as it takes) out.
 *
 *	floor_udp ADDRESS:PORT ANSWER-BYTES
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "flows.h"

static void
repeat(uint8_t *answer, size_t len, const uint8_t *request, size_t request_len)
{
	for (size_t at = 0; at < len; at += request_len)
		memcpy(answer + at, request, request_len < len - at ? request_len : len - at);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at;
	struct batch *b;
	struct flows *flows = flows_new();
	uint8_t answer[DATAGRAM_MAX];
	size_t len;

	if (argc != 3)
		errx(2, "usage: floor_udp ADDRESS:PORT ANSWER-BYTES");
	at = parse_endpoint(argv[1]);
	len = strtoul(argv[2], NULL, 10);
	if (!len || len > sizeof(answer))
		errx(2, "%s: not a size", argv[2]);
	b = batch_new(at.sin_addr, ntohs(at.sin_port), false);
	puts("ready");
	fflush(stdout);
	for (;;) {
		unsigned n = batch_read(b, -1);

		for (unsigned i = 0; i < n; i++) {
			struct datagram *d = batch_at(b, i);
			void **peer = flows_get(flows, &d->remote);

			*peer = flows; /* known from now on */
			if (!d->len)
				continue;
			repeat(answer, len, d->bytes, d->len);
			batch_send(b, &d->remote, NULL, answer, len);
		}
		batch_flush(b);
	}
}
