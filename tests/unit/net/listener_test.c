/*
 * The server's side while it is not asked nicely: no state before the cookie, shares, budgets,
 * new handshakes on live 5-tuples, answers by the way the question came.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct hall {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side server, client;
	struct credentials *client_credentials;
};

static void
hall_start(struct hall *h, const char *address, struct listener_config *cfg)
{
	memset(h, 0, sizeof(*h));
	h->loop = loop_new();
	if (cfg)
		cfg->credentials = harness_credentials("server", "ca");
	h->listener = harness_listen(h->loop, address, cfg, &h->server, &h->at);
	if (cfg)
		credentials_unref(cfg->credentials);
	h->client_credentials = harness_credentials("client", "ca");
}

static void
hall_stop(struct hall *h)
{
	unsigned ups = h->client.ups;

	listener_free(h->listener);
	/* Every client that came up is told; the others give up by themselves. */
	WAIT(h->loop, h->client.downs >= ups);
	credentials_unref(h->client_credentials);
	loop_free(h->loop);
}

static struct session *
dial_from(struct hall *h, const struct endpoint *to, const char *source)
{
	struct dial d = harness_dialling(to, h->client_credentials);
	struct session *s;
	int error;

	if (source)
		assert_int_equal(addr_parse(source, &d.source), 0);
	s = session_dial(h->loop, &d, &side_ops, &h->client, &error);
	assert_non_null(s);
	return s;
}

static struct session *
dial_tcp(struct hall *h, const char *source)
{
	struct dial d = harness_dialling(&h->at, h->client_credentials);
	struct session *s;
	int error;

	d.transport = SESSION_TCP;
	if (source)
		assert_int_equal(addr_parse(source, &d.source), 0);
	s = session_dial(h->loop, &d, &side_ops, &h->client, &error);
	assert_non_null(s);
	return s;
}

static struct raw *
mute_from(struct hall *h, const char *source)
{
	struct raw *r = raw_new(h->loop, &h->at, source, h->client_credentials);

	raw_mute(r);
	return r;
}

/* --- before the cookie ---------------------------------------------------------------------- */

/* The first ClientHello of a real client. */
static size_t
catch_hello(uint8_t *hello, size_t cap)
{
	struct sockaddr_storage ss;
	struct endpoint at;
	struct hall h = {
		.loop = loop_new(), .client_credentials = harness_credentials("client", "ca")};
	socklen_t len;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct session *s;
	ssize_t n;

	assert_int_equal(endpoint_parse("127.0.0.1", 0, &at), 0);
	len = endpoint_to_sockaddr(&at, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &at);
	s = dial_from(&h, &at, NULL);
	WAIT(h.loop, (n = recv(fd, hello, cap, MSG_DONTWAIT)) > 0);
	session_abandon(s);
	close(fd);
	credentials_unref(h.client_credentials);
	loop_free(h.loop);
	return (size_t)n;
}

static void
send_from(const struct endpoint *to, const char *source, const void *bytes, size_t len)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_storage ss;
	struct endpoint from;
	socklen_t n;

	assert_int_equal(endpoint_parse(source, 0, &from), 0);
	n = endpoint_to_sockaddr(&from, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, n), 0);
	n = endpoint_to_sockaddr(to, &ss);
	assert_int_equal(sendto(fd, bytes, len, 0, (struct sockaddr *)&ss, n), (ssize_t)len);
	close(fd);
}

/* 4218-4.1.1-02, 4218-7-01, 4218-7-02: Not one of them leaves anything behind: the only place for a
 * handshake stays free. */
static void
hellos_of_many_sources_leave_no_state(void **state)
{
	enum { HELLOS = 10000 };
	struct listener_config cfg = {.max_half_open = 1, .max_half_open_per_prefix = 1};
	struct hall h;
	uint8_t hello[2048];
	size_t len = catch_hello(hello, sizeof(hello));

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	for (unsigned i = 0; i < HELLOS; i++) {
		char source[32];

		snprintf(source, sizeof(source), "127.%u.%u.%u", 1 + i % 50, i / 250, 1 + i % 250);
		send_from(&h.at, source, hello, len);
		if (i % 100 == 0)
			harness_turn(h.loop);
	}
	dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	assert_int_equal(h.server.judged, 1);
	assert_int_equal(listener_count(h.listener), 1);
	hall_stop(&h);
}

/* 4218-3.4-01: A cookie is good for the 5-tuple it was given to. */
static void
answer_to_a_hello_is_smaller_than_the_hello(void **state)
{
	struct hall h;
	uint8_t hello[2048], answer[2048];
	size_t len = catch_hello(hello, sizeof(hello));
	struct sockaddr_storage ss;
	socklen_t ss_len;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ssize_t n;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	ss_len = endpoint_to_sockaddr(&h.at, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, ss_len), 0);
	assert_int_equal(send(fd, hello, len, 0), (ssize_t)len);
	WAIT(h.loop, (n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0);
	assert_in_range(n, 1, len);
	assert_int_equal(answer[0], 22);
	assert_int_equal(answer[13], 3); /* hello_verify_request */
	close(fd);
	hall_stop(&h);
}

/* --- shares --------------------------------------------------------------------------------- */

static void
half_open_handshakes_are_shared_out_by_prefix(void **state)
{
	struct listener_config cfg = {.max_half_open_per_prefix = 2};
	struct raw *raw[4];
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	raw[0] = mute_from(&h, "127.0.5.1");
	raw[1] = mute_from(&h, "127.0.5.2");
	/* More than the cookie's answer: the server has begun. */
	WAIT(h.loop, raw_datagrams(raw[0]) > 1 && raw_datagrams(raw[1]) > 1);
	raw[2] = mute_from(&h, "127.0.5.3");
	raw[3] = mute_from(&h, "127.0.6.1");
	WAIT(h.loop, raw_datagrams(raw[3]) > 1);
	harness_settle(h.loop);
	assert_int_equal(raw_datagrams(raw[2]), 1);
	dial_from(&h, &h.at, "127.0.6.2");
	WAIT(h.loop, h.client.ups == 1);
	for (int i = 0; i < 4; i++)
		raw_free(raw[i]);
	hall_stop(&h);
}

static void
half_open_handshakes_are_limited(void **state)
{
	struct listener_config cfg = {.max_half_open = 2};
	struct raw *raw[3];
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	raw[0] = mute_from(&h, "127.0.5.1");
	raw[1] = mute_from(&h, "127.0.6.1");
	WAIT(h.loop, raw_datagrams(raw[0]) > 1 && raw_datagrams(raw[1]) > 1);
	raw[2] = mute_from(&h, "127.0.6.2"); /* no prefix has more than its own */
	WAIT(h.loop, raw_datagrams(raw[2]) >= 1);
	harness_settle(h.loop);
	assert_int_equal(raw_datagrams(raw[2]), 1);
	for (int i = 0; i < 3; i++)
		raw_free(raw[i]);
	hall_stop(&h);
}

enum { STALLED_MS = 1000 }; /* one of a prefix that has no more; of two in half that time */

static void
pass_time(struct hall *h, mono_ms ms)
{
	mono_ms until = loop_now(h->loop) + ms;

	WAIT(h->loop, loop_now(h->loop) >= until);
}

/* All places are taken by two prefixes that stall: one of theirs makes room, but not before it has
 * had time to be done. */
static void
the_fullest_prefix_makes_room_for_a_new_client(void **state)
{
	static const char *const stalled[] = {"127.0.5.1", "127.0.6.1", "127.0.6.2"};
	struct listener_config cfg = {.max_half_open = 3};
	struct raw *raw[3];
	struct hall h;
	mono_ms since;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	since = loop_now(h.loop);
	for (int i = 0; i < 3; i++) {
		raw[i] = mute_from(&h, stalled[i]);
		WAIT(h.loop, raw_datagrams(raw[i]) > 1);
	}
	dial_from(&h, &h.at, "127.0.7.1");
	WAIT(h.loop, h.server.downs == 1);
	assert_in_range(loop_now(h.loop) - since, STALLED_MS / 2, INT64_MAX);
	WAIT(h.loop, h.client.ups == 1);
	assert_non_null(strstr(h.server.reason, "all places"));
	assert_int_equal(listener_handshakes(h.listener), 2);
	dial_tcp(&h, "127.0.7.1"); /* into the place that is free */
	WAIT(h.loop, h.client.ups == 2);
	assert_int_equal(h.server.downs, 1);
	for (int i = 0; i < 3; i++)
		raw_free(raw[i]);
	hall_stop(&h);
}

/* One of each prefix: nobody has more than his share. Only who has stalled makes room, for a client
 * that repeats itself meanwhile. */
static void
who_has_just_begun_makes_no_room_for_a_new_client(void **state)
{
	static const char *const stalled[] = {"127.0.5.1", "127.0.6.1"};
	struct listener_config cfg = {.max_half_open = 2};
	struct raw *raw[2];
	struct hall h;
	mono_ms since;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	since = loop_now(h.loop);
	for (int i = 0; i < 2; i++) {
		raw[i] = mute_from(&h, stalled[i]);
		WAIT(h.loop, raw_datagrams(raw[i]) > 1);
	}
	dial_from(&h, &h.at, "127.0.7.1");
	WAIT(h.loop, h.server.downs == 1);
	assert_in_range(loop_now(h.loop) - since, STALLED_MS, INT64_MAX);
	assert_non_null(strstr(h.server.reason, "all places"));
	WAIT(h.loop, h.client.ups == 1);
	for (int i = 0; i < 2; i++)
		raw_free(raw[i]);
	hall_stop(&h);
}

static void
place_of_a_finished_handshake_is_free_again(void **state)
{
	struct listener_config cfg = {.max_half_open = 1};
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	for (unsigned i = 1; i <= 3; i++) {
		dial_from(&h, &h.at, NULL);
		WAIT(h.loop, h.client.ups == i && h.server.ups == i);
	}
	hall_stop(&h);
}

static void
established_sessions_are_limited(void **state)
{
	struct listener_config cfg = {.max_sessions = 1};
	struct session *first;
	struct raw *raw;
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	first = dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	raw = mute_from(&h, NULL);
	WAIT(h.loop, raw_datagrams(raw) == 1);
	harness_settle(h.loop);
	assert_int_equal(raw_datagrams(raw), 1);
	raw_free(raw);
	session_close(first);
	WAIT(h.loop, h.server.downs == 1);
	dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.server.ups == 2);
	hall_stop(&h);
}

/* 4218-7-02 */
static void
handshakes_wait_for_their_turn(void **state)
{
	enum { CLIENTS = 24 };
	struct listener_config cfg = {.handshakes_per_turn = 1, .max_half_open_per_prefix = 100};
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	for (int i = 0; i < CLIENTS; i++)
		dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.client.ups == CLIENTS && h.server.ups == CLIENTS);
	assert_int_equal(listener_count(h.listener), CLIENTS);
	hall_stop(&h);
}

/* --- shares over TCP ------------------------------------------------------------------------ */

/* Whether or not it says something. */
static void
connections_are_shared_out_by_prefix(void **state)
{
	struct listener_config cfg = {.max_half_open_per_prefix = 2};
	int fd[4];
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	fd[0] = knock(&h.at, "127.0.5.1");
	fd[1] = knock(&h.at, "127.0.5.2");
	fd[2] = knock(&h.at, "127.0.5.3");
	fd[3] = knock(&h.at, "127.0.6.1");
	WAIT(h.loop, !knock_stands(fd[2]));
	dial_tcp(&h, "127.0.6.2");
	WAIT(h.loop, h.client.ups == 1);
	assert_true(knock_stands(fd[0]));
	assert_true(knock_stands(fd[1]));
	assert_true(knock_stands(fd[3]));
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	hall_stop(&h);
}

static void
connections_and_handshakes_are_limited_together(void **state)
{
	struct listener_config cfg = {.max_half_open = 2};
	struct raw *raw[2];
	int fd[2];
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	fd[0] = knock(&h.at, "127.0.5.1");
	raw[0] = mute_from(&h, "127.0.6.1");
	WAIT(h.loop, raw_datagrams(raw[0]) > 1);
	fd[1] = knock(&h.at, "127.0.5.2");
	raw[1] = mute_from(&h, "127.0.6.2");
	WAIT(h.loop, !knock_stands(fd[1]) && raw_datagrams(raw[1]) >= 1);
	harness_settle(h.loop);
	assert_int_equal(raw_datagrams(raw[1]), 1);
	assert_true(knock_stands(fd[0]));
	for (int i = 0; i < 2; i++) {
		raw_free(raw[i]);
		close(fd[i]);
	}
	hall_stop(&h);
}

static void
the_fullest_prefix_makes_room_for_a_new_connection(void **state)
{
	struct listener_config cfg = {.max_half_open = 3};
	int fd[4];
	struct hall h;
	mono_ms since;
	bool late;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	since = loop_now(h.loop);
	fd[0] = knock(&h.at, "127.0.5.1");
	fd[1] = knock(&h.at, "127.0.6.1");
	WAIT(h.loop, listener_handshakes(h.listener) == 2);
	fd[2] = knock(&h.at, "127.0.6.2");
	WAIT(h.loop, listener_handshakes(h.listener) == 3);
	pass_time(&h, STALLED_MS / 2);
	fd[3] = knock(&h.at, "127.0.5.2"); /* its prefix has one already: that is too soon */
	WAIT(h.loop, !knock_stands(fd[3]) || h.server.downs == 1);
	late = h.server.downs == 1; /* on a machine that is very busy */
	assert_true(!late || loop_now(h.loop) - since >= STALLED_MS);
	dial_tcp(&h, "127.0.7.1");
	WAIT(h.loop, h.client.ups == 1 && !knock_stands(fd[1]));
	assert_true(knock_stands(fd[0]) || late);
	assert_true(knock_stands(fd[2]));
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	hall_stop(&h);
}

/* An authenticated peer without CSM is not through yet. */
static void
place_of_a_connection_is_free_again_when_it_is_up_or_gone(void **state)
{
	struct listener_config cfg = {.max_half_open = 1};
	struct line *line;
	struct hall h;
	int fd, other;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	fd = knock(&h.at, NULL);
	other = knock(&h.at, NULL);
	WAIT(h.loop, !knock_stands(other));
	close(other);
	close(fd);
	WAIT(h.loop, h.server.downs == 1);
	line = line_new(h.loop, &h.at, NULL, h.client_credentials);
	WAIT(h.loop, line_is_up(line) && line_count(line) == 1);
	fd = knock(&h.at, NULL);
	WAIT(h.loop, !knock_stands(fd));
	close(fd);
	line_greet(line);
	WAIT(h.loop, h.server.ups == 1);
	dial_tcp(&h, NULL);
	WAIT(h.loop, h.server.ups == 2 && h.client.ups == 1);
	line_free(line);
	WAIT(h.loop, h.server.downs == 2);
	hall_stop(&h);
}

static void
established_connections_are_limited(void **state)
{
	struct listener_config cfg = {.max_sessions = 1};
	struct session *first;
	struct hall h;
	int fd;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	first = dial_tcp(&h, NULL);
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	fd = knock(&h.at, NULL);
	WAIT(h.loop, !knock_stands(fd));
	close(fd);
	session_close(first);
	WAIT(h.loop, h.server.downs == 1);
	dial_tcp(&h, NULL);
	WAIT(h.loop, h.server.ups == 2);
	hall_stop(&h);
}

static void
connections_wait_for_their_turn(void **state)
{
	enum { CLIENTS = 24 };
	struct listener_config cfg = {.handshakes_per_turn = 1, .max_half_open_per_prefix = 100};
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", &cfg);
	for (int i = 0; i < CLIENTS; i++)
		dial_tcp(&h, NULL);
	WAIT(h.loop, h.client.ups == CLIENTS && h.server.ups == CLIENTS);
	assert_int_equal(listener_count(h.listener), CLIENTS);
	hall_stop(&h);
}

/* --- a live 5-tuple ------------------------------------------------------------------------- */

/* 8811-3.1-05 */
static void
new_handshake_on_a_live_flow_replaces_it_when_done(void **state)
{
	struct session *first, *first_server;
	struct relay relay;
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	relay_start(&relay, h.loop, &h.at); /* both clients arrive from one address and port */
	first = dial_from(&h, &relay.at, NULL);
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	first_server = h.server.session;
	dial_from(&h, &relay.at, NULL);
	WAIT(h.loop, h.server.ups == 2);
	assert_true(h.server.session != first_server);
	WAIT(h.loop, h.server.downs == 1);
	assert_non_null(strstr(h.server.reason, "replaced"));
	assert_non_null(h.server.session);
	assert_int_equal(listener_count(h.listener), 1);
	WAIT(h.loop, h.client.ups == 2);
	session_close(first);
	WAIT(h.loop, h.client.downs == 1);
	relay_stop(&relay);
	h.client.downs++; /* the relay is gone: nobody can tell the second one */
	session_abandon(h.client.session);
	hall_stop(&h);
}

/* 4218-4.3.2-01 */
static void
unfinished_handshake_on_a_live_flow_changes_nothing(void **state)
{
	struct answers a = {0};
	struct relay relay;
	struct endpoint server;
	struct session *s;
	struct raw *raw;
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	relay_start(&relay, h.loop, &h.at);
	s = dial_from(&h, &relay.at, NULL);
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	server = h.at;
	h.at = relay.at;
	assert_int_equal(listener_handshakes(h.listener), 0);
	raw = mute_from(&h, NULL);
	h.at = server;
	WAIT(h.loop, raw_datagrams(raw) > 1);
	assert_int_equal(listener_handshakes(h.listener), 1);
	assert_int_equal(h.server.downs, 0);
	assert_true(ask(s, COAP_NON, "still here", &a) > 0);
	WAIT(h.loop, a.n == 1);
	assert_string_equal(h.server.payload, "still here");
	assert_int_equal(listener_count(h.listener), 1);
	session_close(s);
	WAIT(h.loop, h.server.downs == 1 && h.client.downs == 1);
	raw_free(raw);
	relay_stop(&relay);
	hall_stop(&h);
}

/* --- the way back --------------------------------------------------------------------------- */

static void
answers_leave_from_the_address_that_was_asked(void **state)
{
	struct endpoint asked;
	struct hall h;

	(void)state;
	hall_start(&h, "0.0.0.0", NULL);
	asked = h.at;
	assert_int_equal(addr_parse("127.0.0.5", &asked.addr), 0);
	dial_from(&h, &asked, NULL); /* connected: hears only from there */
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	assert_true(endpoint_equal(session_local(h.server.session), &asked));
	assert_string_equal(session_interface(h.server.session), "lo");
	hall_stop(&h);
}

static void
answers_leave_from_the_address_that_was_asked_ipv6(void **state)
{
	struct endpoint asked;
	struct hall h;

	(void)state;
	hall_start(&h, "::", NULL);
	asked = h.at;
	assert_int_equal(addr_parse("::1", &asked.addr), 0);
	dial_from(&h, &asked, NULL);
	WAIT(h.loop, h.client.ups == 1 && h.server.ups == 1);
	assert_true(endpoint_equal(session_local(h.server.session), &asked));
	hall_stop(&h);
}

/* 4218-1.2-01, 4218-6-01, 8811-3.1-04, 8811-3.1-05 */
static void
one_client_at_two_addresses_has_two_sessions(void **state)
{
	struct endpoint other;
	struct hall h;

	(void)state;
	hall_start(&h, "0.0.0.0", NULL);
	assert_int_equal(addr_parse("127.0.0.1", &h.at.addr), 0);
	other = h.at;
	assert_int_equal(addr_parse("127.0.0.5", &other.addr), 0);
	dial_from(&h, &h.at, NULL);
	dial_from(&h, &other, NULL);
	WAIT(h.loop, h.server.ups == 2 && h.client.ups == 2);
	assert_int_equal(listener_count(h.listener), 2);
	hall_stop(&h);
}

static char *
listen_failure(const char *interface, const struct endpoint *at, char *why, size_t cap)
{
	struct listen_socket sock = {.local = *at};
	struct listener_config cfg = {.sockets = &sock, .n_sockets = 1};
	struct loop *l = loop_new();
	struct side side = {0};

	snprintf(sock.interface, sizeof(sock.interface), "%s", interface);
	cfg.credentials = harness_credentials("server", "ca");
	assert_null(listener_new(l, &cfg, &side_ops, &side, why, cap));
	credentials_unref(cfg.credentials);
	loop_free(l);
	return why;
}

/* Either transport may be in the way. */
static void
failure_to_listen_names_the_transport(void **state)
{
	char why[256];
	struct endpoint at;
	struct hall h;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage ss;
	socklen_t len;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	listen_failure("", &h.at, why, sizeof(why));
	assert_non_null(strstr(why, "UDP 127.0.0.1:"));
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &at), 0);
	len = endpoint_to_sockaddr(&at, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	len = sizeof(ss);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &at);
	listen_failure("", &at, why, sizeof(why));
	assert_non_null(strstr(why, "TCP 127.0.0.1:"));
	close(fd);
	hall_stop(&h);
}

static void
failure_to_listen_names_address_and_error(void **state)
{
	char why[256], at[ENDPOINT_TEXT_MAX];
	struct endpoint foreign;
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	listen_failure("", &h.at, why, sizeof(why));
	assert_non_null(strstr(why, endpoint_format(&h.at, at)));
	assert_non_null(strstr(why, "in use"));
	listen_failure("nosuch0", &h.at, why, sizeof(why));
	assert_non_null(strstr(why, "nosuch0"));
	assert_int_equal(endpoint_parse("192.0.2.77:4646", 0, &foreign), 0);
	listen_failure("", &foreign, why, sizeof(why));
	assert_non_null(strstr(why, "192.0.2.77:4646"));
	hall_stop(&h);
}

/* --- all of them ---------------------------------------------------------------------------- */

struct visit {
	unsigned seen, stop_after;
	bool close, abandon;
};

static bool
visit_one(void *arg, struct session *s)
{
	struct visit *v = arg;

	v->seen++;
	if (v->close)
		session_close(s);
	if (v->abandon)
		session_abandon(s);
	return v->seen != v->stop_after;
}

static void
visitor_may_close_each(void **state)
{
	struct visit all = {0}, two = {.stop_after = 2}, close = {.close = true};
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	for (int i = 0; i < 3; i++)
		dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.server.ups == 3 && h.client.ups == 3);
	listener_each(h.listener, visit_one, &all);
	assert_int_equal(all.seen, 3);
	listener_each(h.listener, visit_one, &two);
	assert_int_equal(two.seen, 2);
	listener_each(h.listener, visit_one, &close);
	assert_int_equal(close.seen, 3);
	assert_int_equal(listener_count(h.listener), 0);
	assert_int_equal(h.server.downs, 0);
	WAIT(h.loop, h.server.downs == 3 && h.client.downs == 3);
	hall_stop(&h);
}

static void
visitor_may_abandon_each(void **state)
{
	struct visit abandon = {.abandon = true};
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	for (int i = 0; i < 3; i++)
		dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.server.ups == 3 && h.client.ups == 3);
	listener_each(h.listener, visit_one, &abandon);
	assert_int_equal(abandon.seen, 3);
	WAIT(h.loop, h.client.downs == 3);
	assert_int_equal(h.server.downs, 0);
	hall_stop(&h);
}

static void
new_credentials_are_for_later_handshakes(void **state)
{
	struct credentials *c = harness_credentials("server", "ca2");
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	listener_set_credentials(h.listener, c);
	credentials_unref(c);
	dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.server.downs == 1 && h.client.downs == 1);
	assert_int_equal(h.server.ups, 1);
	assert_int_equal(listener_count(h.listener), 1);
	h.client.downs = 0;
	hall_stop(&h);
}

/* Begun before them, and done after: by what they trust. */
static void
handshake_under_way_is_proven_by_the_new_credentials(void **state)
{
	struct credentials *c = harness_credentials("server", "ca2");
	struct tube tube;
	struct line *line;
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	tube_start(&tube, h.loop, &h.at);
	tube_hold(&tube, true);
	line = line_new(h.loop, &tube.at, NULL, h.client_credentials);
	WAIT(h.loop, tube.up > 0);
	harness_settle(h.loop); /* the server has answered its hello */
	listener_set_credentials(h.listener, c);
	credentials_unref(c);
	tube_hold(&tube, false);
	WAIT(h.loop, h.server.judged || line_is_over(line));
	assert_int_equal(h.server.judged, 0);
	line_free(line);
	tube_stop(&tube);
	hall_stop(&h);
}

/* Likewise one that has proven itself, and then waits with its CSM for them. */
static void
greeting_under_way_is_judged_by_the_new_credentials(void **state)
{
	struct credentials *c = harness_credentials("server", "ca2");
	struct line *line;
	struct hall h;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	line = line_new(h.loop, &h.at, NULL, h.client_credentials);
	WAIT(h.loop, line_count(line) == 1); /* the server's CSM */
	assert_int_equal(h.server.judged, 1);
	listener_set_credentials(h.listener, c);
	credentials_unref(c);
	line_greet(line);
	WAIT(h.loop, h.server.ups || line_is_over(line));
	assert_int_equal(h.server.ups, 0);
	assert_int_equal(h.server.judged, 1);
	line_free(line);
	hall_stop(&h);
}

static void
new_credentials_end_old_tickets(void **state)
{
	struct credentials *c = harness_credentials("server", "ca");
	struct resumption *r;
	struct dial d;
	struct hall h;
	int error;

	(void)state;
	hall_start(&h, "127.0.0.1", NULL);
	dial_from(&h, &h.at, NULL);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	r = session_resumption(h.client.session);
	listener_set_credentials(h.listener, c);
	credentials_unref(c);
	d = harness_dialling(&h.at, h.client_credentials);
	d.resume = r;
	assert_non_null(session_dial(h.loop, &d, &side_ops, &h.client, &error));
	resumption_free(r);
	WAIT(h.loop, h.server.ups == 2 && h.client.ups == 2);
	assert_false(h.server.resumed);
	hall_stop(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellos_of_many_sources_leave_no_state),
		cmocka_unit_test(answer_to_a_hello_is_smaller_than_the_hello),
		cmocka_unit_test(half_open_handshakes_are_shared_out_by_prefix),
		cmocka_unit_test(half_open_handshakes_are_limited),
		cmocka_unit_test(the_fullest_prefix_makes_room_for_a_new_client),
		cmocka_unit_test(who_has_just_begun_makes_no_room_for_a_new_client),
		cmocka_unit_test(place_of_a_finished_handshake_is_free_again),
		cmocka_unit_test(established_sessions_are_limited),
		cmocka_unit_test(handshakes_wait_for_their_turn),
		cmocka_unit_test(connections_are_shared_out_by_prefix),
		cmocka_unit_test(connections_and_handshakes_are_limited_together),
		cmocka_unit_test(the_fullest_prefix_makes_room_for_a_new_connection),
		cmocka_unit_test(place_of_a_connection_is_free_again_when_it_is_up_or_gone),
		cmocka_unit_test(established_connections_are_limited),
		cmocka_unit_test(connections_wait_for_their_turn),
		cmocka_unit_test(new_handshake_on_a_live_flow_replaces_it_when_done),
		cmocka_unit_test(unfinished_handshake_on_a_live_flow_changes_nothing),
		cmocka_unit_test(answers_leave_from_the_address_that_was_asked),
		cmocka_unit_test(answers_leave_from_the_address_that_was_asked_ipv6),
		cmocka_unit_test(one_client_at_two_addresses_has_two_sessions),
		cmocka_unit_test(failure_to_listen_names_the_transport),
		cmocka_unit_test(failure_to_listen_names_address_and_error),
		cmocka_unit_test(visitor_may_close_each),
		cmocka_unit_test(visitor_may_abandon_each),
		cmocka_unit_test(new_credentials_are_for_later_handshakes),
		cmocka_unit_test(handshake_under_way_is_proven_by_the_new_credentials),
		cmocka_unit_test(greeting_under_way_is_judged_by_the_new_credentials),
		cmocka_unit_test(new_credentials_end_old_tickets),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
