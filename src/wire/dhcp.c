/*
 * See dhcp.h. A message is walked once for each option of a small table: the instances that count
 * are joined first, then read.
 */
#include "wire/dhcp.h"

#include <string.h>

enum {
	BOOTREQUEST = 1,
	BOOTREPLY = 2,
	ETHERNET = 1,          /* hardware type */
	BOOTP_LEAST = 300,     /* RFC 1542 2.1: relays drop what is shorter */
	DHCP4_SIZE_MAX = 1400, /* of an answer; without it servers keep to 576 (RFC 2132 9.10) */
	MAGIC_COOKIE = 0x63825363,
	AT_XID = 4,
	AT_CHADDR = 28,
	AT_SNAME = 44,
	AT_FILE = 108,
	AT_COOKIE = 236,
	AT_OPTIONS = 240,
	DHCP4_INFORM = 8,
	DHCP4_ACK = 5,
	OVERLOAD_FILE = 1,
	OVERLOAD_SNAME = 2,
	DHCP6_REPLY = 7,
	DHCP6_INFORMATION_REQUEST = 11,
	DUID_LL = 3,
	DUID_LL_LEN = 10,
	REFRESH_DEFAULT_S = 86400, /* RFC 8415 7.6 */
	REFRESH_LEAST_S = 600,
	DNS_PORT = 53,
	LABEL_MAX = 63,
	WIRE_NAME_MAX = 255,
};

enum option4 {
	O4_PAD = 0,
	O4_RESOLVERS = 6,
	O4_DOMAIN = 15,
	O4_LEASE = 51,
	O4_OVERLOAD = 52,
	O4_TYPE = 53,
	O4_REQUEST = 55,
	O4_SIZE = 57,
	O4_SEARCH = 119,
	O4_DOTS_RI = 147,
	O4_DOTS_ADDRESS = 148,
	O4_END = 255,
};

enum option6 {
	O6_CLIENT = 1,
	O6_SERVER = 2,
	O6_REQUEST = 6,
	O6_ELAPSED = 8,
	O6_STATUS = 13,
	O6_RESOLVERS = 23,
	O6_SEARCH = 24,
	O6_REFRESH = 32,
	O6_INF_MAX_RT = 83,
	O6_DOTS_RI = 141,
	O6_DOTS_ADDRESS = 142,
};

/* ---- questions ---- */

static void
put_zeros(struct buf *out, size_t n)
{
	while (n--)
		buf_u8(out, 0);
}

void
dhcp_inform_encode(const struct dhcp_question *q, uint16_t secs, struct buf *out)
{
	/* 8973-5.2.3-01 */
	static const uint8_t wanted[] = {
		O4_DOTS_RI, O4_DOTS_ADDRESS, O4_DOMAIN, O4_RESOLVERS, O4_SEARCH};
	size_t start = out->len;

	buf_u8(out, BOOTREQUEST);
	buf_u8(out, ETHERNET);
	buf_u8(out, q->has_ether ? sizeof(q->ether) : 0);
	buf_u8(out, 0); /* hops */
	buf_u32(out, q->xid);
	buf_u16(out, secs);
	buf_u16(out, 0); /* flags */
	buf_bytes(out, q->client.bytes, 4);
	put_zeros(out, AT_CHADDR - 16); /* yiaddr, siaddr, giaddr */
	buf_bytes(out, q->ether, sizeof(q->ether));
	put_zeros(out, AT_COOKIE - AT_CHADDR - sizeof(q->ether));
	buf_u32(out, MAGIC_COOKIE);
	buf_u8(out, O4_TYPE);
	buf_u8(out, 1);
	buf_u8(out, DHCP4_INFORM);
	buf_u8(out, O4_SIZE);
	buf_u8(out, 2);
	buf_u16(out, DHCP4_SIZE_MAX);
	buf_u8(out, O4_REQUEST);
	buf_u8(out, sizeof(wanted));
	buf_bytes(out, wanted, sizeof(wanted));
	buf_u8(out, O4_END);
	if (out->len - start < BOOTP_LEAST)
		put_zeros(out, BOOTP_LEAST - (out->len - start));
}

static void
make_duid(const struct dhcp_question *q, uint8_t ret[static DUID_LL_LEN])
{
	memcpy(ret, (const uint8_t[]){0, DUID_LL, 0, ETHERNET}, 4);
	memcpy(ret + 4, q->ether, sizeof(q->ether));
}

void
dhcp_information_request_encode(const struct dhcp_question *q, uint16_t centisecs, struct buf *out)
{
	/* 8973-5.1.3-01; the last two are a MUST of RFC 8415 18.2.6. */
	static const uint16_t wanted[] = {
		O6_DOTS_RI, O6_DOTS_ADDRESS, O6_RESOLVERS, O6_SEARCH, O6_REFRESH, O6_INF_MAX_RT};
	uint8_t duid[DUID_LL_LEN];

	buf_u32(out, (uint32_t)DHCP6_INFORMATION_REQUEST << 24 | (q->xid & 0xffffff));
	if (q->has_ether) {
		make_duid(q, duid);
		buf_u16(out, O6_CLIENT);
		buf_u16(out, sizeof(duid));
		buf_bytes(out, duid, sizeof(duid));
	}
	buf_u16(out, O6_REQUEST);
	buf_u16(out, sizeof(wanted));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		buf_u16(out, wanted[i]);
	buf_u16(out, O6_ELAPSED);
	buf_u16(out, 2);
	buf_u16(out, centisecs);
}

/* ---- names ---- */

static bool
is_name_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* The first name in RFC 8415 10 form: labels, not compressed, to the root label, 255 octets at
 * most; as text it has nothing but letters, digits, "-", "_". What follows it is not looked at
 * (8973-5.1.3-11, 8973-5.2.3-09). False: there is none. */
static bool
read_wire_name(const uint8_t *value, size_t len, char ret[static DHCP_NAME_MAX])
{
	struct reader r = reader_of(value, len < WIRE_NAME_MAX ? len : WIRE_NAME_MAX);
	size_t at = 0, n;

	while ((n = reader_u8(&r))) {
		const uint8_t *label = n <= LABEL_MAX ? reader_bytes(&r, n) : NULL;

		if (!label)
			return false;
		if (at)
			ret[at++] = '.';
		for (size_t i = 0; i < n; i++) {
			if (!is_name_char(label[i]))
				return false;
			ret[at++] = (char)label[i];
		}
	}
	ret[at] = '\0';
	return !r.failed && at;
}

static void
take_wire_name(const uint8_t *value, size_t len, char to[static DHCP_NAME_MAX])
{
	char name[DHCP_NAME_MAX];

	if (read_wire_name(value, len, name))
		memcpy(to, name, sizeof(name));
}

static void
take_ri(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	take_wire_name(value, len, d->name);
}

static void
take_search(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	if (!*d->domain)
		take_wire_name(value, len, d->domain);
}

/* Text (RFC 2132 3.17): brought into the other form, so that the same rules hold. */
static void
take_domain(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	uint8_t wire[WIRE_NAME_MAX + 1] = {0};
	size_t start = 0;

	while (len && !value[len - 1]) /* some servers count a NUL */
		len--;
	if (len && value[len - 1] == '.')
		len--;
	if (!len || len > WIRE_NAME_MAX - 2)
		return;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && value[i] != '.') {
			wire[i + 1] = value[i];
			continue;
		}
		if (i == start) /* an empty label would be the end */
			return;
		wire[start] = (uint8_t)(i - start);
		start = i + 1;
	}
	take_wire_name(wire, len + 2, d->domain);
}

/* ---- addresses ---- */

/* Multicast and loopback addresses are left out (8973-5.1.3-04, -05, 8973-5.2.3-03, -04), and so
 * are unspecified and broadcast ones: no agent has them, and the first lead to ourselves. */
static bool
is_usable(const struct addr *a)
{
	struct prefix p = prefix_of(a, addr_bits(a));

	return !prefix_is_special(&p);
}

/* 8973-5.1.2-05: a mapped address is meant as the IPv4 address in it. */
static struct addr
address_at(const uint8_t *p, size_t size)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct addr a = {.family = size == 4 ? 4 : 6};

	if (size == 16 && !memcmp(p, mapped, sizeof(mapped))) {
		a.family = 4;
		memcpy(a.bytes, p + sizeof(mapped), 4);
	} else {
		memcpy(a.bytes, p, size);
	}
	return a;
}

static void
take_addrs(const uint8_t *value, size_t len, size_t size, struct dhcp_dots *d)
{
	if (len % size)
		return;
	for (size_t i = 0; i < len && d->n_addrs < DHCP_ADDRS_MAX; i += size) {
		struct addr a = address_at(value + i, size);

		if (is_usable(&a))
			d->addrs[d->n_addrs++] = a;
	}
}

static void
take_addrs4(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	take_addrs(value, len, 4, d);
}

static void
take_addrs6(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	take_addrs(value, len, 16, d);
}

static void
take_resolvers(const uint8_t *value, size_t len, size_t size, struct dhcp_dots *d)
{
	if (len % size)
		return;
	for (size_t i = 0; i < len && d->n_resolvers < DHCP_RESOLVERS_MAX; i += size) {
		struct endpoint e = {.addr = address_at(value + i, size), .port = DNS_PORT};

		if (is_usable(&e.addr))
			d->resolvers[d->n_resolvers++] = e;
	}
}

static void
take_resolvers4(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	take_resolvers(value, len, 4, d);
}

static void
take_resolvers6(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	take_resolvers(value, len, 16, d);
}

/* ---- times ---- */

/* RFC 2132 9.2; all ones is for ever (RFC 2131 3.3), as in our own field. */
static void
take_lease(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	struct reader r = reader_of(value, len);

	if (len == 4)
		d->lifetime = reader_u32(&r);
}

/* RFC 8415 21.23: what is below the minimum is taken for it; all ones is for ever. */
static void
take_refresh(const uint8_t *value, size_t len, struct dhcp_dots *d)
{
	struct reader r = reader_of(value, len);
	uint32_t s = reader_u32(&r);

	if (len == 4)
		d->lifetime = s < REFRESH_LEAST_S ? REFRESH_LEAST_S : s;
}

/* ---- the tables ---- */

struct option_row {
	uint16_t code;
	bool joined; /* all instances are one value (RFC 3396), else only the first counts */
	bool hook;   /* a DHCP client's hook may say it */
	void (*take)(const uint8_t *value, size_t len, struct dhcp_dots *d);
};

static const struct option_row options4[] = {
	{O4_DOTS_RI, false, true, take_ri},
	{O4_DOTS_ADDRESS, true, true, take_addrs4},
	{O4_DOMAIN, true, false, take_domain},
	{O4_SEARCH, true, false, take_search},
	{O4_RESOLVERS, true, false, take_resolvers4},
	{O4_LEASE, true, false, take_lease},
	{0},
};

static const struct option_row options6[] = {
	{O6_DOTS_RI, false, true, take_ri},
	{O6_DOTS_ADDRESS, false, true, take_addrs6},
	{O6_SEARCH, false, false, take_search},
	{O6_RESOLVERS, false, false, take_resolvers6},
	{O6_REFRESH, false, false, take_refresh},
	{0},
};

/* Where options are: one after the other, in the order in which they are joined (RFC 3396 5). */
struct areas {
	const uint8_t *bytes[3];
	size_t len[3], n;
	bool wide; /* code and length have two octets: DHCPv6 */
};

struct option {
	unsigned code;
	const uint8_t *value;
	size_t len;
};

/* False: no more in this area; r->failed if it was broken off. */
static bool
next_option(struct reader *r, bool wide, struct option *ret)
{
	if (!reader_left(r))
		return false;
	ret->code = wide ? reader_u16(r) : reader_u8(r);
	if (!wide && ret->code == O4_END)
		return false;
	ret->len = wide ? reader_u16(r) : ret->code == O4_PAD ? 0 : reader_u8(r);
	ret->value = reader_bytes(r, ret->len);
	return !r->failed;
}

static bool
is_whole(const struct areas *a)
{
	for (size_t i = 0; i < a->n; i++) {
		struct reader r = reader_of(a->bytes[i], a->len[i]);
		struct option o;

		while (next_option(&r, a->wide, &o))
			;
		if (r.failed)
			return false;
	}
	return true;
}

/* The value of an option, into `out`; how many instances there are. */
static size_t
gather(const struct areas *a, unsigned code, bool joined, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		struct reader r = reader_of(a->bytes[i], a->len[i]);
		struct option o;

		while (next_option(&r, a->wide, &o))
			if (o.code == code && (!n++ || joined))
				buf_bytes(out, o.value, o.len);
	}
	return n;
}

static void
take_all(const struct areas *a, const struct option_row *rows, struct dhcp_dots *ret)
{
	struct buf value;

	buf_init(&value, UINT16_MAX);
	for (const struct option_row *row = rows; row->take; row++) {
		buf_reset(&value);
		if (gather(a, row->code, row->joined, &value) && value.len)
			row->take(value.bytes, value.len, ret);
	}
	buf_finish(&value);
}

/* An option that begins with these bytes and has this length, 0: any. */
static bool
has_option(const struct areas *a, unsigned code, const void *bytes, size_t len, size_t whole)
{
	struct buf value;
	bool yes;

	buf_init(&value, UINT16_MAX);
	yes = gather(a, code, false, &value) && (value.len == whole || !whole) &&
	      value.len >= len && (!len || !memcmp(value.bytes, bytes, len));
	buf_finish(&value);
	return yes;
}

/* ---- answers ---- */

static uint32_t
number_at(const uint8_t *bytes, size_t at)
{
	struct reader r = reader_of(bytes + at, 4);

	return reader_u32(&r);
}

/* RFC 2131 4.1: with option 52, the fields `file` and `sname` hold options, too. */
static struct areas
areas_of_ack(const uint8_t *bytes, size_t len)
{
	struct areas a = {.bytes = {bytes + AT_OPTIONS}, .len = {len - AT_OPTIONS}, .n = 1};
	struct buf value;
	unsigned overload = 0;

	buf_init(&value, UINT16_MAX);
	if (gather(&a, O4_OVERLOAD, false, &value) && value.len == 1)
		overload = value.bytes[0];
	buf_finish(&value);
	if (overload & OVERLOAD_FILE) {
		a.bytes[a.n] = bytes + AT_FILE;
		a.len[a.n++] = AT_COOKIE - AT_FILE;
	}
	if (overload & OVERLOAD_SNAME) {
		a.bytes[a.n] = bytes + AT_SNAME;
		a.len[a.n++] = AT_FILE - AT_SNAME;
	}
	return a;
}

const char *
dhcp_ack_decode(
	const struct dhcp_question *q, const uint8_t *bytes, size_t len, struct dhcp_dots *ret)
{
	static const uint8_t ack = DHCP4_ACK;
	struct areas a;

	*ret = (struct dhcp_dots){0};
	if (len < AT_OPTIONS)
		return "truncated";
	if (bytes[0] != BOOTREPLY || number_at(bytes, AT_COOKIE) != MAGIC_COOKIE)
		return "no DHCP answer";
	if (number_at(bytes, AT_XID) != q->xid)
		return "another transaction";
	if (q->has_ether && memcmp(bytes + AT_CHADDR, q->ether, sizeof(q->ether)) != 0)
		return "for another client";
	a = areas_of_ack(bytes, len);
	if (!is_whole(&a))
		return "an option is broken off";
	if (!has_option(&a, O4_TYPE, &ack, 1, 1))
		return "no DHCPACK";
	take_all(&a, options4, ret);
	return NULL;
}

const char *
dhcp_reply_decode(
	const struct dhcp_question *q, const uint8_t *bytes, size_t len, struct dhcp_dots *ret)
{
	static const uint8_t success[2];
	struct areas a = {.n = 1, .wide = true};
	uint8_t duid[DUID_LL_LEN];

	*ret = (struct dhcp_dots){.lifetime = REFRESH_DEFAULT_S};
	if (len < 4)
		return "truncated";
	if (bytes[0] != DHCP6_REPLY)
		return "no Reply";
	if ((number_at(bytes, 0) & 0xffffff) != (q->xid & 0xffffff))
		return "another transaction";
	a.bytes[0] = bytes + 4;
	a.len[0] = len - 4;
	if (!is_whole(&a))
		return "an option is broken off";
	make_duid(q, duid);
	if (!has_option(&a, O6_SERVER, NULL, 0, 0)) /* RFC 8415 16.10 */
		return "a Reply without server identifier";
	if (q->has_ether && !has_option(&a, O6_CLIENT, duid, sizeof(duid), sizeof(duid)))
		return "for another client";
	if (has_option(&a, O6_STATUS, NULL, 0, 0) &&
		!has_option(&a, O6_STATUS, success, sizeof(success), 0))
		return "the server refuses";
	take_all(&a, options6, ret);
	return NULL;
}

/* ---- hooks ---- */

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Up to a comma or the end, where it returns; NULL if that is not hexadecimal or empty. */
static const char *
read_hex(const char *at, struct buf *out)
{
	const char *start = at;

	for (; *at && *at != ','; at += 2) {
		int high = hex_digit(at[0]), low = high < 0 ? -1 : hex_digit(at[1]);

		if (low < 0)
			return NULL;
		buf_u8(out, (uint8_t)(high << 4 | low));
	}
	return at > start ? at : NULL;
}

/* "147=…"; *ret_value is behind the "=". */
static const struct option_row *
find_row(const struct option_row *rows, const char *at, const char **ret_value)
{
	unsigned code = 0;

	for (; *at >= '0' && *at <= '9' && code < 1000; at++)
		code = code * 10 + (unsigned)(*at - '0');
	*ret_value = at + 1;
	for (const struct option_row *row = rows; *at == '=' && row->take; row++)
		if (row->code == code && row->hook)
			return row;
	return NULL;
}

/* The options as a message would hold them, but with codes and lengths of two octets in both
 * families: what a hook tells is joined already. */
static const char *
collect_options(const char *text, const struct option_row *rows, struct buf *out)
{
	const char *why = NULL;
	struct buf value;

	buf_init(&value, DHCP_OPTION_TEXT_MAX);
	for (const char *at = text; !why; at++) {
		const struct option_row *row = find_row(rows, at, &at);

		buf_reset(&value);
		if (!row)
			why = "expected CODE=HEX of options 147, 148 or of 141, 142";
		else if (!(at = read_hex(at, &value)))
			why = "the value of an option is not hexadecimal";
		if (why)
			break;
		buf_u16(out, row->code);
		buf_u16(out, (uint16_t)value.len);
		buf_bytes(out, value.bytes, value.len);
		if (!*at)
			break;
	}
	buf_finish(&value);
	return why;
}

const char *
dhcp_options_parse(const char *text, struct dhcp_dots *ret)
{
	const char *ignored;
	const struct option_row *rows = find_row(options6, text, &ignored) ? options6 : options4;
	struct areas a = {.n = 1, .wide = true};
	struct buf options;
	const char *why;

	*ret = (struct dhcp_dots){0};
	if (strlen(text) > DHCP_OPTION_TEXT_MAX)
		return "the options are too long";
	buf_init(&options, DHCP_OPTION_TEXT_MAX);
	why = collect_options(text, rows, &options);
	if (!why) {
		a.bytes[0] = options.bytes;
		a.len[0] = options.len;
		take_all(&a, rows, ret);
	}
	buf_finish(&options);
	return why;
}
