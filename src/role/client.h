/*
 * The DOTS client role: sessions with every server of every domain, each over its own link with its
 * own credentials, and the wishes carried out on them (RFC 9284 5, RFC 9132 4.4-4.7).
 */
#ifndef DOTSD_ROLE_CLIENT_H
#define DOTSD_ROLE_CLIENT_H

#include "base/loop.h"
#include "core/persist.h"
#include "homing/wish.h"
#include "net/credentials.h"
#include "net/link.h"

struct dots_client;

struct dots_client_setup {
	const struct homing
		*homing; /* borrowed; outlives the client or its replacement by reload */
	struct credentials **credentials; /* by domain index, borrowed (referenced); NULL: that
					     domain cannot be used (unreadable at run time) */
	size_t max_wishes;                /* kept at a time; 0 = 100000 */
};

struct dots_client *dots_client_new(
	struct loop *l, struct persist *p, const struct dots_client_setup *s);
/* Closes sessions; wishes stay in the store, mitigations stay at the servers. */
void dots_client_free(struct dots_client *c);
/* A new snapshot; sessions whose server, access and credentials are the same are kept. */
void dots_client_reload(struct dots_client *c, const struct dots_client_setup *s);

/* The wall clock was set. */
void dots_client_clock_set(struct dots_client *c);

/* The wish engine. After any call that changes it: dots_client_run, which carries out what is due.
 */
struct wishes *dots_client_wishes(struct dots_client *c);
void dots_client_run(struct dots_client *c);
/* Tells when the view of a wish changed (for the gateway). */
void dots_client_on_change(
	struct dots_client *c, void (*changed)(void *arg, const char *wish), void *arg);

/* For dotsctl. */
struct server_view {
	const char *domain, *server, *interface; /* "" if none */
	const char *transport;                   /* "udp", "tcp" */
	const char *state;      /* "available", "silent", "connecting", "waiting", "link down" */
	const char *reason;     /* why not available, "" */
	const char *credential; /* label, never key material */
	const char *cuid;
	struct endpoint local, remote; /* family 0 if none */
	bool gateway, resumed;
	int64_t next_attempt_s; /* of "waiting"; else -1 */
	int64_t heard_s;        /* seconds since the server was heard; -1 never */
};
void dots_client_servers(
	struct dots_client *c, void (*visit)(void *arg, const struct server_view *v), void *arg);

#endif
