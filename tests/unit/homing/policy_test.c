/* The policy table of RFC 6724, and what its rules ask of an address. */
#include "fixture.h"

#include "homing/policy.h"

static const struct policy by_default = {NULL, 0};

static struct addr
addr_from(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) != 0)
		fail_msg("%s is no address", text);
	return a;
}

/* 6724-2.1-01, 6724-2.1-05 to 6724-2.1-13, 6724-3.2-01, 6724-2.1-15 (2001:10::/28 stays under
 * ::/0): one address of each row, and its longer neighbours. */
static void
the_default_table_is_that_of_rfc_6724(void **state)
{
	static const struct {
		const char *addr;
		uint32_t precedence, label;
	} rows[] = {
		{"::1", 50, 0},
		{"2001:db8::1", 40, 1},
		{"2600::1", 40, 1},
		{"2001:10::1", 40, 1},
		{"192.0.2.1", 35, 4},
		{"10.1.2.3", 35, 4},
		{"::ffff:192.0.2.1", 35, 4},
		{"2002:c633:6401::1", 30, 2},
		{"2001::1", 5, 5},
		{"fd11:1111::1", 3, 13},
		{"fc00::1", 3, 13},
		{"::192.0.2.1", 1, 3},
		{"fec0::1", 1, 11},
		{"3ffe::1", 1, 12},
		{"fe80::1", 40, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct addr a = addr_from(rows[i].addr);
		struct policy_row found = policy_of(&by_default, &a);

		assert_int_equal(found.precedence, rows[i].precedence);
		assert_int_equal(found.label, rows[i].label);
	}
}

/* 6724-2-05, 6724-2.1-04: nothing of the default is left; what is in no row is as in ::/0. */
static void
a_table_of_ones_own_takes_its_place(void **state)
{
	struct policy_row rows[] = {{prefix_from("::ffff:0:0/96"), 100, 4},
		{prefix_from("2001:db8::/32"), 7, 8}, {prefix_from("2001:db8:1::/48"), 9, 10}};
	struct policy own = {rows, 3};
	struct addr v4 = addr_from("192.0.2.1"), in = addr_from("2001:db8:1::1"),
		    ula = addr_from("fd00::1");

	(void)state;
	assert_int_equal(policy_of(&own, &v4).precedence, 100);
	assert_int_equal(policy_of(&own, &in).label, 10);
	assert_int_equal(policy_of(&own, &ula).label, 1);
	assert_int_equal(policy_of(&own, &ula).precedence, 40);
}

/* 6724-3.1-01 to 6724-3.4-02. */
static void
scopes(void **state)
{
	static const struct {
		const char *addr;
		int scope;
	} rows[] = {
		{"ff01::1", 1},
		{"ff02::1", 2},
		{"ff04::1", 4},
		{"ff05::1", 5},
		{"ff08::1", 8},
		{"ff0e::1", 14},
		{"fe80::1", 2},
		{"::1", 2},
		{"169.254.13.78", 2},
		{"127.0.0.1", 2},
		{"fec0::1", 5},
		{"fd00::1", 14},
		{"10.0.0.1", 14},
		{"100.64.0.1", 14},
		{"::ffff:192.0.2.1", 14},
		{"2002:c633:6401::1", 14},
		{"64:ff9b::192.0.2.1", 14},
		{"2001:db8::1", 14},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct addr a = addr_from(rows[i].addr);

		assert_int_equal(policy_scope(&a), rows[i].scope);
	}
}

/* 6724-3.2-05, 6724-3.3-02, 6724-3.4-01, 6724-3.4-02. */
static void
who_is_always_a_preferred_address(void **state)
{
	static const char *const always[] = {"192.0.2.1", "10.0.0.1", "::192.0.2.1",
		"::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "::1"};
	static const char *const by_time[] = {"2001:db8::1", "fe80::1", "fd00::1", "64:ff9b:1::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++) {
		struct addr a = addr_from(always[i]);

		assert_false(policy_ages(&a));
	}
	for (size_t i = 0; i < sizeof(by_time) / sizeof(*by_time); i++) {
		struct addr a = addr_from(by_time[i]);

		assert_true(policy_ages(&a));
	}
}

/* 6724-2.2-01: the interface identifier does not count. */
static void
common_prefixes_end_with_the_prefix_of_the_source(void **state)
{
	struct addr a = addr_from("fe80::1"), b = addr_from("fe80::2"),
		    c = addr_from("2001:db8:1::2"), d = addr_from("2001:db8:3::2");

	(void)state;
	assert_int_equal(policy_common(&a, &b, 64), 64);
	assert_int_equal(policy_common(&c, &d, 64), 46);
	assert_int_equal(policy_common(&c, &c, 128), 128);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_table_is_that_of_rfc_6724),
		cmocka_unit_test(a_table_of_ones_own_takes_its_place),
		cmocka_unit_test(scopes),
		cmocka_unit_test(who_is_always_a_preferred_address),
		cmocka_unit_test(common_prefixes_end_with_the_prefix_of_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
