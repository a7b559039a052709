/*
 * Connections: made as asked or not at all, bounded towards a peer that does not read, and no
 * endless loop when descriptors run out.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/event.h"
#include "net/tcp.h"

/* A loop that spins makes thousands of turns in the time of these. */
enum { TURNS_MAX = 200 };
static unsigned turns;

static void
count_turn(void *arg)
{
	(void)arg;
	turns++;
}

/* One end of a connection under test. */
struct end {
	struct tcp *tcp;
	unsigned connected, readable;
	size_t got; /* bytes */
	int last;   /* result of the last read: 0 at the end, or -errno */
	bool deaf;
	char why[64];
};

struct pair {
	struct loop *loop;
	struct tcp_listener *listener;
	struct endpoint at;
	struct end server, client;
	unsigned accepted;
	bool unwanted;
};

static void
end_connected(void *arg)
{
	struct end *e = arg;

	e->connected++;
}

static void
end_readable(void *arg)
{
	struct end *e = arg;
	uint8_t bytes[4096];
	ssize_t n;

	e->readable++;
	while (!e->deaf && (n = tcp_read(e->tcp, bytes, sizeof(bytes))) > 0)
		e->got += (size_t)n;
	if (!e->deaf)
		e->last = (int)n;
}

static void
end_broken(void *arg, const char *why)
{
	struct end *e = arg;

	assert_string_equal(e->why, "");
	snprintf(e->why, sizeof(e->why), "%s", why);
}

static const struct tcp_ops end_ops = {
	.connected = end_connected,
	.readable = end_readable,
	.broken = end_broken,
};

static void
pair_accepted(void *arg, struct tcp *t)
{
	struct pair *p = arg;

	p->accepted++;
	if (p->unwanted) {
		tcp_free(t);
		return;
	}
	assert_null(p->server.tcp);
	p->server.tcp = t;
	tcp_open(t, &end_ops, &p->server);
}

static void
pair_listen(struct pair *p, const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, error = 0;

	memset(p, 0, sizeof(*p));
	p->loop = loop_new();
	assert_int_equal(endpoint_parse(address, 0, &p->at), 0);
	for (int tries = 0; !p->listener && tries < 100; tries++) {
		fd = socket(p->at.addr.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
		p->at.port = 0;
		len = endpoint_to_sockaddr(&p->at, &ss);
		assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
		len = sizeof(ss);
		getsockname(fd, (struct sockaddr *)&ss, &len);
		endpoint_from_sockaddr((struct sockaddr *)&ss, &p->at);
		close(fd);
		p->listener = tcp_listen(p->loop, NULL, &p->at, pair_accepted, p, &error);
	}
	assert_non_null(p->listener);
}

static void
pair_dial(struct pair *p)
{
	int error = 0;

	p->client.tcp = tcp_connect(p->loop, NULL, NULL, &p->at, &end_ops, &p->client, &error);
	assert_non_null(p->client.tcp);
}

static void
pair_start(struct pair *p, const char *address)
{
	pair_listen(p, address);
	pair_dial(p);
	WAIT(p->loop, p->accepted == 1 && p->client.connected == 1);
}

static void
pair_stop(struct pair *p)
{
	tcp_free(p->client.tcp);
	tcp_free(p->server.tcp);
	tcp_listener_free(p->listener);
	loop_free(p->loop);
}

/* --- made as asked -------------------------------------------------------------------------- */

static void
both_ends_know_addresses_and_interface(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, addresses[i]);
		assert_true(endpoint_equal(tcp_local(p.server.tcp), &p.at));
		assert_true(endpoint_equal(tcp_remote(p.client.tcp), &p.at));
		assert_true(endpoint_equal(tcp_remote(p.server.tcp), tcp_local(p.client.tcp)));
		assert_string_equal(tcp_interface(p.server.tcp), "lo");
		assert_string_equal(tcp_interface(p.client.tcp), "");
		pair_stop(&p);
	}
}

static int
connect_error(const char *interface, const char *source, const char *to)
{
	struct loop *l = loop_new();
	struct end e = {0};
	struct endpoint at;
	struct addr from;
	int error = 0;

	assert_int_equal(endpoint_parse(to, 4646, &at), 0);
	if (source)
		assert_int_equal(addr_parse(source, &from), 0);
	e.tcp = tcp_connect(l, interface, source ? &from : NULL, &at, &end_ops, &e, &error);
	assert_null(e.tcp);
	loop_free(l);
	return error;
}

static void
a_socket_is_made_exactly_as_asked_or_not_at_all(void **state)
{
	struct endpoint at;
	struct loop *l = loop_new();
	int error = 0;

	(void)state;
	assert_int_equal(connect_error("nosuch0", NULL, "127.0.0.1"), -ENODEV);
	assert_int_equal(connect_error(NULL, "192.0.2.77", "127.0.0.1"), -EADDRNOTAVAIL);
	assert_int_equal(connect_error(NULL, "::1", "127.0.0.1"), -EAFNOSUPPORT);
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &at), 0);
	assert_null(tcp_listen(l, "nosuch0", &at, pair_accepted, NULL, &error));
	assert_int_equal(error, -ENODEV);
	assert_int_equal(endpoint_parse("192.0.2.77", 0, &at), 0);
	assert_null(tcp_listen(l, NULL, &at, pair_accepted, NULL, &error));
	assert_int_equal(error, -EADDRNOTAVAIL);
	loop_free(l);
}

static void
a_listener_takes_its_own_family_only(void **state)
{
	struct endpoint six, four;
	struct pair p;
	int error = 0;
	struct tcp_listener *other;

	(void)state;
	pair_listen(&p, "::");
	six = p.at;
	assert_int_equal(endpoint_parse("0.0.0.0", six.port, &four), 0);
	other = tcp_listen(p.loop, "lo", &four, pair_accepted, &p, &error);
	assert_non_null(other);
	tcp_listener_free(other);
	pair_stop(&p);
}

static void
a_bound_listener_and_a_bound_client_meet(void **state)
{
	struct pair p;
	int error = 0;

	(void)state;
	pair_listen(&p, "127.0.0.1");
	tcp_listener_free(p.listener);
	p.listener = tcp_listen(p.loop, "lo", &p.at, pair_accepted, &p, &error);
	assert_non_null(p.listener);
	p.client.tcp = tcp_connect(p.loop, "lo", NULL, &p.at, &end_ops, &p.client, &error);
	assert_non_null(p.client.tcp);
	WAIT(p.loop, p.accepted == 1 && p.client.connected == 1);
	assert_string_equal(tcp_interface(p.client.tcp), "lo");
	assert_string_equal(tcp_interface(p.server.tcp), "lo");
	pair_stop(&p);
}

static void
refusal_and_reset_are_told(void **state)
{
	struct pair p;

	(void)state;
	pair_listen(&p, "127.0.0.1");
	tcp_listener_free(p.listener);
	p.listener = NULL;
	pair_dial(&p);
	WAIT(p.loop, p.client.why[0]);
	assert_string_equal(p.client.why, "Connection refused");
	assert_int_equal(p.client.connected, 0);
	pair_stop(&p);
	pair_listen(&p, "127.0.0.1");
	p.unwanted = true; /* freed without having been opened */
	pair_dial(&p);
	WAIT(p.loop, p.client.last == -ECONNRESET ||
			     strcmp(p.client.why, "Connection reset by peer") == 0);
	pair_stop(&p);
}

/* --- data ----------------------------------------------------------------------------------- */

static void
bytes_and_the_end_arrive(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	assert_true(tcp_send(p.client.tcp, "hello", 5));
	assert_true(tcp_send(p.client.tcp, " you", 4));
	WAIT(p.loop, p.server.got == 9);
	assert_int_equal(p.server.last, -EAGAIN);
	assert_true(tcp_send(p.client.tcp, "bye", 3)); /* what is queued goes out first */
	tcp_free(p.client.tcp);
	p.client.tcp = NULL;
	WAIT(p.loop, p.server.got == 12);
	WAIT(p.loop, p.server.last == 0);
	pair_stop(&p);
}

/* Unread bytes would turn the end into a reset. */
static void
last_words_arrive_although_the_peer_was_talking(void **state)
{
	uint8_t byte[1];
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	p.server.deaf = true;
	assert_true(tcp_send(p.client.tcp, "chatter", 7));
	WAIT(p.loop, p.server.readable);
	assert_true(tcp_send(p.server.tcp, "bye", 3));
	tcp_free(p.server.tcp);
	p.server.tcp = NULL;
	WAIT(p.loop, p.client.got == 3);
	WAIT(p.loop, p.client.last == 0);
	harness_settle(p.loop);
	assert_int_equal(tcp_read(p.client.tcp, byte, 1), 0); /* and no reset behind it */
	pair_stop(&p);
}

static void
again_comes_without_bytes(void **state)
{
	struct pair p;
	unsigned before;

	(void)state;
	pair_start(&p, "127.0.0.1");
	before = p.server.readable;
	tcp_again(p.server.tcp);
	assert_int_equal(p.server.readable, before);
	WAIT(p.loop, p.server.readable == before + 1);
	pair_stop(&p);
}

/* Reads nothing and leaves its window closed. */
static int
deaf_client(const struct pair *p)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&p->at, &ss);
	int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static size_t
drink(int fd)
{
	static uint8_t bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

static void
nothing_is_read_while_the_queue_is_long(void **state)
{
	static uint8_t bytes[1000];
	size_t sent = 0, drunk = 0;
	struct pair p;
	unsigned before;
	int fd;

	(void)state;
	pair_listen(&p, "127.0.0.1");
	loop_at_turn_end(p.loop, count_turn, NULL);
	fd = deaf_client(&p);
	WAIT(p.loop, p.accepted == 1);
	for (int i = 0; i < 100; i++) { /* until the kernel takes no more either */
		while (!tcp_is_busy(p.server.tcp)) {
			assert_true(tcp_send(p.server.tcp, bytes, sizeof(bytes)));
			sent += sizeof(bytes);
		}
		harness_turn(p.loop);
	}
	/* Far more than the kernel may take yet. */
	for (size_t n = 0; n < 4 * TCP_QUEUE_BUSY; n += sizeof(bytes), sent += sizeof(bytes))
		assert_true(tcp_send(p.server.tcp, bytes, sizeof(bytes)));
	assert_true(tcp_is_busy(p.server.tcp));
	before = p.server.readable;
	assert_int_equal(send(fd, "more", 4, 0), 4);
	turns = 0;
	harness_settle(p.loop);
	assert_int_equal(p.server.readable, before);
	assert_in_range(turns, 1, TURNS_MAX); /* nor is it looked at again and again */
	assert_int_equal(p.server.got, 0);
	WAIT(p.loop, (drunk += drink(fd), p.server.got == 4));
	WAIT(p.loop, (drunk += drink(fd), drunk == sent));
	close(fd);
	pair_stop(&p);
}

static void
a_queue_that_does_not_shrink_breaks_the_connection(void **state)
{
	static uint8_t bytes[1000];
	struct pair p;
	size_t n = 0;
	int fd;

	(void)state;
	pair_listen(&p, "127.0.0.1");
	fd = deaf_client(&p);
	WAIT(p.loop, p.accepted == 1);
	while (tcp_send(p.server.tcp, bytes, sizeof(bytes)))
		n += sizeof(bytes);
	assert_true(n <= TCP_QUEUE_MAX && n > TCP_QUEUE_MAX - 1000);
	assert_string_equal(p.server.why, ""); /* from the loop only */
	assert_false(tcp_send(p.server.tcp, bytes, 1));
	WAIT(p.loop, p.server.why[0]);
	assert_string_equal(p.server.why, "the peer does not read");
	close(fd);
	pair_stop(&p);
}

/* --- descriptors ---------------------------------------------------------------------------- */

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* The limit is that of the descriptors in use: accept fails until it is raised again. */
static int alerts;

static void
count_alerts(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	(void)arg;
	(void)fields;
	(void)n;
	alerts += id == EVENT_ALERT;
}

static void
without_descriptors_connections_wait(void **state)
{
	enum { WHILE_MS = 100 };
	struct rlimit old, none;
	struct timer *timer;
	struct pair p;
	int fd;

	(void)state;
	pair_listen(&p, "127.0.0.1");
	loop_at_turn_end(p.loop, count_turn, NULL);
	timer = timer_new(p.loop, stop, p.loop);
	fd = deaf_client(&p);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)fd, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns = alerts = 0;
	event_add_sink(count_alerts, NULL);
	timer_after(timer, WHILE_MS);
	loop_run(p.loop);
	event_clear_sinks();
	assert_int_equal(alerts, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(p.accepted, 0);
	assert_in_range(turns, 1, TURNS_MAX);
	WAIT(p.loop, p.accepted == 1);
	timer_free(timer);
	close(fd);
	pair_stop(&p);
}

static void
what_is_held_waits_and_so_does_the_end(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	turns = 0;
	loop_at_turn_end(p.loop, count_turn, NULL);
	tcp_hold(p.server.tcp, true);
	assert_true(tcp_send(p.client.tcp, "abc", 3));
	tcp_again(p.server.tcp);
	tcp_end(p.client.tcp);
	harness_settle(p.loop);
	assert_int_equal(p.server.readable, 0);
	assert_in_range(turns, 0, TURNS_MAX);
	tcp_hold(p.server.tcp, false);
	WAIT(p.loop, p.server.got == 3 && p.server.readable > 0 && p.server.last == 0);
	pair_stop(&p);
}

/* More than kernel and peer take at once. */
static void
our_end_comes_after_all_that_was_sent(void **state)
{
	enum { MUCH = 200 * 1024 };
	static const uint8_t bytes[MUCH];
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	p.client.deaf = true;
	assert_true(tcp_send(p.server.tcp, bytes, MUCH));
	tcp_end(p.server.tcp);
	assert_false(tcp_send(p.server.tcp, bytes, 1)); /* that was the last */
	p.client.deaf = false;
	p.client.last = 1;
	WAIT(p.loop, p.client.last == 0);
	assert_int_equal(p.client.got, MUCH);
	assert_true(tcp_send(p.client.tcp, "abc", 3)); /* the other direction stands */
	WAIT(p.loop, p.server.got == 3);
	assert_string_equal(p.server.why, "");
	pair_stop(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_know_addresses_and_interface),
		cmocka_unit_test(a_socket_is_made_exactly_as_asked_or_not_at_all),
		cmocka_unit_test(a_listener_takes_its_own_family_only),
		cmocka_unit_test(a_bound_listener_and_a_bound_client_meet),
		cmocka_unit_test(refusal_and_reset_are_told),
		cmocka_unit_test(bytes_and_the_end_arrive),
		cmocka_unit_test(last_words_arrive_although_the_peer_was_talking),
		cmocka_unit_test(again_comes_without_bytes),
		cmocka_unit_test(nothing_is_read_while_the_queue_is_long),
		cmocka_unit_test(a_queue_that_does_not_shrink_breaks_the_connection),
		cmocka_unit_test(without_descriptors_connections_wait),
		cmocka_unit_test(what_is_held_waits_and_so_does_the_end),
		cmocka_unit_test(our_end_comes_after_all_that_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
