/*
 * dotsd's side of the helper, against a helper that this test plays: what is sent, what is
 * reported, what happens when the helper is lost, refuses or lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/event.h"
#include "base/frame.h"
#include "mitigator/filter_proto.h"
#include "mitigator/nftables.h"

enum { PATIENCE_MS = 60000 };

struct bench {
	struct loop *loop;
	struct timer *tick, *patience;
	bool (*until)(struct bench *b);
	struct mitigator *m;
	/* the helper */
	char path[64];
	int listening;
	struct watch *accept;
	struct frame_conn *conn;
	struct arena *arena;
	struct filter_msg msg; /* the last SYNC or COMMIT, in the arena */
	unsigned hellos, syncs, commits, questions;
	/* reports and events, as text */
	struct buf reports;
	unsigned n_failed, n_removed;
	unsigned lost, reconciled;
	void (*on_told)(struct bench *b); /* what is done on the next report of ACLs */
};

/* ---- the helper ---- */

static void
on_helper_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct bench *b = arg;
	struct filter_msg m;

	assert_int_equal(fd, -1);
	assert_null(filter_proto_decode(b->arena, bytes, len, &m));
	switch (m.op) {
	case FILTER_OP_HELLO:
		assert_string_equal(m.instance, "edge");
		b->hellos++;
		break;
	case FILTER_OP_COUNTERS:
		b->questions++;
		break;
	case FILTER_OP_SYNC:
		b->syncs++;
		b->msg = m;
		break;
	case FILTER_OP_COMMIT:
		b->commits++;
		b->msg = m;
		break;
	default:
		fail_msg("operation %d", m.op);
	}
}

static void
on_helper_closed(void *arg, int error)
{
	struct bench *b = arg;

	(void)error;
	frame_conn_free(b->conn);
	b->conn = NULL;
}

static const struct frame_ops helper_ops = {on_helper_message, on_helper_closed};

static void
on_accept(void *arg, int events)
{
	struct bench *b = arg;
	int fd = accept4(b->listening, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	assert_true(fd >= 0);
	assert_null(b->conn);
	b->conn = frame_conn_new(b->loop, fd, FILTER_PROTO_FRAME_MAX, &helper_ops, b);
}

static void
helper_says(struct bench *b, const struct filter_msg *m)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	filter_proto_encode(m, &out);
	assert_int_equal(frame_send(b->conn, out.bytes, out.len, -1), 0);
	buf_finish(&out);
}

static void
helper_done(struct bench *b, const char *error)
{
	helper_says(b, &(struct filter_msg){.op = FILTER_OP_DONE, .error = error});
}

static void
helper_starts(struct bench *b)
{
	b->listening = frame_listen(b->path, 0600);
	assert_true(b->listening >= 0);
	b->accept = watch_new(b->loop, b->listening, LOOP_READ, on_accept, b);
}

static void
helper_dies(struct bench *b)
{
	frame_conn_free(b->conn);
	b->conn = NULL;
	watch_free(b->accept);
	b->accept = NULL;
	close(b->listening);
}

/* ---- reports ---- */

static void
on_installed(void *arg, uint64_t id)
{
	buf_printf(&((struct bench *)arg)->reports, "+%u ", (unsigned)id);
}

static void
on_failed(void *arg, uint64_t id, const char *why)
{
	((struct bench *)arg)->n_failed++;
	buf_printf(&((struct bench *)arg)->reports, "!%u:%s ", (unsigned)id, why);
}

static void
on_removed(void *arg, uint64_t id)
{
	((struct bench *)arg)->n_removed++;
	buf_printf(&((struct bench *)arg)->reports, "-%u ", (unsigned)id);
}

static void
on_counters(void *arg, uint64_t id, uint64_t packets, uint64_t bytes)
{
	buf_printf(&((struct bench *)arg)->reports, "#%u:%u/%u ", (unsigned)id, (unsigned)packets,
		(unsigned)bytes);
}

static void
on_acls_done(void *arg, const char *client, const char *why)
{
	struct bench *b = arg;

	if (b->on_told)
		b->on_told(b);
	b->on_told = NULL;
	b->n_failed += why != NULL;
	buf_printf(&b->reports, "%s=%s ", client, why ? why : "done");
}

static void
on_acl_counters(void *arg, uint64_t rule, uint64_t packets, uint64_t bytes)
{
	buf_printf(&((struct bench *)arg)->reports, "~%u:%u/%u ", (unsigned)rule, (unsigned)packets,
		(unsigned)bytes);
}

static void
on_event(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	struct bench *b = arg;

	(void)fields;
	(void)n;
	b->lost += id == EVENT_HELPER_LOST;
	b->reconciled += id == EVENT_RULES_RECONCILED;
}

static void
expect_reports(struct bench *b, const char *expected)
{
	assert_string_equal(buf_text(&b->reports), expected);
	buf_reset(&b->reports);
}

/* ---- the loop ---- */

static void
on_tick(void *arg)
{
	struct bench *b = arg;

	if (b->until(b))
		loop_stop(b->loop);
	else
		timer_after(b->tick, 5);
}

static void
on_patience(void *arg)
{
	(void)arg;
	fputs("what the test waits for never happens\n", stderr);
	abort();
}

static void
wait_until(struct bench *b, bool (*condition)(struct bench *b))
{
	b->until = condition;
	timer_after(b->tick, 0);
	timer_after(b->patience, PATIENCE_MS);
	loop_run(b->loop);
	timer_stop(b->patience);
}

static bool
has_sync(struct bench *b)
{
	return b->syncs > 0;
}

static bool
has_commit(struct bench *b)
{
	return b->commits > 0;
}

static bool
has_question(struct bench *b)
{
	return b->questions > 0;
}

static bool
has_reports(struct bench *b)
{
	return b->reports.len > 0;
}

static bool
has_failed(struct bench *b)
{
	return b->n_failed > 0;
}

static bool
is_lost(struct bench *b)
{
	return b->lost > 0;
}

static bool
is_reconciled(struct bench *b)
{
	return b->reconciled > 0;
}

/* Waits for the message and forgets that it came. */
static void
await_sync(struct bench *b)
{
	wait_until(b, has_sync);
	assert_int_equal(b->syncs, 1);
	b->syncs = 0;
}

static void
await_commit(struct bench *b)
{
	wait_until(b, has_commit);
	assert_int_equal(b->commits, 1);
	b->commits = 0;
}

/* ---- the bench ---- */

static struct prefix target;
static const struct filter_ports port = {53, 53};

static struct filter
filter_of(uint64_t id)
{
	prefix_parse("192.0.2.1/32", &target);
	return (struct filter){
		.id = id, .client = "acme", .prefixes = &target, .n_prefixes = 1, .ports = &port};
}

static void
start(struct bench *b, uint64_t id)
{
	struct filter f = filter_of(id);

	b->m->ops->start(b->m, &f);
}

static void
stop(struct bench *b, uint64_t id)
{
	b->m->ops->stop(b->m, id);
}

static int
setup(void **state)
{
	struct bench *b = mem_new(sizeof(*b));
	struct mitigator_events events = {.arg = b,
		.installed = on_installed,
		.failed = on_failed,
		.removed = on_removed,
		.counters = on_counters,
		.acls_done = on_acls_done,
		.acl_counters = on_acl_counters};
	struct nftables_config cfg = {b->path, "edge"};

	snprintf(b->path, sizeof(b->path), "/tmp/dotsd-nftables-test-%d", (int)getpid());
	b->loop = loop_new();
	b->tick = timer_new(b->loop, on_tick, b);
	b->patience = timer_new(b->loop, on_patience, b);
	b->arena = arena_new();
	buf_init(&b->reports, 1 << 18);
	event_add_sink(on_event, b);
	helper_starts(b);
	b->m = nftables_new(b->loop, &cfg, &events);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	b->m->ops->free(b->m);
	helper_dies(b);
	unlink(b->path);
	timer_free(b->tick);
	timer_free(b->patience);
	event_clear_sinks();
	loop_free(b->loop);
	buf_finish(&b->reports);
	arena_free(b->arena);
	free(b);
	return 0;
}

/* Up to where filters 1 and 2 are installed. */
static void
install_two(struct bench *b)
{
	struct filter both[] = {filter_of(1), filter_of(2)};

	b->m->ops->sync(b->m, both, 2);
	await_sync(b);
	helper_done(b, "");
	wait_until(b, has_reports);
	buf_reset(&b->reports);
	b->reconciled = 0;
}

/* ---- cases ---- */

/* 8811-2-01 */
static void
it_starts_with_a_synchronisation(void **state)
{
	struct bench *b = *state;
	struct filter f = filter_of(1);

	b->m->ops->sync(b->m, &f, 1);
	await_sync(b);
	assert_int_equal(b->hellos, 1);
	assert_int_equal(b->msg.n_added, 1);
	assert_int_equal(b->msg.added[0].id, 1);
	expect_reports(b, ""); /* not before the helper has done it */
	assert_int_equal(b->reconciled, 0);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "+1 ");
	assert_int_equal(b->reconciled, 1);
}

/* 8811-2.2.2-21 */
static void
changes_of_a_turn_are_one_commit(void **state)
{
	struct bench *b = *state;
	struct flow flow = {
		.protocol = FLOW_TCP, .server = {.addr = {4, {192, 0, 2, 9}}, .port = 4646}};

	install_two(b);
	start(b, 3);
	start(b, 4);
	stop(b, 4); /* never reaches the helper */
	stop(b, 1);
	stop(b, 99);
	b->m->ops->flows(b->m, "acme", &flow, 1);
	await_commit(b);
	assert_int_equal(b->msg.n_added, 1);
	assert_int_equal(b->msg.added[0].id, 3);
	assert_int_equal(b->msg.n_removed, 1);
	assert_int_equal(b->msg.removed[0], 1);
	assert_int_equal(b->msg.n_flows, 1);
	assert_int_equal(b->msg.flows[0].n, 1);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "-1 +3 ");
}

static void
an_id_that_comes_back_is_removed_and_installed(void **state)
{
	struct bench *b = *state;

	install_two(b);
	stop(b, 1);
	start(b, 1);
	await_commit(b);
	assert_int_equal(b->msg.n_added, 1);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "-1 +1 ");
}

static void
a_change_under_way_holds_back_the_next(void **state)
{
	struct bench *b = *state;
	struct filter other = filter_of(3);

	install_two(b);
	start(b, 3);
	await_commit(b);
	other.n_ports = 1;
	b->m->ops->start(b->m, &other); /* replaced while under way */
	start(b, 4);
	helper_done(b, "");
	await_commit(b);
	expect_reports(b, ""); /* what was installed is not what is wanted by now */
	assert_int_equal(b->msg.n_added, 2);
	helper_done(b, "");
	wait_until(b, has_reports);
	assert_int_equal(b->reports.len, strlen("+3 +4 "));
	assert_int_equal(b->commits, 0);
}

/* 8811-2.1-09 */
static void
a_lost_helper_is_told_once_and_synchronised_when_it_is_back(void **state)
{
	struct bench *b = *state;

	install_two(b);
	start(b, 3);
	stop(b, 1);
	await_commit(b); /* dies before it answers */
	helper_dies(b);
	wait_until(b, is_lost);
	stop(b, 2);
	start(b, 5);
	start(b, 6);
	stop(b, 6);
	helper_starts(b);
	await_sync(b);
	assert_int_equal(b->lost, 1);
	assert_int_equal(b->hellos, 2);
	assert_int_equal(b->msg.n_added, 2);
	expect_reports(b, "");
	helper_done(b, "");
	wait_until(b, is_reconciled);
	assert_non_null(strstr(buf_text(&b->reports), "-1 "));
	assert_non_null(strstr(buf_text(&b->reports), "-2 "));
	assert_non_null(strstr(buf_text(&b->reports), "+3 "));
	assert_non_null(strstr(buf_text(&b->reports), "+5 "));
	assert_int_equal(b->reports.len, strlen("-1 -2 +3 +5 "));
}

static void
a_refused_change_is_told_once_and_tried_again(void **state)
{
	struct bench *b = *state;

	install_two(b);
	start(b, 3);
	await_commit(b);
	helper_done(b, "no room");
	wait_until(b, has_reports);
	expect_reports(b, "!3:no room ");
	start(b, 4); /* waits for the synchronisation */
	await_sync(b);
	assert_int_equal(b->commits, 0);
	assert_int_equal(b->msg.n_added, 4);
	helper_done(b, "no room");
	await_sync(b);
	expect_reports(b, "!4:no room "); /* 1 and 2 are there as they were */
	helper_done(b, "");
	wait_until(b, has_reports);
	assert_int_equal(b->reports.len, strlen("+3 +4 "));
	assert_int_equal(b->lost, 0);
}

/* 8811-2.2.2-23 */
static void
counters_are_asked_for_and_reported(void **state)
{
	struct bench *b = *state;
	struct filter_value values[] = {{1, 7, 700}, {2, 0, 0}, {88, 1, 1}};

	install_two(b);
	wait_until(b, has_question);
	helper_says(
		b, &(struct filter_msg){.op = FILTER_OP_VALUES, .values = values, .n_values = 3});
	wait_until(b, has_reports);
	expect_reports(b, "#1:7/700 #2:0/0 ");
	assert_int_equal(b->syncs, 0);
}

static void
filters_removed_behind_our_back_are_put_there_again(void **state)
{
	struct bench *b = *state;
	struct filter_value values[] = {{2, 0, 0}};

	install_two(b);
	wait_until(b, has_question);
	helper_says(
		b, &(struct filter_msg){.op = FILTER_OP_VALUES, .values = values, .n_values = 1});
	await_sync(b);
	expect_reports(b, "#2:0/0 ");
	assert_int_equal(b->msg.n_added, 2);
	helper_done(b, "");
	wait_until(b, is_reconciled);
	expect_reports(b, "+1 ");
}

/* ---- ACLs ---- */

static struct acl_rule acl_rules[2];

/* Rules 1 and 2 of a client, or none. */
static struct acl_set
acls_of(const char *client, size_t n)
{
	for (size_t i = 0; i < 2; i++)
		acl_rules[i] = (struct acl_rule){.id = i + 1,
			.source_ports = {0, 65535, false},
			.destination_ports = {0, 65535, false}};
	filter_of(1);
	return (struct acl_set){client, &target, 1, acl_rules, n};
}

static void
put_acls(struct bench *b, const char *client, size_t n)
{
	struct acl_set set = acls_of(client, n);

	b->m->ops->acls(b->m, &set);
}

/* With the two filters, and ACLs of acme. */
static void
install_acls(struct bench *b)
{
	install_two(b);
	put_acls(b, "acme", 2);
	await_commit(b);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "acme=done ");
}

static void
acls_of_before_the_loop_runs_belong_to_the_synchronisation(void **state)
{
	struct bench *b = *state;
	struct flow flow = {
		.protocol = FLOW_TCP, .server = {.addr = {4, {192, 0, 2, 9}}, .port = 4646}};

	b->m->ops->sync(b->m, NULL, 0);
	b->m->ops->flows(b->m, "acme", &flow, 1);
	put_acls(b, "acme", 2);
	await_sync(b);
	assert_int_equal(b->msg.n_acls, 1);
	assert_string_equal(b->msg.acls[0].client, "acme");
	assert_int_equal(b->msg.acls[0].n_rules, 2);
	assert_int_equal(b->msg.acls[0].n_scope, 1);
	assert_int_equal(b->msg.n_flows, 1); /* its sessions are to pass */
	expect_reports(b, "");
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "acme=done ");
}

static void
acls_replace_those_of_their_client_and_are_told_when_done(void **state)
{
	struct bench *b = *state;
	struct flow flow = {
		.protocol = FLOW_TCP, .server = {.addr = {4, {192, 0, 2, 9}}, .port = 4646}};

	install_acls(b);
	b->m->ops->flows(b->m, "beta", &flow, 1);
	put_acls(b, "acme", 1);
	put_acls(b, "beta", 2);
	await_commit(b);
	assert_int_equal(b->msg.n_acls, 2);
	assert_int_equal(b->msg.n_flows, 1);
	assert_string_equal(b->msg.flows[0].client, "beta");
	assert_int_equal(b->msg.flows[0].n, 1);
	put_acls(b, "beta", 1); /* while the change is under way */
	helper_done(b, "");
	await_commit(b);
	expect_reports(b, "acme=done ");
	assert_int_equal(b->msg.n_acls, 1);
	assert_int_equal(b->msg.acls[0].n_rules, 1);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "beta=done ");
	put_acls(b, "beta", 0);
	await_commit(b);
	assert_int_equal(b->msg.acls[0].n_rules, 0);
	assert_int_equal(b->msg.n_flows, 1); /* nothing hits its sessions any more */
	assert_int_equal(b->msg.flows[0].n, 0);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "beta=done ");
	assert_int_equal(b->commits, 0);
}

static void
put_one_acl(struct bench *b)
{
	put_acls(b, "acme", 1);
}

static void
acls_may_be_changed_by_who_is_told_of_them(void **state)
{
	static const char *const answers[] = {"", "no room"};
	struct bench *b = *state;

	install_two(b);
	for (size_t i = 0; i < 2; i++) {
		put_acls(b, "acme", 2);
		await_commit(b);
		b->on_told = put_one_acl;
		helper_done(b, answers[i]);
		wait_until(b, has_reports);
		expect_reports(b, *answers[i] ? "acme=no room " : "acme=done ");
		if (*answers[i])
			await_sync(b);
		else
			await_commit(b);
		assert_int_equal(b->msg.acls[0].n_rules, 1);
		helper_done(b, "");
		wait_until(b, has_reports);
		expect_reports(b, "acme=done ");
	}
}

static void
acls_that_are_refused_are_told_once_and_tried_again(void **state)
{
	struct bench *b = *state;

	install_two(b);
	put_acls(b, "acme", 2);
	await_commit(b);
	helper_done(b, "no room");
	wait_until(b, has_reports);
	expect_reports(b, "acme=no room ");
	await_sync(b);
	assert_int_equal(b->msg.n_acls, 1);
	helper_done(b, "no room");
	await_sync(b);
	expect_reports(b, "");
	put_acls(b, "acme", 0); /* not even wanted any more */
	helper_done(b, "");
	await_commit(b);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "acme=done ");
}

static void
acls_that_cannot_be_carried_are_refused_and_take_the_old_ones_away(void **state)
{
	struct bench *b = *state;
	struct acl_set set;

	install_acls(b);
	set = acls_of("acme", 2);
	acl_rules[1].id = 0;
	b->m->ops->acls(b->m, &set);
	expect_reports(b, "");
	await_commit(b);
	expect_reports(b, "acme=a rule without id ");
	assert_int_equal(b->msg.n_acls, 1);
	assert_int_equal(b->msg.acls[0].n_rules, 0);
	start(b, 3);
	helper_done(b, "");
	await_commit(b);
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "+3 "); /* it was told before */
	/* One that nothing stands of costs the helper nothing. */
	b->m->ops->acls(b->m, &set);
	wait_until(b, has_reports);
	expect_reports(b, "acme=a rule without id ");
	assert_int_equal(b->commits, 0);
}

static void
rules_of_all_clients_are_limited(void **state)
{
	enum { SETS = FILTER_PROTO_RULES_MAX / FILTER_PROTO_ACL_RULES_MAX };
	struct bench *b = *state;
	struct acl_rule *rules = mem_array(FILTER_PROTO_ACL_RULES_MAX, sizeof(*rules));
	struct acl_set set = {"", &target, 1, rules, FILTER_PROTO_ACL_RULES_MAX};
	char client[16];
	uint64_t id = 0;

	install_two(b);
	for (size_t i = 0; i <= SETS; i++) {
		for (size_t k = 0; k < set.n_rules; k++) {
			rules[k] = (struct acl_rule){.id = ++id, .source_ports = {0, 65535, false}};
			rules[k].destination_ports = rules[k].source_ports;
		}
		snprintf(client, sizeof(client), "c%zu", i);
		set.client = client;
		b->m->ops->acls(b->m, &set);
	}
	await_commit(b);
	assert_int_equal(b->msg.n_acls, SETS);
	snprintf(client, sizeof(client), "c%d=", SETS);
	assert_memory_equal(buf_text(&b->reports), client, strlen(client));
	assert_non_null(strstr(buf_text(&b->reports), "too many rules of ACLs"));
	free(rules);
}

static void
clients_with_acls_are_limited(void **state)
{
	struct bench *b = *state;
	char client[16];

	install_two(b);
	for (size_t i = 0; i <= FILTER_PROTO_ACL_SETS_MAX; i++) {
		snprintf(client, sizeof(client), "c%zu", i);
		put_acls(b, client, 1);
	}
	await_commit(b);
	assert_int_equal(b->msg.n_acls, FILTER_PROTO_ACL_SETS_MAX);
	expect_reports(b, "c10000=too many clients with ACLs ");
	put_acls(b, "c10000", 0); /* on its way out, and no room for another one */
	put_acls(b, "c10001", 1);
	helper_done(b, "");
	await_commit(b);
	assert_int_equal(b->msg.n_acls, 1);
	assert_non_null(strstr(buf_text(&b->reports), "c10001=too many clients with ACLs "));
}

/* With as many prefixes as one may have, each takes some tens of kilobytes. */
static void
acls_are_limited_by_what_fits_one_synchronisation(void **state)
{
	struct bench *b = *state;
	struct prefix *scope = mem_array(FILTER_PROTO_ACL_SCOPE_MAX, sizeof(*scope));
	struct acl_set set = acls_of("", 1);
	char client[16];
	size_t fit, size;

	install_two(b);
	for (size_t i = 0; i < FILTER_PROTO_ACL_SCOPE_MAX; i++)
		scope[i] = target;
	set.scope = scope;
	set.n_scope = FILTER_PROTO_ACL_SCOPE_MAX;
	set.client = "c100";
	size = filter_proto_acls_size(&set);
	fit = FILTER_PROTO_ACL_BYTES_MAX / size;
	for (size_t i = 0; i <= fit; i++) {
		snprintf(client, sizeof(client), "c%zu", 100 + i);
		set.client = client;
		b->m->ops->acls(b->m, &set);
	}
	await_commit(b);
	assert_int_equal(b->msg.n_acls, fit);
	assert_non_null(strstr(buf_text(&b->reports), "would not fit one synchronisation"));
	free(scope);
}

static void
counters_of_rules_are_reported_while_they_are_in_force(void **state)
{
	struct bench *b = *state;
	struct filter_value values[] = {{1, 0, 0}, {2, 0, 0}};
	struct filter_value rules[] = {{1, 7, 700}, {2, 8, 800}, {88, 1, 1}};

	install_acls(b);
	wait_until(b, has_question);
	helper_says(b, &(struct filter_msg){.op = FILTER_OP_VALUES,
			       .values = values,
			       .n_values = 2,
			       .rules = rules,
			       .n_rules = 3});
	wait_until(b, has_reports);
	expect_reports(b, "#1:0/0 #2:0/0 ~1:7/700 ~2:8/800 ");
	assert_int_equal(b->syncs, 0);
}

static void
acls_removed_behind_our_back_are_put_there_again(void **state)
{
	struct bench *b = *state;
	struct filter_value values[] = {{1, 0, 0}, {2, 0, 0}}, rules[] = {{2, 8, 800}};

	install_acls(b);
	wait_until(b, has_question);
	helper_says(b, &(struct filter_msg){.op = FILTER_OP_VALUES,
			       .values = values,
			       .n_values = 2,
			       .rules = rules,
			       .n_rules = 1});
	await_sync(b);
	expect_reports(b, "#1:0/0 #2:0/0 ~2:8/800 ");
	assert_int_equal(b->msg.n_acls, 1);
	helper_done(b, "");
	wait_until(b, is_reconciled);
	expect_reports(b, "acme=done ");
}

static void
acls_alone_are_asked_for(void **state)
{
	struct bench *b = *state;

	b->m->ops->sync(b->m, NULL, 0);
	put_acls(b, "acme", 1);
	await_sync(b);
	helper_done(b, "");
	wait_until(b, has_question);
}

static void
a_filter_that_cannot_be_carried_is_refused_alone(void **state)
{
	struct bench *b = *state;
	struct filter wide = filter_of(3);

	install_two(b);
	wide.n_prefixes = FILTER_PROTO_PREFIXES_MAX + 1;
	wide.prefixes = mem_array(wide.n_prefixes, sizeof(*wide.prefixes));
	for (size_t i = 0; i < wide.n_prefixes; i++)
		((struct prefix *)wide.prefixes)[i] = target;
	b->m->ops->start(b->m, &wide);
	free((void *)wide.prefixes);
	start(b, 4);
	await_commit(b);
	assert_int_equal(b->msg.n_added, 1);
	expect_reports(b, "!3:a count is out of range ");
	helper_done(b, "");
	wait_until(b, has_reports);
	expect_reports(b, "+4 ");
}

/* Filters of 4096 prefixes each, more than a frame takes. */
static void
what_one_synchronisation_cannot_carry_is_refused(void **state)
{
	enum { MANY = 700 };
	struct bench *b = *state;
	struct filter wide = filter_of(1);
	struct prefix *prefixes = mem_array(FILTER_PROTO_PREFIXES_MAX, sizeof(*prefixes));
	unsigned refused;

	for (size_t i = 0; i < FILTER_PROTO_PREFIXES_MAX; i++)
		prefix_parse("2001:db8::1/128", &prefixes[i]);
	wide.n_prefixes = FILTER_PROTO_PREFIXES_MAX;
	wide.prefixes = prefixes;
	b->m->ops->sync(b->m, &wide, 1);
	for (wide.id = 2; wide.id <= MANY; wide.id++)
		b->m->ops->start(b->m, &wide);
	await_sync(b);
	refused = MANY - (unsigned)b->msg.n_added;
	assert_in_range(refused, 1, MANY / 8);
	assert_int_equal(b->n_failed, refused);
	for (size_t i = 0; i < b->msg.n_added; i++)
		assert_in_range(b->msg.added[i].id, 1, MANY - refused);
	helper_done(b, "");
	wait_until(b, is_reconciled);
	stop(b, 1); /* now there is room for one */
	b->m->ops->start(b->m, &wide);
	await_commit(b);
	assert_int_equal(b->msg.n_added, 1);
	assert_int_equal(b->n_failed, refused);
	free(prefixes);
}

/* What stands for a client in the kernel costs each of its packets nothing, but each of so many
 * clients something. */
static void
flows_come_and_go_with_the_filters_of_their_client(void **state)
{
	struct bench *b = *state;
	struct flow flow = {
		.protocol = FLOW_UDP, .server = {.addr = {4, {192, 0, 2, 9}}, .port = 4646}};

	b->m->ops->flows(b->m, "acme", &flow, 1);
	b->m->ops->flows(b->m, "beta", &flow, 1);
	b->m->ops->sync(b->m, NULL, 0);
	await_sync(b);
	assert_int_equal(b->msg.n_flows, 0);
	helper_done(b, "");
	start(b, 1);
	await_commit(b);
	assert_int_equal(b->msg.n_added, 1);
	assert_int_equal(b->msg.n_flows, 1); /* in the same change */
	assert_string_equal(b->msg.flows[0].client, "acme");
	assert_int_equal(b->msg.flows[0].n, 1);
	helper_done(b, "");
	start(b, 2);
	await_commit(b);
	assert_int_equal(b->msg.n_flows, 0); /* they are there */
	helper_done(b, "");
	stop(b, 1);
	await_commit(b);
	assert_int_equal(b->msg.n_flows, 0);
	helper_done(b, "");
	stop(b, 2);
	await_commit(b);
	assert_int_equal(b->msg.n_flows, 1);
	assert_int_equal(b->msg.flows[0].n, 0);
}

static void
flows_that_one_synchronisation_cannot_carry_are_left_out(void **state)
{
	enum { CLIENTS = 70 };
	struct bench *b = *state;
	struct flow *flows = mem_array(FILTER_PROTO_FLOWS_MAX + 1, sizeof(*flows));
	size_t full = 0, none = 0;
	char name[16];
	struct prefix mine;
	struct filter f = {.client = name, .prefixes = &mine, .n_prefixes = 1};

	prefix_parse("198.51.100.1/32", &mine);
	for (size_t i = 0; i <= FILTER_PROTO_FLOWS_MAX; i++)
		flows[i] = (struct flow){.protocol = FLOW_UDP,
			.server = {.addr = {.family = 6}, .port = 4646},
			.client = {.addr = {.family = 6}, .port = (uint16_t)i}};
	for (int i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof(name), "client%d", i);
		b->m->ops->flows(b->m, name, flows, FILTER_PROTO_FLOWS_MAX + 1);
		b->m->ops->flows(b->m, name, flows, FILTER_PROTO_FLOWS_MAX + 1);
		f.id = (uint64_t)i + 1;
		b->m->ops->start(b->m, &f);
	}
	b->m->ops->sync(b->m, NULL, 0);
	await_sync(b);
	for (size_t i = 0; i < b->msg.n_flows; i++) {
		full += b->msg.flows[i].n == FILTER_PROTO_FLOWS_MAX;
		none += b->msg.flows[i].n == 0;
	}
	assert_int_equal(full + none, CLIENTS);
	assert_in_range(none, 1, CLIENTS / 2);
	free(flows);
}

/* No synchronisation gets through while filters come and go. */
static void
removals_that_wait_are_limited(void **state)
{
	enum { MANY = FILTER_PROTO_FILTERS_MAX };
	struct bench *b = *state;
	struct filter f = filter_of(1);

	b->m->ops->sync(b->m, &f, 1);
	for (uint64_t id = 2; id <= MANY; id++)
		start(b, id);
	await_sync(b);
	helper_done(b, "not now");
	wait_until(b, has_failed);
	for (uint64_t id = 1; id <= MANY; id++)
		stop(b, id);
	start(b, MANY + 1);
	await_sync(b);
	helper_done(b, "not now");
	b->n_failed = 0;
	wait_until(b, has_failed);
	stop(b, MANY + 1); /* one more than is noted */
	start(b, MANY + 2);
	await_sync(b);
	assert_int_equal(b->msg.n_added, 1);
	helper_done(b, "");
	wait_until(b, is_reconciled);
	assert_int_equal(b->n_removed, MANY);
	start(b, MANY + 3); /* it goes on */
	await_commit(b);
	assert_int_equal(b->msg.n_removed, 0);
}

static void
a_helper_that_talks_rubbish_is_left_and_tried_again(void **state)
{
	static const uint8_t rubbish[] = {77, 1, 2};
	struct bench *b = *state;

	install_two(b);
	assert_int_equal(frame_send(b->conn, rubbish, sizeof(rubbish), -1), 0);
	wait_until(b, is_lost);
	await_sync(b);
	assert_int_equal(b->hellos, 2);
	helper_done(b, "");
	wait_until(b, is_reconciled);
	helper_done(b, ""); /* nobody asked */
	b->lost = 0;
	wait_until(b, is_lost);
	await_sync(b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_starts_with_a_synchronisation),
		CASE(changes_of_a_turn_are_one_commit),
		CASE(an_id_that_comes_back_is_removed_and_installed),
		CASE(a_change_under_way_holds_back_the_next),
		CASE(a_lost_helper_is_told_once_and_synchronised_when_it_is_back),
		CASE(a_refused_change_is_told_once_and_tried_again),
		CASE(counters_are_asked_for_and_reported),
		CASE(acls_of_before_the_loop_runs_belong_to_the_synchronisation),
		CASE(acls_replace_those_of_their_client_and_are_told_when_done),
		CASE(acls_may_be_changed_by_who_is_told_of_them),
		CASE(acls_that_are_refused_are_told_once_and_tried_again),
		CASE(acls_that_cannot_be_carried_are_refused_and_take_the_old_ones_away),
		CASE(rules_of_all_clients_are_limited),
		CASE(clients_with_acls_are_limited),
		CASE(acls_are_limited_by_what_fits_one_synchronisation),
		CASE(counters_of_rules_are_reported_while_they_are_in_force),
		CASE(acls_removed_behind_our_back_are_put_there_again),
		CASE(acls_alone_are_asked_for),
		CASE(filters_removed_behind_our_back_are_put_there_again),
		CASE(a_filter_that_cannot_be_carried_is_refused_alone),
		CASE(what_one_synchronisation_cannot_carry_is_refused),
		CASE(flows_come_and_go_with_the_filters_of_their_client),
		CASE(flows_that_one_synchronisation_cannot_carry_are_left_out),
		CASE(removals_that_wait_are_limited),
		CASE(a_helper_that_talks_rubbish_is_left_and_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
