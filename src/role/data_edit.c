/*
 * What POST, PUT, PATCH and DELETE do on the data channel (RFC 8040 4.4-4.7; RFC 8783 5-7): bodies
 * become changes of whole entries, which are all done or none. Changes are made of nothing but the
 * request and copies (data_work.c); to carry them out is for the loop.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"

enum { TOLD_EACH_MAX = 16 }; /* changes of one request with an event of their own */

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

/* ---- changes ---- */

/* What points into a body is gone with it. */
static const char *
kept(struct data_request *r, const char *text)
{
	return text ? arena_text(r->arena, text, strlen(text)) : NULL;
}

static struct data_change *
add(struct data_request *r, enum data_kind kind, const char *name, json_t *entry)
{
	struct data_made *m = &r->made;
	struct data_change *c;

	m->changes = mem_grow(m->changes, m->n_changes + 1, sizeof(*m->changes));
	c = &m->changes[m->n_changes++];
	*c = (struct data_change){
		.kind = kind, .name = kept(r, name), .via = r->via, .entry = json_incref(entry)};
	return c;
}

static const char *
name_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "name"));
}

/* Where the one of them is to stand. */
static void
place(struct data_request *r)
{
	const struct restconf_query *q = &r->query;

	r->made.changes[0].insert = q->insert;
	r->made.changes[0].point = q->point.n ? q->point.segments[q->point.n - 1].keys[0] : NULL;
}

/* Every entry of a container's body, as it stands there. */
static void
add_all(struct data_request *r, enum data_kind kind, json_t *container, bool must_be_new)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(container, data_entry_node(kind)->name), i, entry)
		add(r, kind, name_of(entry), entry)->must_be_new = must_be_new;
}

/* What the container is to be afterwards: entries that differ, or stand elsewhere, are written,
 * those that are not in it go. */
static void
add_difference(struct data_request *r, enum data_kind kind, json_t *container)
{
	const struct data_copy_entry *old = r->copies ? r->copies->lists[kind] : NULL;
	size_t n_old = r->copies ? r->copies->n[kind] : 0, i;
	json_t *list = json_object_get(container, data_entry_node(kind)->name), *entry;
	const char *previous = NULL;
	struct map *stay = map_new();

	json_array_foreach(list, i, entry) {
		const char *name = name_of(entry);
		char *text = json_dumps(entry, JSON_COMPACT);
		bool in_place = i < n_old && !strcmp(old[i].name, name);
		struct data_change *c;

		map_set(stay, name, strlen(name), entry);
		if (!in_place || strcmp(old[i].text, text) != 0) {
			c = add(r, kind, name, entry);
			c->insert = in_place   ? INSERT_LAST /* it stays there */
				    : previous ? INSERT_AFTER
					       : INSERT_FIRST;
			c->point = kept(r, previous);
		}
		previous = name;
		free(text);
	}
	for (i = 0; i < n_old; i++)
		if (!map_get(stay, old[i].name, strlen(old[i].name)))
			add(r, kind, old[i].name, NULL);
	map_free(stay);
}

/* ---- carrying them out ---- */

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
may_go_on(struct data_request *r)
{
	struct data_escalation *up = r->server->escalation;
	const struct data_made *m = &r->made;

	for (size_t i = 0; up && i < m->n_changes; i++)
		if (m->changes[i].entry && !up->ops->admit(up, r->client, m->changes[i].kind,
						   m->changes[i].entry, &r->err))
			return false;
	if (up)
		r->undo = data_undo_new(r, m->changes, m->n_changes);
	call(r, r->dc->cdid);
	return true;
}

static const char *
change_of(const struct data_change *c)
{
	return c->entry ? "written" : "removed";
}

static void
tell_together(const struct data_request *r, enum data_kind kind, const char *change)
{
	const struct data_made *m = &r->made;
	size_t n = 0;

	for (size_t i = 0; i < m->n_changes; i++)
		n += m->changes[i].kind == kind && !strcmp(change_of(&m->changes[i]), change);
	if (n)
		event_raise(EVENT_DATA_CHANGED, EVENT_F("client", r->client->name),
			EVENT_F("cuid", r->cuid), EVENT_F("kind", data_entry_node(kind)->name),
			EVENT_F("change", change), EVENT_N("entries", n));
}

static void
tell_one(const struct data_request *r, const struct data_change *c)
{
	event_raise(EVENT_DATA_CHANGED, EVENT_F("client", r->client->name),
		EVENT_F("cuid", r->cuid), EVENT_F("kind", data_entry_node(c->kind)->name),
		EVENT_F("name", c->name), EVENT_F("change", change_of(c)));
}

static void
tell(const struct data_request *r)
{
	const struct data_made *m = &r->made;

	if (m->n_changes <= TOLD_EACH_MAX) {
		for (size_t i = 0; i < m->n_changes; i++)
			tell_one(r, &m->changes[i]);
		return;
	}
	for (int kind = DATA_ALIAS; kind <= DATA_ACL; kind++) {
		tell_together(r, kind, "written");
		tell_together(r, kind, "removed");
	}
}

/* ret_created: how many entries were not there before. */
static bool
carry_out(struct data_request *r, size_t *ret_created)
{
	struct data_server *s = r->server;
	struct data_made *m = &r->made;

	*ret_created = 0;
	if (!m->n_changes)
		return true;
	if (!may_go_on(r))
		return false;
	if (!data_edit(s->data, r->client, r->dc, m->changes, m->n_changes, s->setup.clients,
		    loop_wall(), ret_created, &r->err))
		return false;
	data_undo_note(r->undo, r->dc);
	tell(r);
	return true;
}

/* ---- registration (RFC 8783 5) ---- */

/* Aliases and ACLs may come with it; those that it does not name stay: a registration said again
 * takes nothing away (doc/architecture.md). */
static bool
make_client(struct data_request *r, json_t *body)
{
	json_t *client = NULL;

	if (!checked(r, 1, yang_body(data_dots_data, data_client, body, &client, &r->err)))
		return false;
	r->made.cuid = kept(r, json_string_value(json_object_get(client, "cuid")));
	r->made.cdid = kept(r, json_string_value(json_object_get(client, "cdid")));
	for (int k = DATA_ALIAS; k <= DATA_ACL; k++) {
		json_t *container = json_object_get(client, data_container_node(k)->name);

		if (container)
			add_difference(r, k, container);
	}
	json_decref(client);
	return !r->cuid || !strcmp(r->cuid, r->made.cuid) ||
	       restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8040 4.5: cuid %.64s is not the one of the target", r->made.cuid);
}

/* Of whom a gateway that is trusted speaks (RFC 8783 5.1); what others say of it is ignored. */
static bool
read_cdid(struct data_request *r, const char **ret)
{
	const char *cdid = r->made.cdid;
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
register_client(struct data_request *r)
{
	struct data_server *s = r->server;
	const char *cuid = r->made.cuid, *cdid;
	bool must_be_new = r->method == YANG_POST, created;
	const struct restconf_segment self = {.name = "dots-client", .keys = {cuid}, .n_keys = 1};
	size_t n;

	if (!read_cdid(r, &cdid))
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
	if (carry_out(r, &n)) {
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

/* ---- aliases and ACLs that are new ---- */

static bool
has_entries(struct data_request *r)
{
	if (!r->made.n_changes)
		return restconf_refuse(&r->err, 400, RESTCONF_MISSING_ATTRIBUTE,
			"RFC 8040 4.4.1: %s: there is nothing in it to create",
			data_entry_node(r->kind)->name);
	if (r->query.has & QUERY_INSERT && (r->kind != DATA_ACL || r->made.n_changes != 1))
		return restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.8.5: insert is for one acl");
	place(r);
	return true;
}

/* {"…:aliases": {"alias": […]}} at the dots-client (RFC 8783 6.1, 7.2). */
static bool
make_several(struct data_request *r, json_t *body)
{
	json_t *container = NULL;

	r->kind = json_object_get(body, DATA_MODULE ":acls") ? DATA_ACL : DATA_ALIAS;
	if (!checked(r, 2,
		    yang_body(
			    data_client, data_container_node(r->kind), body, &container, &r->err)))
		return false;
	add_all(r, r->kind, container, true);
	json_decref(container);
	return has_entries(r);
}

static bool
read_entry(struct data_request *r, json_t *body, json_t **ret)
{
	*ret = NULL;
	return checked(r, 3,
		yang_body(data_container_node(r->kind), data_entry_node(r->kind), body, ret,
			&r->err));
}

/* {"…:alias": [{…}]} at the container (RFC 8040 4.4.1). */
static bool
make_one(struct data_request *r, json_t *body)
{
	json_t *entry;

	if (!read_entry(r, body, &entry))
		return false;
	add(r, r->kind, name_of(entry), entry)->must_be_new = true;
	json_decref(entry);
	return has_entries(r);
}

/* One entry: the path to it; several: to their container (RFC 8783 6.1). */
static bool
create(struct data_request *r)
{
	const struct restconf_segment below[] = {{.name = data_container_node(r->kind)->name},
		{.name = data_entry_node(r->kind)->name,
			.keys = {r->made.changes[0].name},
			.n_keys = 1}};
	size_t from = r->place == PLACE_CONTAINER, to = r->made.n_changes == 1 ? 2 : 1, n;

	if (!carry_out(r, &n))
		return false;
	data_answer_stored(r, 201, location(r, below + from, to - from));
	return true;
}

/* ---- an entry as a whole ---- */

static bool
make_entry(struct data_request *r, json_t *body)
{
	json_t *entry;
	bool fits;

	if (!read_entry(r, body, &entry))
		return false;
	fits = !strcmp(name_of(entry), r->name) ||
	       restconf_refuse(&r->err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8040 4.5: the name in the body is not the one of the target");
	if (fits) {
		add(r, r->kind, r->name, entry);
		place(r);
	}
	json_decref(entry);
	return fits;
}

static bool
put_entry(struct data_request *r)
{
	size_t created;

	if (!carry_out(r, &created))
		return false;
	data_answer_stored(r, created ? 201 : 204, created ? location(r, NULL, 0) : NULL);
	return true;
}

static bool
make_removal(struct data_request *r, json_t *body)
{
	(void)body;
	add(r, r->kind, r->name, NULL);
	return true;
}

/* ---- edits of what is there ---- */

/* Where what a POST creates below an entry stands. */
static bool
find_below(struct data_request *r, json_t *entry, json_t *body)
{
	struct yang_place at;

	return yang_find(data_entry_node(r->kind), entry, &r->path, r->from, &at, &r->err) &&
	       yang_body_child(at.node, body, r->arena, &r->made.below, &r->err);
}

/* Below an entry, or a plain patch of it. */
static bool
make_within(struct data_request *r, json_t *body)
{
	json_t *entry = data_entry_config(&r->copies->lists[r->kind][0]);
	bool done;

	if (r->method == YANG_POST && !find_below(r, entry, body)) {
		r->made.below.name = NULL;
		r->err.status = 0; /* yang_edit says what is wrong */
	}
	done = checked(r, r->from,
		yang_edit(data_entry_node(r->kind), entry, &r->path, r->from, r->method, body,
			&r->query, &r->made.created, &r->err));
	if (done)
		add(r, r->kind, r->name, entry);
	json_decref(entry);
	return done;
}

static bool
edit_within(struct data_request *r)
{
	const struct restconf_segment *below = &r->made.below;
	bool created = r->made.created;
	size_t n;

	if (!carry_out(r, &n))
		return false;
	data_answer_stored(r, created ? 201 : 204,
		created || below->name ? location(r, below, below->name != NULL) : NULL);
	return true;
}

/* Of a whole container, or of a dots-client by a plain patch: all of it as it is to be afterwards.
 */
static bool
make_whole(struct data_request *r, const struct yang_node *node, json_t *whole, json_t *body)
{
	bool created;

	return checked(r, r->from,
		yang_edit(node, whole, &r->path, r->from, r->method, body, &r->query, &created,
			&r->err));
}

static bool
make_container(struct data_request *r, json_t *body)
{
	json_t *whole = data_container_config(r->copies, r->kind);
	bool done = make_whole(r, data_container_node(r->kind), whole, body);

	if (done)
		add_difference(r, r->kind, whole);
	json_decref(whole);
	return done;
}

static bool
make_patched_client(struct data_request *r, json_t *body)
{
	json_t *whole = json_object();
	bool done;

	json_object_set_new(whole, "cuid", json_string(r->copies->cuid));
	for (int k = DATA_ALIAS; k <= DATA_ACL; k++)
		json_object_set_new(
			whole, data_container_node(k)->name, data_container_config(r->copies, k));
	done = make_whole(r, data_client, whole, body);
	for (int k = DATA_ALIAS; done && k <= DATA_ACL; k++)
		add_difference(r, k, json_object_get(whole, data_container_node(k)->name));
	json_decref(whole);
	return done;
}

static bool
make_empty(struct data_request *r, json_t *body)
{
	(void)body;
	add_difference(r, r->kind, NULL);
	return true;
}

static bool
edit_whole(struct data_request *r)
{
	size_t n;

	if (!carry_out(r, &n))
		return false;
	data_answer_stored(r, 204, NULL);
	return true;
}

/* ---- the methods ---- */

enum { BELOW_ENTRY = PLACES };

static const struct edit {
	bool (*make)(struct data_request *r, json_t *body); /* NULL: there is nothing to make */
	bool (*finish)(struct data_request *r);             /* NULL: not here */
	bool copies;
} edits[][PLACES + 1] = {
	[YANG_POST] = {[PLACE_DOTS_DATA] = {make_client, register_client, false},
		[PLACE_CLIENT] = {make_several, create, false},
		[PLACE_CONTAINER] = {make_one, create, false},
		[PLACE_ENTRY] = {make_within, edit_within, true},
		[BELOW_ENTRY] = {make_within, edit_within, true}},
	[YANG_PUT] = {[PLACE_CLIENT] = {make_client, register_client, true},
		[PLACE_CONTAINER] = {make_container, edit_whole, true},
		[PLACE_ENTRY] = {make_entry, put_entry, false},
		[BELOW_ENTRY] = {make_within, edit_within, true}},
	[YANG_PATCH] = {[PLACE_CLIENT] = {make_patched_client, edit_whole, true},
		[PLACE_CONTAINER] = {make_container, edit_whole, true},
		[PLACE_ENTRY] = {make_within, edit_within, true},
		[BELOW_ENTRY] = {make_within, edit_within, true}},
	[YANG_DELETE] = {[PLACE_CLIENT] = {NULL, delete_client, false},
		[PLACE_CONTAINER] = {make_empty, edit_whole, true},
		[PLACE_ENTRY] = {make_removal, edit_whole, false},
		[BELOW_ENTRY] = {make_within, edit_within, true}},
};

static const struct edit *
edit_of(const struct data_request *r)
{
	bool below = r->place == PLACE_ENTRY && r->path.n > r->from;

	return &edits[r->method][below ? BELOW_ENTRY : r->place];
}

static json_t *
read_body(struct data_request *r)
{
	if (r->len)
		return yang_parse(r->body, r->len, &r->err);
	restconf_refuse(
		&r->err, 400, RESTCONF_INVALID_VALUE, "RFC 8040 4.5: the request has no body");
	return NULL;
}

/* A client that a gateway speaks of is known only later. */
static void
draft(struct data_request *r)
{
	for (size_t i = 0; i < r->made.n_changes; i++)
		if (r->made.changes[i].entry)
			data_draft(&r->made.changes[i], r->client, &r->server->setup.policy);
}

static void
edit_prepare(struct data_request *r)
{
	const struct edit *e = edit_of(r);
	json_t *body = NULL;

	if (r->method != YANG_DELETE && !(body = read_body(r)))
		return;
	if (!e->finish)
		restconf_refuse(&r->err, 403, RESTCONF_ACCESS_DENIED,
			"RFC 8783 5.1: a client changes its own dots-client, nothing above it");
	else if ((!e->make || e->make(r, body)) && r->made.n_changes)
		draft(r);
	json_decref(body);
}

static void
edit_finish(struct data_request *r)
{
	if (r->err.status || !edit_of(r)->finish(r))
		data_answer_error(r);
}

static void
edit_by(struct data_request *r, enum yang_method method)
{
	r->method = method;
	data_work(r, edit_of(r)->copies, edit_prepare, edit_finish);
}

void
data_post(struct data_request *r)
{
	edit_by(r, YANG_POST);
}

void
data_put(struct data_request *r)
{
	edit_by(r, YANG_PUT);
}

void
data_patch(struct data_request *r)
{
	edit_by(r, YANG_PATCH);
}

void
data_delete(struct data_request *r)
{
	edit_by(r, YANG_DELETE);
}
