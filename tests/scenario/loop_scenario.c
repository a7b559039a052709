/* Gateways that have each other upstream (RFC 9132 4.4.1.2, 9, 11; RFC 8768). */
#include "behind.h"

/* ---- what a gateway makes of Hop-Limit ------------------------------------------------------- */

/* 9132-9-15: the answer names the gateway; nothing is asked upstream, nothing kept. */
static void
with_no_hop_left_it_is_refused_by_name(void **state)
{
	struct behind *x = *state;

	x->c1.hop_limit = 1;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(x->c1.text, "gw");
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "code=5.08"), 1);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.puts, 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	x->c1.hop_limit = 2;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	/* What is there already does not end by it, and can be withdrawn. */
	x->c1.hop_limit = 1;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->c1.code == COAP_202_DELETED);
	UNTIL(1 * S, x->s1.deletes == 1);
}

/* RFC 8768 3: 0, none at all, or above 255. */
static void
a_hop_limit_out_of_range_is_refused(void **state)
{
	static const int bad[] = {-1, 256, 65536 + 16};
	struct behind *x = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		x->c1.hop_limit = bad[i];
		behind_put(x, 1, "192.0.2.66/32", 1 * S);
		assert_int_equal(x->c1.code, COAP_400_BAD_REQUEST);
		assert_non_null(strstr(x->c1.text, "RFC 8768 3: Hop-Limit"));
		hand_delete(&x->c1, 1);
		UNTIL(1 * S, x->c1.code == COAP_400_BAD_REQUEST);
	}
	assert_int_equal(x->s1.puts, 0);
	x->c1.hop_limit = 255;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

/* RFC 8768 3: what is not forwarded needs no hop. */
static void
who_asks_nobody_else_takes_the_last_hop(void **state)
{
	struct behind *x = *state;

	provider_stop(&x->gw);
	x->gw.escalation = NULL;
	x->gw.n_mitigators = 1;
	provider_start(&x->gw);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	x->c1.hop_limit = 1;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

/* ---- 5.08 from upstream -----------------------------------------------------------------------
 */

/* 9132-9-15, 8811-2.3.1-02; 9284-6: the operator learns all names, the client that of its gateway.
 */
static void
a_provider_in_a_loop_is_not_named_to_clients(void **state)
{
	struct behind *x = *state;

	x->s1.put = COAP_508_HOP_LIMIT_REACHED;
	x->s1.text = "isp1-gw scrubber";
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(x->c1.text, "gw");
	assert_int_equal(virtual_events(EVENT_ALERT, "loop through isp1-gw scrubber"), 1);
	virtual_run(1 * DAY);
	assert_int_equal(x->s1.puts, 1); /* it would be one the next time, too */
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(provider_mitigations(&x->gw), 0);
}

/* 9132-9-15: what was granted ends when it is found to go in a loop, here and upstream. */
static void
a_loop_found_by_a_refresh_ends_the_request(void **state)
{
	struct behind *x = *state;

	x->c1.hop_limit = 9;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(4 * S);
	x->s1.put = COAP_400_BAD_REQUEST;
	x->c1.hop_limit = 7; /* whatever else upstream says: it was granted */
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	hand_delete(&x->c1, 1);
	virtual_run(4 * S);
	x->s1.put = 0;
	x->s1.deletes = 0;
	behind_put(x, 2, "192.0.2.66/32", 1 * S);
	hand_observe(&x->c1, 2);
	virtual_run(4 * S);
	x->s1.put = COAP_508_HOP_LIMIT_REACHED;
	x->c1.hop_limit = 5;
	behind_put(x, 2, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	UNTIL(4 * S, x->c1.status == ATTACK_MITIGATION_TERMINATED);
	UNTIL(4 * S, !provider_mitigations(&x->gw) && !customer_wishes(&x->us));
	assert_int_equal(x->s1.deletes, 1);
}

static void
addresses_of_gateways(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
}

/* s1 is a gateway of the same network from now on, and the only one. */
static void
make_gateway(struct behind *x)
{
	static const char *const domains[] = {"@upper wan1 - s1"};

	customer_reload(&x->us, domains, 1, addresses_of_gateways, "");
	gateway_reload(x->gateway,
		&(struct gateway_setup){.homing = x->us.homing, .clients = x->gw.clients});
	UNTIL(5 * MINUTE, !strcmp(customer_server(&x->us, "s1"), "available"));
}

/* RFC 8768 4: its own name first, without those it has no room for, and never twice. */
static void
gateways_of_one_network_are_named_in_order(void **state)
{
	static char long_names[VERDICT_WHY_MAX];
	const struct {
		const char *from, *to;
	} rows[] = {
		{"upper third", "gw upper third"},
		{"upper gw2 not-gw gw", "gw"}, /* it has come round to us */
		{"gw2 agw", "gw gw2 agw"},
		{long_names, long_names},
		{long_names + 3, NULL},
		{NULL, "gw"},
	};
	struct behind *x = *state;

	memset(long_names, 'n', sizeof(long_names) - 2);
	make_gateway(x);
	x->s1.put = COAP_508_HOP_LIMIT_REACHED;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		x->s1.text = rows[i].from;
		behind_put(x, 1, "192.0.2.66/32", 1 * S);
		assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
		if (rows[i].to)
			assert_string_equal(x->c1.text, rows[i].to);
		else
			assert_memory_equal(x->c1.text, "gw nnn", 6);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BEHIND(with_no_hop_left_it_is_refused_by_name),
		BEHIND(a_hop_limit_out_of_range_is_refused),
		BEHIND(who_asks_nobody_else_takes_the_last_hop),
		BEHIND(a_provider_in_a_loop_is_not_named_to_clients),
		BEHIND(a_loop_found_by_a_refresh_ends_the_request),
		BEHIND(gateways_of_one_network_are_named_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
