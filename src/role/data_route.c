/*
 * Where a request target of the data channel leads, and what may be done there (RFC 8040 3, 4).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"
#include "wire/via.h"

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
answer_root(struct data_request *r)
{
	json_t *all = json_pack(
		"{s:{}, s:{}, s:s}", "data", "operations", "yang-library-version", LIBRARY_VERSION);
	json_t *seen = yang_view(&data_api, all, &r->query, &r->err);

	if (seen)
		data_answer_json(r, yang_envelope(NULL, &data_api, seen));
	else
		data_answer_error(r);
	json_decref(all);
}

static void
answer_api(struct data_request *r)
{
	if (r->path.resource == RESTCONF_API)
		answer_root(r);
	else if (r->path.resource == RESTCONF_OPERATIONS)
		data_answer_json(r, json_pack("{s:{}}", "ietf-restconf:operations"));
	else
		data_answer_json(r,
			json_pack("{s:s}", "ietf-restconf:yang-library-version", LIBRARY_VERSION));
}

/* ---- where a target leads -------------------------------------------------------------------- */

/* A registration of somebody else is none, for all that the asker learns. */
void
data_request_find(struct data_request *r)
{
	struct data_server *s = r->server;
	struct data_client *dc = r->cuid ? data_find(s->data, r->cuid) : NULL;
	const struct client *owner = dc ? clients_named(s->setup.clients, dc->client) : NULL;
	bool visible = owner && (owner == r->asker || (dc->cdid && r->asker->gateway));

	r->dc = visible ? dc : NULL;
	r->client = visible ? owner : r->asker;
	r->entry = visible && r->name ? data_entry(dc, r->kind, r->name) : NULL;
}

/* Below a dots-client: at says which container, and whether one of its entries. */
static void
find_below(struct data_request *r, const struct restconf_segment *g, size_t n)
{
	if (strcmp(g->name, data_aliases->name) != 0 && strcmp(g->name, data_acls->name) != 0) {
		r->place = PLACE_KEY;
		return;
	}
	r->kind = strcmp(g->name, data_acls->name) ? DATA_ALIAS : DATA_ACL;
	r->place = PLACE_CONTAINER;
	if (n == 1)
		return;
	r->name = g[1].keys[0];
	r->place = r->name ? PLACE_ENTRY : PLACE_LIST;
}

/* Of names that the module has at that place: yang_find has seen to it. */
static void
find_in_dots_data(struct data_request *r)
{
	const struct restconf_segment *g = r->path.segments;
	size_t n = r->path.n;

	r->place = PLACE_DOTS_DATA;
	if (n == 1)
		return;
	r->place = strcmp(g[1].name, data_client->name) ? PLACE_META : PLACE_CLIENTS;
	if (r->place == PLACE_META || !g[1].n_keys)
		return;
	r->cuid = g[1].keys[0];
	r->place = PLACE_CLIENT;
	if (n > 2)
		find_below(r, &g[2], n - 2);
	data_request_find(r);
}

/* Segments up to a place, what comes after is in an entry. */
enum { ENTRY_DEPTH = 4 }; /* dots-data, dots-client, aliases, alias */

/* False: there is nothing of that name. */
static bool
find_place(struct data_request *r)
{
	struct yang_place at;

	r->place = PLACE_META;
	if (r->path.resource != RESTCONF_DATA)
		return true;
	if (!yang_find(&data_root, NULL, &r->path, 0, &at, &r->err))
		return false;
	r->from = r->path.n < ENTRY_DEPTH ? r->path.n : ENTRY_DEPTH;
	if (!r->path.n)
		r->place = PLACE_STORE;
	else if (!strcmp(r->path.segments[0].name, data_dots_data->name))
		find_in_dots_data(r);
	return true;
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
	[PLACE_KEY] = "GET, HEAD, OPTIONS",
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

/* Of its parameters, those that make sense with this resource (RFC 8040 4.8.1-4.8.3, 4.8.9). */
static unsigned
query_of(const struct data_request *r, const struct method *m)
{
	switch (r->path.resource) {
	case RESTCONF_DATA:
		return m->query;
	case RESTCONF_API:
		return m->query & (QUERY_DEPTH | QUERY_FIELDS);
	default:
		return 0;
	}
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

bool
data_may_edit(struct data_request *r)
{
	return !server_is_suspended(r->server->signal, r->client->name) ||
	       restconf_refuse(&r->err, 403, RESTCONF_ACCESS_DENIED,
		       "RFC 8783 10: client %.64s is suspended", r->client->name);
}

/* Only ACLs, and what is in them, have an order (RFC 8040 4.8.5); of a POST to a dots-client its
 * body tells. A point is an ACL of the same list. */
static bool
check_order(struct data_request *r)
{
	const struct restconf_path *point = &r->query.point;
	bool ordered = r->kind == DATA_ACL &&
		       (r->place == PLACE_ENTRY ||
			       (r->place == PLACE_CONTAINER && !strcmp(r->http->method, "POST")));
	bool told = r->place == PLACE_CLIENT && !strcmp(r->http->method, "POST");

	if (!(r->query.has & (QUERY_INSERT | QUERY_POINT)))
		return true;
	if (!ordered && !told)
		return restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.8.5: insert is for acl and ace");
	if (!point->n || r->path.n > ENTRY_DEPTH)
		return true; /* of an ace yang_edit looks at it */
	return (point->n == ENTRY_DEPTH && !strcmp(point->segments[1].name, data_client->name) &&
		       point->segments[1].n_keys && !strcmp(point->segments[1].keys[0], r->cuid) &&
		       !strcmp(point->segments[3].name, data_acl->name) &&
		       point->segments[3].n_keys) ||
	       restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8040 4.8.6: point is no acl of this dots-client");
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
	if (!data_may_edit(r))
		return false;
	if (r->place < PLACE_CLIENT)
		return true;
	if (!r->dc && !creates)
		return restconf_refuse(&r->err, 404, RESTCONF_INVALID_VALUE,
			"RFC 8783 5.1: dots-client %.64s is not registered", r->cuid);
	if (r->place == PLACE_ENTRY && !r->entry && !creates_entry)
		return restconf_refuse(&r->err, 404, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.7: there is no such %s", data_entry_node(r->kind)->name);
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
	if (r->counted)
		return true;
	r->counted = true;
	r->retry_after = rate_take(&r->tenant->requests, r->asker->limits.requests_per_second,
		loop_now(r->server->loop));
	return !r->retry_after || restconf_refuse(&r->err, 429, RESTCONF_OPERATION_FAILED,
					  "RFC 8783 10: more than %u requests a second",
					  r->asker->limits.requests_per_second);
}

/* RFC 8783 3.4: it has been here. */
static bool
refuse_loop(struct data_request *r)
{
	const char *untold;

	if (event_quota_take(&r->tenant->loops, loop_now(r->server->loop), &untold))
		event_raise(EVENT_DATA_LOOP, EVENT_F("client", r->asker->name),
			EVENT_F("method", r->http->method), EVENT_F("path", r->http->path),
			EVENT_F("via", r->via), EVENT_F("section", "RFC 8783 3.4"),
			EVENT_F("untold", untold));
	restconf_refuse(&r->err, 508, RESTCONF_OPERATION_FAILED,
		"RFC 8783 3.4: Via: an infinite loop: the request has been here before");
	r->err.app_tag = "loop-detected";
	return false;
}

static bool
check_via(struct data_request *r)
{
	const struct data_server_setup *s = &r->server->setup;

	r->via = https_header(r->ex, "Via");
	if (r->via && via_has(r->via, s->own, s->n_own))
		return refuse_loop(r);
	return !r->via || via_is_sound(r->via) ||
	       restconf_refuse(&r->err, 431, RESTCONF_TOO_BIG,
		       "RFC 8783 3.4: Via: it is not a text of at most %d printable characters",
		       VIA_MAX);
}

static bool
check_request(struct data_request *r, const struct method **ret_method)
{
	const struct method *m = method_of(r->http->method);
	const char *root = r->server->setup.root;

	*ret_method = m;
	r->edits = m && m->edits;
	if (!check_rate(r) || !check_via(r))
		return false;
	if (!m)
		return restconf_refuse(&r->err, 501, RESTCONF_OPERATION_NOT_SUPPORTED,
			"RFC 8040 7: method %.32s is not known", r->http->method);
	if (!restconf_path_parse(r->arena, r->http->path, root, &r->path, &r->err))
		return false;
	if (!find_place(r))
		return false;
	if (!is_allowed(r))
		return restconf_refuse(&r->err, 405, RESTCONF_OPERATION_NOT_SUPPORTED,
			"RFC 8040 4: %s is not for this resource", m->name);
	return restconf_query_parse(
		       r->arena, r->http->query, root, query_of(r, m), &r->query, &r->err) &&
	       check_types(r, m) && check_order(r) && check_place(r, m);
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
