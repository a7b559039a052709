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

/* 9284-6-04, 9132-9-15, 8811-2.3.1-02, 9132-3-23; 9284-6: the operator learns all names, the client
 * that of its gateway. */
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

/* ---- the value that goes up -------------------------------------------------------------------
 */

/* Of the n-th PUT that left that host since the mark; 0: it has none. */
static unsigned
hop_limit_sent(const struct loop *from, size_t n)
{
	const struct packet *p =
		PACKET(n, .from = from, .code = COAP_PUT, .resource = PATH_MITIGATE);
	struct coap_msg m;
	const char *why;
	uint8_t limit;

	assert_int_equal(coap_decode(p->bytes, p->len, &m, &why), 0);
	assert_int_equal(coap_hop_limit(&m, &limit), 0);
	return limit;
}

/* 9132-4.4.1.2-16: added where it is missing, else one less; a request of our own has none. */
static void
a_gateway_adds_or_decrements_it(void **state)
{
	static const struct {
		int asked;
		unsigned sent;
	} rows[] = {{0, 16}, {16, 15}, {2, 1}, {255, 254}};
	struct behind *x = *state;
	char target[32];
	size_t n = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < n; i++) {
		x->c1.hop_limit = rows[i].asked;
		snprintf(target, sizeof(target), "192.0.2.%zu/32", 70 + i);
		behind_put(x, (uint32_t)i + 1, target, 1 * S);
		assert_int_equal(x->c1.code, COAP_201_CREATED);
		assert_int_equal(hop_limit_sent(x->us.loop, i), rows[i].sent);
	}
	customer_ask(&x->us, NULL, "192.0.2.80/32", 0);
	UNTIL(1 * S, x->s1.puts == n + 1);
	assert_int_equal(hop_limit_sent(x->us.loop, n), 0);
	x->c1.hop_limit = 0; /* its refreshes go with it, too */
	virtual_mark();
	UNTIL(1 * HOUR, x->s1.puts == 2 * (n + 1));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(hop_limit_sent(x->us.loop, i), rows[i].sent);
}

static void
put_only(struct behind *x, const char *target)
{
	hand_put(&x->c1, 1, target, 3600);
	virtual_run(300);
}

/* While upstream is silent, a client that has come round asks with less; a repeat changes nothing.
 */
static void
a_smaller_one_goes_up_while_upstream_is_waited_for(void **state)
{
	struct behind *x = *state;

	x->s1.silent = true;
	x->c1.hop_limit = 9;
	put_only(x, "192.0.2.66/32");
	assert_int_equal(x->s1.puts, 1);
	put_only(x, "192.0.2.66/32");
	assert_int_equal(x->s1.puts, 1);
	x->c1.hop_limit = 7;
	put_only(x, "192.0.2.66/32");
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(hop_limit_sent(x->us.loop, 0), 8);
	assert_int_equal(hop_limit_sent(x->us.loop, 1), 6);
	assert_int_equal(x->c1.code, COAP_503_SERVICE_UNAVAILABLE); /* to those before */
	x->c1.code = 0;
	x->s1.silent = false;
	UNTIL(4 * S, x->c1.code == COAP_201_CREATED);
	assert_int_equal(provider_mitigations(&x->gw), 1);
}

/* ---- two gateways, each the other's upstream --------------------------------------------------
 */

struct node {
	struct customer us;
	struct provider gw;
	struct gateway *gateway;
	bool separate;
};
struct loop_of_two {
	struct node a, b;
	struct hand c1;
};

static void
node_make(struct node *n, const char *name, const char *address, const char *upstream,
	const char *upstream_address)
{
	char domain[64], link[32];
	const char *const domains[] = {domain};

	snprintf(domain, sizeof(domain), "@up lan - %s", upstream);
	snprintf(link, sizeof(link), "%s/24", address);
	customer_make(&n->us, domains, 1);
	virtual_link(n->us.loop, "lan", link);
	customer_address(&n->us, upstream, upstream_address);
	n->gw.loop = n->us.loop;
	provider_make(&n->gw, name, address, "0.0.0.0/0");
	provider_client(&n->gw, "c1", "0.0.0.0/0");
	n->gw.n_mitigators = 0;
	n->gw.setup.policy.terminating = 0;
}

static void
node_start(struct node *n)
{
	customer_start(&n->us);
	n->gateway = gateway_new(n->us.loop, n->us.client,
		&(struct gateway_setup){
			.homing = n->us.homing, .clients = n->gw.clients, .separate = n->separate});
	n->gw.escalation = gateway_escalation(n->gateway);
	provider_start(&n->gw);
}

static void
node_stop(struct node *n)
{
	provider_stop(&n->gw);
	gateway_free(n->gateway);
	customer_stop(&n->us);
}

static void
node_free(struct node *n)
{
	node_stop(n);
	provider_free(&n->gw);
	customer_free(&n->us);
}

static void
two_start(struct loop_of_two *x)
{
	node_start(&x->a);
	node_start(&x->b);
	UNTIL(2 * MINUTE, !strcmp(customer_server(&x->a.us, "b"), "available") &&
				  !strcmp(customer_server(&x->b.us, "a"), "available"));
	hand_dial(&x->c1, "a", "10.0.0.1");
	virtual_mark();
}

static int
two_setup(void **state)
{
	struct loop_of_two *x = mem_new(sizeof(*x));

	virtual_start();
	node_make(&x->a, "a", "10.0.0.1", "b", "10.0.0.2");
	node_make(&x->b, "b", "10.0.0.2", "a", "10.0.0.1");
	hand_make(&x->c1, "c1", "10.0.0.9/24");
	two_start(x);
	*state = x;
	return 0;
}

static int
two_teardown(void **state)
{
	struct loop_of_two *x = *state;

	hand_free(&x->c1);
	node_free(&x->a);
	node_free(&x->b);
	virtual_end();
	free(x);
	return 0;
}

static void
nothing_is_left(struct loop_of_two *x)
{
	size_t puts = COUNT(.code = COAP_PUT, .resource = PATH_MITIGATE);

	virtual_run(2 * DAY);
	assert_int_equal(COUNT(.code = COAP_PUT, .resource = PATH_MITIGATE), puts);
	assert_int_equal(provider_mitigations(&x->a.gw), 0);
	assert_int_equal(provider_mitigations(&x->b.gw), 0);
	assert_int_equal(virtual_store_count(x->a.us.loop, "placement"), customer_wishes(&x->a.us));
	assert_int_equal(virtual_store_count(x->b.us.loop, "placement"), 0);
	assert_int_equal(customer_wishes(&x->b.us), 0);
}

/* 9132-9-15, 9132-11-13: it goes round until no hop is left; both are named. */
static void
a_request_that_goes_in_a_loop_comes_to_its_end(void **state)
{
	struct loop_of_two *x = *state;
	mono_ms asked = virtual_now();

	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(3 * S, x->c1.code != 0);
	assert_true(virtual_now() - asked < 3 * S); /* not for silence */
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(x->c1.text, "a"); /* b's answer named us: it goes no further */
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(hop_limit_sent(x->a.us.loop, i), 16 - 2 * i);
		assert_int_equal(hop_limit_sent(x->b.us.loop, i), 15 - 2 * i);
	}
	assert_int_equal(virtual_events(EVENT_ALERT, "loop through b a"), 1); /* at a */
	assert_true(virtual_events(EVENT_ALERT, "loop through a") > 0);       /* at b */
	nothing_is_left(x);
	assert_int_equal(customer_wishes(&x->a.us), 0);
}

/* 9132-9-15: one hop less ends it at the other gateway, and our client is told of both. */
static void
the_client_is_told_of_both(void **state)
{
	struct loop_of_two *x = *state;

	x->c1.hop_limit = 16;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(3 * S, x->c1.code != 0);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(x->c1.text, "a b");
	nothing_is_left(x);
}

/* Each client has sessions and requests of its own upstream (aggregate: no). */
static void
it_ends_without_aggregation(void **state)
{
	struct loop_of_two *x = *state;

	node_stop(&x->a);
	node_stop(&x->b);
	x->a.separate = x->b.separate = true;
	two_start(x);
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(3 * S, x->c1.code != 0);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	nothing_is_left(x);
}

/* Both act themselves, and ask each other beside that (RFC 8811 3.2.3): the hops run out behind
 * what was granted, which is not kept alive by their asking each other. */
static void
it_ends_between_those_who_act_themselves(void **state)
{
	struct loop_of_two *x = *state;

	node_stop(&x->a);
	node_stop(&x->b);
	x->a.gw.n_mitigators = x->b.gw.n_mitigators = 1;
	two_start(x);
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(3 * S, x->c1.code != 0);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(1 * MINUTE);
	assert_true(COUNT(.code = COAP_508_HOP_LIMIT_REACHED) > 0);
	assert_in_range(COUNT(.code = COAP_PUT, .resource = PATH_MITIGATE), 16, 64);
	assert_true(virtual_events(EVENT_ALERT, "loop through") > 0);
	assert_int_equal(provider_mitigation(&x->a.gw, 1)->status, ATTACK_EXCEEDED_CAPABILITY);
	virtual_run(2 * HOUR);
	nothing_is_left(x);
}

/* 9284-5.4-04: unless they are servers of one provider that tell each other what they hold: each
 * handles it, the other one's client hears of one request, and it goes round nowhere. Whichever is
 * withdrawn, or goes on after a crash, the other one follows. */
static void
servers_beside_each_other_hold_the_same(void **state)
{
	struct loop_of_two *x = *state;

	node_stop(&x->a);
	node_stop(&x->b);
	x->a.gw.n_mitigators = x->b.gw.n_mitigators = 1;
	provider_local(&x->a.gw, "acme");
	provider_local(&x->b.gw, "acme");
	two_start(x);
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	virtual_run(5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(
		COUNT(.from = x->a.us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE), 1);
	assert_int_equal(
		COUNT(.from = x->b.us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE), 0);
	assert_int_equal(recorder_active(x->a.gw.recorder), 1);
	assert_int_equal(recorder_active(x->b.gw.recorder), 1);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	/* Not by hand, and not after a crash either. */
	assert_int_equal(server_escalate(x->b.gw.server, 1).code, COAP_400_BAD_REQUEST);
	virtual_crash(x->b.us.loop);
	node_stop(&x->b);
	virtual_boot(x->b.us.loop);
	node_start(&x->b);
	virtual_run(2 * MINUTE);
	assert_int_equal(recorder_active(x->b.gw.recorder), 1);
	assert_int_equal(server_escalate(x->b.gw.server, 1).code, COAP_400_BAD_REQUEST);
	assert_int_equal(
		COUNT(.from = x->b.us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE), 0);
	hand_delete(&x->c1, 1);
	UNTIL(2 * MINUTE, !recorder_active(x->a.gw.recorder) && !recorder_active(x->b.gw.recorder));
	nothing_is_left(x);
}

/* A datagram is lost, so that silence is granted; it is found out all the same. */
static void
a_lost_datagram_only_delays_it(void **state)
{
	struct loop_of_two *x = *state;

	virtual_way(x->a.us.loop, "lan")->next_out = 1;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(5 * S, x->c1.code == COAP_201_CREATED);
	virtual_run(10 * S);
	assert_int_equal(virtual_events(EVENT_ALERT, "loop through b a"), 1);
	nothing_is_left(x);
}

/* However many hops a client grants. */
static void
the_longest_way_round_comes_to_its_end(void **state)
{
	struct loop_of_two *x = *state;

	virtual_way(x->a.us.loop, "lan")->delay = 1;
	virtual_way(x->b.us.loop, "lan")->delay = 1;
	x->c1.hop_limit = 255;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(10 * S, x->c1.code != 0);
	assert_int_equal(x->c1.code, COAP_508_HOP_LIMIT_REACHED);
	nothing_is_left(x);
}

/* What our own operator asks for is sent without the option; the other gateway adds it. */
static void
a_request_of_our_own_comes_to_its_end_too(void **state)
{
	struct loop_of_two *x = *state;

	customer_ask(&x->a.us, "w", "192.0.2.66/32", 0);
	UNTIL(3 * S, customer_state(&x->a.us, "w", 0) == WISH_REFUSED);
	virtual_run(1 * S);
	assert_int_equal(hop_limit_sent(x->a.us.loop, 0), 0);
	assert_int_equal(hop_limit_sent(x->b.us.loop, 0), 16);
	assert_int_equal(customer_part(&x->a.us, "w", 0).code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(customer_part(&x->a.us, "w", 0).reason, "b");     /* where it ended */
	assert_int_equal(virtual_events(EVENT_ALERT, "loop through a b"), 1); /* at b */
	nothing_is_left(x);
	assert_int_equal(customer_wishes(&x->a.us), 1); /* until it is released */
}

#define IN_LOOP(f) cmocka_unit_test_setup_teardown(f, two_setup, two_teardown)

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
		BEHIND(a_gateway_adds_or_decrements_it),
		BEHIND(a_smaller_one_goes_up_while_upstream_is_waited_for),
		IN_LOOP(a_request_that_goes_in_a_loop_comes_to_its_end),
		IN_LOOP(the_client_is_told_of_both),
		IN_LOOP(it_ends_without_aggregation),
		IN_LOOP(it_ends_between_those_who_act_themselves),
		IN_LOOP(servers_beside_each_other_hold_the_same),
		IN_LOOP(a_lost_datagram_only_delays_it),
		IN_LOOP(the_longest_way_round_comes_to_its_end),
		IN_LOOP(a_request_of_our_own_comes_to_its_end_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
