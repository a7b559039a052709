/*
 * See block.h.
 */
#include "net/block.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	SZX_BITS = 3,
	SZX_MASK = 7,
	MORE = 8,
	NUM_SHIFT = 4,
	SHA256_LEN = 32,
	HEAD_MAX = 1024, /* a message without payload */
	OBSERVE_MAX = 0xffffff,
	BLOCK_MAX = 0xffffff,
};

struct body {
	struct block_room *room;
	uint64_t key;
	uint8_t etag[BLOCK_ETAG_LEN];
	uint8_t *head; /* the response without payload, as a message */
	size_t head_len;
	size_t overhead; /* what a message has beside the block, at most */
	uint8_t *bytes;
	size_t len;
	mono_ms asked; /* for one of its blocks */
	bool sent;     /* its last block */
};

/* --- the options ---------------------------------------------------------------------------- */

size_t
block_size(const struct block *b)
{
	return (size_t)16 << b->szx;
}

size_t
block_offset(const struct block *b)
{
	return (size_t)b->num << (b->szx + NUM_SHIFT);
}

int
block_get(const struct coap_msg *m, uint16_t number, struct block *ret)
{
	uint32_t v;

	if (!coap_get_uint(m, number, &v))
		return -ENOENT;
	if ((v & SZX_MASK) > BLOCK_SZX_MAX)
		return -EBADMSG;
	*ret = (struct block){v >> NUM_SHIFT, v & MORE, v & SZX_MASK};
	return 0;
}

void
block_set(struct coap_msg *m, uint16_t number, const struct block *b)
{
	coap_remove(m, number);
	coap_add_uint(m, number, b->num << NUM_SHIFT | (b->more ? MORE : 0) | b->szx);
}

/* --- keys ----------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t
mix(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t
block_key(const struct coap_msg *request)
{
	uint64_t h = mix(UINT64_C(0xcbf29ce484222325), &request->code, 1);

	for (unsigned i = 0; i < request->n_options; i++) {
		const struct coap_option *o = &request->options[i];

		if (o->number != COAP_OPT_URI_PATH && o->number != COAP_OPT_URI_QUERY &&
			o->number != COAP_OPT_ACCEPT && o->number != COAP_OPT_CONTENT_FORMAT)
			continue;
		h = mix(h, &o->number, sizeof(o->number));
		h = mix(h, &o->len, sizeof(o->len));
		h = mix(h, o->value, o->len);
	}
	return h;
}

/* --- bodies --------------------------------------------------------------------------------- */

static void
etag_of(const void *bytes, size_t len, uint8_t etag[static BLOCK_ETAG_LEN])
{
	uint8_t sha256[SHA256_LEN];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, len, sha256) < 0)
		abort(); /* then there are no sessions either */
	memcpy(etag, sha256, BLOCK_ETAG_LEN);
}

/* What a message with a block has beside it, or -ENOSPC. Whatever token and number it will have,
 * all are taken for as large, so that all blocks of a body have the same size (RFC 7959 2.4). */
static int
measure_overhead(const struct coap_msg *head, size_t len)
{
	static const uint8_t etag[BLOCK_ETAG_LEN];
	struct coap_msg m = *head;
	uint8_t bytes[HEAD_MAX];
	int n;

	m.token_len = COAP_TOKEN_MAX;
	coap_add(&m, COAP_OPT_ETAG, etag, sizeof(etag));
	coap_add_uint(&m, COAP_OPT_OBSERVE, OBSERVE_MAX);
	coap_add_uint(&m, COAP_OPT_BLOCK2, BLOCK_MAX);
	coap_add_uint(&m, COAP_OPT_SIZE2, (uint32_t)len);
	n = coap_encode(&m, bytes, sizeof(bytes));
	return n < 0 ? n : n + 1; /* the payload marker */
}

int
body_new(struct block_room *room, uint64_t key, const struct coap_msg *response, mono_ms now,
	struct body **ret)
{
	struct coap_msg head = *response;
	uint8_t bytes[HEAD_MAX];
	struct body *b;
	int n, overhead;

	*ret = NULL;
	head.payload_len = 0;
	head.token_len = 0;
	coap_remove(&head, COAP_OPT_OBSERVE);
	n = coap_encode(&head, bytes, sizeof(bytes));
	overhead = measure_overhead(&head, response->payload_len);
	if (overhead < 0)
		return -EMSGSIZE;
	if (response->payload_len > room->max_body)
		return -EFBIG;
	if (response->payload_len > room->max - room->held)
		return -ENOBUFS;
	*ret = b = mem_new(sizeof(*b));
	b->room = room;
	b->key = key;
	b->head = mem_copy(bytes, (size_t)n);
	b->head_len = (size_t)n;
	b->overhead = (size_t)overhead;
	b->bytes = mem_copy(response->payload, response->payload_len);
	b->len = response->payload_len;
	b->asked = now;
	etag_of(b->bytes, b->len, b->etag);
	room->held += b->len;
	return 0;
}

void
body_free(struct body *b)
{
	if (!b)
		return;
	b->room->held -= b->len;
	free(b->head);
	free(b->bytes);
	free(b);
}

bool
body_is(const struct body *b, uint64_t key)
{
	return b->key == key;
}

size_t
body_len(const struct body *b)
{
	return b->len;
}

int
body_block(struct body *b, const struct block *wanted, size_t max_message, mono_ms now,
	struct coap_msg *ret)
{
	size_t offset = block_offset(wanted);
	struct block block = *wanted;
	const char *why;
	int decoded;

	b->asked = now;
	if (offset >= b->len)
		return -ERANGE;
	while (b->overhead + block_size(&block) > max_message) {
		if (!block.szx)
			return -EMSGSIZE;
		block.szx--;
		block.num *= 2;
	}
	decoded = coap_decode(b->head, b->head_len, ret, &why);
	assert(decoded == 0);
	(void)decoded;
	block.more = b->len - offset > block_size(&block);
	b->sent = !block.more;
	ret->payload = b->bytes + offset;
	ret->payload_len = block.more ? block_size(&block) : b->len - offset;
	coap_add(ret, COAP_OPT_ETAG, b->etag, sizeof(b->etag));
	block_set(ret, COAP_OPT_BLOCK2, &block);
	if (!offset)
		coap_add_uint(ret, COAP_OPT_SIZE2, (uint32_t)b->len);
	return 0;
}

bool
body_is_busy(const struct body *b, mono_ms now)
{
	return !b->sent && now < b->asked + BLOCK_BUSY_MS;
}

mono_ms
body_deadline(const struct body *b)
{
	return b->asked + (b->sent ? BLOCK_LINGER_S : BLOCK_KEEP_S) * 1000;
}
