/* Heartbeats and loss in virtual time (RFC 9132 4.7). */
#include "fixture.h"

#include "core/heartbeat.h"

enum { S = 1000 };
static const struct heartbeat_config config = {30 * S, 15};

/* 8811-3.1.3-02, 8612-SIG-004-01, 8612-3.1-02, 9132-4.7-01, 9132-4.5.2-05, 9132-4.7-12: one an
 * interval, never more often. */
static void
one_is_sent_each_interval(void **state)
{
	struct heartbeat h;
	int sent = 0;

	(void)state;
	heartbeat_init(&h, &config, 0);
	for (mono_ms now = 0; now <= 300 * S; now += 100) {
		struct heartbeat_due due = heartbeat_tick(&h, now);

		if (due.send) {
			sent++;
			heartbeat_answered(&h, now + 20);
		}
		assert_false(due.became_silent || due.became_lost);
	}
	assert_int_equal(sent, 10);
}

/* 8811-3.1.3-03, 8612-SIG-004-06, 9132-4.7-13, 9132-4.7-28, 9132-4.7-30: silent first, lost only
 * after missing-hb-allowed. */
static void
silence_is_told_once_and_loss_after_the_allowed_number(void **state)
{
	struct heartbeat h;
	mono_ms silent = 0, lost = 0;
	int n_silent = 0, n_lost = 0;

	(void)state;
	heartbeat_init(&h, &config, 0);
	for (mono_ms now = 0; now <= 1200 * S; now += 500) {
		struct heartbeat_due due = heartbeat_tick(&h, now);

		if (due.became_silent)
			silent = now, n_silent++;
		if (due.became_lost)
			lost = now, n_lost++;
	}
	assert_int_equal(n_silent, 1);
	assert_int_equal(n_lost, 1);
	assert_in_range(silent, 60 * S, 61 * S);
	assert_in_range(lost, 15 * 30 * S, 16 * 30 * S);
}

/* 4218-4.3.2-01, 8811-2.1-05, 8612-SIG-004-05, 9132-4.7-19, 9132-4.7-25: any traffic of the peer is
 * life, also without answers to ours. */
static void
traffic_alone_keeps_a_session(void **state)
{
	struct heartbeat h;

	(void)state;
	heartbeat_init(&h, &config, 0);
	for (mono_ms now = 0; now <= 3600 * S; now += S) {
		struct heartbeat_due due = heartbeat_tick(&h, now);

		assert_false(due.became_silent || due.became_lost);
		if (now % (25 * S) == 0)
			heartbeat_heard(&h, now);
	}
}

/* 9132-4.7-08, 9132-4.7-09: true only while the peer's own heartbeats came within two intervals. */
static void
peer_hb_status_tells_of_the_peers_heartbeats(void **state)
{
	struct heartbeat h;
	struct heartbeat_due due;

	(void)state;
	heartbeat_init(&h, &config, 0);
	heartbeat_peer(&h, 10 * S);
	due = heartbeat_tick(&h, 30 * S);
	assert_true(due.send && due.peer_hb_status);
	heartbeat_answered(&h, 31 * S);
	due = heartbeat_tick(&h, 60 * S);
	assert_true(due.peer_hb_status);
	heartbeat_answered(&h, 61 * S);
	due = heartbeat_tick(&h, 90 * S);
	assert_true(due.send && !due.peer_hb_status);
}

static void
being_heard_again_is_told_once(void **state)
{
	struct heartbeat h;

	(void)state;
	heartbeat_init(&h, &config, 0);
	for (mono_ms now = 0; now <= 120 * S; now += S)
		heartbeat_tick(&h, now);
	assert_true(heartbeat_heard(&h, 121 * S));
	assert_false(heartbeat_heard(&h, 122 * S));
}

/* 8612-SIG-004-04, 9132-4.5.1-06: 0 disables. */
static void
interval_zero_sends_and_misses_nothing(void **state)
{
	struct heartbeat_config off = {0, 15};
	struct heartbeat h;

	(void)state;
	heartbeat_init(&h, &off, 0);
	assert_int_equal(heartbeat_deadline(&h), INT64_MAX);
	assert_false(heartbeat_tick(&h, 1000000 * S).send);
	heartbeat_configure(&h, &config, 1000000 * S);
	assert_int_equal(heartbeat_deadline(&h), 1000030 * S);
}

/* 9132-4.7-09, 9132-4.7-11: at once if the last one is old enough, else with the peer's next one.
 */
static void
unheard_ones_follow_those_of_the_peer(void **state)
{
	static const struct heartbeat_config off = {0, 15};
	struct heartbeat h;

	(void)state;
	heartbeat_init(&h, &config, 0);
	assert_true(heartbeat_tick(&h, 30 * S).send);
	heartbeat_unheard(&h, 44 * S);
	assert_int_equal(heartbeat_deadline(&h), 74 * S);
	heartbeat_unheard(&h, 74 * S);
	assert_true(heartbeat_tick(&h, 74 * S).send);
	heartbeat_unheard(&h, 89 * S);
	assert_true(heartbeat_tick(&h, 89 * S).send);
	heartbeat_init(&h, &off, 0);
	heartbeat_unheard(&h, 30 * S);
	assert_int_equal(heartbeat_deadline(&h), INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_sent_each_interval),
		cmocka_unit_test(silence_is_told_once_and_loss_after_the_allowed_number),
		cmocka_unit_test(traffic_alone_keeps_a_session),
		cmocka_unit_test(peer_hb_status_tells_of_the_peers_heartbeats),
		cmocka_unit_test(being_heard_again_is_told_once),
		cmocka_unit_test(interval_zero_sends_and_misses_nothing),
		cmocka_unit_test(unheard_ones_follow_those_of_the_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
