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
		cmocka_unit_test(psk_file_is_read),
		cmocka_unit_test(bad_psk_files_are_refused),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
