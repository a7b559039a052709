/*
 * See fleet.h.
 */
#include "fleet.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch.h"

enum { MTU = 1252, HANDSHAKE_MS = 20000, FLIGHT_MS = 1000 };

struct fleet {
	struct fleet_setup setup;
	struct batch *batch;
	gnutls_priority_t priority;
	gnutls_psk_client_credentials_t *psk;   /* a client each, */
	gnutls_certificate_credentials_t *x509; /* made when first needed */
	struct session *sessions[FLEET_MAX];
};

double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
must(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, gnutls_strerror(r));
}

static void *
room(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		err(1, "memory");
	return p;
}

/* --- credentials ---------------------------------------------------------------------------- */

static gnutls_psk_client_credentials_t
psk_of(struct fleet *f, unsigned client)
{
	gnutls_datum_t key = {(unsigned char *)f->setup.psk, (unsigned)strlen(f->setup.psk)};
	char name[16];

	if (f->psk[client])
		return f->psk[client];
	snprintf(name, sizeof(name), "c%u", client);
	must(gnutls_psk_allocate_client_credentials(&f->psk[client]), "psk");
	must(gnutls_psk_set_client_credentials(f->psk[client], name, &key, GNUTLS_PSK_KEY_HEX),
		"psk");
	return f->psk[client];
}

static gnutls_certificate_credentials_t
x509_of(struct fleet *f, unsigned client)
{
	const char *dir = f->setup.certificates;
	char crt[512], key[512], ca[512];

	if (f->x509[client])
		return f->x509[client];
	snprintf(crt, sizeof(crt), "%s/c%u.crt", dir, client);
	snprintf(key, sizeof(key), "%s/c%u.key", dir, client);
	snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
	must(gnutls_certificate_allocate_credentials(&f->x509[client]), "x509");
	must(gnutls_certificate_set_x509_key_file(f->x509[client], crt, key, GNUTLS_X509_FMT_PEM),
		crt);
	must(gnutls_certificate_set_x509_trust_file(f->x509[client], ca, GNUTLS_X509_FMT_PEM), ca);
	return f->x509[client];
}

static void
authenticate(struct session *s)
{
	struct fleet *f = s->fleet;
	unsigned client = s->number % f->setup.clients;

	if (f->setup.psk) {
		must(gnutls_credentials_set(s->tls, GNUTLS_CRD_PSK, psk_of(f, client)), "psk");
		return;
	}
	must(gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, x509_of(f, client)), "x509");
	gnutls_session_set_verify_cert(s->tls, "dots.example", 0);
}

/* --- glue to the library -------------------------------------------------------------------- */

static void
transmit(struct session *s, const void *bytes, size_t len)
{
	const struct fleet_setup *setup = &s->fleet->setup;
	const struct in_addr local = {htonl(ntohl(setup->from.s_addr) + s->number * setup->stride)};

	s->sent = len;
	batch_send(s->fleet->batch, &setup->server, &local, bytes, len);
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	transmit(ptr, bytes, len);
	return (ssize_t)len;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *bytes, size_t cap)
{
	struct session *s = ptr;
	size_t n = s->in_len < cap ? s->in_len : cap;

	if (!n) {
		gnutls_transport_set_errno(s->tls, EAGAIN);
		return -1;
	}
	memcpy(bytes, s->in, n);
	s->in_len = 0;
	return (ssize_t)n;
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct session *s = ptr;

	(void)ms;
	return s->in_len > 0;
}

/* --- sessions ------------------------------------------------------------------------------- */

static void
shake(struct session *s)
{
	int r;

	do
		r = gnutls_handshake(s->tls);
	while (r < 0 && !gnutls_error_is_fatal(r) && s->in_len);
	s->up = r == 0;
	if (r < 0 && gnutls_error_is_fatal(r)) {
		warnx("session %u: %s", s->number, gnutls_strerror(r));
		s->failed = true;
	}
}

static void
make_tls(struct session *s, const gnutls_datum_t *ticket)
{
	must(gnutls_init(&s->tls,
		     GNUTLS_CLIENT | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT),
		"session");
	gnutls_transport_set_ptr(s->tls, s);
	gnutls_transport_set_push_function(s->tls, push);
	gnutls_transport_set_pull_function(s->tls, pull);
	gnutls_transport_set_pull_timeout_function(s->tls, pull_timeout);
	gnutls_dtls_set_mtu(s->tls, MTU);
	gnutls_dtls_set_timeouts(s->tls, FLIGHT_MS, HANDSHAKE_MS);
	must(gnutls_priority_set(s->tls, s->fleet->priority), "priority");
	authenticate(s);
	if (ticket)
		must(gnutls_session_set_data(s->tls, ticket->data, ticket->size), "ticket");
}

struct session *
session_open(struct fleet *f, uint32_t number, const gnutls_datum_t *ticket)
{
	struct session *s = room(1, sizeof(*s));

	if (number >= FLEET_MAX || f->sessions[number])
		errx(1, "session %u is there already", number);
	s->fleet = f;
	s->number = number;
	s->begun = now();
	f->sessions[number] = s;
	if (!f->priority) {
		s->up = true;
		return s;
	}
	make_tls(s, ticket);
	shake(s);
	return s;
}

void
session_drop(struct session *s)
{
	if (s->tls)
		gnutls_deinit(s->tls);
	s->fleet->sessions[s->number] = NULL;
	free(s);
}

void
session_close(struct session *s)
{
	if (s->tls && s->up && !s->failed)
		(void)gnutls_bye(s->tls, GNUTLS_SHUT_WR);
	session_drop(s);
}

void
session_repeat(struct session *s)
{
	if (!s->up && !s->failed && gnutls_dtls_get_timeout(s->tls) == 0)
		shake(s);
}

void
session_send(struct session *s, const void *bytes, size_t len)
{
	if (!s->tls)
		transmit(s, bytes, len);
	else if (gnutls_record_send(s->tls, bytes, len) < 0)
		s->failed = true;
}

static void
receive(struct session *s, struct datagram *d)
{
	const struct fleet_setup *setup = &s->fleet->setup;
	uint8_t bytes[DATAGRAM_MAX];
	ssize_t n;

	s->received = d->len;
	if (!s->tls) {
		setup->data(setup->arg, s, d->bytes, d->len);
		return;
	}
	s->in = d->bytes;
	s->in_len = d->len;
	if (!s->up) {
		shake(s);
		return;
	}
	while ((n = gnutls_record_recv(s->tls, bytes, sizeof(bytes))) > 0)
		setup->data(setup->arg, s, bytes, (size_t)n);
	if (n == 0 || gnutls_error_is_fatal((int)n)) {
		warnx("session %u: %s", s->number, n ? gnutls_strerror((int)n) : "closed");
		s->failed = true;
	}
}

/* --- the fleet ------------------------------------------------------------------------------ */

struct fleet *
fleet_new(const struct fleet_setup *setup)
{
	struct fleet *f = room(1, sizeof(*f));

	f->setup = *setup;
	f->batch = batch_new((struct in_addr){INADDR_ANY}, 0, true);
	f->psk = room(setup->clients, sizeof(gnutls_psk_client_credentials_t));
	f->x509 = room(setup->clients, sizeof(gnutls_certificate_credentials_t));
	/* The only suites that GnuTLS has for both: what dotsd would choose, too. */
	if (setup->psk)
		must(gnutls_priority_init(&f->priority,
			     "NONE:+VERS-DTLS1.2:+COMP-NULL:+CTYPE-X509:+AEAD:+ECDHE-PSK"
			     ":+CHACHA20-POLY1305:+GROUP-X25519:+SIGN-ALL",
			     NULL),
			"priority");
	else if (setup->certificates)
		must(gnutls_priority_init(&f->priority,
			     "NONE:+VERS-DTLS1.2:+COMP-NULL:+CTYPE-X509:+AEAD:+ECDHE-ECDSA"
			     ":+AES-128-GCM:+GROUP-X25519:+GROUP-SECP256R1:+SIGN-ALL",
			     NULL),
			"priority");
	return f;
}

struct batch *
fleet_batch(struct fleet *f)
{
	return f->batch;
}

struct session *
fleet_session(struct fleet *f, uint32_t number)
{
	return number < FLEET_MAX ? f->sessions[number] : NULL;
}

static struct session *
session_at(struct fleet *f, struct in_addr local)
{
	return fleet_session(
		f, (ntohl(local.s_addr) - ntohl(f->setup.from.s_addr)) / f->setup.stride);
}

unsigned
fleet_pump(struct fleet *f, int timeout_ms)
{
	unsigned n;

	batch_flush(f->batch);
	n = batch_read(f->batch, timeout_ms);
	for (unsigned i = 0; i < n; i++) {
		struct datagram *d = batch_at(f->batch, i);
		struct session *s = session_at(f, d->local);

		if (s && !s->failed)
			receive(s, d);
	}
	batch_flush(f->batch);
	return n;
}
