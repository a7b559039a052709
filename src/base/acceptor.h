/*
 * Accepts the connections that come to a listening socket, also where the process has no descriptor
 * left for one: they wait then.
 */
#ifndef DOTSD_BASE_ACCEPTOR_H
#define DOTSD_BASE_ACCEPTOR_H

#include <sys/socket.h>

#include "base/loop.h"

struct acceptor;

/* fd is non-blocking and closed on exec, and now the receiver's. The acceptor is not to be freed
 * from inside. */
typedef void (*acceptor_cb)(void *arg, int fd, const struct sockaddr *from);
/* Takes fd, a listening socket. At most so many connections in a turn of the loop: others are to
 * have theirs. While there is no descriptor for a connection it is looked at again from time to
 * time, and an alert has said that `who` (a text that stays) wait. */
struct acceptor *acceptor_new(
	struct loop *l, int fd, unsigned a_turn, const char *who, acceptor_cb accepted, void *arg);
void acceptor_free(struct acceptor *a); /* NULL is legal */

#endif
