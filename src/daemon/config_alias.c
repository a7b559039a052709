/*
 * Aliases in the configuration, of a client of ours and our own: how they are read, and what is
 * wrong with them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/service.h"
#include "daemon/config_table.h"

enum { WHY_MAX = 200, ALIASES_MAX = 256 };

struct words {
	struct alias *alias;
	bool wrong;
};

static void
add_port(void *arg, const char *word)
{
	struct words *w = arg;
	struct alias *a = w->alias;

	a->ports = mem_grow(a->ports, a->n_ports + 1, sizeof(*a->ports));
	if (alias_read_port(word, &a->ports[a->n_ports]) == 0)
		a->n_ports++;
	else
		w->wrong = true;
}

static void
read_ports(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct words w = {.alias = object};

	options_words(o, row, node, spot, add_port, &w);
	if (w.wrong || w.alias->n_ports > COVER_PORTS_MAX)
		options_problem(o, true, spot,
			"ports of an alias, expected at most %d of P or P-Q from 0 to 65535",
			COVER_PORTS_MAX);
}

static void
add_protocol(void *arg, const char *word)
{
	struct words *w = arg;
	struct alias *a = w->alias;
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*end || end == word || n > UINT8_MAX || strspn(word, "0123456789") != strlen(word)) {
		w->wrong = true;
		return;
	}
	a->protocols = mem_grow(a->protocols, a->n_protocols + 1, sizeof(*a->protocols));
	a->protocols[a->n_protocols++] = n;
}

static void
read_protocols(struct options *o, const struct option *row, void *object, struct fy_node *node,
	struct spot spot)
{
	struct words w = {.alias = object};

	options_words(o, row, node, spot, add_protocol, &w);
	if (w.wrong)
		options_problem(
			o, true, spot, "protocols of an alias, expected numbers from 0 to 255");
}

const struct option config_alias_rows[] = {
	{"prefixes", OPTION_PREFIX, LIST, "addresses that it stands for",
		.offset = offsetof(struct alias, prefixes),
		.count = offsetof(struct alias, n_prefixes)},
	{"names", OPTION_TEXT, LIST, "domain names and URIs that it stands for",
		.offset = offsetof(struct alias, names), .count = offsetof(struct alias, n_names)},
	{"ports", OPTION_CUSTOM, ONE, "ports of it", .unit = "a list of ports",
		.custom = read_ports},
	{"protocols", OPTION_CUSTOM, ONE, "protocols of it", .unit = "a list of numbers",
		.custom = read_protocols},
	{0},
};

static void
check_names(struct options *o, const struct alias *a)
{
	struct arena *arena = arena_new();
	char why[WHY_MAX];
	struct service service;
	struct name n;

	for (size_t i = 0; i < a->n_names; i++)
		if (name_parse(a->names[i], arena, &n, why, sizeof(why)) != 0)
			options_problem(o, true, options_spot(o, a, "names"),
				"alias %s: %s, expected a domain name or a URI", a->name, why);
		else if (n.uri && !service_of(a->names[i], &service))
			options_problem(o, true, options_spot(o, a, "names"),
				"alias %s: %.80s has a scheme that is not known, expected one with "
				"a default port, as https",
				a->name, a->names[i]);
	arena_free(arena);
}

static void
check_alias(struct options *o, const struct alias *a, const struct client *c)
{
	struct verdict v = {.code = COAP_204_CHANGED};

	if (!a->n_prefixes && !a->n_names)
		options_problem(o, true, options_spot(o, a, ""),
			"alias %s stands for nothing, expected prefixes or names", a->name);
	if (c)
		v = client_authorises(c, a->prefixes, a->n_prefixes);
	if (!verdict_ok(&v))
		options_problem(o, true, options_spot(o, a, "prefixes"),
			"alias %s of client %s: %s, expected prefixes of the client", a->name,
			c->name, v.why);
	if (c && a->n_names > c->limits.names)
		options_problem(o, true, options_spot(o, a, "names"),
			"alias %s has %zu names, expected at most the %u of limits.names", a->name,
			a->n_names, c->limits.names);
	check_names(o, a);
}

void
config_check_aliases(struct options *o, const struct alias *list, size_t n, const struct client *c)
{
	if (n > ALIASES_MAX)
		options_problem(o, true, options_spot(o, &list[0], ""),
			"%zu aliases, expected at most %d", n, ALIASES_MAX);
	for (size_t i = 0; i < n; i++)
		check_alias(o, &list[i], c);
}
