/*
 * Texts of peers (RFC 3629, RFC 6991).
 */
#include "../base/cases.h"
#include "wire/text.h"

static bool
is_utf8(const char *s)
{
	return text_is_utf8(s, strlen(s));
}

static void
utf8_is_told_from_other_octets(void **state)
{
	(void)state;
	assert_true(is_utf8(""));
	assert_true(is_utf8("a\xc3\xa4\xe2\x80\xa6\xf0\x9f\x98\x80"));
	assert_false(is_utf8("\xc3"));
	assert_false(is_utf8("\xc0\x80"));         /* overlong */
	assert_false(is_utf8("\xed\xa0\x80"));     /* a surrogate */
	assert_false(is_utf8("\xf4\x90\x80\x80")); /* beyond U+10FFFF */
	assert_false(is_utf8("\xe2\x80 "));
}

static void
domain_names_are_labels(void **state)
{
	(void)state;
	assert_true(text_is_domain_name("a_b.Example-1.com."));
	assert_true(text_is_domain_name("."));
	assert_false(text_is_domain_name("a..b"));
	assert_false(text_is_domain_name("-a"));
	assert_false(text_is_domain_name("a-"));
	assert_false(text_is_domain_name("a b"));
	assert_true(text_is_domain_name(
		"a12345678901234567890123456789012345678901234567890123456789012"));
	assert_false(text_is_domain_name(
		"a123456789012345678901234567890123456789012345678901234567890123"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_told_from_other_octets),
		cmocka_unit_test(domain_names_are_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
