/*
 * A body that comes in blocks, put together at the side that asked for it (RFC 7959 2.4). Pure: who
 * sends the requests and when is request.c's affair.
 *
 * The peer may say anything: what does not go on where the last block ended, or belongs to another
 * version, is begun anew so often; the sum is bounded.
 */
#ifndef DOTSD_NET_FETCH_H
#define DOTSD_NET_FETCH_H

#include "wire/coap.h"

enum { FETCH_ANEW_MAX = 2 };

enum fetch_state {
	FETCH_MORE,     /* ask for what fetch_ask says */
	FETCH_WHOLE,    /* fetch_body has it */
	FETCH_OTHER,    /* no body: the response itself is the answer */
	FETCH_GIVEN_UP, /* it never stood still */
	FETCH_TOO_LARGE,
};

struct fetch;
struct fetch *fetch_new(size_t max); /* bytes of the body */
void fetch_free(struct fetch *f);    /* NULL is legal */
/* A success that is not, or not rightly, a whole body. */
bool fetch_is_needed(const struct coap_msg *response);
enum fetch_state fetch_take(struct fetch *f, const struct coap_msg *response);
/* Turns the first request into the next one: the block, its size, the ETag (RFC 9132 4.4.2);
 * without Observe (RFC 7959 2.6), and without payload unless it begins anew: then it is the whole
 * request once more. The ETag is borrowed. */
void fetch_ask(const struct fetch *f, struct coap_msg *request);
/* The first response with the whole body, borrowed; without Block2, and with room for an option. */
void fetch_body(const struct fetch *f, struct coap_msg *ret);

#endif
