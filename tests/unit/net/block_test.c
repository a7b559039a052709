/*
 * Block options and kept bodies (RFC 7959 2.1-2.4, 4; RFC 9132 4.4.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "net/block.h"

enum { LEN = 5000, MESSAGE = 1200 };

static uint8_t content[LEN];

/* --- the options ---------------------------------------------------------------------------- */

/* RFC 7959 2.2, 3 */
static void
option_holds_number_more_and_size(void **state)
{
	static const struct {
		uint32_t value;
		struct block block;
		size_t size, offset;
	} cases[] = {
		{0, {0, false, 0}, 16, 0},
		{33, {2, false, 1}, 32, 64},
		{59, {3, true, 3}, 128, 384},
		{14, {0, true, 6}, 1024, 0},
		{0xfffff6, {0xfffff, false, 6}, 1024, (size_t)0xfffff * 1024},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct coap_msg m;
		struct block b;
		uint32_t value = 1;

		coap_init(&m, COAP_NON, COAP_GET);
		coap_add_uint(&m, COAP_OPT_BLOCK2, cases[i].value);
		assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &b), 0);
		assert_int_equal(b.num, cases[i].block.num);
		assert_int_equal(b.more, cases[i].block.more);
		assert_int_equal(b.szx, cases[i].block.szx);
		assert_int_equal(block_size(&b), cases[i].size);
		assert_int_equal(block_offset(&b), cases[i].offset);
		block_set(&m, COAP_OPT_BLOCK2, &(struct block){5, true, 2});
		block_set(&m, COAP_OPT_BLOCK2, &cases[i].block);
		assert_int_equal(m.n_options, 1);
		assert_true(coap_get_uint(&m, COAP_OPT_BLOCK2, &value));
		assert_int_equal(value, cases[i].value);
	}
}

static void
reserved_size_and_absence_are_told_apart(void **state)
{
	struct block b = {9, true, 4};
	struct coap_msg m;

	(void)state;
	coap_init(&m, COAP_NON, COAP_GET);
	assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &b), -ENOENT);
	coap_add_uint(&m, COAP_OPT_BLOCK2, 7);
	assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &b), -EBADMSG);
	assert_int_equal(block_get(&m, COAP_OPT_BLOCK1, &b), -ENOENT);
	assert_int_equal(b.num, 9);
}

/* --- keys ----------------------------------------------------------------------------------- */

static struct coap_msg
request(uint8_t code, const char *one, const char *two, const char *query)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, code);
	coap_add_text(&m, COAP_OPT_URI_PATH, one);
	if (two)
		coap_add_text(&m, COAP_OPT_URI_PATH, two);
	if (query)
		coap_add_text(&m, COAP_OPT_URI_QUERY, query);
	return m;
}

static uint64_t
key(uint8_t code, const char *one, const char *two, const char *query)
{
	struct coap_msg m = request(code, one, two, query);

	return block_key(&m);
}

static uint64_t
key_with(uint16_t option, uint32_t value)
{
	struct coap_msg m = request(COAP_GET, "a", "b", "c=n");

	coap_add_uint(&m, option, value);
	return block_key(&m);
}

/* RFC 7252 5.6 */
static void
same_resource_has_the_same_key(void **state)
{
	uint64_t same = key(COAP_GET, "a", "b", "c=n");

	(void)state;
	assert_true(same == key(COAP_GET, "a", "b", "c=n"));
	assert_true(same == key_with(COAP_OPT_BLOCK2, 0x26));
	assert_true(same == key_with(COAP_OPT_OBSERVE, 0));
	assert_true(same == key_with(COAP_OPT_ETAG, 77));
	assert_true(same == key_with(COAP_OPT_SIZE2, 0));
	assert_true(same == key_with(COAP_OPT_HOP_LIMIT, 9));
	assert_true(same == key_with(COAP_OPT_URI_PORT, 4646));
}

static void
other_resources_have_other_keys(void **state)
{
	uint64_t same = key(COAP_GET, "a", "b", "c=n");
	struct coap_msg m;

	(void)state;
	assert_false(same == key(COAP_PUT, "a", "b", "c=n"));
	assert_false(same == key(COAP_GET, "a", "b", "c=c"));
	assert_false(same == key(COAP_GET, "a", "b", NULL));
	assert_false(same == key(COAP_GET, "a", "c", "c=n"));
	assert_false(same == key(COAP_GET, "ab", NULL, "c=n"));
	assert_false(same == key(COAP_GET, "b", "a", "c=n"));
	coap_init(&m, COAP_NON, COAP_GET); /* one option that reads like two */
	coap_add(&m, COAP_OPT_URI_PATH, "a\x0b\0b", 4);
	coap_add_text(&m, COAP_OPT_URI_QUERY, "c=n");
	assert_false(same == block_key(&m));
	assert_false(same == key_with(COAP_OPT_ACCEPT, 0));
	assert_false(same == key_with(COAP_OPT_CONTENT_FORMAT, 0));
	assert_false(key_with(COAP_OPT_ACCEPT, 0) == key_with(COAP_OPT_CONTENT_FORMAT, 0));
}

/* --- bodies --------------------------------------------------------------------------------- */

static void
response(struct coap_msg *m, size_t len)
{
	for (size_t i = 0; i < LEN; i++)
		content[i] = (uint8_t)(i * 7 + i / 251);
	coap_init(m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	coap_add_uint(m, COAP_OPT_OBSERVE, 12);
	m->payload = content;
	m->payload_len = len;
}

static struct body *
keep(struct block_room *room, size_t len)
{
	struct coap_msg m;
	struct body *b;

	response(&m, len);
	assert_int_equal(body_new(room, 1, &m, 1000, &b), 0);
	assert_non_null(b);
	return b;
}

/* Fetches all of it, beginning with that block. */
static void
fetch(struct body *b, struct block next, size_t max_message, size_t len, uint8_t expect_szx)
{
	size_t at = block_offset(&next);
	struct block got = {.more = true};
	uint8_t etag[BLOCK_ETAG_LEN], bytes[MESSAGE + 1];
	bool first = true;

	while (got.more) {
		struct coap_msg m;
		uint32_t size, format;

		assert_int_equal(body_block(b, &next, max_message, 1000, &m), 0);
		assert_int_equal(m.code, COAP_205_CONTENT);
		assert_true(coap_get_uint(&m, COAP_OPT_CONTENT_FORMAT, &format));
		assert_int_equal(format, COAP_FORMAT_DOTS_CBOR);
		assert_null(coap_find(&m, COAP_OPT_OBSERVE));
		assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &got), 0);
		assert_int_equal(got.szx, expect_szx);
		assert_int_equal(block_offset(&got), at);
		assert_int_equal(coap_get_uint(&m, COAP_OPT_SIZE2, &size), at == 0);
		assert_true(at || size == len);
		assert_memory_equal(m.payload, content + at, m.payload_len);
		assert_int_equal(m.payload_len, got.more ? block_size(&got) : len - at);
		assert_int_equal(coap_find(&m, COAP_OPT_ETAG)->len, sizeof(etag));
		if (!first)
			assert_memory_equal(
				etag, coap_find(&m, COAP_OPT_ETAG)->value, sizeof(etag));
		memcpy(etag, coap_find(&m, COAP_OPT_ETAG)->value, sizeof(etag));
		m.token_len = COAP_TOKEN_MAX;
		coap_add_uint(&m, COAP_OPT_OBSERVE, 0xffffff);
		assert_true(coap_encode(&m, bytes, max_message) > 0);
		at += m.payload_len;
		next = (struct block){got.num + 1, false, got.szx};
		first = false;
	}
	assert_int_equal(at, len);
}

/* 9132-4.4.2-11 9132-4.4.2-14 */
static void
blocks_of_every_size_make_up_the_body(void **state)
{
	struct block_room room = {LEN, LEN, 0};
	struct body *b = keep(&room, LEN);

	(void)state;
	for (uint8_t szx = 0; szx <= BLOCK_SZX_MAX; szx++)
		fetch(b, (struct block){.szx = szx}, MESSAGE, LEN, szx);
	body_free(b);
	b = keep(&room, 2048); /* no rest: the last block is full, and no empty one follows */
	fetch(b, (struct block){.szx = 6}, MESSAGE, 2048, 6);
	body_free(b);
}

/* RFC 7959 2.3, 2.4 */
static void
size_may_change_between_blocks(void **state)
{
	struct block_room room = {LEN, LEN, 0};
	struct body *b = keep(&room, LEN);

	(void)state;
	fetch(b, (struct block){2, false, 5}, MESSAGE, LEN, 5);
	fetch(b, (struct block){64, false, 0}, MESSAGE, LEN, 0);
	fetch(b, (struct block){1, true, 6}, MESSAGE, LEN, 6); /* M of a request is ignored */
	body_free(b);
}

static void
block_is_the_largest_that_fits_the_message(void **state)
{
	struct block_room room = {LEN, LEN, 0};
	struct body *b = keep(&room, LEN);
	size_t smallest[BLOCK_SZX_MAX + 1] = {0};
	struct block got;
	struct coap_msg m;

	(void)state;
	for (size_t max = MESSAGE; max; max--) {
		if (body_block(b, &(struct block){.szx = 6}, max, 1000, &m))
			break;
		assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &got), 0);
		smallest[got.szx] = max;
	}
	/* What comes beside the block is the same for all sizes, and not much. */
	for (unsigned szx = 0; szx <= BLOCK_SZX_MAX; szx++) {
		assert_int_equal(smallest[szx] - ((size_t)16 << szx), smallest[0] - 16);
		fetch(b, (struct block){.szx = 6}, smallest[szx], LEN, (uint8_t)szx);
	}
	assert_in_range(smallest[0], 16 + 20, 16 + 60);
	assert_int_equal(
		body_block(b, &(struct block){.szx = 6}, smallest[0] - 1, 1000, &m), -EMSGSIZE);
	/* The peer still speaks of the larger ones: its block begins at the same place. */
	assert_int_equal(body_block(b, &(struct block){1, false, 6}, smallest[5], 1000, &m), 0);
	assert_int_equal(block_get(&m, COAP_OPT_BLOCK2, &got), 0);
	assert_int_equal(got.num, 2);
	assert_int_equal(got.szx, 5);
	body_free(b);
}

static void
beyond_the_end_there_is_no_block(void **state)
{
	struct block_room room = {LEN, LEN, 0};
	struct body *b = keep(&room, 2048);
	struct coap_msg m;

	(void)state;
	assert_int_equal(body_block(b, &(struct block){1, false, 6}, MESSAGE, 1000, &m), 0);
	assert_int_equal(body_block(b, &(struct block){2, false, 6}, MESSAGE, 1000, &m), -ERANGE);
	assert_int_equal(
		body_block(b, &(struct block){0xfffff, false, 6}, MESSAGE, 1000, &m), -ERANGE);
	body_free(b);
}

static void
etag_is_that_of_the_content(void **state)
{
	struct block_room room = {LEN, 2 * LEN, 0};
	struct coap_msg one, two, again, m;
	struct body *b[3];

	(void)state;
	response(&m, 2000);
	assert_int_equal(body_new(&room, 1, &m, 1000, &b[0]), 0);
	assert_int_equal(body_new(&room, 2, &m, 5000, &b[1]), 0);
	content[1999] ^= 1;
	assert_int_equal(body_new(&room, 1, &m, 1000, &b[2]), 0);
	assert_int_equal(body_block(b[0], &(struct block){0}, MESSAGE, 1000, &one), 0);
	assert_int_equal(body_block(b[1], &(struct block){0}, MESSAGE, 1000, &again), 0);
	assert_int_equal(body_block(b[2], &(struct block){0}, MESSAGE, 1000, &two), 0);
	assert_memory_equal(coap_find(&one, COAP_OPT_ETAG)->value,
		coap_find(&again, COAP_OPT_ETAG)->value, BLOCK_ETAG_LEN);
	assert_memory_not_equal(coap_find(&one, COAP_OPT_ETAG)->value,
		coap_find(&two, COAP_OPT_ETAG)->value, BLOCK_ETAG_LEN);
	for (int i = 0; i < 3; i++)
		body_free(b[i]);
}

static void
bodies_and_all_of_them_are_bounded(void **state)
{
	struct block_room room = {3000, 5000, 0};
	struct coap_msg m;
	struct body *one, *two, *none;

	(void)state;
	response(&m, 3001);
	assert_int_equal(body_new(&room, 1, &m, 0, &none), -EFBIG);
	assert_null(none);
	one = keep(&room, 3000);
	assert_int_equal(body_len(one), 3000);
	m.payload_len = 2001;
	assert_int_equal(body_new(&room, 1, &m, 0, &none), -ENOBUFS);
	assert_null(none);
	two = keep(&room, 2000);
	assert_int_equal(room.held, 5000);
	body_free(one);
	assert_int_equal(room.held, 2000);
	body_free(two);
	assert_int_equal(room.held, 0);
	body_free(NULL);
}

static void
options_that_fill_a_message_leave_no_room(void **state)
{
	static const char text[256];
	struct block_room room = {LEN, LEN, 0};
	struct body *none;
	struct coap_msg m;

	(void)state;
	response(&m, LEN);
	for (int i = 0; i < 5; i++)
		coap_add(&m, 2048, text, sizeof(text));
	assert_int_equal(body_new(&room, 1, &m, 0, &none), -EMSGSIZE);
	assert_null(none);
}

static void
body_is_kept_while_it_is_asked_for(void **state)
{
	struct block_room room = {LEN, LEN, 0};
	struct body *b = keep(&room, 3000);
	struct coap_msg m;

	(void)state;
	assert_true(body_is(b, 1) && !body_is(b, 2));
	assert_int_equal(body_deadline(b), 31000);
	assert_true(body_is_busy(b, 3999));
	assert_false(body_is_busy(b, 4000));
	body_block(b, &(struct block){1, false, 6}, MESSAGE, 20000, &m);
	assert_int_equal(body_deadline(b), 50000);
	assert_true(body_is_busy(b, 22999));
	body_block(b, &(struct block){2, false, 6}, MESSAGE, 30000, &m); /* the last */
	assert_false(body_is_busy(b, 30000));
	assert_int_equal(body_deadline(b), 40000);
	body_block(b, &(struct block){2, false, 6}, MESSAGE, 35000, &m); /* which was lost */
	assert_int_equal(body_deadline(b), 45000);
	body_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(option_holds_number_more_and_size),
		cmocka_unit_test(reserved_size_and_absence_are_told_apart),
		cmocka_unit_test(same_resource_has_the_same_key),
		cmocka_unit_test(other_resources_have_other_keys),
		cmocka_unit_test(blocks_of_every_size_make_up_the_body),
		cmocka_unit_test(size_may_change_between_blocks),
		cmocka_unit_test(block_is_the_largest_that_fits_the_message),
		cmocka_unit_test(beyond_the_end_there_is_no_block),
		cmocka_unit_test(etag_is_that_of_the_content),
		cmocka_unit_test(bodies_and_all_of_them_are_bounded),
		cmocka_unit_test(options_that_fill_a_message_leave_no_room),
		cmocka_unit_test(body_is_kept_while_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
