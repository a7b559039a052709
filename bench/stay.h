/*
 * Sessions that stay: heartbeats both ways, what they are told of the mitigation that they observe,
 * and how they come back when the server has lost them. Cheap enough for 100,000 in one process:
 * all that is due is found by looking at a part of them each time.
 */
#ifndef BENCH_STAY_H
#define BENCH_STAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "fleet.h"

struct stay;

/* Both stay the caller's. */
struct stay *stay_new(struct fleet *f, const struct items *items);
/* Sessions 0 to n-1 are looked after from now on. */
void stay_count(struct stay *st, uint32_t n);
/* Each sends a heartbeat every so many seconds from now on, not all in the same moment; 0: none.
 * What stay_tally tells is counted from here. */
void stay_beat(struct stay *st, double seconds);
/* True: that was for us. Heartbeats of the server are answered. */
bool stay_take(struct stay *st, struct session *s, const uint8_t *bytes, size_t len);
/* To be called again and again, every few ms: sends what is due. */
void stay_step(struct stay *st);

/* Session n observes item n, for the sessions before `end`; how many have had an answer, all or at
 * the end of `seconds`. */
uint32_t stay_observe(struct stay *st, uint32_t end, double seconds);
/* Waits until that is the status that the observers were told last; how many of them were. */
uint32_t stay_told(struct stay *st, unsigned status, double seconds);

struct stay_tally {
	unsigned long sent, answered, missed; /* heartbeats of ours */
	unsigned long heard, told;            /* heartbeats of the server, notifications */
	unsigned long wrong;                  /* what is neither */
	uint32_t heard_least, told_least;     /* of any session, of any observer */
	uint32_t lost;                        /* sessions that are not up */
};

struct stay_tally stay_tally(const struct stay *st);

/* All of them drop their session without a word. */
void stay_lose(struct stay *st);

struct stay_return {
	uint32_t back;
	unsigned long in_vain;      /* attempts that led nowhere */
	double median, nearly, all; /* seconds until half, 95 %, the last of them were back */
};

/* Each begins a handshake at some moment of the first `spread` seconds, gives it 20 s, and begins
 * again a minute after it did (RFC 9132 4.7). Ends when all are back, or after `seconds`. */
struct stay_return stay_return(struct stay *st, double spread, double seconds);

#endif
