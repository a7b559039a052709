/* Cutting prefixes into disjoint ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "priv/range.h"

static uint32_t seed = 31337;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
expect(const char *const *prefixes, size_t n, const char *expected)
{
	struct range_item items[16];
	struct arena *a = arena_new();
	struct range *ranges;
	char text[1024] = "", first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
	size_t n_ranges;

	for (size_t i = 0; i < n; i++) {
		prefix_parse(prefixes[i], &items[i].prefix);
		items[i].id = (struct range_id){RANGE_MITIGATION, i + 1};
	}
	n_ranges = range_cut(items, n, a, &ranges);
	for (size_t i = 0; i < n_ranges; i++) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "%s-%s",
			addr_format(&ranges[i].first, first), addr_format(&ranges[i].last, last));
		for (size_t k = 0; k < ranges[i].n_ids; k++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c%u",
				k ? '+' : ':', (unsigned)ranges[i].ids[k].id);
		strcat(text, " ");
	}
	assert_string_equal(text, expected);
	arena_free(a);
}

static void
nested_prefixes_are_cut_around_each_other(void **state)
{
	static const char *const one[] = {"10.0.0.0/24"};
	static const char *const nested[] = {"10.0.0.0/24", "10.0.0.64/26", "10.0.0.80/32"};
	static const char *const same[] = {"10.0.0.0/24", "10.0.0.0/24", "10.0.0.0/25"};
	static const char *const edge[] = {
		"255.255.255.254/31", "255.255.255.255/32", "ff00::/8", "::/0"};

	(void)state;
	expect(one, 1, "10.0.0.0-10.0.0.255:1 ");
	expect(nested, 3,
		"10.0.0.0-10.0.0.63:1 10.0.0.64-10.0.0.79:1+2 10.0.0.80-10.0.0.80:1+2+3 "
		"10.0.0.81-10.0.0.127:1+2 10.0.0.128-10.0.0.255:1 ");
	expect(same, 3, "10.0.0.0-10.0.0.127:1+2+3 10.0.0.128-10.0.0.255:1+2 ");
	expect(edge, 4,
		"255.255.255.254-255.255.255.254:1 255.255.255.255-255.255.255.255:1+2 "
		"::-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:4 "
		"ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:3+4 ");
	expect(NULL, 0, "");
}

/* Disjoint, in order, and for every address exactly the filters whose prefixes hold it. */
static void
random_prefixes_give_the_right_cover(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct range_item items[40], copy[40];
		struct arena *a = arena_new();
		struct range *ranges;
		size_t n = 1 + dice(40), n_ranges;

		for (size_t i = 0; i < n; i++) {
			struct addr addr = {.family = dice(2) ? 4 : 6,
				.bytes = {10, 0, (uint8_t)dice(4), (uint8_t)dice(256)}};

			items[i].prefix = prefix_of(&addr, 20 + dice(13));
			items[i].id = (struct range_id){RANGE_MITIGATION, 1 + dice(20)};
		}
		memcpy(copy, items, sizeof(items));
		n_ranges = range_cut(items, n, a, &ranges);
		for (size_t i = 1; i < n_ranges; i++)
			assert_true(addr_compare(&ranges[i - 1].last, &ranges[i].first) < 0);
		for (int probe = 0; probe < 200; probe++) {
			struct addr addr = {.family = dice(2) ? 4 : 6,
				.bytes = {10, 0, (uint8_t)dice(5), (uint8_t)dice(256)}};
			const struct range *in = NULL;

			for (size_t i = 0; i < n_ranges; i++)
				if (addr_compare(&ranges[i].first, &addr) <= 0 &&
					addr_compare(&addr, &ranges[i].last) <= 0)
					in = &ranges[i];
			for (uint64_t id = 1; id <= 20; id++) {
				bool wanted = false, found = false;

				for (size_t i = 0; i < n; i++)
					wanted |= copy[i].id.id == id &&
						  prefix_contains_addr(&copy[i].prefix, &addr);
				for (size_t i = 0; in && i < in->n_ids; i++)
					found |= in->ids[i].id == id;
				assert_int_equal(found, wanted);
			}
		}
		arena_free(a);
	}
}

/* Those of ACLs come first, and are not what has the same number among mitigations. */
static void
acls_come_before_mitigations(void **state)
{
	struct range_item items[] = {{.id = {RANGE_MITIGATION, 1}}, {.id = {RANGE_ACLS, 7}},
		{.id = {RANGE_MITIGATION, 7}}, {.id = {RANGE_ACLS, 7}}, {.id = {RANGE_ACLS, 2}}};
	static const struct range_id expected[] = {
		{RANGE_ACLS, 2}, {RANGE_ACLS, 7}, {RANGE_MITIGATION, 1}, {RANGE_MITIGATION, 7}};
	struct arena *a = arena_new();
	struct range *ranges;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(prefix_parse("10.0.0.0/24", &items[i].prefix), 0);
	assert_int_equal(range_cut(items, 5, a, &ranges), 1);
	assert_int_equal(ranges[0].n_ids, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(range_compare_ids(&ranges[0].ids[i], &expected[i]), 0);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acls_come_before_mitigations),
		cmocka_unit_test(nested_prefixes_are_cut_around_each_other),
		cmocka_unit_test(random_prefixes_give_the_right_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
