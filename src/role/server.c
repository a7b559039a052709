/*
 * The server role's life: listener, book, mitigators, store; effects of the rules carried out.
 */
#include "role/server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

char *
server_key(const char *client, const char *cuid, uint32_t mid)
{
	return mem_printf("%s/%s/%u", client, cuid, mid);
}

void
server_scope_text(const struct target *t, struct buf *out)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < t->n_target_prefix; i++)
		buf_printf(out, "%s%s", i ? "," : "", prefix_format(&t->target_prefix[i], text));
}

enum { RETRY_ENDED_S = 3 };

/* ---- effects ------------------------------------------------------------------------------- */

static void
arm(struct dots_server *s)
{
	mono_ms at = book_deadline(s->book);

	if (at == INT64_MAX)
		timer_stop(s->timer);
	else
		timer_at(s->timer, at);
}

static void
raise_mitigation(enum event_id id, const struct mitigation *m, const char *reason)
{
	if (id == EVENT_MITIGATION_END)
		event_raise(id, EVENT_N("id", m->id), EVENT_F("client", m->client),
			EVENT_N("mid", m->mid), EVENT_F("reason", reason));
	else
		event_raise(id, EVENT_N("id", m->id), EVENT_F("client", m->client),
			EVENT_N("mid", m->mid), EVENT_F("status", dots_status_name(m->status)));
}

/* A client brings others in and out of conflict as often as it asks. */
static void
raise_conflict(struct dots_server *s, const struct mitigation *m)
{
	const struct target contested = {
		.target_prefix = m->contested, .n_target_prefix = m->n_contested};
	const char *untold;
	struct buf scope;

	if (!event_quota_take(&s->conflicts, loop_now(s->loop), &untold))
		return;
	buf_init(&scope, 8192);
	server_scope_text(&contested, &scope);
	event_raise(EVENT_MITIGATION_CONFLICT, EVENT_N("id", m->id), EVENT_F("client", m->client),
		EVENT_N("mid", m->mid), EVENT_F("scope", buf_text(&scope)),
		EVENT_F("untold", untold));
	buf_finish(&scope);
}

static void
start_filter(struct dots_server *s, const struct mitigation *m)
{
	const struct client *c = clients_named(s->setup.clients, m->client);
	struct arena *a = arena_new();
	struct filter f;
	struct buf scope;

	if (c && m->cover.n_prefixes) {
		mitigation_filter(m, c, a, &f);
		buf_init(&scope, 8192);
		naming_scope_text(m, &scope);
		event_raise(EVENT_MITIGATION_START, EVENT_N("id", m->id),
			EVENT_F("client", m->client), EVENT_N("mid", m->mid),
			EVENT_F("scope", buf_text(&scope)),
			EVENT_N("lifetime", mitigation_remaining(m, loop_now(s->loop))),
			EVENT_F("action", filter_action_name(&c->action)));
		buf_finish(&scope);
		for (size_t i = 0; i < s->n_mitigators; i++)
			s->mitigators[i]->ops->start(s->mitigators[i], &f);
	}
	arena_free(a);
}

static void
end_mitigation(struct dots_server *s, const struct mitigation *m, const char *reason)
{
	/* Its client may be asking for more of it just now. */
	struct verdict v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
		"RFC 9132 4.4.1.3: mid %u has ended meanwhile: %s", m->mid, reason);

	v.max_age = RETRY_ENDED_S;
	record_remove(s, m);
	naming_forget(s, m);
	observe_changed(s, m, true);
	raise_mitigation(EVENT_MITIGATION_END, m, reason);
	admission_withdraw(s, m->client, m->cuid, m->mid, &v);
}

static bool
stops_at_filter(void *arg, struct mitigation *m)
{
	bool *filtering = arg;

	*filtering = m->filtering;
	return !m->filtering;
}

/* ACLs that wait for a mitigation follow it (RFC 8783 7.2). */
static void
tell_data(struct dots_server *s, const struct mitigation *m, enum effect_kind k)
{
	bool filtering = k == EFFECT_START;

	if (!s->data || (k != EFFECT_START && k != EFFECT_STOP))
		return;
	if (!filtering)
		book_each(s->book, m->client, m->cuid, stops_at_filter, &filtering);
	s->data->ops->mitigating(s->data, m->client, m->cuid, filtering);
}

/* Whether the client is being mitigated may be another matter after that: it is on record. A
 * refresh, of which there are most, says nothing of it. */
static bool
may_switch(enum effect_kind k)
{
	return k != EFFECT_EXTEND && k != EFFECT_NOTIFY && k != EFFECT_CONFLICT;
}

void
server_apply(struct dots_server *s, struct effects *fx)
{
	for (size_t i = 0; i < fx->n; i++) {
		const struct effect *e = &fx->list[i];

		switch (e->kind) {
		case EFFECT_STORE:
			record_put(s, e->m);
			break;
		case EFFECT_EXTEND:
			record_extend(s, e->m);
			break;
		case EFFECT_START:
			start_filter(s, e->m);
			break;
		case EFFECT_STOP:
			recursion_deactivated(s, e->m);
			for (size_t k = 0; k < s->n_mitigators; k++)
				s->mitigators[k]->ops->stop(s->mitigators[k], e->m->id);
			break;
		case EFFECT_NOTIFY:
			raise_mitigation(EVENT_MITIGATION_STATUS, e->m, NULL);
			observe_changed(s, e->m, false);
			break;
		case EFFECT_CONFLICT:
			raise_conflict(s, e->m);
			observe_changed(s, e->m, false);
			break;
		case EFFECT_END:
			end_mitigation(s, e->m, e->reason);
			break;
		}
		tell_data(s, e->m, e->kind);
		if (may_switch(e->kind))
			negotiation_follow(s, e->m->client);
	}
	effects_finish(fx);
	arm(s);
}

void
server_end(struct dots_server *s, struct mitigation *m, const char *reason, struct effects *fx)
{
	book_status(s->book, m, ATTACK_MITIGATION_WITHDRAWN, loop_now(s->loop), fx);
	book_end(s->book, m, reason, fx);
}

static void
timer_due(void *arg)
{
	struct dots_server *s = arg;
	struct effects fx = {0};

	book_expire(s->book, loop_now(s->loop), &fx);
	server_apply(s, &fx);
}

/* ---- reports of the mitigators -------------------------------------------------------------- */

static void
on_installed(void *arg, uint64_t id)
{
	struct dots_server *s = arg;
	struct mitigation *m = book_by_id(s->book, id);
	struct effects fx = {0};
	struct buf scope;

	if (!m)
		return;
	buf_init(&scope, 8192);
	naming_scope_text(m, &scope);
	event_raise(EVENT_RULE_INSTALLED, EVENT_N("id", id), EVENT_F("client", m->client),
		EVENT_F("scope", buf_text(&scope)),
		EVENT_F("mitigator", s->mitigators[0]->ops->name));
	buf_finish(&scope);
	if (m->here == ATTACK_MITIGATION_IN_PROGRESS && m->action.kind != ACTION_OBSERVE)
		book_status(s->book, m, ATTACK_SUCCESSFULLY_MITIGATED, loop_now(s->loop), &fx);
	server_apply(s, &fx);
}

static void
on_failed(void *arg, uint64_t id, const char *why)
{
	struct dots_server *s = arg;
	struct mitigation *m = book_by_id(s->book, id);

	event_raise(EVENT_RULE_FAILED, EVENT_N("id", id), EVENT_F("client", m ? m->client : NULL),
		EVENT_F("mitigator", s->mitigators[0]->ops->name), EVENT_F("reason", why));
}

static void
on_removed(void *arg, uint64_t id)
{
	struct dots_server *s = arg;

	event_raise(EVENT_RULE_REMOVED, EVENT_N("id", id),
		EVENT_F("mitigator", s->mitigators[0]->ops->name));
}

static void
on_counters(void *arg, uint64_t id, uint64_t packets, uint64_t bytes)
{
	struct dots_server *s = arg;
	struct mitigation *m = book_by_id(s->book, id);

	if (!m)
		return;
	if (m->action.kind == ACTION_OBSERVE) {
		book_observed(m, packets, bytes);
		return;
	}
	book_counters(s->book, m, DROPPED_HERE, packets, bytes, loop_now(s->loop));
	recursion_measure(s, m);
}

static void
on_acls_done(void *arg, const char *client, const char *why)
{
	struct dots_server *s = arg;

	if (!s->data)
		return;
	s->data->ops->installed(s->data, client, why);
	filters_installed(s, client, why);
}

static void
on_acl_counters(void *arg, uint64_t rule, uint64_t packets, uint64_t bytes)
{
	const struct dots_server *s = arg;

	if (s->data)
		s->data->ops->counters(s->data, rule, packets, bytes);
}

struct mitigator_events
server_events(struct dots_server *s, size_t mitigator)
{
	(void)mitigator;
	return (struct mitigator_events){.arg = s,
		.installed = on_installed,
		.failed = on_failed,
		.removed = on_removed,
		.counters = on_counters,
		.acls_done = on_acls_done,
		.acl_counters = on_acl_counters};
}

/* ---- life ------------------------------------------------------------------------------------ */

/* As many addresses as a host sensibly serves at; more would only widen what passes filters. */
enum { ENDPOINTS_MAX = 64 };

bool
server_learn_endpoint(struct dots_server *s, const struct endpoint *e)
{
	for (size_t i = 0; i < s->n_endpoints; i++)
		if (endpoint_equal(&s->endpoints[i], e))
			return false;
	if (s->n_endpoints == ENDPOINTS_MAX)
		return false;
	s->endpoints = mem_grow(s->endpoints, s->n_endpoints + 1, sizeof(*s->endpoints));
	s->endpoints[s->n_endpoints++] = *e;
	return true;
}

static int
find_psk(void *arg, const char *identity, uint8_t *key, size_t *inout_len)
{
	const struct dots_server *s = arg;
	const struct psk_entry *e = map_get(s->psk, identity, strlen(identity));

	if (!e || e->len > *inout_len)
		return -ENOENT;
	memcpy(key, e->key, e->len);
	*inout_len = e->len;
	return 0;
}

/* What is looked up by what a peer says, from the clients of the setup. */
static void
index_clients(struct dots_server *s)
{
	map_free(s->psk);
	s->psk = map_new();
	for (size_t i = 0; i < s->setup.n_psk; i++)
		map_set(s->psk, s->setup.psk[i].identity, strlen(s->setup.psk[i].identity),
			(void *)(uintptr_t)&s->setup.psk[i]);
	for (size_t i = 0; i < clients_count(s->setup.clients); i++) {
		const struct client *c = clients_get(s->setup.clients, i);

		for (size_t k = 0; k < c->n_spki; k++)
			cuids_reserve(s->cuids, c->name, c->spki[k]);
		for (size_t k = 0; k < c->n_cdids; k++)
			cuids_reserve(s->cuids, c->name, c->cdids[k]);
	}
}

static struct listener_config
listener_config_of(const struct server_setup *setup)
{
	return (struct listener_config){
		.sockets = setup->sockets,
		.n_sockets = setup->n_sockets,
		.credentials = setup->credentials,
		.psk = find_psk,
		.max_sessions = setup->max_sessions,
		.max_half_open = setup->max_half_open,
		.max_half_open_per_prefix = setup->max_half_open_per_prefix,
		.handshakes_per_turn = setup->handshakes_per_turn,
		.handshake_timeout_ms = setup->handshake_timeout_ms,
		.max_body = setup->max_body,
		.max_bodies = setup->max_bodies,
	};
}

static bool
listen_(struct dots_server *s, char *why, size_t cap)
{
	struct listener_config cfg = listener_config_of(&s->setup);
	char text[ENDPOINT_TEXT_MAX];

	s->listener = listener_new(s->loop, &cfg, &peer_session_ops, s, why, cap);
	if (!s->listener)
		return false;
	for (size_t i = 0; i < cfg.n_sockets; i++)
		if (!addr_is_unspecified(&cfg.sockets[i].local.addr))
			server_learn_endpoint(s, &cfg.sockets[i].local);
	for (size_t i = 0; i < cfg.n_sockets; i++)
		event_raise(EVENT_LISTENING,
			EVENT_F("address", endpoint_format(&cfg.sockets[i].local, text)),
			EVENT_F("interface", cfg.sockets[i].interface));
	return true;
}

struct dots_server *
server_new(struct loop *l, struct persist *p, const struct server_setup *setup,
	struct mitigator **mitigators, size_t n_mitigators, struct escalation *escalation,
	char *why, size_t cap)
{
	struct dots_server *s = mem_new(sizeof(*s));

	s->loop = l;
	s->persist = p;
	s->setup = *setup;
	s->mitigators = mitigators;
	s->n_mitigators = n_mitigators;
	s->escalation = escalation;
	s->book = book_new(&setup->policy);
	s->cuids = cuids_new();
	s->lifetimes = lifetimes_new(p);
	s->peers = map_new();
	s->observers = map_new();
	TAILQ_INIT(&s->answers);
	LIST_INIT(&s->filter_waits);
	s->admissions = map_new();
	s->naming = naming_new(s);
	s->suspended = map_new();
	s->timer = timer_new(l, timer_due, s);
	s->recheck = timer_new(l, answers_recheck, s);
	TAILQ_INIT(&s->lost);
	s->activations = timer_new(l, activations_due, s);
	index_clients(s);
	negotiation_terms(s);
	recursion_listen(s);
	if (!listen_(s, why, cap)) {
		server_free(s);
		return NULL;
	}
	return s;
}

struct sync {
	struct dots_server *server;
	struct arena *arena;
	struct filter *filters;
	size_t n, cap;
};

static bool
sync_one(void *arg, struct mitigation *m)
{
	struct sync *y = arg;
	const struct client *c = clients_named(y->server->setup.clients, m->client);

	if (!m->filtering || !c || !m->cover.n_prefixes)
		return true;
	if (y->n == y->cap) {
		y->cap = y->cap ? 2 * y->cap : 64;
		y->filters = mem_grow(y->filters, y->cap, sizeof(*y->filters));
	}
	mitigation_filter(m, c, y->arena, &y->filters[y->n++]);
	tell_data(y->server, m, EFFECT_START);
	return true;
}

static bool
is_unauthorised(void *arg, const struct mitigation *m)
{
	const struct dots_server *s = arg;
	const struct client *c = clients_named(s->setup.clients, m->client);
	struct verdict v = {.code = COAP_401_UNAUTHORIZED};

	if (c)
		v = client_authorises(
			c, m->cover.fixed.target_prefix, m->cover.fixed.n_target_prefix);
	return !verdict_ok(&v);
}

/* Ends what the present configuration no longer grants (M17), with status 7. */
static void
end_unauthorised(struct dots_server *s)
{
	struct effects fx = {0};
	size_t n;
	uint64_t *ids = book_ids(s->book, is_unauthorised, s, &n);

	for (size_t i = 0; i < n; i++)
		server_end(s, book_by_id(s->book, ids[i]), "no longer authorised", &fx);
	free(ids);
	server_apply(s, &fx);
}

static bool
follow_one(void *arg, struct mitigation *m)
{
	naming_follow(arg, m);
	return true;
}

struct actions {
	struct dots_server *server;
	struct effects *fx;
};

static bool
apply_action(void *arg, struct mitigation *m)
{
	const struct actions *a = arg;
	const struct client *c = clients_named(a->server->setup.clients, m->client);

	if (c)
		book_action(a->server->book, m, &c->action, a->fx);
	return true;
}

/* What the configuration says of the filters of each client goes for those that stand, too. */
static void
apply_actions(struct dots_server *s)
{
	struct effects fx = {0};

	if (s->n_mitigators)
		book_all(s->book, apply_action, &(struct actions){s, &fx});
	server_apply(s, &fx);
}

void
server_attach_data(struct dots_server *s, struct server_data *data)
{
	s->data = data;
}

bool
server_cuid_is_foreign(const struct dots_server *s, const char *client, const char *cuid)
{
	return cuids_is_foreign(s->cuids, client, cuid);
}

void
server_start(struct dots_server *s)
{
	struct sync y = {.server = s, .arena = arena_new()};

	records_restore(s);
	suspensions_restore(s);
	recursion_restored(s);
	activations_restored(s);
	book_all(s->book, sync_one, &y);
	for (size_t i = 0; i < s->n_mitigators; i++)
		s->mitigators[i]->ops->sync(s->mitigators[i], y.filters, y.n);
	for (size_t i = 0; i < clients_count(s->setup.clients); i++)
		server_flows(s, clients_get(s->setup.clients, i)->name);
	free(y.filters);
	arena_free(y.arena);
	end_unauthorised(s);
	book_all(s->book, follow_one, s);
	arm(s);
}

void
server_reload(struct dots_server *s, const struct server_setup *setup)
{
	struct listener_config cfg;

	s->setup = *setup;
	index_clients(s);
	negotiation_terms(s);
	cfg = listener_config_of(setup);
	listener_set_credentials(s->listener, setup->credentials);
	listener_set_limits(s->listener, &cfg);
	book_set_policy(s->book, &setup->policy);
	peers_judge(s);
	naming_reload(s);
	end_unauthorised(s);
	apply_actions(s);
}

void
server_set_names(struct dots_server *s, const struct names_sources *from)
{
	s->setup.names = *from;
	naming_reload(s);
}

void
server_free(struct dots_server *s)
{
	if (!s)
		return;
	s->ending = true;
	admissions_free(s);
	filters_free(s);
	if (s->listener)
		listener_free(s->listener);
	answers_free(s);
	observers_free(s);
	peers_free(s);
	drain_free(s);
	naming_free(s->naming);
	suspensions_free(s);
	timer_free(s->timer);
	timer_free(s->recheck);
	timer_free(s->activations);
	book_free(s->book);
	cuids_free(s->cuids);
	map_free(s->psk);
	lifetimes_free(s->lifetimes);
	free(s->endpoints);
	free(s);
}

void
server_clock_set(struct dots_server *s)
{
	records_rewrite(s);
}

const struct book *
server_book(const struct dots_server *s)
{
	return s->book;
}

void
server_sessions(
	struct dots_server *s, void (*visit)(void *arg, const struct peer_view *v), void *arg)
{
	peers_visit(s, visit, arg);
}

size_t
server_handshakes(const struct dots_server *s)
{
	return listener_handshakes(s->listener);
}
