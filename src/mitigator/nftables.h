/*
 * Mitigator: nftables, through the privileged helper dotsd-priv.
 */
#ifndef DOTSD_MITIGATOR_NFTABLES_H
#define DOTSD_MITIGATOR_NFTABLES_H

#include "base/loop.h"
#include "core/mitigator.h"

struct nftables_config {
	const char *socket;   /* path of the helper's Unix socket */
	const char *instance; /* name of the table: inet dotsd_<instance> */
};
/* Never fails: while the helper is away, changes wait and EVENT_HELPER_LOST says so. */
struct mitigator *nftables_new(
	struct loop *l, const struct nftables_config *cfg, const struct mitigator_events *events);

#endif
