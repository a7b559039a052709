#include "cases.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

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
	int error = 0;

	for (int i = 0; i < 200 && !error; i++)
		error = frame_send(e->conn, bytes, MAX, -1);
	assert_int_equal(error, -EPIPE);
	loop_run(loop);
	assert_true(e->closed);
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
		IN_LOOP(listening_replaces_what_a_crash_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
