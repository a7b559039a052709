/*
 * The `fields` query parameter (RFC 8040 4.8.3), read into a tree that follows the schema.
 */
#include <string.h>

#include "wire/yang_engine.h"

struct reading {
	const char *at;
	struct restconf_error *err;
};

static bool
refuse(struct reading *r, const char *why)
{
	return restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
		"RFC 8040 4.8.3: query fields: %s at \"%.40s\"", why, r->at);
}

/* The child of "[module:]name" at the beginning of the text; NULL with an error. */
static const struct yang_node *
read_name(struct reading *r, const struct yang_node *n)
{
	char whole[2 * YANG_NAME_MAX], module[YANG_NAME_MAX];
	const char *ret_module, *name;
	const struct yang_node *child = NULL;
	size_t len = strcspn(r->at, "/();");

	if (len < sizeof(whole)) {
		memcpy(whole, r->at, len);
		whole[len] = '\0';
		yang_split(whole, module, &ret_module, &name);
		child = yang_child(n, ret_module, name);
	}
	if (!child)
		refuse(r, "there is no such node");
	else
		r->at += len;
	return child;
}

/* The subtree for a child; what is selected as a whole stays so. */
static json_t *
descend(const struct yang_node *parent, const struct yang_node *n, json_t *tree)
{
	char buf[YANG_NAME_MAX];
	const char *member = yang_member(parent, n, buf);

	if (!json_object_get(tree, member))
		json_object_set_new(tree, member, json_object());
	return json_object_get(tree, member);
}

static bool read_list(struct reading *r, const struct yang_node *n, json_t *tree);

/* path ["(" fields-expr ")"] */
static bool
read_path(struct reading *r, const struct yang_node *n, json_t *tree)
{
	const struct yang_node *parent = n, *child;
	json_t *above = tree;
	char buf[YANG_NAME_MAX];

	while ((child = read_name(r, parent)) && *r->at == '/') {
		r->at++;
		above = descend(parent, child, above);
		parent = child;
	}
	if (!child)
		return false;
	if (*r->at != '(') {
		/* Below what is selected already, nothing is left to select. */
		if (json_is_object(above))
			json_object_set_new(above, yang_member(parent, child, buf), json_true());
		return true;
	}
	r->at++;
	if (!read_list(r, child, descend(parent, child, above)))
		return false;
	if (*r->at != ')')
		return refuse(r, "a bracket is not closed");
	r->at++;
	return true;
}

/* The recursion is bounded by the depth of the schema. */
static bool
read_list(struct reading *r, const struct yang_node *n, json_t *tree)
{
	for (;;) {
		if (!read_path(r, n, tree))
			return false;
		if (*r->at != ';')
			return true;
		r->at++;
	}
}

json_t *
yang_fields(const struct yang_node *n, const char *fields, struct restconf_error *err)
{
	struct reading r = {.at = fields, .err = err};
	json_t *tree = json_object();

	if (read_list(&r, n, tree) && (!*r.at || refuse(&r, "the end is expected")))
		return tree;
	json_decref(tree);
	return NULL;
}
