/*
 * CoAP message format (RFC 7252 3, 5.4, 5.10).
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
	coap_add_text(&m, COAP_OPT_PROXY_URI, "coap://x");
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
	};
	static const uint8_t value[256];

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
		cmocka_unit_test(a_broken_message_still_has_its_header),
		cmocka_unit_test(codes_print_as_class_and_detail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
