/*
 * The ways to the servers of a domain (rule M1): over its own links; of a third party, over those
 * of the domains it is reached through. Source and resolvers are always those of the domain whose
 * link it is.
 */
#ifndef DOTSD_ROLE_ACCESS_H
#define DOTSD_ROLE_ACCESS_H

#include "homing/source.h"
#include "net/link.h"
#include "net/resolver.h"

struct access {
	const struct domain *domain; /* whose link it is */
	const char *interface;       /* NULL: any will do */
};

/* The n-th way to that server (NULL: to any of them), in the order in which they are tried. False:
 * there are no more. */
bool access_nth(const struct homing *h, const struct domain *d, const struct domain_server *s,
	size_t n, struct access *ret);
/* Its link is up. */
bool access_up(const struct access *a, const struct links *ls);

/* Our address there for that destination (homing/source.h). False with `why`. */
bool access_source(const struct homing *h, const struct access *a, const struct links *ls,
	const struct addr *to, struct source *ret, char *why, size_t cap);

/* Best first (homing/destination.h), as of now. */
void access_sort(const struct homing *h, const struct access *a, const struct links *ls,
	struct addr *addrs, size_t n);

enum { ACCESS_RESOLVERS_MAX = 16 };
struct access_resolvers {
	struct resolver_config config; /* points into the rest */
	struct addr sources[2];
	struct endpoint servers[ACCESS_RESOLVERS_MAX];
};
/* The resolvers of the domain whose link it is, from our address there (RFC 9284 5.1). False with
 * `why`: there are none that could be asked. */
bool access_resolvers(const struct homing *h, const struct access *a, const struct links *ls,
	struct access_resolvers *ret, char *why, size_t cap);

#endif
