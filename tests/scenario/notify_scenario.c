/* Notifications (RFC 9132 4.4.2.1, RFC 7641): when, how often, and the last word. */
#include "scene.h"

enum { GAP_LEAST = 3 * S, PERIOD = 15 * S };

/* Two clients by hand of one client, at s1: one acts, one watches. */
struct world {
	struct provider isp;
	struct hand actor, watcher;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->isp, "s1", "192.0.2.10", "192.0.2.64/26");
	provider_start(&x->isp);
	hand_make(&x->actor, "acme", "10.0.0.1/24");
	hand_make(&x->watcher, "acme", "10.0.0.2/24");
	hand_dial(&x->actor, "s1", "192.0.2.10");
	hand_dial(&x->watcher, "s1", "192.0.2.10"); /* the second association */
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->actor);
	hand_free(&x->watcher);
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

#define TOLD(x) .from = (x)->isp.loop, .code = COAP_205_CONTENT, .dial = 2

static void
put(struct world *x, uint32_t mid, const char *target, int64_t lifetime)
{
	hand_put(&x->actor, mid, target, lifetime);
	UNTIL(1 * S, x->actor.code != 0);
}

/* Mid 1 is there and watched. */
static void
watch(struct world *x)
{
	put(x, 1, "192.0.2.66/32", 3600);
	virtual_run(1 * S);
	hand_observe(&x->watcher, 1);
	UNTIL(1 * S, x->watcher.notifications == 1);
}

/* 8811-2-09, 8811-2.2.2-04, 9132-3-11, 9132-4.4.2.1-03, 9132-4.4.2.1-04, 9132-4.4.2.1-06: every 15
 * s while it lives, never Confirmable, also after a day. */
static void
status_is_told_periodically(void **state)
{
	struct world *x = *state;
	size_t n;

	put(x, 1, "192.0.2.66/32", 86400);
	hand_observe(&x->watcher, 1);
	virtual_run(23 * HOUR);
	n = COUNT(TOLD(x));
	assert_in_range(n, 23 * 240, 23 * 240 + 1);
	assert_int_equal(GAP(TOLD(x)), PERIOD);
	hand_put(&x->actor, 1, "192.0.2.66/32", 86400);
	virtual_run(4 * HOUR);
	for (n = COUNT(TOLD(x)); n-- > 0;)
		assert_int_equal(PACKET(n, TOLD(x))->type, COAP_NON);
}

/* 8612-3.1-01, 9132-4.4-05, 9132-4.4.2.1-05: ten changes a second: one notification every 3 s, and
 * the last state is told. */
static void
changes_are_told_every_three_seconds_at_most(void **state)
{
	struct world *x = *state;

	watch(x);
	for (int i = 0; i < 300; i++) {
		if (i % 2)
			hand_put(&x->actor, 1, "192.0.2.66/32", 3600);
		else
			hand_delete(&x->actor, 1);
		virtual_run(100);
	}
	assert_in_range(COUNT(TOLD(x)), 10, 12);
	assert_true(GAP(TOLD(x)) >= GAP_LEAST);
	hand_delete(&x->actor, 1); /* the last change */
	UNTIL(GAP_LEAST + 100, x->watcher.status == DOTS_CLIENT_WITHDRAWN_MITIGATION);
}

static uint32_t
number_of(const struct packet *p, struct coap_msg *ret)
{
	const char *why;
	uint32_t observe = 0;

	assert_int_equal(coap_decode(p->bytes, p->len, ret, &why), 0);
	assert_true(coap_get_uint(ret, COAP_OPT_OBSERVE, &observe));
	return observe;
}

/* 9132-4.4.2.1-16: all under the token of the registration, each with a higher number. */
static void
notifications_are_numbered_under_one_token(void **state)
{
	struct world *x = *state;
	struct coap_msg first, m;
	uint32_t last;

	watch(x);
	for (int i = 0; i < 5; i++) {
		virtual_run(4 * S);
		if (i % 2)
			hand_put(&x->actor, 1, "192.0.2.66/32", 3600);
		else
			hand_delete(&x->actor, 1);
	}
	virtual_run(PERIOD);
	assert_true(COUNT(TOLD(x)) > 5);
	last = number_of(PACKET(0, TOLD(x)), &first);
	for (size_t n = 1; n < COUNT(TOLD(x)); n++) {
		uint32_t number = number_of(PACKET(n, TOLD(x)), &m);

		assert_true(number > last);
		last = number;
		assert_int_equal(m.token_len, first.token_len);
		assert_memory_equal(m.token, first.token, m.token_len);
	}
}

/* The first change after a quiet time is told at once. */
static void
a_change_after_silence_is_told_at_once(void **state)
{
	struct world *x = *state;

	watch(x);
	virtual_run(10 * S);
	hand_delete(&x->actor, 1);
	UNTIL(100, x->watcher.status == DOTS_CLIENT_WITHDRAWN_MITIGATION);
}

/* 9132-4.4.2-39, 9132-4.4.2.1-05: the end right after a change is told too, 3 s later, and then
 * nothing more. */
static void
the_last_word_keeps_its_distance(void **state)
{
	struct world *x = *state;

	x->isp.setup.policy.terminating = 1; /* s */
	server_reload(x->isp.server, &x->isp.setup);
	watch(x);
	virtual_run(10 * S);
	hand_delete(&x->actor, 1);
	UNTIL(100, x->watcher.status == DOTS_CLIENT_WITHDRAWN_MITIGATION);
	virtual_run(2 * S);
	assert_int_equal(provider_mitigations(&x->isp), 0);
	UNTIL(2 * S, x->watcher.status == ATTACK_MITIGATION_TERMINATED);
	assert_true(GAP(TOLD(x)) >= GAP_LEAST);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(TOLD(x)), 0);
}

/* 8612-SIG-007-01, 9132-4.4.2-39, 9132-4.4.1.1-64, 9132-3-12: so is the end of its lifetime. */
static void
the_end_of_its_lifetime_is_told(void **state)
{
	struct world *x = *state;

	put(x, 1, "192.0.2.66/32", 100);
	hand_observe(&x->watcher, 1);
	virtual_run(99 * S);
	assert_int_not_equal(x->watcher.status, ATTACK_MITIGATION_TERMINATED);
	UNTIL(3 * S, x->watcher.status == ATTACK_MITIGATION_TERMINATED);
	assert_true(GAP(TOLD(x)) >= GAP_LEAST);
}

/* Who watches all: what goes is told beside what stays, in one notification. */
static void
all_that_ended_is_told_to_who_watches_all(void **state)
{
	struct world *x = *state;

	put(x, 1, "192.0.2.66/32", 3600);
	put(x, 2, "192.0.2.67/32", 60);
	put(x, 3, "192.0.2.68/32", 61);
	hand_observe(&x->watcher, 0);
	UNTIL(1 * S, x->watcher.notifications == 1);
	assert_int_equal(x->watcher.entries, 3);
	virtual_run(56 * S); /* just after a periodic one */
	virtual_mark();
	virtual_run(10 * S);
	assert_true(GAP(TOLD(x)) >= GAP_LEAST);
	virtual_run(PERIOD);
	assert_int_equal(x->watcher.entries, 1);
	virtual_run(1 * MINUTE);
	assert_int_equal(provider_mitigations(&x->isp), 1);
	assert_int_equal(x->watcher.entries, 1);
}

/* 9132-4.4.2.1-13: a watcher that has forgotten says so by RST and is forgotten. */
static void
who_has_forgotten_is_forgotten(void **state)
{
	struct world *x = *state;

	watch(x);
	hand_forget(&x->watcher);
	virtual_run(20 * S);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(TOLD(x)), 0);
}

/* 4218-6-01: Each watcher has its own pace. */
static void
watchers_do_not_share_a_pace(void **state)
{
	struct world *x = *state;

	watch(x);
	virtual_run(1 * S);
	hand_observe(&x->actor, 1);
	virtual_run(1500);
	hand_delete(&x->actor, 1); /* 2.5 s after the one, 1.5 s after the other */
	UNTIL(600, x->watcher.status == DOTS_CLIENT_WITHDRAWN_MITIGATION);
	assert_int_not_equal(x->actor.status, DOTS_CLIENT_WITHDRAWN_MITIGATION);
	UNTIL(1100, x->actor.status == DOTS_CLIENT_WITHDRAWN_MITIGATION);
}

/* 8811-5-08, 8612-SIG-006-08, 8612-SIG-006-09, 9132-4.4.4-12: asked for again in its terminating
 * period it lives on; the next period is longer, up to 300 s. */
static void
who_changes_its_mind_terminates_longer(void **state)
{
	struct world *x = *state;
	static const int64_t periods[] = {120, 240, 300, 300};

	put(x, 1, "192.0.2.66/32", 3600);
	for (size_t i = 0; i < 4; i++) {
		hand_delete(&x->actor, 1);
		virtual_run(1 * S);
		assert_int_equal(
			mitigation_remaining(provider_mitigation(&x->isp, 1), virtual_now()),
			periods[i]);
		virtual_run(50 * S);
		put(x, 1, "192.0.2.66/32", 3600);
		assert_int_equal(x->actor.code, COAP_204_CHANGED);
		assert_int_equal(x->actor.lifetime, 3600);
	}
	assert_int_equal(recorder_starts(x->isp.recorder), 1);
	assert_int_equal(recorder_stops(x->isp.recorder), 0);
}

/* 8612-SIG-007-02, 8612-SIG-007-03: asked for ever, granted what the policy says, and told so. */
static void
an_indefinite_lifetime_is_answered_with_what_is_granted(void **state)
{
	struct world *x = *state;

	x->isp.setup.policy.lifetime_max = 7200;
	server_reload(x->isp.server, &x->isp.setup);
	put(x, 1, "192.0.2.66/32", LIFETIME_INDEFINITE);
	assert_int_equal(x->actor.code, COAP_201_CREATED);
	assert_int_equal(x->actor.lifetime, 7200);
	x->isp.setup.policy.allow_indefinite = true;
	server_reload(x->isp.server, &x->isp.setup);
	put(x, 2, "192.0.2.67/32", LIFETIME_INDEFINITE);
	assert_int_equal(x->actor.lifetime, LIFETIME_INDEFINITE);
}

#define WATCHED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* 9132-4.5-04: who does not respond is sent no more bytes a second than probing-rate says, on
 * average, and is told the news as soon as it is heard again. */
static void
a_silent_observer_is_told_less_often(void **state)
{
	struct world *x = *state;
	size_t n, bytes = 0;
	unsigned told;

	x->isp.setup.heartbeat.missing_allowed = 10000;
	x->isp.setup.session[SESSION_MITIGATING].has = 1ULL << CONFIG_PROBING_RATE;
	x->isp.setup.session[SESSION_MITIGATING].params.probing_rate = 1;
	server_reload(x->isp.server, &x->isp.setup);
	watch(x);
	put(x, 1, "192.0.2.66/32", 36000);
	virtual_way(x->watcher.loop, "eth0")->lose_out = true;
	UNTIL(2 * MINUTE, virtual_events(EVENT_SESSION_SILENT, "role=server") == 1);
	virtual_mark();
	virtual_run(1 * HOUR);
	n = COUNT(TOLD(x));
	for (size_t i = 0; i < n; i++)
		bytes += PACKET(i, TOLD(x))->len;
	assert_in_range(n, 10, 35); /* 240 to one that responds */
	assert_true(bytes <= 3600);
	told = x->watcher.notifications;
	virtual_way(x->watcher.loop, "eth0")->lose_out = false;
	UNTIL(31 * S, virtual_events(EVENT_SESSION_HEARD, "role=server") == 1);
	UNTIL(3 * S, x->watcher.notifications > told);
	/* Heard a moment after it was told, it hears the news 3 s later (9132-4.4.2.1-05). */
	virtual_mark();
	virtual_way(x->watcher.loop, "eth0")->lose_out = true;
	UNTIL(2 * MINUTE, virtual_events(EVENT_SESSION_SILENT, "role=server") == 1);
	virtual_mark();
	UNTIL(10 * MINUTE, COUNT(TOLD(x)) == 1);
	virtual_way(x->watcher.loop, "eth0")->lose_out = false;
	hand_heartbeat(&x->watcher);
	virtual_run(10 * S);
	assert_in_range(GAP(TOLD(x)), GAP_LEAST, GAP_LEAST + 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(status_is_told_periodically),
		WATCHED(changes_are_told_every_three_seconds_at_most),
		WATCHED(notifications_are_numbered_under_one_token),
		WATCHED(a_change_after_silence_is_told_at_once),
		WATCHED(the_last_word_keeps_its_distance),
		WATCHED(the_end_of_its_lifetime_is_told),
		WATCHED(all_that_ended_is_told_to_who_watches_all),
		WATCHED(who_has_forgotten_is_forgotten),
		WATCHED(watchers_do_not_share_a_pace),
		WATCHED(who_changes_its_mind_terminates_longer),
		WATCHED(an_indefinite_lifetime_is_answered_with_what_is_granted),
		WATCHED(a_silent_observer_is_told_less_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
