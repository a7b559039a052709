/*
 * UDP sockets that read and write in batches and know by which address and interface a datagram
 * came in, so that the answer leaves the same way (RFC 9132 3: a session is a 5-tuple).
 *
 * A socket is made exactly as asked or not at all. Errors that arrive later (ICMP, a full queue, a
 * link that went down) are not reported: to the layer above they are loss.
 */
#ifndef DOTSD_NET_UDP_H
#define DOTSD_NET_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/loop.h"

/* The way of one datagram; of a received one, `local` is the address it was sent to. */
struct udp_path {
	struct endpoint local, remote;
	unsigned ifindex; /* 0: not known */
};

enum { UDP_SEND_MAX = 1280 };

struct udp;
/* bytes are borrowed and may be changed by the callee. */
typedef void (*udp_cb)(void *arg, const struct udp_path *path, uint8_t *bytes, size_t len);

/* interface NULL or "": not bound to a device. NULL with *ret_error = -errno. */
struct udp *udp_listen(struct loop *l, const char *interface, const struct endpoint *local,
	udp_cb cb, void *arg, int *ret_error);
/* A new, connected socket on a new port; source NULL: the kernel's choice. */
struct udp *udp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, udp_cb cb, void *arg, int *ret_error);
/* Writes what is queued first. Not from inside its own callback. NULL is legal. */
void udp_free(struct udp *u);
/* Queued, written at the latest when the loop's turn is over. */
void udp_send(struct udp *u, const struct udp_path *path, const void *bytes, size_t len);
/* The bound address; for a connected socket the one the kernel chose. */
const struct endpoint *udp_local(const struct udp *u);

#endif
