/*
 * CBOR side of the schema engine (RFC 8949, RFC 9132 section 6). Only the library's streaming
 * calls: one item head at a time, nothing is allocated for what an item merely announces.
 */
#include <cbor.h>
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "wire/schema_engine.h"

enum { SKIP_DEPTH = 16, TAG_DECIMAL = 4, TAG_DOTS = 271, DECIMAL_EXPONENT = -2 };

enum item_type {
	ITEM_NONE,
	ITEM_UINT,
	ITEM_NEGINT, /* value is -1 - number */
	ITEM_TEXT,
	ITEM_BYTES,
	ITEM_ARRAY,
	ITEM_MAP,
	ITEM_TAG,
	ITEM_BOOL,
	ITEM_OTHER, /* null, undefined, floats */
	ITEM_BREAK,
};

struct item {
	enum item_type type;
	uint64_t number; /* integer, count, tag, boolean */
	bool indefinite; /* of text, bytes, array, map */
	const uint8_t *bytes;
	size_t len;
};

struct input {
	struct engine *e;
	const uint8_t *at, *end;
};

/* ---- one item head ---- */

static void
set(void *ctx, enum item_type type, uint64_t number)
{
	*(struct item *)ctx = (struct item){.type = type, .number = number};
}

static void
set_indefinite(void *ctx, enum item_type type)
{
	*(struct item *)ctx = (struct item){.type = type, .indefinite = true};
}

static void
set_bytes(void *ctx, enum item_type type, cbor_data bytes, size_t len)
{
	*(struct item *)ctx = (struct item){.type = type, .bytes = bytes, .len = len};
}

/* clang-format off */
static void on_u8(void *c, uint8_t v) { set(c, ITEM_UINT, v); }
static void on_u16(void *c, uint16_t v) { set(c, ITEM_UINT, v); }
static void on_u32(void *c, uint32_t v) { set(c, ITEM_UINT, v); }
static void on_u64(void *c, uint64_t v) { set(c, ITEM_UINT, v); }
static void on_n8(void *c, uint8_t v) { set(c, ITEM_NEGINT, v); }
static void on_n16(void *c, uint16_t v) { set(c, ITEM_NEGINT, v); }
static void on_n32(void *c, uint32_t v) { set(c, ITEM_NEGINT, v); }
static void on_n64(void *c, uint64_t v) { set(c, ITEM_NEGINT, v); }
static void on_tag(void *c, uint64_t v) { set(c, ITEM_TAG, v); }
static void on_array(void *c, size_t n) { set(c, ITEM_ARRAY, n); }
static void on_map(void *c, size_t n) { set(c, ITEM_MAP, n); }
static void on_bool(void *c, bool v) { set(c, ITEM_BOOL, v); }
static void on_break(void *c) { set(c, ITEM_BREAK, 0); }
static void on_other(void *c) { set(c, ITEM_OTHER, 0); }
static void on_float(void *c, float v) { (void)v; set(c, ITEM_OTHER, 0); }
static void on_double(void *c, double v) { (void)v; set(c, ITEM_OTHER, 0); }
static void on_indef_array(void *c) { set_indefinite(c, ITEM_ARRAY); }
static void on_indef_map(void *c) { set_indefinite(c, ITEM_MAP); }
static void on_indef_text(void *c) { set_indefinite(c, ITEM_TEXT); }
static void on_indef_bytes(void *c) { set_indefinite(c, ITEM_BYTES); }
static void on_text(void *c, cbor_data d, size_t n) { set_bytes(c, ITEM_TEXT, d, n); }
static void on_bytes(void *c, cbor_data d, size_t n) { set_bytes(c, ITEM_BYTES, d, n); }
/* clang-format on */

static const struct cbor_callbacks callbacks = {
	.uint8 = on_u8,
	.uint16 = on_u16,
	.uint32 = on_u32,
	.uint64 = on_u64,
	.negint8 = on_n8,
	.negint16 = on_n16,
	.negint32 = on_n32,
	.negint64 = on_n64,
	.byte_string_start = on_indef_bytes,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_indef_text,
	.indef_array_start = on_indef_array,
	.array_start = on_array,
	.indef_map_start = on_indef_map,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_other,
	.null = on_other,
	.boolean = on_bool,
	.indef_break = on_break,
};

static bool
next(struct input *in, struct item *ret)
{
	struct cbor_decoder_result r;

	ret->type = ITEM_NONE;
	if (in->at == in->end)
		return engine_fail(in->e, "truncated CBOR");
	r = cbor_stream_decode(in->at, (size_t)(in->end - in->at), &callbacks, ret);
	if (r.status == CBOR_DECODER_NEDATA)
		return engine_fail(in->e, "truncated CBOR");
	if (r.status != CBOR_DECODER_FINISHED || ret->type == ITEM_NONE)
		return engine_fail(in->e, "malformed CBOR");
	in->at += r.read;
	return true;
}

static bool
at_break(struct input *in)
{
	if (in->at < in->end && *in->at == 0xff) {
		in->at++;
		return true;
	}
	return false;
}

/* Whether another element follows; counts definite ones down, looks for the break of the others. */
static bool
another(struct input *in, const struct item *head, uint64_t *left)
{
	if (in->e->failed)
		return false;
	return head->indefinite ? !at_break(in) : (*left)-- > 0;
}

/* The next chunk of an indefinite text or byte string: of its own type, of definite length (RFC
 * 8949 3.2.3). False at its end, and when it is broken. */
static bool
next_chunk(struct input *in, const struct item *head, struct item *ret)
{
	if (at_break(in) || !next(in, ret))
		return false;
	return (ret->type == head->type && !ret->indefinite) ||
	       engine_fail(in->e, "malformed CBOR");
}

/* ---- values nobody asked for ---- */

static bool skip(struct input *in, unsigned depth);

static bool
skip_rest(struct input *in, const struct item *head, unsigned depth)
{
	uint64_t left = head->number;
	struct item chunk = {0};

	switch (head->type) {
	case ITEM_ARRAY:
		while (another(in, head, &left))
			skip(in, depth - 1);
		return !in->e->failed;
	case ITEM_MAP:
		while (another(in, head, &left))
			if (skip(in, depth - 1))
				skip(in, depth - 1);
		return !in->e->failed;
	case ITEM_TEXT:
	case ITEM_BYTES:
		while (head->indefinite && next_chunk(in, head, &chunk))
			;
		return !in->e->failed;
	case ITEM_TAG:
		return skip(in, depth - 1);
	case ITEM_BREAK:
		return engine_fail(in->e, "malformed CBOR");
	default:
		return true;
	}
}

static bool
skip(struct input *in, unsigned depth)
{
	struct item head = {0};

	if (!depth)
		return engine_fail(in->e, "nested deeper than %d", SKIP_DEPTH);
	return next(in, &head) && skip_rest(in, &head, depth);
}

/* ---- values of the tables ---- */

static bool
wrong_type(struct input *in, const char *expected)
{
	return engine_fail(in->e, "wrong type, expected %s", expected);
}

/* A text in chunks is joined. Measured first: many short texts, each given room for all that is
 * left of the message, would cost a multiple of the message. */
static bool
join_chunks(struct input *in, struct item *text)
{
	struct input again = *in;
	struct item chunk = {0};
	size_t len = 0;
	char *joined;

	while (next_chunk(in, text, &chunk))
		len += chunk.len;
	if (in->e->failed)
		return false;
	joined = arena_alloc(in->e->arena, len + 1, 1);
	for (len = 0; next_chunk(&again, text, &chunk); len += chunk.len)
		if (chunk.len)
			memcpy(joined + len, chunk.bytes, chunk.len);
	*text = (struct item){.type = ITEM_TEXT, .bytes = (const uint8_t *)joined, .len = len};
	return true;
}

static bool
read_text(struct input *in, const struct schema_row *row, void *to)
{
	struct item item;

	if (!next(in, &item))
		return false;
	if (item.type != ITEM_TEXT)
		return wrong_type(in, "text");
	if (item.indefinite && !join_chunks(in, &item))
		return false;
	return engine_set_text(in->e, row, to, (const char *)item.bytes, item.len);
}

static bool
read_unsigned(struct input *in, const struct schema_row *row, void *to)
{
	static const int64_t indefinite = -1;
	struct item item;

	if (!next(in, &item))
		return false;
	if (row->kind == KIND_LIFETIME && item.type == ITEM_NEGINT && item.number == 0) {
		memcpy(to, &indefinite, sizeof(indefinite));
		return true;
	}
	if (item.type != ITEM_UINT)
		return wrong_type(in, "unsigned integer");
	return engine_set_unsigned(in->e, row, to, item.number);
}

static bool
read_bool(struct input *in, void *to)
{
	struct item item;
	bool v;

	if (!next(in, &item))
		return false;
	if (item.type != ITEM_BOOL)
		return wrong_type(in, "boolean");
	v = item.number != 0;
	memcpy(to, &v, sizeof(v));
	return true;
}

/* Tag 4 and an array of exponent -2 and mantissa (RFC 9132 6). */
static bool
read_decimal(struct input *in, void *to)
{
	struct item tag, array, exponent, mantissa;
	int64_t v;

	if (!next(in, &tag))
		return false;
	if (tag.type != ITEM_TAG || tag.number != TAG_DECIMAL)
		return wrong_type(in, "decimal fraction");
	if (!next(in, &array))
		return false;
	if (array.type != ITEM_ARRAY || (!array.indefinite && array.number != 2))
		return wrong_type(in, "decimal fraction");
	if (!next(in, &exponent) || !next(in, &mantissa))
		return false;
	if (exponent.type != ITEM_NEGINT || exponent.number != (uint64_t)(-1 - DECIMAL_EXPONENT))
		return engine_fail(in->e, "exponent other than -2");
	if ((mantissa.type != ITEM_UINT && mantissa.type != ITEM_NEGINT) ||
		mantissa.number > INT64_MAX || (array.indefinite && !at_break(in)))
		return wrong_type(in, "decimal fraction");
	v = mantissa.type == ITEM_UINT ? (int64_t)mantissa.number : -1 - (int64_t)mantissa.number;
	memcpy(to, &v, sizeof(v));
	return true;
}

static bool read_map(struct input *in, const struct schema *s, void *structure);

static bool
read_value(struct input *in, const struct schema_row *row, void *to)
{
	switch ((enum schema_kind)row->kind) {
	case KIND_UINT:
	case KIND_UINT64:
	case KIND_ENUM:
	case KIND_LIFETIME:
		return read_unsigned(in, row, to);
	case KIND_BOOL:
		return read_bool(in, to);
	case KIND_DECIMAL:
		return read_decimal(in, to);
	case KIND_TEXT:
	case KIND_NAME:
	case KIND_PREFIX:
	case KIND_ADDR:
		return read_text(in, row, to);
	case KIND_MAP:
		return read_map(in, row->sub, to);
	}
	return false;
}

/* Grows as elements are really there, never by what the head announces. */
static bool
read_list(struct input *in, const struct schema_row *row, void *structure)
{
	size_t size = engine_size(row), n = 0, cap = 0, mark;
	struct item head;
	char *list = NULL;
	uint64_t left;

	if (!next(in, &head))
		return false;
	if (head.type != ITEM_ARRAY)
		return wrong_type(in, "array");
	left = head.number;
	while (another(in, &head, &left)) {
		if (n == engine_max_items(row))
			return engine_fail(in->e, "more than %zu entries", n);
		if (n == cap) {
			char *wider = arena_alloc(in->e->arena, cap = cap ? 2 * cap : 4, size);

			if (n)
				memcpy(wider, list, n * size);
			list = wider;
		}
		engine_index(in->e, &mark, n);
		if (!read_value(in, row, list + n * size))
			return false;
		engine_leave(in->e, mark);
		n++;
	}
	if (!n)
		return engine_fail(in->e, "empty");
	memcpy((char *)structure + row->offset, &list, sizeof(list));
	memcpy((char *)structure + row->count_offset, &n, sizeof(n));
	return !in->e->failed;
}

static const struct schema_row *
find_row(const struct schema *s, uint64_t key)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].key == key)
			return &s->rows[i];
	return NULL;
}

/* RFC 9132 10.6.1.1: 1-127 and 256-16383 are comprehension-required. */
static bool
is_required(uint64_t key)
{
	return key < 128 || (key >= 256 && key < 16384) || key > 65535;
}

/* Keys of RFC 9132 table 5 that are segments of the Uri-Path and never stand in a body (4.4.1.1,
 * 4.5.2). */
static const struct schema_row path_only[] = {
	{.key = 3, .name = "cdid"},
	{.key = 4, .name = "cuid"},
	{.key = 31, .name = "sid"},
};

static bool
refuse_key(struct input *in, uint64_t key)
{
	size_t mark;

	if (!is_required(key))
		return skip(in, SKIP_DEPTH);
	for (size_t i = 0; i < sizeof(path_only) / sizeof(path_only[0]); i++)
		if (path_only[i].key == key) {
			engine_enter(in->e, &mark, &path_only[i]);
			return engine_fail(in->e, "stands in the Uri-Path, never in a body");
		}
	return engine_fail_key(in->e, key);
}

static bool
read_member(struct input *in, const struct schema *s, void *structure)
{
	const struct schema_row *row;
	struct item key;
	size_t mark;
	bool ok;

	if (!next(in, &key))
		return false;
	if (key.type != ITEM_UINT)
		return engine_fail(in->e, "a key is not an unsigned integer");
	row = find_row(s, key.number);
	if (!row)
		return refuse_key(in, key.number);
	engine_enter(in->e, &mark, row);
	ok = engine_claim(in->e, row, structure) &&
	     (row->flags & SCHEMA_LIST ? read_list(in, row, structure)
				       : read_value(in, row, (char *)structure + row->offset));
	if (ok)
		engine_leave(in->e, mark);
	return ok;
}

static bool
read_map(struct input *in, const struct schema *s, void *structure)
{
	struct item head;
	uint64_t left;

	if (!next(in, &head))
		return false;
	if (head.type != ITEM_MAP)
		return wrong_type(in, "map");
	left = head.number;
	while (another(in, &head, &left))
		if (!read_member(in, s, structure))
			return false;
	return !in->e->failed && engine_finish_map(in->e, s, structure);
}

/* The DOTS tag may stand in front (RFC 9132 10.5). */
static void
skip_dots_tag(struct input *in)
{
	static const uint8_t tag[] = {0xd9, TAG_DOTS >> 8, TAG_DOTS & 0xff};

	if (in->end - in->at > 3 && !memcmp(in->at, tag, sizeof(tag)))
		in->at += sizeof(tag);
}

int
schema_decode_cbor(const struct schema *s, struct arena *a, const uint8_t *bytes, size_t len,
	void *ret_structure, struct schema_error *err)
{
	struct engine e = {.arena = a, .err = err};
	struct input in = {.e = &e, .at = bytes, .end = bytes + len};

	memset(ret_structure, 0, s->size);
	err->why[0] = '\0';
	err->unknown_key = -1;
	skip_dots_tag(&in);
	if (read_map(&in, s, ret_structure) && in.at != in.end)
		engine_fail(&e, "bytes after the end");
	return e.failed ? -EBADMSG : 0;
}

/* ---- encoding ---- */

enum { HEAD_MAX = 9 };

static void
put_head(struct buf *out, size_t (*encode)(uint64_t, unsigned char *, size_t), uint64_t v)
{
	unsigned char head[HEAD_MAX];

	buf_bytes(out, head, encode(v, head, sizeof(head)));
}

static void
put_signed(struct buf *out, int64_t v)
{
	if (v >= 0)
		put_head(out, cbor_encode_uint, (uint64_t)v);
	else
		put_head(out, cbor_encode_negint, (uint64_t)(-1 - v));
}

static void
put_text(struct buf *out, const char *s)
{
	put_head(out, cbor_encode_string_start, strlen(s));
	buf_bytes(out, s, strlen(s));
}

static void
put_value(struct buf *out, const struct schema_row *row, const void *from)
{
	char text[PREFIX_TEXT_MAX];
	unsigned char b;

	switch ((enum schema_kind)row->kind) {
	case KIND_UINT:
	case KIND_UINT64:
	case KIND_ENUM:
		put_head(out, cbor_encode_uint, *(const uint64_t *)from);
		break;
	case KIND_LIFETIME:
		put_signed(out, *(const int64_t *)from);
		break;
	case KIND_BOOL:
		cbor_encode_bool(*(const bool *)from, &b, 1);
		buf_u8(out, b);
		break;
	case KIND_DECIMAL:
		put_head(out, cbor_encode_tag, TAG_DECIMAL);
		put_head(out, cbor_encode_array_start, 2);
		put_signed(out, DECIMAL_EXPONENT);
		put_signed(out, *(const int64_t *)from);
		break;
	case KIND_TEXT:
	case KIND_NAME:
		put_text(out, *(char *const *)from);
		break;
	case KIND_PREFIX:
		put_text(out, prefix_format(from, text));
		break;
	case KIND_ADDR:
		put_text(out, addr_format(from, text));
		break;
	case KIND_MAP:
		schema_encode_cbor(row->sub, from, out);
		break;
	}
}

int
schema_encode_cbor(const struct schema *s, const void *structure, struct buf *out)
{
	uint64_t has = *(const uint64_t *)structure;
	size_t n = 0;

	for (size_t i = 0; i < s->n_rows; i++)
		n += has >> s->rows[i].bit & 1;
	put_head(out, cbor_encode_map_start, n);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct schema_row *row = &s->rows[i];
		const char *from = (const char *)structure + row->offset;

		if (!(has >> row->bit & 1))
			continue;
		put_head(out, cbor_encode_uint, row->key);
		if (!(row->flags & SCHEMA_LIST)) {
			put_value(out, row, from);
			continue;
		}
		n = *(const size_t *)((const char *)structure + row->count_offset);
		put_head(out, cbor_encode_array_start, n);
		for (size_t k = 0; k < n; k++)
			put_value(out, row, *(char *const *)from + k * engine_size(row));
	}
	return out->failed ? -ENOSPC : 0;
}
