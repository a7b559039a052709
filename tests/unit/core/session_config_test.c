/* Session configuration (RFC 9132 4.5, RFC 9362): what a server takes, what a client makes of it.
 */
#include "fixture.h"

#include "core/session_config.h"

#define BIT(field) (1ULL << CONFIG_##field)

static const struct session_terms terms = {
	.defaults = {{30000, 15, 5, 3, 200, 150}, {60000, 10, 5, 3, 200, 150}},
	.range = {{15000, 3, 5, 2, 100, 110}, {240000, 20, 20, 15, 3000, 400}},
	.max_age = UINT32_MAX};

static struct config_param
current(int64_t value)
{
	return (struct config_param){.has = 1ULL << PARAM_CURRENT, .current = value};
}

static struct config_set
interval(int64_t seconds)
{
	return (struct config_set){
		.has = BIT(HEARTBEAT_INTERVAL), .heartbeat_interval = current(seconds)};
}

static struct verdict
put(struct session_config *c, uint32_t sid, const struct config_set *mitigating,
	const struct config_set *idle)
{
	struct config_set asked[SESSION_SETS] = {{0}};

	if (mitigating)
		asked[SESSION_MITIGATING] = *mitigating;
	if (idle)
		asked[SESSION_IDLE] = *idle;
	return session_config_put(c, &terms, false, sid, asked);
}

static void
assert_refused(const struct verdict *v, uint8_t code, const char *why)
{
	assert_int_equal(v->code, code);
	if (!strstr(v->why, why))
		fail_msg("\"%s\" without \"%s\"", v->why, why);
}

/* 9132-4.5.2-02 to -06, 9132-4.5.2-15, 9132-5.3-12 to -17 (defaults) */
static void
the_defaults_are_those_of_the_rfc(void **state)
{
	const struct session_choice none = {0};
	struct session_params p = session_params_of(&HEARTBEAT_CONFIG_DEFAULT, &none);
	char text[SESSION_PARAMS_TEXT_MAX];

	(void)state;
	assert_string_equal(session_params_format(&p, text),
		"30 s, 15 missed, 5 B/s, 3 repeats, 2.00 s x 1.50");
	assert_int_equal(session_range_default.min.heartbeat_ms, 15000);
	assert_int_equal(session_range_default.max.heartbeat_ms, 240000);
}

/* 9132-4.5.2-35, 9132-4.5.2-36, 9132-4.5.2-28, 9132-4.5.2-30: 2.01, 2.04 for the same sid, a higher
 * one takes its place, a lower one is refused. */
static void
sids_ascend(void **state)
{
	const struct config_set i60 = interval(60), i90 = interval(90);
	struct session_config c;
	struct verdict v;

	(void)state;
	session_config_init(&c, terms.defaults);
	v = put(&c, 7, &i60, NULL);
	assert_int_equal(v.code, COAP_201_CREATED);
	v = put(&c, 7, &i90, NULL);
	assert_int_equal(v.code, COAP_204_CHANGED);
	assert_int_equal(c.sets[SESSION_MITIGATING].heartbeat_ms, 90000);
	v = put(&c, UINT32_MAX, &i60, NULL); /* 9132-4.5.2-21 */
	assert_int_equal(v.code, COAP_201_CREATED);
	assert_int_equal(c.sid, UINT32_MAX);
	v = put(&c, 8, &i90, NULL);
	assert_refused(&v, COAP_400_BAD_REQUEST, "sid 8 is below sid 4294967295");
	assert_int_equal(c.sets[SESSION_MITIGATING].heartbeat_ms, 60000);
}

/* 9132-4.5.2-17, 9132-4.5.2-26, 9132-4.5.2-27, 9132-4.5.2-29, 9132-4.5.2-30: what a PUT leaves out
 * has the default, whatever an older one said, in either set. */
static void
what_is_left_out_has_the_default(void **state)
{
	struct config_set first = interval(60), second = {0};
	struct session_config c;
	struct verdict v;

	(void)state;
	first.has |= BIT(MAX_RETRANSMIT);
	first.max_retransmit = current(5);
	second.has = BIT(ACK_TIMEOUT);
	second.ack_timeout = current(300);
	session_config_init(&c, terms.defaults);
	put(&c, 1, &first, NULL);
	assert_int_equal(c.sets[SESSION_MITIGATING].max_retransmit, 5);
	assert_int_equal(c.sets[SESSION_MITIGATING].ack_timeout, 200);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 60000);
	assert_int_equal(c.sets[SESSION_IDLE].missing_hb_allowed, 10);
	v = put(&c, 2, NULL, &second);
	assert_int_equal(v.code, COAP_201_CREATED);
	assert_int_equal(c.sets[SESSION_MITIGATING].max_retransmit, 3);
	assert_int_equal(c.sets[SESSION_MITIGATING].heartbeat_ms, 30000);
	assert_int_equal(c.sets[SESSION_IDLE].ack_timeout, 300);
}

/* 9132-4.5.2-17: other defaults of the server go for what was not negotiated. */
static void
new_defaults_leave_what_was_negotiated(void **state)
{
	struct session_params defaults[SESSION_SETS] = {
		{20000, 4, 6, 4, 300, 200}, {20000, 4, 6, 4, 300, 200}};
	const struct config_set i90 = interval(90);
	struct session_config c;

	(void)state;
	session_config_init(&c, terms.defaults);
	put(&c, 1, &i90, NULL);
	session_config_rebase(&c, defaults);
	assert_int_equal(c.sets[SESSION_MITIGATING].heartbeat_ms, 90000);
	assert_int_equal(c.sets[SESSION_MITIGATING].missing_hb_allowed, 4);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 20000);
}

/* 9132-4.5.2-25, 9132-4.5.2-32, 9132-4.5.2-34, 9132-5.1-03 */
static void
what_is_malformed_is_named(void **state)
{
	struct config_set set = interval(60);
	struct session_config c;
	struct verdict v;

	(void)state;
	session_config_init(&c, terms.defaults);
	v = put(&c, 1, NULL, NULL);
	assert_refused(&v, COAP_400_BAD_REQUEST, "none of heartbeat-interval");
	set.heartbeat_interval.has |= 1ULL << PARAM_MIN;
	v = put(&c, 1, NULL, &set);
	assert_refused(&v, COAP_400_BAD_REQUEST,
		"heartbeat-interval of idle-config has a max-value or min-value");
	set.heartbeat_interval.has = 0;
	v = put(&c, 1, &set, NULL);
	assert_refused(&v, COAP_400_BAD_REQUEST,
		"heartbeat-interval of mitigating-config has no current-value");
	assert_false(c.negotiated);
}

/* 9132-4.5.2-07, -09, -10, -11, -37, 9132-9-13: nothing of a PUT is applied if one value is out of
 * the range; 0 switches heartbeats off (9132-4.5.1-06). */
static void
values_out_of_the_range_are_refused_whole(void **state)
{
	static const struct {
		size_t at;
		uint64_t bit;
		int64_t value;
		const char *why;
	} bad[] = {
		{offsetof(struct config_set, heartbeat_interval), BIT(HEARTBEAT_INTERVAL), 14,
			"heartbeat-interval of idle-config is 14, taken are 15 to 240"},
		{offsetof(struct config_set, heartbeat_interval), BIT(HEARTBEAT_INTERVAL), 241,
			"is 241, taken are 15 to 240"},
		{offsetof(struct config_set, missing_hb_allowed), BIT(MISSING_HB_ALLOWED), 2,
			"missing-hb-allowed of idle-config is 2, taken are 3 to 20"},
		{offsetof(struct config_set, probing_rate), BIT(PROBING_RATE), 21,
			"probing-rate of idle-config is 21, taken are 5 to 20"},
		{offsetof(struct config_set, max_retransmit), BIT(MAX_RETRANSMIT), 16,
			"max-retransmit of idle-config is 16, taken are 2 to 15"},
		{offsetof(struct config_set, ack_timeout), BIT(ACK_TIMEOUT), 99,
			"ack-timeout of idle-config is 0.99, taken are 1.00 to 30.00"},
		{offsetof(struct config_set, ack_random_factor), BIT(ACK_RANDOM_FACTOR), 401,
			"ack-random-factor of idle-config is 4.01, taken are 1.10 to 4.00"},
		{offsetof(struct config_set, ack_timeout), BIT(ACK_TIMEOUT), INT64_MIN,
			"ack-timeout of idle-config is -92233720368547758.08"},
	};
	const struct config_set good = interval(240), off = interval(0);
	struct session_config c;

	(void)state;
	session_config_init(&c, terms.defaults);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config_set set = {.has = bad[i].bit};
		struct verdict v;

		*(struct config_param *)(void *)((char *)&set + bad[i].at) = current(bad[i].value);
		v = put(&c, 1, &good, &set);
		assert_refused(&v, COAP_422_UNPROCESSABLE_ENTITY, bad[i].why);
		assert_false(c.negotiated);
		assert_int_equal(c.sets[SESSION_MITIGATING].heartbeat_ms, 30000);
	}
	assert_int_equal(put(&c, 1, &good, &off).code, COAP_201_CREATED);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 0);
}

/* A server's own values are good whatever its range says. */
static void
own_values_are_always_taken(void **state)
{
	struct session_terms own = terms;
	struct config_set asked[SESSION_SETS] = {{0}}, told[SESSION_SETS];
	struct session_config c;

	(void)state;
	own.defaults[SESSION_MITIGATING].heartbeat_ms = 2000;
	own.defaults[SESSION_IDLE].heartbeat_ms = 1500; /* cannot be told */
	session_config_init(&c, own.defaults);
	session_config_describe(&c, &own, false, told);
	assert_int_equal(told[SESSION_MITIGATING].heartbeat_interval.current, 2);
	assert_int_equal(told[SESSION_MITIGATING].heartbeat_interval.min, 2);
	assert_false(told[SESSION_IDLE].has & BIT(HEARTBEAT_INTERVAL));
	asked[SESSION_IDLE] = interval(2);
	assert_int_equal(session_config_put(&c, &own, false, 1, asked).code, COAP_201_CREATED);
	asked[SESSION_IDLE] = interval(1);
	assert_int_equal(
		session_config_put(&c, &own, false, 2, asked).code, COAP_422_UNPROCESSABLE_ENTITY);
}

/* 9132-4.5.1-04, 9132-4.5.1-07 to -13, 9362-4-03: every parameter with its range, none of RFC 9362.
 */
static void
a_get_tells_values_and_ranges(void **state)
{
	struct config_set told[SESSION_SETS];
	struct session_config c;

	(void)state;
	session_config_init(&c, terms.defaults);
	session_config_describe(&c, &terms, false, told);
	for (int s = 0; s < SESSION_SETS; s++)
		assert_int_equal(told[s].has, (1ULL << SESSION_PARAMS) - 1);
	assert_int_equal(told[SESSION_IDLE].heartbeat_interval.current, 60);
	assert_int_equal(told[SESSION_IDLE].missing_hb_allowed.current, 10);
	assert_int_equal(told[SESSION_MITIGATING].missing_hb_allowed.max, 20);
	assert_int_equal(told[SESSION_MITIGATING].probing_rate.current, 5);
	assert_int_equal(told[SESSION_MITIGATING].max_retransmit.min, 2);
	assert_int_equal(told[SESSION_MITIGATING].ack_timeout.max, 3000);
	assert_int_equal(told[SESSION_MITIGATING].ack_random_factor.min, 110);
}

/* 9132-4.5-06 */
static void
over_tcp_two_parameters_are_negotiated(void **state)
{
	struct config_set asked[SESSION_SETS] = {{0}}, told[SESSION_SETS];
	struct session_config c;
	struct verdict v;

	(void)state;
	session_config_init(&c, terms.defaults);
	session_config_describe(&c, &terms, true, told);
	assert_int_equal(told[SESSION_IDLE].has, BIT(HEARTBEAT_INTERVAL) | BIT(PROBING_RATE));
	asked[SESSION_IDLE] = interval(90);
	assert_int_equal(session_config_put(&c, &terms, true, 1, asked).code, COAP_201_CREATED);
	asked[SESSION_IDLE].has |= BIT(MISSING_HB_ALLOWED);
	asked[SESSION_IDLE].missing_hb_allowed = current(5);
	v = session_config_put(&c, &terms, true, 2, asked);
	assert_refused(&v, COAP_400_BAD_REQUEST,
		"missing-hb-allowed of idle-config is not "
		"negotiated over TCP");
}

/* 9362-3-12, 9362-3-24, 9362-3-26, 9362-4-03: what RFC 9362 adds is looked at and has no effect. */
static void
robust_transmission_has_no_effect(void **state)
{
	struct config_set m = interval(30), i = {0};
	struct session_config c;
	struct verdict v;

	(void)state;
	session_config_init(&c, terms.defaults);
	i.has = BIT(MAX_PAYLOADS);
	i.max_payloads = current(15);
	v = put(&c, 1, NULL, &i); /* 9132-4.5.2-25: none of the six */
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	m.has |= BIT(MAX_PAYLOADS);
	m.max_payloads = current(15);
	assert_int_equal(put(&c, 1, &m, &i).code, COAP_201_CREATED);
	m.max_payloads = current(14);
	v = put(&c, 2, &m, &i);
	assert_refused(&v, COAP_400_BAD_REQUEST, "max-payloads is 14 and 15");
	m.max_payloads = (struct config_param){.has = 1ULL << PARAM_MAX, .max = 15};
	v = put(&c, 2, &m, NULL);
	assert_refused(&v, COAP_400_BAD_REQUEST, "RFC 9362 3: mitigating-config has a max-value");
}

/* ---- a client ---- */

static void
tell(struct config_set told[static SESSION_SETS])
{
	struct session_config c;

	session_config_init(&c, terms.defaults);
	session_config_describe(&c, &terms, false, told);
}

/* Who wants what is there asks for nothing, and nobody has to want anything. */
static void
nothing_is_asked_that_is_there(void **state)
{
	struct session_choice wanted[SESSION_SETS] = {{0}};
	struct config_set told[SESSION_SETS], offer[SESSION_SETS];
	uint64_t clamped;

	(void)state;
	tell(told);
	assert_false(session_config_ask(wanted, told, offer, &clamped));
	wanted[SESSION_IDLE] = (struct session_choice){
		BIT(HEARTBEAT_INTERVAL) | BIT(MISSING_HB_ALLOWED), terms.defaults[SESSION_IDLE]};
	assert_false(session_config_ask(wanted, told, offer, &clamped));
	assert_int_equal(clamped, 0);
}

/* 9132-4.5.2-39: all of what is wanted is in the PUT, for what is left out goes back to the
 * default; out of the range the nearest end is asked for. */
static void
what_is_wanted_is_asked_within_the_range(void **state)
{
	struct session_choice wanted[SESSION_SETS] = {{0}};
	struct config_set told[SESSION_SETS], offer[SESSION_SETS];
	uint64_t clamped;

	(void)state;
	tell(told);
	wanted[SESSION_IDLE].has = BIT(HEARTBEAT_INTERVAL) | BIT(MISSING_HB_ALLOWED);
	wanted[SESSION_IDLE].params.heartbeat_ms = 600000;
	wanted[SESSION_IDLE].params.missing_hb_allowed = 10; /* as it is */
	assert_true(session_config_ask(wanted, told, offer, &clamped));
	assert_int_equal(clamped, BIT(HEARTBEAT_INTERVAL));
	assert_int_equal(offer[SESSION_MITIGATING].has, 0);
	assert_int_equal(
		offer[SESSION_IDLE].has, BIT(HEARTBEAT_INTERVAL) | BIT(MISSING_HB_ALLOWED));
	assert_int_equal(offer[SESSION_IDLE].heartbeat_interval.current, 240);
	assert_int_equal(offer[SESSION_IDLE].missing_hb_allowed.current, 10);
	wanted[SESSION_IDLE].params.heartbeat_ms = 0; /* off is no matter of the range */
	assert_true(session_config_ask(wanted, told, offer, &clamped));
	assert_int_equal(offer[SESSION_IDLE].heartbeat_interval.current, 0);
	assert_int_equal(clamped, 0);
	wanted[SESSION_IDLE].params.heartbeat_ms = 1500; /* cannot be said */
	assert_false(session_config_ask(wanted, told, offer, &clamped));
	told[SESSION_IDLE].has = 0; /* a server that tells nothing of it negotiates nothing of it */
	wanted[SESSION_IDLE].params.heartbeat_ms = 60000;
	assert_false(session_config_ask(wanted, told, offer, &clamped));
}

/* 9132-4.5.2-17: what the server told goes, and ours where it told nothing. */
static void
what_was_told_is_in_force(void **state)
{
	struct session_params own[SESSION_SETS] = {SESSION_PARAMS_DEFAULT, SESSION_PARAMS_DEFAULT};
	struct config_set told[SESSION_SETS], asked[SESSION_SETS] = {{0}};
	struct session_config c;

	(void)state;
	tell(told);
	told[SESSION_IDLE].has &= ~BIT(MISSING_HB_ALLOWED);
	session_config_told(&c, own, told);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 60000);
	assert_int_equal(c.sets[SESSION_IDLE].missing_hb_allowed, 15);
	asked[SESSION_IDLE] = interval(0);
	session_config_agreed(&c, 9, asked);
	assert_true(c.negotiated && c.sid == 9);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 0);
	assert_int_equal(c.sets[SESSION_MITIGATING].heartbeat_ms, 30000);
}

/* 9132-4.5.2-07, 9132-4.5.2-16: no server makes us send faster than the RFCs allow. */
static void
what_no_server_may_make_us_do_is_left(void **state)
{
	struct session_params own[SESSION_SETS] = {SESSION_PARAMS_DEFAULT, SESSION_PARAMS_DEFAULT};
	struct config_set told[SESSION_SETS];
	struct config_set *set = &told[SESSION_IDLE];
	struct session_config c;

	(void)state;
	tell(told);
	set->heartbeat_interval = current(14);
	set->missing_hb_allowed = current(0);
	set->probing_rate = current(0);
	set->max_retransmit = current(60000);
	set->ack_timeout = current(1);
	set->ack_random_factor = current(50);
	session_config_told(&c, own, told);
	assert_memory_equal(&c.sets[SESSION_IDLE], &own[SESSION_IDLE], sizeof(own[0]));
	set->ack_timeout = current(INT64_MAX);
	set->ack_random_factor = current(INT64_MIN);
	session_config_told(&c, own, told);
	assert_memory_equal(&c.sets[SESSION_IDLE], &own[SESSION_IDLE], sizeof(own[0]));
	own[SESSION_IDLE].heartbeat_ms = 2000; /* ours are that frequent */
	session_config_told(&c, own, told);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 14000);
	own[SESSION_IDLE].heartbeat_ms = 500;
	session_config_told(&c, own, told);
	assert_int_equal(c.sets[SESSION_IDLE].heartbeat_ms, 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_rfc),
		cmocka_unit_test(sids_ascend),
		cmocka_unit_test(what_is_left_out_has_the_default),
		cmocka_unit_test(new_defaults_leave_what_was_negotiated),
		cmocka_unit_test(what_is_malformed_is_named),
		cmocka_unit_test(values_out_of_the_range_are_refused_whole),
		cmocka_unit_test(own_values_are_always_taken),
		cmocka_unit_test(a_get_tells_values_and_ranges),
		cmocka_unit_test(over_tcp_two_parameters_are_negotiated),
		cmocka_unit_test(robust_transmission_has_no_effect),
		cmocka_unit_test(nothing_is_asked_that_is_there),
		cmocka_unit_test(what_is_wanted_is_asked_within_the_range),
		cmocka_unit_test(what_was_told_is_in_force),
		cmocka_unit_test(what_no_server_may_make_us_do_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
