/* What an ACL needs that a server says it cannot do (RFC 8783 7.1). */
#include "core/acl.h"

#include "fixture.h"

/* NULL: it can do all of it. */
static const char *
missing(const char *matches, const char *actions, const char *capabilities)
{
	static char why[200];
	char text[600];
	json_t *acl, *can = json_loads(capabilities, 0, NULL);
	bool within;

	snprintf(text, sizeof(text),
		"{\"name\":\"f\",\"aces\":{\"ace\":[{\"name\":\"first\"},{\"name\":\"r\","
		"\"matches\":{%s},\"actions\":{%s}}]}}",
		matches, actions);
	acl = json_loads(text, 0, NULL);
	assert_non_null(acl);
	assert_non_null(can);
	within = acl_within(acl, can, why, sizeof(why));
	json_decref(acl);
	json_decref(can);
	return within ? NULL : why;
}

#define DROP   "\"forwarding\":\"ietf-access-control-list:drop\""
#define ACCEPT "\"forwarding\":\"ietf-access-control-list:accept\""
#define SAYS   "the server says that it cannot do this"

static void
what_is_denied_is_named(void **state)
{
	static const struct {
		const char *matches, *actions, *capabilities, *why;
	} rows[] = {
		{"\"ipv4\":{\"dscp\":1}", DROP, "{\"ipv4\":{\"dscp\":false}}", "ipv4.dscp"},
		{"\"ipv4\":{\"ttl\":1}", DROP, "{\"ipv4\":{\"ttl\":false}}", "ipv4.ttl"},
		{"\"ipv6\":{\"ttl\":1}", DROP, "{\"ipv6\":{\"hoplimit\":false}}", "ipv6.ttl"},
		{"\"ipv4\":{\"source-ipv4-network\":\"192.0.2.0/24\"}", DROP,
			"{\"ipv4\":{\"source-prefix\":false}}", "ipv4.source-ipv4-network"},
		{"\"ipv6\":{\"destination-ipv6-network\":\"2001:db8::/32\"}", DROP,
			"{\"ipv6\":{\"destination-prefix\":false}}",
			"ipv6.destination-ipv6-network"},
		{"\"tcp\":{\"flags\":\"syn\"}", DROP, "{\"tcp\":{\"flags\":false}}", "tcp.flags"},
		{"\"udp\":{\"source-port-range-or-operator\":{\"port\":53}}", DROP,
			"{\"udp\":{\"source-port\":false}}", "udp.source-port-range-or-operator"},
		{"\"udp\":{\"destination-port-range-or-operator\":{\"lower-port\":1,\"upper-port\":"
		 "9}}",
			DROP, "{\"udp\":{\"port-range\":false}}",
			"udp.destination-port-range-or-operator"},
		{"\"icmp\":{\"type\":8}", DROP, "{\"icmp\":{\"type\":false}}", "icmp.type"},
		{"\"ipv6\":{}", DROP, "{\"address-family\":[\"ipv4\"]}", "ipv6"},
		{"\"udp\":{}", DROP, "{\"transport-protocols\":[1,6]}", "udp"},
		{"\"ipv4\":{},\"icmp\":{}", DROP, "{\"transport-protocols\":[58]}", "icmp"},
		{"\"ipv6\":{},\"icmp\":{}", DROP, "{\"transport-protocols\":[1]}", "icmp"},
		{"", DROP, "{\"forwarding-actions\":[\"ietf-access-control-list:accept\"]}",
			"actions.forwarding"},
		{"", ACCEPT ",\"rate-limit\":\"1.00\"", "{\"rate-limit\":false}",
			"actions.rate-limit"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = missing(rows[i].matches, rows[i].actions, rows[i].capabilities);
		char want[200];

		snprintf(want, sizeof(want), "ace r: %s: " SAYS, rows[i].why);
		assert_non_null(why);
		assert_string_equal(why, want);
		assert_null(missing(rows[i].matches, rows[i].actions, "{}"));
	}
}

static void
what_is_not_denied_can_be_done(void **state)
{
	static const struct {
		const char *matches, *actions, *capabilities;
	} rows[] = {
		/* A single port is no range; what others cannot do does not matter. */
		{"\"udp\":{\"source-port-range-or-operator\":{\"port\":53}}", DROP,
			"{\"udp\":{\"port-range\":false},\"tcp\":{\"source-port\":false}}"},
		{"\"ipv4\":{\"dscp\":1}", DROP, "{\"ipv4\":{\"ecn\":false},\"rate-limit\":false}"},
		{"\"ipv4\":{\"dscp\":1}", DROP, "{\"ipv4\":{}}"},
		{"\"ipv4\":{}", DROP, "{\"address-family\":[\"ipv6\",\"ipv4\"]}"},
		{"\"ipv6\":{},\"icmp\":{}", DROP, "{\"transport-protocols\":[58]}"},
		{"\"tcp\":{}", DROP, "{\"transport-protocols\":[],\"forwarding-actions\":[]}"},
		{"", DROP, "{\"forwarding-actions\":[\"ietf-access-control-list:drop\"]}"},
		{"", ACCEPT ",\"rate-limit\":\"1.00\"", "{\"rate-limit\":true}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_null(missing(rows[i].matches, rows[i].actions, rows[i].capabilities));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_denied_is_named),
		cmocka_unit_test(what_is_not_denied_can_be_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
