/*
 * See stay.h.
 */
#include "stay.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROUND_MS = 200, /* everybody is looked at so often */
	ATTEMPT_S = 20,
	PACE_S = 60,
	REPEAT_S = 2, /* of a registration */
	BEAT = 'b',
	WATCH = 'w',
};

struct stayer {
	double due;     /* its next heartbeat; while all come back, the next attempt */
	double begun;   /* the attempt; the registration */
	uint8_t beat;   /* the token of the last heartbeat */
	bool open;      /* that is not answered */
	uint8_t status; /* told last; 0: none yet */
	uint32_t heard, told;
	double back;
};

struct stay {
	struct fleet *fleet;
	const struct items *items;
	struct stayer *stayers;
	uint32_t n, n_observers;
	double interval;
	double looked; /* when the last part was */
	uint32_t next; /* where the next part begins */
	struct stay_tally tally;
};

struct stay *
stay_new(struct fleet *f, const struct items *items)
{
	struct stay *st = calloc(1, sizeof(*st));

	if (st)
		st->stayers = calloc(FLEET_PASSING, sizeof(*st->stayers));
	if (!st || !st->stayers)
		err(1, "memory");
	st->fleet = f;
	st->items = items;
	return st;
}

/* From 0 to 1, of any run of numbers evenly. */
static double
share_of(uint32_t number)
{
	return (double)(uint32_t)(number * 2654435769U) / 4294967296.0;
}

void
stay_count(struct stay *st, uint32_t n)
{
	for (uint32_t i = st->n; i < n; i++)
		st->stayers[i].due = now() + st->interval * share_of(i);
	st->n = n;
}

static void
count_anew(struct stay *st)
{
	st->tally = (struct stay_tally){0};
	for (uint32_t i = 0; i < st->n; i++)
		st->stayers[i].heard = st->stayers[i].told = 0;
}

void
stay_beat(struct stay *st, double seconds)
{
	st->interval = seconds;
	count_anew(st);
	for (uint32_t i = 0; i < st->n; i++) {
		st->stayers[i].due = now() + seconds * share_of(i);
		st->stayers[i].open = false;
	}
}

/* --- what comes in -------------------------------------------------------------------------- */

static void
take_beat(struct stay *st, struct stayer *y, uint8_t beat, bool good)
{
	if (!y->open || y->beat != beat || !good) {
		st->tally.wrong++;
		return;
	}
	y->open = false;
	st->tally.answered++;
}

static void
take_status(struct stay *st, struct stayer *y, unsigned status)
{
	if (!status) {
		st->tally.wrong++;
		return;
	}
	y->status = (uint8_t)status;
	y->told++;
	st->tally.told++;
}

bool
stay_take(struct stay *st, struct session *s, const uint8_t *bytes, size_t len)
{
	struct stayer *y = st->stayers + (s->number < st->n ? s->number : 0);
	uint8_t token[ASK_STAY_TOKEN], answer[ASK_MAX];
	size_t n;

	if (s->number >= st->n)
		return false;
	n = ask_heartbeat(bytes, len, s->next_id, answer);
	if (n) {
		s->next_id++;
		session_send(s, answer, n);
		y->heard++;
		st->tally.heard++;
		return true;
	}
	if (!ask_is_stay(bytes, len, token))
		return false;
	if (token[0] == BEAT)
		take_beat(st, y, token[1], ask_is_beaten(bytes, len));
	else
		take_status(st, y, ask_told(st->items, s->number, bytes, len));
	return true;
}

/* --- what is due ---------------------------------------------------------------------------- */

static bool
is_up(const struct session *s)
{
	return s && s->up && !s->failed;
}

static void
beat(struct stay *st, uint32_t number, double at)
{
	struct stayer *y = &st->stayers[number];
	struct session *s = fleet_session(st->fleet, number);
	uint8_t bytes[ASK_MAX];

	if (!st->interval || at < y->due || !is_up(s))
		return;
	st->tally.missed += y->open;
	y->open = true;
	y->beat++;
	y->due += st->interval;
	if (y->due < at) /* it was not up then */
		y->due = at + st->interval;
	session_send(s, bytes, ask_beat(s->next_id++, (uint8_t[]){BEAT, y->beat}, bytes));
	st->tally.sent++;
}

/* visit, of the part whose turn it is. */
static void
look(struct stay *st, void (*visit)(struct stay *st, uint32_t number, double at))
{
	double at = now(), part = (at - st->looked) * 1000 / ROUND_MS;
	uint32_t n = part > 1 ? st->n : (uint32_t)(part * st->n);

	if (!n)
		return;
	st->looked = at;
	while (n--) {
		if (st->next >= st->n)
			st->next = 0;
		visit(st, st->next++, at);
	}
}

void
stay_step(struct stay *st)
{
	look(st, beat);
}

static void
pump(struct stay *st, void (*visit)(struct stay *st, uint32_t number, double at))
{
	fleet_pump(st->fleet, 10);
	look(st, visit);
}

/* --- observing ------------------------------------------------------------------------------ */

static void
watch(struct stay *st, uint32_t number, double at)
{
	struct stayer *y = &st->stayers[number];
	struct session *s = fleet_session(st->fleet, number);
	uint8_t bytes[ASK_MAX];

	beat(st, number, at);
	if (number >= st->n_observers || y->status || !is_up(s) || at < y->begun + REPEAT_S)
		return;
	y->begun = at;
	session_send(s, bytes,
		ask_observe(st->items, number, s->next_id++, (uint8_t[]){WATCH, WATCH}, bytes));
}

static uint32_t
count_status(const struct stay *st, unsigned status)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->n_observers; i++)
		n += status ? st->stayers[i].status == status : st->stayers[i].status != 0;
	return n;
}

/* How many observers have been told that status (0: any), once all have or the time is over. */
static uint32_t
wait_told(struct stay *st, unsigned status, double seconds,
	void (*visit)(struct stay *st, uint32_t number, double at))
{
	double end = now() + seconds, check = 0;
	uint32_t n = 0;

	while (now() < end && n < st->n_observers) {
		pump(st, visit);
		if (now() < check)
			continue;
		n = count_status(st, status);
		check = now() + 0.05;
	}
	return count_status(st, status);
}

uint32_t
stay_observe(struct stay *st, uint32_t end, double seconds)
{
	for (uint32_t i = 0; i < end; i++) {
		st->stayers[i].status = 0;
		st->stayers[i].begun = 0;
	}
	st->n_observers = end;
	return wait_told(st, 0, seconds, watch);
}

uint32_t
stay_told(struct stay *st, unsigned status, double seconds)
{
	return wait_told(st, status, seconds, beat);
}

/* --- counting ------------------------------------------------------------------------------- */

struct stay_tally
stay_tally(const struct stay *st)
{
	struct stay_tally t = st->tally;

	t.heard_least = t.told_least = UINT32_MAX;
	for (uint32_t i = 0; i < st->n; i++) {
		const struct stayer *y = &st->stayers[i];

		t.lost += !is_up(fleet_session(st->fleet, i));
		if (y->heard < t.heard_least)
			t.heard_least = y->heard;
		if (i < st->n_observers && y->told < t.told_least)
			t.told_least = y->told;
	}
	return t;
}

/* --- coming back ---------------------------------------------------------------------------- */

void
stay_lose(struct stay *st)
{
	for (uint32_t i = 0; i < st->n; i++) {
		struct session *s = fleet_session(st->fleet, i);

		if (s)
			session_drop(s);
		st->stayers[i].open = false;
	}
	st->n_observers = 0;
}

static void
come_back(struct stay *st, uint32_t number, double at)
{
	struct stayer *y = &st->stayers[number];
	struct session *s = fleet_session(st->fleet, number);

	if (!s) {
		if (at < y->due)
			return;
		y->begun = at;
		session_open(st->fleet, number, NULL);
	} else if (is_up(s)) {
		if (!y->back)
			y->back = at;
	} else {
		session_repeat(s);
		if (!s->failed && at < y->begun + ATTEMPT_S)
			return;
		session_drop(s);
		y->due = y->begun + PACE_S;
		st->tally.wrong++;
	}
}

static int
earlier(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Seconds after `begun`, the first first. */
static uint32_t
times_of(const struct stay *st, double begun, double *times)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->n; i++)
		if (st->stayers[i].back)
			times[n++] = st->stayers[i].back - begun;
	qsort(times, n, sizeof(*times), earlier);
	return n;
}

static uint32_t
count_back(const struct stay *st)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->n; i++)
		n += st->stayers[i].back != 0;
	return n;
}

struct stay_return
stay_return(struct stay *st, double spread, double seconds)
{
	double begun = now(), check = 0, *times = calloc(st->n, sizeof(*times));
	struct stay_return r = {0};
	uint32_t n;

	if (!times)
		err(1, "memory");
	count_anew(st);
	for (uint32_t i = 0; i < st->n; i++) {
		st->stayers[i].due = begun + spread * share_of(i);
		st->stayers[i].back = 0;
	}
	for (n = 0; n < st->n && now() < begun + seconds;) {
		pump(st, come_back);
		if (now() < check)
			continue;
		n = count_back(st);
		check = now() + 0.1;
	}
	for (uint32_t i = 0; i < st->n; i++) /* it was when to begin */
		st->stayers[i].due = now() + st->interval * share_of(i);
	r.back = n = times_of(st, begun, times);
	r.in_vain = st->tally.wrong;
	if (n) {
		r.median = times[n / 2];
		r.nearly = times[n - 1 - n / 20];
		r.all = times[n - 1];
	}
	free(times);
	return r;
}
