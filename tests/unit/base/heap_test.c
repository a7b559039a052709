/* The heap of deadlines against a plain search for the least. */
#include "cases.h"

#include "base/heap.h"

enum { NODES = 200, STEPS = 20000 };

struct waiter {
	mono_ms at;
	struct heap_node node;
};

static mono_ms
least(const struct waiter *waiters)
{
	mono_ms at = INT64_MAX;

	for (int i = 0; i < NODES; i++)
		if (waiters[i].node.place && waiters[i].at < at)
			at = waiters[i].at;
	return at;
}

static void
the_first_is_always_the_earliest(void **state)
{
	struct waiter waiters[NODES] = {0};
	const struct waiter *first;
	struct heap h = {0};
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		struct waiter *w = &waiters[dice(&seed, NODES)];

		if (dice(&seed, 3))
			heap_set(&h, &w->node, w->at = dice(&seed, 1000));
		else
			heap_remove(&h, &w->node);
		assert_int_equal(heap_deadline(&h), least(waiters));
		if (heap_first(&h)) {
			first = heap_entry(heap_first(&h), struct waiter, node);
			assert_int_equal(first->at, least(waiters));
		}
	}
	heap_finish(&h);
}

static void
an_empty_one_has_no_deadline(void **state)
{
	struct heap h = {0};
	struct heap_node n = {0};

	(void)state;
	assert_int_equal(heap_deadline(&h), INT64_MAX);
	assert_null(heap_first(&h));
	heap_remove(&h, &n);
	heap_set(&h, &n, 5);
	assert_ptr_equal(heap_first(&h), &n);
	heap_remove(&h, &n);
	assert_null(heap_first(&h));
	heap_finish(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_always_the_earliest),
		cmocka_unit_test(an_empty_one_has_no_deadline),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
