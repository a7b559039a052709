/*
 * One entry of the data channel: read, compared with what stood there, freed. There are many of
 * them: what one means is one piece of memory of just its size.
 */
#include <stdlib.h>
#include <string.h>

#include "core/data_private.h"

/* ---- one piece of memory ---- */

struct piece {
	uint8_t *at; /* NULL: it is being measured */
	size_t used;
};

static void *
take(struct piece *p, const void *from, size_t n, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	uint8_t *to = p->at ? p->at + p->used : NULL;

	if (to && n)
		memcpy(to, from, n * size);
	p->used += (n * size + align - 1) / align * align;
	return to;
}

/* Texts follow each other without gaps: they come last. */
static char *
take_text(struct piece *p, const char *text)
{
	size_t len = strlen(text) + 1;
	char *to = p->at ? (char *)p->at + p->used : NULL;

	if (to)
		memcpy(to, text, len);
	p->used += len;
	return to;
}

static void
take_texts(struct piece *p, char *const *from, size_t n, char **to)
{
	for (size_t i = 0; i < n; i++) {
		char *copy = take_text(p, from[i]);

		if (copy)
			to[i] = copy;
	}
}

static void
pack_alias(const struct alias *from, struct piece *p, struct alias *ret)
{
	*ret = *from;
	ret->prefixes = take(p, from->prefixes, from->n_prefixes, sizeof(*from->prefixes));
	ret->ports = take(p, from->ports, from->n_ports, sizeof(*from->ports));
	ret->protocols = take(p, from->protocols, from->n_protocols, sizeof(*from->protocols));
	ret->names = take(p, from->names, from->n_names, sizeof(*from->names));
	take_texts(p, from->names, from->n_names, ret->names);
	ret->name = take_text(p, from->name);
}

static void
pack_acl(const struct acl *from, struct piece *p, struct acl *ret)
{
	*ret = *from;
	ret->rules = take(p, from->rules, from->n_rules, sizeof(*from->rules));
	ret->rule_names = take(p, from->rule_names, from->n_rules, sizeof(*from->rule_names));
	take_texts(p, from->rule_names, from->n_rules, ret->rule_names);
	ret->name = take_text(p, from->name);
}

static void
pack(struct data_stored *s, const struct alias *alias, const struct acl *acl)
{
	struct data_entry *e = &s->entry;
	struct piece p = {0};

	for (unsigned i = 0; i < 2; i++) {
		if (i)
			p = (struct piece){.at = s->meaning = mem_new(p.used)};
		if (alias)
			pack_alias(alias, &p, &e->alias);
		else
			pack_acl(acl, &p, &e->acl);
	}
	e->name = alias ? e->alias.name : e->acl.name;
}

/* ---- reading ---- */

static void
count_rules(struct data_stored *s)
{
	size_t n = s->entry.acl.n_rules;

	s->entry.packets = mem_array(n, sizeof(*s->entry.packets));
	s->entry.bytes = mem_array(n, sizeof(*s->entry.bytes));
	s->tallies = mem_array(n, sizeof(*s->tallies));
	for (size_t i = 0; i < n; i++)
		s->tallies[i] = (struct data_tally){.of = s, .at = i};
}

static bool
check_text(const char *name, const json_t *entry, size_t bytes, uint32_t bytes_max,
	struct restconf_error *err)
{
	const char *own = json_string_value(json_object_get(entry, "name"));

	if (bytes > bytes_max)
		return restconf_refuse(err, 413, RESTCONF_TOO_BIG,
			"RFC 8783 10: body: %zu bytes, and data-channel.entry-bytes allows %u",
			bytes, bytes_max);
	if (strcmp(own, name) != 0)
		return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8040 4.5: name: it is not the one that the request is for");
	return true;
}

static bool
read_meaning(struct data_stored *s, const json_t *entry, const struct client *c,
	struct restconf_error *err)
{
	struct arena *a = arena_new();
	struct alias alias = {0};
	struct acl acl = {0};
	bool ok;

	if (s->entry.kind == DATA_ALIAS)
		ok = data_alias_read(entry, c, a, &alias, err);
	else
		ok = acl_read(entry, c, a, &acl, err);
	if (ok)
		pack(s, s->entry.kind == DATA_ALIAS ? &alias : NULL, &acl);
	if (ok && s->entry.kind == DATA_ACL)
		count_rules(s);
	arena_free(a);
	return ok;
}

struct data_stored *
data_entry_read(enum data_kind kind, const char *name, const json_t *entry, const struct client *c,
	uint32_t bytes_max, struct restconf_error *err)
{
	struct data_stored *s = mem_new(sizeof(*s));

	s->entry.kind = kind;
	s->entry.text = json_dumps(entry, JSON_COMPACT);
	s->bytes = strlen(s->entry.text);
	if (check_text(name, entry, s->bytes, bytes_max, err) && read_meaning(s, entry, c, err))
		return s;
	data_entry_free(s);
	return NULL;
}

void
data_entry_free(struct data_stored *s)
{
	if (!s)
		return;
	if (s->entry.kind == DATA_ACL) {
		free(s->entry.packets);
		free(s->entry.bytes);
		free(s->tallies);
	}
	free(s->entry.text);
	free(s->entry.via);
	free(s->meaning);
	free(s);
}

/* ---- what stays the same ---- */

static const json_t *
aces_of(const json_t *acl)
{
	return json_object_get(json_object_get(acl, "aces"), "ace");
}

/* The next one of that name from `from` on, round about: mostly it is there. Its length: none. */
static size_t
find_rule(const struct acl *acl, const char *name, size_t from)
{
	for (size_t i = 0; i < acl->n_rules; i++) {
		size_t at = (from + i) % acl->n_rules;

		if (!strcmp(acl->rule_names[at], name))
			return at;
	}
	return acl->n_rules;
}

static void
carry_rule(struct data_stored *to, size_t i, const struct data_stored *from, size_t k)
{
	to->entry.acl.rules[i].id = from->entry.acl.rules[k].id;
	to->entry.packets[i] = from->entry.packets[k];
	to->entry.bytes[i] = from->entry.bytes[k];
	to->tallies[i].packets = from->tallies[k].packets;
	to->tallies[i].bytes = from->tallies[k].bytes;
}

/* What an ACE means depends on the type of its ACL, too. */
static void
carry_rules(struct data_stored *to, const json_t *new, const struct data_stored *from,
	const json_t *old)
{
	const struct acl *now = &to->entry.acl, *was = &from->entry.acl;
	const json_t *type = json_object_get(new, "type"), *old_type = json_object_get(old, "type");

	if (type != old_type && !json_equal(type, old_type))
		return;
	for (size_t i = 0; i < now->n_rules; i++) {
		size_t k = find_rule(was, now->rule_names[i], i);

		if (k < was->n_rules && json_equal(json_array_get(aces_of(new), i),
						json_array_get(aces_of(old), k)))
			carry_rule(to, i, from, k);
	}
}

bool
data_entry_carry(struct data_stored *to, const json_t *entry, const struct data_stored *from)
{
	bool same = !strcmp(to->entry.text, from->entry.text);
	json_t *old;

	if (same)
		to->entry.version = from->entry.version;
	if (to->entry.kind == DATA_ALIAS)
		return same;
	old = json_loads(from->entry.text, 0, NULL);
	carry_rules(to, entry, from, old);
	json_decref(old);
	return same;
}

bool
data_entry_is_allowed(const struct data_stored *s, const struct client *c)
{
	const struct acl *acl = &s->entry.acl;

	if (s->entry.kind == DATA_ALIAS)
		return data_alias_is_allowed(&s->entry.alias, c);
	for (size_t i = 0; i < acl->n_rules; i++) {
		struct verdict v = {.code = COAP_204_CHANGED};

		if (acl->rules[i].destination.addr.family)
			v = client_authorises(c, &acl->rules[i].destination, 1);
		if (!verdict_ok(&v))
			return false;
	}
	return true;
}
