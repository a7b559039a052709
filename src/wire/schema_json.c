/*
 * JSON side of the schema engine (RFC 7951 as RFC 9132 uses it): for people, tools and the store.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "wire/schema_engine.h"

/* ---- decoding ---- */

static bool
wrong_type(struct engine *e, const char *expected)
{
	return engine_fail(e, "wrong type, expected %s", expected);
}

static bool
number_of(const char *s, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && !errno;
}

static bool
read_unsigned(struct engine *e, const struct schema_row *row, const json_t *j, void *to)
{
	bool as_text = row->kind == KIND_UINT64 || row->flags & SCHEMA_NUMBER_TEXT;
	uint64_t v;

	if (json_is_integer(j) && json_integer_value(j) >= 0 && row->kind != KIND_UINT64)
		v = (uint64_t)json_integer_value(j);
	else if (!as_text || !json_is_string(j) || !number_of(json_string_value(j), &v))
		return wrong_type(e, as_text ? "number in a string" : "number");
	return engine_set_unsigned(e, row, to, v);
}

static bool
read_lifetime(struct engine *e, const struct schema_row *row, const json_t *j, void *to)
{
	static const int64_t indefinite = -1;

	if (!json_is_integer(j) || json_integer_value(j) < -1)
		return wrong_type(e, "number");
	if (json_integer_value(j) >= 0)
		return engine_set_unsigned(e, row, to, (uint64_t)json_integer_value(j));
	memcpy(to, &indefinite, sizeof(indefinite));
	return true;
}

static bool
read_enum(struct engine *e, const struct schema_row *row, const json_t *j, void *to)
{
	const char *s = json_string_value(j);

	if (!s)
		return wrong_type(e, "string");
	for (const struct schema_name *n = row->names; n->name; n++)
		if (!strcmp(n->name, s)) {
			memcpy(to, &n->value, sizeof(n->value));
			return true;
		}
	return engine_fail(e, "%.40s is no value of this enumeration", s);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Added with the sign, so that all of int64_t fits. */
static bool
add_digit(int64_t *v, int digit)
{
	return !__builtin_mul_overflow(*v, 10, v) && !__builtin_add_overflow(*v, digit, v);
}

/* "12.34", "-0.5", "3" in hundredths: at most two fraction digits (RFC 7950 9.3.1). */
static bool
decimal_of(const char *s, int64_t *ret)
{
	int sign = *s == '-' ? -1 : 1;
	int64_t v = 0;

	s += sign < 0;
	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++)
		if (!add_digit(&v, sign * (*s - '0')))
			return false;
	if (*s == '.' && !is_digit(*++s))
		return false;
	for (int place = 0; place < 2; place++)
		if (!add_digit(&v, is_digit(*s) ? sign * (*s++ - '0') : 0))
			return false;
	*ret = v;
	return !*s;
}

static bool
read_decimal(struct engine *e, const json_t *j, void *to)
{
	int64_t v;

	if (!json_is_string(j) || !decimal_of(json_string_value(j), &v))
		return wrong_type(e, "decimal in a string");
	memcpy(to, &v, sizeof(v));
	return true;
}

static bool read_map(struct engine *e, const struct schema *s, json_t *j, void *structure);

static bool
read_value(struct engine *e, const struct schema_row *row, json_t *j, void *to)
{
	bool b = json_is_true(j);

	switch ((enum schema_kind)row->kind) {
	case KIND_UINT:
	case KIND_UINT64:
		return read_unsigned(e, row, j, to);
	case KIND_LIFETIME:
		return read_lifetime(e, row, j, to);
	case KIND_ENUM:
		return read_enum(e, row, j, to);
	case KIND_BOOL:
		memcpy(to, &b, sizeof(b));
		return json_is_boolean(j) || wrong_type(e, "boolean");
	case KIND_DECIMAL:
		return read_decimal(e, j, to);
	case KIND_TEXT:
	case KIND_NAME:
	case KIND_PREFIX:
	case KIND_ADDR:
		if (!json_is_string(j))
			return wrong_type(e, "string");
		return engine_set_text(e, row, to, json_string_value(j), json_string_length(j));
	case KIND_MAP:
		return read_map(e, row->sub, j, to);
	}
	return false;
}

static bool
read_list(struct engine *e, const struct schema_row *row, json_t *j, void *structure)
{
	size_t n = json_array_size(j), size = engine_size(row), mark;
	char *list;

	if (!json_is_array(j))
		return wrong_type(e, "array");
	if (!n)
		return engine_fail(e, "empty");
	if (n > engine_max_items(row))
		return engine_fail(e, "more than %zu entries", engine_max_items(row));
	list = arena_alloc(e->arena, n, size);
	for (size_t i = 0; i < n; i++) {
		engine_index(e, &mark, i);
		if (!read_value(e, row, json_array_get(j, i), list + i * size))
			return false;
		engine_leave(e, mark);
	}
	memcpy((char *)structure + row->offset, &list, sizeof(list));
	memcpy((char *)structure + row->count_offset, &n, sizeof(n));
	return true;
}

/* Names count with and without the module prefix. */
static const struct schema_row *
find_row(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if ((s->rows[i].json && !strcmp(s->rows[i].json, name)) ||
			!strcmp(s->rows[i].name, name))
			return &s->rows[i];
	return NULL;
}

static bool
read_map(struct engine *e, const struct schema *s, json_t *j, void *structure)
{
	const char *name;
	json_t *value;
	size_t mark;

	if (!json_is_object(j))
		return wrong_type(e, "object");
	json_object_foreach(j, name, value) {
		const struct schema_row *row = find_row(s, name);

		if (!row)
			return engine_fail(e, "unknown member %.40s", name);
		engine_enter(e, &mark, row);
		if (!engine_claim(e, row, structure) ||
			!(row->flags & SCHEMA_LIST ? read_list(e, row, value, structure)
						   : read_value(e, row, value,
							     (char *)structure + row->offset)))
			return false;
		engine_leave(e, mark);
	}
	return engine_finish_map(e, s, structure);
}

int
schema_decode_json(const struct schema *s, struct arena *a, const char *text, size_t len,
	void *ret_structure, struct schema_error *err)
{
	struct engine e = {.arena = a, .err = err};
	json_error_t je;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

	memset(ret_structure, 0, s->size);
	err->why[0] = '\0';
	err->unknown_key = -1;
	if (!j)
		engine_fail(&e, "line %d: %.80s", je.line, je.text);
	else
		read_map(&e, s, j, ret_structure);
	json_decref(j);
	return e.failed ? -EBADMSG : 0;
}

/* ---- encoding ---- */

static void
put_string(struct buf *out, const char *s)
{
	json_t *j = json_string(s);
	char *text = json_dumps(j, JSON_ENCODE_ANY);

	buf_printf(out, "%s", text ? text : "\"\"");
	free(text);
	json_decref(j);
}

static void
put_decimal(struct buf *out, int64_t v)
{
	uint64_t abs = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;

	buf_printf(out, "\"%s%" PRIu64 ".%02" PRIu64 "\"", v < 0 ? "-" : "", abs / 100, abs % 100);
}

static void
put_value(struct buf *out, const struct schema_row *row, const void *from)
{
	char text[PREFIX_TEXT_MAX];
	const char *quote = row->kind == KIND_UINT64 || row->flags & SCHEMA_NUMBER_TEXT ? "\"" : "";

	switch ((enum schema_kind)row->kind) {
	case KIND_UINT:
	case KIND_UINT64:
		buf_printf(out, "%s%" PRIu64 "%s", quote, *(const uint64_t *)from, quote);
		break;
	case KIND_LIFETIME:
		buf_printf(out, "%" PRId64, *(const int64_t *)from);
		break;
	case KIND_ENUM:
		buf_printf(out, "\"%s\"", engine_enum_name(row, *(const uint64_t *)from));
		break;
	case KIND_BOOL:
		buf_printf(out, "%s", *(const bool *)from ? "true" : "false");
		break;
	case KIND_DECIMAL:
		put_decimal(out, *(const int64_t *)from);
		break;
	case KIND_TEXT:
	case KIND_NAME:
		put_string(out, *(char *const *)from);
		break;
	case KIND_PREFIX:
		buf_printf(out, "\"%s\"", prefix_format(from, text));
		break;
	case KIND_ADDR:
		buf_printf(out, "\"%s\"", addr_format(from, text));
		break;
	case KIND_MAP:
		schema_encode_json(row->sub, from, out);
		break;
	}
}

int
schema_encode_json(const struct schema *s, const void *structure, struct buf *out)
{
	uint64_t has = *(const uint64_t *)structure;
	const char *comma = "";

	buf_printf(out, "{");
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct schema_row *row = &s->rows[i];
		const char *from = (const char *)structure + row->offset;
		size_t n;

		if (!(has >> row->bit & 1))
			continue;
		buf_printf(out, "%s\"%s\": ", comma, row->json ? row->json : row->name);
		comma = ", ";
		if (!(row->flags & SCHEMA_LIST)) {
			put_value(out, row, from);
			continue;
		}
		n = *(const size_t *)((const char *)structure + row->count_offset);
		buf_printf(out, "[");
		for (size_t k = 0; k < n; k++) {
			buf_printf(out, "%s", k ? ", " : "");
			put_value(out, row, *(char *const *)from + k * engine_size(row));
		}
		buf_printf(out, "]");
	}
	buf_printf(out, "}");
	return out->failed ? -ENOSPC : 0;
}
