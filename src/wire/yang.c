/*
 * YANG data in JSON: names of members (RFC 7951 4), and texts.
 */
#include <stdio.h>
#include <string.h>

#include "wire/yang_engine.h"

enum { NESTED_MAX = 32 };

/* ---- names ---- */

const struct yang_node *
yang_child(const struct yang_node *n, const char *module, const char *name)
{
	const char *wanted = module ? module : n->module;

	for (size_t i = 0; i < n->n_children; i++)
		if (!strcmp(n->children[i].name, name) && !strcmp(n->children[i].module, wanted))
			return &n->children[i];
	return NULL;
}

const char *
yang_member(
	const struct yang_node *parent, const struct yang_node *n, char buf[static YANG_NAME_MAX])
{
	if (!strcmp(parent->module, n->module))
		return n->name;
	snprintf(buf, YANG_NAME_MAX, "%s:%s", n->module, n->name);
	return buf;
}

json_t *
yang_get(const struct yang_node *parent, const struct yang_node *n, const json_t *data)
{
	char member[YANG_NAME_MAX];

	return json_object_get(data, yang_member(parent, n, member));
}

void
yang_split(const char *member, char module[static YANG_NAME_MAX], const char **ret_module,
	const char **ret_name)
{
	const char *colon = strchr(member, ':');

	*ret_module = colon ? module : NULL;
	*ret_name = colon ? colon + 1 : member;
	/* Cut, it is the name of no module, either. */
	if (colon)
		snprintf(module, YANG_NAME_MAX, "%.*s", (int)(colon - member), member);
}

bool
yang_has_key(const struct yang_node *list, const char *name)
{
	for (size_t i = 0; list->kind == YANG_LIST && list->keys[i]; i++)
		if (!strcmp(list->keys[i], name))
			return true;
	return false;
}

/* ---- texts ---- */

/* The parser's own limit is higher, and it recurses. */
static bool
is_nested_too_deep(const char *text, size_t len)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!in_string && depth && (text[i] == '}' || text[i] == ']'))
			depth--;
		if (depth > NESTED_MAX)
			return true;
	}
	return false;
}

json_t *
yang_parse(const char *text, size_t len, struct restconf_error *err)
{
	json_error_t je;
	json_t *j;

	if (!len) {
		restconf_refuse(err, 400, RESTCONF_INVALID_VALUE, "RFC 8040 4.5: body: is missing");
		return NULL;
	}
	if (is_nested_too_deep(text, len)) {
		restconf_refuse(err, 400, RESTCONF_MALFORMED_MESSAGE,
			"RFC 8259 9: body: more than %d levels", NESTED_MAX);
		return NULL;
	}
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!j)
		restconf_refuse(err, 400, RESTCONF_MALFORMED_MESSAGE,
			"RFC 8259 2: body: line %d: %s", je.line, je.text);
	return j;
}
