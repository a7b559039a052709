/*
 * Frames on a Unix socket, in the pieces in which a peer may write them, with descriptors riding
 * along: what arrives is what another reading of the same bytes says. Then the same bytes for the
 * blocking reader, who is found by a path.
 *
 * Covers: base/frame.c
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "fuzz.h"
#include "input.h"
#include "standin/loop.h"
#include "tmpdir.h"

enum { STREAM_MAX = 4096, HEADER = 4, STEPS_MAX = 200, SPARE_FDS = 2 };

struct receiver {
	struct frame_conn *conn;
	uint8_t stream[STREAM_MAX]; /* all that the peer has written */
	size_t written, delivered;
	size_t max;
	bool closed, frees;
	unsigned fds;
};

static size_t
frame_len(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct receiver *r = arg;
	const uint8_t *frame = r->stream + r->delivered;

	assert(!r->closed && len <= r->max);
	assert(r->delivered + HEADER + len <= r->written && frame_len(frame) == len);
	assert(len == 0 || !memcmp(frame + HEADER, bytes, len));
	r->delivered += HEADER + len;
	if (fd >= 0) {
		r->fds++;
		close(fd);
	}
	if (!r->frees)
		return;
	frame_conn_free(r->conn);
	r->conn = NULL;
}

static void
on_closed(void *arg, int error)
{
	struct receiver *r = arg;

	assert(error < 0 && !r->closed);
	r->closed = true;
}

static const struct frame_ops ops = {on_message, on_closed};

/* At most that much, with some descriptors. */
static void
write_some(struct receiver *r, int fd, struct input *in, size_t len, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(SPARE_FDS * sizeof(int))];
	} control;
	int fds[SPARE_FDS] = {STDERR_FILENO, STDERR_FILENO};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)in->at};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;
	ssize_t n;

	len = len < input_left(in) ? len : input_left(in);
	iov.iov_len = len < STREAM_MAX - r->written ? len : STREAM_MAX - r->written;
	if (iov.iov_len == 0)
		return;
	if (n_fds) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n_fds * sizeof(int));
	}
	n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n <= 0)
		return;
	memcpy(r->stream + r->written, in->at, (size_t)n);
	r->written += (size_t)n;
	in->at += n;
}

/* Whole frames that a reader has to have delivered by now; *ret_too_long: then it stops. */
static size_t
expected(const struct receiver *r, bool *ret_too_long)
{
	size_t at = 0;

	*ret_too_long = false;
	while (r->written - at >= HEADER) {
		size_t len = frame_len(r->stream + at);

		*ret_too_long = len > r->max;
		if (*ret_too_long || r->written - at - HEADER < len)
			break;
		at += HEADER + len;
	}
	return at;
}

/* What we send comes out on the other side in whole frames, or the connection says it broke. */
static void
send_some(struct receiver *r, struct input *in)
{
	size_t len;
	unsigned how = input_u8(in);
	uint8_t *bytes = input_bytes(in, how & 127, &len);
	int e = frame_send(r->conn, bytes, len, how & 128 ? STDERR_FILENO : -1);

	assert(e == 0 || (e == -EMSGSIZE && len > r->max) || e == -EPIPE);
	free(bytes);
}

static void
drain(int fd)
{
	char bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void
step(struct receiver *r, int fd, struct input *in)
{
	unsigned op = input_u8(in);

	switch (op & 7) {
	case 0:
	case 1:
	case 2:
		write_some(r, fd, in, op >> 2, op & 3);
		break;
	case 3:
		send_some(r, in);
		break;
	case 4:
		drain(fd);
		break;
	case 5:
		shutdown(fd, op & 8 ? SHUT_RD : SHUT_WR);
		break;
	case 6:
		r->frees = true;
		break;
	default:
		write_some(r, fd, in, STREAM_MAX, 0);
		break;
	}
}

static void
connection(struct input *in)
{
	struct loop *l = loop_new();
	struct receiver r = {.max = input_u8(in)};
	const int tiny = 1; /* the kernel takes little before it says EAGAIN */
	int fds[2];
	bool too_long = false, frees = false;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	assert(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny)) == 0);
	r.conn = frame_conn_new(l, fds[0], r.max, &ops, &r);
	assert(frame_peer(r.conn, &uid, &gid, &pid) == 0 && uid == getuid());
	for (unsigned i = 0; i < STEPS_MAX && input_left(in) && r.conn; i++) {
		step(&r, fds[1], in);
		frees |= r.frees;
		if (r.conn)
			standin_loop_settle(l);
	}
	if (!frees && !r.closed)
		assert(r.delivered == expected(&r, &too_long) && !too_long);
	else
		assert(r.delivered <= expected(&r, &too_long));
	frame_conn_free(r.conn);
	close(fds[1]);
	loop_free(l);
}

/* A socket that the last run left on the path gives way; one that is listened on does not. */
static void
meet_on_path(int fds[2])
{
	const char *path = tmpdir_path("socket");
	int listening = frame_listen(path, 0600);

	assert(listening >= 0 && frame_listen(path, 0600) == -EADDRINUSE);
	close(accept(listening, NULL, NULL)); /* who asked whether somebody listens */
	fds[1] = frame_connect(path);
	fds[0] = accept(listening, NULL, NULL);
	assert(fds[0] >= 0 && fds[1] >= 0);
	close(listening);
}

static void
blocking(struct input *in)
{
	struct receiver r = {.max = input_u8(in)};
	uint8_t *bytes = NULL;
	size_t len = 0, whole;
	int fds[2], e;
	bool too_long, waits = r.max & 1; /* for more, but not long */

	meet_on_path(fds);
	write_some(&r, fds[1], in, STREAM_MAX, 0);
	if (!waits)
		shutdown(fds[1], SHUT_WR);
	whole = expected(&r, &too_long);
	e = frame_read_blocking(fds[0], r.max, waits ? 0 : -1, &bytes, &len);
	if (e == 0)
		assert(whole >= HEADER + len && !bytes[len] &&
			!memcmp(bytes, r.stream + HEADER, len));
	else
		assert(whole == 0 && e == (too_long ? -EMSGSIZE : waits ? -ETIMEDOUT : -EPIPE));
	if (e == 0)
		assert(frame_write_blocking(fds[0], bytes, len) == 0);
	free(bytes);
	close(fds[0]);
	close(fds[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input first = {data, data + size}, again = first;

	connection(&first);
	blocking(&again);
	return 0;
}
