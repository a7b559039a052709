/*
 * The table of the signal channel, attribute by attribute: its key, its type and no other, once,
 * never empty (RFC 9132 6, table 5; RFC 9133 4; RFC 9362 4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/signal.h"

/* A map that attributes stand in: the bytes before its head, members that it needs besides. */
struct place {
	const char *open, *needs, *where;
	unsigned n_needs;
};
#define SCOPES     "a101a10281"
#define MITIGATING "a1181ea11820"
static const struct place message = {"", "", "", 0};
static const struct place mitigation = {"a101", "", "mitigation-scope", 0};
static const struct place scope = {SCOPES, "", "scope[0]", 0};
static const struct place port = {SCOPES "a10781", "", "scope[0].target-port-range[0]", 0};
static const struct place upper = {SCOPES "a10781", "0800", "scope[0].target-port-range[0]", 1};
static const struct place conflict = {SCOPES "a111", "", "scope[0].conflict-information", 0};
static const struct place conflict_scope = {
	SCOPES "a111a115", "", "scope[0].conflict-information.conflict-scope", 0};
static const struct place acl = {
	SCOPES "a111a115a11681", "", "scope[0].conflict-information.conflict-scope.acl-list[0]", 0};
static const struct place acl_named = {SCOPES "a111a115a11681", "176161",
	"scope[0].conflict-information.conflict-scope.acl-list[0]", 1};
static const struct place control = {SCOPES "a1183581", "", "scope[0].acl-list[0]", 0};
static const struct place control_named = {SCOPES "a1183581", "176161", "scope[0].acl-list[0]", 1};
static const struct place config = {"a1181e", "", "signal-config", 0};
static const struct place set = {MITIGATING, "", "mitigating-config", 0};
static const struct place idle = {"a1181ea1182c", "", "idle-config", 0};
static const struct place integer = {
	MITIGATING "a11821", "", "mitigating-config.heartbeat-interval", 0};
static const struct place decimal = {MITIGATING "a11827", "", "mitigating-config.ack-timeout", 0};
static const struct place redirect = {"a1182e", "", "redirected-signal", 0};
static const struct place redirect_named = {"a1182e", "182f6161", "redirected-signal", 1};
static const struct place heartbeat = {"a11831", "", "heartbeat", 0};

/* Types as one letter: u unsigned, n negative, y bytes, t text, a array, m map, b boolean, d
 * decimal fraction, o anything else; L unsigned or -1. */
#define INTEGER_PARAM "a1182405"
#define DECIMAL_PARAM "a1182bc4822118c8"
static const struct attribute {
	const struct place *in;
	const char *key, *name;
	char type;
	const char *value;
} attributes[] = {
	{&message, "01", "mitigation-scope", 'm', "a10281a10e01"},
	{&mitigation, "02", "scope", 'a', "81a10e01"},
	{&scope, "05", "mid", 'u', "1affffffff"},
	{&scope, "06", "target-prefix", 'a', "816a31302e302e302e302f38"},
	{&scope, "07", "target-port-range", 'a', "81a10800"},
	{&port, "08", "lower-port", 'u', "19ffff"},
	{&upper, "09", "upper-port", 'u', "19ffff"},
	{&scope, "0a", "target-protocol", 'a', "8200 18ff"},
	{&scope, "0b", "target-fqdn", 'a', "8161 61"},
	{&scope, "0c", "target-uri", 'a', "8164613a2f2f"},
	{&scope, "0d", "alias-name", 'a', "8162c3a4"},
	{&scope, "0e", "lifetime", 'L', "20"},
	{&scope, "0f", "mitigation-start", 'u', "1bffffffffffffffff"},
	{&scope, "10", "status", 'u', "08"},
	{&scope, "11", "conflict-information", 'm', "a11201"},
	{&conflict, "12", "conflict-status", 'u', "03"},
	{&conflict, "13", "conflict-cause", 'u', "03"},
	{&conflict, "14", "retry-timer", 'u', "1affffffff"},
	{&conflict, "15", "conflict-scope", 'm', "a10505"},
	{&conflict_scope, "05", "mid", 'u', "1affffffff"},
	{&conflict_scope, "06", "target-prefix", 'a', "81643a3a2f30"},
	{&conflict_scope, "07", "target-port-range", 'a', "81a2080009 19ffff"},
	{&conflict_scope, "0a", "target-protocol", 'a', "8106"},
	{&conflict_scope, "0b", "target-fqdn", 'a', "816161"},
	{&conflict_scope, "0c", "target-uri", 'a', "816161"},
	{&conflict_scope, "0d", "alias-name", 'a', "816161"},
	{&conflict_scope, "16", "acl-list", 'a', "81a1176161"},
	{&acl, "17", "acl-name", 't', "6161"},
	{&acl_named, "1818", "acl-type", 't', "6161"},
	{&scope, "1819", "bytes-dropped", 'u', "1bffffffffffffffff"},
	{&scope, "181a", "bps-dropped", 'u', "00"},
	{&scope, "181b", "pkts-dropped", 'u', "00"},
	{&scope, "181c", "pps-dropped", 'u', "00"},
	{&scope, "181d", "attack-status", 'u', "02"},
	{&message, "181e", "signal-config", 'm', "a11820a11821" INTEGER_PARAM},
	{&config, "1820", "mitigating-config", 'm', "a11821" INTEGER_PARAM},
	{&set, "1821", "heartbeat-interval", 'm', INTEGER_PARAM},
	{&integer, "1822", "max-value", 'u', "19ffff"},
	{&integer, "1823", "min-value", 'u', "00"},
	{&integer, "1824", "current-value", 'u', "00"},
	{&set, "1825", "missing-hb-allowed", 'm', INTEGER_PARAM},
	{&set, "1826", "max-retransmit", 'm', INTEGER_PARAM},
	{&set, "1827", "ack-timeout", 'm', DECIMAL_PARAM},
	{&set, "1828", "ack-random-factor", 'm', DECIMAL_PARAM},
	{&decimal, "1829", "max-value-decimal", 'd', "c482211b7fffffffffffffff"},
	{&decimal, "182a", "min-value-decimal", 'd', "c482213b7fffffffffffffff"},
	{&decimal, "182b", "current-value-decimal", 'd', "c4822100"},
	{&config, "182c", "idle-config", 'm', "a11821" INTEGER_PARAM},
	{&scope, "182d", "trigger-mitigation", 'b', "f4"},
	{&message, "182e", "redirected-signal", 'm', "a1182f6161"},
	{&redirect, "182f", "alt-server", 't', "6161"},
	{&redirect_named, "1830", "alt-server-record", 'a', "82623a3a67302e302e302e30"},
	{&message, "1831", "heartbeat", 'm', "a11833f5"},
	{&set, "1832", "probing-rate", 'm', INTEGER_PARAM},
	{&heartbeat, "1833", "peer-hb-status", 'b', "f5"},
	{&control_named, "1834", "activation-type", 'u', "03"},
	{&scope, "1835", "acl-list", 'a', "81a1176161"},
	{&control, "17", "acl-name", 't', "6161"},
	{&set, "198008", "max-payloads", 'm', INTEGER_PARAM},
	{&set, "198009", "non-max-retransmit", 'm', INTEGER_PARAM},
	{&set, "19800a", "non-timeout", 'm', DECIMAL_PARAM},
	{&set, "19800b", "non-receive-timeout", 'm', DECIMAL_PARAM},
	{&set, "19800c", "non-probing-wait", 'm', DECIMAL_PARAM},
	{&idle, "19800d", "non-partial-timeout", 'm', DECIMAL_PARAM},
};
enum { N_ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

/* ---- tools ---- */

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; *hex; hex += *hex == ' ' ? 1 : 2)
		if (*hex != ' ') {
			char two[3] = {hex[0], hex[1], 0};

			out[n++] = (uint8_t)strtoul(two, NULL, 16);
		}
	return n;
}

/* A message in which `members` (n of them) stand in that place, besides those it needs. */
static const char *
build(const struct place *in, unsigned n, const char *members)
{
	static char hex[512];

	snprintf(hex, sizeof(hex), "%sa%x%s%s", in->open, n + in->n_needs, in->needs, members);
	return hex;
}

static const char *
member(const struct attribute *at, const char *value)
{
	static char hex[256];

	snprintf(hex, sizeof(hex), "%s%s", at->key, value);
	return hex;
}

/* NULL, or why it was refused. */
static const char *
refusal(const char *hex, int32_t *ret_unknown)
{
	static struct schema_error err;
	uint8_t bytes[256];
	struct arena *a = arena_new();
	struct signal_msg m;
	int r = signal_decode(a, bytes, unhex(hex, bytes), &m, &err);

	arena_free(a);
	if (ret_unknown)
		*ret_unknown = err.unknown_key;
	return r ? err.why : NULL;
}

/* The text has to begin with the path of the attribute. */
static void
expect_refusal(const struct attribute *at, const char *hex, const char *reason)
{
	const char *why = refusal(hex, NULL), *dot = *at->in->where ? "." : "";
	const char *where = at->in->where;
	char path[128];

	/* The kind of message is no part of the path of what is in it. */
	if (*where && (at->in == &mitigation || at->in == &config || at->in == &redirect ||
			      at->in == &redirect_named || at->in == &heartbeat))
		where = dot = "";
	snprintf(path, sizeof(path), "%s%s%s", where, dot, at->name);
	if (!why)
		fail_msg("%s: %s was accepted", path, hex);
	if (strncmp(why, path, strlen(path)) != 0 || !strstr(why, reason))
		fail_msg("%s: \"%s\" instead of \"%s ... %s\"", hex, why, path, reason);
}

/* ---- tests ---- */

/* 9133-5.1-01, 9284-7-01, 9132-6-06, 9132-6-07, 9132-6-08, 9132-6-09, 9132-10.6.1.2-01, 9132-3-16,
 * 9132-3-18, 9132-3.1-01, 9132-5.3-03, 9132-5.3-06, 9132-5.3-10, 9132-5.3-18 */
static void
every_attribute_comes_back_under_its_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ATTRIBUTES; i++) {
		const struct attribute *at = &attributes[i];
		uint8_t bytes[256];
		size_t n = unhex(build(at->in, 1, member(at, at->value)), bytes);
		struct arena *a = arena_new();
		struct schema_error err;
		struct signal_msg m;
		struct buf out;

		buf_init(&out, 1024);
		if (signal_decode(a, bytes, n, &m, &err) != 0)
			fail_msg("%s.%s: %s", at->in->where, at->name, err.why);
		assert_int_equal(signal_encode(&m, &out), 0);
		if (out.len != n || memcmp(out.bytes, bytes, n) != 0)
			fail_msg("%s.%s encodes to other bytes", at->in->where, at->name);
		buf_finish(&out);
		arena_free(a);
	}
}

/* 9132-6-01, 9132-6-02, 9132-6-07, 9132-6-09, 9132-4.4.1.3-11, 9132-3-18, 9132-5.3-19: tags (a
 * date, a decimal fraction where none belongs) are wrong types, too. */
static void
every_attribute_refuses_every_other_type(void **state)
{
	static const struct {
		char type;
		const char *value;
	} others[] = {
		{'u', "01"},
		{'n', "20"},
		{'n', "3bffffffffffffffff"},
		{'y', "4161"},
		{'y', "5f4161ff"},
		{'t', "6161"},
		{'a', "8101"},
		{'m', "a10101"},
		{'b', "f5"},
		{'d', "c4822101"},
		{'o', "f6"},
		{'o', "f7"},
		{'o', "f93c00"},
		{'o', "fb3ff0000000000000"},
		{'o', "c101"},
		{'o', "d9010f01"},
	};

	(void)state;
	for (size_t i = 0; i < N_ATTRIBUTES; i++)
		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
			const struct attribute *at = &attributes[i];
			bool lifetime = at->type == 'L' &&
					(others[k].type == 'u' || !strcmp(others[k].value, "20"));

			if (at->type == others[k].type || lifetime)
				continue;
			expect_refusal(at, build(at->in, 1, member(at, others[k].value)),
				"wrong type, expected");
		}
}

/* 9132-4.4.1.1-75 */
static void
no_attribute_is_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ATTRIBUTES; i++) {
		const struct attribute *at = &attributes[i];
		const char *definite = at->type == 't' ? "60" : at->type == 'a' ? "80" : "a0";
		const char *open = at->type == 't' ? "7fff" : at->type == 'a' ? "9fff" : "bfff";

		if (!strchr("tam", at->type))
			continue;
		expect_refusal(at, build(at->in, 1, member(at, definite)), "empty");
		expect_refusal(at, build(at->in, 1, member(at, open)), "empty");
	}
}

static void
no_attribute_stands_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ATTRIBUTES; i++) {
		const struct attribute *at = &attributes[i];
		char twice[256];

		snprintf(twice, sizeof(twice), "%s%s%s%s", at->key, at->value, at->key, at->value);
		expect_refusal(at, build(at->in, 2, twice), "given twice");
	}
}

/* 8612-GEN-001-01, 9132-6-03, 9132-6-04, 9132-6-05, 9132-4.4.1.3-11, 9132-4.4.1.3-12, 9132-3.1-02:
 * in every map of every message. An optional one (RFC 9132 10.6.1.1) does not matter anywhere. */
static void
unknown_keys_are_judged_at_every_level(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ATTRIBUTES; i++) {
		const struct attribute *at = &attributes[i];
		const char *why, *where = at->in->where;
		char text[256], expected[160];
		int32_t unknown;

		snprintf(text, sizeof(text), "%s%s186301", at->key, at->value);
		why = refusal(build(at->in, 2, text), &unknown);
		snprintf(expected, sizeof(expected),
			"unknown comprehension-required attribute 99%s%s", *where ? " in " : "",
			where);
		if (!why || strcmp(why, expected) != 0)
			fail_msg("%s: \"%s\"", expected, why ? why : "accepted");
		assert_int_equal(unknown, 99);
		snprintf(text, sizeof(text), "%s%s188081a10102", at->key, at->value);
		why = refusal(build(at->in, 2, text), &unknown);
		if (why)
			fail_msg("optional attribute in %s: %s", where, why);
		assert_int_equal(unknown, -1);
	}
}

/* 9132-4.4.1.1-31, 9132-4.4.1.1-77: not unknown, but in the wrong place. */
static void
identifiers_of_the_path_are_refused_in_bodies(void **state)
{
	static const struct {
		const struct place *in;
		const char *member, *says;
	} cases[] = {
		{&scope, "036161", "scope[0].cdid: stands in the Uri-Path, never in a body"},
		{&scope, "046161", "scope[0].cuid: stands in the Uri-Path, never in a body"},
		{&mitigation, "046161", "cuid: stands in the Uri-Path, never in a body"},
		{&config, "181f01", "sid: stands in the Uri-Path, never in a body"},
		{&set, "181f01", "mitigating-config.sid: stands in the Uri-Path, never in a body"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int32_t unknown;
		const char *why = refusal(build(cases[i].in, 1, cases[i].member), &unknown);

		assert_non_null(why);
		assert_string_equal(why, cases[i].says);
		assert_int_equal(unknown, -1);
	}
}

/* 9132-4.4.1.1-24, 9132-4.4.1.1-40, 9132-4.4.1.1-42, 9132-4.4.1.1-59, 9132-10.6.5-01, 9132-5.3-01,
 * 9132-5.3-03, 9132-5.3-06: one beyond the last legal value; the last legal ones are in the table
 * above. */
static void
ranges_end_where_the_rfc_ends_them(void **state)
{
	static const struct {
		const struct place *in;
		const char *member, *says;
	} cases[] = {
		{&scope, "051b0000000100000000", "mid: 4294967296 is not in 0..4294967295"},
		{&scope, "0e1b0000000100000000", "lifetime: 4294967296 is more than"},
		{&scope, "0e1bffffffffffffffff", "lifetime: 18446744073709551615 is more than"},
		{&scope, "0e21", "lifetime: wrong type"},
		{&scope, "0a81190100", "target-protocol[0]: 256 is not in 0..255"},
		{&scope, "1000", "status: 0 is no value"},
		{&scope, "181d00", "attack-status: 0 is no value"},
		{&scope, "181d03", "attack-status: 3 is no value"},
		{&port, "081a00010000", "lower-port: 65536 is not in 0..65535"},
		{&upper, "091a00010000", "upper-port: 65536 is not in 0..65535"},
		{&conflict, "1200", "conflict-status: 0 is no value"},
		{&conflict, "1300", "conflict-cause: 0 is no value"},
		{&conflict, "141b0000000100000000", "retry-timer: 4294967296 is not in"},
		{&control_named, "183400", "activation-type: 0 is no value"},
		{&control_named, "183404", "activation-type: 4 is no value"},
		{&integer, "18241a00010000", "current-value: 65536 is not in 0..65535"},
		{&decimal, "182bc4822201", "exponent other than -2"},
		{&decimal, "182bc4820001", "exponent other than -2"},
		{&decimal, "182bc4821bffffffffffffffff01", "exponent other than -2"},
		{&decimal, "182bc482211b8000000000000000", "wrong type"},
		{&decimal, "182bc482216131", "wrong type"},
		{&decimal, "182bc483210101", "wrong type"},
		{&decimal, "182bc49f210101ff", "wrong type"},
		{&decimal, "182bc5822101", "wrong type"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *hex = build(cases[i].in, 1, cases[i].member), *why = refusal(hex, NULL);

		if (!why || !strstr(why, cases[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", hex, why ? why : "accepted",
				cases[i].says);
	}
}

/* 9132-4.4.1.1-34, 9132-5.1-04, 9132-5.1-05, 9132-5.3-18, 9132-5.3-19, 9133-3.2.1-02 */
static void
errors_name_path_and_reason(void **state)
{
	static const struct {
		const char *hex, *why;
	} cases[] = {
		{SCOPES "a106826a31302e302e302e302f386b31302e302e302e302f3333",
			"scope[0].target-prefix[1]: prefix length out of range in 10.0.0.0/33"},
		{SCOPES "a10681663a3a2f313239", "scope[0].target-prefix[0]: prefix length out of "
						"range in ::/129"},
		{"a101a10282a10e01a10e21", "scope[1].lifetime: wrong type, expected unsigned "
					   "integer"},
		{"a1182ea21830816161182f6161", "alt-server-record[0]: a is not an address"},
		{"a1182ea1183081623a3a", "redirected-signal: alt-server is missing"},
		{SCOPES "a1183581a1183403", "scope[0].acl-list[0]: acl-name is missing"},
		{"a11831a1188001", "heartbeat: empty"},
		{"a11831a1186301", "unknown comprehension-required attribute 99 in heartbeat"},
		{"a1186301", "unknown comprehension-required attribute 99"},
		{"01", "wrong type, expected map"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = refusal(cases[i].hex, NULL);

		assert_non_null(why);
		assert_string_equal(why, cases[i].why);
	}
}

/* 9132-5.1-01: one kind, in whatever order two stand. */
static void
a_message_is_of_one_kind(void **state)
{
	static const char *const kinds[] = {
		"01a10281a10e01", "181ea11820a11821a1182405", "182ea1182f6161", "1831a11833f5"};
	enum { N = sizeof(kinds) / sizeof(kinds[0]) };

	(void)state;
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++) {
			char both[256];
			const char *why;

			if (i == k)
				continue;
			snprintf(both, sizeof(both), "a2%s%s", kinds[i], kinds[k]);
			why = refusal(both, NULL);
			if (!why || !strstr(why, "more than one kind of message"))
				fail_msg("%s: %s", both, why ? why : "accepted");
		}
	assert_non_null(refusal("a0", NULL));
}

/* 9132-4.4.1.1-45, 9132-5.3-18: labels of letters, digits, hyphens (RFC 6991). */
static void
domain_names_are_domain_names(void **state)
{
	static const char label63[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{"www.example.net", true},
		{"www.example.net.", true},
		{"a", true},
		{".", true},
		{"_dots._udp.xn--bcher-kva.example", true},
		{"192.0.2.1", true},
		{label63, true},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"a..b", false},
		{".a", false},
		{"-a.example", false},
		{"a-.example", false},
		{"a b", false},
		{"a\nb", false},
		{"b\303\274cher.example", false},
		{"a/b", false},
		{"*.example", false},
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[300] = {0xa1, 0x18, 0x2e, 0xa1, 0x18, 0x2f, 0x78};
		size_t n = strlen(cases[i].name);
		struct schema_error err;
		struct signal_msg m;

		bytes[7] = (uint8_t)n;
		memcpy(bytes + 8, cases[i].name, n);
		if ((signal_decode(a, bytes, 8 + n, &m, &err) == 0) != cases[i].good)
			fail_msg("%s", cases[i].name);
	}
	arena_free(a);
}

/* 9132-5.2-01, 9132-5.2-04: names in JSON, numbers on the wire. */
static void
codes_have_the_names_of_the_rfc(void **state)
{
	static const struct {
		const char *json;
		uint64_t status, attack_status;
	} cases[] = {
		{"{\"status\": \"attack-mitigation-in-progress\"}", 1, 0},
		{"{\"status\": \"attack-successfully-mitigated\"}", 2, 0},
		{"{\"status\": \"attack-stopped\"}", 3, 0},
		{"{\"status\": \"attack-exceeded-capability\"}", 4, 0},
		{"{\"status\": \"dots-client-withdrawn-mitigation\"}", 5, 0},
		{"{\"status\": \"attack-mitigation-terminated\"}", 6, 0},
		{"{\"status\": \"attack-mitigation-withdrawn\"}", 7, 0},
		{"{\"status\": \"attack-mitigation-signal-loss\"}", 8, 0},
		{"{\"attack-status\": \"under-attack\"}", 0, 1},
		{"{\"attack-status\": \"attack-successfully-mitigated\"}", 0, 2},
	};
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *json = cases[i].json;
		struct schema_error err;
		struct scope s;
		struct buf out;

		assert_int_equal(
			schema_decode_json(&scope_schema, a, json, strlen(json), &s, &err), 0);
		assert_int_equal(s.status, cases[i].status);
		assert_int_equal(s.attack_status, cases[i].attack_status);
		buf_init(&out, 64);
		assert_int_equal(schema_encode_cbor(&scope_schema, &s, &out), 0);
		assert_int_equal(out.bytes[out.len - 1], cases[i].status + cases[i].attack_status);
		if (cases[i].status)
			assert_non_null(strstr(json, dots_status_name((int)s.status)));
		buf_finish(&out);
	}
	arena_free(a);
}

/* 9132-10.6.2-01, 9132-10.6.4-01 */
static void
unassigned_codes_have_a_name_too(void **state)
{
	(void)state;
	assert_string_equal(dots_status_name(ATTACK_STOPPED), "attack-stopped");
	assert_string_equal(dots_status_name(9), "?");
	assert_string_equal(dots_status_name(0), "?");
	assert_string_equal(conflict_cause_name(CUID_COLLISION), "cuid-collision");
	assert_string_equal(conflict_cause_name(-1), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attribute_comes_back_under_its_key),
		cmocka_unit_test(every_attribute_refuses_every_other_type),
		cmocka_unit_test(no_attribute_is_empty),
		cmocka_unit_test(no_attribute_stands_twice),
		cmocka_unit_test(unknown_keys_are_judged_at_every_level),
		cmocka_unit_test(identifiers_of_the_path_are_refused_in_bodies),
		cmocka_unit_test(ranges_end_where_the_rfc_ends_them),
		cmocka_unit_test(errors_name_path_and_reason),
		cmocka_unit_test(a_message_is_of_one_kind),
		cmocka_unit_test(domain_names_are_domain_names),
		cmocka_unit_test(codes_have_the_names_of_the_rfc),
		cmocka_unit_test(unassigned_codes_have_a_name_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
