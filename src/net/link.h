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
	bool deprecated, temporary, home;
	bool tentative; /* cannot be used yet */
};

struct links;
/* changed(arg, interface, up) after each change of state or addresses, from the loop; the callee
 * may look at what is known, not free it. Never NULL: while the kernel cannot be asked, which is
 * told as an alert and tried again every second, nothing is known and every link counts as down. */
struct links *links_new(
	struct loop *l, void (*changed)(void *arg, const char *interface, bool up), void *arg);
void links_free(struct links *ls);
/* Exists, is administratively up and has carrier (or does not know). */
bool links_up(const struct links *ls, const char *interface);
bool links_exists(const struct links *ls, const char *interface);
/* All usable addresses of all interfaces; borrowed until the next turn. */
const struct link_addr *links_addrs(const struct links *ls, size_t *ret_n);

#endif
