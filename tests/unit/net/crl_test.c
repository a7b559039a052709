/*
 * Revoked certificates: lists that are taken and lists that are not, and who is refused for them,
 * at a handshake, at a resumed one, after a reload (RFC 9132 8, RFC 5280 6.3).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/association.h"
#include "net/crl.h"
#include "net/record.h"

/* ---- lists ---- */

static struct credentials *
with_lists(const char *certificate, const char *trust, const char *crl)
{
	struct credentials_config cfg = {
		.certificate = pki_path(certificate, ".crt"),
		.key = pki_path(certificate, ".key"),
		.trust = pki_path(trust, ".crt"),
		.crl = crl ? pki_path(crl, ".crl") : NULL,
	};
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(&cfg, &c, why, sizeof(why)) == CREDENTIALS_BROKEN)
		fail_msg("%s", why);
	return c;
}

static void
expect_broken(const char *trust, const char *crl, const char *expected)
{
	struct credentials_config cfg = {
		.certificate = pki_path("server", ".crt"),
		.key = pki_path("server", ".key"),
		.trust = pki_path(trust, ".crt"),
		.crl = pki_path(crl, ".crl"),
	};
	struct credentials *c = NULL;
	char why[256] = "";

	assert_int_equal(credentials_load(&cfg, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
	if (!strstr(why, expected) || !strstr(why, crl))
		fail_msg("%s", why);
	assert_null(c);
}

static void
lists_are_read_with_their_times(void **state)
{
	struct credentials *c = with_lists("server", "both", "two");
	struct crl_view v[2];

	(void)state;
	assert_true(credentials_crl(c, 0, &v[0]) && credentials_crl(c, 1, &v[1]));
	assert_string_equal(v[0].issuer, "CA one");
	assert_string_equal(v[1].issuer, "CA two");
	assert_int_equal(v[0].expires - v[0].issued, 3 * 86400);
	assert_false(credentials_crl(c, 2, &v[0]));
	assert_null(credentials_without_crl(c, 0));
	credentials_unref(c);
}

static void
a_ca_without_a_list_is_named(void **state)
{
	struct credentials *c = with_lists("server", "both", "plain");

	(void)state;
	assert_string_equal(credentials_without_crl(c, 0), "CA two");
	assert_null(credentials_without_crl(c, 1));
	credentials_unref(c);
	c = with_lists("server", "both", NULL); /* revocation is not looked at */
	assert_null(credentials_without_crl(c, 0));
	credentials_unref(c);
}

static void
lists_of_others_and_rubbish_are_broken(void **state)
{
	struct credentials_config psk = {.psk_identity = "jane",
		.psk_file = pki_path("good.psk", ""),
		.crl = pki_path("plain", ".crl")};
	struct credentials *c = NULL;
	char why[256] = "";

	(void)state;
	expect_broken("ca2", "plain", "CA one, who issued a list, is no CA of `trust`");
	expect_broken("ca", "two", "CA two, who issued a list, is no CA of `trust`");
	expect_broken("ca", "forged", "the list of CA one is not signed by it");
	expect_broken("ca", "missing", "missing.crl");
	expect_broken("ca", "rubbish", "rubbish.crl");
	expect_broken("ca", "empty", "empty.crl");
	assert_int_equal(credentials_load(&psk, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
}

/* ---- handshakes ---- */

struct meeting {
	struct loop *loop;
	struct listener *listener;
	struct endpoint at;
	struct side server, client;
};

static void
meet(struct meeting *m, struct credentials *server, struct credentials *client)
{
	struct listener_config cfg = {.credentials = server};
	struct dial d;
	int error;

	memset(m, 0, sizeof(*m));
	m->loop = loop_new();
	m->listener = harness_listen(m->loop, "127.0.0.1", &cfg, &m->server, &m->at);
	d = harness_dialling(&m->at, client);
	assert_non_null(session_dial(m->loop, &d, &side_ops, &m->client, &error));
	credentials_unref(server);
	credentials_unref(client);
}

static void
part(struct meeting *m)
{
	listener_free(m->listener);
	WAIT(m->loop, m->client.downs == 1);
	loop_free(m->loop);
}

static void
comes_in(struct credentials *server, struct credentials *client)
{
	struct meeting m;

	meet(&m, server, client);
	WAIT(m.loop, m.server.ups == 1 && m.client.ups == 1);
	part(&m);
}

static void
refused_by(struct side *side, struct meeting *m, const char *why)
{
	WAIT(m->loop, m->server.downs == 1 && m->client.downs == 1);
	if (!strstr(side->reason, why))
		fail_msg("%s", side->reason);
	assert_int_equal(m->server.ups, 0);
	part(m);
}

static void
refused_by_server(struct credentials *server, struct credentials *client, const char *why)
{
	struct meeting m;

	meet(&m, server, client);
	refused_by(&m.server, &m, why);
}

/* 9132-8-06 */
static void
a_revoked_client_is_refused_and_no_other(void **state)
{
	(void)state;
	refused_by_server(with_lists("server", "ca", "client"), harness_credentials("client", "ca"),
		"client.example is revoked by CA one (RFC 5280 6.3.3)");
	comes_in(with_lists("server", "ca", "client"), harness_credentials("named", "ca"));
	comes_in(with_lists("server", "ca", "plain"), harness_credentials("client", "ca"));
}

/* 9132-7.1-04 */
static void
a_revoked_server_is_refused(void **state)
{
	struct meeting m;

	(void)state;
	meet(&m, harness_credentials("server", "ca"), with_lists("client", "ca", "server"));
	refused_by(&m.client, &m, "dots.example is revoked by CA one");
	comes_in(harness_credentials("server", "ca"), with_lists("client", "ca", "client"));
}

static void
an_old_list_and_one_of_tomorrow_still_count(void **state)
{
	(void)state;
	refused_by_server(with_lists("server", "ca", "old"), harness_credentials("client", "ca"),
		"revoked by CA one");
	comes_in(with_lists("server", "ca", "old"), harness_credentials("named", "ca"));
	refused_by_server(with_lists("server", "ca", "tomorrow"),
		harness_credentials("client", "ca"), "revoked by CA one");
}

static void
two_lists_of_one_issuer_both_count(void **state)
{
	(void)state;
	refused_by_server(with_lists("server", "ca", "split"), harness_credentials("client", "ca"),
		"revoked by CA one");
	refused_by_server(with_lists("server", "ca", "split"), harness_credentials("named", "ca"),
		"first.example is revoked by CA one");
}

static void
without_a_list_of_its_issuer_a_peer_is_refused(void **state)
{
	(void)state;
	refused_by_server(with_lists("server", "both", "plain"),
		harness_credentials("foreign", "ca"),
		"no list of revoked ones of the issuer of foreign.example");
	comes_in(with_lists("server", "both", "two"), harness_credentials("foreign", "ca"));
	comes_in(harness_credentials("server", "both"), harness_credentials("foreign", "ca"));
}

/* ca signs mid, mid signs deep; deep shows mid. 9132-7.1-04 */
static void
the_whole_path_is_looked_at(void **state)
{
	(void)state;
	comes_in(harness_credentials("server", "ca"), harness_credentials("deep", "ca"));
	refused_by_server(with_lists("server", "ca", "mid"), harness_credentials("deep", "ca"),
		"Middle is revoked by CA one");
	refused_by_server(with_lists("server", "ca", "plain"), harness_credentials("deep", "ca"),
		"no list of revoked ones of the issuer of deep.example");
	/* With the CA between among those we trust, its list is taken. */
	comes_in(with_lists("server", "ca-and-mid", "plain-and-mids"),
		harness_credentials("deep", "ca"));
	refused_by_server(with_lists("server", "ca-and-mid", "plain-and-deep"),
		harness_credentials("deep", "ca"), "deep.example is revoked by Middle");
	refused_by_server(with_lists("server", "ca-and-mid", "mid-and-mids"),
		harness_credentials("deep", "ca"), "Middle is revoked by CA one");
}

/* As the certificates of these names were shown, in this order: our own library would send only
 * those that make the path. */
static bool
is_fine(struct credentials *c, const char *const *names, char why[static 256])
{
	gnutls_x509_crt_t shown[4];
	gnutls_datum_t text;
	unsigned n = 0;
	bool fine;

	for (; names[n]; n++) {
		assert_true(gnutls_load_file(pki_path(names[n], ".crt"), &text) >= 0);
		gnutls_x509_crt_init(&shown[n]);
		assert_true(gnutls_x509_crt_import(shown[n], &text, GNUTLS_X509_FMT_PEM) >= 0);
		gnutls_free(text.data);
	}
	fine = crls_check(credentials_crls(c), credentials_trust(c), shown, n, why, 256);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(shown[i]);
	credentials_unref(c);
	return fine;
}

/* Which of the certificates shown make the path is for the library to find, so that another one of
 * the same name does not hide the revoked one, wherever it stands. */
static void
a_namesake_does_not_hide_a_revoked_one(void **state)
{
	char why[256] = "";

	(void)state;
	assert_false(is_fine(with_lists("server", "ca-and-mid", "mid-and-mids"),
		(const char *[]){"deep", "namesake", "mid", NULL}, why));
	assert_non_null(strstr(why, "Middle is revoked by CA one"));
	assert_false(is_fine(with_lists("server", "ca-and-mid", "mid-and-mids"),
		(const char *[]){"deep", "mid", "namesake", NULL}, why));
	assert_true(is_fine(with_lists("server", "ca-and-mid", "plain-and-mids"),
		(const char *[]){"deep", "mid", "namesake", NULL}, why));
}

/* The namesake's CA is neither ours nor shown: that way leads nowhere, so it needs no list. */
static void
what_cannot_be_in_the_path_needs_no_list(void **state)
{
	char why[256] = "";

	(void)state;
	assert_true(is_fine(with_lists("server", "ca", "plain"),
		(const char *[]){"client", "namesake", NULL}, why));
	assert_false(is_fine(with_lists("server", "both", "plain"),
		(const char *[]){"client", "namesake", NULL}, why));
	assert_non_null(strstr(why, "no list of revoked ones of the issuer of Middle"));
	assert_false(is_fine(with_lists("server", "ca", "plain"),
		(const char *[]){"client", "deep", "mid", NULL}, why));
	assert_non_null(strstr(why, "issuer of deep.example"));
}

/* ---- a ticket of before ---- */

/* An association without sockets: what one side pushes the other one reads. */
struct wire {
	uint8_t bytes[65536];
	size_t len[64];
	unsigned n;
	size_t total;
};

static bool
wire_push(void *arg, const void *datagram, size_t len)
{
	struct wire *w = arg;

	assert_true(w->n < 64 && w->total + len <= sizeof(w->bytes));
	memcpy(w->bytes + w->total, datagram, len);
	w->len[w->n++] = len;
	w->total += len;
	return true;
}

struct end {
	struct association *dtls;
	struct wire out;
	enum association_progress progress;
};

static void
carry(struct wire *from, struct end *to)
{
	static struct wire w;
	uint8_t *at = w.bytes;
	size_t n;

	w = *from;
	from->n = 0;
	from->total = 0;
	for (unsigned i = 0; i < w.n; at += w.len[i], i++)
		for (size_t done = 0; (n = record_length(at + done, w.len[i] - done)) > 0 &&
				      to->progress == ASSOCIATION_WAITING;
			done += n)
			to->progress = association_handshake(to->dtls, at + done, n);
}

static void
shake_hands(struct end *client, struct end *server, struct association_server *ds,
	struct credentials *client_c, struct credentials *server_c, const struct resumption *resume)
{
	struct association_setup at_client = {.credentials = client_c,
		.server_name = "dots.example",
		.resume = resume,
		.mtu = 1200,
		.push = wire_push,
		.arg = &client->out};
	struct association_setup at_server = {.credentials = server_c,
		.server = ds,
		.mtu = 1200,
		.push = wire_push,
		.arg = &server->out};

	memset(client, 0, sizeof(*client));
	memset(server, 0, sizeof(*server));
	client->dtls = association_new(&at_client);
	server->dtls = association_new(&at_server);
	client->progress = association_handshake(client->dtls, NULL, 0);
	for (int i = 0; i < 20 && (client->out.n || server->out.n); i++) {
		carry(&client->out, server);
		carry(&server->out, client);
	}
}

static void
hang_up(struct end *client, struct end *server)
{
	association_free(client->dtls);
	association_free(server->dtls);
}

/* At the server and at the client: who was revoked since it got its ticket, or gave it, is found at
 * the resumed handshake, in which the library looks at no certificate. */
static void
a_ticket_of_before_does_not_bring_a_revoked_peer_back(void **state)
{
	static struct end client, server;
	struct association_server *ds = association_server_new(NULL, NULL);
	struct credentials *as_client = harness_credentials("client", "ca");
	struct credentials *as_server = harness_credentials("server", "ca");
	struct credentials *server_knows = with_lists("server", "ca", "client");
	struct credentials *client_knows = with_lists("client", "ca", "server");
	struct resumption *ticket;

	(void)state;
	shake_hands(&client, &server, ds, as_client, as_server, NULL);
	assert_int_equal(client.progress, ASSOCIATION_DONE);
	assert_int_equal(server.progress, ASSOCIATION_DONE);
	assert_true(association_verify(server.dtls, as_server));
	ticket = association_resumption(client.dtls);
	assert_non_null(ticket);
	hang_up(&client, &server);

	shake_hands(&client, &server, ds, as_client, server_knows, ticket);
	assert_int_equal(server.progress, ASSOCIATION_DONE);
	assert_true(association_resumed(server.dtls));
	assert_false(association_verify(server.dtls, server_knows));
	assert_non_null(
		strstr(association_why(server.dtls), "client.example is revoked by CA one"));
	hang_up(&client, &server);

	shake_hands(&client, &server, ds, client_knows, as_server, ticket);
	assert_int_equal(client.progress, ASSOCIATION_DONE);
	assert_true(association_resumed(client.dtls));
	assert_false(association_verify(client.dtls, client_knows));
	assert_non_null(strstr(association_why(client.dtls), "dots.example is revoked by CA one"));
	hang_up(&client, &server);

	resumption_free(ticket);
	credentials_unref(as_client);
	credentials_unref(as_server);
	credentials_unref(server_knows);
	credentials_unref(client_knows);
	association_server_free(ds);
}

/* ---- a reload ---- */

static void
a_live_session_is_judged_by_the_new_list(void **state)
{
	struct credentials *c;
	struct meeting m;

	(void)state;
	meet(&m, harness_credentials("server", "ca"), harness_credentials("client", "ca"));
	WAIT(m.loop, m.server.ups == 1 && m.client.ups == 1);
	c = with_lists("server", "ca", "named");
	listener_set_credentials(m.listener, c);
	credentials_unref(c);
	session_judge(m.server.session);
	harness_settle(m.loop);
	assert_int_equal(m.server.downs, 0);
	c = with_lists("server", "ca", "client");
	listener_set_credentials(m.listener, c);
	credentials_unref(c);
	session_judge(m.server.session);
	WAIT(m.loop, m.server.downs == 1 && m.client.downs == 1);
	assert_non_null(strstr(m.server.reason, "revoked by CA one"));
	part(&m);
}

static void
a_dialled_session_is_judged_by_the_new_list(void **state)
{
	struct credentials *c = with_lists("client", "ca", "named");
	struct meeting m;

	(void)state;
	meet(&m, harness_credentials("server", "ca"), harness_credentials("client", "ca"));
	WAIT(m.loop, m.server.ups == 1 && m.client.ups == 1);
	session_judge_by(m.client.session, c);
	credentials_unref(c);
	harness_settle(m.loop);
	assert_int_equal(m.client.downs, 0);
	c = with_lists("client", "ca", "server");
	session_judge_by(m.client.session, c);
	credentials_unref(c);
	WAIT(m.loop, m.client.downs == 1 && m.server.downs == 1);
	assert_non_null(strstr(m.client.reason, "dots.example is revoked by CA one"));
	part(&m);
}

/* A session outlives the certificate it came up with until its peer is judged again: no timer looks
 * at it. Its owner has longer and longer to come up in time. 9132-8-06 */
static void
a_certificate_that_expired_meanwhile_is_found_by_the_next_judge(void **state)
{
	struct meeting m;
	int valid = 2;
	time_t made;

	(void)state;
	for (;; valid *= 2) {
		made = time(NULL);
		pki_make(&(struct pki_spec){.name = "brief",
			.issuer = "ca",
			.cn = "brief.example",
			.client = true,
			.until_seconds = valid});
		meet(&m, harness_credentials("server", "ca"), harness_credentials("brief", "ca"));
		WAIT(m.loop, m.server.ups + m.server.downs == 1 && m.client.ups + m.client.downs);
		if (m.server.ups)
			break;
		WAIT(m.loop, m.client.downs == 1);
		part(&m);
	}
	WAIT(m.loop, time(NULL) > made + valid);
	harness_settle(m.loop);
	assert_int_equal(m.server.downs, 0);
	session_judge(m.server.session);
	WAIT(m.loop, m.server.downs == 1 && m.client.downs == 1);
	assert_non_null(strstr(m.server.reason, "expired"));
	part(&m);
}

/* ---- */

static void
make_lists(void)
{
	static const struct pki_crl lists[] = {
		{.name = "plain", .issuer = "ca"},
		{.name = "client", .issuer = "ca", .revoked = {"client"}},
		{.name = "named", .issuer = "ca", .revoked = {"named"}},
		{.name = "server", .issuer = "ca", .revoked = {"server"}},
		{.name = "old",
			.issuer = "ca",
			.revoked = {"client"},
			.from_seconds = -9000,
			.until_seconds = -60},
		{.name = "tomorrow",
			.issuer = "ca",
			.revoked = {"client"},
			.from_seconds = 80000,
			.until_seconds = 90000},
		{.name = "forged", .issuer = "twin"},
		{.name = "two", .issuer = "ca"},
		{.name = "ca2", .issuer = "ca2"},
		{.name = "split", .issuer = "ca", .revoked = {"named"}},
		{.name = "mid", .issuer = "ca", .revoked = {"mid"}},
		{.name = "mids", .issuer = "mid"},
		{.name = "deep", .issuer = "mid", .revoked = {"deep"}},
		{.name = "plain-and-mids", .issuer = "ca"},
		{.name = "plain-and-deep", .issuer = "ca"},
		{.name = "mid-and-mids", .issuer = "ca", .revoked = {"mid"}},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		pki_make_crl(&lists[i]);
	pki_join((const char *[]){"two", "ca2", NULL}, ".crl");
	pki_join((const char *[]){"split", "client", NULL}, ".crl");
	pki_join((const char *[]){"plain-and-mids", "mids", NULL}, ".crl");
	pki_join((const char *[]){"plain-and-deep", "deep", NULL}, ".crl");
	pki_join((const char *[]){"mid-and-mids", "mids", NULL}, ".crl");
	pki_write("rubbish.crl", "this is a letter\n");
	pki_write("empty.crl", "");
}

static int
start(void **state)
{
	(void)state;
	harness_pki();
	pki_make(&(struct pki_spec){.name = "twin", .cn = "CA one"});
	pki_make(&(struct pki_spec){.name = "mid", .issuer = "ca", .cn = "Middle", .ca = true});
	pki_make(&(struct pki_spec){
		.name = "deep", .issuer = "mid", .cn = "deep.example", .client = true});
	/* Says that it is the one between, and is nothing. */
	pki_make(&(struct pki_spec){
		.name = "namesake", .issuer = "ca2", .cn = "Middle", .ca = true});
	make_lists();
	pki_write("both.crt", "");
	pki_join((const char *[]){"both", "ca", "ca2", NULL}, ".crt");
	pki_write("ca-and-mid.crt", "");
	pki_join((const char *[]){"ca-and-mid", "ca", "mid", NULL}, ".crt");
	pki_join((const char *[]){"deep", "mid", NULL}, ".crt");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_with_their_times),
		cmocka_unit_test(a_ca_without_a_list_is_named),
		cmocka_unit_test(lists_of_others_and_rubbish_are_broken),
		cmocka_unit_test(a_revoked_client_is_refused_and_no_other),
		cmocka_unit_test(a_revoked_server_is_refused),
		cmocka_unit_test(an_old_list_and_one_of_tomorrow_still_count),
		cmocka_unit_test(two_lists_of_one_issuer_both_count),
		cmocka_unit_test(without_a_list_of_its_issuer_a_peer_is_refused),
		cmocka_unit_test(the_whole_path_is_looked_at),
		cmocka_unit_test(what_cannot_be_in_the_path_needs_no_list),
		cmocka_unit_test(a_namesake_does_not_hide_a_revoked_one),
		cmocka_unit_test(a_ticket_of_before_does_not_bring_a_revoked_peer_back),
		cmocka_unit_test(a_live_session_is_judged_by_the_new_list),
		cmocka_unit_test(a_dialled_session_is_judged_by_the_new_list),
		cmocka_unit_test(a_certificate_that_expired_meanwhile_is_found_by_the_next_judge),
	};

	return cmocka_run_group_tests(tests, start, harness_end);
}
