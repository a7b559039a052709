/*
 * See nft_msg.h.
 */
#include "priv/nft_msg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "priv/nft_rule.h"
#include "priv/nft_set.h"

enum {
	SOURCES_MAX = 65535, /* told apart by one filter; further ones pass, as each would pass
				below its rate */
	SOURCE_TIMEOUT_MS = 60000,
	/* Before packets are put together from fragments for connection tracking (-400): what is
	 * done to fragments is done to each one as it came. */
	PRIORITY = -450,
};

#define ID  "%" PRIu64
#define KEY "%016" PRIx64

/* ---- names ---- */

uint64_t
nft_msg_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 14695981039346656037ULL; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return h;
}

static struct nft_name
name_chain(const struct range_id *id)
{
	return id->kind == RANGE_ACLS ? nft_name_key("a", id->id) : nft_name_id("m", id->id);
}

void
nft_msg_chain(const struct range *r, char ret[static NFT_NAME_MAX])
{
	struct buf all;

	if (r->n_ids == 1) {
		memcpy(ret, name_chain(&r->ids[0]).text, NFT_NAME_MAX);
		return;
	}
	buf_init(&all, SIZE_MAX);
	for (size_t i = 0; i < r->n_ids; i++) {
		buf_u8(&all, (uint8_t)r->ids[i].kind);
		buf_u64(&all, r->ids[i].id);
	}
	snprintf(ret, NFT_NAME_MAX, "cell_" KEY, nft_msg_hash(all.bytes, all.len));
	buf_finish(&all);
}

static struct nft_name
name_sources(const struct nft_family *f, uint64_t id)
{
	struct nft_name n;

	snprintf(n.text, sizeof(n.text), "s%c_" ID, f->digit, id);
	return n;
}

/* ---- tables, chains, sets ---- */

static const char base_chain[] = "pre";

static void
put_base_chain(const char *table, struct buf *out)
{
	struct nft_message m;
	struct nlattr *hook;

	nft_message_begin(&m, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nft_message_text(&m, NFTA_CHAIN_TABLE, table);
	nft_message_text(&m, NFTA_CHAIN_NAME, base_chain);
	nft_message_text(&m, NFTA_CHAIN_TYPE, "filter");
	hook = nft_message_nest(&m, NFTA_CHAIN_HOOK);
	nft_message_u32(&m, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
	nft_message_u32(&m, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	nft_message_unnest(&m, hook);
	nft_message_u32(&m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nft_message_finish(&m, out);
}

/* ---- frame ---- */

static void
put_map_rule(const char *table, const struct nft_family *f, const char *map, struct buf *out)
{
	struct nft_rule r;

	nft_rule_begin(&r, table, base_chain);
	nft_rule_match_family(&r, f);
	nft_rule_payload(&r, REG_1, NFT_PAYLOAD_NETWORK_HEADER, f->destination, f->len);
	nft_rule_look_up(&r, REG_1, map, 0, true);
	nft_rule_end(&r, out);
}

static void
put_table(const char *table, uint16_t type, uint16_t flags, struct buf *out)
{
	struct nft_message m;

	nft_message_begin(&m, type, flags);
	nft_message_text(&m, NFTA_TABLE_NAME, table);
	nft_message_finish(&m, out);
}

void
nft_msg_table_gone(const char *table, struct buf *out)
{
	put_table(table, NFT_MSG_NEWTABLE, NLM_F_CREATE, out); /* or it could not be deleted */
	put_table(table, NFT_MSG_DELTABLE, 0, out);
}

/* In a key each part has whole words. */
enum { PORT_SOURCE = 0, PORT_DESTINATION = 2, PORT_LEN = 2, PORT_ROOM = 4, PROTOCOL_ROOM = 4 };

static void
put_flow_sets(const char *table, const struct nft_family *f, struct buf *out)
{
	uint32_t end_type = f->type << NFT_TYPE_BITS | NFT_TYPE_PORT, end_len = f->len + PORT_ROOM;
	struct nft_set s = {.table = table, .name = f->ends};

	s.key_type = (uint32_t)NFT_TYPE_PROTOCOL << 2 * NFT_TYPE_BITS | end_type;
	s.key_len = PROTOCOL_ROOM + end_len;
	nft_set_put(&s, out);
	s.name = f->flows;
	s.key_type = s.key_type << 2 * NFT_TYPE_BITS | end_type;
	s.key_len += end_len;
	nft_set_put(&s, out);
}

void
nft_msg_frame(const char *table, struct buf *out)
{
	put_table(table, NFT_MSG_NEWTABLE, NLM_F_CREATE, out);
	put_base_chain(table, out);
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		const struct nft_family *f = &nft_families[i];
		struct nft_set s = {.table = table,
			.name = f->single,
			.key_type = f->type,
			.key_len = f->len,
			.verdicts = true};

		nft_set_put(&s, out);
		s.name = f->map;
		s.flags = NFT_SET_INTERVAL;
		nft_set_put(&s, out);
		put_flow_sets(table, f, out);
	}
	nft_rule_flush_chain(table, base_chain, out);
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		put_map_rule(table, &nft_families[i], nft_families[i].single, out);
		put_map_rule(table, &nft_families[i], nft_families[i].map, out);
	}
}

bool
nft_msg_is_frame(const char *name)
{
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		const struct nft_family *f = &nft_families[i];

		if (!strcmp(name, f->map) || !strcmp(name, f->single) || !strcmp(name, f->flows) ||
			!strcmp(name, f->ends))
			return true;
	}
	return !strcmp(name, base_chain);
}

void
nft_msg_flush_frame(const char *table, struct buf *out)
{
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		nft_set_flush(table, nft_families[i].single, out);
		nft_set_flush(table, nft_families[i].map, out);
		nft_set_flush(table, nft_families[i].flows, out);
		nft_set_flush(table, nft_families[i].ends, out);
	}
}

/* ---- clients ---- */

/* Address and port of one end, side by side; returns the register after them. */
static uint32_t
load_end(struct nft_rule *r, const struct nft_family *f, uint32_t reg, bool destination)
{
	uint32_t words = f->len / 4;

	nft_rule_payload(r, reg, NFT_PAYLOAD_NETWORK_HEADER,
		destination ? f->destination : f->source, f->len);
	nft_rule_payload(r, reg + words, NFT_PAYLOAD_TRANSPORT_HEADER,
		destination ? PORT_DESTINATION : PORT_SOURCE, PORT_LEN);
	return reg + words + 1;
}

/* Packets of a live session, the server's end being their destination or their source. */
static void
put_session_rule(const char *table, uint64_t key, const struct nft_family *f, bool to_server,
	struct buf *out)
{
	struct nft_rule r;
	uint32_t reg;

	nft_rule_begin(&r, table, nft_name_key("k", key).text);
	nft_rule_match_family(&r, f);
	nft_rule_meta(&r, REG_WORDS, NFT_META_L4PROTO);
	reg = load_end(&r, f, REG_WORDS + 1, to_server);
	load_end(&r, f, reg, !to_server);
	nft_rule_look_up(&r, REG_WORDS, f->flows, 0, false);
	nft_rule_decide(&r, NF_ACCEPT, NULL);
	nft_rule_end(&r, out);
}

/* A few packets from the server's listening endpoints, for handshakes under way; each protocol has
 * a rate of its own. */
static void
put_handshake_rule(const char *table, uint64_t key, const struct nft_family *f, uint8_t protocol,
	struct buf *out)
{
	struct nft_rule r;

	nft_rule_begin(&r, table, nft_name_key("k", key).text);
	nft_rule_match_byte(&r, NFT_META_L4PROTO, protocol);
	nft_rule_match_family(&r, f);
	nft_rule_meta(&r, REG_WORDS, NFT_META_L4PROTO);
	load_end(&r, f, REG_WORDS + 1, false);
	nft_rule_look_up(&r, REG_WORDS, f->ends, 0, false);
	nft_rule_limit(&r, FLOW_HANDSHAKE_RATE, FLOW_HANDSHAKE_BURST, false, false);
	nft_rule_decide(&r, NF_ACCEPT, NULL);
	nft_rule_end(&r, out);
}

void
nft_msg_client(const char *table, uint64_t key, struct buf *out)
{
	nft_rule_chain(table, nft_name_key("k", key).text, out);
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		const struct nft_family *f = &nft_families[i];

		put_session_rule(table, key, f, false, out);
		put_session_rule(table, key, f, true, out);
		put_handshake_rule(table, key, f, IPPROTO_UDP, out);
		put_handshake_rule(table, key, f, IPPROTO_TCP, out);
	}
}

void
nft_msg_pass_client(const char *table, const char *chain, uint64_t key, struct buf *out)
{
	struct nft_rule r;

	nft_rule_begin(&r, table, chain);
	nft_rule_match_transport_header(&r);
	nft_rule_decide(&r, NFT_JUMP, nft_name_key("k", key).text);
	nft_rule_end(&r, out);
}

void
nft_msg_client_gone(const char *table, uint64_t key, struct buf *out)
{
	struct nft_name chain = nft_name_key("k", key);

	nft_rule_flush_chain(table, chain.text, out);
	nft_msg_delete(table, NFT_CHAIN, chain.text, out);
}

static size_t
endpoint_key(uint8_t *key, const struct nft_family *f, const struct endpoint *e)
{
	memcpy(key, e->addr.bytes, f->len);
	key[f->len] = (uint8_t)(e->port >> 8);
	key[f->len + 1] = (uint8_t)e->port;
	return f->len + PORT_ROOM;
}

/* One without a client end is an endpoint of ours. */
void
nft_msg_flow(const char *table, bool add, const struct flow *flow, struct buf *out)
{
	const struct nft_family *f = nft_family_of(&flow->server.addr);
	uint8_t key[PROTOCOL_ROOM + 2 * (16 + PORT_ROOM)] = {flow->protocol};
	bool live = flow->client.addr.family != 0;
	size_t len = PROTOCOL_ROOM;
	struct nft_elements e;

	len += endpoint_key(key + len, f, &flow->server);
	if (live)
		len += endpoint_key(key + len, f, &flow->client);
	nft_set_elements(&e, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, table,
		live ? f->flows : f->ends, 0, out);
	nft_set_key(&e, key, len, NULL, 0);
	nft_set_elements_end(&e);
}

/* ---- mitigations: what they match ---- */

static const uint8_t with_ports[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP};

/* Protocols of the match: as asked; with ports only those that have them (RFC 9132 4.4.1.1). */
static size_t
matched_protocols(const struct filter *f, uint8_t ret[static 256])
{
	size_t n = 0;

	if (!f->n_protocols && f->n_ports) {
		memcpy(ret, with_ports, sizeof(with_ports));
		return sizeof(with_ports);
	}
	for (size_t i = 0; i < f->n_protocols; i++)
		if (!memchr(ret, f->protocols[i], n) &&
			(!f->n_ports || memchr(with_ports, f->protocols[i], sizeof(with_ports))))
			ret[n++] = f->protocols[i];
	return n;
}

static int
compare_ports(const void *a, const void *b)
{
	const struct filter_ports *x = a, *y = b;

	return x->lower != y->lower ? (int)x->lower - (int)y->lower : (int)x->upper - (int)y->upper;
}

/* Ranges joined where they touch: a set takes no overlaps. Returns how many; *ret is to be freed.
 */
static size_t
joined_ports(const struct filter *f, struct filter_ports **ret)
{
	struct filter_ports *p = mem_copy(f->ports, f->n_ports * sizeof(*p));
	size_t n = 0;

	qsort(p, f->n_ports, sizeof(*p), compare_ports);
	for (size_t i = 0; i < f->n_ports; i++) {
		if (n && p[i].lower <= p[n - 1].upper + 1)
			p[n - 1].upper = p[i].upper > p[n - 1].upper ? p[i].upper : p[n - 1].upper;
		else
			p[n++] = p[i];
	}
	*ret = p;
	return n;
}

/* What the rules of one mitigation match, in sets of their own where one comparison is not enough.
 * Such a set lives and dies with its rule. */
struct match {
	uint8_t protocols[256];
	size_t n_protocols;
	struct filter_ports *ports; /* joined */
	size_t n_ports;
};

static uint32_t
put_protocol_set(const char *table, const struct match *match, struct buf *out)
{
	struct nft_set s = {.table = table,
		.name = NFT_SET_ANONYMOUS_NAME,
		.flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT,
		.key_type = NFT_TYPE_PROTOCOL,
		.key_len = 1,
		.size = (uint32_t)match->n_protocols};
	uint32_t id = nft_set_put(&s, out);
	struct nft_elements e;

	nft_set_elements(&e, NFT_MSG_NEWSETELEM, table, NFT_SET_ANONYMOUS_NAME, id, out);
	for (size_t i = 0; i < match->n_protocols; i++)
		nft_set_key(&e, &match->protocols[i], 1, NULL, 0);
	nft_set_elements_end(&e);
	return id;
}

static uint32_t
put_port_set(const char *table, const struct match *match, struct buf *out)
{
	struct nft_set s = {.table = table,
		.name = NFT_SET_ANONYMOUS_NAME,
		.flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL,
		.key_type = NFT_TYPE_PORT,
		.key_len = PORT_LEN,
		.size = 2 * (uint32_t)match->n_ports};
	uint32_t id = nft_set_put(&s, out);
	struct nft_elements e;

	nft_set_elements(&e, NFT_MSG_NEWSETELEM, table, NFT_SET_ANONYMOUS_NAME, id, out);
	for (size_t i = 0; i < match->n_ports; i++) {
		uint16_t lower = htons(match->ports[i].lower), upper = htons(match->ports[i].upper);

		nft_set_interval(&e, &lower, &upper, sizeof(lower), NULL);
	}
	nft_set_elements_end(&e);
	return id;
}

static void
match_ports(struct nft_rule *r, const struct match *match, uint32_t set_id)
{
	uint16_t lower = htons(match->ports[0].lower), upper = htons(match->ports[0].upper);

	nft_rule_match_transport_header(r);
	nft_rule_payload(r, REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, PORT_LEN);
	if (match->n_ports > 1) {
		nft_rule_look_up(r, REG_1, NFT_SET_ANONYMOUS_NAME, set_id, false);
	} else if (lower == upper) {
		nft_rule_compare(r, NFT_CMP_EQ, &lower, sizeof(lower));
	} else {
		nft_rule_compare(r, NFT_CMP_GTE, &lower, sizeof(lower));
		nft_rule_compare(r, NFT_CMP_LTE, &upper, sizeof(upper));
	}
}

/* ---- mitigations: their rules ---- */

/* One rule of the mitigation's chain; the family is that of the source set, NULL: there is none. */
static void
put_rule(const char *table, const struct filter *f, const struct nft_family *family,
	const struct match *match, struct buf *out)
{
	uint32_t protocols = match->n_protocols > 1 ? put_protocol_set(table, match, out) : 0;
	uint32_t ports = match->n_ports > 1 ? put_port_set(table, match, out) : 0;
	bool bytes = f->action.unit == RATE_BYTES;
	struct nft_rule r;

	nft_rule_begin(&r, table, nft_name_id("m", f->id).text);
	if (match->n_protocols == 1) {
		nft_rule_match_byte(&r, NFT_META_L4PROTO, match->protocols[0]);
	} else if (match->n_protocols) {
		nft_rule_meta(&r, REG_1, NFT_META_L4PROTO);
		nft_rule_look_up(&r, REG_1, NFT_SET_ANONYMOUS_NAME, protocols, false);
	}
	if (match->n_ports)
		match_ports(&r, match, ports);
	if (f->action.kind == ACTION_LIMIT)
		nft_rule_limit(&r, f->action.rate, NFT_RULE_BURST, bytes, true);
	if (family) {
		nft_rule_match_family(&r, family);
		nft_rule_payload(
			&r, REG_1, NFT_PAYLOAD_NETWORK_HEADER, family->source, family->len);
		nft_rule_limit_sources(&r, name_sources(family, f->id).text, f->action.rate, bytes);
	}
	nft_rule_count(&r, nft_name_id("n", f->id).text);
	if (f->action.kind != ACTION_OBSERVE) /* else other filters may have something to say */
		nft_rule_decide(&r, NF_DROP, NULL);
	nft_rule_end(&r, out);
}

/* A set of sources is there for each family the filter has prefixes of. */
static bool
has_sources(const struct filter *f, const struct nft_family *family)
{
	if (f->action.kind != ACTION_LIMIT_PER_SOURCE)
		return false;
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (nft_family_of(&f->prefixes[i].addr) == family)
			return true;
	return false;
}

static void
put_sources(
	const char *table, const struct filter *f, const struct nft_family *family, struct buf *out)
{
	struct nft_name name = name_sources(family, f->id);

	nft_set_put(&(struct nft_set){.table = table,
			    .name = name.text,
			    .flags = NFT_SET_EVAL | NFT_SET_TIMEOUT,
			    .key_type = family->type,
			    .key_len = family->len,
			    .size = SOURCES_MAX,
			    .timeout_ms = SOURCE_TIMEOUT_MS},
		out);
}

void
nft_msg_counter(const char *table, const char *name, uint64_t digest, struct buf *out)
{
	/* Type, length, text: a comment as the nft tool writes and prints it. */
	char comment[2 + 16 + 1] = {0, 16 + 1};
	struct nft_message m;

	snprintf(comment + 2, sizeof(comment) - 2, KEY, digest);
	nft_message_begin(&m, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	nft_message_text(&m, NFTA_OBJ_TABLE, table);
	nft_message_text(&m, NFTA_OBJ_NAME, name);
	nft_message_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nft_message_unnest(&m, nft_message_nest(&m, NFTA_OBJ_DATA));
	mnl_attr_put(m.h, NFTA_OBJ_USERDATA, sizeof(comment), comment);
	nft_message_finish(&m, out);
}

void
nft_msg_mitigation(const char *table, const struct filter *f, uint64_t client_key, uint64_t digest,
	struct buf *out)
{
	struct nft_name chain = nft_name_id("m", f->id);
	struct match match;
	bool matches;

	match.n_protocols = matched_protocols(f, match.protocols);
	match.n_ports = joined_ports(f, &match.ports);
	/* else ports of what has none */
	matches = match.n_protocols || (!f->n_protocols && !f->n_ports);
	nft_msg_counter(table, nft_name_id("n", f->id).text, digest, out);
	nft_rule_chain(table, chain.text, out);
	nft_msg_pass_client(table, chain.text, client_key, out);
	if (matches && f->action.kind != ACTION_LIMIT_PER_SOURCE)
		put_rule(table, f, NULL, &match, out);
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		if (!has_sources(f, &nft_families[i]))
			continue;
		put_sources(table, f, &nft_families[i], out);
		if (matches)
			put_rule(table, f, &nft_families[i], &match, out);
	}
	free(match.ports);
}

void
nft_msg_mitigation_reset(const char *table, const struct filter *f, struct buf *out)
{
	nft_rule_flush_chain(table, nft_name_id("m", f->id).text, out);
	nft_msg_delete(table, NFT_COUNTER, nft_name_id("n", f->id).text, out);
	for (size_t i = 0; i < NFT_FAMILIES; i++)
		if (has_sources(f, &nft_families[i]))
			nft_msg_delete(
				table, NFT_SET, name_sources(&nft_families[i], f->id).text, out);
}

/* ---- ranges ---- */

void
nft_msg_cell(const char *table, const struct range *r, struct buf *out)
{
	char name[NFT_NAME_MAX];

	nft_msg_chain(r, name);
	nft_rule_chain(table, name, out);
	for (size_t i = 0; i < r->n_ids; i++)
		nft_rule_jump(table, name, name_chain(&r->ids[i]).text, out);
}

/* Single addresses are found by hash: the tree of intervals costs a packet, and each change, more.
 */
void
nft_msg_element(const char *table, bool add, const struct nft_element *el, struct buf *out)
{
	const struct nft_family *f = nft_family_of(&el->first);
	bool one = addr_equal(&el->first, &el->last);
	const char *chain = add ? el->chain : NULL;
	struct nft_elements e;

	nft_set_elements(&e, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, table,
		one ? f->single : f->map, 0, out);
	if (one)
		nft_set_key(&e, el->first.bytes, f->len, chain, 0);
	else
		nft_set_interval(&e, el->first.bytes, el->last.bytes, f->len, chain);
	nft_set_elements_end(&e);
}

/* ---- by name ---- */

static const struct kind {
	uint16_t delete, list;
	uint16_t table, name; /* attributes */
} kinds[] = {
	[NFT_CHAIN] = {NFT_MSG_DELCHAIN, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
	[NFT_SET] = {NFT_MSG_DELSET, NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME},
	[NFT_COUNTER] = {NFT_MSG_DELOBJ, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME},
};

void
nft_msg_delete(const char *table, enum nft_kind kind, const char *name, struct buf *out)
{
	struct nft_message m;

	nft_message_begin(&m, kinds[kind].delete, 0);
	nft_message_text(&m, kinds[kind].table, table);
	nft_message_text(&m, kinds[kind].name, name);
	if (kind == NFT_COUNTER)
		nft_message_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nft_message_finish(&m, out);
}

void
nft_msg_list(const char *table, enum nft_kind kind, struct buf *out)
{
	struct nft_message m;

	nft_message_begin(&m, kinds[kind].list, NLM_F_DUMP);
	if (kind != NFT_CHAIN)
		nft_message_text(&m, kinds[kind].table, table);
	if (kind == NFT_COUNTER)
		nft_message_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nft_message_finish(&m, out);
}

/* ---- what the kernel lists ---- */

static uint64_t
get_u64(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) == sizeof(uint64_t) ? be64toh(mnl_attr_get_u64(a)) : 0;
}

static void
parse_counter(const struct nlattr *data, struct nft_object *ret)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, data)
	{
		if (mnl_attr_get_type(a) == NFTA_COUNTER_PACKETS)
			ret->packets = get_u64(a);
		if (mnl_attr_get_type(a) == NFTA_COUNTER_BYTES)
			ret->bytes = get_u64(a);
	}
}

/* As nft_msg_counter wrote it; another one's is none of ours. */
static const char *
parse_comment(const struct nlattr *a)
{
	const char *p = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);

	return len > 2 && p[0] == 0 && !p[len - 1] ? p + 2 : "";
}

static const char *
text_of(const struct nlattr *a)
{
	return mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0 ? NULL : mnl_attr_get_str(a);
}

bool
nft_msg_parse(const struct nlmsghdr *h, enum nft_kind kind, struct nft_object *ret)
{
	const struct kind *k = &kinds[kind];
	const struct nlattr *a;
	bool anonymous_set = false;

	*ret = (struct nft_object){.comment = ""};
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(a);

		if (type == k->table)
			ret->table = text_of(a);
		else if (type == k->name)
			ret->name = text_of(a);
		else if (kind == NFT_SET && type == NFTA_SET_FLAGS)
			anonymous_set = ntohl(mnl_attr_get_u32(a)) & NFT_SET_ANONYMOUS;
		else if (kind == NFT_COUNTER && type == NFTA_OBJ_DATA)
			parse_counter(a, ret);
		else if (kind == NFT_COUNTER && type == NFTA_OBJ_USERDATA)
			ret->comment = parse_comment(a);
	}
	return ret->table && ret->name && !anonymous_set;
}
