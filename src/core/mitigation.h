/*
 * The life of mitigation requests at a server (RFC 9132 4.4): create, refresh, overlap, lifetime,
 * status, withdraw with the active-but-terminating period, expiry. Pure: time comes in, verdicts
 * and effects go out.
 */
#ifndef DOTSD_CORE_MITIGATION_H
#define DOTSD_CORE_MITIGATION_H

#include <sys/queue.h>

#include "base/heap.h"
#include "base/loop.h" /* mono_ms, wall_ms only */
#include "core/client.h"
#include "core/conflict.h"
#include "core/cover.h"
#include "core/filter_control.h"
#include "core/overload.h"
#include "core/verdict.h"
#include "wire/signal.h"

struct mitigation_policy {
	uint32_t lifetime_max; /* seconds granted at most; default 86400 */
	bool allow_indefinite; /* default no: lifetime_max is granted instead (4.4.1.1) */
	uint32_t terminating; /* seconds, default 120; 0: ends at once (a gateway: upstream does it)
			       */
	uint32_t terminating_max; /* default 300 */
	uint32_t mitigations_max; /* all clients together; default 100000 */
	uint32_t targets_max;     /* prefixes of all of them; default 1000000 */
};
#define MITIGATION_POLICY_DEFAULT                                                                  \
	((struct mitigation_policy){86400, false, 120, 300, 100000, 1000000})

/* Who drops: our own mitigators, or those whom a gateway asks upstream. */
enum dropped_where { DROPPED_HERE, DROPPED_UPSTREAM, DROPPED_WHERE };
struct dropped {
	uint64_t packets, bytes;           /* in all */
	uint64_t packets_base, bytes_base; /* by what counted before it began from 0 again */
};

struct mitigation {
	uint64_t id;  /* > 0, never reused */
	char *client; /* name of the entry */
	char *cuid;
	uint32_t mid;
	struct scope scope; /* as asked (target, trigger_mitigation, lifetime); lives in arena */
	struct arena *arena;
	struct cover cover;              /* what it stands for just now */
	enum dots_status status;         /* as told: the worse one of these two, or how it ends */
	enum dots_status here, upstream; /* of our own mitigators, of those who are asked beside
					    them; 0: nothing is known. Without any of our own
					    `here` is upstream's */
	bool escalated;    /* upstream was asked beside our own mitigators (RFC 8811 3.2.3) */
	bool takes_over;   /* from one that was: upstream is to be asked at once */
	uint8_t hop_limit; /* to ask upstream with (RFC 8768 3) */
	char *cdid;        /* likewise (4.4.1.2); NULL: nobody is asked */
	bool local;        /* upstream is never asked for it (core/client.h) */
	struct overload_gauge gauge;
	struct conflict conflict; /* that an upstream tells of (gateway) */
	struct prefix *contested; /* of its targets those that other clients of ours ask for, too
				     (4.4.1.3), as of the last book_review */
	size_t n_contested;
	struct filter_changes filter_changes;
	uint64_t reviewed;       /* private to mitigation.c: when that was, in book.untold */
	wall_ms started;         /* mitigation-start */
	mono_ms expires;         /* INT64_MAX: never */
	bool terminating;        /* withdrawn by the client, still active (status 5) */
	bool volatile_;          /* accepted while the store could not take it */
	uint32_t terminating_s;  /* length of its terminating period, doubled when asked again
				    (4.4.4) */
	uint64_t packets, bytes; /* dropped in all: the sum of these */
	struct dropped dropped[DROPPED_WHERE];
	struct filter_action action; /* of its filter: its client's, as of the last book_action */
	struct dropped observed;     /* what was counted and not dropped, by that action */
	uint64_t pps, bps;           /* averages a second over five-minute buckets (4.4.2) */
	bool filtering;     /* its filter is wanted at the mitigators: of a preconfigured request
			       (trigger-mitigation false) only since its client was lost */
	char *peer;         /* of a preconfigured one: whose loss it waits for, the client on whose
			       session it came; else NULL */
	bool escalated_now; /* likewise: upstream was asked for its immediate form (gateway) */
	uint8_t repeats;    /* of a preconfigured one: its status, 3 or 7, is still to be told so
			       often before it is 8 (4.4.2) */
	mono_ms repeated;   /* when that was last */
	uint64_t lifetime_row; /* role/lifetime.h: where its lifetime stands; 0: in its record */
	/* private to mitigation.c */
	struct {
		mono_ms at;
		uint64_t packets, bytes;
		bool full_seen;
	} rate_mark;
	struct heap_node deadline;      /* its end */
	uint64_t walk;                  /* last search for overlaps that met it */
	struct claim claim;             /* while its filter is wanted */
	LIST_ENTRY(mitigation) of_peer; /* while it waits */
};

enum effect_kind {
	EFFECT_STORE,    /* write it to the store (created, revived, status that has to survive) */
	EFFECT_EXTEND,   /* refreshed: write its lifetime to the store, which alone changed */
	EFFECT_START,    /* start its filter */
	EFFECT_STOP,     /* stop its filter */
	EFFECT_NOTIFY,   /* tell observers: status or lifetime changed */
	EFFECT_CONFLICT, /* tell observers: others ask for more, or less, of its targets */
	EFFECT_END,      /* gone: remove it from the store; freed by effects_finish */
};
struct effect {
	enum effect_kind kind;
	struct mitigation *m; /* valid until effects_finish */
	const char *reason;   /* of EFFECT_END and EFFECT_STOP: fixed text: withdrawn, expired,
				 overridden… */
};
struct effects {
	struct effect *list;
	size_t n, cap;
};
void effects_finish(struct effects *fx); /* frees ended mitigations and the list */

/* The longest lifetime but for ever that this client is granted, in seconds. c NULL: as all. */
uint32_t mitigation_lifetime_max(const struct mitigation_policy *policy, const struct client *c);

struct book;
struct book *book_new(const struct mitigation_policy *policy);
void book_free(struct book *b);
void book_set_policy(struct book *b, const struct mitigation_policy *policy);
size_t book_count(const struct book *b);
/* What one client has in it. */
struct book_share {
	uint32_t mitigations, targets;
};
struct book_share book_share(const struct book *b, const char *client);

struct mitigation_request {
	const struct client *client;
	const char *cuid;
	uint32_t mid;
	const struct scope *scope; /* of PUT */
	const struct cover *cover; /* of PUT with names or aliases: what it stands for, as far as
				      it is known; NULL: none can be had here */
	bool if_match;             /* of PUT: an efficacy update (4.4.3) */
	uint8_t hop_limit;         /* of PUT: to go upstream with */
	const char *cdid;          /* likewise; NULL: nobody is asked there */
	bool local;                /* of PUT: for nobody upstream, whatever these two say */
	const char *peer;          /* of PUT: whose session it came on; NULL: the client's own */
	mono_ms now;
	wall_ms wall;
};

/* Everything of PUT that can be said without changing anything: attributes, targets, authorisation,
 * limits, mid order. 2.01 or 2.04 as book_put would answer, or the refusal. FQDN, URI and alias
 * targets without a cover are refused (4.00, with the reason) unless they are on record. */
struct verdict book_check_put(const struct book *b, const struct mitigation_request *r);
/* Checks and does it. On 2.xx *ret_m is the mitigation. A refresh keeps the scope; own overlap with
 * lower mids ends those (4.4.1.3); a PUT during the terminating period revives it and doubles the
 * next one. Overlap with requests of other clients ends nothing: up to CONFLICT_TOLD_MAX of them
 * are to be told of it now, all see it when they are described. */
struct verdict book_put(struct book *b, const struct mitigation_request *r, struct effects *fx,
	struct mitigation **ret_m);
/* Loss of signal. A preconfigured request that waits for the loss of that peer; NULL: none (any
 * more). */
struct mitigation *book_waiting(const struct book *b, const char *peer);
/* Whether any request is preconfigured to the loss of that peer, active or not. */
bool book_has_preconfigured(const struct book *b, const char *peer);
void book_peers(const struct book *b, void (*visit)(void *arg, const char *peer), void *arg);
/* It is lost: that request becomes active, with its filter (4.4.1.3, 4.7), until it is withdrawn,
 * runs out, or its client asks for something immediate that overlaps it (then status 7, and 8).
 * Immediate requests of that client and cuid that it covers are withdrawn: it takes precedence.
 * Those that reach beyond it stay, for nothing is to be unprotected by it. */
void book_activate(
	struct book *b, struct mitigation *m, mono_ms now, wall_ms wall, struct effects *fx);
/* It is active no more: status 7, told as below, then it waits again. */
void book_deactivate(struct book *b, struct mitigation *m, const char *reason, struct effects *fx);
/* Its state is told to its client now. A status 3 or 7 of a preconfigured request is told
 * REPEATS times, with REPEAT_GAP_MS between, then it is 8 (4.4.2): so this may change it. True: it
 * is to be told again after the gap. */
enum { REPEATS = 4, REPEAT_GAP_MS = 3000 };
bool book_told(struct book *b, struct mitigation *m, mono_ms now, struct effects *fx);

/* 2.02 always (4.4.4), also for an unknown mid. The terminating period starts when the mitigation
 * was active; else it ends at once. */
struct verdict book_delete(struct book *b, const struct mitigation_request *r, struct effects *fx);

/* A mitigation of that client is on, and it has not withdrawn it. */
bool book_is_mitigating(const struct book *b, const char *client);
struct mitigation *book_find(
	const struct book *b, const char *client, const char *cuid, uint32_t mid);
struct mitigation *book_by_id(const struct book *b, uint64_t id);
/* All of one client and cuid, in the order they were processed (4.4.2). false stops. */
void book_each(const struct book *b, const char *client, const char *cuid,
	bool (*visit)(void *arg, struct mitigation *m), void *arg);
void book_all(const struct book *b, bool (*visit)(void *arg, struct mitigation *m), void *arg);
/* The ids of those that are wanted, for who ends or moves some of them; to be freed. */
uint64_t *book_ids(const struct book *b, bool (*wants)(void *arg, const struct mitigation *m),
	void *arg, size_t *ret_n);

/* What happened at the mitigators; upstream, where there are none of our own. What is over (5, 6,
 * 7) is so for all. */
void book_status(struct book *b, struct mitigation *m, enum dots_status status, mono_ms now,
	struct effects *fx);
/* The conflict that an upstream tells of now; cause 0: of none any more. */
void book_conflict(
	struct book *b, struct mitigation *m, const struct conflict *conflict, struct effects *fx);
/* Totals of that place; smaller ones than before: it counts from 0 again. */
void book_counters(struct book *b, struct mitigation *m, enum dropped_where where, uint64_t packets,
	uint64_t bytes, mono_ms now);
/* Likewise what our own mitigators only observed; nothing of it was dropped. */
void book_observed(struct mitigation *m, uint64_t packets, uint64_t bytes);
/* The action of its client, where there are mitigators of our own: another one than before replaces
 * the filter. What is only observed is not mitigated: it stays at status 1. */
void book_action(struct book *b, struct mitigation *m, const struct filter_action *action,
	struct effects *fx);
/* Upstream is asked beside our own mitigators, or it is no longer, and what it told is void. */
void book_escalated(struct book *b, struct mitigation *m, bool escalated, struct effects *fx);
/* What is told by those who are asked beside our own mitigators. */
void book_upstream(
	struct book *b, struct mitigation *m, enum dots_status status, struct effects *fx);
/* Looks anew which of its targets other clients ask for, too, where it may not have been told;
 * true: these are others than before. */
bool book_review(const struct book *b, struct mitigation *m);
/* Its cover has been gathered anew into `now`, which it takes over: filter and index follow. */
void book_cover(struct book *b, struct mitigation *m, struct cover *now, struct effects *fx);
/* Ends it whatever its state: client removed, scope no longer authorised, by the operator's hand.
 */
void book_end(struct book *b, struct mitigation *m, const char *reason, struct effects *fx);

/* Lifetimes and terminating periods that are over at `now`; and when to call next (INT64_MAX:
 * never). */
void book_expire(struct book *b, mono_ms now, struct effects *fx);
mono_ms book_deadline(const struct book *b);

/* From the store: takes ownership of nothing (copies); left: milliseconds or -1 for ever; id is
 * kept and later ids are above it. */
struct mitigation *book_restore(
	struct book *b, const struct mitigation *stored, int64_t left, mono_ms now);
/* Remaining lifetime in whole seconds (rounded up), or LIFETIME_INDEFINITE. */
int64_t mitigation_remaining(const struct mitigation *m, mono_ms now);
/* Puts the conflict it is in into an entry: what an upstream tells of, else that other clients of
 * ours ask for its targets, too (4.4.1.3: active, with its own targets as conflict-scope). Nothing
 * if it is in none. Borrows from m. */
void mitigation_conflict(const struct mitigation *m, struct scope *ret);
/* Fills a scope entry of a GET answer or notification (4.4.2): content 'a', 'c' or 'n'. Borrows
 * from m. */
void mitigation_describe(const struct mitigation *m, char content, mono_ms now, struct scope *ret);
/* The traffic it stands for; without any prefix there is none. The filter's arrays live in a. */
void mitigation_filter(
	const struct mitigation *m, const struct client *c, struct arena *a, struct filter *ret);

#endif
