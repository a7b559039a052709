/*
 * What a client keeps of a session to resume it later (RFC 5077, RFC 8446 section 2.2): a ticket
 * and its secrets.
 */
#ifndef DOTSD_NET_RESUMPTION_H
#define DOTSD_NET_RESUMPTION_H

struct resumption;
void resumption_free(struct resumption *r); /* NULL is legal */

#endif
