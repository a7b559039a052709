/*
 * The inside of an upstream, for the files upstream*.c only. Each says in its first comment what is
 * decided there.
 */
#ifndef DOTSD_ROLE_UPSTREAM_PRIVATE_H
#define DOTSD_ROLE_UPSTREAM_PRIVATE_H

#include "core/heartbeat.h"
#include "core/pacing.h"
#include "core/session_config.h"
#include "net/session.h"
#include "role/access.h"
#include "role/upstream.h"
#include "wire/path.h"
#include "wire/signal.h"

enum { PATH_STORAGE = 4 * (PATH_ID_MAX + 8), REASON_MAX = 160, DETOUR_TEXT_MAX = 512 };

struct open_request {
	struct open_request *next;
	uint32_t mid;
	uint8_t method, hop_limit;
	bool if_match;
	char cuid[PATH_ID_MAX + 1];
	uint8_t *payload;
	size_t len;
	int64_t handle[2]; /* by line; 0: not open there */
	mono_ms sent[2];
	bool waiting[2]; /* to be sent (again) */
	struct upstream *u;
};

struct observation {
	struct observation *next;
	struct upstream *u;
	uint32_t mid;
	char cuid[PATH_ID_MAX + 1];
	int64_t handle;  /* on the current session; 0: not sent */
	bool subscribed; /* that is with Observe */
	bool answered;
	unsigned tries;
	mono_ms sent;
};

enum { CURRENT, CANDIDATE };

/* Whom it was redirected to: stands in for the configured server. */
struct detour {
	struct domain_server server; /* its links are those of the configured one */
	mono_ms until;               /* INT64_MAX: no end */
	unsigned hops;               /* redirections from the configured one to here */
	unsigned tries;              /* attempts in a row that failed */
	bool elsewhere;              /* another upstream has a session with it */
	bool was_up;
	/* The pace of the configured one, for when it is back: */
	mono_ms home_failed;
	bool home_ever_up;
};

struct contact {
	char *name;
	mono_ms when;
	bool in_vain;
};

/* What is negotiated for the current session: upstream_config.c. */
enum { BARGAIN_TEXT_MAX = 2 * SESSION_PARAMS_TEXT_MAX + 64 };
struct bargain {
	struct session_config config; /* in force */
	enum session_set set;
	int64_t handle;                        /* of the question that is open; 0: none */
	mono_ms asked;                         /* when the last one was sent */
	uint32_t sid;                          /* the last one of a PUT, on whichever session */
	struct config_set offer[SESSION_SETS]; /* for a PUT … */
	bool offers;                           /* … which is to come */
	bool again;                            /* one was out of range already */
	bool refused;                          /* for good, as far as this session goes */
	bool clamped;                          /* not all that is wanted can be had */
	bool reset;      /* what was negotiated is not what is wanted any more */
	mono_ms due;     /* of the next question; INT64_MAX: none */
	mono_ms refresh; /* when it is taken: the next one after it */
	struct timer *timer;
	char told[BARGAIN_TEXT_MAX];
};

struct upstream {
	struct upstream_context cx;
	const struct homing *homing;
	const struct domain *domain;
	const struct domain_server *home;   /* as configured */
	const struct domain_server *server; /* that attempts go to; of the detour if there is one */
	struct credentials *credentials;
	struct access access; /* of the attempts under way, and of the look-up */
	size_t first_access;  /* tried before the others */
	struct resolver *resolver;
	struct addr addrs[RESOLVER_ADDRS_MAX];
	size_t n_addrs, next_addr;
	mono_ms addrs_until;
	bool resolving;
	struct session *session[2]; /* current, candidate */
	struct resumption *resume;
	enum session_transport resume_over;
	struct race *race; /* attempts under way; NULL: none */
	struct outcome *failures;
	size_t n_failures;
	struct heartbeat hb;
	int64_t hb_handle;
	mono_ms hb_sent, dialled;
	struct bargain bargain;
	struct timer *hb_timer, *dial_timer, *race_timer, *probe_timer, *observe_timer,
		*window_timer, *certificate_timer;
	enum availability availability;
	mono_ms next_attempt; /* INT64_MAX: none planned */
	mono_ms failed;       /* when the last attempt failed or was cut off; 0: it did not */
	mono_ms candidate_up; /* since when the candidate is; 0: it is not yet */
	mono_ms heard;
	bool ever_up;
	bool answered;  /* the server has answered something on the current session */
	bool pressing;  /* a request is unanswered there: another session is tried beside it */
	bool suspended; /* an attempt waits for a link, an address or a route */
	int64_t local_retry;
	char interface[IFNAMSIZ];
	char reason[REASON_MAX];
	struct open_request *requests; /* in the order in which they were begun */
	unsigned in_a_row;
	struct pacing pacing; /* of datagrams to that server */
	struct observation *observations;
	/* upstream_redirect.c */
	struct detour *detour, *next_detour; /* NULL: none; the next one begins with the timer */
	char *with;  /* name of the server that the current session is, or was last, with */
	bool moving; /* the current session is not with `server`, or was not: an attempt at
			`server` takes its place */
	bool strict; /* … or ends it, for the time of the detour is over */
	enum {
		RETURN_NOT,
		RETURN_EXPIRED,
		RETURN_UNREACHABLE,
		RETURN_LOOP,
		RETURN_ELSEWHERE,
		RETURN_DISTRUSTED,
	} returning;     /* with the timer */
	mono_ms shunned; /* it redirects where we do not go: unavailable until then; 0: not */
	struct timer *redirect_timer;
	struct contact contacts[UPSTREAM_CONTACTS_MAX - 1]; /* left, or tried in vain */
	unsigned n_contacts;                                /* ever */
	char told[DETOUR_TEXT_MAX];                         /* the refusal that was told last */
	mono_ms told_at;
};

/* upstream.c */
/* Tells the owner if its availability has changed. */
void upstream_see(struct upstream *u);

/* upstream_link.c */
/* The way that attempts take now. False: all links are down; then *ret is the first. */
bool upstream_link_pick(const struct upstream *u, struct access *ret);
/* The current session's link is up, and its address is there still. */
bool upstream_link_works(const struct upstream *u);
void upstream_link_wait(struct upstream *u, const char *interface); /* no attempt until it is up */

/* upstream_request.c */
/* storage: PATH_STORAGE, borrowed by *m. */
void upstream_request_build(const struct upstream *u, struct coap_msg *m, uint8_t method,
	const char *cuid, uint32_t mid, char *storage);
/* When the next datagram may go to that server, now at the earliest: as much as was sent lately has
 * to be waited for (RFC 9132 4.4). Over TCP nothing has. */
mono_ms upstream_request_turn(const struct upstream *u);
/* Gives up the place of the one sent longest ago on that session; false: there is none. */
bool upstream_request_make_room(struct upstream *u, int line);
void upstream_request_drop(struct upstream *u, struct open_request *r);
/* All of them go out on that session. */
void upstream_request_all(struct upstream *u, int line);
void upstream_request_window(void *arg); /* timer */
/* That session is over. */
void upstream_request_line_gone(struct upstream *u, int line);
/* The candidate is the current session from now on. */
void upstream_request_promote(struct upstream *u);

/* upstream_config.c */
void upstream_config_due(void *arg);            /* timer */
void upstream_config_begin(struct upstream *u); /* there is a new current session */
void upstream_config_lost(struct upstream *u);  /* there is none */
/* Its domain will be that of a new snapshot. */
void upstream_config_rebind(struct upstream *u, const struct domain *to);

/* upstream_observe.c */
void upstream_observe_due(void *arg); /* timer */
void upstream_observe_end(struct upstream *u, uint32_t mid);
/* The session that carried them is over or left. */
void upstream_observe_reset(struct upstream *u);
void upstream_observe_renew(struct upstream *u); /* all, on the current session */

/* upstream_session.c */
extern const struct session_ops upstream_session_ops;
void upstream_session_hb_due(void *arg); /* timer */
void upstream_session_hb_rearm(struct upstream *u);
void upstream_session_certificate_due(void *arg); /* timer */
/* The caller tells that it is `renewed`, if an answer has decided it, after that. */
void upstream_session_promote(struct upstream *u);
/* Not needed, or cut off. */
void upstream_session_drop_candidate(struct upstream *u);
/* The current session is heard and nothing is open on it. */
void upstream_session_serves(struct upstream *u);
/* The current session is gone. A candidate that is up takes its place. */
void upstream_session_lost(struct upstream *u, const char *reason);

/* upstream_dial.c */
void upstream_dial_due(void *arg); /* timer */
void upstream_dial_at(struct upstream *u, mono_ms when);
/* One attempt now; nothing while one is under way, the link is known to be down or the last failure
 * is too near. */
void upstream_dial_begin(struct upstream *u, const char *why);
bool upstream_dial_under_way(const struct upstream *u);
/* s: the session that failed, NULL: none was begun. */
void upstream_dial_failed(struct upstream *u, const struct session *s, const char *reason);
void upstream_dial_tell(
	struct upstream *u, const struct session *s, const char *reason, int64_t retry_s);
/* A handshake; NULL: nothing can be sent there, `why` says so. */
struct session *upstream_dial_address(struct upstream *u, const char *interface,
	const struct addr *to, enum session_transport transport, const char *cause,
	char why[static REASON_MAX]);
/* The moment from which on the pace of RFC 9132 4.7 allows an attempt. */
mono_ms upstream_dial_soonest(const struct upstream *u);
bool upstream_dial_wanted(const struct upstream *u); /* beside or instead of the current one */

/* upstream_redirect.c */
void upstream_redirect_due(void *arg); /* timer */
/* True: that answer of the server is a redirection which is followed, or has been already; what was
 * asked is still open, for the other server. mitigation: it was a request for one, or is about one.
 */
bool upstream_redirect_take(struct upstream *u, const struct coap_msg *m, bool mitigation);
/* There is a new current session, with `server`. */
void upstream_redirect_arrived(struct upstream *u);
/* An attempt at `server` failed. */
void upstream_redirect_failed(struct upstream *u);
/* Nothing can be sent to it, its name has no address. True: it is the alternate one, and was never
 * up, so it is given up. */
bool upstream_redirect_give_up(struct upstream *u);
/* Of what its name was resolved to, the addresses that may be tried stay; false: there are none. */
bool upstream_redirect_resolved(struct upstream *u);
void upstream_redirect_rebind(struct upstream *u); /* home has changed */
void upstream_redirect_forget(struct upstream *u); /* one that is only planned */
void upstream_redirect_end(struct upstream *u);    /* frees what it has here */

/* upstream_race.c */
struct race_field {
	const struct addr *addrs;
	size_t n;
	bool over[SESSION_TCP + 1]; /* by transport */
	bool probe;                 /* beside a session that serves; a failure changes nothing */
};
void upstream_race_due(void *arg);   /* timer */
void upstream_race_probe(void *arg); /* timer */
/* False: none could be begun, `why` says what was in the way of the first. */
bool upstream_race_begin(struct upstream *u, const struct race_field *field, const char *interface,
	const char *cause, char why[static REASON_MAX]);
void upstream_race_stop(struct upstream *u);
bool upstream_race_probes(const struct upstream *u); /* one for UDP is under way */
/* That one is up: it is the candidate, and the race is over. True: it was a probe. */
bool upstream_race_won(struct upstream *u, struct session *s);
/* False: it is none of the race. */
bool upstream_race_lost(struct upstream *u, struct session *s, const char *reason);
/* There is a new current session. */
void upstream_race_settled(struct upstream *u);

#endif
