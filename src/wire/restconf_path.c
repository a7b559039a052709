/*
 * Request targets (RFC 8040 3.5.3): percent-encoded text to segments and back.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "wire/restconf_text.h"
#include "wire/text.h"

enum { FORMATTED_MAX = 1 << 20 };

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *
restconf_decode(struct arena *a, const char *raw, size_t len, const char **ret_why)
{
	char *text = arena_alloc(a, len + 1, 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (raw[i] != '%') {
			text[n++] = raw[i];
			continue;
		}
		high = i + 2 < len ? digit_of(raw[i + 1]) : -1;
		low = i + 2 < len ? digit_of(raw[i + 2]) : -1;
		if (high < 0 || low < 0) {
			*ret_why = "broken percent-encoding";
			return NULL;
		}
		text[n++] = (char)(high << 4 | low);
		i += 2;
	}
	if (memchr(text, 0, n) || !text_is_utf8(text, n)) {
		*ret_why = "not a UTF-8 text";
		return NULL;
	}
	return text;
}

/* RFC 8040 3.5.3.1. */
static bool
is_identifier(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool first =
			(s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';

		if (!first && (!i || !((s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '.')))
			return false;
	}
	return len > 0;
}

static bool
bad_request(struct restconf_error *err, const char *what, const char *why)
{
	return restconf_refuse(
		err, 400, RESTCONF_INVALID_VALUE, "RFC 8040 3.5.3: %s: %s", what, why);
}

static bool
not_found(struct restconf_error *err, const char *what, int len)
{
	return restconf_refuse(err, 404, RESTCONF_INVALID_VALUE,
		"RFC 8040 3.5.3: path: %.*s names no resource", len, what);
}

static bool
parse_name(struct arena *a, const char *s, size_t len, struct restconf_segment *ret,
	struct restconf_error *err)
{
	const char *why, *name = restconf_decode(a, s, len, &why), *colon;

	if (!name)
		return bad_request(err, "path", why);
	colon = strchr(name, ':');
	if (colon && !is_identifier(name, (size_t)(colon - name)))
		return not_found(err, name, 80);
	ret->module = colon ? arena_text(a, name, (size_t)(colon - name)) : NULL;
	ret->name = colon ? colon + 1 : name;
	return is_identifier(ret->name, strlen(ret->name)) || not_found(err, name, 80);
}

/* Split first, then decoded: a comma inside a value is percent-encoded. */
static bool
parse_keys(struct arena *a, const char *s, size_t len, struct restconf_segment *ret,
	struct restconf_error *err)
{
	const char *end = s + len, *why;

	for (;;) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		size_t n = (size_t)((comma ? comma : end) - s);

		if (ret->n_keys == RESTCONF_KEYS_MAX)
			return bad_request(err, ret->name, "too many keys");
		ret->keys[ret->n_keys] = restconf_decode(a, s, n, &why);
		if (!ret->keys[ret->n_keys++])
			return bad_request(err, ret->name, why);
		if (!comma)
			return true;
		s = comma + 1;
	}
}

bool
restconf_segments(
	struct arena *a, const char *raw, struct restconf_path *ret, struct restconf_error *err)
{
	while (*raw == '/') {
		struct restconf_segment *segment = &ret->segments[ret->n];
		size_t len = strcspn(++raw, "/");
		const char *equals = memchr(raw, '=', len);
		size_t name_len = equals ? (size_t)(equals - raw) : len;

		if (ret->n == RESTCONF_SEGMENTS_MAX)
			return bad_request(err, "path", "too many segments");
		*segment = (struct restconf_segment){0};
		if (!parse_name(a, raw, name_len, segment, err))
			return false;
		if (equals && !parse_keys(a, equals + 1, len - name_len - 1, segment, err))
			return false;
		ret->n++;
		raw += len;
	}
	return !*raw || not_found(err, raw, 80);
}

const char *
restconf_below(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(text, prefix, n) ? text + n : NULL;
}

bool
restconf_path_parse(struct arena *a, const char *raw, const char *root, struct restconf_path *ret,
	struct restconf_error *err)
{
	static const struct {
		const char *prefix;
		enum restconf_resource resource;
		bool is_leaf;
	} resources[] = {
		{"/data", RESTCONF_DATA, false},
		{"/operations", RESTCONF_OPERATIONS, false},
		{"/yang-library-version", RESTCONF_LIBRARY_VERSION, true},
	};
	const char *rest = restconf_below(raw, root);

	*ret = (struct restconf_path){.resource = RESTCONF_HOST_META};
	if (!strcmp(raw, "/.well-known/host-meta"))
		return true;
	ret->resource = RESTCONF_API;
	if (rest && !*rest)
		return true;
	for (size_t i = 0; rest && i < sizeof(resources) / sizeof(resources[0]); i++) {
		const char *below = restconf_below(rest, resources[i].prefix);

		if (!below || (*below && resources[i].is_leaf))
			continue;
		ret->resource = resources[i].resource;
		return restconf_segments(a, below, ret, err);
	}
	return not_found(err, raw, 80);
}

/* All but unreserved characters (RFC 3986 2.3). */
static void
put_encoded(struct buf *b, const char *s)
{
	for (; *s; s++) {
		bool plain = is_identifier(s, 1) || (*s >= '0' && *s <= '9') || strchr("-.~", *s);

		buf_printf(b, plain ? "%c" : "%%%02X", (unsigned char)*s);
	}
}

char *
restconf_path_format(const struct restconf_path *p, const char *root)
{
	struct buf b;
	char *text;

	buf_init(&b, FORMATTED_MAX);
	buf_printf(&b, "%s/data", root);
	for (size_t i = 0; i < p->n; i++) {
		const struct restconf_segment *s = &p->segments[i];

		buf_printf(&b, s->module ? "/%s:%s" : "/%s%s", s->module ? s->module : "", s->name);
		for (size_t k = 0; k < s->n_keys; k++) {
			buf_printf(&b, k ? "," : "=");
			put_encoded(&b, s->keys[k]);
		}
	}
	text = mem_text(buf_text(&b));
	buf_finish(&b);
	return text;
}
