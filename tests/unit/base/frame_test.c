#include "cases.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/event.h"
#include "base/frame.h"

enum { MAX = 100000 };

struct end {
	struct loop *loop;
	struct frame_conn *conn;
	int messages, error, fds;
	size_t bytes;
	char last[64];
	bool closed, free_in_message;
};

static struct loop *loop;
static int fd[2];

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int passed)
{
	struct end *e = arg;

	e->messages++;
	e->bytes += len;
	snprintf(e->last, sizeof(e->last), "%.*s", len < 63 ? (int)len : 63, (const char *)bytes);
	if (passed >= 0) {
		struct stat st;

		assert_int_equal(fstat(passed, &st), 0);
		assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
		e->fds++;
		close(passed);
	}
	if (e->free_in_message) {
		frame_conn_free(e->conn);
		e->conn = NULL;
		assert_memory_equal(bytes, e->last, len); /* still lent */
	}
	if (!strcmp(e->last, "end"))
		loop_stop(loop);
}

static void
on_closed(void *arg, int error)
{
	struct end *e = arg;

	e->closed = true;
	e->error = error;
	frame_conn_free(e->conn);
	e->conn = NULL;
	loop_stop(loop);
}

static const struct frame_ops ops = {on_message, on_closed};

static int
setup(void **state)
{
	struct end *e = mem_new(sizeof(*e));

	loop = loop_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	e->conn = frame_conn_new(loop, fd[0], MAX, &ops, e);
	*state = e;
	return 0;
}

static int
teardown(void **state)
{
	struct end *e = *state;

	frame_conn_free(e->conn);
	if (fd[1] >= 0)
		close(fd[1]);
	loop_free(loop);
	free(e);
	return 0;
}

static void
frames_arrive_whole_however_they_are_cut(void **state)
{
	struct end *e = *state;
	uint8_t wire[4 + 5 + 4 + 0 + 4 + 3] = {
		0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 0, 0, 0, 0, 3, 'e', 'n', 'd'};

	for (size_t i = 0; i < sizeof(wire); i++)
		assert_int_equal(write(fd[1], &wire[i], 1), 1);
	loop_run(loop);
	assert_int_equal(e->messages, 3);
	assert_int_equal(e->bytes, 8);
}

static void
a_frame_over_the_limit_ends_it(void **state)
{
	static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff};
	struct end *e = *state;

	assert_int_equal(frame_send(e->conn, huge, MAX + 1, -1), -EMSGSIZE);
	assert_int_equal(write(fd[1], huge, 4), 4);
	loop_run(loop);
	assert_true(e->closed);
	assert_int_equal(e->error, -EMSGSIZE);
	assert_int_equal(e->messages, 0);
}

static void
a_descriptor_rides_along(void **state)
{
	struct end *e = *state;
	struct end other = {0};

	other.conn = frame_conn_new(loop, fd[1], MAX, &ops, &other);
	fd[1] = -1;
	frame_send(other.conn, "with", 4, 0);
	frame_send(other.conn, "end", 3, -1);
	loop_run(loop);
	assert_int_equal(e->fds, 1);
	assert_int_equal(e->messages, 2);
	frame_conn_free(other.conn);
}

static void
a_peer_that_does_not_read_is_dropped(void **state)
{
	static uint8_t bytes[MAX];
	struct end *e = *state;
	int error, sent = 0;

	while ((error = frame_send(e->conn, bytes, MAX, -1)) == 0)
		assert_in_range(++sent, 1, 4 + 4); /* four wait, the socket holds some */
	assert_int_equal(error, -EPIPE);
	loop_run(loop);
	assert_true(e->closed);
	assert_int_equal(e->error, -ENOBUFS);
}

static void
it_may_be_freed_while_it_delivers(void **state)
{
	struct end *e = *state;

	e->free_in_message = true;
	assert_int_equal(frame_write_blocking(fd[1], "end", 3), 0);
	assert_int_equal(frame_write_blocking(fd[1], "never", 5), 0);
	loop_run(loop);
	assert_int_equal(e->messages, 1);
}

static void
listening_replaces_what_a_crash_left(void **state)
{
	char path[] = "/tmp/frame-test-XXXXXX";
	int listening, again, client;
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_non_null(mkdtemp(path));
	char socket_path[64];

	snprintf(socket_path, sizeof(socket_path), "%s/s", path);
	listening = frame_listen(socket_path, 0600);
	assert_true(listening >= 0);
	assert_int_equal(frame_listen(socket_path, 0600), -EADDRINUSE);
	client = frame_connect(socket_path);
	assert_true(client >= 0);
	assert_int_equal(frame_read_blocking(client, 100, 10, &bytes, &len), -ETIMEDOUT);
	close(client);
	close(listening);
	again = frame_listen(socket_path, 0600);
	assert_true(again >= 0);
	close(again);
	unlink(socket_path);
	rmdir(path);
}

/* A socket's message, as another program might send it. */
static void
send_with_fds(int to, const void *bytes, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n) {
		struct cmsghdr *cm;

		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
	}
	assert_int_equal(sendmsg(to, &msg, 0), len);
}

static int
count_fds(void)
{
	int n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

struct tagged {
	struct frame_conn *conn;
	char got[64]; /* first byte of each frame, upper case if a descriptor came with it */
	size_t n;
};

static void
tag(void *arg, const uint8_t *bytes, size_t len, int passed)
{
	struct tagged *t = arg;

	assert_true(len > 0 && t->n + 1 < sizeof(t->got));
	t->got[t->n++] = (char)(passed >= 0 ? bytes[0] - 'a' + 'A' : bytes[0]);
	if (passed >= 0)
		close(passed);
	if (bytes[0] == 'z')
		loop_stop(loop);
}

static const struct frame_ops tag_ops = {tag, on_closed};

/* However many frames a read finds, a descriptor goes to the one whose bytes it came with. */
static void
a_descriptor_belongs_to_its_frame(void **state)
{
	struct end *e = *state;
	struct tagged t = {0};
	const int zero = 0;

	frame_conn_free(e->conn);
	e->conn = NULL;
	close(fd[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	t.conn = frame_conn_new(loop, fd[0], MAX, &tag_ops, &t);
	send_with_fds(fd[1], "\0\0\0\1a\0\0\0\1b\0\0", 12, NULL, 0);
	send_with_fds(fd[1], "\0\1c", 3, NULL, 0);
	send_with_fds(fd[1], "\0\0\0\2dd", 6, &zero, 1);
	send_with_fds(fd[1], "\0\0\0\1e", 5, NULL, 0);
	send_with_fds(fd[1], "\0\0\0\1f\0\0\0\1g", 10, &zero, 1);
	send_with_fds(fd[1], "\0\0\0\1z", 5, NULL, 0);
	loop_run(loop);
	assert_string_equal(t.got, "abcDeFgz");
	frame_conn_free(t.conn);
}

static void
more_than_one_descriptor_leaks_none(void **state)
{
	struct end *e = *state;
	const int fds[] = {0, 1, 2, 0, 1, 2};
	int before = count_fds();

	send_with_fds(fd[1], "\0\0\0\3o", 5, fds, 6);
	send_with_fds(fd[1], "ne", 2, fds, 2);
	send_with_fds(fd[1], "\0\0\0\3end", 7, NULL, 0);
	loop_run(loop);
	assert_int_equal(e->messages, 2);
	assert_int_equal(e->fds, 1);
	assert_int_equal(count_fds(), before);
}

static void
descriptors_nobody_took_are_closed(void **state)
{
	struct end *e = *state;
	const int zero = 0;
	int before = count_fds();

	send_with_fds(fd[1], "\0\0\0\3o", 5, &zero, 1); /* never comes to an end */
	close(fd[1]);
	fd[1] = -1;
	loop_run(loop);
	assert_true(e->closed);
	assert_int_equal(e->error, -EPIPE);
	assert_int_equal(count_fds(), before - 2);
}

struct bulk {
	struct frame_conn *conn;
	int received;
	bool wrong;
};

enum { BULK = 60 };

static size_t
bulk_len(int i)
{
	return (size_t)(i * 7919) % (MAX / 8 + 1);
}

static void
take_bulk(void *arg, const uint8_t *bytes, size_t len, int passed)
{
	struct bulk *b = arg;

	b->wrong |= len != bulk_len(b->received) || passed >= 0;
	for (size_t i = 0; i < len; i++)
		b->wrong |= bytes[i] != (uint8_t)(i * 31 + (size_t)b->received);
	if (++b->received == BULK)
		loop_stop(loop);
}

static const struct frame_ops bulk_ops = {take_bulk, on_closed};

/* More than a socket holds: what could not be written waits, in order. */
static void
a_backlog_is_written_when_there_is_room(void **state)
{
	static uint8_t bytes[MAX];
	struct end *e = *state;
	struct bulk b = {0};

	b.conn = frame_conn_new(loop, fd[1], MAX, &bulk_ops, &b);
	fd[1] = -1;
	for (int i = 0; i < BULK; i++) {
		for (size_t k = 0; k < bulk_len(i); k++)
			bytes[k] = (uint8_t)(k * 31 + (size_t)i);
		assert_int_equal(frame_send(e->conn, bytes, bulk_len(i), -1), 0);
	}
	loop_run(loop);
	assert_int_equal(b.received, BULK);
	assert_false(b.wrong);
	frame_conn_free(b.conn);
}

static void
frames_before_the_end_are_delivered(void **state)
{
	struct end *e = *state;

	assert_int_equal(frame_write_blocking(fd[1], "one", 3), 0);
	assert_int_equal(frame_write_blocking(fd[1], "two", 3), 0);
	close(fd[1]);
	fd[1] = -1;
	loop_run(loop);
	assert_int_equal(e->messages, 2);
	assert_true(e->closed);
	assert_int_equal(e->error, -EPIPE);
}

static void
sending_to_nobody_fails_and_closes_once(void **state)
{
	struct end *e = *state;
	int passes = count_fds();

	close(fd[1]);
	fd[1] = -1;
	assert_int_equal(frame_send(e->conn, "x", 1, 0), -EPIPE);
	assert_int_equal(frame_send(e->conn, "x", 1, -1), -EPIPE);
	assert_false(e->closed); /* it is told from the loop */
	loop_run(loop);
	assert_true(e->closed);
	assert_int_equal(count_fds(), passes - 2);
}

static void
the_kernel_tells_who_it_is(void **state)
{
	struct end *e = *state;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	assert_int_equal(frame_peer(e->conn, &uid, &gid, &pid), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(gid, getgid());
	assert_int_equal(pid, getpid());
}

static void
a_file_that_is_no_socket_stays(void **state)
{
	char path[] = "/tmp/frame-test-XXXXXX";
	int plain = mkstemp(path);

	(void)state;
	assert_int_equal(frame_listen(path, 0600), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	close(plain);
	unlink(path);
	assert_int_equal(frame_connect(path), -ENOENT);
}

static void
the_socket_has_the_mode_given(void **state)
{
	char dir[] = "/tmp/frame-test-XXXXXX", path[64];
	mode_t before = umask(077);
	struct stat st;
	int listening;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	listening = frame_listen(path, 0660);
	assert_true(listening >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(umask(before), 077);
	close(listening);
	unlink(path);
	rmdir(dir);
}

static void
a_name_too_long_for_a_socket_is_refused(void **state)
{
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(frame_listen(path, 0600), -ENAMETOOLONG);
	assert_int_equal(frame_connect(path), -ENAMETOOLONG);
}

static void
blocking_reads_are_bounded(void **state)
{
	struct end *e = *state;
	uint8_t *bytes = NULL;
	size_t len = 0;

	assert_int_equal(frame_send(e->conn, "hello", 5, -1), 0);
	assert_int_equal(frame_read_blocking(fd[1], 5, -1, &bytes, &len), 0);
	assert_int_equal(len, 5);
	assert_string_equal((char *)bytes, "hello");
	free(bytes);
	assert_int_equal(frame_send(e->conn, "", 0, -1), 0);
	assert_int_equal(frame_read_blocking(fd[1], 5, -1, &bytes, &len), 0);
	assert_int_equal(len, 0);
	free(bytes);
	assert_int_equal(frame_send(e->conn, "hello!", 6, -1), 0);
	assert_int_equal(frame_read_blocking(fd[1], 5, -1, &bytes, &len), -EMSGSIZE);
	frame_conn_free(e->conn);
	e->conn = NULL;
	assert_int_equal(read(fd[1], (char[6]){0}, 6), 6);
	assert_int_equal(frame_read_blocking(fd[1], 5, -1, &bytes, &len), -EPIPE);
}

#define IN_LOOP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LOOP(frames_arrive_whole_however_they_are_cut),
		IN_LOOP(a_frame_over_the_limit_ends_it),
		IN_LOOP(a_descriptor_rides_along),
		IN_LOOP(a_peer_that_does_not_read_is_dropped),
		IN_LOOP(it_may_be_freed_while_it_delivers),
		IN_LOOP(a_descriptor_belongs_to_its_frame),
		IN_LOOP(more_than_one_descriptor_leaks_none),
		IN_LOOP(descriptors_nobody_took_are_closed),
		IN_LOOP(a_backlog_is_written_when_there_is_room),
		IN_LOOP(frames_before_the_end_are_delivered),
		IN_LOOP(sending_to_nobody_fails_and_closes_once),
		IN_LOOP(the_kernel_tells_who_it_is),
		IN_LOOP(blocking_reads_are_bounded),
		cmocka_unit_test(listening_replaces_what_a_crash_left),
		cmocka_unit_test(a_file_that_is_no_socket_stays),
		cmocka_unit_test(the_socket_has_the_mode_given),
		cmocka_unit_test(a_name_too_long_for_a_socket_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
