#include "core/overload.h"

#include "fixture.h"

enum { S = 1000 };
static const struct overload_rule packets = {100, RATE_PACKETS, 10 * S};

/* So many packets of 50 bytes a second, told each second from `from` on; when it was seen, -1: it
 * was not. */
static mono_ms
flood(const struct overload_rule *r, struct overload_gauge *g, uint64_t *total, uint64_t rate,
	mono_ms from, mono_ms to)
{
	for (mono_ms now = from + S; now <= to; now += S) {
		*total += rate;
		if (overload_seen(r, g, *total, *total * 50, now))
			return now;
	}
	return -1;
}

/* 8811-3.2.3-01, 8811-3.3.2-02, 8811-3.3.2-05 */
static void
what_stays_at_the_rate_is_no_overload(void **state)
{
	struct overload_gauge g = {0};
	uint64_t total = 5000; /* of before: of a restart */

	(void)state;
	assert_int_equal(flood(&packets, &g, &total, 100, 0, 3600 * S), -1);
}

static void
a_burst_is_measured_over_the_interval(void **state)
{
	struct overload_gauge g = {0};
	uint64_t total = 0;

	(void)state;
	assert_int_equal(flood(&packets, &g, &total, 0, 0, 60 * S), -1);
	assert_int_equal(flood(&packets, &g, &total, 900, 60 * S, 61 * S), -1);
	assert_int_equal(flood(&packets, &g, &total, 0, 61 * S, 3600 * S), -1);
}

/* At the end of the interval, or as soon as it is too much for all of it. */
static void
an_overload_is_seen_in_time(void **state)
{
	struct overload_gauge g = {0};
	uint64_t total = 0;
	mono_ms seen;

	(void)state;
	seen = flood(&packets, &g, &total, 110, 0, 60 * S);
	assert_in_range(seen, 10 * S, 12 * S);
	g = (struct overload_gauge){0};
	seen = flood(&packets, &g, &total, 2000, 0, 60 * S);
	assert_in_range(seen, 1 * S, 2 * S);
}

/* 8811-3.3.2-03 */
static void
bytes_count_where_they_are_the_unit(void **state)
{
	const struct overload_rule bytes = {5000, RATE_BYTES, 10 * S};
	struct overload_gauge g = {0};
	uint64_t total = 0;

	(void)state;
	assert_int_equal(flood(&bytes, &g, &total, 100, 0, 60 * S), -1);
	assert_true(flood(&bytes, &g, &total, 101, 60 * S, 120 * S) > 0);
}

static void
without_a_rate_nothing_is_measured(void **state)
{
	const struct overload_rule none = {0};
	struct overload_gauge g = {0};
	uint64_t total = 0;

	(void)state;
	assert_int_equal(flood(&none, &g, &total, 1000000, 0, 60 * S), -1);
}

static void
after_a_rest_it_is_measured_anew(void **state)
{
	struct overload_gauge g = {0};
	uint64_t total = 0;

	(void)state;
	assert_true(flood(&packets, &g, &total, 500, 0, 60 * S) > 0);
	overload_rest(&g, 60 * S);
	assert_int_equal(flood(&packets, &g, &total, 500, 5 * S, 59 * S), -1);
	assert_true(flood(&packets, &g, &total, 500, 59 * S, 70 * S) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_at_the_rate_is_no_overload),
		cmocka_unit_test(a_burst_is_measured_over_the_interval),
		cmocka_unit_test(an_overload_is_seen_in_time),
		cmocka_unit_test(bytes_count_where_they_are_the_unit),
		cmocka_unit_test(without_a_rate_nothing_is_measured),
		cmocka_unit_test(after_a_rest_it_is_measured_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
