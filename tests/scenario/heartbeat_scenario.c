/* Heartbeats both ways, silence and loss (RFC 9132 4.7). */
#include "scene.h"

#include "wire/signal.h"

enum { INTERVAL = 30 * S, ALLOWED = 15, SPAN = INTERVAL * ALLOWED };

#define BEATS_OF(host) .from = (host), .code = COAP_PUT, .resource = PATH_HB

/* peer-hb-status of a heartbeat. */
static bool
says(const struct packet *p)
{
	struct arena *a = arena_new();
	struct signal_msg msg;
	struct schema_error err;
	struct coap_msg m;
	const char *why;

	assert_int_equal(coap_decode(p->bytes, p->len, &m, &why), 0);
	assert_int_equal(signal_decode(a, m.payload, m.payload_len, &msg, &err), 0);
	assert_int_equal(msg.has, 1ULL << SIGNAL_HEARTBEAT);
	arena_free(a);
	return msg.heartbeat.peer_hb_status;
}

/* 8811-2-10, 8811-2.2.1-06, 8811-2.2.2-25, 8811-3.1.2-06, 8811-3.1.3-01, 8811-3.2.5-01,
 * 8612-SIG-003-01, 8612-SIG-004-02, 8612-SIG-011-01, 9132-4.5-02, 9132-4.5.2-05, 9132-4.7-01,
 * 9132-4.7-03, 9132-4.7-04, 9132-4.7-06, 9132-4.7-10, 9132-3-09, 9132-3-20, 9132-4.7-02,
 * 9132-4.7-12: each end beats every 30 s on the one session and is answered 2.04 without a body. */
static void
both_ends_beat_every_interval(void **state)
{
	struct scene *x = *state;
	const struct packet *p;

	scene_start(x);
	virtual_run(1 * HOUR);
	for (unsigned dial = 1; dial <= 2; dial++) {
		assert_in_range(COUNT(BEATS_OF(x->us.loop), .dial = dial), 119, 120);
		assert_int_equal(GAP(BEATS_OF(x->us.loop), .dial = dial), INTERVAL);
	}
	assert_in_range(COUNT(BEATS_OF(x->isp1.loop)), 119, 120);
	assert_int_equal(GAP(BEATS_OF(x->isp1.loop)), INTERVAL);
	p = PACKET(0, BEATS_OF(x->us.loop));
	assert_int_equal(p->type, COAP_NON);
	assert_int_equal(p->mid, 0);
	for (size_t i = 0; i < 100; i++) {
		assert_true(says(PACKET(i, BEATS_OF(x->us.loop))));
		assert_true(says(PACKET(i, BEATS_OF(x->isp2.loop))));
	}
	assert_in_range(COUNT(.code = COAP_204_CHANGED, .resource = PATH_HB), 4 * 119, 4 * 120);
	p = PACKET(0, .code = COAP_204_CHANGED, .resource = PATH_HB);
	assert_int_equal(p->len, 4 + 8); /* header and token */
}

/* 8811-2.2.1-07, 8612-SIG-004-08, 8612-SIG-004-09, 8612-SIG-004-10, 9132-4.7-13, 9132-4.7-14,
 * 9132-4.7-15, 9132-4.7-17, 9132-4.7-19, 9132-4.7-20, 9132-4.7-21: without any answer the client
 * keeps the session and beats on; after the threshold it tries a new one beside it, with its
 * ticket, not more often than every 300 s, and tells the operator. */
static void
a_deaf_client_keeps_its_session_and_tries_another(void **state)
{
	struct scene *x = *state;
	mono_ms last;

	scene_start(x);
	virtual_run(100 * S);
	last = virtual_now();
	virtual_mark();
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	UNTIL(2 * INTERVAL, !strcmp(customer_server(&x->us, "s2"), "silent"));
	UNTIL(SPAN + INTERVAL, COUNT(.kind = HELLO) > 0);
	assert_in_range(virtual_now() - last, SPAN - INTERVAL, SPAN);
	assert_true(PACKET(0, .kind = HELLO)->resumed);
	virtual_run(2 * HOUR);
	assert_string_equal(customer_server(&x->us, "s2"), "silent");
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE), 0);
	assert_int_equal(GAP(BEATS_OF(x->us.loop), .dial = 2), INTERVAL);
	assert_true(COUNT(BEATS_OF(x->us.loop), .dial = 2) >= 250);
	/* 20 s of handshake, 300 s of pause. */
	assert_in_range(virtual_events(EVENT_SESSION_ATTEMPT, ""), 22, 24);
	assert_in_range(virtual_events(EVENT_SESSION_FAILED, "retry=300"), 21, 24);
	assert_in_range(virtual_events(EVENT_ALERT, "RFC 9132 4.7"), 21, 24);
}

/* 8612-SIG-004-05, 9132-4.7-08: what the deaf client says of the server's heartbeats turns false
 * after two intervals. 9132-4.7-25, 9132-4.7-26: the server hears it and keeps the session, for
 * hours. */
static void
a_server_that_hears_its_client_keeps_the_session(void **state)
{
	struct scene *x = *state;
	size_t n;

	scene_start(x);
	virtual_run(100 * S);
	virtual_mark();
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_run(2 * HOUR);
	assert_true(says(PACKET(1, BEATS_OF(x->us.loop), .dial = 2)));
	for (n = COUNT(BEATS_OF(x->us.loop), .dial = 2); n-- > 3;)
		assert_false(says(PACKET(n, BEATS_OF(x->us.loop), .dial = 2)));
	assert_int_equal(virtual_events(EVENT_SESSION_DOWN, "role=server"), 0);
	assert_int_equal(provider_sessions(&x->isp2), 1);
	/* It still serves it: the request arrives over the old session. */
	virtual_mark();
	assert_int_equal(customer_ask(&x->us, "w", "198.51.100.66/32", 0), 0);
	UNTIL(1 * S, provider_mitigations(&x->isp2) == 1);
	assert_int_equal(PACKET(0, PUTS(x))->dial, 2);
}

/* 9132-4.7-25, 9132-4.7-26: so do requests alone, of a client that hears nothing and never beats;
 * they are served. */
static void
requests_alone_keep_a_session(void **state)
{
	struct scene *x = *state;
	struct hand h;

	provider_start(&x->isp1);
	hand_make(&h, "acme", "10.0.0.1/24");
	hand_dial(&h, "s1", "192.0.2.10");
	virtual_way(h.loop, "eth0")->lose_in = true;
	for (uint32_t mid = 1; mid <= 20; mid++) {
		virtual_run(SPAN - 2 * INTERVAL);
		hand_put(&h, mid, "192.0.2.66/32", 3600);
		UNTIL(1 * S, provider_mitigation(&x->isp1, mid) != NULL);
	}
	assert_int_equal(provider_sessions(&x->isp1), 1);
	hand_free(&h);
}

/* 4218-3.2-02, 9132-4.7-24: the server is heard again on the old session: that one stays, no other
 * is tried. */
static void
the_old_session_heard_again_is_the_session(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	UNTIL(SPAN + INTERVAL, COUNT(.kind = HELLO) > 0);
	/* The new handshake gets no answer; the heartbeat that follows it does. */
	virtual_listener(x->isp2.loop, MUTE, 0);
	virtual_way(x->us.loop, "wan2")->lose_in = false;
	virtual_mark();
	UNTIL(1 * S, !strcmp(customer_server(&x->us, "s2"), "available"));
	virtual_run(2 * HOUR);
	assert_int_equal(COUNT(.kind = HELLO), 0);
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, ""), 0);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
	assert_int_equal(provider_sessions(&x->isp2), 1);
	assert_in_range(COUNT(BEATS_OF(x->us.loop), .dial = 2), 239, 240);
}

/* 8612-SIG-004-09, 8612-SIG-004-11, 9132-4.7-24: the new session came up: the old one is closed,
 * exactly one is left. */
static void
a_new_session_replaces_the_old(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	provider_crash(&x->isp2);
	UNTIL(SPAN + INTERVAL, COUNT(.kind = HELLO) > 0);
	provider_restart(&x->isp2);
	UNTIL(330 * S, !strcmp(customer_server(&x->us, "s2"), "available"));
	assert_int_equal(COUNT(.from = x->us.loop, .kind = CLOSE), 1);
	assert_int_equal(PACKET(0, .from = x->us.loop, .kind = CLOSE)->dial, 2);
	virtual_run(1 * HOUR);
	assert_int_equal(provider_sessions(&x->isp2), 1);
	assert_int_equal(virtual_events(EVENT_SESSION_UP, "role=server"), 1);
}

/* 8811-2.2.2-05, 8811-2.2.2-26, 8811-3.1.3-03, 8811-3.3.3-03, 8612-SIG-004-06, 8612-SIG-004-12,
 * 9132-4.7-28: nothing at all from the client for the whole span: the server ends the session, not
 * a moment earlier. */
static void
a_server_ends_a_session_after_total_silence(void **state)
{
	struct scene *x = *state;
	mono_ms last;

	scene_start(x);
	virtual_run(100 * S);
	UNTIL(INTERVAL, COUNT(BEATS_OF(x->us.loop), .dial = 2) == 4);
	virtual_run(20); /* it has arrived */
	last = virtual_now();
	virtual_mark();
	virtual_way(x->us.loop, "wan2")->lose_in = true;
	virtual_way(x->us.loop, "wan2")->lose_out = true;
	UNTIL(SPAN + 1 * S, virtual_events(EVENT_SESSION_DOWN, "role=server") == 1);
	assert_in_range(virtual_now() - last, SPAN - 100, SPAN);
	assert_int_equal(provider_sessions(&x->isp2), 0);
	assert_int_equal(provider_sessions(&x->isp1), 1);
	assert_string_equal(customer_server(&x->us, "s2"), "silent");
	/* The way is open again: the next attempt brings a session. */
	virtual_way(x->us.loop, "wan2")->lose_in = false;
	virtual_way(x->us.loop, "wan2")->lose_out = false;
	UNTIL(330 * S, !strcmp(customer_server(&x->us, "s2"), "available"));
	virtual_run(1 * HOUR);
	assert_int_equal(provider_sessions(&x->isp2), 1);
}

/* 9132-4.7-08, 9132-4.7-28: only what we send is lost. The server's heartbeats prove it alive to
 * us, so nothing is tried here until the server ends the session. */
static void
an_unheard_client_comes_back_when_the_server_has_closed(void **state)
{
	struct scene *x = *state;

	scene_start(x);
	virtual_run(100 * S);
	virtual_mark();
	virtual_way(x->us.loop, "wan2")->lose_out = true;
	UNTIL(SPAN + INTERVAL, virtual_events(EVENT_SESSION_DOWN, "role=server") == 1);
	assert_int_equal(COUNT(.kind = HELLO), 0);
	virtual_run(30 * S);
	assert_int_equal(COUNT(.kind = HELLO, .dial = 3), 5); /* one attempt with its repeats */
	assert_int_equal(virtual_events(EVENT_SESSION_FAILED, "retry=300"), 1);
	virtual_way(x->us.loop, "wan2")->lose_out = false;
	UNTIL(330 * S, !strcmp(customer_server(&x->us, "s2"), "available"));
}

/* 8811-2.2.2-26: The span counts from what was heard last, wherever that falls between two
 * heartbeats. */
static void
the_span_counts_from_what_was_heard_last(void **state)
{
	struct scene *x = *state;
	struct hand h;
	mono_ms last;

	provider_start(&x->isp1);
	hand_make(&h, "acme", "10.0.0.1/24");
	hand_dial(&h, "s1", "192.0.2.10");
	UNTIL(31 * S, h.heartbeats == 1);
	virtual_run(25 * S);
	hand_heartbeat(&h);
	virtual_run(20);
	last = virtual_now();
	virtual_way(h.loop, "eth0")->lose_out = true;
	UNTIL(SPAN + 1 * S, virtual_events(EVENT_SESSION_DOWN, "role=server") == 1);
	assert_in_range(virtual_now() - last, SPAN - 100, SPAN);
	hand_free(&h);
}

/* 8612-SIG-004-02, 9132-4.7-08: a client that never beats is told so after two intervals, and kept
 * as long as it answers. */
static void
a_client_that_never_beats_is_told_so(void **state)
{
	struct scene *x = *state;
	struct hand h;

	provider_start(&x->isp1);
	hand_make(&h, "acme", "10.0.0.1/24");
	hand_dial(&h, "s1", "192.0.2.10");
	UNTIL(31 * S, h.heartbeats == 1);
	assert_true(h.server_hears);
	UNTIL(31 * S, h.heartbeats == 2);
	assert_true(h.server_hears);
	virtual_run(1 * HOUR);
	assert_in_range(h.heartbeats, 121, 122);
	assert_false(h.server_hears);
	assert_int_equal(provider_sessions(&x->isp1), 1);
	hand_free(&h);
}

/* 9132-4.7-09, 9132-4.7-11: a client that says it hears none of the server's gets them right after
 * its own, which have opened the way; not more often than before. */
static void
who_hears_none_gets_them_after_its_own(void **state)
{
	struct scene *x = *state;
	struct hand h;
	mono_ms asked;

	provider_start(&x->isp1);
	hand_make(&h, "acme", "10.0.0.1/24");
	hand_dial(&h, "s1", "192.0.2.10");
	UNTIL(31 * S, h.heartbeats == 1);
	virtual_run(10 * S);
	virtual_mark();
	h.deaf = true;
	for (unsigned i = 0; i < 20; i++) {
		asked = virtual_now();
		assert_int_equal(COUNT(BEATS_OF(x->isp1.loop)), i ? i - 1 : 0);
		hand_heartbeat(&h);
		if (i > 0)
			UNTIL(100, COUNT(BEATS_OF(x->isp1.loop)) == i);
		virtual_run(asked + INTERVAL - virtual_now());
	}
	assert_in_range(GAP(BEATS_OF(x->isp1.loop)), INTERVAL - 100, INTERVAL + 100);
	hand_free(&h);
}

/* 9132-4.7-08, 9132-4.7-09: heartbeats of ours are answered, but the server sends none. */
static void
a_server_that_never_beats_is_told_so(void **state)
{
	struct scene *x = *state;
	struct script s;
	size_t n;

	script_make(&s, "s1", "192.0.2.10");
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	n = COUNT(BEATS_OF(x->us.loop));
	assert_in_range(n, 119, 120);
	assert_true(says(PACKET(1, BEATS_OF(x->us.loop))));
	for (size_t i = 2; i < n; i++)
		assert_false(says(PACKET(i, BEATS_OF(x->us.loop))));
	assert_string_equal(customer_server(&x->us, "s1"), "available");
	customer_stop(&x->us);
	script_free(&s);
}

/* 8612-SIG-004-04, 9132-4.5.1-06: interval 0 sends none and misses none, at either end. */
static void
interval_zero_beats_nowhere(void **state)
{
	struct scene *x = *state;

	x->isp1.setup.heartbeat.interval_ms = x->isp2.setup.heartbeat.interval_ms = 0;
	for (size_t i = 0; i < 2; i++)
		x->us.homing->domains[i].heartbeat.interval_ms = 0;
	scene_start(x);
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(.resource = PATH_HB), 0);
	assert_string_equal(customer_server(&x->us, "s1"), "available");
	assert_int_equal(provider_sessions(&x->isp1), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_ends_beat_every_interval),
		CASE(a_deaf_client_keeps_its_session_and_tries_another),
		CASE(a_server_that_hears_its_client_keeps_the_session),
		CASE(requests_alone_keep_a_session),
		CASE(the_old_session_heard_again_is_the_session),
		CASE(a_new_session_replaces_the_old),
		CASE(a_server_ends_a_session_after_total_silence),
		CASE(an_unheard_client_comes_back_when_the_server_has_closed),
		CASE(the_span_counts_from_what_was_heard_last),
		CASE(a_client_that_never_beats_is_told_so),
		CASE(who_hears_none_gets_them_after_its_own),
		CASE(a_server_that_never_beats_is_told_so),
		CASE(interval_zero_beats_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
