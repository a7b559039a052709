/*
 * What an alias of the data channel means, and whether its client may have it (RFC 8783 6.1). What
 * the module asks for has been seen to (wire/data.c).
 */
#include <string.h>

#include "core/data_private.h"
#include "core/name.h"
#include "core/service.h"

enum { WHY_MAX = 160 };

struct reading {
	const struct client *client;
	struct arena *arena;
	struct alias *to;
	struct restconf_error *err;
};

/* A verdict's text without the section that it begins with. */
static const char *
reason_of(const struct verdict *v)
{
	const char *colon = strstr(v->why, ": ");

	return colon ? colon + 2 : v->why;
}

static bool
refuse_many(struct reading *r, const char *field, const char *limit, uint32_t max)
{
	return restconf_refuse(r->err, 409, RESTCONF_RESOURCE_DENIED,
		"RFC 8783 10: %s: more than the %u that limits.%s allows to this client", field,
		max, limit);
}

/* An address is treated as if it were a target-prefix. */
static bool
authorise(struct reading *r, const char *field, const struct prefix *p)
{
	struct verdict v = client_authorises(r->client, p, 1);

	return verdict_ok(&v) || restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
					 "RFC 8783 6.1: %s: %s", field, reason_of(&v));
}

static bool
read_prefixes(struct reading *r, const json_t *list)
{
	struct alias *to = r->to;
	const json_t *item;
	size_t i;

	if (json_array_size(list) > r->client->limits.targets)
		return refuse_many(r, "target-prefix", "targets", r->client->limits.targets);
	to->prefixes = arena_alloc(r->arena, json_array_size(list), sizeof(*to->prefixes));
	json_array_foreach(list, i, item) {
		struct prefix *p = &to->prefixes[to->n_prefixes++];

		prefix_parse(json_string_value(item), p);
		if (!authorise(r, "target-prefix", p))
			return false;
	}
	return true;
}

static bool
read_ports(struct reading *r, const json_t *list)
{
	struct alias *to = r->to;
	const json_t *item;
	size_t i;

	if (json_array_size(list) > r->client->limits.ports)
		return refuse_many(r, "target-port-range", "ports", r->client->limits.ports);
	to->ports = arena_alloc(r->arena, json_array_size(list), sizeof(*to->ports));
	json_array_foreach(list, i, item) {
		struct port_range *p = &to->ports[to->n_ports++];
		const json_t *upper = json_object_get(item, "upper-port");

		p->has = 1ULL << PORT_RANGE_LOWER_PORT;
		p->lower_port = (uint64_t)json_integer_value(json_object_get(item, "lower-port"));
		if (upper) {
			p->has |= 1ULL << PORT_RANGE_UPPER_PORT;
			p->upper_port = (uint64_t)json_integer_value(upper);
		}
	}
	return true;
}

static void
read_protocols(struct reading *r, const json_t *list)
{
	struct alias *to = r->to;
	const json_t *item;
	size_t i;

	to->protocols = arena_alloc(r->arena, json_array_size(list), sizeof(*to->protocols));
	json_array_foreach(list, i, item)
		to->protocols[to->n_protocols++] = (uint64_t)json_integer_value(item);
}

/* A mitigation request could not name what is refused here (core/cover.h). */
static bool
read_name(struct reading *r, const char *field, const char *text)
{
	char why[WHY_MAX];
	struct service service;
	struct name n;

	if (name_parse(text, r->arena, &n, why, sizeof(why)) != 0)
		return restconf_refuse(
			r->err, 400, RESTCONF_INVALID_VALUE, "RFC 8783 6.1: %s: %s", field, why);
	if (n.uri && !service_of(text, &service))
		return restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8783 6.1: %s: %.80s has a scheme of which no protocol and port are "
			"known here",
			field, text);
	if (n.state == NAME_KNOWN && !authorise(r, field, &n.addresses[0]))
		return false;
	r->to->names[r->to->n_names++] = arena_text(r->arena, text, strlen(text));
	return true;
}

static bool
read_list_of_names(struct reading *r, const char *field, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (!read_name(r, field, json_string_value(item)))
			return false;
	return true;
}

static bool
read_names(struct reading *r, const json_t *fqdns, const json_t *uris)
{
	size_t n = json_array_size(fqdns) + json_array_size(uris);

	if (n > r->client->limits.names)
		return refuse_many(r, json_array_size(fqdns) ? "target-fqdn" : "target-uri",
			"names", r->client->limits.names);
	r->to->names = arena_alloc(r->arena, n, sizeof(*r->to->names));
	return read_list_of_names(r, "target-fqdn", fqdns) &&
	       read_list_of_names(r, "target-uri", uris);
}

bool
data_alias_read(const json_t *entry, const struct client *c, struct arena *a, struct alias *ret,
	struct restconf_error *err)
{
	struct reading r = {c, a, ret, err};
	const char *name = json_string_value(json_object_get(entry, "name"));

	*ret = (struct alias){.name = arena_text(a, name, strlen(name))};
	read_protocols(&r, json_object_get(entry, "target-protocol"));
	return read_prefixes(&r, json_object_get(entry, "target-prefix")) &&
	       read_ports(&r, json_object_get(entry, "target-port-range")) &&
	       read_names(&r, json_object_get(entry, "target-fqdn"),
		       json_object_get(entry, "target-uri"));
}

bool
data_alias_is_allowed(const struct alias *al, const struct client *c)
{
	struct verdict v = client_authorises(c, al->prefixes, al->n_prefixes);
	struct arena *a = arena_new();
	char why[WHY_MAX];
	struct name n;

	for (size_t i = 0; i < al->n_names && verdict_ok(&v); i++)
		if (name_parse(al->names[i], a, &n, why, sizeof(why)) == 0 && n.state == NAME_KNOWN)
			v = client_authorises(c, n.addresses, n.n_addresses);
	arena_free(a);
	return verdict_ok(&v);
}
