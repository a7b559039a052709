/*
 * What a GET on the data channel shows (RFC 8040 4.3, 4.8; RFC 8783 6.2, 7.1, 7.3): put together
 * from copies of the records of the asker, with lifetimes and counters as they are now.
 */
#include <stdio.h>
#include <string.h>

#include "role/data_state.h"

enum { MINUTE_MS = 60000 };

/* ---- configuration and state in JSON ---- */

json_t *
data_entry_config(const struct data_copy_entry *e)
{
	return json_loads(e->text, 0, NULL);
}

static json_t *
gather(const struct data_copy *c, enum data_kind kind,
	json_t *(*show)(const struct data_copy_entry *e))
{
	json_t *container = json_object(), *entries;

	if (!c->n[kind])
		return container;
	entries = json_array();
	for (size_t i = 0; i < c->n[kind]; i++)
		json_array_append_new(entries, show(&c->lists[kind][i]));
	json_object_set_new(container, data_entry_node(kind)->name, entries);
	return container;
}

json_t *
data_container_config(const struct data_copy *c, enum data_kind kind)
{
	return gather(c, kind, data_entry_config);
}

static json_t *
counter(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return json_string(text);
}

static void
add_statistics(json_t *acl, const struct data_copy_entry *e)
{
	json_t *aces = json_object_get(json_object_get(acl, "aces"), "ace"), *ace;
	size_t i;

	json_array_foreach(aces, i, ace)
		if (i < e->n_rules)
			json_object_set_new(ace, "statistics",
				json_pack("{s:o, s:o}", "matched-packets", counter(e->packets[i]),
					"matched-octets", counter(e->bytes[i])));
}

/* With its state: minutes that are left, rounded up. */
static json_t *
show_all(const struct data_copy_entry *e)
{
	json_t *j = data_entry_config(e);
	wall_ms left = e->expires - loop_wall();

	json_object_set_new(j, "pending-lifetime",
		json_integer(left > 0 ? (left + MINUTE_MS - 1) / MINUTE_MS : 0));
	add_statistics(j, e);
	return j;
}

static void
set_unless_empty(json_t *to, const char *name, json_t *container)
{
	if (json_object_size(container))
		json_object_set_new(to, name, container);
	else
		json_decref(container);
}

static json_t *
show_client(const struct data_copy *c)
{
	json_t *j = json_object();

	json_object_set_new(j, "cuid", json_string(c->cuid));
	if (c->cdid)
		json_object_set_new(j, "cdid", json_string(c->cdid));
	set_unless_empty(j, "aliases", gather(c, DATA_ALIAS, show_all));
	set_unless_empty(j, "acls", gather(c, DATA_ACL, show_all));
	return j;
}

/* Of a client only its own registrations: it does not learn of others (RFC 8040 4.3). */
static json_t *
show_dots_data(const struct data_request *r)
{
	json_t *j = json_object(), *list = json_array();

	for (const struct data_copy *c = r->copies; c; c = c->next)
		json_array_append_new(list, show_client(c));
	if (json_array_size(list))
		json_object_set(j, "dots-client", list);
	json_decref(list);
	json_object_set_new(j, "capabilities", acl_capabilities());
	return j;
}

static json_t *
show_store(const struct data_request *r)
{
	json_t *j = json_object();

	json_object_set_new(j, DATA_MODULE ":dots-data", show_dots_data(r));
	json_object_set_new(j, "ietf-restconf-monitoring:restconf-state", data_restconf_state());
	json_object_set_new(j, "ietf-yang-library:modules-state", data_modules_state());
	return j;
}

/* ---- the answer ---- */

/* What the rest of the path is looked for in: no more than is needed. */
static json_t *
show_place(const struct data_request *r, const struct yang_node **ret_node, size_t *ret_from)
{
	if (r->place == PLACE_ENTRY) {
		*ret_node = data_entry_node(r->kind);
		*ret_from = r->from;
		return show_all(&r->copies->lists[r->kind][0]);
	}
	if (r->place == PLACE_CONTAINER || r->place == PLACE_LIST) {
		*ret_node = data_container_node(r->kind);
		*ret_from = 3;
		return gather(r->copies, r->kind, show_all);
	}
	if (r->place == PLACE_CLIENT || r->place == PLACE_KEY) {
		*ret_node = data_client;
		*ret_from = 2;
		return show_client(r->copies);
	}
	*ret_node = &data_root;
	*ret_from = 0;
	return show_store(r);
}

/* A container is there, with nothing in it (RFC 7950 7.5.1), and some leafs have a default (RFC
 * 8040 3.5.4). NULL: there is nothing. */
static json_t *
stand_in(const struct yang_place *p)
{
	return p->node->kind == YANG_CONTAINER ? json_object() : yang_default(p);
}

/* An alias or ACL by itself stands in its container (RFC 8783 7.3). */
static const struct yang_node *
wrapper_of(const struct yang_node *n)
{
	return n == data_alias ? data_aliases : n == data_acl ? data_acls : NULL;
}

static json_t *
view(struct data_request *r)
{
	const struct yang_node *node;
	size_t from;
	json_t *all = show_place(r, &node, &from), *value, *seen, *body = NULL;
	struct yang_place found;

	if (yang_find(node, all, &r->path, from, &found, &r->err)) {
		value = found.data ? json_incref(found.data) : stand_in(&found);
		if (!value)
			restconf_refuse(&r->err, 404, RESTCONF_INVALID_VALUE,
				"RFC 8040 4.3: %s does not exist", found.node->name);
		seen = value ? yang_view(found.node, value, &r->query, &r->err) : NULL;
		if (seen && r->path.n == 0)
			body = json_pack("{s:o}", "ietf-restconf:data", seen);
		else if (seen)
			body = yang_envelope(wrapper_of(found.node), found.node, seen);
		json_decref(value);
	}
	json_decref(all);
	return body;
}

static void
view_prepare(struct data_request *r)
{
	json_t *body = view(r);

	r->made.text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
}

static void
view_finish(struct data_request *r)
{
	if (r->made.text)
		data_answer_body(r, r->made.text, &r->version);
	else
		data_answer_error(r);
}

void
data_view(struct data_request *r)
{
	bool known = data_version_of(r, &r->version);

	if (known || r->place <= PLACE_CLIENTS) {
		data_work(r, true, view_prepare, view_finish);
		return;
	}
	restconf_refuse(&r->err, 404, RESTCONF_INVALID_VALUE, "RFC 8040 4.3: there is no such %s",
		r->dc ? data_entry_node(r->kind)->name : "dots-client");
	data_answer_error(r);
}
