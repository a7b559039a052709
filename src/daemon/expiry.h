/*
 * The ends of lists of revoked certificates: a list that is over still counts, and the operator is
 * told.
 */
#ifndef DOTSD_DAEMON_EXPIRY_H
#define DOTSD_DAEMON_EXPIRY_H

#include "base/loop.h"
#include "daemon/config.h"

struct expiry;
struct expiry *expiry_new(struct loop *l);
void expiry_free(struct expiry *e); /* NULL is legal */
/* From now on these, borrowed until the next call or free: an alert when one ends. Those that have
 * ended already are warnings of the configuration. */
void expiry_watch(struct expiry *e, const struct config *c);

/* Every list of a configuration; domain NULL: of the listening side. */
void expiry_each(const struct config *c,
	void (*visit)(void *arg, const char *domain, const struct crl_view *list), void *arg);

#endif
