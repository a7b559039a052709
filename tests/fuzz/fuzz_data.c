/*
 * What clients put on record over the data channel, line by line: records as the store may hold
 * them after a crash, a downgrade or somebody's hand ("data-alias KEY VALUE"), then what is done
 * with them ("edit CUID CHANGES"). An edit that fails changes nothing, limits hold, versions
 * ascend; what stands at the end is there after a restart, too.
 *
 * Covers: core/data.c core/data_alias.c core/data_edit.c core/data_entry.c core/data_index.c
 * core/data_record.c
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/data.h"
#include "fuzz.h"
#include "standin/loop.h"
#include "standin/store.h"
#include "wire/data.h"

enum { LINES_MAX = 48, CHANGES_MAX = 8, WORDS_MAX = 3, BYTES_MAX = 1500 };

static const wall_ms start = 1767225600000; /* 2026 */
static const char *const names[] = {"acme", "twin", "beta"};
enum { NAMES = sizeof(names) / sizeof(*names) };

static struct loop *loop;
static struct persist *store;
static struct data *book;
static wall_ms now;

/* ---- configurations ---- */

/* One after the other: acme and twin have something in common, nothing, or one of them is gone. */
static struct clients *configurations[3];
static unsigned configuration;
/* One lifetime: no entry comes back with more of it than it would get now. */
static struct data_policy policies[] = {{10080, 4, 4, 3, 5, 600}, {10080, 2, 2, 1, 2, 300}};

static void
add_client(struct clients *cs, const char *name, const char *prefix)
{
	struct client *c = mem_new(sizeof(*c));

	c->name = mem_text(name);
	c->limits = CLIENT_LIMITS_DEFAULT;
	c->limits.cuids = c->limits.targets = c->limits.ports = c->limits.names = 2;
	c->limits.data_bytes = BYTES_MAX;
	c->prefixes = mem_array(2, sizeof(*c->prefixes));
	assert(prefix_parse(prefix, &c->prefixes[0]) == 0);
	assert(prefix_parse("2001:db8::/32", &c->prefixes[1]) == 0);
	c->n_prefixes = 2;
	assert(!clients_add(cs, c));
}

static void
configure(void)
{
	static const char *const prefixes[][NAMES] = {
		{"192.0.2.0/24", "192.0.2.0/25", "198.51.100.0/24"},
		{"192.0.2.0/24", "203.0.113.0/24", "198.51.100.0/25"},
		{"192.0.2.0/26", NULL, "192.0.2.0/24"},
	};

	for (size_t i = 0; i < 3; i++) {
		configurations[i] = clients_new();
		for (size_t k = 0; k < NAMES; k++)
			if (prefixes[i][k])
				add_client(configurations[i], names[k], prefixes[i][k]);
	}
}

static const struct clients *
clients(void)
{
	return configurations[configuration];
}

/* ---- what stands there, as text ---- */

static void
print_version(FILE *f, const struct data_version *v)
{
	fprintf(f, " %ju/%jd", (uintmax_t)v->number, (intmax_t)v->changed);
}

static void
print_entry(FILE *f, const struct data_entry *e, bool counters)
{
	assert(e->kind == DATA_ACL || e->alias.n_prefixes || e->alias.n_names);
	fprintf(f, "  %s until %jd", e->text, (intmax_t)e->expires);
	print_version(f, &e->version);
	for (size_t i = 0; e->kind == DATA_ACL && i < e->acl.n_rules; i++) {
		assert(e->acl.rules[i].id);
		fprintf(f, " %ju", (uintmax_t)e->acl.rules[i].id);
		if (counters)
			fprintf(f, "=%ju", (uintmax_t)e->packets[i]);
	}
	fputc('\n', f);
}

static void
print_client(FILE *f, const struct data_client *dc, bool counters)
{
	fprintf(f, "%s %s %s", dc->client, dc->cuid, dc->cdid ? dc->cdid : "");
	print_version(f, &dc->version);
	print_version(f, &dc->aliases_version);
	print_version(f, &dc->acls_version);
	fputc('\n', f);
	for (size_t i = 0; i < dc->n_aliases; i++) {
		assert(data_entry(dc, DATA_ALIAS, dc->aliases[i]->name) == dc->aliases[i]);
		print_entry(f, dc->aliases[i], counters);
	}
	for (size_t i = 0; i < dc->n_acls; i++) {
		assert(data_entry(dc, DATA_ACL, dc->acls[i]->name) == dc->acls[i]);
		print_entry(f, dc->acls[i], counters);
	}
}

/* To be freed. */
static char *
print_book(bool counters)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; i < NAMES; i++) {
		struct data_client *dc = NULL;

		while ((dc = data_next(book, names[i], dc))) {
			assert(data_find(book, dc->cuid) == dc);
			print_client(f, dc, counters);
		}
	}
	fclose(f);
	return text;
}

static void
check_in_force(void *arg, const char *client)
{
	const struct client *c = clients_named(clients(), client);
	struct arena *a = arena_new();
	struct acl_set set;

	(void)arg;
	if (c) {
		data_in_force(book, c, a, &set);
		for (size_t i = 0; i < set.n_rules; i++)
			data_count(book, set.rules[i].id, 0, 0);
	}
	arena_free(a);
}

static void
open_book(const struct data_policy *policy)
{
	book = data_new(policy, store);
	data_on_change(book, check_in_force, NULL);
	data_restore(book, clients(), now);
}

/* ---- steps ---- */

static bool
is_within(size_t n, size_t before, size_t max)
{
	return n <= max || n <= before;
}

static size_t
count_aces(const struct data_client *dc)
{
	size_t n = 0;

	for (size_t i = 0; i < dc->n_acls; i++)
		n += dc->acls[i]->acl.n_rules;
	return n;
}

/* Of all that a client has. */
static size_t
count_bytes(const char *client)
{
	const struct data_client *dc = NULL;
	size_t n = 0;

	while ((dc = data_next(book, client, dc))) {
		for (size_t i = 0; i < dc->n_aliases; i++)
			n += strlen(dc->aliases[i]->text);
		for (size_t i = 0; i < dc->n_acls; i++)
			n += strlen(dc->acls[i]->text);
	}
	return n;
}

/* What the caller has to see to (core/data.h). False: it is refused before. */
static bool
read_change(json_t *j, struct data_change *ret)
{
	const char *kind = json_string_value(json_object_get(j, "kind"));
	struct restconf_error err;

	*ret = (struct data_change){.kind = kind && *kind == 'l' ? DATA_ALIAS : DATA_ACL,
		.name = json_string_value(json_object_get(j, "name")),
		.entry = json_object_get(j, "entry"),
		.must_be_new = json_is_true(json_object_get(j, "new")),
		.insert = (enum restconf_insert)(
			json_integer_value(json_object_get(j, "insert")) & 3),
		.point = json_string_value(json_object_get(j, "point"))};
	return ret->name &&
	       (!ret->entry || yang_check(ret->kind == DATA_ALIAS ? data_alias : data_acl,
				       ret->entry, &err));
}

static size_t
read_changes(const json_t *list, struct data_change *ret)
{
	size_t n = 0, i;
	json_t *item;

	json_array_foreach(list, i, item)
		if (n < CHANGES_MAX && read_change(item, &ret[n]))
			n++;
	return n;
}

static void
edit(struct data_client *dc, const char *text, const struct data_policy *p)
{
	const struct client *c = clients_named(clients(), dc->client);
	json_t *list = json_loads(text, 0, NULL);
	struct data_change changes[CHANGES_MAX];
	size_t n = read_changes(list, changes), created;
	size_t aliases = dc->n_aliases, acls = dc->n_acls, aces = count_aces(dc);
	size_t bytes = count_bytes(dc->client);
	uint64_t version = dc->version.number;
	char *before = print_book(true), *after;
	struct restconf_error err = {0};
	bool ok = data_edit(book, c, dc, changes, n, clients(), now, &created, &err);

	after = print_book(true);
	if (!ok) {
		assert(!strcmp(before, after));
		assert(err.status && !strncmp(err.why, "RFC ", 4));
	}
	assert(is_within(dc->n_aliases, aliases, p->aliases_max));
	assert(is_within(dc->n_acls, acls, p->acls_max));
	assert(is_within(count_aces(dc), aces, p->aces_max));
	assert(is_within(count_bytes(dc->client), bytes, BYTES_MAX));
	assert(dc->version.number >= version);
	free(before);
	free(after);
	json_decref(list);
}

/* The nth of some list. */
static uint64_t
rule_of(const struct data_client *dc, unsigned long n)
{
	for (size_t i = 0; i < dc->n_acls; i++)
		for (size_t k = 0; k < dc->acls[i]->acl.n_rules; k++)
			if (!n--)
				return dc->acls[i]->acl.rules[k].id;
	return n;
}

struct step {
	const char *verb, *cuid, *rest;
	const struct data_policy **policy;
};

/* Nothing else comes out of a request. */
static bool
is_text(const char *text)
{
	json_t *j = json_string(text);
	bool is = j != NULL;

	json_decref(j);
	return is;
}

static void
do_register(const struct step *s)
{
	const struct client *c = clients_named(clients(), names[strlen(s->rest) % NAMES]);
	struct data_client *dc;
	struct restconf_error err;
	bool created;

	if (c && is_text(s->cuid) && is_text(s->rest) &&
		data_register(
			book, c, s->cuid, *s->rest ? s->rest : NULL, now, &dc, &created, &err))
		assert(data_find(book, s->cuid) == dc);
}

static void
do_with_client(const struct step *s, struct data_client *dc)
{
	unsigned long n = strtoul(s->rest, NULL, 10);

	if (!strcmp(s->verb, "edit"))
		edit(dc, s->rest, *s->policy);
	else if (!strcmp(s->verb, "deregister"))
		data_deregister(book, dc);
	else if (!strcmp(s->verb, "count"))
		data_count(book, rule_of(dc, n / 10), n % 10, n % 10);
	else if (!strcmp(s->verb, "activate") && *s->rest)
		data_activate(book, dc, s->rest + 1,
			(enum activation_type)(1 + (unsigned char)*s->rest % 3), now);
}

static void
do_step(const struct step *s)
{
	struct data_client *dc = data_find(book, s->cuid);
	unsigned long n = strtoul(s->cuid, NULL, 10);

	if (!strcmp(s->verb, "register")) {
		do_register(s);
	} else if (!strcmp(s->verb, "mitigate")) {
		data_mitigating(book, names[strlen(s->rest) / 2 % NAMES], s->cuid, *s->rest == 'y');
	} else if (!strcmp(s->verb, "wait")) {
		now += (wall_ms)(n % 30000) * 60000;
		assert(data_expire(book, now) > now);
	} else if (!strcmp(s->verb, "reload")) {
		configuration = n % 3;
		*s->policy = &policies[n / 3 % 2];
		data_reload(book, *s->policy, clients(), now);
	} else if (dc) {
		do_with_client(s, dc);
	}
}

/* "verb cuid rest", or "kind key value". */
static void
do_line(char *line, const struct data_policy **policy, bool records)
{
	char *rest = line;
	const char *verb = strsep(&rest, " "), *key = rest ? strsep(&rest, " ") : "";
	struct step s = {verb, key, rest ? rest : "", policy};

	if (!strncmp(verb, "data-", 5)) {
		if (records && rest)
			standin_store_put(store, verb, key, rest);
	} else if (!records) {
		do_step(&s);
	}
}

static void
do_lines(const char *text, const struct data_policy **policy, bool records)
{
	char *copy = strdup(text), *rest = copy, *line;

	for (unsigned i = 0; i < LINES_MAX && (line = strsep(&rest, "\n")); i++)
		do_line(line, policy, records);
	free(copy);
}

/* What stands there stands there afterwards. */
static void
restart(const struct data_policy *policy)
{
	char *before = print_book(false), *after;

	data_free(book);
	open_book(policy);
	after = print_book(false);
	assert(!strcmp(before, after));
	free(before);
	free(after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct data_policy *policy = &policies[0];
	char *text = strndup((const char *)data, size);

	if (!configurations[0])
		configure();
	configuration = 0;
	now = start;
	loop = loop_new();
	store = standin_store_new(loop);
	do_lines(text, &policy, true);
	open_book(policy);
	restart(policy);
	do_lines(text, &policy, false);
	restart(policy);
	data_free(book);
	standin_store_free(store);
	loop_free(loop);
	free(text);
	return 0;
}
