#include "core/cover.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/service.h"

enum { RETRY_LOOKUP_S = 10, WHY_MAX = 160 };

struct reading {
	const struct client *client;
	const struct alias_source *aliases;
	struct cover *to;
	const struct target *asked;
	bool all_ports, all_protocols; /* nothing narrows some of the addresses */
	struct verdict verdict;
};

bool
cover_is_needed(const struct target *t)
{
	return t->n_target_fqdn || t->n_target_uri || t->n_alias_name;
}

struct cover
cover_of(const struct target *t)
{
	return (struct cover){
		.prefixes = t->target_prefix, .n_prefixes = t->n_target_prefix, .fixed = *t};
}

void
cover_finish(struct cover *cv)
{
	arena_free(cv->arena);
	*cv = (struct cover){0};
}

/* ---- reading a request ---- */

static bool
refuse(struct reading *r, const struct verdict *v)
{
	r->verdict = *v;
	return false;
}

static void
add_prefixes(struct target *to, const struct prefix *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to->target_prefix[to->n_target_prefix++] = list[i];
}

static bool
add_ports(struct reading *r, const struct port_range *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!alias_add_port(&r->to->fixed, &list[i], COVER_PORTS_MAX))
			return refuse(r,
				&(struct verdict){.code = COAP_400_BAD_REQUEST,
					.why = "RFC 9132 4.4.1.3: target-port-range has more than "
					       "256 entries with those of target-uri and "
					       "alias-name"});
	return true;
}

static bool
add_service(struct reading *r, const char *uri)
{
	struct port_range port = {.has = 1ULL << PORT_RANGE_LOWER_PORT};
	struct service s;
	struct verdict v;

	if (!service_of(uri, &s)) {
		v = verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.1: target-uri %.64s has a scheme of which no protocol and "
			"port are known here",
			uri);
		return refuse(r, &v);
	}
	for (size_t i = 0; i < s.n_protocols; i++)
		alias_add_protocol(&r->to->fixed, s.protocols[i]);
	port.lower_port = s.port;
	return add_ports(r, &port, 1);
}

/* One that stands there twice counts once. */
static bool
add_name(struct reading *r, const char *field, const char *text, bool uri)
{
	struct cover *to = r->to;
	struct name *n = &to->names[to->n_names];
	char why[WHY_MAX];
	struct verdict v;

	if (name_find(to->names, to->n_names, text))
		return true;
	if (to->n_names == r->client->limits.names) {
		v = verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.3: %s: more names than the %u allowed to this client",
			field, r->client->limits.names);
		return refuse(r, &v);
	}
	if (name_parse(text, to->arena, n, why, sizeof(why)) != 0) {
		v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: %s: %s", field, why);
		return refuse(r, &v);
	}
	if (n->uri != uri) {
		v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: %s: %.80s is %s", field,
			text, uri ? "no URI" : "a URI");
		return refuse(r, &v);
	}
	to->n_names++;
	return !uri || add_service(r, text);
}

/* What is asked for in so many words. Ports without any address beside them go with the rest. */
static bool
read_explicit(struct reading *r)
{
	const struct target *t = r->asked;
	bool addresses = t->n_target_prefix || t->n_target_fqdn;

	r->all_ports = addresses && !t->n_target_port_range;
	r->all_protocols = addresses && !t->n_target_protocol;
	add_prefixes(&r->to->fixed, t->target_prefix, t->n_target_prefix);
	for (size_t i = 0; i < t->n_target_protocol; i++)
		alias_add_protocol(&r->to->fixed, t->target_protocol[i]);
	if (!add_ports(r, t->target_port_range, t->n_target_port_range))
		return false;
	for (size_t i = 0; i < t->n_target_fqdn; i++)
		if (!add_name(r, "target-fqdn", t->target_fqdn[i], false))
			return false;
	for (size_t i = 0; i < t->n_target_uri; i++)
		if (!add_name(r, "target-uri", t->target_uri[i], true))
			return false;
	return true;
}

static bool
has_text(char *const *list, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], text))
			return true;
	return false;
}

static bool
is_uri(const char *text)
{
	return strstr(text, "://") != NULL;
}

static bool
read_alias(struct reading *r, const struct alias *a)
{
	bool addresses = a->n_prefixes > 0;

	add_prefixes(&r->to->fixed, a->prefixes, a->n_prefixes);
	for (size_t i = 0; i < a->n_names; i++) {
		addresses |= !is_uri(a->names[i]);
		if (!add_name(r, "alias-name", a->names[i], is_uri(a->names[i])))
			return false;
	}
	r->all_ports |= addresses && !a->n_ports && !r->asked->n_target_port_range;
	r->all_protocols |= addresses && !a->n_protocols && !r->asked->n_target_protocol;
	for (size_t i = 0; i < a->n_protocols; i++)
		alias_add_protocol(&r->to->fixed, a->protocols[i]);
	return add_ports(r, a->ports, a->n_ports);
}

static const struct alias *
find_alias(const struct reading *r, const char *name)
{
	if (r->aliases)
		return r->aliases->find(r->aliases->arg, name);
	return alias_find(r->client->aliases, r->client->n_aliases, name);
}

static bool
read_aliases(struct reading *r)
{
	const struct target *t = r->asked;

	for (size_t i = 0; i < t->n_alias_name; i++) {
		const struct alias *a = find_alias(r, t->alias_name[i]);

		if (!has_text(t->alias_name, i, t->alias_name[i]) && !read_alias(r, a))
			return false;
	}
	return true;
}

/* Aliases that there are, all of them together no more than one request may hold. */
static struct verdict
check_aliases(const struct reading *r, size_t *ret_prefixes)
{
	const struct target *t = r->asked;

	*ret_prefixes = t->n_target_prefix;
	for (size_t i = 0; i < t->n_alias_name; i++) {
		const struct alias *a = find_alias(r, t->alias_name[i]);

		if (!a)
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.3: alias-name %.64s was not created by this client",
				t->alias_name[i]);
		if (!has_text(t->alias_name, i, t->alias_name[i]))
			*ret_prefixes += a->n_prefixes;
	}
	return (struct verdict){.code = COAP_204_CHANGED};
}

static bool
check_size(struct reading *r, bool lookups)
{
	const struct cover *to = r->to;
	struct verdict v;

	if (to->fixed.n_target_prefix + to->n_names * NAME_ADDRS_MAX > COVER_PREFIXES_MAX) {
		v = verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.4.1.3: target-prefix, names and aliases: more addresses than "
			"one request may stand for");
		return refuse(r, &v);
	}
	if (!lookups && cover_is_sought(to)) {
		v = verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 11: alias-name: %.80s needs an encrypted, validating resolver "
			"here",
			to->names[0].text);
		return refuse(r, &v);
	}
	return true;
}

struct verdict
cover_read(const struct client *c, const struct alias_source *aliases, const struct target *t,
	bool lookups, struct cover *ret)
{
	struct reading r = {.client = c,
		.aliases = aliases,
		.to = ret,
		.asked = t,
		.verdict = {.code = COAP_204_CHANGED}};
	struct target *fixed = &ret->fixed;
	size_t prefixes;
	struct verdict v;

	*ret = (struct cover){.arena = arena_new()};
	v = check_aliases(&r, &prefixes);
	if (!verdict_ok(&v))
		return v;
	fixed->target_prefix = arena_alloc(ret->arena, prefixes + 1, sizeof(struct prefix));
	fixed->target_port_range =
		arena_alloc(ret->arena, COVER_PORTS_MAX, sizeof(struct port_range));
	fixed->target_protocol = arena_alloc(ret->arena, UINT8_MAX + 1, sizeof(uint64_t));
	ret->names = arena_alloc(ret->arena, (size_t)c->limits.names + 1, sizeof(*ret->names));
	if (!read_explicit(&r) || !read_aliases(&r) || !check_size(&r, lookups))
		return r.verdict;
	if (r.all_ports)
		fixed->n_target_port_range = 0;
	if (r.all_protocols)
		fixed->n_target_protocol = 0;
	cover_gather(ret, NULL, NULL);
	return r.verdict;
}

static void *
copy(struct arena *a, const void *list, size_t n, size_t size)
{
	void *to = arena_alloc(a, n + 1, size);

	if (n)
		memcpy(to, list, n * size);
	return to;
}

void
cover_copy(const struct cover *from, struct cover *ret)
{
	const struct target *t = &from->fixed;
	struct arena *a = arena_new();

	*ret = (struct cover){.n_prefixes = from->n_prefixes, .n_names = from->n_names, .arena = a};
	ret->prefixes = copy(a, from->prefixes, from->n_prefixes, sizeof(struct prefix));
	ret->fixed = (struct target){.n_target_prefix = t->n_target_prefix,
		.n_target_port_range = t->n_target_port_range,
		.n_target_protocol = t->n_target_protocol};
	ret->fixed.target_prefix =
		copy(a, t->target_prefix, t->n_target_prefix, sizeof(struct prefix));
	ret->fixed.target_port_range =
		copy(a, t->target_port_range, t->n_target_port_range, sizeof(struct port_range));
	ret->fixed.target_protocol =
		copy(a, t->target_protocol, t->n_target_protocol, sizeof(uint64_t));
	ret->names = name_copy(from->names, from->n_names, a);
}

/* ---- what was found out ---- */

bool
cover_is_sought(const struct cover *cv)
{
	for (size_t i = 0; i < cv->n_names; i++)
		if (cv->names[i].state == NAME_SOUGHT)
			return true;
	return false;
}

bool
cover_seeks(const struct cover *cv, const char *host)
{
	for (size_t i = 0; i < cv->n_names; i++)
		if (!strcmp(cv->names[i].host, host))
			return true;
	return false;
}

/* Into a new arena: it is learned anew as long as the request stands. */
bool
cover_learn(struct cover *cv, const char *host, const struct name_answer *answer)
{
	struct cover now;
	bool changed = false;

	cover_copy(cv, &now);
	for (size_t i = 0; i < now.n_names; i++)
		if (!strcmp(now.names[i].host, host))
			changed |= name_learn(&now.names[i], answer, now.arena);
	if (!changed) {
		cover_finish(&now);
		return false;
	}
	cover_finish(cv);
	*cv = now;
	return true;
}

static bool
may_ask(const struct client *c, const struct prefix *p)
{
	struct verdict v = {.code = COAP_400_BAD_REQUEST};

	if (c)
		v = client_authorises(c, p, 1);
	return verdict_ok(&v);
}

static const char *
field_of(const struct name *n)
{
	return n->uri ? "target-uri" : "target-fqdn";
}

static struct verdict
check_name(const struct name *n, const struct client *c)
{
	char text[PREFIX_TEXT_MAX];
	struct verdict v;

	if (n->state == NAME_NONE)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.1: %s %.80s has no address",
			field_of(n), n->text);
	for (size_t i = 0; i < n->n_addresses; i++)
		if (!may_ask(c, &n->addresses[i]))
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9132 4.4.1.1: %s %.64s has the address %s, outside what this "
				"client may ask for",
				field_of(n), n->text, prefix_format(&n->addresses[i], text));
	if (n->state == NAME_KNOWN)
		return (struct verdict){.code = COAP_204_CHANGED};
	v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
		"RFC 9132 4.4.1.1: %s %.64s cannot be looked up at present", field_of(n), n->text);
	v.max_age = RETRY_LOOKUP_S;
	return v;
}

struct verdict
cover_check(const struct cover *cv, const struct client *c)
{
	struct verdict worst = {.code = COAP_204_CHANGED};

	for (size_t i = 0; i < cv->n_names; i++) {
		struct verdict v = check_name(&cv->names[i], c);

		if (v.code == COAP_400_BAD_REQUEST)
			return v;
		if (!verdict_ok(&v))
			worst = v;
	}
	return worst;
}

static size_t
count_addresses(const struct cover *cv)
{
	size_t n = 0;

	for (size_t i = 0; i < cv->n_names; i++)
		n += cv->names[i].n_addresses;
	return n;
}

bool
cover_has(const struct cover *cv, const struct prefix *p)
{
	for (size_t i = 0; i < cv->n_prefixes; i++)
		if (prefix_equal(&cv->prefixes[i], p))
			return true;
	return false;
}

const char *
cover_gather(struct cover *cv, const struct client *c, struct prefix *ret_foreign)
{
	const struct target *t = &cv->fixed;
	const char *foreign = NULL;

	cv->prefixes = arena_alloc(
		cv->arena, t->n_target_prefix + count_addresses(cv) + 1, sizeof(struct prefix));
	cv->n_prefixes = 0;
	for (size_t i = 0; i < t->n_target_prefix; i++)
		cv->prefixes[cv->n_prefixes++] = t->target_prefix[i];
	for (size_t i = 0; i < cv->n_names; i++)
		for (size_t k = 0; k < cv->names[i].n_addresses; k++) {
			const struct prefix *p = &cv->names[i].addresses[k];

			if (c && !may_ask(c, p)) {
				foreign = cv->names[i].text;
				*ret_foreign = *p;
			} else if (c && !cover_has(cv, p)) {
				cv->prefixes[cv->n_prefixes++] = *p;
			}
		}
	return foreign;
}
