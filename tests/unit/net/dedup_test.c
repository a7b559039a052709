/*
 * Message IDs already seen.
 */
#include "net/dedup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* 8612-SEC-004-02 */
static void
ids_are_known_for_their_lifetime(void **state)
{
	struct dedup d = {0};

	(void)state;
	assert_int_equal(dedup_find(&d, 0, 1), -1);
	dedup_add(&d, 0, 100);
	assert_true(dedup_find(&d, 0, 1) >= 0);
	assert_true(dedup_find(&d, 0, 99) >= 0);
	assert_int_equal(dedup_find(&d, 0, 100), -1);
	assert_int_equal(dedup_find(&d, 1, 1), -1);
	dedup_finish(&d);
}

static void
answer_is_kept_and_replaced(void **state)
{
	struct dedup d = {0};

	(void)state;
	dedup_answer(&d, 5, "none", 4, 1); /* unknown id: nothing */
	assert_int_equal(d.n_kept, 0);
	dedup_add(&d, 5, 100);
	assert_null(dedup_answered(&d, dedup_find(&d, 5, 1)));
	dedup_answer(&d, 5, "ack", 3, 1);
	assert_memory_equal(dedup_answered(&d, dedup_find(&d, 5, 1))->bytes, "ack", 3);
	dedup_answer(&d, 5, "answer", 6, 1);
	assert_int_equal(dedup_answered(&d, dedup_find(&d, 5, 1))->len, 6);
	assert_memory_equal(dedup_answered(&d, dedup_find(&d, 5, 1))->bytes, "answer", 6);
	assert_int_equal(d.n_kept, 1);
	dedup_finish(&d);
}

static void
oldest_id_gives_way(void **state)
{
	struct dedup d = {0};

	(void)state;
	for (uint16_t i = 0; i <= DEDUP_IDS; i++)
		dedup_add(&d, i, 100);
	assert_int_equal(dedup_find(&d, 0, 1), -1);
	assert_true(dedup_find(&d, 1, 1) >= 0);
	assert_true(dedup_find(&d, DEDUP_IDS, 1) >= 0);
	dedup_finish(&d);
}

static void
oldest_answer_gives_way(void **state)
{
	struct dedup d = {0};

	(void)state;
	for (uint16_t i = 0; i <= DEDUP_ANSWERS; i++) {
		dedup_add(&d, i, 100);
		dedup_answer(&d, i, "x", 1, 1);
	}
	assert_int_equal(d.n_kept, DEDUP_ANSWERS);
	assert_null(dedup_answered(&d, dedup_find(&d, 0, 1)));
	assert_non_null(dedup_answered(&d, dedup_find(&d, 1, 1)));
	dedup_finish(&d);
}

static void
id_that_came_round_is_the_newer_one(void **state)
{
	struct dedup d = {0};

	(void)state;
	dedup_add(&d, 7, 50);
	dedup_add(&d, 7, 200);
	dedup_answer(&d, 7, "new", 3, 1);
	assert_int_equal(d.until[dedup_find(&d, 7, 1)], 200);
	assert_non_null(dedup_answered(&d, dedup_find(&d, 7, 100)));
	dedup_finish(&d);
}

static void
answer_goes_with_its_id(void **state)
{
	struct dedup d = {0};

	(void)state;
	dedup_add(&d, 7, 100);
	dedup_answer(&d, 7, "old", 3, 1);
	for (uint16_t i = 0; i < DEDUP_IDS; i++)
		dedup_add(&d, 100 + i, 100);
	assert_int_equal(d.n_kept, 0);
	for (uint16_t i = 0; i < DEDUP_IDS; i++)
		assert_null(dedup_answered(&d, dedup_find(&d, 100 + i, 1)));
	dedup_finish(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_known_for_their_lifetime),
		cmocka_unit_test(answer_is_kept_and_replaced),
		cmocka_unit_test(oldest_id_gives_way),
		cmocka_unit_test(oldest_answer_gives_way),
		cmocka_unit_test(answer_goes_with_its_id),
		cmocka_unit_test(id_that_came_round_is_the_newer_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
