/*
 * From the draft, as the options filled it, to the snapshot that the roles take.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/config_table.h"

enum { WHY_MAX = 400 };

/* ---- domains --------------------------------------------------------------------------------- */

static struct domain_server *
build_server(struct options *o, struct draft_server *ds)
{
	struct domain_server *s = mem_new(sizeof(*s));
	char text[ADDR_TEXT_MAX];

	s->name = ds->name;
	s->interfaces = ds->interfaces;
	s->n_interfaces = ds->n_interfaces;
	s->addresses = ds->addresses;
	s->n_addresses = ds->n_addresses;
	s->port = (uint16_t)ds->port;
	s->transport = ds->transport;
	s->priority = ds->priority;
	if (!s->name && s->n_addresses)
		s->name = mem_text(addr_format(&s->addresses[0], text));
	if (!s->name) {
		options_problem(o, true, options_spot(o, ds, ""),
			"server without name and addresses, expected at least one of them");
		s->name = mem_text("?");
	}
	return s;
}

/* Of one set, what was said of it or of both; beats and where they are said: of both, too. */
static struct session_choice
build_choice(const struct options *o, const struct draft_sets *ds, enum session_set set,
	const struct heartbeat_config *beats, const void *said)
{
	struct session_choice c = {.params = ds->both};

	c.params.heartbeat_ms = beats->interval_ms;
	c.params.missing_hb_allowed = beats->missing_allowed;
	for (size_t i = 0; i < SESSION_PARAMS; i++) {
		const struct session_param *row = &session_param_rows[i];
		bool own = options_given(o, &ds->of[set], row->name);

		if (own)
			*session_param_at(row, &c.params) = session_param_get(row, &ds->of[set]);
		if (own || options_given(o, ds, row->name) || options_given(o, said, row->name))
			c.has |= 1ULL << row->field;
	}
	return c;
}

static void
build_session(const struct options *o, const struct draft_session *ds, struct config *c)
{
	c->heartbeat = ds->heartbeat;
	c->config_max_age = ds->max_age;
	c->range = session_range_default;
	for (int s = 0; s < SESSION_SETS; s++)
		c->session[s] = build_choice(o, &ds->sets, s, &ds->heartbeat, ds);
	for (size_t i = 0; i < SESSION_PARAMS; i++) {
		const struct session_param *row = &session_param_rows[i];

		if (options_given(o, &ds->min, row->name))
			*session_param_at(row, &c->range.min) = session_param_get(row, &ds->min);
		if (options_given(o, &ds->max, row->name))
			*session_param_at(row, &c->range.max) = session_param_get(row, &ds->max);
	}
}

static void
build_domain(struct options *o, struct draft_domain *dd, bool gateway, struct domain *ret)
{
	*ret = dd->domain;
	ret->name = dd->name;
	ret->gateway = gateway;
	for (int i = 0; i < SESSION_SETS; i++)
		ret->session[i] = build_choice(o, &dd->session, i, &dd->domain.heartbeat, dd);
	ret->servers = mem_array(dd->n_servers, sizeof(struct domain_server *));
	for (size_t i = 0; i < dd->n_servers; i++)
		ret->servers[ret->n_servers++] = build_server(o, &dd->servers[i]);
	ret->protects_assigned = !gateway && !ret->protects;
	if (ret->protects_assigned && ret->prefixes) {
		ret->protects = mem_copy(ret->prefixes, ret->n_prefixes * sizeof(*ret->prefixes));
		ret->n_protects = ret->n_prefixes;
	}
	free(dd->servers);
}

static struct homing *
build_homing(struct options *o, struct draft *d)
{
	struct homing *h = mem_copy(&d->homing, sizeof(*h));

	h->n_domains = d->n_domains + d->n_gateways;
	h->domains = mem_array(h->n_domains, sizeof(*h->domains));
	for (size_t i = 0; i < d->n_domains; i++)
		build_domain(o, &d->domains[i], false, &h->domains[i]);
	for (size_t i = 0; i < d->n_gateways; i++)
		build_domain(o, &d->gateways[i], true, &h->domains[d->n_domains + i]);
	h->clip = d->wider == 1;
	h->consents = mem_array(d->n_consents, sizeof(*h->consents));
	for (size_t i = 0; i < d->n_consents; i++)
		h->consents[h->n_consents++] = d->consents[i].consent;
	return h;
}

/* ---- the listening side ---------------------------------------------------------------------- */

static void
add_socket(struct listen_socket **list, size_t *n, const struct draft_listen *dl,
	const struct addr *address)
{
	struct listen_socket *s;

	*list = mem_grow(*list, *n + 1, sizeof(**list));
	s = &(*list)[(*n)++];
	memset(s, 0, sizeof(*s));
	if (dl->interface)
		snprintf(s->interface, sizeof(s->interface), "%s", dl->interface);
	s->local.addr = *address;
	s->local.port = (uint16_t)dl->port;
	if (addr_is_link_local(address) && dl->interface)
		s->local.scope_id = if_nametoindex(dl->interface);
}

/* Takes the drafts over. */
static struct listen_socket *
build_sockets(struct draft_listen *list, size_t n, size_t *ret_n)
{
	static const struct addr any[] = {{.family = 4}, {.family = 6}};
	struct listen_socket *sockets = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (list[i].address.family)
			add_socket(&sockets, ret_n, &list[i], &list[i].address);
		else
			for (size_t k = 0; k < 2; k++)
				add_socket(&sockets, ret_n, &list[i], &any[k]);
		free(list[i].interface);
	}
	free(list);
	return sockets;
}

static void
build_listen(struct config *c, struct draft *d)
{
	c->listen = build_sockets(d->listen, d->n_listen, &c->n_listen);
	d->listen = NULL;
	c->data = d->data.setup;
	c->data.root = d->data.root;
	c->data.https.sockets =
		build_sockets(d->data.listen, d->data.n_listen, &c->data.https.n_sockets);
	d->data.listen = NULL;
}

static void
build_psk(struct options *o, struct config *c, struct client *cl, struct draft_psk *dp)
{
	struct psk_entry *e;
	char why[WHY_MAX] = "";

	if (!dp->identity || !dp->file) {
		options_problem(o, true, options_spot(o, dp, ""),
			"psk without %s, expected {identity, file}",
			dp->identity ? "file" : "identity");
		free(dp->identity);
		free(dp->file);
		return;
	}
	c->psk = mem_grow(c->psk, c->n_psk + 1, sizeof(*c->psk));
	e = &c->psk[c->n_psk++];
	memset(e, 0, sizeof(*e));
	e->len = sizeof(e->key);
	e->identity = dp->identity;
	if (credentials_read_psk(dp->file, e->key, &e->len, why, sizeof(why)) < 0)
		options_problem(o, true, options_spot(o, dp, "file"),
			"%s, expected a readable key of at most %zu bytes", why, sizeof(e->key));
	cl->psk_identities =
		mem_grow(cl->psk_identities, cl->n_psk_identities + 1, sizeof(*cl->psk_identities));
	cl->psk_identities[cl->n_psk_identities++] = mem_text(dp->identity);
	free(dp->file);
}

static void
build_client(struct options *o, struct config *c, struct draft_client *dc)
{
	struct client *cl = mem_copy(&dc->client, sizeof(*cl));
	const char *why;

	cl->name = mem_text(dc->name);
	cl->local = !dc->escalate;
	if (options_given(o, dc, "allow-indefinite"))
		cl->indefinite = dc->allow_indefinite ? INDEFINITE_GRANTED : INDEFINITE_SHORTENED;
	for (size_t i = 0; i < dc->n_psk; i++)
		build_psk(o, c, cl, &dc->psk[i]);
	free(dc->psk);
	why = clients_add(c->clients, cl);
	if (why)
		options_problem(o, true, options_spot(o, dc, ""),
			"%s, expected each credential to stand for one client", why);
}

/* ---- mitigators ------------------------------------------------------------------------------ */

static void
build_mitigator(struct options *o, struct config *c, struct draft_mitigator *dm)
{
	static const struct {
		const char *key;
		enum mitigator_kind kind;
	} known[] = {{"nftables", MITIGATOR_NFTABLES}, {"dry-run", MITIGATOR_DRY_RUN},
		{"escalate", MITIGATOR_ESCALATE}};
	const struct draft_above *above = &dm->escalate.above;
	struct mitigator_config m = {.socket = dm->socket,
		.instance = dm->instance,
		.above = {
			above->rate, above->unit ? RATE_BYTES : RATE_PACKETS, above->interval_ms}};
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (options_given(o, dm, known[i].key)) {
			m.kind = known[i].kind;
			n++;
		}
	if (n != 1)
		options_problem(o, true, options_spot(o, dm, ""),
			"mitigator of %u kinds, expected exactly one of nftables, dry-run, "
			"escalate",
			n);
	if (options_given(o, &dm->escalate, "above") && !options_given(o, above, "rate"))
		options_problem(o, true, options_spot(o, &dm->escalate, "above"),
			"above without rate, expected {rate: N}");
	if (!m.instance && c->instance)
		m.instance = mem_text(c->instance);
	c->mitigators = mem_grow(c->mitigators, c->n_mitigators + 1, sizeof(*c->mitigators));
	c->mitigators[c->n_mitigators++] = m;
}

bool
config_acts(const struct config *c)
{
	for (size_t i = 0; i < c->n_mitigators; i++)
		if (c->mitigators[i].kind != MITIGATOR_ESCALATE)
			return true;
	return false;
}

/* A gateway asks upstream unless told otherwise; then the time after a withdrawal is the
 * provider's. */
static void
default_mitigation(struct options *o, const struct draft *d, struct config *c)
{
	if (!c->n_mitigators && !options_given(o, d, "mitigators") && c->homing->n_domains) {
		c->mitigators = mem_new(sizeof(*c->mitigators));
		c->mitigators[0].kind = MITIGATOR_ESCALATE;
		c->n_mitigators = 1;
	}
	if (c->n_mitigators && !config_acts(c) &&
		!options_given(o, &d->config.policy, "terminating"))
		c->policy.terminating = 0;
}

struct config *
config_build(struct options *o, struct draft *d)
{
	struct config *c = mem_copy(&d->config, sizeof(*c));

	c->homing = build_homing(o, d);
	c->credentials = mem_array(c->homing->n_domains, sizeof(struct credentials *));
	c->names = d->names.resolver;
	c->trim = d->mixed == 1;
	c->separate = !d->aggregate;
	c->server_domain = d->server_domain;
	c->keep_via = d->keep_via;
	build_session(o, &d->session, c);
	build_listen(c, d);
	c->clients = clients_new();
	clients_never(c->clients, d->never_mitigate, d->n_never_mitigate);
	for (size_t i = 0; i < d->n_client_files; i++)
		for (size_t k = 0; k < d->client_files[i].n_clients; k++)
			build_client(o, c, &d->client_files[i].clients[k]);
	for (size_t i = 0; i < d->n_mitigators; i++)
		build_mitigator(o, c, &d->mitigators[i]);
	default_mitigation(o, d, c);
	return c;
}
