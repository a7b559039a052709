/*
 * Interfaces of this machine as the kernel tells them (rtnetlink): up or down, addresses.
 */
#ifndef DOTSD_NET_LINK_H
#define DOTSD_NET_LINK_H

#include <net/if.h>

#include "base/addr.h"
#include "base/loop.h"

struct link_addr {
	struct prefix prefix; /* on-link prefix */
	struct addr addr;
	char interface[IFNAMSIZ];
	bool deprecated, temporary, tentative; /* tentative ones cannot be used yet */
};

struct links;
/* changed(arg, interface, up) after each change of state or addresses, from the loop.
 * NULL with errno set. */
struct links *links_new(
	struct loop *l, void (*changed)(void *arg, const char *interface, bool up), void *arg);
void links_free(struct links *ls);
/* Exists, is administratively up and has carrier (or does not know). */
bool links_up(const struct links *ls, const char *interface);
bool links_exists(const struct links *ls, const char *interface);
/* All usable addresses of all interfaces; borrowed until the next turn. */
const struct link_addr *links_addrs(const struct links *ls, size_t *ret_n);

#endif
