/* Clients that ask for the same addresses (RFC 9132 4.4.1.3, 4.4.2.1): what each of them hears. */
#include "behind.h"
#include "scene.h"

enum { GAP_LEAST = 3 * S, PERIOD = 15 * S, TERMINATING = 120 * S };

/* Two of one customer, one of another one, at s1. */
struct world {
	struct provider isp;
	struct hand acme, beta, other;
};

static void
join(struct hand *h, const char *certificate, const char *address)
{
	hand_make(h, certificate, address);
	hand_dial(h, "s1", "192.0.2.10");
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->isp, "s1", "192.0.2.10", "192.0.2.64/26");
	provider_client(&x->isp, "beta", "192.0.2.64/26");
	provider_client(&x->isp, "other", "198.51.100.0/24");
	provider_start(&x->isp);
	join(&x->acme, "acme", "10.0.0.1/24");
	join(&x->beta, "beta", "10.0.0.2/24");
	join(&x->other, "other", "10.0.0.3/24");
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->acme);
	hand_free(&x->beta);
	hand_free(&x->other);
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

static uint8_t
try_put(struct hand *h, uint32_t mid, const char *target)
{
	hand_put(h, mid, target, 3600);
	UNTIL(1 * S, h->code != 0);
	return h->code;
}

static void
put(struct hand *h, uint32_t mid, const char *target)
{
	assert_int_equal(try_put(h, mid, target), COAP_201_CREATED);
}

/* It has a request for that target, and watches it. */
static void
watch(struct hand *h, uint32_t mid, const char *target)
{
	put(h, mid, target);
	virtual_run(1 * S);
	hand_observe(h, mid);
	UNTIL(1 * S, h->notifications == 1);
	virtual_run(GAP_LEAST);
}

static bool
is_told(const struct hand *h, const char *contested)
{
	return h->conflict.status == REQUEST_ACTIVE && h->conflict.cause == OVERLAPPING_TARGETS &&
	       !h->conflict.retry_timer && !strcmp(h->contested, contested);
}

/* What was sent on that association names it. */
static bool
names(const struct world *x, uint64_t dial, const char *text)
{
	struct want w = {.from = x->isp.loop, .kind = DATA, .dial = dial};

	for (size_t n = virtual_count(&w); n-- > 0;) {
		const struct packet *p = virtual_packet(&w, n);

		if (memmem(p->bytes, p->len, text, strlen(text)))
			return true;
	}
	return false;
}

/* 9132-4.4.1.3-21, 9132-4.4.1.3-22: that, and nothing else. */
static void
an_own_higher_mid_is_named(void **state)
{
	struct world *x = *state;

	put(&x->acme, 300, "192.0.2.66/32");
	assert_int_equal(try_put(&x->acme, 299, "192.0.2.64/27"), COAP_409_CONFLICT);
	assert_int_equal(x->acme.conflict_has, 1ULL << CONFLICT_CAUSE | 1ULL << CONFLICT_SCOPE);
	assert_int_equal(x->acme.conflict.cause, OVERLAPPING_TARGETS);
	assert_string_equal(x->acme.contested, "mid 300");
	assert_int_equal(provider_mitigations(&x->isp), 1);
}

/* 9132-4.4.1.3-30, 9132-4.4.1.3-31, 9132-4.4.1.3-33, 9132-4.4.2.1-08, 9132-4.4.2.1-10,
 * 8612-SIG-010-01, 8612-SIG-010-02, 8612-SIG-010-03: one in the answer, the other one by a
 * notification, of what they asked for themselves. 9132-4.4.1.3-41, 8612-SEC-003-01: neither hears
 * what the other one asked for. */
static void
both_are_told(void **state)
{
	struct world *x = *state;

	watch(&x->acme, 1, "192.0.2.66/32");
	assert_int_equal(x->acme.conflict.cause, 0);
	put(&x->beta, 770077, "192.0.2.64/27");
	assert_true(is_told(&x->beta, "192.0.2.64/27"));
	UNTIL(100, is_told(&x->acme, "192.0.2.66/32"));
	assert_int_equal(x->acme.status, ATTACK_SUCCESSFULLY_MITIGATED);
	assert_int_equal(recorder_active(x->isp.recorder), 2);
	assert_int_equal(recorder_stops(x->isp.recorder), 0);
	hand_observe(&x->beta, 770077);
	virtual_run(1 * MINUTE);
	assert_true(is_told(&x->beta, "192.0.2.64/27"));
	assert_false(names(x, 1, "192.0.2.64/27"));
	assert_false(names(x, 1, credentials_cuid(x->beta.credentials)));
	assert_true(names(x, 2, "192.0.2.64/27"));
	assert_false(names(x, 2, "192.0.2.66/32"));
	assert_int_equal(virtual_events(EVENT_MITIGATION_CONFLICT, "client=acme"), 1);
	assert_int_equal(virtual_events(EVENT_MITIGATION_CONFLICT, "client=beta"), 1);
}

/* 9132-4.4.2.1-08: who stays hears it at once, too, when the other one is gone: withdrawn, its
 * mitigation has to have ended. */
static void
the_end_of_a_conflict_is_told(void **state)
{
	struct world *x = *state;

	watch(&x->acme, 1, "192.0.2.66/32");
	put(&x->beta, 1, "192.0.2.64/27");
	UNTIL(100, x->acme.conflict.cause == OVERLAPPING_TARGETS);
	hand_delete(&x->beta, 1);
	virtual_run(TERMINATING - 1 * S);
	assert_int_equal(x->acme.conflict.cause, OVERLAPPING_TARGETS);
	virtual_mark();
	UNTIL(1 * S + GAP_LEAST, x->acme.conflict.cause == 0);
	assert_int_equal(x->acme.status, ATTACK_SUCCESSFULLY_MITIGATED);
	assert_int_equal(virtual_events(EVENT_MITIGATION_CONFLICT, "client=acme"), 1);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
}

/* 8811-2.3-01, 8612-SIG-010-02, 8612-SEC-003-01: a client of another domain hears nothing of it. */
static void
another_customer_hears_nothing(void **state)
{
	struct world *x = *state;
	unsigned before;

	watch(&x->other, 1, "198.51.100.66/32");
	put(&x->acme, 1, "192.0.2.66/32");
	before = x->other.notifications;
	put(&x->beta, 1, "192.0.2.66/32");
	assert_true(is_told(&x->beta, "192.0.2.66/32"));
	virtual_run(1 * S);
	assert_int_equal(x->other.notifications, before);
	virtual_run(2 * PERIOD);
	assert_int_equal(x->other.conflict.cause, 0);
	assert_false(names(x, 3, "192.0.2."));
	hand_put(&x->other, 2, "192.0.2.66/32", 3600); /* it may not ask for it at all */
	UNTIL(1 * S, x->other.code != 0);
	assert_int_equal(x->other.code, COAP_400_BAD_REQUEST);
	assert_int_equal(x->other.conflict.cause, 0);
}

/* 9132-4.4.2.1-05: who asks and withdraws without end makes the other one's notifications no more
 * than one in 3 s, and ten events a second. */
static void
a_restless_client_is_no_burden_to_others(void **state)
{
	struct world *x = *state;

	x->isp.setup.policy.terminating = 0;
	server_reload(x->isp.server, &x->isp.setup);
	watch(&x->acme, 1, "192.0.2.66/32");
	virtual_mark();
	for (uint32_t i = 0; i < 500; i++) {
		hand_put(&x->beta, i + 1, "192.0.2.66/32", 3600);
		hand_delete(&x->beta, i + 1);
		virtual_run(20);
	}
	assert_in_range(COUNT(.from = x->isp.loop, .code = COAP_205_CONTENT, .dial = 1), 3, 4);
	assert_true(GAP(.from = x->isp.loop, .code = COAP_205_CONTENT, .dial = 1) >= GAP_LEAST);
	assert_in_range(virtual_events(EVENT_MITIGATION_CONFLICT, ""), 90, 110);
	assert_in_range(virtual_events(EVENT_MITIGATION_CONFLICT, "untold="), 9, 11);
	UNTIL(PERIOD, x->acme.conflict.cause == 0);
}

/* Of one request's conflicts 64 are told at once: who else is in conflict hears it with what is
 * told every 15 s. */
static void
who_is_not_told_at_once_hears_it_in_time(void **state)
{
	static const char both[] = "10.0.0.0/8,192.0.2.64/26";
	struct world *x = *state;
	struct hand many, wide;
	char target[32];

	provider_client(&x->isp, "many", both);
	provider_client(&x->isp, "wide", both);
	join(&many, "many", "10.0.0.4/24");
	join(&wide, "wide", "10.0.0.5/24");
	for (unsigned i = 1; i <= CONFLICT_TOLD_MAX; i++) {
		snprintf(target, sizeof(target), "10.0.1.%u/32", i);
		put(&many, i, target);
	}
	watch(&x->acme, 1, "192.0.2.66/32");
	put(&wide, 1, both);
	virtual_run(1 * S);
	assert_int_equal(x->acme.conflict.cause, 0);
	UNTIL(PERIOD, is_told(&x->acme, "192.0.2.66/32"));
	hand_free(&many);
	hand_free(&wide);
}

/* It is nowhere on record, and is found anew. */
static void
a_restart_forgets_no_conflict(void **state)
{
	struct world *x = *state;

	put(&x->acme, 1, "192.0.2.66/32");
	put(&x->beta, 1, "192.0.2.66/32");
	provider_crash(&x->isp);
	provider_restart(&x->isp);
	hand_dial(&x->acme, "s1", "192.0.2.10");
	hand_observe(&x->acme, 1);
	UNTIL(1 * S, is_told(&x->acme, "192.0.2.66/32"));
}

/* ---- our own client ---- */

static bool
in_conflict(struct scene *x)
{
	return customer_part(&x->us, "w", 0).conflict.cause == OVERLAPPING_TARGETS;
}

/* 9132-4.4.2.1-12: the operator is alerted; the request stands. */
static void
our_operator_hears_of_a_conflict(void **state)
{
	struct scene *x = *state;
	struct hand beta;

	provider_client(&x->isp2, "beta", "198.51.100.64/26");
	scene_start(x);
	scene_place(x);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	hand_make(&beta, "beta", "198.51.100.99/26");
	hand_dial(&beta, "s2", "198.51.100.10");
	put(&beta, 1, "198.51.100.64/28");
	UNTIL(GAP_LEAST + 100, in_conflict(x));
	assert_int_equal(virtual_events(EVENT_ALERT, "4.4.2.1"), 1);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	virtual_run(5 * MINUTE);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 1); /* once */
	hand_delete(&beta, 1);
	UNTIL(TERMINATING + GAP_LEAST + 100, !in_conflict(x));
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 1);
	hand_free(&beta);
}

/* ... and of one that the answer tells of already. */
static void
our_operator_hears_of_a_conflict_that_was_there(void **state)
{
	struct scene *x = *state;
	struct hand beta;

	provider_client(&x->isp2, "beta", "198.51.100.64/26");
	scene_start(x);
	hand_make(&beta, "beta", "198.51.100.99/26");
	hand_dial(&beta, "s2", "198.51.100.10");
	put(&beta, 1, "198.51.100.64/28");
	scene_place(x);
	assert_int_equal(
		virtual_events(EVENT_RESPONSE, "conflict=overlapping-targets request-active"), 1);
	assert_int_equal(virtual_events(EVENT_ALERT, "4.4.2.1"), 1);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	hand_free(&beta);
}

/* ---- behind a gateway ---- */

/* At a gateway as at any server; upstream there is one request for both (M8). */
static void
clients_of_a_gateway_are_told(void **state)
{
	struct behind *x = *state;
	struct hand c2;

	provider_client(&x->gw, "c2", "0.0.0.0/0");
	hand_make(&c2, "c2", "10.0.0.2/24");
	hand_dial(&c2, "gw", "10.0.0.254");
	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	hand_observe(&x->c1, 1);
	UNTIL(1 * S, x->c1.notifications == 1);
	assert_int_equal(x->c1.conflict.cause, 0);
	virtual_run(GAP_LEAST);
	put(&c2, 9, "192.0.2.66/32");
	assert_true(is_told(&c2, "192.0.2.66/32"));
	UNTIL(GAP_LEAST, is_told(&x->c1, "192.0.2.66/32"));
	assert_int_equal(x->s1.puts, 1);
	hand_delete(&c2, 9);
	UNTIL(GAP_LEAST + 100, x->c1.conflict.cause == 0);
	assert_int_equal(x->s1.deletes, 0); /* c1 has it still */
	hand_free(&c2);
}

#define TOGETHER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TOGETHER(an_own_higher_mid_is_named),
		TOGETHER(both_are_told),
		TOGETHER(the_end_of_a_conflict_is_told),
		TOGETHER(another_customer_hears_nothing),
		TOGETHER(a_restless_client_is_no_burden_to_others),
		TOGETHER(who_is_not_told_at_once_hears_it_in_time),
		TOGETHER(a_restart_forgets_no_conflict),
		CASE(our_operator_hears_of_a_conflict),
		CASE(our_operator_hears_of_a_conflict_that_was_there),
		BEHIND(clients_of_a_gateway_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
