/*
 * The head of a request: where it ends, and what is wrong with it (RFC 9112 2.2, 5).
 */
#include "../base/cases.h"

#include "net/http_head.h"

enum { MAX = 4096 };

static enum http_head_verdict
scan(const char *text, size_t len, size_t piece, size_t max, size_t *ret_used)
{
	enum http_head_verdict v = HTTP_HEAD_MORE;
	struct http_head h = {0};
	uint8_t bytes[MAX];

	memcpy(bytes, text, len);
	*ret_used = 0;
	while (*ret_used < len && v == HTTP_HEAD_MORE) {
		size_t n = len - *ret_used < piece ? len - *ret_used : piece, used;

		v = http_head_scan(&h, bytes + *ret_used, n, max, &used);
		*ret_used += used;
	}
	return v;
}

static void
ends_after(const char *head, const char *rest)
{
	char text[MAX];
	size_t used;

	snprintf(text, sizeof(text), "%s%s", head, rest);
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		assert_int_equal(scan(text, strlen(text), piece, MAX, &used), HTTP_HEAD_COMPLETE);
		assert_int_equal(used, strlen(head));
	}
	for (size_t n = 0; n < strlen(head); n++)
		assert_int_equal(scan(text, n, n, MAX, &used), HTTP_HEAD_MORE);
}

static void
head_ends_with_an_empty_line(void **state)
{
	(void)state;
	ends_after("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n");
	ends_after("PUT / HTTP/1.1\r\nHost: h\r\nA:\r\nb-1: c: d \t\r\n\r\n", "\r\n{}");
	ends_after("GET / HTTP/1.1\nHost: h\n\n", "\n");
	ends_after("GET / HTTP/1.1\nHost: h\r\n\n", "x");
	ends_after("x\n\n", "x");
}

static void
empty_lines_in_front_do_not_count(void **state)
{
	(void)state;
	ends_after("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "x");
	ends_after("\n\n\nGET / HTTP/1.1\r\n\r\n", "x");
}

static void
what_is_read_in_two_ways_is_bad(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
		{"GET /\0", 6},
		{"\0GET", 4},
		{"GET / HTTP/1.1\r\nA: \0", 20},
		{"GET / HTTP/1.1\rX", 16},
		{"\rGET", 4},
		{"\r\r\n", 3},
		{"GET / HTTP/1.1\r\nA: b\rc", 22},
		{"GET / HTTP/1.1\r\nA: b\r\n c", 24},
		{"GET / HTTP/1.1\r\nA: b\r\n\tc", 24},
		{"GET / HTTP/1.1\r\n A: b", 21},
		{" GET", 4},
		{"\tGET", 4},
		{"GET / HTTP/1.1\r\n: b", 19},
		{"GET / HTTP/1.1\r\nA : b", 21},
		{"GET / HTTP/1.1\r\nA\t: b", 21},
		{"GET / HTTP/1.1\r\nA(: b", 21},
		{"GET / HTTP/1.1\r\nA\x80: b", 21},
		{"GET / HTTP/1.1\r\nA\r\n", 19},
		{"GET / HTTP/1.1\r\nA: \x1b", 20},
		{"GET / HTTP/1.1\r\nA: \x7f", 20},
		{"GET /\x01", 6},
	};
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece <= rows[i].len; piece++)
			if (scan(rows[i].text, rows[i].len, piece, MAX, &used) != HTTP_HEAD_BAD)
				fail_msg("row %zu", i);
}

static void
octets_beyond_ascii_are_for_values(void **state)
{
	(void)state;
	ends_after("GET /\xc3\xa4 HTTP/1.1\r\nA: \xff\r\n\r\n", "x");
}

static void
queries_are_marked(void **state)
{
	uint8_t text[] = "GET /?a=b?c HTTP/1.1\r\nA: ?\r\n\r\n";
	struct http_head h = {0};
	size_t used;

	(void)state;
	assert_int_equal(
		http_head_scan(&h, text, sizeof(text) - 1, MAX, &used), HTTP_HEAD_COMPLETE);
	assert_string_equal((char *)text, "GET /\x01"
					  "a=b\x01"
					  "c HTTP/1.1\r\nA: ?\r\n\r\n");
}

static void
head_has_a_limit(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n\r\n", empty[] = "\r\n\r\n\r\n\r\n\r\n";
	size_t used;

	(void)state;
	assert_int_equal(scan(text, 18, 18, 18, &used), HTTP_HEAD_COMPLETE);
	for (size_t piece = 1; piece <= 18; piece++)
		assert_int_equal(scan(text, 18, piece, 17, &used), HTTP_HEAD_LONG);
	assert_int_equal(scan(empty, 10, 10, 9, &used), HTTP_HEAD_LONG);
}

static void
token_has_token_octets_only(void **state)
{
	static const char *const bad[] = {"", "a b", "a(", "\xc3\xa4", "a:", "a\n", "\"a\""};

	(void)state;
	assert_true(http_is_token("GET"));
	assert_true(http_is_token("!#$%&'*+-.^_`|~09azAZ"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(http_is_token(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_ends_with_an_empty_line),
		cmocka_unit_test(empty_lines_in_front_do_not_count),
		cmocka_unit_test(what_is_read_in_two_ways_is_bad),
		cmocka_unit_test(octets_beyond_ascii_are_for_values),
		cmocka_unit_test(queries_are_marked),
		cmocka_unit_test(head_has_a_limit),
		cmocka_unit_test(token_has_token_octets_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
