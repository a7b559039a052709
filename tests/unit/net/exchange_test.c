/*
 * Answers and notifications that do not fit one datagram (RFC 7959): the side that answers, asked
 * by hand.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

enum { LARGE = 5000, LIST_MAX = 300 * 1024 };

/* What `version` of a body has at each place. */
static uint8_t
byte_at(unsigned version, size_t i)
{
	return (uint8_t)(i * 7 + i / 251 + version * 13);
}

/* What the owner answers, and was asked. */
static struct {
	size_t len;
	unsigned version;
	uint8_t code;
	unsigned asked;
	bool observed; /* the last request had Observe */
} serves;

static void
fill(struct coap_msg *m, uint8_t *body)
{
	for (size_t i = 0; i < serves.len; i++)
		body[i] = byte_at(serves.version, i);
	coap_init(m, COAP_NON, serves.code);
	coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	m->payload = body;
	m->payload_len = serves.len;
}

static void
serve(struct side *side, struct exchange *ex, const struct coap_msg *req)
{
	uint8_t *body = malloc(LIST_MAX);
	struct coap_msg m;
	uint32_t observe = 2;

	(void)side;
	serves.asked++;
	serves.observed = coap_get_uint(req, COAP_OPT_OBSERVE, &observe);
	fill(&m, body);
	if (serves.observed && observe == 0)
		coap_add_uint(&m, COAP_OPT_OBSERVE, 1);
	exchange_respond(ex, &m);
	free(body);
}

static void
begin(struct table *t, size_t len, const struct listener_config *limits)
{
	static const struct listener_config none;

	table_start_limited(t, limits ? limits : &none);
	t->side.answer = serve;
	memset(&serves, 0, sizeof(serves));
	serves.len = len;
	serves.version = 1;
	serves.code = COAP_205_CONTENT;
}

enum { NO_BLOCK = -1, NO_OBSERVE = -1 };

/* Asks, block: value of Block2. */
static void
ask_for(struct table *t, enum coap_type type, const char *path, int64_t block, int64_t observe)
{
	static uint16_t id = 100;
	struct coap_msg m;

	coap_init(&m, type, COAP_GET);
	m.id = id++;
	m.token_len = 4;
	memcpy(m.token, "tokn", 4);
	coap_add_text(&m, COAP_OPT_URI_PATH, path);
	if (block != NO_BLOCK)
		coap_add_uint(&m, COAP_OPT_BLOCK2, (uint32_t)block);
	if (observe != NO_OBSERVE)
		coap_add_uint(&m, COAP_OPT_OBSERVE, (uint32_t)observe);
	raw_send_msg(t->raw, &m);
}

static uint32_t
value(uint32_t num, bool more, uint8_t szx)
{
	return num << 4 | (more ? 8 : 0) | szx;
}

/* It is that block of that version. */
static void
is_block(const struct coap_msg *m, uint32_t num, bool more, uint8_t szx, unsigned version)
{
	uint32_t block = 0, format = 0, size = 0;
	size_t at = (size_t)num << (szx + 4);

	assert_int_equal(m->code, COAP_205_CONTENT);
	assert_true(coap_get_uint(m, COAP_OPT_BLOCK2, &block));
	assert_int_equal(block, value(num, more, szx));
	assert_true(coap_get_uint(m, COAP_OPT_CONTENT_FORMAT, &format));
	assert_int_equal(format, COAP_FORMAT_DOTS_CBOR);
	assert_int_equal(coap_find(m, COAP_OPT_ETAG)->len, 8);
	assert_int_equal(coap_get_uint(m, COAP_OPT_SIZE2, &size), num == 0);
	assert_true(num || size == serves.len);
	if (more)
		assert_int_equal(m->payload_len, (size_t)16 << szx);
	for (size_t i = 0; i < m->payload_len; i++)
		assert_int_equal(m->payload[i], byte_at(version, at + i));
}

static void
is_error(const struct coap_msg *m, uint8_t code, const char *tag)
{
	char text[256] = "";

	assert_int_equal(m->code, code);
	assert_true(m->payload_len < sizeof(text));
	memcpy(text, m->payload, m->payload_len);
	assert_ptr_equal(strstr(text, tag), text);
	assert_null(coap_find(m, COAP_OPT_BLOCK2));
}

static bool
same_etag(const struct coap_msg *a, const struct coap_msg *b)
{
	return !memcmp(coap_find(a, COAP_OPT_ETAG)->value, coap_find(b, COAP_OPT_ETAG)->value, 8);
}

/* --- answers -------------------------------------------------------------------------------- */

/* 8612-SIG-002-01, 9132-4.4.2-10 9132-4.4.2-11 9132-4.4.2-14 */
static void
large_answer_comes_in_blocks(void **state)
{
	struct table t;

	(void)state;
	for (enum coap_type type = COAP_CON; type <= COAP_NON; type++) {
		begin(&t, LARGE, NULL);
		ask_for(&t, type, "list", NO_BLOCK, NO_OBSERVE);
		is_block(came(&t, 0), 0, true, 6, 1);
		serves.version = 2; /* the copy has what the list was */
		for (uint32_t num = 1; num < 5; num++) {
			ask_for(&t, type, "list", value(num, false, 6), NO_OBSERVE);
			is_block(came(&t, num), num, num < 4, 6, 1);
			assert_true(same_etag(raw_msg(t.raw, 0), raw_msg(t.raw, num)));
			assert_int_equal(came(&t, num)->type, type == COAP_CON ? COAP_ACK : type);
		}
		assert_int_equal(came(&t, 4)->payload_len, LARGE - 4 * 1024);
		assert_int_equal(serves.asked, 1);
		table_stop(&t);
	}
}

/* 9132-4.4.2-09 */
static void
peer_may_ask_for_smaller_blocks(void **state)
{
	struct table t;

	(void)state;
	begin(&t, 100, NULL); /* would fit one message */
	ask_for(&t, COAP_NON, "list", value(0, false, 2), NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 2, 1);
	ask_for(&t, COAP_NON, "list", value(1, false, 2), NO_OBSERVE);
	is_block(came(&t, 1), 1, false, 2, 1);
	assert_int_equal(came(&t, 1)->payload_len, 100 - 64);
	assert_int_equal(serves.asked, 1);
	ask_for(&t, COAP_NON, "list", value(0, false, 3), NO_OBSERVE); /* one block is enough */
	assert_null(coap_find(came(&t, 2), COAP_OPT_BLOCK2));
	assert_int_equal(came(&t, 2)->payload_len, 100);
	table_stop(&t);
}

static void
size_may_change_on_the_way(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	ask_for(&t, COAP_NON, "list", value(4, false, 4), NO_OBSERVE);
	is_block(came(&t, 1), 4, true, 4, 1);
	ask_for(&t, COAP_NON, "list", value(5, true, 4), NO_OBSERVE); /* M counts for nothing */
	is_block(came(&t, 2), 5, true, 4, 1);
	assert_int_equal(serves.asked, 1);
	table_stop(&t);
}

static void
reserved_size_is_a_bad_request(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_CON, "list", value(0, false, 7), NO_OBSERVE);
	is_error(came(&t, 0), COAP_400_BAD_REQUEST, "RFC 7959 2.2: Block2");
	assert_int_equal(came(&t, 0)->type, COAP_ACK);
	assert_int_equal(serves.asked, 0);
	table_stop(&t);
}

static void
beyond_the_end_is_a_bad_request(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	came(&t, 0);
	ask_for(&t, COAP_NON, "list", value(5, false, 6), NO_OBSERVE);
	is_error(came(&t, 1), COAP_400_BAD_REQUEST, "RFC 7959 2.4: Block2 asks for block 5");
	assert_int_equal(serves.asked, 1);
	ask_for(&t, COAP_NON, "other", value(0xfffff, false, 6), NO_OBSERVE); /* no copy */
	is_error(came(&t, 2), COAP_400_BAD_REQUEST, "RFC 7959 2.4: Block2 asks for block 1048575");
	assert_int_equal(serves.asked, 2);
	table_stop(&t);
}

/* RFC 7252 5.6, RFC 7959 2.4 */
static void
later_block_is_of_the_same_resource(void **state)
{
	struct coap_msg m;
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	serves.version = 2;
	coap_init(&m, COAP_NON, COAP_GET);
	m.id = 1;
	coap_add_text(&m, COAP_OPT_URI_PATH, "list");
	coap_add_text(&m, COAP_OPT_URI_QUERY, "c=n");
	coap_add_uint(&m, COAP_OPT_BLOCK2, value(1, false, 6));
	raw_send_msg(t.raw, &m);
	is_block(came(&t, 1), 1, true, 6, 2); /* its own body, in place of the first */
	assert_int_equal(serves.asked, 2);
	ask_for(&t, COAP_NON, "list", value(2, false, 6), NO_OBSERVE);
	is_block(came(&t, 2), 2, true, 6, 2);
	assert_false(same_etag(raw_msg(t.raw, 0), raw_msg(t.raw, 2)));
	assert_int_equal(serves.asked, 3);
	table_stop(&t);
}

static void
first_block_is_always_asked_of_the_owner(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	serves.version = 2;
	ask_for(&t, COAP_NON, "list", value(0, false, 6), NO_OBSERVE);
	is_block(came(&t, 1), 0, true, 6, 2);
	ask_for(&t, COAP_NON, "list", value(1, false, 6), NO_OBSERVE);
	is_block(came(&t, 2), 1, true, 6, 2);
	assert_true(same_etag(raw_msg(t.raw, 1), raw_msg(t.raw, 2)));
	assert_int_equal(serves.asked, 2);
	table_stop(&t);
}

static void
another_session_has_its_own_body(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct raw *first;
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	first = t.raw;
	t.raw = raw_new(t.loop, &t.at, NULL, c);
	credentials_unref(c);
	WAIT(t.loop, raw_is_up(t.raw) && t.side.ups == 2);
	serves.version = 2;
	ask_for(&t, COAP_NON, "list", value(1, false, 6), NO_OBSERVE);
	is_block(came(&t, 0), 1, true, 6, 2);
	raw_free(t.raw);
	t.raw = first;
	ask_for(&t, COAP_NON, "list", value(1, false, 6), NO_OBSERVE);
	is_block(came(&t, 1), 1, true, 6, 1);
	table_stop(&t);
}

/* The loop's clock cannot be turned, the session's work can be done as of a later time. */
static void
pass(struct table *t, int64_t ms)
{
	exchange_run(&t->s->coap, loop_now(t->loop) + ms);
}

static void
forgotten_body_is_made_anew(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	pass(&t, 29000);
	assert_non_null(t.s->coap.body);
	assert_int_equal(t.s->coap.room->held, LARGE);
	pass(&t, 30001);
	assert_null(t.s->coap.body);
	assert_int_equal(t.s->coap.room->held, 0);
	serves.version = 2;
	ask_for(&t, COAP_NON, "list", value(1, false, 6), 0);
	is_block(came(&t, 1), 1, true, 6, 2);
	assert_null(coap_find(came(&t, 1), COAP_OPT_OBSERVE));
	assert_false(serves.observed); /* RFC 7959 2.6: a block is not observed */
	assert_int_equal(serves.asked, 2);
	ask_for(&t, COAP_NON, "list", value(4, false, 6), NO_OBSERVE);
	is_block(came(&t, 2), 4, false, 6, 2);
	pass(&t, 9000);
	ask_for(&t, COAP_NON, "list", value(4, false, 6), NO_OBSERVE); /* it was lost */
	is_block(came(&t, 3), 4, false, 6, 2);
	assert_int_equal(serves.asked, 2);
	pass(&t, 10001);
	assert_null(t.s->coap.body);
	serves.len = 2000; /* the list is shorter now */
	ask_for(&t, COAP_NON, "list", value(1, false, 6), NO_OBSERVE);
	is_block(came(&t, 4), 1, false, 6, 2);
	serves.len = 20;
	ask_for(&t, COAP_NON, "other", value(1, false, 6), NO_OBSERVE);
	is_error(came(&t, 5), COAP_400_BAD_REQUEST, "RFC 7959 2.4");
	table_stop(&t);
}

static void
timer_frees_what_is_not_fetched(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	came(&t, 0);
	assert_in_range(t.s->coap.due, 1, body_deadline(t.s->coap.body));
	table_stop(&t);
}

/* --- limits --------------------------------------------------------------------------------- */

static void
body_beyond_the_limit_is_an_error(void **state)
{
	const struct listener_config limits = {.max_body = LARGE};
	struct table t;

	(void)state;
	begin(&t, LARGE, &limits);
	assert_int_equal(session_max_body(t.s), LARGE);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	serves.len = LARGE + 1;
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_error(came(&t, 1), COAP_500_INTERNAL_SERVER_ERROR, "RFC 7959 2.4: the answer has 5001");
	table_stop(&t);
	begin(&t, SESSION_BODY_MAX, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	serves.len = SESSION_BODY_MAX + 1;
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_error(came(&t, 1), COAP_500_INTERNAL_SERVER_ERROR, "RFC 7959 2.4");
	table_stop(&t);
}

static void
bodies_of_all_sessions_are_limited(void **state)
{
	const struct listener_config limits = {.max_bodies = 2 * LARGE - 1};
	struct credentials *c = harness_credentials("client", "ca");
	struct table t;
	struct raw *first;
	uint32_t age = 0;

	(void)state;
	begin(&t, LARGE, &limits);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 0), 0, true, 6, 1);
	ask_for(&t, COAP_NON, "other", NO_BLOCK, NO_OBSERVE); /* in place of the first */
	is_block(came(&t, 1), 0, true, 6, 1);
	first = t.raw;
	t.raw = raw_new(t.loop, &t.at, NULL, c);
	credentials_unref(c);
	WAIT(t.loop, raw_is_up(t.raw) && t.side.ups == 2);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_error(came(&t, 0), COAP_503_SERVICE_UNAVAILABLE, "RFC 7959 7.1");
	assert_true(coap_get_uint(came(&t, 0), COAP_OPT_MAX_AGE, &age) && age == 30);
	session_close(t.s); /* whose body goes with it */
	WAIT(t.loop, t.side.downs == 1);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, NO_OBSERVE);
	is_block(came(&t, 1), 0, true, 6, 1);
	raw_free(first);
	table_stop(&t);
}

static void
error_that_does_not_fit_becomes_another(void **state)
{
	struct table t;

	(void)state;
	begin(&t, 1250, NULL);
	serves.code = COAP_400_BAD_REQUEST;
	ask_for(&t, COAP_CON, "list", NO_BLOCK, NO_OBSERVE);
	is_error(came(&t, 0), COAP_500_INTERNAL_SERVER_ERROR, "RFC 9132 7.3");
	ask_for(&t, COAP_CON, "list", value(3, false, 6), NO_OBSERVE);
	is_error(came(&t, 1), COAP_500_INTERNAL_SERVER_ERROR, "RFC 9132 7.3");
	assert_null(t.s->coap.body);
	table_stop(&t);
}

/* --- bodies of requests --------------------------------------------------------------------- */

static void
put_block(struct table *t, uint16_t id, uint32_t block)
{
	struct coap_msg m = message(COAP_CON, COAP_PUT, id);

	coap_add_text(&m, COAP_OPT_URI_PATH, "list");
	coap_add_uint(&m, COAP_OPT_BLOCK1, block);
	m.payload = (const uint8_t *)"0123456789abcdef";
	m.payload_len = 16;
	raw_send_msg(t->raw, &m);
}

/* 9132-9-09 9132-9-11 */
static void
request_is_one_message(void **state)
{
	struct table t;

	(void)state;
	begin(&t, 20, NULL);
	put_block(&t, 1, value(0, true, 0));
	is_error(came(&t, 0), COAP_413_REQUEST_ENTITY_TOO_LARGE, "RFC 9132 7.3");
	put_block(&t, 2, value(1, false, 0));
	is_error(came(&t, 1), COAP_408_REQUEST_ENTITY_INCOMPLETE, "RFC 9132 7.3");
	put_block(&t, 3, value(0, false, 7));
	is_error(came(&t, 2), COAP_400_BAD_REQUEST, "RFC 7959 2.2: Block1");
	assert_int_equal(serves.asked, 0);
	put_block(&t, 4, value(0, false, 0)); /* RFC 7959 2.2: the only block, as without it */
	assert_int_equal(came(&t, 3)->code, COAP_205_CONTENT);
	assert_int_equal(serves.asked, 1);
	table_stop(&t);
}

/* --- notifications -------------------------------------------------------------------------- */

static int
notify(struct table *t, uint32_t sequence)
{
	uint8_t *body = malloc(LIST_MAX);
	struct coap_msg m;
	int error;

	fill(&m, body);
	coap_add_uint(&m, COAP_OPT_OBSERVE, sequence);
	error = session_notify(t->s, (const uint8_t *)"tokn", 4, &m);
	free(body);
	return error;
}

/* As if the last block had been fetched. */
static void
fetch_rest(struct table *t, unsigned version)
{
	unsigned n = raw_count(t->raw);

	for (uint32_t num = 1; num < 5; num++) {
		ask_for(t, COAP_NON, "list", value(num, false, 6), NO_OBSERVE);
		is_block(came(t, n), num, num < 4, 6, version);
		n++;
	}
}

/* RFC 7959 2.6, 3.4 */
static void
notification_is_the_first_block_of_its_body(void **state)
{
	uint32_t sequence = 0;
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	is_block(came(&t, 0), 0, true, 6, 1);
	assert_true(coap_get_uint(came(&t, 0), COAP_OPT_OBSERVE, &sequence) && sequence == 1);
	fetch_rest(&t, 1);
	serves.version = 2;
	assert_int_equal(notify(&t, 7), 0);
	is_block(came(&t, 5), 0, true, 6, 2);
	assert_int_equal(came(&t, 5)->type, COAP_NON);
	assert_memory_equal(came(&t, 5)->token, "tokn", 4);
	assert_true(coap_get_uint(came(&t, 5), COAP_OPT_OBSERVE, &sequence) && sequence == 7);
	fetch_rest(&t, 2);
	assert_int_equal(serves.asked, 1);
	assert_null(coap_find(raw_msg(t.raw, 6), COAP_OPT_OBSERVE));
	serves.len = 20;
	assert_int_equal(notify(&t, 8), 0);
	assert_null(coap_find(came(&t, 10), COAP_OPT_BLOCK2));
	assert_int_equal(came(&t, 10)->payload_len, 20);
	table_stop(&t);
}

static void
notification_keeps_to_the_size_that_was_asked_for(void **state)
{
	struct table t;

	(void)state;
	begin(&t, 1100, NULL);
	ask_for(&t, COAP_NON, "list", value(0, false, 6), 0);
	is_block(came(&t, 0), 0, true, 6, 1); /* 1100 would fit one message */
	ask_for(&t, COAP_NON, "list", value(1, false, 6), NO_OBSERVE);
	is_block(came(&t, 1), 1, false, 6, 1);
	assert_int_equal(notify(&t, 7), 0);
	is_block(came(&t, 2), 0, true, 6, 1);
	pass(&t, 60000);
	ask_for(&t, COAP_NON, "list", value(0, false, 2), 0); /* anew: in 64 */
	is_block(came(&t, 3), 0, true, 2, 1);
	pass(&t, 60000);
	assert_int_equal(notify(&t, 8), 0);
	is_block(came(&t, 4), 0, true, 2, 1);
	table_stop(&t);
}

static void
notification_does_not_break_a_fetch(void **state)
{
	struct table t;

	(void)state;
	begin(&t, LARGE, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	came(&t, 0);
	serves.version = 2;
	assert_int_equal(notify(&t, 7), -EBUSY);
	serves.len = 20; /* it replaces nothing */
	assert_int_equal(notify(&t, 8), 0);
	serves.len = LARGE;
	came(&t, 1);
	fetch_rest(&t, 1);
	assert_int_equal(notify(&t, 9), 0);
	is_block(came(&t, 6), 0, true, 6, 2);
	table_stop(&t);
}

static void
notification_has_its_limits(void **state)
{
	const struct listener_config limits = {.max_body = LARGE, .max_bodies = LARGE};
	struct block_room *room;
	struct table t;

	(void)state;
	begin(&t, LARGE, &limits);
	assert_int_equal(notify(&t, 7), -EMSGSIZE); /* who is that? */
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	came(&t, 0);
	pass(&t, 60000);
	serves.len = LARGE + 1;
	assert_int_equal(notify(&t, 7), -EMSGSIZE);
	serves.len = LARGE;
	room = t.s->coap.room;
	room->held = 1; /* of another session */
	assert_int_equal(notify(&t, 8), -ENOBUFS);
	room->held = 0;
	assert_int_equal(notify(&t, 8), 0);
	table_stop(&t);
}

/* RFC 7641 3.6, 4.1, 4.2 */
static void
observer_is_forgotten_when_it_ends(void **state)
{
	struct coap_msg last;
	struct table t;

	(void)state;
	begin(&t, 20, NULL);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	came(&t, 0);
	assert_int_equal(t.s->coap.observers.n, 1);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 1); /* deregisters */
	came(&t, 1);
	assert_int_equal(t.s->coap.observers.n, 0);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	came(&t, 2);
	coap_init(&last, COAP_NON, COAP_404_NOT_FOUND);
	assert_int_equal(session_notify(t.s, (const uint8_t *)"tokn", 4, &last), 0);
	assert_int_equal(t.s->coap.observers.n, 0);
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	came(&t, 4);
	assert_int_equal(notify(&t, 7), 0);
	send_message(&t, COAP_RST, COAP_EMPTY, came(&t, 5)->id);
	WAIT(t.loop, t.side.observers_gone == 1);
	assert_int_equal(t.s->coap.observers.n, 0);
	serves.len = SESSION_BODY_MAX + 1; /* the registration fails after all */
	ask_for(&t, COAP_NON, "list", NO_BLOCK, 0);
	is_error(came(&t, 6), COAP_500_INTERNAL_SERVER_ERROR, "RFC 7959 2.4");
	assert_int_equal(t.s->coap.observers.n, 0);
	table_stop(&t);
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
		cmocka_unit_test(large_answer_comes_in_blocks),
		cmocka_unit_test(peer_may_ask_for_smaller_blocks),
		cmocka_unit_test(size_may_change_on_the_way),
		cmocka_unit_test(reserved_size_is_a_bad_request),
		cmocka_unit_test(beyond_the_end_is_a_bad_request),
		cmocka_unit_test(later_block_is_of_the_same_resource),
		cmocka_unit_test(first_block_is_always_asked_of_the_owner),
		cmocka_unit_test(another_session_has_its_own_body),
		cmocka_unit_test(forgotten_body_is_made_anew),
		cmocka_unit_test(timer_frees_what_is_not_fetched),
		cmocka_unit_test(body_beyond_the_limit_is_an_error),
		cmocka_unit_test(bodies_of_all_sessions_are_limited),
		cmocka_unit_test(error_that_does_not_fit_becomes_another),
		cmocka_unit_test(request_is_one_message),
		cmocka_unit_test(notification_is_the_first_block_of_its_body),
		cmocka_unit_test(notification_keeps_to_the_size_that_was_asked_for),
		cmocka_unit_test(notification_does_not_break_a_fetch),
		cmocka_unit_test(notification_has_its_limits),
		cmocka_unit_test(observer_is_forgotten_when_it_ends),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
