/* Somebody sets the wall clock: by a day, forwards or backwards. Lifetimes inside are monotonic;
 * the store is in wall-clock time and is brought into line (DESIGN: defined behaviour). */
#include "scene.h"

static void
set_clock(struct scene *x, int64_t by)
{
	virtual_jump_wall(by);
	/* As the daemon does when it notices. */
	dots_client_clock_set(x->us.client);
	virtual_turn(x->us.loop);
	server_clock_set(x->isp2.server);
	virtual_turn(x->isp2.loop);
}

/* "w" until released, "v" for 30 minutes; ten minutes have gone. */
static void
place_two(struct scene *x)
{
	scene_start(x);
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	assert_int_equal(customer_ask(&x->us, "v", "198.51.100.67/32", 1800), 0);
	UNTIL(1 * S, customer_state(&x->us, "v", 0) == WISH_PLACED);
	virtual_run(10 * MINUTE);
	virtual_mark();
}

/* What should be as if nothing had happened. */
static void
expect_no_difference(struct scene *x)
{
	uint32_t w = customer_part(&x->us, "w", 0).mid;

	assert_int_equal(provider_mitigations(&x->isp2), 2);
	assert_in_range(
		mitigation_remaining(provider_mitigation(&x->isp2, w), virtual_now()), 2900, 3600);
	virtual_run(19 * MINUTE);
	assert_int_equal(customer_state(&x->us, "v", 0), WISH_PLACED);
	assert_int_equal(COUNT(.code = COAP_DELETE), 0);
	virtual_run(90 * S);
	assert_int_equal(customer_state(&x->us, "v", 0), (enum wish_state)NO_WISH);
	assert_int_equal(COUNT(.code = COAP_DELETE), 1);
	virtual_run(1 * DAY);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
}

static void
a_day_forwards_changes_nothing(void **state)
{
	place_two(*state);
	virtual_jump_wall(DAY);
	expect_no_difference(*state);
}

static void
a_day_backwards_changes_nothing(void **state)
{
	place_two(*state);
	virtual_jump_wall(-DAY);
	expect_no_difference(*state);
}

static void
crash_both(struct scene *x)
{
	virtual_run(5 * S); /* it is noticed and written */
	virtual_crash(x->us.loop);
	provider_crash(&x->isp2);
	customer_restart(&x->us);
	provider_restart(&x->isp2);
	UNTIL(70 * S, !strcmp(customer_server(&x->us, "s2"), "available"));
	virtual_run(1 * S);
}

static void
a_crash_after_a_day_forwards_changes_nothing(void **state)
{
	place_two(*state);
	set_clock(*state, DAY);
	crash_both(*state);
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 0); /* the server has them still */
	expect_no_difference(*state);
}

static void
a_crash_after_a_day_backwards_changes_nothing(void **state)
{
	place_two(*state);
	set_clock(*state, -DAY);
	crash_both(*state);
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 0);
	expect_no_difference(*state);
}

/* Set back while nobody ran (no battery): what is in the store lives no longer than it was meant
 * to. */
static void
a_clock_set_back_while_down_prolongs_no_wish(void **state)
{
	struct scene *x = *state;

	place_two(x);
	virtual_crash(x->us.loop);
	virtual_jump_wall(-DAY);
	customer_restart(&x->us);
	virtual_run(31 * MINUTE);
	assert_int_equal(customer_state(&x->us, "v", 0), (enum wish_state)NO_WISH);
}

static void
a_clock_set_back_while_down_prolongs_no_mitigation(void **state)
{
	struct scene *x = *state;

	place_two(x);
	customer_stop(&x->us); /* nobody refreshes */
	provider_crash(&x->isp2);
	virtual_jump_wall(-DAY);
	provider_restart(&x->isp2);
	assert_int_equal(provider_mitigations(&x->isp2), 2);
	virtual_run(61 * MINUTE);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_day_forwards_changes_nothing),
		CASE(a_day_backwards_changes_nothing),
		CASE(a_crash_after_a_day_forwards_changes_nothing),
		CASE(a_crash_after_a_day_backwards_changes_nothing),
		CASE(a_clock_set_back_while_down_prolongs_no_wish),
		CASE(a_clock_set_back_while_down_prolongs_no_mitigation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
