/*
 * See world.h.
 */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "mitigator/dryrun.h"
#include "standin/loop.h"
#include "standin/random.h"
#include "standin/store.h"

enum {
	TEXTS_MAX = 6,
	LIFETIME_MAX_S = 86400,
	MITIGATIONS_MAX = 9, /* of all clients together: less than their own limits allow */
	CUIDS_MAX = 2,
	EVENT_LINE_MAX = 16384,
	DAY_MS = 86400000,
};

static const char spki_three[] = "AAECAwQFBgcICQoLDA0ODw";

/* ---- who may ask ---- */

struct client_text {
	const char *name, *psk, *certificate, *spki;
	const char *prefixes[TEXTS_MAX];
	struct client_limits limits;
	struct filter_action action;
};

#define ONE                                                                                        \
	{                                                                                          \
		"one", "one", "one.example", NULL, {"192.0.2.0/24", "2001:db8::/32"},              \
			{2, 6, 4, 4, 4, 2, 3, 2, 100, 9, 100, 1024},                               \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define TWO                                                                                        \
	{                                                                                          \
		"two", "two", NULL, NULL, {"198.51.100.0/24", "192.0.2.0/25"},                     \
			{8, 1000, 256, 256, 64, 2, 256, 64, 200, 300, 1000, 1024},                 \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define THREE                                                                                      \
	{                                                                                          \
		"three", NULL, NULL, spki_three, {"192.0.2.128/25"},                               \
			{1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1024},                                   \
		{                                                                                  \
			ACTION_LIMIT, 1000, RATE_BYTES                                             \
		}                                                                                  \
	}

static const struct client_text texts[WORLD_CONFIGS][3] = {
	{ONE, TWO, THREE},
	{{"one", "one", NULL, NULL, {"192.0.2.0/28"}, {1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1024}, {0}},
		THREE},
	{TWO, {"one", NULL, "one.example", NULL, {"192.0.2.0/24"},
		      {2, 6, 4, 4, 4, 2, 3, 2, 100, 9, 100, 1024}, {0}}},
};
static const struct heartbeat_config heartbeats[WORLD_CONFIGS] = {{30000, 15}, {1000, 3}, {0, 15}};
static const struct mitigation_policy policies[WORLD_CONFIGS] = {
	{LIFETIME_MAX_S, false, 120, 300, MITIGATIONS_MAX, 1000},
	{600, false, 0, 300, MITIGATIONS_MAX, 20},
	{LIFETIME_MAX_S, false, 1, 300, 3, 1000},
};

static char **
list_of_one(const char *text, size_t *ret_n)
{
	char **list = text ? mem_new(sizeof(char *)) : NULL;

	*ret_n = text ? 1 : 0;
	if (text)
		list[0] = mem_text(text);
	return list;
}

/* "web" of client one. */
static void
add_alias(struct client *c)
{
	static const struct alias web = {.n_prefixes = 1, .n_names = 1, .n_ports = 1};
	struct alias *a = mem_copy(&web, sizeof(web));
	int r;

	c->aliases = a;
	c->n_aliases = 1;
	a->name = mem_text("web");
	a->prefixes = mem_new(sizeof(*a->prefixes));
	r = prefix_parse("192.0.2.9/32", a->prefixes);
	assert(r == 0);
	a->names = mem_new(sizeof(char *));
	a->names[0] = mem_text("https://a8.example/");
	a->ports = mem_new(sizeof(*a->ports));
	a->ports[0] = (struct port_range){1, 8080, 0};
}

static struct client *
client_of(const struct client_text *t)
{
	struct client *c = mem_new(sizeof(*c));

	c->name = mem_text(t->name);
	c->psk_identities = list_of_one(t->psk, &c->n_psk_identities);
	c->certificates = list_of_one(t->certificate, &c->n_certificates);
	c->spki = list_of_one(t->spki, &c->n_spki);
	c->limits = t->limits;
	c->action = t->action;
	c->prefixes = mem_array(TEXTS_MAX, sizeof(*c->prefixes));
	for (size_t i = 0; i < TEXTS_MAX && t->prefixes[i]; i++) {
		int r = prefix_parse(t->prefixes[i], &c->prefixes[c->n_prefixes++]);

		assert(r == 0);
	}
	if (!strcmp(t->name, "one"))
		add_alias(c);
	return c;
}

static struct clients *
clients_of(unsigned config)
{
	struct clients *cs = clients_new();

	for (size_t i = 0; i < 3 && texts[config][i].name; i++) {
		const char *why = clients_add(cs, client_of(&texts[config][i]));

		assert(!why);
	}
	return cs;
}

const struct peer_id *
world_peers(void)
{
	static const struct peer_id peers[WORLD_PEERS] = {
		{.kind = PEER_PSK, .name = "one", .cuid = "one-cuid"},
		{.kind = PEER_PSK, .name = "two", .cuid = "two-cuid"},
		{.kind = PEER_CERTIFICATE, .name = "three\x1b[31m\"\xc3\xa9", .issuer = "CA\n"},
		{.kind = PEER_CERTIFICATE,
			.name = "stranger",
			.names = {"one.example", "elsewhere.example"},
			.n_names = 2},
	};
	static struct peer_id filled[WORLD_PEERS];

	memcpy(filled, peers, sizeof(peers));
	memcpy(filled[2].cuid, spki_three, sizeof(spki_three));
	return filled;
}

const struct endpoint *
world_address(void)
{
	static const struct endpoint at = {{4, {203, 0, 113, 1}}, 4646, 0};

	return &at;
}

/* ---- upstream, of a gateway ---- */

struct undecided {
	char *key;
	void (*decide)(void *arg, const struct verdict *v, int64_t lifetime);
	void *arg;
};

struct upstream {
	struct escalation escalation;
	struct undecided *list;
	size_t n;
	void (*status)(void *arg, const char *key, const struct escalation_status *s);
	void *arg;
};

static struct undecided
take(struct upstream *u, size_t i)
{
	struct undecided d = u->list[i];

	memmove(&u->list[i], &u->list[i + 1], (u->n - i - 1) * sizeof(*u->list));
	u->n--;
	return d;
}

/* A name may have no address of its client's just now. */
static bool
asks_for_something(const struct escalation_request *r)
{
	return r->cover ? r->cover->n_prefixes || r->cover->n_names
			: r->scope->target.n_target_prefix > 0;
}

static void
upstream_admit(struct escalation *e, const struct escalation_request *r,
	void (*decide)(void *arg, const struct verdict *v, int64_t lifetime), void *arg)
{
	struct upstream *u = (struct upstream *)e;

	assert(asks_for_something(r) && r->hop_limit > 0);
	for (size_t i = 0; i < u->n; i++)
		if (!strcmp(u->list[i].key, r->key))
			return; /* the same request with fewer hops left */
	u->list = mem_grow(u->list, u->n + 1, sizeof(*u->list));
	u->list[u->n++] = (struct undecided){mem_text(r->key), decide, arg};
}

static void
upstream_ask(struct escalation *e, const struct escalation_request *r, struct escalation_asked *ret)
{
	(void)e;
	assert(asks_for_something(r) && r->hop_limit > 0);
	*ret = (struct escalation_asked){.upstream = "above"};
	ret->verdict =
		verdict_of(r->hop_limit > 1 ? COAP_201_CREATED : COAP_400_BAD_REQUEST, "%s", "");
}

static void
upstream_withdraw(struct escalation *e, const char *key)
{
	struct upstream *u = (struct upstream *)e;

	for (size_t i = u->n; i > 0; i--)
		if (!strcmp(u->list[i - 1].key, key))
			free(take(u, i - 1).key);
}

static void
upstream_on_status(struct escalation *e,
	void (*status)(void *arg, const char *key, const struct escalation_status *s), void *arg)
{
	struct upstream *u = (struct upstream *)e;

	u->status = status;
	u->arg = arg;
}

static void
upstream_restored(struct escalation *e, bool (*stands)(void *arg, const char *key), void *arg)
{
	struct upstream *u = (struct upstream *)e;

	for (size_t i = 0; i < u->n; i++)
		(void)stands(arg, u->list[i].key);
}

static const struct escalation_ops upstream_ops = {
	upstream_admit, upstream_ask, upstream_withdraw, upstream_restored, upstream_on_status};

/* ---- the world ---- */

struct world {
	struct loop *loop;
	struct persist *store;
	unsigned config;
	struct clients *clients;
	struct server_setup setup;
	struct dots_server *server;
	struct mitigator *mitigators[1];
	struct upstream upstream;
	struct world_setup asked;
};

/* A log line is one line of printable text, whatever a peer sent. */
static void
check_event(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	static char line[EVENT_LINE_MAX];
	static FILE *f;
	long len;

	(void)arg;
	if (!f)
		f = fmemopen(line, sizeof(line) - 1, "w");
	rewind(f);
	event_json_sink(f, id, fields, n);
	len = ftell(f);
	assert(len > 0 && line[len - 1] == '\n');
	for (long i = 0; i < len - 1; i++)
		assert((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
}

static void
set_up(struct world *w, unsigned config)
{
	static const struct listen_socket socket = {.local = {{4, {203, 0, 113, 1}}, 4646, 0}};

	w->config = config;
	w->clients = clients_of(config);
	w->setup = (struct server_setup){
		.name = "world",
		.sockets = &socket,
		.n_sockets = 1,
		.credentials = w->asked.credentials,
		.psk = w->asked.psk,
		.n_psk = w->asked.n_psk,
		.clients = w->clients,
		.heartbeat = heartbeats[config],
		.policy = policies[config],
		.max_sessions = 6,
		.max_observers = 6,
		.max_half_open = 6,
		.max_half_open_per_prefix = 4,
		.handshakes_per_turn = 2,
	};
	if (config != 1)
		w->setup.names.resolver = (struct endpoint){{4, {127, 0, 0, 1}}, 53, 0};
}

static size_t
own_mitigators(const struct world *w)
{
	return !w->asked.gateway || w->asked.beside;
}

static void
start(struct world *w)
{
	struct mitigator_events events;
	char why[256] = "";

	w->server = server_new(w->loop, w->store, &w->setup, w->mitigators, own_mitigators(w),
		w->asked.gateway ? &w->upstream.escalation : NULL, why, sizeof(why));
	assert(w->server);
	events = server_events(w->server, 0);
	w->mitigators[0] = dryrun_new(w->loop, &events);
	server_start(w->server);
	standin_loop_settle(w->loop);
}

static void
stop(struct world *w)
{
	server_free(w->server);
	w->mitigators[0]->ops->free(w->mitigators[0]);
	while (w->upstream.n)
		free(take(&w->upstream, 0).key);
}

struct world *
world_open(const struct world_setup *setup)
{
	struct world *w = mem_new(sizeof(*w));

	event_clear_sinks();
	event_add_sink(check_event, w);
	standin_random_begin();
	w->asked = *setup;
	w->upstream.escalation.ops = &upstream_ops;
	w->loop = loop_new();
	w->store = standin_store_new(w->loop);
	set_up(w, 0);
	start(w);
	return w;
}

void
world_close(struct world *w)
{
	while (w->upstream.n)
		world_decide(w, COAP_503_SERVICE_UNAVAILABLE);
	world_advance(w, DAY_MS + 300000);
	world_check(w);
	assert(book_count(server_book(w->server)) == 0);
	assert(dryrun_count(w->mitigators[0]) == 0);
	assert(standin_store_count(w->store, "mitigation") == 0);
	stop(w);
	standin_store_free(w->store);
	clients_free(w->clients);
	loop_free(w->loop);
	free(w->upstream.list);
	free(w);
	event_clear_sinks();
}

struct loop *
world_loop(const struct world *w)
{
	return w->loop;
}

void
world_advance(struct world *w, int64_t ms)
{
	standin_loop_advance(w->loop, ms);
}

void
world_reload(struct world *w, unsigned config)
{
	struct clients *old = w->clients;

	set_up(w, config % WORLD_CONFIGS);
	server_reload(w->server, &w->setup);
	clients_free(old);
	standin_loop_settle(w->loop);
}

/* ---- restart ---- */

struct kept {
	char *client, *cuid;
	uint32_t mid;
	int64_t remaining;
};

struct keeping {
	struct kept list[MITIGATIONS_MAX];
	size_t n;
	mono_ms now;
};

static bool
keep(void *arg, struct mitigation *m)
{
	struct keeping *k = arg;

	assert(k->n < MITIGATIONS_MAX);
	k->list[k->n++] = (struct kept){
		mem_text(m->client), mem_text(m->cuid), m->mid, mitigation_remaining(m, k->now)};
	return true;
}

void
world_restart(struct world *w)
{
	struct keeping k = {.now = loop_now(w->loop)};

	book_all(server_book(w->server), keep, &k);
	stop(w);
	start(w);
	assert(book_count(server_book(w->server)) == k.n);
	for (size_t i = 0; i < k.n; i++) {
		const struct kept *was = &k.list[i];
		const struct mitigation *m =
			book_find(server_book(w->server), was->client, was->cuid, was->mid);

		assert(m && mitigation_remaining(m, k.now) == was->remaining);
		free(was->client);
		free(was->cuid);
	}
}

/* ---- what else may happen ---- */

void
world_store_durable(struct world *w, bool durable)
{
	standin_store_durable(w->store, durable);
}

struct nth {
	unsigned left;
	struct mitigation *found;
};

static bool
find_nth(void *arg, struct mitigation *m)
{
	struct nth *n = arg;

	n->found = m;
	return n->left-- > 0;
}

static struct mitigation *
nth(const struct world *w, unsigned n)
{
	struct nth search = {.left = n};

	book_all(server_book(w->server), find_nth, &search);
	return search.found;
}

void
world_counters(struct world *w, unsigned n, uint64_t packets, uint64_t bytes)
{
	struct mitigator_events events = server_events(w->server, 0);
	const struct mitigation *m = nth(w, n);

	events.counters(events.arg, m ? m->id : n, packets, bytes);
	standin_loop_settle(w->loop);
}

void
world_failed(struct world *w, unsigned n)
{
	struct mitigator_events events = server_events(w->server, 0);
	const struct mitigation *m = nth(w, n);

	events.failed(events.arg, m ? m->id : n, "no room");
	standin_loop_settle(w->loop);
}

size_t
world_undecided(const struct world *w)
{
	return w->upstream.n;
}

void
world_decide(struct world *w, uint8_t code)
{
	struct verdict v = verdict_of(code, "RFC 8811 2.2.3: upstream says so");
	struct undecided d;

	if (!w->upstream.n)
		return;
	d = take(&w->upstream, 0);
	v.conflict.cause = OVERLAPPING_TARGETS;
	d.decide(d.arg, &v, code % 7 ? 0 : 30);
	free(d.key);
	standin_loop_settle(w->loop);
}

void
world_upstream_status(struct world *w, unsigned n, unsigned status)
{
	const struct mitigation *m = nth(w, n);
	char *key;

	if (!m || !w->asked.gateway)
		return;
	key = mem_printf("%s/%s/%u", m->client, m->cuid, m->mid);
	w->upstream.status(w->upstream.arg, key,
		&(struct escalation_status){.status = status % ATTACK_MITIGATION_SIGNAL_LOSS + 1,
			.conflict = {status % 4, status % 3, status},
			.packets = status});
	free(key);
	standin_loop_settle(w->loop);
}

/* ---- sessions ---- */

struct search {
	const char *client; /* looked for, or found */
	uint16_t port;
	size_t n;
	bool silent;
};

static void
count_session(void *arg, const struct peer_view *v)
{
	struct search *s = arg;

	s->n += !strcmp(v->client, s->client);
}

size_t
world_sessions(struct world *w, const char *client, size_t *ret_limit)
{
	struct search s = {.client = client};
	const struct client *c = clients_named(w->clients, client);

	server_sessions(w->server, count_session, &s);
	*ret_limit = c ? c->limits.sessions : 0;
	return s.n;
}

static void
match_port(void *arg, const struct peer_view *v)
{
	struct search *s = arg;

	if (v->remote.port != s->port)
		return;
	s->client = v->client;
	s->silent = !strcmp(v->state, "silent");
}

const char *
world_client(struct world *w, uint16_t port, bool *ret_silent)
{
	struct search s = {.port = port};

	server_sessions(w->server, match_port, &s);
	*ret_silent = s.silent;
	return s.client;
}

/* ---- what always holds ---- */

struct tally {
	const struct world *world;
	size_t n, filtering;
};

static bool
check_one(void *arg, struct mitigation *m)
{
	struct tally *t = arg;
	const struct client *c = clients_named(t->world->clients, m->client);
	struct verdict v;

	assert(c); /* removed clients lose what they had (M17) */
	v = client_authorises(c, m->scope.target.target_prefix, m->scope.target.n_target_prefix);
	assert(verdict_ok(&v));
	assert(m->status >= ATTACK_MITIGATION_IN_PROGRESS &&
		m->status <= ATTACK_MITIGATION_SIGNAL_LOSS);
	assert(m->expires > loop_now(t->world->loop));
	t->n++;
	t->filtering += m->filtering && m->cover.n_prefixes;
	return true;
}

void
world_check(struct world *w)
{
	struct tally t = {.world = w};

	book_all(server_book(w->server), check_one, &t);
	assert(t.n <= MITIGATIONS_MAX);
	assert(t.filtering * own_mitigators(w) == dryrun_count(w->mitigators[0]));
	assert(t.n == standin_store_count(w->store, "mitigation"));
	assert(standin_store_count(w->store, "cuid") <= (size_t)3 * CUIDS_MAX);
}
