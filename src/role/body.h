/*
 * The body of a mitigation request as it leaves for one server: what the gate lets through
 * (homing/disclosure.h), and a record of it. Nothing else of ours than cuid and mid leaves
 * otherwise.
 */
#ifndef DOTSD_ROLE_BODY_H
#define DOTSD_ROLE_BODY_H

#include "homing/wish.h"

/* Of a WISH_ACTION_PUT. behalf: for the record, or NULL. *ret is to be freed; NULL: it is too
 * large. False: nothing of it may go there, and there is an alert. */
bool body_make(const struct homing *h, const char *behalf, const struct wish_action *a,
	uint8_t **ret, size_t *ret_len);

#endif
