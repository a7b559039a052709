/*
 * Streams: as for datagrams, and what is asked for when a message is not complete is neither too
 * little nor too much.
 *
 * Covers: wire/coap.c
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "wire/coap.h"

/* The message of `size` bytes is found when its last byte is there, and not before. */
static void
check_prefixes(const uint8_t *data, size_t size)
{
	struct coap_msg m;
	const char *why;
	size_t asked;

	for (size_t len = 0; len < size; len += 1 + len / 8) {
		assert(coap_stream_decode(data, len, &m, &asked, &why) == -EAGAIN);
		assert(asked > len && asked <= size);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[COAP_STREAM_MAX];
	struct coap_msg m;
	const char *why = NULL;
	size_t used;
	int r;

	while ((r = coap_stream_decode(data, size, &m, &used, &why)) == 0) {
		assert(used >= 2 && used <= size && used <= sizeof(bytes));
		coap_bad_option(&m);
		assert(coap_stream_encode(&m, bytes, sizeof(bytes)) == (int)used);
		assert(!memcmp(bytes, data, used));
		check_prefixes(data, used);
		data += used;
		size -= used;
	}
	assert(r == -EMSGSIZE || (r == -EBADMSG && why) ||
		(r == -EAGAIN && used > size && used <= COAP_STREAM_MAX));
	return 0;
}
