/* Names in requests of a gateway's clients: looked up once, asked for by address of whoever owns it
 * (rules M2, M7, M12). */
#include "behind.h"

static const char resolver[] = "203.0.113.53", web[] = "www.example.com";

/* It asks for its clients as it does for its own. */
static void
ask_resolver(struct behind *x)
{
	struct endpoint *e = &x->us.homing->target_resolver;

	assert_int_equal(endpoint_parse(resolver, 53, e), 0);
	x->gw.setup.names = (struct names_sources){x->us.homing, *e};
	behind_stop(x);
	behind_start(x);
	UNTIL(1 * S, !strcmp(customer_server(&x->us, "s1"), "available") &&
			     !strcmp(customer_server(&x->us, "s2"), "available"));
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_mark();
}

static int
setup(void **state)
{
	behind_setup(state);
	ask_resolver(*state);
	return 0;
}

static int
setup_acting(void **state)
{
	behind_setup_acting(state);
	ask_resolver(*state);
	return 0;
}

static uint8_t
ask(struct hand *h, uint32_t mid, const char *names)
{
	hand_put_names(h, mid, names);
	UNTIL(5 * S, h->code);
	virtual_run(100);
	return h->code;
}

static bool
holds(const struct packet *p, const char *text)
{
	return memmem(p->bytes, p->len, text, strlen(text));
}

#define PUTS_OVER(x, link)                                                                         \
	.from = (x)->us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE, .interface = (link),    \
	.first = true

/* 9284-5.1-23, 9284-5.2-12: the name has addresses of both: each is asked for its own, and neither
 * is told the name. */
static void
each_server_is_asked_for_its_own_addresses(void **state)
{
	struct behind *x = *state;

	virtual_name(resolver, web, "192.0.2.70,198.51.100.70", 300);
	assert_int_equal(ask(&x->c1, 1, web), COAP_201_CREATED);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(x->s2.puts, 1);
	assert_true(holds(PACKET(0, PUTS_OVER(x, "wan1")), "192.0.2.70/32"));
	assert_false(holds(PACKET(0, PUTS_OVER(x, "wan1")), "198.51.100"));
	assert_true(holds(PACKET(0, PUTS_OVER(x, "wan2")), "198.51.100.70/32"));
	assert_false(holds(PACKET(0, PUTS_OVER(x, "wan2")), "192.0.2"));
	assert_false(holds(PACKET(0, PUTS_OVER(x, "wan1")), web));
	assert_false(holds(PACKET(0, PUTS_OVER(x, "wan2")), web));
	assert_int_equal(virtual_lookups()->n, 1);
	/* Asked for again it is a refresh. */
	assert_int_equal(ask(&x->c1, 1, web), COAP_204_CHANGED);
	hand_delete(&x->c1, 1);
	virtual_run(1 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(x->s2.deletes, 1);
}

/* M7: who owns all its addresses is told the name as well. */
static void
the_owner_of_all_is_told_the_name(void **state)
{
	struct behind *x = *state;

	virtual_name(resolver, web, "192.0.2.70,192.0.2.71", 300);
	assert_int_equal(ask(&x->c1, 1, web), COAP_201_CREATED);
	assert_int_equal(x->s2.puts, 0);
	assert_true(holds(PACKET(0, PUTS_OVER(x, "wan1")), web));
	assert_true(holds(PACKET(0, PUTS_OVER(x, "wan1")), "192.0.2.71/32"));
}

/* 9132-4.4.1.1-48: another answer is another request. */
static void
a_name_that_moves_is_asked_for_elsewhere(void **state)
{
	struct behind *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	assert_int_equal(ask(&x->c1, 1, web), COAP_201_CREATED);
	virtual_name(resolver, web, "198.51.100.70", 60);
	UNTIL(62 * S, x->s2.puts == 1);
	assert_true(holds(PACKET(0, PUTS_OVER(x, "wan2")), "198.51.100.70/32"));
	UNTIL(5 * S, x->s1.deletes == 1);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	/* A new life has it as it was, whatever the resolver says meanwhile. */
	virtual_name(resolver, web, NULL, 0);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_boot(x->us.loop);
	behind_start(x);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_run(10 * S);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	assert_int_equal(ask(&x->c1, 1, web), COAP_204_CHANGED);
	assert_int_equal(x->s2.deletes, 0);
	virtual_name(resolver, web, "192.0.2.71", 60);
	virtual_mark();
	UNTIL(120 * S, COUNT(PUTS_OVER(x, "wan1")) == 1);
	UNTIL(5 * S, x->s2.deletes == 1);
}

/* 9132-4.4.1.1-47, 9132-4.4.1.1-48: neither what is not the client's nor what is nobody's here. */
static void
what_is_not_the_clients_is_never_asked_for(void **state)
{
	struct behind *x = *state;
	struct hand c2;

	provider_client(&x->gw, "c2", "192.0.2.70/32");
	hand_make(&c2, "c2", "10.0.0.2/24");
	hand_dial(&c2, "gw", "10.0.0.254");
	virtual_name(resolver, web, "192.0.2.70,192.0.2.71", 60);
	assert_int_equal(ask(&c2, 1, web), COAP_400_BAD_REQUEST);
	virtual_name(resolver, "a.example.com", "192.0.2.70", 60);
	assert_int_equal(ask(&c2, 2, "a.example.com"), COAP_201_CREATED);
	virtual_name(resolver, "a.example.com", "192.0.2.70,192.0.2.71", 60);
	virtual_mark();
	UNTIL(62 * S, virtual_events(EVENT_ALERT, "192.0.2.71/32") == 1);
	virtual_run(10 * S);
	for (size_t i = 0; i < COUNT(PUTS_OVER(x, NULL)); i++)
		assert_false(holds(PACKET(i, PUTS_OVER(x, NULL)), "192.0.2.71"));
	virtual_name(resolver, "far.example.com", "203.0.113.7", 60);
	assert_int_equal(ask(&x->c1, 3, "far.example.com"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->c1.text, "203.0.113.7/32 belongs to no provider"));
	hand_free(&c2);
}

/* RFC 8811 3.2.3: what the gateway's own mitigators filter follows, and what is asked beside them.
 */
static void
own_filters_and_upstream_follow_together(void **state)
{
	struct behind *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	assert_int_equal(ask(&x->c1, 1, web), COAP_201_CREATED);
	assert_int_equal(recorder_active(x->gw.recorder), 1);
	assert_int_equal(x->s1.puts, 0);
	assert_int_equal(server_escalate(x->gw.server, provider_mitigation(&x->gw, 1)->id).code,
		COAP_201_CREATED);
	UNTIL(5 * S, x->s1.puts == 1);
	assert_true(holds(PACKET(0, PUTS_OVER(x, "wan1")), "192.0.2.70/32"));
	virtual_name(resolver, web, "198.51.100.70", 60);
	UNTIL(62 * S, x->s2.puts == 1);
	assert_int_equal(virtual_events(EVENT_RULE_INSTALLED, "scope=198.51.100.70/32"), 1);
	UNTIL(5 * S, x->s1.deletes == 1);
}

#define NAMING(f) cmocka_unit_test_setup_teardown(f, setup, behind_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NAMING(each_server_is_asked_for_its_own_addresses),
		NAMING(the_owner_of_all_is_told_the_name),
		NAMING(a_name_that_moves_is_asked_for_elsewhere),
		NAMING(what_is_not_the_clients_is_never_asked_for),
		cmocka_unit_test_setup_teardown(
			own_filters_and_upstream_follow_together, setup_acting, behind_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
