/*
 * Placements: one request of ours at one server, and its exchange with that server. Used by wish.c,
 * seek.c, replan.c, wish_store.c and placement.c only.
 */
#ifndef DOTSD_HOMING_PLACEMENT_H
#define DOTSD_HOMING_PLACEMENT_H

#include <sys/queue.h>

#include "base/heap.h"
#include "base/map.h"
#include "homing/overlap.h"
#include "homing/retry.h"
#include "homing/wish.h"

enum placement_state {
	PLACEMENT_WANTED,  /* to be accepted by the server */
	PLACEMENT_PLACED,  /* accepted */
	PLACEMENT_REFUSED, /* 4.xx, or 5.03 until retry */
	PLACEMENT_ENDED,   /* ended by the server, or expired there */
	PLACEMENT_GOING,   /* to be withdrawn */
};
enum placement_exchange {
	EXCHANGE_NONE,
	EXCHANGE_QUEUED, /* to be sent as soon as the server has an association */
	EXCHANGE_OPEN,   /* sent, not answered */
};

/* In their arena; NULL: none. */
struct controls {
	struct arena *arena;
	struct controlled *list;
	size_t n;
};

struct placement {
	char *domain, *server_name; /* its name, the server's id: identity over reloads */
	uint32_t server;            /* ordinal in the present snapshot */
	uint32_t mid;
	struct arena *arena; /* holds target and names */
	struct target target;
	struct name *names; /* told with it, as they were when it was made */
	size_t n_names;
	bool trigger_mitigation;
	enum placement_state state;
	enum placement_exchange exchange;
	bool sent;        /* a datagram may have left */
	bool standby;     /* another server or attachment of the domain carries it (M6, M14) */
	bool superseded;  /* a newer mid of ours replaces it once that is accepted */
	bool retried_mid; /* it is the second attempt after a mid conflict */
	bool silent;      /* 3 s without an answer */
	bool told;        /* that it waits for a server that does not answer */
	char **asks;      /* ids of the wishes it stands for, ascending */
	size_t n_asks;
	uint8_t code;
	char why[WISH_WHY_MAX];
	int64_t lifetime;  /* asked for */
	uint8_t hop_limit; /* last sent; 0: none, or not since we are up */
	unsigned
		accepted_limit; /* it was accepted with; without one: 256; 0: not since we are up */
	int64_t granted;        /* by the last acceptance; 0 unknown */
	struct conflict conflict;
	mono_ms hold;    /* not asked for before: a conflict has deactivated it; 0: none */
	mono_ms expires; /* at the server; INT64_MAX never, 0 unknown */
	mono_ms due; /* of QUEUED: not before; of OPEN: next repeat; else next refresh (INT64_MAX
			none) */
	mono_ms answered;    /* when it was last accepted; 0 never */
	mono_ms parallel_at; /* not before */
	unsigned repeats;
	uint64_t attack_status; /* to be told with the next refresh (4.4.3); 0: none */
	uint64_t status, bytes_dropped, pkts_dropped, bps_dropped, pps_dropped;
	bool counted; /* those were told since we are up */
	/* filters (control.c) */
	struct controls controls;
	enum control_state control;
	struct acl_entry *acls;  /* of controls, as they are sent while they are ASKED */
	mono_ms control_at;      /* of LATER */
	uint8_t control_code;    /* of LATER and REFUSED */
	const char *control_why; /* likewise; in the arena of controls, else NULL */
	bool doubted;            /* its server may have lost it: it is told again */
	bool said;               /* a PUT of this mid had them */
	bool sequel;             /* made to tell of filters, or to tell of them no more: … */
	uint32_t follows;        /* … it takes the place of that mid */
	struct controls changed; /* the server told */
	LIST_ENTRY(placement) controlling; /* while it has controls */
	/* where it is filed; placement_file only */
	struct heap_node deadline; /* in wishes.due */
	struct overlap *index;     /* live or replaced of wishes, or NULL */
	size_t place;              /* in wishes.placements */
	uint64_t seen;             /* by the planning of that number … */
	size_t planned;            /* … as its live request of this number */
};

struct wish {
	char *id, *asker;
	struct arena *arena;
	struct target literal; /* but for names */
	struct target target;  /* with what names stand for */
	struct arena *names_arena;
	struct name *names;
	size_t n_names;
	bool led; /* the asker tells what names stand for */
	bool trigger_mitigation, releasing;
	uint8_t hop_limit; /* 0: none */
	struct acl_entry *acls;
	size_t n_acls;
	struct arena *acls_arena;
	wall_ms controlled; /* when they were last asked for */
	int64_t lifetime;
	wall_ms asked, until;
	struct heap_node ends; /* in wishes.ends; INT64_MAX: open */
	struct wish_part *parts;
	size_t n_parts;
	struct arena *parts_arena;
	struct placement **held; /* that serve it */
	size_t n_held, cap_held;
	size_t place;  /* in wishes.list */
	uint64_t seen; /* by the planning of that number */
};

struct identity {
	char *cuid;
	uint32_t next_mid, reserved; /* mids below `reserved` may be used without writing */
	wall_ms renamed;             /* when the cuid was last replaced; 0: it was not */
	bool recreates; /* mids have begun anew; what waited there is asked for again when all of it
			   is withdrawn */
};
/* Of 2^32 - 1 mids three quarters (RFC 9132 4.4.1.1). */
#define MIDS_WORN 3221225471U

struct queued_action {
	struct queued_action *next;
	struct wish_action action;
};

enum store_kind { STORE_IDENTITY, STORE_WISH, STORE_PLACEMENT, STORE_KINDS };

LIST_HEAD(controlling_list, placement);

struct wishes {
	const struct homing *homing;
	struct persist *persist;
	char *kinds[STORE_KINDS];
	struct map *by_id;   /* wish id -> struct wish */
	struct map *askers;  /* asker up to "/" -> number of its wishes */
	struct map *seekers; /* host of a name -> struct seekers */
	size_t max;
	struct wish **list;
	size_t n, cap;
	struct placement **placements;
	size_t n_placements, cap_placements;
	struct map *by_mid;           /* server and mid -> struct placement */
	struct overlap *asked;        /* wishes by their targets, wherever those go (as server 0) */
	struct overlap *live;         /* placements that can carry a wish, by what they cover */
	struct overlap *replaced;     /* superseded ones likewise */
	struct heap due, ends;        /* of placements, of wishes */
	struct retries *retries;      /* what servers will not hear of for a while */
	enum availability *available; /* by ordinal */
	bool *unable;                 /* likewise: it does not know filter control */
	struct wish_records records;
	struct controlling_list controlling;
	struct map *identities; /* domain name -> struct identity */
	bool worn;              /* rollover_look has something to look at */
	bool acting;            /* some of what is due now has been handed out */
	struct away *away;      /* placements of domains that have no server now */
	size_t n_away, cap_away;
	struct queued_action *first, **last;
	uint64_t last_number;
	uint64_t plannings; /* so far */
};

/* The record of a placement. */
struct away {
	char *key, *value;
};

/* Wishes for names of one host. */
struct seekers {
	struct wish **list;
	size_t n, cap;
};

/* placement.c */
struct placement *placement_new(struct wishes *w, uint32_t server, uint32_t mid,
	const struct target *t, bool trigger, int64_t lifetime);
void placement_free(struct placement *p);
void placement_tell(struct placement *p, const struct name *names, size_t n); /* copied */
/* After any change of server, state, exchange, due, expires, standby or superseded: it is found
 * where it belongs, and comes up when it is due. */
void placement_file(struct wishes *w, struct placement *p);
/* Out of every index but wishes.placements. */
void placement_unfile(struct wishes *w, struct placement *p);
/* Ordinal of the server of that id in a snapshot; UINT32_MAX: it is not there. */
uint32_t placement_server(const struct homing *h, const char *domain, const char *server);
void placement_drop(struct wishes *w, struct placement *p); /* also from the store */
/* Its domain has no server now: only its record stays, until store_bring_back. */
void placement_put_away(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall);
struct placement *placement_find(const struct wishes *w, uint32_t server, uint32_t mid);
/* The new number for one that cannot keep its own. */
void placement_renumber(struct wishes *w, struct placement *p, uint32_t mid);
/* asks: ascending. True: they are others than before. */
bool placement_set_asks(struct wishes *w, struct placement *p, const char *const *asks, size_t n);
/* That wish is gone; another one may come under its id. */
void placement_forget_ask(struct placement *p, const char *ask);
void placement_queue(struct wishes *w, struct placement *p, mono_ms when);
/* After any change of the Hop-Limit of a wish it stands for, or of which those are. */
void placement_limit(struct wishes *w, struct placement *p, mono_ms now);
/* As it was read from the store. It is told to the server again, which may have missed the end of
 * our last life; a refusal that was for the time being is asked about again, any other one stands.
 */
void placement_resume(struct wishes *w, struct placement *p, mono_ms now);
/* Never answered: it may live there for what we asked. */
void placement_bound_expiry(struct placement *p, mono_ms now);
/* What the server said of this request: how long it will not hear of it again. */
void placement_wait(
	struct wishes *w, const struct placement *p, const struct conflict *c, mono_ms now);
/* True: it was about to be sent, and is refused by what the server said before. */
bool placement_too_early(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall);
/* For good, until somebody asks for it anew. */
bool placement_is_refused(const struct placement *p);
bool placement_is_for_now(uint8_t code);
/* It may stand at its server. */
bool placement_stands(const struct placement *p);
void placement_sent(struct wishes *w, struct placement *p, mono_ms now); /* it leaves now */
/* The server does not know it. */
void placement_lost(struct wishes *w, struct placement *p, mono_ms now);
/* Nothing of it is to be open at the server. */
void placement_forget(struct wishes *w, const struct placement *p);
bool placement_sendable(const struct wishes *w, const struct placement *p);
void placement_answer(struct wishes *w, struct placement *p, const struct wish_answer *a,
	mono_ms now, wall_ms wall);
/* What is due of it now; false: nothing. */
bool placement_next(struct wishes *w, struct placement *p, mono_ms now, struct wish_action *ret);

/* wish_store.c */
void store_begin(struct wishes *w, const char *owner); /* owner: see wishes_new */
void store_end(struct wishes *w);
void store_wish(struct wishes *w, const struct wish *wish);
void store_forget_wish(struct wishes *w, const char *id);
void store_placement(struct wishes *w, const struct placement *p, mono_ms now, wall_ms wall);
void store_forget_placement(struct wishes *w, const struct placement *p);
struct identity *store_identity(struct wishes *w, const char *domain, wall_ms wall);
uint32_t store_take_mid(struct wishes *w, const char *domain, wall_ms wall);
/* Later ones are above that mid. */
void store_raise_mid(struct wishes *w, const char *domain, uint32_t mid, wall_ms wall);
/* Another cuid, at most one an hour; false: not yet. */
bool store_rename(struct wishes *w, const char *domain, const char *cuid, wall_ms wall);
void store_put_identity(struct wishes *w, const char *domain, const struct identity *id);
void store_restore(struct wishes *w, mono_ms now, wall_ms wall);
void store_put_away(struct wishes *w, const struct placement *p, mono_ms now, wall_ms wall);
/* By the snapshot of now: those whose server is known again are placements as after a restart,
 * those that wait for nothing any more are gone. */
void store_bring_back(struct wishes *w, mono_ms now, wall_ms wall);

/* replan.c */
/* Plans that wish, or all, anew, and everything that has to do with it. */
void replan_wish(struct wishes *w, struct wish *wish, mono_ms now, wall_ms wall);
void replan_placement(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall);
void replan_all(struct wishes *w, mono_ms now, wall_ms wall);
/* Before that, with a new configuration: what has been taken from a server is withdrawn there. */
void replan_withdraw_foreign(struct wishes *w, mono_ms now, wall_ms wall);

/* With the copies of it that were left elsewhere. */
void replan_withdraw(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall);

/* rollover.c: mids begin anew where they are used up and it is quiet (RFC 9132 4.4.1.1) */
void rollover_look(struct wishes *w, mono_ms now, wall_ms wall);
/* That one is not to be sent before what has higher mids is withdrawn. */
bool rollover_holds(const struct wishes *w, const struct placement *p);
/* After the placements were read from the store: a new beginning goes on where it stood. */
void rollover_resume(struct wishes *w);

/* control.c: filters by signal (RFC 9133) */
/* After an answer without Max-Age (RFC 7252 5.10.5). */
enum { CONTROL_RETRY_MS = 60000 };
void controls_begin(struct controls *c, size_t most);
void controls_add(
	struct controls *c, const char *acl, const char *there, enum activation_type type);
/* Whether that may be asked for; goes: to which domains, by index. 0, or as wishes_ask. */
int control_check(const struct wishes *w, const struct wish_request *r, const bool *goes, char *why,
	size_t cap);
/* What a wish has filters be from now on, besides what it has others be. False: it was so. */
bool control_want(struct wish *wish, const struct acl_entry *acls, size_t n, wall_ms wall);
/* Takes the list. */
void control_set(struct wishes *w, struct placement *p, const struct controls *list,
	enum control_state state);
void control_explain(struct placement *p, const char *why); /* of a list that was set; copied */
void control_finish(struct placement *p);
/* What the wishes that it stands for want told there, and is not: another mid says it, once this
 * one is accepted. */
void control_review(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall);
/* Likewise all that serve a wish; what failed is tried again. */
void control_again(struct wishes *w, struct wish *wish, mono_ms now, wall_ms wall);
/* When it is to be told again, INT64_MAX: never; and that it is. */
mono_ms control_deadline(const struct placement *p);
void control_retry(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall);
/* It is asked for anew, as an initial request: without filters. */
void control_ask_again(struct placement *p);
void control_accepted(struct wishes *w, struct placement *p, bool lost);
/* A PUT is refused for its filters, or as if. True: the request goes on without; p may be gone. */
bool control_refused(struct wishes *w, struct placement *p, const struct wish_answer *a,
	mono_ms now, wall_ms wall);
/* What the server tells of filters with the status of a request. */
void control_told(struct wishes *w, struct placement *p, const struct scope *entry);
/* Whose controls say how it is with the filters of p: its own, or those of what follows it. */
const struct placement *control_holder(const struct wish *wish, const struct placement *p);
/* "a=deactivate,b=immediate"; what does not fit is left out. */
void control_format(const struct controlled *list, size_t n, char *ret, size_t cap);
/* Which filters could be deactivated where those that let something pass are in conflict. */
void control_candidates(struct wishes *w, const struct placement *p, const struct scope *entry,
	char *ret, size_t cap);

/* seek.c */
/* Copies the names, and makes the target of them and of what else was asked for. Not while the wish
 * is on the list. */
void seek_set_names(struct wish *wish, const struct name *names, size_t n);
/* It is on the list now: its hosts are looked up; it is no longer; they are looked up anew. */
void seek_begin(struct wishes *w, struct wish *wish);
void seek_end(struct wishes *w, const struct wish *wish);
void seek_again(struct wishes *w, const struct wish *wish);
/* Names as who leads that wish has them now; false: nothing has changed. */
bool seek_lead(struct wishes *w, struct wish *wish, const struct name *names, size_t n);
void seek_finish(struct wishes *w);
/* M15: their addresses become what they are outside, in the arena. */
void seek_outside(const struct wishes *w, struct name *names, size_t n, struct arena *a);
/* A target with what the names stand for, in the arena. */
struct target seek_target(
	const struct target *t, const struct name *names, size_t n, struct arena *a);

/* wish.c */
struct wish *wish_get(const struct wishes *w, const char *id); /* NULL: there is none */
/* How its parts were planned; tells what is new of them. */
void wish_set_parts(struct wishes *w, struct wish *wish, const struct plan_part *from, size_t n);
struct wish *wish_add(struct wishes *w, struct wish *wish, mono_ms ends);
struct wish_action *wish_queue(struct wishes *w, enum wish_action_kind kind, const char *ask);
/* What was queued, for more to be said in it. */
struct wish_action *wish_report(struct wishes *w, enum wish_report report, const char *ask,
	const struct placement *p, const struct wish_part *part, const char *reason);
/* What its server says of conflicts: the operator is to hear of one, and what one has deactivated
 * is not asked for before retry-timer is over (RFC 9132 4.4.2.1). */
void wish_conflict(struct wishes *w, struct placement *p, const struct scope *entry, mono_ms now);
void wish_changed(struct wishes *w, const struct placement *p);
void wish_placement_gone(struct wishes *w, const struct placement *p);

#endif
