/* PROBING_RATE in virtual time (RFC 7252 4.7, RFC 9132 4.5.2). */
#include "fixture.h"

#include "core/probing.h"
#include "core/session_config.h"

/* 9132-4.5-04, 9132-4.5.2-15 */
static void
the_average_is_not_above_the_rate(void **state)
{
	const uint32_t rate = SESSION_PARAMS_DEFAULT.probing_rate;
	struct probing p = {0};
	size_t sent = 0;

	(void)state;
	assert_int_equal(rate, 5);
	for (mono_ms now = 0; now < 3600 * 1000; now += 500)
		if (probing_next(&p, now) == now) {
			probing_sent(&p, 300, rate, now);
			sent += 300 + PROBING_ENVELOPE;
		}
	assert_in_range(sent, rate * 3600 - 400, rate * 3600 + 400);
}

/* Time in which nothing was sent saves nothing up. */
static void
nothing_is_saved_up(void **state)
{
	struct probing p = {0};

	(void)state;
	probing_sent(&p, 423, 5, 0);
	assert_int_equal(probing_next(&p, 0), 100000);
	assert_int_equal(probing_next(&p, 500000), 500000);
	probing_sent(&p, 423, 5, 500000);
	assert_int_equal(probing_next(&p, 500001), 600000);
}

/* 9132-4.5.2-14: a heartbeat with its envelope, 43 bytes of CoAP, keeps to the default rate at the
 * default interval. */
static void
heartbeats_keep_to_it_by_default(void **state)
{
	const struct session_params p = SESSION_PARAMS_DEFAULT;

	(void)state;
	assert_true(43 + PROBING_ENVELOPE <= p.heartbeat_ms / 1000 * p.probing_rate);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_average_is_not_above_the_rate),
		cmocka_unit_test(nothing_is_saved_up),
		cmocka_unit_test(heartbeats_keep_to_it_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
