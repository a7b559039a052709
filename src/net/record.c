/*
 * See record.h. Looks, keeps nothing.
 */
#include "net/record.h"

enum {
	TYPE_MIN = 20, /* change_cipher_spec */
	TYPE_MAX = 23, /* application_data */
	HEADER_LEN = 13,
	HANDSHAKE_HEADER_LEN = 12,
	BODY_MAX = 16384 + 2048,
	CLIENT_HELLO = 1,
	ALERT_FATAL = 2,
	ALERT_CLOSE_NOTIFY = 0,
	VERSION_MAJOR = 0xfe,
	/* version, random, empty session id, empty cookie */
	HELLO_MIN = HEADER_LEN + HANDSHAKE_HEADER_LEN + 2 + HELLO_RANDOM_LEN + 1 + 1,
};

static unsigned
u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned
u24(const uint8_t *p)
{
	return (unsigned)p[0] << 16 | u16(p + 1);
}

size_t
record_length(const uint8_t *bytes, size_t len)
{
	size_t body;

	if (len < HEADER_LEN || bytes[0] < TYPE_MIN || bytes[0] > TYPE_MAX)
		return 0;
	if (bytes[1] != VERSION_MAJOR)
		return 0;
	body = u16(bytes + 11);
	return body == 0 || body > BODY_MAX || body > len - HEADER_LEN ? 0 : HEADER_LEN + body;
}

uint8_t
record_type(const uint8_t *record)
{
	return record[0];
}

unsigned
record_epoch(const uint8_t *record)
{
	return u16(record + 3);
}

int
record_final_alert(const uint8_t *record, size_t len)
{
	const uint8_t *alert = record + HEADER_LEN;

	if (record_type(record) != RECORD_ALERT || record_epoch(record) != 0 ||
		len != HEADER_LEN + 2)
		return -1;
	return alert[0] == ALERT_FATAL || alert[1] == ALERT_CLOSE_NOTIFY ? alert[1] : -1;
}

bool
record_is_hello(const uint8_t *record, size_t len)
{
	const uint8_t *hs = record + HEADER_LEN;

	if (len < HELLO_MIN || record_type(record) != RECORD_HANDSHAKE || record_epoch(record) != 0)
		return false;
	return hs[0] == CLIENT_HELLO && u24(hs + 6) == 0 &&
	       u24(hs + 9) == len - HEADER_LEN - HANDSHAKE_HEADER_LEN;
}

size_t
record_announces(const uint8_t *record, size_t len)
{
	const uint8_t *hs = record + HEADER_LEN, *end = record + len;
	size_t largest = 0, fragment;

	if (record_type(record) != RECORD_HANDSHAKE || record_epoch(record) != 0)
		return 0;
	while ((size_t)(end - hs) >= HANDSHAKE_HEADER_LEN) {
		fragment = u24(hs + 9);
		if (u24(hs + 1) > largest)
			largest = u24(hs + 1);
		hs += HANDSHAKE_HEADER_LEN;
		if (fragment > (size_t)(end - hs))
			break;
		hs += fragment;
	}
	return largest;
}

const uint8_t *
record_hello_random(const uint8_t *record)
{
	return record + HEADER_LEN + HANDSHAKE_HEADER_LEN + 2;
}
