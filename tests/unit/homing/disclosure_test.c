/* The gate: what a provider may be told (RFC 9284 6; rules M7, M9). */
#include "fixture.h"

#include "homing/disclosure.h"

static const char *const three[] = {"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2",
	"isp3 wan3 203.0.113.64/26 s3"};

struct world {
	struct homing *h;
	struct arena *a;
};

static void
consent(struct homing *h, const char *from, const char *to)
{
	h->consents = mem_grow(h->consents, h->n_consents + 1, sizeof(*h->consents));
	h->consents[h->n_consents++] = (struct consent){.from = mem_text(from),
		.to = mem_text(to),
		.what = CONSENT_NAMES,
		.granted_by = mem_text("noc"),
		.at = mem_text("2026-01-31")};
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	struct homing *h = make_homing(three, 3);
	char why[100];

	h->provider_independent = mem_new(sizeof(struct prefix));
	h->provider_independent[h->n_provider_independent++] = prefix_from("203.0.113.0/26");
	h->never_signal = mem_new(sizeof(struct prefix));
	h->never_signal[h->n_never_signal++] = prefix_from("192.0.2.96/28");
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	x->h = h;
	x->a = arena_new();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	homing_free(x->h);
	arena_free(x->a);
	free(x);
	return 0;
}

static enum disclosure_rule
rule_at(struct world *x, const char *server, const char *addresses)
{
	struct name n = name_from(x->a, "www.example.com", addresses);

	return disclosure_of_name(x->h, server_named(x->h, server), &n).rule;
}

/* 9284-6-05: to who owns all of it, or to nobody. */
static void
a_name_is_told_to_who_owns_all_its_addresses(void **state)
{
	struct world *x = *state;

	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32"), DISCLOSURE_OWN);
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,192.0.2.71/32"), DISCLOSURE_OWN);
	assert_int_equal(rule_at(x, "s2", "192.0.2.70/32"), DISCLOSURE_FOREIGN);
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,198.51.100.70/32"), DISCLOSURE_FOREIGN);
	assert_int_equal(rule_at(x, "s2", "192.0.2.70/32,198.51.100.70/32"), DISCLOSURE_FOREIGN);
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,8.8.8.8/32"), DISCLOSURE_FOREIGN);
	/* Provider-independent addresses are everybody's; those never to be signalled nobody's. */
	assert_int_equal(rule_at(x, "s1", "203.0.113.1/32"), DISCLOSURE_OWN);
	assert_int_equal(rule_at(x, "s2", "203.0.113.1/32,198.51.100.70/32"), DISCLOSURE_OWN);
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,192.0.2.100/32"), DISCLOSURE_FOREIGN);
}

/* What is not known may be somebody else's. */
static void
a_name_whose_addresses_are_not_all_known_is_not_told(void **state)
{
	struct world *x = *state;
	struct name n = name_from(x->a, "www.example.com", "192.0.2.70/32");

	n.whole = false;
	assert_int_equal(
		disclosure_of_name(x->h, server_named(x->h, "s1"), &n).rule, DISCLOSURE_UNSURE);
	n.whole = true;
	n.state = NAME_FAILED;
	assert_false(disclosure_allows(x->h, server_named(x->h, "s1"), &n));
}

/* 9284-6-12, 9284-6-13: in one direction, by each whose addresses it has, and for what the server
 * is asked for anyway. */
static void
a_consent_widens_what_may_be_told(void **state)
{
	struct world *x = *state;
	char why[DISCLOSURE_TEXT_MAX];
	struct disclosure_verdict v;
	struct name n;

	consent(x->h, "isp2", "isp1");
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,198.51.100.70/32"), DISCLOSURE_CONSENT);
	assert_int_equal(rule_at(x, "s2", "192.0.2.70/32,198.51.100.70/32"), DISCLOSURE_FOREIGN);
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,198.51.100.70/32,203.0.113.70/32"),
		DISCLOSURE_FOREIGN);
	assert_int_equal(rule_at(x, "s1", "192.0.2.70/32,192.0.2.100/32"), DISCLOSURE_FOREIGN);
	/* Nothing of it is asked of s1 (M3). */
	assert_int_equal(rule_at(x, "s1", "198.51.100.70/32"), DISCLOSURE_FOREIGN);
	n = name_from(x->a, "www.example.com", "192.0.2.70/32,198.51.100.70/32");
	v = disclosure_of_name(x->h, server_named(x->h, "s1"), &n);
	assert_string_equal(disclosure_explain(x->h, server_named(x->h, "s1"), &v, why),
		"198.51.100.70/32 does not belong to isp1, but isp1 may be told: granted by noc, "
		"2026-01-31");
}

/* 9284-6-03: whatever was planned, nothing of somebody else's leaves. */
static void
the_gate_lets_through_what_is_the_domains(void **state)
{
	struct world *x = *state;
	struct name names[3] = {name_from(x->a, "www.example.com", "192.0.2.70/32"),
		name_from(x->a, "https://shop.example.com/", "192.0.2.71/32"),
		name_from(x->a, "mail.example.com", "192.0.2.72/32,198.51.100.72/32")};
	struct target t = target_from(x->a, "192.0.2.70/32,192.0.2.71/32,198.51.100.72/32 6 80");
	struct disclosure d;

	disclosure_gate(x->h, server_named(x->h, "s1"), &t, names, 3, x->a, &d);
	assert_int_equal(d.prefixes, 2);
	assert_int_equal(d.withheld_prefixes, 1);
	assert_int_equal(d.target.n_target_prefix, 2);
	assert_true(prefix_equal(&d.target.target_prefix[1], &t.target_prefix[1]));
	assert_int_equal(d.names, 2);
	assert_int_equal(d.withheld_names, 1);
	assert_int_equal(d.target.n_target_fqdn, 1);
	assert_string_equal(d.target.target_fqdn[0], "www.example.com");
	assert_int_equal(d.target.n_target_uri, 1);
	assert_string_equal(d.target.target_uri[0], "https://shop.example.com/");
	assert_int_equal(d.target.n_target_protocol, 1);
	assert_null(d.consent);
	/* A consent for names is none for targets. */
	consent(x->h, "isp2", "isp1");
	disclosure_gate(x->h, server_named(x->h, "s1"), &t, names, 3, x->a, &d);
	assert_int_equal(d.names, 3);
	assert_int_equal(d.prefixes, 2);
	assert_ptr_equal(d.consent, &x->h->consents[0]);
	/* A whole prefix that holds somebody else's part is no exception. */
	t = target_from(x->a, "192.0.2.64/26,192.0.2.64/27");
	disclosure_gate(x->h, server_named(x->h, "s1"), &t, NULL, 0, x->a, &d);
	assert_int_equal(d.prefixes, 1); /* 192.0.2.96/28 is never to be signalled */
}

/* M12: gateways are our own, and responsible for what their filters say, or for anything. */
static void
gateways_are_told_of_what_they_are_responsible_for(void **state)
{
	static const char *const filtered[] = {
		"@g1 eth0 192.0.2.64/26 gw1", "@g2 eth0 0.0.0.0/0 gw2"};
	static const char *const open[] = {"@g1 eth0 - gw1", "@g2 eth0 - gw2"};
	struct world *x = *state, gateways = {.a = x->a};
	char why[100];

	gateways.h = make_homing(filtered, 2);
	assert_int_equal(homing_index(gateways.h, why, sizeof(why)), 0);
	assert_int_equal(rule_at(&gateways, "gw1", "192.0.2.70/32"), DISCLOSURE_OWN);
	assert_int_equal(rule_at(&gateways, "gw2", "192.0.2.70/32"), DISCLOSURE_FOREIGN);
	assert_int_equal(rule_at(&gateways, "gw1", "192.0.2.70/32,8.8.8.8/32"), DISCLOSURE_FOREIGN);
	homing_free(gateways.h);
	gateways.h = make_homing(open, 2);
	assert_int_equal(homing_index(gateways.h, why, sizeof(why)), 0);
	assert_int_equal(rule_at(&gateways, "gw1", "192.0.2.70/32,8.8.8.8/32"), DISCLOSURE_OWN);
	assert_int_equal(rule_at(&gateways, "gw2", "192.0.2.70/32"), DISCLOSURE_OWN);
	homing_free(gateways.h);
}

/* 9132-3-25: not even in a URI, of which all that is outside may be told (M15). */
static void
a_uri_with_an_address_inside_is_not_told(void **state)
{
	struct world *x = *state;
	struct domain *d = &x->h->domains[1];
	struct name n = name_from(x->a, "https://10.0.0.70/", "198.51.100.70/32");

	d->nat = mem_new(sizeof(*d->nat));
	d->nat[d->n_nat++] =
		(struct nat_entry){prefix_from("10.0.0.64/26"), prefix_from("198.51.100.64/26")};
	assert_int_equal(
		disclosure_of_name(x->h, server_named(x->h, "s2"), &n).rule, DISCLOSURE_FOREIGN);
	n = name_from(x->a, "https://198.51.100.70/", "198.51.100.70/32");
	assert_int_equal(
		disclosure_of_name(x->h, server_named(x->h, "s2"), &n).rule, DISCLOSURE_OWN);
	n = name_from(x->a, "https://www.example.com/", "198.51.100.70/32");
	assert_int_equal(
		disclosure_of_name(x->h, server_named(x->h, "s2"), &n).rule, DISCLOSURE_OWN);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_name_is_told_to_who_owns_all_its_addresses),
		CASE(a_name_whose_addresses_are_not_all_known_is_not_told),
		CASE(a_consent_widens_what_may_be_told),
		CASE(the_gate_lets_through_what_is_the_domains),
		CASE(gateways_are_told_of_what_they_are_responsible_for),
		CASE(a_uri_with_an_address_inside_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
