/*
 * Uri-Path of the signal channel (RFC 9132 sections 4.2, 4.4, 4.5, 4.7): options to struct and
 * back, in the order that the RFC demands.
 */
#ifndef DOTSD_WIRE_PATH_H
#define DOTSD_WIRE_PATH_H

#include "wire/coap.h"

enum path_resource { PATH_NONE, PATH_MITIGATE, PATH_CONFIG, PATH_HB };
enum { PATH_ID_MAX = 64 }; /* longest cuid or cdid accepted, without NUL */

struct path {
	enum path_resource resource;
	bool has_mid, has_sid;
	char cdid[PATH_ID_MAX + 1]; /* "" = absent */
	char cuid[PATH_ID_MAX + 1];
	uint32_t mid, sid;
	char content; /* Uri-Query c=: 'a' (default, also for anything unknown), 'c', 'n' */
};

/* 0; -ENOENT: not a DOTS resource (4.04); -EBADMSG: a rule is broken (4.00), *ret_why a fixed text
 * that starts with the RFC tag and names the parameter. Whether cuid or mid have to be there
 * depends on the method and is the caller's to check. */
int path_parse(const struct coap_msg *m, struct path *ret, const char **ret_why);
/* Whether a text may be a cuid or a cdid, on the data channel, too (RFC 8783 5.1): 1 to PATH_ID_MAX
 * printable characters of ASCII, neither spaces nor "/". */
bool path_is_identifier(const char *text, size_t len);
/* Adds Uri-Path (and Uri-Query if content is 'c' or 'n') options; text values live in storage. */
void path_add(struct coap_msg *m, const struct path *p, char storage[static 4 * (PATH_ID_MAX + 8)]);

#endif
