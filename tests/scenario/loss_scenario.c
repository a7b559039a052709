/* Preconfigured requests, and clients that are lost (RFC 9132 4.4.1.3, 4.4.2, 4.7). */
#include "behind.h"
#include "scene.h"

enum {
	INTERVAL = 30 * S,
	SPAN = 15 * INTERVAL,
	GRACE = 300 * S,
	GAP_LEAST = 3 * S,
};

/* A client with two hosts, and another one, at s1. */
struct world {
	struct provider isp;
	struct hand a, b, other, gateway;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->isp, "s1", "192.0.2.10", "192.0.0.0/16");
	provider_client(&x->isp, "beta", "198.51.100.0/24");
	provider_gateway(&x->isp, "gw", "203.0.113.0/24");
	provider_customer(&x->isp, "cust", "203.0.113.0/25", "7eeaf349529eb55ed50113");
	provider_start(&x->isp);
	hand_make(&x->gateway, "gw", "10.0.0.4/24");
	hand_make(&x->a, "acme", "10.0.0.1/24");
	hand_make(&x->b, "acme", "10.0.0.2/24");
	hand_make(&x->other, "beta", "10.0.0.3/24");
	x->a.preconfigured = x->other.preconfigured = x->gateway.preconfigured = true;
	hand_dial(&x->a, "s1", "192.0.2.10");
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->a);
	hand_free(&x->b);
	hand_free(&x->other);
	hand_free(&x->gateway);
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

static void
put(struct hand *h, uint32_t mid, const char *target)
{
	hand_put(h, mid, target, 86400);
	UNTIL(1 * S, h->code != 0);
	assert_int_equal(coap_class(h->code), 2);
}

/* The link of that host carries nothing any more, or again. */
static void
cut(struct hand *h, bool off)
{
	virtual_way(h->loop, "eth0")->lose_in = off;
	virtual_way(h->loop, "eth0")->lose_out = off;
}

/* Cut at a moment of which it is known when the server heard it last. */
static mono_ms
cut_after_beat(struct hand *h)
{
	unsigned beats = h->heartbeats;

	UNTIL(INTERVAL, h->heartbeats > beats);
	virtual_run(100);
	cut(h, true);
	return virtual_now() - 100;
}

static void
come_back(struct hand *h)
{
	cut(h, false);
	hand_dial(h, "s1", "192.0.2.10");
}

static unsigned
activated(void)
{
	return (unsigned)virtual_events(EVENT_ACTIVATED, "");
}

/* Mid 1 of the client is active, and the client is back. */
static void
lose_and_return(struct world *x)
{
	put(&x->a, 1, "192.0.2.64/26");
	cut(&x->a, true);
	UNTIL(SPAN + INTERVAL, activated() == 1);
	come_back(&x->a);
}

/* 9132-3-13, 9132-4.4.1.1-67, 9132-4.4.1.1-68, 9132-4.7-28, 9132-4.7-29, 8811-3.3.3-01: idle while
 * the client answers, active once nothing came for the whole time; 9132-4.4.4-14, 9132-4.4.4-15:
 * the client that is back ends it by its word only. */
static void
a_lost_client_is_protected_until_it_says_otherwise(void **state)
{
	struct world *x = *state;
	mono_ms last;

	put(&x->a, 1, "192.0.2.64/26");
	virtual_run(2 * HOUR);
	assert_int_equal(activated(), 0);
	assert_int_equal(recorder_active(x->isp.recorder), 0);
	last = cut_after_beat(&x->a);
	UNTIL(SPAN + INTERVAL, activated() == 1);
	assert_in_range(virtual_now() - last, SPAN - 100, SPAN + 100);
	assert_int_equal(virtual_events(EVENT_ACTIVATED, "scope=192.0.2.64/26"), 1);
	assert_int_equal(virtual_events(EVENT_ACTIVATED, "client=acme"), 1);
	assert_int_equal(virtual_events(EVENT_ACTIVATED, "silent=4"), 1); /* 4xx s */
	UNTIL(1 * S, recorder_active(x->isp.recorder) == 1);
	come_back(&x->a);
	virtual_run(1 * HOUR);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	hand_observe(&x->a, 1);
	UNTIL(1 * S, x->a.status == ATTACK_SUCCESSFULLY_MITIGATED);
	put(&x->a, 1, "192.0.2.64/26"); /* refreshed it stays active, too */
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	hand_delete(&x->a, 1);
	UNTIL(121 * S, recorder_active(x->isp.recorder) == 0);
	assert_int_equal(activated(), 1);
}

/* By client, not by session: one that is heard is enough, and the last one that is counts. */
static void
over_two_sessions_the_one_that_is_heard_counts(void **state)
{
	struct world *x = *state;
	mono_ms last;

	put(&x->a, 1, "192.0.2.64/26");
	hand_dial(&x->b, "s1", "192.0.2.10");
	cut(&x->a, true);
	virtual_run(3 * HOUR);
	assert_int_equal(activated(), 0);
	assert_int_equal(provider_sessions(&x->isp), 1);
	last = cut_after_beat(&x->b);
	UNTIL(SPAN + INTERVAL, activated() == 1);
	assert_in_range(virtual_now() - last, SPAN - 100, SPAN + 100);
}

/* RFC 9132 4.4.1.2: the request is a customer's, the session the gateway's: with that one silent
 * the customer is protected, over a restart too. */
static void
of_a_gateways_client_the_gateway_is_lost(void **state)
{
	struct world *x = *state;

	x->gateway.cdid = "7eeaf349529eb55ed50113";
	hand_dial(&x->gateway, "s1", "192.0.2.10");
	put(&x->gateway, 1, "203.0.113.1/32");
	virtual_run(3 * HOUR);
	provider_crash(&x->isp);
	provider_restart(&x->isp);
	come_back(&x->gateway);
	virtual_run(3 * HOUR);
	assert_int_equal(activated(), 0);
	cut(&x->gateway, true);
	UNTIL(SPAN + INTERVAL, activated() == 1);
	assert_int_equal(virtual_events(EVENT_ACTIVATED, "client=cust"), 1);
	assert_int_equal(virtual_events(EVENT_ACTIVATED, "peer=gw"), 1);
}

/* A farewell is no loss, over a restart of the server either; a loss after it is one. */
static void
who_leaves_in_order_is_not_lost(void **state)
{
	struct world *x = *state;

	put(&x->a, 1, "192.0.2.64/26");
	session_close(x->a.session);
	virtual_turn(x->a.loop);
	UNTIL(1 * S, provider_sessions(&x->isp) == 0);
	virtual_run(3 * HOUR);
	provider_crash(&x->isp);
	provider_restart(&x->isp);
	virtual_run(3 * HOUR);
	assert_int_equal(activated(), 0);
	come_back(&x->a);
	cut(&x->a, true);
	UNTIL(SPAN + INTERVAL, activated() == 1);
}

/* The server's own end is none of the client; with 300 s more each has the time to come back. */
static void
after_a_restart_of_the_server_clocks_begin_anew(void **state)
{
	struct world *x = *state;
	mono_ms start;

	put(&x->a, 1, "192.0.2.64/26");
	virtual_run(1 * S);
	provider_crash(&x->isp);
	virtual_run(10 * MINUTE);
	provider_restart(&x->isp);
	start = virtual_now();
	cut(&x->a, true);
	virtual_run(GRACE + SPAN - 1 * S);
	assert_int_equal(activated(), 0);
	UNTIL(2 * S, activated() == 1);
	assert_int_equal(virtual_now() - start, GRACE + SPAN);
	/* Stopped in order it has not sent anybody away for good either. */
	come_back(&x->a);
	hand_delete(&x->a, 1);
	put(&x->a, 2, "192.0.2.64/26");
	virtual_run(121 * S);
	provider_stop(&x->isp);
	virtual_turn(x->isp.loop);
	virtual_run(1 * S);
	provider_restart(&x->isp);
	cut(&x->a, true);
	virtual_run(GRACE + SPAN - 1 * S);
	assert_int_equal(activated(), 1);
	UNTIL(2 * S, activated() == 2);
	/* Active it survives the next one. */
	virtual_run(1 * S);
	provider_crash(&x->isp);
	provider_restart(&x->isp);
	assert_true(provider_mitigation(&x->isp, 2)->filtering);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	virtual_run(1 * HOUR);
	assert_int_equal(activated(), 2);
	come_back(&x->a);
	hand_observe(&x->a, 2);
	UNTIL(1 * S, x->a.status == ATTACK_SUCCESSFULLY_MITIGATED);
}

/* Who has no session is waited for as its next one would be; without heartbeats nobody is lost. */
static void
after_a_restart_the_idle_set_says_how_long(void **state)
{
	enum { IDLE = 240 * S };
	struct world *x = *state;
	struct session_choice *idle = &x->isp.setup.session[SESSION_IDLE];

	put(&x->a, 1, "192.0.2.64/26");
	virtual_run(1 * S);
	provider_crash(&x->isp);
	cut(&x->a, true);
	idle->has = 1ULL << CONFIG_HEARTBEAT_INTERVAL;
	idle->params.heartbeat_ms = 0;
	provider_restart(&x->isp);
	virtual_run(GRACE + 2 * SPAN);
	assert_int_equal(activated(), 0);
	provider_crash(&x->isp);
	idle->params.heartbeat_ms = IDLE;
	provider_restart(&x->isp);
	virtual_run(GRACE + 15 * IDLE - 1 * S);
	assert_int_equal(activated(), 0);
	UNTIL(2 * S, activated() == 1);
}

/* Many at once: 50 a second, the lost in turn; who is back meanwhile is spared the rest. */
static void
activations_are_paced(void **state)
{
	struct world *x = *state;
	char target[32];
	mono_ms first;

	hand_dial(&x->other, "s1", "192.0.2.10");
	for (uint32_t mid = 1; mid <= 100; mid++) {
		snprintf(target, sizeof(target), "192.0.2.%u/32", (unsigned)mid);
		put(&x->a, mid, target);
	}
	for (uint32_t mid = 1; mid <= 100; mid++) {
		snprintf(target, sizeof(target), "198.51.100.%u/32", (unsigned)mid);
		put(&x->other, mid, target);
	}
	UNTIL(INTERVAL, x->a.heartbeats && x->other.heartbeats);
	cut(&x->a, true);
	cut(&x->other, true);
	UNTIL(SPAN + INTERVAL, provider_sessions(&x->isp) == 0);
	UNTIL(INTERVAL, activated() > 0);
	first = virtual_now();
	UNTIL(10 * S, activated() >= 150);
	assert_true(virtual_now() - first >= 2600);
	assert_in_range(virtual_events(EVENT_ACTIVATED, "client=beta"), 10, 100);
	come_back(&x->a);
	come_back(&x->other);
	virtual_run(1 * MINUTE);
	assert_in_range(activated(), 150, 170);
}

/* Tells the status of the next n notifications to that host. */
static void
next_statuses(struct hand *h, enum dots_status *ret, mono_ms *ret_at, int n)
{
	for (int i = 0; i < n; i++) {
		unsigned before = h->notifications;

		UNTIL(16 * S, h->notifications > before);
		ret[i] = h->status;
		ret_at[i] = virtual_now();
	}
}

/* 9132-4.4.1.3-24, 9132-4.4.1.3-25, 9132-4.4.2-40: 7, 7, 7, 7, 8 at the pace of notifications. */
static void
an_immediate_request_makes_it_wait_told_four_times(void **state)
{
	struct world *x = *state;
	enum dots_status told[5];
	mono_ms at[5];

	lose_and_return(x);
	hand_observe(&x->a, 1);
	UNTIL(1 * S, x->a.notifications == 1);
	virtual_run(5 * S);
	hand_dial(&x->b, "s1", "192.0.2.10");
	hand_put(&x->b, 9, "192.0.2.66/32", 3600);
	next_statuses(&x->a, told, at, 5);
	for (int i = 0; i < 4; i++)
		assert_int_equal(told[i], ATTACK_MITIGATION_WITHDRAWN);
	assert_int_equal(told[4], ATTACK_MITIGATION_SIGNAL_LOSS);
	for (int i = 1; i < 5; i++)
		assert_in_range(at[i] - at[i - 1], GAP_LEAST, GAP_LEAST + 100);
	assert_int_equal(recorder_active(x->isp.recorder), 1); /* the immediate one */
	/* Lost again it is active again, and takes precedence (9132-4.4.1.3-26). */
	cut(&x->a, true);
	cut(&x->b, true);
	UNTIL(SPAN + INTERVAL, activated() == 2);
	virtual_run(1 * S);
	assert_null(provider_mitigation(&x->isp, 9));
	assert_int_equal(recorder_active(x->isp.recorder), 1);
}

/* Nobody is there to be told: it is told later, as often. */
static void
what_nobody_heard_is_told_on_return(void **state)
{
	struct world *x = *state;
	enum dots_status told[5];
	mono_ms at[5];

	lose_and_return(x);
	hand_dial(&x->b, "s1", "192.0.2.10");
	hand_put(&x->b, 9, "192.0.2.66/32", 3600);
	UNTIL(1 * S, x->b.code != 0);
	session_close(x->a.session);
	virtual_turn(x->a.loop);
	virtual_run(10 * MINUTE);
	assert_int_equal(provider_mitigation(&x->isp, 1)->status, ATTACK_MITIGATION_WITHDRAWN);
	hand_observe(&x->b, 1);
	next_statuses(&x->b, told, at, 5);
	for (int i = 0; i < 4; i++)
		assert_int_equal(told[i], ATTACK_MITIGATION_WITHDRAWN);
	assert_int_equal(told[4], ATTACK_MITIGATION_SIGNAL_LOSS);
}

/* ---- a gateway ------------------------------------------------------------------------------- */

/* c1's request is with s1, and c1 is lost. */
static void
lose_c1(struct behind *x)
{
	x->c1.preconfigured = true;
	assert_in_range(behind_put(x, 1, "192.0.2.66/32", 5 * S), 0, 100);
	assert_int_equal(coap_class(x->c1.code), 2);
	virtual_run(20 * S);
	cut(&x->c1, true);
	UNTIL(SPAN + INTERVAL, activated() == 1);
	virtual_run(1 * S);
}

/* 8811-3.3.3-01: it is relayed as what it is; when the gateway's own client is lost upstream, which
 * sees the gateway, is asked for it now. The client that is back withdraws both. */
static void
a_gateway_asks_upstream_when_its_client_is_lost(void **state)
{
	struct behind *x = *state;

	x->s1.status = ATTACK_SUCCESSFULLY_MITIGATED;
	x->c1.preconfigured = true;
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	virtual_run(20 * S);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(x->s1.preconfigured, 1);
	hand_observe(&x->c1, 1);
	UNTIL(1 * S, x->c1.status == ATTACK_MITIGATION_SIGNAL_LOSS);
	lose_c1(x);
	assert_true(x->s1.puts > x->s1.preconfigured);
	assert_int_equal(virtual_events(EVENT_ESCALATED, "loss"), 1);
	assert_int_equal(customer_wishes(&x->us), 2);
	cut(&x->c1, false);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	hand_observe(&x->c1, 1);
	UNTIL(20 * S, x->c1.status == ATTACK_SUCCESSFULLY_MITIGATED);
	/* Its refresh keeps both. */
	virtual_run(20 * MINUTE);
	virtual_mark();
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	virtual_run(50 * MINUTE);
	assert_int_equal(virtual_events(EVENT_MITIGATION_STATUS, ""), 0);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(provider_mitigation(&x->gw, 1)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	hand_delete(&x->c1, 1);
	UNTIL(5 * S, x->s1.deletes == 2);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	UNTIL(5 * S, customer_wishes(&x->us) == 0);
}

/* Something immediate that overlaps: what was asked for in its place upstream is withdrawn. */
static void
a_gateway_withdraws_the_immediate_form_again(void **state)
{
	struct behind *x = *state;

	lose_c1(x);
	cut(&x->c1, false);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	x->c1.preconfigured = false;
	behind_put(x, 2, "192.0.2.66/32", 5 * S);
	virtual_run(1 * S);
	assert_int_equal(provider_mitigation(&x->gw, 1)->status, ATTACK_MITIGATION_WITHDRAWN);
	assert_int_equal(customer_wishes(&x->us), 2); /* as such, and the new one */
	hand_delete(&x->c1, 2);
	UNTIL(5 * S, x->s1.deletes == 1);
	assert_int_equal(provider_mitigations(&x->gw), 1);
}

/* What became active is so over a crash of the gateway, upstream too. */
static void
a_gateway_knows_after_a_crash(void **state)
{
	struct behind *x = *state;
	unsigned deletes;

	lose_c1(x);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_run(1 * S);
	virtual_boot(x->us.loop);
	deletes = x->s1.deletes;
	behind_start(x);
	virtual_run(20 * MINUTE);
	assert_int_equal(x->s1.deletes, deletes);
	assert_int_equal(customer_wishes(&x->us), 2);
	assert_true(provider_mitigation(&x->gw, 1)->filtering);
}

/* With a mitigator of its own it acts itself, and upstream is asked as for any request. */
static void
a_gateway_that_acts_does_so_first(void **state)
{
	struct behind *x = *state;

	lose_c1(x);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	assert_int_equal(x->s1.puts, 0);
	for (uint64_t total = 1000; total <= 20000; total += 1000) {
		recorder_counters(x->gw.recorder, total, total * 100);
		virtual_run(1 * S);
	}
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(x->s1.preconfigured, 0);
	cut(&x->c1, false);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	behind_put(x, 1, "192.0.2.66/32", 5 * S); /* renewed, upstream too, and no more than that */
	virtual_run(1 * S);
	assert_int_equal(x->s1.preconfigured, 0);
	assert_int_equal(customer_wishes(&x->us), 1);
	hand_delete(&x->c1, 1);
	UNTIL(5 * S, x->s1.deletes == 1);
	UNTIL(121 * S, recorder_active(x->gw.recorder) == 0);
}

/* ---- our client ------------------------------------------------------------------------------ */

static uint64_t
status_of(struct scene *x, const char *id)
{
	return customer_part(&x->us, id, 0).status;
}

/* 8811-3.3.3-03: the loss of one link starts what waits at that link's provider, nothing else.
 * 9132-4.4.2-41: to the client it stands and waits, which is no attack, and then it sees that its
 * provider acts, until it withdraws. */
static void
each_link_has_its_own_loss(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	assert_int_equal(customer_preconfigure(&x->us, "p1", "192.0.2.66/32"), 0);
	assert_int_equal(customer_preconfigure(&x->us, "p2", "198.51.100.66/32"), 0);
	virtual_run(2 * HOUR); /* refreshed as others are */
	for (int i = 0; i < 2; i++) {
		const char *id = i ? "p2" : "p1";

		assert_int_equal(customer_state(&x->us, id, 0), WISH_PLACED);
		assert_int_equal(status_of(x, id), ATTACK_MITIGATION_SIGNAL_LOSS);
		assert_false(wishes_under_attack(dots_client_wishes(x->us.client), (uint32_t)i));
	}
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	assert_int_equal(recorder_active(x->isp1.recorder) + recorder_active(x->isp2.recorder), 0);
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_way(x->us.loop, "wan2")->lose_out = true;
	UNTIL(SPAN + INTERVAL, recorder_active(x->isp2.recorder) == 1);
	virtual_run(5 * MINUTE);
	assert_int_equal(recorder_active(x->isp1.recorder), 0);
	virtual_way(x->us.loop, "wan2")->lose_in = false;
	virtual_way(x->us.loop, "wan2")->lose_out = false;
	UNTIL(400 * S, status_of(x, "p2") == ATTACK_SUCCESSFULLY_MITIGATED);
	assert_true(wishes_under_attack(dots_client_wishes(x->us.client), 1));
	assert_false(wishes_under_attack(dots_client_wishes(x->us.client), 0));
	virtual_run(1 * HOUR);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	/* What it asks for now takes its place: 7 is not its end. */
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(5 * S, status_of(x, "p2") == ATTACK_MITIGATION_WITHDRAWN);
	assert_int_equal(customer_state(&x->us, "p2", 0), WISH_PLACED);
	UNTIL(15 * S, status_of(x, "p2") == ATTACK_MITIGATION_SIGNAL_LOSS);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(customer_release(&x->us, "p2"), 0);
	assert_int_equal(customer_release(&x->us, "p1"), 0);
	UNTIL(5 * S, provider_mitigations(&x->isp1) == 0);
}

/* 9132-4.4.1.3-24: both stand for the same prefix at one server, and neither is made of the other.
 */
static void
both_kinds_stand_for_the_same_prefix(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	assert_int_equal(customer_preconfigure(&x->us, "p", "198.51.100.66/32"), 0);
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(1 * S, provider_mitigations(&x->isp2) == 2);
	virtual_run(1 * HOUR);
	assert_int_equal(provider_mitigations(&x->isp2), 2);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	assert_int_equal(customer_preconfigure(&x->us, "w", "198.51.100.66/32"), -EEXIST);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(125 * S, provider_mitigations(&x->isp2) == 1);
	assert_int_equal(customer_state(&x->us, "p", 0), WISH_PLACED);
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_lost_client_is_protected_until_it_says_otherwise),
		IN_WORLD(over_two_sessions_the_one_that_is_heard_counts),
		IN_WORLD(of_a_gateways_client_the_gateway_is_lost),
		IN_WORLD(who_leaves_in_order_is_not_lost),
		IN_WORLD(after_a_restart_of_the_server_clocks_begin_anew),
		IN_WORLD(after_a_restart_the_idle_set_says_how_long),
		IN_WORLD(activations_are_paced),
		IN_WORLD(an_immediate_request_makes_it_wait_told_four_times),
		IN_WORLD(what_nobody_heard_is_told_on_return),
		BEHIND(a_gateway_asks_upstream_when_its_client_is_lost),
		BEHIND(a_gateway_withdraws_the_immediate_form_again),
		BEHIND(a_gateway_knows_after_a_crash),
		ACTING(a_gateway_that_acts_does_so_first),
		CASE(each_link_has_its_own_loss),
		CASE(both_kinds_stand_for_the_same_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
