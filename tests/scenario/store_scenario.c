/* A slow, held back or failing store (DESIGN: acknowledged state is durable, serving fails open).
 */
#include "scene.h"

#include <stdio.h>

enum { PATIENCE = 1 * S };

/* A client by hand at s1. */
struct world {
	struct scene *scene;
	struct hand c;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	scene_setup((void **)&x->scene);
	scene_start(x->scene);
	hand_make(&x->c, "acme", "10.0.0.1/24");
	hand_dial(&x->c, "s1", "192.0.2.10");
	virtual_run(1 * S);
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->c);
	scene_teardown((void **)&x->scene);
	free(x);
	return 0;
}

/* ---- the server ----------------------------------------------------------------------------- */

/* What is acknowledged is on disk; heartbeats do not wait for it. */
static void
answers_wait_for_the_store_and_heartbeats_do_not(void **state)
{
	struct world *x = *state;
	mono_ms asked = virtual_now();

	virtual_store_hold(x->scene->isp1.loop, true);
	hand_put(&x->c, 1, "192.0.2.66/32", 3600);
	virtual_run(800);
	assert_int_equal(x->c.code, 0);
	assert_int_equal(
		recorder_active(x->scene->isp1.recorder), 1); /* the filter does not wait */
	hand_heartbeat(&x->c);
	virtual_run(30);
	assert_int_equal(x->c.code, COAP_204_CHANGED);
	x->c.code = 0;
	virtual_store_hold(x->scene->isp1.loop, false);
	UNTIL(100, x->c.code == COAP_201_CREATED);
	assert_in_range(x->c.answered - asked, 800, 950);
	assert_int_equal(virtual_store_count(x->scene->isp1.loop, "mitigation"), 1);
	assert_false(provider_mitigation(&x->scene->isp1, 1)->volatile_);
}

/* Nobody waits for longer than a second: granted, volatile, told; written when the store is back.
 */
static void
after_a_second_it_is_granted_and_volatile(void **state)
{
	struct world *x = *state;
	struct loop *l = x->scene->isp1.loop;
	mono_ms asked = virtual_now();

	virtual_store_hold(l, true);
	hand_put(&x->c, 1, "192.0.2.66/32", 3600);
	UNTIL(2 * S, x->c.code != 0);
	assert_int_equal(x->c.code, COAP_201_CREATED);
	assert_in_range(x->c.answered - asked, PATIENCE, PATIENCE + 50);
	assert_true(provider_mitigation(&x->scene->isp1, 1)->volatile_);
	assert_int_equal(virtual_events(EVENT_STORE_VOLATILE, ""), 1);
	/* From then on nobody waits at all. */
	asked = virtual_now();
	hand_put(&x->c, 2, "192.0.2.67/32", 3600);
	UNTIL(100, x->c.code == COAP_201_CREATED);
	assert_int_equal(virtual_store_count(l, "mitigation"), 0);
	virtual_store_hold(l, false);
	UNTIL(5 * S, virtual_store_count(l, "mitigation") == 2);
	assert_int_equal(virtual_events(EVENT_STORE_DURABLE, ""), 1);
	hand_put(&x->c, 3, "192.0.2.68/32", 3600);
	UNTIL(100, x->c.code == COAP_201_CREATED);
	assert_false(provider_mitigation(&x->scene->isp1, 3)->volatile_);
}

/* Without a refresh, and although others are accepted all the time; not before it is written. */
static void
the_mark_goes_when_its_record_is_written(void **state)
{
	struct world *x = *state;
	struct loop *l = x->scene->isp1.loop;
	uint32_t mid = 1;

	virtual_store_fail(l, true);
	for (; mid <= 20; mid++) {
		char target[32];

		snprintf(target, sizeof(target), "192.0.2.%u/32", 64 + mid);
		hand_put(&x->c, mid, target, 3600);
		virtual_run(300);
		assert_int_equal(x->c.code, COAP_201_CREATED);
		for (uint32_t m = 1; m <= mid; m++)
			assert_true(provider_mitigation(&x->scene->isp1, m)->volatile_);
	}
	virtual_store_fail(l, false);
	UNTIL(2 * S, virtual_store_count(l, "mitigation") == mid - 1);
	for (uint32_t m = 1; m < mid; m++)
		UNTIL(2 * S, !provider_mitigation(&x->scene->isp1, m)->volatile_);
}

/* A disk that is full: the same at once, and for as long as it lasts; withdrawals too. */
static void
a_failing_store_refuses_nobody(void **state)
{
	struct world *x = *state;
	struct loop *l = x->scene->isp1.loop;

	virtual_store_fail(l, true);
	hand_put(&x->c, 1, "192.0.2.66/32", 3600);
	UNTIL(100, x->c.code == COAP_201_CREATED);
	hand_put(&x->c, 2, "192.0.2.67/32", 3600);
	UNTIL(100, x->c.code == COAP_201_CREATED);
	virtual_run(1 * MINUTE);
	hand_delete(&x->c, 1);
	UNTIL(100, x->c.code == COAP_202_DELETED);
	virtual_run(3 * MINUTE);
	assert_int_equal(virtual_events(EVENT_STORE_VOLATILE, ""), 1);
	virtual_store_fail(l, false);
	UNTIL(5 * S, virtual_store_count(l, "mitigation") == 1); /* the one that is left */
}

/* It crashes before the store is back: what was volatile is gone there, and told again by the
 * client when it has a new session. */
static void
what_was_volatile_is_told_again_after_a_crash(void **state)
{
	struct world *x = *state;
	struct scene *s = x->scene;

	virtual_store_fail(s->isp2.loop, true);
	assert_int_equal(customer_ask(&s->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(1 * S, customer_state(&s->us, "w", 0) == WISH_PLACED);
	provider_crash(&s->isp2);
	provider_restart(&s->isp2);
	assert_int_equal(provider_mitigations(&s->isp2), 0);
	UNTIL(10 * MINUTE, provider_mitigations(&s->isp2) == 1);
}

/* ---- the client ----------------------------------------------------------------------------- */

/* M16: nothing leaves before its mid is on disk. */
static void
no_datagram_before_its_record(void **state)
{
	struct scene *s = ((struct world *)*state)->scene;

	virtual_store_hold(s->us.loop, true);
	assert_int_equal(customer_ask(&s->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(900);
	assert_int_equal(COUNT(PUTS(s)), 0);
	virtual_crash(s->us.loop);
	customer_restart(&s->us);
	virtual_run(1 * MINUTE);
	assert_int_equal(COUNT(PUTS(s)), 0);
	assert_int_equal(provider_mitigations(&s->isp2), 0);
	virtual_store_hold(s->us.loop, true);
	assert_int_equal(customer_ask(&s->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(500);
	virtual_store_hold(s->us.loop, false);
	UNTIL(100, customer_state(&s->us, "w", 0) == WISH_PLACED);
}

/* A store that does not work holds up no call for help; repeats count from when it left. */
static void
a_call_for_help_waits_a_second_at_most(void **state)
{
	struct scene *s = ((struct world *)*state)->scene;
	mono_ms asked = virtual_now();

	virtual_store_hold(s->us.loop, true);
	virtual_way(s->us.loop, "wan2")->lose_in = true;
	assert_int_equal(customer_ask(&s->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(2 * S, COUNT(PUTS(s)) == 1);
	assert_in_range(virtual_now() - asked, PATIENCE, PATIENCE + 50);
	virtual_run(30 * S);
	assert_true(GAP(PUTS(s), .dial = PACKET(0, PUTS(s))->dial) >= 3 * S);
	virtual_way(s->us.loop, "wan2")->lose_in = false;
	UNTIL(4 * S, customer_state(&s->us, "w", 0) == WISH_PLACED);
	/* The next one does not wait. */
	virtual_mark();
	assert_int_equal(customer_ask(&s->us, "v", "198.51.100.67/32", 0), 0);
	UNTIL(10, COUNT(PUTS(s)) == 1);
	virtual_store_hold(s->us.loop, false);
	UNTIL(5 * S, virtual_store_count(s->us.loop, "placement") == 2);
}

static void
heartbeats_do_not_wait_for_our_store_either(void **state)
{
	struct scene *s = ((struct world *)*state)->scene;

	virtual_store_hold(s->us.loop, true);
	assert_int_equal(customer_ask(&s->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(10 * MINUTE);
	assert_int_equal(
		GAP(.from = s->us.loop, .code = COAP_PUT, .resource = PATH_HB, .dial = 2), 30 * S);
}

#define STORED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORED(answers_wait_for_the_store_and_heartbeats_do_not),
		STORED(the_mark_goes_when_its_record_is_written),
		STORED(after_a_second_it_is_granted_and_volatile),
		STORED(a_failing_store_refuses_nobody),
		STORED(what_was_volatile_is_told_again_after_a_crash),
		STORED(no_datagram_before_its_record),
		STORED(a_call_for_help_waits_a_second_at_most),
		STORED(heartbeats_do_not_wait_for_our_store_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
