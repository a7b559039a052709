/*
 * Redirected signaling (RFC 9132 4.6, RFC 8811 3.2.2; rule M10): whether a client goes where a
 * server sends it, and to which addresses. Pure.
 */
#ifndef DOTSD_HOMING_REDIRECT_H
#define DOTSD_HOMING_REDIRECT_H

#include "homing/domain.h"

enum {
	REDIRECT_ADDRESSES_MAX = 4, /* of the alternate server that are tried */
	REDIRECT_HOPS_MAX = 3,      /* redirections in a row, from the configured server on */
	REDIRECT_LOOP_MS = 300000,  /* RFC 9132 4.6: five minutes */
	REDIRECT_WHY_MAX = 160,
};

/* What the server said; borrowed. */
struct redirect {
	const char *server; /* alt-server */
	const struct addr *records;
	size_t n_records; /* alt-server-record; 0: the name is looked up */
};

/* A server of the same domain that is, or was, spoken with over the same links. */
struct redirect_contact {
	const char *name;
	mono_ms when; /* last heard; of `in_vain`: last tried */
	bool in_vain; /* it could not be reached */
	bool serves;  /* another session with it stands */
};

/* An address of a server, as it was looked up. */
struct redirect_address {
	uint32_t domain;
	struct addr addr;
};

struct redirect_question {
	const struct homing *homing;
	const struct domain_server *from; /* the configured server; its domain, links and port are
					     those of the alternate one, too */
	unsigned hops;                    /* redirections followed from there so far */
	const struct redirect_contact *contacts;
	size_t n_contacts;
	const struct redirect_address *known; /* beside the configured addresses */
	size_t n_known;
	mono_ms now;
};

enum redirect_verdict {
	REDIRECT_FOLLOWED,  /* to `addresses`; none: to those that its domain's resolvers tell */
	REDIRECT_ELSEWHERE, /* a session with it stands: that one is used */
	REDIRECT_REFUSED,
};
struct redirect_decision {
	enum redirect_verdict verdict;
	struct addr addresses[REDIRECT_ADDRESSES_MAX];
	size_t n_addresses;
	const char *section; /* of a refusal */
	char reason[REDIRECT_WHY_MAX];
};
void redirect_decide(
	const struct redirect_question *q, const struct redirect *r, struct redirect_decision *ret);

/* Whether a server of that name may stand in for `from`: the part of the decision that depends on
 * the configuration alone. NULL: it may; else the section, with `why`. */
const char *redirect_doubt(const struct homing *h, const struct domain_server *from,
	const char *name, char *why, size_t cap);
/* Of those addresses, the ones that may be tried, at most REDIRECT_ADDRESSES_MAX, of both families
 * where there are both; their number. None is special, or that of a server of another domain. */
size_t redirect_addresses(const struct redirect_question *q, const struct addr *from, size_t n,
	struct addr ret[static REDIRECT_ADDRESSES_MAX]);

#endif
