/*
 * What a GET shows (RFC 8040 4.8.1-4.8.3, 4.8.9, RFC 6243).
 */
#include <string.h>

#include "wire/yang_engine.h"

struct view {
	const struct restconf_query *query;
	bool state; /* inside state all is state */
};

static bool
has_state(const struct yang_node *n)
{
	if (n->flags & YANG_STATE)
		return true;
	for (size_t i = 0; i < n->n_children; i++)
		if (has_state(&n->children[i]))
			return true;
	return false;
}

/* Whether a default of this leaf is in use in an object (RFC 7950 7.6.1). */
static bool
default_counts(const struct yang_node *parent, const struct yang_node *leaf, const json_t *data)
{
	if (!leaf->deflt || !data)
		return false;
	for (size_t i = 0; leaf->choice && i < parent->n_children; i++) {
		const struct yang_node *other = &parent->children[i];

		if (other->choice == leaf->choice && yang_get(parent, other, data))
			return other->branch == leaf->branch;
	}
	return !leaf->choice;
}

json_t *
yang_default(const struct yang_place *place)
{
	if (place->data || !place->parent || place->node->kind != YANG_LEAF ||
		!default_counts(place->parent, place->node, place->parent_data))
		return NULL;
	return json_string(place->node->deflt);
}

/* tree NULL: all of it. depth: of this node. */
static json_t *show(const struct view *v, const struct yang_node *n, json_t *data,
	const json_t *tree, uint32_t depth);

static bool
is_wanted(const struct view *v, const struct yang_node *n)
{
	bool state = v->state || n->flags & YANG_STATE;

	if (v->query->content == CONTENT_CONFIG)
		return !state;
	if (v->query->content == CONTENT_NONCONFIG)
		return state || has_state(n);
	return true;
}

static json_t *
show_leaf(const struct view *v, const struct yang_node *parent, const struct yang_node *n,
	const json_t *data)
{
	json_t *value = yang_get(parent, n, data);
	const char *text = json_string_value(value);

	if (v->query->defaults == DEFAULTS_REPORT_ALL && !value && default_counts(parent, n, data))
		return json_string(n->deflt);
	if (v->query->defaults == DEFAULTS_TRIM && text && n->deflt && !strcmp(text, n->deflt))
		return NULL;
	return json_incref(value);
}

static json_t *
show_child(const struct view *v, const struct yang_node *parent, const struct yang_node *n,
	const json_t *data, const json_t *tree, uint32_t depth)
{
	struct view below = {.query = v->query, .state = v->state || n->flags & YANG_STATE};
	char buf[YANG_NAME_MAX];
	json_t *value = yang_get(parent, n, data);

	if (yang_has_key(parent, n->name))
		return json_incref(value);
	/* What `fields` names, and what is above it, counts as the first level. */
	depth = tree ? 1 : depth + 1;
	if (tree) {
		tree = json_object_get(tree, yang_member(parent, n, buf));
		if (!tree)
			return NULL;
	}
	if (!is_wanted(v, n) || (v->query->depth && depth > v->query->depth))
		return NULL;
	if (n->kind == YANG_LEAF)
		return show_leaf(v, parent, n, data);
	if (!value)
		return NULL;
	return show(&below, n, value, json_is_object(tree) ? tree : NULL, depth);
}

static json_t *
show_object(const struct view *v, const struct yang_node *n, const json_t *data, const json_t *tree,
	uint32_t depth)
{
	json_t *shown = json_object();
	char buf[YANG_NAME_MAX];

	for (size_t i = 0; i < n->n_children; i++) {
		const struct yang_node *child = &n->children[i];
		json_t *value = show_child(v, n, child, data, tree, depth);

		if (value)
			json_object_set(shown, yang_member(n, child, buf), value);
		json_decref(value);
	}
	return shown;
}

static json_t *
show(const struct view *v, const struct yang_node *n, json_t *data, const json_t *tree,
	uint32_t depth)
{
	json_t *shown, *entry;
	size_t i;

	if (n->kind == YANG_CONTAINER || (n->kind == YANG_LIST && json_is_object(data)))
		return show_object(v, n, data, tree, depth);
	if (n->kind != YANG_LIST)
		return json_incref(data);
	shown = json_array();
	json_array_foreach(data, i, entry)
		json_array_append_new(shown, show_object(v, n, entry, tree, depth));
	return shown;
}

json_t *
yang_view(const struct yang_node *n, json_t *data, const struct restconf_query *q,
	struct restconf_error *err)
{
	struct view v = {.query = q, .state = n->flags & YANG_STATE};
	json_t *tree = NULL, *shown;

	if (!is_wanted(&v, n) && (n->kind == YANG_LEAF || n->kind == YANG_LEAF_LIST)) {
		restconf_refuse(err, 404, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.8.1: %s: is not of that content", n->name);
		return NULL;
	}
	if (q->has & QUERY_FIELDS) {
		tree = yang_fields(n, q->fields, err);
		if (!tree)
			return NULL;
	}
	shown = show(&v, n, data, tree, 1);
	json_decref(tree);
	return shown;
}
