#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_channel_private.h"

/* ---- what is to be there --------------------------------------------------------------------- */

const char *
data_channel_behalf(const struct data_channel *c)
{
	return *c->holder ? c->holder : NULL;
}

const char *
data_channel_name_of(const struct data_record *r)
{
	return json_string_value(json_object_get(r->entry, "name"));
}

struct data_record *
data_channel_record(const struct data_channel *c, enum share_kind kind, const char *name)
{
	return map_get(c->index[kind], name, strlen(name));
}

static void
free_records(struct data_record *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_decref(list[i].entry);
		json_decref(list[i].seen);
		free(list[i].consent);
		free(list[i].why);
		free(list[i].via);
		free(list[i].asker);
		free(list[i].own);
	}
	free(list);
}

static void
keep_state(struct data_channel *c, struct data_record *r)
{
	struct data_record *old = data_channel_record(c, r->kind, data_channel_name_of(r));

	if (!old)
		return;
	r->there = old->there;
	if (!json_equal(old->entry, r->entry))
		return;
	r->state = old->state;
	r->why = old->why;
	r->beyond = old->beyond;
	r->code = old->code;
	memcpy(r->tag, old->tag, sizeof(r->tag));
	r->seen = old->seen;
	old->why = NULL;
	old->seen = NULL;
}

static void
index_records(struct data_channel *c, struct data_record *list, size_t n)
{
	for (int kind = 0; kind < 2; kind++) {
		map_free(c->index[kind]);
		c->index[kind] = map_new();
	}
	for (size_t i = 0; i < n; i++)
		map_set(c->index[list[i].kind], data_channel_name_of(&list[i]),
			strlen(data_channel_name_of(&list[i])), &list[i]);
}

void
data_channel_adopt(struct data_channel *c, struct data_record *list, size_t n)
{
	size_t n_aliases = 0;

	c->behind = false;
	for (size_t i = 0; i < n; i++) {
		keep_state(c, &list[i]);
		n_aliases += list[i].kind == SHARE_ALIAS;
	}
	index_records(c, list, n);
	free_records(c->records, c->n_records);
	c->records = list;
	c->n_records = n;
	c->n_aliases = n_aliases;
}

void
data_channel_wish(struct data_channel *c, struct data_record *list, size_t n)
{
	if (c->behind)
		free_records(c->next, c->n_next);
	c->behind = c->phase != IDLE; /* what is asked just now is about the list of before */
	c->next = list;
	c->n_next = n;
	if (!c->behind)
		data_channel_adopt(c, list, n);
	c->told = false;
	timer_after(c->timer, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct data_channel *
data_channel_new(struct loop *l, const char *holder, const char *cuid, const char *cdid,
	const struct data_channel_setup *s)
{
	struct data_channel *c = mem_new(sizeof(*c));

	c->loop = l;
	c->setup = *s;
	c->holder = mem_text(holder);
	c->placed = mem_text(cuid);
	c->placed_cdid = mem_text(cdid);
	c->domain = data_link_domain(s->link);
	c->renew = INT64_MAX;
	c->timer = timer_new(l, data_round_due, c);
	c->turn = (struct data_turn){
		.begin = data_round_begin, .failed = data_round_link_failed, .arg = c};
	c->index[SHARE_ALIAS] = map_new();
	c->index[SHARE_ACL] = map_new();
	return c;
}

void
data_channel_free(struct data_channel *c)
{
	if (!c)
		return;
	data_link_leave(c->setup.link, &c->turn);
	data_round_end(c);
	timer_free(c->timer);
	free(c->holder);
	free(c->placed);
	free(c->placed_cdid);
	free_records(c->records, c->n_records);
	map_free(c->index[SHARE_ALIAS]);
	map_free(c->index[SHARE_ACL]);
	free(c);
}

void
data_channel_rebind(struct data_channel *c, const struct data_channel_setup *s)
{
	data_link_leave(c->setup.link, &c->turn);
	data_round_end(c);
	c->setup = *s;
	c->domain = data_link_domain(s->link);
}

void
data_channel_look(struct data_channel *c)
{
	data_link_wait(c->setup.link, &c->turn);
}

/* ---- what is known of it --------------------------------------------------------------------- */

const char *
data_channel_domain(const struct data_channel *c)
{
	return c->domain->name;
}

bool
data_channel_is_over(const struct data_channel *c)
{
	return *c->holder && !c->n_records && !c->behind && !c->placed;
}

const struct data_record *
data_channel_find(const struct data_channel *c, enum share_kind kind, const char *name)
{
	return data_channel_record(c, kind, name);
}

bool
data_channel_is_behind(const struct data_channel *c)
{
	return c->behind;
}

const struct data_record *
data_channel_records(const struct data_channel *c, size_t *ret_n)
{
	*ret_n = c->n_records;
	return c->records;
}

const char *
data_channel_server(const struct data_channel *c)
{
	return c->domain->data.name;
}

const char *
data_channel_reason(const struct data_channel *c)
{
	return *c->reason ? c->reason : data_link_reason(c->setup.link);
}

bool
data_channel_has_looked(const struct data_channel *c)
{
	return c->looked;
}
