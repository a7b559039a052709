/*
 * What the table holds, and the one transaction that takes it from there to what is wanted.
 */
#include "priv/nft.h"

#include <inttypes.h>
#include <jansson.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "priv/nft_text.h"
#include "priv/range.h"

enum { TEXT_MAX = 256 * 1024 * 1024, ERROR_MAX = 512 };

/* A client whose chain and sets are there; it goes with its last mitigation and flow. */
struct client {
	uint64_t key;
	size_t n_rules, n_flows;
	bool fresh; /* to be written in the transaction under way */
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

struct elements {
	struct nft_element *list;
	size_t n;
};

struct nft {
	struct nft_ctx *ctx;
	char table[FILTER_PROTO_INSTANCE_MAX + 16];
	bool synced;         /* what follows is what the kernel has */
	struct map *rules;   /* id -> struct rule */
	struct map *clients; /* key -> struct client */
	struct map *cells;   /* chain name -> itself */
	struct elements elements;
	char error[ERROR_MAX];
};

/* ---- running ---- */

static const char *
run(struct nft *t, struct buf *text, char **ret_output)
{
	const char *why = NULL;

	if (text->failed)
		return "the change is too large";
	if (!text->len)
		return NULL;
	if (nft_run_cmd_from_buffer(t->ctx, buf_text(text)) != 0) {
		snprintf(t->error, sizeof(t->error), "%s", nft_ctx_get_error_buffer(t->ctx));
		t->error[strcspn(t->error, "\n")] = '\0';
		why = *t->error ? t->error : "nftables refused the change";
	}
	if (ret_output)
		*ret_output = mem_text(nft_ctx_get_output_buffer(t->ctx));
	return why;
}

/* One transaction: what goes comes first, and what refers before what is referred to; then the
 * other way round for what comes. */
struct change {
	struct nft *t;
	struct buf elements_out, parts_out, parts_in, elements_in;
	struct map *cells;
	struct elements elements;
	uint32_t n_new;
};

static void
change_init(struct change *c, struct nft *t)
{
	*c = (struct change){.t = t, .cells = map_new()};
	buf_init(&c->elements_out, TEXT_MAX);
	buf_init(&c->parts_out, TEXT_MAX);
	buf_init(&c->parts_in, TEXT_MAX);
	buf_init(&c->elements_in, TEXT_MAX);
}

/* why: what failed before it, or NULL. */
static const char *
change_run(struct change *c, const char *why)
{
	struct nft *t = c->t;
	struct buf *parts[] = {&c->elements_out, &c->parts_out, &c->parts_in, &c->elements_in};
	struct buf all;

	buf_init(&all, TEXT_MAX);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_bytes(&all, parts[i]->bytes, parts[i]->len);
		all.failed |= parts[i]->failed;
		buf_finish(parts[i]);
	}
	if (!why)
		why = run(t, &all, NULL);
	buf_finish(&all);
	t->synced = !why;
	free(t->elements.list);
	map_free(t->cells);
	t->elements = c->elements;
	t->cells = c->cells;
	return why;
}

/* ---- clients ---- */

static struct client *
need_client(struct nft *t, const char *name)
{
	uint64_t key = nft_text_hash(name, strlen(name));
	struct client *c = map_get(t->clients, &key, sizeof(key));

	if (!c) {
		c = mem_new(sizeof(*c));
		c->key = key;
		c->fresh = true;
		map_set(t->clients, &key, sizeof(key), c);
	}
	return c;
}

static bool
settle_client(void *arg, const void *key, size_t len, void *value)
{
	struct change *c = arg;
	struct client *client = value;

	if (!client->n_rules && !client->n_flows) {
		if (!client->fresh)
			nft_text_client_gone(c->t->table, client->key, &c->parts_out);
		map_remove(c->t->clients, key, len);
		free(client);
		return true;
	}
	if (client->fresh)
		nft_text_client(c->t->table, client->key, &c->parts_in);
	client->fresh = false;
	return true;
}

static void
put_clients(struct change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;

	for (size_t i = 0; i < m->n_flows; i++)
		need_client(t, m->flows[i].client)->n_flows = m->flows[i].n;
	map_each(t->clients, settle_client, c);
	for (size_t i = 0; i < m->n_flows; i++) {
		const struct filter_flows *f = &m->flows[i];
		uint64_t key = nft_text_hash(f->client, strlen(f->client));

		if (map_get(t->clients, &key, sizeof(key)))
			nft_text_flows(t->table, key, f->flows, f->n, &c->parts_in);
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
	h = nft_text_hash(out.bytes, out.len);
	buf_finish(&out);
	return h;
}

static struct rule *
rule_new(struct nft *t, const struct filter *f, uint64_t digest)
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
	r->client = need_client(t, f->client);
	r->client->n_rules++;
	return r;
}

static void
rule_free(struct rule *r)
{
	r->client->n_rules--;
	arena_free(r->arena);
	free(r);
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
		nft_text_mitigation_reset(t->table, &old->filter, &c->parts_out);
	map_set(t->rules, &f->id, sizeof(f->id), rule_new(t, f, digest));
	if (old)
		rule_free(old);
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

static uint32_t
remove_gone(struct change *c, const struct filter_msg *m)
{
	struct nft *t = c->t;
	uint32_t n = 0;

	for (size_t i = 0; i < m->n_removed; i++) {
		struct rule *r = map_get(t->rules, &m->removed[i], sizeof(uint64_t));
		char chain[NFT_NAME_MAX];

		if (!r || !r->gone)
			continue;
		snprintf(chain, sizeof(chain), "m_%" PRIu64, r->filter.id);
		nft_text_mitigation_reset(t->table, &r->filter, &c->parts_out);
		nft_text_chain_gone(t->table, chain, &c->parts_out);
		map_remove(t->rules, &m->removed[i], sizeof(uint64_t));
		rule_free(r);
		n++;
	}
	return n;
}

static bool
put_fresh(void *arg, const void *key, size_t len, void *value)
{
	struct change *c = arg;
	struct rule *r = value;

	(void)key;
	(void)len;
	if (r->fresh) {
		nft_text_mitigation(
			c->t->table, &r->filter, r->client->key, r->digest, &c->parts_in);
		c->n_new++;
	}
	r->fresh = false;
	return true;
}

/* ---- ranges ---- */

struct items {
	struct range_item *list;
	size_t n;
};

static bool
count_prefixes(void *arg, const void *key, size_t len, void *value)
{
	(void)key;
	(void)len;
	*(size_t *)arg += ((const struct rule *)value)->filter.n_prefixes;
	return true;
}

static bool
add_items(void *arg, const void *key, size_t len, void *value)
{
	struct items *items = arg;
	const struct filter *f = &((const struct rule *)value)->filter;

	(void)key;
	(void)len;
	for (size_t i = 0; i < f->n_prefixes; i++)
		items->list[items->n++] = (struct range_item){f->prefixes[i], f->id};
	return true;
}

static size_t
cut_all(struct nft *t, struct arena *a, struct range **ret)
{
	struct items items = {0};
	size_t n = 0;

	map_each(t->rules, count_prefixes, &n);
	items.list = arena_alloc(a, n + 1, sizeof(*items.list));
	map_each(t->rules, add_items, &items);
	return range_cut(items.list, items.n, a, ret);
}

/* The elements that are wanted, and the cells they lead to. */
static void
plan_elements(struct change *c)
{
	struct nft *t = c->t;
	struct arena *a = arena_new();
	struct range *ranges;
	size_t n = cut_all(t, a, &ranges);

	c->elements = (struct elements){mem_array(n, sizeof(struct nft_element)), n};
	for (size_t i = 0; i < n; i++) {
		struct nft_element *e = &c->elements.list[i];
		size_t len;

		e->first = ranges[i].first;
		e->last = ranges[i].last;
		nft_text_chain(&ranges[i], e->chain);
		len = strlen(e->chain);
		if (ranges[i].n_ids > 1 && !map_set(c->cells, e->chain, len, t) &&
			!map_get(t->cells, e->chain, len))
			nft_text_cell(t->table, &ranges[i], &c->elements_in);
	}
	arena_free(a);
}

static bool
same_element(const struct nft_element *a, const struct nft_element *b)
{
	return addr_equal(&a->first, &b->first) && addr_equal(&a->last, &b->last) &&
	       !strcmp(a->chain, b->chain);
}

static bool
put_dead_cell(void *arg, const void *key, size_t len, void *value)
{
	struct change *c = arg;
	char name[NFT_NAME_MAX];

	(void)value;
	snprintf(name, sizeof(name), "%.*s", (int)len, (const char *)key);
	if (!map_get(c->cells, key, len))
		nft_text_chain_gone(c->t->table, name, &c->elements_out);
	return true;
}

/* Both lists ascend: one pass tells what goes and what comes. */
static void
put_differences(struct change *c)
{
	const struct elements *old = &c->t->elements, *now = &c->elements;
	size_t i = 0, k = 0;

	while (i < old->n || k < now->n) {
		int order = i == old->n   ? 1
			    : k == now->n ? -1
					  : addr_compare(&old->list[i].first, &now->list[k].first);

		if (order == 0 && same_element(&old->list[i], &now->list[k])) {
			i++;
			k++;
		} else if (order <= 0) {
			nft_text_element(c->t->table, "delete", &old->list[i++], &c->elements_out);
		} else {
			nft_text_element(c->t->table, "add", &now->list[k++], &c->elements_in);
		}
	}
	map_each(c->t->cells, put_dead_cell, c);
}

/* ---- changes ---- */

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

	for (size_t i = 0; i < m->n_flows + m->n_added; i++) {
		const char *name =
			i < m->n_flows ? m->flows[i].client : m->added[i - m->n_flows].client;
		uint64_t key = nft_text_hash(name, strlen(name));

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

	if (!t->synced)
		return "a change before the first synchronisation";
	if (count_after(t, m) > FILTER_PROTO_FILTERS_MAX)
		return "too many filters";
	if (count_clients(t->clients, m) > FILTER_PROTO_CLIENTS_MAX)
		return "too many clients";
	change_init(&c, t);
	mark_gone(t, m);
	for (size_t i = 0; i < m->n_added; i++)
		take(&c, &m->added[i]);
	ret_done->gone = remove_gone(&c, m);
	put_clients(&c, m);
	map_each(t->rules, put_fresh, &c);
	ret_done->n_new = c.n_new;
	plan_elements(&c);
	put_differences(&c);
	return change_run(&c, NULL);
}

/* ---- reconciling ---- */

/* Runs a listing in JSON; the array of its objects, or NULL (the table may not be there yet). */
static json_t *
list(struct nft *t, const char *objects)
{
	struct buf text;
	char *output = NULL;
	const char *why;
	json_t *j, *array = NULL;

	buf_init(&text, 256);
	buf_printf(&text, "list %s", objects);
	nft_ctx_output_set_flags(t->ctx, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_TERSE);
	why = run(t, &text, &output);
	nft_ctx_output_set_flags(t->ctx, 0);
	buf_finish(&text);
	j = why ? NULL : json_loads(output, 0, NULL);
	if (j)
		array = json_incref(json_object_get(j, "nftables"));
	json_decref(j);
	free(output);
	return array;
}

static const char *
field(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

/* The i-th object if it is of that type and in our table, else NULL. */
static const json_t *
listed(const struct nft *t, const json_t *objects, size_t i, const char *type)
{
	const json_t *o = json_object_get(json_array_get(objects, i), type);

	return o && !strcmp(field(o, "family"), "inet") && !strcmp(field(o, "table"), t->table)
		       ? o
		       : NULL;
}

/* The rule that an object named "<x>_<id>" belongs to, or NULL. */
static struct rule *
rule_named(const struct nft *t, const char *name)
{
	const char *digits = strchr(name, '_');
	uint64_t id = digits ? strtoull(digits + 1, NULL, 10) : 0;

	return map_get(t->rules, &id, sizeof(id));
}

/* Notes which wanted mitigations stand there unchanged: counter, digest and chain. */
static uint32_t
keep_standing(struct nft *t, const json_t *counters, const json_t *chains)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < json_array_size(counters); i++) {
		const json_t *o = listed(t, counters, i, "counter");
		struct rule *r = o ? rule_named(t, field(o, "name")) : NULL;

		if (r)
			r->standing = strtoull(field(o, "comment"), NULL, 16) == r->digest;
	}
	for (size_t i = 0; i < json_array_size(chains); i++) {
		const json_t *o = listed(t, chains, i, "chain");
		struct rule *r = o ? rule_named(t, field(o, "name")) : NULL;

		if (!r || !r->standing || *field(o, "name") != 'm')
			continue;
		r->fresh = false;
		kept++;
	}
	return kept;
}

/* Whether an object may stay; what belongs to a fresh mitigation may not, but for its chain. */
static bool
is_wanted(const struct change *c, const char *name)
{
	const struct rule *r = rule_named(c->t, name);
	const char *digits = strchr(name, '_');
	uint64_t key = digits ? strtoull(digits + 1, NULL, 16) : 0;

	switch (*name) {
	case 'p':
		return !strcmp(name, "pre");
	case 'c':
		return map_get(c->cells, name, strlen(name)) != NULL;
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

/* Empties the chains that nobody wants and those that are written anew. */
static void
flush_strays(struct change *c, const json_t *chains)
{
	for (size_t i = 0; i < json_array_size(chains); i++) {
		const json_t *o = listed(c->t, chains, i, "chain");
		const struct rule *r = o ? rule_named(c->t, field(o, "name")) : NULL;

		if (o && (!is_wanted(c, field(o, "name")) || (r && r->fresh)))
			buf_printf(&c->parts_out, "flush chain inet %s %s\n", c->t->table,
				field(o, "name"));
	}
}

/* Removes the objects of one type that nobody wants; returns how many mitigations were among them.
 */
static uint32_t
delete_strays(struct change *c, const json_t *objects, const char *type)
{
	uint32_t n = 0;

	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *o = listed(c->t, objects, i, type);
		const char *name = field(o, "name");

		if (!o || is_wanted(c, name))
			continue;
		buf_printf(&c->parts_out, "delete %s inet %s %s\n", type, c->t->table, name);
		n += *name == 'm';
	}
	return n;
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
	free(value);
	return true;
}

static void
forget_all(struct nft *t)
{
	map_each(t->rules, forget_rule, NULL);
	map_each(t->clients, forget_client, NULL);
	map_free(t->rules);
	map_free(t->clients);
	map_free(t->cells);
	free(t->elements.list);
}

static void
remember_nothing(struct nft *t)
{
	t->rules = map_new();
	t->clients = map_new();
	t->cells = map_new();
	t->elements = (struct elements){0};
}

/* Takes nothing away, so it may come first; in one transaction with a new map, the library sends
 * the map's elements ahead of the chains they name. */
static const char *
put_frame(struct nft *t)
{
	struct buf text;
	const char *why;

	buf_init(&text, 4096);
	nft_text_frame(t->table, &text);
	why = run(t, &text, NULL);
	buf_finish(&text);
	return why;
}

const char *
nft_sync(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done)
{
	json_t *chains, *sets, *counters;
	struct change c;
	const char *why;

	if (count_clients(NULL, m) > FILTER_PROTO_CLIENTS_MAX)
		return "too many clients";
	chains = list(t, "chains");
	sets = list(t, "sets");
	counters = list(t, "counters");
	forget_all(t);
	remember_nothing(t);
	change_init(&c, t);
	for (size_t i = 0; i < m->n_added; i++)
		take(&c, &m->added[i]);
	ret_done->kept = keep_standing(t, counters, chains);
	buf_printf(&c.elements_out, "flush map inet %s mit4\nflush map inet %s mit6\n", t->table,
		t->table);
	put_clients(&c, m);
	plan_elements(&c);
	put_differences(&c);
	flush_strays(&c, chains);
	ret_done->gone = delete_strays(&c, chains, "chain");
	delete_strays(&c, sets, "set");
	delete_strays(&c, counters, "counter");
	map_each(t->rules, put_fresh, &c);
	ret_done->n_new = c.n_new;
	json_decref(counters);
	json_decref(chains);
	json_decref(sets);
	why = put_frame(t);
	return change_run(&c, why);
}

const char *
nft_counters(struct nft *t, struct arena *a, struct filter_msg *ret_values)
{
	json_t *counters = list(t, "counters");

	ret_values->values =
		arena_alloc(a, json_array_size(counters) + 1, sizeof(*ret_values->values));
	for (size_t i = 0; i < json_array_size(counters); i++) {
		const json_t *o = listed(t, counters, i, "counter");

		if (!o || !rule_named(t, field(o, "name")))
			continue;
		ret_values->values[ret_values->n_values++] = (struct filter_value){
			.id = rule_named(t, field(o, "name"))->filter.id,
			.packets = (uint64_t)json_integer_value(json_object_get(o, "packets")),
			.bytes = (uint64_t)json_integer_value(json_object_get(o, "bytes"))};
	}
	json_decref(counters);
	return NULL;
}

/* ---- life ---- */

struct nft *
nft_new(const char *instance)
{
	struct nft *t = mem_new(sizeof(*t));

	t->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	nft_ctx_buffer_output(t->ctx);
	nft_ctx_buffer_error(t->ctx);
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
	nft_ctx_free(t->ctx);
	free(t);
}
