/* Datagrams: what decodes has to encode to the same meaning. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/coap.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coap_msg m, again;
	uint8_t bytes[COAP_MESSAGE_MAX];
	const char *why;
	int n;

	if (coap_decode(data, size, &m, &why) != 0)
		return 0;
	coap_bad_option(&m);
	n = coap_encode(&m, bytes, sizeof(bytes));
	if (n < 0)
		return 0; /* larger than we would ever send */
	assert(coap_decode(bytes, (size_t)n, &again, &why) == 0);
	assert(again.n_options == m.n_options && again.payload_len == m.payload_len);
	return 0;
}
