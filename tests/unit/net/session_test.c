/*
 * The association: who comes in and who does not, what ends it and what does not, over real DTLS on
 * the loopback interface.
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

/* Neither end takes the other for good. */
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

/* --- X.509 ---------------------------------------------------------------------------------- */

static void
exchange_both_ways(struct pair *p)
{
	struct answers a = {0};

	assert_true(ask(p->client.session, COAP_NON, "one", &a) > 0);
	WAIT(p->loop, a.n == 1);
	assert_int_equal(a.code, COAP_205_CONTENT);
	assert_int_equal(a.type, COAP_NON);
	assert_string_equal(p->server.payload, "one");
	assert_true(ask(p->client.session, COAP_CON, "two", &a) > 0);
	WAIT(p->loop, a.n == 2);
	assert_int_equal(a.type, COAP_ACK);
	assert_string_equal(p->server.payload, "two");
	assert_true(ask(p->server.session, COAP_NON, "three", &a) > 0);
	WAIT(p->loop, a.n == 3);
	assert_string_equal(p->client.payload, "three");
	assert_true(ask(p->server.session, COAP_CON, "four", &a) > 0);
	WAIT(p->loop, a.n == 4);
	assert_string_equal(p->client.payload, "four");
	assert_int_equal(a.type, COAP_ACK);
	assert_int_equal(a.error, 0);
}

/* 9132-3-01 9132-4.3-15 9132-4.3-16 9132-4.4-11 9132-8-01 9132-8-04 9132-8-05 */
static void
certificates_and_requests_both_ways_ipv4(void **state)
{
	struct pair p;
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	pair_start(&p, "127.0.0.1");
	exchange_both_ways(&p);
	assert_int_equal(p.server.peer.kind, PEER_CERTIFICATE);
	assert_string_equal(p.server.peer.name, "client.example");
	assert_string_equal(p.server.peer.issuer, "CA one");
	assert_string_equal(p.client.peer.name, "dots.example");
	assert_int_equal(p.server.judged, 1);
	assert_int_equal(p.client.judged, 1);
	assert_false(p.server.resumed);
	assert_true(endpoint_equal(session_local(p.server.session), &p.at));
	assert_true(
		endpoint_equal(session_remote(p.server.session), session_local(p.client.session)));
	assert_string_equal(endpoint_format(session_remote(p.client.session), text),
		endpoint_format(&p.at, (char[ENDPOINT_TEXT_MAX]){0}));
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
	pair_stop(&p);
}

static void
every_dns_name_of_the_peer_is_known(void **state)
{
	struct pair p = {0};

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	pair_dial_as(&p, harness_credentials("named", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.server.ups == 1);
	assert_string_equal(p.server.peer.name, "first.example");
	assert_int_equal(p.server.peer.n_names, 2);
	assert_string_equal(p.server.peer.names[1], "second.example");
	pair_stop(&p);
}

/* 9284-6-09, 9132-4.4.1.2-06 */
static void
peer_cuid_is_that_of_its_credentials(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	assert_string_equal(p.server.peer.cuid, credentials_cuid(c));
	credentials_unref(c);
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

/* 9132-8-06 9132-8-03 */
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
	refused("server", "early", "ca", "dots.example", "peer's alert", "RFC 9132 7.1");
}

/* 9132-8-06 */
static void
server_certificate_is_no_client_certificate(void **state)
{
	(void)state;
	refused("server", "server", "ca", "dots.example", "peer's alert", "RFC 9132 7.1");
}

/* 4218-3.1-01, 8811-2.1-02, 8811-5-05, 9132-7.1-04 */
static void
server_of_a_foreign_ca_is_refused(void **state)
{
	(void)state;
	refused("server", "client", "ca2", "dots.example", "RFC 9132 7.1", "peer's alert");
}

/* 9132-7.1-04 */
static void
expired_server_is_refused(void **state)
{
	(void)state;
	refused("stale", "client", "ca", "dots.example", "expired", "peer's alert");
}

/* 9132-7.1-04 */
static void
client_certificate_is_no_server_certificate(void **state)
{
	(void)state;
	refused("named", "client", "ca", "first.example", "RFC 9132 7.1", "peer's alert");
}

/* 4218-3.1-01, 8811-5-05, 9132-7.1-05 */
static void
server_of_another_name_is_refused(void **state)
{
	(void)state;
	refused("server", "client", "ca", "other.example", "other.example", "peer's alert");
	refused("server", "client", "ca", "127.0.0.2", "127.0.0.2", "peer's alert");
}

/* 9132-7.1-05 9132-7.1-08 */
static void
common_name_and_wildcard_are_no_server_names(void **state)
{
	(void)state;
	refused("cn-only", "client", "ca", "dots.example", "not for the name", "peer's alert");
	/* a name that the wildcard would cover, were it heeded */
	refused("wildcard", "client", "ca", "s1.dots.example", "not for the name", "peer's alert");
}

/* 9132-7.1-09 */
static void
uri_is_no_server_name(void **state)
{
	(void)state;
	refused("uri", "client", "ca", "dots.example", "not for the name", "peer's alert");
}

/* 9132-7.1-05, 9132-7.1-07, 8973-8.2-02, 8973-8.2-03 */
static void
server_known_by_its_srv_id(void **state)
{
	static const char *const servers[] = {"srv", "srv-sub"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p = {0};

		pair_listen(&p, "127.0.0.1", servers[i]);
		pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
		WAIT(p.loop, p.client.ups == 1);
		pair_stop(&p);
	}
}

/* 9132-7.1-05: another domain, another service, a wildcard, and a CA whose domain it is not. */
static void
srv_id_of_something_else_is_refused(void **state)
{
	(void)state;
	refused("srv", "client", "ca", "example", "not for the name", "peer's alert");
	refused("srv-data", "client", "ca", "dots.example", "not for the name", "peer's alert");
	refused("srv-other", "client", "ca", "dots.example", "not for the name", "peer's alert");
	refused("srv-wildcard", "client", "ca", "dots.example", "not for the name", "peer's alert");
	refused("srv-narrow", "client", "ca", "dots.example", "not for the name", "peer's alert");
}

/* The CA that signed it may not speak for the name. Another one is trusted, too, that may: one that
 * signed a certificate shown beside the path (which is left out of the path), or one of the same
 * name. 9132-7.1-05, 9132-7.1-07 */
static void
ca_that_may_speak_for_a_name_does_not_help_one_that_may_not(void **state)
{
	(void)state;
	refused("srv-strict", "client", "strict", "dots.example", "not for the name",
		"peer's alert");
	refused("srv-strict", "client", "strict-twin", "dots.example", "not for the name",
		"peer's alert");
}

static void
server_known_by_its_address(void **state)
{
	struct pair p = {0};

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	pair_dial_as(&p, harness_credentials("client", "ca"), "127.0.0.1", NULL);
	WAIT(p.loop, p.client.ups == 1);
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

/* 9132-7.1-14 9132-8-07 9132-4.4.1.2-06 */
static void
psk_comes_in(void **state)
{
	struct credentials *c = harness_psk("jane", "good.psk");
	struct pair p;

	(void)state;
	psk_listen(&p, NULL);
	pair_dial_as(&p, credentials_ref(c), "dots.example", NULL);
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	exchange_both_ways(&p);
	assert_int_equal(p.server.peer.kind, PEER_PSK);
	assert_string_equal(p.server.peer.name, "jane");
	assert_string_equal(p.server.peer.cuid, credentials_cuid(c));
	assert_string_equal(p.server.peer.issuer, "");
	credentials_unref(c);
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

/* A wrong key shows as records that cannot be decrypted: nobody says why, time runs out. */
static void
wrong_psk_never_comes_up(void **state)
{
	struct credentials *c = harness_psk("jane", "bad.psk");
	struct dial d;
	struct pair p;
	int error;

	(void)state;
	psk_listen(&p, NULL);
	d = harness_dialling(&p.at, c);
	d.handshake_timeout_ms = 1200;
	assert_non_null(session_dial(p.loop, &d, &side_ops, &p.client, &error));
	WAIT(p.loop, p.client.downs == 1);
	assert_string_equal(p.client.reason, "handshake timed out");
	credentials_unref(c);
	pair_expect_refusal(&p);
}

/* 8612-SEC-002-02 */
static void
both_kinds_on_one_port(void **state)
{
	struct pair p;

	(void)state;
	psk_listen(&p, "server");
	pair_dial_as(&p, harness_psk("jane", "good.psk"), "dots.example", NULL);
	WAIT(p.loop, p.server.ups == 1 && p.client.ups == 1);
	assert_int_equal(p.server.peer.kind, PEER_PSK);
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.server.ups == 2 && p.client.ups == 2);
	assert_int_equal(p.server.peer.kind, PEER_CERTIFICATE);
	assert_int_equal(listener_count(p.listener), 2);
	listener_free(p.listener);
	WAIT(p.loop, p.client.downs == 2);
	loop_free(p.loop);
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
	second_visit(&p, harness_credentials("client", "ca"), r, true);
	assert_string_equal(p.server.peer.name, "client.example");
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

/* 9132-7.1-13 */
static void
resumption_needs_no_state_in_the_server(void **state)
{
	struct pair p = {0};
	struct resumption *r;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	r = first_visit(&p, harness_credentials("client", "ca"));
	assert_int_equal(listener_count(p.listener), 0);
	second_visit(&p, harness_credentials("client", "ca"), r, true);
	pair_stop(&p);
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
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", r);
	resumption_free(r);
	WAIT(p.loop, p.client.downs == 2 && p.server.downs == 2);
	assert_int_equal(p.server.ups, 1);
	assert_string_equal(p.server.reason, "client was removed");
	assert_non_null(strstr(p.client.reason, "denied"));
	listener_free(p.listener);
	loop_free(p.loop);
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
	pair_dial_as(&p, harness_psk("jane", "good.psk"), "dots.example", r);
	resumption_free(r);
	WAIT(p.loop, p.client.downs == 2 && p.server.downs == 2);
	assert_int_equal(p.server.ups, 1);
	assert_non_null(strstr(p.server.reason, "not known"));
	listener_free(p.listener);
	loop_free(p.loop);
}

/* 8811-3.2.4.1-04 */
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

/* --- the judge ------------------------------------------------------------------------------ */

/* 8612-SEC-005-01 */
static void
judge_refuses_with_an_alert(void **state)
{
	struct pair p = {0};

	(void)state;
	p.server.refuse = "not in clients";
	pair_listen(&p, "127.0.0.1", "server");
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(p.loop, p.server.downs == 1 && p.client.downs == 1);
	assert_int_equal(p.server.ups, 0);
	assert_string_equal(p.server.reason, "not in clients");
	assert_non_null(strstr(p.client.reason, "denied"));
	assert_int_equal(listener_count(p.listener), 0);
	listener_free(p.listener);
	loop_free(p.loop);
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
	assert_int_equal(p.server.downs, 0); /* from the loop only */
	WAIT(p.loop, p.server.downs == 1 && p.client.downs == 1);
	assert_string_equal(p.server.reason, "removed by reload");
	assert_non_null(strstr(p.client.reason, "peer's alert"));
	assert_false(p.client.farewell || p.server.farewell);
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

/* --- end ------------------------------------------------------------------------------------ */

/* 8612-SIG-004-05 */
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
abandoned_session_says_nothing(void **state)
{
	struct answers a = {0};
	struct pair p;

	(void)state;
	pair_start(&p, "127.0.0.1");
	p.server.hold = true;
	assert_true(ask(p.client.session, COAP_NON, "open", &a) > 0);
	WAIT(p.loop, p.server.n_held == 1);
	session_abandon(p.client.session);
	p.client.session = NULL;
	WAIT(p.loop, p.server.downs == 1);
	assert_int_equal(p.client.downs, 0);
	assert_int_equal(a.n, 0);
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

/* --- what does not end it ------------------------------------------------------------------- */

struct relayed {
	struct pair p;
	struct relay relay;
};

static void
relayed_start(struct relayed *r)
{
	struct endpoint server;

	memset(r, 0, sizeof(*r));
	pair_listen(&r->p, "127.0.0.1", "server");
	server = r->p.at;
	relay_start(&r->relay, r->p.loop, &server);
	r->p.at = r->relay.at;
}

static void
relayed_up(struct relayed *r)
{
	relayed_start(r);
	pair_dial_as(&r->p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(r->p.loop, r->p.client.ups == 1 && r->p.server.ups == 1);
}

static void
relayed_stop(struct relayed *r)
{
	session_close(r->p.client.session);
	WAIT(r->p.loop, r->p.client.downs == 1);
	relay_stop(&r->relay);
	listener_free(r->p.listener);
	loop_free(r->p.loop);
}

/* A flight is as few datagrams as its records fit: each one less is a better chance for the whole
 * (RFC 6347 4.1.1). With a cookie there are three from each end; of certificates one or two. */
static void
flights_are_few_datagrams(void **state)
{
	struct relayed r;

	(void)state;
	relayed_up(&r);
	assert_in_range(r.relay.up, 3, 4);
	assert_in_range(r.relay.down, 3, 4);
	relayed_stop(&r);
}

/* Records that nobody with the keys has made, in both directions. */
static void
inject_rubbish(struct relayed *r)
{
	static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
	static const uint8_t bye[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0};
	static const uint8_t empty[] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 0};
	static const uint8_t coap[] = {0x40, 0x01, 0x12, 0x34};
	uint8_t bytes[200];

	for (int i = 0; i < 200; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)rand();
		if (i % 2) { /* a record header before it, in turn of every type and two epochs */
			memcpy(bytes,
				(uint8_t[]){(uint8_t)(20 + i % 4), 0xfe, 0xfd, 0, i % 3 == 0, 0, 0,
					0, 0, 0, (uint8_t)i, 0, 100},
				13);
		}
		relay_inject_down(&r->relay, bytes, sizeof(bytes));
		relay_inject_up(&r->relay, bytes, sizeof(bytes));
	}
	relay_inject_down(&r->relay, alert, sizeof(alert));
	relay_inject_up(&r->relay, alert, sizeof(alert));
	relay_inject_down(&r->relay, bye, sizeof(bye));
	relay_inject_up(&r->relay, bye, sizeof(bye));
	relay_inject_up(&r->relay, empty, sizeof(empty));
	relay_inject_up(&r->relay, coap, sizeof(coap));
	relay_inject_up(&r->relay, "", 0);
}

/* 4218-1.1-04, 4218-3.3-02, 4218-3.4-02, 4218-4.1.1-01, 9132-3-02 */
static void
rubbish_changes_nothing(void **state)
{
	struct relayed r;
	unsigned heard;

	(void)state;
	relayed_up(&r);
	heard = r.p.server.heard;
	inject_rubbish(&r);
	harness_settle(r.p.loop);
	assert_int_equal(r.p.server.heard, heard);
	assert_int_equal(r.p.server.requests, 0);
	exchange_both_ways(&r.p);
	assert_int_equal(r.p.client.downs + r.p.server.downs, 0);
	relayed_stop(&r);
}

static bool
inject_once(void *arg, const uint8_t *bytes, size_t len)
{
	struct relayed *r = arg;
	static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};

	(void)bytes;
	(void)len;
	relay_inject_down(&r->relay, alert, sizeof(alert));
	return true;
}

/* 4218-1.1-04 */
static void
forged_alert_does_not_end_a_handshake(void **state)
{
	struct relayed r;

	(void)state;
	relayed_start(&r);
	r.relay.pass_up = inject_once;
	r.relay.pass_arg = &r;
	pair_dial_as(&r.p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(r.p.loop, r.p.client.ups == 1 && r.p.server.ups == 1);
	assert_int_equal(r.p.client.downs, 0);
	relayed_stop(&r);
}

/* 4218-3.3-02, 4218-7-03, 8612-SEC-004-02, 9132-7.1-12 */
static void
replayed_record_is_not_processed_twice(void **state)
{
	struct answers a = {0};
	struct relayed r;

	(void)state;
	relayed_up(&r);
	r.relay.twice = true;
	assert_true(ask(r.p.client.session, COAP_NON, "once", &a) > 0);
	WAIT(r.p.loop, a.n == 1);
	harness_settle(r.p.loop);
	assert_int_equal(r.p.server.requests, 1);
	assert_int_equal(r.p.server.heard, 1);
	relayed_stop(&r);
}

/* 4218-4.1.1-01, 9132-4.7 is about an attack: the link says "unreachable", the session stays. */
static void
unreachable_peer_does_not_end_the_session(void **state)
{
	struct answers a = {0};
	struct relayed r;
	struct sockaddr_storage ss;
	socklen_t len;

	(void)state;
	relayed_up(&r);
	watch_free(r.relay.outer);
	close(r.relay.outer_fd); /* now the kernel answers with port unreachable */
	for (int i = 0; i < 3; i++) {
		assert_true(ask(r.p.client.session, COAP_NON, "lost", &a) > 0);
		harness_settle(r.p.loop);
	}
	assert_int_equal(r.p.client.downs, 0);
	r.relay.outer_fd = socket(AF_INET, SOCK_DGRAM, 0);
	len = endpoint_to_sockaddr(&r.relay.at, &ss);
	assert_int_equal(bind(r.relay.outer_fd, (struct sockaddr *)&ss, len), 0);
	relay_watch_outer(&r.relay, r.p.loop);
	assert_true(ask(r.p.client.session, COAP_NON, "back", &a) > 0);
	WAIT(r.p.loop, a.n == 1 && strcmp(r.p.server.payload, "back") == 0);
	relayed_stop(&r);
}

/* 4218-4.1.1-01 */
static void
unreachable_server_does_not_end_the_handshake(void **state)
{
	struct pair p = {0};
	struct listener_config cfg = {0};
	char at[ENDPOINT_TEXT_MAX];

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	listener_free(p.listener);
	pair_dial_as(&p, harness_credentials("client", "ca"), "dots.example", NULL);
	harness_settle(p.loop);
	assert_int_equal(p.client.downs, 0);
	cfg.credentials = harness_credentials("server", "ca");
	p.listener = harness_listen(p.loop, endpoint_format(&p.at, at), &cfg, &p.server, &p.at);
	credentials_unref(cfg.credentials);
	WAIT(p.loop, p.client.ups == 1);
	pair_stop(&p);
}

static void
lost_flights_are_repeated(void **state)
{
	struct relayed r;

	(void)state;
	relayed_start(&r);
	r.relay.lose_up = 1;
	r.relay.lose_down = 2;
	pair_dial_as(&r.p, harness_credentials("client", "ca"), "dots.example", NULL);
	WAIT(r.p.loop, r.p.client.ups == 1 && r.p.server.ups == 1);
	exchange_both_ways(&r.p);
	relayed_stop(&r);
}

/* 4218-4.2-01, 8811-3.1.2-09 */
static void
silent_server_ends_the_handshake_in_time(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct relayed r;
	struct dial d;
	int error;

	(void)state;
	relayed_start(&r);
	r.relay.deaf = true;
	d = harness_dialling(&r.p.at, c);
	d.handshake_timeout_ms = 100;
	assert_non_null(session_dial(r.p.loop, &d, &side_ops, &r.p.client, &error));
	credentials_unref(c);
	WAIT(r.p.loop, r.p.client.downs == 1);
	assert_string_equal(r.p.client.reason, "handshake timed out");
	assert_int_equal(r.p.client.judged, 0);
	relay_stop(&r.relay);
	listener_free(r.p.listener);
	loop_free(r.p.loop);
}

/* --- sockets -------------------------------------------------------------------------------- */

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

/* 9284-5.2-54 */
static void
dial_is_bound_to_device_and_source(void **state)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct pair p = {0};
	struct dial d;
	struct addr source;
	int error;

	(void)state;
	pair_listen(&p, "127.0.0.1", "server");
	d = harness_dialling(&p.at, c);
	d.interface = "lo";
	assert_int_equal(addr_parse("127.0.0.77", &source), 0);
	d.source = source;
	assert_non_null(session_dial(p.loop, &d, &side_ops, &p.client, &error));
	credentials_unref(c);
	WAIT(p.loop, p.client.ups == 1 && p.server.ups == 1);
	assert_true(addr_equal(&session_remote(p.server.session)->addr, &source));
	assert_true(addr_equal(&session_local(p.client.session)->addr, &source));
	assert_string_equal(session_interface(p.client.session), "lo");
	pair_stop(&p);
}

/* --- sizes ---------------------------------------------------------------------------------- */

static bool
no_more_than_a_path_mtu(void *arg, const uint8_t *bytes, size_t len)
{
	size_t *largest = arg;

	(void)bytes;
	if (len > *largest)
		*largest = len;
	return true;
}

/* 8612-SIG-002-01, 9132-7.3-02 9132-7.3-04 9132-7.3-05, 9132-3-19 */
static void
largest_message_fills_one_datagram(void **state)
{
	enum { IPV4_UDP = 28, PATH_MTU = 1280 };
	char text[2000] = {0};
	struct answers a = {0};
	struct relayed r;
	size_t largest = 0, room;

	(void)state;
	relayed_up(&r);
	r.relay.pass_up = no_more_than_a_path_mtu;
	r.relay.pass_arg = &largest;
	room = session_max_message(r.p.client.session);
	assert_in_range(room, PATH_MTU - IPV4_UDP - 60, PATH_MTU - IPV4_UDP - 13 - 8);
	/* header 4, token 8, Uri-Path "hb" 3, payload marker 1 */
	memset(text, 'x', room - 16);
	assert_true(ask(r.p.client.session, COAP_NON, text, &a) > 0);
	WAIT(r.p.loop, a.n == 1);
	assert_int_equal(largest, PATH_MTU - IPV4_UDP);
	strcat(text, "x");
	assert_int_equal(ask(r.p.client.session, COAP_NON, text, &a), -EMSGSIZE);
	relayed_stop(&r);
}

/* 9132-7.3-02: of the same path the larger header. */
static void
ipv6_leaves_less_room(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};
	size_t room[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, addresses[i]);
		room[i] = session_max_message(p.client.session);
		pair_stop(&p);
	}
	assert_int_equal(room[0], room[1] + 20);
}

/* 9132-7.3-02, 9132-3-19: also a certificate that is larger than a datagram. */
static void
handshake_fits_the_path_too(void **state)
{
	static char names[4][240];
	struct pki_spec spec = {.name = "large", .issuer = "ca", .client = true};
	size_t largest = 0;
	struct relayed r;

	(void)state;
	for (int i = 0; i < 4; i++) {
		memset(names[i], 'a' + i, sizeof(names[i]) - 1);
		spec.dns[i] = names[i];
	}
	pki_make(&spec);
	relayed_start(&r);
	r.relay.pass_up = no_more_than_a_path_mtu;
	r.relay.pass_arg = &largest;
	pair_dial_as(&r.p, harness_credentials("large", "ca"), "dots.example", NULL);
	WAIT(r.p.loop, r.p.client.ups == 1 && r.p.server.ups == 1);
	assert_in_range(largest, 1000, 1252);
	relayed_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_and_requests_both_ways_ipv4),
		cmocka_unit_test(flights_are_few_datagrams),
		cmocka_unit_test(certificates_and_requests_both_ways_ipv6),
		cmocka_unit_test(every_dns_name_of_the_peer_is_known),
		cmocka_unit_test(peer_cuid_is_that_of_its_credentials),
		cmocka_unit_test(client_of_a_foreign_ca_is_refused),
		cmocka_unit_test(expired_client_is_refused),
		cmocka_unit_test(server_certificate_is_no_client_certificate),
		cmocka_unit_test(server_of_a_foreign_ca_is_refused),
		cmocka_unit_test(expired_server_is_refused),
		cmocka_unit_test(client_certificate_is_no_server_certificate),
		cmocka_unit_test(server_of_another_name_is_refused),
		cmocka_unit_test(common_name_and_wildcard_are_no_server_names),
		cmocka_unit_test(uri_is_no_server_name),
		cmocka_unit_test(server_known_by_its_srv_id),
		cmocka_unit_test(srv_id_of_something_else_is_refused),
		cmocka_unit_test(ca_that_may_speak_for_a_name_does_not_help_one_that_may_not),
		cmocka_unit_test(server_known_by_its_address),
		cmocka_unit_test(psk_comes_in),
		cmocka_unit_test(unknown_psk_identity_is_refused),
		cmocka_unit_test(wrong_psk_never_comes_up),
		cmocka_unit_test(both_kinds_on_one_port),
		cmocka_unit_test(one_kind_is_not_taken_for_the_other),
		cmocka_unit_test(certificate_session_is_resumed),
		cmocka_unit_test(psk_session_is_resumed),
		cmocka_unit_test(resumption_needs_no_state_in_the_server),
		cmocka_unit_test(judge_is_asked_again_on_resumption),
		cmocka_unit_test(removed_psk_does_not_resume),
		cmocka_unit_test(ticket_of_a_lost_key_means_a_full_handshake),
		cmocka_unit_test(ticket_of_another_name_is_not_enough),
		cmocka_unit_test(judge_refuses_with_an_alert),
		cmocka_unit_test(judging_again_ends_a_live_session),
		cmocka_unit_test(judging_again_uses_the_new_trust),
		cmocka_unit_test(close_is_told_to_both),
		cmocka_unit_test(abandoned_session_says_nothing),
		cmocka_unit_test(owner_may_abandon_in_a_callback),
		cmocka_unit_test(owner_may_close_in_a_callback),
		cmocka_unit_test(listener_says_goodbye),
		cmocka_unit_test(rubbish_changes_nothing),
		cmocka_unit_test(forged_alert_does_not_end_a_handshake),
		cmocka_unit_test(replayed_record_is_not_processed_twice),
		cmocka_unit_test(unreachable_peer_does_not_end_the_session),
		cmocka_unit_test(unreachable_server_does_not_end_the_handshake),
		cmocka_unit_test(lost_flights_are_repeated),
		cmocka_unit_test(silent_server_ends_the_handshake_in_time),
		cmocka_unit_test(dial_never_takes_another_link),
		cmocka_unit_test(dial_is_bound_to_device_and_source),
		cmocka_unit_test(largest_message_fills_one_datagram),
		cmocka_unit_test(ipv6_leaves_less_room),
		cmocka_unit_test(handshake_fits_the_path_too),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
