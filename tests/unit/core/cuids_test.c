#include "fixture.h"

/* 4218-4.1.3-01, 8612-SEC-005-01, 9132-4.4.1.1-18, 9132-4.4.1.3-39, 9132-4.4.1.3-40, 9132-11-05,
 * 9132-4.4.2-20 */
static void
a_cuid_belongs_to_one_client(void **state)
{
	struct client *a = make_client("acme", NULL, NULL), *b = make_client("beta", NULL, NULL);
	struct clients *cs = clients_new();
	struct cuids *cu = cuids_new();
	struct verdict v;
	bool fresh;

	(void)state;
	clients_add(cs, a);
	clients_add(cs, b);
	assert_null(cuids_owner(cu, "one"));
	assert_true((v = cuids_bind(cu, a, "one", &fresh), verdict_ok(&v)) && fresh);
	assert_true((v = cuids_bind(cu, a, "one", &fresh), verdict_ok(&v)) && !fresh);
	assert_string_equal(cuids_owner(cu, "one"), "acme");
	v = cuids_bind(cu, b, "one", &fresh);
	assert_int_equal(v.code, COAP_409_CONFLICT);
	assert_int_equal(v.conflict.cause, CUID_COLLISION);
	assert_int_equal(v.conflict.status, 0);
	assert_int_equal(v.conflict.retry_timer, 0);
	assert_false(v.has_conflict_mid);
	cuids_free(cu);
	clients_free(cs);
}

/* 9132-4.4.1.1-18 */
static void
the_hash_of_a_known_credential_is_refused_to_others_before_its_first_use(void **state)
{
	struct clients *cs = clients_new();
	struct client *a = make_client("acme", NULL, NULL), *b = make_client("beta", NULL, NULL);
	struct cuids *cu = cuids_new();
	struct verdict v;
	bool fresh;

	(void)state;
	clients_add(cs, a);
	clients_add(cs, b);
	cuids_reserve(cu, "acme", "hash");
	assert_null(cuids_owner(cu, "hash"));
	v = cuids_bind(cu, b, "hash", &fresh);
	assert_int_equal(v.code, COAP_409_CONFLICT);
	v = cuids_bind(cu, a, "hash", &fresh);
	assert_true(verdict_ok(&v) && fresh);
	cuids_free(cu);
	clients_free(cs);
}

/* 9132-11-08: ever new cuids of one client come to an end. */
static void
cuids_of_one_client_are_limited(void **state)
{
	struct clients *cs = clients_new();
	struct client *a = make_client("acme", NULL, NULL);
	struct cuids *cu = cuids_new();
	struct verdict v;
	bool fresh;
	char name[16];

	(void)state;
	clients_add(cs, a);
	for (unsigned i = 0; i < a->limits.cuids; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		v = cuids_bind(cu, a, name, &fresh);
		assert_true(verdict_ok(&v));
	}
	v = cuids_bind(cu, a, "more", &fresh);
	assert_false(verdict_ok(&v));
	assert_false(fresh);
	cuids_restore(cu, "acme", "restored");
	assert_string_equal(cuids_owner(cu, "restored"), "acme");
	cuids_free(cu);
	clients_free(cs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cuid_belongs_to_one_client),
		cmocka_unit_test(
			the_hash_of_a_known_credential_is_refused_to_others_before_its_first_use),
		cmocka_unit_test(cuids_of_one_client_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
