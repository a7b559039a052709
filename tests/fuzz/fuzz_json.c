/*
 * JSON of the signal channel (the store's and the tools' side of the schema engine): what decodes
 * is printed, and comes back from JSON and from CBOR as the same text.
 *
 * Covers: wire/schema_json.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/signal.h"

enum { ROOM = 1 << 20 };

static void
expect_same(const struct signal_msg *m, struct buf *once)
{
	struct buf again;

	buf_init(&again, ROOM);
	assert(schema_encode_json(&signal_schema, m, &again) == 0);
	assert(!strcmp(buf_text(&again), buf_text(once)));
	buf_finish(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct signal_msg m, back;
	struct schema_error err;
	struct buf once, cbor;

	buf_init(&once, ROOM);
	buf_init(&cbor, ROOM);
	if (schema_decode_json(&signal_schema, a, (const char *)data, size, &m, &err) != 0)
		assert(err.why[0]);
	else if (schema_encode_json(&signal_schema, &m, &once) == 0 &&
		 signal_encode(&m, &cbor) == 0) {
		assert(schema_decode_json(
			       &signal_schema, a, buf_text(&once), once.len, &back, &err) == 0);
		expect_same(&back, &once);
		assert(signal_decode(a, cbor.bytes, cbor.len, &back, &err) == 0);
		expect_same(&back, &once);
	}
	buf_finish(&once);
	buf_finish(&cbor);
	arena_free(a);
	return 0;
}
