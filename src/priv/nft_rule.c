/*
 * See nft_rule.h.
 */
#include "priv/nft_rule.h"

#include "priv/nft_set.h"

const struct nft_family nft_families[NFT_FAMILIES] = {
	{'4', NFPROTO_IPV4, 12, 16, 4, NFT_TYPE_IPV4, "mit4", "one4", "flow4", "own4"},
	{'6', NFPROTO_IPV6, 8, 24, 16, NFT_TYPE_IPV6, "mit6", "one6", "flow6", "own6"},
};

const struct nft_family *
nft_family_of(const struct addr *a)
{
	return &nft_families[a->family == 6];
}

/* ---- chains ---- */

static void
put_chain(const char *table, const char *chain, uint16_t type, struct buf *out)
{
	struct nft_message m;

	nft_message_begin(&m, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0);
	nft_message_text(&m, NFTA_CHAIN_TABLE, table);
	nft_message_text(&m, NFTA_CHAIN_NAME, chain);
	nft_message_finish(&m, out);
}

void
nft_rule_flush_chain(const char *table, const char *chain, struct buf *out)
{
	struct nft_message m;

	nft_message_begin(&m, NFT_MSG_DELRULE, 0);
	nft_message_text(&m, NFTA_RULE_TABLE, table);
	nft_message_text(&m, NFTA_RULE_CHAIN, chain);
	nft_message_finish(&m, out);
}

void
nft_rule_chain(const char *table, const char *chain, struct buf *out)
{
	put_chain(table, chain, NFT_MSG_NEWCHAIN, out);
	nft_rule_flush_chain(table, chain, out);
}

/* ---- rules ---- */

void
nft_rule_begin(struct nft_rule *r, const char *table, const char *chain)
{
	nft_message_begin(&r->m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nft_message_text(&r->m, NFTA_RULE_TABLE, table);
	nft_message_text(&r->m, NFTA_RULE_CHAIN, chain);
	r->list = nft_message_nest(&r->m, NFTA_RULE_EXPRESSIONS);
}

void
nft_rule_end(struct nft_rule *r, struct buf *out)
{
	nft_message_unnest(&r->m, r->list);
	nft_message_finish(&r->m, out);
}

static void
expression(struct nft_rule *r, const char *name)
{
	r->element = nft_message_nest(&r->m, NFTA_LIST_ELEM);
	nft_message_text(&r->m, NFTA_EXPR_NAME, name);
	r->data = nft_message_nest(&r->m, NFTA_EXPR_DATA);
}

static void
expression_end(struct nft_rule *r)
{
	nft_message_unnest(&r->m, r->data);
	nft_message_unnest(&r->m, r->element);
}

void
nft_rule_meta(struct nft_rule *r, uint32_t reg, uint32_t key)
{
	expression(r, "meta");
	nft_message_u32(&r->m, NFTA_META_DREG, reg);
	nft_message_u32(&r->m, NFTA_META_KEY, key);
	expression_end(r);
}

void
nft_rule_payload(struct nft_rule *r, uint32_t reg, uint32_t base, uint32_t offset, uint32_t len)
{
	expression(r, "payload");
	nft_message_u32(&r->m, NFTA_PAYLOAD_DREG, reg);
	nft_message_u32(&r->m, NFTA_PAYLOAD_BASE, base);
	nft_message_u32(&r->m, NFTA_PAYLOAD_OFFSET, offset);
	nft_message_u32(&r->m, NFTA_PAYLOAD_LEN, len);
	expression_end(r);
}

void
nft_rule_ipv6_header(
	struct nft_rule *r, uint32_t reg, uint8_t type, uint32_t offset, uint32_t len, bool present)
{
	expression(r, "exthdr");
	nft_message_u32(&r->m, NFTA_EXTHDR_DREG, reg);
	mnl_attr_put_u8(r->m.h, NFTA_EXTHDR_TYPE, type);
	nft_message_u32(&r->m, NFTA_EXTHDR_OFFSET, offset);
	nft_message_u32(&r->m, NFTA_EXTHDR_LEN, len);
	nft_message_u32(&r->m, NFTA_EXTHDR_FLAGS, present ? NFT_EXTHDR_F_PRESENT : 0);
	nft_message_u32(&r->m, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	expression_end(r);
}

void
nft_rule_mask(struct nft_rule *r, const void *mask, size_t len)
{
	static const uint8_t zero[16];

	expression(r, "bitwise");
	nft_message_u32(&r->m, NFTA_BITWISE_SREG, REG_1);
	nft_message_u32(&r->m, NFTA_BITWISE_DREG, REG_1);
	nft_message_u32(&r->m, NFTA_BITWISE_LEN, (uint32_t)len);
	nft_message_data(&r->m, NFTA_BITWISE_MASK, mask, len);
	nft_message_data(&r->m, NFTA_BITWISE_XOR, zero, len);
	expression_end(r);
}

void
nft_rule_compare(struct nft_rule *r, enum nft_cmp_ops op, const void *value, size_t len)
{
	expression(r, "cmp");
	nft_message_u32(&r->m, NFTA_CMP_SREG, REG_1);
	nft_message_u32(&r->m, NFTA_CMP_OP, op);
	nft_message_data(&r->m, NFTA_CMP_DATA, value, len);
	expression_end(r);
}

void
nft_rule_look_up(struct nft_rule *r, uint32_t reg, const char *set, uint32_t set_id, bool verdicts)
{
	expression(r, "lookup");
	nft_message_text(&r->m, NFTA_LOOKUP_SET, set);
	nft_message_u32(&r->m, NFTA_LOOKUP_SREG, reg);
	if (verdicts)
		nft_message_u32(&r->m, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	if (set_id)
		nft_message_u32(&r->m, NFTA_LOOKUP_SET_ID, set_id);
	expression_end(r);
}

void
nft_rule_decide(struct nft_rule *r, int verdict, const char *chain)
{
	expression(r, "immediate");
	nft_message_u32(&r->m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nft_message_verdict(&r->m, NFTA_IMMEDIATE_DATA, verdict, chain);
	expression_end(r);
}

static void
put_limit(struct nft_message *m, uint64_t rate, uint32_t burst, bool bytes, bool over)
{
	nft_message_u64(m, NFTA_LIMIT_RATE, rate);
	nft_message_u64(m, NFTA_LIMIT_UNIT, 1); /* a second */
	nft_message_u32(m, NFTA_LIMIT_BURST, burst);
	nft_message_u32(m, NFTA_LIMIT_TYPE, bytes ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS);
	nft_message_u32(m, NFTA_LIMIT_FLAGS, over ? NFT_LIMIT_F_INV : 0);
}

void
nft_rule_limit(struct nft_rule *r, uint64_t rate, uint32_t burst, bool bytes, bool over)
{
	expression(r, "limit");
	put_limit(&r->m, rate, burst, bytes, over);
	expression_end(r);
}

void
nft_rule_limit_sources(struct nft_rule *r, const char *set, uint64_t rate, bool bytes)
{
	struct nlattr *inner, *data;

	expression(r, "dynset");
	nft_message_text(&r->m, NFTA_DYNSET_SET_NAME, set);
	nft_message_u32(&r->m, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nft_message_u32(&r->m, NFTA_DYNSET_SREG_KEY, REG_1);
	inner = nft_message_nest(&r->m, NFTA_DYNSET_EXPR);
	nft_message_text(&r->m, NFTA_EXPR_NAME, "limit");
	data = nft_message_nest(&r->m, NFTA_EXPR_DATA);
	put_limit(&r->m, rate, NFT_RULE_BURST, bytes, true);
	nft_message_unnest(&r->m, data);
	nft_message_unnest(&r->m, inner);
	expression_end(r);
}

void
nft_rule_count(struct nft_rule *r, const char *counter)
{
	expression(r, "objref");
	nft_message_u32(&r->m, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nft_message_text(&r->m, NFTA_OBJREF_IMM_NAME, counter);
	expression_end(r);
}

void
nft_rule_match_byte(struct nft_rule *r, uint32_t meta, uint8_t value)
{
	nft_rule_meta(r, REG_1, meta);
	nft_rule_compare(r, NFT_CMP_EQ, &value, 1);
}

void
nft_rule_match_family(struct nft_rule *r, const struct nft_family *f)
{
	nft_rule_match_byte(r, NFT_META_NFPROTO, f->nfproto);
}

/* For loads of 1, 2 or 4 bytes the kernel takes a short cut that does not look whether it is there,
 * and finds what happens to be in that place; for 3 it looks. */
void
nft_rule_match_transport_header(struct nft_rule *r)
{
	nft_rule_payload(r, REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 3);
}

void
nft_rule_jump(const char *table, const char *from, const char *to, struct buf *out)
{
	struct nft_rule r;

	nft_rule_begin(&r, table, from);
	nft_rule_decide(&r, NFT_JUMP, to);
	nft_rule_end(&r, out);
}
