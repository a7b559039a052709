/* The operator of a server or gateway: what is ended by hand, who is suspended, what is observed
 * only. */
#include "behind.h"

/* ---- terminate ------------------------------------------------------------------------------ */

static uint64_t
id_of(const struct behind *x, uint32_t mid)
{
	return provider_mitigation(&x->gw, mid)->id;
}

/* 9132-4.4.2-40: told as withdrawn by the server, and withdrawn where it was asked for. */
static void
what_is_terminated_is_withdrawn_upstream(void **state)
{
	struct behind *x = *state;
	struct verdict v;

	behind_put(x, 1, "192.0.2.66/32,198.51.100.66/32", 5 * S);
	hand_observe(&x->c1, 1);
	UNTIL(5 * S, x->c1.notifications == 1);
	v = server_terminate(x->gw.server, id_of(x, 1), "enough");
	virtual_turn(x->us.loop);
	assert_true(verdict_ok(&v));
	assert_null(provider_mitigation(&x->gw, 1));
	UNTIL(5 * S, x->c1.notifications > 1 && x->c1.status == ATTACK_MITIGATION_WITHDRAWN);
	UNTIL(5 * S, x->s1.deletes == 1 && x->s2.deletes == 1);
	assert_int_equal(virtual_events(EVENT_TERMINATED, "client=c1 mid=1"), 1);
	assert_int_equal(virtual_events(EVENT_TERMINATED, "reason=enough"), 1);
	virtual_run(1 * MINUTE);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "mitigation"), 0);
	v = server_terminate(x->gw.server, 99, NULL);
	assert_false(verdict_ok(&v));
}

/* Its client has withdrawn it already: that is what it was (status 6), and it ends at once. */
static void
what_is_terminating_ends_at_once(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	virtual_run(1 * S);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	hand_observe(&x->c1, 1);
	hand_delete(&x->c1, 1);
	virtual_run(5 * S);
	assert_int_equal(x->c1.status, DOTS_CLIENT_WITHDRAWN_MITIGATION);
	server_terminate(x->gw.server, id_of(x, 1), NULL);
	virtual_turn(x->us.loop);
	assert_int_equal(recorder_active(x->gw.recorder), 0);
	virtual_run(5 * S);
	assert_int_equal(x->c1.status, ATTACK_MITIGATION_TERMINATED);
}

/* ---- suspend -------------------------------------------------------------------------------- */

/* 8811-2.2.2-19: also what nobody upstream has decided yet. */
static void
a_request_that_waits_is_refused_to_who_is_suspended(void **state)
{
	struct behind *x = *state;
	struct verdict v;

	x->s1.silent = true;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	virtual_run(1 * S);
	assert_int_equal(x->c1.code, 0);
	v = server_suspend(x->gw.server, "c1", NULL, false);
	virtual_turn(x->us.loop);
	assert_true(verdict_ok(&v));
	virtual_run(500);
	assert_int_equal(x->c1.code, 0); /* it was asked for before */
	server_suspend(x->gw.server, "c1", "now", true);
	virtual_turn(x->us.loop);
	UNTIL(1 * S, x->c1.code == COAP_403_FORBIDDEN);
	x->s1.silent = false;
	UNTIL(10 * S, x->s1.deletes == 1);
	virtual_run(1 * MINUTE);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(provider_mitigations(&x->gw), 0);
}

/* Nor do others ask for it, nor it for others. */
static void
a_suspension_goes_for_what_a_gateway_asks_on_behalf(void **state)
{
	struct behind *x = *state;

	provider_customer(&x->gw, "customer", "0.0.0.0/0", "7eeaf349529eb55ed50113");
	((struct client *)(uintptr_t)clients_named(x->gw.clients, "c1"))->gateway = true;
	x->c1.cdid = "7eeaf349529eb55ed50113";
	server_suspend(x->gw.server, "customer", NULL, false);
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_403_FORBIDDEN);
	server_resume(x->gw.server, "customer");
	server_suspend(x->gw.server, "c1", NULL, false);
	behind_put(x, 2, "192.0.2.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_403_FORBIDDEN);
	server_resume(x->gw.server, "c1");
	behind_put(x, 3, "192.0.2.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

static bool
is_suspended(const struct behind *x)
{
	struct client_view v;

	assert_true(server_client(x->gw.server, "c1", &v));
	return v.suspended;
}

static void
a_suspension_survives_a_crash(void **state)
{
	struct behind *x = *state;

	server_suspend(x->gw.server, "c1", "why", false);
	virtual_turn(x->us.loop);
	virtual_run(1 * S);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_boot(x->us.loop);
	behind_start(x);
	assert_true(is_suspended(x));
	server_resume(x->gw.server, "c1");
	virtual_turn(x->us.loop);
	virtual_run(1 * S);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_boot(x->us.loop);
	behind_start(x);
	assert_false(is_suspended(x));
}

/* ---- observe -------------------------------------------------------------------------------- */

static struct client *
client_of(const struct behind *x)
{
	return (struct client *)(uintptr_t)clients_named(x->gw.clients, "c1");
}

/* 9132-4.4.2-33, 9132-4.4.2-34: nothing is mitigated, so status 2 is never told; nothing is
 * dropped, so nothing is counted as that, and upstream, which would drop, is not asked. */
static void
who_is_observed_is_told_the_truth(void **state)
{
	struct behind *x = *state;
	const struct mitigation *m;

	client_of(x)->action.kind = ACTION_OBSERVE;
	x->gw.setup.above.rate = 0; /* everybody else's goes upstream at once */
	server_reload(x->gw.server, &x->gw.setup);
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	hand_observe(&x->c1, 1);
	virtual_run(1 * S);
	m = provider_mitigation(&x->gw, 1);
	for (unsigned i = 1; i <= 30; i++) {
		recorder_counters(x->gw.recorder, 100000 * i, 10000000 * i);
		virtual_run(1 * S);
	}
	assert_int_equal(m->status, ATTACK_MITIGATION_IN_PROGRESS);
	assert_int_equal(x->c1.status, ATTACK_MITIGATION_IN_PROGRESS);
	assert_int_equal(m->packets, 0);
	assert_int_equal(m->observed.packets, 3000000);
	assert_int_equal(x->s1.puts, 0);
	assert_int_equal(virtual_events(EVENT_MITIGATION_START, "action=observe"), 1);
	/* The same over a restart. */
	behind_stop(x);
	behind_start(x);
	virtual_run(1 * S);
	m = provider_mitigation(&x->gw, 1);
	assert_int_equal(m->status, ATTACK_MITIGATION_IN_PROGRESS);
	/* From now on it is meant. */
	client_of(x)->action.kind = ACTION_DROP;
	server_reload(x->gw.server, &x->gw.setup);
	virtual_turn(x->us.loop);
	virtual_run(1 * S);
	assert_int_equal(virtual_events(EVENT_MITIGATION_START, "action=drop"), 1);
	assert_int_equal(m->status, ATTACK_SUCCESSFULLY_MITIGATED);
	recorder_counters(x->gw.recorder, 10, 1000);
	virtual_run(1 * S);
	assert_int_equal(m->packets, 10);
}

/* Withdrawn and asked for again it is still observed only. */
static void
what_is_revived_is_observed_still(void **state)
{
	struct behind *x = *state;

	client_of(x)->action.kind = ACTION_OBSERVE;
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	virtual_run(1 * S);
	hand_delete(&x->c1, 1);
	virtual_run(1 * S);
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	assert_int_equal(provider_mitigation(&x->gw, 1)->status, ATTACK_MITIGATION_IN_PROGRESS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BEHIND(what_is_terminated_is_withdrawn_upstream),
		ACTING(what_is_terminating_ends_at_once),
		BEHIND(a_request_that_waits_is_refused_to_who_is_suspended),
		ACTING(a_suspension_goes_for_what_a_gateway_asks_on_behalf),
		BEHIND(a_suspension_survives_a_crash),
		ACTING(who_is_observed_is_told_the_truth),
		ACTING(what_is_revived_is_observed_still),
	};

	return cmocka_run_group_tests_name("operator", tests, NULL, NULL);
}
