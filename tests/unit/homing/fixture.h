/* Networks in a few words, and a store that can be crashed, for the tests of homing. */
#ifndef DOTSD_TESTS_HOMING_FIXTURE_H
#define DOTSD_TESTS_HOMING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "homing/wish.h"

/* "isp1 wan1 192.0.2.64/26,2001:db8:1::/48 s1,s1b": name, interface, prefixes, servers (priority in
 * that order); "@name" is a gateway whose prefixes are its filters; "-" is none. */
struct homing *make_homing(const char *const *domains, size_t n);
struct prefix prefix_from(const char *text);
/* "198.51.100.1/32,198.51.100.2/32 6,17 80,443": prefixes, protocols, ports ("-" none). */
struct target target_from(struct arena *a, const char *text);
/* A name or URI with all its addresses, as of target_from. */
struct name name_from(struct arena *a, const char *text, const char *addresses);
uint32_t server_named(const struct homing *h, const char *name);

struct memory_store; /* a persist in memory */
struct persist *memory_store_new(void);
void memory_store_free(struct persist *p);
size_t memory_store_count(const struct persist *p, const char *kind);

#endif
