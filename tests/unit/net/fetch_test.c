/*
 * Bodies put together from blocks (RFC 7959 2.2-2.4, 2.6; RFC 9132 4.4.2): what a peer may say, in
 * order and out of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "net/block.h"
#include "net/fetch.h"

enum { LEN = 300, MAX = 4096 };

static uint8_t content[MAX];

/* A block of the body; etag NULL: none. */
static void
block_of(struct coap_msg *m, uint32_t num, bool more, uint8_t szx, const char *etag)
{
	struct block b = {num, more, szx};

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + i / 251);
	coap_init(m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	block_set(m, COAP_OPT_BLOCK2, &b);
	if (etag)
		coap_add_text(m, COAP_OPT_ETAG, etag);
	m->payload = content + block_offset(&b);
	m->payload_len = more ? block_size(&b) : LEN - block_offset(&b);
}

static enum fetch_state
take(struct fetch *f, uint32_t num, bool more, uint8_t szx, const char *etag)
{
	struct coap_msg m;

	block_of(&m, num, more, szx, etag);
	return fetch_take(f, &m);
}

/* What is asked for next. */
static void
asks(const struct fetch *f, int64_t num, uint8_t szx, const char *etag)
{
	struct block b = {0};
	const struct coap_option *o;
	struct coap_msg m;

	coap_init(&m, COAP_NON, COAP_GET);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 0);
	coap_add_text(&m, COAP_OPT_URI_PATH, "x");
	coap_add_text(&m, COAP_OPT_ETAG, "own");
	coap_add_uint(&m, COAP_OPT_BLOCK2, 6);
	m.payload = content;
	m.payload_len = 5;
	fetch_ask(f, &m);
	assert_null(coap_find(&m, COAP_OPT_OBSERVE));
	assert_int_equal(m.payload_len, num ? 0 : 5); /* anew: the whole request, not its shell */
	assert_memory_equal(coap_find(&m, COAP_OPT_URI_PATH)->value, "x", 1);
	assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &b), 0);
	assert_int_equal(b.num, num);
	assert_int_equal(b.szx, szx);
	assert_false(b.more);
	o = coap_find(&m, COAP_OPT_ETAG);
	assert_int_equal(o != NULL, etag != NULL);
	if (etag) {
		assert_int_equal(o->len, strlen(etag));
		assert_memory_equal(o->value, etag, o->len);
	}
}

static void
holds(const struct fetch *f, size_t len)
{
	struct coap_msg m;
	uint32_t format = 0;

	fetch_body(f, &m);
	assert_int_equal(m.code, COAP_205_CONTENT);
	assert_int_equal(m.payload_len, len);
	assert_memory_equal(m.payload, content, len);
	assert_true(coap_get_uint(&m, COAP_OPT_CONTENT_FORMAT, &format));
	assert_int_equal(format, COAP_FORMAT_DOTS_CBOR);
	assert_null(coap_find(&m, COAP_OPT_BLOCK2));
}

static void
only_a_part_needs_the_rest(void **state)
{
	struct coap_msg m;

	(void)state;
	block_of(&m, 0, true, 2, NULL);
	assert_true(fetch_is_needed(&m));
	m.code = COAP_404_NOT_FOUND;
	assert_false(fetch_is_needed(&m));
	block_of(&m, 1, false, 2, NULL);
	assert_true(fetch_is_needed(&m));
	block_of(&m, 0, false, 6, NULL);
	assert_false(fetch_is_needed(&m));
	coap_remove(&m, COAP_OPT_BLOCK2);
	assert_false(fetch_is_needed(&m));
	coap_add_uint(&m, COAP_OPT_BLOCK2, 7);
	assert_true(fetch_is_needed(&m));
}

/* 9132-4.4.2-12 9132-4.4.2-15 */
static void
blocks_in_order_make_up_the_body(void **state)
{
	struct fetch *f = fetch_new(MAX);

	(void)state;
	assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
	asks(f, 1, 3, "v1");
	assert_int_equal(take(f, 1, true, 3, "v1"), FETCH_MORE);
	asks(f, 2, 3, "v1");
	assert_int_equal(take(f, 2, false, 3, "v1"), FETCH_WHOLE);
	holds(f, LEN);
	fetch_free(f);
	f = fetch_new(MAX); /* without ETag too (RFC 7959 2.4) */
	assert_int_equal(take(f, 0, true, 4, NULL), FETCH_MORE);
	asks(f, 1, 4, NULL);
	assert_int_equal(take(f, 1, false, 4, NULL), FETCH_WHOLE);
	holds(f, LEN);
	fetch_free(f);
	fetch_free(NULL);
}

/* 9132-4.4.2-13 */
static void
size_is_what_the_peer_uses(void **state)
{
	struct fetch *f = fetch_new(MAX);

	(void)state;
	assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
	asks(f, 1, 3, "v1");
	assert_int_equal(take(f, 4, true, 1, "v1"), FETCH_MORE); /* the same place, in 32 */
	asks(f, 5, 1, "v1");
	assert_int_equal(take(f, 5, false, 1, "v1"), FETCH_WHOLE);
	holds(f, LEN);
	fetch_free(f);
}

/* 9132-4.4.2-15, RFC 7959 2.4 */
static void
another_version_is_begun_anew(void **state)
{
	struct fetch *f = fetch_new(MAX);

	(void)state;
	assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
	assert_int_equal(take(f, 1, true, 3, "v2"), FETCH_MORE);
	asks(f, 0, 3, NULL);
	assert_int_equal(take(f, 0, true, 3, "v2"), FETCH_MORE);
	asks(f, 1, 3, "v2");
	assert_int_equal(take(f, 1, true, 3, NULL), FETCH_MORE); /* an ETag less is another one */
	asks(f, 0, 3, NULL);
	assert_int_equal(take(f, 0, true, 3, "v3"), FETCH_MORE);
	assert_int_equal(take(f, 1, true, 3, "v30"), FETCH_GIVEN_UP);
	fetch_free(f);
	f = fetch_new(MAX);
	assert_int_equal(take(f, 0, true, 3, NULL), FETCH_MORE);
	assert_int_equal(take(f, 1, true, 3, "v1"), FETCH_MORE);
	asks(f, 0, 3, NULL);
	fetch_free(f);
}

/* 9132-4.4.2-15: libcoap answers such a request as another one, without ETag; RFC 7252 5.10.6.2
 * allows 2.03. */
static void
peer_that_takes_the_etag_amiss_is_asked_without(void **state)
{
	struct fetch *f;
	struct coap_msg m;

	(void)state;
	for (int i = 0; i < 3; i++) {
		bool valid = i == 2;

		f = fetch_new(MAX);
		assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
		asks(f, 1, 3, "v1");
		block_of(&m, 1, true, 3, valid ? "v1" : i ? "" : NULL);
		if (valid) {
			coap_remove(&m, COAP_OPT_BLOCK2);
			m.code = COAP_203_VALID;
			m.payload_len = 0;
		}
		assert_int_equal(fetch_take(f, &m), FETCH_MORE);
		asks(f, 0, 3, NULL);
		assert_int_equal(take(f, 0, true, 3, "v2"), FETCH_MORE);
		asks(f, 1, 3, NULL);
		assert_int_equal(take(f, 1, true, 3, "v2"), FETCH_MORE);
		assert_int_equal(take(f, 2, false, 3, "v3"), FETCH_MORE); /* still compared */
		asks(f, 0, 3, NULL);
		fetch_free(f);
	}
}

static void
what_does_not_go_on_is_begun_anew(void **state)
{
	struct coap_msg m;
	struct fetch *f;

	(void)state;
	for (int i = 0; i < 6; i++) {
		f = fetch_new(MAX);
		assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
		block_of(&m, 1, true, 3, "v1");
		if (i == 0)
			block_set(&m, COAP_OPT_BLOCK2, &(struct block){2, true, 3}); /* a gap */
		if (i == 1)
			block_set(&m, COAP_OPT_BLOCK2, &(struct block){0, true, 3}); /* twice */
		if (i == 2)
			m.payload_len--; /* neither full nor the last */
		if (i == 3)
			m.payload_len++;
		if (i == 4)
			coap_remove(&m, COAP_OPT_BLOCK2); /* the only one */
		if (i == 5)
			m.code = COAP_400_BAD_REQUEST;
		assert_int_equal(fetch_take(f, &m), FETCH_MORE);
		asks(f, 0, 3, NULL);
		assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
		assert_int_equal(take(f, 1, true, 3, "v1"), FETCH_MORE);
		assert_int_equal(take(f, 2, false, 3, "v1"), FETCH_WHOLE);
		holds(f, LEN);
		fetch_free(f);
	}
}

static void
reserved_size_is_never_a_block(void **state)
{
	struct fetch *f = fetch_new(MAX);
	struct coap_msg m;

	(void)state;
	block_of(&m, 0, true, 6, NULL);
	coap_remove(&m, COAP_OPT_BLOCK2);
	coap_add_uint(&m, COAP_OPT_BLOCK2, 15);
	assert_int_equal(fetch_take(f, &m), FETCH_MORE);
	asks(f, 0, 6, NULL); /* as the first request was */
	assert_int_equal(fetch_take(f, &m), FETCH_MORE);
	assert_int_equal(fetch_take(f, &m), FETCH_GIVEN_UP);
	fetch_free(f);
}

static void
anew_it_may_have_become_small_or_nothing(void **state)
{
	struct fetch *f = fetch_new(MAX);
	struct coap_msg m;

	(void)state;
	assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
	assert_int_equal(take(f, 1, true, 3, "v2"), FETCH_MORE);
	block_of(&m, 0, false, 3, "v2");
	coap_remove(&m, COAP_OPT_BLOCK2);
	m.payload_len = 7;
	assert_int_equal(fetch_take(f, &m), FETCH_WHOLE);
	holds(f, 7);
	fetch_free(f);
	f = fetch_new(MAX);
	assert_int_equal(take(f, 0, true, 3, "v1"), FETCH_MORE);
	assert_int_equal(take(f, 1, true, 3, "v2"), FETCH_MORE);
	m.code = COAP_404_NOT_FOUND;
	assert_int_equal(fetch_take(f, &m), FETCH_OTHER);
	fetch_free(f);
}

static void
body_is_bounded_whatever_is_said_of_it(void **state)
{
	struct fetch *f = fetch_new(1000);
	uint32_t num = 0;

	(void)state;
	while (num < 1000 / 128)
		assert_int_equal(take(f, num++, true, 3, "v1"), FETCH_MORE);
	assert_int_equal(take(f, num, true, 3, "v1"), FETCH_TOO_LARGE);
	fetch_free(f);
}

static void
options_of_the_peer_leave_room_for_one_more(void **state)
{
	struct coap_msg m;
	struct fetch *f = fetch_new(MAX);

	(void)state;
	block_of(&m, 0, true, 3, NULL);
	while (m.n_options < COAP_OPTIONS_MAX)
		coap_add(&m, 2048, "x", 1);
	assert_int_equal(fetch_take(f, &m), FETCH_MORE);
	fetch_body(f, &m);
	assert_int_equal(m.n_options, COAP_OPTIONS_MAX - 1);
	fetch_free(f);
	f = fetch_new(MAX);
	block_of(&m, 0, false, 3, NULL);
	coap_remove(&m, COAP_OPT_BLOCK2);
	while (m.n_options < COAP_OPTIONS_MAX)
		coap_add(&m, 2048, "x", 1);
	assert_int_equal(fetch_take(f, &m), FETCH_TOO_LARGE);
	fetch_free(f);
}

static void
etag_of_a_length_that_is_none_is_not_there(void **state)
{
	struct fetch *f = fetch_new(MAX);

	(void)state;
	assert_int_equal(take(f, 0, true, 3, "nine bytes and more"), FETCH_MORE);
	asks(f, 1, 3, NULL);
	assert_int_equal(take(f, 1, true, 3, ""), FETCH_MORE);
	assert_int_equal(take(f, 2, false, 3, NULL), FETCH_WHOLE);
	holds(f, LEN);
	fetch_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_part_needs_the_rest),
		cmocka_unit_test(blocks_in_order_make_up_the_body),
		cmocka_unit_test(size_is_what_the_peer_uses),
		cmocka_unit_test(another_version_is_begun_anew),
		cmocka_unit_test(peer_that_takes_the_etag_amiss_is_asked_without),
		cmocka_unit_test(what_does_not_go_on_is_begun_anew),
		cmocka_unit_test(reserved_size_is_never_a_block),
		cmocka_unit_test(anew_it_may_have_become_small_or_nothing),
		cmocka_unit_test(body_is_bounded_whatever_is_said_of_it),
		cmocka_unit_test(options_of_the_peer_leave_room_for_one_more),
		cmocka_unit_test(etag_of_a_length_that_is_none_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
