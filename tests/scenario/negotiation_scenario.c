/* Session configuration in virtual time (RFC 9132 4.5): what is agreed on is in force at both ends,
 * in the set that the mitigations call for, and is asked for when nothing is urgent. */
#include "behind.h"
#include "scene.h"

#define BIT(field)       (1ULL << CONFIG_##field)
#define BEATS_OF(host)   .from = (host), .code = COAP_PUT, .resource = PATH_HB
#define CONFIGS_OF(host) .from = (host), .resource = PATH_CONFIG

static struct config_param
ranged(int64_t min, int64_t current, int64_t max)
{
	return (struct config_param){
		.has = 1ULL << PARAM_MAX | 1ULL << PARAM_MIN | 1ULL << PARAM_CURRENT,
		.max = max,
		.min = min,
		.current = current};
}

static struct config_set
interval(int64_t seconds)
{
	return (struct config_set){.has = BIT(HEARTBEAT_INTERVAL),
		.heartbeat_interval = {.has = 1ULL << PARAM_CURRENT, .current = seconds}};
}

/* Wants that interval in that set. */
static void
want(struct domain *d, enum session_set set, uint32_t heartbeat_ms)
{
	d->session[set].has |= BIT(HEARTBEAT_INTERVAL);
	d->session[set].params.heartbeat_ms = heartbeat_ms;
}

/* ---- a server ---- */

struct at_hand {
	struct scene *x;
	struct hand h;
};

static void
begin(struct at_hand *t, struct scene *x)
{
	t->x = x;
	provider_start(&x->isp1);
	hand_make(&t->h, "acme", "10.0.0.1/24");
	hand_dial(&t->h, "s1", "192.0.2.10");
	virtual_mark();
}

static void
end(struct at_hand *t)
{
	hand_free(&t->h);
}

/* Asks and waits for the answer. */
static uint8_t
config(struct at_hand *t, uint8_t method, uint32_t sid, const struct config_set *sets)
{
	hand_config(&t->h, COAP_CON, method, sid, sets);
	UNTIL(1 * S, t->h.code != 0);
	return t->h.code;
}

/* 8811-3.1.2-07, 9132-4.5-01, 9132-4.5-10, 9132-4.5.1-01, 9132-4.5.2-01, -20, -28, -30, -33, -35,
 * -36, -40, 9132-4.5.3-01, 9132-4.5.3-10, 9132-4.5.4-01, -02, -04: the life of a configuration. */
static void
it_is_told_negotiated_and_deleted(void **state)
{
	struct config_set sets[SESSION_SETS] = {interval(60), interval(0)};
	struct at_hand t;

	begin(&t, *state);
	assert_int_equal(config(&t, COAP_GET, 0, NULL), COAP_205_CONTENT);
	assert_int_equal(t.h.max_age, UINT32_MAX);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.current, 30);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.max, 240);
	assert_int_equal(config(&t, COAP_GET, 7, NULL), COAP_404_NOT_FOUND);
	assert_int_equal(config(&t, COAP_PUT, 0, sets), COAP_400_BAD_REQUEST);
	assert_non_null(strstr(t.h.text, "sid is missing"));
	assert_int_equal(config(&t, COAP_PUT, 7, sets), COAP_201_CREATED);
	assert_int_equal(config(&t, COAP_PUT, 7, sets), COAP_204_CHANGED);
	assert_int_equal(config(&t, COAP_GET, 7, NULL), COAP_205_CONTENT);
	assert_int_equal(t.h.max_age, UINT32_MAX);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.current, 0);
	assert_int_equal(config(&t, COAP_PUT, 6, sets), COAP_400_BAD_REQUEST);
	assert_int_equal(config(&t, COAP_PUT, 8, sets), COAP_201_CREATED);
	assert_int_equal(config(&t, COAP_GET, 7, NULL), COAP_404_NOT_FOUND);
	assert_int_equal(config(&t, COAP_DELETE, 7, NULL), COAP_202_DELETED); /* not there */
	assert_int_equal(config(&t, COAP_GET, 8, NULL), COAP_205_CONTENT);
	assert_int_equal(config(&t, COAP_DELETE, 8, NULL), COAP_202_DELETED);
	assert_int_equal(config(&t, COAP_GET, 8, NULL), COAP_404_NOT_FOUND);
	assert_int_equal(config(&t, COAP_PUT, 8, sets), COAP_201_CREATED);
	assert_int_equal(config(&t, COAP_DELETE, 0, NULL), COAP_202_DELETED);
	assert_int_equal(config(&t, COAP_GET, 0, NULL), COAP_205_CONTENT);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.current, 30);
	assert_int_equal(COUNT(.from = t.h.loop, .resource = PATH_CONFIG), 16);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(PACKET(i, CONFIGS_OF(t.x->isp1.loop))->type, COAP_ACK);
	end(&t);
}

/* 9132-4.5.2-37, 9132-9-13: 4.22 names what is taken, and changes nothing. */
static void
what_is_not_taken_is_422(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(241)};
	struct at_hand t;

	begin(&t, *state);
	assert_int_equal(config(&t, COAP_PUT, 1, sets), COAP_422_UNPROCESSABLE_ENTITY);
	assert_non_null(strstr(t.h.text, "heartbeat-interval of idle-config is 241, taken are 15 "
					 "to 240"));
	assert_int_equal(config(&t, COAP_GET, 1, NULL), COAP_404_NOT_FOUND);
	end(&t);
}

/* A Non-confirmable PUT is served, too. */
static void
a_non_confirmable_put_is_served(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(120)};
	struct at_hand t;

	begin(&t, *state);
	hand_config(&t.h, COAP_NON, COAP_PUT, 1, sets);
	UNTIL(1 * S, t.h.code == COAP_201_CREATED);
	assert_int_equal(PACKET(0, CONFIGS_OF(t.x->isp1.loop))->type, COAP_NON);
	end(&t);
}

/* 8811-3.1.2-08, 8612-SIG-004-03, 9132-4.5-03, 9132-4.5-07 to -09, 9132-4.5.1-05, -06, -12: the
 * server beats and judges by the set that the client's mitigations call for; the two differ. */
static void
the_server_follows_the_mitigations(void **state)
{
	struct config_set sets[SESSION_SETS] = {interval(15), interval(0)};
	struct at_hand t;
	unsigned n;

	begin(&t, *state);
	sets[SESSION_MITIGATING].has |= BIT(MISSING_HB_ALLOWED);
	sets[SESSION_MITIGATING].missing_hb_allowed = ranged(0, 3, 0);
	sets[SESSION_MITIGATING].missing_hb_allowed.has = 1ULL << PARAM_CURRENT;
	assert_int_equal(config(&t, COAP_PUT, 1, sets), COAP_201_CREATED);
	virtual_run(1 * HOUR);
	assert_int_equal(t.h.heartbeats, 0);
	hand_put(&t.h, 1, "192.0.2.66/32", 3600);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_in_range(t.h.heartbeats, 39, 40);
	assert_int_equal(GAP(BEATS_OF(t.x->isp1.loop)), 15 * S);
	hand_delete(&t.h, 1);
	virtual_run(1 * S);
	n = t.h.heartbeats;
	virtual_run(1 * HOUR);
	assert_int_equal(t.h.heartbeats, n);
	/* Three of 15 s are missed now, instead of fifteen of 30 s. */
	hand_put(&t.h, 2, "192.0.2.66/32", 36000);
	virtual_run(1 * MINUTE);
	virtual_way(t.h.loop, "eth0")->lose_out = true;
	virtual_mark();
	UNTIL(50 * S, virtual_events(EVENT_SESSION_DOWN, "role=server") == 1);
	end(&t);
}

/* 9132-4.5.2-18: of one session only; it dies with it, also when the next one is resumed. */
static void
it_belongs_to_one_session(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(120)};
	struct at_hand t;
	struct hand other;

	begin(&t, *state);
	hand_make(&other, "acme", "10.0.1.1/24");
	hand_dial(&other, "s1", "192.0.2.10");
	assert_int_equal(config(&t, COAP_PUT, 1, sets), COAP_201_CREATED);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(t.h.heartbeats, 5);
	assert_in_range(other.heartbeats, 20, 21);
	hand_dial(&t.h, "s1", "192.0.2.10");
	assert_int_equal(config(&t, COAP_GET, 1, NULL), COAP_404_NOT_FOUND);
	assert_int_equal(config(&t, COAP_GET, 0, NULL), COAP_205_CONTENT);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.current, 30);
	hand_free(&other);
	end(&t);
}

/* 9132-4.5.3-12, 9132-4.4.2.1-01: who observes is told of other defaults of the server, and of what
 * it negotiates itself; Confirmable (9132-4.5-10). Nothing is told when nothing changed. */
static void
changes_are_notified(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(120)};
	struct at_hand t;

	begin(&t, *state);
	hand_observe_config(&t.h, 0);
	UNTIL(1 * S, t.h.config_notifications == 1);
	server_reload(t.x->isp1.server, &t.x->isp1.setup);
	virtual_run(1 * S);
	assert_int_equal(t.h.config_notifications, 1);
	t.x->isp1.setup.heartbeat.interval_ms = 60000;
	server_reload(t.x->isp1.server, &t.x->isp1.setup);
	UNTIL(1 * S, t.h.config_notifications == 2);
	assert_int_equal(t.h.config[SESSION_MITIGATING].heartbeat_interval.current, 60);
	assert_int_equal(PACKET(1, CONFIGS_OF(t.x->isp1.loop))->type, COAP_CON);
	assert_int_equal(config(&t, COAP_PUT, 1, sets), COAP_201_CREATED);
	UNTIL(1 * S, t.h.config_notifications == 3);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.current, 120);
	/* There is room for one observer: another one is answered once (RFC 7641 4.1). */
	hand_observe_config(&t.h, 1);
	UNTIL(1 * S, t.h.code == COAP_205_CONTENT);
	assert_int_equal(t.h.config_notifications, 3);
	t.x->isp1.setup.heartbeat.interval_ms = 30000;
	server_reload(t.x->isp1.server, &t.x->isp1.setup);
	virtual_run(1 * S);
	assert_int_equal(t.h.config_notifications, 4);
	assert_int_equal(t.h.config[SESSION_MITIGATING].heartbeat_interval.current, 30);
	assert_int_equal(t.h.config[SESSION_IDLE].heartbeat_interval.current, 120);
	end(&t);
}

/* RFC 7641 4.2: the end of what is observed is told, and ends it. */
static void
a_deleted_sid_is_the_last_word(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(120)};
	struct at_hand t;

	begin(&t, *state);
	assert_int_equal(config(&t, COAP_PUT, 1, sets), COAP_201_CREATED);
	hand_observe_config(&t.h, 1);
	UNTIL(1 * S, t.h.config_notifications == 1);
	hand_config(&t.h, COAP_CON, COAP_PUT, 2, sets);
	UNTIL(1 * S, t.h.code == COAP_404_NOT_FOUND);
	virtual_mark();
	t.x->isp1.setup.heartbeat.interval_ms = 60000;
	server_reload(t.x->isp1.server, &t.x->isp1.setup);
	virtual_run(10 * S);
	assert_int_equal(COUNT(CONFIGS_OF(t.x->isp1.loop)), 0);
	end(&t);
}

/* 9132-4.5.3-06, 9132-4.5.3-08, 9132-4.5.3-11, 9132-4.5.3-13: its time is told, and a client that
 * does not come back keeps its session. */
static void
nobody_is_closed_for_not_refreshing(void **state)
{
	struct scene *x = *state;
	struct at_hand t;

	x->isp1.setup.config_max_age = 20;
	begin(&t, x);
	assert_int_equal(config(&t, COAP_GET, 0, NULL), COAP_205_CONTENT);
	assert_int_equal(t.h.max_age, 20);
	hand_put(&t.h, 1, "192.0.2.66/32", 3600);
	virtual_run(2 * HOUR);
	assert_int_equal(provider_sessions(&x->isp1), 1);
	end(&t);
}

/* Whoever negotiates without end fills no log. */
static void
negotiations_are_told_ten_times_a_second(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(120)};
	struct at_hand t;

	begin(&t, *state);
	for (uint32_t i = 1; i <= 50; i++)
		hand_config(&t.h, COAP_NON, COAP_PUT, i, sets);
	virtual_run(500);
	assert_int_equal(COUNT(CONFIGS_OF(t.x->isp1.loop), .code = COAP_201_CREATED), 50);
	assert_int_equal(virtual_events(EVENT_SESSION_CONFIG, "role=server"), 10);
	end(&t);
}

/* ---- both ends ---- */

/* 9132-4.5-08, 9132-4.5-09, 9132-4.5.2-08, -12: our client negotiates, and both ends change their
 * pace with the mitigation, by themselves. */
static void
both_ends_follow_the_set(void **state)
{
	struct scene *x = *state;
	size_t beats;

	want(&x->us.homing->domains[1], SESSION_MITIGATING, 15 * S);
	want(&x->us.homing->domains[1], SESSION_IDLE, 120 * S);
	scene_start(x);
	UNTIL(1 * S, virtual_events(EVENT_SESSION_CONFIG, "role=client domain=isp2") == 1);
	assert_int_equal(virtual_events(EVENT_SESSION_CONFIG, "domain=isp1"), 0);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(COUNT(CONFIGS_OF(x->us.loop)), 0); /* good for ever */
	assert_int_equal(GAP(BEATS_OF(x->us.loop), .dial = 2), 120 * S);
	assert_int_equal(GAP(BEATS_OF(x->isp2.loop)), 120 * S);
	assert_int_equal(GAP(BEATS_OF(x->isp1.loop)), 30 * S);
	scene_place(x);
	virtual_run(2 * MINUTE);
	virtual_mark();
	virtual_run(10 * MINUTE);
	beats = COUNT(BEATS_OF(x->us.loop), .dial = 2);
	assert_in_range(beats, 39, 41);
	assert_in_range(COUNT(BEATS_OF(x->isp2.loop)), 39, 41);
	assert_int_equal(COUNT(CONFIGS_OF(x->us.loop)), 0);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	virtual_run(5 * MINUTE);
	virtual_mark();
	virtual_run(20 * MINUTE);
	assert_in_range(COUNT(BEATS_OF(x->us.loop), .dial = 2), 9, 11);
	assert_in_range(COUNT(BEATS_OF(x->isp2.loop)), 9, 11);
	assert_int_equal(virtual_events(EVENT_SESSION_SILENT, ""), 0);
}

/* 9132-4.5.2-31: switched off in idle time, the session is kept and takes a request at once. */
static void
without_idle_heartbeats_a_request_passes(void **state)
{
	struct scene *x = *state;

	want(&x->us.homing->domains[1], SESSION_IDLE, 0);
	scene_start(x);
	virtual_run(1 * S);
	virtual_mark();
	virtual_run(1 * DAY);
	assert_int_equal(COUNT(BEATS_OF(x->us.loop), .dial = 2), 0);
	assert_int_equal(COUNT(BEATS_OF(x->isp2.loop)), 0);
	scene_place(x);
	virtual_run(10 * MINUTE);
	assert_in_range(COUNT(BEATS_OF(x->us.loop), .dial = 2), 19, 21);
	assert_int_equal(COUNT(.kind = HELLO), 0);
}

/* 9132-4.5.1-02, 9132-4.5.1-03: a gateway negotiates on each side by itself. */
static void
a_gateway_relays_no_configuration(void **state)
{
	struct config_set sets[SESSION_SETS] = {{0}, interval(120)};
	struct behind *x = *state;

	virtual_run(10 * S);
	virtual_mark();
	hand_config(&x->c1, COAP_CON, COAP_GET, 0, NULL);
	UNTIL(1 * S, x->c1.code == COAP_205_CONTENT);
	hand_config(&x->c1, COAP_CON, COAP_PUT, 1, sets);
	UNTIL(1 * S, x->c1.code == COAP_201_CREATED);
	hand_config(&x->c1, COAP_CON, COAP_DELETE, 1, NULL);
	UNTIL(1 * S, x->c1.code == COAP_202_DELETED);
	virtual_run(10 * S);
	assert_int_equal(COUNT(.from = x->us.loop, .code = COAP_GET), 0);
	assert_int_equal(COUNT(.from = x->us.loop, .code = COAP_PUT, .resource = PATH_CONFIG), 0);
	assert_int_equal(COUNT(.from = x->us.loop, .code = COAP_DELETE), 0);
}

/* ---- a client ---- */

/* s1 by script, as RFC 9132 figure 20 has it. */
static void
by_script(struct scene *x, struct script *s)
{
	struct config_set set = {.has = (1ULL << SESSION_PARAMS) - 1,
		.heartbeat_interval = ranged(15, 30, 240),
		.missing_hb_allowed = ranged(3, 15, 20),
		.probing_rate = ranged(5, 15, 20),
		.max_retransmit = ranged(2, 3, 15),
		.ack_timeout = ranged(100, 200, 3000),
		.ack_random_factor = ranged(110, 150, 400)};

	(void)x;
	script_make(s, "s1", "192.0.2.10");
	s->config[SESSION_MITIGATING] = s->config[SESSION_IDLE] = set;
	s->config_max_age = UINT32_MAX;
}

static void
finish(struct scene *x, struct script *s)
{
	customer_stop(&x->us);
	script_free(s);
}

/* 9132-4.5.3-04: who wants what is there asks once, Confirmable, and never again. */
static void
what_is_there_is_not_asked_for(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	want(&x->us.homing->domains[0], SESSION_IDLE, 30 * S);
	customer_start(&x->us);
	virtual_run(1 * DAY);
	assert_int_equal(s.config_gets, 1);
	assert_int_equal(s.config_type, COAP_CON);
	assert_false(s.config_by_sid);
	assert_int_equal(s.config_puts, 0);
	finish(x, &s);
}

/* 8811-3.1.2-06, 9132-4.5.2-17: asked for at once. What a server has by default is in force at our
 * end, too, where we want nothing else. */
static void
the_values_of_the_server_are_taken_over(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config[SESSION_IDLE].heartbeat_interval.current = 90;
	customer_start(&x->us);
	UNTIL(2 * S, virtual_events(EVENT_SESSION_CONFIG, "told by the server") == 1);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(GAP(BEATS_OF(x->us.loop)), 90 * S);
	assert_int_equal(s.config_puts, 0);
	finish(x, &s);
}

/* 9132-4.5.3-05, 9132-4.5.2-22, -23, -40: refreshed by its sid before its time is over. */
static void
it_is_refreshed_before_its_time_is_over(void **state)
{
	struct scene *x = *state;
	struct script s;
	uint32_t sid;

	by_script(x, &s);
	s.config_max_age = 20;
	want(&x->us.homing->domains[0], SESSION_IDLE, 60 * S);
	customer_start(&x->us);
	UNTIL(2 * S, s.config_puts == 1);
	sid = s.config_sid;
	assert_true(s.config_by_sid && sid > 0);
	assert_int_equal(s.config_asked[SESSION_IDLE].heartbeat_interval.current, 60);
	assert_int_equal(s.config_asked[SESSION_MITIGATING].has, 0);
	for (int i = 2; i < 10; i++) {
		UNTIL(20 * S - 1, s.config_gets == (unsigned)i);
		assert_true(s.config_by_sid && s.config_sid == sid);
	}
	assert_int_equal(s.config_puts, 1);
	/* 9132-4.5.3-02: it has changed there; asked for anew, by a higher sid. */
	s.config[SESSION_IDLE].heartbeat_interval.current = 45;
	UNTIL(20 * S, s.config_puts == 2);
	assert_true(s.config_sid > sid);
	finish(x, &s);
}

/* 9132-4.5.2-23: nobody who knows us from before our restart has a higher one. */
static void
sids_ascend_over_restarts(void **state)
{
	struct scene *x = *state;
	struct script s;
	uint32_t sid;

	by_script(x, &s);
	want(&x->us.homing->domains[0], SESSION_IDLE, 60 * S);
	customer_start(&x->us);
	UNTIL(2 * S, s.config_puts == 1);
	sid = s.config_sid;
	customer_stop(&x->us);
	virtual_run(1 * S);
	s.config[SESSION_IDLE].heartbeat_interval.current = 30; /* as it was before */
	customer_start(&x->us);
	UNTIL(2 * S, s.config_puts == 2);
	assert_true(s.config_sid > sid);
	finish(x, &s);
}

/* 9132-4.5.3-09: each 60 s without Max-Age. */
static void
without_max_age_it_is_refreshed_each_minute(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_max_age = 0;
	customer_start(&x->us);
	virtual_run(1 * S);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_in_range(COUNT(CONFIGS_OF(x->us.loop)), 59, 60);
	assert_in_range(GAP(CONFIGS_OF(x->us.loop)), 60 * S, 60 * S + 100);
	finish(x, &s);
}

/* 9132-4.5.3-07: nothing is asked under attack, neither at first nor again; afterwards it is. */
static void
nothing_is_asked_under_attack(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_max_age = 20;
	customer_start(&x->us);
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(1 * HOUR);
	assert_true(s.puts > 0);
	assert_int_equal(s.config_gets, 0);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(5 * S, s.config_gets == 1);
	virtual_run(1 * MINUTE);
	assert_in_range(s.config_gets, 4, 5);
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_run(1 * S);
	s.config_gets = 0;
	virtual_run(1 * HOUR);
	assert_int_equal(s.config_gets, 0);
	assert_int_equal(customer_release(&x->us, "w"), 0);
	UNTIL(5 * S, s.config_gets == 1);
	finish(x, &s);
}

/* A question that is open when the attack begins is not repeated. */
static void
an_open_question_ends_with_an_attack(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_silent = true;
	customer_start(&x->us);
	UNTIL(2 * S, s.config_gets == 1);
	assert_int_equal(customer_ask(&x->us, "w", "192.0.2.66/32", 0), 0);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(COUNT(CONFIGS_OF(x->us.loop)), 0);
	assert_int_equal(customer_state(&x->us, "w", 0), WISH_PLACED);
	finish(x, &s);
}

/* Servers without it, as some are: told once, what is configured stays in force. */
static void
a_server_without_it_is_served_as_before(void **state)
{
	struct scene *x = *state;
	struct script s;

	script_make(&s, "s1", "192.0.2.10"); /* 4.04 */
	want(&x->us.homing->domains[0], SESSION_IDLE, 60 * S);
	customer_start(&x->us);
	virtual_run(1 * HOUR);
	assert_int_equal(s.config_gets, 1);
	assert_int_equal(GAP(BEATS_OF(x->us.loop)), 60 * S);
	assert_int_equal(
		virtual_events(EVENT_SESSION_CONFIG, "code=4.04 reason=not negotiated"), 1);
	session_close(s.session);
	virtual_run(1 * HOUR);
	assert_int_equal(s.config_gets, 2);
	assert_int_equal(virtual_events(EVENT_SESSION_CONFIG, ""), 1);
	finish(x, &s);
}

/* 9132-4.5-05, 9132-4.5-11: silence is one Confirmable exchange each five minutes, told once. */
static void
a_server_that_is_silent_about_it_is_asked_again(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_silent = true;
	customer_start(&x->us);
	virtual_run(2 * MINUTE);
	assert_int_equal(COUNT(CONFIGS_OF(x->us.loop)), 4);
	assert_int_equal(
		PACKET(3, CONFIGS_OF(x->us.loop))->at - PACKET(0, CONFIGS_OF(x->us.loop))->at,
		(2 + 4 + 8) * S);
	virtual_run(1 * HOUR);
	assert_in_range(COUNT(CONFIGS_OF(x->us.loop), .first = true), 11, 12);
	assert_int_equal(virtual_events(EVENT_SESSION_CONFIG, "no answer"), 1);
	assert_string_equal(customer_server(&x->us, "s1"), "available");
	finish(x, &s);
}

/* 9132-4.5-05, 9132-4.5.2-17: repeats go by what was negotiated. */
static void
repeats_follow_what_was_negotiated(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_max_age = 600;
	x->us.homing->domains[0].session[SESSION_IDLE].has = BIT(MAX_RETRANSMIT);
	x->us.homing->domains[0].session[SESSION_IDLE].params.max_retransmit = 5;
	customer_start(&x->us);
	UNTIL(2 * S, s.config_puts == 1);
	s.config_silent = true;
	virtual_run(10 * MINUTE); /* with the refresh, and its end */
	assert_int_equal(s.config_gets, 2 + 5);
	finish(x, &s);
}

static uint32_t
sid_of(const struct packet *p)
{
	struct coap_msg m;
	struct path path;
	const char *why;

	assert_int_equal(coap_decode(p->bytes, p->len, &m, &why), 0);
	assert_int_equal(path_parse(&m, &path, &why), 0);
	return path.sid;
}

/* 9132-4.5.2-38, 9132-4.5.2-39: after a 4.22 it looks again what is taken; a second one ends it.
 * 9132-4.5.2-23: by a higher sid, in the same second, too. */
static void
after_422_it_looks_again(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_put = COAP_422_UNPROCESSABLE_ENTITY;
	s.config_max_age = 600;
	want(&x->us.homing->domains[0], SESSION_IDLE, 600 * S);
	customer_start(&x->us);
	virtual_run(1 * MINUTE);
	assert_int_equal(s.config_gets, 2);
	assert_int_equal(s.config_puts, 2);
	assert_int_equal(sid_of(PACKET(1, CONFIGS_OF(x->us.loop), .code = COAP_PUT)),
		sid_of(PACKET(0, CONFIGS_OF(x->us.loop), .code = COAP_PUT)) + 1);
	virtual_run(1 * HOUR); /* what it told is refreshed as ever */
	assert_int_equal(s.config_gets, 2 + 8);
	assert_int_equal(s.config_puts, 2);
	assert_int_equal(s.config_asked[SESSION_IDLE].heartbeat_interval.current, 240);
	assert_int_equal(virtual_events(EVENT_SESSION_CONFIG, "code=4.22"), 1);
	assert_int_equal(GAP(BEATS_OF(x->us.loop)), 30 * S); /* what the server told */
	finish(x, &s);
}

/* What cannot be had is asked for as near as possible, and told. */
static void
what_is_out_of_range_is_asked_as_near_as_can_be(void **state)
{
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	want(&x->us.homing->domains[0], SESSION_IDLE, 600 * S);
	customer_start(&x->us);
	UNTIL(2 * S, s.config_puts == 1);
	UNTIL(1 * S, virtual_events(EVENT_SESSION_CONFIG, "as near as the server takes") == 1);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(GAP(BEATS_OF(x->us.loop)), 240 * S);
	assert_int_equal(s.config_puts, 1);
	finish(x, &s);
}

static void
want_no_more(struct customer *c)
{
	customer_address(c, "s1", "192.0.2.10");
	customer_address(c, "s2", "198.51.100.10");
}

/* What is not wanted any more is deleted there, 9132-4.5.4-01. */
static void
what_is_not_wanted_any_more_is_deleted(void **state)
{
	static const char *const domains[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	want(&x->us.homing->domains[0], SESSION_IDLE, 60 * S);
	customer_start(&x->us);
	UNTIL(2 * S, s.config_puts == 1);
	virtual_run(1 * MINUTE);
	customer_reload(&x->us, domains, 2, want_no_more, "");
	UNTIL(1 * S, s.config_deletes == 1);
	s.config[SESSION_IDLE].heartbeat_interval.current = 30;
	UNTIL(1 * S, s.config_gets == 2);
	assert_false(s.config_by_sid);
	virtual_mark();
	virtual_run(1 * HOUR);
	assert_int_equal(s.config_puts, 1);
	assert_int_equal(GAP(BEATS_OF(x->us.loop)), 30 * S);
	finish(x, &s);
}

static void
want_a_minute(struct customer *c)
{
	want_no_more(c);
	want(&c->homing->domains[0], SESSION_IDLE, 60 * S);
}

/* A configuration that wants something is negotiated at once, and nothing has to be deleted for it.
 */
static void
what_is_wanted_anew_is_asked_for(void **state)
{
	static const char *const domains[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};
	struct scene *x = *state;
	struct script s;

	by_script(x, &s);
	s.config_max_age = 20;
	customer_start(&x->us);
	virtual_run(1 * MINUTE);
	customer_reload(&x->us, domains, 2, want_a_minute, "");
	UNTIL(1 * S, s.config_puts == 1);
	virtual_run(1 * HOUR);
	assert_int_equal(s.config_puts, 1);
	assert_int_equal(s.config_deletes, 0);
	finish(x, &s);
}

/* 9132-4.6-20, 9132-4.6-21: a server that has lost it, as another one that stands in may not have
 * it, is negotiated with anew. */
static void
what_the_server_has_lost_is_negotiated_anew(void **state)
{
	struct scene *x = *state;

	x->isp1.setup.config_max_age = 100;
	want(&x->us.homing->domains[0], SESSION_IDLE, 60 * S);
	scene_start(x);
	UNTIL(1 * S, virtual_events(EVENT_SESSION_CONFIG, "role=server") == 1);
	virtual_run(2 * MINUTE);
	provider_restart(&x->isp1);
	virtual_mark();
	UNTIL(3 * S, virtual_events(EVENT_SESSION_CONFIG, "role=server") == 1);
	virtual_mark();
	virtual_run(10 * MINUTE);
	assert_int_equal(GAP(BEATS_OF(x->isp1.loop)), 60 * S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_is_told_negotiated_and_deleted),
		CASE(what_is_not_taken_is_422),
		CASE(a_non_confirmable_put_is_served),
		CASE(the_server_follows_the_mitigations),
		CASE(it_belongs_to_one_session),
		CASE(changes_are_notified),
		CASE(a_deleted_sid_is_the_last_word),
		CASE(nobody_is_closed_for_not_refreshing),
		CASE(negotiations_are_told_ten_times_a_second),
		CASE(both_ends_follow_the_set),
		CASE(without_idle_heartbeats_a_request_passes),
		BEHIND(a_gateway_relays_no_configuration),
		CASE(what_is_there_is_not_asked_for),
		CASE(the_values_of_the_server_are_taken_over),
		CASE(it_is_refreshed_before_its_time_is_over),
		CASE(sids_ascend_over_restarts),
		CASE(without_max_age_it_is_refreshed_each_minute),
		CASE(nothing_is_asked_under_attack),
		CASE(an_open_question_ends_with_an_attack),
		CASE(a_server_without_it_is_served_as_before),
		CASE(a_server_that_is_silent_about_it_is_asked_again),
		CASE(repeats_follow_what_was_negotiated),
		CASE(after_422_it_looks_again),
		CASE(what_is_out_of_range_is_asked_as_near_as_can_be),
		CASE(what_is_not_wanted_any_more_is_deleted),
		CASE(what_is_wanted_anew_is_asked_for),
		CASE(what_the_server_has_lost_is_negotiated_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
