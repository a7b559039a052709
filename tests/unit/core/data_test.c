#include "core/data.h"

#include "fixture.h"
#include "standin/loop.h"
#include "standin/store.h"
#include "wire/data.h"

enum { DAY_MS = 86400 * 1000, WEEK_MS = 7 * DAY_MS };

static const wall_ms start = 1767225600000; /* 2026 */

static struct loop *loop;
static struct persist *store;
static struct clients *clients;
static struct data *book;
static wall_ms now;
static struct restconf_error err;
static size_t created;
static struct data_policy policy;

/* What data_on_change said. */
static char told[256];

static void
tell(void *arg, const char *client)
{
	size_t len = strlen(told);

	(void)arg;
	snprintf(told + len, sizeof(told) - len, "%s ", client);
}

/* Compared so far: linked with --wrap. */
static size_t comparisons;
bool __real_acl_conflicts(
	const struct acl *a, const struct client *ca, const struct acl *b, const struct client *cb);
bool __wrap_acl_conflicts(
	const struct acl *a, const struct client *ca, const struct acl *b, const struct client *cb);
bool
__wrap_acl_conflicts(
	const struct acl *a, const struct client *ca, const struct acl *b, const struct client *cb)
{
	comparisons++;
	return __real_acl_conflicts(a, ca, b, cb);
}

static void
open_book(void)
{
	book = data_new(&policy, store);
	data_on_change(book, tell, NULL);
	assert_int_equal(data_restore(book, clients, now), 0);
	told[0] = '\0';
}

static void
restart(void)
{
	data_free(book);
	open_book();
}

/* acme and twin may ask for the same. */
static int
set_up(void **state)
{
	(void)state;
	loop = loop_new();
	store = standin_store_new(loop);
	clients = clients_new();
	assert_null(clients_add(clients, make_client("acme", NULL, "192.0.2.0/24")));
	assert_null(clients_add(clients, make_client("beta", NULL, "198.51.100.0/24")));
	assert_null(clients_add(clients, make_client("twin", NULL, "192.0.2.0/24")));
	policy = (struct data_policy){10080, 10000, 1000, 100, 1000, 65536};
	now = start;
	comparisons = 0;
	open_book();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	data_free(book);
	clients_free(clients);
	standin_store_free(store);
	loop_free(loop);
	return 0;
}

static bool
enrol_as(const char *client, const char *cuid, struct data_client **ret)
{
	bool new;

	return data_register(
		book, clients_named(clients, client), cuid, NULL, now, ret, &new, &err);
}

static struct data_client *
enrol(const char *client, const char *cuid)
{
	struct data_client *dc;

	assert_true(enrol_as(client, cuid, &dc));
	return dc;
}

/* With ' for ". */
static json_t *
json_of(const char *text)
{
	char *copy = mem_text(text);
	json_t *j;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	j = json_loads(copy, 0, NULL);
	assert_non_null(j);
	free(copy);
	return j;
}

/* As the caller of data_edit gives it. */
static json_t *
normal_json_of(enum data_kind kind, const char *text)
{
	json_t *j = json_of(text);

	assert_true(yang_check(kind == DATA_ALIAS ? data_alias : data_acl, j, &err));
	return j;
}

static bool
edit(struct data_client *dc, struct data_change *changes, size_t n)
{
	return data_edit(book, clients_named(clients, dc->client), dc, changes, n, clients, now,
		&created, &err);
}

static bool
put_at(struct data_client *dc, enum data_kind kind, const char *text, enum restconf_insert insert,
	const char *point)
{
	json_t *j = normal_json_of(kind, text);
	struct data_change ch = {.kind = kind,
		.name = json_string_value(json_object_get(j, "name")),
		.entry = j,
		.insert = insert,
		.point = point};
	bool ok = edit(dc, &ch, 1);

	json_decref(j);
	return ok;
}

static bool
put(struct data_client *dc, enum data_kind kind, const char *text)
{
	return put_at(dc, kind, text, INSERT_LAST, NULL);
}

static bool
put_alias(struct data_client *dc, const char *name, const char *prefix)
{
	char text[256];

	snprintf(text, sizeof(text), "{'name': '%s', 'target-prefix': ['%s']}", name, prefix);
	return put(dc, DATA_ALIAS, text);
}

#define ACE(name, source, destination, forwarding)                                                 \
	"{'name': '" name "', 'matches': {'ipv4': {'source-ipv4-network': '" source                \
	"', 'destination-ipv4-network': '" destination "'}}, 'actions': {'forwarding': '"          \
	"ietf-access-control-list:" forwarding "'}}"
#define ACL(name, activation, aces)                                                                \
	"{'name': '" name "', 'type': 'ietf-access-control-list:ipv4-acl-type', "                  \
	"'activation-type': '" activation "', 'aces': {'ace': [" aces "]}}"
#define DROP(name, source) ACE(name, source, "192.0.2.0/25", "drop")

static bool
take_away(struct data_client *dc, enum data_kind kind, const char *name)
{
	struct data_change ch = {.kind = kind, .name = name};

	return edit(dc, &ch, 1);
}

static void
assert_why(unsigned status, enum restconf_tag tag, const char *part)
{
	assert_int_equal(err.status, status);
	assert_int_equal(err.tag, tag);
	assert_memory_equal(err.why, "RFC ", 4);
	if (!strstr(err.why, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.why);
}

/* ---- registrations ---- */

/* 8783-5.1-35, 8783-5.1-36 */
static void
a_cuid_belongs_to_who_registered_it_first(void **state)
{
	struct data_client *dc, *again;
	bool new;

	(void)state;
	assert_true(data_register(
		book, clients_named(clients, "acme"), "one", "domain", now, &dc, &new, &err));
	assert_true(new);
	assert_string_equal(dc->cuid, "one");
	assert_string_equal(dc->cdid, "domain");
	assert_string_equal(dc->client, "acme");
	assert_true(data_register(
		book, clients_named(clients, "acme"), "one", NULL, now, &again, &new, &err));
	assert_false(new);
	assert_ptr_equal(dc, again);
	assert_string_equal(dc->cdid, "domain");
	assert_false(enrol_as("beta", "one", &again));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "in use");
	restart();
	assert_false(enrol_as("beta", "one", &again));
	assert_string_equal(data_find(book, "one")->cdid, "domain");
	assert_null(data_find(book, "on"));
}

static void
a_cdid_that_has_changed_is_a_change(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before = dc->version;
	bool new;

	(void)state;
	assert_true(data_register(
		book, clients_named(clients, "acme"), "one", "there", now, &dc, &new, &err));
	assert_string_equal(dc->cdid, "there");
	assert_true(dc->version.number > before.number);
	assert_true(dc->version.number == data_version(book).number);
	restart();
	assert_string_equal(data_find(book, "one")->cdid, "there");
}

/* 8783-10-20, 8783-10-21 */
static void
registrations_are_limited_for_each_and_all(void **state)
{
	struct data_client *dc;
	char cuid[8];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(cuid, sizeof(cuid), "c%u", i);
		enrol("acme", cuid);
	}
	assert_false(enrol_as("acme", "c4", &dc));
	assert_why(403, RESTCONF_ACCESS_DENIED, "limits.cuids");
	enrol("acme", "c3");
	data_deregister(book, data_find(book, "c0"), now);
	enrol("acme", "c4");
	policy.clients_max = 4;
	data_reload(book, &policy, clients, now);
	assert_false(enrol_as("beta", "b", &dc));
	assert_why(503, RESTCONF_RESOURCE_DENIED, "4");
}

/* 8783-5.2-02 */
static void
who_deregisters_takes_everything_along(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;

	(void)state;
	assert_true(put_alias(dc, "web", "192.0.2.1/32"));
	assert_true(put(dc, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.0/24"))));
	told[0] = '\0';
	before = data_version(book);
	data_deregister(book, dc, now);
	assert_null(data_find(book, "one"));
	assert_string_equal(told, "acme ");
	assert_true(data_version(book).number > before.number);
	assert_int_equal(standin_store_count(store, "data-client"), 0);
	assert_int_equal(standin_store_count(store, "data-alias"), 0);
	assert_int_equal(standin_store_count(store, "data-acl"), 0);
	assert_int_equal(data_expire(book, now), INT64_MAX);
}

static void
registrations_of_a_client_are_found_in_their_order(void **state)
{
	struct data_client *dc;

	(void)state;
	enrol("acme", "z");
	enrol("beta", "m");
	enrol("acme", "a");
	for (unsigned i = 0; i < 2; i++) {
		dc = data_next(book, "acme", NULL);
		assert_string_equal(dc->cuid, "z");
		dc = data_next(book, "acme", dc);
		assert_string_equal(dc->cuid, "a");
		assert_null(data_next(book, "acme", dc));
		assert_null(data_next(book, "twin", NULL));
		restart();
	}
}

/* ---- aliases ---- */

static void
assert_web(const struct alias *a)
{
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(a->name, "web");
	assert_int_equal(a->n_prefixes, 2);
	assert_string_equal(prefix_format(&a->prefixes[1], text), "192.0.2.64/26");
	assert_int_equal(a->n_ports, 2);
	assert_int_equal(a->ports[0].lower_port, 443);
	assert_int_equal(port_range_last(&a->ports[0]), 443);
	assert_int_equal(port_range_last(&a->ports[1]), 8090);
	assert_int_equal(a->n_protocols, 1);
	assert_int_equal(a->protocols[0], 6);
	assert_int_equal(a->n_names, 2);
	assert_string_equal(a->names[0], "www.acme.example");
	assert_string_equal(a->names[1], "https://acme.example/");
}

/* 8783-6.1-13, 8783-6.1-14, 8783-6.1-23 */
static void
an_alias_means_what_it_says(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put(dc, DATA_ALIAS,
		"{'name': 'web', 'target-prefix': ['192.0.2.1/32', '192.0.2.64/26'], "
		"'target-port-range': [{'lower-port': 443}, {'lower-port': 8080, 'upper-port': "
		"8090}], 'target-protocol': [6], 'target-fqdn': ['www.acme.example'], "
		"'target-uri': ['https://acme.example/']}"));
	assert_int_equal(created, 1);
	assert_web(&data_entry(dc, DATA_ALIAS, "web")->alias);
	assert_null(data_entry(dc, DATA_ACL, "web"));
	restart();
	assert_web(&data_entry(data_find(book, "one"), DATA_ALIAS, "web")->alias);
}

/* 8783-6.1-08, 8783-6.1-09, 8783-6.1-10, 8783-6.1-17, 8783-6.1-19, 8783-6.1-28, 8783-10-18 */
static void
an_alias_that_cannot_be_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *members, *why;
	} cases[] = {
		{"'target-prefix': ['198.51.100.1/32']", "outside"},
		{"'target-prefix': ['192.0.0.0/16']", "outside"},
		{"'target-prefix': ['127.0.0.1/32']", "loopback"},
		{"'target-prefix': ['224.0.0.5/32']", "multicast"},
		{"'target-prefix': ['192.0.2.1/32', '255.255.255.255/32']", "broadcast"},
		{"'target-fqdn': ['nodots']", "target-fqdn"},
		{"'target-uri': ['mailto:me@acme.example']", "target-uri"},
		{"'target-uri': ['gopher://acme.example/']", "scheme"},
		{"'target-uri': ['https://127.0.0.1/']", "loopback"},
		{"'target-uri': ['https://198.51.100.1/']", "outside"},
		{"'target-uri': ['https://192.0.2.1/', 'http://[2001:db8::1]/']", "outside"},
	};
	struct data_client *dc = enrol("acme", "one");
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "{'name': 'web', %s}", cases[i].members);
		assert_false(put(dc, DATA_ALIAS, text));
		assert_why(400, RESTCONF_INVALID_VALUE, cases[i].why);
		assert_string_equal(err.path,
			"/ietf-dots-data-channel:dots-data/dots-client[cuid='one']/aliases/"
			"alias[name='web']");
		assert_int_equal(created, 0);
	}
	assert_int_equal(dc->n_aliases, 0);
	assert_int_equal(standin_store_count(store, "data-alias"), 0);
	assert_true(put(dc, DATA_ALIAS, "{'name': 'web', 'target-uri': ['https://192.0.2.1/']}"));
}

static void
an_entry_has_the_name_that_the_request_is_for(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	json_t *j = normal_json_of(DATA_ALIAS, "{'name': 'a', 'target-prefix': ['192.0.2.1/32']}");
	struct data_change ch = {.kind = DATA_ALIAS, .name = "b", .entry = j};

	(void)state;
	assert_false(edit(dc, &ch, 1));
	assert_why(400, RESTCONF_INVALID_VALUE, "name");
	json_decref(j);
}

/* 8783-6.1-03 */
static void
aliases_of_each_registration_are_its_own(void **state)
{
	struct data_client *one = enrol("acme", "one"), *two = enrol("acme", "two");

	(void)state;
	assert_true(put_alias(one, "web", "192.0.2.1/32"));
	assert_null(data_entry(two, DATA_ALIAS, "web"));
	assert_true(put_alias(two, "web", "192.0.2.2/32"));
	assert_int_equal(created, 1);
	assert_true(take_away(two, DATA_ALIAS, "web"));
	assert_non_null(data_entry(one, DATA_ALIAS, "web"));
}

static void
aliases_stand_by_name(void **state)
{
	static const char *const names[] = {"m", "z", "a", "mm", "k"};
	struct data_client *dc = enrol("acme", "one");
	char got[16];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(put_alias(dc, names[i], "192.0.2.1/32"));
	for (unsigned round = 0; round < 2; round++) {
		dc = data_find(book, "one");
		got[0] = '\0';
		for (size_t i = 0; i < dc->n_aliases; i++)
			strcat(strcat(got, dc->aliases[i]->name), " ");
		assert_string_equal(got, "a k m mm z ");
		for (size_t i = 0; i < 5; i++)
			assert_non_null(data_entry(dc, DATA_ALIAS, names[i]));
		assert_null(data_entry(dc, DATA_ALIAS, "b"));
		restart();
	}
}

/* ---- edits ---- */

/* 8783-6.1-27, 8783-7.2-30: a POST is for what is new; 8783-6.1-31, 8783-7.2-17: a PUT is not. */
static void
what_has_to_be_new_is_refused_where_there_is_one(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	json_t *j =
		normal_json_of(DATA_ALIAS, "{'name': 'web', 'target-prefix': ['192.0.2.2/32']}");
	struct data_change ch = {
		.kind = DATA_ALIAS, .name = "web", .entry = j, .must_be_new = true};

	(void)state;
	assert_true(put_alias(dc, "web", "192.0.2.1/32"));
	assert_false(edit(dc, &ch, 1));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "of that name");
	assert_non_null(strstr(dc->aliases[0]->text, "192.0.2.1/32"));
	ch.must_be_new = false;
	assert_true(edit(dc, &ch, 1));
	assert_int_equal(created, 0);
	assert_int_equal(dc->n_aliases, 1);
	assert_non_null(strstr(dc->aliases[0]->text, "192.0.2.2/32"));
	json_decref(j);
}

/* 8783-6.3-02, 8783-7.4-02 */
static void
what_is_not_there_cannot_be_removed(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put_alias(dc, "web", "192.0.2.1/32"));
	assert_false(take_away(dc, DATA_ACL, "web"));
	assert_why(404, RESTCONF_INVALID_VALUE, "acl");
	assert_true(take_away(dc, DATA_ALIAS, "web"));
	assert_int_equal(dc->n_aliases, 0);
	assert_int_equal(standin_store_count(store, "data-alias"), 0);
	assert_false(take_away(dc, DATA_ALIAS, "web"));
	assert_why(404, RESTCONF_INVALID_VALUE, "alias");
}

/* 8783-6.1-26, 8783-7.2-31 */
static void
all_steps_of_an_edit_are_done_or_none(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	json_t *good =
		normal_json_of(DATA_ALIAS, "{'name': 'good', 'target-prefix': ['192.0.2.1/32']}");
	json_t *bad =
		normal_json_of(DATA_ALIAS, "{'name': 'bad', 'target-prefix': ['127.0.0.1/32']}");
	json_t *fine =
		normal_json_of(DATA_ALIAS, "{'name': 'bad', 'target-prefix': ['192.0.2.4/32']}");
	json_t *acl = normal_json_of(DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.0/24")));
	struct data_change changes[] = {{.kind = DATA_ALIAS, .name = "old"},
		{.kind = DATA_ALIAS, .name = "good", .entry = good},
		{.kind = DATA_ACL, .name = "a", .entry = acl},
		{.kind = DATA_ALIAS, .name = "good", .entry = good},
		{.kind = DATA_ALIAS, .name = "bad", .entry = bad}};
	struct data_version before;

	(void)state;
	assert_true(put_alias(dc, "old", "192.0.2.3/32"));
	before = data_version(book);
	told[0] = '\0';
	assert_false(edit(dc, changes, 5));
	assert_int_equal(dc->n_aliases, 1);
	assert_int_equal(dc->n_acls, 0);
	assert_string_equal(dc->aliases[0]->name, "old");
	assert_true(data_version(book).number == before.number);
	assert_int_equal(standin_store_count(store, "data-alias"), 1);
	assert_int_equal(standin_store_count(store, "data-acl"), 0);
	assert_string_equal(told, "");
	changes[4].entry = fine;
	assert_true(edit(dc, changes, 5));
	assert_int_equal(created, 3);
	assert_int_equal(dc->n_aliases, 2);
	assert_string_equal(dc->aliases[0]->name, "bad");
	assert_string_equal(dc->aliases[1]->name, "good");
	assert_int_equal(dc->n_acls, 1);
	assert_int_equal(standin_store_count(store, "data-alias"), 2);
	json_decref(good);
	json_decref(bad);
	json_decref(fine);
	json_decref(acl);
}

static void
an_entry_may_go_and_come_in_one_edit(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	json_t *j =
		normal_json_of(DATA_ALIAS, "{'name': 'web', 'target-prefix': ['192.0.2.2/32']}");
	struct data_change changes[] = {{.kind = DATA_ALIAS, .name = "web"},
		{.kind = DATA_ALIAS, .name = "web", .entry = j, .must_be_new = true}};

	(void)state;
	assert_true(put_alias(dc, "web", "192.0.2.1/32"));
	assert_true(edit(dc, changes, 2));
	json_decref(j);
	restart();
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 1);
	assert_non_null(strstr(dc->aliases[0]->text, "192.0.2.2/32"));
}

static const char *
order_of(const struct data_client *dc)
{
	static char got[64];

	got[0] = '\0';
	for (size_t i = 0; i < dc->n_acls; i++)
		strcat(got, dc->acls[i]->name);
	return got;
}

static bool
place(struct data_client *dc, const char *name, enum restconf_insert insert, const char *point)
{
	char text[512];

	snprintf(text, sizeof(text),
		"{'name': '%s', 'aces': {'ace': [" DROP("r", "203.0.113.0/24") "]}}", name);
	return put_at(dc, DATA_ACL, text, insert, point);
}

/* 8783-4.1-02, 8783-7.2-23, 8040-4.8.5-01, 8040-4.8.5-02 */
static void
acls_stand_as_their_client_wants_them(void **state)
{
	static const struct {
		const char *name;
		enum restconf_insert insert;
		const char *point, *order;
	} steps[] = {
		{"a", INSERT_LAST, NULL, "a"},
		{"b", INSERT_LAST, NULL, "ab"},
		{"c", INSERT_FIRST, NULL, "cab"},
		{"d", INSERT_BEFORE, "a", "cdab"},
		{"e", INSERT_AFTER, "a", "cdaeb"},
		{"d", INSERT_LAST, NULL, "cdaeb"},
		{"d", INSERT_BEFORE, "d", "cdaeb"},
		{"d", INSERT_AFTER, "b", "caebd"},
		{"d", INSERT_BEFORE, "e", "cadeb"},
		{"c", INSERT_AFTER, "a", "acdeb"},
		{"b", INSERT_FIRST, NULL, "bacde"},
		{"b", INSERT_FIRST, NULL, "bacde"},
	};
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		before = dc->acls_version;
		told[0] = '\0';
		assert_true(place(dc, steps[i].name, steps[i].insert, steps[i].point));
		assert_string_equal(order_of(dc), steps[i].order);
		assert_int_equal(
			dc->acls_version.number != before.number, i < 5 || (i > 6 && i < 11));
		assert_string_equal(told, i < 5 || (i > 6 && i < 11) ? "acme " : "");
	}
	restart();
	assert_string_equal(order_of(data_find(book, "one")), "bacde");
}

/* 8040-4.8.6 */
static void
a_point_that_is_not_there_is_refused(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(place(dc, "a", INSERT_LAST, NULL));
	assert_false(place(dc, "b", INSERT_AFTER, "x"));
	assert_why(400, RESTCONF_BAD_ATTRIBUTE, "point");
	assert_string_equal(err.app_tag, "missing-instance");
	assert_false(place(dc, "b", INSERT_BEFORE, NULL));
	assert_string_equal(order_of(dc), "a");
}

/* ---- versions ---- */

/* 8040-3.4.1-01, 8040-3.4.1-11, 8040-3.5.1-02, 8040-3.5.2-02 */
static void
a_change_is_one_of_all_above_it_and_of_nothing_beside_it(void **state)
{
	struct data_client *dc = enrol("acme", "one"), *other = enrol("acme", "two");
	struct data_version sibling, acls, was, beside = other->version;

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(put_alias(dc, "b", "192.0.2.1/32"));
	sibling = data_entry(dc, DATA_ALIAS, "a")->version;
	was = data_entry(dc, DATA_ALIAS, "b")->version;
	acls = dc->acls_version;
	now += 1000;
	assert_true(put_alias(dc, "b", "192.0.2.2/32"));
	assert_true(data_entry(dc, DATA_ALIAS, "b")->version.number > was.number);
	assert_int_equal(data_entry(dc, DATA_ALIAS, "b")->version.changed, now);
	assert_memory_equal(&dc->aliases_version, &data_entry(dc, DATA_ALIAS, "b")->version,
		sizeof(struct data_version));
	assert_memory_equal(&dc->version, &dc->aliases_version, sizeof(struct data_version));
	assert_true(data_version(book).number == dc->version.number);
	assert_int_equal(data_version(book).changed, now);
	assert_memory_equal(&data_entry(dc, DATA_ALIAS, "a")->version, &sibling, sizeof(sibling));
	assert_memory_equal(&dc->acls_version, &acls, sizeof(acls));
	assert_memory_equal(&other->version, &beside, sizeof(beside));
	was = dc->version;
	assert_true(take_away(dc, DATA_ALIAS, "b"));
	assert_true(dc->aliases_version.number > was.number);
	assert_true(data_version(book).number > was.number);
}

/* 8040-3.4.1-04, 8040-3.4.1-08, 8040-3.5.1-04, 8040-3.5.2-04: a lifetime, what was counted and a
 * mitigation are state. */
static void
what_is_no_change_of_configuration_changes_no_version(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;
	wall_ms expires;

	(void)state;
	assert_true(put(
		dc, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.0/24"))));
	before = data_version(book);
	expires = dc->acls[0]->expires;
	now += DAY_MS;
	assert_true(put(
		dc, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.0/24"))));
	assert_int_equal(created, 0);
	assert_int_equal(dc->acls[0]->expires, expires + DAY_MS);
	data_count(book, dc->acls[0]->acl.rules[0].id, 7, 700);
	data_mitigating(book, "one", true);
	assert_memory_equal(&dc->acls[0]->version, &before, sizeof(before));
	assert_memory_equal(&dc->acls_version, &before, sizeof(before));
	assert_true(data_version(book).number == before.number);
	restart();
	assert_true(data_version(book).number == before.number);
	assert_int_equal(data_version(book).changed, before.changed);
	dc = data_find(book, "one");
	assert_int_equal(dc->acls[0]->expires, expires + DAY_MS);
	assert_memory_equal(&dc->acls_version, &before, sizeof(before));
}

static void
members_in_another_order_are_no_change(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	before = data_version(book);
	assert_true(put(dc, DATA_ALIAS, "{'target-prefix': ['192.0.2.1/32'], 'name': 'a'}"));
	assert_true(data_version(book).number == before.number);
}

static void
no_version_is_given_twice(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		if (i % 10 == 9) {
			restart();
			dc = data_find(book, "one");
		}
		if (i == 15)
			now -= DAY_MS; /* the clock was set */
		if (i % 3 == 2)
			assert_true(take_away(dc, DATA_ALIAS, "a"));
		else
			assert_true(put_alias(dc, "a", i % 3 ? "192.0.2.1/32" : "192.0.2.2/32"));
		assert_true(data_version(book).number > last);
		last = data_version(book).number;
	}
	now += DAY_MS;
	data_deregister(book, dc, now);
	assert_true(data_version(book).number > last);
	last = data_version(book).number;
	restart();
	assert_true(data_version(book).number == last);
	assert_true(enrol("acme", "one")->version.number > last);
}

/* What the store could not take before a crash was given all the same. */
static void
a_version_that_was_lost_is_not_given_again(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct persist *other = standin_store_new(loop);
	uint64_t lost, rule;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_true(put_alias(dc, "a", i % 2 ? "192.0.2.1/32" : "192.0.2.2/32"));
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	lost = data_version(book).number;
	rule = dc->acls[0]->acl.rules[0].id;
	data_free(book);
	standin_store_free(store);
	store = other;
	now += 1000;
	open_book();
	dc = enrol("acme", "one");
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	assert_true(dc->version.number > lost);
	assert_true(dc->acls[0]->acl.rules[0].id > rule);
}

/* ---- lifetimes ---- */

/* 8783-6.1-33, 8783-6.1-34, 8783-7.2-26, 8783-7.2-27 */
static void
entries_are_kept_for_their_lifetime_after_the_last_refresh(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_int_equal(data_expire(book, now), INT64_MAX);
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	assert_int_equal(data_expire(book, now), start + WEEK_MS);
	now += DAY_MS;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_int_equal(data_expire(book, start + WEEK_MS - 1), start + WEEK_MS);
	assert_int_equal(dc->n_acls, 1);
	told[0] = '\0';
	assert_int_equal(data_expire(book, start + WEEK_MS), start + DAY_MS + WEEK_MS);
	assert_int_equal(dc->n_acls, 0);
	assert_int_equal(dc->n_aliases, 1);
	assert_string_equal(told, "acme ");
	assert_int_equal(dc->acls_version.changed, start + WEEK_MS);
	assert_true(data_version(book).number == dc->acls_version.number);
	assert_int_equal(standin_store_count(store, "data-acl"), 0);
	assert_int_equal(data_expire(book, start + DAY_MS + WEEK_MS), INT64_MAX);
	assert_int_equal(dc->n_aliases, 0);
	assert_non_null(data_find(book, "one"));
}

static void
what_expires_while_nobody_is_there_is_gone_afterwards(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t before;

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	now += DAY_MS;
	assert_true(put_alias(dc, "b", "192.0.2.1/32"));
	before = data_version(book).number;
	now = start + WEEK_MS;
	restart();
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 1);
	assert_string_equal(dc->aliases[0]->name, "b");
	assert_true(dc->aliases_version.number > before);
	assert_int_equal(standin_store_count(store, "data-alias"), 1);
}

static void
a_clock_that_was_set_back_makes_no_lifetime_longer(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	now -= 300LL * DAY_MS;
	restart();
	assert_int_equal(data_find(book, "one")->aliases[0]->expires, now + WEEK_MS);
}

/* ---- limits ---- */

static void
assert_limit(const char *limit)
{
	char text[64];

	snprintf(text, sizeof(text), "limits.%s", limit);
	assert_why(409, RESTCONF_RESOURCE_DENIED, text);
}

/* 8783-10-20, 8783-3.3-02 */
static void
entries_of_a_registration_are_limited(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	policy.aliases_max = policy.acls_max = 2;
	policy.aces_max = 3;
	data_reload(book, &policy, clients, now);
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(put_alias(dc, "b", "192.0.2.1/32"));
	assert_false(put_alias(dc, "c", "192.0.2.1/32"));
	assert_limit("aliases");
	assert_string_equal(err.app_tag, "too-many-elements");
	assert_string_equal(err.path, "/ietf-dots-data-channel:dots-data/dots-client[cuid='one']");
	assert_true(put_alias(dc, "b", "192.0.2.2/32"));
	assert_true(place(dc, "a", INSERT_LAST, NULL));
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	assert_false(place(dc, "c", INSERT_LAST, NULL));
	assert_limit("acls");
	assert_true(put(dc, DATA_ACL,
		ACL("b", "immediate",
			DROP("r", "203.0.113.0/24") "," DROP("s", "203.0.113.0/25"))));
	assert_false(put(dc, DATA_ACL,
		ACL("a", "immediate",
			DROP("r", "203.0.113.0/24") "," DROP("s", "203.0.113.0/25"))));
	assert_limit("aces");
	assert_int_equal(dc->acls[0]->acl.n_rules, 1);
	assert_int_equal(enrol("acme", "two")->n_aliases, 0);
	assert_true(put_alias(data_find(book, "two"), "a", "192.0.2.1/32"));
}

static void
what_stands_beyond_a_smaller_limit_may_stay_and_become_less(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char name[2] = {(char)('a' + i), '\0'};

		assert_true(put_alias(dc, name, "192.0.2.1/32"));
	}
	policy.aliases_max = 2;
	data_reload(book, &policy, clients, now);
	restart();
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 4);
	assert_true(put_alias(dc, "a", "192.0.2.2/32"));
	assert_true(take_away(dc, DATA_ALIAS, "a"));
	assert_false(put_alias(dc, "a", "192.0.2.2/32"));
}

static void
an_entry_has_a_limited_length(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	policy.entry_bytes_max = strlen("{\"name\":\"a\",\"target-prefix\":[\"192.0.2.1/32\"]}");
	data_reload(book, &policy, clients, now);
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_false(put_alias(dc, "a", "192.0.2.10/32"));
	assert_why(413, RESTCONF_TOO_BIG, "bytes");
}

static void
an_alias_holds_no_more_than_a_request_may(void **state)
{
	struct client *c = make_client("tiny", NULL, "203.0.113.0/24");
	struct data_client *dc;

	(void)state;
	c->limits.targets = c->limits.ports = c->limits.names = 1;
	assert_null(clients_add(clients, c));
	dc = enrol("tiny", "one");
	assert_false(put(dc, DATA_ALIAS,
		"{'name': 'a', 'target-prefix': ['203.0.113.1/32', '203.0.113.2/32']}"));
	assert_limit("targets");
	assert_false(put(dc, DATA_ALIAS,
		"{'name': 'a', 'target-prefix': ['203.0.113.1/32'], 'target-port-range': "
		"[{'lower-port': 1}, {'lower-port': 2}]}"));
	assert_limit("ports");
	assert_false(put(dc, DATA_ALIAS,
		"{'name': 'a', 'target-fqdn': ['a.example'], 'target-uri': "
		"['http://b.example/']}"));
	assert_limit("names");
}

/* ---- conflicts ---- */

#define ACCEPT(name, source) ACE(name, source, "192.0.2.0/25", "accept")

/* 8783-3.1-22, 8783-3.1-24, 8783-7.2-21, 8783-7.2-22 */
static void
a_filter_against_that_of_another_client_is_refused(void **state)
{
	struct data_client *one = enrol("acme", "one"), *two = enrol("acme", "two");
	struct data_client *twin = enrol("twin", "three"), *beta = enrol("beta", "four");

	(void)state;
	assert_true(put(one, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.0/24"))));
	assert_true(put(one, DATA_ACL, ACL("b", "immediate", ACCEPT("r", "203.0.113.0/24"))));
	assert_true(take_away(one, DATA_ACL, "b"));
	assert_false(put(two, DATA_ACL, ACL("a", "immediate", ACCEPT("r", "203.0.113.7/32"))));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "another client");
	assert_non_null(strstr(err.path, "a"));
	assert_int_equal(two->n_acls, 0);
	assert_false(put(twin, DATA_ACL, ACL("a", "immediate", ACCEPT("r", "203.0.113.7/32"))));
	assert_true(put(twin, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.7/32"))));
	assert_true(put(beta, DATA_ACL,
		ACL("a", "immediate", ACE("r", "203.0.113.7/32", "198.51.100.0/24", "accept"))));
	assert_true(take_away(one, DATA_ACL, "a"));
	assert_true(take_away(twin, DATA_ACL, "a"));
	assert_true(put(two, DATA_ACL, ACL("a", "immediate", ACCEPT("r", "203.0.113.7/32"))));
}

/* Without a destination it is for all that its client may ask for. */
static void
a_filter_without_destination_has_all_of_its_clients(void **state)
{
	static const char accept[] =
		"{'name': 'a', 'aces': {'ace': [{'name': 'r', 'actions': {'forwarding': "
		"'ietf-access-control-list:accept'}}]}}";
	struct data_client *one = enrol("acme", "one"), *twin = enrol("twin", "two");
	struct data_client *beta = enrol("beta", "three");

	(void)state;
	assert_true(put(one, DATA_ACL, accept));
	assert_true(put(beta, DATA_ACL, accept));
	assert_false(put(twin, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.7/32"))));
	assert_true(take_away(one, DATA_ACL, "a"));
	assert_true(put(twin, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.7/32"))));
	assert_false(put(one, DATA_ACL, accept));
}

/* Else a reload could make an entry that stands there expire. */
static void
a_refresh_conflicts_with_nothing(void **state)
{
	struct clients *before = clients, *after = clients_new();
	struct data_client *beta = enrol("beta", "b"), *one = enrol("acme", "one");
	const char *text = "{'name': 'a', 'aces': {'ace': [{'name': 'r', 'actions': "
			   "{'forwarding': 'ietf-access-control-list:accept'}}]}}";

	(void)state;
	assert_true(put(beta, DATA_ACL, text));
	assert_true(put(one, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.7/32"))));
	assert_null(clients_add(after, make_client("acme", NULL, "192.0.2.0/24")));
	assert_null(clients_add(after, make_client("beta", NULL, "192.0.2.0/24")));
	clients = after;
	data_reload(book, &policy, clients, now);
	clients_free(before);
	assert_true(put(beta, DATA_ACL, text));
	assert_true(put(one, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.7/32"))));
	assert_false(put(one, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.8/32"))));
}

static void
a_filter_is_compared_with_those_for_the_same_destinations_only(void **state)
{
	struct data_client *dc;
	char cuid[16], text[1024], prefix[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(cuid, sizeof(cuid), "c%u", i);
		snprintf(prefix, sizeof(prefix), "10.0.%u.0/24", i);
		assert_null(clients_add(clients, make_client(cuid, NULL, prefix)));
		dc = enrol(cuid, cuid);
		for (unsigned k = 0; k < 5; k++) {
			snprintf(text, sizeof(text),
				"{'name': 'a%u', 'aces': {'ace': [{'name': 'r', 'matches': "
				"{'ipv4': "
				"{'destination-ipv4-network': '10.0.%u.%u/32'}}, 'actions': "
				"{'forwarding': 'ietf-access-control-list:drop'}}]}}",
				k, i, k);
			assert_true(put(dc, DATA_ACL, text));
		}
	}
	assert_int_equal(comparisons, 0);
	assert_null(clients_add(clients, make_client("wide", NULL, "10.0.6.0/23")));
	assert_true(put(enrol("wide", "wide"), DATA_ACL,
		"{'name': 'a', 'aces': {'ace': [{'name': 'r', 'matches': {'ipv4': "
		"{'destination-ipv4-network': '10.0.7.0/24'}}, 'actions': {'forwarding': "
		"'ietf-access-control-list:drop'}}, {'name': 's', 'matches': {'ipv4': "
		"{'destination-ipv4-network': '10.0.7.0/25'}}, 'actions': {'forwarding': "
		"'ietf-access-control-list:drop'}}]}}"));
	assert_int_equal(comparisons, 5);
	assert_true(take_away(data_find(book, "wide"), DATA_ACL, "a"));
}

/* ---- in force ---- */

/* The sources of the rules that are. */
static const char *
in_force(const char *client)
{
	static char got[512];
	struct arena *a = arena_new();
	struct acl_set set;
	char text[PREFIX_TEXT_MAX];

	data_in_force(book, clients_named(clients, client), a, &set);
	assert_string_equal(set.client, client);
	assert_int_equal(set.n_scope, 1);
	got[0] = '\0';
	for (size_t i = 0; i < set.n_rules; i++)
		strcat(strcat(got, prefix_format(&set.rules[i].source, text)), " ");
	arena_free(a);
	return got;
}

/* 8783-4.1-03, 8783-4.3-03 to 8783-4.3-05, 8783-7.2-06, 8783-7.2-07 */
static void
what_is_in_force_goes_by_activation_and_order(void **state)
{
	struct data_client *one = enrol("acme", "one"), *two = enrol("acme", "two");

	(void)state;
	assert_true(put(two, DATA_ACL,
		ACL("a", "immediate",
			DROP("r", "203.0.113.2/32") "," DROP("s", "203.0.113.1/32"))));
	assert_true(put(
		one, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.3/32"))));
	assert_true(put(one, DATA_ACL, ACL("b", "deactivate", DROP("r", "203.0.113.4/32"))));
	assert_true(put_at(one, DATA_ACL, ACL("c", "immediate", DROP("r", "203.0.113.5/32")),
		INSERT_FIRST, NULL));
	assert_string_equal(in_force("acme"), "203.0.113.5/32 203.0.113.2/32 203.0.113.1/32 ");
	assert_string_equal(in_force("beta"), "");
	told[0] = '\0';
	assert_false(data_mitigating(book, "two", true));
	assert_string_equal(told, "");
	assert_true(data_mitigating(book, "one", true));
	assert_string_equal(told, "acme ");
	assert_string_equal(
		in_force("acme"), "203.0.113.5/32 203.0.113.3/32 203.0.113.2/32 203.0.113.1/32 ");
	assert_false(data_mitigating(book, "one", true));
	assert_true(data_mitigating(book, "one", false));
	assert_string_equal(in_force("acme"), "203.0.113.5/32 203.0.113.2/32 203.0.113.1/32 ");
}

static void
a_mitigation_may_be_older_than_the_registration(void **state)
{
	struct data_client *dc;

	(void)state;
	assert_false(data_mitigating(book, "one", true));
	dc = enrol("acme", "one");
	assert_true(dc->mitigating);
	assert_true(put(
		dc, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.3/32"))));
	assert_string_equal(in_force("acme"), "203.0.113.3/32 ");
	data_mitigating(book, "one", false);
	data_deregister(book, dc, now);
	assert_false(enrol("acme", "one")->mitigating);
}

/* 9133-3.2.1, 8783-7.2-29 */
static void
an_activation_by_the_signal_channel_stays_and_refreshes(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;

	(void)state;
	assert_true(put(
		dc, DATA_ACL, "{'name': 'a', 'aces': {'ace': [" DROP("r", "203.0.113.3/32") "]}}"));
	before = dc->acls_version;
	now += DAY_MS;
	told[0] = '\0';
	assert_false(data_activate(book, dc, "b", ACTIVATE_IMMEDIATE, now));
	assert_true(data_activate(book, dc, "a", ACTIVATE_WHEN_MITIGATING, now));
	assert_true(dc->acls_version.number == before.number);
	assert_string_equal(told, "");
	assert_int_equal(data_expire(book, now), now + WEEK_MS);
	assert_true(data_activate(book, dc, "a", ACTIVATE_IMMEDIATE, now));
	assert_string_equal(told, "acme ");
	assert_true(dc->acls[0]->version.number > before.number);
	assert_true(dc->acls_version.number == data_version(book).number);
	assert_ptr_equal(strstr(dc->acls[0]->text,
				 "{\"name\":\"a\",\"activation-type\":\"immediate\",\"aces\""),
		dc->acls[0]->text);
	restart();
	dc = data_find(book, "one");
	assert_non_null(strstr(dc->acls[0]->text, "\"activation-type\":\"immediate\""));
	assert_int_equal(dc->acls[0]->expires, now + WEEK_MS);
	assert_string_equal(in_force("acme"), "203.0.113.3/32 ");
	assert_true(data_activate(book, dc, "a", DEACTIVATE, now));
	assert_string_equal(in_force("acme"), "");
	assert_non_null(strstr(dc->acls[0]->text, "\"deactivate\""));
	assert_true(data_activate(book, dc, "a", ACTIVATE_WHEN_MITIGATING, now));
	assert_non_null(strstr(dc->acls[0]->text, "\"activate-when-mitigating\""));
}

/* ---- counting ---- */

static void
counts_add_up_over_installations(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	const struct data_entry *e;
	uint64_t id;

	(void)state;
	assert_true(put(dc, DATA_ACL,
		ACL("a", "immediate",
			DROP("r", "203.0.113.2/32") "," DROP("s", "203.0.113.1/32"))));
	e = dc->acls[0];
	id = e->acl.rules[1].id;
	data_count(book, id, 10, 1000);
	data_count(book, id, 15, 1500);
	assert_int_equal(e->packets[1], 15);
	data_count(book, id, 2, 200);
	assert_int_equal(e->packets[1], 17);
	assert_int_equal(e->bytes[1], 1700);
	assert_int_equal(e->packets[0], 0);
	data_count(book, id + 1000, 2, 200);
}

/* A refresh is a PUT of the same: it must not begin to count anew. */
static void
an_ace_that_stays_as_it_is_goes_on_counting(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t r, s;

	(void)state;
	assert_true(put(dc, DATA_ACL,
		ACL("a", "immediate",
			DROP("r", "203.0.113.2/32") "," DROP("s", "203.0.113.1/32"))));
	r = dc->acls[0]->acl.rules[0].id;
	s = dc->acls[0]->acl.rules[1].id;
	assert_true(r && s && r != s);
	data_count(book, r, 10, 1000);
	data_count(book, s, 20, 2000);
	assert_true(put(dc, DATA_ACL,
		ACL("a", "deactivate",
			DROP("new", "203.0.113.9/32") "," DROP("s", "203.0.113.1/32") "," DROP(
				"r", "203.0.113.7/32"))));
	assert_true(dc->acls[0]->acl.rules[1].id == s);
	assert_int_equal(dc->acls[0]->packets[1], 20);
	assert_true(dc->acls[0]->acl.rules[2].id > s);
	assert_int_equal(dc->acls[0]->packets[2], 0);
	data_count(book, s, 21, 2100);
	assert_int_equal(dc->acls[0]->packets[1], 21);
	data_count(book, r, 11, 1100);
	assert_int_equal(dc->acls[0]->packets[2], 0);
	restart();
	assert_true(data_find(book, "one")->acls[0]->acl.rules[1].id == s);
}

/* What it means depends on the type of the ACL. */
static void
an_ace_below_another_type_is_another_rule(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t id;

	(void)state;
	assert_true(put(dc, DATA_ACL,
		"{'name': 'a', 'aces': {'ace': [{'name': 'r', 'actions': {'forwarding': "
		"'ietf-access-control-list:drop'}}]}}"));
	id = dc->acls[0]->acl.rules[0].id;
	assert_true(put(dc, DATA_ACL,
		"{'name': 'a', 'type': 'ietf-access-control-list:ipv6-acl-type', 'aces': {'ace': "
		"[{'name': 'r', 'actions': {'forwarding': 'ietf-access-control-list:drop'}}]}}"));
	assert_true(dc->acls[0]->acl.rules[0].id > id);
}

static void
rule_ids_are_never_used_again(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_true(place(dc, "a", INSERT_LAST, NULL));
		assert_true(dc->acls[0]->acl.rules[0].id > last);
		last = dc->acls[0]->acl.rules[0].id;
		if (i % 3 == 0) {
			restart();
			dc = data_find(book, "one");
			assert_true(dc->acls[0]->acl.rules[0].id == last);
		}
		assert_true(take_away(dc, DATA_ACL, "a"));
		if (i % 3 == 1) {
			restart();
			dc = data_find(book, "one");
		}
	}
}

/* ---- configuration ---- */

static void
configure(const char *acme, const char *twin)
{
	struct clients *before = clients;

	clients = clients_new();
	if (acme)
		assert_null(clients_add(clients, make_client("acme", NULL, acme)));
	if (twin)
		assert_null(clients_add(clients, make_client("twin", NULL, twin)));
	if (book)
		data_reload(book, &policy, clients, now);
	clients_free(before);
}

static void
fill_for_reload(void)
{
	struct data_client *one = enrol("acme", "one"), *two = enrol("twin", "two");

	assert_true(put_alias(one, "low", "192.0.2.1/32"));
	assert_true(put_alias(one, "high", "192.0.2.129/32"));
	assert_true(put(one, DATA_ALIAS, "{'name': 'u', 'target-uri': ['http://192.0.2.1/']}"));
	assert_true(put(one, DATA_ALIAS, "{'name': 'n', 'target-fqdn': ['a.example']}"));
	assert_true(put(one, DATA_ACL,
		ACL("low", "immediate", ACE("r", "203.0.113.1/32", "192.0.2.1/32", "drop"))));
	assert_true(put(one, DATA_ACL,
		ACL("high", "immediate", ACE("r", "203.0.113.2/32", "192.0.2.129/32", "drop"))));
	assert_true(put(one, DATA_ACL,
		"{'name': 'any', 'aces': {'ace': [{'name': 'r', 'actions': {'forwarding': "
		"'ietf-access-control-list:drop'}}]}}"));
	assert_true(place(two, "a", INSERT_LAST, NULL));
	now += 1000;
}

static void
assert_reloaded(void)
{
	struct data_client *one = data_find(book, "one");

	assert_null(data_find(book, "two"));
	assert_int_equal(one->n_aliases, 2);
	assert_non_null(data_entry(one, DATA_ALIAS, "high"));
	assert_non_null(data_entry(one, DATA_ALIAS, "n"));
	assert_string_equal(order_of(one), "highany");
	assert_int_equal(one->acls_version.changed, now);
	assert_int_equal(one->aliases_version.changed, now);
	assert_int_equal(standin_store_count(store, "data-alias"), 2);
	assert_int_equal(standin_store_count(store, "data-acl"), 2);
	assert_int_equal(standin_store_count(store, "data-client"), 1);
}

/* Rule M17. */
static void
what_is_not_authorised_any_more_ends_with_a_reload(void **state)
{
	(void)state;
	fill_for_reload();
	told[0] = '\0';
	configure("192.0.2.128/25", NULL);
	assert_reloaded();
	assert_non_null(strstr(told, "acme "));
	assert_non_null(strstr(told, "twin "));
	assert_string_equal(in_force("acme"), "203.0.113.2/32 ");
	assert_int_equal(data_expire(book, now), start + WEEK_MS);
}

static void
what_is_not_authorised_any_more_ends_with_a_restart(void **state)
{
	(void)state;
	fill_for_reload();
	data_free(book);
	book = NULL;
	configure("192.0.2.128/25", NULL);
	open_book();
	assert_reloaded();
	restart();
	assert_reloaded();
}

static void
a_filter_without_destination_follows_its_clients_prefixes(void **state)
{
	static const char text[] = "{'name': 'a', 'aces': {'ace': [{'name': 'r', 'actions': "
				   "{'forwarding': 'ietf-access-control-list:accept'}}]}}";

	(void)state;
	assert_true(put(enrol("acme", "one"), DATA_ACL, text));
	enrol("twin", "two");
	told[0] = '\0';
	configure("203.0.113.0/24", "192.0.2.0/24");
	assert_string_equal(told, "acme ");
	assert_true(place(data_find(book, "two"), "a", INSERT_LAST, NULL));
	configure("192.0.2.0/24", "192.0.2.0/24");
	assert_true(take_away(data_find(book, "two"), DATA_ACL, "a"));
	assert_false(place(data_find(book, "two"), "a", INSERT_LAST, NULL));
}

/* ---- records ---- */

/* 8783-4.3-16 */
static void
names_may_hold_any_character(void **state)
{
	static const char *const cuids[] = {"a/b", "a%2Fb", "a", "a%b"};
	static const char *const names[] = {"c", "b/c", "%2F", "\\u00e4\\\"\\n"};
	struct data_client *dc;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		dc = enrol("acme", cuids[i]);
		for (size_t k = 0; k < 4; k++)
			assert_true(put_alias(dc, names[k], "192.0.2.1/32"));
	}
	restart();
	assert_int_equal(standin_store_count(store, "data-alias"), 16);
	for (size_t i = 0; i < 4; i++) {
		dc = data_find(book, cuids[i]);
		assert_int_equal(dc->n_aliases, 4);
		assert_non_null(data_entry(dc, DATA_ALIAS, "b/c"));
		assert_non_null(data_entry(dc, DATA_ALIAS, "\u00e4\"\n"));
		data_deregister(book, dc, now);
	}
	assert_int_equal(standin_store_count(store, "data-alias"), 0);
}

static void
put_record(const char *kind, const char *key, const char *value)
{
	json_t *j = json_of(value);
	char *text = json_dumps(j, 0);

	standin_store_put(store, kind, key, text);
	free(text);
	json_decref(j);
}

/* Of who is the first to register. */
#define SINCE    "'since': 1767225600001"
#define VERSIONS "'version': [5, 6], 'aliases': [5, 6], 'acls': [5, 6]"

/* Each of them is left where it is. */
static void
records_that_cannot_be_read_are_counted_and_left_alone(void **state)
{
	static const char *const records[][3] = {
		{"data-client", "a", "{}"},
		{"data-client", "b", "{'cuid': 'x', 'client': 'acme', 'since': 5, " VERSIONS "}"},
		{"data-client", "c", "{'cuid': 'c', 'client': 'acme', 'since': 0, " VERSIONS "}"},
		{"data-client", "d", "{'cuid': 'd', 'client': 'acme', 'since': 5}"},
		{"data-client", "e",
			"{'cuid': 'e', 'client': 'acme', 'since': 9223372036854775807, " VERSIONS
			"}"},
		{"data-alias", "one", "{'cuid': 'one'}"},
		{"data-alias", "one/a",
			"{'cuid': 'one', " SINCE ", 'expires': 1, 'version': [5, 6], 'entry': []}"},
		{"data-alias", "one/b",
			"{'cuid': 'one', " SINCE
			", 'expires': 1, 'version': [5, 6], 'entry': {'name': 'c'}}"},
		{"data-alias", "one/d",
			"{'cuid': 'one', " SINCE ", 'version': [5, 6], 'entry': {'name': 'd'}}"},
		{"data-alias", "one/e",
			"{'cuid': 'one', " SINCE
			", 'expires': 1, 'version': [5], 'entry': {'name': 'e'}}"},
		{"data-acl", "nobody/a",
			"{'cuid': 'nobody', 'expires': 1, 'version': [5, 6], 'entry': {'name': "
			"'a'}}"},
		{"data-acl", "one/a", "{'cuid': 7}"},
		{"data-state", "other", "{'number': 5, 'version': [5, 6]}"},
	};
	size_t n = sizeof(records) / sizeof(*records);

	(void)state;
	enrol("acme", "one");
	for (size_t i = 0; i < n; i++)
		put_record(records[i][0], records[i][1], records[i][2]);
	standin_store_put(store, "data-alias", "one/x", "no JSON");
	data_free(book);
	book = data_new(&policy, store);
	assert_int_equal(data_restore(book, clients, now), n + 1);
	assert_int_equal(standin_store_count(store, "data-client"), 6);
	assert_int_equal(standin_store_count(store, "data-alias"), 6);
	assert_int_equal(standin_store_count(store, "data-acl"), 2);
	assert_int_equal(data_find(book, "one")->n_aliases, 0);
}

/* Its registration could not be read, and there is another one now. */
static void
entries_of_an_earlier_registration_do_not_come_back(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put_alias(dc, "old", "192.0.2.1/32"));
	assert_true(place(dc, "old", INSERT_LAST, NULL));
	put_record("data-client", "one", "{}");
	data_free(book);
	book = data_new(&policy, store);
	assert_int_equal(data_restore(book, clients, now), 3);
	assert_true(put_alias(enrol("acme", "one"), "new", "192.0.2.1/32"));
	restart();
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 1);
	assert_string_equal(dc->aliases[0]->name, "new");
	assert_int_equal(dc->n_acls, 0);
	assert_int_equal(standin_store_count(store, "data-alias"), 1);
	assert_int_equal(standin_store_count(store, "data-acl"), 0);
}

static void
rules_without_ids_on_record_get_new_ones(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t id;

	(void)state;
	assert_true(place(dc, "a", INSERT_LAST, NULL));
	put_record("data-acl", "one/b",
		"{'cuid': 'one', " SINCE
		", 'expires': 1999999999999, 'version': [5, 6], 'rules': [0, 'x'], "
		"'entry': " ACL("b", "immediate",
			DROP("r", "203.0.113.1/32") "," DROP("s", "203.0.113.2/32")) "}");
	restart();
	dc = data_find(book, "one");
	assert_string_equal(order_of(dc), "ab");
	id = dc->acls[1]->acl.rules[0].id;
	assert_true(id > dc->acls[0]->acl.rules[0].id);
	assert_true(dc->acls[1]->acl.rules[1].id > id);
	data_count(book, id, 5, 6);
	assert_int_equal(dc->acls[1]->packets[0], 5);
	restart();
	assert_true(data_find(book, "one")->acls[1]->acl.rules[0].id == id);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_cuid_belongs_to_who_registered_it_first),
		CASE(a_cdid_that_has_changed_is_a_change),
		CASE(registrations_are_limited_for_each_and_all),
		CASE(who_deregisters_takes_everything_along),
		CASE(registrations_of_a_client_are_found_in_their_order),
		CASE(an_alias_means_what_it_says),
		CASE(an_alias_that_cannot_be_is_refused_with_its_reason),
		CASE(an_entry_has_the_name_that_the_request_is_for),
		CASE(aliases_of_each_registration_are_its_own),
		CASE(aliases_stand_by_name),
		CASE(what_has_to_be_new_is_refused_where_there_is_one),
		CASE(what_is_not_there_cannot_be_removed),
		CASE(all_steps_of_an_edit_are_done_or_none),
		CASE(an_entry_may_go_and_come_in_one_edit),
		CASE(acls_stand_as_their_client_wants_them),
		CASE(a_point_that_is_not_there_is_refused),
		CASE(a_change_is_one_of_all_above_it_and_of_nothing_beside_it),
		CASE(what_is_no_change_of_configuration_changes_no_version),
		CASE(members_in_another_order_are_no_change),
		CASE(no_version_is_given_twice),
		CASE(a_version_that_was_lost_is_not_given_again),
		CASE(entries_are_kept_for_their_lifetime_after_the_last_refresh),
		CASE(what_expires_while_nobody_is_there_is_gone_afterwards),
		CASE(a_clock_that_was_set_back_makes_no_lifetime_longer),
		CASE(entries_of_a_registration_are_limited),
		CASE(what_stands_beyond_a_smaller_limit_may_stay_and_become_less),
		CASE(an_entry_has_a_limited_length),
		CASE(an_alias_holds_no_more_than_a_request_may),
		CASE(a_filter_against_that_of_another_client_is_refused),
		CASE(a_filter_without_destination_has_all_of_its_clients),
		CASE(a_refresh_conflicts_with_nothing),
		CASE(a_filter_is_compared_with_those_for_the_same_destinations_only),
		CASE(what_is_in_force_goes_by_activation_and_order),
		CASE(a_mitigation_may_be_older_than_the_registration),
		CASE(an_activation_by_the_signal_channel_stays_and_refreshes),
		CASE(counts_add_up_over_installations),
		CASE(an_ace_that_stays_as_it_is_goes_on_counting),
		CASE(an_ace_below_another_type_is_another_rule),
		CASE(rule_ids_are_never_used_again),
		CASE(what_is_not_authorised_any_more_ends_with_a_reload),
		CASE(what_is_not_authorised_any_more_ends_with_a_restart),
		CASE(a_filter_without_destination_follows_its_clients_prefixes),
		CASE(names_may_hold_any_character),
		CASE(records_that_cannot_be_read_are_counted_and_left_alone),
		CASE(entries_of_an_earlier_registration_do_not_come_back),
		CASE(rules_without_ids_on_record_get_new_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
