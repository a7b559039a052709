/*
 * What is remembered of the peer's observations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "net/observer.h"

static struct observer
observer(uint32_t token, uint64_t key)
{
	struct observer o = {.token_len = sizeof(token), .key = key};

	memcpy(o.token, &token, sizeof(token));
	return o;
}

static const struct observer *
find(const struct observers *o, uint32_t token)
{
	return observers_find(o, (const uint8_t *)&token, sizeof(token));
}

static void
observers_are_known_by_their_token(void **state)
{
	struct observers all = {0};
	struct observer one = observer(1, 10), two = observer(2, 20), again = observer(1, 11);
	struct observer none = {.key = 30};

	(void)state;
	assert_null(find(&all, 1));
	observers_add(&all, &one);
	observers_add(&all, &two);
	observers_add(&all, &none);
	assert_int_equal(find(&all, 1)->key, 10);
	assert_int_equal(find(&all, 2)->key, 20);
	assert_int_equal(observers_find(&all, one.token, 0)->key, 30);
	assert_null(observers_find(&all, one.token, 3));
	observers_add(&all, &again);
	assert_int_equal(find(&all, 1)->key, 11);
	assert_int_equal(all.n, 3);
	observers_remove(&all, one.token, one.token_len);
	observers_remove(&all, one.token, one.token_len);
	assert_null(find(&all, 1));
	assert_non_null(find(&all, 2));
	assert_int_equal(all.n, 2);
	observers_finish(&all);
	assert_int_equal(all.n, 0);
}

static void
oldest_goes_when_they_are_too_many(void **state)
{
	struct observers all = {0};

	(void)state;
	for (uint32_t i = 0; i < OBSERVERS_MAX + 3; i++) {
		struct observer o = observer(i, i);

		observers_add(&all, &o);
	}
	assert_int_equal(all.n, OBSERVERS_MAX);
	assert_null(find(&all, 2));
	assert_int_equal(find(&all, 3)->key, 3);
	assert_int_equal(find(&all, OBSERVERS_MAX + 2)->key, OBSERVERS_MAX + 2);
	observers_finish(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(observers_are_known_by_their_token),
		cmocka_unit_test(oldest_goes_when_they_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
