/*
 * The netlink socket of nf_tables: a batch of messages as one transaction, and listings.
 *
 * Blocking, but the kernel answers before the call that asks returns.
 */
#ifndef DOTSD_PRIV_NFT_LINK_H
#define DOTSD_PRIV_NFT_LINK_H

#include <libmnl/libmnl.h>

#include "base/buf.h"

enum { NFT_LINK_WHY_MAX = 160 };

struct nft_link;

/* NULL with errno set. */
struct nft_link *nft_link_open(void);
void nft_link_close(struct nft_link *l); /* NULL is legal */
/* Carries out the messages in `batch` (nft_msg.h), all or none. False: `why` says which and why. */
bool nft_link_run(struct nft_link *l, struct buf *batch, char why[static NFT_LINK_WHY_MAX]);
/* Sends one message that asks for a listing; each object of the answer goes to cb. 0 or -errno;
 * -EINTR: somebody changed the rule set meanwhile, what came is not all of one moment. */
int nft_link_list(struct nft_link *l, const struct buf *question,
	void (*cb)(void *arg, const struct nlmsghdr *object), void *arg);

#endif
