/*
 * Edits of data that YANG models (RFC 8040 4.4.1, 4.5, 4.6.1, 4.7, 4.8.5, 4.8.6).
 */
#include "instance.h"

#define ALIAS CLIENT "/aliases/alias=a"
#define ACES  CLIENT "/acls/acl=x/aces"

static bool created;

/* 201, 204 or the status of the error. Without a word, nothing changes where it is refused. */
static unsigned
edit(enum yang_method method, const char *target, const char *text)
{
	struct restconf_query q;
	json_t *body = text ? from(text) : NULL, *before = json_deep_copy(data);
	const char *question = strchr(target, '?');
	char raw[256];
	bool fine;

	snprintf(raw, sizeof(raw), "%.*s", (int)strcspn(target, "?"), target);
	parse(raw);
	if (!restconf_query_parse(arena, question ? question + 1 : NULL, "/restconf",
		    QUERY_INSERT | QUERY_POINT, &q, &err))
		fail_msg("%s: %s", target, err.why);
	fine = yang_edit(&data_root, data, &path, 0, method, body, &q, &created, &err);
	assert_true(fine || json_equal(before, data));
	assert_true(fine || !created);
	json_decref(before);
	json_decref(body);
	return !fine ? err.status : created ? 201 : 204;
}

static void
expect_refused(enum yang_method method, const char *target, const char *text, unsigned status,
	enum restconf_tag tag, const char *place)
{
	static const char client[] = "/ietf-dots-data-channel:dots-data/dots-client[cuid='c']";
	unsigned found = edit(method, target, text);

	if (found != status || err.tag != tag ||
		strncmp(err.path, client, sizeof(client) - 1) != 0 ||
		strcmp(err.path + sizeof(client) - 1, place) != 0)
		fail_msg("%u %u %s: %s", found, err.tag, err.path, err.why);
	assert_memory_equal(err.why, "RFC ", 4);
}

/* What stands at a place now. */
static const char *
at(const char *raw)
{
	struct yang_place p;

	parse(raw);
	if (!yang_find(&data_root, data, &path, 0, &p, &err))
		fail_msg("%s: %s", raw, err.why);
	return p.data ? to(p.data) : "";
}

/* The names of a list's entries. */
static const char *
names_at(const char *raw)
{
	static char names[64];
	struct yang_place p;
	json_t *entry;
	size_t i;

	parse(raw);
	assert_true(yang_find(&data_root, data, &path, 0, &p, &err));
	names[0] = '\0';
	json_array_foreach(p.data, i, entry)
		strcat(names, json_string_value(json_object_get(entry, "name")));
	return names;
}

/* ---- POST ---- */

/* 8040-4.4.1-04, 8040-4.4.1-06, 8783-6.1-05, 8783-6.1-26, 8783-7.2-31 */
static void
a_post_makes_what_is_new(void **state)
{
	(void)state;
	assert_int_equal(
		edit(YANG_POST, CLIENT "/aliases",
			"{'ietf-dots-data-channel:alias':[{'name':'b','target-uri':['a:b']}]}"),
		201);
	assert_string_equal(names_at(CLIENT "/aliases/alias"), "ab");
	/* A container that stands there takes what is new in the body. */
	assert_int_equal(edit(YANG_POST, CLIENT,
				 "{'ietf-dots-data-channel:aliases':{'alias':[{'name':'c','target-"
				 "uri':['a:b']}]}}"),
		201);
	assert_string_equal(names_at(CLIENT "/aliases/alias"), "abc");
	/* All of it, or nothing. */
	expect_refused(YANG_POST, CLIENT,
		"{'ietf-dots-data-channel:aliases':{'alias':[{'name':'d','target-uri':['a:b']},"
		"{'name':'b','target-uri':['a:b']}]}}",
		409, RESTCONF_RESOURCE_DENIED, "/aliases/alias[name='b']");
	expect_refused(YANG_POST, CLIENT,
		"{'ietf-dots-data-channel:aliases':{'alias':[{'name':'d','target-uri':['a:b']},"
		"{'name':'e'}]}}",
		400, RESTCONF_MISSING_ATTRIBUTE, "/aliases/alias[name='e']");
	assert_string_equal(names_at(CLIENT "/aliases/alias"), "abc");
	/* Leafs and values of leaf-lists. */
	assert_int_equal(edit(YANG_POST, CLIENT "/acls/acl=x",
				 "{'ietf-dots-data-channel:activation-type':'deactivate'}"),
		201);
	expect_refused(YANG_POST, CLIENT "/acls/acl=x",
		"{'ietf-dots-data-channel:activation-type':'deactivate'}", 409,
		RESTCONF_RESOURCE_DENIED, "/acls/acl[name='x']/activation-type");
	assert_int_equal(
		edit(YANG_POST, ALIAS, "{'ietf-dots-data-channel:target-protocol':[1]}"), 201);
	assert_string_equal(at(ALIAS "/target-protocol"), "[6,17,1]");
	expect_refused(YANG_POST, ALIAS, "{'ietf-dots-data-channel:target-protocol':[6]}", 409,
		RESTCONF_RESOURCE_DENIED, "/aliases/alias[name='a']/target-protocol[.='6']");
}

static void
containers_on_the_way_are_made(void **state)
{
	(void)state;
	assert_int_equal(edit(YANG_POST, CLIENT "/acls/acl=y/aces",
				 "{'ietf-dots-data-channel:ace':[{'name':'r','actions':"
				 "{'forwarding':'drop'}}]}"),
		201);
	assert_string_equal(names_at(CLIENT "/acls/acl=y/aces/ace"), "r");
	assert_int_equal(edit(YANG_PUT, CLIENT "/acls/acl=y/aces/ace=r/matches/ipv6/ttl",
				 "{'ietf-dots-data-channel:ttl':9}"),
		201);
	assert_string_equal(at(CLIENT "/acls/acl=y/aces/ace=r/matches"), "{'ipv6':{'ttl':9}}");
	expect_refused(YANG_PUT, CLIENT "/acls/acl=z/aces/ace=r/matches/ipv6/ttl",
		"{'ietf-dots-data-channel:ttl':9}", 404, RESTCONF_INVALID_VALUE,
		"/acls/acl[name='z']/aces/ace[name='r']/matches/ipv6/ttl");
	expect_refused(YANG_POST, CLIENT "/acls/acl=z/aces",
		"{'ietf-dots-data-channel:ace':[{'name':'r','actions':{'forwarding':'drop'}}]}",
		404, RESTCONF_INVALID_VALUE, "/acls/acl[name='z']/aces");
}

/* 8040-4.4.1-01, 8783-4.3-33 */
static void
posts_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	expect_refused(YANG_POST, CLIENT "/acls/acl=z", "{'ietf-dots-data-channel:name':'z'}", 404,
		RESTCONF_INVALID_VALUE, "/acls/acl[name='z']");
	expect_refused(YANG_POST, CLIENT "/acls/acl=x", "{'ietf-dots-data-channel:cuid':'z'}", 400,
		RESTCONF_UNKNOWN_ELEMENT, "/acls/acl[name='x']");
	expect_refused(YANG_POST, CLIENT "/acls/acl=x",
		"{'ietf-dots-data-channel:pending-lifetime':1}", 400, RESTCONF_UNKNOWN_ELEMENT,
		"/acls/acl[name='x']");
	expect_refused(YANG_POST, CLIENT "/acls/acl=x/name", "{'ietf-dots-data-channel:x':1}", 405,
		RESTCONF_OPERATION_NOT_SUPPORTED, "/acls/acl[name='x']/name");
	expect_refused(YANG_POST, CLIENT "/acls/acl", "{'ietf-dots-data-channel:acl':[{}]}", 400,
		RESTCONF_INVALID_VALUE, "/acls/acl");
	expect_refused(YANG_POST, CLIENT "/aliases",
		"{'ietf-dots-data-channel:alias':[{'name':'b','target-protocol':[256]}]}", 400,
		RESTCONF_INVALID_VALUE, "/aliases/alias[name='b']/target-protocol[.='256']");
}

/* ---- PUT ---- */

/* 8040-4.5-05, 8040-4.5-06, 8783-6.1-31, 8783-7.2-17, 8783-7.2-24 */
static void
a_put_replaces(void **state)
{
	(void)state;
	assert_int_equal(edit(YANG_PUT, ALIAS,
				 "{'ietf-dots-data-channel:aliases':{'alias':[{'name':'a',"
				 "'target-fqdn':['X.Example']}]}}"),
		204);
	assert_string_equal(at(ALIAS), "{'name':'a','target-fqdn':['x.example']}");
	assert_int_equal(
		edit(YANG_PUT, CLIENT "/aliases/alias=b",
			"{'ietf-dots-data-channel:alias':[{'name':'b','target-uri':['a:b']}]}"),
		201);
	assert_int_equal(edit(YANG_PUT, CLIENT "/acls/acl=x/activation-type",
				 "{'ietf-dots-data-channel:activation-type':'immediate'}"),
		201);
	assert_int_equal(edit(YANG_PUT, CLIENT "/acls/acl=x/activation-type",
				 "{'ietf-dots-data-channel:activation-type':'deactivate'}"),
		204);
	assert_string_equal(at(CLIENT "/acls/acl=x/activation-type"), "'deactivate'");
	assert_int_equal(edit(YANG_PUT, ACES "/ace=1/matches",
				 "{'ietf-dots-data-channel:matches':{'ipv4':{'ttl':1}}}"),
		204);
	assert_string_equal(at(ACES "/ace=1/matches"), "{'ipv4':{'ttl':1}}");
	/* An empty container is none. */
	assert_int_equal(edit(YANG_PUT, CLIENT "/acls", "{'ietf-dots-data-channel:acls':{}}"), 204);
	assert_string_equal(at(CLIENT "/acls"), "");
}

/* 8040-4.5-09, 8040-4.5-10, 8040-4.5-11, 8040-4.6.1-03, 8040-4.6.1-04, 8040-4.6.1-05 */
static void
keys_stay_as_they_are(void **state)
{
	static const enum yang_method methods[] = {YANG_PUT, YANG_PATCH};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		expect_refused(methods[i], ALIAS,
			"{'ietf-dots-data-channel:alias':[{'name':'b','target-uri':['a:b']}]}", 400,
			RESTCONF_INVALID_VALUE, "/aliases/alias[name='a']");
		expect_refused(methods[i], ALIAS "/name", "{'ietf-dots-data-channel:name':'b'}",
			400, RESTCONF_INVALID_VALUE, "/aliases/alias[name='a']/name");
		assert_int_equal(
			edit(methods[i], ALIAS "/name", "{'ietf-dots-data-channel:name':'a'}"),
			204);
		expect_refused(methods[i], ALIAS "/target-protocol=6",
			"{'ietf-dots-data-channel:target-protocol':[17]}", 400,
			RESTCONF_INVALID_VALUE, "/aliases/alias[name='a']/target-protocol[.='6']");
		assert_int_equal(edit(methods[i], ALIAS "/target-protocol=6",
					 "{'ietf-dots-data-channel:target-protocol':[6]}"),
			204);
		expect_refused(methods[i], ALIAS,
			"{'ietf-dots-data-channel:alias':[{'target-uri':['a:b']}]}", 400,
			RESTCONF_MISSING_ATTRIBUTE, "/aliases/alias[name='a']");
	}
	assert_int_equal(edit(YANG_PUT, ALIAS "/target-protocol=1",
				 "{'ietf-dots-data-channel:target-protocol':[1]}"),
		201);
	assert_string_equal(at(ALIAS "/target-protocol"), "[6,17,1]");
}

/* 8040-3.5.3-05, 8040-4.7-04, -05 */
static void
lists_as_a_whole_cannot_be_edited(void **state)
{
	static const enum yang_method methods[] = {YANG_PUT, YANG_PATCH, YANG_DELETE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		expect_refused(methods[i], CLIENT "/aliases/alias",
			"{'ietf-dots-data-channel:alias':[]}", 400, RESTCONF_INVALID_VALUE,
			"/aliases/alias");
		expect_refused(methods[i], ALIAS "/target-protocol",
			"{'ietf-dots-data-channel:target-protocol':[1]}", 400,
			RESTCONF_INVALID_VALUE, "/aliases/alias[name='a']/target-protocol");
	}
	assert_string_equal(at(ALIAS "/target-protocol"), "[6,17]");
}

static void
state_cannot_be_edited(void **state)
{
	static const enum yang_method methods[] = {YANG_POST, YANG_PUT, YANG_PATCH, YANG_DELETE};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		expect_refused(methods[i], ALIAS "/pending-lifetime",
			"{'ietf-dots-data-channel:pending-lifetime':1}", 405,
			RESTCONF_OPERATION_NOT_SUPPORTED,
			"/aliases/alias[name='a']/pending-lifetime");
		expect_refused(methods[i], ACES "/ace=1/statistics/matched-octets",
			"{'ietf-dots-data-channel:matched-octets':'1'}", 405,
			RESTCONF_OPERATION_NOT_SUPPORTED,
			"/acls/acl[name='x']/aces/ace[name='1']/statistics/matched-octets");
	}
}

/* ---- PATCH ---- */

/* 8040-4.6-03, 8040-4.6-04, 8040-4.6.1-02 */
static void
a_patch_merges(void **state)
{
	(void)state;
	assert_int_equal(
		edit(YANG_PATCH, ALIAS,
			"{'ietf-dots-data-channel:alias':[{'name':'a','target-protocol':[17,1],"
			"'target-port-range':[{'lower-port':90,'upper-port':95},"
			"{'lower-port':1}]}]}"),
		204);
	assert_string_equal(at(ALIAS "/target-protocol"), "[6,17,1]");
	assert_string_equal(at(ALIAS "/target-port-range"),
		"[{'lower-port':80},{'lower-port':90,'upper-port':95},{'lower-port':1}]");
	assert_string_equal(at(ALIAS "/target-prefix"), "['192.0.2.0/24']");
	/* What is mandatory may stand there already. */
	assert_int_equal(
		edit(YANG_PATCH, ACES,
			"{'ietf-dots-data-channel:aces':{'ace':[{'name':'2','actions':"
			"{'rate-limit':'2'}},{'name':'3','actions':{'forwarding':'drop'}}]}}"),
		204);
	assert_string_equal(at(ACES "/ace=2/actions"),
		"{'forwarding':'ietf-access-control-list:accept','rate-limit':'2.00'}");
	assert_string_equal(names_at(ACES "/ace"), "123");
	assert_int_equal(edit(YANG_PATCH, ACES "/ace=2/actions/rate-limit",
				 "{'ietf-dots-data-channel:rate-limit':'3.1'}"),
		204);
	assert_string_equal(at(ACES "/ace=2/actions/rate-limit"), "'3.10'");
	/* What would be empty in the end is looked at before it goes. */
	expect_refused(YANG_PATCH, ACES "/ace=1/matches",
		"{'ietf-dots-data-channel:matches':{'ipv4':{'fragment':{}}}}", 400,
		RESTCONF_MISSING_ATTRIBUTE,
		"/acls/acl[name='x']/aces/ace[name='1']/matches/ipv4/fragment");
	/* A container is there always, and made when something comes into it. */
	assert_int_equal(edit(YANG_PATCH, ACES "/ace=2/matches",
				 "{'ietf-dots-data-channel:matches':{'icmp':{'type':8}}}"),
		204);
	assert_string_equal(at(ACES "/ace=2/matches"), "{'icmp':{'type':8}}");
	expect_refused(YANG_PATCH, CLIENT "/aliases/alias=b",
		"{'ietf-dots-data-channel:alias':[{'name':'b','target-uri':['a:b']}]}", 404,
		RESTCONF_INVALID_VALUE, "/aliases/alias[name='b']");
	expect_refused(YANG_PATCH, CLIENT "/acls/acl=x/type",
		"{'ietf-dots-data-channel:type':'ipv4-acl-type'}", 404, RESTCONF_INVALID_VALUE,
		"/acls/acl[name='x']/type");
	expect_refused(YANG_PATCH, ALIAS "/target-protocol=1000", NULL, 400, RESTCONF_INVALID_VALUE,
		"/aliases/alias[name='a']/target-protocol[.='1000']");
}

/* RFC 7950 7.9 */
static void
a_new_case_takes_the_place_of_the_other(void **state)
{
	(void)state;
	assert_int_equal(edit(YANG_PATCH, ACES "/ace=1",
				 "{'ietf-dots-data-channel:ace':[{'name':'1','matches':"
				 "{'udp':{'source-port-range-or-operator':{'port':53}}}}]}"),
		204);
	assert_string_equal(
		at(ACES "/ace=1/matches"), "{'udp':{'source-port-range-or-operator':{'port':53}}}");
	assert_int_equal(edit(YANG_PATCH, ACES "/ace=1/matches/udp/source-port-range-or-operator",
				 "{'ietf-dots-data-channel:source-port-range-or-operator':"
				 "{'lower-port':1,'upper-port':2}}"),
		204);
	assert_string_equal(at(ACES "/ace=1/matches/udp"),
		"{'source-port-range-or-operator':{'lower-port':1,'upper-port':2}}");
	assert_int_equal(edit(YANG_PUT, ACES "/ace=1/matches/icmp/type",
				 "{'ietf-dots-data-channel:type':8}"),
		201);
	assert_string_equal(at(ACES "/ace=1/matches"), "{'icmp':{'type':8}}");
	assert_int_equal(edit(YANG_POST, ACES "/ace=1/matches",
				 "{'ietf-dots-data-channel:udp':{'length':8}}"),
		201);
	assert_string_equal(at(ACES "/ace=1/matches"), "{'udp':{'length':8}}");
}

/* ---- DELETE ---- */

/* 8040-4.7-01, 8040-4-02, 8783-6.3-02, 8783-7.4-02 */
static void
a_delete_takes_away_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(edit(YANG_DELETE, ALIAS "/target-protocol=6", NULL), 204);
	assert_string_equal(at(ALIAS "/target-protocol"), "[17]");
	expect_refused(YANG_DELETE, ALIAS "/target-protocol=6", NULL, 404, RESTCONF_INVALID_VALUE,
		"/aliases/alias[name='a']/target-protocol[.='6']");
	assert_int_equal(edit(YANG_DELETE, CLIENT "/acls/acl=y/activation-type", NULL), 204);
	assert_int_equal(edit(YANG_DELETE, ACES "/ace=1/matches/tcp", NULL), 204);
	assert_string_equal(at(ACES "/ace=1/matches"), "");
	assert_int_equal(edit(YANG_DELETE, CLIENT "/acls/acl=x", NULL), 204);
	assert_string_equal(names_at(CLIENT "/acls/acl"), "y");
	expect_refused(YANG_DELETE, CLIENT "/acls/acl=x", NULL, 404, RESTCONF_INVALID_VALUE,
		"/acls/acl[name='x']");
	assert_int_equal(edit(YANG_DELETE, CLIENT "/aliases", NULL), 204);
	expect_refused(
		YANG_DELETE, CLIENT "/aliases", NULL, 404, RESTCONF_INVALID_VALUE, "/aliases");
}

static void
what_has_to_stay_cannot_be_deleted(void **state)
{
	(void)state;
	expect_refused(YANG_DELETE, ACES "/ace=1/actions/forwarding", NULL, 400,
		RESTCONF_MISSING_ATTRIBUTE, "/acls/acl[name='x']/aces/ace[name='1']/actions");
	expect_refused(YANG_DELETE, ALIAS "/name", NULL, 400, RESTCONF_MISSING_ATTRIBUTE,
		"/aliases/alias[1]");
	expect_refused(YANG_DELETE, ALIAS "/target-prefix=192.0.2.0%2F24", NULL, 400,
		RESTCONF_MISSING_ATTRIBUTE, "/aliases/alias[name='a']");
	assert_int_equal(edit(YANG_DELETE, "/restconf/data", NULL), 405);
	assert_string_equal(err.path, "");
}

/* ---- order ---- */

#define ACE(name)                                                                                  \
	"{'ietf-dots-data-channel:ace':[{'name':'" name "','actions':{'forwarding':'drop'}}]}"
#define POINT "&point=/ietf-dots-data-channel:dots-data/dots-client=c/acls/acl=x/aces/ace="

/* 8040-4.8.5-01, 8040-4.8.6-01, 8040-4.4.1-02, 8040-4.5-04, 8783-7.2-23, 8783-4.1-02 */
static void
entries_go_where_they_are_wanted(void **state)
{
	(void)state;
	assert_int_equal(edit(YANG_POST, ACES, ACE("3")), 201);
	assert_string_equal(names_at(ACES "/ace"), "123");
	assert_int_equal(edit(YANG_POST, ACES "?insert=first", ACE("4")), 201);
	assert_string_equal(names_at(ACES "/ace"), "4123");
	assert_int_equal(edit(YANG_POST, ACES "?insert=before" POINT "2", ACE("5")), 201);
	assert_string_equal(names_at(ACES "/ace"), "41523");
	assert_int_equal(edit(YANG_POST, ACES "?insert=after" POINT "2", ACE("6")), 201);
	assert_string_equal(names_at(ACES "/ace"), "415263");
	assert_int_equal(edit(YANG_PUT, ACES "/ace=7?insert=last", ACE("7")), 201);
	assert_string_equal(names_at(ACES "/ace"), "4152637");
	/* What stands there keeps its place, or is moved. */
	assert_int_equal(edit(YANG_PUT, ACES "/ace=5", ACE("5")), 204);
	assert_string_equal(names_at(ACES "/ace"), "4152637");
	assert_int_equal(edit(YANG_PUT, ACES "/ace=5?insert=first", ACE("5")), 204);
	assert_string_equal(names_at(ACES "/ace"), "5412637");
	assert_int_equal(edit(YANG_PUT, ACES "/ace=5?insert=after" POINT "7", ACE("5")), 204);
	assert_string_equal(names_at(ACES "/ace"), "4126375");
}

/* 8040-4.4.1-03, 8040-4.8.5-01, 8040-4.8.6-02 */
static void
places_that_do_not_exist_are_refused(void **state)
{
	static const char *const queries[] = {
		POINT "9", /* no such entry */
		POINT "5", /* itself */
		"&point=/ietf-dots-data-channel:dots-data/dots-client=c/acls/acl=y/aces/ace=1",
		"&point=/ietf-dots-data-channel:dots-data/dots-client=c/acls/acl=x/aces",
		"&point=/ietf-dots-data-channel:dots-data/dots-client=c/acls/acl=x/aces/ace",
		"&point=/ietf-dots-data-channel:dots-data/dots-client=c/acls/acl=x,y/aces/ace=1",
		"&point=/ietf-dots-data-channel:dots-data/dots-client=c/acls/acl=x/aces/acl=1",
		"&point=/vendor:dots-data/dots-client=c/acls/acl=x/aces/ace=1",
	};
	char target[512];

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		snprintf(target, sizeof(target), ACES "?insert=after%s", queries[i]);
		expect_refused(YANG_POST, target, ACE("5"), 400, RESTCONF_INVALID_VALUE,
			"/acls/acl[name='x']/aces");
		snprintf(target, sizeof(target), ACES "/ace=5?insert=after%s", queries[i]);
		expect_refused(YANG_PUT, target, ACE("5"), 400, RESTCONF_INVALID_VALUE,
			"/acls/acl[name='x']/aces/ace[name='5']");
	}
	/* Only lists that users order have places. */
	expect_refused(YANG_POST, CLIENT "/aliases?insert=first",
		"{'ietf-dots-data-channel:alias':[{'name':'b','target-uri':['a:b']}]}", 400,
		RESTCONF_INVALID_VALUE, "/aliases");
	expect_refused(YANG_PUT, CLIENT "/acls/acl=x/activation-type?insert=last",
		"{'ietf-dots-data-channel:activation-type':'immediate'}", 400,
		RESTCONF_INVALID_VALUE, "/acls/acl[name='x']/activation-type");
}

/* ---- from within ---- */

static bool
edit_alone(const struct yang_node *n, json_t *instance, size_t from_segment, enum yang_method m,
	const char *raw, const char *text)
{
	static const struct restconf_query none = {.fields = ""};
	json_t *body = from(text);
	bool fine;

	parse(raw);
	fine = yang_edit(n, instance, &path, from_segment, m, body, &none, &created, &err);
	json_decref(body);
	return fine;
}

/* As the server does it, which keeps entries one by one. */
static void
an_entry_can_be_edited_by_itself(void **state)
{
	json_t *alone = from("{'alias':[{'name':'n','target-uri':['a:b']}]}");
	json_t *entry = from("{'name':'n','target-uri':['a:b']}");

	(void)state;
	assert_true(edit_alone(data_aliases, alone, 3, YANG_PATCH, CLIENT "/aliases/alias=n",
		"{'ietf-dots-data-channel:aliases':{'alias':[{'name':'n','target-protocol':[6]}]}"
		"}"));
	assert_string_equal(
		to(alone), "{'alias':[{'name':'n','target-protocol':[6],'target-uri':['a:b']}]}");
	assert_true(edit_alone(data_alias, entry, 4, YANG_PUT, CLIENT "/aliases/alias=n",
		"{'ietf-dots-data-channel:alias':[{'name':'n','target-uri':['c:d']}]}"));
	assert_true(edit_alone(data_alias, entry, 4, YANG_PATCH, CLIENT "/aliases/alias=n",
		"{'ietf-dots-data-channel:alias':[{'name':'n','target-protocol':[1]}]}"));
	assert_string_equal(to(entry), "{'name':'n','target-protocol':[1],'target-uri':['c:d']}");
	assert_false(edit_alone(data_alias, entry, 4, YANG_PUT, CLIENT "/aliases/alias=n",
		"{'ietf-dots-data-channel:alias':[{'name':'m','target-uri':['c:d']}]}"));
	assert_string_equal(err.path, "");
	assert_false(edit_alone(data_alias, entry, 4, YANG_PUT,
		CLIENT "/aliases/alias=n/target-protocol=7",
		"{'ietf-dots-data-channel:target-protocol':[8]}"));
	assert_string_equal(err.path, "/target-protocol[.='7']");
	json_decref(alone);
	json_decref(entry);
}

/* 8040-12-05 */
static void
long_lists_are_merged_in_one_walk(void **state)
{
	json_t *aces = json_array(), *body, *instance = from("{'name':'x'}");
	static const struct restconf_query none = {.fields = ""};

	(void)state;
	for (int i = 0; i < 4096; i++)
		json_array_append_new(
			aces, json_pack("{s:o, s:{s:s}}", "name", json_sprintf("%d", i), "actions",
				      "forwarding", "drop"));
	parse(CLIENT "/acls/acl=x/aces");
	for (int again = 0; again < 2; again++) {
		body = json_pack("{s:{s:O}}", "ietf-dots-data-channel:aces", "ace", aces);
		assert_true(yang_edit(
			data_acl, instance, &path, 4, YANG_PATCH, body, &none, &created, &err));
		json_decref(body);
	}
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(instance, "aces"), "ace")), 4096);
	json_decref(aces);
	json_decref(instance);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_post_makes_what_is_new, setup, teardown),
		cmocka_unit_test_setup_teardown(containers_on_the_way_are_made, setup, teardown),
		cmocka_unit_test_setup_teardown(
			posts_that_make_no_sense_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_put_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_stay_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_as_a_whole_cannot_be_edited, setup, teardown),
		cmocka_unit_test_setup_teardown(state_cannot_be_edited, setup, teardown),
		cmocka_unit_test_setup_teardown(a_patch_merges, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_new_case_takes_the_place_of_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_delete_takes_away_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_has_to_stay_cannot_be_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_go_where_they_are_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			places_that_do_not_exist_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_can_be_edited_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lists_are_merged_in_one_walk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
