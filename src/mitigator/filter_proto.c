#include "mitigator/filter_proto.h"

#include <ctype.h>
#include <net/if.h>
#include <string.h>

/* ---- encoding ---- */

static void
put_text(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	buf_u16(out, (uint16_t)len);
	buf_bytes(out, s, len);
}

static void
put_addr(struct buf *out, const struct addr *a)
{
	buf_u8(out, a->family);
	buf_bytes(out, a->bytes, a->family == 4 ? 4 : a->family == 6 ? 16 : 0);
}

static void
put_prefix(struct buf *out, const struct prefix *p)
{
	put_addr(out, &p->addr);
	buf_u8(out, p->len);
}

static void
put_filter(struct buf *out, const struct filter *f)
{
	buf_u64(out, f->id);
	put_text(out, f->client);
	buf_u8(out, (uint8_t)f->action.kind);
	buf_u8(out, (uint8_t)f->action.unit);
	buf_u64(out, f->action.rate);
	buf_u32(out, (uint32_t)f->n_prefixes);
	for (size_t i = 0; i < f->n_prefixes; i++)
		put_prefix(out, &f->prefixes[i]);
	buf_u16(out, (uint16_t)f->n_protocols);
	buf_bytes(out, f->protocols, f->n_protocols);
	buf_u16(out, (uint16_t)f->n_ports);
	for (size_t i = 0; i < f->n_ports; i++) {
		buf_u16(out, f->ports[i].lower);
		buf_u16(out, f->ports[i].upper);
	}
}

static void
put_endpoint(struct buf *out, const struct endpoint *e)
{
	put_addr(out, &e->addr);
	buf_u16(out, e->port);
}

static void
put_flows(struct buf *out, const struct filter_flows *f)
{
	put_text(out, f->client);
	buf_u32(out, (uint32_t)f->n);
	for (size_t i = 0; i < f->n; i++) {
		buf_u8(out, (uint8_t)f->flows[i].protocol);
		put_endpoint(out, &f->flows[i].server);
		put_endpoint(out, &f->flows[i].client);
	}
}

/* What of a rule is there. */
enum { RULE_ACCEPT = 1, RULE_FRAGMENT = 2, RULE_FLAGS = 4, RULE_ALL = 7 };
/* Of an operator. */
enum { BITS_NOT = 1, BITS_ANY = 2, BITS_ALL = 3 };

static void
put_acl_ports(struct buf *out, const struct acl_ports *p)
{
	buf_u16(out, p->lower);
	buf_u16(out, p->upper);
	buf_u8(out, p->not );
}

static void
put_acl_bits(struct buf *out, const struct acl_bits *b)
{
	buf_u16(out, b->bits);
	buf_u8(out, (b->not ? BITS_NOT : 0) | (b->any ? BITS_ANY : 0));
}

static void
put_rule(struct buf *out, const struct acl_rule *r)
{
	buf_u64(out, r->id);
	buf_u8(out, r->family);
	buf_u8(out, (uint8_t)r->l4);
	buf_u8(out, (r->accept ? RULE_ACCEPT : 0) | (r->has_fragment ? RULE_FRAGMENT : 0) |
			    (r->has_flags ? RULE_FLAGS : 0));
	buf_u64(out, r->rate);
	buf_u32(out, r->has);
	for (unsigned i = 0; i < ACL_FIELDS; i++)
		if (r->has & 1u << i)
			buf_u32(out, r->values[i]);
	put_prefix(out, &r->source);
	put_prefix(out, &r->destination);
	put_acl_ports(out, &r->source_ports);
	put_acl_ports(out, &r->destination_ports);
	if (r->has_fragment)
		put_acl_bits(out, &r->fragment);
	if (r->has_flags)
		put_acl_bits(out, &r->flags);
}

static void
put_acls(struct buf *out, const struct acl_set *s)
{
	put_text(out, s->client);
	buf_u32(out, (uint32_t)s->n_scope);
	for (size_t i = 0; i < s->n_scope; i++)
		put_prefix(out, &s->scope[i]);
	buf_u32(out, (uint32_t)s->n_rules);
	for (size_t i = 0; i < s->n_rules; i++)
		put_rule(out, &s->rules[i]);
}

static void
put_values(struct buf *out, const struct filter_value *values, size_t n)
{
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_u64(out, values[i].id);
		buf_u64(out, values[i].packets);
		buf_u64(out, values[i].bytes);
	}
}

static void
put_commit(struct buf *out, const struct filter_msg *m)
{
	buf_u32(out, (uint32_t)m->n_removed);
	for (size_t i = 0; i < m->n_removed; i++)
		buf_u64(out, m->removed[i]);
	buf_u32(out, (uint32_t)m->n_added);
	for (size_t i = 0; i < m->n_added; i++)
		put_filter(out, &m->added[i]);
	buf_u32(out, (uint32_t)m->n_flows);
	for (size_t i = 0; i < m->n_flows; i++)
		put_flows(out, &m->flows[i]);
	buf_u32(out, (uint32_t)m->n_acls);
	for (size_t i = 0; i < m->n_acls; i++)
		put_acls(out, &m->acls[i]);
}

void
filter_proto_encode(const struct filter_msg *m, struct buf *out)
{
	buf_u8(out, (uint8_t)m->op);
	switch (m->op) {
	case FILTER_OP_HELLO:
		buf_u8(out, m->version);
		put_text(out, m->instance);
		break;
	case FILTER_OP_SYNC:
	case FILTER_OP_COMMIT:
		put_commit(out, m);
		break;
	case FILTER_OP_COUNTERS:
		break;
	case FILTER_OP_DHCP_SOCKET:
		buf_u8(out, m->family);
		put_text(out, m->interface);
		break;
	case FILTER_OP_SOCKET:
		put_text(out, m->error);
		break;
	case FILTER_OP_DONE:
		put_text(out, m->error);
		buf_u32(out, m->kept);
		buf_u32(out, m->n_new);
		buf_u32(out, m->gone);
		break;
	case FILTER_OP_VALUES:
		put_values(out, m->values, m->n_values);
		put_values(out, m->rules, m->n_rules);
		break;
	}
}

/* What this commit takes besides its four counts. */
static size_t
size_of(const struct filter_msg *commit)
{
	struct buf out;
	size_t len;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	put_commit(&out, commit);
	len = out.len - 4 * sizeof(uint32_t);
	buf_finish(&out);
	return len;
}

size_t
filter_proto_size(const struct filter *f)
{
	struct filter copy = *f;

	return size_of(&(struct filter_msg){.added = &copy, .n_added = 1});
}

size_t
filter_proto_flows_size(const struct filter_flows *f)
{
	struct filter_flows copy = *f;

	return size_of(&(struct filter_msg){.flows = &copy, .n_flows = 1});
}

size_t
filter_proto_acls_size(const struct acl_set *s)
{
	struct acl_set copy = *s;

	return size_of(&(struct filter_msg){.acls = &copy, .n_acls = 1});
}

/* ---- decoding: the first reason wins ---- */

struct decoding {
	struct reader r;
	struct arena *arena;
	const char *why;
};

static void
fail(struct decoding *d, const char *why)
{
	if (!d->why)
		d->why = why;
	d->r.failed = true;
}

/* A count within its limit and within what the bytes that are left could hold. */
static size_t
get_count(struct decoding *d, size_t n, size_t limit, size_t least_size)
{
	if (n > limit || n * least_size > reader_left(&d->r)) {
		fail(d, "a count is out of range");
		return 0;
	}
	return n;
}

static const char *
get_text(struct decoding *d, size_t most)
{
	size_t len = reader_u16(&d->r);
	const uint8_t *p = reader_bytes(&d->r, len);

	if (!p || len > most || memchr(p, 0, len)) {
		fail(d, "a text is too long or broken");
		return "";
	}
	return arena_text(d->arena, (const char *)p, len);
}

static struct addr
get_addr(struct decoding *d, bool may_be_none)
{
	struct addr a = {.family = reader_u8(&d->r)};
	size_t len = a.family == 4 ? 4 : a.family == 6 ? 16 : 0;
	const uint8_t *p = reader_bytes(&d->r, len);

	if (!p || (!len && (a.family || !may_be_none))) {
		fail(d, "an address has no known family");
		return (struct addr){0};
	}
	memcpy(a.bytes, p, len);
	return a;
}

static struct prefix
get_prefix(struct decoding *d, bool may_be_none)
{
	struct addr a = get_addr(d, may_be_none);
	unsigned len = reader_u8(&d->r);
	struct prefix p;

	if (d->r.failed || len > (a.family ? addr_bits(&a) : 0)) {
		fail(d, "a prefix length is out of range");
		return (struct prefix){0};
	}
	p = prefix_of(&a, len);
	if (!addr_equal(&p.addr, &a))
		fail(d, "a prefix has host bits");
	return p;
}

static void
get_action(struct decoding *d, struct filter_action *a)
{
	unsigned kind = reader_u8(&d->r), unit = reader_u8(&d->r);

	a->rate = reader_u64(&d->r);
	if (kind > ACTION_OBSERVE || unit > RATE_BYTES ||
		((kind == ACTION_LIMIT || kind == ACTION_LIMIT_PER_SOURCE) &&
			(!a->rate || a->rate > UINT32_MAX)))
		fail(d, "an action is out of range");
	a->kind = kind;
	a->unit = unit;
}

static void
get_ports(struct decoding *d, struct filter *f)
{
	struct filter_ports *ports;

	f->n_ports = get_count(d, reader_u16(&d->r), FILTER_PROTO_PORTS_MAX, 4);
	ports = arena_alloc(d->arena, f->n_ports, sizeof(*ports));
	for (size_t i = 0; i < f->n_ports; i++) {
		ports[i].lower = reader_u16(&d->r);
		ports[i].upper = reader_u16(&d->r);
		if (ports[i].upper < ports[i].lower)
			fail(d, "a port range is reversed");
	}
	f->ports = ports;
}

static void
get_filter(struct decoding *d, struct filter *f)
{
	struct prefix *prefixes;
	const uint8_t *protocols;

	f->id = reader_u64(&d->r);
	f->client = get_text(d, FILTER_PROTO_NAME_MAX);
	get_action(d, &f->action);
	f->n_prefixes = get_count(d, reader_u32(&d->r), FILTER_PROTO_PREFIXES_MAX, 6);
	if (!f->id || !*f->client || !f->n_prefixes)
		fail(d, "a filter without id, client or prefix");
	prefixes = arena_alloc(d->arena, f->n_prefixes, sizeof(*prefixes));
	for (size_t i = 0; i < f->n_prefixes; i++)
		prefixes[i] = get_prefix(d, false);
	f->prefixes = prefixes;
	f->n_protocols = get_count(d, reader_u16(&d->r), 256, 1);
	protocols = reader_bytes(&d->r, f->n_protocols);
	f->protocols = (const uint8_t *)arena_text(
		d->arena, protocols ? (const char *)protocols : "", protocols ? f->n_protocols : 0);
	get_ports(d, f);
}

static void
get_flows(struct decoding *d, struct filter_flows *f)
{
	f->client = get_text(d, FILTER_PROTO_NAME_MAX);
	f->n = get_count(d, reader_u32(&d->r), FILTER_PROTO_FLOWS_MAX, 11);
	f->flows = arena_alloc(d->arena, f->n, sizeof(*f->flows));
	for (size_t i = 0; i < f->n && !d->r.failed; i++) {
		struct flow *w = &f->flows[i];
		unsigned protocol = reader_u8(&d->r);

		if (protocol != FLOW_TCP && protocol != FLOW_UDP)
			fail(d, "a flow of a protocol that DOTS does not use");
		w->protocol = protocol;
		w->server.addr = get_addr(d, false);
		w->server.port = reader_u16(&d->r);
		w->client.addr = get_addr(d, true);
		w->client.port = reader_u16(&d->r);
		if (w->client.addr.family && w->client.addr.family != w->server.addr.family)
			fail(d, "a flow has two families");
	}
}

/* ---- decoding: ACLs ---- */

/* Bits that have no meaning, or something that is not the only way to say it. */
static unsigned
get_bits(struct decoding *d, unsigned known)
{
	unsigned bits = reader_u8(&d->r);

	if (bits & ~known)
		fail(d, "an unknown bit");
	return bits;
}

static struct acl_ports
get_acl_ports(struct decoding *d)
{
	struct acl_ports p = {.lower = reader_u16(&d->r), .upper = reader_u16(&d->r)};

	p.not = get_bits(d, 1);
	return p;
}

static struct acl_bits
get_acl_bits(struct decoding *d)
{
	struct acl_bits b = {.bits = reader_u16(&d->r)};
	unsigned how = get_bits(d, BITS_ALL);

	b.not = how & BITS_NOT;
	b.any = how & BITS_ANY;
	return b;
}

static void
get_rule(struct decoding *d, struct acl_rule *r)
{
	const char *why;
	unsigned what;

	r->id = reader_u64(&d->r);
	r->family = reader_u8(&d->r);
	r->l4 = reader_u8(&d->r);
	what = get_bits(d, RULE_ALL);
	r->accept = what & RULE_ACCEPT;
	r->has_fragment = what & RULE_FRAGMENT;
	r->has_flags = what & RULE_FLAGS;
	r->rate = reader_u64(&d->r);
	r->has = reader_u32(&d->r);
	for (unsigned i = 0; i < ACL_FIELDS; i++)
		if (r->has & 1u << i)
			r->values[i] = reader_u32(&d->r);
	r->source = get_prefix(d, true);
	r->destination = get_prefix(d, true);
	r->source_ports = get_acl_ports(d);
	r->destination_ports = get_acl_ports(d);
	if (r->has_fragment)
		r->fragment = get_acl_bits(d);
	if (r->has_flags)
		r->flags = get_acl_bits(d);
	why = r->id ? acl_rule_check(r) : "a rule without id";
	if (why)
		fail(d, why);
}

/* A rule without destination is for all of the scope, and the others lie in it. */
static void
check_scope(struct decoding *d, const struct acl_set *s)
{
	for (size_t i = 0; i < s->n_rules && !d->r.failed; i++) {
		const struct prefix *to = &s->rules[i].destination;
		bool within = !to->addr.family;

		for (size_t k = 0; k < s->n_scope && !within; k++)
			within = prefix_contains(&s->scope[k], to);
		if (!within)
			fail(d, "a destination outside the scope");
	}
}

static void
get_acls(struct decoding *d, struct acl_set *s)
{
	struct prefix *scope;
	struct acl_rule *rules;

	s->client = get_text(d, FILTER_PROTO_NAME_MAX);
	if (!*s->client)
		fail(d, "ACLs without client");
	s->n_scope = get_count(d, reader_u32(&d->r), FILTER_PROTO_ACL_SCOPE_MAX, 6);
	s->scope = scope = arena_alloc(d->arena, s->n_scope, sizeof(*scope));
	for (size_t i = 0; i < s->n_scope; i++)
		scope[i] = get_prefix(d, false);
	s->n_rules = get_count(d, reader_u32(&d->r), FILTER_PROTO_ACL_RULES_MAX, 37);
	s->rules = rules = arena_alloc(d->arena, s->n_rules, sizeof(*rules));
	for (size_t i = 0; i < s->n_rules && !d->r.failed; i++)
		get_rule(d, &rules[i]);
	check_scope(d, s);
}

static void
get_commit(struct decoding *d, struct filter_msg *m)
{
	m->n_removed = get_count(d, reader_u32(&d->r), FILTER_PROTO_FILTERS_MAX, 8);
	m->removed = arena_alloc(d->arena, m->n_removed, sizeof(*m->removed));
	for (size_t i = 0; i < m->n_removed; i++)
		m->removed[i] = reader_u64(&d->r);
	m->n_added = get_count(d, reader_u32(&d->r), FILTER_PROTO_FILTERS_MAX, 32);
	m->added = arena_alloc(d->arena, m->n_added, sizeof(*m->added));
	for (size_t i = 0; i < m->n_added && !d->r.failed; i++)
		get_filter(d, &m->added[i]);
	m->n_flows = get_count(d, reader_u32(&d->r), FILTER_PROTO_FILTERS_MAX, 6);
	m->flows = arena_alloc(d->arena, m->n_flows, sizeof(*m->flows));
	for (size_t i = 0; i < m->n_flows && !d->r.failed; i++)
		get_flows(d, &m->flows[i]);
	m->n_acls = get_count(d, reader_u32(&d->r), FILTER_PROTO_ACL_SETS_MAX, 10);
	m->acls = arena_alloc(d->arena, m->n_acls, sizeof(*m->acls));
	for (size_t i = 0; i < m->n_acls && !d->r.failed; i++)
		get_acls(d, &m->acls[i]);
}

static size_t
get_values(struct decoding *d, size_t limit, struct filter_value **ret)
{
	size_t n = get_count(d, reader_u32(&d->r), limit, 24);

	*ret = arena_alloc(d->arena, n, sizeof(**ret));
	for (size_t i = 0; i < n; i++) {
		(*ret)[i].id = reader_u64(&d->r);
		(*ret)[i].packets = reader_u64(&d->r);
		(*ret)[i].bytes = reader_u64(&d->r);
	}
	return n;
}

static void
get_dhcp_socket(struct decoding *d, struct filter_msg *m)
{
	m->family = reader_u8(&d->r);
	m->interface = get_text(d, IFNAMSIZ - 1);
	if (m->family != 4 && m->family != 6)
		fail(d, "a socket of no known family");
	if (!filter_proto_interface_ok(m->interface))
		fail(d, "no name of an interface");
}

const char *
filter_proto_decode(struct arena *a, const uint8_t *bytes, size_t len, struct filter_msg *ret)
{
	struct decoding d = {.r = reader_of(bytes, len), .arena = a};

	*ret = (struct filter_msg){.op = reader_u8(&d.r)};
	switch (ret->op) {
	case FILTER_OP_HELLO:
		ret->version = reader_u8(&d.r);
		ret->instance = get_text(&d, FILTER_PROTO_INSTANCE_MAX);
		break;
	case FILTER_OP_SYNC:
	case FILTER_OP_COMMIT:
		get_commit(&d, ret);
		break;
	case FILTER_OP_COUNTERS:
		break;
	case FILTER_OP_DHCP_SOCKET:
		get_dhcp_socket(&d, ret);
		break;
	case FILTER_OP_SOCKET:
		ret->error = get_text(&d, 1024);
		break;
	case FILTER_OP_DONE:
		ret->error = get_text(&d, 1024);
		ret->kept = reader_u32(&d.r);
		ret->n_new = reader_u32(&d.r);
		ret->gone = reader_u32(&d.r);
		break;
	case FILTER_OP_VALUES:
		ret->n_values = get_values(&d, FILTER_PROTO_FILTERS_MAX, &ret->values);
		ret->n_rules = get_values(&d, FILTER_PROTO_RULES_MAX, &ret->rules);
		break;
	default:
		fail(&d, "an unknown operation");
	}
	if (d.why)
		return d.why;
	if (d.r.failed)
		return "truncated";
	return reader_left(&d.r) ? "bytes after the end" : NULL;
}

/* What the other end would say of it. */
static const char *
check(const struct filter_msg *m)
{
	struct arena *a = arena_new();
	struct filter_msg back;
	struct buf out;
	const char *why;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(m, &out);
	why = out.failed ? "too long" : filter_proto_decode(a, out.bytes, out.len, &back);
	buf_finish(&out);
	arena_free(a);
	return why;
}

const char *
filter_proto_check(const struct filter *f)
{
	struct filter copy = *f;

	return check(&(struct filter_msg){.op = FILTER_OP_COMMIT, .added = &copy, .n_added = 1});
}

const char *
filter_proto_check_acls(const struct acl_set *s)
{
	struct acl_set copy = *s;

	return check(&(struct filter_msg){.op = FILTER_OP_COMMIT, .acls = &copy, .n_acls = 1});
}

/* ---- copies ---- */

static void *
copied(struct arena *a, const void *list, size_t n, size_t size)
{
	void *p = arena_alloc(a, n, size);

	if (n)
		memcpy(p, list, n * size);
	return p;
}

struct filter
filter_proto_copy(struct arena *a, const struct filter *f)
{
	struct filter c = *f;

	c.client = arena_text(a, f->client, strlen(f->client));
	c.prefixes = copied(a, f->prefixes, f->n_prefixes, sizeof(*f->prefixes));
	c.protocols = copied(a, f->protocols, f->n_protocols, sizeof(*f->protocols));
	c.ports = copied(a, f->ports, f->n_ports, sizeof(*f->ports));
	return c;
}

struct acl_set
filter_proto_copy_acls(struct arena *a, const struct acl_set *s)
{
	struct acl_set c = *s;

	c.client = arena_text(a, s->client, strlen(s->client));
	c.scope = copied(a, s->scope, s->n_scope, sizeof(*s->scope));
	c.rules = copied(a, s->rules, s->n_rules, sizeof(*s->rules));
	return c;
}

/* ---- names ---- */

bool
filter_proto_instance_ok(const char *instance)
{
	size_t len = strspn(instance, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len <= FILTER_PROTO_INSTANCE_MAX && !instance[len];
}

bool
filter_proto_interface_ok(const char *interface)
{
	size_t len = strlen(interface);

	for (size_t i = 0; i < len; i++)
		if (interface[i] == '/' || interface[i] == ':' ||
			isspace((unsigned char)interface[i]))
			return false;
	return len > 0 && len < IFNAMSIZ && strcmp(interface, ".") != 0 &&
	       strcmp(interface, "..") != 0;
}
