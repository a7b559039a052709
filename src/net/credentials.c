/*
 * See credentials.h. Owns what the TLS library made of the files; everything is derived at load
 * time (label, cuid), so that nothing is read from disk later.
 */
#include <ctype.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "net/crl.h"

enum { PSK_MAX = 128, PSK_FILE_MAX = 2 * PSK_MAX + 64 };

enum { SHOWN_CERTIFICATE, SHOWN_RAW, SHOWN_PSK };

struct credentials {
	unsigned refs;
	gnutls_certificate_credentials_t x509; /* certificate and raw key */
	bool trusts, raw;
	char **spki;
	size_t n_spki;
	uint8_t shown[3][32]; /* digests of the certificate, the raw key and the pre-shared key */
	gnutls_psk_client_credentials_t psk;
	char *psk_identity;
	struct crls *crls; /* NULL: revocation is not looked at */
	char label[PEER_NAME_MAX + 8];
	char cuid[CUID_TEXT_LEN + 1];
};

__attribute__((format(printf, 3, 4))) static enum credentials_problem
broken(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return CREDENTIALS_BROKEN;
}

/* --- pre-shared key ------------------------------------------------------------------------ */

static int
hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One line of hexadecimal; space around it is ignored. Length, or -EINVAL, -ENOBUFS. */
static int
parse_hex(const char *text, uint8_t *key, size_t cap)
{
	size_t n = 0;

	while (isspace((unsigned char)*text))
		text++;
	for (; *text && !isspace((unsigned char)*text); text += 2) {
		int high = hex_digit((unsigned char)text[0]);
		int low = high < 0 ? -1 : hex_digit((unsigned char)text[1]);

		if (low < 0)
			return -EINVAL;
		if (n == cap)
			return -ENOBUFS;
		key[n++] = (uint8_t)(high << 4 | low);
	}
	while (isspace((unsigned char)*text))
		text++;
	return *text || n == 0 ? -EINVAL : (int)n;
}

int
credentials_read_psk(const char *path, uint8_t *key, size_t *inout_len, char *why, size_t cap)
{
	char text[PSK_FILE_MAX + 1];
	FILE *f = fopen(path, "re");
	size_t n;
	int r;

	if (!f) {
		r = -errno;
		snprintf(why, cap, "%s: %s", path, strerror(-r));
		return r;
	}
	n = fread(text, 1, sizeof(text), f);
	r = ferror(f) ? -EIO : 0;
	fclose(f);
	if (r == 0) {
		text[n < sizeof(text) ? n : 0] = 0;
		r = strlen(text) == n ? parse_hex(text, key, *inout_len) : -EINVAL;
	}
	explicit_bzero(text, sizeof(text));
	if (r < 0) {
		snprintf(why, cap, "%s: %s", path,
			r == -EIO ? strerror(EIO) : "expected one line of hexadecimal digits");
		return r;
	}
	*inout_len = (size_t)r;
	return 0;
}

static enum credentials_problem
load_psk(struct credentials *c, const struct credentials_config *cfg, char *why, size_t cap)
{
	uint8_t key[PSK_MAX];
	size_t len = sizeof(key);
	gnutls_datum_t id, secret;
	int r;

	if (!cfg->psk_identity || !cfg->psk_identity[0] ||
		strlen(cfg->psk_identity) >= PEER_NAME_MAX)
		return broken(why, cap, "psk-identity: empty or longer than %d", PEER_NAME_MAX - 1);
	if (credentials_read_psk(cfg->psk_file, key, &len, why, cap) < 0)
		return CREDENTIALS_BROKEN;
	c->psk_identity = mem_text(cfg->psk_identity);
	id = (gnutls_datum_t){(unsigned char *)c->psk_identity, (unsigned)strlen(c->psk_identity)};
	secret = (gnutls_datum_t){key, (unsigned)len};
	r = gnutls_psk_allocate_client_credentials(&c->psk);
	if (r >= 0)
		r = gnutls_psk_set_client_credentials2(c->psk, &id, &secret, GNUTLS_PSK_KEY_RAW);
	if (r >= 0)
		r = gnutls_hmac_fast(
			GNUTLS_MAC_SHA256, key, len, id.data, id.size, c->shown[SHOWN_PSK]);
	explicit_bzero(key, sizeof(key));
	if (r < 0)
		return broken(why, cap, "%s: %s", cfg->psk_file, gnutls_strerror(r));
	return CREDENTIALS_OK;
}

/* --- certificate --------------------------------------------------------------------------- */

/* Our own certificate: what it is called, and whether it is valid today. */
static enum credentials_problem
inspect(struct credentials *c, const char *path, char *why, size_t cap)
{
	gnutls_x509_crt_t *list;
	unsigned n;
	int r = gnutls_certificate_get_x509_crt(c->x509, 0, &list, &n);
	enum credentials_problem verdict = CREDENTIALS_OK;
	time_t now = time(NULL);
	uint8_t digest[32];
	size_t size = sizeof(c->shown[SHOWN_CERTIFICATE]);

	if (r < 0 || n == 0)
		return broken(why, cap, "%s: %s", path, gnutls_strerror(r));
	(void)gnutls_x509_crt_get_fingerprint(
		list[0], GNUTLS_DIG_SHA256, c->shown[SHOWN_CERTIFICATE], &size);
	peer_certificate_name(list[0], c->label, sizeof(c->label));
	peer_certificate_digest(list[0], digest);
	cuid_from_digest(digest, c->cuid);
	if (gnutls_x509_crt_get_expiration_time(list[0]) < now ||
		gnutls_x509_crt_get_activation_time(list[0]) > now)
		verdict = CREDENTIALS_EXPIRED;
	if (verdict == CREDENTIALS_EXPIRED)
		snprintf(why, cap, "%s: certificate of %s is outside its validity", path, c->label);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return verdict;
}

static enum credentials_problem
load_x509(struct credentials *c, const struct credentials_config *cfg, char *why, size_t cap)
{
	int r;

	if (!cfg->certificate || !cfg->key || !cfg->trust)
		return broken(why, cap, "certificate, key and trust go together");
	r = gnutls_certificate_set_x509_key_file2(
		c->x509, cfg->certificate, cfg->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
	if (r < 0)
		return broken(
			why, cap, "%s, %s: %s", cfg->certificate, cfg->key, gnutls_strerror(r));
	r = gnutls_certificate_set_x509_trust_file(c->x509, cfg->trust, GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		return broken(why, cap, "%s: %s", cfg->trust,
			r < 0 ? gnutls_strerror(r) : "no certificate in it");
	c->trusts = true;
	if (cfg->crl && !(c->crls = crls_load(cfg->crl, credentials_trust(c), why, cap)))
		return CREDENTIALS_BROKEN;
	return inspect(c, cfg->certificate, why, cap);
}

/* --- raw public key ------------------------------------------------------------------------ */

/* The public half of the key: as PEM for the library, and its digest. */
static int
public_half(const gnutls_datum_t *pem, gnutls_datum_t *ret_spki, uint8_t digest[static 32])
{
	gnutls_privkey_t private = NULL;
	gnutls_pubkey_t public = NULL;
	size_t size = 32;
	int r = gnutls_privkey_init(&private);

	if (r >= 0)
		r = gnutls_privkey_import_x509_raw(private, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r >= 0)
		r = gnutls_pubkey_init(&public);
	if (r >= 0)
		r = gnutls_pubkey_import_privkey(public, private, 0, 0);
	if (r >= 0 && !peer_key_is_strong(public))
		r = GNUTLS_E_INSUFFICIENT_SECURITY;
	if (r >= 0)
		r = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, digest, &size);
	if (r >= 0)
		r = gnutls_pubkey_export2(public, GNUTLS_X509_FMT_PEM, ret_spki);
	if (public)
		gnutls_pubkey_deinit(public);
	if (private)
		gnutls_privkey_deinit(private);
	return r;
}

static enum credentials_problem
load_raw(struct credentials *c, const struct credentials_config *cfg, char *why, size_t cap)
{
	gnutls_datum_t pem = {0}, spki = {0};
	int r;

	if (!cfg->raw_key)
		return broken(why, cap, "spki needs raw-key");
	r = gnutls_load_file(cfg->raw_key, &pem);
	if (r >= 0)
		r = public_half(&pem, &spki, c->shown[SHOWN_RAW]);
	if (r >= 0)
		r = gnutls_certificate_set_rawpk_key_mem(c->x509, &spki, &pem, GNUTLS_X509_FMT_PEM,
			NULL, GNUTLS_KEY_DIGITAL_SIGNATURE, NULL, 0, 0);
	gnutls_memset(pem.data, 0, pem.size);
	gnutls_free(pem.data);
	gnutls_free(spki.data);
	if (r < 0)
		return broken(why, cap, "%s: %s", cfg->raw_key, gnutls_strerror(r));
	c->raw = true;
	c->spki = mem_array(cfg->n_spki, sizeof(*c->spki));
	for (size_t i = 0; i < cfg->n_spki; i++)
		c->spki[c->n_spki++] = mem_text(cfg->spki[i]);
	return CREDENTIALS_OK;
}

/* --- the whole ----------------------------------------------------------------------------- */

enum credentials_problem
credentials_load(
	const struct credentials_config *cfg, struct credentials **ret, char *why, size_t cap)
{
	bool x509 = cfg->certificate || cfg->key || cfg->trust || cfg->crl;
	bool raw = cfg->raw_key || cfg->n_spki;
	bool psk = cfg->psk_identity || cfg->psk_file;
	struct credentials *c = mem_new(sizeof(*c));
	enum credentials_problem verdict = CREDENTIALS_OK;

	c->refs = 1;
	if (!x509 && !raw && !psk)
		verdict = broken(why, cap, "neither a certificate, a raw key nor a pre-shared key");
	else if ((x509 || raw) && gnutls_certificate_allocate_credentials(&c->x509) < 0)
		verdict = broken(why, cap, "out of memory");
	else if (psk && (!cfg->psk_identity || !cfg->psk_file))
		verdict = broken(why, cap, "psk-identity and psk-file go together");
	if (verdict == CREDENTIALS_OK && psk)
		verdict = load_psk(c, cfg, why, cap);
	if (verdict == CREDENTIALS_OK && x509)
		verdict = load_x509(c, cfg, why, cap);
	if (verdict != CREDENTIALS_BROKEN && raw && load_raw(c, cfg, why, cap) != CREDENTIALS_OK)
		verdict = CREDENTIALS_BROKEN;
	if (verdict == CREDENTIALS_BROKEN) {
		credentials_unref(c);
		return verdict;
	}
	if (!x509 && raw) {
		peer_raw_key_name(c->shown[SHOWN_RAW], c->label, sizeof(c->label));
		cuid_from_digest(c->shown[SHOWN_RAW], c->cuid);
	} else if (!x509) {
		uint8_t digest[32];

		snprintf(c->label, sizeof(c->label), "psk:%s", c->psk_identity);
		peer_psk_digest(c->psk_identity, digest);
		cuid_from_digest(digest, c->cuid);
	}
	*ret = c;
	return verdict;
}

struct credentials *
credentials_ref(struct credentials *c)
{
	if (c)
		c->refs++;
	return c;
}

void
credentials_unref(struct credentials *c)
{
	if (!c || --c->refs > 0)
		return;
	if (c->x509)
		gnutls_certificate_free_credentials(c->x509);
	if (c->psk)
		gnutls_psk_free_client_credentials(c->psk);
	crls_free(c->crls);
	for (size_t i = 0; i < c->n_spki; i++)
		free(c->spki[i]);
	free(c->spki);
	gnutls_memset(c->shown, 0, sizeof(c->shown));
	free(c->psk_identity);
	free(c);
}

const char *
credentials_label(const struct credentials *c)
{
	return c->label;
}

const char *
credentials_cuid(const struct credentials *c)
{
	return c->cuid;
}

bool
credentials_same(const struct credentials *a, const struct credentials *b)
{
	return gnutls_memcmp(a->shown, b->shown, sizeof(a->shown)) == 0;
}

void
credentials_cuid_for(
	const struct credentials *c, const char *name, char ret[static CUID_TEXT_LEN + 1])
{
	char *both = mem_printf("%s/%s", c->cuid, name);

	credentials_digest(both, ret);
	free(both);
}

void
credentials_digest(const char *text, char ret[static CUID_TEXT_LEN + 1])
{
	uint8_t digest[32];

	peer_psk_digest(text, digest);
	cuid_from_digest(digest, ret);
}

void
credentials_random_cuid(char ret[static CUID_TEXT_LEN + 1])
{
	uint8_t bytes[32] = {0}; /* the first half of a digest, as it were */

	tls_random(bytes, sizeof(bytes) / 2);
	cuid_from_digest(bytes, ret);
}

gnutls_certificate_credentials_t
credentials_x509(const struct credentials *c)
{
	return c ? c->x509 : NULL;
}

gnutls_psk_client_credentials_t
credentials_psk(const struct credentials *c)
{
	return c ? c->psk : NULL;
}

gnutls_x509_trust_list_t
credentials_trust(const struct credentials *c)
{
	gnutls_x509_trust_list_t trust = NULL;

	if (c && c->trusts)
		gnutls_certificate_get_trust_list(c->x509, &trust);
	return trust;
}

const char *
credentials_psk_identity(const struct credentials *c)
{
	return c ? c->psk_identity : NULL;
}

enum credentials_types
credentials_types(const struct credentials *c)
{
	if (!c || !c->raw)
		return TYPES_X509;
	return c->trusts ? TYPES_BOTH : TYPES_RAW;
}

bool
credentials_pins(const struct credentials *c, const char *cuid)
{
	for (size_t i = 0; i < c->n_spki; i++)
		if (strcmp(c->spki[i], cuid) == 0)
			return true;
	return false;
}

const struct crls *
credentials_crls(const struct credentials *c)
{
	return c ? c->crls : NULL;
}

bool
credentials_crl(const struct credentials *c, unsigned i, struct crl_view *ret)
{
	return crls_view(c->crls, i, ret);
}

const char *
credentials_without_crl(const struct credentials *c, unsigned i)
{
	return crls_uncovered(c->crls, i);
}
