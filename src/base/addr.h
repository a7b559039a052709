/*
 * Addresses, prefixes and transport endpoints: parse, print, compare.
 *
 * All are plain values, safe to copy and to use as hash keys (unused bytes are zero).
 */
#ifndef DOTSD_BASE_ADDR_H
#define DOTSD_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	ADDR_TEXT_MAX = 46, /* longest text incl. NUL */
	PREFIX_TEXT_MAX = 50,
	ENDPOINT_TEXT_MAX = 80, /* "[addr%scope]:port" */
};

struct addr {
	uint8_t family;    /* 4, 6; 0 = none */
	uint8_t bytes[16]; /* network order, IPv4 in the first four, the rest zero */
};

struct prefix {
	struct addr addr; /* host bits are always zero */
	uint8_t len;      /* 0..32 or 0..128 */
};

/* One end of a UDP or TCP flow. */
struct endpoint {
	struct addr addr;
	uint16_t port;     /* host order */
	uint32_t scope_id; /* interface index of a link-local address, else 0 */
};

/* Number of bits of the family: 32 or 128. */
unsigned addr_bits(const struct addr *a);
/* 0, or -EINVAL and *ret untouched. */
int addr_parse(const char *text, struct addr *ret);
/* Writes at most ADDR_TEXT_MAX bytes (RFC 5952 for IPv6); returns buf. */
char *addr_format(const struct addr *a, char *buf);
bool addr_equal(const struct addr *a, const struct addr *b);
/* Total order: family, then bytes. */
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_unspecified(const struct addr *a);

/* "192.0.2.0/24", or a bare address (full length). Host bits are cleared (RFC 6991 canonical
 * form). 0, or -EINVAL (syntax) or -ERANGE (length), *ret untouched. */
int prefix_parse(const char *text, struct prefix *ret);
char *prefix_format(const struct prefix *p, char *buf);
struct prefix prefix_of(const struct addr *a, unsigned len);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
int prefix_compare(const struct prefix *a, const struct prefix *b); /* address, then length */
/* True if every address of inner is in outer (equal counts). */
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
bool prefix_contains_addr(const struct prefix *p, const struct addr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* True if the prefix holds a loopback, multicast, unspecified or (IPv4 limited) broadcast address:
 * none can be a mitigation target (RFC 9132 4.4.1.1). */
bool prefix_is_special(const struct prefix *p);
/* Splits p into its two halves; p->len must be below addr_bits(). */
void prefix_halves(const struct prefix *p, struct prefix ret_half[static 2]);

/* "192.0.2.1:4646", "[2001:db8::1]:4646"; without port the default is taken. */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret);
char *endpoint_format(const struct endpoint *e, char *buf);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ret);
int endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *ret); /* -EAFNOSUPPORT */

#endif
