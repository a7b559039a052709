/*
 * Names of DOTS servers, looked up by the resolvers of one provisioning domain over its own link
 * (RFC 9284 5.1), and the records that lead to such names. Its sockets are bound to the device and
 * source or the query fails; no hosts file, no search list, no other resolver.
 */
#ifndef DOTSD_NET_RESOLVER_H
#define DOTSD_NET_RESOLVER_H

#include "base/addr.h"
#include "base/loop.h"
#include "net/rr.h"

struct resolver;

struct resolver_config {
	const char *interface;      /* NULL: not bound */
	const struct addr *sources; /* at most one a family; none: the kernel's choice */
	size_t n_sources;
	const struct endpoint *servers; /* port 0 = 53 */
	size_t n_servers;
};

enum { RESOLVER_ADDRS_MAX = 16 };
struct resolver_answer {
	int error;       /* 0, -ENOENT (no such name or no address), -ETIMEDOUT, -EIO… */
	const char *why; /* text of the failure */
	struct addr addrs[RESOLVER_ADDRS_MAX]; /* IPv6 first */
	size_t n_addrs;
	bool whole;   /* they are all there are: both families were answered, and all had room */
	uint32_t ttl; /* smallest, seconds */
};
typedef void (*resolver_cb)(void *arg, const struct resolver_answer *answer);

struct resolver_records {
	int error; /* 0, -ENOENT (no such name or no such record), -ETIMEDOUT, -EBADMSG, -EIO… */
	const char *why;   /* text of the failure */
	struct rr_set set; /* not empty without error; its ttl tells for -ENOENT too */
};
typedef void (*resolver_records_cb)(void *arg, const struct resolver_records *answer);

/* NULL on our own misuse (no servers) with errno set. */
struct resolver *resolver_new(struct loop *l, const struct resolver_config *cfg);
void resolver_free(struct resolver *r); /* outstanding queries are dropped without callback */
/* A and AAAA of one name; one callback, from the loop, never from inside this call. */
void resolver_lookup(struct resolver *r, const char *name, resolver_cb cb, void *arg);
/* PTR, SRV or NAPTR records of one name, written as rr.h has it; likewise. */
void resolver_lookup_records(
	struct resolver *r, const char *name, enum rr_type type, resolver_records_cb cb, void *arg);

#endif
