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
#include "daemon/record_text.h"

enum { FILE_MAX = 1 << 24 };

struct reading {
	struct options *options;
	const struct draft *draft;
	struct config *config;
	const char *path;     /* of the file that is read just now */
	struct map *names[2]; /* of what is there, by kind */
};

static void
add_record(void *arg, enum share_kind kind, json_t *entry)
{
	struct reading *r = arg;
	struct config *c = r->config;
	struct share_wish w = {.kind = kind, .entry = entry};
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
	char why[RECORD_WHY_MAX] = "";
	size_t len = 0;
	char *text = read_file(r->path, &len, why, sizeof(why));

	if (!text || !record_text_read(text, len, add_record, r, why, sizeof(why)))
		options_problem(r->options, true, options_spot(r->options, r->draft, "data-files"),
			"%s: %s, expected aliases and acls of RFC 8783", r->path, why);
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
