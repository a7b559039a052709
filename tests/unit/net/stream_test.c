/*
 * Sessions over TCP (RFC 8323): who comes in and who does not, messages in pieces and in heaps,
 * over real TLS on the loopback interface.
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

/* Neither end takes the other, not even for a moment. */
static void
pair_expect_refusal(struct pair *p)
{
	WAIT(p->loop, p->client.downs == 1);
	assert_int_equal(p->client.ups, 0);
	assert_int_equal(p->server.ups, 0);
	assert_int_equal(listener_count(p->listener), 0);
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
	assert_true(ask(p->server.session, COAP_CON, "four", &a) > 0);
	WAIT(p->loop, a.n == 4);
	assert_string_equal(p->client.payload, "four");
	assert_int_equal(a.error, 0);
	assert_true(p->server.heard >= 4 && p->client.heard >= 4);
}

/* --- X.509 ---------------------------------------------------------------------------------- */

/* 9132-3-01 9132-3-14 9132-4.3-01 9132-8-01 */
static void
certificates_and_requests_both_ways_ipv4(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	exchange_both_ways(&p);
	assert_int_equal(session_transport(p.client.session), SESSION_TCP);
	assert_int_equal(session_transport(p.server.session), SESSION_TCP);
	assert_int_equal(p.server.peer.kind, PEER_CERTIFICATE);
	assert_string_equal(p.server.peer.name, "client.example");
	assert_string_equal(p.server.peer.issuer, "CA one");
	assert_string_equal(p.client.peer.name, "dots.example");
	assert_int_equal(p.server.judged, 1);
	assert_int_equal(p.client.judged, 1);
	assert_false(p.server.resumed);
	assert_true(endpoint_equal(session_local(p.server.session), &p.at));
	assert_true(endpoint_equal(session_remote(p.client.session), &p.at));
	assert_true(
		endpoint_equal(session_remote(p.server.session), session_local(p.client.session)));
	assert_string_equal(session_interface(p.server.session), "lo");
	assert_int_equal(listener_count(p.listener), 1);
	pair_stop(&p);
}

/* 9132-3-14 */
static void
certificates_and_requests_both_ways_ipv6(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "::1");
	exchange_both_ways(&p);
	assert_true(endpoint_equal(session_local(p.server.session), &p.at));
	assert_string_equal(session_interface(p.server.session), "lo");
	pair_stop(&p);
}

static void
refused(const char *server, const char *client, const char *trust, const char *name,
	const char *at_client, const char *at_server)
{
	struct pair p = {0};

	pair_listen(&p, "127.0.0.1", server);
	pair_dial_as(&p, harness_credentials(client, trust), name, NULL);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	if (!strstr(p.client.reason, at_client))
		fail_msg("client's reason: %s", p.client.reason);
	if (!strstr(p.server.reason, at_server))
		fail_msg("server's reason: %s", p.server.reason);
	pair_expect_refusal(&p);
}

/* 9132-8-06 */
static void
client_of_a_foreign_ca_is_refused(void **state)
{
	(void)state;
	refused("server", "foreign", "ca", "dots.example", "peer's alert", "RFC 9132 7.1");
}

/* 9132-8-06 */
static void
expired_client_is_refused(void **state)
{
	(void)state;
	refused("server", "stale", "ca", "dots.example", "peer's alert", "expired");
}

/* 9132-8-06 */
static void
server_certificate_is_no_client_certificate(void **state)
{
	(void)state;
	refused("server", "server", "ca", "dots.example", "peer's alert", "RFC 9132 7.1");
}

/* 9132-7.1-04 */
static void
server_of_a_foreign_ca_is_refused(void **state)
{
	(void)state;
	refused("server", "client", "ca2", "dots.example", "RFC 9132 7.1", "peer's alert");
}

/* 9132-7.1-05 9132-7.1-08 */
static void
server_of_another_name_is_refused(void **state)
{
	(void)state;
	refused("server", "client", "ca", "other.example", "other.example", "peer's alert");
	refused("server", "client", "ca", "127.0.0.2", "127.0.0.2", "peer's alert");
	refused("cn-only", "client", "ca", "dots.example", "not for the name", "peer's alert");
	/* a name that the wildcard would cover, were it heeded */
	refused("wildcard", "client", "ca", "s1.dots.example", "not for the name", "peer's alert");
}

/* TLS 1.3 lets a client finish before it is judged: it is not up before the server has spoken. */
static void
judge_refuses_with_an_alert(void **state)
{
	struct pair p = {0};

	(void)state;
	p.server.refuse = "not in clients";
	pair_listen(&p, "127.0.0.1", "server");
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.server.downs == 1 && p.client.downs == 1);
	assert_string_equal(p.server.reason, "not in clients");
	assert_non_null(strstr(p.client.reason, "denied"));
	pair_expect_refusal(&p);
}

static void
judging_again_ends_a_live_session(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	session_judge(p.server.session);
	harness_settle(p.loop);
	assert_int_equal(p.server.downs, 0);
	p.server.refuse = "removed by reload";
	session_judge(p.server.session);
	assert_int_equal(p.server.downs, 0);
	WAIT(p.loop, p.server.downs == 1 && p.client.downs == 1);
	assert_string_equal(p.server.reason, "removed by reload");
	assert_non_null(strstr(p.client.reason, "denied"));
	pair_stop(&p);
}

static void
judging_again_uses_the_new_trust(void **state)
{
	struct credentials *c = harness_credentials("server", "ca2");
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	listener_set_credentials(p.listener, c);
	credentials_unref(c);
	session_judge(p.server.session);
	WAIT(p.loop, p.server.downs == 1 && p.client.downs == 1);
	assert_non_null(strstr(p.server.reason, "RFC 9132 7.1"));
	pair_stop(&p);
}

/* --- PSK ------------------------------------------------------------------------------------ */

static void
psk_listen(struct pair *p, const char *certificate)
{
	memset(p, 0, sizeof(*p));
	p->server.psk_name = "jane";
	for (uint8_t i = 0; i < 16; i++)
		p->server.psk_key[i] = i;
	pair_listen(p, "127.0.0.1", certificate);
}

/* 9132-7.1-14 9132-8-07 */
static void
psk_comes_in(void **state)
{
	struct pair p;

	(void)state;
	psk_listen(&p, NULL);
	pair_dial_as(&p, harness_psk("jane", "good.psk"), "dots.example", NULL);
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	exchange_both_ways(&p);
	assert_int_equal(p.server.peer.kind, PEER_PSK);
	assert_string_equal(p.server.peer.name, "jane");
	assert_int_equal(p.client.peer.kind, PEER_PSK);
	pair_stop(&p);
}

static void
unknown_psk_identity_is_refused(void **state)
{
	struct pair p;

	(void)state;
	psk_listen(&p, NULL);
	pair_dial_as(&p, harness_psk("joe", "good.psk"), "dots.example", NULL);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	assert_non_null(strstr(p.server.reason, "identity is not known"));
	assert_non_null(strstr(p.client.reason, "peer's alert"));
	pair_expect_refusal(&p);
}

static void
wrong_psk_is_refused(void **state)
{
	struct pair p;

	(void)state;
	psk_listen(&p, NULL);
	pair_dial_as(&p, harness_psk("jane", "bad.psk"), "dots.example", NULL);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	pair_expect_refusal(&p);
}

/* 9132-7.1-14 */
static void
one_kind_is_not_taken_for_the_other(void **state)
{
	struct pair p;

	(void)state;
	psk_listen(&p, NULL);
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	pair_expect_refusal(&p);
	memset(&p, 0, sizeof(p));
	pair_listen(&p, "127.0.0.1", "server");
	pair_dial_as(&p, harness_psk("jane", "good.psk"), "dots.example", NULL);
	pair_expect_refusal(&p);
}

/* 9132-3-03: the server listens on both, on one port number. */
static void
both_kinds_and_both_transports_on_one_port(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct pair p;
	struct dial d;
	int error;

	(void)state;
	psk_listen(&p, "server");
	pair_dial_as(&p, harness_psk("jane", "good.psk"), "dots.example", NULL);
	WAIT(p.loop, p.server.ups == 1 && p.client.ups == 1);
	assert_int_equal(p.server.peer.kind, PEER_PSK);
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.server.ups == 2 && p.client.ups == 2);
	assert_int_equal(p.server.peer.kind, PEER_CERTIFICATE);
	d = harness_dialling(&p.at, c);
	assert_non_null(session_dial(p.loop, &d, &side_ops, &p.client, &error));
	credentials_unref(c);
	WAIT(p.loop, p.server.ups == 3 && p.client.ups == 3);
	assert_int_equal(session_transport(p.server.session), SESSION_UDP);
	exchange_both_ways(&p);
	assert_int_equal(listener_count(p.listener), 3);
	listener_free(p.listener);
	WAIT(p.loop, p.client.downs == 3);
	loop_free(p.loop);
}

/* --- resumption ----------------------------------------------------------------------------- */

/* Comes up once and leaves the association behind. */
static struct resumption *
first_visit(struct pair *p, struct credentials *c)
{
	struct resumption *r;

	pair_dial_as(p, c, "dots.example", NULL);
	assert_null(session_resumption(p->session));
	WAIT(p->loop, p->client.ups == 1 && p->server.ups == 1);
	r = session_resumption(p->client.session);
	assert_non_null(r);
	session_close(p->client.session);
	WAIT(p->loop, p->client.downs == 1 && p->server.downs == 1);
	return r;
}

static void
second_visit(struct pair *p, struct credentials *c, struct resumption *r, bool resumed)
{
	pair_dial_as(p, c, "dots.example", r);
	resumption_free(r);
	WAIT(p->loop, p->client.ups == 2 && p->server.ups == 2);
	assert_int_equal(p->client.resumed, resumed);
	assert_int_equal(p->server.resumed, resumed);
	exchange_both_ways(p);
}

/* 9132-7.1-13 */
static void
certificate_session_is_resumed(void **state)
{
	struct pair p = {0};
	struct resumption *r;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	r = first_visit(&p, harness_credentials("client", "ca"));
	assert_int_equal(listener_count(p.listener), 0); /* the server keeps nothing */
	second_visit(&p, harness_credentials("client", "ca"), r, true);
	assert_int_equal(p.server.peer.kind, PEER_CERTIFICATE);
	assert_string_equal(p.server.peer.name, "client.example");
	assert_string_equal(p.server.peer.issuer, "CA one");
	assert_string_equal(p.client.peer.name, "dots.example");
	assert_int_equal(p.server.judged, 2);
	assert_int_equal(p.client.judged, 2);
	r = session_resumption(p.client.session);
	assert_non_null(r); /* also for a third time */
	resumption_free(r);
	pair_stop(&p);
}

/* 9132-7.1-13 */
static void
psk_session_is_resumed(void **state)
{
	struct pair p;
	struct resumption *r;

	(void)state;
	psk_listen(&p, NULL);
	r = first_visit(&p, harness_psk("jane", "good.psk"));
	second_visit(&p, harness_psk("jane", "good.psk"), r, true);
	assert_int_equal(p.server.peer.kind, PEER_PSK);
	assert_string_equal(p.server.peer.name, "jane");
	pair_stop(&p);
}

static void
expect_no_return(struct pair *p, struct resumption *r, struct credentials *c, const char *reason)
{
	pair_dial_as(p, c, "dots.example", r);
	resumption_free(r);
	WAIT(p->loop, p->client.downs == 2 && p->server.downs == 2);
	assert_int_equal(p->server.ups, 1);
	assert_int_equal(p->client.ups, 1);
	if (!strstr(p->server.reason, reason))
		fail_msg("server's reason: %s", p->server.reason);
	listener_free(p->listener);
	loop_free(p->loop);
}

/* A ticket does not bring a removed client back. */
static void
judge_is_asked_again_on_resumption(void **state)
{
	struct pair p = {0};
	struct resumption *r;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	r = first_visit(&p, harness_credentials("client", "ca"));
	p.server.refuse = "client was removed";
	expect_no_return(&p, r, harness_credentials("client", "ca"), "client was removed");
}

static void
removed_psk_does_not_resume(void **state)
{
	struct pair p;
	struct resumption *r;

	(void)state;
	psk_listen(&p, NULL);
	r = first_visit(&p, harness_psk("jane", "good.psk"));
	p.server.psk_name = "other";
	expect_no_return(&p, r, harness_psk("jane", "good.psk"), "not known");
}

static void
ticket_of_a_lost_key_means_a_full_handshake(void **state)
{
	struct pair p = {0};
	struct resumption *r;
	char at[ENDPOINT_TEXT_MAX];
	struct listener_config cfg = {0};

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	r = first_visit(&p, harness_credentials("client", "ca"));
	listener_free(p.listener);
	cfg.credentials = harness_credentials("server", "ca");
	p.listener = harness_listen(p.loop, endpoint_format(&p.at, at), &cfg, &p.server, &p.at);
	credentials_unref(cfg.credentials);
	second_visit(&p, harness_credentials("client", "ca"), r, false);
	pair_stop(&p);
}

static void
ticket_of_another_name_is_not_enough(void **state)
{
	struct pair p = {0};
	struct resumption *r;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	r = first_visit(&p, harness_credentials("client", "ca"));
	pair_dial_as(&p, harness_credentials("client", "ca"), "other.example", r);
	resumption_free(r);
	WAIT(p.loop, p.client.downs == 2);
	assert_int_equal(p.client.ups, 1);
	assert_non_null(strstr(p.client.reason, "other.example"));
	listener_free(p.listener);
	loop_free(p.loop);
}

/* The library does not verify a chain again that comes with a ticket. */
static void
server_is_verified_again_on_resumption(void **state)
{
	struct pair p = {0};
	struct resumption *r;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	r = first_visit(&p, harness_credentials("client", "ca"));
	pair_dial_as(&p, harness_credentials("client", "ca2"), "dots.example", r);
	resumption_free(r);
	WAIT(p.loop, p.client.downs == 2 && p.server.downs == 2);
	assert_int_equal(p.client.ups, 1);
	assert_non_null(strstr(p.client.reason, "RFC 9132 7.1"));
	listener_free(p.listener);
	loop_free(p.loop);
}

static void
ticket_of_the_other_transport_means_a_full_handshake(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct pair p = {0};
	struct resumption *r;
	struct dial d;
	int error;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	d = harness_dialling(&p.at, c);
	assert_non_null(session_dial(p.loop, &d, &side_ops, &p.client, &error));
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	r = session_resumption(p.client.session);
	assert_non_null(r);
	session_close(p.client.session);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	second_visit(&p, c, r, false);
	pair_stop(&p);
}

/* --- end ------------------------------------------------------------------------------------ */

static void
close_is_told_to_both(void **state)
{
	struct answers a = {0};
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	p.server.hold = true;
	assert_true(ask(p.client.session, COAP_NON, "never answered", &a) > 0);
	WAIT(p.loop, p.server.n_held == 1);
	session_close(p.client.session);
	assert_int_equal(p.client.downs, 0);
	assert_int_equal(a.n, 0);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	assert_string_equal(p.client.reason, "closed");
	assert_string_equal(p.server.reason, "closed by the peer");
	assert_true(p.client.farewell && p.server.farewell);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.error, -ECANCELED);
	assert_null(exchange_session(p.server.held[0]));
	side_answer_held(&p.server);
	pair_stop(&p);
}

static void
abandon_in_request(struct side *side, struct session *s)
{
	session_abandon(s);
	side->session = NULL;
}

static void
owner_may_abandon_in_a_callback(void **state)
{
	struct answers a = {0};
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	p.client.on_request = abandon_in_request;
	assert_true(ask(p.server.session, COAP_CON, "go", &a) > 0);
	WAIT(p.loop, p.server.downs == 1);
	assert_int_equal(p.client.downs, 0);
	assert_int_equal(a.error, -ECANCELED);
	pair_stop(&p);
}

static void
close_in_up(struct side *side, struct session *s)
{
	(void)side;
	session_close(s);
}

static void
owner_may_close_in_a_callback(void **state)
{
	struct pair p = {0};

	(void)state;
	p.server.on_up = close_in_up;
	pair_listen(&p, "127.0.0.1", "server");
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.server.downs == 1 && p.client.downs == 1);
	assert_int_equal(p.server.ups, 1);
	pair_stop(&p);
}

static void
listener_says_goodbye(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	listener_free(p.listener);
	assert_int_equal(p.server.downs, 1);
	WAIT(p.loop, p.client.downs == 1);
	assert_string_equal(p.client.reason, "closed by the peer");
	assert_true(p.client.farewell && p.server.farewell);
	loop_free(p.loop);
}

static void
end_of_the_connection_ends_the_session(void **state)
{
	struct tube tube;
	struct pair p = {0};

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	tube_start(&tube, p.loop, &p.at);
	p.at = tube.at;
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	tube_stop(&tube);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	assert_string_equal(p.client.reason, "the connection ended without close_notify");
	assert_false(p.client.farewell || p.server.farewell);
	pair_stop(&p);
}

/* --- pieces and heaps ----------------------------------------------------------------------- */

static void
every_byte_may_come_alone(void **state)
{
	struct tube tube;
	struct pair p = {0};

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	tube_start(&tube, p.loop, &p.at);
	tube.chunk = 1;
	p.at = tube.at;
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	exchange_both_ways(&p);
	assert_true(tube.up > 1000 && tube.down > 1000);
	session_close(p.client.session);
	WAIT(p.loop, p.client.downs == 1 && p.server.downs == 1);
	tube_stop(&tube);
	listener_free(p.listener);
	loop_free(p.loop);
}

/* A listener and a client by hand. */
struct table {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side side;
	struct line *line;
	struct tube tube;
};

static void
table_start(struct table *t)
{
	struct credentials *c = harness_credentials("client", "ca");

	memset(t, 0, sizeof(*t));
	t->loop = loop_new();
	t->listener = harness_listen(t->loop, "127.0.0.1", NULL, &t->side, &t->at);
	t->line = line_new(t->loop, &t->at, NULL, c);
	credentials_unref(c);
	WAIT(t->loop, line_is_up(t->line));
}

static void
table_stop(struct table *t)
{
	listener_free(t->listener);
	line_free(t->line);
	loop_free(t->loop);
}

/* The same with a tube between them, whose buffer is small. */
static void
narrow_start(struct table *t)
{
	struct credentials *c = harness_credentials("client", "ca");

	memset(t, 0, sizeof(*t));
	t->loop = loop_new();
	t->listener = harness_listen(t->loop, "127.0.0.1", NULL, &t->side, &t->at);
	tube_start(&t->tube, t->loop, &t->at);
	t->line = line_new(t->loop, &t->tube.at, NULL, c);
	credentials_unref(c);
	WAIT(t->loop, line_is_up(t->line));
	line_greet(t->line);
	WAIT(t->loop, t->side.ups == 1 && line_count(t->line) == 1);
	tube_hold(&t->tube, true);
}

static void
narrow_stop(struct table *t)
{
	tube_stop(&t->tube);
	table_stop(t);
}

/* A request with a token of its own, as bytes. */
static size_t
request(uint8_t *bytes, size_t cap, uint8_t token, size_t payload)
{
	static uint8_t filling[COAP_MESSAGE_MAX];
	struct coap_msg m;
	int n;

	coap_init(&m, COAP_NON, COAP_PUT);
	m.token_len = 1;
	m.token[0] = token;
	memset(filling, 'y', sizeof(filling));
	m.payload = filling;
	m.payload_len = payload;
	n = coap_stream_encode(&m, bytes, cap);
	assert_true(n > 0);
	return (size_t)n;
}

/* The first message of the server is its CSM. */
static void
many_messages_come_in_one_record(void **state)
{
	enum { REQUESTS = 200 };
	uint8_t bytes[REQUESTS * 16] = {0x00, 0xe1};
	struct table t;
	size_t len = 2;

	(void)state;
	table_start(&t);
	for (unsigned i = 0; i < REQUESTS; i++)
		len += request(bytes + len, sizeof(bytes) - len, (uint8_t)i, 4);
	line_send(t.line, bytes, len);
	WAIT(t.loop, line_count(t.line) == 1 + REQUESTS);
	assert_int_equal(t.side.requests, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++) {
		assert_int_equal(line_msg(t.line, 1 + i)->token[0], i);
		assert_int_equal(line_msg(t.line, 1 + i)->code, COAP_205_CONTENT);
	}
	table_stop(&t);
}

/* Also those that a turn of the loop leaves for the next, when nothing else comes. */
static void
many_records_come_at_once(void **state)
{
	enum { RECORDS = 12 };
	uint8_t bytes[64];
	struct table t;
	unsigned asked = 0;

	(void)state;
	table_start(&t);
	line_greet(t.line);
	WAIT(t.loop, line_count(t.line) == 1);
	for (unsigned n = 1; n <= RECORDS; n++) {
		for (unsigned i = 0; i < n; i++)
			line_send(t.line, bytes, request(bytes, sizeof(bytes), (uint8_t)i, 4));
		asked += n;
		WAIT(t.loop, line_count(t.line) == 1 + asked);
	}
	table_stop(&t);
}

static void
a_message_may_come_in_many_records(void **state)
{
	uint8_t bytes[64];
	struct table t;
	size_t len;

	(void)state;
	table_start(&t);
	line_greet(t.line);
	len = request(bytes, sizeof(bytes), 1, 30);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(t.side.requests, 0);
		line_send(t.line, bytes + i, 1);
		harness_turn(t.loop);
	}
	WAIT(t.loop, line_count(t.line) == 2);
	assert_int_equal(t.side.requests, 1);
	table_stop(&t);
}

static void
messages_of_the_largest_size_go_both_ways(void **state)
{
	/* token, Uri-Path "hb", marker; code and length of three bytes on top */
	enum { REST = COAP_MESSAGE_MAX - 3 - 1 - 8, PAYLOAD = REST - 3 - 1 };
	static char text[COAP_MESSAGE_MAX];
	struct answers a = {0};
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	assert_int_equal(session_max_message(p.client.session), COAP_MESSAGE_MAX);
	assert_int_equal(session_max_message(p.server.session), COAP_MESSAGE_MAX);
	memset(text, 'x', PAYLOAD + 1);
	assert_int_equal(ask(p.client.session, COAP_NON, text, &a), -EMSGSIZE);
	text[PAYLOAD] = 0;
	p.server.answer_len = PAYLOAD;
	for (unsigned i = 1; i <= 20; i++) {
		assert_true(ask(p.client.session, COAP_NON, text, &a) > 0);
		assert_true(ask(p.server.session, COAP_NON, text, &a) > 0);
		WAIT(p.loop, a.n == 2 * i);
		assert_int_equal(a.error, 0);
	}
	assert_int_equal(p.server.requests, 20);
	pair_stop(&p);
}

struct body {
	unsigned n;
	int error;
	size_t len;
};

static void
body_cb(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct body *b = arg;

	(void)s;
	b->n++;
	b->error = error;
	b->len = response ? response->payload_len : 0;
}

/* RFC 7959 over the stream: what Max-Message-Size does not let through comes all the same. */
static void
a_body_larger_than_a_message_comes_in_blocks(void **state)
{
	static const size_t sizes[] = {16000, 17000, 100000};
	struct coap_msg m;
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct body b = {0};

		p.server.answer_len = sizes[i];
		coap_init(&m, COAP_NON, COAP_GET);
		coap_add_text(&m, COAP_OPT_URI_PATH, "list");
		assert_true(request_send(p.client.session, &m, body_cb, &b) > 0);
		WAIT(p.loop, b.n == 1);
		assert_int_equal(b.error, 0);
		assert_int_equal(b.len, sizes[i]);
	}
	assert_int_equal(p.server.requests, 3); /* the rest came from the copy */
	pair_stop(&p);
}

/* --- a peer that does not read -------------------------------------------------------------- */

/* What it asks waits where it is until it has read what it asked before. */
static void
a_peer_is_not_served_faster_than_it_reads(void **state)
{
	enum { REQUESTS = 255, ANSWER = 16000 };
	uint8_t bytes[32];
	struct table t;
	unsigned served;
	size_t len;

	(void)state;
	narrow_start(&t);
	t.side.answer_len = ANSWER;
	for (unsigned i = 0; i < REQUESTS; i++) {
		len = request(bytes, sizeof(bytes), (uint8_t)i, 4);
		line_send(t.line, bytes, len);
	}
	do {
		served = t.side.requests;
		harness_settle(t.loop);
	} while (t.side.requests > served);
	assert_in_range(served, 2, REQUESTS - 1);
	assert_int_equal(t.side.downs, 0);
	tube_hold(&t.tube, false);
	WAIT(t.loop, line_count(t.line) == 1 + REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++) {
		assert_int_equal(line_msg(t.line, 1 + i)->token[0], i);
		assert_int_equal(line_msg(t.line, 1 + i)->payload_len, ANSWER);
	}
	narrow_stop(&t);
}

/* The same with all the requests in one record, that is read at once. */
static void
requests_that_were_read_wait_too(void **state)
{
	enum { REQUESTS = 255, ANSWER = 16000 };
	uint8_t bytes[REQUESTS * 16];
	struct table t;
	size_t len = 0;

	(void)state;
	narrow_start(&t);
	t.side.answer_len = ANSWER;
	for (unsigned i = 0; i < REQUESTS; i++)
		len += request(bytes + len, sizeof(bytes) - len, (uint8_t)i, 4);
	line_send(t.line, bytes, len);
	WAIT(t.loop, t.side.requests > 0);
	harness_settle(t.loop);
	assert_in_range(t.side.requests, 1, REQUESTS - 1);
	tube_hold(&t.tube, false);
	WAIT(t.loop, line_count(t.line) == 1 + REQUESTS);
	assert_int_equal(t.side.requests, REQUESTS);
	narrow_stop(&t);
}

/* What we say unasked is not kept for ever. */
static void
a_peer_that_never_reads_is_closed(void **state)
{
	static uint8_t text[8000];
	struct coap_msg m;
	struct table t;
	unsigned n = 0;

	(void)state;
	narrow_start(&t);
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(&m, COAP_OPT_OBSERVE, 1);
	m.payload = text;
	m.payload_len = sizeof(text);
	while (t.side.session && n++ < 10000) {
		session_notify(t.side.session, (const uint8_t *)"tokn", 4, &m);
		harness_turn(t.loop);
	}
	assert_int_equal(t.side.downs, 1);
	assert_string_equal(t.side.reason, "the peer does not read");
	narrow_stop(&t);
}

/* --- dialling ------------------------------------------------------------------------------- */

static int
dial_error(const char *interface, const char *source)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct loop *l = loop_new();
	struct side side = {0};
	struct endpoint to;
	struct dial d;
	int error = 0;

	assert_int_equal(endpoint_parse("127.0.0.1:4646", 0, &to), 0);
	d = harness_dialling(&to, c);
	d.transport = SESSION_TCP;
	d.interface = interface;
	if (source)
		assert_int_equal(addr_parse(source, &d.source), 0);
	assert_null(session_dial(l, &d, &side_ops, &side, &error));
	harness_settle(l);
	assert_int_equal(side.downs, 0);
	credentials_unref(c);
	loop_free(l);
	return error;
}

static void
dial_never_takes_another_link(void **state)
{
	(void)state;
	assert_int_equal(dial_error("nosuch0", NULL), -ENODEV);
	assert_int_equal(dial_error(NULL, "192.0.2.77"), -EADDRNOTAVAIL);
	assert_int_equal(dial_error(NULL, "::1"), -EAFNOSUPPORT);
}

static void
dial_is_bound_to_device_and_source(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct pair p = {0};
	struct dial d;
	int error;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	d = harness_dialling(&p.at, c);
	d.transport = SESSION_TCP;
	d.interface = "lo";
	assert_int_equal(addr_parse("127.0.0.77", &d.source), 0);
	assert_non_null(session_dial(p.loop, &d, &side_ops, &p.client, &error));
	credentials_unref(c);
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	assert_true(addr_equal(&session_remote(p.server.session)->addr, &d.source));
	assert_true(addr_equal(&session_local(p.client.session)->addr, &d.source));
	assert_string_equal(session_interface(p.client.session), "lo");
	pair_stop(&p);
}

static void
refused_connection_is_told(void **state)
{
	struct pair p = {0};

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	listener_free(p.listener);
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	assert_false(session_is_up(p.session));
	WAIT(p.loop, p.client.downs == 1);
	assert_string_equal(p.client.reason, "Connection refused");
	assert_int_equal(p.client.judged, 0);
	loop_free(p.loop);
}

/* 8811-3.1.2-09 */
static void
silent_server_ends_the_handshake_in_time(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct pair p = {.loop = loop_new()};
	struct sockaddr_storage ss;
	socklen_t len;
	struct dial d;
	int fd = socket(AF_INET, SOCK_STREAM, 0), error;

	(void)state;
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &p.at), 0);
	len = endpoint_to_sockaddr(&p.at, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	len = sizeof(ss);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &p.at);
	d = harness_dialling(&p.at, c);
	d.transport = SESSION_TCP;
	d.handshake_timeout_ms = 100;
	assert_non_null(session_dial(p.loop, &d, &side_ops, &p.client, &error));
	credentials_unref(c);
	WAIT(p.loop, p.client.downs == 1);
	assert_string_equal(p.client.reason, "handshake timed out");
	close(fd);
	loop_free(p.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_and_requests_both_ways_ipv4),
		cmocka_unit_test(certificates_and_requests_both_ways_ipv6),
		cmocka_unit_test(client_of_a_foreign_ca_is_refused),
		cmocka_unit_test(expired_client_is_refused),
		cmocka_unit_test(server_certificate_is_no_client_certificate),
		cmocka_unit_test(server_of_a_foreign_ca_is_refused),
		cmocka_unit_test(server_of_another_name_is_refused),
		cmocka_unit_test(judge_refuses_with_an_alert),
		cmocka_unit_test(judging_again_ends_a_live_session),
		cmocka_unit_test(judging_again_uses_the_new_trust),
		cmocka_unit_test(psk_comes_in),
		cmocka_unit_test(unknown_psk_identity_is_refused),
		cmocka_unit_test(wrong_psk_is_refused),
		cmocka_unit_test(one_kind_is_not_taken_for_the_other),
		cmocka_unit_test(both_kinds_and_both_transports_on_one_port),
		cmocka_unit_test(certificate_session_is_resumed),
		cmocka_unit_test(psk_session_is_resumed),
		cmocka_unit_test(judge_is_asked_again_on_resumption),
		cmocka_unit_test(removed_psk_does_not_resume),
		cmocka_unit_test(ticket_of_a_lost_key_means_a_full_handshake),
		cmocka_unit_test(ticket_of_another_name_is_not_enough),
		cmocka_unit_test(server_is_verified_again_on_resumption),
		cmocka_unit_test(ticket_of_the_other_transport_means_a_full_handshake),
		cmocka_unit_test(close_is_told_to_both),
		cmocka_unit_test(owner_may_abandon_in_a_callback),
		cmocka_unit_test(owner_may_close_in_a_callback),
		cmocka_unit_test(listener_says_goodbye),
		cmocka_unit_test(end_of_the_connection_ends_the_session),
		cmocka_unit_test(every_byte_may_come_alone),
		cmocka_unit_test(many_messages_come_in_one_record),
		cmocka_unit_test(many_records_come_at_once),
		cmocka_unit_test(a_message_may_come_in_many_records),
		cmocka_unit_test(messages_of_the_largest_size_go_both_ways),
		cmocka_unit_test(a_body_larger_than_a_message_comes_in_blocks),
		cmocka_unit_test(a_peer_is_not_served_faster_than_it_reads),
		cmocka_unit_test(requests_that_were_read_wait_too),
		cmocka_unit_test(a_peer_that_never_reads_is_closed),
		cmocka_unit_test(dial_never_takes_another_link),
		cmocka_unit_test(dial_is_bound_to_device_and_source),
		cmocka_unit_test(refused_connection_is_told),
		cmocka_unit_test(silent_server_ends_the_handshake_in_time),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
