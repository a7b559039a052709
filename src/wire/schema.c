/*
 * What the CBOR and the JSON side of the schema engine share: looking rows up, storing values,
 * checks.
 */
#include "wire/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "wire/schema_engine.h"
#include "wire/text.h"

size_t
engine_size(const struct schema_row *row)
{
	switch ((enum schema_kind)row->kind) {
	case KIND_UINT:
	case KIND_UINT64:
	case KIND_ENUM:
		return sizeof(uint64_t);
	case KIND_LIFETIME:
	case KIND_DECIMAL:
		return sizeof(int64_t);
	case KIND_BOOL:
		return sizeof(bool);
	case KIND_TEXT:
	case KIND_NAME:
		return sizeof(char *);
	case KIND_PREFIX:
		return sizeof(struct prefix);
	case KIND_ADDR:
		return sizeof(struct addr);
	case KIND_MAP:
		return row->sub->size;
	}
	return 0;
}

size_t
engine_max_items(const struct schema_row *row)
{
	return row->max_items ? row->max_items : 256;
}

/* ---- errors ---- */

void
engine_enter(struct engine *e, size_t *ret_mark, const struct schema_row *row)
{
	*ret_mark = strlen(e->path);
	snprintf(e->path + *ret_mark, sizeof(e->path) - *ret_mark, "%s%s", *ret_mark ? "." : "",
		row->name);
	if (row->flags & SCHEMA_CASE)
		e->case_len = strlen(e->path);
}

void
engine_index(struct engine *e, size_t *ret_mark, size_t i)
{
	*ret_mark = strlen(e->path);
	snprintf(e->path + *ret_mark, sizeof(e->path) - *ret_mark, "[%zu]", i);
}

void
engine_leave(struct engine *e, size_t mark)
{
	e->path[mark] = '\0';
}

const char *
engine_where(const struct engine *e)
{
	bool inside = e->case_len && e->path[e->case_len] == '.';

	return inside && strlen(e->path) > e->case_len ? e->path + e->case_len + 1 : e->path;
}

bool
engine_fail_key(struct engine *e, uint64_t key)
{
	const char *where = engine_where(e);

	if (e->failed)
		return false;
	e->failed = true;
	e->err->unknown_key = key > INT32_MAX ? INT32_MAX : (int32_t)key;
	snprintf(e->err->why, sizeof(e->err->why),
		"unknown comprehension-required attribute %llu%s%.80s", (unsigned long long)key,
		*where ? " in " : "", where);
	return false;
}

bool
engine_fail(struct engine *e, const char *fmt, ...)
{
	char reason[SCHEMA_ERROR_MAX], printable[4 * SCHEMA_ERROR_MAX];
	const char *where = engine_where(e);
	va_list ap;

	if (e->failed)
		return false; /* the first reason is the cause */
	e->failed = true;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	/* It may quote the peer, cut in the middle of a character, and goes back to it as a
	 * diagnostic payload (RFC 7252 5.5.2). */
	event_escape(printable, sizeof(printable), reason, strlen(reason));
	snprintf(e->err->why, sizeof(e->err->why), "%.80s%s%.76s", where, *where ? ": " : "",
		printable);
	return false;
}

/* ---- values ---- */

bool
engine_set_unsigned(struct engine *e, const struct schema_row *row, void *to, uint64_t v)
{
	if (row->kind == KIND_UINT &&
		(v > INT64_MAX || (int64_t)v < row->min || (int64_t)v > row->max))
		return engine_fail(e, "%llu is not in %lld..%lld", (unsigned long long)v,
			(long long)row->min, (long long)row->max);
	if (row->kind == KIND_ENUM && !engine_enum_name(row, v))
		return engine_fail(
			e, "%llu is no value of this enumeration", (unsigned long long)v);
	if (row->kind == KIND_LIFETIME && (v > INT64_MAX || (int64_t)v > row->max))
		return engine_fail(
			e, "%llu is more than %lld", (unsigned long long)v, (long long)row->max);
	memcpy(to, &v, sizeof(v)); /* uint64_t or non-negative int64_t */
	return true;
}

bool
engine_set_text(struct engine *e, const struct schema_row *row, void *to, const char *s, size_t len)
{
	size_t most = row->kind == KIND_NAME ? 253 : row->max ? (size_t)row->max : 1024;
	char *text;
	int r;

	if (!len)
		return engine_fail(e, "empty");
	if (len > most)
		return engine_fail(e, "%zu bytes are more than %zu", len, most);
	if (memchr(s, 0, len) || !text_is_utf8(s, len))
		return engine_fail(e, "not a UTF-8 text");
	text = arena_text(e->arena, s, len);
	switch ((enum schema_kind)row->kind) {
	case KIND_NAME:
		memcpy(to, &text, sizeof(text));
		return text_is_domain_name(text) ||
		       engine_fail(e, "%.60s is not a domain name", text);
	case KIND_PREFIX:
		r = prefix_parse(text, to);
		return r == 0 || engine_fail(e,
					 r == -ERANGE ? "prefix length out of range in %.60s"
						      : "%.60s is not a prefix",
					 text);
	case KIND_ADDR:
		return addr_parse(text, to) == 0 || engine_fail(e, "%.60s is not an address", text);
	default:
		memcpy(to, &text, sizeof(text));
		return true;
	}
}

const char *
engine_enum_name(const struct schema_row *row, uint64_t value)
{
	for (const struct schema_name *n = row->names; n->name; n++)
		if (n->value == value)
			return n->name;
	return NULL;
}

/* ---- after all members of a map are read ---- */

bool
engine_finish_map(struct engine *e, const struct schema *s, void *structure)
{
	uint64_t has = *(uint64_t *)structure;
	const char *why;

	if (!has)
		return engine_fail(e, "empty");
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].flags & SCHEMA_REQUIRED && !(has >> s->rows[i].bit & 1))
			return engine_fail(e, "%s is missing", s->rows[i].name);
	why = s->check ? s->check(structure) : NULL;
	return !why || engine_fail(e, "%s", why);
}

bool
engine_claim(struct engine *e, const struct schema_row *row, void *structure)
{
	uint64_t *has = structure;

	if (*has >> row->bit & 1)
		return engine_fail(e, "given twice");
	*has |= 1ULL << row->bit;
	return true;
}

/* ---- copying ---- */

static void
copy_value(const struct schema_row *row, struct arena *a, const void *from, void *to)
{
	if (row->kind == KIND_TEXT || row->kind == KIND_NAME) {
		const char *s = *(char *const *)from;

		*(char **)to = arena_text(a, s, strlen(s));
	} else if (row->kind == KIND_MAP) {
		schema_copy(row->sub, a, from, to);
	} else {
		memcpy(to, from, engine_size(row));
	}
}

void
schema_copy(const struct schema *s, struct arena *a, const void *from, void *ret_to)
{
	memcpy(ret_to, from, s->size);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct schema_row *row = &s->rows[i];
		const char *src = (const char *)from + row->offset;
		char *dst = (char *)ret_to + row->offset;
		size_t n, size = engine_size(row);

		if (!(*(const uint64_t *)from >> row->bit & 1))
			continue;
		if (!(row->flags & SCHEMA_LIST)) {
			copy_value(row, a, src, dst);
			continue;
		}
		n = *(const size_t *)((const char *)from + row->count_offset);
		src = *(char *const *)src;
		*(char **)dst = arena_alloc(a, n, size);
		dst = *(char **)dst;
		for (size_t k = 0; k < n; k++)
			copy_value(row, a, src + k * size, dst + k * size);
	}
}
