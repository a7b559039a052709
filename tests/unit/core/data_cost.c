/* Requests of one client with ninety aliases and ten ACLs in the midst of so many registrations
 * with so many of these; tests/suites/37-data-cost counts their instructions, and reads what an
 * entry takes. */
#include <malloc.h>
#include <stdio.h>

#include "core/data.h"
#include "fixture.h"
#include "wire/data.h"

enum { ENTRIES = 100, ALIASES = 90, REQUESTS = 200 };

static const wall_ms now = 1767225600000;
static const struct data_policy policy = {10080, 100000, 1000, 100, 1000, 65536};

/* ---- a store that forgets ---- */

static void
put(struct persist *p, const char *kind, const char *key, const char *value)
{
	(void)p;
	(void)kind;
	(void)key;
	(void)value;
}

static void
remove_(struct persist *p, const char *kind, const char *key)
{
	(void)p;
	(void)kind;
	(void)key;
}

static void
after(struct persist *p, void (*done)(void *arg, bool durable), void *arg)
{
	(void)p;
	(void)done;
	(void)arg;
}

static void
each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	(void)p;
	(void)kind;
	(void)visit;
	(void)arg;
}

static const struct persist_ops forgetful = {put, remove_, after, each};
static struct persist store = {&forgetful};

/* ---- requests ---- */

static json_t *
make_entry(enum data_kind kind, unsigned client, unsigned n, unsigned round)
{
	char prefix[PREFIX_TEXT_MAX], name[16];

	snprintf(name, sizeof(name), "entry%u", n);
	snprintf(prefix, sizeof(prefix), "10.%u.%u.%u/32", client / 256, client % 256,
		(n + round) % 256);
	if (kind == DATA_ALIAS)
		return json_pack("{ss s[s] s[{si}] s[i]}", "name", name, "target-prefix", prefix,
			"target-port-range", "lower-port", 443, "target-protocol", 6);
	return json_pack("{ss ss s{s[{ss s{s{ss}} s{ss}}]}}", "name", name, "activation-type",
		"immediate", "aces", "ace", "name", "rule", "matches", "ipv4",
		"destination-ipv4-network", prefix, "actions", "forwarding",
		n % 2 ? "drop" : "accept");
}

static void
edit(struct data *d, const struct clients *cs, unsigned client, unsigned n, unsigned round)
{
	enum data_kind kind = n < ALIASES ? DATA_ALIAS : DATA_ACL;
	char cuid[32];
	json_t *j = make_entry(kind, client, n, round);
	struct data_change ch = {.kind = kind, .entry = j};
	struct restconf_error err = {0};
	struct data_client *dc;
	size_t created;

	snprintf(cuid, sizeof(cuid), "dz6pHjaADkaFTbjr%06u", client);
	dc = data_find(d, cuid);
	ch.name = json_string_value(json_object_get(j, "name"));
	if (!yang_check(kind == DATA_ALIAS ? data_alias : data_acl, j, &err) ||
		!data_edit(d, clients_get(cs, client), dc, &ch, 1, cs, now + round, &created, &err))
		fail_msg("%s", err.why);
	json_decref(j);
}

/* What is counted. */
__attribute__((noinline)) static void
serve(struct data *d, const struct clients *cs, unsigned client)
{
	for (unsigned i = 1; i <= REQUESTS; i++) {
		struct arena *a = arena_new();
		struct acl_set set;

		edit(d, cs, client, i * 7 % ENTRIES, i / 2);
		data_expire(d, now + i);
		data_in_force(d, clients_get(cs, client), a, &set);
		arena_free(a);
	}
}

static void
enrol(struct data *d, struct clients *cs, unsigned client)
{
	char name[32], prefix[PREFIX_TEXT_MAX];
	struct restconf_error err;
	struct data_client *dc;
	bool created;

	snprintf(name, sizeof(name), "c%u", client);
	snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", client / 256, client % 256);
	assert_null(clients_add(cs, make_client(name, NULL, prefix)));
	snprintf(name, sizeof(name), "dz6pHjaADkaFTbjr%06u", client);
	assert_true(
		data_register(d, clients_get(cs, client), name, NULL, now, &dc, &created, &err));
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10;
	unsigned entries = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : ENTRIES;
	struct data *d = data_new(&policy, &store);
	struct clients *cs = clients_new();
	size_t before;

	if (!n || !entries)
		return 2;
	for (unsigned i = 0; i < n; i++)
		enrol(d, cs, i);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < (i == n / 2 ? ENTRIES : entries); k++)
			edit(d, cs, i, ENTRIES - 1 - k, 0);
	printf("%zu bytes an entry\n", (mallinfo2().uordblks - before) / n / entries);
	serve(d, cs, n / 2);
	data_free(d);
	clients_free(cs);
	return 0;
}
