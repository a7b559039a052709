/* The inside of the virtual world, for the files that make it up. */
#ifndef DOTSD_TESTS_SCENARIO_WORLD_H
#define DOTSD_TESTS_SCENARIO_WORLD_H

#include <sys/queue.h>

#include "base/map.h"
#include "virtual.h"

enum { TURN_ENDS_MAX = 8, LINKS_MAX = 4, ADDRS_MAX = 16, TEXT_MAX = 512 };

struct job {
	STAILQ_ENTRY(job) entry;
	void (*done)(void *arg);
	void *arg;
	bool owns; /* arg goes with it */
};

struct timer {
	TAILQ_ENTRY(timer) entry;
	struct loop *loop;
	timer_cb cb;
	void *arg;
	bool armed;
	mono_ms when;
	uint64_t number; /* order of arming: decides between equals, and what waits for a next turn
			  */
};

struct virtual_link {
	char name[IFNAMSIZ];
	bool exists, up;
	struct way way;
};

struct loop {
	TAILQ_ENTRY(loop) entry;
	char name[32];
	bool crashed, stopped;
	TAILQ_HEAD(, timer) timers;
	STAILQ_HEAD(jobs, job) jobs;
	struct {
		void (*cb)(void *arg);
		void *arg;
	} turn_end[TURN_ENDS_MAX];
	size_t n_turn_ends;
	struct virtual_link links[LINKS_MAX];
	size_t n_links;
	struct link_addr addrs[ADDRS_MAX];
	size_t n_addrs;
	struct links *watchers; /* of the links */
	TAILQ_HEAD(, session) dialled;
	struct store *store;
	enum virtual_mood mood;
	int64_t takes;
	uint64_t ticket_key;
};

/* A packet on its way, and what it carries besides CoAP. */
struct flight {
	TAILQ_ENTRY(flight) entry;
	struct packet *packet;
	mono_ms arrives;
	uint64_t number;
	char name[PEER_NAME_MAX]; /* HELLO: the server wanted; FINISH, FINISH_REPLY: who I am */
	uint64_t ticket;
	char reason[160]; /* CLOSE */
	bool farewell;    /* CLOSE: no refusal */
};

struct happening {
	mono_ms at;
	enum event_id id;
	char *text;
};

struct world {
	mono_ms now;
	int64_t wall; /* wall minus monotonic */
	uint64_t numbers, dials, tickets, ports;
	TAILQ_HEAD(, loop) hosts;
	TAILQ_HEAD(, listener) listeners;
	TAILQ_HEAD(flights, flight) flights; /* in the order of arrival */
	struct packet **packets;
	size_t n_packets, cap_packets, packets_mark;
	struct map *requests; /* dial and token -> its first packet */
	struct happening *events;
	size_t n_events, cap_events, events_mark;
	struct zone *zone;
	struct virtual_lookup lookups;
};
extern struct world world;

/* The host's own work, from its loop; arg is freed after it. */
void world_job(struct loop *l, void (*done)(void *arg), void *arg);
/* Sends; f->packet is filled but for time, loss and content. */
void world_send(struct flight *f, int64_t extra);
struct virtual_link *world_link(const struct loop *l, const char *interface);
/* Whose link has that address, or NULL. */
struct virtual_link *world_link_of(const struct loop *l, const struct addr *a);
void world_tell_links(struct loop *l, const char *interface);
void world_zone_free(void);
/* Of the key that goes with a certificate of that name: another one for each name. */
void world_digest(const char *name, uint8_t ret[static 32]);

/* session.c: a packet has arrived; false: there is nobody. */
bool session_arrive(struct flight *f);

struct store *store_new(struct loop *l);
void store_free(struct store *st);
void store_boot(struct store *st);

#endif
