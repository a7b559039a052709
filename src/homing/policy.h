/*
 * The policy table of RFC 6724 section 2.1, and what else its rules ask of an address. Pure.
 */
#ifndef DOTSD_HOMING_POLICY_H
#define DOTSD_HOMING_POLICY_H

#include "base/addr.h"

/* Of IPv6 prefixes; IPv4 ones stand below ::ffff:0:0/96 (RFC 6724 3.2). */
struct policy_row {
	struct prefix prefix;
	uint32_t precedence, label;
};
/* n 0: the default table of RFC 6724 2.1. */
struct policy {
	struct policy_row *rows;
	size_t n;
};

/* Of the longest prefix that the address is in; of one that is in none what ::/0 has by default. */
struct policy_row policy_of(const struct policy *p, const struct addr *a);

/* Comparable (RFC 6724 3.1, 3.2); private and shared IPv4 addresses and ULAs are global. */
int policy_scope(const struct addr *a);
/* False: it is a preferred address, whatever lifetime it has (RFC 6724 3.2 to 3.4): IPv4 ones,
 * those that hold one, and ::1. */
bool policy_ages(const struct addr *a);
/* CommonPrefixLen of the source `a`, of whose prefix only the first `most` bits count, and b
 * (RFC 6724 2.2). Both of one family. */
unsigned policy_common(const struct addr *a, const struct addr *b, unsigned most);

#endif
