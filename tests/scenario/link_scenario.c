/* Links, addresses and the pace of handshakes (RFC 9132 4.7; RFC 9284 5.1; rules M1, M3). */
#include "scene.h"

enum { RETRY_ATTACK = 60 * S, RETRY_IDLE = 300 * S, HANDSHAKE = 20 * S };

/* Attempts, not their repeated flights. */
#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true

static bool
is_state(struct scene *x, const char *server, const char *state)
{
	return !strcmp(customer_server(&x->us, server), state);
}

/* ---- pace ----------------------------------------------------------------------------------- */

/* 4218-4.3-01, 9132-4.7-16: a server that never answered: 20 s of handshake, 60 s of pause. */
static void
a_mute_server_is_tried_every_60_s_until_it_was_there_once(void **state)
{
	struct scene *x = *state;

	virtual_listener(x->isp1.loop, MUTE, 0);
	provider_start(&x->isp1);
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	assert_int_equal(virtual_events_gap(EVENT_SESSION_ATTEMPT, "domain=isp1"), 80 * S);
	assert_in_range(virtual_events(EVENT_SESSION_ATTEMPT, "domain=isp1"), 45, 46);
	virtual_listener(x->isp1.loop, MEETS, 0);
	UNTIL(80 * S, is_state(x, "s1", "available"));
}

/* 9132-4.7-15: idle, after it was there: every 300 s. 9132-4.7-16: with something to ask: 60 s
 * after the last failure, never less, whatever is asked meanwhile. */
static void
an_idle_client_waits_300_s_and_an_alarm_shortens_it_to_60(void **state)
{
	struct scene *x = *state;
	mono_ms failed;

	scene_start(x);
	virtual_run(60 * S);
	virtual_listener(x->isp2.loop, MUTE, 0);
	provider_stop(&x->isp2);
	UNTIL(30 * S, virtual_events(EVENT_SESSION_FAILED, "") == 1);
	failed = virtual_now();
	UNTIL(RETRY_IDLE, virtual_events(EVENT_SESSION_ATTEMPT, "domain=isp2") == 2);
	assert_int_equal(virtual_now() - failed, RETRY_IDLE);
	UNTIL(HANDSHAKE, virtual_events(EVENT_SESSION_FAILED, "") == 2);
	failed = virtual_now();
	virtual_run(10 * S);
	virtual_mark();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(customer_ask(&x->us, NULL, "198.51.100.66/32", 0), 0);
		virtual_run(5 * S);
	}
	assert_int_equal(COUNT(HELLOS(x)), 0);
	UNTIL(RETRY_ATTACK, COUNT(HELLOS(x)) == 1);
	assert_int_equal(virtual_now() - failed, RETRY_ATTACK);
	virtual_run(1 * HOUR);
	assert_int_equal(virtual_events_gap(EVENT_SESSION_ATTEMPT, ""), HANDSHAKE + RETRY_ATTACK);
}

/* M3: an alarm long after the last failure is a reason to try at once. */
static void
an_alarm_tries_at_once_when_the_last_failure_is_old(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(60 * S);
	provider_stop(&x->isp2);
	UNTIL(30 * S, virtual_events(EVENT_SESSION_FAILED, "") == 1);
	virtual_run(100 * S);
	provider_start(&x->isp2);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PENDING);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(HELLOS(x)), 1);
}

/* 9132-4.7-16: refused in the handshake is failed as well. */
static void
a_refusing_server_is_tried_every_60_s(void **state)
{
	struct scene *x = *state;

	virtual_listener(x->isp1.loop, REFUSES, 0);
	provider_start(&x->isp1);
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	assert_in_range(virtual_events_gap(EVENT_SESSION_ATTEMPT, "domain=isp1"), RETRY_ATTACK,
		RETRY_ATTACK + 2 * S);
}

/* 8811-3.1.2-09, 9132-4.7-16: a server that does not know our credential closes when the handshake
 * is over. Nothing was ever answered on that session: that is a failure too. */
static void
a_server_that_closes_at_once_is_not_run_at(void **state)
{
	struct scene *x = *state;

	clients_free(x->isp1.clients);
	x->isp1.clients = clients_new();
	provider_client(&x->isp1, "somebody else", "192.0.2.64/26");
	x->isp1.setup.clients = x->isp1.clients;
	provider_start(&x->isp1);
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	assert_true(virtual_events(EVENT_SESSION_ATTEMPT, "domain=isp1") > 10);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, "domain=isp1") >= RETRY_ATTACK);
	assert_true(virtual_events(EVENT_ALERT, "domain=isp1") > 10);
}

struct stale {
	unsigned n;
	char last[64];
};

static void
on_stale(void *arg, const char *domain, const char *interface, const char *why)
{
	struct stale *s = arg;

	s->n++;
	snprintf(s->last, sizeof(s->last), "%s %s %s", domain, interface, why);
}

static void
watch_stale(struct scene *x, struct stale *s)
{
	dots_client_on_stale(x->us.client, on_stale, s);
}

/* 8973-4-18: at the moment at which the certificate of a server in use ends; a session that works
 * goes on. What is configured is not looked for. */
static void
the_end_of_a_learned_servers_certificate_is_told(void **state)
{
	struct scene *x = *state;
	struct stale s = {0};

	x->us.homing->domains[0].servers[0]->learned = "dhcp";
	virtual_certificates_end(loop_wall() + 3 * HOUR);
	scene_start(x);
	watch_stale(x, &s);
	virtual_run(3 * HOUR - 2 * MINUTE);
	assert_int_equal(s.n, 0);
	virtual_run(4 * MINUTE);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.last, "isp1  certificate");
	assert_int_equal(virtual_events(EVENT_ALERT, "certificate of the server has expired"), 2);
	virtual_run(1 * HOUR);
	assert_int_equal(s.n, 1);
	assert_true(is_state(x, "s1", "available"));
	virtual_certificates_end(0);
}

/* The clock is set meanwhile: seen within an hour. */
static void
a_certificate_ends_by_the_clock_on_the_wall(void **state)
{
	struct scene *x = *state;
	struct stale s = {0};

	x->us.homing->domains[0].servers[0]->learned = "dhcp";
	virtual_certificates_end(loop_wall() + INT64_C(30) * DAY);
	scene_start(x);
	watch_stale(x, &s);
	virtual_run(90 * MINUTE);
	virtual_jump_wall(INT64_C(40) * DAY);
	virtual_run(HOUR);
	assert_int_equal(s.n, 1);
	virtual_certificates_end(0);
}

/* A learned server that is lost, or cannot be reached, may have moved. */
static void
the_loss_of_a_learned_server_is_told(void **state)
{
	struct scene *x = *state;
	struct stale s = {0};

	x->us.homing->domains[1].servers[0]->learned = "naptr";
	scene_start(x);
	watch_stale(x, &s);
	virtual_run(60 * S); /* they have answered something */
	provider_stop(&x->isp1);
	virtual_run(10 * S);
	assert_int_equal(s.n, 0);
	virtual_listener(x->isp2.loop, MUTE, 0);
	provider_stop(&x->isp2);
	UNTIL(5 * S, s.n == 1);
	assert_string_equal(s.last, "isp2  loss");
	UNTIL(HANDSHAKE + 5 * S, s.n == 2);
}

/* An orderly close of a session that was of use: the client is back after a second. */
static void
after_an_orderly_close_the_client_is_back_at_once(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(40 * S); /* a heartbeat was answered */
	virtual_mark();
	provider_restart(&x->isp1);
	UNTIL(2 * S, is_state(x, "s1", "available") && provider_sessions(&x->isp1) == 1);
	assert_int_equal(COUNT(HELLOS(x)), 1);
}

/* 9132-4.7-14, 9132-4.7-16: a server that answers its own tickets with an alert is reached by a
 * full handshake, as soon as the pace allows one. */
static void
a_server_that_refuses_its_own_tickets_is_reached(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_listener(x->isp2.loop, REFUSES_TICKETS, 0);
	provider_restart(&x->isp2);
	virtual_run(RETRY_ATTACK + 5 * S);
	assert_true(is_state(x, "s2", "available"));
	assert_int_equal(COUNT(HELLOS(x)), 2);
	assert_true(PACKET(0, HELLOS(x))->resumed);
	assert_false(PACKET(1, HELLOS(x))->resumed);
	assert_true(GAP(HELLOS(x)) >= RETRY_ATTACK);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* ---- links ---------------------------------------------------------------------------------- */

/* M3: nothing is sent while the link is known to be down; link-up is followed at once. */
static void
no_attempt_while_the_link_is_down_and_one_at_link_up(void **state)
{
	struct scene *x = *state;

	virtual_link_set(x->us.loop, "wan2", false);
	provider_start(&x->isp1);
	provider_start(&x->isp2);
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(HELLOS(x)), 1); /* over wan1 */
	assert_string_equal(customer_server(&x->us, "s2"), "link down");
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	virtual_mark();
	virtual_link_set(x->us.loop, "wan2", true);
	UNTIL(0, COUNT(HELLOS(x)) == 1);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
}

/* 9132-4.7-16: however often the link comes and goes, a handshake that was cut off is not begun
 * anew within 60 s. */
static void
a_flapping_link_does_not_hasten_handshakes(void **state)
{
	struct scene *x = *state;

	virtual_listener(x->isp2.loop, MUTE, 0);
	provider_start(&x->isp2);
	customer_start(&x->us);
	for (int i = 0; i < 600; i++) {
		virtual_run(500);
		virtual_link_set(x->us.loop, "wan2", false);
		virtual_run(500);
		virtual_link_set(x->us.loop, "wan2", true);
	}
	assert_in_range(virtual_events(EVENT_SESSION_ATTEMPT, "domain=isp2"), 5, 10);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, "domain=isp2") >= RETRY_ATTACK);
	/* The last one waits for its time even if the link stays up. */
	virtual_listener(x->isp2.loop, MEETS, 0);
	UNTIL(RETRY_ATTACK + 1 * S, is_state(x, "s2", "available"));
}

/* The link comes back after a failure: at once only if that was 60 s ago. */
static void
link_up_after_a_failure_waits_for_the_rest_of_the_gap(void **state)
{
	struct scene *x = *state;
	mono_ms failed;

	virtual_listener(x->isp2.loop, MUTE, 0);
	provider_start(&x->isp2);
	customer_start(&x->us);
	UNTIL(HANDSHAKE + 1 * S, virtual_events(EVENT_SESSION_FAILED, "domain=isp2") == 1);
	failed = virtual_now();
	virtual_listener(x->isp2.loop, MEETS, 0);
	virtual_run(10 * S);
	virtual_link_set(x->us.loop, "wan2", false);
	virtual_run(10 * S);
	virtual_link_set(x->us.loop, "wan2", true);
	UNTIL(RETRY_ATTACK, is_state(x, "s2", "available"));
	assert_in_range(virtual_now() - failed, RETRY_ATTACK, RETRY_ATTACK + 1 * S);
}

/* A short flap costs nothing: the session is kept, what is asked meanwhile goes out at link-up. */
static void
a_session_outlives_a_flap(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_link_set(x->us.loop, "wan2", false);
	UNTIL(0, is_state(x, "s2", "link down"));
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PENDING);
	virtual_run(5 * S);
	assert_int_equal(COUNT(PUTS(x)), 0);
	virtual_link_set(x->us.loop, "wan2", true);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(PACKET(0, PUTS(x))->dial, 2);
}

/* M1: the device is gone, and the socket with it: the session is over at once, and a new one is
 * made when a device of that name is there again. */
static void
a_vanished_device_ends_its_session(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_addr_remove(x->us.loop, "198.51.100.66");
	virtual_link_remove(x->us.loop, "wan2");
	UNTIL(0, is_state(x, "s2", "link down"));
	virtual_run(40 * S);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(COUNT(.from = x->us.loop, .dial = 2, .arrived = true), 0);
	virtual_link(x->us.loop, "wan2", "198.51.100.66/26");
	UNTIL(1 * S, is_state(x, "s2", "available"));
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_true(PACKET(0, HELLOS(x))->resumed);
}

/* 4116-2-03, 4116-3.3-03: Renumbering: the session's own address is gone, the domain has another.
 * */
static void
a_lost_address_is_replaced_by_a_new_session(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_addr_remove(x->us.loop, "198.51.100.66");
	virtual_run(1 * S);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	virtual_addr(x->us.loop, "wan2", "198.51.100.67/26");
	UNTIL(1 * S, COUNT(.code = COAP_204_CHANGED, .resource = PATH_MITIGATE) == 1);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	virtual_run(30 * S);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* IPv6 after link-up: the address is there and cannot be used yet. The session waits for it. */
static void
a_tentative_address_is_waited_for(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_addr_tentative(x->us.loop, "198.51.100.66", true);
	virtual_run(100);
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PENDING);
	virtual_run(1 * S);
	assert_int_equal(COUNT(PUTS(x)), 0);
	virtual_addr_tentative(x->us.loop, "198.51.100.66", false);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(PACKET(0, PUTS(x))->dial, 2);
	assert_int_equal(COUNT(HELLOS(x)), 0);
}

/* The address comes after the link (DHCP): it is what the first attempt waited for. */
static void
an_address_that_comes_later_is_used_at_once(void **state)
{
	struct scene *x = *state;

	virtual_addr_remove(x->us.loop, "198.51.100.66");
	provider_start(&x->isp2);
	customer_start(&x->us);
	virtual_run(5 * S);
	assert_int_equal(COUNT(HELLOS(x), .dial = 2), 0);
	virtual_addr(x->us.loop, "wan2", "198.51.100.66/26");
	UNTIL(1 * S, is_state(x, "s2", "available"));
}

/* M1: the domain's address is on the inside, the session leaves by its link all the same; what
 * becomes of the inside does not concern it. */
static void
an_address_of_the_inside_is_a_source(void **state)
{
	struct scene *x = *state;

	virtual_addr_remove(x->us.loop, "198.51.100.66");
	virtual_link(x->us.loop, "lan", "198.51.100.65/26");
	scene_start(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_link_set(x->us.loop, "lan", false);
	virtual_run(40 * S);
	assert_true(is_state(x, "s2", "available"));
	provider_restart(&x->isp2);
	UNTIL(3 * S, provider_sessions(&x->isp2) == 1);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_string_equal(PACKET(0, HELLOS(x))->interface, "wan2");
	virtual_link_set(x->us.loop, "lan", true);
	virtual_run(1 * S);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	scene_place(x);
}

/* ---- several links of one access ------------------------------------------------------------ */

static void
give_isp2_a_second_link(struct scene *x, const char *second)
{
	struct domain *d = &x->us.homing->domains[homing_domain(x->us.homing, "isp2")];

	d->interfaces = mem_grow(d->interfaces, 2, sizeof(char *));
	d->interfaces[d->n_interfaces++] = mem_text(second);
	virtual_link(x->us.loop, second, "198.51.100.67/26");
}

/* M14: the link of the session goes down, another of the same access is up: a new session over that
 * one at once; and what stands at the server is told to it over it. */
static void
the_second_link_of_an_access_takes_over(void **state)
{
	struct scene *x = *state;

	give_isp2_a_second_link(x, "wan3");
	scene_start(x);
	scene_place(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_link_set(x->us.loop, "wan2", false);
	UNTIL(1 * S, COUNT(.code = COAP_204_CHANGED, .resource = PATH_MITIGATE) == 1);
	assert_string_equal(PACKET(0, HELLOS(x))->interface, "wan3");
	assert_string_equal(PACKET(0, PUTS(x))->interface, "wan3");
	assert_true(is_state(x, "s2", "available"));
	/* Back again: no reason to change. */
	virtual_mark();
	virtual_link_set(x->us.loop, "wan2", true);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* 8811-1.3-03, 9284-4-08, 9284-5.1-30: without an interface any active one is used; with that down
 * another. */
static void
without_an_interface_any_active_link_is_used(void **state)
{
	struct scene *x = *state;
	struct domain *d = &x->us.homing->domains[homing_domain(x->us.homing, "isp2")];

	free(d->interfaces[0]);
	d->n_interfaces = 0;
	scene_start(x);
	virtual_run(40 * S);
	virtual_mark();
	virtual_link_set(x->us.loop, "wan2", false);
	UNTIL(1 * S, COUNT(HELLOS(x)) == 1 && is_state(x, "s2", "available"));
	assert_int_equal(PACKET(0, HELLOS(x))->client.addr.bytes[0], 192); /* of wan1 */
	assert_int_equal(provider_sessions(&x->isp2), 2); /* the old one is not told */
}

/* ---- several addresses of one server --------------------------------------------------------- */

/* 9284-1-03, 8811-2-03: Each attempt takes the next address, at the pace of attempts; the one that
 * works is kept. */
static void
several_addresses_are_tried_in_turn(void **state)
{
	struct scene *x = *state;
	struct domain_server *s = x->us.homing->domains[1].servers[0];

	s->n_addresses = 0;
	customer_address(&x->us, "s2", "198.51.100.11");
	customer_address(&x->us, "s2", "198.51.100.12");
	customer_address(&x->us, "s2", "198.51.100.10");
	provider_start(&x->isp2);
	customer_start(&x->us);
	UNTIL(3 * (HANDSHAKE + RETRY_ATTACK), is_state(x, "s2", "available"));
	assert_int_equal(virtual_events(EVENT_SESSION_ATTEMPT, "address=198.51.100.11"), 1);
	assert_int_equal(virtual_events(EVENT_SESSION_ATTEMPT, "address=198.51.100.12"), 1);
	assert_int_equal(
		virtual_events_gap(EVENT_SESSION_ATTEMPT, "domain=isp2"), HANDSHAKE + RETRY_ATTACK);
	virtual_run(40 * S);
	virtual_mark();
	provider_restart(&x->isp2);
	UNTIL(3 * S, is_state(x, "s2", "available") && COUNT(HELLOS(x)) == 1);
	assert_int_equal(PACKET(0, HELLOS(x))->server.addr.bytes[3], 10);
}

/* ---- third parties (M1) --------------------------------------------------------------------- */

static void
third_start(struct scene *s, struct provider *isp3)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1",
		"isp2 wan2 198.51.100.64/26 s2", "third - 203.0.113.0/25 s3"};
	struct domain *d;

	customer_free(&s->us);
	customer_make(&s->us, domains, 3);
	virtual_link(s->us.loop, "wan1", "192.0.2.66/26");
	virtual_link(s->us.loop, "wan2", "198.51.100.66/26");
	customer_address(&s->us, "s1", "192.0.2.10");
	customer_address(&s->us, "s2", "198.51.100.10");
	customer_address(&s->us, "s3", "203.0.113.162");
	d = &s->us.homing->domains[2];
	free(d->prefixes); /* it assigns nothing */
	d->prefixes = NULL;
	d->n_prefixes = 0;
	d->via = mem_array(2, sizeof(char *));
	d->via[d->n_via++] = mem_text("isp1");
	d->via[d->n_via++] = mem_text("isp2");
	provider_make(isp3, "s3", "203.0.113.162", "203.0.113.0/25");
	provider_start(&s->isp1);
	provider_start(&s->isp2);
	provider_start(isp3);
	customer_start(&s->us);
}

/* 9284-4-05, 9284-5.1-31, 9284-4-06, 9284-5.1-30: over the links of others, from their addresses;
 * over the next one as soon as the first is down, and nothing else of its own. */
static void
a_third_party_is_reached_over_whatever_link_is_up(void **state)
{
	struct scene *s = *state;
	struct provider isp3 = {0};

	third_start(s, &isp3);
	UNTIL(1 * S, is_state(s, "s3", "available"));
	assert_int_equal(
		virtual_events(EVENT_SESSION_UP, "domain=third server=s3 source=192.0.2.66"), 1);
	assert_int_equal(customer_ask(&s->us, "w", "203.0.113.7/32", 0), 0);
	UNTIL(1 * S, customer_state(&s->us, "w", 0) == WISH_PLACED);
	virtual_mark();
	virtual_link_set(s->us.loop, "wan1", false);
	UNTIL(1 * S, virtual_events(
			     EVENT_SESSION_UP, "domain=third server=s3 source=198.51.100.66") == 1);
	UNTIL(1 * S, is_state(s, "s3", "available"));
	assert_int_equal(virtual_events(EVENT_SESSION_UP, "domain=isp1"), 0);
	virtual_run(10 * S);
	assert_int_equal(customer_state(&s->us, "w", 0), WISH_PLACED);
	assert_int_equal(provider_mitigations(&isp3), 1);
	customer_stop(&s->us);
	provider_free(&isp3);
}

/* One of the links is up and leads nowhere: the other is tried next, at the pace of all attempts.
 */
static void
a_link_that_does_not_lead_to_a_third_party_is_left(void **state)
{
	struct scene *s = *state;
	struct provider isp3 = {0};

	third_start(s, &isp3);
	virtual_way(s->us.loop, "wan1")->lose_out = true;
	UNTIL(HANDSHAKE + RETRY_ATTACK + 2 * S, is_state(s, "s3", "available"));
	assert_int_equal(
		virtual_events(EVENT_SESSION_UP, "domain=third server=s3 source=198.51.100.66"), 1);
	customer_stop(&s->us);
	provider_free(&isp3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_mute_server_is_tried_every_60_s_until_it_was_there_once),
		CASE(an_idle_client_waits_300_s_and_an_alarm_shortens_it_to_60),
		CASE(an_alarm_tries_at_once_when_the_last_failure_is_old),
		CASE(a_refusing_server_is_tried_every_60_s),
		CASE(a_server_that_closes_at_once_is_not_run_at),
		CASE(after_an_orderly_close_the_client_is_back_at_once),
		CASE(a_server_that_refuses_its_own_tickets_is_reached),
		CASE(no_attempt_while_the_link_is_down_and_one_at_link_up),
		CASE(a_flapping_link_does_not_hasten_handshakes),
		CASE(link_up_after_a_failure_waits_for_the_rest_of_the_gap),
		CASE(a_session_outlives_a_flap),
		CASE(a_vanished_device_ends_its_session),
		CASE(a_lost_address_is_replaced_by_a_new_session),
		CASE(a_tentative_address_is_waited_for),
		CASE(an_address_that_comes_later_is_used_at_once),
		CASE(an_address_of_the_inside_is_a_source),
		CASE(the_second_link_of_an_access_takes_over),
		CASE(without_an_interface_any_active_link_is_used),
		CASE(several_addresses_are_tried_in_turn),
		CASE(the_end_of_a_learned_servers_certificate_is_told),
		CASE(a_certificate_ends_by_the_clock_on_the_wall),
		CASE(the_loss_of_a_learned_server_is_told),
		CASE(a_third_party_is_reached_over_whatever_link_is_up),
		CASE(a_link_that_does_not_lead_to_a_third_party_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
