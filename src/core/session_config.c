/*
 * Session configuration (RFC 9132 4.5): one table of parameters, walked by what a server answers
 * and by what a client makes of an answer.
 */
#include "core/session_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	SECOND_MS = 1000,
	VALUE_TEXT_MAX = 24,
	DECIMAL = 100,              /* hundredths in one */
	HEARTBEAT_LEAST_MS = 15000, /* RFC 8085, RFC 9132 4.5.2 */
};

/* clang-format off: one row a parameter */
#define ROW(n, f, m, ...)                                                                          \
	{                                                                                          \
		.name = (n), .field = CONFIG_##f, .in_params = offsetof(struct session_params, m), \
		__VA_ARGS__                                                                        \
	}
#define IN_SET(m) .in_set = offsetof(struct config_set, m)
const struct session_param session_param_rows[SESSION_PARAMS] = {
	ROW("heartbeat-interval", HEARTBEAT_INTERVAL, heartbeat_ms, IN_SET(heartbeat_interval),
		.reliable = true, .scale = SECOND_MS, .least = HEARTBEAT_LEAST_MS,
		.most = UINT32_MAX),
	ROW("missing-hb-allowed", MISSING_HB_ALLOWED, missing_hb_allowed,
		IN_SET(missing_hb_allowed), .scale = 1, .least = 1, .most = UINT16_MAX),
	ROW("probing-rate", PROBING_RATE, probing_rate, IN_SET(probing_rate), .reliable = true,
		.scale = 1, .least = 1, .most = UINT16_MAX),
	ROW("max-retransmit", MAX_RETRANSMIT, max_retransmit, IN_SET(max_retransmit), .scale = 1,
		.least = 0, .most = 20),
	ROW("ack-timeout", ACK_TIMEOUT, ack_timeout, IN_SET(ack_timeout), .scale = 1, .least = 100,
		.most = 6000),
	ROW("ack-random-factor", ACK_RANDOM_FACTOR, ack_random_factor, IN_SET(ack_random_factor),
		.scale = 1, .least = 100, .most = 1000),
};
/* clang-format on */

const struct session_range session_range_default = {
	{15000, 3, 5, 2, 100, 110}, {240000, 20, 20, 15, 3000, 400}};

static const char *const set_names[SESSION_SETS] = {
	[SESSION_MITIGATING] = "mitigating-config", [SESSION_IDLE] = "idle-config"};

const char *
session_set_name(enum session_set s)
{
	return s == SESSION_MITIGATING ? "mitigating" : "idle";
}

#define EACH_SET(s)                                                                                \
	enum session_set s = SESSION_MITIGATING;                                                   \
	(s) < SESSION_SETS;                                                                        \
	(s)++
#define EACH_ROW(r)                                                                                \
	const struct session_param *r = session_param_rows;                                        \
	(r) < session_param_rows + SESSION_PARAMS;                                                 \
	(r)++

uint32_t *
session_param_at(const struct session_param *row, struct session_params *p)
{
	return (uint32_t *)(void *)((char *)p + row->in_params);
}

uint32_t
session_param_get(const struct session_param *row, const struct session_params *p)
{
	return *(const uint32_t *)(const void *)((const char *)p + row->in_params);
}

static const struct config_param *
asked_of(const struct session_param *row, const struct config_set *set)
{
	return (const struct config_param *)(const void *)((const char *)set + row->in_set);
}

static bool
has(const struct session_param *row, uint64_t bits)
{
	return bits >> row->field & 1;
}

static bool
has_current(const struct session_param *row, const struct config_set *set)
{
	return has(row, set->has) && asked_of(row, set)->has & 1ULL << PARAM_CURRENT;
}

static bool
is_off(const struct session_param *row, int64_t value)
{
	return row->field == CONFIG_HEARTBEAT_INTERVAL && value == 0;
}

struct session_params
session_params_of(const struct heartbeat_config *heartbeat, const struct session_choice *choice)
{
	struct session_params p = SESSION_PARAMS_DEFAULT;

	p.heartbeat_ms = heartbeat->interval_ms;
	p.missing_hb_allowed = heartbeat->missing_allowed;
	for (EACH_ROW(row))
		if (has(row, choice->has))
			*session_param_at(row, &p) = session_param_get(row, &choice->params);
	return p;
}

const char *
session_params_format(const struct session_params *p, char text[static SESSION_PARAMS_TEXT_MAX])
{
	snprintf(text, SESSION_PARAMS_TEXT_MAX,
		"%g s, %u missed, %u B/s, %u repeats, %u.%02u s x %u.%02u",
		p->heartbeat_ms / (double)SECOND_MS, p->missing_hb_allowed, p->probing_rate,
		p->max_retransmit, p->ack_timeout / DECIMAL, p->ack_timeout % DECIMAL,
		p->ack_random_factor / DECIMAL, p->ack_random_factor % DECIMAL);
	return text;
}

void
session_config_init(
	struct session_config *c, const struct session_params defaults[static SESSION_SETS])
{
	*c = (struct session_config){0};
	for (EACH_SET(s))
		c->sets[s] = defaults[s];
}

void
session_config_rebase(
	struct session_config *c, const struct session_params defaults[static SESSION_SETS])
{
	for (EACH_SET(s))
		for (EACH_ROW(row))
			if (!has(row, c->asked[s]))
				*session_param_at(row, &c->sets[s]) =
					session_param_get(row, &defaults[s]);
}

/* ---- a server ---- */

/* What is taken of that parameter, in our unit. */
static void
range_of(const struct session_param *row, const struct session_terms *t, uint32_t *ret_min,
	uint32_t *ret_max)
{
	*ret_min = session_param_get(row, &t->range.min);
	*ret_max = session_param_get(row, &t->range.max);
	for (EACH_SET(s)) {
		uint32_t own = session_param_get(row, &t->defaults[s]);

		if (is_off(row, own) || own % row->scale)
			continue;
		*ret_min = own < *ret_min ? own : *ret_min;
		*ret_max = own > *ret_max ? own : *ret_max;
	}
}

static bool
is_decimal(const struct session_param *row)
{
	return row->field == CONFIG_ACK_TIMEOUT || row->field == CONFIG_ACK_RANDOM_FACTOR;
}

/* A number of the wire, as people write it. */
static const char *
value_text(const struct session_param *row, int64_t value, char text[static VALUE_TEXT_MAX])
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;

	if (is_decimal(row))
		snprintf(text, VALUE_TEXT_MAX, "%s%" PRIu64 ".%02u", value < 0 ? "-" : "",
			size / DECIMAL, (unsigned)(size % DECIMAL));
	else
		snprintf(text, VALUE_TEXT_MAX, "%" PRId64, value);
	return text;
}

/* The form of one attribute; NULL or what is wrong with it. */
static const char *
check_form(const struct session_param *row, const struct config_set *set, bool reliable)
{
	uint64_t said;

	if (!has(row, set->has))
		return NULL;
	said = asked_of(row, set)->has;
	if (said & (1ULL << PARAM_MAX | 1ULL << PARAM_MIN))
		return "has a max-value or min-value, which is the server's to say";
	if (!(said & 1ULL << PARAM_CURRENT))
		return "has no current-value";
	return reliable && !row->reliable ? "is not negotiated over TCP" : NULL;
}

static struct verdict
check_forms(const struct config_set asked[static SESSION_SETS], bool reliable)
{
	bool some = false;

	for (EACH_SET(s))
		for (EACH_ROW(row)) {
			const char *wrong = check_form(row, &asked[s], reliable);

			if (wrong)
				return verdict_of(COAP_400_BAD_REQUEST,
					"RFC 9132 4.5.2: %s of %s %s", row->name, set_names[s],
					wrong);
			some = some || has(row, asked[s].has);
		}
	if (!some)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.5.2: none of heartbeat-interval, missing-hb-allowed, "
			"probing-rate, max-retransmit, ack-timeout and ack-random-factor");
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

/* RFC 9362 3, of what has no effect here. */
static struct verdict
check_robust(const struct config_set asked[static SESSION_SETS])
{
	static const uint64_t ranged = 1ULL << PARAM_MAX | 1ULL << PARAM_MIN;
	const struct config_set *m = &asked[SESSION_MITIGATING], *i = &asked[SESSION_IDLE];
	const uint64_t both = m->has & i->has;

	for (EACH_SET(s)) {
		const struct config_set *set = &asked[s];
		uint64_t said = set->max_payloads.has | set->non_max_retransmit.has |
				set->non_timeout.has | set->non_receive_timeout.has |
				set->non_probing_wait.has | set->non_partial_timeout.has;

		if (said & ranged)
			return verdict_of(COAP_400_BAD_REQUEST,
				"RFC 9362 3: %s has a max-value or min-value, which is the "
				"server's to say",
				set_names[s]);
	}
	if (both >> CONFIG_MAX_PAYLOADS & 1 && m->max_payloads.current != i->max_payloads.current)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9362 3: max-payloads is %" PRId64 " and %" PRId64
			", which has to be the same in both sets",
			m->max_payloads.current, i->max_payloads.current);
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

static struct verdict
check_values(const struct session_terms *t, const struct config_set asked[static SESSION_SETS])
{
	char value[VALUE_TEXT_MAX], min_text[VALUE_TEXT_MAX], max_text[VALUE_TEXT_MAX];

	for (EACH_SET(s))
		for (EACH_ROW(row)) {
			int64_t v = asked_of(row, &asked[s])->current;
			uint32_t min, max;

			if (!has(row, asked[s].has) || is_off(row, v))
				continue;
			range_of(row, t, &min, &max);
			if (v * row->scale >= min && v * row->scale <= max)
				continue;
			return verdict_of(COAP_422_UNPROCESSABLE_ENTITY,
				"RFC 9132 4.5.2: %s of %s is %s, taken are %s to %s", row->name,
				set_names[s], value_text(row, v, value),
				value_text(row, (min + row->scale - 1) / row->scale, min_text),
				value_text(row, max / row->scale, max_text));
		}
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

/* Puts the values of a PUT into c, whose sets hold what goes for the others. */
static void
take(struct session_config *c, uint32_t sid, const struct config_set asked[static SESSION_SETS])
{
	c->negotiated = true;
	c->sid = sid;
	for (EACH_SET(s))
		for (EACH_ROW(row)) {
			if (!has_current(row, &asked[s]))
				continue;
			c->asked[s] |= 1ULL << row->field;
			*session_param_at(row, &c->sets[s]) =
				(uint32_t)asked_of(row, &asked[s])->current * row->scale;
		}
}

struct verdict
session_config_put(struct session_config *c, const struct session_terms *t, bool reliable,
	uint32_t sid, const struct config_set asked[static SESSION_SETS])
{
	bool again = c->negotiated && sid == c->sid;
	struct verdict v = check_forms(asked, reliable);

	if (c->negotiated && sid < c->sid)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9132 4.5.2: sid %u is below sid %u on record", sid, c->sid);
	if (verdict_ok(&v))
		v = check_robust(asked);
	if (verdict_ok(&v))
		v = check_values(t, asked);
	if (!verdict_ok(&v))
		return v;
	session_config_init(c, t->defaults);
	take(c, sid, asked);
	v.code = again ? COAP_204_CHANGED : COAP_201_CREATED;
	return v;
}

static void
describe_param(const struct session_param *row, const struct session_terms *t, uint32_t value,
	struct config_set *ret)
{
	struct config_param *p = (struct config_param *)(void *)((char *)ret + row->in_set);
	uint32_t min, max;

	range_of(row, t, &min, &max);
	ret->has |= 1ULL << row->field;
	p->has = 1ULL << PARAM_CURRENT | 1ULL << PARAM_MIN | 1ULL << PARAM_MAX;
	p->current = value / row->scale;
	p->min = (min + row->scale - 1) / row->scale;
	p->max = max / row->scale;
}

void
session_config_describe(const struct session_config *c, const struct session_terms *t,
	bool reliable, struct config_set ret[static SESSION_SETS])
{
	for (EACH_SET(s)) {
		ret[s] = (struct config_set){0};
		for (EACH_ROW(row)) {
			uint32_t value = session_param_get(row, &c->sets[s]);

			if (value % row->scale == 0 && (row->reliable || !reliable))
				describe_param(row, t, value, &ret[s]);
		}
	}
}

/* ---- a client ---- */

/* The value to ask for, in units of the wire. */
static int64_t
fit(const struct session_param *row, const struct session_choice *wanted,
	const struct config_param *told, uint64_t *clamped)
{
	int64_t v = session_param_get(row, &wanted->params) / row->scale, fitting = v;

	if (is_off(row, v))
		return v;
	if (told->has & 1ULL << PARAM_MAX && fitting > told->max)
		fitting = told->max;
	if (told->has & 1ULL << PARAM_MIN && fitting < told->min)
		fitting = told->min;
	if (fitting != v)
		*clamped |= 1ULL << row->field;
	return fitting;
}

static bool
is_to_be_asked(const struct session_param *row, const struct session_choice *wanted,
	const struct config_set *told)
{
	return has(row, wanted->has) && has(row, told->has) &&
	       session_param_get(row, &wanted->params) % row->scale == 0;
}

bool
session_config_ask(const struct session_choice wanted[static SESSION_SETS],
	const struct config_set told[static SESSION_SETS],
	struct config_set ret[static SESSION_SETS], uint64_t *ret_clamped)
{
	bool differs = false;

	*ret_clamped = 0;
	for (EACH_SET(s)) {
		ret[s] = (struct config_set){0};
		for (EACH_ROW(row)) {
			const struct config_param *is = asked_of(row, &told[s]);
			struct config_param *p =
				(struct config_param *)(void *)((char *)&ret[s] + row->in_set);

			if (!is_to_be_asked(row, &wanted[s], &told[s]))
				continue;
			ret[s].has |= 1ULL << row->field;
			p->has = 1ULL << PARAM_CURRENT;
			p->current = fit(row, &wanted[s], is, ret_clamped);
			differs =
				differs || !has_current(row, &told[s]) || p->current != is->current;
		}
	}
	return differs;
}

/* Whether a peer may make us do that; ours is what we do without it. */
static bool
is_bearable(const struct session_param *row, int64_t value, uint32_t ours)
{
	uint32_t least = row->least;

	if (row->field == CONFIG_HEARTBEAT_INTERVAL) {
		if (ours % row->scale)
			return false;
		least = ours && ours < least ? ours : least;
	}
	return is_off(row, value) ||
	       (value * row->scale >= least && value * row->scale <= row->most);
}

void
session_config_told(struct session_config *c,
	const struct session_params defaults[static SESSION_SETS],
	const struct config_set told[static SESSION_SETS])
{
	session_config_init(c, defaults);
	for (EACH_SET(s))
		for (EACH_ROW(row)) {
			uint32_t *at = session_param_at(row, &c->sets[s]);
			int64_t value = asked_of(row, &told[s])->current;

			if (has_current(row, &told[s]) && is_bearable(row, value, *at))
				*at = (uint32_t)value * row->scale;
		}
}

void
session_config_agreed(
	struct session_config *c, uint32_t sid, const struct config_set asked[static SESSION_SETS])
{
	take(c, sid, asked);
}
