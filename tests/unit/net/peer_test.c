/*
 * Peers known by their raw public keys (RFC 7250), alone and beside certificates and pre-shared
 * keys, over both transports. What certificates have to say is in session_test.c.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

struct pair {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	enum session_transport transport;
	struct side server, client;
};

static const enum session_transport transports[] = {SESSION_UDP, SESSION_TCP};

/* The digest of a key: also that of the certificate's. */
static const char *
digest_of(const char *key)
{
	static char text[CUID_TEXT_LEN + 1];
	struct credentials *c = harness_credentials(key, "ca");

	snprintf(text, sizeof(text), "%s", credentials_cuid(c));
	credentials_unref(c);
	return text;
}

/* certificate, pinned: NULL: none. */
static struct credentials *
raw_key(const char *key, const char *pinned, const char *certificate)
{
	char *pin = pinned ? strdup(digest_of(pinned)) : NULL;
	struct credentials_config cfg = {
		.raw_key = pki_path(key, ".key"),
		.spki = &pin,
		.n_spki = pin ? 1 : 0,
		.certificate = certificate ? pki_path(certificate, ".crt") : NULL,
		.key = certificate ? pki_path(certificate, ".key") : NULL,
		.trust = certificate ? pki_path("ca", ".crt") : NULL,
	};
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(&cfg, &c, why, sizeof(why)) != CREDENTIALS_OK)
		fail_msg("%s", why);
	free(pin);
	return c;
}

static void
pair_listen(struct pair *p, enum session_transport t, struct credentials *c)
{
	struct listener_config cfg = {.credentials = c, .psk = side_psk};

	memset(p, 0, sizeof(*p));
	p->transport = t;
	p->server.psk_name = "jane";
	for (uint8_t i = 0; i < 16; i++)
		p->server.psk_key[i] = i;
	p->loop = loop_new();
	p->listener = harness_listen(p->loop, "127.0.0.1", &cfg, &p->server, &p->at);
	credentials_unref(c);
}

static void
pair_dial(struct pair *p, struct credentials *c, const struct resumption *resume)
{
	struct dial d = harness_dialling(&p->at, c);
	int error = 0;

	d.transport = p->transport;
	d.resume = resume;
	assert_non_null(session_dial(p->loop, &d, &side_ops, &p->client, &error));
	credentials_unref(c);
}

static void
pair_up(struct pair *p, struct credentials *c)
{
	unsigned ups = p->server.ups;

	pair_dial(p, c, NULL);
	WAIT(p->loop, p->client.ups == ups + 1 && p->server.ups == ups + 1);
}

static void
pair_close(struct pair *p)
{
	unsigned downs = p->server.downs;

	session_close(p->client.session);
	WAIT(p->loop, !p->client.session && p->server.downs == downs + 1);
}

static void
pair_stop(struct pair *p)
{
	listener_free(p->listener);
	harness_settle(p->loop);
	loop_free(p->loop);
}

static void
expect_refusal(struct pair *p, struct credentials *c, const char *at_client, const char *at_server)
{
	pair_dial(p, c, NULL);
	WAIT(p->loop, p->client.downs == 1);
	WAIT(p->loop, p->server.downs > 0); /* it may have been tried again by a repeated flight */
	assert_int_equal(p->server.ups, 0);
	assert_int_equal(p->client.ups, 0);
	if (!strstr(p->client.reason, at_client) || !strstr(p->server.reason, at_server))
		fail_msg("client: %s, server: %s", p->client.reason, p->server.reason);
	pair_stop(p);
}

/* 9132-7.1-14, 9132-8-07, 9132-4.4.1.1-08, 9132-4.4.1.2-06, 9284-5.1-11 */
static void
raw_keys_come_in(void **state)
{
	char name[64];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct answers a = {0};
		struct pair p;

		pair_listen(&p, transports[i], raw_key("server", NULL, NULL));
		pair_up(&p, raw_key("client", "server", NULL));
		assert_true(ask(p.client.session, COAP_CON, "one", &a) > 0);
		WAIT(p.loop, a.n == 1);
		assert_int_equal(a.code, COAP_205_CONTENT);
		assert_int_equal(p.server.peer.kind, PEER_RAW_KEY);
		assert_string_equal(p.server.peer.cuid, digest_of("client"));
		snprintf(name, sizeof(name), "spki:%s", digest_of("client"));
		assert_string_equal(session_peer(p.server.session)->name, name);
		assert_int_equal(p.server.peer.n_names, 0);
		assert_int_equal(p.server.peer.expires, 0);
		assert_string_equal(p.client.peer.cuid, digest_of("server"));
		assert_int_equal(p.server.judged, 1);
		pair_close(&p);
		pair_stop(&p);
	}
}

/* 9132-7.1-13 */
static void
raw_key_session_is_resumed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct resumption *r;
		struct pair p;

		pair_listen(&p, transports[i], raw_key("server", NULL, NULL));
		pair_up(&p, raw_key("client", "server", NULL));
		r = session_resumption(p.client.session);
		assert_non_null(r);
		pair_close(&p);
		pair_dial(&p, raw_key("client", "server", NULL), r);
		resumption_free(r);
		WAIT(p.loop, p.client.ups == 2 && p.server.ups == 2);
		assert_true(p.client.resumed && p.server.resumed);
		assert_int_equal(p.server.peer.kind, PEER_RAW_KEY);
		assert_string_equal(p.server.peer.cuid, digest_of("client"));
		assert_string_equal(p.client.peer.cuid, digest_of("server"));
		assert_int_equal(p.server.judged, 2);
		pair_close(&p);
		pair_stop(&p);
	}
}

/* The judge is asked again, and the list of the client is looked at again. */
static void
removed_raw_keys_do_not_resume(void **state)
{
	(void)state;
	for (int theirs = 0; theirs < 2; theirs++) {
		struct resumption *r;
		struct pair p;

		pair_listen(&p, SESSION_UDP, raw_key("server", NULL, NULL));
		pair_up(&p, raw_key("client", "server", NULL));
		r = session_resumption(p.client.session);
		assert_non_null(r);
		pair_close(&p);
		p.server.refuse = theirs ? NULL : "its key was removed";
		pair_dial(&p, raw_key("client", theirs ? "named" : "server", NULL), r);
		resumption_free(r);
		WAIT(p.loop, p.client.downs == 2 && p.server.downs == 2);
		assert_int_equal(theirs ? p.client.ups : p.server.ups, 1);
		pair_stop(&p);
	}
}

/* 9132-7.1-04 */
static void
server_with_another_raw_key_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_listen(&p, transports[i], raw_key("server", NULL, NULL));
		expect_refusal(&p, raw_key("client", "named", NULL), "is not in `spki`", "alert");
	}
}

/* 9132-8-02 */
static void
raw_key_where_none_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_listen(&p, transports[i], harness_credentials("server", "ca"));
		expect_refusal(&p, raw_key("client", "server", NULL), "", "");
		pair_listen(&p, transports[i], raw_key("server", NULL, NULL));
		expect_refusal(&p, harness_credentials("client", "ca"), "", "");
	}
}

/* Each client gets what it can check, on one port. */
static void
one_server_takes_all_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_listen(&p, transports[i], raw_key("named", NULL, "server"));
		pair_up(&p, harness_credentials("client", "ca"));
		assert_int_equal(p.server.peer.kind, PEER_CERTIFICATE);
		assert_string_equal(session_peer(p.client.session)->name, "dots.example");
		pair_close(&p);
		pair_up(&p, raw_key("client", "named", NULL));
		assert_int_equal(p.server.peer.kind, PEER_RAW_KEY);
		assert_string_equal(p.client.peer.cuid, digest_of("named"));
		pair_close(&p);
		pair_up(&p, harness_psk("jane", "good.psk"));
		assert_int_equal(p.server.peer.kind, PEER_PSK);
		pair_close(&p);
		pair_stop(&p);
	}
}

/* A reload that takes raw keys away, or another one of the server. */
static void
live_sessions_are_judged_by_the_new_keys(void **state)
{
	struct credentials *same = raw_key("named", "server", NULL),
			   *other = raw_key("client", "named", NULL),
			   *none = harness_credentials("client", "ca");
	struct pair p;

	(void)state;
	pair_listen(&p, SESSION_UDP, raw_key("server", NULL, NULL));
	pair_up(&p, raw_key("client", "server", NULL));
	session_judge_by(p.client.session, same); /* another key of ours, the same of the server */
	assert_non_null(p.client.session);
	session_judge_by(p.client.session, other);
	WAIT(p.loop, !p.client.session);
	assert_non_null(strstr(p.client.reason, "is not in `spki`"));
	pair_up(&p, raw_key("client", "server", NULL));
	session_judge_by(p.server.session, none);
	WAIT(p.loop, !p.server.session);
	assert_non_null(strstr(p.server.reason, "none is accepted here"));
	credentials_unref(same);
	credentials_unref(other);
	credentials_unref(none);
	pair_stop(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_keys_come_in),
		cmocka_unit_test(raw_key_session_is_resumed),
		cmocka_unit_test(removed_raw_keys_do_not_resume),
		cmocka_unit_test(server_with_another_raw_key_is_refused),
		cmocka_unit_test(raw_key_where_none_is_accepted),
		cmocka_unit_test(one_server_takes_all_kinds),
		cmocka_unit_test(live_sessions_are_judged_by_the_new_keys),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
