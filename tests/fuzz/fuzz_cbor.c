/* Bodies of the signal channel: what decodes encodes, and decodes to the same bytes again. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/signal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct signal_msg m;
	struct schema_error err;
	struct buf once, twice, json;

	buf_init(&once, 1 << 20);
	buf_init(&twice, 1 << 20);
	buf_init(&json, 1 << 20);
	if (signal_decode(a, data, size, &m, &err) == 0 && signal_encode(&m, &once) == 0) {
		schema_encode_json(&signal_schema, &m, &json);
		assert(signal_decode(a, once.bytes, once.len, &m, &err) == 0);
		assert(signal_encode(&m, &twice) == 0);
		assert(once.len == twice.len && !memcmp(once.bytes, twice.bytes, once.len));
	}
	buf_finish(&once);
	buf_finish(&twice);
	buf_finish(&json);
	arena_free(a);
	return 0;
}
