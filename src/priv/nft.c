/*
 * What the table holds, and the one transaction that takes it from there to what is wanted.
 */
#include "priv/nft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "priv/nft_acl.h"
#include "priv/nft_link.h"
#include "priv/nft_map.h"
#include "priv/nft_msg.h"
#include "priv/nft_rule.h"

enum { BATCH_MAX = 1024 * 1024 * 1024, LIST_TRIES = 8 };

/* The ACLs of a client as they stand in the table. */
struct acls {
	struct arena *arena;
	struct acl_set set;
	uint64_t digest;
	bool fresh; /* to be written in the transaction under way */
};

/* A client whose chain and sets are there; it goes with its last mitigation, flow and ACL. */
struct client {
	uint64_t key;
	size_t n_rules, n_flows;
	struct acls *acls; /* NULL: none */
	bool fresh;        /* to be written in the transaction under way */
};

/* What a rule of an ACL has of its own. */
struct acl_part {
	const struct acl_rule *rule; /* in the ACLs of the client */
	const struct client *client;
	uint64_t digest;
	bool fresh;            /* to be written in the transaction under way */
	bool counted, limited; /* while reconciling: counter and chain are there */
};

/* A mitigation as it stands in the table. */
struct rule {
	struct arena *arena;
	struct filter filter;
	struct client *client;
	uint64_t digest;
	bool fresh;    /* to be written in the transaction under way */
	bool gone;     /* to be removed by it */
	bool standing; /* while reconciling: its counter tells of the same contents */
};

struct nft {
	struct nft_link *link;
	char table[FILTER_PROTO_INSTANCE_MAX + 16];
	bool synced;           /* what follows is what the kernel has */
	struct map *rules;     /* id -> struct rule */
	struct map *clients;   /* key -> struct client */
	struct map *acl_parts; /* id of a rule -> struct acl_part */
	struct nft_map *map;
	char error[NFT_LINK_WHY_MAX];
};

/* ---- changes ---- */

/* One transaction: what goes comes first, and what refers before what is referred to; then the
 * other way round for what comes. */
struct change {
	struct nft *t;
	struct buf frame, elements_out, parts_out, parts_in, elements_in;
	struct map *clients; /* key -> struct client: those that may have come or may go */
	uint32_t n_new, n_gone;
};

static void
change_init(struct change *c, struct nft *t)
{
	*c = (struct change){.t = t, .clients = map_new()};
	buf_init(&c->frame, BATCH_MAX);
	buf_init(&c->elements_out, BATCH_MAX);
	buf_init(&c->parts_out, BATCH_MAX);
	buf_init(&c->parts_in, BATCH_MAX);
	buf_init(&c->elements_in, BATCH_MAX);
}

static const char *
change_run(struct change *c)
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
touch_client(struct change *c, struct client *client)
{
	map_set(c->clients, &client->key, sizeof(client->key), client);
}

static struct client *
client_named(const struct nft *t, const char *name)
{
	uint64_t key = nft_msg_hash(name, strlen(name));

	return map_get(t->clients, &key, sizeof(key));
}

static struct client *
need_client(struct change *c, const char *name)
{
	struct client *client = client_named(c->t, name);

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
	struct change *c = arg;
	struct client *client = value;

	if (!client->n_rules && !client->n_flows && !client->acls) {
		if (!client->fresh)
			nft_msg_client_gone(c->t->table, client->key, &c->parts_out);
		map_remove(c->t->clients, key, len);
		free(client);
		return true;
	}
	if (client->fresh)
		nft_msg_client(c->t->table, client->key, &c->parts_in);
	client->fresh = false;
	return true;
}

static void
put_clients(struct change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_flows; i++)
		need_client(c, m->flows[i].client)->n_flows = m->flows[i].n;
	map_each(c->clients, settle_client, c);
	for (size_t i = 0; i < m->n_flows; i++) {
		const struct filter_flows *f = &m->flows[i];
		const struct client *client = client_named(t, f->client);

		if (client)
			nft_msg_flows(t->table, client->key, f->flows, f->n, &c->parts_in);
	}
}

/* ---- mitigations ---- */

static uint64_t
digest_of(const struct filter *f)
{
	struct filter copy = *f;
	struct filter_msg m = {.op = FILTER_OP_COMMIT, .added = &copy, .n_added = 1};
	struct buf out;
	uint64_t h;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(&m, &out);
	h = nft_msg_hash(out.bytes, out.len);
	buf_finish(&out);
	return h;
}

static struct rule *
rule_new(struct change *c, const struct filter *f, uint64_t digest)
{
	struct rule *r = mem_new(sizeof(*r));
	struct prefix *prefixes;
	uint8_t *protocols;
	struct filter_ports *ports;

	r->arena = arena_new();
	r->filter = *f;
	r->filter.client = arena_text(r->arena, f->client, strlen(f->client));
	r->filter.prefixes = prefixes = arena_alloc(r->arena, f->n_prefixes, sizeof(*prefixes));
	r->filter.protocols = protocols = arena_alloc(r->arena, f->n_protocols, 1);
	r->filter.ports = ports = arena_alloc(r->arena, f->n_ports, sizeof(*ports));
	memcpy(prefixes, f->prefixes, f->n_prefixes * sizeof(*prefixes));
	if (f->n_protocols)
		memcpy(protocols, f->protocols, f->n_protocols);
	if (f->n_ports)
		memcpy(ports, f->ports, f->n_ports * sizeof(*ports));
	r->digest = digest;
	r->fresh = true;
	r->client = need_client(c, f->client);
	r->client->n_rules++;
	for (size_t i = 0; i < f->n_prefixes; i++)
		nft_map_hold(c->t->map, &prefixes[i], (struct range_id){RANGE_MITIGATION, f->id});
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
rule_drop(struct change *c, struct rule *r)
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
take(struct change *c, const struct filter *f)
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
remove_gone(struct change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_removed; i++) {
		struct rule *r = map_get(t->rules, &m->removed[i], sizeof(uint64_t));
		char chain[NFT_NAME_MAX];

		if (!r || !r->gone)
			continue;
		snprintf(chain, sizeof(chain), "m_%" PRIu64, r->filter.id);
		nft_msg_mitigation_reset(t->table, &r->filter, &c->parts_out);
		nft_msg_delete(t->table, NFT_CHAIN, chain, &c->parts_out);
		map_remove(t->rules, &m->removed[i], sizeof(uint64_t));
		rule_drop(c, r);
		c->n_gone++;
	}
}

static void
put_fresh(struct change *c, const struct filter_msg *m)
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

/* ---- ACLs ---- */

static uint64_t
digest_of_acls(const struct acl_set *set)
{
	struct acl_set copy = *set;
	struct filter_msg m = {.op = FILTER_OP_COMMIT, .acls = &copy, .n_acls = 1};
	struct buf out;
	uint64_t h;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(&m, &out);
	h = nft_msg_hash(out.bytes, out.len);
	buf_finish(&out);
	return h;
}

static uint64_t
digest_of_rule(const struct acl_rule *rule)
{
	return digest_of_acls(&(struct acl_set){.client = "", .rules = rule, .n_rules = 1});
}

static struct acls *
acls_new(const struct acl_set *set, uint64_t digest)
{
	struct acls *a = mem_new(sizeof(*a));
	struct prefix *scope;
	struct acl_rule *rules;

	a->arena = arena_new();
	scope = arena_alloc(a->arena, set->n_scope, sizeof(*scope));
	rules = arena_alloc(a->arena, set->n_rules, sizeof(*rules));
	if (set->n_scope)
		memcpy(scope, set->scope, set->n_scope * sizeof(*scope));
	memcpy(rules, set->rules, set->n_rules * sizeof(*rules));
	a->set = *set;
	a->set.client = NULL; /* its key is all that counts here */
	a->set.scope = scope;
	a->set.rules = rules;
	a->digest = digest;
	a->fresh = true;
	return a;
}

static void
acls_free(struct acls *a)
{
	if (!a)
		return;
	arena_free(a->arena);
	free(a);
}

/* Whether some rule of that family is for all of the scope. */
static bool
needs_scope(const struct acl_set *set, uint8_t family)
{
	for (size_t i = 0; i < set->n_rules; i++)
		if (!set->rules[i].destination.addr.family &&
			(!set->rules[i].family || set->rules[i].family == family))
			return true;
	return false;
}

/* Packets to these lead to the ACLs, or do not any more: all destinations lie in the scope. */
static void
cover(struct nft_map *map, const struct client *client, const struct acl_set *set,
	void (*hold)(struct nft_map *m, const struct prefix *p, struct range_id id))
{
	const struct range_id id = {RANGE_ACLS, client->key};

	for (uint8_t family = 4; family <= 6; family += 2) {
		bool all = needs_scope(set, family);

		for (size_t i = 0; all && i < set->n_scope; i++)
			if (set->scope[i].addr.family == family)
				hold(map, &set->scope[i], id);
		for (size_t i = 0; !all && i < set->n_rules; i++)
			if (set->rules[i].destination.addr.family == family)
				hold(map, &set->rules[i].destination, id);
	}
}

static void
part_gone(struct change *c, struct acl_part *part)
{
	if (!part->fresh)
		nft_acl_rule_gone(c->t->table, part->rule, &c->parts_out);
	free(part);
}

/* A rule that is the same as before stays, with its counter. */
static void
take_part(struct change *c, const struct client *client, const struct acl_rule *rule)
{
	struct acl_part *old = map_get(c->t->acl_parts, &rule->id, sizeof(rule->id)), *part;
	uint64_t digest = digest_of_rule(rule);

	if (old && old->digest == digest) {
		old->rule = rule;
		return;
	}
	if (old)
		part_gone(c, old);
	part = mem_new(sizeof(*part));
	*part = (struct acl_part){.rule = rule, .client = client, .digest = digest, .fresh = true};
	map_set(c->t->acl_parts, &rule->id, sizeof(rule->id), part);
}

/* Of the former ACLs: what no rule of the present ones uses. */
static void
drop_parts(struct change *c, const struct acls *old)
{
	for (size_t i = 0; i < old->set.n_rules; i++) {
		const struct acl_rule *rule = &old->set.rules[i];
		struct acl_part *part = map_get(c->t->acl_parts, &rule->id, sizeof(rule->id));

		if (!part || part->rule != rule)
			continue;
		map_remove(c->t->acl_parts, &rule->id, sizeof(rule->id));
		part_gone(c, part);
	}
}

/* ACLs are written in one piece; what their rules have of their own is not touched by that. */
static void
take_acls(struct change *c, const struct acl_set *set)
{
	struct nft *t = c->t;
	struct client *client = need_client(c, set->client);
	struct acls *old = client->acls;
	uint64_t digest = digest_of_acls(set);

	if (old ? old->digest == digest : !set->n_rules)
		return;
	if (old) {
		nft_rule_flush_chain(t->table, nft_name_key("a", client->key).text, &c->parts_out);
		nft_acl_rules_gone(t->table, client->key, old->digest, &c->parts_out);
		if (!set->n_rules)
			nft_acl_entry_gone(t->table, client->key, &c->parts_out);
	}
	client->acls = set->n_rules ? acls_new(set, digest) : NULL;
	if (client->acls) {
		cover(t->map, client, &client->acls->set, nft_map_hold);
		for (size_t i = 0; i < set->n_rules; i++)
			take_part(c, client, &client->acls->set.rules[i]);
	}
	if (old) {
		cover(t->map, client, &old->set, nft_map_drop);
		drop_parts(c, old);
		acls_free(old);
		c->n_gone += !client->acls;
	}
}

static void
put_rules(struct change *c, const struct client *client, struct acls *a)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < a->set.n_rules; i++) {
		struct acl_part *part =
			map_get(t->acl_parts, &a->set.rules[i].id, sizeof(uint64_t));

		if (part->fresh)
			nft_acl_rule(t->table, part->rule, part->digest, &c->parts_in);
		part->fresh = false;
	}
	nft_acl_rules(t->table, client->key, a->digest, &a->set, &c->parts_in);
	a->fresh = false;
	c->n_new++;
}

static void
put_acls(struct change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_acls; i++) {
		const struct client *client = client_named(t, m->acls[i].client);
		struct acls *a = client ? client->acls : NULL;

		if (!a)
			continue;
		if (a->fresh)
			put_rules(c, client, a);
		nft_acl_entry(t->table, client->key, a->digest, &c->parts_in);
	}
}

/* Whose ACLs those of a rule with that id are; NULL: nobody's. */
static const struct client *
owner_of(const struct nft *t, uint64_t rule)
{
	const struct acl_part *part = map_get(t->acl_parts, &rule, sizeof(rule));

	return part ? part->client : NULL;
}

/* What of the ACLs of a message cannot be; known: clients and rules of before count as well. */
static const char *
check_acls(const struct nft *t, const struct filter_msg *m, bool known)
{
	size_t n = known ? map_count(t->acl_parts) : 0;
	struct map *clients = map_new(), *rules = map_new();
	const char *why = NULL;

	for (size_t i = 0; i < m->n_acls && !why; i++) {
		const struct acl_set *set = &m->acls[i];
		const struct client *client = known ? client_named(t, set->client) : NULL;

		if (client && client->acls)
			n -= client->acls->set.n_rules;
		n += set->n_rules;
		if (map_set(clients, set->client, strlen(set->client), clients))
			why = "ACLs of a client twice";
		for (size_t k = 0; k < set->n_rules && !why; k++) {
			uint64_t id = set->rules[k].id;
			const struct client *owner = known ? owner_of(t, id) : NULL;

			if (map_set(rules, &id, sizeof(id), rules) || (owner && owner != client))
				why = "a rule of an ACL twice";
		}
	}
	map_free(clients);
	map_free(rules);
	return why ? why : n > FILTER_PROTO_RULES_MAX ? "too many rules of ACLs" : NULL;
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
	struct change c;
	const char *why;

	if (!t->synced)
		return "a change before the first synchronisation";
	if (count_after(t, m) > FILTER_PROTO_FILTERS_MAX)
		return "too many filters";
	if (count_clients(t->clients, m) > FILTER_PROTO_CLIENTS_MAX)
		return "too many clients";
	why = check_acls(t, m, true);
	if (why)
		return why;
	change_init(&c, t);
	mark_gone(t, m);
	for (size_t i = 0; i < m->n_added; i++)
		take(&c, &m->added[i]);
	for (size_t i = 0; i < m->n_acls; i++)
		take_acls(&c, &m->acls[i]);
	remove_gone(&c, m);
	put_clients(&c, m);
	put_fresh(&c, m);
	put_acls(&c, m);
	ret_done->n_new = c.n_new;
	ret_done->gone = c.n_gone;
	nft_map_update(t->map, t->table, &c.elements_out, &c.elements_in);
	return change_run(&c);
}

/* ---- reconciling ---- */

/* What the kernel has of one kind in our table. */
struct listing {
	struct nft *t;
	enum nft_kind kind;
	struct arena *arena;
	struct nft_object *list;
	size_t n, cap;
};

static void
note_object(void *arg, const struct nlmsghdr *h)
{
	struct listing *l = arg;
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
list(struct nft *t, enum nft_kind kind, struct listing *ret)
{
	struct buf question;
	int r = -EINTR;

	*ret = (struct listing){.t = t, .kind = kind, .arena = arena_new()};
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
listing_finish(struct listing *l)
{
	arena_free(l->arena);
	free(l->list);
}

static uint64_t
number_in(const char *name, int base)
{
	const char *digits = strchr(name, '_');

	return digits ? strtoull(digits + 1, NULL, base) : 0;
}

/* The rule that an object of mitigations, named "<x>_<id>", belongs to, or NULL. */
static struct rule *
rule_named(const struct nft *t, const char *name)
{
	uint64_t id = number_in(name, 10);

	return strchr("mns", *name) ? map_get(t->rules, &id, sizeof(id)) : NULL;
}

/* The same for rules of ACLs. */
static struct acl_part *
part_named(const struct nft *t, const char *name)
{
	uint64_t id = number_in(name, 10);

	return strchr("xl", *name) ? map_get(t->acl_parts, &id, sizeof(id)) : NULL;
}

/* The client whose ACLs an object named "<x>_<key>" belongs to, or NULL. */
static const struct client *
acls_named(const struct nft *t, const char *name)
{
	uint64_t key = number_in(name, 16);
	const struct client *client =
		strchr("ar", *name) ? map_get(t->clients, &key, sizeof(key)) : NULL;

	return client && client->acls ? client : NULL;
}

static bool
is_rules_of(const struct client *client, const char *name)
{
	return client && !strcmp(nft_acl_chain(client->key, client->acls->digest).text, name);
}

/* Notes which wanted mitigations stand there unchanged: counter, digest and chain. */
static uint32_t
keep_standing(struct nft *t, const struct listing *counters, const struct listing *chains)
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

static bool
settle_part(void *arg, const void *key, size_t len, void *value)
{
	struct acl_part *part = value;

	(void)arg;
	(void)key;
	(void)len;
	part->fresh = !part->counted || (part->rule->rate && !part->limited);
	return true;
}

static bool
stand_whole(const struct nft *t, const struct acl_set *set)
{
	for (size_t i = 0; i < set->n_rules; i++) {
		const struct acl_part *part =
			map_get(t->acl_parts, &set->rules[i].id, sizeof(uint64_t));

		if (part->fresh)
			return false;
	}
	return true;
}

/* The same for ACLs: all that its rules have, and their chain. */
static uint32_t
keep_standing_acls(struct nft *t, const struct listing *counters, const struct listing *chains)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < counters->n; i++) {
		const struct nft_object *o = &counters->list[i];
		struct acl_part *part = part_named(t, o->name);

		if (part)
			part->counted = strtoull(o->comment, NULL, 16) == part->digest;
	}
	for (size_t i = 0; i < chains->n; i++) {
		struct acl_part *part = part_named(t, chains->list[i].name);

		if (part)
			part->limited = true;
	}
	map_each(t->acl_parts, settle_part, NULL);
	for (size_t i = 0; i < chains->n; i++) {
		const char *name = chains->list[i].name;
		const struct client *client = acls_named(t, name);

		if (!is_rules_of(client, name) || !stand_whole(t, &client->acls->set))
			continue;
		client->acls->fresh = false;
		kept++;
	}
	return kept;
}

/* Whether an object may stay; what belongs to a fresh mitigation may not, but for its chain. */
static bool
is_wanted(const struct change *c, const char *name)
{
	const struct rule *r = rule_named(c->t, name);
	const struct acl_part *part = part_named(c->t, name);
	const struct client *with_acls = acls_named(c->t, name);
	uint64_t key = number_in(name, 16);

	if (!strchr(name, '_'))
		return nft_msg_is_frame(name);
	switch (*name) {
	case 'a':
		return with_acls != NULL;
	case 'r':
		return is_rules_of(with_acls, name) && !with_acls->acls->fresh;
	case 'l':
	case 'x':
		return part && !part->fresh;
	case 'c':
		return nft_map_has_cell(c->t->map, name);
	case 'm':
		return r != NULL;
	case 'n':
	case 's':
		return r && !r->fresh;
	case 'k':
	case 'f':
	case 'h':
		return map_get(c->t->clients, &key, sizeof(key)) != NULL;
	}
	return false;
}

/* Empties the chains that nobody wants and those that are written anew: of ACLs those that lead to
 * them, always. */
static void
flush_strays(struct change *c, const struct listing *chains)
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
delete_strays(struct change *c, const struct listing *objects)
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
	(void)arg;
	(void)key;
	(void)len;
	acls_free(((struct client *)value)->acls);
	free(value);
	return true;
}

static bool
forget_part(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

static void
forget_all(struct nft *t)
{
	map_each(t->rules, forget_rule, NULL);
	map_each(t->clients, forget_client, NULL);
	map_each(t->acl_parts, forget_part, NULL);
	map_free(t->acl_parts);
	map_free(t->rules);
	map_free(t->clients);
	nft_map_free(t->map);
}

static void
remember_nothing(struct nft *t)
{
	t->rules = map_new();
	t->clients = map_new();
	t->acl_parts = map_new();
	t->map = nft_map_new();
}

/* What stands there. */
struct standing {
	struct listing chains, sets, counters;
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
reconcile(struct change *c, const struct filter_msg *m, const struct standing *s,
	struct filter_msg *ret_done)
{
	struct nft *t = c->t;

	ret_done->kept = keep_standing(t, &s->counters, &s->chains) +
			 keep_standing_acls(t, &s->counters, &s->chains);
	nft_msg_frame(t->table, &c->frame);
	nft_msg_flush_maps(t->table, &c->elements_out);
	put_clients(c, m);
	nft_map_update(t->map, t->table, &c->elements_out, &c->elements_in);
	flush_strays(c, &s->chains);
	delete_strays(c, &s->chains);
	delete_strays(c, &s->sets);
	delete_strays(c, &s->counters);
	put_fresh(c, m);
	put_acls(c, m);
	ret_done->n_new = c->n_new;
	ret_done->gone = c->n_gone;
}

/* s: what of the table may stay; NULL: nothing, it is made anew in the same transaction. */
static const char *
synchronise(struct nft *t, const struct filter_msg *m, const struct standing *s,
	struct filter_msg *ret_done)
{
	static const struct standing nothing;
	struct change c;

	forget_all(t);
	remember_nothing(t);
	change_init(&c, t);
	if (!s)
		nft_msg_table_gone(t->table, &c.frame);
	for (size_t i = 0; i < m->n_added; i++)
		take(&c, &m->added[i]);
	for (size_t i = 0; i < m->n_acls; i++)
		take_acls(&c, &m->acls[i]);
	reconcile(&c, m, s ? s : &nothing, ret_done);
	return change_run(&c);
}

const char *
nft_sync(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done)
{
	struct standing s;
	const char *why = "nftables: the table cannot be listed";

	const char *refusal = check_acls(t, m, false);

	if (count_clients(NULL, m) > FILTER_PROTO_CLIENTS_MAX)
		return "too many clients";
	if (refusal)
		return refusal;
	t->synced = false;
	if (standing_list(t, &s))
		why = synchronise(t, m, &s, ret_done);
	standing_finish(&s);
	/* Another version of ours may have left sets of other types under the same names. */
	return why ? synchronise(t, m, NULL, ret_done) : NULL;
}

const char *
nft_counters(struct nft *t, struct arena *a, struct filter_msg *ret_values)
{
	struct listing counters;
	const char *why = list(t, NFT_COUNTER, &counters) ? NULL : "cannot be listed";

	ret_values->values = arena_alloc(a, counters.n + 1, sizeof(*ret_values->values));
	ret_values->rules = arena_alloc(a, counters.n + 1, sizeof(*ret_values->rules));
	for (size_t i = 0; i < counters.n; i++) {
		const struct nft_object *o = &counters.list[i];
		const struct rule *r = rule_named(t, o->name);
		const struct acl_part *part = part_named(t, o->name);
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
