/*
 * Wishes, placements and identities as records of the store (M16): kinds "wish", "placement",
 * "identity".
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/name_record.h"
#include "homing/placement.h"
#include "wire/coap.h"

enum { MID_BLOCK = 64, TARGET_MAX = 256 * 1024, RENAME_GAP_MS = 3600 * 1000 };

static const char *const state_names[] = {[PLACEMENT_WANTED] = "wanted",
	[PLACEMENT_PLACED] = "placed",
	[PLACEMENT_REFUSED] = "refused",
	[PLACEMENT_ENDED] = "ended",
	[PLACEMENT_GOING] = "going"};

void
store_begin(struct wishes *w, const char *owner)
{
	static const char *const names[] = {[STORE_IDENTITY] = "identity",
		[STORE_WISH] = "wish",
		[STORE_PLACEMENT] = "placement"};

	for (int i = 0; i < STORE_KINDS; i++)
		w->kinds[i] = owner ? mem_printf("%s of %s", names[i], owner) : mem_text(names[i]);
}

static void
away_free(struct away *a)
{
	free(a->key);
	free(a->value);
}

void
store_end(struct wishes *w)
{
	for (int i = 0; i < STORE_KINDS; i++)
		free(w->kinds[i]);
	for (size_t i = 0; i < w->n_away; i++)
		away_free(&w->away[i]);
	free(w->away);
}

static void
put(struct wishes *w, enum store_kind kind, const char *key, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	persist_put(w->persist, w->kinds[kind], key, text);
	free(text);
	json_decref(j);
}

static json_t *
target_json(const struct target *t, bool trigger, struct acl_entry *acls, size_t n_acls)
{
	struct scope s = {.target = *t,
		.trigger_mitigation = trigger,
		.acl_list = acls,
		.n_acl_list = n_acls};
	struct buf out;
	json_t *j;

	s.has = (t->n_target_prefix ? 1ULL << SCOPE_TARGET_PREFIX : 0) |
		(t->n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		(t->n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0) |
		1ULL << SCOPE_TRIGGER_MITIGATION | (n_acls ? 1ULL << SCOPE_ACL_LIST : 0);
	buf_init(&out, TARGET_MAX);
	schema_encode_json(&scope_schema, &s, &out);
	j = json_string(buf_text(&out));
	buf_finish(&out);
	return j;
}

static bool
target_from(const json_t *j, struct arena *a, struct scope *ret)
{
	const char *text = json_string_value(j);
	struct schema_error err;

	return text && schema_decode_json(&scope_schema, a, text, strlen(text), ret, &err) == 0;
}

static const char *
text_of(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s ? s : "";
}

static json_int_t
number_of(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

/* Seconds to be asked for; 0, the usual, for what no request can hold. */
static int64_t
lifetime_of(const json_t *j)
{
	json_int_t n = number_of(j, "lifetime");

	return n < LIFETIME_INDEFINITE || n > INT32_MAX ? 0 : n;
}

static uint8_t
hop_limit_of(const json_t *j)
{
	json_int_t n = number_of(j, "hop-limit");

	return n < 0 || n > COAP_HOP_LIMIT_MAX ? 0 : (uint8_t)n;
}

/* ---- identities ---- */

void
store_put_identity(struct wishes *w, const char *domain, const struct identity *id)
{
	put(w, STORE_IDENTITY, domain,
		json_pack("{ss sI sI}", "cuid", id->cuid ? id->cuid : "", "next_mid",
			(json_int_t)id->reserved, "renamed", (json_int_t)id->renamed));
}

struct identity *
store_identity(struct wishes *w, const char *domain, wall_ms wall)
{
	struct identity *id = map_get(w->identities, domain, strlen(domain));

	if (id)
		return id;
	id = mem_new(sizeof(*id));
	/* Never seen, or lost: above whatever an earlier life may have used. */
	id->next_mid = id->reserved = (uint32_t)(wall / 1000);
	map_set(w->identities, domain, strlen(domain), id);
	return id;
}

/* What a server says does not use up the numbers: the last ones are not given away. */
void
store_raise_mid(struct wishes *w, const char *domain, uint32_t mid, wall_ms wall)
{
	struct identity *id = store_identity(w, domain, wall);

	if (mid < id->next_mid || mid >= MIDS_WORN)
		return;
	id->next_mid = id->reserved = mid + 1;
}

/* A block is on disk before its first mid is used, so a crash never uses one twice. */
uint32_t
store_take_mid(struct wishes *w, const char *domain, wall_ms wall)
{
	struct identity *id = store_identity(w, domain, wall);

	if (id->next_mid == id->reserved) {
		id->reserved += MID_BLOCK;
		store_put_identity(w, domain, id);
	}
	id->next_mid++;
	w->worn = w->worn || id->next_mid >= MIDS_WORN;
	return id->next_mid - 1;
}

/* After the clock was set back it is not known how long that is ago. */
bool
store_rename(struct wishes *w, const char *domain, const char *cuid, wall_ms wall)
{
	struct identity *id = store_identity(w, domain, wall);

	if (wall >= id->renamed && wall - id->renamed < RENAME_GAP_MS)
		return false;
	free(id->cuid);
	id->cuid = mem_text(cuid);
	id->renamed = wall;
	store_put_identity(w, domain, id);
	return true;
}

static void
restore_identity(void *arg, const char *key, const char *value)
{
	struct wishes *w = arg;
	json_t *j = json_loads(value, 0, NULL);
	struct identity *id = mem_new(sizeof(*id));
	const char *cuid = text_of(j, "cuid");

	id->cuid = *cuid ? mem_text(cuid) : NULL;
	id->next_mid = id->reserved = (uint32_t)number_of(j, "next_mid");
	id->renamed = number_of(j, "renamed");
	w->worn = w->worn || id->next_mid >= MIDS_WORN;
	map_set(w->identities, key, strlen(key), id);
	json_decref(j);
}

/* ---- wishes ---- */

void
store_wish(struct wishes *w, const struct wish *wish)
{
	put(w, STORE_WISH, wish->id,
		json_pack("{ss so so* sb sI si sI sI sI}", "asker", wish->asker, "target",
			target_json(
				&wish->literal, wish->trigger_mitigation, wish->acls, wish->n_acls),
			"names", name_record_write(wish->names, wish->n_names), "led", wish->led,
			"lifetime", (json_int_t)wish->lifetime, "hop-limit", wish->hop_limit,
			"controlled", (json_int_t)wish->controlled, "asked",
			(json_int_t)wish->asked, "until", (json_int_t)wish->until));
}

void
store_forget_wish(struct wishes *w, const char *id)
{
	persist_remove(w->persist, w->kinds[STORE_WISH], id);
}

struct restoring {
	struct wishes *w;
	mono_ms now;
	wall_ms wall;
};

/* By the clock, which may have been set back meanwhile: never more than it had. */
static int64_t
left(wall_ms moment, wall_ms wall, int64_t most)
{
	int64_t by_clock = persist_until(moment, wall);

	return by_clock < most ? by_clock : most;
}

static void
restore_wish(void *arg, const char *key, const char *value)
{
	struct restoring *r = arg;
	json_t *j = json_loads(value, 0, NULL);
	struct wish *wish = mem_new(sizeof(*wish));
	struct name *names;
	struct scope s;
	size_t n;

	wish->arena = arena_new();
	if (!target_from(json_object_get(j, "target"), wish->arena, &s)) {
		arena_free(wish->arena);
		free(wish);
		json_decref(j);
		return;
	}
	wish->id = mem_text(key);
	wish->asker = mem_text(text_of(j, "asker"));
	wish->literal = s.target;
	n = name_record_read(json_object_get(j, "names"), wish->arena, &names);
	seek_set_names(wish, names, n);
	wish->led = json_is_true(json_object_get(j, "led"));
	wish->trigger_mitigation = s.trigger_mitigation;
	wish->lifetime = lifetime_of(j);
	wish->hop_limit = hop_limit_of(j);
	control_want(
		wish, s.acl_list, s.n_acl_list < CONTROLS_MAX ? s.n_acl_list : CONTROLS_MAX, 0);
	wish->controlled = number_of(j, "controlled");
	wish->asked = persist_until(number_of(j, "asked"), 0);
	wish->until = persist_until(number_of(j, "until"), 0);
	wish_add(r->w, wish,
		wish->until ? r->now + left(wish->until, r->wall, wish->until - wish->asked)
			    : INT64_MAX);
	json_decref(j);
}

/* ---- placements ---- */

static void
placement_key(const struct placement *p, char *key, size_t cap)
{
	snprintf(key, cap, "%s/%s/%u", p->domain, p->server_name, p->mid);
}

static const char *const control_names[] = {[CONTROL_NONE] = "none",
	[CONTROL_ASKED] = "asked",
	[CONTROL_DONE] = "done",
	[CONTROL_LATER] = "later",
	[CONTROL_REFUSED] = "refused"};

/* NULL: there is nothing of filters in it. */
static json_t *
controls_json(const struct placement *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->controls.n; i++) {
		const struct controlled *c = &p->controls.list[i];

		json_array_append_new(
			list, json_pack("{ss ss ss}", "acl", c->acl, "there", c->there, "type",
				      activation_type_name((int)c->type)));
	}
	if (!p->sequel && !p->controls.n) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{so ss si ss sb sb sI}", "list", list, "state", control_names[p->control],
		"code", p->control_code, "why", p->control_why ? p->control_why : "", "said",
		p->said, "sequel", p->sequel, "follows", (json_int_t)p->follows);
}

static json_t *
placement_json(const struct placement *p, mono_ms now, wall_ms wall)
{
	wall_ms expires = p->expires == INT64_MAX ? -1 : p->expires ? wall + (p->expires - now) : 0;
	json_t *asks = json_array();

	for (size_t i = 0; i < p->n_asks; i++)
		json_array_append_new(asks, json_string(p->asks[i]));
	return json_pack("{ss ss sI so so* so* ss si ss sI sI so sb sI}", "domain", p->domain,
		"server", p->server_name, "mid", (json_int_t)p->mid, "target",
		target_json(&p->target, p->trigger_mitigation, NULL, 0), "controls",
		controls_json(p), "names", name_record_write(p->names, p->n_names), "state",
		state_names[p->state], "code", p->code, "why", p->why, "lifetime",
		(json_int_t)p->lifetime, "expires", (json_int_t)expires, "asks", asks, "standby",
		p->standby, "status", (json_int_t)p->status);
}

void
store_placement(struct wishes *w, const struct placement *p, mono_ms now, wall_ms wall)
{
	char key[640];

	placement_key(p, key, sizeof(key));
	put(w, STORE_PLACEMENT, key, placement_json(p, now, wall));
}

void
store_forget_placement(struct wishes *w, const struct placement *p)
{
	char key[640];

	placement_key(p, key, sizeof(key));
	persist_remove(w->persist, w->kinds[STORE_PLACEMENT], key);
}

static void
restore_list(const json_t *j, struct controls *c)
{
	const json_t *item;
	size_t i;

	controls_begin(c, CONTROLS_MAX);
	json_array_foreach(j, i, item) {
		enum activation_type type = activation_type_parse(text_of(item, "type"));

		if (type && c->n < CONTROLS_MAX)
			controls_add(c, text_of(item, "acl"), text_of(item, "there"), type);
	}
}

/* How long to wait after a failure is not known any more. */
static void
restore_controls(const struct restoring *r, struct placement *p, const json_t *j)
{
	enum control_state state = CONTROL_NONE;
	struct controls list;

	if (!j)
		return;
	for (int s = 0; s <= CONTROL_REFUSED; s++)
		if (!strcmp(text_of(j, "state"), control_names[s]))
			state = (enum control_state)s;
	restore_list(json_object_get(j, "list"), &list);
	control_set(r->w, p, &list, state);
	p->control_at = r->now + CONTROL_RETRY_MS;
	p->control_code = (uint8_t)number_of(j, "code");
	control_explain(p, text_of(j, "why"));
	p->said = json_is_true(json_object_get(j, "said"));
	p->sequel = json_is_true(json_object_get(j, "sequel"));
	p->follows = (uint32_t)number_of(j, "follows");
}

static void
restore_fields(struct placement *p, const json_t *j, const struct restoring *r)
{
	wall_ms expires = number_of(j, "expires");
	json_t *asks = json_object_get(j, "asks");
	int64_t most = p->lifetime > 0 ? p->lifetime * 1000 : INT64_MAX / 2;
	size_t n = 0;
	const char **list = mem_array(json_array_size(asks), sizeof(char *));
	struct name *names;

	p->n_names = name_record_read(json_object_get(j, "names"), p->arena, &names);
	p->names = names;
	for (size_t i = 0; i < json_array_size(asks); i++)
		if (json_is_string(json_array_get(asks, i)))
			list[n++] = json_string_value(json_array_get(asks, i));
	placement_set_asks(r->w, p, list, n);
	free(list);
	for (int s = 0; s <= PLACEMENT_GOING; s++)
		if (!strcmp(text_of(j, "state"), state_names[s]))
			p->state = s;
	p->code = (uint8_t)number_of(j, "code");
	snprintf(p->why, sizeof(p->why), "%s", text_of(j, "why"));
	p->expires = expires < 0 ? INT64_MAX : expires ? r->now + left(expires, r->wall, most) : 0;
	p->standby = json_is_true(json_object_get(j, "standby"));
	p->status = (uint64_t)number_of(j, "status");
	restore_controls(r, p, json_object_get(j, "controls"));
	p->sent = true; /* it may have left before we went down */
}

static void
add_away(struct wishes *w, const char *key, const char *value)
{
	if (w->n_away == w->cap_away) {
		w->cap_away = w->cap_away ? 2 * w->cap_away : 8;
		w->away = mem_grow(w->away, w->cap_away, sizeof(*w->away));
	}
	w->away[w->n_away++] = (struct away){mem_text(key), mem_text(value)};
}

/* One of that name and port, over whatever link. */
static uint32_t
server_alike(const struct homing *h, const char *domain, const char *id)
{
	int d = homing_domain(h, domain);
	size_t len = strcspn(id, "%");

	for (size_t i = 0; d >= 0 && i < h->domains[d].n_servers; i++) {
		const struct domain_server *s = h->domains[d].servers[i];

		if (strcspn(s->id, "%") == len && !memcmp(s->id, id, len))
			return s->ordinal;
	}
	return UINT32_MAX;
}

static bool
restore_at(const struct restoring *r, uint32_t server, const json_t *j)
{
	uint32_t mid = (uint32_t)number_of(j, "mid");
	struct arena *a = arena_new();
	struct scope s;
	struct placement *p;
	bool fits = server != UINT32_MAX && !placement_find(r->w, server, mid) &&
		    target_from(json_object_get(j, "target"), a, &s);

	if (fits) {
		p = placement_new(
			r->w, server, mid, &s.target, s.trigger_mitigation, lifetime_of(j));
		restore_fields(p, j, r);
		placement_resume(r->w, p, r->now);
	}
	arena_free(a);
	return fits;
}

static void
restore_placement(void *arg, const char *key, const char *value)
{
	struct restoring *r = arg;
	json_t *j = json_loads(value, 0, NULL);
	const char *domain = text_of(j, "domain");
	uint32_t server = placement_server(r->w->homing, domain, text_of(j, "server"));

	if (server == UINT32_MAX && homing_awaits_server(r->w->homing, domain))
		add_away(r->w, key, value);
	else if (!restore_at(r, server, j))
		persist_remove(r->w->persist, r->w->kinds[STORE_PLACEMENT],
			key); /* that server is no longer ours */
	json_decref(j);
}

/* False: it still waits. The link that its server was found on may be another one, or not be told
 * this time: its record moves. */
static bool
bring_back(const struct restoring *r, const struct away *a)
{
	json_t *j = json_loads(a->value, 0, NULL);
	const char *domain = text_of(j, "domain");
	uint32_t server = server_alike(r->w->homing, domain, text_of(j, "server"));
	bool waits = homing_awaits_server(r->w->homing, domain);

	if (!waits) {
		persist_remove(r->w->persist, r->w->kinds[STORE_PLACEMENT], a->key);
		if (restore_at(r, server, j))
			store_placement(r->w,
				placement_find(r->w, server, (uint32_t)number_of(j, "mid")), r->now,
				r->wall);
	}
	json_decref(j);
	return !waits;
}

void
store_put_away(struct wishes *w, const struct placement *p, mono_ms now, wall_ms wall)
{
	json_t *j = placement_json(p, now, wall);
	char key[640], *text = json_dumps(j, JSON_COMPACT);

	placement_key(p, key, sizeof(key));
	persist_put(w->persist, w->kinds[STORE_PLACEMENT], key, text);
	add_away(w, key, text);
	free(text);
	json_decref(j);
}

void
store_bring_back(struct wishes *w, mono_ms now, wall_ms wall)
{
	const struct restoring r = {w, now, wall};
	size_t n = 0;

	for (size_t i = 0; i < w->n_away; i++)
		if (bring_back(&r, &w->away[i]))
			away_free(&w->away[i]);
		else
			w->away[n++] = w->away[i];
	w->n_away = n;
}

void
store_restore(struct wishes *w, mono_ms now, wall_ms wall)
{
	struct restoring r = {w, now, wall};

	persist_each(w->persist, w->kinds[STORE_IDENTITY], restore_identity, w);
	persist_each(w->persist, w->kinds[STORE_WISH], restore_wish, &r);
	persist_each(w->persist, w->kinds[STORE_PLACEMENT], restore_placement, &r);
}
