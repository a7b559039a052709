/* Redirected signaling (RFC 9132 4.6, rule M10): the decision. */
#include "fixture.h"

#include <stdio.h>

#include "homing/redirect.h"

enum { NOW = 1000000000, MINUTE = 60000 };

static const char *const domains[] = {
	"isp1 wan1 192.0.2.64/26 dots.isp1.example,dots-b.isp1.example,dots.isp1b.example",
	"isp2 wan2 198.51.100.64/26 dots.isp2.example,192.0.2.50",
};

struct world {
	struct homing *h;
	struct redirect_question q;
	struct redirect_contact contacts[4];
	struct redirect_decision d;
};

static struct addr
addr_from(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	char why[200] = "";

	x->h = make_homing(domains, 2);
	x->h->domains[1].servers[0]->addresses = mem_array(1, sizeof(struct addr));
	x->h->domains[1].servers[0]->addresses[0] = addr_from("198.51.100.10");
	x->h->domains[1].servers[0]->n_addresses = 1;
	assert_int_equal(homing_index(x->h, why, sizeof(why)), 0);
	x->q = (struct redirect_question){.homing = x->h,
		.from = x->h->servers[server_named(x->h, "dots.isp1.example")],
		.contacts = x->contacts,
		.now = NOW};
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	homing_free(x->h);
	free(x);
	return 0;
}

/* records: with commas between; "": none. */
static enum redirect_verdict
decide(struct world *x, const char *name, const char *records)
{
	struct redirect r = {.server = name};
	struct addr list[200];
	char *copy = mem_text(records), *rest = copy, *one;

	while (*records && (one = strsep(&rest, ",")))
		list[r.n_records++] = addr_from(one);
	r.records = list;
	redirect_decide(&x->q, &r, &x->d);
	free(copy);
	return x->d.verdict;
}

static void
refused(struct world *x, const char *name, const char *records, const char *section)
{
	assert_int_equal(decide(x, name, records), REDIRECT_REFUSED);
	assert_string_equal(x->d.section, section);
	assert_true(*x->d.reason);
}

static void
trust(struct world *x, const char *name)
{
	struct domain *d = &x->h->domains[0];

	d->trusted_names = mem_grow(d->trusted_names, d->n_trusted_names + 1, sizeof(char *));
	d->trusted_names[d->n_trusted_names++] = mem_text(name);
}

static void
contact(struct world *x, const char *name, int64_t ago)
{
	x->contacts[x->q.n_contacts++] = (struct redirect_contact){.name = name, .when = NOW - ago};
}

/* 8612-SIG-005-05, 8811-1.3-09: siblings, as long as nothing else is said. */
static void
siblings_are_trusted(void **state)
{
	static const char section[] = "RFC 8612 SIG-005";
	struct world *x = *state;

	assert_int_equal(decide(x, "dots-c.isp1.example", ""), REDIRECT_FOLLOWED);
	assert_int_equal(decide(x, "DOTS-C.ISP1.example", ""), REDIRECT_FOLLOWED);
	refused(x, "isp1.example", "", section);
	refused(x, "a.dots.isp1.example", "", section);
	refused(x, "dots.isp3.example", "", section);
	refused(x, "dots-cisp1.example", "", section);
	refused(x, "localhost", "", section);
	refused(x, ".", "", section);
	refused(x, "192.0.2.11", "", "RFC 9132 4.6");
}

/* A name right below the top has no siblings: everybody else's is there, too. */
static void
below_the_top_there_are_no_siblings(void **state)
{
	struct world *x = *state;
	struct domain_server s = *x->q.from;

	s.name = (char *)(uintptr_t) "isp1.example";
	x->q.from = &s;
	refused(x, "isp3.example", "", "RFC 8612 SIG-005");
	s.name = (char *)(uintptr_t) "192.0.2.10"; /* nor has an address */
	refused(x, "5.0.2.10.example", "", "RFC 8612 SIG-005");
	s.name = (char *)(uintptr_t) "10.2.0.192";
	refused(x, "dots.2.0.192", "", "RFC 8612 SIG-005");
	trust(x, "isp3.example");
	assert_int_equal(decide(x, "isp3.example", ""), REDIRECT_FOLLOWED);
}

static void
trusted_names_take_their_place(void **state)
{
	struct world *x = *state;

	trust(x, "*.third.example");
	trust(x, "dots.isp2.example");
	assert_int_equal(decide(x, "dots.third.example", ""), REDIRECT_FOLLOWED);
	assert_int_equal(decide(x, "a.b.third.example", ""), REDIRECT_FOLLOWED);
	refused(x, "third.example", "", "RFC 8612 SIG-005");
	refused(x, "dots-c.isp1.example", "", "RFC 8612 SIG-005");
	refused(x, "dots.isp2.example", "", "RFC 9284 5.1"); /* whatever they say */
	/* Who is configured is trusted anyway. */
	assert_int_equal(decide(x, "dots.isp1b.example", ""), REDIRECT_FOLLOWED);
}

/* M10: never a server of another domain: by its name, by an address configured or looked up. */
static void
never_to_another_domain(void **state)
{
	struct redirect_address known[] = {
		{1, addr_from("203.0.113.5")}, {0, addr_from("192.0.2.9")}};
	struct world *x = *state;

	x->q.known = known;
	x->q.n_known = 2;
	refused(x, "dots.isp2.example", "192.0.2.11", "RFC 9284 5.1");
	refused(x, "DOTS.isp2.EXAMPLE", "192.0.2.11", "RFC 9284 5.1");
	refused(x, "dots-c.isp1.example", "198.51.100.10", "RFC 9284 5.1");
	refused(x, "dots-c.isp1.example", "203.0.113.5,198.51.100.10", "RFC 9284 5.1");
	assert_int_equal(
		decide(x, "dots-c.isp1.example", "203.0.113.5,192.0.2.9"), REDIRECT_FOLLOWED);
	assert_int_equal(x->d.n_addresses, 1);
	assert_true(addr_equal(&x->d.addresses[0], &known[1].addr));
}

/* 4218-4.3-01: four of a hundred, of each family two; none twice, none that leads nowhere. */
static void
a_few_addresses_are_tried(void **state)
{
	static const char *const nowhere[] = {
		"0.0.0.0", "::", "127.0.0.1", "::1", "224.0.0.1", "ff02::1", "255.255.255.255"};
	struct world *x = *state;
	char many[4000] = "192.0.2.100";

	for (int i = 0; i < 99; i++)
		snprintf(many + strlen(many), 20, ",192.0.2.%d", 100 + i);
	assert_int_equal(decide(x, "dots-c.isp1.example", many), REDIRECT_FOLLOWED);
	assert_int_equal(x->d.n_addresses, REDIRECT_ADDRESSES_MAX);
	for (size_t i = 0; i < x->d.n_addresses; i++)
		assert_int_equal(x->d.addresses[i].bytes[3], 100 + i);
	snprintf(many + strlen(many), 40, ",2001:db8::1,2001:db8::2,2001:db8::3");
	decide(x, "dots-c.isp1.example", many);
	assert_int_equal(x->d.n_addresses, REDIRECT_ADDRESSES_MAX);
	assert_int_equal(x->d.addresses[0].family + x->d.addresses[1].family, 8);
	assert_int_equal(x->d.addresses[2].family + x->d.addresses[3].family, 12);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		refused(x, "dots-c.isp1.example", nowhere[i], "RFC 9284 5.1");
}

/* 9132-4.6-23: whoever was spoken with within five minutes, and no longer ago; who redirects is
 * among them. */
static void
five_minutes_make_a_loop(void **state)
{
	struct world *x = *state;

	contact(x, "dots.isp1.example", 0);
	contact(x, "dots-c.isp1.example", 5 * MINUTE - 1);
	contact(x, "dots-d.isp1.example", 5 * MINUTE);
	refused(x, "dots.isp1.example", "", "RFC 9132 4.6");
	refused(x, "dots-C.isp1.example", "", "RFC 9132 4.6");
	assert_non_null(strstr(x->d.reason, "loop"));
	assert_int_equal(decide(x, "dots-d.isp1.example", ""), REDIRECT_FOLLOWED);
	x->contacts[1].in_vain = true;
	refused(x, "dots-c.isp1.example", "", "RFC 9132 4.6");
	assert_non_null(strstr(x->d.reason, "could not be reached"));
}

static void
so_many_in_a_row(void **state)
{
	struct world *x = *state;

	x->q.hops = REDIRECT_HOPS_MAX - 1;
	assert_int_equal(decide(x, "dots-c.isp1.example", ""), REDIRECT_FOLLOWED);
	x->q.hops = REDIRECT_HOPS_MAX;
	refused(x, "dots-c.isp1.example", "", "RFC 9132 4.6");
}

/* 8811-3.2.2-07: a session that stands is used; trust comes first all the same. */
static void
a_session_that_stands_is_used(void **state)
{
	struct world *x = *state;

	contact(x, "dots-b.isp1.example", 0);
	contact(x, "dots.isp3.example", 0);
	x->contacts[0].serves = x->contacts[1].serves = true;
	assert_int_equal(decide(x, "dots-b.isp1.example", "192.0.2.11"), REDIRECT_ELSEWHERE);
	refused(x, "dots.isp3.example", "", "RFC 8612 SIG-005");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(siblings_are_trusted),
		CASE(below_the_top_there_are_no_siblings),
		CASE(trusted_names_take_their_place),
		CASE(never_to_another_domain),
		CASE(a_few_addresses_are_tried),
		CASE(five_minutes_make_a_loop),
		CASE(so_many_in_a_row),
		CASE(a_session_that_stands_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
