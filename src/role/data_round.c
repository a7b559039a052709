/*
 * A round of requests (RFC 8783): how it begins, which step follows from which answer, and how it
 * ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/data_capability.h"
#include "role/data_channel_private.h"
#include "role/data_reply.h"

enum {
	RETRY_S = 30,       /* after a failure that is not the server's: doubled … */
	RETRY_MAX_S = 3600, /* … up to this */
	RENEW_MIN_MS = 10000,
	MINUTE_MS = 60000,
};

/* ---- how a round ends ------------------------------------------------------------------------ */

void
data_round_end(struct data_channel *c)
{
	c->phase = IDLE;
	data_look_forget(c);
	free(c->cuid);
	c->cuid = NULL;
	if (c->behind)
		data_channel_adopt(c, c->next, c->n_next);
}

static void
tell(const struct data_channel *c)
{
	c->setup.changed(c->setup.arg);
}

/* The round is over: what it has written is there, however it ended. */
static void
tell_end(const struct data_channel *c)
{
	if (c->changed)
		c->setup.recorded(c->setup.arg, c->setup.domain);
	tell(c);
}

/* By the server or the connection. */
void
data_round_fail(struct data_channel *c, const char *reason)
{
	data_round_end(c);
	c->told = false;
	data_link_fail(c->setup.link, &c->turn, reason);
	tell_end(c);
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
		EVENT_F("server", c->domain->data.name), EVENT_F("behalf", data_channel_behalf(c)),
		EVENT_F("reason", c->reason), EVENT_N("retry", pause));
	if (!known)
		event_raise(EVENT_ALERT, EVENT_F("reason", c->reason),
			EVENT_F("domain", c->domain->name), EVENT_F("server", c->domain->data.name),
			EVENT_F("section", section));
	free(text);
	data_round_end(c);
	c->told = false;
	timer_after(c->timer, pause * 1000);
	data_link_done(c->setup.link, &c->turn);
	tell_end(c);
}

static void
fail_answer(struct data_channel *c, const char *section, const struct web_answer *a)
{
	char why[DATA_REPLY_MAX], reason[REASON_MAX];

	snprintf(reason, sizeof(reason), "%s: %s", section, data_reply_reason(a, why, sizeof(why)));
	data_round_fail(c, reason);
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
			EVENT_F("server", c->domain->data.name),
			EVENT_F("behalf", data_channel_behalf(c)),
			EVENT_F("interface", data_link_interface(c->setup.link)),
			EVENT_N("records", count(c, DATA_RECORD_PLACED)),
			EVENT_N("refused", count(c, DATA_RECORD_REFUSED)));
	c->told = !behind;
	c->failures = 0;
	*c->reason = '\0';
	timer_at(c->timer, behind ? loop_now(c->loop) : c->renew < next ? c->renew : next);
	data_round_end(c);
	data_link_done(c->setup.link, &c->turn);
	tell_end(c);
}

/* There is nothing of somebody else's left: until there is something again. */
static void
finish_over(struct data_channel *c)
{
	if (!c->behind)
		timer_stop(c->timer);
	data_round_end(c);
	data_link_done(c->setup.link, &c->turn);
	tell(c);
}

/* ---- steps of a round ------------------------------------------------------------------------ */

static struct data_record *
record_at(struct data_channel *c, size_t i)
{
	return &c->records[i < c->n_aliases ? i : c->n_records - 1 - (i - c->n_aliases)];
}

static bool
is_to_be_written(const struct data_channel *c, const struct data_record *r)
{
	return data_look_is_wanted(r) &&
	       (r->due || c->renewing || (c->reordering && r->kind == SHARE_ACL));
}

static void
write_next(struct data_channel *c)
{
	while (c->at < c->n_records && !is_to_be_written(c, record_at(c, c->at)))
		c->at++;
	if (c->at < c->n_records)
		data_request_write(c, record_at(c, c->at));
	else if (c->changed)
		data_request_read(c, CONFIRM);
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
	path = data_request_path(c, 4, d->kind, d->name, "");
	data_request_send(c, DELETE, "DELETE", path, NULL, NULL);
	free(path);
}

/* It is not on record there, and is not asked for again; a NULL: it was not asked for at all. */
static void
turn_down(struct data_channel *c, struct data_record *r, const struct web_answer *a,
	const char *section, const char *why)
{
	char *text = mem_printf("%s: %s %s is %s: %s", section, share_kinds[r->kind],
		data_channel_name_of(r), a && a->status == 409 ? "in conflict" : "refused", why);

	r->state = DATA_RECORD_REFUSED;
	r->code = a ? a->status : 400;
	snprintf(r->tag, sizeof(r->tag), "invalid-value");
	if (a)
		data_reply_tag(a, r->tag);
	free(r->why);
	r->why = a ? mem_text(why) : mem_printf("%s: %s", section, why);
	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("behalf", data_channel_behalf(c)),
		EVENT_F("kind", share_kinds[r->kind]), EVENT_F("name", data_channel_name_of(r)),
		a ? EVENT_N("code", a->status) : EVENT_F("code", NULL), EVENT_F("reason", r->why),
		EVENT_F("section", section));
	event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", c->domain->name),
		EVENT_F("server", c->domain->data.name), EVENT_F("section", section));
	free(text);
	tell(c);
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
	data_request_read(c, READ);
}

static void
read_all(struct data_channel *c)
{
	if (c->n_records > c->n_aliases)
		data_request_capabilities(c);
	else
		data_request_read(c, READ);
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
			EVENT_F("server", c->domain->data.name),
			EVENT_F("behalf", data_channel_behalf(c)), EVENT_F("kind", "dots-client"),
			EVENT_F("name", c->placed), EVENT_N("code", a->status));
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
		data_request_enlist(c);
	else if (a->status != 200)
		fail_answer(c, "RFC 8783 6.2", a);
	else if (data_look_at(c, a, false)) {
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
		data_look_at(c, NULL, false);
		data_look_forget(c);
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
			EVENT_F("behalf", data_channel_behalf(c)),
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
			EVENT_F("server", c->domain->data.name),
			EVENT_F("behalf", data_channel_behalf(c)),
			EVENT_F("kind", share_kinds[r->kind]),
			EVENT_F("name", data_channel_name_of(r)), EVENT_N("code", a->status));
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
		data_request_enlist(c);
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
	else if (data_look_at(c, a, true))
		finish(c);
}

void
data_round_answer(void *arg, const struct web_answer *a)
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

/* ---- how a round begins ---------------------------------------------------------------------- */

static bool
is_as_placed(const struct data_channel *c, const char *cuid)
{
	const char *cdid = c->setup.cdid(c->setup.arg, c->holder);

	return cuid && !strcmp(c->placed, cuid) &&
	       !strcmp(c->placed_cdid ? c->placed_cdid : "", cdid);
}

void
data_round_begin(void *arg)
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
	path = data_request_path(c, 2, SHARE_ALIAS, "", "");
	data_request_send(c, RETIRE, "DELETE", path, NULL, NULL);
	free(path);
}

void
data_round_due(void *arg)
{
	struct data_channel *c = arg;

	data_link_wait(c->setup.link, &c->turn);
}

void
data_round_link_failed(void *arg)
{
	tell(arg);
}
