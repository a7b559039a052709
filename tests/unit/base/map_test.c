#include "cases.h"

/* The hash has no way out of the file. */
#include "base/map.c"

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

/* The vectors of the authors of SipHash: key 00..0f, input 00.. of the length given. */
static void
the_hash_is_siphash_2_4(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}};
	const struct map m = {.k0 = 0x0706050403020100, .k1 = 0x0f0e0d0c0b0a0908};
	uint8_t input[16];

	(void)state;
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash(&m, input, vectors[i].len) == vectors[i].hash);
}

static void
every_map_has_a_secret_of_its_own(void **state)
{
	struct map *a = map_new(), *b = map_new();

	(void)state;
	assert_true(a->k0 != b->k0 && a->k1 != b->k1);
	map_free(a);
	map_free(b);
}

static void
the_table_follows_the_count(void **state)
{
	struct map *m = map_new();

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++)
		map_set(m, &i, sizeof(i), m);
	assert_true(m->n_slots >= 2 * KEYS && m->n_slots <= 4 * KEYS);
	for (uint32_t i = 0; i < KEYS; i++)
		map_remove(m, &i, sizeof(i));
	assert_true(m->n_slots <= SLOTS_MIN);
	map_free(m);
}

static void
it_agrees_with_an_array(void **state)
{
	static int value[256], *there[256];
	struct map *m = map_new();
	uint32_t seed = 99;
	size_t count = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t key = (uint8_t)dice(&seed, 256);
		int *fresh = &value[dice(&seed, 256)];

		assert_ptr_equal(map_get(m, &key, 1), there[key]);
		if (dice(&seed, 2)) {
			assert_ptr_equal(map_set(m, &key, 1, fresh), there[key]);
			count += !there[key];
			there[key] = fresh;
		} else {
			assert_ptr_equal(map_remove(m, &key, 1), there[key]);
			count -= there[key] != NULL;
			there[key] = NULL;
		}
		assert_int_equal(map_count(m), count);
	}
	map_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_shrinks_and_lets_go_while_walking),
		cmocka_unit_test(keys_are_byte_strings),
		cmocka_unit_test(the_hash_is_siphash_2_4),
		cmocka_unit_test(every_map_has_a_secret_of_its_own),
		cmocka_unit_test(the_table_follows_the_count),
		cmocka_unit_test(it_agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
