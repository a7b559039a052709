/*
 * See http_head.h.
 */
#include "net/http_head.h"

static enum http_head_verdict
end_line(struct http_head *h)
{
	bool empty = h->line == 0;

	h->line = 0;
	h->cr = false;
	return empty && h->begun ? HTTP_HEAD_COMPLETE : HTTP_HEAD_MORE;
}

static enum http_head_verdict
take(struct http_head *h, uint8_t octet)
{
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
	/* Folded lines were abandoned because not everybody reads them alike (RFC 9112 5.2). */
	if (h->line == 0 && (octet == ' ' || octet == '\t'))
		return HTTP_HEAD_BAD;
	h->line++;
	h->begun = true;
	return HTTP_HEAD_MORE;
}

enum http_head_verdict
http_head_scan(struct http_head *h, const uint8_t *bytes, size_t len, size_t max, size_t *ret_used)
{
	enum http_head_verdict v = HTTP_HEAD_MORE;
	size_t i = 0;

	while (i < len && v == HTTP_HEAD_MORE)
		v = h->n++ < max ? take(h, bytes[i++]) : HTTP_HEAD_LONG;
	*ret_used = i;
	return v;
}
