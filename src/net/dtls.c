/*
 * See dtls.h. Owns the GnuTLS session of one association.
 *
 * The library is handed exactly one whole record a call. It does not tell an undecryptable record
 * from none, so its count of discarded ones is watched: that is how "authenticated" is known.
 */
#include "net/dtls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls.h"

/* RFC 9132 7.1 and RFC 9325: nothing below 1.2, forward secrecy and AEAD only. GnuTLS has one AEAD
 * suite for ECDHE-PSK: CHACHA20-POLY1305. Finite-field DHE is left out: 8 ms a handshake. */
#define PRIORITY                                                                                   \
	"NONE:+VERS-DTLS1.2:+COMP-NULL:+CTYPE-X509:+AEAD"                                          \
	":+ECDHE-ECDSA:+ECDHE-RSA:+ECDHE-PSK"                                                      \
	":+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-CCM:+AES-256-CCM"                  \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"                                         \
	":+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%PROFILE_MEDIUM"

enum {
	FLIGHT_MS = 1000,          /* first repeat of a flight (RFC 6347 4.2.4.1) */
	LIBRARY_LIMIT_MS = 600000, /* of a handshake; the caller's own limit comes first */
	TICKET_LIFETIME_S = 86400, /* RFC 5077 5.6, RFC 5246 F.1.4: a day */
	PSK_KEY_MAX = 128,
	HANDSHAKE_MESSAGE_MAX = 32768, /* a chain of 8 large certificates; the library keeps
					  several messages of a peer that is not known yet */
};

struct resumption {
	gnutls_datum_t data;
};

struct dtls_server {
	psk_lookup lookup;
	void *arg;
	gnutls_psk_server_credentials_t psk;
	gnutls_datum_t
		ticket_key; /* GnuTLS derives the keys in use from it, a new one every 3 days */
};

struct dtls {
	gnutls_session_t tls;
	struct dtls_setup setup;
	const uint8_t *in; /* the record not yet taken by the library */
	size_t in_len;
	bool unknown_psk;
	char why[TLS_WHY_MAX];
};

static gnutls_priority_t
dtls_priority(void)
{
	static gnutls_priority_t cache;

	if (!cache && gnutls_priority_init(&cache, PRIORITY, NULL) < 0)
		abort(); /* a constant: the library lacks what the build asked for */
	return cache;
}

/* --- glue to the library -------------------------------------------------------------------- */

static ssize_t
dtls_pull(gnutls_transport_ptr_t ptr, void *bytes, size_t cap)
{
	struct dtls *d = ptr;
	size_t n = d->in_len < cap ? d->in_len : cap;

	if (n == 0) {
		gnutls_transport_set_errno(d->tls, EAGAIN);
		return -1;
	}
	memcpy(bytes, d->in, n);
	d->in_len = 0; /* a datagram is read once, like from a socket */
	return (ssize_t)n;
}

static int
dtls_pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct dtls *d = ptr;

	(void)ms;
	return d->in_len > 0;
}

static ssize_t
dtls_push_out(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct dtls *d = ptr;

	d->setup.push(d->setup.arg, bytes, len);
	return (ssize_t)len;
}

static int
dtls_verify_callback(gnutls_session_t tls)
{
	struct dtls *d = gnutls_session_get_ptr(tls);

	return dtls_verify(d, d->setup.credentials) ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static int
dtls_psk_callback(gnutls_session_t tls, const gnutls_datum_t *name, gnutls_datum_t *key)
{
	struct dtls *d = gnutls_session_get_ptr(tls);
	struct dtls_server *ds = d->setup.server;
	char identity[PEER_NAME_MAX];
	uint8_t secret[PSK_KEY_MAX];
	size_t len = sizeof(secret);
	int r = -ENOENT;

	if (name->size > 0 && name->size < sizeof(identity) && !memchr(name->data, 0, name->size)) {
		memcpy(identity, name->data, name->size);
		identity[name->size] = 0;
		r = ds->lookup(ds->arg, identity, secret, &len);
	}
	if (r < 0) {
		d->unknown_psk = true;
		snprintf(d->why, sizeof(d->why), "psk identity is not known (RFC 9132 8)");
		return -1;
	}
	assert(len <= sizeof(secret));
	key->data = gnutls_malloc(len);
	key->size = (unsigned)len;
	if (key->data)
		memcpy(key->data, secret, len);
	explicit_bzero(secret, sizeof(secret));
	return key->data ? 0 : -1;
}

/* --- server-wide ---------------------------------------------------------------------------- */

void
dtls_server_renew_tickets(struct dtls_server *ds)
{
	gnutls_free(ds->ticket_key.data);
	if (gnutls_session_ticket_key_generate(&ds->ticket_key) < 0)
		abort(); /* as for any randomness */
}

struct dtls_server *
dtls_server_new(psk_lookup psk, void *arg)
{
	struct dtls_server *ds = mem_new(sizeof(*ds));

	ds->lookup = psk;
	ds->arg = arg;
	dtls_server_renew_tickets(ds);
	if (psk && gnutls_psk_allocate_server_credentials(&ds->psk) >= 0)
		gnutls_psk_set_server_credentials_function2(ds->psk, dtls_psk_callback);
	return ds;
}

void
dtls_server_free(struct dtls_server *ds)
{
	if (!ds)
		return;
	if (ds->psk)
		gnutls_psk_free_server_credentials(ds->psk);
	gnutls_memset(ds->ticket_key.data, 0, ds->ticket_key.size);
	gnutls_free(ds->ticket_key.data);
	free(ds);
}

/* --- making --------------------------------------------------------------------------------- */

static int
dtls_make_server(struct dtls *d)
{
	struct dtls_server *ds = d->setup.server;
	int r = 0;

	if (ds->psk)
		r = gnutls_credentials_set(d->tls, GNUTLS_CRD_PSK, ds->psk);
	gnutls_certificate_server_set_request(d->tls, GNUTLS_CERT_REQUIRE);
	if (r >= 0)
		r = gnutls_session_ticket_enable_server(d->tls, &ds->ticket_key);
	if (d->setup.prestate) {
		gnutls_dtls_prestate_st pre = *d->setup.prestate;

		gnutls_dtls_prestate_set(d->tls, &pre);
	}
	return r;
}

static int
dtls_make_client(struct dtls *d)
{
	gnutls_psk_client_credentials_t psk = credentials_psk(d->setup.credentials);
	const char *name = d->setup.server_name;
	const struct resumption *resume = d->setup.resume;
	struct addr literal;
	int r = 0;

	if (psk)
		r = gnutls_credentials_set(d->tls, GNUTLS_CRD_PSK, psk);
	/* RFC 6066 3: a literal address is not a server name. */
	if (r >= 0 && addr_parse(name, &literal) < 0)
		r = gnutls_server_name_set(d->tls, GNUTLS_NAME_DNS, name, strlen(name));
	/* Data of another server or too old: then it is a full handshake. */
	if (r >= 0 && resume)
		(void)gnutls_session_set_data(d->tls, resume->data.data, resume->data.size);
	return r;
}

struct dtls *
dtls_new(const struct dtls_setup *setup)
{
	/* Our certificate goes to the server that proved its name, whatever CAs it lists. */
	const unsigned role =
		setup->server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	gnutls_certificate_credentials_t x509 = credentials_x509(setup->credentials);
	struct dtls *d = mem_new(sizeof(*d));
	int r;

	d->setup = *setup;
	r = gnutls_init(&d->tls, role | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK);
	if (r < 0) {
		free(d);
		return NULL;
	}
	gnutls_session_set_ptr(d->tls, d);
	gnutls_transport_set_ptr(d->tls, d);
	gnutls_transport_set_pull_function(d->tls, dtls_pull);
	gnutls_transport_set_pull_timeout_function(d->tls, dtls_pull_timeout);
	gnutls_transport_set_push_function(d->tls, dtls_push_out);
	gnutls_session_set_verify_function(d->tls, dtls_verify_callback);
	gnutls_handshake_set_max_packet_length(d->tls, HANDSHAKE_MESSAGE_MAX);
	gnutls_dtls_set_mtu(d->tls, setup->mtu);
	gnutls_dtls_set_timeouts(d->tls, FLIGHT_MS, LIBRARY_LIMIT_MS);
	gnutls_db_set_cache_expiration(d->tls, TICKET_LIFETIME_S);
	r = gnutls_priority_set(d->tls, dtls_priority());
	if (r >= 0 && x509)
		r = gnutls_credentials_set(d->tls, GNUTLS_CRD_CERTIFICATE, x509);
	if (r >= 0)
		r = setup->server ? dtls_make_server(d) : dtls_make_client(d);
	d->setup.resume = NULL;
	d->setup.prestate = NULL;
	if (r < 0) {
		dtls_free(d);
		return NULL;
	}
	return d;
}

void
dtls_free(struct dtls *d)
{
	if (!d)
		return;
	gnutls_deinit(d->tls);
	free(d);
}

/* --- handshake ------------------------------------------------------------------------------ */

static void
dtls_note_alert(struct dtls *d)
{
	snprintf(d->why, sizeof(d->why), "peer's alert: %s",
		dtls_alert_name((int)gnutls_alert_get(d->tls)));
}

static enum dtls_progress
dtls_fail(struct dtls *d, int error)
{
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		dtls_note_alert(d);
		return DTLS_FAILED;
	}
	if (d->unknown_psk)
		(void)gnutls_alert_send(d->tls, GNUTLS_AL_FATAL, GNUTLS_A_UNKNOWN_PSK_IDENTITY);
	else
		(void)gnutls_alert_send_appropriate(d->tls, error);
	if (!d->why[0])
		snprintf(d->why, sizeof(d->why), "handshake: %s", gnutls_strerror(error));
	return DTLS_FAILED;
}

enum dtls_progress
dtls_handshake(struct dtls *d, const uint8_t *record, size_t len)
{
	int r;

	d->in = record;
	d->in_len = len;
	do
		r = gnutls_handshake(d->tls);
	while (r < 0 && !gnutls_error_is_fatal(r) && d->in_len > 0);
	d->in_len = 0;
	if (r >= 0)
		return DTLS_DONE;
	return gnutls_error_is_fatal(r) ? dtls_fail(d, r) : DTLS_WAITING;
}

uint32_t
dtls_timeout_ms(const struct dtls *d)
{
	return gnutls_dtls_get_timeout(d->tls);
}

static bool
dtls_verify_psk(struct dtls *d)
{
	struct dtls_server *ds = d->setup.server;
	const char *identity = ds ? gnutls_psk_server_get_username(d->tls) : NULL;
	uint8_t secret[PSK_KEY_MAX];
	size_t len = sizeof(secret);

	if (!ds)
		return true; /* the server proved that it has our key */
	if (identity && ds->lookup && ds->lookup(ds->arg, identity, secret, &len) == 0) {
		explicit_bzero(secret, sizeof(secret));
		return true;
	}
	snprintf(d->why, sizeof(d->why), "psk identity is not known any more (RFC 9132 8)");
	return false;
}

bool
dtls_verify(struct dtls *d, const struct credentials *c)
{
	const struct peer_expect expect = {
		.is_server = !d->setup.server,
		.name = d->setup.server_name,
		.trust = credentials_trust(c),
		.crls = credentials_crls(c),
	};

	if (gnutls_auth_get_type(d->tls) == GNUTLS_CRD_PSK)
		return dtls_verify_psk(d);
	return peer_verify(d->tls, &expect, d->why, sizeof(d->why));
}

bool
dtls_identify(struct dtls *d, struct peer_id *ret)
{
	const char *own = d->setup.server ? NULL : credentials_psk_identity(d->setup.credentials);

	return peer_identify(d->tls, own, ret);
}

bool
dtls_resumed(const struct dtls *d)
{
	return gnutls_session_is_resumed(d->tls);
}

/* --- data ----------------------------------------------------------------------------------- */

static enum dtls_read
dtls_read_failed(struct dtls *d, ssize_t error, bool discarded)
{
	uint8_t rest[1];

	if (error == GNUTLS_E_REHANDSHAKE) {
		(void)gnutls_alert_send(d->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
		/* What asked for it waits in front of the data: this call throws it away. */
		(void)gnutls_record_recv(d->tls, rest, sizeof(rest));
		return DTLS_SILENT;
	}
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		dtls_note_alert(d);
		return DTLS_CLOSED;
	}
	if (!gnutls_error_is_fatal((int)error))
		return discarded ? DTLS_FOREIGN : DTLS_SILENT;
	snprintf(d->why, sizeof(d->why), "record: %s", gnutls_strerror((int)error));
	return DTLS_CLOSED;
}

enum dtls_read
dtls_read(struct dtls *d, const uint8_t *record, size_t len, uint8_t *data, size_t cap,
	size_t *ret_len)
{
	unsigned before = gnutls_record_get_discarded(d->tls);
	ssize_t n;

	d->in = record;
	d->in_len = len;
	n = gnutls_record_recv(d->tls, data, cap);
	d->in_len = 0;
	if (n > 0) {
		*ret_len = (size_t)n;
		return DTLS_DATA;
	}
	if (n == 0) {
		snprintf(d->why, sizeof(d->why), "closed by the peer");
		return DTLS_CLOSED;
	}
	return dtls_read_failed(d, n, gnutls_record_get_discarded(d->tls) != before);
}

int
dtls_write(struct dtls *d, const void *data, size_t len)
{
	ssize_t n;

	if (len > dtls_max_data(d))
		return -EMSGSIZE;
	n = gnutls_record_send(d->tls, data, len);
	return n < 0 ? -EIO : 0;
}

size_t
dtls_max_data(const struct dtls *d)
{
	return gnutls_dtls_get_data_mtu(d->tls);
}

void
dtls_close(struct dtls *d)
{
	(void)gnutls_bye(d->tls, GNUTLS_SHUT_WR);
}

void
dtls_refuse(struct dtls *d)
{
	(void)gnutls_alert_send(d->tls, GNUTLS_AL_FATAL, GNUTLS_A_ACCESS_DENIED);
}

const char *
dtls_why(const struct dtls *d)
{
	return d->why;
}

const char *
dtls_alert_name(int description)
{
	const char *name = gnutls_alert_get_name((gnutls_alert_description_t)description);

	return name ? name : "unknown";
}

/* --- resumption ----------------------------------------------------------------------------- */

struct resumption *
dtls_resumption(const struct dtls *d)
{
	struct resumption *r;
	bool ticket = gnutls_session_get_flags(d->tls) & GNUTLS_SFLAGS_SESSION_TICKET;

	if (!ticket && !dtls_resumed(d))
		return NULL;
	r = mem_new(sizeof(*r));
	if (gnutls_session_get_data2(d->tls, &r->data) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

void
resumption_free(struct resumption *r)
{
	if (!r)
		return;
	gnutls_memset(r->data.data, 0, r->data.size);
	gnutls_free(r->data.data);
	free(r);
}
