/*
 * What a GET shows (RFC 8040 4.8.1-4.8.3, 4.8.9, 3.5.4).
 */
#include "instance.h"

/* With some state in it, as the server has it. */
static int
setup_with_state(void **state)
{
	struct yang_place p;

	setup(state);
	parse(CLIENT "/aliases/alias=a");
	assert_true(yang_find(&data_root, data, &path, 0, &p, &err));
	json_object_set_new(p.data, "pending-lifetime", json_integer(10080));
	parse(CLIENT "/acls/acl=x");
	assert_true(yang_find(&data_root, data, &path, 0, &p, &err));
	json_object_set_new(p.data, "pending-lifetime", json_integer(7));
	parse(CLIENT "/acls/acl=x/aces/ace=1");
	assert_true(yang_find(&data_root, data, &path, 0, &p, &err));
	json_object_set_new(p.data, "statistics", json_pack("{s:s}", "matched-octets", "9"));
	json_object_set_new(json_object_get(data, "ietf-dots-data-channel:dots-data"),
		"capabilities", json_pack("{s:b, s:{s:b}}", "rate-limit", 1, "tcp", "flags", 0));
	return 0;
}

/* NULL: refused. */
static const char *
view(const char *target, const char *queries)
{
	struct restconf_query q;
	struct yang_place p;
	json_t *value;

	parse(target);
	if (!restconf_query_parse(arena, queries, "/restconf",
		    QUERY_CONTENT | QUERY_DEPTH | QUERY_FIELDS | QUERY_DEFAULTS, &q, &err) ||
		!yang_find(&data_root, data, &path, 0, &p, &err))
		fail_msg("%s: %s", target, err.why);
	value = yang_view(p.node, p.data, &q, &err);
	to(value);
	json_decref(value);
	return value ? shown : NULL;
}

/* 8040-1.3-02, 8040-4.8.1-01, 8040-4.8.1-02, 8783-7.3-04, 8783-7.3-05, 8783-6.2-03 */
static void
content_is_configuration_or_state_or_both(void **state)
{
	static const char ace1_all[] = "{'name':'1','matches':{'tcp':{'flags':'syn'}},"
				       "'actions':{'forwarding':'ietf-access-control-list:drop'},"
				       "'statistics':{'matched-octets':'9'}}";
	static const char ace1_config[] =
		"{'name':'1','matches':{'tcp':{'flags':'syn'}},"
		"'actions':{'forwarding':'ietf-access-control-list:drop'}}";

	(void)state;
	assert_string_equal(view(CLIENT "/acls/acl=x/aces/ace=1", NULL), ace1_all);
	assert_string_equal(view(CLIENT "/acls/acl=x/aces/ace=1", "content=all"), ace1_all);
	assert_string_equal(view(CLIENT "/acls/acl=x/aces/ace=1", "content=config"), ace1_config);
	assert_string_equal(view(CLIENT "/acls/acl=x/aces/ace=1", "content=nonconfig"),
		"{'name':'1','statistics':{'matched-octets':'9'}}");
	assert_null(strstr(view("/restconf/data", "content=config"), "capabilities"));
}

/* 8040-4.8.1-04, 8783-7.3-06 */
static void
state_comes_with_the_keys_that_lead_to_it(void **state)
{
	(void)state;
	assert_string_equal(view(CLIENT, "content=nonconfig"),
		"{'cuid':'c','aliases':{'alias':[{'name':'a','pending-lifetime':10080}]},"
		"'acls':{'acl':[{'name':'x','pending-lifetime':7,'aces':{'ace':[{'name':'1',"
		"'statistics':{'matched-octets':'9'}},{'name':'2'}]}},{'name':'y'}]}}");
	assert_string_equal(view("/restconf/data/ietf-dots-data-channel:dots-data/capabilities",
				    "content=nonconfig"),
		"{'rate-limit':true,'tcp':{'flags':false}}");
	assert_string_equal(view("/restconf/data/ietf-dots-data-channel:dots-data/capabilities",
				    "content=config"),
		"{}");
	assert_string_equal(view(CLIENT "/aliases/alias=a/target-port-range", "content=nonconfig"),
		"[{'lower-port':80},{'lower-port':90}]");
	/* A leaf is of one content. */
	assert_null(view(CLIENT "/aliases/alias=a/name", "content=nonconfig"));
	assert_true(err.status == 404 && err.tag == RESTCONF_INVALID_VALUE);
	assert_null(view(CLIENT "/aliases/alias=a/target-protocol", "content=nonconfig"));
	assert_null(view(CLIENT "/aliases/alias=a/pending-lifetime", "content=config"));
	assert_string_equal(
		view(CLIENT "/aliases/alias=a/pending-lifetime", "content=nonconfig"), "10080");
}

/* 8040-4.8.2-01, 8040-4.8.2-04, 8040-B-02 */
static void
depth_counts_from_what_is_asked_for(void **state)
{
	(void)state;
	assert_string_equal(view(CLIENT "/aliases", "depth=1"), "{}");
	assert_string_equal(view(CLIENT "/aliases", "depth=2"), "{'alias':[{'name':'a'}]}");
	assert_string_equal(view(CLIENT "/aliases", "depth=3"),
		"{'alias':[{'name':'a','target-prefix':['192.0.2.0/24'],'target-port-range':"
		"[{'lower-port':80},{'lower-port':90}],'target-protocol':[6,17],"
		"'pending-lifetime':10080}]}");
	assert_string_equal(
		view(CLIENT "/aliases", "depth=65535"), view(CLIENT "/aliases", "depth=unbounded"));
	assert_string_equal(view(CLIENT, "depth=2"), "{'cuid':'c','aliases':{},'acls':{}}");
	assert_string_equal(view(CLIENT "/acls/acl", "depth=1"), "[{'name':'x'},{'name':'y'}]");
	assert_string_equal(view(CLIENT "/aliases/alias=a/target-protocol", "depth=1"), "[6,17]");
	assert_string_equal(view("/restconf/data", "depth=1"), "{}");
}

/* 8040-4.8.3-01, 8040-4.8.3-03 */
static void
fields_select_nodes_and_what_is_below(void **state)
{
	(void)state;
	assert_string_equal(view(CLIENT "/aliases", "fields=alias(target-protocol;target-prefix)"),
		"{'alias':[{'name':'a','target-prefix':['192.0.2.0/"
		"24'],'target-protocol':[6,17]}]}");
	assert_string_equal(view(CLIENT "/aliases", "fields=alias/target-port-range/upper-port"),
		"{'alias':[{'name':'a','target-port-range':[{'lower-port':80},"
		"{'lower-port':90,'upper-port':99}]}]}");
	assert_string_equal(view(CLIENT, "fields=acls/acl(aces/ace(name);activation-type);cuid"),
		"{'cuid':'c','acls':{'acl':[{'name':'x','aces':{'ace':[{'name':'1'},{'name':'2'}]}}"
		","
		"{'name':'y','activation-type':'immediate'}]}}");
	assert_string_equal(view("/restconf/data", "fields=ietf-dots-data-channel:dots-data/"
						   "ietf-dots-data-channel:capabilities"),
		"{'ietf-dots-data-channel:dots-data':{'capabilities':{'rate-limit':true,"
		"'tcp':{'flags':false}}}}");
	/* What is selected as a whole stays whole. */
	assert_string_equal(
		view(CLIENT "/aliases", "fields=alias;alias/name"), view(CLIENT "/aliases", NULL));
	assert_string_equal(
		view(CLIENT "/aliases", "fields=alias/name;alias"), view(CLIENT "/aliases", NULL));
	assert_string_equal(
		view(CLIENT "/aliases", "fields=alias;alias/target-port-range(lower-port)"),
		view(CLIENT "/aliases", NULL));
	/* What is selected, and what is above it, is the first level. */
	assert_string_equal(view(CLIENT, "fields=aliases/alias/target-port-range&depth=1"),
		"{'cuid':'c','aliases':{'alias':[{'name':'a','target-port-range':"
		"[{'lower-port':80},{'lower-port':90}]}]}}");
	assert_string_equal(view(CLIENT, "fields=acls/acl/aces&depth=2"),
		"{'cuid':'c','acls':{'acl':[{'name':'x','aces':{'ace':[{'name':'1'},{'name':'2'}]}}"
		","
		"{'name':'y'}]}}");
	assert_string_equal(view(CLIENT "/acls", "fields=acl/pending-lifetime&content=config"),
		"{'acl':[{'name':'x'},{'name':'y'}]}");
}

static void
broken_fields_are_refused(void **state)
{
	static const char *const queries[] = {"fields=nosuch", "fields=alias/", "fields=/alias",
		"fields=alias(", "fields=alias(name", "fields=alias)", "fields=alias(name))",
		"fields=alias()", "fields=;alias", "fields=alias;", "fields=alias(name)name",
		"fields=vendor:alias", "fields=alias/name/x", "fields=alias/target-protocol(x)",
		"fields=a%20b", "fields=alias(alias)", "fields=:alias", "fields=alias:"};
	char longest[400] = "fields=";

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (view(CLIENT "/aliases", queries[i]) || err.status != 400 ||
			err.tag != RESTCONF_INVALID_VALUE)
			fail_msg("%s: %s", queries[i], shown);
	memset(longest + strlen(longest), 'a', sizeof(longest) - strlen(longest) - 1);
	assert_null(view(CLIENT "/aliases", longest));
	assert_memory_equal(err.why, "RFC 8040 4.8.3: query fields: ", 30);
}

/* 8040-4.8.9-02, 8040-4.8.9-04, 8783-7.2-06 */
static void
defaults_are_shown_as_asked_for(void **state)
{
	json_t *acl =
		from("{'name':'x','aces':{'ace':[{'name':'1','matches':{'tcp':{"
		     "'flags-bitmask':{'bitmask':2},'source-port-range-or-operator':{'port':1},"
		     "'destination-port-range-or-operator':{'lower-port':1,'upper-port':2}}},"
		     "'actions':{'forwarding':'drop'}}]}}");
	struct restconf_query q = {.fields = "", .defaults = DEFAULTS_REPORT_ALL};
	json_t *all, *trimmed, *explicit, *empty = json_object();
	struct yang_place p;

	(void)state;
	assert_true(yang_check(data_acl, acl, &err));
	all = yang_view(data_acl, acl, &q, &err);
	assert_string_equal(to(all),
		"{'name':'x','activation-type':'activate-when-mitigating','aces':{'ace':[{'name':'"
		"1',"
		"'matches':{'tcp':{'flags-bitmask':{'operator':'match','bitmask':2},"
		"'source-port-range-or-operator':{'operator':'eq','port':1},"
		"'destination-port-range-or-operator':{'lower-port':1,'upper-port':2}}},"
		"'actions':{'forwarding':'ietf-access-control-list:drop'}}]}}");
	/* Of a choice only what is chosen has defaults. */
	parse(CLIENT "/acls/acl=x/aces/ace=1/matches/udp/source-port-range-or-operator");
	assert_true(yang_find(&data_root, data, &path, 0, &p, &err));
	explicit = yang_view(p.node, empty, &q, &err);
	assert_true(json_equal(explicit, empty));
	json_decref(explicit);
	json_decref(empty);
	q.defaults = DEFAULTS_EXPLICIT;
	explicit = yang_view(data_acl, all, &q, &err);
	assert_true(json_equal(explicit, all));
	q.defaults = DEFAULTS_TRIM;
	trimmed = yang_view(data_acl, all, &q, &err);
	assert_true(json_equal(trimmed, acl));
	q = (struct restconf_query){
		.fields = "", .defaults = DEFAULTS_REPORT_ALL, .content = CONTENT_NONCONFIG};
	json_decref(explicit);
	explicit = yang_view(data_acl, acl, &q, &err);
	assert_string_equal(to(explicit), "{'name':'x','aces':{'ace':[{'name':'1'}]}}");
	json_decref(explicit);
	json_decref(trimmed);
	json_decref(all);
	json_decref(acl);
}

static const char *
default_at(const char *raw)
{
	struct yang_place p;
	json_t *value;

	parse(raw);
	if (!yang_find(&data_root, data, &path, 0, &p, &err))
		fail_msg("%s: %s", raw, err.why);
	value = yang_default(&p);
	to(value);
	json_decref(value);
	return value ? shown : NULL;
}

/* 8040-3.5.4-01, 8040-3.5.4-02 */
static void
a_leaf_that_is_not_there_may_have_a_default(void **state)
{
	(void)state;
	assert_string_equal(
		default_at(CLIENT "/acls/acl=x/activation-type"), "'activate-when-mitigating'");
	assert_null(default_at(CLIENT "/acls/acl=y/activation-type")); /* is there */
	assert_null(default_at(CLIENT "/acls/acl=z/activation-type")); /* no such ACL */
	assert_null(default_at(CLIENT "/acls/acl=x/type"));
	assert_null(default_at(CLIENT "/acls/acl=x/aces"));
	/* Of a case that is not there. */
	assert_null(default_at(CLIENT
		"/acls/acl=x/aces/ace=1/matches/tcp/source-port-range-or-operator/operator"));
	assert_null(default_at("/restconf/data"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			content_is_configuration_or_state_or_both, setup_with_state, teardown),
		cmocka_unit_test_setup_teardown(
			state_comes_with_the_keys_that_lead_to_it, setup_with_state, teardown),
		cmocka_unit_test_setup_teardown(
			depth_counts_from_what_is_asked_for, setup_with_state, teardown),
		cmocka_unit_test_setup_teardown(
			fields_select_nodes_and_what_is_below, setup_with_state, teardown),
		cmocka_unit_test_setup_teardown(
			broken_fields_are_refused, setup_with_state, teardown),
		cmocka_unit_test_setup_teardown(
			defaults_are_shown_as_asked_for, setup_with_state, teardown),
		cmocka_unit_test_setup_teardown(
			a_leaf_that_is_not_there_may_have_a_default, setup_with_state, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
