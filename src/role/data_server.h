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
};

struct data_server;
/* signal: the signal channel of the same clients, to which it is attached; mitigators: those of it.
 * Both borrowed. NULL with `why`. */
struct data_server *data_server_new(struct loop *l, struct persist *p,
	const struct data_server_setup *s, struct dots_server *signal,
	struct mitigator **mitigators, size_t n_mitigators, char *why, size_t cap);
void data_server_free(struct data_server *s); /* what is in force stays */
void data_server_reload(struct data_server *s, const struct data_server_setup *setup);
/* Reads the store, tells the mitigators what is in force: before the loop runs, before
 * server_start. */
void data_server_start(struct data_server *s);
void data_server_clock_set(struct data_server *s);

#endif
