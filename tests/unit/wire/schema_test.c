/*
 * What the schema engine refuses, and what it takes although it is written oddly (RFC 8949, RFC
 * 9132 6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "wire/signal.h"

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += hex[2] == ' ' ? 3 : 2) {
		char two[3] = {hex[0], hex[1], 0};

		out[n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

/* Decodes; NULL, or the reason (static). */
static const char *
reason(const char *hex, struct signal_msg *m, int32_t *unknown)
{
	static struct schema_error err;
	static uint8_t bytes[4096];
	struct arena *a = arena_new();
	int r = signal_decode(a, bytes, unhex(hex, bytes), m, &err);

	arena_free(a);
	if (unknown)
		*unknown = err.unknown_key;
	return r ? err.why : NULL;
}

struct bad {
	const char *hex, *says;
};

static void
expect_all(const struct bad *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct signal_msg m;
		const char *why = reason(cases[i].hex, &m, NULL);

		if (!why)
			fail_msg("%s was accepted", cases[i].hex);
		if (!strstr(why, cases[i].says))
			fail_msg(
				"%s: \"%s\" does not say \"%s\"", cases[i].hex, why, cases[i].says);
	}
}

/* 9132-4.4.1.3-11, 9132-6-01, 9132-6-04, 9132-10.5-02, 9132-10.6.1.1-01: each names the attribute
 * and what is wrong with it. */
static void
wrong_values_are_refused_with_name_and_reason(void **state)
{
	static const struct bad cases[] = {
		{"a1 01 a1 02 81 a1 0e 61 31", "lifetime: wrong type"},
		{"a1 01 a1 02 81 a1 0e 21", "lifetime: wrong type"}, /* -2 */
		{"a1 01 a1 02 81 a1 0e 1b 00 00 00 01 00 00 00 00", "lifetime: 4294967296"},
		{"a1 01 a1 02 81 a1 05 1b 00 00 00 01 00 00 00 00", "mid: 4294967296"},
		{"a1 01 a1 02 81 a1 06 81 60", "target-prefix[0]: empty"},
		{"a1 01 a1 02 81 a1 06 80", "target-prefix: empty"},
		{"a1 01 a1 02 81 a1 06 61 31", "target-prefix: wrong type"},
		{"a1 01 a1 02 81 a1 06 81 01", "target-prefix[0]: wrong type"},
		{"a1 01 a1 02 81 a1 06 81 6b 31 30 2e 30 2e 30 2e 30 2f 33 33",
			"prefix length out of range"},
		{"a1 01 a1 02 81 a1 06 81 63 61 62 63", "is not a prefix"},
		{"a1 01 a1 02 81 a1 07 81 a0", "target-port-range[0]: empty"},
		{"a1 01 a1 02 81 a1 07 81 a1 09 18 50", "lower-port is missing"},
		{"a1 01 a1 02 81 a1 07 81 a2 08 18 50 09 01", "upper-port is below lower-port"},
		{"a1 01 a1 02 81 a1 07 81 a1 08 1a 00 01 00 00", "lower-port: 65536"},
		{"a1 01 a1 02 81 a1 0a 81 19 01 00", "target-protocol[0]: 256"},
		{"a1 01 a1 02 81 a1 10 09", "status: 9 is no value"},
		{"a1 01 a1 02 81 a1 18 2d 01", "trigger-mitigation: wrong type"},
		{"a1 01 a1 02 81 a1 0f c1 01", "mitigation-start: wrong type"}, /* tag 1 (4.4.2) */
		{"a1 01 a1 02 81 a2 0e 01 0e 01", "lifetime: given twice"},
		{"a1 01 a1 02 81 a1 0b 81 62 ff fe", "not a UTF-8 text"},
		{"a1 01 a1 02 81 a0", "empty"}, {"a1 01 a1 02 80", "scope: empty"}, {"a0", "empty"},
		{"80", "wrong type, expected map"},
		{"a2 01 a1 02 81 a1 0e 01 18 31 a1 18 33 f5", "more than one kind"},
		{"a1 18 31 a1 18 33 01", "peer-hb-status: wrong type"}, {"a1 18 31 a0", "empty"},
		{"a1 18 1e a1 18 20 a1 18 27 a1 18 2b c4 82 20 18 64", "exponent other than -2"},
		{"a1 18 1e a1 18 20 a1 18 27 a1 18 2b 02", "wrong type, expected decimal"},
		{"a1 18 1e a1 18 20 a1 18 21 a1 18 24 20", "wrong type"},
		{"a1 01 a1 02 81 a1 0e 01 00", "bytes after the end"},
		{"a1 61 31 00", "not an unsigned integer"}, {"", "truncated"},
		{"a1 01 ff", "wrong type"}, {"a1 01 1c", "malformed"},
		{"a1 01 a1 02 81 a1 0b 81 62 c0 80", "not a UTF-8 text"},    /* too long a form */
		{"a1 01 a1 02 81 a1 0b 81 63 ed a0 80", "not a UTF-8 text"}, /* a surrogate */
		{"a1 01 a1 02 81 a1 0b 81 64 f4 90 80 80",
			"not a UTF-8 text"},                              /* beyond U+10FFFF */
		{"a1 01 a1 02 81 a1 0b 81 62 61 c3", "not a UTF-8 text"}, /* cut */
		{"a1 01 a1 02 81 a1 0b 81 62 61 00", "not a UTF-8 text"}, /* NUL */
		{"a1 01 a1 02 81 a1 0b 81 7f 41 61 ff", "malformed"},     /* bytes in a text */
		{"a1 20 01", "not an unsigned integer"},
		{"d9 01 10 a1 18 31 a1 18 33 f5", "wrong type"}, /* another tag */
		{"a1 18 31 d9 01 0f a1 18 33 f5", "wrong type"}, /* the DOTS tag, but inside */
	};

	(void)state;
	expect_all(cases, sizeof(cases) / sizeof(cases[0]));
}

/* 8612-GEN-001-01, 8612-GEN-004-02, 9132-6-03, 9132-6-05, 9132-10.6.1.1-01, 9132-10.6.1.1-02,
 * 9132-4.4.1.3-12 */
static void
unknown_required_keys_are_named_and_optional_ones_skipped(void **state)
{
	static const struct {
		const char *hex;
		int32_t unknown; /* -1: accepted */
	} cases[] = {
		{"a1 01 a1 02 81 a2 0e 01 18 7f 01", 127},
		{"a1 01 a1 02 81 a2 0e 01 18 80 01", -1},
		{"a1 01 a1 02 81 a2 0e 01 18 ff 82 01 a1 01 02", -1},
		{"a1 01 a1 02 81 a2 0e 01 19 01 00 01", 256},
		{"a1 01 a1 02 81 a2 0e 01 19 3f ff 01", 16383},
		{"a1 01 a1 02 81 a2 0e 01 19 40 00 f6", -1},
		{"a1 01 a1 02 81 a2 0e 01 19 80 00 c1 fb 00 00 00 00 00 00 00 00", -1},
		{"a1 01 a1 02 81 a2 0e 01 19 c0 00 9f 01 ff", -1},
		{"a1 01 a1 02 81 a2 0e 01 1a 00 01 00 00 01", 65536},
		{"a1 01 a1 02 81 a2 0e 01 00 01", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signal_msg m;
		int32_t unknown;
		const char *why = reason(cases[i].hex, &m, &unknown);

		if ((why == NULL) != (cases[i].unknown < 0))
			fail_msg("%s: %s", cases[i].hex, why ? why : "accepted");
		assert_int_equal(unknown, cases[i].unknown);
		if (why)
			assert_non_null(strstr(why, "comprehension-required"));
	}
}

/* 9132-10.5-01, 9132-10.5-02: the DOTS tag in front; indefinite lengths and wide integers anywhere.
 */
static void
odd_but_well_formed_cbor_is_accepted(void **state)
{
	static const char *const cases[] = {
		"d9 01 0f a1 01 a1 02 81 a1 0e 01",
		"bf 01 bf 02 9f bf 0e 01 ff ff ff ff",
		"a1 1b 00 00 00 00 00 00 00 01 a1 18 02 81 a1 19 00 0e 1a 00 00 00 01",
		"a1 01 a1 02 81 a1 06 81 7f 65 31 30 2e 30 2e 65 30 2e 30 2f 38 ff",
		"a1 18 1e a1 18 20 a1 18 27 a1 18 2b c4 9f 21 18 64 ff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct signal_msg m;
		const char *why = reason(cases[i], &m, NULL);

		if (why)
			fail_msg("%s: %s", cases[i], why);
	}
}

static void
every_truncation_is_refused(void **state)
{
	static const char full[] = "a1 01 a1 02 81 a4 06 82 6a 31 30 2e 30 2e 30 2e 30 2f 38 6a 31 "
				   "31 2e 30 2e 30 2e 30 2f 38 07 82 "
				   "a1 08 18 50 a1 08 19 01 bb 0a 81 06 0e 19 0e 10";
	uint8_t bytes[256];
	size_t n = unhex(full, bytes);
	struct signal_msg m;
	struct schema_error err;

	(void)state;
	for (size_t len = 0; len <= n; len++) {
		struct arena *a = arena_new();
		uint8_t *exact = malloc(len ? len : 1); /* the sanitizer sees a read past its end */

		memcpy(exact, bytes, len);
		assert_int_equal(signal_decode(a, exact, len, &m, &err) == 0, len == n);
		free(exact);
		arena_free(a);
	}
}

/* Announced sizes are believed only as far as there are bytes. */
static void
announced_gigabytes_cost_nothing(void **state)
{
	static const char *const cases[] = {
		"a1 01 a1 02 9b 00 00 00 ff ff ff ff ff",
		"bb 00 00 00 ff ff ff ff ff 01",
		"a1 01 a1 02 81 a1 06 9b 7f ff ff ff ff ff ff ff",
		"a1 01 a1 02 81 a1 0b 81 7b 00 00 00 ff ff ff ff ff 61",
		"a1 01 a1 02 81 a1 18 80 9b ff ff ff ff ff ff ff ff",
		"a1 01 a1 02 81 a1 18 80 bb ff ff ff ff ff ff ff ff",
	};
	struct signal_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_non_null(reason(cases[i], &m, NULL));
}

static void
skipped_values_nest_only_so_deep(void **state)
{
	char deep[512] = "a1 01 a1 02 81 a2 0e 01 18 80";
	struct signal_msg m;

	(void)state;
	for (int i = 0; i < 15; i++)
		strcat(deep, " 81");
	strcat(deep, " 00");
	assert_null(reason(deep, &m, NULL));
	strcpy(deep, "a1 01 a1 02 81 a2 0e 01 18 80");
	for (int i = 0; i < 16; i++)
		strcat(deep, " 81");
	strcat(deep, " 00");
	assert_non_null(strstr(reason(deep, &m, NULL), "nested deeper"));
}

/* The text goes back to the peer, and to terminals. */
static void
what_is_quoted_is_printable(void **state)
{
	struct signal_msg m;

	(void)state;
	/* target-prefix "a", escape, "[2J" */
	assert_string_equal(reason("a1 01 a1 02 81 a2 06 81 65 61 1b 5b 32 4a 0e 01", &m, NULL),
		"scope[0].target-prefix[0]: a\\x1b[2J is not a prefix");
}

/* A skipped value may hold anything, but it has to be CBOR. */
static void
skipped_values_are_well_formed(void **state)
{
	static const struct {
		const char *value;
		bool good;
	} cases[] = {
		{"7f 61 61 61 62 ff", true}, {"5f 41 61 ff", true}, {"bf 01 02 ff", true},
		{"c1 c1 01", true}, {"fb 00 00 00 00 00 00 00 00", true}, {"f7", true},
		{"7f 01 ff", false},                      /* a number as chunk of a text */
		{"7f 41 61 ff", false},                   /* bytes as chunk of a text */
		{"5f 61 61 ff", false},                   /* and the reverse */
		{"7f 7f 61 61 ff ff", false},             /* chunks in chunks */
		{"7f 61 61", false},                      /* no end */
		{"bf 01 ff", false},                      /* a key without value */
		{"a1 01 ff", false},                      /* a break in a definite map */
		{"c1 ff", false},                         /* a tag of nothing */
		{"ff", false},                            /* a break of nothing */
		{"1c", false},                            /* reserved length */
		{"bb 80 00 00 00 00 00 00 01 01", false}, /* twice the count is 2 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char hex[256];
		struct signal_msg m;
		const char *why;

		snprintf(hex, sizeof(hex), "a1 01 a1 02 81 a2 18 80 %s 0e 01", cases[i].value);
		why = reason(hex, &m, NULL);
		if ((why == NULL) != cases[i].good)
			fail_msg("%s: %s", cases[i].value, why ? why : "accepted");
	}
}

/* Thousands of small texts in chunks: memory grows with the message, not with its square. */
static void
chunked_texts_cost_what_they_hold(void **state)
{
	static uint8_t bytes[16384] = {0xa1, 0x01, 0xa1, 0x02, 0x81, 0xa1, 0x06, 0x9f};
	static const uint8_t chunked[] = {0x7f, 0x62, ':', ':', 0xff};
	struct arena *a = arena_new();
	size_t n = 8, before = mallinfo2().uordblks;
	struct schema_error err;
	struct signal_msg m;

	(void)state;
	for (; n + sizeof(chunked) < sizeof(bytes); n += sizeof(chunked))
		memcpy(bytes + n, chunked, sizeof(chunked));
	bytes[n++] = 0xff;
	assert_int_equal(signal_decode(a, bytes, n, &m, &err), 0);
	assert_true(m.mitigation_scope.scope[0].target.n_target_prefix > 3000);
	assert_true(mallinfo2().uordblks < before + (1 << 20));
	arena_free(a);
}

static void
lists_have_a_limit(void **state)
{
	static uint8_t bytes[8192] = {0xa1, 0x01, 0xa1, 0x02, 0x81, 0xa1, 0x0a, 0x99, 0x01, 0x01};
	struct arena *a = arena_new();
	struct schema_error err;
	struct signal_msg m;

	(void)state;
	assert_int_not_equal(
		signal_decode(a, bytes, 10 + 257, &m, &err), 0); /* zeros: protocol 0 */
	assert_non_null(strstr(err.why, "target-protocol: more than 256"));
	bytes[9] = 0;
	assert_int_equal(signal_decode(a, bytes, 10 + 256, &m, &err), 0);
	arena_free(a);
}

/* 8811-3.3.3-02, 9132-4.4.1.1-69, 9132-4.4.1.1-70 */
static void
trigger_mitigation_defaults_to_true(void **state)
{
	struct signal_msg m;
	uint8_t bytes[64];
	struct schema_error err;
	struct arena *a = arena_new();

	(void)state;
	assert_int_equal(
		signal_decode(a, bytes, unhex("a1 01 a1 02 81 a1 0e 01", bytes), &m, &err), 0);
	assert_true(m.mitigation_scope.scope[0].trigger_mitigation);
	assert_int_equal(
		signal_decode(a, bytes, unhex("a1 01 a1 02 81 a2 0e 01 18 2d f4", bytes), &m, &err),
		0);
	assert_false(m.mitigation_scope.scope[0].trigger_mitigation);
	arena_free(a);
}

static void
json_refuses_what_cbor_refuses(void **state)
{
	static const struct bad cases[] = {
		{"{\"heartbeat\": {\"peer-hb-status\": true, \"peer-hb-status\": true}}",
			"duplicate"},
		{"{\"heartbeat\": {\"x\": 1}}", "unknown member"},
		{"{\"heartbeat\": {\"peer-hb-status\": 1}}", "wrong type"},
		{"{\"mitigation-scope\": {\"scope\": [{\"status\": \"fine\"}]}}", "no value"},
		{"{\"mitigation-scope\": {\"scope\": [{\"bytes-dropped\": 1}]}}", "wrong type"},
		{"{\"mitigation-scope\": {\"scope\": [{\"lifetime\": -2}]}}", "wrong type"},
		{"{\"heartbeat\": {\"peer-hb-status\": true}, "
		 "\"ietf-dots-signal-channel:heartbeat\": "
		 "{\"peer-hb-status\": true}}",
			"given twice"},
		{"{\"mitigation-scope\": {\"scope\": [{\"target-prefix\": []}]}}",
			"scope[0].target-prefix: empty"},
		{"{\"mitigation-scope\": {\"scope\": [{\"alias-name\": [\"\"]}]}}",
			"scope[0].alias-name[0]: empty"},
		{"{\"mitigation-scope\": {\"scope\": [{\"bytes-dropped\": "
		 "\"18446744073709551616\"}]}}",
			"wrong type"},
		{"{\"mitigation-scope\": {\"scope\": [{\"bytes-dropped\": \"-1\"}]}}",
			"wrong type"},
		{"{\"mitigation-scope\": {\"scope\": [{\"mid\": 4294967296}]}}", "4294967296"},
		{"{\"heartbeat\": {\"peer-hb-status\": true}} x", "line"},
		{"{", "line"},
		{"[]", "wrong type"},
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schema_error err;
		struct signal_msg m;

		assert_int_not_equal(schema_decode_json(&signal_schema, a, cases[i].hex,
					     strlen(cases[i].hex), &m, &err),
			0);
		if (!strstr(err.why, cases[i].says))
			fail_msg("%s: %s", cases[i].hex, err.why);
	}
	arena_free(a);
}

/* 9132-6-11 */
static void
json_takes_both_forms_where_the_rfc_is_of_two_minds(void **state)
{
	static const char *const cases[] = {
		"{\"mitigation-scope\": {\"scope\": [{\"conflict-information\": {\"retry-timer\": "
		"5}}]}}",
		"{\"ietf-dots-signal-channel:mitigation-scope\": {\"scope\": "
		"[{\"conflict-information\": {\"retry-timer\": \"5\"}}]}}",
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct schema_error err;
		struct signal_msg m;
		struct buf out;

		if (schema_decode_json(&signal_schema, a, cases[i], strlen(cases[i]), &m, &err) !=
			0)
			fail_msg("%s", err.why);
		buf_init(&out, 1024);
		schema_encode_json(&signal_schema, &m, &out);
		assert_string_equal(buf_text(&out), cases[1]);
		buf_finish(&out);
	}
	arena_free(a);
}

/* 9132-6-08: every decimal that CBOR can say can be printed and read back. */
static void
json_decimals_are_exact(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
		const char *printed; /* NULL: refused */
	} cases[] = {
		{"2.00", 200, "2.00"},
		{"2", 200, "2.00"},
		{"2.5", 250, "2.50"},
		{"-0.01", -1, "-0.01"},
		{"92233720368547758.07", INT64_MAX, "92233720368547758.07"},
		{"-92233720368547758.08", INT64_MIN, "-92233720368547758.08"},
		{"92233720368547758.08", 0, NULL},
		{"922337203685477580", 0, NULL},
		{"2.", 0, NULL},
		{".5", 0, NULL},
		{"2.001", 0, NULL},
		{"+2", 0, NULL},
		{"2 ", 0, NULL},
		{"", 0, NULL},
		{"-", 0, NULL},
		{"1e2", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char around[] =
			"{\"signal-config\": {\"idle-config\": {\"ack-timeout\": "
			"{\"current-value-decimal\": \"%s\"}}}}";
		struct arena *a = arena_new();
		struct schema_error err;
		struct signal_msg m;
		struct buf in, out;
		int r;

		buf_init(&in, 1024);
		buf_init(&out, 1024);
		buf_printf(&in, around, cases[i].text);
		r = schema_decode_json(&signal_schema, a, buf_text(&in), in.len, &m, &err);
		if ((r == 0) != (cases[i].printed != NULL))
			fail_msg("\"%s\": %d", cases[i].text, r);
		if (r == 0) {
			assert_int_equal(
				m.signal_config.idle_config.ack_timeout.current, cases[i].value);
			schema_encode_json(&signal_schema, &m, &out);
			assert_non_null(strstr(buf_text(&out), cases[i].printed));
		}
		buf_finish(&in);
		buf_finish(&out);
		arena_free(a);
	}
}

static void
copies_live_on_their_own(void **state)
{
	static const char json[] =
		"{\"target-prefix\": [\"10.0.0.0/8\"], \"target-fqdn\": [\"a.example\"], "
		"\"target-port-range\": [{\"lower-port\": 1}], \"lifetime\": 5}";
	struct arena *a = arena_new(), *b = arena_new();
	struct scope s, copy;
	struct schema_error err;
	struct buf out;

	(void)state;
	assert_int_equal(schema_decode_json(&scope_schema, a, json, strlen(json), &s, &err), 0);
	schema_copy(&scope_schema, b, &s, &copy);
	arena_free(a);
	buf_init(&out, 1024);
	schema_encode_json(&scope_schema, &copy, &out);
	assert_non_null(strstr(buf_text(&out), "a.example"));
	assert_non_null(strstr(buf_text(&out), "10.0.0.0/8"));
	buf_finish(&out);
	arena_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_values_are_refused_with_name_and_reason),
		cmocka_unit_test(unknown_required_keys_are_named_and_optional_ones_skipped),
		cmocka_unit_test(odd_but_well_formed_cbor_is_accepted),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(announced_gigabytes_cost_nothing),
		cmocka_unit_test(skipped_values_nest_only_so_deep),
		cmocka_unit_test(what_is_quoted_is_printable),
		cmocka_unit_test(skipped_values_are_well_formed),
		cmocka_unit_test(chunked_texts_cost_what_they_hold),
		cmocka_unit_test(lists_have_a_limit),
		cmocka_unit_test(trigger_mitigation_defaults_to_true),
		cmocka_unit_test(json_refuses_what_cbor_refuses),
		cmocka_unit_test(json_takes_both_forms_where_the_rfc_is_of_two_minds),
		cmocka_unit_test(json_decimals_are_exact),
		cmocka_unit_test(copies_live_on_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
