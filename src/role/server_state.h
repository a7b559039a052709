/*
 * Shared by the files of the server role only: server.c (life, mitigators), peer.c (sessions),
 * signal_server.c (routes), admission.c (PUT of a mitigation request), negotiation.c (session
 * configuration), answer.c (responses that wait for the store), drain.c, observe.c, record.c,
 * recursion.c, naming.c, operator.c, activation.c.
 */
#ifndef DOTSD_ROLE_SERVER_STATE_H
#define DOTSD_ROLE_SERVER_STATE_H

#include <sys/queue.h>

#include "base/event.h"
#include "base/map.h"
#include "core/loss.h"
#include "core/probing.h"
#include "core/rate.h"
#include "role/lifetime.h"
#include "role/server.h"
#include "wire/path.h"

struct observer; /* observe.c */
LIST_HEAD(observer_list, observer);
struct filter_wait; /* filters.c */
LIST_HEAD(filter_wait_list, filter_wait);
struct answer; /* answer.c */
TAILQ_HEAD(answer_list, answer);

/* The sessions of one `clients:` entry. */
struct peer_group {
	struct dots_server *server;
	char *client;
	struct peer *peers;
	size_t n, n_observers;
	struct rate requests, handshakes;
	uint64_t refused; /* requests and handshakes, since the start */
	char *refusal;    /* the last of them; NULL */
	/* What it can make us say: sessions that come up, requests refused, and requests that
	 * change nothing and are never refused. */
	struct event_quota sessions, refusals, idle;
	struct loss loss;
	uint64_t patience_ms;  /* of the session that was heard last */
	struct timer *absence; /* to look whether it is lost, while it has no session */
	bool left;             /* in order, and that is on record */
	bool queued;           /* lost: in server.lost */
	TAILQ_ENTRY(peer_group) of_lost;
};
TAILQ_HEAD(peer_group_list, peer_group);

/* Who is told of changes of a session's configuration; there is one at most. */
struct config_observer {
	bool on, has_sid;
	uint8_t token_len, token[COAP_TOKEN_MAX];
	uint32_t sid; /* of what is observed, if it has one */
	uint32_t sequence;
};

/* One live session. */
struct peer {
	struct peer *next, **self; /* in its group */
	struct peer_group *group;
	struct dots_server *server;
	struct session *session;
	struct heartbeat hb;
	struct timer *timer;
	int64_t hb_handle;
	mono_ms heard;
	bool told;       /* that it is up */
	bool redirected; /* nothing is asked of it any more (RFC 8811 3.2.2) */
	bool silent;     /* its end is for that (4.7) */
	bool dismissed;  /* by a reload */
	struct observer_list observers;
	struct session_config config;
	enum session_set set; /* in force */
	struct config_observer config_observer;
	struct probing probing; /* while it is silent */
};

/* One request on its way through. */
struct request {
	struct dots_server *server;
	struct peer *peer;
	struct session *session;
	struct exchange *ex;
	const struct coap_msg *msg;
	const struct client *asker;  /* whose session it is */
	const struct client *client; /* whom it is for: the asker, or who a gateway says */
	struct path path;
	uint8_t hop_limit; /* 0: it has none */
	struct arena *arena;
};

struct dots_server {
	struct loop *loop;
	struct persist *persist;
	struct server_setup setup;
	struct session_terms terms; /* by the setup … */
	bool terms_changed;         /* … and other ones than by that before */
	struct listener *listener;
	struct mitigator **mitigators;
	size_t n_mitigators;
	struct escalation *escalation;
	struct book *book;
	struct cuids *cuids;
	struct map *psk; /* identity -> struct psk_entry */
	struct lifetimes *lifetimes;
	struct timer *timer;   /* book_deadline */
	struct map *peers;     /* client -> its sessions */
	struct map *observers; /* "client/cuid" -> struct watchers, those that have any */
	size_t n_observers;
	struct map *admissions; /* key -> struct admission: looked up or asked upstream, not
				   answered yet */
	struct naming *naming;
	struct answer_list answers;  /* waiting for the store */
	struct timer *recheck;       /* runs while something is marked volatile */
	struct event_quota refusals; /* of handshakes */
	struct event_quota conflicts;
	struct map *suspended;       /* client -> struct suspension (operator.c) */
	struct peer_group_list lost; /* with requests that are still to be activated */
	struct timer *activations;
	mono_ms next_turn;
	bool ending; /* who loses its session by that has not left */
	struct filter_wait_list filter_waits;
	struct server_data *data;   /* NULL: there is no data channel */
	struct drain *drain;        /* NULL: it serves */
	size_t drain_fitting;       /* of its addresses, in a datagram */
	struct endpoint *endpoints; /* where clients reach us, learnt from sessions; survives */
	size_t n_endpoints;
};

/* peer.c */
extern const struct session_ops peer_session_ops;
const char *peer_client(const struct peer *p); /* name of its `clients:` entry */
struct peer_group *peer_group(struct dots_server *s, const char *client); /* made if need be */
void peer_rearm(struct peer *p); /* its heartbeats changed */
void peers_free(struct dots_server *s);
void peers_judge(struct dots_server *s);
/* The peer sent a heartbeat; hears: it says that it gets ours. */
void peer_heartbeat_request(struct peer *p, bool hears);
/* Of a client: sessions, observers, refusals. */
void peers_use(struct dots_server *s, const char *client, struct client_view *ret);
void group_refused(struct peer_group *g, const char *why); /* for the operator to see */
void peers_visit(
	struct dots_server *s, void (*visit)(void *arg, const struct peer_view *v), void *arg);

/* negotiation.c */
void negotiation_terms(struct dots_server *s); /* by a new setup */
void negotiation_begin(struct peer *p);        /* a session that is up */
/* Of a client that is not there: what its next session will begin with. */
const struct session_params *negotiation_expected(const struct dots_server *s, const char *client);
void negotiation_rebase(struct peer *p); /* the terms may be others now */
/* Whether a mitigation of that client is on may have changed. */
void negotiation_follow(struct dots_server *s, const char *client);
void negotiation_forget(struct peer *p, const uint8_t *token, size_t len); /* that observer */
void negotiation_get(struct request *r);
void negotiation_put(struct request *r);
void negotiation_delete(struct request *r);

/* signal_server.c */
void signal_refuse(const struct request *r, const struct verdict *v);
/* Whether a refusal is to be told; who is no client of ours any more is among the strangers. */
bool signal_may_tell(const struct request *r, const char **ret_untold);
void signal_note_refusal(const struct request *r, const char *why); /* for dotsctl clients */
/* Both, for a request that was refused before it reached a rule. */
void signal_raise_refused(const struct request *r, uint8_t code, const char *why);
/* False, with 4.00: its path has no cuid, or no mid where one is needed (RFC 9132 4.4.1.1). */
bool signal_needs(const struct request *r, bool mid, struct verdict *v);
void signal_serve(struct dots_server *s, struct peer *p, struct session *session,
	struct exchange *ex, const struct coap_msg *req);

/* admission.c: PUT of a mitigation request, and those that wait */
void admission_put(struct request *r);
/* Upstream is told that the request is no longer wanted; who still waits for its word gets v. */
void admission_withdraw(struct dots_server *s, const char *client, const char *cuid, uint32_t mid,
	const struct verdict *v);
/* The same for all that wait of a client. */
void admissions_withdraw(struct dots_server *s, const char *client, const struct verdict *v);
void admissions_free(struct dots_server *s);

/* Of a request that is granted. */
void admission_answer(
	struct dots_server *s, struct exchange *ex, const struct mitigation *m, uint8_t code);

/* filters.c: ACLs controlled by mitigation requests (RFC 9133) */
/* Of a PUT with acl-list: 2.04, or why not; 4.04 for an ACL that its client does not have. */
struct verdict filters_check(
	const struct request *r, const struct scope *s, const struct mitigation *known);
/* m is granted, with what was asked for it: a new one is answered once the mitigators have
 * followed, and stands without the filters if they do not; one that stands is only said again. */
void filters_control(struct dots_server *s, const struct mitigation *m, const struct scope *asked,
	struct exchange **exchanges, size_t n, uint8_t code);
/* The filters of that client are in force, or are not (why). */
void filters_installed(struct dots_server *s, const char *client, const char *why);
void filters_free(struct dots_server *s);

/* answer.c: a response held until everything put to the store so far is durable. */
struct answer_body {
	uint8_t code;
	const char *text;             /* diagnostic payload, or NULL */
	const struct signal_msg *msg; /* CBOR payload, or NULL */
	uint32_t max_age;             /* 0: none */
	bool has_observe;
	uint32_t observe;
};
/* False: it was larger than anything that is sent, and became an error that says so. */
bool answer_now(struct exchange *ex, const struct answer_body *body);
/* mitigation: id to be marked volatile if the store fails; 0 none. */
void answer_stored(struct dots_server *s, struct exchange *ex, const struct answer_body *body,
	uint64_t mitigation);
void answer_verdict(struct exchange *ex, const struct verdict *v);
void answers_recheck(void *arg); /* server: has the store taken what is marked volatile? */
void answers_free(struct dots_server *s);
/* Builds payload and options of a response; the payload lives in out. False: as with answer_now. */
bool answer_build(struct coap_msg *m, const struct answer_body *body, struct buf *out);
void answer_too_large(struct coap_msg *m); /* that error */

/* drain.c */
/* What that client asks is answered by drain_answer. is_new: a mitigation request not on record. */
bool drain_refuses(const struct dots_server *s, const char *client, bool is_new);
void drain_answer(struct peer *p, struct exchange *ex);
void drain_free(struct dots_server *s);

/* observe.c */
/* That error is the last notification to each observer on that session (RFC 7641 4.2). */
void observe_end(struct peer *p, const struct answer_body *body);
/* client: whose requests are watched, on the session of p. False: too many already, answered as a
 * plain GET (RFC 7641 4.1). *ret_sequence is for the answer. */
bool observe_add(struct peer *p, const char *client, const struct coap_msg *req,
	const struct path *path, uint32_t *ret_sequence);
void observe_remove(struct peer *p, const uint8_t *token, size_t len);
void observe_session_gone(struct peer *p);
void observe_heard(struct peer *p); /* it was silent: what it was not told it is told now */
/* The mitigation changed, or ended (ended: last word to those who watch it). */
void observe_changed(struct dots_server *s, const struct mitigation *m, bool ended);
void observers_free(struct dots_server *s);

/* recursion.c: own mitigators act and answer, upstream is asked beside them (RFC 8811 3.2.3) */
bool recursion_is_on(const struct dots_server *s);
/* A request was granted or renewed; its effects are carried out. */
void recursion_granted(struct dots_server *s, struct mitigation *m);
/* Names of it stand for other addresses: whoever is asked upstream is to know. */
void recursion_moved(struct dots_server *s, const struct mitigation *m);
/* Its client was lost, it has become active. */
void recursion_activated(struct dots_server *s, struct mitigation *m);
/* Active no more: upstream is not asked for its immediate form any longer. */
void recursion_deactivated(struct dots_server *s, struct mitigation *m);
void recursion_withdraw_immediate(
	struct dots_server *s, const char *client, const char *cuid, uint32_t mid);
/* Our own mitigators counted. */
void recursion_measure(struct dots_server *s, struct mitigation *m);
/* What the escalation tells; of a gateway without mitigators of its own, too. */
void recursion_listen(struct dots_server *s);
/* Upstream is told what of it is still wanted, once, when the book is restored. */
void recursion_restored(struct dots_server *s);

/* naming.c: what requests for names and aliases stand for */
struct naming *naming_new(struct dots_server *s);
void naming_free(struct naming *n);
/* Whether names can be looked up at all. */
bool naming_is_on(const struct dots_server *s);
/* A new configuration: all covers are judged again (M17). */
void naming_reload(struct dots_server *s);
/* A request is on record: its names are looked up again when their time is over. Again: nothing
 * happens. */
void naming_follow(struct dots_server *s, const struct mitigation *m);
void naming_forget(struct dots_server *s, const struct mitigation *m);
/* Finds out about the names of a cover. Done is called once, from the loop, when all are found out
 * about, or after NAMING_PATIENCE_MS; until it is freed they stay wanted. NULL: so many of that
 * client, or of all, are under way already. */
enum { NAMING_PATIENCE_MS = 3000, NAMING_MAX = 64, NAMING_CLIENT_MAX = 16 };
struct inquiry;
struct inquiry *naming_ask(struct dots_server *s, const struct client *c, struct cover *cv,
	void (*done)(void *arg), void *arg);
void inquiry_free(struct inquiry *q); /* NULL is legal; done is not called any more */
/* What the mitigation stands for just now, for events. */
void naming_scope_text(const struct mitigation *m, struct buf *out);
/* Of names and aliases as they were asked for: separated by commas; NULL: there are none. */
const char *naming_text(const struct target *t, struct buf *out);

/* activation.c: preconfigured requests of clients that are lost (RFC 9132 4.4.1.3, 4.7) */
void activation_came(struct peer *p);  /* a session is up */
void activation_heard(struct peer *p); /* any authenticated datagram */
/* A session is over; orderly: by the word of either end. */
void activation_gone(struct peer_group *g, bool orderly);
void activation_absent(void *arg);                /* peer_group: has it been away for too long? */
void activations_due(void *arg);                  /* server: the next few */
void activations_restored(struct dots_server *s); /* the book is */

/* operator.c */
/* Of a new request of that client: 2.01, or the refusal because it is suspended. */
struct verdict suspension_verdict(const struct dots_server *s, const char *client);
void suspensions_restore(struct dots_server *s);
void suspensions_free(struct dots_server *s);

/* record.c */
/* That client has ended its last session in order: it is not lost, over our restarts, too. */
void record_left(struct dots_server *s, const char *client, bool left);
void record_put(struct dots_server *s, struct mitigation *m);
void record_extend(struct dots_server *s, struct mitigation *m); /* only its lifetime changed */
void record_remove(struct dots_server *s, const struct mitigation *m);
void record_cuid(struct dots_server *s, const char *client, const char *cuid);
void record_endpoint(struct dots_server *s, const struct endpoint *e);
void records_restore(struct dots_server *s);
void records_rewrite(struct dots_server *s); /* the wall clock was set */

/* server.c */
void server_apply(struct dots_server *s, struct effects *fx); /* carries out and finishes them */
void server_flows(struct dots_server *s, const char *client);
/* The server ends it (status 7), whatever its client wants. */
void server_end(
	struct dots_server *s, struct mitigation *m, const char *reason, struct effects *fx);
/* True: it was not known yet. */
bool server_learn_endpoint(struct dots_server *s, const struct endpoint *e);
char *server_key(
	const char *client, const char *cuid, uint32_t mid);     /* "client/cuid/mid", malloc'ed */
void server_scope_text(const struct target *t, struct buf *out); /* for events */

#endif
