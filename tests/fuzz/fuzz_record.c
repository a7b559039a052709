/*
 * The walk over the DTLS records of a datagram: whatever it finds lies inside, and what it calls a
 * ClientHello or an alert is one.
 *
 * Covers: net/record.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "net/record.h"

enum { HEADER = 13, HANDSHAKE_HEADER = 12, ALERT_LEN = 2 };

static void
check(const uint8_t *record, size_t len)
{
	int alert = record_final_alert(record, len);
	uint8_t random[HELLO_RANDOM_LEN];

	assert(len > HEADER && record_type(record) == record[0]);
	if (alert >= 0)
		assert(record_type(record) == RECORD_ALERT && record_epoch(record) == 0 &&
			len == HEADER + ALERT_LEN && alert == record[len - 1]);
	if (!record_is_hello(record, len))
		return;
	assert(record_type(record) == RECORD_HANDSHAKE && record_epoch(record) == 0);
	memcpy(random, record_hello_random(record), sizeof(random)); /* all of it is there */
	assert(memmem(record + HEADER + HANDSHAKE_HEADER, len - HEADER - HANDSHAKE_HEADER, random,
		sizeof(random)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;

	for (; (n = record_length(data, size)) > 0; data += n, size -= n) {
		assert(n <= size);
		check(data, n);
	}
	return 0;
}
