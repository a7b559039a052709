/* ACLs of the data channel: what their JSON means, what is refused, what can be filtered. */
#include "core/acl.h"

#include "fixture.h"

#define IETF "ietf-access-control-list:"

/* ---- kit ---- */

struct bench {
	struct clients *clients;
	struct client *acme, *beta; /* of one customer */
	struct arena *arena;
	struct acl acl;
	struct restconf_error err;
};

static struct client *
make_customer(struct clients *cs, const char *name)
{
	struct client *c = make_client(name, NULL, NULL);

	c->prefixes = mem_array(2, sizeof(*c->prefixes));
	assert_int_equal(prefix_parse("198.51.100.0/24", &c->prefixes[0]), 0);
	assert_int_equal(prefix_parse("2001:db8::/32", &c->prefixes[1]), 0);
	c->n_prefixes = 2;
	assert_null(clients_add(cs, c));
	return c;
}

static int
set_up(void **state)
{
	struct bench *b = mem_new(sizeof(*b));

	b->clients = clients_new();
	b->acme = make_customer(b->clients, "acme");
	b->beta = make_customer(b->clients, "beta");
	b->arena = arena_new();
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	clients_free(b->clients);
	arena_free(b->arena);
	free(b);
	return 0;
}

static bool
reads(struct bench *b, const char *text)
{
	json_error_t why;
	json_t *entry = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	bool ok;

	if (!entry)
		fail_msg("%s: %s", why.text, text);
	b->err = (struct restconf_error){0};
	ok = acl_read(entry, b->acme, b->arena, &b->acl, &b->err);
	json_decref(entry);
	return ok;
}

/* An ACL of one ACE, with more members of the ACL (", …" or ""), what it matches and what it does.
 */
static bool
reads_ace(struct bench *b, const char *more, const char *matches, const char *actions)
{
	char *text = mem_printf("{\"name\":\"x\"%s,\"aces\":{\"ace\":[{\"name\":\"r\",\"matches\":%"
				"s,\"actions\":%s}]}}",
		more, matches, actions);
	bool ok = reads(b, text);

	free(text);
	return ok;
}

#define DROP   "{\"forwarding\":\"" IETF "drop\"}"
#define ACCEPT "{\"forwarding\":\"" IETF "accept\"}"
#define V4     ",\"type\":\"" IETF "ipv4-acl-type\""
#define V6     ",\"type\":\"" IETF "ipv6-acl-type\""
#define NOW    ",\"activation-type\":\"immediate\""

/* The one rule of what was read. */
static const struct acl_rule *
rule_of(struct bench *b, const char *more, const char *matches)
{
	if (!reads_ace(b, more, matches, DROP))
		fail_msg("%s: %s", matches, b->err.why);
	assert_int_equal(b->acl.n_rules, 1);
	return &b->acl.rules[0];
}

static void
expect_refused(struct bench *b, const char *more, const char *matches, const char *actions,
	enum restconf_tag tag, const char *part)
{
	if (reads_ace(b, more, matches, actions))
		fail_msg("is taken: %s %s %s", more, matches, actions);
	assert_int_equal(b->err.status, 400);
	assert_int_equal(b->err.tag, tag);
	assert_memory_equal(b->err.why, "RFC 8783 ", 9);
	if (!strstr(b->err.why, part))
		fail_msg("\"%s\" says nothing of \"%s\"", b->err.why, part);
}

/* ---- figures ---- */

/* 8783-7.2-04, 8783-7.2-06, 8783-7.2-13 */
static void
what_figure_24_asks_for(void **state)
{
	struct bench *b = *state;
	const struct acl_rule *r = rule_of(b, V4,
		"{\"ipv4\":{\"destination-ipv4-network\":\"198.51.100.0/24\","
		"\"source-ipv4-network\":\"192.0.2.0/24\"}}");
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(b->acl.name, "x");
	assert_string_equal(b->acl.rule_names[0], "r");
	assert_int_equal(b->acl.activation, ACTIVATE_WHEN_MITIGATING);
	assert_int_equal(r->family, 4);
	assert_int_equal(r->l4, ACL_L4_ANY);
	assert_int_equal(r->has, 0);
	assert_string_equal(prefix_format(&r->source, text), "192.0.2.0/24");
	assert_string_equal(prefix_format(&r->destination, text), "198.51.100.0/24");
	assert_int_equal(r->destination_ports.upper, 65535);
	assert_false(r->accept);
	assert_int_equal(r->id, 0);
}

/* 8783-4.2-07, 8783-4.3-26 */
static void
what_figure_25_asks_for(void **state)
{
	struct bench *b = *state;
	const struct acl_rule *r = rule_of(b, V6 NOW,
		"{\"ipv6\":{\"destination-ipv6-network\":\"2001:db8:6401::2/127\","
		"\"source-ipv6-network\":\"2001:db8:1234::/"
		"96\",\"protocol\":17,\"flow-label\":10000},"
		"\"udp\":{\"source-port-range-or-operator\":{\"operator\":\"lte\",\"port\":80},"
		"\"destination-port-range-or-operator\":{\"operator\":\"neq\",\"port\":1010}}}");

	assert_int_equal(b->acl.activation, ACTIVATE_IMMEDIATE);
	assert_int_equal(r->family, 6);
	assert_int_equal(r->l4, ACL_L4_UDP);
	assert_int_equal(r->has, 1u << ACL_PROTOCOL | 1u << ACL_FLOW_LABEL);
	assert_int_equal(r->values[ACL_FLOW_LABEL], 10000);
	assert_int_equal(r->source_ports.lower, 0);
	assert_int_equal(r->source_ports.upper, 80);
	assert_true(r->destination_ports.not );
	assert_int_equal(r->destination_ports.lower, 1010);
}

/* 8783-A-01, 8783-4.2-03: the default operator is match (8783-4.3-11) */
static void
what_figures_34_and_35_ask_for(void **state)
{
	struct bench *b = *state;
	const struct acl_rule *r = rule_of(
		b, V4, "{\"ipv4\":{\"fragment\":{\"operator\":\"match\",\"type\":\"isf\"}}}");

	assert_true(r->has_fragment);
	assert_int_equal(r->fragment.bits, ACL_FRAGMENT_ISF);
	assert_false(r->fragment.not || r->fragment.any);
	r = rule_of(b, V6, "{\"ipv6\":{\"fragment\":{\"type\":\"ff lf\",\"operator\":\"any\"}}}");
	assert_int_equal(r->fragment.bits, ACL_FRAGMENT_FF | ACL_FRAGMENT_LF);
	assert_true(r->fragment.any);
	r = rule_of(b, V4, "{\"ipv4\":{\"fragment\":{\"type\":\"df\",\"operator\":\"not\"}}}");
	assert_true(r->fragment.not );
	assert_false(r->fragment.any);
}

/* 8783-4.2-04, 8783-4.3-09, 8783-4.3-10, 8783-7.2-03, 8783-7.2-12: without type and without IP
 * header, immediate all the same. */
static void
what_figures_36_to_38_ask_for(void **state)
{
	struct bench *b = *state;
	const struct acl_rule *r = rule_of(b, NOW,
		"{\"tcp\":{\"flags-bitmask\":{\"operator\":\"not any\",\"bitmask\":4095}}}");

	assert_int_equal(r->family, 0);
	assert_int_equal(r->l4, ACL_L4_TCP);
	assert_true(r->flags.not &&r->flags.any);
	assert_int_equal(r->flags.bits, 4095);
	r = rule_of(b, "", "{\"tcp\":{\"flags-bitmask\":{\"bitmask\":61442}}}");
	assert_int_equal(r->flags.bits, 2);
	assert_false(r->flags.not || r->flags.any);
	assert_true(reads_ace(b, V4, "{\"tcp\":{\"flags-bitmask\":{\"bitmask\":16}}}",
		"{\"forwarding\":\"" IETF "accept\",\"rate-limit\":\"20.00\"}"));
	assert_true(b->acl.rules[0].accept);
	assert_int_equal(b->acl.rules[0].rate, 2000);
	assert_int_equal(b->acl.rules[0].family, 4);
}

/* ---- fields ---- */

/* 8783-4.2-09 to -14 */
static void
every_leaf_is_read_into_its_field(void **state)
{
	static const struct {
		const char *header, *leaf;
		uint32_t value;
		enum acl_field field;
	} rows[] = {
		{"ipv4", "dscp", 63, ACL_DSCP},
		{"ipv4", "ecn", 3, ACL_ECN},
		{"ipv4", "length", 65535, ACL_LENGTH},
		{"ipv4", "ttl", 255, ACL_TTL},
		{"ipv4", "protocol", 1, ACL_PROTOCOL},
		{"ipv4", "ihl", 5, ACL_IHL},
		{"ipv4", "offset", 20, ACL_OFFSET},
		{"ipv4", "identification", 7, ACL_IDENTIFICATION},
		{"ipv6", "dscp", 1, ACL_DSCP},
		{"ipv6", "ecn", 1, ACL_ECN},
		{"ipv6", "length", 40, ACL_LENGTH},
		{"ipv6", "ttl", 64, ACL_TTL},
		{"ipv6", "protocol", 58, ACL_PROTOCOL},
		{"ipv6", "flow-label", 1048575, ACL_FLOW_LABEL},
		{"tcp", "sequence-number", 4294967295, ACL_TCP_SEQUENCE},
		{"tcp", "acknowledgement-number", 9, ACL_TCP_ACKNOWLEDGEMENT},
		{"tcp", "data-offset", 15, ACL_TCP_DATA_OFFSET},
		{"tcp", "reserved", 15, ACL_TCP_RESERVED},
		{"tcp", "window-size", 1024, ACL_TCP_WINDOW},
		{"tcp", "urgent-pointer", 3, ACL_TCP_URGENT},
		{"udp", "length", 100, ACL_UDP_LENGTH},
		{"icmp", "type", 8, ACL_ICMP_TYPE},
		{"icmp", "code", 0, ACL_ICMP_CODE},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = mem_printf("{\"%s\":{\"%s\":%u}}", rows[i].header, rows[i].leaf,
			(unsigned)rows[i].value);
		const struct acl_rule *r = rule_of(b, "", text);

		assert_int_equal(r->has, 1u << rows[i].field);
		assert_int_equal(r->values[rows[i].field], rows[i].value);
		free(text);
	}
	assert_int_equal(
		rule_of(b, "", "{\"ipv4\":{\"flags\":\"fragment\"}}")->values[ACL_IPV4_FLAGS], 2);
	assert_int_equal(
		rule_of(b, "", "{\"ipv4\":{\"flags\":\"reserved more\"}}")->values[ACL_IPV4_FLAGS],
		5);
	assert_int_equal(rule_of(b, "", "{\"ipv4\":{\"flags\":\"\"}}")->has, 1u << ACL_IPV4_FLAGS);
	assert_int_equal(
		rule_of(b, "", "{\"tcp\":{\"flags\":\"cwr syn\"}}")->values[ACL_TCP_FLAGS], 130);
	assert_int_equal(rule_of(b, "", "{\"tcp\":{\"flags\":\"ece urg ack psh rst fin\"}}")
				 ->values[ACL_TCP_FLAGS],
		125);
}

/* 8783-4.3-25, 8783-4.3-26, 8783-4.3-32 */
static void
ports_are_ranges_or_operators(void **state)
{
	static const struct {
		const char *text;
		struct acl_ports ports;
	} rows[] = {
		{"{\"lower-port\":5,\"upper-port\":9}", {5, 9, false}},
		{"{\"port\":53}", {53, 53, false}},
		{"{\"port\":53,\"operator\":\"eq\"}", {53, 53, false}},
		{"{\"port\":53,\"operator\":\"neq\"}", {53, 53, true}},
		{"{\"port\":53,\"operator\":\"lte\"}", {0, 53, false}},
		{"{\"port\":53,\"operator\":\"gte\"}", {53, 65535, false}},
	};
	static const char *const protocols[] = {"tcp", "udp"}, *const ends[] = {
								       "source", "destination"};
	struct bench *b = *state;

	for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct acl_ports *want = &rows[i / 4].ports, *got, *other;
		char *text = mem_printf("{\"%s\":{\"%s-port-range-or-operator\":%s}}",
			protocols[i % 2], ends[i / 2 % 2], rows[i / 4].text);
		const struct acl_rule *r = rule_of(b, "", text);

		got = i / 2 % 2 ? &r->destination_ports : &r->source_ports;
		other = i / 2 % 2 ? &r->source_ports : &r->destination_ports;
		assert_int_equal(r->l4, i % 2 ? ACL_L4_UDP : ACL_L4_TCP);
		assert_int_equal(got->lower, want->lower);
		assert_int_equal(got->upper, want->upper);
		assert_int_equal(got->not, want->not );
		assert_true(other->lower == 0 && other->upper == 65535 && !other->not );
		free(text);
	}
}

/* 8783-4.2-06, 8783-4.2-08, 8783-7.2-03 */
static void
the_type_tells_the_family_of_what_names_none(void **state)
{
	struct bench *b = *state;

	assert_int_equal(rule_of(b, V4, "{\"icmp\":{\"type\":8}}")->family, 4);
	assert_int_equal(rule_of(b, V6, "{\"icmp\":{\"type\":128}}")->family, 6);
	assert_int_equal(rule_of(b, "", "{\"icmp\":{\"code\":1}}")->family, 0);
	assert_int_equal(
		rule_of(b, ",\"type\":\"" IETF "mixed-eth-ipv6-acl-type\"", "{}")->family, 6);
	assert_int_equal(
		rule_of(b, ",\"type\":\"" IETF "mixed-eth-ipv4-ipv6-acl-type\"", "{}")->family, 0);
	expect_refused(b, ",\"type\":\"" IETF "eth-acl-type\"", "{}", DROP, RESTCONF_INVALID_VALUE,
		"type: " IETF "eth-acl-type");
}

/* 8783-7.2-08, 8783-4.3-22: nothing named, or no matches at all */
static void
what_names_nothing_matches_everything(void **state)
{
	struct bench *b = *state;
	const struct acl_rule *r;

	assert_true(
		reads(b, "{\"name\":\"x\",\"activation-type\":\"deactivate\",\"aces\":{\"ace\":["
			 "{\"name\":\"r\",\"actions\":" DROP "},"
			 "{\"name\":\"s\",\"actions\":" ACCEPT "}]}}"));
	assert_int_equal(b->acl.activation, DEACTIVATE);
	assert_int_equal(b->acl.n_rules, 2);
	r = &b->acl.rules[0];
	assert_true(!r->family && !r->l4 && !r->has && !r->has_fragment && !r->has_flags);
	assert_true(!r->source.addr.family && !r->destination.addr.family);
	assert_true(b->acl.rules[1].accept);
	assert_string_equal(b->acl.rule_names[1], "s");
	assert_true(reads(b, "{\"name\":\"empty\"}"));
	assert_int_equal(b->acl.n_rules, 0);
}

/* ---- refusals ---- */

/* 8783-7.2-14, 8783-4.1-09, 8783-4.3-28 */
static void
actions_are_accept_or_drop_and_rates_are_bounded(void **state)
{
	static const struct {
		const char *text;
		uint64_t rate;
	} rates[] = {{"20", 2000}, {"20.5", 2050}, {"0.01", 1}, {"18000000000.00", ACL_RATE_MAX}};
	static const char *const bad[] = {"\"18000000000.01\"", "\"-1.00\"", "\"1.001\"", "\"\"",
		"\".\"", "\"1e3\"", "20.5", "\"92233720368547758.07\"",
		"\"99999999999999999999999999\""};
	struct bench *b = *state;
	char *text;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		text = mem_printf(
			"{\"forwarding\":\"" IETF "accept\",\"rate-limit\":\"%s\"}", rates[i].text);
		assert_true(reads_ace(b, "", "{}", text));
		assert_int_equal(b->acl.rules[0].rate, rates[i].rate);
		free(text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		text = mem_printf("{\"forwarding\":\"" IETF "accept\",\"rate-limit\":%s}", bad[i]);
		expect_refused(b, "", "{}", text, RESTCONF_INVALID_VALUE, "rate-limit");
		free(text);
	}
	expect_refused(b, "", "{}", "{\"forwarding\":\"" IETF "reject\"}", RESTCONF_INVALID_VALUE,
		"forwarding");
}

static void
a_rate_of_nothing_is_a_drop(void **state)
{
	struct bench *b = *state;

	assert_true(reads_ace(
		b, "", "{}", "{\"forwarding\":\"" IETF "accept\",\"rate-limit\":\"0.00\"}"));
	assert_false(b->acl.rules[0].accept);
	assert_int_equal(b->acl.rules[0].rate, 0);
}

/* 8783-7.2-09: with the reason of client_authorises */
static void
destinations_belong_to_the_client(void **state)
{
	static const struct {
		const char *network, *reason;
	} rows[] = {
		{"203.0.113.0/24", "outside what this client may"},
		{"198.51.0.0/16", "outside what this client may"},
		{"127.0.0.0/8", "loopback"},
		{"224.0.0.0/4", "multicast"},
		{"255.255.255.255/32", "broadcast"},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = mem_printf(
			"{\"ipv4\":{\"destination-ipv4-network\":\"%s\"}}", rows[i].network);

		expect_refused(b, V4, text, DROP, RESTCONF_INVALID_VALUE, rows[i].reason);
		assert_non_null(strstr(b->err.why, "destination-ipv4-network"));
		free(text);
	}
	expect_refused(b, V6, "{\"ipv6\":{\"destination-ipv6-network\":\"2001:db9::/32\"}}", ACCEPT,
		RESTCONF_INVALID_VALUE, "destination-ipv6-network");
	b->acme->widest.ipv4 = 26;
	expect_refused(b, V4, "{\"ipv4\":{\"destination-ipv4-network\":\"198.51.100.0/25\"}}", DROP,
		RESTCONF_INVALID_VALUE, "wider than");
	rule_of(b, V4, "{\"ipv4\":{\"destination-ipv4-network\":\"198.51.100.0/26\"}}");
	/* Whence it comes is nobody's. */
	rule_of(b, V4, "{\"ipv4\":{\"source-ipv4-network\":\"203.0.113.0/24\"}}");
}

/* 8783-7.2-11, 8783-7.2-12 */
static void
what_is_immediate_names_its_destination(void **state)
{
	struct bench *b = *state;

	expect_refused(b, V4 NOW, "{\"ipv4\":{\"source-ipv4-network\":\"192.0.2.0/24\"}}", DROP,
		RESTCONF_MISSING_ATTRIBUTE, "destination-ipv4-network");
	expect_refused(b, V6 NOW, "{\"ipv6\":{\"ttl\":1},\"udp\":{\"length\":8}}", DROP,
		RESTCONF_MISSING_ATTRIBUTE, "destination-ipv6-network");
	rule_of(b, V4 NOW, "{\"ipv4\":{\"destination-ipv4-network\":\"198.51.100.7/32\"}}");
	rule_of(b, V4 NOW, "{\"udp\":{\"length\":8}}");
	rule_of(b, NOW, "{}");
	rule_of(b, V4, "{\"ipv4\":{\"source-ipv4-network\":\"192.0.2.0/24\"}}");
	rule_of(b, V4 ",\"activation-type\":\"deactivate\"", "{\"ipv4\":{\"ttl\":1}}");
}

/* 8783-7.2-10, 8783-4.2-14, 8783-7.2-18: a value that the field cannot have, octets that nobody
 * says how to compare */
static void
what_cannot_be_filtered_is_refused(void **state)
{
	static const char *const rows[][3] = {
		{"{\"ipv4\":{\"ihl\":16}}", "value", V4},
		{"{\"ipv4\":{\"offset\":8192}}", "value", V4},
		{"{\"tcp\":{\"reserved\":16}}", "value", ""},
		{"{\"tcp\":{\"options\":\"AQE=\"}}", "options", ""},
		{"{\"icmp\":{\"rest-of-header\":\"AAAA\"}}", "rest-of-header", ""},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_refused(b, rows[i][2], rows[i][0], DROP, RESTCONF_INVALID_VALUE, rows[i][1]);
	rule_of(b, V4, "{\"ipv4\":{\"ihl\":15,\"offset\":8191}}");
}

/* 8783-4.2-16, 8783-4.2-17: in one ACE, or in two */
static void
two_ways_to_say_the_same_exclude_each_other(void **state)
{
	static const char *const pairs[][3] = {
		{"{\"ipv4\":{\"fragment\":{\"type\":\"isf\"}}}", "{\"ipv4\":{\"flags\":\"more\"}}",
			"fragment and the flags of ipv4"},
		{"{\"tcp\":{\"flags-bitmask\":{\"bitmask\":2}}}", "{\"tcp\":{\"flags\":\"syn\"}}",
			"flags-bitmask and the flags of tcp"},
		{"{\"ipv4\":{\"fragment\":{\"type\":\"isf\"},\"flags\":\"more\"}}", "{}",
			"fragment and the flags of ipv4"},
		{"{\"tcp\":{\"flags-bitmask\":{\"bitmask\":2},\"flags\":\"syn\"}}", "{}",
			"flags-bitmask and the flags of tcp"},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *text = mem_printf("{\"name\":\"x\",\"aces\":{\"ace\":["
					"{\"name\":\"a\",\"matches\":%s,\"actions\":" DROP "},"
					"{\"name\":\"b\",\"matches\":%s,\"actions\":" DROP "}]}}",
			pairs[i][0], pairs[i][1]);

		assert_false(reads(b, text));
		assert_int_equal(b->err.tag, RESTCONF_INVALID_VALUE);
		assert_non_null(strstr(b->err.why, pairs[i][2]));
		assert_non_null(strstr(b->err.why, "RFC 8783 4.2"));
		free(text);
	}
	rule_of(b, V4,
		"{\"ipv4\":{\"flags\":\"more\"},\"tcp\":{\"flags-bitmask\":{\"bitmask\":2}}}");
}

/* The second ACE is named. */
static void
a_refusal_names_ace_and_leaf(void **state)
{
	struct bench *b = *state;

	assert_false(reads(b, "{\"name\":\"x\",\"aces\":{\"ace\":["
			      "{\"name\":\"first\",\"actions\":" DROP "},"
			      "{\"name\":\"second\",\"matches\":{\"tcp\":{\"options\":\"AQE=\"}},"
			      "\"actions\":" DROP "}]}}"));
	assert_string_equal(
		b->err.why, "RFC 8783 7.2: ace 'second': options: is not supported here (7.1)");
}

/* ---- capabilities ---- */

/* 8783-7.1-03, 8783-4.3-31, 8783-4.1-09, and 8783-4.2-09 to -13: figure 23, and what is not there.
 */
static void
capabilities_say_what_is_read(void **state)
{
	static const char *const yes[] = {"ipv4/length", "ipv4/protocol", "ipv4/destination-prefix",
		"ipv4/source-prefix", "ipv4/fragment", "ipv4/ttl", "ipv6/length", "ipv6/protocol",
		"ipv6/destination-prefix", "ipv6/source-prefix", "ipv6/fragment", "ipv6/hoplimit",
		"ipv6/flow-label", "tcp/flags-bitmask", "tcp/source-port", "tcp/destination-port",
		"tcp/port-range", "udp/length", "udp/source-port", "udp/destination-port",
		"udp/port-range", "icmp/type", "icmp/code"};
	static const char *const no[] = {"tcp/options", "icmp/rest-of-header"};
	json_t *c = acl_capabilities(), *want;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]) + sizeof(no) / sizeof(no[0]); i++) {
		bool ok = i < sizeof(yes) / sizeof(yes[0]);
		const char *path = ok ? yes[i] : no[i - sizeof(yes) / sizeof(yes[0])];
		char header[8];

		assert_int_equal(sscanf(path, "%7[a-z46]", header), 1);
		if (!json_equal(json_object_get(json_object_get(c, header), strchr(path, '/') + 1),
			    json_boolean(ok)))
			fail_msg("%s", path);
	}
	assert_int_equal(json_object_size(json_object_get(c, "ipv4")), 12);
	assert_int_equal(json_object_size(json_object_get(c, "ipv6")), 9);
	assert_int_equal(json_object_size(json_object_get(c, "tcp")), 12);
	want = json_pack("{s:[s,s],s:[s,s],s:b,s:[i,i,i,i]}", "address-family", "ipv4", "ipv6",
		"forwarding-actions", IETF "drop", IETF "accept", "rate-limit", 1,
		"transport-protocols", 1, 6, 17, 58);
	assert_int_equal(json_object_update_missing(want, c), 0);
	assert_true(json_equal(want, c));
	text = json_dumps(c, 0);
	assert_null(strstr(text, "reject"));
	free(text);
	json_decref(want);
	json_decref(c);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(what_figure_24_asks_for),
		CASE(what_figure_25_asks_for),
		CASE(what_figures_34_and_35_ask_for),
		CASE(what_figures_36_to_38_ask_for),
		CASE(every_leaf_is_read_into_its_field),
		CASE(ports_are_ranges_or_operators),
		CASE(the_type_tells_the_family_of_what_names_none),
		CASE(what_names_nothing_matches_everything),
		CASE(actions_are_accept_or_drop_and_rates_are_bounded),
		CASE(a_rate_of_nothing_is_a_drop),
		CASE(destinations_belong_to_the_client),
		CASE(what_is_immediate_names_its_destination),
		CASE(what_cannot_be_filtered_is_refused),
		CASE(two_ways_to_say_the_same_exclude_each_other),
		CASE(a_refusal_names_ace_and_leaf),
		CASE(capabilities_say_what_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
