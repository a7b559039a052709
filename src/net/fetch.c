/*
 * See fetch.h.
 */
#include "net/fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/block.h"

enum { ETAG_MAX = 8, SUCCESS_CLASS = 2 };

struct fetch {
	struct buf body;
	uint8_t *head; /* the first response without payload, as a message; NULL: none yet */
	size_t head_len;
	uint8_t etag_len; /* 0: none */
	uint8_t etag[ETAG_MAX];
	bool sized; /* szx is what the peer uses */
	uint8_t szx;
	bool mute; /* the peer does not understand an ETag in a request for a block */
	unsigned anew;
};

struct fetch *
fetch_new(size_t max)
{
	struct fetch *f = mem_new(sizeof(*f));

	buf_init(&f->body, max);
	return f;
}

static void
forget(struct fetch *f)
{
	buf_reset(&f->body);
	free(f->head);
	f->head = NULL;
	f->etag_len = 0;
}

void
fetch_free(struct fetch *f)
{
	if (!f)
		return;
	forget(f);
	buf_finish(&f->body);
	free(f);
}

bool
fetch_is_needed(const struct coap_msg *response)
{
	struct block b = {0};

	if (coap_class(response->code) != SUCCESS_CLASS)
		return false;
	return block_get(response, COAP_OPT_BLOCK2, &b) == -EBADMSG || b.num || b.more;
}

/* An ETag of a length that is none counts as not there (RFC 7252 5.4.3). */
static const struct coap_option *
etag_of(const struct coap_msg *m)
{
	const struct coap_option *o = coap_find(m, COAP_OPT_ETAG);

	return o && o->len >= 1 && o->len <= ETAG_MAX ? o : NULL;
}

static bool
same_version(const struct fetch *f, const struct coap_msg *response)
{
	const struct coap_option *o = etag_of(response);

	return o ? o->len == f->etag_len && !memcmp(o->value, f->etag, o->len) : !f->etag_len;
}

/* With room for one more option, the Observe of a notification; else false. */
static bool
keep_head(struct fetch *f, const struct coap_msg *response)
{
	struct coap_msg head = *response;
	const struct coap_option *o = etag_of(response);
	uint8_t bytes[COAP_MESSAGE_MAX];
	int n;

	head.payload_len = 0;
	coap_remove(&head, COAP_OPT_BLOCK2);
	n = coap_encode(&head, bytes, sizeof(bytes));
	if (n < 0 || head.n_options == COAP_OPTIONS_MAX)
		return false;
	f->head = mem_copy(bytes, (size_t)n);
	f->head_len = (size_t)n;
	if (o) {
		f->etag_len = (uint8_t)o->len;
		memcpy(f->etag, o->value, o->len);
	}
	return true;
}

/* It is the next block of what there is (RFC 7959 2.2-2.4). */
static bool
goes_on(const struct fetch *f, const struct coap_msg *response, struct block *ret)
{
	*ret = (struct block){0}; /* without the option it is the only block */
	if (block_get(response, COAP_OPT_BLOCK2, ret) == -EBADMSG)
		return false;
	if (block_offset(ret) != f->body.len)
		return false;
	if (ret->more && response->payload_len != block_size(ret))
		return false;
	return !f->head || same_version(f, response);
}

/* RFC 9132 4.4.2 wants the ETag in the request. To CoAP at large that is another request (RFC 7252
 * 5.4.2), to be answered from another body, without ETag, or by 2.03. */
static bool
took_etag_amiss(const struct fetch *f, const struct coap_msg *response)
{
	return f->etag_len && coap_class(response->code) == SUCCESS_CLASS &&
	       (response->code == COAP_203_VALID || !etag_of(response));
}

static enum fetch_state
begin_anew(struct fetch *f, const struct coap_msg *response)
{
	f->mute = f->mute || took_etag_amiss(f, response);
	forget(f);
	return f->anew++ < FETCH_ANEW_MAX ? FETCH_MORE : FETCH_GIVEN_UP;
}

enum fetch_state
fetch_take(struct fetch *f, const struct coap_msg *response)
{
	struct block b;

	if (coap_class(response->code) != SUCCESS_CLASS)
		return f->head ? begin_anew(f, response) : FETCH_OTHER;
	if (!goes_on(f, response, &b))
		return begin_anew(f, response);
	if (!f->head && !keep_head(f, response))
		return FETCH_TOO_LARGE;
	buf_bytes(&f->body, response->payload, response->payload_len);
	if (f->body.failed)
		return FETCH_TOO_LARGE;
	f->sized = true;
	f->szx = b.szx;
	return b.more ? FETCH_MORE : FETCH_WHOLE;
}

void
fetch_ask(const struct fetch *f, struct coap_msg *request)
{
	struct block next = {.szx = f->szx};

	next.num = (uint32_t)(f->body.len >> (f->szx + 4));
	coap_remove(request, COAP_OPT_OBSERVE);
	coap_remove(request, COAP_OPT_ETAG);
	if (next.num) {
		request->payload = NULL;
		request->payload_len = 0;
	}
	if (f->sized)
		block_set(request, COAP_OPT_BLOCK2, &next);
	if (f->etag_len && !f->mute)
		coap_add(request, COAP_OPT_ETAG, f->etag, f->etag_len);
}

void
fetch_body(const struct fetch *f, struct coap_msg *ret)
{
	const char *why;
	int decoded = coap_decode(f->head, f->head_len, ret, &why);

	assert(decoded == 0); /* it did before */
	(void)decoded;
	ret->payload = f->body.len ? f->body.bytes : NULL;
	ret->payload_len = f->body.len;
}
