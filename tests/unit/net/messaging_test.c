/*
 * CoAP messages (RFC 7252 sections 4 and 5, RFC 7641): what the peer sends is written by hand here,
 * what we send is looked at.
 */
#include "table.h"

#include <errno.h>

static void
is_error(const struct coap_msg *m, uint8_t code)
{
	assert_int_equal(m->code, code);
	assert_true(m->payload_len > 10);
	assert_memory_equal(m->token, "tokn", 4);
}

/* --- requests of the peer ------------------------------------------------------------------- */

static void
con_is_answered_in_the_ack(void **state)
{
	const struct coap_msg *m;
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_CON, COAP_GET, 1000);
	m = came(&t, 0);
	assert_int_equal(m->type, COAP_ACK);
	assert_int_equal(m->id, 1000);
	assert_int_equal(m->code, COAP_205_CONTENT);
	assert_memory_equal(m->token, "tokn", 4);
	table_stop(&t);
}

static void
non_is_answered_by_non(void **state)
{
	const struct coap_msg *m;
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_NON, COAP_GET, 1000);
	m = came(&t, 0);
	assert_int_equal(m->type, COAP_NON);
	assert_int_equal(m->code, COAP_205_CONTENT);
	assert_memory_equal(m->token, "tokn", 4);
	table_stop(&t);
}

/* 9132-4.4.3-10: some requests are to be ignored. */
static void
silence_is_no_message(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	t.side.hold = true;
	send_message(&t, COAP_NON, COAP_PUT, 7);
	send_message(&t, COAP_CON, COAP_PUT, 8);
	WAIT(t.loop, t.side.n_held == 2);
	side_answer(t.side.held[0], COAP_EMPTY, "");
	side_answer(t.side.held[1], COAP_EMPTY, "");
	t.side.n_held = 0;
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 1); /* nothing to the one, an ACK to the other */
	assert_int_equal(raw_msg(t.raw, 0)->type, COAP_ACK);
	assert_int_equal(raw_msg(t.raw, 0)->id, 8);
	assert_int_equal(raw_msg(t.raw, 0)->code, COAP_EMPTY);
	table_stop(&t);
}

/* 8612-GEN-002-03, 8612-SEC-004-01 */
static void
repeated_con_is_answered_again_and_served_once(void **state)
{
	const uint8_t *first, *second;
	size_t first_len, second_len;
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_CON, COAP_PUT, 7);
	came(&t, 0);
	send_message(&t, COAP_CON, COAP_PUT, 7);
	came(&t, 1);
	first = raw_bytes(t.raw, 0, &first_len);
	second = raw_bytes(t.raw, 1, &second_len);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
	assert_int_equal(t.side.requests, 1);
	table_stop(&t);
}

/* 8612-GEN-002-03, 8612-SEC-004-01 */
static void
repeated_non_is_dropped(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_NON, COAP_PUT, 7);
	send_message(&t, COAP_NON, COAP_PUT, 7);
	send_message(&t, COAP_NON, COAP_PUT, 8);
	came(&t, 1);
	harness_settle(t.loop);
	assert_int_equal(t.side.requests, 2);
	assert_int_equal(raw_count(t.raw), 2);
	table_stop(&t);
}

static void
late_answer_is_separate_and_repeated(void **state)
{
	const struct coap_msg *m;
	uint16_t id;
	struct table t;

	(void)state;
	table_start(&t);
	t.side.hold = true;
	send_message(&t, COAP_CON, COAP_GET, 99);
	m = came(&t, 0);
	assert_int_equal(m->type, COAP_ACK);
	assert_int_equal(m->code, COAP_EMPTY);
	assert_int_equal(m->id, 99);
	send_message(&t, COAP_CON, COAP_GET, 99); /* its ACK was lost */
	m = came(&t, 1);
	assert_int_equal(m->type, COAP_ACK);
	assert_int_equal(m->code, COAP_EMPTY);
	side_answer_held(&t.side);
	m = came(&t, 2);
	assert_int_equal(m->type, COAP_CON);
	assert_int_equal(m->code, COAP_205_CONTENT);
	assert_memory_equal(m->token, "tokn", 4);
	id = m->id;
	m = came(&t, 3); /* not acknowledged: again */
	assert_int_equal(m->id, id);
	assert_int_equal(m->type, COAP_CON);
	assert_int_equal(t.side.requests, 1);
	table_stop(&t);
}

static void
separate_answer_ends_with_its_ack(void **state)
{
	struct table t;
	unsigned n;

	(void)state;
	table_start(&t);
	t.side.hold = true;
	send_message(&t, COAP_CON, COAP_GET, 99);
	came(&t, 0);
	/* Long enough that no second copy is on its way before the ACK arrives. */
	session_set_params(t.s, &(struct coap_params){3000, 100, 3});
	side_answer_held(&t.side);
	send_message(&t, COAP_ACK, COAP_EMPTY, came(&t, 1)->id);
	harness_settle(t.loop);
	n = t.s->coap.n_replies;
	assert_int_equal(n, 0);
	table_stop(&t);
}

static void
separate_answer_is_given_up(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	t.side.hold = true;
	send_message(&t, COAP_CON, COAP_GET, 99);
	came(&t, 0);
	session_set_params(t.s, &(struct coap_params){40, 100, 3});
	side_answer_held(&t.side);
	assert_int_equal(t.s->coap.n_replies, 1);
	WAIT(t.loop, t.s->coap.n_replies == 0);
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 1 + 1 + 3); /* ACK, first, MAX_RETRANSMIT */
	table_stop(&t);
}

static void
too_many_waiting_requests_get_busy(void **state)
{
	const struct coap_msg *m;
	struct table t;
	uint32_t age = 0;

	(void)state;
	table_start(&t);
	t.side.hold = true;
	for (uint16_t i = 0; i < MESSAGING_EXCHANGES_MAX; i++)
		send_message(&t, COAP_NON, COAP_GET, i);
	WAIT(t.loop, t.side.n_held == MESSAGING_EXCHANGES_MAX);
	send_message(&t, COAP_NON, COAP_GET, 500);
	m = came(&t, 0);
	is_error(m, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(coap_get_uint(m, COAP_OPT_MAX_AGE, &age) && age > 0);
	assert_int_equal(t.side.requests, MESSAGING_EXCHANGES_MAX);
	side_answer_held(&t.side);
	send_message(&t, COAP_NON, COAP_GET, 501);
	WAIT(t.loop, t.side.n_held == 1);
	side_answer_held(&t.side);
	table_stop(&t);
}

static void
exchange_outlives_its_session(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	t.side.hold = true;
	send_message(&t, COAP_CON, COAP_GET, 1);
	WAIT(t.loop, t.side.n_held == 1);
	session_close(t.s);
	WAIT(t.loop, t.side.downs == 1);
	assert_null(exchange_session(t.side.held[0]));
	side_answer_held(&t.side);
	table_stop(&t);
}

/* --- what is not a request ------------------------------------------------------------------ */

static void
ping_is_answered_by_rst(void **state)
{
	const struct coap_msg *m;
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_CON, COAP_EMPTY, 77);
	m = came(&t, 0);
	assert_int_equal(m->type, COAP_RST);
	assert_int_equal(m->code, COAP_EMPTY);
	assert_int_equal(m->id, 77);
	table_stop(&t);
}

static void
malformed_con_is_reset_others_dropped(void **state)
{
	static const uint8_t con[] = {0x41, 0x01, 0x00, 0x05}; /* token missing */
	static const uint8_t non[] = {0x51, 0x01, 0x00, 0x06};
	static const uint8_t token9[] = {0x49, 0x01, 0x00, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	static const uint8_t marker[] = {0x40, 0x01, 0x00, 0x08, 0xff}; /* marker, no payload */
	static const uint8_t version2[] = {0x80, 0x01, 0x00, 0x09};
	static const uint8_t stub[] = {0x40, 0x01};
	struct table t;

	(void)state;
	table_start(&t);
	raw_send(t.raw, stub, sizeof(stub));
	raw_send(t.raw, version2, sizeof(version2));
	raw_send(t.raw, non, sizeof(non));
	raw_send(t.raw, con, sizeof(con));
	raw_send(t.raw, token9, sizeof(token9));
	raw_send(t.raw, marker, sizeof(marker));
	came(&t, 2);
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(raw_msg(t.raw, i)->type, COAP_RST);
	assert_int_equal(raw_msg(t.raw, 0)->id, 5);
	assert_int_equal(raw_msg(t.raw, 1)->id, 7);
	assert_int_equal(raw_msg(t.raw, 2)->id, 8);
	assert_int_equal(t.side.requests, 0);
	table_stop(&t);
}

/* 9132-3-22, 9132-9-06; RFC 7252 5.4.1: 4.02 to a Confirmable request, a Non-confirmable one is
 * rejected. */
static void
unknown_critical_option_is_a_bad_option(void **state)
{
	struct coap_msg m = message(COAP_CON, COAP_GET, 1);
	struct table t;

	(void)state;
	table_start(&t);
	coap_add(&m, 9, "x", 1);
	raw_send_msg(t.raw, &m);
	is_error(came(&t, 0), COAP_402_BAD_OPTION);
	assert_int_equal(came(&t, 0)->type, COAP_ACK);
	m = message(COAP_NON, COAP_GET, 2);
	coap_add(&m, 9, "x", 1);
	coap_add_text(&m, COAP_OPT_PROXY_URI, "coap://x");
	raw_send_msg(t.raw, &m);
	assert_int_equal(came(&t, 1)->type, COAP_RST);
	assert_int_equal(came(&t, 1)->code, COAP_EMPTY);
	assert_int_equal(came(&t, 1)->id, 2);
	assert_int_equal(t.side.requests, 0);
	m = message(COAP_NON, COAP_GET, 3); /* elective: ignored */
	coap_add(&m, 2048, "x", 1);
	raw_send_msg(t.raw, &m);
	assert_int_equal(came(&t, 2)->code, COAP_205_CONTENT);
	table_stop(&t);
}

/* RFC 7252 5.7.2, 5.10.2: whatever the type, and whatever path stands beside it. */
static void
who_wants_a_proxy_is_told_that_there_is_none(void **state)
{
	static const uint16_t numbers[] = {COAP_OPT_PROXY_URI, COAP_OPT_PROXY_SCHEME};
	struct table t;
	unsigned n = 0;

	(void)state;
	table_start(&t);
	for (size_t i = 0; i < 2; i++)
		for (uint8_t type = COAP_CON; type <= COAP_NON; type++) {
			struct coap_msg m = message(type, COAP_GET, (uint16_t)(n + 1));

			coap_add_text(&m, numbers[i], "coap");
			raw_send_msg(t.raw, &m);
			is_error(came(&t, n), COAP_505_PROXYING_NOT_SUPPORTED);
			assert_int_equal(came(&t, n)->type, type == COAP_CON ? COAP_ACK : COAP_NON);
			n++;
		}
	assert_int_equal(t.side.requests, 0);
	table_stop(&t);
}

/* 4218-3.4-02 */
static void
response_nobody_asked_for_is_reset(void **state)
{
	struct coap_msg m = message(COAP_NON, COAP_205_CONTENT, 3);
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_NON, COAP_205_CONTENT, 1); /* ignored */
	send_message(&t, COAP_ACK, COAP_205_CONTENT, 2); /* ignored */
	coap_add_uint(&m, COAP_OPT_OBSERVE, 5);
	raw_send_msg(t.raw, &m);
	send_message(&t, COAP_CON, COAP_205_CONTENT, 4);
	came(&t, 1);
	assert_int_equal(raw_msg(t.raw, 0)->type, COAP_RST);
	assert_int_equal(raw_msg(t.raw, 0)->id, 3);
	assert_int_equal(raw_msg(t.raw, 1)->type, COAP_RST);
	assert_int_equal(raw_msg(t.raw, 1)->id, 4);
	table_stop(&t);
}

static void
reserved_codes_are_rejected(void **state)
{
	struct table t;

	(void)state;
	table_start(&t);
	send_message(&t, COAP_NON, COAP_CODE(1, 3), 1);
	send_message(&t, COAP_CON, COAP_CODE(1, 3), 2);
	send_message(&t, COAP_CON, COAP_CODE(7, 1), 3);
	came(&t, 1);
	assert_int_equal(raw_msg(t.raw, 0)->id, 2);
	assert_int_equal(raw_msg(t.raw, 1)->id, 3);
	assert_int_equal(raw_msg(t.raw, 1)->type, COAP_RST);
	assert_int_equal(t.side.requests, 0);
	table_stop(&t);
}

/* --- requests of ours ----------------------------------------------------------------------- */

/* Answers the i-th message as it is due. */
static void
respond(struct table *t, unsigned i, enum coap_type type, uint8_t code, int64_t observe)
{
	const struct coap_msg *asked = came(t, i);
	struct coap_msg m;

	coap_init(&m, type, code);
	m.id = type == COAP_ACK ? asked->id : (uint16_t)(40000 + raw_count(t->raw) + observe);
	m.token_len = asked->token_len;
	memcpy(m.token, asked->token, asked->token_len);
	if (observe >= 0)
		coap_add_uint(&m, COAP_OPT_OBSERVE, (uint32_t)observe);
	m.payload = (const uint8_t *)"answer";
	m.payload_len = 6;
	raw_send_msg(t->raw, &m);
}

static void
con_request_is_repeated_until_answered(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_start(&t);
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	came(&t, 1);
	assert_int_equal(raw_msg(t.raw, 0)->id, raw_msg(t.raw, 1)->id);
	assert_int_equal(raw_msg(t.raw, 0)->token_len, 8);
	respond(&t, 1, COAP_ACK, COAP_204_CHANGED, -1);
	WAIT(t.loop, a.n == 1);
	assert_int_equal(a.code, COAP_204_CHANGED);
	assert_string_equal(a.payload, "answer");
	assert_int_equal(t.s->coap.n_requests, 0);
	table_stop(&t);
}

static void
con_request_is_given_up(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_start(&t);
	session_set_params(t.s, &(struct coap_params){40, 100, 3});
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	WAIT(t.loop, a.n == 1);
	harness_settle(t.loop);
	assert_int_equal(a.error, -ETIMEDOUT);
	assert_int_equal(raw_count(t.raw), 1 + 3);
	assert_int_equal(t.side.downs, 0);
	table_stop(&t);
}

/* 8612-3.1-02 */
static void
waits_double(void **state)
{
	struct answers a = {0};
	struct table t;
	long begun;

	(void)state;
	table_start(&t);
	session_set_params(t.s, &(struct coap_params){100, 100, 3});
	begun = harness_ms();
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	came(&t, 3);
	/* Whatever is late only lengthens 100 + 200 + 400; the loop's clock lags a little. */
	assert_true(harness_ms() - begun >= 650);
	WAIT(t.loop, a.n == 1);
	table_stop(&t);
}

static void
separate_response_is_acknowledged(void **state)
{
	const struct coap_msg *m;
	struct answers a = {0};
	struct table t;
	unsigned asked;

	(void)state;
	table_start(&t);
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	send_message(&t, COAP_ACK, COAP_EMPTY, came(&t, 0)->id);
	harness_settle(t.loop);
	asked = raw_count(t.raw);
	assert_int_equal(a.n, 0);
	respond(&t, 0, COAP_CON, COAP_205_CONTENT, -1);
	WAIT(t.loop, a.n == 1);
	m = came(&t, asked);
	assert_int_equal(m->type, COAP_ACK);
	assert_int_equal(m->code, COAP_EMPTY);
	table_stop(&t);
}

static void
repeated_separate_response_is_acknowledged_again(void **state)
{
	struct answers a = {0};
	struct coap_msg m;
	struct table t;

	(void)state;
	table_start(&t);
	session_set_params(t.s, &(struct coap_params){5000, 100, 3});
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	m = *came(&t, 0);
	m.n_options = 0;
	m.type = COAP_CON;
	m.code = COAP_204_CHANGED;
	m.id = 4711;
	m.payload_len = 0;
	m.payload = NULL;
	raw_send_msg(t.raw, &m);
	raw_send_msg(t.raw, &m);
	came(&t, 2);
	assert_int_equal(a.n, 1);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(raw_msg(t.raw, i)->type, COAP_ACK);
		assert_int_equal(raw_msg(t.raw, i)->id, 4711);
	}
	table_stop(&t);
}

static void
rst_ends_a_request(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_start(&t);
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	send_message(&t, COAP_RST, COAP_EMPTY, came(&t, 0)->id);
	WAIT(t.loop, a.n == 1);
	assert_int_equal(a.error, -ECONNRESET);
	table_stop(&t);
}

/* 4218-3.4-02 */
static void
piggybacked_response_needs_its_message_id(void **state)
{
	struct answers a = {0};
	struct coap_msg m;
	struct table t;

	(void)state;
	table_start(&t);
	session_set_params(t.s, &(struct coap_params){5000, 100, 3});
	assert_true(ask(t.s, COAP_CON, "x", &a) > 0);
	m = *came(&t, 0);
	m.n_options = 0;
	m.type = COAP_ACK;
	m.code = COAP_204_CHANGED;
	m.id++;
	raw_send_msg(t.raw, &m);
	harness_settle(t.loop);
	assert_int_equal(a.n, 0);
	m.id--;
	raw_send_msg(t.raw, &m);
	WAIT(t.loop, a.n == 1);
	table_stop(&t);
}

/* 9132-4.4-06 */
static void
non_request_is_repeated_by_its_owner(void **state)
{
	struct answers a = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = ask(t.s, COAP_NON, "x", &a);
	assert_true(handle > 0);
	assert_int_equal(request_repeat(t.s, handle), 0);
	came(&t, 1);
	assert_int_equal(raw_msg(t.raw, 0)->type, COAP_NON);
	assert_true(raw_msg(t.raw, 0)->id != raw_msg(t.raw, 1)->id);
	assert_memory_equal(raw_msg(t.raw, 0)->token, raw_msg(t.raw, 1)->token, 8);
	assert_int_equal(raw_msg(t.raw, 1)->payload_len, 1);
	assert_int_equal(raw_msg(t.raw, 1)->payload[0], 'x');
	respond(&t, 0, COAP_NON, COAP_204_CHANGED, -1);
	WAIT(t.loop, a.n == 1);
	assert_int_equal(request_repeat(t.s, handle), -ENOENT);
	respond(&t, 1, COAP_NON, COAP_204_CHANGED, -1); /* the second answer is one too many */
	harness_settle(t.loop);
	assert_int_equal(a.n, 1);
	assert_int_equal(raw_count(t.raw), 2);
	table_stop(&t);
}

/* 8612-SEC-004-02 */
static void
tokens_are_not_guessable(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_start(&t);
	ask(t.s, COAP_NON, "x", &a);
	ask(t.s, COAP_NON, "x", &a);
	came(&t, 1);
	assert_memory_not_equal(raw_msg(t.raw, 0)->token, raw_msg(t.raw, 1)->token, 8);
	assert_int_equal((uint16_t)(raw_msg(t.raw, 0)->id + 1), raw_msg(t.raw, 1)->id);
	table_stop(&t);
}

/* 8612-3.1-02 */
static void
open_requests_are_limited(void **state)
{
	struct answers a = {0};
	struct table t;
	int64_t last = 0;

	(void)state;
	table_start(&t);
	for (int i = 0; i < MESSAGING_REQUESTS_MAX; i++)
		assert_true((last = ask(t.s, COAP_NON, "x", &a)) > 0);
	assert_int_equal(ask(t.s, COAP_NON, "x", &a), -EMFILE);
	request_cancel(t.s, last);
	assert_true(ask(t.s, COAP_NON, "x", &a) > 0);
	assert_int_equal(a.n, 0);
	listener_free(t.listener);
	assert_int_equal(a.n, MESSAGING_REQUESTS_MAX);
	assert_int_equal(a.error, -ECANCELED);
	raw_free(t.raw);
	loop_free(t.loop);
}

/* --- observations --------------------------------------------------------------------------- */

static int64_t
observe(struct table *t, struct answers *a)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, COAP_GET);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	return request_send(t->s, &m, answers_cb, a);
}

/* 8612-GEN-002-02 */
static void
notifications_come_in_order_until_one_without_observe(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_start(&t);
	assert_true(observe(&t, &a) > 0);
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, 10);
	WAIT(t.loop, a.n == 1);
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, 12);
	WAIT(t.loop, a.n == 2);
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, 11); /* overtaken */
	respond(&t, 0, COAP_CON, COAP_205_CONTENT, 13);
	WAIT(t.loop, a.n == 3);
	assert_int_equal(a.type, COAP_CON);
	assert_int_equal(came(&t, 1)->type, COAP_ACK);
	respond(&t, 0, COAP_NON, COAP_404_NOT_FOUND, -1);
	WAIT(t.loop, a.n == 4);
	assert_int_equal(t.s->coap.n_requests, 0);
	table_stop(&t);
}

/* 8612-GEN-002-02 */
static void
sequence_numbers_wrap(void **state)
{
	struct answers a = {0};
	struct table t;

	(void)state;
	table_start(&t);
	assert_true(observe(&t, &a) > 0);
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, (1 << 24) - 1);
	WAIT(t.loop, a.n == 1);
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, 2);
	WAIT(t.loop, a.n == 2);
	table_stop(&t);
}

static void
cancelled_observation_is_reset(void **state)
{
	struct answers a = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = observe(&t, &a);
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, 10);
	WAIT(t.loop, a.n == 1);
	request_cancel(t.s, handle);
	assert_int_equal(came(&t, 1)->code, COAP_GET); /* the end of it; that may be lost */
	respond(&t, 0, COAP_NON, COAP_205_CONTENT, 11);
	assert_int_equal(came(&t, 2)->type, COAP_RST);
	assert_int_equal(a.n, 1);
	table_stop(&t);
}

static void
rejected_notification_names_its_observer(void **state)
{
	struct coap_msg m;
	struct table t;

	(void)state;
	table_start(&t);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 1);
	assert_int_equal(session_notify(t.s, (const uint8_t *)"tokn", 4, &m), 0);
	assert_int_equal(came(&t, 0)->type, COAP_NON);
	assert_memory_equal(raw_msg(t.raw, 0)->token, "tokn", 4);
	send_message(&t, COAP_RST, COAP_EMPTY, (uint16_t)(raw_msg(t.raw, 0)->id + 1));
	harness_settle(t.loop);
	assert_int_equal(t.side.observers_gone, 0);
	send_message(&t, COAP_RST, COAP_EMPTY, raw_msg(t.raw, 0)->id);
	WAIT(t.loop, t.side.observers_gone == 1);
	send_message(&t, COAP_RST, COAP_EMPTY, raw_msg(t.raw, 0)->id);
	harness_settle(t.loop);
	assert_int_equal(t.side.observers_gone, 1);
	table_stop(&t);
}

/* 9132-4.5-10, 9132-4.5-13 */
static void
confirmable_notification_is_repeated_until_it_is_acknowledged(void **state)
{
	struct coap_msg m;
	struct table t;

	(void)state;
	table_start(&t);
	session_set_params(t.s, &(struct coap_params){40, 100, 12});
	coap_init(&m, COAP_CON, COAP_205_CONTENT);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 1);
	assert_int_equal(session_notify(t.s, (const uint8_t *)"tokn", 4, &m), 0);
	assert_int_equal(came(&t, 0)->type, COAP_CON);
	assert_int_equal(came(&t, 1)->id, raw_msg(t.raw, 0)->id);
	assert_int_equal(t.s->coap.n_replies, 1);
	send_message(&t, COAP_ACK, COAP_EMPTY, raw_msg(t.raw, 0)->id);
	WAIT(t.loop, t.s->coap.n_replies == 0);
	assert_int_equal(t.side.observers_gone, 0);
	assert_int_equal(session_notify(t.s, (const uint8_t *)"tokn", 4, &m), 0);
	WAIT(t.loop, t.s->coap.n_replies == 1);
	send_message(&t, COAP_RST, COAP_EMPTY, (uint16_t)(raw_msg(t.raw, 0)->id + 1));
	WAIT(t.loop, t.side.observers_gone == 1);
	assert_int_equal(t.s->coap.n_replies, 0);
	table_stop(&t);
}

/* --- who does not serve --------------------------------------------------------------------- */

static void
note_up(void *arg, struct session *s)
{
	*(struct session **)arg = s;
}

/* 9132-3-22 */
static void
without_a_handler_nothing_is_found(void **state)
{
	static const struct session_ops ops = {.up = note_up};
	struct credentials *c = harness_credentials("client", "ca");
	struct side server = {0};
	struct answers a = {0};
	struct session *s = NULL;
	struct loop *l = loop_new();
	struct listener *ln;
	struct endpoint at;
	struct dial d;
	int error;

	(void)state;
	ln = harness_listen(l, "127.0.0.1", NULL, &server, &at);
	d = harness_dialling(&at, c);
	assert_non_null(session_dial(l, &d, &ops, &s, &error));
	credentials_unref(c);
	WAIT(l, s && server.ups == 1);
	assert_true(ask(server.session, COAP_NON, "x", &a) > 0);
	WAIT(l, a.n == 1);
	assert_int_equal(a.code, COAP_404_NOT_FOUND);
	assert_true(strlen(a.payload) > 10);
	session_abandon(s);
	listener_free(ln);
	loop_free(l);
}

static int
start(void **state)
{
	(void)state;
	harness_pki();
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	pki_finish();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(con_is_answered_in_the_ack),
		cmocka_unit_test(non_is_answered_by_non),
		cmocka_unit_test(silence_is_no_message),
		cmocka_unit_test(repeated_con_is_answered_again_and_served_once),
		cmocka_unit_test(repeated_non_is_dropped),
		cmocka_unit_test(late_answer_is_separate_and_repeated),
		cmocka_unit_test(separate_answer_ends_with_its_ack),
		cmocka_unit_test(separate_answer_is_given_up),
		cmocka_unit_test(too_many_waiting_requests_get_busy),
		cmocka_unit_test(exchange_outlives_its_session),
		cmocka_unit_test(ping_is_answered_by_rst),
		cmocka_unit_test(malformed_con_is_reset_others_dropped),
		cmocka_unit_test(unknown_critical_option_is_a_bad_option),
		cmocka_unit_test(who_wants_a_proxy_is_told_that_there_is_none),
		cmocka_unit_test(response_nobody_asked_for_is_reset),
		cmocka_unit_test(reserved_codes_are_rejected),
		cmocka_unit_test(con_request_is_repeated_until_answered),
		cmocka_unit_test(con_request_is_given_up),
		cmocka_unit_test(waits_double),
		cmocka_unit_test(separate_response_is_acknowledged),
		cmocka_unit_test(repeated_separate_response_is_acknowledged_again),
		cmocka_unit_test(rst_ends_a_request),
		cmocka_unit_test(piggybacked_response_needs_its_message_id),
		cmocka_unit_test(non_request_is_repeated_by_its_owner),
		cmocka_unit_test(tokens_are_not_guessable),
		cmocka_unit_test(open_requests_are_limited),
		cmocka_unit_test(notifications_come_in_order_until_one_without_observe),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(cancelled_observation_is_reset),
		cmocka_unit_test(rejected_notification_names_its_observer),
		cmocka_unit_test(confirmable_notification_is_repeated_until_it_is_acknowledged),
		cmocka_unit_test(without_a_handler_nothing_is_found),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
