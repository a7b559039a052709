/*
 * The text of a cuid or cdid (RFC 9132 4.4.1.1, 4.4.1.2): base64url (RFC 4648 5) without padding,
 * of a digest that was made elsewhere.
 */
#include "wire/cuid.h"

void
cuid_from_digest(const uint8_t digest[static 32], char ret[static CUID_TEXT_LEN + 1])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	/* 16 bytes are 22 characters: six bits each, the last one holds the two that remain. */
	for (int i = 0; i < CUID_TEXT_LEN; i++) {
		unsigned at = (unsigned)i * 6, byte = at / 8;
		unsigned pair =
			(unsigned)digest[byte] << 8 | (byte + 1 < 16 ? digest[byte + 1] : 0);

		ret[i] = alphabet[pair >> (10 - at % 8) & 63];
	}
	ret[CUID_TEXT_LEN] = '\0';
}
