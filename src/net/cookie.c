/*
 * See cookie.h. Owns the two keys and the timer that renews them.
 */
#include "net/cookie.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls.h"

enum { KEY_LEN = 32, KEYS = 2, RENEW_MS = 300000, RECORD_SEQ_LAST_BYTE = 10 };

struct cookies {
	uint8_t keys[KEYS][KEY_LEN]; /* the one in use first */
	struct timer *renewal;
};

void
cookies_renew(struct cookies *c)
{
	memcpy(c->keys[1], c->keys[0], KEY_LEN);
	tls_random(c->keys[0], KEY_LEN);
	timer_after(c->renewal, RENEW_MS);
}

static void
cookies_renewal_due(void *arg)
{
	cookies_renew(arg);
}

struct cookies *
cookies_new(struct loop *l)
{
	struct cookies *c = mem_new(sizeof(*c));

	c->renewal = timer_new(l, cookies_renewal_due, c);
	tls_random(c->keys[0], KEY_LEN);
	cookies_renew(c);
	return c;
}

void
cookies_free(struct cookies *c)
{
	if (!c)
		return;
	timer_free(c->renewal);
	explicit_bzero(c->keys, sizeof(c->keys));
	free(c);
}

bool
cookies_check(struct cookies *c, const void *client, size_t client_len, const uint8_t *hello,
	size_t len, gnutls_dtls_prestate_st *ret)
{
	for (int i = 0; i < KEYS; i++) {
		gnutls_datum_t key = {c->keys[i], KEY_LEN};

		memset(ret, 0, sizeof(*ret));
		if (gnutls_dtls_cookie_verify(&key, (void *)(uintptr_t)client, client_len,
			    (void *)(uintptr_t)hello, len, ret) >= 0)
			return true;
	}
	return false;
}

struct answer {
	uint8_t *bytes;
	size_t cap, len;
};

static ssize_t
keep_answer(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct answer *a = ptr;

	if (len > a->cap)
		return -1;
	memcpy(a->bytes, bytes, len);
	a->len = len;
	return (ssize_t)len;
}

size_t
cookies_ask(struct cookies *c, const void *client, size_t client_len, const uint8_t *hello,
	uint8_t *answer, size_t cap)
{
	gnutls_datum_t key = {c->keys[0], KEY_LEN};
	struct answer a = {answer, cap, 0};
	/* RFC 6347 4.2.1: the answer has the record sequence number of the ClientHello. */
	gnutls_dtls_prestate_st pre = {.record_seq = hello[RECORD_SEQ_LAST_BYTE]};

	if (gnutls_dtls_cookie_send(
		    &key, (void *)(uintptr_t)client, client_len, &pre, &a, keep_answer) < 0)
		return 0;
	return a.len;
}
