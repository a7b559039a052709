/*
 * Members by source prefix: how many each has, which one has the most, and who makes room.
 */
#include "../base/cases.h"

#include "net/crowd.h"

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void
add(struct crowd *c, struct crowd_member *m, const char *from, mono_ms now)
{
	struct addr a = address(from);

	crowd_add(c, m, &a, now);
}

static size_t
count(const struct crowd *c, const char *of)
{
	struct addr a = address(of);

	return crowd_count_of(c, &a);
}

/* To one of an address, at that time. */
static struct crowd_member *
yielding(const struct crowd *c, const char *to, mono_ms now)
{
	struct addr a = address(to);

	return crowd_yielding(c, &a, now);
}

/* To somebody whose prefix has nobody, when everybody has been there for long. */
static struct crowd_member *
fullest(const struct crowd *c)
{
	return yielding(c, "203.0.113.1", 10000);
}

static void
members_are_counted_by_prefix(void **state)
{
	struct crowd_member m[5] = {0};
	struct crowd *c = crowd_new();

	(void)state;
	add(c, &m[0], "192.0.2.1", 1);
	add(c, &m[1], "192.0.2.254", 1);
	add(c, &m[2], "192.0.3.1", 1);
	add(c, &m[3], "2001:db8:0:ff::1", 1);
	add(c, &m[4], "2001:db8:0:1::2", 1);
	assert_int_equal(count(c, "192.0.2.77"), 2);
	assert_int_equal(count(c, "192.0.3.77"), 1);
	assert_int_equal(count(c, "192.0.4.77"), 0);
	assert_int_equal(count(c, "2001:db8::"), 2);
	assert_int_equal(count(c, "2001:db8:0:100::"), 0);
	assert_int_equal(crowd_count(c), 5);
	for (int i = 0; i < 5; i++) {
		crowd_remove(c, &m[i]);
		crowd_remove(c, &m[i]);
	}
	assert_int_equal(crowd_count(c), 0);
	assert_int_equal(count(c, "192.0.2.77"), 0);
	crowd_free(c);
}

static void
fullest_prefix_is_found_and_its_oldest_member(void **state)
{
	struct crowd_member m[6] = {0};
	struct crowd *c = crowd_new();

	(void)state;
	assert_null(fullest(c));
	add(c, &m[0], "192.0.2.1", 10);
	assert_ptr_equal(fullest(c), &m[0]);
	add(c, &m[1], "192.0.3.1", 5);
	assert_ptr_equal(fullest(c), &m[1]); /* one each: the older */
	add(c, &m[2], "192.0.4.1", 20);
	add(c, &m[3], "192.0.4.2", 30);
	assert_ptr_equal(fullest(c), &m[2]);
	crowd_renew(c, &m[1], 15);
	crowd_remove(c, &m[2]);
	assert_ptr_equal(fullest(c), &m[0]);
	add(c, &m[4], "192.0.3.9", 40);
	add(c, &m[5], "192.0.4.9", 40);
	assert_ptr_equal(fullest(c), &m[1]); /* two each: since 15, and since 30 */
	crowd_remove(c, &m[1]);
	crowd_remove(c, &m[3]);
	assert_ptr_equal(fullest(c), &m[0]);
	crowd_remove(c, &m[0]);
	crowd_remove(c, &m[4]);
	crowd_remove(c, &m[5]);
	assert_null(fullest(c));
	crowd_free(c);
}

static void
fuller_prefix_yields_to_an_emptier_one_in_time(void **state)
{
	struct crowd_member m[5] = {0};
	struct crowd *c = crowd_new();

	(void)state;
	for (int i = 0; i < 3; i++)
		add(c, &m[i], "192.0.2.1", 100);
	assert_null(yielding(c, "203.0.113.1", 432)); /* none and three: a third of a second */
	assert_ptr_equal(yielding(c, "203.0.113.1", 434), &m[0]);
	add(c, &m[3], "192.0.3.1", 100);
	assert_null(yielding(c, "192.0.3.9", 765)); /* one and three: two thirds */
	assert_ptr_equal(yielding(c, "192.0.3.9", 767), &m[0]);
	crowd_remove(c, &m[0]);
	crowd_remove(c, &m[1]);
	assert_null(yielding(c, "192.0.3.9", 10000)); /* one each */
	assert_null(yielding(c, "192.0.2.9", 10000));
	assert_null(yielding(c, "203.0.113.1", 1099));
	assert_ptr_equal(yielding(c, "203.0.113.1", 1100), &m[2]);
	add(c, &m[4], "192.0.2.1", 100);
	assert_null(yielding(c, "192.0.2.9", 10000)); /* its own has the most */
	for (int i = 2; i < 5; i++)
		crowd_remove(c, &m[i]);
	crowd_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_counted_by_prefix),
		cmocka_unit_test(fullest_prefix_is_found_and_its_oldest_member),
		cmocka_unit_test(fuller_prefix_yields_to_an_emptier_one_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
