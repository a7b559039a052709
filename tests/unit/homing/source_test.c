/* Source addresses: membership of the domain first, then RFC 6724 section 5. */
#include "fixture.h"

#include <stdio.h>

#include "homing/source.h"

static struct local_addr
local(const char *prefix, const char *interface)
{
	struct local_addr l = {.interface = interface};
	char host[64];

	strcpy(host, prefix);
	*strchr(host, '/') = '\0';
	assert_int_equal(addr_parse(host, &l.addr), 0);
	l.on_link = prefix_from(prefix);
	return l;
}

static const char *
chosen(const struct homing *h, size_t domain, const char *to, const struct local_addr *l, size_t n)
{
	static char text[ADDR_TEXT_MAX];
	const struct domain *d = &h->domains[domain];
	static char why[200];
	struct addr dst;
	struct source src;

	addr_parse(to, &dst);
	if (source_select(h, d, d->n_interfaces ? d->interfaces[0] : NULL, &dst, l, n, &src, why,
		    sizeof(why)) != 0)
		return strstr(why, "RFC 9284") ? "none" : why;
	return addr_format(&src.local.addr, text);
}

/* 4116-4.3-01, 9284-4.1-11, 9284-5.1-05, 9284-5.1-06, 9284-5.2-05, 9284-5.2-33: the domain's own
 * address, although another one matches the destination longer. */
static void
membership_comes_before_the_rules(void **state)
{
	static const char *const domains[] = {
		"isp1 wan1 2001:db8:1a00::/48 s1", "isp2 wan2 2001:db8:2a00::/48 s2"};
	struct homing *h = make_homing(domains, 2);
	struct local_addr l[] = {
		local("2001:db8:1a00:1::1/64", "wan1"), local("2001:db8:2a00:1::1/64", "wan2")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "2001:db8:2a00:9::1", l, 2), "2001:db8:1a00:1::1");
	assert_string_equal(chosen(h, 1, "2001:db8:1a00:9::1", l, 2), "2001:db8:2a00:1::1");
	assert_string_equal(chosen(h, 0, "192.0.2.1", l, 2), "none");
	homing_free(h);
}

/* 9284-5.2-41, 9284-5.2-40: one interface, two domains: told apart by prefix. */
static void
on_a_shared_interface_the_prefix_decides(void **state)
{
	static const char *const domains[] = {
		"isp1 eth0 192.0.2.64/26 s1", "isp2 eth0 198.51.100.64/26 s2"};
	struct homing *h = make_homing(domains, 2);
	struct local_addr l[] = {local("192.0.2.71/26", "eth0"), local("198.51.100.71/26", "eth0"),
		local("10.0.0.1/8", "eth0")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "198.51.100.10", l, 3), "192.0.2.71");
	assert_string_equal(chosen(h, 1, "192.0.2.10", l, 3), "198.51.100.71");
	homing_free(h);
}

/* 9284-5.3-04, 9284-5.3-11: two gateways on the one link of a client; they assign nothing. */
static void
gateways_share_an_interface(void **state)
{
	static const char *const domains[] = {"@g1 eth0 - s1", "@g2 eth0 - s2"};
	struct homing *h = make_homing(domains, 2);
	struct local_addr l[] = {local("192.0.2.71/26", "eth0"), local("198.51.100.71/26", "eth0"),
		local("198.51.100.200/26", "eth1")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "192.0.2.65", l, 3), "192.0.2.71");
	assert_string_equal(chosen(h, 1, "198.51.100.65", l, 3), "198.51.100.71");
	homing_free(h);
}

/* 9284-4.2-04, 9284-5.2-23, 6724-4-03: the same provider-independent source towards every provider,
 * on whatever interface it is. */
static void
independent_addresses_go_first_where_nothing_was_assigned(void **state)
{
	static const char *const domains[] = {
		"isp1 wan1 - s1", "isp2 wan2 - s2", "isp3 wan3 2001:db8:3a00::/48 s3"};
	struct homing *h = make_homing(domains, 3);
	struct local_addr l[] = {local("192.0.2.2/30", "wan1"), local("198.51.100.2/30", "wan2"),
		local("203.0.113.1/25", "lan"), local("2001:db8:1000:1::2/64", "wan1"),
		local("2001:db8:f000::1/128", "lo"), local("2001:db8:3a00::1/64", "wan3")};
	char why[100];

	(void)state;
	h->provider_independent = mem_array(2, sizeof(struct prefix));
	h->provider_independent[0] = prefix_from("203.0.113.0/25");
	h->provider_independent[1] = prefix_from("2001:db8:f000::/48");
	h->n_provider_independent = 2;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "192.0.2.1", l, 6), "203.0.113.1");
	assert_string_equal(chosen(h, 1, "198.51.100.10", l, 6), "203.0.113.1");
	assert_string_equal(chosen(h, 0, "2001:db8:1000:5::10", l, 6), "2001:db8:f000::1");
	assert_string_equal(chosen(h, 1, "2001:db8:2000:5::10", l, 6), "2001:db8:f000::1");
	assert_string_equal(chosen(h, 2, "2001:db8:2000:5::10", l, 6), "2001:db8:3a00::1");
	assert_string_equal(chosen(h, 0, "192.0.2.1", l, 2), "192.0.2.2"); /* none there */
	homing_free(h);
}

/* 4218-3.5-02 */
static void
the_configured_source_is_taken_or_nothing(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1"};
	struct homing *h = make_homing(domains, 1);
	struct local_addr l[] = {local("192.0.2.2/30", "wan1"), local("192.0.2.65/26", "lan")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 2), "192.0.2.2");
	addr_parse("192.0.2.65", &h->domains[0].source);
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 2), "192.0.2.65");
	addr_parse("203.0.113.9", &h->domains[0].source);
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 2), "none");
	homing_free(h);
}

/* 4218-3.5-02: RFC 6724 5, rules 1, 2, 3, 6, 7, 8, one a row: the first of two candidates wins. */
static void
rfc_6724_rules_in_their_order(void **state)
{
	static const char *const domains[] = {"isp1 wan1 - s1"};
	static const struct {
		const char *to, *better, *worse;
		bool deprecated, temporary; /* of the better */
		bool worse_deprecated;
	} rows[] = {
		{"2001:db8::9", "2001:db8::9/64", "2001:db8::1/64", false, false, false},
		{"2001:db8::9", "2001:db8:5::1/64", "2001:db8::1/64", false, false, true},
		{"2002:c633:6401::1", "2002:c633:6401::2/64", "2001:db8::1/64", false, false,
			false},
		{"2001:db8:1::9", "2001:db8:1::1/64", "2001:db8:3::1/64", false, false, false},
		{"2001:db8:9::9", "2001:db8:5::1/64", "2001:db8:6::1/64", false, true, false},
	};
	struct homing *h = make_homing(domains, 1);
	char why[100], expected[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct local_addr l[] = {
			local(rows[i].worse, "wan1"), local(rows[i].better, "wan1")};

		l[0].deprecated = rows[i].worse_deprecated;
		l[1].temporary = rows[i].temporary;
		addr_format(&l[1].addr, expected);
		assert_string_equal(chosen(h, 0, rows[i].to, l, 2), expected);
	}
	homing_free(h);
}

/* After the address: ! deprecated, * home, ~ temporary, ? tentative. */
static struct local_addr
marked(const char *text)
{
	char plain[64];
	struct local_addr l;

	snprintf(plain, sizeof(plain), "%.*s/%d", (int)strcspn(text, "!*~?"), text,
		strchr(text, ':') ? 64 : 24);
	l = local(plain, "wan1");
	l.deprecated = strchr(text, '!');
	l.home = strchr(text, '*');
	l.temporary = strchr(text, '~');
	l.tentative = strchr(text, '?');
	return l;
}

struct vector {
	const char *to, *candidates[3], *expected, *section;
};

/* Also the other way round: the kernel's order says nothing (6724-5-03). */
static void
check_vectors(const struct homing *h, const struct vector *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct local_addr l[2] = {marked(v[i].candidates[0]), marked(v[i].candidates[1])};
		char why[200], text[ADDR_TEXT_MAX];
		struct source s;
		struct addr to;

		addr_parse(v[i].to, &to);
		for (int turned = 0; turned < 2; turned++) {
			struct local_addr first = l[0];

			assert_int_equal(source_select(h, &h->domains[0], "wan1", &to, l, 2, &s,
						 why, sizeof(why)),
				0);
			assert_string_equal(addr_format(&s.local.addr, text), v[i].expected);
			assert_string_equal(s.section, v[i].section);
			l[0] = l[1];
			l[1] = first;
		}
	}
}

static struct homing *
one_domain(void)
{
	static const char *const domains[] = {"isp1 wan1 - s1"};
	struct homing *h = make_homing(domains, 1);
	char why[100];

	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	return h;
}

/* 6724-10.1-01 to 6724-10.1-08, 6724-10.6-02, and which rule decided (6724-5-04 to 6724-5-20). A
 * link-local address is no candidate for a destination further away: then the other is the only
 * one. */
static void
examples_of_rfc_6724_10_1(void **state)
{
	static const struct vector vectors[] = {
		{"2001:db8:1::1", {"2001:db8:3::1", "fe80::1"}, "2001:db8:3::1", "RFC 9284 5.1"},
		{"ff05::1", {"2001:db8:3::1", "fe80::1"}, "2001:db8:3::1", "RFC 9284 5.1"},
		{"2001:db8:1::1", {"2001:db8:1::1!", "2001:db8:2::1"}, "2001:db8:1::1",
			"RFC 6724 5 rule 1"},
		{"fe80::1", {"fe80::2!", "2001:db8:1::1"}, "fe80::2", "RFC 6724 5 rule 2"},
		{"2001:db8:1::1", {"2001:db8:1::2", "2001:db8:3::2"}, "2001:db8:1::2",
			"RFC 6724 5 rule 8"},
		{"2001:db8:1::1", {"2001:db8:1::2", "2001:db8:3::2*"}, "2001:db8:3::2",
			"RFC 6724 5 rule 4"},
		{"2002:c633:6401::1", {"2002:c633:6401::d5e3:7953:13eb:22e8~", "2001:db8:1::2"},
			"2002:c633:6401:0:d5e3:7953:13eb:22e8", "RFC 6724 5 rule 6"},
		{"2001:db8:1::d5e3:0:0:1", {"2001:db8:1::2", "2001:db8:1::d5e3:7953:13eb:22e8~"},
			"2001:db8:1:0:d5e3:7953:13eb:22e8", "RFC 6724 5 rule 7"},
		{"ff0e::1", {"2001:db8:1::1", "fd11:1111:1111:1::1"}, "2001:db8:1::1",
			"RFC 6724 5 rule 6"},
		{"2001:db8:9::1", {"2001:db8:1::2!", "2001:db8:1::3"}, "2001:db8:1::3",
			"RFC 6724 5 rule 3"},
		{"2001:db8:1::1", {"2001:db8:1::3", "2001:db8:1::2"}, "2001:db8:1::2",
			"RFC 6724 5"},
		{"fec0::1", {"fec0::2", "2001:db8:1::2"}, "fec0::2", "RFC 6724 5 rule 2"},
		{"192.0.2.1", {"192.0.2.2!", "192.0.2.3"}, "192.0.2.2", "RFC 6724 5"}, /* 3.2 */
	};
	struct homing *h = one_domain();

	(void)state;
	check_vectors(h, vectors, sizeof(vectors) / sizeof(*vectors));
	homing_free(h);
}

/* 6724-5-08, 6724-5-09, 6724-5-15, 6724-5-16, 6724-5-18: for that domain, whatever the system
 * prefers. */
static void
two_rules_can_be_turned_round(void **state)
{
	static const struct vector vectors[] = {
		{"2001:db8:1::1", {"2001:db8:1::2~", "2001:db8:1::3"}, "2001:db8:1::3",
			"RFC 6724 5 rule 7"},
		{"2001:db8:1::1", {"2001:db8:1::2*", "2001:db8:1::3"}, "2001:db8:1::3",
			"RFC 6724 5 rule 4"},
	};
	struct homing *h = one_domain();

	(void)state;
	h->domains[0].prefer_public = h->domains[0].prefer_care_of = true;
	check_vectors(h, vectors, 2);
	homing_free(h);
}

/* 6724-5-11, 6724-7-03, 8043-4.3-01: the next hop over a link is the domain's; addresses that it
 * assigned go before others of the link, but not before those that rules 1 to 5 prefer. */
static void
what_the_next_hop_assigned_goes_first(void **state)
{
	static const char *const domains[] = {"isp1 wan1 2001:db8:1a00::/48 s1"};
	static const struct vector vectors[] = {
		{"2001:db8:7::1", {"2001:db8:1a00::2", "2001:db8:7::2"}, "2001:db8:1a00::2",
			"RFC 6724 5 rule 5.5"},
		{"2001:db8:7::1", {"2001:db8:1a00::2!", "2001:db8:7::2"}, "2001:db8:7::2",
			"RFC 6724 5 rule 3"},
	};
	struct homing *h = make_homing(domains, 1);
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	check_vectors(h, vectors, 2);
	homing_free(h);
}

/* 6724-2.1-02, 10.5-04: rows of one's own decide by their labels. */
static void
the_policy_table_is_that_of_the_configuration(void **state)
{
	struct policy_row rows[] = {{prefix_from("::/0"), 40, 1},
		{prefix_from("2001:db8:1aaa::/48"), 43, 6},
		{prefix_from("2001:db8:1bbb::/48"), 43, 6}};
	static const struct vector vectors[] = {
		{"2001:db8:1bbb::b", {"2001:db8:1aaa::a", "2001:db8:1bbc::a"}, "2001:db8:1aaa::a",
			"RFC 6724 5 rule 6"},
	};
	struct homing *h = one_domain();

	(void)state;
	h->policy = (struct policy){rows, 3};
	check_vectors(h, vectors, 1);
	h->policy = (struct policy){NULL, 0};
	homing_free(h);
}

/* 6724-4-05, 6724-4-07: for a destination on the link no address of elsewhere, though it were the
 * domain's; never a multicast address, or none at all. */
static void
candidates_of_a_destination_on_the_link_are_of_that_link(void **state)
{
	static const char *const domains[] = {"isp1 wan1 2001:db8:1a00::/48 s1"};
	struct homing *h = make_homing(domains, 1);
	struct local_addr l[] = {local("2001:db8:1a00::2/64", "lan"), local("ff02::1/128", "wan1"),
		local("::/128", "wan1")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "2001:db8:5::1", l, 1), "2001:db8:1a00::2");
	assert_string_equal(chosen(h, 0, "fe80::1", l, 3), "none");
	assert_string_equal(chosen(h, 0, "ff02::2", l, 3), "none");
	homing_free(h);
}

/* ---- against the rules written down another way ---- */

enum { DRAWN = 6, ROUNDS = 20000 };

static uint32_t seed = 6724;

static unsigned
draw(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % n;
}

/* What each rule gives an address, for D = 2001:db8:1::1 over wan1: the greatest list of numbers is
 * that of the address to be chosen. */
static void
scores(const struct local_addr *l, const struct addr *to, int ret[7])
{
	static const struct policy by_default = {NULL, 0};

	ret[0] = addr_equal(&l->addr, to);
	ret[1] = policy_scope(&l->addr); /* D is global */
	ret[2] = !l->deprecated;
	ret[3] = l->home;
	ret[4] = policy_of(&by_default, &l->addr).label == policy_of(&by_default, to).label;
	ret[5] = l->temporary;
	ret[6] = (int)policy_common(&l->addr, to, l->on_link.len);
}

static bool
is_greater(const int a[7], const int b[7])
{
	for (size_t i = 0; i < 7; i++)
		if (a[i] != b[i])
			return a[i] > b[i];
	return false;
}

/* 6724-5-02: in order, and only among those that all rules before left equal. */
static void
rules_apply_in_order_to_what_is_left(void **state)
{
	static const char *const texts[] = {"2001:db8:1::1", "2001:db8:1::2", "2001:db8:1:0:1::2",
		"2001:db8:3::2", "2002:c633:6401::2", "fd00::2", "fec0::2", "2001::2", "fd00::3"};
	struct homing *h = one_domain();
	struct addr to;
	char why[200];

	(void)state;
	addr_parse("2001:db8:1::1", &to);
	for (int round = 0; round < ROUNDS; round++) {
		struct local_addr l[DRAWN];
		int best[7], one[7];
		struct source s;

		for (size_t i = 0; i < DRAWN; i++) {
			l[i] = marked(texts[draw(sizeof(texts) / sizeof(*texts))]);
			l[i].deprecated = draw(2);
			l[i].home = draw(4) == 0;
			l[i].temporary = draw(2);
		}
		assert_int_equal(source_select(h, &h->domains[0], "wan1", &to, l, DRAWN, &s, why,
					 sizeof(why)),
			0);
		scores(&s.local, &to, best);
		for (size_t i = 0; i < DRAWN; i++) {
			scores(&l[i], &to, one);
			assert_false(is_greater(one, best));
			assert_true(memcmp(one, best, sizeof(one)) != 0 ||
				    addr_compare(&s.local.addr, &l[i].addr) <= 0);
		}
	}
	homing_free(h);
}

static void
tentative_loopback_and_foreign_addresses_do_not_count(void **state)
{
	static const char *const domains[] = {"isp1 wan1 - s1"};
	struct homing *h = make_homing(domains, 1);
	struct local_addr l[] = {local("192.0.2.2/30", "wan1"), local("127.0.0.1/8", "lo"),
		local("198.51.100.2/30", "wan2")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	l[0].tentative = true;
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 3), "none");
	homing_free(h);
}

/* 9284-5.2-43: M15: a host behind a NAT has private addresses only; the NAT gives them one of the
 * provider. Those that the provider assigned still go before them. */
static void
a_private_address_will_do_where_it_is_translated(void **state)
{
	static const char *const domains[] = {
		"isp1 eth0 192.0.2.64/26 s1", "isp2 eth0 198.51.100.64/26 s2"};
	struct homing *h = make_homing(domains, 2);
	struct local_addr l[] = {local("100.64.0.11/24", "eth0"), local("192.0.2.70/26", "eth0")};
	char why[100];

	(void)state;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 1), "none");
	h->domains[0].nat = mem_new(sizeof(struct nat_entry));
	h->domains[0].nat[0] =
		(struct nat_entry){prefix_from("100.64.0.66/32"), prefix_from("192.0.2.66/32")};
	h->domains[0].n_nat = 1;
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 1), "100.64.0.11");
	assert_string_equal(chosen(h, 1, "198.51.100.10", l, 1), "none");
	assert_string_equal(chosen(h, 0, "192.0.2.10", l, 2), "192.0.2.70");
	homing_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_private_address_will_do_where_it_is_translated),
		cmocka_unit_test(membership_comes_before_the_rules),
		cmocka_unit_test(on_a_shared_interface_the_prefix_decides),
		cmocka_unit_test(gateways_share_an_interface),
		cmocka_unit_test(independent_addresses_go_first_where_nothing_was_assigned),
		cmocka_unit_test(the_configured_source_is_taken_or_nothing),
		cmocka_unit_test(rfc_6724_rules_in_their_order),
		cmocka_unit_test(examples_of_rfc_6724_10_1),
		cmocka_unit_test(two_rules_can_be_turned_round),
		cmocka_unit_test(what_the_next_hop_assigned_goes_first),
		cmocka_unit_test(the_policy_table_is_that_of_the_configuration),
		cmocka_unit_test(candidates_of_a_destination_on_the_link_are_of_that_link),
		cmocka_unit_test(rules_apply_in_order_to_what_is_left),
		cmocka_unit_test(tentative_loopback_and_foreign_addresses_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
