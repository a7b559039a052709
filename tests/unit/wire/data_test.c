/*
 * The modules of the data channel: which values their leafs may have, what they look like then, and
 * the rules between them (RFC 8783 4.3, RFC 8519, RFC 8040 9, RFC 7895).
 */
#include "instance.h"

/* Checks an instance whose "%s" is a value. */
static bool
check_in(const struct yang_node *n, const char *frame, const char *value)
{
	const char *place = strstr(frame, "%s");
	char text[1024];
	json_t *j;
	bool fine;

	snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - frame), frame, value, place + 2);
	j = from(text);
	fine = yang_check(n, j, &err);
	to(j);
	json_decref(j);
	return fine;
}

/* {frame, good values, bad ones}; each ends with NULL. */
struct range {
	const struct yang_node *const *n;
	const char *frame;
	const char *good[6], *bad[8];
};

#define MATCHES(type, matches)                                                                     \
	"{'name':'x'" type ",'aces':{'ace':[{'name':'r','matches':{" matches                       \
	"},'actions':{'forwarding':'drop'}}]}}"
#define IPV4(leaf)  MATCHES(",'type':'ipv4-acl-type'", "'ipv4':{'" leaf "':%s}")
#define IPV6(leaf)  MATCHES(",'type':'ipv6-acl-type'", "'ipv6':{'" leaf "':%s}")
#define TCP(leaf)   MATCHES("", "'tcp':{'" leaf "':%s}")
#define UDP(leaf)   MATCHES("", "'udp':{'" leaf "':%s}")
#define ICMP(leaf)  MATCHES("", "'icmp':{'" leaf "':%s}")
#define ALIAS(leaf) "{'name':'n','target-uri':['a:b'],'" leaf "':[%s]}"
#define UINT8                                                                                      \
	{"0", "255"},                                                                              \
	{                                                                                          \
		"-1", "256", "'1'", "1.0", "null", "true"                                          \
	}
#define UINT16                                                                                     \
	{"0", "65535"},                                                                            \
	{                                                                                          \
		"-1", "65536", "'1'", "[1]"                                                        \
	}
#define UINT32                                                                                     \
	{"0", "4294967295"},                                                                       \
	{                                                                                          \
		"-1", "4294967296", "'1'"                                                          \
	}

static const struct range ranges[] = {
	{&data_alias, ALIAS("target-protocol"), UINT8},
	{&data_alias, ALIAS("target-prefix"),
		{"'0.0.0.0/0'", "'192.0.2.1/32'", "'::/0'", "'2001:db8::1/128'"},
		{"'192.0.2.0/33'", "'::/129'", "'192.0.2.1'", "'192.0.2/24'", "'192.0.2.0/'", "'x'",
			"1", "''"}},
	{&data_alias, ALIAS("target-fqdn"), {"'a'", "'a_b.C.example.'", "'.'"},
		{"''", "'a..b'", "'-a.b'", "'a b'", "1", "'\\u00e4.example'"}},
	{&data_alias, ALIAS("target-uri"),
		{"'https://h'", "'a+b-c.1:x'", "'coap://[2001:db8::1]/%20?q#f'"},
		{"''", "'x'", "':x'", "'1a:x'", "'a:'", "'a:b c'", "'a:%2'", "'a:\\u00e4'"}},
	{&data_alias, "{'name':'n','target-uri':['a:b'],'target-port-range':[{'lower-port':%s}]}",
		UINT16},
	{&data_alias, "{'name':%s,'target-uri':['a:b']}", {"''", "'a\\u00e4\\n\\t'"},
		{"1", "'\\u0001'", "'\\u007f\\u0008'", "'\\uffff'", "'\\ufdd0'"}},
	{&data_acl, "{'name':%s}",
		{"'x'", "'1234567890123456789012345678901234567890123456789012345678901234'",
			"'\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4"
			"\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4"
			"\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4"
			"\\u00e4\\u00e4\\u00e4\\ud83d\\ude00'"},
		{"''", "'12345678901234567890123456789012345678901234567890123456789012345'"}},
	{&data_acl, "{'name':'x','type':%s}",
		{"'ipv4-acl-type'", "'ietf-access-control-list:ipv6-acl-type'", "'eth-acl-type'",
			"'mixed-eth-ipv4-acl-type'", "'mixed-eth-ipv6-acl-type'",
			"'mixed-eth-ipv4-ipv6-acl-type'"},
		{"'acl-base'", "'vendor:ipv4-acl-type'", "':ipv4-acl-type'", "''", "1",
			"'ietf-access-control-list:'"}},
	{&data_acl, "{'name':'x','activation-type':%s}",
		{"'activate-when-mitigating'", "'immediate'", "'deactivate'"},
		{"'Immediate'", "''", "2"}},
	{&data_acl, "{'name':'x','aces':{'ace':[{'name':%s,'actions':{'forwarding':'drop'}}]}}",
		{"'r'"},
		{"''", "'12345678901234567890123456789012345678901234567890123456789012345'"}},
	{&data_acl, "{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':%s}}]}}",
		{"'drop'", "'accept'", "'ietf-access-control-list:accept'"},
		{"'reject'", "'ietf-access-control-list:reject'", "'vendor:drop'", "1"}},
	{&data_acl,
		"{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':'accept',"
		"'rate-limit':%s}}]}}",
		{"'0'", "'20.00'", "'1.5'", "'92233720368547758.07'"},
		{"'92233720368547758.08'", "'-1'", "'1.234'", "20.5", "20", "'1.'", "'.5'",
			"'1e3'"}},
	{&data_acl, IPV4("dscp"), {"0", "63"}, {"64", "-1"}},
	{&data_acl, IPV4("ecn"), {"0", "3"}, {"4"}},
	{&data_acl, IPV4("length"), UINT16},
	{&data_acl, IPV4("ttl"), UINT8},
	{&data_acl, IPV4("protocol"), UINT8},
	{&data_acl, IPV4("ihl"), {"5", "60"}, {"4", "61"}},
	{&data_acl, IPV4("flags"), {"''", "'reserved'", "'more fragment'"},
		{"'x'", "'more more'", "'more,fragment'", "1"}},
	{&data_acl, IPV4("offset"), {"20", "65535"}, {"19", "65536"}},
	{&data_acl, IPV4("identification"), UINT16},
	{&data_acl, IPV4("destination-ipv4-network"), {"'192.0.2.0/24'"},
		{"'2001:db8::/32'", "'192.0.2.0/33'"}},
	{&data_acl, IPV4("source-ipv4-network"), {"'192.0.2.0/24'"}, {"'2001:db8::/32'"}},
	{&data_acl, IPV4("fragment"), {"{'type':'df isf ff lf'}", "{'type':'df','operator':'not'}"},
		{"{'type':'x'}", "{}", "{'operator':'not'}", "{'type':'df','operator':'all'}"}},
	{&data_acl, IPV6("dscp"), {"0", "63"}, {"64"}},
	{&data_acl, IPV6("ecn"), {"3"}, {"4"}},
	{&data_acl, IPV6("length"), UINT16},
	{&data_acl, IPV6("ttl"), UINT8},
	{&data_acl, IPV6("protocol"), UINT8},
	{&data_acl, IPV6("flow-label"), {"0", "1048575"}, {"1048576"}},
	{&data_acl, IPV6("destination-ipv6-network"), {"'2001:db8::/32'"}, {"'192.0.2.0/24'"}},
	{&data_acl, IPV6("source-ipv6-network"), {"'2001:db8::/32'"}, {"'192.0.2.0/24'"}},
	{&data_acl, IPV6("fragment"), {"{'type':'isf ff lf'}"},
		{"{'type':'df'}", "{'type':'isf df'}"}},
	{&data_acl, TCP("sequence-number"), UINT32},
	{&data_acl, TCP("acknowledgement-number"), UINT32},
	{&data_acl, TCP("data-offset"), {"5", "15"}, {"4", "16"}},
	{&data_acl, TCP("reserved"), UINT8},
	{&data_acl, TCP("flags"), {"'cwr ece urg ack psh rst syn fin'"}, {"'ns'"}},
	{&data_acl, TCP("window-size"), UINT16},
	{&data_acl, TCP("urgent-pointer"), UINT16},
	{&data_acl, TCP("options"),
		{"'AA=='", "'AgQFtAQCCAoAAAAAAAAAAAEDAwcBAQEBAQEBAQEBAQEBAQEBAQEBAQ=='"},
		{"''", "'AA'", "'A==='", "'AB=='", "'A A='", "'AAB='", "1"}},
	{&data_acl, TCP("flags-bitmask"),
		{"{'bitmask':65535}", "{'bitmask':0,'operator':'not any'}"},
		{"{'bitmask':65536}", "{}", "{'bitmask':1,'operator':'none'}"}},
	{&data_acl, UDP("length"), UINT16},
	{&data_acl, ICMP("type"), UINT8},
	{&data_acl, ICMP("code"), UINT8},
	{&data_acl, ICMP("rest-of-header"), {"''", "'AAAA'"}, {"'A'", "'A==='", "'===='"}},
};

/* 8783-4.3-02, 8783-4.3-06, 8783-4.3-15, 8783-4.3-18, 8783-4.3-19, 8783-4.1-09, 8783-4.2-07 to -13,
 * 8783-6.1-07, 8783-6.1-14, 8783-6.1-16, 8783-7.2-14 */
static void
values_have_their_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct range *r = &ranges[i];

		for (size_t k = 0; k < 6 && r->good[k]; k++)
			if (!check_in(*r->n, r->frame, r->good[k]))
				fail_msg("%s is refused: %s %s", r->good[k], err.path, err.why);
		for (size_t k = 0; k < 8 && r->bad[k]; k++)
			if (check_in(*r->n, r->frame, r->bad[k]) || err.status != 400)
				fail_msg("%s is taken in %s", r->bad[k], r->frame);
	}
}

/* 8783-4.2-05: both port containers, of TCP and UDP. */
static void
ports_are_a_range_or_an_operator(void **state)
{
	static const char *const where[] = {TCP("source-port-range-or-operator"),
		TCP("destination-port-range-or-operator"), UDP("source-port-range-or-operator"),
		UDP("destination-port-range-or-operator")};
	static const char *const good[] = {"{'lower-port':0,'upper-port':65535}",
		"{'lower-port':7,'upper-port':7}", "{'port':1}", "{'operator':'lte','port':65535}",
		"{'operator':'gte','port':0}", "{'operator':'eq','port':1}",
		"{'operator':'neq','port':1}"};
	static const char *const bad[] = {"{'lower-port':8,'upper-port':7}", "{'lower-port':7}",
		"{'upper-port':7}", "{'operator':'eq'}", "{'operator':'lt','port':1}",
		"{'port':65536}", "{'lower-port':-1,'upper-port':7}",
		"{'lower-port':1,'upper-port':65536}", "{'lower-port':1,'upper-port':2,'port':3}",
		"{'lower-port':1,'upper-port':2,'operator':'eq'}"};

	(void)state;
	for (size_t w = 0; w < 4; w++) {
		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
			assert_true(check_in(data_acl, where[w], good[i]));
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			if (check_in(data_acl, where[w], bad[i]))
				fail_msg("%s is taken", bad[i]);
	}
}

/* 8783-3.1-11, 8783-4.3-20, 8783-4.3-28 */
static void
values_are_made_canonical(void **state)
{
	static const struct {
		const char *frame, *value, *canonical;
	} rows[] = {
		{ALIAS("target-prefix"), "'192.0.2.77/24'", "'192.0.2.0/24'"},
		{ALIAS("target-prefix"), "'2001:DB8:0::0:1/127'", "'2001:db8::/127'"},
		{ALIAS("target-fqdn"), "'WWW.Example.COM'", "'www.example.com'"},
		{"{'name':'x','type':%s}", "'ipv4-acl-type'",
			"'ietf-access-control-list:ipv4-acl-type'"},
		{IPV4("flags"), "'  more\\treserved '", "'reserved more'"},
		{TCP("flags"), "'fin cwr'", "'cwr fin'"},
		{TCP("flags-bitmask"), "{'bitmask':1,'operator':'any not'}",
			"{'operator':'not any','bitmask':1}"},
		{"{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':'accept',"
		 "'rate-limit':%s}}]}}",
			"'+007.5'", "'7.50'"},
		{"{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':'accept',"
		 "'rate-limit':%s}}]}}",
			"'00'", "'0.00'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct yang_node *n = strstr(rows[i].frame, "target") ? data_alias : data_acl;

		assert_true(check_in(n, rows[i].frame, rows[i].value));
		if (!strstr(shown, rows[i].canonical))
			fail_msg("%s is not in %s", rows[i].canonical, shown);
	}
}

static void
expect(const struct yang_node *n, const char *text, enum restconf_tag tag, const char *where,
	const char *why)
{
	assert_false(check_in(n, "%s", text));
	assert_true(err.status == 400 && err.tag == tag);
	assert_string_equal(err.path, where);
	assert_string_equal(err.why, why);
}

/* 8783-6.1-12, 8783-6.1-21 */
static void
an_alias_has_a_target(void **state)
{
	(void)state;
	assert_true(check_in(data_alias, "%s", "{'name':'n','target-prefix':['192.0.2.0/24']}"));
	assert_true(check_in(data_alias, "%s", "{'name':'n','target-fqdn':['a.example']}"));
	assert_true(check_in(data_alias, "%s", "{'name':'n','target-uri':['a:b']}"));
	expect(data_alias, "{'name':'n','target-protocol':[6]}", RESTCONF_MISSING_ATTRIBUTE, "",
		"RFC 8783 6.1: target-prefix: an alias has none, nor target-fqdn or target-uri");
	assert_false(check_in(data_alias, "%s", "{'name':'n','target-prefix':[]}"));
}

/* 8783-4.3-14 */
static void
an_upper_port_is_not_below_the_lower_one(void **state)
{
	(void)state;
	assert_true(check_in(data_alias, ALIAS("target-port-range"),
		"{'lower-port':443,'upper-port':443},{'lower-port':80}"));
	expect(data_alias,
		"{'name':'n','target-uri':['a:b'],'target-port-range':"
		"[{'lower-port':80,'upper-port':79}]}",
		RESTCONF_INVALID_VALUE, "/target-port-range[lower-port='80']",
		"RFC 8783 4.3: upper-port: 79 is less than lower-port 80");
}

/* 8783-4.3-08, 8783-4.3-13 */
static void
operators_and_fragments_have_their_rules(void **state)
{
	static const char ace[] = "/aces/ace[name='r']/matches";
	char where[128];

	(void)state;
	snprintf(where, sizeof(where), "%s/tcp/flags-bitmask", ace);
	expect(data_acl,
		MATCHES("", "'tcp':{'flags-bitmask':{'operator':'any match','bitmask':2}}"),
		RESTCONF_INVALID_VALUE, where,
		"RFC 8783 4.3: operator: match and any exclude each other");
	snprintf(where, sizeof(where), "%s/ipv4/fragment", ace);
	expect(data_acl,
		MATCHES("", "'ipv4':{'fragment':{'operator':'any match not','type':'df'}}"),
		RESTCONF_INVALID_VALUE, where,
		"RFC 8783 4.3: operator: match and any exclude each other");
	snprintf(where, sizeof(where), "%s/ipv6/fragment", ace);
	expect(data_acl, MATCHES("", "'ipv6':{'fragment':{'operator':'any match','type':'ff'}}"),
		RESTCONF_INVALID_VALUE, where,
		"RFC 8783 4.3: operator: match and any exclude each other");
	expect(data_acl, MATCHES("", "'ipv6':{'fragment':{'type':'isf df'}}"),
		RESTCONF_INVALID_VALUE, where, "RFC 8783 4.3: type: there is no df in IPv6");
}

/* 8783-4.3-28 */
static void
only_what_is_accepted_has_a_rate(void **state)
{
	(void)state;
	expect(data_acl,
		"{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':'drop',"
		"'rate-limit':'1.00'}}]}}",
		RESTCONF_INVALID_VALUE, "/aces/ace[name='r']/actions",
		"RFC 8783 4.3: rate-limit: is only for what is accepted");
}

/* 8783-4.3-23, 8783-7.2-03 */
static void
matches_are_of_the_family_of_the_type(void **state)
{
	static const struct {
		const char *type;
		bool ipv4, ipv6;
	} rows[] = {
		{"ipv4-acl-type", true, false},
		{"ipv6-acl-type", false, true},
		{"eth-acl-type", false, false},
		{"mixed-eth-ipv4-acl-type", true, false},
		{"mixed-eth-ipv6-acl-type", false, true},
		{"mixed-eth-ipv4-ipv6-acl-type", true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(check_in(data_acl, MATCHES(",'type':'%s'", "'ipv4':{'ttl':1}"),
					 rows[i].type),
			rows[i].ipv4);
		assert_int_equal(check_in(data_acl, MATCHES(",'type':'%s'", "'ipv6':{'ttl':1}"),
					 rows[i].type),
			rows[i].ipv6);
		assert_true(check_in(
			data_acl, MATCHES(",'type':'%s'", "'udp':{'length':9}"), rows[i].type));
	}
	/* Without a type each entry says its own. */
	assert_true(check_in(data_acl, "%s",
		"{'name':'x','aces':{'ace':["
		"{'name':'a','matches':{'ipv4':{'ttl':1}},'actions':{'forwarding':'drop'}},"
		"{'name':'b','matches':{'ipv6':{'ttl':1}},'actions':{'forwarding':'drop'}}]}}"));
	expect(data_acl, MATCHES(",'type':'ipv4-acl-type'", "'ipv6':{'ttl':1}"),
		RESTCONF_INVALID_VALUE, "",
		"RFC 8783 4.3: matches.ipv6: ace r, but the ACL is of type ipv4-acl-type");
}

/* 8783-2-01, 8783-4.2-01, 8783-4.2-05 */
static void
what_other_acls_have_is_not_there(void **state)
{
	static const char *const bad[] = {MATCHES("", "'eth':{}"),
		MATCHES("", "'ingress-interface':'x'"),
		MATCHES("", "'tcp':{'source-port':{'port':1}}"),
		("{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':'drop',"
		 "'logging':'log-none'}}]}}")};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(check_in(data_acl, "%s", bad[i]));
		assert_int_equal(err.tag, RESTCONF_UNKNOWN_ELEMENT);
	}
	assert_null(yang_child(data_client, NULL, "attachment-points"));
}

/* 8783-4.3-31, 8783-7.1-03 */
static void
capabilities_are_lists_and_booleans(void **state)
{
	(void)state;
	assert_true(check_in(data_capabilities, "%s",
		"{'address-family':['ipv4','ipv6'],'forwarding-actions':['drop','accept'],"
		"'rate-limit':true,'transport-protocols':[1,6,17,58],"
		"'ipv4':{'length':true,'protocol':true,'destination-prefix':true,"
		"'source-prefix':true,'fragment':true},'ipv6':{'hoplimit':false},"
		"'tcp':{'flags-bitmask':true,'port-range':true},'udp':{'length':true},"
		"'icmp':{'type':true,'code':true,'rest-of-header':false}}"));
	assert_false(check_in(data_capabilities, "%s", "{'rate-limit':'true'}"));
	assert_false(check_in(data_capabilities, "%s", "{'rate-limit':1}"));
	assert_false(check_in(data_capabilities, "%s", "{'address-family':['ipv5']}"));
	/* 8783-4.3-29 */
	assert_true(check_in(yang_child(yang_child(yang_child(data_acl, NULL, "aces"), NULL, "ace"),
				     NULL, "statistics"),
		"%s", "{'matched-packets':'18446744073709551615','matched-octets':'0'}"));
	assert_false(
		check_in(yang_child(yang_child(yang_child(data_acl, NULL, "aces"), NULL, "ace"),
				 NULL, "statistics"),
			"%s", "{'matched-packets':'18446744073709551616'}"));
	assert_false(
		check_in(yang_child(yang_child(yang_child(data_acl, NULL, "aces"), NULL, "ace"),
				 NULL, "statistics"),
			"%s", "{'matched-packets':1}"));
	assert_false(
		check_in(yang_child(yang_child(yang_child(data_acl, NULL, "aces"), NULL, "ace"),
				 NULL, "statistics"),
			"%s", "{'matched-packets':'-1'}"));
}

/* 8783-4.3-16, 8783-5.1-12 */
static void
names_of_aliases_and_clients_are_of_any_length(void **state)
{
	char name[301];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_true(check_in(data_alias, "{'name':'%s','target-uri':['a:b']}", name));
	assert_true(check_in(data_client, "{'cuid':'%s'}", name));
	/* Those of domains are not (RFC 6991). */
	for (size_t i = 1; i < 254; i += 2)
		name[i] = '.';
	name[254] = '\0';
	assert_false(check_in(data_alias, "{'name':'n','target-fqdn':['%s']}", name));
	name[252] = '\0';
	assert_true(check_in(data_alias, "{'name':'n','target-fqdn':['%s']}", name));
	assert_true(check_in(data_client, "%s", "{'cuid':'c','cdid':'d'}"));
	assert_false(check_in(data_client, "%s", "{'cdid':'d'}"));
	assert_int_equal(err.tag, RESTCONF_MISSING_ATTRIBUTE);
}

static unsigned long long
hash(unsigned long long h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h;
}

/* 8040-3-02, 8040-1.3-01, 8040-10-01, 8783-4.3-01, 8783-9-01 */
static void
the_library_lists_every_module(void **state)
{
	json_t *library = data_modules_state(), *again = data_modules_state(), *before;
	const struct yang_node *n = yang_child(&data_root, "ietf-yang-library", "modules-state");
	json_t *entry, *feature;
	size_t i, k, implemented = 0;
	unsigned long long id = 0xcbf29ce484222325;
	char text[20];

	(void)state;
	before = json_deep_copy(library);
	assert_true(yang_check(n, library, &err));
	assert_true(json_equal(library, before) && json_equal(library, again));
	json_array_foreach(json_object_get(library, "module"), i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		bool is = !strcmp(
			json_string_value(json_object_get(entry, "conformance-type")), "implement");

		implemented += is;
		if (!strcmp(name, DATA_MODULE)) {
			assert_true(is);
			assert_string_equal(json_string_value(json_object_get(entry, "revision")),
				"2020-05-28");
			assert_string_equal(json_string_value(json_object_get(entry, "namespace")),
				"urn:ietf:params:xml:ns:yang:ietf-dots-data-channel");
		}
		assert_true(strcmp(name, "ietf-access-control-list") != 0 || !is);
		id = hash(hash(id, name), json_string_value(json_object_get(entry, "revision")));
		json_array_foreach(json_object_get(entry, "feature"), k, feature)
			id = hash(id, json_string_value(feature));
	}
	snprintf(text, sizeof(text), "%016llx", id);
	assert_string_equal(json_string_value(json_object_get(library, "module-set-id")), text);
	assert_int_equal(i, 10);
	assert_int_equal(implemented, 3);
	json_decref(before);
	json_decref(again);
	json_decref(library);
}

/* 8040-4.8.2-03, 8040-9.1-01, 8040-9.1-02, 8040-9.1-03, 8040-9.1.1-01, 8040-9.1.2-01, 8040-9.1.2-02
 */
static void
capabilities_of_restconf_are_listed(void **state)
{
	json_t *j = data_restconf_state();

	(void)state;
	assert_true(yang_check(
		yang_child(&data_root, "ietf-restconf-monitoring", "restconf-state"), j, &err));
	assert_string_equal(to(j),
		"{'capabilities':{'capability':["
		"'urn:ietf:params:restconf:capability:defaults:1.0?basic-mode=explicit',"
		"'urn:ietf:params:restconf:capability:depth:1.0',"
		"'urn:ietf:params:restconf:capability:fields:1.0',"
		"'urn:ietf:params:restconf:capability:with-defaults:1.0']}}");
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_have_their_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_are_a_range_or_an_operator, setup, teardown),
		cmocka_unit_test_setup_teardown(values_are_made_canonical, setup, teardown),
		cmocka_unit_test_setup_teardown(an_alias_has_a_target, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_upper_port_is_not_below_the_lower_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			operators_and_fragments_have_their_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_is_accepted_has_a_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(
			matches_are_of_the_family_of_the_type, setup, teardown),
		cmocka_unit_test_setup_teardown(what_other_acls_have_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			capabilities_are_lists_and_booleans, setup, teardown),
		cmocka_unit_test_setup_teardown(
			names_of_aliases_and_clients_are_of_any_length, setup, teardown),
		cmocka_unit_test_setup_teardown(the_library_lists_every_module, setup, teardown),
		cmocka_unit_test_setup_teardown(
			capabilities_of_restconf_are_listed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
