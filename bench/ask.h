/*
 * The requests of the load generator as bytes, and whether an answer is the right one. CoAP and
 * CBOR by hand: it has to be faster than the server, and shares no code with it.
 */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ask {
	ASK_GET,    /* one mitigation: 2.05 with its mid */
	ASK_PUT,    /* the same, put: 2.01 or 2.04 with its mid */
	ASK_DELETE, /* the same, withdrawn: 2.02 */
	ASK_ROOT,   /* GET /: 2.05 with something in it */
	ASK_ECHO,   /* bytes that come back, repeated to the wanted length */
	ASK_KINDS
};

/* Mitigation n is mid 1 + n / clients of client n % clients, for a prefix of its own. */
struct items {
	unsigned clients;
	unsigned prefix_len;            /* of each target: 32, or less */
	size_t request_len, answer_len; /* of ASK_ECHO */
};

enum { ASK_MAX = 1500 };

enum ask ask_named(const char *name); /* get, put, …; ASK_KINDS: none */
/* token comes back with the answer. Returns the length. */
size_t ask_build(const struct items *items, enum ask kind, uint32_t item, uint16_t id,
	uint32_t token, uint8_t bytes[static ASK_MAX]);
/* The token of an answer to that kind; false: it has none of ours. */
bool ask_token(enum ask kind, const uint8_t *bytes, size_t len, uint32_t *ret);
/* status: of the mitigation as ASK_GET told it, else 0. */
bool ask_check(const struct items *items, enum ask kind, uint32_t item, uint32_t token,
	const uint8_t *bytes, size_t len, unsigned *ret_status);
/* If these are a heartbeat of the server: the length of the answer to it, else 0. */
size_t ask_heartbeat(const uint8_t *bytes, size_t len, uint16_t id, uint8_t answer[static ASK_MAX]);

/* What sessions say that stay (stay.h): tokens of two bytes, so that they are no request's of
 * above.
 */
enum { ASK_STAY_TOKEN = 2 };
bool ask_is_stay(const uint8_t *bytes, size_t len, uint8_t token[static ASK_STAY_TOKEN]);
/* A heartbeat of ours; true if that is the answer to one. */
size_t ask_beat(
	uint16_t id, const uint8_t token[static ASK_STAY_TOKEN], uint8_t bytes[static ASK_MAX]);
bool ask_is_beaten(const uint8_t *bytes, size_t len);
/* GET of an item with Observe; the status that an answer or a notification tells, 0: it is none. */
size_t ask_observe(const struct items *items, uint32_t item, uint16_t id,
	const uint8_t token[static ASK_STAY_TOKEN], uint8_t bytes[static ASK_MAX]);
unsigned ask_told(const struct items *items, uint32_t item, const uint8_t *bytes, size_t len);

#endif
