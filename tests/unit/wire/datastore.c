/*
 * The data of the data channel without anybody to own it, for tests in Python: requests in, answers
 * out. No clients, no policies, no packet filter: only what paths, queries, bodies and modules say.
 *
 *	datastore <REQUESTS	a JSON array of {"method", "path", "body"}; "body" may be text, too.
 *				Prints an array of {"status", "body", "location"}.
 *	datastore --tree	every node as "PATH KIND ACCESS MANDATORY", where MANDATORY is 1 or
 *0.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/data.h"

static const char root[] = "/restconf";

static const struct {
	const char *name;
	enum yang_method method;
} methods[] = {
	{"POST", YANG_POST}, {"PUT", YANG_PUT}, {"PATCH", YANG_PATCH}, {"DELETE", YANG_DELETE}};
enum { N_METHODS = sizeof(methods) / sizeof(methods[0]) };

struct request {
	struct arena *arena;
	const char *method;
	json_t *body; /* owned */
	struct restconf_path path;
	struct restconf_query query;
};

static bool
get(json_t *data, const struct request *r, json_t **ret, struct restconf_error *err)
{
	struct yang_place place;
	json_t *value;

	if (!yang_find(&data_root, data, &r->path, 0, &place, err))
		return false;
	value = place.data ? yang_view(place.node, place.data, &r->query, err)
			   : yang_default(&place);
	if (!value && !place.data)
		restconf_refuse(err, 404, RESTCONF_INVALID_VALUE, "RFC 8040 4.3: %s: is not there",
			place.node->name);
	if (!value) {
		yang_error_at(err, &data_root, &r->path, r->path.n);
		return false;
	}
	*ret = yang_envelope(place.parent ? place.parent : place.node, place.node, value);
	return true;
}

static bool
edit(json_t *data, struct request *r, unsigned *ret_status, struct restconf_error *err)
{
	size_t i = 0;
	bool created;

	while (i < N_METHODS && strcmp(methods[i].name, r->method) != 0)
		i++;
	assert(i < N_METHODS);
	if (methods[i].method != YANG_DELETE && !r->body)
		return restconf_refuse(
			err, 400, RESTCONF_INVALID_VALUE, "RFC 8040 4.5: body: is missing");
	if (!yang_edit(&data_root, data, &r->path, 0, methods[i].method, r->body, &r->query,
		    &created, err))
		return false;
	*ret_status = created ? 201 : 204;
	return true;
}

/* What a POST to an entry or container made, for Location. */
static char *
location(struct request *r)
{
	const struct yang_node *n = &data_root;
	struct restconf_error err;
	struct restconf_path p = r->path;

	for (size_t i = 0; i < p.n; i++)
		n = yang_child(n, p.segments[i].module, p.segments[i].name);
	if (!strcmp(r->method, "POST"))
		assert(yang_body_child(n, r->body, r->arena, &p.segments[p.n++], &err));
	return restconf_path_format(&p, root);
}

static json_t *
answer(json_t *data, struct request *r, const char *target)
{
	const char *question = strchr(target, '?');
	const char *path = arena_text(
		r->arena, target, question ? (size_t)(question - target) : strlen(target));
	unsigned allowed = QUERY_INSERT | QUERY_POINT, status = 200;
	struct restconf_error err = {0};
	bool is_get = !strcmp(r->method, "GET"), fine;
	json_t *a = json_object(), *shown = NULL;

	if (is_get)
		allowed = QUERY_CONTENT | QUERY_DEPTH | QUERY_FIELDS | QUERY_DEFAULTS;
	fine = restconf_path_parse(r->arena, path, root, &r->path, &err) &&
	       restconf_query_parse(
		       r->arena, question ? question + 1 : NULL, root, allowed, &r->query, &err);
	if (fine)
		fine = is_get ? get(data, r, &shown, &err) : edit(data, r, &status, &err);
	if (!fine)
		shown = restconf_error_body(&err, NULL);
	json_object_set_new(a, "status", json_integer(fine ? status : err.status));
	if (shown)
		json_object_set_new(a, "body", shown);
	if (fine && status == 201) {
		char *text = location(r);

		json_object_set_new(a, "location", json_string(text));
		free(text);
	}
	return a;
}

/* 0, or the error of a text that is none. */
static json_t *
serve(json_t *data, json_t *request)
{
	struct request r = {.arena = arena_new(),
		.method = json_string_value(json_object_get(request, "method"))};
	json_t *body = json_object_get(request, "body"), *a = NULL;
	struct restconf_error err;

	if (json_is_string(body)) {
		r.body = yang_parse(json_string_value(body), json_string_length(body), &err);
		if (!r.body)
			a = json_pack("{s:i, s:o}", "status", (int)err.status, "body",
				restconf_error_body(&err, NULL));
	} else if (body) {
		r.body = json_deep_copy(body);
	}
	if (!a)
		a = answer(data, &r, json_string_value(json_object_get(request, "path")));
	json_decref(r.body);
	arena_free(r.arena);
	return a;
}

static void
print_tree(const struct yang_node *n, const char *path, bool is_state)
{
	static const char *const kinds[] = {"container", "list", "leaf", "leaf-list"};

	for (size_t i = 0; i < n->n_children; i++) {
		const struct yang_node *child = &n->children[i];
		bool state = is_state || child->flags & YANG_STATE;
		char *below = mem_printf("%s/%s", path, child->name);

		printf("%s %s %s %d\n", below, kinds[child->kind], state ? "ro" : "rw",
			(child->flags & YANG_MANDATORY) != 0);
		print_tree(child, below, state);
		free(below);
	}
}

int
main(int argc, char **argv)
{
	json_t *data = json_object(), *requests, *answers = json_array(), *request;
	size_t i;

	if (argc > 1 && !strcmp(argv[1], "--tree")) {
		print_tree(&data_root, "", false);
	} else {
		requests = json_loadf(stdin, 0, NULL);
		assert(json_is_array(requests));
		json_array_foreach(requests, i, request)
			json_array_append_new(answers, serve(data, request));
		json_dumpf(answers, stdout, 0);
		json_decref(requests);
	}
	json_decref(answers);
	json_decref(data);
	return 0;
}
