/*
 * See nft_message.h.
 */
#include "priv/nft_message.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

struct nft_name
nft_name_id(const char *kind, uint64_t id)
{
	struct nft_name n;

	snprintf(n.text, sizeof(n.text), "%s_%" PRIu64, kind, id);
	return n;
}

struct nft_name
nft_name_key(const char *kind, uint64_t key)
{
	struct nft_name n;

	snprintf(n.text, sizeof(n.text), "%s_%016" PRIx64, kind, key);
	return n;
}

void
nft_message_begin(struct nft_message *m, uint16_t type, uint16_t flags)
{
	struct nfgenmsg *g;

	m->h = mnl_nlmsg_put_header(m->bytes);
	m->h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	m->h->nlmsg_flags = NLM_F_REQUEST | flags;
	g = mnl_nlmsg_put_extra_header(m->h, sizeof(*g));
	g->nfgen_family = NFPROTO_INET;
	g->version = NFNETLINK_V0;
}

void
nft_message_finish(const struct nft_message *m, struct buf *out)
{
	assert(m->h->nlmsg_len <= NFT_MESSAGE_MAX);
	buf_bytes(out, m->bytes, MNL_ALIGN(m->h->nlmsg_len));
}

void
nft_message_u32(struct nft_message *m, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(m->h, type, htonl(v));
}

void
nft_message_u64(struct nft_message *m, uint16_t type, uint64_t v)
{
	mnl_attr_put_u64(m->h, type, htobe64(v));
}

void
nft_message_text(struct nft_message *m, uint16_t type, const char *text)
{
	mnl_attr_put_strz(m->h, type, text);
}

struct nlattr *
nft_message_nest(struct nft_message *m, uint16_t type)
{
	return mnl_attr_nest_start(m->h, type);
}

void
nft_message_unnest(struct nft_message *m, struct nlattr *a)
{
	mnl_attr_nest_end(m->h, a);
}

void
nft_message_data(struct nft_message *m, uint16_t type, const void *bytes, size_t len)
{
	struct nlattr *a = nft_message_nest(m, type);

	mnl_attr_put(m->h, NFTA_DATA_VALUE, len, bytes);
	nft_message_unnest(m, a);
}

void
nft_message_verdict(struct nft_message *m, uint16_t type, int code, const char *chain)
{
	struct nlattr *data = nft_message_nest(m, type),
		      *verdict = nft_message_nest(m, NFTA_DATA_VERDICT);

	nft_message_u32(m, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nft_message_text(m, NFTA_VERDICT_CHAIN, chain);
	nft_message_unnest(m, verdict);
	nft_message_unnest(m, data);
}
