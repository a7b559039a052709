/*
 * A world in virtual time: stand-ins of exactly the interfaces that the roles reach the outside by
 * (base/loop.h, net/session.h, net/credentials.h, net/link.h, net/resolver.h, core/persist.h,
 * core/mitigator.h). What is above them is the real code.
 *
 * A loop is a host: it has links, a store, perhaps a listener. One clock drives all hosts; it jumps
 * from one moment at which something is due to the next, so hours take no time and nothing depends
 * on speed. Every packet and every event is kept and can be counted.
 */
#ifndef DOTSD_TESTS_SCENARIO_VIRTUAL_H
#define DOTSD_TESTS_SCENARIO_VIRTUAL_H

#include "../unit/base/cases.h"

#include "base/event.h"
#include "core/mitigator.h"
#include "core/persist.h"
#include "net/link.h"
#include "net/resolver.h"
#include "net/session.h"
#include "wire/path.h"

enum { S = 1000, MINUTE = 60 * S, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* --- time ----------------------------------------------------------------------------------- */

void virtual_start(void); /* an empty world */
void virtual_end(void);   /* all roles are gone */
mono_ms virtual_now(void);
void virtual_run(int64_t ms); /* all that is due until then */
/* Goes on to the next moment at which something is due, not beyond `until`; false: nothing is. */
bool virtual_step(mono_ms until);
void virtual_jump_wall(int64_t ms); /* somebody sets the clock; monotonic time does not notice */
void virtual_late(const char *expression, const char *file, int line);

/* Runs until the expression is true; fails when it is not within so many virtual ms. */
#define UNTIL(ms, expression)                                                                      \
	do {                                                                                       \
		mono_ms until_ = virtual_now() + (ms);                                             \
		while (!(expression))                                                              \
			if (!virtual_step(until_))                                                 \
				virtual_late(#expression, __FILE__, __LINE__);                     \
	} while (0)

/* --- hosts ---------------------------------------------------------------------------------- */

struct loop *virtual_host(const char *name);
/* What the test has called was done by that host: its turn ends now. */
void virtual_turn(struct loop *l);
/* The power is gone: nothing runs there, leaves or comes in. The roles are freed after it. */
void virtual_crash(struct loop *l);
bool virtual_crashed(const struct loop *l);
/* Power again; what the store had not written is lost. */
void virtual_boot(struct loop *l);

/* The way between a link and the servers that are reached over it. */
struct way {
	int64_t delay; /* one way */
	bool lose_out; /* what leaves the link */
	bool lose_in;  /* what comes in by it */
	bool lose_udp, lose_tcp, lose_ipv6;
	unsigned next_out, next_in; /* so many more are lost */
	uint64_t lose_dial;         /* everything of that association: a translator forgot it */
};
/* A link that is up, with an address: "192.0.2.66/26". */
struct way *virtual_link(struct loop *l, const char *interface, const char *address);
struct way *virtual_way(struct loop *l, const char *interface);
void virtual_link_set(struct loop *l, const char *interface, bool up);
void virtual_link_remove(struct loop *l, const char *interface);
void virtual_addr(struct loop *l, const char *interface, const char *address);
void virtual_addr_tentative(struct loop *l, const char *address, bool tentative);
void virtual_addr_remove(struct loop *l, const char *address);

/* --- names ---------------------------------------------------------------------------------- */

/* What the resolver at that address says: addresses with commas between, "" for no such name, NULL
 * for silence. */
void virtual_name(const char *resolver, const char *name, const char *addresses, uint32_t ttl);
/* Look-ups begun so far, and how the last one was made. */
struct virtual_lookup {
	unsigned n;
	char name[256], interface[IFNAMSIZ];
	struct addr sources[2];
	size_t n_sources;
	struct endpoint servers[8];
	size_t n_servers;
};
const struct virtual_lookup *virtual_lookups(void);

/* --- sessions ------------------------------------------------------------------------------- */

/* Of a certificate with that DNS name. One reference is the caller's. */
struct credentials *virtual_credentials(const char *name);
/* Of sessions from now on; 0: never. */
void virtual_certificates_end(wall_ms when);
/* How the listener of that host meets handshakes from now on. */
enum virtual_mood { MEETS, MUTE, REFUSES, REFUSES_TICKETS };
void virtual_listener(struct loop *l, enum virtual_mood mood, int64_t takes);
/* Tickets are no longer understood there. */
void virtual_forget_tickets(struct loop *l);

enum packet_kind { ANY, HELLO, HELLO_REPLY, FINISH, FINISH_REPLY, DATA, CLOSE };
struct packet {
	mono_ms at;
	const struct loop *from;
	bool outward; /* from the side that dialled */
	bool lost;
	uint64_t dial; /* which association, from 1 */
	char interface[IFNAMSIZ];
	struct endpoint client, server;
	enum session_transport transport;
	enum packet_kind kind;
	bool resumed; /* of HELLO: with a ticket */
	/* of DATA; of a response: resource and mid of its request */
	uint8_t type, code;
	enum path_resource resource;
	uint32_t mid;
	bool observe;
	bool repeated; /* a flight, or a request that was on that association before */
	uint8_t *bytes;
	size_t len;
};

struct want {
	const struct loop *from; /* NULL: anybody */
	enum packet_kind kind;
	uint8_t code;                /* 0: any */
	enum path_resource resource; /* PATH_NONE: any */
	uint32_t mid;                /* 0: any */
	uint64_t dial;               /* 0: any */
	const char *interface;       /* NULL: any */
	bool arrived;                /* only those that were not lost */
	bool first;                  /* only those that were not repeated */
};
/* What follows is counted from here. */
void virtual_mark(void);
size_t virtual_count(const struct want *w);
/* The n-th since the mark; the test fails if there are fewer. */
const struct packet *virtual_packet(const struct want *w, size_t n);
/* Shortest time between two of them since the mark; INT64_MAX with fewer than two. */
int64_t virtual_gap(const struct want *w);
#define COUNT(...)     virtual_count(&(struct want){__VA_ARGS__})
#define PACKET(n, ...) virtual_packet(&(struct want){__VA_ARGS__}, n)
#define GAP(...)       virtual_gap(&(struct want){__VA_ARGS__})

/* --- events --------------------------------------------------------------------------------- */

/* Shortest time between two such events since the mark; INT64_MAX with fewer than two. */
int64_t virtual_events_gap(enum event_id id, const char *part);
/* Since the mark, those whose "name=value name=value" text holds `part` ("" any). */
size_t virtual_events(enum event_id id, const char *part);

/* --- store ---------------------------------------------------------------------------------- */

/* The host's store; it is there from the beginning and survives crashes. */
struct persist *virtual_store(struct loop *l);
void virtual_store_hold(struct loop *l, bool hold); /* commits do not come back */
void virtual_store_fail(struct loop *l, bool fail); /* commits fail */
unsigned virtual_store_commits(const struct loop *l);
/* The host crashes at its n-th commit from now (1 is the next), before it is written or after. */
void virtual_store_crash(struct loop *l, unsigned n, bool after);
size_t virtual_store_count(const struct loop *l, const char *kind); /* on disk */

/* --- mitigator ------------------------------------------------------------------------------ */

struct recorder;
struct recorder *recorder_new(struct loop *l);
void recorder_free(struct recorder *r);
struct mitigator *recorder_mitigator(struct recorder *r);
void recorder_report_to(struct recorder *r, const struct mitigator_events *e);
/* Filters that are installed now, and how often one was started or stopped. */
size_t recorder_active(const struct recorder *r);
unsigned recorder_starts(const struct recorder *r);
unsigned recorder_stops(const struct recorder *r);
void recorder_counters(struct recorder *r, uint64_t packets, uint64_t bytes); /* of all filters */

/* --- inside --------------------------------------------------------------------------------- */

struct host; /* loop.h's struct loop */

#endif
