/*
 * Bodies in blocks at the side that answers (RFC 7959): the Block options, and the body that is
 * kept while its reader fetches the rest of it. Pure: time and limits come in.
 *
 * A server could make each block anew, but what DOTS answers changes with every second (lifetimes,
 * counters): only a copy lets a reader get blocks of one and the same body (RFC 7959 2.4).
 */
#ifndef DOTSD_NET_BLOCK_H
#define DOTSD_NET_BLOCK_H

#include "base/loop.h" /* mono_ms only */
#include "wire/coap.h"

/* --- the options (RFC 7959 2.2) ------------------------------------------------------------- */

enum {
	BLOCK_SZX_MAX = 6,          /* 1024 bytes; 7 is reserved */
	BLOCK_BODY_LIMIT = 1 << 24, /* 2^20 blocks of 16 bytes; a body is smaller */
	BLOCK_ETAG_LEN = 8,         /* of the ETags we make */
	BLOCK_KEEP_S = 30,          /* a body is kept so long after the last request for it */
	BLOCK_LINGER_S = 10, /* and so long when its last block was sent: that may get lost */
	BLOCK_BUSY_MS = 3000 /* asked for within this time it is being fetched */
};

struct block {
	uint32_t num;
	bool more;
	uint8_t szx;
};

size_t block_size(const struct block *b);
size_t block_offset(const struct block *b); /* of its first byte in the body */
/* 0; -ENOENT: not there; -EBADMSG: SZX 7. */
int block_get(const struct coap_msg *m, uint16_t number, struct block *ret);
/* In place of what is there. */
void block_set(struct coap_msg *m, uint16_t number, const struct block *b);

/* --- bodies --------------------------------------------------------------------------------- */

/* What the sessions of one listener share. */
struct block_room {
	uint32_t max_body; /* bytes of one body */
	size_t max, held;  /* bytes of all */
};

/* What belongs together: method, Uri-Path, Uri-Query, Accept and Content-Format of a request
 * (RFC 7252 5.6, as far as DOTS has such options); not Observe. A plain hash: it is compared only
 * with requests of the same peer, who would fool nobody else. */
uint64_t block_key(const struct coap_msg *request);

struct body;
/* A copy of payload and options of a response. 0, or -EFBIG (larger than max_body), -ENOBUFS (no
 * room), -EMSGSIZE (its options alone fill a message); *ret is NULL then. The room outlives it. */
int body_new(struct block_room *room, uint64_t key, const struct coap_msg *response, mono_ms now,
	struct body **ret);
void body_free(struct body *b); /* NULL is legal */
bool body_is(const struct body *b, uint64_t key);
size_t body_len(const struct body *b);
/* The response with the block that begins where `wanted` says, at most as large, and such that the
 * message fits max_message whatever its token; without Observe; the first one with Size2. Borrows
 * from the body. 0, -ERANGE (beyond the end) or -EMSGSIZE (no block fits). */
int body_block(struct body *b, const struct block *wanted, size_t max_message, mono_ms now,
	struct coap_msg *ret);
/* It is being fetched: asked for lately, and not to its end. */
bool body_is_busy(const struct body *b, mono_ms now);
mono_ms body_deadline(const struct body *b); /* to be freed then */

#endif
