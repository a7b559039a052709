/*
 * HTTPS: messages that are wrong, or that two readers may read in two ways (RFC 9112 2.2, 3.2, 5,
 * 6, 7, 11). A clear error or the end of the connection, and nothing reaches the owner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "desk.h"

#define HOST "Host: h\r\n"

/* status 0: closed without an answer. */
struct wrong {
	const char *what;
	const char *text;
	size_t len; /* 0: strlen */
	unsigned status;
};

static const struct wrong wrongs[] = {
	{"nonsense", "hello\r\n\r\n", 0, 0},
	{"request behind a field without name",
		"GET / HTTP/1.1\r\n" HOST ":\r\nGET /evil HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, 400},
	{"http2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505},
	{"version 0.9", "GET /\r\n\r\n", 0, 400},
	{"version 0.8", "GET / HTTP/0.8\r\n" HOST "\r\n", 0, 505},
	{"version 1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 0, 505},
	{"version 2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 0, 505},
	{"version of letters", "GET / HTTP/x.y\r\n" HOST "\r\n", 0, 400},
	{"version of small letters", "GET / http/1.1\r\n" HOST "\r\n", 0, 400},
	{"no method", " / HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"method that is no token", "G(T / HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"tab in the target", "GET /a\tb HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"raw octets in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"relative target", "GET a HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"authority form", "CONNECT h:443 HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"absolute form of plain HTTP", "GET http://h/ HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"asterisk form of GET", "GET * HTTP/1.1\r\n" HOST "\r\n", 0, 400},
	{"NUL in the target", "GET /a\0b HTTP/1.1\r\n" HOST "\r\n", 29, 400},
	{"NUL in a field", "GET / HTTP/1.1\r\nHost: h\0i\r\n\r\n", 29, 400},
	{"NUL in front", "\0GET / HTTP/1.1\r\n" HOST "\r\n", 28, 400},
	{"CR alone", "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n", 0, 400},
	{"escape", "GET / HTTP/1.1\r\n" HOST "X: \033[31m\r\n\r\n", 0, 400},
	{"delete", "GET / HTTP/1.1\r\n" HOST "X: \177\r\n\r\n", 0, 400},
	{"folded line", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 0, 400},
	{"no host", "GET / HTTP/1.1\r\n\r\n", 0, 400},
	{"two hosts", "GET / HTTP/1.1\r\n" HOST "host: i\r\n\r\n", 0, 400},
	{"field without colon", "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 0, 400},
	{"field without name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 0, 400},
	{"space before colon", "GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 0, 400},
	{"two lengths",
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 0,
		400},
	{"the same length twice",
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\ncontent-length: 1\r\n\r\na", 0,
		400},
	{"list of lengths", "PUT / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na", 0, 400},
	{"negative length", "PUT / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 0, 400},
	{"signed length", "PUT / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", 0, 400},
	{"length of hexadecimal digits", "PUT / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na",
		0, 400},
	{"no length", "PUT / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 0, 400},
	{"enormous length",
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 0,
		413},
	{"length beyond 63 bits",
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n", 0, 413},
	{"chunks and a length",
		"PUT / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		0, 400},
	{"a length and chunks",
		"PUT / HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		0, 400},
	{"chunks of 1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
	{"chunks twice",
		"PUT / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		0, 400},
	{"coding not known",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0,
		501},
	{"coding identity", "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 0,
		501},
	{"coding with a tail",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", 0, 501},
	{"chunk size of letters",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n", 0,
		400},
	{"chunk size negative",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n", 0,
		400},
	{"chunk size missing",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n", 0, 400},
	{"chunk size enormous",
		"PUT / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n",
		0, 413},
	{"chunk longer than said",
		"PUT / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
		0, 400},
};

static struct desk desk;

static void
say_wrong(struct visitor *w, const struct wrong *row)
{
	visitor_send(w, row->text, row->len ? row->len : strlen(row->text));
}

static void
is_answered(const struct visitor *w, const struct wrong *row)
{
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %u ", row->status);
	if (row->status ? visitor_has(w, line) == 1 && visitor_answers(w) == 1
			: visitor_len(w) == 0)
		return;
	fail_msg("%s: %s", row->what, visitor_text(w));
}

static void
wrong_message_is_refused_and_the_connection_closed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct visitor *w = desk_visitor(&desk, NULL);

		say_wrong(w, &wrongs[i]);
		WAIT(desk.loop, visitor_is_over(w));
		is_answered(w, &wrongs[i]);
		assert_int_equal(desk.requests, 0);
		visitor_free(w);
	}
	WAIT(desk.loop, https_connections(desk.https) == 0);
}

/* What is wrong is found at whatever octet a record ends. */
static void
wrong_message_in_pieces_is_refused_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *row = &wrongs[i];
		struct visitor *w = desk_visitor(&desk, NULL);
		size_t len = row->len ? row->len : strlen(row->text);

		for (size_t k = 0; k < len && !visitor_is_over(w); k++)
			visitor_send(w, row->text + k, 1);
		WAIT(desk.loop, visitor_is_over(w));
		is_answered(w, row);
		assert_int_equal(desk.requests, 0);
		visitor_free(w);
	}
}

/* What came before it is answered. */
static void
wrong_message_after_a_good_one_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct visitor *w = desk_visitor(&desk, NULL);

		visitor_say(w, "PUT /good HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
		say_wrong(w, &wrongs[i]);
		WAIT(desk.loop, visitor_is_over(w));
		assert_int_equal(visitor_has(w, "/good\n"), 1);
		assert_int_equal(strncmp(visitor_text(w), "HTTP/1.1 200 ", 13), 0);
		assert_int_equal(visitor_answers(w), wrongs[i].status ? 2 : 1);
		visitor_free(w);
	}
	assert_string_equal(desk.path, "/good");
}

static void
message_that_ends_early_is_no_request(void **state)
{
	static const char *const texts[] = {"", "G", "GET / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\n" HOST,
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcd",
		"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"};
	unsigned before = desk.requests;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct visitor *w = desk_visitor(&desk, NULL);

		visitor_say(w, texts[i]);
		harness_settle(desk.loop);
		visitor_close(w);
		WAIT(desk.loop, visitor_is_over(w));
		assert_int_equal(visitor_len(w), 0);
		visitor_free(w);
	}
	assert_int_equal(desk.requests, before);
	WAIT(desk.loop, https_connections(desk.https) == 0);
}

/* RFC 9112 2.2: empty lines in front, and lines that end in LF alone. */
static void
what_has_to_be_tolerated_is(void **state)
{
	struct visitor *w = desk_visitor(&desk, NULL);

	(void)state;
	visitor_say(w, "\r\n\n\r\nGET /lax HTTP/1.1\nHost: h\nX-Test:\t tabs \t\n\n");
	WAIT(desk.loop, visitor_has(w, "/lax\n") == 1);
	assert_string_equal(desk.path, "/lax");
	visitor_free(w);
}

/* Every octet a record of its own. */
static void
request_in_pieces_is_one_request(void **state)
{
	static const char text[] = "PUT /p HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
	struct visitor *w = desk_visitor(&desk, NULL);
	unsigned before = desk.requests;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		visitor_send(w, text + i, 1);
	WAIT(desk.loop, visitor_has(w, "/p\n") == 1);
	assert_int_equal(desk.requests, before + 1);
	assert_string_equal(desk.body, "abc");
	visitor_free(w);
}

static void
body_may_have_any_octet(void **state)
{
	struct visitor *w = desk_visitor(&desk, NULL);
	uint8_t body[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)i;
	visitor_say(w, "PUT /p HTTP/1.1\r\n" HOST "Content-Length: 256\r\n\r\n");
	visitor_send(w, body, sizeof(body));
	WAIT(desk.loop, visitor_has(w, "/p\n") == 1);
	assert_int_equal(desk.len, 256);
	visitor_free(w);
}

static int
start(void **state)
{
	(void)state;
	harness_pki();
	desk_start(&desk, NULL);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	desk_stop(&desk);
	pki_finish();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_message_is_refused_and_the_connection_closed),
		cmocka_unit_test(wrong_message_in_pieces_is_refused_alike),
		cmocka_unit_test(wrong_message_after_a_good_one_is_refused),
		cmocka_unit_test(message_that_ends_early_is_no_request),
		cmocka_unit_test(what_has_to_be_tolerated_is),
		cmocka_unit_test(request_in_pieces_is_one_request),
		cmocka_unit_test(body_may_have_any_octet),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
