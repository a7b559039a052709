/*
 * Typed filters as messages to the kernel. The only file that knows how its packet filter is told
 * (linux/netfilter/nf_tables.h): attributes in network order, expressions that pass values on in
 * registers.
 */
#include "priv/nft_msg.h"

#include <arpa/inet.h>
#include <assert.h>
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

enum {
	MESSAGE_MAX = 32768, /* an anonymous set of 256 ranges is the largest */
	ELEMENTS_MAX = 128,  /* in one message */
	SOURCES_MAX = 65535, /* told apart by one filter; further ones pass, as each would pass
				below its rate */
	SOURCE_TIMEOUT_MS = 60000,
	PRIORITY_RAW = -300,
	LIMIT_BURST = 5, /* of what is limited, as the nft tool gives it */
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

void
nft_msg_chain(const struct range *r, char ret[static NFT_NAME_MAX])
{
	if (r->n_ids == 1)
		snprintf(ret, NFT_NAME_MAX, "m_" ID, r->ids[0]);
	else
		snprintf(ret, NFT_NAME_MAX, "cell_" KEY,
			nft_msg_hash(r->ids, r->n_ids * sizeof(*r->ids)));
}

struct name {
	char text[NFT_NAME_MAX];
};

static struct name
name_id(const char *kind, uint64_t id)
{
	struct name n;

	snprintf(n.text, sizeof(n.text), "%s_" ID, kind, id);
	return n;
}

static struct name
name_key(const char *kind, uint64_t key)
{
	struct name n;

	snprintf(n.text, sizeof(n.text), "%s_" KEY, kind, key);
	return n;
}

/* ---- messages ---- */

struct message {
	_Alignas(struct nlmsghdr) char bytes[MESSAGE_MAX];
	struct nlmsghdr *h;
};

static void
begin(struct message *m, uint16_t type, uint16_t flags)
{
	struct nfgenmsg *g;

	m->h = mnl_nlmsg_put_header(m->bytes);
	m->h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	m->h->nlmsg_flags = NLM_F_REQUEST | flags;
	g = mnl_nlmsg_put_extra_header(m->h, sizeof(*g));
	g->nfgen_family = NFPROTO_INET;
	g->version = NFNETLINK_V0;
}

static void
finish(const struct message *m, struct buf *out)
{
	assert(m->h->nlmsg_len <= MESSAGE_MAX);
	buf_bytes(out, m->bytes, MNL_ALIGN(m->h->nlmsg_len));
}

static void
put_u32(struct message *m, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(m->h, type, htonl(v));
}

static void
put_u64(struct message *m, uint16_t type, uint64_t v)
{
	mnl_attr_put_u64(m->h, type, htobe64(v));
}

static void
put_text(struct message *m, uint16_t type, const char *text)
{
	mnl_attr_put_strz(m->h, type, text);
}

static struct nlattr *
nest(struct message *m, uint16_t type)
{
	return mnl_attr_nest_start(m->h, type);
}

static void
unnest(struct message *m, struct nlattr *a)
{
	mnl_attr_nest_end(m->h, a);
}

static void
put_data(struct message *m, uint16_t type, const void *bytes, size_t len)
{
	struct nlattr *a = nest(m, type);

	mnl_attr_put(m->h, NFTA_DATA_VALUE, len, bytes);
	unnest(m, a);
}

static void
put_verdict(struct message *m, uint16_t type, int code, const char *chain)
{
	struct nlattr *data = nest(m, type), *verdict = nest(m, NFTA_DATA_VERDICT);

	put_u32(m, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		put_text(m, NFTA_VERDICT_CHAIN, chain);
	unnest(m, verdict);
	unnest(m, data);
}

/* ---- families ---- */

/* Numbers of data types as the nft tool prints them. */
enum { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PROTOCOL = 12, TYPE_PORT = 13, TYPE_BITS = 6 };

static const struct family {
	char digit;
	uint8_t nfproto;
	uint32_t source, destination, len; /* in the network header */
	uint32_t type;
	const char *map, *single; /* targets */
	const char *flows, *ends; /* live sessions, our own endpoints */
} families[] = {
	{'4', NFPROTO_IPV4, 12, 16, 4, TYPE_IPV4, "mit4", "one4", "flow4", "own4"},
	{'6', NFPROTO_IPV6, 8, 24, 16, TYPE_IPV6, "mit6", "one6", "flow6", "own6"},
};
enum { N_FAMILIES = sizeof(families) / sizeof(families[0]) };

static const struct family *
family_of(const struct addr *a)
{
	return &families[a->family == 6];
}

static struct name
name_sources(const struct family *f, uint64_t id)
{
	struct name n;

	snprintf(n.text, sizeof(n.text), "s%c_" ID, f->digit, id);
	return n;
}

/* ---- tables, chains, sets ---- */

static void
put_chain(const char *table, const char *chain, uint16_t type, struct buf *out)
{
	struct message m;

	begin(&m, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0);
	put_text(&m, NFTA_CHAIN_TABLE, table);
	put_text(&m, NFTA_CHAIN_NAME, chain);
	finish(&m, out);
}

void
nft_msg_flush_chain(const char *table, const char *chain, struct buf *out)
{
	struct message m;

	begin(&m, NFT_MSG_DELRULE, 0);
	put_text(&m, NFTA_RULE_TABLE, table);
	put_text(&m, NFTA_RULE_CHAIN, chain);
	finish(&m, out);
}

static void
put_empty_chain(const char *table, const char *chain, struct buf *out)
{
	put_chain(table, chain, NFT_MSG_NEWCHAIN, out);
	nft_msg_flush_chain(table, chain, out);
}

static const char base_chain[] = "pre";

static void
put_base_chain(const char *table, struct buf *out)
{
	struct message m;
	struct nlattr *hook;

	begin(&m, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	put_text(&m, NFTA_CHAIN_TABLE, table);
	put_text(&m, NFTA_CHAIN_NAME, base_chain);
	put_text(&m, NFTA_CHAIN_TYPE, "filter");
	hook = nest(&m, NFTA_CHAIN_HOOK);
	put_u32(&m, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
	put_u32(&m, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY_RAW);
	unnest(&m, hook);
	put_u32(&m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	finish(&m, out);
}

struct set {
	const char *table, *name;
	uint32_t flags, key_type, key_len;
	bool verdicts;       /* a verdict map */
	uint32_t size;       /* 0: any */
	uint64_t timeout_ms; /* 0: none */
};

/* Returns the number by which rules of the same transaction may name it. */
static uint32_t
put_set(const struct set *s, struct buf *out)
{
	static uint32_t last_id;
	/* Type, length, value: the nft tool's note that keys are in network order. */
	static const uint8_t order[] = {0, 4, 2, 0, 0, 0};
	struct message m;

	begin(&m, NFT_MSG_NEWSET, NLM_F_CREATE);
	put_text(&m, NFTA_SET_TABLE, s->table);
	put_text(&m, NFTA_SET_NAME, s->name);
	put_u32(&m, NFTA_SET_FLAGS, s->flags | (s->verdicts ? NFT_SET_MAP : 0));
	put_u32(&m, NFTA_SET_KEY_TYPE, s->key_type);
	put_u32(&m, NFTA_SET_KEY_LEN, s->key_len);
	if (s->verdicts)
		put_u32(&m, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	put_u32(&m, NFTA_SET_ID, ++last_id);
	if (s->timeout_ms)
		put_u64(&m, NFTA_SET_TIMEOUT, s->timeout_ms);
	if (s->size) {
		struct nlattr *desc = nest(&m, NFTA_SET_DESC);

		put_u32(&m, NFTA_SET_DESC_SIZE, s->size);
		unnest(&m, desc);
	}
	mnl_attr_put(m.h, NFTA_SET_USERDATA, sizeof(order), order);
	finish(&m, out);
	return last_id;
}

/* ---- elements ---- */

/* A message of elements, begun anew when it is full. */
struct elements {
	struct message m;
	struct nlattr *list;
	const char *table, *set;
	uint32_t set_id; /* of a set of the same transaction, else 0 */
	uint16_t type;
	unsigned n;
	struct buf *out;
};

static void
elements_open(struct elements *e)
{
	begin(&e->m, e->type, e->type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	put_text(&e->m, NFTA_SET_ELEM_LIST_TABLE, e->table);
	put_text(&e->m, NFTA_SET_ELEM_LIST_SET, e->set);
	if (e->set_id)
		put_u32(&e->m, NFTA_SET_ELEM_LIST_SET_ID, e->set_id);
	e->n = 0;
	e->list = nest(&e->m, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void
elements_begin(struct elements *e, uint16_t type, const char *table, const char *set,
	uint32_t set_id, struct buf *out)
{
	e->type = type;
	e->table = table;
	e->set = set;
	e->set_id = set_id;
	e->out = out;
	elements_open(e);
}

static void
elements_end(struct elements *e)
{
	if (!e->n)
		return;
	unnest(&e->m, e->list);
	finish(&e->m, e->out);
}

/* chain: of a verdict map, else NULL. */
static void
put_key(struct elements *e, const void *key, size_t len, const char *chain, uint32_t flags)
{
	struct nlattr *a;

	if (e->n == ELEMENTS_MAX) {
		elements_end(e);
		elements_open(e);
	}
	a = nest(&e->m, NFTA_LIST_ELEM);
	put_data(&e->m, NFTA_SET_ELEM_KEY, key, len);
	if (chain)
		put_verdict(&e->m, NFTA_SET_ELEM_DATA, NFT_JUMP, chain);
	if (flags)
		put_u32(&e->m, NFTA_SET_ELEM_FLAGS, flags);
	unnest(&e->m, a);
	e->n++;
}

/* The key after it; false after the last one there is. */
static bool
next_key(uint8_t *key, size_t len)
{
	while (len-- > 0)
		if (++key[len])
			return true;
	return false;
}

/* An interval is its first key and, flagged, the one after its last. */
static void
put_interval(struct elements *e, const void *first, const void *last, size_t len, const char *chain)
{
	uint8_t end[16];

	put_key(e, first, len, chain, 0);
	memcpy(end, last, len);
	if (next_key(end, len))
		put_key(e, end, len, NULL, NFT_SET_ELEM_INTERVAL_END);
}

/* Without elements: all of them. */
static void
flush_set(const char *table, const char *set, struct buf *out)
{
	struct message m;

	begin(&m, NFT_MSG_DELSETELEM, 0);
	put_text(&m, NFTA_SET_ELEM_LIST_TABLE, table);
	put_text(&m, NFTA_SET_ELEM_LIST_SET, set);
	finish(&m, out);
}

/* ---- rules: expressions ---- */

/* A rule on its way. Values travel in registers; REG_1 has room for 16 bytes, REG_WORDS and those
 * after it for 4 each. */
enum { REG_1 = NFT_REG_1, REG_WORDS = NFT_REG32_00 };

struct rule {
	struct message m;
	struct nlattr *list, *element, *data;
};

static void
rule_begin(struct rule *r, const char *table, const char *chain)
{
	begin(&r->m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	put_text(&r->m, NFTA_RULE_TABLE, table);
	put_text(&r->m, NFTA_RULE_CHAIN, chain);
	r->list = nest(&r->m, NFTA_RULE_EXPRESSIONS);
}

static void
rule_end(struct rule *r, struct buf *out)
{
	unnest(&r->m, r->list);
	finish(&r->m, out);
}

static void
expression(struct rule *r, const char *name)
{
	r->element = nest(&r->m, NFTA_LIST_ELEM);
	put_text(&r->m, NFTA_EXPR_NAME, name);
	r->data = nest(&r->m, NFTA_EXPR_DATA);
}

static void
expression_end(struct rule *r)
{
	unnest(&r->m, r->data);
	unnest(&r->m, r->element);
}

static void
load_meta(struct rule *r, uint32_t reg, uint32_t key)
{
	expression(r, "meta");
	put_u32(&r->m, NFTA_META_DREG, reg);
	put_u32(&r->m, NFTA_META_KEY, key);
	expression_end(r);
}

static void
load_payload(struct rule *r, uint32_t reg, uint32_t base, uint32_t offset, uint32_t len)
{
	expression(r, "payload");
	put_u32(&r->m, NFTA_PAYLOAD_DREG, reg);
	put_u32(&r->m, NFTA_PAYLOAD_BASE, base);
	put_u32(&r->m, NFTA_PAYLOAD_OFFSET, offset);
	put_u32(&r->m, NFTA_PAYLOAD_LEN, len);
	expression_end(r);
}

static void
compare(struct rule *r, enum nft_cmp_ops op, const void *value, size_t len)
{
	expression(r, "cmp");
	put_u32(&r->m, NFTA_CMP_SREG, REG_1);
	put_u32(&r->m, NFTA_CMP_OP, op);
	put_data(&r->m, NFTA_CMP_DATA, value, len);
	expression_end(r);
}

/* Goes on if the value is in the set; in a verdict map, does what it says. */
static void
look_up(struct rule *r, uint32_t reg, const char *set, uint32_t set_id, bool verdicts)
{
	expression(r, "lookup");
	put_text(&r->m, NFTA_LOOKUP_SET, set);
	put_u32(&r->m, NFTA_LOOKUP_SREG, reg);
	if (verdicts)
		put_u32(&r->m, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	if (set_id)
		put_u32(&r->m, NFTA_LOOKUP_SET_ID, set_id);
	expression_end(r);
}

static void
decide(struct rule *r, int verdict, const char *chain)
{
	expression(r, "immediate");
	put_u32(&r->m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	put_verdict(&r->m, NFTA_IMMEDIATE_DATA, verdict, chain);
	expression_end(r);
}

static void
put_limit(struct message *m, uint64_t rate, uint32_t burst, bool bytes, bool over)
{
	put_u64(m, NFTA_LIMIT_RATE, rate);
	put_u64(m, NFTA_LIMIT_UNIT, 1); /* a second */
	put_u32(m, NFTA_LIMIT_BURST, burst);
	put_u32(m, NFTA_LIMIT_TYPE, bytes ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS);
	put_u32(m, NFTA_LIMIT_FLAGS, over ? NFT_LIMIT_F_INV : 0);
}

/* Goes on below that rate, or (over) above it. */
static void
limit(struct rule *r, uint64_t rate, uint32_t burst, bool bytes, bool over)
{
	expression(r, "limit");
	put_limit(&r->m, rate, burst, bytes, over);
	expression_end(r);
}

/* The same for each source of its own. */
static void
limit_sources(struct rule *r, const char *set, uint64_t rate, bool bytes)
{
	struct nlattr *inner, *data;

	expression(r, "dynset");
	put_text(&r->m, NFTA_DYNSET_SET_NAME, set);
	put_u32(&r->m, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	put_u32(&r->m, NFTA_DYNSET_SREG_KEY, REG_1);
	inner = nest(&r->m, NFTA_DYNSET_EXPR);
	put_text(&r->m, NFTA_EXPR_NAME, "limit");
	data = nest(&r->m, NFTA_EXPR_DATA);
	put_limit(&r->m, rate, LIMIT_BURST, bytes, true);
	unnest(&r->m, data);
	unnest(&r->m, inner);
	expression_end(r);
}

static void
count(struct rule *r, const char *counter)
{
	expression(r, "objref");
	put_u32(&r->m, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	put_text(&r->m, NFTA_OBJREF_IMM_NAME, counter);
	expression_end(r);
}

static void
match_byte(struct rule *r, uint32_t meta, uint8_t value)
{
	load_meta(r, REG_1, meta);
	compare(r, NFT_CMP_EQ, &value, 1);
}

static void
match_family(struct rule *r, const struct family *f)
{
	match_byte(r, NFT_META_NFPROTO, f->nfproto);
}

/* ---- frame ---- */

static void
put_map_rule(const char *table, const struct family *f, const char *map, struct buf *out)
{
	struct rule r;

	rule_begin(&r, table, base_chain);
	match_family(&r, f);
	load_payload(&r, REG_1, NFT_PAYLOAD_NETWORK_HEADER, f->destination, f->len);
	look_up(&r, REG_1, map, 0, true);
	rule_end(&r, out);
}

static void
put_table(const char *table, uint16_t type, uint16_t flags, struct buf *out)
{
	struct message m;

	begin(&m, type, flags);
	put_text(&m, NFTA_TABLE_NAME, table);
	finish(&m, out);
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
put_flow_sets(const char *table, const struct family *f, struct buf *out)
{
	uint32_t end_type = f->type << TYPE_BITS | TYPE_PORT, end_len = f->len + PORT_ROOM;
	struct set s = {.table = table, .name = f->ends};

	s.key_type = (uint32_t)TYPE_PROTOCOL << 2 * TYPE_BITS | end_type;
	s.key_len = PROTOCOL_ROOM + end_len;
	put_set(&s, out);
	s.name = f->flows;
	s.key_type = s.key_type << 2 * TYPE_BITS | end_type;
	s.key_len += end_len;
	put_set(&s, out);
}

void
nft_msg_frame(const char *table, struct buf *out)
{
	put_table(table, NFT_MSG_NEWTABLE, NLM_F_CREATE, out);
	put_base_chain(table, out);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		const struct family *f = &families[i];
		struct set s = {.table = table,
			.name = f->single,
			.key_type = f->type,
			.key_len = f->len,
			.verdicts = true};

		put_set(&s, out);
		s.name = f->map;
		s.flags = NFT_SET_INTERVAL;
		put_set(&s, out);
		put_flow_sets(table, f, out);
	}
	nft_msg_flush_chain(table, base_chain, out);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		put_map_rule(table, &families[i], families[i].single, out);
		put_map_rule(table, &families[i], families[i].map, out);
	}
}

bool
nft_msg_is_frame(const char *name)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		const struct family *f = &families[i];

		if (!strcmp(name, f->map) || !strcmp(name, f->single) || !strcmp(name, f->flows) ||
			!strcmp(name, f->ends))
			return true;
	}
	return !strcmp(name, base_chain);
}

void
nft_msg_flush_frame(const char *table, struct buf *out)
{
	for (size_t i = 0; i < N_FAMILIES; i++) {
		flush_set(table, families[i].single, out);
		flush_set(table, families[i].map, out);
		flush_set(table, families[i].flows, out);
		flush_set(table, families[i].ends, out);
	}
}

/* ---- clients ---- */

/* Address and port of one end, side by side; returns the register after them. */
static uint32_t
load_end(struct rule *r, const struct family *f, uint32_t reg, bool destination)
{
	uint32_t words = f->len / 4;

	load_payload(r, reg, NFT_PAYLOAD_NETWORK_HEADER, destination ? f->destination : f->source,
		f->len);
	load_payload(r, reg + words, NFT_PAYLOAD_TRANSPORT_HEADER,
		destination ? PORT_DESTINATION : PORT_SOURCE, PORT_LEN);
	return reg + words + 1;
}

/* Packets of a live session, the server's end being their destination or their source. */
static void
put_session_rule(
	const char *table, uint64_t key, const struct family *f, bool to_server, struct buf *out)
{
	struct rule r;
	uint32_t reg;

	rule_begin(&r, table, name_key("k", key).text);
	match_family(&r, f);
	load_meta(&r, REG_WORDS, NFT_META_L4PROTO);
	reg = load_end(&r, f, REG_WORDS + 1, to_server);
	load_end(&r, f, reg, !to_server);
	look_up(&r, REG_WORDS, f->flows, 0, false);
	decide(&r, NF_ACCEPT, NULL);
	rule_end(&r, out);
}

/* A few packets from the server's listening endpoints, for handshakes under way; each protocol has
 * a rate of its own. */
static void
put_handshake_rule(
	const char *table, uint64_t key, const struct family *f, uint8_t protocol, struct buf *out)
{
	struct rule r;

	rule_begin(&r, table, name_key("k", key).text);
	match_byte(&r, NFT_META_L4PROTO, protocol);
	match_family(&r, f);
	load_meta(&r, REG_WORDS, NFT_META_L4PROTO);
	load_end(&r, f, REG_WORDS + 1, false);
	look_up(&r, REG_WORDS, f->ends, 0, false);
	limit(&r, FLOW_HANDSHAKE_RATE, FLOW_HANDSHAKE_BURST, false, false);
	decide(&r, NF_ACCEPT, NULL);
	rule_end(&r, out);
}

void
nft_msg_client(const char *table, uint64_t key, struct buf *out)
{
	put_empty_chain(table, name_key("k", key).text, out);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		const struct family *f = &families[i];

		put_session_rule(table, key, f, false, out);
		put_session_rule(table, key, f, true, out);
		put_handshake_rule(table, key, f, IPPROTO_UDP, out);
		put_handshake_rule(table, key, f, IPPROTO_TCP, out);
	}
}

void
nft_msg_client_gone(const char *table, uint64_t key, struct buf *out)
{
	struct name chain = name_key("k", key);

	nft_msg_flush_chain(table, chain.text, out);
	nft_msg_delete(table, NFT_CHAIN, chain.text, out);
}

static size_t
endpoint_key(uint8_t *key, const struct family *f, const struct endpoint *e)
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
	const struct family *f = family_of(&flow->server.addr);
	uint8_t key[PROTOCOL_ROOM + 2 * (16 + PORT_ROOM)] = {flow->protocol};
	bool live = flow->client.addr.family != 0;
	size_t len = PROTOCOL_ROOM;
	struct elements e;

	len += endpoint_key(key + len, f, &flow->server);
	if (live)
		len += endpoint_key(key + len, f, &flow->client);
	elements_begin(&e, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, table,
		live ? f->flows : f->ends, 0, out);
	put_key(&e, key, len, NULL, 0);
	elements_end(&e);
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

static const char anonymous[] = "__set%d";

static uint32_t
put_protocol_set(const char *table, const struct match *match, struct buf *out)
{
	struct set s = {.table = table,
		.name = anonymous,
		.flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT,
		.key_type = TYPE_PROTOCOL,
		.key_len = 1,
		.size = (uint32_t)match->n_protocols};
	uint32_t id = put_set(&s, out);
	struct elements e;

	elements_begin(&e, NFT_MSG_NEWSETELEM, table, anonymous, id, out);
	for (size_t i = 0; i < match->n_protocols; i++)
		put_key(&e, &match->protocols[i], 1, NULL, 0);
	elements_end(&e);
	return id;
}

static uint32_t
put_port_set(const char *table, const struct match *match, struct buf *out)
{
	struct set s = {.table = table,
		.name = anonymous,
		.flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL,
		.key_type = TYPE_PORT,
		.key_len = PORT_LEN,
		.size = 2 * (uint32_t)match->n_ports};
	uint32_t id = put_set(&s, out);
	struct elements e;

	elements_begin(&e, NFT_MSG_NEWSETELEM, table, anonymous, id, out);
	for (size_t i = 0; i < match->n_ports; i++) {
		uint16_t lower = htons(match->ports[i].lower), upper = htons(match->ports[i].upper);

		put_interval(&e, &lower, &upper, sizeof(lower), NULL);
	}
	elements_end(&e);
	return id;
}

static void
match_ports(struct rule *r, const struct match *match, uint32_t set_id)
{
	uint16_t lower = htons(match->ports[0].lower), upper = htons(match->ports[0].upper);

	load_payload(r, REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_DESTINATION, PORT_LEN);
	if (match->n_ports > 1) {
		look_up(r, REG_1, anonymous, set_id, false);
	} else if (lower == upper) {
		compare(r, NFT_CMP_EQ, &lower, sizeof(lower));
	} else {
		compare(r, NFT_CMP_GTE, &lower, sizeof(lower));
		compare(r, NFT_CMP_LTE, &upper, sizeof(upper));
	}
}

/* ---- mitigations: their rules ---- */

/* One rule of the mitigation's chain; the family is that of the source set, if there is one. */
static void
put_rule(const char *table, const struct filter *f, const struct family *family,
	const struct match *match, struct buf *out)
{
	uint32_t protocols = match->n_protocols > 1 ? put_protocol_set(table, match, out) : 0;
	uint32_t ports = match->n_ports > 1 ? put_port_set(table, match, out) : 0;
	bool bytes = f->action.unit == RATE_BYTES;
	struct rule r;

	rule_begin(&r, table, name_id("m", f->id).text);
	if (match->n_protocols == 1) {
		match_byte(&r, NFT_META_L4PROTO, match->protocols[0]);
	} else if (match->n_protocols) {
		load_meta(&r, REG_1, NFT_META_L4PROTO);
		look_up(&r, REG_1, anonymous, protocols, false);
	}
	if (match->n_ports)
		match_ports(&r, match, ports);
	if (f->action.kind == ACTION_LIMIT)
		limit(&r, f->action.rate, LIMIT_BURST, bytes, true);
	if (f->action.kind == ACTION_LIMIT_PER_SOURCE) {
		match_family(&r, family);
		load_payload(&r, REG_1, NFT_PAYLOAD_NETWORK_HEADER, family->source, family->len);
		limit_sources(&r, name_sources(family, f->id).text, f->action.rate, bytes);
	}
	count(&r, name_id("n", f->id).text);
	if (f->action.kind != ACTION_OBSERVE) /* else other filters may have something to say */
		decide(&r, NF_DROP, NULL);
	rule_end(&r, out);
}

/* A set of sources is there for each family the filter has prefixes of. */
static bool
has_sources(const struct filter *f, const struct family *family)
{
	if (f->action.kind != ACTION_LIMIT_PER_SOURCE)
		return false;
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (family_of(&f->prefixes[i].addr) == family)
			return true;
	return false;
}

static void
put_sources(const char *table, const struct filter *f, const struct family *family, struct buf *out)
{
	struct name name = name_sources(family, f->id);

	put_set(&(struct set){.table = table,
			.name = name.text,
			.flags = NFT_SET_EVAL | NFT_SET_TIMEOUT,
			.key_type = family->type,
			.key_len = family->len,
			.size = SOURCES_MAX,
			.timeout_ms = SOURCE_TIMEOUT_MS},
		out);
}

/* Its comment tells which contents it counts for. */
static void
put_counter(const char *table, uint64_t id, uint64_t digest, struct buf *out)
{
	/* Type, length, text: a comment as the nft tool writes and prints it. */
	char comment[2 + 16 + 1] = {0, 16 + 1};
	struct message m;

	snprintf(comment + 2, sizeof(comment) - 2, KEY, digest);
	begin(&m, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	put_text(&m, NFTA_OBJ_TABLE, table);
	put_text(&m, NFTA_OBJ_NAME, name_id("n", id).text);
	put_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	unnest(&m, nest(&m, NFTA_OBJ_DATA));
	mnl_attr_put(m.h, NFTA_OBJ_USERDATA, sizeof(comment), comment);
	finish(&m, out);
}

static void
put_jump(const char *table, const char *from, const char *to, struct buf *out)
{
	struct rule r;

	rule_begin(&r, table, from);
	decide(&r, NFT_JUMP, to);
	rule_end(&r, out);
}

void
nft_msg_mitigation(const char *table, const struct filter *f, uint64_t client_key, uint64_t digest,
	struct buf *out)
{
	struct name chain = name_id("m", f->id);
	struct match match;
	bool matches;

	match.n_protocols = matched_protocols(f, match.protocols);
	match.n_ports = joined_ports(f, &match.ports);
	/* else ports of what has none */
	matches = match.n_protocols || (!f->n_protocols && !f->n_ports);
	put_counter(table, f->id, digest, out);
	put_empty_chain(table, chain.text, out);
	put_jump(table, chain.text, name_key("k", client_key).text, out);
	if (matches && f->action.kind != ACTION_LIMIT_PER_SOURCE)
		put_rule(table, f, NULL, &match, out);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (!has_sources(f, &families[i]))
			continue;
		put_sources(table, f, &families[i], out);
		if (matches)
			put_rule(table, f, &families[i], &match, out);
	}
	free(match.ports);
}

void
nft_msg_mitigation_reset(const char *table, const struct filter *f, struct buf *out)
{
	nft_msg_flush_chain(table, name_id("m", f->id).text, out);
	nft_msg_delete(table, NFT_COUNTER, name_id("n", f->id).text, out);
	for (size_t i = 0; i < N_FAMILIES; i++)
		if (has_sources(f, &families[i]))
			nft_msg_delete(table, NFT_SET, name_sources(&families[i], f->id).text, out);
}

/* ---- ranges ---- */

void
nft_msg_cell(const char *table, const struct range *r, struct buf *out)
{
	char name[NFT_NAME_MAX];

	nft_msg_chain(r, name);
	put_empty_chain(table, name, out);
	for (size_t i = 0; i < r->n_ids; i++)
		put_jump(table, name, name_id("m", r->ids[i]).text, out);
}

/* Single addresses are found by hash: the tree of intervals costs a packet, and each change, more.
 */
void
nft_msg_element(const char *table, bool add, const struct nft_element *el, struct buf *out)
{
	const struct family *f = family_of(&el->first);
	bool one = addr_equal(&el->first, &el->last);
	const char *chain = add ? el->chain : NULL;
	struct elements e;

	elements_begin(&e, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, table,
		one ? f->single : f->map, 0, out);
	if (one)
		put_key(&e, el->first.bytes, f->len, chain, 0);
	else
		put_interval(&e, el->first.bytes, el->last.bytes, f->len, chain);
	elements_end(&e);
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
	struct message m;

	begin(&m, kinds[kind].delete, 0);
	put_text(&m, kinds[kind].table, table);
	put_text(&m, kinds[kind].name, name);
	if (kind == NFT_COUNTER)
		put_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	finish(&m, out);
}

void
nft_msg_list(const char *table, enum nft_kind kind, struct buf *out)
{
	struct message m;

	begin(&m, kinds[kind].list, NLM_F_DUMP);
	if (kind != NFT_CHAIN)
		put_text(&m, kinds[kind].table, table);
	if (kind == NFT_COUNTER)
		put_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	finish(&m, out);
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

/* As put_counter wrote it; another one's is none of ours. */
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
