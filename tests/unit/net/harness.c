/*
 * See harness.h.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TURN_MS = 2, SETTLE_TURNS = 20 };

/* --- time ----------------------------------------------------------------------------------- */

long
harness_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
harness_late(const char *expression, const char *file, int line)
{
	fail_msg("%s:%d: never became true: %s", file, line, expression);
}

static void
stop_loop(void *arg)
{
	loop_stop(arg);
}

void
harness_turn(struct loop *l)
{
	struct timer *t = timer_new(l, stop_loop, l);

	timer_after(t, TURN_MS);
	loop_run(l);
	timer_free(t);
}

void
harness_settle(struct loop *l)
{
	for (int i = 0; i < SETTLE_TURNS; i++)
		harness_turn(l);
}

/* --- owners --------------------------------------------------------------------------------- */

static const char *
side_judge(void *arg, struct session *s)
{
	struct side *side = arg;

	assert_non_null(session_peer(s)->name);
	side->judged++;
	return side->refuse;
}

static void
side_up(void *arg, struct session *s)
{
	struct side *side = arg;

	assert_true(session_is_up(s));
	side->ups++;
	side->session = s;
	side->peer = *session_peer(s);
	side->resumed = session_was_resumed(s);
	if (side->on_up)
		side->on_up(side, s);
}

static void
side_down(void *arg, struct session *s, const char *reason)
{
	struct side *side = arg;

	assert_false(session_is_up(s));
	side->downs++;
	if (side->session == s)
		side->session = NULL;
	snprintf(side->reason, sizeof(side->reason), "%s", reason);
	side->farewell = session_said_farewell(s);
}

static void
side_heard(void *arg, struct session *s)
{
	struct side *side = arg;

	(void)s;
	side->heard++;
}

void
side_answer(struct exchange *ex, uint8_t code, const char *payload)
{
	struct coap_msg msg;

	coap_init(&msg, COAP_NON, code);
	msg.payload = (const uint8_t *)payload;
	msg.payload_len = strlen(payload);
	exchange_respond(ex, &msg);
}

void
side_answer_held(struct side *side)
{
	for (unsigned i = 0; i < side->n_held; i++)
		side_answer(side->held[i], COAP_205_CONTENT, "pong");
	side->n_held = 0;
}

static void
side_request(void *arg, struct session *s, struct exchange *ex, const struct coap_msg *req)
{
	struct side *side = arg;

	assert_ptr_equal(exchange_session(ex), s);
	side->requests++;
	side->type = req->type;
	snprintf(side->payload, sizeof(side->payload), "%.*s", (int)req->payload_len,
		req->payload ? (const char *)req->payload : "");
	if (side->on_request)
		side->on_request(side, s);
	if (side->answer) {
		side->answer(side, ex, req);
	} else if (side->hold) {
		assert_true(side->n_held < HELD_MAX);
		side->held[side->n_held++] = ex;
	} else if (side->answer_len) {
		char *long_text = calloc(1, side->answer_len + 1);

		memset(long_text, 'x', side->answer_len);
		side_answer(ex, COAP_205_CONTENT, long_text);
		free(long_text);
	} else {
		side_answer(ex, COAP_205_CONTENT, "pong");
	}
}

static void
side_observer_gone(void *arg, struct session *s, const uint8_t *token, size_t len)
{
	struct side *side = arg;

	(void)s;
	assert_int_equal(len, 4);
	assert_memory_equal(token, "tokn", 4);
	side->observers_gone++;
}

const struct session_ops side_ops = {
	.judge = side_judge,
	.up = side_up,
	.down = side_down,
	.request = side_request,
	.heard = side_heard,
	.observer_gone = side_observer_gone,
};

int
side_psk(void *arg, const char *identity, uint8_t *key, size_t *inout_len)
{
	const struct side *side = arg;

	if (!side->psk_name || strcmp(identity, side->psk_name) != 0)
		return -ENOENT;
	assert_true(*inout_len >= sizeof(side->psk_key));
	memcpy(key, side->psk_key, sizeof(side->psk_key));
	*inout_len = sizeof(side->psk_key);
	return 0;
}

void
answers_cb(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct answers *a = arg;

	(void)s;
	a->n++;
	a->error = error;
	assert_true((response == NULL) == (error != 0));
	if (!response)
		return;
	a->code = response->code;
	a->type = response->type;
	snprintf(a->payload, sizeof(a->payload), "%.*s", (int)response->payload_len,
		response->payload ? (const char *)response->payload : "");
}

int64_t
ask(struct session *s, enum coap_type type, const char *payload, struct answers *a)
{
	struct coap_msg msg;

	coap_init(&msg, type, COAP_PUT);
	coap_add_text(&msg, COAP_OPT_URI_PATH, "hb");
	msg.payload = (const uint8_t *)payload;
	msg.payload_len = strlen(payload);
	return request_send(s, &msg, answers_cb, a);
}

/* --- credentials and ends ------------------------------------------------------------------- */

void
harness_pki(void)
{
	static const struct pki_spec specs[] = {
		{.name = "ca", .cn = "CA one"},
		{.name = "ca2", .cn = "CA two"},
		{.name = "server",
			.issuer = "ca",
			.cn = "server",
			.dns = {"dots.example"},
			.ip = "127.0.0.1",
			.server = true},
		{.name = "client", .issuer = "ca", .cn = "client.example", .client = true},
		{.name = "named",
			.issuer = "ca",
			.cn = "other",
			.dns = {"first.example", "second.example"},
			.client = true},
		{.name = "foreign", .issuer = "ca2", .cn = "foreign.example", .client = true},
		{.name = "stale",
			.issuer = "ca",
			.cn = "stale.example",
			.dns = {"dots.example"},
			.server = true,
			.client = true,
			.from_days = -9,
			.until_days = -2},
		{.name = "early",
			.issuer = "ca",
			.cn = "early.example",
			.dns = {"dots.example"},
			.server = true,
			.client = true,
			.from_days = 2,
			.until_days = 9},
		{.name = "cn-only", .issuer = "ca", .cn = "dots.example", .server = true},
		{.name = "wildcard", .issuer = "ca", .dns = {"*.dots.example"}, .server = true},
		{.name = "uri", .issuer = "ca", .uri = "coaps://dots.example/", .server = true},
		{.name = "srv",
			.issuer = "ca",
			.dns = {"front7.example"},
			.srv = "_dots-signal.dots.example",
			.server = true},
		{.name = "srv-data",
			.issuer = "ca",
			.srv = "_dots-data.dots.example",
			.server = true},
		{.name = "srv-other", /* of as many letters */
			.issuer = "ca",
			.srv = "_xmpp-server.dots.example",
			.server = true},
		{.name = "srv-wildcard", .issuer = "ca", .srv = "_dots-signal.*", .server = true},
		{.name = "sub", .issuer = "ca", .cn = "CA below", .ca = true},
		{.name = "srv-sub",
			.issuer = "sub",
			.srv = "_dots-signal.dots.example",
			.server = true},
		{.name = "narrow",
			.issuer = "ca",
			.cn = "CA for one",
			.ca = true,
			.permitted = "other.example"},
		{.name = "srv-narrow",
			.issuer = "narrow",
			.srv = "_dots-signal.dots.example",
			.server = true},
		{.name = "strict", .cn = "CA three", .permitted = "other.example"},
		{.name = "strict-twin", .cn = "CA three"},
		{.name = "srv-strict",
			.issuer = "strict",
			.srv = "_dots-signal.dots.example",
			.server = true},
	};

	pki_start();
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		pki_make(&specs[i]);
	pki_join((const char *const[]){"srv-sub", "sub", NULL}, ".crt");
	pki_join((const char *const[]){"srv-narrow", "narrow", NULL}, ".crt");
	pki_join(
		(const char *const[]){"srv-strict", "foreign", NULL}, ".crt"); /* not of its path */
	pki_join((const char *const[]){"strict", "ca2", NULL}, ".crt");
	pki_join((const char *const[]){"strict-twin", "strict", NULL}, ".crt");
	pki_write("good.psk", "000102030405060708090a0b0c0d0e0f\n");
	pki_write("bad.psk", "ff0102030405060708090a0b0c0d0e0f\n");
}

int
harness_begin(void **state)
{
	(void)state;
	harness_pki();
	return 0;
}

int
harness_end(void **state)
{
	(void)state;
	pki_finish();
	return 0;
}

struct credentials *
harness_credentials(const char *certificate, const char *trust)
{
	struct credentials_config cfg = {
		.certificate = pki_path(certificate, ".crt"),
		.key = pki_path(certificate, ".key"),
		.trust = pki_path(trust, ".crt"),
	};
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(&cfg, &c, why, sizeof(why)) == CREDENTIALS_BROKEN)
		fail_msg("%s", why);
	return c;
}

struct credentials *
harness_psk(const char *identity, const char *file)
{
	struct credentials_config cfg = {.psk_identity = identity, .psk_file = pki_path(file, "")};
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(&cfg, &c, why, sizeof(why)) != CREDENTIALS_OK)
		fail_msg("%s", why);
	return c;
}

uint16_t
harness_free_port(const struct endpoint *at)
{
	struct endpoint got = {0};

	for (int tries = 0; tries < 100; tries++) {
		struct sockaddr_storage ss;
		socklen_t len = endpoint_to_sockaddr(at, &ss);
		int udp = socket(ss.ss_family, SOCK_DGRAM, 0);
		int tcp = socket(ss.ss_family, SOCK_STREAM, 0);
		bool both;

		assert_int_equal(bind(udp, (struct sockaddr *)&ss, len), 0);
		len = sizeof(ss);
		assert_int_equal(getsockname(udp, (struct sockaddr *)&ss, &len), 0);
		assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &got), 0);
		both = bind(tcp, (struct sockaddr *)&ss, len) == 0;
		close(udp);
		close(tcp);
		if (both)
			return got.port;
	}
	fail_msg("no port is free for UDP and TCP");
	return 0;
}

struct listener *
harness_listen(struct loop *l, const char *address, struct listener_config *cfg, struct side *side,
	struct endpoint *ret)
{
	struct listener_config plain = {0};
	struct listen_socket socket = {0};
	struct credentials *own = NULL;
	struct listener *ln;
	char why[256] = "";

	if (!cfg) {
		cfg = &plain;
		cfg->credentials = own = harness_credentials("server", "ca");
	}
	assert_int_equal(endpoint_parse(address, 0, &socket.local), 0);
	if (socket.local.port == 0)
		socket.local.port = harness_free_port(&socket.local);
	cfg->sockets = &socket;
	cfg->n_sockets = 1;
	ln = listener_new(l, cfg, &side_ops, side, why, sizeof(why));
	if (!ln)
		fail_msg("%s", why);
	credentials_unref(own);
	*ret = socket.local;
	return ln;
}

struct dial
harness_dialling(const struct endpoint *to, struct credentials *c)
{
	return (struct dial){.remote = *to, .server_name = "dots.example", .credentials = c};
}

/* --- relay ---------------------------------------------------------------------------------- */

static void
relay_send_down(struct relay *r, const void *bytes, size_t len)
{
	sendto(r->outer_fd, bytes, len, 0, (struct sockaddr *)&r->client, r->client_len);
}

static void
relay_from_client(void *arg, int events)
{
	struct relay *r = arg;
	uint8_t bytes[65536];
	ssize_t n;

	(void)events;
	for (;;) {
		r->client_len = sizeof(r->client);
		n = recvfrom(r->outer_fd, bytes, sizeof(bytes), MSG_DONTWAIT,
			(struct sockaddr *)&r->client, &r->client_len);
		if (n < 0)
			return;
		r->up++;
		if (r->deaf || (r->pass_up && !r->pass_up(r->pass_arg, bytes, (size_t)n)))
			continue;
		if (r->lose_up) {
			r->lose_up--;
			continue;
		}
		send(r->inner_fd, bytes, (size_t)n, 0);
		if (r->twice)
			send(r->inner_fd, bytes, (size_t)n, 0);
	}
}

static void
relay_from_server(void *arg, int events)
{
	struct relay *r = arg;
	uint8_t bytes[65536];
	ssize_t n;

	(void)events;
	while ((n = recv(r->inner_fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
		r->down++;
		if ((size_t)n <= sizeof(r->last_down)) {
			memcpy(r->last_down, bytes, (size_t)n);
			r->last_down_len = (size_t)n;
		}
		if (r->deaf)
			continue;
		if (r->lose_down) {
			r->lose_down--;
			continue;
		}
		relay_send_down(r, bytes, (size_t)n);
	}
}

void
relay_watch_outer(struct relay *r, struct loop *l)
{
	r->outer = watch_new(l, r->outer_fd, LOOP_READ, relay_from_client, r);
}

void
relay_start(struct relay *r, struct loop *l, const struct endpoint *server)
{
	struct sockaddr_storage ss;
	struct endpoint at;
	socklen_t len;

	memset(r, 0, sizeof(*r));
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &at), 0);
	r->outer_fd = socket(AF_INET, SOCK_DGRAM, 0);
	len = endpoint_to_sockaddr(&at, &ss);
	assert_int_equal(bind(r->outer_fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(r->outer_fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &r->at), 0);
	r->inner_fd = socket(AF_INET, SOCK_DGRAM, 0);
	len = endpoint_to_sockaddr(server, &ss);
	assert_int_equal(connect(r->inner_fd, (struct sockaddr *)&ss, len), 0);
	relay_watch_outer(r, l);
	r->inner = watch_new(l, r->inner_fd, LOOP_READ, relay_from_server, r);
}

void
relay_stop(struct relay *r)
{
	watch_free(r->outer);
	watch_free(r->inner);
	close(r->outer_fd);
	close(r->inner_fd);
}

void
relay_inject_down(struct relay *r, const void *bytes, size_t len)
{
	relay_send_down(r, bytes, len);
}

void
relay_inject_up(struct relay *r, const void *bytes, size_t len)
{
	send(r->inner_fd, bytes, len, 0);
}
