/* Domain names and URIs as targets (RFC 9132 4.4.1.1; rule M7). */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#include "core/name.h"

struct good {
	const char *text, *host;
	bool uri, known;
};

/* 9132-4.4.1.1-45, 9132-4.4.1.1-51 */
static void
names_and_uris_have_a_host(void **state)
{
	static const struct good cases[] = {
		{"www.example.com", "www.example.com", false, false},
		{"WWW.Example.COM.", "www.example.com", false, false},
		{"_dots._udp.example.com", "_dots._udp.example.com", false, false},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", false, false},
		{"https://www.example.com/", "www.example.com", true, false},
		{"https://www.Example.com:8443/a?b=c#d", "www.example.com", true, false},
		{"coaps+tcp://www.example.com", "www.example.com", true, false},
		{"https://www.example.com:", "www.example.com", true, false},
		{"http://192.0.2.70/", "192.0.2.70", true, true},
		{"http://[2001:db8::1]:80/", "2001:db8::1", true, true},
	};
	struct arena *a = arena_new();
	char why[200];
	struct name n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(name_parse(cases[i].text, a, &n, why, sizeof(why)), 0);
		assert_string_equal(n.text, cases[i].text);
		assert_string_equal(n.host, cases[i].host);
		assert_int_equal(n.uri, cases[i].uri);
		assert_int_equal(n.state, cases[i].known ? NAME_KNOWN : NAME_SOUGHT);
		assert_int_equal(n.n_addresses, cases[i].known);
	}
	arena_free(a);
}

/* What is a slip of the pen for an address is no name. */
static void
what_is_no_name_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "fully qualified"},
		{"localhost", "fully qualified"},
		{"192.0.2.300", "fully qualified"},
		{"192.0.2.0/33", "fully qualified"},
		{"www..example", "fully qualified"},
		{"-www.example", "fully qualified"},
		{"www-.example", "fully qualified"},
		{"www.exam ple", "fully qualified"},
		{"www.example/", "fully qualified"},
		{"://www.example.com/", "RFC 3986"},
		{"1http://www.example.com/", "RFC 3986"},
		{"http://www.example.com/a b", "RFC 3986"},
		{"http://www.example.com/\xc3\xbc", "RFC 3986"},
		{"https://bob:secret@www.example.com/", "tells of a user"},
		{"https:///path", "host"},
		{"https://localhost/", "host"},
		{"https://2001:db8::1/", "host"},
		{"https://[192.0.2.1]/", "host"},
		{"https://www.example.com:65536/", "port"},
		{"https://www.example.com:999999/", "port"},
	};
	struct arena *a = arena_new();
	char why[200], text[NAME_TEXT_MAX + 40];
	struct name n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(name_parse(cases[i].text, a, &n, why, sizeof(why)), -EINVAL);
		if (!strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].text, why);
	}
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://www.example.com/", 24);
	text[NAME_TEXT_MAX] = '\0';
	assert_int_equal(name_parse(text, a, &n, why, sizeof(why)), 0);
	text[NAME_TEXT_MAX] = 'a';
	text[NAME_TEXT_MAX + 1] = '\0';
	assert_int_equal(name_parse(text, a, &n, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "1024"));
	memset(text, 'a', 64);
	snprintf(text + 63, 16, ".example");
	assert_int_equal(name_parse(text, a, &n, why, sizeof(why)), 0);
	memset(text, 'a', 64);
	snprintf(text + 64, 16, ".example");
	assert_int_equal(name_parse(text, a, &n, why, sizeof(why)), -EINVAL);
	arena_free(a);
}

static struct name_answer
answer_of(enum name_state state, const char *one, const char *two)
{
	struct name_answer r = {.state = state, .whole = true, .why = ""};

	if (one)
		assert_int_equal(addr_parse(one, &r.addrs[r.n_addrs++]), 0);
	if (two)
		assert_int_equal(addr_parse(two, &r.addrs[r.n_addrs++]), 0);
	return r;
}

/* Who does not answer, or denies a name during an attack, takes no protection away. */
static void
addresses_are_given_up_for_other_ones_only(void **state)
{
	struct name_answer both = answer_of(NAME_KNOWN, "192.0.2.2", "192.0.2.1");
	struct name_answer turned = answer_of(NAME_KNOWN, "192.0.2.1", "192.0.2.2");
	struct name_answer one = answer_of(NAME_KNOWN, "192.0.2.1", NULL);
	struct name_answer none = answer_of(NAME_NONE, NULL, NULL);
	struct name_answer failed = answer_of(NAME_FAILED, NULL, NULL);
	struct arena *a = arena_new();
	char why[200];
	struct name n;

	(void)state;
	assert_int_equal(name_parse("www.example.com", a, &n, why, sizeof(why)), 0);
	assert_true(name_learn(&n, &failed, a));
	assert_int_equal(n.state, NAME_FAILED);
	assert_true(name_learn(&n, &none, a));
	assert_true(name_learn(&n, &both, a));
	assert_int_equal(n.n_addresses, 2);
	assert_false(name_learn(&n, &turned, a)); /* in another order: the same */
	assert_false(name_learn(&n, &failed, a));
	assert_false(name_learn(&n, &none, a));
	assert_int_equal(n.state, NAME_KNOWN);
	assert_int_equal(n.n_addresses, 2);
	assert_true(name_learn(&n, &one, a));
	one.whole = false;
	assert_true(name_learn(&n, &one, a));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_uris_have_a_host),
		cmocka_unit_test(what_is_no_name_is_refused_with_a_reason),
		cmocka_unit_test(addresses_are_given_up_for_other_ones_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
