/*
 * What clients have put on record over the data channel (RFC 8783 5-7): registrations, aliases,
 * ACLs, how long each is kept, which version it is, and what of it is in force. Pure: time comes
 * in, records and changes go out.
 *
 * An alias or an ACL is one entry: its configuration as normalised JSON text, and what it means.
 * What is smaller (an ACE, a leaf) is edited in the entry's JSON by the caller (wire/yang.h).
 */
#ifndef DOTSD_CORE_DATA_H
#define DOTSD_CORE_DATA_H

#include "base/loop.h" /* wall_ms only */
#include "core/acl.h"
#include "core/alias.h"
#include "core/persist.h"

struct data_policy {
	uint32_t lifetime; /* minutes that an entry is kept after its last refresh; at least, and by
			      default, 10080 (6.1, 7.2) */
	uint32_t clients_max;        /* registrations of all; default 10000 */
	uint32_t client_clients_max; /* of one `clients:` entry: its limits.cuids */
	uint32_t aliases_max;        /* of one registration; default 1000 */
	uint32_t acls_max;           /* likewise; default 100 */
	uint32_t aces_max;           /* in all its ACLs; default 1000 */
	uint32_t entry_bytes_max;    /* of one entry's JSON; default 65536 */
};

enum data_kind { DATA_ALIAS, DATA_ACL };

/* When and to which version something was changed last (RFC 8040 3.5.1, 3.5.2). */
struct data_version {
	uint64_t number; /* never given twice, over restarts too */
	wall_ms changed;
};

struct data_entry {
	enum data_kind kind;
	char *name;
	char *text; /* of its configuration */
	struct data_version version;
	wall_ms expires;
	struct arena *arena; /* of the next two */
	struct alias alias;
	struct acl acl;
	uint64_t *packets, *bytes; /* of an ACL, by ACE: what has matched */
};

/* A dots-client. */
struct data_client {
	char *cuid, *cdid; /* cdid NULL: not told */
	char *client;      /* name of the `clients:` entry */
	struct data_version version, aliases_version, acls_version; /* with all below */
	struct data_entry **aliases, **acls;                        /* as they are ordered */
	size_t n_aliases, n_acls;
	bool mitigating; /* some mitigation of it is active */
};

struct data; /* the book of them */
struct data *data_new(const struct data_policy *policy, struct persist *p);
void data_free(struct data *d);
/* Reads what is on record; entries that have expired meanwhile go. */
void data_restore(struct data *d, const struct clients *clients, wall_ms now);
/* A new configuration: entries whose prefixes are their client's no more end (M17), of clients that
 * are gone all. */
void data_reload(struct data *d, const struct data_policy *policy, const struct clients *clients);
struct data_version data_version(const struct data *d); /* of the whole datastore */

struct data_client *data_client(struct data *d, const char *cuid); /* NULL: none */
/* NULL: none. */
struct data_entry *data_entry(struct data_client *dc, enum data_kind kind, const char *name);
/* Registers, or finds (*ret_created false). False with *err: 409 resource-denied, the cuid is
 * another client's, 403 there are as many as this client may have. */
bool data_register(struct data *d, const struct client *c, const char *cuid, const char *cdid,
	wall_ms now, struct data_client **ret, bool *ret_created, struct restconf_error *err);
/* With all its entries. */
void data_deregister(struct data *d, struct data_client *dc, wall_ms now);

/* One step of an edit; several are all done or none. */
struct data_change {
	enum data_kind kind;
	const char *name;
	json_t *entry;               /* borrowed, normalised; NULL: it goes */
	bool must_be_new;            /* POST: 409 if there is one of that name */
	enum restconf_insert insert; /* of what is new; what stands there already keeps its place
					but for FIRST, BEFORE, AFTER */
	const char *point;           /* name of the entry that BEFORE and AFTER are about */
};
/* False with *err, nothing has changed: what acl_read or an alias' checks refuse (6.1), limits, 409
 * for a name or a conflict with another client's ACL (7.2). Entries written get a new lifetime.
 * *ret_created: how many were new. */
bool data_edit(struct data *d, const struct client *c, struct data_client *dc,
	const struct data_change *changes, size_t n, const struct clients *clients, wall_ms now,
	size_t *ret_created, struct restconf_error *err);

/* RFC 9133 3.2.1: sets the activation of an ACL and renews its lifetime. False: no such ACL. */
bool data_activate(struct data *d, struct data_client *dc, const char *acl,
	enum activation_type type, wall_ms now);
/* Whether some mitigation of that client is active. True: what is in force has changed. */
bool data_mitigating(struct data *d, const char *cuid, bool mitigating);
/* Ends what has expired. Returns the next time to call, INT64_MAX: never. */
wall_ms data_expire(struct data *d, wall_ms now);

/* Called for each `clients:` entry of which what is in force may have changed. */
void data_on_change(struct data *d, void (*changed)(void *arg, const char *client), void *arg);
/* What is in force of that client: rules of its ACLs that are immediate, or of a registration that
 * is mitigating; in the arena. */
void data_in_force(
	const struct data *d, const struct client *c, struct arena *a, struct acl_set *ret);
/* What the rule of that id has matched, since it was installed there. */
void data_count(struct data *d, uint64_t rule, uint64_t packets, uint64_t bytes);

#endif
