/*
 * The ACLs of a client as chains of nf_tables:
 *
 *   a_<client>           where the verdict maps lead: its DOTS sessions pass, then what follows
 *   r_<client>_<digest>  its rules in order; the name tells the contents, by which it is reconciled
 *   x_<rule>             counter of a rule, with the digest of the rule
 *   l_<rule>             what is done to the packets of a rule with a rate
 *
 * A rule that is the same as before keeps counter and rate over changes of the others.
 */
#ifndef DOTSD_PRIV_NFT_ACL_MSG_H
#define DOTSD_PRIV_NFT_ACL_MSG_H

#include "core/acl_rule.h"
#include "priv/nft_message.h"

struct nft_name nft_acl_msg_chain(uint64_t client, uint64_t digest);

/* Counter, and chain of the rate. */
void nft_acl_msg_rule(
	const char *table, const struct acl_rule *rule, uint64_t digest, struct buf *out);
void nft_acl_msg_rule_gone(const char *table, const struct acl_rule *rule, struct buf *out);
/* The chain of the rules; what they need is there. */
void nft_acl_msg_rules(const char *table, uint64_t client, uint64_t digest,
	const struct acl_set *set, struct buf *out);
void nft_acl_msg_rules_gone(const char *table, uint64_t client, uint64_t digest, struct buf *out);
/* The chain that leads to them; the client's is there. */
void nft_acl_msg_entry(const char *table, uint64_t client, uint64_t digest, struct buf *out);
void nft_acl_msg_entry_gone(const char *table, uint64_t client, struct buf *out);

#endif
