/*
 * Data that YANG models, in JSON (RFC 7950, RFC 7951): walks const tables to check, normalise, edit
 * and show it. What a module is, is its table (wire/data.c); pure.
 *
 * Normalised data has plain member names (the module prefix only where the module differs from the
 * parent's) in the order of the table, canonical values (prefixes with host bits cleared,
 * identities with their module in front (RFC 7951 6.8), bits in the order of their positions,
 * domain names in lower case, decimals with two fraction digits), no empty containers, and lists in
 * the order given.
 *
 * Errors of all that takes a node `n` have a path that is relative to it ("" where it is `n`
 * itself); yang_error_at makes it whole.
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
	YANG_STRING,    /* min..max characters; max 0: any number */
	YANG_BOOL,
	YANG_ENUM,     /* one of `names` */
	YANG_BITS,     /* some of `names`, separated by spaces */
	YANG_IDENTITY, /* one of `names`, of module `module`, which may be left out */
	YANG_PREFIX,   /* inet:ip-prefix, ipv4-prefix, ipv6-prefix: min is the family, 0 any */
	YANG_DOMAIN,   /* inet:domain-name */
	YANG_URI,      /* inet:uri */
	YANG_BINARY,   /* base64, min..max octets; max 0: any number */
};
struct yang_type {
	enum yang_base base;
	int64_t min, max;
	const char *const *names; /* ends with NULL; of bits in the order of their positions */
	const char *module;       /* of identities */
};

enum {
	YANG_STATE = 1,        /* config false begins here, for all that is below */
	YANG_USER_ORDERED = 2, /* RFC 7950 7.7.7 */
	YANG_MANDATORY = 4,    /* whenever its parent stands there; in a choice, its branch */
};
struct yang_node {
	const char *name, *module;
	enum yang_kind kind;
	unsigned flags;
	const char *keys[RESTCONF_KEYS_MAX + 1]; /* of a list, in order, ends with NULL */
	const struct yang_type *type;            /* of leafs and leaf-lists */
	const char *deflt; /* of a leaf whose JSON form is a string; NULL: none */
	const struct yang_node *children;
	size_t n_children;
	uint8_t choice, branch; /* of siblings with one choice (1..7) only one branch may stand
				   there (RFC 7950 7.9) */
	size_t max_items;       /* of lists and leaf-lists; 0: 256 */
	/* Rules between members, on normalised data with all its mandatory ones. False with *err;
	 * its path is filled by the caller. NULL: none. */
	bool (*check)(const json_t *self, struct restconf_error *err);
};

/* Puts where p leads with its first n segments, below root, in front of the error's path: an
 * instance-identifier (RFC 7951 6.11). What does not fit is left out. */
void yang_error_at(struct restconf_error *e, const struct yang_node *root,
	const struct restconf_path *p, size_t n);

/* Text to JSON. Duplicate members, more than 32 levels and no UTF-8 are malformed-message (RFC
 * 8259, RFC 7493), no text at all is invalid-value (RFC 8040 4.5). NULL with *err. */
json_t *yang_parse(const char *text, size_t len, struct restconf_error *err);

/* Of a child, by its name; module NULL: of its parent's module. NULL: there is none. */
const struct yang_node *yang_child(const struct yang_node *n, const char *module, const char *name);

/* Checks and normalises the instance of a node: an object of a container or list entry, an array of
 * a list or leaf-list, else a value. Of unknown modules members are dropped (RFC 8783 6.1), unknown
 * ones of ours are unknown-element, state is unknown-element in an edit (RFC 8783 4.3), doubled
 * keys or values of a leaf-list invalid-value. On error *data may be half changed. */
bool yang_check(const struct yang_node *n, json_t *data, struct restconf_error *err);
/* The same of a body: an object with one member, the qualified name of `n` itself, of which RFC
 * 8783 wraps a list entry in its parent container as well: both forms are taken. An entry of a list
 * or leaf-list is an array of one (RFC 7951 5.4), and *ret is that one; whether its keys are those
 * of a path is the caller's to check. New reference. Errors' paths are relative to `parent`. */
bool yang_body(const struct yang_node *parent, const struct yang_node *n, json_t *body,
	json_t **ret, struct restconf_error *err);
/* Which child of `parent` a body is about that was sent to it with POST (RFC 8040 4.4.1), and *ret
 * as the segment of a path, with keys as they came, for Location; in the arena. NULL with *err. */
const struct yang_node *yang_body_child(const struct yang_node *parent, json_t *body,
	struct arena *a, struct restconf_segment *ret, struct restconf_error *err);

/* Where a path leads in the schema, and what stands there in `data`, the instance of `n` (both
 * borrowed). Segments before `from` have been walked. *ret_data NULL: the node can exist, but does
 * not. False: 404 invalid-value, there is no such node; 400, keys do not fit. */
struct yang_place {
	const struct yang_node *parent, *node; /* parent NULL: it is n itself */
	json_t *data, *parent_data;
	size_t at;     /* index of a list entry or leaf-list value; SIZE_MAX: it is not there */
	bool is_entry; /* of a list or leaf-list one instance, not all of it */
	bool is_state; /* the node, or something above it */
};
bool yang_find(const struct yang_node *n, json_t *data, const struct restconf_path *p, size_t from,
	struct yang_place *ret, struct restconf_error *err);
/* The default of a leaf that is not there but in use (RFC 8040 3.5.4), else NULL. New reference. */
json_t *yang_default(const struct yang_place *place);

/* Edits below a container or an entry (RFC 8040 4.4.1, 4.5, 4.6.1, 4.7): changes `data`, the
 * normalised instance of `n`, in place, the node at `p` from segment `from` on; a plain patch
 * merges. Of a POST a container that stands there takes what is new in the body (RFC 8783 6.1).
 * The whole is checked afterwards. *ret_created: 201, not 204. `body` is what yang_parse gave, and
 * is changed; NULL for DELETE. q: only insert and point count, of POST and PUT. On error data is
 * not changed.
 *
 * With `n` the container of an entry, and in `data` that entry alone, an entry itself is edited: a
 * body that RFC 8783 wraps in the container is taken then, too. */
enum yang_method { YANG_POST, YANG_PUT, YANG_PATCH, YANG_DELETE };
bool yang_edit(const struct yang_node *n, json_t *data, const struct restconf_path *p, size_t from,
	enum yang_method method, json_t *body, const struct restconf_query *q, bool *ret_created,
	struct restconf_error *err);

/* What a GET shows of the instance of a node that stands there (RFC 8040 4.8.1-4.8.3, 4.8.9): a new
 * value with content, depth, fields and defaults applied; lists keep their keys, and what is below
 * the depth is not there. Both share values, which nobody changes from now on. NULL with *err:
 * `fields` is broken or names nothing (400), a leaf that is not of that content (404). An object
 * may be empty. */
json_t *yang_view(const struct yang_node *n, json_t *data, const struct restconf_query *q,
	struct restconf_error *err);
/* {"module:name": value}, an entry of a list in an array of one; with a parent, a container, in it
 * as RFC 8783 prints it (7.3): {"ietf-dots-data-channel:acls": {"acl": [entry]}}. */
json_t *yang_envelope(const struct yang_node *parent, const struct yang_node *n, json_t *value);

#endif
