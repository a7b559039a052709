/* Default routers as the kernel tells them, in a network namespace of our own. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "net/route.h"
#include "netns.h"

static const char *
routers_text(const char *interface)
{
	static char text[ROUTERS_MAX * ADDR_TEXT_MAX];
	char one[ADDR_TEXT_MAX];
	struct routers r;

	routers_of(interface, &r);
	*text = '\0';
	for (size_t i = 0; i < r.n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, addr_format(&r.list[i].addr, one));
	}
	return text;
}

static int
setup(void **state)
{
	(void)state;
	netns_connect();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	netns_disconnect();
	return 0;
}

static void
without_a_default_route_there_is_no_router(void **state)
{
	(void)state;
	netns_ip("route add 10.7.0.0/16 via 10.0.1.2");
	netns_ip("route add 2001:db8::/32 via fe80::2 dev wan1");
	assert_string_equal(routers_text("wan1"), "");
	assert_string_equal(routers_text("nowhere"), "");
}

/* 8973-4-21: each link's own, of both families, the best first. */
static void
each_link_has_its_own_in_any_table(void **state)
{
	(void)state;
	netns_ip("route add default via 10.0.1.9 dev wan1 metric 20");
	netns_ip("route add default via 10.0.1.2 dev wan1 metric 10");
	netns_ip("route add default via 10.0.1.9 dev wan1 table 77");
	netns_ip("route add default via 10.0.2.2 dev wan2 table 78");
	netns_ip("route add default via fe80::2 dev wan1");
	netns_ip("route add default dev wan2 metric 5");
	netns_ip("route add unreachable default metric 4000");
	assert_string_equal(routers_text("wan1"), "10.0.1.9 10.0.1.2 fe80::2");
	assert_string_equal(routers_text("wan2"), "10.0.2.2");
	assert_string_equal(routers_text("lo"), "");
}

static void
a_route_with_several_next_hops_has_a_router_on_each_link(void **state)
{
	(void)state;
	netns_ip("route add default nexthop via 10.0.1.2 dev wan1 nexthop via 10.0.2.2 dev wan2 "
		 "nexthop via 10.0.2.3 dev wan2");
	assert_string_equal(routers_text("wan1"), "10.0.1.2");
	assert_string_equal(routers_text("wan2"), "10.0.2.2 10.0.2.3");
}

static void
the_best_eight_are_kept(void **state)
{
	char text[96];

	(void)state;
	for (int i = 0; i < ROUTERS_MAX + 2; i++) {
		snprintf(text, sizeof(text), "route add default via 10.0.1.%d dev wan1 metric %d",
			100 + i, 1000 - i);
		netns_ip(text);
	}
	assert_string_equal(routers_text("wan1"),
		"10.0.1.109 10.0.1.108 10.0.1.107 10.0.1.106 10.0.1.105 10.0.1.104 10.0.1.103 "
		"10.0.1.102");
}

static void
count(void *arg)
{
	++*(unsigned *)arg;
}

static void
default_routes_that_come_and_go_are_told_and_no_others(void **state)
{
	struct loop *l = loop_new();
	unsigned told = 0;
	struct route_watch *w = route_watch_new(l, count, &told);

	(void)state;
	assert_non_null(w);
	netns_ip("route add 10.7.0.0/16 via 10.0.1.2");
	harness_settle(l);
	assert_int_equal(told, 0);
	netns_ip("route add default via 10.0.1.2");
	WAIT(l, told == 1);
	netns_ip("route add default via fe80::2 dev wan2");
	WAIT(l, told == 2);
	netns_ip("route del default via 10.0.1.2");
	WAIT(l, told == 3);
	route_watch_free(w);
	loop_free(l);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_a_default_route_there_is_no_router),
		CASE(each_link_has_its_own_in_any_table),
		CASE(a_route_with_several_next_hops_has_a_router_on_each_link),
		CASE(the_best_eight_are_kept),
		CASE(default_routes_that_come_and_go_are_told_and_no_others),
	};

	if (!netns_begin())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
