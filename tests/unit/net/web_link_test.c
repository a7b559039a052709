/*
 * The HTTPS client: over which link, and from where (RFC 9284 5.1), in namespaces of its own
 * (netns.h). A server is at 10.9.9.9, which both links lead to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "asker.h"
#include "base/mem.h"
#include "netns.h"
#include "site.h"

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct world {
	struct loop *l;
	struct site site;
	struct asker asker;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	netns_connect();
	netns_ip_theirs("addr add 10.9.9.9/32 dev lo");
	x->l = loop_new();
	netns_enter(netns_theirs);
	site_start_at(&x->site, x->l, "server", NULL, "10.9.9.9");
	netns_enter(netns_ours);
	x->site.answer = ok;
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	site_stop(&x->site);
	loop_free(x->l);
	free(x);
	netns_ip_theirs("addr del 10.9.9.9/32 dev lo");
	netns_disconnect();
	return 0;
}

static void
is_asked_from(struct world *x, const struct web_config *cfg, const char *source)
{
	unsigned before = x->site.connections;
	struct addr from;

	assert_int_equal(addr_parse(source, &from), 0);
	asker_start(&x->asker, x->l, &x->site.at, cfg);
	asker_ask(&x->asker, "GET", "/", NULL);
	if (x->asker.status != 200)
		fail_msg("%s", x->asker.why);
	assert_int_equal(x->site.connections, before + 1);
	assert_true(addr_equal(&x->site.remote.addr, &from));
	asker_stop(&x->asker);
}

static void
server_is_asked_over_the_link_that_was_named(void **state)
{
	struct world *x = *state;
	char name[] = "wan2";
	struct web_config cfg = {.interface = name};

	is_asked_from(x, &(struct web_config){0}, "10.0.1.1");
	is_asked_from(x, &(struct web_config){.interface = "wan1"}, "10.0.1.1");
	asker_start(&x->asker, x->l, &x->site.at, &cfg);
	name[3] = '1'; /* it was copied */
	asker_ask(&x->asker, "GET", "/", NULL);
	assert_int_equal(x->asker.status, 200);
	assert_int_equal(x->site.remote.addr.bytes[2], 2);
	asker_stop(&x->asker);
}

static void
server_is_asked_from_the_source_that_was_named(void **state)
{
	struct web_config cfg = {.interface = "wan1"};

	netns_ip("addr add 10.0.1.7/24 dev wan1");
	assert_int_equal(addr_parse("10.0.1.7", &cfg.source), 0);
	is_asked_from(*state, &cfg, "10.0.1.7");
}

static void
no_other_link_serves_instead(void **state)
{
	struct world *x = *state;
	struct web_config cfg = {.interface = "wan2"};

	asker_start(&x->asker, x->l, &x->site.at, &cfg);
	asker_ask(&x->asker, "GET", "/", NULL);
	assert_int_equal(x->asker.status, 200);
	site_end(&x->site, SITE_CLOSES);
	WAIT(x->l, !web_is_connected(x->asker.web));
	netns_ip("link del wan2");
	asker_ask(&x->asker, "GET", "/", NULL);
	asker_failed(&x->asker, "connection: No such device");
	assert_int_equal(x->site.connections, 1);
	asker_stop(&x->asker);
}

static void
source_that_is_not_ours_is_told(void **state)
{
	struct web_config cfg = {0};
	struct world *x = *state;

	assert_int_equal(addr_parse("192.0.2.1", &cfg.source), 0);
	asker_start(&x->asker, x->l, &x->site.at, &cfg);
	asker_ask(&x->asker, "GET", "/", NULL);
	asker_failed(&x->asker, "connection: Cannot assign requested address");
	asker_stop(&x->asker);
	assert_int_equal(addr_parse("2001:db8::1", &cfg.source), 0);
	asker_start(&x->asker, x->l, &x->site.at, &cfg);
	asker_ask(&x->asker, "GET", "/", NULL);
	asker_failed(&x->asker, "connection: Address family not supported");
	asker_stop(&x->asker);
	assert_int_equal(x->site.connections, 0);
}

/* Nobody answers there. */
static void
connection_has_its_time(void **state)
{
	struct web_config cfg = {.timeout_s = 1};
	struct world *x = *state;
	struct endpoint nobody;

	netns_ip("neigh add 10.0.1.77 lladdr 02:00:00:00:00:77 dev wan1");
	assert_int_equal(endpoint_parse("10.0.1.77:443", 0, &nobody), 0);
	asker_start(&x->asker, x->l, &nobody, &cfg);
	asker_ask(&x->asker, "GET", "/", NULL);
	asker_failed(&x->asker, "connection: not in time");
	asker_say(&x->asker, "GET", "/", NULL);
	harness_settle(x->l);
	asker_stop(&x->asker); /* while it connects */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			server_is_asked_over_the_link_that_was_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			server_is_asked_from_the_source_that_was_named, setup, teardown),
		cmocka_unit_test_setup_teardown(no_other_link_serves_instead, setup, teardown),
		cmocka_unit_test_setup_teardown(source_that_is_not_ours_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(connection_has_its_time, setup, teardown),
	};

	if (!netns_begin())
		return 0;
	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
