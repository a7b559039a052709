/*
 * The book of mitigation requests (RFC 9132 4.4). Look-ups by hash, overlap by a trie a client and
 * cuid, lifetimes by a heap: the cost of a request does not grow with the number of mitigations.
 */
#include "core/mitigation.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "core/status.h"

enum {
	BUCKET_MS = 300000,
	OVERLOAD_RETRY_S = 60,
	NAME_MAX_LEN = 128, /* of clients and cuids; the configuration and wire/path allow 64 */
};

/* All requests of one client and cuid, in the order they were processed. */
struct shelf {
	struct mitigation **list;
	size_t n, cap;
	/* By trigger_mitigation: prefix -> struct mitigation of that value, of active requests. Own
	 * overlap is resolved when a request comes in, so a prefix has one holder. */
	struct trie *targets[2];
};

LIST_HEAD(mitigation_list, mitigation);

/* Preconfigured requests that wait for the loss of one peer, or were activated by it. */
struct queue {
	struct mitigation_list waiting;
	size_t n; /* with the active ones */
};

struct book {
	struct mitigation_policy policy;
	struct map *by_key, *by_id, *shelves, *per_client, *queues;
	struct heap deadlines; /* of all that is there */
	size_t n_targets;      /* prefixes of all */
	uint64_t last_id;
	uint64_t *walks; /* searches for overlaps so far; counted for who only looks, too */
	struct conflicts *conflicts; /* what is filtered, of all clients */
	uint64_t untold;             /* times that not everybody concerned was told */
};

#define NEVER_REVIEWED UINT64_MAX

/* ---- keys ---- */

/* Client and cuid, neither of which has a "/" in it, and of a mitigation its mid. Made for every
 * request, so not on the heap. */
struct key {
	char bytes[2 * NAME_MAX_LEN + 1 + sizeof(uint32_t)];
	size_t len;
};

static void
key_shelf(struct key *k, const char *client, const char *cuid)
{
	size_t client_len = strlen(client), cuid_len = strlen(cuid);

	assert(client_len <= NAME_MAX_LEN && cuid_len <= NAME_MAX_LEN);
	memcpy(k->bytes, client, client_len);
	k->bytes[client_len] = '/';
	memcpy(k->bytes + client_len + 1, cuid, cuid_len);
	k->len = client_len + 1 + cuid_len;
}

static void
key_mitigation(struct key *k, const char *client, const char *cuid, uint32_t mid)
{
	key_shelf(k, client, cuid);
	memcpy(k->bytes + k->len, &mid, sizeof(mid));
	k->len += sizeof(mid);
}

static struct shelf *
shelf_get(const struct book *b, const char *client, const char *cuid)
{
	struct key k;

	key_shelf(&k, client, cuid);
	return map_get(b->shelves, k.bytes, k.len);
}

static struct shelf *
shelf_make(struct book *b, const char *client, const char *cuid)
{
	struct shelf *s = shelf_get(b, client, cuid);
	struct key k;

	if (s)
		return s;
	s = mem_new(sizeof(*s));
	s->targets[0] = trie_new();
	s->targets[1] = trie_new();
	key_shelf(&k, client, cuid);
	map_set(b->shelves, k.bytes, k.len, s);
	return s;
}

static void
shelf_free(struct shelf *s)
{
	trie_free(s->targets[0]);
	trie_free(s->targets[1]);
	free(s->list);
	free(s);
}

/* Of one client. */
struct count {
	uint32_t all, on; /* on: filtering and not withdrawn */
	size_t names;     /* of all of them */
	uint32_t targets; /* prefixes of all */
};

static struct count *
client_count(const struct book *b, const char *client)
{
	return map_get(b->per_client, client, strlen(client));
}

/* ---- effects ---- */

static void
effect(struct effects *fx, enum effect_kind kind, struct mitigation *m, const char *reason)
{
	if (fx->n == fx->cap) {
		fx->cap = fx->cap ? 2 * fx->cap : 8;
		fx->list = mem_grow(fx->list, fx->cap, sizeof(*fx->list));
	}
	fx->list[fx->n++] = (struct effect){kind, m, reason};
}

static struct mitigation *
nth(const struct book *b, size_t i)
{
	return heap_entry(b->deadlines.list[i].node, struct mitigation, deadline);
}

static void
mitigation_free(struct mitigation *m)
{
	cover_finish(&m->cover);
	arena_free(m->arena);
	free(m->contested);
	filter_changes_finish(&m->filter_changes);
	free(m->client);
	free(m->cuid);
	free(m->cdid);
	free(m->peer);
	free(m);
}

void
effects_finish(struct effects *fx)
{
	for (size_t i = 0; i < fx->n; i++)
		if (fx->list[i].kind == EFFECT_END)
			mitigation_free(fx->list[i].m);
	free(fx->list);
	*fx = (struct effects){0};
}

/* ---- entering and leaving the book ---- */

struct book *
book_new(const struct mitigation_policy *policy)
{
	struct book *b = mem_new(sizeof(*b));

	b->policy = *policy;
	b->by_key = map_new();
	b->by_id = map_new();
	b->shelves = map_new();
	b->per_client = map_new();
	b->queues = map_new();
	b->walks = mem_new(sizeof(*b->walks));
	b->conflicts = conflicts_new();
	return b;
}

static bool
free_shelf(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	shelf_free(value);
	return true;
}

static bool
free_value(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
book_free(struct book *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->deadlines.n; i++) {
		struct mitigation *m = nth(b, i);

		conflicts_leave(b->conflicts, &m->claim);
		mitigation_free(m);
	}
	map_each(b->shelves, free_shelf, NULL);
	map_each(b->per_client, free_value, NULL);
	map_each(b->queues, free_value, NULL);
	map_free(b->queues);
	map_free(b->by_key);
	map_free(b->by_id);
	map_free(b->shelves);
	map_free(b->per_client);
	heap_finish(&b->deadlines);
	free(b->walks);
	conflicts_free(b->conflicts);
	free(b);
}

void
book_set_policy(struct book *b, const struct mitigation_policy *policy)
{
	b->policy = *policy;
}

size_t
book_count(const struct book *b)
{
	return b->deadlines.n;
}

struct book_share
book_share(const struct book *b, const char *client)
{
	const struct count *count = client_count(b, client);

	return count ? (struct book_share){count->all, count->targets} : (struct book_share){0};
}

static bool
is_on(const struct mitigation *m)
{
	return m->filtering && !m->terminating;
}

/* Where others look for overlaps. */
static void
index_cover(struct book *b, struct mitigation *m)
{
	struct trie *t = shelf_get(b, m->client, m->cuid)->targets[m->scope.trigger_mitigation];

	for (size_t i = 0; i < m->cover.n_prefixes; i++)
		trie_set(t, &m->cover.prefixes[i], m);
	m->claim = (struct claim){.client = m->client,
		.targets = m->cover.prefixes,
		.n_targets = m->cover.n_prefixes,
		.owner = m};
	if (m->filtering)
		conflicts_enter(b->conflicts, &m->claim);
	client_count(b, m->client)->targets += (uint32_t)m->cover.n_prefixes;
	b->n_targets += m->cover.n_prefixes;
}

static void
unindex_cover(struct book *b, struct mitigation *m)
{
	struct trie *t = shelf_get(b, m->client, m->cuid)->targets[m->scope.trigger_mitigation];

	for (size_t i = 0; i < m->cover.n_prefixes; i++)
		if (trie_get(t, &m->cover.prefixes[i]) == m)
			trie_remove(t, &m->cover.prefixes[i]);
	conflicts_leave(b->conflicts, &m->claim);
	client_count(b, m->client)->targets -= (uint32_t)m->cover.n_prefixes;
	b->n_targets -= m->cover.n_prefixes;
}

/* ---- who waits for the loss of whom ---- */

static struct queue *
queue_get(const struct book *b, const char *peer)
{
	return map_get(b->queues, peer, strlen(peer));
}

static void
queue_enter(struct book *b, struct mitigation *m)
{
	struct queue *q = queue_get(b, m->peer);

	if (!q) {
		q = mem_new(sizeof(*q));
		LIST_INIT(&q->waiting);
		map_set(b->queues, m->peer, strlen(m->peer), q);
	}
	q->n++;
	if (!m->filtering)
		LIST_INSERT_HEAD(&q->waiting, m, of_peer);
}

static void
queue_leave(struct book *b, struct mitigation *m)
{
	struct queue *q = queue_get(b, m->peer);

	if (!m->filtering)
		LIST_REMOVE(m, of_peer);
	if (--q->n)
		return;
	map_remove(b->queues, m->peer, strlen(m->peer));
	free(q);
}

struct mitigation *
book_waiting(const struct book *b, const char *peer)
{
	const struct queue *q = queue_get(b, peer);

	return q ? LIST_FIRST(&q->waiting) : NULL;
}

bool
book_has_preconfigured(const struct book *b, const char *peer)
{
	return queue_get(b, peer) != NULL;
}

static void
enter(struct book *b, struct mitigation *m)
{
	struct shelf *s = shelf_make(b, m->client, m->cuid);
	struct count *count = client_count(b, m->client);
	struct key k;

	key_mitigation(&k, m->client, m->cuid, m->mid);
	map_set(b->by_key, k.bytes, k.len, m);
	map_set(b->by_id, &m->id, sizeof(m->id), m);
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 4;
		s->list = mem_grow(s->list, s->cap, sizeof(struct mitigation *));
	}
	s->list[s->n++] = m;
	if (!count) {
		count = mem_new(sizeof(*count));
		map_set(b->per_client, m->client, strlen(m->client), count);
	}
	count->all++;
	count->on += is_on(m);
	count->names += m->cover.n_names;
	heap_set(&b->deadlines, &m->deadline, m->expires);
	index_cover(b, m);
	if (m->peer)
		queue_enter(b, m);
}

static void
leave(struct book *b, struct mitigation *m)
{
	struct count *count = client_count(b, m->client);
	struct shelf *s = shelf_get(b, m->client, m->cuid);
	struct key k;
	size_t i = 0;

	unindex_cover(b, m);
	key_mitigation(&k, m->client, m->cuid, m->mid);
	map_remove(b->by_key, k.bytes, k.len);
	map_remove(b->by_id, &m->id, sizeof(m->id));
	while (s->list[i] != m)
		i++;
	memmove(&s->list[i], &s->list[i + 1], (s->n - i - 1) * sizeof(struct mitigation *));
	s->n--;
	count->all--;
	count->on -= is_on(m);
	count->names -= m->cover.n_names;
	heap_remove(&b->deadlines, &m->deadline);
	if (m->peer)
		queue_leave(b, m);
	if (!s->n) {
		key_shelf(&k, m->client, m->cuid);
		map_remove(b->shelves, k.bytes, k.len);
		shelf_free(s);
	}
}

/* ---- conflicts with other clients (4.4.1.3) ---- */

/* What it is in conflict with now; true: with something else than before. */
static bool
review(const struct book *b, struct mitigation *m)
{
	struct prefix now[CONFLICT_SCOPE_MAX];
	bool whole;
	size_t n = conflicts_scope(b->conflicts, &m->claim, now, &whole), i = 0;

	m->reviewed = whole ? b->untold : NEVER_REVIEWED;
	while (i < n && i < m->n_contested && prefix_equal(&now[i], &m->contested[i]))
		i++;
	if (i == n && i == m->n_contested)
		return false;
	free(m->contested);
	m->contested = n ? mem_copy(now, n * sizeof(*now)) : NULL;
	m->n_contested = n;
	return true;
}

bool
book_review(const struct book *b, struct mitigation *m)
{
	return m->reviewed != b->untold && review(b, m);
}

struct told {
	struct book *book;
	struct effects *fx;
};

static void
tell_other(void *arg, struct claim *other)
{
	struct told *t = arg;
	struct mitigation *m = other->owner;

	if (review(t->book, m))
		effect(t->fx, EFFECT_CONFLICT, m, NULL);
}

/* It has come, or gone: who is in conflict now, or is no more, is to know. */
static void
tell_others(struct book *b, const struct claim *k, struct effects *fx)
{
	struct told t = {b, fx};

	if (!conflicts_others(b->conflicts, k, tell_other, &t))
		b->untold++;
}

void
book_end(struct book *b, struct mitigation *m, const char *reason, struct effects *fx)
{
	bool competed = m->filtering;

	if (m->filtering)
		effect(fx, EFFECT_STOP, m, reason);
	if (m->status != ATTACK_MITIGATION_WITHDRAWN)
		m->status = ATTACK_MITIGATION_TERMINATED;
	leave(b, m);
	m->filtering = false;
	review(b, m); /* it is in conflict with nobody any more */
	if (competed)
		tell_others(b, &m->claim, fx);
	effect(fx, EFFECT_END, m, reason);
}

/* ---- checks of a PUT (4.4.1) ---- */

#define ANY_TARGET                                                                                 \
	(1ULL << SCOPE_TARGET_PREFIX | 1ULL << SCOPE_TARGET_FQDN | 1ULL << SCOPE_TARGET_URI |      \
		1ULL << SCOPE_ALIAS_NAME)

/* Attributes that a PUT may not hold, and why. */
static const struct {
	enum scope_field field;
	const char *why;
} refused[] = {
	{SCOPE_MID, "RFC 9132 4.4.1.1: mid is in the body, it belongs in the Uri-Path"},
	{SCOPE_MITIGATION_START, "RFC 9132 4.4.1.1: mitigation-start is for servers"},
	{SCOPE_STATUS, "RFC 9132 4.4.1.1: status is for servers"},
	{SCOPE_CONFLICT_INFORMATION, "RFC 9132 4.4.1.1: conflict-information is for servers"},
	{SCOPE_BYTES_DROPPED, "RFC 9132 4.4.1.1: bytes-dropped is for servers"},
	{SCOPE_BPS_DROPPED, "RFC 9132 4.4.1.1: bps-dropped is for servers"},
	{SCOPE_PKTS_DROPPED, "RFC 9132 4.4.1.1: pkts-dropped is for servers"},
	{SCOPE_PPS_DROPPED, "RFC 9132 4.4.1.1: pps-dropped is for servers"},
};

/* Targets that somebody has to find out, and what is said where nobody can. */
static const struct {
	enum scope_field field;
	const char *why;
} sought[] = {
	{SCOPE_TARGET_FQDN,
		"RFC 9132 11: target-fqdn needs an encrypted, validating resolver here"},
	{SCOPE_TARGET_URI, "RFC 9132 11: target-uri needs an encrypted, validating resolver here"},
	{SCOPE_ALIAS_NAME, "RFC 9132 4.4.1.3: alias-name was not created by this client"},
};

/* target-port-range is a list keyed by lower-port. */
static bool
lower_port_twice(const struct target *t)
{
	for (size_t i = 0; i < t->n_target_port_range; i++)
		for (size_t k = 0; k < i; k++)
			if (t->target_port_range[i].lower_port ==
				t->target_port_range[k].lower_port)
				return true;
	return false;
}

static struct verdict
check_attributes(const struct scope *s, bool if_match)
{
	if (!(s->has & ANY_TARGET))
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: none of target-prefix, "
							"target-fqdn, target-uri, alias-name");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (s->has >> refused[i].field & 1)
			return verdict_of(COAP_400_BAD_REQUEST, "%s", refused[i].why);
	if (lower_port_twice(&s->target))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 5.1: target-port-range has a lower-port twice");
	if (!SCOPE_HAS(s, LIFETIME) && !if_match)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: lifetime is missing");
	if (SCOPE_HAS(s, LIFETIME) && s->lifetime == 0)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: lifetime is 0");
	if (if_match && !SCOPE_HAS(s, ATTACK_STATUS))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.3: an efficacy update without attack-status");
	if (!if_match && SCOPE_HAS(s, ATTACK_STATUS))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.3: attack-status is for efficacy updates (If-Match)");
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

/* ---- same parameters? (4.4.1.3: only lifetime may differ) ---- */

static bool
same_prefixes(const struct target *a, const struct target *b)
{
	for (size_t i = 0; i < a->n_target_prefix; i++) {
		size_t k = 0;

		while (k < b->n_target_prefix &&
			!prefix_equal(&a->target_prefix[i], &b->target_prefix[k]))
			k++;
		if (k == b->n_target_prefix)
			return false;
	}
	return true;
}

static bool
same_ports(const struct target *a, const struct target *b)
{
	for (size_t i = 0; i < a->n_target_port_range; i++) {
		const struct port_range *r = &a->target_port_range[i];
		size_t k = 0;

		while (k < b->n_target_port_range &&
			(r->lower_port != b->target_port_range[k].lower_port ||
				port_range_last(r) != port_range_last(&b->target_port_range[k])))
			k++;
		if (k == b->n_target_port_range)
			return false;
	}
	return true;
}

static bool
same_protocols(const struct target *a, const struct target *b)
{
	for (size_t i = 0; i < a->n_target_protocol; i++) {
		size_t k = 0;

		while (k < b->n_target_protocol && a->target_protocol[i] != b->target_protocol[k])
			k++;
		if (k == b->n_target_protocol)
			return false;
	}
	return true;
}

static bool
same_texts(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
	for (size_t i = 0; i < n_a; i++) {
		size_t k = 0;

		while (k < n_b && strcmp(a[i], b[k]) != 0)
			k++;
		if (k == n_b)
			return false;
	}
	return true;
}

static bool
includes(const struct target *a, const struct target *b)
{
	return same_prefixes(a, b) && same_ports(a, b) && same_protocols(a, b) &&
	       same_texts(a->target_fqdn, a->n_target_fqdn, b->target_fqdn, b->n_target_fqdn) &&
	       same_texts(a->target_uri, a->n_target_uri, b->target_uri, b->n_target_uri) &&
	       same_texts(a->alias_name, a->n_alias_name, b->alias_name, b->n_alias_name);
}

/* Lists are sets: order and repetition do not count. */
static bool
same_parameters(const struct scope *a, const struct scope *b)
{
	return a->trigger_mitigation == b->trigger_mitigation && includes(&a->target, &b->target) &&
	       includes(&b->target, &a->target);
}

/* ---- own overlap (4.4.1.3) ---- */

struct overlaps {
	uint32_t mid; /* of the new request */
	bool any;     /* mids do not count: all are found, as `lower` */
	struct mitigation *higher;
	struct mitigation **lower;
	size_t n_lower, cap_lower;
	uint64_t walk; /* number of this search: what it has met is marked by it */
};

static bool
note_overlap(void *arg, const struct prefix *p, void *value)
{
	struct overlaps *o = arg;
	struct mitigation *m = value;

	(void)p;
	if (!o->any && m->mid == o->mid)
		return true;
	if (!o->any && m->mid > o->mid) {
		o->higher = m;
		return false;
	}
	if (m->walk == o->walk)
		return true;
	m->walk = o->walk;
	if (o->n_lower == o->cap_lower) {
		o->cap_lower = o->cap_lower ? 2 * o->cap_lower : 4;
		o->lower = mem_grow(o->lower, o->cap_lower, sizeof(struct mitigation *));
	}
	o->lower[o->n_lower++] = m;
	return true;
}

static int
compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

/* Of its client and cuid those of that trigger-mitigation. Prefix by prefix, those inside others
 * left out: what is inside of a wide one is walked over once, however often a request names it. */
static void
walk_overlaps(const struct shelf *s, const struct cover *cv, bool trigger, struct overlaps *ret)
{
	const struct trie *trie = s ? s->targets[trigger] : NULL;
	const struct prefix *outer = NULL;
	struct prefix *sorted;

	if (!trie || !trie_count(trie) || !cv->n_prefixes)
		return;
	sorted = mem_copy(cv->prefixes, cv->n_prefixes * sizeof(*sorted));
	qsort(sorted, cv->n_prefixes, sizeof(*sorted), compare_prefixes);
	for (size_t i = 0; i < cv->n_prefixes && !ret->higher; i++) {
		if (outer && prefix_contains(outer, &sorted[i]))
			continue;
		outer = &sorted[i];
		trie_covering(trie, outer, note_overlap, ret);
		trie_covered(trie, outer, note_overlap, ret);
	}
	free(sorted);
}

static void
find_overlaps(const struct book *b, const struct mitigation_request *r, struct overlaps *ret)
{
	const struct cover cv = r->cover ? *r->cover : cover_of(&r->scope->target);

	*ret = (struct overlaps){.mid = r->mid, .walk = ++*b->walks};
	walk_overlaps(
		shelf_get(b, r->client->name, r->cuid), &cv, r->scope->trigger_mitigation, ret);
}

/* Those of the other trigger-mitigation, whatever their mids. */
static void
find_counterparts(const struct book *b, const struct mitigation *m, struct overlaps *ret)
{
	*ret = (struct overlaps){.any = true, .walk = ++*b->walks};
	walk_overlaps(
		shelf_get(b, m->client, m->cuid), &m->cover, !m->scope.trigger_mitigation, ret);
}

static struct verdict
conflict_with(const struct mitigation *m)
{
	struct verdict v = verdict_of(COAP_409_CONFLICT,
		"RFC 9132 4.4.1.3: overlaps with the newer request mid %u", m->mid);

	v.conflict.cause = OVERLAPPING_TARGETS;
	v.has_conflict_mid = true;
	v.conflict_mid = m->mid;
	return v;
}

/* What passes of a preconfigured request is told several times, whatever comes meanwhile (4.4.2).
 */
static bool
is_repeated(const struct mitigation *m)
{
	return !m->scope.trigger_mitigation &&
	       (m->status == ATTACK_STOPPED || m->status == ATTACK_MITIGATION_WITHDRAWN);
}

static void
become(struct mitigation *m, enum dots_status status, struct effects *fx)
{
	m->status = status;
	m->repeats = is_repeated(m) ? REPEATS : 0;
	m->repeated = 0;
	effect(fx, EFFECT_STORE, m, NULL);
	effect(fx, EFFECT_NOTIFY, m, NULL);
}

static void
tell(struct mitigation *m, enum dots_status status, struct effects *fx)
{
	if (m->status == status || m->terminating ||
		(is_repeated(m) && status == ATTACK_MITIGATION_SIGNAL_LOSS))
		return;
	become(m, status, fx);
}

/* ---- PUT ---- */

/* Before anything walks over them. What is on record may be refreshed with as many as it has. */
static struct verdict
check_sizes(const struct mitigation_request *r, const struct mitigation *known)
{
	const struct target *t = &r->scope->target, *have = known ? &known->scope.target : NULL;
	const struct {
		const char *name;
		size_t n, most, known;
	} lists[] = {
		{"target-prefix", t->n_target_prefix, r->client->limits.targets,
			have ? have->n_target_prefix : 0},
		{"target-port-range", t->n_target_port_range, r->client->limits.ports,
			have ? have->n_target_port_range : 0},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (lists[i].n > lists[i].most && lists[i].n > lists[i].known)
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.3: %s has %zu entries, more than the %zu allowed "
				"to this client",
				lists[i].name, lists[i].n, lists[i].most);
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

static struct verdict
check_limits(const struct book *b, const struct mitigation_request *r)
{
	const struct client_limits *limits = &r->client->limits;
	const struct count *count = client_count(b, r->client->name);
	const struct count has = count ? *count : (struct count){0};
	size_t names = r->cover ? r->cover->n_names : 0;
	size_t targets = r->cover ? r->cover->n_prefixes : r->scope->target.n_target_prefix;
	bool full = b->deadlines.n >= b->policy.mitigations_max || has.all >= limits->mitigations;
	struct verdict v;

	if (!full && b->n_targets + targets <= b->policy.targets_max &&
		has.targets + targets <= limits->targets_total &&
		(!names || has.names + names <= limits->names))
		return verdict_of(COAP_201_CREATED, "%s", "");
	v = verdict_of(COAP_503_SERVICE_UNAVAILABLE, "RFC 9132 4.4.1.3: as many %s",
		full ? "mitigation requests as this server takes"
		: names && has.names + names > limits->names
			? "names as the requests of this client may have"
			: "target-prefixes as this server takes, with those of other requests");
	v.max_age = OVERLOAD_RETRY_S;
	return v;
}

static struct verdict
check_known(const struct mitigation *m, const struct scope *s)
{
	if (!same_parameters(&m->scope, s))
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.3: mid %u is on record with other parameters", m->mid);
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

static struct verdict
check_new(const struct book *b, const struct mitigation_request *r)
{
	struct verdict v;
	struct overlaps o;

	if (r->if_match)
		return (struct verdict){.code = 0}; /* silently ignored (4.4.3) */
	for (size_t i = 0; i < sizeof(sought) / sizeof(sought[0]) && !r->cover; i++)
		if (r->scope->has >> sought[i].field & 1)
			return verdict_of(COAP_400_BAD_REQUEST, "%s", sought[i].why);
	find_overlaps(b, r, &o);
	if (o.higher)
		v = conflict_with(o.higher);
	else
		v = check_limits(b, r);
	free(o.lower);
	return v;
}

struct verdict
book_check_put(const struct book *b, const struct mitigation_request *r)
{
	const struct mitigation *m = book_find(b, r->client->name, r->cuid, r->mid);
	struct verdict v = check_attributes(r->scope, r->if_match);
	struct cover cv;

	if (verdict_ok(&v))
		v = check_sizes(r, m);
	if (!verdict_ok(&v))
		return v;
	cv = m || !r->cover ? cover_of(&r->scope->target) : *r->cover;
	v = client_authorises(r->client, cv.prefixes, cv.n_prefixes);
	if (!verdict_ok(&v))
		return v;
	return m ? check_known(m, r->scope) : check_new(b, r);
}

uint32_t
mitigation_lifetime_max(const struct mitigation_policy *policy, const struct client *c)
{
	return c && c->lifetime_max ? c->lifetime_max : policy->lifetime_max;
}

static bool
grants_indefinite(const struct mitigation_policy *policy, const struct client *c)
{
	if (c->indefinite == INDEFINITE_AS_ALL)
		return policy->allow_indefinite;
	return c->indefinite == INDEFINITE_GRANTED;
}

static mono_ms
expiry(const struct book *b, const struct mitigation_request *r)
{
	int64_t seconds = r->scope->lifetime;
	int64_t most = mitigation_lifetime_max(&b->policy, r->client);

	if (seconds == LIFETIME_INDEFINITE && grants_indefinite(&b->policy, r->client))
		return INT64_MAX;
	if (seconds < 0 || seconds > most)
		seconds = most;
	return r->now + seconds * 1000;
}

static void
reschedule(struct book *b, struct mitigation *m, mono_ms when)
{
	m->expires = when;
	heap_set(&b->deadlines, &m->deadline, when);
}

/* Asked for again while terminating: it lives on, and the next period is twice as long (4.4.4). */
static void
revive(struct book *b, struct mitigation *m)
{
	m->terminating = false;
	client_count(b, m->client)->on += is_on(m);
	m->terminating_s *= 2;
	if (m->terminating_s > b->policy.terminating_max)
		m->terminating_s = b->policy.terminating_max;
	m->status = m->here = m->action.kind == ACTION_OBSERVE ? ATTACK_MITIGATION_IN_PROGRESS
							       : ATTACK_SUCCESSFULLY_MITIGATED;
}

static void
refresh(struct book *b, struct mitigation *m, const struct mitigation_request *r,
	struct effects *fx)
{
	bool revived = m->terminating;

	m->hop_limit = r->hop_limit;
	m->local = r->local;
	if (r->cdid) {
		free(m->cdid);
		m->cdid = mem_text(r->cdid);
	}
	if (m->peer && r->peer && strcmp(m->peer, r->peer) != 0) { /* by another way now */
		queue_leave(b, m);
		free(m->peer);
		m->peer = mem_text(r->peer);
		queue_enter(b, m);
		effect(fx, EFFECT_STORE, m, NULL);
	}
	if (revived) {
		revive(b, m);
		effect(fx, EFFECT_NOTIFY, m, NULL);
	}
	if (SCOPE_HAS(r->scope, LIFETIME)) {
		m->scope.lifetime = r->scope->lifetime;
		reschedule(b, m, expiry(b, r));
	}
	if (revived)
		effect(fx, EFFECT_STORE, m, NULL);
	else if (SCOPE_HAS(r->scope, LIFETIME))
		effect(fx, EFFECT_EXTEND, m, NULL);
	book_review(b, m);
}

static struct mitigation *
create(struct book *b, const struct mitigation_request *r)
{
	struct mitigation *m = mem_new(sizeof(*m));

	m->id = ++b->last_id;
	m->client = mem_text(r->client->name);
	m->cuid = mem_text(r->cuid);
	m->mid = r->mid;
	m->arena = arena_new();
	schema_copy(&scope_schema, m->arena, r->scope, &m->scope);
	if (r->cover)
		cover_copy(r->cover, &m->cover);
	else
		m->cover = cover_of(&m->scope.target);
	m->filtering = m->scope.trigger_mitigation;
	m->action = r->client->action;
	if (!m->filtering)
		m->peer = mem_text(r->peer ? r->peer : r->client->name);
	m->here = m->filtering ? ATTACK_MITIGATION_IN_PROGRESS : ATTACK_MITIGATION_SIGNAL_LOSS;
	m->status = m->here;
	m->hop_limit = r->hop_limit;
	m->local = r->local;
	m->cdid = mem_text(r->cdid);
	m->started = r->wall;
	m->rate_mark.at = r->now;
	m->terminating_s = b->policy.terminating;
	m->expires = expiry(b, r);
	return m;
}

/* Its filter goes at once, without a terminating period: that is for what clients withdraw
 * (4.4.1.3). */
static void
deactivate(struct book *b, struct mitigation *m, const char *reason, struct effects *fx)
{
	effect(fx, EFFECT_STOP, m, reason);
	client_count(b, m->client)->on -= is_on(m);
	queue_leave(b, m);
	m->filtering = false;
	queue_enter(b, m);
	conflicts_leave(b->conflicts, &m->claim);
	review(b, m);
	tell_others(b, &m->claim, fx);
}

void
book_deactivate(struct book *b, struct mitigation *m, const char *reason, struct effects *fx)
{
	deactivate(b, m, reason, fx);
	m->here = ATTACK_MITIGATION_WITHDRAWN;
	m->upstream = 0;
	tell(m, m->here, fx);
}

/* An immediate request has come: preconfigured ones that are active and meet it are so no more
 * (4.4.1.3). */
static void
deactivate_counterparts(struct book *b, const struct mitigation *by, struct effects *fx)
{
	struct overlaps o;

	find_counterparts(b, by, &o);
	for (size_t i = 0; i < o.n_lower; i++) {
		struct mitigation *m = o.lower[i];

		if (is_on(m))
			book_deactivate(b, m, "overlaps with an immediate request", fx);
	}
	free(o.lower);
}

struct verdict
book_put(struct book *b, const struct mitigation_request *r, struct effects *fx,
	struct mitigation **ret_m)
{
	struct verdict v = book_check_put(b, r);
	struct mitigation *m;
	struct overlaps o;

	if (!verdict_ok(&v))
		return v;
	m = book_find(b, r->client->name, r->cuid, r->mid);
	if (m) {
		refresh(b, m, r, fx);
		*ret_m = m;
		return v;
	}
	find_overlaps(b, r, &o);
	m = create(b, r);
	effect(fx, EFFECT_STORE, m, NULL);
	if (m->filtering)
		effect(fx, EFFECT_START, m, NULL); /* before the old ones stop: no gap */
	enter(b, m); /* so, too: who is in conflict with both hears of no pause */
	for (size_t i = 0; i < o.n_lower; i++) {
		m->takes_over = m->takes_over || o.lower[i]->escalated;
		book_end(b, o.lower[i], "overridden by a newer request", fx);
	}
	free(o.lower);
	if (m->filtering)
		deactivate_counterparts(b, m, fx);
	if (review(b, m))
		effect(fx, EFFECT_CONFLICT, m, NULL);
	if (m->filtering)
		tell_others(b, &m->claim, fx);
	*ret_m = m;
	return v;
}

static bool
same_list(const struct cover *a, const struct cover *b)
{
	return a->n_prefixes == b->n_prefixes &&
	       (!a->n_prefixes ||
		       !memcmp(a->prefixes, b->prefixes, a->n_prefixes * sizeof(*a->prefixes)));
}

/* Who met what it stood for, and who meets it now, is to know. */
static void
cover_changed(struct book *b, struct mitigation *m, const struct claim *was, struct effects *fx)
{
	effect(fx, m->cover.n_prefixes ? EFFECT_START : EFFECT_STOP, m,
		"no address of its names is left");
	if (review(b, m))
		effect(fx, EFFECT_CONFLICT, m, NULL);
	tell_others(b, was, fx);
	tell_others(b, &m->claim, fx);
}

void
book_cover(struct book *b, struct mitigation *m, struct cover *now, struct effects *fx)
{
	bool same = same_list(now, &m->cover);
	struct cover before = m->cover;
	struct claim was;

	unindex_cover(b, m);
	was = m->claim;
	m->cover = *now;
	*now = (struct cover){0};
	index_cover(b, m);
	effect(fx, EFFECT_STORE, m, NULL);
	if (m->filtering && !same)
		cover_changed(b, m, &was, fx);
	cover_finish(&before);
}

/* ---- DELETE (4.4.4) ---- */

struct verdict
book_delete(struct book *b, const struct mitigation_request *r, struct effects *fx)
{
	struct mitigation *m = book_find(b, r->client->name, r->cuid, r->mid);
	struct verdict v = verdict_of(COAP_202_DELETED, "%s", "");

	if (!m || m->terminating)
		return v;
	if (!m->filtering || !m->terminating_s) {
		book_end(b, m, "withdrawn", fx);
		return v;
	}
	client_count(b, m->client)->on -= is_on(m);
	m->terminating = true;
	m->status = DOTS_CLIENT_WITHDRAWN_MITIGATION;
	m->escalated = m->escalated_now = false; /* it is withdrawn there, too */
	m->upstream = 0;
	reschedule(b, m, r->now + (int64_t)m->terminating_s * 1000);
	effect(fx, EFFECT_STORE, m, NULL);
	effect(fx, EFFECT_NOTIFY, m, NULL);
	return v;
}

/* ---- look-ups ---- */

bool
book_is_mitigating(const struct book *b, const char *client)
{
	const struct count *count = client_count(b, client);

	return count && count->on;
}

struct mitigation *
book_find(const struct book *b, const char *client, const char *cuid, uint32_t mid)
{
	struct key k;

	key_mitigation(&k, client, cuid, mid);
	return map_get(b->by_key, k.bytes, k.len);
}

struct mitigation *
book_by_id(const struct book *b, uint64_t id)
{
	return map_get(b->by_id, &id, sizeof(id));
}

void
book_each(const struct book *b, const char *client, const char *cuid,
	bool (*visit)(void *arg, struct mitigation *m), void *arg)
{
	const struct shelf *s = shelf_get(b, client, cuid);

	for (size_t i = 0; s && i < s->n; i++)
		if (!visit(arg, s->list[i]))
			return;
}

void
book_all(const struct book *b, bool (*visit)(void *arg, struct mitigation *m), void *arg)
{
	for (size_t i = 0; i < b->deadlines.n; i++)
		if (!visit(arg, nth(b, i)))
			return;
}

uint64_t *
book_ids(const struct book *b, bool (*wants)(void *arg, const struct mitigation *m), void *arg,
	size_t *ret_n)
{
	uint64_t *ids = mem_array(b->deadlines.n + 1, sizeof(*ids));
	size_t n = 0;

	for (size_t i = 0; i < b->deadlines.n; i++) {
		const struct mitigation *m = nth(b, i);

		if (wants(arg, m))
			ids[n++] = m->id;
	}
	*ret_n = n;
	return ids;
}

/* ---- what happens to it ---- */

void
book_status(struct book *b, struct mitigation *m, enum dots_status status, mono_ms now,
	struct effects *fx)
{
	(void)b;
	(void)now;
	m->here = status;
	tell(m, status_is_over(status) ? status : status_worse(m->upstream, m->here), fx);
}

void
book_upstream(struct book *b, struct mitigation *m, enum dots_status status, struct effects *fx)
{
	(void)b;
	m->upstream = status;
	tell(m, status_worse(m->upstream, m->here), fx);
}

void
book_escalated(struct book *b, struct mitigation *m, bool escalated, struct effects *fx)
{
	m->escalated = escalated;
	m->takes_over = false;
	effect(fx, EFFECT_STORE, m, NULL);
	if (!escalated)
		book_upstream(b, m, 0, fx);
}

void
book_conflict(
	struct book *b, struct mitigation *m, const struct conflict *conflict, struct effects *fx)
{
	(void)b;
	if (conflict_equal(&m->conflict, conflict))
		return;
	m->conflict = *conflict;
	effect(fx, EFFECT_NOTIFY, m, NULL);
}

/* ---- loss of signal ---- */

static bool
prefixes_cover(const struct cover *wide, const struct cover *narrow)
{
	for (size_t i = 0; i < narrow->n_prefixes; i++) {
		size_t k = 0;

		while (k < wide->n_prefixes &&
			!prefix_contains(&wide->prefixes[k], &narrow->prefixes[i]))
			k++;
		if (k == wide->n_prefixes)
			return false;
	}
	return true;
}

/* All traffic of the one is traffic of the other. */
static bool
covers(const struct cover *wide, const struct cover *narrow)
{
	const struct target *w = &wide->fixed, *n = &narrow->fixed;
	bool ports = !w->n_target_port_range || (n->n_target_port_range && same_ports(n, w));
	bool protocols = !w->n_target_protocol || (n->n_target_protocol && same_protocols(n, w));

	return ports && protocols && prefixes_cover(wide, narrow);
}

/* After its own filter has started: there is no gap. */
static void
supersede(struct book *b, const struct mitigation *by, mono_ms now, struct effects *fx)
{
	struct overlaps o;

	find_counterparts(b, by, &o);
	for (size_t i = 0; i < o.n_lower; i++) {
		if (!covers(&by->cover, &o.lower[i]->cover))
			continue;
		book_status(b, o.lower[i], ATTACK_MITIGATION_WITHDRAWN, now, fx);
		book_end(b, o.lower[i], "preconfigured request takes precedence", fx);
	}
	free(o.lower);
}

void
book_activate(struct book *b, struct mitigation *m, mono_ms now, wall_ms wall, struct effects *fx)
{
	assert(m->peer && !m->filtering);
	queue_leave(b, m);
	m->filtering = true;
	queue_enter(b, m);
	client_count(b, m->client)->on += is_on(m);
	m->started = wall;
	m->here = ATTACK_MITIGATION_IN_PROGRESS;
	m->upstream = 0;
	m->rate_mark.at = now;
	effect(fx, EFFECT_START, m, NULL);
	tell(m, m->here, fx);
	conflicts_enter(b->conflicts, &m->claim);
	if (review(b, m))
		effect(fx, EFFECT_CONFLICT, m, NULL);
	tell_others(b, &m->claim, fx);
	supersede(b, m, now, fx);
}

/* Told often enough: from here on it waits again. */
static void
settle(struct book *b, struct mitigation *m, struct effects *fx)
{
	if (m->filtering)
		deactivate(b, m, "the attack has stopped", fx);
	m->here = ATTACK_MITIGATION_SIGNAL_LOSS;
	m->upstream = 0;
	become(m, m->here, fx);
}

bool
book_told(struct book *b, struct mitigation *m, mono_ms now, struct effects *fx)
{
	if (!is_repeated(m) || (m->repeated && now - m->repeated < REPEAT_GAP_MS))
		return is_repeated(m);
	if (m->repeats)
		m->repeats--;
	else
		settle(b, m, fx);
	m->repeated = now;
	return is_repeated(m);
}

struct visit_peers {
	void (*visit)(void *arg, const char *peer);
	void *arg;
};

static bool
visit_peer(void *arg, const void *key, size_t len, void *value)
{
	const struct visit_peers *v = arg;
	char *peer = mem_printf("%.*s", (int)len, (const char *)key);

	(void)value;
	v->visit(v->arg, peer);
	free(peer);
	return true;
}

void
book_peers(const struct book *b, void (*visit)(void *arg, const char *peer), void *arg)
{
	struct visit_peers v = {visit, arg};

	map_each(b->queues, visit_peer, &v);
}

/* Averages a second: over the first bucket while it lasts, then over the last full one (4.4.2). */
static void
update_rates(struct mitigation *m, mono_ms now)
{
	mono_ms span = now - m->rate_mark.at;
	bool full = span >= BUCKET_MS;

	if (span <= 0)
		return;
	if (full || !m->rate_mark.full_seen) {
		m->pps = (m->packets - m->rate_mark.packets) * 1000 / (uint64_t)span;
		m->bps = (m->bytes - m->rate_mark.bytes) * 1000 / (uint64_t)span;
	}
	if (!full)
		return;
	m->rate_mark.at = now;
	m->rate_mark.packets = m->packets;
	m->rate_mark.bytes = m->bytes;
	m->rate_mark.full_seen = true;
}

/* Its filter was installed anew, or another server has it: from 0 again. */
static void
count_dropped(struct dropped *d, uint64_t packets, uint64_t bytes)
{
	if (d->packets_base + packets < d->packets) {
		d->packets_base = d->packets;
		d->bytes_base = d->bytes;
	}
	d->packets = d->packets_base + packets;
	d->bytes = d->bytes_base + bytes;
}

static void
sum_dropped(struct mitigation *m)
{
	m->packets = m->bytes = 0;
	for (size_t i = 0; i < DROPPED_WHERE; i++) {
		m->packets += m->dropped[i].packets;
		m->bytes += m->dropped[i].bytes;
	}
}

void
book_counters(struct book *b, struct mitigation *m, enum dropped_where where, uint64_t packets,
	uint64_t bytes, mono_ms now)
{
	(void)b;
	count_dropped(&m->dropped[where], packets, bytes);
	sum_dropped(m);
	update_rates(m, now);
}

void
book_observed(struct mitigation *m, uint64_t packets, uint64_t bytes)
{
	count_dropped(&m->observed, packets, bytes);
}

void
book_action(struct book *b, struct mitigation *m, const struct filter_action *action,
	struct effects *fx)
{
	if (filter_action_equal(&m->action, action))
		return;
	m->action = *action;
	if (m->filtering && m->cover.n_prefixes)
		effect(fx, EFFECT_START, m, NULL);
	if (action->kind == ACTION_OBSERVE && m->here == ATTACK_SUCCESSFULLY_MITIGATED)
		book_status(b, m, ATTACK_MITIGATION_IN_PROGRESS, 0, fx);
}

void
book_expire(struct book *b, mono_ms now, struct effects *fx)
{
	while (book_deadline(b) <= now) {
		struct mitigation *m = nth(b, 0);

		book_end(b, m, m->terminating ? "withdrawn" : "lifetime ended", fx);
	}
}

mono_ms
book_deadline(const struct book *b)
{
	return heap_deadline(&b->deadlines);
}

struct mitigation *
book_restore(struct book *b, const struct mitigation *stored, int64_t left, mono_ms now)
{
	struct mitigation *m;

	if (strlen(stored->client) > NAME_MAX_LEN || strlen(stored->cuid) > NAME_MAX_LEN ||
		book_by_id(b, stored->id) ||
		book_find(b, stored->client, stored->cuid, stored->mid))
		return NULL;
	m = mem_new(sizeof(*m));
	*m = *stored;
	m->deadline = (struct heap_node){0};
	m->filter_changes = (struct filter_changes){0};
	m->client = mem_text(stored->client);
	m->cuid = mem_text(stored->cuid);
	m->cdid = mem_text(stored->cdid);
	m->arena = arena_new();
	schema_copy(&scope_schema, m->arena, &stored->scope, &m->scope);
	if (stored->cover.arena)
		cover_copy(&stored->cover, &m->cover);
	else
		m->cover = cover_of(&m->scope.target);
	m->peer = NULL;
	if (!m->scope.trigger_mitigation)
		m->peer = mem_text(stored->peer ? stored->peer : stored->client);
	m->repeats = is_repeated(m) ? REPEATS : 0;
	m->expires = left < 0 ? INT64_MAX : now + left;
	if (!m->here)
		m->here = m->status;
	else if (!m->terminating)
		m->status = status_worse(m->upstream, m->here);
	sum_dropped(m);
	m->rate_mark.at = now;
	m->rate_mark.packets = m->packets;
	m->rate_mark.bytes = m->bytes;
	if (m->id > b->last_id)
		b->last_id = m->id;
	enter(b, m);
	b->untold++;
	return m;
}

int64_t
mitigation_remaining(const struct mitigation *m, mono_ms now)
{
	if (m->expires == INT64_MAX)
		return LIFETIME_INDEFINITE;
	return m->expires > now ? (m->expires - now + 999) / 1000 : 0;
}

/* ---- views ---- */

void
mitigation_conflict(const struct mitigation *m, struct scope *ret)
{
	static const struct conflict overlap = {REQUEST_ACTIVE, OVERLAPPING_TARGETS, 0};
	struct conflict_information *ci = &ret->conflict_information;

	if (m->conflict.cause || !m->n_contested) {
		verdict_conflict(&m->conflict, ret);
		return;
	}
	verdict_conflict(&overlap, ret);
	ci->has |= 1ULL << CONFLICT_SCOPE;
	SCOPE_SET(&ci->conflict_scope, TARGET_PREFIX);
	ci->conflict_scope.target.target_prefix = m->contested;
	ci->conflict_scope.target.n_target_prefix = m->n_contested;
}

static void
describe_state(const struct mitigation *m, struct scope *s)
{
	SCOPE_SET(s, STATUS);
	s->status = m->status;
	mitigation_conflict(m, s);
	if (m->status == ATTACK_MITIGATION_SIGNAL_LOSS)
		return; /* no mitigation-start, no counters (4.4.2) */
	SCOPE_SET(s, MITIGATION_START);
	SCOPE_SET(s, BYTES_DROPPED);
	SCOPE_SET(s, BPS_DROPPED);
	SCOPE_SET(s, PKTS_DROPPED);
	SCOPE_SET(s, PPS_DROPPED);
	s->mitigation_start = (uint64_t)(m->started / 1000);
	s->bytes_dropped = m->bytes;
	s->bps_dropped = m->bps;
	s->pkts_dropped = m->packets;
	s->pps_dropped = m->pps;
}

void
mitigation_describe(const struct mitigation *m, char content, mono_ms now, struct scope *ret)
{
	*ret = (struct scope){0};
	if (content != 'n') {
		ret->has = m->scope.has & (ANY_TARGET | 1ULL << SCOPE_TARGET_PORT_RANGE |
						  1ULL << SCOPE_TARGET_PROTOCOL |
						  1ULL << SCOPE_TRIGGER_MITIGATION);
		ret->target = m->scope.target;
		ret->trigger_mitigation = m->scope.trigger_mitigation;
	}
	SCOPE_SET(ret, MID);
	SCOPE_SET(ret, LIFETIME);
	ret->mid = m->mid;
	ret->lifetime = mitigation_remaining(m, now);
	if (content != 'c')
		describe_state(m, ret);
	if (m->filter_changes.n) {
		SCOPE_SET(ret, ACL_LIST);
		ret->acl_list = m->filter_changes.list;
		ret->n_acl_list = m->filter_changes.n;
	}
}

void
mitigation_filter(
	const struct mitigation *m, const struct client *c, struct arena *a, struct filter *ret)
{
	const struct target *t = &m->cover.fixed;
	uint8_t *protocols = arena_alloc(a, t->n_target_protocol, 1);
	struct filter_ports *ports = arena_alloc(a, t->n_target_port_range, sizeof(*ports));

	for (size_t i = 0; i < t->n_target_protocol; i++)
		protocols[i] = (uint8_t)t->target_protocol[i];
	for (size_t i = 0; i < t->n_target_port_range; i++)
		ports[i] = (struct filter_ports){(uint16_t)t->target_port_range[i].lower_port,
			(uint16_t)port_range_last(&t->target_port_range[i])};
	*ret = (struct filter){
		.id = m->id,
		.client = m->client,
		.action = c->action,
		.prefixes = m->cover.prefixes,
		.n_prefixes = m->cover.n_prefixes,
		.protocols = protocols,
		.n_protocols = t->n_target_protocol,
		.ports = ports,
		.n_ports = t->n_target_port_range,
	};
}
