/*
 * Every message printed in RFC 9132, 9133 and 9362, and what their texts describe, through the
 * codecs: options, CBOR, JSON, both ways (tests/vectors/rfc9132.json).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/coap.h"
#include "wire/cuid.h"
#include "wire/path.h"
#include "wire/signal.h"

static json_t *vectors;

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = {hex[0], hex[1], 0};

		out[n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static const char *
text(const json_t *v, const char *name)
{
	return json_string_value(json_object_get(v, name));
}

/* 9133-3.2.1-01, -24, 8612-SIG-008-01, 9132-6-01, 9132-6-06, 9132-6-07, 9132-6-08, 9132-6-09,
 * 9132-6-10, 9132-3.1-01, 9132-4.4.1.3-46, 9132-4.4.3-11: the keys and types of table 5. */
static void
cbor_decodes_and_encodes_byte_for_byte(void **state)
{
	uint8_t bytes[1024], printed[1024];
	const json_t *v;
	size_t i, seen = 0;

	(void)state;
	json_array_foreach(vectors, i, v) {
		struct arena *a = arena_new();
		struct signal_msg m, again;
		struct schema_error err;
		struct buf out;
		size_t n, n_printed;

		if (!text(v, "cbor")) {
			arena_free(a);
			continue;
		}
		seen++;
		n = unhex(text(v, "cbor"), bytes);
		n_printed = unhex(text(v, "printed"), printed);
		if (signal_decode(a, printed, n_printed, &m, &err) != 0)
			fail_msg("%s: %s", text(v, "id"), err.why);
		buf_init(&out, 4096);
		assert_int_equal(signal_encode(&m, &out), 0);
		if (out.len != n || memcmp(out.bytes, bytes, n) != 0)
			fail_msg("%s encodes to other bytes", text(v, "id"));
		assert_int_equal(signal_decode(a, out.bytes, out.len, &again, &err), 0);
		buf_finish(&out);
		arena_free(a);
	}
	assert_true(seen > 25);
}

/* 9132-4.4.1.1-78: figure 7 is figure 8. */
static void
figure_8_is_exact(void **state)
{
	static const char figure8[] =
		"a101a10281a4068274323030313a6462383a363430313a3a312f31323874323030313a6462383a3634"
		"3031"
		"3a3a322f3132380783a1081850a1081901bba108191f900a81060e190e10";
	const char *json =
		"{\"ietf-dots-signal-channel:mitigation-scope\": {\"scope\": [{\"target-prefix\": "
		"[\"2001:db8:6401::1/128\", \"2001:db8:6401::2/128\"], \"target-port-range\": "
		"[{\"lower-port\": 80}, {\"lower-port\": 443}, {\"lower-port\": 8080}], "
		"\"target-protocol\": [6], \"lifetime\": 3600}]}}";
	struct arena *a = arena_new();
	struct signal_msg m;
	struct schema_error err;
	uint8_t expected[128];
	struct buf out;
	size_t n;

	(void)state;
	n = unhex(figure8, expected);
	assert_int_equal(n, 73);
	assert_int_equal(schema_decode_json(&signal_schema, a, json, strlen(json), &m, &err), 0);
	buf_init(&out, 4096);
	assert_int_equal(signal_encode(&m, &out), 0);
	assert_int_equal(out.len, n);
	assert_memory_equal(out.bytes, expected, n);
	buf_finish(&out);
	arena_free(a);
}

/* 64-bit counters and enumerations are strings, decimals are strings (RFC 7951); retry-timer is
 * printed as table 5 has it, and read both ways. */
static void
normalise(json_t *j)
{
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(j, name, value) {
		if (!strcmp(name, "retry-timer") && json_is_integer(value))
			json_object_set_new(j, name,
				json_sprintf("%lld", (long long)json_integer_value(value)));
		else
			normalise(value);
	}
	json_array_foreach(j, i, value)
		normalise(value);
}

static void
json_is_the_rfcs_and_goes_back_to_the_same_cbor(void **state)
{
	uint8_t bytes[1024];
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(vectors, i, v) {
		json_t *expected = json_deep_copy(json_object_get(v, "json")), *printed;
		struct arena *a = arena_new();
		struct signal_msg m;
		struct schema_error err;
		struct buf json, cbor;
		size_t n;

		if (!expected) {
			arena_free(a);
			continue;
		}
		normalise(expected);
		n = unhex(text(v, "cbor"), bytes);
		assert_int_equal(signal_decode(a, bytes, n, &m, &err), 0);
		buf_init(&json, 65536);
		assert_int_equal(schema_encode_json(&signal_schema, &m, &json), 0);
		printed = json_loads(buf_text(&json), 0, NULL);
		if (!json_equal(expected, printed))
			fail_msg("%s prints %s", text(v, "id"), buf_text(&json));
		if (schema_decode_json(&signal_schema, a, buf_text(&json), json.len, &m, &err) != 0)
			fail_msg("%s: %s", text(v, "id"), err.why);
		buf_init(&cbor, 4096);
		signal_encode(&m, &cbor);
		assert_int_equal(cbor.len, n);
		assert_memory_equal(cbor.bytes, bytes, n);
		buf_finish(&json);
		buf_finish(&cbor);
		json_decref(printed);
		json_decref(expected);
		arena_free(a);
	}
}

/* 9132-4.2-01, 9132-4.4.1.1-03, 9132-4.4.1.1-04, 9132-4.4.1.1-05, 9132-4.4.1.2-15, 9132-10.3-01,
 * 9132-10.4-01: path options in their order, byte for byte. */
static void
options_decode_and_encode_byte_for_byte(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(vectors, i, v) {
		uint8_t bytes[512] = {0x50, COAP_PUT, 0x12, 0x34}, again[512];
		size_t n = 4 + unhex(text(v, "options"), bytes + 4);
		struct coap_msg m, built;
		struct path p;
		const char *why = "";
		char storage[4 * (PATH_ID_MAX + 8)];
		uint32_t value;
		int len;

		assert_int_equal(coap_decode(bytes, n, &m, &why), 0);
		assert_int_equal(coap_bad_option(&m), 0);
		if (!json_array_size(json_object_get(v, "path")))
			continue;
		assert_int_equal(path_parse(&m, &p, &why), 0);
		coap_init(&built, COAP_NON, COAP_PUT);
		built.id = 0x1234;
		path_add(&built, &p, storage);
		if (coap_find(&m, COAP_OPT_IF_MATCH))
			coap_add(&built, COAP_OPT_IF_MATCH, "", 0);
		if (coap_get_uint(&m, COAP_OPT_OBSERVE, &value))
			coap_add_uint(&built, COAP_OPT_OBSERVE, value);
		if (coap_get_uint(&m, COAP_OPT_CONTENT_FORMAT, &value))
			coap_add_uint(&built, COAP_OPT_CONTENT_FORMAT, value);
		len = coap_encode(&built, again, sizeof(again));
		if (len != (int)n || memcmp(again, bytes, n) != 0)
			fail_msg("%s: options differ", text(v, "id"));
	}
}

/* 9132-4.4.1.1-09, 9132-4.4.1.1-10, 9132-4.4.1.1-11: from the digest to 22 characters. */
static void
cuid_is_the_first_half_in_base64url(void **state)
{
	static const struct {
		const char *digest, *cuid;
	} cases[] = {
		{"13ee80d1cb1bfc698a6275a4a28b2f11ee7f6d0bf837646ea260461a6d2510d3",
			"E-6A0csb_GmKYnWkoosvEQ"},
		{"43f9b8a2e56f9aba3048f58ede34054b919e4d517dc024b2ad84a873f59fcbbe",
			"Q_m4ouVvmrowSPWO3jQFSw"},
		{"63865c3fafdf37d7224dd36c459ab1ff1297c65ca2b3ac575180fefbee54b693",
			"Y4ZcP6_fN9ciTdNsRZqx_w"},
	};
	uint8_t digest[32];
	char cuid[CUID_TEXT_LEN + 1];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		unhex(cases[i].digest, digest);
		cuid_from_digest(digest, cuid);
		assert_string_equal(cuid, cases[i].cuid);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figure_8_is_exact),
		cmocka_unit_test(cbor_decodes_and_encodes_byte_for_byte),
		cmocka_unit_test(json_is_the_rfcs_and_goes_back_to_the_same_cbor),
		cmocka_unit_test(options_decode_and_encode_byte_for_byte),
		cmocka_unit_test(cuid_is_the_first_half_in_base64url),
	};
	int failed;

	vectors = argc > 1 ? json_load_file(argv[1], 0, NULL) : NULL;
	if (!vectors)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}
