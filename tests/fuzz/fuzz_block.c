/*
 * Bodies in blocks: the input is datagrams, each after two bytes of its length. What a peer answers
 * is put together within its bounds, and anything put together can be sent again in blocks of any
 * size that a peer asks for (RFC 7959).
 *
 * Covers: net/block.c net/fetch.c
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "net/block.h"
#include "net/fetch.h"

enum { BODY_MAX = 4096, MESSAGE = 1200 };

static struct block_room room = {BODY_MAX, BODY_MAX, 0};

/* The peer asks for this; whatever block it gets is of the body, and fits a message. */
static void
ask(struct body *b, const struct coap_msg *whole, const struct coap_msg *request, size_t max)
{
	struct block wanted = {.szx = BLOCK_SZX_MAX}, got;
	struct coap_msg m;
	uint8_t bytes[MESSAGE];

	if (block_get(request, COAP_OPT_BLOCK2, &wanted) == -EBADMSG)
		return;
	if (body_block(b, &wanted, max, 0, &m))
		return;
	assert(block_get(&m, COAP_OPT_BLOCK2, &got) == 0 && got.szx <= wanted.szx);
	assert(block_offset(&got) == block_offset(&wanted));
	assert(m.payload_len && m.payload_len <= block_size(&got));
	assert(block_offset(&got) + m.payload_len + (got.more ? 1 : 0) <= whole->payload_len);
	assert(!memcmp(m.payload, whole->payload + block_offset(&got), m.payload_len));
	m.token_len = COAP_TOKEN_MAX;
	assert(coap_encode(&m, bytes, max) > 0);
}

/* All of it comes back. */
static void
send(const struct coap_msg *whole, const struct coap_msg *request)
{
	struct block next = {.szx = 0};
	struct fetch *f = fetch_new(BODY_MAX);
	enum fetch_state state = FETCH_MORE;
	struct coap_msg m;
	struct body *b;

	body_new(&room, block_key(request), whole, 0, &b);
	for (size_t max = 16; b && max <= MESSAGE; max += 37)
		ask(b, whole, request, max);
	while (b && state == FETCH_MORE && body_block(b, &next, MESSAGE, 0, &m) == 0) {
		state = fetch_take(f, &m);
		next.num++;
	}
	if (state == FETCH_WHOLE) {
		fetch_body(f, &m);
		assert(m.payload_len == whole->payload_len);
		assert(!memcmp(m.payload, whole->payload, m.payload_len));
	}
	fetch_free(f);
	body_free(b);
	assert(room.held == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fetch *f = fetch_new(BODY_MAX);
	enum fetch_state state = FETCH_MORE;
	struct coap_msg m, whole, request;
	const char *why;

	coap_init(&request, COAP_NON, COAP_GET);
	while (size > 2 && state == FETCH_MORE) {
		size_t len = (size_t)data[0] << 8 | data[1];

		len = len < size - 2 ? len : size - 2;
		if (coap_decode(data + 2, len, &m, &why) == 0 && !coap_bad_option(&m)) {
			if (coap_is_request(m.code))
				request = m;
			else if (m.code)
				state = fetch_take(f, &m);
			if (state == FETCH_MORE) {
				coap_init(&whole, COAP_NON, COAP_GET);
				fetch_ask(f, &whole);
			}
		}
		data += 2 + len;
		size -= 2 + len;
	}
	if (state == FETCH_WHOLE) {
		fetch_body(f, &whole);
		assert(whole.payload_len <= BODY_MAX && !coap_find(&whole, COAP_OPT_BLOCK2));
		if (whole.payload_len && whole.n_options < COAP_OPTIONS_MAX - 4)
			send(&whole, &request);
	}
	fetch_free(f);
	return 0;
}
