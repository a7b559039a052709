/* The heap of deadlines against a plain search for the least. */
#include "cases.h"

#include "base/heap.h"

enum { NODES = 200, STEPS = 20000 };

static mono_ms
least(const struct heap_node *nodes)
{
	mono_ms at = INT64_MAX;

	for (int i = 0; i < NODES; i++)
		if (nodes[i].place && nodes[i].at < at)
			at = nodes[i].at;
	return at;
}

static void
the_first_is_always_the_earliest(void **state)
{
	struct heap_node nodes[NODES] = {0};
	struct heap h = {0};
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		struct heap_node *n = &nodes[dice(&seed, NODES)];

		if (dice(&seed, 3))
			heap_set(&h, n, dice(&seed, 1000));
		else
			heap_remove(&h, n);
		assert_int_equal(heap_deadline(&h), least(nodes));
		assert_true(!heap_first(&h) || heap_first(&h)->at == least(nodes));
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
