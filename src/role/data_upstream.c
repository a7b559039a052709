#include "role/data_upstream.h"

#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "role/data_channel.h"

struct data_upstream {
	struct loop *loop;
	struct dots_client *client;
	struct data_upstream_setup setup;
	struct data_channel **channels;
	size_t n_channels;
	struct map *told; /* refusals that the operator knows of */
};

/* ---- what is to be where --------------------------------------------------------------------- */

static char *
consent_text(const struct consent *c)
{
	return c ? mem_printf("%s to %s, granted by %s, %s", c->from, c->to, c->granted_by, c->at)
		 : NULL;
}

/* Once, over all that is learned and reloaded, while it stays so. */
static void
raise_unshared(const struct data_upstream *u, const struct share_wish *w, const struct share *s,
	struct map *told)
{
	const char *domain = s->domain < 0 ? NULL : u->setup.homing->domains[s->domain].name;
	char *reason = mem_printf(
		"%s: %s %s: %s", s->section, share_kinds[w->kind], share_name(w), s->reason);

	map_set(told, reason, strlen(reason), (void *)(uintptr_t)share_kinds);
	if (map_get(u->told, reason, strlen(reason))) {
		free(reason);
		return;
	}

	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", domain),
		EVENT_F("kind", share_kinds[w->kind]), EVENT_F("name", share_name(w)),
		EVENT_F("reason", s->reason), EVENT_F("section", s->section));
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", domain),
		EVENT_F("section", s->section));
	free(reason);
}

struct lists {
	struct data_record **of; /* by domain */
	size_t *n;
};

static void
add_record(struct lists *to, const struct share_wish *w, const struct share *s)
{
	struct data_record **list = &to->of[s->domain];
	size_t n = to->n[s->domain]++;

	*list = mem_grow(*list, n + 1, sizeof(**list));
	(*list)[n] = (struct data_record){.kind = w->kind,
		.entry = json_incref(s->entry),
		.prefixes = s->prefixes,
		.names = s->names,
		.consent = consent_text(s->consent)};
}

static void
add_kind(const struct data_upstream *u, enum share_kind kind, struct lists *to, struct map *told)
{
	for (size_t i = 0; i < u->setup.n_wishes; i++) {
		const struct share_wish *w = &u->setup.wishes[i];
		struct shares s = {.arena = arena_new()};

		if (w->kind == kind)
			share_plan(u->setup.homing, w, &s);
		for (size_t k = 0; k < s.n; k++)
			if (s.list[k].entry)
				add_record(to, w, &s.list[k]);
			else
				raise_unshared(u, w, &s.list[k], told);
		arena_free(s.arena);
		shares_finish(&s);
	}
}

/* ---- life ------------------------------------------------------------------------------------ */

static const char *
cuid_of(void *arg, uint32_t domain)
{
	return dots_client_cuid(arg, domain);
}

static struct data_channel_setup
channel_setup(const struct data_upstream *u, uint32_t domain)
{
	return (struct data_channel_setup){.homing = u->setup.homing,
		.domain = domain,
		.credentials = u->setup.credentials[domain],
		.links = dots_client_links(u->client),
		.cuid = cuid_of,
		.arg = u->client};
}

/* The channel of that domain among those of before, or a new one. */
static struct data_channel *
take_channel(struct data_upstream *u, struct data_channel **old, size_t n_old, uint32_t domain)
{
	struct data_channel_setup cs = channel_setup(u, domain);
	struct data_channel *c;

	for (size_t i = 0; i < n_old; i++)
		if (old[i] && !strcmp(data_channel_domain(old[i]),
				      u->setup.homing->domains[domain].name)) {
			c = old[i];
			old[i] = NULL;
			data_channel_rebind(c, &cs);
			return c;
		}
	return data_channel_new(u->loop, &cs);
}

static void
apply(struct data_upstream *u)
{
	const struct homing *h = u->setup.homing;
	struct data_channel **old = u->channels;
	size_t n_old = u->n_channels;
	struct map *told = map_new();
	struct lists l = {mem_array(h->n_domains + 1, sizeof(*l.of)),
		mem_array(h->n_domains + 1, sizeof(*l.n))};

	u->channels = mem_array(h->n_domains + 1, sizeof(struct data_channel *));
	u->n_channels = 0;
	add_kind(u, SHARE_ALIAS, &l, told);
	add_kind(u, SHARE_ACL, &l, told);
	map_free(u->told);
	u->told = told;
	for (uint32_t d = 0; d < h->n_domains; d++) {
		struct data_channel *c;

		if (!h->domains[d].data.name)
			continue; /* and nothing is planned for it */
		c = take_channel(u, old, n_old, d);
		u->channels[u->n_channels++] = c;
		data_channel_wish(c, l.of[d], l.n[d]);
	}
	for (size_t i = 0; i < n_old; i++)
		data_channel_free(old[i]);
	free(old);
	free(l.of);
	free(l.n);
}

static void
on_link(void *arg)
{
	const struct data_upstream *u = arg;

	for (size_t i = 0; i < u->n_channels; i++)
		data_channel_link_up(u->channels[i]);
}

struct data_upstream *
data_upstream_new(struct loop *l, struct dots_client *client, const struct data_upstream_setup *s)
{
	struct data_upstream *u = mem_new(sizeof(*u));

	u->loop = l;
	u->client = client;
	u->setup = *s;
	u->told = map_new();
	apply(u);
	dots_client_on_link(client, on_link, u);
	return u;
}

void
data_upstream_free(struct data_upstream *u)
{
	if (!u)
		return;
	dots_client_on_link(u->client, NULL, NULL);
	for (size_t i = 0; i < u->n_channels; i++)
		data_channel_free(u->channels[i]);
	free(u->channels);
	map_free(u->told);
	free(u);
}

void
data_upstream_reload(struct data_upstream *u, const struct data_upstream_setup *s)
{
	u->setup = *s;
	apply(u);
}
