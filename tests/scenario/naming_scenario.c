/* Names and aliases in requests of clients, at the server (RFC 9132 4.4.1.1, 4.4.1.3, 11). */
#include "scene.h"

#include <stdio.h>

enum { NAMES_WAITING = 16 }; /* of one client */

static const char resolver[] = "127.0.0.1", web[] = "www.example.com";

/* Two customers that may ask for the same addresses, one more of them for others, at s1. */
struct world {
	struct provider isp;
	struct hand acme, beta;
};

static void
sources(struct provider *p)
{
	p->setup.names = (struct names_sources){0};
	assert_int_equal(endpoint_parse(resolver, 5353, &p->setup.names.resolver), 0);
}

static void
add_alias(struct client *c, const char *name, const char *prefix, const char *host)
{
	struct alias *a;

	c->aliases = mem_grow(c->aliases, c->n_aliases + 1, sizeof(*a));
	a = &c->aliases[c->n_aliases++];
	*a = (struct alias){.name = mem_text(name)};
	if (prefix) {
		a->prefixes = mem_new(sizeof(*a->prefixes));
		assert_int_equal(prefix_parse(prefix, &a->prefixes[a->n_prefixes++]), 0);
	}
	if (host) {
		a->names = mem_new(sizeof(char *));
		a->names[a->n_names++] = mem_text(host);
	}
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	struct client *acme;

	virtual_start();
	provider_make(&x->isp, "s1", "192.0.2.10", "192.0.2.64/26,2001:db8:1::/48");
	provider_client(&x->isp, "beta", "192.0.2.64/26");
	acme = (struct client *)clients_named(x->isp.clients, "acme");
	add_alias(acme, "shop", "192.0.2.96/28", NULL);
	add_alias(acme, "site", "192.0.2.65/32", web);
	sources(&x->isp);
	provider_start(&x->isp);
	hand_make(&x->acme, "acme", "10.0.0.1/24");
	hand_make(&x->beta, "beta", "10.0.0.2/24");
	hand_dial(&x->acme, "s1", "192.0.2.10");
	hand_dial(&x->beta, "s1", "192.0.2.10");
	virtual_run(1 * S);
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->acme);
	hand_free(&x->beta);
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

/* The code it gets, within the time that is waited for a resolver. */
static uint8_t
ask(struct hand *h, uint32_t mid, const char *names)
{
	hand_put_names(h, mid, names);
	UNTIL(4 * S, h->code);
	virtual_run(100);
	return h->code;
}

static size_t
installed(const char *scope)
{
	return virtual_events(EVENT_RULE_INSTALLED, scope);
}

/* 9132-4.4.1.1-38, 9132-4.4.1.1-45, 9132-4.4.1.1-72, 8612-SIG-008-03: all its addresses are
 * filtered. */
static void
a_name_stands_for_its_addresses(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, "2001:db8:1::7,192.0.2.70", 300);
	assert_int_equal(ask(&x->acme, 1, web), COAP_201_CREATED);
	assert_int_equal(installed("scope=192.0.2.70/32,2001:db8:1::7/128"), 1);
	assert_int_equal(virtual_events(EVENT_PUT_MITIGATE, "names=www.example.com"), 1);
	assert_int_equal(virtual_lookups()->n, 1);
	assert_string_equal(virtual_lookups()->name, web);
	assert_int_equal(virtual_lookups()->servers[0].port, 5353);
	/* A refresh waits for nobody. */
	virtual_name(resolver, web, NULL, 0);
	hand_put_names(&x->acme, 1, web);
	virtual_run(100);
	assert_int_equal(x->acme.code, COAP_204_CHANGED);
	assert_int_equal(ask(&x->acme, 1, "other.example.com"), COAP_400_BAD_REQUEST);
}

/* 9132-11-14: without such a resolver names are refused. */
static void
without_a_resolver_names_are_refused(void **state)
{
	struct world *x = *state;
	struct server_setup setup = x->isp.setup;

	setup.names = (struct names_sources){0};
	server_reload(x->isp.server, &setup);
	virtual_name(resolver, web, "192.0.2.70", 300);
	assert_int_equal(ask(&x->acme, 1, web), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "RFC 9132 11: target-fqdn"));
	assert_int_equal(ask(&x->acme, 2, "https://www.example.com/"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "RFC 9132 11: target-uri"));
	assert_int_equal(ask(&x->acme, 3, "@site"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "www.example.com"));
	assert_int_equal(ask(&x->acme, 4, "@shop"), COAP_201_CREATED);
	assert_int_equal(virtual_lookups()->n, 0);
}

/* 9132-4.4.1.1-47, 9132-4.4.1.1-52: what a name stands for is checked like a prefix. */
static void
an_address_of_somebody_else_is_refused(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, "192.0.2.70,198.51.100.1", 300);
	assert_int_equal(ask(&x->acme, 1, web), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "target-fqdn www.example.com"));
	assert_non_null(strstr(x->acme.text, "198.51.100.1/32"));
	virtual_name(resolver, "here.example.com", "127.0.0.1", 300);
	assert_int_equal(ask(&x->acme, 2, "https://here.example.com/"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "target-uri https://here.example.com/"));
	assert_int_equal(ask(&x->acme, 3, "https://198.51.100.1/"), COAP_400_BAD_REQUEST);
	assert_int_equal(ask(&x->acme, 4, "gopher://192.0.2.70/"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "scheme"));
	assert_int_equal(ask(&x->acme, 5, "com"), COAP_400_BAD_REQUEST);
	assert_int_equal(recorder_starts(x->isp.recorder), 0);
	assert_int_equal(provider_mitigations(&x->isp), 0);
}

/* 9132-4.4.1.1-49 */
static void
a_name_that_cannot_be_found_out_is_refused(void **state)
{
	struct world *x = *state;
	mono_ms asked;

	virtual_name(resolver, "none.example.com", "", 300);
	assert_int_equal(ask(&x->acme, 1, "none.example.com"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "none.example.com has no address"));
	virtual_name(resolver, web, NULL, 0);
	asked = virtual_now();
	assert_int_equal(ask(&x->acme, 2, web), COAP_503_SERVICE_UNAVAILABLE);
	assert_true(x->acme.answered - asked >= 3 * S);
	assert_int_equal(x->acme.max_age, 10);
	assert_non_null(strstr(x->acme.text, "www.example.com cannot be looked up"));
	virtual_run(30 * S);
	virtual_name(resolver, web, "192.0.2.70", 300);
	assert_int_equal(ask(&x->acme, 3, web), COAP_201_CREATED);
	assert_int_equal(installed("scope=192.0.2.70/32"), 1);
}

/* 9132-4.4.1.1-48: the filter follows; an address that is not the client's is never in it. */
static void
an_answer_that_changes_is_checked_again(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	assert_int_equal(ask(&x->acme, 1, web), COAP_201_CREATED);
	virtual_name(resolver, web, "192.0.2.71", 60);
	UNTIL(61 * S, installed("scope=192.0.2.71/32") == 1);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	virtual_name(resolver, web, "192.0.2.71,198.51.100.1", 60);
	UNTIL(61 * S, virtual_events(EVENT_ALERT, "target=www.example.com") == 1);
	assert_int_equal(virtual_events(EVENT_ALERT, "198.51.100.1/32"), 1);
	virtual_name(resolver, web, "198.51.100.1", 60);
	UNTIL(61 * S, recorder_active(x->isp.recorder) == 0);
	assert_int_equal(provider_mitigations(&x->isp), 1);
	virtual_name(resolver, web, "192.0.2.72", 60);
	UNTIL(61 * S, installed("scope=192.0.2.72/32") == 1);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	assert_int_equal(virtual_events(EVENT_RULE_INSTALLED, "198.51.100"), 0);
	/* Who says nothing takes nothing away. */
	virtual_name(resolver, web, NULL, 0);
	UNTIL(100 * S, virtual_events(EVENT_ALERT, "addresses of before count") == 1);
	virtual_name(resolver, web, "", 60);
	virtual_run(300 * S);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	/* Withdrawn, it is asked for no more. */
	hand_delete(&x->acme, 1);
	virtual_run(300 * S);
	virtual_mark();
	virtual_run(4 * HOUR);
	assert_int_equal(virtual_events(EVENT_RESOLVE_FAILED, ""), 0);
}

/* 9132-4.4.1.1-48: what was known protects at once after a crash. */
static void
what_was_known_survives_a_crash(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 300);
	assert_int_equal(ask(&x->acme, 1, "@site https://www.example.com:8443/"), COAP_201_CREATED);
	provider_crash(&x->isp);
	recorder_free(x->isp.recorder);
	x->isp.recorder = recorder_new(x->isp.loop);
	x->isp.mitigators[0] = recorder_mitigator(x->isp.recorder);
	virtual_name(resolver, web, NULL, 0);
	virtual_mark();
	provider_restart(&x->isp);
	virtual_run(1 * S);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	assert_int_equal(installed("scope=192.0.2.65/32,192.0.2.70/32"), 1);
	virtual_name(resolver, web, "192.0.2.71", 300);
	UNTIL(120 * S, installed("scope=192.0.2.65/32,192.0.2.71/32") == 1);
}

/* 9132-4.4.1.3-48: repeats share the look-up; what is withdrawn meanwhile does not come to life. */
static void
a_request_waits_once(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, NULL, 0);
	hand_put_names(&x->acme, 1, web);
	virtual_run(100);
	hand_put_names(&x->acme, 1, web);
	virtual_run(100);
	assert_int_equal(virtual_lookups()->n, 1);
	hand_delete(&x->acme, 1);
	virtual_run(100);
	assert_int_equal(COUNT(.from = x->isp.loop, .code = COAP_404_NOT_FOUND), 2);
	assert_int_equal(COUNT(.from = x->isp.loop, .code = COAP_202_DELETED), 1);
	virtual_run(30 * S);
	assert_int_equal(provider_mitigations(&x->isp), 0);
}

/* What is asked of the resolver for one client, or for all of them, at a time, is limited. */
static void
look_ups_are_limited(void **state)
{
	struct world *x = *state;
	char name[64];

	for (uint32_t i = 1; i <= NAMES_WAITING + 1; i++) {
		snprintf(name, sizeof(name), "n%u.example.com", i);
		virtual_name(resolver, name, NULL, 0);
		hand_put_names(&x->acme, i, name);
		virtual_run(10);
	}
	virtual_run(100);
	assert_int_equal(x->acme.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_non_null(strstr(x->acme.text, "as many names are being looked up"));
	assert_int_equal(virtual_lookups()->n, NAMES_WAITING);
	virtual_name(resolver, web, "192.0.2.70", 300);
	assert_int_equal(ask(&x->beta, 1, web), COAP_201_CREATED);
}

/* Who asks for what nobody answers does not keep others from being answered. */
static void
silent_names_hold_up_nobody_else(void **state)
{
	enum { MANY = 64 }; /* more than are looked up at a time */
	struct world *x = *state;
	char name[64];

	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%u.example.com", i);
		virtual_name(resolver, name, NULL, 0);
		hand_put_names(&x->acme, i + 1, name);
		virtual_run(20);
		hand_delete(&x->acme, i + 1);
	}
	assert_int_equal(virtual_lookups()->n, MANY);
	virtual_name(resolver, web, "192.0.2.70", 300);
	assert_int_equal(ask(&x->beta, 1, web), COAP_201_CREATED);
	/* One of them, asked for again, is answered at last. */
	virtual_name(resolver, "n60.example.com", "192.0.2.71", 300);
	virtual_run(60 * S);
	assert_int_equal(ask(&x->acme, 100, "n60.example.com"), COAP_201_CREATED);
}

static void
look_ups_of_all_are_limited(void **state)
{
	enum { CLIENTS = 5, EACH = 13 }; /* one more than may wait */
	struct world *x = *state;
	struct hand crowd[CLIENTS];
	char name[64], address[32];

	for (int i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		snprintf(address, sizeof(address), "10.0.1.%d/24", i + 1);
		provider_client(&x->isp, name, "192.0.2.64/26");
		hand_make(&crowd[i], name, address);
		hand_dial(&crowd[i], "s1", "192.0.2.10");
	}
	for (uint32_t i = 0; i < CLIENTS * EACH; i++) {
		snprintf(name, sizeof(name), "n%u.example.com", i);
		virtual_name(resolver, name, NULL, 0);
		hand_put_names(&crowd[i % CLIENTS], i + 1, name);
		virtual_run(1);
	}
	virtual_run(100);
	assert_int_equal(COUNT(.from = x->isp.loop, .code = COAP_503_SERVICE_UNAVAILABLE), 1);
	for (int i = 0; i < CLIENTS; i++)
		hand_free(&crowd[i]);
}

/* So are names on record. */
static void
names_on_record_are_limited(void **state)
{
	struct world *x = *state;
	struct client *acme = (struct client *)clients_named(x->isp.clients, "acme");

	acme->limits.names = 2;
	virtual_name(resolver, web, "192.0.2.70", 300);
	virtual_name(resolver, "a.example.com", "192.0.2.71", 300);
	virtual_name(resolver, "b.example.com", "192.0.2.72", 300);
	assert_int_equal(ask(&x->acme, 1, "www.example.com a.example.com b.example.com"),
		COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "more names than the 2"));
	assert_int_equal(ask(&x->acme, 2, "www.example.com a.example.com"), COAP_201_CREATED);
	assert_int_equal(ask(&x->acme, 3, "b.example.com"), COAP_503_SERVICE_UNAVAILABLE);
	assert_int_equal(ask(&x->acme, 2, "www.example.com a.example.com"), COAP_204_CHANGED);
	hand_delete(&x->acme, 2);
	virtual_run(200 * S);
	assert_int_equal(ask(&x->acme, 3, "b.example.com"), COAP_201_CREATED);
}

/* 9132-4.4.1.3-18: requests meet by the addresses of their names. */
static void
overlap_is_by_address(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 60);
	assert_int_equal(ask(&x->acme, 1, web), COAP_201_CREATED);
	hand_put(&x->beta, 1, "192.0.2.70/32", 3600);
	virtual_run(100);
	assert_int_equal(x->beta.conflict.cause, OVERLAPPING_TARGETS);
	hand_put(&x->beta, 2, "192.0.2.71/32", 3600);
	virtual_run(100);
	assert_int_equal(x->beta.conflict.cause, 0);
	/* It moves: the others learn of it. */
	hand_observe(&x->beta, 0);
	virtual_run(100);
	virtual_mark();
	virtual_name(resolver, web, "192.0.2.71", 60);
	UNTIL(61 * S, virtual_events(EVENT_MITIGATION_CONFLICT, "client=beta") == 2);
	/* A higher mid takes over what a lower one has by name. */
	hand_put(&x->acme, 2, "192.0.2.71/32", 3600);
	virtual_run(100);
	assert_null(book_find(server_book(x->isp.server), "acme", "acme", 1));
	assert_int_equal(provider_mitigations(&x->isp), 3);
}

/* M17: the addresses of names are judged anew, too. */
static void
authority_is_judged_again_after_a_reload(void **state)
{
	struct world *x = *state;
	struct clients *narrow = clients_new();
	struct client *c;
	struct server_setup setup = x->isp.setup;

	virtual_name(resolver, web, "192.0.2.70,192.0.2.71", 3600);
	virtual_name(resolver, "a.example.com", "192.0.2.71", 3600);
	assert_int_equal(ask(&x->acme, 1, web), COAP_201_CREATED);
	assert_int_equal(ask(&x->beta, 2, "a.example.com"), COAP_201_CREATED);
	for (size_t i = 0; i < 2; i++) {
		c = mem_new(sizeof(*c));
		c->name = mem_text(i ? "beta" : "acme");
		c->limits = CLIENT_LIMITS_DEFAULT;
		c->certificates = mem_new(sizeof(char *));
		c->certificates[c->n_certificates++] = mem_text(c->name);
		c->prefixes = mem_new(sizeof(*c->prefixes));
		assert_int_equal(prefix_parse("192.0.2.70/32", &c->prefixes[c->n_prefixes++]), 0);
		assert_null(clients_add(narrow, c));
	}
	setup.clients = narrow;
	virtual_mark();
	server_reload(x->isp.server, &setup);
	virtual_run(1 * S);
	assert_int_equal(installed("scope=192.0.2.70/32"), 1);
	assert_int_equal(provider_mitigations(&x->isp), 1);
	assert_int_equal(virtual_events(EVENT_MITIGATION_END, "no longer authorised"), 1);
	server_reload(x->isp.server, &x->isp.setup);
	clients_free(narrow);
}

/* 9132-4.4.1.1-54, 9132-4.4.1.3-01, 9132-4.4.1.3-02, 9132-4.4.1.3-04, 8612-SIG-008-04 */
static void
an_alias_stands_for_what_is_configured(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, "192.0.2.70", 300);
	assert_int_equal(ask(&x->acme, 1, "@shop"), COAP_201_CREATED);
	assert_int_equal(installed("scope=192.0.2.96/28"), 1);
	assert_int_equal(ask(&x->acme, 2, "@site @site"), COAP_201_CREATED);
	assert_int_equal(installed("scope=192.0.2.65/32,192.0.2.70/32"), 1);
	assert_int_equal(ask(&x->acme, 3, "@nothing"), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "RFC 9132 4.4.1.3: alias-name nothing"));
	/* Another client's is none. */
	assert_int_equal(ask(&x->beta, 1, "@shop"), COAP_400_BAD_REQUEST);
}

/* Nobody can be asked any more, and then somebody can: what is known stands meanwhile. */
static void
without_a_resolver_what_is_known_stands(void **state)
{
	struct world *x = *state;
	struct server_setup setup = x->isp.setup;

	virtual_name(resolver, web, "192.0.2.70", 60);
	assert_int_equal(ask(&x->acme, 1, web), COAP_201_CREATED);
	setup.names = (struct names_sources){0};
	server_reload(x->isp.server, &setup);
	virtual_name(resolver, web, "192.0.2.71", 60);
	virtual_mark();
	virtual_run(20 * MINUTE);
	assert_int_equal(recorder_active(x->isp.recorder), 1);
	assert_true(virtual_events(EVENT_RESOLVE_FAILED, "") <= 1);
	assert_int_equal(ask(&x->acme, 1, web), COAP_204_CHANGED);
	server_reload(x->isp.server, &x->isp.setup);
	UNTIL(2 * S, installed("scope=192.0.2.71/32") == 1);
}

#define NAMING(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- the operator ---- */

/* 8811-2.2.2-19 */
static void
who_is_suspended_waits_for_no_name(void **state)
{
	struct world *x = *state;

	virtual_name(resolver, web, NULL, 0);
	hand_put_names(&x->acme, 1, web);
	virtual_run(1 * S);
	assert_int_equal(x->acme.code, 0);
	server_suspend(x->isp.server, "acme", NULL, true);
	virtual_turn(x->isp.loop);
	UNTIL(100, x->acme.code == COAP_403_FORBIDDEN);
	assert_int_equal(ask(&x->acme, 2, web), COAP_403_FORBIDDEN);
	assert_int_equal(provider_mitigations(&x->isp), 0);
}

/* 9132-4.4.1.1-37: by address; what a name comes to stand for later, too. */
static void
names_of_what_is_never_mitigated_are_refused(void **state)
{
	struct world *x = *state;
	struct prefix never;

	prefix_parse("192.0.2.72/32", &never);
	clients_never(x->isp.clients, &never, 1);
	virtual_name(resolver, web, "192.0.2.71,192.0.2.72", 60);
	assert_int_equal(ask(&x->acme, 1, web), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(x->acme.text, "192.0.2.72"));
	virtual_name(resolver, web, "192.0.2.71", 60);
	virtual_run(2 * MINUTE);
	assert_int_equal(ask(&x->acme, 2, web), COAP_201_CREATED);
	virtual_name(resolver, web, "192.0.2.71,192.0.2.72", 60);
	virtual_run(3 * MINUTE);
	assert_int_equal(provider_mitigation(&x->isp, 2)->cover.n_prefixes, 1);
	assert_int_equal(installed("192.0.2.72"), 0);
}

/* 9132-11-08: the addresses of names are among a client's targets, as many as there are just now.
 */
static void
addresses_of_names_are_targets(void **state)
{
	struct world *x = *state;
	struct client *acme = (struct client *)(uintptr_t)clients_named(x->isp.clients, "acme");
	struct client_view v;

	acme->limits.targets_total = 3;
	virtual_name(resolver, web, "192.0.2.70,192.0.2.71", 60);
	assert_int_equal(ask(&x->acme, 1, web), COAP_201_CREATED);
	hand_put(&x->acme, 2, "192.0.2.80/32,192.0.2.81/32", 3600);
	UNTIL(1 * S, x->acme.code == COAP_503_SERVICE_UNAVAILABLE);
	virtual_name(resolver, web, "192.0.2.70", 60);
	virtual_run(3 * MINUTE);
	server_client(x->isp.server, "acme", &v);
	assert_int_equal(v.share.targets, 1);
	hand_put(&x->acme, 3, "192.0.2.80/32,192.0.2.81/32", 3600);
	UNTIL(1 * S, x->acme.code == COAP_201_CREATED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NAMING(a_name_stands_for_its_addresses),
		NAMING(without_a_resolver_names_are_refused),
		NAMING(an_address_of_somebody_else_is_refused),
		NAMING(a_name_that_cannot_be_found_out_is_refused),
		NAMING(an_answer_that_changes_is_checked_again),
		NAMING(what_was_known_survives_a_crash),
		NAMING(a_request_waits_once),
		NAMING(look_ups_are_limited),
		NAMING(look_ups_of_all_are_limited),
		NAMING(silent_names_hold_up_nobody_else),
		NAMING(names_on_record_are_limited),
		NAMING(overlap_is_by_address),
		NAMING(authority_is_judged_again_after_a_reload),
		NAMING(without_a_resolver_what_is_known_stands),
		NAMING(an_alias_stands_for_what_is_configured),
		NAMING(who_is_suspended_waits_for_no_name),
		NAMING(names_of_what_is_never_mitigated_are_refused),
		NAMING(addresses_of_names_are_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
