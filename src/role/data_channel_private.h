/*
 * The inside of data_channel, for its files only: data_channel.c (life, and what is to be there),
 * data_round.c (the steps of a round: what follows from which answer, and how it ends),
 * data_request.c (what is sent), data_look.c (what is there, compared with what is to be).
 */
#ifndef DOTSD_ROLE_DATA_CHANNEL_PRIVATE_H
#define DOTSD_ROLE_DATA_CHANNEL_PRIVATE_H

#include "base/map.h"
#include "net/web.h"
#include "role/data_channel.h"

enum { REASON_MAX = 300 };

struct doomed {
	enum share_kind kind;
	char *name;
};

enum phase { IDLE, RETIRE, ABLE, READ, REGISTER, DELETE, WRITE, CONFIRM };

struct data_channel {
	struct loop *loop;
	struct data_channel_setup setup;
	char *holder;
	const struct domain *domain;
	struct data_turn turn;
	char *placed, *placed_cdid; /* of the registration that stands there; NULL: none */
	struct timer *timer;        /* of the next round */
	struct data_record *records;
	size_t n_records, n_aliases; /* aliases first */
	struct map *index[2];        /* of them, by kind and name */
	struct data_record *next;    /* the list that takes the place of this one */
	size_t n_next;
	bool behind; /* there is such a list */
	enum phase phase;
	char *cuid;      /* of this round */
	size_t at;       /* how many records this round has looked at */
	bool renewing;   /* all is written in this round, … */
	mono_ms renew;   /* … which is due then; INT64_MAX: nothing is on record */
	bool reordering; /* the ACLs get their order anew */
	bool changed;    /* this round has written or deleted something */
	bool again;      /* it has registered because an edit was denied */
	bool told;       /* that it is in step */
	bool looked;     /* it is known what is there */
	int64_t least;   /* of all pending-lifetimes that were read, minutes; INT64_MAX: none */
	struct doomed *doomed; /* the last one is the next that is deleted */
	size_t n_doomed;
	unsigned failures; /* in a row */
	char reason[REASON_MAX];
};

/* data_channel.c */
const char *data_channel_behalf(const struct data_channel *c); /* for events; NULL: ours */
const char *data_channel_name_of(const struct data_record *r); /* there */
/* As data_channel_find(). */
struct data_record *data_channel_record(
	const struct data_channel *c, enum share_kind kind, const char *name);
/* Takes the list in place of the one that there is. */
void data_channel_adopt(struct data_channel *c, struct data_record *list, size_t n);

/* data_round.c */
void data_round_begin(void *arg);       /* it is this one's turn */
void data_round_link_failed(void *arg); /* likewise of data_turn */
void data_round_due(void *arg);         /* timer */
void data_round_answer(void *arg, const struct web_answer *a);
/* The server or the connection is to blame: all that share the link wait. */
void data_round_fail(struct data_channel *c, const char *reason);
void data_round_end(struct data_channel *c); /* or cut off; nothing is told */

/* data_request.c */
/* came: the Via that what is asked for came with; NULL. */
void data_request_send(struct data_channel *c, enum phase phase, const char *method,
	const char *path, const json_t *body, const char *came);
/* depth 1: all clients; 2: us; 4: that entry. The caller's. */
char *data_request_path(const struct data_channel *c, unsigned depth, enum share_kind kind,
	const char *name, const char *query);
void data_request_capabilities(struct data_channel *c);
void data_request_read(struct data_channel *c, enum phase phase);
void data_request_enlist(struct data_channel *c);
void data_request_write(struct data_channel *c, struct data_record *r);

/* data_look.c */
/* a: NULL: there is nothing. False: the answer cannot be understood, and the round has failed. */
bool data_look_at(struct data_channel *c, const struct web_answer *a, bool confirming);
void data_look_forget(struct data_channel *c); /* what is doomed */
bool data_look_is_wanted(const struct data_record *r);
/* What it is made by signal; 0: nothing, or it is an alias. */
enum activation_type data_look_controlled(
	const struct data_channel *c, const struct data_record *r);
/* A new reference: the entry, with the activation-type that it is to have. */
json_t *data_look_with_type(json_t *entry, enum activation_type type);

#endif
