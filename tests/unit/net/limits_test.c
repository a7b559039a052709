/*
 * What a peer can make grow in a session or before it, and what happens beyond (doc/limits.md).
 */
#include "harness.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/session_private.h"
#include "net/udp.h"

struct hall {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side server, client;
	struct credentials *credentials;
};

static void
hall_start(struct hall *h, struct listener_config *cfg)
{
	memset(h, 0, sizeof(*h));
	h->loop = loop_new();
	cfg->credentials = harness_credentials("server", "ca");
	h->listener = harness_listen(h->loop, "127.0.0.1", cfg, &h->server, &h->at);
	credentials_unref(cfg->credentials);
	h->credentials = harness_credentials("client", "ca");
}

static void
hall_stop(struct hall *h)
{
	listener_free(h->listener);
	WAIT(h->loop, h->client.downs >= h->client.ups);
	credentials_unref(h->credentials);
	loop_free(h->loop);
}

static struct session *
dial_to(struct hall *h, const struct endpoint *to, struct credentials *c)
{
	struct dial d = harness_dialling(to, c);
	struct session *s;
	int error;

	s = session_dial(h->loop, &d, &side_ops, &h->client, &error);
	assert_non_null(s);
	return s;
}

static struct raw *
mute_from(struct hall *h, const char *source)
{
	struct raw *r = raw_new(h->loop, &h->at, source, h->credentials);

	raw_mute(r);
	return r;
}

/* The server has begun: it said more than its answer to the first ClientHello. */
static bool
has_begun(const struct raw *r)
{
	return raw_datagrams(r) > 1;
}

/* --- handshakes ----------------------------------------------------------------------------- */

static void
a_stalled_handshake_ends_and_frees_its_places(void **state)
{
	struct listener_config cfg = {.handshake_timeout_ms = 300,
		.max_half_open = 1,
		.max_half_open_per_prefix = 1,
		.max_sessions = 1};
	struct raw *raw;
	struct hall h;

	(void)state;
	hall_start(&h, &cfg);
	for (unsigned i = 1; i <= 3; i++) {
		raw = mute_from(&h, "127.0.5.1");
		WAIT(h.loop, has_begun(raw));
		WAIT(h.loop, h.server.downs == i);
		assert_string_equal(h.server.reason, "handshake timed out");
		raw_free(raw);
	}
	dial_to(&h, &h.at, h.credentials);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	hall_stop(&h);
}

/* 9132-11-09: a ClientHello announces 2^24 - 1 bytes, and they come. */
static void
a_handshake_over_tcp_has_64_kib(void **state)
{
	static const uint8_t head[] = {22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff},
			     more[1005] = {22, 3, 1, 3, 232};
	struct listener_config cfg = {0};
	struct hall h;
	int fd;

	(void)state;
	hall_start(&h, &cfg);
	fd = knock(&h.at, NULL);
	assert_int_equal(send(fd, head, sizeof(head), 0), sizeof(head));
	while (h.server.downs == 0) {
		(void)!send(fd, more, sizeof(more), MSG_NOSIGNAL);
		harness_turn(h.loop);
	}
	assert_string_equal(h.server.reason, "handshake: more than 65536 bytes (RFC 9132 11)");
	close(fd);
	hall_stop(&h);
}

/* Lets the two ClientHellos through, then nothing until it is opened. */
struct gate {
	bool open;
	unsigned passed;
};

static bool
pass_gate(void *arg, const uint8_t *bytes, size_t len)
{
	struct gate *g = arg;

	(void)bytes;
	(void)len;
	if (!g->open && g->passed == 2)
		return false;
	g->passed++;
	return true;
}

static void
handshakes_under_way_do_not_come_in_beyond_the_limit(void **state)
{
	struct listener_config cfg = {.max_sessions = 1};
	struct relay relay;
	struct session *second;
	struct gate gate = {0};
	struct hall h;

	(void)state;
	hall_start(&h, &cfg);
	relay_start(&relay, h.loop, &h.at);
	relay.pass_up = pass_gate;
	relay.pass_arg = &gate;
	dial_to(&h, &relay.at, h.credentials);
	WAIT(h.loop, gate.passed == 2); /* the server has begun */
	second = dial_to(&h, &h.at, h.credentials);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	gate.open = true;
	WAIT(h.loop, h.server.downs == 1 && h.client.downs == 1);
	assert_string_equal(h.server.reason, "as many sessions as this server takes");
	assert_int_equal(h.server.ups, 1);
	assert_int_equal(listener_count(h.listener), 1);
	session_close(second);
	WAIT(h.loop, h.server.downs == 2 && h.client.downs == 2);
	relay_stop(&relay);
	hall_stop(&h);
}

/* 9132-11-09: of a message of 2^24 - 1 bytes, in place of the client's certificate; nothing is set
 * aside for it, and the handshake goes on. */
static void
a_part_of_a_huge_handshake_message_is_dropped(void **state)
{
	static const uint8_t part[13 + 12 + 8] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 20, 11,
		0xff, 0xff, 0xff, 0, 2, 0, 0, 0, 0, 0, 8};
	struct listener_config cfg = {0};
	struct gate gate = {0};
	struct relay relay;
	struct hall h;

	(void)state;
	hall_start(&h, &cfg);
	relay_start(&relay, h.loop, &h.at);
	relay.pass_up = pass_gate;
	relay.pass_arg = &gate;
	dial_to(&h, &relay.at, h.credentials);
	WAIT(h.loop, gate.passed == 2); /* the server has begun */
	harness_settle(h.loop);
	relay_inject_up(&relay, part, sizeof(part));
	harness_settle(h.loop);
	gate.open = true;
	WAIT(h.loop, h.server.ups == 1 || h.server.downs == 1);
	assert_int_equal(h.server.downs, 0);
	WAIT(h.loop, h.client.ups == 1);
	listener_free(h.listener);
	WAIT(h.loop, h.client.downs == 1);
	relay_stop(&relay);
	credentials_unref(h.credentials);
	loop_free(h.loop);
}

/* Two prefixes come again and again for places that they do not use: they take them from each
 * other. */
static void
who_stalls_takes_no_place_of_a_prefix_with_fewer(void **state)
{
	enum { CROWD = 6, STALLED_MS = 1000 };
	struct listener_config cfg = {.max_half_open = 4, .max_half_open_per_prefix = 2};
	struct raw *crowd[CROWD];
	struct relay relay;
	struct gate gate = {0};
	struct hall h;
	mono_ms since;
	char source[32];

	(void)state;
	hall_start(&h, &cfg);
	relay_start(&relay, h.loop, &h.at);
	relay.pass_up = pass_gate;
	relay.pass_arg = &gate;
	dial_to(&h, &relay.at, h.credentials);
	WAIT(h.loop, gate.passed == 2);
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(source, sizeof(source), "127.0.%u.%u", 5 + i % 2, 1 + i);
		since = loop_now(h.loop);
		WAIT(h.loop, i < 3 || loop_now(h.loop) >= since + STALLED_MS);
		crowd[i] = mute_from(&h, source);
		WAIT(h.loop, raw_datagrams(crowd[i]) >= 1);
		harness_settle(h.loop);
	}
	assert_int_equal(listener_handshakes(h.listener), 4);
	assert_true(h.server.downs > 0);
	gate.open = true;
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	session_close(h.client.session);
	WAIT(h.loop, h.client.downs == 1);
	for (unsigned i = 0; i < CROWD; i++)
		raw_free(crowd[i]);
	relay_stop(&relay);
	hall_stop(&h);
}

static void
who_waits_for_its_turn_is_not_overtaken(void **state)
{
	enum { CROWD = 60 };
	struct listener_config cfg = {.handshakes_per_turn = 1, .max_half_open = 3 * CROWD};
	struct raw *before[CROWD], *after[CROWD];
	unsigned begun = 0;
	struct hall h;
	char source[32];

	(void)state;
	hall_start(&h, &cfg);
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(source, sizeof(source), "127.1.%u.1", i);
		before[i] = mute_from(&h, source);
	}
	dial_to(&h, &h.at, h.credentials);
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(source, sizeof(source), "127.2.%u.1", i);
		after[i] = mute_from(&h, source);
	}
	WAIT(h.loop, h.client.ups == 1);
	for (unsigned i = 0; i < CROWD; i++)
		begun += has_begun(after[i]);
	assert_in_range(begun, 0, CROWD / 2);
	for (unsigned i = 0; i < CROWD; i++) {
		raw_free(before[i]);
		raw_free(after[i]);
	}
	hall_stop(&h);
}

/* Each datagram of the client arrives ten times. */
static bool
pass_ten_times(void *arg, const uint8_t *bytes, size_t len)
{
	for (int i = 0; i < 9; i++)
		relay_inject_up(arg, bytes, len);
	return true;
}

static void
copies_of_a_hello_that_waits_are_kept_a_few_times_only(void **state)
{
	enum { CROWD = 40 };
	struct listener_config cfg = {.handshakes_per_turn = 1};
	struct raw *crowd[CROWD];
	struct relay relay;
	struct hall h;
	char source[32];

	(void)state;
	hall_start(&h, &cfg);
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(source, sizeof(source), "127.1.%u.1", i);
		crowd[i] = mute_from(&h, source);
	}
	relay_start(&relay, h.loop, &h.at);
	relay.pass_up = pass_ten_times;
	relay.pass_arg = &relay;
	dial_to(&h, &relay.at, h.credentials);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	for (unsigned i = 0; i < CROWD; i++)
		raw_free(crowd[i]);
	session_close(h.client.session);
	WAIT(h.loop, h.client.downs == 1 && h.server.downs >= 1);
	relay_stop(&relay);
	hall_stop(&h);
}

/* --- certificates --------------------------------------------------------------------------- */

/* ca → link1 → … → link<n>, the last one signs the leaf: n + 1 certificates are shown. */
static struct credentials *
chain_of_length(unsigned n)
{
	const char *names[16] = {"leaf"};
	static char link[16][16];

	for (unsigned i = 1; i < n; i++) {
		snprintf(link[i], sizeof(link[i]), "link%u", i);
		pki_make(&(struct pki_spec){.name = link[i],
			.issuer = i > 1 ? link[i - 1] : "ca",
			.cn = link[i],
			.ca = true});
		names[n - i] = link[i];
	}
	pki_make(&(struct pki_spec){.name = "leaf",
		.issuer = names[1],
		.cn = "client.example",
		.dns = {"dots.example"},
		.client = true,
		.server = true});
	pki_join(names, ".crt");
	return harness_credentials("leaf", "ca");
}

static void
a_chain_of_more_than_eight_is_refused(void **state)
{
	struct listener_config cfg = {0};
	struct credentials *c;
	struct session *first;
	struct hall h;

	(void)state;
	hall_start(&h, &cfg);
	c = chain_of_length(8);
	first = dial_to(&h, &h.at, c);
	credentials_unref(c);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	c = chain_of_length(9);
	dial_to(&h, &h.at, c);
	credentials_unref(c);
	WAIT(h.loop, h.server.downs == 1 && h.client.downs == 1);
	assert_non_null(strstr(h.server.reason, "more than 8"));
	session_close(first);
	WAIT(h.loop, h.server.downs == 2 && h.client.downs == 2);
	hall_stop(&h);
}

static void
a_server_that_shows_more_than_eight_is_refused(void **state)
{
	struct listener_config cfg = {0};
	struct credentials *c;
	struct session *first;
	struct hall h;

	(void)state;
	hall_start(&h, &cfg);
	c = chain_of_length(8);
	listener_set_credentials(h.listener, c);
	credentials_unref(c);
	first = dial_to(&h, &h.at, h.credentials);
	WAIT(h.loop, h.server.ups == 1 && h.client.ups == 1);
	c = chain_of_length(9);
	listener_set_credentials(h.listener, c);
	credentials_unref(c);
	dial_to(&h, &h.at, h.credentials);
	WAIT(h.loop, h.client.downs == 1);
	assert_non_null(strstr(h.client.reason, "more than 8"));
	assert_int_equal(h.client.ups, 1);
	session_close(first);
	WAIT(h.loop, h.client.downs == 2);
	hall_stop(&h);
}

/* --- datagrams ------------------------------------------------------------------------------ */

static unsigned
arrived(int fd)
{
	uint8_t byte;
	unsigned n = 0;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
		n++;
	return n;
}

/* A queue that is full is written before it takes another one; what is left goes out at the end of
 * the turn. */
static void
datagrams_beyond_a_queue_leave_at_once(void **state)
{
	enum { QUEUE = 64, MORE = 3 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), error;
	struct loop *l = loop_new();
	struct sockaddr_storage ss;
	struct endpoint at;
	struct udp_path path = {0};
	socklen_t len;
	unsigned late = 0;
	struct udp *u;

	(void)state;
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &at), 0);
	len = endpoint_to_sockaddr(&at, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &at);
	u = udp_connect(l, NULL, NULL, &at, NULL, NULL, &error);
	assert_non_null(u);
	for (int i = 0; i < QUEUE; i++)
		udp_send(u, &path, "x", 1);
	assert_int_equal(arrived(fd), 0);
	for (int i = 0; i < MORE; i++)
		udp_send(u, &path, "x", 1);
	assert_int_equal(arrived(fd), QUEUE);
	WAIT(l, (late += arrived(fd)) == MORE);
	udp_free(u);
	close(fd);
	loop_free(l);
}

/* --- messages ------------------------------------------------------------------------------- */

/* A server session and its peer by hand. */
struct table {
	struct hall hall;
	struct raw *raw;
	struct session *s;
};

static void
table_start(struct table *t)
{
	struct listener_config cfg = {0};

	hall_start(&t->hall, &cfg);
	t->raw = raw_new(t->hall.loop, &t->hall.at, NULL, t->hall.credentials);
	WAIT(t->hall.loop, raw_is_up(t->raw) && t->hall.server.ups == 1);
	t->s = t->hall.server.session;
}

static void
table_stop(struct table *t)
{
	raw_free(t->raw);
	hall_stop(&t->hall);
}

static void
say(struct table *t, enum coap_type type, uint8_t code, uint16_t id)
{
	struct coap_msg m;

	coap_init(&m, type, code);
	m.id = id;
	if (code != COAP_EMPTY) {
		m.token_len = 4;
		memcpy(m.token, "tokn", 4);
	}
	raw_send_msg(t->raw, &m);
}

static void
a_session_may_have_fewer_waiting_requests(void **state)
{
	struct table t;
	struct side *side = &t.hall.server;
	const struct coap_msg *m;
	uint32_t age = 0;

	(void)state;
	table_start(&t);
	side->hold = true;
	session_set_waiting_max(t.s, 2);
	for (uint16_t i = 0; i < 3; i++)
		say(&t, COAP_NON, COAP_GET, i);
	WAIT(t.hall.loop, raw_count(t.raw) == 1);
	m = raw_msg(t.raw, 0);
	assert_int_equal(m->code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(coap_get_uint(m, COAP_OPT_MAX_AGE, &age) && age > 0);
	assert_int_equal(side->requests, 2);
	side_answer_held(side);
	say(&t, COAP_NON, COAP_GET, 3);
	WAIT(t.hall.loop, side->n_held == 1);
	side_answer_held(side);
	table_stop(&t);
}

/* Requests of the ids first … first + n - 1, each acknowledged and held. */
static void
hold_confirmable(struct table *t, uint16_t first, uint16_t n)
{
	unsigned before = raw_count(t->raw), held = t->hall.server.n_held;

	session_set_params(t->s, &(struct coap_params){40, 100, 12});
	for (uint16_t i = 0; i < n; i++)
		say(t, COAP_CON, COAP_GET, (uint16_t)(first + i));
	WAIT(t->hall.loop, t->hall.server.n_held == held + n);
	WAIT(t->hall.loop, raw_count(t->raw) == before + n);
	/* What is answered now is not repeated while the test lasts. */
	session_set_params(t->s, &(struct coap_params){600000, 100, 12});
}

static void
separate_answers_beyond_64_are_sent_once(void **state)
{
	enum { MANY = MESSAGING_REPLIES_MAX };
	struct table t;

	(void)state;
	table_start(&t);
	t.hall.server.hold = true;
	hold_confirmable(&t, 0, MANY);
	side_answer_held(&t.hall.server);
	WAIT(t.hall.loop, raw_count(t.raw) == 2 * MANY);
	for (unsigned i = MANY; i < 2 * MANY; i++)
		assert_int_equal(raw_msg(t.raw, i)->type, COAP_CON);
	hold_confirmable(&t, MANY, 1);
	side_answer_held(&t.hall.server);
	WAIT(t.hall.loop, raw_count(t.raw) == 2 * MANY + 2);
	assert_int_equal(raw_msg(t.raw, 2 * MANY + 1)->type, COAP_NON);
	assert_int_equal(raw_msg(t.raw, 2 * MANY + 1)->code, COAP_205_CONTENT);
	assert_int_equal(t.s->coap.n_replies, MANY);
	table_stop(&t);
}

static void
rejections_of_the_last_32_notifications_are_understood(void **state)
{
	enum { MANY = MESSAGING_NOTES + 1 };
	struct coap_msg note;
	struct table t;

	(void)state;
	table_start(&t);
	coap_init(&note, COAP_NON, COAP_205_CONTENT);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(session_notify(t.s, (const uint8_t *)"tokn", 4, &note), 0);
	WAIT(t.hall.loop, raw_count(t.raw) == MANY);
	say(&t, COAP_RST, COAP_EMPTY, raw_msg(t.raw, 0)->id); /* too old */
	say(&t, COAP_RST, COAP_EMPTY, raw_msg(t.raw, 1)->id);
	WAIT(t.hall.loop, t.hall.server.observers_gone == 1);
	harness_settle(t.hall.loop);
	assert_int_equal(t.hall.server.observers_gone, 1);
	table_stop(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stalled_handshake_ends_and_frees_its_places),
		cmocka_unit_test(a_handshake_over_tcp_has_64_kib),
		cmocka_unit_test(handshakes_under_way_do_not_come_in_beyond_the_limit),
		cmocka_unit_test(a_part_of_a_huge_handshake_message_is_dropped),
		cmocka_unit_test(who_stalls_takes_no_place_of_a_prefix_with_fewer),
		cmocka_unit_test(who_waits_for_its_turn_is_not_overtaken),
		cmocka_unit_test(copies_of_a_hello_that_waits_are_kept_a_few_times_only),
		cmocka_unit_test(a_chain_of_more_than_eight_is_refused),
		cmocka_unit_test(a_server_that_shows_more_than_eight_is_refused),
		cmocka_unit_test(datagrams_beyond_a_queue_leave_at_once),
		cmocka_unit_test(a_session_may_have_fewer_waiting_requests),
		cmocka_unit_test(separate_answers_beyond_64_are_sent_once),
		cmocka_unit_test(rejections_of_the_last_32_notifications_are_understood),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
