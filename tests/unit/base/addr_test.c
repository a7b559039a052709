#include "cases.h"

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
	static const char *const cases[][2] = {{"192.0.2.77/26", "192.0.2.64/26"}, {"10.1.2.3", "10.1.2.3/32"},
		{"2001:DB8::1/64", "2001:db8::/64"}, {"::/0", "::/0"}, {"255.255.255.255/31", "255.255.255.254/31"}};
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
	} cases[] = {{"", -EINVAL}, {"/8", -EINVAL}, {"10.0.0.0/", -EINVAL}, {"10.0.0.0/33", -ERANGE},
		{"::/129", -ERANGE}, {"10.0.0.0/-1", -EINVAL}, {"10.0.0.0/ 8", -EINVAL}, {"10.0.0/8", -EINVAL},
		{"10.0.0.0/8x", -EINVAL}, {"10.0.0.0/1000", -EINVAL},
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
	static const char *const special[] = {"127.0.0.1/32", "127.0.0.0/8", "224.0.0.5/32", "239.1.1.1/32",
		"255.255.255.255/32", "0.0.0.0/0", "::1/128", "ff02::1/128", "::/0"};
	static const char *const plain[] = {"192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32", "223.255.255.0/24"};

	(void)state;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		assert_true(prefix_is_special(&(struct prefix){prefix(special[i]).addr, prefix(special[i]).len}));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(prefix_is_special(&(struct prefix){prefix(plain[i]).addr, prefix(plain[i]).len}));
}

static void
endpoints_parse_print_and_go_through_sockaddr(void **state)
{
	static const char *const good[][2] = {{"192.0.2.1:5", "192.0.2.1:5"}, {"192.0.2.1", "192.0.2.1:4646"},
		{"[2001:db8::1]:5", "[2001:db8::1]:5"}, {"2001:db8::1", "[2001:db8::1]:4646"}};
	static const char *const bad[] = {"", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[2001:db8::1", "x:1",
		"[2001:db8::1]5", "192.0.2.1:1x"};
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
