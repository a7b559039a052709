/*
 * Checks that look at more than one option, and at files, interfaces and certificates.
 */
#include <errno.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/config_table.h"
#include "core/name.h"
#include "homing/nat.h"

enum { WHY_MAX = 400, DAY_S = 86400 };

/* What is set here decides whom requests and keys go to (RFC 6724 9). */
static void
check_writers(struct options *o, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & S_IWOTH)
		options_problem(o, false, (struct spot){.line = 1, .column = 1, .file = path},
			"everybody may write this file, expected its owner alone");
}

/* ---- credentials ----------------------------------------------------------------------------- */

/* Every file that is named has to be readable; told one by one, at its own place. */
static bool
check_files(struct options *o, const struct domain_credentials *dc, const void *object)
{
	const struct {
		const char *key, *path;
	} files[] = {{"certificate", dc->certificate}, {"key", dc->key}, {"trust", dc->trust},
		{"crl", dc->crl}, {"raw-key", dc->raw_key}, {"psk-file", dc->psk_file}};
	bool ok = true;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i].path && access(files[i].path, R_OK) != 0) {
			options_problem(o, true, options_spot(o, object, files[i].key),
				"%s cannot be read: %s, expected a readable file", files[i].path,
				strerror(errno));
			ok = false;
		}
	return ok;
}

/* What of a list of revoked certificates the operator should look at, or NULL. */
static const char *
doubt_of(const struct crl_view *list, int64_t now)
{
	if (list->expires <= now)
		return "has expired, expected a newer one (it still counts)";
	if (list->expires < now + DAY_S)
		return "expires within a day, expected a newer one by then";
	if (list->issued > now)
		return "is of the future, expected it to agree with the clock (it counts)";
	return NULL;
}

static void
check_lists(struct options *o, const struct credentials *c, const struct domain_credentials *dc,
	const void *object)
{
	struct spot spot = options_spot(o, object, "crl");
	const char *doubt, *ca;
	struct crl_view list;

	for (unsigned i = 0; credentials_crl(c, i, &list); i++)
		if ((doubt = doubt_of(&list, loop_wall() / 1000)))
			options_problem(o, false, spot, "%s: the list of %s %s (RFC 5280 5.1.2.5)",
				dc->crl, list.issuer, doubt);
	for (unsigned i = 0; (ca = credentials_without_crl(c, i)); i++)
		options_problem(o, false, spot,
			"%s: nothing of %s, who is in `trust`, expected its list: without one its "
			"peers are refused (RFC 5280 6.3.3)",
			dc->crl, ca);
}

static struct credentials *
load_credentials(struct options *o, const struct domain_credentials *dc, const void *object)
{
	struct credentials_config cfg = {.certificate = dc->certificate,
		.key = dc->key,
		.trust = dc->trust,
		.crl = dc->crl,
		.raw_key = dc->raw_key,
		.spki = dc->spki,
		.n_spki = dc->n_spki,
		.psk_identity = dc->psk_identity,
		.psk_file = dc->psk_file};
	struct credentials *c = NULL;
	char why[WHY_MAX] = "";
	const char *key;

	if (!check_files(o, dc, object))
		return NULL;
	switch (credentials_load(&cfg, &c, why, sizeof(why))) {
	case CREDENTIALS_BROKEN:
		key = dc->crl && !strncmp(why, dc->crl, strlen(dc->crl)) ? "crl" : "";
		options_problem(o, true, options_spot(o, object, key),
			"%s, expected {certificate, key, trust, crl}, {raw-key, spki} or "
			"{psk-identity, psk-file}",
			why);
		return NULL;
	case CREDENTIALS_EXPIRED:
		options_problem(o, false, options_spot(o, object, "certificate"),
			"%s, expected a certificate that is valid today", why);
		break;
	case CREDENTIALS_OK:
		break;
	}
	check_lists(o, c, dc, object);
	return c;
}

/* Equal credentials tell two providers that they serve the same customer, and one of them could use
 * what it learns (RFC 9284 5.1). Gateways are the customer's own. */
static void
check_shared(struct options *o, const struct draft *d, const struct config *c, size_t domain)
{
	const struct homing *h = c->homing;

	for (size_t i = 0; i < domain; i++)
		if (!(h->domains[i].gateway && h->domains[domain].gateway) && c->credentials[i] &&
			c->credentials[domain] &&
			!strcmp(credentials_cuid(c->credentials[i]),
				credentials_cuid(c->credentials[domain]))) {
			options_problem(o, false,
				options_spot(o, &draft_domain(d, domain)->domain.credentials, ""),
				"%s has the key, certificate or PSK identity of %s, expected "
				"credentials of "
				"its own (RFC 9284 5.1)",
				h->domains[domain].name, h->domains[i].name);
			return;
		}
}

/* With a certificate beside it, who we are would be for the server to choose. */
static void
check_raw_key(struct options *o, const struct domain_credentials *dc, const void *object)
{
	struct spot spot = options_spot(o, object, "raw-key");

	if (dc->raw_key && dc->certificate)
		options_problem(o, true, spot,
			"raw-key beside a certificate, expected one of them (RFC 7250 4.1)");
	if (dc->raw_key && !dc->n_spki)
		options_problem(o, true, spot,
			"raw-key without spki, expected the digests of the servers' raw keys (RFC "
			"9132 7.1)");
}

static void
check_domain_credentials(struct options *o, const struct draft *d, struct config *c, size_t domain)
{
	const struct draft_domain *dd = draft_domain(d, domain);
	const struct domain *dom = &c->homing->domains[domain];

	if (!options_given(o, dd, "credentials")) {
		if (dom->n_servers)
			options_problem(o, true, options_spot(o, dd, ""),
				"%s has servers but no credentials, expected `credentials`",
				dom->name);
		return;
	}
	check_raw_key(o, &dom->credentials, &dd->domain.credentials);
	c->credentials[domain] = load_credentials(o, &dom->credentials, &dd->domain.credentials);
	check_shared(o, d, c, domain);
}

/* ---- domains --------------------------------------------------------------------------------- */

static void
check_interface(struct options *o, struct spot spot, const char *name)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &req) != 0)
		options_problem(o, false, spot,
			"interface %s is not there at present, expected it to come", name);
	else if (!(req.ifr_flags & IFF_UP) || !(req.ifr_flags & IFF_RUNNING))
		options_problem(o, false, spot,
			"interface %s is down at present, expected it to come up", name);
	close(fd);
}

static void
check_interfaces(struct options *o, const struct draft_domain *dd, const struct domain *dom)
{
	const char *key = options_given(o, dd, "interfaces") ? "interfaces" : "interface";

	for (size_t i = 0; i < dom->n_interfaces; i++)
		check_interface(o, options_spot(o, dd, key), dom->interfaces[i]);
}

static void
check_heartbeat(struct options *o, const void *object, const struct heartbeat_config *hb)
{
	if (hb->interval_ms < 15000 || hb->interval_ms > 240000)
		options_problem(o, false, options_spot(o, object, "heartbeat-interval"),
			"heartbeat-interval is %g, expected 15 to 240 seconds (RFC 9132 4.5.2)",
			hb->interval_ms / 1000.0);
	if (hb->missing_allowed < 3 || hb->missing_allowed > 20)
		options_problem(o, false, options_spot(o, object, "missing-hb-allowed"),
			"missing-hb-allowed is %u, expected 3 to 20 (RFC 9132 4.5.2)",
			hb->missing_allowed);
}

static const char *
param_text(const struct session_param *row, uint32_t value, char *text, size_t cap)
{
	snprintf(text, cap, "%g",
		row->field == CONFIG_ACK_TIMEOUT || row->field == CONFIG_ACK_RANDOM_FACTOR
			? value / 100.0
			: value / (double)row->scale);
	return text;
}

/* What was given of these is outside of what RFC 9132 has; heartbeats may be off. */
static void
check_params(struct options *o, const void *object, const struct session_params *given)
{
	char is[16], min[16], max[16];

	for (size_t i = 0; i < SESSION_PARAMS; i++) {
		const struct session_param *row = &session_param_rows[i];
		uint32_t value = session_param_get(row, given);
		uint32_t low = session_param_get(row, &session_range_default.min);
		uint32_t high = session_param_get(row, &session_range_default.max);

		if (!options_given(o, object, row->name) || (value >= low && value <= high) ||
			(row->field == CONFIG_HEARTBEAT_INTERVAL && !value))
			continue;
		options_problem(o, false, options_spot(o, object, row->name),
			"%s is %s, expected %s to %s (RFC 9132 4.5.2)", row->name,
			param_text(row, value, is, sizeof(is)),
			param_text(row, low, min, sizeof(min)),
			param_text(row, high, max, sizeof(max)));
	}
}

/* Heartbeats of both sets are check_heartbeat's. */
static void
check_sets(struct options *o, const struct draft_sets *ds)
{
	struct session_params both = ds->both;

	both.heartbeat_ms = session_range_default.min.heartbeat_ms;
	both.missing_hb_allowed = session_range_default.min.missing_hb_allowed;
	check_params(o, ds, &both);
	for (int s = 0; s < SESSION_SETS; s++)
		check_params(o, &ds->of[s], &ds->of[s]);
}

static void
check_range(struct options *o, const struct draft_session *ds, const struct session_range *range)
{
	char least[16], most[16];

	check_params(o, &ds->min, &ds->min);
	check_params(o, &ds->max, &ds->max);
	for (size_t i = 0; i < SESSION_PARAMS; i++) {
		const struct session_param *row = &session_param_rows[i];
		uint32_t low = session_param_get(row, &range->min);
		uint32_t high = session_param_get(row, &range->max);

		if (low > high)
			options_problem(o, true,
				options_spot(o,
					options_given(o, &ds->min, row->name) ? &ds->min : &ds->max,
					row->name),
				"clients may negotiate a %s from %s to %s, expected a minimum "
				"below "
				"the maximum",
				row->name, param_text(row, low, least, sizeof(least)),
				param_text(row, high, most, sizeof(most)));
	}
}

static void
check_server_links(struct options *o, const struct draft_domain *dd, const struct domain *dom,
	const struct domain_server *s)
{
	for (size_t i = 0; i < s->n_interfaces; i++) {
		size_t k = 0;

		while (k < dom->n_interfaces && strcmp(dom->interfaces[k], s->interfaces[i]) != 0)
			k++;
		if (k == dom->n_interfaces)
			options_problem(o, true, options_spot(o, dd, "servers"),
				"server %s is behind %s, which is no interface of %s, expected one "
				"of its `interfaces`",
				s->name, s->interfaces[i], dom->name);
	}
}

static void
check_servers(struct options *o, const struct draft_domain *dd, const struct domain *dom)
{
	if (dom->gateway && !dom->n_servers && !dom->discover)
		options_problem(o, true, options_spot(o, dd, "servers"),
			"gateway %s has no servers, expected `servers` or `discover`", dom->name);
	for (size_t i = 0; i < dom->n_servers; i++)
		check_server_links(o, dd, dom, dom->servers[i]);
	for (size_t i = 0; i < dom->n_servers && !dom->n_resolvers && !dom->n_via; i++)
		if (!dom->servers[i]->n_addresses)
			options_problem(o, false, options_spot(o, dd, "servers"),
				"server %s has no addresses and %s no resolvers, expected one of "
				"them: the "
				"name can never be looked up",
				dom->servers[i]->name, dom->name);
}

/* What a NAT does to addresses: as many outside, or fewer. */
static void
check_nat(struct options *o, const struct draft_domain *dd, const struct domain *dom)
{
	for (size_t i = 0; i < dom->n_nat; i++) {
		const struct nat_entry *e = &dom->nat[i];

		if (!e->inside.addr.family || !e->outside.addr.family ||
			e->inside.addr.family != e->outside.addr.family ||
			e->outside.len < e->inside.len)
			options_problem(o, true, options_spot(o, dd, "nat-map"),
				"entry %zu of the nat-map of %s, expected `inside` and `outside` "
				"of "
				"one family, outside not wider",
				i + 1, dom->name);
		else if (nat_is_inside(&e->outside))
			options_problem(o, true, options_spot(o, dd, "nat-map"),
				"entry %zu of the nat-map of %s is private outside too, expected "
				"what the provider sees",
				i + 1, dom->name);
	}
}

static void
check_discovery(struct options *o, const struct draft_domain *dd, const struct domain *dom,
	const char *helper)
{
	struct spot spot = options_spot(o, dd, "discover");

	if (dom->discover && !options_given(o, dd, "credentials"))
		options_problem(o, true, spot,
			"%s discovers servers and has no credentials, expected `credentials`",
			dom->name);
	if (dom->discover && dom->n_via)
		options_problem(o, true, spot,
			"%s is a third party, which no link tells of, expected `servers`",
			dom->name);
	if (dom->discover & DISCOVER_BY_DHCP && (!helper || !dom->n_interfaces))
		options_problem(o, true, spot, "%s asks DHCP and %s, expected `%s`", dom->name,
			helper ? "has no interface" : "there is no helper for it",
			helper ? "interface" : "helper");
	if (dom->discover & DISCOVER_BY_ROUTER && !dom->n_interfaces)
		options_problem(o, true, spot,
			"%s asks its router and has no interface, expected "
			"`interface`",
			dom->name);
	if (dom->discover & (DISCOVER_BY_NAPTR | DISCOVER_BY_DNS_SD) && !dom->discovery_domain &&
		!(dom->discover & DISCOVER_BY_DHCP))
		options_problem(o, true, spot,
			"%s looks for servers in DNS and does not know where, expected "
			"`discovery-domain`, or `dhcp` to tell it",
			dom->name);
}

/* IPv4 has its rows below ::ffff:0:0/96 (RFC 6724 3.2). */
static void
check_policy(struct options *o, const struct draft *d, const struct policy *p)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < p->n; i++) {
		struct spot spot = options_spot(o, d, "address-policy");

		if (p->rows[i].prefix.addr.family != 6)
			options_problem(o, true, spot,
				"row %zu of address-policy has no IPv6 prefix, expected one; IPv4 "
				"is "
				"::ffff:0:0/96",
				i + 1);
		for (size_t k = 0; k < i; k++)
			if (prefix_equal(&p->rows[i].prefix, &p->rows[k].prefix))
				options_problem(o, true, spot, "address-policy has two rows for %s",
					prefix_format(&p->rows[i].prefix, text));
	}
}

static void
check_domain(struct options *o, const struct draft *d, struct config *c, size_t domain)
{
	const struct draft_domain *dd = draft_domain(d, domain);
	const struct domain *dom = &c->homing->domains[domain];

	if (homing_domain(c->homing, dom->name) != (int)domain)
		options_problem(o, true, options_spot(o, dd, ""),
			"%s names a domain and a gateway, expected different names", dom->name);
	check_interfaces(o, dd, dom);
	check_heartbeat(o, dd, &dom->heartbeat);
	check_sets(o, &dd->session);
	check_servers(o, dd, dom);
	if (dom->n_via && (dom->n_interfaces || dom->n_resolvers || dom->source.family))
		options_problem(o, true, options_spot(o, dd, "via"),
			"%s is reached via other domains and has interface, resolvers or source of "
			"its own, expected one of both",
			dom->name);
	check_nat(o, dd, dom);
	check_discovery(o, dd, dom, c->helper);
	check_domain_credentials(o, d, c, domain);
}

static const char *
mend_for(const char *contradiction)
{
	if (strstr(contradiction, "assigned"))
		return "one domain to assign it (others may list it under `protects`)";
	if (strstr(contradiction, "two servers"))
		return "one entry with all its addresses, or different names";
	return "names of domains";
}

static bool
has_twins(const struct domain *d)
{
	for (size_t i = 0; i < d->n_servers; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(d->servers[i]->id, d->servers[k]->id))
				return true;
	return false;
}

/* Where to point at for two domains that assigned the same prefix, or two servers of one. */
static struct spot
spot_of_conflict(const struct options *o, const struct draft *d, const struct homing *h)
{
	for (size_t i = 0; i < h->n_domains; i++)
		for (size_t k = 0; k < i; k++)
			for (size_t p = 0; p < h->domains[i].n_prefixes; p++)
				for (size_t q = 0; q < h->domains[k].n_prefixes; q++)
					if (prefix_equal(&h->domains[i].prefixes[p],
						    &h->domains[k].prefixes[q]))
						return options_spot(
							o, draft_domain(d, i), "prefixes");
	for (size_t i = 0; i < h->n_domains; i++)
		if (has_twins(&h->domains[i]))
			return options_spot(o, draft_domain(d, i), "servers");
	return options_spot(o, d, "pi");
}

/* Nobody assigned a provider-independent prefix (RFC 9284 3). */
static void
check_independent(struct options *o, const struct draft *d, const struct homing *h)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < h->n_provider_independent; i++)
		for (size_t k = 0; k < h->n_domains; k++)
			for (size_t p = 0; p < h->domains[k].n_prefixes; p++)
				if (prefix_equal(&h->provider_independent[i],
					    &h->domains[k].prefixes[p]))
					options_problem(o, true,
						options_spot(o, d, "provider-independent"),
						"%s is provider-independent and assigned by %s, "
						"expected one of both (RFC 9284 3)",
						prefix_format(&h->provider_independent[i], text),
						h->domains[k].name);
}

/* ---- names, and what may be told ---------------------------------------------------------------
 */

static void
check_names(struct options *o, const struct draft *d, const struct homing *h)
{
	const struct domain *of = h->target_resolver.addr.family
					  ? homing_resolver_of(h, &h->target_resolver.addr)
					  : NULL;

	if (of)
		options_problem(o, true, options_spot(o, d, "target-resolver"),
			"target-resolver is a resolver of %s, expected another one: a look-up "
			"would tell that provider what is to be protected (RFC 9284 6)",
			of->name);
	for (size_t i = 0; i < h->n_hosts; i++)
		if (h->hosts[i].n_addresses > NAME_ADDRS_MAX)
			options_problem(o, true, options_spot(o, d, "hosts"),
				"%s has %zu addresses, expected at most %d", h->hosts[i].name,
				h->hosts[i].n_addresses, NAME_ADDRS_MAX);
}

/* The way to it is ours alone; what lies beyond is the operator's word (RFC 9132 11). */
static void
check_names_resolver(struct options *o, const struct draft *d, const struct config *c)
{
	const struct draft_names *n = &d->names;
	const struct {
		bool kept;
		const char *key, *is, *expected;
	} rules[] = {
		{n->resolver.addr.family && addr_is_loopback(&n->resolver.addr), "resolver",
			"is not at a loopback address",
			"a resolver on this host: what clients ask for would be read on the way"},
		{n->encrypted, "encrypted", "is not said",
			"encrypted: yes, once it asks others over TLS, HTTPS or QUIC only"},
		{n->validates, "validates", "is not said",
			"validates: yes, once it gives no answers that fail DNSSEC"},
	};

	if (!options_given(o, d, "names"))
		return;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!rules[i].kept)
			options_problem(o, true, options_spot(o, n, rules[i].key),
				"%s of names %s, expected %s (RFC 9132 11)", rules[i].key,
				rules[i].is, rules[i].expected);
	if (!c->n_listen)
		options_problem(o, false, options_spot(o, d, "names"),
			"names without listen, expected clients who ask for names");
}

static bool
is_date(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	struct tm tm = {0};
	int day;

	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	if (!strptime(text, "%Y-%m-%d", &tm))
		return false;
	day = tm.tm_mday;
	return timegm(&tm) != -1 && tm.tm_mday == day; /* else it is of no such month */
}

static void
check_consent(struct options *o, const struct draft_consent *dc, const struct consent *c,
	const struct homing *h)
{
	const struct {
		const char *key, *name;
	} ends[] = {{"from", c->from}, {"to", c->to}};

	for (size_t i = 0; i < 2; i++)
		if (!ends[i].name || homing_domain(h, ends[i].name) < 0)
			options_problem(o, true, options_spot(o, dc, ends[i].key),
				"%s of a consent is %s, expected the name of a domain", ends[i].key,
				ends[i].name ? ends[i].name : "missing");
	if (c->from && c->to && !strcmp(c->from, c->to))
		options_problem(o, true, options_spot(o, dc, "to"),
			"a consent from %s to itself, expected two domains", c->from);
	if (!c->what && !dc->unknown)
		options_problem(o, true, options_spot(o, dc, "what"),
			"a consent for nothing, expected `what`: a list of names");
	if (!c->granted_by || !*c->granted_by)
		options_problem(o, true, options_spot(o, dc, "granted-by"),
			"nobody has granted a consent, expected `granted-by` (RFC 9284 6)");
	if (!c->at || !is_date(c->at))
		options_problem(o, true, options_spot(o, dc, "at"),
			"at of a consent is %.40s, expected the day it was granted, as 2026-01-31",
			c->at ? c->at : "missing");
}

static void
check_homing(struct options *o, const struct draft *d, struct config *c)
{
	char why[WHY_MAX] = "";

	for (size_t i = 0; i < c->homing->n_domains; i++)
		check_domain(o, d, c, i);
	if (homing_index(c->homing, why, sizeof(why)) < 0)
		options_problem(o, true, spot_of_conflict(o, d, c->homing), "%s, expected %s", why,
			mend_for(why));
	check_independent(o, d, c->homing);
	check_names(o, d, c->homing);
	for (size_t i = 0; i < c->homing->n_consents; i++)
		check_consent(o, &d->consents[i], &c->homing->consents[i], c->homing);
	check_policy(o, d, &c->homing->policy);
	config_check_anycast(o, d, c->homing);
	if (c->homing->pi != PI_ALL && !c->n_listen)
		options_problem(o, false, options_spot(o, d, "pi"),
			"a client asks fewer than all providers for provider-independent targets, "
			"expected "
			"all (RFC 9284 5.2, RFC 8811 2.3)");
}

/* ---- the listening side ---------------------------------------------------------------------- */

static void
check_client(struct options *o, const struct draft_client *dc, const struct client *cl,
	const struct config *c)
{
	if (!cl) /* refused already */
		return;
	if (cl->local && c->n_mitigators && !config_acts(c))
		options_problem(o, true, options_spot(o, dc, "escalate"),
			"nobody would handle what client %s asks for, expected another mitigator "
			"beside escalate",
			cl->name);
	config_check_aliases(o, cl->aliases, cl->n_aliases, cl);
	if (!cl->n_prefixes)
		options_problem(o, false, options_spot(o, dc, ""),
			"client %s has no prefixes, expected some: all its requests are refused",
			cl->name);
	if (!cl->n_certificates && !cl->n_spki && !cl->n_psk_identities && !cl->n_cdids)
		options_problem(o, false, options_spot(o, dc, ""),
			"client %s has no credential, expected certificates, spki, psk or cdids: "
			"it cannot connect",
			cl->name);
}

/* Whose only credential is of a kind that the listening side does not take. */
static void
check_kinds(struct options *o, const struct draft *d, const struct draft_client *dc)
{
	const struct domain_credentials *ours = &d->credentials;
	const struct client *cl = &dc->client;

	if (dc->n_psk || (cl->n_spki && ours->raw_key) || (!cl->n_spki && !cl->n_certificates))
		return;
	if (!ours->certificate)
		options_problem(o, false, options_spot(o, dc, ""),
			"client %s is known by a certificate or key, expected certificate or "
			"raw-key under `credentials`: it cannot connect",
			dc->name);
}

static void
check_client_file(struct options *o, const struct draft_client_file *f, const struct config *c)
{
	if (f->path)
		check_writers(o, f->path);
	for (size_t i = 0; i < f->n_clients; i++)
		check_client(o, &f->clients[i], clients_named(c->clients, f->clients[i].name), c);
}

static void
check_listen(struct options *o, const struct draft *d, struct config *c)
{
	struct spot spot = options_spot(o, d, "listen");

	if (!clients_count(c->clients))
		options_problem(o, true, spot, "listen without clients, expected `clients`");
	if (options_given(o, d, "credentials")) {
		if (d->credentials.n_spki)
			options_problem(o, true, options_spot(o, &d->credentials, "spki"),
				"the listening side has a list of keys of its own, expected `spki` "
				"under each client");
		else if (d->credentials.psk_identity || d->credentials.psk_file)
			options_problem(o, true, options_spot(o, d, "credentials"),
				"the listening side has a PSK of its own, expected `psk` under "
				"each client");
		else
			c->server_credentials =
				load_credentials(o, &d->credentials, &d->credentials);
	} else if (!c->n_psk)
		options_problem(o, true, spot,
			"listen without credentials and without any psk, expected one of them");
	if (!c->n_mitigators)
		options_problem(o, false, spot,
			"nothing handles the traffic of the clients, expected `mitigators`");
	for (size_t i = 0; i < d->n_client_files; i++)
		for (size_t k = 0; k < d->client_files[i].n_clients; k++)
			check_kinds(o, d, &d->client_files[i].clients[k]);
	for (size_t i = 0; i < c->n_listen; i++)
		if (*c->listen[i].interface &&
			(!i || strcmp(c->listen[i].interface, c->listen[i - 1].interface) != 0))
			check_interface(o, spot, c->listen[i].interface);
	check_heartbeat(o, &d->session, &c->heartbeat);
	check_sets(o, &d->session.sets);
	check_range(o, &d->session, &c->range);
}

/* RESTCONF's path stands in front of every request. */
static bool
is_root(const char *text)
{
	size_t len = strlen(text);

	return len > 1 && text[0] == '/' && text[len - 1] != '/' && !strstr(text, "//") &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "-._~/") == len;
}

/* What stands for us in a Via (RFC 8783 3.4). The first is what we say ourselves: a name that no
 * other agent has, whatever its instance is called. */
static void
name_data(struct config *c)
{
	const struct https_config *h = &c->data.https;
	const char **own = mem_array(h->n_sockets + 3, sizeof(*own));
	const char *digest = c->server_credentials ? credentials_cuid(c->server_credentials) : "";
	size_t n = 0;

	own[n++] = mem_printf("%s-%.10s", c->instance, digest);
	own[n++] = mem_text(c->instance);
	if (c->server_credentials)
		own[n++] = mem_text(credentials_label(c->server_credentials));
	for (size_t i = 0; i < h->n_sockets; i++) {
		char text[ADDR_TEXT_MAX];

		if (!addr_is_unspecified(&h->sockets[i].local.addr))
			own[n++] = mem_text(addr_format(&h->sockets[i].local.addr, text));
	}
	c->data.own = own;
	c->data.n_own = n;
}

static void
check_data(struct options *o, const struct draft *d, struct config *c)
{
	struct spot spot = options_spot(o, d, "data-channel");

	if (!options_given(o, d, "data-channel"))
		return;
	if (!c->data.https.n_sockets)
		options_problem(
			o, true, spot, "data-channel without listen, expected where it is served");
	if (!c->n_listen)
		options_problem(o, true, spot,
			"data-channel without `listen`, expected the signal channel beside it");
	if (!is_root(c->data.root))
		options_problem(o, true, options_spot(o, &d->data, "root"),
			"root is \"%.60s\", expected a path such as /restconf", c->data.root);
	if (c->server_credentials && !options_given(o, &d->credentials, "certificate"))
		options_problem(o, true, spot,
			"data-channel without a certificate, expected one under `credentials` "
			"(RFC 8040 2.2)");
	for (size_t i = 0; i < clients_count(c->clients); i++)
		if (clients_get(c->clients, i)->n_aliases)
			options_problem(o, true, spot,
				"data-channel and aliases of client %s here, expected one of them "
				"(RFC 8783 8)",
				clients_get(c->clients, i)->name);
	for (size_t i = 0; i < c->data.https.n_sockets; i++)
		if (*c->data.https.sockets[i].interface)
			check_interface(o, spot, c->data.https.sockets[i].interface);
	c->data.https.credentials = c->server_credentials;
	c->data.clients = c->clients;
	c->data.name = c->instance;
	name_data(c);
}

static void
check_escalate(struct options *o, const struct draft *d, const struct config *c)
{
	struct spot spot = options_spot(o, d, "mitigators");
	const struct mitigator_config *escalate = NULL;

	for (size_t i = 0; i < c->n_mitigators; i++)
		if (c->mitigators[i].kind == MITIGATOR_ESCALATE)
			escalate = &c->mitigators[i];
	if (!escalate)
		return;
	if (!c->homing->n_domains)
		options_problem(o, true, spot,
			"escalate without anybody to ask, expected `domains` or `gateways`");
	if (escalate->above.rate && !config_acts(c))
		options_problem(o, true, spot,
			"escalate.above and nobody else who handles the traffic, expected another "
			"mitigator beside it");
}

void
config_check(struct options *o, const struct draft *d, struct config *c)
{
	if (c->user && !getpwnam(c->user))
		options_problem(o, true, options_spot(o, d, "user"),
			"user %s does not exist, expected the name of an account", c->user);
	if (!c->homing->n_domains && !c->n_listen)
		options_problem(o, true, (struct spot){.line = 1, .column = 1},
			"nothing to do, expected `domains`, `gateways` or `listen`");
	check_writers(o, c->path);
	check_homing(o, d, c);
	if (c->n_preconfigured && !c->homing->n_domains)
		options_problem(o, true, options_spot(o, d, "preconfigured"),
			"preconfigured without anybody to ask, expected `domains` or `gateways`");
	if (d->server_domain && d->aggregate)
		options_problem(o, true, options_spot(o, d, "server-domain"),
			"server-domain with all clients in one session, expected aggregate: no (a "
			"request has one cdid, RFC 9132 4.4.1.2)");
	for (size_t i = 0; i < d->n_client_files; i++)
		check_client_file(o, &d->client_files[i], c);
	check_names_resolver(o, d, c);
	config_check_aliases(o, c->aliases, c->n_aliases, NULL);
	config_check_records(o, d, c);
	if (c->n_listen)
		check_listen(o, d, c);
	check_data(o, d, c);
	check_escalate(o, d, c);
}
