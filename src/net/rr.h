/*
 * Resource records of one DNS answer (RFC 1035): PTR, SRV (RFC 2782) and NAPTR (RFC 3403). Not for
 * other layers. Pure.
 *
 * Names are text: labels with dots between, no dot at the end; a dot or a backslash inside of a
 * label has a backslash before it, every other byte is itself (RFC 6763 4.3). That is also how the
 * resolver library takes the names it is to ask for.
 */
#ifndef DOTSD_NET_RR_H
#define DOTSD_NET_RR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RR_NAME_MAX = 256, /* text of a name incl. NUL */
	RR_MAX = 32,       /* records taken of an answer; the rest is ignored */
};

enum rr_type {
	RR_ADDRESSES = 0, /* of a question: A and AAAA */
	RR_PTR = 12,
	RR_SRV = 33,
	RR_NAPTR = 35,
};

struct rr {                              /* members of other types are zero */
	uint16_t order, preference;      /* NAPTR */
	char flags[8];                   /* NAPTR; a longer text is cut */
	char services[256];              /* NAPTR */
	bool regexp;                     /* NAPTR: has one */
	uint16_t priority, weight, port; /* SRV */
	char name[RR_NAME_MAX];          /* replacement, target, instance; never empty */
};

struct rr_set {
	struct rr list[RR_MAX];
	size_t n;
	/* Smallest of all records that were taken and of the aliases that led to them, seconds. Of
	 * an answer without any: how long the name server says that it stays so (RFC 2308 5); 0: it
	 * does not say. */
	uint32_t ttl;
};

/* Is it made of letters, digits, hyphens and underscores, with no label empty or over 63 and no
 * more than 255 bytes in all? */
bool rr_name_is_conventional(const char *name);
/* What a whole message answers about a name; aliases in it are followed. Records that nothing can
 * be done with are left out: those for the root, with control characters in a name or text, or
 * whose data is malformed, and SRV and NAPTR for a name that is not conventional. 0, or -EBADMSG
 * with *ret empty. */
int rr_read(
	const void *message, size_t len, const char *name, enum rr_type type, struct rr_set *ret);

#endif
