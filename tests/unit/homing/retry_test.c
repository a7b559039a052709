/* What a server will not hear of for a while (RFC 9132 4.4.2.1). */
#include <stdio.h>

#include "fixture.h"

#include "homing/retry.h"

enum { S = 1000, MANY = 64 };

static struct conflict
wait_for(uint64_t seconds)
{
	return (struct conflict){REQUEST_INACTIVE_OTHER_ACTIVE, OVERLAPPING_TARGETS, seconds};
}

/* Seconds to wait for that target, at that server, at that second; 0: none. */
static uint64_t
left(const struct retries *r, const char *server, const struct target *t, mono_ms now)
{
	const struct retry_key k = {"isp1", server, t, true};
	struct conflict c;

	return retries_find(r, &k, now * S, &c) ? c.retry_timer : 0;
}

static void
set(struct retries *r, const struct target *t, uint64_t seconds, mono_ms now)
{
	const struct retry_key k = {"isp1", "s1", t, true};
	struct conflict c = wait_for(seconds);

	retries_set(r, &k, &c, now * S);
}

/* 9132-4.4.2.1-11 */
static void
the_same_request_waits_and_no_other(void **state)
{
	struct arena *a = arena_new();
	struct target one = target_from(a, "192.0.2.1/32"), two = target_from(a, "192.0.2.2/32");
	struct port_range http = {.lower_port = 80, .upper_port = 80};
	struct target narrow = one;
	struct retries *r = retries_new();
	struct conflict c;

	(void)state;
	narrow.target_port_range = &http;
	narrow.n_target_port_range = 1;
	set(r, &one, 600, 100);
	assert_int_equal(left(r, "s1", &one, 100), 600);
	assert_int_equal(left(r, "s1", &one, 699), 1);
	assert_int_equal(left(r, "s1", &one, 700), 0);
	assert_int_equal(left(r, "s1", &two, 100), 0);
	assert_int_equal(left(r, "s1", &narrow, 100), 0);
	assert_int_equal(left(r, "s2", &one, 100), 0);
	assert_false(retries_find(r, &(struct retry_key){"isp1", "s1", &one, false}, 100 * S, &c));
	set(r, &one, 30, 200); /* its last word */
	assert_int_equal(left(r, "s1", &one, 200), 30);
	set(r, &one, 0, 210);
	assert_int_equal(left(r, "s1", &one, 210), 0);
	retries_free(r);
	arena_free(a);
}

/* Whatever servers say: what is over first goes. */
static void
so_many_are_kept(void **state)
{
	struct arena *a = arena_new();
	struct target t[MANY + 1];
	struct retries *r = retries_new();

	(void)state;
	for (unsigned i = 0; i <= MANY; i++) {
		char text[32];

		snprintf(text, sizeof(text), "192.0.2.%u/32", i);
		t[i] = target_from(a, text);
		set(r, &t[i], 1000 - i, 0);
	}
	assert_int_equal(left(r, "s1", &t[0], 0), 1000);
	assert_int_equal(left(r, "s1", &t[MANY - 1], 0), 0);
	assert_int_equal(left(r, "s1", &t[MANY], 0), 1000 - MANY);
	set(r, &t[MANY - 1], 50, 2000); /* the others are over */
	assert_int_equal(left(r, "s1", &t[MANY - 1], 2000), 50);
	retries_free(r);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_request_waits_and_no_other),
		cmocka_unit_test(so_many_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
