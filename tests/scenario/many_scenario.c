/* More requests than a session keeps open at a time (64): nothing is held back for ever. */
#include "scene.h"

enum { MANY = 150, REPEAT = 3 * S };

/* isp2 owns 10.0.0.0/16 too. */
static int
setup(void **state)
{
	struct scene *x;
	struct domain *d;

	scene_setup(state);
	x = *state;
	d = &x->us.homing->domains[1];
	d->protects = mem_grow(d->protects, 2, sizeof(struct prefix));
	d->protects[d->n_protects++] = prefix_from("10.0.0.0/16");
	clients_free(x->isp2.clients);
	x->isp2.setup.clients = x->isp2.clients = clients_new();
	provider_client(&x->isp2, "acme", "10.0.0.0/16");
	scene_start(x);
	return 0;
}

static void
ask(struct scene *x, int first, int n)
{
	char target[32], id[16];

	for (int i = first; i < first + n; i++) {
		snprintf(target, sizeof(target), "10.0.0.%d/32", i);
		snprintf(id, sizeof(id), "w%d", 1000 + i);
		assert_int_equal(customer_ask(&x->us, id, target, 0), 0);
	}
}

static size_t
placed(struct scene *x)
{
	size_t n = 0;
	char id[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "w%d", 1000 + i);
		n += customer_state(&x->us, id, 0) == WISH_PLACED;
	}
	return n;
}

/* Every placed request has a subscription; those beyond the room are asked for their status once.
 */
static void
many_are_placed_and_kept(void **state)
{
	struct scene *x = *state;

	ask(x, 0, MANY);
	UNTIL(1 * S, placed(x) == MANY);
	assert_int_equal(COUNT(PUTS(x)), MANY);
	virtual_run(1 * HOUR);
	assert_int_equal(provider_mitigations(&x->isp2), MANY);
	assert_int_equal(placed(x), MANY);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	/* There is room for a new one at any time, and for heartbeats. */
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "new", "10.0.1.1/32", 0), 0);
	UNTIL(100, customer_state(&x->us, "new", 0) == WISH_PLACED);
	virtual_run(5 * MINUTE);
	assert_in_range(
		COUNT(.from = x->us.loop, .code = COAP_PUT, .resource = PATH_HB, .dial = 2), 9, 10);
	assert_int_equal(customer_part(&x->us, "new", 0).status, ATTACK_SUCCESSFULLY_MITIGATED);
}

/* 8612-3.1-01, 8612-3.1-02: M3, 9132-4.4-09: nothing comes in. All of them go out at once and are
 * repeated, and so are the heartbeats. */
static void
many_go_out_on_a_silent_session(void **state)
{
	struct scene *x = *state;
	uint32_t first;

	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_run(2 * MINUTE);
	virtual_mark();
	ask(x, 0, MANY);
	UNTIL(2 * S, provider_mitigations(&x->isp2) == MANY); /* it takes 64 at a time */
	assert_int_equal(COUNT(PUTS(x), .dial = 2), MANY);
	assert_int_equal(virtual_events(EVENT_ALERT, "section=RFC 9132 7.3"), 0);
	virtual_run(25 * S);
	first = PACKET(0, PUTS(x))->mid;
	for (uint32_t i = 0; i < MANY; i++) {
		assert_in_range(COUNT(PUTS(x), .mid = first + i), 9, 11);
		assert_int_equal(GAP(PUTS(x), .mid = first + i), REPEAT);
	}
	virtual_run(5 * MINUTE);
	assert_in_range(COUNT(.from = x->us.loop, .code = COAP_PUT, .resource = PATH_HB, .dial = 2),
		10, 12);
	virtual_way(x->us.loop, "wan2")->lose_in = false;
	UNTIL(10 * REPEAT, placed(x) == MANY);
	virtual_run(20 * MINUTE);
	assert_int_equal(placed(x), MANY);
}

/* 8612-SIG-004-07: The same before the first heartbeat was due: there is room made for it. */
static void
heartbeats_find_room_among_many(void **state)
{
	struct scene *x = *state;

	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_mark();
	ask(x, 0, MANY);
	virtual_run(5 * MINUTE);
	assert_in_range(
		COUNT(.from = x->us.loop, .code = COAP_PUT, .resource = PATH_HB, .dial = 2), 9, 10);
}

/* What ended leaves room: each of these replaces the one before. */
static void
what_is_over_takes_no_room(void **state)
{
	struct scene *x = *state;
	char target[32];

	for (int len = 31; len >= 20; len--)
		for (int i = 0; i < 10; i++) {
			snprintf(target, sizeof(target), "10.0.%d.0/%d", 16 * i, len);
			assert_int_equal(customer_ask(&x->us, NULL, target, 0), 0);
			virtual_run(4 * S);
		}
	assert_int_equal(provider_mitigations(&x->isp2), 10);
	virtual_mark();
	virtual_run(1 * MINUTE);
	/* Each of the ten is told every 15 s: all are still subscribed to. */
	assert_int_equal(COUNT(.from = x->isp2.loop, .code = COAP_205_CONTENT), 40);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = DATA, .code = COAP_GET), 0);
}

#define MANY_CASE(f) cmocka_unit_test_setup_teardown(f, setup, scene_teardown)

static void
release(struct scene *x, int first, int n)
{
	char id[16];

	for (int i = first; i < first + n; i++) {
		snprintf(id, sizeof(id), "w%d", 1000 + i);
		assert_int_equal(customer_release(&x->us, id), 0);
	}
}

/* 9132-4.4-05: on average one datagram a round trip goes out, whatever is asked for. */
static void
a_long_way_sets_the_pace(void **state)
{
	const mono_ms round_trip = 2000;
	struct scene *x = *state;

	virtual_way(x->us.loop, "wan2")->delay = round_trip / 2;
	virtual_run(20 * MINUTE); /* heartbeats measure it */
	virtual_mark();
	ask(x, 0, 100);
	virtual_run(1 * MINUTE);
	assert_int_equal(provider_mitigations(&x->isp2), 100); /* there is credit for that */
	ask(x, 100, 100);
	release(x, 0, 100);
	virtual_run(1 * MINUTE);
	ask(x, 200, 50);
	release(x, 100, 100);
	virtual_run(8 * MINUTE);
	/* Over ten minutes, those saved up among them, and some that went over two sessions. */
	assert_in_range(COUNT(.from = x->us.loop, .resource = PATH_MITIGATE), 500,
		20 * MINUTE / round_trip * 115 / 100);
	UNTIL(1 * HOUR, customer_state(&x->us, "w1249", 0) == WISH_PLACED);
}

/* 9132-4.4-05, 9132-4.4.2.2-03: nor by questions for the status, however short their interval. */
static void
questions_for_the_status_keep_the_pace(void **state)
{
	const mono_ms round_trip = 2000;
	struct scene *x = *state;

	x->us.homing->domains[1].status_interval = 1;
	virtual_way(x->us.loop, "wan2")->delay = round_trip / 2;
	virtual_run(20 * MINUTE);
	virtual_mark();
	ask(x, 0, 100);
	virtual_run(1 * HOUR);
	/* With what ten minutes before had saved up. */
	assert_in_range(COUNT(.from = x->us.loop, .resource = PATH_MITIGATE), 1000,
		70 * MINUTE / round_trip * 115 / 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MANY_CASE(many_are_placed_and_kept),
		MANY_CASE(many_go_out_on_a_silent_session),
		MANY_CASE(heartbeats_find_room_among_many),
		MANY_CASE(what_is_over_takes_no_room),
		MANY_CASE(a_long_way_sets_the_pace),
		MANY_CASE(questions_for_the_status_keep_the_pace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
