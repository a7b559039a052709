/*
 * What clients have put on record over the data channel (RFC 8783 5-7): registrations, aliases,
 * ACLs, how long each is kept, which version it is, and what of it is in force. Pure: time comes
 * in, records and changes go out.
 *
 * An alias or an ACL is one entry: its configuration as normalised JSON text, and what it means.
 * What is smaller (an ACE, a leaf) is edited in the entry's JSON by the caller (wire/yang.h).
 *
 * An entry that is written again as it stands is refreshed: its lifetime begins anew, no version
 * changes, its rules keep their ids and what they have counted. So does, in an ACL that is changed,
 * each ACE that is not; an ACE that is changed is a new rule, which has counted nothing.
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
	uint32_t clients_max;     /* registrations of all; default 10000. Of one `clients:` entry:
				     limits.cuids (core/client.h) */
	uint32_t aliases_max;     /* of one registration; default 1000 */
	uint32_t acls_max;        /* likewise; default 100 */
	uint32_t aces_max;        /* in all its ACLs; default 1000 */
	uint32_t entry_bytes_max; /* of one entry's JSON; default 65536 */
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
	char *via;  /* what it came through when it was written last (RFC 8783 3.4); NULL */
	struct data_version version;
	wall_ms expires;
	union {
		struct alias alias; /* its names: of target-fqdn and target-uri */
		struct acl acl;
	};
	uint64_t *packets, *bytes; /* of an ACL, by ACE: what has matched */
};

/* A dots-client. Pointers to entries hold until the next edit, reload or expiry. */
struct data_client {
	char *cuid, *cdid; /* cdid NULL: not told */
	char *client;      /* name of the `clients:` entry */
	struct data_version version, aliases_version, acls_version; /* with all below */
	struct data_entry **aliases, **acls; /* by name; as their client ordered them */
	size_t n_aliases, n_acls;
	bool mitigating; /* some mitigation of it is active */
};

struct data; /* the book of them */
struct data *data_new(const struct data_policy *policy, struct persist *p);
void data_free(struct data *d);
/* Reads what is on record; entries that have expired meanwhile go, and such as data_reload would
 * end. Returns how many records cannot be read: they are left alone. */
size_t data_restore(struct data *d, const struct clients *clients, wall_ms now);
/* A new configuration: entries whose prefixes are their client's no more end (M17), of clients that
 * are gone all. */
void data_reload(struct data *d, const struct data_policy *policy, const struct clients *clients,
	wall_ms now);

struct data_client *data_find(const struct data *d, const char *cuid); /* NULL: none */
/* Registrations of a `clients:` entry, in their order. NULL: there is no further one. */
struct data_client *data_next(
	const struct data *d, const char *client, const struct data_client *after);
/* NULL: none. */
struct data_entry *data_entry(const struct data_client *dc, enum data_kind kind, const char *name);
/* Registers, or finds (*ret_created false); both texts are UTF-8. A cdid that is told and is
 * another one takes the place of that on record. False with *err: 400 invalid-value, the signal
 * channel takes no such cuid (wire/path.h); 409 resource-denied, it is another client's; 403, there
 * are as many as this client may have; 503, as many as all may. */
bool data_register(struct data *d, const struct client *c, const char *cuid, const char *cdid,
	wall_ms now, struct data_client **ret, bool *ret_created, struct restconf_error *err);
/* With all its entries. */
void data_deregister(struct data *d, struct data_client *dc);

/* One step of an edit; several are all done or none. */
struct data_change {
	enum data_kind kind;
	const char *name;
	json_t *entry;               /* borrowed, normalised; NULL: it goes */
	bool must_be_new;            /* POST: 409 if there is one of that name */
	enum restconf_insert insert; /* of an ACL. What is new stands last by default; what stands
					there already keeps its place but for FIRST, BEFORE,
					AFTER */
	const char *point;           /* name of the entry that BEFORE and AFTER are about */
	const char *via;             /* as of struct data_entry; ASCII */
	struct data_draft *draft;    /* NULL: none */
};
/* Reads `entry` of a change beforehand, for that client: what takes the most time of an edit, and
 * may be done in another thread. A draft for another client than data_edit is told is of no use,
 * and so is none where `entry` cannot be: data_edit reads it then, and says what is wrong. */
void data_draft(struct data_change *ch, const struct client *c, const struct data_policy *policy);
void data_draft_drop(struct data_change *ch); /* if there is one */
/* False with *err, nothing has changed: what acl_read or an alias' checks refuse (6.1), limits, 409
 * for a name or a conflict with another client's ACL (7.2), 404 for what is to go and is not there,
 * 400 for a point that is not. The error's path is whole (wire/yang.h).
 * Entries written get a new lifetime. Drafts may have been used up. `clients` has all who have
 * registered. *ret_created: how many were new. */
bool data_edit(struct data *d, const struct client *c, struct data_client *dc,
	struct data_change *changes, size_t n, const struct clients *clients, wall_ms now,
	size_t *ret_created, struct restconf_error *err);

/* RFC 9133 3.2.1: sets the activation of an ACL and renews its lifetime. False: no such ACL. */
bool data_activate(struct data *d, struct data_client *dc, const char *acl,
	enum activation_type type, wall_ms now);
/* Whether some mitigation of that `clients:` entry under that cuid is active; kept for what has not
 * registered, too. Of one cuid those of one client are known at a time (core/client.h). */
void data_mitigating(struct data *d, const char *client, const char *cuid, bool mitigating);
/* Ends what has expired. Returns the next time to call, INT64_MAX: never. */
wall_ms data_expire(struct data *d, wall_ms now);

/* Called for each `clients:` entry of which what is in force may have changed (after a reload, all
 * with ACLs, for prefixes may be other ones; a client that is gone, too), but by data_restore.
 * What is called does not change the book. */
void data_on_change(struct data *d, void (*changed)(void *arg, const char *client), void *arg);
/* Called for each registration of which some entry has come, changed or gone, or that has itself;
 * likewise. */
void data_on_edit(
	struct data *d, void (*edited)(void *arg, const char *client, const char *cuid), void *arg);
/* Called when the activation-type of an ACL has become another one; type 0: the ACL is gone.
 * by_signal: by data_activate, else by an edit. What is called does not change the book. */
struct data_activation {
	const char *client, *cuid, *acl; /* the first is the `clients:` entry */
	enum activation_type type;
	bool by_signal;
};
void data_on_activation(
	struct data *d, void (*changed)(void *arg, const struct data_activation *a), void *arg);
/* What is in force of that client: rules of its ACLs that are immediate, or
 * activate-when-mitigating and of a registration that is mitigating. Registrations in their order,
 * ACLs and ACEs in theirs. The rules are in the arena, name and scope are the client's. */
void data_in_force(
	const struct data *d, const struct client *c, struct arena *a, struct acl_set *ret);
/* What the rule of that id has matched, since it was installed there: less than before means that
 * it was installed anew. An id that is not known (any more) is fine. */
void data_count(struct data *d, uint64_t rule, uint64_t packets, uint64_t bytes);

#endif
