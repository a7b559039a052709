/*
 * Framed messages over a Unix stream socket (privileged helper, control socket): a length, then
 * that many bytes; a descriptor may ride along.
 *
 * Never blocks; partial reads and writes are kept. Memory per connection is bounded by max.
 */
#ifndef DOTSD_BASE_FRAME_H
#define DOTSD_BASE_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

struct frame_conn;

struct frame_ops {
	/* bytes are borrowed until return; fd is -1 or now the receiver's. */
	void (*message)(void *arg, const uint8_t *bytes, size_t len, int fd);
	/* The peer left, sent rubbish or did not read for too long; the connection is dead but
	 * still to be freed by the owner (also from inside this call). */
	void (*closed)(void *arg, int error);
};

/* Takes fd (a connected AF_UNIX stream socket). max: largest frame in either
 * direction; more than 4 times that waiting to be written closes the connection. */
struct frame_conn *frame_conn_new(
	struct loop *l, int fd, size_t max, const struct frame_ops *ops, void *arg);
void frame_conn_free(struct frame_conn *c);
/* fd: -1, or a descriptor to pass, which stays the caller's. 0 or -EMSGSIZE, -EPIPE (the connection
 * is dead), another -errno if fd cannot be duplicated. */
int frame_send(struct frame_conn *c, const void *bytes, size_t len, int fd);
/* uid, gid, pid of the peer as the kernel knows them; 0 or -errno. */
int frame_peer(const struct frame_conn *c, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid);

/* Listens on a path (an old socket file is replaced if nobody answers on it; -EADDRINUSE if
 * somebody does, or if the file is no socket), with the mode given. Descriptor or -errno. */
int frame_listen(const char *path, unsigned mode);
int frame_connect(const char *path); /* blocking connect; descriptor or -errno */

/* For simple blocking programs (dotsctl): send one frame, read one frame (malloc'ed, NUL-terminated
 * after len). 0 or -errno; timeout_ms is for the whole frame, < 0 waits for ever. */
int frame_write_blocking(int fd, const void *bytes, size_t len);
int frame_read_blocking(int fd, size_t max, int timeout_ms, uint8_t **ret_bytes, size_t *ret_len);

#endif
