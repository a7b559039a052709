/*
 * Edits: all of their steps are done or none (RFC 8783 6.1, 7.2). The steps work on copies of a
 * registration's lists; what is new in these is marked fresh, and is what a failure has to undo.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/data_private.h"
#include "wire/data.h"

struct list {
	struct data_entry **items;
	size_t n, cap;
};

struct edit {
	struct data *book;
	const struct client *client;
	struct data_registration *of;
	const struct clients *clients;
	struct list lists[DATA_KINDS]; /* as they are going to be */
	struct list gone;              /* what stands there and is going to go */
	bool changed[DATA_KINDS];
	size_t created;
	size_t bytes; /* of all that the client is going to have */
	struct restconf_error *err;
};

/* ---- lists ---- */

static void
insert(struct list *l, size_t at, struct data_entry *e)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->items = mem_grow(l->items, l->cap, sizeof(struct data_entry *));
	}
	memmove(&l->items[at + 1], &l->items[at], (l->n - at) * sizeof(struct data_entry *));
	l->items[at] = e;
	l->n++;
}

static void
take_out(struct list *l, size_t at)
{
	l->n--;
	memmove(&l->items[at], &l->items[at + 1], (l->n - at) * sizeof(struct data_entry *));
}

/* Where it is; for an alias that is not there where it belongs, for an ACL the end. */
static size_t
find(const struct list *l, enum data_kind kind, const char *name, bool *ret_found)
{
	size_t at = 0;

	if (kind == DATA_ALIAS)
		return data_place(l->items, l->n, name, ret_found);
	while (at < l->n && strcmp(l->items[at]->name, name) != 0)
		at++;
	*ret_found = at < l->n;
	return at;
}

/* ---- refusing ---- */

static const char *
noun(enum data_kind kind)
{
	return kind == DATA_ALIAS ? "alias" : "acl";
}

/* What it is about: an entry, or without a name all that the registration has. */
static bool
blame(struct edit *e, enum data_kind kind, const char *name)
{
	struct restconf_path p = {.resource = RESTCONF_DATA, .n = name ? 4 : 2};

	p.segments[0] = (struct restconf_segment){.module = DATA_MODULE, .name = "dots-data"};
	p.segments[1] = (struct restconf_segment){
		.name = "dots-client", .keys = {e->of->client.cuid}, .n_keys = 1};
	p.segments[2] = (struct restconf_segment){.name = kind == DATA_ALIAS ? "aliases" : "acls"};
	p.segments[3] = (struct restconf_segment){.name = noun(kind), .keys = {name}, .n_keys = 1};
	yang_error_at(e->err, &data_root, &p, p.n);
	return false;
}

static bool
refuse_many(struct edit *e, enum data_kind kind, const char *what, const char *limit, size_t max)
{
	restconf_refuse(e->err, 409, RESTCONF_RESOURCE_DENIED,
		"RFC 8783 10: %s: more than the %zu that data-channel.%s allows to one dots-client",
		what, max, limit);
	e->err->app_tag = "too-many-elements"; /* RFC 7950 15.2 */
	return blame(e, kind, NULL);
}

static bool
refuse_bytes(struct edit *e, uint32_t max)
{
	restconf_refuse(e->err, 409, RESTCONF_RESOURCE_DENIED,
		"RFC 8783 10: aliases, acls: %zu bytes in all, and limits.data-bytes allows %u to "
		"this client",
		e->bytes, max);
	return blame(e, DATA_ALIAS, NULL);
}

/* ---- steps ---- */

static void
remove_at(struct edit *e, enum data_kind kind, size_t at)
{
	struct data_stored *s = data_stored_of(e->lists[kind].items[at]);

	take_out(&e->lists[kind], at);
	e->bytes -= s->bytes;
	if (s->fresh)
		data_entry_free(s);
	else
		insert(&e->gone, e->gone.n, &s->entry);
}

static bool
point_of(struct edit *e, const struct data_change *ch, size_t *ret)
{
	bool found = false;

	*ret = 0;
	if (ch->insert == INSERT_BEFORE || ch->insert == INSERT_AFTER)
		*ret = find(&e->lists[DATA_ACL], DATA_ACL, ch->point ? ch->point : "", &found);
	else
		return true;
	if (found)
		return true;
	restconf_refuse(
		e->err, 400, RESTCONF_BAD_ATTRIBUTE, "RFC 8040 4.8.6: point: there is no such acl");
	e->err->app_tag = "missing-instance"; /* RFC 7950 15.7 */
	return false;
}

/* Moves what stands at `at` to where the change wants it (RFC 8040 4.8.5). */
static bool
move(struct edit *e, const struct data_change *ch, size_t at)
{
	struct list *l = &e->lists[DATA_ACL];
	struct data_entry *moved = l->items[at];
	size_t to;

	if (!point_of(e, ch, &to))
		return false;
	if (ch->insert == INSERT_LAST || l->items[to] == moved)
		return true;
	to += ch->insert == INSERT_AFTER;
	to -= at < to;
	take_out(l, at);
	insert(l, to, moved);
	e->changed[DATA_ACL] |= to != at;
	return true;
}

static bool
remove_one(struct edit *e, const struct data_change *ch, size_t at, bool found)
{
	if (!found)
		return restconf_refuse(e->err, 404, RESTCONF_INVALID_VALUE,
			"RFC 8783 %s: name: there is no such %s",
			ch->kind == DATA_ALIAS ? "6.3" : "7.4", noun(ch->kind));
	remove_at(e, ch->kind, at);
	e->changed[ch->kind] = true;
	return true;
}

/* For its client only: what one may have is nothing to another. */
struct data_draft {
	struct data_stored *entry;
	const struct client *client;
};

void
data_draft(struct data_change *ch, const struct client *c, const struct data_policy *policy)
{
	struct restconf_error err;
	struct data_stored *s =
		data_entry_read(ch->kind, ch->name, ch->entry, c, policy->entry_bytes_max, &err);

	if (!s)
		return;
	ch->draft = mem_new(sizeof(*ch->draft));
	*ch->draft = (struct data_draft){s, c};
}

void
data_draft_drop(struct data_change *ch)
{
	if (ch->draft)
		data_entry_free(ch->draft->entry);
	free(ch->draft);
	ch->draft = NULL;
}

static struct data_stored *
read_one(struct edit *e, struct data_change *ch)
{
	struct data_stored *s = NULL;

	if (ch->draft && ch->draft->client == e->client) {
		s = ch->draft->entry;
		ch->draft->entry = NULL;
		data_draft_drop(ch);
	}
	return s ? s
		 : data_entry_read(ch->kind, ch->name, ch->entry, e->client,
			   e->book->policy.entry_bytes_max, e->err);
}

static bool
write_one(struct edit *e, struct data_change *ch, size_t at, bool found)
{
	struct list *l = &e->lists[ch->kind];
	struct data_stored *s;

	if (found && ch->must_be_new)
		return restconf_refuse(e->err, 409, RESTCONF_RESOURCE_DENIED,
			"RFC 8783 %s: name: there is an %s of that name",
			ch->kind == DATA_ALIAS ? "6.1" : "7.2", noun(ch->kind));
	s = read_one(e, ch);
	if (!s)
		return false;
	s->fresh = true;
	s->of = e->of;
	s->entry.via = mem_text(ch->via);
	if (!found || !data_entry_carry(s, ch->entry, data_stored_of(l->items[at])))
		e->changed[ch->kind] = true;
	if (found)
		remove_at(e, ch->kind, at);
	insert(l, at, &s->entry);
	e->bytes += s->bytes;
	e->created += !found;
	return ch->kind == DATA_ALIAS || move(e, ch, at);
}

static bool
do_one(struct edit *e, struct data_change *ch)
{
	bool found;
	size_t at = find(&e->lists[ch->kind], ch->kind, ch->name, &found);

	if (ch->entry ? write_one(e, ch, at, found) : remove_one(e, ch, at, found))
		return true;
	return blame(e, ch->kind, ch->name);
}

/* ---- what the whole has to keep to ---- */

static size_t
count_aces(struct data_entry *const *acls, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += acls[i]->acl.n_rules;
	return sum;
}

/* What stands there beyond a limit that was made smaller may stay, and become less. */
static bool
check_limits(struct edit *e)
{
	const struct data_policy *p = &e->book->policy;
	const struct data_client *dc = &e->of->client;
	const struct list *aliases = &e->lists[DATA_ALIAS], *acls = &e->lists[DATA_ACL];
	size_t aces = count_aces(acls->items, acls->n);

	if (aliases->n > p->aliases_max && aliases->n > dc->n_aliases)
		return refuse_many(e, DATA_ALIAS, "alias", "aliases", p->aliases_max);
	if (acls->n > p->acls_max && acls->n > dc->n_acls)
		return refuse_many(e, DATA_ACL, "acl", "acls", p->acls_max);
	if (aces > p->aces_max && aces > count_aces(dc->acls, dc->n_acls))
		return refuse_many(e, DATA_ACL, "ace", "aces", p->aces_max);
	if (e->bytes > e->client->limits.data_bytes && e->bytes > e->of->owner->bytes)
		return refuse_bytes(e, e->client->limits.data_bytes);
	return true;
}

/* Whether what it is and does is on record already, under the version that it has carried over. */
static bool
is_refresh(const struct data_stored *s)
{
	return s->entry.version.number != 0;
}

static bool
check_conflicts(struct edit *e)
{
	const struct list *l = &e->lists[DATA_ACL];
	unsigned looks = ACL_LOOKS_MAX;

	for (size_t i = 0; i < l->n; i++) {
		struct data_stored *s = data_stored_of(l->items[i]);

		if (!s->fresh || is_refresh(s) ||
			!data_index_conflict(e->book, s, e->client, e->clients, &looks))
			continue;
		restconf_refuse(e->err, 409, RESTCONF_RESOURCE_DENIED,
			"RFC 8783 7.2: acl %s: it drops what a filter of another client accepts, "
			"or the other way round",
			s->entry.name);
		return blame(e, DATA_ACL, s->entry.name);
	}
	return true;
}

/* ---- doing it ---- */

static void
number_rules(struct data *d, struct data_stored *s, wall_ms now)
{
	struct acl *acl = &s->entry.acl;

	for (size_t i = 0; s->entry.kind == DATA_ACL && i < acl->n_rules; i++)
		if (!acl->rules[i].id)
			acl->rules[i].id = data_take_number(d, now);
}

static void
settle_one(struct edit *e, struct data_stored *s, wall_ms now)
{
	struct data *d = e->book;

	s->fresh = false;
	s->entry.expires = data_expiry(d, now);
	if (!is_refresh(s))
		s->entry.version = d->version;
	number_rules(d, s, now);
	data_enter(d, s, e->client);
	data_record_put(d, s);
}

/* What has come in its place; NULL: it is gone for good. */
static const struct data_entry *
successor_of(const struct edit *e, const struct data_entry *gone)
{
	const struct list *l = &e->lists[gone->kind];
	bool found;
	size_t at = find(l, gone->kind, gone->name, &found);

	return found ? l->items[at] : NULL;
}

/* RFC 9133 3.2.1 */
static void
tell_activation(const struct edit *e, const struct data_entry *before, const struct data_entry *now)
{
	if (!now || now->acl.activation != before->acl.activation)
		data_tell_activation(
			e->book, data_stored_of(before), now ? now->acl.activation : 0, false);
}

static void
drop_gone(struct edit *e)
{
	for (size_t i = 0; i < e->gone.n; i++) {
		struct data_stored *s = data_stored_of(e->gone.items[i]);
		const struct data_entry *now = successor_of(e, &s->entry);

		if (s->entry.kind == DATA_ACL)
			tell_activation(e, &s->entry, now);
		data_leave(e->book, s);
		if (!now)
			data_record_remove(e->book, s);
		data_entry_free(s);
	}
}

static void
commit(struct edit *e, wall_ms now)
{
	struct data *d = e->book;

	if (e->changed[DATA_ALIAS] || e->changed[DATA_ACL])
		data_begin(d, now);
	drop_gone(e);
	for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
		size_t *n;
		struct data_entry ***list = data_list(&e->of->client, kind, &n);
		struct data_entry **before = *list;

		*list = e->lists[kind].items;
		*n = e->lists[kind].n;
		free(before);
		for (size_t i = 0; i < *n; i++)
			if (data_stored_of((*list)[i])->fresh)
				settle_one(e, data_stored_of((*list)[i]), now);
		if (e->changed[kind])
			data_mark(d, e->of, kind);
	}
	if (e->changed[DATA_ALIAS] || e->changed[DATA_ACL])
		data_settle(d);
}

static void
undo(struct edit *e)
{
	for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
		for (size_t i = 0; i < e->lists[kind].n; i++)
			if (data_stored_of(e->lists[kind].items[i])->fresh)
				data_entry_free(data_stored_of(e->lists[kind].items[i]));
		free(e->lists[kind].items);
	}
}

static struct list
copy_of(struct data_entry *const *list, size_t n)
{
	struct list l = {mem_array(n + 1, sizeof(struct data_entry *)), n, n + 1};

	if (n)
		memcpy(l.items, list, n * sizeof(struct data_entry *));
	return l;
}

bool
data_edit(struct data *d, const struct client *c, struct data_client *dc,
	struct data_change *changes, size_t n, const struct clients *clients, wall_ms now,
	size_t *ret_created, struct restconf_error *err)
{
	struct edit e = {.book = d,
		.client = c,
		.of = data_registration_of(dc),
		.clients = clients,
		.bytes = data_registration_of(dc)->owner->bytes,
		.lists = {copy_of(dc->aliases, dc->n_aliases), copy_of(dc->acls, dc->n_acls)},
		.err = err};
	bool ok = true;

	for (size_t i = 0; i < n && ok; i++)
		ok = do_one(&e, &changes[i]);
	ok = ok && check_limits(&e) && check_conflicts(&e);
	if (ok)
		commit(&e, now);
	else
		undo(&e);
	free(e.gone.items);
	*ret_created = ok ? e.created : 0;
	return ok;
}

/* ---- RFC 9133 3.2.1 ---- */

static const char *
activation_name(enum activation_type type)
{
	return type == ACTIVATE_IMMEDIATE ? "immediate"
	       : type == DEACTIVATE       ? "deactivate"
					  : "activate-when-mitigating";
}

/* Checked, for members have their order. What is told by signal is not refused for its length. */
static void
set_activation(struct data_stored *s, enum activation_type type)
{
	struct data_entry *e = &s->entry;
	json_t *j = json_loads(e->text, 0, NULL);
	struct restconf_error err;

	json_object_set_new(j, "activation-type", json_string(activation_name(type)));
	yang_check(data_acl, j, &err);
	free(e->text);
	e->text = json_dumps(j, JSON_COMPACT);
	e->acl.activation = type;
	s->of->owner->bytes -= s->bytes;
	s->bytes = strlen(e->text);
	s->of->owner->bytes += s->bytes;
	json_decref(j);
}

bool
data_activate(struct data *d, struct data_client *dc, const char *acl, enum activation_type type,
	wall_ms now)
{
	struct data_entry *e = data_entry(dc, DATA_ACL, acl);
	bool changed = e && e->acl.activation != type;

	if (!e)
		return false;
	e->expires = data_expiry(d, now);
	heap_set(&d->expiries, &data_stored_of(e)->expiry, e->expires);
	if (changed) {
		set_activation(data_stored_of(e), type);
		data_begin(d, now);
		e->version = d->version;
	}
	data_record_put(d, data_stored_of(e));
	if (!changed)
		return true;
	data_tell_activation(d, data_stored_of(e), type, true);
	data_mark(d, data_registration_of(dc), DATA_ACL);
	data_settle(d);
	return true;
}
