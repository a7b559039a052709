/*
 * What the files of net/ that speak to GnuTLS share: the contents of credentials, the check of a
 * peer, random bytes. Not for other layers.
 */
#ifndef DOTSD_NET_TLS_H
#define DOTSD_NET_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/credentials.h"

enum { TLS_WHY_MAX = 256 };

/* Borrowed; NULL if these credentials have none of that kind. */
gnutls_certificate_credentials_t credentials_x509(const struct credentials *c);
gnutls_psk_client_credentials_t credentials_psk(const struct credentials *c);
gnutls_x509_trust_list_t credentials_trust(const struct credentials *c);
struct crls; /* crl.h */
const struct crls *credentials_crls(const struct credentials *c);
const char *credentials_psk_identity(const struct credentials *c);
/* What they show and accept by way of certificates, for the negotiation (RFC 7250 4). */
enum credentials_types { TYPES_X509, TYPES_RAW, TYPES_BOTH, TYPES_MAX };
enum credentials_types credentials_types(const struct credentials *c); /* NULL: TYPES_X509 */
/* Is this one of the raw keys of servers that count? */
bool credentials_pins(const struct credentials *c, const char *cuid);

/* What a peer has to prove with its certificate. */
struct peer_expect {
	bool is_server;                 /* its role, for the extended key usage */
	const char *name;               /* of a server: DNS name or IP address text */
	const char *service;            /* of a server, in SRV-IDs (RFC 4985 2): "_service." */
	gnutls_x509_trust_list_t trust; /* NULL: no certificate is accepted */
	const struct crls *crls;        /* NULL: revocation is not looked at */
	const struct credentials *raw;  /* that say which raw keys count; NULL: none does */
};
/* Path, validity, revocation, purpose and name of the certificate shown on this association (RFC
 * 9132 7.1, 8; RFC 5280; RFC 9525); or that a raw key is the server's. A client's raw key is only
 * proven to be its own: the judge knows whose it is. True, or false with the reason in `why`.
 * Nothing to do for a PSK. */
bool peer_verify(gnutls_session_t tls, const struct peer_expect *expect, char *why, size_t cap);
/* Who that is; false if the association proves nobody. own_psk: the identity a client used. *ret is
 * empty or of an earlier call. */
bool peer_identify(gnutls_session_t tls, const char *own_psk, struct peer_id *ret);
void peer_id_finish(struct peer_id *p);
/* First DNS-ID, else CN, else the whole subject. */
void peer_certificate_name(gnutls_x509_crt_t crt, char *name, size_t cap);
void peer_certificate_digest(gnutls_x509_crt_t crt, uint8_t digest[static 32]);
/* Of 112 bits of security at least, as certificates have to be (RFC 9325 4.5). */
bool peer_key_is_strong(gnutls_pubkey_t key);
/* "spki:" and the cuid that follows from this digest. */
void peer_raw_key_name(const uint8_t digest[static 32], char *name, size_t cap);
void peer_psk_digest(const char *identity, uint8_t digest[static 32]);

void tls_random(void *bytes, size_t len);

#endif
