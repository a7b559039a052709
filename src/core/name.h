/*
 * Targets that are names: domain names and URIs (RFC 9132 4.4.1.1), and the addresses that stand
 * for them (rule M7). Looking up is the role's business; what was found comes in.
 */
#ifndef DOTSD_CORE_NAME_H
#define DOTSD_CORE_NAME_H

#include "base/addr.h"
#include "base/mem.h"

enum {
	NAME_HOST_MAX = 253,
	NAME_TEXT_MAX = 1024, /* of a URI; what an attribute may hold (wire/schema.h) */
	NAME_ADDRS_MAX = 16,  /* of one name */
	NAMES_MAX = 256,      /* in one request */
};

enum name_state {
	NAME_SOUGHT, /* not known yet */
	NAME_FAILED, /* nor could it be found out so far: it is tried again */
	NAME_NONE,   /* there is no such name, or it has no address */
	NAME_KNOWN,
};

struct name {
	const char *text; /* as it was asked for */
	const char *host; /* of it: in lower case, without a dot at the end; or an address */
	bool uri;
	enum name_state state;
	const char *why;          /* of FAILED and NONE, else "" */
	struct prefix *addresses; /* of KNOWN, each in full length, ascending */
	size_t n_addresses;
	bool whole; /* of KNOWN: these are all that it has */
};

/* What was found out about a host. */
struct name_answer {
	enum name_state state;
	struct addr addrs[NAME_ADDRS_MAX];
	size_t n_addrs;
	bool whole;
	const char *why; /* borrowed */
};

/* A fully qualified domain name (RFC 1123 2.1, two labels or more, the last of them no number), or
 * a URI with an authority (RFC 3986 3) whose host is such a name or an address and which says
 * nothing of a user. One whose host is an address is KNOWN. Texts live in the arena. 0, or -EINVAL
 * with `why`, which names what is wrong. */
int name_parse(const char *text, struct arena *a, struct name *ret, char *why, size_t cap);
/* A host as `name.host` has it; ret of NAME_HOST_MAX + 1. False: it is no such domain name. */
bool name_read_host(const char *text, size_t len, char *ret);
/* Takes an answer, addresses as they are in the arena. False: nothing has changed. Addresses that
 * were known once are given up for other ones only. */
bool name_learn(struct name *n, const struct name_answer *answer, struct arena *a);
struct name *name_copy(const struct name *list, size_t n, struct arena *a);
bool name_same_addresses(const struct name *a, const struct name *b);
/* The one of that text; NULL: it is not among them. */
const struct name *name_find(const struct name *list, size_t n, const char *text);

#endif
