/* What is learned about domains: from text, and together with the configuration. */
#include "fixture.h"

#include <stdio.h>

#include "homing/fact.h"

static char why[300];

static struct fact
fact(const char *domain, enum fact_kind kind, const char *text, enum fact_source source)
{
	struct fact f;

	if (fact_parse(kind, text, &f, why, sizeof(why)) != 0)
		fail_msg("%s: %s", text, why);
	f.domain = domain;
	f.source = source;
	return f;
}

static struct homing *
network(void)
{
	static const char *const domains[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 -", "isp3 wan3 - -"};

	return make_homing(domains, 3);
}

static struct homing *
applied(const struct homing *base, const struct fact *facts, size_t n)
{
	struct homing *h = facts_apply(base, facts, n, why, sizeof(why));

	if (!h)
		fail_msg("%s", why);
	return h;
}

static void
texts_are_read_and_written(void **state)
{
	static const struct {
		enum fact_kind kind;
		const char *text, *back; /* NULL: refused */
	} cases[] = {
		{FACT_PREFIX, "192.0.2.1/24", "192.0.2.0/24"},
		{FACT_PREFIX, "127.0.0.0/8", NULL},
		{FACT_PREFIX, "isp", NULL},
		{FACT_RESOLVER, "192.0.2.53", "192.0.2.53"},
		{FACT_RESOLVER, "[2001:db8::53]:5353", "[2001:db8::53]:5353"},
		{FACT_RESOLVER, "224.0.0.251", NULL},
		{FACT_SERVER, "dots.example.", "dots.example"},
		{FACT_SERVER, "dots.example@192.0.2.1,2001:db8::1",
			"dots.example@192.0.2.1,2001:db8::1"},
		{FACT_SERVER, "@192.0.2.1", "@192.0.2.1"},
		{FACT_SERVER, "", NULL},
		{FACT_SERVER, "@", NULL},
		{FACT_SERVER, "dots.example@", NULL},
		{FACT_SERVER, "dots..example", NULL},
		{FACT_SERVER, "-dots.example", NULL},
		{FACT_SERVER, "dots-.example", NULL},
		{FACT_SERVER, "dots example", NULL},
		{FACT_SERVER, "dots\n.example", NULL},
		{FACT_GATEWAY, "fe80::1", "fe80::1"},
		{FACT_GATEWAY, "255.255.255.255/3", NULL},
		{FACT_GATEWAY, "ff02::1", NULL},
	};
	char text[FACT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fact f;
		int r = fact_parse(cases[i].kind, cases[i].text, &f, why, sizeof(why));

		if ((r == 0) != (cases[i].back != NULL))
			fail_msg("%s: %d", cases[i].text, r);
		if (r == 0)
			assert_string_equal(fact_format(&f, text), cases[i].back);
		else
			assert_true(*why);
	}
}

/* A name of 254 characters is one, of 255 none; a label of 63, and not of 64. */
static void
names_are_bounded(void **state)
{
	char name[300];
	struct fact f;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	assert_int_equal(fact_parse(FACT_SERVER, name, &f, why, sizeof(why)), 0);
	name[63] = 'a';
	name[64] = '\0';
	assert_int_not_equal(fact_parse(FACT_SERVER, name, &f, why, sizeof(why)), 0);
	memset(name, 'a', sizeof(name));
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = '.';
	name[253] = '\0';
	assert_int_equal(fact_parse(FACT_SERVER, name, &f, why, sizeof(why)), 0);
	name[253] = '.';
	name[255] = '\0';
	assert_int_not_equal(fact_parse(FACT_SERVER, name, &f, why, sizeof(why)), 0);
}

/* 8973-5.1.3-04, 8973-5.1.3-05, 8973-5.2.3-03, 8973-5.2.3-04: left out silently; with none left it
 * says nothing (8973-5.1.3-09). */
static void
addresses_of_no_server_are_left_out(void **state)
{
	char text[FACT_TEXT_MAX], many[FACT_TEXT_MAX] = "@";
	struct fact f;

	(void)state;
	f = fact("isp1", FACT_SERVER, "s@224.0.0.1,127.0.0.1,::1,ff02::1,0.0.0.0,192.0.2.9",
		FACT_DHCP);
	assert_string_equal(fact_format(&f, text), "s@192.0.2.9");
	assert_int_not_equal(
		fact_parse(FACT_SERVER, "s@127.0.0.1,ff05::1", &f, why, sizeof(why)), 0);
	for (int i = 1; i <= 20; i++)
		sprintf(many + strlen(many), "%s192.0.2.%d", i > 1 ? "," : "", i);
	f = fact("isp1", FACT_SERVER, many, FACT_DHCP);
	assert_int_equal(f.n_addrs, FACT_ADDRS_MAX);
}

/* 8973-4-03, 8973-4-04; 9132-4.3 for the router. */
static void
the_first_source_that_says_something_counts(void **state)
{
	struct fact facts[] = {fact("isp2", FACT_GATEWAY, "198.51.100.1", FACT_ROUTER),
		fact("isp2", FACT_SERVER, "sd.example", FACT_DNS_SD),
		fact("isp2", FACT_SERVER, "naptr.example", FACT_NAPTR),
		fact("isp2", FACT_SERVER, "dhcp.example@198.51.100.9", FACT_DHCP),
		fact("isp2", FACT_SERVER, "ours.example", FACT_OPERATOR)};
	static const char *const names[] = {
		"198.51.100.1", "sd.example", "naptr.example", "dhcp.example", "ours.example"};
	static const char *const from[] = {"router", "dns-sd", "naptr", "dhcp", "operator"};
	struct homing *base = network(), *h;

	(void)state;
	for (size_t n = 1; n <= 5; n++) {
		h = applied(base, facts, n);
		assert_int_equal(h->domains[1].n_servers, 1);
		assert_string_equal(h->domains[1].servers[0]->name, names[n - 1]);
		assert_string_equal(h->domains[1].servers[0]->learned, from[n - 1]);
		assert_int_equal(h->domains[0].n_servers, 1); /* nobody else's */
		assert_int_equal(h->domains[2].n_servers, 0);
		homing_free(h);
	}
	homing_free(base);
}

/* 4218-1.1-01: What is configured comes before what is found; the operator adds to it. */
static void
what_is_configured_stays(void **state)
{
	struct fact facts[] = {fact("isp1", FACT_SERVER, "dhcp.example", FACT_DHCP),
		fact("isp1", FACT_GATEWAY, "192.0.2.65", FACT_DHCP),
		fact("isp1", FACT_SERVER, "ours.example", FACT_OPERATOR),
		fact("isp1", FACT_RESOLVER, "192.0.2.53", FACT_DHCP)};
	struct homing *base = network(), *h = applied(base, facts, 2);

	(void)state;
	assert_int_equal(h->domains[0].n_servers, 1);
	assert_null(h->domains[0].servers[0]->learned);
	homing_free(h);
	h = applied(base, facts, 4);
	assert_int_equal(h->domains[0].n_servers, 2);
	assert_int_equal(h->domains[0].n_resolvers, 1);
	homing_free(h);
	homing_free(base);
}

/* Each family by itself (RFC 8973 5): one server with the addresses of both; another port or
 * transport is another one, with an id of its own. */
static void
what_is_told_of_one_server_is_put_together(void **state)
{
	struct fact facts[] = {fact("isp2", FACT_SERVER, "s.example@198.51.100.9", FACT_DHCP),
		fact("isp2", FACT_SERVER, "s.example@2001:db8::9,198.51.100.9", FACT_DHCP),
		fact("isp2", FACT_SERVER, "s.example@198.51.100.9", FACT_DHCP),
		fact("isp2", FACT_SERVER, "s.example@198.51.100.9", FACT_DHCP)};
	struct homing *base = network(), *h;
	struct domain_server *const *s;

	(void)state;
	facts[0].expires = 5000;
	facts[1].expires = 3000;
	facts[2].port = 5000;
	facts[3].transport = SERVER_TCP;
	h = applied(base, facts, 4);
	s = h->domains[1].servers;
	assert_int_equal(h->domains[1].n_servers, 3);
	assert_string_equal(s[0]->id, "s.example");
	assert_int_equal(s[0]->n_addresses, 2);
	assert_int_equal(s[0]->expires, 3000);
	assert_string_equal(s[1]->id, "s.example:5000");
	assert_string_equal(s[2]->id, "s.example:4646/tcp");
	homing_free(h);
	homing_free(base);
}

/* One that is configured is what it is. */
static void
a_configured_server_is_not_added_to(void **state)
{
	struct fact f = fact("isp1", FACT_SERVER, "s1@192.0.2.9", FACT_OPERATOR);
	struct homing *base = network(), *h = applied(base, &f, 1);

	(void)state;
	assert_int_equal(h->domains[0].n_servers, 1);
	assert_int_equal(h->domains[0].servers[0]->n_addresses, 0);
	assert_null(h->domains[0].servers[0]->learned);
	homing_free(h);
	homing_free(base);
}

static void
two_servers_have_to_differ(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1,s1"};
	struct homing *h = make_homing(domains, 1);

	(void)state;
	assert_int_not_equal(homing_index(h, why, sizeof(why)), 0);
	assert_non_null(strstr(why, "two servers s1"));
	homing_free(h);
	h = make_homing(domains, 1);
	h->domains[0].servers[1]->transport = SERVER_TCP;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	homing_free(h);
}

/* 9284-4.1-10 */
static void
assigned_prefixes_are_owned(void **state)
{
	struct fact facts[] = {fact("isp3", FACT_PREFIX, "203.0.113.0/26", FACT_DHCP),
		fact("isp3", FACT_PREFIX, "203.0.113.0/26", FACT_OPERATOR)};
	struct prefix p = prefix_from("203.0.113.0/26");
	struct homing *base = network(), *h;
	const struct owner *o;

	(void)state;
	base->domains[2].protects_assigned = true;
	h = applied(base, facts, 2);
	o = trie_get(h->owners, &p);
	assert_non_null(o);
	assert_int_equal(o->n_domains, 1);
	assert_int_equal(o->domains[0], 2);
	assert_int_equal(h->domains[2].n_prefixes, 1);
	homing_free(h);
	base->domains[2].protects_assigned = false; /* `protects` says what its servers can do */
	h = applied(base, facts, 1);
	assert_null(trie_get(h->owners, &p));
	homing_free(h);
	homing_free(base);
}

/* DESIGN M2: assigned by two, or by nobody. */
static void
contradictions_are_refused(void **state)
{
	struct fact twice[] = {fact("isp2", FACT_PREFIX, "203.0.113.0/26", FACT_DHCP),
		fact("isp3", FACT_PREFIX, "203.0.113.0/26", FACT_DHCP)};
	struct fact taken = fact("isp2", FACT_PREFIX, "192.0.2.64/26", FACT_OPERATOR);
	struct fact stranger = fact("isp9", FACT_SERVER, "s.example", FACT_OPERATOR);
	struct homing *base = network();

	(void)state;
	assert_null(facts_apply(base, twice, 2, why, sizeof(why)));
	assert_non_null(fact_doubt(base, &taken, why, sizeof(why)));
	assert_non_null(strstr(why, "192.0.2.64/26"));
	assert_null(fact_doubt(base, &twice[0], why, sizeof(why)));
	assert_non_null(fact_doubt(base, &stranger, why, sizeof(why)));
	base->provider_independent = mem_copy(&twice[0].prefix, sizeof(twice[0].prefix));
	base->n_provider_independent = 1;
	assert_non_null(fact_doubt(base, &twice[0], why, sizeof(why)));
	homing_free(base);
}

/* 8973-8.1-03, 8973-8.1-05. */
static void
only_trusted_names_are_believed(void **state)
{
	static const struct {
		const char *server;
		enum fact_source source;
		bool believed;
	} cases[] = {
		{"dots.isp1.example", FACT_DHCP, true},
		{"DOTS.isp1.example", FACT_DHCP, true},
		{"a.b.isp2.example", FACT_NAPTR, true},
		{"isp2.example", FACT_NAPTR, false},
		{"evilisp2.example", FACT_NAPTR, false},
		{"dots.rogue.example", FACT_DHCP, false},
		{"@192.0.2.9", FACT_DHCP, false},
		{"dots.rogue.example", FACT_OPERATOR, true},
	};
	struct homing *base = network();
	struct domain *d = &base->domains[2];

	(void)state;
	d->trusted_names = mem_array(2, sizeof(char *));
	d->trusted_names[d->n_trusted_names++] = mem_text("dots.isp1.example");
	d->trusted_names[d->n_trusted_names++] = mem_text("*.isp2.example");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fact f = fact("isp3", FACT_SERVER, cases[i].server, cases[i].source);
		bool believed = !fact_doubt(base, &f, why, sizeof(why));

		if (believed != cases[i].believed)
			fail_msg("%s: %s", cases[i].server, believed ? "believed" : why);
	}
	homing_free(base);
}

/* The copy has all that the configuration has. */
static void
without_facts_it_is_the_configuration(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26,2001:db8:1::/48 s1,s1b",
		"isp2 wan2 198.51.100.64/26 s2", "@g1 - - g1"};
	struct homing *base = make_homing(domains, 3), *h = applied(base, NULL, 0);

	(void)state;
	assert_int_equal(homing_index(base, why, sizeof(why)), 0);
	assert_int_equal(h->n_domains, base->n_domains);
	assert_int_equal(h->n_servers, base->n_servers);
	for (uint32_t i = 0; i < h->n_servers; i++) {
		assert_string_equal(h->servers[i]->name, base->servers[i]->name);
		assert_ptr_not_equal(h->servers[i]->name, base->servers[i]->name);
		assert_int_equal(h->servers[i]->port, base->servers[i]->port);
	}
	for (size_t i = 0; i < h->n_domains; i++) {
		assert_string_equal(h->domains[i].name, base->domains[i].name);
		assert_int_equal(h->domains[i].gateway, base->domains[i].gateway);
		assert_int_equal(h->domains[i].n_interfaces, base->domains[i].n_interfaces);
		assert_int_equal(h->domains[i].n_protects, base->domains[i].n_protects);
	}
	homing_free(base);
	homing_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_and_written),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(addresses_of_no_server_are_left_out),
		cmocka_unit_test(the_first_source_that_says_something_counts),
		cmocka_unit_test(what_is_configured_stays),
		cmocka_unit_test(what_is_told_of_one_server_is_put_together),
		cmocka_unit_test(a_configured_server_is_not_added_to),
		cmocka_unit_test(two_servers_have_to_differ),
		cmocka_unit_test(assigned_prefixes_are_owned),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(only_trusted_names_are_believed),
		cmocka_unit_test(without_facts_it_is_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
