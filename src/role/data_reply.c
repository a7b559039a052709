#include "role/data_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "wire/data.h"

enum { HREF_MAX = 256 };

static bool
cannot(char *why, size_t cap, const char *text)
{
	snprintf(why, cap, "%s", text);
	return false;
}

/* ---- errors ---------------------------------------------------------------------------------- */

static const json_t *
first_error(const json_t *body)
{
	return json_array_get(
		json_object_get(json_object_get(body, "ietf-restconf:errors"), "error"), 0);
}

const char *
data_reply_reason(const struct web_answer *a, char *buf, size_t cap)
{
	json_t *j = a->status ? json_loadb(a->body, a->len, 0, NULL) : NULL;
	const json_t *e = first_error(j);
	const char *tag = json_string_value(json_object_get(e, "error-tag"));
	const char *text = json_string_value(json_object_get(e, "error-message"));

	if (!a->status)
		snprintf(buf, cap, "no answer: %.200s", a->why);
	else
		snprintf(buf, cap, "the server says %u%s%.40s%s%.150s", a->status, tag ? " " : "",
			tag ? tag : "", text ? ": " : "", text ? text : "");
	json_decref(j);
	return buf;
}

void
data_reply_tag(const struct web_answer *a, char ret[static RESTCONF_TAG_MAX])
{
	json_t *j = a->status ? json_loadb(a->body, a->len, 0, NULL) : NULL;
	const char *tag = json_string_value(json_object_get(first_error(j), "error-tag"));

	snprintf(ret, RESTCONF_TAG_MAX, "%s", tag ? tag : "");
	json_decref(j);
}

/* RFC 9110 15.5: 401 is about who we are, 408 and 429 about when. 508 is about the way that this
 * one has gone (RFC 8783 3.4). */
bool
data_reply_passes(const struct web_answer *a)
{
	return a->status < 400 || (a->status >= 500 && a->status != 508) || a->status == 401 ||
	       a->status == 408 || a->status == 429;
}

/* ---- root ------------------------------------------------------------------------------------ */

/* The value of an attribute of the element that is there from `tag` to `end`. */
static bool
attribute(const char *tag, const char *end, const char *name, char *ret, size_t cap)
{
	size_t len = strlen(name);

	for (const char *p = tag; (p = memmem(p, (size_t)(end - p), name, len)); p += len) {
		const char *v = p + len + strspn(p + len, " \t\r\n");
		size_t value;

		if (!strchr(" \t\r\n", p[-1]) || *v != '=')
			continue;
		v += 1 + strspn(v + 1, " \t\r\n");
		if (*v != '"' && *v != '\'')
			continue;
		value = strcspn(v + 1, *v == '"' ? "\"" : "'");
		if (v + 1 + value >= end || value >= cap)
			return false;
		memcpy(ret, v + 1, value);
		ret[value] = '\0';
		return true;
	}
	return false;
}

static bool
is_path(const char *text)
{
	return *text == '/' && text[1] != '/' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "-._~%!$&'()*+,;=:@/") == strlen(text);
}

/* "https://name:port/path" of that server, or a path. NULL: of another one. */
static const char *
path_of(const char *href, const char *name, uint32_t port)
{
	static const char scheme[] = "https://";
	char authority[HREF_MAX + 16];
	const char *path;
	size_t len;

	if (*href == '/' && href[1] != '/')
		return href;
	if (strncasecmp(href, scheme, strlen(scheme)) != 0)
		return NULL;
	href += strlen(scheme);
	path = href + strcspn(href, "/");
	len = (size_t)(path - href);
	snprintf(authority, sizeof(authority), "%.200s:%u", name, port);
	if (strlen(authority) == len && !strncasecmp(href, authority, len))
		return path;
	return port == 443 && strlen(name) == len && !strncasecmp(href, name, len) ? path : NULL;
}

char *
data_reply_root(const struct web_answer *a, const char *name, uint32_t port, char *why, size_t cap)
{
	char href[HREF_MAX] = "", rel[HREF_MAX];
	const char *path, *p, *end;
	size_t len;

	for (p = a->body; (p = strstr(p, "<Link")); p = end) {
		end = p + strcspn(p, ">");
		if (attribute(p, end, "rel", rel, sizeof(rel)) && !strcmp(rel, "restconf"))
			break;
	}
	if (!p || !attribute(p, end, "href", href, sizeof(href))) {
		cannot(why, cap, "host-meta names no root of RESTCONF");
		return NULL;
	}
	path = path_of(href, name, port);
	if (!path || (*path && !is_path(path))) {
		snprintf(why, cap, "host-meta leads to %.150s, which is %s", href,
			path ? "no path" : "another server");
		return NULL;
	}
	len = strlen(path);
	return len ? mem_printf("%.*s", (int)(len - (path[len - 1] == '/')), path) : mem_text("");
}

/* ---- what is on record ----------------------------------------------------------------------- */

/* By its plain name, or with the module in front (RFC 7951 4). */
static json_t *
member(const json_t *object, const char *name)
{
	char qualified[64];
	json_t *value = json_object_get(object, name);

	snprintf(qualified, sizeof(qualified), DATA_MODULE ":%s", name);
	return value ? value : json_object_get(object, qualified);
}

json_t *
data_reply_client(const struct web_answer *a, char *why, size_t cap)
{
	struct restconf_error err = {0};
	json_t *j = yang_parse(a->body, a->len, &err), *client;

	if (!j) {
		cannot(why, cap, err.why);
		return NULL;
	}
	client = member(j, "dots-client");
	if (json_is_array(client))
		client = json_array_get(client, 0);
	if (json_is_object(client))
		json_incref(client);
	else
		client = NULL;
	json_decref(j);
	if (!client)
		cannot(why, cap, "the answer has no dots-client in it");
	return client;
}

/* A copy without state. */
static json_t *
configured(const json_t *entry, enum share_kind kind)
{
	json_t *copy = json_deep_copy(entry), *ace, *known;
	struct restconf_error err = {0};
	size_t i;

	json_object_del(copy, "pending-lifetime");
	json_array_foreach(json_object_get(json_object_get(copy, "aces"), "ace"), i, ace)
		json_object_del(ace, "statistics");
	known = json_deep_copy(copy);
	if (yang_check(kind == SHARE_ALIAS ? data_alias : data_acl, known, &err)) {
		json_decref(copy);
		return known;
	}
	json_decref(known);
	return copy;
}

void
data_reply_entries(const json_t *client, enum share_kind kind,
	void (*visit)(void *arg, const char *name, int64_t lifetime, json_t *entry), void *arg)
{
	const json_t *list =
		member(member(client, kind == SHARE_ALIAS ? "aliases" : "acls"), share_kinds[kind]);
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		const json_t *left = json_object_get(entry, "pending-lifetime");
		json_t *copy;

		if (!name || i >= SHARES_MAX)
			continue;
		copy = configured(entry, kind);
		visit(arg, name, json_is_integer(left) ? json_integer_value(left) : INT64_MAX,
			copy);
		json_decref(copy);
	}
}
