/* What a server may answer, and when we come back to it (RFC 9132 4.4.1, 4.4.2, 4.4.4). */
#include <stdio.h>

#include "scene.h"

enum { REPEAT = 3 * S };

struct world {
	struct script s1;
	struct customer us;
};

static int
setup(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1"};
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	script_make(&x->s1, "s1", "192.0.2.10");
	customer_make(&x->us, domains, 1);
	virtual_link(x->us.loop, "wan1", "192.0.2.66/26");
	customer_address(&x->us, "s1", "192.0.2.10");
	customer_start(&x->us);
	UNTIL(1 * S, x->s1.session != NULL && !strcmp(customer_server(&x->us, "s1"), "available"));
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	customer_free(&x->us);
	script_free(&x->s1);
	virtual_end();
	free(x);
	return 0;
}

static void
ask(struct world *x)
{
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
}

static bool
is(struct world *x, enum wish_state state)
{
	return customer_state(&x->us, "w", 0) == state;
}

/* ---- lifetimes ------------------------------------------------------------------------------ */

/* 9132-4.4.1.1-61, 9132-4.4.1.1-65: what is granted counts, not what was asked. */
static void
a_shorter_lifetime_is_refreshed_in_time(void **state)
{
	struct world *x = *state;

	x->s1.lifetime = 100;
	ask(x);
	virtual_run(1001 * S);
	assert_int_equal(x->s1.puts, 21);
	assert_in_range(GAP(PUTS(x)), 50 * S, 50 * S + 100);
	assert_true(is(x, WISH_PLACED));
}

/* 8612-3.1-01, 9132-4.4-07: however short, never more often than every 3 s. */
static void
a_tiny_lifetime_does_not_make_us_hasty(void **state)
{
	struct world *x = *state;

	x->s1.lifetime = 1;
	ask(x);
	virtual_run(1 * MINUTE);
	assert_true(x->s1.puts > 15);
	assert_true(GAP(PUTS(x)) >= REPEAT);
}

/* 8811-2.2.1-02, 9132-4.4.1.1-59: for ever needs no refresh. */
static void
an_indefinite_lifetime_is_not_refreshed(void **state)
{
	struct world *x = *state;

	x->s1.lifetime = LIFETIME_INDEFINITE;
	ask(x);
	virtual_run(3 * DAY);
	assert_int_equal(x->s1.puts, 1);
	assert_true(is(x, WISH_PLACED));
	assert_int_equal(customer_part(&x->us, "w", 0).lifetime, LIFETIME_INDEFINITE);
}

/* 8612-GEN-002-01, 9132-4.4-06, 9132-4.4-07: a refresh that stays unanswered is repeated as the
 * request is. */
static void
an_unanswered_refresh_is_repeated(void **state)
{
	struct world *x = *state;

	ask(x);
	UNTIL(1 * S, is(x, WISH_PLACED));
	x->s1.silent = true;
	virtual_mark();
	UNTIL(1800 * S, COUNT(PUTS(x)) == 1);
	virtual_run(30 * S);
	assert_in_range(COUNT(PUTS(x), .dial = 1), 10, 11);
	assert_true(GAP(PUTS(x), .dial = 1) >= REPEAT);
	assert_true(is(x, WISH_PLACED)); /* it stands there until its lifetime is over */
	x->s1.silent = false;
	virtual_run(2 * REPEAT);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(PUTS(x)), 0);
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* 9132-4.4.1.3-15, 9132-4.4.3-14: overload is over when the server says. */
static void
overload_is_retried_when_the_server_says(void **state)
{
	struct world *x = *state;
	mono_ms asked = virtual_now();

	x->s1.put = COAP_503_SERVICE_UNAVAILABLE;
	x->s1.max_age = 240;
	ask(x);
	virtual_run(239 * S);
	assert_int_equal(x->s1.puts, 1);
	assert_true(is(x, WISH_REFUSED));
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 1);
	x->s1.put = x->s1.max_age = 0;
	UNTIL(2 * S, is(x, WISH_PLACED));
	assert_in_range(virtual_now() - asked, 240 * S, 241 * S);
	assert_int_equal(PACKET(0, PUTS(x))->mid, PACKET(1, PUTS(x))->mid);
}

static void
overload_without_a_time_is_retried_after_a_minute(void **state)
{
	struct world *x = *state;

	x->s1.put = COAP_503_SERVICE_UNAVAILABLE;
	ask(x);
	virtual_run(10 * MINUTE);
	assert_in_range(x->s1.puts, 10, 11);
	assert_in_range(GAP(PUTS(x)), 60 * S, 61 * S);
}

/* 9132-4.4.3-14: nothing was decided, in the next life neither; how long to wait is forgotten. */
static void
overload_is_retried_after_a_restart(void **state)
{
	struct world *x = *state;

	x->s1.put = COAP_503_SERVICE_UNAVAILABLE;
	x->s1.max_age = 30;
	ask(x);
	UNTIL(1 * S, is(x, WISH_REFUSED));
	virtual_run(1 * S); /* it is on disk */
	x->s1.put = x->s1.max_age = 0;
	customer_restart(&x->us);
	virtual_run(59 * S);
	assert_int_equal(x->s1.puts, 1);
	UNTIL(2 * S, is(x, WISH_PLACED));
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(PACKET(0, PUTS(x))->mid, PACKET(1, PUTS(x))->mid);
}

/* 8811-2-02: Refused is refused: told to the operator, not tried again by itself. */
static void
a_refusal_is_told_and_final(void **state)
{
	struct world *x = *state;

	x->s1.put = COAP_400_BAD_REQUEST;
	ask(x);
	UNTIL(1 * S, is(x, WISH_REFUSED));
	assert_int_equal(customer_part(&x->us, "w", 0).code, COAP_400_BAD_REQUEST);
	virtual_run(1 * DAY);
	customer_restart(&x->us);
	virtual_run(1 * DAY);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(virtual_events(EVENT_ALERT, "code=4.00"), 1);
	/* Nothing stands there: the release sends nothing. */
	customer_release(&x->us, "w");
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* 9132-4.4.1.3-20, 9132-4.4.1.1-26: our own higher mid stands there (we lost count): once more,
 * under one that is higher. */
static void
a_mid_that_is_behind_is_raised_once(void **state)
{
	struct world *x = *state;
	uint32_t first;

	x->s1.put = COAP_409_CONFLICT;
	x->s1.conflict.cause = OVERLAPPING_TARGETS;
	ask(x);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.puts, 2);
	first = PACKET(0, PUTS(x))->mid;
	assert_true(PACKET(1, PUTS(x))->mid > first);
	assert_true(is(x, WISH_REFUSED));
	x->s1.put = 0;
	customer_release(&x->us, "w");
	virtual_run(1 * MINUTE);
	ask(x);
	UNTIL(1 * S, is(x, WISH_PLACED));
}

/* ---- a cuid in use by another client --------------------------------------------------------- */

static const char *
our_cuid(struct world *x)
{
	return credentials_cuid(x->us.credentials[0]);
}

/* The cuid that we use at that server is another client's now. */
static void
take(struct script *s, const char *cuid)
{
	snprintf(s->taken, sizeof(s->taken), "%s", cuid);
}

static int
ask_for(struct world *x, const char *id, const char *target)
{
	return customer_ask(&x->us, id, target, 0);
}

static bool
is_placed(struct world *x, const char *id)
{
	return customer_state(&x->us, id, 0) == WISH_PLACED;
}

/* 4218-4.5-01, 9132-4.4.1.1-19, 9132-4.4.1.1-15, 9132-4.4.1.3-46: a new one is taken, and the same
 * request goes out again. */
static void
a_collision_is_answered_by_a_new_cuid(void **state)
{
	struct world *x = *state;

	take(&x->s1, our_cuid(x));
	ask(x);
	UNTIL(1 * S, is(x, WISH_PLACED));
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(PACKET(1, PUTS(x))->mid, PACKET(0, PUTS(x))->mid);
	assert_string_not_equal(x->s1.cuid, our_cuid(x));
	assert_int_equal(strlen(x->s1.cuid), 22);
	assert_int_equal(virtual_events(EVENT_ALERT, "a new one is taken"), 1);
	assert_int_equal(virtual_events(EVENT_REFUSED, ""), 0);
	customer_release(&x->us, "w");
	UNTIL(1 * S, x->s1.deletes == 1);
	assert_string_not_equal(x->s1.cuid, our_cuid(x));
}

/* All that was under way with the old one, and nothing twice. */
static void
a_collision_of_several_requests_needs_one_cuid(void **state)
{
	struct world *x = *state;

	take(&x->s1, our_cuid(x));
	virtual_store_hold(x->us.loop, true); /* they leave together */
	assert_int_equal(ask_for(x, "a", "192.0.2.66/32"), 0);
	assert_int_equal(ask_for(x, "b", "192.0.2.67/32"), 0);
	assert_int_equal(ask_for(x, "c", "192.0.2.68/32"), 0);
	virtual_store_hold(x->us.loop, false);
	UNTIL(1 * S, is_placed(x, "a") && is_placed(x, "b") && is_placed(x, "c"));
	assert_int_equal(x->s1.puts, 6);
	assert_int_equal(virtual_events(EVENT_ALERT, "a new one is taken"), 1);
	assert_int_equal(virtual_events(EVENT_REFUSED, ""), 0);
}

/* M16, 9132-4.4.1.1-12: it is on disk before it is used, and stays. */
static void
a_new_cuid_is_stored_before_it_is_sent(void **state)
{
	struct world *x = *state;
	char cuid[sizeof(x->s1.cuid)];

	take(&x->s1, our_cuid(x));
	ask(x);
	UNTIL(1 * S, x->s1.puts == 1);
	virtual_store_hold(x->us.loop, true);
	virtual_run(500);
	assert_int_equal(x->s1.puts, 1);
	virtual_store_hold(x->us.loop, false);
	UNTIL(1 * S, x->s1.puts == 2);
	virtual_crash(x->us.loop);
	memcpy(cuid, x->s1.cuid, sizeof(cuid));
	take(&x->s1, "");
	customer_restart(&x->us);
	UNTIL(5 * MINUTE, x->s1.puts == 3);
	assert_string_equal(x->s1.cuid, cuid);
}

/* 9132-4.4.1.1-14: not while a mitigation may be active under the old one. */
static void
the_cuid_stays_while_a_mitigation_stands_under_it(void **state)
{
	struct world *x = *state;

	x->s1.lifetime = 600;
	ask(x);
	UNTIL(1 * S, is(x, WISH_PLACED));
	take(&x->s1, our_cuid(x));
	assert_int_equal(ask_for(x, "v", "192.0.2.67/32"), 0);
	UNTIL(1 * S, customer_state(&x->us, "v", 0) == WISH_REFUSED);
	assert_int_equal(virtual_events(EVENT_ALERT, "our cuid is in use"), 1);
	virtual_run(310 * S); /* the refresh is refused too, what it was for stands */
	assert_true(is(x, WISH_REFUSED));
	assert_int_equal(ask_for(x, "u", "192.0.2.68/32"), 0);
	UNTIL(1 * S, customer_state(&x->us, "u", 0) == WISH_REFUSED);
	assert_string_equal(x->s1.cuid, our_cuid(x));
	virtual_run(300 * S); /* until it has expired */
	assert_int_equal(ask_for(x, "t", "192.0.2.69/32"), 0);
	UNTIL(1 * S, is_placed(x, "t") && is_placed(x, "u") && is_placed(x, "v"));
	assert_string_not_equal(x->s1.cuid, our_cuid(x));
}

/* One an hour: whoever refuses every cuid is told to the operator. */
static void
a_cuid_is_not_replaced_twice_in_an_hour(void **state)
{
	struct world *x = *state;

	x->s1.put = COAP_409_CONFLICT;
	x->s1.conflict.cause = CUID_COLLISION;
	ask(x);
	virtual_run(10 * MINUTE);
	assert_int_equal(x->s1.puts, 2);
	assert_true(is(x, WISH_REFUSED));
	assert_int_equal(virtual_events(EVENT_REFUSED, "our cuid is in use"), 1);
	customer_restart(&x->us); /* a restart is no way around it */
	UNTIL(1 * S, !strcmp(customer_server(&x->us, "s1"), "available"));
	assert_int_equal(ask_for(x, "v", "192.0.2.67/32"), 0);
	virtual_run(49 * MINUTE);
	assert_int_equal(x->s1.puts, 3);
	virtual_run(1 * MINUTE);
	assert_int_equal(ask_for(x, "u", "192.0.2.68/32"), 0);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.puts, 6); /* v once more too */
	assert_int_equal(virtual_events(EVENT_ALERT, "a new one is taken"), 2);
}

/* ---- status --------------------------------------------------------------------------------- */

/* 8811-1.3-08, 8811-2-02, 9132-4.4.2-39, 9132-4.4.2.2-05: the server has ended it: told, kept as
 * ended, nothing is sent any more. */
static void
what_the_server_ended_is_not_asked_again(void **state)
{
	struct world *x = *state;

	ask(x);
	UNTIL(1 * S, x->s1.gets == 1);
	script_notify(&x->s1, ATTACK_MITIGATION_TERMINATED, 0);
	UNTIL(1 * S, is(x, WISH_ENDED));
	assert_int_equal(virtual_events(EVENT_ALERT, "ended by the server"), 1);
	virtual_mark();
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(.from = x->us.loop, .resource = PATH_MITIGATE), 0);
	assert_true(is(x, WISH_ENDED));
}

/* 8811-2.2.1-05, 8612-GEN-002-02, 9132-4.4.2.1-02, 9132-4.4.2.1-16: statuses follow each other; an
 * older one changes nothing. */
static void
notifications_are_followed(void **state)
{
	struct world *x = *state;

	x->s1.status = ATTACK_MITIGATION_IN_PROGRESS;
	ask(x);
	UNTIL(1 * S, x->s1.gets == 1);
	virtual_run(100);
	assert_int_equal(customer_part(&x->us, "w", 0).status, ATTACK_MITIGATION_IN_PROGRESS);
	script_notify(&x->s1, ATTACK_EXCEEDED_CAPABILITY, 1000);
	virtual_run(100);
	assert_int_equal(customer_part(&x->us, "w", 0).status, ATTACK_EXCEEDED_CAPABILITY);
	x->s1.sequence -= 2; /* it was under way for long */
	script_notify(&x->s1, ATTACK_STOPPED, 1000);
	virtual_run(100);
	assert_int_equal(customer_part(&x->us, "w", 0).status, ATTACK_EXCEEDED_CAPABILITY);
}

/* 9132-4.4-07, 9132-4.4.2.2-03: a subscription without answer is asked for every 3 s, and not for
 * ever. */
static void
an_unanswered_subscription_is_repeated_for_a_minute(void **state)
{
	struct world *x = *state;

	ask(x);
	UNTIL(1 * S, x->s1.puts == 1);
	x->s1.silent = true;
	virtual_run(10 * MINUTE);
	assert_int_equal(x->s1.gets, 20);
	assert_true(GAP(.from = x->us.loop, .code = COAP_GET) >= REPEAT);
	/* With the next refresh it is tried again. */
	x->s1.silent = false;
	UNTIL(1800 * S, x->s1.gets == 21);
}

/* 8811-2.2.1-05, 9132-4.4.2.2-04, 9132-4.4.2.2-05: it is withdrawn where that is the policy, not
 * for another reason than the server's word. */
static void
what_has_stopped_is_withdrawn_by_policy(void **state)
{
	struct world *x = *state;

	ask(x);
	UNTIL(1 * S, x->s1.gets == 1);
	script_notify(&x->s1, ATTACK_STOPPED, 1000);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.deletes, 0);
	assert_true(is(x, WISH_PLACED));
	x->us.homing->withdraw_stopped = true;
	script_notify(&x->s1, ATTACK_SUCCESSFULLY_MITIGATED, 1000);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.deletes, 0);
	script_notify(&x->s1, ATTACK_STOPPED, 1000);
	UNTIL(1 * S, x->s1.deletes == 1 && customer_wishes(&x->us) == 0);
}

/* 9132-4.4.2-36: one that waits for a loss of signal goes on to wait. */
static void
what_waits_for_a_loss_is_not_withdrawn_by_policy(void **state)
{
	struct world *x = *state;

	x->us.homing->withdraw_stopped = true;
	assert_int_equal(customer_preconfigure(&x->us, "p", "192.0.2.66/32"), 0);
	UNTIL(1 * S, x->s1.gets == 1);
	script_notify(&x->s1, ATTACK_STOPPED, 1000);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(customer_state(&x->us, "p", 0), WISH_PLACED);
}

static bool
asks_for_state_only(const struct packet *p)
{
	struct coap_msg m;
	const char *why;
	const struct coap_option *o;

	assert_int_equal(coap_decode(p->bytes, p->len, &m, &why), 0);
	o = coap_find(&m, COAP_OPT_URI_QUERY);
	return o && o->len == 3 && !memcmp(o->value, "c=n", 3);
}

/* 9132-4.4.2-07: what was asked for is known; answers are small while an attack is active. */
static void
only_the_state_is_asked_for(void **state)
{
	struct world *x = *state;

	ask(x);
	UNTIL(1 * S, x->s1.gets == 1);
	assert_true(asks_for_state_only(PACKET(0, .from = x->us.loop, .code = COAP_GET)));
	assert_true(PACKET(0, .from = x->us.loop, .code = COAP_GET)->observe);
}

/* 9133-3.2.1-14, 9132-4.4.2.2-01, 9132-4.4.2.2-02, 9132-4.4.2.2-03, 9132-4.4-07, 9132-4.4.2-35:
 * without Observe, at the interval that is configured; what stays unanswered is asked for again
 * after 3 s. */
static void
the_status_is_asked_for_at_intervals(void **state)
{
	struct world *x = *state;

	x->us.homing->domains[0].status_interval = 20;
	ask(x);
	virtual_run(10 * MINUTE);
	assert_in_range(x->s1.gets, 30, 31);
	assert_in_range(GAP(.from = x->us.loop, .code = COAP_GET), 20 * S, 21 * S);
	assert_false(PACKET(0, .from = x->us.loop, .code = COAP_GET)->observe);
	x->s1.status = ATTACK_STOPPED;
	UNTIL(21 * S, customer_part(&x->us, "w", 0).status == ATTACK_STOPPED);
	virtual_run(1 * S);
	virtual_mark();
	x->s1.silent = true;
	UNTIL(21 * S, COUNT(.from = x->us.loop, .code = COAP_GET) == 1);
	virtual_run(REPEAT + 100);
	assert_int_equal(COUNT(.from = x->us.loop, .code = COAP_GET), 2);
	x->s1.silent = false;
	virtual_run(REPEAT);
	virtual_mark();
	virtual_run(1 * MINUTE);
	assert_int_equal(COUNT(.from = x->us.loop, .code = COAP_GET), 3);
	customer_release(&x->us, "w");
	virtual_run(1 * S);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(.from = x->us.loop, .resource = PATH_MITIGATE), 0);
}

/* It is not there any more (the server lost it): it is put again under its mid. */
static void
what_the_server_lost_is_put_again(void **state)
{
	struct world *x = *state;

	ask(x);
	UNTIL(1 * S, x->s1.gets == 1);
	virtual_run(5 * MINUTE);
	x->s1.get = COAP_404_NOT_FOUND;
	session_abandon(x->s1.session); /* the client comes back and looks */
	x->s1.session = NULL;
	UNTIL(3 * S, x->s1.session && x->s1.gets == 2);
	x->s1.get = 0;
	UNTIL(1 * S, x->s1.puts == 2 && x->s1.gets == 3);
	virtual_run(10 * MINUTE);
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(PACKET(0, PUTS(x))->mid, PACKET(1, PUTS(x))->mid);
	assert_true(is(x, WISH_PLACED));
}

/* A server that accepts and always says so does not make us run. */
static void
a_server_that_knows_nothing_does_not_make_us_hasty(void **state)
{
	struct world *x = *state;

	x->s1.get = COAP_404_NOT_FOUND;
	ask(x);
	virtual_run(10 * MINUTE + 1 * S);
	assert_int_equal(x->s1.puts, 11);
	assert_in_range(GAP(PUTS(x)), 60 * S, 61 * S);
}

/* ---- withdrawals ---------------------------------------------------------------------------- */

/* 8612-SIG-006-07: Released before it was answered: the answer that comes later changes nothing. */
static void
a_request_under_way_can_be_withdrawn(void **state)
{
	struct world *x = *state;

	virtual_way(x->us.loop, "wan1")->delay = 400;
	ask(x);
	virtual_run(100);
	customer_release(&x->us, "w");
	virtual_run(10 * S);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(customer_wishes(&x->us), 0);
	virtual_mark();
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(.from = x->us.loop, .resource = PATH_MITIGATE), 0);
}

/* 9132-4.4.4-01, M16: repeated until answered or until the request is over there. */
static void
an_unanswered_withdrawal_ends_with_the_lifetime(void **state)
{
	struct world *x = *state;

	x->s1.lifetime = 600;
	ask(x);
	UNTIL(1 * S, is(x, WISH_PLACED));
	x->s1.silent = true;
	customer_release(&x->us, "w");
	virtual_run(590 * S);
	assert_int_equal(customer_wishes(&x->us), 1);
	assert_true(x->s1.deletes > 190);
	assert_true(GAP(.from = x->us.loop, .code = COAP_DELETE, .dial = 1) >= REPEAT);
	UNTIL(20 * S, customer_wishes(&x->us) == 0);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.code = COAP_DELETE), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

/* A wish with an end is withdrawn at its end. */
static void
a_wish_ends_by_itself(void **state)
{
	struct world *x = *state;

	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 600), 0);
	virtual_run(599 * S);
	assert_int_equal(x->s1.deletes, 0);
	virtual_run(2 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* ---- two sessions ---------------------------------------------------------------------------- */

/* 8811-3.1-07, 9132-4.7-24: the server closes the old one while the new one waits for its first
 * answer: that one takes over, without another handshake. */
static void
a_second_session_takes_over_when_the_first_is_closed(void **state)
{
	struct world *x = *state;
	struct session *old = x->s1.session;

	x->s1.silent = true;
	ask(x);
	UNTIL(8 * S, x->s1.session != old);
	virtual_run(1 * S);
	session_close(old);
	x->s1.silent = false;
	UNTIL(REPEAT + 100, is(x, WISH_PLACED));
	assert_int_equal(COUNT(.kind = HELLO), 1);
	assert_string_equal(customer_server(&x->us, "s1"), "available");
}

#define SCRIPTED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPTED(a_shorter_lifetime_is_refreshed_in_time),
		SCRIPTED(a_tiny_lifetime_does_not_make_us_hasty),
		SCRIPTED(an_indefinite_lifetime_is_not_refreshed),
		SCRIPTED(an_unanswered_refresh_is_repeated),
		SCRIPTED(overload_is_retried_when_the_server_says),
		SCRIPTED(overload_without_a_time_is_retried_after_a_minute),
		SCRIPTED(overload_is_retried_after_a_restart),
		SCRIPTED(a_refusal_is_told_and_final),
		SCRIPTED(a_mid_that_is_behind_is_raised_once),
		SCRIPTED(a_collision_is_answered_by_a_new_cuid),
		SCRIPTED(a_collision_of_several_requests_needs_one_cuid),
		SCRIPTED(a_new_cuid_is_stored_before_it_is_sent),
		SCRIPTED(the_cuid_stays_while_a_mitigation_stands_under_it),
		SCRIPTED(a_cuid_is_not_replaced_twice_in_an_hour),
		SCRIPTED(what_the_server_ended_is_not_asked_again),
		SCRIPTED(notifications_are_followed),
		SCRIPTED(an_unanswered_subscription_is_repeated_for_a_minute),
		SCRIPTED(what_has_stopped_is_withdrawn_by_policy),
		SCRIPTED(what_waits_for_a_loss_is_not_withdrawn_by_policy),
		SCRIPTED(only_the_state_is_asked_for),
		SCRIPTED(the_status_is_asked_for_at_intervals),
		SCRIPTED(what_the_server_lost_is_put_again),
		SCRIPTED(a_server_that_knows_nothing_does_not_make_us_hasty),
		SCRIPTED(a_request_under_way_can_be_withdrawn),
		SCRIPTED(an_unanswered_withdrawal_ends_with_the_lifetime),
		SCRIPTED(a_wish_ends_by_itself),
		SCRIPTED(a_second_session_takes_over_when_the_first_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
