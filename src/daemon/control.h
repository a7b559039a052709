/*
 * The control socket: one frame in, one frame out, both JSON (doc/control.md). A table of commands.
 */
#ifndef DOTSD_DAEMON_CONTROL_H
#define DOTSD_DAEMON_CONTROL_H

#include "base/loop.h"
#include "daemon/config.h"
#include "daemon/learned.h"
#include "daemon/recorded.h"
#include "role/client.h"
#include "role/data_upstream.h"
#include "role/gateway.h"
#include "role/server.h"

/* The parts a command may look at or act on; NULL where the configuration has no such role. */
struct control_parts {
	struct loop *loop;
	const struct config *config;
	struct dots_client *client;
	struct data_upstream *records; /* of the client role */
	struct dots_server *server;
	struct persist *store;
	struct learned *learned;                          /* NULL without the client role */
	struct recorded *recorded;                        /* likewise */
	void (*rehome)(void *arg);                        /* what was learned has changed */
	void (*rerecord)(void *arg);                      /* and so has `recorded` */
	void (*reload)(void *arg, char *why, size_t cap); /* why "" when done */
	void *reload_arg;                                 /* of all three */
};

struct control;
/* parts is borrowed and read at each command (the daemon updates it on reload). */
struct control *control_new(
	struct loop *l, const char *path, const struct control_parts *parts, char *why, size_t cap);
void control_free(struct control *c);

#endif
