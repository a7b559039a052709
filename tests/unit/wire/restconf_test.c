/*
 * Request targets, query parameters, media types and error bodies (RFC 8040 3.5.3, 4.8, 5.2, 7).
 */
#include "../base/cases.h"
#include "wire/restconf.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* ---- errors ---- */

static json_t *
only_error(const struct restconf_error *e, json_t *info, json_t **ret_body)
{
	json_t *list;

	*ret_body = restconf_error_body(e, info);
	list = json_object_get(json_object_get(*ret_body, "ietf-restconf:errors"), "error");
	assert_int_equal(json_array_size(list), 1);
	return json_array_get(list, 0);
}

static const char *
member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* 8040-7.1-06, 8040-8-01, 8040-8-02, 8040-8-03, 8040-8-04, 8783-3.4-06 */
static void
an_error_is_a_body_of_ietf_restconf(void **state)
{
	struct restconf_error e;
	json_t *body, *error, *info = json_pack("{s:s}", "via-header", "1.1 gw");

	(void)state;
	assert_false(restconf_refuse(
		&e, 508, RESTCONF_OPERATION_FAILED, "RFC 8783 3.4: Via: %s", "a loop"));
	error = only_error(&e, NULL, &body);
	assert_string_equal(member(error, "error-type"), "application");
	assert_string_equal(member(error, "error-tag"), "operation-failed");
	assert_string_equal(member(error, "error-message"), "RFC 8783 3.4: Via: a loop");
	assert_int_equal(json_object_size(error), 3);
	json_decref(body);
	e.transport = true;
	e.app_tag = "loop-detected";
	snprintf(e.path, sizeof(e.path), "/m:x[name='y']");
	error = only_error(&e, info, &body);
	assert_string_equal(member(error, "error-type"), "transport");
	assert_string_equal(member(error, "error-app-tag"), "loop-detected");
	assert_string_equal(member(error, "error-path"), "/m:x[name='y']");
	assert_string_equal(member(json_object_get(error, "error-info"), "via-header"), "1.1 gw");
	json_decref(body);
}

/* 8040-7-01 */
static void
every_tag_has_its_name(void **state)
{
	static const char *const names[] = {"in-use", "invalid-value", "too-big",
		"missing-attribute", "bad-attribute", "unknown-attribute", "bad-element",
		"unknown-element", "unknown-namespace", "access-denied", "resource-denied",
		"operation-not-supported", "operation-failed", "malformed-message"};
	struct restconf_error e = {.status = 400};

	(void)state;
	for (int t = RESTCONF_IN_USE; t <= RESTCONF_MALFORMED_MESSAGE; t++) {
		json_t *body, *error;

		e.tag = (enum restconf_tag)t;
		error = only_error(&e, NULL, &body);
		assert_string_equal(member(error, "error-tag"), names[t]);
		json_decref(body);
	}
}

static void
a_refusal_is_printable_bounded_and_starts_anew(void **state)
{
	struct restconf_error e;
	char quoted[2 * RESTCONF_WHY_MAX];

	(void)state;
	memset(&e, 'x', sizeof(e));
	memset(quoted, '\xff', sizeof(quoted));
	quoted[sizeof(quoted) - 1] = '\0';
	assert_false(restconf_refuse(&e, 400, RESTCONF_INVALID_VALUE, "a\n%s", quoted));
	assert_memory_equal(e.why, "a\\x0a\\xff", 9);
	assert_true(strlen(e.why) < sizeof(e.why));
	assert_true(!e.path[0] && !e.app_tag && !e.transport && e.status == 400);
}

/* ---- request targets ---- */

static struct restconf_path path;

static unsigned
parse(const char *raw)
{
	struct restconf_error err = {0};

	if (restconf_path_parse(arena, raw, "/restconf", &path, &err))
		return 200;
	assert_int_equal(err.tag, RESTCONF_INVALID_VALUE);
	assert_memory_equal(err.why, "RFC 8040 3.5.3: ", 16);
	return err.status;
}

/* 8040-3.1-03, 8040-3.3-01, 8040-3.3.1-01, 8040-3.3.2-01, 8040-3.3.3-01, 8040-5.1-01 */
static void
resources_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(parse("/.well-known/host-meta"), 200);
	assert_int_equal(path.resource, RESTCONF_HOST_META);
	assert_int_equal(parse("/restconf"), 200);
	assert_int_equal(path.resource, RESTCONF_API);
	assert_int_equal(parse("/restconf/data"), 200);
	assert_true(path.resource == RESTCONF_DATA && path.n == 0);
	assert_int_equal(parse("/restconf/operations"), 200);
	assert_true(path.resource == RESTCONF_OPERATIONS && path.n == 0);
	assert_int_equal(parse("/restconf/operations/x:y"), 200);
	assert_true(path.resource == RESTCONF_OPERATIONS && path.n == 1);
	assert_int_equal(parse("/restconf/yang-library-version"), 200);
	assert_int_equal(path.resource, RESTCONF_LIBRARY_VERSION);
}

static void
what_is_no_resource_is_not_found(void **state)
{
	static const char *const raws[] = {"", "/", "/restconfx", "/restconf/", "/rest", "/data",
		"/restconf/datax", "/restconf/yang-library-version/x", "/restconf/data/",
		"/restconf/data//a", "/restconf/data/a/", "/restconf/data/1a", "/restconf/data/=x",
		"/restconf/data/:a", "/restconf/data/a:", "/restconf/data/a:b:c",
		"/restconf/data/a b", "/restconf#", "/restconf/data#a", "/restconf/data/.",
		"/restconf/data/a%2Fb", "/.well-known/host-meta/x"};

	(void)state;
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		if (parse(raws[i]) != 404)
			fail_msg("%s is found", raws[i]);
}

/* 8040-3.1-06 */
static void
another_root_counts_where_it_is_ours(void **state)
{
	struct restconf_error err;

	(void)state;
	assert_true(restconf_path_parse(arena, "/top/r/data/m:a", "/top/r", &path, &err));
	assert_string_equal(path.segments[0].name, "a");
	assert_false(restconf_path_parse(arena, "/restconf/data/m:a", "/top/r", &path, &err));
	assert_int_equal(err.status, 404);
}

/* 8040-3.5.3-01, 8040-3.5.3-03, 8040-3.5.3-04, 8040-3.5.3-06 */
static void
keys_are_split_before_they_are_decoded(void **state)
{
	(void)state;
	assert_int_equal(parse("/restconf/data/m:a/b=x%2Fy%2Cz%20%c3%a4,/c%2dd"), 200);
	assert_int_equal(path.n, 3);
	assert_string_equal(path.segments[0].module, "m");
	assert_string_equal(path.segments[0].name, "a");
	assert_int_equal(path.segments[0].n_keys, 0);
	assert_null(path.segments[1].module);
	assert_int_equal(path.segments[1].n_keys, 2);
	assert_string_equal(path.segments[1].keys[0], "x/y,z \xc3\xa4");
	assert_string_equal(path.segments[1].keys[1], "");
	assert_string_equal(path.segments[2].name, "c-d");
	assert_int_equal(parse("/restconf/data/a=x=y"), 200);
	assert_string_equal(path.segments[0].keys[0], "x=y");
}

/* 8040-3.5.3.1-01 */
static void
broken_encodings_are_bad_requests(void **state)
{
	static const char *const raws[] = {"/restconf/data/a=%", "/restconf/data/a=%4",
		"/restconf/data/a=%4g", "/restconf/data/a=%00", "/restconf/data/a=%ff",
		"/restconf/data/a=\xc3", "/restconf/data/%zz", "/restconf/data/a=1,2,3",
		"/restconf/data/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"};

	(void)state;
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		if (parse(raws[i]) != 400)
			fail_msg("%s is no bad request", raws[i]);
}

/* 8040-3.5.3-04, 8040-4.4.1-05 */
static void
a_location_leads_back(void **state)
{
	static const char raw[] = "/restconf/data/m:a/b=it%27s%2C%3D%2F%25%20%C3%A4-._~Z9,2/c";
	char *text;

	(void)state;
	assert_int_equal(parse(raw), 200);
	text = restconf_path_format(&path, "/restconf");
	assert_string_equal(text, raw);
	free(text);
}

/* ---- queries ---- */

static struct restconf_query query;
enum { ANY = 0x3f };

static unsigned
ask(const char *raw, unsigned allowed)
{
	struct restconf_error err = {0};

	if (restconf_query_parse(arena, raw, "/restconf", allowed, &query, &err))
		return 200;
	assert_int_equal(err.tag, RESTCONF_INVALID_VALUE);
	assert_memory_equal(err.why, "RFC 8040 4.8", 12);
	return err.status;
}

/* 8040-4.8-01, 8040-4.8.1-01, 8040-4.8.1-02, 8783-7.3-06, 8040-4.8.2-01, 8040-4.8.9-02 */
static void
parameters_have_their_values(void **state)
{
	(void)state;
	assert_int_equal(ask(NULL, 0), 200);
	assert_int_equal(ask("", 0), 200);
	assert_true(!query.has && query.content == CONTENT_ALL && !query.depth &&
		    query.insert == INSERT_LAST && query.defaults == DEFAULTS_EXPLICIT);
	assert_string_equal(query.fields, "");
	assert_int_equal(ask("depth=65535&content=config&with-defaults=trim", ANY), 200);
	assert_int_equal(query.has, QUERY_DEPTH | QUERY_CONTENT | QUERY_DEFAULTS);
	assert_true(query.depth == 65535 && query.content == CONTENT_CONFIG &&
		    query.defaults == DEFAULTS_TRIM);
	assert_int_equal(ask("content=nonconfig", ANY), 200);
	assert_int_equal(query.content, CONTENT_NONCONFIG);
	assert_int_equal(ask("content=non-config", ANY), 200);
	assert_int_equal(query.content, CONTENT_NONCONFIG);
	assert_int_equal(ask("content=all&depth=unbounded&with-defaults=report-all", ANY), 200);
	assert_true(query.content == CONTENT_ALL && !query.depth &&
		    query.defaults == DEFAULTS_REPORT_ALL);
	assert_int_equal(ask("with-defaults=explicit&fields=a%28b%3Bc%29", ANY), 200);
	assert_string_equal(query.fields, "a(b;c)");
	assert_int_equal(ask("depth=1&insert=first", ANY), 200);
	assert_true(query.depth == 1 && query.insert == INSERT_FIRST);
}

/* 8040-4.8-02, 8040-4.8-03, 8040-4.8-04, 8040-4.8.2-01, 8040-4.8.4-01, 8040-4.8.7-01, 8040-4.8.9-05
 */
static void
other_parameters_are_bad_requests(void **state)
{
	static const char *const raws[] = {"foo=1", "Content=all", "content=ALL",
		"content=", "content", "content=all&content=all", "&", "content=all&", "depth=0",
		"depth=65536", "depth=-1", "depth=1x", "depth=", "depth=000001",
		"fields=", "filter=x", "start-time=1", "with-defaults=report-all-tagged",
		"insert=middle", "content=%", "%=1", "fields=%ff"};

	(void)state;
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		if (ask(raws[i], ANY) != 400)
			fail_msg("%s is no bad request", raws[i]);
}

/* 8040-4.8.1-03, 8040-4.8.2-02, 8040-4.8.3-02 */
static void
parameters_are_for_the_requests_that_they_are_for(void **state)
{
	static const char *const raws[] = {"content=all", "depth=1", "fields=a", "insert=first",
		"insert=after&point=%2Fa", "with-defaults=trim"};

	(void)state;
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++) {
		assert_int_equal(ask(raws[i], ANY), 200);
		assert_int_equal(ask(raws[i], ANY & ~query.has), 400);
	}
}

/* 8040-4.8.5-02, 8040-4.8.6-01, 8040-4.8.6-02, 8040-4.8.6-03 */
static void
a_point_is_a_path_with_or_without_the_root(void **state)
{
	static const char *const raws[] = {"insert=before", "insert=after", "point=%2Fa",
		"insert=first&point=%2Fa", "insert=last&point=%2Fa",
		"insert=after&point=", "insert=after&point=a", "insert=after&point=%2F",
		"insert=after&point=%2Fa%25zz", "insert=after&point=%2Frestconf%2Fdata"};

	(void)state;
	assert_int_equal(ask("point=%2Fm%3Aa%2Fb%3Dx%252Fy&insert=before", ANY), 200);
	assert_int_equal(query.insert, INSERT_BEFORE);
	assert_int_equal(query.point.n, 2);
	assert_string_equal(query.point.segments[0].module, "m");
	assert_string_equal(query.point.segments[1].keys[0], "x/y");
	assert_int_equal(ask("insert=after&point=/restconf/data/m:a/b=x", ANY), 200);
	assert_true(query.insert == INSERT_AFTER && query.point.n == 2);
	assert_string_equal(query.point.segments[0].name, "a");
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		if (ask(raws[i], ANY) != 400)
			fail_msg("%s is no bad request", raws[i]);
}

/* ---- media types ---- */

/* 8040-3.2-01, 8040-5.2-08, 8040-5.2-17, 8040-11.3-01 */
static void
json_is_known_by_its_media_type(void **state)
{
	(void)state;
	assert_true(restconf_media_is_json("application/yang-data+json"));
	assert_true(restconf_media_is_json(" Application/YANG-data+JSON ; charset=utf-8"));
	assert_true(restconf_media_is_json("application/json"));
	assert_false(restconf_media_is_json(NULL));
	assert_false(restconf_media_is_json(""));
	assert_false(restconf_media_is_json("text/plain"));
	assert_false(restconf_media_is_json("application/yang-data+xml"));
	assert_false(restconf_media_is_json("application/yang-data+jsonx"));
}

/* 8040-5.2-06, 8040-5.2-07, 8040-5.2-09 */
static void
accept_allows_what_is_not_refused(void **state)
{
	(void)state;
	assert_true(restconf_accepts(NULL, false));
	assert_true(restconf_accepts("", false));
	assert_true(restconf_accepts("*/*", false));
	assert_true(restconf_accepts("text/html, application/*;q=0.1", false));
	assert_true(restconf_accepts("text/html ,Application/Yang-Data+JSON ; q=1", false));
	assert_true(restconf_accepts("application/yang-data+json;q=0.001", false));
	assert_false(restconf_accepts("text/html", false));
	assert_false(restconf_accepts("application/yang-data+xml", false));
	assert_false(restconf_accepts("application/yang-data+json;q=0", false));
	assert_false(restconf_accepts("application/yang-data+json; Q=0.000", false));
	/* The most specific one decides, wherever it stands. */
	assert_false(restconf_accepts("*/*, application/yang-data+json;q=0", false));
	assert_false(restconf_accepts("application/yang-data+json;q=0.0 , */*;q=0.5", false));
	assert_true(restconf_accepts("application/*;q=0, application/yang-data+json", false));
	assert_true(restconf_accepts("application/*;q=0, application/*", false));
	assert_true(restconf_accepts("application/*, application/*;q=0", false));
	/* 8040-3.1-03 */
	assert_true(restconf_accepts("application/xrd+xml", true));
	assert_false(restconf_accepts("application/xrd+xml", false));
	assert_false(restconf_accepts("application/yang-data+json", true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_a_body_of_ietf_restconf),
		cmocka_unit_test(every_tag_has_its_name),
		cmocka_unit_test(a_refusal_is_printable_bounded_and_starts_anew),
		cmocka_unit_test_setup_teardown(resources_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_resource_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_root_counts_where_it_is_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(
			keys_are_split_before_they_are_decoded, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_encodings_are_bad_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(a_location_leads_back, setup, teardown),
		cmocka_unit_test_setup_teardown(parameters_have_their_values, setup, teardown),
		cmocka_unit_test_setup_teardown(other_parameters_are_bad_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(
			parameters_are_for_the_requests_that_they_are_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_point_is_a_path_with_or_without_the_root, setup, teardown),
		cmocka_unit_test(json_is_known_by_its_media_type),
		cmocka_unit_test(accept_allows_what_is_not_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
