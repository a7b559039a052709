/*
 * Data that YANG models, in JSON (RFC 7950, RFC 7951): walks const tables to check, normalise, edit
 * and show it. What a module is, is its table (wire/data.c); pure.
 *
 * Normalised data has plain member names (the module prefix only where the module differs from the
 * parent's), canonical values (prefixes with host bits cleared, identities with their module in
 * front (RFC 7951 6.8), bits in the order of their positions), no empty containers, and lists in
 * the order given.
 */
#ifndef DOTSD_WIRE_YANG_H
#define DOTSD_WIRE_YANG_H

#include "wire/restconf.h"

enum yang_kind { YANG_CONTAINER, YANG_LIST, YANG_LEAF, YANG_LEAF_LIST };

/* Types of leafs, by what their JSON form is. */
enum yang_base {
	YANG_UINT,      /* number, min..max */
	YANG_COUNTER64, /* string of a decimal number */
	YANG_DECIMAL2,  /* string, 2 fraction digits, not negative */
	YANG_STRING,    /* min..max characters */
	YANG_BOOL,
	YANG_ENUM,     /* one of `names` */
	YANG_BITS,     /* some of `names`, separated by spaces */
	YANG_IDENTITY, /* one of `names`, of module `module`, which may be left out */
	YANG_PREFIX,   /* inet:ip-prefix, ipv4-prefix, ipv6-prefix: min is the family, 0 any */
	YANG_DOMAIN,   /* inet:domain-name */
	YANG_URI,      /* inet:uri */
	YANG_BINARY,   /* base64, min..max octets */
};
struct yang_type {
	enum yang_base base;
	int64_t min, max;
	const char *const *names; /* ends with NULL; of bits in the order of their positions */
	const char *module;       /* of identities */
};

enum {
	YANG_STATE = 1,        /* config false */
	YANG_USER_ORDERED = 2, /* RFC 7950 7.7.7 */
	YANG_MANDATORY = 4,    /* whenever its parent stands there */
};
struct yang_node {
	const char *name;
	const char *module; /* NULL: that of its parent */
	enum yang_kind kind;
	unsigned flags;
	const char *keys[RESTCONF_KEYS_MAX + 1]; /* of a list, in order, ends with NULL */
	const struct yang_type *type;            /* of leafs and leaf-lists */
	const char *deflt;                       /* of a leaf; NULL: none */
	const struct yang_node *children;
	size_t n_children;
	uint8_t choice, branch; /* of siblings with one choice (not 0) only one branch may stand
				   there (RFC 7950 7.9) */
	size_t max_items;       /* of lists and leaf-lists; 0: 256 */
	/* Rules between members, on normalised data with all its mandatory ones. False with *err;
	 * its path is filled by the caller. NULL: none. */
	bool (*check)(const json_t *self, struct restconf_error *err);
};

/* Text to JSON. Duplicate members, more than 32 levels and no UTF-8 are malformed-message (RFC
 * 8259, RFC 7493). NULL with *err. */
json_t *yang_parse(const char *text, size_t len, struct restconf_error *err);

/* Of a child, by its name with or without module; NULL: there is none. */
const struct yang_node *yang_child(const struct yang_node *n, const char *module, const char *name);

/* Checks and normalises the instance of a node: an object of a container or list entry, an array of
 * a list or leaf-list, else a value. Of unknown modules members are dropped (RFC 8783 6.1), unknown
 * ones of ours are unknown-element, state is unknown-element in an edit (RFC 8783 4.3), doubled
 * keys or values of a leaf-list invalid-value. On error *data may be half changed. */
bool yang_check(const struct yang_node *n, json_t *data, struct restconf_error *err);
/* The same of a body: an object with one member, the qualified name of `n` itself, of which RFC
 * 8783 wraps a list entry in its parent container as well: both forms are taken (7951 5.4: an entry
 * is an array of one). For a list entry *ret is the entry's object. New reference. */
bool yang_body(const struct yang_node *parent, const struct yang_node *n, json_t *body,
	json_t **ret, struct restconf_error *err);

/* Where a path leads in the schema, and what stands there in `data`, the instance of `n` (both
 * borrowed). Segments before `from` have been walked. *ret_data NULL: the node can exist, but does
 * not. False: 404 invalid-value, there is no such node; 400, keys do not fit. */
struct yang_place {
	const struct yang_node *parent, *node; /* parent NULL: it is n itself */
	json_t *data, *parent_data;
	size_t at;     /* index of a list entry or leaf-list value */
	bool is_entry; /* of a list or leaf-list one instance, not all of it */
};
bool yang_find(const struct yang_node *n, json_t *data, const struct restconf_path *p, size_t from,
	struct yang_place *ret, struct restconf_error *err);

/* Edits below an entry (RFC 8040 4.4.1, 4.5, 4.6.1, 4.7): changes `data`, the normalised instance
 * of `n`, in place, the node at `p` from segment `from` on; a plain patch merges. The whole is
 * checked afterwards. *ret_created: 201, not 204. `body` is what yang_parse gave; NULL for DELETE.
 * On error data is not changed. */
enum yang_method { YANG_POST, YANG_PUT, YANG_PATCH, YANG_DELETE };
bool yang_edit(const struct yang_node *n, json_t *data, const struct restconf_path *p, size_t from,
	enum yang_method method, json_t *body, const struct restconf_query *q, bool *ret_created,
	struct restconf_error *err);

/* What a GET shows of the instance of a node that stands there (RFC 8040 4.8.1-4.8.3, 4.8.9): a new
 * value with content, depth, fields and defaults applied; lists keep their keys. NULL with *err:
 * `fields` is broken or names nothing. An object may be empty. */
json_t *yang_view(const struct yang_node *n, const json_t *data, const struct restconf_query *q,
	struct restconf_error *err);
/* {"module:name": value}; an entry of a list as RFC 8783 prints it (7.3): with its parent container
 * around, {"ietf-dots-data-channel:acls": {"acl": [entry]}}, where `parent` is one. */
json_t *yang_envelope(const struct yang_node *parent, const struct yang_node *n, json_t *value);

#endif
