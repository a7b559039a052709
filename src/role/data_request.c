/*
 * The requests of a round (RFC 8783 5.1, 6, 7; RFC 8040): methods, paths, bodies, and what the
 * audit is told of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/data_channel_private.h"
#include "wire/data.h"
#include "wire/via.h"

static const char yang_json[] = "application/yang-data+json";

void
data_request_send(struct data_channel *c, enum phase phase, const char *method, const char *path,
	const json_t *body, const char *came)
{
	const char *by = data_link_via(c->setup.link);
	const char *etag = data_link_can(c->setup.link)->etag;
	char *via = by ? via_append(came, by) : NULL;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct web_field fields[4] = {{"Accept", yang_json}};
	struct web_request r = {.method = method,
		.path = path,
		.fields = fields,
		.n_fields = 1,
		.body = text,
		.len = text ? strlen(text) : 0};

	if (via)
		fields[r.n_fields++] = (struct web_field){"Via", via};
	if (text)
		fields[r.n_fields++] = (struct web_field){"Content-Type", yang_json};
	if (phase == ABLE && etag)
		fields[r.n_fields++] = (struct web_field){"If-None-Match", etag};
	c->phase = phase;
	data_link_ask(c->setup.link, &r, data_round_answer, c);
	free(text);
	free(via);
}

char *
data_request_path(const struct data_channel *c, unsigned depth, enum share_kind kind,
	const char *name, const char *query)
{
	struct restconf_path p = {.resource = RESTCONF_DATA, .n = depth};
	char *path, *whole;

	p.segments[0] = (struct restconf_segment){.module = DATA_MODULE, .name = "dots-data"};
	p.segments[1] =
		(struct restconf_segment){.name = "dots-client", .keys = {c->cuid}, .n_keys = 1};
	p.segments[2].name = kind == SHARE_ALIAS ? "aliases" : "acls";
	p.segments[3] =
		(struct restconf_segment){.name = share_kinds[kind], .keys = {name}, .n_keys = 1};
	path = restconf_path_format(&p, data_link_root(c->setup.link));
	whole = mem_printf("%s%s", path, query);
	free(path);
	return whole;
}

/* First of all when there are filters (RFC 8783 7.1); again in each round, for it may have learned.
 */
void
data_request_capabilities(struct data_channel *c)
{
	char *path = mem_printf(
		"%s/data/" DATA_MODULE ":dots-data/capabilities", data_link_root(c->setup.link));

	data_request_send(c, ABLE, "GET", path, NULL, NULL);
	free(path);
}

void
data_request_read(struct data_channel *c, enum phase phase)
{
	char *path = data_request_path(c, 2, SHARE_ALIAS, "", "?content=all");

	data_request_send(c, phase, "GET", path, NULL, NULL);
	free(path);
}

/* RFC 8783 5.1. */
void
data_request_enlist(struct data_channel *c)
{
	const char *cdid = c->setup.cdid(c->setup.arg, c->holder);
	json_t *body = json_pack("{s[{ss ss*}]}", DATA_MODULE ":dots-client", "cuid", c->cuid,
		"cdid", *cdid ? cdid : NULL);
	char *path = data_request_path(c, 1, SHARE_ALIAS, "", "");

	data_request_send(c, REGISTER, "POST", path, body, NULL);
	free(path);
	json_decref(body);
}

static void
raise_shared(const struct data_channel *c, const struct data_record *r, const char *name)
{
	char *record = mem_printf("%s %s", share_kinds[r->kind], name);

	event_raise(EVENT_SHARED, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("behalf", data_channel_behalf(c)),
		EVENT_F("record", record), EVENT_N("targets", r->prefixes),
		EVENT_N("names", r->names), EVENT_F("consent", r->consent),
		EVENT_F("section", "RFC 9284 6"));
	free(record);
}

/* Each ACL is put in front, the last one first: so they come to stand in our order (RFC 8040
 * 4.8.5). */
void
data_request_write(struct data_channel *c, struct data_record *r)
{
	const char *name = data_channel_name_of(r);
	bool alias = r->kind == SHARE_ALIAS;
	char *path = data_request_path(
		c, 4, r->kind, name, !alias && c->reordering ? "?insert=first" : "");
	json_t *body =
		yang_envelope(alias ? data_aliases : data_acls, alias ? data_alias : data_acl,
			data_look_with_type(r->entry, data_look_controlled(c, r)));

	if (r->state != DATA_RECORD_PLACED)
		raise_shared(c, r, name);
	data_request_send(c, WRITE, "PUT", path, body, r->via);
	free(path);
	json_decref(body);
}
