/* The order of a server's addresses: the examples of RFC 6724 section 10. */
#include "fixture.h"

#include <stdio.h>

#include "homing/destination.h"

enum { MAX = 4 };

/* After a source: ! deprecated, * home address. 64 bits of each, 24 of IPv4, are its prefix. */
struct example {
	const char *sources[MAX], *list[MAX], *order;
	struct policy policy;
};

static struct local_addr
source_from(const char *text)
{
	struct local_addr l = {.interface = "eth0"};
	char host[64];

	snprintf(host, sizeof(host), "%s", text);
	l.deprecated = strchr(host, '!');
	l.home = strchr(host, '*');
	host[strcspn(host, "!*")] = '\0';
	assert_int_equal(addr_parse(host, &l.addr), 0);
	l.on_link = prefix_of(&l.addr, l.addr.family == 4 ? 24 : 64);
	return l;
}

/* "DESTINATION SOURCE, …", best first. */
static char *
order_of(const struct example *e, char *buf, size_t cap)
{
	static const char *const domains[] = {"isp eth0 - s1"};
	struct homing *h = make_homing(domains, 1);
	struct local_addr local[MAX];
	struct destination list[MAX] = {0};
	char why[200], to[ADDR_TEXT_MAX], from[ADDR_TEXT_MAX];
	size_t n_local = 0, n = 0, at = 0;

	h->policy = e->policy;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	while (n_local < MAX && e->sources[n_local]) {
		local[n_local] = source_from(e->sources[n_local]);
		n_local++;
	}
	for (; n < MAX && e->list[n]; n++) {
		struct source s = {.section = NULL};

		addr_parse(e->list[n], &list[n].addr);
		source_select(h, &h->domains[0], "eth0", &list[n].addr, local, n_local, &s, why,
			sizeof(why));
		list[n].source = s.local;
	}
	destination_sort(&h->policy, list, n);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(buf + at, cap - at, "%s%s %s", i ? ", " : "",
			addr_format(&list[i].addr, to),
			list[i].source.addr.family ? addr_format(&list[i].source.addr, from) : "-");
	h->policy = (struct policy){NULL, 0};
	homing_free(h);
	return buf;
}

static void
check(const struct example *list, size_t n)
{
	char buf[400];

	for (size_t i = 0; i < n; i++)
		assert_string_equal(order_of(&list[i], buf, sizeof(buf)), list[i].order);
}

/* 6724-10.2-01 to 6724-10.2-09; 6724-6-02 to 6724-6-12. A link-local source is none of ours for a
 * destination further away. */
static void
examples_of_10_2(void **state)
{
	static const struct example examples[] = {
		{.sources = {"2001:db8:1::2", "fe80::1", "169.254.13.78"},
			.list = {"2001:db8:1::1", "198.51.100.121"},
			.order = "2001:db8:1::1 2001:db8:1::2, 198.51.100.121 -"},
		{.sources = {"fe80::1", "198.51.100.117"},
			.list = {"2001:db8:1::1", "198.51.100.121"},
			.order = "198.51.100.121 198.51.100.117, 2001:db8:1::1 -"},
		{.sources = {"2001:db8:1::2", "fe80::1", "10.1.2.4"},
			.list = {"2001:db8:1::1", "10.1.2.3"},
			.order = "2001:db8:1::1 2001:db8:1::2, 10.1.2.3 10.1.2.4"},
		{.sources = {"2001:db8:1::2", "fe80::2"},
			.list = {"2001:db8:1::1", "fe80::1"},
			.order = "fe80::1 fe80::2, 2001:db8:1::1 2001:db8:1::2"},
		{.sources = {"2001:db8:1::2", "2001:db8:3::1*", "fe80::2"},
			.list = {"2001:db8:1::1", "fe80::1"},
			.order = "2001:db8:1::1 2001:db8:3::1, fe80::1 fe80::2"},
		{.sources = {"2001:db8:1::2", "fe80::2!"},
			.list = {"2001:db8:1::1", "fe80::1"},
			.order = "2001:db8:1::1 2001:db8:1::2, fe80::1 fe80::2"},
		{.sources = {"2001:db8:1::2", "2001:db8:3f44::2", "fe80::2"},
			.list = {"2001:db8:1::1", "2001:db8:3ffe::1"},
			.order = "2001:db8:1::1 2001:db8:1::2, 2001:db8:3ffe::1 2001:db8:3f44::2"},
		{.sources = {"2002:c633:6401::2", "fe80::2"},
			.list = {"2002:c633:6401::1", "2001:db8:1::1"},
			.order = "2002:c633:6401::1 2002:c633:6401::2, 2001:db8:1::1 "
				 "2002:c633:6401::2"},
		{.sources = {"2002:c633:6401::2", "2001:db8:1::2", "fe80::2"},
			.list = {"2002:c633:6401::1", "2001:db8:1::1"},
			.order = "2001:db8:1::1 2001:db8:1::2, 2002:c633:6401::1 "
				 "2002:c633:6401::2"},
	};

	(void)state;
	check(examples, sizeof(examples) / sizeof(*examples));
}

/* 6724-10.3-01, 6724-10.5-01 to 6724-10.5-05, 6724-10.6-01. */
static void
examples_of_10_3_to_10_6(void **state)
{
	static struct policy_row ipv4[3], sites[3], ula[3];
	const struct example examples[] = {
		{.sources = {"2001:db8::2", "fe80::1", "10.1.2.4"},
			.list = {"2001:db8::1", "10.1.2.3"},
			.policy = {ipv4, 2},
			.order = "10.1.2.3 10.1.2.4, 2001:db8::1 2001:db8::2"},
		{.sources = {"2001:db8:1aaa::a", "2001:db8:70aa::a", "fe80::a"},
			.list = {"2001:db8:1bbb::b", "2001:db8:70bb::b"},
			.order = "2001:db8:70bb::b 2001:db8:70aa::a, 2001:db8:1bbb::b "
				 "2001:db8:1aaa::a"},
		{.sources = {"2001:db8:1aaa::a", "2001:db8:70aa::a", "fe80::a"},
			.list = {"2001:db8:1ccc::c", "2001:db8:6ccc::c"},
			.order = "2001:db8:1ccc::c 2001:db8:1aaa::a, 2001:db8:6ccc::c "
				 "2001:db8:70aa::a"},
		{.sources = {"2001:db8:1aaa::a", "2001:db8:70aa::a", "fe80::a"},
			.list = {"2001:db8:1bbb::b", "2001:db8:70bb::b"},
			.policy = {sites, 3},
			.order = "2001:db8:1bbb::b 2001:db8:1aaa::a, 2001:db8:70bb::b "
				 "2001:db8:70aa::a"},
		{.sources = {"2001:db8:1aaa::a", "2001:db8:70aa::a", "fe80::a"},
			.list = {"2001:db8:1ccc::c", "2001:db8:6ccc::c"},
			.policy = {sites, 3},
			.order = "2001:db8:6ccc::c 2001:db8:70aa::a, 2001:db8:1ccc::c "
				 "2001:db8:70aa::a"},
		{.sources = {"2001:db8:1:1::1", "fd11:1111:1111:1::1"},
			.list = {"2001:db8:2:2::2", "fd22:2222:2222:2::2"},
			.order = "2001:db8:2:2::2 2001:db8:1:1::1, fd22:2222:2222:2::2 "
				 "fd11:1111:1111:1::1"},
		{.sources = {"2001:db8:1:1::1", "fd11:1111:1111:1::1"},
			.list = {"2001:db8:2:2::2", "fd11:1111:1111:2::2"},
			.policy = {ula, 3},
			.order = "fd11:1111:1111:2::2 fd11:1111:1111:1::1, 2001:db8:2:2::2 "
				 "2001:db8:1:1::1"},
	};

	(void)state;
	ipv4[0] = (struct policy_row){prefix_from("::/0"), 40, 1};
	ipv4[1] = (struct policy_row){prefix_from("::ffff:0:0/96"), 100, 4};
	sites[0] = ula[0] = ipv4[0];
	sites[1] = (struct policy_row){prefix_from("2001:db8:1aaa::/48"), 43, 6};
	sites[2] = (struct policy_row){prefix_from("2001:db8:1bbb::/48"), 43, 6};
	ula[1] = (struct policy_row){prefix_from("fc00::/7"), 3, 13};
	ula[2] = (struct policy_row){prefix_from("fd11:1111:1111::/48"), 45, 14};
	check(examples, sizeof(examples) / sizeof(*examples));
}

/* 6724-6-05: what has no source of its own scope comes later, though its scope is the smaller one.
 */
static void
scopes_that_match_go_first(void **state)
{
	static const struct example examples[] = {
		{.sources = {"2001:db8:1::2"},
			.list = {"ff05::1", "2001:db8:9::1"},
			.order = "2001:db8:9::1 2001:db8:1::2, ff05::1 2001:db8:1::2"},
	};

	(void)state;
	check(examples, sizeof(examples) / sizeof(*examples));
}

/* 6724-6-04, 6724-6-13: without a source last; what nothing tells apart stays as it is given. */
static void
unusable_ones_last_and_equals_as_given(void **state)
{
	static const struct example examples[] = {
		{.sources = {"192.0.2.66"},
			.list = {"2001:db8::1", "192.0.2.10", "192.0.2.11"},
			.order = "192.0.2.10 192.0.2.66, 192.0.2.11 192.0.2.66, 2001:db8::1 -"},
		{.sources = {"192.0.2.66"},
			.list = {"192.0.2.11", "192.0.2.10"},
			.order = "192.0.2.11 192.0.2.66, 192.0.2.10 192.0.2.66"},
	};

	(void)state;
	check(examples, sizeof(examples) / sizeof(*examples));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_10_2),
		cmocka_unit_test(examples_of_10_3_to_10_6),
		cmocka_unit_test(scopes_that_match_go_first),
		cmocka_unit_test(unusable_ones_last_and_equals_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
