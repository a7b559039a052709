/*
 * One netlink message to nf_tables (linux/netfilter/nf_tables.h): attributes in network order; and
 * the names that we give to objects.
 */
#ifndef DOTSD_PRIV_NFT_MESSAGE_H
#define DOTSD_PRIV_NFT_MESSAGE_H

#include <libmnl/libmnl.h>

#include "base/buf.h"

enum {
	NFT_NAME_MAX = 40,
	NFT_MESSAGE_MAX = 32768, /* an anonymous set of 256 ranges is the largest */
};

struct nft_name {
	char text[NFT_NAME_MAX];
};
struct nft_name nft_name_id(const char *kind, uint64_t id);   /* m_17 */
struct nft_name nft_name_key(const char *kind, uint64_t key); /* k_00000000000000aa */

struct nft_message {
	_Alignas(struct nlmsghdr) char bytes[NFT_MESSAGE_MAX];
	struct nlmsghdr *h;
};

/* type: NFT_MSG_…; flags besides NLM_F_REQUEST. */
void nft_message_begin(struct nft_message *m, uint16_t type, uint16_t flags);
void nft_message_finish(const struct nft_message *m, struct buf *out);
void nft_message_u32(struct nft_message *m, uint16_t type, uint32_t v);
void nft_message_u64(struct nft_message *m, uint16_t type, uint64_t v);
void nft_message_text(struct nft_message *m, uint16_t type, const char *text);
struct nlattr *nft_message_nest(struct nft_message *m, uint16_t type);
void nft_message_unnest(struct nft_message *m, struct nlattr *a);
void nft_message_data(struct nft_message *m, uint16_t type, const void *bytes, size_t len);
/* chain: of NFT_JUMP and NFT_GOTO, else NULL. */
void nft_message_verdict(struct nft_message *m, uint16_t type, int code, const char *chain);

#endif
