/* What a rule of an ACL may say, whoever made it. */
#include "core/acl_rule.h"

#include "fixture.h"

static struct acl_rule
plain(uint8_t family, enum acl_l4 l4)
{
	return (struct acl_rule){.family = family,
		.l4 = l4,
		.source_ports = {0, 65535, false},
		.destination_ports = {0, 65535, false}};
}

/* 8783-4.2-07: any combination of an IP header and what follows it */
static void
each_family_goes_with_each_protocol(void **state)
{
	static const uint8_t families[] = {0, 4, 6};
	static const enum acl_l4 protocols[] = {ACL_L4_ANY, ACL_L4_ICMP, ACL_L4_TCP, ACL_L4_UDP};

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		struct acl_rule r = plain(families[i % 3], protocols[i / 3]);

		assert_null(acl_rule_check(&r));
	}
}

static void
every_field_has_its_header_and_its_range(void **state)
{
	static const struct {
		enum acl_field field;
		uint8_t family; /* 0: of both */
		enum acl_l4 l4; /* ANY: of the IP header */
		uint32_t max;
	} rows[] = {
		{ACL_DSCP, 0, ACL_L4_ANY, 63},
		{ACL_ECN, 0, ACL_L4_ANY, 3},
		{ACL_LENGTH, 0, ACL_L4_ANY, 65535},
		{ACL_TTL, 0, ACL_L4_ANY, 255},
		{ACL_PROTOCOL, 0, ACL_L4_ANY, 255},
		{ACL_IHL, 4, ACL_L4_ANY, 15},
		{ACL_IPV4_FLAGS, 4, ACL_L4_ANY, 7},
		{ACL_OFFSET, 4, ACL_L4_ANY, 8191},
		{ACL_IDENTIFICATION, 4, ACL_L4_ANY, 65535},
		{ACL_FLOW_LABEL, 6, ACL_L4_ANY, 1048575},
		{ACL_TCP_SEQUENCE, 0, ACL_L4_TCP, UINT32_MAX},
		{ACL_TCP_ACKNOWLEDGEMENT, 0, ACL_L4_TCP, UINT32_MAX},
		{ACL_TCP_DATA_OFFSET, 0, ACL_L4_TCP, 15},
		{ACL_TCP_RESERVED, 0, ACL_L4_TCP, 15},
		{ACL_TCP_FLAGS, 0, ACL_L4_TCP, 255},
		{ACL_TCP_WINDOW, 0, ACL_L4_TCP, 65535},
		{ACL_TCP_URGENT, 0, ACL_L4_TCP, 65535},
		{ACL_UDP_LENGTH, 0, ACL_L4_UDP, 65535},
		{ACL_ICMP_TYPE, 0, ACL_L4_ICMP, 255},
		{ACL_ICMP_CODE, 0, ACL_L4_ICMP, 255},
	};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), ACL_FIELDS);
	for (size_t i = 0; i < ACL_FIELDS; i++) {
		bool ip = rows[i].l4 == ACL_L4_ANY;
		struct acl_rule r = plain(rows[i].family ? rows[i].family : 4, rows[i].l4);

		r.has = 1u << rows[i].field;
		r.values[rows[i].field] = rows[i].max;
		assert_null(acl_rule_check(&r));
		if (rows[i].max < UINT32_MAX) {
			r.values[rows[i].field]++;
			assert_non_null(acl_rule_check(&r));
			r.values[rows[i].field]--;
		}
		r.family = rows[i].family == 6 ? 4 : 6;
		assert_int_equal(acl_rule_check(&r) == NULL, !rows[i].family);
		r.family = 0;
		assert_int_equal(acl_rule_check(&r) == NULL, !ip);
		r.family = rows[i].family ? rows[i].family : 6;
		r.l4 = rows[i].l4 == ACL_L4_TCP ? ACL_L4_UDP : ACL_L4_TCP;
		assert_int_equal(acl_rule_check(&r) == NULL, ip);
	}
}

static void
what_contradicts_itself_is_found(void **state)
{
	struct acl_rule r;

	(void)state;
#define OK(family, l4, change)                                                                     \
	r = plain(family, l4);                                                                     \
	change;                                                                                    \
	assert_null(acl_rule_check(&r))
#define BAD(family, l4, change)                                                                    \
	r = plain(family, l4);                                                                     \
	change;                                                                                    \
	assert_non_null(acl_rule_check(&r))
	BAD(5, ACL_L4_ANY, (void)0);
	BAD(4, (enum acl_l4)58, (void)0);
	BAD(4, ACL_L4_ANY, r.has = 1u << ACL_FIELDS);
	OK(4, ACL_L4_ANY, r.accept = true; r.rate = ACL_RATE_MAX);
	BAD(4, ACL_L4_ANY, r.accept = true; r.rate = ACL_RATE_MAX + 1);
	BAD(4, ACL_L4_ANY, r.rate = 1);
	OK(4, ACL_L4_ANY, prefix_parse("10.0.0.0/8", &r.source));
	BAD(6, ACL_L4_ANY, prefix_parse("10.0.0.0/8", &r.source));
	BAD(0, ACL_L4_ANY, prefix_parse("10.0.0.0/8", &r.destination));
	BAD(4, ACL_L4_ANY, prefix_parse("10.0.0.0/8", &r.destination); r.destination.len = 33);
	OK(0, ACL_L4_UDP, r.source_ports.lower = 1);
	BAD(0, ACL_L4_ANY, r.source_ports.lower = 1);
	BAD(0, ACL_L4_ICMP, r.destination_ports.upper = 1);
	BAD(0, ACL_L4_TCP, r.source_ports = ((struct acl_ports){2, 1, false}));
	OK(0, ACL_L4_TCP, r.source_ports = ((struct acl_ports){2, 2, true}));
	BAD(0, ACL_L4_TCP, r.source_ports = ((struct acl_ports){1, 2, true}));
	OK(4, ACL_L4_ANY, r.has_fragment = true; r.fragment.bits = 15);
	OK(6, ACL_L4_ANY, r.has_fragment = true; r.fragment.bits = 14);
	BAD(6, ACL_L4_ANY, r.has_fragment = true; r.fragment.bits = ACL_FRAGMENT_DF);
	BAD(0, ACL_L4_ANY, r.has_fragment = true; r.fragment.bits = ACL_FRAGMENT_ISF);
	BAD(4, ACL_L4_ANY, r.has_fragment = true; r.fragment.bits = 16);
	OK(0, ACL_L4_TCP, r.has_flags = true; r.flags.bits = 0xfff);
	BAD(0, ACL_L4_TCP, r.has_flags = true; r.flags.bits = 0x1000);
	BAD(0, ACL_L4_UDP, r.has_flags = true; r.flags.bits = 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_goes_with_each_protocol),
		cmocka_unit_test(every_field_has_its_header_and_its_range),
		cmocka_unit_test(what_contradicts_itself_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
