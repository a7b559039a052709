/*
 * See scratch.h. Keys are P-256.
 */
#include "scratch.h"

#include <assert.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tmpdir.h"

enum { PEM_MAX = 8192, DAY_S = 86400, KEY_LEN = 16 };

struct made {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static void
must(int r)
{
	assert(r >= 0);
	(void)r;
}

/* issuer NULL: a CA of its own. days: of validity, from a day ago on. */
static struct made
make_for(const char *name, const struct made *issuer, bool server, double days)
{
	static uint8_t serial;
	struct made m;
	time_t now = time(NULL);

	serial++;
	must(gnutls_x509_privkey_init(&m.key));
	must(gnutls_x509_privkey_generate(
		m.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_crt_init(&m.crt));
	must(gnutls_x509_crt_set_version(m.crt, 3));
	must(gnutls_x509_crt_set_serial(m.crt, &serial, 1));
	must(gnutls_x509_crt_set_activation_time(m.crt, now - DAY_S));
	must(gnutls_x509_crt_set_expiration_time(m.crt, now + (time_t)(days * DAY_S) - DAY_S));
	must(gnutls_x509_crt_set_key(m.crt, m.key));
	must(gnutls_x509_crt_set_dn_by_oid(
		m.crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)));
	if (issuer) {
		must(gnutls_x509_crt_set_subject_alt_name(
			m.crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_SET));
		must(gnutls_x509_crt_set_key_purpose_oid(
			m.crt, server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0));
	} else {
		must(gnutls_x509_crt_set_ca_status(m.crt, 1));
		must(gnutls_x509_crt_set_key_usage(m.crt, GNUTLS_KEY_KEY_CERT_SIGN));
	}
	must(gnutls_x509_crt_sign2(m.crt, issuer ? issuer->crt : m.crt,
		issuer ? issuer->key : m.key, GNUTLS_DIG_SHA256, 0));
	return m;
}

static struct made
make(const char *name, const struct made *issuer, bool server)
{
	return make_for(name, issuer, server, 9);
}

static void
write_crt(const char *name, const struct made *m)
{
	char pem[PEM_MAX];
	size_t size = sizeof(pem);

	must(gnutls_x509_crt_export(m->crt, GNUTLS_X509_FMT_PEM, pem, &size));
	tmpdir_write(name, pem, size);
}

static void
write_key(const char *name, const struct made *m)
{
	char pem[PEM_MAX];
	size_t size = sizeof(pem);

	must(gnutls_x509_privkey_export(m->key, GNUTLS_X509_FMT_PEM, pem, &size));
	tmpdir_write(name, pem, size);
}

static void
forget(struct made *m)
{
	gnutls_x509_crt_deinit(m->crt);
	gnutls_x509_privkey_deinit(m->key);
}

static struct credentials *
load(const struct credentials_config *cfg)
{
	struct credentials *c = NULL;
	char why[256] = "";
	enum credentials_problem r = credentials_load(cfg, &c, why, sizeof(why));

	if (r != CREDENTIALS_OK)
		fprintf(stderr, "%s\n", why);
	assert(r == CREDENTIALS_OK);
	return c;
}

static struct credentials *
certificate(const char *name, const struct made *issuer, bool server)
{
	struct made m = make(name, issuer, server);
	struct credentials *c;

	write_key("key", &m);
	write_crt("crt", &m);
	c = load(&(struct credentials_config){.certificate = tmpdir_path("crt"),
		.key = tmpdir_path("key"),
		.trust = tmpdir_path("ca")});
	forget(&m);
	return c;
}

static const struct psk_entry keys[] = {
	{(char *)"one", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, KEY_LEN},
	{(char *)"two", {2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, KEY_LEN},
};

static struct credentials *
pre_shared(const struct psk_entry *e)
{
	char text[2 * KEY_LEN + 1];

	for (size_t i = 0; i < e->len; i++)
		snprintf(text + 2 * i, 3, "%02x", e->key[i]);
	tmpdir_write("psk", text, strlen(text));
	return load(&(struct credentials_config){
		.psk_identity = e->identity, .psk_file = tmpdir_path("psk")});
}

static void
make_all(struct credentials **all)
{
	struct made ca, other;

	ca = make("CA", NULL, false);
	other = make("CA two", NULL, false);
	write_crt("ca", &ca);
	all[SCRATCH_PSK_ONE] = pre_shared(&keys[0]);
	all[SCRATCH_PSK_TWO] = pre_shared(&keys[1]);
	all[SCRATCH_CERTIFICATE] = certificate("one.example", &ca, false);
	all[SCRATCH_STRANGER] = certificate("stranger.example", &ca, false);
	all[SCRATCH_WRONG_CA] = certificate("one.example", &other, false);
	all[SCRATCH_SERVER] = certificate("dots.example", &ca, true);
	forget(&ca);
	forget(&other);
}

struct credentials *
scratch_credentials(unsigned which)
{
	static struct credentials *all[SCRATCH_CREDENTIALS];

	if (!all[0])
		make_all(all);
	assert(which < SCRATCH_CREDENTIALS);
	return all[which];
}

const struct psk_entry *
scratch_psk(size_t *ret_n)
{
	*ret_n = sizeof(keys) / sizeof(keys[0]);
	return keys;
}

void
scratch_files(void)
{
	struct made ca = make("CA", NULL, false), one = make("one.example", &ca, true);
	struct made old = make_for("old.example", &ca, true, 0.5);

	write_crt("ca.crt", &ca);
	write_crt("one.crt", &one);
	write_key("one.key", &one);
	write_crt("old.crt", &old);
	write_key("old.key", &old);
	forget(&ca);
	forget(&one);
	forget(&old);
}
