/*
 * net/resolver.h in memory: what a name has for addresses is told by the name itself.
 *
 * "a7.…": 192.0.2.7; "b7.…": 192.0.2.7 and 2001:db8::7; "f…": 203.0.113.9; "m…": another address
 * each time; "s…": silence until it gives up; all others do not exist.
 */
#ifndef DOTSD_TESTS_STANDIN_RESOLVER_H
#define DOTSD_TESTS_STANDIN_RESOLVER_H

#include <stddef.h>

size_t standin_resolver_open(void); /* look-ups that are not answered yet */

#endif
