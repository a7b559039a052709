#include "data_fixture.h"
#include "wire/path.h"

/* ---- registrations ---- */

/* 8783-5.1-35, 8783-5.1-36 */
static void
a_cuid_belongs_to_who_registered_it_first(void **state)
{
	struct data_client *dc, *again;
	bool new;

	(void)state;
	assert_true(data_register(
		book, clients_named(clients, "acme"), "one", "domain", now, &dc, &new, &err));
	assert_true(new);
	assert_string_equal(dc->cuid, "one");
	assert_string_equal(dc->cdid, "domain");
	assert_string_equal(dc->client, "acme");
	assert_true(data_register(
		book, clients_named(clients, "acme"), "one", NULL, now, &again, &new, &err));
	assert_false(new);
	assert_ptr_equal(dc, again);
	assert_string_equal(dc->cdid, "domain");
	assert_false(enrol_as("beta", "one", &again));
	assert_why(409, RESTCONF_RESOURCE_DENIED, "in use");
	restart();
	assert_false(enrol_as("beta", "one", &again));
	assert_string_equal(data_find(book, "one")->cdid, "domain");
	assert_null(data_find(book, "on"));
}

/* 8783-5.1-03: what the signal channel would not take is none here, either. */
static void
a_cuid_is_one_that_the_signal_channel_takes(void **state)
{
	static const char *const wrong[] = {"", "a/b", "a b", "a\n", "\xc3\xa4", "\x7f"};
	char longest[PATH_ID_MAX + 1], longer[PATH_ID_MAX + 2];
	struct data_client *dc;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(enrol_as("acme", wrong[i], &dc));
		assert_why(400, RESTCONF_INVALID_VALUE, "RFC 8783 5.1: cuid");
	}
	memset(longer, '%', sizeof(longer));
	longer[PATH_ID_MAX + 1] = '\0';
	assert_false(enrol_as("acme", longer, &dc));
	assert_why(400, RESTCONF_INVALID_VALUE, "at most 64");
	memcpy(longest, longer + 1, sizeof(longest));
	enrol("acme", longest);
	put_record("data-client", "a b",
		"{'cuid': 'a b', 'client': 'acme', 'since': 5, " VERSIONS "}");
	data_free(book);
	book = data_new(&policy, store);
	assert_int_equal(data_restore(book, clients, now), 1);
	assert_non_null(data_find(book, longest));
	assert_null(data_find(book, "a b"));
}

static void
a_cdid_that_has_changed_is_a_change(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before = dc->version;
	bool new;

	(void)state;
	assert_true(data_register(
		book, clients_named(clients, "acme"), "one", "there", now, &dc, &new, &err));
	assert_string_equal(dc->cdid, "there");
	assert_true(dc->version.number > before.number);
	restart();
	assert_string_equal(data_find(book, "one")->cdid, "there");
}

/* 8783-10-20, 8783-10-21 */
static void
registrations_are_limited_for_each_and_all(void **state)
{
	struct data_client *dc;
	char cuid[8];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(cuid, sizeof(cuid), "c%u", i);
		enrol("acme", cuid);
	}
	assert_false(enrol_as("acme", "c4", &dc));
	assert_why(403, RESTCONF_ACCESS_DENIED, "limits.cuids");
	enrol("acme", "c3");
	data_deregister(book, data_find(book, "c0"));
	enrol("acme", "c4");
	policy.clients_max = 4;
	data_reload(book, &policy, clients, now);
	assert_false(enrol_as("beta", "b", &dc));
	assert_why(503, RESTCONF_RESOURCE_DENIED, "data-channel.registrations");
}

/* 8783-5.2-02 */
static void
who_deregisters_takes_everything_along(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put_alias(dc, "web", "192.0.2.1/32"));
	assert_true(put(dc, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.0/24"))));
	told[0] = '\0';
	data_deregister(book, dc);
	assert_null(data_find(book, "one"));
	assert_string_equal(told, "acme ");
	assert_int_equal(standin_store_count(store, "data-client"), 0);
	assert_int_equal(standin_store_count(store, "data-alias"), 0);
	assert_int_equal(standin_store_count(store, "data-acl"), 0);
	assert_int_equal(data_expire(book, now), INT64_MAX);
}

static void
registrations_of_a_client_are_found_in_their_order(void **state)
{
	struct data_client *dc;

	(void)state;
	enrol("acme", "z");
	enrol("beta", "m");
	enrol("acme", "a");
	put_record("data-client", "first",
		"{'cuid': 'first', 'client': 'twin', 'since': 5, " VERSIONS "}");
	put_record("data-client", "before",
		"{'cuid': 'before', 'client': 'twin', 'since': 4, " VERSIONS "}");
	for (unsigned i = 0; i < 2; i++) {
		restart();
		dc = data_next(book, "twin", NULL);
		assert_string_equal(dc->cuid, "before");
		dc = data_next(book, "twin", dc);
		assert_string_equal(dc->cuid, "first");
		dc = data_next(book, "acme", NULL);
		assert_string_equal(dc->cuid, "z");
		dc = data_next(book, "acme", dc);
		assert_string_equal(dc->cuid, "a");
		assert_null(data_next(book, "acme", dc));
		assert_null(data_next(book, "nobody", NULL));
	}
}

/* ---- versions ---- */

/* 8040-3.4.1-01, 8040-3.4.1-11, 8040-3.5.1-02, 8040-3.5.2-02 */
static void
a_change_is_one_of_all_above_it_and_of_nothing_beside_it(void **state)
{
	struct data_client *dc = enrol("acme", "one"), *other = enrol("acme", "two");
	struct data_version sibling, acls, was, beside = other->version;

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(put_alias(dc, "b", "192.0.2.1/32"));
	sibling = data_entry(dc, DATA_ALIAS, "a")->version;
	was = data_entry(dc, DATA_ALIAS, "b")->version;
	acls = dc->acls_version;
	now += 1000;
	assert_true(put_alias(dc, "b", "192.0.2.2/32"));
	assert_true(data_entry(dc, DATA_ALIAS, "b")->version.number > was.number);
	assert_int_equal(data_entry(dc, DATA_ALIAS, "b")->version.changed, now);
	assert_memory_equal(&dc->aliases_version, &data_entry(dc, DATA_ALIAS, "b")->version,
		sizeof(struct data_version));
	assert_memory_equal(&dc->version, &dc->aliases_version, sizeof(struct data_version));
	assert_memory_equal(&data_entry(dc, DATA_ALIAS, "a")->version, &sibling, sizeof(sibling));
	assert_memory_equal(&dc->acls_version, &acls, sizeof(acls));
	assert_memory_equal(&other->version, &beside, sizeof(beside));
	was = dc->version;
	assert_true(take_away(dc, DATA_ALIAS, "b"));
	assert_true(dc->aliases_version.number > was.number);
}

/* 8040-3.4.1-04, 8040-3.4.1-08, 8040-3.5.1-04, 8040-3.5.2-04: a lifetime, what was counted and a
 * mitigation are state. */
static void
what_is_no_change_of_configuration_changes_no_version(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;
	wall_ms expires;

	(void)state;
	assert_true(put(
		dc, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.0/24"))));
	before = dc->version;
	expires = dc->acls[0]->expires;
	now += DAY_MS;
	assert_true(put(
		dc, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.0/24"))));
	assert_int_equal(created, 0);
	assert_int_equal(dc->acls[0]->expires, expires + DAY_MS);
	data_count(book, dc->acls[0]->acl.rules[0].id, 7, 700);
	data_mitigating(book, "acme", "one", true);
	assert_memory_equal(&dc->acls[0]->version, &before, sizeof(before));
	assert_memory_equal(&dc->acls_version, &before, sizeof(before));
	assert_memory_equal(&dc->version, &before, sizeof(before));
	restart();
	dc = data_find(book, "one");
	assert_memory_equal(&dc->version, &before, sizeof(before));
	assert_int_equal(dc->acls[0]->expires, expires + DAY_MS);
	assert_memory_equal(&dc->acls_version, &before, sizeof(before));
}

static void
members_in_another_order_are_no_change(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	before = dc->version;
	assert_true(put(dc, DATA_ALIAS, "{'target-prefix': ['192.0.2.1/32'], 'name': 'a'}"));
	assert_true(dc->version.number == before.number);
}

static void
no_version_is_given_twice(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		if (i % 10 == 9) {
			restart();
			dc = data_find(book, "one");
		}
		if (i == 15)
			now -= DAY_MS; /* the clock was set */
		if (i % 3 == 2)
			assert_true(take_away(dc, DATA_ALIAS, "a"));
		else
			assert_true(put_alias(dc, "a", i % 3 ? "192.0.2.1/32" : "192.0.2.2/32"));
		assert_true(dc->version.number > last);
		last = dc->version.number;
	}
	data_deregister(book, dc);
	restart();
	assert_true(enrol("acme", "one")->version.number > last);
}

/* What the store could not take before a crash was given all the same. */
static void
a_version_that_was_lost_is_not_given_again(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct persist *other = standin_store_new(loop);
	uint64_t lost, rule;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		assert_true(put_alias(dc, "a", i % 2 ? "192.0.2.1/32" : "192.0.2.2/32"));
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	lost = dc->version.number;
	rule = dc->acls[0]->acl.rules[0].id;
	data_free(book);
	standin_store_free(store);
	store = other;
	now += 1000;
	open_book();
	dc = enrol("acme", "one");
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	assert_true(dc->version.number > lost);
	assert_true(dc->acls[0]->acl.rules[0].id > rule);
}

/* ---- lifetimes ---- */

/* 8783-3.5-01, 8783-6.1-33, 8783-6.1-34, 8783-7.2-26, 8783-7.2-27 */
static void
entries_are_kept_for_their_lifetime_after_the_last_refresh(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_int_equal(data_expire(book, now), INT64_MAX);
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_true(place(dc, "b", INSERT_LAST, NULL));
	assert_int_equal(data_expire(book, now), start + WEEK_MS);
	now += DAY_MS;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	assert_int_equal(data_expire(book, start + WEEK_MS - 1), start + WEEK_MS);
	assert_int_equal(dc->n_acls, 1);
	told[0] = '\0';
	assert_int_equal(data_expire(book, start + WEEK_MS), start + DAY_MS + WEEK_MS);
	assert_int_equal(dc->n_acls, 0);
	assert_int_equal(dc->n_aliases, 1);
	assert_string_equal(told, "acme ");
	assert_int_equal(dc->acls_version.changed, start + WEEK_MS);
	assert_true(dc->version.number == dc->acls_version.number);
	assert_int_equal(standin_store_count(store, "data-acl"), 0);
	assert_int_equal(data_expire(book, start + DAY_MS + WEEK_MS), INT64_MAX);
	assert_int_equal(dc->n_aliases, 0);
	assert_non_null(data_find(book, "one"));
}

static void
what_expires_while_nobody_is_there_is_gone_afterwards(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	uint64_t before;

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	now += DAY_MS;
	assert_true(put_alias(dc, "b", "192.0.2.1/32"));
	before = dc->version.number;
	now = start + WEEK_MS;
	restart();
	dc = data_find(book, "one");
	assert_int_equal(dc->n_aliases, 1);
	assert_string_equal(dc->aliases[0]->name, "b");
	assert_true(dc->aliases_version.number > before);
	assert_int_equal(standin_store_count(store, "data-alias"), 1);
}

static void
a_clock_that_was_set_back_makes_no_lifetime_longer(void **state)
{
	struct data_client *dc = enrol("acme", "one");

	(void)state;
	assert_true(put_alias(dc, "a", "192.0.2.1/32"));
	now -= 300LL * DAY_MS;
	restart();
	assert_int_equal(data_find(book, "one")->aliases[0]->expires, now + WEEK_MS);
	now += DAY_MS;
	restart();
	assert_int_equal(data_find(book, "one")->aliases[0]->expires, now - DAY_MS + WEEK_MS);
}

/* ---- in force ---- */

/* 8783-7.2-04, 8783-4.1-03, 8783-4.3-03 to 8783-4.3-05, 8783-7.2-06, 8783-7.2-07 */
static void
what_is_in_force_goes_by_activation_and_order(void **state)
{
	struct data_client *one = enrol("acme", "one"), *two = enrol("acme", "two");

	(void)state;
	assert_true(put(two, DATA_ACL,
		ACL("a", "immediate",
			DROP("r", "203.0.113.2/32") "," DROP("s", "203.0.113.1/32"))));
	assert_true(put(
		one, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.3/32"))));
	assert_true(put(one, DATA_ACL, ACL("b", "deactivate", DROP("r", "203.0.113.4/32"))));
	assert_true(put_at(one, DATA_ACL, ACL("c", "immediate", DROP("r", "203.0.113.5/32")),
		INSERT_FIRST, NULL));
	assert_string_equal(in_force("acme"), "203.0.113.5/32 203.0.113.2/32 203.0.113.1/32 ");
	assert_string_equal(in_force("beta"), "");
	told[0] = '\0';
	data_mitigating(book, "acme", "two", true);
	assert_string_equal(told, "");
	data_mitigating(book, "acme", "one", true);
	assert_string_equal(told, "acme ");
	assert_string_equal(
		in_force("acme"), "203.0.113.5/32 203.0.113.3/32 203.0.113.2/32 203.0.113.1/32 ");
	data_mitigating(book, "acme", "one", true);
	assert_string_equal(told, "acme ");
	data_mitigating(book, "acme", "one", false);
	assert_string_equal(told, "acme acme ");
	assert_string_equal(in_force("acme"), "203.0.113.5/32 203.0.113.2/32 203.0.113.1/32 ");
}

static void
a_mitigation_may_be_older_than_the_registration(void **state)
{
	struct data_client *dc;

	(void)state;
	data_mitigating(book, "acme", "one", true);
	dc = enrol("acme", "one");
	assert_true(dc->mitigating);
	assert_true(put(
		dc, DATA_ACL, ACL("a", "activate-when-mitigating", DROP("r", "203.0.113.3/32"))));
	assert_string_equal(in_force("acme"), "203.0.113.3/32 ");
	data_mitigating(book, "acme", "one", false);
	data_deregister(book, dc);
	assert_false(enrol("acme", "one")->mitigating);
}

/* Else one who registers another client's cuid learns from its counters when that one is attacked.
 */
static void
a_mitigation_is_of_its_client_alone(void **state)
{
	struct data_client *dc;

	(void)state;
	data_mitigating(book, "acme", "one", true);
	dc = enrol("beta", "one");
	assert_false(dc->mitigating);
	data_mitigating(book, "acme", "one", false);
	data_mitigating(book, "acme", "one", true);
	assert_false(dc->mitigating);
	data_mitigating(book, "beta", "one", true);
	assert_true(dc->mitigating);
}

/* 9133-3.2.1, 8783-7.2-29 */
static void
an_activation_by_the_signal_channel_stays_and_refreshes(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	struct data_version before;

	(void)state;
	assert_true(put(
		dc, DATA_ACL, "{'name': 'a', 'aces': {'ace': [" DROP("r", "203.0.113.3/32") "]}}"));
	before = dc->acls_version;
	now += DAY_MS;
	told[0] = '\0';
	assert_false(data_activate(book, dc, "b", ACTIVATE_IMMEDIATE, now));
	assert_true(data_activate(book, dc, "a", ACTIVATE_WHEN_MITIGATING, now));
	assert_true(dc->acls_version.number == before.number);
	assert_string_equal(told, "");
	assert_int_equal(data_expire(book, now), now + WEEK_MS);
	assert_true(data_activate(book, dc, "a", ACTIVATE_IMMEDIATE, now));
	assert_string_equal(told, "acme ");
	assert_true(dc->acls[0]->version.number > before.number);
	assert_true(dc->acls_version.number == dc->version.number);
	assert_ptr_equal(strstr(dc->acls[0]->text,
				 "{\"name\":\"a\",\"activation-type\":\"immediate\",\"aces\""),
		dc->acls[0]->text);
	restart();
	dc = data_find(book, "one");
	assert_non_null(strstr(dc->acls[0]->text, "\"activation-type\":\"immediate\""));
	assert_int_equal(dc->acls[0]->expires, now + WEEK_MS);
	assert_string_equal(in_force("acme"), "203.0.113.3/32 ");
	assert_true(data_activate(book, dc, "a", DEACTIVATE, now));
	assert_string_equal(in_force("acme"), "");
	assert_non_null(strstr(dc->acls[0]->text, "\"deactivate\""));
	assert_true(data_activate(book, dc, "a", ACTIVATE_WHEN_MITIGATING, now));
	assert_non_null(strstr(dc->acls[0]->text, "\"activate-when-mitigating\""));
}

/* ---- who has to know ---- */

static char edits[128];

static void
note_edit(void *arg, const char *client, const char *cuid)
{
	size_t len = strlen(edits);

	(void)arg;
	snprintf(edits + len, sizeof(edits) - len, "%s/%s%s ", client, cuid,
		data_find(book, cuid) ? "" : "-");
}

static void
assert_edits(const char *expected)
{
	assert_string_equal(edits, expected);
	edits[0] = '\0';
}

static void
each_registration_that_is_changed_is_told(void **state)
{
	struct data_client *one;

	(void)state;
	data_on_edit(book, note_edit, NULL);
	assert_edits("");
	one = enrol("acme", "one");
	assert_edits("acme/one ");
	assert_true(put_alias(one, "a", "192.0.2.1/32"));
	assert_edits("acme/one ");
	assert_true(put_alias(one, "a", "192.0.2.1/32")); /* as it is */
	assert_edits("");
	assert_true(put_alias(one, "b", "192.0.2.1/32"));
	assert_true(take_away(one, DATA_ALIAS, "b"));
	assert_edits("acme/one acme/one ");
	data_expire(book, start + WEEK_MS);
	assert_edits("acme/one ");
	data_deregister(book, one);
	assert_edits("acme/one- ");
}

static void
note_activation(void *arg, const struct data_activation *a)
{
	char *text = arg;

	snprintf(text, 100, "%s %s %s %d%s", a->client, a->cuid, a->acl, (int)a->type,
		a->by_signal ? " by signal" : "");
}

/* 9133-3.2.1-28 */
static void
another_activation_is_told_whoever_made_it(void **state)
{
	struct data_client *dc = enrol("acme", "one");
	char said[100] = "";

	(void)state;
	data_on_activation(book, note_activation, said);
	assert_true(put(dc, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.3/32"))));
	assert_true(put(dc, DATA_ACL, ACL("a", "immediate", DROP("r", "203.0.113.4/32"))));
	assert_string_equal(said, ""); /* new, or as it was */
	assert_true(put(dc, DATA_ACL, ACL("a", "deactivate", DROP("r", "203.0.113.4/32"))));
	assert_string_equal(said, "acme one a 3");
	assert_true(data_activate(book, dc, "a", ACTIVATE_IMMEDIATE, now));
	assert_string_equal(said, "acme one a 2 by signal");
	assert_true(take_away(dc, DATA_ACL, "a"));
	assert_string_equal(said, "acme one a 0");
	said[0] = '\0';
	assert_true(put(dc, DATA_ACL, ACL("b", "immediate", DROP("r", "203.0.113.3/32"))));
	now += WEEK_MS;
	data_expire(book, now);
	assert_string_equal(said, "acme one b 0");
	data_on_activation(book, NULL, NULL);
}

/* ---- configuration ---- */

static void
fill_for_reload(void)
{
	struct data_client *one = enrol("acme", "one"), *two = enrol("twin", "two");

	assert_true(put_alias(one, "low", "192.0.2.1/32"));
	assert_true(put_alias(one, "high", "192.0.2.129/32"));
	assert_true(put(one, DATA_ALIAS, "{'name': 'u', 'target-uri': ['http://192.0.2.1/']}"));
	assert_true(put(one, DATA_ALIAS, "{'name': 'n', 'target-fqdn': ['a.example']}"));
	assert_true(put(one, DATA_ACL,
		ACL("low", "immediate", ACE("r", "203.0.113.1/32", "192.0.2.1/32", "drop"))));
	assert_true(put(one, DATA_ACL,
		ACL("high", "immediate", ACE("r", "203.0.113.2/32", "192.0.2.129/32", "drop"))));
	assert_true(put(one, DATA_ACL,
		"{'name': 'any', 'aces': {'ace': [{'name': 'r', 'actions': {'forwarding': "
		"'ietf-access-control-list:drop'}}]}}"));
	assert_true(place(two, "a", INSERT_LAST, NULL));
	now += 1000;
}

static void
assert_reloaded(void)
{
	struct data_client *one = data_find(book, "one");

	assert_null(data_find(book, "two"));
	assert_int_equal(one->n_aliases, 2);
	assert_non_null(data_entry(one, DATA_ALIAS, "high"));
	assert_non_null(data_entry(one, DATA_ALIAS, "n"));
	assert_string_equal(order_of(one), "highany");
	assert_int_equal(one->acls_version.changed, now);
	assert_int_equal(one->aliases_version.changed, now);
	assert_int_equal(standin_store_count(store, "data-alias"), 2);
	assert_int_equal(standin_store_count(store, "data-acl"), 2);
	assert_int_equal(standin_store_count(store, "data-client"), 1);
}

/* Rule M17. */
static void
what_is_not_authorised_any_more_ends_with_a_reload(void **state)
{
	(void)state;
	fill_for_reload();
	told[0] = '\0';
	configure("192.0.2.128/25", NULL);
	assert_reloaded();
	assert_non_null(strstr(told, "acme "));
	assert_non_null(strstr(told, "twin "));
	assert_string_equal(in_force("acme"), "203.0.113.2/32 ");
	assert_int_equal(data_expire(book, now), start + WEEK_MS);
}

static void
what_is_not_authorised_any_more_ends_with_a_restart(void **state)
{
	(void)state;
	fill_for_reload();
	data_free(book);
	book = NULL;
	configure("192.0.2.128/25", NULL);
	open_book();
	assert_reloaded();
	restart();
	assert_reloaded();
}

static void
a_filter_without_destination_follows_its_clients_prefixes(void **state)
{
	static const char text[] = "{'name': 'a', 'aces': {'ace': [{'name': 'r', 'actions': "
				   "{'forwarding': 'ietf-access-control-list:accept'}}]}}";

	(void)state;
	configure("203.0.113.0/24", "192.0.2.0/24");
	assert_true(put(enrol("acme", "one"), DATA_ACL, text));
	assert_true(place(enrol("twin", "two"), "a", INSERT_LAST, NULL));
	assert_true(take_away(data_find(book, "two"), DATA_ACL, "a"));
	told[0] = '\0';
	configure("192.0.2.0/24", "192.0.2.0/24");
	assert_string_equal(told, "acme ");
	assert_false(place(data_find(book, "two"), "a", INSERT_LAST, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_cuid_belongs_to_who_registered_it_first),
		CASE(a_cuid_is_one_that_the_signal_channel_takes),
		CASE(a_cdid_that_has_changed_is_a_change),
		CASE(registrations_are_limited_for_each_and_all),
		CASE(who_deregisters_takes_everything_along),
		CASE(registrations_of_a_client_are_found_in_their_order),
		CASE(a_change_is_one_of_all_above_it_and_of_nothing_beside_it),
		CASE(what_is_no_change_of_configuration_changes_no_version),
		CASE(members_in_another_order_are_no_change),
		CASE(no_version_is_given_twice),
		CASE(a_version_that_was_lost_is_not_given_again),
		CASE(entries_are_kept_for_their_lifetime_after_the_last_refresh),
		CASE(what_expires_while_nobody_is_there_is_gone_afterwards),
		CASE(a_clock_that_was_set_back_makes_no_lifetime_longer),
		CASE(what_is_in_force_goes_by_activation_and_order),
		CASE(a_mitigation_may_be_older_than_the_registration),
		CASE(a_mitigation_is_of_its_client_alone),
		CASE(an_activation_by_the_signal_channel_stays_and_refreshes),
		CASE(each_registration_that_is_changed_is_told),
		CASE(another_activation_is_told_whoever_made_it),
		CASE(what_is_not_authorised_any_more_ends_with_a_reload),
		CASE(what_is_not_authorised_any_more_ends_with_a_restart),
		CASE(a_filter_without_destination_follows_its_clients_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
