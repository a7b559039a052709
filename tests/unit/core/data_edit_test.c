#include "data_fixture.h"

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
	before = dc->version;
	told[0] = '\0';
	assert_false(edit(dc, changes, 5));
	assert_int_equal(dc->n_aliases, 1);
	assert_int_equal(dc->n_acls, 0);
	assert_string_equal(dc->aliases[0]->name, "old");
	assert_memory_equal(&dc->version, &before, sizeof(before));
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

/* ---- limits ---- */

static void
assert_limit(const char *limit)
{
	assert_why(409, RESTCONF_RESOURCE_DENIED, limit);
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
	assert_limit("data-channel.aliases");
	assert_string_equal(err.app_tag, "too-many-elements");
	assert_string_equal(err.path, "/ietf-dots-data-channel:dots-data/dots-client[cuid='one']");
	assert_true(put_alias(dc, "b", "192.0.2.2/32"));
	assert_true(place(dc, "a", INSERT_LAST, NULL));
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	assert_false(place(dc, "c", INSERT_LAST, NULL));
	assert_limit("data-channel.acls");
	assert_true(put(dc, DATA_ACL,
		ACL("b", "immediate",
			DROP("r", "203.0.113.0/24") "," DROP("s", "203.0.113.0/25"))));
	assert_false(put(dc, DATA_ACL,
		ACL("a", "immediate",
			DROP("r", "203.0.113.0/24") "," DROP("s", "203.0.113.0/25"))));
	assert_limit("data-channel.aces");
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
	assert_true(put(dc, DATA_ALIAS,
		"{'name': 'd', 'target-prefix': ['192.0.2.1/32', '192.0.2.2/32']}"));
	((struct client *)clients_named(clients, "acme"))->limits.targets = 1;
	policy.aliases_max = 2;
	data_reload(book, &policy, clients, now);
	restart();
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 4);
	assert_true(put_alias(dc, "a", "192.0.2.2/32"));
	assert_true(take_away(dc, DATA_ALIAS, "a"));
	assert_false(put_alias(dc, "a", "192.0.2.2/32"));
}

/* 8040-7-04 */
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
allow_bytes(size_t bytes)
{
	((struct client *)clients_named(clients, "acme"))->limits.data_bytes = (uint32_t)bytes;
}

/* 8783-10-20: whatever registration they are of, and whatever they are. */
static void
all_entries_of_a_client_have_a_limited_length(void **state)
{
	const size_t one = strlen("{\"name\":\"a\",\"target-prefix\":[\"192.0.2.1/32\"]}");
	struct data_client *dc = enrol("acme", "one"), *other = enrol("acme", "two");

	(void)state;
	allow_bytes(3 * one);
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(put_alias(dc, "b", "192.0.2.1/32"));
	assert_true(put_alias(other, "c", "192.0.2.1/32"));
	assert_false(put_alias(other, "d", "192.0.2.1/32"));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "limits.data-bytes");
	assert_string_equal(err.path, "/ietf-dots-data-channel:dots-data/dots-client[cuid='two']");
	assert_false(place(dc, "f", INSERT_LAST, NULL));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "limits.data-bytes");
	assert_int_equal(other->n_aliases, 1);
	assert_true(put_alias(enrol("twin", "three"), "a", "192.0.2.1/32"));
	/* What is written again counts once, in this world and the next. */
	restart();
	dc = data_find(book, "one");
	assert_true(put_alias(dc, "a", "192.0.2.2/32"));
	assert_false(put_alias(dc, "a", "192.0.2.22/32"));
	assert_true(take_away(dc, DATA_ALIAS, "b"));
	assert_true(put_alias(dc, "d", "192.0.2.1/32"));
	assert_false(put_alias(dc, "e", "192.0.2.1/32"));
	data_deregister(book, data_find(book, "two"));
	assert_true(put_alias(dc, "e", "192.0.2.1/32"));
	data_expire(book, now + WEEK_MS);
	now += WEEK_MS;
	for (char name[2] = "a"; *name < 'd'; ++*name)
		assert_true(put_alias(dc, name, "192.0.2.1/32"));
}

static void
bytes_beyond_a_smaller_limit_may_stay_and_become_less(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.10/32"));
	assert_true(put_alias(dc, "b", "192.0.2.10/32"));
	allow_bytes(1);
	assert_true(put_alias(dc, "a", "192.0.2.11/32"));
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_false(put_alias(dc, "a", "192.0.2.11/32"));
	assert_true(take_away(dc, DATA_ALIAS, "a"));
	assert_false(put_alias(dc, "a", "192.0.2.1/32"));
}

/* RFC 9133 3.2.1: the name of another activation-type is longer or shorter. */
static void
what_a_signal_changes_is_counted(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	size_t len;

	(void)state;
	assert_true(place(dc, "f", INSERT_LAST, NULL));
	assert_true(data_activate(book, dc, "f", ACTIVATE_IMMEDIATE, now));
	len = strlen(dc->acls[0]->text);
	allow_bytes(len);
	assert_true(put(dc, DATA_ACL, dc->acls[0]->text));
	assert_true(data_activate(book, dc, "f", ACTIVATE_WHEN_MITIGATING, now));
	assert_true(strlen(dc->acls[0]->text) > len);
	allow_bytes(len + strlen("{\"name\":\"a\",\"target-prefix\":[\"192.0.2.1/32\"]}"));
	assert_false(put_alias(dc, "a", "192.0.2.1/32"));
	allow_bytes(len);
	assert_true(data_activate(book, dc, "f", ACTIVATE_IMMEDIATE, now));
	assert_true(put(dc, DATA_ACL, dc->acls[0]->text));
	assert_false(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(take_away(dc, DATA_ACL, "f"));
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
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
	assert_limit("limits.targets");
	assert_false(put(dc, DATA_ALIAS,
		"{'name': 'a', 'target-prefix': ['203.0.113.1/32'], 'target-port-range': "
		"[{'lower-port': 1}, {'lower-port': 2}]}"));
	assert_limit("limits.ports");
	assert_false(put(dc, DATA_ALIAS,
		"{'name': 'a', 'target-fqdn': ['a.example'], 'target-uri': "
		"['http://b.example/']}"));
	assert_limit("limits.names");
}

/* ---- drafts ---- */

static void
a_draft_is_used_up_by_its_client(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	json_t *j =
		normal_json_of(DATA_ALIAS, "{'name': 'web', 'target-prefix': ['192.0.2.1/32']}");
	json_t *later =
		normal_json_of(DATA_ALIAS, "{'name': 'web', 'target-prefix': ['192.0.2.2/32']}");
	struct data_change ch = {.kind = DATA_ALIAS, .name = "web", .entry = j};

	(void)state;
	data_draft(&ch, clients_named(clients, "acme"), &policy);
	assert_non_null(ch.draft);
	ch.entry = later; /* what has been read counts */
	assert_true(edit(dc, &ch, 1));
	assert_null(ch.draft);
	assert_non_null(strstr(dc->aliases[0]->text, "192.0.2.1/32"));
	json_decref(j);
	json_decref(later);
}

/* What acme may have, beta may not (RFC 8783 6.1). */
static void
a_draft_for_another_client_counts_for_nothing(void **state)
{
	struct data_client *dc = enrol("beta", "two");
	json_t *j =
		normal_json_of(DATA_ALIAS, "{'name': 'web', 'target-prefix': ['192.0.2.1/32']}");
	struct data_change ch = {.kind = DATA_ALIAS, .name = "web", .entry = j};

	(void)state;
	data_draft(&ch, clients_named(clients, "acme"), &policy);
	assert_false(edit(dc, &ch, 1));
	assert_why(400, RESTCONF_INVALID_VALUE, "target-prefix");
	assert_int_equal(dc->n_aliases, 0);
	data_draft_drop(&ch);
	json_decref(j);
}

/* It is the edit that says what is wrong, in its order. */
static void
what_cannot_be_read_has_no_draft(void **state)
{
	struct data_client *dc = enrol("beta", "two");
	json_t *j =
		normal_json_of(DATA_ALIAS, "{'name': 'web', 'target-prefix': ['192.0.2.1/32']}");
	struct data_change ch = {
		.kind = DATA_ALIAS, .name = "web", .entry = j, .must_be_new = true};

	(void)state;
	assert_true(put_alias(dc, "web", "198.51.100.1/32"));
	data_draft(&ch, clients_named(clients, "beta"), &policy);
	assert_null(ch.draft);
	assert_false(edit(dc, &ch, 1));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "of that name");
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_has_to_be_new_is_refused_where_there_is_one),
		CASE(what_is_not_there_cannot_be_removed),
		CASE(all_steps_of_an_edit_are_done_or_none),
		CASE(an_entry_may_go_and_come_in_one_edit),
		CASE(acls_stand_as_their_client_wants_them),
		CASE(a_point_that_is_not_there_is_refused),
		CASE(entries_of_a_registration_are_limited),
		CASE(what_stands_beyond_a_smaller_limit_may_stay_and_become_less),
		CASE(an_entry_has_a_limited_length),
		CASE(all_entries_of_a_client_have_a_limited_length),
		CASE(bytes_beyond_a_smaller_limit_may_stay_and_become_less),
		CASE(what_a_signal_changes_is_counted),
		CASE(an_alias_holds_no_more_than_a_request_may),
		CASE(a_draft_is_used_up_by_its_client),
		CASE(a_draft_for_another_client_counts_for_nothing),
		CASE(what_cannot_be_read_has_no_draft),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
