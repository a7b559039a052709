#include "cases.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/event.h"

enum { A_TURN = 2, CLIENTS = 5, PATIENCE_MS = 20000 };

static struct loop *loop;
static struct acceptor *acceptor;
static struct timer *timer;
static struct sockaddr_in address, sources[CLIENTS];
static size_t accepted, awaited;
static unsigned turns, alerts;
static size_t most, before; /* accepted in one turn; until then */
static char reason[100];

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
count_turn(void *arg)
{
	(void)arg;
	turns++;
	most = accepted - before > most ? accepted - before : most;
	before = accepted;
}

static void
count_alert(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	(void)arg;
	assert_int_equal(id, EVENT_ALERT);
	assert_int_equal(n, 1);
	snprintf(reason, sizeof(reason), "%s", fields[0].text);
	alerts++;
}

static void
on_accepted(void *arg, int fd, const struct sockaddr *from)
{
	assert_ptr_equal(arg, &accepted);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(from->sa_family, AF_INET);
	memcpy(&sources[accepted++], from, sizeof(sources[0]));
	close(fd);
	if (accepted == awaited)
		loop_stop(loop);
}

static int
setup(void **state)
{
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, CLIENTS), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	accepted = most = before = 0;
	turns = alerts = 0;
	event_add_sink(count_alert, NULL);
	loop = loop_new();
	loop_at_turn_end(loop, count_turn, NULL);
	timer = timer_new(loop, stop, NULL);
	acceptor = acceptor_new(loop, fd, A_TURN, "tests", on_accepted, &accepted);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	acceptor_free(acceptor);
	timer_free(timer);
	loop_free(loop);
	event_clear_sinks();
	return 0;
}

static int
come(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Until so many have been accepted. */
static void
wait_for(size_t n)
{
	awaited = n;
	timer_after(timer, PATIENCE_MS);
	loop_run(loop);
	assert_int_equal(accepted, n);
}

static void
each_is_told_with_where_it_comes_from_a_few_in_a_turn(void **state)
{
	int clients[CLIENTS];

	(void)state;
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = come();
	wait_for(CLIENTS);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct sockaddr_in own;
		socklen_t len = sizeof(own);

		assert_int_equal(getsockname(clients[i], (struct sockaddr *)&own, &len), 0);
		assert_int_equal(sources[i].sin_port, own.sin_port);
		close(clients[i]);
	}
	assert_int_equal(most, A_TURN);
	assert_int_equal(alerts, 0);
}

static void
starve(int used, unsigned ms)
{
	struct rlimit old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)used, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	timer_after(timer, ms);
	loop_run(loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* The limit is that of the descriptors in use: accepting fails until it is raised again. It is told
 * once each time, and nobody turns in circles meanwhile. */
static void
without_descriptors_connections_wait(void **state)
{
	enum { WHILE_MS = 500, TURNS_MAX = 20, TIMES = 2 };

	(void)state;
	for (unsigned i = 1; i <= TIMES; i++) {
		int client = come();

		turns = 0;
		starve(client, WHILE_MS);
		assert_int_equal(accepted, i - 1);
		assert_int_equal(alerts, i);
		assert_string_equal(reason, "tests wait: no file descriptor is left");
		assert_in_range(turns, 1, TURNS_MAX);
		wait_for(i);
		close(client);
	}
}

#define IN_LOOP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LOOP(each_is_told_with_where_it_comes_from_a_few_in_a_turn),
		IN_LOOP(without_descriptors_connections_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
