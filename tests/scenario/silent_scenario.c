/* Requests on a silent session (rule M3; RFC 9132 4.4, 4.7): repeated, and carried by a second
 * session beside the first. */
#include "scene.h"

enum { REPEAT = 3 * S, RETRY_ATTACK = 60 * S, HANDSHAKE = 20 * S, OLD = 2, NEW = 3 };

#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true

static bool
is_state(struct scene *x, const char *server, const char *state)
{
	return !strcmp(customer_server(&x->us, server), state);
}

/* A translator on the way has forgotten the association; a new one would pass. */
static void
forget_old(struct scene *x)
{
	virtual_way(x->us.loop, "wan2")->lose_dial = OLD;
}

/* 4218-4.4-01, 8612-SIG-004-08, 8612-SIG-011-01, 9132-4.4-06, 9132-4.4-07, 9132-4.7-14,
 * 9132-4.7-22, 9132-4.7-23: at once, again after 3 s, and after 6 s also over a resumed handshake
 * from another port; the first answer makes that one the session. */
static void
an_unanswered_request_goes_over_a_second_session_too(void **state)
{
	struct scene *x = *state;
	mono_ms asked;

	scene_start(x);
	virtual_run(100 * S);
	forget_old(x);
	UNTIL(100 * S, is_state(x, "s2", "silent"));
	virtual_mark();
	asked = virtual_now();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(10, COUNT(PUTS(x), .dial = OLD) == 1);
	UNTIL(REPEAT, COUNT(PUTS(x), .dial = OLD) == 2);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_SILENT);
	assert_int_equal(COUNT(.kind = HELLO), 0);
	UNTIL(REPEAT, COUNT(.kind = HELLO) == 1);
	assert_in_range(virtual_now() - asked, 2 * REPEAT, 2 * REPEAT + 10);
	assert_true(PACKET(0, .kind = HELLO)->resumed);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(PUTS(x), .dial = NEW), 1);
	assert_int_equal(
		PACKET(0, PUTS(x), .dial = OLD)->mid, PACKET(0, PUTS(x), .dial = NEW)->mid);
	assert_int_equal(COUNT(PUTS(x), .dial = OLD), 3);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE, .dial = OLD), 1);
	assert_true(is_state(x, "s2", "available"));
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.kind = HELLO), 1);
	assert_int_equal(
		provider_sessions(&x->isp2), 1); /* the old one died of its silence there */
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	/* Told again once when the session was renewed, then at half the lifetime. */
	assert_in_range(COUNT(PUTS(x), .dial = NEW), 2, 4);
}

/* M3: the same without heartbeats missed so far: three seconds of silence are enough to repeat. */
static void
a_session_that_died_a_moment_ago_delays_nothing(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(100 * S);
	forget_old(x);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(2 * REPEAT + 1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(GAP(PUTS(x), .dial = OLD), REPEAT);
	assert_int_equal(COUNT(.kind = HELLO), 1);
	assert_true(PACKET(0, .kind = HELLO)->resumed);
}

/* 9132-4.7-24: both sessions are up, the old one answers first: the new one is closed, and nothing
 * stands in the way of the next loss. */
static void
the_old_session_that_answers_first_stays(void **state)
{
	struct scene *x = *state;
	struct way *way;

	scene_start(x);
	virtual_run(100 * S);
	way = virtual_way(x->us.loop, "wan2");
	way->lose_dial = OLD;
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(7 * S, provider_sessions(&x->isp2) == 2);
	way->lose_dial = NEW; /* what it carries is lost, the old one works again */
	UNTIL(2 * REPEAT, customer_state(&x->us, "w", 0) == WISH_PLACED);
	virtual_run(1 * S);
	assert_int_equal(COUNT(PUTS(x), .dial = NEW, .arrived = true), 0);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE, .dial = NEW), 1);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE, .dial = OLD), 0);
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, ""), 0);
	virtual_run(10 * MINUTE);
	virtual_mark();
	way->lose_dial = OLD;
	UNTIL(16 * 30 * S, COUNT(.kind = HELLO) == 1);
	UNTIL(1 * S, is_state(x, "s2", "available"));
}

/* The same with a withdrawal, after whose answer nothing else comes: the new one goes at once. */
static void
the_answer_alone_decides(void **state)
{
	struct scene *x = *state;
	struct way *way;

	scene_start(x);
	scene_place(x);
	virtual_run(31 * S);
	way = virtual_way(x->us.loop, "wan2");
	way->lose_dial = OLD;
	virtual_mark();
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(7 * S, provider_sessions(&x->isp2) == 2);
	way->lose_dial = NEW;
	UNTIL(2 * REPEAT, customer_wishes(&x->us) == 0);
	UNTIL(10, COUNT(.from = x->us.loop, .kind = CLOSE, .dial = NEW) == 1);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE, .dial = OLD), 0);
}

/* 8612-SIG-004-08, 8612-3.1-01, 9132-4.7-16, 9132-4.7-18, 9132-4.7-19: nothing comes in at all: the
 * request is repeated every 3 s, handshakes follow each other at 60 s, and the old session is kept.
 * */
static void
handshakes_beside_a_silent_session_keep_their_pace(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(100 * S);
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(10 * S);
	assert_int_equal(customer_ask(&x->us, "v", "198.51.100.67/32", 0), 0);
	virtual_run(1 * HOUR - 10 * S);
	assert_in_range(COUNT(PUTS(x), .dial = OLD), 2390, 2400);
	assert_int_equal(GAP(PUTS(x), .mid = PACKET(0, PUTS(x))->mid), REPEAT);
	assert_in_range(virtual_events(EVENT_SESSION_ATTEMPT, ""), 44, 46);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, "") >= RETRY_ATTACK);
	assert_int_equal(virtual_events_gap(EVENT_SESSION_ATTEMPT, ""), HANDSHAKE + RETRY_ATTACK);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE), 0);
	assert_int_equal(provider_sessions(&x->isp2), 1);
	assert_int_equal(provider_mitigations(&x->isp2), 2); /* what we said was heard */
	/* The flood is over: the next repeat is answered, on the old session. */
	virtual_way(x->us.loop, "wan2")->lose_in = false;
	UNTIL(REPEAT + 1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
				      customer_state(&x->us, "v", 0) == WISH_PLACED);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(.kind = HELLO), 0);
	assert_int_equal(COUNT(PUTS(x)), 0);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* 9132-4.7-16: the old session answers now and then, and each time cuts off a handshake: the next
 * one keeps its distance all the same. */
static void
answers_now_and_then_do_not_hasten_handshakes(void **state)
{
	struct scene *x = *state;
	struct way *way;
	char target[32];

	scene_start(x);
	virtual_run(100 * S);
	virtual_listener(x->isp2.loop, MEETS, 10 * S); /* slower than the old session */
	way = virtual_way(x->us.loop, "wan2");
	virtual_mark();
	for (int i = 0; i < 50; i++) {
		way->lose_in = true;
		snprintf(target, sizeof(target), "198.51.100.%d/32", 65 + i);
		assert_int_equal(customer_ask(&x->us, NULL, target, 0), 0);
		virtual_run(8 * S);
		way->lose_in = false;
		virtual_run(4 * S);
	}
	assert_in_range(virtual_events(EVENT_SESSION_ATTEMPT, ""), 5, 10);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, "") >= RETRY_ATTACK);
	assert_int_equal(provider_mitigations(&x->isp2), 50);
}

/* The new session came up and never answers either (the server went down in between): it is given
 * up, and others are tried at their pace. */
static void
a_second_session_that_never_answers_is_given_up(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(100 * S);
	forget_old(x);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(7 * S, provider_sessions(&x->isp2) == 2);
	provider_crash(&x->isp2);
	virtual_run(5 * MINUTE);
	provider_restart(&x->isp2);
	UNTIL(2 * MINUTE, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, "") >= RETRY_ATTACK);
	virtual_run(10 * MINUTE);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* 9132-4.4-09: requests are not held back by anything else that is open: heartbeats without answer,
 * observations, a hundred other requests. */
static void
requests_go_out_at_once_whatever_is_open(void **state)
{
	struct scene *x = *state;
	char target[40], id[10];

	scene_start(x);
	virtual_run(100 * S);
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_run(2 * MINUTE);
	for (int i = 0; i < 60; i++) {
		snprintf(target, sizeof(target), "198.51.100.%d/32", 65 + i % 60);
		snprintf(id, sizeof(id), "w%d", 1000 + i);
		virtual_mark();
		assert_int_equal(customer_ask(&x->us, id, target, 0), 0);
		virtual_run(100);
		assert_true(COUNT(PUTS(x), .first = true, .dial = OLD) >= 1);
	}
	virtual_mark();
	virtual_run(5 * MINUTE);
	assert_in_range(
		COUNT(.from = x->us.loop, .code = COAP_PUT, .resource = PATH_HB, .dial = OLD), 9,
		10);
	assert_int_equal(provider_mitigations(&x->isp2), 60);
}

/* M16: a withdrawal on a silent session is repeated as a request is. */
static void
a_withdrawal_is_repeated_on_both_sessions(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_run(100 * S);
	forget_old(x);
	virtual_mark();
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(2 * REPEAT + 1 * S, customer_wishes(&x->us) == 0);
	assert_int_equal(COUNT(.code = COAP_DELETE, .dial = OLD), 3);
	assert_int_equal(COUNT(.code = COAP_DELETE, .dial = NEW), 1);
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(.code = COAP_DELETE), 4);
	assert_int_equal(COUNT(PUTS(x)), 0);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_unanswered_request_goes_over_a_second_session_too),
		CASE(a_session_that_died_a_moment_ago_delays_nothing),
		CASE(the_old_session_that_answers_first_stays),
		CASE(the_answer_alone_decides),
		CASE(handshakes_beside_a_silent_session_keep_their_pace),
		CASE(answers_now_and_then_do_not_hasten_handshakes),
		CASE(a_second_session_that_never_answers_is_given_up),
		CASE(requests_go_out_at_once_whatever_is_open),
		CASE(a_withdrawal_is_repeated_on_both_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
