/*
 * Typed filters as nftables rule text. The only file that writes it.
 */
#include "priv/nft_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Sources told apart by one filter; further ones pass, as each would pass below its rate. */
enum { SOURCES_MAX = 65535 };

#define ID  "%" PRIu64
#define KEY "%016" PRIx64

/* ---- names ---- */

uint64_t
nft_text_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 14695981039346656037ULL; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return h;
}

void
nft_text_chain(const struct range *r, char ret[static NFT_NAME_MAX])
{
	if (r->n_ids == 1)
		snprintf(ret, NFT_NAME_MAX, "m_" ID, r->ids[0]);
	else
		snprintf(ret, NFT_NAME_MAX, "cell_" KEY,
			nft_text_hash(r->ids, r->n_ids * sizeof(*r->ids)));
}

/* ---- frame ---- */

void
nft_text_frame(const char *table, struct buf *out)
{
	buf_printf(out, "add table inet %s\n", table);
	buf_printf(out,
		"add chain inet %s pre { type filter hook prerouting priority raw; policy accept; "
		"}\n",
		table);
	buf_printf(
		out, "add map inet %s mit4 { type ipv4_addr : verdict; flags interval; }\n", table);
	buf_printf(
		out, "add map inet %s mit6 { type ipv6_addr : verdict; flags interval; }\n", table);
	buf_printf(out, "flush chain inet %s pre\n", table);
	buf_printf(out, "add rule inet %s pre ip daddr vmap @mit4\n", table);
	buf_printf(out, "add rule inet %s pre ip6 daddr vmap @mit6\n", table);
}

/* ---- clients ---- */

static const struct family {
	char digit;
	const char *ip, *type;
} families[] = {{'4', "ip", "ipv4_addr"}, {'6', "ip6", "ipv6_addr"}};
enum { N_FAMILIES = sizeof(families) / sizeof(families[0]) };

/* Each protocol has a rate of its own for its handshakes. */
static void
put_flow_rules(const char *table, uint64_t k, const struct family *f, struct buf *out)
{
	static const char *const protocols[] = {"udp", "tcp"};

	buf_printf(out,
		"add rule inet %s k_" KEY
		" meta l4proto . %s saddr . th sport . %s daddr . th dport"
		" @f%c_" KEY " accept\n",
		table, k, f->ip, f->ip, f->digit, k);
	buf_printf(out,
		"add rule inet %s k_" KEY
		" meta l4proto . %s daddr . th dport . %s saddr . th sport"
		" @f%c_" KEY " accept\n",
		table, k, f->ip, f->ip, f->digit, k);
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		buf_printf(out,
			"add rule inet %s k_" KEY
			" meta l4proto %s meta l4proto . %s saddr . th sport"
			" @h%c_" KEY " limit rate %d/second accept\n",
			table, k, protocols[i], f->ip, f->digit, k, FLOW_HANDSHAKE_RATE);
}

static void
flush_flows(const char *table, uint64_t k, struct buf *out)
{
	for (size_t i = 0; i < N_FAMILIES; i++)
		buf_printf(out, "flush set inet %s f%c_" KEY "\nflush set inet %s h%c_" KEY "\n",
			table, families[i].digit, k, table, families[i].digit, k);
}

void
nft_text_client(const char *table, uint64_t k, struct buf *out)
{
	buf_printf(out, "add chain inet %s k_" KEY "\nflush chain inet %s k_" KEY "\n", table, k,
		table, k);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		const struct family *f = &families[i];

		buf_printf(out,
			"add set inet %s f%c_" KEY
			" { type inet_proto . %s . inet_service . %s . inet_service; }\n",
			table, f->digit, k, f->type, f->type);
		buf_printf(out,
			"add set inet %s h%c_" KEY " { type inet_proto . %s . inet_service; }\n",
			table, f->digit, k, f->type);
		put_flow_rules(table, k, f, out);
	}
	flush_flows(table, k, out);
}

void
nft_text_client_gone(const char *table, uint64_t k, struct buf *out)
{
	buf_printf(out, "flush chain inet %s k_" KEY "\ndelete chain inet %s k_" KEY "\n", table, k,
		table, k);
	for (size_t i = 0; i < N_FAMILIES; i++)
		buf_printf(out, "delete set inet %s f%c_" KEY "\ndelete set inet %s h%c_" KEY "\n",
			table, families[i].digit, k, table, families[i].digit, k);
}

static void
put_flow(const char *table, uint64_t k, const struct flow *f, struct buf *out)
{
	char server[ADDR_TEXT_MAX], client[ADDR_TEXT_MAX];
	char family = f->server.addr.family == 4 ? '4' : '6';

	addr_format(&f->server.addr, server);
	if (f->client.addr.family)
		buf_printf(out, "add element inet %s f%c_" KEY " { %u . %s . %u . %s . %u }\n",
			table, family, k, (unsigned)f->protocol, server, f->server.port,
			addr_format(&f->client.addr, client), f->client.port);
	else
		buf_printf(out, "add element inet %s h%c_" KEY " { %u . %s . %u }\n", table, family,
			k, (unsigned)f->protocol, server, f->server.port);
}

void
nft_text_flows(const char *table, uint64_t k, const struct flow *flows, size_t n, struct buf *out)
{
	flush_flows(table, k, out);
	for (size_t i = 0; i < n; i++)
		put_flow(table, k, &flows[i], out);
}

/* ---- mitigations ---- */

static const uint8_t with_ports[] = {6, 17, 33, 132}; /* TCP, UDP, DCCP, SCTP */

/* Protocols of the match: as asked; with ports only those that have them (RFC 9132 4.4.1.1). */
static size_t
matched_protocols(const struct filter *f, uint8_t ret[static 256])
{
	size_t n = 0;

	if (!f->n_protocols && f->n_ports) {
		memcpy(ret, with_ports, sizeof(with_ports));
		return sizeof(with_ports);
	}
	for (size_t i = 0; i < f->n_protocols; i++)
		if (!memchr(ret, f->protocols[i], n) &&
			(!f->n_ports || memchr(with_ports, f->protocols[i], sizeof(with_ports))))
			ret[n++] = f->protocols[i];
	return n;
}

static int
compare_ports(const void *a, const void *b)
{
	const struct filter_ports *x = a, *y = b;

	return x->lower != y->lower ? (int)x->lower - (int)y->lower : (int)x->upper - (int)y->upper;
}

/* Ranges joined where they touch: a set takes no overlaps. */
static void
put_ports(const struct filter *f, struct buf *out)
{
	struct filter_ports *sorted = mem_copy(f->ports, f->n_ports * sizeof(*sorted));
	const char *comma = "";

	qsort(sorted, f->n_ports, sizeof(*sorted), compare_ports);
	buf_printf(out, " th dport {");
	for (size_t i = 0; i < f->n_ports;) {
		uint16_t lower = sorted[i].lower, upper = sorted[i].upper;

		for (i++; i < f->n_ports && sorted[i].lower <= upper + 1; i++)
			upper = sorted[i].upper > upper ? sorted[i].upper : upper;
		if (lower == upper)
			buf_printf(out, "%s %u", comma, lower);
		else
			buf_printf(out, "%s %u-%u", comma, lower, upper);
		comma = ",";
	}
	buf_printf(out, " }");
	free(sorted);
}

static void
put_match(const struct filter *f, const uint8_t *protocols, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%u", i ? ", " : " meta l4proto { ", protocols[i]);
	buf_printf(out, "%s", n ? " }" : "");
	if (f->n_ports)
		put_ports(f, out);
}

/* One rule of the mitigation's chain; the family is that of the source set, if there is one. */
static void
put_rule(const char *table, const struct filter *f, const struct family *family,
	const uint8_t *protocols, size_t n, struct buf *out)
{
	const char *unit = f->action.unit == RATE_BYTES ? " bytes/second" : "/second";

	buf_printf(out, "add rule inet %s m_" ID, table, f->id);
	put_match(f, protocols, n, out);
	if (f->action.kind == ACTION_LIMIT)
		buf_printf(out, " limit rate over " ID "%s", f->action.rate, unit);
	if (f->action.kind == ACTION_LIMIT_PER_SOURCE)
		buf_printf(out, " update @s%c_" ID " { %s saddr limit rate over " ID "%s }",
			family->digit, f->id, family->ip, f->action.rate, unit);
	buf_printf(out, " counter name n_" ID " drop\n", f->id);
}

/* A set of sources is there for each family the filter has prefixes of. */
static bool
has_sources(const struct filter *f, const struct family *family)
{
	if (f->action.kind != ACTION_LIMIT_PER_SOURCE)
		return false;
	for (size_t i = 0; i < f->n_prefixes; i++)
		if (f->prefixes[i].addr.family == family->digit - '0')
			return true;
	return false;
}

void
nft_text_mitigation(const char *table, const struct filter *f, uint64_t client_key, uint64_t digest,
	struct buf *out)
{
	uint8_t protocols[256];
	size_t n = matched_protocols(f, protocols);
	bool matches = n || (!f->n_protocols && !f->n_ports); /* else ports of what has none */

	buf_printf(out, "add counter inet %s n_" ID " { comment \"" KEY "\" ; }\n", table, f->id,
		digest);
	buf_printf(out, "add chain inet %s m_" ID "\nflush chain inet %s m_" ID "\n", table, f->id,
		table, f->id);
	buf_printf(out, "add rule inet %s m_" ID " jump k_" KEY "\n", table, f->id, client_key);
	if (matches && f->action.kind != ACTION_LIMIT_PER_SOURCE)
		put_rule(table, f, NULL, protocols, n, out);
	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (!has_sources(f, &families[i]))
			continue;
		buf_printf(out,
			"add set inet %s s%c_" ID
			" { type %s; size %d; flags dynamic,timeout; timeout 1m; }\n",
			table, families[i].digit, f->id, families[i].type, SOURCES_MAX);
		if (matches)
			put_rule(table, f, &families[i], protocols, n, out);
	}
}

void
nft_text_mitigation_reset(const char *table, const struct filter *f, struct buf *out)
{
	buf_printf(out, "flush chain inet %s m_" ID "\ndelete counter inet %s n_" ID "\n", table,
		f->id, table, f->id);
	for (size_t i = 0; i < N_FAMILIES; i++)
		if (has_sources(f, &families[i]))
			buf_printf(out, "delete set inet %s s%c_" ID "\n", table, families[i].digit,
				f->id);
}

void
nft_text_chain_gone(const char *table, const char *chain, struct buf *out)
{
	buf_printf(out, "flush chain inet %s %s\ndelete chain inet %s %s\n", table, chain, table,
		chain);
}

/* ---- ranges ---- */

void
nft_text_cell(const char *table, const struct range *r, struct buf *out)
{
	char name[NFT_NAME_MAX];

	nft_text_chain(r, name);
	buf_printf(out, "add chain inet %s %s\nflush chain inet %s %s\n", table, name, table, name);
	for (size_t i = 0; i < r->n_ids; i++)
		buf_printf(out, "add rule inet %s %s jump m_" ID "\n", table, name, r->ids[i]);
}

void
nft_text_element(const char *table, const char *verb, const struct nft_element *e, struct buf *out)
{
	char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
	bool one = addr_equal(&e->first, &e->last);

	buf_printf(out, "%s element inet %s mit%c { %s%s%s : jump %s }\n", verb, table,
		e->first.family == 4 ? '4' : '6', addr_format(&e->first, first), one ? "" : "-",
		one ? "" : addr_format(&e->last, last), e->chain);
}
