/*
 * One provider's data channel as our client sees it (RFC 8783, RFC 8040): what is to be on record
 * there is made so by rounds of requests over one connection. A round finds the root, asks what
 * the server can filter, reads what is there, registers if we are nobody there yet, deletes what
 * is not ours any more, and writes
 * what is missing, another, or due to be renewed. Used by role/data_upstream.c only.
 */
#ifndef DOTSD_ROLE_DATA_CHANNEL_H
#define DOTSD_ROLE_DATA_CHANNEL_H

#include "base/loop.h"
#include "homing/share.h"
#include "net/credentials.h"
#include "net/link.h"

enum data_record_state { DATA_RECORD_PENDING, DATA_RECORD_PLACED, DATA_RECORD_REFUSED };
struct data_record {
	enum share_kind kind;
	json_t *entry;          /* that is to be there; own */
	size_t prefixes, names; /* that it tells; for the audit */
	char *consent;          /* that a name rests on; NULL */
	enum data_record_state state;
	char *why;    /* of REFUSED, by the server; NULL */
	bool beyond;  /* of REFUSED, because the server says that it cannot do it (RFC 8783 7.1) */
	json_t *seen; /* of PLACED, as the server showed it when it was written; NULL */
	bool due;     /* to be written in this round */
};

struct data_channel_setup {
	const struct homing *homing; /* borrowed until rebind or free, as all of it */
	uint32_t domain;
	struct credentials *credentials; /* NULL: unreadable at run time */
	const struct links *links;
	const char *(*cuid)(void *arg, uint32_t domain); /* of the signal channel (RFC 8783 5.1) */
	void *arg;
};

struct data_channel;
struct data_channel *data_channel_new(struct loop *l, const struct data_channel_setup *s);
void data_channel_free(struct data_channel *c); /* what is on record stays there */
/* A new snapshot, of which it leads to that domain: closes the connection. */
void data_channel_rebind(struct data_channel *c, const struct data_channel_setup *s);
/* It is that domain's, and to that server of it. */
bool data_channel_leads_to(const struct data_channel *c, const struct domain *d);
const char *data_channel_domain(const struct data_channel *c);
/* Takes the list, aliases first, ACLs in their order; state, why, seen are as they were of what is
 * the same as before. A round begins at once. */
void data_channel_wish(struct data_channel *c, struct data_record *list, size_t n);
/* What there is, in that order; borrowed. */
const struct data_record *data_channel_records(const struct data_channel *c, size_t *ret_n);
const char *data_channel_server(const struct data_channel *c);
/* Why the last round failed; "": it did not. */
const char *data_channel_reason(const struct data_channel *c);
/* A link has come up: what waits for one is tried at once, and, for routes may come later, soon
 * again. */
void data_channel_link_up(struct data_channel *c);

#endif
