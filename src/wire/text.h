/*
 * What texts of peers have to be, whichever encoding brought them.
 */
#ifndef DOTSD_WIRE_TEXT_H
#define DOTSD_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* RFC 3629. */
bool text_is_utf8(const char *s, size_t len);
/* inet:domain-name of RFC 6991, but for its length: labels of 1 to 63 letters, digits, "-" and "_"
 * that neither begin with "-" nor end with "-" or "_"; a last dot is fine, as is the root alone. */
bool text_is_domain_name(const char *s);

#endif
