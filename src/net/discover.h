/*
 * The DOTS servers of a DNS domain (RFC 8973 6, 7): signal channel, over UDP and TCP, and with
 * S-NAPTR the data channel, asked of one provisioning domain's resolvers over its own link (RFC
 * 9284 5.1). Others are for nobody to ask.
 */
#ifndef DOTSD_NET_DISCOVER_H
#define DOTSD_NET_DISCOVER_H

#include "net/resolver.h"

enum discover_method {
	DISCOVER_SNAPTR, /* RFC 8973 6, RFC 3958 */
	DISCOVER_DNSSD,  /* RFC 8973 7, RFC 6763 */
};

enum {
	DISCOVER_NAME_MAX = 256,
	DISCOVER_OF_ONE_MAX = 8, /* of each service */
	DISCOVER_FOUND_MAX = 3 * DISCOVER_OF_ONE_MAX,
};

/* RFC 8973 6: in the order in which they are looked for, and told. */
enum discover_service { DISCOVER_SIGNAL_UDP, DISCOVER_SIGNAL_TCP, DISCOVER_DATA_TCP };

struct discovered {
	/* The name that its certificate has to say and the handshake asks for: the domain that was
	 * looked up, never one that an answer names (RFC 8973 8.2, RFC 3958 8). */
	char reference[DISCOVER_NAME_MAX];
	char target[DISCOVER_NAME_MAX]; /* the name its addresses belong to */
	enum discover_service service;
	uint16_t port;
	/* At least one, IPv6 first; none that is multicast, loopback, unspecified or IPv4-mapped.
	 */
	struct addr addrs[RESOLVER_ADDRS_MAX];
	size_t n_addrs;
};

struct discover_answer {
	int error; /* 0; -ENOENT: the domain has no usable records; -ETIMEDOUT, -EBADMSG, -EIO… of
		    * a look-up; -E2BIG: too many look-ups without any server */
	const char *why; /* text of the failure, with the name that was looked up */
	/* In the order in which they are to be tried: the signal channel all over UDP, then all
	 * over TCP (RFC 9132 4.3), then the data channel, which alone is no answer. Which one
	 * fails, in its connection or its credentials, is the caller's to find out, who then goes
	 * on with the next one (RFC 3958 2.2.4). Valid during the callback. */
	const struct discovered *found;
	size_t n;
	/* Seconds. Of servers: the smallest of all records used, as it came (0 is possible), but no
	 * less than DISCOVER_WAIT_MIN if any look-up failed. Of a failure: how long to wait before
	 * the domain is looked up again (RFC 8973 6), DISCOVER_WAIT_MIN to DISCOVER_WAIT_MAX. */
	uint32_t ttl;
};

enum { DISCOVER_WAIT_MIN = 60, DISCOVER_WAIT_MAX = 3600 };

typedef void (*discover_cb)(void *arg, const struct discover_answer *answer);

struct discovery;
/* One callback, from the loop, never from inside this call; when it comes the discovery is gone.
 * `domain` is made of letters, digits, hyphens and underscores; a dot at its end is legal.
 * `failures`: how often in a row it failed before; what is no word of the name server (timeouts…)
 * is waited for twice as long each time. NULL with errno EINVAL: no such domain can be, or no
 * resolvers. */
struct discovery *discovery_start(struct loop *l, const struct resolver_config *cfg,
	const char *domain, enum discover_method method, unsigned failures, discover_cb done,
	void *arg);
void discovery_cancel(struct discovery *d); /* without callback; NULL is legal */

#endif
