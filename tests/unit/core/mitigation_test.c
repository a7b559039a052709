/* The life of mitigation requests (RFC 9132 4.4), in virtual time. */
#include "fixture.h"

#include "core/mitigation.h"

enum { S = 1000 };

struct world {
	struct book *book;
	struct clients *clients;
	struct client *acme;
	struct arena *arena;
	struct effects fx;
	mono_ms now;
};

static int
setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;

	w->book = book_new(&policy);
	w->clients = clients_new();
	w->acme = make_client("acme", NULL, "192.0.2.0/24");
	clients_add(w->clients, w->acme);
	clients_add(w->clients, make_client("beta", NULL, "192.0.2.0/24"));
	w->arena = arena_new();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	effects_finish(&w->fx);
	book_free(w->book);
	clients_free(w->clients);
	arena_free(w->arena);
	free(w);
	return 0;
}

/* A scope from JSON, as a body would give it. */
static struct scope *
scope(struct world *w, const char *json)
{
	struct scope *s = arena_alloc(w->arena, 1, sizeof(*s));
	struct schema_error err;

	if (schema_decode_json(&scope_schema, w->arena, json, strlen(json), s, &err) != 0)
		fail_msg("%s: %s", json, err.why);
	return s;
}

static struct mitigation_request
request(struct world *w, uint32_t mid, const char *json)
{
	return (struct mitigation_request){.client = w->acme,
		.cuid = "cuid",
		.mid = mid,
		.scope = json ? scope(w, json) : NULL,
		.now = w->now,
		.wall = 1700000000000 + w->now};
}

static struct verdict
put(struct world *w, uint32_t mid, const char *json)
{
	struct mitigation_request r = request(w, mid, json);
	struct mitigation *m;

	effects_finish(&w->fx);
	return book_put(w->book, &r, &w->fx, &m);
}

static void
expire(struct world *w, mono_ms now)
{
	effects_finish(&w->fx);
	w->now = now;
	book_expire(w->book, now, &w->fx);
}

static int
count(const struct world *w, enum effect_kind kind)
{
	int n = 0;

	for (size_t i = 0; i < w->fx.n; i++)
		n += w->fx.list[i].kind == kind;
	return n;
}

static struct mitigation *
find(const struct world *w, uint32_t mid)
{
	return book_find(w->book, "acme", "cuid", mid);
}

#define TARGET "\"target-prefix\": [\"192.0.2.66/32\"]"
#define HOUR   "\"lifetime\": 3600"
#define PLAIN  "{" TARGET ", " HOUR "}"

/* 8612-GEN-002-03, 9132-4.4.1.3-14, 9132-4.4.1.3-50, 9132-4.4.1.1-65,
 * 9132-4.4.1.1-41, 9132-4.4.2-33 */
static void
a_new_mid_is_created_and_the_same_again_refreshes(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, 1, PLAIN).code, COAP_201_CREATED);
	assert_int_equal(count(w, EFFECT_START), 1);
	assert_int_equal(count(w, EFFECT_STORE), 1);
	assert_int_equal(find(w, 1)->status, ATTACK_MITIGATION_IN_PROGRESS);
	w->now = 1000 * S;
	assert_int_equal(mitigation_remaining(find(w, 1), w->now), 2600);
	assert_int_equal(put(w, 1, PLAIN).code, COAP_204_CHANGED);
	assert_int_equal(count(w, EFFECT_EXTEND), 1);
	assert_int_equal(w->fx.n, 1);
	assert_int_equal(mitigation_remaining(find(w, 1), w->now), 3600);
	assert_int_equal(count(w, EFFECT_START), 0);
	assert_int_equal(book_count(w->book), 1);
}

/* 8811-2-13, 8612-SIG-007-01, 9132-4.4.1.1-64, 9132-3-12 */
static void
without_refresh_it_ends_with_its_lifetime(void **state)
{
	struct world *w = *state;

	put(w, 1, PLAIN);
	assert_int_equal(book_deadline(w->book), 3600 * S);
	expire(w, 3600 * S - 1);
	assert_non_null(find(w, 1));
	expire(w, 3600 * S);
	assert_null(find(w, 1));
	assert_int_equal(count(w, EFFECT_STOP), 1);
	assert_int_equal(count(w, EFFECT_END), 1);
	assert_int_equal(book_deadline(w->book), INT64_MAX);
}

/* 8811-2.2.2-09, 8811-2.2.2-10, 8811-2.2.2-12, 8811-2.2.2-20, 8612-SIG-008-01, 8612-SIG-008-02,
 * 8612-SIG-008-03, 8612-SIG-008-04, 9132-4.4.1.3-08, 9132-4.4.1.3-13, 9132-4.4.1.1-31,
 * 9132-4.4.1.1-58, 9132-4.4.1.1-66, 9132-4.4.1.1-74, 9132-4.4.3-03, 9132-4.4.1.3-02, 9132-5.1-02,
 * 9132-4.4.1.1-38, 9132-5.3-05, 9132-4.4.1.1-36, 9132-4.4.1.1-57, 9132-11-11, 9132-11-12 */
static void
invalid_requests_name_section_and_attribute(void **state)
{
	static const struct {
		const char *json, *says;
	} cases[] = {
		{"{" TARGET "}", "lifetime is missing"},
		{"{" TARGET ", \"lifetime\": 0}", "lifetime is 0"},
		{"{" HOUR "}", "none of target-prefix"},
		{"{" TARGET ", " HOUR ", \"mid\": 1}", "mid"},
		{"{" TARGET ", " HOUR ", \"status\": \"attack-stopped\"}", "status"},
		{"{" TARGET ", " HOUR ", \"mitigation-start\": \"1\"}", "mitigation-start"},
		{"{" TARGET ", " HOUR ", \"conflict-information\": {\"retry-timer\": 1}}",
			"conflict-information"},
		{"{" TARGET ", " HOUR ", \"bytes-dropped\": \"1\"}", "bytes-dropped"},
		{"{" TARGET ", " HOUR ", \"bps-dropped\": \"1\"}", "bps-dropped"},
		{"{" TARGET ", " HOUR ", \"pkts-dropped\": \"1\"}", "pkts-dropped"},
		{"{" TARGET ", " HOUR ", \"pps-dropped\": \"1\"}", "pps-dropped"},
		{"{" TARGET ", " HOUR ", \"attack-status\": \"under-attack\"}", "attack-status"},
		{"{\"target-prefix\": [\"198.51.100.1/32\"], " HOUR "}", "198.51.100.1/32"},
		{"{\"target-prefix\": [\"127.0.0.1/32\"], " HOUR "}", "127.0.0.1/32"},
		{"{" TARGET ", " HOUR ", \"target-port-range\": [{\"lower-port\": 80}, "
		 "{\"lower-port\": 80, \"upper-port\": 90}]}",
			"lower-port"}, /* 9132-5.1-06 */
		{"{\"target-fqdn\": [\"a.example\"], " HOUR "}", "target-fqdn"},
		{"{\"alias-name\": [\"a\"], " HOUR "}", "alias-name"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verdict v = put(w, 1, cases[i].json);

		assert_int_equal(v.code, COAP_400_BAD_REQUEST);
		if (!strstr(v.why, cases[i].says) || strncmp(v.why, "RFC 9", 5) != 0)
			fail_msg("%s: %s", cases[i].json, v.why);
	}
	assert_int_equal(book_count(w->book), 0);
}

/* 9132-4.4.1.1-45, 9132-4.4.1.1-54, 9132-4.4.1.3-51, 8612-SIG-008-01, 8612-SIG-008-02: names are
 * told back as they were asked for; what is filtered are their addresses, at the ports of URIs.
 * Other names are other parameters. */
static void
names_are_told_as_asked_and_filtered_by_address(void **state)
{
	static const char json[] = "{\"target-fqdn\": [\"A.example\"], \"target-uri\": "
				   "[\"http://b.example:81/\"], " HOUR "}";
	static const char *const others[] = {"{\"target-fqdn\": [\"c.example\"], \"target-uri\": "
					     "[\"http://b.example:81/\"], " HOUR "}",
		"{\"target-fqdn\": [\"A.example\"], \"target-uri\": "
		"[\"http://b.example:82/\"], " HOUR "}",
		"{\"target-fqdn\": [\"A.example\"], \"target-uri\": [\"http://b.example:81/\"], "
		"\"alias-name\": [\"a\"], " HOUR "}"};
	struct world *w = *state;
	struct mitigation_request r = request(w, 1, json);
	struct name_answer known = {.state = NAME_KNOWN, .n_addrs = 1, .whole = true, .why = ""};
	struct mitigation *m;
	struct prefix foreign;
	struct cover cv;
	struct filter f;
	struct scope told;

	assert_int_equal(
		cover_read(w->acme, NULL, &r.scope->target, true, &cv).code, COAP_204_CHANGED);
	assert_int_equal(addr_parse("192.0.2.7", &known.addrs[0]), 0);
	cover_learn(&cv, "a.example", &known);
	assert_int_equal(addr_parse("192.0.2.8", &known.addrs[0]), 0);
	cover_learn(&cv, "b.example", &known);
	cover_gather(&cv, w->acme, &foreign);
	r.cover = &cv;
	assert_int_equal(book_put(w->book, &r, &w->fx, &m).code, COAP_201_CREATED);
	cover_finish(&cv);
	mitigation_describe(m, 'a', w->now, &told);
	assert_int_equal(told.target.n_target_fqdn, 1);
	assert_string_equal(told.target.target_fqdn[0], "A.example");
	assert_string_equal(told.target.target_uri[0], "http://b.example:81/");
	assert_false(SCOPE_HAS(&told, TARGET_PREFIX) || SCOPE_HAS(&told, TARGET_PORT_RANGE));
	mitigation_filter(m, w->acme, w->arena, &f);
	assert_int_equal(f.n_prefixes, 2);
	assert_int_equal(f.n_ports, 0); /* a.example at all ports */
	assert_int_equal(put(w, 1, json).code, COAP_204_CHANGED);
	assert_int_equal(put(w, 1, "{\"target-fqdn\": [\"a.example\"], " HOUR "}").code,
		COAP_400_BAD_REQUEST);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(put(w, 1, others[i]).code, COAP_400_BAD_REQUEST);
}

/* 9132-4.4.1.3-48, 9132-4.4.1.3-49, 9132-4.4.1.3-51: only lifetime may differ; order does not
 * count. */
static void
the_same_mid_takes_no_other_parameters(void **state)
{
	struct world *w = *state;

	put(w, 1,
		"{\"target-prefix\": [\"192.0.2.1/32\", \"192.0.2.2/32\"], \"target-protocol\": "
		"[6, 17], " HOUR "}");
	assert_int_equal(put(w, 1,
				 "{\"target-prefix\": [\"192.0.2.2/32\", \"192.0.2.1/32\"], "
				 "\"target-protocol\": [17, 6], \"lifetime\": 60}")
				 .code,
		COAP_204_CHANGED);
	assert_int_equal(put(w, 1,
				 "{\"target-prefix\": [\"192.0.2.1/32\", \"192.0.2.2/32\"], "
				 "\"target-protocol\": [6], " HOUR "}")
				 .code,
		COAP_400_BAD_REQUEST);
	assert_int_equal(put(w, 1,
				 "{\"target-prefix\": [\"192.0.2.1/32\"], \"target-protocol\": [6, "
				 "17], " HOUR "}")
				 .code,
		COAP_400_BAD_REQUEST);
	assert_int_equal(put(w, 1,
				 "{\"target-prefix\": [\"192.0.2.1/32\", \"192.0.2.2/32\"], "
				 "\"target-protocol\": [6, 17], \"target-port-range\": "
				 "[{\"lower-port\": 80}], " HOUR "}")
				 .code,
		COAP_400_BAD_REQUEST);
	assert_int_equal(
		put(w, 1,
			"{\"target-prefix\": [\"192.0.2.1/32\", \"192.0.2.2/32\"], "
			"\"target-protocol\": [6, 17], \"trigger-mitigation\": false, " HOUR "}")
			.code,
		COAP_400_BAD_REQUEST);
	put(w, 2,
		"{\"target-prefix\": [\"192.0.2.9/32\"], \"target-port-range\": [{\"lower-port\": "
		"80, "
		"\"upper-port\": 90}], " HOUR "}");
	assert_int_equal(put(w, 2,
				 "{\"target-prefix\": [\"192.0.2.9/32\"], \"target-port-range\": "
				 "[{\"lower-port\": 80, \"upper-port\": 91}], " HOUR "}")
				 .code,
		COAP_400_BAD_REQUEST);
}

/* 8612-SIG-008-07, 9132-4.4.1.3-16, 9132-4.4.1.3-17, 9132-4.4.1.3-18, 9132-4.4.1.3-19,
 * 9132-4.4.1.3-47: ports and protocols do not matter. The new filter starts before the old one
 * stops. */
static void
a_higher_mid_overrides_what_it_overlaps(void **state)
{
	struct world *w = *state;

	put(w, 1, PLAIN);
	put(w, 2, "{\"target-prefix\": [\"192.0.2.128/25\"], " HOUR "}");
	assert_int_equal(
		put(w, 3,
			"{\"target-prefix\": [\"192.0.2.64/26\"], \"target-protocol\": [6], " HOUR
			"}")
			.code,
		COAP_201_CREATED);
	assert_null(find(w, 1));
	assert_non_null(find(w, 2));
	assert_non_null(find(w, 3));
	assert_int_equal(w->fx.list[1].kind, EFFECT_START);
	assert_int_equal(w->fx.list[2].kind, EFFECT_STOP);
}

/* 8612-GEN-002-02, 9132-4.4.1.3-20, 9132-4.4.1.3-21, 9132-4.4.1.3-22 */
static void
a_lower_mid_that_overlaps_is_a_conflict(void **state)
{
	struct world *w = *state;
	struct verdict v;

	put(w, 300, PLAIN);
	v = put(w, 299, "{\"target-prefix\": [\"192.0.2.0/24\"], " HOUR "}");
	assert_int_equal(v.code, COAP_409_CONFLICT);
	assert_int_equal(v.conflict.cause, OVERLAPPING_TARGETS);
	assert_true(v.has_conflict_mid);
	assert_int_equal(v.conflict_mid, 300);
	assert_int_equal(put(w, 299, "{\"target-prefix\": [\"192.0.2.1/32\"], " HOUR "}").code,
		COAP_201_CREATED);
}

/* 8811-3.2.4.1-06, 8811-3.3.3-01, 8811-3.3.3-02: Overlap is among requests with the same
 * trigger-mitigation only (4.4.1.3). */
static void
a_preconfigured_request_neither_starts_nor_overrides(void **state)
{
	struct world *w = *state;

	put(w, 1, PLAIN);
	assert_int_equal(put(w, 2, "{" TARGET ", " HOUR ", \"trigger-mitigation\": false}").code,
		COAP_201_CREATED);
	assert_int_equal(count(w, EFFECT_START), 0);
	assert_int_equal(find(w, 2)->status, ATTACK_MITIGATION_SIGNAL_LOSS);
	assert_non_null(find(w, 1));
}

#define WIDE  "\"target-prefix\": [\"192.0.2.64/26\"]"
#define ASIDE "\"target-prefix\": [\"192.0.2.66/32\", \"192.0.2.200/32\"]"
#define WAITS ", " HOUR ", \"trigger-mitigation\": false}"

static void
activate(struct world *w, uint32_t mid)
{
	effects_finish(&w->fx);
	book_activate(w->book, find(w, mid), w->now, 1700000000000 + w->now, &w->fx);
}

/* Of that mid, told now. */
static enum dots_status
told(struct world *w, uint32_t mid)
{
	effects_finish(&w->fx);
	book_told(w->book, find(w, mid), w->now, &w->fx);
	return find(w, mid)->status;
}

static bool
has_start(const struct world *w, uint32_t mid)
{
	struct scope s;

	mitigation_describe(find(w, mid), 'a', w->now, &s);
	return SCOPE_HAS(&s, MITIGATION_START);
}

/* 9132-3-13, 9132-4.4.1.1-67, 9132-4.4.2-41, 9132-4.7-29, 9132-5.3-04: idle until the loss of its
 * peer, then as any other, with that as its start. */
static void
a_preconfigured_request_waits_for_the_loss_of_its_peer(void **state)
{
	struct world *w = *state;

	put(w, 1, "{" WIDE WAITS);
	assert_true(book_has_preconfigured(w->book, "acme"));
	assert_false(book_has_preconfigured(w->book, "beta"));
	assert_null(book_waiting(w->book, "beta"));
	assert_false(has_start(w, 1));
	assert_false(book_is_mitigating(w->book, "acme"));
	w->now = 500 * S;
	assert_ptr_equal(book_waiting(w->book, "acme"), find(w, 1));
	activate(w, 1);
	assert_int_equal(count(w, EFFECT_START), 1);
	assert_int_equal(count(w, EFFECT_STORE), 1);
	assert_int_equal(find(w, 1)->status, ATTACK_MITIGATION_IN_PROGRESS);
	assert_int_equal(find(w, 1)->started, 1700000000000 + 500 * S);
	assert_true(has_start(w, 1));
	assert_true(book_is_mitigating(w->book, "acme"));
	assert_null(book_waiting(w->book, "acme"));
	assert_true(book_has_preconfigured(w->book, "acme"));
	/* A refresh keeps it active; only the client's word ends it. */
	put(w, 1, "{" WIDE WAITS);
	assert_int_equal(count(w, EFFECT_STOP), 0);
	assert_true(find(w, 1)->filtering);
}

/* 9132-4.4.4-14: by withdrawal, with its period, and by lifetime. */
static void
an_active_one_ends_as_any_other(void **state)
{
	struct world *w = *state;
	struct mitigation_request r = request(w, 1, NULL);

	put(w, 1, "{" WIDE WAITS);
	activate(w, 1);
	effects_finish(&w->fx);
	book_delete(w->book, &r, &w->fx);
	assert_int_equal(find(w, 1)->status, DOTS_CLIENT_WITHDRAWN_MITIGATION);
	expire(w, 120 * S);
	assert_int_equal(count(w, EFFECT_STOP), 1);
	assert_false(book_has_preconfigured(w->book, "acme"));
	put(w, 2, "{" WIDE WAITS);
	activate(w, 2);
	expire(w, (120 + 3600) * S);
	assert_int_equal(count(w, EFFECT_STOP), 1);
	assert_int_equal(count(w, EFFECT_END), 1);
}

/* 9132-4.4.1.3-24, 9132-4.4.1.3-25, 9132-4.4.1.3-28, 9132-4.4.2-40: by an immediate one that meets
 * it it is withdrawn at once, told four times and 3 s apart, and waits again. */
static void
an_immediate_one_makes_it_wait_again(void **state)
{
	struct world *w = *state;

	put(w, 1, "{" WIDE WAITS);
	put(w, 2, "{\"target-prefix\": [\"192.0.2.200/32\"]" WAITS);
	activate(w, 1);
	activate(w, 2);
	put(w, 9, PLAIN);
	assert_int_equal(count(w, EFFECT_STOP), 1);
	assert_int_equal(w->fx.list[0].kind, EFFECT_STORE);
	assert_int_equal(w->fx.list[1].kind, EFFECT_START); /* no gap */
	assert_false(find(w, 1)->filtering);
	assert_true(find(w, 2)->filtering);
	w->now = 10 * S;
	for (int i = 0; i < 4; i++, w->now += 3 * S) {
		assert_int_equal(told(w, 1), ATTACK_MITIGATION_WITHDRAWN);
		w->now += 2999;
		assert_int_equal(told(w, 1), ATTACK_MITIGATION_WITHDRAWN); /* not counted */
		w->now -= 2999;
	}
	assert_int_equal(told(w, 1), ATTACK_MITIGATION_SIGNAL_LOSS);
	assert_int_equal(count(w, EFFECT_NOTIFY), 1);
	assert_ptr_equal(book_waiting(w->book, "acme"), find(w, 1));
	assert_false(has_start(w, 1));
}

/* 9132-4.4.2-36, 9132-4.4.2.1-15: likewise when the attack has stopped, with its filter until then.
 * Of an immediate one status 3 stays. */
static void
a_stopped_attack_makes_it_wait_again(void **state)
{
	struct world *w = *state;

	put(w, 1, "{" WIDE WAITS);
	activate(w, 1);
	effects_finish(&w->fx);
	book_status(w->book, find(w, 1), ATTACK_STOPPED, w->now, &w->fx);
	w->now = 10 * S;
	for (int i = 0; i < 4; i++, w->now += 3 * S) {
		assert_int_equal(told(w, 1), ATTACK_STOPPED);
		assert_true(find(w, 1)->filtering);
		book_status(w->book, find(w, 1), ATTACK_MITIGATION_SIGNAL_LOSS, w->now, &w->fx);
	}
	assert_int_equal(told(w, 1), ATTACK_MITIGATION_SIGNAL_LOSS);
	assert_int_equal(count(w, EFFECT_STOP), 1);
	put(w, 9, "{\"target-prefix\": [\"192.0.2.200/32\"], " HOUR "}");
	book_status(w->book, find(w, 9), ATTACK_STOPPED, w->now, &w->fx);
	for (int i = 0; i < 10; i++, w->now += 3 * S)
		assert_int_equal(told(w, 9), ATTACK_STOPPED);
}

/* 9132-4.4.1.3-26, 9132-4.4.1.3-27, 9132-4.4.1.3-28: immediate ones that it covers are withdrawn
 * when it becomes active; one with targets beyond it stays, for nothing is to be unprotected. */
static void
it_takes_precedence_over_what_it_covers(void **state)
{
	struct world *w = *state;

	put(w, 1, "{" WIDE WAITS);
	put(w, 5, PLAIN);
	activate(w, 1);
	assert_int_equal(w->fx.list[0].kind, EFFECT_START);
	assert_int_equal(count(w, EFFECT_END), 1);
	assert_int_equal(w->fx.list[w->fx.n - 1].m->status, ATTACK_MITIGATION_WITHDRAWN);
	assert_null(find(w, 5));
	put(w, 6, "{" ASIDE ", " HOUR "}");
	assert_false(find(w, 1)->filtering);
	activate(w, 1);
	assert_int_equal(count(w, EFFECT_END), 0);
	assert_non_null(find(w, 6));
	/* Of a narrower one, by port, not all is covered. */
	put(w, 7, "{" ASIDE ", \"target-protocol\": [17], " HOUR "}");
	put(w, 8, "{\"target-prefix\": [\"192.0.2.200/32\"], \"target-protocol\": [6]" WAITS);
	activate(w, 8);
	assert_non_null(find(w, 7));
}

/* Only while it is active; ports do not count there (core/conflict.h). */
static void
it_is_in_conflict_with_others_while_active(void **state)
{
	struct world *w = *state;
	struct mitigation_request r = request(w, 9, PLAIN);
	struct mitigation *other;

	put(w, 1, "{" WIDE WAITS);
	r.client = clients_named(w->clients, "beta");
	r.cuid = "other";
	effects_finish(&w->fx);
	book_put(w->book, &r, &w->fx, &other);
	assert_int_equal(other->n_contested, 0);
	activate(w, 1);
	assert_int_equal(other->n_contested, 1);
	assert_int_equal(find(w, 1)->n_contested, 1);
	put(w, 2, PLAIN);
	expire(w, 3600 * S); /* all of ours are over */
	assert_null(find(w, 1));
}

/* Through a gateway, it is the gateway that may be lost; who asks last counts. */
static void
the_session_it_came_on_is_what_may_be_lost(void **state)
{
	struct world *w = *state;
	struct mitigation_request r = request(w, 1, "{" WIDE WAITS);
	struct mitigation *m;

	r.peer = "gateway";
	book_put(w->book, &r, &w->fx, &m);
	assert_ptr_equal(book_waiting(w->book, "gateway"), m);
	assert_null(book_waiting(w->book, "acme"));
	r.peer = "acme";
	effects_finish(&w->fx);
	book_put(w->book, &r, &w->fx, &m);
	assert_int_equal(count(w, EFFECT_STORE), 1);
	assert_ptr_equal(book_waiting(w->book, "acme"), m);
	assert_false(book_has_preconfigured(w->book, "gateway"));
}

/* 8811-2.2.2-07, 8612-SEC-005-01: Two clients may ask for the same: neither can touch the other's.
 * */
static void
clients_do_not_override_each_other(void **state)
{
	struct world *w = *state;
	struct mitigation_request r = request(w, 9, PLAIN);
	struct mitigation *m;

	put(w, 1, PLAIN);
	r.client = clients_named(w->clients, "beta");
	r.cuid = "other";
	effects_finish(&w->fx);
	assert_int_equal(book_put(w->book, &r, &w->fx, &m).code, COAP_201_CREATED);
	assert_non_null(find(w, 1));
	r.cuid = "cuid";
	r.mid = 1;
	effects_finish(&w->fx);
	assert_int_equal(book_delete(w->book, &r, &w->fx).code, COAP_202_DELETED);
	assert_int_equal(w->fx.n, 0);
	assert_non_null(find(w, 1));
}

/* 8811-2-11, 9132-4.4.3-06, 9132-4.4.3-07, 9132-4.4.3-09, 9132-4.4.3-10, 9132-4.4.3-12,
 * 9132-4.4.3-11, 9132-5.3-11 */
static void
efficacy_updates_refresh_what_is_there_and_are_silent_otherwise(void **state)
{
	struct world *w = *state;
	struct mitigation_request r =
		request(w, 1, "{" TARGET ", \"attack-status\": \"under-attack\"}");
	struct mitigation *m;

	r.if_match = true;
	assert_int_equal(book_put(w->book, &r, &w->fx, &m).code, 0);
	assert_int_equal(book_count(w->book), 0);
	put(w, 1, PLAIN);
	effects_finish(&w->fx);
	r.now = w->now = 600 * S;
	assert_int_equal(book_put(w->book, &r, &w->fx, &m).code, COAP_204_CHANGED);
	assert_int_equal(
		mitigation_remaining(m, w->now), 3000); /* without lifetime it keeps its own */
	r.scope = scope(
		w, "{\"target-prefix\": [\"192.0.2.1/32\"], \"attack-status\": \"under-attack\"}");
	effects_finish(&w->fx);
	assert_int_equal(book_put(w->book, &r, &w->fx, &m).code, COAP_400_BAD_REQUEST);
	r.scope = scope(w, PLAIN);
	assert_int_equal(book_put(w->book, &r, &w->fx, &m).code, COAP_400_BAD_REQUEST);
}

/* 8612-SIG-006-10, 9132-4.4.4-06, 9132-4.4.4-07, 9132-4.4.4-08, 9132-4.4.4-09, 9132-4.4.4-11,
 * 9132-4.4.4-13, 9132-3-12 */
static void
a_withdrawn_one_terminates_for_two_minutes(void **state)
{
	struct world *w = *state;
	struct mitigation_request r;

	put(w, 1, PLAIN);
	effects_finish(&w->fx);
	r = request(w, 1, NULL);
	assert_int_equal(book_delete(w->book, &r, &w->fx).code, COAP_202_DELETED);
	assert_int_equal(count(w, EFFECT_STOP), 0);
	assert_int_equal(find(w, 1)->status, DOTS_CLIENT_WITHDRAWN_MITIGATION);
	expire(w, 120 * S - 1);
	assert_int_equal(count(w, EFFECT_STOP), 0);
	expire(w, 120 * S);
	assert_int_equal(count(w, EFFECT_STOP), 1);
	assert_null(find(w, 1));
	effects_finish(&w->fx);
	r = request(w, 77, NULL);
	assert_int_equal(book_delete(w->book, &r, &w->fx).code, COAP_202_DELETED);
	assert_int_equal(w->fx.n, 0);
}

/* 8811-5-08, 8612-SIG-006-09, 9132-4.4.4-12: asked again before the end, the next period doubles,
 * up to 300 s. */
static void
a_revived_one_terminates_longer(void **state)
{
	static const int64_t periods[] = {120, 240, 300, 300};
	struct world *w = *state;
	struct mitigation_request r;

	put(w, 1, PLAIN);
	for (size_t i = 0; i < 4; i++) {
		effects_finish(&w->fx);
		r = request(w, 1, NULL);
		book_delete(w->book, &r, &w->fx);
		assert_int_equal(book_deadline(w->book) - w->now, periods[i] * S);
		w->now += 10 * S;
		assert_int_equal(put(w, 1, PLAIN).code, COAP_204_CHANGED);
		assert_int_equal(count(w, EFFECT_STORE), 1); /* more than its lifetime changed */
		assert_false(find(w, 1)->terminating);
		assert_int_equal(find(w, 1)->status, ATTACK_SUCCESSFULLY_MITIGATED);
	}
}

/* 8612-SIG-007-02, 8612-SIG-007-03, 9132-4.4.1.1-59, 9132-4.4.1.1-60, 9132-5.3-01 */
static void
lifetimes_are_granted_within_policy(void **state)
{
	struct world *w = *state;
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;

	put(w, 1, "{\"target-prefix\": [\"192.0.2.1/32\"], \"lifetime\": -1}");
	assert_int_equal(mitigation_remaining(find(w, 1), 0), 86400);
	put(w, 2, "{\"target-prefix\": [\"192.0.2.2/32\"], \"lifetime\": 4294967295}");
	assert_int_equal(mitigation_remaining(find(w, 2), 0), 86400);
	policy.allow_indefinite = true;
	book_set_policy(w->book, &policy);
	put(w, 3, "{\"target-prefix\": [\"192.0.2.3/32\"], \"lifetime\": -1}");
	assert_int_equal(mitigation_remaining(find(w, 3), 0), LIFETIME_INDEFINITE);
}

/* 8612-SIG-007-02, 8612-SIG-007-03 */
static void
lifetimes_of_a_client_may_be_others(void **state)
{
	struct world *w = *state;
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;

	w->acme->lifetime_max = 600;
	put(w, 1, "{\"target-prefix\": [\"192.0.2.1/32\"], \"lifetime\": 3600}");
	assert_int_equal(mitigation_remaining(find(w, 1), 0), 600);
	put(w, 2, "{\"target-prefix\": [\"192.0.2.2/32\"], \"lifetime\": 300}");
	assert_int_equal(mitigation_remaining(find(w, 2), 0), 300);
	w->acme->indefinite = INDEFINITE_GRANTED;
	put(w, 3, "{\"target-prefix\": [\"192.0.2.3/32\"], \"lifetime\": -1}");
	assert_int_equal(mitigation_remaining(find(w, 3), 0), LIFETIME_INDEFINITE);
	policy.allow_indefinite = true;
	book_set_policy(w->book, &policy);
	w->acme->indefinite = INDEFINITE_SHORTENED;
	put(w, 4, "{\"target-prefix\": [\"192.0.2.4/32\"], \"lifetime\": -1}");
	assert_int_equal(mitigation_remaining(find(w, 4), 0), 600);
	w->acme->lifetime_max = 200000; /* more than all others */
	put(w, 5, "{\"target-prefix\": [\"192.0.2.5/32\"], \"lifetime\": 200000}");
	assert_int_equal(mitigation_remaining(find(w, 5), 0), 200000);
}

/* 9132-11-08: of one client and of all; refreshes are none more, what has ended none any more. */
static void
targets_of_all_requests_are_limited(void **state)
{
	static const char two[] =
		"{\"target-prefix\": [\"192.0.2.1/32\", \"192.0.2.2/32\"], " HOUR "}";
	static const char more[] =
		"{\"target-prefix\": [\"192.0.2.3/32\", \"192.0.2.4/32\"], " HOUR "}";
	static const char one[] = "{\"target-prefix\": [\"192.0.2.5/32\"], " HOUR "}";
	struct world *w = *state;
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;
	struct verdict v;

	w->acme->limits.targets_total = 3;
	assert_int_equal(put(w, 1, two).code, COAP_201_CREATED);
	v = put(w, 2, more);
	assert_int_equal(v.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(v.max_age > 0);
	assert_non_null(strstr(v.why, "as many target-prefixes"));
	assert_int_equal(put(w, 1, two).code, COAP_204_CHANGED);
	assert_int_equal(put(w, 3, one).code, COAP_201_CREATED);
	assert_int_equal(book_share(w->book, "acme").mitigations, 2);
	assert_int_equal(book_share(w->book, "acme").targets, 3);
	effects_finish(&w->fx);
	book_end(w->book, find(w, 1), "test", &w->fx);
	assert_int_equal(book_share(w->book, "acme").targets, 1);
	assert_int_equal(put(w, 4, more).code, COAP_201_CREATED);
	w->acme->limits.targets_total = 100;
	policy.targets_max = 4;
	book_set_policy(w->book, &policy);
	assert_int_equal(put(w, 5, two).code, COAP_503_SERVICE_UNAVAILABLE);
	policy.targets_max = 5;
	book_set_policy(w->book, &policy);
	assert_int_equal(put(w, 5, two).code, COAP_201_CREATED);
}

/* What is only observed is not mitigated; it is once its client's action says so. */
static void
what_is_observed_is_never_told_as_mitigated(void **state)
{
	struct world *w = *state;
	struct filter_action drop = {0};
	struct mitigation *m;

	w->acme->action.kind = ACTION_OBSERVE;
	put(w, 1, PLAIN);
	m = find(w, 1);
	assert_int_equal(m->action.kind, ACTION_OBSERVE);
	book_observed(m, 10, 1000);
	assert_int_equal(m->observed.packets, 10);
	assert_int_equal(m->packets, 0);
	effects_finish(&w->fx);
	book_action(w->book, m, &w->acme->action, &w->fx); /* it is the same */
	assert_int_equal(w->fx.n, 0);
	book_action(w->book, m, &drop, &w->fx);
	assert_int_equal(w->fx.list[0].kind, EFFECT_START);
	assert_int_equal(m->status, ATTACK_MITIGATION_IN_PROGRESS);
	effects_finish(&w->fx);
	book_status(w->book, m, ATTACK_SUCCESSFULLY_MITIGATED, 0, &w->fx);
	book_counters(w->book, m, DROPPED_HERE, 5, 500, 0);
	book_action(w->book, m, &w->acme->action, &w->fx);
	assert_int_equal(m->status, ATTACK_MITIGATION_IN_PROGRESS);
	book_observed(m, 3, 300); /* its new filter counts from 0 */
	assert_int_equal(m->observed.packets, 13);
	assert_int_equal(m->packets, 5); /* was dropped, then */
}

/* 8811-2.2.2-19, 8612-SIG-006-01, 9132-4.4.1.3-15 */
static void
limits_are_told_with_when_to_come_back(void **state)
{
	struct world *w = *state;
	char json[128];
	struct verdict v;

	w->acme->limits.mitigations = 3;
	w->acme->limits.targets = 2;
	for (int i = 0; i < 3; i++) {
		snprintf(json, sizeof(json), "{\"target-prefix\": [\"192.0.2.%d/32\"], " HOUR "}",
			i);
		assert_int_equal(put(w, (uint32_t)i, json).code, COAP_201_CREATED);
	}
	v = put(w, 9, PLAIN);
	assert_int_equal(v.code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(v.max_age > 0);
	assert_int_equal(put(w, 9,
				 "{\"target-prefix\": [\"192.0.2.0/32\", \"192.0.2.1/32\", "
				 "\"192.0.2.2/32\"], " HOUR "}")
				 .code,
		COAP_400_BAD_REQUEST);
	assert_int_equal(put(w, 0, "{\"target-prefix\": [\"192.0.2.0/32\"], " HOUR "}").code,
		COAP_204_CHANGED);
}

/* However the prefixes of a request lie in each other, and however often they are named. */
static void
overlaps_are_found_in_nested_and_repeated_prefixes(void **state)
{
	struct world *w = *state;

	put(w, 1, "{\"target-prefix\": [\"192.0.2.1/32\", \"192.0.2.65/32\"], " HOUR "}");
	put(w, 2, "{\"target-prefix\": [\"192.0.2.128/25\"], " HOUR "}");
	put(w, 3, "{\"target-prefix\": [\"192.0.2.80/32\"], " HOUR "}");
	assert_int_equal(
		put(w, 9,
			"{\"target-prefix\": [\"192.0.2.65/32\", \"192.0.2.200/32\", "
			"\"192.0.2.64/28\", \"192.0.2.65/32\", \"192.0.2.0/30\"], " HOUR "}")
			.code,
		COAP_201_CREATED);
	assert_int_equal(count(w, EFFECT_END), 2); /* 1 and 2, each once */
	assert_null(find(w, 1));
	assert_null(find(w, 2));
	assert_non_null(find(w, 3));
}

/* An operator who lowers a limit takes nothing away from those who hold more. */
static void
sizes_are_limited_but_not_those_on_record(void **state)
{
	static const char two_prefixes[] =
		"{\"target-prefix\": [\"192.0.2.0/32\", \"192.0.2.1/32\"], " HOUR "}";
	static const char two_ports[] =
		"{\"target-prefix\": [\"192.0.2.9/32\"], \"target-port-range\": "
		"[{\"lower-port\": 80}, {\"lower-port\": 443}], " HOUR "}";
	struct world *w = *state;
	struct verdict v;

	assert_int_equal(put(w, 1, two_prefixes).code, COAP_201_CREATED);
	assert_int_equal(put(w, 2, two_ports).code, COAP_201_CREATED);
	w->acme->limits.targets = 1;
	w->acme->limits.ports = 1;
	assert_int_equal(put(w, 1, two_prefixes).code, COAP_204_CHANGED);
	assert_int_equal(put(w, 2, two_ports).code, COAP_204_CHANGED);
	v = put(w, 3, two_prefixes);
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(v.why, "target-prefix has 2 entries, more than the 1"));
	v = put(w, 3, two_ports);
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(v.why, "target-port-range has 2 entries, more than the 1"));
}

/* 9132-4.4.1.1-63: whatever part is asked for, also the last word. */
static void
every_description_states_the_lifetime_that_is_left(void **state)
{
	static const char parts[] = "acn";
	struct world *w = *state;
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;
	struct scope s;

	policy.allow_indefinite = true;
	book_set_policy(w->book, &policy);
	put(w, 1, PLAIN);
	put(w, 2, "{\"target-prefix\": [\"192.0.2.1/32\"], \"lifetime\": -1}");
	for (size_t i = 0; parts[i]; i++) {
		mitigation_describe(find(w, 1), parts[i], 1000 * S, &s);
		assert_true(SCOPE_HAS(&s, LIFETIME));
		assert_int_equal(s.lifetime, 2600);
		mitigation_describe(find(w, 1), parts[i], 4000 * S, &s);
		assert_true(SCOPE_HAS(&s, LIFETIME));
		assert_int_equal(s.lifetime, 0);
		mitigation_describe(find(w, 2), parts[i], 4000 * S, &s);
		assert_true(SCOPE_HAS(&s, LIFETIME));
		assert_int_equal(s.lifetime, LIFETIME_INDEFINITE);
	}
}

/* 8811-2.2.2-22, 8811-2.2.2-24, 8612-SIG-006-02, 8612-SIG-006-03, 8612-SIG-006-04, 8612-SIG-006-05,
 * 9132-4.4.2-22, 9132-4.4.2-24, 9132-4.4.2-25, 9132-4.4.2-26, 9132-4.4.2-05, 9132-4.4.1.1-02,
 * 9132-4.4.2-28, 9132-4.4.2-31 */
static void
descriptions_hold_what_was_asked_for(void **state)
{
	struct world *w = *state;
	struct scope s;

	put(w, 1, PLAIN);
	book_counters(w->book, find(w, 1), DROPPED_HERE, 10, 1000, 10 * S);
	mitigation_describe(find(w, 1), 'a', 10 * S, &s);
	assert_true(
		SCOPE_HAS(&s, TARGET_PREFIX) && SCOPE_HAS(&s, STATUS) && SCOPE_HAS(&s, LIFETIME));
	assert_int_equal(s.mitigation_start, 1700000000);
	assert_int_equal(s.lifetime, 3590);
	assert_int_equal(s.pkts_dropped, 10);
	assert_int_equal(s.bytes_dropped, 1000);
	assert_int_equal(s.pps_dropped, 1);
	assert_int_equal(s.bps_dropped, 100);
	mitigation_describe(find(w, 1), 'c', 0, &s);
	assert_false(SCOPE_HAS(&s, STATUS));
	mitigation_describe(find(w, 1), 'n', 0, &s);
	assert_false(SCOPE_HAS(&s, TARGET_PREFIX));
	put(w, 2,
		"{\"target-prefix\": [\"192.0.2.1/32\"], " HOUR ", \"trigger-mitigation\": false}");
	mitigation_describe(find(w, 2), 'a', 0, &s);
	assert_false(SCOPE_HAS(&s, MITIGATION_START));
}

/* 8612-SIG-006-02, 8612-SIG-006-03, 8612-SIG-006-04, 9132-4.4.2-27, 9132-4.4.2-29, 9132-4.4.2-30,
 * 9132-4.4.2-32, 9132-4.4.2-31: a filter installed anew counts from 0. */
static void
counters_go_on_over_reinstallation(void **state)
{
	struct world *w = *state;
	struct mitigation *m;

	put(w, 1, PLAIN);
	m = find(w, 1);
	book_counters(w->book, m, DROPPED_HERE, 100, 6000, 300 * S);
	assert_int_equal(m->pps, 0); /* 100 packets in 300 s */
	book_counters(w->book, m, DROPPED_HERE, 3100, 186000, 600 * S);
	assert_int_equal(m->pps, 10);
	book_counters(w->book, m, DROPPED_HERE, 50, 3000, 610 * S);
	assert_int_equal(m->packets, 3150);
	assert_int_equal(m->bytes, 189000);
	assert_int_equal(m->pps, 10); /* of the last full bucket */
}

/* 8811-2.2.2-03 */
static void
what_was_stored_comes_back(void **state)
{
	struct world *w = *state;
	struct mitigation_policy policy = MITIGATION_POLICY_DEFAULT;
	struct book *b = book_new(&policy);
	struct mitigation *m, *back;
	struct mitigation_request r =
		request(w, 5, "{\"target-prefix\": [\"192.0.2.9/32\"], " HOUR "}");

	put(w, 1, PLAIN);
	m = find(w, 1);
	back = book_restore(b, m, 100 * S, 50 * S);
	assert_int_equal(back->id, m->id);
	assert_int_equal(mitigation_remaining(back, 50 * S), 100);
	assert_null(book_restore(b, m, 100 * S, 0)); /* once */
	effects_finish(&w->fx);
	assert_int_equal(book_put(b, &r, &w->fx, &m).code, COAP_201_CREATED);
	assert_true(m->id > back->id);
	effects_finish(&w->fx);
	book_free(b);
}

/* 8811-2.1-07, 8811-2.2.2-22, 8612-SIG-008-06, 9132-4.4.1.1-39, 9132-4.4.1.1-42: exactly the
 * traffic that was asked for. */
static void
the_filter_is_the_scope(void **state)
{
	struct world *w = *state;
	struct filter f;

	put(w, 1,
		"{" TARGET ", " HOUR ", \"target-protocol\": [17], \"target-port-range\": "
		"[{\"lower-port\": 53}, {\"lower-port\": "
		"1000, \"upper-port\": 2000}]}");
	mitigation_filter(find(w, 1), w->acme, w->arena, &f);
	assert_int_equal(f.n_prefixes, 1);
	assert_int_equal(f.protocols[0], 17);
	assert_int_equal(f.ports[0].lower, 53);
	assert_int_equal(f.ports[0].upper, 53);
	assert_int_equal(f.ports[1].upper, 2000);
	assert_int_equal(f.action.kind, ACTION_DROP);
}

/* ---- against a naive model ---- */

static uint32_t seed = 12345;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static bool
check_disjoint(void *arg, struct mitigation *m)
{
	struct world *w = arg;
	struct mitigation *other;

	for (uint32_t mid = 0; mid < 40; mid++)
		if ((other = find(w, mid)) && other != m &&
			other->scope.trigger_mitigation == m->scope.trigger_mitigation)
			assert_false(prefix_overlaps(&other->scope.target.target_prefix[0],
				&m->scope.target.target_prefix[0]));
	return true;
}

/* No two live requests of a client with one trigger value overlap; every filter started is stopped
 * once. */
static void
random_requests_never_leave_an_overlap(void **state)
{
	struct world *w = *state;
	int running = 0;

	for (int i = 0; i < 4000; i++) {
		char json[160];
		uint32_t mid = dice(40);
		struct mitigation_request r;

		effects_finish(&w->fx);
		w->now += (mono_ms)dice(200) * S;
		switch (dice(4)) {
		case 0:
			r = request(w, mid, NULL);
			book_delete(w->book, &r, &w->fx);
			break;
		case 1:
			book_expire(w->book, w->now, &w->fx);
			break;
		default:
			snprintf(json, sizeof(json),
				"{\"target-prefix\": [\"192.0.2.%u/%u\"], \"lifetime\": %u, "
				"\"trigger-mitigation\": %s}",
				dice(256), 24 + dice(9), 1 + dice(3000),
				dice(4) ? "true" : "false");
			put(w, mid, json);
		}
		running += count(w, EFFECT_START) - count(w, EFFECT_STOP);
		book_all(w->book, check_disjoint, w);
		assert_true(running >= 0 && running <= (int)book_count(w->book));
		arena_reset(w->arena);
	}
	effects_finish(&w->fx);
	book_expire(w->book, w->now + 100000000 * (mono_ms)S, &w->fx);
	running -= count(w, EFFECT_STOP);
	assert_int_equal(running, 0);
	assert_int_equal(book_count(w->book), 0);
}

#define IN_WORLD(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_new_mid_is_created_and_the_same_again_refreshes),
		IN_WORLD(without_refresh_it_ends_with_its_lifetime),
		IN_WORLD(invalid_requests_name_section_and_attribute),
		IN_WORLD(the_same_mid_takes_no_other_parameters),
		IN_WORLD(names_are_told_as_asked_and_filtered_by_address),
		IN_WORLD(a_higher_mid_overrides_what_it_overlaps),
		IN_WORLD(a_lower_mid_that_overlaps_is_a_conflict),
		IN_WORLD(a_preconfigured_request_neither_starts_nor_overrides),
		IN_WORLD(a_preconfigured_request_waits_for_the_loss_of_its_peer),
		IN_WORLD(an_active_one_ends_as_any_other),
		IN_WORLD(an_immediate_one_makes_it_wait_again),
		IN_WORLD(a_stopped_attack_makes_it_wait_again),
		IN_WORLD(it_takes_precedence_over_what_it_covers),
		IN_WORLD(it_is_in_conflict_with_others_while_active),
		IN_WORLD(the_session_it_came_on_is_what_may_be_lost),
		IN_WORLD(clients_do_not_override_each_other),
		IN_WORLD(efficacy_updates_refresh_what_is_there_and_are_silent_otherwise),
		IN_WORLD(a_withdrawn_one_terminates_for_two_minutes),
		IN_WORLD(a_revived_one_terminates_longer),
		IN_WORLD(lifetimes_are_granted_within_policy),
		IN_WORLD(lifetimes_of_a_client_may_be_others),
		IN_WORLD(targets_of_all_requests_are_limited),
		IN_WORLD(what_is_observed_is_never_told_as_mitigated),
		IN_WORLD(limits_are_told_with_when_to_come_back),
		IN_WORLD(overlaps_are_found_in_nested_and_repeated_prefixes),
		IN_WORLD(sizes_are_limited_but_not_those_on_record),
		IN_WORLD(every_description_states_the_lifetime_that_is_left),
		IN_WORLD(descriptions_hold_what_was_asked_for),
		IN_WORLD(counters_go_on_over_reinstallation),
		IN_WORLD(what_was_stored_comes_back),
		IN_WORLD(the_filter_is_the_scope),
		IN_WORLD(random_requests_never_leave_an_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
