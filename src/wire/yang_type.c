/*
 * Values of leafs: what their types allow, and their canonical form (RFC 7950 9, RFC 7951 6, RFC
 * 6991).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "wire/text.h"
#include "wire/yang_engine.h"

enum { TEXT_MAX = 256 };

static bool
wrong(struct yang_walk *w, const char *rfc, const char *expected)
{
	return yang_refuse(w, 400, RESTCONF_INVALID_VALUE, rfc, "expected %s", expected);
}

static bool
no_value(struct yang_walk *w, const char *rfc, const json_t *v, const char *what)
{
	return yang_refuse(
		w, 400, RESTCONF_INVALID_VALUE, rfc, "%.60s is no %s", json_string_value(v), what);
}

static bool
check_uint(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	if (!json_is_integer(v))
		return wrong(w, "RFC 7951 6.1", "number");
	if (json_integer_value(v) >= t->min && json_integer_value(v) <= t->max)
		return true;
	return yang_refuse(w, 400, RESTCONF_INVALID_VALUE, "RFC 7950 9.2",
		"%lld is not in %lld..%lld", (long long)json_integer_value(v), (long long)t->min,
		(long long)t->max);
}

static bool
check_counter(struct yang_walk *w, json_t *v)
{
	const char *s = json_string_value(v);
	char *end;

	if (!s)
		return wrong(w, "RFC 7951 6.1", "number in a string");
	errno = 0;
	(void)strtoull(s, &end, 10);
	return (*s >= '0' && *s <= '9' && !*end && !errno) ||
	       no_value(w, "RFC 7950 9.2", v, "counter");
}

/* Two fraction digits, as RFC 8783 prints it ("20.00"); the canonical form of RFC 7950 9.3.2 would
 * have one. */
static bool
check_decimal(struct yang_walk *w, json_t *v)
{
	const char *s = json_string_value(v);
	size_t whole, fraction = 0;
	char text[32];

	if (!s)
		return wrong(w, "RFC 7951 6.1", "decimal number in a string");
	s += *s == '+';
	while (s[0] == '0' && s[1] >= '0' && s[1] <= '9')
		s++;
	whole = strspn(s, "0123456789");
	if (s[whole] == '.')
		fraction = strspn(s + whole + 1, "0123456789");
	/* The largest is 92233720368547758.07. */
	if (!whole || whole > 17 || fraction > 2 ||
		(s[whole] && (s[whole] != '.' || !fraction || s[whole + 1 + fraction])))
		return no_value(
			w, "RFC 7950 9.3", v, "decimal number with 2 fraction digits, 0 or more");
	snprintf(text, sizeof(text), "%.*s.%.*s%.*s", (int)whole, s, (int)fraction, s + whole + 1,
		2 - (int)fraction, "00");
	if (whole == 17 && strcmp(text, "92233720368547758.07") > 0)
		return no_value(w, "RFC 7950 9.3", v, "decimal64");
	json_string_set(v, text);
	return true;
}

/* Of UTF-8: the code point, and the length of it. */
static uint32_t
code_point(const unsigned char *s, size_t *ret_len)
{
	uint32_t c = *s;

	*ret_len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (*ret_len > 1)
		c &= 0x7fu >> *ret_len;
	for (size_t i = 1; i < *ret_len; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* RFC 7950 14, yang-char: no control characters, no noncharacters. */
static bool
is_yang_char(uint32_t c)
{
	return (c >= 0x20 || c == '\t' || c == '\n' || c == '\r') && (c & 0xfffe) != 0xfffe &&
	       (c < 0xfdd0 || c > 0xfdef);
}

static bool
check_string(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	const char *s = json_string_value(v);
	int64_t n = 0;

	if (!s)
		return wrong(w, "RFC 7951 6.2", "string");
	for (size_t len; *s; s += len, n++)
		if (!is_yang_char(code_point((const unsigned char *)s, &len)))
			return no_value(w, "RFC 7950 9.4", v, "text without control characters");
	if (n >= t->min && (!t->max || n <= t->max))
		return true;
	return yang_refuse(w, 400, RESTCONF_INVALID_VALUE, "RFC 7950 9.4",
		"%lld characters are not in %lld..%lld", (long long)n, (long long)t->min,
		(long long)t->max);
}

static bool
check_enum(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	if (!json_is_string(v))
		return wrong(w, "RFC 7951 6.4", "string");
	for (const char *const *name = t->names; *name; name++)
		if (!strcmp(*name, json_string_value(v)))
			return true;
	return no_value(w, "RFC 7950 9.6", v, "value of this enumeration");
}

/* Marks the bits that a text names. */
static bool
read_bits(const struct yang_type *t, const char *s, uint32_t *ret)
{
	static const char space[] = " \t\r\n";

	*ret = 0;
	for (s += strspn(s, space); *s; s += strspn(s, space)) {
		size_t len = strcspn(s, space), i = 0;

		while (t->names[i] &&
			(strlen(t->names[i]) != len || memcmp(t->names[i], s, len) != 0))
			i++;
		if (!t->names[i] || *ret >> i & 1)
			return false;
		*ret |= 1u << i;
		s += len;
	}
	return true;
}

static bool
check_bits(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	char text[TEXT_MAX] = "";
	size_t at = 0;
	uint32_t bits;

	if (!json_is_string(v))
		return wrong(w, "RFC 7951 6.5", "string of names");
	if (!read_bits(t, json_string_value(v), &bits))
		return no_value(w, "RFC 7950 9.7", v, "set of these bits, each once");
	for (size_t i = 0; t->names[i]; i++)
		if (bits >> i & 1)
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, "%s%s", at ? " " : "", t->names[i]);
	json_string_set(v, text);
	return true;
}

static bool
check_identity(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	const char *s = json_string_value(v), *colon = s ? strchr(s, ':') : NULL;
	const char *plain = colon ? colon + 1 : s;
	char text[TEXT_MAX];

	if (!s)
		return wrong(w, "RFC 7951 6.8", "name of an identity");
	for (const char *const *name = t->names; *name; name++) {
		if (strcmp(*name, plain) != 0)
			continue;
		snprintf(text, sizeof(text), "%s:%s", t->module, *name);
		if (colon && strcmp(s, text) != 0)
			break;
		json_string_set(v, text);
		return true;
	}
	return no_value(w, "RFC 7951 6.8", v, "identity that is allowed here");
}

static bool
check_prefix(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	const char *s = json_string_value(v);
	char text[PREFIX_TEXT_MAX];
	struct prefix p;
	int r;

	if (!s)
		return wrong(w, "RFC 6991 4", "prefix in a string");
	r = strchr(s, '/') ? prefix_parse(s, &p) : -EINVAL;
	if (r == -ERANGE)
		return no_value(w, "RFC 6991 4", v, "prefix of a length that there is");
	if (r != 0)
		return no_value(w, "RFC 6991 4", v, "prefix");
	if (t->min && p.addr.family != t->min)
		return no_value(w, "RFC 6991 4", v, t->min == 4 ? "IPv4 prefix" : "IPv6 prefix");
	json_string_set(v, prefix_format(&p, text));
	return true;
}

static bool
check_domain(struct yang_walk *w, json_t *v)
{
	const char *s = json_string_value(v);
	char text[TEXT_MAX];
	size_t len = json_string_length(v);

	if (!s)
		return wrong(w, "RFC 6991 4", "domain name in a string");
	if (!len || len > 253 || !text_is_domain_name(s))
		return no_value(w, "RFC 6991 4", v, "domain name");
	memcpy(text, s, len + 1);
	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	json_string_set(v, text);
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* RFC 3986: a scheme, then only characters that a URI may have. */
static bool
is_uri(const char *s)
{
	const char *colon = strchr(s, ':');

	if (!colon || !is_letter(*s) || !colon[1])
		return false;
	for (const char *c = s; c < colon; c++)
		if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !strchr("+-.", *c))
			return false;
	for (const char *c = colon + 1; *c; c++)
		if (*c == '%' ? !is_hex(c[1]) || !is_hex(c[2])
			      : !is_letter(*c) && !(*c >= '0' && *c <= '9') &&
					!strchr("-._~:/?#[]@!$&'()*+,;=", *c))
			return false;
	return true;
}

static bool
check_uri(struct yang_walk *w, json_t *v)
{
	if (!json_is_string(v))
		return wrong(w, "RFC 6991 4", "URI in a string");
	return is_uri(json_string_value(v)) || no_value(w, "RFC 6991 4", v, "URI");
}

/* How many octets a base64 text means (RFC 4648 4); -1: none, or bits left over. */
static int64_t
base64_octets(const char *s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strspn(s, digits), pads = strspn(s + n, "=");
	size_t unused = pads == 1 ? 3 : pads == 2 ? 15 : 0;

	if (s[n + pads] || pads > 2 || (n + pads) % 4 != 0)
		return -1;
	if (unused && (size_t)(strchr(digits, s[n - 1]) - digits) & unused)
		return -1;
	return (int64_t)(n * 3 / 4);
}

static bool
check_binary(struct yang_walk *w, const struct yang_type *t, json_t *v)
{
	int64_t n;

	if (!json_is_string(v))
		return wrong(w, "RFC 7951 6.6", "base64 in a string");
	n = base64_octets(json_string_value(v));
	if (n < 0)
		return no_value(w, "RFC 7951 6.6", v, "base64");
	return (n >= t->min && (!t->max || n <= t->max)) ||
	       yang_refuse(w, 400, RESTCONF_INVALID_VALUE, "RFC 7950 9.8",
		       "%lld octets are not in %lld..%lld", (long long)n, (long long)t->min,
		       (long long)t->max);
}

bool
yang_value(struct yang_walk *w, const struct yang_type *t, json_t *value)
{
	switch (t->base) {
	case YANG_UINT:
		return check_uint(w, t, value);
	case YANG_COUNTER64:
		return check_counter(w, value);
	case YANG_DECIMAL2:
		return check_decimal(w, value);
	case YANG_STRING:
		return check_string(w, t, value);
	case YANG_BOOL:
		return json_is_boolean(value) || wrong(w, "RFC 7951 6.3", "true or false");
	case YANG_ENUM:
		return check_enum(w, t, value);
	case YANG_BITS:
		return check_bits(w, t, value);
	case YANG_IDENTITY:
		return check_identity(w, t, value);
	case YANG_PREFIX:
		return check_prefix(w, t, value);
	case YANG_DOMAIN:
		return check_domain(w, value);
	case YANG_URI:
		return check_uri(w, value);
	case YANG_BINARY:
		return check_binary(w, t, value);
	}
	return false;
}

json_t *
yang_value_of(const struct yang_type *t, const char *text)
{
	static const struct yang_node nobody = {.name = "", .module = ""};
	struct restconf_error err;
	struct yang_walk w = {.root = &nobody, .err = &err};
	size_t digits = strspn(text, "0123456789");
	json_t *v;

	if (t->base != YANG_UINT)
		v = json_string(text);
	else if (digits && digits < 19 && !text[digits])
		v = json_integer(strtoll(text, NULL, 10));
	else
		return NULL;
	if (v && yang_value(&w, t, v))
		return v;
	json_decref(v);
	return NULL;
}

const char *
yang_text(const json_t *value, char buf[static 32])
{
	if (json_is_string(value))
		return json_string_value(value);
	snprintf(buf, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return buf;
}
