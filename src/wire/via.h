/*
 * The Via field of HTTP (RFC 9110 7.6.3), by which gateways of the data channel find loops (RFC
 * 8783 3.4).
 */
#ifndef DOTSD_WIRE_VIA_H
#define DOTSD_WIRE_VIA_H

#include <stdbool.h>
#include <stddef.h>

/* What may have come with a request, and what goes on with it. */
enum { VIA_MAX = 1024 };

/* One of these names stands in it as who has received the message: whatever its port and the case
 * of its letters, an address in whatever form. Comments do not count. */
bool via_has(const char *field, const char *const *own, size_t n);
/* Printable ASCII of at most VIA_MAX octets. */
bool via_is_sound(const char *field);
/* Another one at its end, as HTTP/1.1; before NULL: the only one. mem_* allocated. */
char *via_append(const char *before, const char *by);

#endif
