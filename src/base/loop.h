/*
 * The event loop: descriptors, timers, signals, workers, the end of a turn. The only file of
 * the project that knows the event library; everything runs in one thread, except what is handed
 * to loop_work.
 */
#ifndef DOTSD_BASE_LOOP_H
#define DOTSD_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef int64_t mono_ms; /* monotonic milliseconds; 0 is some moment before start */
typedef int64_t wall_ms; /* milliseconds since 1970-01-01 UTC */

struct loop;
struct watch;
struct timer;
struct signal_watch;

struct loop *loop_new(void);
/* All watches, timers and signals must be gone, or go by a timer that is armed: it still fires, and
 * jobs not done yet are done, but no turn ends. NULL is legal. */
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);
mono_ms loop_now(const struct loop *l); /* cached at the start of the turn */
wall_ms loop_wall(void);

/* Processor time of this thread, in microseconds: the loop's, or a worker's. */
static inline uint64_t
loop_used_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void (*watch_cb)(void *arg, int events);
/* The descriptor stays the caller's, who frees the watch before closing it; it becomes
 * non-blocking. An error on it counts as all the events asked for: the next read or write tells
 * what it is. One watch a descriptor. */
struct watch *watch_new(struct loop *l, int fd, int events, watch_cb cb, void *arg);
void watch_events(struct watch *w, int events);
void watch_free(struct watch *w); /* NULL is legal; also from inside its own callback */

typedef void (*timer_cb)(void *arg);
struct timer *timer_new(struct loop *l, timer_cb cb, void *arg); /* not armed */
void timer_at(struct timer *t, mono_ms when); /* (re)arms, once; a past moment fires next turn */
void timer_after(struct timer *t, int64_t ms);
void timer_stop(struct timer *t);
void timer_free(struct timer *t); /* NULL is legal; also from inside its own callback */

/* cb runs at the end of every turn in which something happened, before the loop sleeps or loop_run
 * returns: the place to flush batches. Up to 8. */
void loop_at_turn_end(struct loop *l, void (*cb)(void *arg), void *arg);

/* work runs in a worker thread and may not touch anything of the loop; done runs in the loop. Two
 * jobs run beside each other: who wants an order gives the next one from done.
 *
 * Where processors are few, the loop comes first: a worker that has something to do waits until the
 * loop sleeps, and lets it go on whenever the job says so. */
void loop_work(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg);
/* From a job, every tenth of a millisecond or so: the loop may go first. From the loop: nothing. */
void loop_give_way(void);

struct signal_watch *signal_new(
	struct loop *l, int signo, void (*cb)(void *arg, int signo), void *arg);
void signal_free(struct signal_watch *s);

#endif
