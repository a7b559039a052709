#include "network.h"

#include <stdio.h>

enum { PORT = 4646 };

/* ---- providers ------------------------------------------------------------------------------ */

static struct client *
make_client(const char *name, const char *prefixes)
{
	struct client *c = mem_new(sizeof(*c));
	struct arena *a = arena_new();
	struct target t = target_from(a, prefixes);

	c->name = mem_text(name);
	c->certificates = mem_array(1, sizeof(char *));
	c->certificates[0] = mem_text(name);
	c->n_certificates = 1;
	c->prefixes = mem_copy(t.target_prefix, t.n_target_prefix * sizeof(struct prefix));
	c->n_prefixes = t.n_target_prefix;
	c->limits = CLIENT_LIMITS_DEFAULT;
	arena_free(a);
	return c;
}

void
provider_client(struct provider *p, const char *name, const char *prefixes)
{
	assert_null(clients_add(p->clients, make_client(name, prefixes)));
}

void
provider_gateway(struct provider *p, const char *name, const char *prefixes)
{
	struct client *c = make_client(name, prefixes);

	c->gateway = true;
	assert_null(clients_add(p->clients, c));
}

void
provider_customer(struct provider *p, const char *name, const char *prefixes, const char *cdids)
{
	struct client *c = make_client(name, prefixes);

	for (size_t n; *cdids; cdids += n + (cdids[n] == ' ')) {
		n = strcspn(cdids, " ");
		c->cdids = mem_grow(c->cdids, c->n_cdids + 1, sizeof(char *));
		c->cdids[c->n_cdids++] = mem_printf("%.*s", (int)n, cdids);
	}
	assert_null(clients_add(p->clients, c));
}

void
provider_local(struct provider *p, const char *client)
{
	for (size_t i = 0; i < clients_count(p->clients); i++)
		if (!strcmp(clients_get(p->clients, i)->name, client))
			((struct client *)clients_get(p->clients, i))->local = true;
}

void
provider_make(struct provider *p, const char *name, const char *address, const char *prefixes)
{
	struct loop *shared = p->loop;

	*p = (struct provider){.name = name, .loop = shared ? shared : virtual_host(name)};
	assert_int_equal(endpoint_parse(address, PORT, &p->socket.local), 0);
	p->credentials = virtual_credentials(name);
	p->clients = clients_new();
	provider_client(p, "acme", prefixes);
	p->recorder = recorder_new(p->loop);
	p->mitigators[0] = recorder_mitigator(p->recorder);
	p->n_mitigators = 1;
	p->setup = (struct server_setup){.name = name,
		.sockets = &p->socket,
		.n_sockets = 1,
		.credentials = p->credentials,
		.clients = p->clients,
		.heartbeat = HEARTBEAT_CONFIG_DEFAULT,
		.max_observers = 100,
		.policy = MITIGATION_POLICY_DEFAULT};
}

void
provider_start(struct provider *p)
{
	struct mitigator_events events;
	char why[200] = "";

	p->server = server_new(p->loop, virtual_store(p->loop), &p->setup, p->mitigators,
		p->n_mitigators, p->escalation, why, sizeof(why));
	assert_non_null(p->server);
	events = server_events(p->server, 0);
	recorder_report_to(p->recorder, &events);
	server_start(p->server);
	virtual_turn(p->loop);
}

void
provider_stop(struct provider *p)
{
	recorder_report_to(p->recorder, NULL);
	server_free(p->server);
	p->server = NULL;
}

void
provider_crash(struct provider *p)
{
	virtual_crash(p->loop);
	provider_stop(p);
}

void
provider_restart(struct provider *p)
{
	if (p->server)
		provider_stop(p);
	if (virtual_crashed(p->loop))
		virtual_boot(p->loop);
	provider_start(p);
}

void
provider_free(struct provider *p)
{
	if (p->server)
		provider_stop(p);
	recorder_free(p->recorder);
	clients_free(p->clients);
	credentials_unref(p->credentials);
}

static void
count_session(void *arg, const struct peer_view *v)
{
	(void)v;
	++*(size_t *)arg;
}

size_t
provider_sessions(const struct provider *p)
{
	size_t n = 0;

	server_sessions(p->server, count_session, &n);
	return n;
}

struct search {
	uint32_t mid;
	const struct mitigation *found;
};

static bool
match_mid(void *arg, struct mitigation *m)
{
	struct search *s = arg;

	if (m->mid == s->mid)
		s->found = m;
	return !s->found;
}

const struct mitigation *
provider_mitigation(const struct provider *p, uint32_t mid)
{
	struct search s = {.mid = mid};

	book_all(server_book(p->server), match_mid, &s);
	return s.found;
}

size_t
provider_mitigations(const struct provider *p)
{
	return book_count(server_book(p->server));
}

/* ---- customers ------------------------------------------------------------------------------ */

void
customer_make(struct customer *c, const char *const *domains, size_t n)
{
	*c = (struct customer){.loop = virtual_host("customer"), .arena = arena_new()};
	c->homing = make_homing(domains, n);
	assert_true(n <= DOMAINS_MAX);
	for (size_t i = 0; i < n; i++)
		c->credentials[i] = virtual_credentials("acme");
}

static struct domain_server *
find_server(const struct customer *c, const char *name)
{
	for (size_t i = 0; i < c->homing->n_domains; i++)
		for (size_t k = 0; k < c->homing->domains[i].n_servers; k++)
			if (!strcmp(c->homing->domains[i].servers[k]->name, name))
				return c->homing->domains[i].servers[k];
	fail_msg("no server %s", name);
	return NULL;
}

void
customer_address(struct customer *c, const char *server, const char *address)
{
	struct domain_server *s = find_server(c, server);

	s->addresses = mem_grow(s->addresses, s->n_addresses + 1, sizeof(*s->addresses));
	assert_int_equal(addr_parse(address, &s->addresses[s->n_addresses++]), 0);
}

void
customer_resolver(struct customer *c, const char *domain, const char *address)
{
	struct domain *d = &c->homing->domains[homing_domain(c->homing, domain)];

	d->resolvers = mem_grow(d->resolvers, d->n_resolvers + 1, sizeof(*d->resolvers));
	assert_int_equal(endpoint_parse(address, 53, &d->resolvers[d->n_resolvers++]), 0);
}

void
customer_reload(struct customer *c, const char *const *domains, size_t n,
	void (*fill)(struct customer *c), const char *renew)
{
	struct homing *old = c->homing;
	struct credentials *before[DOMAINS_MAX];
	struct dots_client_setup setup;
	char why[200] = "";

	memcpy(before, c->credentials, sizeof(before));
	memset(c->credentials, 0, sizeof(c->credentials));
	c->homing = make_homing(domains, n);
	fill(c);
	assert_int_equal(homing_index(c->homing, why, sizeof(why)), 0);
	for (size_t i = 0; i < n; i++) {
		int at = homing_domain(old, c->homing->domains[i].name);
		bool same = at >= 0 && !strstr(renew, c->homing->domains[i].name);

		c->credentials[i] =
			same ? credentials_ref(before[at]) : virtual_credentials("acme");
		if (!same) /* another file */
			c->homing->domains[i].credentials.certificate = mem_text("new.crt");
	}
	setup = (struct dots_client_setup){.homing = c->homing, .credentials = c->credentials};
	dots_client_reload(c->client, &setup);
	virtual_turn(c->loop);
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		credentials_unref(before[i]);
	homing_free(old);
}

void
customer_start(struct customer *c)
{
	struct dots_client_setup setup = {.homing = c->homing, .credentials = c->credentials};
	char why[200] = "";

	if (!c->homing->owners)
		assert_int_equal(homing_index(c->homing, why, sizeof(why)), 0);
	c->client = dots_client_new(c->loop, virtual_store(c->loop), &setup);
	assert_non_null(c->client);
	virtual_turn(c->loop);
}

void
customer_stop(struct customer *c)
{
	dots_client_free(c->client);
	c->client = NULL;
}

void
customer_restart(struct customer *c)
{
	if (c->client)
		customer_stop(c);
	if (virtual_crashed(c->loop))
		virtual_boot(c->loop);
	customer_start(c);
}

void
customer_free(struct customer *c)
{
	if (c->client)
		customer_stop(c);
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		credentials_unref(c->credentials[i]);
	homing_free(c->homing);
	arena_free(c->arena);
}

static int
ask(struct customer *c, const char *id, const char *target, int64_t duration, bool trigger)
{
	struct arena *a = arena_new();
	struct target t = target_from(a, target);
	struct wish_request r = {.id = id,
		.asker = "operator",
		.target = &t,
		.trigger_mitigation = trigger,
		.duration = duration};
	char made[WISH_ID_MAX], why[WISH_WHY_MAX] = "";
	int error = wishes_ask(dots_client_wishes(c->client), &r, virtual_now(), loop_wall(), made,
		why, sizeof(why));

	dots_client_run(c->client);
	virtual_turn(c->loop);
	arena_free(a);
	return error;
}

int
customer_ask(struct customer *c, const char *id, const char *target, int64_t duration)
{
	return ask(c, id, target, duration, true);
}

int
customer_preconfigure(struct customer *c, const char *id, const char *target)
{
	return ask(c, id, target, 0, false);
}

int
customer_release(struct customer *c, const char *id)
{
	int error = wishes_release(dots_client_wishes(c->client), id, virtual_now(), loop_wall());

	dots_client_run(c->client);
	virtual_turn(c->loop);
	return error;
}

struct wish_part
customer_part(struct customer *c, const char *id, size_t n)
{
	struct wish_view v;

	arena_reset(c->arena);
	if (!wishes_view(dots_client_wishes(c->client), id, virtual_now(), c->arena, &v) ||
		n >= v.n_parts)
		return (struct wish_part){.state = (enum wish_state)NO_WISH};
	return v.parts[n];
}

enum wish_state
customer_state(struct customer *c, const char *id, size_t n)
{
	return customer_part(c, id, n).state;
}

size_t
customer_wishes(const struct customer *c)
{
	return wishes_count(dots_client_wishes(c->client));
}

struct asked_server {
	const char *name, *state, *transport;
};

static void
note_server(void *arg, const struct server_view *v)
{
	struct asked_server *s = arg;

	if (!strcmp(v->server, s->name)) {
		s->state = v->state;
		s->transport = v->transport;
	}
}

const char *
customer_server(struct customer *c, const char *server)
{
	struct asked_server s = {server, "", ""};

	dots_client_servers(c->client, note_server, &s);
	return s.state;
}

const char *
customer_transport(struct customer *c, const char *server)
{
	struct asked_server s = {server, "", ""};

	dots_client_servers(c->client, note_server, &s);
	return s.transport;
}
