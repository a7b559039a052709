/*
 * Credentials: what we prove ourselves with, and what we trust (RFC 9132 sections 7.1, 8).
 *
 * Immutable once loaded and counted: sessions keep the ones they were made with while a reload
 * brings new ones.
 */
#ifndef DOTSD_NET_CREDENTIALS_H
#define DOTSD_NET_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "wire/cuid.h"

struct credentials_config {
	const char *certificate; /* PEM file: our chain */
	const char *key;         /* PEM file: its private key */
	const char *trust;       /* PEM file: CAs whose peers we accept */
	const char *crl;         /* PEM file: certificates that these CAs have revoked; or NULL */
	const char *raw_key;     /* PEM file: private key whose public half is shown as it is */
	char *const *spki;       /* client only: raw keys of servers we accept, in cuid form */
	size_t n_spki;
	const char *psk_identity; /* client only */
	const char *psk_file;     /* client only: the key in hexadecimal, one line */
};

struct credentials;

enum credentials_problem {
	CREDENTIALS_OK,
	CREDENTIALS_BROKEN, /* unreadable, not PEM, key does not match: nothing later can mend it */
	CREDENTIALS_EXPIRED, /* loaded, but outside its validity: an alert, not an error */
};

/* Loads files; *ret is set unless CREDENTIALS_BROKEN. `why` (cap bytes) names file and reason.
 * A certificate needs its key and trust; psk_identity and psk_file go together; spki needs raw_key
 * (RFC 7250: a client that knows a server by its key shows one); at least one of the three kinds is
 * there. A server gives no PSK here (it looks keys up by identity), and no spki: whose keys it
 * knows is for its judge to say. */
enum credentials_problem credentials_load(
	const struct credentials_config *cfg, struct credentials **ret, char *why, size_t cap);
struct credentials *credentials_ref(struct credentials *c);
void credentials_unref(struct credentials *c); /* NULL is legal */
/* For status and events: certificate subject name, "spki:<digest>" of a raw key, or
 * "psk:<identity>"; never key material. */
const char *credentials_label(const struct credentials *c);
/* cuid derived from our certificate's SPKI, else from our raw key, else from our PSK identity (RFC
 * 9132 4.4.1.1). */
const char *credentials_cuid(const struct credentials *c);
/* Do both prove us by the same certificate, raw key and pre-shared key? */
bool credentials_same(const struct credentials *a, const struct credentials *b);
/* Another one, as stable, for each name: of sessions on behalf of somebody. */
void credentials_cuid_for(
	const struct credentials *c, const char *name, char ret[static CUID_TEXT_LEN + 1]);
/* The digest of a text in the same form. */
void credentials_digest(const char *text, char ret[static CUID_TEXT_LEN + 1]);
/* One that follows from nothing, for when another client uses ours (RFC 9132 4.4.1.1). */
void credentials_random_cuid(char ret[static CUID_TEXT_LEN + 1]);
/* The i-th list of revoked certificates, in the order of the file; false: no more. Times are Unix
 * seconds; INT64_MAX: never. One that has expired still counts. */
struct crl_view {
	const char *issuer;
	int64_t issued, expires;
};
bool credentials_crl(const struct credentials *c, unsigned i, struct crl_view *ret);
/* The i-th CA of `trust` that has no list while others have: its peers are refused. NULL: no more.
 */
const char *credentials_without_crl(const struct credentials *c, unsigned i);
/* Reads a key file as psk_file above. 0 or -errno with `why`. */
int credentials_read_psk(const char *path, uint8_t *key, size_t *inout_len, char *why, size_t cap);

/* A server's: the pre-shared key of a client; 0 or -ENOENT. *inout_len is the room, then the
 * length. */
typedef int (*psk_lookup)(void *arg, const char *identity, uint8_t *key, size_t *inout_len);

/* The authenticated peer of a session, as the handshake proved it. Its texts are owned by the
 * session. */
enum { PEER_NAME_MAX = 256, PEER_NAMES_MAX = 8 };
struct peer_id {
	enum { PEER_CERTIFICATE, PEER_PSK, PEER_RAW_KEY } kind;
	const char *name; /* first DNS subject alternative name, else CN; or the PSK identity; or
			     "spki:" and the cuid of a raw key: nothing that it says itself */
	const char *names[PEER_NAMES_MAX]; /* all DNS-IDs */
	unsigned n_names;
	const char *issuer; /* CN of the issuer; "" if there is no certificate */
	uint8_t digest[32]; /* SHA-256 of the SubjectPublicKeyInfo or of the PSK identity */
	char cuid[CUID_TEXT_LEN + 1]; /* the cuid that follows from it */
	int64_t expires;              /* Unix seconds: end of its certificate; 0: none */
	char *texts;                  /* what the pointers point into; private */
};

#endif
