/*
 * Answers and notifications that come in blocks (RFC 7959): the side that asks. A peer by hand says
 * what it likes; then our own server, over a link that loses.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>

enum { BODY_MAX = 200 * 1024 };

static uint8_t
byte_at(unsigned version, size_t i)
{
	return (uint8_t)(i * 7 + i / 251 + version * 13);
}

static void
fill(uint8_t *body, size_t len, unsigned version)
{
	for (size_t i = 0; i < len; i++)
		body[i] = byte_at(version, i);
}

/* What the owner of a request was told. */
struct heard {
	unsigned n;
	int error; /* of the last */
	uint8_t code;
	size_t len;
	bool right; /* its payload is `version` */
	unsigned version;
	bool any_version; /* whichever its first byte is of */
	uint32_t observe; /* 0: none */
	bool has_block, has_format;
	int64_t cancels; /* from inside the call */
};

static void
heard_cb(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct heard *h = arg;
	uint32_t format = 0;

	h->n++;
	h->error = error;
	assert_int_equal(response == NULL, error != 0);
	if (h->cancels)
		request_cancel(s, h->cancels);
	if (!response)
		return;
	if (h->any_version)
		for (h->version = 0; byte_at(h->version, 0) != response->payload[0];)
			h->version++;
	h->code = response->code;
	h->len = response->payload_len;
	h->right = true;
	for (size_t i = 0; i < response->payload_len; i++)
		h->right = h->right && response->payload[i] == byte_at(h->version, i);
	h->observe = 0;
	coap_get_uint(response, COAP_OPT_OBSERVE, &h->observe);
	h->has_block = coap_find(response, COAP_OPT_BLOCK2) != NULL;
	h->has_format = coap_get_uint(response, COAP_OPT_CONTENT_FORMAT, &format) &&
			format == COAP_FORMAT_DOTS_CBOR;
}

static int64_t
get(struct session *s, enum coap_type type, const char *path, bool observe, struct heard *h)
{
	struct coap_msg m;

	h->version = h->version ? h->version : 1;
	coap_init(&m, type, COAP_GET);
	coap_add_text(&m, COAP_OPT_URI_PATH, path);
	coap_add_text(&m, COAP_OPT_URI_QUERY, "c=n");
	if (observe)
		coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	return request_send(s, &m, heard_cb, h);
}

static uint32_t
value(uint32_t num, bool more, uint8_t szx)
{
	return num << 4 | (more ? 8 : 0) | szx;
}

/* What is answered; the number in the ETag ("v2") is the version of the body. */
struct say {
	uint32_t num;
	bool more;
	uint8_t szx;
	const char *etag;
	uint32_t observe; /* 0: none */
	uint8_t code;     /* 0: 2.05 */
	size_t len;       /* 0: what the size says; of a last one 10 */
	bool plain;       /* without Block2 */
};

static unsigned
version_of(const char *etag)
{
	return etag && etag[0] == 'v' ? (unsigned)(etag[1] - '0') : 1;
}

/* In answer to the i-th message that came. */
static void
answer_as(struct table *t, unsigned i, const struct say *say)
{
	static uint16_t id = 40000;
	const struct coap_msg *asked = came(t, i);
	uint8_t body[1024];
	size_t at = (size_t)say->num << (say->szx + 4);
	struct coap_msg m;

	coap_init(&m, asked->type == COAP_CON ? COAP_ACK : COAP_NON,
		say->code ? say->code : COAP_205_CONTENT);
	m.id = asked->type == COAP_CON ? asked->id : id++;
	m.token_len = asked->token_len;
	memcpy(m.token, asked->token, asked->token_len);
	if (!say->code)
		coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	if (say->etag)
		coap_add_text(&m, COAP_OPT_ETAG, say->etag);
	if (!say->plain)
		coap_add_uint(&m, COAP_OPT_BLOCK2, value(say->num, say->more, say->szx));
	if (say->observe)
		coap_add_uint(&m, COAP_OPT_OBSERVE, say->observe);
	m.payload_len = say->len ? say->len : say->more ? (size_t)16 << say->szx : 10;
	m.payload = body;
	for (size_t k = 0; k < m.payload_len; k++)
		body[k] = byte_at(version_of(say->etag), at + k);
	raw_send_msg(t->raw, &m);
}

static void
answer(struct table *t, unsigned i, uint32_t num, bool more, uint8_t szx, const char *etag)
{
	answer_as(t, i, &(struct say){.num = num, .more = more, .szx = szx, .etag = etag});
}

/* A first block that is a notification. */
static void
notify(struct table *t, unsigned i, bool more, const char *etag, uint32_t observe)
{
	answer_as(t, i, &(struct say){.more = more, .szx = 3, .etag = etag, .observe = observe});
}

/* The i-th message asks for that block of list?c=n, by itself. */
static void
asks(struct table *t, unsigned i, enum coap_type type, uint32_t num, uint8_t szx, const char *etag)
{
	const struct coap_msg *m = came(t, i);
	const struct coap_option *o = coap_find(m, COAP_OPT_ETAG);
	uint32_t block = 0xffffffff;

	assert_int_equal(m->type, type);
	assert_int_equal(m->code, COAP_GET);
	assert_int_equal(m->token_len, 8);
	for (unsigned k = 0; k < i; k++)
		if (raw_msg(t->raw, k)->token_len == 8)
			assert_memory_not_equal(m->token, raw_msg(t->raw, k)->token, 8);
	assert_memory_equal(coap_find(m, COAP_OPT_URI_PATH)->value, "list", 4);
	assert_memory_equal(coap_find(m, COAP_OPT_URI_QUERY)->value, "c=n", 3);
	assert_null(coap_find(m, COAP_OPT_OBSERVE));
	assert_true(coap_get_uint(m, COAP_OPT_BLOCK2, &block));
	assert_int_equal(block, value(num, false, szx));
	assert_int_equal(o != NULL, etag != NULL);
	if (etag)
		assert_memory_equal(o->value, etag, o->len);
}

/* Nothing is left of any request. */
static void
nothing_is_open(const struct table *t)
{
	assert_null(t->s->coap.requests);
	assert_int_equal(t->s->coap.n_requests, 0);
}

/* --- a whole body --------------------------------------------------------------------------- */

/* 9132-4.4.2-12 9132-4.4.2-13 9132-4.4.2-15 */
static void
body_in_blocks_is_delivered_as_one(void **state)
{
	struct heard h;
	struct table t;

	(void)state;
	for (enum coap_type type = COAP_CON; type <= COAP_NON; type++) {
		memset(&h, 0, sizeof(h));
		table_start(&t);
		session_set_params(t.s, &(struct coap_params){20000, 100, 3});
		assert_true(get(t.s, type, "list", false, &h) > 0);
		answer(&t, 0, 0, true, 3, "v1");
		asks(&t, 1, type, 1, 3, "v1");
		answer(&t, 1, 4, true, 1, "v1"); /* the same place, in smaller blocks from now on */
		asks(&t, 2, type, 5, 1, "v1");
		answer(&t, 2, 5, false, 1, "v1");
		WAIT(t.loop, h.n == 1);
		assert_int_equal(h.error, 0);
		assert_int_equal(h.code, COAP_205_CONTENT);
		assert_int_equal(h.len, 5 * 32 + 10);
		assert_true(h.right && h.has_format && !h.has_block);
		nothing_is_open(&t);
		assert_int_equal(raw_count(t.raw), 3);
		table_stop(&t);
	}
}

static void
one_block_is_the_body(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	assert_true(get(t.s, COAP_NON, "list", false, &h) > 0);
	answer(&t, 0, 0, false, 6, "v1");
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.len, 10);
	nothing_is_open(&t);
	assert_int_equal(raw_count(t.raw), 1);
	table_stop(&t);
}

static void
first_block_twice_is_one(void **state)
{
	struct heard h = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	asks(&t, 1, COAP_NON, 1, 3, "v1");
	answer(&t, 0, 0, true, 3, "v1");
	assert_int_equal(request_repeat(t.s, handle), 0); /* its owner does not know */
	answer(&t, 1, 1, true, 3, "v1");
	asks(&t, 2, COAP_NON, 2, 3, "v1");
	answer(&t, 1, 1, true, 3, "v1"); /* a block twice */
	answer(&t, 2, 2, false, 3, "v1");
	WAIT(t.loop, h.n == 1);
	harness_settle(t.loop);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.len, 2 * 128 + 10);
	assert_true(h.right);
	assert_int_equal(raw_count(t.raw), 3);
	nothing_is_open(&t);
	table_stop(&t);
}

/* Two bodies at once would take each other's place at the peer. */
static void
bodies_are_fetched_one_after_the_other(void **state)
{
	struct heard one = {0}, two = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &one);
	get(t.s, COAP_NON, "list", false, &two);
	answer(&t, 0, 0, true, 3, "v1");
	asks(&t, 2, COAP_NON, 1, 3, "v1");
	answer(&t, 1, 0, true, 3, "v1");
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 3);
	answer(&t, 2, 1, false, 3, "v1");
	WAIT(t.loop, one.n == 1);
	asks(&t, 3, COAP_NON, 1, 3, "v1");
	handle = get(t.s, COAP_NON, "list", false, &one);
	answer(&t, 4, 0, true, 3, "v1"); /* waits for the second; then given up by its owner */
	harness_settle(t.loop);
	request_cancel(t.s, handle);
	answer(&t, 3, 1, false, 3, "v1");
	WAIT(t.loop, two.n == 1);
	assert_true(one.right && two.right);
	assert_int_equal(one.len, 138);
	assert_int_equal(two.len, 138);
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 5);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
end_of_one_fetch_begins_the_next(void **state)
{
	struct heard one = {0}, two = {0}, three = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = get(t.s, COAP_NON, "list", false, &one);
	get(t.s, COAP_NON, "list", false, &two);
	get(t.s, COAP_NON, "list", false, &three);
	for (unsigned i = 0; i < 3; i++)
		answer(&t, i, 0, true, 3, "v1");
	asks(&t, 3, COAP_NON, 1, 3, "v1");
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 4);
	request_cancel(t.s, handle);
	asks(&t, 4, COAP_NON, 1, 3, "v1");
	send_message(&t, COAP_RST, COAP_EMPTY, came(&t, 4)->id);
	asks(&t, 5, COAP_NON, 1, 3, "v1");
	assert_int_equal(two.error, -ECONNRESET);
	answer(&t, 5, 1, false, 3, "v1");
	WAIT(t.loop, three.n == 1);
	assert_true(three.right);
	assert_int_equal(one.n, 0);
	nothing_is_open(&t);
	table_stop(&t);
}

/* --- what goes wrong ------------------------------------------------------------------------ */

/* 9132-4.4-06 9132-4.4-07 */
static void
lost_block_is_asked_for_again(void **state)
{
	struct heard h = {0};
	struct table t;
	mono_ms due;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	asks(&t, 1, COAP_NON, 1, 3, "v1");
	due = request_run(&t.s->coap, 0); /* nothing yet: that is when it is due */
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(request_run(&t.s->coap, due - 1), due);
		assert_int_equal(request_run(&t.s->coap, due), due + 3000);
		due += 3000;
		assert_memory_equal(came(&t, i + 1)->token, raw_msg(t.raw, 1)->token, 8);
		assert_int_not_equal(came(&t, i + 1)->id, came(&t, i)->id);
	}
	assert_int_equal(raw_count(t.raw), 1 + 1 + 5);
	answer(&t, 6, 1, true, 3, "v1"); /* the last one got through */
	asks(&t, 7, COAP_NON, 2, 3, "v1");
	due = request_run(&t.s->coap, 0);
	for (unsigned i = 0; i < 5; i++)
		due = request_run(&t.s->coap, due);
	assert_int_equal(h.n, 0);
	assert_int_equal(request_run(&t.s->coap, due), 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.error, -ETIMEDOUT);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
confirmable_block_is_given_up(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	session_set_params(t.s, &(struct coap_params){40, 100, 3});
	get(t.s, COAP_CON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.error, -ETIMEDOUT);
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 1 + 1 + 3);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
another_etag_is_fetched_from_the_beginning(void **state)
{
	struct heard h = {.version = 2};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	asks(&t, 1, COAP_NON, 1, 3, "v1");
	answer(&t, 1, 1, true, 3, "v2");
	asks(&t, 2, COAP_NON, 0, 3, NULL);
	answer(&t, 2, 0, true, 3, "v2");
	asks(&t, 3, COAP_NON, 1, 3, "v2");
	answer(&t, 3, 1, false, 3, "v2");
	WAIT(t.loop, h.n == 1);
	assert_true(h.right);
	assert_int_equal(h.len, 138);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
what_never_stands_still_is_given_up(void **state)
{
	static const char *const etags[] = {"v1", "v2", "v3", "v4", "v5", "v6"};
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(h.n, 0);
		answer(&t, i, i % 2, true, 3, etags[i]);
	}
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.error, -EMSGSIZE);
	harness_settle(t.loop);
	assert_int_equal(raw_count(t.raw), 6);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
gap_and_nonsense_are_begun_anew(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 3, true, 3, "v1"); /* not the beginning */
	WAIT(t.loop, raw_count(t.raw) == 2);
	assert_null(coap_find(came(&t, 1), COAP_OPT_BLOCK2)); /* nothing is known of its size */
	answer(&t, 1, 0, true, 3, "v1");
	asks(&t, 2, COAP_NON, 1, 3, "v1");
	answer(&t, 2, 2, true, 3, "v1"); /* a gap */
	asks(&t, 3, COAP_NON, 0, 3, NULL);
	answer(&t, 3, 0, true, 3, "v1");
	asks(&t, 4, COAP_NON, 1, 3, "v1");
	answer(&t, 4, 1, false, 3, "v1");
	WAIT(t.loop, h.n == 1);
	assert_true(h.right);
	get(t.s, COAP_NON, "list", false, &h);
	for (unsigned i = 5; i < 8; i++)
		answer_as(&t, i, &(struct say){.more = true, .szx = 7, .len = 1024});
	WAIT(t.loop, h.n == 2);
	assert_int_equal(h.error, -EMSGSIZE);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
body_that_went_is_answered_so(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	answer_as(&t, 1, &(struct say){.code = COAP_400_BAD_REQUEST, .plain = true}); /* shorter */
	asks(&t, 2, COAP_NON, 0, 3, NULL);
	answer_as(&t, 2, &(struct say){.code = COAP_404_NOT_FOUND, .plain = true});
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.error, 0);
	assert_int_equal(h.code, COAP_404_NOT_FOUND);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
body_without_end_is_given_up(void **state)
{
	enum { BLOCKS = SESSION_BODY_MAX / 1024 };
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	for (unsigned i = 0; i <= BLOCKS; i++)
		answer(&t, i, i, true, 6, "v1");
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.error, -EMSGSIZE);
	nothing_is_open(&t);
	get(t.s, COAP_NON, "list", false, &h);
	for (unsigned i = 0; i < BLOCKS; i++) /* the largest that is taken */
		answer_as(&t, BLOCKS + 1 + i,
			&(struct say){.num = i,
				.more = i < BLOCKS - 1,
				.szx = 6,
				.len = 1024,
				.etag = "v1"});
	WAIT(t.loop, h.n == 2);
	assert_int_equal(h.error, 0);
	assert_int_equal(h.len, SESSION_BODY_MAX);
	assert_true(h.right);
	table_stop(&t);
}

static void
reset_ends_a_fetch(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	send_message(&t, COAP_RST, COAP_EMPTY, came(&t, 1)->id);
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.error, -ECONNRESET);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
cancelled_fetch_leaves_nothing(void **state)
{
	struct heard h = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = get(t.s, COAP_NON, "list", false, &h);
	answer(&t, 0, 0, true, 3, "v1");
	came(&t, 1);
	request_cancel(t.s, handle);
	nothing_is_open(&t);
	answer(&t, 1, 1, true, 3, "v1");
	harness_settle(t.loop);
	assert_int_equal(h.n, 0);
	assert_int_equal(raw_count(t.raw), 2);
	table_stop(&t);
}

static void
session_takes_its_fetches_along(void **state)
{
	struct heard one = {0}, two = {0}, watched = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", false, &one);
	answer(&t, 0, 0, true, 3, "v1");
	came(&t, 1);
	get(t.s, COAP_CON, "list", false, &two);
	answer(&t, 2, 0, true, 3, "v1");
	get(t.s, COAP_NON, "list", true, &watched);
	notify(&t, 3, false, "v1", 4);
	WAIT(t.loop, watched.n == 1);
	notify(&t, 3, true, "v1", 5);
	harness_settle(t.loop);
	session_close(t.s);
	WAIT(t.loop, t.side.downs == 1);
	assert_int_equal(one.n, 1);
	assert_int_equal(one.error, -ECANCELED);
	assert_int_equal(two.n, 1);
	assert_int_equal(two.error, -ECANCELED);
	assert_int_equal(watched.n, 2);
	assert_int_equal(watched.error, -ECANCELED);
	table_stop(&t);
}

/* --- notifications -------------------------------------------------------------------------- */

/* RFC 7959 2.6, 3.4 */
static void
rest_of_a_notification_is_fetched(void **state)
{
	struct heard h = {0};
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = get(t.s, COAP_NON, "list", true, &h);
	notify(&t, 0, true, "v1", 5);
	asks(&t, 1, COAP_NON, 1, 3, "v1");
	assert_int_equal(request_repeat(t.s, handle), 0); /* not heard of yet: nothing goes out */
	answer(&t, 1, 1, false, 3, "v1");
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.observe, 5);
	assert_true(h.right && h.has_format && !h.has_block);
	h.version = 2;
	notify(&t, 0, true, "v2", 6);
	asks(&t, 2, COAP_NON, 1, 3, "v2");
	assert_int_equal(t.s->coap.n_requests, 1);
	answer(&t, 2, 1, true, 3, "v3"); /* changed meanwhile: by a plain GET from the beginning */
	asks(&t, 3, COAP_NON, 0, 3, NULL);
	answer(&t, 3, 0, true, 3, "v3");
	h.version = 3;
	answer(&t, 4, 1, false, 3, "v3");
	WAIT(t.loop, h.n == 2);
	assert_int_equal(h.observe, 6);
	assert_int_equal(h.len, 138);
	assert_true(h.right);
	assert_int_equal(t.s->coap.n_requests, 1);
	assert_int_equal(raw_count(t.raw), 5);
	table_stop(&t);
}

static void
newer_notification_replaces_the_fetch(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", true, &h);
	notify(&t, 0, true, "v1", 5);
	asks(&t, 1, COAP_NON, 1, 3, "v1");
	h.version = 2;
	notify(&t, 0, true, "v2", 7);
	asks(&t, 2, COAP_NON, 1, 3, "v2");
	notify(&t, 0, true, "v1", 6);     /* overtaken */
	answer(&t, 1, 1, false, 3, "v1"); /* nobody waits for it */
	answer(&t, 2, 1, false, 3, "v2");
	WAIT(t.loop, h.n == 1);
	harness_settle(t.loop);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.observe, 7);
	assert_true(h.right);
	notify(&t, 0, true, "v3", 8);
	asks(&t, 3, COAP_NON, 1, 3, "v3");
	h.version = 4;
	notify(&t, 0, false, "v4", 9); /* small again */
	WAIT(t.loop, h.n == 2);
	assert_int_equal(h.len, 10);
	assert_int_equal(t.s->coap.n_requests, 1);
	table_stop(&t);
}

static void
lost_rest_is_a_lost_notification(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", true, &h);
	notify(&t, 0, false, "v1", 5);
	WAIT(t.loop, h.n == 1);
	notify(&t, 0, true, "v2", 6);
	send_message(&t, COAP_RST, COAP_EMPTY, came(&t, 1)->id);
	harness_settle(t.loop);
	assert_int_equal(h.n, 1);
	notify(&t, 0, true, "v2", 7);
	asks(&t, 2, COAP_NON, 1, 3, "v2");
	for (unsigned i = 2; i < 7; i++) /* it never stands still */
		answer(&t, i, (i + 1) % 2, true, 3, i % 2 ? "odd" : "even");
	harness_settle(t.loop);
	assert_int_equal(h.n, 1);
	assert_int_equal(t.s->coap.n_requests, 1);
	notify(&t, 0, false, "v4", 8);
	WAIT(t.loop, h.n == 2);
	assert_int_equal(h.error, 0);
	table_stop(&t);
}

static void
observation_that_never_came_ends(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", true, &h);
	notify(&t, 0, true, "v1", 5);
	send_message(&t, COAP_RST, COAP_EMPTY, came(&t, 1)->id);
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.error, -ECONNRESET);
	nothing_is_open(&t);
	get(t.s, COAP_NON, "list", true, &h); /* answered at once, then too large */
	notify(&t, 2, false, "v1", 5);
	WAIT(t.loop, h.n == 2);
	answer_as(&t, 2, &(struct say){.more = true, .szx = 6, .etag = "v1", .observe = 6});
	for (unsigned i = 1; i <= SESSION_BODY_MAX / 1024; i++)
		answer(&t, 2 + i, i, true, 6, "v1");
	WAIT(t.loop, h.n == 3);
	assert_int_equal(h.error, -EMSGSIZE);
	nothing_is_open(&t);
	table_stop(&t);
}

static void
last_answer_of_an_observation_may_be_large(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	get(t.s, COAP_NON, "list", true, &h);
	answer(&t, 0, 0, true, 3, "v1"); /* without Observe: it does not register */
	answer(&t, 1, 1, false, 3, "v1");
	WAIT(t.loop, h.n == 1);
	assert_int_equal(h.observe, 0);
	assert_int_equal(h.len, 138);
	nothing_is_open(&t);
	table_stop(&t);
}

/* 9132-4.4.2.1-14: the same request with Observe 1, which is no request of ours any more. */
static void
cancelled_observation_is_deregistered(void **state)
{
	const struct coap_msg *first, *last;
	struct heard h = {0};
	uint32_t observe = 0;
	struct table t;
	int64_t handle;

	(void)state;
	table_start(&t);
	handle = get(t.s, COAP_NON, "list", true, &h);
	first = came(&t, 0);
	notify(&t, 0, false, "v1", 5);
	WAIT(t.loop, h.n == 1);
	request_cancel(t.s, handle);
	nothing_is_open(&t);
	last = came(&t, 1);
	assert_int_equal(last->type, COAP_NON);
	assert_int_equal(last->code, COAP_GET);
	assert_int_not_equal(last->id, first->id);
	assert_int_equal(last->token_len, first->token_len);
	assert_memory_equal(last->token, first->token, first->token_len);
	assert_int_equal(last->n_options, first->n_options);
	assert_memory_equal(coap_find(last, COAP_OPT_URI_PATH)->value, "list", 4);
	assert_true(coap_get_uint(last, COAP_OPT_OBSERVE, &observe));
	assert_int_equal(observe, 1);
	answer_as(&t, 1, &(struct say){.plain = true}); /* who cares */
	handle = get(t.s, COAP_NON, "list", true, &h);  /* not known to be registered: no word */
	came(&t, 2);
	request_cancel(t.s, handle);
	harness_settle(t.loop);
	assert_int_equal(h.n, 1);
	assert_int_equal(raw_count(t.raw), 3);
	table_stop(&t);
}

static void
owner_may_cancel_when_it_is_told(void **state)
{
	struct heard h = {0};
	struct table t;

	(void)state;
	table_start(&t);
	h.cancels = get(t.s, COAP_NON, "list", true, &h);
	notify(&t, 0, true, "v1", 5);
	answer(&t, 1, 1, false, 3, "v1");
	WAIT(t.loop, h.n == 1);
	nothing_is_open(&t);
	table_stop(&t);
}

/* --- both ends are ours --------------------------------------------------------------------- */

struct pair {
	struct loop *loop;
	struct listener *listener;
	struct relay relay;
	struct side server, client;
	struct heard heard;
};

static struct {
	size_t len;
	unsigned version; /* another one each time the owner is asked */
	unsigned asked;
	uint32_t dice, lost_in_100, seen;
} serves;

static void
serve(struct side *side, struct exchange *ex, const struct coap_msg *req)
{
	uint8_t *body = malloc(BODY_MAX);
	uint32_t observe = 1;
	struct coap_msg m;

	(void)side;
	fill(body, serves.len, ++serves.version);
	serves.asked++;
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	if (coap_get_uint(req, COAP_OPT_OBSERVE, &observe) && observe == 0)
		coap_add_uint(&m, COAP_OPT_OBSERVE, 1);
	m.payload = body;
	m.payload_len = serves.len;
	exchange_respond(ex, &m);
	free(body);
}

static bool
lossy(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
	serves.dice = serves.dice * 1664525 + 1013904223;
	return (serves.dice >> 8) % 100 >= serves.lost_in_100;
}

static void
pair_start(struct pair *p, size_t len)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct endpoint at;
	struct dial d;
	int error;

	memset(p, 0, sizeof(*p));
	memset(&serves, 0, sizeof(serves));
	serves.len = len;
	p->loop = loop_new();
	p->server.answer = serve;
	p->listener = harness_listen(p->loop, "127.0.0.1", NULL, &p->server, &at);
	relay_start(&p->relay, p->loop, &at);
	d = harness_dialling(&p->relay.at, c);
	assert_non_null(session_dial(p->loop, &d, &side_ops, &p->client, &error));
	credentials_unref(c);
	WAIT(p->loop, p->client.ups == 1 && p->server.ups == 1);
	session_set_params(p->client.session, &(struct coap_params){40, 100, 12});
}

static void
pair_stop(struct pair *p)
{
	session_close(p->client.session);
	WAIT(p->loop, !p->client.session);
	listener_free(p->listener);
	relay_stop(&p->relay);
	loop_free(p->loop);
}

static void
large_bodies_come_through(void **state)
{
	static const size_t lens[] = {1100, 1200, 1300, 2048, 5000, BODY_MAX};
	struct pair p;

	(void)state;
	for (enum coap_type type = COAP_CON; type <= COAP_NON; type++) {
		pair_start(&p, 0);
		for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			serves.len = lens[i];
			p.heard.version = serves.version + 1;
			assert_true(get(p.client.session, type, "list", false, &p.heard) > 0);
			WAIT(p.loop, p.heard.n == i + 1);
			assert_int_equal(p.heard.error, 0);
			assert_int_equal(p.heard.len, lens[i]);
			assert_true(p.heard.right);
			assert_int_equal(serves.asked, i + 1);
		}
		pair_stop(&p);
	}
}

static void
client_answers_its_server_in_blocks_too(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, 5000);
	p.client.answer = serve;
	assert_true(get(p.server.session, COAP_NON, "list", false, &p.heard) > 0);
	WAIT(p.loop, p.heard.n == 1);
	assert_int_equal(p.heard.len, 5000);
	assert_true(p.heard.right);
	assert_int_equal(serves.asked, 1);
	pair_stop(&p);
}

static void
confirmable_fetch_outlives_loss(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, 50000);
	p.relay.pass_up = lossy;
	serves.lost_in_100 = 30;
	serves.dice = 7;
	assert_true(get(p.client.session, COAP_CON, "list", false, &p.heard) > 0);
	WAIT(p.loop, p.heard.n == 1);
	assert_int_equal(p.heard.error, 0);
	assert_int_equal(p.heard.len, 50000);
	assert_true(p.heard.right);
	assert_int_equal(serves.asked, 1);
	pair_stop(&p);
}

/* The answer to the third datagram of the client is lost. */
static bool
lose_third(void *arg, const uint8_t *bytes, size_t len)
{
	struct relay *r = arg;

	(void)bytes;
	(void)len;
	if (++serves.seen == 3)
		r->lose_down = 1;
	return true;
}

static void
lost_answer_to_a_block_is_asked_for_again(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, 5000);
	p.relay.pass_up = lose_third;
	p.relay.pass_arg = &p.relay;
	assert_true(get(p.client.session, COAP_NON, "list", false, &p.heard) > 0);
	WAIT(p.loop, p.heard.n == 1); /* 3 s later */
	assert_int_equal(serves.seen, 1 + 4 + 1);
	assert_int_equal(p.heard.len, 5000);
	assert_true(p.heard.right);
	assert_int_equal(serves.asked, 1);
	pair_stop(&p);
}

static void
two_fetches_of_a_changing_peer_come_to_an_end(void **state)
{
	struct heard other = {.any_version = true};
	struct pair p;

	(void)state;
	pair_start(&p, 20000);
	p.heard.any_version = true;
	assert_true(get(p.client.session, COAP_NON, "list", false, &p.heard) > 0);
	assert_true(get(p.client.session, COAP_NON, "other", false, &other) > 0);
	WAIT(p.loop, p.heard.n == 1 && other.n == 1);
	assert_int_equal(p.heard.error, 0);
	assert_int_equal(other.error, 0);
	assert_int_equal(p.heard.len, 20000);
	assert_int_equal(other.len, 20000);
	assert_true(p.heard.right && other.right);
	pair_stop(&p);
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
		cmocka_unit_test(body_in_blocks_is_delivered_as_one),
		cmocka_unit_test(one_block_is_the_body),
		cmocka_unit_test(first_block_twice_is_one),
		cmocka_unit_test(bodies_are_fetched_one_after_the_other),
		cmocka_unit_test(end_of_one_fetch_begins_the_next),
		cmocka_unit_test(lost_block_is_asked_for_again),
		cmocka_unit_test(confirmable_block_is_given_up),
		cmocka_unit_test(another_etag_is_fetched_from_the_beginning),
		cmocka_unit_test(what_never_stands_still_is_given_up),
		cmocka_unit_test(gap_and_nonsense_are_begun_anew),
		cmocka_unit_test(body_that_went_is_answered_so),
		cmocka_unit_test(body_without_end_is_given_up),
		cmocka_unit_test(reset_ends_a_fetch),
		cmocka_unit_test(cancelled_fetch_leaves_nothing),
		cmocka_unit_test(session_takes_its_fetches_along),
		cmocka_unit_test(rest_of_a_notification_is_fetched),
		cmocka_unit_test(newer_notification_replaces_the_fetch),
		cmocka_unit_test(lost_rest_is_a_lost_notification),
		cmocka_unit_test(observation_that_never_came_ends),
		cmocka_unit_test(last_answer_of_an_observation_may_be_large),
		cmocka_unit_test(cancelled_observation_is_deregistered),
		cmocka_unit_test(owner_may_cancel_when_it_is_told),
		cmocka_unit_test(large_bodies_come_through),
		cmocka_unit_test(client_answers_its_server_in_blocks_too),
		cmocka_unit_test(confirmable_fetch_outlives_loss),
		cmocka_unit_test(lost_answer_to_a_block_is_asked_for_again),
		cmocka_unit_test(two_fetches_of_a_changing_peer_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
