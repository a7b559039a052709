/*
 * What was learned about a provisioning domain at run time (RFC 8973; DESIGN: one input for DHCP,
 * DNS and the operator), and the snapshot that it makes together with the configuration.
 *
 * Of several sources the first that says something counts: the configuration and the operator
 * together, DHCP, S-NAPTR, DNS-SD (RFC 8973 4), at last the default router (RFC 9132 4.3). Prefixes
 * add to each other.
 */
#ifndef DOTSD_HOMING_FACT_H
#define DOTSD_HOMING_FACT_H

#include "base/loop.h" /* wall_ms only */
#include "homing/domain.h"

enum fact_kind { FACT_PREFIX, FACT_RESOLVER, FACT_SERVER, FACT_GATEWAY, FACT_DATA };
enum fact_source { FACT_OPERATOR, FACT_DHCP, FACT_NAPTR, FACT_DNS_SD, FACT_ROUTER, FACT_SOURCES };
const char *fact_kind_name(
	enum fact_kind k); /* "prefix", "resolver", "server", "gateway", "data" */
const char *fact_source_name(
	enum fact_source s); /* "operator", "dhcp", "naptr", "dns-sd", "router" */
const char *fact_transport_name(enum server_transport t); /* "udp", "tcp", "any" */
/* False: no such name, *ret untouched. */
bool fact_kind_parse(const char *name, enum fact_kind *ret);
bool fact_source_parse(const char *name, enum fact_source *ret);
bool fact_transport_parse(const char *name, enum server_transport *ret);

enum { FACT_NAME_MAX = 254, FACT_ADDRS_MAX = 16 };
struct fact {
	const char *domain; /* its name; borrowed */
	enum fact_kind kind;
	enum fact_source source;
	struct prefix prefix;     /* FACT_PREFIX: assigned by the domain */
	struct endpoint resolver; /* FACT_RESOLVER */
	/* FACT_SERVER, FACT_GATEWAY (the next hop; addresses only), FACT_DATA (a data channel, for
	 * the operator to see: it is in no snapshot) */
	char name[FACT_NAME_MAX + 1]; /* reference identifier; "": its first address */
	struct addr addrs[FACT_ADDRS_MAX];
	size_t n_addrs; /* 0: the name is resolved in that domain */
	uint16_t port;
	enum server_transport transport; /* fact_parse: any */
	uint32_t priority;
	char interface[IFNAMSIZ]; /* where it was found, and is used; "": anywhere in the domain */
	wall_ms expires;          /* 0: never */
};

/* "PREFIX"; "ADDRESS[:PORT]"; "NAME", "NAME@ADDRESS,…" or "@ADDRESS,…"; "ADDRESS". Multicast,
 * loopback and unspecified addresses are left out of a server's (RFC 8973 5.1.3); one without any
 * that is left, and names that are none (RFC 1123), are refused. The rest of *ret: port 4646, 443
 * of a data channel. 0, or -EINVAL with `why`. */
int fact_parse(enum fact_kind kind, const char *text, struct fact *ret, char *why, size_t cap);
/* The other way; in buf of FACT_TEXT_MAX. */
enum { FACT_TEXT_MAX = FACT_NAME_MAX + 1 + FACT_ADDRS_MAX * ADDR_TEXT_MAX };
char *fact_format(const struct fact *f, char *buf);
/* Of the same domain, kind, source, interface and value. */
bool fact_equal(const struct fact *a, const struct fact *b);

/* A snapshot, indexed, of the configuration and these facts; facts of unknown domains are left out.
 * NULL with `why`: they contradict each other or the configuration (a prefix that two domains
 * assign, or that is provider-independent). */
struct homing *facts_apply(
	const struct homing *base, const struct fact *facts, size_t n, char *why, size_t cap);
/* NULL, or why that fact alone is not to be believed in this configuration: unknown domain, a
 * server whose name is none of the domain's `trusted-names` (RFC 8973 8.1), a prefix as above. */
const char *fact_doubt(const struct homing *base, const struct fact *f, char *buf, size_t cap);

#endif
