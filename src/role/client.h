/*
 * The DOTS client role: sessions with every server of every domain, each over its own link with its
 * own credentials, and the wishes carried out on them (RFC 9284 5, RFC 9132 4.4-4.7).
 */
#ifndef DOTSD_ROLE_CLIENT_H
#define DOTSD_ROLE_CLIENT_H

#include "base/loop.h"
#include "core/persist.h"
#include "homing/source.h"
#include "homing/wish.h"
#include "net/credentials.h"
#include "net/link.h"

struct dots_client;

struct dots_client_setup {
	const struct homing
		*homing; /* borrowed; outlives the client or its replacement by reload */
	struct credentials **credentials; /* by domain index, borrowed likewise; NULL: that domain
					     cannot be used (unreadable at run time) */
	size_t max_wishes;                /* kept at a time; 0 = 100000 */
};

struct dots_client *dots_client_new(
	struct loop *l, struct persist *p, const struct dots_client_setup *s);
/* Closes sessions; wishes stay in the store, mitigations stay at the servers. */
void dots_client_free(struct dots_client *c);
/* A new snapshot; sessions whose server, access and credentials are the same are kept. What is to
 * be withdrawn over others is, for a minute at most, before they are closed: the old snapshot may
 * be freed meanwhile. */
void dots_client_reload(struct dots_client *c, const struct dots_client_setup *s);

/*
 * Deputies: clients that act for one client of a gateway each, with sessions and a cuid of their
 * own (RFC 8811 2.3.1 figure 7). They share the setup and the links of the client that made them,
 * and live as long as it does or until they are dismissed; those that had something on record are
 * there again after a restart. What is said below of "the whole" covers the client and its
 * deputies: freeing, reloading, clock_set, servers, on_change.
 */
/* The deputy of that name; if it is not there, it is made, or NULL. */
struct dots_client *dots_client_deputy(struct dots_client *c, const char *name, bool make);
/* What its requests call the one it acts for from now on (RFC 9132 4.4.1.2); "": they do not say.
 * Kept in the store. */
void dots_client_call(struct dots_client *deputy, const char *cdid);
const char *dots_client_cdid(const struct dots_client *deputy); /* what it is called; "" */
/* Nobody needs it any more: its sessions are closed. False, and it is kept, while it has a wish or
 * a withdrawal under way. */
bool dots_client_dismiss(struct dots_client *c, const char *name);
/* The client first, then its deputies by name. */
void dots_client_each(
	struct dots_client *c, void (*visit)(void *arg, struct dots_client *c), void *arg);
/* Which of the whole has that wish; NULL: none. */
struct dots_client *dots_client_holding(struct dots_client *c, const char *wish);
/* Of a deputy: whom it acts for; "" of others. */
const char *dots_client_name(const struct dots_client *c);
/* Wishes of the whole. */
size_t dots_client_wish_count(struct dots_client *c);

/* The wall clock was set. */
void dots_client_clock_set(struct dots_client *c);

/* The wish engine of this one. After any call that changes it: dots_client_run, which carries out
 * what is due, or dots_client_run_later, which does so from the loop. */
struct wishes *dots_client_wishes(struct dots_client *c);
void dots_client_run(struct dots_client *c);
void dots_client_run_later(struct dots_client *c);
/* Tells when the view of a wish changed (for the gateway). */
void dots_client_on_change(
	struct dots_client *c, void (*changed)(void *arg, const char *wish), void *arg);

/*
 * Targets that are names (M7). A name as it was read by name_parse is given the addresses that are
 * known of it; those that are not are looked up once it is in a wish, or asked for here. -ENOTSUP
 * with `why`: nobody may be asked for it.
 */
int dots_client_recall(
	struct dots_client *c, struct name *n, struct arena *a, char *why, size_t cap);
void dots_client_seek(struct dots_client *c, const struct name *n);
/*
 * Filters by signal (RFC 9133): what is on record over data channels, as struct wish_records says
 * of it, for the whole; missing: ACLs that should be on record at that domain are not. NULL:
 * nothing is, as after a reload of the client until it is set anew.
 */
struct client_records {
	struct wish_records of;
	void (*missing)(void *arg, uint32_t domain);
};
void dots_client_on_acl(struct dots_client *c, const struct client_records *r);
/* What is on record there has changed. */
void dots_client_recorded(struct dots_client *c, uint32_t domain);
/* For what goes along with the signal channel (RFC 8783): our cuid at a domain, the links, and
 * after each change of one. */
const char *dots_client_cuid(struct dots_client *c, uint32_t domain);
/* That cuid is another client's there (RFC 8783 5.1, RFC 9132 4.4.1.1). True: we have a new one,
 * under the same conditions as when the signal channel finds it out. */
bool dots_client_collided(struct dots_client *c, uint32_t domain);
/* After each change of a cuid of the whole. */
void dots_client_on_cuid(struct dots_client *c, void (*changed)(void *arg), void *arg);
const struct links *dots_client_links(const struct dots_client *c);
void dots_client_on_link(struct dots_client *c, void (*changed)(void *arg), void *arg);
/* Tells of a learned server of the whole that it may be found elsewhere now (RFC 8973 4): why is
 * "loss" (of its session, or of an attempt), or "certificate" (the one in use has ended).
 * interface "": anywhere in the domain. */
void dots_client_on_stale(struct dots_client *c,
	void (*stale)(void *arg, const char *domain, const char *interface, const char *why),
	void *arg);

/* For dotsctl. */
struct server_view {
	const char *domain, *server, *interface; /* "" if none */
	const char *transport;                   /* "udp", "tcp"; "any": of none so far */
	const char *state;      /* "available", "silent", "connecting", "waiting", "link down" */
	const char *reason;     /* why not available, "" */
	const char *credential; /* label, never key material; of the session, if there is one */
	const char *learned;    /* from whom; "": it is configured */
	wall_ms expires;        /* of one that is learned; 0: never */
	const char *alternate;  /* the server it was redirected to, and that stands in for it; "" */
	int64_t alternate_s;    /* for so many seconds; 0: while a request is live; -1: for good */
	const char *behalf;     /* whom that session is for (a deputy's); "" */
	const char *cuid;
	struct endpoint local, remote; /* family 0 if none */
	bool gateway, resumed;
	int64_t next_attempt_s; /* of "waiting"; else -1 */
	int64_t heard_s;        /* seconds since the server was heard; -1 never */
	const char *set;        /* of parameters that is in force: "mitigating", "idle"; NULL: no
				   session, so no parameters */
	uint32_t sid;           /* by which they were negotiated; 0: they were not */
	struct session_params params;
};
/* How a server (by ordinal) is reached, or would be next: for dotsctl explain. Borrowed until
 * the next turn. */
struct server_way {
	const char *interface; /* "": any */
	struct source source;  /* of the session; without one, what would be chosen. Family 0: */
	char no_source[WISH_WHY_MAX];            /* … why there is none */
	const char *credential, *state, *reason; /* as in server_view */
};
void dots_client_way(const struct dots_client *c, uint32_t server, struct server_way *ret);
void dots_client_servers(
	struct dots_client *c, void (*visit)(void *arg, const struct server_view *v), void *arg);

#endif
