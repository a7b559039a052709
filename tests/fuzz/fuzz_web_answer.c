/*
 * The head of an answer over HTTPS, line by line: what is kept of it is bounded and readable as
 * text, and its length is said once at most.
 *
 * Covers: net/web_answer.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "net/http_head.h"
#include "net/web_private.h"

static void
check(const struct web_head *h)
{
	assert(h->n_fields <= WEB_FIELDS_MAX && h->seen <= WEB_HEAD_MAX);
	assert(!(h->sized && h->chunked) && !(h->interim && h->whole));
	for (size_t i = 0; i < h->n_fields; i++) {
		assert(http_is_token(h->fields[i].name));
		assert(!strpbrk(h->fields[i].value, "\r\n"));
		assert(web_head_find(h, h->fields[i].name));
	}
}

/* False: it is not taken. */
static bool
feed(struct web_head *h, const char *line, size_t len)
{
	bool taken = !web_head_line(h, line, len);

	if (!taken)
		return false;
	assert(h->whole || !memchr(line, 0, len));
	check(h);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct web_head h = {0};

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t len = lf ? (size_t)(lf - at) + 1 : (size_t)(end - at);

		if (!feed(&h, at, len))
			break;
		at += len;
	}
	web_head_forget(&h);
	return 0;
}
