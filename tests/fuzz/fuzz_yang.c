/*
 * Data of the data channel: requests, each a line "METHOD TARGET" and, but for GET and DELETE, a
 * line with its body. An edit that fails changes nothing; what one leaves is valid, in normal form,
 * and shown as a GET it is the same again.
 *
 * Covers: wire/data.c wire/data_state.c wire/text.c wire/yang.c wire/yang_body.c wire/yang_check.c
 * Covers: wire/yang_edit.c wire/yang_fields.c wire/yang_find.c wire/yang_merge.c wire/yang_type.c
 * Covers: wire/yang_view.c wire/yang_walk.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/data.h"

enum { REQUESTS_MAX = 12 };
static const char root[] = "/restconf";

struct request {
	struct arena *arena;
	const char *method;
	struct restconf_path path;
	struct restconf_query query;
};

static void
expect_error(struct restconf_error *e, const struct request *r)
{
	json_t *body;
	char *text;

	assert(e->status >= 400 && e->status < 500 && !strncmp(e->why, "RFC ", 4));
	assert(!e->path[0] || e->path[0] == '/' || e->path[0] == '[');
	yang_error_at(e, &data_root, &r->path, r->path.n);
	body = restconf_error_body(e, NULL);
	text = json_dumps(body, 0);
	assert(text);
	free(text);
	json_decref(body);
}

/* To the same text: members are in the order of the tables. */
static void
expect_same(const json_t *a, const json_t *b)
{
	char *x = json_dumps(a, 0), *y = json_dumps(b, 0);

	assert(x && y && !strcmp(x, y));
	free(x);
	free(y);
}

static void
add_state(json_t *list)
{
	json_t *entry;
	size_t i, k;

	json_array_foreach(list, i, entry) {
		json_t *aces = json_object_get(json_object_get(entry, "aces"), "ace"), *ace;

		json_object_set_new(entry, "pending-lifetime", json_integer(10080));
		json_array_foreach(aces, k, ace)
			json_object_set_new(
				ace, "statistics", json_pack("{s:s}", "matched-octets", "9"));
	}
}

/* The same with what the server adds to it. */
static json_t *
with_state(const json_t *data)
{
	json_t *all = json_deep_copy(data), *client;
	json_t *dots_data = json_object_get(all, "ietf-dots-data-channel:dots-data");
	size_t i;

	json_array_foreach(json_object_get(dots_data, "dots-client"), i, client) {
		add_state(json_object_get(json_object_get(client, "aliases"), "alias"));
		add_state(json_object_get(json_object_get(client, "acls"), "acl"));
	}
	json_object_set_new(all, "ietf-yang-library:modules-state", data_modules_state());
	json_object_set_new(all, "ietf-restconf-monitoring:restconf-state", data_restconf_state());
	return all;
}

static json_t *
view(json_t *data, enum restconf_content content, enum restconf_defaults defaults)
{
	struct restconf_query q = {.fields = "", .content = content, .defaults = defaults};
	struct restconf_error err;
	json_t *shown = yang_view(&data_root, data, &q, &err);

	assert(shown);
	return shown;
}

static void
expect_valid(json_t *data)
{
	json_t *all = with_state(data), *again = json_deep_copy(data);
	json_t *config = view(all, CONTENT_CONFIG, DEFAULTS_EXPLICIT);
	json_t *full = view(all, CONTENT_CONFIG, DEFAULTS_REPORT_ALL);
	json_t *trimmed = view(full, CONTENT_CONFIG, DEFAULTS_TRIM);
	json_t *trimmed_at_once = view(data, CONTENT_CONFIG, DEFAULTS_TRIM);
	struct restconf_error err;

	assert(yang_check(&data_root, again, &err));
	expect_same(data, again);
	expect_same(data, config);
	assert(yang_check(&data_root, full, &err));
	assert(json_equal(trimmed, trimmed_at_once));
	json_decref(trimmed_at_once);
	json_decref(trimmed);
	json_decref(full);
	json_decref(config);
	json_decref(again);
	json_decref(all);
}

static void
show(const json_t *data, const struct request *r)
{
	json_t *all = with_state(data), *value = NULL;
	struct restconf_error err;
	struct yang_place place;

	if (!yang_find(&data_root, all, &r->path, 0, &place, &err)) {
		expect_error(&err, r);
	} else if (!place.data) {
		value = yang_default(&place);
	} else {
		value = yang_view(place.node, place.data, &r->query, &err);
		if (!value)
			expect_error(&err, r);
	}
	if (value)
		value = yang_envelope(place.parent ? place.parent : place.node, place.node, value);
	json_decref(value);
	json_decref(all);
}

/* Where a Location leads, something stands, but for containers, which may be empty. */
static void
expect_located(json_t *data, const struct request *r, json_t *body)
{
	struct restconf_error err;
	struct restconf_path p = r->path;
	struct yang_place place;
	const struct yang_node *child;

	assert(yang_find(&data_root, data, &p, 0, &place, &err));
	child = yang_body_child(place.node, body, r->arena, &p.segments[p.n++], &err);
	assert(child);
	assert(yang_find(&data_root, data, &p, 0, &place, &err) && place.node == child);
	assert(place.data || child->kind == YANG_CONTAINER);
}

static void
edit(json_t *data, const struct request *r, enum yang_method method, const char *text)
{
	json_t *before = json_deep_copy(data), *body = NULL;
	struct restconf_error err = {0};
	bool created = false, fine = true;

	if (method != YANG_DELETE) {
		body = yang_parse(text, strlen(text), &err);
		fine = body != NULL;
	}
	fine = fine &&
	       yang_edit(&data_root, data, &r->path, 0, method, body, &r->query, &created, &err);
	if (fine) {
		expect_valid(data);
		if (method == YANG_POST)
			expect_located(data, r, body);
	} else {
		expect_error(&err, r);
		expect_same(data, before);
	}
	json_decref(before);
	json_decref(body);
}

/* As the server reads what it keeps by itself: one entry, with or without its container. */
static void
read_entry(const struct request *r, const char *text)
{
	static const struct yang_node *const *const lists[][2] = {{&data_dots_data, &data_client},
		{&data_aliases, &data_alias}, {&data_acls, &data_acl}};
	struct restconf_error err;

	for (size_t i = 0; i < 3; i++) {
		json_t *body = yang_parse(text, strlen(text), &err), *entry = NULL;

		if (!body)
			return;
		if (yang_body(*lists[i][0], *lists[i][1], body, &entry, &err))
			assert(yang_check(*lists[i][1], entry, &err));
		else
			expect_error(&err, r);
		json_decref(entry);
		json_decref(body);
	}
}

static void
serve(json_t *data, struct request *r, char *target, char **rest)
{
	static const struct {
		const char *name;
		enum yang_method method;
	} methods[] = {{"POST", YANG_POST}, {"PUT", YANG_PUT}, {"PATCH", YANG_PATCH},
		{"DELETE", YANG_DELETE}};
	bool is_get = !strcmp(r->method, "GET");
	unsigned allowed = is_get ? QUERY_CONTENT | QUERY_DEPTH | QUERY_FIELDS | QUERY_DEFAULTS
				  : QUERY_INSERT | QUERY_POINT;
	char *queries = target, *path = strsep(&queries, "?"), *text;
	struct restconf_error err;

	if (!restconf_path_parse(r->arena, path, root, &r->path, &err) ||
		!restconf_query_parse(r->arena, queries, root, allowed, &r->query, &err))
		return;
	if (r->path.resource != RESTCONF_DATA)
		return;
	if (is_get)
		show(data, r);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, r->method) != 0)
			continue;
		text = methods[i].method == YANG_DELETE ? NULL : strsep(rest, "\n");
		edit(data, r, methods[i].method, text ? text : "");
		read_entry(r, text ? text : "");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *a = arena_new();
	char *rest = arena_text(a, (const char *)bytes, size), *line;
	json_t *data = json_object();

	for (int i = 0; i < REQUESTS_MAX && (line = strsep(&rest, "\n")); i++) {
		struct request r = {.arena = a, .method = strsep(&line, " ")};

		if (line)
			serve(data, &r, line, &rest);
	}
	json_decref(data);
	arena_free(a);
	return 0;
}
