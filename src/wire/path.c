/*
 * Uri-Path of the signal channel. The order of segments is part of the resource (RFC 9132 4.4.1.1).
 */
#include "wire/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *segment;
	enum path_resource resource;
	const char *unknown; /* what to say of a segment that is none of its parameters */
} resources[] = {
	{"mitigate", PATH_MITIGATE,
		"RFC 9132 4.4.1.1: Uri-Path has an unknown parameter besides cdid, cuid, mid"},
	{"config", PATH_CONFIG,
		"RFC 9132 4.5.2: Uri-Path has an unknown parameter besides sid (cuid is none "
		"here)"},
	{"hb", PATH_HB, "RFC 9132 4.7: Uri-Path of a heartbeat has parameters"},
};
enum { N_RESOURCES = sizeof(resources) / sizeof(resources[0]) };

/* What may follow, in this order. */
enum { P_CDID, P_CUID, P_MID, P_SID };
static const struct {
	const char *name;
	enum path_resource resource;
	const char *empty, *invalid, *misplaced;
} parameters[] = {
	[P_CDID] = {"cdid=", PATH_MITIGATE, "RFC 9132 4.4.1.1: Uri-Path cdid is empty",
		"RFC 9132 4.4.1.2: Uri-Path cdid is not a short printable text",
		"RFC 9132 4.4.1.2: Uri-Path cdid repeated or not before cuid and mid"},
	[P_CUID] = {"cuid=", PATH_MITIGATE, "RFC 9132 4.4.1.1: Uri-Path cuid is empty",
		"RFC 9132 4.4.1.1: Uri-Path cuid is not a short printable text",
		"RFC 9132 4.4.1.1: Uri-Path cuid repeated or not before mid"},
	[P_MID] = {"mid=", PATH_MITIGATE, "RFC 9132 4.4.1.1: Uri-Path mid is empty",
		"RFC 9132 4.4.1.1: Uri-Path mid is not a number below 2^32",
		"RFC 9132 4.4.1.1: Uri-Path mid repeated"},
	[P_SID] = {"sid=", PATH_CONFIG, "RFC 9132 4.5.2: Uri-Path sid is empty",
		"RFC 9132 4.5.2: Uri-Path sid is not a number below 2^32",
		"RFC 9132 4.5.2: Uri-Path sid repeated"},
};
enum { N_PARAMETERS = sizeof(parameters) / sizeof(parameters[0]) };

static bool
is_text(const struct coap_option *o, const char *text)
{
	return o->len == strlen(text) && !memcmp(o->value, text, o->len);
}

static bool
parse_number(const uint8_t *s, size_t len, uint32_t *ret)
{
	uint64_t v = 0;

	if (!len || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (s[i] - '0');
	}
	*ret = (uint32_t)v;
	return v <= UINT32_MAX;
}

/* Opaque to us, but printed in logs as one word, and part of keys whose parts "/" separates. */
bool
path_is_identifier(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '/')
			return false;
	return len > 0 && len <= PATH_ID_MAX;
}

static bool
parse_identifier(const uint8_t *s, size_t len, char *ret)
{
	if (!path_is_identifier((const char *)s, len))
		return false;
	memcpy(ret, s, len);
	ret[len] = '\0';
	return true;
}

static bool
take(struct path *p, int which, const uint8_t *value, size_t len)
{
	switch (which) {
	case P_CDID:
		return parse_identifier(value, len, p->cdid);
	case P_CUID:
		return parse_identifier(value, len, p->cuid);
	case P_MID:
		return p->has_mid = parse_number(value, len, &p->mid);
	default:
		return p->has_sid = parse_number(value, len, &p->sid);
	}
}

static int
find_parameter(const struct coap_option *o, enum path_resource resource)
{
	for (int i = 0; i < N_PARAMETERS; i++) {
		size_t n = strlen(parameters[i].name);

		if (parameters[i].resource == resource && o->len >= n &&
			!memcmp(o->value, parameters[i].name, n))
			return i;
	}
	return -1;
}

static const char *
unknown_parameter(enum path_resource resource)
{
	size_t i = 0;

	while (resources[i].resource != resource)
		i++;
	return resources[i].unknown;
}

/* One key=value segment; `last` is the parameter before it. NULL or the reason. */
static const char *
parse_parameter(struct path *p, const struct coap_option *o, int *last)
{
	int which = find_parameter(o, p->resource);
	size_t skip;

	if (which < 0)
		return unknown_parameter(p->resource);
	if (which <= *last)
		return parameters[which].misplaced;
	*last = which;
	skip = strlen(parameters[which].name);
	if (o->len == skip)
		return parameters[which].empty;
	if (!take(p, which, o->value + skip, o->len - skip))
		return parameters[which].invalid;
	return which == P_MID && !p->cuid[0]
		       ? "RFC 9132 4.4.1.1: Uri-Path mid without cuid before it"
		       : NULL;
}

static bool
parse_prefix(struct path *p, const struct coap_option *o, unsigned position)
{
	if (position == 0)
		return is_text(o, ".well-known");
	if (position == 1)
		return is_text(o, "dots");
	for (size_t i = 0; i < N_RESOURCES; i++)
		if (is_text(o, resources[i].segment))
			p->resource = resources[i].resource;
	return p->resource != PATH_NONE;
}

static void
parse_query(struct path *p, const struct coap_option *o)
{
	if (o->len == 3 && !memcmp(o->value, "c=", 2) && (o->value[2] == 'c' || o->value[2] == 'n'))
		p->content = (char)o->value[2];
}

int
path_parse(const struct coap_msg *m, struct path *ret, const char **ret_why)
{
	struct path p = {.content = 'a'};
	unsigned position = 0;
	int last = -1;

	for (unsigned i = 0; i < m->n_options; i++) {
		const struct coap_option *o = &m->options[i];
		const char *why = NULL;

		if (o->number == COAP_OPT_URI_QUERY)
			parse_query(&p, o);
		if (o->number != COAP_OPT_URI_PATH)
			continue;
		if (position < 3) {
			if (!parse_prefix(&p, o, position))
				return -ENOENT;
		} else {
			why = parse_parameter(&p, o, &last);
		}
		if (why) {
			*ret_why = why;
			return -EBADMSG;
		}
		position++;
	}
	if (position < 3)
		return -ENOENT;
	*ret = p;
	return 0;
}

void
path_add(struct coap_msg *m, const struct path *p, char storage[static 4 * (PATH_ID_MAX + 8)])
{
	enum { SLOT = PATH_ID_MAX + 8 };
	char *cdid = storage, *cuid = storage + SLOT, *number = storage + 2 * SLOT;

	coap_add_text(m, COAP_OPT_URI_PATH, ".well-known");
	coap_add_text(m, COAP_OPT_URI_PATH, "dots");
	for (size_t i = 0; i < N_RESOURCES; i++)
		if (resources[i].resource == p->resource)
			coap_add_text(m, COAP_OPT_URI_PATH, resources[i].segment);
	if (p->cdid[0]) {
		snprintf(cdid, SLOT, "cdid=%s", p->cdid);
		coap_add_text(m, COAP_OPT_URI_PATH, cdid);
	}
	if (p->cuid[0]) {
		snprintf(cuid, SLOT, "cuid=%s", p->cuid);
		coap_add_text(m, COAP_OPT_URI_PATH, cuid);
	}
	if (p->has_mid || p->has_sid) {
		snprintf(number, SLOT, p->has_mid ? "mid=%u" : "sid=%u",
			p->has_mid ? p->mid : p->sid);
		coap_add_text(m, COAP_OPT_URI_PATH, number);
	}
	if (p->content == 'c' || p->content == 'n')
		coap_add_text(m, COAP_OPT_URI_QUERY, p->content == 'c' ? "c=c" : "c=n");
}
