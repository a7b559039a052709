#include "data_fixture.h"

/* Compared so far: linked with --wrap. */
static size_t comparisons;
bool __real_acl_conflicts(const struct acl *a, const struct client *ca, const struct acl *b,
	const struct client *cb, unsigned *inout_looks);
bool __wrap_acl_conflicts(const struct acl *a, const struct client *ca, const struct acl *b,
	const struct client *cb, unsigned *inout_looks);
bool
__wrap_acl_conflicts(const struct acl *a, const struct client *ca, const struct acl *b,
	const struct client *cb, unsigned *inout_looks)
{
	comparisons++;
	return __real_acl_conflicts(a, ca, b, cb, inout_looks);
}

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
	comparisons = 0;
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

/* Half of its rules let single hop limits pass, then all that is left, and the others drop what has
 * been decided: the dearest there is to compare with itself. */
static json_t *
dear_acl(unsigned n)
{
	json_t *aces = json_array();
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		json_array_append_new(
			aces, json_pack("{ss s{s{ss si}} s{ss}}", "name", name, "matches", "ipv4",
				      "destination-ipv4-network", "192.0.2.0/24", "ttl", i,
				      "actions", "forwarding", i <= n / 2 ? "accept" : "drop"));
	}
	json_object_del(
		json_object_get(json_object_get(json_array_get(aces, n / 2), "matches"), "ipv4"),
		"ttl");
	return json_pack("{ss s{so}}", "name", "a", "aces", "ace", aces);
}

/* However many registrations there are for the same destinations, and whatever is in them. */
static void
what_an_edit_is_compared_with_is_limited(void **state)
{
	static const char *const cuids[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
	json_t *j = dear_acl(160);
	struct data_change ch = {.kind = DATA_ACL, .name = "a", .entry = j};
	size_t n = 0;

	(void)state;
	assert_true(yang_check(data_acl, j, &err));
	while (n < 8 && edit(enrol(n < 4 ? "acme" : "twin", cuids[n]), &ch, 1))
		n++;
	assert_in_range(n, 4, 7);
	assert_why(409, RESTCONF_RESOURCE_DENIED, "another client");
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_filter_against_that_of_another_client_is_refused),
		CASE(a_filter_without_destination_has_all_of_its_clients),
		CASE(a_refresh_conflicts_with_nothing),
		CASE(a_filter_is_compared_with_those_for_the_same_destinations_only),
		CASE(what_an_edit_is_compared_with_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
