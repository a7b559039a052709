/*
 * Stateless cookies.
 */
#include "net/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { BEFORE_COOKIE = 13 + 12 + 2 + 32 + 1, COOKIE_LEN = 16, ANSWER_COOKIE = 13 + 12 + 2 + 1 };

struct desk {
	struct loop *loop;
	struct cookies *cookies;
	uint8_t hello[BEFORE_COOKIE + 1 + COOKIE_LEN + 8];
};

static void
desk_open(struct desk *d)
{
	memset(d, 0, sizeof(*d));
	d->loop = loop_new();
	d->cookies = cookies_new(d->loop);
	d->hello[0] = 22;
	d->hello[1] = 0xfe;
	d->hello[10] = 3; /* record sequence number */
	d->hello[13] = 1;
}

static void
desk_close(struct desk *d)
{
	cookies_free(d->cookies);
	loop_free(d->loop);
}

static bool
good(struct desk *d, const char *client)
{
	gnutls_dtls_prestate_st pre;

	return cookies_check(d->cookies, client, strlen(client), d->hello, sizeof(d->hello), &pre);
}

/* Puts the cookie of the answer into the hello. */
static void
fetch(struct desk *d, const char *client)
{
	uint8_t answer[256];
	size_t n =
		cookies_ask(d->cookies, client, strlen(client), d->hello, answer, sizeof(answer));

	assert_int_equal(n, ANSWER_COOKIE + COOKIE_LEN);
	assert_int_equal(answer[10], 3); /* RFC 6347 4.2.1: that of the hello */
	d->hello[BEFORE_COOKIE] = COOKIE_LEN;
	memcpy(d->hello + BEFORE_COOKIE + 1, answer + ANSWER_COOKIE, COOKIE_LEN);
}

/* 4218-3.3-01 */
static void
cookie_is_good_for_its_client_only(void **state)
{
	struct desk d;

	(void)state;
	desk_open(&d);
	assert_false(good(&d, "one"));
	fetch(&d, "one");
	assert_true(good(&d, "one"));
	assert_false(good(&d, "two"));
	d.hello[BEFORE_COOKIE + 1] ^= 1;
	assert_false(good(&d, "one"));
	desk_close(&d);
}

static void
cookie_survives_one_change_of_the_key(void **state)
{
	struct desk d;

	(void)state;
	desk_open(&d);
	fetch(&d, "one");
	cookies_renew(d.cookies);
	assert_true(good(&d, "one"));
	cookies_renew(d.cookies);
	assert_false(good(&d, "one"));
	desk_close(&d);
}

static void
cut_hello_has_no_cookie(void **state)
{
	gnutls_dtls_prestate_st pre;
	struct desk d;

	(void)state;
	desk_open(&d);
	fetch(&d, "one");
	for (size_t n = 0; n <= BEFORE_COOKIE + COOKIE_LEN; n++)
		assert_false(cookies_check(d.cookies, "one", 3, d.hello, n, &pre));
	desk_close(&d);
}

static void
answer_needs_its_room(void **state)
{
	uint8_t answer[8];
	struct desk d;

	(void)state;
	desk_open(&d);
	assert_int_equal(cookies_ask(d.cookies, "one", 3, d.hello, answer, sizeof(answer)), 0);
	desk_close(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookie_is_good_for_its_client_only),
		cmocka_unit_test(cookie_survives_one_change_of_the_key),
		cmocka_unit_test(cut_hello_has_no_cookie),
		cmocka_unit_test(answer_needs_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
