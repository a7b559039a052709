/*
 * Edits (RFC 8040 4.4.1, 4.5, 4.6.1, 4.7): on a copy, which takes the place of the data once it is
 * found to be valid as a whole.
 */
#include <assert.h>
#include <string.h>

#include "wire/yang_engine.h"

struct edit {
	const struct yang_node *n;
	json_t *work;
	const struct restconf_path *path;
	size_t from;
	const struct restconf_query *query;
	struct restconf_error *err;
	bool created;
};

/* About the target. */
static bool
refuse(struct edit *e, unsigned status, enum restconf_tag tag, const char *rfc, const char *name,
	const char *why)
{
	restconf_refuse(e->err, status, tag, "%s: %.80s: %s", rfc, name, why);
	yang_instance(e->n, e->path, e->from, e->path->n, e->err->path);
	return false;
}

/* For errors of a walk that began at the target. */
static bool
fail_below(struct edit *e)
{
	char path[RESTCONF_PATH_MAX] = "";

	yang_instance(e->n, e->path, e->from, e->path->n, path);
	yang_put_path(e->err, path);
	return false;
}

/* ---- steps ---- */

/* Containers on the way exist by being in the schema (RFC 7950 7.5.1), entries of lists do not. */
static bool
make_ancestors(struct edit *e, json_t **ret_parent)
{
	const struct yang_node *n = e->n;
	json_t *data = e->work;

	for (size_t i = e->from; i + 1 < e->path->n; i++) {
		const struct restconf_segment *s = &e->path->segments[i];
		const struct yang_node *child = yang_child(n, s->module, s->name);
		json_t *keys[RESTCONF_KEYS_MAX];

		data = yang_make(n, child, data);
		n = child;
		if (child->kind == YANG_CONTAINER)
			continue;
		if (yang_segment_keys(child, s, keys)) {
			data = json_array_get(data, yang_index(child, data, keys));
			yang_free_keys(keys);
		}
		if (!data)
			return refuse(e, 404, RESTCONF_INVALID_VALUE, "RFC 8040 4.5", s->name,
				"there is no such entry");
	}
	*ret_parent = data;
	return true;
}

static bool
merge(struct edit *e, const struct yang_node *n, json_t *into, json_t *value, bool must_be_new)
{
	struct yang_walk w = {.root = n, .err = e->err};

	return yang_merge(&w, n, into, value, must_be_new) || fail_below(e);
}

/* ---- places (RFC 8040 4.8.5, 4.8.6) ---- */

static bool
is_same_segment(const struct restconf_segment *a, const struct restconf_segment *b)
{
	return !strcmp(a->name, b->name) &&
	       (!a->module || !b->module || !strcmp(a->module, b->module));
}

/* The point is an entry of the list that is edited, which stands below the first `depth` segments
 * of our path. */
static bool
is_sibling(const struct edit *e, const struct yang_node *list, size_t depth)
{
	const struct restconf_path *point = &e->query->point;

	if (point->n != depth + 1)
		return false;
	for (size_t i = 0; i < depth; i++) {
		const struct restconf_segment *a = &e->path->segments[i], *b = &point->segments[i];

		if (!is_same_segment(a, b) || a->n_keys != b->n_keys)
			return false;
		for (size_t k = 0; k < a->n_keys; k++)
			if (strcmp(a->keys[k], b->keys[k]) != 0)
				return false;
	}
	return is_same_segment(
		&point->segments[depth], &(struct restconf_segment){.name = list->name});
}

/* Where in the list an entry goes that has been taken out of it. */
static bool
find_place(struct edit *e, const struct yang_node *list, json_t *array, size_t depth, size_t *ret)
{
	json_t *keys[RESTCONF_KEYS_MAX];
	size_t at = SIZE_MAX;

	*ret = 0;
	if (e->query->insert == INSERT_FIRST)
		return true;
	if (is_sibling(e, list, depth) &&
		yang_segment_keys(list, &e->query->point.segments[depth], keys)) {
		at = yang_index(list, array, keys);
		yang_free_keys(keys);
	}
	if (at == SIZE_MAX)
		return refuse(e, 400, RESTCONF_INVALID_VALUE, "RFC 8040 4.8.6", "query point",
			"there is no such other entry of this list");
	*ret = at + (e->query->insert == INSERT_AFTER);
	return true;
}

/* What stands there already keeps its place, unless another one is named. */
static bool
place(struct edit *e, const struct yang_node *list, json_t *array, size_t at, size_t depth)
{
	json_t *entry = json_array_get(array, at);
	size_t to;
	bool fine;

	if (e->query->insert == INSERT_LAST)
		return true;
	json_incref(entry);
	json_array_remove(array, at);
	fine = find_place(e, list, array, depth, &to);
	if (fine)
		json_array_insert(array, to, entry);
	json_decref(entry);
	return fine;
}

static bool
check_insert(struct edit *e, const struct yang_node *n)
{
	return !(e->query->has & QUERY_INSERT) || n->flags & YANG_USER_ORDERED ||
	       refuse(e, 400, RESTCONF_INVALID_VALUE, "RFC 8040 4.8.5", "query insert",
		       "is only for lists that users order");
}

/* ---- methods ---- */

/* Keys (of a leaf-list: the value) are what the path says, and stay so. */
static bool
has_keys_of(const struct yang_node *n, json_t *value, json_t *const *keys)
{
	json_t *theirs[RESTCONF_KEYS_MAX];
	bool same = yang_keys(n, value, theirs);

	for (size_t k = 0; same && k < RESTCONF_KEYS_MAX && keys[k]; k++)
		same = json_equal(keys[k], theirs[k]);
	return same;
}

static bool
check_keys(struct edit *e, const struct yang_place *target, json_t *value, const char *rfc)
{
	const struct yang_node *n = target->node;
	json_t *keys[RESTCONF_KEYS_MAX] = {0}, *borrowed[RESTCONF_KEYS_MAX];
	bool same = true;

	if (target->is_entry && target->parent &&
		yang_segment_keys(n, &e->path->segments[e->path->n - 1], keys)) {
		same = has_keys_of(n, value, keys);
		yang_free_keys(keys);
	} else if (target->is_entry && yang_keys(n, target->data, borrowed)) {
		same = has_keys_of(n, value, borrowed);
	} else if (n->kind == YANG_LEAF && target->parent && target->data &&
		   yang_has_key(target->parent, n->name)) {
		same = json_equal(value, target->data);
	}
	return same || refuse(e, 400, RESTCONF_INVALID_VALUE, rfc, n->name,
			       "the keys of the body are not those of the path");
}

/* The value of a body for the target itself, in normal form but perhaps in part. */
static bool
read_value(struct edit *e, const struct yang_place *target, json_t *body, const char *rfc,
	json_t **ret)
{
	struct yang_walk w = {.root = target->node, .err = e->err};

	if (!yang_extract(target->parent, target->node, body, ret, e->err) ||
		!yang_check_instance(&w, target->node, *ret))
		return fail_below(e);
	return check_keys(e, target, *ret, rfc);
}

static bool
put_entry(struct edit *e, const struct yang_place *target, json_t *parent, json_t *value)
{
	const struct yang_node *n = target->node;
	json_t *array = yang_make(target->parent, n, parent), *keys[RESTCONF_KEYS_MAX];
	size_t at = yang_keys(n, value, keys) ? yang_index(n, array, keys) : SIZE_MAX;

	e->created = at == SIZE_MAX;
	if (e->created) {
		at = json_array_size(array);
		json_array_append(array, value);
	} else {
		json_array_set(array, at, value);
	}
	return place(e, n, array, at, e->path->n - 1);
}

static bool
put(struct edit *e, const struct yang_place *target, json_t *body)
{
	json_t *value, *parent;

	if (!check_insert(e, target->node) || !read_value(e, target, body, "RFC 8040 4.5", &value))
		return false;
	if (!target->parent) {
		json_object_clear(e->work);
		json_object_update(e->work, value);
		return true;
	}
	if (!make_ancestors(e, &parent))
		return false;
	if (target->is_entry)
		return put_entry(e, target, parent, value);
	e->created = !target->data;
	yang_set(target->parent, target->node, parent, value);
	return true;
}

static bool
patch(struct edit *e, const struct yang_place *target, json_t *body)
{
	json_t *value, *parent = NULL, *into = target->data;

	/* Of containers RFC 7950 7.5.1 says that they are there. */
	if (!into && target->node->kind != YANG_CONTAINER)
		return refuse(e, 404, RESTCONF_INVALID_VALUE, "RFC 8040 4.6", target->node->name,
			"is not there");
	if (!read_value(e, target, body, "RFC 8040 4.6.1", &value))
		return false;
	if (target->node->kind == YANG_LEAF_LIST)
		return true; /* the same value */
	if (target->node->kind == YANG_LEAF) {
		yang_set(target->parent, target->node, target->parent_data, value);
		return true;
	}
	if (!into && !make_ancestors(e, &parent))
		return false;
	if (!into)
		into = yang_make(target->parent, target->node, parent);
	return merge(e, target->node, into, value, false);
}

/* The body as an instance of the target that has nothing but the new child. */
static bool
read_child(struct edit *e, const struct yang_place *target, json_t *body,
	const struct yang_node **ret_child, json_t **ret_part)
{
	struct arena *a = arena_new();
	struct yang_walk w = {.root = target->node, .err = e->err};
	struct restconf_segment ignored;
	json_t *value = json_object_iter_value(json_object_iter(body));
	const struct yang_node *child = yang_body_child(target->node, body, a, &ignored, e->err);
	bool many = child && (child->kind == YANG_LIST || child->kind == YANG_LEAF_LIST);

	arena_free(a);
	*ret_child = child;
	*ret_part = NULL;
	if (!child)
		return fail_below(e);
	yang_enter(&w, child, many ? json_array_get(value, 0) : value);
	w.frames[0].index = many ? 0 : SIZE_MAX;
	if (!yang_check_instance(&w, child, many ? json_array_get(value, 0) : value))
		return fail_below(e);
	*ret_part = json_object();
	yang_set(target->node, child, *ret_part, value);
	return true;
}

static bool
post(struct edit *e, const struct yang_place *target, json_t *body)
{
	const struct yang_node *child;
	json_t *part, *parent = NULL, *into = target->data, *array;
	bool fine;

	if (!into && target->node->kind != YANG_CONTAINER)
		return refuse(e, 404, RESTCONF_INVALID_VALUE, "RFC 8040 4.4.1", target->node->name,
			"is not there");
	if (target->node->kind == YANG_LEAF || target->node->kind == YANG_LEAF_LIST)
		return refuse(e, 405, RESTCONF_OPERATION_NOT_SUPPORTED, "RFC 8040 4.4.1",
			target->node->name, "has no children");
	if (!read_child(e, target, body, &child, &part))
		return false;
	fine = check_insert(e, child) && (into || make_ancestors(e, &parent));
	if (fine && !into)
		into = yang_make(target->parent, target->node, parent);
	fine = fine && merge(e, target->node, into, part, true);
	json_decref(part);
	array = fine ? yang_get(target->node, child, into) : NULL;
	e->created = fine;
	if (json_is_array(array))
		fine = place(e, child, array, json_array_size(array) - 1, e->path->n);
	return fine;
}

static bool
remove_target(struct edit *e, const struct yang_place *target)
{
	const struct yang_node *n = target->node;
	char buf[YANG_NAME_MAX];

	if (!target->data)
		return refuse(
			e, 404, RESTCONF_INVALID_VALUE, "RFC 8040 4.7", n->name, "is not there");
	if (!target->parent)
		return refuse(e, 405, RESTCONF_OPERATION_NOT_SUPPORTED, "RFC 8040 4.7", n->name,
			"cannot be deleted from within");
	if (target->is_entry)
		json_array_remove(yang_get(target->parent, n, target->parent_data), target->at);
	else
		json_object_del(target->parent_data, yang_member(target->parent, n, buf));
	return true;
}

static bool
apply(struct edit *e, enum yang_method method, json_t *body)
{
	struct yang_place target;

	if (!yang_find(e->n, e->work, e->path, e->from, &target, e->err))
		return false;
	if (target.is_state)
		return refuse(e, 405, RESTCONF_OPERATION_NOT_SUPPORTED, "RFC 8040 7",
			target.node->name, "is state, which cannot be edited");
	/* RFC 8040 3.5.3, 4.7: a list or leaf-list is no resource that can be edited. */
	if ((target.node->kind == YANG_LIST || target.node->kind == YANG_LEAF_LIST) &&
		!target.is_entry)
		return refuse(e, 400, RESTCONF_INVALID_VALUE, "RFC 8040 3.5.3", target.node->name,
			"its keys are missing");
	switch (method) {
	case YANG_POST:
		return post(e, &target, body);
	case YANG_PUT:
		return put(e, &target, body);
	case YANG_PATCH:
		return patch(e, &target, body);
	case YANG_DELETE:
		return remove_target(e, &target);
	}
	return false;
}

bool
yang_edit(const struct yang_node *n, json_t *data, const struct restconf_path *p, size_t from,
	enum yang_method method, json_t *body, const struct restconf_query *q, bool *ret_created,
	struct restconf_error *err)
{
	struct edit e = {.n = n, .path = p, .from = from, .query = q, .err = err};
	bool fine;

	assert(json_is_object(data));
	e.work = json_deep_copy(data);
	fine = apply(&e, method, body) && yang_check(n, e.work, err);
	*ret_created = fine && e.created;
	if (fine) {
		json_object_clear(data);
		json_object_update(data, e.work);
	}
	json_decref(e.work);
	return fine;
}
