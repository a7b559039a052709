/*
 * Checks instances against the tables and brings them into their normal form.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/yang_engine.h"

enum { CHOICES_MAX = 8, ITEMS_MAX = 256 };

/* ---- members ---- */

static bool
is_foreign(const struct yang_node *n, const char *module, const char *name)
{
	/* Annotations (RFC 7952 5.2) are of modules that we do not know, too. */
	return name[0] == '@' || (module && (module[0] == '@' || strcmp(module, n->module) != 0));
}

/* One member of an object: into `fresh` under its plain name, or nowhere. */
static bool
gather_one(struct yang_walk *w, const struct yang_node *n, const char *member, json_t *value,
	json_t *fresh)
{
	char buf[YANG_NAME_MAX];
	const char *module, *name;
	const struct yang_node *child;

	yang_split(member, buf, &module, &name);
	child = yang_child(n, module, name);
	if (!child && is_foreign(n, module, name))
		return true;
	if (!child)
		return yang_refuse(w, 400, RESTCONF_UNKNOWN_ELEMENT, "RFC 8783 6.1",
			"%.80s is no member of it", member);
	if (child->flags & YANG_STATE)
		return yang_refuse(w, 400, RESTCONF_UNKNOWN_ELEMENT, "RFC 8783 4.3",
			"%s is state, which cannot be set", name);
	if (yang_get(n, child, fresh))
		return yang_refuse(w, 400, RESTCONF_MALFORMED_MESSAGE, "RFC 7951 4",
			"%s is there with and without its module", name);
	json_object_set(fresh, yang_member(n, child, buf), value);
	return true;
}

/* Members under their plain names, in the order of the table. */
static bool
gather(struct yang_walk *w, const struct yang_node *n, json_t *object)
{
	json_t *fresh = json_object(), *value;
	const char *member;
	char buf[YANG_NAME_MAX];
	bool fine = true;

	json_object_foreach(object, member, value) {
		fine = gather_one(w, n, member, value, fresh);
		if (!fine)
			break;
	}
	if (fine)
		json_object_clear(object);
	for (size_t i = 0; fine && i < n->n_children; i++) {
		value = yang_get(n, &n->children[i], fresh);
		if (value)
			json_object_set(object, yang_member(n, &n->children[i], buf), value);
	}
	json_decref(fresh);
	return fine;
}

/* ---- rules of the language ---- */

/* RFC 7950 7.9. */
static bool
check_choices(struct yang_walk *w, const struct yang_node *n, const json_t *object)
{
	const struct yang_node *taken[CHOICES_MAX] = {0};

	for (size_t i = 0; i < n->n_children; i++) {
		const struct yang_node *child = &n->children[i], *other = taken[child->choice];

		if (!child->choice || !yang_get(n, child, object))
			continue;
		if (other && other->branch != child->branch)
			return yang_refuse(w, 400, RESTCONF_INVALID_VALUE, "RFC 7950 7.9",
				"%s and %s exclude each other", other->name, child->name);
		taken[child->choice] = child;
	}
	return true;
}

/* What is mandatory in a case is so when the case is there (RFC 7950 7.6.5). */
static bool
is_called_for(const struct yang_node *n, const struct yang_node *child, const json_t *object)
{
	if (!child->choice)
		return true;
	for (size_t i = 0; i < n->n_children; i++)
		if (n->children[i].choice == child->choice &&
			n->children[i].branch == child->branch &&
			yang_get(n, &n->children[i], object))
			return true;
	return false;
}

static bool
check_presence(struct yang_walk *w, const struct yang_node *n, const json_t *object)
{
	for (size_t i = 0; i < n->n_children; i++) {
		const struct yang_node *child = &n->children[i];
		bool is_key = yang_has_key(n, child->name);

		if (!is_key && !(w->complete && child->flags & YANG_MANDATORY))
			continue;
		if (!yang_get(n, child, object) && is_called_for(n, child, object))
			return yang_refuse(w, 400, RESTCONF_MISSING_ATTRIBUTE,
				is_key ? "RFC 7950 7.8.2" : "RFC 7950 7.6.5", "%s is missing",
				child->name);
	}
	return true;
}

static bool
is_empty(const json_t *value)
{
	return (json_is_object(value) && !json_object_size(value)) ||
	       (json_is_array(value) && !json_array_size(value));
}

static bool check_array(struct yang_walk *w, const struct yang_node *n, json_t *array);

static bool
check_child(struct yang_walk *w, const struct yang_node *n, json_t *value)
{
	bool many = n->kind == YANG_LIST || n->kind == YANG_LEAF_LIST;
	bool fine;

	yang_enter(w, n, value);
	fine = many ? check_array(w, n, value) : yang_check_instance(w, n, value);
	if (fine)
		yang_leave(w);
	return fine;
}

static bool
check_object(struct yang_walk *w, const struct yang_node *n, json_t *object)
{
	char buf[YANG_NAME_MAX];

	if (!json_is_object(object))
		return yang_refuse(
			w, 400, RESTCONF_INVALID_VALUE, "RFC 7951 5", "expected an object");
	if (!gather(w, n, object) || !check_choices(w, n, object))
		return false;
	for (size_t i = 0; i < n->n_children; i++) {
		const struct yang_node *child = &n->children[i];
		json_t *value = yang_get(n, child, object);

		if (value && !check_child(w, child, value))
			return false;
	}
	if (!check_presence(w, n, object))
		return false;
	for (size_t i = 0; w->complete && i < n->n_children; i++)
		if (is_empty(yang_get(n, &n->children[i], object)))
			json_object_del(object, yang_member(n, &n->children[i], buf));
	if (!w->complete || !n->check || n->check(object, w->err))
		return true;
	return yang_fail_here(w);
}

/* ---- several of a kind ---- */

bool
yang_keys(const struct yang_node *n, json_t *entry, json_t *ret[static RESTCONF_KEYS_MAX])
{
	for (size_t i = 0; i < RESTCONF_KEYS_MAX; i++)
		ret[i] = NULL;
	if (n->kind == YANG_LEAF_LIST) {
		ret[0] = entry;
		return entry != NULL;
	}
	for (size_t i = 0; n->keys[i]; i++) {
		ret[i] = json_object_get(entry, n->keys[i]);
		if (!ret[i])
			return false;
	}
	return true;
}

char *
yang_key_text(const struct yang_node *n, json_t *entry)
{
	json_t *keys[RESTCONF_KEYS_MAX], *names;
	char *text;

	if (!yang_keys(n, entry, keys))
		return NULL;
	names = json_array();
	for (size_t i = 0; i < RESTCONF_KEYS_MAX && keys[i]; i++)
		json_array_append(names, keys[i]);
	text = json_dumps(names, JSON_COMPACT);
	json_decref(names);
	return text;
}

static bool
claim(const struct yang_node *n, json_t *entry, json_t *seen)
{
	char *text = yang_key_text(n, entry);
	bool is_new = !text || !json_object_get(seen, text);

	if (text)
		json_object_set_new(seen, text, json_true());
	free(text);
	return is_new;
}

static bool
check_entry(struct yang_walk *w, const struct yang_node *n, json_t *entry, size_t i, json_t *seen)
{
	struct yang_frame *f = &w->frames[w->depth - 1];

	f->value = entry;
	f->index = i;
	if (!yang_check_instance(w, n, entry))
		return false;
	/* RFC 7950 7.7, 7.8.2 */
	return claim(n, entry, seen) ||
	       yang_refuse(w, 400, RESTCONF_INVALID_VALUE,
		       n->kind == YANG_LIST ? "RFC 7950 7.8.2" : "RFC 7950 7.7", "is there twice");
}

static bool
check_array(struct yang_walk *w, const struct yang_node *n, json_t *array)
{
	size_t max = n->max_items ? n->max_items : ITEMS_MAX, i;
	json_t *seen, *entry;
	bool fine = true;

	if (!json_is_array(array))
		return yang_refuse(
			w, 400, RESTCONF_INVALID_VALUE, "RFC 7951 5.4", "expected an array");
	if (json_array_size(array) > max)
		return yang_refuse(
			w, 413, RESTCONF_TOO_BIG, "RFC 8040 12", "more than %zu entries", max);
	seen = json_object();
	json_array_foreach(array, i, entry) {
		fine = check_entry(w, n, entry, i, seen);
		if (!fine)
			break;
	}
	json_decref(seen);
	return fine;
}

bool
yang_check_instance(struct yang_walk *w, const struct yang_node *n, json_t *value)
{
	if (n->kind == YANG_CONTAINER || n->kind == YANG_LIST)
		return check_object(w, n, value);
	return yang_value(w, n->type, value);
}

bool
yang_check(const struct yang_node *n, json_t *data, struct restconf_error *err)
{
	struct yang_walk w = {.root = n, .err = err, .complete = true};
	bool many = n->kind == YANG_LIST || n->kind == YANG_LEAF_LIST;

	if (!many || !json_is_array(data))
		return yang_check_instance(&w, n, data);
	yang_enter(&w, n, data);
	return check_array(&w, n, data);
}
