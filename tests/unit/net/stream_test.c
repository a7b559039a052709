/*
 * Sessions over TCP (RFC 8323): who comes in and who does not, messages in pieces and in heaps, over
 * real TLS on the loopback interface.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A loop, a listener and one client session. */
struct pair {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side server, client;
	struct session *session;
};

static void
pair_listen(struct pair *p, const char *address, const char *certificate)
{
	struct listener_config cfg = {
		.credentials = certificate ? harness_credentials(certificate, "ca") : NULL,
		.psk = p->server.psk_name ? side_psk : NULL,
	};

	p->loop = loop_new();
	p->listener = harness_listen(p->loop, address, &cfg, &p->server, &p->at);
	credentials_unref(cfg.credentials);
}

static void
pair_dial_as(
	struct pair *p, struct credentials *c, const char *name, const struct resumption *resume)
{
	struct dial d = harness_dialling(&p->at, c);
	int error = 0;

	d.transport = SESSION_TCP;
	d.server_name = name;
	d.resume = resume;
	p->session = session_dial(p->loop, &d, &side_ops, &p->client, &error);
	assert_non_null(p->session);
	credentials_unref(c);
}

static void
pair_start(struct pair *p, const char *address)
{
	memset(p, 0, sizeof(*p));
	pair_listen(p, address, "server");
	pair_dial_as(p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p->loop, p->client.ups == 1 && p->server.ups == 1);
}

static void
pair_stop(struct pair *p)
{
	if (p->client.session)
		session_close(p->client.session);
	WAIT(p->loop, !p->client.session);
	listener_free(p->listener);
	loop_free(p->loop);
}

static void
exchange_both_ways(struct pair *p)
{
	struct answers a = {0};

	assert_true(ask(p->client.session, COAP_NON, "one", &a) > 0);
	WAIT(p->loop, a.n == 1);
	assert_int_equal(a.code, COAP_205_CONTENT);
	assert_string_equal(p->server.payload, "one");
	assert_true(ask(p->client.session, COAP_CON, "two", &a) > 0);
	WAIT(p->loop, a.n == 2);
	assert_string_equal(p->server.payload, "two");
	assert_true(ask(p->server.session, COAP_NON, "three", &a) > 0);
	WAIT(p->loop, a.n == 3);
	assert_string_equal(p->client.payload, "three");
	assert_int_equal(a.error, 0);
}

static void
certificates_and_requests_both_ways_ipv4(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	exchange_both_ways(&p);
	pair_stop(&p);
}

static int
start(void **state)
{
	(void)state;
	harness_pki();
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	pki_finish();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_and_requests_both_ways_ipv4),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
