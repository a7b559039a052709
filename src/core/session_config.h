/*
 * What two DOTS agents agreed on for one signal channel session (RFC 9132 4.5): ranges, the two
 * sets of parameters, the order of sids, and which set is in force. Pure; either end.
 */
#ifndef DOTSD_CORE_SESSION_CONFIG_H
#define DOTSD_CORE_SESSION_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heartbeat.h"
#include "core/verdict.h"
#include "wire/signal.h"

/* RFC 9132 4.5.2, and its defaults. */
struct session_params {
	uint32_t heartbeat_ms; /* between two heartbeats; 0: none */
	uint32_t missing_hb_allowed;
	uint32_t probing_rate; /* bytes a second */
	uint32_t max_retransmit;
	uint32_t ack_timeout, ack_random_factor; /* hundredths */
};
#define SESSION_PARAMS_DEFAULT ((struct session_params){30000, 15, 5, 3, 200, 150})

enum { SESSION_PARAMS_TEXT_MAX = 96 };
/* For people: "30 s, 15 missed, 5 B/s, 3 repeats, 2.00 s x 1.50". */
const char *session_params_format(
	const struct session_params *p, char text[static SESSION_PARAMS_TEXT_MAX]);

/* mitigating-config while a mitigation of that client is on, else idle-config (4.5). */
enum session_set { SESSION_MITIGATING, SESSION_IDLE, SESSION_SETS };
const char *session_set_name(enum session_set s); /* "mitigating", "idle" */

/* One row a parameter: where it stands here and on the wire. */
struct session_param {
	const char *name;
	enum config_field field;
	bool reliable;            /* negotiated over TCP, too (4.5) */
	uint32_t scale;           /* a unit of the wire is so many of ours */
	size_t in_params, in_set; /* uint32_t; struct config_param */
	uint32_t least, most;     /* in our unit: what a peer may make us do */
};
enum { SESSION_PARAMS = 6 };
extern const struct session_param session_param_rows[SESSION_PARAMS];
uint32_t *session_param_at(const struct session_param *row, struct session_params *p);
uint32_t session_param_get(const struct session_param *row, const struct session_params *p);

/* Some of the parameters: a bit (1ULL << CONFIG_…) for each that is there. */
struct session_choice {
	uint64_t has;
	struct session_params params;
};
/* The values of an end: those of RFC 9132 4.5.2, but for these. */
struct session_params session_params_of(
	const struct heartbeat_config *heartbeat, const struct session_choice *choice);

/* What a server takes, of both sets. Heartbeats may always be switched off (4.5.2), and the values
 * in force without a PUT are always good. */
struct session_range {
	struct session_params min, max;
};
extern const struct session_range session_range_default; /* RFC 9132 figure 20 */

/* The terms of a server. */
struct session_terms {
	struct session_params defaults[SESSION_SETS];
	struct session_range range;
	uint32_t max_age; /* seconds that they are good for (4.5.3); UINT32_MAX: for ever */
};

struct session_config {
	bool negotiated; /* by a PUT with that sid … */
	uint32_t sid;
	uint64_t asked[SESSION_SETS]; /* … which said these; the others are defaults */
	struct session_params sets[SESSION_SETS]; /* in force */
};

/* The values in force without a PUT. */
void session_config_init(
	struct session_config *c, const struct session_params defaults[static SESSION_SETS]);
/* There are other defaults now; what was negotiated stays (4.5.2). */
void session_config_rebase(
	struct session_config *c, const struct session_params defaults[static SESSION_SETS]);

/* ---- a server ---- */

/* A PUT (4.5.2): 2.01 for the first or a higher sid, 2.04 for the one on record, or nothing changes
 * and it is 4.00 (a lower sid, nothing in it, no value where one has to be, an attribute that is
 * the server's to say, one that is not negotiated over a `reliable` transport) or 4.22 (outside of
 * the range), naming set, attribute and what is taken. What a PUT leaves out has the default, not
 * what an older one said. RFC 9362: its attributes are checked as far as that text goes and have no
 * effect, for there are no Q-Block transfers. */
struct verdict session_config_put(struct session_config *c, const struct session_terms *t,
	bool reliable, uint32_t sid, const struct config_set asked[static SESSION_SETS]);
/* The body of the answer to GET (4.5.1): current values with their ranges. An interval that is no
 * whole number of seconds cannot be told and is left out. */
void session_config_describe(const struct session_config *c, const struct session_terms *t,
	bool reliable, struct config_set ret[static SESSION_SETS]);

/* ---- a client ---- */

/* What it has to ask for: everything it wants that the server tells of, if any of it is not in
 * force there. What is outside of the server's range becomes its nearest end; ret_clamped: a bit
 * for each such parameter. False: nothing to ask for. */
bool session_config_ask(const struct session_choice wanted[static SESSION_SETS],
	const struct config_set told[static SESSION_SETS],
	struct config_set ret[static SESSION_SETS], uint64_t *ret_clamped);
/* In force is what the server told (GET), defaults of ours where it says nothing or what no server
 * may make us do: heartbeats more often than every 15 s (4.5.2, RFC 8085) unless ours are, timers
 * below those of RFC 7252 4.8.1. Heartbeats of ours in parts of a second cannot be negotiated and
 * stay. */
void session_config_told(struct session_config *c,
	const struct session_params defaults[static SESSION_SETS],
	const struct config_set told[static SESSION_SETS]);
/* It took our PUT: that is in force besides. */
void session_config_agreed(
	struct session_config *c, uint32_t sid, const struct config_set asked[static SESSION_SETS]);

#endif
