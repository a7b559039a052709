/* JSON of the signal channel (the store's and the tools' side of the schema engine). */
#include <assert.h>

#include "fuzz.h"
#include "wire/signal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct signal_msg m;
	struct schema_error err;
	struct buf out;

	buf_init(&out, 1 << 20);
	if (schema_decode_json(&signal_schema, a, (const char *)data, size, &m, &err) == 0 &&
		schema_encode_json(&signal_schema, &m, &out) == 0)
		assert(schema_decode_json(&signal_schema, a, buf_text(&out), out.len, &m, &err) == 0);
	buf_finish(&out);
	arena_free(a);
	return 0;
}
