/*
 * Filters of the data channel (RFC 8783 4.2, 7.2): what an ACL in JSON means, and whether its
 * client may have it. Pure.
 *
 * Entries are tried in the order of the lists; the first that matches decides (4.1). A packet to
 * the client that none matches goes on to the client's mitigations.
 */
#ifndef DOTSD_CORE_ACL_H
#define DOTSD_CORE_ACL_H

#include <jansson.h>

#include "base/mem.h"
#include "core/acl_rule.h"
#include "core/client.h"
#include "wire/restconf.h"

struct acl {
	char *name;
	enum activation_type activation; /* wire/signal.h */
	struct acl_rule *rules;
	char **rule_names; /* of the aces */
	size_t n_rules;
};

/* From normalised JSON (wire/yang.h, the entry of data_acl) to values, in the arena; ids are 0.
 * False with *err: what RFC 8783 7.2 asks for beyond the module: an unsupported match or action, a
 * destination that the client does not own or that is special, none where `immediate` needs one
 * (but where an ACE has no l3 match at all: RFC 8783 figure 36), `fragment` with IPv4 `flags`,
 * `flags-bitmask` with TCP `flags`. */
bool acl_read(const json_t *entry, const struct client *c, struct arena *a, struct acl *ret,
	struct restconf_error *err);
/* The last two alone: what nobody may send (4.2). */
bool acl_pairs(const json_t *entry, struct restconf_error *err);
/* What acl_read supports, and the mitigators can do: the `capabilities` container (7.1). New
 * reference. */
json_t *acl_capabilities(void);
/* The member of `capabilities` for a leaf of such a header container, in a container of the same
 * name; NULL: there is none. */
const char *acl_leaf_capability(const char *header, const char *leaf);
/* Whether a server can do what an ACL asks for, by its `capabilities` (7.1); both normalised. What
 * it does not say that it cannot do it can: members that are false, and lists that have something
 * in them, but not this. False with `why`, which names entry and field. */
bool acl_within(const json_t *entry, const json_t *capabilities, char *why, size_t cap);
/* Whether the two treat some packet oppositely: one drops and the other accepts what has source,
 * destination, protocol and ports in common (RFC 8783 3.1). An ACE without destination is for all
 * of its client's prefixes. looks: how many looks at earlier rules are left to the request, less
 * those that it took; without any, and after 2^20 of one pair, what meets counts as conflict. */
enum { ACL_LOOKS_MAX = 1 << 22 }; /* of one request: some tens of milliseconds */
bool acl_conflicts(const struct acl *a, const struct client *ca, const struct acl *b,
	const struct client *cb, unsigned *inout_looks);

#endif
