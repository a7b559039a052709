/*
 * ietf-dots-data-channel as tables (RFC 8783 4.3), with the groupings that it uses of
 * ietf-packet-fields and ietf-access-control-list (RFC 8519), and the rules between their nodes.
 */
#include "wire/data.h"

#include <string.h>

#include "wire/data_state.h"

#define ACL_MODULE "ietf-access-control-list"

/* ---- types ---- */

static const char *const activation_types[] = {
	"activate-when-mitigating", "immediate", "deactivate", NULL};
static const char *const port_operators[] = {"lte", "gte", "eq", "neq", NULL};
static const char *const operator_bits[] = {"not", "match", "any", NULL};
static const char *const fragment_bits[] = {"df", "isf", "ff", "lf", NULL};
static const char *const ipv4_flags[] = {"reserved", "fragment", "more", NULL};
static const char *const tcp_flags[] = {
	"cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin", NULL};
static const char *const acl_types[] = {"ipv4-acl-type", "ipv6-acl-type", "eth-acl-type",
	"mixed-eth-ipv4-acl-type", "mixed-eth-ipv6-acl-type", "mixed-eth-ipv4-ipv6-acl-type", NULL};
/* Without "reject" (RFC 8783 4.1). */
static const char *const forwarding_actions[] = {"accept", "drop", NULL};
static const char *const address_families[] = {"ipv4", "ipv6", NULL};

static const struct yang_type
	t_any_string = {.base = YANG_STRING},
	t_name = {.base = YANG_STRING, .min = 1, .max = 64}, t_boolean = {.base = YANG_BOOL},
	t_2bit = {.base = YANG_UINT, .max = 3}, t_dscp = {.base = YANG_UINT, .max = 63},
	t_uint8 = {.base = YANG_UINT, .max = UINT8_MAX},
	t_uint16 = {.base = YANG_UINT, .max = UINT16_MAX},
	t_uint32 = {.base = YANG_UINT, .max = UINT32_MAX},
	t_minutes = {.base = YANG_UINT, .min = INT32_MIN, .max = INT32_MAX},
	t_ihl = {.base = YANG_UINT, .min = 5, .max = 60},
	t_offset = {.base = YANG_UINT, .min = 20, .max = UINT16_MAX},
	t_data_offset = {.base = YANG_UINT, .min = 5, .max = 15},
	t_flow_label = {.base = YANG_UINT, .max = 1048575}, t_counter = {.base = YANG_COUNTER64},
	t_rate = {.base = YANG_DECIMAL2}, t_prefix = {.base = YANG_PREFIX},
	t_prefix4 = {.base = YANG_PREFIX, .min = 4}, t_prefix6 = {.base = YANG_PREFIX, .min = 6},
	t_domain = {.base = YANG_DOMAIN}, t_uri = {.base = YANG_URI},
	t_binary = {.base = YANG_BINARY},
	t_tcp_options = {.base = YANG_BINARY, .min = 1, .max = 40},
	t_activation = {.base = YANG_ENUM, .names = activation_types},
	t_port_operator = {.base = YANG_ENUM, .names = port_operators},
	t_family = {.base = YANG_ENUM, .names = address_families},
	t_operator = {.base = YANG_BITS, .names = operator_bits},
	t_fragment = {.base = YANG_BITS, .names = fragment_bits},
	t_ipv4_flags = {.base = YANG_BITS, .names = ipv4_flags},
	t_tcp_flags = {.base = YANG_BITS, .names = tcp_flags},
	t_acl_type = {.base = YANG_IDENTITY, .names = acl_types, .module = ACL_MODULE},
	t_forwarding = {.base = YANG_IDENTITY, .names = forwarding_actions, .module = ACL_MODULE};

/* ---- rules between nodes ---- */

/* Of bits, none of which begins as another one does. */
static bool
has_word(const json_t *bits, const char *word)
{
	const char *s = json_string_value(bits);
	size_t n = strlen(word);

	for (; s && *s; s += strcspn(s, " "), s += *s == ' ')
		if (!strncmp(s, word, n))
			return true;
	return false;
}

/* RFC 8783 6.1. */
static bool
check_alias(const json_t *alias, struct restconf_error *err)
{
	return json_object_get(alias, "target-prefix") || json_object_get(alias, "target-fqdn") ||
	       json_object_get(alias, "target-uri") ||
	       restconf_refuse(err, 400, RESTCONF_MISSING_ATTRIBUTE,
		       "RFC 8783 6.1: target-prefix: an alias has none, nor target-fqdn or "
		       "target-uri");
}

static bool
check_ports(const json_t *range, struct restconf_error *err)
{
	const json_t *lower = json_object_get(range, "lower-port");
	const json_t *upper = json_object_get(range, "upper-port");

	return !upper || json_integer_value(lower) <= json_integer_value(upper) ||
	       restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8783 4.3: upper-port: %lld is less than lower-port %lld",
		       (long long)json_integer_value(upper), (long long)json_integer_value(lower));
}

/* Of flags-bitmask and fragment. */
static bool
check_operator(const json_t *self, struct restconf_error *err)
{
	const json_t *bits = json_object_get(self, "operator");

	return !has_word(bits, "match") || !has_word(bits, "any") ||
	       restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8783 4.3: operator: match and any exclude each other");
}

static bool
check_ipv6_fragment(const json_t *self, struct restconf_error *err)
{
	if (has_word(json_object_get(self, "type"), "df"))
		return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8783 4.3: type: there is no df in IPv6");
	return check_operator(self, err);
}

static bool
check_actions(const json_t *actions, struct restconf_error *err)
{
	const char *forwarding = json_string_value(json_object_get(actions, "forwarding"));

	return !json_object_get(actions, "rate-limit") ||
	       !strcmp(forwarding, ACL_MODULE ":accept") ||
	       restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
		       "RFC 8783 4.3: rate-limit: is only for what is accepted");
}

/* The header container that an ACL of this type may have, too; the type itself counts as derived
 * from itself. */
static bool
type_allows(const char *type, const char *family)
{
	return strstr(type, family) != NULL;
}

static bool
check_acl(const json_t *acl, struct restconf_error *err)
{
	static const char *const families[] = {"ipv4", "ipv6"};
	const char *type = json_string_value(json_object_get(acl, "type"));
	const json_t *aces = json_object_get(json_object_get(acl, "aces"), "ace"), *ace;
	size_t i;

	json_array_foreach(aces, i, ace) {
		const json_t *matches = json_object_get(ace, "matches");

		for (size_t f = 0; type && f < 2; f++)
			if (json_object_get(matches, families[f]) &&
				!type_allows(type, families[f]))
				return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
					"RFC 8783 4.3: matches.%s: ace %.64s, but the ACL is "
					"of type %s",
					families[f],
					json_string_value(json_object_get(ace, "name")),
					type + strlen(ACL_MODULE ":"));
	}
	return true;
}

/* ---- nodes ---- */

#define COUNT(rows)             (sizeof(rows) / sizeof((rows)[0]))
#define NODE(name_, kind_)      .name = (name_), .module = DATA_MODULE, .kind = (kind_)
#define LEAF(name_, type_)      NODE(name_, YANG_LEAF), .type = &(type_)
#define LEAF_LIST(name_, type_) NODE(name_, YANG_LEAF_LIST), .type = &(type_)
#define CONTAINER(name_, rows)                                                                     \
	NODE(name_, YANG_CONTAINER), .children = (rows), .n_children = COUNT(rows)
#define LIST(name_, key, rows)                                                                     \
	NODE(name_, YANG_LIST), .keys = {(key)}, .children = (rows), .n_children = COUNT(rows)

/* How many there may be is for policies to say (core/data.h): this bounds what is walked through
 * before they are asked. */
enum { ENTRIES_MAX = 4096 };

/* -- aliases -- */

static const struct yang_node target_port_range[] = {
	{LEAF("lower-port", t_uint16)},
	{LEAF("upper-port", t_uint16)},
};
static const struct yang_node alias[] = {
	{LEAF("name", t_any_string)},
	{LEAF_LIST("target-prefix", t_prefix)},
	{LIST("target-port-range", "lower-port", target_port_range), .check = check_ports},
	{LEAF_LIST("target-protocol", t_uint8)},
	{LEAF_LIST("target-fqdn", t_domain)},
	{LEAF_LIST("target-uri", t_uri)},
	{LEAF("pending-lifetime", t_minutes), .flags = YANG_STATE},
};
static const struct yang_node aliases[] = {
	{LIST("alias", "name", alias), .max_items = ENTRIES_MAX, .check = check_alias},
};

/* -- matches -- */

enum { CHOICE_PORTS = 1, PORTS_RANGE, PORTS_OPERATOR };
static const struct yang_node ports[] = {
	{LEAF("lower-port", t_uint16), .flags = YANG_MANDATORY, .choice = CHOICE_PORTS,
		.branch = PORTS_RANGE},
	{LEAF("upper-port", t_uint16), .flags = YANG_MANDATORY, .choice = CHOICE_PORTS,
		.branch = PORTS_RANGE},
	{LEAF("operator", t_port_operator), .deflt = "eq", .choice = CHOICE_PORTS,
		.branch = PORTS_OPERATOR},
	{LEAF("port", t_uint16), .flags = YANG_MANDATORY, .choice = CHOICE_PORTS,
		.branch = PORTS_OPERATOR},
};
#define PORTS                                                                                      \
	{CONTAINER("source-port-range-or-operator", ports), .check = check_ports},                 \
	{                                                                                          \
		CONTAINER("destination-port-range-or-operator", ports), .check = check_ports       \
	}

static const struct yang_node fragment[] = {
	{LEAF("operator", t_operator), .deflt = "match"},
	{LEAF("type", t_fragment), .flags = YANG_MANDATORY},
};
static const struct yang_node flags_bitmask[] = {
	{LEAF("operator", t_operator), .deflt = "match"},
	{LEAF("bitmask", t_uint16), .flags = YANG_MANDATORY},
};

#define IP_HEADER                                                                                  \
	{LEAF("dscp", t_dscp)}, {LEAF("ecn", t_2bit)}, {LEAF("length", t_uint16)},                 \
		{LEAF("ttl", t_uint8)},                                                            \
	{                                                                                          \
		LEAF("protocol", t_uint8)                                                          \
	}

static const struct yang_node ipv4[] = {
	IP_HEADER,
	{LEAF("ihl", t_ihl)},
	{LEAF("flags", t_ipv4_flags)},
	{LEAF("offset", t_offset)},
	{LEAF("identification", t_uint16)},
	{LEAF("destination-ipv4-network", t_prefix4)},
	{LEAF("source-ipv4-network", t_prefix4)},
	{CONTAINER("fragment", fragment), .check = check_operator},
};
static const struct yang_node ipv6[] = {
	IP_HEADER,
	{LEAF("destination-ipv6-network", t_prefix6)},
	{LEAF("source-ipv6-network", t_prefix6)},
	{LEAF("flow-label", t_flow_label)},
	{CONTAINER("fragment", fragment), .check = check_ipv6_fragment},
};
static const struct yang_node tcp[] = {
	{LEAF("sequence-number", t_uint32)},
	{LEAF("acknowledgement-number", t_uint32)},
	{LEAF("data-offset", t_data_offset)},
	{LEAF("reserved", t_uint8)},
	{LEAF("flags", t_tcp_flags)},
	{LEAF("window-size", t_uint16)},
	{LEAF("urgent-pointer", t_uint16)},
	{LEAF("options", t_tcp_options)},
	{CONTAINER("flags-bitmask", flags_bitmask), .check = check_operator},
	PORTS,
};
static const struct yang_node udp[] = {
	{LEAF("length", t_uint16)},
	PORTS,
};
static const struct yang_node icmp[] = {
	{LEAF("type", t_uint8)},
	{LEAF("code", t_uint8)},
	{LEAF("rest-of-header", t_binary)},
};

enum { CHOICE_L3 = 1, CHOICE_L4 };
static const struct yang_node matches[] = {
	{CONTAINER("ipv4", ipv4), .choice = CHOICE_L3, .branch = 1},
	{CONTAINER("ipv6", ipv6), .choice = CHOICE_L3, .branch = 2},
	{CONTAINER("tcp", tcp), .choice = CHOICE_L4, .branch = 1},
	{CONTAINER("udp", udp), .choice = CHOICE_L4, .branch = 2},
	{CONTAINER("icmp", icmp), .choice = CHOICE_L4, .branch = 3},
};

/* -- ACLs -- */

static const struct yang_node actions[] = {
	{LEAF("forwarding", t_forwarding), .flags = YANG_MANDATORY},
	{LEAF("rate-limit", t_rate)},
};
static const struct yang_node statistics[] = {
	{LEAF("matched-packets", t_counter)},
	{LEAF("matched-octets", t_counter)},
};
static const struct yang_node ace[] = {
	{LEAF("name", t_name)},
	{CONTAINER("matches", matches)},
	{CONTAINER("actions", actions), .flags = YANG_MANDATORY, .check = check_actions},
	{CONTAINER("statistics", statistics), .flags = YANG_STATE},
};
static const struct yang_node aces[] = {
	{LIST("ace", "name", ace), .flags = YANG_USER_ORDERED, .max_items = ENTRIES_MAX},
};
static const struct yang_node acl[] = {
	{LEAF("name", t_name)},
	{LEAF("type", t_acl_type)},
	{LEAF("activation-type", t_activation), .deflt = "activate-when-mitigating"},
	{LEAF("pending-lifetime", t_minutes), .flags = YANG_STATE},
	{CONTAINER("aces", aces)},
};
static const struct yang_node acls[] = {
	{LIST("acl", "name", acl), .flags = YANG_USER_ORDERED, .max_items = ENTRIES_MAX,
		.check = check_acl},
};

/* -- capabilities (RFC 8783 7.1) -- */

#define SUPPORTED(name_)                                                                           \
	{                                                                                          \
		LEAF(name_, t_boolean)                                                             \
	}
static const struct yang_node ipv4_capabilities[] = {
	SUPPORTED("dscp"),
	SUPPORTED("ecn"),
	SUPPORTED("length"),
	SUPPORTED("ttl"),
	SUPPORTED("protocol"),
	SUPPORTED("ihl"),
	SUPPORTED("flags"),
	SUPPORTED("offset"),
	SUPPORTED("identification"),
	SUPPORTED("source-prefix"),
	SUPPORTED("destination-prefix"),
	SUPPORTED("fragment"),
};
static const struct yang_node ipv6_capabilities[] = {
	SUPPORTED("dscp"),
	SUPPORTED("ecn"),
	SUPPORTED("length"),
	SUPPORTED("hoplimit"),
	SUPPORTED("protocol"),
	SUPPORTED("destination-prefix"),
	SUPPORTED("source-prefix"),
	SUPPORTED("flow-label"),
	SUPPORTED("fragment"),
};
static const struct yang_node tcp_capabilities[] = {
	SUPPORTED("sequence-number"),
	SUPPORTED("acknowledgement-number"),
	SUPPORTED("data-offset"),
	SUPPORTED("reserved"),
	SUPPORTED("flags"),
	SUPPORTED("window-size"),
	SUPPORTED("urgent-pointer"),
	SUPPORTED("options"),
	SUPPORTED("flags-bitmask"),
	SUPPORTED("source-port"),
	SUPPORTED("destination-port"),
	SUPPORTED("port-range"),
};
static const struct yang_node udp_capabilities[] = {
	SUPPORTED("length"),
	SUPPORTED("source-port"),
	SUPPORTED("destination-port"),
	SUPPORTED("port-range"),
};
static const struct yang_node icmp_capabilities[] = {
	SUPPORTED("type"),
	SUPPORTED("code"),
	SUPPORTED("rest-of-header"),
};
static const struct yang_node capabilities[] = {
	{LEAF_LIST("address-family", t_family)},
	{LEAF_LIST("forwarding-actions", t_forwarding)},
	SUPPORTED("rate-limit"),
	{LEAF_LIST("transport-protocols", t_uint8)},
	{CONTAINER("ipv4", ipv4_capabilities)},
	{CONTAINER("ipv6", ipv6_capabilities)},
	{CONTAINER("tcp", tcp_capabilities)},
	{CONTAINER("udp", udp_capabilities)},
	{CONTAINER("icmp", icmp_capabilities)},
};

/* -- the whole -- */

static const struct yang_node client[] = {
	{LEAF("cuid", t_any_string)},
	{LEAF("cdid", t_any_string)},
	{CONTAINER("aliases", aliases)},
	{CONTAINER("acls", acls)},
};
static const struct yang_node dots_data[] = {
	{LIST("dots-client", "cuid", client), .max_items = ENTRIES_MAX},
	{CONTAINER("capabilities", capabilities), .flags = YANG_STATE},
};
static const struct yang_node top[] = {
	{CONTAINER("dots-data", dots_data)},
	{.name = "modules-state",
		.module = DATA_LIBRARY_MODULE,
		.kind = YANG_CONTAINER,
		.flags = YANG_STATE,
		.children = data_modules_state_rows,
		.n_children = COUNT(data_modules_state_rows)},
	{.name = "restconf-state",
		.module = DATA_MONITORING_MODULE,
		.kind = YANG_CONTAINER,
		.flags = YANG_STATE,
		.children = data_restconf_state_rows,
		.n_children = COUNT(data_restconf_state_rows)},
};

#define API(name_, kind_)                                                                          \
	{                                                                                          \
		.name = (name_), .module = "ietf-restconf", .kind = (kind_)                        \
	}
static const struct yang_node api[] = {
	API("data", YANG_CONTAINER),
	API("operations", YANG_CONTAINER),
	API("yang-library-version", YANG_LEAF),
};

const struct yang_node data_api = {.name = "restconf",
	.module = "ietf-restconf",
	.kind = YANG_CONTAINER,
	.children = api,
	.n_children = COUNT(api)};
const struct yang_node data_root = {.name = "data",
	.module = "ietf-restconf",
	.kind = YANG_CONTAINER,
	.children = top,
	.n_children = COUNT(top)};
const struct yang_node *const data_dots_data = &top[0];
const struct yang_node *const data_client = &dots_data[0];
const struct yang_node *const data_capabilities = &dots_data[1];
const struct yang_node *const data_aliases = &client[2];
const struct yang_node *const data_acls = &client[3];
const struct yang_node *const data_alias = &aliases[0];
const struct yang_node *const data_acl = &acls[0];
