/*
 * Aliases and filters of our own that go to the data channels of providers (`data-files`, RFC
 * 8783): how the files are read, and what is wrong with them and with the channels.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "daemon/config_table.h"
#include "wire/data.h"

enum { FILE_MAX = 1 << 24 };

struct reading {
	struct options *options;
	const struct draft *draft;
	struct config *config;
	const char *path;     /* of the file that is read just now */
	struct map *names[2]; /* of what is there, by kind */
};

static void
add_record(struct reading *r, enum share_kind kind, json_t *entry)
{
	struct config *c = r->config;
	struct share_wish w = {kind, entry};
	const char *name = share_name(&w);

	if (map_get(r->names[kind], name, strlen(name))) {
		options_problem(r->options, true, options_spot(r->options, r->draft, "data-files"),
			"%s: %s %.64s stands there twice, expected names that tell them apart",
			r->path, share_kinds[kind], name);
		return;
	}
	map_set(r->names[kind], name, strlen(name), entry);
	c->records = mem_grow(c->records, c->n_records + 1, sizeof(*c->records));
	json_incref(entry);
	c->records[c->n_records++] = w;
}

/* {"ietf-dots-data-channel:aliases": {…}} alone is a body of that container. */
static bool
read_container(struct reading *r, const char *member, json_t *value, struct restconf_error *err)
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
			add_record(r, (enum share_kind)kind, entry);
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
read_records(struct reading *r)
{
	struct restconf_error err = {0};
	char why[RESTCONF_WHY_MAX] = "";
	size_t len = 0;
	char *text = read_file(r->path, &len, why, sizeof(why));
	json_t *all = text ? yang_parse(text, len, &err) : NULL, *value;
	const char *member;

	if (all && !json_is_object(all))
		restconf_refuse(
			&err, 400, RESTCONF_INVALID_VALUE, "RFC 8783 4.3: the whole is no object");
	if (all)
		json_object_foreach(
			all, member, value) if (!read_container(r, member, value, &err)) break;
	if (err.status)
		snprintf(why, sizeof(why), "%s", err.why);
	if (*why)
		options_problem(r->options, true, options_spot(r->options, r->draft, "data-files"),
			"%s: %s%s%s, expected aliases and acls of RFC 8783", r->path, why,
			*err.path ? " at " : "", err.path);
	json_decref(all);
	free(text);
}

static void
read_files(struct options *o, const struct draft *d, struct config *c)
{
	struct reading r = {.options = o,
		.draft = d,
		.config = c,
		.names = {[SHARE_ALIAS] = map_new(), [SHARE_ACL] = map_new()}};

	for (size_t i = 0; i < d->n_data_files; i++) {
		r.path = d->data_files[i];
		read_records(&r);
	}
	map_free(r.names[SHARE_ALIAS]);
	map_free(r.names[SHARE_ACL]);
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
	read_files(o, d, c);
	if (d->n_data_files && !any)
		options_problem(o, true, options_spot(o, d, "data-files"),
			"data-files, and no domain has a data-channel, expected where they go");
	if (c->n_records > SHARES_MAX)
		options_problem(o, true, options_spot(o, d, "data-files"),
			"%zu aliases and ACLs, expected at most %d", c->n_records, SHARES_MAX);
}
