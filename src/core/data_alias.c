/*
 * What an alias of the data channel means, and whether its client may have it (RFC 8783 6.1).
 */
#include <string.h>

#include "core/data_private.h"
#include "core/name.h"
#include "core/service.h"

enum { WHY_MAX = 160, PORT_MAX = 65535, PROTOCOL_MAX = 255 };

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
	to->prefixes = arena_alloc(r->arena, json_array_size(list) + 1, sizeof(*to->prefixes));
	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (!text || prefix_parse(text, &to->prefixes[to->n_prefixes]) != 0)
			return restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
				"RFC 8783 6.1: target-prefix: %.64s is no prefix",
				text ? text : "what is no text");
		if (!authorise(r, "target-prefix", &to->prefixes[to->n_prefixes++]))
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
	to->ports = arena_alloc(r->arena, json_array_size(list) + 1, sizeof(*to->ports));
	json_array_foreach(list, i, item)
	{
		const json_t *lower = json_object_get(item, "lower-port");
		const json_t *upper = json_object_get(item, "upper-port");
		json_int_t from = json_integer_value(lower);
		json_int_t last = upper ? json_integer_value(upper) : from;

		if (!json_is_integer(lower) || (upper && !json_is_integer(upper)) || from < 0 ||
			last < from || last > PORT_MAX)
			return restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
				"RFC 8783 6.1: target-port-range: upper-port has to be greater "
				"than or equal to lower-port, both from 0 to 65535");
		to->ports[to->n_ports++] =
			(struct port_range){.has = 1ULL << PORT_RANGE_LOWER_PORT |
						   (upper ? 1ULL << PORT_RANGE_UPPER_PORT : 0),
				.lower_port = (uint64_t)from,
				.upper_port = upper ? (uint64_t)last : 0};
	}
	return true;
}

static bool
read_protocols(struct reading *r, const json_t *list)
{
	struct alias *to = r->to;
	const json_t *item;
	size_t i;

	to->protocols = arena_alloc(r->arena, json_array_size(list) + 1, sizeof(*to->protocols));
	json_array_foreach(list, i, item)
	{
		json_int_t value = json_integer_value(item);

		if (!json_is_integer(item) || value < 0 || value > PROTOCOL_MAX)
			return restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
				"RFC 8783 6.1: target-protocol: a protocol is a number from 0 to "
				"255");
		to->protocols[to->n_protocols++] = (uint64_t)value;
	}
	return true;
}

/* A mitigation request could not name what is refused here (core/cover.h). */
static bool
read_name(struct reading *r, const char *field, const char *text, bool uri)
{
	char why[WHY_MAX];
	struct service service;
	struct name n;

	if (name_parse(text, r->arena, &n, why, sizeof(why)) != 0)
		return restconf_refuse(
			r->err, 400, RESTCONF_INVALID_VALUE, "RFC 8783 6.1: %s: %s", field, why);
	if (n.uri != uri)
		return restconf_refuse(r->err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8783 6.1: %s: %.80s is %s", field, text, uri ? "no URI" : "a URI");
	if (uri && !service_of(text, &service))
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
read_list_of_names(struct reading *r, const char *field, const json_t *list, bool uri)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (!read_name(r, field, text ? text : "", uri))
			return false;
	}
	return true;
}

static bool
read_names(struct reading *r, const json_t *fqdns, const json_t *uris)
{
	size_t n = json_array_size(fqdns) + json_array_size(uris);

	if (n > r->client->limits.names)
		return refuse_many(r, json_array_size(fqdns) ? "target-fqdn" : "target-uri",
			"names", r->client->limits.names);
	r->to->names = arena_alloc(r->arena, n + 1, sizeof(*r->to->names));
	return read_list_of_names(r, "target-fqdn", fqdns, false) &&
	       read_list_of_names(r, "target-uri", uris, true);
}

bool
data_alias_read(const json_t *entry, const struct client *c, struct arena *a, struct alias *ret,
	struct restconf_error *err)
{
	struct reading r = {c, a, ret, err};
	const char *name = json_string_value(json_object_get(entry, "name"));

	if (!name)
		return restconf_refuse(err, 400, RESTCONF_MISSING_ATTRIBUTE,
			"RFC 8783 6.1: name: an alias needs one");
	*ret = (struct alias){.name = arena_text(a, name, strlen(name))};
	if (!read_prefixes(&r, json_object_get(entry, "target-prefix")) ||
		!read_ports(&r, json_object_get(entry, "target-port-range")) ||
		!read_protocols(&r, json_object_get(entry, "target-protocol")) ||
		!read_names(&r, json_object_get(entry, "target-fqdn"),
			json_object_get(entry, "target-uri")))
		return false;
	if (!ret->n_prefixes && !ret->n_names)
		return restconf_refuse(err, 400, RESTCONF_MISSING_ATTRIBUTE,
			"RFC 8783 6.1: target-prefix: an alias needs at least one of "
			"target-prefix, target-fqdn, target-uri");
	return true;
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
