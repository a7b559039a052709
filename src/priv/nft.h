/*
 * The nftables table of one instance, and nothing else: `inet dotsd_<instance>`.
 *
 * One base chain (prerouting, before fragments are put together) with two verdict maps a family,
 * from single destination addresses and from ranges of them to the chain of the mitigation, or of
 * the ACLs of a client, that covers them (or to a cell that jumps to several, ACLs first); per
 * mitigation a chain that lets its client's DOTS sessions pass, matches exactly its protocols and
 * ports, counts and acts; per client with ACLs what nft_acl_msg.h says. Every change is one
 * transaction of only what differs. Counters carry a digest of their mitigation or rule, by which
 * an existing table is reconciled.
 */
#ifndef DOTSD_PRIV_NFT_H
#define DOTSD_PRIV_NFT_H

#include "mitigator/filter_proto.h"

struct nft;

struct nft *nft_new(const char *instance); /* NULL with errno set */
void nft_free(struct nft *t);              /* the table stays */
/* The table is to hold exactly this: whatever else is in it goes. If it cannot be made of what
 * stands there (another version's), it is deleted and made anew in one transaction; counters begin
 * anew. NULL or the reason, with the table as it was; what happened in ret_done. */
const char *nft_sync(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done);
/* Removed, added (an id of both is replaced), flows, ACLs. After a failure it takes a new nft_sync.
 */
const char *nft_commit(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done);
/* Counters of all mitigations and rules of ACLs, in the arena. */
const char *nft_counters(struct nft *t, struct arena *a, struct filter_msg *ret_values);

#endif
