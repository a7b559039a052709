/*
 * Filters by signal (RFC 9133): a request that is accepted is followed by another one for the same
 * scope, under the next mid, that says what ACLs are to become; it takes the place of the first
 * when it is accepted, and not otherwise. Part of wish.h, not for others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/filter_control.h"
#include "homing/placement.h"
#include "homing/target.h"
#include "wire/coap.h"

enum {
	PAUSE_S = 10, /* the least that we wait */
	/* What a request says of targets and filters, for it to fit a datagram (RFC 9132 7.3). */
	SAID_BYTES = 900,
	ENTRY_BYTES = 8, /* of a filter, besides its name */
};

/* ---- lists ---- */

void
controls_begin(struct controls *c, size_t most)
{
	*c = (struct controls){.arena = arena_new()};
	c->list = arena_alloc(c->arena, most + 1, sizeof(*c->list));
}

void
controls_add(struct controls *c, const char *acl, const char *there, enum activation_type type)
{
	c->list[c->n++] = (struct controlled){arena_text(c->arena, acl, strlen(acl)),
		arena_text(c->arena, there, strlen(there)), type};
}

static void
list_free(struct controls *c)
{
	arena_free(c->arena);
	*c = (struct controls){0};
}

static struct controls
list_copy(const struct controls *from)
{
	struct controls c;

	controls_begin(&c, from->n);
	for (size_t i = 0; i < from->n; i++)
		controls_add(&c, from->list[i].acl, from->list[i].there, from->list[i].type);
	return c;
}

static struct controlled *
list_find(const struct controls *c, const char *there)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->list[i].there, there))
			return &c->list[i];
	return NULL;
}

static bool
list_equal(const struct controls *a, const struct controls *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct controlled *c = list_find(b, a->list[i].there);

		if (!c || c->type != a->list[i].type || strcmp(c->acl, a->list[i].acl) != 0)
			return false;
	}
	return true;
}

void
control_format(const struct controlled *list, size_t n, char *ret, size_t cap)
{
	size_t len = 0;

	*ret = '\0';
	for (size_t i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(ret + len, cap - len, "%s%s=%s", i ? "," : "", list[i].acl,
			activation_type_name((int)list[i].type));
}

/* ---- what a wish wants ---- */

static const struct acl_entry *
find_acl(const struct acl_entry *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].acl_name, name))
			return &list[i];
	return NULL;
}

bool
control_want(struct wish *wish, const struct acl_entry *acls, size_t n, wall_ms wall)
{
	struct acl_entry *list;
	bool changed = false;
	struct arena *a;
	size_t all = 0;

	if (!n)
		return false;
	a = arena_new();
	list = arena_alloc(a, wish->n_acls + n + 1, sizeof(*list));
	for (size_t i = 0; i < wish->n_acls + n; i++) {
		bool old = i < wish->n_acls;
		const struct acl_entry *e = old ? &wish->acls[i] : &acls[i - wish->n_acls];
		struct acl_entry *to = (struct acl_entry *)find_acl(list, all, e->acl_name);
		enum activation_type type = filter_control_type(e);

		if (!to) {
			to = &list[all++];
			to->acl_name = arena_text(a, e->acl_name, strlen(e->acl_name));
			to->has = 1ULL << ACL_NAME | 1ULL << ACL_ACTIVATION_TYPE;
		}
		changed = changed || (!old && to->activation_type != type);
		to->activation_type = type;
	}
	arena_free(wish->acls_arena);
	wish->acls_arena = a;
	wish->acls = list;
	wish->n_acls = all;
	wish->controlled = changed ? wall : wish->controlled;
	return changed;
}

/* Whose ACLs they are, as wish_records.acl has it. */
static const char *
owner_of(const char *asker, char owner[WISH_ID_MAX])
{
	size_t len = strlen(WISH_ASKER_CLIENT);
	char *mid;

	*owner = '\0';
	if (strncmp(asker, WISH_ASKER_CLIENT, len) != 0)
		return owner;
	snprintf(owner, WISH_ID_MAX, "%s", asker + len);
	mid = strrchr(owner, '/');
	if (mid)
		*mid = '\0';
	return owner;
}

static const char *
record_of(const struct wishes *w, uint32_t domain, const char *asker, const char *acl)
{
	char owner[WISH_ID_MAX];

	if (!w->records.acl)
		return NULL;
	return w->records.acl(w->records.arg, domain, owner_of(asker, owner), acl);
}

static bool
is_recorded(const struct wishes *w, const char *asker, const char *acl, const bool *goes)
{
	for (uint32_t d = 0; d < w->homing->n_domains; d++)
		if (goes[d] && record_of(w, d, asker, acl))
			return true;
	return false;
}

int
control_check(const struct wishes *w, const struct wish_request *r, const bool *goes, char *why,
	size_t cap)
{
	if (r->n_acls && !r->trigger_mitigation) {
		snprintf(why, cap,
			"RFC 9133 3.2.1: filters are not controlled in idle time: no mitigation "
			"is asked for now");
		return -EDOM;
	}
	if (r->n_acls > CONTROLS_MAX) {
		snprintf(why, cap, "%zu ACLs, expected at most %d", r->n_acls, CONTROLS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < r->n_acls; i++) {
		const char *name = r->acls[i].acl_name;

		if (!*name || strlen(name) > CONTROL_NAME_MAX) {
			snprintf(why, cap, "acl %.64s, expected a name of 1 to %d octets", name,
				CONTROL_NAME_MAX);
			return -EINVAL;
		}
		if (find_acl(r->acls, i, name)) {
			snprintf(why, cap, "RFC 9133 3.2.2.1: acl %.64s is named twice", name);
			return -EINVAL;
		}
		if (r->acls_known && !is_recorded(w, r->asker, name, goes)) {
			snprintf(why, cap,
				"RFC 9133 3.2.1: acl %.64s is on record at none of the providers "
				"that are asked for this",
				name);
			return -ENXIO;
		}
	}
	return 0;
}

/* ---- what is to be told at a server ---- */

/* Those that were told stay known there, whatever the data channel can say of them just now; unless
 * the server has said that it lacks one: then those count that are on record. */
static const char *
name_there(
	const struct wishes *w, const struct placement *p, const struct wish *wish, const char *acl)
{
	uint32_t domain = w->homing->servers[p->server]->domain;
	const char *there = record_of(w, domain, wish->asker, acl);
	bool lacks = p->control_code == COAP_404_NOT_FOUND;

	for (size_t i = 0; !there && !lacks && i < p->controls.n; i++)
		if (!strcmp(p->controls.list[i].acl, acl))
			there = p->controls.list[i].there;
	return there;
}

/* Where two wishes want another thing of one filter, what was said last counts. */
static struct controls
wanted(const struct wishes *w, const struct placement *p)
{
	wall_ms said[CONTROLS_MAX];
	struct controls c;

	controls_begin(&c, CONTROLS_MAX);
	for (size_t i = 0; i < p->n_asks; i++) {
		const struct wish *wish = wish_get(w, p->asks[i]);

		for (size_t k = 0; wish && !wish->releasing && k < wish->n_acls; k++) {
			const struct acl_entry *e = &wish->acls[k];
			const char *there = name_there(w, p, wish, e->acl_name);
			struct controlled *known = there ? list_find(&c, there) : NULL;

			if (known && said[known - c.list] < wish->controlled) {
				known->type = filter_control_type(e);
				said[known - c.list] = wish->controlled;
			} else if (there && !known && c.n < CONTROLS_MAX) {
				said[c.n] = wish->controlled;
				controls_add(&c, e->acl_name, there, filter_control_type(e));
			}
		}
	}
	return c;
}

static bool
any_wanted(const struct wishes *w, const struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++) {
		const struct wish *wish = wish_get(w, p->asks[i]);

		if (wish && wish->n_acls)
			return true;
	}
	return false;
}

static void
list_as_sent(struct placement *p)
{
	p->acls = arena_alloc(p->controls.arena, p->controls.n + 1, sizeof(*p->acls));
	for (size_t i = 0; i < p->controls.n; i++)
		p->acls[i] =
			(struct acl_entry){.has = 1ULL << ACL_NAME | 1ULL << ACL_ACTIVATION_TYPE,
				.acl_name = p->controls.list[i].there,
				.activation_type = p->controls.list[i].type};
}

void
control_set(struct wishes *w, struct placement *p, const struct controls *list,
	enum control_state state)
{
	if (p->controls.n)
		LIST_REMOVE(p, controlling);
	list_free(&p->controls);
	p->controls = *list;
	p->control = list->n ? state : CONTROL_NONE;
	p->control_at = INT64_MAX;
	p->control_code = 0;
	p->control_why = NULL;
	if (list->n) {
		list_as_sent(p);
		LIST_INSERT_HEAD(&w->controlling, p, controlling);
	}
	placement_file(w, p);
}

void
control_explain(struct placement *p, const char *why)
{
	p->control_why = arena_text(p->controls.arena, why, strnlen(why, WISH_WHY_MAX - 1));
}

void
control_finish(struct placement *p)
{
	if (p->controls.n)
		LIST_REMOVE(p, controlling);
	list_free(&p->controls);
	list_free(&p->changed);
}

mono_ms
control_deadline(const struct placement *p)
{
	return p->control == CONTROL_LATER && p->state == PLACEMENT_PLACED && !p->superseded
		       ? p->control_at
		       : INT64_MAX;
}

/* ---- the next mid ---- */

/* M14: the copies of one request share its mid. */
static uint32_t
next_mid(struct wishes *w, const struct placement *p, wall_ms wall)
{
	const struct homing *h = w->homing;
	bool all = h->domains[h->servers[p->server]->domain].attachments == ATTACHMENTS_ALL;

	for (size_t i = 0; all && i < w->n_placements; i++) {
		const struct placement *o = w->placements[i];

		if (o->sequel && o->follows == p->mid && o->server != p->server &&
			!strcmp(o->domain, p->domain) && o->index == w->live &&
			!placement_find(w, p->server, o->mid))
			return o->mid;
	}
	return store_take_mid(w, p->domain, wall);
}

/* How it is goes on with it. */
static void
inherit(struct placement *n, const struct placement *p)
{
	n->sequel = true;
	n->follows = p->mid;
	n->status = p->status;
	n->granted = p->granted;
	n->conflict = p->conflict;
	n->counted = p->counted;
	n->bytes_dropped = p->bytes_dropped;
	n->pkts_dropped = p->pkts_dropped;
	n->bps_dropped = p->bps_dropped;
	n->pps_dropped = p->pps_dropped;
	if (p->changed.n)
		n->changed = list_copy(&p->changed);
}

/* The same once more under the next mid, in the place of p when it is accepted. Takes the list. */
static struct placement *
follow(struct wishes *w, struct placement *p, const struct controls *list, enum control_state state,
	mono_ms now, wall_ms wall)
{
	struct placement *n = placement_new(
		w, p->server, next_mid(w, p, wall), &p->target, p->trigger_mitigation, p->lifetime);

	placement_tell(n, p->names, p->n_names);
	inherit(n, p);
	control_set(w, n, list, state);
	placement_set_asks(w, n, (const char *const *)p->asks, p->n_asks);
	p->superseded = true;
	placement_file(w, p);
	store_placement(w, p, now, wall);
	placement_queue(w, n, now);
	store_placement(w, n, now, wall);
	wish_changed(w, n);
	return n;
}

static size_t
said_bytes(const struct placement *p, const struct controls *c)
{
	size_t n = 9 * p->target.n_target_port_range + 2 * p->target.n_target_protocol;
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < p->target.n_target_prefix; i++)
		n += strlen(prefix_format(&p->target.target_prefix[i], text)) + 2;
	for (size_t i = 0; i < p->n_names; i++)
		n += strlen(p->names[i].text) + 3;
	for (size_t i = 0; i < c->n; i++)
		n += strlen(c->list[i].there) + ENTRY_BYTES;
	return n;
}

static void
report(struct wishes *w, enum wish_report what, const struct placement *p, const char *why)
{
	struct wish_action *a = wish_report(w, what, p->n_asks ? p->asks[0] : "", p, NULL, why);

	a->code = p->control_code;
	a->section = "RFC 9133 3.2.1";
	control_format(p->controls.list, p->controls.n, a->acls, sizeof(a->acls));
}

/* Nothing is sent: why. Takes the list. */
static void
refuse_here(struct wishes *w, struct placement *p, const struct controls *list, const char *why,
	mono_ms now, wall_ms wall)
{
	control_set(w, p, list, CONTROL_REFUSED);
	control_explain(p, why);
	if (!w->unable[p->server]) /* that was told once, for all */
		report(w, WISH_REPORT_UNCONTROLLED, p, why);
	store_placement(w, p, now, wall);
	wish_changed(w, p);
}

static bool
may_follow(const struct wishes *w, const struct placement *p)
{
	return p->index == w->live && p->state == PLACEMENT_PLACED && p->trigger_mitigation &&
	       w->available[p->server] != SERVER_UNAVAILABLE;
}

void
control_review(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	struct controls list;
	bool same;

	if (!may_follow(w, p) || (!p->controls.n && !any_wanted(w, p)))
		return;
	list = wanted(w, p);
	same = list_equal(&list, &p->controls);
	if (!list.n || (same && p->control != CONTROL_NONE)) {
		list_free(&list);
		if (!same) {
			control_set(w, p, &list, CONTROL_NONE);
			store_placement(w, p, now, wall);
		}
	} else if (w->unable[p->server]) {
		refuse_here(w, p, &list, "its server does not know of filter control", now, wall);
	} else if (said_bytes(p, &list) > SAID_BYTES) {
		refuse_here(w, p, &list,
			"RFC 9132 7.3: with its targets they do not fit a datagram", now, wall);
	} else {
		follow(w, p, &list, CONTROL_ASKED, now, wall);
	}
}

static void
forget_failure(struct wishes *w, struct placement *p)
{
	if (p->control != CONTROL_LATER && p->control != CONTROL_REFUSED)
		return;
	p->control = CONTROL_NONE;
	placement_file(w, p);
}

void
control_retry(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	forget_failure(w, p);
	control_review(w, p, now, wall);
}

void
control_ask_again(struct placement *p)
{
	p->sequel = false;
	if (p->control == CONTROL_ASKED)
		p->control = CONTROL_NONE;
}

void
control_again(struct wishes *w, struct wish *wish, mono_ms now, wall_ms wall)
{
	for (size_t i = wish->n_held; i-- > 0;)
		control_retry(w, wish->held[i], now, wall);
}

/* ---- answers ---- */

void
control_accepted(struct wishes *w, struct placement *p, bool lost)
{
	if (lost && p->control == CONTROL_DONE)
		p->control = CONTROL_NONE; /* with all it was told */
	if (p->control != CONTROL_ASKED)
		return;
	p->control = CONTROL_DONE;
	report(w, WISH_REPORT_CONTROLLED, p, "");
}

static struct placement *
predecessor(const struct wishes *w, const struct placement *p)
{
	struct placement *old = p->sequel ? placement_find(w, p->server, p->follows) : NULL;

	return old && old->superseded && old->state == PLACEMENT_PLACED ? old : NULL;
}

static const char *
reason_of(const struct wish_answer *a)
{
	if (a->acls_failed)
		return "it could not put them in force (RFC 9133 figure 1)";
	if (a->code == COAP_400_BAD_REQUEST)
		return "its server does not know of filter control: not tried again there";
	if (a->code == COAP_404_NOT_FOUND)
		return "it has no such ACL of ours";
	return a->why && *a->why ? a->why : "refused by the server";
}

/* Said once of each list. */
static void
note_failure(
	struct wishes *w, struct placement *p, const struct wish_answer *a, bool known, mono_ms now)
{
	int64_t pause = a->max_age ? (int64_t)a->max_age : (int64_t)a->conflict.retry_timer;
	bool again = placement_is_for_now(a->code) || a->conflict.retry_timer;

	pause = !pause ? CONTROL_RETRY_MS / 1000 : pause < PAUSE_S ? PAUSE_S : pause;
	p->control = again ? CONTROL_LATER : CONTROL_REFUSED;
	p->control_at = again ? now + pause * 1000 : INT64_MAX;
	p->control_code = a->code;
	control_explain(p, reason_of(a));
	if (!known)
		report(w, WISH_REPORT_UNCONTROLLED, p, p->control_why);
}

static void
look_again(struct wishes *w, const struct placement *p)
{
	struct wish_action *a = wish_queue(w, WISH_ACTION_LOOK, p->n_asks ? p->asks[0] : "");

	a->domain = homing_domain(w->homing, p->domain);
}

/* What stood before stands, or is said again: nobody is sure at a server that fails. */
static struct placement *
fall_back(struct wishes *w, struct placement *p, struct placement *old, mono_ms now)
{
	struct controls list = list_copy(&p->controls);

	control_set(w, old, &list, CONTROL_REFUSED);
	old->superseded = false;
	placement_queue(w, old, now);
	placement_drop(w, p);
	return old;
}

/* 3.2.1: at once the same without them, with a new mid; either of those before may stand. */
static struct placement *
go_on_without(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	struct controls list = list_copy(&p->controls), none = {0};

	p->exchange = EXCHANGE_NONE;
	p->due = INT64_MAX;
	control_set(w, p, &none, CONTROL_NONE);
	return follow(w, p, &list, CONTROL_REFUSED, now, wall);
}

/* RFC 9132 4.4.1.3 has a refresh repeat all parameters, RFC 9133 leaves these out: to a server that
 * minds, the request is another one from now on, without them. */
static bool
minds_refresh(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	struct controls list;

	if (a->code != COAP_400_BAD_REQUEST || p->state != PLACEMENT_PLACED || !p->said ||
		p->superseded)
		return false;
	list = list_copy(&p->controls);
	p->exchange = EXCHANGE_NONE;
	p->due = INT64_MAX;
	follow(w, p, &list, p->control, now, wall);
	return true;
}

bool
control_refused(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	struct placement *old = predecessor(w, p), *holder = p;
	bool known;

	if (minds_refresh(w, p, a, now, wall))
		return true;
	if (p->control != CONTROL_ASKED || p->state != PLACEMENT_WANTED)
		return false;
	known = old && old->control_code == a->code && list_equal(&old->controls, &p->controls);
	if (a->acls_failed)
		holder = go_on_without(w, p, now, wall);
	else if (old)
		holder = fall_back(w, p, old, now);
	else
		placement_queue(w, p, now);
	if (a->code == COAP_400_BAD_REQUEST) {
		known = w->unable[holder->server];
		w->unable[holder->server] = true;
	} else if (a->code == COAP_404_NOT_FOUND) {
		look_again(w, holder);
	}
	note_failure(w, holder, a, known, now);
	placement_file(w, holder);
	store_placement(w, holder, now, wall);
	wish_changed(w, holder);
	return true;
}

const struct placement *
control_holder(const struct wish *wish, const struct placement *p)
{
	const struct placement *last = p;

	for (size_t i = 0; p->superseded && i < wish->n_held; i++) {
		const struct placement *o = wish->held[i];

		if (o->sequel && o->server == p->server && o->state == PLACEMENT_WANTED &&
			o->mid > last->mid && target_overlaps(&o->target, &p->target))
			last = o;
	}
	return last;
}

/* ---- what the server tells ---- */

/* What it says again of what we have made of them is no change. */
static bool
is_as_asked(const struct placement *p, const struct controlled *known, const struct acl_entry *e)
{
	return known && p->control == CONTROL_DONE && known->type == filter_control_type(e);
}

/* By our names, as far as they are controlled. */
static struct controls
changed_of(const struct placement *p, const struct scope *entry)
{
	struct controls c;

	controls_begin(&c, CONTROLS_MAX);
	for (size_t i = 0; i < entry->n_acl_list && c.n < CONTROLS_MAX; i++) {
		const struct acl_entry *e = &entry->acl_list[i];
		const struct controlled *known = list_find(&p->controls, e->acl_name);

		if (!list_find(&c, e->acl_name) && !is_as_asked(p, known, e))
			controls_add(&c, known ? known->acl : e->acl_name, e->acl_name,
				filter_control_type(e));
	}
	return c;
}

void
control_told(struct wishes *w, struct placement *p, const struct scope *entry)
{
	struct controls list;
	struct wish_action *a;

	if (!SCOPE_HAS(entry, ACL_LIST))
		return;
	list = changed_of(p, entry);
	if (list_equal(&list, &p->changed)) {
		list_free(&list);
		return;
	}
	list_free(&p->changed);
	p->changed = list;
	if (!list.n)
		return;
	a = wish_report(w, WISH_REPORT_CHANGED, p->n_asks ? p->asks[0] : "", p, NULL,
		"the server tells that these filters have become that");
	a->section = "RFC 9133 3.2.1";
	control_format(list.list, list.n, a->acls, sizeof(a->acls));
}

/* ---- conflicts with filters ---- */

struct candidates {
	char *text;
	size_t len, cap;
};

static void
add_candidate(struct candidates *c, const char *name)
{
	if (c->len < c->cap)
		c->len += (size_t)snprintf(
			c->text + c->len, c->cap - c->len, "%s%s", c->len ? "," : "", name);
}

void
control_candidates(struct wishes *w, const struct placement *p, const struct scope *entry,
	char *ret, size_t cap)
{
	const struct conflict_scope *s = &entry->conflict_information.conflict_scope;
	uint32_t domain = w->homing->servers[p->server]->domain;
	struct candidates c = {ret, 0, cap};
	const char *name;

	*ret = '\0';
	for (size_t i = 0; i < s->n_acl_list; i++)
		if (record_of(w, domain, "", s->acl_list[i].acl_name))
			add_candidate(&c, s->acl_list[i].acl_name);
	for (size_t i = 0; !c.len && w->records.accepting && i < CONTROLS_MAX &&
			   (name = w->records.accepting(w->records.arg, domain, i));
		i++)
		add_candidate(&c, name);
}

/* ---- for others ---- */

void
wishes_set_records(struct wishes *w, const struct wish_records *r)
{
	w->records = *r;
}

void
wishes_recorded(struct wishes *w, uint32_t domain, mono_ms now, wall_ms wall)
{
	for (size_t i = 0; i < w->n; i++) {
		struct wish *wish = w->list[i];

		for (size_t k = wish->n_acls ? wish->n_held : 0; k-- > 0;) {
			struct placement *p = wish->held[k];

			if (w->homing->servers[p->server]->domain != domain)
				continue;
			if (p->control_code == COAP_404_NOT_FOUND)
				forget_failure(w, p);
			control_review(w, p, now, wall);
		}
	}
}

static bool
controls_now(const struct placement *p)
{
	return (p->state == PLACEMENT_WANTED || p->state == PLACEMENT_PLACED) &&
	       (p->control == CONTROL_ASKED || p->control == CONTROL_DONE);
}

enum activation_type
wishes_controlled(const struct wishes *w, const char *domain, const char *there)
{
	const struct placement *p, *last = NULL;

	LIST_FOREACH(p, &w->controlling, controlling)
		if (controls_now(p) && !strcmp(p->domain, domain) &&
			list_find(&p->controls, there) && (!last || p->mid > last->mid))
			last = p;
	return last ? list_find(&last->controls, there)->type : 0;
}
