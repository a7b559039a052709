#include "cases.h"

#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static void
memory_is_zeroed_copied_and_grown(void **state)
{
	uint32_t *n = mem_array(4, sizeof(*n));
	char *text = mem_text("text"), *copy = mem_copy("text", 3), *made;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(n[i], 0);
	n[3] = 7;
	n = mem_grow(n, 1000, sizeof(*n));
	assert_int_equal(n[3], 7);
	made = mem_printf("%s-%d", text, 5);
	assert_string_equal(made, "text-5");
	assert_memory_equal(copy, "tex", 3);
	assert_null(mem_text(NULL));
	free(n);
	free(text);
	free(copy);
	free(made);
}

/* Whether a child in which take() asks for more than there can be comes to a bad end. */
static bool
ends_badly(void (*take)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		take();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static volatile size_t half = SIZE_MAX / 2 + 2;

static void
grow_too_far(void)
{
	free(mem_grow(NULL, half, 2));
}

static void
take_too_much_of_an_arena(void)
{
	arena_alloc(arena_new(), half, 2);
}

static void
products_that_overflow_end_the_process(void **state)
{
	(void)state;
	assert_true(ends_badly(grow_too_far));
	assert_true(ends_badly(take_too_much_of_an_arena));
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

static void
an_arena_keeps_what_it_gave(void **state)
{
	struct arena *a = arena_new();
	char *text[500];
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 500; i++) {
		size_t len = dice(&seed, i % 50 == 0 ? 10000 : 60);

		text[i] = arena_alloc(a, len + 1, 1);
		memset(text[i], 'a' + i % 26, len);
	}
	for (int i = 0; i < 500; i++)
		assert_int_equal(
			strspn(text[i], (char[]){(char)('a' + i % 26), 0}), strlen(text[i]));
	arena_free(a);
}

static size_t
resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	char text[64];

	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	return strtoul(strchr(text, ' '), NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* What an attack leaves: many small pieces that were freed below one that stays. */
static void
what_was_freed_is_given_back(void **state)
{
	enum { N = 200000, EACH = 200 };
	static char *pieces[N];
	size_t most;
	char *last;

	(void)state;
	mem_give_back();
	for (unsigned i = 0; i < N; i++) {
		pieces[i] = mem_new(EACH);
		memset(pieces[i], 'x', EACH);
	}
	last = mem_new(EACH);
	for (unsigned i = 0; i < N; i++)
		free(pieces[i]);
	most = resident_kib();
	mem_give_back();
	assert_true(resident_kib() + N / 1024 * EACH * 3 / 4 < most);
	free(last);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_copied_and_grown),
		cmocka_unit_test(products_that_overflow_end_the_process),
		cmocka_unit_test(arenas_give_zeroed_aligned_memory),
		cmocka_unit_test(an_arena_keeps_what_it_gave),
		cmocka_unit_test(what_was_freed_is_given_back), /* last */
	};
	char *one = mem_new(1);
	/* It is the C library's allocator that gives back; a sanitizer's knows of none of it. */
	size_t n = sizeof(tests) / sizeof(tests[0]) - (mallinfo2().uordblks == 0);

	free(one);
	return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}
