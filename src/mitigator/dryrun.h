/*
 * Mitigator that only says what it would do: reports every filter installed at once, counts
 * nothing.
 */
#ifndef DOTSD_MITIGATOR_DRYRUN_H
#define DOTSD_MITIGATOR_DRYRUN_H

#include "base/loop.h"
#include "core/mitigator.h"

struct mitigator *dryrun_new(struct loop *l, const struct mitigator_events *events);
/* Number of filters it holds now. */
size_t dryrun_count(const struct mitigator *m);

#endif
