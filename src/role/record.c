/*
 * The server's state as records of the store: mitigations (kind "mitigation", key id), cuid
 * bindings (kind "cuid", key cuid), our own endpoints (kind "endpoint", key address:port),
 * clients that have left in order (kind "left", key client); lifetimes that refreshes gave stand
 * apart (role/lifetime.h). Monotonic moments become wall-clock ones here.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "core/name_record.h"
#include "role/server_state.h"

enum { RECORD_MAX = 256 * 1024, KEY_MAX = 24 };

static void
key_of(const struct mitigation *m, char *key)
{
	snprintf(key, KEY_MAX, "%" PRIu64, m->id);
}

/* The wall clock's time at moment 0 of the monotonic one. */
static wall_ms
epoch_of(const struct dots_server *s)
{
	return loop_wall() - loop_now(s->loop);
}

void
record_extend(struct dots_server *s, struct mitigation *m)
{
	lifetimes_put(s->lifetimes, s->book, m, epoch_of(s));
}

/* Of what was never asked for upstream nothing, but what it would be asked with. */
static void
add_upstream(const struct dots_server *s, json_t *record, const struct mitigation *m)
{
	const struct dropped *d = &m->dropped[DROPPED_UPSTREAM];

	if (recursion_is_on(s)) {
		json_object_set_new(record, "hops", json_integer(m->hop_limit));
		json_object_set_new(record, "cdid", json_string(m->cdid));
		json_object_set_new(record, "local", json_boolean(m->local));
	}
	if (m->escalated || d->packets)
		json_object_set_new(record, "upstream",
			json_pack("{sb si si sI sI sI sI}", "escalated", m->escalated, "here",
				(int)m->here, "status", (int)m->upstream, "packets",
				(json_int_t)d->packets, "bytes", (json_int_t)d->bytes,
				"packets_base", (json_int_t)d->packets_base, "bytes_base",
				(json_int_t)d->bytes_base));
}

/* Of names and aliases what they stood for: it is protected before anybody is asked again. */
static void
add_cover(json_t *record, const struct mitigation *m)
{
	const struct target *t = &m->cover.fixed;
	struct scope fixed = {.target = *t, .trigger_mitigation = true};
	struct buf text;

	if (!m->cover.arena)
		return;
	fixed.has = (t->n_target_prefix ? 1ULL << SCOPE_TARGET_PREFIX : 0) |
		    (t->n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		    (t->n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0);
	buf_init(&text, RECORD_MAX);
	schema_encode_json(&scope_schema, &fixed, &text);
	if (fixed.has)
		json_object_set_new(record, "cover", json_string(buf_text(&text)));
	if (m->cover.n_names)
		json_object_set_new(
			record, "names", name_record_write(m->cover.names, m->cover.n_names));
	buf_finish(&text);
}

static json_t *
dropped_json(const struct dropped *d)
{
	return json_pack("{sI sI sI sI}", "packets", (json_int_t)d->packets, "bytes",
		(json_int_t)d->bytes, "packets_base", (json_int_t)d->packets_base, "bytes_base",
		(json_int_t)d->bytes_base);
}

/* What it waits for, and whether that has come. */
static void
add_preconfigured(json_t *record, const struct mitigation *m)
{
	json_object_set_new(record, "peer", json_string(m->peer));
	json_object_set_new(record, "active", json_boolean(m->filtering));
	json_object_set_new(record, "asked_now", json_boolean(m->escalated_now));
}

void
record_put(struct dots_server *s, struct mitigation *m)
{
	wall_ms expires = m->expires == INT64_MAX ? -1 : epoch_of(s) + m->expires;
	const struct dropped *here = &m->dropped[DROPPED_HERE];
	struct buf scope;
	char key[KEY_MAX], *text;
	json_t *j;

	buf_init(&scope, RECORD_MAX);
	schema_encode_json(&scope_schema, &m->scope, &scope);
	j = json_pack("{sI ss ss sI si sI sI sI sI sb si sI sI sI sI ss}", "id", (json_int_t)m->id,
		"client", m->client, "cuid", m->cuid, "mid", (json_int_t)m->mid, "status",
		(int)m->status, "started", (json_int_t)m->started, "expires", (json_int_t)expires,
		"left", (json_int_t)mitigation_remaining(m, loop_now(s->loop)), "lifetimes",
		(json_int_t)lifetimes_last(s->lifetimes), "terminating", m->terminating,
		"terminating_s", (int)m->terminating_s, "packets", (json_int_t)here->packets,
		"bytes", (json_int_t)here->bytes, "packets_base", (json_int_t)here->packets_base,
		"bytes_base", (json_int_t)here->bytes_base, "scope", buf_text(&scope));
	add_upstream(s, j, m);
	add_cover(j, m);
	if (m->observed.packets)
		json_object_set_new(j, "observed", dropped_json(&m->observed));
	if (m->peer)
		add_preconfigured(j, m);
	text = json_dumps(j, JSON_COMPACT);
	key_of(m, key);
	persist_put(s->persist, "mitigation", key, text);
	m->lifetime_row = 0; /* it says all */
	free(text);
	json_decref(j);
	buf_finish(&scope);
}

void
record_remove(struct dots_server *s, const struct mitigation *m)
{
	char key[KEY_MAX];

	key_of(m, key);
	persist_remove(s->persist, "mitigation", key);
}

void
record_cuid(struct dots_server *s, const char *client, const char *cuid)
{
	json_t *j = json_pack("{ss}", "client", client);
	char *text = json_dumps(j, JSON_COMPACT);

	persist_put(s->persist, "cuid", cuid, text);
	free(text);
	json_decref(j);
}

void
record_endpoint(struct dots_server *s, const struct endpoint *e)
{
	char text[ENDPOINT_TEXT_MAX];

	persist_put(s->persist, "endpoint", endpoint_format(e, text), "{}");
}

void
record_left(struct dots_server *s, const char *client, bool left)
{
	if (left)
		persist_put(s->persist, "left", client, "{}");
	else
		persist_remove(s->persist, "left", client);
}

static void
restore_left(void *arg, const char *key, const char *value)
{
	struct dots_server *s = arg;

	(void)value;
	if (clients_named(s->setup.clients, key))
		peer_group(s, key)->left = true;
	else
		record_left(s, key, false);
}

static void
restore_endpoint(void *arg, const char *key, const char *value)
{
	struct endpoint e;

	(void)value;
	if (endpoint_parse(key, 0, &e) == 0)
		server_learn_endpoint(arg, &e);
}

static void
restore_cuid(void *arg, const char *key, const char *value)
{
	struct dots_server *s = arg;
	json_t *j = json_loads(value, 0, NULL);
	const char *client = json_string_value(json_object_get(j, "client"));

	if (client && clients_named(s->setup.clients, client))
		cuids_restore(s->cuids, client, key);
	json_decref(j);
}

static json_int_t
number(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

/* What is left of it by the clock, which may have been set back meanwhile: never more than it had
 * when that was recorded (0: not told; then no more than it can have been granted). What was
 * granted before the operator made `lifetime-max` smaller stands. */
static int64_t
ms_left(const struct dots_server *s, const struct mitigation *m, wall_ms expires, int64_t recorded)
{
	int64_t left = persist_until(expires, loop_wall());
	int64_t most = recorded > 0 ? recorded : m->scope.lifetime;
	int64_t granted = mitigation_lifetime_max(
		&s->setup.policy, clients_named(s->setup.clients, m->client));

	if (recorded <= 0 && (m->lifetime_row || most < 0) && most < granted)
		most = granted;
	if (m->terminating)
		most = m->terminating_s;
	return left > most * 1000 ? most * 1000 : left;
}

static struct dropped
dropped_of(const json_t *j)
{
	return (struct dropped){(uint64_t)number(j, "packets"), (uint64_t)number(j, "bytes"),
		(uint64_t)number(j, "packets_base"), (uint64_t)number(j, "bytes_base")};
}

/* False: it cannot be read. */
static bool
restore_cover(struct dots_server *s, const json_t *j, struct mitigation *m, struct arena *a)
{
	const char *text = json_string_value(json_object_get(j, "cover"));
	const json_t *names = json_object_get(j, "names");
	struct scope fixed = {0};
	struct prefix foreign;
	struct schema_error err;

	if (!text && !names)
		return true;
	if (text && schema_decode_json(&scope_schema, a, text, strlen(text), &fixed, &err) != 0)
		return false;
	m->cover = (struct cover){.arena = a, .fixed = fixed.target};
	m->cover.n_names = name_record_read(names, a, &m->cover.names);
	cover_gather(&m->cover, clients_named(s->setup.clients, m->client), &foreign);
	return true;
}

/* It may have been, under an earlier configuration. */
static void
not_mitigated(struct mitigation *m)
{
	if (m->here == ATTACK_SUCCESSFULLY_MITIGATED)
		m->here = ATTACK_MITIGATION_IN_PROGRESS;
	if (!m->here && m->status == ATTACK_SUCCESSFULLY_MITIGATED)
		m->status = ATTACK_MITIGATION_IN_PROGRESS;
}

static bool
restore_one(struct dots_server *s, const char *key, const json_t *j, struct arena *a)
{
	wall_ms expires = number(j, "expires");
	const char *scope = json_string_value(json_object_get(j, "scope"));
	const json_t *upstream = json_object_get(j, "upstream");
	bool beside = recursion_is_on(s); /* else it was, in an earlier configuration */
	struct mitigation m = {
		.id = (uint64_t)number(j, "id"),
		.client = (char *)json_string_value(json_object_get(j, "client")),
		.cuid = (char *)json_string_value(json_object_get(j, "cuid")),
		.mid = (uint32_t)number(j, "mid"),
		.status = (enum dots_status)number(j, "status"),
		.started = number(j, "started"),
		.terminating = json_is_true(json_object_get(j, "terminating")),
		.terminating_s = (uint32_t)number(j, "terminating_s"),
		.here = (enum dots_status)number(upstream, "here"),
		.upstream = beside ? (enum dots_status)number(upstream, "status") : 0,
		.escalated = beside && json_is_true(json_object_get(upstream, "escalated")),
		.hop_limit = (uint8_t)number(j, "hops"),
		.cdid = (char *)json_string_value(json_object_get(j, "cdid")),
		.local = json_is_true(json_object_get(j, "local")),
		.peer = (char *)json_string_value(json_object_get(j, "peer")),
		.escalated_now = s->escalation && json_is_true(json_object_get(j, "asked_now")),
		.dropped =
			{[DROPPED_HERE] = dropped_of(j), [DROPPED_UPSTREAM] = dropped_of(upstream)},
		.observed = dropped_of(json_object_get(j, "observed")),
	};
	const struct client *c = m.client ? clients_named(s->setup.clients, m.client) : NULL;
	char own_key[KEY_MAX];
	struct schema_error err;
	int64_t left, recorded = number(j, "left");

	lifetimes_find(s->lifetimes, m.id, (uint64_t)number(j, "lifetimes"), &expires, &recorded,
		&m.lifetime_row);
	key_of(&m, own_key);
	if (!m.id || strcmp(key, own_key) != 0 || !m.client || !m.cuid || !scope ||
		schema_decode_json(&scope_schema, a, scope, strlen(scope), &m.scope, &err) != 0 ||
		!restore_cover(s, j, &m, a))
		return false;
	left = expires < 0 ? -1 : ms_left(s, &m, expires, recorded);
	if (expires >= 0 && left <= 0) {
		record_remove(s, &m); /* its lifetime ended while we were away */
		return true;
	}
	m.filtering = m.scope.trigger_mitigation || json_is_true(json_object_get(j, "active"));
	if (c)
		m.action = c->action;
	if (m.action.kind == ACTION_OBSERVE && s->n_mitigators && !m.terminating)
		not_mitigated(&m);
	return book_restore(s->book, &m, left, loop_now(s->loop)) != NULL;
}

static void
restore_mitigation(void *arg, const char *key, const char *value)
{
	struct dots_server *s = arg;
	json_t *j = json_loads(value, 0, NULL);
	struct arena *a = arena_new();

	if (!restore_one(s, key, j, a))
		event_raise(EVENT_ALERT, EVENT_F("reason", "a stored mitigation cannot be read"),
			EVENT_F("target", key));
	arena_free(a);
	json_decref(j);
}

static bool
put_one(void *arg, struct mitigation *m)
{
	record_put(arg, m);
	return true;
}

void
records_rewrite(struct dots_server *s)
{
	book_all(s->book, put_one, s);
}

void
records_restore(struct dots_server *s)
{
	persist_each(s->persist, "endpoint", restore_endpoint, s);
	persist_each(s->persist, "cuid", restore_cuid, s);
	persist_each(s->persist, "left", restore_left, s);
	lifetimes_restore(s->lifetimes);
	persist_each(s->persist, "mitigation", restore_mitigation, s);
	lifetimes_restored(s->lifetimes);
}
