/* What one peer can make the others pay for, and what happens beyond (doc/limits.md). */
#include "scene.h"

#include <stdio.h>

#include "core/rate.h"

enum { TOLD = 10, FLOOD = 50, CROWD = 30 };

/* Two clients by hand, of two customers, at s1. */
struct world {
	struct provider isp;
	struct hand acme, beta;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->isp, "s1", "192.0.2.10", "192.0.2.0/24");
	provider_client(&x->isp, "beta", "198.51.100.64/26");
	provider_start(&x->isp);
	hand_make(&x->acme, "acme", "10.0.0.1/24");
	hand_make(&x->beta, "beta", "10.0.0.2/24");
	hand_dial(&x->acme, "s1", "192.0.2.10");
	hand_dial(&x->beta, "s1", "192.0.2.10");
	virtual_run(1 * S);
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
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

/* ---- lines ---- */

static void
refusals_are_told_ten_times_a_second(void **state)
{
	struct world *x = *state;

	for (uint32_t mid = 1; mid <= FLOOD; mid++)
		hand_put(&x->acme, mid, "203.0.113.1/32", 3600);
	hand_put(&x->beta, 1, "203.0.113.1/32", 3600);
	virtual_run(500);
	assert_int_equal(x->acme.code, COAP_400_BAD_REQUEST);
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "from=acme"), TOLD);
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "from=beta"), 1);
	virtual_run(1 * S);
	hand_put(&x->acme, FLOOD + 1, "203.0.113.1/32", 3600);
	virtual_run(500);
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "untold=40"), 1);
}

/* 8811-5-09: What is granted touches traffic: every one is told. */
static void
what_is_granted_is_told_always(void **state)
{
	struct world *x = *state;

	for (uint32_t mid = 1; mid <= FLOOD; mid++) {
		char target[32];

		snprintf(target, sizeof(target), "192.0.2.%u/32", 64 + mid);
		hand_put(&x->acme, mid, target, 3600);
	}
	virtual_run(500);
	for (uint32_t mid = 1; mid <= FLOOD; mid++)
		hand_delete(&x->acme, mid);
	virtual_run(500);
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "code=2.01"), FLOOD);
	assert_int_equal(virtual_events(EVENT_DELETE_MITIGATE, "scope=192.0.2."), FLOOD);
}

static void
requests_that_change_nothing_are_told_ten_times_a_second(void **state)
{
	struct world *x = *state;

	for (uint32_t mid = 1; mid <= FLOOD; mid++)
		hand_delete(&x->acme, mid);
	virtual_run(500);
	assert_int_equal(x->acme.code, COAP_202_DELETED);
	assert_int_equal(virtual_events(EVENT_DELETE_MITIGATE, ""), TOLD);
	virtual_run(1 * S);
	for (int i = 0; i < FLOOD; i++)
		hand_heartbeat(&x->beta);
	virtual_run(500);
	assert_int_equal(x->beta.code, COAP_204_CHANGED);
	assert_int_equal(virtual_events(EVENT_HEARTBEAT, "direction=in peer=beta"), TOLD);
}

/* Each of them is a handshake; those that are not told when they come are not when they go. */
static void
sessions_are_told_ten_times_a_second(void **state)
{
	struct world *x = *state;
	struct hand crowd[CROWD];

	for (int i = 0; i < CROWD; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.0.1.%d/24", i + 1);
		hand_make(&crowd[i], "acme", address);
		hand_begin(&crowd[i], "s1", "192.0.2.10");
	}
	virtual_run(900);
	assert_int_equal(virtual_events(EVENT_SESSION_UP, "role=server"), TOLD);
	assert_in_range(virtual_events(EVENT_SESSION_DOWN, "role=server"), 1, TOLD + 1);
	virtual_run(1 * S);
	hand_dial(&x->acme, "s1", "192.0.2.10");
	assert_int_equal(virtual_events(EVENT_SESSION_UP, "untold=20"), 1);
	for (int i = 0; i < CROWD; i++)
		hand_free(&crowd[i]);
}

static void
notifications_of_a_provider_are_told_ten_times_a_second(void **state)
{
	static const char *const domains[] = {"isp9 wan1 192.0.2.64/26 s9"};
	struct customer us;
	struct script s9;

	(void)state;
	virtual_start();
	script_make(&s9, "s9", "192.0.2.9");
	customer_make(&us, domains, 1);
	virtual_link(us.loop, "wan1", "192.0.2.66/26");
	customer_address(&us, "s9", "192.0.2.9");
	customer_start(&us);
	UNTIL(1 * S, s9.session != NULL && !strcmp(customer_server(&us, "s9"), "available"));
	assert_int_equal(customer_ask(&us, "w", "192.0.2.70/32", 0), 0);
	UNTIL(1 * S, customer_state(&us, "w", 0) == WISH_PLACED && s9.token_len);
	virtual_run(2 * S);
	virtual_mark();
	for (int i = 0; i < FLOOD; i++)
		script_notify(&s9,
			i % 2 ? ATTACK_MITIGATION_IN_PROGRESS : ATTACK_SUCCESSFULLY_MITIGATED,
			1000);
	virtual_run(500);
	assert_int_equal(virtual_events(EVENT_STATUS, ""), TOLD);
	virtual_mark();
	for (int i = 0; i < FLOOD; i++)
		script_notify(&s9,
			i % 2 ? ATTACK_MITIGATION_TERMINATED : ATTACK_MITIGATION_WITHDRAWN, 1000);
	virtual_run(1500);
	assert_in_range(virtual_events(EVENT_ALERT, ""), 0, 2 * TOLD);
	customer_free(&us);
	script_free(&s9);
	virtual_end();
}

/* ---- requests ---- */

/* Refused ones count too; so many at once, so many a second. */
static void
flood(struct world *x, int n)
{
	for (int i = 0; i < n; i++) {
		hand_put(&x->acme, 1, "203.0.113.1/32", 3600);
		virtual_run(1);
	}
	virtual_run(100);
}

/* 8811-2.2.2-19, 8811-5-08, 9132-11-08, 9132-11-09, 9132-4.4.1.3-15 */
static void
requests_of_one_client_are_limited(void **state)
{
	struct world *x = *state;
	const struct client *acme = clients_named(x->isp.clients, "acme");
	uint32_t rate = acme->limits.requests_per_second;

	flood(x, (int)(rate * RATE_BURST_S));
	assert_int_equal(x->acme.code, COAP_400_BAD_REQUEST);
	for (int i = 0; i < 20 && x->acme.code != COAP_429_TOO_MANY_REQUESTS; i++)
		flood(x, (int)rate);
	assert_int_equal(x->acme.code, COAP_429_TOO_MANY_REQUESTS);
	assert_int_equal(x->acme.max_age, 1);
	assert_non_null(strstr(x->acme.text, "RFC 9132 11"));
	/* Another client does not notice. */
	hand_put(&x->beta, 1, "198.51.100.70/32", 3600);
	UNTIL(100, x->beta.code == COAP_201_CREATED);
	/* Nor does another session of the same one change anything. */
	flood(x, 10);
	hand_dial(&x->acme, "s1", "192.0.2.10");
	flood(x, (int)rate);
	assert_int_equal(x->acme.code, COAP_429_TOO_MANY_REQUESTS);
	virtual_run(2 * S);
	hand_put(&x->acme, 1, "192.0.2.66/32", 3600);
	UNTIL(100, x->acme.code == COAP_201_CREATED);
}

/* Who is flooding may live, and want less. */
static void
heartbeats_and_withdrawals_are_never_too_many(void **state)
{
	struct world *x = *state;
	struct client *acme = (struct client *)(uintptr_t)clients_named(x->isp.clients, "acme");

	acme->limits.requests_per_second = 1;
	hand_put(&x->acme, 1, "192.0.2.66/32", 3600);
	UNTIL(100, x->acme.code == COAP_201_CREATED);
	flood(x, 2 * RATE_BURST_S);
	assert_int_equal(x->acme.code, COAP_429_TOO_MANY_REQUESTS);
	for (int i = 0; i < 100; i++) {
		hand_heartbeat(&x->acme);
		virtual_run(1);
	}
	virtual_run(100);
	assert_int_equal(x->acme.code, COAP_204_CHANGED);
	hand_delete(&x->acme, 1);
	UNTIL(100, x->acme.code == COAP_202_DELETED);
	flood(x, 1);
	assert_int_equal(x->acme.code, COAP_429_TOO_MANY_REQUESTS);
}

/* A server that says so is asked again when it says so, and what stands there stands. */
static void
who_was_too_fast_comes_back_later(void **state)
{
	static const char *const domains[] = {"isp9 wan1 192.0.2.64/26 s9"};
	struct customer us;
	struct script s9;

	(void)state;
	virtual_start();
	script_make(&s9, "s9", "192.0.2.9");
	customer_make(&us, domains, 1);
	virtual_link(us.loop, "wan1", "192.0.2.66/26");
	customer_address(&us, "s9", "192.0.2.9");
	customer_start(&us);
	UNTIL(1 * S, s9.session != NULL && !strcmp(customer_server(&us, "s9"), "available"));
	s9.put = COAP_429_TOO_MANY_REQUESTS;
	s9.max_age = 7;
	assert_int_equal(customer_ask(&us, "w", "192.0.2.70/32", 0), 0);
	virtual_run(6 * S);
	assert_int_equal(s9.puts, 1);
	assert_int_equal(customer_state(&us, "w", 0), WISH_REFUSED);
	s9.put = 0;
	UNTIL(2 * S, customer_state(&us, "w", 0) == WISH_PLACED);
	s9.put = COAP_429_TOO_MANY_REQUESTS;
	virtual_run(1801 * S); /* the refresh */
	assert_int_equal(s9.puts, 3);
	assert_int_equal(customer_state(&us, "w", 0), WISH_PLACED);
	s9.max_age = 0; /* not a matter of time */
	virtual_run(10 * S);
	assert_int_equal(customer_state(&us, "w", 0), WISH_REFUSED);
	customer_free(&us);
	script_free(&s9);
	virtual_end();
}

/* ---- handshakes ---- */

static size_t
refused_handshakes(void)
{
	return virtual_events(EVENT_SESSION_REFUSED, "too many handshakes");
}

/* 9132-11-08: Who connects in a loop; a ticket does not count, nor do others. */
static void
handshakes_of_one_client_are_limited(void **state)
{
	enum { MANY = 5 };
	struct world *x = *state;
	struct client *acme = (struct client *)(uintptr_t)clients_named(x->isp.clients, "acme");
	struct hand again[MANY + 2];

	acme->limits.handshakes_per_minute = MANY;
	virtual_run(2 * MINUTE);
	for (int i = 0; i < MANY + 2; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.0.1.%d/24", i + 1);
		hand_make(&again[i], "acme", address);
		hand_begin(&again[i], "s1", "192.0.2.10");
		virtual_run(100);
	}
	assert_int_equal(refused_handshakes(), 2);
	assert_null(again[MANY].session);
	assert_non_null(x->acme.session); /* what stands stays */
	hand_put(&x->acme, 1, "192.0.2.66/32", 3600);
	UNTIL(100, x->acme.code == COAP_201_CREATED);
	hand_dial(&x->beta, "s1", "192.0.2.10");
	virtual_run(1 * MINUTE);
	hand_dial(&again[MANY], "s1", "192.0.2.10");
	assert_int_equal(refused_handshakes(), 2);
	for (int i = 0; i < MANY + 2; i++)
		hand_free(&again[i]);
}

/* A client of ours whose links flap has tickets. */
static void
resumed_handshakes_are_not_counted(void **state)
{
	static const char *const domains[] = {"isp1 wan1 198.51.100.64/26 s1"};
	struct world *x = *state;
	struct client *acme = (struct client *)(uintptr_t)clients_named(x->isp.clients, "acme");
	struct customer us;

	acme->limits.handshakes_per_minute = 2;
	virtual_run(2 * MINUTE);
	customer_make(&us, domains, 1);
	virtual_link(us.loop, "wan1", "198.51.100.66/26");
	customer_address(&us, "s1", "192.0.2.10");
	customer_start(&us);
	UNTIL(5 * S, !strcmp(customer_server(&us, "s1"), "available"));
	virtual_mark();
	for (int i = 0; i < 5; i++) {
		virtual_link_set(us.loop, "wan1", false);
		virtual_run(1 * S);
		virtual_link_set(us.loop, "wan1", true);
		virtual_run(9 * S);
	}
	assert_int_equal(refused_handshakes(), 0);
	customer_free(&us);
}

/* ---- fairness ---- */

/* All that a client can be refused for, as fast as it can. */
static void
make_noise(struct world *x, struct hand *crowd, size_t n, uint32_t round)
{
	char address[32];

	for (uint32_t i = 0; i < n; i++) {
		if (crowd[i].session)
			continue;
		hand_free(&crowd[i]);
		snprintf(address, sizeof(address), "10.0.%u.%u/24", 2 + round, i + 1);
		hand_make(&crowd[i], "acme", address);
		hand_begin(&crowd[i], "s1", "192.0.2.10");
	}
	for (uint32_t i = 0; i < FLOOD; i++) {
		snprintf(address, sizeof(address), "192.0.2.%u/32", 1 + i % 254);
		if (!x->acme.session)
			return;
		hand_put(&x->acme, 1 + round * FLOOD + i, address, 3600);
		if (i % 10 == 0)
			hand_observe(&x->acme, 1 + i);
		if (i % 10 == 9)
			virtual_run(50);
	}
}

/* 9132-11-08, 9132-11-09: its sessions, handshakes, requests, mitigations, targets and observations
 * are at their limits; another client gets every answer, at once. */
static void
a_client_at_its_limits_pushes_nobody_out(void **state)
{
	enum { SESSIONS = 3, ROUNDS = 20 };
	struct world *x = *state;
	struct client *acme = (struct client *)(uintptr_t)clients_named(x->isp.clients, "acme");
	struct hand crowd[2 * SESSIONS];
	struct client_view v;

	acme->limits = (struct client_limits){.sessions = SESSIONS,
		.mitigations = 10,
		.targets = 2,
		.ports = 2,
		.cuids = 1,
		.observers = 4,
		.waiting_requests = 4,
		.requests_per_second = 10,
		.targets_total = 8,
		.handshakes_per_minute = 30};
	for (int i = 0; i < 2 * SESSIONS; i++)
		hand_make(&crowd[i], "acme", "10.0.1.1/24");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		if (!x->acme.session)
			hand_begin(&x->acme, "s1", "192.0.2.10");
		virtual_run(1 * S);
		if (x->acme.session)
			make_noise(x, crowd, 2 * SESSIONS, round);
		hand_put(&x->beta, 1 + round, "198.51.100.70/32", 3600);
		UNTIL(100, x->beta.code == COAP_201_CREATED);
		hand_observe(&x->beta, 1 + round);
		UNTIL(100, x->beta.notifications > 0);
		x->beta.notifications = 0;
		hand_heartbeat(&x->beta);
		UNTIL(100, x->beta.code == COAP_204_CHANGED);
		hand_delete(&x->beta, 1 + round);
		UNTIL(100, x->beta.code == COAP_202_DELETED);
	}
	assert_non_null(x->beta.session);
	assert_true(server_client(x->isp.server, "acme", &v));
	assert_int_equal(v.share.targets, 8); /* at its limits indeed */
	assert_in_range(v.sessions, 1, SESSIONS + 1);
	assert_int_equal(v.observers, 4);
	assert_true(v.refused > FLOOD);
	assert_true(refused_handshakes() > 0);
	assert_true(server_client(x->isp.server, "beta", &v));
	assert_int_equal(v.refused, 0);
	for (int i = 0; i < 2 * SESSIONS; i++)
		hand_free(&crowd[i]);
}

/* ---- last words ---- */

/* Those of one observation that wait for the time between two notifications. */
static void
last_words_that_wait_are_limited(void **state)
{
	enum { KEPT = 64, MANY = KEPT + 16 };
	struct world *x = *state;

	x->isp.setup.policy.terminating = 0;
	server_reload(x->isp.server, &x->isp.setup);
	for (uint32_t mid = 1; mid <= MANY; mid++) {
		char target[32];

		snprintf(target, sizeof(target), "192.0.2.%u/32", 64 + mid);
		hand_put(&x->acme, mid, target, 3600);
		UNTIL(1 * S, x->acme.code != 0);
	}
	hand_observe(&x->acme, 0);
	UNTIL(1 * S, x->acme.notifications == 1);
	assert_int_equal(x->acme.entries, MANY);
	for (uint32_t mid = 1; mid <= MANY; mid++) {
		hand_delete(&x->acme, mid);
		UNTIL(1 * S, x->acme.code != 0);
	}
	assert_int_equal(x->acme.notifications, 1);
	UNTIL(3 * S, x->acme.notifications == 2);
	assert_int_equal(x->acme.entries, KEPT);
}

#define BETWEEN(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BETWEEN(refusals_are_told_ten_times_a_second),
		BETWEEN(what_is_granted_is_told_always),
		BETWEEN(requests_that_change_nothing_are_told_ten_times_a_second),
		BETWEEN(sessions_are_told_ten_times_a_second),
		cmocka_unit_test(notifications_of_a_provider_are_told_ten_times_a_second),
		BETWEEN(requests_of_one_client_are_limited),
		BETWEEN(heartbeats_and_withdrawals_are_never_too_many),
		cmocka_unit_test(who_was_too_fast_comes_back_later),
		BETWEEN(handshakes_of_one_client_are_limited),
		BETWEEN(resumed_handshakes_are_not_counted),
		BETWEEN(a_client_at_its_limits_pushes_nobody_out),
		BETWEEN(last_words_that_wait_are_limited),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
