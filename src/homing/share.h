/*
 * Aliases and ACLs of ours (RFC 8783), and which provider's data channel gets what of each: the
 * rules of plan.h for what is put on record ahead of an attack (rules M2, M3, M4, M7, M9). Pure.
 *
 * An alias is cut: each domain gets one of that name with its own targets only. An ACL goes to a
 * domain with those of its ACEs whose destination is that domain's, or, when one of its ACEs may go
 * nowhere, to nobody: half a filter is another one.
 */
#ifndef DOTSD_HOMING_SHARE_H
#define DOTSD_HOMING_SHARE_H

#include <jansson.h>

#include "base/mem.h"
#include "homing/domain.h"

enum share_kind { SHARE_ALIAS, SHARE_ACL };
extern const char *const share_kinds[]; /* "alias", "acl" */

/* So many aliases and ACLs of ours there may be, and so many of each are looked at in what a server
 * shows: what is beyond would be written again with every look. */
enum { SHARES_MAX = 4096 };

struct share_wish {
	enum share_kind kind;
	json_t *entry;        /* normalised (wire/yang.h) as data_alias or data_acl */
	const char *withheld; /* why it goes to nobody, whatever is in it; NULL: it may go */
};
const char *share_name(const struct share_wish *w);

/* What one domain gets, or why somebody does not get it. */
struct share {
	int domain;                    /* index; -1: of nobody */
	json_t *entry;                 /* what is to be on record there; NULL: refused */
	size_t prefixes, names;        /* of a domain's that are told */
	const struct consent *consent; /* that a name rests on; NULL: none is needed */
	const char *section, *reason;  /* of refused; in the arena */
};
struct shares {
	struct arena *arena;
	struct share *list;
	size_t n;
};
/* Appends what becomes of an entry, in the order of domains. Domains without a data channel are
 * told as refused. */
void share_plan(const struct homing *h, const struct share_wish *w, struct shares *ret);
void shares_finish(struct shares *s); /* the arena is the caller's */

#endif
