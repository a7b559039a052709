/*
 * The least a server over DTLS costs: GnuTLS, cookies, stateless tickets, and each message answered
 * by ANSWER-BYTES (the request, repeated as often as it takes). No timers, no limits, no rules.
 *
 *	floor_dtls ADDRESS:PORT ANSWER-BYTES PSK-HEX [CERTIFICATE KEY TRUST]
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "flows.h"

enum { MTU = 1252, CLIENT_HELLO_AT = 13, RECORD_HANDSHAKE = 22, CLIENT_HELLO = 1 };

struct server {
	struct batch *batch;
	struct flows *flows;
	gnutls_priority_t priority;
	gnutls_psk_server_credentials_t psk;
	gnutls_certificate_credentials_t x509; /* NULL: PSK only */
	gnutls_datum_t key, cookies, tickets;
	size_t answer_len;
};

struct peer {
	struct server *server;
	gnutls_session_t tls;
	struct sockaddr_in at;
	const uint8_t *in;
	size_t in_len;
	bool up;
};

/* Where a HelloVerifyRequest goes. */
struct stranger {
	struct batch *batch;
	const struct sockaddr_in *at;
};

static void
must(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, gnutls_strerror(r));
}

/* --- glue to the library -------------------------------------------------------------------- */

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct peer *p = ptr;

	batch_send(p->server->batch, &p->at, NULL, bytes, len);
	return (ssize_t)len;
}

static ssize_t
push_stranger(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct stranger *s = ptr;

	batch_send(s->batch, s->at, NULL, bytes, len);
	return (ssize_t)len;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *bytes, size_t cap)
{
	struct peer *p = ptr;
	size_t n = p->in_len < cap ? p->in_len : cap;

	if (!n) {
		gnutls_transport_set_errno(p->tls, EAGAIN);
		return -1;
	}
	memcpy(bytes, p->in, n);
	p->in_len = 0;
	return (ssize_t)n;
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct peer *p = ptr;

	(void)ms;
	return p->in_len > 0;
}

static int
find_psk(gnutls_session_t tls, const char *identity, gnutls_datum_t *ret)
{
	const struct peer *p = gnutls_session_get_ptr(tls);

	(void)identity;
	ret->size = p->server->key.size;
	ret->data = gnutls_malloc(ret->size);
	if (!ret->data)
		return -1;
	memcpy(ret->data, p->server->key.data, ret->size);
	return 0;
}

/* --- associations --------------------------------------------------------------------------- */

static struct peer *
peer_new(struct server *s, const struct sockaddr_in *at, gnutls_dtls_prestate_st *pre)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		err(1, "memory");
	p->server = s;
	p->at = *at;
	must(gnutls_init(&p->tls, GNUTLS_SERVER | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK), "session");
	gnutls_session_set_ptr(p->tls, p);
	gnutls_transport_set_ptr(p->tls, p);
	gnutls_transport_set_push_function(p->tls, push);
	gnutls_transport_set_pull_function(p->tls, pull);
	gnutls_transport_set_pull_timeout_function(p->tls, pull_timeout);
	gnutls_dtls_set_mtu(p->tls, MTU);
	must(gnutls_priority_set(p->tls, s->priority), "priority");
	must(gnutls_credentials_set(p->tls, GNUTLS_CRD_PSK, s->psk), "psk");
	if (s->x509) {
		must(gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, s->x509), "x509");
		gnutls_certificate_server_set_request(p->tls, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(p->tls, NULL, 0);
	}
	must(gnutls_session_ticket_enable_server(p->tls, &s->tickets), "tickets");
	gnutls_dtls_prestate_set(p->tls, pre);
	return p;
}

static void
peer_free(struct peer *p)
{
	flows_remove(p->server->flows, &p->at);
	gnutls_deinit(p->tls);
	free(p);
}

static void
answer(struct peer *p, const uint8_t *request, size_t len)
{
	uint8_t bytes[DATAGRAM_MAX];
	size_t want = p->server->answer_len;

	for (size_t at = 0; at < want; at += len)
		memcpy(bytes + at, request, len < want - at ? len : want - at);
	(void)gnutls_record_send(p->tls, bytes, want);
}

static void
serve(struct peer *p)
{
	uint8_t bytes[DATAGRAM_MAX];
	ssize_t n;

	while (!p->up && p->in_len) {
		int r = gnutls_handshake(p->tls);

		p->up = r == 0;
		if (r < 0 && gnutls_error_is_fatal(r)) {
			peer_free(p);
			return;
		}
	}
	if (!p->up)
		return;
	while ((n = gnutls_record_recv(p->tls, bytes, sizeof(bytes))) > 0)
		answer(p, bytes, (size_t)n);
	if (n == 0 || gnutls_error_is_fatal((int)n))
		peer_free(p);
}

static void
meet(struct server *s, struct datagram *d)
{
	struct stranger stranger = {s->batch, &d->remote};
	gnutls_dtls_prestate_st pre = {0};
	struct peer *p;

	if (d->len <= CLIENT_HELLO_AT || d->bytes[0] != RECORD_HANDSHAKE ||
		d->bytes[CLIENT_HELLO_AT] != CLIENT_HELLO)
		return;
	if (gnutls_dtls_cookie_verify(
		    &s->cookies, &d->remote, sizeof(d->remote), d->bytes, d->len, &pre) < 0) {
		gnutls_dtls_cookie_send(
			&s->cookies, &d->remote, sizeof(d->remote), &pre, &stranger, push_stranger);
		return;
	}
	p = peer_new(s, &d->remote, &pre);
	*flows_get(s->flows, &d->remote) = p;
	p->in = d->bytes;
	p->in_len = d->len;
	serve(p);
}

static void
handle(struct server *s, struct datagram *d)
{
	struct peer *p = *flows_get(s->flows, &d->remote);

	if (!p) {
		meet(s, d);
		return;
	}
	p->in = d->bytes;
	p->in_len = d->len;
	serve(p);
}

/* --- start ---------------------------------------------------------------------------------- */

static void
load(struct server *s, char **argv)
{
	gnutls_datum_t hex = {(unsigned char *)argv[3], (unsigned)strlen(argv[3])};

	must(gnutls_priority_init(&s->priority,
		     "NONE:+VERS-DTLS1.2:+COMP-NULL:+CTYPE-X509:+AEAD:+ECDHE-ECDSA:+ECDHE-PSK"
		     ":+AES-128-GCM:+CHACHA20-POLY1305:+GROUP-X25519:+GROUP-SECP256R1:+SIGN-ALL",
		     NULL),
		"priority");
	must(gnutls_hex_decode2(&hex, &s->key), "psk");
	must(gnutls_psk_allocate_server_credentials(&s->psk), "psk");
	gnutls_psk_set_server_credentials_function(s->psk, find_psk);
	must(gnutls_key_generate(&s->cookies, GNUTLS_COOKIE_KEY_SIZE), "cookies");
	must(gnutls_session_ticket_key_generate(&s->tickets), "tickets");
	if (!argv[4])
		return;
	must(gnutls_certificate_allocate_credentials(&s->x509), "x509");
	must(gnutls_certificate_set_x509_key_file(s->x509, argv[4], argv[5], GNUTLS_X509_FMT_PEM),
		"certificate");
	must(gnutls_certificate_set_x509_trust_file(s->x509, argv[6], GNUTLS_X509_FMT_PEM),
		"trust");
}

int
main(int argc, char **argv)
{
	struct server s = {0};
	struct sockaddr_in at;

	if (argc != 4 && argc != 7)
		errx(2, "usage: floor_dtls ADDRESS:PORT ANSWER-BYTES PSK-HEX [CERTIFICATE KEY "
			"TRUST]");
	at = parse_endpoint(argv[1]);
	s.answer_len = strtoul(argv[2], NULL, 10);
	if (!s.answer_len || s.answer_len > MTU)
		errx(2, "%s: not a size", argv[2]);
	load(&s, argv);
	s.batch = batch_new(at.sin_addr, ntohs(at.sin_port), false);
	s.flows = flows_new();
	puts("ready");
	fflush(stdout);
	for (;;) {
		unsigned n = batch_read(s.batch, -1);

		for (unsigned i = 0; i < n; i++)
			handle(&s, batch_at(s.batch, i));
		batch_flush(s.batch);
	}
}
