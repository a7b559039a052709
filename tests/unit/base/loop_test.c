#include "cases.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
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

enum { JOBS = 200 };

struct job_case {
	pthread_t loop_thread;
	int in_loop, n_worked, n_done, done[JOBS];
};

struct numbered {
	struct job_case *all;
	int number;
};

static void
work(void *arg)
{
	struct numbered *j = arg;

	if (pthread_equal(pthread_self(), j->all->loop_thread))
		__atomic_add_fetch(&j->all->in_loop, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&j->all->n_worked, 1, __ATOMIC_SEQ_CST);
}

static void
worked(void *arg)
{
	struct numbered *j = arg;

	assert_true(pthread_equal(pthread_self(), j->all->loop_thread));
	j->all->done[j->number]++;
	if (j->number == JOBS / 2 - 1) /* the second half comes from inside */
		for (int i = 1; i <= JOBS / 2; i++)
			loop_work(loop, work, worked, j + i);
	if (++j->all->n_done == JOBS)
		loop_stop(loop);
}

static void
jobs_are_done_beside_the_loop(void **state)
{
	struct job_case all = {.loop_thread = pthread_self()};
	struct numbered jobs[JOBS];

	(void)state;
	for (int i = 0; i < JOBS; i++)
		jobs[i] = (struct numbered){&all, i};
	for (int i = 0; i < JOBS / 2; i++)
		loop_work(loop, work, worked, &jobs[i]);
	loop_run(loop);
	assert_int_equal(all.n_worked, JOBS);
	assert_int_equal(all.in_loop, 0);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(all.done[i], 1);
}

/* In place of the system's. */
static int given_way;

int
sched_yield(void)
{
	__atomic_add_fetch(&given_way, 1, __ATOMIC_SEQ_CST);
	return 0;
}

struct modesty {
	int policy, gave_way;
};

static void
be_modest(void *arg)
{
	struct modesty *m = arg;
	int before = given_way;

	loop_give_way();
	m->gave_way = given_way - before;
	m->policy = sched_getscheduler(0);
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
jobs_come_behind_the_loop(void **state)
{
	struct modesty job = {0}, own;

	(void)state;
	loop_work(loop, be_modest, stop, &job);
	loop_run(loop);
	assert_int_equal(job.policy, SCHED_BATCH);
	assert_true(job.gave_way > 0);
	be_modest(&own);
	assert_int_equal(own.policy, SCHED_OTHER);
	assert_int_equal(own.gave_way, 0);
}

struct meeting {
	sem_t *mine, *other;
	int *n_done;
	bool met;
};

/* Each comes to an end only when the other has begun. */
static void
meet(void *arg)
{
	struct meeting *m = arg;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	sem_post(m->mine);
	m->met = sem_timedwait(m->other, &until) == 0;
}

static void
met(void *arg)
{
	struct meeting *m = arg;

	if (++*m->n_done == 2)
		loop_stop(loop);
}

static void
jobs_do_not_wait_for_each_other(void **state)
{
	sem_t here, there;
	int n_done = 0;
	struct meeting one = {&here, &there, &n_done, false}, two = {&there, &here, &n_done, false};

	(void)state;
	sem_init(&here, 0, 0);
	sem_init(&there, 0, 0);
	loop_work(loop, meet, met, &one);
	loop_work(loop, meet, met, &two);
	loop_run(loop);
	assert_true(one.met && two.met);
	sem_destroy(&here);
	sem_destroy(&there);
}

static void
jobs_not_done_yet_are_done_when_the_loop_goes(void **state)
{
	struct job_case all = {.loop_thread = pthread_self()};
	struct numbered jobs[3];
	struct loop *outer = loop;

	(void)state;
	loop = loop_new();
	for (int i = 0; i < 3; i++) {
		jobs[i] = (struct numbered){&all, i};
		loop_work(loop, work, worked, &jobs[i]);
	}
	loop_free(loop);
	loop = outer;
	assert_int_equal(all.n_done, 3);
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

struct pair {
	struct timer *first, *second;
	struct watch *watch;
	bool free;
};

static void
free_later(void *arg)
{
	struct pair *p = arg;

	timer_free(p->first);
	timer_after(p->second, 0);
}

static void
free_last(void *arg)
{
	struct pair *p = arg;

	timer_free(p->second);
	watch_free(p->watch);
	p->free = true;
}

/* Objects that free themselves as soon as nobody is inside them. */
static void
what_frees_itself_by_timers_goes_with_the_loop(void **state)
{
	struct loop *l = loop_new();
	struct pair p = {
		.first = timer_new(l, free_later, &p), .second = timer_new(l, free_last, &p)};
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	p.watch = watch_new(l, fd[0], LOOP_READ, NULL, NULL);
	timer_after(p.first, 0);
	loop_free(l);
	assert_true(p.free);
	close(fd[0]);
	close(fd[1]);
}

struct restless {
	struct timer *timer;
	int fired;
};

static void
arm_again(void *arg)
{
	struct restless *r = arg;

	r->fired++;
	timer_after(r->timer, 0);
}

/* Whoever lags behind its own deadlines still lets descriptors have their turn. */
static void
a_timer_that_arms_itself_for_the_past_starves_nobody(void **state)
{
	struct restless r = {timer_new(loop, arm_again, &r), 0};
	struct watched w;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w.fd = fd[0];
	w.watch = watch_new(loop, fd[0], LOOP_READ, on_readable, &w);
	timer_after(r.timer, 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	loop_run(loop);
	assert_true(r.fired >= 1);
	timer_free(r.timer);
	close(fd[0]);
	close(fd[1]);
}

static void
arm_and_take_back(void *arg)
{
	struct pair *p = arg;

	timer_after(p->second, 0);
	if (p->free) {
		timer_free(p->second);
		p->second = NULL;
	} else {
		timer_stop(p->second);
	}
}

static void
what_is_armed_for_the_next_turn_can_be_taken_back(void **state)
{
	struct timer *end = timer_new(loop, say_and_stop, (void *)(uintptr_t) "end");

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p = {.free = i};

		*trace = '\0';
		p.first = timer_new(loop, arm_and_take_back, &p);
		p.second = timer_new(loop, say_only, (void *)(uintptr_t) "never");
		timer_after(p.first, 0);
		timer_after(end, 5);
		loop_run(loop);
		assert_string_equal(trace, "end");
		timer_free(p.first);
		timer_free(p.second);
	}
	timer_free(end);
}

struct refused {
	struct watch *watch;
	int fd, error;
	bool again;
};

static void
on_refused(void *arg, int events)
{
	struct refused *r = arg;
	char bytes[8];
	ssize_t n = recv(r->fd, bytes, sizeof(bytes), 0);

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		r->error = errno;
		loop_stop(loop);
		return;
	}
	r->again = true;
	loop_stop(loop);
}

static int
loopback_socket(struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)ret, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
	return fd;
}

/* A refusal by ICMP is an error of the moment, not the end of the socket. */
static void
a_descriptor_is_watched_on_after_an_error(void **state)
{
	struct sockaddr_in here, there;
	struct refused r = {.fd = loopback_socket(&here)};
	int peer = loopback_socket(&there);

	(void)state;
	assert_int_equal(connect(r.fd, (struct sockaddr *)&there, sizeof(there)), 0);
	close(peer);
	r.watch = watch_new(loop, r.fd, LOOP_READ, on_refused, &r);
	assert_int_equal(send(r.fd, "x", 1, 0), 1);
	loop_run(loop);
	assert_int_equal(r.error, ECONNREFUSED);
	peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer, (struct sockaddr *)&there, sizeof(there)), 0);
	assert_int_equal(sendto(peer, "x", 1, 0, (struct sockaddr *)&here, sizeof(here)), 1);
	loop_run(loop);
	assert_true(r.again);
	watch_free(r.watch);
	close(r.fd);
	close(peer);
}

static void
on_writable(void *arg, int events)
{
	struct watched *w = arg;

	assert_int_equal(events, LOOP_WRITE);
	say("w");
	watch_events(w->watch, 0);
	loop_stop(loop);
}

static void
only_what_was_asked_for_is_told(void **state)
{
	struct timer *end = timer_new(loop, say_and_stop, (void *)(uintptr_t) "end");
	struct watched w;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(write(fd[1], "x", 1), 1); /* readable as well */
	w.fd = fd[0];
	w.watch = watch_new(loop, fd[0], LOOP_WRITE, on_writable, &w);
	loop_run(loop);
	timer_after(end, 5);
	loop_run(loop);
	assert_string_equal(trace, "wend");
	watch_free(w.watch);
	watch_free(NULL);
	timer_free(end);
	timer_free(NULL);
	close(fd[0]);
	close(fd[1]);
}

struct batch {
	int gathered, flushed;
};

static void
gather_and_stop(void *arg, int events)
{
	(void)events;
	((struct batch *)arg)->gathered++;
	loop_stop(loop);
}

static void
flush_batch(void *arg)
{
	struct batch *b = arg;

	b->flushed = b->gathered;
}

static void
the_turn_that_stops_the_loop_ends_too(void **state)
{
	struct batch b = {0};
	struct watch *watch;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	loop_at_turn_end(loop, flush_batch, &b);
	watch = watch_new(loop, fd[0], LOOP_READ, gather_and_stop, &b);
	loop_run(loop);
	assert_int_equal(b.flushed, 1);
	watch_free(watch);
	close(fd[0]);
	close(fd[1]);
}

static void
on_signal(void *arg, int signo)
{
	struct signal_watch **s = arg;

	assert_int_equal(signo, SIGUSR1);
	say("s");
	signal_free(*s);
	loop_stop(loop);
}

static void
signals_come_through_the_loop(void **state)
{
	struct signal_watch *s;

	(void)state;
	s = signal_new(loop, SIGUSR1, on_signal, &s);
	raise(SIGUSR1);
	assert_string_equal(trace, "");
	loop_run(loop);
	assert_string_equal(trace, "s");
}

#define IN_LOOP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LOOP(timers_fire_in_order),
		IN_LOOP(a_timer_may_free_itself),
		IN_LOOP(jobs_are_done_beside_the_loop),
		IN_LOOP(jobs_come_behind_the_loop),
		IN_LOOP(jobs_do_not_wait_for_each_other),
		IN_LOOP(jobs_not_done_yet_are_done_when_the_loop_goes),
		IN_LOOP(descriptors_are_watched_and_turns_end),
		IN_LOOP(a_timer_that_arms_itself_for_the_past_starves_nobody),
		IN_LOOP(what_is_armed_for_the_next_turn_can_be_taken_back),
		IN_LOOP(a_descriptor_is_watched_on_after_an_error),
		IN_LOOP(only_what_was_asked_for_is_told),
		IN_LOOP(the_turn_that_stops_the_loop_ends_too),
		IN_LOOP(signals_come_through_the_loop),
		cmocka_unit_test(what_frees_itself_by_timers_goes_with_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
