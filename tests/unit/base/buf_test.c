#include "cases.h"

#include "base/buf.h"

static void
numbers_go_out_and_come_back(void **state)
{
	struct buf b;
	struct reader r;

	(void)state;
	buf_init(&b, 100);
	buf_u8(&b, 1);
	buf_u16(&b, 0x1234);
	buf_u32(&b, 0x12345678);
	buf_u64(&b, 0x123456789abcdef0);
	r = reader_of(b.bytes, b.len);
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u16(&r), 0x1234);
	assert_int_equal(reader_u32(&r), 0x12345678);
	assert_true(reader_u64(&r) == 0x123456789abcdef0);
	assert_int_equal(reader_left(&r), 0);
	assert_false(r.failed);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.failed);
	assert_null(reader_bytes(&r, 0 + 1));
	buf_finish(&b);
}

static void
writing_stops_at_the_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_printf(&b, "%s", "0123456789");
	assert_false(b.failed);
	assert_string_equal(buf_text(&b), "0123456789");
	buf_u8(&b, 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 10);
	assert_string_equal(buf_text(&b), "");
	buf_reset(&b);
	buf_printf(&b, "%d", 7);
	assert_string_equal(buf_text(&b), "7");
	buf_finish(&b);
}

static void
arenas_give_zeroed_aligned_memory(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 1; i < 3000; i += 7) {
		char *p = arena_alloc(a, i, 1);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, i);
	}
	assert_string_equal(arena_text(a, "text and more", 4), "text");
	arena_reset(a);
	assert_non_null(arena_alloc(a, 100000, 1));
	arena_free(a);
	arena_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_out_and_come_back),
		cmocka_unit_test(writing_stops_at_the_limit),
		cmocka_unit_test(arenas_give_zeroed_aligned_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
