/*
 * From a domain to its DOTS servers: which record leads where (RFC 3958, RFC 6763; names of RFC
 * 8973 6, 7). Not for other layers. Pure: answers come in, the next question or the servers go out;
 * what chance decides follows from a seed.
 */
#ifndef DOTSD_NET_WALK_H
#define DOTSD_NET_WALK_H

#include "net/discover.h"
#include "net/rr.h"

enum {
	WALK_QUESTIONS_MAX = 40, /* look-ups in all */
	WALK_TIMEOUTS_MAX = 3,   /* look-ups without any answer: then no further ones */
	WALK_DEPTH_MAX = 8,      /* non-terminal NAPTR records one after the other */
};

struct walk_question {
	char name[RR_NAME_MAX];
	enum rr_type type;
};

struct walk_answer {
	int error; /* as a resolver's */
	const char *why;
	const struct rr *list; /* of the type asked for; n at most RR_MAX */
	size_t n;
	const struct addr *addrs; /* RR_ADDRESSES; n_addrs at most RESOLVER_ADDRS_MAX */
	size_t n_addrs;
	uint32_t ttl;
};

struct walk;
/* domain: a conventional name without a dot at the end, with room for a service before it. */
struct walk *walk_new(
	const char *domain, enum discover_method method, unsigned failures, uint64_t seed);
void walk_free(struct walk *w);
bool walk_domain_fits(const char *domain);
/* The next look-up, valid until walk_answer; NULL: it is over. No name and type comes twice. */
const struct walk_question *walk_next(struct walk *w);
/* Answers the question that walk_next gave. */
void walk_answer(struct walk *w, const struct walk_answer *a);
/* Once it is over; valid until walk_free. */
const struct discover_answer *walk_result(const struct walk *w);

#endif
