/*
 * The rule text of each part of an instance's table. Values were checked by the decoder; every name
 * is a letter and digits of our own. `table` is the table's name without its family (inet).
 */
#ifndef DOTSD_PRIV_NFT_TEXT_H
#define DOTSD_PRIV_NFT_TEXT_H

#include "base/buf.h"
#include "core/mitigator.h"
#include "priv/range.h"

enum { NFT_NAME_MAX = 24 };

/* One element of a verdict map. */
struct nft_element {
	struct addr first, last;
	char chain[NFT_NAME_MAX];
};

uint64_t nft_text_hash(const void *bytes, size_t len);
/* The chain for a range: its mitigation's own, or the cell's that jumps to several. */
void nft_text_chain(const struct range *r, char ret[static NFT_NAME_MAX]);

/* Table, base chain, verdict maps: harmless where they are there already. */
void nft_text_frame(const char *table, struct buf *out);
/* Chain and (emptied) sets of a client: its DOTS packets pass, whatever its filters say. */
void nft_text_client(const char *table, uint64_t key, struct buf *out);
void nft_text_client_gone(const char *table, uint64_t key, struct buf *out);
/* Replaces the contents of the client's sets. */
void nft_text_flows(
	const char *table, uint64_t key, const struct flow *flows, size_t n, struct buf *out);
/* Chain, counter and source sets of a mitigation; the client is there already. */
void nft_text_mitigation(const char *table, const struct filter *f, uint64_t client_key,
	uint64_t digest, struct buf *out);
/* All of that but the chain, which is emptied: map elements may still refer to it. */
void nft_text_mitigation_reset(const char *table, const struct filter *f, struct buf *out);
void nft_text_chain_gone(const char *table, const char *chain, struct buf *out);
void nft_text_cell(const char *table, const struct range *r, struct buf *out);
/* verb: "add", "delete". */
void nft_text_element(
	const char *table, const char *verb, const struct nft_element *e, struct buf *out);

#endif
