/*
 * cuid and cdid from a credential (RFC 9132 4.4.1.1): base64url of the first 16 bytes of a SHA-256.
 * The digest itself is made where the cryptographic library is (net/); this is the text part.
 */
#ifndef DOTSD_WIRE_CUID_H
#define DOTSD_WIRE_CUID_H

#include <stdint.h>

enum { CUID_TEXT_LEN = 22 };
/* digest: SHA-256 of the DER SubjectPublicKeyInfo or of the PSK identity. */
void cuid_from_digest(const uint8_t digest[static 32], char ret[static CUID_TEXT_LEN + 1]);

#endif
