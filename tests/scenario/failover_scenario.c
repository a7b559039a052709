/* Several servers and several attachments of one provider (rules M6, M14; RFC 9284 5.4). */
#include "scene.h"

#define HELLOS(x) .from = (x)->us.loop, .kind = HELLO, .first = true

struct world {
	struct provider first, second; /* s1, s1b; by priority */
	struct customer us;
};

static void
make_customer(struct world *x)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1,s1b"};

	customer_make(&x->us, domains, 1);
	virtual_link(x->us.loop, "wan1", "192.0.2.66/26");
	customer_address(&x->us, "s1", "192.0.2.10");
	customer_address(&x->us, "s1b", "192.0.2.11");
}

static bool
is_state(struct world *x, const char *server, const char *state)
{
	return !strcmp(customer_server(&x->us, server), state);
}

static void
start(struct world *x)
{
	customer_start(&x->us);
	UNTIL(1 * S, is_state(x, "s1", "available") && is_state(x, "s1b", "available"));
	virtual_mark();
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->first, "s1", "192.0.2.10", "192.0.2.64/26");
	provider_make(&x->second, "s1b", "192.0.2.11", "192.0.2.64/26");
	provider_start(&x->first);
	provider_start(&x->second);
	make_customer(x);
	start(x);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	customer_free(&x->us);
	provider_free(&x->first);
	if (x->second.loop)
		provider_free(&x->second);
	virtual_end();
	free(x);
	return 0;
}

static uint32_t
place(struct world *x)
{
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	return PACKET(0, PUTS(x))->mid;
}

/* The one with priority carries it, alone; refreshes stay there. */
static void
one_server_carries_a_request(void **state)
{
	struct world *x = *state;
	uint32_t mid = place(x);

	virtual_run(1 * DAY);
	assert_non_null(provider_mitigation(&x->first, mid));
	assert_int_equal(provider_mitigations(&x->second), 0);
	assert_int_equal(provider_sessions(&x->second), 1);
}

/* 4218-4.2-01, 8612-GEN-002-04: It is gone: the next one gets the same cuid and mid at once. It is
 * back: nothing changes. The withdrawal goes to both. */
static void
the_next_server_gets_the_same_mid(void **state)
{
	struct world *x = *state;
	uint32_t mid = place(x);
	mono_ms gone;

	virtual_run(40 * S);
	virtual_mark();
	gone = virtual_now();
	provider_stop(&x->first);
	UNTIL(1 * S, provider_mitigations(&x->second) == 1);
	assert_in_range(virtual_now() - gone, 0, 100);
	assert_non_null(provider_mitigation(&x->second, mid));
	virtual_run(1 * MINUTE);
	provider_start(&x->first);
	UNTIL(6 * MINUTE, is_state(x, "s1", "available"));
	virtual_run(30 * MINUTE);
	assert_int_equal(customer_part(&x->us, "w", 0).mid, mid);
	virtual_mark();
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(1 * S, customer_wishes(&x->us) == 0);
	assert_int_equal(COUNT(.code = COAP_DELETE, .mid = mid), 2);
	virtual_run(3 * MINUTE);
	assert_int_equal(provider_mitigations(&x->first), 0);
	assert_int_equal(provider_mitigations(&x->second), 0);
}

/* The same, and a crash of ours while the second one carries it: nothing is forgotten. */
static void
a_crash_does_not_forget_the_first_server(void **state)
{
	struct world *x = *state;
	uint32_t mid = place(x);

	virtual_run(40 * S);
	provider_stop(&x->first);
	UNTIL(1 * S, provider_mitigations(&x->second) == 1);
	virtual_run(1 * S);
	virtual_crash(x->us.loop);
	customer_restart(&x->us);
	virtual_run(1 * MINUTE);
	provider_start(&x->first);
	UNTIL(6 * MINUTE, is_state(x, "s1", "available"));
	assert_non_null(provider_mitigation(&x->second, mid));
	virtual_mark();
	assert_int_equal(customer_release(&x->us, "w"), 0);
	virtual_run(1 * S);
	assert_int_equal(COUNT(.code = COAP_DELETE, .mid = mid), 2);
	virtual_run(3 * MINUTE);
	assert_int_equal(provider_mitigations(&x->first), 0);
	assert_int_equal(provider_mitigations(&x->second), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

/* M3: silence is not absence: the request stays where it is. */
static void
silence_is_no_reason_to_change(void **state)
{
	struct world *x = *state;

	place(x);
	virtual_run(100 * S);
	virtual_way(x->us.loop, "wan1")->lose_dial =
		PACKET(0, PUTS(x))->dial; /* of the session to s1 */
	virtual_run(5 * MINUTE);
	assert_true(is_state(x, "s1", "silent"));
	assert_int_equal(provider_mitigations(&x->second), 0);
}

/* Asked, not answered yet, and the server is gone: the next one is asked for the same. */
static void
a_request_under_way_moves_too(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	virtual_run(40 * S);
	virtual_mark();
	virtual_way(x->us.loop, "wan1")->delay = 500;
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(100);
	mid = PACKET(0, PUTS(x))->mid;
	provider_stop(&x->first);
	UNTIL(3 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_non_null(provider_mitigation(&x->second, mid));
	/* Whether the first one has it nobody knows: it is withdrawn there as well. */
	provider_start(&x->first);
	UNTIL(6 * MINUTE, is_state(x, "s1", "available"));
	assert_int_equal(customer_release(&x->us, "w"), 0);
	virtual_run(5 * S);
	assert_int_equal(COUNT(.code = COAP_DELETE, .mid = mid), 2);
	assert_int_equal(customer_wishes(&x->us), 0);
}

/* None is there: it waits, and goes to the first that comes back. */
static void
without_any_server_it_waits(void **state)
{
	struct world *x = *state;

	virtual_run(40 * S);
	provider_stop(&x->first);
	provider_stop(&x->second);
	virtual_run(10 * S);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PENDING);
	virtual_run(2 * MINUTE);
	assert_int_equal(COUNT(PUTS(x)), 0);
	provider_start(&x->second);
	UNTIL(90 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(provider_mitigations(&x->second), 1);
	provider_start(&x->first);
	virtual_run(10 * MINUTE);
	assert_int_equal(provider_mitigations(&x->first), 0);
}

/* Both go: it waits where it was, for the one that carried it last. */
static void
with_all_servers_gone_it_waits_where_it_was(void **state)
{
	struct world *x = *state;
	uint32_t mid = place(x);

	virtual_run(40 * S);
	provider_stop(&x->first);
	UNTIL(1 * S, provider_mitigation(&x->second, mid) != NULL);
	virtual_run(40 * S);
	provider_stop(&x->second);
	virtual_run(1 * S);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(customer_part(&x->us, "w", 0).server, 1); /* s1b */
	virtual_run(1 * MINUTE);
	provider_start(&x->second);
	UNTIL(90 * S, is_state(x, "s1b", "available"));
	virtual_run(1 * S);
	assert_non_null(provider_mitigation(&x->second, mid));
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 2);
}

/* Back and forth: the second goes too, the first is back. Each has the mid once; the release ends
 * it everywhere. */
static void
back_and_forth_leaves_nothing_behind(void **state)
{
	struct world *x = *state;
	uint32_t mid = place(x);

	for (int i = 0; i < 4; i++) {
		struct provider *from = i % 2 ? &x->second : &x->first;
		struct provider *to = i % 2 ? &x->first : &x->second;

		virtual_run(40 * S);
		provider_stop(from);
		UNTIL(1 * S, provider_mitigation(to, mid) != NULL);
		virtual_run(40 * S);
		provider_start(from);
		UNTIL(6 * MINUTE, provider_sessions(from) == 1);
	}
	virtual_run(5 * S);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	virtual_run(5 * MINUTE);
	assert_int_equal(provider_mitigations(&x->first), 0);
	assert_int_equal(provider_mitigations(&x->second), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

/* ---- M14: one provider, two attachments ----------------------------------------------------- */

/* One instance that serves at both addresses. */
static int
setup_attachments(void **state)
{
	static struct listen_socket sockets[2];
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->first, "s1,s1b", "192.0.2.10", "192.0.2.64/26");
	sockets[0] = sockets[1] = x->first.socket;
	sockets[1].local.addr.bytes[3] = 11;
	x->first.setup.sockets = sockets;
	x->first.setup.n_sockets = 2;
	provider_start(&x->first);
	make_customer(x);
	x->us.homing->domains[0].attachments = ATTACHMENTS_ALL;
	start(x);
	*state = x;
	return 0;
}

/* Both copies are the same request: one mitigation, never a conflict, for days. */
static void
copies_over_all_attachments_are_one_request(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
			     customer_state(&x->us, "w", 1) == WISH_PLACED);
	mid = PACKET(0, PUTS(x))->mid;
	assert_int_equal(COUNT(PUTS(x), .mid = mid), 2);
	assert_int_equal(provider_mitigations(&x->first), 1);
	virtual_run(3 * DAY);
	assert_int_equal(COUNT(PUTS(x)), COUNT(PUTS(x), .mid = mid));
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
	assert_int_equal(provider_mitigations(&x->first), 1);
	assert_int_equal(recorder_starts(x->first.recorder), 1);
	virtual_mark();
	assert_int_equal(customer_release(&x->us, "w"), 0);
	virtual_run(3 * MINUTE);
	assert_int_equal(COUNT(.code = COAP_DELETE), 2);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(provider_mitigations(&x->first), 0);
}

/* A wider wish joins: the new request is one at both again, and the old one is gone. */
static void
a_wider_wish_is_one_request_at_all_attachments_too(void **state)
{
	struct world *x = *state;
	size_t n;

	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(1 * MINUTE);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "v", "192.0.2.64/28", 0), 0);
	virtual_run(1 * MINUTE);
	n = COUNT(PUTS(x));
	assert_int_equal(n, 2);
	assert_int_equal(PACKET(0, PUTS(x))->mid, PACKET(1, PUTS(x))->mid);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
	assert_int_equal(provider_mitigations(&x->first), 1);
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
	assert_int_equal(provider_mitigations(&x->first), 1);
}

static void
fill_one_attachment(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
	c->homing->domains[0].attachments = ATTACHMENTS_ALL;
}

/* M17: an attachment that is removed is not told that the request is over: at the other one it goes
 * on, and it is the same. */
static void
a_removed_attachment_does_not_end_the_request(void **state)
{
	static const char *const one[] = {"isp1 wan1 192.0.2.64/26 s1"};
	struct world *x = *state;

	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(1 * MINUTE);
	virtual_mark();
	customer_reload(&x->us, one, 1, fill_one_attachment, "");
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(.code = COAP_DELETE), 0);
	assert_int_equal(provider_sessions(&x->first), 1);
	assert_int_equal(provider_mitigations(&x->first), 1);
	assert_int_equal(recorder_starts(x->first.recorder), 1);
}

/* 9132-4.4.1.3-20: a higher mid of ours from an earlier life stands there, and our own count was
 * lost: raised above it, at all attachments alike. */
static void
a_mid_from_an_earlier_life_is_passed_by_all_copies(void **state)
{
	struct world *x = *state;
	struct hand before;

	hand_make(&before, "acme", "10.0.0.1/24"); /* the same cuid */
	hand_dial(&before, "s1", "192.0.2.10");
	hand_put(&before, 1800000000, "192.0.2.64/26", 86400);
	UNTIL(1 * S, before.code == COAP_201_CREATED);
	hand_free(&before);
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	UNTIL(5 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
			     customer_state(&x->us, "w", 1) == WISH_PLACED);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 2);
	assert_int_equal(COUNT(PUTS(x), .mid = 1800000001), 2);
	assert_int_equal(provider_mitigations(&x->first), 1);
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 2);
	/* A crash does not bring the old count back. */
	virtual_crash(x->us.loop);
	customer_restart(&x->us);
	virtual_mark();
	virtual_run(1 * S);
	assert_int_equal(customer_ask(&x->us, "v", "192.0.2.64/27", 0), 0); /* a new mid */
	virtual_run(1 * S);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
}

/* One attachment fails: the other has it already. */
static void
a_failing_attachment_changes_nothing(void **state)
{
	struct world *x = *state;

	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(1 * MINUTE);
	virtual_way(x->us.loop, "wan1")->lose_dial = 1;
	virtual_run(1 * DAY);
	assert_int_equal(provider_mitigations(&x->first), 1);
	assert_int_equal(recorder_stops(x->first.recorder), 0);
}

/* ---- M14: one server, two links ------------------------------------------------------------- */

static void
give_link(struct domain_server *s, const char *link)
{
	s->interfaces = mem_array(1, sizeof(char *));
	s->interfaces[s->n_interfaces++] = mem_text(link);
	s->addresses = mem_array(1, sizeof(struct addr));
	assert_int_equal(addr_parse("192.0.2.10", &s->addresses[s->n_addresses++]), 0);
}

static const char *const links[] = {"isp1 wan1,wan2 192.0.2.64/26 s1,s1"};

static void
fill_links(struct customer *c)
{
	struct domain_server **servers = c->homing->domains[0].servers;

	give_link(servers[0], "wan1");
	give_link(servers[1], "wan2");
	servers[0]->priority = servers[1]->priority = 0;
}

static void
fill_all_links(struct customer *c)
{
	fill_links(c);
	c->homing->domains[0].attachments = ATTACHMENTS_ALL;
}

static int
setup_links(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	virtual_start();
	provider_make(&x->first, "s1", "192.0.2.10", "192.0.2.64/26");
	provider_start(&x->first);
	customer_make(&x->us, links, 1);
	virtual_link(x->us.loop, "wan1", "192.0.2.66/26");
	virtual_link(x->us.loop, "wan2", "192.0.2.67/26");
	fill_links(&x->us);
	*state = x;
	return 0;
}

static void
start_links(struct world *x)
{
	customer_start(&x->us);
	UNTIL(1 * S, provider_sessions(&x->first) == 2);
	assert_int_equal(COUNT(HELLOS(x), .interface = "wan1"), 1);
	assert_int_equal(COUNT(HELLOS(x), .interface = "wan2"), 1);
	virtual_mark();
}

/* 9284-5.4-01, 9284-5.4-02, 9284-5.4-05, 9284-5.4-10: the first link that the file names, and the
 * other one when that is down. */
static void
one_server_over_two_links_is_asked_on_one(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	start_links(x);
	mid = place(x);
	assert_string_equal(PACKET(0, PUTS(x))->interface, "wan1");
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(PUTS(x), .interface = "wan2"), 0);
	virtual_mark();
	virtual_link_set(x->us.loop, "wan1", false);
	UNTIL(1 * S, COUNT(PUTS(x), .interface = "wan2", .mid = mid) == 1);
	assert_int_equal(provider_mitigations(&x->first), 1);
	assert_int_equal(recorder_starts(x->first.recorder), 1);
}

/* 9284-5.4-06: on both it is one request; and a crash does not make it one over one link. */
static void
one_server_is_asked_on_all_links_also_after_a_crash(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	x->us.homing->domains[0].attachments = ATTACHMENTS_ALL;
	start_links(x);
	mid = place(x);
	UNTIL(1 * S, customer_state(&x->us, "w", 1) == WISH_PLACED);
	assert_int_equal(COUNT(PUTS(x), .mid = mid, .interface = "wan1"), 1);
	assert_int_equal(COUNT(PUTS(x), .mid = mid, .interface = "wan2"), 1);
	virtual_crash(x->us.loop);
	customer_restart(&x->us);
	UNTIL(3 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
			     customer_state(&x->us, "w", 1) == WISH_PLACED);
	virtual_mark();
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(5 * S, COUNT(.code = COAP_DELETE, .mid = mid) == 2);
	assert_int_equal(COUNT(.code = COAP_DELETE, .interface = "wan1"), 1);
	assert_int_equal(COUNT(.code = COAP_DELETE, .interface = "wan2"), 1);
	assert_int_equal(COUNT(.code = COAP_409_CONFLICT), 0);
}

/* From all attachments to one and back: the request stands all the time, under its mid, after a
 * crash too. */
static void
the_copies_that_a_reload_spares_end_nothing(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	x->us.homing->domains[0].attachments = ATTACHMENTS_ALL;
	start_links(x);
	mid = place(x);
	UNTIL(1 * S, customer_state(&x->us, "w", 1) == WISH_PLACED);
	virtual_mark();
	customer_reload(&x->us, links, 1, fill_links, "");
	virtual_run(10 * S);
	assert_int_equal(COUNT(.code = COAP_DELETE), 0);
	assert_int_equal(provider_mitigations(&x->first), 1);
	customer_reload(&x->us, links, 1, fill_all_links, "");
	UNTIL(3 * S, customer_state(&x->us, "w", 0) == WISH_PLACED &&
			     customer_state(&x->us, "w", 1) == WISH_PLACED);
	assert_int_equal(COUNT(PUTS(x)), COUNT(PUTS(x), .mid = mid));
	assert_true(COUNT(PUTS(x), .interface = "wan2") > 0);
	customer_reload(&x->us, links, 1, fill_links, "");
	virtual_run(10 * S);
	virtual_crash(x->us.loop);
	customer_restart(&x->us);
	virtual_run(10 * S);
	assert_int_equal(COUNT(PUTS(x)), COUNT(PUTS(x), .mid = mid));
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(5 * S, COUNT(.code = COAP_DELETE, .mid = mid) == 2);
	virtual_run(3 * MINUTE);
	assert_int_equal(recorder_starts(x->first.recorder), 1);
	assert_int_equal(provider_mitigations(&x->first), 0);
	assert_int_equal(customer_wishes(&x->us), 0);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 0);
}

#define LINKS(f) cmocka_unit_test_setup_teardown(f, setup_links, teardown)
#define TWO(f)   cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ALL(f)   cmocka_unit_test_setup_teardown(f, setup_attachments, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TWO(one_server_carries_a_request),
		TWO(the_next_server_gets_the_same_mid),
		TWO(a_crash_does_not_forget_the_first_server),
		TWO(silence_is_no_reason_to_change),
		TWO(a_request_under_way_moves_too),
		TWO(without_any_server_it_waits),
		TWO(with_all_servers_gone_it_waits_where_it_was),
		TWO(back_and_forth_leaves_nothing_behind),
		ALL(copies_over_all_attachments_are_one_request),
		ALL(a_removed_attachment_does_not_end_the_request),
		ALL(a_wider_wish_is_one_request_at_all_attachments_too),
		ALL(a_mid_from_an_earlier_life_is_passed_by_all_copies),
		ALL(a_failing_attachment_changes_nothing),
		LINKS(one_server_over_two_links_is_asked_on_one),
		LINKS(one_server_is_asked_on_all_links_also_after_a_crash),
		LINKS(the_copies_that_a_reload_spares_end_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
