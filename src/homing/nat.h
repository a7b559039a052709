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

/* Private, shared or link-local space (RFC 1918, 6598, 4193, 3927): no provider can act on it. */
bool nat_is_inside(const struct prefix *p);

#endif
