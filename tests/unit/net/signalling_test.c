/*
 * Signalling of CoAP over TCP (RFC 8323 section 5), and what is left of the message layer there
 * (sections 3, 7): what the peer sends is written by hand here, what we send is looked at.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A server session under test and its peer. */
struct table {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side side;
	struct line *line;
};

/* The peer's handshake is done, it has said nothing. */
static void
table_start(struct table *t)
{
	struct credentials *c = harness_credentials("client", "ca");

	memset(t, 0, sizeof(*t));
	t->loop = loop_new();
	t->listener = harness_listen(t->loop, "127.0.0.1", NULL, &t->side, &t->at);
	t->line = line_new(t->loop, &t->at, NULL, c);
	credentials_unref(c);
	WAIT(t->loop, line_is_up(t->line));
}

static void
table_up(struct table *t)
{
	table_start(t);
	line_greet(t->line);
	WAIT(t->loop, t->side.ups == 1 && line_count(t->line) == 1);
}

static void
table_stop(struct table *t)
{
	listener_free(t->listener);
	line_free(t->line);
	loop_free(t->loop);
}

/* The i-th message that came, once it is there; the 0th is the server's CSM. */
static const struct coap_msg *
came(struct table *t, unsigned i)
{
	WAIT(t->loop, line_count(t->line) > i);
	return line_msg(t->line, i);
}

static struct coap_msg
message(uint8_t code)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, code);
	m.token_len = 4;
	memcpy(m.token, "tokn", 4);
	return m;
}

static void
send_code(struct table *t, uint8_t code)
{
	struct coap_msg m = message(code);

	line_send_msg(t->line, &m);
}

static bool
contains(const struct coap_msg *m, const char *text)
{
	return m->payload && memmem(m->payload, m->payload_len, text, strlen(text));
}

/* The i-th message is an Abort that says so, and both ends are told. */
static const struct coap_msg *
aborted(struct table *t, unsigned i, const char *text)
{
	const struct coap_msg *m = came(t, i);

	assert_int_equal(m->code, COAP_705_ABORT);
	if (!contains(m, text))
		fail_msg("Abort: %.*s", (int)m->payload_len, (const char *)m->payload);
	WAIT(t->loop, line_is_over(t->line) && t->side.downs == 1);
	assert_string_equal(line_why(t->line), "closed by the peer");
	if (!strstr(t->side.reason, text))
		fail_msg("reason: %s", t->side.reason);
	return m;
}

/* --- capabilities --------------------------------------------------------------------------- */

/* RFC 8323 3.3: it does not wait for the peer's. */
static void
our_first_message_tells_what_we_take(void **state)
{
	const struct coap_msg *m;
	struct table t;
	uint32_t max;

	(void)state;
	table_start(&t);
	m = came(&t, 0);
	assert_int_equal(m->code, COAP_701_CSM);
	assert_true(coap_get_uint(m, COAP_CSM_MAX_MESSAGE_SIZE, &max));
	assert_int_equal(max, COAP_MESSAGE_MAX);
	assert_null(coap_find(m, COAP_CSM_BLOCK_WISE_TRANSFER));
	assert_int_equal(t.side.ups, 0);
	assert_int_equal(listener_count(t.listener), 0);
	line_greet(t.line);
	WAIT(t.loop, t.side.ups == 1);
	assert_int_equal(listener_count(t.listener), 1);
	table_stop(&t);
}

/* RFC 8323 5.3 */
static void
first_message_that_is_no_csm_aborts(void **state)
{
	static const uint8_t codes[] = {COAP_GET, COAP_205_CONTENT, COAP_702_PING, COAP_704_RELEASE,
		COAP_705_ABORT, COAP_CODE(7, 9)};

	(void)state;
	for (size_t i = 0; i < sizeof(codes); i++) {
		struct table t;

		table_start(&t);
		send_code(&t, codes[i]);
		aborted(&t, 1, "the first message is no CSM (RFC 8323 5.3)");
		assert_int_equal(t.side.requests, 0);
		assert_int_equal(t.side.ups, 0);
		table_stop(&t);
	}
}

/* RFC 8323 3.4 */
static void
empty_messages_may_come_at_any_time(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	line_send(t.line, "\0\0\0\0", 4);
	line_greet(t.line);
	line_send(t.line, "\0\0\0\0", 4);
	send_code(&t, COAP_GET);
	assert_int_equal(came(&t, 1)->code, COAP_205_CONTENT);
	assert_int_equal(t.side.ups, 1);
	table_stop(&t);
}

/* Over TCP what is asked right after the CSM is there when the session comes up. */
static void
request_may_follow_the_csm_at_once(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	line_send(t.line, "\x00\xe1\x04\x01tokn", 8);
	assert_int_equal(came(&t, 1)->code, COAP_205_CONTENT);
	assert_int_equal(t.side.ups, 1);
	assert_int_equal(t.side.requests, 1);
	table_stop(&t);
}

static int64_t
ask_bytes(struct session *s, size_t payload)
{
	static char text[COAP_MESSAGE_MAX];
	static struct answers a;

	memset(text, 'x', sizeof(text));
	text[payload] = 0;
	return ask(s, COAP_NON, text, &a);
}

/* RFC 8323 5.3.1: header 1 + 2 + 1, token 8, Uri-Path "hb" 3, marker 1. */
static void
we_send_no_more_than_the_peer_takes(void **state)
{
	enum { AROUND = 16 };
	struct session *s;
	struct coap_msg m;
	struct table t;
	uint32_t block;

	(void)state;
	table_start(&t);
	line_send(t.line, "\x00\xe1", 2);
	WAIT(t.loop, t.side.ups == 1);
	s = t.side.session;
	assert_int_equal(session_max_message(s), 1152);
	assert_int_equal(ask_bytes(s, 1152 - AROUND + 1), -EMSGSIZE);
	assert_true(ask_bytes(s, 1152 - AROUND) > 0);
	assert_int_equal(came(&t, 1)->payload_len, 1152 - AROUND);
	line_send(t.line, "\x30\xe1\x22\x20\x00", 5); /* 8192: it may change its mind */
	send_code(&t, COAP_702_PING);
	assert_int_equal(came(&t, 2)->code, COAP_703_PONG);
	assert_int_equal(session_max_message(s), 8192);
	assert_true(ask_bytes(s, 8192 - AROUND) > 0);
	assert_int_equal(ask_bytes(s, 8192 - AROUND + 1), -EMSGSIZE);
	came(&t, 3);
	t.side.answer_len = 9000;
	m = message(COAP_GET);
	line_send_msg(t.line, &m);
	assert_int_equal(came(&t, 4)->code, COAP_205_CONTENT); /* in blocks (RFC 7959 2.4) */
	assert_true(coap_get_uint(came(&t, 4), COAP_OPT_BLOCK2, &block));
	assert_int_equal(block & 15, 8 | 6);
	assert_in_range(came(&t, 4)->payload_len, 1, 8192 - AROUND);
	line_send(t.line, "\x50\xe1\x24\xff\xff\xff\xff", 7);
	send_code(&t, COAP_702_PING);
	came(&t, 5);
	assert_int_equal(session_max_message(s), COAP_MESSAGE_MAX);
	line_send(t.line, "\x30\xe1\x22\x01\x00", 5); /* 256 */
	line_send_msg(t.line, &m);
	assert_int_equal(came(&t, 6)->code, COAP_205_CONTENT);
	assert_int_equal(came(&t, 6)->payload_len, 128);
	table_stop(&t);
}

static void
max_message_size_of_five_bytes_aborts(void **state)
{
	const struct coap_msg *m;
	struct table t;
	uint32_t option;

	(void)state;
	table_start(&t);
	line_send(t.line, "\x60\xe1\x25\0\0\0\0\1", 8);
	m = aborted(&t, 1, "Max-Message-Size");
	assert_true(coap_get_uint(m, COAP_ABORT_BAD_CSM_OPTION, &option));
	assert_int_equal(option, COAP_CSM_MAX_MESSAGE_SIZE);
	table_stop(&t);
}

/* RFC 8323 5.6: what is too small for any answer of ours; a refusal says why (8811-2.2.2-20). */
static void
max_message_size_that_holds_no_answer_aborts(void **state)
{
	static const struct {
		const char *csm;
		size_t len;
		bool good;
	} sizes[] = {
		{"\x10\xe1\x20", 3, false},
		{"\x20\xe1\x21\x01", 4, false},
		{"\x20\xe1\x21\xff", 4, false},
		{"\x30\xe1\x22\x01\x00", 5, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t option;
		struct table t;

		table_up(&t);
		line_send(t.line, sizes[i].csm, sizes[i].len);
		send_code(&t, COAP_702_PING);
		if (sizes[i].good) {
			assert_int_equal(came(&t, 1)->code, COAP_703_PONG);
		} else {
			const struct coap_msg *m = aborted(&t, 1, "Max-Message-Size");

			assert_true(coap_get_uint(m, COAP_ABORT_BAD_CSM_OPTION, &option));
			assert_int_equal(option, COAP_CSM_MAX_MESSAGE_SIZE);
		}
		table_stop(&t);
	}
}

/* RFC 8323 5.2, 5.6 */
static void
unknown_critical_option_aborts(void **state)
{
	static const uint8_t codes[] = {COAP_701_CSM, COAP_702_PING, COAP_703_PONG,
		COAP_704_RELEASE, COAP_705_ABORT, COAP_CODE(7, 9)};
	const struct coap_msg *m;
	uint32_t option;

	(void)state;
	for (size_t i = 0; i < sizeof(codes); i++) {
		struct coap_msg bad = message(codes[i]);
		struct table t;

		table_up(&t);
		coap_add(&bad, 2, "", 0);
		coap_add_uint(&bad, 77, 1);
		line_send_msg(t.line, &bad);
		m = aborted(&t, 1, "critical option 77");
		assert_int_equal(coap_get_uint(m, COAP_ABORT_BAD_CSM_OPTION, &option),
			codes[i] == COAP_701_CSM);
		assert_true(codes[i] != COAP_701_CSM || option == 77);
		table_stop(&t);
	}
}

static void
unknown_elective_options_and_codes_are_ignored(void **state)
{
	struct coap_msg csm = message(COAP_701_CSM), other = message(COAP_CODE(7, 9));
	struct table t;

	(void)state;
	table_start(&t);
	coap_add_uint(&csm, 78, 1);
	line_send_msg(t.line, &csm);
	coap_add_uint(&other, 78, 1);
	line_send_msg(t.line, &other);
	send_code(&t, COAP_703_PONG);
	send_code(&t, COAP_CODE(1, 1)); /* a reserved class */
	send_code(&t, COAP_CODE(6, 1));
	send_code(&t, COAP_GET);
	assert_int_equal(came(&t, 1)->code, COAP_205_CONTENT);
	assert_int_equal(t.side.downs, 0);
	table_stop(&t);
}

/* Whether it was its handshake or its CSM that somebody did not bring to an end. */
static void
who_does_not_come_up_in_time_is_ended(void **state)
{
	struct table t;
	long begun = harness_ms();
	int silent, slow;

	(void)state;
	table_start(&t);
	silent = knock(&t.at, NULL);
	slow = knock(&t.at, NULL);
	assert_int_equal(send(slow, "\x16\x03\x01\x02", 4, 0), 4);
	WAIT(t.loop, t.side.downs == 3 && line_is_over(t.line));
	assert_true(harness_ms() - begun > 10000); /* HANDSHAKE_TIMEOUT_MS */
	assert_int_equal(came(&t, 1)->code, COAP_705_ABORT);
	assert_true(contains(came(&t, 1), "no CSM in time (RFC 8323 3.3)"));
	WAIT(t.loop, !knock_stands(silent) && !knock_stands(slow));
	assert_int_equal(t.side.ups, 0);
	close(silent);
	close(slow);
	table_stop(&t);
}

/* --- ping, release, abort ------------------------------------------------------------------- */

/* RFC 8323 5.4 */
static void
ping_is_answered_by_pong(void **state)
{
	struct coap_msg ping = message(COAP_702_PING);
	const struct coap_msg *m;
	struct table t;

	(void)state;
	table_up(&t);
	coap_add(&ping, COAP_PING_CUSTODY, "", 0);
	line_send_msg(t.line, &ping);
	m = came(&t, 1);
	assert_int_equal(m->code, COAP_703_PONG);
	assert_int_equal(m->token_len, 4);
	assert_memory_equal(m->token, "tokn", 4);
	assert_int_equal(m->n_options, 0);
	line_send(t.line, "\x00\xe2", 2);
	assert_int_equal(came(&t, 2)->token_len, 0);
	assert_int_equal(t.side.requests, 0);
	table_stop(&t);
}

static void
send_text(struct table *t, uint8_t code, const char *text)
{
	struct coap_msg m = message(code);

	m.payload = (const uint8_t *)text;
	m.payload_len = strlen(text);
	line_send_msg(t->line, &m);
}

/* RFC 8323 5.6 */
static void
abort_ends_the_session_with_its_reason(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_up(&t);
	assert_true(ask(t.side.session, COAP_NON, "open", &a) > 0);
	send_text(&t, COAP_705_ABORT, "out of\nideas");
	WAIT(t.loop, t.side.downs == 1 && line_is_over(t.line));
	assert_string_equal(t.side.reason, "aborted by the peer: out of\\x0aideas");
	assert_string_equal(line_why(t.line), "closed by the peer"); /* RFC 8446 6.1 */
	assert_int_equal(a.error, -ECANCELED);
	table_stop(&t);
	table_up(&t);
	send_code(&t, COAP_705_ABORT);
	WAIT(t.loop, t.side.downs == 1);
	assert_string_equal(t.side.reason, "aborted by the peer");
	assert_false(t.side.farewell);
	table_stop(&t);
}

/* RFC 8323 5.5 */
static void
release_ends_the_session_with_its_reason(void **state)
{
	struct coap_msg m = message(COAP_704_RELEASE);
	struct table t;

	(void)state;
	table_up(&t);
	coap_add_text(&m, COAP_RELEASE_ALTERNATIVE_ADDRESS, "other.example");
	coap_add_uint(&m, COAP_RELEASE_HOLD_OFF, 60);
	m.payload = (const uint8_t *)"going home";
	m.payload_len = 10;
	line_send_msg(t.line, &m);
	WAIT(t.loop, t.side.downs == 1 && line_is_over(t.line));
	assert_string_equal(t.side.reason, "released by the peer: going home");
	assert_true(t.side.farewell);
	assert_string_equal(line_why(t.line), "closed by the peer");
	table_stop(&t);
}

static void
a_released_session_answers_first(void **state)
{
	struct table t;

	(void)state;
	table_up(&t);
	t.side.hold = true;
	send_code(&t, COAP_GET);
	send_code(&t, COAP_GET);
	send_code(&t, COAP_704_RELEASE);
	WAIT(t.loop, t.side.n_held == 2);
	harness_settle(t.loop);
	assert_int_equal(t.side.downs, 0);
	side_answer(t.side.held[0], COAP_205_CONTENT, "first");
	assert_true(contains(came(&t, 1), "first"));
	harness_settle(t.loop);
	assert_int_equal(t.side.downs, 0);
	side_answer(t.side.held[1], COAP_205_CONTENT, "second");
	t.side.n_held = 0;
	assert_true(contains(came(&t, 2), "second"));
	WAIT(t.loop, t.side.downs == 1 && line_is_over(t.line));
	assert_string_equal(t.side.reason, "released by the peer");
	table_stop(&t);
}

/* Not for ever, though; and not at all if there is nothing to answer. */
static void
a_released_session_does_not_wait_for_ever(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct coap_msg release = message(COAP_704_RELEASE);
	struct line *idle;
	struct table t;

	(void)state;
	table_up(&t);
	idle = line_new(t.loop, &t.at, NULL, c);
	credentials_unref(c);
	WAIT(t.loop, line_is_up(idle));
	line_greet(idle);
	WAIT(t.loop, t.side.ups == 2);
	t.side.hold = true;
	send_code(&t, COAP_GET);
	send_code(&t, COAP_704_RELEASE);
	WAIT(t.loop, t.side.n_held == 1);
	line_send_msg(idle, &release);
	WAIT(t.loop, line_is_over(idle) || line_is_over(t.line));
	assert_false(line_is_over(t.line));
	WAIT(t.loop, t.side.downs == 2 && line_is_over(t.line));
	assert_null(exchange_session(t.side.held[0]));
	side_answer_held(&t.side);
	line_free(idle);
	table_stop(&t);
}

/* --- messages ------------------------------------------------------------------------------- */

/* RFC 8323 5.6: syntax. */
static void
broken_message_aborts(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
		{"\x09", 1, "token length"},
		{"\x10\x45\xff", 3, "payload marker without payload"},
		{"\x20\x01\xb2x", 4, "option value"},
		{"\x10\x00\x00", 3, "empty message with content"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct table t;

		table_up(&t);
		line_send(t.line, cases[i].bytes, cases[i].len);
		aborted(&t, 1, cases[i].text);
		table_stop(&t);
	}
}

/* Nothing of the message is there yet. */
static void
too_large_a_length_aborts_at_once(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {{"\xe0\x3e\xf4", 3}, {"\xf0\xff\xff\xff\xff", 5}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct table t;

		table_up(&t);
		line_send(t.line, cases[i].bytes, cases[i].len);
		aborted(&t, 1, "larger than allowed");
		table_stop(&t);
	}
}

/* RFC 8323 3.1: nothing is acknowledged, reset, or taken for a repeat of what came before. */
static void
only_requests_are_answered(void **state)
{
	struct table t;

	(void)state;
	table_up(&t);
	send_code(&t, COAP_205_CONTENT); /* to no request of ours */
	for (unsigned i = 0; i < 3; i++)
		send_code(&t, COAP_PUT);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(came(&t, i)->code, COAP_205_CONTENT);
	harness_settle(t.loop);
	assert_int_equal(line_count(t.line), 4);
	assert_int_equal(t.side.requests, 3);
	table_stop(&t);
}

static void
unknown_critical_option_of_a_request_is_a_bad_option(void **state)
{
	struct coap_msg m = message(COAP_GET);
	struct table t;

	(void)state;
	table_up(&t);
	coap_add_uint(&m, 2049, 1);
	line_send_msg(t.line, &m); /* there is no other kind of request here, and no Reset */
	assert_int_equal(came(&t, 1)->code, COAP_402_BAD_OPTION);
	assert_int_equal(t.side.requests, 0);
	table_stop(&t);
}

/* A request of ours is sent once, whatever its type. */
static void
nothing_is_sent_twice(void **state)
{
	static const enum coap_type types[] = {COAP_CON, COAP_NON};
	struct answers a = {0};
	struct coap_msg m;
	struct table t;
	int64_t handle;

	(void)state;
	table_up(&t);
	session_set_params(t.side.session, &(struct coap_params){5, 100, 3});
	for (unsigned i = 0; i < 2; i++) {
		handle = ask(t.side.session, types[i], "once", &a);
		assert_true(handle > 0);
		m = *came(&t, 1 + i);
		assert_int_equal(request_repeat(t.side.session, handle), 0);
		assert_int_equal(request_repeat(t.side.session, handle + 1), -ENOENT);
		harness_settle(t.loop);
		assert_int_equal(line_count(t.line), 2 + i);
		assert_int_equal(a.n, i);
		m.code = COAP_204_CHANGED;
		m.n_options = 0;
		m.payload_len = 0;
		line_send_msg(t.line, &m);
		WAIT(t.loop, a.n == 1 + i);
		assert_int_equal(a.code, COAP_204_CHANGED);
	}
	table_stop(&t);
}

/* Nor is the wish for a block, however long it takes. */
static void
a_block_is_asked_for_once(void **state)
{
	enum {
		LONGER_MS = 4000,
		SZX_1024 = 6,
		MORE = 8
	}; /* than the time between repeats over UDP */
	static uint8_t payload[1024];
	const struct coap_msg *asked;
	struct answers a = {0};
	struct coap_msg m;
	struct table t;
	uint32_t block;
	long begun;

	(void)state;
	table_up(&t);
	assert_true(ask(t.side.session, COAP_NON, "", &a) > 0);
	asked = came(&t, 1);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	m.token_len = asked->token_len;
	memcpy(m.token, asked->token, asked->token_len);
	coap_add_uint(&m, COAP_OPT_BLOCK2, MORE | SZX_1024);
	m.payload = payload;
	m.payload_len = sizeof(payload);
	line_send_msg(t.line, &m);
	asked = came(&t, 2);
	assert_true(coap_get_uint(asked, COAP_OPT_BLOCK2, &block));
	assert_int_equal(block, 1 << 4 | SZX_1024);
	begun = harness_ms();
	WAIT(t.loop, harness_ms() - begun > LONGER_MS);
	assert_int_equal(line_count(t.line), 3);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	m.token_len = asked->token_len;
	memcpy(m.token, asked->token, asked->token_len);
	coap_add_uint(&m, COAP_OPT_BLOCK2, 1 << 4 | SZX_1024);
	m.payload = payload;
	m.payload_len = 1;
	line_send_msg(t.line, &m);
	WAIT(t.loop, a.n == 1);
	assert_int_equal(a.error, 0);
	table_stop(&t);
}

/* --- observations --------------------------------------------------------------------------- */

static int64_t
observe(struct session *s, struct answers *a)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, COAP_GET);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	coap_add_text(&m, COAP_OPT_URI_PATH, "x");
	coap_add_text(&m, COAP_OPT_URI_QUERY, "y");
	return request_send(s, &m, answers_cb, a);
}

static void
notify(struct table *t, const struct coap_msg *request, const void *value, size_t len)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	m.token_len = request->token_len;
	memcpy(m.token, request->token, request->token_len);
	coap_add(&m, COAP_OPT_OBSERVE, value, len);
	line_send_msg(t->line, &m);
}

/* RFC 8323 7.1 */
static void
notifications_need_no_numbers(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_up(&t);
	assert_true(observe(t.side.session, &a) > 0);
	came(&t, 1);
	notify(&t, line_msg(t.line, 1), "\x07", 1);
	WAIT(t.loop, a.n == 1);
	notify(&t, line_msg(t.line, 1), "\x05", 1);
	WAIT(t.loop, a.n == 2);
	notify(&t, line_msg(t.line, 1), "", 0);
	WAIT(t.loop, a.n == 3);
	notify(&t, line_msg(t.line, 1), "", 0);
	WAIT(t.loop, a.n == 4);
	assert_int_equal(a.error, 0);
	table_stop(&t);
}

/* 9132-4.4.2.1-14, RFC 8323 7.4: the same request with Observe 1. */
static void
a_cancelled_observation_is_deregistered(void **state)
{
	const struct coap_msg *first, *last;
	struct answers a = {0};
	struct table t;
	int64_t handle;
	uint32_t value;

	(void)state;
	table_up(&t);
	handle = observe(t.side.session, &a);
	first = came(&t, 1);
	notify(&t, first, "\x01", 1);
	WAIT(t.loop, a.n == 1);
	request_cancel(t.side.session, handle);
	last = came(&t, 2);
	assert_int_equal(last->code, COAP_GET);
	assert_int_equal(last->token_len, first->token_len);
	assert_memory_equal(last->token, first->token, first->token_len);
	assert_true(coap_get_uint(last, COAP_OPT_OBSERVE, &value));
	assert_int_equal(value, 1);
	assert_int_equal(last->n_options, first->n_options);
	assert_memory_equal(coap_find(last, COAP_OPT_URI_PATH)->value, "x", 1);
	notify(&t, first, "\x02", 1); /* it was on its way */
	send_code(&t, COAP_GET);
	came(&t, 3);
	assert_int_equal(a.n, 1);
	assert_int_equal(line_count(t.line), 4);
	handle = ask(t.side.session, COAP_NON, "no observation", &a);
	came(&t, 4);
	request_cancel(t.side.session, handle);
	harness_settle(t.loop);
	assert_int_equal(line_count(t.line), 5);
	table_stop(&t);
}

static void
our_notifications_go_out(void **state)
{
	const struct coap_msg *m;
	struct coap_msg n;
	struct table t;

	(void)state;
	table_up(&t);
	coap_init(&n, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(&n, COAP_OPT_OBSERVE, 3);
	assert_int_equal(session_notify(t.side.session, (const uint8_t *)"tokn", 4, &n), 0);
	m = came(&t, 1);
	assert_memory_equal(m->token, "tokn", 4);
	assert_non_null(coap_find(m, COAP_OPT_OBSERVE));
	table_stop(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_first_message_tells_what_we_take),
		cmocka_unit_test(first_message_that_is_no_csm_aborts),
		cmocka_unit_test(empty_messages_may_come_at_any_time),
		cmocka_unit_test(request_may_follow_the_csm_at_once),
		cmocka_unit_test(we_send_no_more_than_the_peer_takes),
		cmocka_unit_test(max_message_size_of_five_bytes_aborts),
		cmocka_unit_test(max_message_size_that_holds_no_answer_aborts),
		cmocka_unit_test(unknown_critical_option_aborts),
		cmocka_unit_test(unknown_elective_options_and_codes_are_ignored),
		cmocka_unit_test(who_does_not_come_up_in_time_is_ended),
		cmocka_unit_test(ping_is_answered_by_pong),
		cmocka_unit_test(abort_ends_the_session_with_its_reason),
		cmocka_unit_test(release_ends_the_session_with_its_reason),
		cmocka_unit_test(a_released_session_answers_first),
		cmocka_unit_test(a_released_session_does_not_wait_for_ever),
		cmocka_unit_test(broken_message_aborts),
		cmocka_unit_test(too_large_a_length_aborts_at_once),
		cmocka_unit_test(only_requests_are_answered),
		cmocka_unit_test(unknown_critical_option_of_a_request_is_a_bad_option),
		cmocka_unit_test(nothing_is_sent_twice),
		cmocka_unit_test(a_block_is_asked_for_once),
		cmocka_unit_test(notifications_need_no_numbers),
		cmocka_unit_test(a_cancelled_observation_is_deregistered),
		cmocka_unit_test(our_notifications_go_out),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
