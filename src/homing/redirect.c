#include "homing/redirect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the name ---- */

/* The same but for their first labels. What is above the siblings has two labels at least: all of
 * "example" is no provider's. */
static bool
are_siblings(const char *a, const char *b)
{
	const char *above_a = strchr(a, '.'), *above_b = strchr(b, '.');

	return above_a && above_b && strchr(above_a + 1, '.') && !strcasecmp(above_a, above_b);
}

static bool
is_address(const char *name)
{
	struct addr a;

	return addr_parse(name, &a) == 0;
}

static bool
is_server_of(const struct domain *d, const char *name)
{
	for (size_t i = 0; i < d->n_servers; i++)
		if (!strcasecmp(d->servers[i]->name, name))
			return true;
	return false;
}

static bool
is_trusted(const struct domain *d, const struct domain_server *from, const char *name)
{
	if (is_server_of(d, name))
		return true;
	if (d->n_trusted_names)
		return domain_trusts(d, name);
	return !is_address(from->name) && are_siblings(from->name, name);
}

/* A server of that name of another domain; NULL: there is none. */
static const struct domain_server *
other_with_name(const struct homing *h, uint32_t domain, const char *name)
{
	for (size_t i = 0; i < h->n_servers; i++)
		if (h->servers[i]->domain != domain && !strcasecmp(h->servers[i]->name, name))
			return h->servers[i];
	return NULL;
}

const char *
redirect_doubt(const struct homing *h, const struct domain_server *from, const char *name,
	char *why, size_t cap)
{
	const struct domain *d = &h->domains[from->domain];
	const struct domain_server *other = other_with_name(h, from->domain, name);

	if (other) {
		snprintf(why, cap, "it is a server of %.60s", h->domains[other->domain].name);
		return "RFC 9284 5.1";
	}
	if (is_address(name)) {
		snprintf(why, cap, "it is an address, no name");
		return "RFC 9132 4.6";
	}
	if (!is_trusted(d, from, name)) {
		snprintf(why, cap, "it is %s",
			d->n_trusted_names ? "none of the trusted-names"
					   : "no sibling of the configured name, and there are no "
					     "trusted-names");
		return "RFC 8612 SIG-005";
	}
	return NULL;
}

/* ---- the addresses ---- */

static bool
is_foreign(const struct redirect_question *q, const struct addr *a)
{
	const struct homing *h = q->homing;

	for (size_t i = 0; i < h->n_servers; i++)
		for (size_t k = 0; k < h->servers[i]->n_addresses; k++)
			if (h->servers[i]->domain != q->from->domain &&
				addr_equal(&h->servers[i]->addresses[k], a))
				return true;
	for (size_t i = 0; i < q->n_known; i++)
		if (q->known[i].domain != q->from->domain && addr_equal(&q->known[i].addr, a))
			return true;
	return false;
}

static bool
may_be_tried(const struct redirect_question *q, const struct addr *a)
{
	struct prefix one = prefix_of(a, addr_bits(a));

	return !prefix_is_special(&one) && !addr_is_unspecified(a) && !is_foreign(q, a);
}

static bool
has(const struct addr *list, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&list[i], a))
			return true;
	return false;
}

static size_t
count_family(const struct addr *list, size_t n, int family)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += list[i].family == family;
	return count;
}

/* Half of the room for each family, then what is left of it for either. */
size_t
redirect_addresses(const struct redirect_question *q, const struct addr *from, size_t n,
	struct addr ret[static REDIRECT_ADDRESSES_MAX])
{
	size_t taken = 0;

	for (size_t room = REDIRECT_ADDRESSES_MAX / 2; room <= REDIRECT_ADDRESSES_MAX;
		room += REDIRECT_ADDRESSES_MAX / 2)
		for (size_t i = 0; i < n && taken < REDIRECT_ADDRESSES_MAX; i++)
			if (count_family(ret, taken, from[i].family) < room &&
				!has(ret, taken, &from[i]) && may_be_tried(q, &from[i]))
				ret[taken++] = from[i];
	return taken;
}

/* ---- the decision ---- */

static const struct redirect_contact *
contact_of(const struct redirect_question *q, const char *name, bool serves)
{
	for (size_t i = 0; i < q->n_contacts; i++) {
		const struct redirect_contact *c = &q->contacts[i];

		if (!strcasecmp(c->name, name) &&
			(serves ? c->serves : q->now - c->when < REDIRECT_LOOP_MS))
			return c;
	}
	return NULL;
}

__attribute__((format(printf, 3, 4))) static void
refuse(struct redirect_decision *ret, const char *section, const char *fmt, ...)
{
	va_list ap;

	ret->verdict = REDIRECT_REFUSED;
	ret->section = section;
	va_start(ap, fmt);
	vsnprintf(ret->reason, sizeof(ret->reason), fmt, ap);
	va_end(ap);
}

void
redirect_decide(
	const struct redirect_question *q, const struct redirect *r, struct redirect_decision *ret)
{
	static const char section[] = "RFC 9132 4.6";
	const struct redirect_contact *c;
	char why[REDIRECT_WHY_MAX];
	const char *doubt = redirect_doubt(q->homing, q->from, r->server, why, sizeof(why));

	*ret = (struct redirect_decision){.verdict = REDIRECT_FOLLOWED};
	ret->n_addresses = redirect_addresses(q, r->records, r->n_records, ret->addresses);
	c = contact_of(q, r->server, false);
	if (doubt)
		refuse(ret, doubt, "%s", why);
	else if (r->n_records && !ret->n_addresses)
		refuse(ret, "RFC 9284 5.1", "none of its addresses may be asked");
	else if (contact_of(q, r->server, true))
		ret->verdict = REDIRECT_ELSEWHERE;
	else if (c && c->in_vain)
		refuse(ret, section, "it could not be reached within the last five minutes");
	else if (c)
		refuse(ret, section, "a loop: it was spoken with within the last five minutes");
	else if (q->hops >= REDIRECT_HOPS_MAX)
		refuse(ret, section, "it would be the %uth in a row", q->hops + 1);
}
