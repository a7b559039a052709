/*
 * What two DOTS agents agreed on for one signal channel session (RFC 9132 4.5): ranges, the two
 * sets of parameters, the order of sids, and which set is in force. Pure; either end.
 */
#ifndef DOTSD_CORE_SESSION_CONFIG_H
#define DOTSD_CORE_SESSION_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/verdict.h"
#include "wire/signal.h"

/* RFC 9132 4.5.2, and its defaults. Numbers as on the wire; decimal ones in hundredths. */
struct session_params {
	uint32_t heartbeat_interval; /* seconds; 0: no heartbeats */
	uint32_t missing_hb_allowed, probing_rate, max_retransmit, ack_timeout, ack_random_factor;
};
#define SESSION_PARAMS_DEFAULT ((struct session_params){30, 15, 5, 3, 200, 150})

/* mitigating-config while a mitigation of that client is on, else idle-config (4.5). */
enum session_set { SESSION_MITIGATING, SESSION_IDLE, SESSION_SETS };

/* What a server takes, of both sets. heartbeat_interval 0 is taken beside the range (4.5.2: it may
 * be switched off). */
struct session_range {
	struct session_params min, max;
};
/* RFC 9132 figure 20. */
extern const struct session_range session_range_default;

struct session_config {
	bool negotiated; /* by a PUT with that sid */
	uint32_t sid;
	struct session_params sets[SESSION_SETS];
};

/* The values in force without a PUT. */
void session_config_init(struct session_config *c, const struct session_params *defaults);
/* A PUT at a server (4.5.2): 2.01 for the first or a higher sid, 2.04 for the one on record, or
 * nothing changes and 4.00 (a lower sid, nothing in it, no value where one has to be, an attribute
 * that is the server's to say, one of a transport without loss over TCP) or 4.22 (outside of the
 * range), naming set, attribute and what is taken. What a PUT leaves out has the default, not what
 * an older one said. Over `reliable` transports only heartbeat-interval and probing-rate are
 * negotiated (4.5). RFC 9362: its attributes are comprehension-optional and left out of the answer.
 */
struct verdict session_config_put(struct session_config *c, const struct session_params *defaults,
	const struct session_range *range, bool reliable, uint32_t sid,
	const struct config_set *mitigating, const struct config_set *idle);
/* The body of the answer to GET (4.5.1): both sets, current values with their ranges. */
void session_config_describe(const struct session_config *c, const struct session_range *range,
	bool reliable, struct config_set *ret_mitigating, struct config_set *ret_idle);

/* A client: what it has to ask for (a PUT's two sets, only attributes that differ from what the
 * server has), given what the server told (GET) and what is wanted; wanted values outside of the
 * server's range become its nearest end, told in ret_clamped (a bit per CONFIG_ field). False:
 * nothing to ask for. */
bool session_config_ask(const struct session_params wanted[SESSION_SETS],
	const struct config_set *told_mitigating, const struct config_set *told_idle,
	struct config_set *ret_mitigating, struct config_set *ret_idle, uint64_t *ret_clamped);
/* What is in force by what the server told: defaults where it says nothing (4.5.2). */
void session_config_told(struct session_config *c, const struct session_params *defaults,
	const struct config_set *mitigating, const struct config_set *idle);

#endif
