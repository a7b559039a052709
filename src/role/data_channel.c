#include "role/data_channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/web.h"
#include "role/access.h"
#include "role/data_reply.h"
#include "wire/data.h"

enum {
	RETRY_S = 30,       /* after a failure: doubled … */
	RETRY_MAX_S = 3600, /* … up to this */
	RENEW_MIN_MS = 10000,
	ANSWER_MAX = 1 << 22,
	MINUTE_MS = 60000,
	REASON_MAX = 300,
};

struct doomed {
	enum share_kind kind;
	char *name;
};

enum phase { IDLE, ROOT, READ, REGISTER, DELETE, WRITE, CONFIRM };

struct data_channel {
	struct loop *loop;
	struct data_channel_setup setup;
	const struct domain *domain;
	struct web *web;
	struct access access; /* that it goes over */
	struct addr source;
	struct timer *timer; /* of the next round */
	struct data_record *records;
	size_t n_records, n_aliases; /* aliases first */
	struct map *index[2];        /* of them, by kind and name */
	enum phase phase;
	char *root;      /* of RESTCONF there; NULL: not known */
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
	bool waits;        /* for a link or an address: nothing was sent */
	char reason[REASON_MAX];
};

/* ---- requests -------------------------------------------------------------------------------- */

static void on_answer(void *arg, const struct web_answer *a);

static void
ask(struct data_channel *c, enum phase phase, const char *method, const char *path,
	const char *accept, const json_t *body)
{
	const struct web_field fields[] = {
		{"Accept", accept}, {"Content-Type", "application/yang-data+json"}};
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct web_request r = {.method = method,
		.path = path,
		.fields = fields,
		.n_fields = text ? 2 : 1,
		.body = text,
		.len = text ? strlen(text) : 0};

	c->phase = phase;
	web_ask(c->web, &r, on_answer, c);
	free(text);
}

static const char yang_json[] = "application/yang-data+json";

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
	path = restconf_path_format(&p, c->root);
	whole = mem_printf("%s%s", path, query);
	free(path);
	return whole;
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

static void
end_round(struct data_channel *c)
{
	c->phase = IDLE;
	forget_doomed(c);
	free(c->cuid);
	c->cuid = NULL;
}

static void
forget_root(struct data_channel *c)
{
	free(c->root);
	c->root = NULL;
}

/* RFC 8040 says nothing of when to come back; a server that fails is left in peace. What fails may
 * be that it has its root somewhere else now (3.1). */
static void
fail(struct data_channel *c, const char *reason)
{
	int64_t pause = (int64_t)RETRY_S << (c->failures < 7 ? c->failures : 7);
	bool known = c->failures && !strcmp(c->reason, reason);

	pause = pause < RETRY_MAX_S ? pause : RETRY_MAX_S;
	c->failures++;
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	event_raise(EVENT_DATA_PENDING, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("reason", c->reason),
		EVENT_N("retry", pause));
	if (!known)
		event_raise(EVENT_ALERT, EVENT_F("reason", c->reason),
			EVENT_F("domain", c->domain->name), EVENT_F("server", c->domain->data.name),
			EVENT_F("section", "RFC 8783 3.1"));
	timer_after(c->timer, pause * 1000);
	forget_root(c);
	end_round(c);
	c->told = false;
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

	plan_renewal(c);
	if (c->changed || !c->told)
		event_raise(EVENT_DATA_IN_STEP, EVENT_F("domain", c->domain->name),
			EVENT_F("server", c->domain->data.name),
			EVENT_F("interface", c->access.interface),
			EVENT_N("records", count(c, DATA_RECORD_PLACED)),
			EVENT_N("refused", count(c, DATA_RECORD_REFUSED)));
	c->told = true;
	c->failures = 0;
	*c->reason = '\0';
	timer_at(c->timer, c->renew < next ? c->renew : next);
	end_round(c);
	if (c->changed)
		c->setup.recorded(c->setup.arg, c->setup.domain);
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
	return c->setup.controlled(c->setup.arg, c->domain->name, name_of(r));
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
	for (size_t i = 0; !confirming && i < c->n_records; i++)
		c->records[i].due = is_wanted(&c->records[i]);
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

	ask(c, phase, "GET", path, yang_json, NULL);
	free(path);
}

/* RFC 8783 5.1. */
static void
enlist(struct data_channel *c)
{
	json_t *body = json_pack("{s[{ss}]}", DATA_MODULE ":dots-client", "cuid", c->cuid);
	char *path = path_to(c, 1, SHARE_ALIAS, "", "");

	ask(c, REGISTER, "POST", path, yang_json, body);
	free(path);
	json_decref(body);
}

static void
raise_shared(const struct data_channel *c, const struct data_record *r, const char *name)
{
	char *record = mem_printf("%s %s", share_kinds[r->kind], name);

	event_raise(EVENT_SHARED, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("record", record),
		EVENT_N("targets", r->prefixes), EVENT_N("names", r->names),
		EVENT_F("consent", r->consent), EVENT_F("section", "RFC 9284 6"));
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
	ask(c, WRITE, "PUT", path, yang_json, body);
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
	ask(c, DELETE, "DELETE", path, yang_json, NULL);
	free(path);
}

static void
got_root(struct data_channel *c, const struct web_answer *a)
{
	char why[DATA_REPLY_MAX], reason[REASON_MAX];

	if (a->status != 200) {
		fail_answer(c, "RFC 8040 3.1", a);
		return;
	}
	c->root = data_reply_root(a, c->domain->data.name, c->domain->data.port, why, sizeof(why));
	if (c->root) {
		read_record(c, READ);
		return;
	}
	snprintf(reason, sizeof(reason), "RFC 8040 3.1: %s", why);
	fail(c, reason);
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
	else if (look(c, a, false))
		delete_next(c);
}

/* 409 where an edit was denied: we are somebody there, and it goes on. */
static void
got_registration(struct data_channel *c, const struct web_answer *a)
{
	if (a->status == 409 && c->again) {
		write_next(c);
	} else if (a->status != 201 && a->status != 204) {
		fail_answer(c, "RFC 8783 5.1", a);
	} else {
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
			EVENT_F("server", c->domain->data.name),
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
	const char *section = r->kind == SHARE_ALIAS ? "RFC 8783 6.1" : "RFC 8783 7.2";
	const char *name = name_of(r);
	char why[DATA_REPLY_MAX], *text;

	r->state = DATA_RECORD_REFUSED;
	free(r->why);
	r->why = mem_text(data_reply_reason(a, why, sizeof(why)));
	text = mem_printf("%s: %s %s is %s: %s", section, share_kinds[r->kind], name,
		a->status == 409 ? "in conflict" : "refused", r->why);
	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("kind", share_kinds[r->kind]),
		EVENT_F("name", name), EVENT_N("code", a->status), EVENT_F("reason", r->why),
		EVENT_F("section", section));
	event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("section", section));
	free(text);
}

static void
take(struct data_channel *c, struct data_record *r, const struct web_answer *a)
{
	if (r->state != DATA_RECORD_PLACED || r->due)
		event_raise(EVENT_RECORD_PLACED, EVENT_F("domain", c->domain->name),
			EVENT_F("server", c->domain->data.name),
			EVENT_F("kind", share_kinds[r->kind]), EVENT_F("name", name_of(r)),
			EVENT_N("code", a->status));
	r->state = DATA_RECORD_PLACED;
	r->due = false;
	c->changed = true;
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
		[ROOT] = got_root,
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

static void
disconnect(struct data_channel *c)
{
	web_free(c->web);
	c->web = NULL;
	forget_root(c); /* the server may be another one */
}

static bool
same_way(const struct data_channel *c, const struct access *a, const struct source *s)
{
	const char *x = c->access.interface, *y = a->interface;

	return c->access.domain == a->domain && (x == y || (x && y && !strcmp(x, y))) &&
	       addr_equal(&c->source, &s->local.addr);
}

/* Over the domain's own link, from the address that its signal channel would have (rule M1). */
static bool
connect_there(struct data_channel *c, char *why, size_t cap)
{
	const struct homing *h = c->setup.homing;
	const struct domain_data *to = &c->domain->data;
	struct web_config cfg = {.name = to->name,
		.server = {.addr = to->address, .port = (uint16_t)to->port},
		.credentials = c->setup.credentials,
		.max_answer = ANSWER_MAX};
	struct source source;
	struct access a;
	size_t n = 0;

	while (access_nth(h, c->domain, NULL, n, &a) && !access_up(&a, c->setup.links))
		n++;
	if (!access_nth(h, c->domain, NULL, n, &a)) {
		access_nth(h, c->domain, NULL, 0, &a);
		snprintf(why, cap, "RFC 9284 5.1: interface %s is down", a.interface);
		return false;
	}
	if (!access_source(h, &a, c->setup.links, &to->address, &source, why, cap))
		return false;
	if (c->web && !same_way(c, &a, &source))
		disconnect(c);
	c->access = a;
	c->source = source.local.addr;
	cfg.interface = a.interface;
	cfg.source = source.local.addr;
	if (!c->web)
		c->web = web_new(c->loop, &cfg);
	return true;
}

static void
begin(void *arg)
{
	struct data_channel *c = arg;
	char why[REASON_MAX] = "";

	if (!c->setup.credentials)
		snprintf(why, sizeof(why), "RFC 8040 2.5: the credentials cannot be read");
	c->waits = !c->setup.credentials || !connect_there(c, why, sizeof(why));
	if (c->waits) {
		fail(c, why);
		return;
	}
	c->cuid = mem_text(c->setup.cuid(c->setup.arg, c->setup.domain));
	c->renewing = loop_now(c->loop) >= c->renew;
	c->least = INT64_MAX;
	c->changed = c->again = false;
	if (c->root)
		read_record(c, READ);
	else
		ask(c, ROOT, "GET", "/.well-known/host-meta", "application/xrd+xml", NULL);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct data_channel *
data_channel_new(struct loop *l, const struct data_channel_setup *s)
{
	struct data_channel *c = mem_new(sizeof(*c));

	c->loop = l;
	c->setup = *s;
	c->domain = &s->homing->domains[s->domain];
	c->renew = INT64_MAX;
	c->timer = timer_new(l, begin, c);
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
	}
	free(list);
}

void
data_channel_free(struct data_channel *c)
{
	if (!c)
		return;
	disconnect(c);
	end_round(c);
	timer_free(c->timer);
	free_records(c->records, c->n_records);
	map_free(c->index[SHARE_ALIAS]);
	map_free(c->index[SHARE_ACL]);
	free(c);
}

void
data_channel_rebind(struct data_channel *c, const struct data_channel_setup *s)
{
	disconnect(c);
	end_round(c);
	c->setup = *s;
	c->domain = &s->homing->domains[s->domain];
}

const char *
data_channel_domain(const struct data_channel *c)
{
	return c->domain->name;
}

bool
data_channel_leads_to(const struct data_channel *c, const struct domain *d)
{
	const struct domain_data *is = &c->domain->data, *wanted = &d->data;

	return !strcmp(c->domain->name, d->name) && !strcmp(is->name, wanted->name) &&
	       addr_equal(&is->address, &wanted->address) && is->port == wanted->port;
}

static void
keep_state(struct data_channel *c, struct data_record *r)
{
	struct data_record *old = find_record(c, r->kind, name_of(r));

	if (!old || !json_equal(old->entry, r->entry))
		return;
	r->state = old->state;
	r->why = old->why;
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

void
data_channel_wish(struct data_channel *c, struct data_record *list, size_t n)
{
	size_t n_aliases = 0;

	for (size_t i = 0; i < n; i++) {
		keep_state(c, &list[i]);
		n_aliases += list[i].kind == SHARE_ALIAS;
	}
	index_records(c, list, n);
	free_records(c->records, c->n_records);
	c->records = list;
	c->n_records = n;
	c->n_aliases = n_aliases;
	c->told = false;
	timer_after(c->timer, 0);
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
	return c->reason;
}

bool
data_channel_has_looked(const struct data_channel *c)
{
	return c->looked;
}

void
data_channel_look(struct data_channel *c)
{
	if (c->phase == IDLE)
		timer_after(c->timer, 0);
}

void
data_channel_link_up(struct data_channel *c)
{
	if (c->waits && c->phase == IDLE)
		timer_after(c->timer, 0);
}
