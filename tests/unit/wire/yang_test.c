/*
 * The engine for data that YANG models, on the tables of the data channel: what is checked and made
 * normal, found, edited and shown.
 */
#include "instance.h"

/* ---- checking ---- */

/* What the instance becomes; NULL: it is refused. */
static const char *
check(const struct yang_node *n, const char *text)
{
	json_t *j = from(text);
	bool fine = yang_check(n, j, &err);

	to(j);
	json_decref(j);
	return fine ? shown : NULL;
}

static void
expect_refused(const struct yang_node *n, const char *text, enum restconf_tag tag,
	const char *place, const char *why)
{
	if (check(n, text))
		fail_msg("%s is taken as %s", text, shown);
	if (err.tag != tag || err.status != 400 || strcmp(err.path, place) != 0 ||
		!strstr(err.why, why))
		fail_msg("%s: %u %u %s %s", text, err.status, err.tag, err.path, err.why);
}

/* 8783-6.1-22, 8040-5.2-10, 8040-5.3-01 */
static void
members_are_told_apart_by_their_modules(void **state)
{
	(void)state;
	assert_string_equal(
		check(data_alias,
			"{'vendor:x':{'y':[1]},'ietf-dots-data-channel:target-uri':['a:b'],"
			"'@name':{'vendor:z':1},'@':{},'name':'n'}"),
		"{'name':'n','target-uri':['a:b']}");
	expect_refused(data_alias, "{'name':'n','target-uri':['a:b'],'colour':1}",
		RESTCONF_UNKNOWN_ELEMENT, "", "RFC 8783 6.1: alias: colour is no member");
	expect_refused(data_alias, "{'name':'n','ietf-dots-data-channel:colour':1}",
		RESTCONF_UNKNOWN_ELEMENT, "", "ietf-dots-data-channel:colour is no member");
	expect_refused(data_alias, "{'name':'n','ietf-dots-data-channel:name':'n'}",
		RESTCONF_MALFORMED_MESSAGE, "", "with and without its module");
	/* Top nodes need theirs. */
	expect_refused(&data_root, "{'dots-data':{}}", RESTCONF_UNKNOWN_ELEMENT, "",
		"dots-data is no member");
}

/* 8783-4.3-33 */
static void
state_cannot_be_set(void **state)
{
	(void)state;
	expect_refused(data_aliases,
		"{'alias':[{'name':'n','target-uri':['a:b'],'pending-lifetime':1}]}",
		RESTCONF_UNKNOWN_ELEMENT, "/alias[name='n']", "pending-lifetime is state");
	expect_refused(data_dots_data, "{'capabilities':{}}", RESTCONF_UNKNOWN_ELEMENT, "",
		"capabilities is state");
	assert_non_null(check(data_capabilities, "{'rate-limit':true}"));
}

static void
what_is_empty_is_not_there(void **state)
{
	(void)state;
	assert_string_equal(
		check(data_acl, "{'name':'x','aces':{'ace':[{'name':'r','matches':{'ipv4':{}},"
				"'actions':{'forwarding':'drop'}}]}}"),
		"{'name':'x','aces':{'ace':[{'name':'r','actions':{'forwarding':"
		"'ietf-access-control-list:drop'}}]}}");
	assert_string_equal(check(data_acl, "{'name':'x','aces':{'ace':[]}}"), "{'name':'x'}");
}

/* 8783-4.3-21, 8783-4.3-24, 8783-4.3-25 */
static void
what_is_mandatory_is_so_where_its_parent_or_case_stands(void **state)
{
#define ACE(matches)                                                                               \
	"{'name':'x','aces':{'ace':[{'name':'r','matches':{" matches                               \
	"},'actions':{'forwarding':'drop'}}]}}"
	(void)state;
	expect_refused(data_acl, "{'aces':{}}", RESTCONF_MISSING_ATTRIBUTE, "",
		"RFC 7950 7.8.2: acl: name is missing");
	expect_refused(data_acl, "{'name':'x','aces':{'ace':[{'name':'r'}]}}",
		RESTCONF_MISSING_ATTRIBUTE, "/aces/ace[name='r']",
		"RFC 7950 7.6.5: aces.ace[0]: actions is missing");
	expect_refused(data_acl, ACE("'ipv4':{'fragment':{}}"), RESTCONF_MISSING_ATTRIBUTE,
		"/aces/ace[name='r']/matches/ipv4/fragment", "type is missing");
	expect_refused(data_acl, ACE("'udp':{'source-port-range-or-operator':{'operator':'eq'}}"),
		RESTCONF_MISSING_ATTRIBUTE,
		"/aces/ace[name='r']/matches/udp/source-port-range-or-operator", "port is missing");
	expect_refused(data_acl, ACE("'udp':{'source-port-range-or-operator':{'upper-port':1}}"),
		RESTCONF_MISSING_ATTRIBUTE,
		"/aces/ace[name='r']/matches/udp/source-port-range-or-operator",
		"lower-port is missing");
	assert_non_null(check(data_acl, ACE("'udp':{'source-port-range-or-operator':{}}")));
	expect_refused(data_acl,
		ACE("'udp':{'source-port-range-or-operator':{'lower-port':1,'upper-port':2,'port':"
		    "1}}"),
		RESTCONF_INVALID_VALUE,
		"/aces/ace[name='r']/matches/udp/source-port-range-or-operator",
		"RFC 7950 7.9: aces.ace[0].matches.udp.source-port-range-or-operator: upper-port "
		"and port exclude each other");
	expect_refused(data_acl, ACE("'ipv4':{'ttl':1},'ipv6':{'ttl':1}"), RESTCONF_INVALID_VALUE,
		"/aces/ace[name='r']/matches", "ipv4 and ipv6 exclude each other");
}

/* 8783-4.3-15, 8783-4.3-18 */
static void
entries_and_values_are_there_once(void **state)
{
	(void)state;
	expect_refused(data_alias, "{'name':'n','target-protocol':[6,17,6],'target-uri':['a:b']}",
		RESTCONF_INVALID_VALUE, "/target-protocol[.='6']",
		"RFC 7950 7.7: target-protocol[2]: is there twice");
	/* Canonical values are compared. */
	expect_refused(data_alias, "{'name':'n','target-prefix':['192.0.2.1/24','192.0.2.0/24']}",
		RESTCONF_INVALID_VALUE, "/target-prefix[.='192.0.2.0/24']", "is there twice");
	expect_refused(data_alias,
		"{'name':'n','target-port-range':[{'lower-port':1},{'lower-port':1,'upper-port':2}]"
		"}",
		RESTCONF_INVALID_VALUE, "/target-port-range[lower-port='1']",
		"RFC 7950 7.8.2: target-port-range[1]: is there twice");
}

/* 8040-5.2-11 */
static void
wrong_shapes_are_refused(void **state)
{
	static const char *const texts[] = {"{'name':1}", "{'name':['n']}", "{'name':null}",
		"{'name':'n','target-prefix':'192.0.2.0/24'}", "{'name':'n','target-prefix':{}}",
		"{'name':'n','target-port-range':{}}", "{'name':'n','target-port-range':[1]}",
		"{'name':'n','target-port-range':[[]]}", "{'name':'n','target-protocol':['6']}",
		"{'name':'n','target-protocol':[6.0]}", "{'name':'n','target-protocol':[[6]]}",
		"{'name':'n','target-fqdn':[{}]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (check(data_alias, texts[i]) || err.status != 400 ||
			err.tag != RESTCONF_INVALID_VALUE)
			fail_msg("%s: %s", texts[i], shown);
	assert_null(check(data_acls, "[]"));
	assert_null(check(data_acls, "{'acl':{'name':'x'}}"));
	/* A list by itself may be looked at as a whole, or one of it. */
	assert_null(check(data_acl, "[{'name':'x'},{'name':'x'}]"));
	assert_string_equal(err.path, "[name='x']");
	assert_null(check(data_acl, "1"));
}

/* 8040-12-05 */
static void
how_many_there_may_be_is_bounded(void **state)
{
	json_t *alias = from("{'name':'n'}"), *many = json_array(), *list = json_array();

	(void)state;
	for (int i = 0; i < 256; i++)
		json_array_append_new(many, json_sprintf("h%d.example", i));
	json_object_set(alias, "target-fqdn", many);
	assert_true(yang_check(data_alias, alias, &err));
	json_array_append_new(many, json_string("one.more.example"));
	assert_false(yang_check(data_alias, alias, &err));
	assert_true(err.status == 413 && err.tag == RESTCONF_TOO_BIG);
	assert_string_equal(err.why, "RFC 8040 12: target-fqdn: more than 256 entries");
	for (int i = 0; i < 4096; i++)
		json_array_append_new(list, json_pack("{s:o}", "name", json_sprintf("%d", i)));
	assert_true(yang_check(data_acl, list, &err));
	json_array_append_new(list, json_pack("{s:s}", "name", "x"));
	assert_false(yang_check(data_acl, list, &err));
	assert_int_equal(err.status, 413);
	json_decref(list);
	json_decref(many);
	json_decref(alias);
}

/* 8040-8-03: there are no escapes in a predicate. */
static void
paths_name_what_can_be_named(void **state)
{
	(void)state;
	expect_refused(data_aliases, "{'alias':[{'name':'n','target-protocol':[256]}]}",
		RESTCONF_INVALID_VALUE, "/alias[name='n']/target-protocol[.='256']",
		"RFC 7950 9.2: alias[0].target-protocol[0]: 256 is not in 0..255");
	expect_refused(data_aliases, "{'alias':[{'target-uri':['a:b']}]}",
		RESTCONF_MISSING_ATTRIBUTE, "/alias[1]", "name is missing");
	expect_refused(data_aliases, "{'alias':[{'name':'a\\u0027b'}]}", RESTCONF_MISSING_ATTRIBUTE,
		"/alias[name=\"a'b\"]", "");
	expect_refused(data_aliases, "{'alias':[{'name':'a\\u0027\\u0022b'}]}",
		RESTCONF_MISSING_ATTRIBUTE, "/alias[1]", "");
	expect_refused(data_aliases, "{'alias':[{'name':'a','target-fqdn':[{}]}]}",
		RESTCONF_INVALID_VALUE, "/alias[name='a']/target-fqdn[1]", "");
}

static void
a_path_that_is_too_long_leads_to_an_ancestor(void **state)
{
	json_t *j = json_object(), *alias;
	char name[600];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	alias = json_pack("{s:s}", "name", name);
	json_object_set_new(j, "alias", json_pack("[o]", alias));
	assert_false(yang_check(data_aliases, j, &err));
	assert_string_equal(err.path, "/alias[1]");
	json_decref(j);
}

/* ---- texts and bodies ---- */

static json_t *
read_text(const char *text)
{
	return yang_parse(text, strlen(text), &err);
}

/* 8040-5.2-01, 8040-5.2-14, 8040-5.2-15, 8040-7-03, 8040-4.5-02, 8040-12-05 */
static void
texts_that_are_no_json_are_malformed(void **state)
{
	static const char *const texts[] = {"{", "{} x", "1", "\"x\"", "{\"a\":1,\"a\":2}",
		"{\"a\":\"\xff\"}", "{\"a\":\"\\u0000\"}", "{\"a\":99999999999999999999}", " "};
	char deep[80] = "";
	json_t *j;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_null(read_text(texts[i]));
		assert_true(err.status == 400 && err.tag == RESTCONF_MALFORMED_MESSAGE);
		assert_memory_equal(err.why, "RFC 8259 2: body: line ", 23);
	}
	assert_null(read_text(""));
	assert_true(err.status == 400 && err.tag == RESTCONF_INVALID_VALUE);
	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	j = read_text(deep);
	assert_non_null(j);
	json_decref(j);
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	assert_null(read_text(deep));
	assert_string_equal(err.why, "RFC 8259 9: body: more than 32 levels");
	/* Brackets in a text are none. */
	j = read_text("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}");
	assert_non_null(j);
	json_decref(j);
}

static const char *
read_body(const struct yang_node *parent, const struct yang_node *n, const char *text)
{
	json_t *body = from(text), *value = NULL;
	bool fine = yang_body(parent, n, body, &value, &err);

	to(value);
	json_decref(value);
	json_decref(body);
	return fine ? shown : NULL;
}

/* 8783-7.3-07, 8040-4.4.1-01 */
static void
a_body_is_one_instance_bare_or_in_its_container(void **state)
{
	static const char entry[] = "{'name':'x'}";
	static const char *const bad[] = {"{}", "[]", "{'acl':[{'name':'x'}]}",
		"{'vendor:acl':[{'name':'x'}]}", "{'ietf-dots-data-channel:alias':[{'name':'x'}]}",
		"{'ietf-dots-data-channel:acl':{'name':'x'}}", "{'ietf-dots-data-channel:acl':[]}",
		"{'ietf-dots-data-channel:acl':[{'name':'x'},{'name':'y'}]}",
		"{'ietf-dots-data-channel:acl':[{'name':'x'}],'vendor:y':1}",
		"{'ietf-dots-data-channel:acls':{}}", "{'ietf-dots-data-channel:acls':[]}",
		"{'ietf-dots-data-channel:acls':{'acl':[]}}",
		"{'ietf-dots-data-channel:acls':{'acl':[{'name':'x'},{'name':'y'}]}}",
		"{'ietf-dots-data-channel:acls':{'acl':[{'name':'x'}],'y':1}}"};

	(void)state;
	assert_string_equal(
		read_body(data_acls, data_acl, "{'ietf-dots-data-channel:acl':[{'name':'x'}]}"),
		entry);
	assert_string_equal(read_body(data_acls, data_acl,
				    "{'ietf-dots-data-channel:acls':{'acl':[{'name':'x'}]}}"),
		entry);
	assert_string_equal(read_body(data_client, data_acls,
				    "{'ietf-dots-data-channel:acls':{'acl':[{'name':'x'}]}}"),
		"{'acl':[{'name':'x'}]}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_body(data_acls, data_acl, bad[i]) || err.status != 400)
			fail_msg("%s is taken", bad[i]);
	assert_null(read_body(data_acls, data_acl, "{'acl':[{'name':'x'}]}"));
	assert_int_equal(err.tag, RESTCONF_UNKNOWN_ELEMENT);
	assert_null(read_body(data_acls, data_acl, "{'vendor:acl':[{'name':'x'}]}"));
	assert_int_equal(err.tag, RESTCONF_UNKNOWN_NAMESPACE);
	/* 8783-5.1-30 */
	assert_null(read_body(data_dots_data, data_client,
		"{'ietf-dots-data-channel:dots-client':[{'cuid':'a'},{'cuid':'b'}]}"));
	assert_int_equal(err.tag, RESTCONF_INVALID_VALUE);
	/* Relative to the parent. */
	assert_null(read_body(
		data_acls, data_acl, "{'ietf-dots-data-channel:acl':[{'name':'x','type':'y'}]}"));
	assert_string_equal(err.path, "/acl[name='x']/type");
}

static const char *
child_of(const struct yang_node *parent, const char *text)
{
	json_t *body = from(text);
	struct restconf_path p = {.n = 1};
	const struct yang_node *n = yang_body_child(parent, body, arena, &p.segments[0], &err);

	json_decref(body);
	free(shown);
	shown = n ? restconf_path_format(&p, "") : NULL;
	return shown;
}

/* 8040-4.4.1-05 */
static void
a_post_says_which_child_it_is_about(void **state)
{
	(void)state;
	assert_string_equal(child_of(&data_root, "{'ietf-dots-data-channel:dots-data':{}}"),
		"/data/ietf-dots-data-channel:dots-data");
	assert_string_equal(
		child_of(data_client, "{'ietf-dots-data-channel:aliases':{'alias':[]}}"),
		"/data/aliases");
	assert_string_equal(
		child_of(data_aliases, "{'ietf-dots-data-channel:alias':[{'name':'a/b'}]}"),
		"/data/alias=a%2Fb");
	assert_string_equal(
		child_of(data_alias,
			"{'ietf-dots-data-channel:target-port-range':[{'lower-port':7}]}"),
		"/data/target-port-range=7");
	assert_string_equal(
		child_of(data_alias, "{'ietf-dots-data-channel:target-fqdn':['x.example']}"),
		"/data/target-fqdn=x.example");
	assert_null(child_of(data_aliases, "{'ietf-dots-data-channel:alias':[{}]}"));
	assert_int_equal(err.tag, RESTCONF_MISSING_ATTRIBUTE);
	assert_null(child_of(data_aliases, "{'ietf-dots-data-channel:alias':[]}"));
	assert_null(child_of(data_aliases, "{'ietf-dots-data-channel:acl':[{'name':'x'}]}"));
	assert_int_equal(err.tag, RESTCONF_UNKNOWN_ELEMENT);
	assert_null(child_of(data_aliases, "{}"));
}

static const char *
envelope(const struct yang_node *parent, const struct yang_node *n, const char *text)
{
	json_t *j = yang_envelope(parent, n, from(text));

	to(j);
	json_decref(j);
	return shown;
}

/* 8783-7.3-07, 8040-3.4-02, 8040-4.3-07 */
static void
an_entry_is_shown_in_its_container(void **state)
{
	(void)state;
	assert_string_equal(envelope(data_acls, data_acl, "{'name':'x'}"),
		"{'ietf-dots-data-channel:acls':{'acl':[{'name':'x'}]}}");
	assert_string_equal(envelope(data_acls, data_acl, "[{'name':'x'},{'name':'y'}]"),
		"{'ietf-dots-data-channel:acl':[{'name':'x'},{'name':'y'}]}");
	assert_string_equal(
		envelope(data_client, data_acls, "{}"), "{'ietf-dots-data-channel:acls':{}}");
	assert_string_equal(envelope(data_alias, yang_child(data_alias, NULL, "target-port-range"),
				    "{'lower-port':1}"),
		"{'ietf-dots-data-channel:target-port-range':[{'lower-port':1}]}");
	assert_string_equal(
		envelope(data_alias, yang_child(data_alias, NULL, "target-protocol"), "6"),
		"{'ietf-dots-data-channel:target-protocol':[6]}");
	assert_string_equal(envelope(data_alias, yang_child(data_alias, NULL, "name"), "'x'"),
		"{'ietf-dots-data-channel:name':'x'}");
	assert_string_equal(envelope(&data_root, &data_root, "{}"), "{'ietf-restconf:data':{}}");
}

/* ---- finding ---- */

static unsigned
find(const char *raw, struct yang_place *place)
{
	parse(raw);
	return yang_find(&data_root, data, &path, 0, place, &err) ? 200 : err.status;
}

/* 8040-3.5-01, 8040-3.5.3-02 */
static void
a_path_leads_to_what_stands_there(void **state)
{
	struct yang_place p;

	(void)state;
	assert_int_equal(find("/restconf/data", &p), 200);
	assert_true(p.node == &data_root && p.data == data && !p.parent);
	assert_int_equal(find(CLIENT "/aliases", &p), 200);
	assert_true(p.node == data_aliases && p.parent == data_client && p.data && !p.is_entry);
	assert_int_equal(find(CLIENT "/acls/acl=y", &p), 200);
	assert_true(p.node == data_acl && p.is_entry && p.at == 1 && p.parent == data_acls);
	assert_string_equal(json_string_value(json_object_get(p.data, "name")), "y");
	assert_int_equal(find(CLIENT "/acls/acl", &p), 200);
	assert_true(json_array_size(p.data) == 2 && !p.is_entry);
	assert_int_equal(find(CLIENT "/aliases/alias=a/target-protocol=17", &p), 200);
	assert_true(p.is_entry && p.at == 1 && json_integer_value(p.data) == 17);
	/* Canonical before it is compared. */
	assert_int_equal(find(CLIENT "/aliases/alias=a/target-prefix=192.0.2.9%2F24", &p), 200);
	assert_true(p.is_entry && p.at == 0);
	assert_int_equal(find(CLIENT "/aliases/alias=a/target-port-range=90/upper-port", &p), 200);
	assert_int_equal(json_integer_value(p.data), 99);
	assert_int_equal(find(CLIENT "/ietf-dots-data-channel:acls", &p), 200);
}

static void
what_could_stand_there_is_no_error(void **state)
{
	struct yang_place p;

	(void)state;
	assert_int_equal(find(CLIENT "/acls/acl=z", &p), 200);
	assert_true(!p.data && p.is_entry && p.at == SIZE_MAX && p.parent_data);
	assert_int_equal(find(CLIENT "/acls/acl=z/aces/ace=1/matches/ipv4/ttl", &p), 200);
	assert_true(!p.data && !p.parent_data && !strcmp(p.node->name, "ttl"));
	assert_int_equal(find(CLIENT "/aliases/alias=a/target-protocol=1", &p), 200);
	assert_null(p.data);
	assert_int_equal(find(CLIENT "/acls/acl=x/pending-lifetime", &p), 200);
	assert_true(p.is_state && !p.data);
	assert_int_equal(
		find("/restconf/data/ietf-dots-data-channel:dots-data/capabilities/tcp", &p), 200);
	assert_true(p.is_state);
}

/* 8040-3.5.3-01, 8040-3.5.3-05, 8783-4.2-01, 8040-5.2-16 */
static void
paths_that_fit_nothing_are_refused(void **state)
{
	static const struct {
		const char *raw;
		unsigned status;
	} rows[] = {
		{"/restconf/data/dots-data", 404},
		{"/restconf/data/vendor:dots-data", 404},
		{"/restconf/data/ietf-restconf:restconf", 404},
		{"/restconf/data/ietf-restconf-monitoring:restconf-state/streams", 404},
		{CLIENT "/aliases.json", 404},
		{CLIENT "/vendor:aliases", 404},
		{CLIENT "/cuid/x", 404},
		{CLIENT "/aliases/alias=a/target-protocol=6/x", 404},
		{CLIENT "/acls/acl=x/aces/ace=1/matches/eth", 404},
		{CLIENT "/aliases/alias/name", 400},
		{CLIENT "/aliases=x", 400},
		{CLIENT "/aliases/alias=a,b", 400},
		{CLIENT "/cuid=c", 400},
		{CLIENT "/aliases/alias=a/target-protocol=x", 400},
		{CLIENT "/aliases/alias=a/target-protocol=256", 400},
		{CLIENT "/aliases/alias=a/target-prefix=x", 400},
		{"/restconf/data/ietf-yang-library:modules-state/module=x", 400},
	};
	struct yang_place p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (find(rows[i].raw, &p) != rows[i].status || err.tag != RESTCONF_INVALID_VALUE)
			fail_msg("%s: %u %s", rows[i].raw, err.status, err.why);
}

/* 8040-3.5.3-03 */
static void
several_keys_stand_in_their_order(void **state)
{
	json_t *library =
		json_pack("{s:o}", "ietf-yang-library:modules-state", data_modules_state());
	struct yang_place p;

	(void)state;
	parse("/restconf/data/ietf-yang-library:modules-state/module=ietf-inet-types,2013-07-15");
	assert_true(yang_find(&data_root, library, &path, 0, &p, &err));
	assert_true(p.data && p.is_state);
	parse("/restconf/data/ietf-yang-library:modules-state/module=2013-07-15,ietf-inet-types");
	assert_true(yang_find(&data_root, library, &path, 0, &p, &err));
	assert_null(p.data);
	err.path[0] = '\0';
	yang_error_at(&err, &data_root, &path, path.n);
	assert_string_equal(err.path, "/ietf-yang-library:modules-state/"
				      "module[name='2013-07-15'][revision='ietf-inet-types']");
	json_decref(library);
}

/* 8040-8-03 */
static void
an_error_is_told_with_the_place_of_its_data(void **state)
{
	json_t *alias = from("{'name':'n','target-protocol':[256]}");

	(void)state;
	assert_false(yang_check(data_alias, alias, &err));
	parse(CLIENT "/aliases/alias=it%27s");
	yang_error_at(&err, &data_root, &path, path.n);
	assert_string_equal(err.path, "/ietf-dots-data-channel:dots-data/dots-client[cuid='c']/"
				      "aliases/alias[name=\"it's\"]/target-protocol[.='256']");
	json_decref(alias);
	err.path[0] = '\0';
	parse(CLIENT "/aliases/alias=a/nosuch");
	yang_error_at(&err, &data_root, &path, path.n);
	assert_string_equal(err.path, "/ietf-dots-data-channel:dots-data/dots-client[cuid='c']/"
				      "aliases/alias[name='a']");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			members_are_told_apart_by_their_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(state_cannot_be_set, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_empty_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_mandatory_is_so_where_its_parent_or_case_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_and_values_are_there_once, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_shapes_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(how_many_there_may_be_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_name_what_can_be_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_path_that_is_too_long_leads_to_an_ancestor, setup, teardown),
		cmocka_unit_test_setup_teardown(
			texts_that_are_no_json_are_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_body_is_one_instance_bare_or_in_its_container, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_post_says_which_child_it_is_about, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_entry_is_shown_in_its_container, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_leads_to_what_stands_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_could_stand_there_is_no_error, setup, teardown),
		cmocka_unit_test_setup_teardown(
			paths_that_fit_nothing_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(several_keys_stand_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_error_is_told_with_the_place_of_its_data, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
