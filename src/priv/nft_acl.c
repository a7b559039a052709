/*
 * See nft_acl.h.
 */
#include "priv/nft_acl.h"

#include <stdlib.h>
#include <string.h>

#include "priv/nft_acl_msg.h"
#include "priv/nft_rule.h"

static uint64_t
digest_of_acls(const struct acl_set *set)
{
	struct acl_set copy = *set;

	return nft_state_digest(
		&(struct filter_msg){.op = FILTER_OP_COMMIT, .acls = &copy, .n_acls = 1});
}

static uint64_t
digest_of_rule(const struct acl_rule *rule)
{
	return digest_of_acls(&(struct acl_set){.client = "", .rules = rule, .n_rules = 1});
}

static struct nft_acls *
acls_new(const struct acl_set *set, uint64_t digest)
{
	struct nft_acls *a = mem_new(sizeof(*a));

	a->arena = arena_new();
	a->set = filter_proto_copy_acls(a->arena, set);
	a->digest = digest;
	a->fresh = true;
	return a;
}

void
nft_acl_free(struct nft_acls *a)
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
cover(struct nft_map *map, const struct nft_client *client, const struct acl_set *set,
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
part_gone(struct nft_change *c, struct nft_acl_part *part)
{
	if (!part->fresh)
		nft_acl_msg_rule_gone(c->t->table, part->rule, &c->parts_out);
	free(part);
}

/* A rule that is the same as before stays, with its counter. */
static void
take_part(struct nft_change *c, const struct nft_client *client, const struct acl_rule *rule)
{
	struct nft_acl_part *old = map_get(c->t->acl_parts, &rule->id, sizeof(rule->id)), *part;
	uint64_t digest = digest_of_rule(rule);

	if (old && old->digest == digest) {
		old->rule = rule;
		return;
	}
	if (old)
		part_gone(c, old);
	part = mem_new(sizeof(*part));
	*part = (struct nft_acl_part){
		.rule = rule, .client = client, .digest = digest, .fresh = true};
	map_set(c->t->acl_parts, &rule->id, sizeof(rule->id), part);
}

/* Of the former ACLs: what no rule of the present ones uses. */
static void
drop_parts(struct nft_change *c, const struct nft_acls *old)
{
	for (size_t i = 0; i < old->set.n_rules; i++) {
		const struct acl_rule *rule = &old->set.rules[i];
		struct nft_acl_part *part = map_get(c->t->acl_parts, &rule->id, sizeof(rule->id));

		if (!part || part->rule != rule)
			continue;
		map_remove(c->t->acl_parts, &rule->id, sizeof(rule->id));
		part_gone(c, part);
	}
}

void
nft_acl_take(struct nft_change *c, const struct acl_set *set)
{
	struct nft *t = c->t;
	struct nft_client *client = nft_state_need_client(c, set->client);
	struct nft_acls *old = client->acls;
	uint64_t digest = digest_of_acls(set);

	if (old ? old->digest == digest : !set->n_rules)
		return;
	if (old) {
		nft_rule_flush_chain(t->table, nft_name_key("a", client->key).text, &c->parts_out);
		nft_acl_msg_rules_gone(t->table, client->key, old->digest, &c->parts_out);
		if (!set->n_rules)
			nft_acl_msg_entry_gone(t->table, client->key, &c->parts_out);
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
		nft_acl_free(old);
		c->n_gone += !client->acls;
	}
}

static void
put_rules(struct nft_change *c, const struct nft_client *client, struct nft_acls *a)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < a->set.n_rules; i++) {
		struct nft_acl_part *part =
			map_get(t->acl_parts, &a->set.rules[i].id, sizeof(uint64_t));

		if (part->fresh)
			nft_acl_msg_rule(t->table, part->rule, part->digest, &c->parts_in);
		part->fresh = false;
	}
	nft_acl_msg_rules(t->table, client->key, a->digest, &a->set, &c->parts_in);
	a->fresh = false;
	c->n_new++;
}

void
nft_acl_put(struct nft_change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_acls; i++) {
		const struct nft_client *client = nft_state_client(t, m->acls[i].client);
		struct nft_acls *a = client ? client->acls : NULL;

		if (!a)
			continue;
		if (a->fresh)
			put_rules(c, client, a);
		nft_acl_msg_entry(t->table, client->key, a->digest, &c->parts_in);
	}
}

/* Whose ACLs those of a rule with that id are; NULL: nobody's. */
static const struct nft_client *
owner_of(const struct nft *t, uint64_t rule)
{
	const struct nft_acl_part *part = map_get(t->acl_parts, &rule, sizeof(rule));

	return part ? part->client : NULL;
}

const char *
nft_acl_check(const struct nft *t, const struct filter_msg *m, bool known)
{
	size_t n = known ? map_count(t->acl_parts) : 0;
	struct map *clients = map_new(), *rules = map_new();
	const char *why = NULL;

	for (size_t i = 0; i < m->n_acls && !why; i++) {
		const struct acl_set *set = &m->acls[i];
		const struct nft_client *client = known ? nft_state_client(t, set->client) : NULL;

		if (client && client->acls)
			n -= client->acls->set.n_rules;
		n += set->n_rules;
		if (map_set(clients, set->client, strlen(set->client), clients))
			why = "ACLs of a client twice";
		for (size_t k = 0; k < set->n_rules && !why; k++) {
			uint64_t id = set->rules[k].id;
			const struct nft_client *owner = known ? owner_of(t, id) : NULL;

			if (map_set(rules, &id, sizeof(id), rules) || (owner && owner != client))
				why = "a rule of an ACL twice";
		}
	}
	map_free(clients);
	map_free(rules);
	return why ? why : n > FILTER_PROTO_RULES_MAX ? "too many rules of ACLs" : NULL;
}

/* ---- reconciling ---- */

struct nft_acl_part *
nft_acl_part(const struct nft *t, const char *name)
{
	uint64_t id = nft_state_number(name, 10);

	return strchr("xl", *name) ? map_get(t->acl_parts, &id, sizeof(id)) : NULL;
}

/* The client whose ACLs an object named "<x>_<key>" belongs to, or NULL. */
static const struct nft_client *
acls_named(const struct nft *t, const char *name)
{
	uint64_t key = nft_state_number(name, 16);
	const struct nft_client *client =
		strchr("ar", *name) ? map_get(t->clients, &key, sizeof(key)) : NULL;

	return client && client->acls ? client : NULL;
}

static bool
is_rules_of(const struct nft_client *client, const char *name)
{
	return client && !strcmp(nft_acl_msg_chain(client->key, client->acls->digest).text, name);
}

static bool
settle_part(void *arg, const void *key, size_t len, void *value)
{
	struct nft_acl_part *part = value;

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
		const struct nft_acl_part *part =
			map_get(t->acl_parts, &set->rules[i].id, sizeof(uint64_t));

		if (part->fresh)
			return false;
	}
	return true;
}

uint32_t
nft_acl_keep(struct nft *t, const struct nft_listing *counters, const struct nft_listing *chains)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < counters->n; i++) {
		const struct nft_object *o = &counters->list[i];
		struct nft_acl_part *part = nft_acl_part(t, o->name);

		if (part)
			part->counted = strtoull(o->comment, NULL, 16) == part->digest;
	}
	for (size_t i = 0; i < chains->n; i++) {
		struct nft_acl_part *part = nft_acl_part(t, chains->list[i].name);

		if (part)
			part->limited = true;
	}
	map_each(t->acl_parts, settle_part, NULL);
	for (size_t i = 0; i < chains->n; i++) {
		const char *name = chains->list[i].name;
		const struct nft_client *client = acls_named(t, name);

		if (!is_rules_of(client, name) || !stand_whole(t, &client->acls->set))
			continue;
		client->acls->fresh = false;
		kept++;
	}
	return kept;
}

bool
nft_acl_wants(const struct nft *t, const char *name)
{
	const struct nft_acl_part *part = nft_acl_part(t, name);
	const struct nft_client *client = acls_named(t, name);

	switch (*name) {
	case 'a':
		return client != NULL;
	case 'r':
		return is_rules_of(client, name) && !client->acls->fresh;
	default:
		return part && !part->fresh;
	}
}

/* ---- life ---- */

static bool
forget_part(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
nft_acl_forget(struct nft *t)
{
	map_each(t->acl_parts, forget_part, NULL);
	map_free(t->acl_parts);
}
