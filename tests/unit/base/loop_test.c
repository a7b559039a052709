#include "cases.h"

#include <sys/socket.h>

#include "base/loop.h"

static struct loop *loop;
static char trace[64];

static void
say(const char *what)
{
	strcat(trace, what);
}

static int
setup(void **state)
{
	(void)state;
	loop = loop_new();
	trace[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void
say_and_stop(void *arg)
{
	say(arg);
	loop_stop(loop);
}

static void
say_only(void *arg)
{
	say(arg);
}

static void
timers_fire_in_order(void **state)
{
	struct timer *a = timer_new(loop, say_and_stop, (void *)(uintptr_t) "c");
	struct timer *b = timer_new(loop, say_only, (void *)(uintptr_t) "a");
	struct timer *c = timer_new(loop, say_only, (void *)(uintptr_t) "b");
	struct timer *d = timer_new(loop, say_only, (void *)(uintptr_t) "x");

	(void)state;
	timer_after(a, 30);
	timer_at(b, loop_now(loop) - 1000); /* the past: next turn */
	timer_after(c, 10);
	timer_after(d, 5);
	timer_stop(d);
	loop_run(loop);
	assert_string_equal(trace, "abc");
	timer_free(a);
	timer_free(b);
	timer_free(c);
	timer_free(d);
}

static void
free_itself(void *arg)
{
	struct timer **t = arg;

	timer_free(*t);
	*t = NULL;
	loop_stop(loop);
}

static void
a_timer_may_free_itself(void **state)
{
	struct timer *t;

	(void)state;
	t = timer_new(loop, free_itself, &t);
	timer_after(t, 0);
	loop_run(loop);
	assert_null(t);
}

static void
work(void *arg)
{
	(void)arg;
}

static void
jobs_run_one_after_the_other(void **state)
{
	(void)state;
	loop_work(loop, work, say_only, (void *)(uintptr_t) "1");
	loop_work(loop, work, say_only, (void *)(uintptr_t) "2");
	loop_work(loop, work, say_and_stop, (void *)(uintptr_t) "3");
	loop_run(loop);
	assert_string_equal(trace, "123");
}

struct watched {
	struct watch *watch;
	int fd;
};

static void
on_readable(void *arg, int events)
{
	struct watched *w = arg;
	char c;

	assert_true(events & LOOP_READ);
	assert_int_equal(read(w->fd, &c, 1), 1);
	watch_free(w->watch);
	loop_stop(loop);
}

static void
turn_end(void *arg)
{
	++*(int *)arg;
}

static void
descriptors_are_watched_and_turns_end(void **state)
{
	struct watched w;
	int fd[2], turns = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w.fd = fd[0];
	w.watch = watch_new(loop, fd[0], LOOP_READ, on_readable, &w);
	loop_at_turn_end(loop, turn_end, &turns);
	assert_int_equal(write(fd[1], "x", 1), 1);
	loop_run(loop);
	assert_true(turns >= 1);
	close(fd[0]);
	close(fd[1]);
}

#define IN_LOOP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LOOP(timers_fire_in_order),
		IN_LOOP(a_timer_may_free_itself),
		IN_LOOP(jobs_run_one_after_the_other),
		IN_LOOP(descriptors_are_watched_and_turns_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
