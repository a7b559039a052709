/*
 * What the sets of an instance's table hold that no filter may hit: the live flows of all clients
 * that have filters, and our own endpoints, in one set each and family. A set for each client would
 * be as safe, but the kernel looks through all sets of a table for the one that is named.
 */
#ifndef DOTSD_PRIV_NFT_FLOW_H
#define DOTSD_PRIV_NFT_FLOW_H

#include <stddef.h>

#include "base/buf.h"
#include "core/mitigator.h"

struct nft_flows;

struct nft_flows *nft_flows_new(void); /* of empty sets */
void nft_flows_free(struct nft_flows *f);
/* Somebody has that flow, or does not any more. The same one may be said twice, and is then taken
 * back twice. */
void nft_flows_hold(struct nft_flows *f, const struct flow *flow);
void nft_flows_drop(struct nft_flows *f, const struct flow *flow);
/* The messages that make the kernel's sets follow: what goes to `out`, what comes to `in`. */
void nft_flows_update(struct nft_flows *f, const char *table, struct buf *out, struct buf *in);

#endif
