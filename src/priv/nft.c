/*
 * Typed filters to an nftables table. The only file that knows rule text; every value in it was
 * checked by the decoder, and names are made of digits and hashes.
 */
#include "priv/nft.h"

#include <inttypes.h>
#include <jansson.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "priv/range.h"

enum { TEXT_MAX = 256 * 1024 * 1024, NAME_MAX_ = 24, ERROR_MAX = 512, SOURCES_MAX = 65535 };

/* A mitigation as it stands in the table. */
struct rule {
	struct arena *arena;
	struct filter filter;
	uint64_t digest;
	bool fresh; /* its chain is to be (re)written in the commit under way */
};

/* One element of a verdict map. */
struct element {
	struct addr first, last;
	char chain[NAME_MAX_];
};

struct elements {
	struct element *list;
	size_t n;
};

struct nft {
	struct nft_ctx *ctx;
	char table[FILTER_PROTO_INSTANCE_MAX + 16];
	struct map *rules;      /* id -> struct rule */
	struct map *clients;    /* name -> itself: their chain and sets are there */
	struct map *cells;      /* chain name -> itself */
	struct elements elements;
	char error[ERROR_MAX];
};

/* ---- names ---- */

static uint64_t
hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 14695981039346656037ULL; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return h;
}

static uint64_t
client_key(const char *client)
{
	return hash(client, strlen(client));
}

static void
mitigation_name(uint64_t id, char *ret)
{
	snprintf(ret, NAME_MAX_, "m_%" PRIu64, id);
}

static void
chain_name(const struct range *r, char *ret)
{
	if (r->n_ids == 1)
		mitigation_name(r->ids[0], ret);
	else
		snprintf(ret, NAME_MAX_, "c_%016" PRIx64, hash(r->ids, r->n_ids * sizeof(*r->ids)));
}

/* ---- running ---- */

static const char *
run(struct nft *t, struct buf *text, char **ret_output)
{
	const char *why = NULL;
	int r;

	if (text->failed)
		return "the change is too large";
	if (!text->len)
		return NULL;
	r = nft_run_cmd_from_buffer(t->ctx, buf_text(text));
	if (r != 0) {
		snprintf(t->error, sizeof(t->error), "%s", nft_ctx_get_error_buffer(t->ctx));
		t->error[strcspn(t->error, "\n")] = '\0';
		why = *t->error ? t->error : "nftables refused the change";
	}
	if (ret_output)
		*ret_output = mem_text(nft_ctx_get_output_buffer(t->ctx));
	return why;
}

/* ---- text of the parts ---- */

static void
put_frame(struct nft *t, struct buf *out)
{
	buf_printf(out, "add table inet %s\n", t->table);
	buf_printf(out, "add chain inet %s pre { type filter hook prerouting priority raw; policy accept; }\n",
		t->table);
	buf_printf(out, "add map inet %s mit4 { type ipv4_addr : verdict; flags interval; }\n", t->table);
	buf_printf(out, "add map inet %s mit6 { type ipv6_addr : verdict; flags interval; }\n", t->table);
	buf_printf(out, "flush chain inet %s pre\n", t->table);
	buf_printf(out, "add rule inet %s pre ip daddr vmap @mit4\n", t->table);
	buf_printf(out, "add rule inet %s pre ip6 daddr vmap @mit6\n", t->table);
}

/* Sets and chain of a client: its DOTS packets pass, whatever its filters say. */
static void
put_client(struct nft *t, const char *client, struct buf *out)
{
	static const struct {
		char family;
		const char *ip, *type;
	} families[] = {{'4', "ip", "ipv4_addr"}, {'6', "ip6", "ipv6_addr"}};
	uint64_t k = client_key(client);

	buf_printf(out, "add chain inet %s k_%016" PRIx64 "\nflush chain inet %s k_%016" PRIx64 "\n",
		t->table, k, t->table, k);
	for (size_t i = 0; i < 2; i++) {
		char f = families[i].family;
		const char *ip = families[i].ip, *type = families[i].type;

		buf_printf(out,
			"add set inet %s f%c_%016" PRIx64 " { type %s . inet_service . %s . inet_service; }\n",
			t->table, f, k, type, type);
		buf_printf(out, "add set inet %s h%c_%016" PRIx64 " { type %s . inet_service; }\n", t->table,
			f, k, type);
		buf_printf(out,
			"add rule inet %s k_%016" PRIx64
			" meta l4proto udp %s saddr . udp sport . %s daddr . udp dport @f%c_%016" PRIx64
			" accept\n",
			t->table, k, ip, ip, f, k);
		buf_printf(out,
			"add rule inet %s k_%016" PRIx64
			" meta l4proto udp %s daddr . udp dport . %s saddr . udp sport @f%c_%016" PRIx64
			" accept\n",
			t->table, k, ip, ip, f, k);
		buf_printf(out,
			"add rule inet %s k_%016" PRIx64
			" meta l4proto udp %s saddr . udp sport @h%c_%016" PRIx64
			" limit rate %d/second accept\n",
			t->table, k, ip, f, k, FLOW_HANDSHAKE_RATE);
	}
}

static void
put_flow(struct nft *t, uint64_t k, const struct flow *f, struct buf *out)
{
	char server[ADDR_TEXT_MAX], client[ADDR_TEXT_MAX];
	char family = f->server.addr.family == 4 ? '4' : '6';

	addr_format(&f->server.addr, server);
	if (!f->client.addr.family) {
		buf_printf(out, "add element inet %s h%c_%016" PRIx64 " { %s . %u }\n", t->table, family, k,
			server, f->server.port);
		return;
	}
	buf_printf(out, "add element inet %s f%c_%016" PRIx64 " { %s . %u . %s . %u }\n", t->table, family, k,
		server, f->server.port, addr_format(&f->client.addr, client), f->client.port);
}

static void
put_flows(struct nft *t, const struct filter_flows *flows, struct buf *out)
{
	static const char sets[][3] = {"f4", "f6", "h4", "h6"};
	uint64_t k = client_key(flows->client);

	for (size_t i = 0; i < 4; i++)
		buf_printf(out, "flush set inet %s %s_%016" PRIx64 "\n", t->table, sets[i], k);
	for (size_t i = 0; i < flows->n; i++)
		put_flow(t, k, &flows->flows[i], out);
}

static bool
has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132;
}

/* Protocols of the match: as asked; with ports only those that have them (RFC 9132 4.4.1.1). */
static size_t
matched_protocols(const struct filter *f, uint8_t *ret)
{
	static const uint8_t with_ports[] = {6, 17, 33, 132};
	size_t n = 0;

	if (!f->n_protocols && f->n_ports) {
		memcpy(ret, with_ports, sizeof(with_ports));
		return sizeof(with_ports);
	}
	for (size_t i = 0; i < f->n_protocols; i++)
		if (!memchr(ret, f->protocols[i], n) && (!f->n_ports || has_ports(f->protocols[i])))
			ret[n++] = f->protocols[i];
	return n;
}

static int
compare_ports(const void *a, const void *b)
{
	const struct filter_ports *x = a, *y = b;

	return x->lower != y->lower ? (int)x->lower - (int)y->lower : (int)x->upper - (int)y->upper;
}

/* Ranges joined where they touch: a set takes no overlaps. */
static void
put_ports(const struct filter *f, struct buf *out)
{
	struct filter_ports *sorted = mem_copy(f->ports, f->n_ports * sizeof(*sorted));
	const char *comma = "";

	qsort(sorted, f->n_ports, sizeof(*sorted), compare_ports);
	buf_printf(out, " th dport {");
	for (size_t i = 0; i < f->n_ports;) {
		uint16_t lower = sorted[i].lower, upper = sorted[i].upper;

		for (i++; i < f->n_ports && (sorted[i].lower <= upper || sorted[i].lower - 1 == upper); i++)
			upper = sorted[i].upper > upper ? sorted[i].upper : upper;
		if (lower == upper)
			buf_printf(out, "%s %u", comma, lower);
		else
			buf_printf(out, "%s %u-%u", comma, lower, upper);
		comma = ",";
	}
	buf_printf(out, " }");
	free(sorted);
}

static void
put_match(const struct filter *f, const uint8_t *protocols, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%u", i ? ", " : " meta l4proto { ", protocols[i]);
	buf_printf(out, "%s", n ? " }" : "");
	if (f->n_ports)
		put_ports(f, out);
}

/* One rule of the mitigation's chain; family '4' or '6' for the source set, or 0. */
static void
put_rule(struct nft *t, const struct filter *f, char family, const uint8_t *protocols, size_t n,
	struct buf *out)
{
	const char *unit = f->action.unit == RATE_BYTES ? "bytes/second" : "/second";
	const char *space = f->action.unit == RATE_BYTES ? " " : "";

	buf_printf(out, "add rule inet %s m_%" PRIu64, t->table, f->id);
	put_match(f, protocols, n, out);
	if (f->action.kind == ACTION_LIMIT)
		buf_printf(out, " limit rate over %" PRIu64 "%s%s", f->action.rate, space, unit);
	if (f->action.kind == ACTION_LIMIT_PER_SOURCE)
		buf_printf(out, " add @s%c_%" PRIu64 " { %s saddr limit rate over %" PRIu64 "%s%s }", family,
			f->id, family == '4' ? "ip" : "ip6", f->action.rate, space, unit);
	buf_printf(out, " counter name n_%" PRIu64 " drop\n", f->id);
}

static bool
has_family(const struct filter *f, int family)
{
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (f->prefixes[i].addr.family == family)
			return true;
	return false;
}

static void
put_mitigation(struct nft *t, const struct rule *r, struct buf *out)
{
	const struct filter *f = &r->filter;
	uint8_t protocols[256];
	size_t n = matched_protocols(f, protocols);
	uint64_t k = client_key(f->client);

	buf_printf(out, "add counter inet %s n_%" PRIu64 " { comment \"%016" PRIx64 "\" ; }\n", t->table, f->id,
		r->digest);
	buf_printf(out, "add chain inet %s m_%" PRIu64 "\nflush chain inet %s m_%" PRIu64 "\n", t->table, f->id,
		t->table, f->id);
	buf_printf(out, "add rule inet %s m_%" PRIu64 " jump k_%016" PRIx64 "\n", t->table, f->id, k);
	if (!n && (f->n_protocols || f->n_ports))
		return; /* ports of protocols that have none: nothing matches */
	if (f->action.kind != ACTION_LIMIT_PER_SOURCE) {
		put_rule(t, f, 0, protocols, n, out);
		return;
	}
	for (int family = 4; family <= 6; family += 2) {
		if (!has_family(f, family))
			continue;
		buf_printf(out,
			"add set inet %s s%d_%" PRIu64
			" { type ipv%d_addr; size %d; flags dynamic,timeout; timeout 1m; }\n",
			t->table, family, f->id, family, SOURCES_MAX);
		put_rule(t, f, (char)('0' + family), protocols, n, out);
	}
}

/* ---- elements ---- */

static void
put_element(struct nft *t, const char *verb, const struct element *e, struct buf *out)
{
	char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
	bool one = addr_equal(&e->first, &e->last);

	buf_printf(out, "%s element inet %s mit%c { %s%s%s : jump %s }\n", verb, t->table,
		e->first.family == 4 ? '4' : '6', addr_format(&e->first, first), one ? "" : "-",
		one ? "" : addr_format(&e->last, last), e->chain);
}

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

static void
put_cells(struct nft *t, const struct range *ranges, size_t n, struct map *cells, struct buf *out)
{
	char name[NAME_MAX_];

	for (size_t i = 0; i < n; i++) {
		const struct range *r = &ranges[i];

		if (r->n_ids == 1)
			continue;
		chain_name(r, name);
		if (map_set(cells, name, strlen(name), t) || map_get(t->cells, name, strlen(name)))
			continue;
		buf_printf(out, "add chain inet %s %s\nflush chain inet %s %s\n", t->table, name, t->table, name);
		for (size_t k = 0; k < r->n_ids; k++)
			buf_printf(out, "add rule inet %s %s jump m_%" PRIu64 "\n", t->table, name, r->ids[k]);
	}
}

static struct elements
make_elements(const struct range *ranges, size_t n)
{
	struct elements es = {mem_array(n, sizeof(struct element)), n};

	for (size_t i = 0; i < n; i++) {
		es.list[i].first = ranges[i].first;
		es.list[i].last = ranges[i].last;
		chain_name(&ranges[i], es.list[i].chain);
	}
	return es;
}

static bool
same_element(const struct element *a, const struct element *b)
{
	return addr_equal(&a->first, &b->first) && addr_equal(&a->last, &b->last) &&
		!strcmp(a->chain, b->chain);
}

/* Both lists ascend: one pass tells what goes and what comes. */
static void
put_differences(struct nft *t, const struct elements *now, struct buf *out)
{
	const struct elements *old = &t->elements;
	struct buf added;
	size_t i = 0, k = 0;

	buf_init(&added, TEXT_MAX);
	while (i < old->n || k < now->n) {
		int order = i == old->n ? 1 : k == now->n ? -1
							  : addr_compare(&old->list[i].first, &now->list[k].first);

		if (order == 0 && same_element(&old->list[i], &now->list[k])) {
			i++;
			k++;
		} else if (order <= 0) {
			put_element(t, "delete", &old->list[i++], out);
		} else {
			put_element(t, "add", &now->list[k++], &added);
		}
	}
	buf_bytes(out, added.bytes, added.len);
	buf_finish(&added);
}

/* ---- the rules that are wanted ---- */

static uint64_t
digest_of(const struct filter *f)
{
	struct filter copy = *f;
	struct filter_msg m = {.op = FILTER_OP_COMMIT, .added = &copy, .n_added = 1};
	struct buf out;
	uint64_t h;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(&m, &out);
	h = hash(out.bytes, out.len);
	buf_finish(&out);
	return h;
}

static void
rule_free(struct rule *r)
{
	if (!r)
		return;
	arena_free(r->arena);
	free(r);
}

static void
keep_rule(struct nft *t, const struct filter *f, bool fresh)
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
	r->digest = digest_of(f);
	r->fresh = fresh;
	rule_free(map_set(t->rules, &f->id, sizeof(f->id), r));
}

struct writing {
	struct nft *t;
	struct buf *out;
	uint32_t n;
};

static bool
put_fresh(void *arg, const void *key, size_t len, void *value)
{
	struct writing *w = arg;
	struct rule *r = value;

	(void)key;
	(void)len;
	if (!r->fresh)
		return true;
	put_mitigation(w->t, r, w->out);
	r->fresh = false;
	w->n++;
	return true;
}

static void
need_client(struct nft *t, const char *client, struct buf *out)
{
	if (!map_set(t->clients, client, strlen(client), t))
		put_client(t, client, out);
}

/* Whatever the map elements do not need to know yet. Returns the number of chains written. */
static uint32_t
put_additions(struct nft *t, const struct filter_msg *m, struct buf *out)
{
	struct writing w = {t, out, 0};

	for (size_t i = 0; i < m->n_added; i++)
		need_client(t, m->added[i].client, out);
	for (size_t i = 0; i < m->n_flows; i++) {
		need_client(t, m->flows[i].client, out);
		put_flows(t, &m->flows[i], out);
	}
	map_each(t->rules, put_fresh, &w);
	return w.n;
}

static bool
put_dead_cell(void *arg, const void *key, size_t len, void *value)
{
	struct writing *w = arg;

	(void)value;
	buf_printf(w->out, "flush chain inet %s %.*s\ndelete chain inet %s %.*s\n", w->t->table, (int)len,
		(const char *)key, w->t->table, (int)len, (const char *)key);
	return true;
}

static bool
drop_live_cell(void *arg, const void *key, size_t len, void *value)
{
	(void)value;
	map_remove(arg, key, len);
	return true;
}

static void
put_removal(struct nft *t, const struct rule *r, struct buf *out)
{
	uint64_t id = r->filter.id;

	buf_printf(out, "flush chain inet %s m_%" PRIu64 "\ndelete chain inet %s m_%" PRIu64 "\n", t->table, id,
		t->table, id);
	buf_printf(out, "delete counter inet %s n_%" PRIu64 "\n", t->table, id);
	for (int family = 4; family <= 6; family += 2)
		if (r->filter.action.kind == ACTION_LIMIT_PER_SOURCE && has_family(&r->filter, family))
			buf_printf(out, "delete set inet %s s%d_%" PRIu64 "\n", t->table, family, id);
}

/* ---- a commit in three steps ---- */

struct commit {
	struct buf add, change, remove;
	struct map *cells;
	struct elements elements;
};

static void
commit_init(struct commit *c)
{
	buf_init(&c->add, TEXT_MAX);
	buf_init(&c->change, TEXT_MAX);
	buf_init(&c->remove, TEXT_MAX);
	c->cells = map_new();
	c->elements = (struct elements){0};
}

static const char *
commit_run(struct nft *t, struct commit *c)
{
	const char *why = run(t, &c->add, NULL);

	if (!why)
		why = run(t, &c->change, NULL);
	if (!why) {
		free(t->elements.list);
		t->elements = c->elements;
		c->elements = (struct elements){0};
		map_free(t->cells);
		t->cells = c->cells;
		c->cells = NULL;
		why = run(t, &c->remove, NULL);
	}
	return why;
}

static void
commit_finish(struct commit *c)
{
	buf_finish(&c->add);
	buf_finish(&c->change);
	buf_finish(&c->remove);
	map_free(c->cells);
	free(c->elements.list);
}

static void
plan_elements(struct nft *t, struct commit *c)
{
	struct arena *a = arena_new();
	struct range *ranges;
	size_t n = cut_all(t, a, &ranges);

	put_cells(t, ranges, n, c->cells, &c->add);
	c->elements = make_elements(ranges, n);
	arena_free(a);
}

static uint32_t
take_out(struct nft *t, const struct filter_msg *m, struct buf *removals)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->n_removed; i++) {
		struct rule *r = map_remove(t->rules, &m->removed[i], sizeof(uint64_t));

		if (!r)
			continue;
		put_removal(t, r, removals);
		rule_free(r);
		n++;
	}
	return n;
}

const char *
nft_commit(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done)
{
	struct commit c;
	struct writing w = {.t = t};
	struct buf removals;
	const char *why;

	commit_init(&c);
	buf_init(&removals, TEXT_MAX);
	for (size_t i = 0; i < m->n_added; i++)
		keep_rule(t, &m->added[i], true);
	ret_done->gone = take_out(t, m, &removals);
	ret_done->n_new = put_additions(t, m, &c.add);
	plan_elements(t, &c);
	put_differences(t, &c.elements, &c.change);
	map_each(c.cells, drop_live_cell, t->cells); /* what stays in t->cells is dead */
	w.out = &c.remove;
	map_each(t->cells, put_dead_cell, &w); /* cells refer to mitigations: they go first */
	buf_bytes(&c.remove, removals.bytes, removals.len);
	why = commit_run(t, &c);
	buf_finish(&removals);
	commit_finish(&c);
	return why;
}

/* ---- reconciling ---- */

/* Runs a listing in JSON; the array of its objects, or NULL (the table may not be there yet). */
static json_t *
list(struct nft *t, const char *objects, bool of_table)
{
	struct buf text;
	char *output = NULL;
	const char *why;
	json_t *j, *array = NULL;

	buf_init(&text, 256);
	buf_printf(&text, "list %s", objects);
	if (of_table)
		buf_printf(&text, " table inet %s", t->table);
	nft_ctx_output_set_flags(t->ctx, NFT_CTX_OUTPUT_JSON);
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

/* Notes which wanted mitigations stand there unchanged. */
static uint32_t
keep_standing(struct nft *t, json_t *counters)
{
	uint32_t kept = 0;
	json_t *item;
	size_t i;

	json_array_foreach (counters, i, item) {
		const json_t *c = json_object_get(item, "counter");
		uint64_t id = strtoull(field(c, "name") + (*field(c, "name") ? 2 : 0), NULL, 10);
		struct rule *r = map_get(t->rules, &id, sizeof(id));

		if (!c || !r || strcmp(field(c, "table"), t->table) != 0 ||
			strtoull(field(c, "comment"), NULL, 16) != r->digest)
			continue;
		r->fresh = false;
		kept++;
	}
	return kept;
}

static bool
is_wanted(const struct nft *t, const struct map *cells, const char *name)
{
	uint64_t id = strlen(name) > 2 ? strtoull(name + 2 + (name[1] != '_'), NULL, 10) : 0;

	switch (*name) {
	case 'p': /* pre */
		return true;
	case 'c':
		return map_get(cells, name, strlen(name)) != NULL;
	case 'm':
	case 'n':
	case 's':
		return map_get(t->rules, &id, sizeof(id)) != NULL;
	default: /* clients' chains and sets cost nothing */
		return true;
	}
}

/* Removes objects of one type that nobody wants. */
static uint32_t
put_strays(struct nft *t, const struct map *cells, json_t *objects, const char *type, bool flush,
	struct buf *out)
{
	uint32_t n = 0;
	json_t *item;
	size_t i;

	json_array_foreach (objects, i, item) {
		const json_t *o = json_object_get(item, type);
		const char *name = field(o, "name");

		if (!o || strcmp(field(o, "table"), t->table) != 0 || is_wanted(t, cells, name))
			continue;
		buf_printf(out, "%s %s inet %s %s\n", flush ? "flush" : "delete", type, t->table, name);
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

static void
forget_all(struct nft *t)
{
	map_each(t->rules, forget_rule, NULL);
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

static void
put_all_elements(struct nft *t, const struct elements *es, struct buf *out)
{
	buf_printf(out, "flush map inet %s mit4\nflush map inet %s mit6\n", t->table, t->table);
	for (size_t i = 0; i < es->n; i++)
		put_element(t, "add", &es->list[i], out);
}

const char *
nft_sync(struct nft *t, const struct filter_msg *m, struct filter_msg *ret_done)
{
	json_t *counters = list(t, "counters", true), *chains = list(t, "chains", false);
	json_t *sets = list(t, "sets", false);
	struct commit c;
	const char *why;

	forget_all(t);
	remember_nothing(t);
	commit_init(&c);
	for (size_t i = 0; i < m->n_added; i++)
		keep_rule(t, &m->added[i], true);
	ret_done->kept = keep_standing(t, counters);
	put_frame(t, &c.add);
	ret_done->n_new = put_additions(t, m, &c.add);
	plan_elements(t, &c);
	put_all_elements(t, &c.elements, &c.change);
	put_strays(t, c.cells, chains, "chain", true, &c.remove);
	ret_done->gone = put_strays(t, c.cells, chains, "chain", false, &c.remove);
	put_strays(t, c.cells, sets, "set", false, &c.remove);
	put_strays(t, c.cells, counters, "counter", false, &c.remove);
	why = commit_run(t, &c);
	commit_finish(&c);
	json_decref(counters);
	json_decref(chains);
	json_decref(sets);
	return why;
}

const char *
nft_counters(struct nft *t, struct arena *a, struct filter_msg *ret_values)
{
	json_t *counters = list(t, "counters", true), *item;
	size_t i;

	ret_values->values = arena_alloc(a, json_array_size(counters) + 1, sizeof(*ret_values->values));
	json_array_foreach (counters, i, item) {
		const json_t *c = json_object_get(item, "counter");

		if (c && !strncmp(field(c, "name"), "n_", 2))
			ret_values->values[ret_values->n_values++] = (struct filter_value){
				.id = strtoull(field(c, "name") + 2, NULL, 10),
				.packets = (uint64_t)json_integer_value(json_object_get(c, "packets")),
				.bytes = (uint64_t)json_integer_value(json_object_get(c, "bytes"))};
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
