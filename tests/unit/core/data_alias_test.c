#include "data_fixture.h"

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

/* 8783-6.1-11, 8783-6.1-08, 8783-6.1-09, 8783-6.1-10, 8783-6.1-17, 8783-6.1-19, 8783-6.1-28,
 * 8783-10-18 */
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
	size_t len;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(put_alias(dc, names[i], "192.0.2.1/32"));
	for (unsigned round = 0; round < 2; round++) {
		dc = data_find(book, "one");
		len = 0;
		for (size_t i = 0; i < dc->n_aliases; i++)
			len += (size_t)snprintf(
				got + len, sizeof(got) - len, "%s ", dc->aliases[i]->name);
		assert_string_equal(got, "a k m mm z ");
		for (size_t i = 0; i < 5; i++)
			assert_non_null(data_entry(dc, DATA_ALIAS, names[i]));
		assert_null(data_entry(dc, DATA_ALIAS, "b"));
		restart();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_alias_means_what_it_says),
		CASE(an_alias_that_cannot_be_is_refused_with_its_reason),
		CASE(an_entry_has_the_name_that_the_request_is_for),
		CASE(aliases_of_each_registration_are_its_own),
		CASE(aliases_stand_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
