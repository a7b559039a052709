/*
 * plan(): which provider is asked for what, and why (RFC 9284 section 5; rules M2-M6, M8, M12, M14
 * of doc/architecture.md). A pure function that client, gateway, `dotsctl explain` and the tests
 * call.
 */
#ifndef DOTSD_HOMING_PLAN_H
#define DOTSD_HOMING_PLAN_H

#include "base/mem.h"
#include "homing/domain.h"
#include "core/name.h"
#include "wire/signal.h"

enum availability {
	SERVER_UNAVAILABLE, /* no security association, or its interface is gone */
	SERVER_SILENT,      /* association there, heartbeats missed: still asked, at once */
	SERVER_AVAILABLE,
};

/* What somebody wants protected. Only prefixes are planned: those that names stand for are among
 * them. */
struct ask {
	const char *id; /* unique */
	struct target target;
	const struct name *names; /* that part of the target stands for (M7) */
	size_t n_names;
	bool trigger_mitigation;
	const size_t *served_by; /* indices of the live requests that stand for it so far */
	size_t n_served_by;
};

/* What is placed or being placed at a server, under our cuid there. */
struct live {
	uint32_t server; /* ordinal */
	uint32_t mid;
	struct target target;
	bool trigger_mitigation;
	bool refused;  /* for good: nothing else relies on it. No request of a plan; withdrawn when
			  none of the asks is there any more */
	bool outdated; /* a name that it tells of has other addresses by now, or may not be told
			  there any more: what is still wanted becomes a new request */
};

enum part_state {
	PART_SEND,    /* goes (or has gone) to `server` */
	PART_PENDING, /* its domain has no available server, or none yet: sent when there is one */
	PART_REFUSED, /* nobody may be asked: never on the wire */
};

/* One target prefix, or one cut of it, of one ask, and its fate at one domain. */
struct plan_part {
	const char *ask;
	struct prefix prefix;
	enum part_state state;
	int domain;          /* index, -1 if refused */
	int server;          /* ordinal chosen (or hoped for), -1 if none */
	const char *section; /* "RFC 9284 5.1" */
	const char *reason;  /* in the arena: a sentence for people, naming prefix and domain */
};

/* One request that is to stand at one server. */
struct plan_request {
	uint32_t server; /* ordinal */
	int live; /* index into the live array when that request already covers it, else -1: a new
		     mid with exactly `target` */
	bool pending;         /* cannot be sent now */
	struct target target; /* union of what the asks want there; of a kept one: its own target */
	const struct name *names; /* of a new one: that are told there (M7, M9) */
	size_t n_names;
	bool trigger_mitigation;
	const char **asks; /* ids it stands for */
	size_t n_asks;
};

struct plan {
	struct plan_part *parts; /* those of one ask stand together */
	size_t n_parts;
	struct plan_request *requests;
	size_t n_requests;
	size_t *withdraw; /* indices of live requests that nobody wants any more at that server */
	size_t n_withdraw;
};

/* available: by server ordinal. Everything in *ret lives in the arena, except what it borrows from
 * asks and live. Order of asks, domains and servers in the input does not change the outcome.
 * M6: what a live request stands for keeps its server while that is not unavailable. M8:
 * overlapping asks at one server become one request; a live request that covers the group is kept;
 * what was refused to one ask, or to several together, is no reason to refuse the others;
 * ports and protocols only if every asker gave them. */
void plan(const struct homing *h, const struct ask *asks, size_t n_asks, const struct live *live,
	size_t n_live, const enum availability *available, struct arena *a, struct plan *ret);

/* True if every target prefix is owned by some domain (M12, gateway side); else *ret_foreign is the
 * lowest part that is not. */
bool plan_owns_all(const struct homing *h, const struct target *t, struct prefix *ret_foreign);

/* True if all of a target may stand at that server: a new snapshot may have given part of it to
 * another provider, or to nobody (M17). */
bool plan_may_hold(const struct homing *h, uint32_t server, const struct target *t);
/* At any server of that domain. */
bool plan_domain_may_hold(const struct homing *h, uint32_t domain, const struct target *t);

#endif
