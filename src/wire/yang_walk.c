/*
 * Where a walk through an instance stands, for errors: the field in the text, and the path as
 * instance-identifier (RFC 7951 6.11).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/yang_engine.h"

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
