/*
 * Heads of requests: the same verdict however they are cut, the end after an empty line, and
 * nothing in what is let through that two readers may read in two ways. The first two bytes are the
 * limit, the third one the length of the pieces.
 *
 * Covers: net/http_head.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "net/http_head.h"

enum { MAX = 4096 };

static enum http_head_verdict
scan(uint8_t *bytes, size_t len, size_t piece, size_t max, size_t *ret_used)
{
	enum http_head_verdict v = HTTP_HEAD_MORE;
	struct http_head h = {0};

	*ret_used = 0;
	while (*ret_used < len && v == HTTP_HEAD_MORE) {
		size_t n = len - *ret_used < piece ? len - *ret_used : piece, used;

		v = http_head_scan(&h, bytes + *ret_used, n, max, &used);
		assert(used <= n && (used == n || v != HTTP_HEAD_MORE));
		*ret_used += used;
	}
	return v;
}

/* Lines of a complete head: the request line, fields with names, an empty line. */
static void
check_lines(const uint8_t *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = bytes + len;
	bool begun = false, ended = false;

	while (at < end) {
		const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n;

		assert(lf && !ended);
		n = (size_t)(lf - at);
		if (n && at[n - 1] == '\r')
			n--;
		assert(!memchr(at, '\r', n) && !memchr(at, 0, n) && !memchr(at, '\033', n));
		if (begun && n) {
			const uint8_t *colon = memchr(at, ':', n);

			assert(colon && colon > at);
			assert(!memchr(at, ' ', (size_t)(colon - at)));
			assert(!memchr(at, '\t', (size_t)(colon - at)));
		}
		ended = begun && n == 0;
		begun = begun || n;
		at = lf + 1;
	}
	assert(ended);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whole[MAX], cut[MAX];
	size_t used, used_cut, max;
	enum http_head_verdict v;

	if (size < 3 || size - 3 > MAX)
		return 0;
	max = (size_t)data[0] << 8 | data[1];
	memcpy(whole, data + 3, size - 3);
	memcpy(cut, data + 3, size - 3);
	v = scan(whole, size - 3, MAX, max, &used);
	assert(scan(cut, size - 3, data[2] ? data[2] : 1, max, &used_cut) == v);
	assert(used == used_cut && used <= max && memcmp(whole, cut, size - 3) == 0);
	if (v == HTTP_HEAD_COMPLETE)
		check_lines(whole, used);
	return 0;
}
