/*
 * HTTPS: every limit exceeded once, peers that are slow in all the ways there are, many of them at
 * a time, and what a flood of handshakes does to everything else (8040-12-05).
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "desk.h"

enum { CROWD = 1000 };

static const char get[] = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

static struct visitor *
knocking_from(struct desk *d, const char *source, const char *certificate)
{
	return visitor_new(d->loop, &d->at,
		&(struct visitor_setup){.certificate = certificate, .source = source});
}

static struct visitor *
entering_from(struct desk *d, const char *source)
{
	struct visitor *w = knocking_from(d, source, "client");

	visitor_say(w, get);
	WAIT(d->loop, visitor_answers(w) == 1);
	return w;
}

static void
is_refused(struct desk *d, struct visitor *w, const char *status)
{
	WAIT(d->loop, visitor_is_over(w));
	if (visitor_has(w, status) != 1 || visitor_answers(w) != 1)
		fail_msg("%s: %s", status, visitor_text(w));
	assert_int_equal(visitor_has(w, "\r\nConnection: close\r\n"), 1);
	assert_int_equal(visitor_error(w), 0); /* nothing overtook the answer */
	visitor_free(w);
}

/* --- how many -------------------------------------------------------------------------------- */

static void
connections_are_limited_by_prefix(void **state)
{
	struct https_config cfg = {.max_connections_per_prefix = 3};
	struct visitor *w[4];
	struct desk d;

	(void)state;
	desk_start(&d, &cfg);
	for (unsigned i = 0; i < 3; i++)
		w[i] = entering_from(&d, "127.0.0.1");
	w[3] = knocking_from(&d, "127.0.0.9", "client");
	WAIT(d.loop, visitor_is_over(w[3]));
	assert_false(visitor_is_up(w[3]));
	visitor_free(w[3]);
	visitor_free(entering_from(&d, "127.0.1.1")); /* another one has its own share */
	visitor_free(w[0]);
	WAIT(d.loop, https_connections(d.https) == 2);
	w[0] = entering_from(&d, "127.0.0.9");
	for (unsigned i = 0; i < 3; i++)
		visitor_free(w[i]);
	desk_stop(&d);
}

/* Those that are known stay, whoever knocks. */
static void
connections_are_limited(void **state)
{
	static const char *const sources[] = {"127.0.1.1", "127.0.1.2", "127.0.3.1"};
	struct https_config cfg = {.max_connections = 3};
	struct visitor *w[3], *late;
	struct desk d;

	(void)state;
	desk_start(&d, &cfg);
	for (unsigned i = 0; i < 3; i++)
		w[i] = entering_from(&d, sources[i]);
	late = knocking_from(&d, "127.0.4.1", "client");
	WAIT(d.loop, visitor_is_over(late));
	assert_false(visitor_is_up(late));
	visitor_free(late);
	visitor_free(w[0]);
	WAIT(d.loop, https_connections(d.https) == 2);
	w[0] = entering_from(&d, "127.0.4.1");
	for (unsigned i = 0; i < 3; i++)
		visitor_free(w[i]);
	desk_stop(&d);
}

/* Who has proven nothing, not even that it speaks, or has shown no certificate. */
static void
strangers_make_room_for_a_new_connection(void **state)
{
	struct https_config cfg = {.max_connections = 6};
	struct visitor *known, *nobody[2], *late[2];
	struct desk d;
	int silent[3];
	long come;

	(void)state;
	desk_start(&d, &cfg);
	known = entering_from(&d, "127.0.1.1");
	for (unsigned i = 0; i < 3; i++) {
		silent[i] = knock(&d.at, "127.0.2.1");
		WAIT(d.loop, https_connections(d.https) == 2 + i);
	}
	for (unsigned i = 0; i < 2; i++) {
		nobody[i] = knocking_from(&d, "127.0.3.1", NULL);
		visitor_say(nobody[i], get);
		WAIT(d.loop, visitor_answers(nobody[i]) == 1);
	}
	come = harness_ms();
	WAIT(d.loop, harness_ms() - come > 1000);
	late[0] = entering_from(&d, "127.0.4.1"); /* for one of the three */
	assert_false(knock_stands(silent[0]));
	assert_true(knock_stands(silent[1]));
	late[1] = entering_from(&d, "127.0.5.1"); /* for one of two and two: the older */
	assert_false(knock_stands(silent[1]));
	assert_int_equal(https_connections(d.https), 6);
	visitor_forget(known);
	visitor_say(known, get);
	WAIT(d.loop, visitor_answers(known) == 1);
	for (unsigned i = 0; i < 3; i++)
		close(silent[i]);
	for (unsigned i = 0; i < 2; i++) {
		visitor_free(nobody[i]);
		visitor_free(late[i]);
	}
	visitor_free(known);
	desk_stop(&d);
}

static void
who_has_just_come_makes_no_room(void **state)
{
	struct https_config cfg = {.max_connections = 1};
	struct visitor *late;
	struct desk d;
	long begin;
	int silent;

	(void)state;
	desk_start(&d, &cfg);
	begin = harness_ms();
	silent = knock(&d.at, "127.0.1.1");
	WAIT(d.loop, https_connections(d.https) == 1);
	late = knocking_from(&d, "127.0.2.1", "client");
	WAIT(d.loop, visitor_is_over(late) || visitor_is_up(late));
	assert_true(harness_ms() - begin >= 1000 || knock_stands(silent));
	visitor_free(late);
	WAIT(d.loop, harness_ms() - begin > 1100);
	late = entering_from(&d, "127.0.2.1");
	assert_false(knock_stands(silent));
	close(silent);
	visitor_free(late);
	desk_stop(&d);
}

static void
many_connections_are_served_at_a_time(void **state)
{
	struct https_config cfg = {.max_connections = CROWD, .max_connections_per_prefix = CROWD};
	static struct visitor *w[CROWD];
	struct desk d;

	(void)state;
	desk_start(&d, &cfg);
	d.hold = true;
	for (unsigned i = 0; i < CROWD; i++) {
		w[i] = knocking_from(&d, NULL, "client");
		visitor_say(w[i], get);
		if (i % 50 == 49) /* no longer than the queue of what is to be accepted */
			WAIT(d.loop, d.n_held == i + 1);
	}
	assert_int_equal(https_connections(d.https), CROWD);
	while (d.n_held)
		desk_answer(&d);
	for (unsigned i = 0; i < CROWD; i++)
		WAIT(d.loop, visitor_has(w[i], "/x\n") == 1);
	for (unsigned i = 0; i < CROWD; i++)
		visitor_free(w[i]);
	WAIT(d.loop, https_connections(d.https) == 0);
	desk_stop(&d);
}

/* --- how much -------------------------------------------------------------------------------- */

static void
body_beyond_the_limit_is_413(void **state)
{
	struct https_config cfg = {.max_body = 1000};
	static char body[3 * 1024 * 1024];
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, &cfg);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
	memset(body, 'x', sizeof(body));
	visitor_send(w, body, 1000);
	WAIT(d.loop, visitor_answers(w) == 1);
	assert_int_equal(d.len, 1000);
	visitor_forget(w);
	/* It sends all of it before it reads what it is told. */
	visitor_listen(w, false);
	visitor_say(w, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3145728\r\n\r\n");
	visitor_send(w, body, sizeof(body));
	WAIT(d.loop, visitor_has_sent(w));
	visitor_listen(w, true);
	is_refused(&d, w, "HTTP/1.1 413 Content Too Large\r\n");

	w = desk_visitor(&d, NULL);
	visitor_say(w, "PUT /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
		       "1001\r\n\r\n");
	is_refused(&d, w, "HTTP/1.1 413 Content Too Large\r\n");
	assert_int_equal(d.requests, 1);
	desk_stop(&d);
}

static void
chunks_beyond_the_limit_are_413(void **state)
{
	struct https_config cfg = {.max_body = 1000};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, &cfg);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "PUT /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < 101; i++)
		visitor_say(w, "a\r\n0123456789\r\n");
	is_refused(&d, w, "HTTP/1.1 413 Content Too Large\r\n");
	/* One that says it would be longer is not waited for. */
	w = desk_visitor(&d, NULL);
	visitor_say(
		w, "PUT /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n");
	for (unsigned i = 0; i < 101; i++)
		visitor_say(w, "0123456789");
	is_refused(&d, w, "HTTP/1.1 413 Content Too Large\r\n");
	assert_int_equal(d.requests, 0);
	desk_stop(&d);
}

static void
head_beyond_the_limit_is_431(void **state)
{
	struct https_config cfg = {.max_headers = 1000};
	struct desk d;
	char text[2000];
	struct visitor *w;
	int n;

	(void)state;
	desk_start(&d, &cfg);
	w = desk_visitor(&d, NULL);
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	memset(text + n, 'x', sizeof(text) - (size_t)n);
	memcpy(text + 996, "\r\n\r\n", 5);
	visitor_say(w, text);
	WAIT(d.loop, visitor_answers(w) == 1);
	visitor_forget(w);
	memcpy(text + 996, "x\r\n\r\n", 6);
	visitor_say(w, text);
	is_refused(&d, w, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
	w = desk_visitor(&d, NULL); /* one that does not come to an end */
	memset(text, 'x', 1001);
	visitor_send(w, text, 1001);
	is_refused(&d, w, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
	assert_int_equal(d.requests, 1);
	desk_stop(&d);
}

static void
number_of_fields_is_limited(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (unsigned i = 0; i < 99; i++)
		visitor_say(w, "A:\r\n");
	visitor_say(w, "\r\n");
	WAIT(d.loop, visitor_answers(w) == 1);
	visitor_forget(w);
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (unsigned i = 0; i < 100; i++)
		visitor_say(w, "A:\r\n");
	visitor_say(w, "\r\n");
	is_refused(&d, w, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
	assert_int_equal(d.requests, 1);
	desk_stop(&d);
}

/* As many as the head has room for. */
static void
fields_beyond_memory_are_refused(void **state)
{
	static const char *const fillers[] = {"A:\n", "A:\r\n", "Cookie:a=b;c=d;e=f\r\n"};
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (unsigned i = 0; i < 3; i++) {
		struct visitor *w = desk_visitor(&d, NULL);

		visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n");
		for (size_t n = 30; n + strlen(fillers[i]) < 16384; n += strlen(fillers[i]))
			visitor_say(w, fillers[i]);
		visitor_say(w, "\r\n");
		is_refused(&d, w, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
	}
	assert_int_equal(d.requests, 0);
	desk_stop(&d);
}

/* Nobody takes them apart here. */
static void
query_of_many_parameters_is_delivered_whole(void **state)
{
	static char text[16000];
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	memset(text, '&', sizeof(text) - 1);
	visitor_say(w, "GET /?");
	visitor_say(w, text);
	visitor_say(w, " HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d.loop, visitor_answers(w) == 1);
	assert_int_equal(strspn(d.query, "&"), sizeof(d.query) - 1);
	visitor_free(w);
	desk_stop(&d);
}

/* One that is asked for, but not answered. */
static struct visitor *
giving(struct desk *d, const char *certificate, unsigned held)
{
	struct visitor *w = desk_visitor(d, &(struct visitor_setup){.certificate = certificate});
	char body[1000];

	memset(body, 'x', sizeof(body));
	visitor_say(w, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
	visitor_send(w, body, sizeof(body));
	WAIT(d->loop, d->n_held == held || visitor_is_over(w));
	return w;
}

/* Of one peer there is never more than is left for all others. */
static void
all_bodies_together_are_limited(void **state)
{
	struct https_config cfg = {.max_bodies = 3000, .max_body = 1000};
	struct visitor *one, *other, *late;
	struct desk d;

	(void)state;
	desk_start(&d, &cfg);
	d.hold = true;
	one = giving(&d, "client", 1);
	late = giving(&d, "client", 2);
	is_refused(&d, late, "HTTP/1.1 503 Service Unavailable\r\n");
	other = giving(&d, "named", 2);
	assert_int_equal(d.n_held, 2);
	late = desk_visitor(&d, NULL);
	visitor_say(
		late, "PUT /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
	is_refused(&d, late, "HTTP/1.1 503 Service Unavailable\r\n");
	late = desk_visitor(&d, &(struct visitor_setup){0}); /* nobody, of whom there is nothing */
	visitor_say(late, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 501\r\n\r\n");
	is_refused(&d, late, "HTTP/1.1 503 Service Unavailable\r\n");
	late = desk_visitor(&d, &(struct visitor_setup){0});
	visitor_say(late, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
	WAIT(d.loop, d.n_held == 3);
	visitor_free(one);
	visitor_free(late);
	WAIT(d.loop, d.gone == 2);
	one = giving(&d, "client", 2); /* there is room again */
	assert_int_equal(d.n_held, 2);
	visitor_free(one);
	visitor_free(other);
	desk_stop(&d);
}

/* An answer that nobody reads counts as long as it is there, and as its peer's. */
static void
answers_that_wait_count_as_bodies_do(void **state)
{
	struct https_config cfg = {.max_bodies = 1000000};
	struct visitor_setup deaf = {.certificate = "client", .receive_buffer = 4096};
	struct desk d;
	struct visitor *w, *late;

	(void)state;
	desk_start(&d, &cfg);
	d.answer_len = 2000000;
	w = desk_visitor(&d, &deaf);
	visitor_listen(w, false);
	visitor_say(w, get);
	WAIT(d.loop, d.requests == 1);
	d.answer_len = 0;
	late = desk_visitor(&d, NULL);
	visitor_say(late, get);
	is_refused(&d, late, "HTTP/1.1 503 Service Unavailable\r\n");
	late = desk_visitor(&d, &(struct visitor_setup){.certificate = "named"});
	visitor_say(late, get);
	WAIT(d.loop, visitor_has(late, "/x\n") == 1);
	visitor_free(late);
	visitor_listen(w, true);
	WAIT(d.loop, visitor_len(w) > 2000000);
	late = desk_visitor(&d, NULL);
	visitor_say(late, get);
	WAIT(d.loop, visitor_has(late, "/x\n") == 1);
	visitor_free(w);
	visitor_free(late);
	desk_stop(&d);
}

/* --- how long -------------------------------------------------------------------------------- */

static void
connection_without_progress_is_closed(void **state)
{
	struct https_config cfg = {.timeout_s = 1};
	struct desk d;
	struct visitor *idle, *used;
	int silent, half;

	(void)state;
	desk_start(&d, &cfg);
	silent = knock(&d.at, NULL); /* no handshake */
	half = knock(&d.at, NULL);   /* a part of one */
	assert_int_equal(send(half, "\x16\x03\x01\x02", 4, 0), 4);
	idle = desk_visitor(&d, NULL);
	used = desk_visitor(&d, NULL);
	visitor_say(used, get);
	WAIT(d.loop, visitor_is_over(idle) && visitor_is_over(used));
	assert_int_equal(visitor_error(idle), 0);
	assert_int_equal(visitor_len(idle), 0);
	assert_int_equal(visitor_answers(used), 1);
	WAIT(d.loop, !knock_stands(silent) && !knock_stands(half));
	visitor_free(idle);
	visitor_free(used);
	WAIT(d.loop, https_connections(d.https) == 0);
	close(silent);
	close(half);
	desk_stop(&d);
}

/* A second has passed since; one more octet each time. */
struct drip {
	struct visitor *web;
	struct timer *timer;
	const char *octet;
};

static void
drip(void *arg)
{
	struct drip *dr = arg;

	visitor_say(dr->web, dr->octet);
	timer_after(dr->timer, 200);
}

/* What comes octet by octet makes progress all the time. */
static void
request_that_takes_too_long_is_408(void **state)
{
	static const struct {
		const char *begin, *octet;
	} rows[] = {
		{"GET /", "x"},
		{"GET / HTTP/1.1\r\nHost: h\r\nX:", "x"},
		{"GET / HTTP/1.1\r\n", "A:\r\n"},
		{"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", "x"},
		{"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		{"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A:\r\n"},
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	struct https_config cfg = {.timeout_s = 3600, .request_timeout_s = 1};
	struct drip drips[N];
	struct desk d;

	(void)state;
	desk_start(&d, &cfg);
	for (unsigned i = 0; i < N; i++) {
		drips[i].web = desk_visitor(&d, NULL);
		drips[i].timer = timer_new(d.loop, drip, &drips[i]);
		drips[i].octet = rows[i].octet;
		visitor_say(drips[i].web, rows[i].begin);
		timer_after(drips[i].timer, 200);
	}
	for (unsigned i = 0; i < N; i++) {
		WAIT(d.loop, visitor_is_over(drips[i].web));
		timer_free(drips[i].timer);
		is_refused(&d, drips[i].web, "HTTP/1.1 408 Request Timeout\r\n");
	}
	assert_int_equal(d.requests, 0);
	desk_stop(&d);
}

/* The time of a request is its own: what a connection is used for, and for how long, is not. */
static void
connection_outlives_the_time_of_a_request(void **state)
{
	struct https_config cfg = {.timeout_s = 3600, .request_timeout_s = 1};
	struct desk d;
	struct visitor *w;
	long begin;

	(void)state;
	desk_start(&d, &cfg);
	w = desk_visitor(&d, NULL);
	d.hold = true;
	begin = harness_ms();
	for (unsigned i = 1; harness_ms() - begin < 2500; i++) {
		long asked = harness_ms();

		visitor_say(w, get);
		WAIT(d.loop, d.n_held == 1);
		WAIT(d.loop, harness_ms() - asked > 1200); /* its answer takes its time, too */
		desk_answer(&d);
		WAIT(d.loop, visitor_has(w, "/x\n") == i);
	}
	visitor_free(w);
	desk_stop(&d);
}

static void
peer_that_does_not_read_is_closed(void **state)
{
	struct https_config cfg = {.timeout_s = 1};
	struct visitor_setup deaf = {.certificate = "client", .receive_buffer = 4096};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, &cfg);
	d.answer_len = 5000000;
	w = desk_visitor(&d, &deaf);
	visitor_listen(w, false);
	visitor_say(w, get);
	WAIT(d.loop, d.requests == 1);
	WAIT(d.loop, https_connections(d.https) == 0);
	visitor_free(w);
	desk_stop(&d);
}

/* It has read that, and does not end its direction. */
static void
who_stays_after_our_last_word_is_closed(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "BAD\r\n\r\n");
	WAIT(d.loop, visitor_is_over(w));
	harness_settle(d.loop);
	assert_int_equal(https_connections(d.https), 1); /* it is waited for */
	WAIT(d.loop, https_connections(d.https) == 0);
	visitor_free(w);
	desk_stop(&d);
}

static void
who_talks_on_after_our_last_word_is_closed(void **state)
{
	enum { MUCH = 64 * 1024 * 1024 };
	static const char bytes[65536];
	size_t n = 0;
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_listen(w, false);
	visitor_say(w, "BAD\r\n\r\n");
	for (; n < MUCH && https_connections(d.https) == 1; n += sizeof(bytes)) {
		visitor_send(w, bytes, sizeof(bytes));
		WAIT(d.loop, visitor_has_sent(w) || https_connections(d.https) == 0);
	}
	assert_in_range(n, 0, MUCH / 2); /* with what the kernel holds */
	visitor_free(w);
	desk_stop(&d);
}

static void
read_some(void *arg)
{
	struct drip *dr = arg;

	visitor_listen(dr->web, true);
	visitor_listen(dr->web, false);
	timer_after(dr->timer, 100);
}

/* Slow, but it goes on. */
static void
peer_that_reads_slowly_gets_its_answer(void **state)
{
	struct https_config cfg = {.timeout_s = 1};
	struct visitor_setup deaf = {.certificate = "client", .receive_buffer = 4096};
	struct drip dr;
	struct desk d;

	(void)state;
	desk_start(&d, &cfg);
	d.answer_len = 600000;
	dr.web = desk_visitor(&d, &deaf);
	visitor_listen(dr.web, false);
	visitor_say(dr.web, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	dr.timer = timer_new(d.loop, read_some, &dr);
	timer_after(dr.timer, 100);
	WAIT(d.loop, visitor_is_over(dr.web));
	assert_int_equal(visitor_error(dr.web), 0);
	assert_true(visitor_len(dr.web) > 600000);
	timer_free(dr.timer);
	visitor_free(dr.web);
	desk_stop(&d);
}

/* Asks on and on, and reads nothing: what waits for it is bounded. */
static void
peer_that_asks_and_does_not_read_asks_no_more(void **state)
{
	struct visitor_setup deaf = {.certificate = "client", .receive_buffer = 4096};
	struct desk d;
	struct visitor *w;
	unsigned before;

	(void)state;
	desk_start(&d, NULL);
	d.answer_len = 10000;
	w = desk_visitor(&d, &deaf);
	visitor_listen(w, false);
	for (unsigned i = 0; i < 5000; i++)
		visitor_say(w, get);
	do {
		before = d.requests;
		harness_settle(d.loop);
	} while (d.requests > before);
	assert_in_range(d.requests, 1, 500);
	visitor_free(w);
	desk_stop(&d);
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* Turns of the loop in which something happened. */
static void
count_turn(void *arg)
{
	++*(unsigned *)arg;
}

/* Only so many descriptors are left. */
static void
leave_descriptors(unsigned n)
{
	int first = dup(0); /* the lowest that is free */
	struct rlimit files;

	close(first);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = (rlim_t)first + n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void
leave_all_descriptors(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void
connections_wait_for_descriptors(void **state)
{
	unsigned turns = 0;
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	loop_at_turn_end(d.loop, count_turn, &turns);
	visitor_free(entering_from(&d, NULL)); /* so that all else is open */
	WAIT(d.loop, https_connections(d.https) == 0);
	w = knocking_from(&d, NULL, "client");
	leave_descriptors(0);
	harness_settle(d.loop);
	turns = 0;
	harness_settle(d.loop);
	assert_in_range(turns, 0, 100); /* it waits, and does not try all the time */
	assert_false(visitor_is_up(w));
	leave_all_descriptors();
	visitor_say(w, get);
	WAIT(d.loop, visitor_answers(w) == 1);
	visitor_free(w);
	desk_stop(&d);
}

/* Enough for the connection, but not for the pair of sockets. */
static void
connection_that_lacks_descriptors_is_closed(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	visitor_free(entering_from(&d, NULL));
	WAIT(d.loop, https_connections(d.https) == 0);
	for (unsigned left = 1; left <= 2; left++) {
		w = knocking_from(&d, NULL, "client");
		leave_descriptors(left);
		WAIT(d.loop, visitor_is_over(w));
		assert_int_equal(visitor_len(w), 0);
		leave_all_descriptors();
		visitor_free(w);
		WAIT(d.loop, https_connections(d.https) == 0);
	}
	visitor_free(entering_from(&d, NULL));
	desk_stop(&d);
}

/* --- a flood of handshakes ------------------------------------------------------------------- */

struct rush {
	const unsigned *count;
	unsigned before, most; /* in one turn */
};

static void
look_at_turn(void *arg)
{
	struct rush *r = arg;

	if (*r->count - r->before > r->most)
		r->most = *r->count - r->before;
	r->before = *r->count;
}

/* Only so many are gone on with in a turn, the others wait. */
static void
handshakes_wait_for_their_turn(void **state)
{
	enum { N = 40 };
	struct rush r = {0};
	struct visitor *w[N];
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	r.count = &d.judged; /* peers */
	loop_at_turn_end(d.loop, look_at_turn, &r);
	for (unsigned i = 0; i < N; i++)
		w[i] = knocking_from(&d, NULL, "client");
	WAIT(d.loop, d.judged == N);
	assert_in_range(r.most, 1, 2);
	for (unsigned i = 0; i < N; i++)
		visitor_free(w[i]);
	desk_stop(&d);
}

/* Likewise requests, of connections that are there. */
static void
requests_wait_for_their_turn(void **state)
{
	enum { N = 45 };
	struct rush r = {0};
	struct visitor *w[N];
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	r.count = &d.requests;
	for (unsigned i = 0; i < N; i++)
		w[i] = desk_visitor(&d, NULL);
	WAIT(d.loop, d.judged == N);
	loop_at_turn_end(d.loop, look_at_turn, &r);
	for (unsigned i = 0; i < N; i++)
		visitor_say(w[i], get);
	WAIT(d.loop, d.requests == N);
	assert_in_range(r.most, 1, 32); /* read in one turn, answered in the next one */
	for (unsigned i = 0; i < N; i++)
		WAIT(d.loop, visitor_has(w[i], "/x\n") == 1);
	for (unsigned i = 0; i < N; i++)
		visitor_free(w[i]);
	desk_stop(&d);
}

/* Owners of requests that take their time: of the processor, which is what counts. */
static void
work(struct desk *d)
{
	struct timespec ts;
	long begun, now;

	(void)d;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	begun = ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
		now = ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	} while (now - begun < 20);
}

struct gaps {
	const struct desk *desk;
	unsigned before, turns, least; /* between two of them */
};

static void
look_at_gap(void *arg)
{
	struct gaps *g = arg;

	g->turns++;
	if (g->desk->requests == g->before)
		return;
	if (g->before && g->turns < g->least)
		g->least = g->turns;
	g->before = g->desk->requests;
	g->turns = 0;
}

/* A turn has 2 ms for requests: who takes ten times as much is paid for by the turns that follow,
 * in which all else goes on. */
static void
requests_that_take_long_leave_time_for_others(void **state)
{
	enum { N = 8 };
	struct gaps g = {.least = UINT_MAX};
	struct rush r = {0};
	struct visitor *w[N];
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (unsigned i = 0; i < N; i++)
		w[i] = desk_visitor(&d, NULL);
	WAIT(d.loop, d.judged == N);
	d.on_request = work;
	r.count = &d.requests;
	g.desk = &d;
	loop_at_turn_end(d.loop, look_at_turn, &r);
	loop_at_turn_end(d.loop, look_at_gap, &g);
	for (unsigned i = 0; i < N; i++)
		visitor_say(w[i], get);
	WAIT(d.loop, d.requests == N);
	assert_int_equal(r.most, 1);
	assert_in_range(g.least, 8, UINT_MAX);
	for (unsigned i = 0; i < N; i++) {
		WAIT(d.loop, visitor_has(w[i], "/x\n") == 1);
		visitor_free(w[i]);
	}
	desk_stop(&d);
}

/* Each peer in its turn, however many requests another one has there already. */
static void
peers_take_turns(void **state)
{
	enum { N = 12 };
	struct visitor *w[N], *other;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (unsigned i = 0; i < N; i++)
		w[i] = desk_visitor(&d, NULL);
	other = desk_visitor(&d, &(struct visitor_setup){.certificate = "named"});
	WAIT(d.loop, d.judged == N + 1);
	d.on_request = work;
	for (unsigned i = 0; i < N; i++)
		visitor_say(w[i], get);
	WAIT(d.loop, d.requests > 0);
	visitor_say(other, "GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d.loop, visitor_has(other, "/other\n") == 1);
	assert_in_range(d.requests, 2, N - 4);
	visitor_free(w[N - 1]); /* who goes away while it waits was never there */
	WAIT(d.loop, https_connections(d.https) == N);
	assert_in_range(d.requests, 2, N - 2);
	WAIT(d.loop, d.requests == N);
	assert_int_equal(d.gone, 0);
	for (unsigned i = 0; i < N - 1; i++) {
		WAIT(d.loop, visitor_has(w[i], "/x\n") == 1);
		visitor_free(w[i]);
	}
	visitor_free(other);
	desk_stop(&d);
}

static int
start(void **state)
{
	(void)state;
	leave_all_descriptors();
	harness_pki();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_limited_by_prefix),
		cmocka_unit_test(connections_are_limited),
		cmocka_unit_test(strangers_make_room_for_a_new_connection),
		cmocka_unit_test(who_has_just_come_makes_no_room),
		cmocka_unit_test(many_connections_are_served_at_a_time),
		cmocka_unit_test(body_beyond_the_limit_is_413),
		cmocka_unit_test(chunks_beyond_the_limit_are_413),
		cmocka_unit_test(head_beyond_the_limit_is_431),
		cmocka_unit_test(number_of_fields_is_limited),
		cmocka_unit_test(fields_beyond_memory_are_refused),
		cmocka_unit_test(query_of_many_parameters_is_delivered_whole),
		cmocka_unit_test(all_bodies_together_are_limited),
		cmocka_unit_test(answers_that_wait_count_as_bodies_do),
		cmocka_unit_test(connection_without_progress_is_closed),
		cmocka_unit_test(request_that_takes_too_long_is_408),
		cmocka_unit_test(connection_outlives_the_time_of_a_request),
		cmocka_unit_test(peer_that_does_not_read_is_closed),
		cmocka_unit_test(who_stays_after_our_last_word_is_closed),
		cmocka_unit_test(who_talks_on_after_our_last_word_is_closed),
		cmocka_unit_test(peer_that_reads_slowly_gets_its_answer),
		cmocka_unit_test(peer_that_asks_and_does_not_read_asks_no_more),
		cmocka_unit_test(connections_wait_for_descriptors),
		cmocka_unit_test(connection_that_lacks_descriptors_is_closed),
		cmocka_unit_test(handshakes_wait_for_their_turn),
		cmocka_unit_test(requests_wait_for_their_turn),
		cmocka_unit_test(requests_that_take_long_leave_time_for_others),
		cmocka_unit_test(peers_take_turns),
	};

	return cmocka_run_group_tests(tests, start, harness_end);
}
