/*
 * The nftables table of one instance, and nothing else: `inet dotsd_<instance>`.
 *
 * One base chain (prerouting, raw) with a verdict map a family from destination ranges to the chain of
 * the mitigation that covers them (or to a cell that jumps to several); per mitigation a chain that
 * lets its client's DOTS sessions pass, matches exactly its protocols and ports, counts and acts. A
 * change adds what is new, switches the map elements in one transaction, and removes what is no longer
 * referred to. Counters carry a digest of their mitigation, by which an existing table is reconciled.
 */
#ifndef DOTSD_PRIV_NFT_H
#define DOTSD_PRIV_NFT_H

#include "mitigator/filter_proto.h"

struct nft;

struct nft *nft_new(const char *instance);
void nft_free(struct nft *t); /* the table stays */
/* The table is to hold exactly this. NULL or the reason; what happened in ret_*. */
const char *nft_sync(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done);
const char *nft_commit(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done);
/* Counters of all mitigations, in the arena. */
const char *nft_counters(struct nft *t, struct arena *a, struct filter_msg *ret_values);

#endif
