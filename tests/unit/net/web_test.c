/*
 * The HTTPS client: who the server has to be (RFC 8040 2.3, 2.4; RFC 8783 10 with RFC 9132 7.1),
 * how a connection is kept and replaced, how long it waits, and how it ends. Against our own server
 * (desk.h) and one by hand (site.h).
 */
#include <stdio.h>
#include <stdlib.h>

#include "asker.h"
#include "base/mem.h"
#include "desk.h"

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char *const versions[] = {
	"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};

/* --- who the server is ----------------------------------------------------------------------- */

/* 8040-2.3-01, 8783-10-04, 8783-10-11 */
static void
server_that_proves_its_name_is_asked_by_who_we_are(void **state)
{
	struct asker a;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	asker_start(&a, d.loop, &d.at, NULL);
	assert_false(web_is_connected(a.web));
	asker_ask(&a, "GET", "/x?y=1", NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.why, "-");
	assert_string_equal(a.body, "/x\n");
	assert_string_equal(d.query, "y=1");
	assert_string_equal(d.peer, "client.example");
	assert_true(web_is_connected(a.web));
	asker_stop(&a);
	desk_stop(&d);
}

static struct credentials *
credentials_with_crl(void)
{
	struct credentials_config cfg = {
		.certificate = pki_path("client", ".crt"),
		.key = pki_path("client", ".key"),
		.trust = pki_path("ca", ".crt"),
		.crl = pki_path("revoked", ".crl"),
	};
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(&cfg, &c, why, sizeof(why)) != CREDENTIALS_OK)
		fail_msg("%s", why);
	return c;
}

static struct credentials *
credentials_of(const char *trust)
{
	return strcmp(trust, "crl") == 0 ? credentials_with_crl()
					 : harness_credentials("client", trust);
}

/* 8040-2.3-01, -02, 8040-2.4-01, 8783-10-04 */
static void
server_that_proves_nothing_gets_no_request(void **state)
{
	static const struct {
		const char *certificate, *name, *trust, *why;
	} rows[] = {
		{"server", "other.example", "ca", "TLS: certificate: not for the name"},
		{"server", "127.0.0.2", "ca", "TLS: certificate: not for the name"},
		{"server", "dots.example", "ca2",
			"TLS: certificate: The certificate is NOT trusted"},
		{"stale", "dots.example", "ca", "expired"},
		{"early", "dots.example", "ca", "not yet valid"},
		{"client", "client.example", "ca", "TLS: certificate: "},
		{"cn-only", "dots.example", "ca", "TLS: certificate: not for the name"},
		{"wildcard", "a.dots.example", "ca", "TLS: certificate: not for the name"},
		{"srv", "dots.example", "ca", "TLS: certificate: not for the name"},
		{"server", "dots.example", "crl", "revoked"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct web_config cfg = {
			.name = rows[i / 2].name, .credentials = credentials_of(rows[i / 2].trust)};
		struct pair p;

		pair_start(&p, rows[i / 2].certificate, ok, &cfg);
		p.site.priority = versions[i % 2];
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_failed(&p.asker, rows[i / 2].why);
		WAIT(p.l, p.site.over == 1);
		assert_int_equal(p.site.len, 0);
		assert_true(p.site.alert >= 0);
		assert_false(web_is_connected(p.asker.web));
		pair_stop(&p);
		credentials_unref(cfg.credentials);
	}
}

/* 8783-10-05: by the service of the data channel (RFC 8973 9.1). */
static void
server_is_known_by_the_srv_id_of_its_service(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "srv-data", ok, NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	pair_stop(&p);
}

/* 8783-10-07, 8040-2.3-01 */
static void
name_is_told_and_certificate_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.priority = versions[i];
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_int_equal(p.asker.status, 200);
		assert_string_equal(p.site.sni, "dots.example");
		assert_true(p.site.shown);
		pair_stop(&p);
	}
}

/* 8040-2.4-01; RFC 6066 3 */
static void
address_is_proven_and_not_told(void **state)
{
	struct web_config cfg = {.name = "127.0.0.1"};
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, &cfg);
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	assert_string_equal(p.site.sni, "-");
	pair_stop(&p);
}

/* RFC 8040 2.2: a server shows a certificate, whatever else we have with it. */
static void
shared_key_proves_no_server(void **state)
{
	struct credentials_config files = {
		.certificate = pki_path("client", ".crt"),
		.key = pki_path("client", ".key"),
		.trust = pki_path("ca", ".crt"),
		.psk_identity = "us",
		.psk_file = pki_path("good.psk", ""),
	};
	struct web_config cfg = {0};
	char why[256] = "";
	struct pair p;

	(void)state;
	if (credentials_load(&files, &cfg.credentials, why, sizeof(why)) != CREDENTIALS_OK)
		fail_msg("%s", why);
	for (size_t i = 0; i < 2; i++) {
		pair_start(&p, "server", ok, &cfg);
		p.site.priority =
			i ? "NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK:-ECDHE-RSA:-ECDHE-ECDSA"
			  : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK";
		asker_ask(&p.asker, "GET", "/", NULL);
		if (i)
			asker_failed(&p.asker, "TLS: peer's alert: ");
		else
			assert_true(p.site.shown);
		pair_stop(&p);
	}
	credentials_unref(cfg.credentials);
}

/* --- resumption ------------------------------------------------------------------------------ */

static time_t ahead_s;

static time_t
shifted(time_t *ret)
{
	time_t now = loop_wall() / 1000 + ahead_s;

	if (ret)
		*ret = now;
	return now;
}

/* 8783-10-08; RFC 8783 3.1 */
static void
later_connections_resume_the_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.priority = versions[i];
		for (unsigned n = 0; n < 4; n++) {
			asker_ask(&p.asker, "GET", "/", NULL);
			assert_int_equal(p.asker.status, 200);
			assert_int_equal(p.site.handshakes, n + 1);
			assert_int_equal(p.site.resumed, n);
			site_end(&p.site, SITE_CLOSES);
			WAIT(p.l, !web_is_connected(p.asker.web));
		}
		pair_stop(&p);
	}
}

/* 8783-10-04: the library does not look at a certificate again when a session is resumed. */
static void
resumed_server_is_judged_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "short", ok, NULL);
		p.site.priority = versions[i];
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_int_equal(p.asker.status, 200);
		site_end(&p.site, SITE_CLOSES);
		WAIT(p.l, !web_is_connected(p.asker.web));
		ahead_s = 3600;
		asker_ask(&p.asker, "GET", "/", NULL);
		ahead_s = 0;
		asker_failed(&p.asker, "expired");
		assert_int_equal(p.site.requests, 1);
		pair_stop(&p);
	}
}

/* --- requests -------------------------------------------------------------------------------- */

static void
quiet(void *arg, const struct web_answer *a)
{
	assert_int_equal(a->status, 200);
	++*(unsigned *)arg;
}

static void
request_is_sent_as_it_was_given(void **state)
{
	const struct web_field fields[] = {{"Content-Type", "application/yang-data+json"},
		{"If-Match", "\"1\""}, {"X-Empty", ""}};
	const struct web_request r = {
		.method = "PUT",
		.path = "/a/../b//c?d=%2F&e=%20",
		.fields = fields,
		.n_fields = 3,
		.body = "abc",
		.len = 3,
	};
	unsigned told = 0;
	char text[512];
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	web_ask(p.asker.web, &r, quiet, &told);
	WAIT(p.l, told == 1);
	snprintf(text, sizeof(text),
		"PUT /a/../b//c?d=%%2F&e=%%20 HTTP/1.1\r\nHost: dots.example:%u\r\n"
		"Content-Type: application/yang-data+json\r\nIf-Match: \"1\"\r\nX-Empty:\r\n"
		"Content-Length: 3\r\n\r\nabc",
		p.site.at.port);
	assert_string_equal(p.site.text, text);
	pair_stop(&p);
}

/* RFC 9110 8.6: where a method means something with a body, none has a length, too. */
static void
length_of_no_body_is_told_where_one_is_expected(void **state)
{
	static const struct {
		const char *method, *length;
	} rows[] = {
		{"GET", ""},
		{"DELETE", ""},
		{"OPTIONS", ""},
		{"POST", "Content-Length: 0\r\n"},
		{"PUT", "Content-Length: 0\r\n"},
		{"PATCH", "Content-Length: 0\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p;
		char text[256];

		pair_start(&p, "server", ok, NULL);
		asker_ask(&p.asker, rows[i].method, "/", NULL);
		assert_int_equal(p.asker.status, 200);
		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: dots.example:%u\r\n%s\r\n",
			rows[i].method, p.site.at.port, rows[i].length);
		assert_string_equal(p.site.text, text);
		pair_stop(&p);
	}
}

static void
large_bodies_arrive_whole(void **state)
{
	enum { LEN = 1000000 };
	char *body = mem_new(LEN + 1);
	struct asker a;
	struct desk d;

	(void)state;
	memset(body, 'y', LEN);
	desk_start(&d, NULL);
	asker_start(&a, d.loop, &d.at, NULL);
	d.answer_len = 3000000;
	for (unsigned i = 1; i <= 2; i++) {
		asker_ask(&a, "POST", "/", body);
		assert_int_equal(a.status, 200);
		assert_int_equal(d.len, LEN);
		assert_int_equal(a.len, 3000000);
		assert_int_equal(strspn(a.body, "x"), 3000000);
		assert_int_equal(https_connections(d.https), 1);
	}
	asker_stop(&a);
	desk_stop(&d);
	free(body);
}

static void
head_has_no_body_to_wait_for(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	p.site.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nX-Test: a\r\n\r\n";
	asker_ask(&p.asker, "HEAD", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	assert_int_equal(p.asker.len, 0);
	assert_string_equal(p.asker.field, "a");
	p.site.answer = ok;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_string_equal(p.asker.body, "ok");
	assert_int_equal(p.site.connections, 1);
	pair_stop(&p);
}

/* It stays one request, whatever a text has in it. */
static void
malformed_requests_are_not_sent(void **state)
{
	static const struct {
		const char *method, *path, *name, *value;
	} rows[] = {
		{"G T", "/", "A", "b"},
		{"", "/", "A", "b"},
		{"GET", "x", "A", "b"},
		{"GET", "", "A", "b"},
		{"GET", "/ HTTP/1.1\r\nA: b\r\n\r\n", "A", "b"},
		{"GET", "/a b", "A", "b"},
		{"GET", "/a#b", "A", "b"},
		{"GET", "/\xc3\xa4", "A", "b"},
		{"GET", "/", "A B", "b"},
		{"GET", "/", "", "b"},
		{"GET", "/", "A", "b\r\nC: d"},
		{"GET", "/", "A", "b\nC: d"},
	};
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct web_field field = {rows[i].name, rows[i].value};
		const struct web_request r = {.method = rows[i].method,
			.path = rows[i].path,
			.fields = &field,
			.n_fields = 1};

		asker_send(&p.asker, &r);
		WAIT(p.l, p.asker.told == i + 1);
		asker_failed(&p.asker, "HTTP: the request is malformed");
	}
	assert_int_equal(p.site.connections, 0);
	pair_stop(&p);
}

/* --- connections ----------------------------------------------------------------------------- */

static void
requests_follow_one_another_on_one_connection(void **state)
{
	struct asker a;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	asker_start(&a, d.loop, &d.at, NULL);
	for (unsigned i = 0; i < 3; i++) {
		asker_say(&a, "GET", "/1", NULL);
		asker_say(&a, "DELETE", "/2", NULL);
		asker_ask(&a, "POST", "/3", "b");
		WAIT(d.loop, a.told == 3 * (i + 1));
	}
	assert_string_equal(d.paths, "/1 /2 /3 /1 /2 /3 /1 /2 /3 ");
	assert_string_equal(a.bodies, "/1\n/2\n/3\n/1\n/2\n/3\n/1\n/2\n/3\n");
	assert_int_equal(d.judged, 1);
	asker_stop(&a);
	desk_stop(&d);
}

static const enum site_then ends[] = {SITE_CLOSES, SITE_CUTS, SITE_RESETS};
enum { N_ENDS = 3 };

static void
quiet_connection_that_ended_is_replaced(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	for (unsigned i = 0; i < N_ENDS; i++) {
		asker_ask(&p.asker, "POST", "/", NULL);
		assert_int_equal(p.asker.status, 200);
		assert_int_equal(p.site.connections, i + 1);
		site_end(&p.site, ends[i]);
		WAIT(p.l, !web_is_connected(p.asker.web));
	}
	assert_int_equal(p.site.requests, N_ENDS);
	pair_stop(&p);
}

/* RFC 9110 9.2.2 */
static void
idempotent_request_whose_connection_ended_is_sent_once_more(void **state)
{
	static const char *const methods[] = {"GET", "PUT", "DELETE", "HEAD", "OPTIONS"};

	(void)state;
	for (size_t i = 0; i < 5 * N_ENDS; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.answer = NULL;
		p.site.stays = 1;
		p.site.then = ends[i % N_ENDS];
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_ask(&p.asker, methods[i / N_ENDS], "/again", NULL);
		assert_int_equal(p.asker.status, 200);
		assert_int_equal(p.site.requests, 3);
		assert_int_equal(p.site.connections, 2);
		pair_stop(&p);
	}
}

static void
other_request_whose_connection_ended_is_not_repeated(void **state)
{
	static const char *const methods[] = {"POST", "PATCH"};

	(void)state;
	for (size_t i = 0; i < 2 * N_ENDS; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.answer = NULL;
		p.site.stays = 1;
		p.site.then = ends[i % N_ENDS];
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_ask(&p.asker, methods[i / N_ENDS], "/", NULL);
		asker_failed(&p.asker, "HTTP: no whole answer: ");
		assert_int_equal(p.site.requests, 2);
		asker_ask(&p.asker, "GET", "/", NULL); /* the next one is */
		assert_int_equal(p.asker.status, 200);
		pair_stop(&p);
	}
}

static void
stay_no_more(struct site *s)
{
	if (s->requests == 2)
		s->stays = 0;
}

static void
request_is_repeated_once_at_most(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	p.site.answer = NULL;
	p.site.stays = 1;
	p.site.then = SITE_CLOSES;
	p.site.on_request = stay_no_more;
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_failed(&p.asker, "HTTP: no whole answer: closed by the peer");
	assert_int_equal(p.site.requests, 3);
	pair_stop(&p);
}

static void
request_on_a_new_connection_is_not_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ENDS; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.answer = NULL;
		p.site.then = ends[i];
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_failed(&p.asker, "HTTP: no whole answer: ");
		assert_int_equal(p.site.requests, 1);
		pair_stop(&p);
	}
}

static void
request_with_part_of_an_answer_is_not_repeated(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	p.site.answer = "HTTP/1.1 200 OK\r\nContent-Le";
	p.site.stays = 1;
	p.site.then = SITE_CLOSES;
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_failed(&p.asker, "HTTP: no whole answer: ");
	assert_int_equal(p.site.requests, 2);
	pair_stop(&p);
}

/* RFC 9112 9.3, 9.6 */
static void
connection_announced_to_close_is_not_used_again(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.answer = answers[i];
		for (unsigned n = 1; n <= 3; n++) {
			asker_ask(&p.asker, "POST", "/", NULL);
			assert_int_equal(p.asker.status, 200);
			assert_string_equal(p.asker.body, "ok");
			assert_int_equal(p.site.connections, n);
		}
		WAIT(p.l, p.site.over == 3); /* we have closed it */
		pair_stop(&p);
	}
}

static void
quiet_connection_is_closed_after_its_time(void **state)
{
	struct web_config cfg = {.idle_s = 1};
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, &cfg);
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_true(web_is_connected(p.asker.web));
	WAIT(p.l, p.site.over == 1);
	assert_false(web_is_connected(p.asker.web));
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	assert_int_equal(p.site.connections, 2);
	pair_stop(&p);
}

static void
words_without_a_question_are_no_answer(void **state)
{
	static const char early[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	asker_ask(&p.asker, "GET", "/", NULL);
	site_say(&p.site, early, strlen(early));
	WAIT(p.l, !web_is_connected(p.asker.web));
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_string_equal(p.asker.body, "ok");
	assert_int_equal(p.site.connections, 2);
	pair_stop(&p);
}

static void
server_that_only_closes_is_not_dialled_for_ever(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.site.priority = versions[i];
		p.site.closes_quiet = true;
		p.site.answer = NULL;
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_failed(&p.asker, "closed by the peer");
		assert_int_equal(p.site.connections, 1);
		pair_stop(&p);
	}
}

/* --- failures and time ----------------------------------------------------------------------- */

static void
refused_connection_is_told(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	asker_stop(&p.asker);
	asker_start(&p.asker, p.l, &(struct endpoint){.addr = p.site.at.addr, .port = 1}, NULL);
	asker_say(&p.asker, "GET", "/1", NULL);
	asker_ask(&p.asker, "GET", "/2", NULL);
	asker_failed(&p.asker, "connection: Connection refused");
	WAIT(p.l, p.asker.told == 2);
	pair_stop(&p);
}

/* 8783-10-03 */
static void
server_of_an_old_version_is_told(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	p.site.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+MAC-ALL:%VERIFY_ALLOW_SIGN_WITH_SHA1";
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_failed(&p.asker, "TLS: peer's alert: ");
	pair_stop(&p);
}

static void
server_that_does_not_shake_hands_has_its_time(void **state)
{
	struct web_config cfg = {.timeout_s = 1};
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, &cfg);
	p.site.mute = true;
	asker_ask(&p.asker, "GET", "/", NULL);
	asker_failed(&p.asker, "TLS: not in time");
	p.site.mute = false;
	asker_ask(&p.asker, "GET", "/", NULL);
	assert_int_equal(p.asker.status, 200);
	pair_stop(&p);
}

static void
answer_that_does_not_come_or_end_has_its_time(void **state)
{
	static const char *const answers[] = {NULL, "HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 100 Continue\r\n\r\n"};
	struct web_config cfg = {.timeout_s = 1};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair p;

		pair_start(&p, "server", ok, &cfg);
		p.site.answer = answers[i];
		asker_ask(&p.asker, "GET", "/", NULL);
		asker_failed(&p.asker, "HTTP: no whole answer in time");
		assert_false(web_is_connected(p.asker.web));
		p.site.answer = ok;
		asker_ask(&p.asker, "GET", "/", NULL);
		assert_int_equal(p.asker.status, 200);
		assert_int_equal(p.site.connections, 2);
		pair_stop(&p);
	}
}

static void
slow_answer_is_awaited(void **state)
{
	struct asker a;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	asker_start(&a, d.loop, &d.at, NULL);
	d.hold = true;
	asker_say(&a, "GET", "/slow", NULL);
	asker_say(&a, "GET", "/next", NULL);
	WAIT(d.loop, d.n_held == 1);
	harness_settle(d.loop);
	assert_int_equal(a.told, 0);
	assert_int_equal(d.requests, 1); /* one at a time */
	desk_answer(&d);
	WAIT(d.loop, a.told == 1);
	assert_string_equal(a.body, "/slow\n");
	WAIT(d.loop, d.n_held == 1);
	desk_answer(&d);
	WAIT(d.loop, a.told == 2);
	assert_string_equal(a.body, "/next\n");
	asker_stop(&a);
	desk_stop(&d);
}

/* --- ends ------------------------------------------------------------------------------------ */

/* asker_stop shows that nobody is told. */
static void
client_may_be_freed_while_it_asks(void **state)
{
	static const char *const answers[] = {
		NULL, "HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na"};
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL); /* not dialled yet */
	asker_say(&p.asker, "GET", "/", NULL);
	pair_stop(&p);

	pair_start(&p, "server", ok, NULL);
	p.site.mute = true;
	asker_say(&p.asker, "GET", "/", NULL);
	asker_say(&p.asker, "GET", "/", NULL);
	WAIT(p.l, p.site.connections == 1);
	pair_stop(&p);

	for (size_t i = 0; i < 3; i++) {
		pair_start(&p, "server", ok, NULL);
		p.site.answer = answers[i];
		asker_say(&p.asker, "POST", "/", "body");
		asker_say(&p.asker, "GET", "/", NULL);
		WAIT(p.l, p.site.requests == 1);
		harness_settle(p.l);
		pair_stop(&p);
	}
}

static void
free_in_a(struct asker *a)
{
	web_free(a->web);
	a->web = NULL;
}

static void
client_may_be_freed_by_who_is_told(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct pair p;

		pair_start(&p, "server", ok, NULL);
		p.asker.on_told = free_in_a;
		if (i == 1)
			p.site.answer = "nonsense\r\n\r\n";
		if (i == 2)
			p.site.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1";
		asker_say(&p.asker, "GET", "/", NULL);
		asker_say(&p.asker, "GET", "/", NULL);
		WAIT(p.l, p.asker.told == 1);
		assert_int_equal(p.asker.status, i ? 0 : 200);
		harness_settle(p.l);
		assert_int_equal(p.asker.told, 1);
		pair_stop(&p);
	}
	web_free(NULL);
}

static void
ask_in_a(struct asker *a)
{
	if (a->told < 3)
		asker_say(a, "GET", "/more", NULL);
}

static void
who_is_told_may_ask(void **state)
{
	struct pair p;

	(void)state;
	pair_start(&p, "server", ok, NULL);
	p.asker.on_told = ask_in_a;
	asker_say(&p.asker, "GET", "/", NULL);
	WAIT(p.l, p.asker.told == 3);
	assert_int_equal(p.site.connections, 1);
	pair_stop(&p);
}

static int
start(void **state)
{
	static const struct pki_crl list = {
		.name = "revoked", .issuer = "ca", .revoked = {"server"}};
	static const struct pki_spec brief = {.name = "short",
		.issuer = "ca",
		.dns = {"dots.example"},
		.server = true,
		.until_seconds = 1800};

	(void)state;
	harness_pki();
	pki_make_crl(&list);
	pki_make(&brief);
	gnutls_global_set_time_function(shifted);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_that_proves_its_name_is_asked_by_who_we_are),
		cmocka_unit_test(server_that_proves_nothing_gets_no_request),
		cmocka_unit_test(server_is_known_by_the_srv_id_of_its_service),
		cmocka_unit_test(name_is_told_and_certificate_shown),
		cmocka_unit_test(address_is_proven_and_not_told),
		cmocka_unit_test(shared_key_proves_no_server),
		cmocka_unit_test(later_connections_resume_the_session),
		cmocka_unit_test(resumed_server_is_judged_again),
		cmocka_unit_test(request_is_sent_as_it_was_given),
		cmocka_unit_test(length_of_no_body_is_told_where_one_is_expected),
		cmocka_unit_test(large_bodies_arrive_whole),
		cmocka_unit_test(head_has_no_body_to_wait_for),
		cmocka_unit_test(malformed_requests_are_not_sent),
		cmocka_unit_test(requests_follow_one_another_on_one_connection),
		cmocka_unit_test(quiet_connection_that_ended_is_replaced),
		cmocka_unit_test(idempotent_request_whose_connection_ended_is_sent_once_more),
		cmocka_unit_test(other_request_whose_connection_ended_is_not_repeated),
		cmocka_unit_test(request_is_repeated_once_at_most),
		cmocka_unit_test(request_on_a_new_connection_is_not_repeated),
		cmocka_unit_test(request_with_part_of_an_answer_is_not_repeated),
		cmocka_unit_test(connection_announced_to_close_is_not_used_again),
		cmocka_unit_test(quiet_connection_is_closed_after_its_time),
		cmocka_unit_test(words_without_a_question_are_no_answer),
		cmocka_unit_test(server_that_only_closes_is_not_dialled_for_ever),
		cmocka_unit_test(refused_connection_is_told),
		cmocka_unit_test(server_of_an_old_version_is_told),
		cmocka_unit_test(server_that_does_not_shake_hands_has_its_time),
		cmocka_unit_test(answer_that_does_not_come_or_end_has_its_time),
		cmocka_unit_test(slow_answer_is_awaited),
		cmocka_unit_test(client_may_be_freed_while_it_asks),
		cmocka_unit_test(client_may_be_freed_by_who_is_told),
		cmocka_unit_test(who_is_told_may_ask),
	};

	return cmocka_run_group_tests(tests, start, harness_end);
}
