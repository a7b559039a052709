/*
 * What is on record at the server, compared with what is to be: what is due to be written, what is
 * doomed, whether ACLs are in their order.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "role/data_channel_private.h"
#include "role/data_reply.h"

/* Of what the server has. */
struct inspection {
	struct data_channel *channel;
	enum share_kind kind;
	bool confirming; /* what we have just written: so is how this server shows it */
	size_t next;     /* ACL that should come now */
};

bool
data_look_is_wanted(const struct data_record *r)
{
	return r->state != DATA_RECORD_REFUSED;
}

static void
check_order(struct inspection *in, const struct data_record *r)
{
	struct data_channel *c = in->channel;

	while (in->next < c->n_records && !data_look_is_wanted(&c->records[in->next]))
		in->next++;
	if (in->next >= c->n_records || &c->records[in->next] != r)
		c->reordering = true;
	in->next++;
}

static void
doom(struct data_channel *c, enum share_kind kind, const char *name)
{
	c->doomed = mem_grow(c->doomed, c->n_doomed + 1, sizeof(*c->doomed));
	c->doomed[c->n_doomed++] = (struct doomed){kind, mem_text(name)};
}

void
data_look_forget(struct data_channel *c)
{
	while (c->n_doomed)
		free(c->doomed[--c->n_doomed].name);
	free(c->doomed);
	c->doomed = NULL;
}

enum activation_type
data_look_controlled(const struct data_channel *c, const struct data_record *r)
{
	if (r->kind != SHARE_ACL)
		return 0;
	return c->setup.controlled(
		c->setup.arg, c->holder, c->setup.domain, data_channel_name_of(r));
}

json_t *
data_look_with_type(json_t *entry, enum activation_type type)
{
	json_t *j = type ? json_copy(entry) : json_incref(entry);

	if (type)
		json_object_set_new(
			j, "activation-type", json_string(activation_type_name((int)type)));
	return j;
}

/* While it is controlled by signal its activation-type is none of ours (RFC 9133 3.1). */
static bool
is_as(json_t *there, json_t *entry, enum activation_type type)
{
	json_t *a = data_look_with_type(there, type);
	json_t *b = entry ? data_look_with_type(entry, type) : NULL;
	bool equal = json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return equal;
}

static void
compare(struct inspection *in, struct data_record *r, json_t *there)
{
	enum activation_type type = data_look_controlled(in->channel, r);

	if (in->confirming) {
		if (type) /* it is shown with the type of now: what was seen before stands */
			return;
		json_decref(r->seen);
		r->seen = json_incref(there);
	} else {
		r->due = data_look_is_wanted(r) && !is_as(there, r->entry, type) &&
			 !is_as(there, r->seen, type);
		if (data_look_is_wanted(r) && !r->due)
			r->state = DATA_RECORD_PLACED;
	}
}

/* The entry as it is configured: ours, another, or none of ours. */
static void
inspect(void *arg, const char *name, int64_t lifetime, json_t *there)
{
	struct inspection *in = arg;
	struct data_channel *c = in->channel;
	struct data_record *r = data_channel_record(c, in->kind, name);

	if (!r) {
		if (!in->confirming)
			doom(c, in->kind, name);
		return;
	}
	r->there = true;
	if (data_look_is_wanted(r) && lifetime < c->least)
		c->least = lifetime;
	compare(in, r, there);
	if (in->kind == SHARE_ACL && data_look_is_wanted(r))
		check_order(in, r);
}

static bool
misses_acl(const struct inspection *in)
{
	const struct data_channel *c = in->channel;

	for (size_t i = in->next; i < c->n_records; i++)
		if (data_look_is_wanted(&c->records[i]))
			return true;
	return false;
}

bool
data_look_at(struct data_channel *c, const struct web_answer *a, bool confirming)
{
	char why[DATA_REPLY_MAX], reason[REASON_MAX];
	json_t *client = a ? data_reply_client(a, why, sizeof(why)) : json_object();
	struct inspection in = {c, SHARE_ALIAS, confirming, 0};

	if (!client) {
		snprintf(reason, sizeof(reason), "RFC 8783 6.3: %s", why);
		data_round_fail(c, reason);
		return false;
	}
	c->looked = true;
	c->least = INT64_MAX;
	c->reordering = false;
	for (size_t i = 0; !confirming && i < c->n_records; i++) {
		c->records[i].due = data_look_is_wanted(&c->records[i]);
		c->records[i].there = false;
	}
	data_reply_entries(client, SHARE_ALIAS, inspect, &in);
	in.kind = SHARE_ACL;
	in.next = c->n_aliases;
	data_reply_entries(client, SHARE_ACL, inspect, &in);
	c->reordering = c->reordering || misses_acl(&in);
	json_decref(client);
	return true;
}
