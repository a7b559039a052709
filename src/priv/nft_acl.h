/*
 * ACLs as part of the table: what stands of them, and how a change takes it to what is wanted.
 */
#ifndef DOTSD_PRIV_NFT_ACL_H
#define DOTSD_PRIV_NFT_ACL_H

#include "priv/nft_state.h"

/* What of the ACLs of a message cannot be, or NULL; known: clients and rules of before count as
 * well. */
const char *nft_acl_check(const struct nft *t, const struct filter_msg *m, bool known);
/* From what stands of that client to these: what goes is written, what comes is noted. ACLs are
 * written in one piece; what their rules have of their own is not touched by that. */
void nft_acl_take(struct nft_change *c, const struct acl_set *set);
/* What comes, once its clients are there. */
void nft_acl_put(struct nft_change *c, const struct filter_msg *m);
void nft_acl_free(struct nft_acls *a); /* NULL is legal */
void nft_acl_forget(struct nft *t);    /* all parts */

/* What a counter or a chain of that name is part of; NULL: of no rule of an ACL. */
struct nft_acl_part *nft_acl_part(const struct nft *t, const char *name);
/* Notes which wanted ACLs stand there unchanged (all that their rules have, and their chain);
 * returns of how many clients. */
uint32_t nft_acl_keep(
	struct nft *t, const struct nft_listing *counters, const struct nft_listing *chains);
/* Whether an object with a name of ACLs may stay. */
bool nft_acl_wants(const struct nft *t, const char *name);

#endif
