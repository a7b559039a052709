/*
 * A server that is reached over any transport: attempts race (RFC 9132 4.3).
 *
 *   customer ── wan1 (192.0.2.66, 2001:db8:1::66) ── s1 (192.0.2.10, 2001:db8:1::10), UDP and TCP
 */
#include "scene.h"

enum { RTT_MOST = 200, DELAY = 250, DELAY_ATTACK = 100, RETRY = 60 * S, CACHED = 10 * MINUTE };

#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true

struct world {
	struct provider s1;
	struct customer us;
	struct way *way;
};

static int
setup(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26,2001:db8:1::/48 s1"};
	static struct listen_socket sockets[2];
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->s1, "s1", "192.0.2.10", "192.0.2.64/26");
	sockets[0] = sockets[1] = x->s1.socket;
	assert_int_equal(addr_parse("2001:db8:1::10", &sockets[1].local.addr), 0);
	x->s1.setup.sockets = sockets;
	x->s1.setup.n_sockets = 2;
	provider_start(&x->s1);
	customer_make(&x->us, domains, 1);
	x->way = virtual_link(x->us.loop, "wan1", "192.0.2.66/26");
	virtual_addr(x->us.loop, "wan1", "2001:db8:1::66/64");
	customer_address(&x->us, "s1", "192.0.2.10");
	customer_address(&x->us, "s1", "2001:db8:1::10");
	x->us.homing->domains[0].servers[0]->transport = SERVER_ANY;
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	customer_free(&x->us);
	provider_free(&x->s1);
	virtual_end();
	free(x);
	return 0;
}

static bool
is_available(struct world *x)
{
	return !strcmp(customer_server(&x->us, "s1"), "available");
}

/* Of the n-th handshake that was begun since the mark. */
static void
assert_hello(struct world *x, size_t n, enum session_transport t, int family)
{
	const struct packet *p = PACKET(n, HELLOS(x));

	assert_int_equal(p->transport, t);
	assert_int_equal(p->server.addr.family, family);
	assert_int_equal(p->client.addr.family, family);
}

/* Figure 4: IPv6 is broken, UDP is dropped; what is left is TCP over IPv4. */
static void
start_over_tcp(struct world *x)
{
	x->way->lose_udp = x->way->lose_ipv6 = true;
	customer_start(&x->us);
	UNTIL(3 * DELAY + RTT_MOST, is_available(x));
	assert_string_equal(customer_transport(&x->us, "s1"), "tcp");
}

static void
let_all_through(struct world *x)
{
	x->way->lose_udp = x->way->lose_tcp = x->way->lose_ipv6 = false;
}

/* ---- the order ------------------------------------------------------------------------------ */

/* 8612-GEN-002-05, 9132-4.3-06: all would do: one handshake, over the best. */
static void
the_best_is_the_first(void **state)
{
	struct world *x = *state;

	customer_start(&x->us);
	UNTIL(RTT_MOST, is_available(x));
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_hello(x, 0, SESSION_UDP, 6);
	assert_string_equal(customer_transport(&x->us, "s1"), "udp");
}

/* 9284-1-03, 9132-4.3-02, 9132-4.3-04, 9132-4.3-05, 9132-4.3-14: figure 4; nobody waits for the one
 * before, and those that lost send nothing more. */
static void
attempts_follow_each_other_in_the_order_of_preference(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	assert_int_equal(COUNT(HELLOS(x)), 4);
	assert_hello(x, 0, SESSION_UDP, 6);
	assert_hello(x, 1, SESSION_UDP, 4);
	assert_hello(x, 2, SESSION_TCP, 6);
	assert_hello(x, 3, SESSION_TCP, 4);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(PACKET(i, HELLOS(x))->at - PACKET(i - 1, HELLOS(x))->at, DELAY);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = HELLO), 0);
	assert_int_equal(provider_sessions(&x->s1), 1);
}

/* 9132-4.3-13: 100 ms while under attack. */
static void
under_attack_they_follow_faster(void **state)
{
	struct world *x = *state;

	x->way->lose_udp = x->way->lose_ipv6 = true;
	virtual_link_set(x->us.loop, "wan1", false);
	customer_start(&x->us);
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(1 * S);
	virtual_link_set(x->us.loop, "wan1", true);
	UNTIL(3 * DELAY_ATTACK + 2 * RTT_MOST, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(HELLOS(x)), 4);
	assert_int_equal(GAP(HELLOS(x)), DELAY_ATTACK);
}

/* M1: a family that the domain has no address of is no attempt and costs no delay. */
static void
what_has_no_source_is_not_waited_for(void **state)
{
	struct world *x = *state;

	virtual_addr_remove(x->us.loop, "2001:db8:1::66");
	x->way->lose_udp = true;
	customer_start(&x->us);
	UNTIL(DELAY + RTT_MOST, is_available(x));
	assert_int_equal(COUNT(HELLOS(x)), 2);
	assert_hello(x, 0, SESSION_UDP, 4);
	assert_hello(x, 1, SESSION_TCP, 4);
}

/* 9132-4.7-16: a race that all have lost is one failure; the next follows after 60 s. */
static void
a_lost_race_is_one_failure(void **state)
{
	struct world *x = *state;

	virtual_listener(x->s1.loop, MUTE, 0);
	customer_start(&x->us);
	virtual_run(30 * S);
	assert_int_equal(COUNT(HELLOS(x)), 4);
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, ""), 4);
	assert_int_equal(virtual_events(EVENT_ALERT, "server=s1"), 1);
	virtual_mark();
	virtual_run(50 * S);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	virtual_run(2 * S);
	assert_int_equal(COUNT(HELLOS(x)), 4);
	virtual_listener(x->s1.loop, MEETS, 0);
	UNTIL(3 * S, is_available(x)); /* a flight is repeated */
}

/* A refusal is not waited for until the next would be due. */
static void
a_refused_attempt_is_followed_at_once(void **state)
{
	struct world *x = *state;

	provider_stop(&x->s1);
	credentials_unref(x->s1.credentials);
	x->s1.setup.credentials = x->s1.credentials = virtual_credentials("somebody else");
	provider_start(&x->s1);
	customer_start(&x->us);
	virtual_run(DELAY - 1);
	assert_int_equal(COUNT(HELLOS(x)), 4);
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, "transport=tcp"), 2);
	assert_int_equal(virtual_events(EVENT_ALERT, "server=s1"), 1);
}

/* Nothing is begun, and nothing goes on, when the link goes. */
static void
a_race_ends_with_its_link(void **state)
{
	struct world *x = *state;

	virtual_listener(x->s1.loop, MUTE, 0);
	customer_start(&x->us);
	virtual_run(DELAY + 1);
	assert_int_equal(COUNT(HELLOS(x)), 2);
	virtual_link_set(x->us.loop, "wan1", false);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = HELLO), 0);
	virtual_listener(x->s1.loop, MEETS, 0);
	virtual_link_set(x->us.loop, "wan1", true);
	UNTIL(RTT_MOST, is_available(x));
}

/* ---- what is remembered --------------------------------------------------------------------- */

/* 4218-5-01, 9132-4.3-07, 9132-4.3-09: a session that ends soon after is made again as it was. */
static void
what_failed_lately_is_left_out(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	virtual_run(40 * S);
	virtual_mark();
	provider_restart(&x->s1);
	UNTIL(2 * S, is_available(x) && COUNT(HELLOS(x)));
	virtual_run(1 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_hello(x, 0, SESSION_TCP, 4);
}

/* 9132-4.3-07, 9132-4.3-08 */
static void
after_ten_minutes_all_are_tried_again(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	virtual_run(CACHED);
	virtual_mark();
	provider_restart(&x->s1);
	UNTIL(3 * S, COUNT(HELLOS(x)) == 4 && is_available(x));
}

/* It is no lock-out: when nothing else is left they are tried. */
static void
what_failed_lately_is_the_last_resort(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	virtual_run(40 * S);
	x->way->lose_udp = false;
	x->way->lose_tcp = true;
	virtual_mark();
	virtual_addr_remove(x->us.loop, "192.0.2.66");
	virtual_addr(x->us.loop, "wan1", "192.0.2.67/26");
	UNTIL(20 * S + DELAY + RTT_MOST, COUNT(HELLOS(x)) == 3 && is_available(x));
	assert_hello(x, 0, SESSION_TCP, 4);
	assert_hello(x, 1, SESSION_UDP, 6);
	assert_hello(x, 2, SESSION_UDP, 4);
	assert_string_equal(customer_transport(&x->us, "s1"), "udp");
	virtual_run(40 * S);
	virtual_mark();
	provider_restart(&x->s1);
	UNTIL(2 * S, COUNT(HELLOS(x)) == 1 && is_available(x));
	assert_hello(x, 0, SESSION_UDP, 4); /* the one that worked last */
}

/* A ticket is good for the transport that it was given over. */
static void
a_ticket_is_not_carried_to_the_other_transport(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	virtual_run(40 * S);
	virtual_mark();
	provider_stop(&x->s1);
	virtual_forget_tickets(x->s1.loop);
	provider_start(&x->s1);
	let_all_through(x);
	virtual_run(2 * S);
	assert_hello(x, 0, SESSION_TCP, 4);
	assert_true(PACKET(0, HELLOS(x))->resumed);
	virtual_run(CACHED);
	virtual_mark();
	provider_restart(&x->s1);
	UNTIL(2 * S, COUNT(HELLOS(x)) == 1);
	assert_hello(x, 0, SESSION_UDP, 6);
	assert_false(PACKET(0, HELLOS(x))->resumed);
}

/* ---- from TCP to UDP ------------------------------------------------------------------------ */

/* 9132-4.3-10, 9132-4.3-11, 9132-4.3-12: once a day, beside the session, which it does not trouble
 * while UDP is not to be had; then the channel moves, with what stands there. */
static void
udp_is_tried_again_once_a_day(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	virtual_mark();
	virtual_run(1 * DAY - 10 * S);
	assert_int_equal(COUNT(.kind = HELLO), 0);
	virtual_run(1 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 2);
	assert_hello(x, 0, SESSION_UDP, 6);
	assert_hello(x, 1, SESSION_UDP, 4);
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, "retry=86400"), 1);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	assert_true(is_available(x));
	assert_string_equal(customer_transport(&x->us, "s1"), "tcp");
	let_all_through(x);
	virtual_run(1 * DAY - 2 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 2);
	virtual_run(2 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 3);
	assert_string_equal(customer_transport(&x->us, "s1"), "udp");
	assert_int_equal(provider_sessions(&x->s1), 1);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	virtual_mark();
	virtual_run(3 * DAY);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(recorder_starts(x->s1.recorder), 1);
}

/* What is heard on the session meanwhile does not end the attempt. */
static void
heartbeats_do_not_keep_it_on_tcp(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	let_all_through(x);
	virtual_listener(x->s1.loop, MEETS, 15 * S); /* that long until it answers a greeting */
	virtual_run(1 * DAY + 1 * MINUTE);
	assert_string_equal(customer_transport(&x->us, "s1"), "udp");
}

/* Nor does a request that is open: it goes on over UDP. */
static void
an_open_request_moves_too(void **state)
{
	struct world *x = *state;

	start_over_tcp(x);
	let_all_through(x);
	virtual_mark();
	UNTIL(1 * DAY + 1 * S, COUNT(.kind = FINISH, .arrived = true) == 1);
	virtual_run(x->way->delay + x->way->delay / 2); /* it is up a moment from now */
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	UNTIL(4 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_string_equal(customer_transport(&x->us, "s1"), "udp");
	virtual_run(1 * MINUTE);
	assert_string_equal(customer_transport(&x->us, "s1"), "udp");
	assert_int_equal(provider_mitigations(&x->s1), 1);
}

#define RACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RACE(the_best_is_the_first),
		RACE(attempts_follow_each_other_in_the_order_of_preference),
		RACE(under_attack_they_follow_faster),
		RACE(what_has_no_source_is_not_waited_for),
		RACE(a_lost_race_is_one_failure),
		RACE(a_refused_attempt_is_followed_at_once),
		RACE(a_race_ends_with_its_link),
		RACE(what_failed_lately_is_left_out),
		RACE(after_ten_minutes_all_are_tried_again),
		RACE(what_failed_lately_is_the_last_resort),
		RACE(a_ticket_is_not_carried_to_the_other_transport),
		RACE(udp_is_tried_again_once_a_day),
		RACE(heartbeats_do_not_keep_it_on_tcp),
		RACE(an_open_request_moves_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
