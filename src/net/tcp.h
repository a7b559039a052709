/*
 * TCP: listening sockets, and connections that never block (RFC 9132 section 3).
 *
 * A socket is made exactly as asked or not at all, as in net/udp. What is sent is queued and the
 * queue is bounded: as long as it is long the owner is not asked to read, so that a peer who asks
 * much and reads little slows down itself; beyond its limit the connection is broken.
 */
#ifndef DOTSD_NET_TCP_H
#define DOTSD_NET_TCP_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/loop.h"

enum {
	TCP_QUEUE_BUSY = 32 * 1024, /* bytes queued: no more is read from this peer */
	TCP_QUEUE_MAX = 256 * 1024, /* and beyond these it is not worth waiting for */
};

/* --- one connection ------------------------------------------------------------------------- */

struct tcp;

/* From the loop, never from inside a call below; not after `broken`. */
struct tcp_ops {
	/* Of tcp_connect: it stands. */
	void (*connected)(void *arg);
	/* tcp_read has something to tell, or had when the queue was too long for reading. */
	void (*readable)(void *arg);
	/* Refused, reset, no way there, or the peer does not read. */
	void (*broken)(void *arg, const char *why);
};

/* A new socket on a new port. interface NULL or "": not bound to a device; source NULL: the
 * kernel's choice. NULL with *ret_error = -errno. */
struct tcp *tcp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, const struct tcp_ops *ops, void *arg, int *ret_error);
/* An accepted one says nothing before this call. */
void tcp_open(struct tcp *t, const struct tcp_ops *ops, void *arg);
/* Writes what is queued, as far as the kernel takes it, and ends the connection; resets it if it is
 * broken or was never opened. Not from inside its own callback. NULL is legal. */
void tcp_free(struct tcp *t);

/* Their number, 0 at the end, or -errno (-EAGAIN: none now). */
ssize_t tcp_read(struct tcp *t, void *bytes, size_t cap);
/* Queued, written at the latest when the loop's turn is over. False: there is no room, and `broken`
 * follows. */
bool tcp_send(struct tcp *t, const void *bytes, size_t len);
/* The queue is long: leave the peer's further wishes where they are, `readable` comes when it has
 * shrunk, held or not. */
bool tcp_is_busy(const struct tcp *t);
/* `readable` once more, next turn, whether or not there is something; not while it is held. */
void tcp_again(struct tcp *t);
/* As long as it is held, what the peer sends stays where it is, its end too. */
void tcp_hold(struct tcp *t, bool hold);
/* Ends our direction once everything that is queued is written (RFC 9112 9.6): the peer reads all
 * of it, whatever it still sends. Nothing can be sent after that. */
void tcp_end(struct tcp *t);

const struct endpoint *tcp_local(const struct tcp *t);
const struct endpoint *tcp_remote(const struct tcp *t);
/* Device of the link; "" if not known. */
const char *tcp_interface(const struct tcp *t);

/* --- listening ------------------------------------------------------------------------------ */

struct tcp_listener;
/* The callee frees t, at once if it does not want it. */
typedef void (*tcp_accepted)(void *arg, struct tcp *t);

/* NULL with *ret_error = -errno. While the process or the system has no descriptors left,
 * connections wait where they are. */
struct tcp_listener *tcp_listen(struct loop *l, const char *interface, const struct endpoint *local,
	tcp_accepted cb, void *arg, int *ret_error);
void tcp_listener_free(struct tcp_listener *tl); /* NULL is legal */

#endif
