/*
 * The HTTPS client: what answers it takes, and what a hostile server gets out of it (RFC 9112, RFC
 * 9110). The server is one by hand.
 */
#include <stdio.h>
#include <stdlib.h>

#include "asker.h"
#include "base/mem.h"

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* --- good ones ------------------------------------------------------------------------------- */

struct good {
	const char *answer;
	unsigned status;
	const char *body, *field;
	bool last; /* of its connection */
};

static void
takes(const struct good *g)
{
	struct pair p;

	pair_start(&p, "server", g->answer, NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	if (p.asker.status != g->status)
		fail_msg("%s: %u %s", g->answer, p.asker.status, p.asker.why);
	assert_string_equal(p.asker.body, g->body);
	assert_string_equal(p.asker.field, g->field);
	p.site.answer = ok;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_string_equal(p.asker.body, "ok");
	assert_int_equal(p.site.connections, g->last ? 2 : 1);
	pair_stop(&p);
}

static void
answers_are_taken_as_they_are(void **state)
{
	static const struct good rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Test: a\r\n\r\nabc", 200, "abc", "a",
			false},
		{"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, "", "-", false},
		{"HTTP/1.1 204 No Content\r\nX-Test:  a b \t\r\n\r\n", 204, "", "a b", false},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", "-", false},
		{"HTTP/1.1 409 \r\nContent-Length: 1\r\n\r\nx", 409, "x", "-", false},
		{"HTTP/1.1 500 Oh\r\nContent-Length: 1\r\nx-test: 1\r\nX-Test: 2\r\n\r\nx", 500,
			"x", "1", false},
		{"HTTP/1.1 200 OK\r\nX-Test:\r\nContent-Length: 0\r\n\r\n", 200, "", "", false},
		{"HTTP/1.1 200 OK\r\nX-Test: a\r\n \t b\r\nContent-Length: 0\r\n\r\n", 200, "",
			"a b", false},
		{"HTTP/1.1 200 OK\r\nX-Testing: a\r\nContent-Length: 0\r\n\r\n", 200, "", "-",
			false},
		{"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", 200, "",
			"-", true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", "-", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		takes(&rows[i]);
}

static void
chunks_are_put_together(void **state)
{
	static const struct good rows[] = {
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
			200, "abcde", "-", false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 200, "", "-",
			false},
		/* RFC 9112 7.1.2: what comes behind is not part of the head. */
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Test: "
		 "late\r\n\r\n",
			200, "a", "-", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		takes(&rows[i]);
}

/* RFC 9110 15.2 */
static void
interim_answers_are_passed_over(void **state)
{
	static const struct good rows[] = {
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200,
			"x", "-", false},
		{"HTTP/1.1 103 Early Hints\r\nX-Test: early\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
		 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
			200, "x", "-", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		takes(&rows[i]);
}

static void
answer_may_end_with_its_connection(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", "HTTP/1.1 200 OK\r\n\r\nto the end", NULL);
	p.site.then = SITE_CLOSES;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	assert_string_equal(p.asker.body, "to the end");
	pair_stop(&p);
}

/* RFC 9112 9.8 */
static void
answer_that_is_cut_off_is_none(void **state)
{
	static const enum site_then ends[] = {SITE_CUTS, SITE_RESETS};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "server", "HTTP/1.1 200 OK\r\n\r\nto the e", NULL);
		p.site.then = ends[i];
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_int_equal(p.asker.status, 0);
		assert_true(strncmp(p.asker.why, "HTTP: ", 6) == 0);
		pair_stop(&p);
	}
}

static void
whole_answer_counts_however_the_connection_ends(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	p.site.then = SITE_CUTS;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	assert_string_equal(p.asker.body, "ok");
	pair_stop(&p);
}

static void
binary_body_has_its_length(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\0b\xff";
	struct pair p;

	(void)state;
	pair_start(&p, "server", answer, NULL);
	p.site.answer_len = sizeof(answer) - 1;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.len, 4);
	assert_memory_equal(p.asker.body, "a\0b\xff", 5);
	pair_stop(&p);
}

/* --- what it does not do --------------------------------------------------------------------- */

static void
redirections_are_not_followed(void **state)
{
	char answer[256] = "";
	struct pair p;

	(void)state;
	pair_start(&p, "server", answer, NULL);
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/\r\nX-Test: 1\r\n"
		"Content-Length: 0\r\n\r\n",
		p.site.at.port);
	asker_ask(&p.asker, "GET", "/", NULL);
	harness_settle(p.l);
	assert_int_equal(p.asker.status, 302);
	assert_int_equal(p.site.connections, 1);
	assert_int_equal(p.site.requests, 1);
	pair_stop(&p);
}

static void
nothing_of_an_answer_is_in_the_next_request(void **state)
{
	char text[128];
	struct pair p;

	(void)state;
	pair_start(&p, "server",
		"HTTP/1.1 401 Unauthorized\r\nSet-Cookie: a=b\r\nAlt-Svc: h2=\":1\"\r\n"
		"WWW-Authenticate: Basic realm=\"x\"\r\n"
		"Strict-Transport-Security: max-age=99\r\nContent-Length: 0\r\n\r\n",
		NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 401);
	asker_ask(&p.asker, "GET", "/", NULL);
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: dots.example:%u\r\n\r\n",
		p.site.at.port);
	assert_memory_equal(p.site.text, text, strlen(text));
	assert_string_equal(p.site.text + strlen(text), text);
	pair_stop(&p);
}

static void
contents_are_left_as_they_are_coded(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_string_equal(p.asker.body, "abcd");
	assert_false(site_has(&p.site, "Accept-Encoding"));
	pair_stop(&p);
}

static void
environment_has_no_say(void **state)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	pair_start(&p, "server", ok, NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	for (size_t i = 0; i < 4; i++)
		unsetenv(names[i]);
	pair_stop(&p);
}

/* --- bad ones -------------------------------------------------------------------------------- */

static const struct {
	const char *answer, *why;
} bad[] = {
	{"nonsense\r\n\r\n", "HTTP: "},
	{"<html>0.9</html>", "HTTP: "},
	{"HTTP/2 200\r\nContent-Length: 0\r\n\r\n", "HTTP: "},
	{"HTTP/1.1 600 Oh\r\nContent-Length: 0\r\n\r\n", "no line of status"},
	{"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 1\r\nContent-Length: 0\r\n\r\n", "a bare CR"},
	{"HTTP/1.1 099 Oh\r\nContent-Length: 0\r\n\r\n", "HTTP: "},
	{"HTTP/1.1 2000 Oh\r\nContent-Length: 0\r\n\r\n", "HTTP: "},
	{"HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n", "HTTP: "},
	{"HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "HTTP: "},
	{"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP: "},
	{"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "another protocol"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "twice"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", "twice"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n0\r\n\r\n",
		"twice"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
	 "1\r\n\r\n0\r\n\r\n",
		"twice"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n",
		"twice"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx", "no number"},
	{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx", "no number"},
	{"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nx", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx", "no number"},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx", "no number"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "not chunked"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", "not chunked"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nx", "folded"},
	{"HTTP/1.1 200 OK\r\n X-Test: a\r\n\r\n", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nX-Test\r\n\r\n", "HTTP: "},
	{"HTTP/1.1 200 OK\r\nX Test: a\r\n\r\n", "no token"},
	{"HTTP/1.1 200 OK\r\nX-Test : a\r\n\r\n", "no token"},
	{"HTTP/1.1 200 OK\r\n: a\r\n\r\n", "no token"},
	{"HTTP/1.1 103 Hints\r\nContent-Length: 9\r\n\r\n", "interim"},
	{"HTTP/1.1 100 Go\r\nTransfer-Encoding: chunked\r\n\r\n", "interim"},
};

static void
bad_answers_are_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pair p;

		pair_start(&p, "server", bad[i].answer, NULL);
		asker_ask(&p.asker, "GET", "/", NULL);
		if (p.asker.status || !strstr(p.asker.why, bad[i].why) ||
			strstr(p.asker.why, "in time"))
			fail_msg("%s: %u \"%s\"", bad[i].answer, p.asker.status, p.asker.why);
		assert_string_equal(p.asker.field, "-");
		p.site.answer = ok; /* over another connection, for who knows what else comes */
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_int_equal(p.asker.status, 200);
		assert_int_equal(p.site.connections, 2);
		pair_stop(&p);
	}
}

static void
nul_in_a_head_is_refused(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nX-Test: a\0b\r\nContent-Length: 0\r\n\r\n";
	struct pair p;

	(void)state;
	pair_start(&p, "server", answer, NULL);
	p.site.answer_len = sizeof(answer) - 1;
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_failed(&p.asker, "HTTP: ");
	pair_stop(&p);
}

static void
short_body_is_no_answer(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct pair p;

		pair_start(&p, "server", answers[i], NULL);
		p.site.then = SITE_CLOSES;
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_failed(&p.asker, "HTTP: no whole answer: closed by the peer");
		pair_stop(&p);
	}
}

/* RFC 9112 6.3: what follows is no answer to the next request. */
static void
words_behind_an_answer_end_the_connection(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx\r\n",
		"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pair p;

		pair_start(&p, "server", answers[i], NULL);
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_true(p.asker.status == 200 || p.asker.status == 204);
		p.site.answer = ok;
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_string_equal(p.asker.body, "ok");
		assert_int_equal(p.site.connections, 2);
		pair_stop(&p);
	}
}

/* --- bounds ---------------------------------------------------------------------------------- */

static void
answer_may_be_as_large_as_allowed(void **state)
{
	struct web_config cfg = {.max_answer = 5};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "server", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", &cfg);
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_int_equal(p.asker.len, 5);
		p.site.answer = i ? "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456"
				  : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				    "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n";
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_failed(&p.asker, "HTTP: the answer is too large");
		pair_stop(&p);
	}
}

/* The server is shut up long before it has said this much. */
enum { PATIENCE = 4 * 1024 * 1024 };

/* Extensions of a chunk are thrown away as they come: what bounds them is the time. */
static void
endless_answers_are_ended(void **state)
{
	static char line[120 * 1024];
	const struct {
		const char *answer, *forever, *why;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\n", "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
			"too many fields"},
		{"HTTP/1.1 200 OK\r\n", line, "HTTP: "},
		{"HTTP/1.1 200 OK\r\nX: a\r\n", " xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
			"too large"},
		{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "too large"},
		{"HTTP/1.1 200 OK\r\n\r\n", "body", "too large"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nbody\r\n",
			"too large"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "ext=ension;",
			"in time"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
			"X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", "too large"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", line, "HTTP: "},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0", "0", "HTTP: "},
	};

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_long = strcmp(rows[i].why, "in time") == 0;
		struct web_config cfg = {.max_answer = 100000, .timeout_s = is_long ? 1 : 0};
		struct pair p;

		pair_start(&p, "server", rows[i].answer, &cfg);
		p.site.forever = rows[i].forever;
		asker_ask(&p.asker, "GET", "/", NULL);
		if (p.asker.status || !strstr(p.asker.why, rows[i].why))
			fail_msg("%zu: %u \"%s\"", i, p.asker.status, p.asker.why);
		WAIT(p.l, p.site.over == 1);
		assert_in_range(p.site.sent, 1, is_long ? SIZE_MAX : PATIENCE);
		pair_stop(&p);
	}
}

/* An answer before the request is out: to too large a body, for example. */
static void
early_refusal_is_told(void **state)
{
	enum { LEN = 2000000 };
	char *body = mem_new(LEN + 1);
	struct pair p;

	(void)state;
	memset(body, 'y', LEN);
	pair_start(&p, "server",
		"HTTP/1.1 413 Too Large\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", NULL);
	asker_ask(&p.asker, "PUT", "/", body);
	assert_int_equal(p.asker.status, 413);
	assert_false(site_has(&p.site, "Expect:"));
	p.site.answer = ok;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	pair_stop(&p);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_taken_as_they_are),
		cmocka_unit_test(chunks_are_put_together),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(answer_may_end_with_its_connection),
		cmocka_unit_test(answer_that_is_cut_off_is_none),
		cmocka_unit_test(whole_answer_counts_however_the_connection_ends),
		cmocka_unit_test(binary_body_has_its_length),
		cmocka_unit_test(redirections_are_not_followed),
		cmocka_unit_test(nothing_of_an_answer_is_in_the_next_request),
		cmocka_unit_test(contents_are_left_as_they_are_coded),
		cmocka_unit_test(environment_has_no_say),
		cmocka_unit_test(bad_answers_are_none),
		cmocka_unit_test(nul_in_a_head_is_refused),
		cmocka_unit_test(short_body_is_no_answer),
		cmocka_unit_test(words_behind_an_answer_end_the_connection),
		cmocka_unit_test(answer_may_be_as_large_as_allowed),
		cmocka_unit_test(endless_answers_are_ended),
		cmocka_unit_test(early_refusal_is_told),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
