#include "cases.h"

#include <arpa/inet.h>

#include <netinet/in.h>

#include "base/addr.h"

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		fail_msg("%s is refused", text);
	return p;
}

static void
prefixes_parse_print_and_lose_host_bits(void **state)
{
	static const char *const cases[][2] = {{"192.0.2.77/26", "192.0.2.64/26"},
		{"10.1.2.3", "10.1.2.3/32"}, {"2001:DB8::1/64", "2001:db8::/64"}, {"::/0", "::/0"},
		{"255.255.255.255/31", "255.255.255.254/31"}};
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p = prefix(cases[i][0]);

		assert_string_equal(prefix_format(&p, text), cases[i][1]);
	}
}

/* 9132-4.4.1.1-33, 9132-4.4.1.1-34 */
static void
broken_prefixes_are_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {{"", -EINVAL}, {"/8", -EINVAL}, {"10.0.0.0/", -EINVAL},
		{"10.0.0.0/33", -ERANGE}, {"::/129", -ERANGE}, {"10.0.0.0/-1", -EINVAL},
		{"10.0.0.0/ 8", -EINVAL}, {"10.0.0/8", -EINVAL}, {"10.0.0.0/8x", -EINVAL},
		{"10.0.0.0/1000", -EINVAL}, {"10.0.0.0/08", -EINVAL}, {"010.0.0.0/8", -EINVAL},
		{"10.0.0.0/8/8", -EINVAL}, {"fe80::1%lo/64", -EINVAL},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999/64", -EINVAL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p;

		if (prefix_parse(cases[i].text, &p) != cases[i].error)
			fail_msg("%s", cases[i].text);
	}
}

static void
containment_and_overlap(void **state)
{
	struct prefix a = prefix("10.0.0.0/8"), b = prefix("10.1.0.0/16"), c = prefix("11.0.0.0/8");
	struct prefix v6 = prefix("::/0"), all = prefix("0.0.0.0/0"), half[2];

	(void)state;
	assert_true(prefix_contains(&a, &b) && !prefix_contains(&b, &a) && prefix_contains(&a, &a));
	assert_true(prefix_overlaps(&a, &b) && prefix_overlaps(&b, &a) && !prefix_overlaps(&a, &c));
	assert_true(prefix_contains(&all, &c) && !prefix_overlaps(&all, &v6));
	prefix_halves(&a, half);
	assert_true(prefix_equal(&half[0], &(struct prefix){prefix("10.0.0.0/9").addr, 9}));
	assert_true(prefix_equal(&half[1], &(struct prefix){prefix("10.128.0.0/9").addr, 9}));
}

/* 9132-4.4.1.1-35 */
static void
special_addresses_are_no_targets(void **state)
{
	static const char *const special[] = {"127.0.0.1/32", "127.0.0.0/8", "224.0.0.5/32",
		"239.1.1.1/32", "255.255.255.255/32", "0.0.0.0/0", "::1/128", "ff02::1/128",
		"::/0"};
	static const char *const plain[] = {
		"192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32", "223.255.255.0/24"};

	(void)state;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		assert_true(prefix_is_special(
			&(struct prefix){prefix(special[i]).addr, prefix(special[i]).len}));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(prefix_is_special(
			&(struct prefix){prefix(plain[i]).addr, prefix(plain[i]).len}));
}

static void
endpoints_parse_print_and_go_through_sockaddr(void **state)
{
	static const char *const good[][2] = {{"192.0.2.1:5", "192.0.2.1:5"},
		{"192.0.2.1", "192.0.2.1:4646"}, {"[2001:db8::1]:5", "[2001:db8::1]:5"},
		{"2001:db8::1", "[2001:db8::1]:4646"}, {"fe80::1%lo", "[fe80::1%lo]:4646"},
		{"[fe80::1%lo]:5", "[fe80::1%lo]:5"}};
	static const char *const bad[] = {"", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
		"[2001:db8::1", "x:1", "[2001:db8::1]5", "192.0.2.1:1x", "192.0.2.1:+1",
		"192.0.2.1%lo", "2001:db8::1%lo", "fe80::1%no-such-link", "[192.0.2.1]:5", "[]:5",
		"[2001:db8::1]:"};
	struct endpoint e, back;
	struct sockaddr_storage ss;
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(endpoint_parse(good[i][0], 4646, &e), 0);
		assert_string_equal(endpoint_format(&e, text), good[i][1]);
		endpoint_to_sockaddr(&e, &ss);
		assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &back), 0);
		assert_true(endpoint_equal(&e, &back));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (endpoint_parse(bad[i], 4646, &e) == 0)
			fail_msg("%s", bad[i]);
}

static void
mapped_addresses_of_sockets_are_ipv4(void **state)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
	struct endpoint e;
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	sin6.sin6_addr.s6_addr[10] = sin6.sin6_addr.s6_addr[11] = 0xff;
	sin6.sin6_addr.s6_addr[12] = 192;
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&sin6, &e), 0);
	assert_string_equal(endpoint_format(&e, text), "192.0.0.0:7");
}

static void
mapped_addresses_in_text_stay_ipv6(void **state)
{
	struct addr a;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_parse("::ffff:192.0.2.1", &a), 0);
	assert_int_equal(a.family, 6);
	assert_string_equal(addr_format(&a, text), "::ffff:192.0.2.1");
}

static void
addresses_parse_and_print_canonically(void **state)
{
	static const char *const cases[][2] = {{"192.0.2.1", "192.0.2.1"},
		{"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, {"0:0:0:0:0:0:0:0", "::"}};
	static const char *const bad[] = {"", "192.0.2", "192.0.2.256", "192.0.2.1 ",
		"2001:db8::1::2", "fe80::1%lo", "[::1]", "12345::"};
	struct addr a, other = {0};
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(addr_parse(cases[i][0], &a), 0);
		assert_string_equal(addr_format(&a, text), cases[i][1]);
		assert_int_equal(addr_parse(cases[i][1], &other), 0);
		assert_memory_equal(&a, &other, sizeof(a)); /* they are hash keys */
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (addr_parse(bad[i], &a) != -EINVAL)
			fail_msg("%s", bad[i]);
		assert_memory_equal(&a, &other, sizeof(a)); /* untouched */
	}
	assert_string_equal(addr_format(&(struct addr){0}, text), "-");
}

/* Every number in every place, and every length. */
static void
all_numbers_print_as_the_library_does(void **state)
{
	char text[PREFIX_TEXT_MAX], expected[PREFIX_TEXT_MAX];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		struct addr a = {4, {(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(7 * i), (uint8_t)i}};
		struct prefix p = {{6, {0x20, 1, (uint8_t)i}}, (uint8_t)(i % 129)};
		size_t n;

		assert_non_null(inet_ntop(AF_INET, a.bytes, expected, sizeof(expected)));
		assert_string_equal(addr_format(&a, text), expected);
		assert_non_null(inet_ntop(AF_INET6, p.addr.bytes, expected, sizeof(expected)));
		n = strlen(expected);
		snprintf(expected + n, sizeof(expected) - n, "/%u", i % 129);
		assert_string_equal(prefix_format(&p, text), expected);
	}
}

static void
addresses_have_a_class(void **state)
{
	static const struct {
		const char *text;
		bool loopback, multicast, link_local, unspecified;
	} cases[] = {{"127.255.0.1", true, false, false, false}, {"::1", true, false, false, false},
		{"224.0.0.1", false, true, false, false}, {"240.0.0.1", false, false, false, false},
		{"ff0e::1", false, true, false, false}, {"169.254.9.9", false, false, true, false},
		{"febf::1", false, false, true, false}, {"fec0::1", false, false, false, false},
		{"0.0.0.0", false, false, false, true}, {"::", false, false, false, true},
		{"192.0.2.1", false, false, false, false}, {"100::", false, false, false, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a = prefix(cases[i].text).addr;

		if (addr_is_loopback(&a) != cases[i].loopback ||
			addr_is_multicast(&a) != cases[i].multicast ||
			addr_is_link_local(&a) != cases[i].link_local ||
			addr_is_unspecified(&a) != cases[i].unspecified)
			fail_msg("%s", cases[i].text);
	}
}

static void
the_order_is_total(void **state)
{
	static const char *const ascending[] = {"0.0.0.0/0", "0.0.0.0/8", "10.0.0.0/8",
		"10.0.0.0/9", "10.128.0.0/9", "255.0.0.0/8", "::/0", "::/128", "2001:db8::/32"};

	(void)state;
	for (size_t i = 0; i < sizeof(ascending) / sizeof(ascending[0]); i++)
		for (size_t k = 0; k < sizeof(ascending) / sizeof(ascending[0]); k++) {
			struct prefix a = prefix(ascending[i]), b = prefix(ascending[k]);
			int r = prefix_compare(&a, &b);

			assert_int_equal((r > 0) - (r < 0), (i > k) - (i < k));
			assert_int_equal(prefix_equal(&a, &b), i == k);
		}
}

static void
unknown_families_of_sockets_are_refused(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	struct endpoint e;

	(void)state;
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &e), -EAFNOSUPPORT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_parse_print_and_lose_host_bits),
		cmocka_unit_test(broken_prefixes_are_refused),
		cmocka_unit_test(containment_and_overlap),
		cmocka_unit_test(special_addresses_are_no_targets),
		cmocka_unit_test(endpoints_parse_print_and_go_through_sockaddr),
		cmocka_unit_test(mapped_addresses_of_sockets_are_ipv4),
		cmocka_unit_test(mapped_addresses_in_text_stay_ipv6),
		cmocka_unit_test(addresses_parse_and_print_canonically),
		cmocka_unit_test(all_numbers_print_as_the_library_does),
		cmocka_unit_test(addresses_have_a_class),
		cmocka_unit_test(the_order_is_total),
		cmocka_unit_test(unknown_families_of_sockets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
