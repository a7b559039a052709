/* Recursive signaling (RFC 8811 3.2.3): a gateway that acts itself, and asks its providers beside
 * that. */
#include "behind.h"

static const char host[] = "192.0.2.66/32";
static const char both[] = "192.0.2.66/32,198.51.100.66/32";

static const struct mitigation *
ours(const struct behind *x)
{
	return provider_mitigation(&x->gw, 1);
}

/* What our own mitigator has dropped in all, told a second later. */
static void
drop(struct behind *x, uint64_t packets)
{
	recorder_counters(x->gw.recorder, packets, packets * 100);
	virtual_run(1 * S);
}

static void
flood(struct behind *x, uint64_t *total, uint64_t rate, int seconds)
{
	for (int i = 0; i < seconds; i++)
		drop(x, *total += rate);
}

static struct verdict
by_hand(struct behind *x)
{
	struct verdict v = server_escalate(x->gw.server, ours(x)->id);

	virtual_run(1 * S);
	return v;
}

/* Seconds until the one request upstream is released by itself. */
static void
see_until(void *arg, const char *id)
{
	struct behind *x = arg;
	struct arena *a = arena_new();
	struct wish_view v;

	assert_true(wishes_view(dots_client_wishes(x->us.client), id, loop_now(x->us.loop), a, &v));
	assert_in_range((v.until - loop_wall()) / 1000, 2990, 3000);
	arena_free(a);
}

static void
granted(struct behind *x, const char *target)
{
	assert_in_range(behind_put(x, 1, target, 1 * S), 0, 30);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	hand_observe(&x->c1, 1);
	virtual_run(4 * S);
}

static void
crash(struct behind *x)
{
	virtual_run(1 * S);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_run(1 * S);
	virtual_boot(x->us.loop);
	behind_start(x);
}

/* ---- when upstream is asked ----------------------------------------------------------------- */

/* What it drops itself is enough: nobody else is told. */
static void
what_we_can_take_stays_here(void **state)
{
	struct behind *x = *state;
	uint64_t total = 0;

	granted(x, host);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
	flood(x, &total, 100, 300);
	assert_int_equal(x->s1.puts, 0);
	assert_int_equal(virtual_events(EVENT_ESCALATED, ""), 0);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
}

/* 8811-3.2.3-01, 8811-3.2.3-03, 8811-3.3.2-02, 8811-3.3.2-05: beyond that upstream is asked for the
 * same; the client sees no more of it than its answer's status. */
static void
an_overload_is_escalated(void **state)
{
	struct behind *x = *state;
	uint64_t total = 0;

	x->s1.status = ATTACK_SUCCESSFULLY_MITIGATED;
	granted(x, both);
	flood(x, &total, 150, 25);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(x->s2.puts, 1);
	assert_int_equal(virtual_events(EVENT_ESCALATED, "rate"), 1);
	assert_int_equal(virtual_events(EVENT_ESCALATED, "isp1,isp2"), 1);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	/* Once is enough. */
	flood(x, &total, 150, 60);
	assert_int_equal(x->s1.puts, 1);
}

/* 8811-3.3.1-03: with the scope and what is left of the lifetime that the client asked for. */
static void
the_operator_escalates_by_hand(void **state)
{
	struct behind *x = *state;
	struct verdict v;

	granted(x, host);
	virtual_run(596 * S);
	v = by_hand(x);
	assert_int_equal(coap_class(v.code), 2);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(virtual_events(EVENT_ESCALATED, "operator"), 1);
	assert_int_equal(customer_wishes(&x->us), 1);
	wishes_each(dots_client_wishes(x->us.client), see_until, x);
	/* It ends there with the client's. */
	virtual_run(2995 * S);
	assert_int_equal(x->s1.deletes, 0);
	virtual_run(6 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(provider_mitigations(&x->gw), 0);
}

static void
what_cannot_be_escalated_is_refused_to_the_operator(void **state)
{
	struct behind *x = *state;
	struct verdict v = server_escalate(x->gw.server, 77);

	assert_int_equal(v.code, COAP_404_NOT_FOUND);
	granted(x, host);
	hand_delete(&x->c1, 1);
	virtual_run(1 * S);
	v = by_hand(x);
	assert_non_null(strstr(v.why, "withdrawn"));
	assert_int_equal(x->s1.puts, 0);
}

/* No provider of ours protects it: an alert, and ours go on alone. */
static void
what_nobody_protects_is_alerted(void **state)
{
	struct behind *x = *state;
	struct verdict v;

	granted(x, "203.0.113.7/32");
	v = by_hand(x);
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_true(virtual_events(EVENT_ALERT, "203.0.113.7/32") > 0);
	assert_int_equal(x->s1.puts + x->s2.puts, 0);
	assert_int_equal(ours(x)->status, ATTACK_EXCEEDED_CAPABILITY);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
}

/* Without a rate all is asked upstream, but nobody waits for it. */
static void
without_a_rate_upstream_is_asked_at_once(void **state)
{
	struct behind *x = *state;

	x->gw.setup.above.rate = 0;
	server_reload(x->gw.server, &x->gw.setup);
	x->s1.silent = true;
	assert_in_range(behind_put(x, 1, host, 1 * S), 0, 30);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(1 * S);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(virtual_events(EVENT_ESCALATED, "always"), 1);
	assert_int_equal(ours(x)->status, ATTACK_MITIGATION_IN_PROGRESS);
}

/* A provider that is away is asked when it is back (M3). */
static void
a_provider_that_is_away_is_asked_later(void **state)
{
	struct behind *x = *state;
	struct verdict v;

	granted(x, host);
	virtual_link_set(x->us.loop, "wan1", false);
	virtual_run(1 * S);
	v = by_hand(x);
	assert_int_equal(coap_class(v.code), 2);
	assert_true(virtual_events(EVENT_ALERT, host) > 0);
	assert_int_equal(x->s1.puts, 0);
	virtual_link_set(x->us.loop, "wan1", true);
	UNTIL(2 * S, x->s1.puts == 1);
}

/* The client asks for more under a newer mid: what was too much before is so still. */
static void
a_newer_request_takes_the_escalation_over(void **state)
{
	struct behind *x = *state;

	granted(x, host);
	by_hand(x);
	behind_put(x, 2, "192.0.2.64/28", 1 * S);
	virtual_run(1 * S);
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(virtual_events(EVENT_ESCALATED, "predecessor"), 1);
	assert_int_equal(customer_wishes(&x->us), 1);
}

/* RFC 8768 3: with the hops that are left of its request, also after a crash; who has none left is
 * refused as at any gateway. */
static void
hops_run_down_when_it_is_escalated(void **state)
{
	struct behind *x = *state;
	const struct packet *p;
	struct coap_msg m;
	const char *why;
	uint8_t limit = 0;

	x->c1.hop_limit = 1;
	behind_put(x, 1, host, 1 * S);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	x->c1.hop_limit = 5;
	granted(x, host);
	crash(x);
	virtual_mark();
	by_hand(x);
	p = PACKET(0, .from = x->us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE);
	assert_int_equal(coap_decode(p->bytes, p->len, &m, &why), 0);
	assert_int_equal(coap_hop_limit(&m, &limit), 0);
	assert_int_equal(limit, 4);
}

/* A refresh of the client renews what was asked for upstream, and asks nobody else. */
static void
a_refresh_renews_it_upstream(void **state)
{
	struct behind *x = *state;

	x->s1.conflict = (struct conflict){REQUEST_ACTIVE, OVERLAPPING_TARGETS, 0};
	granted(x, host);
	by_hand(x);
	virtual_run(3000 * S);
	x->c1.conflict.cause = 0;
	x->s1.silent = true;
	assert_in_range(behind_put(x, 1, host, 1 * S), 0, 30);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	assert_int_equal(x->c1.conflict.cause, OVERLAPPING_TARGETS);
	x->s1.silent = false;
	virtual_run(3000 * S);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(virtual_events(EVENT_ESCALATED, ""), 1);
	virtual_run(601 * S);
	assert_int_equal(x->s1.deletes, 1);
}

/* ---- one status out of two ------------------------------------------------------------------ */

/* M13: the worse one; what ends upstream ends nothing here. */
static void
the_status_is_the_worse_of_both(void **state)
{
	struct behind *x = *state;

	granted(x, host);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
	by_hand(x);
	virtual_run(3 * S);
	assert_int_equal(x->c1.status, ATTACK_MITIGATION_IN_PROGRESS);
	script_notify(&x->s1, ATTACK_EXCEEDED_CAPABILITY, 3000);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_EXCEEDED_CAPABILITY);
	script_notify(&x->s1, ATTACK_STOPPED, 3000);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
	script_notify(&x->s1, ATTACK_MITIGATION_WITHDRAWN, 0);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	assert_true(virtual_events(EVENT_ALERT, "ended by the server") > 0);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* A server that ends what it has accepted is not asked again within a minute. */
static void
what_ended_upstream_is_measured_anew(void **state)
{
	struct behind *x = *state;
	uint64_t total = 0;

	granted(x, host);
	flood(x, &total, 500, 15);
	assert_int_equal(x->s1.puts, 1);
	script_notify(&x->s1, ATTACK_MITIGATION_TERMINATED, 0);
	flood(x, &total, 500, 55);
	assert_int_equal(x->s1.puts, 1);
	flood(x, &total, 500, 15);
	assert_int_equal(x->s1.puts, 2);
}

/* 8811-3.2.3-09, M13: refused upstream: status 4, an alert, ours go on; the client hears nothing
 * of whom we asked. It is not asked again by itself, by hand it is. */
static void
a_refusal_upstream_is_exceeded_capability(void **state)
{
	struct behind *x = *state;
	uint64_t total = 0;

	x->s1.put = COAP_400_BAD_REQUEST;
	x->s1.text = "not at s1";
	granted(x, host);
	flood(x, &total, 500, 15);
	assert_int_equal(x->s1.puts, 1);
	assert_true(virtual_events(EVENT_ALERT, "not at s1") > 0);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_EXCEEDED_CAPABILITY);
	assert_string_equal(x->c1.text, "");
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	flood(x, &total, 500, 120);
	assert_int_equal(x->s1.puts, 1);
	x->s1.put = 0;
	x->s1.status = ATTACK_SUCCESSFULLY_MITIGATED;
	by_hand(x);
	virtual_run(4 * S);
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
}

/* A loop: nobody acts there, ours do (RFC 8768 4). */
static void
a_loop_upstream_ends_nothing_here(void **state)
{
	struct behind *x = *state;

	x->s1.put = COAP_508_HOP_LIMIT_REACHED;
	granted(x, host);
	by_hand(x);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_EXCEEDED_CAPABILITY);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
}

/* ---- counters ------------------------------------------------------------------------------- */

/* 8811-3.2.3-04, 8811-3.2.3-05: own and upstream's. */
static void
counters_of_both_are_summed(void **state)
{
	struct behind *x = *state;

	x->s1.packets = 50;
	granted(x, host);
	by_hand(x);
	virtual_run(4 * S);
	drop(x, 100);
	assert_int_equal(ours(x)->packets, 150);
	assert_int_equal(ours(x)->bytes, 15000);
	assert_true(ours(x)->pps > 0);
	drop(x, 200);
	assert_int_equal(ours(x)->packets, 250);
}

/* ---- withdrawals, crashes ------------------------------------------------------------------- */

/* 8811-3.2.3-06: acknowledged at once and passed on; ours terminate in their own time. */
static void
a_withdrawal_goes_up(void **state)
{
	struct behind *x = *state;
	mono_ms asked;

	granted(x, host);
	by_hand(x);
	asked = virtual_now();
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->c1.code == COAP_202_DELETED);
	assert_in_range(x->c1.answered - asked, 0, 30);
	virtual_run(1 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(ours(x)->status, DOTS_CLIENT_WITHDRAWN_MITIGATION);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	virtual_run(121 * S);
	assert_int_equal(recorder_active(x->gw.recorder), 0);
}

/* Revived before that, it is measured anew. */
static void
what_is_revived_is_not_escalated_any_more(void **state)
{
	struct behind *x = *state;
	uint64_t total = 0;

	granted(x, host);
	by_hand(x);
	assert_int_equal(x->s1.puts, 1);
	hand_delete(&x->c1, 1);
	virtual_run(10 * S);
	behind_put(x, 1, host, 1 * S);
	virtual_run(5 * S);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(ours(x)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	flood(x, &total, 500, 15);
	assert_int_equal(x->s1.puts, 2);
}

/* What was escalated stays so, with all that was counted. */
static void
an_escalation_survives_a_crash(void **state)
{
	struct behind *x = *state;
	uint64_t total = 100;

	x->s1.packets = 50;
	granted(x, host);
	by_hand(x);
	drop(x, 100);
	virtual_run(4 * S);
	assert_int_equal(ours(x)->packets, 150);
	/* A change of status puts it on record. */
	script_notify(&x->s1, ATTACK_SUCCESSFULLY_MITIGATED, 3000);
	virtual_run(4 * S);
	x->s1.status = ATTACK_SUCCESSFULLY_MITIGATED;
	crash(x);
	virtual_run(4 * S);
	assert_true(ours(x)->escalated);
	assert_int_equal(ours(x)->packets, 150);
	assert_int_equal(ours(x)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	virtual_mark();
	flood(x, &total, 500, 30);
	assert_int_equal(virtual_events(EVENT_ESCALATED, ""), 0);
	assert_int_equal(customer_wishes(&x->us), 1);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	hand_delete(&x->c1, 1);
	virtual_run(1 * S);
	assert_int_equal(x->s1.deletes, 1);
}

/* Upstream is not asked any more after a restart: what it had said counts no longer, what it had
 * dropped does. */
static void
without_escalation_after_a_restart_it_is_ours_alone(void **state)
{
	struct behind *x = *state;

	x->s1.packets = 50;
	granted(x, host);
	by_hand(x);
	virtual_run(4 * S);
	script_notify(&x->s1, ATTACK_EXCEEDED_CAPABILITY, 3000);
	virtual_run(4 * S);
	assert_int_equal(ours(x)->status, ATTACK_EXCEEDED_CAPABILITY);
	provider_stop(&x->gw);
	x->gw.escalation = NULL;
	provider_start(&x->gw);
	virtual_run(1 * S);
	assert_int_equal(ours(x)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	assert_int_equal(ours(x)->packets, 50);
	assert_false(ours(x)->escalated);
	assert_non_null(strstr(by_hand(x).why, "does not ask upstream"));
}

/* What was not is measured again. */
static void
what_was_not_escalated_is_measured_after_a_crash(void **state)
{
	struct behind *x = *state;
	uint64_t total = 0;

	granted(x, host);
	crash(x);
	virtual_run(1 * S);
	assert_false(ours(x)->escalated);
	assert_int_equal(x->s1.puts, 0);
	flood(x, &total, 500, 15);
	assert_int_equal(x->s1.puts, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ACTING(what_we_can_take_stays_here),
		ACTING(an_overload_is_escalated),
		ACTING(the_operator_escalates_by_hand),
		ACTING(what_cannot_be_escalated_is_refused_to_the_operator),
		ACTING(what_nobody_protects_is_alerted),
		ACTING(without_a_rate_upstream_is_asked_at_once),
		ACTING(a_provider_that_is_away_is_asked_later),
		ACTING(a_newer_request_takes_the_escalation_over),
		ACTING(hops_run_down_when_it_is_escalated),
		ACTING(a_refresh_renews_it_upstream),
		ACTING(the_status_is_the_worse_of_both),
		ACTING(what_ended_upstream_is_measured_anew),
		ACTING(a_refusal_upstream_is_exceeded_capability),
		ACTING(a_loop_upstream_ends_nothing_here),
		ACTING(counters_of_both_are_summed),
		ACTING(a_withdrawal_goes_up),
		ACTING(what_is_revived_is_not_escalated_any_more),
		ACTING(an_escalation_survives_a_crash),
		ACTING(without_escalation_after_a_restart_it_is_ours_alone),
		ACTING(what_was_not_escalated_is_measured_after_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
