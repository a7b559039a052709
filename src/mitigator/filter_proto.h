/*
 * The typed protocol between dotsd and its privileged helper dotsd-priv: filters and flows as
 * values, never rule text; and sockets for DHCP. Every field is checked again by the decoder; a
 * malformed message ends the connection.
 *
 * Frames of base/frame.h; integers in network order; the first byte is the operation.
 */
#ifndef DOTSD_MITIGATOR_FILTER_PROTO_H
#define DOTSD_MITIGATOR_FILTER_PROTO_H

#include "base/buf.h"
#include "base/mem.h"
#include "core/acl_rule.h"
#include "core/mitigator.h"

enum {
	FILTER_PROTO_VERSION = 5,
	FILTER_PROTO_FRAME_MAX = 64 * 1024 * 1024,
	FILTER_PROTO_FILTERS_MAX = 100000,
	FILTER_PROTO_PREFIXES_MAX = 4096, /* of one filter */
	FILTER_PROTO_PORTS_MAX = 256,
	FILTER_PROTO_FLOWS_MAX = 4096, /* of one client */
	FILTER_PROTO_CLIENTS_MAX = 100000,
	FILTER_PROTO_ACL_SETS_MAX = 10000,
	FILTER_PROTO_ACL_RULES_MAX = 4096, /* of one set */
	FILTER_PROTO_ACL_SCOPE_MAX = 4096, /* prefixes of one set */
	FILTER_PROTO_RULES_MAX = 100000,   /* of all sets */
	/* What the filters, the flows and the ACLs of one synchronisation may take of its frame. */
	FILTER_PROTO_FILTER_BYTES_MAX = FILTER_PROTO_FRAME_MAX / 4 * 3,
	FILTER_PROTO_FLOW_BYTES_MAX = FILTER_PROTO_FRAME_MAX / 8,
	FILTER_PROTO_ACL_BYTES_MAX = FILTER_PROTO_FRAME_MAX / 32 * 3,
	FILTER_PROTO_NAME_MAX = 128, /* bytes of a client's name */
	FILTER_PROTO_INSTANCE_MAX = 32,
	FILTER_PROTO_SOCKETS_MAX = 64, /* handed out on one connection */
};

enum filter_op {
	FILTER_OP_HELLO = 1, /* first: version, instance */
	FILTER_OP_SYNC,      /* exactly these filters, flows and ACLs are to be there */
	/* Removed ids, added filters, replaced flow sets and ACLs (without rules: none any more);
	 * one transaction. */
	FILTER_OP_COMMIT,
	FILTER_OP_COUNTERS, /* asks for the counters */
	/* Asks for a UDP socket of a DHCP client: family, interface. It is on port 68 of every
	 * address (RFC 2131 4.1) or on 546 of the link-local one (RFC 8415 7.2), bound to the
	 * interface; the port stays open to other DHCP clients (SO_REUSEADDR). */
	FILTER_OP_DHCP_SOCKET,
	FILTER_OP_DONE =
		128, /* answer to SYNC and COMMIT: error text ("" = done), kept, added, removed */
	FILTER_OP_VALUES, /* answer to COUNTERS */
	FILTER_OP_SOCKET, /* answer to DHCP_SOCKET: error text, or "" and a descriptor rides along
			   */
};

struct filter_flows {
	const char *client;
	struct flow *flows;
	size_t n;
};

struct filter_value {
	uint64_t id, packets, bytes;
};

struct filter_msg {
	enum filter_op op;
	uint8_t version; /* HELLO */
	const char *instance;
	uint64_t *removed; /* COMMIT */
	size_t n_removed;
	struct filter *added; /* SYNC, COMMIT */
	size_t n_added;
	struct filter_flows *flows;
	size_t n_flows;
	struct acl_set *acls; /* ids of rules are unique in all sets */
	size_t n_acls;
	uint8_t family; /* DHCP_SOCKET: 4, 6 */
	const char *interface;
	const char *error; /* DONE, SOCKET */
	uint32_t kept, n_new, gone;
	struct filter_value *values; /* VALUES: of mitigations */
	size_t n_values;
	struct filter_value *rules; /* of rules of ACLs */
	size_t n_rules;
};

void filter_proto_encode(const struct filter_msg *m, struct buf *out);
/* Everything lives in the arena. NULL, or what is wrong. */
const char *filter_proto_decode(
	struct arena *a, const uint8_t *bytes, size_t len, struct filter_msg *ret);
/* Of what a message says, to keep: all of it lives in the arena. */
struct filter filter_proto_copy(struct arena *a, const struct filter *f);
struct acl_set filter_proto_copy_acls(struct arena *a, const struct acl_set *s);
/* Bytes that they take in a message. */
size_t filter_proto_size(const struct filter *f);
size_t filter_proto_flows_size(const struct filter_flows *f);
size_t filter_proto_acls_size(const struct acl_set *s);
/* What of this filter, or of these ACLs, the protocol cannot carry, or NULL. */
const char *filter_proto_check(const struct filter *f);
const char *filter_proto_check_acls(const struct acl_set *s);
/* "[a-z0-9_]{1,32}": the only part of a table's name that is ours to choose. */
bool filter_proto_instance_ok(const char *instance);
/* What the kernel allows as the name of an interface (dev_valid_name). */
bool filter_proto_interface_ok(const char *interface);

#endif
