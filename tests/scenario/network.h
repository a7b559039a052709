/*
 * Who lives in the virtual world: providers (the real server role), customers (the real client
 * role), gateways (both), scripted servers that answer as a test says.
 */
#ifndef DOTSD_TESTS_SCENARIO_NETWORK_H
#define DOTSD_TESTS_SCENARIO_NETWORK_H

#include "../unit/homing/fixture.h"
#include "virtual.h"

#include "role/client.h"
#include "role/gateway.h"
#include "role/server.h"

/* --- providers ------------------------------------------------------------------------------ */

struct provider {
	const char *name; /* of host and server */
	struct loop *loop;
	struct listen_socket socket;
	struct credentials *credentials;
	struct clients *clients;
	struct recorder *recorder;
	struct mitigator *mitigators[1];
	size_t n_mitigators;
	struct server_setup setup;
	struct dots_server *server; /* NULL: stopped */
	struct escalation *escalation;
};
/* Serves one client, "acme", for those prefixes. Not started. */
void provider_make(struct provider *p, const char *name, const char *address, const char *prefixes);
/* One more client, of that certificate name. */
void provider_client(struct provider *p, const char *name, const char *prefixes);
/* One that is a gateway of the provider's domain, or that goes by these cdids ("a b") there. */
void provider_gateway(struct provider *p, const char *name, const char *prefixes);
void provider_customer(
	struct provider *p, const char *name, const char *prefixes, const char *cdids);
/* What that client asks for is handled there and goes nowhere else. */
void provider_local(struct provider *p, const char *client);
void provider_start(struct provider *p);
void provider_stop(struct provider *p);    /* in order: sessions are closed */
void provider_restart(struct provider *p); /* after a crash, or in order */
void provider_crash(struct provider *p);
void provider_free(struct provider *p);
size_t provider_sessions(const struct provider *p);
/* Of the one mitigation of that mid, NULL if there is none. */
const struct mitigation *provider_mitigation(const struct provider *p, uint32_t mid);
size_t provider_mitigations(const struct provider *p);

/* --- customers ------------------------------------------------------------------------------ */

enum { DOMAINS_MAX = 4 };
struct customer {
	struct loop *loop;
	struct homing *homing;
	struct credentials *credentials[DOMAINS_MAX];
	struct dots_client *client; /* NULL: stopped */
	struct arena *arena;
};
/* Domains as in ../unit/homing/fixture.h; a server's address is set by customer_address, else it is
 * looked up. Its certificate is acme in each. Not started. */
void customer_make(struct customer *c, const char *const *domains, size_t n);
void customer_address(struct customer *c, const char *server, const char *address);
void customer_resolver(struct customer *c, const char *domain, const char *address);
/* A new snapshot of these domains; `fill` sets addresses and the like of it. Credentials of domains
 * named in `renew` are new ones. */
void customer_reload(struct customer *c, const char *const *domains, size_t n,
	void (*fill)(struct customer *c), const char *renew);
void customer_start(struct customer *c);
void customer_stop(struct customer *c);
void customer_restart(struct customer *c); /* after a crash, or in order */
void customer_free(struct customer *c);
/* id NULL: one is made. The error of wishes_ask. duration 0: until released. */
int customer_ask(struct customer *c, const char *id, const char *target, int64_t duration);
int customer_preconfigure(struct customer *c, const char *id, const char *target);
int customer_release(struct customer *c, const char *id);
/* Of the n-th part of that wish; WISH_ENDED + 1 if there is no such wish or part. */
enum { NO_WISH = WISH_ENDED + 1 };
struct wish_part customer_part(struct customer *c, const char *id, size_t n);
enum wish_state customer_state(struct customer *c, const char *id, size_t n);
size_t customer_wishes(const struct customer *c);
/* "available", "silent"…; of that server. */
const char *customer_server(struct customer *c, const char *server);
const char *customer_transport(struct customer *c, const char *server);

/* --- a client by hand ----------------------------------------------------------------------- */

/* Of the certificate name; answers heartbeats unless deaf. */
struct hand {
	struct loop *loop;
	struct credentials *credentials;
	struct session *session; /* NULL: not up */
	bool answers_heartbeats;
	unsigned heartbeats; /* of the server */
	bool deaf;           /* says that it hears none of them */
	bool server_hears;   /* peer-hb-status of the last one */
	uint8_t code;        /* of the last response to hand_put and the like; 0: none yet */
	int64_t lifetime;    /* in it; 0 none */
	uint32_t max_age;
	struct conflict conflict; /* in it, or in the last notification */
	uint64_t conflict_has;    /* CONFLICT_…, which nodes it has */
	char contested[200];      /* its conflict-scope: "192.0.2.66/32,…" or "mid 7" */
	char text[200];           /* the diagnostic payload */
	mono_ms answered;
	unsigned notifications;
	uint64_t status;                        /* in the last notification, of its first entry */
	unsigned entries;                       /* in it */
	int64_t observation;                    /* handle of the last one */
	struct config_set config[SESSION_SETS]; /* in the last answer that had one */
	unsigned config_notifications;
	const char *cdid;    /* in what is asked from now on; NULL: without one */
	const char *cuid;    /* likewise; NULL: its own */
	bool preconfigured;  /* what is asked from now on: trigger-mitigation false */
	const char *acls;    /* likewise: its acl-list, "a=deactivate b=immediate"; NULL: none */
	char told_acls[200]; /* acl-list of the last notification or answer, in that form; "" */
	int hop_limit;       /* in what is asked from now on; 0: without it, -1: one of no octets */
	struct arena *arena;
};
void hand_make(struct hand *h, const char *certificate, const char *address);
void hand_begin(struct hand *h, const char *server, const char *server_address); /* to dial */
void hand_dial(struct hand *h, const char *server, const char *server_address);  /* until up */
void hand_put(struct hand *h, uint32_t mid, const char *target, int64_t lifetime);
/* Domain names, URIs and "@alias", with blanks between. */
void hand_put_names(struct hand *h, uint32_t mid, const char *names);
void hand_delete(struct hand *h, uint32_t mid);
void hand_observe(struct hand *h, uint32_t mid); /* 0: all */
void hand_forget(struct hand *h);                /* the observation, without a word to the server */
void hand_heartbeat(struct hand *h);
/* Of the session configuration; sid 0: without. sets: of a PUT. type: COAP_CON, COAP_NON. */
void hand_config(struct hand *h, enum coap_type type, uint8_t method, uint32_t sid,
	const struct config_set *sets);
void hand_observe_config(struct hand *h, uint32_t sid);
void hand_free(struct hand *h);

/* --- a server by script --------------------------------------------------------------------- */

/* What is said to a method; the default is consent. */
struct script {
	struct loop *loop;
	struct listener *listener;
	struct credentials *credentials;
	struct session *session;  /* the last that came up */
	bool silent;              /* to mitigation requests */
	uint8_t put, get, delete; /* codes; 0: 2.01 or 2.04, 2.05, 2.02 */
	int64_t lifetime;         /* granted; 0: what was asked */
	uint32_t max_age;
	struct conflict conflict;    /* in answers to PUT and GET, in notifications */
	uint64_t status;             /* in answers to GET */
	const char *text;            /* in refusals of a PUT; NULL: none */
	const char *redirect;        /* a PUT is answered 5.03 with that server, Max-Age max_age */
	bool redirects_heartbeats;   /* they are, too */
	char taken[PATH_ID_MAX + 1]; /* a cuid of another client: 4.09 to it; "": none is */
	bool fails_acls;             /* a PUT with acl-list: 5.03 with it (RFC 9133 figure 1) */
	uint8_t put_acls;            /* else, to such a one; 0: as to any */
	const char
		*acls; /* acl-list in answers to GET and notifications, as of a hand; NULL: none */
	char asked_acls[200]; /* of the last PUT */
	unsigned acl_puts;    /* PUTs that had one */
	uint64_t packets;     /* dropped, in answers to GET; of 100 bytes each */
	unsigned puts, gets, deletes, heartbeats;
	unsigned preconfigured; /* PUTs with trigger-mitigation false, the last of them … */
	uint32_t waiting;       /* … for this mid: its status is 8 */
	unsigned ups;           /* sessions that came up */
	/* Its session configuration: told if there is anything in it, else 4.04. A PUT of it is
	 * answered config_put (0: 2.01, and it is told from then on). */
	struct config_set config[SESSION_SETS];
	uint8_t config_put;
	uint32_t config_max_age; /* 0: none */
	bool config_silent;
	unsigned config_gets, config_puts, config_deletes;
	bool config_by_sid;                           /* the last one was */
	uint32_t config_sid;                          /* in it */
	enum coap_type config_type;                   /* likewise */
	struct config_set config_asked[SESSION_SETS]; /* by the last PUT */
	char cuid[PATH_ID_MAX + 1];                   /* of the last request */
	char cdid[PATH_ID_MAX + 1];                   /* in it; "" */
	uint8_t token[COAP_TOKEN_MAX];                /* of the last observation */
	size_t token_len;
	uint32_t observed_mid, sequence;
	struct arena *arena;
};
void script_make(struct script *s, const char *name, const char *address);
/* A notification to the last observation. */
void script_notify(struct script *s, enum dots_status status, int64_t lifetime);
void script_free(struct script *s);

#endif
