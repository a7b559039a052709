/*
 * Messages to the privileged helper: what it takes comes back the same.
 *
 * Covers: mitigator/filter_proto.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "mitigator/filter_proto.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct filter_msg m;
	struct buf out;

	buf_init(&out, 1 << 20);
	if (!filter_proto_decode(a, data, size, &m)) {
		filter_proto_encode(&m, &out);
		assert(out.failed || (out.len == size && !memcmp(out.bytes, data, size)));
	}
	buf_finish(&out);
	arena_free(a);
	return 0;
}
