/*
 * Uri-Path of the signal channel (RFC 9132 4.2, 4.4.1.1, 4.5, 4.7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "wire/path.h"

/* Parses segments separated by "/"; a last one that begins with "?" is a query. */
static int
parse(const char *path, struct path *p, const char **why)
{
	static char copy[512];
	struct coap_msg m;

	*why = "";
	coap_init(&m, COAP_NON, COAP_PUT);
	strcpy(copy, path);
	for (char *rest = copy, *s; (s = strsep(&rest, "/"));)
		coap_add_text(
			&m, *s == '?' ? COAP_OPT_URI_QUERY : COAP_OPT_URI_PATH, s + (*s == '?'));
	return path_parse(&m, p, why);
}

/* 9132-4.2-01, 9132-4.2-02, 9132-4.2-03, 9132-4.2-04, 9132-4.2-05, 9132-4.4.2-06 */
static void
resources_are_told_apart(void **state)
{
	struct path p;
	const char *why;

	(void)state;
	assert_int_equal(
		parse(".well-known/dots/mitigate/cdid=a/cuid=b/mid=4294967295", &p, &why), 0);
	assert_int_equal(p.resource, PATH_MITIGATE);
	assert_string_equal(p.cdid, "a");
	assert_string_equal(p.cuid, "b");
	assert_int_equal(p.mid, 4294967295u);
	assert_int_equal(parse(".well-known/dots/config/sid=7", &p, &why), 0);
	assert_true(p.resource == PATH_CONFIG && p.has_sid && p.sid == 7);
	assert_int_equal(parse(".well-known/dots/hb", &p, &why), 0);
	assert_int_equal(p.resource, PATH_HB);
	assert_int_equal(parse(".well-known/dots/mitigate/cuid=b/?c=n", &p, &why), 0);
	assert_int_equal(p.content, 'n');
	assert_int_equal(parse(".well-known/dots/mitigate/cuid=b/?c=z", &p, &why), 0);
	assert_int_equal(p.content, 'a');
	assert_int_equal(parse(".well-known/dots/tm", &p, &why), -ENOENT);
	assert_int_equal(parse(".well-known/core", &p, &why), -ENOENT);
	assert_int_equal(parse(".well-known/other/mitigate/cuid=b", &p, &why), -ENOENT);
	assert_int_equal(parse("known/dots/mitigate/cuid=b", &p, &why), -ENOENT);
	assert_int_equal(parse("dots/mitigate", &p, &why), -ENOENT);
	assert_int_equal(parse(".well-known/dots", &p, &why), -ENOENT);
	assert_int_equal(parse(".well-known/dots/Mitigate", &p, &why), -ENOENT);
	assert_int_equal(parse(".well-known/dots/mitigate/x", &p, &why), -EBADMSG);
}

/* 9132-4.4.1.1-05, 9132-4.4.1.1-75, 9132-4.4.1.2-15, 9132-4.7-06, 9132-4.5.2-19, 9132-4.4.2-03 */
static void
broken_paths_are_refused_by_name(void **state)
{
	static const struct {
		const char *path, *says;
	} cases[] = {
		{".well-known/dots/mitigate/mid=1/cuid=b", "mid without cuid"},
		{".well-known/dots/mitigate/mid=1", "mid without cuid"},
		{".well-known/dots/mitigate/cuid=b/cdid=a", "cdid repeated or not before"},
		{".well-known/dots/mitigate/cdid=a/cdid=a/cuid=b", "cdid repeated"},
		{".well-known/dots/mitigate/cuid=b/cuid=c", "cuid repeated"},
		{".well-known/dots/mitigate/cuid=b/mid=1/mid=2", "mid repeated"},
		{".well-known/dots/mitigate/cuid=b/mid=1/cuid=b",
			"cuid repeated or not before mid"},
		{".well-known/dots/mitigate/cuid=b/mid=1/", "unknown parameter"},
		{".well-known/dots/mitigate/cuid", "unknown parameter"},
		{".well-known/dots/mitigate/CUID=b", "unknown parameter"},
		{".well-known/dots/mitigate/sid=1", "unknown parameter"},
		{".well-known/dots/mitigate/cuid=b/mid=00000000001", "mid is not a number"},
		{".well-known/dots/mitigate/cuid=b\t", "cuid is not"},
		{".well-known/dots/mitigate/cuid=\303\244", "cuid is not"},
		{".well-known/dots/config/sid=1/sid=1", "4.5.2: Uri-Path sid repeated"},
		{".well-known/dots/config/sid=4294967296", "sid is not a number"},
		{".well-known/dots/config/mid=1", "4.5.2: Uri-Path has an unknown parameter"},
		{".well-known/dots/hb/mid=1", "heartbeat has parameters"},
		{".well-known/dots/hb/cdid=1", "heartbeat has parameters"},
		{".well-known/dots/mitigate/cuid=/mid=1", "cuid is empty"},
		{".well-known/dots/mitigate/cuid=b/mid=", "mid is empty"},
		{".well-known/dots/mitigate/cdid=/cuid=b", "cdid is empty"},
		{".well-known/dots/mitigate/cuid=b/mid=-1", "mid is not a number"},
		{".well-known/dots/mitigate/cuid=b/mid=+1", "mid is not a number"},
		{".well-known/dots/mitigate/cuid=b/mid=4294967296", "mid is not a number"},
		{".well-known/dots/mitigate/cuid=b/mid=1x", "mid is not a number"},
		{".well-known/dots/mitigate/cuid=b/other=1", "unknown parameter"},
		{".well-known/dots/mitigate/cuid=b c", "cuid is not"},
		{".well-known/dots/hb/cuid=b", "heartbeat has parameters"},
		{".well-known/dots/config/cuid=b", "unknown parameter"},
		{".well-known/dots/config/sid=", "sid is empty"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path p;
		const char *why;

		assert_int_equal(parse(cases[i].path, &p, &why), -EBADMSG);
		if (!strstr(why, cases[i].says) || strncmp(why, "RFC 9132", 8) != 0)
			fail_msg("%s: %s", cases[i].path, why);
	}
}

/* 9132-4.4.1.1-15: opaque text of any length up to the limit. */
static void
identifiers_of_other_forms_are_taken(void **state)
{
	struct path p;
	const char *why;

	(void)state;
	assert_int_equal(parse(".well-known/dots/mitigate/"
			       "cuid=f81d4fae-7dec-11d0-a765-00a0c91e6bf6/mid=0",
				 &p, &why),
		0);
	assert_string_equal(p.cuid, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
	assert_true(p.has_mid && p.mid == 0);
	assert_int_equal(parse(".well-known/dots/mitigate/cuid=a=b~!", &p, &why), 0);
	assert_string_equal(p.cuid, "a=b~!");
}

static void
identifiers_are_bounded(void **state)
{
	char path[256] = ".well-known/dots/mitigate/cuid=";
	size_t start = strlen(path);
	struct path p;
	const char *why;

	(void)state;
	memset(path + start, 'c', PATH_ID_MAX);
	assert_int_equal(parse(path, &p, &why), 0);
	path[start + PATH_ID_MAX] = 'c';
	assert_int_equal(parse(path, &p, &why), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources_are_told_apart),
		cmocka_unit_test(broken_paths_are_refused_by_name),
		cmocka_unit_test(identifiers_of_other_forms_are_taken),
		cmocka_unit_test(identifiers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
