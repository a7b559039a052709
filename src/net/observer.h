/*
 * What a session remembers of the peer's observations: to which body the later blocks of a
 * notification belong, and how large they may be (RFC 7959 2.6). Whom to notify is the owner's
 * affair; it does not tell when it stops, so the list is bounded and the oldest goes first.
 */
#ifndef DOTSD_NET_OBSERVER_H
#define DOTSD_NET_OBSERVER_H

#include "net/block.h"

enum { OBSERVERS_MAX = 256 };

struct observer {
	struct observer *next;
	uint8_t token_len;
	uint8_t token[COAP_TOKEN_MAX];
	uint64_t key; /* block_key of the registration */
	bool sized;   /* it had Block2 */
	uint8_t szx;
};

struct observers {
	struct observer *list; /* newest first */
	unsigned n;
};

const struct observer *observers_find(
	const struct observers *o, const uint8_t *token, size_t token_len);
/* Copies all of it but `next`, in place of an earlier one of that token. */
void observers_add(struct observers *o, const struct observer *what);
void observers_remove(struct observers *o, const uint8_t *token, size_t token_len);
void observers_finish(struct observers *o);

#endif
