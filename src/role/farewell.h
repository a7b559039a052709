/*
 * The last words to a server that a new configuration has no more, or reaches otherwise (rule M17):
 * what is to be withdrawn there is, with the credentials and over the access of before; then the
 * session is closed. Used by role/client.c only.
 */
#ifndef DOTSD_ROLE_FAREWELL_H
#define DOTSD_ROLE_FAREWELL_H

#include "role/upstream.h"

struct farewell;

/* Takes u over from its owner, with what is left of its requests and subscriptions dropped. h: the
 * snapshot of u, referenced. `over`: everything has been answered or given up; from the loop,
 * farewell_free is due. */
struct farewell *farewell_new(struct loop *l, struct upstream *u, const struct homing *h,
	void (*over)(void *arg, struct farewell *f), void *arg);
void farewell_free(struct farewell *f);
/* Sends the DELETE and repeats it until it is answered, at most for a minute and not beyond
 * `expires`, when nothing is left there to be withdrawn. */
void farewell_withdraw(struct farewell *f, const char *cuid, uint32_t mid, mono_ms expires);
void farewell_link_changed(struct farewell *f, const char *interface);

#endif
