/*
 * The configuration: a YAML file to an immutable snapshot, swapped whole (doc/dotsd.yaml.md).
 *
 * A table of options drives parsing, checks, defaults and error texts; an unknown key is an error.
 */
#ifndef DOTSD_DAEMON_CONFIG_H
#define DOTSD_DAEMON_CONFIG_H

#include "homing/domain.h"
#include "homing/share.h"
#include "role/data_server.h"
#include "role/server.h"

enum mitigator_kind { MITIGATOR_NFTABLES, MITIGATOR_DRY_RUN, MITIGATOR_ESCALATE };
struct mitigator_config {
	enum mitigator_kind kind;
	char *socket, *instance;    /* of nftables */
	struct overload_rule above; /* of escalate */
};

struct config {
	char *path;
	char *helper;                 /* socket of dotsd-priv, for questions to DHCP; NULL */
	char *instance;               /* "dotsd" */
	char *state;                  /* directory of the store */
	char *control;                /* path of the control socket */
	char *events;                 /* JSON lines go there; NULL: nowhere */
	char *user;                   /* dropped to when started as root; NULL: stays */
	struct homing *homing;        /* never NULL; without domains no client role; with what was
					 learned (daemon/learned.h) */
	struct homing *base;          /* as the file has it; NULL: homing is that */
	struct prefix *preconfigured; /* what stands at providers for a loss of signal */
	size_t n_preconfigured;
	struct credentials **credentials; /* by domain index; loaded; NULL entries: see problems */
	/* server side; without listen no server role */
	struct listen_socket *listen;
	size_t n_listen;
	struct credentials *server_credentials; /* NULL: PSK only */
	struct clients *clients;
	struct data_server_setup data; /* of the data channel; without sockets there is none */
	struct psk_entry *psk;
	size_t n_psk;
	struct heartbeat_config heartbeat; /* towards clients, as of struct server_setup … */
	struct session_choice session[SESSION_SETS];
	struct session_range range;
	uint32_t config_max_age; /* … up to here */
	struct mitigation_policy policy;
	uint32_t max_sessions, max_half_open, max_half_open_per_prefix, handshakes_per_turn;
	uint32_t max_body, max_bodies; /* bytes */
	uint32_t handshake_timeout_ms, max_observers, max_wishes, max_control;
	struct mitigator_config *mitigators;
	size_t n_mitigators;
	struct endpoint names; /* resolver for targets of clients that are names; family 0: none */
	struct alias *aliases; /* of our own requests: expanded here, told to nobody */
	size_t n_aliases;
	struct share_wish *records; /* of our own, for the data channels of domains */
	size_t n_records;
	bool trim;     /* mixed-targets: trim */
	bool separate; /* aggregate: no */
	bool server_domain;
	bool keep_via;
};

/* One finding, as "file:line:column: what, expected what". */
struct config_problem {
	bool fatal; /* no later event can mend it: exit 78 */
	char *text;
};
struct config_problems {
	struct config_problem *list;
	size_t n;
};
void config_problems_finish(struct config_problems *p);

/* Reads, checks, loads credentials. NULL if any problem is fatal; warnings (a missing interface, an
 * expired certificate, heartbeats outside the recommended range, shared identities) are in
 * *problems all the same. All fatal problems found are reported, not only the first. */
struct config *config_load(const char *path, struct config_problems *problems);
void config_free(struct config *c);
/* Somebody here handles traffic himself, not only those who are asked upstream. */
bool config_acts(const struct config *c);

#endif
