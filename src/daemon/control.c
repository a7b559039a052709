/*
 * The control socket: connections, frames, and the commands that are answered later. Whoever may
 * open the socket may command.
 */
#include "daemon/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/frame.h"
#include "base/mem.h"
#include "daemon/control_command.h"

/* What the store calls back with; it outlives a connection that goes meanwhile. */
struct promise {
	TAILQ_ENTRY(promise) entry;
	struct control *control;       /* NULL: gone */
	struct connection *connection; /* NULL: gone */
	void (*continued)(struct asker *a);
};
TAILQ_HEAD(promises, promise);

struct connection {
	struct asker asker; /* first */
	TAILQ_ENTRY(connection) entry;
	struct control *control;
	struct frame_conn *frames;
	bool busy; /* a command is not answered yet */
	struct timer *timer;
	void (*continued)(struct asker *a); /* of the timer */
};
TAILQ_HEAD(connections, connection);

struct control {
	struct loop *loop;
	const struct control_parts *parts;
	char *path;
	struct acceptor *acceptor;
	struct connections connections; /* the one that was used last comes last */
	size_t n_connections;
	struct promises promises;
	mono_ms started;
};

/* ---- what a command may do with its connection ----------------------------------------------- */

static void
note_use(struct connection *c)
{
	TAILQ_REMOVE(&c->control->connections, c, entry);
	TAILQ_INSERT_TAIL(&c->control->connections, c, entry);
}

/* What does not fit is replaced by a word on it, with the same exit code. */
static void
send_reply(struct asker *a, json_t *reply)
{
	struct connection *c = (struct connection *)a;
	char *text = json_dumps(reply, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_t *code;

	c->busy = false;
	json_decref(a->pending);
	a->pending = NULL;
	note_use(c);
	if (text && strlen(text) <= CONTROL_FRAME_MAX) {
		frame_send(c->frames, text, strlen(text), -1);
	} else {
		code = json_incref(json_object_get(reply, "exit"));
		json_object_clear(reply);
		json_object_set_new(reply, "exit", code);
		json_object_set_new(
			reply, "error", json_string("done, but the reply is too long to show"));
		free(text);
		text = json_dumps(reply, JSON_COMPACT);
		frame_send(c->frames, text, strlen(text), -1);
	}
	free(text);
	json_decref(reply);
}

static void
on_timer(void *arg)
{
	struct connection *c = arg;

	c->continued(&c->asker);
}

static void
continue_after(struct asker *a, int64_t ms, void (*continued)(struct asker *a))
{
	struct connection *c = (struct connection *)a;

	c->continued = continued;
	timer_after(c->timer, ms);
}

static void
on_stored(void *arg, bool durable)
{
	struct promise *p = arg;

	/* If the store failed, it said so in an event, and the request goes on all the same. */
	(void)durable;
	if (p->control)
		TAILQ_REMOVE(&p->control->promises, p, entry);
	if (p->connection)
		p->continued(&p->connection->asker);
	free(p);
}

static void
continue_stored(struct asker *a, void (*continued)(struct asker *a))
{
	struct connection *c = (struct connection *)a;
	struct promise *p = mem_new(sizeof(*p));

	p->control = c->control;
	p->connection = c;
	p->continued = continued;
	TAILQ_INSERT_TAIL(&c->control->promises, p, entry);
	persist_after(c->control->parts->store, on_stored, p);
}

static const struct asker_ops asker_ops = {
	.answer = send_reply,
	.after = continue_after,
	.stored = continue_stored,
};

/* ---- connections ----------------------------------------------------------------------------- */

static void
connection_free(struct connection *c)
{
	struct promise *p;

	TAILQ_FOREACH(p, &c->control->promises, entry)
		if (p->connection == c)
			p->connection = NULL;
	TAILQ_REMOVE(&c->control->connections, c, entry);
	c->control->n_connections--;
	frame_conn_free(c->frames);
	timer_free(c->timer);
	json_decref(c->asker.pending);
	free(c);
}

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct connection *c = arg;
	json_t *request;

	if (fd >= 0)
		close(fd);
	note_use(c);
	if (c->busy) {
		command_refuse(&c->asker, USAGE, "one command at a time on a connection");
		c->busy = true; /* the first one is still to be answered */
		return;
	}
	c->busy = true;
	request = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(request))
		command_run(&c->asker, request);
	else
		command_refuse(&c->asker, USAGE, "not a JSON object");
	json_decref(request);
}

static void
on_closed(void *arg, int error)
{
	(void)error;
	connection_free(arg);
}

static const struct frame_ops frame_ops = {on_message, on_closed};

/* Who says nothing does not keep others out: the one idle longest goes. Nobody goes whose command
 * is being carried out. */
static bool
make_room(struct control *control)
{
	struct connection *c;

	while (control->n_connections >= control->parts->config->max_control) {
		TAILQ_FOREACH(c, &control->connections, entry)
			if (!c->busy)
				break;
		if (!c)
			return false;
		connection_free(c);
	}
	return true;
}

static void
on_accept(void *arg, int fd, const struct sockaddr *from)
{
	struct control *control = arg;
	struct connection *c;

	(void)from;
	if (!make_room(control)) {
		close(fd);
		return;
	}
	c = mem_new(sizeof(*c));
	c->asker.ops = &asker_ops;
	c->asker.parts = control->parts;
	c->asker.started = control->started;
	c->control = control;
	c->timer = timer_new(control->loop, on_timer, c);
	c->frames = frame_conn_new(control->loop, fd, CONTROL_FRAME_MAX, &frame_ops, c);
	TAILQ_INSERT_TAIL(&control->connections, c, entry);
	control->n_connections++;
}

struct control *
control_new(
	struct loop *l, const char *path, const struct control_parts *parts, char *why, size_t cap)
{
	struct control *c;
	int fd = frame_listen(path, 0660);

	if (fd < 0) {
		snprintf(why, cap, "cannot listen on %s: %s", path, strerror(-fd));
		return NULL;
	}
	c = mem_new(sizeof(*c));
	c->loop = l;
	c->parts = parts;
	c->path = mem_text(path);
	c->started = loop_now(l);
	TAILQ_INIT(&c->promises);
	TAILQ_INIT(&c->connections);
	c->acceptor = acceptor_new(l, fd, 1, "local commands", on_accept, c);
	return c;
}

/* The store lets go of its promises when it is closed. */
void
control_free(struct control *c)
{
	struct connection *open;
	struct promise *p;

	if (!c)
		return;
	while ((open = TAILQ_FIRST(&c->connections)))
		connection_free(open);
	TAILQ_FOREACH(p, &c->promises, entry)
		p->control = NULL;
	acceptor_free(c->acceptor);
	unlink(c->path);
	free(c->path);
	free(c);
}
