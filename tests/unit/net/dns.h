/* A DNS server that answers as a test says, on sockets in any namespace. */
#ifndef DOTSD_TEST_DNS_H
#define DOTSD_TEST_DNS_H

#include "base/addr.h"
#include "base/loop.h"

enum { DNS_RECORDS_MAX = 64, DNS_POINTS_MAX = 4 };

struct dns_record {
	const char *name;
	const char *data; /* an address, or the name that a CNAME points to */
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
	char last[256];                /* name asked last */
	struct dns_point points[DNS_POINTS_MAX];
	size_t n_points;
};

void dns_record(struct dns *d, const char *name, const char *data, uint32_t ttl);
/* Opens a point at that endpoint ("10.0.0.1:53"), bound to the device unless NULL. */
struct dns_point *dns_open(struct dns *d, const char *endpoint, const char *device);
void dns_close(struct dns *d);

#endif
