/*
 * Crashes at every step (rule M16): before and after each commit, and after each packet, of the
 * client, the server and the gateway, from the alarm to the withdrawal. However it goes, what is
 * wanted stands in the end, once, and what is not does not.
 */
#include "scene.h"

enum { SETTLE = 3 * MINUTE, DOWN = 5 * S, COMMITS_MAX = 64, PACKETS_MAX = 600 };

/* Where the crash comes; NOWHERE: to count the steps. */
enum moment { NOWHERE, BEFORE_COMMIT, AFTER_COMMIT, AFTER_PACKET };

struct crash {
	enum moment moment;
	unsigned n;
	struct loop *host;
	bool happened;
};

static void
arm(const struct crash *c)
{
	if (c->moment == BEFORE_COMMIT || c->moment == AFTER_COMMIT)
		virtual_store_crash(c->host, c->n, c->moment == AFTER_COMMIT);
}

/* One step on; true: the host has crashed in it. */
static bool
step(struct crash *c, mono_ms until)
{
	virtual_step(until);
	if (!c->happened && c->moment == AFTER_PACKET && COUNT(.from = c->host) >= c->n)
		virtual_crash(c->host);
	if (c->happened || !virtual_crashed(c->host))
		return false;
	c->happened = true;
	return true;
}

/* ---- the client ----------------------------------------------------------------------------- */

static bool
has_wish(struct scene *x)
{
	return customer_state(&x->us, "w", 0) != (enum wish_state)NO_WISH;
}

/* Lets time pass; a crash that comes is followed by a restart. */
static void
pass(struct scene *x, struct crash *c, int64_t ms)
{
	mono_ms until = virtual_now() + ms;

	while (virtual_now() < until) {
		if (!step(c, until))
			continue;
		if (c->host == x->us.loop)
			customer_stop(&x->us);
		else
			provider_stop(&x->isp2);
		virtual_run(DOWN);
		if (c->host == x->us.loop)
			customer_restart(&x->us);
		else
			provider_restart(&x->isp2);
	}
}

/* Asked, and asked again if nobody remembers it; kept for longer than a lifetime; released, and
 * again if it is still there. */
static void
play(struct scene *x, struct crash *c)
{
	for (size_t i = 0; i < 2; i++)
		x->us.homing->domains[i].lifetime = 600;
	scene_start(x);
	virtual_run(1 * S);
	virtual_mark();
	arm(c);
	customer_ask(&x->us, "w", "198.51.100.66/32", 0);
	pass(x, c, 1 * S);
	if (!has_wish(x))
		customer_ask(&x->us, "w", "198.51.100.66/32", 0);
	pass(x, c, SETTLE);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 1);
	pass(x, c, 20 * MINUTE); /* refreshes */
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	customer_release(&x->us, "w");
	pass(x, c, 1 * S);
	if (has_wish(x))
		customer_release(&x->us, "w");
	pass(x, c, SETTLE);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "wish"), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
	assert_int_equal(recorder_active(x->isp2.recorder), 0);
	assert_int_equal(virtual_store_count(x->isp2.loop, "mitigation"), 0);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
	assert_int_equal(provider_mitigations(&x->isp1), 0);
}

/* One game a step: a world of its own each. Returns whether there was such a step. */
static bool
game(enum moment moment, unsigned n, bool of_client)
{
	struct crash c = {.moment = moment, .n = n};
	void *state;
	struct scene *x;

	scene_setup(&state);
	x = state;
	c.host = of_client ? x->us.loop : x->isp2.loop;
	play(x, &c);
	scene_teardown(&state);
	return c.happened;
}

static void
all_games(enum moment moment, bool of_client, unsigned max)
{
	unsigned n = 1;

	while (n <= max && game(moment, n, of_client))
		n++;
	assert_in_range(n, 4, max); /* some steps, and all of them */
}

static void
without_a_crash(void **state)
{
	(void)state;
	assert_false(game(NOWHERE, 0, true));
}

static void
client_before_each_commit(void **state)
{
	(void)state;
	all_games(BEFORE_COMMIT, true, COMMITS_MAX);
}

static void
client_after_each_commit(void **state)
{
	(void)state;
	all_games(AFTER_COMMIT, true, COMMITS_MAX);
}

static void
client_after_each_packet(void **state)
{
	(void)state;
	all_games(AFTER_PACKET, true, PACKETS_MAX);
}

static void
server_before_each_commit(void **state)
{
	(void)state;
	all_games(BEFORE_COMMIT, false, COMMITS_MAX);
}

static void
server_after_each_commit(void **state)
{
	(void)state;
	all_games(AFTER_COMMIT, false, COMMITS_MAX);
}

static void
server_after_each_packet(void **state)
{
	(void)state;
	all_games(AFTER_PACKET, false, PACKETS_MAX);
}

/* ---- the gateway ---------------------------------------------------------------------------- */

/* c1 ── gw (10.0.0.254), which has s1 of isp1. */
struct behind {
	struct provider isp1, gw;
	struct customer us;
	struct gateway *gateway;
	struct hand c1;
};

static void
gateway_start(struct behind *x)
{
	customer_start(&x->us);
	x->gateway = gateway_new(x->us.loop, x->us.client,
		&(struct gateway_setup){.homing = x->us.homing, .clients = x->gw.clients});
	x->gw.escalation = gateway_escalation(x->gateway);
	provider_start(&x->gw);
}

static void
gateway_stop(struct behind *x)
{
	provider_stop(&x->gw);
	gateway_free(x->gateway);
	customer_stop(&x->us);
}

static void
behind_make(struct behind *x)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1"};

	virtual_start();
	provider_make(&x->isp1, "s1", "192.0.2.10", "192.0.2.64/26");
	provider_start(&x->isp1);
	customer_make(&x->us, domains, 1);
	x->us.homing->domains[0].lifetime = 600;
	virtual_link(x->us.loop, "wan1", "192.0.2.65/26");
	customer_address(&x->us, "s1", "192.0.2.10");
	x->gw.loop = x->us.loop;
	provider_make(&x->gw, "gw", "10.0.0.254", "0.0.0.0/0");
	provider_client(&x->gw, "c1", "0.0.0.0/0");
	x->gw.n_mitigators = 0;
	x->gw.setup.policy.terminating = 0;
	gateway_start(x);
	hand_make(&x->c1, "c1", "10.0.0.1/24");
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_run(1 * S);
	virtual_mark();
}

static void
behind_free(struct behind *x)
{
	hand_free(&x->c1);
	gateway_stop(x);
	provider_free(&x->gw);
	customer_free(&x->us);
	provider_free(&x->isp1);
	virtual_end();
}

static void
pass_behind(struct behind *x, struct crash *c, int64_t ms)
{
	mono_ms until = virtual_now() + ms;

	while (virtual_now() < until) {
		if (!step(c, until))
			continue;
		gateway_stop(x);
		virtual_run(DOWN);
		virtual_boot(x->us.loop);
		gateway_start(x);
	}
}

/* The client asks until it is answered, over a new session if need be. */
static void
insist(struct behind *x, struct crash *c, bool put)
{
	for (int i = 0; i < 20; i++) {
		if (x->c1.session && put)
			hand_put(&x->c1, 1, "192.0.2.66/32", 1200);
		else if (x->c1.session)
			hand_delete(&x->c1, 1);
		pass_behind(x, c, 4 * S);
		if (x->c1.session && x->c1.code)
			return;
		hand_begin(&x->c1, "gw", "10.0.0.254");
		pass_behind(x, c, 4 * S);
	}
	fail_msg("the gateway does not answer");
}

static void
play_behind(struct behind *x, struct crash *c)
{
	arm(c);
	insist(x, c, true);
	assert_int_equal(coap_class(x->c1.code), 2);
	for (int i = 0; i < 4; i++) {
		pass_behind(x, c, 5 * MINUTE);
		assert_int_equal(provider_mitigations(&x->gw), 1);
		assert_int_equal(provider_mitigations(&x->isp1), 1);
		insist(x, c, true); /* refreshed */
		assert_int_equal(coap_class(x->c1.code), 2);
	}
	insist(x, c, false);
	assert_int_equal(x->c1.code, COAP_202_DELETED);
	pass_behind(x, c, SETTLE);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(provider_mitigations(&x->isp1), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "wish"), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "mitigation"), 0);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
}

static bool
game_behind(enum moment moment, unsigned n)
{
	struct crash c = {.moment = moment, .n = n};
	struct behind x = {0};

	behind_make(&x);
	c.host = x.us.loop;
	play_behind(&x, &c);
	behind_free(&x);
	return c.happened;
}

static void
all_games_behind(enum moment moment, unsigned max)
{
	unsigned n = 1;

	while (n <= max && game_behind(moment, n))
		n++;
	assert_in_range(n, 4, max);
}

static void
gateway_without_a_crash(void **state)
{
	(void)state;
	assert_false(game_behind(NOWHERE, 0));
}

static void
gateway_before_each_commit(void **state)
{
	(void)state;
	all_games_behind(BEFORE_COMMIT, COMMITS_MAX);
}

static void
gateway_after_each_commit(void **state)
{
	(void)state;
	all_games_behind(AFTER_COMMIT, COMMITS_MAX);
}

static void
gateway_after_each_packet(void **state)
{
	(void)state;
	all_games_behind(AFTER_PACKET, PACKETS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_crash),
		cmocka_unit_test(client_before_each_commit),
		cmocka_unit_test(client_after_each_commit),
		cmocka_unit_test(client_after_each_packet),
		cmocka_unit_test(server_before_each_commit),
		cmocka_unit_test(server_after_each_commit),
		cmocka_unit_test(server_after_each_packet),
		cmocka_unit_test(gateway_without_a_crash),
		cmocka_unit_test(gateway_before_each_commit),
		cmocka_unit_test(gateway_after_each_commit),
		cmocka_unit_test(gateway_after_each_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
