#include "data_fixture.h"

/* 8783-4.3-16 */
static void
names_may_hold_any_character(void **state)
{
	static const char *const cuids[] = {"a%2Fb", "a", "a%b"};
	static const char *const names[] = {"c", "b/c", "%2F", "\\u00e4\\\"\\n"};
	struct data_client *dc;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		dc = enrol("acme", cuids[i]);
		for (size_t k = 0; k < 4; k++)
			assert_true(put_alias(dc, names[k], "192.0.2.1/32"));
	}
	restart();
	assert_int_equal(standin_store_count(store, "data-alias"), 12);
	for (size_t i = 0; i < 3; i++) {
		dc = data_find(book, cuids[i]);
		assert_int_equal(dc->n_aliases, 4);
		assert_non_null(data_entry(dc, DATA_ALIAS, "b/c"));
		assert_non_null(data_entry(dc, DATA_ALIAS, "\u00e4\"\n"));
		data_deregister(book, dc);
	}
	assert_int_equal(standin_store_count(store, "data-alias"), 0);
}

static const char *
via_of(const char *name)
{
	return data_entry(data_find(book, "one"), DATA_ALIAS, name)->via;
}

/* 8783-3.4-09 */
static void
what_an_entry_came_through_is_kept_until_it_is_written_again(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	json_t *j = normal_json_of(DATA_ALIAS, "{'name': 'a', 'target-prefix': ['192.0.2.1/32']}");
	struct data_change ch = {.kind = DATA_ALIAS, .name = "a", .entry = j, .via = "1.1 x"};

	(void)state;
	assert_true(edit(dc, &ch, 1));
	restart();
	assert_string_equal(via_of("a"), "1.1 x");
	assert_true(put_alias(data_find(book, "one"), "a", "192.0.2.1/32"));
	assert_null(via_of("a"));
	restart();
	assert_null(via_of("a"));
	/* As somebody's hand may have written it: it would go into the head of a request. */
	ch.via = "1.1 x\r\nHost: y";
	assert_true(edit(data_find(book, "one"), &ch, 1));
	restart();
	assert_null(via_of("a"));
	json_decref(j);
}

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
		{"data-state", "other", "{'number': 5}"},
	};
	size_t n = sizeof(records) / sizeof(*records);
	uint64_t version;

	(void)state;
	version = enrol("acme", "one")->version.number;
	for (size_t i = 0; i < n; i++)
		put_record(records[i][0], records[i][1], records[i][2]);
	standin_store_put(store, "data-alias", "one/x", "no JSON");
	data_free(book);
	book = data_new(&policy, store);
	assert_int_equal(data_restore(book, clients, now), n + 1);
	assert_true(data_find(book, "one")->version.number == version);
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
	uint64_t id, taken;
	char text[1024];

	(void)state;
	assert_true(place(dc, "a", INSERT_LAST, NULL));
	taken = dc->acls[0]->acl.rules[0].id;
	snprintf(text, sizeof(text),
		"{'cuid': 'one', " SINCE
		", 'expires': 1999999999999, 'version': [5, 6], 'rules': [%llu, 'x'], "
		"'entry': " ACL("b", "immediate",
			DROP("r", "203.0.113.1/32") "," DROP("s", "203.0.113.2/32")) "}",
		(unsigned long long)taken);
	put_record("data-acl", "one/b", text);
	restart();
	dc = data_find(book, "one");
	assert_string_equal(order_of(dc), "ab");
	id = dc->acls[1]->acl.rules[0].id;
	assert_true(id > taken);
	assert_true(dc->acls[1]->acl.rules[1].id > id);
	data_count(book, id, 5, 6);
	data_count(book, taken, 7, 8);
	assert_int_equal(dc->acls[1]->packets[0], 5);
	assert_int_equal(dc->acls[0]->packets[0], 7);
	now += 1000;
	restart();
	assert_true(data_find(book, "one")->acls[1]->acl.rules[0].id == id);
}

/* As by hand, or by a version that knew less. */
static void
entries_on_record_are_checked_as_requests_are(void **state)
{
	struct data_client *dc;

	(void)state;
	enrol("acme", "one");
	put_record("data-alias", "one/a",
		"{'cuid': 'one', " SINCE ", 'expires': 1999999999999, 'version': [5, 6], "
		"'entry': {'target-prefix': ['192.0.2.77/25'], 'name': 'a'}}");
	put_record("data-alias", "one/b",
		"{'cuid': 'one', " SINCE ", 'expires': 1999999999999, 'version': [5, 6], "
		"'entry': {'target-prefix': ['192.0.2.77/33'], 'name': 'b'}}");
	data_free(book);
	book = data_new(&policy, store);
	assert_int_equal(data_restore(book, clients, now), 1);
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 1);
	assert_string_equal(
		dc->aliases[0]->text, "{\"name\":\"a\",\"target-prefix\":[\"192.0.2.0/25\"]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_may_hold_any_character),
		CASE(what_an_entry_came_through_is_kept_until_it_is_written_again),
		CASE(records_that_cannot_be_read_are_counted_and_left_alone),
		CASE(entries_of_an_earlier_registration_do_not_come_back),
		CASE(rules_without_ids_on_record_get_new_ones),
		CASE(entries_on_record_are_checked_as_requests_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
