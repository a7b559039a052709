/* Wishes in virtual time, with a store that survives "crashes" (rules M3, M6, M8, M16; RFC
 * 9132 4.4). */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#include "homing/placement.h"
#include "homing/target.h"
#include "wire/coap.h"

enum { S = 1000 };
static const wall_ms epoch = 1700000000000;

struct world {
	struct homing *h;
	struct persist *p;
	struct wishes *w;
	struct arena *a;
	mono_ms now;
	/* what the actions of the last run were */
	int puts, deletes, repeats, parallels, observes, reports[16];
	uint32_t server, mid; /* of the last PUT or DELETE */
	bool refresh;
	uint8_t hop_limit; /* of the last PUT */
	bool if_match;
	uint64_t attack_status;
	char last_report[200];
};

static const char *const two_isps[] = {
	"isp1 wan1 192.0.2.64/26 s1,s1b", "isp2 wan2 198.51.100.64/26 s2"};

static void
drain(struct world *x)
{
	struct wish_action a;

	x->puts = x->deletes = x->repeats = x->parallels = x->observes = 0;
	memset(x->reports, 0, sizeof(x->reports));
	while (wishes_next(x->w, x->now, epoch + x->now, &a)) {
		x->puts += a.kind == WISH_ACTION_PUT;
		x->deletes += a.kind == WISH_ACTION_DELETE;
		x->repeats += a.kind == WISH_ACTION_REPEAT;
		x->parallels += a.kind == WISH_ACTION_PARALLEL;
		x->observes += a.kind == WISH_ACTION_OBSERVE;
		if (a.kind == WISH_ACTION_REPORT) {
			x->reports[a.report]++;
			snprintf(x->last_report, sizeof(x->last_report), "%s", a.reason);
		}
		if (a.kind == WISH_ACTION_PUT || a.kind == WISH_ACTION_DELETE) {
			x->server = a.server;
			x->mid = a.mid;
			x->refresh = a.refresh;
			x->hop_limit = a.hop_limit;
			x->if_match = a.if_match;
			x->attack_status = a.scope.attack_status;
		}
	}
}

static void
until(struct world *x, mono_ms when)
{
	x->now = when;
	drain(x);
}

static int
setup_with(void **state, const char *const *domains)
{
	struct world *x = mem_new(sizeof(*x));
	char why[100];

	x->h = make_homing(domains, 2);
	assert_int_equal(homing_index(x->h, why, sizeof(why)), 0);
	x->p = memory_store_new();
	x->w = wishes_new(x->h, x->p, NULL);
	x->a = arena_new();
	for (uint32_t i = 0; i < x->h->n_servers; i++)
		wishes_available(x->w, i, SERVER_AVAILABLE, 0, epoch);
	drain(x);
	*state = x;
	return 0;
}

static int
setup(void **state)
{
	return setup_with(state, two_isps);
}

static int
setup_gateways(void **state)
{
	static const char *const gateways[] = {"@g1 eth0 - gw1", "@g2 eth0 - gw2"};

	return setup_with(state, gateways);
}

static int
teardown(void **state)
{
	struct world *x = *state;

	wishes_free(x->w);
	memory_store_free(x->p);
	homing_free(x->h);
	arena_free(x->a);
	free(x);
	return 0;
}

/* The process dies here and comes back: only the store is left. */
static void
crash(struct world *x)
{
	wishes_free(x->w);
	x->w = wishes_new(x->h, x->p, NULL);
	wishes_restore(x->w, x->now, epoch + x->now);
	for (uint32_t i = 0; i < x->h->n_servers; i++)
		wishes_available(x->w, i, SERVER_AVAILABLE, x->now, epoch + x->now);
	drain(x);
}

static int
ask(struct world *x, const char *id, const char *target)
{
	struct target t = target_from(x->a, target);
	struct wish_request r = {
		.id = id, .asker = "operator", .target = &t, .trigger_mitigation = true};
	char made[WISH_ID_MAX], why[200];
	int error = wishes_ask(x->w, &r, x->now, epoch + x->now, made, why, sizeof(why));

	drain(x);
	return error;
}

static void
answer(struct world *x, uint8_t method, uint8_t code, int64_t lifetime)
{
	struct wish_answer a = {.method = method, .code = code, .lifetime = lifetime};

	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
}

static enum wish_state
state_of(struct world *x, const char *id)
{
	struct wish_view v;

	if (!wishes_view(x->w, id, x->now, x->a, &v))
		fail_msg("no wish %s", id);
	return v.parts[0].state;
}

static void
release(struct world *x, const char *id)
{
	assert_int_equal(wishes_release(x->w, id, x->now, epoch + x->now), 0);
	drain(x);
}

/* 9132-4.4.1.1-26, 9132-4.4.1.1-29 */
static void
a_wish_is_sent_accepted_observed(void **state)
{
	struct world *x = *state;

	assert_int_equal(ask(x, "a", "198.51.100.66/32"), 0);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->server, server_named(x->h, "s2"));
	assert_int_equal(x->reports[WISH_REPORT_PLANNED], 1);
	assert_int_equal(state_of(x, "a"), WISH_SENT);
	uint32_t mid = x->mid;

	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(x->observes, 1);
	assert_int_equal(x->reports[WISH_REPORT_PLACED], 1);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	ask(x, "b", "198.51.100.70/32");
	assert_true(x->mid > mid);
}

/* 8612-GEN-002-01, 9132-4.4-06, 9132-4.4-07, 9132-4.7-21, 9132-4.7-22: every 3 s; a second session
 * once a repeat stayed unanswered, and no sooner than 60 s after that again. */
static void
unanswered_it_is_repeated_and_a_second_session_tried(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	until(x, 3 * S - 1);
	assert_int_equal(x->repeats, 0);
	until(x, 3 * S);
	assert_int_equal(x->repeats, 1);
	assert_int_equal(x->parallels, 0);
	assert_int_equal(state_of(x, "a"), WISH_SILENT);
	until(x, 6 * S);
	assert_int_equal(x->repeats, 1);
	assert_int_equal(x->parallels, 1);
	int parallels = 0, repeats = 0;

	for (int t = 7; t <= 66; t++) {
		until(x, t * S);
		parallels += x->parallels;
		repeats += x->repeats;
	}
	assert_int_equal(parallels, 0);
	assert_int_equal(repeats, 20);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
}

/* 9132-4.4.1.1-65: refreshed at half of what was granted. */
static void
it_is_refreshed_until_released(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 1000);
	uint32_t mid = x->mid;

	until(x, 499 * S);
	assert_int_equal(x->puts, 0);
	until(x, 500 * S);
	assert_int_equal(x->puts, 1);
	assert_true(x->refresh);
	assert_int_equal(x->mid, mid); /* 9132-4.4.1.3-48 */
	answer(x, COAP_PUT, COAP_204_CHANGED, 1000);
	until(x, 1000 * S);
	assert_int_equal(x->puts, 1);
}

/* 8612-SIG-009-01, 9132-4.4.3-01, 9132-4.4.3-02, 9132-4.4.3-03: told with a refresh, once. */
static void
how_effective_it_is_is_told_with_a_refresh(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	assert_int_equal(wishes_efficacy(x->w, "a", UNDER_ATTACK, x->now), -ENOENT);
	ask(x, "a", "198.51.100.66/32");
	wishes_efficacy(x->w, "a", UNDER_ATTACK, x->now); /* nothing is in place yet */
	drain(x);
	assert_int_equal(x->puts, 0);
	answer(x, COAP_PUT, COAP_201_CREATED, 1000);
	mid = x->mid;
	x->now = 10 * S;
	assert_int_equal(wishes_efficacy(x->w, "a", UNDER_ATTACK, x->now), 0);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_true(x->mid == mid && x->refresh && x->if_match);
	assert_int_equal(x->attack_status, UNDER_ATTACK);
	answer(x, COAP_PUT, COAP_204_CHANGED, 1000);
	until(x, 511 * S);
	assert_true(x->puts == 1 && x->refresh && !x->if_match);
	assert_int_equal(x->attack_status, 0);
}

/* 9132-4.4.3-10: silence may mean that the server has forgotten it, a refusal that it knows no such
 * updates: the request itself is asked for again. */
static void
an_update_that_is_not_taken_ends_nothing(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 1000);
	wishes_efficacy(x->w, "a", ATTACK_STATUS_SUCCESSFULLY_MITIGATED, x->now);
	drain(x);
	assert_true(x->if_match);
	until(x, 3 * S);
	assert_true(x->puts == 1 && !x->if_match && x->repeats == 0);
	answer(x, COAP_PUT, COAP_201_CREATED, 1000);
	wishes_efficacy(x->w, "a", UNDER_ATTACK, x->now);
	drain(x);
	assert_true(x->if_match);
	answer(x, COAP_PUT, COAP_400_BAD_REQUEST, 0);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	assert_true(x->puts == 1 && !x->if_match);
	answer(x, COAP_PUT, COAP_204_CHANGED, 1000);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	/* 9132-4.4.3-13, 9132-4.4.3-14: later, it says */
	wishes_efficacy(x->w, "a", UNDER_ATTACK, x->now);
	drain(x);
	answer(x, COAP_PUT, COAP_503_SERVICE_UNAVAILABLE, 0);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	assert_int_equal(x->puts, 0);
}

/* 9284-5.1-15 (M3) */
static void
pending_is_told_once_and_sent_when_the_server_is_back(void **state)
{
	struct world *x = *state;
	uint32_t s2 = server_named(x->h, "s2");

	wishes_available(x->w, s2, SERVER_UNAVAILABLE, 0, epoch);
	drain(x);
	assert_int_equal(ask(x, "a", "198.51.100.66/32"), 0);
	assert_int_equal(x->puts, 0);
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 1);
	assert_int_equal(state_of(x, "a"), WISH_PENDING);
	until(x, 500 * S);
	assert_int_equal(x->puts, 0);
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 0);
	wishes_available(x->w, s2, SERVER_AVAILABLE, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->server, s2);
}

/* 9284-5.1-17: asked all the same, but the operator knows; once an exchange, each target by itself.
 */
static void
a_server_that_does_not_answer_is_told(void **state)
{
	struct world *x = *state;

	wishes_available(x->w, server_named(x->h, "s2"), SERVER_SILENT, 0, epoch);
	drain(x);
	assert_int_equal(ask(x, "a", "198.51.100.66/32,198.51.100.70/32"), 0);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 2);
	for (int t = 1; t <= 9; t++) {
		until(x, t * S);
		assert_int_equal(x->reports[WISH_REPORT_PENDING], 0);
	}
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);

	assert_int_equal(ask(x, "b", "192.0.2.66/32"), 0); /* here nobody knew before */
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 0);
	until(x, 12 * S);
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 1);
	assert_non_null(strstr(x->last_report, "s1 has not answered"));
	until(x, 15 * S);
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 0);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	until(x, x->now + 1800 * S); /* a refresh: the request stands, nothing waits for it */
	assert_true(x->puts > 0);
	until(x, x->now + 3 * S);
	assert_true(x->repeats > 0);
	assert_int_equal(x->reports[WISH_REPORT_PENDING], 0);
}

/* 9284-5.1-16 */
static void
a_foreign_target_is_not_kept(void **state)
{
	struct world *x = *state;

	assert_int_equal(ask(x, "a", "203.0.113.1/32"), -EPERM);
	assert_int_equal(x->puts, 0);
	assert_int_equal(wishes_count(x->w), 0);
	assert_int_equal(memory_store_count(x->p, "wish"), 0);
}

/* M16 */
static void
a_crash_loses_nothing_and_resurrects_nothing(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	uint32_t mid = x->mid;

	crash(x);
	assert_int_equal(x->puts, 1); /* not answered yet: again, under the same mid */
	assert_int_equal(x->mid, mid);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	crash(x);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	assert_int_equal(x->mid, mid);
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	release(x, "a");
	assert_int_equal(x->deletes, 1);
	crash(x);
	assert_int_equal(x->puts, 0);
	assert_int_equal(x->deletes, 1); /* the withdrawal goes on */
	assert_int_equal(x->mid, mid);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	crash(x);
	assert_int_equal(x->puts + x->deletes, 0);
	assert_int_equal(wishes_count(x->w), 0);
	assert_int_equal(memory_store_count(x->p, "placement"), 0);
}

/* 9132-4.4.1.1-26, 9132-4.4.1.1-25: mids only grow, over crashes too. */
static void
mids_are_never_used_twice(void **state)
{
	struct world *x = *state;
	uint32_t last = 0;
	char id[8], target[32];

	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "w%d", i);
		snprintf(target, sizeof(target), "198.51.100.%d/32", 64 + i);
		ask(x, id, target);
		assert_true(x->mid > last);
		last = x->mid;
		if (i % 7 == 0)
			crash(x);
	}
}

/* 9132-4.4.4-01: repeated until answered; over when the request has expired there. */
static void
a_withdrawal_is_repeated_until_answered_or_expired(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 100);
	release(x, "a");
	assert_int_equal(x->deletes, 1);
	until(x, 3 * S);
	assert_int_equal(x->repeats, 1);
	assert_int_equal(wishes_count(x->w), 1);
	until(x, 100 * S);
	assert_int_equal(wishes_count(x->w), 0);
	assert_int_equal(x->reports[WISH_REPORT_RELEASED], 1);
}

/* M8 */
static void
the_last_release_withdraws(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.64/28");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	ask(x, "b", "198.51.100.66/32"); /* narrower: joins */
	assert_int_equal(x->puts, 0);
	assert_int_equal(state_of(x, "b"), WISH_PLACED);
	release(x, "a");
	assert_int_equal(x->deletes, 0);
	release(x, "b");
	assert_int_equal(x->deletes, 1);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(wishes_count(x->w), 0);
}

/* 8811-2.2.1-05, 8612-SIG-008-07 */
static void
a_wider_ask_takes_a_new_mid_and_the_old_one_goes_without_a_word(void **state)
{
	struct world *x = *state;
	uint32_t old;

	ask(x, "a", "198.51.100.66/32");
	old = x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	ask(x, "b", "198.51.100.64/28");
	assert_int_equal(x->puts, 1);
	assert_true(x->mid > old);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(x->deletes, 0); /* the server deleted it by itself (9132-4.4.1.3-19) */
	assert_int_equal(memory_store_count(x->p, "placement"), 1);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
}

/* M6: same mid at the next server; withdrawal at both. */
static void
the_next_server_of_the_domain_takes_over(void **state)
{
	struct world *x = *state;
	uint32_t s1 = server_named(x->h, "s1"), s1b = server_named(x->h, "s1b"), mid;

	ask(x, "a", "192.0.2.66/32");
	mid = x->mid;
	assert_int_equal(x->server, s1);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wishes_available(x->w, s1, SERVER_UNAVAILABLE, x->now, epoch);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->server, s1b);
	assert_int_equal(x->mid, mid);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wishes_available(x->w, s1, SERVER_AVAILABLE, x->now, epoch);
	drain(x);
	assert_int_equal(x->puts, 0); /* it stays where it is */
	release(x, "a");
	assert_int_equal(x->deletes, 2);
}

/* The one that was given up is not refreshed; it is forgotten when it has expired there. */
static void
what_stands_by_runs_out(void **state)
{
	struct world *x = *state;
	uint32_t s1 = server_named(x->h, "s1"), s1b = server_named(x->h, "s1b");

	ask(x, "a", "192.0.2.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 100);
	wishes_available(x->w, s1, SERVER_UNAVAILABLE, x->now, epoch);
	drain(x);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wishes_available(x->w, s1, SERVER_AVAILABLE, x->now, epoch);
	until(x, x->now + 99 * S);
	assert_int_equal(x->puts, 0);
	assert_int_equal(memory_store_count(x->p, "placement"), 2);
	until(x, x->now + 1 * S);
	assert_int_equal(memory_store_count(x->p, "placement"), 1);
	release(x, "a");
	assert_int_equal(x->deletes, 1);
	assert_int_equal(x->server, s1b);
}

/* M8: what a newer mid was to replace is withdrawn with it, when that was never accepted. */
static void
the_replaced_one_goes_with_its_successor(void **state)
{
	struct world *x = *state;
	uint32_t old;

	ask(x, "a", "198.51.100.66/32");
	old = x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	ask(x, "b", "198.51.100.64/28"); /* not answered */
	assert_true(x->mid > old);
	release(x, "a");
	assert_int_equal(x->deletes, 0);
	release(x, "b");
	assert_int_equal(x->deletes, 2);
	until(x, x->now + 2000 * S);
	assert_int_equal(x->puts, 0);
}

/* ---- many at once, against a plan of everything ---- */

enum { MANY = 24, STEPS = 1000, SEEDS = 8 };

static uint32_t
dice(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* Planning a part of it led to where planning all of it leads. */
static void
assert_settled(struct world *x)
{
	struct wishes *w = x->w;
	struct arena *a = arena_new();
	struct ask *asks = arena_alloc(a, w->n + 1, sizeof(*asks));
	struct live *live = arena_alloc(a, w->n_placements + 1, sizeof(*live));
	struct placement **at = arena_alloc(a, w->n_placements + 1, sizeof(struct placement *));
	size_t n_asks = 0, n_live = 0, n_refused = 0;
	struct plan p;

	for (size_t i = 0; i < w->n_placements; i++)
		if (w->placements[i]->index == w->live) {
			struct placement *q = w->placements[i];

			q->planned = n_live;
			at[n_live] = q;
			n_refused += placement_is_refused(q);
			live[n_live++] = (struct live){.server = q->server,
				.mid = q->mid,
				.target = q->target,
				.trigger_mitigation = q->trigger_mitigation,
				.refused = placement_is_refused(q)};
		}
	for (size_t i = 0; i < w->n; i++) {
		const struct wish *wish = w->list[i];
		size_t *by = arena_alloc(a, wish->n_held + 1, sizeof(*by)), n = 0;

		for (size_t k = 0; k < wish->n_held; k++)
			if (wish->held[k]->index == w->live)
				by[n++] = wish->held[k]->planned;
		if (!wish->releasing)
			asks[n_asks++] = (struct ask){.id = wish->id,
				.target = wish->target,
				.names = wish->names,
				.n_names = wish->n_names,
				.trigger_mitigation = wish->trigger_mitigation,
				.served_by = by,
				.n_served_by = n};
	}
	plan(w->homing, asks, n_asks, live, n_live, w->available, a, &p);
	assert_int_equal(p.n_withdraw, 0);
	assert_int_equal(p.n_requests, n_live - n_refused);
	for (size_t i = 0; i < p.n_requests; i++) {
		const struct placement *q;

		assert_true(p.requests[i].live >= 0);
		q = at[p.requests[i].live];
		assert_int_equal(q->n_asks, p.requests[i].n_asks);
		for (size_t k = 0; k < q->n_asks; k++)
			assert_string_equal(q->asks[k], p.requests[i].asks[k]);
	}
	for (size_t i = 0; i < n_live; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(live[i].refused || live[k].refused ||
				    live[i].server != live[k].server ||
				    live[i].trigger_mitigation != live[k].trigger_mitigation ||
				    !target_overlaps(&live[i].target, &live[k].target));
	arena_free(a);
}

static void
ask_something(struct world *x, uint32_t *seed)
{
	static const char *const nets[] = {"192.0.2", "198.51.100"};
	char id[8], target[96], why[WISH_WHY_MAX], made[WISH_ID_MAX];
	unsigned len = 28 + dice(seed, 5), host = dice(seed, 16) & (0xff << (32 - len));
	struct wish_request r = {.id = id,
		.asker = "operator",
		.trigger_mitigation = dice(seed, 8) != 0,
		.duration = dice(seed, 3) ? 0 : 10 + dice(seed, 100)};
	struct target t;

	snprintf(id, sizeof(id), "%u", dice(seed, MANY));
	snprintf(target, sizeof(target), "%s.%u/%u%s %s", nets[dice(seed, 2)], 64 + host, len,
		dice(seed, 4) ? "" : ",192.0.2.66/32,198.51.100.70/31",
		dice(seed, 3) ? "- -" : "17 53");
	t = target_from(x->a, target);
	r.target = &t;
	(void)wishes_ask(x->w, &r, x->now, epoch + x->now, made, why, sizeof(why));
}

static void
answer_something(struct world *x, uint32_t *seed)
{
	static const uint8_t codes[] = {COAP_201_CREATED, COAP_201_CREATED, COAP_201_CREATED,
		COAP_400_BAD_REQUEST, COAP_503_SERVICE_UNAVAILABLE};
	struct placement *p;
	struct wish_answer a = {.code = codes[dice(seed, 5)], .lifetime = 60};

	if (!x->w->n_placements)
		return;
	p = x->w->placements[dice(seed, (uint32_t)x->w->n_placements)];
	if (p->exchange != EXCHANGE_OPEN)
		return;
	a.method = p->state == PLACEMENT_GOING ? COAP_DELETE : COAP_PUT;
	if (a.method == COAP_DELETE)
		a.code = COAP_202_DELETED;
	wishes_answer(x->w, p->server, p->mid, &a, x->now, epoch + x->now);
}

static void
do_something(struct world *x, uint32_t *seed)
{
	char id[8];

	snprintf(id, sizeof(id), "%u", dice(seed, MANY));
	switch (dice(seed, 8)) {
	case 0:
	case 1:
	case 2:
		ask_something(x, seed);
		break;
	case 3:
		wishes_release(x->w, id, x->now, epoch + x->now);
		break;
	case 4:
		wishes_available(x->w, dice(seed, 3),
			dice(seed, 3) ? SERVER_AVAILABLE : SERVER_UNAVAILABLE, x->now,
			epoch + x->now);
		break;
	case 5:
		x->now += dice(seed, 5) * S;
		break;
	default:
		answer_something(x, seed);
	}
	drain(x);
}

static void
a_part_is_planned_as_the_whole_would_be(void **state)
{
	struct world *x = *state;
	char id[8];

	for (uint32_t s = 1; s <= SEEDS; s++) {
		uint32_t seed = s;

		for (int i = 0; i < STEPS; i++) {
			do_something(x, &seed);
			assert_settled(x);
		}
		for (int i = 0; i < MANY; i++) {
			snprintf(id, sizeof(id), "%d", i);
			wishes_release(x->w, id, x->now, epoch + x->now);
		}
		until(x, x->now + 100000 * S);
		assert_int_equal(wishes_count(x->w), 0);
		assert_int_equal(memory_store_count(x->p, "placement"), 0);
		assert_int_equal(memory_store_count(x->p, "wish"), 0);
	}
}

/* M6: each request is followed by its own. */
static void
requests_that_differ_in_trigger_only_keep_their_mids_at_the_next_server(void **state)
{
	struct world *x = *state;
	struct target t = target_from(x->a, "192.0.2.66/32");
	struct wish_request r = {.id = "b", .asker = "o", .target = &t};
	uint32_t s1 = server_named(x->h, "s1"), first, second;
	struct wish_view v;
	char made[WISH_ID_MAX], why[200];

	ask(x, "a", "192.0.2.66/32");
	first = x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(wishes_ask(x->w, &r, x->now, epoch, made, why, sizeof(why)), 0);
	drain(x);
	second = x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_not_equal(first, second);
	wishes_available(x->w, s1, SERVER_UNAVAILABLE, x->now, epoch);
	drain(x);
	assert_int_equal(x->puts, 2);
	assert_true(wishes_view(x->w, "a", x->now, x->a, &v));
	assert_int_equal(v.parts[0].mid, first);
	assert_true(wishes_view(x->w, "b", x->now, x->a, &v));
	assert_int_equal(v.parts[0].mid, second);
}

/* M6: back at the first server it is the request that stayed there, not a second one of that mid.
 */
static void
the_first_server_takes_its_own_request_back(void **state)
{
	struct world *x = *state;
	uint32_t s1 = server_named(x->h, "s1"), s1b = server_named(x->h, "s1b"), mid;

	ask(x, "a", "192.0.2.66/32");
	mid = x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wishes_available(x->w, s1, SERVER_UNAVAILABLE, x->now, epoch);
	drain(x);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wishes_available(x->w, s1, SERVER_AVAILABLE, x->now, epoch);
	wishes_available(x->w, s1b, SERVER_UNAVAILABLE, x->now, epoch);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->server, s1);
	assert_int_equal(x->mid, mid);
	assert_int_equal(memory_store_count(x->p, "placement"), 2);
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	until(x, x->now + 3 * S);
	assert_int_equal(x->repeats, 0); /* the answer found it */
}

static bool
as_before(void *arg, const struct wish_leaving *l)
{
	(void)arg;
	(void)l;
	return false;
}

/* M17 */
static void
what_a_reload_takes_from_a_provider_is_withdrawn_there(void **state)
{
	static const char *const narrower[] = {
		"isp1 wan1 192.0.2.64/26 s1,s1b", "isp2 wan2 198.51.100.64/27 s2"};
	struct world *x = *state;
	struct homing *old = x->h;
	uint32_t first;
	char why[100];

	ask(x, "a", "198.51.100.70/32,198.51.100.100/32");
	first = x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	x->h = make_homing(narrower, 2);
	assert_int_equal(homing_index(x->h, why, sizeof(why)), 0);
	wishes_reload(x->w, x->h, as_before, NULL, x->now, epoch + x->now);
	homing_free(old);
	drain(x);
	assert_int_equal(x->deletes, 1); /* it named 198.51.100.100 */
	assert_int_equal(x->puts, 1);
	assert_true(x->mid > first);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	until(x, 1800 * S);
	assert_int_equal(x->puts, 1); /* one is refreshed: the new one */
	assert_true(x->mid > first);
}

static void
refusals_are_told_and_not_retried(void **state)
{
	struct world *x = *state;
	struct wish_answer no = {.method = COAP_PUT, .code = COAP_400_BAD_REQUEST, .why = "no"};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &no, x->now, epoch);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 1);
	assert_int_equal(state_of(x, "a"), WISH_REFUSED);
	until(x, 1000 * S);
	assert_int_equal(x->puts + x->repeats, 0);
	release(x, "a"); /* nothing stands there: nothing to withdraw */
	assert_int_equal(x->deletes, 0);
	assert_int_equal(wishes_count(x->w), 0);
}

/* Part i of the wish, which stands at one gateway, is answered there. */
/* What a server or gateway refuses to one ask says nothing of another one for part of it. */
static void
a_refusal_does_not_speak_for_others(void **state)
{
	struct world *x = *state;

	ask(x, "mixed", "198.51.100.66/32,198.51.100.70/32");
	answer(x, COAP_PUT, COAP_400_BAD_REQUEST, 0);
	assert_int_equal(state_of(x, "mixed"), WISH_REFUSED);
	ask(x, "good", "198.51.100.66/32");
	assert_int_equal(x->puts, 1);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(state_of(x, "good"), WISH_PLACED);
	assert_int_equal(state_of(x, "mixed"), WISH_REFUSED);
	release(x, "mixed");
	assert_int_equal(x->deletes + x->puts, 0);
	assert_int_equal(state_of(x, "good"), WISH_PLACED);
}

/* M8: what was refused to several together is as it was before. */
static void
a_request_that_is_refused_falls_apart(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask(x, "good", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	mid = x->mid;
	ask(x, "mixed", "198.51.100.66/32,198.51.100.70/32");
	assert_int_equal(x->puts, 1);
	answer(x, COAP_PUT, COAP_400_BAD_REQUEST, 0);
	assert_int_equal(x->puts + x->deletes, 0);
	assert_int_equal(state_of(x, "good"), WISH_PLACED);
	assert_int_equal(state_of(x, "mixed"), WISH_REFUSED);
	crash(x);
	assert_int_equal(x->puts, 1); /* told again */
	assert_int_equal(x->mid, mid);
	release(x, "mixed");
	assert_int_equal(x->deletes, 0);
	release(x, "good");
	assert_int_equal(x->deletes, 1);
	assert_int_equal(x->mid, mid);
}

/* What stands stays; the other one is asked for by itself once it has not to be joined with that.
 */
static void
what_is_refused_together_is_not_joined_again(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32,198.51.100.70/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	ask(x, "b", "198.51.100.70/32,198.51.100.74/32");
	answer(x, COAP_PUT, COAP_400_BAD_REQUEST, 0);
	assert_int_equal(x->puts + x->deletes, 0);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	assert_int_equal(state_of(x, "b"), WISH_REFUSED);
	ask(x, "c", "198.51.100.90/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(x->puts, 0);
	release(x, "a"); /* it goes when that is accepted (9132-4.4.1.3-19), or refused */
	assert_int_equal(x->deletes, 0);
	assert_int_equal(x->puts, 1);
	assert_int_equal(state_of(x, "b"), WISH_SENT);
	answer(x, COAP_PUT, COAP_400_BAD_REQUEST, 0);
	assert_int_equal(x->deletes, 1);
	assert_int_equal(x->puts, 0);
	assert_int_equal(state_of(x, "b"), WISH_REFUSED);
	wishes_refresh(x->w, "b", x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->puts, 1);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(state_of(x, "b"), WISH_PLACED);
}

static void
answer_part(struct world *x, const char *id, size_t i, uint8_t code)
{
	struct wish_view v;

	assert_true(wishes_view(x->w, id, x->now, x->a, &v));
	assert_true(i < v.n_parts);
	x->server = (uint32_t)v.parts[i].server;
	x->mid = v.parts[i].mid;
	answer(x, COAP_PUT, code, coap_class(code) == 2 ? 3600 : 0);
}

static void
end_part(struct world *x, const char *id, size_t i)
{
	struct scope s = {.has = 1ULL << SCOPE_MID | 1ULL << SCOPE_STATUS,
		.status = ATTACK_MITIGATION_TERMINATED};
	struct wish_view v;

	assert_true(wishes_view(x->w, id, x->now, x->a, &v));
	s.mid = v.parts[i].mid;
	wishes_status(x->w, (uint32_t)v.parts[i].server, &s, x->now);
	drain(x);
}

static enum wish_state
part_state(struct world *x, const char *id, size_t i)
{
	struct wish_view v;

	assert_true(wishes_view(x->w, id, x->now, x->a, &v));
	assert_true(i < v.n_parts);
	return v.parts[i].state;
}

/* 9284-5.3-17: whichever answers first. */
static void
one_gateway_that_takes_it_is_enough(void **state)
{
	struct world *x = *state;

	ask(x, "a", "192.0.2.66/32");
	assert_int_equal(x->puts, 2);
	answer_part(x, "a", 1, COAP_400_BAD_REQUEST);
	assert_int_equal(x->reports[WISH_REPORT_DECLINED], 1);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 0);
	assert_int_equal(part_state(x, "a", 1), WISH_REFUSED); /* nobody took it yet */
	answer_part(x, "a", 0, COAP_201_CREATED);
	assert_int_equal(part_state(x, "a", 0), WISH_PLACED);
	assert_int_equal(part_state(x, "a", 1), WISH_DECLINED);
	ask(x, "b", "192.0.2.67/32");
	answer_part(x, "b", 0, COAP_201_CREATED);
	answer_part(x, "b", 1, COAP_400_BAD_REQUEST);
	assert_int_equal(x->reports[WISH_REPORT_DECLINED], 1);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 0);
	assert_int_equal(part_state(x, "b", 1), WISH_DECLINED);
	until(x, 1000 * S);
	assert_int_equal(x->puts + x->repeats, 0);
	release(x, "a");
	assert_int_equal(x->deletes, 1);
	end_part(x, "b", 0);
	assert_int_equal(part_state(x, "b", 0), WISH_ENDED);
	assert_int_equal(part_state(x, "b", 1), WISH_DECLINED); /* it was taken, while it lasted */
}

/* 9284-5.3-17 */
static void
refused_by_all_gateways_is_told_once(void **state)
{
	struct world *x = *state;

	ask(x, "a", "192.0.2.66/32");
	answer_part(x, "a", 0, COAP_400_BAD_REQUEST);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 0);
	answer_part(x, "a", 1, COAP_400_BAD_REQUEST);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 1);
	assert_int_equal(part_state(x, "a", 0), WISH_REFUSED);
	assert_int_equal(part_state(x, "a", 1), WISH_REFUSED);
}

/* A gateway that answers 5.03 is responsible, and cannot help now. */
static void
a_gateway_that_cannot_is_told(void **state)
{
	struct world *x = *state;

	ask(x, "a", "192.0.2.66/32");
	answer_part(x, "a", 0, COAP_201_CREATED);
	answer_part(x, "a", 1, COAP_503_SERVICE_UNAVAILABLE);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 1);
	assert_int_equal(part_state(x, "a", 1), WISH_REFUSED);
}

/* 9132-4.4.3-13, 9132-4.4.3-14 */
static void
overload_is_retried_after_max_age(void **state)
{
	struct world *x = *state;
	struct wish_answer busy = {
		.method = COAP_PUT, .code = COAP_503_SERVICE_UNAVAILABLE, .max_age = 20};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &busy, x->now, epoch);
	drain(x);
	until(x, 19 * S);
	assert_int_equal(x->puts, 0);
	until(x, 20 * S);
	assert_int_equal(x->puts, 1);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
}

/* 8811-3.3.1-01 */
static void
a_wish_with_an_end_is_released_by_itself(void **state)
{
	struct world *x = *state;
	struct target t = target_from(x->a, "198.51.100.66/32");
	struct wish_request r = {
		.id = "a", .asker = "o", .target = &t, .trigger_mitigation = true, .duration = 60};
	char made[WISH_ID_MAX], why[200];

	wishes_ask(x->w, &r, 0, epoch, made, why, sizeof(why));
	drain(x);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	until(x, 30 * S);
	crash(x);
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	until(x, 59 * S);
	assert_int_equal(x->deletes, 0);
	until(x, 60 * S);
	assert_int_equal(x->deletes, 1);
}

/* The server may have started anew: what stands there is told to it again. */
static void
a_renewed_session_is_told_what_stands(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wishes_renewed(x->w, x->server, x->now, x->now); /* it was acknowledged on that one */
	drain(x);
	assert_int_equal(x->puts, 0);
	until(x, 100 * S);
	wishes_renewed(x->w, x->server, x->now - 1, x->now);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_true(x->refresh);
}

/* 9132-4.4-07: the store was waited for; repeats count from when the request left. */
static void
repeats_count_from_when_it_left(void **state)
{
	struct world *x = *state;

	ask(x, "a", "198.51.100.66/32");
	x->now += 900;
	wishes_sent(x->w, x->server, x->mid, x->now);
	until(x, 3000);
	assert_int_equal(x->repeats, 0);
	until(x, 3900);
	assert_int_equal(x->repeats, 1);
}

/* 9132-4.4.1.1-12, 9132-4.4.1.1-14: the cuid stays, whatever the credential becomes. */
static void
the_cuid_survives_new_credentials(void **state)
{
	struct world *x = *state;

	assert_string_equal(wishes_cuid(x->w, 0, "first", epoch), "first");
	assert_string_equal(wishes_cuid(x->w, 0, "second", epoch), "first");
	crash(x);
	assert_string_equal(wishes_cuid(x->w, 0, "third", epoch), "first");
	assert_string_equal(wishes_cuid(x->w, 1, "other", epoch), "other"); /* 9284-6-09 */
}

/* 9132-4.4.1.1-14: M14: what another server of the domain was asked and has not answered may be
 * active there. */
static void
the_cuid_stays_while_another_server_may_hold_something(void **state)
{
	struct world *x = *state;
	struct wish_answer a = {.method = COAP_PUT,
		.code = COAP_409_CONFLICT,
		.conflict.cause = CUID_COLLISION,
		.fresh_cuid = "fresh"};
	uint32_t s1 = server_named(x->h, "s1"), s1b = server_named(x->h, "s1b");

	x->h->domains[0].attachments = ATTACHMENTS_ALL;
	wishes_cuid(x->w, 0, "ours", epoch);
	ask(x, "a", "192.0.2.66/32");
	assert_int_equal(x->puts, 2);
	wishes_answer(x->w, s1, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 1);
	assert_string_equal(wishes_cuid(x->w, 0, "", epoch), "ours");
	wishes_answer(x->w, s1b, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	assert_string_equal(wishes_cuid(x->w, 0, "", epoch), "fresh");
	assert_int_equal(x->reports[WISH_REPORT_RENAMED], 1);
	assert_int_equal(x->puts, 2); /* both, under it */
}

/* 9132-4.4.2.1-12: the operator hears of it, once: in the answer, in a notification; and when it is
 * over. */
static void
a_conflict_is_reported_once(void **state)
{
	struct world *x = *state;
	struct wish_answer a = {.method = COAP_PUT,
		.code = COAP_201_CREATED,
		.lifetime = 3600,
		.conflict = {REQUEST_ACTIVE, OVERLAPPING_TARGETS, 0}};
	struct scope s = {.has = 1ULL << SCOPE_MID | 1ULL << SCOPE_STATUS,
		.status = ATTACK_MITIGATION_IN_PROGRESS};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CONFLICT], 1);
	assert_non_null(strstr(x->last_report, "overlapping-targets request-active"));
	s.mid = x->mid;
	verdict_conflict(&a.conflict, &s);
	wishes_status(x->w, x->server, &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CONFLICT], 0);
	s.has &= ~(1ULL << SCOPE_CONFLICT_INFORMATION);
	wishes_status(x->w, x->server, &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CONFLICT], 0);
	assert_int_equal(x->reports[WISH_REPORT_STATUS], 1);
	verdict_conflict(&a.conflict, &s);
	wishes_status(x->w, x->server, &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CONFLICT], 1);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
}

/* 9132-4.4.2.1-11, 9132-4.4.1.3-43, 9132-5.3-06: what a conflict has deactivated is not asked for
 * before retry-timer is over, by nobody's hand; the lifetime outlasts that by 45 s
 * (9132-4.4.1.3-45). */
static void
what_a_conflict_deactivated_waits_for_the_retry_timer(void **state)
{
	static const struct conflict inactive = {
		REQUEST_INACTIVE_OTHER_ACTIVE, OVERLAPPING_TARGETS, 600};
	struct world *x = *state;
	struct wish_answer a = {.method = COAP_PUT,
		.code = COAP_201_CREATED,
		.lifetime = 645,
		.conflict = inactive};
	struct scope s = {.has = 1ULL << SCOPE_MID | 1ULL << SCOPE_STATUS,
		.status = ATTACK_MITIGATION_WITHDRAWN};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	s.mid = x->mid;
	s.status = ATTACK_MITIGATION_IN_PROGRESS;
	verdict_conflict(&(struct conflict){inactive.status, inactive.cause, 300}, &s);
	until(x, 300 * S); /* told again, of the time that is left: the same moment */
	wishes_status(x->w, x->server, &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_CONFLICT], 0);
	until(x, 500 * S); /* told again as before: no later for that */
	wishes_status(x->w, x->server, &s, x->now);
	until(x, 599 * S);
	assert_int_equal(x->puts, 0);
	until(x, 600 * S);
	assert_int_equal(x->puts, 1); /* the refresh, in time */
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	s.status = ATTACK_MITIGATION_WITHDRAWN;
	verdict_conflict(&inactive, &s);
	wishes_status(x->w, x->server, &s, x->now);
	drain(x);
	assert_int_equal(state_of(x, "a"), WISH_ENDED);
	wishes_refresh(x->w, "a", x->now, epoch + x->now);
	until(x, 1199 * S);
	assert_int_equal(x->puts, 0);
	until(x, 1200 * S);
	assert_int_equal(x->puts, 1);
	a.conflict.retry_timer = 500;
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	release(x, "a"); /* what is wanted no more does not wait */
	assert_int_equal(x->deletes, 1);
}

static enum wish_state
ask_again(struct world *x, const char *id, const char *target)
{
	ask(x, id, target);
	return state_of(x, id);
}

/* 9132-4.4.2.1-11, 9132-4.4.1.3-43, 9132-5.3-06: the same request is refused by the server's own
 * word until retry-timer is over, whoever asks for it and whatever became of the first; another one
 * is not. */
static void
the_same_again_waits_for_the_retry_timer(void **state)
{
	struct world *x = *state;
	struct wish_answer a = {.method = COAP_PUT,
		.code = COAP_409_CONFLICT,
		.why = "no",
		.conflict = {REQUEST_INACTIVE_OTHER_ACTIVE, OVERLAPPING_TARGETS, 600}};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->puts, 0); /* not under a higher mid either */
	assert_int_equal(state_of(x, "a"), WISH_REFUSED);
	until(x, 300 * S);
	assert_int_equal(ask_again(x, "b", "198.51.100.66/32"), WISH_REFUSED);
	wishes_refresh(x->w, "a", x->now, epoch + x->now);
	release(x, "b");
	release(x, "a");
	assert_int_equal(ask_again(x, "c", "198.51.100.66/32"), WISH_REFUSED);
	assert_int_equal(x->puts, 0);
	assert_int_equal(ask_again(x, "d", "198.51.100.67/32"), WISH_SENT);
	assert_int_equal(x->puts, 1);
	until(x, 599 * S);
	assert_int_equal(ask_again(x, "e", "198.51.100.66/32"), WISH_REFUSED);
	until(x, 600 * S);
	x->puts = 0;
	assert_int_equal(ask_again(x, "f", "198.51.100.66/32"), WISH_SENT);
	assert_int_equal(x->puts, 1);
}

/* 9132-4.4.2.1-11: seconds are rounded up for whoever asks; that does not move the end. */
static void
asking_again_does_not_prolong_the_wait(void **state)
{
	struct world *x = *state;
	struct wish_answer a = {.method = COAP_PUT,
		.code = COAP_409_CONFLICT,
		.conflict = {REQUEST_INACTIVE_OTHER_ACTIVE, OVERLAPPING_TARGETS, 600}};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	until(x, 599 * S + 300);
	assert_int_equal(ask_again(x, "b", "198.51.100.66/32"), WISH_REFUSED);
	until(x, 599 * S + 999);
	assert_int_equal(ask_again(x, "c", "198.51.100.66/32"), WISH_REFUSED);
	assert_int_equal(x->puts, 0);
	until(x, 600 * S);
	assert_int_equal(ask_again(x, "d", "198.51.100.66/32"), WISH_SENT);
}

static void
the_server_may_end_it(void **state)
{
	struct world *x = *state;
	struct scope s = {.has = 1ULL << SCOPE_MID | 1ULL << SCOPE_STATUS,
		.status = ATTACK_MITIGATION_TERMINATED};

	ask(x, "a", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	s.mid = x->mid;
	wishes_status(x->w, x->server, &s, x->now);
	drain(x);
	assert_int_equal(x->reports[WISH_REPORT_ENDED], 1);
	assert_int_equal(state_of(x, "a"), WISH_ENDED);
	until(x, 4000 * S);
	assert_int_equal(x->puts, 0);
	wishes_refresh(x->w, "a", x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->puts, 1);
}

static int
ask_as(struct world *x, const char *asker, size_t share, const char *id, const char *target)
{
	struct target t = target_from(x->a, target);
	struct wish_request r = {
		.id = id, .asker = asker, .target = &t, .trigger_mitigation = true, .share = share};
	char made[WISH_ID_MAX], why[200];
	int error = wishes_ask(x->w, &r, x->now, epoch + x->now, made, why, sizeof(why));

	drain(x);
	return error;
}

static void
wishes_are_limited_and_those_there_may_be_renewed(void **state)
{
	struct world *x = *state;

	wishes_set_limit(x->w, 2);
	assert_int_equal(ask(x, "a", "192.0.2.65/32"), 0);
	assert_int_equal(ask(x, "b", "192.0.2.66/32"), 0);
	assert_int_equal(ask(x, "c", "192.0.2.67/32"), -ENOSPC);
	assert_int_equal(ask(x, "a", "192.0.2.65/32"), 0);
	assert_int_equal(wishes_count(x->w), 2);
	crash(x);
	wishes_set_limit(x->w, 1); /* what is there stays */
	assert_int_equal(wishes_count(x->w), 2);
	assert_int_equal(ask(x, "c", "192.0.2.67/32"), -ENOSPC);
}

static void
an_asker_has_its_share_until_withdrawals_are_through(void **state)
{
	struct world *x = *state;
	uint32_t server, mid;

	assert_int_equal(ask_as(x, "client:acme/c/1", 2, "1", "192.0.2.65/32"), 0);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	release(x, "1");
	server = x->server;
	mid = x->mid;
	assert_int_equal(ask_as(x, "client:acme/d/2", 2, "2", "192.0.2.66/32"), 0);
	assert_int_equal(ask_as(x, "client:acme/c/3", 2, "3", "192.0.2.67/32"), -ENOSPC);
	assert_int_equal(ask_as(x, "client:beta/c/1", 2, "4", "192.0.2.68/32"), 0);
	assert_int_equal(ask(x, "5", "192.0.2.69/32"), 0);
	x->server = server;
	x->mid = mid;
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(ask_as(x, "client:acme/c/3", 2, "3", "192.0.2.67/32"), 0);
	assert_int_equal(ask_as(x, "client:acme/c/6", 2, "6", "192.0.2.70/32"), -ENOSPC);
	crash(x); /* counted again from the store */
	assert_int_equal(ask_as(x, "client:acme/c/6", 2, "6", "192.0.2.70/32"), -ENOSPC);
}

/* ---- Hop-Limit (RFC 8768) ---- */

static void
ask_with(struct world *x, const char *id, const char *target, uint8_t hop_limit)
{
	struct target t = target_from(x->a, target);
	struct wish_request r = {.id = id,
		.asker = id,
		.target = &t,
		.trigger_mitigation = true,
		.hop_limit = hop_limit};
	char made[WISH_ID_MAX], why[200];

	assert_int_equal(wishes_ask(x->w, &r, x->now, epoch + x->now, made, why, sizeof(why)), 0);
	drain(x);
}

/* 9132-4.4.1.2-16: told at once when it becomes smaller, else with the next refresh. */
static void
a_request_has_the_smallest_hop_limit_of_its_askers(void **state)
{
	struct world *x = *state;
	uint32_t mid;

	ask_with(x, "a", "192.0.2.66/32", 16);
	assert_int_equal(x->hop_limit, 16);
	mid = x->mid;
	ask_with(x, "b", "192.0.2.66/32", 14); /* not answered yet */
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->mid, mid);
	assert_int_equal(x->hop_limit, 14);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	ask_with(x, "c", "192.0.2.66/32", 15);
	assert_int_equal(x->puts, 0);
	ask(x, "d", "192.0.2.66/32"); /* of the operator, who has none */
	assert_int_equal(x->puts, 0);
	ask_with(x, "c", "192.0.2.66/32", 13); /* accepted long ago */
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->hop_limit, 13);
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	ask_with(x, "c", "192.0.2.66/32", 15);
	ask_with(x, "b", "192.0.2.66/32", 20);
	assert_int_equal(x->puts, 0);
	until(x, 1800 * S);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->hop_limit, 15);
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	release(x, "c");
	until(x, 3600 * S);
	assert_int_equal(x->hop_limit, 16);
}

static void
what_nobody_else_asked_for_has_no_hop_limit(void **state)
{
	struct world *x = *state;

	ask(x, "a", "192.0.2.66/32");
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->hop_limit, 0);
	ask_with(x, "b", "192.0.2.66/32", 15); /* our own has come round to us */
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->hop_limit, 15);
}

static void
the_hop_limit_survives_a_crash(void **state)
{
	struct world *x = *state;

	ask_with(x, "a", "192.0.2.66/32", 16);
	ask_with(x, "b", "192.0.2.66/32", 9);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	crash(x);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->hop_limit, 9);
	ask_with(x, "a", "192.0.2.66/32", 8); /* renewed, and that is on disk */
	crash(x);
	assert_int_equal(x->hop_limit, 8);
}

static void
answer_loop(struct world *x, const char *names)
{
	struct wish_answer a = {
		.method = COAP_PUT, .code = COAP_508_HOP_LIMIT_REACHED, .why = names};

	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
}

/* 9132-9-15, 9132-11-13 */
static void
a_loop_is_told_by_name_and_not_tried_again(void **state)
{
	struct world *x = *state;
	struct wish_view v;

	ask(x, "a", "192.0.2.66/32");
	answer_loop(x, "b a");
	assert_int_equal(x->reports[WISH_REPORT_REFUSED], 1);
	assert_string_equal(x->last_report, "RFC 8768 4: forwarding loop through b a");
	wishes_view(x->w, "a", x->now, x->a, &v);
	assert_int_equal(v.parts[0].state, WISH_REFUSED);
	assert_int_equal(v.parts[0].code, COAP_508_HOP_LIMIT_REACHED);
	assert_string_equal(v.parts[0].section, "RFC 8768 4");
	assert_string_equal(v.parts[0].reason, "b a");
	assert_null(v.parts[0].loop); /* of a provider: for our operator alone (M9) */
	until(x, 86400 * S);
	assert_int_equal(x->puts, 0);
	assert_int_equal(x->deletes, 0);
	release(x, "a");
	assert_int_equal(x->deletes, 0); /* nothing stands there */
}

/* Whoever comes with fewer hops than the request was accepted with may have come round in a loop,
 * and waits for the answer to it; the others have theirs. */
static void
who_has_come_round_waits_for_the_answer(void **state)
{
	struct world *x = *state;

	ask_with(x, "a", "192.0.2.66/32", 16);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	ask_with(x, "b", "192.0.2.66/32", 14);
	assert_int_equal(state_of(x, "a"), WISH_PLACED);
	assert_int_equal(state_of(x, "b"), WISH_SENT);
	until(x, x->now + 3 * S);
	assert_int_equal(state_of(x, "b"), WISH_SILENT);
	ask_with(x, "b", "192.0.2.66/32", 12); /* its own 3 s */
	assert_int_equal(state_of(x, "b"), WISH_SENT);
	answer(x, COAP_PUT, COAP_204_CHANGED, 3600);
	assert_int_equal(state_of(x, "b"), WISH_PLACED);
	ask_with(x, "c", "192.0.2.66/32", 12);
	assert_int_equal(state_of(x, "c"), WISH_PLACED);
	ask_with(x, "c", "192.0.2.66/32", 3);
	answer_loop(x, "s1");
	assert_int_equal(state_of(x, "a"), WISH_REFUSED);
	assert_int_equal(state_of(x, "c"), WISH_REFUSED);
	release(x, "a");
	release(x, "b");
	assert_int_equal(x->deletes, 0);
	release(x, "c");
	assert_int_equal(x->deletes, 1); /* what was accepted may stand there still */
}

/* The way there may have become one while it stood. */
static void
a_loop_ends_what_was_accepted_before(void **state)
{
	struct world *x = *state;

	ask(x, "a", "192.0.2.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 60);
	until(x, 30 * S);
	assert_int_equal(x->puts, 1);
	answer_loop(x, "");
	assert_int_equal(state_of(x, "a"), WISH_REFUSED);
	assert_string_equal(x->last_report,
		"RFC 8768 4: forwarding loop through gateways that it does not name");
	until(x, 86400 * S);
	assert_int_equal(x->puts, 0);
}

/* RFC 8768 6: names of our own network may go on to our clients. */
static void
a_gateway_of_ours_may_be_named(void **state)
{
	struct world *x = *state;
	struct wish_view v;

	ask(x, "a", "192.0.2.66/32");
	assert_int_equal(x->puts, 2);
	answer_loop(x, "b a");
	wishes_view(x->w, "a", x->now, x->a, &v);
	for (size_t i = 0; i < v.n_parts; i++)
		if (v.parts[i].state == WISH_REFUSED)
			assert_string_equal(v.parts[i].loop, "b a");
		else
			assert_null(v.parts[i].loop);
}

static int
preconfigure(struct world *x, const char *id, const char *target)
{
	struct target t = target_from(x->a, target);
	struct wish_request r = {.id = id, .asker = "operator", .target = &t};
	char made[WISH_ID_MAX], why[200];
	int error = wishes_ask(x->w, &r, x->now, epoch + x->now, made, why, sizeof(why));

	drain(x);
	return error;
}

static void
wear(struct world *x, const char *domain, uint32_t next_mid)
{
	struct identity *id = store_identity(x->w, domain, epoch);

	id->next_mid = id->reserved = next_mid;
	x->w->worn = next_mid >= MIDS_WORN;
}

/* 9132-4.4.1.1-27, 9132-4.4.1.1-28: with three quarters of the mids used, and no attack, they begin
 * at 0 again; what waits for a loss of signal is withdrawn and asked for anew. */
static void
worn_mids_begin_anew_when_it_is_quiet(void **state)
{
	struct world *x = *state;

	preconfigure(x, "p", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	uint32_t waiting = x->mid;

	assert_int_equal(MIDS_WORN, UINT32_MAX * 3ULL / 4);
	wear(x, "isp2", MIDS_WORN - 1);
	until(x, 1 * S);
	assert_int_equal(x->deletes, 0);
	/* The last of them is not even sent. */
	preconfigure(x, "q", "198.51.100.72/32");
	assert_int_equal(x->deletes, 1);
	assert_int_equal(x->puts, 0);
	assert_int_equal(x->mid, waiting);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(x->puts, 2);
	assert_in_range(x->mid, 0, 1);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	x->mid = 1 - x->mid;
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(state_of(x, "p"), WISH_PLACED);
	assert_int_equal(state_of(x, "q"), WISH_PLACED);
	ask(x, "a", "198.51.100.70/32");
	assert_int_equal(x->mid, 2);
	crash(x);
	ask(x, "b", "198.51.100.71/32");
	assert_in_range(x->mid, 3, 64 + 1); /* of the next block that is on disk */
}

/* 9132-4.4.1.1-27: in an attack they go on. */
static void
worn_mids_go_on_in_an_attack(void **state)
{
	struct world *x = *state;

	preconfigure(x, "p", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	uint32_t waiting = x->mid;

	ask(x, "a", "198.51.100.70/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	uint32_t a = x->mid;

	wear(x, "isp2", MIDS_WORN);
	ask(x, "b", "198.51.100.71/32");
	assert_int_equal(x->mid, MIDS_WORN);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(x->deletes, 0);
	ask(x, "c", "192.0.2.66/32"); /* another provider has numbers of its own */
	assert_true(x->mid < MIDS_WORN);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	release(x, "b");
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(x->deletes, 0);
	release(x, "a");
	assert_int_equal(x->mid, a);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0); /* the attack there is over */
	assert_int_equal(x->deletes, 1);
	assert_int_equal(x->mid, waiting);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(x->mid, 0);
	assert_int_equal(x->puts, 1);
}

/* 9132-4.4.1.1-28: what is asked for while the old ones are being withdrawn is not sent beside
 * them, which a server would refuse, and not waited for. */
static void
the_new_beginning_ends_with_the_last_withdrawal(void **state)
{
	struct world *x = *state;

	preconfigure(x, "p", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	wear(x, "isp2", MIDS_WORN);
	until(x, 1 * S);
	assert_int_equal(x->deletes, 1);
	/* Everything is planned anew. */
	wishes_available(
		x->w, server_named(x->h, "s1"), SERVER_UNAVAILABLE, x->now, epoch + x->now);
	until(x, 2 * S);
	assert_int_equal(x->puts, 0);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->mid, 0);
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	assert_int_equal(state_of(x, "p"), WISH_PLACED);
	assert_false(x->w->worn);
}

/* 9132-4.4.1.1-28 */
static void
the_new_beginning_survives_a_crash(void **state)
{
	struct world *x = *state;

	preconfigure(x, "p", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	uint32_t waiting = x->mid;

	wear(x, "isp2", MIDS_WORN);
	until(x, 1 * S);
	preconfigure(x, "q", "198.51.100.72/32");
	assert_int_equal(x->puts, 0);
	assert_int_equal(state_of(x, "q"), WISH_PENDING);
	crash(x);
	assert_int_equal(x->puts, 0);
	assert_int_equal(x->deletes, 1);
	assert_int_equal(x->mid, waiting);
	answer(x, COAP_DELETE, COAP_202_DELETED, 0);
	assert_int_equal(x->puts, 2);
	assert_true(x->mid < waiting);
	assert_false(x->w->worn);
}

static void
a_withdrawal_alone_is_no_new_beginning(void **state)
{
	struct world *x = *state;

	preconfigure(x, "p", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 3600);
	release(x, "p");
	crash(x);
	assert_int_equal(x->deletes, 1);
	preconfigure(x, "q", "198.51.100.72/32");
	assert_int_equal(x->puts, 1);
}

/* 9132-4.4.1.1-28 */
static void
what_expires_unanswered_does_not_hold_up_the_new_beginning(void **state)
{
	struct world *x = *state;

	preconfigure(x, "p", "198.51.100.66/32");
	answer(x, COAP_PUT, COAP_201_CREATED, 100);
	wear(x, "isp2", MIDS_WORN);
	until(x, 1 * S);
	assert_int_equal(x->deletes, 1);
	until(x, 99 * S);
	assert_int_equal(x->puts, 0);
	until(x, 100 * S);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->mid, 0);
}

/* 9132-4.4.1.1-26, 9132-4.4.1.1-27: a server's word raises mids up to where they are worn, and no
 * further. */
static void
what_a_server_says_does_not_use_up_the_mids(void **state)
{
	struct world *x = *state;
	struct wish_answer a = {.method = COAP_PUT,
		.code = COAP_409_CONFLICT,
		.conflict = {.cause = OVERLAPPING_TARGETS},
		.conflict_mid = MIDS_WORN - 1};

	ask(x, "a", "198.51.100.66/32");
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->mid, MIDS_WORN);
	ask(x, "b", "192.0.2.66/32");
	uint32_t mid = x->mid;

	a.conflict_mid = MIDS_WORN;
	wishes_answer(x->w, x->server, x->mid, &a, x->now, epoch + x->now);
	drain(x);
	assert_int_equal(x->puts, 1);
	assert_int_equal(x->mid, mid + 1);
}

/* 9132-4.4.1.1-35: whoever asks. */
static void
special_addresses_are_not_asked_for(void **state)
{
	static const char *const special[] = {"127.0.0.1/32", "224.0.0.1/32", "255.255.255.255/32",
		"::1/128", "ff02::1/128", "198.51.100.66/32,127.0.0.0/8"};
	struct world *x = *state;

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		assert_int_equal(ask(x, "a", special[i]), -EINVAL);
	assert_int_equal(x->puts, 0);
	assert_int_equal(wishes_count(x->w), 0);
}

#define IN_WORLD(t)      cmocka_unit_test_setup_teardown(t, setup, teardown)
#define WITH_GATEWAYS(t) cmocka_unit_test_setup_teardown(t, setup_gateways, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_wish_is_sent_accepted_observed),
		IN_WORLD(unanswered_it_is_repeated_and_a_second_session_tried),
		IN_WORLD(it_is_refreshed_until_released),
		IN_WORLD(how_effective_it_is_is_told_with_a_refresh),
		IN_WORLD(an_update_that_is_not_taken_ends_nothing),
		IN_WORLD(pending_is_told_once_and_sent_when_the_server_is_back),
		IN_WORLD(a_server_that_does_not_answer_is_told),
		IN_WORLD(a_foreign_target_is_not_kept),
		IN_WORLD(a_crash_loses_nothing_and_resurrects_nothing),
		IN_WORLD(mids_are_never_used_twice),
		IN_WORLD(worn_mids_begin_anew_when_it_is_quiet),
		IN_WORLD(worn_mids_go_on_in_an_attack),
		IN_WORLD(what_a_server_says_does_not_use_up_the_mids),
		IN_WORLD(what_expires_unanswered_does_not_hold_up_the_new_beginning),
		IN_WORLD(the_new_beginning_ends_with_the_last_withdrawal),
		IN_WORLD(the_new_beginning_survives_a_crash),
		IN_WORLD(a_withdrawal_alone_is_no_new_beginning),
		IN_WORLD(a_withdrawal_is_repeated_until_answered_or_expired),
		IN_WORLD(the_last_release_withdraws),
		IN_WORLD(a_wider_ask_takes_a_new_mid_and_the_old_one_goes_without_a_word),
		IN_WORLD(the_next_server_of_the_domain_takes_over),
		IN_WORLD(requests_that_differ_in_trigger_only_keep_their_mids_at_the_next_server),
		IN_WORLD(the_first_server_takes_its_own_request_back),
		IN_WORLD(what_a_reload_takes_from_a_provider_is_withdrawn_there),
		IN_WORLD(what_stands_by_runs_out),
		IN_WORLD(the_replaced_one_goes_with_its_successor),
		IN_WORLD(a_part_is_planned_as_the_whole_would_be),
		IN_WORLD(refusals_are_told_and_not_retried),
		IN_WORLD(a_refusal_does_not_speak_for_others),
		IN_WORLD(a_request_that_is_refused_falls_apart),
		IN_WORLD(what_is_refused_together_is_not_joined_again),
		WITH_GATEWAYS(one_gateway_that_takes_it_is_enough),
		WITH_GATEWAYS(refused_by_all_gateways_is_told_once),
		WITH_GATEWAYS(a_gateway_that_cannot_is_told),
		IN_WORLD(overload_is_retried_after_max_age),
		IN_WORLD(a_wish_with_an_end_is_released_by_itself),
		IN_WORLD(a_renewed_session_is_told_what_stands),
		IN_WORLD(repeats_count_from_when_it_left),
		IN_WORLD(the_cuid_survives_new_credentials),
		IN_WORLD(the_cuid_stays_while_another_server_may_hold_something),
		IN_WORLD(a_conflict_is_reported_once),
		IN_WORLD(what_a_conflict_deactivated_waits_for_the_retry_timer),
		IN_WORLD(the_same_again_waits_for_the_retry_timer),
		IN_WORLD(asking_again_does_not_prolong_the_wait),
		IN_WORLD(the_server_may_end_it),
		IN_WORLD(wishes_are_limited_and_those_there_may_be_renewed),
		IN_WORLD(an_asker_has_its_share_until_withdrawals_are_through),
		IN_WORLD(a_request_has_the_smallest_hop_limit_of_its_askers),
		IN_WORLD(what_nobody_else_asked_for_has_no_hop_limit),
		IN_WORLD(the_hop_limit_survives_a_crash),
		IN_WORLD(a_loop_is_told_by_name_and_not_tried_again),
		IN_WORLD(who_has_come_round_waits_for_the_answer),
		IN_WORLD(a_loop_ends_what_was_accepted_before),
		WITH_GATEWAYS(a_gateway_of_ours_may_be_named),
		IN_WORLD(special_addresses_are_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
