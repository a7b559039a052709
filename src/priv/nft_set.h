/*
 * Sets and verdict maps of nf_tables, and what is in them.
 */
#ifndef DOTSD_PRIV_NFT_SET_H
#define DOTSD_PRIV_NFT_SET_H

#include "priv/nft_message.h"

/* Numbers of data types as the nft tool prints them; of several side by side each has TYPE_BITS. */
enum {
	NFT_TYPE_IPV4 = 7,
	NFT_TYPE_IPV6 = 8,
	NFT_TYPE_PROTOCOL = 12,
	NFT_TYPE_PORT = 13,
	NFT_TYPE_BITS = 6
};

/* The name of sets that live and die with their rule. */
#define NFT_SET_ANONYMOUS_NAME "__set%d"

struct nft_set {
	const char *table, *name;
	uint32_t flags, key_type, key_len;
	bool verdicts;       /* a verdict map */
	uint32_t size;       /* 0: any */
	uint64_t timeout_ms; /* 0: none */
};
/* Returns the number by which rules of the same transaction may name it. */
uint32_t nft_set_put(const struct nft_set *s, struct buf *out);
/* Removes all elements. */
void nft_set_flush(const char *table, const char *set, struct buf *out);

/* A message of elements, begun anew when it is full. */
struct nft_elements {
	struct nft_message m;
	struct nlattr *list;
	const char *table, *set;
	uint32_t set_id; /* of a set of the same transaction, else 0 */
	uint16_t type;
	unsigned n;
	struct buf *out;
};
/* type: NFT_MSG_NEWSETELEM or DELSETELEM. */
void nft_set_elements(struct nft_elements *e, uint16_t type, const char *table, const char *set,
	uint32_t set_id, struct buf *out);
void nft_set_elements_end(struct nft_elements *e);
/* chain: of a verdict map, else NULL. */
void nft_set_key(
	struct nft_elements *e, const void *key, size_t len, const char *chain, uint32_t flags);
/* From the first key to the last one. */
void nft_set_interval(
	struct nft_elements *e, const void *first, const void *last, size_t len, const char *chain);

#endif
