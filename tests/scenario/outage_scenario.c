/*
 * Outages of 10 s, 2 min and 1 h, of the path, the link and the server. Meanwhile wishes are asked
 * for, released and expire; afterwards everything is as if it had been said then, and said once.
 */
#include "scene.h"

enum outage { PATH, LINK, SERVER };

/* What becomes of it before, in and after the outage; each has its own address. */
static const struct fate {
	const char *id, *target;
	bool before;   /* placed before, else asked in it */
	bool released; /* in it */
	bool expires;  /* in it */
	bool wanted_after;
} fates[] = {
	{"kept", "198.51.100.65/32", true, false, false, true},
	{"released", "198.51.100.66/32", true, true, false, false},
	{"expired", "198.51.100.67/32", true, false, true, false},
	{"asked", "198.51.100.68/32", false, false, false, true},
	{"asked-released", "198.51.100.69/32", false, true, false, false},
	{"asked-expired", "198.51.100.70/32", false, false, true, false},
};
enum { FATES = sizeof(fates) / sizeof(fates[0]) };

static void
begin(struct scene *x, enum outage kind)
{
	struct way *way = virtual_way(x->us.loop, "wan2");

	if (kind == PATH)
		way->lose_in = way->lose_out = true;
	else if (kind == LINK)
		virtual_link_set(x->us.loop, "wan2", false);
	else
		provider_crash(&x->isp2);
}

static void
end(struct scene *x, enum outage kind)
{
	struct way *way = virtual_way(x->us.loop, "wan2");

	if (kind == PATH)
		way->lose_in = way->lose_out = false;
	else if (kind == LINK)
		virtual_link_set(x->us.loop, "wan2", true);
	else
		provider_restart(&x->isp2);
}

static void
ask(struct scene *x, const struct fate *f, int64_t outage)
{
	int64_t left = f->expires ? outage / 2 / S + (f->before ? 60 : 0) : 0;

	assert_int_equal(customer_ask(&x->us, f->id, f->target, left), 0);
}

static bool
settled(struct scene *x)
{
	for (size_t i = 0; i < FATES; i++)
		if (customer_state(&x->us, fates[i].id, 0) !=
			(fates[i].wanted_after ? WISH_PLACED : (enum wish_state)NO_WISH))
			return false;
	return true;
}

/* The mid under which that target stands or stood; 0: it was never asked for. */
static uint32_t
mid_of(struct scene *x, size_t i)
{
	return customer_part(&x->us, fates[i].id, 0).mid;
}

/* Requests of that mid that the server has heard since the mark. */
static size_t
served(enum event_id id, uint32_t mid)
{
	char text[32];

	snprintf(text, sizeof(text), "mid=%u ", mid);
	return mid ? virtual_events(id, text) : 0;
}

static void
play(struct scene *x, enum outage kind, int64_t outage)
{
	uint32_t mids[FATES] = {0};
	size_t most = kind == PATH ? 2 : 1; /* on two sessions perhaps (M3) */

	scene_start(x);
	for (size_t i = 0; i < FATES; i++)
		if (fates[i].before) {
			ask(x, &fates[i], outage);
			UNTIL(1 * S, customer_state(&x->us, fates[i].id, 0) == WISH_PLACED);
		}
	virtual_run(60 * S);
	begin(x, kind);
	virtual_run(outage / 4);
	for (size_t i = 0; i < FATES; i++)
		if (!fates[i].before)
			ask(x, &fates[i], outage / 2);
	virtual_run(outage / 4);
	for (size_t i = 0; i < FATES; i++) {
		mids[i] = mid_of(x, i);
		if (fates[i].released)
			assert_int_equal(customer_release(&x->us, fates[i].id), 0);
	}
	virtual_run(outage / 2);
	virtual_mark();
	end(x, kind);
	UNTIL(70 * S, settled(x));
	virtual_run(30 * S);
	for (size_t i = 0; i < FATES; i++) {
		size_t puts = served(EVENT_PUT_MITIGATE, mids[i]);
		size_t deletes = served(EVENT_DELETE_MITIGATE, mids[i]);

		if (puts + deletes > most || (fates[i].wanted_after ? deletes : puts))
			virtual_late(fates[i].id, __FILE__, __LINE__);
	}
	assert_true(settled(x));
	virtual_run(
		10 * MINUTE); /* terminating periods, handshakes that only the server finished */
	assert_int_equal(provider_sessions(&x->isp2), 1);
	assert_int_equal(provider_mitigations(&x->isp2), 2);
	assert_non_null(provider_mitigation(&x->isp2, mids[0]));
	assert_int_equal(recorder_active(x->isp2.recorder), 2);
	assert_int_equal(virtual_store_count(x->us.loop, "placement"), 2);
	assert_int_equal(virtual_store_count(x->us.loop, "wish"), 2);
	assert_int_equal(provider_mitigations(&x->isp1), 0);
}

/* One name each, so that a failure says which. 9132-4.4-06, 9132-4.4.4-01, 9132-4.7-14, M3, M16;
 * 4116-4.6-01, 4218-3.2-02, 8811-2-14. */
#define OUTAGE(name, kind, ms)                                                                     \
	static void name(void **state)                                                             \
	{                                                                                          \
		play(*state, kind, ms);                                                            \
	}

OUTAGE(ten_seconds_without_path, PATH, 10 * S)
OUTAGE(two_minutes_without_path, PATH, 2 * MINUTE)
OUTAGE(an_hour_without_path, PATH, 1 * HOUR)
OUTAGE(ten_seconds_without_link, LINK, 10 * S)
OUTAGE(two_minutes_without_link, LINK, 2 * MINUTE)
OUTAGE(an_hour_without_link, LINK, 1 * HOUR)
OUTAGE(ten_seconds_without_server, SERVER, 10 * S)
OUTAGE(two_minutes_without_server, SERVER, 2 * MINUTE)
OUTAGE(an_hour_without_server, SERVER, 1 * HOUR)

/* ---- a path that loses most of what it carries ------------------------------------------------
 */

enum { EVERY = 20 };

static unsigned seed = 7;

static bool
one_in_five(void)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % 5 == 0;
}

/* Four of five packets are lost, each way by itself, as if by chance. */
static void
run_impaired(struct way *way, int64_t ms)
{
	for (mono_ms end = virtual_now() + ms; virtual_now() < end; virtual_run(EVERY)) {
		way->lose_out = !one_in_five();
		way->lose_in = !one_in_five();
	}
}

/* 8811-1.3-10, 8811-3.1.2-11, 8811-1.3-02, 8811-2-14, 8612-GEN-002-01: it is placed within two
 * minutes, the answer follows within ten, and there is a session all the time. */
static void
most_of_the_packets_are_lost(void **state)
{
	enum { ROUNDS = 20 };
	struct scene *x = *state;
	struct way *way;

	scene_start(x);
	way = virtual_way(x->us.loop, "wan2");
	for (unsigned i = 1; i <= ROUNDS; i++) {
		mono_ms asked = virtual_now();
		char target[32], id[16];

		snprintf(target, sizeof(target), "198.51.100.%u/32", 64 + i);
		snprintf(id, sizeof(id), "w%u", 100 + i);
		assert_int_equal(customer_ask(&x->us, id, target, 0), 0);
		while (provider_mitigations(&x->isp2) < i) {
			assert_true(virtual_now() - asked < 2 * MINUTE);
			run_impaired(way, 1 * S);
		}
		while (customer_state(&x->us, id, 0) != WISH_PLACED) {
			assert_true(virtual_now() - asked < 10 * MINUTE);
			run_impaired(way, 1 * S);
		}
		assert_true(provider_sessions(&x->isp2) > 0);
	}
	assert_int_equal(recorder_active(x->isp2.recorder), ROUNDS);
	assert_int_equal(provider_mitigations(&x->isp1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ten_seconds_without_path),
		CASE(two_minutes_without_path),
		CASE(an_hour_without_path),
		CASE(ten_seconds_without_link),
		CASE(two_minutes_without_link),
		CASE(an_hour_without_link),
		CASE(ten_seconds_without_server),
		CASE(two_minutes_without_server),
		CASE(an_hour_without_server),
		CASE(most_of_the_packets_are_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
