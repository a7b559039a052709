/*
 * Filters controlled by signal (RFC 9133), as the client: which ACLs are on record at a domain, and
 * under which names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_upstream_private.h"

/* What an asker has there, or is to have. */
static const struct data_record *
record_of(const struct data_upstream *u, uint32_t domain, const char *asker, const char *acl,
	const struct data_channel **ret)
{
	const struct asker *a = data_asker_find(u, asker);
	const struct item *it = a ? data_asker_find_item(a, SHARE_ACL, acl) : NULL;
	size_t at = data_upstream_link_of(u, domain);
	const struct data_record *r;
	char *name;

	*ret = a && at < u->n_links ? a->holder->channels[at] : NULL;
	if (!*ret || !it)
		return NULL;
	name = mem_printf("%s%s", it->name, a->tag); /* what has just changed is not planned yet */
	r = data_channel_find(*ret, SHARE_ACL, name);
	free(name);
	return r;
}

/* What has become something else here, by this very signal, too, is still there by its name. After
 * a start in the middle of an attack nobody can be asked what is on record. What is to be there
 * most likely is; where it is not the server says so. */
static const char *
acl_of(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	const struct data_channel *c;
	const struct data_record *r = record_of(arg, domain, asker, acl, &c);

	return r && r->state != DATA_RECORD_REFUSED && (r->there || !data_channel_has_looked(c))
		       ? data_asker_name_there(r->entry)
		       : NULL;
}

static bool
lets_pass(const json_t *acl)
{
	const json_t *ace, *aces = json_object_get(json_object_get(acl, "aces"), "ace");
	size_t i;

	json_array_foreach(aces, i, ace) {
		const char *to = json_string_value(
			json_object_get(json_object_get(ace, "actions"), "forwarding"));

		if (to && !strcmp(to, "accept"))
			return true;
	}
	return false;
}

static struct data_channel *
our_channel(const struct data_upstream *u, uint32_t domain)
{
	const struct asker *us = data_asker_find(u, "");
	size_t at = data_upstream_link_of(u, domain);

	return us && at < u->n_links ? us->holder->channels[at] : NULL;
}

static const char *
accepting(void *arg, uint32_t domain, size_t n)
{
	const struct data_channel *c = our_channel(arg, domain);
	size_t n_records = 0;
	const struct data_record *r = c ? data_channel_records(c, &n_records) : NULL;

	for (size_t i = 0; i < n_records; i++)
		if (!*r[i].asker && r[i].kind == SHARE_ACL && r[i].state == DATA_RECORD_PLACED &&
			lets_pass(r[i].entry) && n-- == 0)
			return data_asker_name_there(r[i].entry);
	return NULL;
}

/* Of whomever. */
static void
missing(void *arg, uint32_t domain)
{
	const struct data_upstream *u = arg;
	size_t at = data_upstream_link_of(u, domain);
	const struct holder *h;

	TAILQ_FOREACH(h, &u->holders, entry)
		if (at < u->n_links && h->channels[at])
			data_channel_look(h->channels[at]);
}

void
data_filter_tell(struct data_upstream *u)
{
	dots_client_on_acl(u->client, &(struct client_records){{acl_of, accepting, u}, missing});
	for (uint32_t d = 0; d < u->setup.homing->n_domains; d++)
		dots_client_recorded(u->client, d);
}
