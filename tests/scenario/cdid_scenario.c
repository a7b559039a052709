/* Gateways of the server's domain (RFC 9132 4.4.1.2): they say whom a request is for, and whom the
 * server believes. */
#include "behind.h"

/* ---- at the server -------------------------------------------------------------------------- */

/* s1 and its gateway gw, which acts for two customers; one of these asks by itself, too. */
struct world {
	struct provider isp;
	struct hand gw, one, stranger;
};

#define ONE_A "customer-1-of-gw-aaaaa"
#define ONE_B "customer-1-of-gw-bbbbb"
#define TWO   "customer-2-of-gw-aaaaa"

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
	provider_gateway(&x->isp, "gw", "203.0.113.0/24");
	provider_customer(&x->isp, "one", "192.0.2.64/26", ONE_A " " ONE_B);
	provider_customer(&x->isp, "two", "192.0.2.64/26,198.51.100.0/24", TWO);
	provider_start(&x->isp);
	join(&x->gw, "gw", "10.0.0.1/24");
	join(&x->one, "one", "10.0.0.2/24");
	join(&x->stranger, "acme", "10.0.0.3/24");
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->gw);
	hand_free(&x->one);
	hand_free(&x->stranger);
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

static uint8_t
put(struct hand *h, const char *cdid, uint32_t mid, const char *target)
{
	h->cdid = cdid;
	hand_put(h, mid, target, 3600);
	UNTIL(1 * S, h->code != 0);
	return h->code;
}

static const char *
owner(const struct world *x, uint32_t mid)
{
	const struct mitigation *m = provider_mitigation(&x->isp, mid);

	return m ? m->client : "nobody";
}

/* 9132-4.4.1.2-01, 9132-4.4.1.2-02, 9132-4.4.1.2-08: it is that customer's, within what that one
 * may ask for, whichever of its cdids is given. */
static void
a_trusted_gateway_acts_for_who_it_says(void **state)
{
	struct world *x = *state;

	assert_int_equal(put(&x->gw, ONE_A, 1, "192.0.2.66/32"), COAP_201_CREATED);
	assert_string_equal(owner(x, 1), "one");
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "from=one cdid=" ONE_A), 1);
	assert_int_equal(put(&x->gw, ONE_B, 1, "192.0.2.66/32"), COAP_204_CHANGED);
	assert_int_equal(put(&x->gw, ONE_A, 2, "198.51.100.1/32"), COAP_400_BAD_REQUEST);
	assert_int_equal(put(&x->gw, ONE_A, 2, "203.0.113.1/32"), COAP_400_BAD_REQUEST);
	assert_int_equal(provider_mitigations(&x->isp), 1);
}

/* 9132-4.4.1.2-14: without one it is the gateway's own. */
static void
without_a_cdid_it_is_for_the_gateway_itself(void **state)
{
	struct world *x = *state;

	assert_int_equal(put(&x->gw, NULL, 1, "192.0.2.66/32"), COAP_400_BAD_REQUEST);
	assert_int_equal(put(&x->gw, NULL, 1, "203.0.113.1/32"), COAP_201_CREATED);
	assert_string_equal(owner(x, 1), "gw");
}

/* Who it is nobody knows: refused, rather than taken for the gateway's own. */
static void
an_unknown_customer_is_refused(void **state)
{
	struct world *x = *state;

	assert_int_equal(put(&x->gw, "somebody", 1, "203.0.113.1/32"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->gw.text, "RFC 9132 4.4.1.2"));
	assert_int_equal(provider_mitigations(&x->isp), 0);
}

/* 9132-4.4.1.2-10, 9132-4.4.1.2-12: anybody else's word is ignored. */
static void
nobody_else_is_believed(void **state)
{
	struct world *x = *state;

	assert_int_equal(put(&x->stranger, ONE_A, 1, "192.0.2.66/32"), COAP_201_CREATED);
	assert_string_equal(owner(x, 1), "acme");
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "cdid="), 0);
	assert_int_equal(put(&x->stranger, TWO, 2, "198.51.100.1/32"), COAP_400_BAD_REQUEST);
	assert_int_equal(put(&x->one, "somebody", 3, "192.0.2.67/32"), COAP_201_CREATED);
	assert_string_equal(owner(x, 3), "one");
}

/* 9132-4.4.2-04, 9132-4.4.4-03, 8612-SEC-003-01, 9132-3-15, 9132-4.4.2-20, 9132-4.4.1.3-40: what is
 * read, watched and withdrawn is that customer's, too. (cdid, cuid) is who it is: the cuid is one
 * customer's alone, and nothing of it is another one's. */
static void
what_is_read_and_withdrawn_is_that_customers(void **state)
{
	struct world *x = *state;

	put(&x->gw, ONE_A, 1, "192.0.2.66/32");
	assert_int_equal(put(&x->gw, TWO, 1, "192.0.2.67/32"), COAP_409_CONFLICT);
	assert_int_equal(x->gw.conflict.cause, CUID_COLLISION);
	assert_int_equal(x->gw.conflict_has, 1ULL << CONFLICT_CAUSE);
	virtual_run(1 * S);
	x->gw.cdid = TWO;
	x->gw.notifications = 0;
	hand_observe(&x->gw, 1);
	hand_delete(&x->gw, 1);
	virtual_run(1 * S);
	assert_int_equal(x->gw.entries, 0);
	assert_string_equal(owner(x, 1), "one");
	assert_false(provider_mitigation(&x->isp, 1)->terminating);
	x->gw.cdid = ONE_B;
	hand_observe(&x->gw, 1);
	UNTIL(1 * S, x->gw.entries == 1);
	virtual_run(4 * S);
	hand_delete(&x->gw, 1);
	UNTIL(1 * S, x->gw.status == DOTS_CLIENT_WITHDRAWN_MITIGATION);
}

/* 9132-4.4.2-04, 9132-4.4.4-03: nor is anybody else believed who reads, or withdraws. */
static void
nobody_else_reads_or_withdraws_by_a_cdid(void **state)
{
	struct world *x = *state;

	put(&x->gw, ONE_A, 1, "192.0.2.66/32");
	x->stranger.cdid = ONE_A;
	x->stranger.cuid = credentials_cuid(x->gw.credentials);
	hand_observe(&x->stranger, 1);
	hand_delete(&x->stranger, 1);
	UNTIL(1 * S, x->stranger.code != 0 && x->stranger.notifications > 0);
	assert_int_equal(x->stranger.code, COAP_404_NOT_FOUND);
	assert_int_equal(x->stranger.entries, 0);
	assert_false(provider_mitigation(&x->isp, 1)->terminating);
}

/* Two customers of one gateway are two clients: their requests conflict as any others do. */
static void
customers_of_one_gateway_are_in_conflict(void **state)
{
	struct world *x = *state;

	put(&x->gw, TWO, 1, "192.0.2.64/28");
	assert_int_equal(x->gw.conflict.cause, 0);
	assert_int_equal(put(&x->one, NULL, 9, "192.0.2.66/32"), COAP_201_CREATED);
	assert_int_equal(x->one.conflict.cause, OVERLAPPING_TARGETS);
	assert_string_equal(x->one.contested, "192.0.2.66/32");
}

/* ---- at the gateway ------------------------------------------------------------------------- */

static int
setup_gateway(void **state)
{
	struct behind *x;

	behind_setup(state);
	x = *state;
	behind_stop(x);
	x->separate = x->server_domain = true;
	behind_start(x);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_run(2 * S);
	return 0;
}

/* 9132-4.4.1.2-01, 9132-4.4.1.2-03, 9132-4.4.1.2-06, 9132-4.4.1.2-07: the digest of what the client
 * has proven, in each request of it, also after a restart. */
static void
requests_say_whose_they_are(void **state)
{
	struct behind *x = *state;
	const char *digest = credentials_cuid(x->c1.credentials);
	unsigned puts;

	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_string_equal(x->s1.cdid, digest);
	assert_string_not_equal(x->s1.cuid, digest); /* the gateway's own for that client */
	UNTIL(1 * S, x->s1.gets > 0);
	assert_string_equal(x->s1.cdid, digest);
	behind_stop(x);
	behind_start(x);
	puts = x->s1.puts;
	x->s1.cdid[0] = '\0';
	UNTIL(40 * MINUTE, x->s1.puts > puts); /* refreshed by the gateway itself */
	assert_string_equal(x->s1.cdid, digest);
	x->s1.cdid[0] = '\0';
	hand_dial(&x->c1, "gw", "10.0.0.254");
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->s1.deletes == 1);
	assert_string_equal(x->s1.cdid, digest);
}

/* 9132-4.4.1.2-01: and of what it asks beside mitigators of its own, by the operator's hand and
 * after a crash.
 */
static void
what_is_escalated_says_whose_it_is(void **state)
{
	struct behind *x = *state;
	const char *digest = credentials_cuid(x->c1.credentials);
	struct verdict v;

	behind_stop(x);
	x->gw.n_mitigators = 1;
	x->gw.setup.above.rate = 1000000;
	behind_start(x);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_run(2 * S);
	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	assert_int_equal(x->s1.puts, 0);
	virtual_run(1 * S);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_boot(x->us.loop);
	behind_start(x);
	virtual_run(2 * S);
	v = server_escalate(x->gw.server, provider_mitigation(&x->gw, 1)->id);
	assert_true(verdict_ok(&v));
	UNTIL(1 * S, x->s1.puts == 1);
	assert_string_equal(x->s1.cdid, digest);
}

/* 9132-4.4.1.1-21: a cuid in use by another one is its own matter, in the server's domain, too. */
static void
it_settles_a_collision_by_itself(void **state)
{
	struct behind *x = *state;
	char taken[sizeof(x->s1.taken)];

	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->s1.deletes == 1);
	virtual_run(5 * MINUTE);
	memcpy(taken, x->s1.cuid, sizeof(taken));
	memcpy(x->s1.taken, taken, sizeof(taken));
	behind_put(x, 2, "192.0.2.67/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->c1.conflict.cause, 0);
	assert_string_not_equal(x->s1.cuid, taken);
	assert_string_equal(x->s1.cdid, credentials_cuid(x->c1.credentials));
}

/* 9132-4.4.1.2-11: what a client itself says of it goes no further. */
static void
what_a_client_says_is_stripped(void **state)
{
	struct behind *x = *state;

	x->c1.cdid = "me";
	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_string_equal(x->s1.cdid, credentials_cuid(x->c1.credentials));
}

/* 9132-4.4.1.2-13: what the gateway before us says stays. */
static void
the_first_gateway_on_the_path_says_it(void **state)
{
	struct behind *x = *state;
	struct hand first;

	provider_gateway(&x->gw, "first", "0.0.0.0/0");
	provider_customer(&x->gw, "customer", "0.0.0.0/0", ONE_A);
	behind_stop(x);
	behind_start(x);
	virtual_run(2 * S);
	hand_make(&first, "first", "10.0.0.9/24");
	hand_dial(&first, "gw", "10.0.0.254");
	assert_int_equal(put(&first, ONE_A, 1, "192.0.2.66/32"), COAP_201_CREATED);
	assert_string_equal(x->s1.cdid, ONE_A);
	hand_free(&first);
}

/* 9132-4.4.1.2-05, 9132-4.4.1.2-09: only if it is told to. */
static void
a_gateway_of_the_clients_domain_says_nothing(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "192.0.2.66/32", 4 * S);
	assert_string_not_equal(x->s1.cdid, "");
	behind_stop(x);
	x->server_domain = false;
	behind_start(x);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_run(2 * S);
	behind_put(x, 2, "192.0.2.67/32", 4 * S);
	assert_string_equal(x->s1.cdid, "");
}

#define AT_SERVER(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define AT_GATEWAY(f) cmocka_unit_test_setup_teardown(f, setup_gateway, behind_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_SERVER(a_trusted_gateway_acts_for_who_it_says),
		AT_SERVER(without_a_cdid_it_is_for_the_gateway_itself),
		AT_SERVER(an_unknown_customer_is_refused),
		AT_SERVER(nobody_else_is_believed),
		AT_SERVER(what_is_read_and_withdrawn_is_that_customers),
		AT_SERVER(nobody_else_reads_or_withdraws_by_a_cdid),
		AT_SERVER(customers_of_one_gateway_are_in_conflict),
		AT_GATEWAY(requests_say_whose_they_are),
		AT_GATEWAY(what_is_escalated_says_whose_it_is),
		AT_GATEWAY(it_settles_a_collision_by_itself),
		AT_GATEWAY(what_a_client_says_is_stripped),
		AT_GATEWAY(the_first_gateway_on_the_path_says_it),
		AT_GATEWAY(a_gateway_of_the_clients_domain_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
