/*
 * Associations without secrets, in place of net/association.c and net/cookie.c: a record's body is
 * the data, the first ClientHello is the whole handshake, and its random says who the peer is.
 */
#ifndef DOTSD_TESTS_STANDIN_ASSOCIATION_H
#define DOTSD_TESTS_STANDIN_ASSOCIATION_H

#include "net/credentials.h"

/* Whom random[0] of a ClientHello stands for; of a client, what its server proves. Anybody else
 * fails in the handshake. */
void standin_association_peers(const struct peer_id *list, size_t n);
/* Verification of those fails from now on (bit n: peer n): expired or revoked meanwhile. */
void standin_association_distrust(uint32_t set);

/* Records to be received; both return the length, at most cap. */
size_t standin_association_hello(uint8_t *to, size_t cap, uint8_t who, uint8_t attempt);
size_t standin_association_record(
	uint8_t *to, size_t cap, uint8_t type, const void *body, size_t len);

#endif
