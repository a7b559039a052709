/*
 * See pki.h. Keys are P-256.
 */
#include "pki.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATHS = 16, DAY_S = 86400, PEM_MAX = 8192 };

static char pki_dir[PATH_MAX];

static int
remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
pki_start(void)
{
	snprintf(pki_dir, sizeof(pki_dir), "/tmp/dotsd-pki-XXXXXX");
	assert_non_null(mkdtemp(pki_dir));
}

void
pki_finish(void)
{
	nftw(pki_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
pki_path(const char *name, const char *suffix)
{
	static char paths[PATHS][PATH_MAX + 64];
	static unsigned next;
	char *path = paths[next++ % PATHS];

	snprintf(path, sizeof(paths[0]), "%s/%s%s", pki_dir, name, suffix);
	return path;
}

void
pki_write(const char *name, const char *text)
{
	FILE *f = fopen(pki_path(name, ""), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
must(int r)
{
	if (r < 0)
		fail_msg("%s", gnutls_strerror(r));
}

static void
load(const char *name, gnutls_x509_crt_t *crt, gnutls_x509_privkey_t *key)
{
	gnutls_datum_t text;

	must(gnutls_x509_crt_init(crt));
	must(gnutls_load_file(pki_path(name, ".crt"), &text));
	must(gnutls_x509_crt_import(*crt, &text, GNUTLS_X509_FMT_PEM));
	gnutls_free(text.data);
	must(gnutls_x509_privkey_init(key));
	must(gnutls_load_file(pki_path(name, ".key"), &text));
	must(gnutls_x509_privkey_import(*key, &text, GNUTLS_X509_FMT_PEM));
	gnutls_free(text.data);
}

static void
save(const char *name, gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	char pem[PEM_MAX], file[NAME_MAX];
	size_t len = sizeof(pem);

	must(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, pem, &len));
	snprintf(file, sizeof(file), "%s.crt", name);
	pki_write(file, pem);
	len = sizeof(pem);
	must(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, pem, &len));
	snprintf(file, sizeof(file), "%s.key", name);
	pki_write(file, pem);
}

static void
add_srv_id(gnutls_x509_crt_t crt, const char *text)
{
	char der[130]; /* an IA5String */

	assert_true(strlen(text) <= 127);
	snprintf(der, sizeof(der), "\x16%c%s", (char)strlen(text), text);
	must(gnutls_x509_crt_set_subject_alt_othername(
		crt, "1.3.6.1.5.5.7.8.7", der, 2 + (unsigned)strlen(text), GNUTLS_FSAN_APPEND));
}

static void
add_constraint(gnutls_x509_crt_t crt, const char *domain)
{
	const gnutls_datum_t name = {(unsigned char *)(uintptr_t)domain, (unsigned)strlen(domain)};
	gnutls_x509_name_constraints_t nc;

	must(gnutls_x509_name_constraints_init(&nc));
	must(gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_DNSNAME, &name));
	must(gnutls_x509_crt_set_name_constraints(crt, nc, 1));
	gnutls_x509_name_constraints_deinit(nc);
}

static void
add_names(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	if (spec->cn)
		must(gnutls_x509_crt_set_dn_by_oid(
			crt, GNUTLS_OID_X520_COMMON_NAME, 0, spec->cn, (unsigned)strlen(spec->cn)));
	for (int i = 0; i < 4 && spec->dns[i]; i++)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, spec->dns[i],
			(unsigned)strlen(spec->dns[i]), GNUTLS_FSAN_APPEND));
	if (spec->uri)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, spec->uri,
			(unsigned)strlen(spec->uri), GNUTLS_FSAN_APPEND));
	if (spec->srv)
		add_srv_id(crt, spec->srv);
	if (spec->permitted)
		add_constraint(crt, spec->permitted);
	if (spec->ip) {
		struct in_addr a;

		assert_int_equal(inet_pton(AF_INET, spec->ip, &a), 1);
		must(gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_IPADDRESS, &a, sizeof(a), GNUTLS_FSAN_APPEND));
	}
}

static void
add_usage(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	bool ca = spec->ca || !spec->issuer;

	must(gnutls_x509_crt_set_basic_constraints(crt, ca, -1));
	must(gnutls_x509_crt_set_key_usage(crt, ca ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN
						   : GNUTLS_KEY_DIGITAL_SIGNATURE));
	if (spec->server)
		must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
	if (spec->client)
		must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
}

void
pki_make(const struct pki_spec *spec)
{
	static uint32_t serial;
	bool dated = spec->from_days || spec->until_days;
	time_t now = time(NULL);
	gnutls_x509_crt_t crt, ca_crt;
	gnutls_x509_privkey_t key, ca_key;
	uint32_t number = htonl(++serial);

	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_crt_init(&crt));
	must(gnutls_x509_crt_set_version(crt, 3));
	must(gnutls_x509_crt_set_serial(crt, &number, sizeof(number)));
	must(gnutls_x509_crt_set_activation_time(
		crt, now + (dated ? spec->from_days : -1) * DAY_S));
	must(gnutls_x509_crt_set_expiration_time(
		crt, now + (spec->until_seconds ? spec->until_seconds
						: (dated ? spec->until_days : 1) * DAY_S)));
	must(gnutls_x509_crt_set_key(crt, key));
	add_names(crt, spec);
	add_usage(crt, spec);
	if (spec->issuer)
		load(spec->issuer, &ca_crt, &ca_key);
	must(gnutls_x509_crt_sign2(crt, spec->issuer ? ca_crt : crt, spec->issuer ? ca_key : key,
		GNUTLS_DIG_SHA256, 0));
	save(spec->name, crt, key);
	if (spec->issuer) {
		gnutls_x509_crt_deinit(ca_crt);
		gnutls_x509_privkey_deinit(ca_key);
	}
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

void
pki_join(const char *const *names, const char *suffix)
{
	FILE *f = fopen(pki_path(names[0], suffix), "a");

	assert_non_null(f);
	for (size_t i = 1; names[i]; i++) {
		gnutls_datum_t text;

		must(gnutls_load_file(pki_path(names[i], suffix), &text));
		assert_int_equal(fwrite(text.data, 1, text.size, f), text.size);
		gnutls_free(text.data);
	}
	fclose(f);
}

static void
add_revoked(gnutls_x509_crl_t crl, const char *name)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;

	load(name, &crt, &key);
	must(gnutls_x509_crl_set_crt(crl, crt, time(NULL)));
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

void
pki_make_crl(const struct pki_crl *spec)
{
	bool dated = spec->from_seconds || spec->until_seconds;
	time_t now = time(NULL);
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t ca;
	gnutls_x509_crl_t crl;
	gnutls_datum_t pem;
	char file[NAME_MAX];

	load(spec->issuer, &ca, &key);
	must(gnutls_x509_crl_init(&crl));
	must(gnutls_x509_crl_set_version(crl, 2));
	must(gnutls_x509_crl_set_this_update(crl, now + (dated ? spec->from_seconds : -DAY_S)));
	must(gnutls_x509_crl_set_next_update(crl, now + (dated ? spec->until_seconds : 2 * DAY_S)));
	must(gnutls_x509_crl_set_number(crl, "\1", 1));
	for (int i = 0; i < 4 && spec->revoked[i]; i++)
		add_revoked(crl, spec->revoked[i]);
	must(gnutls_x509_crl_sign2(crl, ca, key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
	snprintf(file, sizeof(file), "%s.crl", spec->name);
	pki_write(file, (const char *)pem.data);
	gnutls_free(pem.data);
	gnutls_x509_crl_deinit(crl);
	gnutls_x509_crt_deinit(ca);
	gnutls_x509_privkey_deinit(key);
}
