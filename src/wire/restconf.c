/*
 * RESTCONF errors (RFC 8040 7) and media types (RFC 8040 5.2, RFC 9110 12.5.1).
 */
#include "wire/restconf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/event.h"

/* RFC 8040 7. */
static const char *const tags[] = {
	[RESTCONF_IN_USE] = "in-use",
	[RESTCONF_INVALID_VALUE] = "invalid-value",
	[RESTCONF_TOO_BIG] = "too-big",
	[RESTCONF_MISSING_ATTRIBUTE] = "missing-attribute",
	[RESTCONF_BAD_ATTRIBUTE] = "bad-attribute",
	[RESTCONF_UNKNOWN_ATTRIBUTE] = "unknown-attribute",
	[RESTCONF_BAD_ELEMENT] = "bad-element",
	[RESTCONF_UNKNOWN_ELEMENT] = "unknown-element",
	[RESTCONF_UNKNOWN_NAMESPACE] = "unknown-namespace",
	[RESTCONF_ACCESS_DENIED] = "access-denied",
	[RESTCONF_RESOURCE_DENIED] = "resource-denied",
	[RESTCONF_OPERATION_NOT_SUPPORTED] = "operation-not-supported",
	[RESTCONF_OPERATION_FAILED] = "operation-failed",
	[RESTCONF_MALFORMED_MESSAGE] = "malformed-message",
};

bool
restconf_refuse(
	struct restconf_error *ret, unsigned status, enum restconf_tag tag, const char *fmt, ...)
{
	char why[2 * RESTCONF_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	*ret = (struct restconf_error){.status = status, .tag = tag};
	/* It may quote the peer, cut in the middle of a character. */
	event_escape(ret->why, sizeof(ret->why), why, strlen(why));
	return false;
}

enum restconf_tag
restconf_tag_named(const char *name)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (!strcmp(tags[i], name))
			return (enum restconf_tag)i;
	return RESTCONF_OPERATION_FAILED;
}

json_t *
restconf_error_body(const struct restconf_error *e, json_t *info)
{
	json_t *error = json_object();

	json_object_set_new(
		error, "error-type", json_string(e->transport ? "transport" : "application"));
	json_object_set_new(error, "error-tag", json_string(tags[e->tag]));
	if (e->app_tag)
		json_object_set_new(error, "error-app-tag", json_string(e->app_tag));
	if (e->path[0])
		json_object_set_new(error, "error-path", json_string(e->path));
	if (e->why[0])
		json_object_set_new(error, "error-message", json_string(e->why));
	if (info)
		json_object_set_new(error, "error-info", info);
	return json_pack("{s:{s:[o]}}", "ietf-restconf:errors", "error", error);
}

/* ---- media types ---- */

/* RFC 9110 5.6.3. */
static size_t
skip_space(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	return i;
}

static size_t
without_space(const char *s, size_t len)
{
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return len;
}

/* The media type or range in front of its parameters. */
static bool
is_type(const char *s, size_t len, const char *type)
{
	const char *semicolon = memchr(s, ';', len);
	size_t n = without_space(s, semicolon ? (size_t)(semicolon - s) : len);

	return n == strlen(type) && !strncasecmp(s, type, n);
}

bool
restconf_media_is_json(const char *content_type)
{
	size_t len, skip;

	if (!content_type)
		return false;
	len = strlen(content_type);
	skip = skip_space(content_type, len);
	return is_type(content_type + skip, len - skip, "application/yang-data+json") ||
	       is_type(content_type + skip, len - skip, "application/json");
}

/* A weight of 0, however it is written (RFC 9110 12.4.2). */
static bool
is_refused(const char *s, size_t len)
{
	const char *end = s + len;

	while ((s = memchr(s, ';', (size_t)(end - s)))) {
		s++;
		s += skip_space(s, (size_t)(end - s));
		if (strncasecmp(s, "q=0", 3) != 0)
			continue;
		for (s += 3; s < end && (*s == '.' || *s == '0'); s++)
			;
		return s == end || *s == ';' || *s == ' ' || *s == '\t';
	}
	return false;
}

bool
restconf_accepts(const char *accept, bool xrd)
{
	/* The most specific range decides (RFC 9110 12.5.1). */
	const char *const ranges[] = {
		"*/*", "application/*", xrd ? "application/xrd+xml" : "application/yang-data+json"};
	size_t best = 0; /* 1 + its index */
	bool accepted = false, any = false;

	for (const char *s = accept ? accept : ""; *s; s += *s == ',') {
		size_t len, skip;

		s += skip_space(s, strlen(s));
		len = strcspn(s, ",");
		skip = without_space(s, len);
		any = any || skip;
		for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
			if (i + 1 >= best && is_type(s, skip, ranges[i])) {
				accepted = (best == i + 1 && accepted) || !is_refused(s, skip);
				best = i + 1;
			}
		s += len;
	}
	return any ? accepted : true;
}
