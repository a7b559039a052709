/*
 * In which order the addresses of a server are tried: RFC 6724 section 6. Pure.
 */
#ifndef DOTSD_HOMING_DESTINATION_H
#define DOTSD_HOMING_DESTINATION_H

#include "homing/source.h"

struct destination {
	struct addr addr;
	struct local_addr source; /* what source_select takes for it; family 0: there is none */
};

/* Best first; those that no rule tells apart stay in the order in which they are given (rule 10).
 * Whether an address is reached through a tunnel (rule 7) is not known here. */
void destination_sort(const struct policy *p, struct destination *list, size_t n);

#endif
