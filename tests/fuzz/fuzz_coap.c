/*
 * Datagrams: the format leaves no choice (RFC 7252 3), so what decodes encodes to the same bytes.
 *
 * Covers: wire/coap.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/coap.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coap_msg m;
	uint8_t bytes[COAP_MESSAGE_MAX];
	const char *why = NULL;
	uint32_t value;
	int n;

	if (coap_decode(data, size, &m, &why) != 0) {
		assert(why);
		return 0;
	}
	coap_bad_option(&m);
	for (unsigned i = 0; i < m.n_options; i++) {
		coap_get_uint(&m, m.options[i].number, &value);
		assert(!i || m.options[i].number >= m.options[i - 1].number);
	}
	n = coap_encode(&m, bytes, sizeof(bytes));
	if (size > sizeof(bytes))
		return 0; /* larger than we would ever send */
	assert(n == (int)size && !memcmp(bytes, data, size));
	return 0;
}
