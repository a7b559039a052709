/* Filters by signal (RFC 9133): our client and a server that does with them as it likes, and a
 * gateway that passes them on. */
#include "behind.h"

#include <stdio.h>

#include "role/server.h"

enum { FAILED_S = 30 };

/* ---- what is on record over data channels ---- */

static const char *
acl_at(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	const char *there = arg; /* of whom: "" ours, "c1/<cuid>" */

	if (domain != 0 || strncmp(asker, there, strlen(there)) != 0 || (!*there && *asker))
		return NULL;
	return !strcmp(acl, "f") ? (*there ? "f-at-isp1" : "f") : NULL;
}

static unsigned looks;

static void
missing(void *arg, uint32_t domain)
{
	(void)arg;
	looks += domain == 0;
}

static void
record(struct customer *us, const char *whose)
{
	dots_client_on_acl(us->client,
		&(struct client_records){{acl_at, NULL, (void *)(uintptr_t)whose}, missing});
}

/* ---- a client ---- */

struct ours {
	struct script s1;
	struct customer us;
};

static int
setup(void **state)
{
	static const char *const domains[] = {"isp1 wan1 192.0.2.64/26 s1"};
	struct ours *x = mem_new(sizeof(*x));

	looks = 0;
	virtual_start();
	script_make(&x->s1, "s1", "192.0.2.10");
	x->s1.status = ATTACK_MITIGATION_IN_PROGRESS;
	customer_make(&x->us, domains, 1);
	virtual_link(x->us.loop, "wan1", "192.0.2.65/26");
	customer_address(&x->us, "s1", "192.0.2.10");
	customer_start(&x->us);
	record(&x->us, "");
	UNTIL(1 * S, !strcmp(customer_server(&x->us, "s1"), "available"));
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct ours *x = *state;

	customer_free(&x->us);
	script_free(&x->s1);
	virtual_end();
	free(x);
	return 0;
}

static int
control(struct ours *x, enum activation_type type)
{
	struct acl_entry e = {.has = 1ULL << ACL_NAME | 1ULL << ACL_ACTIVATION_TYPE,
		.acl_name = (char *)(uintptr_t) "f",
		.activation_type = type};
	char why[WISH_WHY_MAX];
	int error = wishes_control(dots_client_wishes(x->us.client), "w", &e, 1, virtual_now(),
		loop_wall(), why, sizeof(why));

	dots_client_run(x->us.client);
	return error;
}

static enum control_state
control_state(struct ours *x)
{
	return customer_part(&x->us, "w", 0).control;
}

static void
stand(struct ours *x)
{
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	UNTIL(1 * S, customer_state(&x->us, "w", 0) == WISH_PLACED);
}

/* 9133-4.2-01, 9133-4.3-01, 9133-3.2.1-12, 9133-3.2.1-13 */
static void
a_filter_is_switched_while_a_request_stands(void **state)
{
	struct ours *x = *state;

	stand(x);
	assert_int_equal(x->s1.acl_puts, 0);
	assert_int_equal(control(x, ACTIVATE_IMMEDIATE), 0);
	UNTIL(1 * S, control_state(x) == CONTROL_DONE);
	assert_string_equal(x->s1.asked_acls, "f=immediate");
	UNTIL(10 * S, x->s1.observed_mid == customer_part(&x->us, "w", 0).mid);
	assert_int_equal(control(x, DEACTIVATE), 0);
	UNTIL(1 * S, control_state(x) == CONTROL_DONE);
	assert_string_equal(x->s1.asked_acls, "f=deactivate");
	assert_int_equal(x->s1.puts, 3);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(virtual_events(EVENT_FILTER_CONTROL, "acls=f=deactivate"), 1);
	assert_int_equal(virtual_events(EVENT_SENT, "kind=filters"), 2);
	virtual_run(2 * HOUR);
	assert_true(x->s1.puts > 3); /* refreshed */
	assert_int_equal(x->s1.acl_puts, 2);
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 0);
}

/* 9133-3.2.1-26, 9133-3.2.1-27 */
static void
failed_filters_are_left_out_and_tried_again(void **state)
{
	struct ours *x = *state;
	mono_ms failed;
	uint32_t mid;

	stand(x);
	mid = customer_part(&x->us, "w", 0).mid;
	x->s1.fails_acls = true;
	x->s1.max_age = FAILED_S;
	control(x, DEACTIVATE);
	UNTIL(1 * S, x->s1.puts == 3);
	failed = virtual_now();
	assert_string_equal(x->s1.asked_acls, "");
	UNTIL(1 * S, customer_part(&x->us, "w", 0).mid &&
			     customer_part(&x->us, "w", 0).control == CONTROL_LATER);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	UNTIL(1 * S, customer_part(&x->us, "w", 0).mid == mid + 2); /* and not the first again */
	assert_int_equal(virtual_events(EVENT_ALERT, ""), 1);
	x->s1.fails_acls = false;
	x->s1.max_age = 0;
	UNTIL(60 * S, x->s1.acl_puts == 2);
	assert_true(virtual_now() - failed >= FAILED_S * S - 1 * S);
	UNTIL(1 * S, control_state(x) == CONTROL_DONE);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(customer_wishes(&x->us), 1);
}

/* 9133-3.2.1-16, 9133-3.2.1-17 */
static void
a_refusal_of_filters_ends_nothing(void **state)
{
	struct ours *x = *state;

	stand(x);
	x->s1.put_acls = COAP_404_NOT_FOUND;
	control(x, DEACTIVATE);
	UNTIL(1 * S, control_state(x) == CONTROL_REFUSED);
	assert_int_equal(looks, 1);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	x->s1.put_acls = COAP_400_BAD_REQUEST;
	control(x, ACTIVATE_IMMEDIATE);
	UNTIL(1 * S, x->s1.acl_puts == 2 && control_state(x) == CONTROL_REFUSED);
	virtual_run(10 * S);
	control(x, DEACTIVATE);
	virtual_run(10 * S);
	assert_int_equal(x->s1.acl_puts, 2); /* that server is not told again */
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	virtual_run(2 * HOUR);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	assert_int_equal(x->s1.acl_puts, 2);
}

/* 9133-3.2.1-28; what comes from a server is told with its name escaped, and does nothing. */
static void
odd_lists_of_a_server_are_told_and_nothing_else(void **state)
{
	static const char *const odd[] = {"f=immediate", "f f=deactivate", "nobody=deactivate f",
		"a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7 8 9 0",
		"\x1b[2J=immediate"};
	struct ours *x = *state;
	unsigned puts;

	x->s1.acls = odd[0];
	stand(x);
	UNTIL(10 * S, virtual_events(EVENT_FILTER_CONTROL, "acls=f=immediate") == 1);
	assert_int_equal(customer_part(&x->us, "w", 0).n_changed, 1);
	puts = x->s1.puts;
	for (size_t i = 1; i < sizeof(odd) / sizeof(odd[0]); i++) {
		x->s1.acls = odd[i];
		script_notify(&x->s1, ATTACK_MITIGATION_IN_PROGRESS, 1000);
		virtual_run(20 * S);
		assert_int_equal(virtual_events(EVENT_FILTER_CONTROL, ""), i + 1);
		assert_true(customer_part(&x->us, "w", 0).n_changed <= CONTROLS_MAX);
		assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	}
	assert_int_equal(x->s1.acl_puts, 0);
	assert_true(x->s1.puts <= puts + 5);
}

/* ---- a gateway ---- */

/* Its data channel, as far as its signal channel asks. */
static const struct alias *
no_alias(struct server_data *d, const char *client, const char *cuid, const char *name)
{
	(void)d, (void)client, (void)cuid, (void)name;
	return NULL;
}

static bool
has_acl(struct server_data *d, const char *client, const char *cuid, const char *acl)
{
	(void)d, (void)client, (void)cuid;
	return !strcmp(acl, "f") || !strcmp(acl, "g");
}

static bool
activate(struct server_data *d, const char *cuid, const char *acl, enum activation_type type,
	enum activation_type *ret_before)
{
	(void)d, (void)cuid, (void)type;
	if (ret_before)
		*ret_before = DEACTIVATE;
	return !strcmp(acl, "f") || !strcmp(acl, "g");
}

static bool
is_installing(struct server_data *d, const char *client)
{
	(void)d, (void)client;
	return false;
}

static void
mitigating(struct server_data *d, const char *client, const char *cuid, bool on)
{
	(void)d, (void)client, (void)cuid, (void)on;
}

static const struct server_data_ops data_ops = {.alias = no_alias,
	.has_acl = has_acl,
	.activate = activate,
	.is_installing = is_installing,
	.mitigating = mitigating};
static struct server_data data = {&data_ops};

/* RFC 9133 3.2.1 at a gateway: by the name that it has upstream, with a mid of its own. */
static void
a_gateway_passes_filters_on(void **state)
{
	struct behind *x = *state;

	server_attach_data(x->gw.server, &data);
	record(&x->us, "c1/");
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	x->c1.acls = "f=deactivate";
	behind_put(x, 2, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	UNTIL(1 * S, x->s1.acl_puts == 1);
	assert_string_equal(x->s1.asked_acls, "f-at-isp1=deactivate");
	assert_int_equal(x->s1.puts, 2);
	assert_int_equal(x->s2.puts, 0);
	behind_put(x, 2, "192.0.2.66/32", 1 * S); /* said again */
	assert_int_equal(x->c1.code, COAP_204_CHANGED);
	virtual_run(10 * S);
	assert_int_equal(x->s1.acl_puts, 1);
	assert_int_equal(x->s1.deletes, 0);
	assert_int_equal(customer_wishes(&x->us), 1);
	x->c1.acls = "g=deactivate"; /* no provider has it */
	behind_put(x, 3, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_404_NOT_FOUND);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	x->c1.acls = "h=deactivate"; /* nor has the gateway */
	behind_put(x, 3, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_404_NOT_FOUND);
	server_attach_data(x->gw.server, NULL);
}

static void
filters_that_upstream_refuses_end_nothing_at_a_gateway(void **state)
{
	struct behind *x = *state;

	server_attach_data(x->gw.server, &data);
	record(&x->us, "c1/");
	x->s1.put_acls = COAP_400_BAD_REQUEST;
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	x->c1.acls = "f=deactivate";
	behind_put(x, 2, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	virtual_run(10 * S);
	assert_int_equal(x->s1.acl_puts, 1);
	assert_int_equal(provider_mitigations(&x->gw), 1);
	assert_int_equal(provider_mitigation(&x->gw, 2)->status, ATTACK_MITIGATION_IN_PROGRESS);
	assert_int_equal(virtual_events(EVENT_FILTER_CONTROL, "code=4.00"), 1);
	server_attach_data(x->gw.server, NULL);
}

/* Its own mitigators act on them: upstream is told of those that it has. */
static void
beside_mitigators_upstream_hears_of_what_it_has(void **state)
{
	struct behind *x = *state;

	server_attach_data(x->gw.server, &data);
	record(&x->us, "c1/");
	x->gw.setup.above = (struct overload_rule){0};
	server_reload(x->gw.server, &x->gw.setup);
	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	UNTIL(1 * S, x->s1.puts == 1);
	x->c1.acls = "f=deactivate g=immediate";
	behind_put(x, 2, "192.0.2.66/32", 1 * S);
	assert_int_equal(x->c1.code, COAP_201_CREATED);
	UNTIL(1 * S, x->s1.acl_puts == 1);
	assert_string_equal(x->s1.asked_acls, "f-at-isp1=deactivate");
	server_attach_data(x->gw.server, NULL);
}

/* ---- a server ---- */

/* 9133-3.2.1-28: in notifications and answers of all that is active of that cuid, as long as it is.
 */
static void
what_becomes_of_a_filter_is_told_with_its_clients_mitigations(void **state)
{
	struct behind *x = *state;
	const char *cuid = credentials_cuid(x->c1.credentials);

	behind_put(x, 1, "192.0.2.66/32", 1 * S);
	hand_observe(&x->c1, 1);
	UNTIL(1 * S, x->c1.notifications == 1);
	assert_string_equal(x->c1.told_acls, "");
	server_filter_changed(x->gw.server, "c1", cuid, "f", ACTIVATE_IMMEDIATE, false);
	server_filter_changed(x->gw.server, "c1", "another", "g", DEACTIVATE, false);
	server_filter_changed(x->gw.server, "acme", cuid, "g", DEACTIVATE, false);
	UNTIL(4 * S, !strcmp(x->c1.told_acls, "f=immediate"));
	server_filter_changed(x->gw.server, "c1", cuid, "f", DEACTIVATE, false);
	UNTIL(4 * S, !strcmp(x->c1.told_acls, "f=deactivate"));
	hand_forget(&x->c1);
	hand_observe(&x->c1, 1); /* also to who asks */
	UNTIL(1 * S, !strcmp(x->c1.told_acls, "f=deactivate"));
	/* By a request of its own it is no change; what was told is not left to stand. */
	server_filter_changed(x->gw.server, "c1", cuid, "f", ACTIVATE_IMMEDIATE, true);
	server_filter_changed(x->gw.server, "c1", cuid, "g", ACTIVATE_IMMEDIATE, true);
	UNTIL(20 * S, !strcmp(x->c1.told_acls, "f=immediate"));
	server_filter_changed(x->gw.server, "c1", cuid, "f", 0, false); /* it is gone */
	UNTIL(20 * S, !strcmp(x->c1.told_acls, ""));
}

int
main(void)
{
#define OURS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		OURS(a_filter_is_switched_while_a_request_stands),
		OURS(failed_filters_are_left_out_and_tried_again),
		OURS(a_refusal_of_filters_ends_nothing),
		OURS(odd_lists_of_a_server_are_told_and_nothing_else),
		BEHIND(a_gateway_passes_filters_on),
		BEHIND(filters_that_upstream_refuses_end_nothing_at_a_gateway),
		ACTING(what_becomes_of_a_filter_is_told_with_its_clients_mitigations),
		ACTING(beside_mitigators_upstream_hears_of_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
