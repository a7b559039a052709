/*
 * The control socket: a table of commands over framed JSON. Whoever may open the socket may
 * command.
 */
#include "daemon/control.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "base/frame.h"
#include "base/mem.h"
#include "daemon/store.h"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_PENDING = 4,
	FRAME_MAX = 1024 * 1024,
	CONNECTIONS_MAX = 32,
	TARGETS_MAX = 4096,
	WAIT_MS = 3000,
	LOOK_MS = 50, /* how often a waiting `mitigate` looks */
	WHY_MAX = 256,
};

struct connection;

struct control {
	struct loop *loop;
	const struct control_parts *parts;
	char *path;
	int fd;
	struct watch *watch;
	struct connection *connections[CONNECTIONS_MAX];
	mono_ms started;
};

struct connection {
	struct control *control;
	struct frame_conn *conn;
	/* of a `mitigate` that waits for answers */
	struct timer *timer;
	char *waiting;
	mono_ms until;
	struct connection **stored; /* what the store calls back with; emptied when we go first */
};

/* ---- replies ---- */

static void
reply(struct connection *c, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);

	frame_send(c->conn, text, strlen(text), -1);
	free(text);
	json_decref(j);
}

static json_t *
done(int code)
{
	return json_pack("{si}", "exit", code);
}

static void
refuse(struct connection *c, int code, const char *why)
{
	json_t *j = done(code);

	json_object_set_new(j, "error", json_string(why));
	reply(c, j);
}

static json_t *
time_text(wall_ms when)
{
	time_t seconds = (time_t)(when / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *
prefixes_json(const struct prefix *list, size_t n)
{
	json_t *j = json_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, json_string(prefix_format(&list[i], text)));
	return j;
}

static json_t *
endpoint_json(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT_MAX];

	return e->addr.family ? json_string(endpoint_format(e, text)) : json_null();
}

static json_t *
ports_json(const struct target *t)
{
	json_t *j = json_array();
	char text[16];

	for (size_t i = 0; i < t->n_target_port_range; i++) {
		const struct port_range *r = &t->target_port_range[i];

		snprintf(text, sizeof(text), port_range_last(r) == r->lower_port ? "%u" : "%u-%u",
			(unsigned)r->lower_port, (unsigned)port_range_last(r));
		json_array_append_new(j, json_string(text));
	}
	return j;
}

static json_t *
protocols_json(const struct target *t)
{
	json_t *j = json_array();

	for (size_t i = 0; i < t->n_target_protocol; i++)
		json_array_append_new(j, json_integer((json_int_t)t->target_protocol[i]));
	return j;
}

/* ---- views ---- */

static const char *const wish_states[] = {[WISH_REFUSED] = "refused",
	[WISH_PENDING] = "pending",
	[WISH_SENT] = "sent",
	[WISH_SILENT] = "silent",
	[WISH_PLACED] = "placed",
	[WISH_ENDED] = "ended"};

static json_t *
part_json(const struct config *cfg, const struct wish_part *p)
{
	const struct domain *d = p->domain >= 0 ? &cfg->homing->domains[p->domain] : NULL;
	char prefix[PREFIX_TEXT_MAX], code[5];
	json_t *j = json_pack("{ss ss}", "target", prefix_format(&p->prefix, prefix), "state",
		wish_states[p->state]);

	if (d)
		json_object_set_new(j, "domain", json_string(d->name));
	if (p->server >= 0)
		json_object_set_new(
			j, "server", json_string(cfg->homing->servers[p->server]->name));
	if (d && d->n_interfaces)
		json_object_set_new(j, "interface", json_string(d->interfaces[0]));
	if (p->mid)
		json_object_set_new(j, "mid", json_integer(p->mid));
	if (p->code)
		json_object_set_new(j, "code", json_string(coap_code_format(p->code, code)));
	if (p->status)
		json_object_set_new(j, "status", json_string(dots_status_name((int)p->status)));
	if (p->state == WISH_PLACED) {
		json_object_set_new(j, "lifetime", json_integer(p->lifetime));
		json_object_set_new(
			j, "dropped_packets", json_integer((json_int_t)p->pkts_dropped));
		json_object_set_new(j, "dropped_bytes", json_integer((json_int_t)p->bytes_dropped));
	}
	json_object_set_new(j, "section", json_string(p->section ? p->section : ""));
	json_object_set_new(j, "reason", json_string(p->reason ? p->reason : ""));
	return j;
}

static json_t *
parts_json(const struct config *cfg, const struct wish_part *parts, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, part_json(cfg, &parts[i]));
	return j;
}

static json_t *
wish_json(struct control *c, const char *id)
{
	struct arena *a = arena_new();
	struct wish_view v;
	json_t *j = NULL;

	if (wishes_view(dots_client_wishes(c->parts->client), id, loop_now(c->loop), a, &v)) {
		j = json_pack("{ss ss so so so so sb so}", "id", v.id, "asker", v.asker, "targets",
			prefixes_json(v.target->target_prefix, v.target->n_target_prefix), "ports",
			ports_json(v.target), "protocols", protocols_json(v.target), "asked",
			time_text(v.asked), "releasing", v.releasing, "parts",
			parts_json(c->parts->config, v.parts, v.n_parts));
		if (v.until)
			json_object_set_new(j, "until", time_text(v.until));
	}
	arena_free(a);
	return j;
}

static json_t *
mitigation_json(const struct mitigation *m, mono_ms now)
{
	const struct target *t = &m->scope.target;

	return json_pack("{sI ss ss sI so so so ss sI so sI sI sI sI sb}", "id", (json_int_t)m->id,
		"client", m->client, "cuid", m->cuid, "mid", (json_int_t)m->mid, "targets",
		prefixes_json(t->target_prefix, t->n_target_prefix), "ports", ports_json(t),
		"protocols", protocols_json(t), "status", dots_status_name(m->status), "lifetime",
		(json_int_t)mitigation_remaining(m, now), "started", time_text(m->started),
		"dropped_packets", (json_int_t)m->packets, "dropped_bytes", (json_int_t)m->bytes,
		"pps", (json_int_t)m->pps, "bps", (json_int_t)m->bps, "volatile", m->volatile_);
}

static void
add_server(void *arg, const struct server_view *v)
{
	json_t *j = json_pack("{ss ss ss ss ss so so ss ss sb}", "domain", v->domain, "name",
		v->server, "state", v->state, "reason", v->reason, "interface", v->interface,
		"local", endpoint_json(&v->local), "remote", endpoint_json(&v->remote),
		"credential", v->credential, "cuid", v->cuid, "resumed", v->resumed);

	if (v->heard_s >= 0)
		json_object_set_new(j, "heard", json_integer(v->heard_s));
	if (v->next_attempt_s >= 0)
		json_object_set_new(j, "next_attempt", json_integer(v->next_attempt_s));
	json_array_append_new(arg, j);
}

static json_t *
servers_json(struct control *c)
{
	json_t *j = json_array();

	if (c->parts->client)
		dots_client_servers(c->parts->client, add_server, j);
	return j;
}

static void
add_peer(void *arg, const struct peer_view *v)
{
	json_array_append_new(arg,
		json_pack("{ss ss ss ss so so ss sb sI}", "client", v->client, "credential",
			v->credential, "ca", v->ca, "state", v->state, "local",
			endpoint_json(&v->local), "remote", endpoint_json(&v->remote), "interface",
			v->interface, "resumed", v->resumed, "heard", (json_int_t)v->heard_s));
}

static json_t *
peers_json(struct control *c)
{
	json_t *j = json_array();

	if (c->parts->server)
		server_sessions(c->parts->server, add_peer, j);
	return j;
}

/* ---- commands: looking ---- */

static void
add_wish(void *arg, const char *id)
{
	json_array_append_new(arg, json_string(id));
}

static json_t *
wishes_json(struct control *c)
{
	json_t *ids = json_array(), *j = json_array(), *id;
	size_t i;

	if (c->parts->client)
		wishes_each(dots_client_wishes(c->parts->client), add_wish, ids);
	json_array_foreach(ids, i, id)
		json_array_append_new(j, wish_json(c, json_string_value(id)));
	json_decref(ids);
	return j;
}

struct listing {
	json_t *array;
	mono_ms now;
};

static bool
add_mitigation(void *arg, struct mitigation *m)
{
	struct listing *l = arg;

	json_array_append_new(l->array, mitigation_json(m, l->now));
	return true;
}

static json_t *
mitigations_json(struct control *c)
{
	struct listing l = {json_array(), loop_now(c->loop)};

	if (c->parts->server)
		book_all(server_book(c->parts->server), add_mitigation, &l);
	return l.array;
}

/* What the operator should look at, in words. */
static json_t *
alerts_json(struct control *c, json_t *servers)
{
	json_t *alerts = json_array(), *s;
	size_t i;

	json_array_foreach(servers, i, s)
	{
		const char *state = json_string_value(json_object_get(s, "state"));

		if (strcmp(state, "available") != 0)
			json_array_append_new(alerts,
				json_sprintf("%s of %s is %s: %s",
					json_string_value(json_object_get(s, "name")),
					json_string_value(json_object_get(s, "domain")), state,
					json_string_value(json_object_get(s, "reason"))));
	}
	if (store_backlog(c->parts->store))
		json_array_append_new(alerts,
			json_string(
				"the store fails: what is accepted now would not survive a crash"));
	return alerts;
}

static void
cmd_status(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	size_t backlog = store_backlog(c->parts->store);
	json_t *j = done(EXIT_DONE), *roles = json_array(), *servers = servers_json(c);
	json_t *peers = peers_json(c);

	(void)request;
	if (c->parts->client)
		json_array_append_new(roles, json_string("client"));
	if (c->parts->server)
		json_array_append_new(roles, json_string(c->parts->client ? "gateway" : "server"));
	json_object_set_new(j, "version", json_string(DOTSD_VERSION));
	json_object_set_new(j, "instance", json_string(c->parts->config->instance));
	json_object_set_new(j, "roles", roles);
	json_object_set_new(j, "uptime", json_integer((loop_now(c->loop) - c->started) / 1000));
	json_object_set_new(j, "store",
		json_pack("{ss sI}", "state", backlog ? "volatile" : "durable", "backlog",
			(json_int_t)backlog));
	json_object_set_new(j, "wishes",
		json_integer(c->parts->client ? (json_int_t)wishes_count(
							dots_client_wishes(c->parts->client))
					      : 0));
	json_object_set_new(j, "mitigations",
		json_integer(c->parts->server
				     ? (json_int_t)book_count(server_book(c->parts->server))
				     : 0));
	json_object_set_new(j, "sessions",
		json_integer((json_int_t)(json_array_size(servers) + json_array_size(peers))));
	json_object_set_new(j, "alerts", alerts_json(c, servers));
	json_decref(servers);
	json_decref(peers);
	reply(conn, j);
}

static json_t *
texts_json(char *const *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, json_string(list[i]));
	return j;
}

static json_t *
domain_json(const struct domain *d, const json_t *servers)
{
	json_t *j = json_pack("{ss sb so so so}", "name", d->name, "gateway", d->gateway,
		"interfaces", texts_json(d->interfaces, d->n_interfaces), "prefixes",
		prefixes_json(d->prefixes, d->n_prefixes), "protects",
		prefixes_json(d->protects, d->n_protects));
	json_t *resolvers = json_array(), *own = json_array(), *s;
	size_t i;

	for (i = 0; i < d->n_resolvers; i++)
		json_array_append_new(resolvers, endpoint_json(&d->resolvers[i]));
	json_array_foreach(servers, i,
		s) if (!strcmp(json_string_value(json_object_get(s, "domain")), d->name))
		json_array_append(own, s);
	json_object_set_new(j, "resolvers", resolvers);
	json_object_set_new(j, "servers", own);
	return j;
}

static void
cmd_domains(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	const struct homing *h = c->parts->config->homing;
	json_t *j = done(EXIT_DONE), *domains = json_array(), *servers = servers_json(c);

	(void)request;
	for (size_t i = 0; i < h->n_domains; i++)
		json_array_append_new(domains, domain_json(&h->domains[i], servers));
	json_object_set_new(j, "domains", domains);
	json_decref(servers);
	reply(conn, j);
}

static void
cmd_sessions(struct connection *conn, const json_t *request)
{
	json_t *j = done(EXIT_DONE);

	(void)request;
	json_object_set_new(j, "upstream", servers_json(conn->control));
	json_object_set_new(j, "clients", peers_json(conn->control));
	reply(conn, j);
}

static void
cmd_list(struct connection *conn, const json_t *request)
{
	json_t *j = done(EXIT_DONE);

	(void)request;
	json_object_set_new(j, "wishes", wishes_json(conn->control));
	json_object_set_new(j, "mitigations", mitigations_json(conn->control));
	reply(conn, j);
}

static void
cmd_show(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	const char *id = json_string_value(json_object_get(request, "id"));
	struct mitigation *m =
		c->parts->server ? book_by_id(server_book(c->parts->server), strtoull(id, NULL, 10))
				 : NULL;
	json_t *wish = c->parts->client ? wish_json(c, id) : NULL, *j;

	if (!wish && !m) {
		refuse(conn, EXIT_REFUSED, "there is nothing of this id");
		return;
	}
	j = done(EXIT_DONE);
	if (wish)
		json_object_set_new(j, "wish", wish);
	else
		json_object_set_new(j, "mitigation", mitigation_json(m, loop_now(c->loop)));
	reply(conn, j);
}

/* ---- commands: asking ---- */

static bool
parse_port(const char *text, struct port_range *ret)
{
	unsigned lower, upper;
	char end;
	int n = text ? sscanf(text, "%5u-%5u%c", &lower, &upper, &end) : 0;

	if (n == 1 && strspn(text, "0123456789") == strlen(text))
		upper = lower;
	else if (n != 2)
		return false;
	*ret = (struct port_range){
		.has = 1ULL << PORT_RANGE_LOWER_PORT | 1ULL << PORT_RANGE_UPPER_PORT,
		.lower_port = lower,
		.upper_port = upper};
	if (lower == upper)
		ret->has = 1ULL << PORT_RANGE_LOWER_PORT;
	return lower <= upper && upper <= 65535;
}

static bool
parse_targets(const json_t *list, struct arena *a, struct target *t, char *why)
{
	size_t n = json_array_size(list);

	if (!n || n > TARGETS_MAX) {
		snprintf(why, WHY_MAX, "targets: 1 to %d are taken", TARGETS_MAX);
		return false;
	}
	t->target_prefix = arena_alloc(a, n, sizeof(*t->target_prefix));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || prefix_parse(text, &t->target_prefix[t->n_target_prefix++]) != 0) {
			snprintf(why, WHY_MAX, "targets: %.60s is no address or prefix",
				text ? text : "that");
			return false;
		}
	}
	return true;
}

static bool
parse_target(const json_t *request, struct arena *a, struct target *t, char *why)
{
	const json_t *ports = json_object_get(request, "ports");
	const json_t *protocols = json_object_get(request, "protocols"), *item;
	size_t i;

	*t = (struct target){0};
	if (!parse_targets(json_object_get(request, "targets"), a, t, why))
		return false;
	t->target_port_range =
		arena_alloc(a, json_array_size(ports), sizeof(*t->target_port_range));
	t->target_protocol =
		arena_alloc(a, json_array_size(protocols), sizeof(*t->target_protocol));
	json_array_foreach(
		ports, i, item) if (!parse_port(json_string_value(item),
					    &t->target_port_range[t->n_target_port_range++]))
	{
		snprintf(why, WHY_MAX, "ports: expected P or P-Q below 65536");
		return false;
	}
	json_array_foreach(protocols, i, item)
	{
		json_int_t v = json_integer_value(item);

		if (!json_is_integer(item) || v < 0 || v > 255) {
			snprintf(why, WHY_MAX, "protocols: expected numbers from 0 to 255");
			return false;
		}
		t->target_protocol[t->n_target_protocol++] = (uint64_t)v;
	}
	return true;
}

static int
exit_of(const struct wish_part *parts, size_t n)
{
	size_t placed = 0, refused = 0;

	for (size_t i = 0; i < n; i++) {
		placed += parts[i].state == WISH_PLACED;
		refused += parts[i].state == WISH_REFUSED;
	}
	return placed == n ? EXIT_DONE : refused == n ? EXIT_REFUSED : EXIT_PENDING;
}

static bool
is_settled(const struct wish_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].state == WISH_SENT || parts[i].state == WISH_SILENT)
			return false;
	return true;
}

/* Answers a `mitigate` when every part is settled, or when its patience is over. */
static void
look(void *arg)
{
	struct connection *conn = arg;
	struct control *c = conn->control;
	struct arena *a = arena_new();
	struct wish_view v = {0};
	bool there = wishes_view(
		dots_client_wishes(c->parts->client), conn->waiting, loop_now(c->loop), a, &v);

	if (there && !is_settled(v.parts, v.n_parts) && loop_now(c->loop) < conn->until) {
		timer_after(conn->timer, LOOK_MS);
	} else {
		json_t *j = done(exit_of(v.parts, v.n_parts));

		json_object_set_new(j, "id", json_string(conn->waiting));
		json_object_set_new(j, "parts", parts_json(c->parts->config, v.parts, v.n_parts));
		free(conn->waiting);
		conn->waiting = NULL;
		reply(conn, j);
	}
	arena_free(a);
}

static void
stored(void *arg, bool durable)
{
	/* What `mitigate` answers is on disk, or the store failed and said so. */
	struct connection **slot = arg;

	(void)durable;
	if (*slot) {
		(*slot)->stored = NULL;
		if (!(*slot)->timer)
			(*slot)->timer = timer_new((*slot)->control->loop, look, *slot);
		look(*slot);
	}
	free(slot);
}

static void
refuse_all(struct connection *conn, const struct target *t, const char *why)
{
	struct control *c = conn->control;
	struct arena *a = arena_new();
	struct wish_part *parts;
	size_t n = wishes_explain(dots_client_wishes(c->parts->client), t, a, &parts);
	json_t *j = done(EXIT_REFUSED);

	json_object_set_new(j, "parts", parts_json(c->parts->config, parts, n));
	json_object_set_new(j, "error", json_string(why));
	reply(conn, j);
	arena_free(a);
}

static void
ask(struct connection *conn, const json_t *request, const struct target *t)
{
	struct control *c = conn->control;
	const char *asker = json_string_value(json_object_get(request, "asker"));
	json_t *wait = json_object_get(request, "wait");
	struct wish_request r = {.id = json_string_value(json_object_get(request, "id")),
		.asker = asker ? asker : "operator",
		.target = t,
		.trigger_mitigation = true,
		.lifetime = json_integer_value(json_object_get(request, "lifetime")),
		.duration = json_integer_value(json_object_get(request, "for"))};
	char id[WISH_ID_MAX], why[WHY_MAX] = "";
	struct wishes *w = dots_client_wishes(c->parts->client);
	int error = wishes_ask(w, &r, loop_now(c->loop), loop_wall(), id, why, sizeof(why));
	struct connection **slot;

	dots_client_run(c->parts->client);
	if (error) {
		if (error == -EPERM)
			refuse_all(conn, t, why);
		else
			refuse(conn, EXIT_REFUSED, why);
		return;
	}
	conn->waiting = mem_text(id);
	conn->until = loop_now(c->loop) +
		      (wait ? (mono_ms)json_integer_value(wait) * 1000 : (mono_ms)WAIT_MS);
	slot = mem_new(sizeof(struct connection *));
	*slot = conn;
	conn->stored = slot;
	persist_after(c->parts->store, stored, slot);
}

static void
cmd_mitigate(struct connection *conn, const json_t *request)
{
	struct arena *a = arena_new();
	struct target t;
	char why[WHY_MAX];

	if (!parse_target(request, a, &t, why))
		refuse(conn, EXIT_USAGE, why);
	else
		ask(conn, request, &t);
	arena_free(a);
}

static void
cmd_explain(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	struct arena *a = arena_new();
	struct target t;
	struct wish_part *parts;
	char why[WHY_MAX];
	size_t n;
	json_t *j;

	if (!parse_target(request, a, &t, why)) {
		refuse(conn, EXIT_USAGE, why);
	} else {
		n = wishes_explain(dots_client_wishes(c->parts->client), &t, a, &parts);
		j = done(EXIT_DONE);
		json_object_set_new(j, "parts", parts_json(c->parts->config, parts, n));
		reply(conn, j);
	}
	arena_free(a);
}

static void
cmd_refresh(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	int error = wishes_refresh(dots_client_wishes(c->parts->client),
		json_string_value(json_object_get(request, "id")), loop_now(c->loop));

	dots_client_run(c->parts->client);
	if (error)
		refuse(conn, EXIT_REFUSED, "there is no request of this id");
	else
		reply(conn, done(EXIT_DONE));
}

static void
withdrawn(void *arg, bool durable)
{
	struct connection **slot = arg;

	(void)durable;
	if (*slot) {
		(*slot)->stored = NULL;
		reply(*slot, done(EXIT_DONE));
	}
	free(slot);
}

static void
cmd_withdraw(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	struct connection **slot;
	int error = wishes_release(dots_client_wishes(c->parts->client),
		json_string_value(json_object_get(request, "id")), loop_now(c->loop), loop_wall());

	dots_client_run(c->parts->client);
	if (error) {
		refuse(conn, EXIT_REFUSED, "there is no request of this id");
		return;
	}
	slot = mem_new(sizeof(struct connection *));
	*slot = conn;
	conn->stored = slot;
	persist_after(c->parts->store, withdrawn, slot);
}

static void
cmd_reload(struct connection *conn, const json_t *request)
{
	struct control *c = conn->control;
	char why[WHY_MAX] = "";

	(void)request;
	c->parts->reload(c->parts->reload_arg, why, sizeof(why));
	if (*why)
		refuse(conn, EXIT_REFUSED, why);
	else
		reply(conn, done(EXIT_DONE));
}

/* ---- the table ---- */

static const struct command {
	const char *name;
	bool needs_client; /* the client role */
	bool needs_id;
	const char *arguments[8]; /* others than `command` */
	void (*run)(struct connection *c, const json_t *request);
} commands[] = {
	{"status", false, false, {NULL}, cmd_status},
	{"domains", false, false, {NULL}, cmd_domains},
	{"sessions", false, false, {NULL}, cmd_sessions},
	{"mitigate", true, false,
		{"targets", "ports", "protocols", "lifetime", "for", "id", "asker", "wait"},
		cmd_mitigate},
	{"list", false, false, {NULL}, cmd_list},
	{"show", false, true, {"id"}, cmd_show},
	{"refresh", true, true, {"id"}, cmd_refresh},
	{"withdraw", true, true, {"id"}, cmd_withdraw},
	{"explain", true, false, {"targets", "ports", "protocols"}, cmd_explain},
	{"reload", false, false, {NULL}, cmd_reload},
};

static bool
takes(const struct command *c, const char *argument)
{
	for (size_t i = 0; i < 8 && c->arguments[i]; i++)
		if (!strcmp(c->arguments[i], argument))
			return true;
	return !strcmp(argument, "command");
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void
dispatch(struct connection *conn, const json_t *request)
{
	const struct command *c =
		find_command(json_string_value(json_object_get(request, "command")));
	char why[WHY_MAX];
	const char *name;
	json_t *value;

	if (!c || conn->waiting || conn->stored) {
		refuse(conn, EXIT_USAGE,
			c ? "one request at a time on a connection" : "unknown command");
		return;
	}
	json_object_foreach((json_t *)request, name, value) if (!takes(c, name))
	{
		snprintf(why, sizeof(why), "%s does not take %.60s", c->name, name);
		refuse(conn, EXIT_USAGE, why);
		return;
	}
	if (c->needs_id && !json_is_string(json_object_get(request, "id")))
		refuse(conn, EXIT_USAGE, "id is missing");
	else if (c->needs_client && !conn->control->parts->client)
		refuse(conn, EXIT_REFUSED,
			"this dotsd asks nobody: no domains or gateways are configured");
	else
		c->run(conn, request);
}

/* ---- connections ---- */

static void
connection_free(struct connection *c)
{
	struct control *control = c->control;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (control->connections[i] == c)
			control->connections[i] = NULL;
	if (c->stored)
		*c->stored = NULL;
	frame_conn_free(c->conn);
	timer_free(c->timer);
	free(c->waiting);
	free(c);
}

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct connection *c = arg;
	json_t *request = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);

	if (fd >= 0)
		close(fd);
	if (json_is_object(request))
		dispatch(c, request);
	else
		refuse(c, EXIT_USAGE, "not a JSON object");
	json_decref(request);
}

static void
on_closed(void *arg, int error)
{
	(void)error;
	connection_free(arg);
}

static const struct frame_ops frame_ops = {on_message, on_closed};

static void
on_accept(void *arg, int events)
{
	struct control *c = arg;
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);
	size_t slot = 0;

	(void)events;
	if (fd < 0)
		return;
	while (slot < CONNECTIONS_MAX && c->connections[slot])
		slot++;
	if (slot == CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	c->connections[slot] = mem_new(sizeof(struct connection));
	c->connections[slot]->control = c;
	c->connections[slot]->conn =
		frame_conn_new(c->loop, fd, FRAME_MAX, &frame_ops, c->connections[slot]);
}

struct control *
control_new(
	struct loop *l, const char *path, const struct control_parts *parts, char *why, size_t cap)
{
	struct control *c;
	int fd = frame_listen(path, 0660);

	if (fd < 0) {
		snprintf(why, cap, "cannot listen on %s: %s", path, strerror(-fd));
		return NULL;
	}
	c = mem_new(sizeof(*c));
	c->loop = l;
	c->parts = parts;
	c->path = mem_text(path);
	c->fd = fd;
	c->started = loop_now(l);
	c->watch = watch_new(l, fd, LOOP_READ, on_accept, c);
	return c;
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (c->connections[i])
			connection_free(c->connections[i]);
	watch_free(c->watch);
	close(c->fd);
	unlink(c->path);
	free(c->path);
	free(c);
}
