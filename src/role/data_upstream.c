#include "role/data_upstream.h"

#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "homing/disclosure.h"
#include "role/data_channel.h"

/* What may not go to a domain, or (NULL) to anybody. */
struct unshared {
	enum share_kind kind;
	char *name, *domain, *reason;
};

struct data_upstream {
	struct loop *loop;
	struct dots_client *client;
	struct data_upstream_setup setup;
	struct data_channel **channels;
	size_t n_channels;
	struct unshared *unshared;
	size_t n_unshared;
};

/* ---- what is to be where --------------------------------------------------------------------- */

static struct unshared
note_unshared(const struct homing *h, const struct share_wish *w, const struct share *s)
{
	return (struct unshared){.kind = w->kind,
		.name = mem_text(share_name(w)),
		.domain = s->domain < 0 ? NULL : mem_text(h->domains[s->domain].name),
		.reason = mem_printf("%s: %s", s->section, s->reason)};
}

static void
raise_unshared(const struct unshared *n, const struct share *s)
{
	char *reason =
		mem_printf("%s: %s %s: %s", s->section, share_kinds[n->kind], n->name, s->reason);

	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", n->domain),
		EVENT_F("kind", share_kinds[n->kind]), EVENT_F("name", n->name),
		EVENT_F("reason", s->reason), EVENT_F("section", s->section));
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", n->domain),
		EVENT_F("section", s->section));
	free(reason);
}

static void
free_unshared(struct unshared *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].name);
		free(list[i].domain);
		free(list[i].reason);
	}
	free(list);
}

struct lists {
	struct data_record **of; /* by domain */
	size_t *n;
	struct map *known; /* refusals that the operator was told of */
	struct unshared *unshared;
	size_t n_unshared;
};

static char *
key_of(const struct unshared *n)
{
	return mem_printf("%d %s %s %s", n->kind, n->domain ? n->domain : "", n->name, n->reason);
}

/* Told once, over all that is learned and reloaded, while it stays so. */
static void
add_unshared(struct lists *to, const struct unshared *n, const struct share *s)
{
	char *key = key_of(n);

	to->unshared = mem_grow(to->unshared, to->n_unshared + 1, sizeof(*to->unshared));
	to->unshared[to->n_unshared++] = *n;
	if (!map_get(to->known, key, strlen(key)))
		raise_unshared(n, s);
	free(key);
}

static struct map *
known_refusals(const struct data_upstream *u)
{
	struct map *m = map_new();

	for (size_t i = 0; i < u->n_unshared; i++) {
		char *key = key_of(&u->unshared[i]);

		map_set(m, key, strlen(key), &u->unshared[i]);
		free(key);
	}
	return m;
}

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
		.consent = disclosure_consent_text(s->consent)};
}

static void
add_wish(const struct homing *h, const struct share_wish *w, struct lists *to)
{
	struct shares s = {.arena = arena_new()};

	share_plan(h, w, &s);
	for (size_t i = 0; i < s.n; i++)
		if (s.list[i].entry) {
			add_record(to, w, &s.list[i]);
		} else {
			struct unshared n = note_unshared(h, w, &s.list[i]);

			add_unshared(to, &n, &s.list[i]);
		}
	arena_free(s.arena);
	shares_finish(&s);
}

static void
add_kind(const struct data_upstream *u, enum share_kind kind, struct lists *to)
{
	for (size_t i = 0; i < u->setup.n_wishes; i++)
		if (u->setup.wishes[i].kind == kind)
			add_wish(u->setup.homing, &u->setup.wishes[i], to);
}

/* ---- filters by signal (RFC 9133) ------------------------------------------------------------ */

static struct data_channel *
channel_of(const struct data_upstream *u, uint32_t domain)
{
	for (size_t i = 0; i < u->n_channels; i++)
		if (!strcmp(data_channel_domain(u->channels[i]),
			    u->setup.homing->domains[domain].name))
			return u->channels[i];
	return NULL;
}

/* After a start in the middle of an attack nobody can be asked what is on record. What is to be
 * there most likely is; where it is not the server says so. */
static const char *
left_there(const struct data_channel *c, const char *acl)
{
	size_t n;
	const struct data_record *r = data_channel_records(c, &n);

	for (size_t i = 0; !data_channel_has_looked(c) && i < n; i++) {
		const char *name = json_string_value(json_object_get(r[i].entry, "name"));

		if (r[i].kind == SHARE_ACL && !strcmp(name, acl))
			return name;
	}
	return NULL;
}

static const char *
acl_of(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	const char *there = data_upstream_acl(arg, domain, asker, acl);
	const struct data_channel *c = there || *asker ? NULL : channel_of(arg, domain);

	return c ? left_there(c, acl) : there;
}

static bool
lets_pass(const json_t *acl)
{
	const json_t *ace, *aces = json_object_get(json_object_get(acl, "aces"), "ace");
	size_t i;

	json_array_foreach(aces, i, ace)
	{
		const char *to = json_string_value(
			json_object_get(json_object_get(ace, "actions"), "forwarding"));

		if (to && !strcmp(to, "accept"))
			return true;
	}
	return false;
}

static const char *
accepting(void *arg, uint32_t domain, size_t n)
{
	const struct data_channel *c = channel_of(arg, domain);
	size_t n_records = 0;
	const struct data_record *r = c ? data_channel_records(c, &n_records) : NULL;

	for (size_t i = 0; i < n_records; i++)
		if (r[i].kind == SHARE_ACL && r[i].state == DATA_RECORD_PLACED &&
			lets_pass(r[i].entry) && n-- == 0)
			return json_string_value(json_object_get(r[i].entry, "name"));
	return NULL;
}

static void
missing(void *arg, uint32_t domain)
{
	struct data_channel *c = channel_of(arg, domain);

	if (c)
		data_channel_look(c);
}

static void
tell_records(struct data_upstream *u)
{
	dots_client_on_acl(u->client, &(struct client_records){{acl_of, accepting, u}, missing});
	for (uint32_t d = 0; d < u->setup.homing->n_domains; d++)
		dots_client_recorded(u->client, d);
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum activation_type
controlled(void *arg, const char *domain, const char *acl)
{
	return wishes_controlled(dots_client_wishes(arg), domain, acl);
}

static void
recorded(void *arg, uint32_t domain)
{
	dots_client_recorded(arg, domain);
}

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
		.controlled = controlled,
		.recorded = recorded,
		.arg = u->client};
}

/* The channel of that domain, and to the same server, among those of before, or a new one: what
 * another server has said of our records counts for nothing. */
static struct data_channel *
take_channel(struct data_upstream *u, struct data_channel **old, size_t n_old, uint32_t domain)
{
	struct data_channel_setup cs = channel_setup(u, domain);
	struct data_channel *c;

	for (size_t i = 0; i < n_old; i++)
		if (old[i] && data_channel_leads_to(old[i], &u->setup.homing->domains[domain])) {
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
	struct lists l = {.of = mem_array(h->n_domains + 1, sizeof(*l.of)),
		.n = mem_array(h->n_domains + 1, sizeof(*l.n)),
		.known = known_refusals(u)};

	u->channels = mem_array(h->n_domains + 1, sizeof(struct data_channel *));
	u->n_channels = 0;
	add_kind(u, SHARE_ALIAS, &l);
	add_kind(u, SHARE_ACL, &l);
	map_free(l.known);
	free_unshared(u->unshared, u->n_unshared);
	u->unshared = l.unshared;
	u->n_unshared = l.n_unshared;
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
	apply(u);
	dots_client_on_link(client, on_link, u);
	tell_records(u);
	return u;
}

void
data_upstream_free(struct data_upstream *u)
{
	if (!u)
		return;
	dots_client_on_link(u->client, NULL, NULL);
	dots_client_on_acl(u->client, NULL);
	for (size_t i = 0; i < u->n_channels; i++)
		data_channel_free(u->channels[i]);
	free(u->channels);
	free_unshared(u->unshared, u->n_unshared);
	free(u);
}

void
data_upstream_reload(struct data_upstream *u, const struct data_upstream_setup *s)
{
	u->setup = *s;
	apply(u);
	tell_records(u);
}

static void
visit_channel(const struct data_channel *c,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg)
{
	static const char *const states[] = {[DATA_RECORD_PENDING] = "pending",
		[DATA_RECORD_PLACED] = "placed",
		[DATA_RECORD_REFUSED] = "refused"};
	size_t n;
	const struct data_record *r = data_channel_records(c, &n);

	for (size_t i = 0; i < n; i++) {
		struct data_record_view v = {.kind = r[i].kind,
			.name = json_string_value(json_object_get(r[i].entry, "name")),
			.domain = data_channel_domain(c),
			.server = data_channel_server(c),
			.state = states[r[i].state],
			.reason = ""};

		if (r[i].state == DATA_RECORD_REFUSED)
			v.reason = r[i].why;
		else if (r[i].state == DATA_RECORD_PENDING)
			v.reason = data_channel_reason(c);
		visit(arg, &v);
	}
}

void
data_upstream_each(const struct data_upstream *u,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg)
{
	for (size_t i = 0; i < u->n_channels; i++)
		visit_channel(u->channels[i], visit, arg);
	for (size_t i = 0; i < u->n_unshared; i++) {
		const struct unshared *n = &u->unshared[i];

		visit(arg, &(struct data_record_view){.kind = n->kind,
				   .name = n->name,
				   .domain = n->domain ? n->domain : "",
				   .server = "",
				   .state = "refused",
				   .reason = n->reason});
	}
}

const char *
data_upstream_acl(
	const struct data_upstream *u, uint32_t domain, const char *asker, const char *acl)
{
	const char *name = u->setup.homing->domains[domain].name;

	for (size_t i = 0; !*asker && i < u->n_channels; i++) {
		size_t n;
		const struct data_record *r = data_channel_records(u->channels[i], &n);

		for (size_t k = 0; !strcmp(data_channel_domain(u->channels[i]), name) && k < n;
			k++) {
			const char *own = json_string_value(json_object_get(r[k].entry, "name"));

			if (r[k].kind == SHARE_ACL && r[k].state == DATA_RECORD_PLACED &&
				!strcmp(own, acl))
				return own;
		}
	}
	return NULL;
}
