/*
 * Randomness for the files of net/ (message ids, tokens, cookie keys), from the TLS library's
 * generator.
 */
#include "net/tls.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

void
tls_random(void *bytes, size_t len)
{
	/* No randomness, no security: there is nothing to go on with. */
	if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, len) < 0)
		abort();
}
