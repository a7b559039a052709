#include "daemon/record_text.h"

#include <stdio.h>
#include <string.h>

#include "core/acl.h"
#include "wire/data.h"

/* {"ietf-dots-data-channel:aliases": {…}} alone is a body of that container. */
static const struct {
	const char *name, *list;
	const struct yang_node *const *container, *const *entry;
} known[] = {[SHARE_ALIAS] = {DATA_MODULE ":aliases", "alias", &data_aliases, &data_alias},
	[SHARE_ACL] = {DATA_MODULE ":acls", "acl", &data_acls, &data_acl}};
enum { N_KNOWN = sizeof(known) / sizeof(*known) };

struct reading {
	void (*visit)(void *arg, enum share_kind kind, json_t *entry);
	void *arg;
	struct restconf_error err;
};

static bool
read_container(struct reading *r, const char *member, json_t *value)
{
	json_t *body, *container = NULL, *entry;
	size_t kind = 0, i;

	while (kind < N_KNOWN && strcmp(known[kind].name, member) != 0)
		kind++;
	if (kind == N_KNOWN)
		return restconf_refuse(&r->err, 400, RESTCONF_UNKNOWN_ELEMENT,
			"RFC 8783 4.3: %.80s is neither " DATA_MODULE ":aliases nor " DATA_MODULE
			":acls",
			member);
	body = json_pack("{sO}", member, value);
	if (yang_body(data_client, *known[kind].container, body, &container, &r->err))
		json_array_foreach(json_object_get(container, known[kind].list), i, entry) {
			if (kind == SHARE_ACL && !acl_pairs(entry, &r->err))
				break;
			r->visit(r->arg, (enum share_kind)kind, entry);
		}
	json_decref(container);
	json_decref(body);
	return !r->err.status;
}

bool
record_text_read(const char *text, size_t len,
	void (*visit)(void *arg, enum share_kind kind, json_t *entry), void *arg, char *why,
	size_t cap)
{
	struct reading r = {.visit = visit, .arg = arg};
	json_t *all = yang_parse(text, len, &r.err), *value;
	const char *member;

	if (all && !json_is_object(all))
		restconf_refuse(&r.err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8783 4.3: the whole is no object");
	if (all)
		json_object_foreach(all, member, value)
			if (!read_container(&r, member, value))
				break;
	if (r.err.status)
		snprintf(why, cap, "%s%s%s", r.err.why, *r.err.path ? " at " : "", r.err.path);
	json_decref(all);
	return !r.err.status;
}

char *
record_text_write(enum share_kind kind, json_t *entry)
{
	json_t *whole =
		yang_envelope(*known[kind].container, *known[kind].entry, json_incref(entry));
	char *text = json_dumps(whole, JSON_COMPACT);

	json_decref(whole);
	return text;
}
