/* Requests of different clients for the same addresses (RFC 9132 4.4.1.3, 4.4.2.1). */
#include "fixture.h"

#include "core/conflict.h"
#include "core/mitigation.h"

enum { TARGETS_MAX = 300 };

/* ---- the index ---- */

struct asked {
	struct claim claim;
	struct prefix targets[TARGETS_MAX];
};

static void
enter(struct conflicts *cs, struct asked *a, const char *client, const char *const *targets)
{
	*a = (struct asked){.claim = {.client = client, .targets = a->targets, .owner = a}};
	for (; *targets; targets++)
		assert_int_equal(prefix_parse(*targets, &a->targets[a->claim.n_targets++]), 0);
	conflicts_enter(cs, &a->claim);
}
#define ENTER(cs, a, client, ...)                                                                  \
	enter((cs), (a), (client), (const char *const[]){__VA_ARGS__, NULL})

/* "192.0.2.1/32 192.0.2.2/32": the targets that are in conflict. */
static const char *
contested(const struct conflicts *cs, const struct asked *a)
{
	static char text[CONFLICT_SCOPE_MAX * PREFIX_TEXT_MAX];
	struct prefix found[CONFLICT_SCOPE_MAX];
	char one[PREFIX_TEXT_MAX];
	bool whole;
	size_t n = conflicts_scope(cs, &a->claim, found, &whole);

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, prefix_format(&found[i], one));
	}
	return text;
}

static void
count_one(void *arg, struct claim *other)
{
	(void)other;
	++*(size_t *)arg;
}

static size_t
others(struct conflicts *cs, const struct asked *a)
{
	size_t n = 0;

	conflicts_others(cs, &a->claim, count_one, &n);
	return n;
}

/* 9132-4.4.1.3-41: one's own targets, whichever of the two is the wider one. */
static void
each_side_sees_its_own_targets_that_meet(void **state)
{
	struct conflicts *cs = conflicts_new();
	struct asked a, b, c;

	(void)state;
	ENTER(cs, &a, "acme", "192.0.2.64/26", "2001:db8:1::/48", "192.0.2.1/32");
	ENTER(cs, &b, "beta", "192.0.2.66/32", "198.51.100.0/24", "2001:db8::/32");
	ENTER(cs, &c, "beta", "192.0.2.67/32", "192.0.2.66/32");
	assert_string_equal(contested(cs, &a), "192.0.2.64/26 2001:db8:1::/48");
	assert_string_equal(contested(cs, &b), "192.0.2.66/32 2001:db8::/32");
	assert_string_equal(contested(cs, &c), "192.0.2.67/32 192.0.2.66/32");
	assert_int_equal(others(cs, &a), 2);
	assert_int_equal(others(cs, &b), 1);
	conflicts_leave(cs, &a.claim);
	assert_string_equal(contested(cs, &a), "");
	assert_string_equal(contested(cs, &b), "");
	assert_int_equal(others(cs, &a), 2); /* who is to be told that it is over */
	conflicts_leave(cs, &b.claim);
	conflicts_leave(cs, &c.claim);
	assert_int_equal(others(cs, &a), 0);
	conflicts_free(cs);
}

/* What one client asks for twice, or under several cuids, is no conflict. */
static void
one_client_is_never_in_conflict_with_itself(void **state)
{
	struct conflicts *cs = conflicts_new();
	struct asked a, b, c;

	(void)state;
	ENTER(cs, &a, "acme", "192.0.2.0/24", "192.0.2.66/32", "192.0.2.66/32");
	ENTER(cs, &b, "acme", "192.0.2.66/32");
	ENTER(cs, &c, "beta", "192.0.3.0/24", "198.51.100.66/32", "2001:db8::66/128");
	assert_string_equal(contested(cs, &a), "");
	assert_string_equal(contested(cs, &b), "");
	assert_string_equal(contested(cs, &c), "");
	assert_int_equal(others(cs, &a), 0);
	conflicts_leave(cs, &a.claim);
	conflicts_leave(cs, &a.claim); /* once more is nothing */
	conflicts_leave(cs, &b.claim);
	conflicts_leave(cs, &c.claim);
	conflicts_free(cs);
}

/* A target that stands twice is named once. */
static void
a_target_is_named_once(void **state)
{
	struct conflicts *cs = conflicts_new();
	struct asked a, b;

	(void)state;
	ENTER(cs, &a, "acme", "192.0.2.66/32", "192.0.2.66/32");
	ENTER(cs, &b, "beta", "192.0.2.66/32");
	assert_string_equal(contested(cs, &a), "192.0.2.66/32");
	conflicts_leave(cs, &a.claim);
	conflicts_leave(cs, &b.claim);
	conflicts_free(cs);
}

/* The i-th of 10.0.0.0/8. */
static struct prefix
host(size_t i)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix p;

	snprintf(text, sizeof(text), "10.%zu.%zu.%zu/32", i >> 16, i >> 8 & 255, i & 255);
	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void
enter_hosts(struct conflicts *cs, struct asked *a, const char *client, size_t first, size_t n)
{
	*a = (struct asked){.claim = {.client = client, .targets = a->targets, .owner = a}};
	for (size_t i = first; i < first + n; i++)
		a->targets[a->claim.n_targets++] = host(i);
	conflicts_enter(cs, &a->claim);
}

/* However many overlap: so many targets are named, so many requests are found. */
static void
what_is_found_is_limited(void **state)
{
	enum { CLIENTS = CONFLICT_TOLD_MAX + 40 };
	struct conflicts *cs = conflicts_new();
	struct asked wide, *narrow = mem_array(CLIENTS, sizeof(*narrow));
	bool whole;
	struct prefix found[CONFLICT_SCOPE_MAX];
	char names[CLIENTS][16];

	(void)state;
	enter_hosts(cs, &wide, "wide", 0, TARGETS_MAX);
	for (size_t i = 0; i < CLIENTS; i++) {
		snprintf(names[i], sizeof(names[i]), "client%zu", i);
		enter_hosts(cs, &narrow[i], names[i], i, 1);
	}
	assert_int_equal(conflicts_scope(cs, &wide.claim, found, &whole), CONFLICT_SCOPE_MAX);
	assert_true(whole);
	assert_false(conflicts_others(cs, &wide.claim, count_one, &(size_t){0}));
	assert_true(conflicts_others(cs, &narrow[0].claim, count_one, &(size_t){0}));
	assert_int_equal(others(cs, &wide), CONFLICT_TOLD_MAX);
	for (size_t i = 0; i < CLIENTS; i++) { /* who was not found sees it nevertheless */
		assert_int_equal(conflicts_scope(cs, &narrow[i].claim, found, &whole), 1);
		conflicts_leave(cs, &narrow[i].claim);
	}
	conflicts_leave(cs, &wide.claim);
	conflicts_free(cs);
	free(narrow);
}

/* A client's own requests below a wide one of its own are not all walked over. */
static void
what_is_looked_at_is_limited(void **state)
{
	enum { REQUESTS = 2 * CONFLICT_WALK_MAX / TARGETS_MAX };
	struct conflicts *cs = conflicts_new();
	struct asked wide, last, *own = mem_array(REQUESTS, sizeof(*own));
	struct prefix found[CONFLICT_SCOPE_MAX];
	bool whole;

	(void)state;
	ENTER(cs, &wide, "acme", "10.0.0.0/8");
	for (size_t i = 0; i < REQUESTS; i++)
		enter_hosts(cs, &own[i], "acme", i * TARGETS_MAX, TARGETS_MAX);
	ENTER(cs, &last, "beta", "10.255.255.255/32"); /* behind more than is looked at */
	assert_string_equal(contested(cs, &wide), "");
	assert_int_equal(conflicts_scope(cs, &wide.claim, found, &whole), 0);
	assert_false(whole);
	assert_int_equal(others(cs, &wide), 0);
	assert_string_equal(contested(cs, &last), "10.255.255.255/32");
	for (size_t i = 0; i < REQUESTS; i++)
		conflicts_leave(cs, &own[i].claim);
	assert_string_equal(contested(cs, &wide), "10.0.0.0/8");
	conflicts_leave(cs, &wide.claim);
	conflicts_leave(cs, &last.claim);
	conflicts_free(cs);
	free(own);
}

/* ---- in the book ---- */

struct world {
	struct book *book;
	struct clients *clients;
	struct arena *arena;
	struct effects fx;
};

static const char *const names[] = {"acme", "beta", "gamma", "delta"};
enum { CLIENTS = sizeof(names) / sizeof(names[0]) };

static int
setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;

	w->book = book_new(&policy);
	w->clients = clients_new();
	for (size_t i = 0; i < CLIENTS; i++)
		clients_add(w->clients, make_client(names[i], NULL, "192.0.2.0/24"));
	w->arena = arena_new();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	effects_finish(&w->fx);
	book_free(w->book);
	clients_free(w->clients);
	arena_free(w->arena);
	free(w);
	return 0;
}

static struct mitigation_request
request(struct world *w, const char *client, uint32_t mid, const char *targets, const char *more)
{
	struct mitigation_request r = {
		.client = clients_named(w->clients, client), .cuid = client, .mid = mid};
	struct scope *s = arena_alloc(w->arena, 1, sizeof(*s));
	struct schema_error err;
	char json[512];

	if (!targets)
		return r;
	snprintf(json, sizeof(json), "{\"target-prefix\": [%s], \"lifetime\": 3600%s}", targets,
		more);
	if (schema_decode_json(&scope_schema, w->arena, json, strlen(json), s, &err) != 0)
		fail_msg("%s: %s", json, err.why);
	r.scope = s;
	return r;
}

static uint8_t
put_more(struct world *w, const char *client, uint32_t mid, const char *targets, const char *more)
{
	struct mitigation_request r = request(w, client, mid, targets, more);
	struct mitigation *m;

	effects_finish(&w->fx);
	return book_put(w->book, &r, &w->fx, &m).code;
}

static uint8_t
put(struct world *w, const char *client, uint32_t mid, const char *targets)
{
	return put_more(w, client, mid, targets, "");
}

static struct mitigation *
find(const struct world *w, const char *client, uint32_t mid)
{
	return book_find(w->book, client, client, mid);
}

static int
count(const struct world *w, enum effect_kind kind, const struct mitigation *m)
{
	int n = 0;

	for (size_t i = 0; i < w->fx.n; i++)
		n += w->fx.list[i].kind == kind && (!m || w->fx.list[i].m == m);
	return n;
}

static void
end(struct world *w, struct mitigation *m)
{
	effects_finish(&w->fx);
	book_end(w->book, m, "over", &w->fx);
}

static struct conflict_information
told(struct mitigation *m)
{
	struct scope s;

	mitigation_describe(m, 'a', 0, &s);
	if (!SCOPE_HAS(&s, CONFLICT_INFORMATION))
		return (struct conflict_information){0};
	return s.conflict_information;
}

#define HOST  "\"192.0.2.66/32\""
#define BLOCK "\"192.0.2.64/26\""

/* 9132-3-24, 9132-4.4.1.3-30, 9132-4.4.1.3-31, 9132-4.4.1.3-35, 9132-4.4.1.3-37, 9132-4.4.1.3-41,
 * 9132-4.4.2.1-07, 9132-5.2-02, 9132-5.2-03, 9132-5.3-07, 9132-5.3-08, 9132-5.3-09: both are
 * active, both are told, of their own targets. */
static void
both_stay_active_and_are_told(void **state)
{
	struct world *w = *state;
	struct mitigation *a, *b;
	struct conflict_information ci;
	char text[PREFIX_TEXT_MAX];

	assert_int_equal(put(w, "acme", 1, HOST), COAP_201_CREATED);
	a = find(w, "acme", 1);
	assert_int_equal(told(a).has, 0);
	assert_int_equal(put(w, "beta", 7, BLOCK ", \"192.0.2.1/32\""), COAP_201_CREATED);
	b = find(w, "beta", 7);
	assert_int_equal(count(w, EFFECT_START, b), 1);
	assert_int_equal(count(w, EFFECT_STOP, NULL), 0);
	assert_int_equal(count(w, EFFECT_CONFLICT, a), 1);
	assert_int_equal(count(w, EFFECT_CONFLICT, b), 1);
	assert_true(a->filtering && b->filtering);
	ci = told(b);
	assert_int_equal(
		ci.has, 1ULL << CONFLICT_STATUS | 1ULL << CONFLICT_CAUSE | 1ULL << CONFLICT_SCOPE);
	assert_int_equal(ci.conflict_status, REQUEST_ACTIVE);
	assert_int_equal(ci.conflict_cause, OVERLAPPING_TARGETS);
	assert_int_equal(ci.conflict_scope.has, 1ULL << SCOPE_TARGET_PREFIX);
	assert_int_equal(ci.conflict_scope.target.n_target_prefix, 1);
	assert_string_equal(
		prefix_format(&ci.conflict_scope.target.target_prefix[0], text), "192.0.2.64/26");
	ci = told(a);
	assert_string_equal(
		prefix_format(&ci.conflict_scope.target.target_prefix[0], text), "192.0.2.66/32");
}

/* Ports and protocols do not count. */
static void
other_ports_overlap_too(void **state)
{
	struct world *w = *state;

	put_more(w, "acme", 1, HOST, ", \"target-protocol\": [6]");
	put_more(w, "beta", 1, HOST, ", \"target-port-range\": [{\"lower-port\": 53}]");
	assert_int_not_equal(told(find(w, "acme", 1)).has, 0);
	assert_int_not_equal(told(find(w, "beta", 1)).has, 0);
}

/* 9132-4.4.2.1-08: whoever was in it is told when it is over, and is not while a third one goes on
 * asking. */
static void
the_end_of_a_conflict_is_told(void **state)
{
	struct world *w = *state;

	put(w, "acme", 1, HOST);
	put(w, "beta", 1, BLOCK);
	put(w, "gamma", 1, HOST);
	end(w, find(w, "gamma", 1));
	assert_int_equal(count(w, EFFECT_CONFLICT, NULL), 0);
	end(w, find(w, "beta", 1));
	assert_int_equal(count(w, EFFECT_CONFLICT, find(w, "acme", 1)), 1);
	assert_int_equal(told(find(w, "acme", 1)).has, 0);
}

/* A request that takes the place of an own one: who is in conflict with both hears of no change. */
static void
a_request_that_overrides_goes_on_with_the_conflict(void **state)
{
	struct world *w = *state;

	put(w, "acme", 1, HOST);
	put(w, "beta", 1, HOST);
	put(w, "beta", 2, BLOCK);
	assert_null(find(w, "beta", 1));
	assert_int_equal(count(w, EFFECT_CONFLICT, find(w, "acme", 1)), 0);
	assert_int_equal(count(w, EFFECT_CONFLICT, find(w, "beta", 2)), 1);
	assert_int_not_equal(told(find(w, "acme", 1)).has, 0);
}

/* What waits for the loss of its client's session filters nothing. */
static void
a_preconfigured_request_is_in_no_conflict(void **state)
{
	struct world *w = *state;

	put(w, "acme", 1, HOST);
	put_more(w, "beta", 1, BLOCK, ", \"trigger-mitigation\": false");
	assert_int_equal(count(w, EFFECT_CONFLICT, NULL), 0);
	assert_int_equal(told(find(w, "acme", 1)).has, 0);
	assert_int_equal(told(find(w, "beta", 1)).has, 0);
}

/* What an upstream tells says what is in force: it comes first; targets go with no other cause than
 * overlap (9132-5.3-07). */
static void
the_word_of_an_upstream_comes_first(void **state)
{
	struct world *w = *state;
	const struct conflict upstream = {
		REQUEST_INACTIVE_OTHER_ACTIVE, CONFLICT_WITH_ACCEPTLIST, 600};

	put(w, "acme", 1, HOST);
	put(w, "beta", 1, HOST);
	book_conflict(w->book, find(w, "acme", 1), &upstream, &w->fx);
	assert_int_equal(told(find(w, "acme", 1)).conflict_cause, CONFLICT_WITH_ACCEPTLIST);
	assert_false(told(find(w, "acme", 1)).has >> CONFLICT_SCOPE & 1);
	book_conflict(w->book, find(w, "acme", 1), &(struct conflict){0}, &w->fx);
	assert_int_equal(told(find(w, "acme", 1)).conflict_cause, OVERLAPPING_TARGETS);
}

/* After a restart nothing of it is on record: it is found anew. */
static void
what_is_restored_is_in_conflict_again(void **state)
{
	struct world *w = *state;
	struct mitigation stored[2] = {{.id = 4}, {.id = 5}};

	for (size_t i = 0; i < 2; i++) {
		stored[i].client = stored[i].cuid = (char *)names[i];
		stored[i].mid = 1;
		stored[i].filtering = true;
		stored[i].status = ATTACK_SUCCESSFULLY_MITIGATED;
		stored[i].scope = *request(w, names[i], 1, HOST, "").scope;
		assert_non_null(book_restore(w->book, &stored[i], 600 * 1000, 0));
	}
	assert_true(book_review(w->book, find(w, "acme", 1)));
	assert_false(book_review(w->book, find(w, "acme", 1)));
	assert_int_equal(told(find(w, "acme", 1)).conflict_status, REQUEST_ACTIVE);
}

/* More clients than are told at once: the others find out when they are described next. */
static void
more_than_are_told_find_out(void **state)
{
	enum { MANY = CONFLICT_TOLD_MAX + 10 };
	struct world *w = *state;
	char name[16], host[32];
	int told_now = 0;

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		snprintf(host, sizeof(host), "\"192.0.2.%d/32\"", i);
		clients_add(w->clients, make_client(name, NULL, "192.0.2.0/24"));
		put(w, name, 1, host);
	}
	put(w, "acme", 1, "\"192.0.2.0/24\"");
	assert_int_equal(count(w, EFFECT_CONFLICT, NULL), CONFLICT_TOLD_MAX + 1);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		told_now += told(find(w, name, 1)).has != 0;
		book_review(w->book, find(w, name, 1));
		assert_int_not_equal(told(find(w, name, 1)).has, 0);
	}
	assert_int_equal(told_now, CONFLICT_TOLD_MAX);
}

/* Behind more of its own client's than is looked at: found when those are gone, by whoever looks.
 */
static void
what_was_not_looked_at_is_looked_for_again(void **state)
{
	enum { OWN = CONFLICT_WALK_MAX / TARGETS_MAX + 1 };
	struct world *w = *state;
	struct prefix *hosts = arena_alloc(w->arena, TARGETS_MAX, sizeof(*hosts));
	struct mitigation own = {.client = (char *)"acme", .mid = 1, .filtering = true};
	char cuid[16];

	own.scope = *request(w, "acme", 1, HOST, "").scope;
	own.scope.target.target_prefix = hosts;
	own.scope.target.n_target_prefix = TARGETS_MAX;
	for (uint32_t i = 0; i < OWN; i++) {
		for (uint32_t k = 0; k < TARGETS_MAX; k++)
			hosts[k] = host(i * TARGETS_MAX + k);
		snprintf(cuid, sizeof(cuid), "cuid%u", i);
		own.id = 100 + i;
		own.cuid = cuid;
		assert_non_null(book_restore(w->book, &own, 600 * 1000, 0));
	}
	hosts[0] = host(0);
	hosts[0].len = 8;
	own.scope.target.n_target_prefix = 1;
	own.id = 99;
	own.cuid = (char *)"wide";
	assert_non_null(book_restore(w->book, &own, 600 * 1000, 0));
	hosts[0] = host(0xffffff);
	own.id = 98;
	own.client = own.cuid = (char *)"beta";
	assert_non_null(book_restore(w->book, &own, 600 * 1000, 0));
	assert_false(book_review(w->book, book_find(w->book, "acme", "wide", 1)));
	for (uint32_t i = 0; i < OWN; i++) {
		snprintf(cuid, sizeof(cuid), "cuid%u", i);
		end(w, book_find(w->book, "acme", cuid, 1));
	}
	assert_true(book_review(w->book, book_find(w->book, "acme", "wide", 1)));
}

/* ---- whatever several clients ask for ---- */

struct model {
	uint32_t mid; /* 0: nothing */
	struct prefix target;
} model[CLIENTS][8];

/* Ends what the client's new request overlaps; false: it has a higher one. */
static bool
model_put(size_t client, uint32_t mid, const struct prefix *p)
{
	struct model *free_slot = NULL;

	for (size_t i = 0; i < 8; i++) {
		struct model *m = &model[client][i];

		if (m->mid && prefix_overlaps(&m->target, p))
			m->mid = 0;
		if (!m->mid)
			free_slot = m;
	}
	if (!free_slot)
		return false;
	*free_slot = (struct model){mid, *p};
	return true;
}

static bool
model_contested(size_t client, const struct prefix *p)
{
	for (size_t c = 0; c < CLIENTS; c++)
		for (size_t i = 0; i < 8; i++)
			if (c != client && model[c][i].mid &&
				prefix_overlaps(&model[c][i].target, p))
				return true;
	return false;
}

static void
check_model(const struct world *w)
{
	size_t all = 0;

	for (size_t c = 0; c < CLIENTS; c++)
		for (size_t i = 0; i < 8; i++) {
			const struct model *m = &model[c][i];
			struct mitigation *is = m->mid ? find(w, names[c], m->mid) : NULL;

			if (!m->mid)
				continue;
			all++;
			assert_non_null(is);
			assert_true(is->filtering);
			/* Nobody had to look: it was told in time. */
			assert_int_equal(is->n_contested, model_contested(c, &m->target));
			if (is->n_contested)
				assert_true(prefix_equal(is->contested, &m->target));
			assert_int_equal(told(is).has != 0, is->n_contested != 0);
		}
	assert_int_equal(book_count(w->book), all);
}

/* 9132-4.4.1.3-30, 8612-SIG-010-01, 8612-SIG-010-02: random requests and withdrawals of four
 * clients in a small space: the union of what each wants is in force, nobody ends anybody else's,
 * and who is in conflict knows it. */
static void
the_union_is_in_force_and_everybody_knows(void **state)
{
	struct world *w = *state;
	uint32_t seed = 20261126, mid = 0;
	char target[32], quoted[40];

	memset(model, 0, sizeof(model));
	for (int round = 0; round < 3000; round++) {
		size_t client = (seed = seed * 1664525 + 1013904223) >> 16 & 3, slot;
		unsigned len = 26 + (seed >> 20) % 7;
		struct prefix p;

		snprintf(target, sizeof(target), "192.0.2.%u", seed >> 8 & 255);
		assert_int_equal(addr_parse(target, &p.addr), 0);
		p = prefix_of(&p.addr, len);
		slot = seed >> 24 & 7;
		if (seed >> 28 < 6) {
			if (model[client][slot].mid)
				end(w, find(w, names[client], model[client][slot].mid));
			model[client][slot].mid = 0;
		} else if (model_put(client, ++mid, &p)) {
			char text[PREFIX_TEXT_MAX];

			snprintf(quoted, sizeof(quoted), "\"%.35s\"", prefix_format(&p, text));
			assert_int_equal(put(w, names[client], mid, quoted), COAP_201_CREATED);
		}
		check_model(w);
	}
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_side_sees_its_own_targets_that_meet),
		cmocka_unit_test(one_client_is_never_in_conflict_with_itself),
		cmocka_unit_test(a_target_is_named_once),
		cmocka_unit_test(what_is_found_is_limited),
		cmocka_unit_test(what_is_looked_at_is_limited),
		IN_WORLD(both_stay_active_and_are_told),
		IN_WORLD(other_ports_overlap_too),
		IN_WORLD(the_end_of_a_conflict_is_told),
		IN_WORLD(a_request_that_overrides_goes_on_with_the_conflict),
		IN_WORLD(a_preconfigured_request_is_in_no_conflict),
		IN_WORLD(the_word_of_an_upstream_comes_first),
		IN_WORLD(what_is_restored_is_in_conflict_again),
		IN_WORLD(more_than_are_told_find_out),
		IN_WORLD(what_was_not_looked_at_is_looked_for_again),
		IN_WORLD(the_union_is_in_force_and_everybody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
