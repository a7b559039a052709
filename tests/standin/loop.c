/*
 * See loop.h. Bounded everywhere: a timer that re-arms itself for the present for ever is a failed
 * assertion here, where a real loop would only be busy.
 */
#include "loop.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/mem.h"

enum {
	TURN_ENDS_MAX = 8,
	WATCHES_MAX = 64,
	TURNS_MAX = 10000,       /* at one moment */
	DEADLINES_MAX = 1000000, /* in one standin_loop_advance */
};

#define START_MS   1000000
#define START_WALL 1750000000000LL /* some day of 2025 */

struct timer {
	struct loop *loop;
	timer_cb cb;
	void *arg;
	bool armed, young; /* young: armed in this turn, fires in the next one */
	mono_ms when;
	TAILQ_ENTRY(timer) entry; /* armed: by `when`, then in the order of arming */
};

struct watch {
	struct loop *loop;
	int fd, events;
	watch_cb cb;
	void *arg;
};

struct job {
	TAILQ_ENTRY(job) entry;
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct signal_watch {
	int unused;
};

TAILQ_HEAD(timers, timer);
TAILQ_HEAD(jobs, job);

struct loop {
	mono_ms now;
	struct timers armed;
	size_t n_timers;
	struct watch *watches[WATCHES_MAX];
	struct jobs jobs;
	struct {
		void (*cb)(void *arg);
		void *arg;
	} turn_end[TURN_ENDS_MAX];
	size_t n_turn_ends;
	bool stopped;
};

static mono_ms virtual_now = START_MS; /* for loop_wall, which knows no loop */

struct loop *
loop_new(void)
{
	struct loop *l = mem_new(sizeof(*l));

	l->now = virtual_now = START_MS;
	TAILQ_INIT(&l->armed);
	TAILQ_INIT(&l->jobs);
	return l;
}

/* ---- turns ---- */

static bool
fire_timers(struct loop *l)
{
	struct timer *t;
	bool fired = false;

	TAILQ_FOREACH(t, &l->armed, entry)
		t->young = false;
	for (;;) {
		TAILQ_FOREACH(t, &l->armed, entry)
			if (!t->young || t->when > l->now)
				break;
		if (!t || t->when > l->now)
			return fired;
		timer_stop(t);
		fired = true;
		t->cb(t->arg);
	}
}

static bool
look_at_watches(struct loop *l)
{
	bool any = false;

	for (size_t i = 0; i < WATCHES_MAX; i++) {
		struct watch *w = l->watches[i];
		struct pollfd p = {.fd = w ? w->fd : -1};
		int events;

		if (!w || !w->events)
			continue;
		p.events = (short)((w->events & LOOP_READ ? POLLIN : 0) |
				   (w->events & LOOP_WRITE ? POLLOUT : 0));
		if (poll(&p, 1, 0) <= 0)
			continue;
		events = (p.revents & POLLIN ? LOOP_READ : 0) |
			 (p.revents & POLLOUT ? LOOP_WRITE : 0);
		any = true;
		w->cb(w->arg, events ? events : w->events);
	}
	return any;
}

static bool
do_jobs(struct loop *l)
{
	struct jobs now = TAILQ_HEAD_INITIALIZER(now);
	struct job *j;

	if (TAILQ_EMPTY(&l->jobs))
		return false;
	TAILQ_CONCAT(&now, &l->jobs, entry);
	while ((j = TAILQ_FIRST(&now))) {
		TAILQ_REMOVE(&now, j, entry);
		j->run(j->arg);
		j->done(j->arg);
		free(j);
	}
	return true;
}

static bool
turn(struct loop *l)
{
	bool any = fire_timers(l);

	any |= look_at_watches(l);
	any |= do_jobs(l);
	for (size_t i = 0; i < l->n_turn_ends; i++)
		l->turn_end[i].cb(l->turn_end[i].arg);
	return any;
}

void
standin_loop_turn(struct loop *l)
{
	turn(l);
}

void
standin_loop_settle(struct loop *l)
{
	unsigned turns = 0;

	while (turn(l))
		assert(++turns < TURNS_MAX);
}

void
standin_loop_advance(struct loop *l, int64_t ms)
{
	mono_ms until = l->now + ms;
	const struct timer *t;
	unsigned deadlines = 0;

	standin_loop_settle(l);
	while ((t = TAILQ_FIRST(&l->armed)) && t->when <= until) {
		assert(++deadlines < DEADLINES_MAX);
		l->now = virtual_now = t->when;
		standin_loop_settle(l);
	}
	l->now = virtual_now = until;
}

void
standin_loop_sleep(struct loop *l, int64_t ms)
{
	standin_loop_settle(l);
	l->now = virtual_now = l->now + ms;
	standin_loop_settle(l);
}

size_t
standin_loop_timers(const struct loop *l)
{
	return l->n_timers;
}

/* As the real one: until it is stopped, or nothing is left that could happen. */
void
loop_run(struct loop *l)
{
	const struct timer *t;

	l->stopped = false;
	standin_loop_settle(l);
	while (!l->stopped && (t = TAILQ_FIRST(&l->armed)))
		standin_loop_advance(l, t->when - l->now);
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	l->n_turn_ends = 0;
	loop_run(l);
	assert(l->n_timers == 0);
	for (size_t i = 0; i < WATCHES_MAX; i++)
		assert(!l->watches[i]);
	free(l);
}

mono_ms
loop_now(const struct loop *l)
{
	return l->now;
}

wall_ms
loop_wall(void)
{
	return START_WALL + virtual_now;
}

void
loop_at_turn_end(struct loop *l, void (*cb)(void *arg), void *arg)
{
	assert(l->n_turn_ends < TURN_ENDS_MAX);
	l->turn_end[l->n_turn_ends].cb = cb;
	l->turn_end[l->n_turn_ends++].arg = arg;
}

/* ---- timers ---- */

struct timer *
timer_new(struct loop *l, timer_cb cb, void *arg)
{
	struct timer *t = mem_new(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	l->n_timers++;
	return t;
}

void
timer_at(struct timer *t, mono_ms when)
{
	struct loop *l = t->loop;
	struct timer *before;

	timer_stop(t);
	t->when = when < l->now ? l->now : when;
	t->armed = t->young = true;
	TAILQ_FOREACH_REVERSE(before, &l->armed, timers, entry)
	if (before->when <= t->when)
		break;
	if (before)
		TAILQ_INSERT_AFTER(&l->armed, before, t, entry);
	else
		TAILQ_INSERT_HEAD(&l->armed, t, entry);
}

void
timer_after(struct timer *t, int64_t ms)
{
	timer_at(t, t->loop->now + ms);
}

void
timer_stop(struct timer *t)
{
	if (t->armed)
		TAILQ_REMOVE(&t->loop->armed, t, entry);
	t->armed = false;
}

void
timer_free(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	t->loop->n_timers--;
	free(t);
}

/* ---- descriptors, the worker, signals ---- */

struct watch *
watch_new(struct loop *l, int fd, int events, watch_cb cb, void *arg)
{
	struct watch *w = mem_new(sizeof(*w));
	size_t i = 0;

	while (i < WATCHES_MAX && l->watches[i])
		i++;
	assert(i < WATCHES_MAX);
	*w = (struct watch){l, fd, events, cb, arg};
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->watches[i] = w;
	return w;
}

void
watch_events(struct watch *w, int events)
{
	w->events = events;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < WATCHES_MAX; i++)
		if (w->loop->watches[i] == w)
			w->loop->watches[i] = NULL;
	free(w);
}

void
loop_work(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct job *j = mem_new(sizeof(*j));

	*j = (struct job){.run = work, .done = done, .arg = arg};
	TAILQ_INSERT_TAIL(&l->jobs, j, entry);
}

void
loop_give_way(void)
{
}

struct signal_watch *
signal_new(struct loop *l, int signo, void (*cb)(void *arg, int signo), void *arg)
{
	(void)l;
	(void)signo;
	(void)cb;
	(void)arg;
	return mem_new(sizeof(struct signal_watch));
}

void
signal_free(struct signal_watch *s)
{
	free(s);
}
