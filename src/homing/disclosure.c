#include "homing/disclosure.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "homing/nat.h"
#include "homing/plan.h"

/* ---- names ---- */

static const struct consent *
consent_of(const struct homing *h, const char *from, const char *to)
{
	for (size_t i = 0; i < h->n_consents; i++)
		if (h->consents[i].what & CONSENT_NAMES && !strcmp(h->consents[i].from, from) &&
			!strcmp(h->consents[i].to, to))
			return &h->consents[i];
	return NULL;
}

/* Each domain that an address belongs to has to have agreed. */
static const struct consent *
consent_for(const struct homing *h, const struct prefix *address, const char *to)
{
	const struct owner *o = trie_longest(h->owners, address, NULL);
	const struct consent *first = NULL;

	for (size_t i = 0; o && o->kind == OWNER_DOMAINS && i < o->n_domains; i++) {
		const struct consent *c = consent_of(h, h->domains[o->domains[i]].name, to);

		if (!c)
			return NULL;
		first = first ? first : c;
	}
	return first;
}

/* A URI with an address of ours from inside a NAT in it: its text would tell that, whatever it is
 * outside (M15, RFC 9132 3). */
static bool
shows_inside(const struct homing *h, uint32_t domain, const struct name *n, struct prefix *ret)
{
	struct target one = {.target_prefix = ret, .n_target_prefix = 1};

	return prefix_parse(n->host, ret) == 0 && nat_is_internal(h, ret) &&
	       !plan_domain_may_hold(h, domain, &one);
}

struct disclosure_verdict
disclosure_of_name_to(const struct homing *h, uint32_t domain, const struct name *n)
{
	struct disclosure_verdict v = {.rule = DISCLOSURE_OWN};
	size_t own = 0;

	if (n->state != NAME_KNOWN || !n->whole)
		return (struct disclosure_verdict){.rule = DISCLOSURE_UNSURE};
	if (shows_inside(h, domain, n, &v.foreign)) {
		v.rule = DISCLOSURE_FOREIGN;
		return v;
	}
	for (size_t i = 0; i < n->n_addresses; i++) {
		struct target one = {.target_prefix = &n->addresses[i], .n_target_prefix = 1};
		const struct consent *c;

		if (plan_domain_may_hold(h, domain, &one)) {
			own++;
			continue;
		}
		v.foreign = n->addresses[i];
		c = consent_for(h, &n->addresses[i], h->domains[domain].name);
		if (!c) {
			v.rule = DISCLOSURE_FOREIGN;
			return v;
		}
		v.rule = DISCLOSURE_CONSENT;
		v.consent = v.consent ? v.consent : c;
	}
	if (!own) /* nothing of it is asked for there (M3) */
		v.rule = DISCLOSURE_FOREIGN;
	return v;
}

struct disclosure_verdict
disclosure_of_name(const struct homing *h, uint32_t server, const struct name *n)
{
	return disclosure_of_name_to(h, h->servers[server]->domain, n);
}

bool
disclosure_allows(const struct homing *h, uint32_t server, const struct name *n)
{
	struct disclosure_verdict v = disclosure_of_name(h, server, n);

	return v.rule == DISCLOSURE_OWN || v.rule == DISCLOSURE_CONSENT;
}

const char *
disclosure_explain(
	const struct homing *h, uint32_t server, const struct disclosure_verdict *v, char *buf)
{
	const char *domain = h->domains[h->servers[server]->domain].name;
	char foreign[PREFIX_TEXT_MAX];

	switch (v->rule) {
	case DISCLOSURE_OWN:
		snprintf(buf, DISCLOSURE_TEXT_MAX, "all its addresses belong to %.64s", domain);
		break;
	case DISCLOSURE_CONSENT:
		snprintf(buf, DISCLOSURE_TEXT_MAX,
			"%s does not belong to %.64s, but %.64s may be told: granted by %.64s, %s",
			prefix_format(&v->foreign, foreign), domain, domain, v->consent->granted_by,
			v->consent->at);
		break;
	case DISCLOSURE_FOREIGN:
		snprintf(buf, DISCLOSURE_TEXT_MAX,
			"%s does not belong to %.64s: it gets its own addresses only",
			prefix_format(&v->foreign, foreign), domain);
		break;
	case DISCLOSURE_UNSURE:
		snprintf(buf, DISCLOSURE_TEXT_MAX,
			"not all its addresses are known: %.64s gets its own ones only", domain);
		break;
	}
	return buf;
}

char *
disclosure_consent_text(const struct consent *c)
{
	return c ? mem_printf("%s to %s, granted by %s, %s", c->from, c->to, c->granted_by, c->at)
		 : NULL;
}

/* ---- requests ---- */

static void
take_prefixes(const struct homing *h, uint32_t domain, const struct target *t, struct arena *a,
	struct disclosure *ret)
{
	if (plan_domain_may_hold(h, domain, t)) {
		ret->prefixes = t->n_target_prefix;
		return;
	}
	ret->target.target_prefix = arena_alloc(a, t->n_target_prefix, sizeof(struct prefix));
	for (size_t i = 0; i < t->n_target_prefix; i++) {
		struct target one = {.target_prefix = &t->target_prefix[i], .n_target_prefix = 1};

		if (plan_domain_may_hold(h, domain, &one))
			ret->target.target_prefix[ret->prefixes++] = t->target_prefix[i];
	}
	ret->target.n_target_prefix = ret->prefixes;
	ret->withheld_prefixes = t->n_target_prefix - ret->prefixes;
}

static void
take_name(struct disclosure *d, const struct name *n, const struct consent *consent)
{
	char *text = (char *)(uintptr_t)n->text; /* read only, as all of what is sent */

	if (n->uri)
		d->target.target_uri[d->target.n_target_uri++] = text;
	else
		d->target.target_fqdn[d->target.n_target_fqdn++] = text;
	d->names++;
	d->consent = d->consent ? d->consent : consent;
}

void
disclosure_gate_to(const struct homing *h, uint32_t domain, const struct target *t,
	const struct name *names, size_t n_names, struct arena *a, struct disclosure *ret)
{
	*ret = (struct disclosure){.target = *t};
	take_prefixes(h, domain, t, a, ret);
	ret->target.target_fqdn = arena_alloc(a, n_names + 1, sizeof(char *));
	ret->target.target_uri = arena_alloc(a, n_names + 1, sizeof(char *));
	ret->target.n_target_fqdn = ret->target.n_target_uri = 0;
	ret->target.n_alias_name = 0; /* aliases are the data channel's */
	for (size_t i = 0; i < n_names; i++) {
		struct disclosure_verdict v = disclosure_of_name_to(h, domain, &names[i]);

		if (v.rule == DISCLOSURE_OWN || v.rule == DISCLOSURE_CONSENT)
			take_name(ret, &names[i], v.consent);
		else
			ret->withheld_names++;
	}
}

void
disclosure_gate(const struct homing *h, uint32_t server, const struct target *t,
	const struct name *names, size_t n_names, struct arena *a, struct disclosure *ret)
{
	disclosure_gate_to(h, h->servers[server]->domain, t, names, n_names, a, ret);
}
