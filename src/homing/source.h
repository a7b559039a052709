/*
 * Which source address and interface a session to a server takes: membership of the domain first,
 * then RFC 6724 section 5 (rule M1). Pure.
 */
#ifndef DOTSD_HOMING_SOURCE_H
#define DOTSD_HOMING_SOURCE_H

#include "homing/domain.h"

/* An address of this machine, as the kernel tells it. */
struct local_addr {
	struct addr addr;
	struct prefix on_link;
	const char *interface;
	bool deprecated, temporary, tentative, home;
};

struct source {
	struct local_addr local;
	const char *section; /* what decided: "RFC 6724 5 rule 8"; static */
};

/* Picks for `destination` the source among the candidates of this domain on `interface` (NULL:
 * any). The candidates: all addresses of an interface that no other domain shares; those inside the
 * domain's prefixes on a shared one, and private ones where it has a `nat-map`; towards a gateway,
 * of a shared one too: it is in our own network; where the domain assigned none,
 * provider-independent addresses of any interface and of loopback, which then go before all others.
 * `source:` of the configuration has to be one of the candidates. 0 and *ret; -EADDRNOTAVAIL with
 * *why (a text naming the rule) if there is none. */
int source_select(const struct homing *h, const struct domain *d, const char *interface,
	const struct addr *destination, const struct local_addr *local, size_t n_local,
	struct source *ret, char *why, size_t cap);

#endif
