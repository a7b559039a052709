/* Targets that are names: looked up, kept, told to whom they belong (rules M7, M9; RFC 9284 6). */
#include "scene.h"

#include <errno.h>

enum { SILENCE = 20 * S, RETRY = 10 * S };

static const char resolver[] = "203.0.113.53", web[] = "www.example.com";
static const char *const domains[] = {
	"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};

/* Providers that take names, and one of ours who asks a resolver of its own. */
struct stage {
	struct scene scene; /* first */
	struct script s1, s2;
};

static void
ask_resolver(struct customer *c)
{
	assert_int_equal(endpoint_parse(resolver, 53, &c->homing->target_resolver), 0);
}

static void
add_host(struct homing *h, const char *name, const char *address)
{
	struct host *host;

	h->hosts = mem_grow(h->hosts, h->n_hosts + 1, sizeof(*h->hosts));
	host = &h->hosts[h->n_hosts++];
	*host = (struct host){.name = mem_text(name), .n_addresses = 1};
	host->addresses = mem_new(sizeof(struct addr));
	assert_int_equal(addr_parse(address, host->addresses), 0);
}

static int
setup(void **state)
{
	struct stage *x = mem_new(sizeof(*x));
	void *scene;

	scene_setup(&scene);
	memcpy(&x->scene, scene, sizeof(x->scene));
	free(scene);
	script_make(&x->s1, "s1", "192.0.2.10");
	script_make(&x->s2, "s2", "198.51.100.10");
	ask_resolver(&x->scene.us);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct stage *x = *state;

	script_free(&x->s1);
	script_free(&x->s2);
	return scene_teardown(state);
}

static void
begin(struct stage *x)
{
	customer_start(&x->scene.us);
	UNTIL(1 * S, !strcmp(customer_server(&x->scene.us, "s1"), "available") &&
			     !strcmp(customer_server(&x->scene.us, "s2"), "available"));
	virtual_mark();
}

static struct customer *
us(struct stage *x)
{
	return &x->scene.us;
}

/* As dotsctl does it. The error of wishes_ask, or that of dots_client_recall. */
static int
ask(struct stage *x, const char *id, const char *text)
{
	struct dots_client *c = us(x)->client;
	struct arena *a = arena_new();
	struct target none = {0};
	char made[WISH_ID_MAX], why[WISH_WHY_MAX] = "";
	struct name n;
	struct wish_request r = {.id = id,
		.asker = "operator",
		.target = &none,
		.names = &n,
		.n_names = 1,
		.trigger_mitigation = true};
	int error;

	assert_int_equal(name_parse(text, a, &n, why, sizeof(why)), 0);
	error = dots_client_recall(c, &n, a, why, sizeof(why));
	if (!error)
		error = wishes_ask(dots_client_wishes(c), &r, virtual_now(), loop_wall(), made, why,
			sizeof(why));
	dots_client_run(c);
	virtual_turn(us(x)->loop);
	arena_free(a);
	return error;
}

static bool
is_placed(struct stage *x, const char *id, size_t part)
{
	return customer_state(us(x), id, part) == WISH_PLACED;
}

#define ASKED(x, link)                                                                             \
	.from = us(x)->loop, .code = COAP_PUT, .resource = PATH_MITIGATE, .interface = link

static bool
holds(const struct packet *p, const char *text)
{
	return memmem(p->bytes, p->len, text, strlen(text));
}

/* 9284-5.1-23, 9132-4.4.1.1-45, 8811-3.2.5.4-01: the owner of all its addresses is told its name,
 * and nobody else hears of anything. */
static void
the_owner_is_told_the_name(void **state)
{
	struct stage *x = *state;
	const struct packet *p;

	virtual_name(resolver, web, "192.0.2.70,192.0.2.71", 300);
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0) && is_placed(x, "w", 1));
	assert_int_equal(COUNT(ASKED(x, NULL)), 1);
	p = PACKET(0, ASKED(x, "wan1"));
	assert_true(holds(p, web));
	assert_true(holds(p, "192.0.2.70/32") && holds(p, "192.0.2.71/32"));
	assert_int_equal(virtual_events(EVENT_SHARED, "domain=isp1"), 1);
	assert_int_equal(virtual_events(EVENT_SHARED, "targets=2 names=1 told=www.example.com"), 1);
	assert_int_equal(virtual_events(EVENT_SHARED, "domain=isp2"), 0);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	/* It was asked of target-resolver, by no provider's link and from no provider's address. */
	assert_int_equal(virtual_lookups()->n, 1);
	assert_string_equal(virtual_lookups()->interface, "");
	assert_int_equal(virtual_lookups()->n_sources, 0);
	assert_int_equal(virtual_lookups()->servers[0].addr.bytes[0], 203);
}

/* 9284-5.1-23, 9284-6-05: each gets its own addresses, none of them the name. */
static void
a_name_at_two_providers_is_told_to_neither(void **state)
{
	struct stage *x = *state;
	const struct packet *p;

	virtual_name(resolver, web, "192.0.2.70,198.51.100.70", 300);
	begin(x);
	assert_int_equal(ask(x, "w", "https://www.example.com/"), 0);
	UNTIL(1 * S, is_placed(x, "w", 0) && is_placed(x, "w", 1));
	assert_int_equal(COUNT(ASKED(x, NULL)), 2);
	p = PACKET(0, ASKED(x, "wan1"));
	assert_false(holds(p, "example.com") || holds(p, "198.51.100"));
	assert_true(holds(p, "192.0.2.70/32"));
	p = PACKET(0, ASKED(x, "wan2"));
	assert_false(holds(p, "example.com") || holds(p, "192.0.2."));
	assert_true(holds(p, "198.51.100.70/32"));
	assert_int_equal(virtual_events(EVENT_SHARED, "targets=1 names=0"), 2);
	assert_int_equal(
		virtual_events(EVENT_ALERT, ""), 0); /* the gate had nothing to hold back */
}

static void
agree(struct customer *c)
{
	struct homing *h = c->homing;

	h->consents = mem_grow(h->consents, 1, sizeof(*h->consents));
	h->consents[h->n_consents++] = (struct consent){.from = mem_text("isp2"),
		.to = mem_text("isp1"),
		.what = CONSENT_NAMES,
		.granted_by = mem_text("noc"),
		.at = mem_text("2026-01-31")};
}

static void
as_before(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
	customer_address(c, "s2", "198.51.100.10");
	ask_resolver(c);
}

/* 9284-6-12, 9284-6-14: with a consent the name goes along, and it is on record whose it was;
 * addresses stay where they belong. Without it any more, the name is not told again. */
static void
a_consent_lets_the_name_go_along(void **state)
{
	struct stage *x = *state;
	const struct packet *p;

	virtual_name(resolver, web, "192.0.2.70,198.51.100.70", 300);
	agree(us(x));
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0) && is_placed(x, "w", 1));
	p = PACKET(0, ASKED(x, "wan1"));
	assert_true(holds(p, web));
	assert_false(holds(p, "198.51.100"));
	assert_false(holds(PACKET(0, ASKED(x, "wan2")), web));
	assert_int_equal(virtual_events(EVENT_SHARED, "consent=isp2 to isp1, granted by noc, "
						      "2026-01-31"),
		1);
	virtual_mark();
	customer_reload(us(x), domains, 2, as_before, "");
	UNTIL(1 * S, COUNT(ASKED(x, NULL)) && is_placed(x, "w", 0));
	virtual_run(2 * HOUR);
	assert_int_equal(COUNT(.from = us(x)->loop, .code = COAP_DELETE), 0); /* no gap */
	for (size_t i = 0; i < COUNT(ASKED(x, NULL)); i++)
		assert_false(holds(PACKET(i, ASKED(x, NULL)), web));
	assert_true(is_placed(x, "w", 0) && is_placed(x, "w", 1));
}

/* A server that cannot look names up refuses the request with a name in it: the addresses are what
 * has to be protected. */
static void
a_server_that_takes_no_names_is_asked_for_the_addresses(void **state)
{
	struct scene *x = *state;
	struct stage *as_stage = (struct stage *)x;

	ask_resolver(&x->us);
	virtual_name(resolver, web, "198.51.100.70", 300);
	scene_start(x);
	assert_int_equal(ask(as_stage, "w", web), 0);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
	assert_int_equal(COUNT(PUTS(x)), 2);
	assert_true(holds(PACKET(0, PUTS(x)), web));
	assert_false(holds(PACKET(1, PUTS(x)), web));
	assert_int_equal(PACKET(0, PUTS(x))->mid, PACKET(1, PUTS(x))->mid);
	assert_int_equal(virtual_events(EVENT_REFUSED, ""), 0);
	virtual_run(3 * HOUR); /* refreshed without it */
	assert_false(holds(PACKET(5, PUTS(x)), web));
	assert_int_equal(provider_mitigations(&x->isp2), 1);
}

/* 9132-4.4.1.3-18: another answer is another request, and what the old one stood for is withdrawn
 * when it is nowhere in the new one. */
static void
a_changed_answer_is_a_new_request(void **state)
{
	struct stage *x = *state;
	const struct packet *first, *second;

	virtual_name(resolver, web, "192.0.2.70", 60);
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0));
	first = PACKET(0, ASKED(x, "wan1"));
	virtual_run(10 * MINUTE); /* looked at again, and the same */
	assert_true(virtual_lookups()->n > 5);
	assert_int_equal(COUNT(ASKED(x, NULL), .first = true), 1);
	virtual_name(resolver, web, "192.0.2.70,192.0.2.71", 60);
	UNTIL(2 * MINUTE, is_placed(x, "w", 1));
	assert_int_equal(COUNT(ASKED(x, NULL)), 2);
	second = PACKET(1, ASKED(x, "wan1"));
	assert_true(second->mid > first->mid);
	assert_true(holds(second, web) && holds(second, "192.0.2.71/32"));
	/* It moves to the other provider. */
	virtual_mark();
	virtual_name(resolver, web, "198.51.100.70", 60);
	UNTIL(2 * MINUTE, is_placed(x, "w", 0) && x->s2.puts == 1);
	UNTIL(1 * S, x->s1.deletes == 1);
	assert_int_equal(COUNT(ASKED(x, "wan1")), 0);
	assert_true(holds(PACKET(0, ASKED(x, "wan2")), web));
}

/* A name that is told with an address gets one at another provider: the first is to hear no more of
 * it, and keeps its own address without it. */
static void
a_name_that_spreads_is_no_longer_told(void **state)
{
	struct stage *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0));
	virtual_mark();
	virtual_name(resolver, web, "192.0.2.70,198.51.100.70", 60);
	UNTIL(2 * MINUTE, is_placed(x, "w", 0) && is_placed(x, "w", 1));
	UNTIL(1 * S, COUNT(ASKED(x, "wan1")) == 1);
	assert_false(holds(PACKET(0, ASKED(x, "wan1")), web));
	assert_false(holds(PACKET(0, ASKED(x, "wan2")), web));
	assert_int_equal(x->s1.deletes, 0); /* the server replaces it by itself */
}

/* 9132-4.4.1.1-49: a resolver that is silent: told once, tried again, over a crash too. */
static void
a_silent_resolver_leaves_it_pending(void **state)
{
	struct stage *x = *state;
	unsigned before;

	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	assert_int_equal(customer_state(us(x), "w", 0), WISH_PENDING);
	assert_int_equal(virtual_events(EVENT_PENDING, ""), 0); /* it may be there in a moment */
	UNTIL(SILENCE, virtual_events(EVENT_PENDING, "target=www.example.com") == 1);
	assert_int_equal(virtual_events(EVENT_ALERT, "target=www.example.com"), 1);
	virtual_run(10 * MINUTE);
	assert_int_equal(virtual_events(EVENT_PENDING, ""), 1);
	assert_true(virtual_lookups()->n > 8);
	virtual_crash(us(x)->loop);
	customer_restart(us(x));
	before = virtual_lookups()->n;
	assert_int_equal(customer_state(us(x), "w", 0), WISH_PENDING);
	virtual_run(SILENCE);
	assert_true(virtual_lookups()->n > before);
	assert_int_equal(COUNT(ASKED(x, NULL)), 0);
	virtual_name(resolver, web, "192.0.2.70", 300);
	UNTIL(90 * S, is_placed(x, "w", 0));
	/* Its addresses are on record: they are there before the resolver is. */
	virtual_name(resolver, web, NULL, 0);
	virtual_crash(us(x)->loop);
	customer_restart(us(x));
	UNTIL(1 * S, is_placed(x, "w", 0));
	assert_true(holds(PACKET(1, ASKED(x, "wan1")), web));
}

/* What stands stays when the name cannot be looked up any more, or is denied. */
static void
a_lost_name_takes_no_protection_away(void **state)
{
	struct stage *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0));
	virtual_mark();
	virtual_name(resolver, web, "", 60);
	virtual_run(20 * MINUTE);
	assert_int_equal(virtual_events(EVENT_ALERT, "target=www.example.com"), 1);
	virtual_name(resolver, web, NULL, 0);
	virtual_run(20 * MINUTE);
	assert_true(is_placed(x, "w", 0));
	assert_int_equal(COUNT(.from = us(x)->loop, .code = COAP_DELETE), 0);
}

/* 9284-5.1-17 */
static void
what_does_not_exist_or_is_foreign_is_refused(void **state)
{
	struct stage *x = *state;

	virtual_name(resolver, "no.example.com", "", 60);
	virtual_name(resolver, "far.example.com", "8.8.8.8", 60);
	begin(x);
	assert_int_equal(ask(x, "no", "no.example.com"), 0);
	assert_int_equal(ask(x, "far", "far.example.com"), 0);
	UNTIL(1 * S, customer_state(us(x), "no", 0) == WISH_REFUSED &&
			     customer_state(us(x), "far", 0) == WISH_REFUSED);
	assert_int_equal(virtual_events(EVENT_REFUSED, "target=no.example.com"), 1);
	assert_int_equal(virtual_events(EVENT_REFUSED, "target=8.8.8.8/32"), 1);
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(ASKED(x, NULL)), 0);
	/* By then it is there; asked anew it is found. */
	virtual_name(resolver, "no.example.com", "192.0.2.70", 60);
	assert_int_equal(
		wishes_refresh(dots_client_wishes(us(x)->client), "no", virtual_now(), loop_wall()),
		0);
	dots_client_run(us(x)->client);
	UNTIL(1 * S, is_placed(x, "no", 0));
	/* Of what nobody wants any more nobody asks. */
	assert_int_equal(customer_release(us(x), "no"), 0);
	assert_int_equal(customer_release(us(x), "far"), 0);
	virtual_run(2 * HOUR);
	virtual_mark();
	assert_int_equal(virtual_events(EVENT_RESOLVED, ""), 0);
	virtual_run(2 * HOUR);
	assert_int_equal(virtual_events(EVENT_RESOLVED, ""), 0);
}

/* 9284-6-10: nobody is asked whose business it is not. */
static void
without_a_resolver_only_the_table_counts(void **state)
{
	struct stage *x = *state;

	us(x)->homing->target_resolver = (struct endpoint){0};
	add_host(us(x)->homing, web, "192.0.2.70");
	begin(x);
	assert_int_equal(ask(x, "a", "other.example.com"), -ENOTSUP);
	assert_int_equal(ask(x, "b", "https://WWW.example.com:8443/x"), 0);
	UNTIL(1 * S, is_placed(x, "b", 0));
	assert_true(holds(PACKET(0, ASKED(x, "wan1")), "https://WWW.example.com:8443/x"));
	assert_int_equal(virtual_lookups()->n, 0);
	/* A URI may hold an address. */
	assert_int_equal(ask(x, "c", "http://198.51.100.70/"), 0);
	UNTIL(1 * S, is_placed(x, "c", 0));
	assert_int_equal(ask(x, "d", "http://8.8.8.8/"), -EPERM);
	assert_int_equal(virtual_lookups()->n, 0);
}

/* M15: a resolver inside tells what a name is inside; planned is what the providers see. */
static void
addresses_inside_are_told_as_they_are_outside(void **state)
{
	struct stage *x = *state;
	struct domain *d = us(x)->homing->domains;

	d->nat = mem_new(sizeof(*d->nat));
	d->n_nat = 1;
	d->nat[0] = (struct nat_entry){prefix_from("10.0.0.0/26"), prefix_from("192.0.2.64/26")};
	virtual_name(resolver, web, "10.0.0.6", 60);
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0));
	assert_true(holds(PACKET(0, ASKED(x, "wan1")), "192.0.2.70/32"));
	assert_true(holds(PACKET(0, ASKED(x, "wan1")), web));
	virtual_run(10 * MINUTE); /* the same answer is no other request */
	assert_int_equal(COUNT(ASKED(x, NULL)), 1);
}

static void
with_another_table(struct customer *c)
{
	as_before(c);
	add_host(c->homing, web, "198.51.100.70");
}

static void
a_new_table_counts_after_a_reload(void **state)
{
	struct stage *x = *state;

	add_host(us(x)->homing, web, "192.0.2.70");
	begin(x);
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0));
	customer_reload(us(x), domains, 2, with_another_table, "");
	UNTIL(1 * S, x->s2.puts == 1 && x->s1.deletes == 1 && is_placed(x, "w", 0));
	assert_int_equal(virtual_lookups()->n, 0);
	/* It is taken out of the table: the resolver says. */
	virtual_name(resolver, web, "192.0.2.71", 60);
	customer_reload(us(x), domains, 2, as_before, "");
	UNTIL(1 * S, x->s1.puts == 2 && is_placed(x, "w", 0));
	assert_int_equal(virtual_lookups()->n, 1);
}

static void
resolver_of_isp2(struct customer *c)
{
	as_before(c);
	customer_resolver(c, "isp2", resolver);
}

/* It may be learned later that target-resolver is a provider's. */
static void
a_providers_resolver_is_never_asked(void **state)
{
	struct stage *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	begin(x);
	customer_reload(us(x), domains, 2, resolver_of_isp2, "");
	assert_int_equal(ask(x, "w", web), -ENOTSUP);
	virtual_run(1 * HOUR);
	assert_int_equal(virtual_lookups()->n, 0);
	customer_reload(us(x), domains, 2, as_before, "");
	assert_int_equal(ask(x, "w", web), 0);
	UNTIL(1 * S, is_placed(x, "w", 0));
	assert_int_equal(virtual_lookups()->n, 1);
	customer_reload(us(x), domains, 2, resolver_of_isp2, "");
	virtual_run(1 * HOUR);
	assert_int_equal(virtual_lookups()->n, 1);
	assert_true(is_placed(x, "w", 0));
}

/* 9132-7.3-01: what makes a request too large for a datagram are not its names. */
static void
names_leave_room_for_the_addresses(void **state)
{
	enum { MANY = 20, LONG = 100 };
	struct stage *x = *state;
	struct dots_client *c;
	struct arena *a = arena_new();
	struct name names[MANY];
	struct target none = {0};
	char made[WISH_ID_MAX], why[WISH_WHY_MAX], text[LONG + 1];
	struct wish_request r = {.id = "w",
		.asker = "operator",
		.target = &none,
		.names = names,
		.n_names = MANY,
		.trigger_mitigation = true};
	const struct packet *p;

	add_host(us(x)->homing, web, "192.0.2.70");
	begin(x);
	c = us(x)->client;
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "https://www.example.com/%02d%0*d", i, LONG - 26, 0);
		assert_int_equal(name_parse(text, a, &names[i], why, sizeof(why)), 0);
		assert_int_equal(dots_client_recall(c, &names[i], a, why, sizeof(why)), 0);
	}
	assert_int_equal(wishes_ask(dots_client_wishes(c), &r, virtual_now(), loop_wall(), made,
				 why, sizeof(why)),
		0);
	dots_client_run(c);
	virtual_turn(us(x)->loop);
	UNTIL(1 * S, is_placed(x, "w", 0));
	p = PACKET(0, ASKED(x, "wan1"));
	assert_true(holds(p, "/0000") && holds(p, "/0700") && !holds(p, "/0800"));
	assert_true(holds(p, "192.0.2.70/32"));
	assert_true(p->len < 1152);
	assert_int_equal(virtual_events(EVENT_SHARED, "names=8"), 1);
	arena_free(a);
}

/* Not more hosts are followed than there is room for, nor more of them asked for at a time. */
static void
names_are_followed_up_to_a_limit(void **state)
{
	enum { LIMIT = 4096, AT_A_TIME = 32 };
	struct stage *x = *state;
	char id[32], text[64];

	begin(x);
	for (int i = 0; i < LIMIT; i++) {
		snprintf(id, sizeof(id), "w%d", i);
		snprintf(text, sizeof(text), "h%d.example.com", i);
		assert_int_equal(ask(x, id, text), 0);
	}
	assert_int_equal(virtual_lookups()->n, AT_A_TIME);
	assert_int_equal(virtual_events(EVENT_PENDING, ""), 0);
	assert_int_equal(ask(x, "more", "more.example.com"), 0);
	assert_int_equal(virtual_events(EVENT_PENDING, "target=more.example.com"), 1);
	assert_string_equal(customer_part(us(x), "more", 0).reason,
		"its addresses cannot be found out now: as many names are followed as can be");
}

#define STAGE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE(the_owner_is_told_the_name),
		STAGE(a_name_at_two_providers_is_told_to_neither),
		STAGE(a_consent_lets_the_name_go_along),
		CASE(a_server_that_takes_no_names_is_asked_for_the_addresses),
		STAGE(a_changed_answer_is_a_new_request),
		STAGE(a_name_that_spreads_is_no_longer_told),
		STAGE(a_silent_resolver_leaves_it_pending),
		STAGE(a_lost_name_takes_no_protection_away),
		STAGE(what_does_not_exist_or_is_foreign_is_refused),
		STAGE(without_a_resolver_only_the_table_counts),
		STAGE(a_new_table_counts_after_a_reload),
		STAGE(a_providers_resolver_is_never_asked),
		STAGE(addresses_inside_are_told_as_they_are_outside),
		STAGE(names_leave_room_for_the_addresses),
		STAGE(names_are_followed_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
