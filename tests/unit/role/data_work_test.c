/*
 * What is large is done by a worker, in turns, and on nothing that has changed meanwhile. The loop
 * and its workers are real; HTTPS and the signal channel are stood in for.
 */
#include "../core/fixture.h"

#include <stdio.h>

#include "base/loop.h"
#include "role/data_state.h"
#include "standin/store.h"

enum { EXCHANGES_MAX = 16, LARGE = 200 };

struct https_exchange {
	struct https_request request;
	const char *client;
	unsigned status; /* 0: not answered */
	char *body;
};

static struct loop *loop;
static struct persist *store;
static struct clients *clients;
static struct data_server *server;
static struct server_data *channel;
static struct https_exchange exchanges[EXCHANGES_MAX];
static size_t n_exchanges;
static char order[64]; /* whose requests were answered, one after the other */
static struct peer_id acme, beta;

/* ---- HTTPS ---- */

static const struct https_ops *ops;
static void *ops_arg;

struct https *
https_new(struct loop *l, const struct https_config *cfg, const struct https_ops *o, void *arg,
	char *why, size_t cap)
{
	(void)l, (void)cfg, (void)why, (void)cap;
	ops = o;
	ops_arg = arg;
	return (struct https *)exchanges;
}

void
https_free(struct https *h)
{
	(void)h;
}

void
https_set_credentials(struct https *h, struct credentials *c)
{
	(void)h, (void)c;
}

void
https_judge(struct https *h)
{
	(void)h;
}

const char *
https_header(struct https_exchange *ex, const char *name)
{
	(void)ex;
	return strcmp(name, "Content-Type") ? NULL : "application/yang-data+json";
}

void
https_answer(struct https_exchange *ex, const struct https_answer *a)
{
	assert_int_equal(ex->status, 0);
	ex->status = a->status;
	ex->body = a->body ? mem_printf("%.*s", (int)a->len, a->body) : NULL;
	strcat(order, ex->client);
}

/* ---- the signal channel ---- */

void
server_attach_data(struct dots_server *s, struct server_data *data)
{
	(void)s;
	channel = data;
}

void
server_filter_changed(struct dots_server *s, const char *client, const char *cuid, const char *acl,
	enum activation_type type, bool by_signal)
{
	(void)s, (void)client, (void)cuid, (void)acl, (void)type, (void)by_signal;
}

bool
server_cuid_is_foreign(const struct dots_server *s, const char *client, const char *cuid)
{
	(void)s, (void)client, (void)cuid;
	return false;
}

bool
server_is_suspended(const struct dots_server *s, const char *client)
{
	(void)s, (void)client;
	return false;
}

/* ---- the world ---- */

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static struct clients *
clients_of(const char *other)
{
	struct clients *cs = clients_new();

	assert_null(clients_add(cs, make_client("acme", "acme.example", "192.0.2.0/24")));
	assert_null(clients_add(cs, make_client(other, "beta.example", "198.51.100.0/24")));
	return cs;
}

static struct data_server_setup
setup_of(const struct clients *cs)
{
	return (struct data_server_setup){.name = "s",
		.root = "/restconf",
		.policy = {10080, 10000, 1000, 100, 1000, 65536},
		.clients = cs};
}

/* ---- until something is so ---- */

static bool (*wanted)(void);

static bool
nothing_is_at_work(void)
{
	return !server->at_work;
}

static bool
all_are_answered(void)
{
	for (size_t i = 0; i < n_exchanges; i++)
		if (!exchanges[i].status)
			return false;
	return true;
}

static void
at_turn_end(void *arg)
{
	(void)arg;
	if (!wanted || !wanted())
		return;
	wanted = NULL; /* this is the end of the last turn, too */
	loop_stop(loop);
}

static void
too_late(void *arg)
{
	(void)arg;
	fail_msg("it does not come");
}

static void
wait_until(bool (*done)(void))
{
	struct timer *t = timer_new(loop, too_late, NULL);

	wanted = done;
	timer_after(t, 20000);
	if (!done())
		loop_run(loop);
	wanted = NULL;
	timer_free(t);
}

/* ---- requests ---- */

static struct https_exchange *
ask(const struct peer_id *peer, const char *method, const char *path, const char *body)
{
	struct https_exchange *ex = &exchanges[n_exchanges++];

	assert_true(n_exchanges <= EXCHANGES_MAX);
	ex->client = peer == &acme ? "a" : "b";
	ex->request = (struct https_request){.method = method,
		.path = path,
		.body = body ? body : "",
		.len = body ? strlen(body) : 0,
		.peer = peer};
	ops->request(ops_arg, ex, &ex->request);
	return ex;
}

static void
forget(void)
{
	for (size_t i = 0; i < n_exchanges; i++)
		free(exchanges[i].body);
	memset(exchanges, 0, sizeof(exchanges));
	n_exchanges = 0;
	order[0] = '\0';
}

static void
do_now(const struct peer_id *peer, const char *method, const char *path, const char *body,
	unsigned status)
{
	struct https_exchange *ex = ask(peer, method, path, body);

	wait_until(all_are_answered);
	assert_int_equal(ex->status, status);
	forget();
}

#define ROOT    "/restconf/data/ietf-dots-data-channel:dots-data"
#define ACME    ROOT "/dots-client=acme-cuid"
#define BETA    ROOT "/dots-client=beta-cuid"
#define ALIASES ACME "/aliases"
#define FILTER  ACME "/acls/acl=f"

/* As many as make a request large. */
static char aliases_of_acme[LARGE * 96], aliases_of_beta[LARGE * 96], filter[LARGE * 256];

static void
write_aliases(char *to, const char *network)
{
	to += sprintf(to, "{\"ietf-dots-data-channel:aliases\": {\"alias\": [");
	for (int i = 0; i < LARGE; i++)
		to += sprintf(to, "%s{\"name\": \"n%03d\", \"target-prefix\": [\"%s.%d/32\"]}",
			i ? "," : "", i, network, i);
	sprintf(to, "]}}");
}

static void
write_filter(char *to)
{
	to += sprintf(to, "{\"ietf-dots-data-channel:acl\": [{\"name\": \"f\", \"type\": "
			  "\"ipv4-acl-type\", \"activation-type\": \"deactivate\", \"aces\": "
			  "{\"ace\": [");
	for (int i = 0; i < LARGE; i++)
		to += sprintf(to,
			"%s{\"name\": \"r%d\", \"matches\": {\"ipv4\": {\"source-ipv4-network\": "
			"\"203.0.113.%d/32\", \"destination-ipv4-network\": \"192.0.2.0/24\"}}, "
			"\"actions\": {\"forwarding\": \"drop\"}}",
			i ? "," : "", i, i);
	sprintf(to, "]}}]}");
}

static void
enrol(const struct peer_id *peer, const char *cuid)
{
	char body[128];

	sprintf(body, "{\"ietf-dots-data-channel:dots-client\": [{\"cuid\": \"%s\"}]}", cuid);
	do_now(peer, "POST", ROOT, body, 201);
}

static int
set_up(void **state)
{
	struct data_server_setup setup;
	char why[128];

	(void)state;
	acme = (struct peer_id){.name = "acme.example", .names = {"acme.example"}, .n_names = 1};
	beta = (struct peer_id){.name = "beta.example", .names = {"beta.example"}, .n_names = 1};
	loop = loop_new();
	loop_at_turn_end(loop, at_turn_end, NULL);
	store = standin_store_new(loop);
	clients = clients_of("beta");
	setup = setup_of(clients);
	server = data_server_new(loop, store, &setup, NULL, NULL, 0, NULL, why, sizeof(why));
	assert_non_null(server);
	data_server_start(server);
	write_aliases(aliases_of_acme, "192.0.2");
	write_aliases(aliases_of_beta, "198.51.100");
	write_filter(filter);
	enrol(&acme, "acme-cuid");
	enrol(&beta, "beta-cuid");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	data_server_free(server);
	standin_store_free(store);
	loop_free(loop);
	clients_free(clients);
	forget();
	return 0;
}

/* ---- tests ---- */

static void
what_is_small_is_done_at_once(void **state)
{
	(void)state;
	assert_int_equal(ask(&acme, "GET", ACME, NULL)->status, 200);
	assert_null(server->at_work);
}

static void
what_is_large_is_done_beside_the_loop(void **state)
{
	struct https_exchange *large, *small;

	(void)state;
	large = ask(&acme, "PUT", ALIASES, aliases_of_acme);
	small = ask(&beta, "GET", BETA, NULL);
	assert_int_equal(small->status, 200); /* meanwhile */
	assert_int_equal(large->status, 0);
	wait_until(all_are_answered);
	assert_int_equal(large->status, 204);
	forget();
	large = ask(&acme, "GET", ALIASES, NULL);
	assert_int_equal(large->status, 0);
	wait_until(all_are_answered);
	assert_int_equal(large->status, 200);
	assert_non_null(strstr(large->body, "\"n199\""));
}

/* RFC 8783 10: one client does not keep the others waiting. */
static void
clients_take_turns(void **state)
{
	(void)state;
	do_now(&acme, "PUT", ALIASES, aliases_of_acme, 204);
	do_now(&beta, "PUT", BETA "/aliases", aliases_of_beta, 204);
	for (int i = 0; i < 4; i++)
		ask(&acme, "GET", ALIASES, NULL);
	for (int i = 0; i < 2; i++)
		ask(&beta, "GET", BETA, NULL);
	wait_until(all_are_answered);
	assert_in_range(strrchr(order, 'b') - order, 3, 4); /* not behind all four */
}

static const char one_more_rule[] =
	"{\"ietf-dots-data-channel:acl\": [{\"name\": \"f\", \"aces\": {\"ace\": [{\"name\": "
	"\"one-more\", "
	"\"matches\": {\"ipv4\": {\"destination-ipv4-network\": \"192.0.2.7/32\"}}, "
	"\"actions\": {\"forwarding\": \"accept\"}}]}}]}";

static void
switch_filter(enum activation_type type)
{
	assert_true(channel->ops->activate(channel, "acme-cuid", "f", type, NULL));
}

/* What the signal channel has switched meanwhile (RFC 9133 3.2.1) stays so. */
static void
what_has_changed_meanwhile_is_kept(void **state)
{
	struct https_exchange *ex;

	(void)state;
	do_now(&acme, "PUT", FILTER, filter, 201);
	ex = ask(&acme, "PATCH", FILTER, one_more_rule);
	assert_int_equal(ex->status, 0);
	switch_filter(ACTIVATE_IMMEDIATE);
	wait_until(all_are_answered);
	assert_int_equal(ex->status, 204);
	ex = ask(&acme, "GET", FILTER, NULL);
	wait_until(all_are_answered);
	assert_non_null(strstr(ex->body, "\"activation-type\":\"immediate\""));
	assert_non_null(strstr(ex->body, "\"one-more\""));
}

static void
switch_again(void *arg)
{
	static bool on;

	(void)arg;
	if (server->at_work && server->at_work->edits) {
		on = !on;
		switch_filter(on ? ACTIVATE_IMMEDIATE : DEACTIVATE);
	}
}

static void
what_changes_each_time_is_given_up(void **state)
{
	struct https_exchange *ex;

	(void)state;
	do_now(&acme, "PUT", FILTER, filter, 201);
	loop_at_turn_end(loop, switch_again, NULL);
	ex = ask(&acme, "PATCH", FILTER, one_more_rule);
	switch_again(NULL);
	wait_until(all_are_answered);
	assert_int_equal(ex->status, 409);
	assert_non_null(strstr(ex->body, "\"in-use\""));
	assert_null(server->at_work);
}

/* Before its answer: nothing is said any more, and nothing is changed. */
static void
who_goes_away_is_forgotten(void **state)
{
	struct https_exchange *at_work, *waiting, *other;

	(void)state;
	at_work = ask(&acme, "PUT", ALIASES, aliases_of_acme);
	waiting = ask(&acme, "PUT", ALIASES, aliases_of_acme);
	other = ask(&beta, "PUT", BETA "/aliases", aliases_of_beta);
	ops->gone(ops_arg, waiting);
	ops->gone(ops_arg, at_work);
	/* What was its memory may be another one's. */
	assert_ptr_not_equal(server->at_work->body, at_work->request.body);
	memset(aliases_of_acme, 'x', sizeof(aliases_of_acme));
	at_work->status = waiting->status = 1;
	wait_until(all_are_answered);
	assert_int_equal(other->status, 204);
	assert_string_equal(order, "b");
	at_work->status = waiting->status = 0;
	n_exchanges = 0;
	order[0] = '\0';
	other = ask(&acme, "GET", ALIASES, NULL);
	assert_null(strstr(other->body, "n000"));
}

/* Under the configuration that there is when it is done. */
static void
a_reload_begins_anew(void **state)
{
	struct clients *old = clients;
	struct data_server_setup setup;
	struct https_exchange *ours, *theirs;

	(void)state;
	do_now(&beta, "PUT", BETA "/aliases", aliases_of_beta, 204);
	theirs = ask(&beta, "GET", BETA, NULL);
	ours = ask(&acme, "PUT", ALIASES, aliases_of_acme);
	clients = clients_of("somebody");
	setup = setup_of(clients);
	data_server_reload(server, &setup);
	clients_free(old);
	wait_until(all_are_answered);
	assert_int_equal(ours->status, 204);
	assert_int_equal(theirs->status, 404); /* it was beta's, which is no more */
}

static void
what_is_at_work_when_the_server_ends_comes_to_nothing(void **state)
{
	struct data_server_setup setup = setup_of(clients);
	char why[128];

	(void)state;
	ask(&acme, "PUT", ALIASES, aliases_of_acme);
	ask(&beta, "PUT", BETA "/aliases", aliases_of_beta);
	data_server_free(server);
	forget();
	server = data_server_new(loop, store, &setup, NULL, NULL, 0, NULL, why, sizeof(why));
	data_server_start(server);
	do_now(&acme, "PUT", ALIASES, aliases_of_acme, 204);
	wait_until(nothing_is_at_work);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_small_is_done_at_once),
		CASE(what_is_large_is_done_beside_the_loop),
		CASE(clients_take_turns),
		CASE(what_has_changed_meanwhile_is_kept),
		CASE(what_changes_each_time_is_given_up),
		CASE(who_goes_away_is_forgotten),
		CASE(a_reload_begins_anew),
		CASE(what_is_at_work_when_the_server_ends_comes_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
