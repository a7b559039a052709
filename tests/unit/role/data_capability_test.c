/* What our client keeps of what a server says that it can filter (RFC 8783 7.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "role/data_capability.h"

static void
learn(struct data_capability *c, unsigned status, const char *body, const char *etag)
{
	struct web_answer a = {.status = status, .body = body, .len = strlen(body), .why = ""};

	data_capability_learn(c, &a, etag);
}

/* A filter that limits. */
static bool
allows(const struct data_capability *c)
{
	json_t *acl = json_pack("{s:s, s:{s:[{s:s, s:{s:s, s:s}}]}}", "name", "f", "aces", "ace",
		"name", "r", "actions", "forwarding", "ietf-access-control-list:accept",
		"rate-limit", "1.00");
	char why[100];
	bool ok;

	assert_non_null(acl);
	ok = data_capability_allows(c, acl, why, sizeof(why));
	json_decref(acl);
	return ok;
}

#define CANNOT "{\"ietf-dots-data-channel:capabilities\":{\"rate-limit\":false}}"

/* 8783-7.1-02 */
static void
what_is_said_counts_until_something_else_is(void **state)
{
	struct data_capability c = {0};

	(void)state;
	assert_true(allows(&c));
	learn(&c, 200, CANNOT, "\"1\"");
	assert_false(allows(&c));
	assert_string_equal(c.etag, "\"1\"");
	learn(&c, 304, "", NULL);
	assert_false(allows(&c));
	assert_string_equal(c.etag, "\"1\"");
	learn(&c, 404, CANNOT, "\"1\"");
	assert_true(allows(&c));
	assert_null(c.etag);
	learn(&c, 200, "{\"capabilities\":{\"rate-limit\":false}}", NULL);
	assert_false(allows(&c));
	assert_null(c.etag);
	learn(&c, 0, "", NULL);
	assert_true(allows(&c));
	/* Its own identities are written without their module, too. */
	learn(&c, 200, "{\"capabilities\":{\"forwarding-actions\":[\"accept\"]}}", NULL);
	assert_true(allows(&c));
	learn(&c, 200, "{\"capabilities\":{\"forwarding-actions\":[\"drop\"]}}", NULL);
	assert_false(allows(&c));
	data_capability_forget(&c);
	assert_true(allows(&c));
}

static void
what_makes_no_sense_is_not_said(void **state)
{
	static const char *const bodies[] = {"", "{", "[]", "{}", "{\"capabilities\":[]}",
		"{\"capabilities\":{\"rate-limit\":\"false\"}}",
		"{\"capabilities\":{\"rate-limit\":false,\"transport-protocols\":[256]}}",
		"{\"other:capabilities\":{\"rate-limit\":false}}"};
	struct data_capability c = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		learn(&c, 200, bodies[i], "\"1\"");
		assert_true(allows(&c));
		assert_null(c.etag); /* or a 304 would say that it is still so */
	}
}

static void
a_long_tag_is_not_kept(void **state)
{
	struct data_capability c = {0};
	char tag[400];

	(void)state;
	memset(tag, 'a', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	learn(&c, 200, CANNOT, tag);
	assert_false(allows(&c));
	assert_null(c.etag);
	data_capability_forget(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_counts_until_something_else_is),
		cmocka_unit_test(what_makes_no_sense_is_not_said),
		cmocka_unit_test(a_long_tag_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
