/*
 * The table of options: one row an option (doc/dotsd.yaml.md explains them to people).
 */
#include "daemon/config_table.h"

#include <string.h>

#include "base/mem.h"
#include "core/name.h"

#define AT(type, member)     .offset = offsetof(type, member)
#define MANY(type, list, n)  .offset = offsetof(type, list), .count = offsetof(type, n)
#define ROWS(table, type)    .rows = (table), .size = sizeof(type)
#define RANGE(low, high, of) .min = (low), .max = (high), .unit = (of)
#define CHOICES(...)                                                                               \
	.choices = (const char *const[])                                                           \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

enum {
	MANY_MAX = 1000000,
	SECONDS_MAX = 0x7fffffff,
	RESPONSE_BODY_MIN = 2048,          /* more than one datagram */
	RESPONSE_BODY_MAX = (1 << 24) - 1, /* what blocks of 16 bytes can number (RFC 7959 2.2) */
	RESPONSE_BODIES_MAX = 0x7fffffff,
};

/* ---- credentials ----------------------------------------------------------------------------- */

static const struct option credentials_rows[] = {
	{"certificate", OPTION_PATH, ONE, "PEM file of our chain",
		AT(struct domain_credentials, certificate)},
	{"key", OPTION_PATH, ONE, "PEM file of its private key",
		AT(struct domain_credentials, key)},
	{"trust", OPTION_PATH, ONE, "PEM file of the CAs we accept",
		AT(struct domain_credentials, trust)},
	{"crl", OPTION_PATH, ONE, "PEM file of what these CAs have revoked",
		AT(struct domain_credentials, crl)},
	{"raw-key", OPTION_PATH, ONE, "PEM file of the private key of our raw public key",
		AT(struct domain_credentials, raw_key)},
	{"spki", OPTION_DIGEST, LIST, "digests of raw public keys of the servers",
		MANY(struct domain_credentials, spki, n_spki)},
	{"psk-identity", OPTION_TEXT, ONE, "our name with a pre-shared key",
		AT(struct domain_credentials, psk_identity)},
	{"psk-file", OPTION_PATH, ONE, "file of the pre-shared key",
		AT(struct domain_credentials, psk_file)},
	{0},
};

/* ---- domains and gateways -------------------------------------------------------------------- */

static const struct option server_rows[] = {
	{"name", OPTION_TEXT, ONE, "what the certificate of the server must say",
		AT(struct draft_server, name)},
	{"addresses", OPTION_ADDRESS, LIST, "addresses of the server",
		MANY(struct draft_server, addresses, n_addresses)},
	{"interface", OPTION_INTERFACE, ONE_OR_LIST, "link of the domain that leads to it",
		MANY(struct draft_server, interfaces, n_interfaces)},
	{"interfaces", OPTION_INTERFACE, ONE_OR_LIST, "links of the domain that lead to it",
		MANY(struct draft_server, interfaces, n_interfaces)},
	{"port", OPTION_NUMBER, ONE, "port of the server", AT(struct draft_server, port),
		.fallback = "4646", RANGE(1, 65535, NULL)},
	{"transport", OPTION_CHOICE, ONE, "how it is reached", AT(struct draft_server, transport),
		.fallback = "udp",
		CHOICES([SERVER_UDP] = "udp", [SERVER_TCP] = "tcp", [SERVER_ANY] = "any")},
	{"priority", OPTION_NUMBER, ONE, "lower is asked first", AT(struct draft_server, priority),
		.fallback = "0", RANGE(0, 65535, NULL)},
	{0},
};

/* ---- sessions -------------------------------------------------------------------------------- */

#define COAP_ROWS(type, of)                                                                        \
	{"probing-rate", OPTION_NUMBER, ONE, "sent to a peer that does not respond",               \
		AT(type, of probing_rate), RANGE(1, 65535, "bytes a second")},                     \
		{"max-retransmit", OPTION_NUMBER, ONE, "repeats of a Confirmable message",         \
			AT(type, of max_retransmit), RANGE(0, 20, NULL)},                          \
		{"ack-timeout", OPTION_DECIMAL, ONE, "seconds until the first of them",            \
			AT(type, of ack_timeout), RANGE(1, 60, NULL)},                             \
	{                                                                                          \
		"ack-random-factor", OPTION_DECIMAL, ONE, "by how much these are lengthened",      \
			AT(type, of ack_random_factor), RANGE(1, 10, NULL)                         \
	}

static const struct option set_rows[] = {
	{"heartbeat-interval", OPTION_SECONDS, ONE, "time between heartbeats",
		AT(struct session_params, heartbeat_ms), RANGE(0, 65535, "seconds")},
	{"missing-hb-allowed", OPTION_NUMBER, ONE, "heartbeats unanswered before a session is lost",
		AT(struct session_params, missing_hb_allowed), RANGE(1, 65535, NULL)},
	COAP_ROWS(struct session_params, ),
	{0},
};

#define SETS_ROWS                                                                                  \
	COAP_ROWS(struct draft_sets, both.),                                                       \
		{"mitigating", OPTION_MAP, ONE, "while a mitigation is on",                        \
			AT(struct draft_sets, of[SESSION_MITIGATING]), .rows = set_rows},          \
	{                                                                                          \
		"idle", OPTION_MAP, ONE, "while none is", AT(struct draft_sets, of[SESSION_IDLE]), \
			.rows = set_rows                                                           \
	}

static const struct option wanted_rows[] = {SETS_ROWS, {0}};

struct methods {
	uint32_t by;
	bool unknown;
};

static void
add_method(void *arg, const char *word)
{
	static const struct {
		const char *word;
		enum discover_by by;
	} known[] = {{"dhcp", DISCOVER_BY_DHCP}, {"naptr", DISCOVER_BY_NAPTR},
		{"dns-sd", DISCOVER_BY_DNS_SD}, {"router", DISCOVER_BY_ROUTER}};
	struct methods *m = arg;
	size_t i = 0;

	while (i < sizeof(known) / sizeof(*known) && strcmp(known[i].word, word) != 0)
		i++;
	if (i < sizeof(known) / sizeof(*known))
		m->by |= known[i].by;
	else
		m->unknown = true;
}

static void
read_discover(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct draft_domain *d = object;
	struct methods m = {0};

	options_words(o, row, node, spot, add_method, &m);
	d->domain.discover = m.by;
	if (m.unknown)
		options_problem(o, true, spot,
			"discover names a method that is none, expected a list of dhcp, naptr, "
			"dns-sd, router");
}

static const struct option channel_rows[] = {
	{"name", OPTION_TEXT, ONE, "what the certificate of its server must say",
		AT(struct domain_data, name)},
	{"address", OPTION_ADDRESS, ONE, "address of that server", AT(struct domain_data, address)},
	{"port", OPTION_NUMBER, ONE, "TCP port of that server", AT(struct domain_data, port),
		.fallback = "443", RANGE(1, 65535, NULL)},
	{"check", OPTION_NUMBER, ONE, "how often it is asked what is on record",
		AT(struct domain_data, check_s), .fallback = "300", RANGE(5, 86400, "seconds")},
	{0},
};

/* clang-format off: one row an option */
#define ACCESS_ROWS                                                                                \
	{"interface", OPTION_INTERFACE, ONE_OR_LIST, "access link",                                \
		MANY(struct draft_domain, domain.interfaces, domain.n_interfaces)},                \
		{"interfaces", OPTION_INTERFACE, ONE_OR_LIST, "access links",                      \
			MANY(struct draft_domain, domain.interfaces, domain.n_interfaces)},        \
		{"resolvers", OPTION_RESOLVER, LIST, "who is asked for the names of its servers",  \
			MANY(struct draft_domain, domain.resolvers, domain.n_resolvers)},          \
		{"servers", OPTION_MAP, LIST, "DOTS servers",                                      \
			MANY(struct draft_domain, servers, n_servers),                             \
			ROWS(server_rows, struct draft_server)},                                   \
		{"credentials", OPTION_MAP, ONE, "ours towards these servers",                     \
			AT(struct draft_domain, domain.credentials), .rows = credentials_rows},    \
		{"data-channel", OPTION_MAP, ONE, "where aliases and filters of ours go",          \
			AT(struct draft_domain, domain.data), .rows = channel_rows},               \
		{"trusted-names", OPTION_TEXT, LIST, "names of servers that may be learned",       \
			MANY(struct draft_domain, domain.trusted_names, domain.n_trusted_names)},  \
		{"discover", OPTION_CUSTOM, ONE, "how its servers are found",                      \
			.unit = "a list of dhcp, naptr, dns-sd, router", .custom = read_discover}, \
		{"discovery-domain", OPTION_TEXT, ONE, "DNS domain in which they are looked for",  \
			AT(struct draft_domain, domain.discovery_domain)},                         \
		{"source", OPTION_ADDRESS, ONE, "our address towards these servers",               \
			AT(struct draft_domain, domain.source)},                                   \
		{"prefer-public", OPTION_BOOL, ONE, "stable addresses before temporary ones",      \
			AT(struct draft_domain, domain.prefer_public), .fallback = "no"},          \
		{"prefer-care-of", OPTION_BOOL, ONE, "care-of addresses before home addresses",    \
			AT(struct draft_domain, domain.prefer_care_of), .fallback = "no"},         \
		{"heartbeat-interval", OPTION_SECONDS, ONE, "time between heartbeats",             \
			AT(struct draft_domain, domain.heartbeat.interval_ms), .fallback = "30",   \
			RANGE(0, 65535, "seconds")},                                               \
		{"missing-hb-allowed", OPTION_NUMBER, ONE,                                         \
			"heartbeats unanswered before a session is lost",                          \
			AT(struct draft_domain, domain.heartbeat.missing_allowed),                 \
			.fallback = "15", RANGE(1, 65535, NULL)},                                  \
		{"status-interval", OPTION_NUMBER, ONE, "time between questions for the status",   \
			AT(struct draft_domain, domain.status_interval),                           \
			RANGE(3, 3600, "seconds")},                                                \
		{"session", OPTION_MAP, ONE, "what is negotiated with its servers",                \
			AT(struct draft_domain, session), .rows = wanted_rows},                    \
	{                                                                                          \
		"lifetime", OPTION_NUMBER, ONE, "asked for in each request",                       \
			AT(struct draft_domain, domain.lifetime), .fallback = "3600",              \
								  RANGE(1, SECONDS_MAX, "seconds") \
	}
/* clang-format on */

static const struct option nat_rows[] = {
	{"inside", OPTION_PREFIX, ONE, "addresses of this network", AT(struct nat_entry, inside)},
	{"outside", OPTION_PREFIX, ONE, "what they are for this provider",
		AT(struct nat_entry, outside)},
	{0},
};

static const struct option domain_rows[] = {
	ACCESS_ROWS,
	{"via", OPTION_TEXT, ONE_OR_LIST, "domains over whose links its servers are reached",
		MANY(struct draft_domain, domain.via, domain.n_via)},
	{"nat-map", OPTION_MAP, LIST, "what inside addresses are for this provider",
		MANY(struct draft_domain, domain.nat, domain.n_nat),
		ROWS(nat_rows, struct nat_entry)},
	{"prefixes", OPTION_PREFIX, LIST, "assigned by this provider",
		MANY(struct draft_domain, domain.prefixes, domain.n_prefixes)},
	{"protects", OPTION_PREFIX, LIST, "what its servers can mitigate",
		MANY(struct draft_domain, domain.protects, domain.n_protects)},
	{"attachments", OPTION_CHOICE, ONE, "which of its servers carry a request",
		AT(struct draft_domain, domain.attachments), .fallback = "one",
		CHOICES("one", "all")},
	{0},
};

static const struct option policy_rows[] = {
	{"prefix", OPTION_PREFIX, ONE, "of IPv6 addresses", AT(struct policy_row, prefix)},
	{"precedence", OPTION_NUMBER, ONE, "of destinations: higher is tried first",
		AT(struct policy_row, precedence), .fallback = "40", RANGE(0, UINT32_MAX, NULL)},
	{"label", OPTION_NUMBER, ONE, "sources of the same label are preferred",
		AT(struct policy_row, label), .fallback = "1", RANGE(0, UINT32_MAX, NULL)},
	{0},
};

static const struct option gateway_rows[] = {
	ACCESS_ROWS,
	{"filters", OPTION_PREFIX, LIST, "targets that go to this gateway",
		MANY(struct draft_domain, domain.protects, domain.n_protects)},
	{0},
};

static void
add_pi_domain(void *arg, const char *word)
{
	struct homing *h = arg;

	h->pi_list = mem_grow(h->pi_list, h->n_pi_list + 1, sizeof(*h->pi_list));
	h->pi_list[h->n_pi_list++] = mem_text(word);
}

static void
read_pi(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	static const char *const words[] = {
		[PI_ALL] = "all", [PI_SERIAL] = "serial", [PI_DIVIDE] = "divide"};
	struct homing *h = &((struct draft *)object)->homing;
	const char *text = options_scalar(node);

	for (size_t i = 0; text && i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(text, words[i])) {
			h->pi = (enum pi_policy)i;
			return;
		}
	h->pi = PI_LIST;
	options_words(o, row, node, spot, add_pi_domain, h);
}

/* ---- names, and what may be told ---------------------------------------------------------------
 */

static const char *
add_host(void *arg, const char *name, struct spot spot)
{
	struct homing *h = arg;
	char host[NAME_HOST_MAX + 1];

	(void)spot;
	if (!name_read_host(name, strlen(name), host))
		return "is no fully qualified domain name";
	for (size_t i = 0; i < h->n_hosts; i++)
		if (!strcmp(h->hosts[i].name, host))
			return "stands there twice";
	h->hosts = mem_grow(h->hosts, h->n_hosts + 1, sizeof(*h->hosts));
	h->hosts[h->n_hosts++] = (struct host){.name = mem_text(host)};
	return NULL;
}

static void
add_host_address(void *arg, const struct addr *a)
{
	const struct homing *h = arg;
	struct host *host = &h->hosts[h->n_hosts - 1];

	host->addresses = mem_grow(host->addresses, host->n_addresses + 1, sizeof(*a));
	host->addresses[host->n_addresses++] = *a;
}

static void
read_hosts(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct option_lists to = {add_host, add_host_address, &((struct draft *)object)->homing};

	options_lists(o, row, node, spot, &to);
}

static void
add_what(void *arg, const char *word)
{
	struct draft_consent *c = arg;

	if (!strcmp(word, "names"))
		c->consent.what |= CONSENT_NAMES;
	else
		c->unknown++;
}

static void
read_what(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct draft_consent *c = object;

	options_words(o, row, node, spot, add_what, c);
	if (c->unknown)
		options_problem(o, true, spot,
			"what names something that no consent can be given for, expected a list "
			"of names (targets go to their own providers only, RFC 9284 5.1)");
}

static const struct option consent_rows[] = {
	{"from", OPTION_TEXT, ONE, "domain whose information it is",
		AT(struct draft_consent, consent.from)},
	{"to", OPTION_TEXT, ONE, "domain whose servers may be told",
		AT(struct draft_consent, consent.to)},
	{"what", OPTION_CUSTOM, ONE, "what they may be told", .unit = "a list of names",
		.custom = read_what},
	{"granted-by", OPTION_TEXT, ONE, "who agreed",
		AT(struct draft_consent, consent.granted_by)},
	{"at", OPTION_TEXT, ONE, "the day of it", AT(struct draft_consent, consent.at)},
	{0},
};

/* ---- the listening side ---------------------------------------------------------------------- */

static const struct option listen_rows[] = {
	{"interface", OPTION_INTERFACE, ONE, "device to serve on",
		AT(struct draft_listen, interface)},
	{"address", OPTION_ADDRESS, ONE, "address to serve on", AT(struct draft_listen, address)},
	{"port", OPTION_NUMBER, ONE, "UDP and TCP port to serve on", AT(struct draft_listen, port),
		.fallback = "4646", RANGE(1, 65535, NULL)},
	{0},
};

static const struct option data_listen_rows[] = {
	{"interface", OPTION_INTERFACE, ONE, "device to serve on",
		AT(struct draft_listen, interface)},
	{"address", OPTION_ADDRESS, ONE, "address to serve on", AT(struct draft_listen, address)},
	{"port", OPTION_NUMBER, ONE, "TCP port to serve on", AT(struct draft_listen, port),
		.fallback = "443", RANGE(1, 65535, NULL)},
	{0},
};

static const struct option data_rows[] = {
	{"listen", OPTION_MAP, LIST, "where HTTPS is served",
		MANY(struct draft_data, listen, n_listen),
		ROWS(data_listen_rows, struct draft_listen)},
	{"root", OPTION_TEXT, ONE, "path of RESTCONF", AT(struct draft_data, root),
		.fallback = "/restconf"},
	{"lifetime", OPTION_NUMBER, ONE, "how long what is not renewed is kept",
		AT(struct draft_data, setup.policy.lifetime), .fallback = "10080",
		RANGE(10080, 5256000, "minutes")},
	{"registrations", OPTION_NUMBER, ONE, "registrations of all clients",
		AT(struct draft_data, setup.policy.clients_max), .fallback = "10000",
		RANGE(1, MANY_MAX, NULL)},
	{"aliases", OPTION_NUMBER, ONE, "aliases of a registration",
		AT(struct draft_data, setup.policy.aliases_max), .fallback = "1000",
		RANGE(0, MANY_MAX, NULL)},
	{"acls", OPTION_NUMBER, ONE, "ACLs of a registration",
		AT(struct draft_data, setup.policy.acls_max), .fallback = "100",
		RANGE(0, MANY_MAX, NULL)},
	{"aces", OPTION_NUMBER, ONE, "entries of all ACLs of a registration",
		AT(struct draft_data, setup.policy.aces_max), .fallback = "1000",
		RANGE(0, MANY_MAX, NULL)},
	{"entry-bytes", OPTION_NUMBER, ONE, "size of an alias or ACL",
		AT(struct draft_data, setup.policy.entry_bytes_max), .fallback = "65536",
		RANGE(1024, 1048576, "bytes")},
	{"body", OPTION_NUMBER, ONE, "size of a request's body",
		AT(struct draft_data, setup.https.max_body), .fallback = "262144",
		RANGE(1024, 67108864, "bytes")},
	{"connections", OPTION_NUMBER, ONE, "connections at a time",
		AT(struct draft_data, setup.https.max_connections), .fallback = "1000",
		RANGE(1, 100000, NULL)},
	{"connections-per-prefix", OPTION_NUMBER, ONE, "of them from one /24 or /56",
		AT(struct draft_data, setup.https.max_connections_per_prefix), .fallback = "50",
		RANGE(1, 100000, NULL)},
	{"timeout", OPTION_NUMBER, ONE, "how long a connection may be idle",
		AT(struct draft_data, setup.https.timeout_s), .fallback = "30",
		RANGE(1, 3600, "seconds")},
	{"request-timeout", OPTION_NUMBER, ONE, "how long a request may take to arrive",
		AT(struct draft_data, setup.https.request_timeout_s), .fallback = "60",
		RANGE(1, 3600, "seconds")},
	{0},
};

static const struct option psk_rows[] = {
	{"identity", OPTION_TEXT, ONE, "its name with a pre-shared key",
		AT(struct draft_psk, identity)},
	{"file", OPTION_PATH, ONE, "file of the pre-shared key", AT(struct draft_psk, file)},
	{0},
};

static const struct option action_rows[] = {
	{"limit", OPTION_NUMBER, ONE, "what still passes", AT(struct draft_action, limit),
		RANGE(1, UINT32_MAX, "packets or bytes a second")},
	{"unit", OPTION_CHOICE, ONE, "what is counted", AT(struct draft_action, unit),
		.fallback = "packets", CHOICES("packets", "bytes")},
	{"per", OPTION_CHOICE, ONE, "for whom it is counted", AT(struct draft_action, per),
		.fallback = "total", CHOICES("total", "source")},
	{0},
};

static void
read_action(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct draft_client *c = object;
	struct draft_action *d = &c->action;
	const char *text = options_scalar(node);

	if (text && !strcmp(text, "drop"))
		return;
	if (text && !strcmp(text, "observe")) {
		c->client.action.kind = ACTION_OBSERVE;
		return;
	}
	if (text) {
		options_problem(o, true, spot,
			"action (%s) is \"%.60s\", expected drop, observe or {limit: N}", row->what,
			text);
		return;
	}
	options_map(o, action_rows, d, "action", node, spot);
	if (!options_given(o, d, "limit"))
		options_problem(o, true, spot,
			"action without limit, expected drop, observe or {limit: N}");
	c->client.action.kind = d->per ? ACTION_LIMIT_PER_SOURCE : ACTION_LIMIT;
	c->client.action.rate = d->limit;
	c->client.action.unit = d->unit ? RATE_BYTES : RATE_PACKETS;
}

static const struct option client_limits_rows[] = {
	{"sessions", OPTION_NUMBER, ONE, "sessions at a time", AT(struct client_limits, sessions),
		.fallback = "8", RANGE(1, MANY_MAX, NULL)},
	{"mitigations", OPTION_NUMBER, ONE, "mitigations at a time",
		AT(struct client_limits, mitigations), .fallback = "1000",
		RANGE(1, MANY_MAX, NULL)},
	{"targets", OPTION_NUMBER, ONE, "prefixes in one request",
		AT(struct client_limits, targets), .fallback = "256", RANGE(1, 4096, NULL)},
	{"ports", OPTION_NUMBER, ONE, "port ranges in one request", AT(struct client_limits, ports),
		.fallback = "256", RANGE(1, 256, NULL)},
	{"names", OPTION_NUMBER, ONE, "names in all its requests together",
		AT(struct client_limits, names), .fallback = "64", RANGE(1, 128, NULL)},
	{"cuids", OPTION_NUMBER, ONE, "client identifiers in use", AT(struct client_limits, cuids),
		.fallback = "4", RANGE(1, 65535, NULL)},
	{"observers", OPTION_NUMBER, ONE, "subscriptions to status",
		AT(struct client_limits, observers), .fallback = "256", RANGE(0, MANY_MAX, NULL)},
	{"waiting-requests", OPTION_NUMBER, ONE, "requests of a session not answered yet",
		AT(struct client_limits, waiting_requests), .fallback = "64", RANGE(1, 64, NULL)},
	{"requests-per-second", OPTION_NUMBER, ONE, "requests of all its sessions",
		AT(struct client_limits, requests_per_second), .fallback = "200",
		RANGE(1, MANY_MAX, NULL)},
	{"targets-total", OPTION_NUMBER, ONE, "prefixes of all its requests",
		AT(struct client_limits, targets_total), .fallback = "10000",
		RANGE(1, MANY_MAX, NULL)},
	{"handshakes-per-minute", OPTION_NUMBER, ONE, "full handshakes that it finishes",
		AT(struct client_limits, handshakes_per_minute), .fallback = "600",
		RANGE(1, MANY_MAX, NULL)},
	{"data-bytes", OPTION_NUMBER, ONE, "bytes that it has on record over the data channel",
		AT(struct client_limits, data_bytes), .fallback = "524288",
		RANGE(1024, 67108864, "bytes")},
	{0},
};

static const struct option widest_rows[] = {
	{"ipv4", OPTION_NUMBER, ONE, "length of the widest IPv4 prefix in a request",
		AT(struct client, widest.ipv4), .fallback = "0", RANGE(0, 32, "bits")},
	{"ipv6", OPTION_NUMBER, ONE, "length of the widest IPv6 prefix in a request",
		AT(struct client, widest.ipv6), .fallback = "0", RANGE(0, 128, "bits")},
	{0},
};

static const struct option client_rows[] = {
	{"certificates", OPTION_TEXT, LIST, "names in its certificates",
		MANY(struct draft_client, client.certificates, client.n_certificates)},
	{"spki", OPTION_DIGEST, LIST, "digests of its public keys",
		MANY(struct draft_client, client.spki, client.n_spki)},
	{"psk", OPTION_MAP, LIST, "its pre-shared keys", MANY(struct draft_client, psk, n_psk),
		ROWS(psk_rows, struct draft_psk)},
	{"cdids", OPTION_DIGEST, LIST, "what gateways of the server's domain call it",
		MANY(struct draft_client, client.cdids, client.n_cdids)},
	{"gateway", OPTION_BOOL, ONE,
		"a gateway of the server's domain, trusted to say whom it asks for",
		AT(struct draft_client, client.gateway), .fallback = "no"},
	{"escalate", OPTION_BOOL, ONE, "what it asks for goes upstream",
		AT(struct draft_client, escalate), .fallback = "yes"},
	{"prefixes", OPTION_PREFIX, LIST, "what it may ask for",
		MANY(struct draft_client, client.prefixes, client.n_prefixes)},
	{"aliases", OPTION_MAP, NAMED, "what it may call its targets",
		MANY(struct draft_client, client.aliases, client.n_aliases),
		ROWS(config_alias_rows, struct alias)},
	{"widest", OPTION_MAP, ONE, "how wide a prefix it may ask for",
		AT(struct draft_client, client), .rows = widest_rows},
	{"lifetime-max", OPTION_NUMBER, ONE, "longest lifetime granted to it",
		AT(struct draft_client, client.lifetime_max), RANGE(1, SECONDS_MAX, "seconds")},
	{"allow-indefinite", OPTION_BOOL, ONE, "whether it is granted an unlimited lifetime",
		AT(struct draft_client, allow_indefinite)},
	{"action", OPTION_CUSTOM, ONE, "what is done with matching packets", .custom = read_action},
	{"limits", OPTION_MAP, ONE, "limits of this client", AT(struct draft_client, client.limits),
		.rows = client_limits_rows},
	{0},
};

const struct option config_client_file_row = {"clients", OPTION_MAP, NAMED, "who may ask",
	MANY(struct draft_client_file, clients, n_clients), ROWS(client_rows, struct draft_client)};

/* ---- mitigators ------------------------------------------------------------------------------ */

static const struct option nftables_rows[] = {
	{"socket", OPTION_PATH, ONE, "where the privileged helper listens",
		AT(struct draft_mitigator, socket), .fallback = "/run/dotsd/priv.sock"},
	{"instance", OPTION_LABEL, ONE, "name of its table", AT(struct draft_mitigator, instance)},
	{0},
};
static const struct option no_rows[] = {{0}};

static const struct option above_rows[] = {
	{"rate", OPTION_NUMBER, ONE, "what one mitigation may drop here",
		AT(struct draft_above, rate), RANGE(1, UINT32_MAX, "packets or bytes a second")},
	{"unit", OPTION_CHOICE, ONE, "what is counted", AT(struct draft_above, unit),
		.fallback = "packets", CHOICES("packets", "bytes")},
	{"interval", OPTION_SECONDS, ONE, "how long it is measured",
		AT(struct draft_above, interval_ms), .fallback = "10", RANGE(1, 3600, "seconds")},
	{0},
};
static const struct option escalate_rows[] = {
	{"above", OPTION_MAP, ONE, "only beyond what our own mitigators can take",
		AT(struct draft_escalate, above), .rows = above_rows},
	{0},
};

static const struct option mitigator_rows[] = {
	{"nftables", OPTION_MAP, ONE, "packet filter", .offset = 0, .rows = nftables_rows},
	{"dry-run", OPTION_MAP, ONE, "does nothing", AT(struct draft_mitigator, dry_run),
		.rows = no_rows},
	{"escalate", OPTION_MAP, ONE, "asks upstream", AT(struct draft_mitigator, escalate),
		.rows = escalate_rows},
	{0},
};

/* ---- names and aliases ----------------------------------------------------------------------- */

static const struct option names_rows[] = {
	{"resolver", OPTION_RESOLVER, ONE, "who is asked, at a loopback address",
		AT(struct draft_names, resolver)},
	{"encrypted", OPTION_BOOL, ONE, "it asks others over an encrypted protocol",
		AT(struct draft_names, encrypted), .fallback = "no"},
	{"validates", OPTION_BOOL, ONE, "it validates answers (DNSSEC)",
		AT(struct draft_names, validates), .fallback = "no"},
	{0},
};

/* ---- the whole ------------------------------------------------------------------------------- */

static const struct option session_rows[] = {
	{"heartbeat-interval", OPTION_SECONDS, ONE, "time between heartbeats",
		AT(struct draft_session, heartbeat.interval_ms), .fallback = "30",
		RANGE(0, 65535, "seconds")},
	{"missing-hb-allowed", OPTION_NUMBER, ONE, "heartbeats unanswered before a session is lost",
		AT(struct draft_session, heartbeat.missing_allowed), .fallback = "15",
		RANGE(1, 65535, NULL)},
	SETS_ROWS,
	{"minimum", OPTION_MAP, ONE, "least that clients may negotiate",
		AT(struct draft_session, min), .rows = set_rows},
	{"maximum", OPTION_MAP, ONE, "most that clients may negotiate",
		AT(struct draft_session, max), .rows = set_rows},
	{"max-age", OPTION_NUMBER, ONE, "how long clients may go without asking for it again",
		AT(struct draft_session, max_age), RANGE(1, UINT32_MAX - 1LL, "seconds")},
	{0},
};

static const struct option mitigation_rows[] = {
	{"lifetime-max", OPTION_NUMBER, ONE, "longest lifetime granted",
		AT(struct mitigation_policy, lifetime_max), .fallback = "86400",
		RANGE(1, SECONDS_MAX, "seconds")},
	{"allow-indefinite", OPTION_BOOL, ONE, "whether an unlimited lifetime is granted",
		AT(struct mitigation_policy, allow_indefinite), .fallback = "no"},
	{"terminating", OPTION_NUMBER, ONE, "how long a withdrawn mitigation stays active",
		AT(struct mitigation_policy, terminating), .fallback = "120",
		RANGE(0, 3600, "seconds")},
	{"terminating-max", OPTION_NUMBER, ONE, "longest such time",
		AT(struct mitigation_policy, terminating_max), .fallback = "300",
		RANGE(0, 3600, "seconds")},
	{0},
};

static const struct option limits_rows[] = {
	{"sessions", OPTION_NUMBER, ONE, "sessions of all clients", AT(struct config, max_sessions),
		.fallback = "10000", RANGE(1, MANY_MAX, NULL)},
	{"half-open", OPTION_NUMBER, ONE, "handshakes under way", AT(struct config, max_half_open),
		.fallback = "512", RANGE(1, MANY_MAX, NULL)},
	{"half-open-per-prefix", OPTION_NUMBER, ONE, "handshakes under way per /24 or /56",
		AT(struct config, max_half_open_per_prefix), .fallback = "16",
		RANGE(1, MANY_MAX, NULL)},
	{"handshakes-per-turn", OPTION_NUMBER, ONE, "handshakes begun per turn of the loop",
		AT(struct config, handshakes_per_turn), .fallback = "8", RANGE(1, MANY_MAX, NULL)},
	{"handshake-timeout", OPTION_SECONDS, ONE, "how long a handshake may take",
		AT(struct config, handshake_timeout_ms), .fallback = "20",
		RANGE(1, 120, "seconds")},
	{"mitigations", OPTION_NUMBER, ONE, "mitigations of all clients",
		AT(struct config, policy.mitigations_max), .fallback = "100000",
		RANGE(1, MANY_MAX, NULL)},
	{"targets-total", OPTION_NUMBER, ONE, "prefixes of all mitigations",
		AT(struct config, policy.targets_max), .fallback = "1000000",
		RANGE(1, 100 * MANY_MAX, NULL)},
	{"response-body", OPTION_NUMBER, ONE, "largest answer that is sent in blocks",
		AT(struct config, max_body), .fallback = "262144",
		RANGE(RESPONSE_BODY_MIN, RESPONSE_BODY_MAX, "bytes")},
	{"response-bodies", OPTION_NUMBER, ONE, "such answers of all sessions together",
		AT(struct config, max_bodies), .fallback = "16777216",
		RANGE(RESPONSE_BODY_MIN, RESPONSE_BODIES_MAX, "bytes")},
	{"observers", OPTION_NUMBER, ONE, "subscriptions of all clients",
		AT(struct config, max_observers), .fallback = "20000", RANGE(0, MANY_MAX, NULL)},
	{"wishes", OPTION_NUMBER, ONE, "requests of our own", AT(struct config, max_wishes),
		.fallback = "100000", RANGE(1, MANY_MAX, NULL)},
	{"control-connections", OPTION_NUMBER, ONE, "connections to the control socket",
		AT(struct config, max_control), .fallback = "32", RANGE(1, 1024, NULL)},
	{0},
};

const struct option config_rows[] = {
	{"instance", OPTION_LABEL, ONE, "name of this instance", AT(struct draft, config.instance),
		.fallback = "dotsd"},
	{"state", OPTION_PATH, ONE, "directory of the store", AT(struct draft, config.state),
		.fallback = "/var/lib/dotsd"},
	{"control", OPTION_PATH, ONE, "control socket", AT(struct draft, config.control),
		.fallback = "/run/dotsd/control.sock"},
	{"events", OPTION_PATH, ONE, "file of events", AT(struct draft, config.events)},
	{"helper", OPTION_PATH, ONE, "socket of dotsd-priv, for questions to DHCP",
		AT(struct draft, config.helper)},
	{"user", OPTION_TEXT, ONE, "account to run as", AT(struct draft, config.user)},
	{"domains", OPTION_MAP, NAMED, "provisioning domains",
		MANY(struct draft, domains, n_domains), ROWS(domain_rows, struct draft_domain)},
	{"gateways", OPTION_MAP, NAMED, "client-domain gateways",
		MANY(struct draft, gateways, n_gateways), ROWS(gateway_rows, struct draft_domain)},
	{"provider-independent", OPTION_PREFIX, LIST, "prefixes that no provider assigned",
		MANY(struct draft, homing.provider_independent, homing.n_provider_independent)},
	{"never-signal", OPTION_PREFIX, LIST, "prefixes never named in a request",
		MANY(struct draft, homing.never_signal, homing.n_never_signal)},
	{"preconfigured", OPTION_PREFIX, LIST, "prefixes protected on loss of signal",
		MANY(struct draft, config.preconfigured, config.n_preconfigured)},
	{"target-resolver", OPTION_RESOLVER, ONE, "who is asked for targets that are names",
		AT(struct draft, homing.target_resolver)},
	{"hosts", OPTION_CUSTOM, ONE, "targets that are names, and their addresses",
		.unit = "a map of domain names to lists of addresses", .custom = read_hosts},
	{"names", OPTION_MAP, ONE, "who is asked for names in requests of clients",
		AT(struct draft, names), .rows = names_rows},
	{"aliases", OPTION_MAP, NAMED, "targets by names of our own",
		MANY(struct draft, config.aliases, config.n_aliases),
		ROWS(config_alias_rows, struct alias)},
	{"data-files", OPTION_PATH, LIST, "aliases and filters for the data channels of domains",
		MANY(struct draft, data_files, n_data_files)},
	{"consents", OPTION_MAP, LIST, "what one provider may be told of another one's",
		MANY(struct draft, consents, n_consents), ROWS(consent_rows, struct draft_consent)},
	{"address-policy", OPTION_MAP, LIST, "policy table of the choice of addresses",
		MANY(struct draft, homing.policy.rows, homing.policy.n),
		ROWS(policy_rows, struct policy_row)},
	{"pi", OPTION_CUSTOM, ONE, "who is asked for provider-independent targets",
		.unit = "all, serial, divide or a list of domains", .custom = read_pi},
	{"wider-targets", OPTION_CHOICE, ONE, "targets wider than what is owned",
		AT(struct draft, wider), .fallback = "refuse", CHOICES("refuse", "clip")},
	{"withdraw-when-stopped", OPTION_BOOL, ONE, "what the servers say is over is withdrawn",
		AT(struct draft, homing.withdraw_stopped), .fallback = "no"},
	{"mixed-targets", OPTION_CHOICE, ONE, "requests with foreign targets",
		AT(struct draft, mixed), .fallback = "refuse", CHOICES("refuse", "trim")},
	{"aggregate", OPTION_BOOL, ONE, "upstream all clients share our sessions and cuid",
		AT(struct draft, aggregate), .fallback = "yes"},
	{"server-domain", OPTION_BOOL, ONE, "requests upstream say whom they are for",
		AT(struct draft, server_domain), .fallback = "no"},
	{"keep-via", OPTION_BOOL, ONE, "what a client's request came through is told upstream",
		AT(struct draft, keep_via), .fallback = "no"},
	{"allow-anycast", OPTION_BOOL, ONE, "one address for several gateways is meant so",
		AT(struct draft, allow_anycast), .fallback = "no"},
	{"listen", OPTION_MAP, LIST, "where clients are served",
		MANY(struct draft, listen, n_listen), ROWS(listen_rows, struct draft_listen)},
	{"data-channel", OPTION_MAP, ONE, "where clients put aliases and filters on record",
		AT(struct draft, data), .rows = data_rows},
	{"credentials", OPTION_MAP, ONE, "of the listening side", AT(struct draft, credentials),
		.rows = credentials_rows},
	{"clients", OPTION_MAP, NAMED, "who may ask", MANY(struct draft, clients, n_clients),
		ROWS(client_rows, struct draft_client)},
	{"never-mitigate", OPTION_PREFIX, LIST, "what nobody may ask for",
		MANY(struct draft, never_mitigate, n_never_mitigate)},
	{"clients-dir", OPTION_PATH, ONE, "directory of files with clients",
		AT(struct draft, clients_dir)},
	{"mitigators", OPTION_MAP, LIST, "what handles the traffic",
		MANY(struct draft, mitigators, n_mitigators),
		ROWS(mitigator_rows, struct draft_mitigator)},
	{"session", OPTION_MAP, ONE, "parameters of sessions with clients",
		AT(struct draft, session), .rows = session_rows},
	{"mitigation", OPTION_MAP, ONE, "what is granted to clients",
		AT(struct draft, config.policy), .rows = mitigation_rows},
	{"limits", OPTION_MAP, ONE, "limits of what others can make grow", AT(struct draft, config),
		.rows = limits_rows},
	{0},
};
