/*
 * What a server on one socket needs at the least: its peers by address and port, in a hash table.
 */
#ifndef BENCH_FLOWS_H
#define BENCH_FLOWS_H

#include <netinet/in.h>

struct flows;

struct flows *flows_new(void);
/* Where the peer's data pointer is kept: NULL inside for a peer not seen before, which is entered.
 * Valid until the next call. */
void **flows_get(struct flows *f, const struct sockaddr_in *peer);
void flows_remove(struct flows *f, const struct sockaddr_in *peer);

#endif
