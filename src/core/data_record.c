/*
 * The book as records of the store: what was given last (kind "data-state"), registrations (kind
 * "data-client", key cuid), aliases and ACLs (kinds "data-alias" and "data-acl", key cuid/name: a
 * cuid has no "/"). The order of ACLs is the registration's. What has been counted is not on
 * record: what counts goes on counting meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "core/data_private.h"
#include "wire/data.h"
#include "wire/path.h"
#include "wire/via.h"

/* Numbers beyond are nothing that was ever given. */
static const json_int_t number_max = INT64_MAX / 2;

static const char state_kind[] = "data-state", state_key[] = "state";
static const char client_kind[] = "data-client";
static const char *const entry_kinds[DATA_KINDS] = {"data-alias", "data-acl"};

/* ---- writing ---- */

/* mem_* allocated. */
static char *
key_of(const char *cuid, const char *name)
{
	return mem_printf("%s/%s", cuid, name);
}

/* Takes the reference. */
static void
put(struct data *d, const char *kind, const char *key, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	persist_put(d->persist, kind, key, text);
	free(text);
	json_decref(j);
}

static json_t *
version_json(const struct data_version *v)
{
	return json_pack("[II]", (json_int_t)v->number, (json_int_t)v->changed);
}

void
data_record_put_state(struct data *d)
{
	put(d, state_kind, state_key, json_pack("{sI}", "number", (json_int_t)d->number));
}

void
data_record_put_client(struct data *d, const struct data_registration *r)
{
	const struct data_client *dc = &r->client;
	json_t *order = json_array();

	for (size_t i = 0; i < dc->n_acls; i++)
		json_array_append_new(order, json_string(dc->acls[i]->name));
	put(d, client_kind, dc->cuid,
		json_pack("{ss ss ss* sI so so so so}", "cuid", dc->cuid, "client", dc->client,
			"cdid", dc->cdid, "since", (json_int_t)r->since, "version",
			version_json(&dc->version), "aliases", version_json(&dc->aliases_version),
			"acls", version_json(&dc->acls_version), "order", order));
}

void
data_record_remove_client(struct data *d, const struct data_registration *r)
{
	persist_remove(d->persist, client_kind, r->client.cuid);
}

/* An object without its end. */
static char *
open_object(json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	text[strlen(text) - 1] = '\0';
	json_decref(j);
	return text;
}

char *
data_record_head(const struct data_registration *r)
{
	return open_object(
		json_pack("{ss sI}", "cuid", r->client.cuid, "since", (json_int_t)r->since));
}

/* What most of them do not have; NULL: nothing. */
static char *
extras(const struct data_entry *e)
{
	json_t *j, *rules;

	if (e->kind == DATA_ALIAS && !e->via)
		return NULL;
	j = json_pack("{ss*}", "via", e->via);
	if (e->kind == DATA_ACL) {
		rules = json_array();
		for (size_t i = 0; i < e->acl.n_rules; i++)
			json_array_append_new(rules, json_integer((json_int_t)e->acl.rules[i].id));
		json_object_set_new(j, "rules", rules);
	}
	return open_object(j);
}

/* Many are put at once: of what is JSON already, nothing is read or written anew. */
void
data_record_put(struct data *d, const struct data_stored *s)
{
	const struct data_entry *e = &s->entry;
	const struct data_version *v = &e->version;
	char *key = key_of(s->of->client.cuid, e->name), *more = extras(e);
	char *whole = mem_printf("%s,\"expires\":%lld,\"version\":[%llu,%lld]%s%s,\"entry\":%s}",
		s->of->head, (long long)e->expires, (unsigned long long)v->number,
		(long long)v->changed, more ? "," : "", more ? more + 1 : "", e->text);

	persist_put(d->persist, entry_kinds[e->kind], key, whole);
	free(whole);
	free(more);
	free(key);
}

void
data_record_remove(struct data *d, const struct data_stored *s)
{
	char *key = key_of(s->of->client.cuid, s->entry.name);

	persist_remove(d->persist, entry_kinds[s->entry.kind], key);
	free(key);
}

/* ---- reading: nothing that is on record is relied upon ---- */

struct loss {
	struct data_registration *of;
	enum data_kind kind;
};

struct restoring {
	struct data *book;
	const struct clients *clients;
	wall_ms now;
	size_t unreadable;
	enum data_kind kind;
	struct map *gone;    /* cuids of clients that are no more */
	json_t *orders;      /* of ACLs, by cuid */
	struct loss *losses; /* what had to go */
	size_t n_losses, cap;
};

static const char *
text_of(const json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

/* A number that was given; false: none. */
static bool
read_number(struct restoring *st, const json_t *j, uint64_t *ret)
{
	json_int_t value = json_integer_value(j);

	if (value <= 0 || value > number_max)
		return false;
	*ret = (uint64_t)value;
	if (st->book->number < *ret)
		st->book->number = *ret;
	return true;
}

static bool
read_version(struct restoring *st, const json_t *j, const char *name, struct data_version *ret)
{
	const json_t *list = json_object_get(j, name);

	ret->changed = json_integer_value(json_array_get(list, 1));
	return json_array_size(list) == 2 && read_number(st, json_array_get(list, 0), &ret->number);
}

static void
restore_state(void *arg, const char *key, const char *value)
{
	struct restoring *st = arg;
	json_t *j = json_loads(value, 0, NULL);
	uint64_t last;

	if (strcmp(key, state_key) != 0 || !read_number(st, json_object_get(j, "number"), &last))
		st->unreadable++;
	json_decref(j);
}

static bool
restore_one_client(struct restoring *st, const char *key, const json_t *j)
{
	const char *cuid = text_of(j, "cuid"), *client = text_of(j, "client");
	struct data_client read = {0};
	struct data_registration *r;
	uint64_t since;
	bool ok = cuid && !strcmp(cuid, key) && path_is_identifier(cuid, strlen(cuid)) && client &&
		  read_number(st, json_object_get(j, "since"), &since) &&
		  read_version(st, j, "version", &read.version) &&
		  read_version(st, j, "aliases", &read.aliases_version) &&
		  read_version(st, j, "acls", &read.acls_version);

	if (!ok)
		return false;
	if (!clients_named(st->clients, client)) {
		map_set(st->gone, cuid, strlen(cuid), st);
		persist_remove(st->book->persist, client_kind, key);
		return true;
	}
	r = data_add_registration(st->book, client, cuid, text_of(j, "cdid"), since);
	r->client.version = read.version;
	r->client.aliases_version = read.aliases_version;
	r->client.acls_version = read.acls_version;
	json_object_set(st->orders, cuid, json_object_get(j, "order"));
	return true;
}

static void
restore_client(void *arg, const char *key, const char *value)
{
	struct restoring *st = arg;
	json_t *j = json_loads(value, 0, NULL);

	st->unreadable += !restore_one_client(st, key, j);
	json_decref(j);
}

/* Whether some are new, because the record has none that could be. */
static bool
restore_rules(struct restoring *st, struct data_stored *s, const json_t *ids)
{
	struct acl *acl = &s->entry.acl;
	bool new = false;

	for (size_t i = 0; i < acl->n_rules; i++) {
		uint64_t *id = &acl->rules[i].id;

		if (!read_number(st, json_array_get(ids, i), id) ||
			map_get(st->book->tallies, id, sizeof(*id))) {
			*id = data_take_number(st->book, st->now);
			new = true;
		}
		map_set(st->book->tallies, id, sizeof(*id), &s->tallies[i]);
	}
	return new;
}

static void
list_entry(struct data_stored *s)
{
	size_t *n;
	struct data_entry ***list = data_list(&s->of->client, s->entry.kind, &n);
	size_t at = *n;
	bool found;

	if (s->entry.kind == DATA_ALIAS)
		at = data_place(*list, *n, s->entry.name, &found);
	*list = mem_grow(*list, *n + 1, sizeof(struct data_entry *));
	memmove(&(*list)[at + 1], &(*list)[at], (*n - at) * sizeof(struct data_entry *));
	(*list)[at] = &s->entry;
	++*n;
}

static void
lose(struct restoring *st, struct data_registration *r, const char *key)
{
	persist_remove(st->book->persist, entry_kinds[st->kind], key);
	if (st->n_losses == st->cap) {
		st->cap = st->cap ? 2 * st->cap : 16;
		st->losses = mem_grow(st->losses, st->cap, sizeof(*st->losses));
	}
	st->losses[st->n_losses++] = (struct loss){r, st->kind};
}

/* It may have been written under other limits: it stays. */
static struct data_stored *
read_entry(struct restoring *st, const struct data_registration *r, const json_t *entry)
{
	struct client c = *clients_named(st->clients, r->client.client);
	struct restconf_error err;

	c.limits.targets = c.limits.ports = c.limits.names = UINT32_MAX;
	return data_entry_read(st->kind, text_of(entry, "name"), entry, &c, UINT32_MAX, &err);
}

static void
restore_into(struct restoring *st, struct data_registration *r, const char *key, const json_t *j,
	wall_ms expires, const struct data_version *version)
{
	struct data_stored *s = read_entry(st, r, json_object_get(j, "entry"));
	wall_ms latest = data_expiry(st->book, st->now);
	bool put_again = expires > latest; /* the clock was set back */

	if (!s) {
		lose(st, r, key);
		return;
	}
	s->of = r;
	s->entry.version = *version;
	s->entry.expires = put_again ? latest : expires;
	if (text_of(j, "via") && via_is_sound(text_of(j, "via")))
		s->entry.via = mem_text(text_of(j, "via"));
	if (st->kind == DATA_ACL)
		put_again |= restore_rules(st, s, json_object_get(j, "rules"));
	list_entry(s);
	data_enter(st->book, s, clients_named(st->clients, r->client.client));
	if (put_again)
		data_record_put(st->book, s);
}

/* Else it is of a registration that could not be read, and whose cuid was registered anew. */
static bool
is_of(const json_t *entry, const struct data_registration *r)
{
	return (uint64_t)json_integer_value(json_object_get(entry, "since")) == r->since;
}

static bool
is_own_key(const char *key, const char *cuid, const json_t *entry)
{
	const char *name = text_of(entry, "name");
	char *own = cuid && name ? key_of(cuid, name) : NULL;
	bool same = own && !strcmp(own, key);

	free(own);
	return same;
}

static bool
restore_one_entry(struct restoring *st, const char *key, json_t *j)
{
	const struct yang_node *node = st->kind == DATA_ALIAS ? data_alias : data_acl;
	const char *cuid = text_of(j, "cuid");
	const json_t *expires = json_object_get(j, "expires");
	json_t *entry = json_object_get(j, "entry");
	struct data_registration *r;
	struct data_version version;
	struct restconf_error err;

	if (!is_own_key(key, cuid, entry))
		return false;
	r = map_get(st->book->registrations, cuid, strlen(cuid));
	if (map_get(st->gone, cuid, strlen(cuid)) || (r && !is_of(j, r))) {
		persist_remove(st->book->persist, entry_kinds[st->kind], key);
		return true;
	}
	if (!r || !json_is_integer(expires) || !read_version(st, j, "version", &version) ||
		!yang_check(node, entry, &err) || !is_own_key(key, cuid, entry))
		return false;
	restore_into(st, r, key, j, json_integer_value(expires), &version);
	return true;
}

static void
restore_entry(void *arg, const char *key, const char *value)
{
	struct restoring *st = arg;
	json_t *j = json_loads(value, 0, NULL);

	st->unreadable += !restore_one_entry(st, key, j);
	json_decref(j);
}

/* ---- orders ---- */

static int
compare_since(const void *a, const void *b)
{
	const struct data_registration *const *one = a, *const *other = b;

	if ((*one)->since != (*other)->since)
		return (*one)->since < (*other)->since ? -1 : 1;
	return strcmp((*one)->client.cuid, (*other)->client.cuid);
}

/* They came by cuid. */
static void
order_registrations(struct data *d)
{
	size_t n = map_count(d->registrations), i = 0;
	struct data_registration **list = mem_array(n, sizeof(struct data_registration *)), *r;

	TAILQ_FOREACH(r, &d->all, all) {
		list[i++] = r;
		TAILQ_INIT(&r->owner->registrations);
	}
	qsort(list, n, sizeof(struct data_registration *), compare_since);
	TAILQ_INIT(&d->all);
	for (i = 0; i < n; i++) {
		TAILQ_INSERT_TAIL(&d->all, list[i], all);
		TAILQ_INSERT_TAIL(&list[i]->owner->registrations, list[i], entry);
	}
	free(list);
}

/* What is not in the list follows at the end. */
static void
order_acls(struct data_client *dc, const json_t *order)
{
	size_t to = 0, i;
	const json_t *name;

	json_array_foreach(order, i, name) {
		const char *text = json_string_value(name);
		size_t at = to;

		while (text && at < dc->n_acls && strcmp(dc->acls[at]->name, text) != 0)
			at++;
		if (text && at < dc->n_acls) {
			struct data_entry *e = dc->acls[at];

			memmove(&dc->acls[to + 1], &dc->acls[to],
				(at - to) * sizeof(struct data_entry *));
			dc->acls[to++] = e;
		}
	}
}

static void
note_losses(struct restoring *st)
{
	struct data *d = st->book;

	if (!st->n_losses)
		return;
	data_begin(d, st->now);
	for (size_t i = 0; i < st->n_losses; i++)
		data_mark(d, st->losses[i].of, st->losses[i].kind);
	data_settle(d);
}

static void
restore(struct restoring *st)
{
	struct data *d = st->book;
	struct data_registration *r;

	persist_each(d->persist, state_kind, restore_state, st);
	persist_each(d->persist, client_kind, restore_client, st);
	order_registrations(d);
	for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
		st->kind = kind;
		persist_each(d->persist, entry_kinds[kind], restore_entry, st);
	}
	TAILQ_FOREACH(r, &d->all, all)
		order_acls(&r->client, json_object_get(st->orders, r->client.cuid));
	note_losses(st);
	data_expire(d, st->now);
}

size_t
data_restore(struct data *d, const struct clients *clients, wall_ms now)
{
	struct restoring st = {.book = d,
		.clients = clients,
		.now = now,
		.gone = map_new(),
		.orders = json_object()};
	void (*changed)(void *arg, const char *client) = d->changed;
	void (*edited)(void *arg, const char *client, const char *cuid) = d->edited;

	d->changed = NULL;
	d->edited = NULL;
	restore(&st);
	d->changed = changed;
	d->edited = edited;
	map_free(st.gone);
	json_decref(st.orders);
	free(st.losses);
	return st.unreadable;
}
