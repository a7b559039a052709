/*
 * The schema engine: walks const tables of attributes to decode, check, encode and print.
 *
 * One row an attribute: CBOR key, JSON name, kind, limits, where it lives in the struct. The same
 * table serves CBOR (RFC 8949; RFC 9132 table 5) and JSON (RFC 7951 as used by RFC 9132): uint64
 * and enumerations are JSON strings, decimal64 is CBOR tag 4 with exponent -2.
 *
 * Decoding accepts any well-formed CBOR (indefinite lengths, any integer width, the DOTS tag 271 in
 * front), and refuses duplicate keys, wrong types, values out of range, empty values, unknown
 * comprehension-required keys (RFC 9132 6, 10.6.1.1: 1-127 and 256-16383), and text that is not
 * UTF-8. Keys that RFC 9132 keeps for the Uri-Path (cdid, cuid, sid) are refused by name. Unknown
 * comprehension-optional keys are skipped whatever they hold, as long as it is well-formed. Depth
 * is bounded by the tables (skipped values: 16), lists by the bytes left and by the row's limit;
 * everything decoded lives in the caller's arena.
 */
#ifndef DOTSD_WIRE_SCHEMA_H
#define DOTSD_WIRE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"

enum schema_kind {
	KIND_UINT,     /* uint64_t; min..max */
	KIND_UINT64,   /* uint64_t; JSON string */
	KIND_LIFETIME, /* int64_t; min..max or -1 */
	KIND_ENUM,     /* uint64_t; names table; JSON string of the name */
	KIND_BOOL,     /* bool */
	KIND_DECIMAL,  /* int64_t hundredths; CBOR 4([-2, n]); JSON string "n.nn" */
	KIND_TEXT,     /* char *; 1..max bytes */
	KIND_NAME,     /* char *; domain name (RFC 6991), 1..253 */
	KIND_PREFIX,   /* struct prefix; text on the wire */
	KIND_ADDR,     /* struct addr; text on the wire */
	KIND_MAP,      /* struct of `sub` */
};
enum {
	SCHEMA_LIST = 1,     /* pointer + size_t count; max_items */
	SCHEMA_REQUIRED = 2, /* the map is invalid without it */
	/* KIND_UINT printed as JSON string (retry-timer, RFC 9132 table 5) */
	SCHEMA_NUMBER_TEXT = 4,
	/* A kind of message, no data node (RFC 9132 5.3): errors name what is inside without it */
	SCHEMA_CASE = 8,
};

struct schema_name {
	uint64_t value;
	const char *name;
}; /* ends with name NULL */

struct schema_row {
	uint16_t key;     /* CBOR key */
	const char *name; /* name as the RFC writes it, used in JSON and in errors */
	const char *json; /* JSON member name if different (module prefix), else NULL */
	uint8_t kind, flags;
	uint8_t bit;         /* presence bit in the struct's `has` */
	uint16_t max_items;  /* of a list; 0: default 256 */
	size_t offset;       /* of the value or of the list pointer */
	size_t count_offset; /* of the list's size_t */
	int64_t min, max;    /* KIND_UINT/LIFETIME: range; KIND_TEXT: longest */
	const struct schema_name *names;
	const struct schema *sub;
};

struct schema {
	const char *name;
	size_t size;                   /* of the struct; its first member is uint64_t has */
	const struct schema_row *rows; /* ascending by key: that is the output order */
	size_t n_rows;
	/* Checks between attributes (upper-port >= lower-port …) after decoding, and defaults; may
	 * be NULL. Returns NULL or a fixed text. */
	const char *(*check)(void *structure);
};

enum { SCHEMA_ERROR_MAX = 160 };
struct schema_error {
	char why[SCHEMA_ERROR_MAX]; /* "scope[0].target-prefix[1]: …": path and reason; no RFC tag
				     */
	int32_t unknown_key;        /* the unknown comprehension-required key, else -1 */
};

/* 0, or -EBADMSG with *err filled. On error *ret_structure may be half filled; it needs no cleanup.
 */
int schema_decode_cbor(const struct schema *s, struct arena *a, const uint8_t *bytes, size_t len,
	void *ret_structure, struct schema_error *err);
/* 0 or -ENOSPC (out reached its limit). */
int schema_encode_cbor(const struct schema *s, const void *structure, struct buf *out);
/* From JSON text (duplicates refused; unknown members refused). Accepts names with and without the
 * module prefix. */
int schema_decode_json(const struct schema *s, struct arena *a, const char *text, size_t len,
	void *ret_structure, struct schema_error *err);
/* Compact JSON in table order as the RFC prints it (": " and ", " separators). */
int schema_encode_json(const struct schema *s, const void *structure, struct buf *out);
/* Deep copy into an arena. */
void schema_copy(const struct schema *s, struct arena *a, const void *from, void *ret_to);

#endif
