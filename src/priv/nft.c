/*
 * What the table holds, and the one transaction that takes it from there to what is wanted.
 */
#include "priv/nft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "priv/nft_acl.h"
#include "priv/nft_flow.h"
#include "priv/nft_rule.h"

enum { BATCH_MAX = 1024 * 1024 * 1024, LIST_TRIES = 8 };

/* A mitigation as it stands in the table. */
struct rule {
	struct arena *arena;
	struct filter filter;
	struct nft_client *client;
	uint64_t digest;
	bool fresh;    /* to be written in the transaction under way */
	bool gone;     /* to be removed by it */
	bool standing; /* while reconciling: its counter tells of the same contents */
};

/* ---- changes ---- */

uint64_t
nft_state_digest(const struct filter_msg *m)
{
	struct buf out;
	uint64_t h;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(m, &out);
	h = nft_msg_hash(out.bytes, out.len);
	buf_finish(&out);
	return h;
}

static void
change_init(struct nft_change *c, struct nft *t)
{
	*c = (struct nft_change){.t = t, .clients = map_new()};
	buf_init(&c->frame, BATCH_MAX);
	buf_init(&c->elements_out, BATCH_MAX);
	buf_init(&c->parts_out, BATCH_MAX);
	buf_init(&c->parts_in, BATCH_MAX);
	buf_init(&c->elements_in, BATCH_MAX);
}

static const char *
change_run(struct nft_change *c)
{
	struct nft *t = c->t;
	struct buf *parts[] = {
		&c->frame, &c->elements_out, &c->parts_out, &c->parts_in, &c->elements_in};
	struct buf all;

	buf_init(&all, BATCH_MAX);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_bytes(&all, parts[i]->bytes, parts[i]->len);
		all.failed |= parts[i]->failed;
		buf_finish(parts[i]);
	}
	t->synced = nft_link_run(t->link, &all, t->error);
	buf_finish(&all);
	map_free(c->clients);
	return t->synced ? NULL : t->error;
}

/* ---- clients ---- */

static void
touch_client(struct nft_change *c, struct nft_client *client)
{
	map_set(c->clients, &client->key, sizeof(client->key), client);
}

struct nft_client *
nft_state_client(const struct nft *t, const char *name)
{
	uint64_t key = nft_msg_hash(name, strlen(name));

	return map_get(t->clients, &key, sizeof(key));
}

struct nft_client *
nft_state_need_client(struct nft_change *c, const char *name)
{
	struct nft_client *client = nft_state_client(c->t, name);

	if (!client) {
		uint64_t key = nft_msg_hash(name, strlen(name));

		client = mem_new(sizeof(*client));
		client->key = key;
		client->fresh = true;
		map_set(c->t->clients, &key, sizeof(key), client);
	}
	touch_client(c, client);
	return client;
}

static bool
settle_client(void *arg, const void *key, size_t len, void *value)
{
	struct nft_change *c = arg;
	struct nft_client *client = value;

	if (!client->n_rules && !client->n_flows && !client->acls) {
		if (!client->fresh)
			nft_msg_client_gone(c->t->table, client->key, &c->parts_out);
		map_remove(c->t->clients, key, len);
		free(client->flows);
		free(client);
		return true;
	}
	if (client->fresh)
		nft_msg_client(c->t->table, client->key, &c->parts_in);
	client->fresh = false;
	return true;
}

/* These take the place of those it had; what stays is not touched in the kernel. */
static void
replace_flows(struct nft_change *c, const struct filter_flows *m)
{
	struct nft_client *client = nft_state_need_client(c, m->client);

	for (size_t i = 0; i < m->n; i++)
		nft_flows_hold(c->t->flows, &m->flows[i]);
	for (size_t i = 0; i < client->n_flows; i++)
		nft_flows_drop(c->t->flows, &client->flows[i]);
	free(client->flows);
	client->flows = m->n ? mem_copy(m->flows, m->n * sizeof(*m->flows)) : NULL;
	client->n_flows = m->n;
}

static void
put_clients(struct nft_change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_flows; i++)
		replace_flows(c, &m->flows[i]);
	map_each(c->clients, settle_client, c);
	nft_flows_update(t->flows, t->table, &c->elements_out, &c->elements_in);
}

/* ---- mitigations ---- */

static uint64_t
digest_of(const struct filter *f)
{
	struct filter copy = *f;

	return nft_state_digest(
		&(struct filter_msg){.op = FILTER_OP_COMMIT, .added = &copy, .n_added = 1});
}

static struct rule *
rule_new(struct nft_change *c, const struct filter *f, uint64_t digest)
{
	struct rule *r = mem_new(sizeof(*r));

	r->arena = arena_new();
	r->filter = filter_proto_copy(r->arena, f);
	r->digest = digest;
	r->fresh = true;
	r->client = nft_state_need_client(c, f->client);
	r->client->n_rules++;
	for (size_t i = 0; i < f->n_prefixes; i++)
		nft_map_hold(
			c->t->map, &f->prefixes[i], (struct range_id){RANGE_MITIGATION, f->id});
	return r;
}

static void
rule_free(struct rule *r)
{
	arena_free(r->arena);
	free(r);
}

/* It covers nothing any more. */
static void
rule_drop(struct nft_change *c, struct rule *r)
{
	r->client->n_rules--;
	touch_client(c, r->client);
	for (size_t i = 0; i < r->filter.n_prefixes; i++)
		nft_map_drop(c->t->map, &r->filter.prefixes[i],
			(struct range_id){RANGE_MITIGATION, r->filter.id});
	rule_free(r);
}

/* One and the same filter stays as it is, with its counter. */
static void
take(struct nft_change *c, const struct filter *f)
{
	struct nft *t = c->t;
	struct rule *old = map_get(t->rules, &f->id, sizeof(f->id));
	uint64_t digest = digest_of(f);

	if (old && old->digest == digest) {
		old->gone = false;
		return;
	}
	if (old && !old->fresh)
		nft_msg_mitigation_reset(t->table, &old->filter, &c->parts_out);
	map_set(t->rules, &f->id, sizeof(f->id), rule_new(c, f, digest));
	if (old)
		rule_drop(c, old);
}

static void
mark_gone(struct nft *t, const struct filter_msg *m)
{
	for (size_t i = 0; i < m->n_removed; i++) {
		struct rule *r = map_get(t->rules, &m->removed[i], sizeof(uint64_t));

		if (r)
			r->gone = true;
	}
}

static void
remove_gone(struct nft_change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_removed; i++) {
		struct rule *r = map_get(t->rules, &m->removed[i], sizeof(uint64_t));

		if (!r || !r->gone)
			continue;
		nft_msg_mitigation_reset(t->table, &r->filter, &c->parts_out);
		nft_msg_delete(
			t->table, NFT_CHAIN, nft_name_id("m", r->filter.id).text, &c->parts_out);
		map_remove(t->rules, &m->removed[i], sizeof(uint64_t));
		rule_drop(c, r);
		c->n_gone++;
	}
}

static void
put_fresh(struct nft_change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_added; i++) {
		struct rule *r = map_get(t->rules, &m->added[i].id, sizeof(uint64_t));

		if (!r || !r->fresh)
			continue;
		nft_msg_mitigation(t->table, &r->filter, r->client->key, r->digest, &c->parts_in);
		r->fresh = false;
		c->n_new++;
	}
}

/* ---- one change ---- */

/* Upper bound: what the same change removes is not counted off. */
static size_t
count_after(const struct nft *t, const struct filter_msg *m)
{
	size_t n = map_count(t->rules);

	for (size_t i = 0; i < m->n_added; i++)
		n += !map_get(t->rules, &m->added[i].id, sizeof(uint64_t));
	return n;
}

/* Clients there are and those that this brings; known NULL: it says all there will be. */
static size_t
count_clients(const struct map *known, const struct filter_msg *m)
{
	struct map *seen = map_new();
	size_t n = known ? map_count(known) : 0;

	for (size_t i = 0; i < m->n_flows + m->n_added + m->n_acls; i++) {
		const char *name = i < m->n_flows ? m->flows[i].client
				   : i < m->n_flows + m->n_added
					   ? m->added[i - m->n_flows].client
					   : m->acls[i - m->n_flows - m->n_added].client;
		uint64_t key = nft_msg_hash(name, strlen(name));

		if (!known || !map_get(known, &key, sizeof(key)))
			n += !map_set(seen, &key, sizeof(key), seen);
	}
	map_free(seen);
	return n;
}

const char *
nft_commit(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done)
{
	struct nft_change c;
	const char *why;

	if (!t->synced)
		return "a change before the first synchronisation";
	if (count_after(t, m) > FILTER_PROTO_FILTERS_MAX)
		return "too many filters";
	if (count_clients(t->clients, m) > FILTER_PROTO_CLIENTS_MAX)
		return "too many clients";
	why = nft_acl_check(t, m, true);
	if (why)
		return why;
	change_init(&c, t);
	mark_gone(t, m);
	for (size_t i = 0; i < m->n_added; i++)
		take(&c, &m->added[i]);
	for (size_t i = 0; i < m->n_acls; i++)
		nft_acl_take(&c, &m->acls[i]);
	remove_gone(&c, m);
	put_clients(&c, m);
	put_fresh(&c, m);
	nft_acl_put(&c, m);
	ret_done->n_new = c.n_new;
	ret_done->gone = c.n_gone;
	nft_map_update(t->map, t->table, &c.elements_out, &c.elements_in);
	return change_run(&c);
}

/* ---- reconciling ---- */

static void
note_object(void *arg, const struct nlmsghdr *h)
{
	struct nft_listing *l = arg;
	struct nft_object o;

	if (!nft_msg_parse(h, l->kind, &o) || strcmp(o.table, l->t->table) != 0)
		return;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->list = mem_grow(l->list, l->cap, sizeof(*l->list));
	}
	o.table = l->t->table;
	o.name = arena_text(l->arena, o.name, strlen(o.name));
	o.comment = arena_text(l->arena, o.comment, strlen(o.comment));
	l->list[l->n++] = o;
}

/* Empty if the table is not there yet. False: it cannot be told. */
static bool
list(struct nft *t, enum nft_kind kind, struct nft_listing *ret)
{
	struct buf question;
	int r = -EINTR;

	*ret = (struct nft_listing){.t = t, .kind = kind, .arena = arena_new()};
	buf_init(&question, BATCH_MAX);
	nft_msg_list(t->table, kind, &question);
	for (int i = 0; r == -EINTR && i < LIST_TRIES; i++) {
		ret->n = 0;
		r = nft_link_list(t->link, &question, note_object, ret);
	}
	buf_finish(&question);
	return r == 0 || r == -ENOENT;
}

static void
listing_finish(struct nft_listing *l)
{
	arena_free(l->arena);
	free(l->list);
}

uint64_t
nft_state_number(const char *name, int base)
{
	const char *digits = strchr(name, '_');

	return digits ? strtoull(digits + 1, NULL, base) : 0;
}

/* The rule that an object of mitigations, named "<x>_<id>", belongs to, or NULL. */
static struct rule *
rule_named(const struct nft *t, const char *name)
{
	uint64_t id = nft_state_number(name, 10);

	return strchr("mns", *name) ? map_get(t->rules, &id, sizeof(id)) : NULL;
}

/* Notes which wanted mitigations stand there unchanged: counter, digest and chain. */
static uint32_t
keep_standing(struct nft *t, const struct nft_listing *counters, const struct nft_listing *chains)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < counters->n; i++) {
		const struct nft_object *o = &counters->list[i];
		struct rule *r = rule_named(t, o->name);

		if (r)
			r->standing = strtoull(o->comment, NULL, 16) == r->digest;
	}
	for (size_t i = 0; i < chains->n; i++) {
		const char *name = chains->list[i].name;
		struct rule *r = rule_named(t, name);

		if (!r || !r->standing || *name != 'm')
			continue;
		r->fresh = false;
		kept++;
	}
	return kept;
}

/* Whether an object may stay; what belongs to a fresh mitigation may not, but for its chain. */
static bool
is_wanted(const struct nft_change *c, const char *name)
{
	const struct rule *r = rule_named(c->t, name);
	uint64_t key = nft_state_number(name, 16);

	if (!strchr(name, '_'))
		return nft_msg_is_frame(name);
	switch (*name) {
	case 'a':
	case 'l':
	case 'r':
	case 'x':
		return nft_acl_wants(c->t, name);
	case 'c':
		return nft_map_has_cell(c->t->map, name);
	case 'm':
		return r != NULL;
	case 'n':
	case 's':
		return r && !r->fresh;
	case 'k':
		return map_get(c->t->clients, &key, sizeof(key)) != NULL;
	}
	return false;
}

/* Empties the chains that nobody wants and those that are written anew: of ACLs those that lead to
 * them, always. */
static void
flush_strays(struct nft_change *c, const struct nft_listing *chains)
{
	for (size_t i = 0; i < chains->n; i++) {
		const char *name = chains->list[i].name;
		const struct rule *r = rule_named(c->t, name);

		if (!is_wanted(c, name) || (r && r->fresh) || *name == 'a')
			nft_rule_flush_chain(c->t->table, name, &c->parts_out);
	}
}

/* Removes the objects of one kind that nobody wants, and counts mitigations and ACLs among them. */
static void
delete_strays(struct nft_change *c, const struct nft_listing *objects)
{
	for (size_t i = 0; i < objects->n; i++) {
		const char *name = objects->list[i].name;

		if (is_wanted(c, name))
			continue;
		nft_msg_delete(c->t->table, objects->kind, name, &c->parts_out);
		c->n_gone += *name == 'm' || *name == 'a';
	}
}

static bool
forget_rule(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	rule_free(value);
	return true;
}

static bool
forget_client(void *arg, const void *key, size_t len, void *value)
{
	struct nft_client *client = value;

	(void)arg;
	(void)key;
	(void)len;
	nft_acl_free(client->acls);
	free(client->flows);
	free(client);
	return true;
}

static void
forget_all(struct nft *t)
{
	map_each(t->rules, forget_rule, NULL);
	map_each(t->clients, forget_client, NULL);
	nft_acl_forget(t);
	map_free(t->rules);
	map_free(t->clients);
	nft_map_free(t->map);
	nft_flows_free(t->flows);
}

static void
remember_nothing(struct nft *t)
{
	t->rules = map_new();
	t->clients = map_new();
	t->acl_parts = map_new();
	t->map = nft_map_new();
	t->flows = nft_flows_new();
}

/* What stands there. */
struct standing {
	struct nft_listing chains, sets, counters;
};

/* False: it cannot be told. */
static bool
standing_list(struct nft *t, struct standing *s)
{
	bool listed = list(t, NFT_CHAIN, &s->chains);

	listed = list(t, NFT_SET, &s->sets) && listed;
	return list(t, NFT_COUNTER, &s->counters) && listed;
}

static void
standing_finish(struct standing *s)
{
	listing_finish(&s->chains);
	listing_finish(&s->sets);
	listing_finish(&s->counters);
}

/* From what stands there to what is wanted. */
static void
reconcile(struct nft_change *c, const struct filter_msg *m, const struct standing *s,
	struct filter_msg *ret_done)
{
	struct nft *t = c->t;

	ret_done->kept = keep_standing(t, &s->counters, &s->chains) +
			 nft_acl_keep(t, &s->counters, &s->chains);
	nft_msg_frame(t->table, &c->frame);
	nft_msg_flush_frame(t->table, &c->elements_out);
	put_clients(c, m);
	nft_map_update(t->map, t->table, &c->elements_out, &c->elements_in);
	flush_strays(c, &s->chains);
	delete_strays(c, &s->chains);
	delete_strays(c, &s->sets);
	delete_strays(c, &s->counters);
	put_fresh(c, m);
	nft_acl_put(c, m);
	ret_done->n_new = c->n_new;
	ret_done->gone = c->n_gone;
}

/* s: what of the table may stay; NULL: nothing, it is made anew in the same transaction. */
static const char *
synchronise(struct nft *t, const struct filter_msg *m, const struct standing *s,
	struct filter_msg *ret_done)
{
	static const struct standing nothing;
	struct nft_change c;

	forget_all(t);
	remember_nothing(t);
	change_init(&c, t);
	if (!s)
		nft_msg_table_gone(t->table, &c.frame);
	for (size_t i = 0; i < m->n_added; i++)
		take(&c, &m->added[i]);
	for (size_t i = 0; i < m->n_acls; i++)
		nft_acl_take(&c, &m->acls[i]);
	reconcile(&c, m, s ? s : &nothing, ret_done);
	return change_run(&c);
}

const char *
nft_sync(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done)
{
	struct standing s;
	const char *why = nft_acl_check(t, m, false);

	if (!why && count_clients(NULL, m) > FILTER_PROTO_CLIENTS_MAX)
		why = "too many clients";
	if (why)
		return why;
	t->synced = false;
	why = standing_list(t, &s) ? synchronise(t, m, &s, ret_done)
				   : "nftables: the table cannot be listed";
	standing_finish(&s);
	/* Another version of ours may have left sets of other types under the same names. */
	return why ? synchronise(t, m, NULL, ret_done) : NULL;
}

const char *
nft_counters(struct nft *t, struct arena *a, struct filter_msg *ret_values)
{
	struct nft_listing counters;
	const char *why = list(t, NFT_COUNTER, &counters) ? NULL : "cannot be listed";

	ret_values->values = arena_alloc(a, counters.n + 1, sizeof(*ret_values->values));
	ret_values->rules = arena_alloc(a, counters.n + 1, sizeof(*ret_values->rules));
	for (size_t i = 0; i < counters.n; i++) {
		const struct nft_object *o = &counters.list[i];
		const struct rule *r = rule_named(t, o->name);
		const struct nft_acl_part *part = nft_acl_part(t, o->name);
		struct filter_value value = {0, o->packets, o->bytes};

		if (r) {
			value.id = r->filter.id;
			ret_values->values[ret_values->n_values++] = value;
		} else if (part) {
			value.id = part->rule->id;
			ret_values->rules[ret_values->n_rules++] = value;
		}
	}
	listing_finish(&counters);
	return why;
}

/* ---- life ---- */

struct nft *
nft_new(const char *instance)
{
	struct nft_link *link = nft_link_open();
	struct nft *t;

	if (!link)
		return NULL;
	t = mem_new(sizeof(*t));
	t->link = link;
	snprintf(t->table, sizeof(t->table), "dotsd_%s", instance);
	remember_nothing(t);
	return t;
}

void
nft_free(struct nft *t)
{
	if (!t)
		return;
	forget_all(t);
	nft_link_close(t->link);
	free(t);
}
