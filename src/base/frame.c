/*
 * Framed messages over Unix stream sockets.
 */
#include "base/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

enum { HEADER = 4, BACKLOG_FRAMES = 64, READ_CHUNK = 65536 };

struct pending {
	struct pending *next;
	size_t len, sent;
	int fd; /* rides with the first byte */
	uint8_t bytes[];
};

struct frame_conn {
	struct loop *loop;
	struct watch *watch;
	struct timer *failed; /* tells of a write error from the loop */
	int fd, error;
	size_t max;
	const struct frame_ops *ops;
	void *arg;
	uint8_t *in;
	size_t in_len, in_cap;
	int in_fd;
	struct pending *out, **out_last;
	size_t out_bytes;
	bool *freed; /* set while a callback runs, to notice being freed in it */
};

static uint32_t
get_len(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put_len(uint8_t *p, size_t len)
{
	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
}

static void
fail(struct frame_conn *c, int error)
{
	watch_events(c->watch, 0);
	c->error = error;
	timer_after(c->failed, 0);
}

static void
on_failed(void *arg)
{
	struct frame_conn *c = arg;

	c->ops->closed(c->arg, c->error);
}

/* ---- writing ---- */

static ssize_t
send_some(int fd, const uint8_t *bytes, size_t len, int pass, int flags)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (pass >= 0) {
		struct cmsghdr *cm;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &pass, sizeof(int));
	}
	return sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
}

static void
flush(struct frame_conn *c)
{
	struct pending *p;

	while ((p = c->out)) {
		ssize_t n = send_some(
			c->fd, p->bytes + p->sent, p->len - p->sent, p->sent ? -1 : p->fd, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			fail(c, -errno);
			return;
		}
		p->sent += (size_t)n;
		c->out_bytes -= (size_t)n;
		if (p->sent < p->len)
			break;
		if (p->fd >= 0)
			close(p->fd);
		c->out = p->next;
		if (!c->out)
			c->out_last = &c->out;
		free(p);
	}
	watch_events(c->watch, LOOP_READ | (c->out ? LOOP_WRITE : 0));
}

int
frame_send(struct frame_conn *c, const void *bytes, size_t len, int fd)
{
	struct pending *p;

	if (len > c->max)
		return -EMSGSIZE;
	if (c->error)
		return -EPIPE;
	if (c->out_bytes + len > BACKLOG_FRAMES * (c->max + HEADER)) {
		fail(c, -ENOBUFS);
		return -EPIPE;
	}
	p = mem_new(sizeof(*p) + HEADER + len);
	p->len = HEADER + len;
	p->fd = fd >= 0 ? dup(fd) : -1;
	put_len(p->bytes, len);
	if (len)
		memcpy(p->bytes + HEADER, bytes, len);
	*c->out_last = p;
	c->out_last = &p->next;
	c->out_bytes += p->len;
	flush(c);
	return c->error ? -EPIPE : 0;
}

/* ---- reading ---- */

static int
take_fd(struct msghdr *msg)
{
	int found = -1;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (found < 0)
				found = fd;
			else
				close(fd); /* one a frame */
		}
	}
	return found;
}

static ssize_t
receive(struct frame_conn *c)
{
	char control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n;
	int fd;

	if (c->in_cap - c->in_len < READ_CHUNK) {
		c->in_cap = c->in_len + READ_CHUNK;
		c->in = mem_grow(c->in, c->in_cap, 1);
	}
	iov.iov_base = c->in + c->in_len;
	iov.iov_len = c->in_cap - c->in_len;
	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	fd = take_fd(&msg);
	if (fd >= 0) {
		if (c->in_fd >= 0)
			close(c->in_fd);
		c->in_fd = fd;
	}
	c->in_len += (size_t)n;
	return n;
}

/* Hands over every whole frame; false: freed or failed meanwhile. */
static bool
deliver(struct frame_conn *c)
{
	size_t at = 0;
	bool freed = false;

	while (c->in_len - at >= HEADER) {
		size_t len = get_len(c->in + at);
		int fd = c->in_fd;

		if (len > c->max) {
			fail(c, -EMSGSIZE);
			return false;
		}
		if (c->in_len - at < HEADER + len)
			break;
		c->in_fd = -1;
		c->freed = &freed;
		c->ops->message(c->arg, c->in + at + HEADER, len, fd);
		if (freed)
			return false;
		c->freed = NULL;
		at += HEADER + len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return !c->error;
}

static void
on_event(void *arg, int events)
{
	struct frame_conn *c = arg;

	if (events & LOOP_WRITE)
		flush(c);
	if (!(events & LOOP_READ) || c->error)
		return;
	ssize_t n = receive(c);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0)
		fail(c, n ? (int)n : -EPIPE);
	else
		deliver(c);
}

/* ---- life ---- */

struct frame_conn *
frame_conn_new(struct loop *l, int fd, size_t max, const struct frame_ops *ops, void *arg)
{
	struct frame_conn *c = mem_new(sizeof(*c));

	c->loop = l;
	c->fd = fd;
	c->max = max;
	c->ops = ops;
	c->arg = arg;
	c->in_fd = -1;
	c->out_last = &c->out;
	c->failed = timer_new(l, on_failed, c);
	c->watch = watch_new(l, fd, LOOP_READ, on_event, c);
	return c;
}

void
frame_conn_free(struct frame_conn *c)
{
	struct pending *p;

	if (!c)
		return;
	if (c->freed)
		*c->freed = true;
	while ((p = c->out)) {
		c->out = p->next;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
	}
	if (c->in_fd >= 0)
		close(c->in_fd);
	watch_free(c->watch);
	timer_free(c->failed);
	close(c->fd);
	free(c->in);
	free(c);
}

int
frame_peer(const struct frame_conn *c, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return -errno;
	*ret_uid = cred.uid;
	*ret_gid = cred.gid;
	*ret_pid = cred.pid;
	return 0;
}

static int
unix_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret->sun_path, path);
	return 0;
}

int
frame_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd, r = unix_address(path, &sun);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int
frame_listen(const char *path, unsigned mode)
{
	struct sockaddr_un sun;
	mode_t old;
	int fd, alive, r = unix_address(path, &sun);

	if (r)
		return r;
	alive = frame_connect(path);
	if (alive >= 0) {
		close(alive);
		return -EADDRINUSE;
	}
	if (alive == -ECONNREFUSED)
		unlink(path); /* left behind by a crash */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	old = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 16) ? -errno : 0;
	umask(old);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

/* ---- blocking ---- */

static int
write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = send_some(fd, p, len, -1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
frame_write_blocking(int fd, const void *bytes, size_t len)
{
	uint8_t header[HEADER];
	int r;

	put_len(header, len);
	r = write_all(fd, header, sizeof(header));
	return r ? r : write_all(fd, bytes, len);
}

static int
read_all(int fd, uint8_t *p, size_t len, int timeout_ms)
{
	while (len) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int ready = poll(&pfd, 1, timeout_ms);
		ssize_t n;

		if (ready == 0)
			return -ETIMEDOUT;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready < 0)
			continue;
		n = read(fd, p, len);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
frame_read_blocking(int fd, size_t max, int timeout_ms, uint8_t **ret_bytes, size_t *ret_len)
{
	uint8_t header[HEADER], *bytes;
	size_t len;
	int r = read_all(fd, header, sizeof(header), timeout_ms);

	if (r)
		return r;
	len = get_len(header);
	if (len > max)
		return -EMSGSIZE;
	bytes = mem_new(len + 1);
	r = read_all(fd, bytes, len, timeout_ms);
	if (r) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}
