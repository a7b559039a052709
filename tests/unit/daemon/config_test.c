/*
 * The configuration: what it says gets into the snapshot, and every mistake is told with its place.
 */
#include "daemon/config.h"

#include <sys/stat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "daemon/config_table.h"
#include "pki.h"

static struct config_problems problems;

static int
start(void **state)
{
	(void)state;
	pki_start();
	pki_make(&(struct pki_spec){.name = "ca", .cn = "CA"});
	pki_make(&(struct pki_spec){.name = "one", .issuer = "ca", .cn = "one.example"});
	pki_make(&(struct pki_spec){.name = "two", .issuer = "ca", .cn = "two.example"});
	pki_make(&(struct pki_spec){.name = "old",
		.issuer = "ca",
		.cn = "old.example",
		.from_days = -9,
		.until_days = -2});
	pki_make_crl(&(struct pki_crl){.name = "list", .issuer = "ca", .revoked = {"two"}});
	pki_make_crl(&(struct pki_crl){
		.name = "ended", .issuer = "ca", .from_seconds = -90, .until_seconds = -60});
	pki_make_crl(&(struct pki_crl){
		.name = "ending", .issuer = "ca", .from_seconds = -90, .until_seconds = 80000});
	pki_make(&(struct pki_spec){.name = "ca2", .cn = "CA two"});
	pki_write("both.crt", "");
	pki_join((const char *[]){"both", "ca", "ca2", NULL}, ".crt");
	pki_write("a.psk", "00112233445566778899aabbccddeeff\n");
	pki_write("bad.psk", "no hexadecimal\n");
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	pki_finish();
	return 0;
}

static int
forget(void **state)
{
	(void)state;
	config_problems_finish(&problems);
	return 0;
}

static struct config *
load(const char *text)
{
	config_problems_finish(&problems);
	pki_write("dotsd.yaml", text);
	return config_load(pki_path("dotsd", ".yaml"), &problems);
}

static void
print_problems(void)
{
	for (size_t i = 0; i < problems.n; i++)
		print_error("%s: %s\n", problems.list[i].fatal ? "fatal" : "warning",
			problems.list[i].text);
}

static const char *
without_path(const char *text)
{
	const char *path = pki_path("dotsd", ".yaml");
	size_t len = strlen(path);

	assert_int_equal(strncmp(text, path, len), 0);
	assert_int_equal(text[len], ':');
	return text + len + 1;
}

/* A problem that begins with `expected`; a '*' in it stands for anything up to what follows. */
static bool
matches(const char *text, const char *expected)
{
	const char *star = strchr(expected, '*');

	if (!star)
		return !strncmp(text, expected, strlen(expected));
	return !strncmp(text, expected, (size_t)(star - expected)) && strstr(text, star + 1);
}

static bool
noted(bool fatal, const char *expected)
{
	for (size_t i = 0; i < problems.n; i++)
		if (problems.list[i].fatal == fatal &&
			matches(without_path(problems.list[i].text), expected))
			return true;
	return false;
}

struct mistake {
	const char *text, *expected;
};

static void
expect_fatal(const struct mistake *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *c = load(list[i].text);

		if (c || !noted(true, list[i].expected)) {
			print_error("---\n%s--- expected: %s\n", list[i].text, list[i].expected);
			print_problems();
			fail();
		}
	}
}

static void
expect_warning(const struct mistake *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *c = load(list[i].text);

		if (!c || !noted(false, list[i].expected)) {
			print_error("---\n%s--- expected: %s\n", list[i].text, list[i].expected);
			print_problems();
			fail();
		}
		config_free(c);
	}
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define X509     "{certificate: one.crt, key: one.key, trust: ca.crt}"
#define PSK      "{psk-identity: acme, psk-file: a.psk}"
#define RAW_KEY  "{raw-key: one.key, spki: [AAAAAAAAAAAAAAAAAAAAAA]"
#define DOMAIN   "domains:\n  isp1:\n    servers: [{name: d.example, addresses: [192.0.2.1]}]\n"
#define SERVER   "listen: [{address: 127.0.0.1}]\ncredentials: " X509 "\nmitigators: [dry-run: {}]\n"

/* 9284-5.1-12, 4116-2-01, 8811-3.1.1-02, 8612-SIG-004-01, 9132-C-01, 9284-5.1-11, 9132-4.1-01,
 * 9132-3-03, 9132-4.4.1.1-56 */
static void
the_example_with_two_providers_loads(void **state)
{
	struct config *c =
		load("domains:\n"
		     "  isp1:\n"
		     "    interface: wan1\n"
		     "    prefixes: [192.0.2.64/26, 2001:db8:1a00::/48]\n"
		     "    resolvers: [192.0.2.53]\n"
		     "    servers: [{name: dots.isp1.example}]\n"
		     "    credentials: {certificate: one.crt, key: one.key, trust: ca.crt}\n"
		     "  isp2:\n"
		     "    interface: wan2\n"
		     "    prefixes: [198.51.100.64/26]\n"
		     "    servers: [{name: dots.isp2.example, addresses: [198.51.100.10]}]\n"
		     "    credentials: {psk-identity: acme, psk-file: a.psk}\n"
		     "    status-interval: 60\n"
		     "withdraw-when-stopped: yes\n"
		     "provider-independent: [203.0.113.0/25]\n");
	struct homing *h;
	struct prefix p;

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	h = c->homing;
	assert_int_equal(h->n_domains, 2);
	assert_string_equal(h->domains[0].name, "isp1");
	assert_string_equal(h->domains[0].interfaces[0], "wan1");
	assert_int_equal(h->domains[0].n_prefixes, 2);
	assert_int_equal(h->domains[0].n_protects, 2);
	assert_int_equal(h->domains[0].resolvers[0].port, 53);
	assert_string_equal(h->domains[0].servers[0]->name, "dots.isp1.example");
	assert_int_equal(h->domains[0].servers[0]->port, 4646);
	assert_int_equal(h->domains[0].heartbeat.interval_ms, 30000);
	assert_int_equal(h->domains[0].heartbeat.missing_allowed, 15);
	assert_int_equal(h->domains[0].lifetime, 3600);
	assert_int_equal(h->domains[0].status_interval, 0);
	assert_int_equal(h->domains[1].status_interval, 60);
	assert_true(h->withdraw_stopped);
	assert_int_equal(h->domains[1].servers[0]->n_addresses, 1);
	assert_string_equal(credentials_label(c->credentials[0]), "one.example");
	assert_string_equal(credentials_label(c->credentials[1]), "psk:acme");
	assert_int_equal(prefix_parse("203.0.113.1", &p), 0);
	assert_int_equal(((struct owner *)trie_longest(h->owners, &p, NULL))->kind, OWNER_PI);
	assert_string_equal(c->instance, "dotsd");
	assert_string_equal(c->state, "/var/lib/dotsd");
	assert_string_equal(c->control, "/run/dotsd/control.sock");
	assert_int_equal(c->n_listen, 0);
	assert_int_equal(c->n_mitigators, 1);
	assert_int_equal(c->mitigators[0].kind, MITIGATOR_ESCALATE);
	/* an interface that is not there yet is no reason to stay down */
	assert_true(noted(false, "3:16: interface wan1 is not there at present"));
	assert_true(noted(false, "9:16: interface wan2 is not there at present"));
	config_free(c);
}

/* RFC 7250 on either side: no certificate, no authority. */
static void
raw_public_keys_load(void **state)
{
	struct config *c = load(DOMAIN "    credentials: " RAW_KEY ", psk-identity: acme, "
				       "psk-file: a.psk}\n"
				       "listen: [{interface: lo}]\n"
				       "credentials: {raw-key: two.key}\n"
				       "clients: {a: {spki: [AAAAAAAAAAAAAAAAAAAAAA]}}\n"
				       "mitigators: [dry-run: {}]\n");

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_true(domain_expects_server(&c->homing->domains[0]));
	assert_non_null(strstr(credentials_label(c->credentials[0]), "spki:"));
	assert_string_equal(
		credentials_label(c->credentials[0]) + 5, credentials_cuid(c->credentials[0]));
	assert_non_null(c->server_credentials);
	assert_false(noted(false, "8:"));
	config_free(c);
}

/* 8040-2.2-01, 8811-2.2.1-04, 8811-2.2.2-13, 8811-3.1.2-08, 9132-3-03, 9132-C-01 */
static void
a_server_loads(void **state)
{
	struct config *c =
		load("instance: prov_1\nstate: var\nevents: /tmp/e.json\nuser: nobody\n"
		     "listen:\n  - {interface: lo, address: 127.0.0.1, port: 4747}\n  - {}\n"
		     "credentials: " X509 "\n"
		     "data-channel: {listen: [{address: 127.0.0.1}]}\n"
		     "clients:\n"
		     "  acme:\n"
		     "    certificates: [c1.example, c2.example]\n"
		     "    spki: [AAAAAAAAAAAAAAAAAAAAAA]\n"
		     "    psk: [{identity: acme, file: a.psk}]\n"
		     "    prefixes: [192.0.2.0/24]\n"
		     "    action: {limit: 1000, unit: bytes, per: source}\n"
		     "    limits: {sessions: 2, mitigations: 3, targets: 4, ports: 5, cuids: 6, "
		     "observers: 7, waiting-requests: 8, requests-per-second: 9, "
		     "targets-total: 14, handshakes-per-minute: 15, data-bytes: 2048}\n"
		     "    widest: {ipv4: 24, ipv6: 48}\n"
		     "    lifetime-max: 60\n"
		     "    allow-indefinite: no\n"
		     "  other: {certificates: [o.example], prefixes: ['2001:db8::/32'], "
		     "action: observe}\n"
		     "never-mitigate: [192.0.2.53/32]\n"
		     "mitigators: [{nftables: {}}, {dry-run: {}}]\n"
		     "session: {heartbeat-interval: 15.5, missing-hb-allowed: 3}\n"
		     "mitigation: {lifetime-max: 7200, allow-indefinite: yes}\n"
		     "limits: {sessions: 5, half-open: 6, half-open-per-prefix: 7, "
		     "handshakes-per-turn: 9, mitigations: 10, handshake-timeout: 1.5, "
		     "observers: 11, wishes: 12, control-connections: 13, "
		     "response-body: 2048, response-bodies: 4096, targets-total: 17}\n");
	const struct client *cl;
	struct prefix p;

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_string_equal(c->instance, "prov_1");
	assert_string_equal(c->state, pki_path("var", "")); /* relative to the file */
	assert_string_equal(c->events, "/tmp/e.json");
	assert_int_equal(c->n_listen, 3);
	assert_string_equal(c->listen[0].interface, "lo");
	assert_int_equal(c->listen[0].local.port, 4747);
	assert_int_equal(c->listen[1].local.addr.family, 4);
	assert_int_equal(c->listen[2].local.addr.family, 6);
	assert_int_equal(c->listen[2].local.port, 4646);
	assert_int_equal(c->data.https.n_sockets, 1);
	assert_int_equal(c->data.https.sockets[0].local.port, 443);
	cl = clients_named(c->clients, "acme");
	assert_int_equal(cl->n_certificates, 2);
	assert_int_equal(cl->action.kind, ACTION_LIMIT_PER_SOURCE);
	assert_int_equal(cl->action.rate, 1000);
	assert_int_equal(cl->action.unit, RATE_BYTES);
	assert_int_equal(cl->limits.sessions, 2);
	assert_int_equal(cl->limits.mitigations, 3);
	assert_int_equal(cl->limits.targets, 4);
	assert_int_equal(cl->limits.ports, 5);
	assert_int_equal(cl->limits.cuids, 6);
	assert_int_equal(cl->limits.observers, 7);
	assert_int_equal(cl->limits.waiting_requests, 8);
	assert_int_equal(cl->limits.requests_per_second, 9);
	assert_int_equal(cl->limits.targets_total, 14);
	assert_int_equal(cl->limits.handshakes_per_minute, 15);
	assert_int_equal(cl->limits.data_bytes, 2048);
	assert_int_equal(cl->widest.ipv4, 24);
	assert_int_equal(cl->widest.ipv6, 48);
	assert_int_equal(cl->lifetime_max, 60);
	assert_int_equal(cl->indefinite, INDEFINITE_SHORTENED);
	prefix_parse("192.0.2.53/32", &p);
	assert_int_equal(client_authorises(cl, &p, 1).code, COAP_400_BAD_REQUEST);
	assert_ptr_equal(clients_by_psk(c->clients, "acme"), cl);
	cl = clients_named(c->clients, "other");
	assert_int_equal(cl->widest.ipv4, 0);
	assert_int_equal(cl->indefinite, INDEFINITE_AS_ALL);
	assert_memory_equal(&cl->limits, &CLIENT_LIMITS_DEFAULT, sizeof(cl->limits));
	assert_int_equal(clients_named(c->clients, "other")->action.kind, ACTION_OBSERVE);
	assert_int_equal(c->n_psk, 1);
	assert_int_equal(c->psk[0].len, 16);
	assert_int_equal(c->n_mitigators, 2);
	assert_string_equal(c->mitigators[0].socket, "/run/dotsd/priv.sock");
	assert_string_equal(c->mitigators[0].instance, "prov_1");
	assert_int_equal(c->mitigators[1].kind, MITIGATOR_DRY_RUN);
	assert_int_equal(c->heartbeat.interval_ms, 15500);
	assert_int_equal(c->policy.lifetime_max, 7200);
	assert_true(c->policy.allow_indefinite);
	assert_int_equal(c->policy.terminating, 120);
	assert_int_equal(c->policy.terminating_max, 300);
	assert_int_equal(c->policy.mitigations_max, 10);
	assert_int_equal(c->policy.targets_max, 17);
	assert_int_equal(c->max_sessions, 5);
	assert_int_equal(c->max_half_open, 6);
	assert_int_equal(c->max_half_open_per_prefix, 7);
	assert_int_equal(c->handshakes_per_turn, 9);
	assert_int_equal(c->max_body, 2048);
	assert_int_equal(c->max_bodies, 4096);
	assert_int_equal(c->handshake_timeout_ms, 1500);
	assert_int_equal(c->max_observers, 11);
	assert_int_equal(c->max_wishes, 12);
	assert_int_equal(c->max_control, 13);
	assert_int_equal(problems.n, 0);
	config_free(c);
}

#define HAS(choice, field) ((choice).has >> CONFIG_##field & 1)

/* 9132-4.5.2-02 to -06, 9132-4.5.3-11: what is said of both sets, of one, and of neither. */
static void
parameters_of_sessions_are_of_both_sets_or_of_one(void **state)
{
	struct config *c = load(SERVER
		"clients: {a: {certificates: [x], prefixes: [10.0.0.0/8]}}\n"
		"session:\n"
		"  heartbeat-interval: 60\n"
		"  probing-rate: 10\n"
		"  ack-timeout: 2.5\n"
		"  idle: {heartbeat-interval: 0, ack-random-factor: 1.25, max-retransmit: 4}\n"
		"  minimum: {heartbeat-interval: 20}\n"
		"  maximum: {missing-hb-allowed: 10}\n"
		"  max-age: 600\n");
	struct session_params p;

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_int_equal(problems.n, 0);
	p = session_params_of(&c->heartbeat, &c->session[SESSION_MITIGATING]);
	assert_int_equal(p.heartbeat_ms, 60000);
	assert_int_equal(p.missing_hb_allowed, 15);
	assert_int_equal(p.probing_rate, 10);
	assert_int_equal(p.max_retransmit, 3);
	assert_int_equal(p.ack_timeout, 250);
	assert_int_equal(p.ack_random_factor, 150);
	p = session_params_of(&c->heartbeat, &c->session[SESSION_IDLE]);
	assert_int_equal(p.heartbeat_ms, 0);
	assert_int_equal(p.probing_rate, 10);
	assert_int_equal(p.max_retransmit, 4);
	assert_int_equal(p.ack_random_factor, 125);
	assert_int_equal(c->range.min.heartbeat_ms, 20000);
	assert_int_equal(c->range.max.heartbeat_ms, 240000);
	assert_int_equal(c->range.max.missing_hb_allowed, 10);
	assert_int_equal(c->config_max_age, 600);
	config_free(c);
}

static void
a_domain_wants_only_what_it_says(void **state)
{
	struct config *c = load("domains:\n  a:\n    heartbeat-interval: 60\n"
				"    servers: [{name: d.example, addresses: [192.0.2.1]}]\n"
				"    credentials: " PSK "\n"
				"    session:\n      max-retransmit: 5\n"
				"      mitigating: {heartbeat-interval: 20}\n"
				"  b:\n    servers: [{name: e.example, addresses: [192.0.2.2]}]\n"
				"    credentials: " X509 "\n");
	const struct session_choice *a, *b;

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	a = c->homing->domains[0].session;
	b = c->homing->domains[1].session;
	assert_true(HAS(a[SESSION_IDLE], HEARTBEAT_INTERVAL));
	assert_false(HAS(a[SESSION_IDLE], MISSING_HB_ALLOWED));
	assert_true(HAS(a[SESSION_IDLE], MAX_RETRANSMIT));
	assert_int_equal(a[SESSION_IDLE].params.heartbeat_ms, 60000);
	assert_int_equal(a[SESSION_MITIGATING].params.heartbeat_ms, 20000);
	assert_int_equal(a[SESSION_MITIGATING].params.max_retransmit, 5);
	assert_int_equal(b[SESSION_IDLE].has | b[SESSION_MITIGATING].has, 0);
	assert_int_equal(c->homing->domains[1].heartbeat.interval_ms, 30000);
	config_free(c);
}

static void
a_gateway_leaves_the_terminating_period_to_its_providers(void **state)
{
	static const char gateway[] =
		DOMAIN "    credentials: " PSK "\n"
		       "listen: [{address: 127.0.0.1}]\ncredentials: " X509 "\n"
		       "clients: {lan: {certificates: [x], prefixes: [192.0.2.0/24]}}\n";
	struct config *c = load(gateway);
	char *text;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->mitigators[0].kind, MITIGATOR_ESCALATE);
	assert_int_equal(c->policy.terminating, 0);
	config_free(c);
	text = mem_printf("%smitigation: {terminating: 60}\n", gateway);
	c = load(text);
	assert_int_equal(c->policy.terminating, 60);
	config_free(c);
	free(text);
	text = mem_printf("%smitigators: [dry-run: {}, escalate: {}]\n", gateway);
	c = load(text);
	assert_int_equal(c->policy.terminating, 120);
	config_free(c);
	free(text);
}

/* 9132-4.4.1.2-05, 9132-4.4.1.2-12. */
static void
gateways_of_the_servers_domain_load(void **state)
{
	struct config *c = load(DOMAIN "    credentials: " PSK "\n"
				       "listen: [{address: 127.0.0.1}]\ncredentials: " X509 "\n"
				       "aggregate: no\nserver-domain: yes\nclients:\n"
				       "  gw: {certificates: [gw], gateway: yes}\n"
				       "  acme: {cdids: [7eeaf349529eb55ed50113], prefixes: "
				       "[192.0.2.0/24]}\n");

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_true(c->separate);
	assert_true(c->server_domain);
	assert_true(clients_named(c->clients, "gw")->gateway);
	assert_false(clients_named(c->clients, "acme")->gateway);
	assert_ptr_equal(clients_by_cdid(c->clients, "7eeaf349529eb55ed50113"),
		clients_named(c->clients, "acme"));
	assert_false(noted(false, "*acme has no credential"));
	config_free(c);
}

/* 8811-3.3.2-03 */
static void
an_escalation_may_have_a_threshold(void **state)
{
	static const char gateway[] =
		DOMAIN "    credentials: " PSK "\n"
		       "listen: [{address: 127.0.0.1}]\ncredentials: " X509 "\n"
		       "clients: {lan: {certificates: [x], prefixes: [192.0.2.0/24]}}\n"
		       "mitigators: [dry-run: {}, escalate: {above: {rate: 5000, unit: bytes}}]\n";
	struct config *c = load(gateway);

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->mitigators[1].kind, MITIGATOR_ESCALATE);
	assert_int_equal(c->mitigators[1].above.rate, 5000);
	assert_int_equal(c->mitigators[1].above.unit, RATE_BYTES);
	assert_int_equal(c->mitigators[1].above.interval_ms, 10000);
	assert_int_equal(c->mitigators[0].above.rate, 0);
	config_free(c);
}

/* 9284-5.3-20 */
static void
gateways_and_their_filters_load(void **state)
{
	struct config *c = load("gateways:\n"
				"  g1: {interfaces: [lo], servers: [{addresses: ['::1']}], "
				"filters: [192.0.2.0/24], "
				"credentials: " PSK "}\n"
				"mixed-targets: trim\nwider-targets: clip\npi: [g1]\n");

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_true(c->homing->domains[0].gateway);
	assert_int_equal(c->homing->domains[0].n_protects, 1);
	assert_string_equal(c->homing->domains[0].servers[0]->name, "::1");
	assert_true(c->trim);
	assert_true(c->homing->clip);
	assert_int_equal(c->homing->pi, PI_LIST);
	config_free(c);
}

static void
mistakes_of_form_are_told_with_their_place(void **state)
{
	static const struct mistake list[] = {
		{"limits: {observers: -1}\n", "1:21: observers (subscriptions of all clients) is "
					      "\"-1\", expected a whole number from 0 to"},
		{"limits: {wishes: 0}\n", "1:18: wishes (requests of our own) is \"0\""},
		{"limits: {control-connections: 1025}\n", "1:31: control-connections"},
		{"limits: {handshake-timeout: 0.5}\n", "1:29: handshake-timeout"},
		{"clients: {acme: {limits: {targets: 4097}}}\n", "1:36: targets"},
		{"clients: {acme: {limits: {ports: 257}}}\n", "1:34: ports"},
		{"clients: {acme: {limits: {waiting-requests: 65}}}\n", "1:45: waiting-requests"},
		{"clients: {acme: {limits: {requests-per-second: 0}}}\n",
			"1:48: requests-per-second"},
		{"domains: [x\nlisten: 3\n", "3:1: flow sequence without a closing bracket"},
		{"state: a\nstate: b\n",
			"2:1: \"state\" stands twice in the file, expected it once"},
		{"state: a # *\nstate: b\n", "*duplicate key"},
		{"domains: {a: {}, a: {}}\n", "1:18: \"a\" stands twice in domains"},
		{"state: *nothing\n", "1:9: *expected YAML"},
		{"- a\n- b\n", "1:3: the file is a list, expected a map"},
		{"domain: {}\n",
			"1:1: unknown key \"domain\" in the file, expected perhaps \"domains\""},
		{"flowers: 1\n",
			"1:1: unknown key \"flowers\" in the file, expected one of instance, "},
		{"domains:\n  isp1:\n    interfase: wan1\n",
			"3:5: unknown key \"interfase\" in domains isp1, expected perhaps "
			"\"interface\""},
		{"domains: [isp1]\n",
			"1:11: domains (provisioning domains) is a list, expected a map"},
		{"domains: {isp1: 7}\n", "1:11: domains isp1 is \"7\", expected a map"},
		{"domains: {a/b: {}}\n",
			"1:11: \"a/b\" is the name of an entry of domains, expected 1 to 64"},
		{"domains:\n  a:\n    prefixes: 192.0.2.0/24\n",
			"3:15: prefixes (assigned by this provider) is \"192.0.2.0/24\", expected "
			"a list"},
		{"domains:\n  a:\n    prefixes: [10.0.0.0/8, 10.0.0.0/33]\n",
			"3:28: prefixes (assigned by this provider) is \"10.0.0.0/33\", expected "
			"an IPv4 or "
			"IPv6 prefix"},
		{"domains:\n  a:\n    servers: [{name: x, port: 70000}]\n",
			"3:31: port (port of the server) is \"70000\", expected a whole number "
			"from 1 to "
			"65535"},
		{"domains:\n  a:\n    status-interval: 2\n",
			"3:22: status-interval (time between questions for the status) is \"2\", "
			"expected a whole number of seconds from 3 to 3600"}, /* 9132-4.4.2.2-02 */
		{"limits: {response-body: 2047}\n",
			"1:25: response-body (largest answer that is sent in blocks) is \"2047\", "
			"expected a whole number of bytes from 2048 to 16777215"},
		{"limits: {response-bodies: 2147483648}\n",
			"1:27: response-bodies (such answers of all sessions together) is "
			"\"2147483648\", expected a whole number of bytes from 2048 to 2147483647"},
		{"domains:\n  a:\n    servers: [{name: x, transport: sctp}]\n",
			"3:36: transport (how it is reached) is \"sctp\", expected udp or tcp"},
		{"domains:\n  a:\n    servers: [{name: x, prio: 1}]\n",
			"3:25: unknown key \"prio\" in servers, expected perhaps \"priority\""},
		{"domains:\n  a:\n    servers: [{port: 1}]\n",
			"3:16: server without name and addresses"},
		{"domains:\n  a:\n    heartbeat-interval: soon\n",
			"3:25: heartbeat-interval (time between heartbeats) is \"soon\", expected "
			"seconds from "
			"0 to 65535"},
		{"domains:\n  a:\n    session: {ack-timeout: 0.99}\n",
			"3:28: ack-timeout (seconds until the first of them) is \"0.99\", expected "
			"a "
			"number from 1 to 60"},
		{"domains:\n  a:\n    session: {ack-random-factor: 0.9}\n",
			"3:34: ack-random-factor (*expected a number from 1 to 10"},
		{"domains:\n  a:\n    session: {minimum: {}}\n",
			"3:15: unknown key \"minimum\" in session"},
		{"session: {max-age: 0}\n",
			"1:20: max-age (*expected a whole number of seconds from "
			"1 to 4294967294"},
		{SERVER "clients: {a: {}}\nsession: {minimum: {probing-rate: 21}}\n",
			"5:35: clients may negotiate a probing-rate from 21 to 20"},
		{SERVER "clients: {a: {}}\nsession: {maximum: {ack-timeout: 1}, minimum: "
			"{ack-timeout: 1.5}}\n",
			"5:61: clients may negotiate a ack-timeout from 1.5 to 1, expected"},
		{"domains:\n  a:\n    source: lo\n",
			"3:13: source (*expected an IPv4 or IPv6 address"},
		{"domains:\n  a:\n    attachments: some\n",
			"3:18: attachments (*expected one or all"},
		{"domains:\n  a:\n    interface:\n",
			"3:5: interface (access link) is nothing, expected the "
			"name of a network interface"},
		{"domains:\n  a:\n    interface: [a, {b: c}]\n",
			"3:21: interface (access link) is a map"},
		{"instance: My Server\n", "1:11: instance (*expected 1 to 32 of a-z, 0-9 and _"},
		{"mitigation: {allow-indefinite: perhaps}\n",
			"1:32: allow-indefinite (*expected yes or no"},
		{"clients:\n  a: {spki: [short]}\n",
			"2:14: spki (*expected 22 characters of base64url"},
		{"clients:\n  a: {action: burn}\n",
			"2:15: action (*expected drop, observe or {limit: N}"},
		{"clients:\n  a: {action: {unit: bytes}}\n",
			"2:16: action without limit, expected drop"},
		{"clients:\n  a: {psk: [{identity: x}]}\n",
			"2:14: psk without file, expected {identity, file}"},
		{"pi: some\n",
			"1:5: pi (*is \"some\", expected all, serial, divide or a list of domains"},
		{"mitigators: [{dry-run: {}, escalate: {}}]\n",
			"1:15: mitigator of 2 kinds, expected exactly"},
		{"mitigators: [{dry-run: {}}, {escalate: {above: {}}}]\n",
			"1:41: above without rate, expected {rate: N}"},
		{"mitigators: [{dry-run: {}}, {escalate: {above: {rate: 0}}}]\n",
			"1:55: rate (*expected a whole number of packets or bytes a second from 1"},
		{"mitigators: [{nftables: {table: x}}]\n",
			"1:26: unknown key \"table\" in nftables"},
		{"mitigators: [{dry-run: {speed: 3}}]\n",
			"1:25: unknown key \"speed\" in dry-run, expected none"},
	};

	(void)state;
	expect_fatal(list, COUNT(list));
}

/* 8783-8-05, 8783-8-01, 8040-2.2-02 */
static void
what_the_data_channel_needs(void **state)
{
	static const struct mistake list[] = {
		{SERVER "clients: {a: {}}\ndata-channel: {}\n",
			"5:1: data-channel without listen, expected where it is served"},
		{"data-channel: {listen: [{}]}\n",
			"1:1: data-channel without `listen`, expected the signal channel"},
		{SERVER "clients: {a: {}}\ndata-channel: {listen: [{}], root: restconf}\n",
			"*root is \"restconf\", expected a path such as /restconf"},
		{"listen: [{address: 127.0.0.1}]\ncredentials: {raw-key: one.key}"
		 "\nclients: {a: {}}\ndata-channel: {listen: [{}]}\n",
			"*data-channel without a certificate, expected one under `credentials`"},
		{SERVER "clients: {a: {prefixes: [192.0.2.0/24], aliases: {w: {prefixes: "
			"[192.0.2.1/32]}}}}\ndata-channel: {listen: [{}]}\n",
			"*data-channel and aliases of client a here, expected one of them (RFC "
			"8783 8)"},
		{SERVER "clients: {a: {}}\ndata-channel: {listen: [{}], lifetime: 10079}\n",
			"*is \"10079\", expected a whole number of minutes from 10080"},
	};

	(void)state;
	expect_fatal(list, COUNT(list));
}

/* 9284-3-01, 9284-3-02 */
static void
contradictions_and_files_are_told_with_their_place(void **state)
{
	static const struct mistake list[] = {
		{"", "1:1: nothing to do, expected `domains`, `gateways` or `listen`"},
		{"instance: a\n", "1:1: nothing to do"},
		{"user: nobody-at-all\n", "1:7: user nobody-at-all does not exist"},
		{"preconfigured: [192.0.2.66/32]\nlisten: [{}]\n",
			"1:1: preconfigured without anybody to ask, expected `domains` or "
			"`gateways`"},
		{"server-domain: yes\n",
			"1:16: server-domain with all clients in one session, expected aggregate: "
			"no"},
		{DOMAIN, "2:3: isp1 has servers but no credentials"},
		{DOMAIN "    credentials: {certificate: gone.crt, key: one.key, trust: ca.crt}\n",
			"4:32: *gone.crt cannot be read: No such file or directory, expected a "
			"readable file"},
		{DOMAIN "    credentials: {certificate: one.crt, key: two.key, trust: ca.crt}\n",
			"4:5: *The certificate and the given key do not match"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: ca.crt, "
			"crl: gone.crl}\n",
			"4:75: *gone.crl cannot be read"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: ca.crt, "
			"crl: a.psk}\n",
			"4:75: *expected {certificate"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: ca2.crt, "
			"crl: list.crl}\n",
			"4:76: *CA, who issued a list, is no CA of `trust`"},
		{DOMAIN "    credentials: {psk-identity: acme, psk-file: a.psk, crl: list.crl}\n",
			"4:5: certificate, key and trust go together"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key}\n",
			"4:5: certificate, key and trust go together"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: a.psk}\n",
			"4:5: *a.psk"},
		{DOMAIN "    credentials: {raw-key: one.key}\n",
			"4:28: raw-key without spki, expected the digests of the servers' raw "
			"keys (RFC 9132 7.1)"},
		{DOMAIN "    credentials: {spki: [AAAAAAAAAAAAAAAAAAAAAA]}\n",
			"4:5: spki needs raw-key"},
		{DOMAIN "    credentials: {spki: [AAAA], raw-key: one.key}\n",
			"4:26: spki (digests of raw public keys of the servers) is \"AAAA\""},
		{DOMAIN "    credentials: {spki: [AAAAAAAAAAAAAAAAAAAAAA], raw-key: gone.key}\n",
			"4:60: *gone.key cannot be read"},
		{DOMAIN "    credentials: {spki: [AAAAAAAAAAAAAAAAAAAAAA], raw-key: one.crt}\n",
			"4:5: *one.crt: "},
		{DOMAIN "    credentials: " RAW_KEY ", certificate: one.crt, key: one.key, trust: "
			"ca.crt}\n",
			"4:28: raw-key beside a certificate, expected one of them"},
		{DOMAIN "    credentials: {psk-identity: a, psk-file: bad.psk}\n",
			"4:5: *bad.psk: expected one line of hexadecimal digits"},
		{"domains:\n  a:\n    prefixes: [192.0.2.0/24]\n  b:\n    prefixes: [10.0.0.0/8, "
		 "192.0.2.0/24]\n",
			"5:5: prefix 192.0.2.0/24 is assigned by both a and b, expected one "
			"domain to assign "
			"it"},
		{"domains: {a: {prefixes: [10.0.0.0/8]}}\nprovider-independent: [10.0.0.0/8]\n",
			"2:1: 10.0.0.0/8 is provider-independent and assigned by a"},
		{"domains:\n  a: {servers: [{name: s, addresses: [192.0.2.9]}, {name: s}], "
		 "credentials: " PSK "}\n",
			"2:7: a has two servers s of the same port, transport and links, expected "
			"one entry"},
		{"domains:\n  a: {nat-map: [{inside: 10.0.0.0/24, outside: 192.0.2.0/23}]}\n",
			"2:7: entry 1 of the nat-map of a, expected `inside` and `outside` of "
			"one"},
		{"domains:\n  a: {nat-map: [{inside: 10.0.0.0/24}]}\n",
			"2:7: entry 1 of the nat-map of a, expected `inside`"},
		{"domains:\n  a: {nat-map: [{inside: 10.0.0.1, outside: 100.64.0.1}]}\n",
			"2:7: entry 1 of the nat-map of a is private outside too"},
		{"domains:\n  a: {interface: e0}\n  b: {via: a, discover: [naptr], "
		 "discovery-domain: b.example}\n",
			"3:15: b is a third party, which no link tells of, expected `servers`"},
		{"domains:\n  a: {discover: [slp]}\n",
			"2:18: discover names a method that is none, expected a list of dhcp, "
			"naptr, dns-sd"},
		{"domains:\n  a: {discover: [naptr]}\n",
			"2:7: a discovers servers and has no credentials"},
		{"domains:\n  a: {discover: [naptr]}\n",
			"2:7: a looks for servers in DNS and does not know where"},
		{"domains:\n  a: {interface: e0, discover: [dhcp]}\n",
			"2:22: a asks DHCP and there is no helper for it, expected `helper`"},
		{"domains:\n  a: {discover: [router]}\n",
			"2:7: a asks its router and has no interface, expected `interface`"},
		{"gateways:\n  a: {discover: [slp]}\n",
			"2:18: discover names a method that is none"},
		{"address-policy: [{prefix: 10.0.0.0/8}]\n",
			"1:1: row 1 of address-policy has no IPv6 prefix"},
		{"address-policy: [{label: 3}]\n",
			"1:1: row 1 of address-policy has no IPv6 prefix"},
		{"address-policy: [{prefix: 'fd00::/8'}, {prefix: 'fd00::/8'}]\n",
			"1:1: address-policy has two rows for fd00::/8"},
		{"address-policy: [{prefix: '::/0', label: -1}]\n",
			"1:42: label (sources of the same label are preferred) is \"-1\""},
		{"helper: /x\ndomains:\n  a: {discover: [dhcp]}\n",
			"3:7: a asks DHCP and has no interface, expected `interface`"},
		{"domains:\n  a: {via: b}\n", "1:1: via of a names b, which is no domain"},
		{"domains:\n  a: {via: [b], interface: lo}\n  b: {}\n",
			"2:7: a is reached via other domains and has interface"},
		{"domains:\n  a: {via: b}\n  b: {via: a}\n", "1:1: via of a names b, which is no "
							     "domain with links of its own"},
		{"domains: {a: {}}\npi: [b]\n",
			"2:1: pi names b, which is no domain, expected names of domains"},
		{"domains: {a: {}}\ngateways:\n  a: {servers: [{name: x}], credentials: " PSK "}\n",
			"3:3: a names a domain and a gateway"},
		{"gateways:\n  g: {credentials: " PSK "}\n", "2:3: gateway g has no servers"},
		{SERVER, "1:1: listen without clients, expected `clients`"},
		{"listen: [{}]\nclients: {a: {certificates: [x], prefixes: [10.0.0.0/8]}}\n",
			"1:1: listen without credentials and without any psk"},
		{"listen: [{}]\ncredentials: " PSK "\nclients: {a: {}}\n",
			"2:1: the listening side has a PSK of its own"},
		{"listen: [{}]\ncredentials: " RAW_KEY "}\nclients: {a: {}}\n",
			"2:33: the listening side has a list of keys of its own"},
		{SERVER "clients:\n  a: {certificates: [same]}\n  b: {certificates: [same]}\n",
			"6:3: *same"},
		{SERVER "clients:\n  a: {psk: [{identity: x, file: gone.psk}]}\n",
			"5:33: *gone.psk: No such file or directory"},
		{"listen: [{}]\ncredentials: " X509
		 "\nclients: {a: {}}\nmitigators: [escalate: {}]\n",
			"4:1: escalate without anybody to ask, expected `domains` or `gateways`"},
		{"listen: [{}]\ncredentials: " X509 "\nclients: {a: {}}\ndomains: {a: {}}\n"
		 "mitigators: [escalate: {above: {rate: 1}}]\n",
			"5:1: escalate.above and nobody else who handles the traffic, expected "
			"another mitigator"},
		{"listen: [{}]\ncredentials: " X509
		 "\nclients: {a: {escalate: no}}\ndomains: {a: {}}\n"
		 "mitigators: [escalate: {}]\n",
			"3:25: nobody would handle what client a asks for, expected another "
			"mitigator beside escalate"},
	};

	(void)state;
	expect_fatal(list, COUNT(list));
}

/* 9284-6-12, 9284-6-13: who may be told what is said by somebody, for two domains; who is asked for
 * names is no provider. */
static void
names_and_consents_are_checked(void **state)
{
#define TWO           "domains: {a: {resolvers: [192.0.2.53]}, b: {}}\n"
#define CONSENT(text) TWO "consents:\n  - {" text "}\n"
	static const struct mistake fatal[] = {
		{TWO "target-resolver: 192.0.2.53:5353\n",
			"2:18: target-resolver is a resolver of a, expected another one: a look-up "
			"would tell"},
		{TWO "target-resolver: here\n", "2:18: target-resolver"},
		{TWO "hosts: [www.example.com]\n",
			"2:9: hosts*expected a map of domain names to lists of addresses"},
		{TWO "hosts:\n  www: [192.0.2.1]\n",
			"3:3: www in hosts is no fully qualified domain name, expected a map"},
		{TWO "hosts:\n  www.example.com: 192.0.2.1\n", "3:20: hosts"},
		{TWO "hosts:\n  www.example.com: []\n", "3:3: hosts has a name without addresses"},
		{TWO "hosts:\n  www.example.com: [192.0.2.0/24]\n", "3:21: hosts"},
		{TWO "hosts:\n  www.example.com: [192.0.2.1]\n  WWW.example.com.: [192.0.2.2]\n",
			"4:3: WWW.example.com. in hosts stands there twice"},
		{TWO "hosts: {a.example: [192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, "
		     "192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, "
		     "192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1]}\n",
			"2:1: a.example has 17 addresses, expected at most 16"},
		{CONSENT("to: a, what: [names], granted-by: me, at: 2026-01-31"),
			"3:6: from of a consent is missing, expected the name of a domain"},
		{CONSENT("from: c, to: a, what: [names], granted-by: me, at: 2026-01-31"),
			"3:12: from of a consent is c, expected the name of a domain"},
		{CONSENT("from: a, to: a, what: [names], granted-by: me, at: 2026-01-31"),
			"3:19: a consent from a to itself"},
		{CONSENT("from: a, to: b, what: [names, targets], granted-by: me, at: 2026-01-31"),
			"3:29: what names something that no consent can be given for"},
		{CONSENT("from: a, to: b, granted-by: me, at: 2026-01-31"),
			"3:6: a consent for nothing"},
		{CONSENT("from: a, to: b, what: [names], at: 2026-01-31"),
			"3:6: nobody has granted a consent, expected `granted-by`"},
		{CONSENT("from: a, to: b, what: [names], granted-by: me"),
			"3:6: at of a consent is missing"},
		{CONSENT("from: a, to: b, what: [names], granted-by: me, at: 31.1.2026"),
			"3:57: at of a consent is 31.1.2026, expected the day"},
		{CONSENT("from: a, to: b, what: [names], granted-by: me, at: 2026-02-30"),
			"3:57: at of a consent is 2026-02-30, expected the day"},
	};
	struct config *c;
	const struct homing *h;
	char text[ADDR_TEXT_MAX];

	(void)state;
	expect_fatal(fatal, COUNT(fatal));
	c = load(TWO "target-resolver: 192.0.2.54\n"
		     "hosts: {WWW.example.com.: [192.0.2.1, \"2001:db8::1\"]}\n"
		     "consents: [{from: a, to: b, what: [names], granted-by: me, at: "
		     "2026-01-31}]\n");
	assert_non_null(c);
	h = c->homing;
	assert_int_equal(h->n_consents, 1);
	assert_string_equal(h->consents[0].from, "a");
	assert_int_equal(h->consents[0].what, CONSENT_NAMES);
	assert_int_equal(h->target_resolver.port, 53);
	assert_int_equal(h->n_hosts, 1);
	assert_string_equal(h->hosts[0].name, "www.example.com");
	assert_int_equal(h->hosts[0].n_addresses, 2);
	assert_string_equal(addr_format(&h->hosts[0].addresses[1], text), "2001:db8::1");
	config_free(c);
}

/* 9132-11-14: names of clients are looked up on this host only, by who asks others in secret and
 * believes nothing that is forged. */
static void
a_resolver_for_clients_is_encrypted_and_validates(void **state)
{
	static const struct mistake fatal[] = {
		{"names: {resolver: 192.0.2.53, encrypted: yes, validates: yes}\n",
			"1:19: resolver of names is not at a loopback address, expected a resolver "
			"on this host*(RFC 9132 11)"},
		{"names: {encrypted: yes, validates: yes}\n", "*resolver of names is not at"},
		{"names: {resolver: 127.0.0.1, validates: yes}\n",
			"*encrypted of names is not said, expected encrypted: yes"},
		{"names: {resolver: 127.0.0.1, encrypted: no, validates: yes}\n",
			"1:41: encrypted of names is not said"},
		{"names: {resolver: '::1', encrypted: yes}\n", "*validates of names is not said"},
	};
	struct config *c;

	(void)state;
	expect_fatal(fatal, COUNT(fatal));
	c = load(DOMAIN "    credentials: " PSK "\n"
			"names: {resolver: '127.0.0.1:5353', encrypted: yes, validates: yes}\n");
	assert_non_null(c);
	assert_int_equal(c->names.port, 5353);
	assert_true(noted(false, "*names without listen"));
	config_free(c);
}

/* 8612-SIG-008-04, 8811-3.3.1-02 */
static void
aliases_are_checked(void **state)
{
#define ALIAS(text) "clients: {acme: {prefixes: [192.0.2.0/24], aliases: {web: {" text "}}}}\n"
	static const struct mistake fatal[] = {
		{ALIAS(""), "*alias web stands for nothing, expected prefixes or names"},
		{ALIAS("prefixes: [198.51.100.0/24]"),
			"1:60: alias web of client acme: *198.51.100.0/24 is outside"},
		{ALIAS("names: [www]"), "*alias web: www is no fully qualified domain name"},
		{ALIAS("names: ['gopher://a.example/']"), "*has a scheme that is not known"},
		{ALIAS("prefixes: [192.0.2.1], ports: [90-80]"), "*ports of an alias, expected"},
		{ALIAS("prefixes: [192.0.2.1], ports: 80"), "*expected a list of ports"},
		{ALIAS("prefixes: [192.0.2.1], protocols: [tcp]"),
			"*protocols of an alias, expected numbers from 0 to 255"},
		{"aliases: {web: {}}\n", "*alias web stands for nothing"},
		{"aliases: {web: {names: ['gopher://a.example/']}}\n",
			"*has a scheme that is not known"},
	};
	struct config *c;
	const struct alias *a;

	(void)state;
	expect_fatal(fatal, COUNT(fatal));
	c = load(DOMAIN "    credentials: " PSK "\n"
			"aliases: {web: {prefixes: [192.0.2.1, '2001:db8::/64'], names: "
			"['https://a.example/'], ports: [80, 8000-8080], protocols: [6, 17]}}\n");
	assert_non_null(c);
	a = alias_find(c->aliases, c->n_aliases, "web");
	assert_non_null(a);
	assert_int_equal(a->n_prefixes, 2);
	assert_int_equal(a->n_names, 1);
	assert_int_equal(port_range_last(&a->ports[1]), 8080);
	assert_int_equal(a->protocols[1], 17);
	assert_null(alias_find(c->aliases, c->n_aliases, "mail"));
	config_free(c);
}

#define ALIASES(list)   "{\"ietf-dots-data-channel:aliases\":{\"alias\":[" list "]}}"
#define ONE_ALIAS(name) "{\"name\":\"" name "\",\"target-prefix\":[\"192.0.2.70/32\"]}"
#define CHANNEL(text)                                                                              \
	DOMAIN "    credentials: " X509 "\n"                                                       \
	       "    data-channel: {" text "}\n"

/* So many aliases in a file. */
static void
write_aliases(const char *path, char first, unsigned n)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_printf(&text, "{\"ietf-dots-data-channel:aliases\":{\"alias\":[");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&text, "%s{\"name\":\"%c%u\",\"target-prefix\":[\"192.0.2.70/32\"]}",
			i ? "," : "", first, i);
	buf_printf(&text, "]}}");
	pki_write(path, buf_text(&text));
	buf_finish(&text);
}

/* 8783-3.2-01 */
static void
what_goes_to_data_channels_is_checked(void **state)
{
#define GOOD CHANNEL("name: data.example, address: 192.0.2.1")
	static const struct mistake fatal[] = {
		{CHANNEL("name: data.example"), "*data-channel of isp1 without name or address"},
		{CHANNEL("address: 192.0.2.1"), "*data-channel of isp1 without name or address"},
		{CHANNEL("name: d.example, address: 192.0.2.1, check: 4"),
			"*seconds from 5 to 86400"},
		{DOMAIN "    credentials: " PSK
			"\n    data-channel: {name: d.example, address: 192.0.2.1}\n",
			"*data-channel of isp1 without a certificate, expected one"},
		{GOOD "data-files: [none.json]\n", "*none.json: cannot be read: No such file"},
		{GOOD "data-files: [broken.json]\n", "*broken.json: RFC 8259 2: "},
		{GOOD "data-files: [list.json]\n",
			"*list.json: RFC 8783 4.3: the whole is no object"},
		{GOOD "data-files: [other.json]\n", "*other.json: RFC 8783 4.3: x is neither "},
		{GOOD "data-files: [empty.json]\n",
			"*empty.json: RFC 8783 6.1: target-prefix: an alias has none, nor "
			"target-fqdn or target-uri at /aliases/alias["},
		{GOOD "data-files: [web.json, twice.json]\n",
			"*twice.json: alias web stands there twice"},
		{GOOD "data-files: [half.json, other-half.json]\n",
			"*4097 aliases and ACLs, expected at most 4096"},
		{DOMAIN "    credentials: " X509 "\ndata-files: [web.json]\n",
			"*data-files, and no domain has a data-channel"},
	};
	struct config *c;

	(void)state;
	pki_write("web.json", ALIASES(ONE_ALIAS("web")));
	pki_write("twice.json", ALIASES(ONE_ALIAS("mail") "," ONE_ALIAS("web")));
	pki_write("empty.json", ALIASES("{\"name\":\"web\"}"));
	pki_write("broken.json", "{");
	pki_write("list.json", "[]");
	pki_write("other.json", "{\"x\":{}}");
	write_aliases("half.json", 'a', 2048);
	write_aliases("other-half.json", 'b', 2049);
	expect_fatal(fatal, COUNT(fatal));
	c = load(GOOD "data-files: [web.json]\n");
	assert_non_null(c);
	assert_string_equal(c->homing->domains[0].data.name, "data.example");
	assert_int_equal(c->homing->domains[0].data.port, 443);
	assert_int_equal(c->homing->domains[0].data.check_s, 300);
	assert_int_equal(c->n_records, 1);
	assert_int_equal(c->records[0].kind, SHARE_ALIAS);
	assert_string_equal(share_name(&c->records[0]), "web");
	config_free(c);
#undef GOOD
}

/* 9284-6-09, 4218-3.5-01, 8811-3.1.3-02, 8811-3.2.5-01, 8612-SIG-004-01 */
static void
doubtful_settings_are_warnings(void **state)
{
#define GOOD DOMAIN "    credentials: " PSK "\n"
	static const struct mistake list[] = {
		{GOOD "    interface: nosuch0\n",
			"5:16: interface nosuch0 is not there at present"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: ca.crt, "
			"crl: ended.crl}\n",
			"4:75: *the list of CA has expired, expected a newer one (it still "
			"counts) (RFC 5280 5.1.2.5)"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: ca.crt, "
			"crl: ending.crl}\n",
			"4:75: *the list of CA expires within a day"},
		{DOMAIN "    credentials: {certificate: one.crt, key: one.key, trust: both.crt, "
			"crl: list.crl}\n",
			"4:77: *nothing of CA two, who is in `trust`, expected its list"},
		{GOOD "    heartbeat-interval: 0.5\n", "5:25: heartbeat-interval is 0.5, expected "
						       "15 to 240 seconds (RFC 9132 4.5.2)"},
		{GOOD "    missing-hb-allowed: 21\n",
			"5:25: missing-hb-allowed is 21, expected 3 to 20"},
		{GOOD "    session: {idle: {heartbeat-interval: 5}}\n",
			"5:42: heartbeat-interval is 5, expected 15 to 240 (RFC 9132 4.5.2)"},
		{GOOD "    session: {ack-timeout: 31}\n",
			"5:28: ack-timeout is 31, expected 1 to 30 (RFC 9132 4.5.2)"},
		{SERVER "clients: {a: {}}\nsession: {maximum: {heartbeat-interval: 300}}\n",
			"5:41: heartbeat-interval is 300, expected 15 to 240 (RFC 9132 4.5.2)"},
		{GOOD "pi: serial\n", "5:5: a client asks fewer than all providers for "
				      "provider-independent targets, "
				      "expected all (RFC 9284 5.2, RFC 8811 2.3)"},
		{GOOD "    prefixes: [192.0.2.65/26]\n", "5:16: 192.0.2.65/26 has bits set beyond "
							 "its length, expected 192.0.2.64/26"},
		{GOOD "  isp2:\n    servers: [{name: x}]\n    credentials: " X509 "\n",
			"6:5: server x has no addresses and isp2 no resolvers"},
		{GOOD "  isp2:\n    servers: [{addresses: [192.0.2.2]}]\n    credentials: " PSK
		      "\n",
			"7:5: isp2 has the key, certificate or PSK identity of isp1"},
		{DOMAIN "    credentials: {certificate: old.crt, key: old.key, trust: ca.crt}\n",
			"4:32: *outside its validity"},
		{SERVER "clients: {a: {certificates: [x]}}\n", "4:11: client a has no prefixes"},
		{SERVER "clients: {a: {prefixes: [10.0.0.0/8]}}\n",
			"4:11: client a has no credential"},
		{"listen: [{}]\nclients: {a: {certificates: [x]}, b: {psk: [{identity: j, file: "
		 "a.psk}]}}\n",
			"2:11: client a is known by a certificate or key, expected certificate or "
			"raw-key under `credentials`"},
		{"listen: [{}]\ncredentials: {raw-key: one.key}\nclients: {a: {certificates: "
		 "[x]}}\n",
			"3:11: client a is known by a certificate or key"},
		{SERVER "clients: {a: {}}\nsession: {heartbeat-interval: 300}\n",
			"5:31: heartbeat-interval is 300"},
		{"listen: [{}]\ncredentials: " X509 "\nclients: {a: {}}\n",
			"1:1: nothing handles the traffic of the clients, expected `mitigators`"},
	};

	(void)state;
	expect_warning(list, COUNT(list));
}

static void
every_mistake_is_told_not_only_the_first(void **state)
{
	(void)state;
	assert_null(load(
		"stat: x\ndomains:\n  a: {lifetime: -1, prefixes: [10.0.0.0/8]}\n"
		"  b: {prefixes: [10.0.0.0/8], credentials: {psk-identity: a, psk-file: gone}}\n"
		"limits: {sessions: 0}\n"));
	assert_true(noted(true, "1:1: unknown key \"stat\""));
	assert_true(noted(true, "3:17: lifetime (asked for in each request) is \"-1\""));
	assert_true(noted(true, "4:7: prefix 10.0.0.0/8 is assigned by both a and b"));
	assert_true(noted(true, "4:"));
	assert_true(noted(true, "5:20: sessions (sessions of all clients) is \"0\""));
	assert_int_equal(problems.n, 5);
}

static void
a_file_that_cannot_be_read_is_told(void **state)
{
	(void)state;
	config_problems_finish(&problems);
	assert_null(config_load("/nowhere/dotsd.yaml", &problems));
	assert_int_equal(problems.n, 1);
	assert_true(problems.list[0].fatal);
	assert_string_equal(problems.list[0].text, "/nowhere/dotsd.yaml:1:1: cannot be read: No "
						   "such file or directory, expected a YAML file");
}

/* 8811-2-03, 8612-GEN-002-05, 9284-1-03, 9284-1-07, 9284-4-07, 9284-5.1-29 */
static void
domains_may_have_several_links_and_servers_or_none(void **state)
{
	struct config *c = load(
		"domains:\n"
		"  isp1:\n    interfaces: [lo, wan2]\n    prefixes: [192.0.2.0/24]\n"
		"    servers:\n"
		"      - {name: b.example, addresses: [192.0.2.1, '2001:db8::1']}\n"
		"      - {name: a.example, addresses: [192.0.2.2], transport: tcp}\n"
		"      - {name: first.example, addresses: [192.0.2.3], priority: 0}\n"
		"    credentials: " X509 "\n"
		"  isp2: {prefixes: [198.51.100.0/24]}\n"
		"  isp3: {prefixes: [203.0.113.0/24], protects: [203.0.113.0/24, 10.0.0.0/8]}\n");

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_int_equal(c->homing->n_domains, 3);
	assert_int_equal(c->homing->n_servers, 3);
	assert_int_equal(c->homing->domains[0].n_interfaces, 2);
	assert_string_equal(c->homing->domains[0].servers[0]->name, "a.example");
	assert_int_equal(c->homing->domains[0].servers[0]->transport, SERVER_TCP);
	assert_int_equal(c->homing->domains[0].servers[1]->transport, SERVER_UDP);
	assert_int_equal(c->homing->domains[0].servers[1]->n_addresses, 2);
	assert_null(c->credentials[1]);
	assert_int_equal(c->homing->domains[2].n_protects, 2);
	config_free(c);
}

/* 9284-4.1-04: a provider may own several domains, with one server's name: they stay two. */
static void
domains_of_one_owner_stay_apart(void **state)
{
	struct config *c = load("domains:\n"
				"  fixed: {interface: lo, prefixes: [192.0.2.0/24], servers: "
				"[{name: dots.isp.example, addresses: [192.0.2.1]}], "
				"credentials: " X509 "}\n"
				"  mobile: {interface: wan2, prefixes: [198.51.100.0/24], servers: "
				"[{name: dots.isp.example, addresses: [192.0.2.1]}], "
				"credentials: " PSK "}\n");
	struct homing *h;
	char **links;

	(void)state;
	if (!c)
		print_problems();
	assert_non_null(c);
	h = c->homing;
	assert_int_equal(h->n_domains, 2);
	assert_int_equal(h->n_servers, 2);
	assert_int_equal(h->servers[0]->domain, 0);
	assert_int_equal(h->servers[1]->domain, 1);
	assert_int_equal(domain_access(&h->domains[1], h->servers[1], &links), 1);
	assert_string_equal(links[0], "wan2");
	assert_string_equal(credentials_label(c->credentials[1]), "psk:acme");
	config_free(c);
}

/* 9284-5.2-30, 9284-5.3-10, 9284-5.3-21, 9284-1-09 */
static void
one_address_for_several_servers_is_noticed(void **state)
{
#define GATEWAY(name, link)                                                                        \
	"  " name ": {interface: " link ", servers: [{addresses: [192.0.2.1]}], credentials: " PSK \
	"}\n"
	static const struct mistake fatal[] = {
		{"gateways:\n" GATEWAY("g1", "lo")
				GATEWAY("g2", "lo") "provider-independent: [203.0.113.0/24]\n",
			"3:23: 192.0.2.1 is an anycast address: of 192.0.2.1 of g1 and of "
			"192.0.2.1 of "
			"g2*(RFC 9284 "
			"5.3)"},
	};
	static const struct mistake doubtful[] = {
		{"gateways:\n" GATEWAY("g1", "lo") GATEWAY(
			 "g2", "lo") "provider-independent: [203.0.113.0/24]\nallow-anycast: yes\n",
			"3:23: 192.0.2.1 is an anycast address*(RFC 9284 5.3)"},
		{"gateways:\n" GATEWAY("g1", "lo") GATEWAY("g2", "lo"),
			"3:23: 192.0.2.1 is an anycast address*(RFC 9284 5.3)"},
		{"domains:\n" GATEWAY("isp1", "lo") GATEWAY("isp2", "lo"),
			"3:25: 192.0.2.1 is an anycast address*(RFC 9284 5.2)"},
	};
	struct config *c;

	(void)state;
	expect_fatal(fatal, COUNT(fatal));
	expect_warning(doubtful, COUNT(doubtful));
	c = load("domains:\n" GATEWAY("isp1", "lo") GATEWAY("isp2", "wan2"));
	assert_non_null(c);
	assert_false(noted(false, "*is an anycast address"));
	config_free(c);
}

/* Of one network both of them: they need not be kept apart as providers are. */
static void
gateways_may_be_shown_the_same_credentials(void **state)
{
	struct config *c;

	(void)state;
	c = load("gateways:\n" GATEWAY("g1", "lo") GATEWAY("g2", "wan2"));
	assert_non_null(c);
	assert_false(noted(false, "*has the key"));
	config_free(c);
}

/* 4116-2-02, 9284-4-07, 9284-5.4-01: a server may be behind some of the links, and one server
 * behind several; on different links the same address is nobody else's. */
static void
a_server_is_behind_links_of_its_domain(void **state)
{
#define BEHIND(links)                                                                              \
	"domains:\n  isp1:\n    interfaces: [lo, wan2]\n    servers:\n"                            \
	"      - {name: b.example, addresses: [192.0.2.1], " links "}\n"                           \
	"      - {name: b.example, addresses: [192.0.2.1], interface: lo}\n"                       \
	"      - {name: a.example, addresses: [192.0.2.2], priority: 1}\n"                         \
	"    credentials: " PSK "\n"
	static const struct mistake fatal[] = {
		{BEHIND("interface: wan3"),
			"4:5: server b.example is behind wan3, which is no interface of isp1, "
			"expected one of its `interfaces`"},
	};
	static const struct mistake doubtful[] = {
		{BEHIND("interfaces: [wan2, lo]"), "4:5: 192.0.2.1 is an anycast address: of*"},
	};
	struct config *c;
	struct domain *d;
	char **links;

	(void)state;
	expect_fatal(fatal, COUNT(fatal));
	expect_warning(doubtful, COUNT(doubtful));
	c = load(BEHIND("interface: wan2"));
	assert_non_null(c);
	assert_false(noted(false, "*is an anycast address"));
	d = &c->homing->domains[0];
	assert_string_equal(d->servers[0]->id, "b.example%wan2"); /* in the order of the file */
	assert_string_equal(d->servers[1]->id, "b.example%lo");
	assert_string_equal(d->servers[2]->id, "a.example");
	assert_int_equal(domain_access(d, d->servers[1], &links), 1);
	assert_string_equal(links[0], "lo");
	assert_int_equal(domain_access(d, d->servers[2], &links), 2);
	assert_string_equal(links[0], "lo");
	config_free(c);
}

static char *
read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = mem_new(1 << 20);

	if (!f)
		fail_msg("%s cannot be read", path);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void
find_options(const struct option *rows, const char *manual)
{
	for (; rows->key; rows++) {
		if (!strstr(manual, rows->key))
			fail_msg("option %s is in no manual", rows->key);
		if (rows->rows)
			find_options(rows->rows, manual);
	}
}

static void
the_manual_knows_every_option(void **state)
{
	char *manual = read_all(DOTSD_MANUAL);

	(void)state;
	find_options(config_rows, manual);
	free(manual);
}

/* 6724-9-03 */
static void
a_file_that_everybody_may_write_is_a_warning(void **state)
{
	static const char warning[] = "1:1: everybody may write this file";
	struct config *c = load("domains: {a: {}}\n");

	(void)state;
	assert_non_null(c);
	assert_false(noted(false, warning));
	config_free(c);
	config_problems_finish(&problems);
	assert_int_equal(chmod(pki_path("dotsd", ".yaml"), 0646), 0);
	c = config_load(pki_path("dotsd", ".yaml"), &problems);
	assert_int_equal(chmod(pki_path("dotsd", ".yaml"), 0600), 0);
	assert_non_null(c);
	assert_true(noted(false, warning));
	config_free(c);
}

/* ---- clients-dir ---- */

#define WITH_DIR SERVER "clients-dir: clients.d\n"

static void
forget_customers(void)
{
	static const char *const names[] = {"a.yaml", "b.yaml", "c.yml", ".d.yaml", "b.yaml~"};

	for (size_t i = 0; i < COUNT(names); i++)
		(void)remove(pki_path("clients.d/", names[i]));
	(void)remove(pki_path("clients.d", ""));
}

static void
write_customers(const char *name, const char *text)
{
	char path[64];

	(void)mkdir(pki_path("clients.d", ""), 0700);
	snprintf(path, sizeof(path), "clients.d/%s", name);
	pki_write(path, text);
}

static int
forget_all(void **state)
{
	forget_customers();
	return forget(state);
}

/* 8811-1.2-04 */
static void
clients_may_stand_in_files_of_their_own(void **state)
{
	struct config *c;

	(void)state;
	write_customers("b.yaml", "beta: {psk: [{identity: beta, file: ../a.psk}], "
				  "prefixes: [198.51.100.0/24]}\n");
	write_customers("a.yaml", "acme: {certificates: [a], prefixes: [192.0.2.0/25]}\n"
				  "also: {certificates: [b], prefixes: [192.0.2.128/25]}\n");
	write_customers("c.yml", "no: YAML: at all\n");
	write_customers(".d.yaml", "no: YAML: at all\n");
	write_customers("b.yaml~", "no: YAML: at all\n");
	c = load(WITH_DIR "clients: {main: {certificates: [m], prefixes: [203.0.113.0/24]}}\n");
	if (!c)
		print_problems();
	assert_non_null(c);
	assert_int_equal(problems.n, 0);
	assert_int_equal(clients_count(c->clients), 4);
	assert_string_equal(clients_get(c->clients, 0)->name, "main");
	assert_string_equal(clients_get(c->clients, 1)->name, "acme"); /* by name of the file */
	assert_string_equal(clients_get(c->clients, 3)->name, "beta");
	assert_ptr_equal(clients_by_psk(c->clients, "beta"), clients_named(c->clients, "beta"));
	assert_int_equal(clients_get(c->clients, 3)->limits.sessions, 8);
	config_free(c);
	/* They alone will do, and a file may be empty. */
	write_customers("a.yaml", "# nobody yet\n");
	c = load(WITH_DIR);
	assert_non_null(c);
	assert_int_equal(clients_count(c->clients), 1);
	config_free(c);
}

static bool
noted_in(const char *file, bool fatal, const char *expected)
{
	const char *path = pki_path("clients.d/", file);
	size_t len = strlen(path);

	for (size_t i = 0; i < problems.n; i++)
		if (problems.list[i].fatal == fatal && !strncmp(problems.list[i].text, path, len) &&
			problems.list[i].text[len] == ':' &&
			matches(problems.list[i].text + len + 1, expected))
			return true;
	return false;
}

static void
mistakes_in_their_files_are_told_with_their_place(void **state)
{
	static const struct {
		const char *a, *b, *file, *expected;
	} cases[] = {
		{"acme: {certificates: [a], flowers: 1}\n", "", "a.yaml",
			"1:27: unknown key \"flowers\" in clients acme"},
		{"acme: {\n", "", "a.yaml", "*expected YAML"},
		{"- acme\n", "", "a.yaml", "1:3: clients (who may ask) is a list, expected a map"},
		{"acme: {certificates: [a]}\n", "beta: {certificates: [b]}\nacme: {}\n", "b.yaml",
			"2:1: client \"acme\": \"acme\" stands twice"},
		{"acme: {certificates: [same]}\n", "beta: {certificates: [same]}\n", "b.yaml",
			"1:1: client \"beta\": \"same\" stands twice"},
		{"acme: {psk: [{identity: a, file: a.psk}]}\n", "", "a.yaml",
			"1:34: */clients.d/a.psk"}, /* where it stands, not where dotsd.yaml is */
		{"'in valid': {}\n", "", "a.yaml", "1:2: \"in valid\" is the name of an entry"},
		{"acme: {}\nacme: {}\n", "", "a.yaml",
			"2:1: \"acme\" stands twice in clients, expected it once"},
		{"%FOO\n", "", "a.yaml", "1:1: % at the beginning of a line"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		write_customers("a.yaml", cases[i].a);
		write_customers("b.yaml", cases[i].b);
		if (load(WITH_DIR "clients: {main: {certificates: [m]}}\n") ||
			!noted_in(cases[i].file, true, cases[i].expected)) {
			print_error("%s--- expected: %s\n", cases[i].a, cases[i].expected);
			print_problems();
			fail();
		}
	}
	/* A warning, too, and what all files together have to do with the configuration. */
	write_customers("a.yaml", "acme: {certificates: [a]}\n");
	write_customers("b.yaml", "");
	config_free(load(WITH_DIR));
	assert_true(noted_in("a.yaml", false, "1:1: client acme has no prefixes"));
	assert_int_equal(chmod(pki_path("clients.d/a.yaml", ""), 0646), 0);
	config_free(load(WITH_DIR));
	assert_true(noted_in("a.yaml", false, "1:1: everybody may write this file"));
	forget_customers();
	assert_null(load(WITH_DIR));
	assert_true(noted(true, "4:14: *clients.d cannot be read: No such file or directory"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_example_with_two_providers_loads, forget),
		cmocka_unit_test_teardown(a_server_loads, forget),
		cmocka_unit_test_teardown(raw_public_keys_load, forget),
		cmocka_unit_test_teardown(
			parameters_of_sessions_are_of_both_sets_or_of_one, forget),
		cmocka_unit_test_teardown(a_domain_wants_only_what_it_says, forget),
		cmocka_unit_test_teardown(
			a_gateway_leaves_the_terminating_period_to_its_providers, forget),
		cmocka_unit_test_teardown(gateways_of_the_servers_domain_load, forget),
		cmocka_unit_test_teardown(an_escalation_may_have_a_threshold, forget),
		cmocka_unit_test_teardown(gateways_and_their_filters_load, forget),
		cmocka_unit_test_teardown(mistakes_of_form_are_told_with_their_place, forget),
		cmocka_unit_test_teardown(what_the_data_channel_needs, forget),
		cmocka_unit_test_teardown(
			contradictions_and_files_are_told_with_their_place, forget),
		cmocka_unit_test_teardown(names_and_consents_are_checked, forget),
		cmocka_unit_test_teardown(
			a_resolver_for_clients_is_encrypted_and_validates, forget),
		cmocka_unit_test_teardown(aliases_are_checked, forget),
		cmocka_unit_test_teardown(what_goes_to_data_channels_is_checked, forget),
		cmocka_unit_test_teardown(doubtful_settings_are_warnings, forget),
		cmocka_unit_test_teardown(every_mistake_is_told_not_only_the_first, forget),
		cmocka_unit_test_teardown(a_file_that_cannot_be_read_is_told, forget),
		cmocka_unit_test_teardown(
			domains_may_have_several_links_and_servers_or_none, forget),
		cmocka_unit_test_teardown(domains_of_one_owner_stay_apart, forget),
		cmocka_unit_test_teardown(one_address_for_several_servers_is_noticed, forget),
		cmocka_unit_test_teardown(a_server_is_behind_links_of_its_domain, forget),
		cmocka_unit_test_teardown(gateways_may_be_shown_the_same_credentials, forget),
		cmocka_unit_test_teardown(a_file_that_everybody_may_write_is_a_warning, forget),
		cmocka_unit_test_teardown(clients_may_stand_in_files_of_their_own, forget_all),
		cmocka_unit_test_teardown(
			mistakes_in_their_files_are_told_with_their_place, forget_all),
		cmocka_unit_test(the_manual_knows_every_option),
	};

	return cmocka_run_group_tests_name("config", tests, start, finish);
}
