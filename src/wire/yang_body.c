/*
 * Bodies of requests and answers: what is around a value (RFC 7951 4, 5.4; RFC 8783 7.2, 7.3).
 */
#include <stdio.h>
#include <string.h>

#include "wire/yang_engine.h"

/* The one member of a body, and what its name means. */
static json_t *
only_member(json_t *body, const char **ret_member, struct restconf_error *err)
{
	void *iter = json_object_iter(body);

	if (!json_is_object(body) || json_object_size(body) != 1) {
		restconf_refuse(err, 400,
			json_object_size(body) ? RESTCONF_INVALID_VALUE
					       : RESTCONF_MISSING_ATTRIBUTE,
			"RFC 8040 4.4.1: body: expected an object with one member");
		return NULL;
	}
	*ret_member = json_object_iter_key(iter);
	return json_object_iter_value(iter);
}

/* Top members say their module (RFC 7951 4). */
static bool
refuse_member(const struct yang_node *about, const char *member, struct restconf_error *err)
{
	char buf[YANG_NAME_MAX];
	const char *module, *name;

	yang_split(member, buf, &module, &name);
	if (!module)
		return restconf_refuse(err, 400, RESTCONF_UNKNOWN_ELEMENT,
			"RFC 7951 4: %.80s: has no module in front of its name", member);
	return restconf_refuse(err, 400,
		strcmp(module, about->module) ? RESTCONF_UNKNOWN_NAMESPACE
					      : RESTCONF_UNKNOWN_ELEMENT,
		"RFC 8783 6.1: %.80s: is no member that is expected here", member);
}

static bool
is_named(const char *member, const struct yang_node *n)
{
	char buf[YANG_NAME_MAX];
	const char *module, *name;

	yang_split(member, buf, &module, &name);
	return module && !strcmp(module, n->module) && !strcmp(name, n->name);
}

/* An entry is an array of one (RFC 7951 5.4), and one request is about one (RFC 8040 4.4.1). */
static bool
only_entry(const struct yang_node *n, json_t *value, json_t **ret, struct restconf_error *err)
{
	*ret = value;
	if (n->kind != YANG_LIST && n->kind != YANG_LEAF_LIST)
		return true;
	*ret = json_array_get(value, 0);
	return json_array_size(value) == 1 ||
	       restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8040 4.4.1: %s: expected an array of exactly one", n->name);
}

bool
yang_extract(const struct yang_node *parent, const struct yang_node *n, json_t *body, json_t **ret,
	struct restconf_error *err)
{
	const char *member;
	json_t *value = only_member(body, &member, err);

	if (!value)
		return false;
	if (is_named(member, n))
		return only_entry(n, value, ret, err);
	if (!parent || parent->kind != YANG_CONTAINER || n->kind != YANG_LIST ||
		!is_named(member, parent))
		return refuse_member(n, member, err);
	/* RFC 8783 figures 25, 36: the container around it. */
	value = json_object_size(value) == 1 ? json_object_get(value, n->name) : NULL;
	if (!value)
		return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8783 7.2: %s: expected %s in it and nothing else", parent->name,
			n->name);
	return only_entry(n, value, ret, err);
}

bool
yang_body(const struct yang_node *parent, const struct yang_node *n, json_t *body, json_t **ret,
	struct restconf_error *err)
{
	struct yang_walk w = {.root = parent, .err = err, .complete = true};
	bool in_list = n->kind == YANG_LIST || n->kind == YANG_LEAF_LIST;
	json_t *value = NULL;

	if (!yang_extract(parent, n, body, &value, err))
		return false;
	yang_enter(&w, n, value);
	w.frames[0].index = in_list ? 0 : SIZE_MAX;
	if (!yang_check_instance(&w, n, value))
		return false;
	*ret = json_incref(value);
	return true;
}

static bool
name_entry(const struct yang_node *n, json_t *entry, struct arena *a, struct restconf_segment *ret)
{
	json_t *keys[RESTCONF_KEYS_MAX] = {0};
	char buf[32];

	if (!yang_keys(n, entry, keys))
		return false;
	for (ret->n_keys = 0; ret->n_keys < RESTCONF_KEYS_MAX && keys[ret->n_keys]; ret->n_keys++) {
		const char *text = yang_text(keys[ret->n_keys], buf);

		ret->keys[ret->n_keys] = arena_text(a, text, strlen(text));
	}
	return true;
}

const struct yang_node *
yang_body_child(const struct yang_node *parent, json_t *body, struct arena *a,
	struct restconf_segment *ret, struct restconf_error *err)
{
	char buf[YANG_NAME_MAX];
	const char *member, *module, *name;
	const struct yang_node *n = NULL;
	json_t *value = only_member(body, &member, err);

	if (!value)
		return NULL;
	yang_split(member, buf, &module, &name);
	if (module)
		n = yang_child(parent, module, name);
	if (!n) {
		refuse_member(parent, member, err);
		return NULL;
	}
	*ret = (struct restconf_segment){.name = n->name};
	if (strcmp(n->module, parent->module) != 0)
		ret->module = n->module;
	if (!only_entry(n, value, &value, err))
		return NULL;
	if ((n->kind == YANG_LIST || n->kind == YANG_LEAF_LIST) && !name_entry(n, value, a, ret)) {
		restconf_refuse(err, 400, RESTCONF_MISSING_ATTRIBUTE,
			"RFC 7950 7.8.2: %s: a key is missing", n->name);
		return NULL;
	}
	return n;
}

json_t *
yang_envelope(const struct yang_node *parent, const struct yang_node *n, json_t *value)
{
	bool is_entry =
		(n->kind == YANG_LIST || n->kind == YANG_LEAF_LIST) && !json_is_array(value);
	bool wrapped = is_entry && n->kind == YANG_LIST && parent && parent->kind == YANG_CONTAINER;
	const struct yang_node *top = wrapped ? parent : n;
	char member[YANG_NAME_MAX];

	if (is_entry)
		value = json_pack("[o]", value);
	if (wrapped)
		value = json_pack("{s:o}", n->name, value);
	snprintf(member, sizeof(member), "%s:%s", top->module, top->name);
	return json_pack("{s:o}", member, value);
}
