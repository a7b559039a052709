/*
 * Where a path leads, in the schema and in the data (RFC 8040 3.5.3).
 */
#include <string.h>

#include "wire/yang_engine.h"

static bool
is_many(const struct yang_node *n)
{
	return n->kind == YANG_LIST || n->kind == YANG_LEAF_LIST;
}

void
yang_free_keys(json_t *keys[static RESTCONF_KEYS_MAX])
{
	for (size_t i = 0; i < RESTCONF_KEYS_MAX; i++)
		json_decref(keys[i]);
}

bool
yang_segment_keys(const struct yang_node *n, const struct restconf_segment *s,
	json_t *ret[static RESTCONF_KEYS_MAX])
{
	size_t wanted = n->kind == YANG_LEAF_LIST ? 1 : 0;

	for (size_t i = 0; i < RESTCONF_KEYS_MAX; i++)
		ret[i] = NULL;
	while (n->kind == YANG_LIST && n->keys[wanted])
		wanted++;
	if (s->n_keys != wanted)
		return false;
	for (size_t i = 0; i < wanted; i++) {
		const struct yang_node *leaf =
			n->kind == YANG_LIST ? yang_child(n, NULL, n->keys[i]) : n;

		ret[i] = yang_value_of(leaf->type, s->keys[i]);
		if (!ret[i]) {
			yang_free_keys(ret);
			return false;
		}
	}
	return true;
}

size_t
yang_index(const struct yang_node *n, const json_t *array, json_t *const *keys)
{
	json_t *entry, *theirs[RESTCONF_KEYS_MAX];
	size_t i;

	json_array_foreach(array, i, entry) {
		bool same = yang_keys(n, entry, theirs);

		for (size_t k = 0; same && k < RESTCONF_KEYS_MAX && keys[k]; k++)
			same = json_equal(keys[k], theirs[k]);
		if (same)
			return i;
	}
	return SIZE_MAX;
}

static bool
refuse(struct restconf_error *err, unsigned status, const char *name, const char *why)
{
	return restconf_refuse(
		err, status, RESTCONF_INVALID_VALUE, "RFC 8040 3.5.3: %.80s: %s", name, why);
}

/* From the array of a list or leaf-list to one of it. */
static bool
step_into_entry(
	struct yang_place *place, const struct restconf_segment *s, struct restconf_error *err)
{
	json_t *keys[RESTCONF_KEYS_MAX], *array = place->data;

	if (!yang_segment_keys(place->node, s, keys))
		return refuse(err, 400, s->name, "keys do not fit");
	place->is_entry = true;
	place->at = yang_index(place->node, array, keys);
	place->data = json_array_get(array, place->at); /* NULL for SIZE_MAX */
	yang_free_keys(keys);
	return true;
}

static bool
step(struct yang_place *place, const struct restconf_segment *s, bool is_last,
	struct restconf_error *err)
{
	const struct yang_node *n = place->node, *child;

	child = n->kind == YANG_CONTAINER || n->kind == YANG_LIST
			? yang_child(n, s->module, s->name)
			: NULL;
	if (!child)
		return refuse(err, 404, s->name, "there is no such node");
	*place = (struct yang_place){.parent = n,
		.node = child,
		.parent_data = place->data,
		.data = yang_get(n, child, place->data),
		.at = SIZE_MAX,
		.is_state = place->is_state || child->flags & YANG_STATE};
	if (!is_many(child))
		return !s->n_keys || refuse(err, 400, s->name, "has no keys");
	if (s->n_keys)
		return step_into_entry(place, s, err);
	return is_last || refuse(err, 400, s->name, "its keys are missing");
}

bool
yang_find(const struct yang_node *n, json_t *data, const struct restconf_path *p, size_t from,
	struct yang_place *ret, struct restconf_error *err)
{
	char path[RESTCONF_PATH_MAX] = "";

	*ret = (struct yang_place){.node = n,
		.data = data,
		.at = SIZE_MAX,
		.is_entry = n->kind == YANG_LIST && !json_is_array(data),
		.is_state = n->flags & YANG_STATE};
	for (size_t i = from; i < p->n; i++) {
		if (step(ret, &p->segments[i], i + 1 == p->n, err))
			continue;
		yang_instance(n, p, from, i + 1, path);
		yang_put_path(err, path);
		return false;
	}
	return true;
}
