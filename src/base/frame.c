/*
 * Framed messages over Unix stream sockets: four bytes of length in network order, then the
 * message. A descriptor rides with the first byte of its frame. Reads never go beyond the frame
 * they are in, so that a descriptor belongs to the frame whose bytes it came with.
 */
#include "base/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	HEADER = 4,
	BACKLOG_FRAMES = 4, /* of the largest, that a peer who does not read makes us keep */
	FRAMES_A_TURN = 64, /* others are to have their turn */
	FDS_MAX = 4,        /* taken from one message; the kernel closes the rest */
};

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
	uint8_t *in; /* the frame under way, with its header */
	size_t in_len, in_cap;
	int in_fd;
	struct pending *out, **out_last;
	size_t out_bytes;
	bool delivering; /* the receiver is reading `in` */
	bool freed;      /* by the receiver: goes when it returns */
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
	if (c->error)
		return;
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
		ssize_t n = send_some(c->fd, p->bytes + p->sent, p->len - p->sent,
			p->sent ? -1 : p->fd, MSG_DONTWAIT);

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
	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	}
	p = mem_new(sizeof(*p) + HEADER + len);
	p->len = HEADER + len;
	p->fd = fd;
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

static void
keep_fd(struct frame_conn *c, int fd)
{
	if (fd < 0)
		return;
	if (c->in_fd < 0)
		c->in_fd = fd;
	else
		close(fd); /* one a frame */
}

/* At most len more bytes of the frame under way. */
static ssize_t
receive(struct frame_conn *c, size_t len)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = c->in + c->in_len, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	keep_fd(c, take_fd(&msg));
	c->in_len += (size_t)n;
	return n ? n : -EPIPE;
}

/* 0 when a whole frame is there, else -errno. */
static int
read_frame(struct frame_conn *c)
{
	for (;;) {
		size_t want = HEADER;
		ssize_t n;

		if (c->in_len >= HEADER) {
			want += get_len(c->in);
			if (want > HEADER + c->max)
				return -EMSGSIZE;
			if (c->in_len == want)
				return 0;
		}
		if (c->in_cap < want) {
			c->in = mem_grow(c->in, want, 1);
			c->in_cap = want;
		}
		n = receive(c, want - c->in_len);
		if (n < 0 && n != -EINTR)
			return (int)n;
	}
}

static void
free_memory(struct frame_conn *c)
{
	free(c->in);
	free(c);
}

/* false: freed or failed meanwhile. */
static bool
deliver(struct frame_conn *c)
{
	size_t len = c->in_len - HEADER;
	int fd = c->in_fd;

	c->in_fd = -1;
	c->in_len = 0;
	c->delivering = true;
	c->ops->message(c->arg, c->in + HEADER, len, fd);
	c->delivering = false;
	if (c->freed) {
		free_memory(c);
		return false;
	}
	return !c->error;
}

static void
on_event(void *arg, int events)
{
	struct frame_conn *c = arg;

	for (int i = 0; events & LOOP_READ && i < FRAMES_A_TURN; i++) {
		int r = read_frame(c);

		if (r == -EAGAIN)
			break;
		if (r != 0) {
			fail(c, r);
			return;
		}
		if (!deliver(c))
			return;
	}
	if (events & LOOP_WRITE)
		flush(c);
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
	c->freed = true;
	if (!c->delivering)
		free_memory(c);
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
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

static int
connect_to(const char *path, int flags)
{
	struct sockaddr_un sun;
	int fd, r = unix_address(path, &sun);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
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
frame_connect(const char *path)
{
	return connect_to(path, 0);
}

/* Removes a socket file on which nobody answers; whatever else is there stays. */
static int
make_way(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = connect_to(path, SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED) /* -EAGAIN: somebody busy */
		return -EADDRINUSE;
	return unlink(path) == 0 ? 0 : -errno;
}

int
frame_listen(const char *path, unsigned mode)
{
	struct sockaddr_un sun;
	mode_t old;
	int fd, r = unix_address(path, &sun);

	if (!r)
		r = make_way(path);
	if (r)
		return r;
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

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0 when there is something to read, -ETIMEDOUT when until (< 0: never) comes first. */
static int
wait_readable(int fd, int64_t until)
{
	for (;;) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int64_t left = until < 0 ? -1 : until - now_ms();
		int ready = poll(&pfd, 1, until < 0 ? -1 : left < 0 ? 0 : (int)left);

		if (ready > 0)
			return 0;
		if (ready == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int
read_all(int fd, uint8_t *p, size_t len, int64_t until)
{
	while (len) {
		int r = wait_readable(fd, until);
		ssize_t n;

		if (r)
			return r;
		n = read(fd, p, len);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
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
	int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	size_t len;
	int r = read_all(fd, header, sizeof(header), until);

	if (r)
		return r;
	len = get_len(header);
	if (len > max)
		return -EMSGSIZE;
	bytes = mem_new(len + 1);
	r = read_all(fd, bytes, len, until);
	if (r) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}
