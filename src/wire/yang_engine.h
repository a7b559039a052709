/*
 * Shared by the yang_*.c files only.
 */
#ifndef DOTSD_WIRE_YANG_ENGINE_H
#define DOTSD_WIRE_YANG_ENGINE_H

#include "wire/yang.h"

enum {
	YANG_LEVELS = 16, /* of a schema; the tables have fewer */
	YANG_NAME_MAX = 128,
};

/* Where a walk through an instance of `root` stands: for error texts and paths, which are made only
 * when something is wrong. */
struct yang_walk {
	const struct yang_node *root;
	struct restconf_error *err;
	struct yang_frame {
		const struct yang_node *node;
		const json_t *value;
		size_t index; /* of an entry of a list or leaf-list; SIZE_MAX: not inside one */
	} frames[YANG_LEVELS];
	size_t depth;
	bool complete; /* what is mandatory has to be there; false: a part that is merged later */
};

void yang_enter(struct yang_walk *w, const struct yang_node *node, const json_t *value);
void yang_leave(struct yang_walk *w);
/* "<rfc>: <field>: <reason>" with the path of where it stands. Always false. */
__attribute__((format(printf, 5, 6))) bool yang_refuse(struct yang_walk *w, unsigned status,
	enum restconf_tag tag, const char *rfc, const char *fmt, ...);
/* For what a rule of a table has refused: its path. Always false. */
bool yang_fail_here(struct yang_walk *w);

/* How a child is called in normalised data: with its module where that is another one than its
 * parent's. */
const char *yang_member(
	const struct yang_node *parent, const struct yang_node *n, char buf[static YANG_NAME_MAX]);
json_t *yang_get(const struct yang_node *parent, const struct yang_node *n, const json_t *data);
/* Splits "module:name"; *ret_module NULL: without. */
void yang_split(const char *member, char module[static YANG_NAME_MAX], const char **ret_module,
	const char **ret_name);
bool yang_has_key(const struct yang_node *list, const char *name);

/* Checks a value and makes it canonical. */
bool yang_value(struct yang_walk *w, const struct yang_type *t, json_t *value);
/* The value that a path means by a text: new reference. NULL: no value of that type. */
json_t *yang_value_of(const struct yang_type *t, const char *text);
/* As text, as in a path. */
const char *yang_text(const json_t *value, char buf[static 32]);

/* Checks an instance of the node where the walk stands. */
bool yang_check_instance(struct yang_walk *w, const struct yang_node *n, json_t *value);
/* Where an instance with these keys (of a leaf-list: value) stands in an array; SIZE_MAX: nowhere.
 */
size_t yang_index(const struct yang_node *n, const json_t *array, json_t *const *keys);
/* Keys of an entry, or the value of a leaf-list itself; borrowed. False: one is not there. */
bool yang_keys(const struct yang_node *n, json_t *entry, json_t *ret[static RESTCONF_KEYS_MAX]);
/* The same as one text, to be freed; NULL: one is not there. For sets of them, so that long lists
 * cost no more than a walk through them. */
char *yang_key_text(const struct yang_node *n, json_t *entry);
/* The same of a segment of a path; new references. False: not as many, or of no such type. */
bool yang_segment_keys(const struct yang_node *n, const struct restconf_segment *s,
	json_t *ret[static RESTCONF_KEYS_MAX]);
void yang_free_keys(json_t *keys[static RESTCONF_KEYS_MAX]);

/* The value that a body is about, borrowed: of a list or leaf-list the one that stands there. */
bool yang_extract(const struct yang_node *parent, const struct yang_node *n, json_t *body,
	json_t **ret, struct restconf_error *err);

/* Sets a member. Of a choice the new case takes the place of the others (RFC 7950 7.9). */
void yang_set(
	const struct yang_node *parent, const struct yang_node *n, json_t *data, json_t *value);
/* The member of an object, borrowed; an empty one is made if there is none. */
json_t *yang_make(const struct yang_node *parent, const struct yang_node *n, json_t *data);
/* must_be_new: what is there already, but for containers, is a conflict. */
bool yang_merge(struct yang_walk *w, const struct yang_node *n, json_t *into, json_t *value,
	bool must_be_new);

/* Appends the instance-identifier of segments from..to below n; nothing where it does not fit. */
void yang_instance(const struct yang_node *n, const struct restconf_path *p, size_t from, size_t to,
	char ret[static RESTCONF_PATH_MAX]);
/* Puts a path in front of the one that is there. */
void yang_put_path(struct restconf_error *err, const char *path);

/* `fields` (RFC 8040 4.8.3) as a tree of objects by member name; true: all that is below. NULL with
 * *err. */
json_t *yang_fields(const struct yang_node *n, const char *fields, struct restconf_error *err);

#endif
