/*
 * The data channel's server: its life, who may be here, where a request target leads, how it is
 * answered, and what of the ACLs is in force.
 */
#include "role/data_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "role/data_state.h"

/* ---- tenants --------------------------------------------------------------------------------- */

struct tenant *
data_tenant(struct data_server *s, const char *client)
{
	struct tenant *t = map_get(s->tenants, client, strlen(client));

	if (!t) {
		t = mem_new(sizeof(*t));
		t->client = mem_text(client);
		TAILQ_INIT(&t->waiting);
		map_set(s->tenants, client, strlen(client), t);
	}
	return t;
}

static bool
free_tenant(void *arg, const void *key, size_t len, void *value)
{
	struct tenant *t = value;

	(void)arg, (void)key, (void)len;
	free(t->client);
	free(t);
	return true;
}

static const struct client *
client_of(const struct data_server *s, const struct peer_id *peer)
{
	return clients_by_certificate(s->setup.clients, peer->names, peer->n_names, peer->cuid);
}

/* ---- requests ---- */

void
data_server_identify(struct data_request *r)
{
	struct data_server *s = r->server;

	r->asker = r->http->peer ? client_of(s, r->http->peer) : NULL;
	r->client = r->asker;
	r->tenant = r->asker ? data_tenant(s, r->asker->name) : NULL;
	if (!r->asker)
		restconf_refuse(&r->err, 401, RESTCONF_ACCESS_DENIED,
			"RFC 8040 2.5: a certificate of a client is needed");
}

static void
on_request(void *arg, struct https_exchange *ex, const struct https_request *http)
{
	data_work_begin(arg, ex, http);
}

static void
on_gone(void *arg, struct https_exchange *ex)
{
	data_work_gone(arg, ex);
	data_answers_gone(arg, ex);
}

static const char *
on_judge(void *arg, const struct peer_id *peer, const struct endpoint *remote)
{
	(void)remote;
	return client_of(arg, peer) ? NULL : "RFC 8783 10: no client of ours";
}

static const struct https_ops https_ops = {
	.request = on_request, .gone = on_gone, .judge = on_judge};

/* ---- what is in force ------------------------------------------------------------------------ */

static void
install(struct data_server *s, const struct client *c)
{
	struct arena *a = arena_new();
	struct tenant *t = data_tenant(s, c->name);
	struct acl_set set;

	data_in_force(s->data, c, a, &set);
	t->installing = 0;
	t->rules = set.n_rules;
	for (size_t i = 0; i < s->n_mitigators; i++)
		if (s->mitigators[i]->ops->acls) {
			t->installing++;
			s->mitigators[i]->ops->acls(s->mitigators[i], &set);
		}
	arena_free(a);
}

static void
on_change(void *arg, const char *client)
{
	struct data_server *s = arg;
	const struct client *c = clients_named(s->setup.clients, client);
	const struct client gone = {.name = (char *)(uintptr_t)client};

	install(s, c ? c : &gone);
}

static void
on_edited(void *arg, const char *client, const char *cuid)
{
	struct data_server *s = arg;
	struct data_client *dc = data_find(s->data, cuid);

	s->escalation->ops->edited(
		s->escalation, client, cuid, dc && !strcmp(dc->client, client) ? dc : NULL);
}

/* All of it: what is passed on, and of whom, is the configuration's to say. */
static void
pass_on(struct data_server *s)
{
	const struct clients *clients = s->setup.clients;

	for (size_t i = 0; s->escalation && i < clients_count(clients); i++) {
		const char *name = clients_get(clients, i)->name;
		const struct data_client *dc = NULL;

		while ((dc = data_next(s->data, name, dc)))
			on_edited(s, name, dc->cuid);
	}
}

static void
on_activation(void *arg, const struct data_activation *a)
{
	const struct data_server *s = arg;

	server_filter_changed(s->signal, a->client, a->cuid, a->acl, a->type, a->by_signal);
}

static void
on_installed(struct server_data *d, const char *client, const char *why)
{
	struct data_server *s = (struct data_server *)d;
	struct tenant *t = data_tenant(s, client);

	if (why) {
		event_raise(
			EVENT_FILTERS_FAILED, EVENT_F("client", client), EVENT_F("reason", why));
		return;
	}
	if (!t->installing || --t->installing)
		return;
	event_raise(EVENT_FILTERS, EVENT_F("client", client), EVENT_N("rules", t->rules));
	data_answers_go_on(s, client);
}

static void
on_counters(struct server_data *d, uint64_t rule, uint64_t packets, uint64_t bytes)
{
	struct data_server *s = (struct data_server *)d;

	data_count(s->data, rule, packets, bytes);
}

static void
on_mitigating(struct server_data *d, const char *client, const char *cuid, bool mitigating)
{
	struct data_server *s = (struct data_server *)d;

	data_mitigating(s->data, client, cuid, mitigating);
}

static const struct alias *
on_alias(struct server_data *d, const char *client, const char *cuid, const char *name)
{
	struct data_server *s = (struct data_server *)d;
	struct data_client *dc = data_find(s->data, cuid);
	struct data_entry *e = NULL;

	if (dc && !strcmp(dc->client, client))
		e = data_entry(dc, DATA_ALIAS, name);
	return e ? &e->alias : NULL;
}

static struct data_entry *
find_acl(struct data_server *s, const char *cuid, const char *acl, struct data_client **ret_dc)
{
	*ret_dc = data_find(s->data, cuid);
	return *ret_dc ? data_entry(*ret_dc, DATA_ACL, acl) : NULL;
}

static bool
on_has_acl(struct server_data *d, const char *client, const char *cuid, const char *acl)
{
	struct data_server *s = (struct data_server *)d;
	struct data_client *dc;

	return find_acl(s, cuid, acl, &dc) && !strcmp(dc->client, client);
}

static bool
on_activate(struct server_data *d, const char *cuid, const char *acl, enum activation_type type,
	enum activation_type *ret_before)
{
	struct data_server *s = (struct data_server *)d;
	struct data_client *dc;
	const struct data_entry *e = find_acl(s, cuid, acl, &dc);
	static const char *const changes[] = {[ACTIVATE_WHEN_MITIGATING] = "activated-by-signal",
		[ACTIVATE_IMMEDIATE] = "activated-by-signal",
		[DEACTIVATE] = "deactivated-by-signal"};

	if (!e)
		return false;
	if (ret_before)
		*ret_before = e->acl.activation;
	event_raise(EVENT_DATA_CHANGED, EVENT_F("client", dc->client), EVENT_F("cuid", cuid),
		EVENT_F("kind", "acl"), EVENT_F("name", acl), EVENT_F("change", changes[type]));
	return data_activate(s->data, dc, acl, type, loop_wall());
}

static bool
on_is_installing(struct server_data *d, const char *client)
{
	struct data_server *s = (struct data_server *)d;

	return data_tenant(s, client)->installing > 0;
}

static const struct server_data_ops channel_ops = {.alias = on_alias,
	.has_acl = on_has_acl,
	.activate = on_activate,
	.is_installing = on_is_installing,
	.mitigating = on_mitigating,
	.installed = on_installed,
	.counters = on_counters};

/* ---- life ------------------------------------------------------------------------------------ */

void
data_expire_due(void *arg)
{
	struct data_server *s = arg;
	wall_ms now = loop_wall(), next = data_expire(s->data, now);
	enum { DAY_MS = 24 * 3600 * 1000 };

	if (next == INT64_MAX)
		timer_stop(s->expiry);
	else
		timer_after(s->expiry, next - now < DAY_MS ? next - now : DAY_MS);
}

struct data_server *
data_server_new(struct loop *l, struct persist *p, const struct data_server_setup *setup,
	struct dots_server *signal, struct mitigator **mitigators, size_t n_mitigators,
	struct data_escalation *escalation, char *why, size_t cap)
{
	struct data_server *s = mem_new(sizeof(*s));

	s->loop = l;
	s->persist = p;
	s->setup = *setup;
	s->mitigators = mitigators;
	s->n_mitigators = n_mitigators;
	s->tenants = map_new();
	s->data = data_new(&setup->policy, p);
	s->expiry = timer_new(l, data_expire_due, s);
	s->rest = timer_new(l, data_work_rested, s);
	TAILQ_INIT(&s->answers);
	TAILQ_INIT(&s->turns);
	data_on_change(s->data, on_change, s);
	s->escalation = escalation;
	if (escalation) {
		data_on_edit(s->data, on_edited, s);
		escalation->ops->on_change(escalation, data_answers_review, s);
	}
	data_on_activation(s->data, on_activation, s);
	s->signal = signal;
	s->channel.ops = &channel_ops;
	server_attach_data(signal, &s->channel);
	s->https = https_new(l, &setup->https, &https_ops, s, why, cap);
	if (!s->https) {
		data_server_free(s);
		return NULL;
	}
	return s;
}

void
data_server_start(struct data_server *s)
{
	size_t unreadable = data_restore(s->data, s->setup.clients, loop_wall());
	char text[ENDPOINT_TEXT_MAX];

	if (unreadable)
		event_raise(EVENT_ALERT,
			EVENT_F("reason", "records of the data channel cannot be read, and are "
					  "left alone"));
	for (size_t i = 0; i < clients_count(s->setup.clients); i++)
		if (data_next(s->data, clients_get(s->setup.clients, i)->name, NULL))
			install(s, clients_get(s->setup.clients, i));
	pass_on(s);
	for (size_t i = 0; i < s->setup.https.n_sockets; i++)
		event_raise(EVENT_LISTENING,
			EVENT_F("address", endpoint_format(&s->setup.https.sockets[i].local, text)),
			EVENT_F("interface", s->setup.https.sockets[i].interface));
	data_expire_due(s);
}

void
data_server_reload(struct data_server *s, const struct data_server_setup *setup)
{
	data_work_withdraw(s);
	s->setup = *setup;
	https_set_credentials(s->https, setup->https.credentials);
	https_judge(s->https);
	data_reload(s->data, &setup->policy, setup->clients, loop_wall());
	pass_on(s);
	data_expire_due(s);
}

void
data_server_free(struct data_server *s)
{
	if (!s)
		return;
	server_attach_data(s->signal, NULL);
	if (s->escalation)
		s->escalation->ops->on_change(s->escalation, NULL, NULL);
	https_free(s->https);
	data_work_withdraw(s);
	data_work_forget(s);
	data_answers_forget(s);
	timer_free(s->rest);
	timer_free(s->expiry);
	data_free(s->data);
	map_each(s->tenants, free_tenant, NULL);
	map_free(s->tenants);
	free(s);
}

void
data_server_clock_set(struct data_server *s)
{
	data_expire_due(s);
}
