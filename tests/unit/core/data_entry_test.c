#include "data_fixture.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(counts_add_up_over_installations),
		CASE(an_ace_that_stays_as_it_is_goes_on_counting),
		CASE(an_ace_below_another_type_is_another_rule),
		CASE(rule_ids_are_never_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
