/*
 * See crl.h. The entries of all lists are one map, so that a check costs the same whatever the
 * length of the lists.
 */
#include "net/crl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum { SERIAL_MAX = 64, OID_MAX = 128, DN_MAX = 4096, EXTENSIONS_MAX = 64 };

struct crl_list {
	char issuer[PEER_NAME_MAX];
	int64_t issued, expires;
};

struct crls {
	struct map *issuers; /* name in DER -> struct crl_list */
	struct map *revoked; /* issuer's name in DER, serial number */
	struct crl_list *lists;
	unsigned n;
	char **uncovered; /* CAs of the trust without a list */
	unsigned n_uncovered;
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

/* ---- keys ---- */

struct key {
	uint8_t bytes[DN_MAX + SERIAL_MAX];
	size_t dn_len, len; /* the name, the whole */
};

/* Takes the name; false: it is longer than any. */
static bool
key_dn(struct key *k, gnutls_datum_t *dn)
{
	bool fits = dn->data && dn->size <= DN_MAX;

	k->dn_len = k->len = 0;
	if (fits) {
		memcpy(k->bytes, dn->data, dn->size);
		k->dn_len = k->len = dn->size;
	}
	gnutls_free(dn->data);
	return fits;
}

/* A number, so that zeros in front do not count. */
static void
key_serial(struct key *k, const uint8_t *serial, size_t len)
{
	while (len && !*serial) {
		serial++;
		len--;
	}
	memcpy(k->bytes + k->dn_len, serial, len);
	k->len = k->dn_len + len;
}

static bool
key_of_certificate(struct key *k, gnutls_x509_crt_t crt)
{
	gnutls_datum_t dn = {0};
	uint8_t serial[SERIAL_MAX];
	size_t len = sizeof(serial);

	if (gnutls_x509_crt_get_raw_issuer_dn(crt, &dn) < 0 || !key_dn(k, &dn) ||
		gnutls_x509_crt_get_serial(crt, serial, &len) < 0)
		return false;
	key_serial(k, serial, len);
	return true;
}

/* ---- one list ---- */

/* With a key that may sign lists; its age is no matter here. */
static bool
is_signed_by(gnutls_x509_crl_t crl, gnutls_x509_crt_t ca)
{
	const unsigned age = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |
			     GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
	unsigned status = 0;

	if (gnutls_x509_crl_verify(
		    crl, &ca, 1, GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &status) < 0)
		return false;
	return !status || ((status & age) && !(status & ~(age | GNUTLS_CERT_INVALID)));
}

/* Signed by a CA that we trust. */
static bool
is_ours(gnutls_x509_crl_t crl, gnutls_x509_trust_list_t trust, const char *issuer, char *why,
	size_t cap)
{
	gnutls_x509_trust_list_iter_t at = NULL;
	gnutls_x509_crt_t ca;
	bool known = false, good = false;

	while (!good && gnutls_x509_trust_list_iter_get_ca(trust, &at, &ca) >= 0) {
		if (gnutls_x509_crl_check_issuer(crl, ca)) {
			known = true;
			good = is_signed_by(crl, ca);
		}
		gnutls_x509_crt_deinit(ca);
	}
	if (at)
		gnutls_x509_trust_list_iter_deinit(at);
	return good ||
	       refuse(why, cap,
		       known ? "the list of %s is not signed by it (RFC 5280 6.3.3)"
			     : "%s, who issued a list, is no CA of `trust` (RFC 5280 6.3.3)",
		       issuer);
}

/* RFC 5280 5.2: a list with a critical extension that is not understood must not be used; those of
 * delta lists and of lists for some certificates only are critical. */
static bool
is_complete(gnutls_x509_crl_t crl, const char *issuer, char *why, size_t cap)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		char oid[OID_MAX];
		size_t size = sizeof(oid);
		unsigned critical = 0;
		int r = gnutls_x509_crl_get_extension_info(crl, i, oid, &size, &critical);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return true;
		if (r < 0 || critical)
			return refuse(why, cap,
				"the list of %s is a delta, or not for all certificates "
				"(RFC 5280 5.2)",
				issuer);
	}
	return refuse(why, cap, "the list of %s has too many extensions", issuer);
}

static bool
take_entries(struct crls *c, gnutls_x509_crl_t crl, struct key *k, const char *issuer, char *why,
	size_t cap)
{
	gnutls_x509_crl_iter_t at = NULL;
	uint8_t serial[SERIAL_MAX];
	size_t len = sizeof(serial);
	time_t when;
	int r;

	while ((r = gnutls_x509_crl_iter_crt_serial(crl, &at, serial, &len, &when)) >= 0) {
		key_serial(k, serial, len);
		map_set(c->revoked, k->bytes, k->len, c);
		len = sizeof(serial);
	}
	if (at)
		gnutls_x509_crl_iter_deinit(at);
	return r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ||
	       refuse(why, cap, "the list of %s: %s", issuer, gnutls_strerror(r));
}

static void
issuer_name(gnutls_x509_crl_t crl, char *name, size_t cap)
{
	size_t size = cap;

	if (gnutls_x509_crl_get_issuer_dn_by_oid(
		    crl, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) >= 0)
		return;
	size = cap;
	if (gnutls_x509_crl_get_issuer_dn(crl, name, &size) < 0)
		snprintf(name, cap, "?");
}

/* Of two lists of one issuer both count, and the newer one tells when it ends. */
static void
note_list(struct crls *c, struct crl_list *list, const struct key *k)
{
	const struct crl_list *other = map_get(c->issuers, k->bytes, k->dn_len);

	if (!other || other->expires < list->expires)
		map_set(c->issuers, k->bytes, k->dn_len, list);
}

static bool
take_list(struct crls *c, gnutls_x509_crl_t crl, gnutls_x509_trust_list_t trust, char *why,
	size_t cap)
{
	struct crl_list *list = &c->lists[c->n];
	gnutls_datum_t dn = {0};
	time_t expires = gnutls_x509_crl_get_next_update(crl);
	struct key k;

	issuer_name(crl, list->issuer, sizeof(list->issuer));
	list->issued = gnutls_x509_crl_get_this_update(crl);
	list->expires = expires == (time_t)-1 ? INT64_MAX : expires;
	if (gnutls_x509_crl_get_raw_issuer_dn(crl, &dn) < 0 || !key_dn(&k, &dn))
		return refuse(why, cap, "a list without a readable issuer");
	if (!is_ours(crl, trust, list->issuer, why, cap) ||
		!is_complete(crl, list->issuer, why, cap) ||
		!take_entries(c, crl, &k, list->issuer, why, cap))
		return false;
	c->n++;
	note_list(c, list, &k);
	return true;
}

/* ---- all of them ---- */

static void
note_uncovered(struct crls *c, gnutls_x509_trust_list_t trust)
{
	gnutls_x509_trust_list_iter_t at = NULL;
	gnutls_x509_crt_t ca;

	while (gnutls_x509_trust_list_iter_get_ca(trust, &at, &ca) >= 0) {
		char name[PEER_NAME_MAX];
		gnutls_datum_t dn = {0};
		struct key k;

		if (gnutls_x509_crt_get_raw_dn(ca, &dn) >= 0 && key_dn(&k, &dn) &&
			!map_get(c->issuers, k.bytes, k.dn_len)) {
			peer_certificate_name(ca, name, sizeof(name));
			c->uncovered = mem_grow(c->uncovered, c->n_uncovered + 1, sizeof(char *));
			c->uncovered[c->n_uncovered++] = mem_text(name);
		}
		gnutls_x509_crt_deinit(ca);
	}
	if (at)
		gnutls_x509_trust_list_iter_deinit(at);
}

static struct crls *
crls_new(unsigned n)
{
	struct crls *c = mem_new(sizeof(*c));

	c->issuers = map_new();
	c->revoked = map_new();
	c->lists = mem_array(n, sizeof(*c->lists));
	return c;
}

struct crls *
crls_load(const char *path, gnutls_x509_trust_list_t trust, char *why, size_t cap)
{
	gnutls_x509_crl_t *list = NULL;
	gnutls_datum_t text = {0};
	char reason[TLS_WHY_MAX];
	struct crls *c = NULL;
	unsigned n = 0;
	bool good = true;
	int r = gnutls_load_file(path, &text);

	if (r >= 0)
		r = gnutls_x509_crl_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM, 0);
	gnutls_free(text.data);
	if (r < 0) {
		refuse(why, cap, "%s: %s", path, gnutls_strerror(r));
		return NULL;
	}
	c = crls_new(n);
	for (unsigned i = 0; i < n; i++) {
		good = good && take_list(c, list[i], trust, reason, sizeof(reason));
		gnutls_x509_crl_deinit(list[i]);
	}
	gnutls_free(list);
	if (!good) {
		refuse(why, cap, "%s: %s", path, reason);
		crls_free(c);
		return NULL;
	}
	note_uncovered(c, trust);
	return c;
}

void
crls_free(struct crls *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n_uncovered; i++)
		free(c->uncovered[i]);
	free(c->uncovered);
	map_free(c->issuers);
	map_free(c->revoked);
	free(c->lists);
	free(c);
}

/* ---- the check ---- */

/* Its issuer is a CA of ours or was shown as well: the path may go through it. */
static bool
may_be_in_path(gnutls_x509_trust_list_t trust, const gnutls_x509_crt_t *shown, unsigned n,
	gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_t issuer;

	if (gnutls_x509_trust_list_get_issuer(trust, crt, &issuer, 0) >= 0)
		return true;
	for (unsigned i = 0; i < n; i++)
		if (gnutls_x509_crt_check_issuer(crt, shown[i]))
			return true;
	return false;
}

/* One that issued itself is an anchor, or nothing to the path. */
static bool
is_self_issued(gnutls_x509_crt_t crt)
{
	return gnutls_x509_crt_check_issuer(crt, crt);
}

static bool
check_revoked(const struct crls *c, gnutls_x509_crt_t crt, char *why, size_t cap)
{
	char name[PEER_NAME_MAX];
	const struct crl_list *list;
	struct key k;

	if (is_self_issued(crt))
		return true;
	if (!key_of_certificate(&k, crt))
		return refuse(why, cap, "certificate: its issuer or number cannot be read");
	if (!map_get(c->revoked, k.bytes, k.len))
		return true;
	peer_certificate_name(crt, name, sizeof(name));
	list = map_get(c->issuers, k.bytes, k.dn_len);
	return refuse(why, cap, "certificate: %s is revoked by %s (RFC 5280 6.3.3)", name,
		list ? list->issuer : "?");
}

static bool
check_covered(const struct crls *c, gnutls_x509_trust_list_t trust, const gnutls_x509_crt_t *shown,
	unsigned n, gnutls_x509_crt_t crt, char *why, size_t cap)
{
	char name[PEER_NAME_MAX];
	struct key k;

	if (is_self_issued(crt) || !may_be_in_path(trust, shown, n, crt))
		return true;
	if (key_of_certificate(&k, crt) && map_get(c->issuers, k.bytes, k.dn_len))
		return true;
	peer_certificate_name(crt, name, sizeof(name));
	return refuse(why, cap,
		"certificate: no list of revoked ones of the issuer of %s (RFC 5280 6.3.3)", name);
}

bool
crls_check(const struct crls *c, gnutls_x509_trust_list_t trust, const gnutls_x509_crt_t *shown,
	unsigned n, char *why, size_t cap)
{
	for (unsigned i = 0; i < n; i++)
		if (!check_revoked(c, shown[i], why, cap))
			return false;
	for (unsigned i = 0; i < n; i++)
		if (!check_covered(c, trust, shown, n, shown[i], why, cap))
			return false;
	return true;
}

/* ---- for people ---- */

bool
crls_view(const struct crls *c, unsigned i, struct crl_view *ret)
{
	if (!c || i >= c->n)
		return false;
	*ret = (struct crl_view){c->lists[i].issuer, c->lists[i].issued, c->lists[i].expires};
	return true;
}

const char *
crls_uncovered(const struct crls *c, unsigned i)
{
	return c && i < c->n_uncovered ? c->uncovered[i] : NULL;
}
