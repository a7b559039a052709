/*
 * Records out of a message. The resolver library's own readers drop times to live, do not look at
 * whose records they are, and take names of any length.
 */
#include "net/rr.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

enum {
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	CLASS_IN = 1,
	LABEL_MAX = 63,
	WIRE_NAME_MAX = 255,
	POINTER = 0xc0,
	ALIASES_MAX = 8,
	HEADER_BEFORE_COUNTS = 4,
	QUESTION_AFTER_NAME = 4,
	SOA_BEFORE_MINIMUM = 16, /* serial, refresh, retry, expire */
	TTL_MAX = 0x7fffffff,
};

struct record {
	char owner[RR_NAME_MAX];
	bool named; /* the owner's name can be used */
	unsigned type, class;
	uint32_t ttl;
	struct reader data;
};

/* ---- names ---- */

struct text {
	char *at, *end; /* room for the NUL is kept */
	bool usable;
};

static void
put(struct text *t, char c)
{
	if (t->at < t->end)
		*t->at++ = c;
	else
		t->usable = false;
}

static void
put_label(struct text *t, const uint8_t *label, size_t len, bool first)
{
	if (!first)
		put(t, '.');
	for (size_t i = 0; i < len; i++) {
		if (label[i] < ' ' || label[i] == 0x7f)
			t->usable = false;
		if (label[i] == '.' || label[i] == '\\')
			put(t, '\\');
		put(t, (char)label[i]);
	}
}

/* Pointers lead to what came before (RFC 1035 4.1.4), each further back: so there is no loop.
 * False: a name that nothing can be done with; the reader has failed if it is malformed. */
static bool
read_name(struct reader *r, const uint8_t *message, char to[static RR_NAME_MAX])
{
	struct reader at = *r;
	struct text text = {to, to + RR_NAME_MAX - 1, true};
	const uint8_t *start = r->at, *label;
	size_t wire = 1;
	bool jumped = false;
	uint8_t len;

	while ((len = reader_u8(&at)) && !at.failed) {
		if (len >= POINTER) {
			const uint8_t *target = message + ((len & LABEL_MAX) << 8 | reader_u8(&at));

			if (!jumped)
				*r = at;
			jumped = true;
			at.failed = at.failed || target >= start;
			start = at.at = target;
			continue;
		}
		label = reader_bytes(&at, len);
		wire += 1 + (size_t)len;
		if (!label || len > LABEL_MAX || wire > WIRE_NAME_MAX) {
			at.failed = true;
			break;
		}
		put_label(&text, label, len, text.at == to);
	}
	*text.at = '\0';
	if (!jumped)
		*r = at;
	r->failed = at.failed;
	return text.usable && !at.failed;
}

bool
rr_name_is_conventional(const char *name)
{
	size_t label = 0, len = strlen(name);

	for (const char *c = name; *c; c++) {
		if (!isascii((unsigned char)*c) ||
			!(isalnum((unsigned char)*c) || strchr("-_.", *c)))
			return false;
		label = *c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (!label && (c == name || c[-1] == '.')))
			return false;
	}
	return label && len + 2 <= WIRE_NAME_MAX;
}

/* ---- data ---- */

/* False: not printable. Longer than the room: cut. */
static bool
read_text(struct reader *r, char *to, size_t cap)
{
	size_t len = reader_u8(r);
	const uint8_t *bytes = reader_bytes(r, len);

	if (!bytes)
		return false;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return false;
	if (len >= cap)
		len = cap - 1;
	memcpy(to, bytes, len);
	to[len] = '\0';
	return true;
}

static bool
read_ptr(struct reader *r, const uint8_t *message, struct rr *ret)
{
	return read_name(r, message, ret->name);
}

static bool
read_srv(struct reader *r, const uint8_t *message, struct rr *ret)
{
	ret->priority = reader_u16(r);
	ret->weight = reader_u16(r);
	ret->port = reader_u16(r);
	return read_name(r, message, ret->name) && rr_name_is_conventional(ret->name);
}

static bool
read_naptr(struct reader *r, const uint8_t *message, struct rr *ret)
{
	uint8_t len;

	ret->order = reader_u16(r);
	ret->preference = reader_u16(r);
	if (!read_text(r, ret->flags, sizeof(ret->flags)) ||
		!read_text(r, ret->services, sizeof(ret->services)))
		return false;
	len = reader_u8(r);
	ret->regexp = len != 0;
	return reader_bytes(r, len) && read_name(r, message, ret->name) &&
	       rr_name_is_conventional(ret->name);
}

static const struct {
	enum rr_type type;
	bool (*read)(struct reader *r, const uint8_t *message, struct rr *ret);
} types[] = {
	{RR_PTR, read_ptr},
	{RR_SRV, read_srv},
	{RR_NAPTR, read_naptr},
};

static bool
read_data(const struct record *rec, const uint8_t *message, struct rr *ret)
{
	struct reader r = rec->data;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == rec->type)
			return types[i].read(&r, message, ret) && !r.failed && r.at == r.end &&
			       ret->name[0];
	return false;
}

/* ---- sections ---- */

static bool
next_record(struct reader *r, const uint8_t *message, struct record *ret)
{
	size_t len;
	const uint8_t *data;

	ret->named = read_name(r, message, ret->owner);
	ret->type = reader_u16(r);
	ret->class = reader_u16(r);
	ret->ttl = reader_u32(r);
	if (ret->ttl > TTL_MAX) /* RFC 2181 8 */
		ret->ttl = 0;
	len = reader_u16(r);
	data = reader_bytes(r, len);
	if (r->failed)
		return false;
	ret->data = (struct reader){data, data + len, false};
	return true;
}

static void
shorten(struct rr_set *set, uint32_t ttl)
{
	if (ttl < set->ttl)
		set->ttl = ttl;
}

/* What the section says of one name: its records, or another name for it. False: malformed. */
static bool
collect(struct reader *section, unsigned n, const uint8_t *message, const char *name,
	enum rr_type type, struct rr_set *ret, char alias[static RR_NAME_MAX])
{
	struct record rec;

	alias[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		if (!next_record(section, message, &rec))
			return false;
		if (!rec.named || rec.class != CLASS_IN || strcasecmp(rec.owner, name) != 0)
			continue;
		if (rec.type == TYPE_CNAME) {
			if (!read_name(&rec.data, message, alias))
				alias[0] = '\0';
			shorten(ret, rec.ttl);
		} else if (rec.type == type && ret->n < RR_MAX &&
			   read_data(&rec, message, &ret->list[ret->n])) {
			ret->n++;
			shorten(ret, rec.ttl);
		}
	}
	return true;
}

/* RFC 2308 5: the smaller one of the record's time to live and its last field. */
static uint32_t
negative_ttl(struct reader *authority, unsigned n, const uint8_t *message)
{
	struct record rec;
	char name[RR_NAME_MAX];

	for (unsigned i = 0; i < n && next_record(authority, message, &rec); i++) {
		uint32_t minimum;

		if (rec.type != TYPE_SOA || rec.class != CLASS_IN)
			continue;
		read_name(&rec.data, message, name);
		read_name(&rec.data, message, name);
		reader_bytes(&rec.data, SOA_BEFORE_MINIMUM);
		minimum = reader_u32(&rec.data);
		if (!rec.data.failed)
			return minimum < rec.ttl ? minimum : rec.ttl;
	}
	return 0;
}

int
rr_read(const void *message, size_t len, const char *name, enum rr_type type, struct rr_set *ret)
{
	struct reader r = reader_of(message, len), section;
	char names[2][RR_NAME_MAX], *alias;
	unsigned questions, answers, authorities, steps = 0;
	bool sound;

	ret->n = 0;
	ret->ttl = 0;
	reader_bytes(&r, HEADER_BEFORE_COUNTS);
	questions = reader_u16(&r);
	answers = reader_u16(&r);
	authorities = reader_u16(&r);
	reader_u16(&r);
	for (unsigned i = 0; i < questions && !r.failed; i++) {
		read_name(&r, message, names[0]);
		reader_bytes(&r, QUESTION_AFTER_NAME);
	}
	if (r.failed)
		return -EBADMSG;
	ret->ttl = UINT32_MAX;
	do {
		section = r;
		alias = names[steps & 1];
		sound = collect(&section, answers, message, name, type, ret, alias);
		name = alias;
	} while (sound && !ret->n && *alias && steps++ < ALIASES_MAX);
	if (!sound)
		ret->n = 0;
	if (!ret->n)
		ret->ttl = sound ? negative_ttl(&section, authorities, message) : 0;
	return sound ? 0 : -EBADMSG;
}
