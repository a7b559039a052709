/*
 * Credentials from files, and what is told about broken ones.
 */
#include "net/credentials.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pki.h"

static int
start(void **state)
{
	(void)state;
	pki_start();
	pki_make(&(struct pki_spec){.name = "ca", .cn = "CA one"});
	pki_make(
		&(struct pki_spec){.name = "a", .issuer = "ca", .cn = "a.example", .client = true});
	pki_make(
		&(struct pki_spec){.name = "b", .issuer = "ca", .cn = "b.example", .client = true});
	pki_make(&(struct pki_spec){
		.name = "old", .issuer = "ca", .cn = "old", .from_days = -9, .until_days = -2});
	pki_make(&(struct pki_spec){
		.name = "new", .issuer = "ca", .cn = "new", .from_days = 2, .until_days = 9});
	pki_write("key.psk", "  00112233445566778899aAbBcCdDeEfF\n");
	pki_write("odd.psk", "001\n");
	pki_write("text.psk", "secret\n");
	pki_write("two.psk", "0011\n2233\n");
	pki_write("empty.psk", "\n");
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	pki_finish();
	return 0;
}

static enum credentials_problem
load(const char *crt, const char *key, struct credentials **c, char why[static 256])
{
	struct credentials_config cfg = {
		.certificate = pki_path(crt, ".crt"),
		.key = pki_path(key, ".key"),
		.trust = pki_path("ca", ".crt"),
	};

	*c = NULL;
	why[0] = 0;
	return credentials_load(&cfg, c, why, 256);
}

static void
certificate_is_loaded(void **state)
{
	struct credentials *c;
	char why[256];

	(void)state;
	assert_int_equal(load("a", "a", &c, why), CREDENTIALS_OK);
	assert_string_equal(credentials_label(c), "a.example");
	assert_int_equal(strlen(credentials_cuid(c)), CUID_TEXT_LEN);
	assert_ptr_equal(credentials_ref(c), c);
	credentials_unref(c);
	assert_string_equal(credentials_label(c), "a.example");
	credentials_unref(c);
	credentials_unref(NULL);
}

/* 9132-4.4.1.1-19, 9132-4.4.1.1-11 */
static void
random_cuids_differ(void **state)
{
	char one[CUID_TEXT_LEN + 1], other[CUID_TEXT_LEN + 1];

	(void)state;
	credentials_random_cuid(one);
	credentials_random_cuid(other);
	assert_int_equal(strlen(one), CUID_TEXT_LEN);
	assert_string_not_equal(one, other);
}

static void
key_of_another_is_broken(void **state)
{
	struct credentials *c;
	char why[256];

	(void)state;
	assert_int_equal(load("a", "b", &c, why), CREDENTIALS_BROKEN);
	assert_non_null(strstr(why, "b.key"));
}

static void
missing_file_is_broken_and_named(void **state)
{
	struct credentials *c;
	char why[256];

	(void)state;
	assert_int_equal(load("none", "a", &c, why), CREDENTIALS_BROKEN);
	assert_non_null(strstr(why, "none.crt"));
}

static void
outside_validity_is_loaded_and_told(void **state)
{
	struct credentials *c;
	char why[256];

	(void)state;
	assert_int_equal(load("old", "old", &c, why), CREDENTIALS_EXPIRED);
	assert_non_null(strstr(why, "old.crt"));
	credentials_unref(c);
	assert_int_equal(load("new", "new", &c, why), CREDENTIALS_EXPIRED);
	credentials_unref(c);
}

static void
halves_are_broken(void **state)
{
	struct credentials_config no_key = {.certificate = pki_path("a", ".crt")};
	struct credentials_config no_psk_file = {.psk_identity = "me"};
	struct credentials_config nothing = {0};
	struct credentials *c = NULL;
	char why[256];

	(void)state;
	assert_int_equal(credentials_load(&no_key, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
	assert_int_equal(credentials_load(&no_psk_file, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
	assert_int_equal(credentials_load(&nothing, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
	assert_null(c);
}

/* The cuid of a PSK client follows from its identity: SHA-256("jane") =
 * 81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2. */
static void
psk_is_loaded(void **state)
{
	struct credentials_config cfg = {
		.psk_identity = "jane", .psk_file = pki_path("key.psk", "")};
	struct credentials *c;
	char why[256], cuid[CUID_TEXT_LEN + 1];
	const uint8_t digest[32] = {0x81, 0xf8, 0xf6, 0xdd, 0xe8, 0x83, 0x65, 0xf3, 0x92, 0x87,
		0x96, 0xec, 0x7a, 0xa5, 0x3f, 0x72};

	(void)state;
	assert_int_equal(credentials_load(&cfg, &c, why, sizeof(why)), CREDENTIALS_OK);
	assert_string_equal(credentials_label(c), "psk:jane");
	cuid_from_digest(digest, cuid);
	assert_string_equal(credentials_cuid(c), cuid);
	credentials_unref(c);
}

/* The certificate of the first key; `openssl pkey -pubout -outform DER | openssl dgst -sha256` of
 * both keys and `openssl dgst -sha256` of the identity say the same. */
static const char vector_p256[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgE66s3Bm0VcqsFWlV\n"
	"K7AD36A1NmAfflrskRMDltL9MJmhRANCAAQimvVlpk4Rs4awHjCG1Li1rPyYjRn9\n"
	"7ehgBi1RdUCmXWQOncGSdRFMJtbTU1cQi+w9yVaT2xePttLzoYrg48IC\n"
	"-----END PRIVATE KEY-----\n";
static const char vector_certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBkzCCATmgAwIBAgIUMlbGgc2hISF7qzNg5K4RIdF1hy4wCgYIKoZIzj0EAwIw\n"
	"HjEcMBoGA1UEAwwTZG90cy1jbGllbnQuZXhhbXBsZTAgFw0yNjExMjIwOTIxNDNa\n"
	"GA8yMTI2MTAyOTA5MjE0M1owHjEcMBoGA1UEAwwTZG90cy1jbGllbnQuZXhhbXBs\n"
	"ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCKa9WWmThGzhrAeMIbUuLWs/JiN\n"
	"Gf3t6GAGLVF1QKZdZA6dwZJ1EUwm1tNTVxCL7D3JVpPbF4+20vOhiuDjwgKjUzBR\n"
	"MB0GA1UdDgQWBBR8PpWV+T21FNGexvyQq3ZONXi8gzAfBgNVHSMEGDAWgBR8PpWV\n"
	"+T21FNGexvyQq3ZONXi8gzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA\n"
	"MEUCIDI1ubKoGgyKsfkHdhw1Z6iJkjeO7FM0jND2NmclyqGMAiEAgbAQgKuhaoWF\n"
	"OYfAUoGxvah/xp9tNWRwMVgWcrrzgKE=\n"
	"-----END CERTIFICATE-----\n";
static const char vector_ed25519[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEILn72VEFZia4G+2RS75OF7QPq7MrejcQal3IQtX6SPJw\n"
	"-----END PRIVATE KEY-----\n";

static void
expect_cuid(const struct credentials_config *cfg, const char *label, const char *cuid)
{
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(cfg, &c, why, sizeof(why)) == CREDENTIALS_BROKEN)
		fail_msg("%s", why);
	assert_string_equal(credentials_label(c), label);
	assert_string_equal(credentials_cuid(c), cuid);
	credentials_unref(c);
}

/* 8783-5.1-04, 9132-4.4.1.1-07, 9132-4.4.1.1-08: a key has one cuid, in a certificate or as it is.
 */
static void
cuid_follows_from_each_kind(void **state)
{
	(void)state;
	pki_write("p256.key", vector_p256);
	pki_write("p256.crt", vector_certificate);
	pki_write("ed25519.key", vector_ed25519);
	expect_cuid(&(struct credentials_config){.certificate = pki_path("p256", ".crt"),
			    .key = pki_path("p256", ".key"),
			    .trust = pki_path("ca", ".crt")},
		"dots-client.example", "E-6A0csb_GmKYnWkoosvEQ");
	expect_cuid(&(struct credentials_config){.raw_key = pki_path("p256", ".key")},
		"spki:E-6A0csb_GmKYnWkoosvEQ", "E-6A0csb_GmKYnWkoosvEQ");
	expect_cuid(&(struct credentials_config){.raw_key = pki_path("ed25519", ".key")},
		"spki:Q_m4ouVvmrowSPWO3jQFSw", "Q_m4ouVvmrowSPWO3jQFSw");
	expect_cuid(&(struct credentials_config){.psk_identity = "dots-client@example.com",
			    .psk_file = pki_path("key.psk", "")},
		"psk:dots-client@example.com", "Y4ZcP6_fN9ciTdNsRZqx_w");
}

static struct credentials *
must_load(const struct credentials_config *cfg)
{
	struct credentials *c = NULL;
	char why[256] = "";

	if (credentials_load(cfg, &c, why, sizeof(why)) == CREDENTIALS_BROKEN)
		fail_msg("%s", why);
	return c;
}

static void
credentials_are_the_same_if_they_prove_the_same(void **state)
{
	const struct credentials_config kinds[] = {
		{.certificate = pki_path("a", ".crt"),
			.key = pki_path("a", ".key"),
			.trust = pki_path("ca", ".crt")},
		{.raw_key = pki_path("a", ".key")},
		{.raw_key = pki_path("b", ".key")},
		{.psk_identity = "me", .psk_file = pki_path("key.psk", "")},
		{.psk_identity = "you", .psk_file = pki_path("key.psk", "")},
		{.psk_identity = "me", .psk_file = pki_path("key2.psk", "")},
	};
	enum { N = sizeof(kinds) / sizeof(kinds[0]) };
	struct credentials *list[N];

	(void)state;
	pki_write("key2.psk", "ff112233445566778899aabbccddeeff\n");
	for (size_t i = 0; i < N; i++)
		list[i] = must_load(&kinds[i]);
	for (size_t i = 0; i < N; i++) {
		struct credentials *again = must_load(&kinds[i]);

		for (size_t k = 0; k < N; k++)
			assert_int_equal(credentials_same(again, list[k]), i == k);
		credentials_unref(again);
	}
	for (size_t i = 0; i < N; i++)
		credentials_unref(list[i]);
}

/* RSA of 1024 bits. */
static const char weak_rsa[] = "-----BEGIN RSA PRIVATE KEY-----\n"
			       "MIICXAIBAAKBgQDd7fuBAb9Puhso3hQGEuDfzFvtNscvG01mqGvXNd9LhGv7VLGk\n"
			       "5M2UvxgwRgVMmVLVc1AQNHKoOrTSDrhG8ojtxXsCFQR1W6iCJHag4p4u1gH5qg24\n"
			       "/xgQ/U5hhfH4vzcz7P7/1jbP743ZFehnqxz1ZgqdNHJZZG4E+lgijTR3TwIDAQAB\n"
			       "AoGAVSmm0qmV/YVAON2Ht5D1BEyKlivoIZaLjDJjN7Gvn24QdeDZTpqSnVr7cELe\n"
			       "c7d+hvR6K83ElfP5QYZuhqM5kbWqfxNuVeXepvJ6vCwIGfZ8Lsb41wurimD7KY6u\n"
			       "f6jLbvvIs5UhaU3petgJpz2CgeXKw22m9b58B5Dvrli2NEkCQQD1rGrOfTjXlezj\n"
			       "NnqHyzirnWn/J9lrPzwmAo65NBElrzxNql5qobr0t1gms8N/TqOGPpWsTWB0S/eL\n"
			       "kgrGqkkTAkEA50IRYJfliAwPWC18BsKng5z47jKIoXNncDwxU54M0pM88QCoUtOH\n"
			       "GNat3vG1mLJiMuTyOOT183GQDeJorUd8VQJAT0Dd+9sduT6eevYaNTB0CbjwduXO\n"
			       "F/EAYGq2zDxlw7hyRcPOTav6+fMjtuiLCsi9rBMIids0YJAZPadRXqGUjQJBAKb4\n"
			       "Jr/NLCZ8Pp/1xzTCWlxGe9zPk6KuRiLc8uhilvN652dCiEW1ADfI2KS9c9YaBZil\n"
			       "gNXfSk1I0y+TJuzlTjkCQF7kpDd3IoSXVHLuQO3PAtUy3CAjDdWA/VHpBelSzfFU\n"
			       "7DiRrSv1cKwErVk0mou6TQ5xlH5zla9pJ00rMRORpmA=\n"
			       "-----END RSA PRIVATE KEY-----\n";

/* RFC 9325 4.5 */
static void
broken_raw_keys_are_refused(void **state)
{
	static const char *const files[] = {"none", "a.crt", "key.psk"};
	char *pin = (char *)(uintptr_t) "AAAAAAAAAAAAAAAAAAAAAA";
	struct credentials_config only_pin = {.spki = &pin, .n_spki = 1}, weak = {0};
	struct credentials *c = NULL;
	char why[256] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct credentials_config cfg = {.raw_key = pki_path(files[i], "")};

		assert_int_equal(credentials_load(&cfg, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
		assert_non_null(strstr(why, files[i]));
	}
	pki_write("weak.key", weak_rsa);
	weak.raw_key = pki_path("weak.key", "");
	assert_int_equal(credentials_load(&weak, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
	assert_non_null(strstr(why, "weak.key"));
	assert_int_equal(credentials_load(&only_pin, &c, why, sizeof(why)), CREDENTIALS_BROKEN);
	assert_string_equal(why, "spki needs raw-key");
	assert_null(c);
}

static void
psk_file_is_read(void **state)
{
	uint8_t key[64];
	size_t len = sizeof(key);
	char why[256];

	(void)state;
	assert_int_equal(
		credentials_read_psk(pki_path("key.psk", ""), key, &len, why, sizeof(why)), 0);
	assert_int_equal(len, 16);
	assert_int_equal(key[0], 0x00);
	assert_int_equal(key[15], 0xff);
	len = 8;
	assert_int_equal(credentials_read_psk(pki_path("key.psk", ""), key, &len, why, sizeof(why)),
		-ENOBUFS);
}

static void
bad_psk_files_are_refused(void **state)
{
	static const char *const files[] = {"odd.psk", "text.psk", "two.psk", "empty.psk"};
	uint8_t key[64];
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len = sizeof(key);

		assert_int_equal(
			credentials_read_psk(pki_path(files[i], ""), key, &len, why, sizeof(why)),
			-EINVAL);
		assert_non_null(strstr(why, files[i]));
	}
	assert_int_equal(
		credentials_read_psk(pki_path("gone", ""), key, &(size_t){64}, why, sizeof(why)),
		-ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificate_is_loaded),
		cmocka_unit_test(random_cuids_differ),
		cmocka_unit_test(key_of_another_is_broken),
		cmocka_unit_test(missing_file_is_broken_and_named),
		cmocka_unit_test(outside_validity_is_loaded_and_told),
		cmocka_unit_test(halves_are_broken),
		cmocka_unit_test(psk_is_loaded),
		cmocka_unit_test(cuid_follows_from_each_kind),
		cmocka_unit_test(credentials_are_the_same_if_they_prove_the_same),
		cmocka_unit_test(broken_raw_keys_are_refused),
		cmocka_unit_test(psk_file_is_read),
		cmocka_unit_test(bad_psk_files_are_refused),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
