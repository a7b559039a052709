/* A DNS server that answers as a test says, on sockets in any namespace. */
#ifndef DOTSD_TEST_DNS_H
#define DOTSD_TEST_DNS_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/loop.h"

enum { DNS_RECORDS_MAX = 64, DNS_POINTS_MAX = 4 };

enum {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_NAPTR = 35
};

/* In names, a dot or a backslash inside of a label has a backslash before it. */
struct dns_record {
	unsigned type;
	const char *name;
	const char *data;    /* an address, else the name that the record ends with */
	uint16_t number[3];  /* what it begins with: SRV three, NAPTR two */
	const char *text[3]; /* NAPTR: flags, services, regular expression */
	uint32_t ttl;
};

struct dns;
struct dns_point { /* a socket */
	struct dns *dns;
	int udp, tcp, peer; /* peer: the one TCP connection; -1 none */
	struct watch *udp_watch, *tcp_watch, *peer_watch;
	unsigned queries; /* UDP and TCP */
};
struct dns {
	struct loop *loop;
	struct dns_record records[DNS_RECORDS_MAX];
	size_t n_records;
	bool silent, truncate, refuse; /* truncate: UDP says TC, TCP tells; refuse: SERVFAIL */
	unsigned refused_type;         /* SERVFAIL to questions of this type */
	uint32_t negative_ttl;         /* what "no" comes with; 0: nothing */
	char last[256];                /* name asked last */
	unsigned last_type;
	/* Answers in place of everything above: after the question, as many records as it says. */
	uint16_t (*forge)(struct dns *d, bool tcp, struct buf *out);
	struct dns_point points[DNS_POINTS_MAX];
	size_t n_points;
};

/* data: an address, or the name that the other one is an alias of. */
void dns_record(struct dns *d, const char *name, const char *data, uint32_t ttl);
void dns_ptr(struct dns *d, const char *name, const char *instance, uint32_t ttl);
void dns_srv(struct dns *d, const char *name, uint16_t priority, uint16_t weight, uint16_t port,
	const char *target, uint32_t ttl);
void dns_naptr(struct dns *d, const char *name, uint16_t order, uint16_t preference,
	const char *flags, const char *services, const char *regexp, const char *replacement,
	uint32_t ttl);
void dns_put_name(struct buf *b, const char *name);
/* The part of a record before its data. */
void dns_put_head(struct buf *b, const char *name, unsigned type, uint32_t ttl, size_t len);
/* Opens a point at that endpoint ("10.0.0.1:53"), bound to the device unless NULL. */
struct dns_point *dns_open(struct dns *d, const char *endpoint, const char *device);
void dns_close(struct dns *d);

#endif
