/*
 * What the table of an instance holds, and the change of it that is under way: for nft.c, and for
 * what has files of its own.
 */
#ifndef DOTSD_PRIV_NFT_STATE_H
#define DOTSD_PRIV_NFT_STATE_H

#include "base/map.h"
#include "mitigator/filter_proto.h"
#include "priv/nft_link.h"
#include "priv/nft_map.h"
#include "priv/nft_msg.h"

/* The ACLs of a client as they stand in the table. */
struct nft_acls {
	struct arena *arena;
	struct acl_set set;
	uint64_t digest;
	bool fresh; /* to be written in the transaction under way */
};

/* A client whose chain and sets are there; it goes with its last mitigation, flow and ACL. */
struct nft_client {
	uint64_t key;
	size_t n_rules, n_flows;
	struct flow *flows;
	struct nft_acls *acls; /* NULL: none */
	bool fresh;            /* to be written in the transaction under way */
};

/* What a rule of an ACL has of its own. */
struct nft_acl_part {
	const struct acl_rule *rule; /* in the ACLs of the client */
	const struct nft_client *client;
	uint64_t digest;
	bool fresh;            /* to be written in the transaction under way */
	bool counted, limited; /* while reconciling: counter and chain are there */
};

struct nft {
	struct nft_link *link;
	char table[FILTER_PROTO_INSTANCE_MAX + 16];
	bool synced;           /* what follows is what the kernel has */
	struct map *rules;     /* id -> struct rule */
	struct map *clients;   /* key -> struct nft_client */
	struct map *acl_parts; /* id of a rule -> struct nft_acl_part */
	struct nft_map *map;
	struct nft_flows *flows; /* of all clients */
	char error[NFT_LINK_WHY_MAX];
};

/* One transaction: what goes comes first, and what refers before what is referred to; then the
 * other way round for what comes. */
struct nft_change {
	struct nft *t;
	struct buf frame, elements_out, parts_out, parts_in, elements_in;
	struct map *clients; /* key -> struct nft_client: those that may have come or may go */
	uint32_t n_new, n_gone;
};

/* What the kernel has of one kind in our table. */
struct nft_listing {
	struct nft *t;
	enum nft_kind kind;
	struct arena *arena;
	struct nft_object *list;
	size_t n, cap;
};

struct nft_client *nft_state_client(const struct nft *t, const char *name); /* NULL: none */
/* Makes it where there is none; it goes with the change unless something is of it then. */
struct nft_client *nft_state_need_client(struct nft_change *c, const char *name);
/* Of all that the message says. */
uint64_t nft_state_digest(const struct filter_msg *m);
/* What follows the underscore in a name of ours. */
uint64_t nft_state_number(const char *name, int base);

#endif
