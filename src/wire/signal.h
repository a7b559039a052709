/*
 * The signal channel's payload (RFC 9132 sections 5, 6; RFC 9133 section 4): structs, and the one
 * table that maps them to CBOR keys and JSON names. All enumerations of the RFC live here.
 *
 * Presence: every struct starts with `has`, a bit per attribute (1ULL << FIELD).
 */
#ifndef DOTSD_WIRE_SIGNAL_H
#define DOTSD_WIRE_SIGNAL_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "wire/schema.h"

/* RFC 9132 table 3. */
enum dots_status {
	ATTACK_MITIGATION_IN_PROGRESS = 1,
	ATTACK_SUCCESSFULLY_MITIGATED = 2,
	ATTACK_STOPPED = 3,
	ATTACK_EXCEEDED_CAPABILITY = 4,
	DOTS_CLIENT_WITHDRAWN_MITIGATION = 5,
	ATTACK_MITIGATION_TERMINATED = 6,
	ATTACK_MITIGATION_WITHDRAWN = 7,
	ATTACK_MITIGATION_SIGNAL_LOSS = 8,
};
enum conflict_status {
	REQUEST_INACTIVE_OTHER_ACTIVE = 1,
	REQUEST_ACTIVE = 2,
	ALL_REQUESTS_INACTIVE = 3
};
enum conflict_cause { OVERLAPPING_TARGETS = 1, CONFLICT_WITH_ACCEPTLIST = 2, CUID_COLLISION = 3 };
enum attack_status { UNDER_ATTACK = 1, ATTACK_STATUS_SUCCESSFULLY_MITIGATED = 2 };
enum activation_type { ACTIVATE_WHEN_MITIGATING = 1, ACTIVATE_IMMEDIATE = 2, DEACTIVATE = 3 };

const char *dots_status_name(int status); /* "attack-stopped"; "?" if unknown */
const char *conflict_status_name(int status);
const char *conflict_cause_name(int cause);
const char *activation_type_name(int type);
enum activation_type activation_type_parse(const char *text); /* 0: it is none */

#define LIFETIME_INDEFINITE ((int64_t)-1)

struct port_range {
	uint64_t has;                    /* PORT_RANGE_… */
	uint64_t lower_port, upper_port; /* without upper_port: the single port lower_port */
};
enum port_range_field { PORT_RANGE_LOWER_PORT, PORT_RANGE_UPPER_PORT };
/* Last port of the range whether or not upper_port is there. */
static inline uint64_t
port_range_last(const struct port_range *r)
{
	return r->has & (1ULL << PORT_RANGE_UPPER_PORT) ? r->upper_port : r->lower_port;
}

struct acl_entry {
	uint64_t has; /* ACL_… */
	char *acl_name, *acl_type;
	uint64_t activation_type;
};
enum acl_entry_field { ACL_NAME, ACL_TYPE, ACL_ACTIVATION_TYPE };

/* What is to be protected; part of a mitigation scope and of a conflict scope. */
struct target {
	struct prefix *target_prefix;
	size_t n_target_prefix;
	struct port_range *target_port_range;
	size_t n_target_port_range;
	uint64_t *target_protocol;
	size_t n_target_protocol;
	char **target_fqdn;
	size_t n_target_fqdn;
	char **target_uri;
	size_t n_target_uri;
	char **alias_name;
	size_t n_alias_name;
};

struct conflict_scope {
	uint64_t has; /* SCOPE_… bits */
	struct target target;
	uint64_t mid;
	struct acl_entry *acl_list;
	size_t n_acl_list;
};

struct conflict_information {
	uint64_t has;
	uint64_t conflict_status, conflict_cause, retry_timer;
	struct conflict_scope conflict_scope;
};
enum conflict_field { CONFLICT_STATUS, CONFLICT_CAUSE, CONFLICT_RETRY_TIMER, CONFLICT_SCOPE };

struct scope {
	uint64_t has; /* SCOPE_… */
	struct target target;
	uint64_t mid;
	int64_t lifetime; /* seconds, or LIFETIME_INDEFINITE */
	uint64_t mitigation_start;
	uint64_t status;
	struct conflict_information conflict_information;
	uint64_t bytes_dropped, bps_dropped, pkts_dropped, pps_dropped;
	uint64_t attack_status;
	bool trigger_mitigation;    /* decoding without it yields true (RFC 9132 4.4.1.1) */
	struct acl_entry *acl_list; /* RFC 9133 */
	size_t n_acl_list;
};
enum scope_field {
	SCOPE_TARGET_PREFIX,
	SCOPE_TARGET_PORT_RANGE,
	SCOPE_TARGET_PROTOCOL,
	SCOPE_TARGET_FQDN,
	SCOPE_TARGET_URI,
	SCOPE_ALIAS_NAME,
	SCOPE_MID,
	SCOPE_LIFETIME,
	SCOPE_MITIGATION_START,
	SCOPE_STATUS,
	SCOPE_CONFLICT_INFORMATION,
	SCOPE_BYTES_DROPPED,
	SCOPE_BPS_DROPPED,
	SCOPE_PKTS_DROPPED,
	SCOPE_PPS_DROPPED,
	SCOPE_ATTACK_STATUS,
	SCOPE_TRIGGER_MITIGATION,
	SCOPE_ACL_LIST,
};
#define SCOPE_HAS(s, field) (((s)->has >> SCOPE_##field) & 1)
#define SCOPE_SET(s, field) ((s)->has |= 1ULL << SCOPE_##field)

/* RFC 9132 4.5, RFC 9362: one parameter with its range. Decimal ones in hundredths. */
struct config_param {
	uint64_t has; /* PARAM_… */
	int64_t max, min, current;
};
enum param_field { PARAM_MAX, PARAM_MIN, PARAM_CURRENT };

struct config_set {
	uint64_t has; /* CONFIG_… */
	struct config_param heartbeat_interval, missing_hb_allowed, probing_rate, max_retransmit;
	struct config_param ack_timeout, ack_random_factor;   /* decimal */
	struct config_param max_payloads, non_max_retransmit; /* RFC 9362 */
	struct config_param non_timeout, non_receive_timeout, non_probing_wait, non_partial_timeout;
};
enum config_field {
	CONFIG_HEARTBEAT_INTERVAL,
	CONFIG_MISSING_HB_ALLOWED,
	CONFIG_PROBING_RATE,
	CONFIG_MAX_RETRANSMIT,
	CONFIG_ACK_TIMEOUT,
	CONFIG_ACK_RANDOM_FACTOR,
	CONFIG_MAX_PAYLOADS,
	CONFIG_NON_MAX_RETRANSMIT,
	CONFIG_NON_TIMEOUT,
	CONFIG_NON_RECEIVE_TIMEOUT,
	CONFIG_NON_PROBING_WAIT,
	CONFIG_NON_PARTIAL_TIMEOUT,
};

/* One message body: exactly one of the four cases. */
struct signal_msg {
	uint64_t has; /* SIGNAL_…; exactly one bit */
	struct {
		uint64_t has;
		struct scope *scope;
		size_t n_scope;
	} mitigation_scope;
	struct {
		uint64_t has;
		struct config_set mitigating_config, idle_config;
	} signal_config;
	struct {
		uint64_t has;
		char *alt_server;
		struct addr *alt_server_record;
		size_t n_alt_server_record;
	} redirected_signal;
	struct {
		uint64_t has;
		bool peer_hb_status;
	} heartbeat;
};
enum signal_case {
	SIGNAL_MITIGATION_SCOPE,
	SIGNAL_SIGNAL_CONFIG,
	SIGNAL_REDIRECTED_SIGNAL,
	SIGNAL_HEARTBEAT
};
enum mitigation_scope_field { MITIGATION_SCOPE_SCOPE };
enum signal_config_field { SIGNAL_MITIGATING_CONFIG, SIGNAL_IDLE_CONFIG };
enum redirected_field { REDIRECTED_ALT_SERVER, REDIRECTED_ALT_SERVER_RECORD };
enum heartbeat_field { HEARTBEAT_PEER_HB_STATUS };

extern const struct schema signal_schema; /* of struct signal_msg */
extern const struct schema scope_schema;  /* of struct scope, for records in the store */

/* Whole-message helpers over the engine. Errors as schema_decode_cbor; besides, exactly one case
 * has to be there. Everything in *ret lives in the arena. */
int signal_decode(struct arena *a, const uint8_t *bytes, size_t len, struct signal_msg *ret,
	struct schema_error *err);
/* Deterministic CBOR (ascending keys, shortest forms). 0 or -ENOSPC. */
int signal_encode(const struct signal_msg *m, struct buf *out);

#endif
