/*
 * The connection to one provider's data channel (RFC 8783 3.1, RFC 8040 3.1), which all
 * registrations of ours there share: over the domain's own link, from the address that its signal
 * channel would have (rule M1). They take turns, each for one round of requests; while the server
 * cannot be reached they wait together, and the operator is told once. Used by the files of
 * data_channel.
 */
#ifndef DOTSD_ROLE_DATA_LINK_H
#define DOTSD_ROLE_DATA_LINK_H

#include <sys/queue.h>

#include "base/loop.h"
#include "homing/domain.h"
#include "net/credentials.h"
#include "net/link.h"
#include "net/web.h"
#include "role/data_capability.h"

struct data_link_setup {
	const struct homing *homing; /* borrowed until rebind or free, as all of it */
	uint32_t domain;
	struct credentials *credentials; /* NULL: unreadable at run time */
	const struct links *links;
	const char *via; /* what our requests say they came through (RFC 8783 3.4); NULL: nothing */
};

struct data_link;
struct data_link *data_link_new(struct loop *l, const struct data_link_setup *s);
void data_link_free(struct data_link *l); /* nobody waits any more; NULL is legal */
/* A new snapshot, of which it leads to that domain: closes the connection. Who had the turn has it
 * no more. */
void data_link_rebind(struct data_link *l, const struct data_link_setup *s);
/* It is that domain's, and to that server of it. */
bool data_link_leads_to(const struct data_link *l, const struct domain *d);
const struct domain *data_link_domain(const struct data_link *l);
const char *data_link_interface(const struct data_link *l); /* of the connection; NULL: any */
const char *data_link_via(const struct data_link *l);
/* Why it cannot be used; "": it can, as far as is known. */
const char *data_link_reason(const struct data_link *l);
/* One of the links of the system has come up: what waits for one is tried at once, and, for routes
 * may come later, soon again. */
void data_link_up(struct data_link *l);

/* Of each registration, zeroed but for `begin` and `arg`. */
struct data_turn {
	void (*begin)(void *arg);  /* from the loop: there is a connection, the root is known */
	void (*failed)(void *arg); /* likewise, or from data_link_fail: the server cannot be
				      reached, one waits; may be NULL */
	void *arg;
	bool waits;
	TAILQ_ENTRY(data_turn) entry;
};
void data_link_wait(struct data_link *l, struct data_turn *t); /* again is fine */
/* The round is over. */
void data_link_done(struct data_link *l, struct data_turn *t);
/* It failed, for a reason that is the server's or the connection's: it waits again. */
void data_link_fail(struct data_link *l, struct data_turn *t, const char *reason);
/* Neither waits nor has the turn any more; a request under way is not answered. */
void data_link_leave(struct data_link *l, struct data_turn *t);

/* Of who has the turn. */
const char *data_link_root(const struct data_link *l);
/* What the server has said that it can filter, while the connection lasts. */
struct data_capability *data_link_can(struct data_link *l);
void data_link_ask(struct data_link *l, const struct web_request *r,
	void (*done)(void *arg, const struct web_answer *a), void *arg);

#endif
