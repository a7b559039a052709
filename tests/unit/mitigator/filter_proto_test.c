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

/* ---- ACLs ---- */

static struct acl_rule
good_rule(void)
{
	struct acl_rule r = {.id = 9,
		.family = 4,
		.l4 = ACL_L4_TCP,
		.has = 1u << ACL_TTL | 1u << ACL_TCP_WINDOW,
		.source_ports = {7, 7, true},
		.destination_ports = {53, 99, false},
		.has_fragment = true,
		.fragment = {ACL_FRAGMENT_DF | ACL_FRAGMENT_LF, false, true},
		.has_flags = true,
		.flags = {0xf02, true, false},
		.accept = true,
		.rate = 2050};

	r.values[ACL_TTL] = 255;
	r.values[ACL_TCP_WINDOW] = 65535;
	assert_int_equal(prefix_parse("192.0.2.0/24", &r.source), 0);
	assert_int_equal(prefix_parse("198.51.100.64/32", &r.destination), 0);
	return r;
}

static const char *
acls_sent(const struct acl_set *s, struct filter_msg *back, struct arena *a)
{
	struct acl_set copy = *s;
	struct filter_msg m = {.op = FILTER_OP_SYNC, .acls = &copy, .n_acls = 1};
	struct buf out;
	const char *why;

	buf_init(&out, 1 << 24);
	filter_proto_encode(&m, &out);
	assert_int_equal(out.len, 17 + filter_proto_acls_size(s));
	why = filter_proto_decode(a, out.bytes, out.len, back);
	buf_finish(&out);
	return why;
}

static void
acls_come_over_as_they_are(void **state)
{
	struct arena *a = arena_new();
	struct acl_rule rules[] = {good_rule(), {.id = 10, .source_ports = {0, 65535, false}}}, *r;
	struct acl_set s = {"acme", prefixes, 2, rules, 2};
	struct filter_msg back;

	(void)state;
	good_filter(); /* which fills the prefixes */
	rules[1].destination_ports = rules[1].source_ports;
	assert_null(acls_sent(&s, &back, a));
	assert_int_equal(back.n_acls, 1);
	assert_string_equal(back.acls[0].client, "acme");
	assert_int_equal(back.acls[0].n_scope, 2);
	assert_true(prefix_equal(&back.acls[0].scope[1], &prefixes[1]));
	assert_int_equal(back.acls[0].n_rules, 2);
	r = (struct acl_rule *)back.acls[0].rules;
	assert_int_equal(r->id, 9);
	assert_int_equal(r->family, 4);
	assert_int_equal(r->l4, ACL_L4_TCP);
	assert_int_equal(r->has, rules[0].has);
	assert_memory_equal(r->values, rules[0].values, sizeof(r->values));
	assert_true(prefix_equal(&r->source, &rules[0].source));
	assert_true(prefix_equal(&r->destination, &rules[0].destination));
	assert_true(r->source_ports.not &&r->source_ports.lower == 7);
	assert_true(!r->destination_ports.not &&r->destination_ports.upper == 99);
	assert_true(r->has_fragment && r->fragment.any && !r->fragment.not );
	assert_int_equal(r->fragment.bits, ACL_FRAGMENT_DF | ACL_FRAGMENT_LF);
	assert_true(r->has_flags && !r->flags.any && r->flags.not );
	assert_int_equal(r->flags.bits, 0xf02);
	assert_true(r->accept);
	assert_int_equal(r->rate, 2050);
	r = (struct acl_rule *)&back.acls[0].rules[1];
	assert_true(!r->has_fragment && !r->has_flags && !r->accept && !r->source.addr.family);
	assert_null(filter_proto_check_acls(&s));
	arena_free(a);
}

static void
every_field_of_an_acl_is_checked_again(void **state)
{
	struct arena *a = arena_new();
	struct acl_rule r;
	struct acl_set s;
	struct filter_msg back;

	(void)state;
	good_filter();
#define ACL(change)                                                                                \
	r = good_rule();                                                                           \
	s = (struct acl_set){"acme", prefixes, 2, &r, 1};                                          \
	change
#define BAD_ACL(change)                                                                            \
	ACL(change);                                                                               \
	assert_non_null(acls_sent(&s, &back, a))
	ACL((void)0);
	assert_null(acls_sent(&s, &back, a));
	ACL(s.n_rules = 0; s.n_scope = 0);
	assert_null(acls_sent(&s, &back, a));
	ACL(r.destination = (struct prefix){0}; s.n_scope = 0); /* it is for nothing */
	assert_null(acls_sent(&s, &back, a));
	BAD_ACL(s.client = "");
	BAD_ACL(s.n_scope = 0); /* a destination that is in no scope */
	BAD_ACL(s.scope = prefixes + 1; s.n_scope = 1);
	BAD_ACL(r.destination.addr.bytes[3] = 1);
	BAD_ACL(r.id = 0);
	BAD_ACL(r.family = 6);
	BAD_ACL(r.family = 7);
	BAD_ACL(r.l4 = (enum acl_l4)50);
	BAD_ACL(r.has |= 1u << ACL_FIELDS);
	BAD_ACL(r.has |= 1u << ACL_FLOW_LABEL);
	BAD_ACL(r.values[ACL_TTL] = 256);
	BAD_ACL(r.accept = false);
	BAD_ACL(r.rate = ACL_RATE_MAX + 1);
	BAD_ACL(r.source.len = 33);
	BAD_ACL(r.source = ((struct prefix){.len = 1}));
	BAD_ACL(r.source.addr.bytes[3] = 1); /* host bits */
	BAD_ACL(r.destination_ports.lower = 100);
	BAD_ACL(r.destination_ports.not = true);
	BAD_ACL(r.fragment.bits = 16);
	BAD_ACL(r.flags.bits = 0x1000);
	arena_free(a);
}

static void
acls_are_limited(void **state)
{
	enum { MANY = FILTER_PROTO_ACL_RULES_MAX + 1 };
	struct arena *a = arena_new();
	struct acl_rule *rules = calloc(MANY, sizeof(*rules));
	struct prefix *scope = calloc(MANY, sizeof(*scope));
	struct acl_set s = {"acme", scope, MANY - 1, rules, MANY - 1};
	struct filter_msg back;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		rules[i] = good_rule();
		rules[i].destination = (struct prefix){0};
		assert_int_equal(prefix_parse("198.51.100.0/24", &scope[i]), 0);
	}
	assert_null(acls_sent(&s, &back, a));
	s.n_rules++;
	assert_string_equal(acls_sent(&s, &back, a), "a count is out of range");
	s.n_rules--;
	s.n_scope++;
	assert_string_equal(acls_sent(&s, &back, a), "a count is out of range");
	free(rules);
	free(scope);
	arena_free(a);
}

static void
values_of_mitigations_and_rules_are_apart(void **state)
{
	struct filter_value values[] = {{1, 2, 3}}, rules[] = {{1, 5, 6}, {2, UINT64_MAX, 8}};
	struct filter_msg back, m = {.op = FILTER_OP_VALUES,
					.values = values,
					.n_values = 1,
					.rules = rules,
					.n_rules = 2};
	struct arena *a = arena_new();
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	filter_proto_encode(&m, &out);
	assert_null(filter_proto_decode(a, out.bytes, out.len, &back));
	assert_int_equal(back.n_values, 1);
	assert_memory_equal(back.values, values, sizeof(values));
	assert_int_equal(back.n_rules, 2);
	assert_memory_equal(back.rules, rules, sizeof(rules));
	buf_finish(&out);
	arena_free(a);
}

static void
counts_are_limited_and_truncation_is_found(void **state)
{
	struct filter f = good_filter();
	struct flow flow = {.protocol = FLOW_UDP, .server = {.addr = {4, {192, 0, 2, 1}}}};
	struct filter_flows flows = {.client = "acme", .flows = &flow, .n = 1};
	struct acl_rule rule = good_rule();
	struct acl_set acls = {"acme", prefixes, 2, &rule, 1};
	struct filter_msg m = {.op = FILTER_OP_SYNC,
		.added = &f,
		.n_added = 1,
		.flows = &flows,
		.n_flows = 1,
		.acls = &acls,
		.n_acls = 1};
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
		cmocka_unit_test(acls_come_over_as_they_are),
		cmocka_unit_test(every_field_of_an_acl_is_checked_again),
		cmocka_unit_test(acls_are_limited),
		cmocka_unit_test(values_of_mitigations_and_rules_are_apart),
		cmocka_unit_test(counts_are_limited_and_truncation_is_found),
		cmocka_unit_test(sockets_are_asked_for_by_family_and_interface),
		cmocka_unit_test(instances_are_plain_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
