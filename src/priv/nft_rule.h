/*
 * Chains and rules of nf_tables: expressions that pass values on in registers.
 */
#ifndef DOTSD_PRIV_NFT_RULE_H
#define DOTSD_PRIV_NFT_RULE_H

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/addr.h"
#include "priv/nft_message.h"

enum { NFT_FAMILIES = 2 };
struct nft_family {
	char digit;
	uint8_t nfproto;
	uint32_t source, destination, len; /* in the network header */
	uint32_t type;
	const char *map, *single; /* the verdict maps of its destinations */
	const char *flows, *ends; /* live sessions, our own endpoints */
};
extern const struct nft_family nft_families[NFT_FAMILIES]; /* IPv4, IPv6 */
const struct nft_family *nft_family_of(const struct addr *a);

/* An empty chain of that name, new or emptied. */
void nft_rule_chain(const char *table, const char *chain, struct buf *out);
/* A rule of its own that goes to another chain and comes back. */
void nft_rule_jump(const char *table, const char *from, const char *to, struct buf *out);
void nft_rule_flush_chain(const char *table, const char *chain, struct buf *out);

/* Values travel in registers; REG_1 has room for 16 bytes, REG_WORDS and those after it for 4
 * each. */
enum { REG_1 = NFT_REG_1, REG_WORDS = NFT_REG32_00 };

/* A rule on its way: expressions, of which each goes on to the next one or ends the rule. */
struct nft_rule {
	struct nft_message m;
	struct nlattr *list, *element, *data;
};
void nft_rule_begin(struct nft_rule *r, const char *table, const char *chain);
void nft_rule_end(struct nft_rule *r, struct buf *out);
void nft_rule_meta(struct nft_rule *r, uint32_t reg, uint32_t key);
/* base: NFT_PAYLOAD_…. A packet without these bytes ends the rule. */
void nft_rule_payload(
	struct nft_rule *r, uint32_t reg, uint32_t base, uint32_t offset, uint32_t len);
/* Bytes of the IPv6 extension header of that type; present: one byte, whether there is one. A
 * packet without it ends the rule, unless that is the question. */
void nft_rule_ipv6_header(struct nft_rule *r, uint32_t reg, uint8_t type, uint32_t offset,
	uint32_t len, bool present);
/* REG_1 keeps these bits only. */
void nft_rule_mask(struct nft_rule *r, const void *mask, size_t len);
/* REG_1 with a value. */
void nft_rule_compare(struct nft_rule *r, enum nft_cmp_ops op, const void *value, size_t len);
/* Goes on if the value is in the set; in a verdict map, does what it says. */
void nft_rule_look_up(
	struct nft_rule *r, uint32_t reg, const char *set, uint32_t set_id, bool verdicts);
void nft_rule_decide(struct nft_rule *r, int verdict, const char *chain);
enum { NFT_RULE_BURST = 5 }; /* packets or bytes, as the nft tool gives it */
/* Goes on below that rate, or (over) above it. */
void nft_rule_limit(struct nft_rule *r, uint64_t rate, uint32_t burst, bool bytes, bool over);
/* Goes on above that rate of each source, the key in REG_1. */
void nft_rule_limit_sources(struct nft_rule *r, const char *set, uint64_t rate, bool bytes);
void nft_rule_count(struct nft_rule *r, const char *counter);
/* One byte of meta data is that. */
void nft_rule_match_byte(struct nft_rule *r, uint32_t meta, uint8_t value);
void nft_rule_match_family(struct nft_rule *r, const struct nft_family *f);
/* It is there: ends the rule for fragments but the first. */
void nft_rule_match_transport_header(struct nft_rule *r);

#endif
