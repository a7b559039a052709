/* From the alarm to the withdrawal, through both roles: two domains with a server each. */
#include "scene.h"

/* 8811-2-04, 8811-2.1-04, 8811-3.1-01, 8811-3.1-02, 8811-3.1-04, 8811-3.1.2-06, 8612-2-01,
 * 9284-5.1-07, 9132-4.3-16, 9132-3-08, 9132-4.1-02: a session with each server at once, by its own
 * link; then no more. */
static void
both_servers_have_a_session_at_once(void **state)
{
	struct scene *x = *state;

	provider_start(&x->isp1);
	provider_start(&x->isp2);
	customer_start(&x->us);
	UNTIL(1 * S, provider_sessions(&x->isp1) == 1 && provider_sessions(&x->isp2) == 1);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.kind = HELLO), 2);
	assert_string_equal(PACKET(0, .kind = HELLO)->interface, "wan1");
	assert_string_equal(PACKET(1, .kind = HELLO)->interface, "wan2");
	assert_string_equal(customer_server(&x->us, "s1"), "available");
	assert_string_equal(customer_server(&x->us, "s2"), "available");
}

/* 8811-2.2.1-01, 9132-4.4-01, 9132-4.4-02, 9132-4.4-04, 9132-4.4.1.3-07, 9284-5.1-14, 9132-4.1-02:
 * the owner is asked, once, grants the hour that was asked for, and its status is subscribed to. */
static void
the_owner_is_asked_once_and_observed(void **state)
{
	struct scene *x = *state;
	const struct mitigation *m;

	scene_start(x);
	scene_place(x);
	virtual_run(5 * S);
	assert_int_equal(COUNT(PUTS(x)), 1);
	assert_int_equal(PACKET(0, PUTS(x))->type, COAP_NON);
	assert_string_equal(PACKET(0, .code = COAP_PUT)->interface, "wan2");
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 1);
	assert_int_equal(COUNT(.code = COAP_GET, .resource = PATH_MITIGATE), 1);
	assert_true(PACKET(0, .code = COAP_GET, .resource = PATH_MITIGATE)->observe);
	m = provider_mitigation(&x->isp2, PACKET(0, PUTS(x))->mid);
	assert_non_null(m);
	assert_int_equal(mitigation_remaining(m, virtual_now()), 3595);
	assert_int_equal(provider_mitigations(&x->isp1), 0);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	assert_int_equal(customer_part(&x->us, "w", 0).status, ATTACK_SUCCESSFULLY_MITIGATED);
}

/* 8811-2.2.1-02, 9132-4.4.1.1-65, 9132-4.4.1.3-49, 9132-4.4.1.3-50: the same request again at half
 * the lifetime, answered 2.04; and so on for a day. */
static void
it_is_refreshed_at_half_the_lifetime(void **state)
{
	struct scene *x = *state;
	const struct packet *first, *again;

	scene_start(x);
	scene_place(x);
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(PUTS(x)), 48);
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 1);
	assert_int_equal(COUNT(.code = COAP_204_CHANGED, .resource = PATH_MITIGATE), 47);
	assert_true(GAP(PUTS(x)) >= 1800 * S);
	first = PACKET(0, PUTS(x));
	again = PACKET(47, PUTS(x));
	assert_int_equal(first->mid, again->mid);
	assert_int_equal(first->len, again->len);
	assert_int_equal(recorder_starts(x->isp2.recorder), 1);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
}

/* 8811-2-12, 8612-SIG-006-10, 9132-4.4-03, 9132-4.4.4-01, 9132-4.4.4-08, 9132-4.4.4-09,
 * 9132-4.4.4-11, 9132-4.4.4-13, 9132-4.4.2-39, 9132-4.4.2.2-04: withdrawn at once, filtered for two
 * minutes more with status 5, then over. */
static void
a_released_wish_is_withdrawn_and_terminates(void **state)
{
	struct scene *x = *state;
	const struct mitigation *m;

	scene_start(x);
	scene_place(x);
	virtual_run(10 * S);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(1 * S, customer_wishes(&x->us) == 0);
	assert_int_equal(COUNT(.code = COAP_DELETE), 1);
	assert_int_equal(COUNT(.code = COAP_202_DELETED), 1);
	m = provider_mitigation(&x->isp2, PACKET(0, PUTS(x))->mid);
	assert_non_null(m);
	assert_int_equal(m->status, DOTS_CLIENT_WITHDRAWN_MITIGATION);
	virtual_run(118 * S);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	UNTIL(3 * S, recorder_active(x->isp2.recorder) == 0);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.code = COAP_DELETE), 1);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "wish"), 0);
	assert_int_equal(virtual_store_count(x->isp2.loop, "mitigation"), 0);
}

/* 9132-4.4.1.1-12, 9132-4.4.1.1-26: after a crash of ours the wish goes on under the same cuid and
 * mid; the server sees a refresh, the mitigation has no gap. */
static void
a_wish_survives_our_crash(void **state)
{
	struct scene *x = *state;
	uint32_t mid;

	scene_start(x);
	mid = scene_place(x);
	virtual_run(10 * S);
	virtual_crash(x->us.loop);
	customer_restart(&x->us);
	virtual_mark();
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
			     COUNT(.code = COAP_204_CHANGED, .resource = PATH_MITIGATE) == 1);
	assert_int_equal(PACKET(0, PUTS(x))->mid, mid);
	virtual_run(5 * S);
	assert_int_equal(COUNT(PUTS(x)), 1);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(recorder_starts(x->isp2.recorder), 1);
	assert_int_equal(recorder_stops(x->isp2.recorder), 0);
	virtual_run(1 * DAY);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
}

/* 8811-3.1-07, 9132-4.4.1.3-03, 9284-5.1-08: after a crash of the server its mitigations are there
 * with what is left of their lifetimes, and the client comes back by itself. */
static void
a_mitigation_survives_the_servers_crash(void **state)
{
	struct scene *x = *state;
	uint32_t mid;

	scene_start(x);
	mid = scene_place(x);
	virtual_run(10 * S);
	provider_crash(&x->isp2);
	virtual_run(20 * S);
	provider_restart(&x->isp2);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_in_range(mitigation_remaining(provider_mitigation(&x->isp2, mid), virtual_now()),
		3568, 3571);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	virtual_mark();
	UNTIL(20 * MINUTE, provider_sessions(&x->isp2) == 1);
	virtual_run(1 * DAY);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
}

/* Orderly restarts of both: the sessions are closed and come back. */
static void
an_orderly_restart_is_no_loss(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	provider_restart(&x->isp2);
	UNTIL(5 * S, provider_sessions(&x->isp2) == 1);
	virtual_run(5 * S);
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 1);
	customer_restart(&x->us);
	UNTIL(5 * S, provider_sessions(&x->isp2) == 1 && provider_sessions(&x->isp1) == 1);
	virtual_run(1 * HOUR);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(COUNT(.code = COAP_201_CREATED), 1);
	assert_int_equal(recorder_starts(x->isp2.recorder), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_servers_have_a_session_at_once),
		CASE(the_owner_is_asked_once_and_observed),
		CASE(it_is_refreshed_at_half_the_lifetime),
		CASE(a_released_wish_is_withdrawn_and_terminates),
		CASE(a_wish_survives_our_crash),
		CASE(a_mitigation_survives_the_servers_crash),
		CASE(an_orderly_restart_is_no_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
