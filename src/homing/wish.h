/*
 * Wishes: what was asked of us, durable until released, and the machine that gets it placed at the
 * right servers and keeps it there (rules M3, M6, M8, M13, M16). Pure but for the injected store:
 * time and answers come in, actions go out; the client role carries them out.
 *
 * Every change is put to the store before the action that rests on it is handed out; the role sends
 * only after the store has confirmed (persist_after).
 */
#ifndef DOTSD_HOMING_WISH_H
#define DOTSD_HOMING_WISH_H

#include "base/loop.h" /* mono_ms, wall_ms only */
#include "core/persist.h"
#include "core/verdict.h"
#include "homing/plan.h"

enum { WISH_ID_MAX = 160, WISH_WHY_MAX = 200 };

struct wishes;

/* Store kinds: "identity" (key domain name: cuid, next mid), "wish" (key id), "placement" (key
 * domain/server/mid); with an owner "identity of <owner>" and so on: several lists in one store. */
struct wishes *wishes_new(const struct homing *h, struct persist *p, const char *owner);
void wishes_free(struct wishes *w);
/* Reads the store: every wish and placement goes on where it stood; PUTs not answered and
 * withdrawals not answered are sent again; lifetimes count from the ask. */
void wishes_restore(struct wishes *w, mono_ms now, wall_ms wall);
/* What is to be withdrawn at a server that the new snapshot does not have, or that the role may not
 * reach any more as it did when this was placed (M17). */
struct wish_leaving {
	uint32_t server; /* ordinal in the snapshot of before */
	uint32_t mid;
	const char *cuid;
	mono_ms expires; /* there */
};
/* False: the server is reached as before, the withdrawal is an action like others. True: the role
 * sees to it by itself. */
typedef bool (*wish_leave)(void *arg, const struct wish_leaving *l);
/* A new configuration: everything is planned again (same owner: kept). Domains and servers are
 * matched by name. `leave` is called from inside. */
void wishes_reload(struct wishes *w, const struct homing *h, wish_leave leave, void *leave_arg,
	mono_ms now, wall_ms wall);
/* The wall clock was set: what is kept in it is reckoned anew; nothing ends earlier or later. */
void wishes_clock_set(struct wishes *w, mono_ms now, wall_ms wall);
/* Our identity at a domain: stored once, the same over credential changes (RFC 9132 4.4.1.1).
 * `derived`: the cuid that follows from the credential, used when none is stored; mid then starts
 * at Unix seconds if `had_state` was lost. Called by the role before anything is sent there. */
const char *wishes_cuid(struct wishes *w, uint32_t domain, const char *derived, wall_ms wall);
/* The cuid there is another client's, as the data channel has found out: `fresh` takes its place,
 * unless something may stand there under the old one, or it was replaced within the hour. */
bool wishes_rename(struct wishes *w, uint32_t domain, const char *fresh, mono_ms now, wall_ms wall);

/* At most so many wishes are kept; 0: 100000. Those beyond it already stay. */
void wishes_set_limit(struct wishes *w, size_t max);

/*
 * Filters of ours, or of a client of ours, at the servers that are asked (RFC 9133): what a wish
 * has them be is told to each server that has them on record, once it has accepted the request for
 * the same scope, by the next mid (3.2.1: never in an initial request, nor in one that adjusts the
 * scope). Whatever becomes of that, the request stands, or is asked for again without them.
 */
enum { CONTROLS_MAX = 32, CONTROL_NAME_MAX = 64 /* bytes */ };
enum control_state {
	CONTROL_NONE,    /* nothing is to be told there, or not yet */
	CONTROL_ASKED,   /* under way */
	CONTROL_DONE,    /* accepted */
	CONTROL_LATER,   /* failed there (5.xx): told again after a while */
	CONTROL_REFUSED, /* 4.xx */
};
struct controlled {
	char *acl;   /* as its asker calls it; of what the server told: as it is there */
	char *there; /* the name under which it is on record there */
	enum activation_type type;
};
/* What is on record over the data channels (RFC 8783). Texts are valid until the next call. */
struct wish_records {
	/* The name of that ACL at that domain; NULL: it is not there. asker: "" for one of ours, of
	 * a client of ours "<client>/<cuid>". */
	const char *(*acl)(void *arg, uint32_t domain, const char *asker, const char *acl);
	/* The n-th of ours there that lets something pass; NULL: there are no more. */
	const char *(*accepting)(void *arg, uint32_t domain, size_t n);
	void *arg;
};
/* Copied. Before it is called nothing is on record anywhere. */
void wishes_set_records(struct wishes *w, const struct wish_records *r);
/* What is on record at that domain has changed: what could not be told there is. */
void wishes_recorded(struct wishes *w, uint32_t domain, mono_ms now, wall_ms wall);
/* What the ACL of that name at that domain is made by some wish; 0: by none. */
enum activation_type wishes_controlled(
	const struct wishes *w, const char *domain, const char *there);

/* ---- asks -------------------------------------------------------------------------------- */

/* What clients of ours ask for is told by its asker, which begins so. */
#define WISH_ASKER_CLIENT "client:"

struct wish_request {
	const char *id;    /* NULL: one is made ("w<number>") */
	const char *asker; /* "operator", "alarm:<source>", "client:<name>/<cuid>/<mid>" */
	const struct target *target; /* copied; prefixes only, none where there are names */
	const struct name *names; /* copied; at most NAMES_MAX. Their addresses as far as known */
	size_t n_names;
	bool led; /* the asker looks names up: their addresses are what each renewal tells */
	bool trigger_mitigation;
	int64_t lifetime;  /* seconds asked for in each request; 0: the domain's */
	int64_t duration;  /* seconds until it is released by itself; 0: until released */
	uint8_t hop_limit; /* that requests for it are sent with (RFC 8768 3); 0: none. A request
			      that stands for several has the smallest of theirs */
	const struct acl_entry *acls; /* copied; what they are to become, at most CONTROLS_MAX */
	size_t n_acls;
	bool acls_known; /* each has to be on record where some of it goes */
	size_t share; /* 0, or as many wishes as the asker (its text before the first "/") may have,
			 those being withdrawn included */
};

/* How one part (see plan_part) stands now. */
enum wish_state {
	WISH_REFUSED,  /* nobody may be asked, or the server answered 4.xx (code) */
	WISH_DECLINED, /* a gateway answered 4.xx, and another one accepted it (M12) */
	WISH_PENDING,  /* no association in that domain, or not sent yet */
	WISH_SENT,     /* sent, no answer yet */
	WISH_SILENT,   /* sent, and 3 s went by without an answer */
	WISH_PLACED,   /* the server accepted it */
	WISH_ENDED,    /* the server ended it (status 6 or 7, or it expired there) */
};
struct wish_part {
	struct prefix prefix; /* family 0: of a name without addresses … */
	const char *name;     /* … which is this; else NULL */
	int domain, server;   /* index, ordinal; -1 */
	enum wish_state state;
	uint8_t code; /* last answer */
	uint32_t mid;
	int64_t lifetime;         /* granted, seconds left; -1 for ever */
	int64_t granted;          /* seconds of the last grant; -1 for ever, 0 unknown */
	struct conflict conflict; /* what the server last told of it */
	uint64_t status;          /* enum dots_status; 0 unknown */
	uint64_t bytes_dropped, pkts_dropped, bps_dropped, pps_dropped;
	bool counted; /* the server told these, since we are up */
	const char *section,
		*reason; /* of the plan, or of the refusal; peer text is escaped by the sink */
	const struct name *told; /* the names that its server is told of in that request */
	size_t n_told;
	const char *loop; /* who a gateway of our network says that a loop leads through, with
			     blanks between (5.08; RFC 8768 4); NULL: nobody */
	/* RFC 9133: which filters of ours are controlled there, what has become of it … */
	const struct controlled *controls;
	size_t n_controls;
	enum control_state control;
	const char *control_why; /* of LATER and REFUSED; else "" */
	/* … and what the server told of since: some have become this by something else */
	const struct controlled *changed;
	size_t n_changed;
};
struct wish_view {
	const char *id, *asker;
	const struct target *target; /* what names stand for included */
	const struct name *names;
	size_t n_names;
	const struct acl_entry *acls;
	size_t n_acls;
	wall_ms asked, until; /* until 0: open */
	bool trigger_mitigation;
	bool releasing; /* released, withdrawals not all answered */
	const struct wish_part *parts;
	size_t n_parts;
};

/* Takes a wish: its target as it is outside a NAT (M15), stored, planned, actions queued. The id
 * (WISH_ID_MAX) in ret_id. 0; -EEXIST if the id is there with another target (with the same: a
 * renewal of its duration, of its Hop-Limit and, if it is led, of the addresses of its names);
 * -EBUSY while it is being withdrawn; -EINVAL with `why`; -ENOSPC with `why` beyond the limit or
 * the asker's share; -ENXIO with `why` for an ACL that is on record nowhere, -EDOM for ACLs in idle
 * time (RFC 9133 3.2.1). A renewal that names ACLs has them as wishes_control says. A wish whose
 * parts are all refused is *not* kept: -EPERM, with its parts to be
 * read by wishes_explain. */
int wishes_ask(struct wishes *w, const struct wish_request *r, mono_ms now, wall_ms wall,
	char *ret_id, char *why, size_t cap);
/* 0 or -ENOENT. Withdrawn at the servers when no other wish needs the request there. */
int wishes_release(struct wishes *w, const char *id, mono_ms now, wall_ms wall);
/* Sends the refresh of everything that this wish holds now; what was refused is planned and asked
 * for anew. 0 or -ENOENT. */
int wishes_refresh(struct wishes *w, const char *id, mono_ms now, wall_ms wall);
/* Tells every server where this wish is placed how effective that is (RFC 9132 4.4.3), with a
 * refresh. Once: a server that has nothing on record says nothing, and gets the request itself. 0
 * or -ENOENT. */
int wishes_efficacy(struct wishes *w, const char *id, enum attack_status status, mono_ms now);
/* These filters are to become that, besides what the wish has others be; what failed is tried
 * again. 0, -ENOENT, or as wishes_ask with `why`. */
int wishes_control(struct wishes *w, const char *id, const struct acl_entry *acls, size_t n,
	mono_ms now, wall_ms wall, char *why, size_t cap);
/* Plan of a target without sending (dotsctl explain): parts in the arena. The addresses of the
 * names become what they are outside a NAT. */
size_t wishes_explain(struct wishes *w, const struct target *t, struct name *names, size_t n_names,
	struct arena *a, struct wish_part **ret);
/* Where that is the policy: releases what is asked for there and nowhere else goes on (RFC 9132
 * 4.4.2.2), but for what clients of ours ask for. After wishes_status. */
void wishes_release_stopped(
	struct wishes *w, uint32_t server, uint32_t mid, mono_ms now, wall_ms wall);
/* The view's arrays live in the arena. False: no such wish. */
bool wishes_view(
	struct wishes *w, const char *id, mono_ms now, struct arena *a, struct wish_view *ret);
void wishes_each(struct wishes *w, void (*visit)(void *arg, const char *id), void *arg);
size_t wishes_count(const struct wishes *w);
bool wishes_has(const struct wishes *w, const char *id);
/* Domain has a live or pending request: it counts as under attack (M3). One that waits for a loss
 * of signal does not count. */
bool wishes_under_attack(const struct wishes *w, uint32_t domain);

/* ---- names (M7) -------------------------------------------------------------------------- */

/* What was found out about a host: every wish for a name of it is planned anew if that changes
 * anything. */
void wishes_resolved(struct wishes *w, const char *host, const struct name_answer *answer,
	mono_ms now, wall_ms wall);
/* Some wish is for a name of that host. */
bool wishes_seek(const struct wishes *w, const char *host);

/* ---- the world --------------------------------------------------------------------------- */

void wishes_available(
	struct wishes *w, uint32_t server, enum availability a, mono_ms now, wall_ms wall);

/* There is a new association, up since then: the server may have started anew, so what stands there
 * is told to it again, unless it was acknowledged since. */
void wishes_renewed(struct wishes *w, uint32_t server, mono_ms since, mono_ms now);

/* The PUT, DELETE or REPEAT of that action left only now (the store was waited for, or others went
 * first): the next repeat counts from here. */
void wishes_sent(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now);

/* Answer to a PUT or DELETE; answers to a request that was given up are ignored. */
struct wish_answer {
	uint8_t method, code;
	int64_t lifetime;         /* of 2.xx PUT; 0 unknown */
	struct conflict conflict; /* of 4.09, and of 2.xx PUT */
	uint32_t conflict_mid;    /* of 4.09: the higher one of ours on record; 0 unknown */
	const char *why;          /* diagnostic text, may be NULL */
	uint32_t max_age;         /* of 5.03 */
	bool acls_failed;         /* of 5.03: the update of ACLs (RFC 9133 figure 1) */
	const char *fresh_cuid;   /* of 4.09 for a cuid-collision: a random one, to be ours at that
				     domain if it may change; borrowed during the call */
};
void wishes_answer(struct wishes *w, uint32_t server, uint32_t mid,
	const struct wish_answer *answer, mono_ms now, wall_ms wall);
/* A status entry by notification or GET. */
void wishes_status(struct wishes *w, uint32_t server, const struct scope *entry, mono_ms now);
/* GET said 4.04: the server does not know that mid: it is put again (same mid). */
void wishes_unknown(struct wishes *w, uint32_t server, uint32_t mid, mono_ms now);

/* ---- actions ----------------------------------------------------------------------------- */

enum wish_action_kind {
	WISH_ACTION_PUT,      /* send `scope` under `mid` (first time, refresh, or again after a
				 reconnect) */
	WISH_ACTION_DELETE,   /* withdraw `mid` */
	WISH_ACTION_REPEAT,   /* the open request of `mid` once more (3 s went by: RFC 9132 4.4) */
	WISH_ACTION_PARALLEL, /* first repeat unanswered: a resumed handshake from a new port beside
				 the old session, and the open requests on both (M3, RFC 9132 4.7)
			       */
	WISH_ACTION_FORGET,   /* `mid` is over there: no request or subscription of it is needed */
	WISH_ACTION_OBSERVE, /* placed: subscribe to (or, if subscribed already, nothing) its status
			      */
	WISH_ACTION_REPORT,  /* something to tell: see `report` */
	WISH_ACTION_CHANGED, /* the view of `ask` changed */
	WISH_ACTION_LOOK,    /* ACLs of ours that should be on record at `domain` are not */
	WISH_ACTION_RESOLVE, /* `name` is a host to be looked up: wishes_resolved; `refresh`: anew
			      */
};
enum wish_report {
	WISH_REPORT_ASKED,    /* ask taken */
	WISH_REPORT_PLANNED,  /* a part goes to server */
	WISH_REPORT_REFUSED,  /* a part is refused here, or by the server (code) */
	WISH_REPORT_DECLINED, /* by a gateway, and another one may take it or has: no alert (M12) */
	WISH_REPORT_PENDING,  /* a part waits for its domain: alert */
	WISH_REPORT_PLACED,
	WISH_REPORT_STATUS,
	WISH_REPORT_CONFLICT, /* the server tells of one, or of another one: alert */
	WISH_REPORT_ENDED,
	WISH_REPORT_WITHDRAWN,
	WISH_REPORT_RELEASED,
	WISH_REPORT_CONTROLLED,   /* `acls` are what they were to become */
	WISH_REPORT_UNCONTROLLED, /* they are not: alert */
	WISH_REPORT_CHANGED,      /* they have become that by something else (RFC 9133 3.2.1) */
	WISH_REPORT_RENAMED,      /* a new cuid of ours at that domain */
};
struct wish_action {
	enum wish_action_kind kind;
	uint32_t server; /* ordinal */
	uint32_t mid;
	struct scope scope; /* of PUT: target, lifetime, trigger-mitigation; borrowed until the next
			       call. What may go is for the gate to say (homing/disclosure.h) */
	const struct name *names; /* of PUT: to be told there; likewise */
	size_t n_names;
	bool refresh;      /* of PUT: it was placed before */
	uint8_t hop_limit; /* of PUT; 0: without that option */
	bool if_match;     /* of PUT: an efficacy update */
	enum wish_report report;
	char ask[WISH_ID_MAX];
	struct prefix prefix;         /* of the part reported; family 0: it is … */
	char name[NAME_HOST_MAX + 1]; /* … this name, which has no addresses; "" */
	int domain;                   /* -1: none */
	uint8_t code;
	uint64_t status;
	struct conflict conflict;
	int64_t lifetime;
	char acls[WISH_WHY_MAX]; /* "name=type,…" */
	const char *section;
	char reason[WISH_WHY_MAX];
};
/* The next action that is due; false: none. Call until false after every input and at the deadline.
 */
bool wishes_next(struct wishes *w, mono_ms now, wall_ms wall, struct wish_action *ret);
mono_ms wishes_deadline(const struct wishes *w);

#endif
