/* When a client counts as lost (RFC 9132 4.7), in virtual time. */
#include "fixture.h"

#include "core/loss.h"

enum { S = 1000, PATIENCE = 450 * S, GRACE = 300 * S };

/* 9132-4.4.1.1-68, 9132-4.7-28, 9132-4.7-29: after the whole time without a word, once. */
static void
silence_for_the_whole_time_is_loss(void **state)
{
	struct loss l;

	(void)state;
	loss_init(&l, 0, 0);
	assert_false(loss_heard(&l, 100 * S));
	assert_int_equal(loss_deadline(&l, PATIENCE), 550 * S);
	assert_false(loss_tick(&l, PATIENCE, 550 * S - 1));
	assert_true(loss_tick(&l, PATIENCE, 550 * S));
	assert_false(loss_tick(&l, PATIENCE, 551 * S));
	assert_int_equal(loss_deadline(&l, PATIENCE), INT64_MAX);
	assert_true(loss_heard(&l, 600 * S));
	assert_false(loss_heard(&l, 601 * S));
	assert_int_equal(loss_deadline(&l, PATIENCE), 1051 * S);
}

/* Nor is who has not been heard at all since we started, until the grace is over. */
static void
after_a_start_clients_have_a_grace(void **state)
{
	struct loss l;

	(void)state;
	loss_init(&l, 10 * S, GRACE);
	assert_false(loss_tick(&l, PATIENCE, 10 * S + PATIENCE + GRACE - 1));
	assert_true(loss_tick(&l, PATIENCE, 10 * S + PATIENCE + GRACE));
	/* Heard once, it is like any other. */
	loss_init(&l, 10 * S, GRACE);
	loss_heard(&l, 20 * S);
	assert_int_equal(loss_deadline(&l, PATIENCE), 20 * S + PATIENCE);
}

/* RFC 9132 4.7 knows loss by silence alone: a farewell is none. */
static void
an_orderly_end_is_no_loss(void **state)
{
	struct loss l;

	(void)state;
	loss_init(&l, 0, 0);
	loss_closed(&l, true);
	assert_int_equal(loss_deadline(&l, PATIENCE), INT64_MAX);
	assert_false(loss_tick(&l, PATIENCE, 10 * PATIENCE));
	loss_heard(&l, 20 * PATIENCE); /* back, and then its session breaks */
	loss_closed(&l, false);
	assert_true(loss_tick(&l, PATIENCE, 21 * PATIENCE));
}

static void
without_heartbeats_nobody_is_lost(void **state)
{
	struct loss l;

	(void)state;
	loss_init(&l, 0, 0);
	assert_false(loss_tick(&l, 0, 1000 * PATIENCE));
	assert_int_equal(loss_deadline(&l, 0), INT64_MAX);
}

/* Else everybody would be lost when a host that was stopped goes on. */
static void
our_own_pause_is_no_silence_of_others(void **state)
{
	struct loss l;

	(void)state;
	loss_init(&l, 0, 0);
	assert_false(loss_tick(&l, PATIENCE, 2 * PATIENCE));
	assert_int_equal(loss_deadline(&l, PATIENCE), 3 * PATIENCE);
	assert_true(loss_tick(&l, PATIENCE, 3 * PATIENCE + 1 * S));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_for_the_whole_time_is_loss),
		cmocka_unit_test(after_a_start_clients_have_a_grace),
		cmocka_unit_test(an_orderly_end_is_no_loss),
		cmocka_unit_test(without_heartbeats_nobody_is_lost),
		cmocka_unit_test(our_own_pause_is_no_silence_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
