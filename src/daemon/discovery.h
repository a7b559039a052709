/*
 * Finds the DOTS servers of domains that say `discover:` (RFC 8973), once for each link: asks DHCP,
 * then DNS over that link only; when these have found nothing it is the default router there
 * (RFC 9132 4.3). What is found goes to daemon/learned.h with the link it was found
 * on, and is looked for again before it expires and when the link comes up.
 */
#ifndef DOTSD_DAEMON_DISCOVERY_H
#define DOTSD_DAEMON_DISCOVERY_H

#include "daemon/config.h"
#include "daemon/learned.h"

struct discovery_service;

/* config: borrowed until discovery_reload or free. changed: what was learned has changed, from the
 * loop. */
struct discovery_service *discovery_new(struct loop *l, const struct config *config,
	struct learned *learned, void (*changed)(void *arg), void *arg);
/* Links and domains that are as before go on; the others end or begin. */
void discovery_reload(struct discovery_service *d, const struct config *config);
/* What has answered is asked and looked up again there, whatever holds still: it may be out of
 * date. What failed waits for its time (RFC 8973 6). interface "": on all links of the domain. At
 * most once a minute. */
void discovery_again(
	struct discovery_service *d, const char *domain, const char *interface, const char *why);
void discovery_free(struct discovery_service *d); /* NULL is legal */

#endif
