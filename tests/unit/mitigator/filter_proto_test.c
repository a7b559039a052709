/* The typed protocol to the helper: round trip, and every field that can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mitigator/filter_proto.h"

static struct prefix prefixes[2];
static const uint8_t protocols[] = {6, 17};
static const struct filter_ports ports[] = {{53, 53}, {1000, 2000}};

static struct filter
good_filter(void)
{
	prefix_parse("198.51.100.64/26", &prefixes[0]);
	prefix_parse("2001:db8::/48", &prefixes[1]);
	return (struct filter){.id = 7,
		.client = "acme",
		.action = {ACTION_LIMIT, 1000, RATE_PACKETS},
		.prefixes = prefixes,
		.n_prefixes = 2,
		.protocols = protocols,
		.n_protocols = 2,
		.ports = ports,
		.n_ports = 2};
}

static const char *
sent(const struct filter *f, struct filter_msg *back, struct arena *a)
{
	struct filter copy = *f;
	struct filter_msg m = {.op = FILTER_OP_COMMIT, .added = &copy, .n_added = 1};
	struct buf out;
	const char *why;

	buf_init(&out, 1 << 20);
	filter_proto_encode(&m, &out);
	why = filter_proto_decode(a, out.bytes, out.len, back);
	buf_finish(&out);
	return why;
}

/* 8811-2.1-07 */
static void
a_filter_comes_over_as_it_is(void **state)
{
	struct arena *a = arena_new();
	struct filter f = good_filter();
	struct filter_msg back;

	(void)state;
	assert_null(sent(&f, &back, a));
	assert_int_equal(back.n_added, 1);
	assert_string_equal(back.added[0].client, "acme");
	assert_int_equal(back.added[0].action.rate, 1000);
	assert_true(prefix_equal(&back.added[0].prefixes[1], &prefixes[1]));
	assert_int_equal(back.added[0].protocols[1], 17);
	assert_int_equal(back.added[0].ports[1].upper, 2000);
	f.action = (struct filter_action){.kind = ACTION_OBSERVE};
	assert_null(sent(&f, &back, a));
	assert_true(filter_action_equal(&back.added[0].action, &f.action));
	arena_free(a);
}

static void
every_field_is_checked_again(void **state)
{
	static const struct filter_ports reversed[] = {{9, 3}};
	struct arena *a = arena_new();
	struct filter_msg back;
	struct filter f;
	char name[FILTER_PROTO_NAME_MAX + 2];

	(void)state;
#define BAD(change)                                                                                \
	f = good_filter();                                                                         \
	change;                                                                                    \
	assert_non_null(sent(&f, &back, a))
	BAD(f.id = 0);
	BAD(f.client = "");
	BAD(f.n_prefixes = 0);
	BAD(f.action.kind = ACTION_OBSERVE + 1);
	BAD(f.action.unit = 2);
	BAD(f.action.rate = 0);
	BAD(f.action.rate = (uint64_t)UINT32_MAX + 1);
	BAD(prefixes[0].len = 33);
	BAD(prefixes[0].addr.bytes[3] = 65); /* host bits */
	BAD(prefixes[0].addr.family = 5);
	BAD(f.ports = reversed; f.n_ports = 1);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	BAD(f.client = name);
	arena_free(a);
}

static const char *
flow_sent(const struct flow *f, struct filter_msg *back, struct arena *a)
{
	struct flow copy = *f;
	struct filter_flows flows = {.client = "acme", .flows = &copy, .n = 1};
	struct filter_msg m = {.op = FILTER_OP_COMMIT, .flows = &flows, .n_flows = 1};
	struct buf out;
	const char *why;

	buf_init(&out, 1 << 20);
	filter_proto_encode(&m, &out);
	why = filter_proto_decode(a, out.bytes, out.len, back);
	buf_finish(&out);
	return why;
}

static void
flows_come_over_as_they_are_and_are_checked_again(void **state)
{
	static const struct flow good = {.protocol = FLOW_TCP,
		.server = {.addr = {4, {192, 0, 2, 1}}, .port = 4646},
		.client = {.addr = {4, {198, 51, 100, 2}}, .port = 5000}};
	struct arena *a = arena_new();
	struct filter_msg back;
	struct flow f = good;

	(void)state;
	assert_null(flow_sent(&f, &back, a));
	assert_int_equal(back.flows[0].flows[0].protocol, FLOW_TCP);
	assert_true(endpoint_equal(&back.flows[0].flows[0].server, &good.server));
	assert_true(endpoint_equal(&back.flows[0].flows[0].client, &good.client));
	f.client.addr.family = 0; /* handshakes under way */
	assert_null(flow_sent(&f, &back, a));
	f.protocol = FLOW_UDP;
	assert_null(flow_sent(&f, &back, a));
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		f = good;
		f.protocol = (enum flow_protocol)protocol;
		assert_int_equal(flow_sent(&f, &back, a) == NULL,
			protocol == FLOW_TCP || protocol == FLOW_UDP);
	}
	f = good;
	f.server.addr.family = 0;
	assert_non_null(flow_sent(&f, &back, a));
	f = good;
	f.client.addr.family = 6;
	assert_non_null(flow_sent(&f, &back, a));
	arena_free(a);
}

static void
counts_are_limited_and_truncation_is_found(void **state)
{
	struct filter f = good_filter();
	struct flow flow = {.protocol = FLOW_UDP, .server = {.addr = {4, {192, 0, 2, 1}}}};
	struct filter_flows flows = {.client = "acme", .flows = &flow, .n = 1};
	struct filter_msg m = {
		.op = FILTER_OP_SYNC, .added = &f, .n_added = 1, .flows = &flows, .n_flows = 1};
	struct filter_msg back;
	struct arena *a = arena_new();
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	filter_proto_encode(&m, &out);
	for (size_t len = 0; len < out.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);

		memcpy(exact, out.bytes, len);
		assert_non_null(filter_proto_decode(a, exact, len, &back));
		free(exact);
	}
	buf_u8(&out, 0);
	assert_non_null(filter_proto_decode(a, out.bytes, out.len, &back));
	memset(out.bytes + 1, 0xff, 4); /* four milliards of removed ids */
	assert_non_null(filter_proto_decode(a, out.bytes, out.len, &back));
	buf_finish(&out);
	arena_free(a);
}

static const char *
socket_asked(uint8_t family, const char *interface, struct filter_msg *back, struct arena *a)
{
	struct filter_msg m = {
		.op = FILTER_OP_DHCP_SOCKET, .family = family, .interface = interface};
	struct buf out;
	const char *why;

	buf_init(&out, 1 << 20);
	filter_proto_encode(&m, &out);
	why = filter_proto_decode(a, out.bytes, out.len, back);
	buf_finish(&out);
	return why;
}

static void
sockets_are_asked_for_by_family_and_interface(void **state)
{
	static const char *const good[] = {"a", "wan1.100", "x23456789012345", "pppoe-wan", "..."};
	static const char *const bad[] = {
		"", ".", "..", "a b", "a/b", "a:1", "a\n", "a\t", "x234567890123456"};
	struct arena *a = arena_new();
	struct filter_msg back;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_null(socket_asked(i % 2 ? 6 : 4, good[i], &back, a));
		assert_int_equal(back.family, i % 2 ? 6 : 4);
		assert_string_equal(back.interface, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(socket_asked(4, bad[i], &back, a));
	for (unsigned family = 0; family < 256; family++)
		assert_int_equal(socket_asked((uint8_t)family, "wan1", &back, a) == NULL,
			family == 4 || family == 6);
	arena_free(a);
}

static void
instances_are_plain_words(void **state)
{
	(void)state;
	assert_true(filter_proto_instance_ok("isp2_a"));
	assert_false(filter_proto_instance_ok(""));
	assert_false(filter_proto_instance_ok("x; flush ruleset"));
	assert_false(filter_proto_instance_ok("Isp"));
	assert_false(filter_proto_instance_ok("abcdefghijklmnopqrstuvwxyz0123456789"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_comes_over_as_it_is),
		cmocka_unit_test(every_field_is_checked_again),
		cmocka_unit_test(flows_come_over_as_they_are_and_are_checked_again),
		cmocka_unit_test(counts_are_limited_and_truncation_is_found),
		cmocka_unit_test(sockets_are_asked_for_by_family_and_interface),
		cmocka_unit_test(instances_are_plain_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
