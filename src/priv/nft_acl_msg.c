/*
 * See nft_acl_msg.h. Where a field is in a packet stands in tables; what one comparison cannot say
 * (fragments) becomes a set of values, or several rules of which one packet meets one at most.
 */
#include "priv/nft_acl_msg.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "priv/nft_msg.h"
#include "priv/nft_rule.h"
#include "priv/nft_set.h"

enum {
	RATE_UNITS = 100,  /* hundredths */
	RATE_BURST = 1500, /* bytes, beyond those of a second: a packet that is alone can pass */
};

/* ---- names ---- */

struct nft_name
nft_acl_msg_chain(uint64_t client, uint64_t digest)
{
	struct nft_name n;

	snprintf(n.text, sizeof(n.text), "r_%016" PRIx64 "_%016" PRIx64, client, digest);
	return n;
}

static struct nft_name
name_counter(const struct acl_rule *rule)
{
	return nft_name_id("x", rule->id);
}

static struct nft_name
name_rate(const struct acl_rule *rule)
{
	return nft_name_id("l", rule->id);
}

/* ---- where things are ---- */

enum base { NETWORK, TRANSPORT, LAST_HEADER };

struct place {
	enum base base;
	uint8_t offset, len; /* bytes */
	uint32_t mask;       /* 0: all of it */
	uint8_t shift;
};

/* Of the IP header, by family: IPv4, IPv6. Fields of other headers stand in the first column. */
static const struct place places[ACL_FIELDS][NFT_FAMILIES] = {
	[ACL_DSCP] = {{NETWORK, 1, 1, 0xfc, 2}, {NETWORK, 0, 2, 0x0fc0, 6}},
	[ACL_ECN] = {{NETWORK, 1, 1, 0x03, 0}, {NETWORK, 0, 2, 0x0030, 4}},
	[ACL_LENGTH] = {{NETWORK, 2, 2, 0, 0}, {NETWORK, 4, 2, 0, 0}},
	[ACL_TTL] = {{NETWORK, 8, 1, 0, 0}, {NETWORK, 7, 1, 0, 0}},
	[ACL_PROTOCOL] = {{NETWORK, 9, 1, 0, 0}, {LAST_HEADER, 0, 1, 0, 0}},
	[ACL_IHL] = {{NETWORK, 0, 1, 0x0f, 0}},
	[ACL_IPV4_FLAGS] = {{NETWORK, 6, 1, 0xe0, 5}},
	[ACL_OFFSET] = {{NETWORK, 6, 2, 0x1fff, 0}},
	[ACL_IDENTIFICATION] = {{NETWORK, 4, 2, 0, 0}},
	[ACL_FLOW_LABEL] = {{0}, {NETWORK, 0, 4, 0xfffff, 0}},
	[ACL_TCP_SEQUENCE] = {{TRANSPORT, 4, 4, 0, 0}},
	[ACL_TCP_ACKNOWLEDGEMENT] = {{TRANSPORT, 8, 4, 0, 0}},
	[ACL_TCP_DATA_OFFSET] = {{TRANSPORT, 12, 1, 0xf0, 4}},
	[ACL_TCP_RESERVED] = {{TRANSPORT, 12, 1, 0x0f, 0}},
	[ACL_TCP_FLAGS] = {{TRANSPORT, 13, 1, 0, 0}},
	[ACL_TCP_WINDOW] = {{TRANSPORT, 14, 2, 0, 0}},
	[ACL_TCP_URGENT] = {{TRANSPORT, 18, 2, 0, 0}},
	[ACL_UDP_LENGTH] = {{TRANSPORT, 4, 2, 0, 0}},
	[ACL_ICMP_TYPE] = {{TRANSPORT, 0, 1, 0, 0}},
	[ACL_ICMP_CODE] = {{TRANSPORT, 1, 1, 0, 0}},
};
static const struct place ports_source = {TRANSPORT, 0, 2, 0, 0},
			  ports_destination = {TRANSPORT, 2, 2, 0, 0},
			  tcp_flags = {TRANSPORT, 12, 2, 0, 0},
			  ipv4_fragment = {NETWORK, 6, 2, 0, 0};

static const struct place *
place_of(enum acl_field field, const struct nft_family *f)
{
	bool second = f == &nft_families[1] && places[field][0].base != TRANSPORT;

	return &places[field][second];
}

/* The last bytes of a number in network order. */
static const uint8_t *
tail(uint32_t *v, size_t len)
{
	*v = htonl(*v);
	return (const uint8_t *)v + sizeof(*v) - len;
}

static void
load(struct nft_rule *r, const struct place *p)
{
	if (p->base == LAST_HEADER)
		nft_rule_meta(r, REG_1, NFT_META_L4PROTO);
	else
		nft_rule_payload(r, REG_1,
			p->base == NETWORK ? NFT_PAYLOAD_NETWORK_HEADER
					   : NFT_PAYLOAD_TRANSPORT_HEADER,
			p->offset, p->len);
}

static void
mask(struct nft_rule *r, uint32_t bits, size_t len)
{
	nft_rule_mask(r, tail(&bits, len), len);
}

static void
compare(struct nft_rule *r, enum nft_cmp_ops op, uint32_t value, size_t len)
{
	nft_rule_compare(r, op, tail(&value, len), len);
}

/* ---- matches ---- */

static bool
is_any(const struct acl_ports *p)
{
	return p->lower == 0 && p->upper == UINT16_MAX;
}

static bool
looks_behind_ip(const struct acl_rule *rule)
{
	for (unsigned i = 0; i < ACL_FIELDS; i++)
		if (rule->has & 1u << i && places[i][0].base == TRANSPORT)
			return true;
	return rule->has_flags || !is_any(&rule->source_ports) || !is_any(&rule->destination_ports);
}

static void
match_fields(struct nft_rule *r, const struct acl_rule *rule, const struct nft_family *f)
{
	for (unsigned i = 0; i < ACL_FIELDS; i++) {
		const struct place *p = place_of(i, f);

		if (!(rule->has & 1u << i))
			continue;
		load(r, p);
		if (p->mask)
			mask(r, p->mask, p->len);
		compare(r, NFT_CMP_EQ, rule->values[i] << p->shift, p->len);
	}
}

static void
match_network(
	struct nft_rule *r, const struct prefix *p, const struct nft_family *f, uint32_t offset)
{
	uint8_t bits[16] = {0};

	if (!p->len)
		return; /* all of its family, or any */
	nft_rule_payload(r, REG_1, NFT_PAYLOAD_NETWORK_HEADER, offset, f->len);
	for (unsigned i = 0; i < p->len; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	if (p->len < 8 * f->len)
		nft_rule_mask(r, bits, f->len);
	nft_rule_compare(r, NFT_CMP_EQ, p->addr.bytes, f->len);
}

static void
match_ports(struct nft_rule *r, const struct place *p, const struct acl_ports *ports)
{
	if (is_any(ports))
		return;
	load(r, p);
	if (ports->lower == ports->upper) {
		compare(r, ports->not ? NFT_CMP_NEQ : NFT_CMP_EQ, ports->lower, p->len);
		return;
	}
	compare(r, NFT_CMP_GTE, ports->lower, p->len);
	compare(r, NFT_CMP_LTE, ports->upper, p->len);
}

/* RFC 8783 4.3, operator: on the low 12 bits of these bytes. */
static void
match_flags(struct nft_rule *r, const struct acl_bits *b)
{
	load(r, &tcp_flags);
	mask(r, b->bits, tcp_flags.len);
	compare(r, b->any != b->not ? NFT_CMP_NEQ : NFT_CMP_EQ, b->any ? 0 : b->bits,
		tcp_flags.len);
}

/* ---- fragments ---- */

/* What a packet is; each kind is a bit of a mask. In IPv6 one that has a fragment header and is not
 * in pieces (RFC 6946) is atomic; in IPv4 such a packet is whole. */
enum piece { WHOLE, ATOMIC, FIRST, MIDDLE, LAST, PIECES };
enum { WITH_HEADER = 1 << ATOMIC | 1 << FIRST | 1 << MIDDLE | 1 << LAST };

static bool
holds(const struct acl_bits *b, unsigned packet)
{
	bool match = b->any ? (packet & b->bits) != 0 : (packet & b->bits) == b->bits;

	return match != b->not ;
}

/* ff and lf as in RFC 8955 4.2.2.12 and RFC 8956 3.6; isf has the first one, too (RFC 8783 4.3). */
static unsigned
bits_of(enum piece piece)
{
	static const unsigned bits[PIECES] = {0, ACL_FRAGMENT_ISF,
		ACL_FRAGMENT_ISF | ACL_FRAGMENT_FF, ACL_FRAGMENT_ISF,
		ACL_FRAGMENT_ISF | ACL_FRAGMENT_LF};

	return bits[piece];
}

struct values {
	uint16_t first, last;
};

/* Which values of flags and offset hold: the three flags, each with offset 0 and with others.
 * Returns how many ranges. */
static size_t
ipv4_values(const struct acl_bits *b, struct values ret[static 16])
{
	enum { OFFSETS = 0x1fff, FLAGS = 8, DF = 2, MF = 1 };
	size_t n = 0;

	for (unsigned flags = 0; flags < FLAGS; flags++) {
		for (unsigned later = 0; later < 2; later++) {
			enum piece piece = flags & MF ? later ? MIDDLE : FIRST
					   : later    ? LAST
						      : WHOLE;
			unsigned df = flags & DF ? ACL_FRAGMENT_DF : 0;
			uint16_t first = (uint16_t)(flags << 13 | later);
			uint16_t last = (uint16_t)(flags << 13 | (later ? OFFSETS : 0));

			if (!holds(b, bits_of(piece) | df))
				continue;
			if (n && ret[n - 1].last + 1 == first)
				ret[n - 1].last = last;
			else
				ret[n++] = (struct values){first, last};
		}
	}
	return n;
}

static uint32_t
put_value_set(const char *table, const struct values *values, size_t n, struct buf *out)
{
	struct nft_set s = {.table = table,
		.name = NFT_SET_ANONYMOUS_NAME,
		.flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL,
		.key_type = NFT_TYPE_PORT, /* as good as any other of two bytes */
		.key_len = sizeof(uint16_t),
		.size = 2 * (uint32_t)n};
	uint32_t id = nft_set_put(&s, out);
	struct nft_elements e;

	nft_set_elements(&e, NFT_MSG_NEWSETELEM, table, s.name, id, out);
	for (size_t i = 0; i < n; i++) {
		uint16_t first = htons(values[i].first), last = htons(values[i].last);

		nft_set_interval(&e, &first, &last, sizeof(first), NULL);
	}
	nft_set_elements_end(&e);
	return id;
}

static unsigned
ipv6_pieces(const struct acl_bits *b)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < PIECES; i++)
		if (holds(b, bits_of(i)))
			ret |= 1u << i;
	return ret;
}

/* Either one kind of piece, or all that have a fragment header. */
static void
match_ipv6_piece(struct nft_rule *r, unsigned pieces)
{
	enum { OFFSET_AT = 2, OFFSET_BITS = 0xfff8, MORE = 1 };
	bool later = pieces & (1 << MIDDLE | 1 << LAST), more = pieces & (1 << FIRST | 1 << MIDDLE);

	if (pieces == 1 << WHOLE || pieces == WITH_HEADER) {
		nft_rule_ipv6_header(r, REG_1, IPPROTO_FRAGMENT, 0, 1, true);
		compare(r, NFT_CMP_EQ, pieces == WITH_HEADER, 1);
		return;
	}
	nft_rule_ipv6_header(r, REG_1, IPPROTO_FRAGMENT, OFFSET_AT, 2, false);
	mask(r, OFFSET_BITS, 2);
	compare(r, later ? NFT_CMP_NEQ : NFT_CMP_EQ, 0, 2);
	nft_rule_ipv6_header(r, REG_1, IPPROTO_FRAGMENT, OFFSET_AT, 2, false);
	mask(r, MORE, 2);
	compare(r, NFT_CMP_EQ, more, 2);
}

/* ---- rules ---- */

/* Where one rule of an ACL goes, and in which part. */
struct part {
	const char *table, *chain;
	const struct acl_rule *rule;
	const struct nft_family *family; /* NULL: both alike */
	unsigned pieces;                 /* of IPv6; 0: any */
	uint32_t values;                 /* of IPv4 fragments: a set; 0: any */
	struct buf *out;
};

static uint8_t
protocol_of(const struct part *p)
{
	bool icmpv6 = p->rule->l4 == ACL_L4_ICMP && p->family == &nft_families[1];

	return icmpv6 ? IPPROTO_ICMPV6 : (uint8_t)p->rule->l4;
}

static void
put_part(const struct part *p)
{
	const struct acl_rule *rule = p->rule;
	const struct nft_family *f = p->family;
	struct nft_rule r;

	nft_rule_begin(&r, p->table, p->chain);
	if (f) {
		nft_rule_match_family(&r, f);
		match_network(&r, &rule->destination, f, f->destination);
		match_network(&r, &rule->source, f, f->source);
	}
	if (rule->l4)
		nft_rule_match_byte(&r, NFT_META_L4PROTO, protocol_of(p));
	if (looks_behind_ip(rule))
		nft_rule_match_transport_header(&r);
	match_fields(&r, rule, f);
	match_ports(&r, &ports_source, &rule->source_ports);
	match_ports(&r, &ports_destination, &rule->destination_ports);
	if (rule->has_flags)
		match_flags(&r, &rule->flags);
	if (p->values) {
		load(&r, &ipv4_fragment);
		nft_rule_look_up(&r, REG_1, NFT_SET_ANONYMOUS_NAME, p->values, false);
	}
	if (p->pieces)
		match_ipv6_piece(&r, p->pieces);
	nft_rule_count(&r, name_counter(rule).text);
	if (rule->rate)
		nft_rule_decide(&r, NFT_GOTO, name_rate(rule).text);
	else
		nft_rule_decide(&r, rule->accept ? NF_ACCEPT : NF_DROP, NULL);
	nft_rule_end(&r, p->out);
}

static void
put_ipv4_fragments(struct part *p)
{
	struct values values[16];
	size_t n = ipv4_values(&p->rule->fragment, values);

	if (!n)
		return; /* there is no such packet */
	if (n > 1 || values[0].first || values[0].last < UINT16_MAX)
		p->values = put_value_set(p->table, values, n, p->out);
	put_part(p);
}

static void
put_ipv6_fragments(struct part *p)
{
	unsigned pieces = ipv6_pieces(&p->rule->fragment);

	if (pieces == (1 << PIECES) - 1 || pieces == WITH_HEADER) {
		p->pieces = pieces & 1 << WHOLE ? 0 : pieces;
		put_part(p);
		return;
	}
	for (unsigned i = 0; i < PIECES; i++) {
		p->pieces = pieces & 1u << i;
		if (p->pieces)
			put_part(p);
	}
}

static void
put_rule(const char *table, const char *chain, const struct acl_rule *rule, struct buf *out)
{
	bool alike = !rule->family && rule->l4 != ACL_L4_ICMP;

	for (size_t i = 0; i < (alike ? 1 : NFT_FAMILIES); i++) {
		struct part p = {.table = table, .chain = chain, .rule = rule, .out = out};

		if (!alike)
			p.family = &nft_families[i];
		if (rule->family && nft_families[i].digit != '0' + rule->family)
			continue;
		if (!rule->has_fragment)
			put_part(&p);
		else if (rule->family == 4)
			put_ipv4_fragments(&p);
		else
			put_ipv6_fragments(&p);
	}
}

/* What exceeds the rate is dropped, the rest passes whatever mitigations say. */
static void
put_rate(const char *table, const struct acl_rule *rule, struct buf *out)
{
	struct nft_name chain = name_rate(rule);
	struct nft_rule r;

	nft_rule_chain(table, chain.text, out);
	nft_rule_begin(&r, table, chain.text);
	nft_rule_limit(&r, (rule->rate + RATE_UNITS - 1) / RATE_UNITS, RATE_BURST, true, true);
	nft_rule_decide(&r, NF_DROP, NULL);
	nft_rule_end(&r, out);
	nft_rule_begin(&r, table, chain.text);
	nft_rule_decide(&r, NF_ACCEPT, NULL);
	nft_rule_end(&r, out);
}

void
nft_acl_msg_rule(const char *table, const struct acl_rule *rule, uint64_t digest, struct buf *out)
{
	nft_msg_counter(table, name_counter(rule).text, digest, out);
	if (rule->rate)
		put_rate(table, rule, out);
}

void
nft_acl_msg_rule_gone(const char *table, const struct acl_rule *rule, struct buf *out)
{
	nft_msg_delete(table, NFT_COUNTER, name_counter(rule).text, out);
	if (!rule->rate)
		return;
	nft_rule_flush_chain(table, name_rate(rule).text, out);
	nft_msg_delete(table, NFT_CHAIN, name_rate(rule).text, out);
}

/* ---- chains ---- */

void
nft_acl_msg_rules(const char *table, uint64_t client, uint64_t digest, const struct acl_set *set,
	struct buf *out)
{
	struct nft_name chain = nft_acl_msg_chain(client, digest);

	nft_rule_chain(table, chain.text, out);
	for (size_t i = 0; i < set->n_rules; i++)
		put_rule(table, chain.text, &set->rules[i], out);
}

void
nft_acl_msg_rules_gone(const char *table, uint64_t client, uint64_t digest, struct buf *out)
{
	struct nft_name chain = nft_acl_msg_chain(client, digest);

	nft_rule_flush_chain(table, chain.text, out);
	nft_msg_delete(table, NFT_CHAIN, chain.text, out);
}

void
nft_acl_msg_entry(const char *table, uint64_t client, uint64_t digest, struct buf *out)
{
	struct nft_name chain = nft_name_key("a", client);

	nft_rule_chain(table, chain.text, out);
	nft_msg_pass_client(table, chain.text, client, out);
	nft_rule_jump(table, chain.text, nft_acl_msg_chain(client, digest).text, out);
}

void
nft_acl_msg_entry_gone(const char *table, uint64_t client, struct buf *out)
{
	struct nft_name chain = nft_name_key("a", client);

	nft_rule_flush_chain(table, chain.text, out);
	nft_msg_delete(table, NFT_CHAIN, chain.text, out);
}
