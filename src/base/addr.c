/*
 * Addresses, prefixes, endpoints.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned
addr_bits(const struct addr *a)
{
	return a->family == 4 ? 32 : 128;
}

static unsigned
addr_len(const struct addr *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

int
addr_parse(const char *text, struct addr *ret)
{
	struct addr a = {0};

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.family = 6;
	else
		return -EINVAL;
	*ret = a;
	return 0;
}

/* Below 1000; returns where it ends. Every answer has addresses in it. */
static char *
put_number(char *at, unsigned v)
{
	if (v >= 100)
		*at++ = (char)('0' + v / 100);
	if (v >= 10)
		*at++ = (char)('0' + v / 10 % 10);
	*at++ = (char)('0' + v % 10);
	return at;
}

char *
addr_format(const struct addr *a, char *buf)
{
	if (a->family == 4) {
		char *at = buf;

		for (int i = 0; i < 4; i++) {
			at = put_number(at, a->bytes[i]);
			*at++ = i < 3 ? '.' : '\0';
		}
	} else if (!a->family || !inet_ntop(AF_INET6, a->bytes, buf, ADDR_TEXT_MAX)) {
		memcpy(buf, "-", 2);
	}
	return buf;
}

int
addr_compare(const struct addr *a, const struct addr *b)
{
	return a->family != b->family ? (a->family < b->family ? -1 : 1)
				      : memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

bool
addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == 4 ? a->bytes[0] == 127 : a->family == 6 && !memcmp(a->bytes, one, 16);
}

bool
addr_is_multicast(const struct addr *a)
{
	return a->family == 4 ? (a->bytes[0] & 0xf0) == 0xe0
			      : a->family == 6 && a->bytes[0] == 0xff;
}

bool
addr_is_link_local(const struct addr *a)
{
	return a->family == 4
		       ? a->bytes[0] == 169 && a->bytes[1] == 254
		       : a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool
addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	return !memcmp(a->bytes, zero, 16);
}

static void
clear_host_bits(struct prefix *p)
{
	unsigned len = p->len;

	for (unsigned i = 0; i < addr_len(&p->addr); i++) {
		if (len < 8)
			p->addr.bytes[i] &= (uint8_t)(0xff00 >> len);
		len -= len < 8 ? len : 8;
	}
}

struct prefix
prefix_of(const struct addr *a, unsigned len)
{
	struct prefix p = {.addr = *a, .len = (uint8_t)len};

	assert(len <= addr_bits(a));
	clear_host_bits(&p);
	return p;
}

int
prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	char addr[ADDR_TEXT_MAX];
	unsigned len = 0;
	struct addr a;

	if (strlen(text) >= PREFIX_TEXT_MAX || (slash && (size_t)(slash - text) >= sizeof(addr)))
		return -EINVAL;
	snprintf(addr, sizeof(addr), "%.*s", slash ? (int)(slash - text) : ADDR_TEXT_MAX - 1, text);
	if (addr_parse(addr, &a) != 0)
		return -EINVAL;
	if (!slash) {
		*ret = prefix_of(&a, addr_bits(&a));
		return 0;
	}
	if (!slash[1] || strlen(slash + 1) > 3 || (slash[1] == '0' && slash[2]))
		return -EINVAL;
	for (const char *s = slash + 1; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		len = len * 10 + (unsigned)(*s - '0');
	}
	if (len > addr_bits(&a))
		return -ERANGE;
	*ret = prefix_of(&a, len);
	return 0;
}

char *
prefix_format(const struct prefix *p, char *buf)
{
	char *at = buf + strlen(addr_format(&p->addr, buf));

	*at++ = '/';
	*put_number(at, p->len) = '\0';
	return buf;
}

int
prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int r = addr_compare(&a->addr, &b->addr);

	return r ? r : (int)a->len - (int)b->len;
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_compare(a, b) == 0;
}

bool
prefix_contains_addr(const struct prefix *p, const struct addr *a)
{
	unsigned bytes = p->len / 8, bits = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, bytes) != 0)
		return false;
	return !bits || ((p->addr.bytes[bytes] ^ a->bytes[bytes]) & (0xff00 >> bits) & 0xff) == 0;
}

bool
prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains_addr(outer, &inner->addr);
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

bool
prefix_is_special(const struct prefix *p)
{
	static const struct prefix special[] = {
		{{4, {127}}, 8},                 /* loopback */
		{{4, {224}}, 4},                 /* multicast */
		{{4, {255, 255, 255, 255}}, 32}, /* limited broadcast */
		{{4, {0}}, 32},                  /* unspecified */
		{{6, {[15] = 1}}, 128},          /* loopback */
		{{6, {0}}, 128},                 /* unspecified */
		{{6, {0xff}}, 8},                /* multicast */
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (prefix_overlaps(&special[i], p))
			return true;
	return false;
}

void
prefix_halves(const struct prefix *p, struct prefix ret_half[static 2])
{
	assert(p->len < addr_bits(&p->addr));
	for (int i = 0; i < 2; i++) {
		ret_half[i] = *p;
		ret_half[i].len++;
	}
	ret_half[1].addr.bytes[p->len / 8] |= (uint8_t)(0x80 >> p->len % 8);
}

static int
port_parse(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v == 0 || v > 65535)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

/* "addr" or "addr%interface"; an index means something for link-local addresses only. */
static int
scoped_parse(char *text, struct endpoint *ret)
{
	char *scope = strchr(text, '%');

	if (scope)
		*scope++ = '\0';
	if (addr_parse(text, &ret->addr) != 0)
		return -EINVAL;
	if (!scope)
		return 0;
	if (ret->addr.family != 6 || !addr_is_link_local(&ret->addr))
		return -EINVAL;
	ret->scope_id = if_nametoindex(scope);
	return ret->scope_id ? 0 : -EINVAL;
}

int
endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret)
{
	struct endpoint e = {.port = default_port};
	char copy[ENDPOINT_TEXT_MAX], *addr = copy, *port = NULL, *end;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, strlen(text) + 1);
	if (*copy == '[') {
		end = strchr(++addr, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		port = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else if ((end = strchr(copy, ':')) && !strchr(end + 1, ':')) {
		*end = '\0'; /* one colon: IPv4 and port */
		port = end + 1;
	}
	if (scoped_parse(addr, &e) != 0 || (port && port_parse(port, &e.port) != 0))
		return -EINVAL;
	if (*copy == '[' && e.addr.family != 6)
		return -EINVAL;
	*ret = e;
	return 0;
}

char *
endpoint_format(const struct endpoint *e, char *buf)
{
	char addr[ADDR_TEXT_MAX], name[IF_NAMESIZE] = "";

	addr_format(&e->addr, addr);
	if (e->addr.family != 6)
		snprintf(buf, ENDPOINT_TEXT_MAX, "%s:%u", addr, e->port);
	else if (e->scope_id && if_indextoname(e->scope_id, name))
		snprintf(buf, ENDPOINT_TEXT_MAX, "[%s%%%s]:%u", addr, name, e->port);
	else
		snprintf(buf, ENDPOINT_TEXT_MAX, "[%s]:%u", addr, e->port);
	return buf;
}

bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->scope_id == b->scope_id && addr_equal(&a->addr, &b->addr);
}

socklen_t
endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (e->addr.family == 6) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(e->port);
		sin6->sin6_scope_id = e->scope_id;
		memcpy(&sin6->sin6_addr, e->addr.bytes, 16);
		return sizeof(*sin6);
	}
	struct sockaddr_in *sin = (struct sockaddr_in *)ret;

	sin->sin_family = AF_INET;
	sin->sin_port = htons(e->port);
	memcpy(&sin->sin_addr, e->addr.bytes, 4);
	return sizeof(*sin);
}

int
endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *ret)
{
	struct endpoint e = {0};

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;

		e.addr.family = 4;
		e.port = ntohs(sin->sin_port);
		memcpy(e.addr.bytes, &sin->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr);

		/* A dual-stack socket shows IPv4 peers as mapped addresses. */
		e.addr.family = mapped ? 4 : 6;
		e.port = ntohs(sin6->sin6_port);
		e.scope_id = IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr) ? sin6->sin6_scope_id : 0;
		if (mapped)
			memcpy(e.addr.bytes, sin6->sin6_addr.s6_addr + 12, 4);
		else
			memcpy(e.addr.bytes, &sin6->sin6_addr, 16);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = e;
	return 0;
}
