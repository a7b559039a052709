/*
 * See acceptor.h.
 */
#include "base/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/event.h"
#include "base/mem.h"

enum {
	NO_DESCRIPTORS_MS = 200,
	REASON_MAX = 100,
};

struct acceptor {
	int fd;
	unsigned a_turn;
	const char *who;
	bool starved; /* told once until it accepts again */
	struct watch *watch;
	struct timer *timer;
	acceptor_cb accepted;
	void *arg;
};

static bool
is_out_of_resources(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void
wait_for_descriptors(struct acceptor *a)
{
	char reason[REASON_MAX];

	snprintf(reason, sizeof(reason), "%s wait: no file descriptor is left", a->who);
	if (!a->starved)
		event_raise(EVENT_ALERT, EVENT_F("reason", reason));
	a->starved = true;
	/* It stays acceptable: without a pause this would be an endless loop. */
	watch_events(a->watch, 0);
	timer_after(a->timer, NO_DESCRIPTORS_MS);
}

static void
on_acceptable(void *arg, int events)
{
	struct acceptor *a = arg;

	(void)events;
	for (unsigned i = 0; i < a->a_turn; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd = accept4(
			a->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			a->starved = false;
			a->accepted(a->arg, fd, (struct sockaddr *)&from);
		} else if (errno == EAGAIN) {
			return;
		} else if (is_out_of_resources(errno)) {
			wait_for_descriptors(a);
			return;
		} /* else it is an error of that connection, which is gone */
	}
}

static void
look_again(void *arg)
{
	struct acceptor *a = arg;

	watch_events(a->watch, LOOP_READ);
}

struct acceptor *
acceptor_new(
	struct loop *l, int fd, unsigned a_turn, const char *who, acceptor_cb accepted, void *arg)
{
	struct acceptor *a = mem_new(sizeof(*a));

	a->fd = fd;
	a->a_turn = a_turn;
	a->who = who;
	a->accepted = accepted;
	a->arg = arg;
	a->watch = watch_new(l, fd, LOOP_READ, on_acceptable, a);
	a->timer = timer_new(l, look_again, a);
	return a;
}

void
acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	watch_free(a->watch);
	timer_free(a->timer);
	close(a->fd);
	free(a);
}
