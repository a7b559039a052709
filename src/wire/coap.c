/*
 * CoAP message formats (RFC 7252 section 3, RFC 8323 section 3.2) and what is known of the options
 * (RFC 7252 5.10, RFC 7641, 7959, 8768).
 */
#include "wire/coap.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

enum {
	HEADER = 4,
	PAYLOAD_MARKER = 0xff,
	EXT_8 = 13,
	EXT_16 = 14,
	EXT_RESERVED = 15, /* of options */
	EXT_32 = 15,       /* of a message in a stream */
	EXT_8_BASE = 13,
	EXT_16_BASE = 269,
	EXT_32_BASE = 65805,
};

char *
coap_code_format(uint8_t code, char buf[static 5])
{
	snprintf(buf, 5, "%u.%02u", (unsigned)coap_class(code) % 10, code & 31U);
	return buf;
}

/* ---- decoding ---- */

/* Option delta or length: a nibble, extended by one or two bytes. */
static uint32_t
read_extended(struct reader *r, unsigned nibble)
{
	switch (nibble) {
	case EXT_8:
		return reader_u8(r) + (uint32_t)EXT_8_BASE;
	case EXT_16:
		return reader_u16(r) + (uint32_t)EXT_16_BASE;
	case EXT_RESERVED:
		r->failed = true;
		return 0;
	default:
		return nibble;
	}
}

static const char *
decode_options(struct reader *r, struct coap_msg *m)
{
	uint32_t number = 0;

	while (reader_left(r)) {
		unsigned head = reader_u8(r);
		struct coap_option *o = &m->options[m->n_options];
		uint32_t len;

		if (head == PAYLOAD_MARKER) {
			m->payload_len = reader_left(r);
			m->payload = reader_bytes(r, m->payload_len);
			return m->payload_len ? NULL : "payload marker without payload";
		}
		number += read_extended(r, head >> 4);
		len = read_extended(r, head & 15);
		if (r->failed || number > UINT16_MAX)
			return "option header";
		if (m->n_options == COAP_OPTIONS_MAX)
			return "too many options";
		o->number = (uint16_t)number;
		o->value = reader_bytes(r, len);
		o->len = (uint16_t)len;
		if (r->failed)
			return "option value";
		m->n_options++;
	}
	return NULL;
}

/* Token, options, payload. */
static const char *
decode_rest(struct reader *r, struct coap_msg *m, unsigned token_len)
{
	const uint8_t *token;

	m->token_len = (uint8_t)token_len;
	token = reader_bytes(r, token_len);
	if (r->failed)
		return "token";
	memcpy(m->token, token, token_len);
	if (m->code == COAP_EMPTY)
		return token_len || reader_left(r) ? "empty message with content" : NULL;
	return decode_options(r, m);
}

static const char *
decode(struct reader *r, struct coap_msg *m)
{
	unsigned head = reader_u8(r);

	m->code = reader_u8(r);
	m->id = reader_u16(r);
	m->type = head >> 4 & 3;
	if (r->failed)
		return "header";
	if (head >> 6 != 1)
		return "version";
	if ((head & 15) > COAP_TOKEN_MAX)
		return "token length";
	return decode_rest(r, m, head & 15);
}

static void
clear(struct coap_msg *m)
{
	memset(m, 0, offsetof(struct coap_msg, options));
	m->payload = NULL;
	m->payload_len = 0;
	m->scratch_used = 0;
}

int
coap_decode(const uint8_t *bytes, size_t len, struct coap_msg *ret, const char **ret_why)
{
	struct reader r = reader_of(bytes, len);
	const char *why;

	clear(ret);
	why = decode(&r, ret);
	if (why)
		*ret_why = why;
	return why ? -EBADMSG : 0;
}

/* Length of options and payload, and of the bytes that tell it. */
static uint64_t
stream_length(struct reader *r, unsigned nibble, size_t *ret_size)
{
	switch (nibble) {
	case EXT_8:
		*ret_size = 1;
		return reader_u8(r) + (uint64_t)EXT_8_BASE;
	case EXT_16:
		*ret_size = 2;
		return reader_u16(r) + (uint64_t)EXT_16_BASE;
	case EXT_32:
		*ret_size = 4;
		return reader_u32(r) + (uint64_t)EXT_32_BASE;
	default:
		*ret_size = 0;
		return nibble;
	}
}

int
coap_stream_decode(const uint8_t *bytes, size_t len, struct coap_msg *ret, size_t *ret_size,
	const char **ret_why)
{
	struct reader r = reader_of(bytes, len), message;
	unsigned head = reader_u8(&r), token_len = head & 15;
	size_t extended;
	uint64_t length = stream_length(&r, head >> 4, &extended);

	clear(ret);
	ret->type = COAP_NON;
	*ret_size = 1 + extended + 1 + token_len;
	if (len && token_len > COAP_TOKEN_MAX) {
		*ret_why = "token length";
		return -EBADMSG;
	}
	if (r.failed)
		return -EAGAIN;
	if (length > COAP_MESSAGE_MAX)
		return -EMSGSIZE;
	*ret_size += length;
	if (len < *ret_size)
		return -EAGAIN;
	message = reader_of(r.at, *ret_size - 1 - extended);
	ret->code = reader_u8(&message);
	*ret_why = decode_rest(&message, ret, token_len);
	return *ret_why ? -EBADMSG : 0;
}

/* ---- encoding ---- */

struct writer {
	uint8_t *at, *end;
	bool full;
};

static void
put(struct writer *w, const void *bytes, size_t len)
{
	if ((size_t)(w->end - w->at) < len) {
		w->full = true;
		return;
	}
	if (len)
		memcpy(w->at, bytes, len);
	w->at += len;
}

static unsigned
nibble_of(uint32_t v)
{
	return v < EXT_8_BASE ? v : v < EXT_16_BASE ? EXT_8 : v < EXT_32_BASE ? EXT_16 : EXT_32;
}

static void
put_extended(struct writer *w, uint32_t v)
{
	uint8_t b[2];

	if (nibble_of(v) == EXT_8) {
		b[0] = (uint8_t)(v - EXT_8_BASE);
		put(w, b, 1);
	} else if (nibble_of(v) == EXT_16) {
		b[0] = (uint8_t)((v - EXT_16_BASE) >> 8);
		b[1] = (uint8_t)(v - EXT_16_BASE);
		put(w, b, 2);
	}
}

static size_t
extended_size(uint32_t v)
{
	return nibble_of(v) < EXT_8 ? 0 : nibble_of(v) == EXT_8 ? 1 : 2;
}

/* Bytes of options and payload. */
static size_t
rest_size(const struct coap_msg *m)
{
	size_t n = m->payload_len ? 1 + m->payload_len : 0;
	uint16_t previous = 0;

	for (unsigned i = 0; i < m->n_options; i++) {
		const struct coap_option *o = &m->options[i];

		n += 1 + extended_size(o->number - previous) + extended_size(o->len) + o->len;
		previous = o->number;
	}
	return n;
}

static void
put_rest(struct writer *w, const struct coap_msg *m)
{
	static const uint8_t marker = PAYLOAD_MARKER;
	uint16_t previous = 0;

	for (unsigned i = 0; i < m->n_options; i++) {
		const struct coap_option *o = &m->options[i];
		uint32_t delta = o->number - previous;
		uint8_t first = (uint8_t)(nibble_of(delta) << 4 | nibble_of(o->len));

		put(w, &first, 1);
		put_extended(w, delta);
		put_extended(w, o->len);
		put(w, o->value, o->len);
		previous = o->number;
	}
	if (m->payload_len) {
		put(w, &marker, 1);
		put(w, m->payload, m->payload_len);
	}
}

int
coap_encode(const struct coap_msg *m, uint8_t *bytes, size_t cap)
{
	struct writer w = {bytes, bytes + cap, false};
	uint8_t head[HEADER] = {(uint8_t)(1 << 6 | m->type << 4 | m->token_len), m->code,
		(uint8_t)(m->id >> 8), (uint8_t)m->id};

	if (m->token_len > COAP_TOKEN_MAX || m->type > COAP_RST)
		return -EINVAL;
	put(&w, head, sizeof(head));
	put(&w, m->token, m->token_len);
	put_rest(&w, m);
	return w.full ? -ENOSPC : (int)(w.at - bytes);
}

int
coap_stream_encode(const struct coap_msg *m, uint8_t *bytes, size_t cap)
{
	struct writer w = {bytes, bytes + cap, false};
	size_t length = rest_size(m);
	uint8_t head;

	if (m->token_len > COAP_TOKEN_MAX)
		return -EINVAL;
	if (length > COAP_MESSAGE_MAX)
		return -ENOSPC;
	head = (uint8_t)(nibble_of((uint32_t)length) << 4 | m->token_len);
	put(&w, &head, 1);
	put_extended(&w, (uint32_t)length);
	put(&w, &m->code, 1);
	put(&w, m->token, m->token_len);
	put_rest(&w, m);
	return w.full ? -ENOSPC : (int)(w.at - bytes);
}

/* ---- building and reading ---- */

void
coap_init(struct coap_msg *m, enum coap_type type, uint8_t code)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	m->code = code;
}

void
coap_add(struct coap_msg *m, uint16_t number, const void *value, size_t len)
{
	unsigned i = m->n_options;

	assert(m->n_options < COAP_OPTIONS_MAX && len <= UINT16_MAX);
	for (; i && m->options[i - 1].number > number; i--)
		m->options[i] = m->options[i - 1];
	m->options[i] = (struct coap_option){number, (uint16_t)len, value};
	m->n_options++;
}

void
coap_add_uint(struct coap_msg *m, uint16_t number, uint32_t value)
{
	uint8_t *p = m->scratch + m->scratch_used;
	unsigned len = 0;

	assert(m->scratch_used + 4u <= sizeof(m->scratch));
	for (int shift = 24; shift >= 0; shift -= 8)
		if (len || value >> shift)
			p[len++] = (uint8_t)(value >> shift);
	m->scratch_used += (uint8_t)len;
	coap_add(m, number, p, len);
}

void
coap_add_text(struct coap_msg *m, uint16_t number, const char *text)
{
	coap_add(m, number, text, strlen(text));
}

void
coap_remove(struct coap_msg *m, uint16_t number)
{
	uint8_t kept = 0;

	for (unsigned i = 0; i < m->n_options; i++)
		if (m->options[i].number != number)
			m->options[kept++] = m->options[i];
	m->n_options = kept;
}

const struct coap_option *
coap_find(const struct coap_msg *m, uint16_t number)
{
	for (unsigned i = 0; i < m->n_options; i++)
		if (m->options[i].number == number)
			return &m->options[i];
	return NULL;
}

/* Length limits and repeatability of the options a DOTS agent understands, those included that it
 * refuses (Proxy-Uri, Proxy-Scheme). */
static const struct known_option {
	uint16_t number, min, max;
	bool repeatable;
} known[] = {
	{COAP_OPT_IF_MATCH, 0, 8, true},
	{COAP_OPT_URI_HOST, 1, 255, false},
	{COAP_OPT_ETAG, 1, 8, true},
	{COAP_OPT_IF_NONE_MATCH, 0, 0, false},
	{COAP_OPT_OBSERVE, 0, 3, false},
	{COAP_OPT_URI_PORT, 0, 2, false},
	{COAP_OPT_URI_PATH, 0, 255, true},
	{COAP_OPT_CONTENT_FORMAT, 0, 2, false},
	{COAP_OPT_MAX_AGE, 0, 4, false},
	{COAP_OPT_URI_QUERY, 0, 255, true},
	{COAP_OPT_HOP_LIMIT, 1, 1, false},
	{COAP_OPT_ACCEPT, 0, 2, false},
	{COAP_OPT_BLOCK2, 0, 3, false},
	{COAP_OPT_BLOCK1, 0, 3, false},
	{COAP_OPT_SIZE2, 0, 4, false},
	{COAP_OPT_PROXY_URI, 1, 1034, false},
	{COAP_OPT_PROXY_SCHEME, 1, 255, false},
	{COAP_OPT_SIZE1, 0, 4, false},
};

static const struct known_option *
find_known(uint16_t number)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].number == number)
			return &known[i];
	return NULL;
}

static bool
fits(const struct known_option *k, const struct coap_option *o)
{
	return o->len >= k->min && o->len <= k->max;
}

bool
coap_get_uint(const struct coap_msg *m, uint16_t number, uint32_t *ret)
{
	const struct coap_option *o = coap_find(m, number);
	const struct known_option *k = find_known(number);
	uint32_t v = 0;

	if (!o || o->len > 4 || (k && !fits(k, o)))
		return false;
	for (unsigned i = 0; i < o->len; i++)
		v = v << 8 | o->value[i];
	*ret = v;
	return true;
}

/* Not by coap_get_uint: a number out of its range is an error here, not an option that is not
 * there; leading zeros change nothing (RFC 7252 3.2). */
int
coap_hop_limit(const struct coap_msg *m, uint8_t *ret)
{
	const struct coap_option *o = coap_find(m, COAP_OPT_HOP_LIMIT);
	unsigned v = 0;

	*ret = 0;
	if (!o)
		return 0;
	for (unsigned i = 0; i < o->len && v <= COAP_HOP_LIMIT_MAX; i++)
		v = v << 8 | o->value[i];
	if (!v || v > COAP_HOP_LIMIT_MAX)
		return -EBADMSG;
	*ret = (uint8_t)v;
	return 0;
}

uint16_t
coap_bad_option(const struct coap_msg *m)
{
	for (unsigned i = 0; i < m->n_options; i++) {
		const struct coap_option *o = &m->options[i];
		const struct known_option *k = find_known(o->number);
		bool critical = o->number & 1;
		bool again = i && m->options[i - 1].number == o->number;

		if (critical && (!k || !fits(k, o) || (again && !k->repeatable)))
			return o->number;
	}
	return 0;
}
