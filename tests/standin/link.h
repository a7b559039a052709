/*
 * Two links, wan1 and wan2, in place of net/link.c; and names that resolve as the test says, in
 * place of net/resolver.c.
 */
#ifndef DOTSD_TESTS_STANDIN_LINK_H
#define DOTSD_TESTS_STANDIN_LINK_H

#include "net/link.h"
#include "net/resolver.h"

void standin_link_begin(void); /* both are up */
/* link: 0 or 1. Told to whoever watches. */
void standin_link_set(unsigned link, bool up);

/* From now on: error 0 gives every name that address, else none. Look-ups are answered on the next
 * turn. */
void standin_resolver_set(int error, const struct addr *address, uint32_t ttl);

#endif
