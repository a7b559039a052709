/*
 * The attributes of the signal channel (RFC 9132 table 5, RFC 9133 table 1, RFC 9362 table 2): one
 * row each. Rows ascend by key; keys 3, 4 and 31 (cdid, cuid, sid) never stand in a body, so they
 * have none.
 */
#include "wire/signal.h"

#include <errno.h>
#include <string.h>

#define COUNT(rows)  (sizeof(rows) / sizeof((rows)[0]))
#define LIFETIME_MAX UINT32_MAX

static const struct schema_name status_names[] = {
	{ATTACK_MITIGATION_IN_PROGRESS, "attack-mitigation-in-progress"},
	{ATTACK_SUCCESSFULLY_MITIGATED, "attack-successfully-mitigated"},
	{ATTACK_STOPPED, "attack-stopped"},
	{ATTACK_EXCEEDED_CAPABILITY, "attack-exceeded-capability"},
	{DOTS_CLIENT_WITHDRAWN_MITIGATION, "dots-client-withdrawn-mitigation"},
	{ATTACK_MITIGATION_TERMINATED, "attack-mitigation-terminated"},
	{ATTACK_MITIGATION_WITHDRAWN, "attack-mitigation-withdrawn"},
	{ATTACK_MITIGATION_SIGNAL_LOSS, "attack-mitigation-signal-loss"},
	{0, NULL},
};

static const struct schema_name conflict_status_names[] = {
	{REQUEST_INACTIVE_OTHER_ACTIVE, "request-inactive-other-active"},
	{REQUEST_ACTIVE, "request-active"},
	{ALL_REQUESTS_INACTIVE, "all-requests-inactive"},
	{0, NULL},
};

static const struct schema_name conflict_cause_names[] = {
	{OVERLAPPING_TARGETS, "overlapping-targets"},
	{CONFLICT_WITH_ACCEPTLIST, "conflict-with-acceptlist"},
	{CUID_COLLISION, "cuid-collision"},
	{0, NULL},
};

static const struct schema_name attack_status_names[] = {
	{UNDER_ATTACK, "under-attack"},
	{ATTACK_STATUS_SUCCESSFULLY_MITIGATED, "attack-successfully-mitigated"},
	{0, NULL},
};

static const struct schema_name activation_names[] = {
	{ACTIVATE_WHEN_MITIGATING, "activate-when-mitigating"},
	{ACTIVATE_IMMEDIATE, "immediate"},
	{DEACTIVATE, "deactivate"},
	{0, NULL},
};

static const char *
name_of(const struct schema_name *names, int value)
{
	for (; names->name; names++)
		if ((int)names->value == value)
			return names->name;
	return "?";
}

const char *
dots_status_name(int status)
{
	return name_of(status_names, status);
}

const char *
conflict_status_name(int status)
{
	return name_of(conflict_status_names, status);
}

const char *
conflict_cause_name(int cause)
{
	return name_of(conflict_cause_names, cause);
}

const char *
activation_type_name(int type)
{
	return name_of(activation_names, type);
}

enum activation_type
activation_type_parse(const char *text)
{
	for (const struct schema_name *n = activation_names; n->name; n++)
		if (!strcmp(n->name, text))
			return (enum activation_type)n->value;
	return 0;
}

/* ---- targets ---- */

static const char *
check_port_range(void *structure)
{
	const struct port_range *r = structure;

	return port_range_last(r) < r->lower_port ? "upper-port is below lower-port" : NULL;
}

#define PORT(k, n, f, m, fl)                                                                       \
	{                                                                                          \
		.key = (k), .name = (n), .kind = KIND_UINT, .flags = (fl), .bit = PORT_RANGE_##f,  \
		.max = 65535, .offset = offsetof(struct port_range, m)                             \
	}
static const struct schema_row port_range_rows[] = {
	PORT(8, "lower-port", LOWER_PORT, lower_port, SCHEMA_REQUIRED),
	PORT(9, "upper-port", UPPER_PORT, upper_port, 0),
};
static const struct schema port_range_schema = {"target-port-range", sizeof(struct port_range),
	port_range_rows, COUNT(port_range_rows), check_port_range};

/* The rows of a target, wherever the struct that holds it puts it. */
#define LIST_OF(type, member)                                                                      \
	.flags = SCHEMA_LIST, .offset = offsetof(type, target.member),                             \
	.count_offset = offsetof(type, target.n_##member)
#define TARGET_PREFIX(type)                                                                        \
	{                                                                                          \
		.key = 6, .name = "target-prefix", .kind = KIND_PREFIX,                            \
		.bit = SCOPE_TARGET_PREFIX, .max_items = 4096, LIST_OF(type, target_prefix)        \
	}
#define TARGET_PORT_RANGE(type)                                                                    \
	{                                                                                          \
		.key = 7, .name = "target-port-range", .kind = KIND_MAP,                           \
		.bit = SCOPE_TARGET_PORT_RANGE, .sub = &port_range_schema,                         \
		LIST_OF(type, target_port_range)                                                   \
	}
#define TARGET_PROTOCOL(type)                                                                      \
	{                                                                                          \
		.key = 10, .name = "target-protocol", .kind = KIND_UINT,                           \
		.bit = SCOPE_TARGET_PROTOCOL, .max = 255, LIST_OF(type, target_protocol)           \
	}
#define TARGET_FQDN(type)                                                                          \
	{                                                                                          \
		.key = 11, .name = "target-fqdn", .kind = KIND_NAME, .bit = SCOPE_TARGET_FQDN,     \
		LIST_OF(type, target_fqdn)                                                         \
	}
#define TARGET_URI(type)                                                                           \
	{                                                                                          \
		.key = 12, .name = "target-uri", .kind = KIND_TEXT, .bit = SCOPE_TARGET_URI,       \
		LIST_OF(type, target_uri)                                                          \
	}
#define ALIAS_NAME(type)                                                                           \
	{                                                                                          \
		.key = 13, .name = "alias-name", .kind = KIND_TEXT, .bit = SCOPE_ALIAS_NAME,       \
		LIST_OF(type, alias_name)                                                          \
	}

/* ---- conflicts and filters by name ---- */

static const struct schema_row acl_rows[] = {
	{.key = 23,
		.name = "acl-name",
		.kind = KIND_TEXT,
		.flags = SCHEMA_REQUIRED,
		.bit = ACL_NAME,
		.max = 64,
		.offset = offsetof(struct acl_entry, acl_name)},
	{.key = 24,
		.name = "acl-type",
		.kind = KIND_TEXT,
		.bit = ACL_TYPE,
		.max = 64,
		.offset = offsetof(struct acl_entry, acl_type)},
};
static const struct schema acl_schema = {
	"acl-list", sizeof(struct acl_entry), acl_rows, COUNT(acl_rows), NULL};

static const struct schema_row acl_control_rows[] = {
	{.key = 23,
		.name = "acl-name",
		.kind = KIND_TEXT,
		.flags = SCHEMA_REQUIRED,
		.bit = ACL_NAME,
		.max = 64,
		.offset = offsetof(struct acl_entry, acl_name)},
	{.key = 52,
		.name = "activation-type",
		.kind = KIND_ENUM,
		.bit = ACL_ACTIVATION_TYPE,
		.names = activation_names,
		.offset = offsetof(struct acl_entry, activation_type)},
};
static const struct schema acl_control_schema = {
	"acl-list", sizeof(struct acl_entry), acl_control_rows, COUNT(acl_control_rows), NULL};

static const struct schema_row conflict_scope_rows[] = {
	{.key = 5,
		.name = "mid",
		.kind = KIND_UINT,
		.bit = SCOPE_MID,
		.max = UINT32_MAX,
		.offset = offsetof(struct conflict_scope, mid)},
	TARGET_PREFIX(struct conflict_scope),
	TARGET_PORT_RANGE(struct conflict_scope),
	TARGET_PROTOCOL(struct conflict_scope),
	TARGET_FQDN(struct conflict_scope),
	TARGET_URI(struct conflict_scope),
	ALIAS_NAME(struct conflict_scope),
	{.key = 22,
		.name = "acl-list",
		.kind = KIND_MAP,
		.flags = SCHEMA_LIST,
		.bit = SCOPE_ACL_LIST,
		.sub = &acl_schema,
		.offset = offsetof(struct conflict_scope, acl_list),
		.count_offset = offsetof(struct conflict_scope, n_acl_list)},
};
static const struct schema conflict_scope_schema = {"conflict-scope", sizeof(struct conflict_scope),
	conflict_scope_rows, COUNT(conflict_scope_rows), NULL};

#define CONFLICT(k, n, ki, b, m, ...)                                                              \
	{                                                                                          \
		.key = (k), .name = (n), .kind = (ki), .bit = (b),                                 \
		.offset = offsetof(struct conflict_information, m), __VA_ARGS__                    \
	}
static const struct schema_row conflict_rows[] = {
	CONFLICT(18, "conflict-status", KIND_ENUM, CONFLICT_STATUS, conflict_status,
		.names = conflict_status_names),
	CONFLICT(19, "conflict-cause", KIND_ENUM, CONFLICT_CAUSE, conflict_cause,
		.names = conflict_cause_names),
	CONFLICT(20, "retry-timer", KIND_UINT, CONFLICT_RETRY_TIMER, retry_timer,
		.flags = SCHEMA_NUMBER_TEXT, .max = UINT32_MAX),
	CONFLICT(21, "conflict-scope", KIND_MAP, CONFLICT_SCOPE, conflict_scope,
		.sub = &conflict_scope_schema),
};
static const struct schema conflict_schema = {"conflict-information",
	sizeof(struct conflict_information), conflict_rows, COUNT(conflict_rows), NULL};

/* ---- a mitigation scope ---- */

static const char *
default_scope(void *structure)
{
	struct scope *s = structure;

	if (!SCOPE_HAS(s, TRIGGER_MITIGATION))
		s->trigger_mitigation = true;
	return NULL;
}

#define IN_SCOPE(k, n, ki, b, m, ...)                                                              \
	{                                                                                          \
		.key = (k), .name = (n), .kind = (ki), .bit = (b),                                 \
		.offset = offsetof(struct scope, m), __VA_ARGS__                                   \
	}
static const struct schema_row scope_rows[] = {
	IN_SCOPE(5, "mid", KIND_UINT, SCOPE_MID, mid, .max = UINT32_MAX),
	TARGET_PREFIX(struct scope),
	TARGET_PORT_RANGE(struct scope),
	TARGET_PROTOCOL(struct scope),
	TARGET_FQDN(struct scope),
	TARGET_URI(struct scope),
	ALIAS_NAME(struct scope),
	IN_SCOPE(14, "lifetime", KIND_LIFETIME, SCOPE_LIFETIME, lifetime, .max = LIFETIME_MAX),
	IN_SCOPE(15, "mitigation-start", KIND_UINT64, SCOPE_MITIGATION_START, mitigation_start),
	IN_SCOPE(16, "status", KIND_ENUM, SCOPE_STATUS, status, .names = status_names),
	IN_SCOPE(17, "conflict-information", KIND_MAP, SCOPE_CONFLICT_INFORMATION,
		conflict_information, .sub = &conflict_schema),
	IN_SCOPE(25, "bytes-dropped", KIND_UINT64, SCOPE_BYTES_DROPPED, bytes_dropped),
	IN_SCOPE(26, "bps-dropped", KIND_UINT64, SCOPE_BPS_DROPPED, bps_dropped),
	IN_SCOPE(27, "pkts-dropped", KIND_UINT64, SCOPE_PKTS_DROPPED, pkts_dropped),
	IN_SCOPE(28, "pps-dropped", KIND_UINT64, SCOPE_PPS_DROPPED, pps_dropped),
	IN_SCOPE(29, "attack-status", KIND_ENUM, SCOPE_ATTACK_STATUS, attack_status,
		.names = attack_status_names),
	IN_SCOPE(45, "trigger-mitigation", KIND_BOOL, SCOPE_TRIGGER_MITIGATION, trigger_mitigation),
	IN_SCOPE(53, "acl-list", KIND_MAP, SCOPE_ACL_LIST, acl_list, .flags = SCHEMA_LIST,
		.json = "ietf-dots-signal-control:acl-list", .sub = &acl_control_schema,
		.count_offset = offsetof(struct scope, n_acl_list)),
};
const struct schema scope_schema = {
	"scope", sizeof(struct scope), scope_rows, COUNT(scope_rows), default_scope};

/* ---- session configuration ---- */

#define PARAM(k, n, ki, b, m, most)                                                                \
	{                                                                                          \
		.key = (k), .name = (n), .kind = (ki), .bit = (b), .max = (most),                  \
		.offset = offsetof(struct config_param, m)                                         \
	}
static const struct schema_row integer_rows[] = {
	PARAM(34, "max-value", KIND_UINT, PARAM_MAX, max, 65535),
	PARAM(35, "min-value", KIND_UINT, PARAM_MIN, min, 65535),
	PARAM(36, "current-value", KIND_UINT, PARAM_CURRENT, current, 65535),
};
static const struct schema integer_schema = {
	"parameter", sizeof(struct config_param), integer_rows, COUNT(integer_rows), NULL};

static const struct schema_row decimal_rows[] = {
	PARAM(41, "max-value-decimal", KIND_DECIMAL, PARAM_MAX, max, 0),
	PARAM(42, "min-value-decimal", KIND_DECIMAL, PARAM_MIN, min, 0),
	PARAM(43, "current-value-decimal", KIND_DECIMAL, PARAM_CURRENT, current, 0),
};
static const struct schema decimal_schema = {
	"parameter", sizeof(struct config_param), decimal_rows, COUNT(decimal_rows), NULL};

#define CONFIG(k, n, b, m, s)                                                                      \
	{                                                                                          \
		.key = (k), .name = (n), .kind = KIND_MAP, .bit = CONFIG_##b, .sub = &(s),         \
		.offset = offsetof(struct config_set, m)                                           \
	}
#define ROBUST(k, n, b, m, s)                                                                      \
	{                                                                                          \
		.key = (k), .name = (n), .json = "ietf-dots-robust-trans:" n, .kind = KIND_MAP,    \
		.bit = CONFIG_##b, .sub = &(s), .offset = offsetof(struct config_set, m)           \
	}
static const struct schema_row config_rows[] = {
	CONFIG(33, "heartbeat-interval", HEARTBEAT_INTERVAL, heartbeat_interval, integer_schema),
	CONFIG(37, "missing-hb-allowed", MISSING_HB_ALLOWED, missing_hb_allowed, integer_schema),
	CONFIG(38, "max-retransmit", MAX_RETRANSMIT, max_retransmit, integer_schema),
	CONFIG(39, "ack-timeout", ACK_TIMEOUT, ack_timeout, decimal_schema),
	CONFIG(40, "ack-random-factor", ACK_RANDOM_FACTOR, ack_random_factor, decimal_schema),
	CONFIG(50, "probing-rate", PROBING_RATE, probing_rate, integer_schema),
	ROBUST(32776, "max-payloads", MAX_PAYLOADS, max_payloads, integer_schema),
	ROBUST(32777, "non-max-retransmit", NON_MAX_RETRANSMIT, non_max_retransmit, integer_schema),
	ROBUST(32778, "non-timeout", NON_TIMEOUT, non_timeout, decimal_schema),
	ROBUST(32779, "non-receive-timeout", NON_RECEIVE_TIMEOUT, non_receive_timeout,
		decimal_schema),
	ROBUST(32780, "non-probing-wait", NON_PROBING_WAIT, non_probing_wait, decimal_schema),
	ROBUST(32781, "non-partial-timeout", NON_PARTIAL_TIMEOUT, non_partial_timeout,
		decimal_schema),
};
static const struct schema config_schema = {
	"config", sizeof(struct config_set), config_rows, COUNT(config_rows), NULL};

/* ---- the four messages ---- */

static const struct schema_row mitigation_rows[] = {
	{.key = 2,
		.name = "scope",
		.kind = KIND_MAP,
		.flags = SCHEMA_LIST | SCHEMA_REQUIRED,
		.bit = MITIGATION_SCOPE_SCOPE,
		.max_items = 4096,
		.sub = &scope_schema,
		.offset = offsetof(struct signal_msg, mitigation_scope.scope) -
			  offsetof(struct signal_msg, mitigation_scope),
		.count_offset = offsetof(struct signal_msg, mitigation_scope.n_scope) -
				offsetof(struct signal_msg, mitigation_scope)},
};
static const struct schema mitigation_schema = {"mitigation-scope",
	sizeof(((struct signal_msg *)0)->mitigation_scope), mitigation_rows, COUNT(mitigation_rows),
	NULL};

#define IN_CASE(c, m) (offsetof(struct signal_msg, c.m) - offsetof(struct signal_msg, c))
static const struct schema_row signal_config_rows[] = {
	{.key = 32,
		.name = "mitigating-config",
		.kind = KIND_MAP,
		.bit = SIGNAL_MITIGATING_CONFIG,
		.sub = &config_schema,
		.offset = IN_CASE(signal_config, mitigating_config)},
	{.key = 44,
		.name = "idle-config",
		.kind = KIND_MAP,
		.bit = SIGNAL_IDLE_CONFIG,
		.sub = &config_schema,
		.offset = IN_CASE(signal_config, idle_config)},
};
static const struct schema signal_config_schema = {"signal-config",
	sizeof(((struct signal_msg *)0)->signal_config), signal_config_rows,
	COUNT(signal_config_rows), NULL};

static const struct schema_row redirected_rows[] = {
	{.key = 47,
		.name = "alt-server",
		.kind = KIND_NAME,
		.flags = SCHEMA_REQUIRED,
		.bit = REDIRECTED_ALT_SERVER,
		.offset = IN_CASE(redirected_signal, alt_server)},
	{.key = 48,
		.name = "alt-server-record",
		.kind = KIND_ADDR,
		.flags = SCHEMA_LIST,
		.bit = REDIRECTED_ALT_SERVER_RECORD,
		.max_items = 128,
		.offset = IN_CASE(redirected_signal, alt_server_record),
		.count_offset = IN_CASE(redirected_signal, n_alt_server_record)},
};
static const struct schema redirected_schema = {"redirected-signal",
	sizeof(((struct signal_msg *)0)->redirected_signal), redirected_rows,
	COUNT(redirected_rows), NULL};

static const struct schema_row heartbeat_rows[] = {
	{.key = 51,
		.name = "peer-hb-status",
		.kind = KIND_BOOL,
		.flags = SCHEMA_REQUIRED,
		.bit = HEARTBEAT_PEER_HB_STATUS,
		.offset = IN_CASE(heartbeat, peer_hb_status)},
};
static const struct schema heartbeat_schema = {"heartbeat",
	sizeof(((struct signal_msg *)0)->heartbeat), heartbeat_rows, COUNT(heartbeat_rows), NULL};

static const char *
check_one_case(void *structure)
{
	uint64_t has = ((struct signal_msg *)structure)->has;

	return has & (has - 1) ? "more than one kind of message" : NULL;
}

#define CASE(k, n, b, m, s)                                                                        \
	{                                                                                          \
		.key = (k), .name = (n), .json = "ietf-dots-signal-channel:" n, .kind = KIND_MAP,  \
		.flags = SCHEMA_CASE, .bit = (b), .sub = &(s),                                     \
		.offset = offsetof(struct signal_msg, m)                                           \
	}
static const struct schema_row signal_rows[] = {
	CASE(1, "mitigation-scope", SIGNAL_MITIGATION_SCOPE, mitigation_scope, mitigation_schema),
	CASE(30, "signal-config", SIGNAL_SIGNAL_CONFIG, signal_config, signal_config_schema),
	CASE(46, "redirected-signal", SIGNAL_REDIRECTED_SIGNAL, redirected_signal,
		redirected_schema),
	CASE(49, "heartbeat", SIGNAL_HEARTBEAT, heartbeat, heartbeat_schema),
};
const struct schema signal_schema = {
	"message", sizeof(struct signal_msg), signal_rows, COUNT(signal_rows), check_one_case};

int
signal_decode(struct arena *a, const uint8_t *bytes, size_t len, struct signal_msg *ret,
	struct schema_error *err)
{
	return schema_decode_cbor(&signal_schema, a, bytes, len, ret, err);
}

int
signal_encode(const struct signal_msg *m, struct buf *out)
{
	return schema_encode_cbor(&signal_schema, m, out);
}
