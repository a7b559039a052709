/*
 * Parts of an instance into the whole of it (RFC 8040 4.4.1, 4.6.1).
 */
#include <stdlib.h>

#include "wire/yang_engine.h"

/* Of a choice the new case takes the place of the others (RFC 7950 7.9). */
static void
drop_other_cases(const struct yang_node *parent, const struct yang_node *n, json_t *data)
{
	char buf[YANG_NAME_MAX];

	for (size_t i = 0; n->choice && i < parent->n_children; i++) {
		const struct yang_node *other = &parent->children[i];

		if (other->choice == n->choice && other->branch != n->branch)
			json_object_del(data, yang_member(parent, other, buf));
	}
}

void
yang_set(const struct yang_node *parent, const struct yang_node *n, json_t *data, json_t *value)
{
	char buf[YANG_NAME_MAX];

	drop_other_cases(parent, n, data);
	json_object_set(data, yang_member(parent, n, buf), value);
}

/* The member of an object; an empty one is made if there is none. */
json_t *
yang_make(const struct yang_node *parent, const struct yang_node *n, json_t *data)
{
	json_t *value = yang_get(parent, n, data);

	if (value)
		return value;
	value = n->kind == YANG_CONTAINER ? json_object() : json_array();
	yang_set(parent, n, data, value);
	json_decref(value);
	return yang_get(parent, n, data);
}

/* Where each entry of an array stands, by its keys. */
static json_t *
index_of(const struct yang_node *n, const json_t *array)
{
	json_t *places = json_object(), *entry;
	size_t i;

	json_array_foreach(array, i, entry) {
		char *text = yang_key_text(n, entry);

		json_object_set_new(places, text, json_integer((json_int_t)i));
		free(text);
	}
	return places;
}

static bool
merge_entries(struct yang_walk *w, const struct yang_node *n, json_t *array, json_t *entries,
	bool must_be_new)
{
	struct yang_frame *f = &w->frames[w->depth - 1];
	json_t *places = index_of(n, array), *entry;
	bool fine = true;

	json_array_foreach(entries, f->index, entry) {
		char *text = yang_key_text(n, entry);
		const json_t *at = json_object_get(places, text);

		free(text);
		f->value = entry;
		if (!at)
			json_array_append(array, entry);
		else if (must_be_new)
			fine = yang_refuse(w, 409, RESTCONF_RESOURCE_DENIED, "RFC 8040 4.4.1",
				"is there already");
		else if (n->kind == YANG_LIST)
			fine = yang_merge(w, n,
				json_array_get(array, (size_t)json_integer_value(at)), entry,
				false);
		if (!fine)
			break;
	}
	json_decref(places);
	return fine;
}

/* A part of an instance into the whole of it. */
bool
yang_merge(struct yang_walk *w, const struct yang_node *n, json_t *into, json_t *value,
	bool must_be_new)
{
	for (size_t i = 0; i < n->n_children; i++) {
		const struct yang_node *child = &n->children[i];
		json_t *new = yang_get(n, child, value), *old = yang_get(n, child, into);
		bool fine = true;

		if (!new)
			continue;
		yang_enter(w, child, new);
		if (child->kind == YANG_CONTAINER)
			fine = yang_merge(w, child, yang_make(n, child, into), new, must_be_new);
		else if (child->kind != YANG_LEAF)
			fine = merge_entries(w, child, yang_make(n, child, into), new, must_be_new);
		else if (must_be_new && old)
			fine = yang_refuse(w, 409, RESTCONF_RESOURCE_DENIED, "RFC 8040 4.4.1",
				"is there already");
		else
			yang_set(n, child, into, new);
		if (!fine)
			return false;
		yang_leave(w);
	}
	return true;
}
