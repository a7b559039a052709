/*
 * HTTPS: who may come in (RFC 8040 2, 12; RFC 8783 10 with RFC 9132 7.1, 8), how a request reaches
 * its owner and an answer the peer, and what becomes of connections when credentials or verdicts
 * change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "desk.h"

static struct visitor *
knocking(struct desk *d, const struct visitor_setup *setup)
{
	return visitor_new(d->loop, &d->at, setup);
}

/* It gets no further than the handshake. */
static void
is_turned_away(struct desk *d, const struct visitor_setup *setup)
{
	struct visitor *w = knocking(d, setup);

	/* In TLS 1.3 a client is up before the server has looked at its certificate. */
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d->loop, visitor_is_over(w));
	assert_int_equal(visitor_len(w), 0);
	assert_int_equal(d->requests, 0);
	WAIT(d->loop, https_connections(d->https) == 0);
	visitor_free(w);
}

static void
asks(struct desk *d, struct visitor *w, const char *path)
{
	unsigned before = visitor_answers(w);
	char text[256];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	visitor_say(w, text);
	WAIT(d->loop, visitor_answers(w) == before + 1 && visitor_has(w, "\r\n\r\n") == before + 1);
}

/* --- who may come in ------------------------------------------------------------------------- */

/* 8040-2.1-01, 8040-2.2-02, 8040-2.5-03, 8783-10-11 */
static void
client_with_a_certificate_is_known_by_it(void **state)
{
	struct desk d;
	struct visitor *w;
	unsigned n = 0;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	asks(&d, w, "/x");
	assert_string_equal(d.peer, "client.example");
	assert_int_equal(d.judged, 1);
	assert_int_equal(
		gnutls_certificate_type_get2(visitor_tls(w), GNUTLS_CTYPE_PEERS), GNUTLS_CRT_X509);
	assert_non_null(gnutls_certificate_get_peers(visitor_tls(w), &n));
	assert_true(gnutls_certificate_client_get_request_status(visitor_tls(w)) != 0);
	visitor_free(w);
	desk_stop(&d);
}

/* 8040-2.5-02: the handshake lets it in, for it is to be told 401. */
static void
client_without_a_certificate_is_nobody(void **state)
{
	struct visitor_setup setup = {0};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, &setup);
	asks(&d, w, "/x");
	assert_string_equal(d.peer, "-");
	assert_int_equal(d.judged, 0);
	visitor_free(w);
	desk_stop(&d);
}

/* 8783-10-02, 8783-10-11 */
static void
certificates_that_do_not_count_are_turned_away(void **state)
{
	static const char *const names[] = {"foreign", "stale", "early", "server"};
	static const char *const versions[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 2; k++)
			is_turned_away(&d, &(struct visitor_setup){.certificate = names[i],
						   .priority = versions[k]});
	assert_int_equal(d.judged, 0);
	desk_stop(&d);
}

static struct credentials *
credentials_with_crl(const char *crl)
{
	struct credentials_config cfg = {
		.certificate = pki_path("server", ".crt"),
		.key = pki_path("server", ".key"),
		.trust = pki_path("ca", ".crt"),
		.crl = pki_path(crl, ".crl"),
	};
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(&cfg, &c, why, sizeof(why)) != CREDENTIALS_OK)
		fail_msg("%s", why);
	return c;
}

static void
revoked_certificate_is_turned_away(void **state)
{
	struct https_config cfg = {.credentials = credentials_with_crl("named-revoked")};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, &cfg);
	credentials_unref(cfg.credentials);
	is_turned_away(&d, &(struct visitor_setup){.certificate = "named"});
	w = desk_visitor(&d, NULL);
	asks(&d, w, "/x");
	visitor_free(w);
	desk_stop(&d);
}

/* 8040-2.2-02, 8783-10-09: also where a session would be shown the raw key. */
static void
raw_public_keys_are_not_offered(void **state)
{
	struct credentials_config files = {
		.certificate = pki_path("server", ".crt"),
		.key = pki_path("server", ".key"),
		.trust = pki_path("ca", ".crt"),
		.raw_key = pki_path("named", ".key"),
	};
	struct visitor_setup both = {
		.certificate = "client", .priority = "NORMAL:-CTYPE-ALL:+CTYPE-RAWPK:+CTYPE-X509"};
	struct https_config cfg = {0};
	char why[256] = "";
	struct desk d;
	struct visitor *w;

	(void)state;
	if (credentials_load(&files, &cfg.credentials, why, sizeof(why)) != CREDENTIALS_OK)
		fail_msg("%s", why);
	desk_start(&d, &cfg);
	credentials_unref(cfg.credentials);
	w = desk_visitor(&d, &both);
	assert_int_equal(
		gnutls_certificate_type_get2(visitor_tls(w), GNUTLS_CTYPE_SERVER), GNUTLS_CRT_X509);
	asks(&d, w, "/x");
	assert_string_equal(d.peer, "client.example");
	visitor_free(w);
	desk_stop(&d);
}

static void
who_is_judged_bad_is_turned_away(void **state)
{
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	d.refuse = "not a customer any more";
	is_turned_away(&d, &(struct visitor_setup){.certificate = "client"});
	assert_int_equal(d.judged, 1);
	desk_stop(&d);
}

/* --- TLS ------------------------------------------------------------------------------------- */

/* 8783-10-03, 8040-2.1-02 */
static void
versions_below_1_2_are_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	is_turned_away(
		&d, &(struct visitor_setup){.certificate = "client",
			    .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:+MAC-ALL:"
					"%VERIFY_ALLOW_SIGN_WITH_SHA1"});
	desk_stop(&d);
}

/* 8783-10-13, 8783-10-14, 8040-2.1-02 */
static void
weak_suites_are_refused(void **state)
{
	static const char *const priorities[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC:+SHA1:+SHA256",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA",
		"NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION",
	};
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (size_t i = 0; i < 4; i++)
		is_turned_away(&d, &(struct visitor_setup){
					   .certificate = "client", .priority = priorities[i]});
	desk_stop(&d);
}

/* 8783-10-25, 8040-2.1-04 */
static void
versions_1_3_and_1_2_speak_http_1_1(void **state)
{
	static const struct {
		const char *priority;
		gnutls_protocol_t version;
	} rows[] = {
		{"NORMAL", GNUTLS_TLS1_3},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2", GNUTLS_TLS1_2},
	};
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct visitor_setup setup = {.certificate = "client",
			.priority = rows[i].priority,
			.alpn = "http/1.1",
			.sni = "dots.example"};
		struct visitor *w = desk_visitor(&d, &setup);
		gnutls_datum_t chosen = {0};

		assert_int_equal(gnutls_protocol_get_version(visitor_tls(w)), rows[i].version);
		assert_int_equal(gnutls_alpn_get_selected_protocol(visitor_tls(w), &chosen), 0);
		assert_int_equal(chosen.size, 8);
		assert_memory_equal(chosen.data, "http/1.1", 8);
		asks(&d, w, "/x");
		visitor_free(w);
	}
	desk_stop(&d);
}

static void
other_protocols_are_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	is_turned_away(&d, &(struct visitor_setup){.certificate = "client", .alpn = "coap"});
	desk_stop(&d);
}

/* What a later connection needs, after a request over one of that version. */
static gnutls_datum_t
ticket_of(struct desk *d, const char *certificate, const char *priority)
{
	struct visitor *w = desk_visitor(
		d, &(struct visitor_setup){.certificate = certificate, .priority = priority});
	gnutls_datum_t ticket = {0};

	asks(d, w, "/first");
	assert_int_equal(gnutls_session_get_data2(visitor_tls(w), &ticket), 0);
	visitor_free(w);
	return ticket;
}

static bool
resumes(struct desk *d, const gnutls_datum_t *ticket, const char *priority)
{
	struct visitor *w = desk_visitor(
		d, &(struct visitor_setup){
			   .certificate = "client", .priority = priority, .resume = *ticket});
	bool resumed = gnutls_session_is_resumed(visitor_tls(w));

	asks(d, w, "/again");
	visitor_free(w);
	return resumed;
}

/* 8783-10-08; 8040-12-01: no ticket allows early data. */
static void
tickets_resume_without_early_data(void **state)
{
	static const char *const versions[] = {"NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	for (size_t i = 0; i < 2; i++) {
		gnutls_datum_t ticket = ticket_of(&d, "client", versions[i]);
		unsigned judged = d.judged;
		struct visitor *w;

		assert_true(resumes(&d, &ticket, versions[i]));
		assert_string_equal(d.peer, "client.example");
		assert_int_equal(d.judged, judged + 1);
		w = desk_visitor(&d, &(struct visitor_setup){.certificate = "client",
					     .priority = versions[i],
					     .resume = ticket,
					     .early = "GET /early HTTP/1.1\r\nHost: h\r\n\r\n"});
		assert_true(gnutls_session_is_resumed(visitor_tls(w)));
		assert_false(gnutls_session_get_flags(visitor_tls(w)) & GNUTLS_SFLAGS_EARLY_DATA);
		asks(&d, w, "/late");
		assert_null(strstr(d.paths, "/early"));
		visitor_free(w);
		gnutls_free(ticket.data);
	}
	desk_stop(&d);
}

static void
ticket_does_not_get_past_the_judge(void **state)
{
	struct desk d;
	gnutls_datum_t ticket;
	struct visitor *w;
	unsigned requests;

	(void)state;
	desk_start(&d, NULL);
	ticket = ticket_of(&d, "client", "NORMAL");
	requests = d.requests;
	d.refuse = "not a customer any more";
	w = knocking(&d, &(struct visitor_setup){.certificate = "client", .resume = ticket});
	WAIT(d.loop, visitor_is_over(w));
	assert_int_equal(visitor_len(w), 0);
	assert_int_equal(d.requests, requests);
	visitor_free(w);
	gnutls_free(ticket.data);
	desk_stop(&d);
}

static void
new_credentials_end_old_tickets(void **state)
{
	struct credentials *same = harness_credentials("server", "ca");
	gnutls_datum_t ticket;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	ticket = ticket_of(&d, "client", "NORMAL");
	https_set_credentials(d.https, same);
	assert_false(resumes(&d, &ticket, "NORMAL"));
	credentials_unref(same);
	gnutls_free(ticket.data);
	desk_stop(&d);
}

static void
renegotiation_ends_the_connection(void **state)
{
	struct visitor_setup setup = {
		.certificate = "client", .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, &setup);
	asks(&d, w, "/x");
	gnutls_handshake(visitor_tls(w)); /* begins another one */
	WAIT(d.loop, https_connections(d.https) == 0);
	visitor_free(w);
	desk_stop(&d);
}

/* 8783-10-15, 8040-2.1-03 */
static void
plain_http_gets_no_http(void **state)
{
	static const char request[] = "GET /restconf/data HTTP/1.1\r\nHost: h\r\n\r\n";
	struct desk d;
	char text[1024] = "";
	ssize_t n = 0;
	int fd;

	(void)state;
	desk_start(&d, NULL);
	fd = knock(&d.at, NULL);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	WAIT(d.loop, !knock_stands(fd) || recv(fd, text, 1, MSG_DONTWAIT | MSG_PEEK) == 1);
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_true(n <= 0 || !memmem(text, (size_t)n, "HTTP", 4));
	WAIT(d.loop, https_connections(d.https) == 0);
	assert_int_equal(d.requests, 0);
	close(fd);
	desk_stop(&d);
}

/* --- requests -------------------------------------------------------------------------------- */

static void
request_is_delivered_as_it_came(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w,
		"PATCH /restconf/data/a:b=c%2Fd%00+%zz?content=config&x=%20&y HTTP/1.1\r\n"
		"Host: dots.example\r\nX-Test: one\r\nContent-Length: 9\r\nx-tEST:  two \r\n\r\n"
		"{\"a\": 1}\n");
	WAIT(d.loop, visitor_answers(w) == 1);
	assert_string_equal(d.method, "PATCH");
	assert_string_equal(d.path, "/restconf/data/a:b=c%2Fd%00+%zz");
	assert_string_equal(d.query, "content=config&x=%20&y");
	assert_string_equal(d.field, "one, two ");
	assert_string_equal(d.body, "{\"a\": 1}\n");
	assert_int_equal(d.len, 9);
	assert_int_equal(d.remote.addr.bytes[0], 127);
	visitor_free(w);
	desk_stop(&d);
}

static void
all_methods_and_forms_of_targets_are_delivered(void **state)
{
	static const struct {
		const char *line, *method, *path, *query;
	} rows[] = {
		{"GET /", "GET", "/", "-"},
		{"HEAD /h", "HEAD", "/h", "-"},
		{"OPTIONS /o?", "OPTIONS", "/o", ""},
		{"OPTIONS *", "OPTIONS", "*", "-"},
		{"DELETE /d", "DELETE", "/d", "-"},
		{"TRACE /t", "TRACE", "/t", "-"},
		{"BREW-9 /pot", "BREW-9", "/pot", "-"},
		{"GET https://dots.example/a?b", "GET", "/a", "b"},
		{"GET HTTPS://dots.example:8443", "GET", "/", "-"},
		{"GET https://dots.example?b=c", "GET", "/", "b=c"},
		{"GET //x//y", "GET", "//x//y", "-"},
		{"GET /?a?b", "GET", "/", "a?b"},
	};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: dots.example\r\n\r\n",
			rows[i].line);
		visitor_say(w, text);
		WAIT(d.loop, visitor_answers(w) == i + 1);
		assert_string_equal(d.method, rows[i].method);
		assert_string_equal(d.path, rows[i].path);
		assert_string_equal(d.query, rows[i].query);
	}
	visitor_free(w);
	desk_stop(&d);
}

static void
body_in_chunks_is_delivered_whole_and_ends_the_connection(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
		       "5;ext=1\r\nhello\r\n");
	harness_settle(d.loop);
	assert_int_equal(d.requests, 0);
	visitor_say(w, "6\r\n world\r\n0\r\nX-Trailer: x\r\n\r\n");
	WAIT(d.loop, visitor_is_over(w));
	assert_int_equal(visitor_error(w), 0);
	assert_string_equal(d.body, "hello world");
	assert_int_equal(visitor_has(w, "HTTP/1.1 200 "), 1);
	assert_int_equal(visitor_has(w, "\r\nConnection: close\r\n"), 1);
	visitor_free(w);
	desk_stop(&d);
}

static void
expectation_is_answered_before_the_body(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w,
		"PUT /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	WAIT(d.loop, visitor_has(w, "HTTP/1.1 100 Continue\r\n\r\n") == 1);
	assert_int_equal(d.requests, 0);
	visitor_say(w, "abc");
	WAIT(d.loop, visitor_has(w, "HTTP/1.1 200 ") == 1);
	assert_string_equal(d.body, "abc");
	visitor_free(w);
	desk_stop(&d);
}

/* 8783-3.1-18 */
static void
requests_in_advance_are_answered_in_order(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	d.hold = true;
	w = desk_visitor(&d, NULL);
	visitor_say(w,
		"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
		"PUT /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET "
		"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\nGET");
	for (unsigned i = 1; i <= 4; i++) {
		WAIT(d.loop, d.n_held == 1);
		harness_settle(d.loop);
		assert_int_equal(d.requests, i); /* the next one waits for this answer */
		desk_answer(&d);
		WAIT(d.loop, visitor_answers(w) == i);
	}
	assert_string_equal(d.paths, "/1 /2 /3 /4 ");
	WAIT(d.loop, visitor_has(w, "/4\n") == 1);
	assert_true(strstr(visitor_text(w), "/1\n") < strstr(visitor_text(w), "/2\n"));
	assert_true(strstr(visitor_text(w), "/2\n") < strstr(visitor_text(w), "/3\n"));
	assert_true(strstr(visitor_text(w), "/3\n") < strstr(visitor_text(w), "/4\n"));
	visitor_free(w);
	desk_stop(&d);
}

static void
version_1_0_is_answered_once(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "GET /old HTTP/1.0\r\n\r\n");
	WAIT(d.loop, visitor_is_over(w));
	assert_int_equal(visitor_error(w), 0);
	assert_int_equal(visitor_has(w, "/old\n"), 1);
	visitor_free(w);
	desk_stop(&d);
}

/* --- answers --------------------------------------------------------------------------------- */

static void
answer_has_fields_date_and_length(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	d.status = 409;
	d.answer = "{}";
	asks(&d, w, "/x");
	assert_int_equal(strncmp(visitor_text(w), "HTTP/1.1 409 Conflict\r\n", 23), 0);
	assert_int_equal(visitor_has(w, "\r\nDate: "), 1);
	assert_int_equal(visitor_has(w, " GMT\r\n"), 1);
	assert_int_equal(visitor_has(w, "\r\nContent-Length: 2\r\n"), 1);
	assert_int_equal(visitor_has(w, "\r\nCache-Control: no-cache\r\n"), 1);
	assert_int_equal(visitor_has(w, "\r\n\r\n{}"), 1);
	visitor_free(w);
	desk_stop(&d);
}

static void
head_is_answered_without_the_body(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	visitor_say(w, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\nGET /y HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d.loop, visitor_has(w, "/y\n") == 1);
	assert_int_equal(visitor_has(w, "Content-Length: 3\r\n"), 2);
	assert_int_equal(visitor_has(w, "/x\n"), 0);
	visitor_free(w);
	desk_stop(&d);
}

/* 8783-7.4-04 */
static void
no_content_has_no_body(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	d.status = 204;
	d.answer = "";
	asks(&d, w, "/x");
	d.status = 0;
	d.answer = NULL;
	asks(&d, w, "/y");
	assert_int_equal(visitor_has(w, "HTTP/1.1 204 No Content\r\n"), 1);
	assert_int_equal(visitor_has(w, "Content-Length"), 1);
	visitor_free(w);
	desk_stop(&d);
}

static void
large_answer_arrives_whole(void **state)
{
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	d.answer_len = 3000000;
	asks(&d, w, "/x");
	WAIT(d.loop, visitor_len(w) > 3000000);
	WAIT(d.loop, strlen(strstr(visitor_text(w), "\r\n\r\n")) == 3000004);
	visitor_free(w);
	desk_stop(&d);
}

static void
large_answers_to_requests_in_advance_arrive_whole(void **state)
{
	static const char twice[] = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
				    "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	d.answer_len = 300000;
	visitor_say(w, twice);
	WAIT(d.loop, visitor_len(w) > 600000);
	assert_int_equal(visitor_answers(w), 2);
	visitor_free(w);
	desk_stop(&d);
}

/* What is still to be sent is sent before the end. */
static void
large_last_answer_arrives_whole(void **state)
{
	struct visitor_setup setup = {.certificate = "client", .receive_buffer = 4096};
	struct desk d;
	struct visitor *w;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, &setup);
	d.answer_len = 500000;
	visitor_listen(w, false);
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	WAIT(d.loop, d.requests == 1);
	harness_settle(d.loop);
	visitor_listen(w, true);
	WAIT(d.loop, visitor_is_over(w));
	assert_int_equal(visitor_error(w), 0);
	assert_int_equal(strlen(strstr(visitor_text(w), "\r\n\r\n")), 500004);
	visitor_free(w);
	desk_stop(&d);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void
owner_is_told_when_the_peer_has_gone(void **state)
{
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	d.hold = true;
	for (unsigned i = 1; i <= 2; i++) {
		struct visitor *w = desk_visitor(&d, NULL);

		visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		WAIT(d.loop, d.n_held == 1);
		if (i == 1)
			visitor_close(w);
		else
			visitor_free(w); /* without close_notify */
		WAIT(d.loop, d.gone == i);
		assert_int_equal(d.n_held, 0);
		WAIT(d.loop, https_connections(d.https) == 0);
		if (i == 1)
			visitor_free(w);
	}
	desk_stop(&d);
}

static void
server_may_end_with_requests_that_wait(void **state)
{
	struct visitor *w[3];
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	d.hold = true;
	for (unsigned i = 0; i < 3; i++) {
		w[i] = desk_visitor(&d, NULL);
		visitor_say(w[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		WAIT(d.loop, d.n_held == i + 1);
	}
	desk_stop(&d); /* shows that nobody is told */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(visitor_len(w[i]), 0);
		visitor_free(w[i]);
	}
}

static void
who_does_not_count_any_more_is_closed(void **state)
{
	struct visitor *w, *other;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	other = desk_visitor(&d, &(struct visitor_setup){.certificate = "named"});
	asks(&d, w, "/x");
	asks(&d, other, "/x");
	https_judge(d.https);
	asks(&d, w, "/y");
	d.hold = true;
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d.loop, d.n_held == 1);
	d.refuse = "not a customer any more";
	d.refuse_of = "client.example";
	https_judge(d.https);
	assert_int_equal(d.gone, 1);
	WAIT(d.loop, visitor_is_over(w));
	assert_int_equal(visitor_alert(w), GNUTLS_A_ACCESS_DENIED);
	d.hold = false;
	asks(&d, other, "/y");
	visitor_free(w);
	visitor_free(other);
	desk_stop(&d);
}

static void
new_credentials_are_for_later_handshakes(void **state)
{
	struct credentials *other = harness_credentials("server", "ca2");
	struct visitor *w, *foreign;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	asks(&d, w, "/x");
	https_set_credentials(d.https, other);
	credentials_unref(other);
	asks(&d, w, "/y"); /* it stays until it is judged */
	foreign = desk_visitor(&d, &(struct visitor_setup){.certificate = "foreign"});
	asks(&d, foreign, "/z");
	assert_string_equal(d.peer, "foreign.example");
	https_judge(d.https);
	WAIT(d.loop, visitor_is_over(w));
	asks(&d, foreign, "/z");
	visitor_free(w);
	visitor_free(foreign);
	desk_stop(&d);
}

static void
revoked_certificates_connections_are_closed(void **state)
{
	struct credentials *list = credentials_with_crl("named-revoked");
	struct visitor *w, *other;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, &(struct visitor_setup){.certificate = "named"});
	other = desk_visitor(&d, NULL);
	asks(&d, w, "/x");
	asks(&d, other, "/x");
	https_set_credentials(d.https, list);
	https_judge(d.https);
	WAIT(d.loop, visitor_is_over(w));
	asks(&d, other, "/y");
	credentials_unref(list);
	visitor_free(w);
	visitor_free(other);
	desk_stop(&d);
}

/* A handshake that was begun before them, and is done after. */
static void
handshake_under_way_is_proven_by_the_new_credentials(void **state)
{
	struct credentials *list = credentials_with_crl("named-revoked");
	struct tube tube;
	struct visitor *w;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	tube_start(&tube, d.loop, &d.at);
	tube_hold(&tube, true);
	w = visitor_new(d.loop, &tube.at, &(struct visitor_setup){.certificate = "named"});
	WAIT(d.loop, tube.up > 0);
	harness_settle(d.loop); /* the server has answered its hello */
	https_set_credentials(d.https, list);
	https_judge(d.https);
	credentials_unref(list);
	tube_hold(&tube, false);
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d.loop, visitor_is_over(w));
	assert_int_equal(visitor_len(w), 0);
	assert_int_equal(d.judged, 0);
	visitor_free(w);
	tube_stop(&tube);
	desk_stop(&d);
}

static void
judge_in_a(struct desk *d)
{
	https_judge(d->https);
}

/* What an owner does in its callbacks. */
static void
owner_may_judge_while_it_is_asked(void **state)
{
	struct visitor *w;
	struct desk d;

	(void)state;
	desk_start(&d, NULL);
	w = desk_visitor(&d, NULL);
	asks(&d, w, "/x");
	d.hold = true;
	d.refuse = "not a customer any more";
	d.on_request = judge_in_a;
	visitor_say(w, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT(d.loop, d.gone == 1);
	WAIT(d.loop, visitor_is_over(w));
	WAIT(d.loop, https_connections(d.https) == 0);
	visitor_free(w);
	desk_stop(&d);
}

static void
failure_to_listen_names_address_and_error(void **state)
{
	static const struct https_ops ops;
	struct credentials *c = harness_credentials("server", "ca");
	struct listen_socket socket = {0};
	struct https_config cfg = {.sockets = &socket, .n_sockets = 1, .credentials = c};
	struct loop *l = loop_new();
	char why[256] = "";

	(void)state;
	assert_int_equal(endpoint_parse("198.51.100.1", 443, &socket.local), 0);
	assert_null(https_new(l, &cfg, &ops, NULL, why, sizeof(why)));
	assert_string_equal(why, "TCP 198.51.100.1:443: Cannot assign requested address");
	credentials_unref(c);
	loop_free(l);
}

static int
start(void **state)
{
	static const struct pki_crl list = {
		.name = "named-revoked", .issuer = "ca", .revoked = {"named"}};

	(void)state;
	harness_pki();
	pki_make_crl(&list);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_with_a_certificate_is_known_by_it),
		cmocka_unit_test(client_without_a_certificate_is_nobody),
		cmocka_unit_test(certificates_that_do_not_count_are_turned_away),
		cmocka_unit_test(revoked_certificate_is_turned_away),
		cmocka_unit_test(raw_public_keys_are_not_offered),
		cmocka_unit_test(who_is_judged_bad_is_turned_away),
		cmocka_unit_test(versions_below_1_2_are_refused),
		cmocka_unit_test(weak_suites_are_refused),
		cmocka_unit_test(versions_1_3_and_1_2_speak_http_1_1),
		cmocka_unit_test(other_protocols_are_refused),
		cmocka_unit_test(tickets_resume_without_early_data),
		cmocka_unit_test(ticket_does_not_get_past_the_judge),
		cmocka_unit_test(new_credentials_end_old_tickets),
		cmocka_unit_test(renegotiation_ends_the_connection),
		cmocka_unit_test(plain_http_gets_no_http),
		cmocka_unit_test(request_is_delivered_as_it_came),
		cmocka_unit_test(all_methods_and_forms_of_targets_are_delivered),
		cmocka_unit_test(body_in_chunks_is_delivered_whole_and_ends_the_connection),
		cmocka_unit_test(expectation_is_answered_before_the_body),
		cmocka_unit_test(requests_in_advance_are_answered_in_order),
		cmocka_unit_test(version_1_0_is_answered_once),
		cmocka_unit_test(answer_has_fields_date_and_length),
		cmocka_unit_test(head_is_answered_without_the_body),
		cmocka_unit_test(no_content_has_no_body),
		cmocka_unit_test(large_answer_arrives_whole),
		cmocka_unit_test(large_answers_to_requests_in_advance_arrive_whole),
		cmocka_unit_test(large_last_answer_arrives_whole),
		cmocka_unit_test(owner_is_told_when_the_peer_has_gone),
		cmocka_unit_test(server_may_end_with_requests_that_wait),
		cmocka_unit_test(who_does_not_count_any_more_is_closed),
		cmocka_unit_test(new_credentials_are_for_later_handshakes),
		cmocka_unit_test(revoked_certificates_connections_are_closed),
		cmocka_unit_test(handshake_under_way_is_proven_by_the_new_credentials),
		cmocka_unit_test(owner_may_judge_while_it_is_asked),
		cmocka_unit_test(failure_to_listen_names_address_and_error),
	};

	return cmocka_run_group_tests(tests, start, harness_end);
}
