#include "role/data_channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/web.h"
#include "role/data_capability.h"
#include "role/data_reply.h"
#include "wire/data.h"
#include "wire/via.h"

enum {
	RETRY_S = 30,       /* after a failure that is not the server's: doubled … */
	RETRY_MAX_S = 3600, /* … up to this */
	RENEW_MIN_MS = 10000,
	MINUTE_MS = 60000,
	REASON_MAX = 300,
};

struct doomed {
	enum share_kind kind;
	char *name;
};

enum phase { IDLE, RETIRE, ABLE, READ, REGISTER, DELETE, WRITE, CONFIRM };

struct data_channel {
	struct loop *loop;
	struct data_channel_setup setup;
	char *holder;
	const struct domain *domain;
	struct data_turn turn;
	char *placed, *placed_cdid; /* of the registration that stands there; NULL: none */
	struct timer *timer;        /* of the next round */
	struct data_record *records;
	size_t n_records, n_aliases; /* aliases first */
	struct map *index[2];        /* of them, by kind and name */
	struct data_record *next;    /* the list that takes the place of this one */
	size_t n_next;
	bool behind; /* there is such a list */
	enum phase phase;
	char *cuid;      /* of this round */
	size_t at;       /* how many records this round has looked at */
	bool renewing;   /* all is written in this round, … */
	mono_ms renew;   /* … which is due then; INT64_MAX: nothing is on record */
	bool reordering; /* the ACLs get their order anew */
	bool changed;    /* this round has written or deleted something */
	bool again;      /* it has registered because an edit was denied */
	bool told;       /* that it is in step */
	bool looked;     /* it is known what is there */
	int64_t least;   /* of all pending-lifetimes that were read, minutes; INT64_MAX: none */
	struct doomed *doomed; /* the last one is the next that is deleted */
	size_t n_doomed;
	unsigned failures; /* in a row */
	char reason[REASON_MAX];
};

/* ---- requests -------------------------------------------------------------------------------- */

static void on_answer(void *arg, const struct web_answer *a);

static const char yang_json[] = "application/yang-data+json";

/* came: the Via that what is asked for came with; NULL. */
static void
ask(struct data_channel *c, enum phase phase, const char *method, const char *path,
	const json_t *body, const char *came)
{
	const char *by = data_link_via(c->setup.link);
	const char *etag = data_link_can(c->setup.link)->etag;
	char *via = by ? via_append(came, by) : NULL;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct web_field fields[4] = {{"Accept", yang_json}};
	struct web_request r = {.method = method,
		.path = path,
		.fields = fields,
		.n_fields = 1,
		.body = text,
		.len = text ? strlen(text) : 0};

	if (via)
		fields[r.n_fields++] = (struct web_field){"Via", via};
	if (text)
		fields[r.n_fields++] = (struct web_field){"Content-Type", yang_json};
	if (phase == ABLE && etag)
		fields[r.n_fields++] = (struct web_field){"If-None-Match", etag};
	c->phase = phase;
	data_link_ask(c->setup.link, &r, on_answer, c);
	free(text);
	free(via);
}

/* depth 1: all clients; 2: us; 4: that entry. */
static char *
path_to(const struct data_channel *c, unsigned depth, enum share_kind kind, const char *name,
	const char *query)
{
	struct restconf_path p = {.resource = RESTCONF_DATA, .n = depth};
	char *path, *whole;

	p.segments[0] = (struct restconf_segment){.module = DATA_MODULE, .name = "dots-data"};
	p.segments[1] =
		(struct restconf_segment){.name = "dots-client", .keys = {c->cuid}, .n_keys = 1};
	p.segments[2].name = kind == SHARE_ALIAS ? "aliases" : "acls";
	p.segments[3] =
		(struct restconf_segment){.name = share_kinds[kind], .keys = {name}, .n_keys = 1};
	path = restconf_path_format(&p, data_link_root(c->setup.link));
	whole = mem_printf("%s%s", path, query);
	free(path);
	return whole;
}

static const char *
behalf(const struct data_channel *c)
{
	return *c->holder ? c->holder : NULL;
}

/* ---- how a round ends ------------------------------------------------------------------------ */

static void
forget_doomed(struct data_channel *c)
{
	while (c->n_doomed)
		free(c->doomed[--c->n_doomed].name);
	free(c->doomed);
	c->doomed = NULL;
}

static void adopt(struct data_channel *c, struct data_record *list, size_t n);

static void
end_round(struct data_channel *c)
{
	c->phase = IDLE;
	forget_doomed(c);
	free(c->cuid);
	c->cuid = NULL;
	if (c->behind)
		adopt(c, c->next, c->n_next);
}

static void
tell(const struct data_channel *c)
{
	c->setup.changed(c->setup.arg);
}

/* By the server or the connection. */
static void
fail(struct data_channel *c, const char *reason)
{
	end_round(c);
	c->told = false;
	data_link_fail(c->setup.link, &c->turn, reason);
	tell(c);
}

/* It is about this registration, not about the server: the others go on. */
static void
fail_alone(struct data_channel *c, const char *section, const struct web_answer *a)
{
	int64_t pause = (int64_t)RETRY_S << (c->failures < 7 ? c->failures : 7);
	char why[DATA_REPLY_MAX];
	char *text = mem_printf("%s: %s", section, data_reply_reason(a, why, sizeof(why)));
	bool known = c->failures && !strcmp(c->reason, text);

	pause = pause < RETRY_MAX_S ? pause : RETRY_MAX_S;
	c->failures++;
	snprintf(c->reason, sizeof(c->reason), "%s", text);
	event_raise(EVENT_DATA_PENDING, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
		EVENT_F("reason", c->reason), EVENT_N("retry", pause));
	if (!known)
		event_raise(EVENT_ALERT, EVENT_F("reason", c->reason),
			EVENT_F("domain", c->domain->name), EVENT_F("server", c->domain->data.name),
			EVENT_F("section", section));
	free(text);
	end_round(c);
	c->told = false;
	timer_after(c->timer, pause * 1000);
	data_link_done(c->setup.link, &c->turn);
	tell(c);
}

static void
fail_answer(struct data_channel *c, const char *section, const struct web_answer *a)
{
	char why[DATA_REPLY_MAX], reason[REASON_MAX];

	snprintf(reason, sizeof(reason), "%s: %s", section, data_reply_reason(a, why, sizeof(why)));
	fail(c, reason);
}

static size_t
count(const struct data_channel *c, enum data_record_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_records; i++)
		n += c->records[i].state == state;
	return n;
}

/* Before half of it is over (RFC 8783 6.1, 7.2: what is not renewed ends). */
static void
plan_renewal(struct data_channel *c)
{
	mono_ms due = INT64_MAX;

	if (c->least != INT64_MAX) {
		int64_t share =
			c->least < INT64_MAX / MINUTE_MS ? c->least * MINUTE_MS / 20 * 9 : 0;

		due = loop_now(c->loop) + (share > RENEW_MIN_MS ? share : RENEW_MIN_MS);
	}
	if (c->renewing || due < c->renew)
		c->renew = due;
}

static void
finish(struct data_channel *c)
{
	mono_ms next = loop_now(c->loop) + (int64_t)c->domain->data.check_s * 1000;
	bool behind = c->behind;

	plan_renewal(c);
	if (c->changed || !c->told)
		event_raise(EVENT_DATA_IN_STEP, EVENT_F("domain", c->domain->name),
			EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
			EVENT_F("interface", data_link_interface(c->setup.link)),
			EVENT_N("records", count(c, DATA_RECORD_PLACED)),
			EVENT_N("refused", count(c, DATA_RECORD_REFUSED)));
	c->told = !behind;
	c->failures = 0;
	*c->reason = '\0';
	timer_at(c->timer, behind ? loop_now(c->loop) : c->renew < next ? c->renew : next);
	end_round(c);
	data_link_done(c->setup.link, &c->turn);
	if (c->changed)
		c->setup.recorded(c->setup.arg, c->setup.domain);
	tell(c);
}

/* There is nothing of somebody else's left: until there is something again. */
static void
finish_over(struct data_channel *c)
{
	if (!c->behind)
		timer_stop(c->timer);
	end_round(c);
	data_link_done(c->setup.link, &c->turn);
	tell(c);
}

/* ---- what is there --------------------------------------------------------------------------- */

static const char *
name_of(const struct data_record *r)
{
	return json_string_value(json_object_get(r->entry, "name"));
}

static struct data_record *
find_record(const struct data_channel *c, enum share_kind kind, const char *name)
{
	return map_get(c->index[kind], name, strlen(name));
}

/* Of what the server has. */
struct inspection {
	struct data_channel *channel;
	enum share_kind kind;
	bool confirming; /* what we have just written: so is how this server shows it */
	size_t next;     /* ACL that should come now */
};

static bool
is_wanted(const struct data_record *r)
{
	return r->state != DATA_RECORD_REFUSED;
}

static void
check_order(struct inspection *in, const struct data_record *r)
{
	struct data_channel *c = in->channel;

	while (in->next < c->n_records && !is_wanted(&c->records[in->next]))
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

static enum activation_type
controlled(const struct data_channel *c, const struct data_record *r)
{
	if (r->kind != SHARE_ACL)
		return 0;
	return c->setup.controlled(c->setup.arg, c->holder, c->setup.domain, name_of(r));
}

/* A new reference: the entry, with the activation-type that it is to have. */
static json_t *
with_type(json_t *entry, enum activation_type type)
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
	json_t *a = with_type(there, type), *b = entry ? with_type(entry, type) : NULL;
	bool equal = json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return equal;
}

static void
compare(struct inspection *in, struct data_record *r, json_t *there)
{
	enum activation_type type = controlled(in->channel, r);

	if (in->confirming) {
		if (type) /* it is shown with the type of now: what was seen before stands */
			return;
		json_decref(r->seen);
		r->seen = json_incref(there);
	} else {
		r->due = is_wanted(r) && !is_as(there, r->entry, type) &&
			 !is_as(there, r->seen, type);
		if (is_wanted(r) && !r->due)
			r->state = DATA_RECORD_PLACED;
	}
}

/* The entry as it is configured: ours, another, or none of ours. */
static void
inspect(void *arg, const char *name, int64_t lifetime, json_t *there)
{
	struct inspection *in = arg;
	struct data_channel *c = in->channel;
	struct data_record *r = find_record(c, in->kind, name);

	if (!r) {
		if (!in->confirming)
			doom(c, in->kind, name);
		return;
	}
	r->there = true;
	if (is_wanted(r) && lifetime < c->least)
		c->least = lifetime;
	compare(in, r, there);
	if (in->kind == SHARE_ACL && is_wanted(r))
		check_order(in, r);
}

static bool
misses_acl(const struct inspection *in)
{
	const struct data_channel *c = in->channel;

	for (size_t i = in->next; i < c->n_records; i++)
		if (is_wanted(&c->records[i]))
			return true;
	return false;
}

/* NULL: there is nothing. False: the answer cannot be understood. */
static bool
look(struct data_channel *c, const struct web_answer *a, bool confirming)
{
	char why[DATA_REPLY_MAX], reason[REASON_MAX];
	json_t *client = a ? data_reply_client(a, why, sizeof(why)) : json_object();
	struct inspection in = {c, SHARE_ALIAS, confirming, 0};

	if (!client) {
		snprintf(reason, sizeof(reason), "RFC 8783 6.3: %s", why);
		fail(c, reason);
		return false;
	}
	c->looked = true;
	c->least = INT64_MAX;
	c->reordering = false;
	for (size_t i = 0; !confirming && i < c->n_records; i++) {
		c->records[i].due = is_wanted(&c->records[i]);
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

/* ---- steps of a round ------------------------------------------------------------------------ */

static void
read_record(struct data_channel *c, enum phase phase)
{
	char *path = path_to(c, 2, SHARE_ALIAS, "", "?content=all");

	ask(c, phase, "GET", path, NULL, NULL);
	free(path);
}

/* RFC 8783 5.1. */
static void
enlist(struct data_channel *c)
{
	const char *cdid = c->setup.cdid(c->setup.arg, c->holder);
	json_t *body = json_pack("{s[{ss ss*}]}", DATA_MODULE ":dots-client", "cuid", c->cuid,
		"cdid", *cdid ? cdid : NULL);
	char *path = path_to(c, 1, SHARE_ALIAS, "", "");

	ask(c, REGISTER, "POST", path, body, NULL);
	free(path);
	json_decref(body);
}

static void
raise_shared(const struct data_channel *c, const struct data_record *r, const char *name)
{
	char *record = mem_printf("%s %s", share_kinds[r->kind], name);

	event_raise(EVENT_SHARED, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
		EVENT_F("record", record), EVENT_N("targets", r->prefixes),
		EVENT_N("names", r->names), EVENT_F("consent", r->consent),
		EVENT_F("section", "RFC 9284 6"));
	free(record);
}

/* Each ACL is put in front, the last one first: so they come to stand in our order (RFC 8040
 * 4.8.5). */
static void
write_record(struct data_channel *c, struct data_record *r)
{
	const char *name = name_of(r);
	bool alias = r->kind == SHARE_ALIAS;
	char *path = path_to(c, 4, r->kind, name, !alias && c->reordering ? "?insert=first" : "");
	json_t *body = yang_envelope(alias ? data_aliases : data_acls,
		alias ? data_alias : data_acl, with_type(r->entry, controlled(c, r)));

	if (r->state != DATA_RECORD_PLACED)
		raise_shared(c, r, name);
	ask(c, WRITE, "PUT", path, body, r->via);
	free(path);
	json_decref(body);
}

static struct data_record *
record_at(struct data_channel *c, size_t i)
{
	return &c->records[i < c->n_aliases ? i : c->n_records - 1 - (i - c->n_aliases)];
}

static bool
is_to_be_written(const struct data_channel *c, const struct data_record *r)
{
	return is_wanted(r) && (r->due || c->renewing || (c->reordering && r->kind == SHARE_ACL));
}

static void
write_next(struct data_channel *c)
{
	while (c->at < c->n_records && !is_to_be_written(c, record_at(c, c->at)))
		c->at++;
	if (c->at < c->n_records)
		write_record(c, record_at(c, c->at));
	else if (c->changed)
		read_record(c, CONFIRM);
	else
		finish(c);
}

/* Before anything is written: there may be quotas, and conflicts. */
static void
delete_next(struct data_channel *c)
{
	const struct doomed *d;
	char *path;

	if (!c->n_doomed) {
		c->at = 0;
		write_next(c);
		return;
	}
	d = &c->doomed[c->n_doomed - 1];
	path = path_to(c, 4, d->kind, d->name, "");
	ask(c, DELETE, "DELETE", path, NULL, NULL);
	free(path);
}

/* It is not on record there, and is not asked for again; a NULL: it was not asked for at all. */
static void
turn_down(struct data_channel *c, struct data_record *r, const struct web_answer *a,
	const char *section, const char *why)
{
	char *text = mem_printf("%s: %s %s is %s: %s", section, share_kinds[r->kind], name_of(r),
		a && a->status == 409 ? "in conflict" : "refused", why);

	r->state = DATA_RECORD_REFUSED;
	r->code = a ? a->status : 400;
	snprintf(r->tag, sizeof(r->tag), "invalid-value");
	if (a)
		data_reply_tag(a, r->tag);
	free(r->why);
	r->why = a ? mem_text(why) : mem_printf("%s: %s", section, why);
	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
		EVENT_F("kind", share_kinds[r->kind]), EVENT_F("name", name_of(r)),
		a ? EVENT_N("code", a->status) : EVENT_F("code", NULL), EVENT_F("reason", r->why),
		EVENT_F("section", section));
	event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("section", section));
	free(text);
	tell(c);
}

/* First of all when there are filters (RFC 8783 7.1); again in each round, for it may have learned.
 */
static void
ask_capabilities(struct data_channel *c)
{
	char *path = mem_printf(
		"%s/data/" DATA_MODULE ":dots-data/capabilities", data_link_root(c->setup.link));

	ask(c, ABLE, "GET", path, NULL, NULL);
	free(path);
}

static void
judge(struct data_channel *c, struct data_record *r)
{
	char lack[DATA_REPLY_MAX];
	bool able =
		data_capability_allows(data_link_can(c->setup.link), r->entry, lack, sizeof(lack));

	if (able && r->beyond) {
		r->state = DATA_RECORD_PENDING;
		r->beyond = false;
	} else if (!able && r->state != DATA_RECORD_REFUSED) {
		r->beyond = true;
		turn_down(c, r, NULL, "RFC 8783 7.1", lack);
	}
}

static void
got_capabilities(struct data_channel *c, const struct web_answer *a)
{
	data_capability_learn(data_link_can(c->setup.link), a, web_field(a, "ETag"));
	for (size_t i = c->n_aliases; i < c->n_records; i++)
		judge(c, &c->records[i]);
	read_record(c, READ);
}

static void
read_all(struct data_channel *c)
{
	if (c->n_records > c->n_aliases)
		ask_capabilities(c);
	else
		read_record(c, READ);
}

static void
note_placed(struct data_channel *c, const char *cuid, const char *cdid)
{
	char *new_cuid = mem_text(cuid), *new_cdid = mem_text(cdid);

	free(c->placed);
	free(c->placed_cdid);
	c->placed = new_cuid;
	c->placed_cdid = new_cdid;
	c->setup.stands(c->setup.arg, c->holder, c->setup.domain, c->placed, c->placed_cdid);
}

/* Who it is to be there from now on; NULL: nobody. */
static char *
cuid_of(const struct data_channel *c)
{
	return *c->holder && !c->n_records
		       ? NULL
		       : mem_text(c->setup.cuid(c->setup.arg, c->holder, c->setup.domain));
}

static void
go_on_as(struct data_channel *c, char *cuid)
{
	free(c->cuid);
	c->cuid = cuid;
	if (c->cuid)
		read_all(c);
	else
		finish_over(c);
}

/* It stays until its lifetime is over. */
static void
raise_unretired(const struct data_channel *c, const struct web_answer *a)
{
	char why[DATA_REPLY_MAX];
	char *text = mem_printf("RFC 8783 5.2: dots-client %s is not deleted: %s", c->placed,
		data_reply_reason(a, why, sizeof(why)));

	event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("section", "RFC 8783 5.2"));
	free(text);
}

static void
got_retired(struct data_channel *c, const struct web_answer *a)
{
	bool gone = a->status == 204 || a->status == 200 || a->status == 404;

	if (!gone && data_reply_passes(a)) {
		fail_answer(c, "RFC 8783 5.2", a);
		return;
	}
	if (gone)
		event_raise(EVENT_RECORD_DELETED, EVENT_F("domain", c->domain->name),
			EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
			EVENT_F("kind", "dots-client"), EVENT_F("name", c->placed),
			EVENT_N("code", a->status));
	else
		raise_unretired(c, a);
	note_placed(c, NULL, NULL);
	for (size_t i = 0; i < c->n_records; i++) {
		c->records[i].there = false;
		if (c->records[i].state == DATA_RECORD_PLACED)
			c->records[i].state = DATA_RECORD_PENDING;
	}
	go_on_as(c, cuid_of(c));
}

/* By this round's cuid. */
static void
note_known(struct data_channel *c)
{
	const char *cdid = c->setup.cdid(c->setup.arg, c->holder);

	if (!c->placed || strcmp(c->placed, c->cuid) != 0)
		note_placed(c, c->cuid, cdid);
}

static void
got_record(struct data_channel *c, const struct web_answer *a)
{
	if (a->status == 404 && !c->n_records)
		finish(c); /* there is nothing to tell, not even who we are */
	else if (a->status == 404)
		enlist(c);
	else if (a->status != 200)
		fail_answer(c, "RFC 8783 6.2", a);
	else if (look(c, a, false)) {
		note_known(c);
		delete_next(c);
	}
}

/* 409 where an edit was denied: we are somebody there, and it goes on. Otherwise that cuid is
 * somebody else's: what we have registered under it we would have read. */
static void
got_registration(struct data_channel *c, const struct web_answer *a)
{
	if (a->status == 409 && c->again) {
		write_next(c);
	} else if (a->status == 409 &&
		   c->setup.collided(c->setup.arg, c->holder, c->setup.domain)) {
		go_on_as(c, cuid_of(c));
	} else if (a->status == 403 || a->status == 409) {
		fail_alone(c, "RFC 8783 5.1", a);
	} else if (a->status != 201 && a->status != 204) {
		fail_answer(c, "RFC 8783 5.1", a);
	} else {
		note_placed(c, c->cuid, c->setup.cdid(c->setup.arg, c->holder));
		look(c, NULL, false);
		forget_doomed(c);
		delete_next(c);
	}
}

/* It stays, and may do what nobody here knows of; told once, not with every look. */
static void
raise_undeleted(const struct data_channel *c, const struct doomed *d, const struct web_answer *a)
{
	const char *section = d->kind == SHARE_ALIAS ? "RFC 8783 6.3" : "RFC 8783 7.4";
	char why[DATA_REPLY_MAX];
	char *text = mem_printf("%s: %s %s is not deleted: %s", section, share_kinds[d->kind],
		d->name, data_reply_reason(a, why, sizeof(why)));

	event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("section", section));
	free(text);
}

static void
got_deletion(struct data_channel *c, const struct web_answer *a)
{
	struct doomed *d = &c->doomed[c->n_doomed - 1];
	bool gone = a->status == 204 || a->status == 200 || a->status == 404;

	if (!gone && data_reply_passes(a)) {
		fail_answer(c, "RFC 8783 6.3", a);
		return;
	}
	if (gone) {
		event_raise(EVENT_RECORD_DELETED, EVENT_F("domain", c->domain->name),
			EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
			EVENT_F("kind", share_kinds[d->kind]), EVENT_F("name", d->name),
			EVENT_N("code", a->status));
		c->changed = true;
	}
	if (!gone && !c->told)
		raise_undeleted(c, d, a);
	free(d->name);
	c->n_doomed--;
	delete_next(c);
}

static void
refuse(struct data_channel *c, struct data_record *r, const struct web_answer *a)
{
	char why[DATA_REPLY_MAX];

	turn_down(c, r, a, r->kind == SHARE_ALIAS ? "RFC 8783 6.1" : "RFC 8783 7.2",
		data_reply_reason(a, why, sizeof(why)));
}

static void
take(struct data_channel *c, struct data_record *r, const struct web_answer *a)
{
	if (r->state != DATA_RECORD_PLACED || r->due)
		event_raise(EVENT_RECORD_PLACED, EVENT_F("domain", c->domain->name),
			EVENT_F("server", c->domain->data.name), EVENT_F("behalf", behalf(c)),
			EVENT_F("kind", share_kinds[r->kind]), EVENT_F("name", name_of(r)),
			EVENT_N("code", a->status));
	r->state = DATA_RECORD_PLACED;
	r->there = true;
	r->due = false;
	c->changed = true;
	tell(c);
}

static void
got_written(struct data_channel *c, const struct web_answer *a)
{
	struct data_record *r = record_at(c, c->at);

	if ((a->status == 403 || a->status == 404) && !c->again) {
		c->again = true; /* RFC 8783 6.1: it does not know us (any more) */
		enlist(c);
		return;
	}
	if (a->status == 201 || a->status == 204 || a->status == 200) {
		take(c, r, a);
	} else if (data_reply_passes(a)) {
		fail_answer(c, r->kind == SHARE_ALIAS ? "RFC 8783 6.1" : "RFC 8783 7.2", a);
		return;
	} else {
		refuse(c, r, a);
	}
	c->at++;
	write_next(c);
}

static void
got_confirmed(struct data_channel *c, const struct web_answer *a)
{
	if (a->status != 200)
		fail_answer(c, "RFC 8783 6.2", a);
	else if (look(c, a, true))
		finish(c);
}

static void
on_answer(void *arg, const struct web_answer *a)
{
	static void (*const got[])(struct data_channel * c, const struct web_answer *a) = {
		[RETIRE] = got_retired,
		[ABLE] = got_capabilities,
		[READ] = got_record,
		[REGISTER] = got_registration,
		[DELETE] = got_deletion,
		[WRITE] = got_written,
		[CONFIRM] = got_confirmed,
	};
	struct data_channel *c = arg;

	got[c->phase](c, a);
}

/* ---- a round --------------------------------------------------------------------------------- */

static bool
is_as_placed(const struct data_channel *c, const char *cuid)
{
	const char *cdid = c->setup.cdid(c->setup.arg, c->holder);

	return cuid && !strcmp(c->placed, cuid) &&
	       !strcmp(c->placed_cdid ? c->placed_cdid : "", cdid);
}

static void
begin(void *arg)
{
	struct data_channel *c = arg;
	char *cuid = cuid_of(c), *path;

	timer_stop(c->timer);
	c->renewing = loop_now(c->loop) >= c->renew;
	c->least = INT64_MAX;
	c->changed = c->again = false;
	if (!c->placed || is_as_placed(c, cuid)) {
		go_on_as(c, cuid);
		return;
	}
	free(cuid);
	c->cuid = mem_text(c->placed);
	path = path_to(c, 2, SHARE_ALIAS, "", "");
	ask(c, RETIRE, "DELETE", path, NULL, NULL);
	free(path);
}

static void
due(void *arg)
{
	struct data_channel *c = arg;

	data_link_wait(c->setup.link, &c->turn);
}

static void
link_failed(void *arg)
{
	tell(arg);
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
	c->timer = timer_new(l, due, c);
	c->turn = (struct data_turn){.begin = begin, .failed = link_failed, .arg = c};
	c->index[SHARE_ALIAS] = map_new();
	c->index[SHARE_ACL] = map_new();
	return c;
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

void
data_channel_free(struct data_channel *c)
{
	if (!c)
		return;
	data_link_leave(c->setup.link, &c->turn);
	end_round(c);
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
	end_round(c);
	c->setup = *s;
	c->domain = data_link_domain(s->link);
}

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

void
data_channel_look(struct data_channel *c)
{
	data_link_wait(c->setup.link, &c->turn);
}

static void
keep_state(struct data_channel *c, struct data_record *r)
{
	struct data_record *old = find_record(c, r->kind, name_of(r));

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
		map_set(c->index[list[i].kind], name_of(&list[i]), strlen(name_of(&list[i])),
			&list[i]);
}

static void
adopt(struct data_channel *c, struct data_record *list, size_t n)
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
		adopt(c, list, n);
	c->told = false;
	timer_after(c->timer, 0);
}

const struct data_record *
data_channel_find(const struct data_channel *c, enum share_kind kind, const char *name)
{
	return find_record(c, kind, name);
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
