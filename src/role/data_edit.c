/*
 * What POST, PUT, PATCH and DELETE do on the data channel (RFC 8040 4.4-4.7; RFC 8783 5-7): bodies
 * become changes of whole entries, which are all done or none.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"

/* What yang.h says of a body or an edit; an error's path, relative to the first n segments, becomes
 * whole. */
static bool
checked(struct data_request *r, size_t n, bool done)
{
	if (!done)
		yang_error_at(&r->err, &data_root, &r->path, n);
	return done;
}

/* The target and so much below it (RFC 8040 4.4.1). */
static char *
location(const struct data_request *r, const struct restconf_segment *below, size_t n)
{
	struct restconf_path p = r->path;

	for (size_t i = 0; i < n; i++)
		p.segments[p.n++] = below[i];
	return restconf_path_format(&p, r->server->setup.root);
}

/* ---- a list of changes ---- */

struct edit {
	struct data_request *r;
	struct data_change *list;
	size_t n;
};

static struct data_change *
add(struct edit *e, enum data_kind kind, const char *name, json_t *entry)
{
	struct data_change *c;

	e->list = mem_grow(e->list, e->n + 1, sizeof(*e->list));
	c = &e->list[e->n++];
	*c = (struct data_change){.kind = kind,
		.name = arena_text(e->r->arena, name, strlen(name)),
		.via = e->r->via,
		.entry = json_incref(entry)};
	return c;
}

static const char *
name_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "name"));
}

/* Where the one of them is to stand. */
static void
place(struct edit *e)
{
	const struct restconf_query *q = &e->r->query;

	e->list[0].insert = q->insert;
	e->list[0].point = q->point.n ? q->point.segments[q->point.n - 1].keys[0] : NULL;
}

static void
finish(struct edit *e)
{
	for (size_t i = 0; i < e->n; i++)
		json_decref(e->list[i].entry);
	free(e->list);
}

/* By what a gateway upstream of us is to call whom it is for (RFC 8783 5.1). */
static void
call(const struct data_request *r, const char *cdid)
{
	struct data_escalation *up = r->server->escalation;

	if (up)
		up->ops->called(up, r->client->name, cdid ? cdid : r->http->peer->cuid);
}

/* RFC 8783 3.3: what could not be passed on is not taken. */
static bool
may_go_on(struct edit *e)
{
	struct data_request *r = e->r;
	struct data_escalation *up = r->server->escalation;

	for (size_t i = 0; up && i < e->n; i++)
		if (e->list[i].entry &&
			!up->ops->admit(up, r->client, e->list[i].kind, e->list[i].entry, &r->err))
			return false;
	if (up && !r->undo)
		r->undo = data_undo_new(r, e->list, e->n);
	call(r, r->dc->cdid);
	return true;
}

static bool
carry_out(struct edit *e, size_t *ret_created)
{
	struct data_request *r = e->r;
	struct data_server *s = r->server;

	*ret_created = 0;
	if (!may_go_on(e))
		return false;
	if (!data_edit(s->data, r->client, r->dc, e->list, e->n, s->setup.clients, loop_wall(),
		    ret_created, &r->err))
		return false;
	for (size_t i = 0; i < e->n; i++)
		data_raise_changed(r, e->list[i].kind, e->list[i].name,
			e->list[i].entry ? "written" : "removed");
	return true;
}

/* ---- bodies ---- */

static json_t *
read_body(struct data_request *r)
{
	const struct https_request *h = r->http;

	if (!h->len) {
		restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.5: the request has no body");
		return NULL;
	}
	return yang_parse(h->body, h->len, &r->err);
}

/* Every entry of a container's body, as it stands there. */
static void
add_all(struct edit *e, enum data_kind kind, json_t *container, bool must_be_new)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(container, data_entry_node(kind)->name), i, entry)
		add(e, kind, name_of(entry), entry)->must_be_new = must_be_new;
}

/* What the container is to be afterwards: entries that differ, or stand elsewhere, are written,
 * those that are not in it go. */
static void
add_difference(struct edit *e, enum data_kind kind, json_t *container)
{
	const struct data_client *dc = e->r->dc;
	struct data_entry *const *old = kind == DATA_ALIAS ? dc->aliases : dc->acls;
	size_t n_old = kind == DATA_ALIAS ? dc->n_aliases : dc->n_acls, i;
	json_t *list = json_object_get(container, data_entry_node(kind)->name), *entry;
	const char *previous = NULL;
	struct map *stay = map_new();

	json_array_foreach(list, i, entry) {
		const char *name = name_of(entry);
		char *text = json_dumps(entry, JSON_COMPACT);
		bool in_place = i < n_old && !strcmp(old[i]->name, name);
		struct data_change *c;

		map_set(stay, name, strlen(name), entry);
		if (!in_place || strcmp(old[i]->text, text) != 0) {
			c = add(e, kind, name, entry);
			c->insert = in_place   ? INSERT_LAST /* it stays there */
				    : previous ? INSERT_AFTER
					       : INSERT_FIRST;
			c->point = previous;
		}
		previous = name;
		free(text);
	}
	for (i = 0; i < n_old; i++)
		if (!map_get(stay, old[i]->name, strlen(old[i]->name)))
			add(e, kind, old[i]->name, NULL);
	map_free(stay);
}

/* ---- registration (RFC 8783 5) ---- */

/* Aliases and ACLs may come with it; those that it does not name stay: a registration said again
 * takes nothing away (doc/architecture.md). */
static bool
fill_client(struct data_request *r, json_t *client)
{
	struct edit e = {.r = r};
	size_t created;
	bool done = true;

	for (int k = DATA_ALIAS; k <= DATA_ACL; k++) {
		json_t *container = json_object_get(client, data_container_node(k)->name);

		if (container)
			add_difference(&e, k, container);
	}
	if (e.n)
		done = carry_out(&e, &created);
	finish(&e);
	return done;
}

static bool
key_fits(struct data_request *r, const json_t *client)
{
	const char *cuid = json_string_value(json_object_get(client, "cuid"));

	return (r->cuid && !strcmp(r->cuid, cuid)) ||
	       restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8040 4.5: cuid %.64s is not the one of the target", cuid);
}

/* Of whom a gateway that is trusted speaks (RFC 8783 5.1); what others say of it is ignored. */
static bool
read_cdid(struct data_request *r, const json_t *client, const char **ret)
{
	const char *cdid = json_string_value(json_object_get(client, "cdid"));
	const struct client *c;

	*ret = NULL;
	if (!cdid || !r->asker->gateway)
		return true;
	c = clients_by_cdid(r->server->setup.clients, cdid);
	if (!c)
		return restconf_refuse(&r->err, 403, RESTCONF_ACCESS_DENIED,
			"RFC 8783 5.1: cdid %.64s is of no client of ours", cdid);
	r->client = c;
	*ret = cdid;
	return data_may_edit(r);
}

/* Else who knows another one's cuid could keep it from the data channel. */
static bool
may_have_cuid(struct data_request *r, const char *cuid)
{
	struct data_server *s = r->server;

	return data_find(s->data, cuid) ||
	       !server_cuid_is_foreign(s->signal, r->client->name, cuid) ||
	       restconf_refuse(&r->err, 409, RESTCONF_RESOURCE_DENIED,
		       "RFC 8783 5.1: cuid: it is in use already");
}

static bool
register_client(struct data_request *r, json_t *client, bool must_be_new)
{
	struct data_server *s = r->server;
	const char *cuid = json_string_value(json_object_get(client, "cuid"));
	const struct restconf_segment self = {.name = "dots-client", .keys = {cuid}, .n_keys = 1};
	const char *cdid;
	bool created;

	if (!read_cdid(r, client, &cdid))
		return false;
	if (must_be_new && data_find(s->data, cuid))
		return restconf_refuse(&r->err, 409, RESTCONF_RESOURCE_DENIED,
			"RFC 8783 5.1: dots-client %.64s exists", cuid);
	if (!may_have_cuid(r, cuid))
		return false;
	if (!data_register(s->data, r->client, cuid, cdid, loop_wall(), &r->dc, &created, &r->err))
		return false;
	r->cuid = r->dc->cuid;
	call(r, cdid);
	if (fill_client(r, client)) {
		event_raise(EVENT_DATA_CHANGED, EVENT_F("client", r->client->name),
			EVENT_F("cuid", cuid), EVENT_F("kind", "dots-client"),
			EVENT_F("change", created ? "registered" : "registered again"));
		data_answer_stored(
			r, created ? 201 : 204, created ? location(r, &self, must_be_new) : NULL);
		return true;
	}
	if (created) {
		data_deregister(s->data, r->dc);
		r->dc = NULL;
	}
	return false;
}

static bool
post_dots_data(struct data_request *r, json_t *body)
{
	json_t *client = NULL;
	bool done;

	if (!checked(r, 1, yang_body(data_dots_data, data_client, body, &client, &r->err)))
		return false;
	done = register_client(r, client, true);
	json_decref(client);
	return done;
}

static bool
put_client(struct data_request *r, json_t *body)
{
	json_t *client = NULL;
	bool done;

	if (!checked(r, 1, yang_body(data_dots_data, data_client, body, &client, &r->err)))
		return false;
	done = key_fits(r, client) && register_client(r, client, false);
	json_decref(client);
	return done;
}

/* ---- POST of aliases and ACLs ---- */

/* One entry: the path to it; several: to their container (RFC 8783 6.1). */
static void
answer_created(struct data_request *r, const struct edit *e)
{
	const struct restconf_segment below[] = {{.name = data_container_node(r->kind)->name},
		{.name = data_entry_node(r->kind)->name, .keys = {e->list[0].name}, .n_keys = 1}};
	size_t from = r->place == PLACE_CONTAINER, to = e->n == 1 ? 2 : 1;

	data_answer_stored(r, 201, location(r, below + from, to - from));
}

static bool
create(struct edit *e)
{
	struct data_request *r = e->r;
	size_t created;

	if (!e->n)
		return restconf_refuse(&r->err, 400, RESTCONF_MISSING_ATTRIBUTE,
			"RFC 8040 4.4.1: %s: there is nothing in it to create",
			data_entry_node(r->kind)->name);
	if (r->query.has & QUERY_INSERT && (r->kind != DATA_ACL || e->n != 1))
		return restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.8.5: insert is for one acl");
	place(e);
	if (!carry_out(e, &created))
		return false;
	answer_created(r, e);
	return true;
}

/* {"…:aliases": {"alias": […]}} at the dots-client (RFC 8783 6.1, 7.2). */
static bool
post_client(struct data_request *r, json_t *body)
{
	struct edit e = {.r = r};
	json_t *container = NULL;
	bool done;

	r->kind = json_object_get(body, DATA_MODULE ":acls") ? DATA_ACL : DATA_ALIAS;
	if (!checked(r, 2,
		    yang_body(
			    data_client, data_container_node(r->kind), body, &container, &r->err)))
		return false;
	add_all(&e, r->kind, container, true);
	done = create(&e);
	finish(&e);
	json_decref(container);
	return done;
}

/* {"…:alias": [{…}]} at the container (RFC 8040 4.4.1). */
static bool
post_container(struct data_request *r, json_t *body)
{
	struct edit e = {.r = r};
	json_t *entry = NULL;
	bool done;

	if (!checked(r, 3,
		    yang_body(data_container_node(r->kind), data_entry_node(r->kind), body, &entry,
			    &r->err)))
		return false;
	add(&e, r->kind, name_of(entry), entry)->must_be_new = true;
	done = create(&e);
	finish(&e);
	json_decref(entry);
	return done;
}

/* ---- edits of what is there ---- */

/* Where what a POST creates below an entry stands. */
static char *
location_within(struct data_request *r, json_t *entry, json_t *body)
{
	struct restconf_segment below;
	struct yang_place at;

	if (!yang_find(data_entry_node(r->kind), entry, &r->path, r->from, &at, &r->err) ||
		!yang_body_child(at.node, body, r->arena, &below, &r->err))
		return NULL;
	return location(r, &below, 1);
}

/* Below an entry, or a plain patch of it. */
static bool
edit_within(struct data_request *r, enum yang_method method, json_t *body)
{
	struct edit e = {.r = r};
	json_t *entry = data_entry_config(r->entry);
	bool created = false, done;
	char *at = NULL;
	size_t n;

	if (method == YANG_POST)
		at = location_within(r, entry, body);
	done = checked(r, r->from,
		yang_edit(data_entry_node(r->kind), entry, &r->path, r->from, method, body,
			&r->query, &created, &r->err));
	if (done) {
		add(&e, r->kind, r->entry->name, entry);
		done = carry_out(&e, &n);
	}
	if (done && created && !at)
		at = location(r, NULL, 0);
	if (done)
		data_answer_stored(r, created ? 201 : 204, at);
	else
		free(at);
	finish(&e);
	json_decref(entry);
	return done;
}

/* Of a whole container, or of a dots-client by a plain patch: all of it as it is to be afterwards.
 */
static bool
edit_whole(struct data_request *r, const struct yang_node *node, json_t *whole,
	enum yang_method method, json_t *body)
{
	struct edit e = {.r = r};
	bool created, done;
	size_t n;

	done = checked(r, r->from,
		yang_edit(node, whole, &r->path, r->from, method, body, &r->query, &created,
			&r->err));
	for (int k = DATA_ALIAS; done && k <= DATA_ACL; k++) {
		if (node == data_client)
			add_difference(&e, k, json_object_get(whole, data_container_node(k)->name));
		else if (r->kind == (enum data_kind)k)
			add_difference(&e, k, whole);
	}
	if (done)
		done = !e.n || carry_out(&e, &n);
	if (done)
		data_answer_stored(r, 204, NULL);
	finish(&e);
	json_decref(whole);
	return done;
}

static bool
edit_container(struct data_request *r, enum yang_method method, json_t *body)
{
	return edit_whole(r, data_container_node(r->kind), data_container_config(r->dc, r->kind),
		method, body);
}

static bool
patch_client(struct data_request *r, json_t *body)
{
	json_t *whole = json_object();

	json_object_set_new(whole, "cuid", json_string(r->dc->cuid));
	for (int k = DATA_ALIAS; k <= DATA_ACL; k++)
		json_object_set_new(
			whole, data_container_node(k)->name, data_container_config(r->dc, k));
	return edit_whole(r, data_client, whole, YANG_PATCH, body);
}

static bool
empty_container(struct data_request *r)
{
	struct edit e = {.r = r};
	size_t n;
	bool done;

	add_difference(&e, r->kind, NULL);
	done = !e.n || carry_out(&e, &n);
	if (done)
		data_answer_stored(r, 204, NULL);
	finish(&e);
	return done;
}

static bool
put_entry(struct data_request *r, json_t *body)
{
	struct edit e = {.r = r};
	json_t *entry = NULL;
	size_t created = 0;
	bool done;

	if (!checked(r, 3,
		    yang_body(data_container_node(r->kind), data_entry_node(r->kind), body, &entry,
			    &r->err)))
		return false;
	if (strcmp(name_of(entry), r->name) != 0) {
		json_decref(entry);
		return restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.5: the name in the body is not the one of the target");
	}
	add(&e, r->kind, r->name, entry);
	place(&e);
	done = carry_out(&e, &created);
	if (done)
		data_answer_stored(r, created ? 201 : 204, created ? location(r, NULL, 0) : NULL);
	finish(&e);
	json_decref(entry);
	return done;
}

static bool
is_below(const struct data_request *r)
{
	return r->path.n > r->from;
}

static bool
delete_entry(struct data_request *r)
{
	struct edit e = {.r = r};
	size_t created;
	bool done;

	add(&e, r->kind, r->name, NULL);
	done = carry_out(&e, &created);
	if (done)
		data_answer_stored(r, 204, NULL);
	finish(&e);
	return done;
}

static bool
delete_client(struct data_request *r)
{
	struct data_server *s = r->server;

	event_raise(EVENT_DATA_CHANGED, EVENT_F("client", r->client->name),
		EVENT_F("cuid", r->dc->cuid), EVENT_F("kind", "dots-client"),
		EVENT_F("change", "deregistered"));
	data_deregister(s->data, r->dc);
	r->dc = NULL;
	data_answer_stored(r, 204, NULL);
	return true;
}

/* ---- the methods ---- */

static bool
refuse_place(struct data_request *r)
{
	return restconf_refuse(&r->err, 403, RESTCONF_ACCESS_DENIED,
		"RFC 8783 5.1: a client changes its own dots-client, nothing above it");
}

static bool
post(struct data_request *r, json_t *body)
{
	switch (r->place) {
	case PLACE_DOTS_DATA:
		return post_dots_data(r, body);
	case PLACE_CLIENT:
		return post_client(r, body);
	case PLACE_CONTAINER:
		return post_container(r, body);
	case PLACE_ENTRY:
		return edit_within(r, YANG_POST, body);
	default:
		return refuse_place(r);
	}
}

static bool
put(struct data_request *r, json_t *body)
{
	switch (r->place) {
	case PLACE_CLIENT:
		return put_client(r, body);
	case PLACE_CONTAINER:
		return edit_container(r, YANG_PUT, body);
	case PLACE_ENTRY:
		return is_below(r) ? edit_within(r, YANG_PUT, body) : put_entry(r, body);
	default:
		return refuse_place(r);
	}
}

static bool
patch(struct data_request *r, json_t *body)
{
	switch (r->place) {
	case PLACE_CLIENT:
		return patch_client(r, body);
	case PLACE_CONTAINER:
		return edit_container(r, YANG_PATCH, body);
	case PLACE_ENTRY:
		return edit_within(r, YANG_PATCH, body);
	default:
		return refuse_place(r);
	}
}

static void
with_body(struct data_request *r, bool (*method)(struct data_request *r, json_t *body))
{
	json_t *body = read_body(r);

	if (!body || !method(r, body))
		data_answer_error(r);
	json_decref(body);
}

void
data_post(struct data_request *r)
{
	with_body(r, post);
}

void
data_put(struct data_request *r)
{
	with_body(r, put);
}

void
data_patch(struct data_request *r)
{
	with_body(r, patch);
}

void
data_delete(struct data_request *r)
{
	bool done;

	if (r->place == PLACE_CLIENT)
		done = delete_client(r);
	else if (r->place == PLACE_CONTAINER)
		done = empty_container(r);
	else if (r->place == PLACE_ENTRY && is_below(r))
		done = edit_within(r, YANG_DELETE, NULL);
	else if (r->place == PLACE_ENTRY)
		done = delete_entry(r);
	else
		done = refuse_place(r);
	if (!done)
		data_answer_error(r);
}
