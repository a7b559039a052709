/*
 * Shared by restconf_path.c and restconf_query.c only.
 */
#ifndef DOTSD_WIRE_RESTCONF_TEXT_H
#define DOTSD_WIRE_RESTCONF_TEXT_H

#include "wire/restconf.h"

/* Percent-decoded, in the arena. NULL with *ret_why: broken encoding, NUL, no UTF-8. */
const char *restconf_decode(struct arena *a, const char *raw, size_t len, const char **ret_why);
/* Appends "/name=key,key/…" to ret; "" appends nothing. */
bool restconf_segments(
	struct arena *a, const char *raw, struct restconf_path *ret, struct restconf_error *err);
/* What follows a prefix; NULL: another text. What does not begin with "/" then is no path. */
const char *restconf_below(const char *text, const char *prefix);

#endif
