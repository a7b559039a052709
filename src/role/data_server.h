/*
 * The data channel of a server (RFC 8783, RESTCONF of RFC 8040): requests of authorised clients
 * over HTTPS, what they put on record, and what of it is in force.
 */
#ifndef DOTSD_ROLE_DATA_SERVER_H
#define DOTSD_ROLE_DATA_SERVER_H

#include "core/data.h"
#include "core/mitigator.h"
#include "net/https.h"
#include "role/server.h"

struct data_server_setup {
	const char *name; /* for events */
	const char *root; /* of RESTCONF, "/restconf" */
	struct https_config https;
	struct data_policy policy;
	const struct clients *clients; /* borrowed until reload or free */
	const char *const *own;        /* what names us in a Via (RFC 8783 3.4); likewise */
	size_t n_own;
};

/* Passes on what clients put on record (role/data_relay). */
struct data_escalation;
enum data_progress { DATA_UNDECIDED, DATA_DECIDED, DATA_DENIED };
struct data_escalation_ops {
	/* Whether such an entry of that client can be passed on; false with *err. */
	bool (*admit)(struct data_escalation *e, const struct client *c, enum data_kind kind,
		const json_t *entry, struct restconf_error *err);
	/* A request for that client came from who has proven, or is called, that (RFC 8783 5.1). */
	void (*called)(struct data_escalation *e, const char *client, const char *cdid);
	/* What is on record under that cuid has changed; dc NULL: it is not registered any more. */
	void (*edited)(struct data_escalation *e, const char *client, const char *cuid,
		const struct data_client *dc);
	/* What has become of one entry upstream; of DENIED *err is what its client is told. */
	enum data_progress (*progress)(struct data_escalation *e, const char *client,
		const char *cuid, enum data_kind kind, const char *name,
		struct restconf_error *err);
	/* changed: whenever some entry's progress may be another one. */
	void (*on_change)(struct data_escalation *e, void (*changed)(void *arg), void *arg);
};
struct data_escalation {
	const struct data_escalation_ops *ops; /* implementations embed this struct first */
};

struct data_server;
/* signal: the signal channel of the same clients, to which it is attached; mitigators: those of it;
 * escalation: NULL, nothing is passed on. All borrowed. NULL with `why`. */
struct data_server *data_server_new(struct loop *l, struct persist *p,
	const struct data_server_setup *s, struct dots_server *signal,
	struct mitigator **mitigators, size_t n_mitigators, struct data_escalation *escalation,
	char *why, size_t cap);
void data_server_free(struct data_server *s); /* what is in force stays */
void data_server_reload(struct data_server *s, const struct data_server_setup *setup);
/* Reads the store, tells the mitigators what is in force: before the loop runs, before
 * server_start. */
void data_server_start(struct data_server *s);
void data_server_clock_set(struct data_server *s);

#endif
