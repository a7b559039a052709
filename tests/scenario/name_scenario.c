/* Names, addresses and sources of servers (RFC 9284 5.1, 5.2; RFC 6724; rule M1). */
#include "scene.h"

enum { RETRY_LOCAL = 10 * S, RETRY_ATTACK = 60 * S, HANDSHAKE = 20 * S };

#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true
static const char two[] = "domain=isp2";

static bool
is_state(struct scene *x, const char *server, const char *state)
{
	return !strcmp(customer_server(&x->us, server), state);
}

/* The server of isp2 is known by name only, to a resolver of isp2. */
static int
setup(void **state)
{
	struct scene *x;

	scene_setup(state);
	x = *state;
	x->us.homing->domains[1].servers[0]->n_addresses = 0;
	customer_resolver(&x->us, "isp2", "198.51.100.53");
	virtual_name("198.51.100.53", "s2", "198.51.100.10", 300);
	provider_start(&x->isp1);
	provider_start(&x->isp2);
	return 0;
}

/* 9284-5.1-03, 4218-4.1.2-01, 9284-5.1-04, 9284-5.2-04: by the domain's own resolvers, over its
 * link, from its address; once while the answer is good. */
static void
a_name_is_asked_of_its_own_domain(void **state)
{
	struct scene *x = *state;
	const struct virtual_lookup *v = virtual_lookups();
	char text[ADDR_TEXT_MAX];

	customer_start(&x->us);
	UNTIL(1 * S, is_state(x, "s2", "available"));
	assert_int_equal(v->n, 1);
	assert_string_equal(v->name, "s2");
	assert_string_equal(v->interface, "wan2");
	assert_int_equal(v->n_sources, 1);
	assert_string_equal(addr_format(&v->sources[0], text), "198.51.100.66");
	assert_int_equal(v->n_servers, 1);
	virtual_run(100 * S);
	provider_restart(&x->isp2);
	UNTIL(3 * S, provider_sessions(&x->isp2) == 1);
	assert_int_equal(v->n, 1);
	virtual_run(300 * S);
	provider_restart(&x->isp2);
	UNTIL(3 * S, provider_sessions(&x->isp2) == 1);
	assert_int_equal(v->n, 2); /* it was too old */
}

/* 9284-5.1-03, 9284-6-10, 9284-5.1-04: what another domain's resolver says of it is never asked. */
static void
without_its_resolver_no_other_is_asked(void **state)
{
	struct scene *x = *state;
	const struct virtual_lookup *v = virtual_lookups();

	customer_resolver(&x->us, "isp1", "192.0.2.53");
	virtual_name("192.0.2.53", "s2", "192.0.2.99", 300); /* a trap */
	virtual_name("198.51.100.53", "s2", "", 300);
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	assert_int_equal(virtual_events(EVENT_ALERT, "domain=isp2"), 1); /* told once */
	assert_int_equal(COUNT(HELLOS(x)), 1);                           /* to s1 */
	assert_true(v->n > 300);
	assert_string_equal(v->interface, "wan2");
	assert_int_equal(v->servers[0].addr.bytes[0], 198);
	assert_true(is_state(x, "s1", "available"));
	/* The name is there: a look-up every 10 s finds it. */
	virtual_name("198.51.100.53", "s2", "198.51.100.10", 300);
	UNTIL(RETRY_LOCAL + 1 * S, is_state(x, "s2", "available"));
}

/* 4218-4.3-01, 9132-4.7-16: look-ups, whatever comes of them, bring no handshake nearer than 60 s
 * to the last. */
static void
look_ups_do_not_hasten_handshakes(void **state)
{
	struct scene *x = *state;

	virtual_name("198.51.100.53", "s2", "198.51.100.10", 1); /* always too old */
	virtual_listener(x->isp2.loop, MUTE, 0);
	customer_start(&x->us);
	for (int i = 0; i < 60; i++) {
		virtual_name("198.51.100.53", "s2", i % 2 ? "" : "198.51.100.10", 1);
		virtual_run(60 * S);
	}
	assert_true(virtual_events(EVENT_SESSION_ATTEMPT, two) > 20);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, two) >= HANDSHAKE + RETRY_ATTACK);
}

/* With the resolver gone, what it said last is better than nothing. */
static void
an_old_answer_serves_when_the_resolver_is_silent(void **state)
{
	struct scene *x = *state;

	customer_start(&x->us);
	UNTIL(1 * S, is_state(x, "s2", "available"));
	virtual_run(1 * HOUR);
	virtual_name("198.51.100.53", "s2", NULL, 0);
	provider_restart(&x->isp2);
	UNTIL(10 * S, is_state(x, "s2", "available") && provider_sessions(&x->isp2) == 1);
}

/* M3: beside a silent session the addresses that are known serve at once, however old: the answer
 * to a look-up would not come in either. */
static void
a_second_session_does_not_wait_for_a_look_up(void **state)
{
	struct scene *x = *state;

	virtual_listener(x->isp2.loop, MUTE, 0); /* what failed before it was up is forgotten */
	customer_start(&x->us);
	virtual_run(30 * S);
	virtual_listener(x->isp2.loop, MEETS, 0);
	UNTIL(1 * MINUTE, is_state(x, "s2", "available"));
	virtual_run(1 * HOUR);
	virtual_name("198.51.100.53", "s2", NULL, 0);
	virtual_way(x->us.loop, "wan2")->lose_dial = 3;
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(7 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(HELLOS(x)), 1);
}

/* 9284-5.1-05: resolvers of both families get a source each; those of a family without source are
 * not asked, for the kernel might take another domain's. */
static void
each_resolver_is_asked_from_a_source_of_its_family(void **state)
{
	struct scene *x = *state;
	const struct virtual_lookup *v = virtual_lookups();
	struct domain *d = &x->us.homing->domains[1];

	d->n_resolvers = 0;
	customer_resolver(&x->us, "isp2", "2001:db8:2::53");
	customer_resolver(&x->us, "isp2", "198.51.100.53");
	customer_resolver(&x->us, "isp2", "198.51.100.54");
	customer_start(&x->us);
	UNTIL(1 * S, is_state(x, "s2", "available"));
	assert_int_equal(v->n_sources, 1);
	assert_int_equal(v->n_servers, 2);
	assert_int_equal(v->servers[0].addr.family, 4);
	virtual_run(600 * S);
	virtual_addr(x->us.loop, "wan2", "2001:db8:2::66/64");
	provider_restart(&x->isp2);
	UNTIL(3 * S, provider_sessions(&x->isp2) == 1);
	assert_int_equal(v->n_sources, 2);
	assert_int_equal(v->n_servers, 3);
	assert_int_equal(v->servers[0].addr.family, 6);
}

/* 9284-5.2-05: an address for which the domain has no source is no attempt and costs no time. */
static void
addresses_without_a_source_are_passed_over(void **state)
{
	struct scene *x = *state;

	virtual_name("198.51.100.53", "s2",
		"2001:db8:2::10,2001:db8:2::11,2001:db8:2::12,198.51.100.10", 300);
	customer_start(&x->us);
	UNTIL(1 * S, is_state(x, "s2", "available"));
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, two), 0);
	assert_int_equal(virtual_events(EVENT_SESSION_ATTEMPT, two), 1);
}

/* The other way: only IPv6 sources, a server of both families. */
static void
ipv6_alone_passes_over_ipv4(void **state)
{
	struct scene *x = *state;
	struct domain_server *s = x->us.homing->domains[1].servers[0];
	struct provider six = {0};

	provider_make(&six, "s2", "2001:db8:2::10", "198.51.100.64/26");
	provider_start(&six);
	virtual_addr_remove(x->us.loop, "198.51.100.66");
	virtual_addr(x->us.loop, "wan2", "2001:db8:2::66/64");
	s->n_addresses = 0;
	customer_address(&x->us, "s2", "198.51.100.10");
	customer_address(&x->us, "s2", "2001:db8:2::10");
	customer_start(&x->us);
	UNTIL(1 * S, provider_sessions(&six) == 1 && is_state(x, "s2", "available"));
	assert_int_equal(virtual_events(EVENT_SESSION_ATTEMPT, two), 1);
	customer_stop(&x->us);
	provider_free(&six);
}

/* None of its addresses can be reached from here: told once, and tried as soon as that changes. */
static void
a_source_that_comes_is_noticed_at_once(void **state)
{
	struct scene *x = *state;

	virtual_addr_remove(x->us.loop, "198.51.100.66");
	customer_start(&x->us);
	virtual_run(10 * MINUTE + 3 * S);
	assert_int_equal(virtual_events(EVENT_ALERT, "no IPv4 address of isp2 on wan2"), 1);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	virtual_addr(x->us.loop, "wan2", "198.51.100.66/26");
	UNTIL(1 * S, is_state(x, "s2", "available"));
}

#define NAMED(f) cmocka_unit_test_setup_teardown(f, setup, scene_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NAMED(a_name_is_asked_of_its_own_domain),
		NAMED(without_its_resolver_no_other_is_asked),
		NAMED(look_ups_do_not_hasten_handshakes),
		NAMED(an_old_answer_serves_when_the_resolver_is_silent),
		NAMED(a_second_session_does_not_wait_for_a_look_up),
		NAMED(each_resolver_is_asked_from_a_source_of_its_family),
		NAMED(addresses_without_a_source_are_passed_over),
		NAMED(ipv6_alone_passes_over_ipv4),
		NAMED(a_source_that_comes_is_noticed_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
