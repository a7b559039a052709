/*
 * Where the head of a request ends (RFC 9112 2.2, 5), and whether its lines are such that everybody
 * reads them alike: what they say is for others. Pure.
 */
#ifndef DOTSD_NET_HTTP_HEAD_H
#define DOTSD_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: before its first octet. */
struct http_head {
	size_t n; /* octets so far */
	enum {
		HTTP_LINE_REQUEST,
		HTTP_LINE_NAME, /* of a field */
		HTTP_LINE_VALUE,
	} part;      /* of the line under way */
	size_t line; /* octets of that line */
	bool cr;     /* the last octet was CR */
};

enum http_head_verdict {
	HTTP_HEAD_MORE,
	HTTP_HEAD_COMPLETE,
	/* A NUL or another control character, a CR alone, a folded line, a field whose name is
	 * missing or no token (RFC 9112 2.2, 5.1, 5.2; RFC 9110 5.5). */
	HTTP_HEAD_BAD,
	HTTP_HEAD_LONG,
};
/* Looks at more of it; *ret_used: how much belongs to it. max: of all its octets. Question marks of
 * the request line become HTTP_QUERY_MARK, which no request has: who does not know it takes no
 * query apart. */
enum { HTTP_QUERY_MARK = 1 };
enum http_head_verdict http_head_scan(
	struct http_head *h, uint8_t *bytes, size_t len, size_t max, size_t *ret_used);
/* RFC 9110 5.6.2 */
bool http_is_token(const char *text);

#endif
