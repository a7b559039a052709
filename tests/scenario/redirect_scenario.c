/*
 * Redirected signaling in virtual time (RFC 9132 4.6, RFC 8811 3.2.2; rule M10): whether, where to,
 * how fast, for how long, and back.
 */
#include "homing/redirect.h"
#include "scene.h"

#include <stdio.h>

enum { LOOP = 5 * MINUTE, RETRY_FIRST = 60 * S, HANDSHAKE = 20 * S, HEARTBEAT = 30 * S };

#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true
static const char A[] = "dots.isp1.example", B[] = "dots-b.isp1.example",
		  C[] = "dots-c.isp1.example", OTHER[] = "dots.isp2.example";

struct world {
	struct provider a, b, c, other;
	struct customer us;
};

static int
setup_domains(void **state, const char *isp1)
{
	const char *const domains[] = {isp1, "isp2 wan2 198.51.100.64/26 dots.isp2.example"};
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->a, A, "192.0.2.10", "192.0.2.64/26");
	provider_make(&x->b, B, "192.0.2.11", "192.0.2.64/26");
	provider_make(&x->c, C, "192.0.2.12", "192.0.2.64/26");
	provider_make(&x->other, OTHER, "198.51.100.10", "198.51.100.64/26");
	customer_make(&x->us, domains, 2);
	virtual_link(x->us.loop, "wan1", "192.0.2.66/26");
	virtual_link(x->us.loop, "wan2", "198.51.100.66/26");
	customer_address(&x->us, A, "192.0.2.10");
	customer_address(&x->us, OTHER, "198.51.100.10");
	provider_start(&x->a);
	provider_start(&x->b);
	provider_start(&x->c);
	provider_start(&x->other);
	*state = x;
	return 0;
}

static void
start(struct world *x)
{
	customer_start(&x->us);
	UNTIL(1 * S, provider_sessions(&x->a) == 1 && provider_sessions(&x->other) == 1);
	virtual_run(1 * S);
	virtual_mark();
}

static int
setup(void **state)
{
	setup_domains(state, "isp1 wan1 192.0.2.64/26 dots.isp1.example");
	start(*state);
	return 0;
}

/* B is configured, too, after A; C after both. */
static int
setup_three(void **state)
{
	struct world *x;

	setup_domains(state, "isp1 wan1 192.0.2.64/26 "
			     "dots.isp1.example,dots-b.isp1.example,dots-c.isp1.example");
	x = *state;
	customer_address(&x->us, B, "192.0.2.11");
	customer_address(&x->us, C, "192.0.2.12");
	start(x);
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	customer_free(&x->us);
	provider_free(&x->a);
	provider_free(&x->b);
	provider_free(&x->c);
	provider_free(&x->other);
	virtual_end();
	free(x);
	return 0;
}

/* addresses: with commas between; "": none. */
static void
give_order(struct provider *p, const char *to, const char *addresses, uint32_t ttl, bool force)
{
	struct drain d = {.to = (char *)(uintptr_t)to, .ttl = ttl, .force = force};
	struct addr list[DRAIN_ADDRESSES_MAX];
	char *copy = mem_text(addresses), *rest = copy, *one;

	while (*addresses && (one = strsep(&rest, ",")))
		assert_int_equal(addr_parse(one, &list[d.n_addresses++]), 0);
	d.addresses = list;
	server_drain(p->server, &d);
	virtual_turn(p->loop);
	free(copy);
}

static void
drain(struct provider *p, const char *to, const char *addresses, uint32_t ttl)
{
	give_order(p, to, addresses, ttl, false);
}

/* Those with a mitigation, too. */
static void
force(struct provider *p, const char *to, const char *addresses, uint32_t ttl)
{
	give_order(p, to, addresses, ttl, true);
}

static void
serve(struct provider *p)
{
	server_drain(p->server, NULL);
	virtual_turn(p->loop);
}

static bool
is_state(struct world *x, const char *server, const char *state)
{
	return !strcmp(customer_server(&x->us, server), state);
}

static bool
is_placed(struct world *x)
{
	return customer_state(&x->us, "w", 0) == WISH_PLACED;
}

static void
ask(struct world *x)
{
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
}

/* The mid that it has there; the test fails if there is none. */
static uint32_t
placed_at(struct world *x, const struct provider *p)
{
	uint32_t mid = customer_part(&x->us, "w", 0).mid;

	assert_non_null(provider_mitigation(p, mid));
	return mid;
}

/* ---- where it is sent ----------------------------------------------------------------------- */

/* 9132-4.6-02, 9132-4.6-04, 9132-4.6-05, 9132-4.6-07, 9132-4.6-17, 8811-3.2.2-06, 8811-3.2.2-07,
 * 8811-3.2.2-10: nobody is under attack, the answer to a heartbeat says it. The new session stands
 * before the old one ends; its address was told, so nobody is asked for it. */
static void
a_client_goes_where_it_is_sent(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 3600);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	UNTIL(1 * S, provider_sessions(&x->a) == 0);
	assert_true(PACKET(0, HELLOS(x))->at < PACKET(0, .from = x->us.loop, .kind = CLOSE)->at);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_false(PACKET(0, HELLOS(x))->resumed); /* 8612-SIG-005-02 */
	assert_string_equal(PACKET(0, HELLOS(x))->interface, "wan1");
	assert_int_equal(virtual_lookups()->n, 0);
	assert_int_equal(virtual_events(EVENT_REDIRECTED, "role=client"), 1);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	assert_true(is_state(x, A, "available"));
	virtual_mark();
	virtual_run(30 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(provider_sessions(&x->b), 1);
	assert_int_equal(provider_sessions(&x->a), 0);
}

/* 9132-4.6-15, 9132-4.6-16: the request goes on there, under its mid, at once; and whatever is
 * asked from then on. */
static void
the_request_under_way_goes_on_there(void **state)
{
	struct world *x = *state;
	uint32_t mid;
	mono_ms asked = virtual_now();

	drain(&x->a, B, "192.0.2.11", 3600);
	ask(x);
	UNTIL(2 * S, is_placed(x));
	assert_in_range(virtual_now() - asked, 0, 500);
	mid = placed_at(x, &x->b);
	assert_int_equal(provider_mitigations(&x->a), 0);
	assert_int_equal(COUNT(PUTS(x)), 2);
	assert_int_equal(COUNT(PUTS(x), .mid = mid), 2);
	assert_int_equal(COUNT(.from = x->a.loop, .code = COAP_503_SERVICE_UNAVAILABLE), 1);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	assert_int_equal(virtual_events(EVENT_RESPONSE, "code=5.03"), 0);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "v", "192.0.2.80/32", 0), 0);
	UNTIL(1 * S, provider_mitigations(&x->b) == 2);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(5 * S, COUNT(.from = x->us.loop, .code = COAP_DELETE, .mid = mid) == 1);
	assert_int_equal(provider_mitigations(&x->a), 0);
}

/* 8811-3.2.2-09, 8811-3.2.2-10: the second session stands, and that is the end of the first one,
 * whatever is answered on the second. */
static void
the_second_session_ends_the_first(void **state)
{
	struct world *x = *state;
	struct script s = {0};

	provider_stop(&x->b);
	script_make(&s, B, "192.0.2.11");
	s.silent = true;
	drain(&x->a, B, "192.0.2.11", 3600);
	ask(x);
	UNTIL(1 * S, s.session != NULL);
	UNTIL(100, provider_sessions(&x->a) == 0);
	virtual_run(10 * S);
	assert_int_equal(provider_sessions(&x->a), 0);
	s.silent = false;
	UNTIL(10 * S, is_placed(x));
	script_free(&s);
	provider_start(&x->b);
}

/* 9132-4.6-06, 9284-5.1-04: without an address its name is looked up, by the domain's resolver and
 * over its link; what is a server of another domain, or nobody's, is not tried. */
static void
its_name_is_looked_up_in_its_domain(void **state)
{
	struct world *x = *state;

	customer_resolver(&x->us, "isp1", "192.0.2.53");
	customer_restart(&x->us);
	virtual_run(1 * S);
	virtual_name("192.0.2.53", B, "198.51.100.10,224.0.0.1,192.0.2.11", 300);
	virtual_mark();
	drain(&x->a, B, "", 3600);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	assert_int_equal(virtual_lookups()->n, 1);
	assert_string_equal(virtual_lookups()->name, B);
	assert_string_equal(virtual_lookups()->interface, "wan1");
	assert_int_equal(COUNT(HELLOS(x)), 1);
	/* Only foreign ones: nobody is asked, and it is said. */
	serve(&x->a);
	virtual_name("192.0.2.53", C, "198.51.100.10", 300);
	virtual_run(10 * MINUTE);
	virtual_mark();
	drain(&x->b, C, "", 3600);
	UNTIL(2 * HEARTBEAT, provider_sessions(&x->a) == 1);
	assert_int_equal(virtual_events(EVENT_REDIRECT_ENDED, "reason=it cannot be reached"), 1);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_int_equal(COUNT(HELLOS(x), .interface = "wan2"), 0);
}

/* 9132-4.6-18: over any transport as ever, where the link lets no UDP through to it. */
static void
over_any_transport(void **state)
{
	struct world *x = *state;

	customer_stop(&x->us);
	x->us.homing->domains[0].servers[0]->transport = SERVER_ANY;
	start(x);
	virtual_run(HEARTBEAT);
	drain(&x->a, B, "192.0.2.13,192.0.2.11", 3600);
	UNTIL(HEARTBEAT, virtual_events(EVENT_REDIRECTED, "role=client") == 1);
	virtual_way(x->us.loop, "wan1")->lose_udp = true;
	UNTIL(2 * S, provider_sessions(&x->b) == 1);
	UNTIL(1 * S, !strcmp(customer_transport(&x->us, A), "tcp"));
}

/* 9132-4.6-03: a notification says it. */
static void
a_notification_says_it(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask(x);
	UNTIL(1 * S, is_placed(x));
	virtual_run(1 * S);
	mid = placed_at(x, &x->a);
	virtual_mark();
	force(&x->a, B, "192.0.2.11", 3600);
	UNTIL(1 * S, provider_mitigations(&x->b) == 1);
	assert_int_equal(placed_at(x, &x->b), mid);
	assert_int_equal(COUNT(.from = x->a.loop, .code = COAP_503_SERVICE_UNAVAILABLE), 1);
	assert_int_equal(COUNT(.from = x->us.loop, .resource = PATH_HB), 0);
}

/* ---- for how long --------------------------------------------------------------------------- */

/* 9132-4.6-11: its time is over. */
static void
its_time_is_over(void **state)
{
	struct world *x = *state;
	mono_ms begun;

	drain(&x->a, B, "192.0.2.11", 600);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	begun = virtual_now();
	serve(&x->a);
	virtual_run(590 * S);
	assert_int_equal(provider_sessions(&x->a), 0);
	UNTIL(20 * S, provider_sessions(&x->a) == 1);
	assert_in_range(virtual_now() - begun, 598 * S, 601 * S);
	UNTIL(1 * S, provider_sessions(&x->b) == 0);
	ask(x);
	UNTIL(1 * S, is_placed(x));
	placed_at(x, &x->a);
	assert_int_equal(provider_mitigations(&x->b), 0);
}

/* 9132-4.6-12: not while an attack is on; at once when it is not. */
static void
not_while_an_attack_is_on(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 60);
	ask(x);
	UNTIL(2 * S, is_placed(x));
	serve(&x->a);
	virtual_run(1 * HOUR);
	placed_at(x, &x->b);
	assert_int_equal(provider_sessions(&x->a), 0);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(2 * S, provider_sessions(&x->a) == 1);
	UNTIL(1 * S, provider_sessions(&x->b) == 0);
	assert_int_equal(virtual_events(EVENT_REDIRECT_ENDED, "reason=its time is over"), 1);
}

/* 9132-4.6-08: 2^32-1 is for good, until that server redirects again. */
static void
for_good_until_it_redirects_again(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", UINT32_MAX);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	assert_int_equal(virtual_events(EVENT_REDIRECTED, "ttl=-1"), 2); /* at both ends */
	serve(&x->a);
	virtual_run(20 * DAY);
	assert_int_equal(provider_sessions(&x->b), 1);
	assert_int_equal(provider_sessions(&x->a), 0);
	drain(&x->b, C, "192.0.2.12", 60);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->c) == 1);
	UNTIL(1 * S, provider_sessions(&x->b) == 0);
	/* Then it is over: back to the one that is configured. */
	UNTIL(62 * S, provider_sessions(&x->a) == 1);
	UNTIL(1 * S, provider_sessions(&x->c) == 0);
}

/* 9132-4.6-11: the configured server is what has to be used, and cannot be reached: the other one
 * is left all the same. */
static void
its_time_is_over_and_there_is_nobody(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 600);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	provider_stop(&x->a);
	virtual_listener(x->a.loop, MUTE, 0);
	virtual_run(599 * S + HANDSHAKE);
	UNTIL(3 * S, provider_sessions(&x->b) == 0);
	assert_false(is_state(x, A, "available"));
	virtual_listener(x->a.loop, MEETS, 0);
	provider_start(&x->a);
	UNTIL(LOOP + HANDSHAKE, provider_sessions(&x->a) == 1);
}

/* 9132-4.6-09: Max-Age 0 is for the mitigation request in progress; what is asked when that is over
 * is asked of the configured server. */
static void
for_one_request_only(void **state)
{
	struct world *x = *state;
	struct script s = {0};

	customer_stop(&x->us);
	provider_stop(&x->a);
	script_make(&s, A, "192.0.2.10");
	s.redirect = B;
	customer_resolver(&x->us, "isp1", "192.0.2.53");
	virtual_name("192.0.2.53", B, "192.0.2.11", 300);
	customer_start(&x->us);
	UNTIL(1 * S, s.session != NULL);
	ask(x);
	UNTIL(2 * S, is_placed(x));
	placed_at(x, &x->b);
	virtual_run(5 * MINUTE);
	placed_at(x, &x->b);
	s.redirects_heartbeats = true; /* for no request: nothing is to be done */
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(3 * S, s.session != NULL && provider_sessions(&x->b) == 0);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(provider_sessions(&x->b), 0);
	assert_int_equal(virtual_events(EVENT_REDIRECTED, ""), 0);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	s.redirects_heartbeats = false;
	s.redirect = NULL;
	s.puts = 0;
	assert_int_equal(customer_ask(&x->us, "v", "192.0.2.80/32", 0), 0);
	UNTIL(1 * S, s.puts == 1);
	script_free(&s);
	provider_start(&x->a);
}

/* ---- whether -------------------------------------------------------------------------------- */

/* 8811-1.3-09, 8612-SIG-005-05, 8612-SIG-005-06: a server of another domain, by name or by address,
 * a name that is not trusted, an address. Nothing is dialled, the operator is told once, the
 * session stays. */
static void
where_it_does_not_go(void **state)
{
	static const struct {
		const char *to, *addresses, *why;
	} rows[] = {
		{"dots.isp2.example", "198.51.100.10", "it is a server of isp2"},
		{"DOTS.isp2.example", "", "it is a server of isp2"},
		{"dots-b.isp1.example", "198.51.100.10", "none of its addresses may be asked"},
		{"dots-b.isp1.example", "127.0.0.1,0.0.0.0,224.0.0.1", "none of its addresses"},
		{"dots.isp3.example", "192.0.2.11", "no sibling of the configured name"},
		{"example", "192.0.2.11", "no sibling of the configured name"},
		{"b.dots.isp1.example", "192.0.2.11", "no sibling of the configured name"},
		{"192.0.2.11", "192.0.2.11", "it is an address"},
		{"dots.isp1.example", "192.0.2.11", "a loop"}, /* itself */
	};
	struct world *x = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		virtual_mark();
		drain(&x->a, rows[i].to, rows[i].addresses, 3600);
		virtual_run(4 * MINUTE);
		assert_int_equal(virtual_events(EVENT_ALERT, rows[i].why), 1);
		assert_int_equal(virtual_events(EVENT_ALERT, ""), 1);
		assert_int_equal(virtual_events(EVENT_REDIRECTED, "role=client"), 0);
		assert_int_equal(COUNT(HELLOS(x)), 0);
		assert_int_equal(provider_sessions(&x->a), 1);
		serve(&x->a);
		UNTIL(2 * MINUTE, is_state(x, A, "available"));
	}
	ask(x);
	UNTIL(1 * S, is_placed(x));
	placed_at(x, &x->a);
}

/* Max-Age says how long the other server would be good for, not when to come back. */
static void
its_time_is_no_reason_to_wait(void **state)
{
	struct world *x = *state;

	drain(&x->a, OTHER, "198.51.100.10", UINT32_MAX);
	ask(x);
	virtual_run(1 * S);
	assert_int_equal(COUNT(PUTS(x)), 1);
	assert_int_equal(provider_mitigations(&x->other), 0);
	serve(&x->a);
	UNTIL(2 * MINUTE, is_placed(x));
	placed_at(x, &x->a);
}

/* Where there are trusted-names they alone count. */
static void
trusted_names_are_the_ones(void **state)
{
	struct world *x = *state;
	struct domain *d = &x->us.homing->domains[0];

	d->trusted_names = mem_array(1, sizeof(char *));
	d->trusted_names[d->n_trusted_names++] = mem_text("*.isp1.example");
	drain(&x->a, B, "192.0.2.11", 3600);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	free(d->trusted_names[0]);
	d->trusted_names[0] = mem_text("dots-x.isp1.example");
	virtual_mark();
	drain(&x->b, C, "192.0.2.12", 3600);
	UNTIL(HEARTBEAT + 1 * S, virtual_events(EVENT_ALERT, "none of the trusted-names") == 1);
	assert_int_equal(provider_sessions(&x->c), 0);
}

/* Its certificate is for another name: it is not the server that was named (M10). */
static void
who_cannot_prove_the_name_is_left(void **state)
{
	struct world *x = *state;

	drain(&x->a, C, "192.0.2.11", 3600); /* B is there */
	UNTIL(HEARTBEAT + 1 * S, virtual_events(EVENT_REDIRECT_ENDED, "") == 1);
	virtual_run(10 * S);
	assert_int_equal(provider_sessions(&x->b), 0);
	assert_int_equal(provider_sessions(&x->a), 1);
	assert_true(virtual_events(EVENT_ALERT, "server=dots-c.isp1.example") >= 1);
}

/* ---- loops ---------------------------------------------------------------------------------- */

/* 9132-4.6-23, 9132-4.6-24: two servers that redirect to each other; the third one is asked. Nobody
 * runs. */
static void
two_that_redirect_to_each_other(void **state)
{
	struct world *x = *state;

	provider_stop(&x->c);
	UNTIL(1 * S, !is_state(x, C, "available"));
	drain(&x->a, B, "192.0.2.11", 3600);
	drain(&x->b, A, "192.0.2.10", 3600);
	virtual_mark();
	ask(x);
	virtual_run(4 * MINUTE);
	assert_false(is_placed(x));
	assert_true(virtual_events(EVENT_ALERT, "a loop") >= 1);
	assert_in_range(COUNT(PUTS(x)), 2, 20);
	assert_true(GAP(HELLOS(x)) >= 1 * S);
	provider_start(&x->c);
	UNTIL(LOOP + 1 * MINUTE, is_placed(x));
	placed_at(x, &x->c);
}

/* The same where none of them but the first is configured. */
static void
back_to_where_it_came_from(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 3600);
	drain(&x->b, A, "192.0.2.10", 3600);
	virtual_run(1 * HOUR);
	assert_true(virtual_events(EVENT_ALERT, "a loop") >= 2);
	assert_true(virtual_events(EVENT_ALERT, "a loop") <= 2 * 1 * HOUR / LOOP + 2);
	assert_true(COUNT(HELLOS(x)) <= 2 * 1 * HOUR / LOOP + 2);
	serve(&x->a);
	UNTIL(2 * LOOP, provider_sessions(&x->a) == 1 && is_state(x, A, "available"));
	ask(x);
	UNTIL(1 * S, is_placed(x));
}

/* Its time was short, and the first server redirects to it again: not within five minutes. */
static void
a_short_time_makes_no_turntable(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 1);
	virtual_run(1 * HOUR);
	assert_true(COUNT(HELLOS(x)) <= 2 * 1 * HOUR / LOOP + 2);
	assert_true(virtual_events(EVENT_ALERT, "a loop") >= 1);
}

/* ---- back ----------------------------------------------------------------------------------- */

/* 4218-4.2-01, 4218-4.3-01: nobody is at any of the many addresses: four are tried, at the pace
 * of RFC 9132 4.7, the session with the first server stays, and they are not tried again at once.
 */
static void
nobody_is_there(void **state)
{
	struct world *x = *state;
	char addresses[3000] = "";

	for (int i = 100; i < 200; i++)
		snprintf(addresses + strlen(addresses), 20, "%s192.0.2.%d", i > 100 ? "," : "", i);
	drain(&x->a, B, addresses, 3600);
	UNTIL(10 * MINUTE, virtual_events(EVENT_REDIRECT_ENDED, "it cannot be reached") == 1);
	assert_int_equal(COUNT(HELLOS(x)), REDIRECT_ADDRESSES_MAX);
	assert_true(GAP(HELLOS(x)) >= RETRY_FIRST);
	assert_int_equal(provider_sessions(&x->a), 1);
	virtual_run(4 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), REDIRECT_ADDRESSES_MAX);
	assert_int_equal(virtual_events(EVENT_ALERT, "could not be reached"), 1);
	serve(&x->a);
	UNTIL(2 * MINUTE, is_state(x, A, "available"));
	ask(x);
	UNTIL(1 * S, is_placed(x));
	placed_at(x, &x->a);
}

/* The alternate server is gone: back to the one that is configured, with what was asked. */
static void
it_goes_away(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	drain(&x->a, B, "192.0.2.11", 3600);
	ask(x);
	UNTIL(2 * S, is_placed(x));
	mid = placed_at(x, &x->b);
	virtual_run(1 * MINUTE);
	serve(&x->a);
	provider_crash(&x->b);
	UNTIL(10 * MINUTE, provider_mitigation(&x->a, mid) != NULL);
	assert_int_equal(virtual_events(EVENT_REDIRECT_ENDED, "it cannot be reached"), 1);
	provider_restart(&x->b);
}

/* A server that redirected, and whose alternate cannot be reached, is not left for a moment: what
 * is wanted is asked of other servers of the domain. */
static void
others_of_the_domain_are_asked(void **state)
{
	struct world *x = *state;

	drain(&x->a, "dots-d.isp1.example", "192.0.2.13", 3600);
	ask(x);
	UNTIL(2 * MINUTE, is_placed(x));
	placed_at(x, &x->b);
}

/* The more so while several addresses of the alternate server are tried. */
static void
others_are_asked_while_many_are_tried(void **state)
{
	struct world *x = *state;

	drain(&x->a, "dots-d.isp1.example", "192.0.2.13,192.0.2.14,192.0.2.15", 3600);
	ask(x);
	UNTIL(HANDSHAKE + 1 * S, is_placed(x));
	placed_at(x, &x->b);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	UNTIL(4 * MINUTE, virtual_events(EVENT_REDIRECT_ENDED, "it cannot be reached") == 1);
	assert_int_equal(COUNT(HELLOS(x)), 3);
	assert_true(GAP(HELLOS(x)) >= RETRY_FIRST);
	placed_at(x, &x->b);
}

/* 9132-4.6-16: the first server closes its session at once: while the alternate one is on its way
 * nobody else is asked. */
static void
the_first_server_closes_at_once(void **state)
{
	struct world *x = *state;
	struct provider d = {0};
	uint32_t mid;

	provider_make(&d, "dots-d.isp1.example", "192.0.2.13", "192.0.2.64/26");
	provider_start(&d);
	virtual_listener(d.loop, MEETS, 500);
	drain(&x->a, "dots-d.isp1.example", "192.0.2.13", 3600);
	ask(x);
	UNTIL(1 * S, virtual_events(EVENT_REDIRECTED, "role=client") == 1);
	provider_stop(&x->a);
	UNTIL(2 * S, is_placed(x));
	mid = placed_at(x, &d);
	virtual_run(10 * S);
	assert_int_equal(COUNT(PUTS(x)), COUNT(PUTS(x), .mid = mid));
	assert_int_equal(provider_mitigations(&x->b) + provider_mitigations(&x->c), 0);
	assert_int_equal(virtual_events(EVENT_PENDING, ""), 0);
	customer_stop(&x->us);
	provider_free(&d);
	provider_start(&x->a);
}

/* ---- a session with it stands already -------------------------------------------------------- */

/* 8811-3.2.2-07: no second one is made; the first server's session ends, and what was asked there
 * goes on at the other one. When that is gone it is the first one's turn again. */
static void
a_session_that_stands_is_used(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	drain(&x->a, B, "192.0.2.11", 3600);
	ask(x);
	UNTIL(2 * S, is_placed(x));
	mid = placed_at(x, &x->b);
	assert_int_equal(COUNT(PUTS(x)), COUNT(PUTS(x), .mid = mid));
	assert_int_equal(provider_sessions(&x->a), 0);
	assert_int_equal(provider_sessions(&x->b), 1);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_true(is_state(x, A, "redirected"));
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	serve(&x->a);
	provider_stop(&x->b);
	UNTIL(3 * S, provider_sessions(&x->a) == 1);
	assert_int_equal(virtual_events(EVENT_REDIRECT_ENDED, "there is no session with it"), 1);
	provider_start(&x->b);
}

/* ---- a new configuration, a restart -----------------------------------------------------------
 */

static void
fill_distrusting(struct customer *c)
{
	struct domain *d = &c->homing->domains[0];

	customer_address(c, A, "192.0.2.10");
	customer_address(c, OTHER, "198.51.100.10");
	d->trusted_names = mem_array(1, sizeof(char *));
	d->trusted_names[d->n_trusted_names++] = mem_text("dots-x.isp1.example");
}

static void
fill(struct customer *c)
{
	customer_address(c, A, "192.0.2.10");
	customer_address(c, OTHER, "198.51.100.10");
}

static void
a_reload_may_distrust_it(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 dots.isp1.example",
		"isp2 wan2 198.51.100.64/26 dots.isp2.example"};
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 3600);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	serve(&x->a);
	virtual_run(1 * S);
	virtual_mark();
	customer_reload(&x->us, domains, 2, fill, "");
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(provider_sessions(&x->b), 1);
	customer_reload(&x->us, domains, 2, fill_distrusting, "");
	UNTIL(1 * S, provider_sessions(&x->a) == 1);
	UNTIL(1 * S, provider_sessions(&x->b) == 0);
}

/* Nothing of it is kept: who starts anew starts with the configured servers. */
static void
a_restart_forgets_it(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", UINT32_MAX);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	provider_restart(&x->a); /* nor there */
	customer_restart(&x->us);
	UNTIL(1 * S, provider_sessions(&x->a) == 1);
	virtual_run(10 * MINUTE);
	assert_int_equal(provider_sessions(&x->b), 0);
}

/* ---- the server ----------------------------------------------------------------------------- */

/* 8612-SIG-005-07: a client for which a mitigation is on is served as before, its further requests
 * too, until the last one is withdrawn. */
static void
a_mitigation_defers_it(void **state)
{
	struct world *x = *state;
	size_t deferred;

	ask(x);
	UNTIL(1 * S, is_placed(x));
	drain(&x->a, B, "192.0.2.11", 3600);
	virtual_run(10 * MINUTE);
	assert_int_equal(customer_ask(&x->us, "v", "192.0.2.80/32", 0), 0);
	virtual_run(1 * S);
	assert_int_equal(provider_mitigations(&x->a), 2);
	assert_int_equal(provider_sessions(&x->b), 0);
	server_draining(x->a.server, &deferred);
	assert_int_equal(deferred, 1);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	virtual_run(5 * MINUTE);
	assert_int_equal(provider_sessions(&x->b), 0);
	assert_int_equal(customer_release(&x->us, "v"), 0);
	UNTIL(HEARTBEAT + 1 * S, provider_sessions(&x->b) == 1);
	UNTIL(1 * S, provider_sessions(&x->a) == 0);
	server_draining(x->a.server, &deferred);
	assert_int_equal(deferred, 0);
}

/* 8811-3.2.2-08: whoever stays gets answers, and is asked nothing any more; it may withdraw. When
 * the drain is over all is as before. */
static void
who_stays_is_asked_nothing(void **state)
{
	struct world *x = *state;
	struct hand h;
	unsigned before;

	hand_make(&h, "acme", "10.0.0.1/24");
	h.answers_heartbeats = true;
	hand_dial(&h, A, "192.0.2.10");
	drain(&x->a, B, "192.0.2.11", 3600);
	hand_heartbeat(&h);
	UNTIL(1 * S, h.code == COAP_503_SERVICE_UNAVAILABLE);
	assert_int_equal(h.max_age, 3600);
	before = h.heartbeats;
	for (int i = 0; i < 20; i++) {
		virtual_run(10 * S);
		hand_heartbeat(&h);
	}
	assert_int_equal(h.heartbeats, before);
	hand_put(&h, 1, "192.0.2.66/32", 3600);
	UNTIL(1 * S, h.code == COAP_503_SERVICE_UNAVAILABLE);
	hand_delete(&h, 1);
	UNTIL(1 * S, h.code == COAP_202_DELETED);
	serve(&x->a);
	UNTIL(2 * HEARTBEAT, h.heartbeats > before);
	hand_put(&h, 2, "192.0.2.66/32", 3600);
	UNTIL(1 * S, h.code == COAP_201_CREATED);
	hand_free(&h);
}

/* Nobody stands in: what is new is refused for the time being, sessions and the rest stay. */
static void
nobody_stands_in(void **state)
{
	struct world *x = *state;

	drain(&x->a, NULL, "", 120);
	virtual_run(10 * MINUTE);
	assert_int_equal(provider_sessions(&x->a), 1);
	assert_true(is_state(x, A, "available"));
	ask(x);
	virtual_run(100 * S);
	assert_int_equal(COUNT(PUTS(x)), 1);
	assert_int_equal(provider_mitigations(&x->a), 0);
	serve(&x->a);
	UNTIL(30 * S, is_placed(x));
	virtual_mark();
	force(&x->a, NULL, "", 120);
	virtual_run(2 * HOUR);
	assert_int_equal(provider_mitigations(&x->a), 1); /* refreshed as ever */
	assert_int_equal(COUNT(.from = x->a.loop, .code = COAP_503_SERVICE_UNAVAILABLE), 0);
}

#define ONE(f)   cmocka_unit_test_setup_teardown(f, setup, teardown)
#define THREE(f) cmocka_unit_test_setup_teardown(f, setup_three, teardown)

static int
setup_negotiating(void **state)
{
	struct world *x;

	setup_domains(state, "isp1 wan1 192.0.2.64/26 dots.isp1.example");
	x = *state;
	x->us.homing->domains[0].session[SESSION_IDLE].has = 1ULL << CONFIG_HEARTBEAT_INTERVAL;
	x->us.homing->domains[0].session[SESSION_IDLE].params.heartbeat_ms = 60 * S;
	start(x);
	return 0;
}

/* 9132-4.6-20, 9132-4.6-21: session configuration is negotiated with the server that stands in. */
static void
another_server_is_negotiated_with(void **state)
{
	struct world *x = *state;

	drain(&x->a, B, "192.0.2.11", 3600);
	UNTIL(3 * MINUTE,
		COUNT(.from = x->us.loop, .code = COAP_PUT, .resource = PATH_CONFIG) == 1);
	assert_int_equal(provider_sessions(&x->b), 1);
	virtual_run(1 * S);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_in_range(COUNT(.from = x->b.loop, .code = COAP_PUT, .resource = PATH_HB), 9, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_client_goes_where_it_is_sent),
		ONE(the_request_under_way_goes_on_there),
		ONE(the_second_session_ends_the_first),
		ONE(its_name_is_looked_up_in_its_domain),
		ONE(over_any_transport),
		ONE(a_notification_says_it),
		ONE(its_time_is_over),
		ONE(not_while_an_attack_is_on),
		ONE(for_good_until_it_redirects_again),
		ONE(its_time_is_over_and_there_is_nobody),
		ONE(for_one_request_only),
		ONE(where_it_does_not_go),
		ONE(its_time_is_no_reason_to_wait),
		ONE(trusted_names_are_the_ones),
		ONE(who_cannot_prove_the_name_is_left),
		THREE(two_that_redirect_to_each_other),
		ONE(back_to_where_it_came_from),
		ONE(a_short_time_makes_no_turntable),
		ONE(nobody_is_there),
		ONE(it_goes_away),
		THREE(others_of_the_domain_are_asked),
		THREE(others_are_asked_while_many_are_tried),
		THREE(the_first_server_closes_at_once),
		THREE(a_session_that_stands_is_used),
		ONE(a_reload_may_distrust_it),
		ONE(a_restart_forgets_it),
		ONE(a_mitigation_defers_it),
		ONE(who_stays_is_asked_nothing),
		ONE(nobody_stands_in),
		cmocka_unit_test_setup_teardown(
			another_server_is_negotiated_with, setup_negotiating, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
