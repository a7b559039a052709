/*
 * Default routers of an interface as the kernel tells them (rtnetlink), in whatever table they
 * stand.
 */
#ifndef DOTSD_NET_ROUTE_H
#define DOTSD_NET_ROUTE_H

#include "base/addr.h"
#include "base/loop.h"

enum { ROUTERS_MAX = 8 };
struct router {
	struct addr addr;
	uint32_t metric;
};
struct routers {
	struct router
		list[ROUTERS_MAX]; /* lowest metric first, then by address; IPv4 before IPv6 */
	size_t n;                  /* further ones are left out */
};

/* Those that are known now; none if the kernel cannot be asked. Does not block: the kernel answers
 * a dump at once. */
void routers_of(const char *interface, struct routers *ret);
/* Takes the routers over the interface of that index from messages of the kernel; those that are
 * known already, and whatever else the messages say, are passed over. */
void routers_read(struct routers *r, int index, const void *messages, size_t len);

/* Tells, from the loop, that some default route came or went. Link-down takes routes away untold:
 * see net/link.h. NULL with errno. */
struct route_watch;
struct route_watch *route_watch_new(struct loop *l, void (*changed)(void *arg), void *arg);
void route_watch_free(struct route_watch *w); /* NULL is legal */

#endif
