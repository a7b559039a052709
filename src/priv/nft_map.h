/*
 * What the verdict maps of an instance's table hold: for each range of addresses the chain of what
 * covers it (a mitigation, the ACLs of a client), or a cell that jumps to several. A change costs
 * what it touches: only what lies under the widest prefix around it is cut again.
 */
#ifndef DOTSD_PRIV_NFT_MAP_H
#define DOTSD_PRIV_NFT_MAP_H

#include "base/addr.h"
#include "base/buf.h"
#include "priv/range.h"

struct nft_map;

struct nft_map *nft_map_new(void); /* of empty maps */
void nft_map_free(struct nft_map *m);
/* It covers that prefix, or does not any more. The same one may be said twice, and is then taken
 * back twice. */
void nft_map_hold(struct nft_map *m, const struct prefix *p, struct range_id id);
void nft_map_drop(struct nft_map *m, const struct prefix *p, struct range_id id);
/* The messages that make the kernel's maps follow: what goes to `out`, what comes to `in`. */
void nft_map_update(struct nft_map *m, const char *table, struct buf *out, struct buf *in);
/* Is that a cell in use? */
bool nft_map_has_cell(const struct nft_map *m, const char *chain);

#endif
