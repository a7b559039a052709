/*
 * The peer of an association: is its certificate good, and who does it say it is
 * (RFC 9132 sections 4.4.1.1, 7.1, 8).
 *
 * Only DNS-IDs, SRV-IDs of our service and IP addresses of the subject alternative name count as
 * names of a server: neither the common name nor a URI-ID does (RFC 9525), nor a wildcard (RFC 9132
 * 7.1 asks not to use them).
 */
#include "net/crl.h"

#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/mem.h"

enum { CHAIN_MAX = 8, NAMES_SEEN_MAX = 64 };

static const char name_constraints_oid[] = "2.5.29.30";

struct chain {
	gnutls_x509_crt_t crts[CHAIN_MAX];
	unsigned n;
};

__attribute__((format(printf, 3, 4))) static bool
refuse(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return false;
}

static void
chain_free(struct chain *ch)
{
	for (unsigned i = 0; i < ch->n; i++)
		gnutls_x509_crt_deinit(ch->crts[i]);
}

/* The certificates the peer has shown, its own first; none of a chain that is too long. */
static bool
chain_of(gnutls_session_t tls, struct chain *ret)
{
	unsigned n = 0;
	const gnutls_datum_t *raw = gnutls_certificate_get_peers(tls, &n);

	ret->n = 0;
	for (unsigned i = 0; raw && i < n && n <= CHAIN_MAX; i++) {
		if (gnutls_x509_crt_init(&ret->crts[i]) < 0)
			break;
		ret->n++;
		if (gnutls_x509_crt_import(ret->crts[i], &raw[i], GNUTLS_X509_FMT_DER) < 0) {
			chain_free(ret);
			return false;
		}
	}
	return ret->n > 0;
}

static bool
has_dns_name(gnutls_x509_crt_t crt)
{
	for (unsigned i = 0; i < NAMES_SEEN_MAX; i++) {
		char name[PEER_NAME_MAX];
		size_t size = sizeof(name);
		int r = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &size, NULL);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r == GNUTLS_SAN_DNSNAME)
			return true;
	}
	return false;
}

static bool
dns_id_matches(gnutls_x509_crt_t crt, const char *name)
{
	/* Without this the library would fall back to the common name. */
	if (!has_dns_name(crt))
		return false;
	return gnutls_x509_crt_check_hostname2(crt, name,
		GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS | GNUTLS_VERIFY_DO_NOT_ALLOW_IP_MATCHES);
}

static bool
is_srv_id_of(const char *text, size_t len, const struct peer_expect *expect)
{
	const size_t n = strlen(expect->service);

	return len == n + strlen(expect->name) && strncasecmp(text, expect->service, n) == 0 &&
	       strncasecmp(text + n, expect->name, len - n) == 0;
}

static bool
srv_id_matches(gnutls_x509_crt_t crt, const struct peer_expect *expect)
{
	for (unsigned i = 0; i < NAMES_SEEN_MAX; i++) {
		char text[PEER_NAME_MAX];
		size_t size = sizeof(text);
		int r = gnutls_x509_crt_get_subject_alt_name(crt, i, text, &size, NULL);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r == GNUTLS_SAN_OTHERNAME_SRV && is_srv_id_of(text, size, expect))
			return true;
	}
	return false;
}

static bool
is_constrained(gnutls_x509_crt_t crt)
{
	size_t size = 0;

	return gnutls_x509_crt_get_extension_by_oid(crt, name_constraints_oid, 0, NULL, &size,
		       NULL) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

/* By its names and key identifiers; whether by its signature as well, the path shows. */
static bool
may_have_signed(gnutls_x509_crt_t ca, const struct chain *ch)
{
	for (unsigned i = 0; i < ch->n; i++)
		if (gnutls_x509_crt_check_issuer(ch->crts[i], ca))
			return true;
	return false;
}

/* A CA that may speak for some names only: the library holds DNS-IDs and addresses against that,
 * and would let any SRV-ID pass (RFC 4985 4). It does not tell which anchor its path ends at,
 * leaves certificates out of it that do not belong there, and two anchors may have one name: so
 * none that may be the anchor may be constrained. */
static bool
names_are_constrained(const struct chain *ch, gnutls_x509_trust_list_t trust)
{
	gnutls_x509_trust_list_iter_t at = NULL;
	bool anchored = false, constrained = false;
	gnutls_x509_crt_t ca;
	int r = 0;

	for (unsigned i = 1; i < ch->n; i++)
		if (is_constrained(ch->crts[i]))
			return true;
	while (!constrained && (r = gnutls_x509_trust_list_iter_get_ca(trust, &at, &ca)) >= 0) {
		if (may_have_signed(ca, ch)) {
			anchored = true;
			constrained = is_constrained(ca);
		}
		gnutls_x509_crt_deinit(ca);
	}
	if (at)
		gnutls_x509_trust_list_iter_deinit(at);
	return constrained || !anchored || (r < 0 && r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
}

static bool
name_matches(const struct chain *ch, const struct peer_expect *expect)
{
	gnutls_x509_crt_t crt = ch->crts[0];
	struct addr a;

	if (addr_parse(expect->name, &a) == 0)
		return gnutls_x509_crt_check_ip(crt, a.bytes, addr_bits(&a) / 8, 0);
	return dns_id_matches(crt, expect->name) ||
	       (srv_id_matches(crt, expect) && !names_are_constrained(ch, expect->trust));
}

static bool
path_is_good(const struct chain *ch, const struct peer_expect *expect, char *why, size_t cap)
{
	const char *purpose =
		expect->is_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st usage = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)purpose,
	};
	gnutls_x509_crt_t crts[CHAIN_MAX];
	gnutls_datum_t text = {0};
	unsigned status = 0;
	int r;

	memcpy(crts, ch->crts, sizeof(crts[0]) * ch->n);
	r = gnutls_x509_trust_list_verify_crt2(expect->trust, crts, ch->n, &usage, 1,
		GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &status, NULL);
	if (r < 0)
		return refuse(why, cap, "certificate: %s (RFC 9132 7.1)", gnutls_strerror(r));
	if (status == 0)
		return true;
	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0)
		return refuse(why, cap, "certificate: not trusted (RFC 9132 7.1)");
	refuse(why, cap, "certificate: %s (RFC 9132 7.1)", text.data);
	gnutls_free(text.data);
	return false;
}

static bool
shows_raw_key(gnutls_session_t tls)
{
	return gnutls_certificate_type_get2(tls, GNUTLS_CTYPE_PEERS) == GNUTLS_CRT_RAWPK;
}

/* The key that the peer has shown and signed with: its DER SubjectPublicKeyInfo (RFC 7250 3). */
static const gnutls_datum_t *
raw_key_of(gnutls_session_t tls)
{
	unsigned n = 0;
	const gnutls_datum_t *raw = gnutls_certificate_get_peers(tls, &n);

	return n == 1 ? raw : NULL;
}

static bool
raw_key_digest(gnutls_session_t tls, uint8_t digest[static 32])
{
	const gnutls_datum_t *raw = raw_key_of(tls);

	return raw && gnutls_hash_fast(GNUTLS_DIG_SHA256, raw->data, raw->size, digest) >= 0;
}

bool
peer_key_is_strong(gnutls_pubkey_t key)
{
	unsigned bits = 0;
	int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);

	return algorithm >= 0 && gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)algorithm,
					 bits) >= GNUTLS_SEC_PARAM_MEDIUM;
}

static bool
raw_key_is_strong(gnutls_session_t tls)
{
	const gnutls_datum_t *raw = raw_key_of(tls);
	gnutls_pubkey_t key;
	bool strong;

	if (!raw || gnutls_pubkey_init(&key) < 0)
		return false;
	strong =
		gnutls_pubkey_import(key, raw, GNUTLS_X509_FMT_DER) >= 0 && peer_key_is_strong(key);
	gnutls_pubkey_deinit(key);
	return strong;
}

static bool
raw_key_is_good(gnutls_session_t tls, const struct peer_expect *expect, char *why, size_t cap)
{
	char cuid[CUID_TEXT_LEN + 1];
	uint8_t digest[32];

	if (!expect->raw)
		return refuse(why, cap, "raw public key: none is accepted here (RFC 9132 8)");
	if (!raw_key_digest(tls, digest))
		return refuse(why, cap, "raw public key: missing (RFC 9132 8)");
	if (!raw_key_is_strong(tls))
		return refuse(why, cap, "raw public key: too weak, or not readable (RFC 9325 4.5)");
	cuid_from_digest(digest, cuid);
	if (expect->is_server && !credentials_pins(expect->raw, cuid))
		return refuse(why, cap, "raw public key: %s is not in `spki` (RFC 9132 7.1)", cuid);
	return true;
}

bool
peer_verify(gnutls_session_t tls, const struct peer_expect *expect, char *why, size_t cap)
{
	struct chain ch;
	bool good;

	if (gnutls_auth_get_type(tls) == GNUTLS_CRD_PSK)
		return true;
	if (shows_raw_key(tls))
		return raw_key_is_good(tls, expect, why, cap);
	if (!expect->trust)
		return refuse(why, cap, "certificate: none is accepted here (RFC 9132 8)");
	if (!chain_of(tls, &ch))
		return refuse(why, cap,
			"certificate: missing, not readable, or more than %d (RFC 9132 8)",
			CHAIN_MAX);
	good = path_is_good(&ch, expect, why, cap) &&
	       (!expect->crls || crls_check(expect->crls, expect->trust, ch.crts, ch.n, why, cap));
	if (good && expect->is_server && !name_matches(&ch, expect))
		good = refuse(
			why, cap, "certificate: not for the name %s (RFC 9132 7.1)", expect->name);
	chain_free(&ch);
	return good;
}

/* --- who it is ----------------------------------------------------------------------------- */

static void
put_name(char *dst, size_t cap, const void *src, size_t len)
{
	/* A name with a NUL inside is two names to two readers: keep none. */
	if (len >= cap || memchr(src, 0, len))
		len = 0;
	memcpy(dst, src, len);
	dst[len] = 0;
}

static void
crt_common_name(gnutls_x509_crt_t crt, bool of_issuer, char *name, size_t cap)
{
	char text[PEER_NAME_MAX];
	size_t size = sizeof(text);
	int r = of_issuer ? gnutls_x509_crt_get_issuer_dn_by_oid(
				    crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size)
			  : gnutls_x509_crt_get_dn_by_oid(
				    crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &size);

	put_name(name, cap, text, r < 0 ? 0 : size);
}

/* Texts on their way into a peer_id: as long as they are, not as long as they may be. */
struct peer_texts {
	char name[PEER_NAME_MAX];
	char names[PEER_NAMES_MAX][PEER_NAME_MAX];
	unsigned n_names;
	char issuer[PEER_NAME_MAX];
};

static const char *
keep_text(char **at, const char *text)
{
	const char *kept = *at;

	*at = stpcpy(*at, text) + 1;
	return kept;
}

static void
keep_texts(struct peer_id *p, const struct peer_texts *t)
{
	size_t len = strlen(t->name) + strlen(t->issuer) + 2;
	char *at;

	for (unsigned i = 0; i < t->n_names; i++)
		len += strlen(t->names[i]) + 1;
	free(p->texts);
	p->texts = at = mem_new(len);
	p->name = keep_text(&at, t->name);
	p->issuer = keep_text(&at, t->issuer);
	p->n_names = t->n_names;
	for (unsigned i = 0; i < t->n_names; i++)
		p->names[i] = keep_text(&at, t->names[i]);
}

static unsigned
crt_dns_names(gnutls_x509_crt_t crt, char names[][PEER_NAME_MAX], unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; n < max && i < NAMES_SEEN_MAX; i++) {
		char text[PEER_NAME_MAX];
		size_t size = sizeof(text);
		int r = gnutls_x509_crt_get_subject_alt_name(crt, i, text, &size, NULL);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r != GNUTLS_SAN_DNSNAME)
			continue;
		put_name(names[n], PEER_NAME_MAX, text, size);
		if (names[n][0])
			n++;
	}
	return n;
}

void
peer_certificate_name(gnutls_x509_crt_t crt, char *name, size_t cap)
{
	char names[1][PEER_NAME_MAX];
	size_t size = cap;

	if (crt_dns_names(crt, names, 1) == 1)
		snprintf(name, cap, "%s", names[0]);
	else
		crt_common_name(crt, false, name, cap);
	if (!name[0] && gnutls_x509_crt_get_dn(crt, name, &size) < 0)
		name[0] = 0;
}

void
peer_certificate_digest(gnutls_x509_crt_t crt, uint8_t digest[static 32])
{
	size_t size = 32;

	/* The key id is the hash of the DER SubjectPublicKeyInfo. */
	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, digest, &size) < 0)
		memset(digest, 0, 32);
}

void
peer_raw_key_name(const uint8_t digest[static 32], char *name, size_t cap)
{
	char cuid[CUID_TEXT_LEN + 1];

	cuid_from_digest(digest, cuid);
	snprintf(name, cap, "spki:%s", cuid);
}

void
peer_psk_digest(const char *identity, uint8_t digest[static 32])
{
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, identity, strlen(identity), digest) < 0)
		memset(digest, 0, 32);
}

static bool
identify_certificate(gnutls_session_t tls, struct peer_id *ret)
{
	struct peer_texts texts;
	struct chain ch;

	if (!chain_of(tls, &ch))
		return false;
	ret->kind = PEER_CERTIFICATE;
	ret->expires = gnutls_x509_crt_get_expiration_time(ch.crts[0]);
	texts.n_names = crt_dns_names(ch.crts[0], texts.names, PEER_NAMES_MAX);
	peer_certificate_name(ch.crts[0], texts.name, sizeof(texts.name));
	crt_common_name(ch.crts[0], true, texts.issuer, sizeof(texts.issuer));
	peer_certificate_digest(ch.crts[0], ret->digest);
	chain_free(&ch);
	keep_texts(ret, &texts);
	return true;
}

static bool
identify_raw_key(gnutls_session_t tls, struct peer_id *ret)
{
	struct peer_texts texts = {.issuer = ""};

	if (!raw_key_digest(tls, ret->digest))
		return false;
	ret->kind = PEER_RAW_KEY;
	peer_raw_key_name(ret->digest, texts.name, sizeof(texts.name));
	keep_texts(ret, &texts);
	return true;
}

static bool
identify_psk(gnutls_session_t tls, const char *own_psk, struct peer_id *ret)
{
	const char *identity = own_psk ? own_psk : gnutls_psk_server_get_username(tls);
	struct peer_texts texts = {.issuer = ""};

	if (!identity || strlen(identity) >= sizeof(texts.name))
		return false;
	ret->kind = PEER_PSK;
	snprintf(texts.name, sizeof(texts.name), "%s", identity);
	keep_texts(ret, &texts);
	peer_psk_digest(identity, ret->digest);
	return true;
}

bool
peer_identify(gnutls_session_t tls, const char *own_psk, struct peer_id *ret)
{
	bool known;

	if (gnutls_auth_get_type(tls) == GNUTLS_CRD_PSK)
		known = identify_psk(tls, own_psk, ret);
	else if (shows_raw_key(tls))
		known = identify_raw_key(tls, ret);
	else
		known = identify_certificate(tls, ret);
	if (known)
		cuid_from_digest(ret->digest, ret->cuid);
	return known;
}

void
peer_id_finish(struct peer_id *p)
{
	free(p->texts);
	*p = (struct peer_id){0};
}
