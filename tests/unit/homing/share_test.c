/* Which provider's data channel gets what of an alias or ACL of ours (rules M2, M3, M4, M7, M9). */
#include "fixture.h"

#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "homing/share.h"

static const char *const three[] = {"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2",
	"isp3 wan3 203.0.113.64/26 s3"};

static struct homing *
network(const char *const *domains, size_t n)
{
	struct homing *h = make_homing(domains, n);
	char why[100];

	for (size_t i = 0; i < n; i++)
		if (strcmp(h->domains[i].name, "isp3") != 0) /* that one has none */
			h->domains[i].data.name = mem_text("data.example");
	h->provider_independent = mem_new(sizeof(struct prefix));
	h->provider_independent[h->n_provider_independent++] = prefix_from("203.0.113.0/26");
	h->never_signal = mem_new(sizeof(struct prefix));
	h->never_signal[h->n_never_signal++] = prefix_from("192.0.2.96/28");
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	return h;
}

static void
host(struct homing *h, const char *name, const char *addresses)
{
	struct arena *a = arena_new();
	struct target t = target_from(a, addresses);
	struct host *to;

	h->hosts = mem_grow(h->hosts, h->n_hosts + 1, sizeof(*h->hosts));
	to = &h->hosts[h->n_hosts++];
	*to = (struct host){.name = mem_text(name)};
	to->addresses = mem_array(t.n_target_prefix, sizeof(struct addr));
	for (size_t i = 0; i < t.n_target_prefix; i++)
		to->addresses[to->n_addresses++] = t.target_prefix[i].addr;
	arena_free(a);
}

static void
add_nat(struct domain *d, const char *inside, const char *outside)
{
	d->nat = mem_grow(d->nat, d->n_nat + 1, sizeof(*d->nat));
	d->nat[d->n_nat++] = (struct nat_entry){prefix_from(inside), prefix_from(outside)};
}

/* "isp1:{…}" of what is given, "isp3!RFC …: why" and "!RFC …: why" of what is refused; a line
 * each. */
static char *
outcome(const struct homing *h, enum share_kind kind, const char *json)
{
	struct share_wish w = {.kind = kind, .entry = json_loads(json, 0, NULL)};
	struct shares s = {.arena = arena_new()};
	struct buf out;
	char *text;

	assert_non_null(w.entry);
	share_plan(h, &w, &s);
	buf_init(&out, 4096);
	for (size_t i = 0; i < s.n; i++) {
		const struct share *sh = &s.list[i];
		char *entry = sh->entry ? json_dumps(sh->entry, JSON_COMPACT) : NULL;

		buf_printf(&out, "%s", sh->domain < 0 ? "" : h->domains[sh->domain].name);
		if (entry)
			buf_printf(&out, ":%s\n", entry);
		else
			buf_printf(&out, "!%s: %s\n", sh->section, sh->reason);
		free(entry);
	}
	text = mem_text(buf_text(&out));
	buf_finish(&out);
	shares_finish(&s);
	arena_free(s.arena);
	json_decref(w.entry);
	return text;
}

#define GIVES(h, kind, json, want)                                                                 \
	do {                                                                                       \
		char *got_ = outcome(h, kind, json);                                               \
		assert_string_equal(got_, want);                                                   \
		free(got_);                                                                        \
	} while (0)

#define ALIAS(rest) "{\"name\":\"a\"," rest "}"

static void
an_alias_is_cut_along_owners(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	GIVES(h, SHARE_ALIAS,
		ALIAS("\"target-prefix\":[\"192.0.2.70/32\",\"198.51.100.70/32\"],"
		      "\"target-protocol\":[6]"),
		"isp1:{\"name\":\"a\",\"target-protocol\":[6],\"target-prefix\":[\"192.0.2.70/"
		"32\"]}\n"
		"isp2:{\"name\":\"a\",\"target-protocol\":[6],\"target-prefix\":[\"198.51.100.70/"
		"32\"]}\n");
	/* Provider-independent: all of them, of which one has no data channel. */
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-prefix\":[\"203.0.113.1/32\"]"),
		"isp1:{\"name\":\"a\",\"target-prefix\":[\"203.0.113.1/32\"]}\n"
		"isp2:{\"name\":\"a\",\"target-prefix\":[\"203.0.113.1/32\"]}\n"
		"isp3!RFC 9284 5.1: belongs to isp3, which has no data-channel\n");
	homing_free(h);
}

static void
what_nobody_may_be_told_of_is_refused(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-prefix\":[\"8.8.8.8/32\",\"192.0.2.70/32\"]"),
		"!RFC 9284 5.1: target-prefix: 8.8.8.8/32 belongs to no provider of this network\n"
		"isp1:{\"name\":\"a\",\"target-prefix\":[\"192.0.2.70/32\"]}\n");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-prefix\":[\"192.0.2.97/32\"]"),
		"!RFC 9284 6: target-prefix: 192.0.2.97/32 is never to be signalled, by policy\n");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-prefix\":[\"198.51.0.0/16\"]"),
		"!RFC 9284 5.1: target-prefix: wider than what providers of this network own, "
		"which is: "
		"198.51.100.64/26\n");
	homing_free(h);
}

/* 8783-3.1-26, -27: a provider can see what an address is outside (M15). */
static void
an_alias_names_addresses_as_they_are_outside(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	add_nat(&h->domains[1], "10.0.0.64/26", "198.51.100.64/26");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-prefix\":[\"10.0.0.70/32\"]"),
		"isp2:{\"name\":\"a\",\"target-prefix\":[\"198.51.100.70/32\"]}\n");
	/* Of those of a name, too; but a URI that has one in it tells it. */
	host(h, "in.example.com", "10.0.0.70/32");
	GIVES(h, SHARE_ALIAS,
		ALIAS("\"target-fqdn\":[\"in.example.com\"],\"target-uri\":[\"https://10.0.0.70/"
		      "\"]"),
		"isp2:{\"name\":\"a\",\"target-fqdn\":[\"in.example.com\"]}\n"
		"!RFC 9284 6: https://10.0.0.70/ has addresses that no single provider owns: it is "
		"told to nobody\n");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-prefix\":[\"10.0.0.1/32\"]"),
		"!RFC 9284 5.2: target-prefix: 10.0.0.1/32 is private, and no nat-map says what it "
		"is outside\n");
	homing_free(h);
}

/* M7: only the table is asked. */
static void
a_name_goes_to_who_owns_all_its_addresses(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	host(h, "www.example.com", "192.0.2.70/32,192.0.2.71/32");
	host(h, "two.example.com", "192.0.2.70/32,198.51.100.70/32");
	GIVES(h, SHARE_ALIAS,
		ALIAS("\"target-fqdn\":[\"www.example.com\"],\"target-uri\":[\"https://"
		      "198.51.100.70/\"]"),
		"isp1:{\"name\":\"a\",\"target-fqdn\":[\"www.example.com\"]}\n"
		"isp2:{\"name\":\"a\",\"target-uri\":[\"https://198.51.100.70/\"]}\n");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-fqdn\":[\"two.example.com\"]"),
		"!RFC 9284 6: two.example.com has addresses that no single provider owns: it is "
		"told to nobody\n");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-fqdn\":[\"not.example.com\"]"),
		"!RFC 9284 6: not.example.com is not among hosts, so whose its addresses are is "
		"not known: it is told to nobody\n");
	GIVES(h, SHARE_ALIAS, ALIAS("\"target-uri\":[\"https://me@www.example.com/\"]"),
		"!RFC 9284 6: target-uri: https://me@www.example.com/ tells of a user, "
		"which is no provider's business\n");
	homing_free(h);
}

#define ACE(name, dest)                                                                            \
	"{\"name\":\"" name "\",\"matches\":{\"ipv4\":{\"destination-ipv4-network\":\"" dest "\"}" \
	"}}"
#define ACL(aces) "{\"name\":\"f\",\"aces\":{\"ace\":[" aces "]}}"

static void
an_acl_goes_with_the_aces_of_each_domain(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	GIVES(h, SHARE_ACL,
		ACL(ACE("x", "192.0.2.70/32") "," ACE("y", "198.51.100.70/32") "," ACE(
			"z", "192.0.2.64/27")),
		"isp1:" ACL(ACE("x", "192.0.2.70/32") "," ACE(
			"z", "192.0.2.64/27")) "\n"
					       "isp2:" ACL(ACE("y", "198.51.100.70/32")) "\n");
	homing_free(h);
}

/* Half a filter is another one. */
static void
an_acl_with_an_ace_for_nobody_goes_nowhere(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	GIVES(h, SHARE_ACL, ACL(ACE("x", "192.0.2.70/32") "," ACE("y", "8.8.8.8/32")),
		"!RFC 9284 5.1: ace y: destination-ipv4-network: 8.8.8.8/32 belongs to no provider "
		"of this network\n");
	GIVES(h, SHARE_ACL, ACL(ACE("y", "8.8.8.8/32") "," ACE("x", "192.0.2.70/32")),
		"!RFC 9284 5.1: ace y: destination-ipv4-network: 8.8.8.8/32 belongs to no provider "
		"of this network\n");
	/* Part of it is never to be signalled. */
	GIVES(h, SHARE_ACL, ACL(ACE("x", "192.0.2.96/27")),
		"!RFC 9284 6: ace x: destination-ipv4-network: 192.0.2.96/28 is never to be "
		"signalled, by policy\n");
	h->clip = true;
	GIVES(h, SHARE_ACL, ACL(ACE("x", "198.51.100.0/24")),
		"!RFC 9284 5.1: ace x: destination-ipv4-network: 198.51.100.0/26 belongs to no "
		"provider of this network\n");
	homing_free(h);
}

static void
an_ace_over_two_domains_has_to_be_named_in_parts(void **state)
{
	static const char *const halves[] = {
		"isp1 wan1 192.0.2.0/25 s1", "isp2 wan2 192.0.2.128/25 s2"};
	struct homing *h = make_homing(halves, 2);
	char why[100];

	(void)state;
	h->domains[0].data.name = mem_text("data.example");
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	GIVES(h, SHARE_ACL, ACL(ACE("x", "192.0.2.0/24")),
		"!RFC 9284 5.1: ace x: destination-ipv4-network: not all of 192.0.2.0/24 is "
		"isp1's: name the parts one by "
		"one\n");
	homing_free(h);
}

#define ANY_ACL ACL("{\"name\":\"x\",\"matches\":{\"udp\":{}}}")

static void
an_acl_without_destination_is_for_a_single_provider(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	GIVES(h, SHARE_ACL, ANY_ACL,
		"!RFC 9284 5.1: ace x: no destination network, and with several providers it has "
		"to say whose it is\n");
	homing_free(h);
	h = network(three, 1);
	GIVES(h, SHARE_ACL, ANY_ACL, "isp1:" ANY_ACL "\n");
	homing_free(h);
}

#define BETWEEN(source, dest)                                                                      \
	ACL("{\"name\":\"x\",\"matches\":{\"ipv4\":{\"destination-ipv4-network\":\"" dest          \
	    "\",\"source-ipv4-network\":\"" source "\"}}}")
#define FROM(source) BETWEEN(source, "192.0.2.70/32")

/* M9: what is a source is told, too. */
static void
a_source_of_another_provider_is_not_told(void **state)
{
	struct homing *h = network(three, 3);

	(void)state;
	GIVES(h, SHARE_ACL, FROM("8.8.8.0/24"), "isp1:" FROM("8.8.8.0/24") "\n");
	GIVES(h, SHARE_ACL, FROM("192.0.2.71/32"), "isp1:" FROM("192.0.2.71/32") "\n");
	GIVES(h, SHARE_ACL, FROM("198.51.100.70/32"),
		"!RFC 9284 6: ace x: source-ipv4-network: 198.51.100.70/32 is another provider's "
		"than "
		"isp1's\n");
	homing_free(h);
}

/* ---- inside a NAT (M15) ---- */

/* Two providers: the same host, a network of the same size, and many hosts behind one address. */
static struct homing *
behind_nat(void)
{
	struct homing *h = network(three, 2);

	add_nat(&h->domains[0], "10.0.0.70/32", "192.0.2.70/32");
	add_nat(&h->domains[1], "10.0.0.64/26", "198.51.100.64/26");
	add_nat(&h->domains[0], "10.1.0.0/16", "192.0.2.65/32");
	return h;
}

#define TO(dest)       ACL(ACE("x", dest))
#define ACE6(fields)   ACL("{\"name\":\"x\",\"matches\":{\"ipv6\":{" fields "}}}")
#define DESTINATION(d) "\"destination-ipv6-network\":\"" d "\""
#define SOURCE(s)      "\"source-ipv6-network\":\"" s "\""

/* 8783-3.1-26, -27 */
static void
an_acl_names_destinations_as_each_provider_sees_them(void **state)
{
	struct homing *h = behind_nat();

	(void)state;
	GIVES(h, SHARE_ACL, TO("10.0.0.70/32"),
		"isp1:" TO("192.0.2.70/32") "\n"
					    "isp2:" TO("198.51.100.70/32") "\n");
	GIVES(h, SHARE_ACL, TO("10.0.0.64/27"), "isp2:" TO("198.51.100.64/27") "\n");
	GIVES(h, SHARE_ACL, TO("10.1.2.3/32"), "isp1:" TO("192.0.2.65/32") "\n");
	GIVES(h, SHARE_ACL, TO("192.0.2.71/32"), "isp1:" TO("192.0.2.71/32") "\n");
	GIVES(h, SHARE_ACL, ACL(ACE("x", "10.0.0.70/32") "," ACE("y", "192.0.2.71/32")),
		"isp1:" ACL(ACE("x", "192.0.2.70/32") "," ACE(
			"y", "192.0.2.71/32")) "\n"
					       "isp2:" TO("198.51.100.70/32") "\n");
	homing_free(h);
}

static void
a_destination_that_is_left_inside_is_refused(void **state)
{
	struct homing *h = behind_nat();

	(void)state;
	GIVES(h, SHARE_ACL, TO("10.2.0.1/32"),
		"!RFC 9284 5.2: ace x: destination-ipv4-network: 10.2.0.1/32 is private, and no "
		"nat-map says what it is outside\n");
	GIVES(h, SHARE_ACL, TO("100.64.0.1/32"),
		"!RFC 9284 5.2: ace x: destination-ipv4-network: 100.64.0.1/32 is private, and no "
		"nat-map says what it is outside\n");
	/* Wider than the entries. */
	GIVES(h, SHARE_ACL, TO("10.0.0.0/24"),
		"!RFC 9284 5.2: ace x: destination-ipv4-network: 10.0.0.0/24 is private, and no "
		"nat-map says what it is outside\n");
	homing_free(h);
}

static void
a_wider_destination_is_clipped_to_one_part_for_each_provider(void **state)
{
	struct homing *h = behind_nat();

	(void)state;
	h->clip = true;
	GIVES(h, SHARE_ACL, TO("10.0.0.0/24"),
		"isp1:" TO("192.0.2.70/32") "\n"
					    "isp2:" TO("198.51.100.64/26") "\n");
	GIVES(h, SHARE_ACL, TO("10.0.0.0/8"),
		"!RFC 9284 5.1: ace x: destination-ipv4-network: not all of 10.0.0.0/8 is isp1's: "
		"name the parts one by one\n");
	homing_free(h);
}

/* Both have an address of their own for the host, and a part of what is outside of another entry.
 */
static void
a_destination_that_is_more_than_one_network_outside_is_refused(void **state)
{
	static const char *const two[] = {"isp1 wan1 192.0.2.0/25,203.0.113.0/24 s1",
		"isp2 wan2 192.0.2.128/25,198.51.100.0/24 s2"};
	struct homing *h = make_homing(two, 2);
	char why[100];

	(void)state;
	add_nat(&h->domains[0], "10.0.0.70/32", "203.0.113.70/32");
	add_nat(&h->domains[1], "10.0.0.70/32", "198.51.100.70/32");
	add_nat(&h->domains[1], "10.1.0.0/16", "192.0.2.0/24");
	h->domains[0].data.name = mem_text("data.example");
	h->clip = true;
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	GIVES(h, SHARE_ACL, TO("10.0.0.0/8"),
		"!RFC 9284 5.1: ace x: destination-ipv4-network: not all of 10.0.0.0/8 is isp1's: "
		"name the parts one by one\n");
	homing_free(h);
}

static void
a_source_is_named_as_each_provider_sees_it_or_refused(void **state)
{
	struct homing *h = behind_nat();

	(void)state;
	GIVES(h, SHARE_ACL, FROM("10.1.2.0/24"), "isp1:" FROM("192.0.2.65/32") "\n");
	GIVES(h, SHARE_ACL, FROM("10.0.0.71/32"),
		"!RFC 9284 5.2: ace x: source-ipv4-network: 10.0.0.71/32 is inside, and no nat-map "
		"of isp1 says what it is outside\n");
	GIVES(h, SHARE_ACL, FROM("192.168.0.0/16"),
		"!RFC 9284 5.2: ace x: source-ipv4-network: 192.168.0.0/16 is inside, and no "
		"nat-map of isp1 says what it is outside\n");
	/* What is not private, but somebody's inside. */
	add_nat(&h->domains[1], "8.8.0.0/16", "198.51.100.66/32");
	GIVES(h, SHARE_ACL, FROM("8.8.8.0/24"),
		"!RFC 9284 5.2: ace x: source-ipv4-network: 8.8.8.0/24 is inside, and no nat-map "
		"of isp1 says what it is outside\n");
	/* All the world has what is inside in it, and tells nothing. */
	GIVES(h, SHARE_ACL, FROM("0.0.0.0/0"), "isp1:" FROM("0.0.0.0/0") "\n");
	h->clip = true;
	GIVES(h, SHARE_ACL, FROM("0.0.0.0/0"), "isp1:" FROM("0.0.0.0/0") "\n");
	homing_free(h);
}

static void
addresses_of_ipv6_are_named_so_too(void **state)
{
	static const char *const six[] = {"isp1 wan1 192.0.2.64/26,2001:db8:1::/48 s1"};
	struct homing *h = network(six, 1);

	(void)state;
	add_nat(&h->domains[0], "fd00:1::/64", "2001:db8:1::/64");
	GIVES(h, SHARE_ACL, ACE6(DESTINATION("fd00:1::70/128") "," SOURCE("fd00:1::/80")),
		"isp1:" ACE6(DESTINATION("2001:db8:1::70/128") "," SOURCE("2001:db8:1::/80")) "\n");
	GIVES(h, SHARE_ACL, ACE6(DESTINATION("fd00:2::70/128")),
		"!RFC 9284 5.2: ace x: destination-ipv6-network: fd00:2::70/128 is private, and no "
		"nat-map says what it is outside\n");
	GIVES(h, SHARE_ACL, ACE6(SOURCE("fe80::1/128")),
		"!RFC 9284 5.2: ace x: source-ipv6-network: fe80::1/128 is inside, and no nat-map "
		"of isp1 says what it is outside\n");
	homing_free(h);
}

static void
private_space_that_a_provider_is_said_to_protect_may_go_there(void **state)
{
	static const char *const private[] = {"isp1 wan1 10.3.0.0/16 s1"};
	struct homing *h = network(private, 1);

	(void)state;
	GIVES(h, SHARE_ACL, TO("10.3.0.1/32"), "isp1:" TO("10.3.0.1/32") "\n");
	GIVES(h, SHARE_ACL, BETWEEN("10.3.0.2/32", "10.3.0.1/32"),
		"isp1:" BETWEEN("10.3.0.2/32", "10.3.0.1/32") "\n");
	homing_free(h);
}

static void
what_is_withheld_goes_to_nobody(void **state)
{
	struct homing *h = network(three, 1);
	struct share_wish w = {.kind = SHARE_ACL,
		.entry = json_loads(TO("192.0.2.70/32"), 0, NULL),
		.withheld = "not now"};
	struct shares s = {.arena = arena_new()};

	(void)state;
	share_plan(h, &w, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.list[0].domain, -1);
	assert_null(s.list[0].entry);
	assert_string_equal(s.list[0].section, "RFC 8783 7.2");
	assert_string_equal(s.list[0].reason, "not now");
	shares_finish(&s);
	arena_free(s.arena);
	json_decref(w.entry);
	homing_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alias_is_cut_along_owners),
		cmocka_unit_test(what_nobody_may_be_told_of_is_refused),
		cmocka_unit_test(an_alias_names_addresses_as_they_are_outside),
		cmocka_unit_test(a_name_goes_to_who_owns_all_its_addresses),
		cmocka_unit_test(an_acl_goes_with_the_aces_of_each_domain),
		cmocka_unit_test(an_acl_with_an_ace_for_nobody_goes_nowhere),
		cmocka_unit_test(an_ace_over_two_domains_has_to_be_named_in_parts),
		cmocka_unit_test(an_acl_without_destination_is_for_a_single_provider),
		cmocka_unit_test(a_source_of_another_provider_is_not_told),
		cmocka_unit_test(an_acl_names_destinations_as_each_provider_sees_them),
		cmocka_unit_test(a_destination_that_is_left_inside_is_refused),
		cmocka_unit_test(a_wider_destination_is_clipped_to_one_part_for_each_provider),
		cmocka_unit_test(a_destination_that_is_more_than_one_network_outside_is_refused),
		cmocka_unit_test(a_source_is_named_as_each_provider_sees_it_or_refused),
		cmocka_unit_test(addresses_of_ipv6_are_named_so_too),
		cmocka_unit_test(private_space_that_a_provider_is_said_to_protect_may_go_there),
		cmocka_unit_test(what_is_withheld_goes_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
