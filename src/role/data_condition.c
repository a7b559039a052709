/*
 * Conditional requests of the data channel (RFC 9110 13; RFC 8040 3.4.1, 3.5.1, 3.5.2): entity tags
 * and dates of configuration; state changes neither.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "role/data_state.h"

enum { MS = 1000 };

void
data_etag(const struct data_version *v, char ret[static DATA_ETAG_MAX])
{
	snprintf(ret, DATA_ETAG_MAX, "\"%llx\"", (unsigned long long)v->number);
}

void
data_date(wall_ms at, char ret[static DATA_DATE_MAX])
{
	time_t t = at / MS;
	struct tm tm;

	strftime(ret, DATA_DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
}

/* False: it is no date, the field is ignored (RFC 9110 13.1.3, 13.1.4). */
static bool
read_date(const char *text, int64_t *ret_s)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (!end || *end)
		return false;
	*ret_s = timegm(&tm);
	return true;
}

/* Of all that a client sees: of its registrations together, for that of the datastore would tell it
 * when others change something (RFC 8040 12). It has no time: a registration that is gone leaves
 * none. */
static struct data_version
version_of_all(const struct data_request *r)
{
	const struct data_client *dc = NULL;
	struct data_version v = {.number = 14695981039346656037ULL}; /* FNV-1a */

	while ((dc = data_next(r->server->data, r->client->name, dc)))
		v.number = (v.number ^ dc->version.number) * 1099511628211ULL;
	return v;
}

/* Of several elements those of the first would have to be told (RFC 8040 4.3), which say nothing of
 * the others: a list has none. */
bool
data_version_of(const struct data_request *r, struct data_version *ret)
{
	static const struct data_version none = {0};

	switch (r->place) {
	case PLACE_STORE:
	case PLACE_DOTS_DATA:
		*ret = version_of_all(r);
		return true;
	case PLACE_CLIENTS:
		*ret = none;
		return true;
	case PLACE_CLIENT:
	case PLACE_KEY:
		if (r->dc)
			*ret = r->dc->version;
		return r->dc != NULL;
	case PLACE_LIST:
		*ret = none;
		return r->dc != NULL;
	case PLACE_CONTAINER:
		if (r->dc)
			*ret = r->kind == DATA_ALIAS ? r->dc->aliases_version : r->dc->acls_version;
		return r->dc != NULL;
	case PLACE_ENTRY:
		if (r->entry)
			*ret = r->entry->version;
		return r->entry != NULL;
	default:
		return false;
	}
}

/* Whether a list of entity tags names this one; a weak one never does: ours are strong. */
static bool
names_tag(const char *list, const char *tag, bool exists)
{
	size_t len = strlen(tag);

	if (!strcmp(list, "*"))
		return exists;
	for (const char *at = list; exists && len && (at = strstr(at, tag)); at += len)
		if (at == list || at[-1] == ',' || at[-1] == ' ' || at[-1] == '\t')
			return true;
	return false;
}

static bool
is_read(const struct data_request *r)
{
	return r->head || !strcmp(r->http->method, "GET");
}

unsigned
data_condition(struct data_request *r)
{
	const char *match = https_header(r->ex, "If-Match");
	const char *none = https_header(r->ex, "If-None-Match");
	const char *unmodified = https_header(r->ex, "If-Unmodified-Since");
	const char *modified = https_header(r->ex, "If-Modified-Since");
	struct data_version v = {0};
	bool exists = data_version_of(r, &v);
	char tag[DATA_ETAG_MAX];
	int64_t since;

	data_etag(&v, tag);
	if (!v.number)
		tag[0] = '\0';
	if (match && !names_tag(match, tag, exists))
		return 412;
	if (!match && unmodified && v.changed && read_date(unmodified, &since) &&
		v.changed / MS > since)
		return 412;
	if (none && names_tag(none, tag, exists))
		return is_read(r) ? 304 : 412;
	if (!none && modified && is_read(r) && v.changed && read_date(modified, &since) &&
		v.changed / MS <= since)
		return 304;
	return 0;
}
