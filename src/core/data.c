/*
 * The book of what clients have put on record over the data channel: who has registered, what
 * stands in which list, until when, in which version, and what of it is in force. Edits are
 * data_edit.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "core/data_private.h"
#include "wire/path.h"

struct data *
data_new(const struct data_policy *policy, struct persist *p)
{
	struct data *d = mem_new(sizeof(*d));

	d->policy = *policy;
	d->persist = p;
	TAILQ_INIT(&d->all);
	TAILQ_INIT(&d->dirty);
	d->registrations = map_new();
	d->owners = map_new();
	d->mitigating = map_new();
	d->tallies = map_new();
	d->destinations = trie_new();
	return d;
}

void
data_on_change(struct data *d, void (*changed)(void *arg, const char *client), void *arg)
{
	d->changed = changed;
	d->changed_arg = arg;
}

void
data_on_edit(
	struct data *d, void (*edited)(void *arg, const char *client, const char *cuid), void *arg)
{
	d->edited = edited;
	d->edited_arg = arg;
}

void
data_on_activation(
	struct data *d, void (*changed)(void *arg, const struct data_activation *a), void *arg)
{
	d->activated = changed;
	d->activated_arg = arg;
}

void
data_tell_activation(const struct data *d, const struct data_stored *s, enum activation_type type,
	bool by_signal)
{
	const struct data_activation a = {
		s->of->client.client, s->of->client.cuid, s->entry.name, type, by_signal};

	if (d->activated && s->entry.kind == DATA_ACL)
		d->activated(d->activated_arg, &a);
}

/* ---- lists ---- */

struct data_entry ***
data_list(struct data_client *dc, enum data_kind kind, size_t **ret_n)
{
	*ret_n = kind == DATA_ALIAS ? &dc->n_aliases : &dc->n_acls;
	return kind == DATA_ALIAS ? &dc->aliases : &dc->acls;
}

struct data_version *
data_list_version(struct data_client *dc, enum data_kind kind)
{
	return kind == DATA_ALIAS ? &dc->aliases_version : &dc->acls_version;
}

size_t
data_place(struct data_entry *const *list, size_t n, const char *name, bool *ret_found)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(list[middle]->name, name);

		if (!order) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_found = false;
	return low;
}

struct data_entry *
data_entry(const struct data_client *dc, enum data_kind kind, const char *name)
{
	size_t at;
	bool found;

	if (kind == DATA_ALIAS) {
		at = data_place(dc->aliases, dc->n_aliases, name, &found);
		return found ? dc->aliases[at] : NULL;
	}
	for (at = 0; at < dc->n_acls; at++)
		if (!strcmp(dc->acls[at]->name, name))
			return dc->acls[at];
	return NULL;
}

/* ---- versions (RFC 8040 3.4.1, 3.5.1, 3.5.2) ---- */

uint64_t
data_take_number(struct data *d, wall_ms now)
{
	uint64_t clock = now > 0 ? (uint64_t)now : 0;

	d->number = d->number < clock ? clock : d->number + 1;
	return d->number;
}

void
data_begin(struct data *d, wall_ms now)
{
	d->version = (struct data_version){data_take_number(d, now), now};
}

static void
make_dirty(struct data *d, struct data_registration *r)
{
	r->client.version = d->version;
	if (!r->is_dirty)
		TAILQ_INSERT_TAIL(&d->dirty, r, dirty);
	r->is_dirty = true;
}

void
data_mark(struct data *d, struct data_registration *r, enum data_kind kind)
{
	*data_list_version(&r->client, kind) = d->version;
	r->filters_changed |= kind == DATA_ACL;
	make_dirty(d, r);
}

static void
tell(const struct data *d, const char *client)
{
	if (d->changed)
		d->changed(d->changed_arg, client);
}

static void
tell_edited(const struct data *d, const char *client, const char *cuid)
{
	if (d->edited)
		d->edited(d->edited_arg, client, cuid);
}

void
data_settle(struct data *d)
{
	struct data_registration *r;

	data_record_put_state(d);
	while ((r = TAILQ_FIRST(&d->dirty))) {
		bool filters = r->filters_changed;

		TAILQ_REMOVE(&d->dirty, r, dirty);
		r->is_dirty = r->filters_changed = false;
		data_record_put_client(d, r);
		if (filters)
			tell(d, r->client.client);
		tell_edited(d, r->client.client, r->client.cuid);
	}
}

/* ---- what entries are found by ---- */

static void
enter_rules(struct data *d, struct data_stored *s)
{
	const struct acl *acl = &s->entry.acl;

	for (size_t i = 0; i < acl->n_rules; i++)
		map_set(d->tallies, &acl->rules[i].id, sizeof(acl->rules[i].id), &s->tallies[i]);
}

static void
leave_rules(struct data *d, struct data_stored *s)
{
	const struct acl *acl = &s->entry.acl;

	for (size_t i = 0; i < acl->n_rules; i++)
		map_remove(d->tallies, &acl->rules[i].id, sizeof(acl->rules[i].id));
}

void
data_enter(struct data *d, struct data_stored *s, const struct client *c)
{
	heap_set(&d->expiries, &s->expiry, s->entry.expires);
	s->of->owner->bytes += s->bytes;
	if (s->entry.kind == DATA_ALIAS)
		return;
	enter_rules(d, s);
	data_index_add(d, s, c);
}

void
data_leave(struct data *d, struct data_stored *s)
{
	heap_remove(&d->expiries, &s->expiry);
	s->of->owner->bytes -= s->bytes;
	if (s->entry.kind == DATA_ALIAS)
		return;
	leave_rules(d, s);
	data_index_remove(d, s);
}

static void
take_out(struct data_entry **list, size_t *n, const struct data_entry *e)
{
	size_t at = 0;

	while (list[at] != e)
		at++;
	memmove(&list[at], &list[at + 1], (--*n - at) * sizeof(*list));
}

void
data_drop(struct data *d, struct data_stored *s)
{
	size_t *n;
	struct data_entry **list = *data_list(&s->of->client, s->entry.kind, &n);

	take_out(list, n, &s->entry);
	data_tell_activation(d, s, 0, false);
	data_leave(d, s);
	data_record_remove(d, s);
	data_entry_free(s);
}

wall_ms
data_expiry(const struct data *d, wall_ms now)
{
	return now + (wall_ms)d->policy.lifetime * 60 * 1000;
}

/* ---- registrations (RFC 8783 5) ---- */

struct data_client *
data_find(const struct data *d, const char *cuid)
{
	return map_get(d->registrations, cuid, strlen(cuid));
}

static struct data_owner *
owner_of(const struct data *d, const char *client)
{
	return map_get(d->owners, client, strlen(client));
}

struct data_client *
data_next(const struct data *d, const char *client, const struct data_client *after)
{
	const struct data_owner *o = owner_of(d, client);
	struct data_registration *r = after ? TAILQ_NEXT(data_registration_of(after), entry)
				      : o   ? TAILQ_FIRST(&o->registrations)
					    : NULL;

	return r ? &r->client : NULL;
}

static struct data_owner *
make_owner(struct data *d, const char *client)
{
	struct data_owner *o = mem_new(sizeof(*o));

	o->client = mem_text(client);
	TAILQ_INIT(&o->registrations);
	map_set(d->owners, client, strlen(client), o);
	return o;
}

static bool
is_mitigating(const struct data *d, const char *client, const char *cuid)
{
	const char *who = map_get(d->mitigating, cuid, strlen(cuid));

	return who && !strcmp(who, client);
}

struct data_registration *
data_add_registration(
	struct data *d, const char *client, const char *cuid, const char *cdid, uint64_t since)
{
	struct data_registration *r = mem_new(sizeof(*r));

	r->owner = owner_of(d, client);
	if (!r->owner)
		r->owner = make_owner(d, client);
	r->since = since;
	r->client.client = r->owner->client;
	r->client.cuid = mem_text(cuid);
	r->client.cdid = mem_text(cdid);
	r->head = data_record_head(r);
	r->client.mitigating = is_mitigating(d, client, cuid);
	map_set(d->registrations, cuid, strlen(cuid), r);
	TAILQ_INSERT_TAIL(&d->all, r, all);
	TAILQ_INSERT_TAIL(&r->owner->registrations, r, entry);
	r->owner->n++;
	return r;
}

/* It is the one of the signal channel (RFC 8783 5.1). */
static bool
check_cuid(const char *cuid, struct restconf_error *err)
{
	return path_is_identifier(cuid, strlen(cuid)) ||
	       restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8783 5.1: cuid: it is not a text of at most %d printable characters "
		       "without space and \"/\"",
		       PATH_ID_MAX);
}

static bool
check_room(struct data *d, const struct client *c, struct restconf_error *err)
{
	const struct data_owner *o = owner_of(d, c->name);

	if (o && o->n >= c->limits.cuids)
		return restconf_refuse(err, 403, RESTCONF_ACCESS_DENIED,
			"RFC 8783 10: cuid: %zu are registered, and limits.cuids allows no more "
			"than %u to this client",
			o->n, c->limits.cuids);
	if (map_count(d->registrations) >= d->policy.clients_max)
		return restconf_refuse(err, 503, RESTCONF_RESOURCE_DENIED,
			"RFC 8783 10: cuid: there are as many as data-channel.registrations "
			"allows to all clients: %u",
			d->policy.clients_max);
	return true;
}

/* What a gateway calls its domain may change (RFC 9132 4.4.1.2). */
static void
learn_cdid(struct data *d, struct data_registration *r, const char *cdid, wall_ms now)
{
	if (!cdid || (r->client.cdid && !strcmp(cdid, r->client.cdid)))
		return;
	free(r->client.cdid);
	r->client.cdid = mem_text(cdid);
	data_begin(d, now);
	make_dirty(d, r);
	data_settle(d);
}

bool
data_register(struct data *d, const struct client *c, const char *cuid, const char *cdid,
	wall_ms now, struct data_client **ret, bool *ret_created, struct restconf_error *err)
{
	struct data_registration *r = map_get(d->registrations, cuid, strlen(cuid));

	*ret_created = !r;
	if (r && strcmp(r->client.client, c->name) != 0)
		return restconf_refuse(err, 409, RESTCONF_RESOURCE_DENIED,
			"RFC 8783 5.1: cuid: it is in use already");
	if (r) {
		learn_cdid(d, r, cdid, now);
	} else {
		if (!check_cuid(cuid, err) || !check_room(d, c, err))
			return false;
		data_begin(d, now);
		r = data_add_registration(d, c->name, cuid, cdid, d->version.number);
		r->client.aliases_version = r->client.acls_version = d->version;
		make_dirty(d, r);
		data_settle(d);
	}
	*ret = &r->client;
	return true;
}

static void
free_registration(struct data *d, struct data_registration *r)
{
	struct data_owner *o = r->owner;

	map_remove(d->registrations, r->client.cuid, strlen(r->client.cuid));
	TAILQ_REMOVE(&d->all, r, all);
	TAILQ_REMOVE(&o->registrations, r, entry);
	if (!--o->n) {
		map_remove(d->owners, o->client, strlen(o->client));
		free(o->client);
		free(o);
	}
	free(r->client.aliases);
	free(r->client.acls);
	free(r->client.cuid);
	free(r->client.cdid);
	free(r->head);
	free(r);
}

/* From the last one: nothing has to move. */
static void
drop_all(struct data *d, struct data_client *dc)
{
	while (dc->n_aliases)
		data_drop(d, data_stored_of(dc->aliases[dc->n_aliases - 1]));
	while (dc->n_acls)
		data_drop(d, data_stored_of(dc->acls[dc->n_acls - 1]));
}

void
data_deregister(struct data *d, struct data_client *dc)
{
	struct data_registration *r = data_registration_of(dc);
	char *client = mem_text(dc->client), *cuid = mem_text(dc->cuid);
	bool filters = dc->n_acls > 0;

	drop_all(d, dc);
	data_record_remove_client(d, r);
	free_registration(d, r);
	if (filters)
		tell(d, client);
	tell_edited(d, client, cuid);
	free(client);
	free(cuid);
}

static bool
free_text(void *arg, const void *key, size_t len, void *value)
{
	(void)arg, (void)key, (void)len;
	free(value);
	return true;
}

void
data_free(struct data *d)
{
	struct data_registration *r;

	if (!d)
		return;
	while ((r = TAILQ_FIRST(&d->all))) {
		for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
			size_t *n;
			struct data_entry **list = *data_list(&r->client, kind, &n);

			while (*n) {
				struct data_stored *s = data_stored_of(list[--*n]);

				data_leave(d, s);
				data_entry_free(s);
			}
		}
		free_registration(d, r);
	}
	map_free(d->registrations);
	map_free(d->owners);
	map_each(d->mitigating, free_text, NULL);
	map_free(d->mitigating);
	map_free(d->tallies);
	trie_free(d->destinations);
	heap_finish(&d->expiries);
	free(d);
}

/* ---- time and configuration ---- */

wall_ms
data_expire(struct data *d, wall_ms now)
{
	struct heap_node *n;

	if (heap_deadline(&d->expiries) > now)
		return heap_deadline(&d->expiries);
	data_begin(d, now);
	while (heap_deadline(&d->expiries) <= now && (n = heap_first(&d->expiries))) {
		struct data_stored *s = heap_entry(n, struct data_stored, expiry);

		data_mark(d, s->of, s->entry.kind);
		data_drop(d, s);
	}
	data_settle(d);
	return heap_deadline(&d->expiries);
}

/* What one of its ACLs is for may be another thing now. */
static void
index_anew(struct data *d, struct data_registration *r, const struct client *c)
{
	for (size_t i = 0; i < r->client.n_acls; i++) {
		data_index_remove(d, data_stored_of(r->client.acls[i]));
		data_index_add(d, data_stored_of(r->client.acls[i]), c);
	}
}

/* False: nothing has changed. */
static bool
drop_foreign(struct data *d, struct data_registration *r, const struct client *c, bool begun,
	wall_ms now)
{
	for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
		size_t *n;
		struct data_entry **list = *data_list(&r->client, kind, &n);

		for (size_t i = *n; i-- > 0;) {
			struct data_stored *s = data_stored_of(list[i]);

			if (data_entry_is_allowed(s, c))
				continue;
			if (!begun)
				data_begin(d, now);
			begun = true;
			data_mark(d, r, kind);
			data_drop(d, s);
		}
	}
	return begun;
}

void
data_reload(struct data *d, const struct data_policy *policy, const struct clients *clients,
	wall_ms now)
{
	struct data_registration *r, *next;
	bool begun = false;

	d->policy = *policy;
	for (r = TAILQ_FIRST(&d->all); r; r = next) {
		const struct client *c = clients_named(clients, r->client.client);

		next = TAILQ_NEXT(r, all);
		if (!c) {
			data_deregister(d, &r->client);
			continue;
		}
		begun = drop_foreign(d, r, c, begun, now);
		index_anew(d, r, c);
		if (r->client.n_acls) /* its client's prefixes may be other ones */
			tell(d, c->name);
	}
	if (begun)
		data_settle(d);
}

/* ---- what is in force ---- */

void
data_mitigating(struct data *d, const char *client, const char *cuid, bool mitigating)
{
	struct data_client *dc = data_find(d, cuid);
	bool changed = false;

	if (mitigating)
		free(map_set(d->mitigating, cuid, strlen(cuid), mem_text(client)));
	else
		free(map_remove(d->mitigating, cuid, strlen(cuid)));
	if (!dc || strcmp(dc->client, client) != 0 || dc->mitigating == mitigating)
		return;
	dc->mitigating = mitigating;
	for (size_t i = 0; i < dc->n_acls && !changed; i++)
		changed = dc->acls[i]->acl.activation == ACTIVATE_WHEN_MITIGATING &&
			  dc->acls[i]->acl.n_rules;
	if (changed)
		tell(d, dc->client);
}

static bool
is_in_force(const struct data_client *dc, const struct acl *acl)
{
	return acl->activation == ACTIVATE_IMMEDIATE ||
	       (acl->activation == ACTIVATE_WHEN_MITIGATING && dc->mitigating);
}

/* Their number; to may be NULL. */
static size_t
gather(const struct data *d, const char *client, struct acl_rule *to)
{
	const struct data_client *dc = NULL;
	size_t n = 0;

	while ((dc = data_next(d, client, dc)))
		for (size_t i = 0; i < dc->n_acls; i++) {
			const struct acl *acl = &dc->acls[i]->acl;

			if (!is_in_force(dc, acl))
				continue;
			if (to && acl->n_rules)
				memcpy(&to[n], acl->rules, acl->n_rules * sizeof(*to));
			n += acl->n_rules;
		}
	return n;
}

void
data_in_force(const struct data *d, const struct client *c, struct arena *a, struct acl_set *ret)
{
	struct acl_rule *rules;

	*ret = (struct acl_set){.client = c->name, .scope = c->prefixes, .n_scope = c->n_prefixes};
	ret->n_rules = gather(d, c->name, NULL);
	rules = arena_alloc(a, ret->n_rules, sizeof(*rules));
	gather(d, c->name, rules);
	ret->rules = rules;
}

void
data_count(struct data *d, uint64_t rule, uint64_t packets, uint64_t bytes)
{
	struct data_tally *t = map_get(d->tallies, &rule, sizeof(rule));
	struct data_entry *e;
	bool anew;

	if (!t)
		return;
	e = &t->of->entry;
	anew = packets < t->packets || bytes < t->bytes;
	e->packets[t->at] += anew ? packets : packets - t->packets;
	e->bytes[t->at] += anew ? bytes : bytes - t->bytes;
	t->packets = packets;
	t->bytes = bytes;
}
