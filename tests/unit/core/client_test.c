#include "fixture.h"

/* 4218-1.2-01, 8811-2.1-01, 9132-8-08, 9132-4.4-13, 9132-4.4.2-20: found by what a handshake
 * proves; nobody else is. */
static void
clients_are_found_by_name_certificate_key_and_psk(void **state)
{
	struct clients *cs = clients_new();
	struct client *a = make_client("acme", "gw.acme.example", "192.0.2.0/24");
	const char *names[] = {"other.example", "gw.acme.example"};

	(void)state;
	a->spki = mem_new(sizeof(char *));
	a->spki[a->n_spki++] = mem_text("E-6A0csb_GmKYnWkoosvEQ");
	a->psk_identities = mem_new(sizeof(char *));
	a->psk_identities[a->n_psk_identities++] = mem_text("acme-psk");
	assert_null(clients_add(cs, a));
	assert_null(clients_add(cs, make_client("beta", "gw.beta.example", "198.51.100.0/24")));
	assert_ptr_equal(clients_named(cs, "acme"), a);
	assert_ptr_equal(clients_by_certificate(cs, names, 2, "x"), a);
	assert_null(clients_by_certificate(cs, names, 1, "x"));
	assert_ptr_equal(clients_by_certificate(cs, names, 0, "E-6A0csb_GmKYnWkoosvEQ"), a);
	assert_ptr_equal(clients_by_psk(cs, "acme-psk"), a);
	assert_null(clients_by_psk(cs, "gw.acme.example"));
	assert_int_equal(clients_count(cs), 2);
	clients_free(cs);
}

static struct client *
make_known(const char *name, const char *spki, const char *cdid)
{
	struct client *c = make_client(name, NULL, NULL);

	c->spki = mem_new(sizeof(char *));
	if (spki)
		c->spki[c->n_spki++] = mem_text(spki);
	c->cdids = mem_new(sizeof(char *));
	if (cdid)
		c->cdids[c->n_cdids++] = mem_text(cdid);
	return c;
}

/* 9132-4.4.1.2-08: all that a gateway may call it means the same client; its keys, too. */
static void
clients_are_found_by_what_gateways_call_them(void **state)
{
	struct clients *cs = clients_new();
	struct client *a = make_known("acme", "E-6A0csb_GmKYnWkoosvEQ", "7eeaf349529eb55ed50113");

	(void)state;
	assert_null(clients_add(cs, a));
	assert_ptr_equal(clients_by_cdid(cs, "7eeaf349529eb55ed50113"), a);
	assert_ptr_equal(clients_by_cdid(cs, "E-6A0csb_GmKYnWkoosvEQ"), a);
	assert_null(clients_by_cdid(cs, "acme"));
	assert_null(clients_by_certificate(cs, NULL, 0, "7eeaf349529eb55ed50113"));
	assert_non_null(clients_add(cs, make_known("beta", NULL, "7eeaf349529eb55ed50113")));
	assert_non_null(clients_add(cs, make_known("beta", NULL, "E-6A0csb_GmKYnWkoosvEQ")));
	assert_non_null(clients_add(cs, make_known("beta", "7eeaf349529eb55ed50113", NULL)));
	clients_free(cs);
}

static void
nothing_stands_for_two_clients(void **state)
{
	struct clients *cs = clients_new();

	(void)state;
	assert_null(clients_add(cs, make_client("acme", "same.example", NULL)));
	assert_non_null(clients_add(cs, make_client("beta", "same.example", NULL)));
	clients_free(cs);
	cs = clients_new();
	assert_null(clients_add(cs, make_client("acme", "a.example", NULL)));
	assert_non_null(clients_add(cs, make_client("acme", "b.example", NULL)));
	clients_free(cs);
}

/* 8811-1.2-04, 8811-2.1-08, 8811-2.2.2-06, 8811-2.2.2-10, 8811-5-06, 9132-4.4.1.1-35,
 * 9132-4.4.1.1-36, 9132-11-11, 9132-11-12 */
static void
only_own_ordinary_prefixes_are_authorised(void **state)
{
	static const struct {
		const char *prefix;
		bool good;
	} cases[] = {{"192.0.2.0/24", true}, {"192.0.2.66/32", true}, {"192.0.0.0/16", false},
		{"192.0.3.0/24", false}, {"127.0.0.1/32", false}, {"224.0.0.1/32", false},
		{"255.255.255.255/32", false}, {"2001:db8::1/128", false}, {"0.0.0.0/0", false}};
	struct clients *cs = clients_new();
	struct client *c = make_client("acme", "a", "192.0.2.0/24");
	struct client *all = make_client("all", "b", "0.0.0.0/0");

	(void)state;
	assert_null(clients_add(cs, c));
	assert_null(clients_add(cs, all));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p;
		struct verdict v;

		prefix_parse(cases[i].prefix, &p);
		v = client_authorises(c, &p, 1);
		assert_int_equal(verdict_ok(&v), cases[i].good);
		if (!cases[i].good) {
			assert_int_equal(v.code, COAP_400_BAD_REQUEST);
			assert_non_null(strstr(v.why, cases[i].prefix));
			assert_non_null(strstr(v.why, "RFC 9132"));
		}
	}
	/* even one that may ask for everything cannot ask for these */
	struct prefix loopback;

	prefix_parse("127.0.0.0/8", &loopback);
	assert_int_equal(client_authorises(all, &loopback, 1).code, COAP_400_BAD_REQUEST);
	clients_free(cs);
}

/* 9132-4.4.1.1-37, 8811-2.1-08 */
static void
no_prefix_is_wider_than_the_client_may_have_it(void **state)
{
	static const struct {
		const char *prefix;
		bool good;
	} cases[] = {{"10.0.0.0/8", false}, {"10.1.0.0/23", false}, {"10.1.0.0/24", true},
		{"10.1.0.1/32", true}, {"2001:db8::/47", false}, {"2001:db8::/48", true}};
	struct clients *cs = clients_new();
	struct client *c = make_client("acme", "a", "10.0.0.0/8");

	(void)state;
	c->prefixes = mem_grow(c->prefixes, 2, sizeof(*c->prefixes));
	prefix_parse("2001:db8::/32", &c->prefixes[c->n_prefixes++]);
	c->widest.ipv4 = 24;
	c->widest.ipv6 = 48;
	assert_null(clients_add(cs, c));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p;
		struct verdict v;

		prefix_parse(cases[i].prefix, &p);
		v = client_authorises(c, &p, 1);
		assert_int_equal(v.code, cases[i].good ? COAP_204_CHANGED : COAP_400_BAD_REQUEST);
		if (!cases[i].good)
			assert_non_null(strstr(v.why,
				p.addr.family == 4 ? "wider than the /24" : "wider than the /48"));
	}
	clients_free(cs);
}

/* 9132-4.4.1.1-37: above, inside, the same; whoever asks. */
static void
some_prefixes_are_never_mitigated(void **state)
{
	static const struct {
		const char *prefix;
		bool good;
	} cases[] = {{"192.0.2.0/24", false}, {"192.0.2.64/26", false}, {"192.0.2.70/32", false},
		{"192.0.2.0/26", true}, {"192.0.2.128/25", true}};
	struct clients *cs = clients_new();
	struct client *c = make_client("acme", "a", "192.0.2.0/24");
	struct prefix never;

	(void)state;
	assert_null(clients_add(cs, c));
	prefix_parse("192.0.2.64/26", &never);
	clients_never(cs, &never, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix p;
		struct verdict v;

		prefix_parse(cases[i].prefix, &p);
		v = client_authorises(c, &p, 1);
		assert_int_equal(v.code, cases[i].good ? COAP_204_CHANGED : COAP_400_BAD_REQUEST);
		if (!cases[i].good)
			assert_non_null(strstr(v.why, "192.0.2.64/26, which this server never"));
	}
	clients_free(cs);
}

/* What was refused has claimed nothing: it may come again under another name. */
static void
who_is_refused_leaves_nothing_behind(void **state)
{
	struct clients *cs = clients_new();
	struct client *c = make_client("beta", "b.example", NULL);

	(void)state;
	assert_null(clients_add(cs, make_client("acme", "same.example", NULL)));
	c->certificates = mem_grow(c->certificates, 2, sizeof(char *));
	c->certificates[c->n_certificates++] = mem_text("same.example");
	assert_non_null(clients_add(cs, c));
	assert_null(clients_named(cs, "beta"));
	assert_ptr_equal(clients_by_certificate(cs, (const char *[]){"same.example"}, 1, "x"),
		clients_named(cs, "acme"));
	assert_null(clients_add(cs, make_client("gamma", "b.example", NULL)));
	clients_free(cs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_found_by_name_certificate_key_and_psk),
		cmocka_unit_test(clients_are_found_by_what_gateways_call_them),
		cmocka_unit_test(nothing_stands_for_two_clients),
		cmocka_unit_test(only_own_ordinary_prefixes_are_authorised),
		cmocka_unit_test(no_prefix_is_wider_than_the_client_may_have_it),
		cmocka_unit_test(some_prefixes_are_never_mitigated),
		cmocka_unit_test(who_is_refused_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
