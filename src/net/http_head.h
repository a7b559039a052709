/*
 * Where the head of a request ends (RFC 9112 2.2, 5), and whether it is one that everybody reads
 * alike. Pure.
 */
#ifndef DOTSD_NET_HTTP_HEAD_H
#define DOTSD_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: before its first octet. */
struct http_head {
	size_t n;    /* octets so far */
	size_t line; /* octets of the line under way */
	bool begun;  /* the request line has; empty lines before it do not count (RFC 9112 2.2) */
	bool cr;     /* the last octet was CR */
};

enum http_head_verdict {
	HTTP_HEAD_MORE,
	HTTP_HEAD_COMPLETE,
	HTTP_HEAD_BAD, /* a NUL, another control character, a CR alone, or a folded line (RFC 9112
			  2.2, 5.2; RFC 9110 5.5) */
	HTTP_HEAD_LONG,
};
/* Looks at more of it; *ret_used: how much belongs to it. max: of all its octets. */
enum http_head_verdict http_head_scan(
	struct http_head *h, const uint8_t *bytes, size_t len, size_t max, size_t *ret_used);

#endif
