/*
 * YANG data in JSON: names of members (RFC 7951 4), texts, bodies, and where a walk through an
 * instance stands, for errors (RFC 7951 6.11).
 */
#include <stdarg.h>
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

/* ---- where a walk stands ---- */

void
yang_enter(struct yang_walk *w, const struct yang_node *node, const json_t *value)
{
	w->frames[w->depth++] =
		(struct yang_frame){.node = node, .value = value, .index = SIZE_MAX};
}

void
yang_leave(struct yang_walk *w)
{
	w->depth--;
}

/* Appends in whole; false: there is no room. */
__attribute__((format(printf, 3, 4))) static bool
append(char *to, size_t cap, const char *fmt, ...)
{
	size_t at = strlen(to);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to + at, cap - at, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < cap - at)
		return true;
	to[at] = '\0';
	return false;
}

/* "[name='y']" or "[.='y']". There are no escapes in it: what has both quotes cannot be said. */
static bool
append_predicate(char *to, size_t cap, const char *key, const json_t *value)
{
	char buf[32];
	const char *text, *quote;

	if (!json_is_string(value) && !json_is_integer(value))
		return false;
	text = yang_text(value, buf);
	quote = strchr(text, '\'') ? "\"" : "'";
	if (*quote == '"' && strchr(text, '"'))
		return false;
	return append(to, cap, "[%s=%s%s%s]", key, quote, text, quote);
}

static bool
append_keys(char *to, size_t cap, const struct yang_node *n, const json_t *value)
{
	size_t at = strlen(to);

	if (n->kind == YANG_LEAF_LIST)
		return append_predicate(to, cap, ".", value);
	for (size_t i = 0; n->keys[i]; i++)
		if (!append_predicate(to, cap, n->keys[i], json_object_get(value, n->keys[i]))) {
			to[at] = '\0';
			return false;
		}
	return true;
}

static bool
append_name(char *to, size_t cap, const struct yang_node *parent, const struct yang_node *n)
{
	char member[YANG_NAME_MAX];

	return append(to, cap, "/%s", yang_member(parent, n, member));
}

/* As far as it fits, so that it leads to an ancestor at least. */
static void
write_path(const struct yang_walk *w, char ret[static RESTCONF_PATH_MAX])
{
	const struct yang_node *parent = w->root;

	ret[0] = '\0';
	for (size_t i = 0; i < w->depth; i++) {
		const struct yang_frame *f = &w->frames[i];

		/* The list that the walk began with has been named by whoever called. */
		if (f->node != w->root && !append_name(ret, RESTCONF_PATH_MAX, parent, f->node))
			return;
		if (f->index != SIZE_MAX &&
			!append_keys(ret, RESTCONF_PATH_MAX, f->node, f->value) &&
			!append(ret, RESTCONF_PATH_MAX, "[%zu]", f->index + 1))
			return;
		parent = f->node;
	}
}

/* "aces.ace[0].name", for the text. */
static void
write_field(const struct yang_walk *w, char *ret, size_t cap)
{
	ret[0] = '\0';
	for (size_t i = 0; i < w->depth; i++) {
		append(ret, cap, "%s%s", i ? "." : "", w->frames[i].node->name);
		if (w->frames[i].index != SIZE_MAX)
			append(ret, cap, "[%zu]", w->frames[i].index);
	}
	if (!w->depth)
		append(ret, cap, "%s", w->root->name);
}

bool
yang_fail_here(struct yang_walk *w)
{
	write_path(w, w->err->path);
	return false;
}

bool
yang_refuse(struct yang_walk *w, unsigned status, enum restconf_tag tag, const char *rfc,
	const char *fmt, ...)
{
	char field[YANG_NAME_MAX], why[RESTCONF_WHY_MAX];
	va_list ap;

	write_field(w, field, sizeof(field));
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	restconf_refuse(w->err, status, tag, "%s: %s: %s", rfc, field, why);
	return yang_fail_here(w);
}

void
yang_put_path(struct restconf_error *err, const char *path)
{
	char whole[RESTCONF_PATH_MAX];

	snprintf(whole, sizeof(whole), "%s", path);
	/* Cut where it does not fit: the place is near, and the text says the rest. */
	append(whole, sizeof(whole), "%s", err->path);
	memcpy(err->path, whole, sizeof(whole));
}

static bool
append_segment(char *to, const struct yang_node *n, const struct restconf_segment *s)
{
	size_t at = strlen(to);
	bool fits = true;

	for (size_t k = 0; fits && k < s->n_keys; k++) {
		json_t *value = json_string(s->keys[k]);
		const char *key = n->kind == YANG_LIST ? n->keys[k] : ".";

		fits = value && key && append_predicate(to, RESTCONF_PATH_MAX, key, value);
		json_decref(value);
	}
	if (!fits)
		to[at] = '\0';
	return fits;
}

void
yang_instance(const struct yang_node *n, const struct restconf_path *p, size_t from, size_t to,
	char ret[static RESTCONF_PATH_MAX])
{
	for (size_t i = from; i < to && i < p->n; i++) {
		const struct restconf_segment *s = &p->segments[i];
		const struct yang_node *child = yang_child(n, s->module, s->name);

		if (!child || !append_name(ret, RESTCONF_PATH_MAX, n, child) ||
			!append_segment(ret, child, s))
			return;
		n = child;
	}
}

void
yang_error_at(struct restconf_error *e, const struct yang_node *root, const struct restconf_path *p,
	size_t n)
{
	char path[RESTCONF_PATH_MAX] = "";

	yang_instance(root, p, 0, n, path);
	yang_put_path(e, path);
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

/* ---- bodies ---- */

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
	json_t *value;

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
	bool wrapped = is_entry && n->kind == YANG_LIST && parent;
	const struct yang_node *top = wrapped ? parent : n;
	char member[YANG_NAME_MAX];

	if (is_entry)
		value = json_pack("[o]", value);
	if (wrapped)
		value = json_pack("{s:o}", n->name, value);
	snprintf(member, sizeof(member), "%s:%s", top->module, top->name);
	return json_pack("{s:o}", member, value);
}
