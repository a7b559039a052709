/*
 * Where a request target of the data channel leads, and what may be done there (RFC 8040 3, 4).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"

enum { PATH_DEPTH = 5 }; /* dots-data, dots-client, aliases, alias: segments up to an entry, + 1 */

/* ---- RESTCONF itself (RFC 8040 3) ------------------------------------------------------------ */

static void
answer_host_meta(struct data_request *r)
{
	char *text = mem_printf("<?xml version='1.0' encoding='UTF-8'?>\n"
				"<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
				"  <Link rel='restconf' href='%s'/>\n</XRD>\n",
		r->server->setup.root);

	data_answer_text(r, "application/xrd+xml", text);
	free(text);
}

#define LIBRARY_VERSION "2016-06-21"

static void
answer_api(struct data_request *r)
{
	if (r->path.resource == RESTCONF_API)
		data_answer_json(r,
			json_pack("{s:{s:{}, s:{}, s:s}}", "ietf-restconf:restconf", "data",
				"operations", "yang-library-version", LIBRARY_VERSION),
			NULL);
	else if (r->path.resource == RESTCONF_OPERATIONS)
		data_answer_json(r, json_pack("{s:{}}", "ietf-restconf:operations"), NULL);
	else
		data_answer_json(r,
			json_pack("{s:s}", "ietf-restconf:yang-library-version", LIBRARY_VERSION),
			NULL);
}

/* ---- where a target leads -------------------------------------------------------------------- */

static bool
is_named(const struct restconf_segment *g, const char *name)
{
	return !strcmp(g->name, name) && (!g->module || !strcmp(g->module, DATA_MODULE));
}

static bool
is_dots_data(const struct restconf_segment *g)
{
	return !strcmp(g->name, "dots-data") && g->module && !strcmp(g->module, DATA_MODULE);
}

/* A registration of somebody else is none, for all that the asker learns. */
static void
find_client(struct data_request *r)
{
	struct data_server *s = r->server;
	struct data_client *dc = data_find(s->data, r->cuid);
	const struct client *owner = dc ? clients_named(s->setup.clients, dc->client) : NULL;

	if (owner && (owner == r->asker || (dc->cdid && r->asker->gateway))) {
		r->dc = dc;
		r->client = owner;
	}
}

static void
find_entry(struct data_request *r, const struct restconf_segment *g)
{
	r->node = r->kind == DATA_ALIAS ? data_alias : data_acl;
	r->from = 4;
	r->name = g->keys[0];
	r->place = r->name ? PLACE_ENTRY : PLACE_LIST;
	if (r->dc && r->name)
		r->entry = data_entry(r->dc, r->kind, r->name);
}

/* What else can be below {+restconf}/data, yang_find looks for. */
static void
find_place(struct data_request *r)
{
	const struct restconf_segment *g = r->path.segments;
	size_t n = r->path.n;

	r->place = PLACE_META;
	if (r->path.resource != RESTCONF_DATA)
		return;
	if (!n || !is_dots_data(&g[0])) {
		r->place = n ? PLACE_META : PLACE_STORE;
		return;
	}
	if (n > 1 && !is_named(&g[1], "dots-client"))
		return;
	r->from = n < PATH_DEPTH ? n : 4;
	r->place = n == 1 ? PLACE_DOTS_DATA : PLACE_CLIENTS;
	if (n == 1 || !g[1].n_keys)
		return;
	r->cuid = g[1].keys[0];
	r->place = PLACE_CLIENT;
	find_client(r);
	if (n == 2)
		return;
	r->kind = is_named(&g[2], "acls") ? DATA_ACL : DATA_ALIAS;
	r->place = PLACE_CONTAINER;
	if (n > 3)
		find_entry(r, &g[3]);
}

/* ---- the methods ----------------------------------------------------------------------------- */

struct method {
	const char *name;
	void (*serve)(struct data_request *r);
	unsigned query; /* parameters that make sense with it (RFC 8040 4.8) */
	bool body, edits;
};

static void
serve_get(struct data_request *r)
{
	if (r->path.resource == RESTCONF_HOST_META)
		answer_host_meta(r);
	else if (r->path.resource != RESTCONF_DATA)
		answer_api(r);
	else
		data_view(r);
}

static const struct method methods[] = {
	{"GET", serve_get, QUERY_CONTENT | QUERY_DEPTH | QUERY_FIELDS | QUERY_DEFAULTS, false,
		false},
	{"HEAD", serve_get, QUERY_CONTENT | QUERY_DEPTH | QUERY_FIELDS | QUERY_DEFAULTS, false,
		false},
	{"OPTIONS", data_answer_options, 0, false, false},
	{"POST", data_post, QUERY_INSERT | QUERY_POINT, true, true},
	{"PUT", data_put, QUERY_INSERT | QUERY_POINT, true, true},
	{"PATCH", data_patch, 0, true, true},
	{"DELETE", data_delete, 0, false, true},
};

static const struct method *
method_of(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

const char *const data_allowed[PLACES] = {
	[PLACE_META] = "GET, HEAD, OPTIONS",
	[PLACE_STORE] = "GET, HEAD, OPTIONS, POST, PUT, PATCH",
	[PLACE_DOTS_DATA] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
	[PLACE_CLIENTS] = "GET, HEAD, OPTIONS",
	[PLACE_CLIENT] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
	[PLACE_CONTAINER] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
	[PLACE_LIST] = "GET, HEAD, OPTIONS",
	[PLACE_ENTRY] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
};

static bool
is_allowed(const struct data_request *r)
{
	const char *at = strstr(data_allowed[r->place], r->http->method);

	return at && (at == data_allowed[r->place] || at[-1] == ' ');
}

static bool
check_types(struct data_request *r, const struct method *m)
{
	bool xrd = r->path.resource == RESTCONF_HOST_META;

	if (m->body && r->http->len && !restconf_media_is_json(https_header(r->ex, "Content-Type")))
		return restconf_refuse(&r->err, 415, RESTCONF_OPERATION_NOT_SUPPORTED,
			"RFC 8040 5.2: Content-Type is not " JSON_TYPE);
	if (!restconf_accepts(https_header(r->ex, "Accept"), xrd))
		return restconf_refuse(&r->err, 406, RESTCONF_INVALID_VALUE,
			"RFC 8040 5.2: Accept has no %s", xrd ? "application/xrd+xml" : JSON_TYPE);
	return true;
}

/* What an edit asks of what is there (RFC 8040 4.5-4.7), whatever is in it. */
static bool
check_place(struct data_request *r, const struct method *m)
{
	bool creates = r->place == PLACE_CLIENT && !strcmp(m->name, "PUT");
	bool creates_entry =
		r->place == PLACE_ENTRY && r->path.n == r->from && !strcmp(m->name, "PUT");

	if (!m->edits)
		return true;
	if (server_is_suspended(r->server->signal, r->asker->name))
		return restconf_refuse(&r->err, 403, RESTCONF_ACCESS_DENIED,
			"RFC 8783 10: client %.64s is suspended", r->asker->name);
	if (r->place < PLACE_CLIENT)
		return true;
	if (!r->dc && !creates)
		return restconf_refuse(&r->err, 404, RESTCONF_INVALID_VALUE,
			"RFC 8783 5.1: dots-client %.64s is not registered", r->cuid);
	if (r->place == PLACE_ENTRY && !r->entry && !creates_entry)
		return restconf_refuse(&r->err, 404, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.7: there is no such %s", data_kind_name(r->kind));
	/* RFC 8783 6.1, 7.2. */
	if (r->asker->gateway && r->dc && !r->dc->cdid &&
		(r->place > PLACE_CLIENT || m->serve == data_post || m->serve == data_patch))
		return restconf_refuse(&r->err, 403, RESTCONF_ACCESS_DENIED,
			"RFC 8783 6.1: no cdid is known of %.64s, it has to be registered with one",
			r->cuid);
	return true;
}

static bool
check_condition(struct data_request *r)
{
	struct data_version v;
	unsigned status = data_condition(r);

	if (status == 304 && data_version_of(r, &v)) {
		data_answer_unmodified(r, &v);
		return false;
	}
	if (status == 412) {
		restconf_refuse(&r->err, 412, RESTCONF_OPERATION_FAILED,
			"RFC 8040 3.4.1: the resource has changed");
		data_answer_error(r);
		return false;
	}
	return true;
}

static bool
check_rate(struct data_request *r)
{
	r->retry_after = rate_take(&r->tenant->requests, r->asker->limits.requests_per_second,
		loop_now(r->server->loop));
	return !r->retry_after || restconf_refuse(&r->err, 429, RESTCONF_OPERATION_FAILED,
					  "RFC 8783 10: more than %u requests a second",
					  r->asker->limits.requests_per_second);
}

static bool
check_request(struct data_request *r, const struct method **ret_method)
{
	const struct method *m = method_of(r->http->method);
	const char *root = r->server->setup.root;

	*ret_method = m;
	if (!check_rate(r))
		return false;
	if (!m)
		return restconf_refuse(&r->err, 501, RESTCONF_OPERATION_NOT_SUPPORTED,
			"RFC 8040 7: method %.32s is not known", r->http->method);
	if (!restconf_path_parse(r->arena, r->http->path, root, &r->path, &r->err))
		return false;
	find_place(r);
	if (!is_allowed(r))
		return restconf_refuse(&r->err, 405, RESTCONF_OPERATION_NOT_SUPPORTED,
			"RFC 8040 4: %s is not for this resource", m->name);
	return restconf_query_parse(r->arena, r->http->query, root, m->query, &r->query, &r->err) &&
	       check_types(r, m) && check_place(r, m);
}

void
data_route(struct data_request *r)
{
	const struct method *m;

	if (!check_request(r, &m))
		data_answer_error(r);
	else if (m->serve == data_answer_options || check_condition(r))
		m->serve(r);
}
