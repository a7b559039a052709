/*
 * Rules of ACLs as values (RFC 8783 4.2, 4.3), as mitigators and the helper with privilege have
 * them: no JSON.
 */
#ifndef DOTSD_CORE_ACL_RULE_H
#define DOTSD_CORE_ACL_RULE_H

#include "base/addr.h"

/* Fields that have to be equal to a number. */
enum acl_field {
	ACL_DSCP,
	ACL_ECN,
	ACL_LENGTH, /* total length of IPv4, payload length of IPv6 */
	ACL_TTL,    /* hop limit of IPv6 */
	ACL_PROTOCOL,
	ACL_IHL,
	ACL_IPV4_FLAGS, /* the three bits, as a number */
	ACL_OFFSET,
	ACL_IDENTIFICATION,
	ACL_FLOW_LABEL,
	ACL_TCP_SEQUENCE,
	ACL_TCP_ACKNOWLEDGEMENT,
	ACL_TCP_DATA_OFFSET,
	ACL_TCP_RESERVED,
	ACL_TCP_FLAGS, /* the eight bits, as a number */
	ACL_TCP_WINDOW,
	ACL_TCP_URGENT,
	ACL_UDP_LENGTH,
	ACL_ICMP_TYPE,
	ACL_ICMP_CODE,
	ACL_FIELDS
};

struct acl_ports {
	uint16_t lower, upper; /* inclusive; 0..65535: any */
	bool not ;             /* neq */
};

/* (packet AND bits) == bits; any: != 0; not: the other way round (RFC 8783 4.3, operator). */
struct acl_bits {
	uint16_t bits;
	bool not, any;
};
enum { ACL_FRAGMENT_DF = 1, ACL_FRAGMENT_ISF = 2, ACL_FRAGMENT_FF = 4, ACL_FRAGMENT_LF = 8 };

enum acl_l4 { ACL_L4_ANY = 0, ACL_L4_ICMP = 1, ACL_L4_TCP = 6, ACL_L4_UDP = 17 };

/* Above it the kernel's limits do not count (144 Gbit/s). */
#define ACL_RATE_MAX ((uint64_t)18000000000 * 100)

struct acl_rule {
	uint64_t id;    /* > 0, never reused: of its counters */
	uint8_t family; /* 4, 6; 0: both */
	enum acl_l4 l4; /* ICMP: of whichever family (RFC 8783 4.2) */
	uint32_t has;   /* bits by enum acl_field */
	uint32_t values[ACL_FIELDS];
	struct prefix source, destination; /* family 0: any */
	struct acl_ports source_ports, destination_ports;
	bool has_fragment, has_flags;
	struct acl_bits fragment; /* ACL_FRAGMENT_… */
	struct acl_bits flags;    /* low 12 bits */
	bool accept;
	uint64_t rate; /* of accepted packets, in hundredths of a byte a second; 0: no limit */
};

/* What of a rule contradicts itself or is out of range, whoever made it; NULL: nothing. The id is
 * not looked at. */
const char *acl_rule_check(const struct acl_rule *r);

/* The filters of one client entry that are in force, in the order in which they are tried. What has
 * no destination is for `scope`; all destinations lie in it. Ids are unique among all clients. */
struct acl_set {
	const char *client; /* name of the `clients:` entry */
	const struct prefix *scope;
	size_t n_scope;
	const struct acl_rule *rules;
	size_t n_rules;
};

#endif
