#include "core/rate.h"

#include "fixture.h"

static unsigned
take(struct rate *r, uint32_t per_second, mono_ms now, unsigned n)
{
	unsigned got = 0;

	for (unsigned i = 0; i < n; i++)
		got += rate_take(r, per_second, now) == 0;
	return got;
}

static void
after_a_quiet_time_ten_seconds_come_at_once(void **state)
{
	struct rate r = {0};

	(void)state;
	assert_int_equal(take(&r, 20, 1000, 1000), 200);
	assert_int_equal(take(&r, 20, 500000, 1000), 200); /* and no more, however long it was */
}

static void
in_the_long_run_it_is_the_rate(void **state)
{
	struct rate r = {0};
	unsigned n = 0;

	(void)state;
	for (mono_ms now = 0; now < 100000; now++)
		n += take(&r, 20, now, 3);
	assert_in_range(n, 20 * 100 + 199, 20 * 100 + 200);
}

/* Who waits as long as it is told gets in; who does not wait loses nothing by asking. */
static void
it_says_when_to_come_back(void **state)
{
	struct rate r = {0};
	uint32_t seconds = 0;

	(void)state;
	assert_int_equal(take(&r, 1, 0, 100), 10);
	for (int i = 0; i < 100; i++)
		seconds = rate_take(&r, 1, 500);
	assert_int_equal(seconds, 1);
	assert_int_equal(rate_take(&r, 1, 500 + 1000 * seconds), 0);
}

static void
no_rate_is_too_large(void **state)
{
	struct rate r = {0};

	(void)state;
	assert_int_equal(take(&r, 1000000, 0, 1000000), 1000000);
}

static void
so_many_in_any_time(void **state)
{
	struct rate r = {0};
	unsigned got = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		got += rate_take_in(&r, 3, 60, 0) == 0;
	assert_int_equal(got, 3);
	assert_int_equal(rate_take_in(&r, 3, 60, 0), 20);
	assert_int_equal(rate_take_in(&r, 3, 60, 20000), 0);
	assert_int_not_equal(rate_take_in(&r, 3, 60, 20000), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_quiet_time_ten_seconds_come_at_once),
		cmocka_unit_test(in_the_long_run_it_is_the_rate),
		cmocka_unit_test(it_says_when_to_come_back),
		cmocka_unit_test(no_rate_is_too_large),
		cmocka_unit_test(so_many_in_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
