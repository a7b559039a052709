/*
 * The DOTS server role: sessions of authorised clients, their mitigation requests and what becomes
 * of them (RFC 9132 4.4-4.7, 8). A gateway is this with an escalation.
 */
#ifndef DOTSD_ROLE_SERVER_H
#define DOTSD_ROLE_SERVER_H

#include "base/loop.h"
#include "core/client.h"
#include "core/heartbeat.h"
#include "core/mitigation.h"
#include "core/mitigator.h"
#include "core/overload.h"
#include "core/persist.h"
#include "core/session_config.h"
#include "net/session.h"
#include "role/names.h"

/* Asks somebody else before a request is answered (role/gateway). key: "client/cuid/mid". */
struct escalation;
struct escalation_status {
	enum dots_status status; /* 0: nothing is known */
	bool loops; /* refused for that: nothing has ended there, whatever the status says */
	struct conflict conflict;
	bool counted;            /* the next two are known */
	uint64_t packets, bytes; /* dropped there */
};
struct escalation_request {
	const char *key;
	const struct scope *scope;
	const struct cover *cover; /* what it stands for; NULL: the prefixes of the scope */
	size_t share;      /* as many as that client may have at a time, those being withdrawn
			      included; beyond: 5.03 */
	bool refresh;      /* it is on record already: renews what was asked for */
	uint8_t hop_limit; /* to go on with, at least 1 (RFC 8768 3) */
	const char *cdid;  /* of whom it is for: by what it has proven, or what a gateway in front
			      of us that is trusted calls it (RFC 9132 4.4.1.2) */
};
enum { ESCALATION_UPSTREAM_MAX = 256 };
struct escalation_asked {
	struct verdict verdict; /* a refusal: there is nobody to ask, nothing is kept */
	char upstream[ESCALATION_UPSTREAM_MAX]; /* who is asked, for the operator */
};
struct escalation_ops {
	/* decide is called once, from the loop, and never after withdraw; lifetime: the longest
	 * that may be granted, -1 for ever, 0: as asked. Asked again under the same key before
	 * that, it takes the place of what was asked. Of a verdict 5.08 `why` is who the loop leads
	 * through, as far as clients may know (RFC 8768 4), else empty. */
	void (*admit)(struct escalation *e, const struct escalation_request *r,
		void (*decide)(void *arg, const struct verdict *v, int64_t lifetime), void *arg);
	/* Asks beside mitigators of the server's own, or renews that. Nobody waits for the answer:
	 * on_status tells it. Without `refresh` what was refused is asked for again. */
	void (*ask)(struct escalation *e, const struct escalation_request *r,
		struct escalation_asked *ret);
	/* No longer wanted: withdrawn, expired or overridden. An unknown key is fine. */
	void (*withdraw)(struct escalation *e, const char *key);
	/* Once, when what is on record is known: stands tells whether a key is. */
	void (*restored)(
		struct escalation *e, bool (*stands)(void *arg, const char *key), void *arg);
	/* status: from the loop, after each change. */
	void (*on_status)(struct escalation *e,
		void (*status)(void *arg, const char *key, const struct escalation_status *s),
		void *arg);
};
struct escalation {
	const struct escalation_ops *ops;
};

struct psk_entry {
	char *identity;
	uint8_t key[64];
	size_t len;
};

struct server_setup {
	const char *name; /* for events */
	const struct listen_socket *sockets;
	size_t n_sockets;
	struct credentials *credentials;
	const struct psk_entry *psk; /* of all clients */
	size_t n_psk;
	const struct clients *clients; /* borrowed, like everything here, until reload or free */
	struct heartbeat_config heartbeat;           /* without negotiation, in both sets, … */
	struct session_choice session[SESSION_SETS]; /* … but for these */
	const struct session_range *range; /* of what clients may negotiate; NULL: the default */
	uint32_t config_max_age;           /* as of struct session_terms; 0: for ever */
	struct mitigation_policy policy;
	struct overload_rule above; /* where there are mitigators of our own: upstream is asked
				       only beyond that; rate 0: always */
	uint32_t max_sessions, max_half_open, max_half_open_per_prefix, handshakes_per_turn,
		handshake_timeout_ms;  /* of the listener (net/session.h) */
	uint32_t max_body, max_bodies; /* as of struct listener_config */
	uint32_t max_observers;        /* of all clients */
	struct names_sources names;    /* who is asked for targets that are names; both empty: they
					  are refused */
};

/* The data channel beside it (role/data_server.h). */
struct server_data;
struct server_data_ops {
	/* What a client has put on record under that cuid; NULL: nothing of that name. */
	const struct alias *(*alias)(
		struct server_data *d, const char *client, const char *cuid, const char *name);
	bool (*has_acl)(
		struct server_data *d, const char *client, const char *cuid, const char *acl);
	/* RFC 9133 3.2.1: on record, and in force as far as the mitigators follow. *ret_before:
	 * what it was; may be NULL. False: there is none. */
	bool (*activate)(struct server_data *d, const char *cuid, const char *acl,
		enum activation_type type, enum activation_type *ret_before);
	/* Some mitigator has not said yet that what is to be in force of that client is. */
	bool (*is_installing)(struct server_data *d, const char *client);
	/* A mitigation of that client and cuid is active, or none is. */
	void (*mitigating)(
		struct server_data *d, const char *client, const char *cuid, bool mitigating);
	/* What the mitigators report (core/mitigator.h). */
	void (*installed)(struct server_data *d, const char *client, const char *why);
	void (*counters)(struct server_data *d, uint64_t rule, uint64_t packets, uint64_t bytes);
};
struct server_data {
	const struct server_data_ops *ops; /* implementations embed this struct first */
};

struct dots_server;

/* mitigators: started and freed by the caller; their events are set by server_events below.
 * NULL with `why` when a socket cannot be opened. */
struct dots_server *server_new(struct loop *l, struct persist *p, const struct server_setup *s,
	struct mitigator **mitigators, size_t n_mitigators, struct escalation *escalation,
	char *why, size_t cap);
void server_free(struct dots_server *s); /* closes sessions, leaves filters in place */
/* New clients, credentials, policy; live sessions are judged again, mitigations whose scope is no
 * longer authorised end with status 7 (M17). Sockets stay. */
void server_reload(struct dots_server *s, const struct server_setup *setup);
/* Where names are looked up has changed, nothing else. */
void server_set_names(struct dots_server *s, const struct names_sources *from);
/* What mitigators report to; arg of the n-th mitigator's events. */
struct mitigator_events server_events(struct dots_server *s, size_t mitigator);
/* The data channel beside it, before either is started: aliases come from there, and it learns for
 * whom a mitigation is on. Borrowed. */
void server_attach_data(struct dots_server *s, struct server_data *data);
/* An ACL that a client has on record under that cuid has become something else (core/data.h): it is
 * told with the status of its mitigations that are on (RFC 9133 3.2.1). */
void server_filter_changed(struct dots_server *s, const char *client, const char *cuid,
	const char *acl, enum activation_type type, bool by_signal);
/* Whether a cuid is another client's here: both channels have the same (RFC 8783 5.1). */
bool server_cuid_is_foreign(const struct dots_server *s, const char *client, const char *cuid);
/* Reads the store and synchronises the mitigators with it: call once, before the loop runs. */
void server_start(struct dots_server *s);

/* The wall clock was set: lifetimes inside do not change, what the store holds of them does. */
void server_clock_set(struct dots_server *s);

/*
 * Drained, a server sends its clients to another one (RFC 9132 4.6, RFC 8811 3.2.2): whatever they
 * ask but to withdraw is answered 5.03 with that server, and heartbeats to them end. Without
 * another one new mitigation requests are refused. A client for which a mitigation is on is served
 * as before until it has withdrawn it (RFC 8612 SIG-005). It lasts until it is taken back or the
 * server ends.
 */
enum { DRAIN_ADDRESSES_MAX = 128 };
struct drain {
	char *to; /* name; NULL: nobody */
	struct addr *addresses;
	size_t n_addresses;
	uint32_t ttl; /* Max-Age, at least 1; UINT32_MAX: for good */
	bool force;   /* those with a mitigation, too */
};
void server_drain(struct dots_server *s, const struct drain *d); /* copied; NULL: it ends */
/* NULL: it does not drain. ret_deferred: clients there that are served for their mitigations. */
const struct drain *server_draining(const struct dots_server *s, size_t *ret_deferred);

const struct book *server_book(const struct dots_server *s);
struct peer_view {
	const char *client, *credential, *ca, *state; /* "available", "silent" */
	struct endpoint local, remote;
	const char *interface, *transport; /* "udp", "tcp" */
	bool resumed;
	int64_t heard_s;
	const char *set; /* of parameters that is in force: "mitigating", "idle" */
	uint32_t sid;    /* by which it was negotiated; 0: it is the default */
	struct session_params params;
};
void server_sessions(
	struct dots_server *s, void (*visit)(void *arg, const struct peer_view *v), void *arg);
size_t server_handshakes(const struct dots_server *s); /* under way */
/* By the operator's hand: that mitigation ends with status 7 (RFC 9132 table 3), or 6 if its client
 * has withdrawn it; upstream is told. reason: the operator's words for the audit, or NULL. 2.xx, or
 * why not. */
struct verdict server_terminate(struct dots_server *s, uint64_t id, const char *reason);
/* A suspended client gets nothing new (4.03). What stands is served on, refreshed, told of and
 * withdrawn as before, and ended by server_terminate; `end`: now. It lasts, also over restarts,
 * until the client is resumed. */
struct verdict server_suspend(
	struct dots_server *s, const char *client, const char *reason, bool end);
struct verdict server_resume(struct dots_server *s, const char *client);
size_t server_suspended(const struct dots_server *s); /* how many */
bool server_is_suspended(const struct dots_server *s, const char *client);
/* What one client has; borrowed during the call. */
struct client_view {
	const struct client *client; /* what it may have */
	struct book_share share;
	size_t sessions, observers;
	int64_t heard_s;     /* since its last word; -1: no session */
	uint64_t refused;    /* requests and handshakes, since the start */
	const char *refusal; /* the last of them; NULL */
	bool suspended;
	wall_ms since;      /* of the suspension */
	const char *reason; /* likewise, in the operator's words; "" */
};
void server_clients(
	struct dots_server *s, void (*visit)(void *arg, const struct client_view *v), void *arg);
/* One of them; false: there is none of that name. Valid until the loop runs. */
bool server_client(struct dots_server *s, const char *client, struct client_view *ret);
/* By the operator's hand: that mitigation is too much for our own mitigators, upstream is asked for
 * it (RFC 8811 3.2.3, 3.3.1), again if it was before. 2.xx, or why not. */
struct verdict server_escalate(struct dots_server *s, uint64_t id);

#endif
