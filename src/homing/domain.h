/*
 * Provisioning domains (RFC 7556, RFC 9284): what each provider gave us and what it protects. An
 * immutable snapshot of the configuration; built by the daemon, read by everything here.
 */
#ifndef DOTSD_HOMING_DOMAIN_H
#define DOTSD_HOMING_DOMAIN_H

#include <net/if.h>

#include "base/addr.h"
#include "base/loop.h" /* wall_ms only */
#include "base/trie.h"
#include "core/session_config.h"
#include "homing/policy.h"

struct domain_server {
	char *name; /* reference identity, SNI; for an address-only server the address text */
	char *id;   /* tells it from the others of its domain, over reloads and restarts: its name,
		       and what is not usual of port, transport and interface; by homing_index */
	char **interfaces; /* of its domain's those that lead to it; none: all of them */
	size_t n_interfaces;
	struct addr
		*addresses; /* configured; none: the name is resolved by the domain's resolvers */
	size_t n_addresses;
	uint16_t port; /* 4646 */
	enum server_transport {
		SERVER_UDP,
		SERVER_TCP,
		SERVER_ANY
	} transport;       /* any: RFC 9132 4.3 */
	uint32_t priority; /* lower first; then by name */
	uint32_t ordinal;  /* index over all servers of the snapshot: 0..homing->n_servers-1 */
	uint32_t domain;   /* index of its domain */
	/* Of one that is not configured: */
	const char *learned; /* from whom ("dhcp"), found on `interfaces`; NULL: it is configured */
	wall_ms expires;     /* 0: never */
};

/* Files; NULL if absent. The daemon loads them; here they are only carried. */
struct domain_credentials {
	char *certificate, *key, *trust, *crl, *raw_key, *psk_identity, *psk_file;
	char **spki; /* of servers' raw keys, in the form of a cuid */
	size_t n_spki;
};

/* Where aliases and filters are put on record (RFC 8783). */
struct domain_data {
	char *name; /* what the certificate of that server must say; NULL: there is none */
	struct addr address;
	uint32_t port;    /* 443 */
	uint32_t check_s; /* how often it is asked what is on record */
};

/* How servers are found (RFC 8973). */
enum discover_by {
	DISCOVER_BY_DHCP = 1,
	DISCOVER_BY_NAPTR = 2,
	DISCOVER_BY_DNS_SD = 4,
	DISCOVER_BY_ROUTER = 8, /* RFC 9132 4.3: when the others found nothing */
};

/* Of a `nat-map`: both of one family, outside not shorter. */
struct nat_entry {
	struct prefix inside, outside;
};

struct domain {
	char *name;
	bool gateway; /* from `gateways:`: takes any target (M12); protects = its filter rules */
	char **interfaces; /* access; none: any active interface */
	size_t n_interfaces;
	char **via; /* names of the domains over whose accesses a third party is reached; then it
		       has none of its own */
	size_t n_via;
	struct prefix *prefixes; /* assigned by this domain */
	size_t n_prefixes;
	struct prefix *protects; /* what its servers can mitigate; default: prefixes */
	size_t n_protects;
	bool protects_assigned; /* that default: what is learned to be assigned counts too */
	struct nat_entry *nat;  /* what inside addresses are for this provider (M15) */
	size_t n_nat;
	struct endpoint *resolvers;
	size_t n_resolvers;
	/* How its servers are found, and in which DNS domain if DHCP does not tell (RFC 8973). */
	uint32_t discover; /* enum discover_by, or-ed; 0: they are configured */
	char *discovery_domain;
	char **trusted_names; /* of its servers that are learned (RFC 8973 8.1; none: any), and that
				 they redirect to (M10; none: siblings of the one that does) */
	size_t n_trusted_names;
	struct addr source;                 /* override, family 0: chosen (M1) */
	bool prefer_public, prefer_care_of; /* RFC 6724 5 rules 7 and 4 the other way round */
	struct domain_server **servers;     /* by priority, then name */
	size_t n_servers;
	struct domain_credentials credentials;
	struct domain_data data;
	enum {
		ATTACHMENTS_ONE,
		ATTACHMENTS_ALL
	} attachments;                               /* M14: several servers or links of one ISP */
	struct heartbeat_config heartbeat;           /* where nothing is negotiated, … */
	struct session_choice session[SESSION_SETS]; /* … and what is to be (RFC 9132 4.5) */
	uint32_t lifetime;        /* seconds asked for in each request, default 3600 */
	uint32_t status_interval; /* seconds between questions for the status of a request (RFC 9132
				     4.4.2.2); 0: the server tells of it */
};

/* What may be told of one domain's to the servers of another one (RFC 9284 6). */
enum consent_what { CONSENT_NAMES = 1 };
struct consent {
	char *from, *to;       /* domains */
	uint32_t what;         /* enum consent_what, or-ed */
	char *granted_by, *at; /* for the audit */
};

/* A name whose addresses are configured. */
struct host {
	char *name; /* as name.host has it (core/name.h) */
	struct addr *addresses;
	size_t n_addresses;
};

enum pi_policy { PI_ALL, PI_SERIAL, PI_DIVIDE, PI_LIST };

struct homing {
	struct domain *domains;
	size_t n_domains;
	struct domain_server **servers; /* by ordinal */
	size_t n_servers;
	struct prefix *provider_independent;
	size_t n_provider_independent;
	struct prefix *never_signal;
	size_t n_never_signal;
	enum pi_policy pi;
	char **pi_list; /* names of domains for PI_LIST */
	size_t n_pi_list;
	struct policy policy;  /* of the choice of addresses; its rows are ours */
	bool clip;             /* M4: send the owned parts of a wider target */
	bool withdraw_stopped; /* what its servers call stopped (RFC 9132 4.4.2.2) */
	/* Of targets that are names (M7): who looks them up, family 0: nobody; what is not asked.
	 */
	struct endpoint target_resolver;
	struct host *hosts;
	size_t n_hosts;
	struct consent *consents; /* M9 */
	size_t n_consents;
	/* Built by homing_index. */
	struct trie *owners; /* prefix -> struct owner */
	unsigned references; /* beside that of who made it */
};

/* What one prefix of the ownership table stands for. */
struct owner {
	struct prefix prefix;
	enum { OWNER_DOMAINS, OWNER_PI, OWNER_NEVER } kind;
	uint32_t *domains; /* indices, ascending, of OWNER_DOMAINS: those that protect it */
	size_t n_domains;
};

/* A copy, not indexed, of what the configuration says. */
struct homing *homing_copy(const struct homing *h);
/* Builds ownership, ordinals and the ids of servers once the plain fields are filled. 0, or -EINVAL
 * with *why a text naming what contradicts what (a prefix *assigned* by two domains, an unknown
 * name in pi_list, two servers that nothing tells apart). */
int homing_index(struct homing *h, char *why, size_t cap);
/* One more who has to free it. */
struct homing *homing_ref(const struct homing *h);
/* The last one frees the snapshot and all it owns (everything is allocated by mem_*). NULL is
 * legal.
 */
void homing_free(struct homing *h);
/* Among its trusted_names: as it stands there, or below "*.example.net". */
bool domain_trusts(const struct domain *d, const char *server);
/* Who has credentials for a domain waits for its server to be found, or told (RFC 8973). */
bool domain_expects_server(const struct domain *d);
/* The domain of that name does, and has none now. */
bool homing_awaits_server(const struct homing *h, const char *domain);
/* The one that has that address among its resolvers, or NULL. */
const struct domain *homing_resolver_of(const struct homing *h, const struct addr *resolver);
/* Index of the domain of that name, or -1. */
int homing_domain(const struct homing *h, const char *name);
/* The links over which a server is reached, the first one that is up: its own, or those of its
 * domain. Their number, and *ret, owned by the snapshot; 0: any active interface. */
size_t domain_access(const struct domain *d, const struct domain_server *s, char ***ret);

#endif
