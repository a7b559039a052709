/* What URIs stand for besides their host (RFC 9132 4.4.1.1). */
#include "fixture.h"

#include "core/service.h"

/* 9132-4.4.1.1-72, 9132-4.4.1.1-73 */
static void
a_scheme_has_protocols_and_a_port(void **state)
{
	static const struct {
		const char *uri;
		struct service is;
	} cases[] = {
		{"http://h.example", {{6}, 1, 80}},
		{"HTTP://h.example:8080/a:1", {{6}, 1, 8080}},
		{"https://h.example/", {{6, 17}, 2, 443}},
		{"https://h.example:8443/x?y#z", {{6, 17}, 2, 8443}},
		{"https://[2001:db8::1]/", {{6, 17}, 2, 443}},
		{"https://[2001:db8::1]:444/", {{6, 17}, 2, 444}},
		{"https://h.example:/", {{6, 17}, 2, 443}},
		{"coaps://h.example", {{17}, 1, 5684}},
		{"coaps+tcp://h.example", {{6}, 1, 5684}},
		{"coap://192.0.2.1:5", {{17}, 1, 5}},
	};
	struct service s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(service_of(cases[i].uri, &s));
		assert_int_equal(s.port, cases[i].is.port);
		assert_int_equal(s.n_protocols, cases[i].is.n_protocols);
		assert_memory_equal(s.protocols, cases[i].is.protocols, s.n_protocols);
	}
	assert_false(service_of("gopher://h.example:70/", &s));
	assert_false(service_of("httpx://h.example/", &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scheme_has_protocols_and_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
