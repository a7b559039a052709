/*
 * nftables through dotsd-priv: keeps what is wanted, sends the changes of a turn as one commit,
 * starts over with a full synchronisation whenever the helper comes back. Installed filters stay in
 * the kernel meanwhile.
 */
#include "mitigator/nftables.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/frame.h"
#include "base/map.h"
#include "mitigator/filter_proto.h"

enum { RETRY_MS = 1000, POLL_MS = 1000 };

struct wanted {
	struct filter filter; /* arrays in arena */
	struct arena *arena;
	size_t size; /* in a message */
	bool sent;   /* the helper may have it */
	bool told;   /* reported installed, and not seen to be missing since */
	bool failed; /* reported failed since */
};

/* What the protocol cannot carry is refused alone, lest it spoil every change. */
struct refusal {
	uint64_t id;
	const char *why;
};

/* Of a client. The helper has them while the client has filters: without any nothing is dropped
 * that could hit them, and what the kernel holds does not grow with the number of clients. */
struct flow_set {
	struct filter_flows set;
	char *client;
	size_t size; /* in a message */
	size_t n_filters;
};

/* The ACLs of a client. Without rules they are on their way out. */
struct acls {
	struct acl_set set; /* in arena */
	struct arena *arena;
	size_t size; /* in a message */
	bool told;   /* reported as done, and not seen to be missing since */
	bool failed; /* reported failed since */
};

struct nftables {
	struct mitigator mitigator;
	struct loop *loop;
	struct mitigator_events events;
	char *socket, *instance;
	struct frame_conn *conn;
	struct timer *retry, *flush, *poll;
	bool lost_told;
	bool ready;            /* the helper is synchronised: changes may go out */
	bool busy;             /* a SYNC or COMMIT is not answered yet */
	bool syncing;          /* and it is a SYNC */
	bool asked;            /* COUNTERS is not answered yet */
	struct map *wanted;    /* id -> struct wanted */
	struct map *flow_sets; /* client -> struct flow_set */
	struct map *acls;      /* client -> struct acls */
	size_t filter_bytes, flow_bytes, acl_bytes; /* of a synchronisation */
	size_t n_acl_rules;
	struct map *dirty; /* ids to add in the next commit */
	struct map *dirty_flows, *dirty_acls;
	struct map *acls_in_flight; /* clients of the message that is not answered yet */
	struct map *acl_refusals;   /* client -> why, to be told */
	uint64_t *removed;          /* may be in the helper, are to go */
	size_t n_removed, cap_removed;
	struct refusal *refusals; /* to be told */
	size_t n_refusals;
	uint64_t *in_flight, *in_flight_removed; /* of the commit that is not answered yet */
	size_t n_in_flight, n_in_flight_removed;
};

/* ---- copies ---- */

static void
wanted_free(struct wanted *w)
{
	if (!w)
		return;
	arena_free(w->arena);
	free(w);
}

static struct wanted *
wanted_new(const struct filter *f)
{
	struct wanted *w = mem_new(sizeof(*w));

	w->arena = arena_new();
	w->filter = filter_proto_copy(w->arena, f);
	return w;
}

/* ---- sending ---- */

static bool
send_msg(struct nftables *n, const struct filter_msg *m)
{
	struct buf out;
	bool sent;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(m, &out);
	sent = !out.failed && frame_send(n->conn, out.bytes, out.len, -1) == 0;
	buf_finish(&out);
	return sent;
}

static void
push_removed(struct nftables *n, uint64_t id)
{
	/* So many only while no synchronisation gets through; the next one says all that is to be
	 * there, just the end of this one is not told. */
	if (n->n_removed == FILTER_PROTO_FILTERS_MAX)
		return;
	if (n->n_removed == n->cap_removed) {
		n->cap_removed = n->cap_removed ? 2 * n->cap_removed : 16;
		n->removed = mem_grow(n->removed, n->cap_removed, sizeof(*n->removed));
	}
	n->removed[n->n_removed++] = id;
}

struct gather {
	struct nftables *n;
	struct filter_msg *m;
	uint64_t *ids;
};

static bool
gather_filter(void *arg, const void *key, size_t len, void *value)
{
	struct gather *g = arg;
	struct wanted *w = map_get(g->n->wanted, key, len);

	(void)value;
	if (!w)
		return true;
	w->sent = true;
	g->ids[g->m->n_added] = w->filter.id;
	g->m->added[g->m->n_added++] = w->filter;
	return true;
}

static bool
gather_flows(void *arg, const void *key, size_t len, void *value)
{
	struct gather *g = arg;
	const struct flow_set *f = map_get(g->n->flow_sets, key, len);

	(void)value;
	if (f && f->n_filters)
		g->m->flows[g->m->n_flows++] = f->set;
	else if (f && g->m->op == FILTER_OP_COMMIT) /* it had some */
		g->m->flows[g->m->n_flows++] = (struct filter_flows){.client = f->client};
	return true;
}

static bool
gather_acls(void *arg, const void *key, size_t len, void *value)
{
	struct gather *g = arg;
	const struct acls *a = map_get(g->n->acls, key, len);

	(void)value;
	if (!a)
		return true;
	map_set(g->n->acls_in_flight, key, len, g->n);
	if (a->set.n_rules || g->m->op == FILTER_OP_COMMIT)
		g->m->acls[g->m->n_acls++] = a->set;
	return true;
}

/* What was under way may or may not be there: the next synchronisation settles it. */
static void
unsettle(struct nftables *n)
{
	n->ready = n->busy = n->syncing = false;
	for (size_t i = 0; i < n->n_in_flight_removed; i++)
		push_removed(n, n->in_flight_removed[i]);
	n->n_in_flight_removed = 0;
	timer_after(n->retry, RETRY_MS);
}

/* Who is told may change them: what is there of that client is not touched after it. */
static void
tell_acls(struct nftables *n, const void *name, size_t len, const char *why)
{
	char *client = mem_printf("%.*s", (int)len, (const char *)name);

	if (n->events.acls_done)
		n->events.acls_done(n->events.arg, client, why);
	free(client);
}

struct telling {
	struct nftables *n;
	const char *why;
};

static bool
tell_acls_failed(void *arg, const void *key, size_t len, void *value)
{
	const struct telling *t = arg;
	struct acls *a = map_get(t->n->acls, key, len);

	(void)value;
	if (!a || a->told || a->failed)
		return true;
	a->failed = true;
	tell_acls(t->n, key, len, t->why);
	return true;
}

static void
change_failed(struct nftables *n, const char *why)
{
	struct map *acls = n->acls_in_flight;

	for (size_t i = 0; i < n->n_in_flight; i++) {
		struct wanted *w = map_get(n->wanted, &n->in_flight[i], sizeof(uint64_t));

		if (!w || w->told || w->failed)
			continue;
		w->failed = true;
		n->events.failed(n->events.arg, n->in_flight[i], why);
	}
	n->acls_in_flight = map_new();
	map_each(acls, tell_acls_failed, &(struct telling){n, why});
	map_free(acls);
	unsettle(n);
}

static void
forget_in_flight(struct nftables *n)
{
	free(n->in_flight);
	free(n->in_flight_removed);
	n->in_flight = n->in_flight_removed = NULL;
	n->n_in_flight = n->n_in_flight_removed = 0;
}

/* filters, flow_sets, acls: which of them go out (all, or the changed ones). */
static void
transmit(struct nftables *n, enum filter_op op, struct map *filters, struct map *flow_sets,
	struct map *acls)
{
	struct filter_msg m = {.op = op};
	struct gather g = {n, &m, mem_array(map_count(filters), sizeof(uint64_t))};

	if (op == FILTER_OP_COMMIT) { /* a synchronisation says it all */
		m.removed = n->removed;
		m.n_removed = n->n_removed;
	}
	m.added = mem_array(map_count(filters), sizeof(*m.added));
	m.flows = mem_array(map_count(flow_sets), sizeof(*m.flows));
	m.acls = mem_array(map_count(acls), sizeof(*m.acls));
	map_free(n->acls_in_flight);
	n->acls_in_flight = map_new();
	map_each(filters, gather_filter, &g);
	map_each(flow_sets, gather_flows, &g);
	map_each(acls, gather_acls, &g);
	n->busy = send_msg(n, &m);
	n->syncing = op == FILTER_OP_SYNC;
	free(m.added);
	free(m.flows);
	free(m.acls);
	forget_in_flight(n);
	n->in_flight = g.ids;
	n->n_in_flight = m.n_added;
	n->in_flight_removed = n->removed;
	n->n_in_flight_removed = n->n_removed;
	n->removed = NULL;
	n->n_removed = n->cap_removed = 0;
	map_free(n->dirty);
	map_free(n->dirty_flows);
	map_free(n->dirty_acls);
	n->dirty = map_new();
	n->dirty_flows = map_new();
	n->dirty_acls = map_new();
	if (!n->busy)
		change_failed(n, "the change could not be sent");
}

static bool
has_changes(const struct nftables *n)
{
	return map_count(n->dirty) || map_count(n->dirty_flows) || map_count(n->dirty_acls) ||
	       n->n_removed;
}

static bool
tell_acls_refused(void *arg, const void *key, size_t len, void *value)
{
	tell_acls(arg, key, len, value);
	return true;
}

static void
tell_refusals(struct nftables *n)
{
	struct refusal *list = n->refusals;
	size_t count = n->n_refusals;
	struct map *acls = n->acl_refusals;

	n->refusals = NULL;
	n->n_refusals = 0;
	n->acl_refusals = map_new();
	map_each(acls, tell_acls_refused, n);
	map_free(acls);
	for (size_t i = 0; i < count; i++)
		n->events.failed(n->events.arg, list[i].id, list[i].why);
	free(list);
}

static void
flush(void *arg)
{
	struct nftables *n = arg;

	tell_refusals(n);
	if (n->conn && n->ready && !n->busy && has_changes(n))
		transmit(n, FILTER_OP_COMMIT, n->dirty, n->dirty_flows, n->dirty_acls);
}

static void
changed(struct nftables *n)
{
	timer_after(n->flush, 0);
}

static void
poll_counters(void *arg)
{
	struct nftables *n = arg;

	if (n->conn && n->ready && !n->busy && !n->asked &&
		(map_count(n->wanted) || n->n_acl_rules))
		n->asked = send_msg(n, &(struct filter_msg){.op = FILTER_OP_COUNTERS});
	timer_after(n->poll, POLL_MS);
}

static void
synchronise(struct nftables *n)
{
	n->ready = false;
	transmit(n, FILTER_OP_SYNC, n->wanted, n->flow_sets, n->acls);
}

/* ---- receiving ---- */

static void
lost(struct nftables *n, const char *why)
{
	if (!n->lost_told)
		event_raise(EVENT_HELPER_LOST, EVENT_F("mitigator", "nftables"),
			EVENT_F("reason", why));
	n->lost_told = true;
	n->asked = false;
	unsettle(n);
}

static void
hang_up(struct nftables *n, const char *why)
{
	frame_conn_free(n->conn);
	n->conn = NULL;
	lost(n, why);
}

static void
on_closed(void *arg, int error)
{
	hang_up(arg, strerror(-error));
}

static void
acls_free(struct acls *a)
{
	if (!a)
		return;
	arena_free(a->arena);
	free(a);
}

/* What was refused has been told as such, and is gone now. */
static bool
tell_acls_done(void *arg, const void *key, size_t len, void *value)
{
	struct nftables *n = arg;
	struct acls *a = map_get(n->acls, key, len);
	bool told;

	(void)value;
	if (!a || map_get(n->dirty_acls, key, len))
		return true;
	told = a->told;
	a->told = true;
	a->failed = false;
	if (!a->set.n_rules)
		acls_free(map_remove(n->acls, key, len));
	if (!told)
		tell_acls(n, key, len, NULL);
	return true;
}

/* A filter that changed meanwhile is told when that change is through. */
static void
tell_done(struct nftables *n)
{
	struct map *acls = n->acls_in_flight;

	n->acls_in_flight = map_new();
	for (size_t i = 0; i < n->n_in_flight_removed; i++)
		n->events.removed(n->events.arg, n->in_flight_removed[i]);
	for (size_t i = 0; i < n->n_in_flight; i++) {
		struct wanted *w = map_get(n->wanted, &n->in_flight[i], sizeof(uint64_t));

		if (!w || w->told || map_get(n->dirty, &n->in_flight[i], sizeof(uint64_t)))
			continue;
		w->told = true;
		w->failed = false;
		n->events.installed(n->events.arg, w->filter.id);
	}
	map_each(acls, tell_acls_done, n);
	map_free(acls);
	forget_in_flight(n);
}

static void
on_done(struct nftables *n, const struct filter_msg *m)
{
	if (*m->error) {
		change_failed(n, m->error);
		return;
	}
	if (n->syncing)
		event_raise(EVENT_RULES_RECONCILED, EVENT_F("mitigator", "nftables"),
			EVENT_N("kept", m->kept), EVENT_N("added", m->n_new),
			EVENT_N("removed", m->gone));
	n->busy = n->syncing = n->lost_told = false;
	n->ready = true;
	tell_done(n);
	changed(n);
}

struct missing {
	struct map *found;
	size_t n;
};

static bool
note_missing(void *arg, const void *key, size_t len, void *value)
{
	struct missing *m = arg;
	struct wanted *w = value;

	if (w->told && !map_get(m->found, key, len)) {
		w->told = false;
		m->n++;
	}
	return true;
}

/* Rules of ACLs that are in force: their values are to be told. */
struct found_rules {
	struct map *found; /* id -> its value */
	const struct filter_value **list;
	size_t n, missing;
};

static bool
note_rules(void *arg, const void *key, size_t len, void *value)
{
	struct found_rules *f = arg;
	struct acls *a = value;

	(void)key;
	(void)len;
	for (size_t i = 0; a->told && i < a->set.n_rules; i++) {
		const struct filter_value *v =
			map_get(f->found, &a->set.rules[i].id, sizeof(uint64_t));

		if (v)
			f->list[f->n++] = v;
		else
			f->missing++;
	}
	return true;
}

static bool
note_missing_acls(void *arg, const void *key, size_t len, void *value)
{
	struct found_rules *f = arg;
	struct acls *a = value;

	(void)key;
	(void)len;
	for (size_t i = 0; i < a->set.n_rules; i++)
		if (!map_get(f->found, &a->set.rules[i].id, sizeof(uint64_t)))
			a->told = false;
	return true;
}

/* Returns how many rules are missing. */
static size_t
on_rule_values(struct nftables *n, const struct filter_msg *m)
{
	struct found_rules f = {.found = map_new()};
	bool settled = n->ready && !n->busy;

	for (size_t i = 0; i < m->n_rules; i++)
		map_set(f.found, &m->rules[i].id, sizeof(uint64_t), &m->rules[i]);
	f.list = mem_array(n->n_acl_rules, sizeof(*f.list));
	map_each(n->acls, note_rules, &f);
	if (f.missing && settled)
		map_each(n->acls, note_missing_acls, &f);
	for (size_t i = 0; n->events.acl_counters && i < f.n; i++)
		n->events.acl_counters(
			n->events.arg, f.list[i]->id, f.list[i]->packets, f.list[i]->bytes);
	map_free(f.found);
	free(f.list);
	return settled ? f.missing : 0;
}

/* An installed filter without counter was removed behind our back, as a firewall does that flushes
 * the rule set when it starts: all is put there again. */
static void
on_values(struct nftables *n, const struct filter_msg *m)
{
	struct missing missing = {.found = map_new()};

	n->asked = false;
	for (size_t i = 0; i < m->n_values; i++) {
		const struct filter_value *v = &m->values[i];

		const struct wanted *w = map_get(n->wanted, &v->id, sizeof(v->id));

		if (!w)
			continue;
		map_set(missing.found, &v->id, sizeof(v->id), n);
		if (w->told) /* else it may still be the one before it that counts */
			n->events.counters(n->events.arg, v->id, v->packets, v->bytes);
	}
	if (n->ready && !n->busy)
		map_each(n->wanted, note_missing, &missing);
	map_free(missing.found);
	missing.n += on_rule_values(n, m);
	if (missing.n)
		synchronise(n);
}

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct nftables *n = arg;
	struct arena *a = arena_new();
	struct filter_msg m;
	const char *why = filter_proto_decode(a, bytes, len, &m);

	if (fd >= 0)
		close(fd);
	if (!why && m.op == FILTER_OP_DONE && n->busy)
		on_done(n, &m);
	else if (!why && m.op == FILTER_OP_VALUES && n->asked)
		on_values(n, &m);
	else
		hang_up(n, why ? why : "an answer to no question");
	arena_free(a);
}

static const struct frame_ops frame_ops = {on_message, on_closed};

static void
connect_(void *arg)
{
	struct nftables *n = arg;
	int fd;

	if (!n->conn) {
		fd = frame_connect(n->socket);
		if (fd < 0) {
			lost(n, strerror(-fd));
			return;
		}
		n->conn = frame_conn_new(n->loop, fd, FILTER_PROTO_FRAME_MAX, &frame_ops, n);
		send_msg(n, &(struct filter_msg){.op = FILTER_OP_HELLO,
				    .version = FILTER_PROTO_VERSION,
				    .instance = n->instance});
	}
	if (!n->ready && !n->busy)
		synchronise(n);
}

/* ---- clients ---- */

static struct flow_set *
flow_set_of(struct nftables *n, const char *client)
{
	struct flow_set *f = map_get(n->flow_sets, client, strlen(client));

	if (!f) {
		f = mem_new(sizeof(*f));
		f->client = mem_text(client);
		f->set.client = f->client;
		map_set(n->flow_sets, client, strlen(client), f);
	}
	return f;
}

static void
flows_changed(struct nftables *n, const struct flow_set *f)
{
	map_set(n->dirty_flows, f->client, strlen(f->client), n);
}

static void
client_gains(struct nftables *n, const char *client)
{
	struct flow_set *f = flow_set_of(n, client);

	if (f->n_filters++ == 0)
		flows_changed(n, f);
}

static void
client_loses(struct nftables *n, const char *client)
{
	struct flow_set *f = flow_set_of(n, client);

	if (--f->n_filters == 0)
		flows_changed(n, f);
}

/* ---- the interface ---- */

static void
drop(struct nftables *n, uint64_t id)
{
	struct wanted *w = map_remove(n->wanted, &id, sizeof(id));

	if (!w)
		return;
	map_remove(n->dirty, &id, sizeof(id));
	if (w->sent)
		push_removed(n, id);
	n->filter_bytes -= w->size;
	client_loses(n, w->filter.client);
	wanted_free(w);
}

static void
refuse(struct nftables *n, uint64_t id, const char *why)
{
	drop(n, id);
	n->refusals = mem_grow(n->refusals, n->n_refusals + 1, sizeof(*n->refusals));
	n->refusals[n->n_refusals++] = (struct refusal){id, why};
}

static void
add(struct nftables *n, const struct filter *f)
{
	struct wanted *old = map_get(n->wanted, &f->id, sizeof(f->id)), *w;
	const char *why = filter_proto_check(f);
	size_t size = filter_proto_size(f), others = n->filter_bytes - (old ? old->size : 0);

	if (!why && !old && map_count(n->wanted) == FILTER_PROTO_FILTERS_MAX)
		why = "too many filters";
	if (!why && others + size > FILTER_PROTO_FILTER_BYTES_MAX)
		why = "too many filters: they would not fit one synchronisation";
	if (why) {
		refuse(n, f->id, why);
		return;
	}
	w = wanted_new(f);
	w->size = size;
	n->filter_bytes = others + size;
	w->sent = old && old->sent;
	map_set(n->wanted, &f->id, sizeof(f->id), w);
	client_gains(n, f->client);
	if (old)
		client_loses(n, old->filter.client);
	wanted_free(old);
	map_set(n->dirty, &f->id, sizeof(f->id), n);
}

static void
start(struct mitigator *m, const struct filter *f)
{
	struct nftables *n = (struct nftables *)m;

	add(n, f);
	changed(n);
}

static void
stop(struct mitigator *m, uint64_t id)
{
	struct nftables *n = (struct nftables *)m;

	drop(n, id);
	changed(n);
}

static void
flow_set_free(struct flow_set *f)
{
	if (!f)
		return;
	free(f->client);
	free(f->set.flows);
	free(f);
}

static void
flows(struct mitigator *m, const char *client, const struct flow *list, size_t count)
{
	struct nftables *n = (struct nftables *)m;
	struct flow_set *f = flow_set_of(n, client);

	free(f->set.flows);
	f->set.flows = mem_copy(list, count * sizeof(*list));
	f->set.n = count < FILTER_PROTO_FLOWS_MAX ? count : FILTER_PROTO_FLOWS_MAX;
	n->flow_bytes -= f->size;
	f->size = filter_proto_flows_size(&f->set);
	if (n->flow_bytes + f->size > FILTER_PROTO_FLOW_BYTES_MAX) {
		f->set.n = 0; /* this client's sessions may be hit by its own filters */
		f->size = filter_proto_flows_size(&f->set);
	}
	n->flow_bytes += f->size;
	if (!f->n_filters)
		return;
	flows_changed(n, f);
	changed(n);
}

static struct acls *
acls_new(const struct acl_set *set)
{
	struct acls *a = mem_new(sizeof(*a));

	a->arena = arena_new();
	a->set = filter_proto_copy_acls(a->arena, set);
	return a;
}

/* Why they cannot be had; old: what they take the place of, or NULL. */
static const char *
check_acls(const struct nftables *n, const struct acl_set *set, const struct acls *old, size_t size)
{
	if (!old && map_count(n->acls) >= FILTER_PROTO_ACL_SETS_MAX)
		return "too many clients with ACLs";
	if (n->n_acl_rules - (old ? old->set.n_rules : 0) + set->n_rules > FILTER_PROTO_RULES_MAX)
		return "too many rules of ACLs";
	if (n->acl_bytes - (old ? old->size : 0) + size > FILTER_PROTO_ACL_BYTES_MAX)
		return "too many ACLs: they would not fit one synchronisation";
	return filter_proto_check_acls(set);
}

static void
replace_acls(struct nftables *n, const struct acl_set *set, size_t size, bool refused)
{
	struct acls *a = acls_new(set);
	struct acls *old = map_set(n->acls, set->client, strlen(set->client), a);

	a->size = size;
	a->told = refused;
	n->acl_bytes += size - (old ? old->size : 0);
	n->n_acl_rules += set->n_rules - (old ? old->set.n_rules : 0);
	if (set->n_rules)
		client_gains(n, set->client);
	if (old && old->set.n_rules)
		client_loses(n, set->client);
	acls_free(old);
	map_set(n->dirty_acls, set->client, strlen(set->client), n);
	changed(n);
}

static void
acls(struct mitigator *m, const struct acl_set *set)
{
	struct nftables *n = (struct nftables *)m;
	size_t len = strlen(set->client);
	const struct acls *old = map_get(n->acls, set->client, len);
	size_t size = filter_proto_acls_size(set);
	const char *why = set->n_rules ? check_acls(n, set, old, size) : NULL;

	map_remove(n->acl_refusals, set->client, len);
	if (!why) {
		replace_acls(n, set, set->n_rules ? size : 0, false);
		return;
	}
	/* What was there is not wanted any more. */
	map_set(n->acl_refusals, set->client, len, (void *)why);
	if (old)
		replace_acls(n, &(struct acl_set){.client = set->client}, 0, true);
	changed(n);
}

static void
sync_(struct mitigator *m, const struct filter *filters, size_t count)
{
	struct nftables *n = (struct nftables *)m;

	for (size_t i = 0; i < count; i++)
		add(n, &filters[i]);
	changed(n);
	timer_after(n->retry, 0);
}

static bool
free_wanted(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	wanted_free(value);
	return true;
}

static bool
free_flows(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	flow_set_free(value);
	return true;
}

static bool
free_acls(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	acls_free(value);
	return true;
}

static void
free_(struct mitigator *m)
{
	struct nftables *n = (struct nftables *)m;

	frame_conn_free(n->conn);
	map_each(n->wanted, free_wanted, NULL);
	map_each(n->flow_sets, free_flows, NULL);
	map_each(n->acls, free_acls, NULL);
	map_free(n->wanted);
	map_free(n->flow_sets);
	map_free(n->acls);
	map_free(n->dirty);
	map_free(n->dirty_flows);
	map_free(n->dirty_acls);
	map_free(n->acls_in_flight);
	map_free(n->acl_refusals);
	timer_free(n->retry);
	timer_free(n->flush);
	timer_free(n->poll);
	free(n->removed);
	free(n->refusals);
	forget_in_flight(n);
	free(n->socket);
	free(n->instance);
	free(n);
}

static const struct mitigator_ops ops = {.name = "nftables",
	.start = start,
	.stop = stop,
	.flows = flows,
	.acls = acls,
	.sync = sync_,
	.free = free_};

struct mitigator *
nftables_new(
	struct loop *l, const struct nftables_config *cfg, const struct mitigator_events *events)
{
	struct nftables *n = mem_new(sizeof(*n));

	n->mitigator.ops = &ops;
	n->loop = l;
	n->events = *events;
	n->socket = mem_text(cfg->socket);
	n->instance = mem_text(cfg->instance);
	n->wanted = map_new();
	n->flow_sets = map_new();
	n->dirty = map_new();
	n->dirty_flows = map_new();
	n->acls = map_new();
	n->dirty_acls = map_new();
	n->acls_in_flight = map_new();
	n->acl_refusals = map_new();
	n->retry = timer_new(l, connect_, n);
	n->flush = timer_new(l, flush, n);
	n->poll = timer_new(l, poll_counters, n);
	timer_after(n->poll, POLL_MS);
	return &n->mitigator;
}
