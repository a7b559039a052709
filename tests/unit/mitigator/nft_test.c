/*
 * The table against a real kernel, in a network namespace of its own: whatever way changes come,
 * the table is the one that the wanted filters give from nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "priv/nft.h"

enum { IDS = 8, ROUNDS = 120, PREFIXES = 3, FLOWS = 3, RULES = 4, SCOPE = 2 };

static uint32_t seed = 4711;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- what is wanted ---- */

static const char *const names[] = {"acme", "beta", "gamma", "delta"};
enum { CLIENTS = sizeof(names) / sizeof(names[0]) };
static const uint8_t protocols[] = {6, 17, 1};
static const struct filter_ports ports[] = {{50, 60}, {53, 53}, {61, 80}, {443, 443}};

struct world {
	struct prefix prefixes[IDS][PREFIXES];
	struct filter filters[IDS]; /* id 0: not wanted */
	struct flow flows[CLIENTS][FLOWS];
	size_t n_flows[CLIENTS];
	struct acl_rule rules[CLIENTS][RULES];
	struct prefix scope[CLIENTS][SCOPE];
	size_t n_rules[CLIENTS];
};

static void
random_filter(struct world *w, size_t i)
{
	size_t n = 1 + dice(PREFIXES);

	for (size_t k = 0; k < n; k++) {
		struct addr a = {.family = dice(3) ? 4 : 6,
			.bytes = {10, 0, (uint8_t)dice(2), (uint8_t)dice(256)}};

		w->prefixes[i][k] = prefix_of(&a, dice(10) ? 20 + dice(13) : 0);
	}
	w->filters[i] = (struct filter){.id = i + 1,
		.client = names[dice(CLIENTS)],
		.action = {.kind = dice(3), .rate = 1 + dice(1000), .unit = dice(2)},
		.prefixes = w->prefixes[i],
		.n_prefixes = n,
		.protocols = protocols,
		.n_protocols = dice(4),
		.ports = ports + dice(2),
		.n_ports = dice(4)};
}

static void
random_flows(struct world *w, size_t c)
{
	w->n_flows[c] = dice(2) ? dice(FLOWS + 1) : 0;
	for (size_t i = 0; i < w->n_flows[c]; i++) {
		uint8_t family = dice(2) ? 4 : 6;

		w->flows[c][i] = (struct flow){dice(2) ? FLOW_UDP : FLOW_TCP,
			{.addr = {family, {192, 0, 2, 1}}, .port = 4646},
			{.addr = {dice(4) ? family : 0, {0}}, .port = (uint16_t)dice(65536)}};
		if (w->flows[c][i].client.addr.family)
			w->flows[c][i].client.addr.bytes[0] = (uint8_t)(1 + dice(200));
	}
}

/* Some rule; it has one of two ids of its place and client, so that some stay and some change. */
static struct acl_rule
random_rule(size_t c, size_t place)
{
	static const enum acl_l4 l4s[] = {ACL_L4_ANY, ACL_L4_ICMP, ACL_L4_TCP, ACL_L4_UDP};
	struct acl_rule r = {.id = 1 + 2 * (c * RULES + place) + dice(2),
		.family = dice(2)   ? 0
			  : dice(2) ? 4
				    : 6,
		.l4 = l4s[dice(4)],
		.source_ports = {0, 65535, false},
		.destination_ports = {0, 65535, false},
		.accept = dice(2)};

	r.rate = r.accept && !dice(3) ? 1 + dice(3) : 0;
	if (r.l4 == ACL_L4_TCP || r.l4 == ACL_L4_UDP)
		r.destination_ports = (struct acl_ports){53, (uint16_t)(53 + dice(2)), false};
	if (r.family && !dice(2)) {
		r.has = 1u << ACL_TTL;
		r.values[ACL_TTL] = dice(2);
	}
	if (r.family && !dice(2)) {
		r.has_fragment = true;
		r.fragment = (struct acl_bits){(uint16_t)(2 * dice(8)), dice(2) != 0, dice(2) != 0};
	}
	if (r.family == 4 && !dice(2)) {
		struct addr a = {4, {10, 0, 0, (uint8_t)dice(256)}};

		r.destination = prefix_of(&a, 24 + dice(9));
	}
	return r;
}

static void
random_acls(struct world *w, size_t c)
{
	assert_int_equal(prefix_parse("10.0.0.0/24", &w->scope[c][0]), 0);
	assert_int_equal(prefix_parse(dice(2) ? "a00::/23" : "a00:10::/28", &w->scope[c][1]), 0);
	w->n_rules[c] = dice(4) ? dice(RULES + 1) : 0;
	for (size_t i = 0; i < w->n_rules[c]; i++)
		w->rules[c][i] = random_rule(c, i);
}

static struct acl_set
acls_of(const struct world *w, size_t c)
{
	return (struct acl_set){
		names[c], w->scope[c], w->n_rules[c] ? SCOPE : 0, w->rules[c], w->n_rules[c]};
}

/* All of it, as a synchronisation says it. */
static const char *
sync_all(struct nft *t, struct world *w, struct filter_msg *done)
{
	struct filter added[IDS];
	struct filter_flows flows[CLIENTS];
	struct acl_set acls[CLIENTS];
	struct filter_msg m = {.op = FILTER_OP_SYNC,
		.added = added,
		.flows = flows,
		.n_flows = CLIENTS,
		.acls = acls};

	for (size_t i = 0; i < IDS; i++)
		if (w->filters[i].id)
			added[m.n_added++] = w->filters[i];
	for (size_t c = 0; c < CLIENTS; c++)
		flows[c] = (struct filter_flows){names[c], w->flows[c], w->n_flows[c]};
	for (size_t c = 0; c < CLIENTS; c++)
		if (w->n_rules[c])
			acls[m.n_acls++] = acls_of(w, c);
	*done = (struct filter_msg){0};
	return nft_sync(t, &m, done);
}

/* Some filters come, go, become others, or are said again as they are; sometimes flows and ACLs
 * change. */
static const char *
random_commit(struct nft *t, struct world *w)
{
	struct filter added[4];
	uint64_t removed[4];
	struct filter_flows flows;
	struct acl_set acls;
	struct filter_msg done = {0};
	struct filter_msg m = {
		.op = FILTER_OP_COMMIT, .added = added, .removed = removed, .flows = &flows};

	for (size_t n = 1 + dice(4); n > 0; n--) {
		size_t i = dice(IDS);
		unsigned what = dice(4);

		for (size_t k = 0; k < m.n_added; k++)
			if (added[k].id == i + 1)
				what = 4;
		if (what == 4)
			continue;
		if (w->filters[i].id && what < 2)
			removed[m.n_removed++] = i + 1;
		if (what == 0) {
			w->filters[i].id = 0;
			continue;
		}
		if (!w->filters[i].id || what < 3)
			random_filter(w, i);
		added[m.n_added++] = w->filters[i];
	}
	if (!dice(3)) {
		size_t c = dice(CLIENTS);

		random_flows(w, c);
		flows = (struct filter_flows){names[c], w->flows[c], w->n_flows[c]};
		m.n_flows = 1;
	}
	if (dice(2)) {
		size_t c = dice(CLIENTS);

		if (dice(4))
			random_acls(w, c);
		acls = acls_of(w, c);
		m.acls = &acls;
		m.n_acls = 1;
	}
	return nft_commit(t, &m, &done);
}

/* ---- what is there ---- */

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Texts of an array's members, sorted and joined; frees them. */
static char *
joined(char **texts, size_t n)
{
	struct buf out;
	char *text;

	buf_init(&out, 1 << 24);
	qsort(texts, n, sizeof(*texts), compare_texts);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&out, "%s\n", texts[i]);
		free(texts[i]);
	}
	text = strdup(buf_text(&out));
	buf_finish(&out);
	return text;
}

static void
sort_elements(json_t *object)
{
	json_t *elem = json_object_get(object, "elem");
	size_t n = json_array_size(elem);
	char **texts = calloc(n + 1, sizeof(*texts)), *text;

	for (size_t i = 0; i < n; i++)
		texts[i] = json_dumps(json_array_get(elem, i), JSON_SORT_KEYS | JSON_ENCODE_ANY);
	text = joined(texts, n);
	if (elem)
		json_object_set_new(object, "elem", json_string(text));
	free(text);
	free(texts);
}

/* The table without handles and name, one line an object; a rule's line has its place in its chain.
 */
static char *
table_text(const char *table)
{
	char command[128], chain[64] = "";
	char *texts[4096] = {0};
	size_t n = 0, place = 0;
	json_t *all, *item, *object;
	const char *type;
	FILE *f;
	size_t i;

	snprintf(command, sizeof(command), "nft -j list table inet %s", table);
	f = popen(command, "r");
	all = json_loadf(f, 0, NULL);
	pclose(f);
	assert_non_null(all);
	json_array_foreach(json_object_get(all, "nftables"), i, item) {
		json_object_foreach(item, type, object) {
			const char *c = json_string_value(json_object_get(object, "chain"));

			if (!strcmp(type, "metainfo") || !strcmp(type, "table"))
				continue;
			if (c) {
				place = strcmp(c, chain) ? 0 : place + 1;
				snprintf(chain, sizeof(chain), "%s", c);
				json_object_set_new(
					object, "place", json_integer((json_int_t)place));
			}
			json_object_del(object, "handle");
			json_object_del(object, "table");
			sort_elements(object);
			assert_true(n < 4096);
			texts[n++] = json_dumps(item, JSON_SORT_KEYS);
		}
	}
	json_decref(all);
	return joined(texts, n);
}

static void
check_same(struct world *w, int round)
{
	struct nft *scratch = nft_new("scratch");
	struct filter_msg done;
	char *found, *expected;

	assert_null(sync_all(scratch, w, &done));
	found = table_text("dotsd_x");
	expected = table_text("dotsd_scratch");
	if (strcmp(found, expected) != 0) {
		print_error("round %d: found\n%s\nexpected\n%s\n", round, found, expected);
		fail();
	}
	free(found);
	free(expected);
	assert_int_equal(system("nft delete table inet dotsd_scratch"), 0);
	nft_free(scratch);
}

/* ---- cases ---- */

static void
any_way_there_leads_to_the_same_table(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct nft *t = nft_new("x");
	struct filter_msg done;
	const char *why;

	(void)state;
	assert_null(sync_all(t, w, &done));
	for (int round = 0; round < ROUNDS; round++) {
		why = random_commit(t, w);
		if (why)
			print_error("round %d: %s\n", round, why);
		assert_null(why);
		if (round % 4 == 0)
			check_same(w, round);
	}
	check_same(w, ROUNDS);
	nft_free(t);
	free(w);
}

/* What another helper finds when it starts: the same, less, more, or other filters. */
static void
a_new_start_makes_any_table_the_wanted_one(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct filter_msg done;

	(void)state;
	for (int round = 0; round < ROUNDS / 4; round++) {
		struct nft *t = nft_new("x");
		size_t wanted = 0;

		for (size_t i = 0; i < IDS; i++) {
			if (!dice(3))
				random_filter(w, i);
			else if (!dice(3))
				w->filters[i].id = 0;
			wanted += w->filters[i].id != 0;
		}
		random_flows(w, dice(CLIENTS));
		random_acls(w, dice(CLIENTS));
		for (size_t c = 0; c < CLIENTS; c++)
			wanted += w->n_rules[c] > 0;
		assert_null(sync_all(t, w, &done));
		assert_int_equal(done.kept + done.n_new, wanted);
		check_same(w, round);
		assert_null(random_commit(t, w));
		check_same(w, round);
		assert_null(sync_all(t, w, &done));
		assert_int_equal(done.n_new + done.gone, 0);
		check_same(w, round);
		nft_free(t);
	}
	free(w);
}

static void
strangers_in_the_table_are_removed(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct nft *t = nft_new("x");
	struct filter_msg done;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		random_filter(w, i);
		w->filters[i].n_prefixes = 1;
		assert_int_equal(prefix_parse("10.0.0.0/24", w->prefixes[i]), 0);
	}
	assert_null(sync_all(t, w, &done));
	assert_int_equal(
		system("nft 'add chain inet dotsd_x stranger;"
		       "add rule inet dotsd_x stranger drop;"
		       "add chain inet dotsd_x m_77; add rule inet dotsd_x m_77 jump stranger;"
		       "add counter inet dotsd_x n_77;"
		       "add set inet dotsd_x other { type ipv4_addr; };"
		       "add element inet dotsd_x mit4 { 203.0.113.9 : jump m_77 };"
		       "add rule inet dotsd_x pre jump stranger;"
		       "add chain inet dotsd_x k_00000000000000aa;"
		       "add table ip dotsd_x; add chain ip dotsd_x m_1'"),
		0);
	assert_null(sync_all(t, w, &done));
	assert_int_equal(done.kept, 2);
	assert_int_equal(done.gone, 1);
	check_same(w, 0);
	assert_int_equal(system("nft list chain ip dotsd_x m_1 >/dev/null"), 0);
	assert_int_equal(system("nft delete table ip dotsd_x"), 0);
	nft_free(t);
	free(w);
}

/* Somebody flushed the rule set under our feet: the change fails, nothing is said to be there. */
static void
a_lost_table_fails_the_change_until_it_is_synchronised(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct nft *t = nft_new("x");
	struct filter_msg m = {.op = FILTER_OP_COMMIT, .n_added = 1}, done;
	struct arena *a = arena_new();

	(void)state;
	assert_non_null(nft_commit(t, &m, &done));
	random_filter(w, 0);
	assert_null(sync_all(t, w, &done));
	assert_int_equal(system("nft flush ruleset"), 0);
	done = (struct filter_msg){0};
	nft_counters(t, a, &done);
	assert_int_equal(done.n_values, 0);
	random_filter(w, 1);
	m.added = &w->filters[1];
	assert_non_null(nft_commit(t, &m, &done));
	assert_non_null(nft_commit(t, &m, &done));
	assert_null(sync_all(t, w, &done));
	assert_int_equal(done.n_new, 2);
	check_same(w, 0);
	arena_free(a);
	nft_free(t);
	free(w);
}

/* Each with one flow, as a client has that is there for its sessions only. */
static void
clients_are_limited_in_total(void **state)
{
	static struct flow flow = {.server = {.addr = {4, {192, 0, 2, 1}}, .port = 4646}};
	struct nft *t = nft_new("x");
	size_t n = FILTER_PROTO_CLIENTS_MAX;
	struct filter_flows *many = calloc(n + 1, sizeof(*many)), one = {"acme", &flow, 1};
	char(*texts)[16] = calloc(n + 1, sizeof(*texts));
	struct filter_msg m = {.op = FILTER_OP_SYNC, .flows = &one, .n_flows = 1}, done = {0};

	(void)state;
	assert_null(nft_sync(t, &m, &done));
	for (size_t i = 0; i <= n; i++) {
		snprintf(texts[i], sizeof(texts[i]), "c%zu", i);
		many[i] = (struct filter_flows){texts[i], &flow, 1};
	}
	m = (struct filter_msg){.op = FILTER_OP_COMMIT, .flows = many, .n_flows = n};
	assert_string_equal(nft_commit(t, &m, &done), "too many clients");
	m = (struct filter_msg){.op = FILTER_OP_SYNC, .flows = many, .n_flows = n + 1};
	assert_string_equal(nft_sync(t, &m, &done), "too many clients");
	m = (struct filter_msg){.op = FILTER_OP_COMMIT, .flows = &one, .n_flows = 1};
	assert_null(nft_commit(t, &m, &done)); /* it goes on */
	free(many);
	free(texts);
	nft_free(t);
}

static void
filters_are_limited_in_total(void **state)
{
	struct nft *t = nft_new("x");
	struct filter *many = calloc(FILTER_PROTO_FILTERS_MAX, sizeof(*many));
	struct filter_msg m = {.op = FILTER_OP_SYNC}, done = {0};
	struct world *w = calloc(1, sizeof(*w));
	struct filter one;

	(void)state;
	random_filter(w, 0);
	one = w->filters[0];
	m.added = &one;
	m.n_added = 1;
	assert_null(nft_sync(t, &m, &done));
	m.op = FILTER_OP_COMMIT;
	for (size_t i = 0; i < FILTER_PROTO_FILTERS_MAX; i++) {
		many[i] = one;
		many[i].id = i + 2;
	}
	m.added = many;
	m.n_added = FILTER_PROTO_FILTERS_MAX;
	assert_string_equal(nft_commit(t, &m, &done), "too many filters");
	w->filters[0] = one;
	check_same(w, 0);
	free(many);
	free(w);
	nft_free(t);
}

static void
rules_of_acls_are_limited_in_total(void **state)
{
	enum { SETS = FILTER_PROTO_RULES_MAX / FILTER_PROTO_ACL_RULES_MAX + 1 };
	struct nft *t = nft_new("x");
	struct acl_rule *rules = calloc((size_t)SETS * FILTER_PROTO_ACL_RULES_MAX, sizeof(*rules));
	struct acl_rule one = {.id = UINT64_MAX, .destination_ports = {0, 65535, false}};
	struct acl_set sets[SETS], small = {.client = "small", .rules = &one, .n_rules = 1};
	char texts[SETS][16];
	struct filter_msg m = {.op = FILTER_OP_SYNC, .acls = sets, .n_acls = SETS}, done = {0};
	struct filter_msg first = {.op = FILTER_OP_SYNC, .acls = &small, .n_acls = 1};

	(void)state;
	for (size_t i = 0; i < SETS; i++) {
		struct acl_rule *list = &rules[i * FILTER_PROTO_ACL_RULES_MAX];

		snprintf(texts[i], sizeof(texts[i]), "c%zu", i);
		for (size_t k = 0; k < FILTER_PROTO_ACL_RULES_MAX; k++)
			list[k].id = 1 + i * FILTER_PROTO_ACL_RULES_MAX + k;
		sets[i] = (struct acl_set){texts[i], NULL, 0, list, FILTER_PROTO_ACL_RULES_MAX};
	}
	one.source_ports = one.destination_ports;
	assert_null(nft_sync(t, &first, &done));
	assert_string_equal(nft_sync(t, &m, &done), "too many rules of ACLs");
	sets[SETS - 1].n_rules = FILTER_PROTO_RULES_MAX % FILTER_PROTO_ACL_RULES_MAX;
	m.op = FILTER_OP_COMMIT; /* with the one that is there, one too many */
	assert_string_equal(nft_commit(t, &m, &done), "too many rules of ACLs");
	first.op = FILTER_OP_COMMIT;
	small.n_rules = 0;
	assert_null(nft_commit(t, &first, &done)); /* it goes on */
	free(rules);
	nft_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_acls_are_limited_in_total),
		cmocka_unit_test(any_way_there_leads_to_the_same_table),
		cmocka_unit_test(a_new_start_makes_any_table_the_wanted_one),
		cmocka_unit_test(strangers_in_the_table_are_removed),
		cmocka_unit_test(a_lost_table_fails_the_change_until_it_is_synchronised),
		cmocka_unit_test(filters_are_limited_in_total),
		cmocka_unit_test(clients_are_limited_in_total),
	};

	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (unshare(CLONE_NEWNET) != 0) {
		puts("1..1\nok 1 # SKIP needs the right to make a network namespace");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
