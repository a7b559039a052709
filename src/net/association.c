/*
 * See association.h. Owns the GnuTLS session of one association.
 *
 * Of datagrams the library is handed exactly one whole record a call. It does not tell an
 * undecryptable record from none, so its count of discarded ones is watched: that is how
 * "authenticated" is known. From a stream the library takes what it wants.
 */
#include "net/association.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "net/tls.h"

/* RFC 9132 7.1 and RFC 9325: nothing below 1.2, forward secrecy and AEAD only. GnuTLS has one AEAD
 * suite of 1.2 for ECDHE-PSK: CHACHA20-POLY1305; in 1.3 a PSK goes with any of these ciphers, and
 * without +PSK only with an exchange of keys. Finite-field DHE is left out: 8 ms a handshake. */
#define PRIORITY(versions, types)                                                                  \
	"NONE:" versions ":+COMP-NULL:" types ":+AEAD"                                             \
	":+ECDHE-ECDSA:+ECDHE-RSA:+ECDHE-PSK"                                                      \
	":+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-CCM:+AES-256-CCM"                  \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"                                         \
	":+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%PROFILE_MEDIUM"
#define DTLS_PRIORITY(types) PRIORITY("+VERS-DTLS1.2", types)
/* RFC 9325 3.5: a peer without renegotiation_info is refused. */
#define TLS_PRIORITY(types) PRIORITY("+VERS-TLS1.3:+VERS-TLS1.2", types) ":%SAFE_RENEGOTIATION"
/* The smaller one first (RFC 9132 7.1). */
#define X509 "+CTYPE-X509"
#define RAW  "+CTYPE-RAWPK"
#define BOTH RAW ":" X509

enum {
	FLIGHT_MS = 1000,          /* first repeat of a flight (RFC 6347 4.2.4.1) */
	LIBRARY_LIMIT_MS = 600000, /* of a handshake; the caller's own limit comes first */
	TICKET_LIFETIME_S = 86400, /* RFC 5077 5.6, RFC 5246 F.1.4: a day */
	PSK_KEY_MAX = 128,
	HANDSHAKE_MAX = 2 * ASSOCIATION_MESSAGE_MAX, /* all of a stream before it is done: the
						      library collects a message before it looks at
						      its size, which may be 2^24 - 1 */
	DATAGRAM_MAX = 1280,
	READ_TRIES = 16, /* records without data taken from a stream in one go */
};

static const struct protocol {
	const char *alpn, *service;
	bool x509_only;
	gnutls_certificate_request_t request; /* of a server, for the client's certificate */
} protocols[] = {
	/* RFC 8323 11.7, RFC 9132 10.1 */
	[ASSOCIATION_COAP] = {"coap", "_dots-signal.", false, GNUTLS_CERT_REQUIRE},
	/* RFC 7301 6, RFC 8973 9.1 */
	[ASSOCIATION_HTTP] = {"http/1.1", "_dots-data.", true, GNUTLS_CERT_REQUEST},
};

struct resumption {
	gnutls_datum_t data;
	bool stream;
};

struct association_server {
	psk_lookup lookup;
	void *arg;
	gnutls_psk_server_credentials_t psk;
	gnutls_datum_t
		ticket_key; /* GnuTLS derives the keys in use from it, a new one every 3 days */
};

struct association {
	gnutls_session_t tls;
	struct association_setup setup;
	bool stream;
	const uint8_t *in; /* the record not yet taken by the library */
	size_t in_len;
	bool shakes;   /* the handshake is what the library reads for */
	size_t shaken; /* bytes of a stream read for it */
	bool gathers;  /* datagrams of a flight wait to be sent as one */
	bool dry;      /* the stream had nothing when the library asked last */
	bool ended;    /* the stream is at its end, or broken */
	bool unknown_psk;
	char why[TLS_WHY_MAX];
};

static const struct protocol *
association_protocol(const struct association *a)
{
	return &protocols[a->setup.protocol];
}

static gnutls_priority_t
association_priority(bool stream, enum credentials_types types)
{
	static gnutls_priority_t cache[2][TYPES_MAX];
	static const char *const texts[2][TYPES_MAX] = {
		{DTLS_PRIORITY(X509), DTLS_PRIORITY(RAW), DTLS_PRIORITY(BOTH)},
		{TLS_PRIORITY(X509), TLS_PRIORITY(RAW), TLS_PRIORITY(BOTH)},
	};
	gnutls_priority_t *p = &cache[stream][types];

	if (!*p && gnutls_priority_init(p, texts[stream][types], NULL) < 0)
		abort(); /* a constant: the library lacks what the build asked for */
	return *p;
}

/* --- glue to the library -------------------------------------------------------------------- */

static ssize_t
association_pull_record(struct association *a, void *bytes, size_t cap)
{
	size_t n = a->in_len < cap ? a->in_len : cap;

	if (n == 0) {
		gnutls_transport_set_errno(a->tls, EAGAIN);
		return -1;
	}
	memcpy(bytes, a->in, n);
	a->in_len = 0; /* a datagram is read once, like from a socket */
	return (ssize_t)n;
}

/* error: 0 or an errno value. */
static ssize_t
association_pull_ends(struct association *a, int error, const char *why)
{
	a->ended = true;
	snprintf(a->why, sizeof(a->why), "%s", why);
	gnutls_transport_set_errno(a->tls, error);
	return error ? -1 : 0;
}

static ssize_t
association_pull_stream(struct association *a, void *bytes, size_t cap)
{
	ssize_t n;

	if (a->shakes && a->shaken >= HANDSHAKE_MAX)
		return association_pull_ends(
			a, EMSGSIZE, "handshake: more than 65536 bytes (RFC 9132 11)");
	n = a->setup.pull(a->setup.arg, bytes, cap);
	if (n == 0)
		return association_pull_ends(a, 0, "the connection ended without close_notify");
	if (n < 0 && n != -EAGAIN)
		return association_pull_ends(a, (int)-n, strerror((int)-n));
	if (n < 0) {
		a->dry = true;
		gnutls_transport_set_errno(a->tls, EAGAIN);
		return -1;
	}
	if (a->shakes)
		a->shaken += (size_t)n;
	return n;
}

static ssize_t
association_pull_in(gnutls_transport_ptr_t ptr, void *bytes, size_t cap)
{
	struct association *a = ptr;

	return a->stream ? association_pull_stream(a, bytes, cap)
			 : association_pull_record(a, bytes, cap);
}

static int
association_pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	const struct association *a = ptr;

	(void)ms;
	return a->in_len > 0;
}

/* The records of a flight, which the library hands out one by one, in as few datagrams as they fit
 * (RFC 6347 4.1.1): where much is lost, each datagram less is a better chance for the flight. Used
 * inside of one call only. */
static struct {
	uint8_t bytes[DATAGRAM_MAX];
	size_t len;
} flight;

static bool
flight_send(struct association *a)
{
	size_t len = flight.len;

	flight.len = 0;
	return !len || a->setup.push(a->setup.arg, flight.bytes, len);
}

static bool
flight_add(struct association *a, const void *record, size_t len)
{
	const size_t room = a->setup.mtu < DATAGRAM_MAX ? a->setup.mtu : DATAGRAM_MAX;

	if (flight.len + len > room && !flight_send(a))
		return false;
	if (len > room)
		return a->setup.push(a->setup.arg, record, len);
	memcpy(flight.bytes + flight.len, record, len);
	flight.len += len;
	return true;
}

static ssize_t
association_push_out(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct association *a = ptr;

	if (a->gathers ? flight_add(a, bytes, len) : a->setup.push(a->setup.arg, bytes, len))
		return (ssize_t)len;
	gnutls_transport_set_errno(a->tls, EPIPE);
	return -1;
}

static int
association_verify_callback(gnutls_session_t tls)
{
	struct association *a = gnutls_session_get_ptr(tls);

	return association_verify(a, a->setup.credentials)
		       ? 0
		       : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static int
association_psk_callback(gnutls_session_t tls, const gnutls_datum_t *name, gnutls_datum_t *key)
{
	struct association *a = gnutls_session_get_ptr(tls);
	struct association_server *as = a->setup.server;
	char identity[PEER_NAME_MAX];
	uint8_t secret[PSK_KEY_MAX];
	size_t len = sizeof(secret);
	int r = -ENOENT;

	if (name->size > 0 && name->size < sizeof(identity) && !memchr(name->data, 0, name->size)) {
		memcpy(identity, name->data, name->size);
		identity[name->size] = 0;
		r = as->lookup(as->arg, identity, secret, &len);
	}
	if (r < 0) {
		a->unknown_psk = true;
		snprintf(a->why, sizeof(a->why), "psk identity is not known (RFC 9132 8)");
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
association_server_renew_tickets(struct association_server *as)
{
	gnutls_free(as->ticket_key.data);
	if (gnutls_session_ticket_key_generate(&as->ticket_key) < 0)
		abort(); /* as for any randomness */
}

struct association_server *
association_server_new(psk_lookup psk, void *arg)
{
	struct association_server *as = mem_new(sizeof(*as));

	as->lookup = psk;
	as->arg = arg;
	association_server_renew_tickets(as);
	if (psk && gnutls_psk_allocate_server_credentials(&as->psk) >= 0)
		gnutls_psk_set_server_credentials_function2(as->psk, association_psk_callback);
	return as;
}

void
association_server_free(struct association_server *as)
{
	if (!as)
		return;
	if (as->psk)
		gnutls_psk_free_server_credentials(as->psk);
	gnutls_memset(as->ticket_key.data, 0, as->ticket_key.size);
	gnutls_free(as->ticket_key.data);
	free(as);
}

/* --- making --------------------------------------------------------------------------------- */

static int
association_make_server(struct association *a)
{
	struct association_server *as = a->setup.server;
	int r = 0;

	if (as->psk)
		r = gnutls_credentials_set(a->tls, GNUTLS_CRD_PSK, as->psk);
	gnutls_certificate_server_set_request(a->tls, association_protocol(a)->request);
	if (r >= 0)
		r = gnutls_session_ticket_enable_server(a->tls, &as->ticket_key);
	if (a->setup.prestate) {
		gnutls_dtls_prestate_st pre = *a->setup.prestate;

		gnutls_dtls_prestate_set(a->tls, &pre);
	}
	return r;
}

static int
association_make_client(struct association *a)
{
	gnutls_psk_client_credentials_t psk =
		association_protocol(a)->x509_only ? NULL : credentials_psk(a->setup.credentials);
	const char *name = a->setup.server_name;
	const struct resumption *resume = a->setup.resume;
	struct addr literal;
	int r = 0;

	if (psk)
		r = gnutls_credentials_set(a->tls, GNUTLS_CRD_PSK, psk);
	/* RFC 6066 3: a literal address is not a server name. */
	if (r >= 0 && addr_parse(name, &literal) < 0)
		r = gnutls_server_name_set(a->tls, GNUTLS_NAME_DNS, name, strlen(name));
	/* Data of another server or too old: then it is a full handshake. */
	if (r >= 0 && resume && resume->stream == a->stream)
		(void)gnutls_session_set_data(a->tls, resume->data.data, resume->data.size);
	return r;
}

static int
association_make_datagrams(struct association *a)
{
	gnutls_dtls_set_mtu(a->tls, a->setup.mtu);
	gnutls_dtls_set_timeouts(a->tls, FLIGHT_MS, LIBRARY_LIMIT_MS);
	return 0;
}

static int
association_make_stream(struct association *a)
{
	const char *alpn = association_protocol(a)->alpn;
	const gnutls_datum_t name = {(unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn)};

	gnutls_handshake_set_timeout(a->tls, LIBRARY_LIMIT_MS);
	return gnutls_alpn_set_protocols(a->tls, &name, 1, GNUTLS_ALPN_MANDATORY);
}

struct association *
association_new(const struct association_setup *setup)
{
	/* Our certificate goes to the server that proved its name, whatever CAs it lists. */
	const unsigned role =
		setup->server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	const enum credentials_types types = protocols[setup->protocol].x509_only
						     ? TYPES_X509
						     : credentials_types(setup->credentials);
	const unsigned flags = GNUTLS_NONBLOCK | (types == TYPES_X509 ? 0 : GNUTLS_ENABLE_RAWPK);
	gnutls_certificate_credentials_t x509 = credentials_x509(setup->credentials);
	struct association *a = mem_new(sizeof(*a));
	int r;

	a->setup = *setup;
	a->stream = setup->pull;
	r = gnutls_init(&a->tls, role | flags | (a->stream ? 0 : GNUTLS_DATAGRAM));
	if (r < 0) {
		free(a);
		return NULL;
	}
	gnutls_session_set_ptr(a->tls, a);
	gnutls_transport_set_ptr(a->tls, a);
	gnutls_transport_set_pull_function(a->tls, association_pull_in);
	gnutls_transport_set_pull_timeout_function(a->tls, association_pull_timeout);
	gnutls_transport_set_push_function(a->tls, association_push_out);
	gnutls_session_set_verify_function(a->tls, association_verify_callback);
	gnutls_handshake_set_max_packet_length(a->tls, ASSOCIATION_MESSAGE_MAX);
	gnutls_db_set_cache_expiration(a->tls, TICKET_LIFETIME_S);
	r = gnutls_priority_set(a->tls, association_priority(a->stream, types));
	if (r >= 0)
		r = a->stream ? association_make_stream(a) : association_make_datagrams(a);
	if (r >= 0 && x509)
		r = gnutls_credentials_set(a->tls, GNUTLS_CRD_CERTIFICATE, x509);
	if (r >= 0)
		r = setup->server ? association_make_server(a) : association_make_client(a);
	a->setup.resume = NULL;
	a->setup.prestate = NULL;
	if (r < 0) {
		association_free(a);
		return NULL;
	}
	return a;
}

void
association_free(struct association *a)
{
	if (!a)
		return;
	gnutls_deinit(a->tls);
	free(a);
}

/* --- handshake ------------------------------------------------------------------------------ */

static void
association_note_alert(struct association *a)
{
	snprintf(a->why, sizeof(a->why), "peer's alert: %s",
		association_alert_name((int)gnutls_alert_get(a->tls)));
}

static enum association_progress
association_fail(struct association *a, int error)
{
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		association_note_alert(a);
		return ASSOCIATION_FAILED;
	}
	if (a->unknown_psk)
		(void)gnutls_alert_send(a->tls, GNUTLS_AL_FATAL, GNUTLS_A_UNKNOWN_PSK_IDENTITY);
	else if (!a->ended)
		(void)gnutls_alert_send_appropriate(a->tls, error);
	if (!a->why[0])
		snprintf(a->why, sizeof(a->why), "handshake: %s", gnutls_strerror(error));
	return ASSOCIATION_FAILED;
}

/* RFC 8323 8.2: the client has to insist on the protocol. The server refuses those who offer others
 * only (RFC 7301 3.2, by the library); who offers none is taken, for there are such clients and
 * their first message, a CSM, is as good a sign. */
static enum association_progress
association_check_protocol(struct association *a)
{
	gnutls_datum_t selected;

	/* It can be no other: we have offered one. */
	if (a->setup.server || a->setup.protocol_implied ||
		gnutls_alpn_get_selected_protocol(a->tls, &selected) >= 0)
		return ASSOCIATION_DONE;
	(void)gnutls_alert_send(a->tls, GNUTLS_AL_FATAL, GNUTLS_A_NO_APPLICATION_PROTOCOL);
	snprintf(a->why, sizeof(a->why), "handshake: the peer does not speak \"%s\" (RFC 8323 8.2)",
		association_protocol(a)->alpn);
	return ASSOCIATION_FAILED;
}

enum association_progress
association_handshake(struct association *a, const uint8_t *record, size_t len)
{
	int r;

	a->in = record;
	a->in_len = len;
	a->dry = false;
	a->gathers = !a->stream;
	a->shakes = true;
	do
		r = gnutls_handshake(a->tls);
	while (r < 0 && !gnutls_error_is_fatal(r) && (a->stream ? !a->dry : a->in_len > 0));
	a->gathers = a->shakes = false;
	a->in_len = 0;
	flight_send(a); /* what cannot be sent is repeated with the flight */
	if (r >= 0)
		return a->stream ? association_check_protocol(a) : ASSOCIATION_DONE;
	return gnutls_error_is_fatal(r) ? association_fail(a, r) : ASSOCIATION_WAITING;
}

uint32_t
association_timeout_ms(const struct association *a)
{
	return gnutls_dtls_get_timeout(a->tls);
}

static bool
association_verify_psk(struct association *a)
{
	struct association_server *as = a->setup.server;
	const char *identity = as ? gnutls_psk_server_get_username(a->tls) : NULL;
	uint8_t secret[PSK_KEY_MAX];
	size_t len = sizeof(secret);

	if (!as)
		return true; /* the server proved that it has our key */
	if (identity && as->lookup && as->lookup(as->arg, identity, secret, &len) == 0) {
		explicit_bzero(secret, sizeof(secret));
		return true;
	}
	snprintf(a->why, sizeof(a->why), "psk identity is not known any more (RFC 9132 8)");
	return false;
}

bool
association_is_anonymous(const struct association *a)
{
	unsigned n = 0;

	return association_protocol(a)->request != GNUTLS_CERT_REQUIRE && a->setup.server &&
	       !gnutls_certificate_get_peers(a->tls, &n);
}

bool
association_verify(struct association *a, const struct credentials *c)
{
	const struct peer_expect expect = {
		.is_server = !a->setup.server,
		.name = a->setup.server_name,
		.service = association_protocol(a)->service,
		.trust = credentials_trust(c),
		.crls = credentials_crls(c),
		.raw = credentials_types(c) == TYPES_X509 ? NULL : c,
	};

	if (gnutls_auth_get_type(a->tls) == GNUTLS_CRD_PSK)
		return association_verify_psk(a);
	if (association_is_anonymous(a))
		return true;
	return peer_verify(a->tls, &expect, a->why, sizeof(a->why));
}

bool
association_identify(struct association *a, struct peer_id *ret)
{
	const char *own = a->setup.server ? NULL : credentials_psk_identity(a->setup.credentials);

	return peer_identify(a->tls, own, ret);
}

bool
association_resumed(const struct association *a)
{
	return gnutls_session_is_resumed(a->tls);
}

/* --- data ----------------------------------------------------------------------------------- */

static enum association_read
association_read_failed(struct association *a, ssize_t error)
{
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		association_note_alert(a);
	else if (!a->ended)
		snprintf(a->why, sizeof(a->why), "record: %s", gnutls_strerror((int)error));
	return ASSOCIATION_BROKEN;
}

static enum association_read
association_read_record(struct association *a, uint8_t *data, size_t cap, size_t *ret_len)
{
	unsigned before = gnutls_record_get_discarded(a->tls);
	ssize_t n = gnutls_record_recv(a->tls, data, cap);
	uint8_t rest[1];

	if (n > 0) {
		*ret_len = (size_t)n;
		return ASSOCIATION_DATA;
	}
	if (n == 0) {
		snprintf(a->why, sizeof(a->why), "closed by the peer");
		return ASSOCIATION_CLOSED;
	}
	if (n == GNUTLS_E_REHANDSHAKE) {
		(void)gnutls_alert_send(a->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
		/* What asked for it waits in front of the data: this call throws it away. */
		(void)gnutls_record_recv(a->tls, rest, sizeof(rest));
		return ASSOCIATION_SILENT;
	}
	if (gnutls_error_is_fatal((int)n))
		return association_read_failed(a, n);
	return gnutls_record_get_discarded(a->tls) != before ? ASSOCIATION_FOREIGN
							     : ASSOCIATION_SILENT;
}

/* Tickets, new keys and warnings are no data, and say "again" as an empty stream does. */
static enum association_read
association_read_stream(struct association *a, uint8_t *data, size_t cap, size_t *ret_len)
{
	ssize_t n = 0;

	a->dry = false;
	for (int i = 0; i < READ_TRIES && !a->dry; i++) {
		n = gnutls_record_recv(a->tls, data, cap);
		if (n > 0) {
			*ret_len = (size_t)n;
			return ASSOCIATION_DATA;
		}
		if (n == 0) {
			snprintf(a->why, sizeof(a->why), "closed by the peer");
			return ASSOCIATION_CLOSED;
		}
		if (n == GNUTLS_E_REHANDSHAKE) {
			(void)gnutls_alert_send(
				a->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
			snprintf(a->why, sizeof(a->why), "the peer wanted to renegotiate");
			return ASSOCIATION_BROKEN;
		}
		if (gnutls_error_is_fatal((int)n))
			return association_read_failed(a, n);
	}
	return ASSOCIATION_SILENT;
}

enum association_read
association_read(struct association *a, const uint8_t *record, size_t len, uint8_t *data,
	size_t cap, size_t *ret_len)
{
	enum association_read r;

	if (a->stream)
		return association_read_stream(a, data, cap, ret_len);
	a->in = record;
	a->in_len = len;
	r = association_read_record(a, data, cap, ret_len);
	a->in_len = 0;
	return r;
}

int
association_write(struct association *a, const void *data, size_t len)
{
	const uint8_t *at = data, *end = at + len;

	if (!a->stream && len > association_max_data(a))
		return -EMSGSIZE;
	while (at < end) { /* in a stream, one record after the other */
		ssize_t n = gnutls_record_send(a->tls, at, (size_t)(end - at));

		if (n <= 0)
			return -EIO;
		at += n;
	}
	return 0;
}

size_t
association_max_data(const struct association *a)
{
	return gnutls_dtls_get_data_mtu(a->tls);
}

void
association_close(struct association *a)
{
	(void)gnutls_bye(a->tls, GNUTLS_SHUT_WR);
}

void
association_refuse(struct association *a)
{
	(void)gnutls_alert_send(a->tls, GNUTLS_AL_FATAL, GNUTLS_A_ACCESS_DENIED);
}

const char *
association_why(const struct association *a)
{
	return a->why;
}

const char *
association_alert_name(int description)
{
	const char *name = gnutls_alert_get_name((gnutls_alert_description_t)description);

	return name ? name : "unknown";
}

/* --- resumption ----------------------------------------------------------------------------- */

struct resumption *
association_resumption(const struct association *a)
{
	struct resumption *r;
	bool ticket = gnutls_session_get_flags(a->tls) & GNUTLS_SFLAGS_SESSION_TICKET;
	gnutls_protocol_t version = gnutls_protocol_get_version(a->tls);

	/* A ticket of 1.2 is good for more than once, one of 1.3 is not (RFC 8446 C.4). */
	if (!ticket && (!association_resumed(a) || version == GNUTLS_TLS1_3))
		return NULL;
	r = mem_new(sizeof(*r));
	r->stream = a->stream;
	if (gnutls_session_get_data2(a->tls, &r->data) < 0) {
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
