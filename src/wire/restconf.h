/*
 * RESTCONF messages as text (RFC 8040): the request target, its query parameters, and the error
 * body. Pure; of the data channel (RFC 8783) only the JSON encoding.
 */
#ifndef DOTSD_WIRE_RESTCONF_H
#define DOTSD_WIRE_RESTCONF_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* ---- errors (RFC 8040 7, 7.1) ---- */

enum restconf_tag {
	RESTCONF_IN_USE,
	RESTCONF_INVALID_VALUE,
	RESTCONF_TOO_BIG,
	RESTCONF_MISSING_ATTRIBUTE,
	RESTCONF_BAD_ATTRIBUTE,
	RESTCONF_UNKNOWN_ATTRIBUTE,
	RESTCONF_BAD_ELEMENT,
	RESTCONF_UNKNOWN_ELEMENT,
	RESTCONF_UNKNOWN_NAMESPACE,
	RESTCONF_ACCESS_DENIED,
	RESTCONF_RESOURCE_DENIED,
	RESTCONF_OPERATION_NOT_SUPPORTED,
	RESTCONF_OPERATION_FAILED,
	RESTCONF_MALFORMED_MESSAGE,
};

enum { RESTCONF_WHY_MAX = 256, RESTCONF_PATH_MAX = 512 };
struct restconf_error {
	unsigned status; /* HTTP; 0: no error */
	enum restconf_tag tag;
	bool transport;               /* error-type transport, not application (RFC 8783 3.4) */
	const char *app_tag;          /* fixed text, or NULL */
	char path[RESTCONF_PATH_MAX]; /* instance-identifier (RFC 7951 6.11), "" = not told */
	char why[RESTCONF_WHY_MAX]; /* "RFC 8783 6.1: target-prefix[0]: …": starts with the RFC tag,
				       names the field and the reason */
};
/* Fills *ret (path, app_tag and transport are cleared) and returns false, for `return
 * restconf_refuse(…)`. */
__attribute__((format(printf, 4, 5))) bool restconf_refuse(
	struct restconf_error *ret, unsigned status, enum restconf_tag tag, const char *fmt, ...);
enum { RESTCONF_TAG_MAX = 40 };
/* Of an error-tag; OPERATION_FAILED for one that is not known. */
enum restconf_tag restconf_tag_named(const char *name);
/* The yang-errors body. info: members of error-info, or NULL; its reference is taken. */
json_t *restconf_error_body(const struct restconf_error *e, json_t *info);

/* ---- request targets (RFC 8040 3.5.3, 5.1) ---- */

enum { RESTCONF_SEGMENTS_MAX = 16, RESTCONF_KEYS_MAX = 2 };
struct restconf_segment {
	const char *module; /* before the colon, or NULL */
	const char *name;
	const char *keys[RESTCONF_KEYS_MAX]; /* decoded */
	size_t n_keys;                       /* 0: the whole list, or no list */
};

enum restconf_resource {
	RESTCONF_HOST_META,       /* /.well-known/host-meta (3.1) */
	RESTCONF_API,             /* {+restconf} (3.3) */
	RESTCONF_DATA,            /* {+restconf}/data and what is below it (3.4, 3.5) */
	RESTCONF_OPERATIONS,      /* {+restconf}/operations and below (3.6) */
	RESTCONF_LIBRARY_VERSION, /* {+restconf}/yang-library-version (3.3.3) */
};

struct restconf_path {
	enum restconf_resource resource;
	struct restconf_segment segments[RESTCONF_SEGMENTS_MAX]; /* below it */
	size_t n;
};

/* raw: the path as it came, percent-encoded, without query. root: ours, "/restconf". Everything
 * lives in the arena. False: *err is 404 (nothing of that name can exist: wrong root, syntax that
 * names nothing) or 400 (a key is missing, broken percent-encoding, NUL, no UTF-8, too long). */
bool restconf_path_parse(struct arena *a, const char *raw, const char *root,
	struct restconf_path *ret, struct restconf_error *err);
/* Back to text, percent-encoded, with `root` and "/data" in front: for Location. mem_* allocated.
 * As instance-identifier, which needs the names of keys: yang_error_at (wire/yang.h). */
char *restconf_path_format(const struct restconf_path *p, const char *root);

/* ---- query parameters (RFC 8040 4.8) ---- */

enum restconf_content { CONTENT_ALL, CONTENT_CONFIG, CONTENT_NONCONFIG };
enum restconf_insert { INSERT_LAST, INSERT_FIRST, INSERT_BEFORE, INSERT_AFTER };
enum restconf_defaults { DEFAULTS_EXPLICIT, DEFAULTS_REPORT_ALL, DEFAULTS_TRIM };
enum {
	QUERY_CONTENT = 1,
	QUERY_DEPTH = 2,
	QUERY_FIELDS = 4,
	QUERY_INSERT = 8,
	QUERY_POINT = 16,
	QUERY_DEFAULTS = 32,
};
struct restconf_query {
	unsigned has;                  /* which of them stand there */
	enum restconf_content content; /* "non-config" is taken for "nonconfig" (RFC 8783 7.3) */
	uint32_t depth;                /* 1..65535; 0: unbounded */
	const char *fields;            /* decoded, not parsed; "" = not told */
	enum restconf_insert insert;
	struct restconf_path point;      /* of `point`, with or without {+restconf}/data in front */
	enum restconf_defaults defaults; /* RFC 6243; our basic mode is explicit */
};
/* raw: what follows "?", or NULL. allowed: the parameters that make sense for this method and
 * resource; any other, a repeated or a broken one is 400 invalid-value. insert before/after needs
 * point, and only they may have it (4.8.5, 4.8.6). */
bool restconf_query_parse(struct arena *a, const char *raw, const char *root, unsigned allowed,
	struct restconf_query *ret, struct restconf_error *err);

/* ---- media types (RFC 8040 5.2) ---- */

/* Of a Content-Type, or NULL: parameters are ignored; application/json is taken for it, too. */
bool restconf_media_is_json(const char *content_type);
/* Of an Accept field: NULL, or some entry with q > 0 allows application/yang-data+json, or with
 * xrd, application/xrd+xml. */
bool restconf_accepts(const char *accept, bool xrd);

#endif
