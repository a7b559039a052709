/*
 * The commands of the control socket: a table of names, arguments and handlers.
 */
#ifndef DOTSD_DAEMON_CONTROL_COMMAND_H
#define DOTSD_DAEMON_CONTROL_COMMAND_H

#include <jansson.h>

#include "daemon/control.h"

/* Exit codes of dotsctl; 3 (not reachable) never comes from here. */
enum { DONE = 0, REFUSED = 1, USAGE = 2, PENDING = 4 };

enum { CONTROL_FRAME_MAX = 1024 * 1024 };

/* One connection as a command sees it: answered exactly once, now or later. */
struct asker;
struct asker_ops {
	/* Takes the reference. */
	void (*answer)(struct asker *a, json_t *reply);
	/* continued(arg) comes from the loop after ms, unless the connection is gone by then. */
	void (*after)(struct asker *a, int64_t ms, void (*continued)(struct asker *a));
	/* continued(arg) comes once everything put to the store so far is written, or cannot be. */
	void (*stored)(struct asker *a, void (*continued)(struct asker *a));
};
struct asker {
	const struct asker_ops *ops;
	const struct control_parts *parts;
	mono_ms started; /* of the daemon */
	/* of a `mitigate` that waits for answers, or of a `filter` */
	char wish[WISH_ID_MAX];
	bool filters;
	mono_ms until;
	json_t *pending; /* of an `explain` that waits for names, or an entry for providers; NULL */
};

void command_run(struct asker *a, const json_t *request);
/* {"exit": code, "error": fmt…} */
__attribute__((format(printf, 3, 4))) void command_refuse(
	struct asker *a, int code, const char *fmt, ...);

#endif
