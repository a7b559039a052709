/* A new configuration on running roles (rule M17). */
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

/* The order of domains is no difference either. */
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

/* Another owner: withdrawn there, placed here. */
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

/* ---- the server ----------------------------------------------------------------------------- */

/* No longer authorised: ended with status 7, without a terminating period; 9132-4.4.1.3-28. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_the_same_is_kept),
		CASE(another_order_is_no_difference),
		CASE(a_request_that_waits_does_not_go_astray),
		CASE(new_credentials_make_a_new_session),
		CASE(new_credentials_lose_no_open_request),
		CASE(a_new_owner_is_asked_and_the_old_one_released),
		CASE(without_an_owner_it_is_withdrawn_and_told),
		CASE(a_removed_domain_is_left),
		CASE(a_scope_no_longer_authorised_ends_at_once),
		CASE(a_removed_client_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
