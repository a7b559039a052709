/*
 * CoAP messages: bytes to struct and back, as datagrams (RFC 7252 section 3) and in a stream
 * (RFC 8323 section 3.2). Pure; no reliability, no matching.
 */
#ifndef DOTSD_WIRE_COAP_H
#define DOTSD_WIRE_COAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum coap_type { COAP_CON = 0, COAP_NON = 1, COAP_ACK = 2, COAP_RST = 3 };

#define COAP_CODE(class, detail) ((uint8_t)(((class) << 5) | (detail)))
enum coap_code {
	COAP_EMPTY = 0,
	COAP_GET = 1,
	COAP_POST = 2,
	COAP_PUT = 3,
	COAP_DELETE = 4,
	COAP_201_CREATED = COAP_CODE(2, 1),
	COAP_202_DELETED = COAP_CODE(2, 2),
	COAP_203_VALID = COAP_CODE(2, 3),
	COAP_204_CHANGED = COAP_CODE(2, 4),
	COAP_205_CONTENT = COAP_CODE(2, 5),
	COAP_400_BAD_REQUEST = COAP_CODE(4, 0),
	COAP_401_UNAUTHORIZED = COAP_CODE(4, 1),
	COAP_402_BAD_OPTION = COAP_CODE(4, 2),
	COAP_403_FORBIDDEN = COAP_CODE(4, 3),
	COAP_404_NOT_FOUND = COAP_CODE(4, 4),
	COAP_405_METHOD_NOT_ALLOWED = COAP_CODE(4, 5),
	COAP_406_NOT_ACCEPTABLE = COAP_CODE(4, 6),
	COAP_408_REQUEST_ENTITY_INCOMPLETE = COAP_CODE(4, 8),
	COAP_409_CONFLICT = COAP_CODE(4, 9),
	COAP_412_PRECONDITION_FAILED = COAP_CODE(4, 12),
	COAP_413_REQUEST_ENTITY_TOO_LARGE = COAP_CODE(4, 13),
	COAP_415_UNSUPPORTED_CONTENT_FORMAT = COAP_CODE(4, 15),
	COAP_422_UNPROCESSABLE_ENTITY = COAP_CODE(4, 22),
	COAP_429_TOO_MANY_REQUESTS = COAP_CODE(4, 29),
	COAP_500_INTERNAL_SERVER_ERROR = COAP_CODE(5, 0),
	COAP_503_SERVICE_UNAVAILABLE = COAP_CODE(5, 3),
	COAP_505_PROXYING_NOT_SUPPORTED = COAP_CODE(5, 5),
	COAP_508_HOP_LIMIT_REACHED = COAP_CODE(5, 8),
};
/* Signalling, in streams only (RFC 8323 5). */
enum coap_signal_code {
	COAP_701_CSM = COAP_CODE(7, 1),
	COAP_702_PING = COAP_CODE(7, 2),
	COAP_703_PONG = COAP_CODE(7, 3),
	COAP_704_RELEASE = COAP_CODE(7, 4),
	COAP_705_ABORT = COAP_CODE(7, 5),
};
static inline unsigned
coap_class(uint8_t code)
{
	return code >> 5;
}
static inline bool
coap_is_request(uint8_t code)
{
	return code >= 1 && code <= 31;
}
static inline bool
coap_is_response(uint8_t code)
{
	return coap_class(code) >= 2 && coap_class(code) <= 5;
}
static inline bool
coap_is_signal(uint8_t code)
{
	return coap_class(code) == 7;
}
/* "2.01" into buf of 5 bytes; returns buf. */
char *coap_code_format(uint8_t code, char buf[static 5]);

enum coap_option_number {
	COAP_OPT_IF_MATCH = 1,
	COAP_OPT_URI_HOST = 3,
	COAP_OPT_ETAG = 4,
	COAP_OPT_IF_NONE_MATCH = 5,
	COAP_OPT_OBSERVE = 6,
	COAP_OPT_URI_PORT = 7,
	COAP_OPT_URI_PATH = 11,
	COAP_OPT_CONTENT_FORMAT = 12,
	COAP_OPT_MAX_AGE = 14,
	COAP_OPT_URI_QUERY = 15,
	COAP_OPT_HOP_LIMIT = 16,
	COAP_OPT_ACCEPT = 17,
	COAP_OPT_BLOCK2 = 23,
	COAP_OPT_BLOCK1 = 27,
	COAP_OPT_SIZE2 = 28,
	COAP_OPT_PROXY_URI = 35,
	COAP_OPT_PROXY_SCHEME = 39,
	COAP_OPT_SIZE1 = 60,
};
/* Numbers of signalling options are the code's own (RFC 8323 5.2). */
enum coap_signal_option_number {
	COAP_CSM_MAX_MESSAGE_SIZE = 2,
	COAP_CSM_BLOCK_WISE_TRANSFER = 4,
	COAP_PING_CUSTODY = 2,
	COAP_RELEASE_ALTERNATIVE_ADDRESS = 2,
	COAP_RELEASE_HOLD_OFF = 4,
	COAP_ABORT_BAD_CSM_OPTION = 2,
};
enum { COAP_FORMAT_TEXT = 0, COAP_FORMAT_DOTS_CBOR = 271 };
enum { COAP_HOP_LIMIT_INITIAL = 16, COAP_HOP_LIMIT_MAX = 255 }; /* RFC 8768 3 */
enum {
	COAP_OPTIONS_MAX = 32,
	COAP_TOKEN_MAX = 8,
	COAP_MESSAGE_BASE = 1152, /* that any peer takes (RFC 7252 4.6, RFC 8323 5.3.1) */
	COAP_MESSAGE_MAX = 16384,
	COAP_STREAM_HEADER_MAX = 1 + 4 + 1 + COAP_TOKEN_MAX, /* length, code, token */
	COAP_STREAM_MAX = COAP_STREAM_HEADER_MAX + COAP_MESSAGE_MAX,
};

struct coap_option {
	uint16_t number;
	uint16_t len;
	const uint8_t *value; /* borrowed */
};

struct coap_msg {
	uint8_t type; /* enum coap_type */
	uint8_t code;
	uint16_t id; /* Message ID */
	uint8_t token_len;
	uint8_t token[COAP_TOKEN_MAX];
	uint8_t n_options;
	struct coap_option options[COAP_OPTIONS_MAX]; /* ascending by number, order kept */
	const uint8_t *payload;                       /* borrowed; NULL if none */
	size_t payload_len;
	uint8_t scratch[48]; /* values of integer options added by coap_add_uint */
	uint8_t scratch_used;
};

/* Decodes one datagram; values point into bytes. 0, or -EBADMSG with *ret_why a fixed text naming
 * the broken part. A message whose header can be read has type, code, id set even then, so that
 * the caller can answer RST (RFC 7252 4.2, 4.3). */
int coap_decode(const uint8_t *bytes, size_t len, struct coap_msg *ret, const char **ret_why);
/* Bytes written, or -ENOSPC, -EINVAL. */
int coap_encode(const struct coap_msg *m, uint8_t *bytes, size_t cap);

/* The message that a stream begins with; values point into bytes. 0 and *ret_size is its size;
 * -EAGAIN: not all of it is there, at least *ret_size bytes are needed; -EMSGSIZE: options and
 * payload are more than COAP_MESSAGE_MAX, seen as soon as the length is there; -EBADMSG with
 * *ret_why as above. It has no type and no id: they are COAP_NON and 0. */
int coap_stream_decode(const uint8_t *bytes, size_t len, struct coap_msg *ret, size_t *ret_size,
	const char **ret_why);
/* As coap_encode; type and id are not looked at. */
int coap_stream_encode(const struct coap_msg *m, uint8_t *bytes, size_t cap);

/* Building: an initialised message of that type and code without id and token. */
void coap_init(struct coap_msg *m, enum coap_type type, uint8_t code);
/* Keeps options sorted; value is borrowed. Adding too many is our own bug (assert). */
void coap_add(struct coap_msg *m, uint16_t number, const void *value, size_t len);
void coap_add_uint(struct coap_msg *m, uint16_t number, uint32_t value);
void coap_add_text(struct coap_msg *m, uint16_t number, const char *text);
/* All options of that number. */
void coap_remove(struct coap_msg *m, uint16_t number);

/* First option of that number, or NULL. */
const struct coap_option *coap_find(const struct coap_msg *m, uint16_t number);
/* The option's value as integer (0 bytes = 0). False if absent, longer than 4 bytes, or of a length
 * that its definition rules out: such an elective option counts as not there (RFC 7252 5.4.3). */
bool coap_get_uint(const struct coap_msg *m, uint16_t number, uint32_t *ret);
/* Hop-Limit (RFC 8768 3): 0 and *ret, which is 0 where there is none; -EBADMSG: it is not between 1
 * and 255, which is 4.00. */
int coap_hop_limit(const struct coap_msg *m, uint8_t *ret);
/* The first critical option that we do not know, is too long/short for its definition or repeated
 * where it may not be (RFC 7252 5.4); 0 if all are fine. */
uint16_t coap_bad_option(const struct coap_msg *m);

#endif
