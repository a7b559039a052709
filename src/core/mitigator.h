/*
 * The interface between the DOTS rules and whatever handles the traffic (RFC 9132 4.4.1: the server
 * hands requests to a mitigator). Implementations: mitigator/nftables, mitigator/dryrun, and
 * role/gateway, whose mitigator is our own client.
 */
#ifndef DOTSD_CORE_MITIGATOR_H
#define DOTSD_CORE_MITIGATOR_H

#include "base/addr.h"
#include "wire/signal.h"

enum rate_unit { RATE_PACKETS, RATE_BYTES };

/* What is done with matching packets: the client's policy. Observed, they are counted and pass. */
struct filter_action {
	enum { ACTION_DROP, ACTION_LIMIT, ACTION_LIMIT_PER_SOURCE, ACTION_OBSERVE } kind;
	uint64_t rate; /* of a limit: units a second that still pass */
	enum rate_unit unit;
};

static inline const char *
filter_action_name(const struct filter_action *a)
{
	return a->kind == ACTION_DROP ? "drop" : a->kind == ACTION_OBSERVE ? "observe" : "limit";
}

static inline bool
filter_action_equal(const struct filter_action *a, const struct filter_action *b)
{
	return a->kind == b->kind && a->rate == b->rate && a->unit == b->unit;
}

struct filter_ports {
	uint16_t lower, upper; /* inclusive */
};

/* Exactly the traffic of one mitigation; never wider than what was asked. */
struct filter {
	uint64_t id;        /* of the mitigation; stable over restarts; > 0 */
	const char *client; /* name of the `clients:` entry */
	struct filter_action action;
	const struct prefix *prefixes; /* destinations; at least one */
	size_t n_prefixes;
	const uint8_t *protocols; /* none: any */
	size_t n_protocols;
	const struct filter_ports *ports; /* destination ports; none: any. Without protocols they
					     apply to TCP, UDP, SCTP and DCCP (RFC 9132 4.4.1.1) */
	size_t n_ports;
};

/* A live DOTS session of a client: its packets pass whatever the client's filters say. With
 * client.addr.family 0 it stands for handshakes under way: packets of that protocol from that
 * server endpoint to any destination pass, at most FLOW_HANDSHAKE_RATE a second (else a client
 * inside its own mitigated prefix could never come back after a restart). Flights of a handshake
 * leave all at once: so many packets of them may. */
enum { FLOW_HANDSHAKE_RATE = 1000, FLOW_HANDSHAKE_BURST = 64 };
enum flow_protocol { FLOW_TCP = 6, FLOW_UDP = 17 }; /* as in the IP header */
struct flow {
	enum flow_protocol protocol;
	struct endpoint server, client;
};

struct acl_set; /* core/acl_rule.h */

/* Reports, always from the loop, never from inside a call below. */
struct mitigator_events {
	void *arg;
	void (*installed)(void *arg, uint64_t id);
	void (*failed)(
		void *arg, uint64_t id, const char *why); /* tried again by the mitigator itself */
	void (*removed)(void *arg, uint64_t id);
	/* Totals dropped (observed: seen) by this filter, once it is reported installed, since it
	 * was installed (they may restart from 0 with it).
	 */
	void (*counters)(void *arg, uint64_t id, uint64_t packets, uint64_t bytes);
	/* What acls() wanted of that client is in force (why NULL), or is not: tried again by the
	 * mitigator itself. May be NULL, like the next one. */
	void (*acls_done)(void *arg, const char *client, const char *why);
	/* Totals that a rule of an ACL has matched since it was installed. */
	void (*acl_counters)(void *arg, uint64_t rule, uint64_t packets, uint64_t bytes);
};

struct mitigator {
	const struct mitigator_ops *ops; /* implementations embed this struct first */
};

struct mitigator_ops {
	const char *name;
	/* Copies the filter. An id already there is replaced. Never fails: reports follow. */
	void (*start)(struct mitigator *m, const struct filter *f);
	void (*stop)(struct mitigator *m, uint64_t id); /* an unknown id is fine */
	/* Replaces the set of live flows of that client. */
	void (*flows)(struct mitigator *m, const char *client, const struct flow *flows, size_t n);
	/* Replaces what is in force of the ACLs of that client (core/acl_rule.h); no rules:
	 * nothing. Copied. Live sessions pass before them, and they come before all mitigations:
	 * what a rule accepts no mitigation drops. Called before the loop runs, it belongs to sync.
	 * NULL: a mitigator that knows no ACLs. */
	void (*acls)(struct mitigator *m, const struct acl_set *set);
	/* Once, before any other call: after a restart exactly these are to be there; reports
	 * follow. */
	void (*sync)(struct mitigator *m, const struct filter *filters, size_t n);
	void (*free)(struct mitigator *m); /* leaves installed filters in place */
};

#endif
