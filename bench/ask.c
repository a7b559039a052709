/*
 * See ask.h.
 */
#include "ask.h"

#include <stdio.h>
#include <string.h>

enum {
	HEADER = 4,
	TOKEN = 4,
	NON = 0x50,            /* version 1 */
	NON_WITH_TOKEN = 0x54, /* and 4 bytes of token */
	GET = 1,
	PUT = 3,
	DELETE = 4,
	CREATED = 0x41,
	DELETED = 0x42,
	CHANGED = 0x44,
	CONTENT = 0x45,
	MARKER = 0xff,
	OBSERVE = 6,
	URI_PATH = 11,
	CONTENT_FORMAT = 12,
	DOTS_CBOR = 271,
	LIFETIME = 3600,
	KEY_MITIGATION_SCOPE = 1,
	KEY_SCOPE = 2,
	KEY_MID = 5,
	KEY_STATUS = 16,
	CUID_LEN = 22,
	DEPTH_MAX = 8,
};

static const char *const names[ASK_KINDS] = {"get", "put", "delete", "root", "echo"};

enum ask
ask_named(const char *name)
{
	int i = 0;

	while (i < ASK_KINDS && strcmp(names[i], name) != 0)
		i++;
	return (enum ask)i;
}

static uint32_t
mid_of(const struct items *items, uint32_t item)
{
	return 1 + item / items->clients;
}

/* --- requests ------------------------------------------------------------------------------- */

static uint8_t *
put_option(uint8_t *p, unsigned delta, const char *text, size_t len)
{
	if (len < 13) {
		*p++ = (uint8_t)(delta << 4 | len);
	} else {
		*p++ = (uint8_t)(delta << 4 | 13);
		*p++ = (uint8_t)(len - 13);
	}
	return mempcpy(p, text, len);
}

static size_t
decimal(uint32_t v, char text[static 10])
{
	char reversed[10];
	size_t n = 0;

	do
		reversed[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (size_t i = 0; i < n; i++)
		text[i] = reversed[n - 1 - i];
	return n;
}

/* delta: to the option before. */
static uint8_t *
put_path(uint8_t *p, unsigned delta, const struct items *items, uint32_t item)
{
	char cuid[] = "cuid=bench-client-000000000", mid[4 + 10] = "mid=";
	char digits[10];
	size_t n = decimal(item % items->clients, digits);

	memcpy(cuid + 5 + CUID_LEN - n, digits, n);
	p = put_option(p, delta, ".well-known", 11);
	p = put_option(p, 0, "dots", 4);
	p = put_option(p, 0, "mitigate", 8);
	p = put_option(p, 0, cuid, 5 + CUID_LEN);
	return put_option(p, 0, mid, 4 + decimal(mid_of(items, item), mid + 4));
}

/* {1: {2: [{6: ["10.c.x.y/32"], 10: [17], 14: 3600}]}} */
static uint8_t *
put_body(uint8_t *p, const struct items *items, uint32_t item)
{
	static const uint8_t before[] = {
		MARKER, 0xa1, KEY_MITIGATION_SCOPE, 0xa1, KEY_SCOPE, 0x81, 0xa3, 6, 0x81};
	static const uint8_t after[] = {10, 0x81, 17, 14, 0x19, LIFETIME >> 8, LIFETIME & 0xff};
	uint32_t c = item % items->clients, n = item / items->clients << (32 - items->prefix_len);
	char text[24];
	int len = snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", 10 + (c >> 8), c & 255,
		n >> 8 & 255, n & 255, items->prefix_len);

	p = mempcpy(p, before, sizeof(before));
	*p++ = (uint8_t)(0x60 | len);
	p = mempcpy(p, text, (size_t)len);
	return mempcpy(p, after, sizeof(after));
}

static size_t
build_echo(const struct items *items, uint32_t item, uint32_t token, uint8_t *bytes)
{
	memset(bytes, (int)(item * 7 + 1), items->request_len);
	memcpy(bytes, &token, sizeof(token));
	return items->request_len;
}

static const char dots_cbor[] = {DOTS_CBOR >> 8, DOTS_CBOR & 0xff};

size_t
ask_build(const struct items *items, enum ask kind, uint32_t item, uint16_t id, uint32_t token,
	uint8_t bytes[static ASK_MAX])
{
	uint8_t *p = bytes;

	if (kind == ASK_ECHO)
		return build_echo(items, item, token, bytes);
	*p++ = NON_WITH_TOKEN;
	*p++ = kind == ASK_PUT ? PUT : kind == ASK_DELETE ? DELETE : GET;
	*p++ = (uint8_t)(id >> 8);
	*p++ = (uint8_t)id;
	p = mempcpy(p, &token, sizeof(token));
	if (kind != ASK_ROOT)
		p = put_path(p, URI_PATH, items, item);
	if (kind == ASK_PUT) {
		p = put_option(p, CONTENT_FORMAT - URI_PATH, dots_cbor, sizeof(dots_cbor));
		p = put_body(p, items, item);
	}
	return (size_t)(p - bytes);
}

/* --- answers -------------------------------------------------------------------------------- */

bool
ask_token(enum ask kind, const uint8_t *bytes, size_t len, uint32_t *ret)
{
	size_t at = kind == ASK_ECHO ? 0 : HEADER;

	if (len < at + TOKEN || (kind != ASK_ECHO && (bytes[0] & 0xcf) != (NON_WITH_TOKEN & 0xcf)))
		return false;
	memcpy(ret, bytes + at, TOKEN);
	return true;
}

/* The value of an option nibble; -1: malformed. */
static long
extended(unsigned nibble, const uint8_t **p, const uint8_t *end)
{
	long v = nibble;

	if (nibble == 13 && *p < end) {
		v = 13 + *(*p)++;
	} else if (nibble == 14 && end - *p >= 2) {
		v = 269 + (*p)[0] * 256 + (*p)[1];
		*p += 2;
	} else if (nibble >= 13) {
		v = -1;
	}
	return v;
}

/* What follows the options; NULL: nothing does, or it is malformed. */
static const uint8_t *
payload_of(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != MARKER) {
		unsigned head = *p++;
		long delta = extended(head >> 4, &p, end), len = extended(head & 15, &p, end);

		if (delta < 0 || len < 0 || end - p < len)
			return NULL;
		p += len;
	}
	return end - p > 1 ? p + 1 : NULL;
}

/* --- CBOR: what answers hold ---------------------------------------------------------------- */

struct cbor {
	const uint8_t *at, *end;
	bool bad;
};

static uint64_t
head(struct cbor *c, unsigned *ret_major)
{
	unsigned first, n;
	uint64_t v = 0;

	*ret_major = 8;
	if (c->at >= c->end) {
		c->bad = true;
		return 0;
	}
	first = *c->at++;
	*ret_major = first >> 5;
	if ((first & 31) < 24)
		return first & 31;
	n = 1U << ((first & 31) - 24);
	if (n > 8 || c->end - c->at < n) {
		c->bad = true;
		return 0;
	}
	while (n--)
		v = v << 8 | *c->at++;
	return v;
}

static void
skip(struct cbor *c, unsigned depth)
{
	unsigned major;
	uint64_t n = head(c, &major);

	if (!depth)
		c->bad = true;
	if (major == 2 || major == 3) {
		if ((uint64_t)(c->end - c->at) < n)
			c->bad = true;
		else
			c->at += n;
	}
	if (major == 4 || major == 5)
		for (n <<= major == 5; n && !c->bad; n--)
			skip(c, depth - 1);
}

/* Enters the value of `key` in the map at hand. */
static bool
enter(struct cbor *c, uint64_t key)
{
	unsigned major;
	uint64_t n = head(c, &major);

	if (major != 5)
		return false;
	for (; n && !c->bad; n--) {
		if (head(c, &major) == key && !major)
			return !c->bad;
		skip(c, DEPTH_MAX);
	}
	return false;
}

static uint64_t
number_at(struct cbor c, uint64_t key)
{
	unsigned major;
	uint64_t v;

	if (!enter(&c, key))
		return 0;
	v = head(&c, &major);
	return major || c.bad ? 0 : v;
}

static bool
check_mitigation(const uint8_t *payload, const uint8_t *end, uint32_t mid, unsigned *ret_status)
{
	struct cbor c = {payload, end, false};
	unsigned major;

	if (!enter(&c, KEY_MITIGATION_SCOPE) || !enter(&c, KEY_SCOPE) || head(&c, &major) != 1 ||
		major != 4)
		return false;
	*ret_status = (unsigned)number_at(c, KEY_STATUS);
	return number_at(c, KEY_MID) == mid;
}

static bool
check_echo(
	const struct items *items, uint32_t item, uint32_t token, const uint8_t *bytes, size_t len)
{
	uint8_t want[ASK_MAX];
	size_t n = build_echo(items, item, token, want);

	if (len != items->answer_len)
		return false;
	for (size_t at = 0; at < len; at += n)
		if (memcmp(bytes + at, want, n < len - at ? n : len - at) != 0)
			return false;
	return true;
}

bool
ask_check(const struct items *items, enum ask kind, uint32_t item, uint32_t token,
	const uint8_t *bytes, size_t len, unsigned *ret_status)
{
	const uint8_t *payload;
	uint8_t code;

	*ret_status = 0;
	if (kind == ASK_ECHO)
		return check_echo(items, item, token, bytes, len);
	code = bytes[1];
	if (kind == ASK_DELETE)
		return code == DELETED;
	payload = payload_of(bytes + HEADER + TOKEN, bytes + len);
	if (!payload)
		return false;
	if (kind == ASK_ROOT)
		return code == CONTENT;
	return (kind == ASK_GET ? code == CONTENT : code == CREATED || code == CHANGED) &&
	       check_mitigation(payload, bytes + len, mid_of(items, item), ret_status);
}

size_t
ask_heartbeat(const uint8_t *bytes, size_t len, uint16_t id, uint8_t answer[static ASK_MAX])
{
	size_t token = len ? bytes[0] & 15 : 0;

	if (len < HEADER + token || token > 8 || bytes[1] != PUT)
		return 0;
	memcpy(answer, bytes, HEADER + token);
	answer[0] = (uint8_t)(NON | token);
	answer[1] = CHANGED;
	answer[2] = (uint8_t)(id >> 8);
	answer[3] = (uint8_t)id;
	return HEADER + token;
}

/* --- sessions that stay --------------------------------------------------------------------- */

bool
ask_is_stay(const uint8_t *bytes, size_t len, uint8_t token[static ASK_STAY_TOKEN])
{
	if (len < HEADER + ASK_STAY_TOKEN || bytes[0] != (NON | ASK_STAY_TOKEN))
		return false;
	memcpy(token, bytes + HEADER, ASK_STAY_TOKEN);
	return true;
}

static uint8_t *
put_head(uint8_t *p, uint8_t code, uint16_t id, const uint8_t token[static ASK_STAY_TOKEN])
{
	*p++ = NON | ASK_STAY_TOKEN;
	*p++ = code;
	*p++ = (uint8_t)(id >> 8);
	*p++ = (uint8_t)id;
	return mempcpy(p, token, ASK_STAY_TOKEN);
}

size_t
ask_beat(uint16_t id, const uint8_t token[static ASK_STAY_TOKEN], uint8_t bytes[static ASK_MAX])
{
	/* {heartbeat: {peer-hb-status: true}} */
	static const uint8_t body[] = {MARKER, 0xa1, 0x18, 49, 0xa1, 0x18, 51, 0xf5};
	uint8_t *p = put_head(bytes, PUT, id, token);

	p = put_option(p, URI_PATH, ".well-known", 11);
	p = put_option(p, 0, "dots", 4);
	p = put_option(p, 0, "hb", 2);
	p = put_option(p, CONTENT_FORMAT - URI_PATH, dots_cbor, sizeof(dots_cbor));
	p = mempcpy(p, body, sizeof(body));
	return (size_t)(p - bytes);
}

bool
ask_is_beaten(const uint8_t *bytes, size_t len)
{
	return len >= HEADER && bytes[1] == CHANGED;
}

size_t
ask_observe(const struct items *items, uint32_t item, uint16_t id,
	const uint8_t token[static ASK_STAY_TOKEN], uint8_t bytes[static ASK_MAX])
{
	uint8_t *p = put_head(bytes, GET, id, token);

	p = put_option(p, OBSERVE, "", 0);
	p = put_path(p, URI_PATH - OBSERVE, items, item);
	return (size_t)(p - bytes);
}

unsigned
ask_told(const struct items *items, uint32_t item, const uint8_t *bytes, size_t len)
{
	const uint8_t *options = bytes + HEADER + ASK_STAY_TOKEN, *payload;
	unsigned status;

	/* The first option: ETags are not used. */
	if (bytes[1] != CONTENT || options == bytes + len || *options >> 4 != OBSERVE)
		return 0;
	payload = payload_of(options, bytes + len);
	if (!payload || !check_mitigation(payload, bytes + len, mid_of(items, item), &status))
		return 0;
	return status;
}
