/*
 * By the operator's hand: a mitigation is ended, a client is suspended and resumed; and what each
 * client has and may have, for the operator to look at.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

static const char kind[] = "suspended"; /* of the store: key client, {"since", "reason"} */

/* A client that gets nothing new. */
struct suspension {
	wall_ms since;
	char *reason; /* the operator's words; "" */
};

static void
suspension_free(struct suspension *p)
{
	if (!p)
		return;
	free(p->reason);
	free(p);
}

static bool
free_one(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	suspension_free(value);
	return true;
}

void
suspensions_free(struct dots_server *s)
{
	map_each(s->suspended, free_one, NULL);
	map_free(s->suspended);
}

static struct suspension *
find(const struct dots_server *s, const char *client)
{
	return map_get(s->suspended, client, strlen(client));
}

bool
server_is_suspended(const struct dots_server *s, const char *client)
{
	return find(s, client) != NULL;
}

/* ---- over a restart -------------------------------------------------------------------------- */

static void
enter(struct dots_server *s, const char *client, wall_ms since, const char *reason)
{
	struct suspension *p = mem_new(sizeof(*p));

	p->since = since;
	p->reason = mem_text(reason ? reason : "");
	suspension_free(map_set(s->suspended, client, strlen(client), p));
}

static void
restore(void *arg, const char *key, const char *value)
{
	json_t *j = json_loads(value, 0, NULL);

	enter(arg, key, json_integer_value(json_object_get(j, "since")),
		json_string_value(json_object_get(j, "reason")));
	json_decref(j);
}

/* One that is in the configuration no more stays suspended: it may come back to it. */
void
suspensions_restore(struct dots_server *s)
{
	persist_each(s->persist, kind, restore, s);
}

static void
record(struct dots_server *s, const char *client)
{
	const struct suspension *p = find(s, client);
	json_t *j = json_pack("{sI ss}", "since", (json_int_t)p->since, "reason", p->reason);
	char *text = json_dumps(j, JSON_COMPACT);

	persist_put(s->persist, kind, client, text);
	free(text);
	json_decref(j);
}

/* ---- mitigations ----------------------------------------------------------------------------- */

static void
end_one(struct dots_server *s, struct mitigation *m, const char *reason)
{
	struct effects fx = {0};
	struct buf scope;

	buf_init(&scope, 8192);
	server_scope_text(&m->scope.target, &scope);
	event_raise(EVENT_TERMINATED, EVENT_N("id", m->id), EVENT_F("client", m->client),
		EVENT_N("mid", m->mid), EVENT_F("scope", buf_text(&scope)),
		EVENT_F("reason", reason));
	buf_finish(&scope);
	server_end(s, m, "terminated by the operator", &fx);
	server_apply(s, &fx);
}

struct verdict
server_terminate(struct dots_server *s, uint64_t id, const char *reason)
{
	struct mitigation *m = book_by_id(s->book, id);

	if (!m)
		return verdict_of(COAP_404_NOT_FOUND, "there is no such mitigation");
	end_one(s, m, reason);
	return (struct verdict){.code = COAP_202_DELETED};
}

static bool
is_theirs(void *arg, const struct mitigation *m)
{
	return !strcmp(m->client, arg);
}

static size_t
end_theirs(struct dots_server *s, const char *client, const char *reason)
{
	size_t n;
	uint64_t *ids = book_ids(s->book, is_theirs, (void *)(uintptr_t)client, &n);

	for (size_t i = 0; i < n; i++)
		end_one(s, book_by_id(s->book, ids[i]), reason);
	free(ids);
	return n;
}

/* ---- clients --------------------------------------------------------------------------------- */

static struct verdict
unknown(const char *client)
{
	return verdict_of(
		COAP_404_NOT_FOUND, "there is no client %.64s; see dotsctl clients", client);
}

struct verdict
suspension_verdict(const struct dots_server *s, const char *client)
{
	const struct suspension *p = find(s, client);

	if (!p)
		return (struct verdict){.code = COAP_201_CREATED};
	return verdict_of(COAP_403_FORBIDDEN,
		"RFC 8811 2.2.2: nothing new is mitigated for client %.64s, which is suspended",
		client);
}

struct verdict
server_suspend(struct dots_server *s, const char *client, const char *reason, bool end)
{
	const struct suspension *before = find(s, client);
	struct verdict v;
	size_t ended = 0;

	if (!clients_named(s->setup.clients, client))
		return unknown(client);
	enter(s, client, before ? before->since : loop_wall(), reason);
	record(s, client);
	if (end) {
		v = suspension_verdict(s, client);
		admissions_withdraw(s, client, &v);
		ended = end_theirs(s, client, reason);
	}
	event_raise(EVENT_CLIENT_SUSPENDED, EVENT_F("client", client), EVENT_F("reason", reason),
		EVENT_N("ended", ended));
	return (struct verdict){.code = COAP_204_CHANGED};
}

struct verdict
server_resume(struct dots_server *s, const char *client)
{
	struct suspension *p = map_remove(s->suspended, client, strlen(client));

	if (!p)
		return clients_named(s->setup.clients, client)
			       ? verdict_of(COAP_404_NOT_FOUND, "client %.64s is not suspended",
					 client)
			       : unknown(client);
	suspension_free(p);
	persist_remove(s->persist, kind, client);
	event_raise(EVENT_CLIENT_RESUMED, EVENT_F("client", client));
	return (struct verdict){.code = COAP_204_CHANGED};
}

size_t
server_suspended(const struct dots_server *s)
{
	return map_count(s->suspended);
}

/* ---- what they have -------------------------------------------------------------------------- */

static struct client_view
view_of(struct dots_server *s, const struct client *c)
{
	const struct suspension *p = find(s, c->name);
	struct client_view v = {.client = c, .heard_s = -1, .share = book_share(s->book, c->name)};

	peers_use(s, c->name, &v);
	if (p) {
		v.suspended = true;
		v.since = p->since;
		v.reason = p->reason;
	}
	return v;
}

void
server_clients(
	struct dots_server *s, void (*visit)(void *arg, const struct client_view *v), void *arg)
{
	for (size_t i = 0; i < clients_count(s->setup.clients); i++) {
		struct client_view v = view_of(s, clients_get(s->setup.clients, i));

		visit(arg, &v);
	}
}

bool
server_client(struct dots_server *s, const char *client, struct client_view *ret)
{
	const struct client *c = clients_named(s->setup.clients, client);

	if (c)
		*ret = view_of(s, c);
	return c;
}
