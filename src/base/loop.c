/*
 * The event loop on libuv. Handles are closed asynchronously: their memory goes in the close
 * callback, so that freeing from inside a callback is safe.
 */
#include "base/loop.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>
#include <uv.h>

#include "base/mem.h"

enum { TURN_ENDS_MAX = 8 };
#define WORKERS "2"

static _Thread_local bool is_worker;

struct job {
	uv_work_t work;
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	struct {
		void (*cb)(void *arg);
		void *arg;
	} turn_end[TURN_ENDS_MAX];
	size_t n_turn_ends;
	TAILQ_HEAD(timers, timer) due; /* armed by timers for this moment: they fire next turn */
	bool firing;                   /* timers are being fired */
};

struct watch {
	uv_poll_t poll;
	watch_cb cb;
	void *arg;
	int events;
};

struct timer {
	uv_timer_t timer;
	struct loop *loop;
	timer_cb cb;
	void *arg;
	TAILQ_ENTRY(timer) entry;
	bool due; /* in the loop's list */
};

struct signal_watch {
	uv_signal_t signal;
	void (*cb)(void *arg, int signo);
	void *arg;
};

static void fire_due(struct loop *l);

static void
end_turn(struct loop *l)
{
	for (size_t i = 0; i < l->n_turn_ends; i++)
		l->turn_end[i].cb(l->turn_end[i].arg);
}

/* Comes after the timers and before the loop sleeps. */
static void
on_prepare(uv_prepare_t *p)
{
	struct loop *l = p->data;

	fire_due(l);
	end_turn(l);
}

/* Ends the process, as running out of memory does: the kernel refuses to watch. */
static void
must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, uv_strerror(r));
	abort();
}

struct loop *
loop_new(void)
{
	struct loop *l = mem_new(sizeof(*l));

	setenv("UV_THREADPOOL_SIZE", WORKERS, 1); /* libuv reads it with the first job */
	must(uv_loop_init(&l->uv), "event loop");
	uv_prepare_init(&l->uv, &l->prepare);
	l->prepare.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	TAILQ_INIT(&l->due);
	return l;
}

void
loop_free(struct loop *l)
{
	int r;

	if (!l)
		return;
	l->n_turn_ends = 0; /* whom they would serve is gone */
	uv_unref((uv_handle_t *)&l->prepare);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	r = uv_loop_close(&l->uv);
	assert(r == 0);
	(void)r;
	free(l);
}

void
loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
	end_turn(l); /* of the turn in which it was stopped */
}

void
loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

mono_ms
loop_now(const struct loop *l)
{
	return (mono_ms)uv_now(&l->uv);
}

wall_ms
loop_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (wall_ms)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
loop_at_turn_end(struct loop *l, void (*cb)(void *arg), void *arg)
{
	assert(l->n_turn_ends < TURN_ENDS_MAX);
	l->turn_end[l->n_turn_ends].cb = cb;
	l->turn_end[l->n_turn_ends++].arg = arg;
}

/* ---- descriptors ---- */

static void
on_poll(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	int ev = 0;

	if (events & UV_READABLE)
		ev |= LOOP_READ;
	if (events & UV_WRITABLE)
		ev |= LOOP_WRITE;
	if (status < 0) {
		/* An error on the descriptor, which the owner's next read or write tells and clears
		 * (for UDP: a refusal by ICMP). libuv has stopped watching; we have not. */
		watch_events(w, w->events);
		ev = w->events;
	}
	w->cb(w->arg, ev);
}

void
watch_events(struct watch *w, int events)
{
	int ev = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);

	w->events = events;
	if (ev)
		uv_poll_start(&w->poll, ev, on_poll);
	else
		uv_poll_stop(&w->poll);
}

struct watch *
watch_new(struct loop *l, int fd, int events, watch_cb cb, void *arg)
{
	struct watch *w = mem_new(sizeof(*w));

	must(uv_poll_init(&l->uv, &w->poll, fd), "watch");
	w->poll.data = w;
	w->cb = cb;
	w->arg = arg;
	watch_events(w, events);
	return w;
}

static void
free_handle(uv_handle_t *h)
{
	free(h->data);
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, free_handle);
}

/* ---- timers ---- */

static void
on_timer(uv_timer_t *h)
{
	struct timer *t = h->data;

	t->loop->firing = true;
	t->cb(t->arg);
}

static void
fire_due(struct loop *l)
{
	struct timer *t;

	l->firing = false;
	while ((t = TAILQ_FIRST(&l->due)))
		timer_after(t, 0);
}

struct timer *
timer_new(struct loop *l, timer_cb cb, void *arg)
{
	struct timer *t = mem_new(sizeof(*t));

	uv_timer_init(&l->uv, &t->timer);
	t->timer.data = t;
	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	return t;
}

void
timer_after(struct timer *t, int64_t ms)
{
	struct loop *l = t->loop;

	timer_stop(t);
	if (ms > 0 || !l->firing) {
		uv_timer_start(&t->timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
		return;
	}
	/* libuv fires all that is due before it looks at descriptors: a timer that arms itself for
	 * the past would never let them have their turn. */
	t->due = true;
	TAILQ_INSERT_TAIL(&l->due, t, entry);
}

void
timer_at(struct timer *t, mono_ms when)
{
	timer_after(t, when - (mono_ms)uv_now(t->timer.loop));
}

void
timer_stop(struct timer *t)
{
	if (t->due)
		TAILQ_REMOVE(&t->loop->due, t, entry);
	t->due = false;
	uv_timer_stop(&t->timer);
}

void
timer_free(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	uv_close((uv_handle_t *)&t->timer, free_handle);
}

/* ---- workers ---- */

/* As a batch it does not interrupt the loop that wakes it. Who was given another place in the line
 * has it with all its threads. */
static void
become_worker(void)
{
	const struct sched_param none = {0};

	if (is_worker)
		return;
	is_worker = true;
	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

void
loop_give_way(void)
{
	if (is_worker)
		(void)sched_yield();
}

static void
job_run(uv_work_t *w)
{
	struct job *j = w->data;

	become_worker();
	j->run(j->arg);
}

static void
job_done(uv_work_t *w, int status)
{
	struct job *j = w->data;

	(void)status;
	j->done(j->arg);
	free(j);
}

void
loop_work(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct job *j = mem_new(sizeof(*j));

	j->work.data = j;
	j->run = work;
	j->done = done;
	j->arg = arg;
	uv_queue_work(&l->uv, &j->work, job_run, job_done);
}

/* ---- signals ---- */

static void
on_signal(uv_signal_t *h, int signo)
{
	struct signal_watch *s = h->data;

	s->cb(s->arg, signo);
}

struct signal_watch *
signal_new(struct loop *l, int signo, void (*cb)(void *arg, int signo), void *arg)
{
	struct signal_watch *s = mem_new(sizeof(*s));

	uv_signal_init(&l->uv, &s->signal);
	s->signal.data = s;
	s->cb = cb;
	s->arg = arg;
	must(uv_signal_start(&s->signal, on_signal, signo), "signal");
	return s;
}

void
signal_free(struct signal_watch *s)
{
	if (!s)
		return;
	uv_signal_stop(&s->signal);
	uv_close((uv_handle_t *)&s->signal, free_handle);
}
