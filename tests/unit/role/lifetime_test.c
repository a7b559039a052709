/* Lifetimes as records: whatever was written is found after a start, and they never become many. */
#include "../base/cases.h"

#include "base/map.h"
#include "role/lifetime.h"

enum { MITIGATIONS = 40, ROUNDS = 4000, ROWS_MAX = 4096, EPOCH = 1700000000 };

/* A store in memory: the rows of the one kind, in the order of their keys. */
struct memory {
	struct persist persist; /* first */
	struct {
		char key[32], value[96];
	} rows[ROWS_MAX];
	size_t n;
};

static size_t
place_of(const struct memory *m, const char *key)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->rows[i].key, key) < 0)
		i++;
	return i;
}

static void
memory_put(struct persist *p, const char *kind, const char *key, const char *value)
{
	struct memory *m = (struct memory *)p;
	size_t i = place_of(m, key);

	assert_string_equal(kind, "lifetime");
	assert_true(i == m->n || strcmp(m->rows[i].key, key) != 0);
	assert_true(m->n < ROWS_MAX);
	memmove(&m->rows[i + 1], &m->rows[i], (m->n++ - i) * sizeof(m->rows[0]));
	snprintf(m->rows[i].key, sizeof(m->rows[i].key), "%s", key);
	snprintf(m->rows[i].value, sizeof(m->rows[i].value), "%s", value);
}

static void
memory_remove(struct persist *p, const char *kind, const char *key)
{
	struct memory *m = (struct memory *)p;
	size_t i = place_of(m, key);

	(void)kind;
	assert_true(i < m->n && !strcmp(m->rows[i].key, key));
	memmove(&m->rows[i], &m->rows[i + 1], (--m->n - i) * sizeof(m->rows[0]));
}

static void
memory_each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	struct memory *m = (struct memory *)p;

	(void)kind;
	for (size_t i = 0; i < m->n; i++)
		visit(arg, m->rows[i].key, m->rows[i].value);
}

static const struct persist_ops memory_ops = {
	.put = memory_put, .remove = memory_remove, .each = memory_each};

struct world {
	struct memory memory;
	struct book *book;
	struct lifetimes *lifetimes;
	uint64_t known[MITIGATIONS + 1]; /* by id: the number that its record knows */
};

static void
add(struct world *w, uint64_t id)
{
	const struct mitigation m = {.id = id,
		.client = (char[]){"acme"},
		.cuid = (char[]){"cuid"},
		.mid = (uint32_t)id};

	assert_non_null(book_restore(w->book, &m, 100 * 1000, 0));
}

static int
setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));
	const struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;

	w->memory.persist.ops = &memory_ops;
	w->book = book_new(&policy);
	w->lifetimes = lifetimes_new(&w->memory.persist);
	for (uint64_t id = 1; id <= MITIGATIONS; id++)
		add(w, id);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	lifetimes_free(w->lifetimes);
	book_free(w->book);
	free(w);
	return 0;
}

/* As a refresh: it lives until then. */
static void
extend(struct world *w, uint64_t id, mono_ms expires)
{
	struct mitigation *m = book_by_id(w->book, id);

	m->expires = expires;
	lifetimes_put(w->lifetimes, w->book, m, EPOCH);
}

/* As when its whole record is written. */
static void
write_all(struct world *w, uint64_t id)
{
	w->known[id] = lifetimes_last(w->lifetimes);
	book_by_id(w->book, id)->lifetime_row = 0;
}

static void
start_again(struct world *w)
{
	lifetimes_free(w->lifetimes);
	w->lifetimes = lifetimes_new(&w->memory.persist);
	lifetimes_restore(w->lifetimes);
}

/* What the start finds for it; `missing` if nothing. */
static wall_ms
found(struct world *w, uint64_t id, wall_ms missing)
{
	wall_ms expires = missing;
	int64_t left = 0;

	if (lifetimes_find(w->lifetimes, id, w->known[id], &expires, &left,
		    &book_by_id(w->book, id)->lifetime_row))
		assert_true(expires < 0 ? left == -1 : left <= expires / 1000);
	return expires;
}

static void
the_last_one_is_found_after_a_start(void **state)
{
	struct world *w = *state;

	extend(w, 1, 1000);
	extend(w, 2, 2000);
	extend(w, 1, 3000);
	extend(w, 3, INT64_MAX);
	start_again(w);
	assert_int_equal(found(w, 1, 0), EPOCH + 3000);
	assert_int_equal(found(w, 2, 0), EPOCH + 2000);
	assert_int_equal(found(w, 3, 0), -1);
	assert_int_equal(found(w, 4, 7), 7);
}

static void
a_record_that_was_written_later_counts(void **state)
{
	struct world *w = *state;

	extend(w, 1, 1000);
	write_all(w, 1);
	extend(w, 2, 2000);
	start_again(w);
	assert_int_equal(found(w, 1, 7), 7);
	assert_int_equal(found(w, 2, 7), EPOCH + 2000);
}

static void
numbers_go_on_above_what_a_record_knows(void **state)
{
	struct world *w = *state;

	extend(w, 1, 1000);
	extend(w, 1, 2000);
	write_all(w, 1);
	w->memory.n = 0; /* superseded, and gone */
	start_again(w);
	assert_int_equal(found(w, 1, 7), 7);
	lifetimes_restored(w->lifetimes);
	extend(w, 1, 3000);
	start_again(w);
	assert_int_equal(found(w, 1, 7), EPOCH + 3000);
}

static void
rows_of_what_ended_go(void **state)
{
	struct world *w = *state;
	struct effects fx = {0};

	for (uint64_t id = 1; id <= MITIGATIONS; id++)
		extend(w, id, 1000);
	for (uint64_t id = 2; id <= MITIGATIONS; id++)
		book_end(w->book, book_by_id(w->book, id), "over", &fx);
	effects_finish(&fx);
	for (int i = 0; i < 200; i++)
		extend(w, 1, 2000 + i);
	assert_true(w->memory.n <= 2 + 64);
	start_again(w);
	assert_int_equal(found(w, 1, 0), EPOCH + 2199);
}

/* Whenever it ends, all that was said is found, and there are about two rows a mitigation. */
static void
nothing_is_lost_and_rows_stay_few(void **state)
{
	struct world *w = *state;
	wall_ms expires[MITIGATIONS + 1] = {0}; /* 0: its record says it */
	uint32_t seed = 1;

	for (int round = 0; round < ROUNDS; round++) {
		/* Some are refreshed often, some almost never: those move to the end. */
		uint64_t id = 1 + dice(&seed, 1 + dice(&seed, MITIGATIONS));

		if (dice(&seed, 20)) {
			extend(w, id, round);
			expires[id] = EPOCH + round;
		} else {
			write_all(w, id);
			expires[id] = 0;
		}
		assert_true(w->memory.n <= 2 * MITIGATIONS + 64);
		if (dice(&seed, 50))
			continue;
		start_again(w);
		for (id = 1; id <= MITIGATIONS; id++)
			assert_int_equal(found(w, id, 0), expires[id]);
		lifetimes_restored(w->lifetimes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_last_one_is_found_after_a_start, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_record_that_was_written_later_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			numbers_go_on_above_what_a_record_knows, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_of_what_ended_go, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_lost_and_rows_stay_few, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
