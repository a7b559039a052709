#include "core/filter_control.h"

#include "fixture.h"

static struct acl_entry
entry(const char *name, int type)
{
	struct acl_entry e = {.has = 1ULL << ACL_NAME, .acl_name = (char *)(uintptr_t)name};

	if (type) {
		e.has |= 1ULL << ACL_ACTIVATION_TYPE;
		e.activation_type = (uint64_t)type;
	}
	return e;
}

static void
refused(const struct scope *s, bool if_match, const struct scope *known, const char *why)
{
	struct verdict v = filter_control_check(s, if_match, known);

	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(v.why, why));
}

/* 9133-3.2.1-03, 9133-3.2.2.2-02 */
static void
without_a_type_it_is_activated_with_mitigations(void **state)
{
	struct acl_entry bare = entry("f", 0), off = entry("f", DEACTIVATE);

	(void)state;
	assert_int_equal(filter_control_type(&bare), ACTIVATE_WHEN_MITIGATING);
	assert_int_equal(filter_control_type(&off), DEACTIVATE);
}

/* 9133-3.2.1-08, -10, -30, 9133-3.2.2.1-01 */
static void
what_a_request_may_not_say_of_filters(void **state)
{
	struct acl_entry one[] = {entry("f", DEACTIVATE)};
	struct acl_entry twice[] = {entry("f", DEACTIVATE), entry("f", ACTIVATE_IMMEDIATE)};
	struct acl_entry other[] = {entry("f", ACTIVATE_IMMEDIATE)};
	struct scope s = {.trigger_mitigation = true, .acl_list = one, .n_acl_list = 1};
	struct scope known = s, bare = {.trigger_mitigation = true};
	struct verdict v = filter_control_check(&s, false, NULL);

	(void)state;
	assert_int_equal(v.code, COAP_204_CHANGED);
	v = filter_control_check(&s, false, &known);
	assert_int_equal(v.code, COAP_204_CHANGED);
	refused(&s, true, NULL, "efficacy");
	refused(&s, false, &bare, "new mid");
	known.acl_list = other;
	refused(&s, false, &known, "new mid");
	s.trigger_mitigation = false;
	refused(&s, false, NULL, "idle time");
	s = (struct scope){.trigger_mitigation = true, .acl_list = twice, .n_acl_list = 2};
	refused(&s, false, NULL, "twice");
}

/* 9133-3.2.1-28 */
static void
changes_are_kept_until_they_are_none(void **state)
{
	struct filter_changes c = {0};

	(void)state;
	assert_false(filter_changes_note(&c, "f", DEACTIVATE, true)); /* asked for */
	assert_false(filter_changes_note(&c, "f", 0, false));
	assert_int_equal(c.n, 0);
	assert_true(filter_changes_note(&c, "f", DEACTIVATE, false));
	assert_true(filter_changes_note(&c, "g", ACTIVATE_IMMEDIATE, false));
	assert_true(filter_changes_note(&c, "f", ACTIVATE_IMMEDIATE, false));
	assert_false(filter_changes_note(&c, "g", DEACTIVATE, true));
	assert_int_equal(c.n, 2);
	assert_int_equal(filter_control_type(&c.list[0]), ACTIVATE_IMMEDIATE);
	assert_int_equal(filter_control_type(&c.list[1]), DEACTIVATE);
	assert_false(filter_changes_note(&c, "f", 0, false));
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].acl_name, "g");
	filter_changes_finish(&c);
}

static void
changes_are_bounded(void **state)
{
	struct filter_changes c = {0};
	char name[8];

	(void)state;
	for (int i = 0; i <= FILTER_CHANGES_MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_true(filter_changes_note(&c, name, DEACTIVATE, false));
	}
	assert_int_equal(c.n, FILTER_CHANGES_MAX);
	assert_string_equal(c.list[0].acl_name, "f1"); /* the oldest has gone */
	filter_changes_finish(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_type_it_is_activated_with_mitigations),
		cmocka_unit_test(what_a_request_may_not_say_of_filters),
		cmocka_unit_test(changes_are_kept_until_they_are_none),
		cmocka_unit_test(changes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
