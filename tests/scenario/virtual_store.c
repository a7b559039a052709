/* core/persist.h in memory, with what the store promises (group commit at the end of a turn, who
 * waits is told within a second), and a mitigator that records. */
#include <stdio.h>

#include "world.h"

enum { COMMIT_MS = 2, PATIENCE_MS = 1000, RETRY_MS = 1000 };

struct record {
	TAILQ_ENTRY(record) entry;
	char *kind, *key, *value; /* value NULL: a removal */
};
TAILQ_HEAD(records, record);

struct waiter {
	TAILQ_ENTRY(waiter) entry;
	void (*done)(void *arg, bool durable);
	void *arg;
	uint64_t batch;
	mono_ms since;
};
TAILQ_HEAD(waiters, waiter);

struct store {
	struct persist persist; /* first */
	struct loop *loop;
	struct records disk, gathering, writing;
	uint64_t number; /* of the batch that gathers */
	bool busy, held, hold, fail, is_volatile;
	unsigned commits, crash_at;
	bool crash_after;
	struct waiters waiters;
	struct timer *commit, *patience, *retry, *soon;
};

/* ---- records ------------------------------------------------------------------------------- */

static void
record_free(struct record *r)
{
	free(r->kind);
	free(r->key);
	free(r->value);
	free(r);
}

static void
records_clear(struct records *list)
{
	struct record *r;

	while ((r = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, r, entry);
		record_free(r);
	}
}

static struct record *
find(struct records *list, const char *kind, const char *key)
{
	struct record *r;

	TAILQ_FOREACH(r, list, entry)
		if (!strcmp(r->kind, kind) && !strcmp(r->key, key))
			break;
	return r;
}

static void
set(struct records *list, const char *kind, const char *key, const char *value, bool removals)
{
	struct record *r = find(list, kind, key);

	if (r) {
		TAILQ_REMOVE(list, r, entry);
		record_free(r);
	}
	if (!value && !removals)
		return;
	r = mem_new(sizeof(*r));
	r->kind = mem_text(kind);
	r->key = mem_text(key);
	r->value = mem_text(value);
	TAILQ_INSERT_TAIL(list, r, entry);
}

/* ---- who waits ----------------------------------------------------------------------------- */

static void
tell(struct store *st, uint64_t batch, bool durable)
{
	struct waiter *w, *next;

	for (w = TAILQ_FIRST(&st->waiters); w; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->batch > batch)
			continue;
		TAILQ_REMOVE(&st->waiters, w, entry);
		w->done(w->arg, durable);
		free(w);
		next = TAILQ_FIRST(&st->waiters); /* the list may have changed */
	}
}

static void
turn_volatile(struct store *st, const char *why)
{
	if (!st->is_volatile)
		event_raise(EVENT_STORE_VOLATILE, EVENT_F("reason", why));
	st->is_volatile = true;
	tell(st, UINT64_MAX, false);
}

static void
on_patience(void *arg)
{
	turn_volatile(arg, "a commit takes longer than a second");
}

/* From the loop, never from inside `after`. */
static void
on_soon(void *arg)
{
	struct store *st = arg;

	tell(st, st->is_volatile ? UINT64_MAX : st->number - 1 - (st->busy ? 1 : 0),
		!st->is_volatile);
}

/* ---- commits ------------------------------------------------------------------------------- */

static bool
crashes(struct store *st, bool after)
{
	if (!st->crash_at || st->commits != st->crash_at || st->crash_after != after)
		return false;
	virtual_crash(st->loop);
	return true;
}

static void
take_back(struct store *st)
{
	struct record *r;

	while ((r = TAILQ_LAST(&st->writing, records))) {
		TAILQ_REMOVE(&st->writing, r, entry);
		if (find(&st->gathering, r->kind, r->key))
			record_free(r);
		else
			TAILQ_INSERT_HEAD(&st->gathering, r, entry);
	}
}

static void
on_commit(void *arg)
{
	struct store *st = arg;
	struct record *r;

	if (st->hold)
		return; /* comes back when it is let go */
	st->busy = false;
	timer_stop(st->patience);
	if (st->fail) {
		take_back(st);
		st->held = true;
		timer_after(st->retry, RETRY_MS);
		turn_volatile(st, "the disk is full");
		return;
	}
	while ((r = TAILQ_FIRST(&st->writing))) {
		set(&st->disk, r->kind, r->key, r->value, false);
		TAILQ_REMOVE(&st->writing, r, entry);
		record_free(r);
	}
	if (crashes(st, true))
		return;
	if (st->is_volatile)
		event_raise(EVENT_STORE_DURABLE, EVENT_N("after", 0));
	st->is_volatile = false;
	tell(st, st->number - 1, true);
}

static void
on_turn_end(void *arg)
{
	struct store *st = arg;

	if (st->busy || st->held || TAILQ_EMPTY(&st->gathering))
		return;
	st->commits++;
	if (crashes(st, false))
		return;
	TAILQ_CONCAT(&st->writing, &st->gathering, entry);
	st->number++;
	st->busy = true;
	timer_after(st->commit, COMMIT_MS);
	if (!st->is_volatile)
		timer_after(st->patience, PATIENCE_MS);
}

static void
on_retry(void *arg)
{
	struct store *st = arg;

	st->held = false;
}

/* ---- the interface ------------------------------------------------------------------------- */

static void
put(struct persist *p, const char *kind, const char *key, const char *value)
{
	set(&((struct store *)p)->gathering, kind, key, value, true);
}

static void
remove_(struct persist *p, const char *kind, const char *key)
{
	set(&((struct store *)p)->gathering, kind, key, NULL, true);
}

static void
after(struct persist *p, void (*done)(void *arg, bool durable), void *arg)
{
	struct store *st = (struct store *)p;
	struct waiter *w = mem_new(sizeof(*w));
	bool clean = TAILQ_EMPTY(&st->gathering);

	w->done = done;
	w->arg = arg;
	w->batch = clean ? st->number - 1 : st->number;
	w->since = world.now;
	TAILQ_INSERT_TAIL(&st->waiters, w, entry);
	if (st->is_volatile || (clean && !st->busy))
		timer_after(st->soon, 0);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	struct store *st = (struct store *)p;
	struct record *r;
	char **keys = mem_array(virtual_store_count(st->loop, kind) + 1, sizeof(char *));
	size_t n = 0;

	TAILQ_FOREACH(r, &st->disk, entry)
		if (!strcmp(r->kind, kind))
			keys[n++] = mem_text(r->key);
	qsort(keys, n, sizeof(char *), compare);
	for (size_t i = 0; i < n; i++) {
		visit(arg, keys[i], find(&st->disk, kind, keys[i])->value);
		free(keys[i]);
	}
	free(keys);
}

struct store *
store_new(struct loop *l)
{
	static const struct persist_ops ops = {put, remove_, after, each};
	struct store *st = mem_new(sizeof(*st));

	st->persist.ops = &ops;
	st->loop = l;
	st->number = 1;
	TAILQ_INIT(&st->disk);
	TAILQ_INIT(&st->gathering);
	TAILQ_INIT(&st->writing);
	TAILQ_INIT(&st->waiters);
	st->commit = timer_new(l, on_commit, st);
	st->patience = timer_new(l, on_patience, st);
	st->retry = timer_new(l, on_retry, st);
	st->soon = timer_new(l, on_soon, st);
	loop_at_turn_end(l, on_turn_end, st);
	return st;
}

/* The power is back: the disk is what it was, and who waited is gone. */
void
store_boot(struct store *st)
{
	records_clear(&st->gathering);
	records_clear(&st->writing);
	tell(st, UINT64_MAX, false); /* those who are gone free what they kept for it */
	records_clear(&st->gathering);
	timer_stop(st->commit);
	timer_stop(st->patience);
	timer_stop(st->retry);
	timer_stop(st->soon);
	st->busy = st->held = st->hold = st->fail = st->is_volatile = false;
	st->crash_at = 0;
}

void
store_free(struct store *st)
{
	store_boot(st);
	records_clear(&st->disk);
	timer_free(st->commit);
	timer_free(st->patience);
	timer_free(st->retry);
	timer_free(st->soon);
	free(st);
}

struct persist *
virtual_store(struct loop *l)
{
	return &l->store->persist;
}

void
virtual_store_hold(struct loop *l, bool hold)
{
	l->store->hold = hold;
	if (!hold && l->store->busy)
		timer_after(l->store->commit, COMMIT_MS);
}

void
virtual_store_fail(struct loop *l, bool fail)
{
	l->store->fail = fail;
}

unsigned
virtual_store_commits(const struct loop *l)
{
	return l->store->commits;
}

void
virtual_store_crash(struct loop *l, unsigned n, bool after_)
{
	l->store->crash_at = l->store->commits + n;
	l->store->crash_after = after_;
}

size_t
virtual_store_count(const struct loop *l, const char *kind)
{
	const struct record *r;
	size_t n = 0;

	TAILQ_FOREACH(r, &l->store->disk, entry)
		n += !strcmp(r->kind, kind);
	return n;
}

/* ---- the mitigator ------------------------------------------------------------------------- */

enum { FILTERS_MAX = 256 };

struct recorder {
	struct mitigator mitigator; /* first */
	struct loop *loop;
	struct mitigator_events events;
	uint64_t active[FILTERS_MAX];
	size_t n_active;
	unsigned starts, stops;
};

struct report {
	struct recorder *recorder;
	uint64_t id;
	bool installed;
};

static void
on_report(void *arg)
{
	struct report *r = arg;
	const struct mitigator_events *e = &r->recorder->events;

	if (e->arg && r->installed)
		e->installed(e->arg, r->id);
	else if (e->arg)
		e->removed(e->arg, r->id);
}

static void
report(struct recorder *r, uint64_t id, bool installed)
{
	struct report *p = mem_new(sizeof(*p));

	*p = (struct report){r, id, installed};
	world_job(r->loop, on_report, p);
}

static size_t
position(const struct recorder *r, uint64_t id)
{
	size_t i = 0;

	while (i < r->n_active && r->active[i] != id)
		i++;
	return i;
}

static void
start(struct mitigator *m, const struct filter *f)
{
	struct recorder *r = (struct recorder *)m;

	r->starts++;
	if (position(r, f->id) == r->n_active) {
		assert_true(r->n_active < FILTERS_MAX);
		r->active[r->n_active++] = f->id;
	}
	report(r, f->id, true);
}

static void
stop(struct mitigator *m, uint64_t id)
{
	struct recorder *r = (struct recorder *)m;
	size_t i = position(r, id);

	r->stops++;
	if (i == r->n_active)
		return;
	r->active[i] = r->active[--r->n_active];
	report(r, id, false);
}

static void
flows(struct mitigator *m, const char *client, const struct flow *list, size_t n)
{
	(void)m;
	(void)client;
	(void)list;
	(void)n;
}

static void
sync_(struct mitigator *m, const struct filter *filters, size_t n)
{
	struct recorder *r = (struct recorder *)m;

	r->n_active = 0;
	for (size_t i = 0; i < n; i++) {
		r->active[r->n_active++] = filters[i].id;
		report(r, filters[i].id, true);
	}
}

static void
free_(struct mitigator *m)
{
	(void)m;
}

struct recorder *
recorder_new(struct loop *l)
{
	static const struct mitigator_ops ops = {.name = "recorder",
		.start = start,
		.stop = stop,
		.flows = flows,
		.sync = sync_,
		.free = free_};
	struct recorder *r = mem_new(sizeof(*r));

	r->mitigator.ops = &ops;
	r->loop = l;
	return r;
}

void
recorder_free(struct recorder *r)
{
	free(r);
}

struct mitigator *
recorder_mitigator(struct recorder *r)
{
	return &r->mitigator;
}

void
recorder_report_to(struct recorder *r, const struct mitigator_events *e)
{
	r->events = e ? *e : (struct mitigator_events){0};
}

size_t
recorder_active(const struct recorder *r)
{
	return r->n_active;
}

unsigned
recorder_starts(const struct recorder *r)
{
	return r->starts;
}

unsigned
recorder_stops(const struct recorder *r)
{
	return r->stops;
}

void
recorder_counters(struct recorder *r, uint64_t packets, uint64_t bytes)
{
	for (size_t i = 0; i < r->n_active; i++)
		r->events.counters(r->events.arg, r->active[i], packets, bytes);
}
