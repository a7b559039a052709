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
nothing_is_written_after_a_failure(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_bytes(&b, "abc", 3);
	buf_u16(&b, 1); /* does not fit */
	buf_u8(&b, 1);  /* would */
	assert_true(b.failed);
	assert_int_equal(b.len, 3);
	buf_finish(&b);
}

static void
an_empty_run_may_be_null(void **state)
{
	struct reader r = reader_of(NULL, 0);

	(void)state;
	assert_int_equal(reader_left(&r), 0);
	(void)reader_bytes(&r, 0);
	assert_false(r.failed);
	assert_int_equal(reader_u64(&r), 0);
	assert_true(r.failed);
}

static void
a_read_beyond_the_end_takes_nothing_and_sticks(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct reader r = reader_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(reader_u32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_u8(&r), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_out_and_come_back),
		cmocka_unit_test(writing_stops_at_the_limit),
		cmocka_unit_test(nothing_is_written_after_a_failure),
		cmocka_unit_test(an_empty_run_may_be_null),
		cmocka_unit_test(a_read_beyond_the_end_takes_nothing_and_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
