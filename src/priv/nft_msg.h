/*
 * The netlink messages (linux/netfilter/nf_tables.h) for each part of an instance's table, appended
 * to a batch. Values were checked by the decoder; every name is a letter and digits of our own.
 * `table` is the table's name without its family (inet).
 */
#ifndef DOTSD_PRIV_NFT_MSG_H
#define DOTSD_PRIV_NFT_MSG_H

#include "core/mitigator.h"
#include "priv/nft_message.h"
#include "priv/range.h"

/* One element of a verdict map. */
struct nft_element {
	struct addr first, last;
	char chain[NFT_NAME_MAX];
};

uint64_t nft_msg_hash(const void *bytes, size_t len);
/* The chain for a range: of the one that covers it, or of the cell that jumps to several. */
void nft_msg_chain(const struct range *r, char ret[static NFT_NAME_MAX]);

/* Whatever there is of the table goes; harmless where there is nothing. */
void nft_msg_table_gone(const char *table, struct buf *out);
/* Table, base chain, verdict maps, sets of flows: harmless where they are there already, and of the
 * same kind. */
void nft_msg_frame(const char *table, struct buf *out);
/* Is that the name of a part of the frame? */
bool nft_msg_is_frame(const char *name);
/* Empties the verdict maps and the sets of flows. */
void nft_msg_flush_frame(const char *table, struct buf *out);
/* Chain of a client, which its mitigations and ACLs go through first: DOTS packets pass, whatever
 * they say. The rate of handshakes is the client's own. */
void nft_msg_client(const char *table, uint64_t key, struct buf *out);
/* The rule of such a chain that goes through it; later fragments, which have no ports, do not. */
void nft_msg_pass_client(const char *table, const char *chain, uint64_t key, struct buf *out);
void nft_msg_client_gone(const char *table, uint64_t key, struct buf *out);
/* One element of the sets of flows. */
void nft_msg_flow(const char *table, bool add, const struct flow *flow, struct buf *out);
/* Its comment tells which contents it counts for. */
void nft_msg_counter(const char *table, const char *name, uint64_t digest, struct buf *out);
/* Chain, counter and source sets of a mitigation; the client is there already. */
void nft_msg_mitigation(const char *table, const struct filter *f, uint64_t client_key,
	uint64_t digest, struct buf *out);
/* All of that but the chain, which is emptied: map elements may still refer to it. */
void nft_msg_mitigation_reset(const char *table, const struct filter *f, struct buf *out);
void nft_msg_cell(const char *table, const struct range *r, struct buf *out);
void nft_msg_element(const char *table, bool add, const struct nft_element *e, struct buf *out);

/* Objects of any origin, by name. */
enum nft_kind { NFT_CHAIN, NFT_SET, NFT_COUNTER };
void nft_msg_delete(const char *table, enum nft_kind kind, const char *name, struct buf *out);
/* Asks for all of a kind; of all tables of the family, where the kernel knows no other way. */
void nft_msg_list(const char *table, enum nft_kind kind, struct buf *out);

/* One object of such a list. */
struct nft_object {
	const char *table, *name; /* in the message */
	uint64_t packets, bytes;  /* of a counter */
	const char *comment;      /* of a counter; "" if there is none */
};
/* False also for a set that is part of a rule. */
bool nft_msg_parse(const struct nlmsghdr *h, enum nft_kind kind, struct nft_object *ret);

#endif
