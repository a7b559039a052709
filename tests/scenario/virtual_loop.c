/* base/loop.h in virtual time, and the clock of the world. */
#include <stdio.h>

#include "world.h"

enum { TURNS_AT_ONCE_MAX = 20000 };
static const mono_ms first_moment = 1000 * S;
static const wall_ms epoch = 1700000000000;

struct world world;

/* ---- timers -------------------------------------------------------------------------------- */

struct timer *
timer_new(struct loop *l, timer_cb cb, void *arg)
{
	struct timer *t = mem_new(sizeof(*t));

	t->loop = l;
	t->cb = cb;
	t->arg = arg;
	TAILQ_INSERT_TAIL(&l->timers, t, entry);
	return t;
}

void
timer_at(struct timer *t, mono_ms when)
{
	t->armed = true;
	t->when = when > world.now ? when : world.now;
	t->number = ++world.numbers;
}

void
timer_after(struct timer *t, int64_t ms)
{
	timer_at(t, world.now + ms);
}

void
timer_stop(struct timer *t)
{
	t->armed = false;
}

void
timer_free(struct timer *t)
{
	if (!t)
		return;
	TAILQ_REMOVE(&t->loop->timers, t, entry);
	free(t);
}

/* The first that is due, of those armed before this turn began. */
static struct timer *
due_timer(const struct loop *l, uint64_t limit)
{
	struct timer *t, *first = NULL;

	TAILQ_FOREACH(t, &l->timers, entry)
		if (t->armed && t->when <= world.now && t->number <= limit &&
			(!first || t->when < first->when ||
				(t->when == first->when && t->number < first->number)))
			first = t;
	return first;
}

/* ---- the rest of the interface ------------------------------------------------------------- */

struct loop *
loop_new(void)
{
	return virtual_host("host");
}

void
loop_free(struct loop *l)
{
	(void)l; /* with the world */
}

void
loop_run(struct loop *l)
{
	while (!l->stopped && virtual_step(INT64_MAX))
		;
	l->stopped = false;
}

void
loop_stop(struct loop *l)
{
	l->stopped = true;
}

mono_ms
loop_now(const struct loop *l)
{
	(void)l;
	return world.now;
}

wall_ms
loop_wall(void)
{
	return world.now + world.wall;
}

void
loop_at_turn_end(struct loop *l, void (*cb)(void *arg), void *arg)
{
	assert_true(l->n_turn_ends < TURN_ENDS_MAX);
	l->turn_end[l->n_turn_ends].cb = cb;
	l->turn_end[l->n_turn_ends++].arg = arg;
}

static struct job *
add_job(struct loop *l, void (*done)(void *arg), void *arg)
{
	struct job *j = mem_new(sizeof(*j));

	j->done = done;
	j->arg = arg;
	STAILQ_INSERT_TAIL(&l->jobs, j, entry);
	return j;
}

void
world_job(struct loop *l, void (*done)(void *arg), void *arg)
{
	add_job(l, done, arg)->owns = true;
}

void
loop_work(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	work(arg);
	add_job(l, done, arg);
}

/* Nothing here has descriptors: no role watches one. */
struct watch *
watch_new(struct loop *l, int fd, int events, watch_cb cb, void *arg)
{
	(void)l;
	(void)fd;
	(void)events;
	(void)cb;
	(void)arg;
	fail_msg("a role watches a descriptor");
	return NULL;
}

void
watch_events(struct watch *w, int events)
{
	(void)w;
	(void)events;
}

void
watch_free(struct watch *w)
{
	(void)w;
}

struct signal_watch *
signal_new(struct loop *l, int signo, void (*cb)(void *arg, int signo), void *arg)
{
	(void)l;
	(void)signo;
	(void)cb;
	(void)arg;
	fail_msg("a role watches a signal");
	return NULL;
}

void
signal_free(struct signal_watch *s)
{
	(void)s;
}

/* ---- turns --------------------------------------------------------------------------------- */

static bool
run_timers(struct loop *l, uint64_t limit)
{
	struct timer *t;
	bool any = false;

	while (!l->crashed && (t = due_timer(l, limit))) {
		t->armed = false;
		any = true;
		t->cb(t->arg);
	}
	return any;
}

static bool
run_jobs(struct loop *l)
{
	struct jobs now = STAILQ_HEAD_INITIALIZER(now);
	struct job *j;
	bool any = !STAILQ_EMPTY(&l->jobs);

	STAILQ_CONCAT(&now, &l->jobs);
	while ((j = STAILQ_FIRST(&now))) {
		STAILQ_REMOVE_HEAD(&now, entry);
		if (!l->crashed)
			j->done(j->arg);
		if (j->owns)
			free(j->arg);
		free(j);
	}
	return any;
}

static void
end_turn(struct loop *l)
{
	for (size_t i = 0; i < l->n_turn_ends && !l->crashed; i++)
		l->turn_end[i].cb(l->turn_end[i].arg);
}

void
virtual_turn(struct loop *l)
{
	end_turn(l);
}

/* One turn of everybody, then the packets that arrive, each a turn of its receiver. */
static bool
turn(void)
{
	uint64_t limit = world.numbers;
	struct loop *l;
	struct flight *f;
	bool any = false;

	TAILQ_FOREACH(l, &world.hosts, entry) {
		bool did = run_timers(l, limit);

		did |= run_jobs(l);
		if (did)
			end_turn(l);
		any |= did;
	}
	while ((f = TAILQ_FIRST(&world.flights)) && f->arrives <= world.now && f->number <= limit) {
		TAILQ_REMOVE(&world.flights, f, entry);
		session_arrive(f);
		free(f);
		TAILQ_FOREACH(l, &world.hosts, entry)
			end_turn(l);
		any = true;
	}
	return any;
}

static mono_ms
next_moment(void)
{
	const struct flight *f = TAILQ_FIRST(&world.flights);
	mono_ms first = f ? f->arrives : INT64_MAX;
	const struct loop *l;
	const struct timer *t;

	TAILQ_FOREACH(l, &world.hosts, entry) {
		if (l->crashed)
			continue;
		if (!STAILQ_EMPTY(&l->jobs))
			return world.now;
		TAILQ_FOREACH(t, &l->timers, entry)
			if (t->armed && t->when < first)
				first = t->when;
	}
	return first;
}

bool
virtual_step(mono_ms until)
{
	static mono_ms last;
	static unsigned turns;
	mono_ms next = next_moment();

	if (next > until) {
		if (world.now < until)
			world.now = until;
		return false;
	}
	if (world.now < next)
		world.now = next;
	turns = world.now == last ? turns + 1 : 0;
	last = world.now;
	if (turns > TURNS_AT_ONCE_MAX)
		fail_msg("the clock stands still at %lld", (long long)world.now);
	turn();
	return true;
}

void
virtual_run(int64_t ms)
{
	mono_ms until = world.now + ms;

	while (virtual_step(until))
		;
}

mono_ms
virtual_now(void)
{
	return world.now;
}

void
virtual_jump_wall(int64_t ms)
{
	world.wall += ms;
}

/* ---- hosts --------------------------------------------------------------------------------- */

struct loop *
virtual_host(const char *name)
{
	struct loop *l = mem_new(sizeof(*l));

	snprintf(l->name, sizeof(l->name), "%s", name);
	TAILQ_INIT(&l->timers);
	STAILQ_INIT(&l->jobs);
	TAILQ_INIT(&l->dialled);
	l->ticket_key = ++world.tickets;
	TAILQ_INSERT_TAIL(&world.hosts, l, entry);
	l->store = store_new(l);
	return l;
}

void
virtual_crash(struct loop *l)
{
	l->crashed = true;
}

bool
virtual_crashed(const struct loop *l)
{
	return l->crashed;
}

void
virtual_boot(struct loop *l)
{
	run_jobs(l); /* forgets them */
	store_boot(l->store);
	l->crashed = false;
}

static void
host_free(struct loop *l)
{
	store_free(l->store);
	l->crashed = true;
	run_jobs(l); /* forgets them */
	assert_true(TAILQ_EMPTY(&l->timers));
	assert_true(TAILQ_EMPTY(&l->dialled));
	free(l);
}

/* ---- packets and events kept --------------------------------------------------------------- */

static void
on_event(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	struct happening *h;
	struct buf text;

	(void)arg;
	if (world.n_events == world.cap_events) {
		world.cap_events = world.cap_events ? 2 * world.cap_events : 256;
		world.events = mem_grow(world.events, world.cap_events, sizeof(*world.events));
	}
	buf_init(&text, 8192);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].is_number)
			buf_printf(&text, " %s=%lld", fields[i].name, (long long)fields[i].number);
		else if (fields[i].text)
			buf_printf(&text, " %s=%s", fields[i].name, fields[i].text);
	}
	h = &world.events[world.n_events++];
	*h = (struct happening){world.now, id, mem_text(buf_text(&text))};
	buf_finish(&text);
}

size_t
virtual_events(enum event_id id, const char *part)
{
	size_t n = 0;

	for (size_t i = world.events_mark; i < world.n_events; i++)
		n += world.events[i].id == id && strstr(world.events[i].text, part) != NULL;
	return n;
}

int64_t
virtual_events_gap(enum event_id id, const char *part)
{
	int64_t least = INT64_MAX;
	mono_ms last = 0;

	for (size_t i = world.events_mark; i < world.n_events; i++) {
		const struct happening *h = &world.events[i];

		if (h->id != id || !strstr(h->text, part))
			continue;
		if (last && h->at - last < least)
			least = h->at - last;
		last = h->at;
	}
	return least;
}

void
virtual_mark(void)
{
	world.packets_mark = world.n_packets;
	world.events_mark = world.n_events;
}

static bool
is_wanted(const struct packet *p, const struct want *w)
{
	return (!w->from || p->from == w->from) && (!w->kind || p->kind == w->kind) &&
	       (!w->code || (p->kind == DATA && p->code == w->code)) &&
	       (!w->resource || (p->kind == DATA && p->resource == w->resource)) &&
	       (!w->mid || p->mid == w->mid) && (!w->dial || p->dial == w->dial) &&
	       (!w->interface || !strcmp(p->interface, w->interface)) &&
	       (!w->arrived || !p->lost) && (!w->first || !p->repeated);
}

size_t
virtual_count(const struct want *w)
{
	size_t n = 0;

	for (size_t i = world.packets_mark; i < world.n_packets; i++)
		n += is_wanted(world.packets[i], w);
	return n;
}

const struct packet *
virtual_packet(const struct want *w, size_t n)
{
	for (size_t i = world.packets_mark; i < world.n_packets; i++)
		if (is_wanted(world.packets[i], w) && n-- == 0)
			return world.packets[i];
	fail_msg("there is no such packet");
	return NULL;
}

int64_t
virtual_gap(const struct want *w)
{
	int64_t least = INT64_MAX;
	mono_ms last = 0;

	for (size_t i = world.packets_mark; i < world.n_packets; i++) {
		const struct packet *p = world.packets[i];

		if (!is_wanted(p, w))
			continue;
		if (last && p->at - last < least)
			least = p->at - last;
		last = p->at;
	}
	return least;
}

/* ---- what a failure shows ------------------------------------------------------------------ */

static void
show_packet(const struct packet *p)
{
	static const char *const kinds[] = {
		"", "hello", "hello-reply", "finish", "finish-reply", "data", "close"};
	static const char *const resources[] = {"", "mitigate", "config", "hb"};
	char code[5];

	print_message("%10.3f %-8s %c%llu %s%s %s %s %u%s%s%s\n",
		(double)(p->at - first_moment) / S, p->from->name, p->outward ? '>' : '<',
		(unsigned long long)p->dial, kinds[p->kind], p->resumed ? " resumed" : "",
		p->kind == DATA ? coap_code_format(p->code, code) : "", resources[p->resource],
		p->mid, p->observe ? " observe" : "", p->repeated ? " again" : "",
		p->lost ? " lost" : "");
}

void
virtual_late(const char *expression, const char *file, int line)
{
	size_t from = world.n_packets > 60 ? world.n_packets - 60 : 0;
	size_t e = world.n_events > 60 ? world.n_events - 60 : 0;

	for (; e < world.n_events; e++)
		print_message("%10.3f %s%s\n", (double)(world.events[e].at - first_moment) / S,
			event_name(world.events[e].id), world.events[e].text);
	for (; from < world.n_packets; from++)
		show_packet(world.packets[from]);
	print_message("now %.3f\n", (double)(world.now - first_moment) / S);
	print_error("never true: %s\n", expression);
	_fail(file, line);
}

/* ---- the world ----------------------------------------------------------------------------- */

void
virtual_start(void)
{
	world = (struct world){.now = first_moment, .wall = epoch - first_moment};
	TAILQ_INIT(&world.hosts);
	TAILQ_INIT(&world.listeners);
	TAILQ_INIT(&world.flights);
	world.requests = map_new();
	event_clear_sinks();
	event_add_sink(on_event, NULL);
}

void
virtual_end(void)
{
	struct flight *f;
	struct loop *l;

	event_clear_sinks();
	while ((f = TAILQ_FIRST(&world.flights))) {
		TAILQ_REMOVE(&world.flights, f, entry);
		free(f);
	}
	while ((l = TAILQ_FIRST(&world.hosts))) {
		TAILQ_REMOVE(&world.hosts, l, entry);
		host_free(l);
	}
	for (size_t i = 0; i < world.n_packets; i++) {
		free(world.packets[i]->bytes);
		free(world.packets[i]);
	}
	for (size_t i = 0; i < world.n_events; i++)
		free(world.events[i].text);
	free(world.packets);
	free(world.events);
	map_free(world.requests);
	world_zone_free();
}
