/*
 * A whole DOTS server in memory for the fuzz targets of its entry points: the real role, core and
 * dry-run mitigator, a store and a loop in virtual time (tests/standin), and optionally somebody
 * upstream who decides.
 */
#ifndef DOTSD_TESTS_FUZZ_WORLD_H
#define DOTSD_TESTS_FUZZ_WORLD_H

#include "role/server.h"

enum { WORLD_PEERS = 4, WORLD_CONFIGS = 3 };

struct world_setup {
	bool gateway;                    /* somebody upstream is asked first … */
	bool beside;                     /* … no, beside the mitigator, which acts at once */
	struct credentials *credentials; /* of the server; NULL: none */
	const struct psk_entry *psk;
	size_t n_psk;
};

struct world;
struct world *world_open(const struct world_setup *setup);
/* All lifetimes run out; then nothing may be left anywhere. */
void world_close(struct world *w);

struct loop *world_loop(const struct world *w);
const struct endpoint *world_address(void); /* it listens there */
const struct peer_id *world_peers(void);    /* clients one, two, three and a stranger */
void world_advance(struct world *w, int64_t ms);
void world_reload(struct world *w, unsigned config);
/* Stopped and started again from the store: what was promised is there again. */
void world_restart(struct world *w);
void world_store_durable(struct world *w, bool durable);
/* What a mitigator reports of the n-th mitigation. */
void world_counters(struct world *w, unsigned n, uint64_t packets, uint64_t bytes);
void world_failed(struct world *w, unsigned n);
/* Upstream: requests that wait for its word; the first of them gets it. */
size_t world_undecided(const struct world *w);
void world_decide(struct world *w, uint8_t code);
void world_upstream_status(struct world *w, unsigned n, unsigned status);
/* Sessions of that client that stand, and how many it may have. */
size_t world_sessions(struct world *w, const char *client, size_t *ret_limit);
/* Of the session from that port: its client, NULL if there is none; and whether it is silent. */
const char *world_client(struct world *w, uint16_t port, bool *ret_silent);
/* What always holds between two events. */
void world_check(struct world *w);

#endif
