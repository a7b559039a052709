/*
 * What the options of the file are read into, before it becomes a snapshot. Shared by
 * config_table.c (the table), config_build.c (draft to snapshot), config_check.c (what the parts
 * have to do with each other) and config.c.
 */
#ifndef DOTSD_DAEMON_CONFIG_TABLE_H
#define DOTSD_DAEMON_CONFIG_TABLE_H

#include "daemon/option.h"

/* Everything below is moved into the snapshot by config_build; the drafts' own arrays are freed
 * there. */

/* Parameters of sessions: said of both sets, and of each. */
struct draft_sets {
	struct session_params both, of[SESSION_SETS];
};

/* Sessions with clients. */
struct draft_session {
	struct draft_sets sets; /* first: its options are given to the whole */
	struct heartbeat_config heartbeat;
	struct session_params min, max; /* what may be negotiated */
	uint32_t max_age;
};

struct draft_domain {
	char *name; /* first: named by its key */
	struct domain domain;
	struct draft_server *servers;
	size_t n_servers;
	struct draft_sets session;
};

struct draft_server {
	char *name;
	char **interfaces;
	size_t n_interfaces;
	struct addr *addresses;
	size_t n_addresses;
	uint32_t port, priority, transport;
};

struct draft_listen {
	char *interface;
	struct addr address;
	uint32_t port;
};

struct draft_psk {
	char *identity, *file;
};

struct draft_action {
	uint32_t limit, unit, per;
};

struct draft_client {
	char *name; /* first */
	struct client client;
	bool allow_indefinite;
	struct draft_action action;
	struct draft_psk *psk;
	size_t n_psk;
	bool escalate;
};

/* The clients of one file: the configuration itself is the first (path NULL). */
struct draft_client_file {
	char *path;
	struct draft_client *clients;
	size_t n_clients;
};

struct draft_above {
	uint32_t rate, unit, interval_ms;
};

struct draft_consent {
	struct consent consent;
	uint32_t unknown; /* words of `what` that are none */
};

struct draft_mitigator {
	char *socket, *instance;
	char dry_run; /* has no options */
	struct draft_escalate {
		char itself;
		struct draft_above above;
	} escalate;
};

struct draft_names {
	struct endpoint resolver;
	bool encrypted, validates;
};

struct draft_data {
	struct draft_listen *listen;
	size_t n_listen;
	struct data_server_setup setup;
	char *root;
};

struct draft {
	struct config config;
	struct homing homing;
	struct draft_domain *domains, *gateways;
	size_t n_domains, n_gateways;
	uint32_t wider, mixed; /* choices */
	bool allow_anycast, aggregate, server_domain;
	bool keep_via;
	struct draft_listen *listen;
	size_t n_listen;
	struct draft_data data;
	struct domain_credentials credentials;
	struct draft_session session;
	struct draft_client *clients; /* of the configuration itself */
	size_t n_clients;
	char *clients_dir;
	char **data_files;
	size_t n_data_files;
	struct prefix *never_mitigate;
	size_t n_never_mitigate;
	struct draft_client_file *client_files; /* all of them */
	size_t n_client_files;
	struct draft_mitigator *mitigators;
	size_t n_mitigators;
	struct draft_names names;
	struct draft_consent *consents;
	size_t n_consents;
};

extern const struct option config_rows[];
extern const struct option config_client_file_row; /* of struct draft_client_file */

/* By index in the snapshot: domains, then gateways. */
static inline const struct draft_domain *
draft_domain(const struct draft *d, size_t domain)
{
	return domain < d->n_domains ? &d->domains[domain] : &d->gateways[domain - d->n_domains];
}

/* Gathers `clients` and what the files of `clients-dir` hold. */
void config_read_clients(struct options *o, struct draft *d);
/* Moves the draft into a snapshot, which is complete as far as the draft was; never NULL. Problems
 * that show only then are noted. */
struct config *config_build(struct options *o, struct draft *d);
/* Checks that look at more than one option, and at files, interfaces, certificates. `d` is as it
 * was after config_build: good for places and names only. */
void config_check(struct options *o, const struct draft *d, struct config *c);

extern const struct option config_alias_rows[];
/* Part of it: aliases of a client, or (NULL) our own. */
void config_check_aliases(
	struct options *o, const struct alias *list, size_t n, const struct client *c);

/* Part of it: reads `data-files`, and what is wrong with data channels of domains. */
void config_check_records(struct options *o, const struct draft *d, struct config *c);

/* Part of it: servers that share an address. */
void config_check_anycast(struct options *o, const struct draft *d, const struct homing *h);

#endif
