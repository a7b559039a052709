/* The client-domain gateway (rules M12, M13, M16; RFC 9284 5.2; RFC 9132 4.7). */
#include "behind.h"

enum { REPEAT = 3 * S };
static const char both[] = "192.0.2.66/32,198.51.100.66/32";

/* ---- the four outcomes ---------------------------------------------------------------------- */

/* 9284-5.2-12: each is asked for its own; the first acceptance is the answer. */
static void
the_first_acceptance_is_the_answer(void **state)
{
	struct behind *x = *state;

	virtual_way(x->us.loop, "wan2")->delay = 700;
	assert_in_range(behind_put(x, 1, both, 5 * S), 40, 100);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->c1.lifetime, 3600);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(x->s2.puts, 0); /* still under way */
	virtual_run(2 * S);
	assert_int_equal(x->s2.puts, 1);
	assert_int_equal(provider_mitigations(&x->gw), 1);
}

/* 9132-4.4-06: nobody answers: granted after 3 s, for it is ours from then on. */
static void
after_three_seconds_of_silence_it_is_ours(void **state)
{
	struct behind *x = *state;

	x->s1.silent = x->s2.silent = true;
	assert_in_range(behind_put(x, 1, both, 5 * S), 3000, 3100);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(provider_mitigation(&x->gw, 1)->status, ATTACK_MITIGATION_IN_PROGRESS);
	virtual_run(1 * MINUTE);
	assert_true(x->s1.puts > 10 && x->s2.puts > 10);
	x->s1.silent = x->s2.silent = false;
	virtual_run(2 * REPEAT);
	assert_int_equal(
		customer_state(&x->us, "client:c1/YzEAAAAAAAAAAAAAAAAAAA/1", 0), WISH_PLACED);
}

/* One says no, the other nothing. */
static void
a_refusal_and_silence_are_granted(void **state)
{
	struct behind *x = *state;

	x->s1.put = COAP_400_BAD_REQUEST;
	x->s2.silent = true;
	assert_in_range(behind_put(x, 1, both, 5 * S), 3000, 3100);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

/* All refuse: their code, a text of ours, nothing kept; 9284-6: no upstream name leaves. */
static void
when_all_refuse_so_does_the_gateway(void **state)
{
	struct behind *x = *state;

	x->s1.put = COAP_400_BAD_REQUEST;
	x->s2.put = COAP_400_BAD_REQUEST;
	assert_in_range(behind_put(x, 1, both, 5 * S), 40, 100);
	assert_int_equal(x->c1.code, COAP_400_BAD_REQUEST);
	assert_true(*x->c1.text);
	assert_null(strstr(x->c1.text, "s1"));
	assert_null(strstr(x->c1.text, "isp"));
	assert_int_equal(provider_mitigations(&x->gw), 0);
	virtual_run(1 * MINUTE);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "wish"), 0);
}

/* 9132-4.4.1.1-19, 9132-4.4.1.1-20: a cuid in use by another is ours, not the client's: a new one
 * is taken before the client notices. */
static void
a_collision_of_our_cuid_is_mended_upstream(void **state)
{
	struct behind *x = *state;

	snprintf(x->s1.taken, sizeof(x->s1.taken), "%s", credentials_cuid(x->us.credentials[0]));
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->c1.conflict.cause, 0);
	assert_int_equal(x->s1.puts, 2);
}

/* One that is refused whatever it is: 9132-4.4.1.1-20. */
static void
a_collision_of_our_cuid_is_no_conflict_of_the_client(void **state)
{
	struct behind *x = *state;

	x->s1.put = x->s2.put = COAP_409_CONFLICT;
	x->s1.conflict.cause = x->s2.conflict.cause = CUID_COLLISION;
	behind_put(x, 1, both, 5 * S);
	assert_int_equal(x->c1.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(x->c1.max_age > 0);
	assert_int_equal(x->c1.conflict.cause, 0);
	/* Nor when it is told with what is accepted. */
	x->s1.put = x->s2.put = 0;
	behind_put(x, 2, both, 5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->c1.conflict.cause, 0);
}

/* ---- sessions of their own (aggregate: no) --------------------------------------------------- */

static const char wish_of_c1[] = "client:c1/YzEAAAAAAAAAAAAAAAAAAA/1";

static bool
is_held(const struct dots_client *c, const char *id)
{
	return c && wishes_has(dots_client_wishes((struct dots_client *)c), id);
}

/* The gateway starts anew, by that rule. */
static void
start_again(struct behind *x, bool separate)
{
	behind_stop(x);
	x->separate = separate;
	x->s1.ups = x->s2.ups = 0;
	behind_start(x);
	virtual_run(5 * S);
	hand_dial(&x->c1, "gw", "10.0.0.254");
}

/* M13; RFC 8811 2.3.1 figure 7: before there is anything to ask. */
static void
each_client_has_its_session_and_cuid_upstream(void **state)
{
	struct behind *x = *state;
	char ours[PATH_ID_MAX + 1];

	behind_put(x, 1, both, 1 * S);
	memcpy(ours, x->s1.cuid, sizeof(ours));
	hand_delete(&x->c1, 1);
	virtual_run(2 * S);
	start_again(x, true);
	assert_int_equal(x->s1.ups, 3); /* ours, acme's, c1's */
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_string_not_equal(x->s1.cuid, ours);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_true(is_held(dots_client_deputy(x->us.client, "c1", false), wish_of_c1));
	assert_false(is_held(dots_client_deputy(x->us.client, "acme", false), wish_of_c1));
	assert_ptr_equal(dots_client_holding(x->us.client, wish_of_c1),
		dots_client_deputy(x->us.client, "c1", false));
	assert_int_equal(dots_client_wish_count(x->us.client), 1);
	assert_true(virtual_events(EVENT_SENT, "c1") > 0);
}

/* What it holds is known after a restart, under the same cuid, and withdrawn by it. */
static void
a_session_of_its_own_survives_a_restart(void **state)
{
	struct behind *x = *state;
	char theirs[PATH_ID_MAX + 1];
	unsigned puts;

	start_again(x, true);
	behind_put(x, 1, both, 1 * S);
	memcpy(theirs, x->s1.cuid, sizeof(theirs));
	puts = x->s1.puts;
	start_again(x, true);
	assert_int_equal(x->s1.puts, puts + 1); /* told again */
	assert_string_equal(x->s1.cuid, theirs);
	hand_delete(&x->c1, 1);
	virtual_run(2 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_string_equal(x->s1.cuid, theirs);
	assert_int_equal(virtual_store_count(x->us.loop, "wish of c1"), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement of c1"), 0);
}

/* A client that is no longer one of ours: its sessions go with its last request. */
static void
a_removed_client_leaves_when_all_is_withdrawn(void **state)
{
	struct behind *x = *state;
	struct gateway_setup setup = {
		.homing = x->us.homing, .clients = clients_new(), .separate = true};

	start_again(x, true);
	behind_put(x, 1, both, 1 * S);
	gateway_reload(x->gateway, &setup);
	virtual_run(10 * MINUTE);
	assert_null(dots_client_deputy(x->us.client, "acme", false));
	assert_non_null(dots_client_deputy(x->us.client, "c1", false));
	assert_int_equal(virtual_store_count(x->us.loop, "deputy"), 1);
	hand_delete(&x->c1, 1);
	virtual_run(5 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_null(dots_client_deputy(x->us.client, "c1", false));
	assert_int_equal(virtual_store_count(x->us.loop, "deputy"), 0);
	setup.homing = NULL;
	clients_free((struct clients *)(uintptr_t)setup.clients);
}

static void
fill_first(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
}

/* M17: nor before what stood at a server that was removed is withdrawn there. */
static void
a_removed_client_takes_leave_of_removed_servers(void **state)
{
	static const char *const first[] = {"isp1 wan1 192.0.2.64/26 s1"};
	struct behind *x = *state;
	struct gateway_setup setup = {.clients = clients_new(), .separate = true};

	start_again(x, true);
	behind_put(x, 1, both, 1 * S);
	x->s2.silent = true;
	customer_reload(&x->us, first, 1, fill_first, "");
	setup.homing = x->us.homing;
	gateway_reload(x->gateway, &setup);
	hand_delete(&x->c1, 1);
	virtual_run(30 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_true(x->s2.deletes > 5);
	assert_non_null(dots_client_deputy(x->us.client, "c1", false));
	x->s2.silent = false;
	virtual_run(10 * S);
	assert_null(dots_client_deputy(x->us.client, "c1", false));
	setup.homing = NULL;
	clients_free((struct clients *)(uintptr_t)setup.clients);
}

/* The other rule after a reload: what stands stays where it is, under its cuid, until it is over.
 */
static void
what_stands_stays_when_the_rule_changes(void **state)
{
	struct behind *x = *state;
	struct gateway_setup setup = {
		.homing = x->us.homing, .clients = x->gw.clients, .separate = true};
	char ours[PATH_ID_MAX + 1];

	behind_put(x, 1, both, 1 * S);
	memcpy(ours, x->s1.cuid, sizeof(ours));
	gateway_reload(x->gateway, &setup);
	virtual_run(5 * S);
	assert_int_equal(behind_put(x, 1, both, 1 * S) >= 0, 1);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	assert_true(is_held(x->us.client, wish_of_c1));
	behind_put(x, 2, "192.0.2.70/32", 1 * S);
	assert_string_not_equal(x->s1.cuid, ours);
	hand_delete(&x->c1, 1);
	virtual_run(2 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_string_equal(x->s1.cuid, ours);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* ---- links ---------------------------------------------------------------------------------- */

/* 9284-5.2-17: a domain without an interface is reached over any link that is up. */
static void
without_an_interface_any_active_link_is_used(void **state)
{
	struct behind *x = *state;
	struct domain *d = &x->us.homing->domains[homing_domain(x->us.homing, "isp2")];

	behind_stop(x);
	free(d->interfaces[0]);
	d->n_interfaces = 0;
	x->s2.ups = 0;
	behind_start(x);
	virtual_run(5 * S);
	assert_int_equal(x->s2.ups, 1);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	virtual_link_set(x->us.loop, "wan2", false);
	UNTIL(5 * S, x->s2.ups == 2);
	behind_put(x, 1, "198.51.100.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->s2.puts, 1);
	assert_int_equal(x->s1.puts, 0);
}

/* ---- lifetimes and conflicts ---------------------------------------------------------------- */

/* M13: not longer than upstream grants it, not longer than asked. */
static void
the_lifetime_is_the_one_granted_upstream(void **state)
{
	struct behind *x = *state;

	x->s1.lifetime = 600;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->c1.lifetime, 600);
	x->s1.lifetime = 86400;
	behind_put(x, 2, "192.0.2.67/32", 1 * S);
	assert_int_equal(x->c1.lifetime, 3600);
	x->s1.lifetime = LIFETIME_INDEFINITE;
	behind_put(x, 3, "192.0.2.68/32", 1 * S);
	assert_int_equal(x->c1.lifetime, 3600);
}

/* What was granted stands; renewed, it is for the shortest time that any of them grants. */
static void
a_refresh_is_granted_for_the_shortest_of_them(void **state)
{
	struct behind *x = *state;

	x->s1.lifetime = 600;
	x->s2.lifetime = 300;
	virtual_way(x->us.loop, "wan2")->delay = 700;
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.lifetime, 600);
	virtual_run(2 * S);
	assert_in_range(
		mitigation_remaining(provider_mitigation(&x->gw, 1), virtual_now()), 590, 600);
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	assert_int_equal(x->c1.lifetime, 300);
	virtual_run(100 * S);
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.lifetime, 300); /* not what is left of it there */
}

/* 9132-4.4.1.3-33: in the answer, in notifications, and gone with its cause. */
static void
a_conflict_upstream_is_told_to_the_client(void **state)
{
	struct behind *x = *state;

	x->s1.conflict = (struct conflict){REQUEST_ACTIVE, OVERLAPPING_TARGETS, 0};
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->c1.conflict.status, REQUEST_ACTIVE);
	assert_int_equal(x->c1.conflict.cause, OVERLAPPING_TARGETS);
	hand_observe(&x->c1, 1);
	UNTIL(1 * S, x->c1.notifications == 1);
	assert_int_equal(x->c1.conflict.cause, OVERLAPPING_TARGETS);
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.conflict.cause, OVERLAPPING_TARGETS);
	virtual_run(20 * S);
	x->s1.conflict = (struct conflict){0};
	script_notify(&x->s1, ATTACK_SUCCESSFULLY_MITIGATED, 3000);
	UNTIL(5 * S, x->c1.conflict.cause == 0);
}

/* 9132-4.4.1.3-32, 9132-4.4.1.3-42. */
static void
a_refusal_for_a_conflict_says_when_to_ask_again(void **state)
{
	struct behind *x = *state;

	x->s1.put = COAP_409_CONFLICT;
	x->s1.conflict =
		(struct conflict){REQUEST_INACTIVE_OTHER_ACTIVE, CONFLICT_WITH_ACCEPTLIST, 1800};
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_409_CONFLICT);
	assert_true(conflict_equal(&x->c1.conflict, &x->s1.conflict));
	assert_int_equal(x->s1.puts, 1);
	virtual_run(600 * S); /* it asks again: refused at once, by what is known */
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_409_CONFLICT);
	assert_in_range(x->c1.conflict.retry_timer, 1198, 1200);
	assert_int_equal(x->s1.puts, 1);
}

/* 9284-5.2-10, 9284-5.2-11: nobody can be asked: 5.03 at once with when to come back; nothing is
 * kept, so nothing is asked when the provider is back. */
static void
without_association_it_is_503_and_nothing_is_kept(void **state)
{
	struct behind *x = *state;

	virtual_link_set(x->us.loop, "wan2", false);
	virtual_run(1 * S);
	assert_in_range(behind_put(x, 1, "198.51.100.66/32", 1 * S), 0, 30);
	assert_int_equal(x->c1.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(x->c1.max_age > 0);
	assert_true(virtual_events(EVENT_ALERT, "198.51.100.66/32") > 0);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	virtual_run(1 * S);
	assert_int_equal(customer_wishes(&x->us), 0);
	virtual_link_set(x->us.loop, "wan2", true);
	virtual_run(10 * MINUTE);
	assert_int_equal(x->s1.puts + x->s2.puts, 0);
	/* Asked again it is granted. */
	behind_put(x, 1, "198.51.100.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

static void
expect_second(struct customer *c)
{
	c->homing->domains[1].credentials.certificate = mem_text("us.crt");
	customer_address(c, "s1", "192.0.2.10");
	if (c->homing->domains[1].n_servers)
		customer_address(c, "s2", "198.51.100.10");
}

/* It is told with its link this time. */
static void
expect_second_on_its_link(struct customer *c)
{
	struct domain_server *s = c->homing->domains[1].servers[0];

	expect_second(c);
	s->interfaces = mem_array(1, sizeof(char *));
	s->interfaces[s->n_interfaces++] = mem_text("wan2");
}

static const char *const second_gone[] = {
	"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 -"};
static const char *const second_back[] = {
	"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};

/* As DHCP may have it (RFC 8973). */
static void
learn(struct behind *x, const char *const *domains, void (*fill)(struct customer *c))
{
	struct gateway_setup setup = {.clients = x->gw.clients};

	customer_reload(&x->us, domains, 2, fill, "");
	setup.homing = x->us.homing;
	gateway_reload(x->gateway, &setup);
	virtual_run(1 * S);
}

/* So it is while the server of a provider is not known; what stands there stays, and is refreshed
 * under its mid once it is known again. */
static void
a_server_that_is_not_known_for_a_while_is_503(void **state)
{
	struct behind *x = *state;
	uint32_t mid;

	behind_put(x, 1, "198.51.100.67/32", 1 * S);
	mid = customer_part(&x->us, wish_of_c1, 0).mid;
	learn(x, second_gone, expect_second);
	behind_put(x, 2, "198.51.100.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(x->c1.max_age > 0);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	learn(x, second_back, expect_second);
	UNTIL(70 * S, x->s2.puts == 2);
	assert_int_equal(x->s2.deletes, 0);
	assert_int_equal(customer_part(&x->us, wish_of_c1, 0).mid, mid);
	behind_put(x, 2, "198.51.100.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

/* M16: what is withdrawn meanwhile is withdrawn there then, whatever has crashed, and over whatever
 * link it is said to be. */
static void
a_withdrawal_waits_for_a_server_that_is_not_known(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "198.51.100.67/32", 1 * S);
	learn(x, second_gone, expect_second);
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->c1.code == COAP_202_DELETED);
	virtual_run(5 * MINUTE);
	assert_int_equal(x->s2.deletes, 0);
	start_again(x, false);
	virtual_run(1 * S);
	learn(x, second_back, expect_second_on_its_link);
	UNTIL(70 * S, x->s2.deletes == 1);
	assert_int_equal(x->s2.puts, 1);
	virtual_run(1 * S);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

/* One part has no association, the other is accepted: granted, and the rest follows by itself. */
static void
a_pending_part_follows_when_its_provider_is_back(void **state)
{
	struct behind *x = *state;

	virtual_link_set(x->us.loop, "wan2", false);
	virtual_run(1 * S);
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(30 * MINUTE);
	assert_int_equal(x->s2.puts, 0);
	virtual_link_set(x->us.loop, "wan2", true);
	UNTIL(1 * S, x->s2.puts == 1);
}

/* 9284-5.2-38, 9284-5.3-14: a foreign target is refused by name, and nobody is asked. */
static void
a_foreign_target_is_refused_at_once(void **state)
{
	struct behind *x = *state;

	assert_in_range(behind_put(x, 1, "203.0.113.7/32,192.0.2.66/32", 1 * S), 0, 30);
	assert_int_equal(x->c1.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->c1.text, "203.0.113.7/32"));
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s1.puts + x->s2.puts, 0);
}

/* ---- repeats, refreshes, withdrawals -------------------------------------------------------- */

/* 8612-GEN-002-03: The client repeats itself while upstream is asked: one request upstream, an
 * answer to each. */
static void
repeats_of_the_client_share_the_answer(void **state)
{
	struct behind *x = *state;

	virtual_way(x->us.loop, "wan1")->delay = 1000;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	virtual_run(500);
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	UNTIL(5 * S, COUNT(.code = COAP_201_CREATED, .resource = PATH_MITIGATE,
			     .from = x->us.loop) == 2);
	assert_int_equal(x->s1.puts, 1);
	assert_int_equal(provider_mitigations(&x->gw), 1);
}

/* 9132-4.4.1.3-50: what is on record is renewed at once; upstream is refreshed by the gateway. */
static void
a_refresh_is_answered_at_once(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	virtual_run(10 * MINUTE);
	x->s1.silent = true;
	assert_in_range(behind_put(x, 1, "192.0.2.66/32", 1 * S), 0, 30);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	assert_int_equal(x->c1.lifetime, 3600);
}

/* Whatever has become of it upstream: it is ours since it was granted. */
static void
a_refresh_of_what_is_ours_is_not_refused(void **state)
{
	struct behind *x = *state;

	x->s1.silent = true;
	behind_put(x, 1, "192.0.2.66/32", 5 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_link_set(x->us.loop, "wan1", false);
	virtual_run(1 * MINUTE);
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
}

/* 9132-4.4.4-01, M16: 2.02 at once; upstream until it is answered. */
static void
a_withdrawal_is_answered_at_once_and_repeated_upstream(void **state)
{
	struct behind *x = *state;
	mono_ms asked;

	behind_put(x, 1, both, 1 * S);
	x->s1.silent = true;
	virtual_run(10 * S);
	virtual_mark();
	asked = virtual_now();
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->c1.code != 0);
	assert_in_range(x->c1.answered - asked, 0, 30);
	assert_int_equal(x->c1.code, COAP_202_DELETED);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	virtual_run(1 * MINUTE);
	assert_int_equal(x->s2.deletes, 1);
	assert_true(x->s1.deletes > 15);
	x->s1.silent = false;
	virtual_run(2 * REPEAT);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.from = x->us.loop, .resource = PATH_MITIGATE), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

/* M16: or until it has expired there. */
static void
a_withdrawal_that_nobody_answers_ends_with_the_request(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	x->s1.silent = true;
	hand_delete(&x->c1, 1);
	virtual_run(59 * MINUTE);
	assert_int_equal(customer_wishes(&x->us), 1);
	virtual_run(2 * MINUTE);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* Asked for again under its mid, as by a client that had no answer to its DELETE: not for good. */
static void
a_mid_that_is_being_withdrawn_has_to_wait(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	x->s1.silent = true;
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->c1.code == COAP_202_DELETED);
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(x->c1.max_age > 0);
	x->s1.silent = false;
	virtual_run(2 * REPEAT);
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(1 * S);
	assert_int_equal(customer_state(&x->us, wish_of_c1, 0), WISH_PLACED);
}

/* 8612-SIG-006-07: Asked and withdrawn while upstream is silent: the withdrawal follows the
 * request. */
static void
a_request_that_waits_can_be_withdrawn(void **state)
{
	struct behind *x = *state;

	x->s1.silent = true;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	virtual_run(4 * S);
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, x->c1.code == COAP_202_DELETED);
	x->s1.silent = false;
	virtual_run(10 * S);
	assert_true(x->s1.deletes > 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(provider_mitigations(&x->gw), 0);
}

/* The same before the answer to the request is due: that is not granted any more. */
static void
a_request_withdrawn_before_its_answer_is_not_granted(void **state)
{
	struct behind *x = *state;

	x->s1.silent = true;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	virtual_run(1 * S);
	hand_delete(&x->c1, 1);
	UNTIL(1 * S, COUNT(.from = x->us.loop, .code = COAP_202_DELETED) == 1);
	assert_int_equal(
		COUNT(.from = x->us.loop, .code = COAP_404_NOT_FOUND, .resource = PATH_MITIGATE),
		1);
	x->s1.silent = false;
	virtual_run(1 * MINUTE);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_true(x->s1.deletes > 0);
	/* The same mid can be asked for again. */
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
}

/* A refresh and the withdrawal in one turn. */
static void
a_refresh_is_overtaken_by_a_withdrawal(void **state)
{
	struct behind *x = *state;

	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	hand_delete(&x->c1, 1);
	virtual_run(1 * MINUTE);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(x->s1.deletes, 1);
}

/* 9132-4.4.1.1-64: the client lets it expire: withdrawn upstream. */
static void
what_expires_below_is_withdrawn_above(void **state)
{
	struct behind *x = *state;

	hand_put(&x->c1, 1, "192.0.2.66/32", 120);
	virtual_run(119 * S);
	assert_int_equal(x->s1.deletes, 0);
	virtual_run(3 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* ---- status --------------------------------------------------------------------------------- */

static void
say(struct behind *x, enum dots_status one, enum dots_status two)
{
	script_notify(&x->s1, one, 3000);
	script_notify(&x->s2, two, 3000);
	virtual_run(4 * S); /* a notification a time */
}

/* M13, 9132-4.4.2-35: the worst of 4 > 1 > 8 > 2 > 3 while anything goes on; 5, 6, 7 when all have
 * ended. */
static void
the_merged_status_is_the_worst(void **state)
{
	struct behind *x = *state;

	x->us.homing->withdraw_stopped = true; /* but this is the client's to decide */
	behind_put(x, 1, both, 1 * S);
	hand_observe(&x->c1, 1);
	virtual_run(4 * S);
	say(x, ATTACK_SUCCESSFULLY_MITIGATED, ATTACK_MITIGATION_IN_PROGRESS);
	assert_int_equal(x->c1.status, ATTACK_MITIGATION_IN_PROGRESS);
	say(x, ATTACK_SUCCESSFULLY_MITIGATED, ATTACK_EXCEEDED_CAPABILITY);
	assert_int_equal(x->c1.status, ATTACK_EXCEEDED_CAPABILITY);
	say(x, ATTACK_SUCCESSFULLY_MITIGATED, ATTACK_STOPPED);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
	say(x, ATTACK_STOPPED, ATTACK_STOPPED);
	assert_int_equal(x->c1.status, ATTACK_STOPPED);
	script_notify(&x->s1, ATTACK_MITIGATION_TERMINATED, 0);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_STOPPED);
	script_notify(&x->s2, ATTACK_MITIGATION_TERMINATED, 0);
	UNTIL(4 * S, x->c1.status == ATTACK_MITIGATION_TERMINATED);
	/* It is over: asked for again it is asked for upstream again. */
	assert_int_equal(provider_mitigations(&x->gw), 0);
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(x->s1.deletes, 0);
}

/* M13: a part that was refused counts as 4, one that waits for its provider as 1. */
static void
refused_and_pending_parts_count(void **state)
{
	struct behind *x = *state;

	x->s2.put = COAP_400_BAD_REQUEST;
	behind_put(x, 1, both, 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(4 * S);
	assert_int_equal(provider_mitigation(&x->gw, 1)->status, ATTACK_EXCEEDED_CAPABILITY);
	x->s1.status = ATTACK_SUCCESSFULLY_MITIGATED;
	behind_put(x, 2, "192.0.2.67/32", 1 * S);
	virtual_run(4 * S);
	assert_int_equal(provider_mitigation(&x->gw, 2)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	virtual_link_set(x->us.loop, "wan1", false);
	virtual_run(4 * S);
	assert_int_equal(provider_mitigation(&x->gw, 2)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	x->s1.silent = true;
	behind_put(x, 3, "198.51.100.67/32,192.0.2.68/32", 1 * S);
	virtual_run(4 * S);
	assert_int_equal(x->c1.code, COAP_503_SERVICE_UNAVAILABLE);
}

/* M13: … and what was granted and is refused later, at a refresh, counts so as a whole. */
static void
a_later_refusal_counts_as_exceeded_capability(void **state)
{
	struct behind *x = *state;

	x->s1.status = ATTACK_SUCCESSFULLY_MITIGATED;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	hand_observe(&x->c1, 1);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_SUCCESSFULLY_MITIGATED);
	x->s1.put = COAP_400_BAD_REQUEST;
	x->s1.text = "not at s1";
	UNTIL(1 * HOUR, x->s1.puts == 2);
	virtual_run(4 * S);
	assert_int_equal(x->c1.status, ATTACK_EXCEEDED_CAPABILITY);
	assert_true(virtual_events(EVENT_ALERT, "not at s1") > 0);
	/* It is the client's until it expires. */
	assert_int_equal(provider_mitigations(&x->gw), 1);
}

/* M13: what was dropped is summed over the providers. */
static void
counters_are_summed(void **state)
{
	struct behind *x = *state;

	x->s1.packets = 100;
	x->s2.packets = 20;
	behind_put(x, 1, both, 1 * S);
	virtual_run(4 * S);
	assert_int_equal(provider_mitigation(&x->gw, 1)->packets, 120);
	assert_int_equal(provider_mitigation(&x->gw, 1)->bytes, 12000);
}

/* Also while only one of them has told its own again. */
static void
counters_go_on_over_a_crash(void **state)
{
	struct behind *x = *state;

	x->s1.packets = 100;
	x->s2.packets = 20;
	behind_put(x, 1, both, 1 * S);
	virtual_run(4 * S);
	say(x, ATTACK_SUCCESSFULLY_MITIGATED, ATTACK_SUCCESSFULLY_MITIGATED);
	assert_int_equal(provider_mitigation(&x->gw, 1)->packets, 120);
	virtual_way(x->us.loop, "wan2")->delay = 2000;
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_run(1 * S);
	virtual_boot(x->us.loop);
	behind_start(x);
	for (int i = 0; i < 30; i++) {
		virtual_run(1 * S);
		assert_int_equal(provider_mitigation(&x->gw, 1)->packets, 120);
	}
	assert_int_equal(provider_mitigation(&x->gw, 1)->bytes, 12000);
}

/* 9132-4.7-05: heartbeats are from hop to hop. */
static void
heartbeats_are_not_relayed(void **state)
{
	struct behind *x = *state;
	unsigned before = x->s1.heartbeats;

	for (int i = 0; i < 10; i++) {
		hand_heartbeat(&x->c1);
		virtual_run(1 * S);
	}
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	assert_in_range(x->s1.heartbeats - before, 0, 1); /* the gateway's own */
}

/* ---- crashes -------------------------------------------------------------------------------- */

/* M16: the gateway crashes after it has granted: below and above everything goes on, under the same
 * upstream mid. */
static void
a_granted_request_survives_the_gateways_crash(void **state)
{
	struct behind *x = *state;
	uint32_t mid;

	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	mid = PACKET(0, .from = x->us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE)->mid;
	virtual_run(10 * S);
	virtual_crash(x->us.loop);
	behind_stop(x);
	virtual_run(10 * S);
	virtual_boot(x->us.loop);
	virtual_mark();
	behind_start(x);
	UNTIL(1 * S, x->s1.puts == 2);
	assert_int_equal(
		PACKET(0, .from = x->us.loop, .code = COAP_PUT, .resource = PATH_MITIGATE)->mid,
		mid);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	virtual_run(1 * S);
	assert_int_equal(customer_wishes(&x->us), 1);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	hand_delete(&x->c1, 1);
	virtual_run(1 * S);
	assert_int_equal(x->s1.deletes, 1);
	assert_int_equal(customer_wishes(&x->us), 0);
}

static void
crash_under_way(struct behind *x)
{
	x->s1.silent = true;
	hand_put(&x->c1, 1, "192.0.2.66/32", 3600);
	virtual_run(1 * S);
	assert_int_equal(x->s1.puts, 1);
	virtual_crash(x->us.loop);
	behind_stop(x);
	x->s1.silent = false;
	virtual_boot(x->us.loop);
	behind_start(x);
}

/* It crashes while it waits for upstream: the client has no answer and asks again; whatever was
 * asked upstream meanwhile is not left behind when nobody wants it. */
static void
a_request_under_way_is_not_left_behind_by_a_crash(void **state)
{
	struct behind *x = *state;

	crash_under_way(x);
	virtual_run(599 * S);
	assert_int_equal(provider_mitigations(&x->gw), 0);
	assert_int_equal(customer_wishes(&x->us), 1); /* the client may come back for it */
	assert_int_equal(x->s1.deletes, 0);
	virtual_run(2 * S);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_true(x->s1.deletes > 0);
}

/* … nor when its client has forgotten it, too, and asks for the same under a newer mid. */
static void
a_newer_request_overtakes_what_a_crash_left_behind(void **state)
{
	struct behind *x = *state;

	crash_under_way(x);
	virtual_run(10 * S);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	behind_put(x, 3, "198.51.100.66/32", 10 * S);
	assert_int_equal(customer_wishes(&x->us), 2); /* of other targets: nothing to do with it */
	behind_put(x, 2, "192.0.2.66/32", 10 * S);
	assert_int_equal(customer_wishes(&x->us), 2);
	hand_delete(&x->c1, 2);
	virtual_run(1 * S);
	assert_int_equal(customer_wishes(&x->us), 1);
	assert_true(x->s1.deletes > 0);
}

/* What is asked for again in time is no longer left over. */
static void
a_request_that_is_asked_for_again_after_a_crash_stays(void **state)
{
	struct behind *x = *state;

	crash_under_way(x);
	virtual_run(300 * S);
	hand_dial(&x->c1, "gw", "10.0.0.254");
	behind_put(x, 1, "192.0.2.66/32", 10 * S);
	virtual_run(600 * S);
	assert_int_equal(customer_wishes(&x->us), 1);
	assert_int_equal(x->s1.deletes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BEHIND(the_first_acceptance_is_the_answer),
		BEHIND(after_three_seconds_of_silence_it_is_ours),
		BEHIND(a_refusal_and_silence_are_granted),
		BEHIND(when_all_refuse_so_does_the_gateway),
		BEHIND(a_collision_of_our_cuid_is_mended_upstream),
		BEHIND(a_collision_of_our_cuid_is_no_conflict_of_the_client),
		BEHIND(each_client_has_its_session_and_cuid_upstream),
		BEHIND(a_session_of_its_own_survives_a_restart),
		BEHIND(a_removed_client_leaves_when_all_is_withdrawn),
		BEHIND(a_removed_client_takes_leave_of_removed_servers),
		BEHIND(what_stands_stays_when_the_rule_changes),
		BEHIND(without_an_interface_any_active_link_is_used),
		BEHIND(the_lifetime_is_the_one_granted_upstream),
		BEHIND(a_refresh_is_granted_for_the_shortest_of_them),
		BEHIND(a_conflict_upstream_is_told_to_the_client),
		BEHIND(a_refusal_for_a_conflict_says_when_to_ask_again),
		BEHIND(without_association_it_is_503_and_nothing_is_kept),
		BEHIND(a_server_that_is_not_known_for_a_while_is_503),
		BEHIND(a_withdrawal_waits_for_a_server_that_is_not_known),
		BEHIND(a_pending_part_follows_when_its_provider_is_back),
		BEHIND(a_foreign_target_is_refused_at_once),
		BEHIND(repeats_of_the_client_share_the_answer),
		BEHIND(a_refresh_is_answered_at_once),
		BEHIND(a_refresh_of_what_is_ours_is_not_refused),
		BEHIND(a_withdrawal_is_answered_at_once_and_repeated_upstream),
		BEHIND(a_withdrawal_that_nobody_answers_ends_with_the_request),
		BEHIND(a_mid_that_is_being_withdrawn_has_to_wait),
		BEHIND(a_request_that_waits_can_be_withdrawn),
		BEHIND(a_request_withdrawn_before_its_answer_is_not_granted),
		BEHIND(a_refresh_is_overtaken_by_a_withdrawal),
		BEHIND(what_expires_below_is_withdrawn_above),
		BEHIND(the_merged_status_is_the_worst),
		BEHIND(refused_and_pending_parts_count),
		BEHIND(a_later_refusal_counts_as_exceeded_capability),
		BEHIND(counters_are_summed),
		BEHIND(counters_go_on_over_a_crash),
		BEHIND(heartbeats_are_not_relayed),
		BEHIND(a_granted_request_survives_the_gateways_crash),
		BEHIND(a_newer_request_overtakes_what_a_crash_left_behind),
		BEHIND(a_request_that_is_asked_for_again_after_a_crash_stays),
		BEHIND(a_request_under_way_is_not_left_behind_by_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
