#include "core/status.h"

#include "fixture.h"

/* M13: 4 > 1 > 8 > 2 > 3 while anything goes on. */
static void
while_anything_goes_on_it_is_the_worse(void **state)
{
	static const enum dots_status order[] = {ATTACK_EXCEEDED_CAPABILITY,
		ATTACK_MITIGATION_IN_PROGRESS, ATTACK_MITIGATION_SIGNAL_LOSS,
		ATTACK_SUCCESSFULLY_MITIGATED, ATTACK_STOPPED, ATTACK_MITIGATION_TERMINATED};

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (size_t k = i; k < sizeof(order) / sizeof(order[0]); k++) {
			assert_int_equal(status_worse(order[i], order[k]), order[i]);
			assert_int_equal(status_worse(order[k], order[i]), order[i]);
		}
}

static void
what_is_over_stays_the_last_word(void **state)
{
	(void)state;
	assert_true(status_is_over(DOTS_CLIENT_WITHDRAWN_MITIGATION));
	assert_true(status_is_over(ATTACK_MITIGATION_TERMINATED));
	assert_true(status_is_over(ATTACK_MITIGATION_WITHDRAWN));
	assert_false(status_is_over(ATTACK_STOPPED));
	assert_int_equal(status_worse(ATTACK_MITIGATION_TERMINATED, ATTACK_MITIGATION_WITHDRAWN),
		ATTACK_MITIGATION_WITHDRAWN);
}

static void
what_is_not_told_or_not_known_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(status_worse(0, ATTACK_STOPPED), ATTACK_STOPPED);
	assert_int_equal(status_worse(ATTACK_STOPPED, 0), ATTACK_STOPPED);
	assert_int_equal(status_worse(ATTACK_STOPPED, (enum dots_status)99), ATTACK_STOPPED);
	assert_int_equal(status_worse(0, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_anything_goes_on_it_is_the_worse),
		cmocka_unit_test(what_is_over_stays_the_last_word),
		cmocka_unit_test(what_is_not_told_or_not_known_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
