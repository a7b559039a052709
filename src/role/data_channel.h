/*
 * One registration of ours at one provider's data channel (RFC 8783, RFC 8040): what is to be on
 * record there is made so by rounds of requests over the connection that all of them share
 * (role/data_link.h). A round asks what the server can filter, reads what is there, registers if we
 * are nobody there yet, deletes what is not ours any more, and writes what is missing, another, or
 * due to be renewed. What stands under a cuid that is not ours any more is deleted first (RFC
 * 9132 4.4.1.1). Used by the files of data_upstream only.
 */
#ifndef DOTSD_ROLE_DATA_CHANNEL_H
#define DOTSD_ROLE_DATA_CHANNEL_H

#include "base/loop.h"
#include "homing/share.h"
#include "role/data_link.h"
#include "wire/restconf.h"
#include "wire/signal.h"

enum data_record_state { DATA_RECORD_PENDING, DATA_RECORD_PLACED, DATA_RECORD_REFUSED };
struct data_record {
	enum share_kind kind;
	char *asker, *own;      /* whose it is, "" for ours, and its name there; of data_upstream */
	json_t *entry;          /* that is to be there; own */
	size_t prefixes, names; /* that it tells; for the audit */
	char *consent;          /* that a name rests on; NULL */
	enum data_record_state state;
	char *via;                  /* that it came with (RFC 8783 3.4); NULL */
	char *why;                  /* of REFUSED; NULL */
	bool beyond;                /* of REFUSED: the server says that it cannot do it (7.1) */
	unsigned code;              /* of REFUSED: of HTTP */
	char tag[RESTCONF_TAG_MAX]; /* likewise: error-tag, or "" */
	json_t *seen; /* of PLACED, as the server showed it when it was written; NULL */
	bool there;   /* the server has one of that name, whatever is in it */
	bool due;     /* to be written in this round */
};

struct data_channel_setup {
	struct data_link *link; /* borrowed until rebind or free, as all of it */
	uint32_t domain;
	/* Our cuid there, that of the signal channel (RFC 8783 5.1); NULL: nobody has one any more.
	 */
	const char *(*cuid)(void *arg, const char *holder, uint32_t domain);
	/* What a registration says of whom it is for (RFC 8783 5.1); "": nothing. */
	const char *(*cdid)(void *arg, const char *holder);
	/* That cuid is somebody else's there. True: we have another one now. */
	bool (*collided)(void *arg, const char *holder, uint32_t domain);
	/* There is a registration under that cuid there; NULL: none any more. */
	void (*stands)(
		void *arg, const char *holder, uint32_t domain, const char *cuid, const char *cdid);
	/* The state of some record, or what is known of the server, has changed. */
	void (*changed)(void *arg);
	/* What an ACL there is made by signal (RFC 9133): that counts, whatever its entry says; 0:
	 * nothing is said of it. */
	enum activation_type (*controlled)(
		void *arg, const char *holder, uint32_t domain, const char *acl);
	/* A round has written something. */
	void (*recorded)(void *arg, uint32_t domain);
	void *arg;
};

struct data_channel;
/* holder: for whom, "" for us; cuid, cdid: of the registration that stands there as far as is
 * known, NULL: none. */
struct data_channel *data_channel_new(struct loop *l, const char *holder, const char *cuid,
	const char *cdid, const struct data_channel_setup *s);
void data_channel_free(struct data_channel *c); /* what is on record stays there */
/* A new snapshot, with the same link or one that leads to the same server. */
void data_channel_rebind(struct data_channel *c, const struct data_channel_setup *s);
const char *data_channel_domain(const struct data_channel *c);
/* Of somebody who is not us: nothing is there any more, and nothing is to be. */
bool data_channel_is_over(const struct data_channel *c);
/* The cuid is another one now: a round begins at once. */
void data_channel_look(struct data_channel *c);
/* Takes the list, aliases first, ACLs in their order; state, why, seen are as they were of what is
 * the same as before, there of what has its name. A round begins at once. */
void data_channel_wish(struct data_channel *c, struct data_record *list, size_t n);
/* What there is, in that order; borrowed. */
const struct data_record *data_channel_records(const struct data_channel *c, size_t *ret_n);
/* The one of that name there; NULL: none. */
const struct data_record *data_channel_find(
	const struct data_channel *c, enum share_kind kind, const char *name);
/* It has another list, which counts when the round under way is over. */
bool data_channel_is_behind(const struct data_channel *c);
const char *data_channel_server(const struct data_channel *c);
/* Why the last round failed, or the server cannot be reached; "": neither. */
const char *data_channel_reason(const struct data_channel *c);
/* It is known what is there: some round has read it. */
bool data_channel_has_looked(const struct data_channel *c);

#endif
