/* Which ACLs treat a packet oppositely (RFC 8783 3.1, 7.2). */
#include "core/acl.h"

#include "fixture.h"

static struct prefix
net(const char *text)
{
	struct prefix p = {0};

	if (text)
		assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct acl_rule
rule(bool accept, const char *source, const char *destination)
{
	struct prefix s = net(source), d = net(destination);

	return (struct acl_rule){.family = d.addr.family ? d.addr.family : s.addr.family,
		.source = s,
		.destination = d,
		.source_ports = {0, 65535, false},
		.destination_ports = {0, 65535, false},
		.accept = accept};
}

static struct client *acme, *beta;

static bool
conflict(const struct acl_rule *a, size_t na, const struct acl_rule *b, size_t nb)
{
	struct acl x = {.rules = (struct acl_rule *)a, .n_rules = na};
	struct acl y = {.rules = (struct acl_rule *)b, .n_rules = nb};
	unsigned looks = ACL_LOOKS_MAX;
	bool one = acl_conflicts(&x, acme, &y, beta, &looks);

	assert_int_equal(acl_conflicts(&y, beta, &x, acme, &looks), one);
	return one;
}

static bool
two(const struct acl_rule *a, const struct acl_rule *b)
{
	return conflict(a, 1, b, 1);
}

/* 8783-3.1-22, 8783-7.2-21 */
static void
one_drops_and_the_other_accepts_the_same(void **state)
{
	struct acl_rule drop = rule(false, "192.0.2.0/24", "198.51.100.0/24");
	struct acl_rule accept = rule(true, "192.0.2.0/24", "198.51.100.0/24");
	struct acl_rule part = rule(true, "192.0.2.7/32", "198.51.100.9/32");
	struct acl_rule other = rule(true, "192.0.3.0/24", "198.51.100.0/24");
	struct acl_rule elsewhere = rule(true, "192.0.2.0/24", "198.51.101.0/24");
	struct acl_rule v6 = rule(true, NULL, "2001:db8::/48");

	(void)state;
	assert_true(two(&drop, &accept));
	assert_true(two(&drop, &part));
	assert_false(two(&drop, &drop));
	assert_false(two(&accept, &part));
	assert_false(two(&drop, &other));
	assert_false(two(&drop, &elsewhere));
	assert_false(two(&drop, &v6));
	accept.rate = 1; /* some of it passes */
	assert_true(two(&drop, &accept));
}

static void
protocols_and_ports_tell_them_apart(void **state)
{
	struct acl_rule drop = rule(false, NULL, "198.51.100.0/24");
	struct acl_rule accept = rule(true, NULL, "198.51.100.0/24");

	(void)state;
	drop.l4 = ACL_L4_UDP;
	assert_true(two(&drop, &accept));
	accept.l4 = ACL_L4_TCP;
	assert_false(two(&drop, &accept));
	accept.l4 = ACL_L4_UDP;
	drop.destination_ports = (struct acl_ports){53, 53, false};
	accept.destination_ports = (struct acl_ports){54, 99, false};
	assert_false(two(&drop, &accept));
	accept.destination_ports = (struct acl_ports){50, 53, false};
	assert_true(two(&drop, &accept));
	accept.destination_ports = (struct acl_ports){53, 53, true};
	assert_false(two(&drop, &accept));
	drop.destination_ports = (struct acl_ports){53, 54, false};
	assert_true(two(&drop, &accept));
	drop.destination_ports = (struct acl_ports){54, 54, true};
	assert_true(two(&drop, &accept));
	drop.destination_ports = (struct acl_ports){0, 65535, false};
	drop.source_ports = (struct acl_ports){1, 1, false};
	accept.source_ports = (struct acl_ports){2, 2, false};
	assert_false(two(&drop, &accept));
	/* protocol is the same as what follows from the header after it */
	accept = rule(true, NULL, "198.51.100.0/24");
	accept.has = 1u << ACL_PROTOCOL;
	accept.values[ACL_PROTOCOL] = 6;
	assert_false(two(&drop, &accept));
	accept.values[ACL_PROTOCOL] = 17;
	assert_true(two(&drop, &accept));
	accept.l4 = ACL_L4_TCP; /* matches nothing */
	assert_false(two(&drop, &accept));
	drop = rule(false, NULL, "2001:db8::/48");
	drop.l4 = ACL_L4_ICMP;
	accept = rule(true, NULL, "2001:db8::/48");
	accept.has = 1u << ACL_PROTOCOL;
	accept.values[ACL_PROTOCOL] = 1;
	assert_false(two(&drop, &accept));
	accept.values[ACL_PROTOCOL] = 58;
	assert_true(two(&drop, &accept));
}

/* 8783-7.2-11 */
static void
what_has_no_destination_is_for_all_of_its_client(void **state)
{
	struct acl_rule drop = rule(false, NULL, NULL), accept = rule(true, NULL, NULL);
	struct acl_rule named = rule(true, NULL, "198.51.100.9/32");
	struct client *foreign = make_client("foreign", NULL, "203.0.113.0/24");
	struct acl x = {.rules = &drop, .n_rules = 1}, y = {.rules = &accept, .n_rules = 1};
	unsigned looks = ACL_LOOKS_MAX;

	(void)state;
	assert_true(two(&drop, &accept));
	assert_true(two(&drop, &named));
	assert_false(acl_conflicts(&x, acme, &y, foreign, &looks));
	y.rules = &named;
	assert_false(acl_conflicts(&x, foreign, &y, acme, &looks));
	free(foreign->name);
	free(foreign->prefixes);
	free(foreign);
}

/* Two clients that ask for the same do not ask for the opposite. */
static void
the_first_rule_that_matches_decides(void **state)
{
	struct acl_rule list[3] = {rule(true, "192.0.2.0/24", "198.51.100.0/24"),
		rule(false, NULL, "198.51.100.0/24"), rule(true, NULL, NULL)};
	struct acl_rule rest = rule(false, NULL, "198.51.100.0/24");

	(void)state;
	assert_false(conflict(list, 3, list, 3));
	assert_true(conflict(list, 3, &rest, 1)); /* it drops what the first accepts */
	assert_true(conflict(list + 2, 1, &rest, 1));
	list[0].accept = false;
	assert_false(conflict(list, 2, &rest, 1));
	/* the rule before covers just a part of what they have in common */
	list[0] = rule(false, "192.0.2.0/25", "198.51.100.0/24");
	list[1] = rule(true, "192.0.2.0/24", "198.51.100.0/24");
	assert_true(conflict(list, 2, &rest, 1));
}

/* Each member of the earlier rule counts: without it, it would cover. */
static void
an_earlier_rule_that_says_more_does_not_cover(void **state)
{
	struct acl_rule mine[2] = {rule(false, NULL, "198.51.100.0/24"),
		rule(true, "192.0.2.0/24", "198.51.100.0/24")};
	struct acl_rule drop = rule(false, "192.0.2.0/24", "198.51.100.0/24"), plain = mine[0];

	(void)state;
	mine[1].l4 = drop.l4 = ACL_L4_TCP;
	assert_false(conflict(mine, 2, &drop, 1));
#define SAYS_MORE(change)                                                                          \
	mine[0] = plain;                                                                           \
	change;                                                                                    \
	assert_true(conflict(mine, 2, &drop, 1))
	SAYS_MORE(mine[0].l4 = ACL_L4_UDP);
	SAYS_MORE(mine[0].family = 6; mine[0].destination = net(NULL));
	SAYS_MORE(mine[0].source = net("192.0.2.0/25"));
	SAYS_MORE(mine[0].destination = net("198.51.100.0/25"));
	SAYS_MORE(mine[0].l4 = ACL_L4_TCP; mine[0].source_ports.lower = 1);
	SAYS_MORE(mine[0].l4 = ACL_L4_TCP;
		  mine[0].destination_ports = ((struct acl_ports){1, 1, true}));
	SAYS_MORE(mine[0].has = 1u << ACL_TTL; mine[0].values[ACL_TTL] = 1);
	SAYS_MORE(mine[0].has_fragment = true; mine[0].fragment.bits = ACL_FRAGMENT_ISF);
	SAYS_MORE(mine[0].l4 = ACL_L4_TCP; mine[0].has_flags = true; mine[0].flags.bits = 2);
	/* said by either of the two, it covers again */
	mine[0] = plain;
	mine[0].l4 = ACL_L4_TCP;
	mine[0].has = mine[1].has = 1u << ACL_TTL;
	mine[0].has_flags = drop.has_flags = true;
	mine[0].source_ports = (struct acl_ports){7, 7, true};
	drop.source_ports = (struct acl_ports){8, 9, false};
	assert_false(conflict(mine, 2, &drop, 1));
}

/* So many rules of single hop limits that pass, all that is left passes, and then as many drops
 * that nothing comes to; the other one has all but these. */
static bool
many_conflict(size_t n)
{
	struct acl_rule *list = mem_array(2 * n + 1, sizeof(*list));
	bool ret;

	for (size_t i = 0; i < 2 * n + 1; i++) {
		list[i] = rule(i <= n, NULL, "198.51.100.0/24");
		list[i].l4 = ACL_L4_TCP;
		if (i < n) {
			list[i].has = 1u << ACL_TTL;
			list[i].values[ACL_TTL] = (uint32_t)i;
		}
	}
	ret = conflict(list, 2 * n + 1, list, n + 1);
	free(list);
	return ret;
}

/* What takes too long to be told apart counts as conflict. */
static void
looking_at_earlier_rules_is_limited(void **state)
{
	(void)state;
	assert_false(many_conflict(40));
	assert_true(many_conflict(200));
}

static int
set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct client *c = make_client(i ? "beta" : "acme", NULL, NULL);

		c->prefixes = mem_array(2, sizeof(*c->prefixes));
		c->prefixes[c->n_prefixes++] = net("198.51.100.0/24");
		c->prefixes[c->n_prefixes++] = net("2001:db8::/32");
		*(i ? &beta : &acme) = c;
	}
	return 0;
}

static int
tear_down(void **state)
{
	struct client *both[] = {acme, beta};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		free(both[i]->name);
		free(both[i]->prefixes);
		free(both[i]);
	}
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_drops_and_the_other_accepts_the_same),
		cmocka_unit_test(protocols_and_ports_tell_them_apart),
		cmocka_unit_test(what_has_no_destination_is_for_all_of_its_client),
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(an_earlier_rule_that_says_more_does_not_cover),
		cmocka_unit_test(looking_at_earlier_rules_is_limited),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
