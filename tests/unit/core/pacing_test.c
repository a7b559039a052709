/* How many datagrams go to a peer, in virtual time (RFC 9132 4.4). */
#include "fixture.h"

#include "core/pacing.h"

static unsigned
sent_until(struct pacing *p, mono_ms from, mono_ms until)
{
	unsigned n = 0;

	for (mono_ms now = from; now < until; now += 10)
		while (pacing_next(p, now) == now) {
			pacing_sent(p, now);
			n++;
		}
	return n;
}

/* 9132-4.4-05: however many there are, one a round trip in the long run. */
static void
one_a_round_trip_on_average(void **state)
{
	struct pacing p = {0};

	(void)state;
	pacing_measured(&p, 200);
	assert_in_range(sent_until(&p, 0, 10), 3000, 3001); /* ten minutes' worth at once */
	assert_in_range(sent_until(&p, 10, 3600 * 1000), 5 * 3600 - 2, 5 * 3600 + 2);
}

/* What was not sent is not saved up beyond that. */
static void
quiet_hours_are_no_credit(void **state)
{
	struct pacing p = {0};

	(void)state;
	pacing_measured(&p, 1000);
	assert_in_range(sent_until(&p, 36000 * 1000, 36000 * 1000 + 10), 600, 601);
}

/* 9132-4.4-08: without an estimate one in 3 s. */
static void
without_a_measure_it_is_three_seconds(void **state)
{
	struct pacing p = {0};

	(void)state;
	assert_in_range(sent_until(&p, 0, 10), 200, 201);
	assert_in_range(sent_until(&p, 10, 300 * 1000), 99, 101);
}

static void
round_trips_are_smoothed(void **state)
{
	struct pacing p = {0};

	(void)state;
	pacing_measured(&p, 80);
	assert_int_equal(p.round_trip_ms, 80);
	pacing_measured(&p, 160);
	assert_int_equal(p.round_trip_ms, 90);
	pacing_measured(&p, 0);
	assert_in_range(p.round_trip_ms, 78, 79);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_a_round_trip_on_average),
		cmocka_unit_test(quiet_hours_are_no_credit),
		cmocka_unit_test(without_a_measure_it_is_three_seconds),
		cmocka_unit_test(round_trips_are_smoothed),
	};

	return cmocka_run_group_tests_name("pacing", tests, NULL, NULL);
}
