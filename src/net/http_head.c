/*
 * See http_head.h.
 */
#include "net/http_head.h"

#include <string.h>

static bool
is_token_octet(uint8_t octet)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	uint8_t letter = octet | 0x20;

	return (letter >= 'a' && letter <= 'z') || (octet >= '0' && octet <= '9') ||
	       (octet && strchr(others, octet));
}

bool
http_is_token(const char *text)
{
	const char *p = text;

	while (is_token_octet((uint8_t)*p))
		p++;
	return p > text && !*p;
}

/* Empty lines before the request line do not count (RFC 9112 2.2). */
static enum http_head_verdict
end_line(struct http_head *h)
{
	bool empty = h->line == 0;

	h->line = 0;
	h->cr = false;
	if (h->part == HTTP_LINE_REQUEST) {
		h->part = empty ? HTTP_LINE_REQUEST : HTTP_LINE_NAME;
		return HTTP_HEAD_MORE;
	}
	if (h->part == HTTP_LINE_NAME)
		return empty ? HTTP_HEAD_COMPLETE : HTTP_HEAD_BAD;
	h->part = HTTP_LINE_NAME;
	return HTTP_HEAD_MORE;
}

static enum http_head_verdict
take(struct http_head *h, uint8_t *at)
{
	const uint8_t octet = *at;

	if (octet == '\n')
		return end_line(h);
	if (h->cr)
		return HTTP_HEAD_BAD;
	if (octet == '\r') {
		h->cr = true;
		return HTTP_HEAD_MORE;
	}
	if ((octet < ' ' && octet != '\t') || octet == 0x7f)
		return HTTP_HEAD_BAD;
	if (h->part == HTTP_LINE_REQUEST && h->line == 0 && !is_token_octet(octet))
		return HTTP_HEAD_BAD;
	if (h->part == HTTP_LINE_NAME && octet == ':' && h->line > 0)
		h->part = HTTP_LINE_VALUE;
	else if (h->part == HTTP_LINE_NAME && !is_token_octet(octet))
		return HTTP_HEAD_BAD; /* that of a folded line is a space */
	if (h->part == HTTP_LINE_REQUEST && octet == '?')
		*at = HTTP_QUERY_MARK;
	h->line++;
	return HTTP_HEAD_MORE;
}

enum http_head_verdict
http_head_scan(struct http_head *h, uint8_t *bytes, size_t len, size_t max, size_t *ret_used)
{
	enum http_head_verdict v = HTTP_HEAD_MORE;
	size_t i = 0;

	while (i < len && v == HTTP_HEAD_MORE)
		v = h->n++ < max ? take(h, &bytes[i++]) : HTTP_HEAD_LONG;
	*ret_used = i;
	return v;
}
