/*
 * The data channel's server: its life, who may be here, where a request target leads, how it is
 * answered, and what of the ACLs is in force.
 */
#include "role/data_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "role/data_state.h"

enum {
	INSTALL_PATIENCE_MS = 3000, /* for the mitigators, then it is answered all the same */
	FIELDS_MAX = 8,
	PATH_DEPTH = 5, /* dots-data, dots-client, aliases, alias: segments up to an entry, + 1 */
};
#define JSON_TYPE "application/yang-data+json"

/* ---- tenants --------------------------------------------------------------------------------- */

static struct tenant *
tenant_of(struct data_server *s, const char *client)
{
	struct tenant *t = map_get(s->tenants, client, strlen(client));

	if (!t) {
		t = mem_new(sizeof(*t));
		t->client = mem_text(client);
		map_set(s->tenants, client, strlen(client), t);
	}
	return t;
}

static bool
free_tenant(void *arg, const void *key, size_t len, void *value)
{
	struct tenant *t = value;

	(void)arg, (void)key, (void)len;
	free(t->client);
	free(t);
	return true;
}

static const struct client *
client_of(const struct data_server *s, const struct peer_id *peer)
{
	return clients_by_certificate(s->setup.clients, peer->names, peer->n_names, peer->cuid);
}

/* ---- what is said ---------------------------------------------------------------------------- */

void
data_raise_changed(
	const struct data_request *r, enum data_kind kind, const char *name, const char *change)
{
	event_raise(EVENT_DATA_CHANGED, EVENT_F("client", r->client->name),
		EVENT_F("cuid", r->cuid), EVENT_F("kind", data_kind_name(kind)),
		EVENT_F("name", name), EVENT_F("change", change));
}

static void
raise_refused(struct data_request *r)
{
	struct event_quota strangers = {0};
	struct event_quota *quota = r->tenant ? &r->tenant->refusals : &strangers;
	const char *untold;

	if (event_quota_take(quota, loop_now(r->server->loop), &untold))
		event_raise(EVENT_DATA_REFUSED, EVENT_F("client", r->asker ? r->asker->name : NULL),
			EVENT_F("method", r->http->method), EVENT_F("path", r->http->path),
			EVENT_N("code", r->err.status), EVENT_F("reason", r->err.why),
			EVENT_F("untold", untold));
}

/* ---- answers --------------------------------------------------------------------------------- */

struct fields {
	struct https_field list[FIELDS_MAX];
	size_t n;
	char etag[DATA_ETAG_MAX], date[DATA_DATE_MAX];
};

static void
field(struct fields *f, const char *name, const char *value)
{
	f->list[f->n++] = (struct https_field){name, value};
}

/* Every answer has it (RFC 8040 5.5). */
static struct fields
fields_of(const struct data_version *v)
{
	struct fields f = {0};

	(void)v;
	field(&f, "Cache-Control", "no-cache");
	return f;
}

static void
field_version(struct fields *f, const struct data_version *v)
{
	data_etag(v, f->etag);
	data_date(v->changed, f->date);
	field(f, "ETag", f->etag);
	field(f, "Last-Modified", f->date);
}

static void
respond(struct data_request *r, unsigned status, const struct fields *f, const char *body)
{
	https_answer(r->ex, &(struct https_answer){.status = status,
				    .fields = f->list,
				    .n_fields = f->n,
				    .body = body,
				    .len = body ? strlen(body) : 0});
}

void
data_answer_json(struct data_request *r, json_t *body, const struct data_version *v)
{
	struct fields f = fields_of(v);
	char *text = json_dumps(body, JSON_COMPACT);

	field(&f, "Content-Type", JSON_TYPE);
	if (v)
		field_version(&f, v);
	respond(r, 200, &f, text);
	free(text);
	json_decref(body);
}

void
data_answer_unmodified(struct data_request *r, const struct data_version *v)
{
	struct fields f = fields_of(v);

	field_version(&f, v);
	respond(r, 304, &f, NULL);
}

static const char *const allowed[PLACES] = {
	[PLACE_META] = "GET, HEAD, OPTIONS",
	[PLACE_STORE] = "GET, HEAD, OPTIONS, POST, PUT, PATCH",
	[PLACE_DOTS_DATA] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
	[PLACE_CLIENTS] = "GET, HEAD, OPTIONS",
	[PLACE_CLIENT] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
	[PLACE_CONTAINER] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
	[PLACE_LIST] = "GET, HEAD, OPTIONS",
	[PLACE_ENTRY] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
};

void
data_answer_error(struct data_request *r)
{
	struct data_version v;
	struct fields f = fields_of(NULL);
	json_t *body = restconf_error_body(&r->err, NULL);
	char *text = json_dumps(body, JSON_COMPACT), seconds[12];

	raise_refused(r);
	field(&f, "Content-Type", JSON_TYPE);
	if (r->err.status == 405)
		field(&f, "Allow", allowed[r->place]);
	/* Who asked under a condition learns what it failed of (RFC 8040 B.2.2). */
	if (r->err.status == 412 && data_version_of(r, &v))
		field_version(&f, &v);
	if (r->retry_after) {
		snprintf(seconds, sizeof(seconds), "%u", r->retry_after);
		field(&f, "Retry-After", seconds);
	}
	respond(r, r->err.status, &f, text);
	free(text);
	json_decref(body);
}

/* One that waits: for the store, and until the mitigators have said that what is in force follows.
 */
struct data_answer {
	struct data_server *server;
	struct https_exchange *ex; /* NULL: the peer has gone */
	char *client;
	unsigned status;
	char *location;
	bool stored;
	struct timer *patience;
	TAILQ_ENTRY(data_answer) link;
};

static void
answer_send(struct data_answer *a)
{
	struct fields f = fields_of(NULL);

	if (a->location)
		field(&f, "Location", a->location);
	if (a->ex)
		https_answer(
			a->ex, &(struct https_answer){
				       .status = a->status, .fields = f.list, .n_fields = f.n});
	a->ex = NULL;
	timer_stop(a->patience);
}

static void
answer_free(struct data_answer *a)
{
	if (a->server)
		TAILQ_REMOVE(&a->server->answers, a, link);
	timer_free(a->patience);
	free(a->client);
	free(a->location);
	free(a);
}

/* The store still knows of one that has been sent already. */
static void
answer_go_on(struct data_answer *a)
{
	if (a->ex && a->stored && !tenant_of(a->server, a->client)->installing)
		answer_send(a);
	if (!a->ex && a->stored)
		answer_free(a);
}

/* The server ends; those that are not stored yet the store still calls back for. */
static void
forget_answers(struct data_server *s)
{
	struct data_answer *a;

	while ((a = TAILQ_FIRST(&s->answers))) {
		TAILQ_REMOVE(&s->answers, a, link);
		timer_stop(a->patience);
		a->server = NULL;
		a->ex = NULL;
		answer_go_on(a);
	}
}

static void
on_stored(void *arg, bool durable)
{
	struct data_answer *a = arg;

	(void)durable; /* served all the same; the store says it */
	a->stored = true;
	answer_go_on(a);
}

static void
on_patience(void *arg)
{
	answer_send(arg);
	answer_go_on(arg);
}

static void
on_gone(void *arg, struct https_exchange *ex)
{
	struct data_server *s = arg;
	struct data_answer *a, *next;

	for (a = TAILQ_FIRST(&s->answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->ex != ex)
			continue;
		a->ex = NULL;
		timer_stop(a->patience);
		answer_go_on(a);
	}
}

/* Where what was created stands: the target itself, or below it (RFC 8040 4.4.1). */
static char *
location_of(const struct data_request *r, const char *created)
{
	struct restconf_path p = r->path;
	const char *container = r->kind == DATA_ALIAS ? "aliases" : "acls";

	if (!strcmp(r->http->method, "PUT") || *created == '/')
		return mem_text(r->http->path);
	if (r->place == PLACE_DOTS_DATA) {
		p.segments[p.n++] = (struct restconf_segment){
			.name = "dots-client", .keys = {created}, .n_keys = 1};
		return restconf_path_format(&p, r->server->setup.root);
	}
	if (r->place == PLACE_CLIENT)
		p.segments[p.n++] = (struct restconf_segment){.name = container};
	if (*created)
		p.segments[p.n++] = (struct restconf_segment){
			.name = data_kind_name(r->kind), .keys = {created}, .n_keys = 1};
	return restconf_path_format(&p, r->server->setup.root);
}

void
data_answer_stored(struct data_request *r, unsigned status, const char *created)
{
	struct data_server *s = r->server;
	struct data_answer *a = mem_new(sizeof(*a));

	a->server = s;
	a->ex = r->ex;
	a->client = mem_text(r->client->name);
	a->status = status;
	a->location = created ? location_of(r, created) : NULL;
	a->patience = timer_new(s->loop, on_patience, a);
	timer_after(a->patience, INSTALL_PATIENCE_MS);
	TAILQ_INSERT_TAIL(&s->answers, a, link);
	persist_after(s->persist, on_stored, a);
}

/* ---- RESTCONF itself (RFC 8040 3) ------------------------------------------------------------ */

static void
answer_host_meta(struct data_request *r)
{
	struct fields f = fields_of(NULL);
	char *text = mem_printf("<?xml version='1.0' encoding='UTF-8'?>\n"
				"<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
				"  <Link rel='restconf' href='%s'/>\n</XRD>\n",
		r->server->setup.root);

	field(&f, "Content-Type", "application/xrd+xml");
	respond(r, 200, &f, text);
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

static void
answer_options(struct data_request *r)
{
	struct fields f = fields_of(NULL);

	field(&f, "Allow", allowed[r->place]);
	field(&f, "Accept-Patch", JSON_TYPE);
	respond(r, 200, &f, NULL);
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
	{"OPTIONS", answer_options, 0, false, false},
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

static bool
is_allowed(const struct data_request *r)
{
	const char *at = strstr(allowed[r->place], r->http->method);

	return at && (at == allowed[r->place] || at[-1] == ' ');
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
	if (r->asker->gateway && r->dc && !r->dc->cdid && r->place > PLACE_CLIENT)
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

static void
serve(struct data_request *r)
{
	const struct method *m;

	if (!check_request(r, &m))
		data_answer_error(r);
	else if (m->serve == answer_options || check_condition(r))
		m->serve(r);
}

static void
refuse_stranger(struct data_request *r)
{
	restconf_refuse(&r->err, 401, RESTCONF_ACCESS_DENIED,
		"RFC 8040 2.5: a certificate of a client is needed");
	data_answer_error(r);
}

static void
on_request(void *arg, struct https_exchange *ex, const struct https_request *http)
{
	struct data_server *s = arg;
	struct data_request r = {.server = s, .ex = ex, .http = http, .arena = arena_new()};

	r.head = !strcmp(http->method, "HEAD");
	r.asker = http->peer ? client_of(s, http->peer) : NULL;
	r.client = r.asker;
	if (r.asker) {
		r.tenant = tenant_of(s, r.asker->name);
		serve(&r);
	} else {
		refuse_stranger(&r);
	}
	arena_free(r.arena);
}

static const char *
on_judge(void *arg, const struct peer_id *peer, const struct endpoint *remote)
{
	(void)remote;
	return client_of(arg, peer) ? NULL : "RFC 8783 10: no client of ours";
}

static const struct https_ops https_ops = {
	.request = on_request, .gone = on_gone, .judge = on_judge};

/* ---- what is in force ------------------------------------------------------------------------ */

static void
install(struct data_server *s, const struct client *c)
{
	struct arena *a = arena_new();
	struct tenant *t = tenant_of(s, c->name);
	struct acl_set set;

	data_in_force(s->data, c, a, &set);
	t->installing = 0;
	t->rules = set.n_rules;
	for (size_t i = 0; i < s->n_mitigators; i++)
		if (s->mitigators[i]->ops->acls) {
			t->installing++;
			s->mitigators[i]->ops->acls(s->mitigators[i], &set);
		}
	arena_free(a);
}

static void
on_change(void *arg, const char *client)
{
	struct data_server *s = arg;
	const struct client *c = clients_named(s->setup.clients, client);
	const struct client gone = {.name = (char *)(uintptr_t)client};

	install(s, c ? c : &gone);
}

void
data_server_installed(struct data_server *s, const char *client, const char *why)
{
	struct tenant *t = tenant_of(s, client);
	struct data_answer *a, *next;

	if (why) {
		event_raise(
			EVENT_FILTERS_FAILED, EVENT_F("client", client), EVENT_F("reason", why));
		return;
	}
	if (!t->installing || --t->installing)
		return;
	event_raise(EVENT_FILTERS, EVENT_F("client", client), EVENT_N("rules", t->rules));
	for (a = TAILQ_FIRST(&s->answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (!strcmp(a->client, client))
			answer_go_on(a);
	}
}

void
data_server_counters(struct data_server *s, uint64_t rule, uint64_t packets, uint64_t bytes)
{
	data_count(s->data, rule, packets, bytes);
}

void
data_server_mitigating(struct data_server *s, const char *cuid, bool mitigating)
{
	(void)data_mitigating(s->data, cuid, mitigating); /* on_change is called */
}

const struct alias *
data_server_alias(struct data_server *s, const char *client, const char *cuid, const char *name)
{
	struct data_client *dc = data_find(s->data, cuid);
	struct data_entry *e = NULL;

	if (dc && !strcmp(dc->client, client))
		e = data_entry(dc, DATA_ALIAS, name);
	return e ? &e->alias : NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
expire(void *arg)
{
	struct data_server *s = arg;
	wall_ms now = loop_wall(), next = data_expire(s->data, now);
	enum { DAY_MS = 24 * 3600 * 1000 };

	if (next == INT64_MAX)
		timer_stop(s->expiry);
	else
		timer_after(s->expiry, next - now < DAY_MS ? next - now : DAY_MS);
}

struct data_server *
data_server_new(struct loop *l, struct persist *p, const struct data_server_setup *setup,
	struct dots_server *signal, struct mitigator **mitigators, size_t n_mitigators, char *why,
	size_t cap)
{
	struct data_server *s = mem_new(sizeof(*s));

	s->loop = l;
	s->persist = p;
	s->setup = *setup;
	s->mitigators = mitigators;
	s->n_mitigators = n_mitigators;
	s->tenants = map_new();
	s->data = data_new(&setup->policy, p);
	s->expiry = timer_new(l, expire, s);
	TAILQ_INIT(&s->answers);
	data_on_change(s->data, on_change, s);
	s->signal = signal;
	server_attach_data(signal, s);
	s->https = https_new(l, &setup->https, &https_ops, s, why, cap);
	if (!s->https) {
		data_server_free(s);
		return NULL;
	}
	return s;
}

void
data_server_start(struct data_server *s)
{
	char text[ENDPOINT_TEXT_MAX];

	size_t unreadable = data_restore(s->data, s->setup.clients, loop_wall());

	if (unreadable)
		event_raise(EVENT_ALERT, EVENT_F("reason", "records cannot be read, left alone"),
			EVENT_N("code", unreadable));
	for (size_t i = 0; i < clients_count(s->setup.clients); i++)
		if (data_next(s->data, clients_get(s->setup.clients, i)->name, NULL))
			install(s, clients_get(s->setup.clients, i));
	for (size_t i = 0; i < s->setup.https.n_sockets; i++)
		event_raise(EVENT_LISTENING,
			EVENT_F("address", endpoint_format(&s->setup.https.sockets[i].local, text)),
			EVENT_F("interface", s->setup.https.sockets[i].interface));
	expire(s);
}

void
data_server_reload(struct data_server *s, const struct data_server_setup *setup)
{
	s->setup = *setup;
	https_set_credentials(s->https, setup->https.credentials);
	https_judge(s->https);
	data_reload(s->data, &setup->policy, setup->clients, loop_wall());
	expire(s);
}

void
data_server_free(struct data_server *s)
{
	if (!s)
		return;
	server_attach_data(s->signal, NULL);
	https_free(s->https);
	forget_answers(s);
	timer_free(s->expiry);
	data_free(s->data);
	map_each(s->tenants, free_tenant, NULL);
	map_free(s->tenants);
	free(s);
}

void
data_server_clock_set(struct data_server *s)
{
	expire(s);
}
