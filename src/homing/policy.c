#include "homing/policy.h"

#include <string.h>

enum { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

/* Bytes of an IPv6 prefix; what is left out is zero. */
#define ROW(len_, precedence_, label_, ...)                                                        \
	{                                                                                          \
		{{6, {__VA_ARGS__}}, len_}, precedence_, label_                                    \
	}
static const struct policy_row defaults[] = {
	ROW(0, 40, 1, 0),
	ROW(128, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
	ROW(96, 35, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
	ROW(16, 30, 2, 0x20, 0x02),
	ROW(32, 5, 5, 0x20, 0x01),
	ROW(7, 3, 13, 0xfc),
	ROW(96, 1, 3, 0),
	ROW(10, 1, 11, 0xfe, 0xc0),
	ROW(16, 1, 12, 0x3f, 0xfe),
};

static struct addr
mapped(const struct addr *a)
{
	struct addr m = *a;

	if (a->family == 4) {
		m = (struct addr){.family = 6};
		m.bytes[10] = m.bytes[11] = 0xff;
		memcpy(m.bytes + 12, a->bytes, 4);
	}
	return m;
}

struct policy_row
policy_of(const struct policy *p, const struct addr *a)
{
	const struct policy_row *rows = p->n ? p->rows : defaults;
	size_t n = p->n ? p->n : sizeof(defaults) / sizeof(*defaults);
	const struct policy_row *best = NULL;
	struct addr m = mapped(a);

	for (size_t i = 0; i < n; i++)
		if (prefix_contains_addr(&rows[i].prefix, &m) &&
			(!best || rows[i].prefix.len > best->prefix.len))
			best = &rows[i];
	return best ? *best : defaults[0];
}

int
policy_scope(const struct addr *a)
{
	if (a->family == 6 && a->bytes[0] == 0xff)
		return a->bytes[1] & 0xf;
	if (addr_is_loopback(a) || addr_is_link_local(a))
		return SCOPE_LINK;
	if (a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0)
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}

/* Compatible, mapped, and of the well-known prefix of translators (RFC 6052). */
static const struct prefix ipv4_inside[] = {
	{{6, {0}}, 96}, {{6, {[10] = 0xff, [11] = 0xff}}, 96}, {{6, {0, 0x64, 0xff, 0x9b}}, 96}};

bool
policy_ages(const struct addr *a)
{
	bool ages = a->family == 6;

	for (size_t i = 0; i < sizeof(ipv4_inside) / sizeof(*ipv4_inside); i++)
		ages = ages && !prefix_contains_addr(&ipv4_inside[i], a); /* ::1 is in the first */
	return ages;
}

unsigned
policy_common(const struct addr *a, const struct addr *b, unsigned most)
{
	unsigned n = 0;

	while (n < most && !((a->bytes[n / 8] ^ b->bytes[n / 8]) >> (7 - n % 8) & 1))
		n++;
	return n;
}
