/*
 * The Via field (RFC 9110 7.6.3, RFC 8783 3.4).
 */
#include "../base/cases.h"
#include "wire/via.h"

static const char *const own[] = {"gw-Ab_1", "gw.example.net", "192.0.2.1", "2001:db8::1"};

static bool
has(const char *field)
{
	return via_has(field, own, sizeof(own) / sizeof(*own));
}

/* 8783-3.4-02 */
static void
each_of_our_names_is_found(void **state)
{
	(void)state;
	assert_true(has("1.1 gw-Ab_1"));
	assert_true(has("1.0 fred, 1.1 GW.example.NET:443 (a, comment)"));
	assert_true(has("HTTP/1.1 192.0.2.1:8443"));
	assert_true(has("1.1 [2001:DB8:0::1]:443, 1.1 x"));
	assert_true(has("1.1 2001:db8::0:1"));
	assert_true(has("1.1 x (a (b, c) \\) d),1.1\tgw-ab_1(e)"));
}

static void
others_and_comments_are_not_us(void **state)
{
	(void)state;
	assert_false(has(""));
	assert_false(has("1.1 gw"));
	assert_false(has("1.1 xgw-Ab_1, 1.1 gw-Ab_1x, 1.1 gw.example.net.example"));
	assert_false(has("1.1 x (gw-Ab_1 (gw.example.net) 192.0.2.1)"));
	assert_false(has("1.1 x (gw-Ab_1"));
	assert_false(has("1.1 192.0.2.11, 1.1 2001:db8::11"));
}

static void
what_goes_on_is_short_and_printable(void **state)
{
	char text[VIA_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[VIA_MAX] = '\0';
	assert_true(via_is_sound(text));
	text[VIA_MAX] = 'x';
	text[VIA_MAX + 1] = '\0';
	assert_false(via_is_sound(text));
	assert_true(via_is_sound("1.1 a\t(b)"));
	assert_false(via_is_sound("1.1 \xc3\xa4"));
	assert_false(via_is_sound("1.1 a\x01"));
}

/* 8783-3.4-01, 8783-3.4-09 */
static void
ours_is_appended(void **state)
{
	char *one = via_append(NULL, "gw"), *two = via_append("1.0 fred", "gw");

	(void)state;
	assert_string_equal(one, "1.1 gw");
	assert_string_equal(two, "1.0 fred, 1.1 gw");
	free(one);
	free(two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_our_names_is_found),
		cmocka_unit_test(others_and_comments_are_not_us),
		cmocka_unit_test(what_goes_on_is_short_and_printable),
		cmocka_unit_test(ours_is_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
