/*
 * CoAP message formats (RFC 7252 3, 5.4, 5.10; RFC 8323 3.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/coap.h"

static void
a_message_comes_back_as_it_went(void **state)
{
	struct coap_msg m, back;
	uint8_t bytes[1024], value[300];
	const char *why;
	uint32_t v;
	int n;

	(void)state;
	memset(value, 'x', sizeof(value));
	coap_init(&m, COAP_CON, COAP_PUT);
	m.id = 0xbeef;
	m.token_len = 8;
	memcpy(m.token, "tokentok", 8);
	coap_add_uint(&m, COAP_OPT_SIZE1, 300); /* delta over 13 */
	coap_add_text(&m, COAP_OPT_URI_PATH, "b");
	coap_add_text(&m, COAP_OPT_IF_MATCH, "");
	coap_add(&m, COAP_OPT_URI_PATH, value, 269); /* length over 268 */
	coap_add_uint(&m, 2049, 1);                  /* delta over 268 */
	m.payload = (const uint8_t *)"body";
	m.payload_len = 4;
	n = coap_encode(&m, bytes, sizeof(bytes));
	assert_true(n > 0);
	assert_int_equal(coap_decode(bytes, (size_t)n, &back, &why), 0);
	assert_int_equal(back.id, 0xbeef);
	assert_memory_equal(back.token, "tokentok", 8);
	assert_int_equal(back.n_options, 5);
	assert_int_equal(back.options[0].number, COAP_OPT_IF_MATCH);
	assert_int_equal(back.options[1].len, 1); /* order of equal numbers is kept */
	assert_int_equal(back.options[2].len, 269);
	assert_true(coap_get_uint(&back, COAP_OPT_SIZE1, &v) && v == 300);
	assert_memory_equal(back.payload, "body", 4);
	assert_int_equal(coap_encode(&m, bytes, (size_t)n - 1), -ENOSPC);
}

static void
format_errors_are_found(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
	} cases[] = {
		{{0x50, 1, 0}, 3},                      /* header */
		{{0x10, 1, 0, 0}, 4},                   /* version 0 */
		{{0x59, 1, 0, 0, 1, 1, 1, 1}, 8},       /* token length 9 */
		{{0x5f, 1, 0, 0, 1, 1, 1, 1}, 8},       /* token length 15 */
		{{0x90, 1, 0, 0}, 4},                   /* version 2 */
		{{0x50, 0, 0, 0, 0xff, 1}, 6},          /* empty message with a payload */
		{{0x50, 1, 0, 0, 0xb1, 1, 0xf1, 0}, 8}, /* reserved delta later on */
		{{0x54, 1, 0, 0, 1}, 5},                /* token cut */
		{{0x50, 1, 0, 0, 0xff}, 5},             /* marker without payload */
		{{0x50, 1, 0, 0, 0xf0}, 5},             /* reserved delta */
		{{0x50, 1, 0, 0, 0x0f}, 5},             /* reserved length */
		{{0x50, 1, 0, 0, 0xb2, 1}, 6},          /* value cut */
		{{0x50, 1, 0, 0, 0xd0}, 5},             /* extension cut */
		{{0x50, 1, 0, 0, 0xe0, 0xff, 0xff}, 7}, /* number over 65535 */
		{{0x50, 0, 0, 0, 0xb1, 1}, 6},          /* empty message with an option */
		{{0x51, 0, 0, 0, 1}, 5},                /* empty message with a token */
	};
	struct coap_msg m;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (coap_decode(cases[i].bytes, cases[i].len, &m, &why) == 0)
			fail_msg("case %zu was accepted", i);
}

static void
options_are_limited(void **state)
{
	uint8_t bytes[4 + COAP_OPTIONS_MAX + 1] = {0x50, 1, 0, 0, 0xb0};
	struct coap_msg m;
	const char *why;

	(void)state;
	assert_int_equal(coap_decode(bytes, 4 + COAP_OPTIONS_MAX, &m, &why), 0);
	assert_int_not_equal(coap_decode(bytes, sizeof(bytes), &m, &why), 0);
	assert_string_equal(why, "too many options");
}

/* 9132-9-06 */
static void
bad_critical_options_are_named(void **state)
{
	struct coap_msg m;

	(void)state;
	coap_init(&m, COAP_CON, COAP_GET);
	coap_add_text(&m, COAP_OPT_URI_PATH, "x");
	coap_add_text(&m, COAP_OPT_URI_PATH, "y");
	coap_add_uint(&m, 2048, 1); /* unknown, elective */
	assert_int_equal(coap_bad_option(&m), 0);
	coap_add_uint(&m, 2049, 1); /* unknown, critical */
	assert_int_equal(coap_bad_option(&m), 2049);
	coap_init(&m, COAP_CON, COAP_GET);
	coap_add_text(&m, COAP_OPT_PROXY_URI, "");
	assert_int_equal(coap_bad_option(&m), COAP_OPT_PROXY_URI);
	coap_init(&m, COAP_CON, COAP_GET);
	coap_add(&m, COAP_OPT_BLOCK2, "1234", 4);
	assert_int_equal(coap_bad_option(&m), COAP_OPT_BLOCK2);
	coap_init(&m, COAP_CON, COAP_GET);
	coap_add_uint(&m, COAP_OPT_ACCEPT, 1);
	coap_add_uint(&m, COAP_OPT_ACCEPT, 2);
	assert_int_equal(coap_bad_option(&m), COAP_OPT_ACCEPT);
}

static void
removed_options_leave_the_others_in_order(void **state)
{
	struct coap_msg m;

	(void)state;
	coap_init(&m, COAP_CON, COAP_GET);
	coap_add_text(&m, COAP_OPT_URI_PATH, "x");
	coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	coap_add_text(&m, COAP_OPT_URI_PATH, "y");
	coap_add_text(&m, COAP_OPT_URI_QUERY, "c=n");
	coap_remove(&m, COAP_OPT_OBSERVE);
	coap_remove(&m, COAP_OPT_ETAG);
	assert_int_equal(m.n_options, 3);
	assert_memory_equal(m.options[0].value, "x", 1);
	assert_memory_equal(m.options[1].value, "y", 1);
	coap_remove(&m, COAP_OPT_URI_PATH);
	assert_int_equal(m.n_options, 1);
	assert_int_equal(m.options[0].number, COAP_OPT_URI_QUERY);
}

/* RFC 7252 5.4.1, 5.4.3, 5.10; RFC 7641 2; RFC 7959 2.1; RFC 8768 3: one shorter than the shortest
 * and one longer than the longest. */
static void
option_lengths_are_those_of_their_definitions(void **state)
{
	static const struct {
		uint16_t number, min, max;
		bool repeatable;
	} critical[] = {
		{COAP_OPT_IF_MATCH, 0, 8, true},
		{COAP_OPT_URI_HOST, 1, 255, false},
		{COAP_OPT_IF_NONE_MATCH, 0, 0, false},
		{COAP_OPT_URI_PORT, 0, 2, false},
		{COAP_OPT_URI_PATH, 0, 255, true},
		{COAP_OPT_URI_QUERY, 0, 255, true},
		{COAP_OPT_ACCEPT, 0, 2, false},
		{COAP_OPT_BLOCK2, 0, 3, false},
		{COAP_OPT_BLOCK1, 0, 3, false},
		{COAP_OPT_PROXY_URI, 1, 1034, false},
		{COAP_OPT_PROXY_SCHEME, 1, 255, false},
	};
	static const uint8_t value[1036];

	(void)state;
	for (size_t i = 0; i < sizeof(critical) / sizeof(critical[0]); i++) {
		uint16_t number = critical[i].number;

		for (int len = critical[i].min - 1; len <= critical[i].max + 1; len++) {
			bool good = len >= critical[i].min && len <= critical[i].max;
			struct coap_msg m;

			if (len < 0)
				continue;
			coap_init(&m, COAP_CON, COAP_GET);
			coap_add(&m, number, value, (size_t)len);
			if (coap_bad_option(&m) != (good ? 0 : number))
				fail_msg("option %u of %d bytes", number, len);
			coap_add(&m, number, value, (size_t)len);
			if (coap_bad_option(&m) != (good && critical[i].repeatable ? 0 : number))
				fail_msg("option %u of %d bytes, twice", number, len);
		}
	}
}

/* RFC 7252 5.4.1, 5.4.3, 5.4.5: elective options out of their bounds are not there; of repeated
 * ones the first counts. */
static void
elective_options_out_of_bounds_are_ignored(void **state)
{
	static const struct {
		uint16_t number, good, bad;
	} elective[] = {
		{COAP_OPT_OBSERVE, 3, 4},
		{COAP_OPT_CONTENT_FORMAT, 2, 3},
		{COAP_OPT_HOP_LIMIT, 1, 2},
		{COAP_OPT_HOP_LIMIT, 1, 0},
		{COAP_OPT_MAX_AGE, 4, 5},
		{COAP_OPT_SIZE1, 4, 5},
	};
	static const uint8_t value[8] = {1, 1, 1, 1, 1};

	(void)state;
	for (size_t i = 0; i < sizeof(elective) / sizeof(elective[0]); i++) {
		struct coap_msg m;
		uint32_t v = 7;

		coap_init(&m, COAP_CON, COAP_GET);
		coap_add(&m, elective[i].number, value, elective[i].bad);
		assert_int_equal(coap_bad_option(&m), 0);
		assert_false(coap_get_uint(&m, elective[i].number, &v));
		assert_int_equal(v, 7);
		coap_init(&m, COAP_CON, COAP_GET);
		coap_add(&m, elective[i].number, value, elective[i].good);
		coap_add(&m, elective[i].number, value, elective[i].good - 1u);
		assert_int_equal(coap_bad_option(&m), 0);
		assert_true(coap_get_uint(&m, elective[i].number, &v));
		assert_int_equal(v, 0x01010101u >> (32 - 8 * elective[i].good));
	}
}

/* RFC 8768 3, RFC 7252 3.2: from 1 to 255, however many zeros lead; of several the first counts. */
static void
a_hop_limit_is_between_1_and_255(void **state)
{
	static const struct {
		uint8_t value[8], len, limit; /* 0: it is none */
	} rows[] = {
		{{1}, 1, 1},
		{{16}, 1, 16},
		{{255}, 1, 255},
		{{0, 16}, 2, 16},
		{{0, 0, 0, 0, 0, 7}, 6, 7},
		{{0}, 0, 0},
		{{0}, 1, 0},
		{{1, 0}, 2, 0},
		{{0, 0}, 2, 0},
		{{1, 0, 0, 0, 1}, 5, 0},
		{{1, 0, 0, 0, 0, 0, 0, 16}, 8, 0},
	};
	static const uint8_t second = 9;
	struct coap_msg m;
	uint8_t limit = 7;

	(void)state;
	coap_init(&m, COAP_NON, COAP_PUT);
	assert_int_equal(coap_hop_limit(&m, &limit), 0);
	assert_int_equal(limit, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		coap_init(&m, COAP_NON, COAP_PUT);
		coap_add(&m, COAP_OPT_HOP_LIMIT, rows[i].value, rows[i].len);
		coap_add(&m, COAP_OPT_HOP_LIMIT, &second, 1);
		assert_int_equal(coap_bad_option(&m), 0); /* it is elective */
		assert_int_equal(coap_hop_limit(&m, &limit), rows[i].limit ? 0 : -EBADMSG);
		assert_int_equal(limit, rows[i].limit);
	}
}

/* RFC 7252 4.2, 4.3: enough to answer with a reset. */
static void
a_broken_message_still_has_its_header(void **state)
{
	static const uint8_t bytes[] = {0x4f, COAP_GET, 0xbe, 0xef, 0};
	struct coap_msg m;
	const char *why = NULL;

	(void)state;
	assert_int_equal(coap_decode(bytes, sizeof(bytes), &m, &why), -EBADMSG);
	assert_string_equal(why, "token length");
	assert_int_equal(m.type, COAP_CON);
	assert_int_equal(m.code, COAP_GET);
	assert_int_equal(m.id, 0xbeef);
}

static void
codes_print_as_class_and_detail(void **state)
{
	char text[5];

	(void)state;
	assert_string_equal(coap_code_format(COAP_409_CONFLICT, text), "4.09");
	assert_string_equal(coap_code_format(COAP_503_SERVICE_UNAVAILABLE, text), "5.03");
}

/* --- streams -------------------------------------------------------------------------------- */

/* RFC 8323 figures 5, 11, 12, and the shortest of each length form. */
static void
stream_messages_are_those_of_the_rfc(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t len, rest; /* rest: zero bytes of payload that follow */
		uint8_t code, token_len, token;
		size_t payload_len;
	} cases[] = {
		{{0x01, 0x43, 0x7f}, 3, 0, COAP_CODE(2, 3), 1, 0x7f, 0},
		{{0x01, 0xe2, 0x42}, 3, 0, COAP_702_PING, 1, 0x42, 0},
		{{0x01, 0xe3, 0x42}, 3, 0, COAP_703_PONG, 1, 0x42, 0},
		{{0x00, 0x00}, 2, 0, COAP_EMPTY, 0, 0, 0},
		{{0x00, 0xe1}, 2, 0, COAP_701_CSM, 0, 0, 0},
		{{0xc0, 0x45, 0xff}, 3, 11, COAP_205_CONTENT, 0, 0, 11},
		{{0xd0, 0x00, 0x45, 0xff}, 4, 12, COAP_205_CONTENT, 0, 0, 12},
		{{0xd0, 0xff, 0x45, 0xff}, 4, 267, COAP_205_CONTENT, 0, 0, 267},
		{{0xe1, 0x00, 0x00, 0x45, 0x07, 0xff}, 6, 268, COAP_205_CONTENT, 1, 7, 268},
		{{0xe0, 0x3e, 0xf3, 0x45, 0xff}, 5, 16383, COAP_205_CONTENT, 0, 0, 16383},
	};
	static uint8_t bytes[COAP_STREAM_MAX], again[COAP_STREAM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t total = cases[i].len + cases[i].rest, size = 0;
		struct coap_msg m;
		const char *why;

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, cases[i].bytes, cases[i].len);
		if (coap_stream_decode(bytes, sizeof(bytes), &m, &size, &why) != 0)
			fail_msg("case %zu: %s", i, why);
		assert_int_equal(size, total);
		assert_int_equal(m.code, cases[i].code);
		assert_int_equal(m.type, COAP_NON);
		assert_int_equal(m.token_len, cases[i].token_len);
		assert_true(!m.token_len || m.token[0] == cases[i].token);
		assert_int_equal(m.payload_len, cases[i].payload_len);
		assert_int_equal(coap_stream_encode(&m, again, total), (int)total);
		assert_memory_equal(again, bytes, total);
		assert_int_equal(coap_stream_encode(&m, again, total - 1), -ENOSPC);
	}
}

/* RFC 8323 5.3.1: Max-Message-Size is option 2, 1152 in two bytes. */
static void
capabilities_are_options(void **state)
{
	static const uint8_t csm[] = {0x40, 0xe1, 0x22, 0x04, 0x80, 0x20};
	struct coap_msg m;
	uint8_t bytes[16];
	const char *why;
	uint32_t value;
	size_t size;

	(void)state;
	coap_init(&m, COAP_NON, COAP_701_CSM);
	coap_add_uint(&m, COAP_CSM_MAX_MESSAGE_SIZE, 1152);
	coap_add(&m, COAP_CSM_BLOCK_WISE_TRANSFER, "", 0);
	assert_int_equal(coap_stream_encode(&m, bytes, sizeof(bytes)), sizeof(csm));
	assert_memory_equal(bytes, csm, sizeof(csm));
	assert_int_equal(coap_stream_decode(csm, sizeof(csm), &m, &size, &why), 0);
	assert_true(coap_get_uint(&m, COAP_CSM_MAX_MESSAGE_SIZE, &value));
	assert_int_equal(value, 1152);
	assert_true(coap_is_signal(m.code));
	assert_false(coap_is_response(m.code));
}

static void
a_stream_is_asked_for_what_is_missing(void **state)
{
	/* 13 + 1 bytes of options and payload, a token of two */
	static const uint8_t whole[] = {0xd2, 1, 0x45, 'a', 'b', 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9,
		10, 11, 12, 13, 0x00, 0x00};
	static const size_t size_of_whole = 19;

	(void)state;
	for (size_t len = 0; len <= sizeof(whole); len++) {
		uint8_t *exact = malloc(len + 1);
		struct coap_msg m;
		const char *why;
		size_t size = 0;
		int r;

		memcpy(exact, whole, len);
		r = coap_stream_decode(exact, len, &m, &size, &why);
		assert_int_equal(r, len < size_of_whole ? -EAGAIN : 0);
		if (r < 0)
			assert_in_range(size, len + 1, size_of_whole);
		else
			assert_int_equal(size, size_of_whole);
		free(exact);
	}
}

/* Before anything of it is awaited or kept. */
static void
a_stream_message_is_too_large_by_its_length_alone(void **state)
{
	static const struct {
		uint8_t bytes[5];
		size_t len;
		int result;
	} cases[] = {
		{{0xe0, 0x3e, 0xf3}, 3, -EAGAIN}, /* 16384 */
		{{0xe0, 0x3e, 0xf4}, 3, -EMSGSIZE},
		{{0xe0, 0xff, 0xff}, 3, -EMSGSIZE},
		{{0xf0, 0, 0, 0, 0}, 5, -EMSGSIZE},
		{{0xf0, 0xff, 0xff, 0xff, 0xff}, 5, -EMSGSIZE},
		{{0xf0, 0xff, 0xff, 0xff}, 4, -EAGAIN},
	};
	static uint8_t payload[COAP_MESSAGE_MAX];
	static uint8_t bytes[COAP_STREAM_MAX];
	struct coap_msg m;
	const char *why;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (coap_stream_decode(cases[i].bytes, cases[i].len, &m, &size, &why) !=
			cases[i].result)
			fail_msg("case %zu", i);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	m.payload = payload;
	m.payload_len = COAP_MESSAGE_MAX; /* and its marker */
	assert_int_equal(coap_stream_encode(&m, bytes, sizeof(bytes)), -ENOSPC);
}

static void
stream_format_errors_are_found(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
		const char *why;
	} cases[] = {
		{{0x09}, 1, "token length"}, /* nothing later can mend it */
		{{0x0f}, 1, "token length"},
		{{0x10, 0x45, 0xff}, 3, "payload marker without payload"},
		{{0x10, 0x00, 0xb0}, 3, "empty message with content"},
		{{0x01, 0x00, 0x01}, 3, "empty message with content"},
		{{0x20, 0x01, 0xb2, 'x'}, 4, "option value"}, /* reaches into the next message */
		{{0x10, 0x01, 0xd0}, 3, "option header"},
		{{0x10, 0x01, 0x0f}, 3, "option header"},
	};
	struct coap_msg m;
	const char *why;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why = "";
		if (coap_stream_decode(cases[i].bytes, cases[i].len, &m, &size, &why) != -EBADMSG ||
			strcmp(why, cases[i].why) != 0)
			fail_msg("case %zu: %s", i, why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back_as_it_went),
		cmocka_unit_test(format_errors_are_found),
		cmocka_unit_test(options_are_limited),
		cmocka_unit_test(bad_critical_options_are_named),
		cmocka_unit_test(removed_options_leave_the_others_in_order),
		cmocka_unit_test(option_lengths_are_those_of_their_definitions),
		cmocka_unit_test(elective_options_out_of_bounds_are_ignored),
		cmocka_unit_test(a_hop_limit_is_between_1_and_255),
		cmocka_unit_test(a_broken_message_still_has_its_header),
		cmocka_unit_test(codes_print_as_class_and_detail),
		cmocka_unit_test(stream_messages_are_those_of_the_rfc),
		cmocka_unit_test(capabilities_are_options),
		cmocka_unit_test(a_stream_is_asked_for_what_is_missing),
		cmocka_unit_test(a_stream_message_is_too_large_by_its_length_alone),
		cmocka_unit_test(stream_format_errors_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
