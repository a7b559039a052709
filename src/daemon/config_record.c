/*
 * Aliases and filters of our own that go to the data channels of providers (`data-files`, RFC
 * 8783): how the files are read, and what is wrong with them and with the channels.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/config_table.h"
#include "wire/data.h"

enum { FILE_MAX = 1 << 24, RECORDS_MAX = 10000 };

static void
add_record(struct options *o, const struct draft *d, struct config *c, const char *path,
	enum share_kind kind, json_t *entry)
{
	struct share_wish w = {kind, entry};

	for (size_t i = 0; i < c->n_records; i++)
		if (c->records[i].kind == kind &&
			!strcmp(share_name(&c->records[i]), share_name(&w))) {
			options_problem(o, true, options_spot(o, d, "data-files"),
				"%s: %s %.64s stands there twice, expected names that tell them "
				"apart",
				path, share_kinds[kind], share_name(&w));
			return;
		}
	c->records = mem_grow(c->records, c->n_records + 1, sizeof(*c->records));
	json_incref(entry);
	c->records[c->n_records++] = w;
}

/* {"ietf-dots-data-channel:aliases": {…}} alone is a body of that container. */
static bool
read_container(struct options *o, const struct draft *d, struct config *c, const char *path,
	const char *member, json_t *value, struct restconf_error *err)
{
	static const struct {
		const char *name, *list;
		const struct yang_node *const *node;
	} known[] = {[SHARE_ALIAS] = {DATA_MODULE ":aliases", "alias", &data_aliases},
		[SHARE_ACL] = {DATA_MODULE ":acls", "acl", &data_acls}};
	json_t *body, *container = NULL, *entry;
	size_t kind = 0, i;

	while (kind < sizeof(known) / sizeof(*known) && strcmp(known[kind].name, member) != 0)
		kind++;
	if (kind == sizeof(known) / sizeof(*known))
		return restconf_refuse(err, 400, RESTCONF_UNKNOWN_ELEMENT,
			"RFC 8783 4.3: %.80s is neither " DATA_MODULE ":aliases nor " DATA_MODULE
			":acls",
			member);
	body = json_pack("{sO}", member, value);
	if (yang_body(data_client, *known[kind].node, body, &container, err))
		json_array_foreach(json_object_get(container, known[kind].list), i, entry)
			add_record(o, d, c, path, (enum share_kind)kind, entry);
	json_decref(container);
	json_decref(body);
	return !err->status;
}

/* All of it; NULL with `why`. */
static char *
read_file(const char *path, size_t *ret_len, char *why, size_t cap)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;

	*ret_len = 0;
	if (f) {
		text = mem_array(FILE_MAX + 1, 1);
		*ret_len = fread(text, 1, FILE_MAX + 1, f);
	}
	if (!f || ferror(f))
		snprintf(why, cap, "cannot be read: %s", strerror(errno));
	else if (*ret_len > FILE_MAX)
		snprintf(why, cap, "is longer than %d octets", FILE_MAX);
	else
		*why = '\0';
	if (f)
		fclose(f);
	if (*why) {
		free(text);
		return NULL;
	}
	return text;
}

static void
read_records(struct options *o, const struct draft *d, struct config *c, const char *path)
{
	struct restconf_error err = {0};
	char why[RESTCONF_WHY_MAX] = "";
	size_t len = 0;
	char *text = read_file(path, &len, why, sizeof(why));
	json_t *all = text ? yang_parse(text, len, &err) : NULL, *value;
	const char *member;

	if (all && !json_is_object(all))
		restconf_refuse(
			&err, 400, RESTCONF_INVALID_VALUE, "RFC 8783 4.3: the whole is no object");
	if (all)
		json_object_foreach(all, member,
			value) if (!read_container(o, d, c, path, member, value, &err)) break;
	if (err.status)
		snprintf(why, sizeof(why), "%s", err.why);
	if (*why)
		options_problem(o, true, options_spot(o, d, "data-files"),
			"%s: %s%s%s, expected aliases and acls of RFC 8783", path, why,
			*err.path ? " at " : "", err.path);
	json_decref(all);
	free(text);
}

static void
check_channel(struct options *o, const struct draft_domain *dd, const struct domain *d)
{
	struct spot spot = options_spot(o, dd, "data-channel");

	if (!options_given(o, dd, "data-channel"))
		return;
	if (!d->data.name || !d->data.address.family)
		options_problem(o, true, spot,
			"data-channel of %s without name or address, expected both of its server",
			d->name);
	if (!d->credentials.certificate)
		options_problem(o, true, spot,
			"data-channel of %s without a certificate, expected one under its "
			"`credentials` (RFC 8040 2.5)",
			d->name);
}

void
config_check_records(struct options *o, const struct draft *d, struct config *c)
{
	bool any = false;

	for (size_t i = 0; i < c->homing->n_domains; i++) {
		check_channel(o, draft_domain(d, i), &c->homing->domains[i]);
		any = any || c->homing->domains[i].data.name;
	}
	for (size_t i = 0; i < d->n_data_files; i++)
		read_records(o, d, c, d->data_files[i]);
	if (d->n_data_files && !any)
		options_problem(o, true, options_spot(o, d, "data-files"),
			"data-files, and no domain has a data-channel, expected where they go");
	if (c->n_records > RECORDS_MAX)
		options_problem(o, true, options_spot(o, d, "data-files"),
			"%zu aliases and ACLs, expected at most %d", c->n_records, RECORDS_MAX);
}
