#include "cases.h"

#include "base/map.h"

enum { KEYS = 3000 };

static bool
remove_odd(void *arg, const void *key, size_t len, void *value)
{
	if (*(const uint32_t *)key % 2)
		assert_ptr_equal(map_remove(arg, key, len), value);
	return true;
}

static bool
count_one(void *arg, const void *key, size_t len, void *value)
{
	(void)key;
	(void)len;
	(void)value;
	++*(int *)arg;
	return true;
}

static bool
stop_at_once(void *arg, const void *key, size_t len, void *value)
{
	count_one(arg, key, len, value);
	return false;
}

static void
it_grows_shrinks_and_lets_go_while_walking(void **state)
{
	static int values[KEYS];
	struct map *m = map_new();
	int n = 0;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++)
		assert_null(map_set(m, &i, sizeof(i), &values[i]));
	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(m, &i, sizeof(i)), &values[i]);
	map_each(m, remove_odd, m);
	assert_int_equal(map_count(m), KEYS / 2);
	map_each(m, count_one, &n);
	assert_int_equal(n, KEYS / 2);
	n = 0;
	map_each(m, stop_at_once, &n);
	assert_int_equal(n, 1);
	for (uint32_t i = 0; i < KEYS; i += 2)
		assert_ptr_equal(map_remove(m, &i, sizeof(i)), &values[i]);
	assert_int_equal(map_count(m), 0);
	map_free(m);
	map_free(NULL);
}

static void
keys_are_byte_strings(void **state)
{
	struct map *m = map_new();
	int a, b;

	(void)state;
	assert_null(map_set(m, "ab", 2, &a));
	assert_null(map_get(m, "a", 1));
	assert_null(map_set(m, "a\0b", 3, &b));
	assert_null(map_get(m, "a", 1));
	assert_ptr_equal(map_set(m, "ab", 2, &b), &a);
	assert_int_equal(map_count(m), 2);
	assert_null(map_remove(m, "x", 1));
	map_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_shrinks_and_lets_go_while_walking),
		cmocka_unit_test(keys_are_byte_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
