/*
 * ACLs of the data channel, from JSON to what is enforced (RFC 8783 4.2, 7.1, 7.2). Everything that
 * has to do with a leaf of `matches` is a row of one table.
 */
#include "core/acl.h"

#include <stddef.h>
#include <string.h>

enum { BAD_REQUEST = 400 }; /* HTTP */

/* ---- the table ---- */

struct bit {
	const char *name;
	uint16_t value;
};

static const struct bit ipv4_flags[] = {{"reserved", 4}, {"fragment", 2}, {"more", 1}, {0}};
static const struct bit tcp_flags[] = {{"cwr", 128}, {"ece", 64}, {"urg", 32}, {"ack", 16},
	{"psh", 8}, {"rst", 4}, {"syn", 2}, {"fin", 1}, {0}};
static const struct bit fragment_types[] = {{"df", ACL_FRAGMENT_DF}, {"isf", ACL_FRAGMENT_ISF},
	{"ff", ACL_FRAGMENT_FF}, {"lf", ACL_FRAGMENT_LF}, {0}};
enum { OPERATOR_NOT = 1, OPERATOR_ANY = 2 };
static const struct bit operators[] = {{"not", OPERATOR_NOT}, {"any", OPERATOR_ANY}, {0}};

struct reading {
	const struct client *client;
	struct acl *acl;
	struct acl_rule *rule;
	const char *ace, *leaf; /* where we are */
	struct restconf_error *err;
};
enum { SEEN_FRAGMENT = 1, SEEN_IPV4_FLAGS = 2, SEEN_BITMASK = 4, SEEN_TCP_FLAGS = 8 };

struct leaf {
	const char *container, *name;
	const char *capability; /* of it, in the container of the same name */
	bool (*read)(struct reading *r, const struct leaf *l, const json_t *v); /* NULL: not here */
	size_t at; /* in struct acl_rule; of numbers: which field */
	const struct bit *bits;
	unsigned seen;
};

static bool read_number(struct reading *r, const struct leaf *l, const json_t *v);
static bool read_network(struct reading *r, const struct leaf *l, const json_t *v);
static bool read_fragment(struct reading *r, const struct leaf *l, const json_t *v);
static bool read_bitmask(struct reading *r, const struct leaf *l, const json_t *v);
static bool read_ports(struct reading *r, const struct leaf *l, const json_t *v);

#define NUMBER(container, name, capability, field)                                                 \
	{                                                                                          \
		container, name, capability, read_number, field, NULL, 0                           \
	}
#define FLAGS(container, field, bits, seen)                                                        \
	{                                                                                          \
		container, "flags", "flags", read_number, field, bits, seen                        \
	}
#define NETWORK(container, name, capability, member)                                               \
	{                                                                                          \
		container, name, capability, read_network, offsetof(struct acl_rule, member),      \
			NULL, 0                                                                    \
	}
#define PORTS(container, name, capability, member)                                                 \
	{                                                                                          \
		container, name, capability, read_ports, offsetof(struct acl_rule, member), NULL,  \
			0                                                                          \
	}

static const struct leaf leafs[] = {
	NUMBER("ipv4", "dscp", "dscp", ACL_DSCP), NUMBER("ipv4", "ecn", "ecn", ACL_ECN),
	NUMBER("ipv4", "length", "length", ACL_LENGTH), NUMBER("ipv4", "ttl", "ttl", ACL_TTL),
	NUMBER("ipv4", "protocol", "protocol", ACL_PROTOCOL), NUMBER("ipv4", "ihl", "ihl", ACL_IHL),
	FLAGS("ipv4", ACL_IPV4_FLAGS, ipv4_flags, SEEN_IPV4_FLAGS),
	NUMBER("ipv4", "offset", "offset", ACL_OFFSET),
	NUMBER("ipv4", "identification", "identification", ACL_IDENTIFICATION),
	NETWORK("ipv4", "destination-ipv4-network", "destination-prefix", destination),
	NETWORK("ipv4", "source-ipv4-network", "source-prefix", source),
	{"ipv4", "fragment", "fragment", read_fragment, 0, NULL, SEEN_FRAGMENT},
	NUMBER("ipv6", "dscp", "dscp", ACL_DSCP), NUMBER("ipv6", "ecn", "ecn", ACL_ECN),
	NUMBER("ipv6", "length", "length", ACL_LENGTH), NUMBER("ipv6", "ttl", "hoplimit", ACL_TTL),
	NUMBER("ipv6", "protocol", "protocol", ACL_PROTOCOL),
	NETWORK("ipv6", "destination-ipv6-network", "destination-prefix", destination),
	NETWORK("ipv6", "source-ipv6-network", "source-prefix", source),
	NUMBER("ipv6", "flow-label", "flow-label", ACL_FLOW_LABEL),
	{"ipv6", "fragment", "fragment", read_fragment, 0, NULL, SEEN_FRAGMENT},
	NUMBER("tcp", "sequence-number", "sequence-number", ACL_TCP_SEQUENCE),
	NUMBER("tcp", "acknowledgement-number", "acknowledgement-number", ACL_TCP_ACKNOWLEDGEMENT),
	NUMBER("tcp", "data-offset", "data-offset", ACL_TCP_DATA_OFFSET),
	NUMBER("tcp", "reserved", "reserved", ACL_TCP_RESERVED),
	FLAGS("tcp", ACL_TCP_FLAGS, tcp_flags, SEEN_TCP_FLAGS),
	NUMBER("tcp", "window-size", "window-size", ACL_TCP_WINDOW),
	NUMBER("tcp", "urgent-pointer", "urgent-pointer", ACL_TCP_URGENT),
	{"tcp", "options", "options", NULL, 0, NULL, 0}, /* all of them, or one among them? */
	{"tcp", "flags-bitmask", "flags-bitmask", read_bitmask, 0, NULL, SEEN_BITMASK},
	PORTS("tcp", "source-port-range-or-operator", "source-port", source_ports),
	PORTS("tcp", "destination-port-range-or-operator", "destination-port", destination_ports),
	NUMBER("udp", "length", "length", ACL_UDP_LENGTH),
	PORTS("udp", "source-port-range-or-operator", "source-port", source_ports),
	PORTS("udp", "destination-port-range-or-operator", "destination-port", destination_ports),
	NUMBER("icmp", "type", "type", ACL_ICMP_TYPE),
	NUMBER("icmp", "code", "code", ACL_ICMP_CODE),
	{"icmp", "rest-of-header", "rest-of-header", NULL, 0, NULL, 0}, /* all, or the beginning? */
};
enum { N_LEAFS = sizeof(leafs) / sizeof(leafs[0]) };

static const struct header {
	const char *name;
	uint8_t family;
	enum acl_l4 l4;
	bool ports;
} headers[] = {
	{"ipv4", 4, ACL_L4_ANY, false},
	{"ipv6", 6, ACL_L4_ANY, false},
	{"tcp", 0, ACL_L4_TCP, true},
	{"udp", 0, ACL_L4_UDP, true},
	{"icmp", 0, ACL_L4_ICMP, false},
};
enum { N_HEADERS = sizeof(headers) / sizeof(headers[0]) };

#define IETF_ACL "ietf-access-control-list:"

/* What an ACL without an l3 match is for. Those of Ethernet alone have no matches here. */
static const struct {
	const char *name;
	uint8_t family; /* 0: both */
} types[] = {
	{IETF_ACL "ipv4-acl-type", 4},
	{IETF_ACL "ipv6-acl-type", 6},
	{IETF_ACL "mixed-eth-ipv4-acl-type", 4},
	{IETF_ACL "mixed-eth-ipv6-acl-type", 6},
	{IETF_ACL "mixed-eth-ipv4-ipv6-acl-type", 0},
};

/* ---- reading ---- */

static bool
refuse(struct reading *r, enum restconf_tag tag, const char *why)
{
	return restconf_refuse(
		r->err, BAD_REQUEST, tag, "RFC 8783 7.2: ace '%s': %s: %s", r->ace, r->leaf, why);
}

/* Names separated by one space each. 0 also for what is not among them. */
static unsigned
bits_of(const json_t *v, const struct bit *bits)
{
	const char *at = json_is_string(v) ? json_string_value(v) : "";
	unsigned ret = 0;

	while (*at) {
		size_t len = strcspn(at, " ");

		for (const struct bit *b = bits; b->name; b++)
			if (strlen(b->name) == len && !memcmp(at, b->name, len))
				ret |= b->value;
		at += len + strspn(at + len, " ");
	}
	return ret;
}

static bool
read_number(struct reading *r, const struct leaf *l, const json_t *v)
{
	r->rule->has |= 1u << l->at;
	r->rule->values[l->at] = l->bits ? bits_of(v, l->bits) : (uint32_t)json_integer_value(v);
	return true;
}

static bool
read_network(struct reading *r, const struct leaf *l, const json_t *v)
{
	struct prefix *p = (struct prefix *)(void *)((char *)r->rule + l->at);
	struct verdict verdict;

	if (!json_is_string(v) || prefix_parse(json_string_value(v), p) != 0)
		return refuse(r, RESTCONF_INVALID_VALUE, "is no prefix");
	if (p != &r->rule->destination)
		return true;
	verdict = client_authorises(r->client, p, 1);
	return verdict_ok(&verdict) || refuse(r, RESTCONF_INVALID_VALUE, verdict.why);
}

/* The default is "match" (RFC 8783 4.3); "not" alone negates that. */
static void
read_operator(const json_t *v, struct acl_bits *ret)
{
	unsigned how = bits_of(v, operators);

	ret->not = how & OPERATOR_NOT;
	ret->any = how & OPERATOR_ANY;
}

static bool
read_fragment(struct reading *r, const struct leaf *l, const json_t *v)
{
	struct acl_bits *f = &r->rule->fragment;

	(void)l;
	r->rule->has_fragment = true;
	f->bits = (uint16_t)bits_of(json_object_get(v, "type"), fragment_types);
	read_operator(json_object_get(v, "operator"), f);
	return true;
}

static bool
read_bitmask(struct reading *r, const struct leaf *l, const json_t *v)
{
	struct acl_bits *f = &r->rule->flags;

	(void)l;
	r->rule->has_flags = true;
	/* The data offset takes no part (4.3). */
	f->bits = json_integer_value(json_object_get(v, "bitmask")) & 0xfff;
	read_operator(json_object_get(v, "operator"), f);
	return true;
}

static bool
read_ports(struct reading *r, const struct leaf *l, const json_t *v)
{
	struct acl_ports *p = (struct acl_ports *)(void *)((char *)r->rule + l->at);
	const json_t *lower = json_object_get(v, "lower-port");
	const char *how = json_string_value(json_object_get(v, "operator"));
	uint16_t port = (uint16_t)json_integer_value(json_object_get(v, "port"));

	if (lower)
		*p = (struct acl_ports){(uint16_t)json_integer_value(lower),
			(uint16_t)json_integer_value(json_object_get(v, "upper-port")), false};
	else if (how && !strcmp(how, "lte"))
		*p = (struct acl_ports){0, port, false};
	else if (how && !strcmp(how, "gte"))
		*p = (struct acl_ports){port, UINT16_MAX, false};
	else
		*p = (struct acl_ports){port, port, how && !strcmp(how, "neq")};
	return true;
}

static const struct leaf *
leaf_of(const char *container, const char *name)
{
	for (size_t i = 0; i < N_LEAFS; i++)
		if (!strcmp(leafs[i].container, container) && !strcmp(leafs[i].name, name))
			return &leafs[i];
	return NULL;
}

static bool
read_header(struct reading *r, const struct header *h, json_t *matches)
{
	json_t *container = json_object_get(matches, h->name), *v;
	const char *name;

	if (!container)
		return true;
	if (h->family)
		r->rule->family = h->family;
	else
		r->rule->l4 = h->l4;
	json_object_foreach(container, name, v) {
		const struct leaf *l = leaf_of(h->name, name);

		r->leaf = name;
		if (!l || !l->read)
			return refuse(r, RESTCONF_INVALID_VALUE, "is not supported here (7.1)");
		if (!l->read(r, l, v))
			return false;
	}
	return true;
}

/* Hundredths; false: none, or too many. */
static bool
parse_rate(const char *text, uint64_t *ret)
{
	unsigned fraction = 0, digits = 0;

	*ret = 0;
	for (bool point = false; *text; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || (point && ++fraction > 2) || *ret > ACL_RATE_MAX)
			return false;
		*ret = 10 * *ret + (uint64_t)(*text - '0');
		digits++;
	}
	for (; fraction < 2; fraction++)
		*ret *= 10;
	return digits && *ret <= ACL_RATE_MAX;
}

/* A rate of 0 lets nothing pass: that is a drop (RFC 8955 7.1). */
static bool
read_rate(struct reading *r, const json_t *v)
{
	r->leaf = "rate-limit";
	if (!v)
		return true;
	if (!json_is_string(v) || !parse_rate(json_string_value(v), &r->rule->rate))
		return refuse(r, RESTCONF_INVALID_VALUE, "is no rate of at most 18000000000.00");
	r->rule->accept = r->rule->rate > 0;
	return true;
}

static bool
read_actions(struct reading *r, const json_t *actions)
{
	const char *forwarding = json_string_value(json_object_get(actions, "forwarding"));

	r->leaf = "forwarding";
	r->rule->accept = !strcmp(forwarding, IETF_ACL "accept");
	if (!r->rule->accept && strcmp(forwarding, IETF_ACL "drop") != 0)
		return refuse(r, RESTCONF_INVALID_VALUE, "is neither accept nor drop (4.1)");
	return read_rate(r, json_object_get(actions, "rate-limit"));
}

/* What is immediate names its destination, unless it says nothing of the IP header at all
 * (RFC 8783 7.2, figure 36). */
static bool
check_destination(struct reading *r, const json_t *matches)
{
	bool v4 = json_object_get(matches, "ipv4") != NULL;

	if (r->acl->activation != ACTIVATE_IMMEDIATE || r->rule->destination.addr.family ||
		(!v4 && !json_object_get(matches, "ipv6")))
		return true;
	r->leaf = v4 ? "destination-ipv4-network" : "destination-ipv6-network";
	return refuse(r, RESTCONF_MISSING_ATTRIBUTE, "is missing: the ACL is immediate");
}

static bool
read_ace(struct reading *r, const json_t *ace, uint8_t family)
{
	static const struct acl_ports any = {0, UINT16_MAX, false};
	json_t *matches = json_object_get(ace, "matches");
	const char *why;

	r->ace = json_string_value(json_object_get(ace, "name"));
	r->rule->family = family;
	r->rule->source_ports = r->rule->destination_ports = any;
	for (size_t i = 0; i < N_HEADERS; i++)
		if (!read_header(r, &headers[i], matches))
			return false;
	if (!check_destination(r, matches) || !read_actions(r, json_object_get(ace, "actions")))
		return false;
	r->leaf = "matches";
	why = acl_rule_check(r->rule);
	return !why || refuse(r, RESTCONF_INVALID_VALUE, why);
}

static bool
read_type(struct reading *r, const json_t *entry, uint8_t *ret_family)
{
	const char *type = json_string_value(json_object_get(entry, "type"));

	*ret_family = 0;
	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(type, types[i].name)) {
			*ret_family = types[i].family;
			return true;
		}
	return !type || restconf_refuse(r->err, BAD_REQUEST, RESTCONF_INVALID_VALUE,
				"RFC 8783 7.2: type: %s is not supported here", type);
}

/* SEEN_… in any of its ACEs. */
static unsigned
seen_in(const json_t *entry)
{
	const json_t *aces = json_object_get(json_object_get(entry, "aces"), "ace"), *ace;
	unsigned seen = 0;
	size_t k;

	json_array_foreach(aces, k, ace) {
		const json_t *matches = json_object_get(ace, "matches");

		for (size_t i = 0; i < N_LEAFS; i++)
			if (leafs[i].seen &&
				json_object_get(json_object_get(matches, leafs[i].container),
					leafs[i].name))
				seen |= leafs[i].seen;
	}
	return seen;
}

/* RFC 8783 4.2: not in one request. */
bool
acl_pairs(const json_t *entry, struct restconf_error *err)
{
	static const struct {
		unsigned pair;
		const char *text;
	} pairs[] = {
		{SEEN_FRAGMENT | SEEN_IPV4_FLAGS, "fragment and the flags of ipv4"},
		{SEEN_BITMASK | SEEN_TCP_FLAGS, "flags-bitmask and the flags of tcp"},
	};

	unsigned seen = seen_in(entry);

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if ((seen & pairs[i].pair) == pairs[i].pair)
			return restconf_refuse(err, BAD_REQUEST, RESTCONF_INVALID_VALUE,
				"RFC 8783 4.2: %s exclude each other", pairs[i].text);
	return true;
}

static enum activation_type
activation_of(const json_t *entry)
{
	const char *text = json_string_value(json_object_get(entry, "activation-type"));

	if (text && !strcmp(text, "immediate"))
		return ACTIVATE_IMMEDIATE;
	return text && !strcmp(text, "deactivate") ? DEACTIVATE : ACTIVATE_WHEN_MITIGATING;
}

static char *
copy_text(struct arena *a, const json_t *v)
{
	const char *text = json_string_value(v);

	return arena_text(a, text ? text : "", text ? strlen(text) : 0);
}

bool
acl_read(const json_t *entry, const struct client *c, struct arena *a, struct acl *ret,
	struct restconf_error *err)
{
	const json_t *aces = json_object_get(json_object_get(entry, "aces"), "ace");
	struct reading r = {.client = c, .acl = ret, .err = err};
	uint8_t family;

	*ret = (struct acl){.name = copy_text(a, json_object_get(entry, "name")),
		.activation = activation_of(entry),
		.n_rules = json_array_size(aces)};
	ret->rules = arena_alloc(a, ret->n_rules, sizeof(*ret->rules));
	ret->rule_names = arena_alloc(a, ret->n_rules, sizeof(*ret->rule_names));
	if (!read_type(&r, entry, &family))
		return false;
	for (size_t i = 0; i < ret->n_rules; i++) {
		const json_t *ace = json_array_get(aces, i);

		ret->rule_names[i] = copy_text(a, json_object_get(ace, "name"));
		r.rule = &ret->rules[i];
		if (!read_ace(&r, ace, family))
			return false;
	}
	return acl_pairs(entry, err);
}

/* ---- capabilities ---- */

static json_t *
container_capabilities(const struct header *h)
{
	json_t *ret = json_object();

	for (size_t i = 0; i < N_LEAFS; i++)
		if (!strcmp(leafs[i].container, h->name))
			json_object_set_new(
				ret, leafs[i].capability, json_boolean(leafs[i].read != NULL));
	if (h->ports) /* of both ports, and all operators (4.3) */
		json_object_set_new(ret, "port-range", json_true());
	return ret;
}

const char *
acl_leaf_capability(const char *header, const char *leaf)
{
	for (size_t i = 0; i < N_LEAFS; i++)
		if (!strcmp(leafs[i].container, header) && !strcmp(leafs[i].name, leaf))
			return leafs[i].capability;
	return NULL;
}

json_t *
acl_capabilities(void)
{
	json_t *ret = json_pack("{s:[s,s], s:[s,s], s:b, s:[i,i,i,i]}", "address-family", "ipv4",
		"ipv6", "forwarding-actions", IETF_ACL "drop", IETF_ACL "accept", "rate-limit", 1,
		"transport-protocols", 1, 6, 17, 58);

	for (size_t i = 0; i < N_HEADERS; i++)
		json_object_set_new(ret, headers[i].name, container_capabilities(&headers[i]));
	return ret;
}
