/* A new configuration on running roles (rule M17). */
#include <stdio.h>

#include "scene.h"

#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true

static const char *const as_before[] = {
	"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};

static void
fill(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
	customer_address(c, "s2", "198.51.100.10");
}

static void
fill_second(struct customer *c)
{
	customer_address(c, "s2", "198.51.100.10");
}

/* ---- the client ----------------------------------------------------------------------------- */

/* Nothing that matters is different: nothing happens. */
static void
what_is_the_same_is_kept(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_run(1 * MINUTE);
	virtual_mark();
	customer_reload(&x->us, as_before, 2, fill, "");
	virtual_run(1 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(COUNT(PUTS(x)), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
}

/* 9284-1-04: The order of domains is no difference either. */
static void
another_order_is_no_difference(void **state)
{
	static const char *const reversed[] = {
		"isp2 wan2 198.51.100.64/26 s2", "isp1 wan1 192.0.2.64/26 s1"};
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_mark();
	customer_reload(&x->us, reversed, 2, fill, "");
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(COUNT(PUTS(x)), 1); /* a refresh */
	assert_int_equal(provider_mitigations(&x->isp1), 0);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
}

/* M3, 9284-5.1-16: a request that waits for the store while servers change their places goes to the
 * server it was meant for, not to the one that has its number now. */
static void
a_request_that_waits_does_not_go_astray(void **state)
{
	static const char *const reversed[] = {
		"isp2 wan2 198.51.100.64/26 s2", "isp1 wan1 192.0.2.64/26 s1"};
	struct scene *x = *state;

	scene_start(x);
	virtual_store_hold(x->us.loop, true);
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(100);
	customer_reload(&x->us, reversed, 2, fill, "");
	virtual_store_hold(x->us.loop, false);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(PUTS(x)), 1);
	assert_string_equal(PACKET(0, PUTS(x))->interface, "wan2");
	assert_int_equal(virtual_events(EVENT_REQUEST_REFUSED, ""), 0);
}

/* 9132-4.4.1.1-14: new credentials: a new session at once, the same cuid and mid, the mitigation
 * goes on. */
static void
new_credentials_make_a_new_session(void **state)
{
	struct scene *x = *state;
	uint32_t mid;

	scene_start(x);
	mid = scene_place(x);
	virtual_run(1 * MINUTE);
	virtual_mark();
	customer_reload(&x->us, as_before, 2, fill, "isp2");
	UNTIL(1 * S, COUNT(.code = COAP_204_CHANGED, .resource = PATH_MITIGATE, .mid = mid) == 1);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	virtual_run(1 * HOUR);
	assert_int_equal(provider_sessions(&x->isp2), 1);
	assert_int_equal(recorder_starts(x->isp2.recorder), 1);
}

/* 9132-4.4.1.1-12: the same files with other contents: the session stays, and the next one is not
 * set up by a ticket, which would show what was proven before. */
static void
new_contents_of_the_files_count_from_the_next_session(void **state)
{
	struct scene *x = *state;
	uint32_t mid;

	scene_start(x);
	mid = scene_place(x);
	virtual_run(1 * MINUTE);
	virtual_mark();
	credentials_unref(x->us.credentials[1]);
	x->us.credentials[1] = virtual_credentials("acme");
	customer_reload(&x->us, as_before, 2, fill, "");
	virtual_run(1 * MINUTE);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(COUNT(PUTS(x)), 0);
	provider_restart(&x->isp2);
	provider_restart(&x->isp1);
	UNTIL(2 * MINUTE, COUNT(HELLOS(x), .interface = "wan2") == 1 &&
				  COUNT(HELLOS(x), .interface = "wan1") == 1);
	assert_false(PACKET(0, HELLOS(x), .interface = "wan2")->resumed);
	assert_true(PACKET(0, HELLOS(x), .interface = "wan1")->resumed);
	virtual_run(1 * HOUR);
	assert_true(COUNT(.code = COAP_204_CHANGED, .resource = PATH_MITIGATE, .mid = mid) > 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
}

/* A request that is open then is not lost with the old session. */
static void
new_credentials_lose_no_open_request(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_way(x->us.loop, "wan2")->next_in = 1; /* the answer */
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(1 * S);
	customer_reload(&x->us, as_before, 2, fill, "isp2");
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
}

/* 4116-3.1.1.2-04: Another owner: withdrawn there, placed here. */
static void
a_new_owner_is_asked_and_the_old_one_released(void **state)
{
	static const char *const moved[] = {
		"isp1 wan1 192.0.2.64/26,198.51.100.64/27 s1", "isp2 wan2 198.51.100.96/27 s2"};
	struct scene *x = *state;

	clients_free(x->isp1.clients);
	x->isp1.setup.clients = x->isp1.clients = clients_new();
	provider_client(&x->isp1, "acme", "192.0.2.64/26,198.51.100.64/27");
	scene_start(x);
	scene_place(x);
	virtual_mark();
	customer_reload(&x->us, moved, 2, fill, "");
	UNTIL(1 * S, provider_mitigations(&x->isp1) == 1);
	virtual_run(1 * S);
	assert_int_equal(COUNT(.code = COAP_DELETE), 1);
	assert_string_equal(PACKET(0, .code = COAP_DELETE)->interface, "wan2");
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	virtual_run(3 * MINUTE);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
}

/* Nobody owns it any more: withdrawn, and told. */
static void
without_an_owner_it_is_withdrawn_and_told(void **state)
{
	static const char *const less[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.96/27 s2"};
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_mark();
	customer_reload(&x->us, less, 2, fill, "");
	virtual_run(1 * S);
	assert_int_equal(COUNT(.code = COAP_DELETE), 1);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_REFUSED);
	assert_true(virtual_events(EVENT_ALERT, "belongs to no provider") > 0);
}

/* A domain goes: its session is closed, the others do not notice. */
static void
a_removed_domain_is_left(void **state)
{
	static const char *const second[] = {"isp2 wan2 198.51.100.64/26 s2"};
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_mark();
	customer_reload(&x->us, second, 1, fill_second, "");
	virtual_run(1 * HOUR);
	assert_int_equal(provider_sessions(&x->isp1), 0);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(COUNT(PUTS(x)), 1); /* a refresh */
}

/* ---- the client leaves a server ---------------------------------------------------------------
 */

enum { REPEAT = 3 * S, PATIENCE = 1 * MINUTE };

#define DELETES(x) .from = (x)->us.loop, .code = COAP_DELETE

static const char *const only_first[] = {"isp1 wan1 192.0.2.64/26 s1"};
static const char *const first_has_all[] = {"isp1 wan1 192.0.2.64/26,198.51.100.64/26 s1"};

static void
fill_first(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
}

/* isp1 will serve us for all that we have. */
static void
let_first_serve_all(struct scene *x)
{
	clients_free(x->isp1.clients);
	x->isp1.setup.clients = x->isp1.clients = clients_new();
	provider_client(&x->isp1, "acme", "192.0.2.64/26,198.51.100.64/26");
}

/* Of the session to that server. */
static uint64_t
dial_of(struct scene *x, uint32_t mid)
{
	return PACKET(0, PUTS(x), .mid = mid)->dial;
}

static void
lose_second(struct scene *x, bool lose)
{
	virtual_way(x->us.loop, "wan2")->lose_in = virtual_way(x->us.loop, "wan2")->lose_out = lose;
}

/* A domain goes with a request on it: withdrawn over the session that it was placed on, which is
 * closed then; what nobody owns any more is refused and told. */
static void
a_removed_domain_is_withdrawn_from_over_its_old_session(void **state)
{
	struct scene *x = *state;
	uint32_t mid;
	uint64_t dial;

	scene_start(x);
	mid = scene_place(x);
	dial = dial_of(x, mid);
	virtual_mark();
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(1 * S);
	assert_int_equal(COUNT(DELETES(x)), 1);
	assert_int_equal(COUNT(DELETES(x), .mid = mid, .dial = dial), 1);
	assert_int_equal(COUNT(HELLOS(x)), 0);
	assert_int_equal(virtual_events(EVENT_WITHDRAWN, "server=s2"), 1);
	assert_int_equal(provider_sessions(&x->isp2), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_REFUSED);
	assert_true(virtual_events(EVENT_ALERT, "belongs to no provider") > 0);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(.from = x->us.loop, .dial = dial), 0);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
}

/* Another domain owns it now: placed there, withdrawn at the one that is gone. */
static void
a_request_moves_from_a_removed_domain_to_the_new_owner(void **state)
{
	struct scene *x = *state;
	uint64_t dial;

	let_first_serve_all(x);
	scene_start(x);
	dial = dial_of(x, scene_place(x));
	virtual_mark();
	customer_reload(&x->us, first_has_all, 1, fill_first, "");
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	virtual_run(1 * S);
	assert_int_equal(provider_mitigations(&x->isp1), 1);
	assert_int_equal(COUNT(DELETES(x)), 1);
	assert_int_equal(PACKET(0, DELETES(x))->dial, dial);
	virtual_run(3 * MINUTE);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
}

/* The owner of a target changes with the credentials of the old one: withdrawn with those it was
 * placed with, over that session; the new session carries no word of it. */
static void
a_new_owner_and_new_credentials_at_once(void **state)
{
	static const char *const moved[] = {
		"isp1 wan1 192.0.2.64/26,198.51.100.64/27 s1", "isp2 wan2 198.51.100.96/27 s2"};
	struct scene *x = *state;
	uint64_t dial;

	let_first_serve_all(x);
	scene_start(x);
	dial = dial_of(x, scene_place(x));
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "stays", "198.51.100.100/32", 0), 0);
	UNTIL(1 * S, COUNT(PUTS(x)) == 1); /* under way over the old session */
	customer_reload(&x->us, moved, 2, fill, "isp2");
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
			     customer_state(&x->us, "stays", 0) == WISH_PLACED);
	virtual_run(1 * S);
	assert_int_equal(COUNT(HELLOS(x)), 1);
	assert_int_equal(COUNT(DELETES(x)), 1);
	assert_int_equal(PACKET(0, DELETES(x))->dial, dial);
	assert_int_equal(virtual_events(EVENT_WITHDRAWN, ""), 1);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* The same owner under new credentials: nothing is withdrawn over the old session. */
static void
a_kept_request_is_not_withdrawn_over_the_old_session(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_mark();
	customer_reload(&x->us, as_before, 2, fill, "isp2");
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(DELETES(x)), 0);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
}

/* 9132-4.4-06, 9132-4.7-21: unreachable: repeated every 3 s and tried over a second session, for a
 * minute; then it is given up, told, and the session closed. */
static void
a_removed_server_that_cannot_be_reached_is_given_up(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	lose_second(x, true);
	virtual_mark();
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(PATIENCE - 1);
	assert_in_range(COUNT(DELETES(x)), 10, 20);
	assert_true(GAP(DELETES(x)) >= REPEAT);
	assert_true(COUNT(HELLOS(x)) >= 1);
	assert_int_equal(virtual_events(EVENT_ALERT, "gone without an answer"), 0);
	virtual_run(1);
	assert_int_equal(virtual_events(EVENT_ALERT, "gone without an answer"), 1);
	lose_second(x, false);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(DELETES(x)), 0);
	assert_int_equal(COUNT(HELLOS(x)), 0);
}

/* What has expired there needs no withdrawal. */
static void
an_expired_request_is_not_withdrawn_for_longer(void **state)
{
	struct scene *x = *state;

	x->us.homing->domains[1].lifetime = 30;
	scene_start(x);
	scene_place(x);
	virtual_run(10 * S);
	lose_second(x, true);
	virtual_mark();
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(20 * S);
	assert_in_range(COUNT(DELETES(x)), 4, 7);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.from = x->us.loop, .kind = HELLO), 0);
	assert_int_equal(COUNT(DELETES(x)), 0);
}

/* A link that comes back in time is used. */
static void
a_removed_server_is_told_when_its_link_is_back(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_link_set(x->us.loop, "wan2", false);
	virtual_run(1 * S);
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(31 * S);
	virtual_link_set(x->us.loop, "wan2", true);
	UNTIL(100, virtual_events(EVENT_WITHDRAWN, "server=s2") == 1);
}

/* Without a session one is set up once more, with the credentials of before and at the pace of
 * always (9132-4.7-16). */
static void
a_removed_server_without_a_session_is_dialled_once_more(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	virtual_run(40 * S);
	virtual_mark();
	provider_stop(&x->isp2);
	virtual_run(30 * S); /* one attempt has failed meanwhile */
	provider_start(&x->isp2);
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(PATIENCE);
	assert_int_equal(virtual_events(EVENT_WITHDRAWN, "server=s2"), 1);
	assert_int_equal(COUNT(DELETES(x)), 1);
	assert_int_equal(COUNT(HELLOS(x)), 2);
	assert_true(GAP(HELLOS(x)) >= MINUTE);
	assert_int_equal(provider_sessions(&x->isp2), 0);
}

/* A withdrawal that was under way when the server was removed goes on. */
static void
a_withdrawal_under_way_goes_on(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	lose_second(x, true);
	customer_release(&x->us, "w");
	virtual_run(10 * S);
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(10 * S);
	assert_int_equal(customer_wishes(&x->us), 0);
	lose_second(x, false);
	UNTIL(4 * S, virtual_events(EVENT_WITHDRAWN, "server=s2") == 1);
}

/* More than a session keeps open. */
static void
many_requests_are_withdrawn(void **state)
{
	struct scene *x = *state;
	char id[8], target[24];

	scene_start(x);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(id, sizeof(id), "w%u", i);
		snprintf(target, sizeof(target), "198.51.100.%u/32", 64 + i);
		assert_int_equal(customer_ask(&x->us, id, target, 0), 0);
	}
	UNTIL(10 * S, provider_mitigations(&x->isp2) == 60);
	virtual_run(1 * MINUTE);
	virtual_mark();
	customer_reload(&x->us, only_first, 1, fill_first, "");
	UNTIL(10 * S, provider_sessions(&x->isp2) == 0);
	assert_int_equal(virtual_events(EVENT_WITHDRAWN, "server=s2"), 60);
	assert_int_equal(COUNT(DELETES(x)), 60);
}

/* After a crash the credentials are gone with the configuration: nothing more is done. */
static void
after_a_crash_nothing_is_withdrawn_at_a_removed_server(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	scene_place(x);
	lose_second(x, true);
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(10 * S);
	virtual_crash(x->us.loop);
	lose_second(x, false);
	virtual_mark();
	customer_restart(&x->us);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(DELETES(x)), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

/* Put back while the farewell is under way: asked for again under a higher mid, over a session of
 * its own, and not withdrawn by the older word. */
static void
a_domain_that_is_put_back_is_asked_again(void **state)
{
	struct scene *x = *state;
	uint32_t mid;

	scene_start(x);
	mid = scene_place(x);
	lose_second(x, true);
	customer_reload(&x->us, only_first, 1, fill_first, "");
	virtual_run(4 * S);
	lose_second(x, false);
	virtual_mark();
	customer_reload(&x->us, as_before, 2, fill, "");
	UNTIL(5 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_true(PACKET(0, PUTS(x))->mid > mid);
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(DELETES(x)), COUNT(DELETES(x), .mid = mid));
	assert_int_equal(provider_mitigations(&x->isp2), 1);
	assert_int_equal(recorder_active(x->isp2.recorder), 1);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* ---- the server ----------------------------------------------------------------------------- */

/* 4218-4.1.4-01, 8811-5-06: No longer authorised: ended with status 7, without a terminating
 * period; 9132-4.4.1.3-28. */
static void
a_scope_no_longer_authorised_ends_at_once(void **state)
{
	struct scene *x = *state;
	struct clients *before = x->isp2.clients;

	scene_start(x);
	scene_place(x);
	virtual_run(10 * S);
	x->isp2.setup.clients = x->isp2.clients = clients_new();
	provider_client(&x->isp2, "acme", "198.51.100.96/27");
	server_reload(x->isp2.server, &x->isp2.setup);
	clients_free(before);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
	assert_int_equal(recorder_active(x->isp2.recorder), 0);
	UNTIL(4 * S, customer_state(&x->us, "w", 0) == WISH_ENDED);
	assert_int_equal(customer_part(&x->us, "w", 0).status, ATTACK_MITIGATION_WITHDRAWN);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* The client is gone: its sessions are closed, its mitigations end; it does not run at the door. */
static void
a_removed_client_is_out(void **state)
{
	struct scene *x = *state;
	struct clients *before = x->isp2.clients;

	scene_start(x);
	scene_place(x);
	virtual_run(40 * S);
	virtual_mark();
	x->isp2.setup.clients = x->isp2.clients = clients_new();
	provider_client(&x->isp2, "somebody else", "198.51.100.64/26");
	server_reload(x->isp2.server, &x->isp2.setup);
	clients_free(before);
	virtual_run(1 * S);
	assert_int_equal(provider_sessions(&x->isp2), 0);
	assert_int_equal(provider_mitigations(&x->isp2), 0);
	virtual_run(1 * HOUR);
	assert_true(virtual_events_gap(EVENT_SESSION_ATTEMPT, "domain=isp2") >= 60 * S);
}

static const char *const twice[] = {
	"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2,s2"};

/* The same server, once as it is and once by its link, as who learns it from two sides has it. */
static void
fill_by_link(struct customer *c, size_t which)
{
	struct domain_server *s = c->homing->domains[1].servers[which];

	customer_address(c, "s1", "192.0.2.10");
	for (size_t i = 0; i < 2; i++) {
		struct domain_server *each = c->homing->domains[1].servers[i];

		each->addresses = mem_array(1, sizeof(struct addr));
		assert_int_equal(addr_parse("198.51.100.10", &each->addresses[0]), 0);
		each->n_addresses = 1;
	}
	s->interfaces = mem_array(1, sizeof(char *));
	s->interfaces[s->n_interfaces++] = mem_text("wan2");
}

static void
fill_first_by_link(struct customer *c)
{
	fill_by_link(c, 0);
}

static void
fill_second_by_link(struct customer *c)
{
	fill_by_link(c, 1);
}

/* What is open at one of them is answered to that one, in whatever order they are listed. */
static void
servers_alike_do_not_change_places(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	customer_reload(&x->us, twice, 2, fill_first_by_link, "");
	UNTIL(1 * MINUTE, provider_sessions(&x->isp2) == 2);
	virtual_way(x->us.loop, "wan2")->lose_out = true;
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	virtual_run(100);
	customer_reload(&x->us, twice, 2, fill_second_by_link, "");
	virtual_run(100);
	virtual_way(x->us.loop, "wan2")->lose_out = false;
	UNTIL(10 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(provider_mitigations(&x->isp2), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_the_same_is_kept),
		CASE(another_order_is_no_difference),
		CASE(a_request_that_waits_does_not_go_astray),
		CASE(new_credentials_make_a_new_session),
		CASE(new_contents_of_the_files_count_from_the_next_session),
		CASE(new_credentials_lose_no_open_request),
		CASE(a_new_owner_is_asked_and_the_old_one_released),
		CASE(without_an_owner_it_is_withdrawn_and_told),
		CASE(a_removed_domain_is_left),
		CASE(a_removed_domain_is_withdrawn_from_over_its_old_session),
		CASE(a_request_moves_from_a_removed_domain_to_the_new_owner),
		CASE(a_new_owner_and_new_credentials_at_once),
		CASE(a_kept_request_is_not_withdrawn_over_the_old_session),
		CASE(a_removed_server_that_cannot_be_reached_is_given_up),
		CASE(an_expired_request_is_not_withdrawn_for_longer),
		CASE(a_removed_server_is_told_when_its_link_is_back),
		CASE(a_removed_server_without_a_session_is_dialled_once_more),
		CASE(a_withdrawal_under_way_goes_on),
		CASE(many_requests_are_withdrawn),
		CASE(after_a_crash_nothing_is_withdrawn_at_a_removed_server),
		CASE(a_domain_that_is_put_back_is_asked_again),
		CASE(a_scope_no_longer_authorised_ends_at_once),
		CASE(a_removed_client_is_out),
		CASE(servers_alike_do_not_change_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
