/*
 * See snapshot.h.
 */
#include "snapshot.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tmpdir.h"

static const char both[] =
	"domains:\n"
	"  isp1:\n"
	"    interface: wan1\n"
	"    prefixes: [192.0.2.64/26, \"2001:db8:1a00::/48\"]\n"
	"    resolvers: [192.0.2.65]\n"
	"    session: {idle: {heartbeat-interval: 60}, max-retransmit: 4}\n"
	"    servers: [{name: dots.isp1.example}]\n"
	"    credentials: {psk-identity: one, psk-file: one.psk}\n"
	"  isp2:\n"
	"    interface: wan2\n"
	"    prefixes: [198.51.100.64/26]\n"
	"    servers:\n"
	"      - {name: a.isp2.example, addresses: [198.51.100.65], priority: 1}\n"
	"      - {name: b.isp2.example, addresses: [198.51.100.67], priority: 2}\n"
	"    credentials: {psk-identity: two, psk-file: one.psk}\n"
	"provider-independent: [203.0.113.0/25]\n"
	"never-signal: [203.0.113.5/32, 192.0.2.100/32]\n"
	"target-resolver: 203.0.113.53\n"
	"hosts: {www.example.com: [192.0.2.70], both.example.com: [192.0.2.70, 198.51.100.70]}\n"
	"consents: [{from: isp2, to: isp1, what: [names], granted-by: noc, at: 2026-01-31}]\n"
	"aliases:\n"
	"  web: {prefixes: [192.0.2.80], names: [www.example.com], ports: [80, 443], protocols: "
	"[6]}\n"
	"  mail: {prefixes: [198.51.100.80, 203.0.113.80], ports: [25]}\n"
	"  any: {names: [\"https://both.example.com/\"]}\n"
	"wider-targets: clip\n"
	"listen: [{address: 203.0.113.1}]\n"
	"clients:\n"
	"  one: {psk: [{identity: one, file: one.psk}], prefixes: [192.0.2.64/26, "
	"203.0.113.0/25]}\n"
	"mitigators: [{dry-run: {}}]\n";

static const char awaiting[] =
	"domains:\n"
	"  isp1:\n"
	"    interface: wan1\n"
	"    prefixes: [192.0.2.64/26, \"2001:db8:1a00::/48\"]\n"
	"    resolvers: [192.0.2.65]\n"
	"    servers: [{name: dots.isp1.example}]\n"
	"    credentials: {psk-identity: one, psk-file: one.psk}\n"
	"  isp2:\n"
	"    interface: wan2\n"
	"    prefixes: [198.51.100.64/26]\n"
	"    credentials: {psk-identity: two, psk-file: one.psk}\n"
	"never-signal: [203.0.113.5/32, 192.0.2.100/32]\n"
	"listen: [{address: 203.0.113.1}]\n"
	"clients:\n"
	"  one: {psk: [{identity: one, file: one.psk}], prefixes: [192.0.2.64/26]}\n"
	"mitigators: [{dry-run: {}}]\n";

static const char other[] =
	"domains:\n"
	"  isp1:\n"
	"    interface: wan1\n"
	"    prefixes: [192.0.2.64/27, 198.51.100.64/26]\n"
	"    servers: [{name: dots.isp1.example, transport: any, addresses: [192.0.2.65, "
	"192.0.2.66]}]\n"
	"    credentials: {psk-identity: one, psk-file: one.psk}\n"
	"    heartbeat-interval: 15\n"
	"    missing-hb-allowed: 3\n"
	"    lifetime: 60\n"
	"never-signal: [203.0.113.5/32, 192.0.2.100/32]\n"
	"listen: [{address: 203.0.113.1}]\n"
	"clients:\n"
	"  two: {psk: [{identity: one, file: one.psk}], prefixes: [192.0.2.64/27]}\n"
	"mitigators: [{dry-run: {}}]\n";

static struct config *
load(const char *name, const char *text)
{
	struct config_problems problems;
	struct config *c;

	tmpdir_write("one.psk", "000102030405060708090a0b0c0d0e0f\n", 33);
	tmpdir_write(name, text, strlen(text));
	c = config_load(tmpdir_path(name), &problems);
	for (size_t i = 0; !c && i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.list[i].text);
	assert(c);
	config_problems_finish(&problems);
	return c;
}

struct config *
snapshot_config(void)
{
	static struct config *c;

	if (!c)
		c = load("both.yaml", both);
	return c;
}

struct config *
snapshot_other(void)
{
	static struct config *c;

	if (!c)
		c = load("other.yaml", other);
	return c;
}

struct config *
snapshot_awaiting(void)
{
	static struct config *c;

	if (!c)
		c = load("awaiting.yaml", awaiting);
	return c;
}
