/*
 * Stateless cookies (RFC 6347 section 4.2.1): a client proves that it receives at its address
 * before anything is kept about it. The key is renewed at intervals; a cookie made with the key
 * before is still good, so a handshake that straddles the change is not lost.
 */
#ifndef DOTSD_NET_COOKIE_H
#define DOTSD_NET_COOKIE_H

#include <gnutls/dtls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

struct cookies;

struct cookies *cookies_new(struct loop *l);
void cookies_free(struct cookies *c); /* NULL is legal */
/* A new key; the timer does this every five minutes. */
void cookies_renew(struct cookies *c);
/* Does this ClientHello carry a cookie that we gave to this client? */
bool cookies_check(struct cookies *c, const void *client, size_t client_len, const uint8_t *hello,
	size_t len, gnutls_dtls_prestate_st *ret);
/* Writes the HelloVerifyRequest for it; returns its length, 0 on failure. */
size_t cookies_ask(struct cookies *c, const void *client, size_t client_len, const uint8_t *hello,
	uint8_t *answer, size_t cap);

#endif
