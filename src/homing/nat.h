/*
 * Addresses inside a NAT and what they are outside, provider by provider (rule M15): a request
 * names what the provider can see.
 */
#ifndef DOTSD_HOMING_NAT_H
#define DOTSD_HOMING_NAT_H

#include "base/mem.h"
#include "homing/domain.h"
#include "wire/signal.h"

/* The target as it is outside, in the arena (ports and protocols are borrowed). A prefix inside an
 * entry of some `nat-map` becomes what each domain with such an entry makes of it: the same part of
 * `outside` where both are as long, else all of `outside`. One that is wider than the entries
 * stays, or with `wider-targets: clip` becomes theirs. All others stay. */
struct target nat_outside(const struct homing *h, const struct target *t, struct arena *a);

/* A prefix inside an entry of that domain's `nat-map`, as it is outside. False: none has it. */
bool nat_translate(const struct domain *d, const struct prefix *p, struct prefix *ret);

/* It means nothing to a provider: it is such space as below, or inside some `nat-map`. */
bool nat_is_internal(const struct homing *h, const struct prefix *p);

/* Private, shared or link-local space (RFC 1918, 6598, 4193, 3927): no provider can act on it. */
bool nat_is_inside(const struct prefix *p);

#endif
