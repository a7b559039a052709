/*
 * What a rule of an ACL may say, without any JSON: the helper with privilege asks as well.
 */
#include "core/acl_rule.h"

enum { IN_IPV4 = 1, IN_IPV6 = 2, IN_BOTH = IN_IPV4 | IN_IPV6 };

/* Of an IP header: which; of another one (families 0): which protocol has it. Values are those that
 * the field itself can have, where RFC 8519 has more (ihl, offset, reserved). */
static const struct {
	uint32_t max;
	uint8_t families;
	enum acl_l4 l4;
} fields[ACL_FIELDS] = {
	[ACL_DSCP] = {63, IN_BOTH, ACL_L4_ANY},
	[ACL_ECN] = {3, IN_BOTH, ACL_L4_ANY},
	[ACL_LENGTH] = {UINT16_MAX, IN_BOTH, ACL_L4_ANY},
	[ACL_TTL] = {UINT8_MAX, IN_BOTH, ACL_L4_ANY},
	[ACL_PROTOCOL] = {UINT8_MAX, IN_BOTH, ACL_L4_ANY},
	[ACL_IHL] = {15, IN_IPV4, ACL_L4_ANY},
	[ACL_IPV4_FLAGS] = {7, IN_IPV4, ACL_L4_ANY},
	[ACL_OFFSET] = {8191, IN_IPV4, ACL_L4_ANY},
	[ACL_IDENTIFICATION] = {UINT16_MAX, IN_IPV4, ACL_L4_ANY},
	[ACL_FLOW_LABEL] = {0xfffff, IN_IPV6, ACL_L4_ANY},
	[ACL_TCP_SEQUENCE] = {UINT32_MAX, 0, ACL_L4_TCP},
	[ACL_TCP_ACKNOWLEDGEMENT] = {UINT32_MAX, 0, ACL_L4_TCP},
	[ACL_TCP_DATA_OFFSET] = {15, 0, ACL_L4_TCP},
	[ACL_TCP_RESERVED] = {15, 0, ACL_L4_TCP},
	[ACL_TCP_FLAGS] = {UINT8_MAX, 0, ACL_L4_TCP},
	[ACL_TCP_WINDOW] = {UINT16_MAX, 0, ACL_L4_TCP},
	[ACL_TCP_URGENT] = {UINT16_MAX, 0, ACL_L4_TCP},
	[ACL_UDP_LENGTH] = {UINT16_MAX, 0, ACL_L4_UDP},
	[ACL_ICMP_TYPE] = {UINT8_MAX, 0, ACL_L4_ICMP},
	[ACL_ICMP_CODE] = {UINT8_MAX, 0, ACL_L4_ICMP},
};

static uint8_t
family_bit(uint8_t family)
{
	return family == 4 ? IN_IPV4 : family == 6 ? IN_IPV6 : 0;
}

static const char *
check_fields(const struct acl_rule *r)
{
	if (r->has >> ACL_FIELDS)
		return "an unknown field";
	for (unsigned i = 0; i < ACL_FIELDS; i++) {
		if (!(r->has & 1u << i))
			continue;
		if (fields[i].families ? !(fields[i].families & family_bit(r->family))
				       : fields[i].l4 != r->l4)
			return "a field of another header";
		if (r->values[i] > fields[i].max)
			return "a value that its field cannot have";
	}
	return NULL;
}

static const char *
check_network(const struct acl_rule *r, const struct prefix *p)
{
	if (!p->addr.family)
		return NULL;
	return p->addr.family == r->family && p->len <= addr_bits(&p->addr)
		       ? NULL
		       : "a network of another family";
}

static const char *
check_ports(const struct acl_rule *r, const struct acl_ports *p)
{
	if (p->lower > p->upper || (p->not &&p->lower != p->upper))
		return "a range of ports that is none";
	if ((p->lower > 0 || p->upper < UINT16_MAX) && r->l4 != ACL_L4_TCP && r->l4 != ACL_L4_UDP)
		return "ports of what has none";
	return NULL;
}

static const char *
check_bits(const struct acl_rule *r)
{
	unsigned fragments = ACL_FRAGMENT_ISF | ACL_FRAGMENT_FF | ACL_FRAGMENT_LF;

	if (r->family == 4)
		fragments |= ACL_FRAGMENT_DF;
	if (r->has_fragment && (!r->family || r->fragment.bits & ~fragments))
		return "a fragment type that its family does not have";
	if (r->has_flags && (r->l4 != ACL_L4_TCP || r->flags.bits > 0xfff))
		return "flags that TCP does not have";
	return NULL;
}

const char *
acl_rule_check(const struct acl_rule *r)
{
	const char *why = NULL;

	if (r->family && !family_bit(r->family))
		return "an unknown family";
	if (r->l4 != ACL_L4_ANY && r->l4 != ACL_L4_ICMP && r->l4 != ACL_L4_TCP &&
		r->l4 != ACL_L4_UDP)
		return "an unknown protocol";
	if (r->rate && (!r->accept || r->rate > ACL_RATE_MAX))
		return "a rate of nothing, or one that is too high";
	why = check_fields(r);
	if (!why)
		why = check_network(r, &r->source);
	if (!why)
		why = check_network(r, &r->destination);
	if (!why)
		why = check_ports(r, &r->source_ports);
	if (!why)
		why = check_ports(r, &r->destination_ports);
	return why ? why : check_bits(r);
}
