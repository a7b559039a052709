/*
 * Query parameters (RFC 8040 4.8).
 */
#include <stdlib.h>
#include <string.h>

#include "wire/restconf_text.h"

struct word {
	const char *text;
	int value;
};

static const struct word contents[] = {
	{"all", CONTENT_ALL},
	{"config", CONTENT_CONFIG},
	{"nonconfig", CONTENT_NONCONFIG},
	{"non-config", CONTENT_NONCONFIG},
	{NULL, 0},
};
static const struct word inserts[] = {
	{"first", INSERT_FIRST},
	{"last", INSERT_LAST},
	{"before", INSERT_BEFORE},
	{"after", INSERT_AFTER},
	{NULL, 0},
};
static const struct word modes[] = {
	{"explicit", DEFAULTS_EXPLICIT},
	{"report-all", DEFAULTS_REPORT_ALL},
	{"trim", DEFAULTS_TRIM},
	{NULL, 0},
};

static const struct parameter {
	const char *name, *section;
	unsigned bit;
	const struct word *words; /* NULL: no such list */
} parameters[] = {
	{"content", "4.8.1", QUERY_CONTENT, contents},
	{"depth", "4.8.2", QUERY_DEPTH, NULL},
	{"fields", "4.8.3", QUERY_FIELDS, NULL},
	{"insert", "4.8.5", QUERY_INSERT, inserts},
	{"point", "4.8.6", QUERY_POINT, NULL},
	{"with-defaults", "4.8.9", QUERY_DEFAULTS, modes},
};
enum { N_PARAMETERS = sizeof(parameters) / sizeof(parameters[0]) };

static bool
refuse(struct restconf_error *err, const char *section, const char *name, const char *why)
{
	return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE, "RFC 8040 %s: query %.60s: %s",
		section, name, why);
}

static const struct word *
find_word(const struct word *words, const char *text)
{
	for (const struct word *w = words; w->text; w++)
		if (!strcmp(w->text, text))
			return w;
	return NULL;
}

static bool
take_depth(const char *value, struct restconf_query *q)
{
	size_t digits = strspn(value, "0123456789");

	q->depth = 0;
	if (!strcmp(value, "unbounded"))
		return true;
	if (!digits || digits > 5 || value[digits])
		return false;
	q->depth = (uint32_t)strtoul(value, NULL, 10);
	return q->depth >= 1 && q->depth <= 65535;
}

/* In the format of a request target, with or without {+restconf}/data (RFC 8040 B.3.5 is without).
 */
static bool
take_point(struct arena *a, const char *value, const char *root, struct restconf_query *q,
	struct restconf_error *err)
{
	const char *below = restconf_below(value, root);

	below = below ? restconf_below(below, "/data") : NULL;
	q->point = (struct restconf_path){.resource = RESTCONF_DATA};
	if (!restconf_segments(a, below ? below : value, &q->point, err))
		return refuse(err, "4.8.6", "point", "is no path of a data resource");
	return q->point.n > 0 || refuse(err, "4.8.6", "point", "is no path of a data resource");
}

static bool
take(struct arena *a, const struct parameter *p, const char *value, const char *root,
	struct restconf_query *q, struct restconf_error *err)
{
	const struct word *w = p->words ? find_word(p->words, value) : NULL;
	int word = w ? w->value : 0;

	if (p->words && !w)
		return refuse(err, p->section, p->name, "is no value that it may have");
	switch (p->bit) {
	case QUERY_CONTENT:
		q->content = (enum restconf_content)word;
		return true;
	case QUERY_INSERT:
		q->insert = (enum restconf_insert)word;
		return true;
	case QUERY_DEFAULTS:
		q->defaults = (enum restconf_defaults)word;
		return true;
	case QUERY_DEPTH:
		return take_depth(value, q) ||
		       refuse(err, p->section, p->name, "is not unbounded or in 1..65535");
	case QUERY_FIELDS:
		q->fields = value;
		return *value || refuse(err, p->section, p->name, "is empty");
	default:
		return take_point(a, value, root, q, err);
	}
}

static bool
parse_one(struct arena *a, const char *raw, size_t len, const char *root, unsigned allowed,
	struct restconf_query *q, struct restconf_error *err)
{
	const char *equals = memchr(raw, '=', len), *why = "has no value", *value = NULL;
	const char *name = restconf_decode(a, raw, equals ? (size_t)(equals - raw) : len, &why);
	const struct parameter *p = NULL;

	if (name && equals)
		value = restconf_decode(a, equals + 1, (size_t)(raw + len - equals - 1), &why);
	for (size_t i = 0; name && i < N_PARAMETERS; i++)
		if (!strcmp(parameters[i].name, name))
			p = &parameters[i];
	if (!name)
		return refuse(err, "4.8", "", why);
	if (!p || !(p->bit & allowed))
		return refuse(err, "4.8", name, "is not expected here");
	if (!value)
		return refuse(err, p->section, name, why);
	if (q->has & p->bit)
		return refuse(err, "4.8", name, "is given twice");
	q->has |= p->bit;
	return take(a, p, value, root, q, err);
}

bool
restconf_query_parse(struct arena *a, const char *raw, const char *root, unsigned allowed,
	struct restconf_query *ret, struct restconf_error *err)
{
	bool wants_point;

	*ret = (struct restconf_query){.fields = ""};
	for (const char *s = raw && *raw ? raw : NULL; s;) {
		size_t len = strcspn(s, "&");

		if (!parse_one(a, s, len, root, allowed, ret, err))
			return false;
		s = s[len] ? s + len + 1 : NULL;
	}
	wants_point = ret->insert == INSERT_BEFORE || ret->insert == INSERT_AFTER;
	if (wants_point && !(ret->has & QUERY_POINT))
		return refuse(err, "4.8.5", "insert", "before and after need a point");
	if (!wants_point && ret->has & QUERY_POINT)
		return refuse(err, "4.8.6", "point", "is only for insert before and after");
	return true;
}
