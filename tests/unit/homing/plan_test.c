/* plan(): who is asked for what, and why (RFC 9284 5; rules M2-M6, M8, M12, M14). */
#include "fixture.h"

#include <stdio.h>
#include <sys/resource.h>

#include "homing/target.h"

static const char *const two_isps[] = {
	"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};

struct world {
	struct homing *h;
	struct arena *a;
	enum availability up[8];
	struct plan plan;
};

static void
world_init(struct world *w, const char *const *domains, size_t n)
{
	char why[200];

	w->h = make_homing(domains, n);
	w->a = arena_new();
	if (homing_index(w->h, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	for (size_t i = 0; i < 8; i++)
		w->up[i] = SERVER_AVAILABLE;
}

static void
world_finish(struct world *w)
{
	arena_free(w->a);
	homing_free(w->h);
}

/* All that is live stands for the ask. */
static void
plan_one(struct world *w, const char *target, const struct live *live, size_t n_live)
{
	static const size_t all[] = {0, 1, 2, 3};
	struct ask ask = {.id = "a",
		.target = target_from(w->a, target),
		.trigger_mitigation = true,
		.served_by = all,
		.n_served_by = n_live};

	plan(w->h, &ask, 1, live, n_live, w->up, w->a, &w->plan);
}

static bool
is_asked(const struct world *w, const char *server, const char *prefix)
{
	struct prefix p = prefix_from(prefix);

	for (size_t i = 0; i < w->plan.n_requests; i++)
		for (size_t k = 0; k < w->plan.requests[i].target.n_target_prefix; k++)
			if (w->plan.requests[i].server == server_named(w->h, server) &&
				prefix_equal(&w->plan.requests[i].target.target_prefix[k], &p))
				return true;
	return false;
}

/* 8612-2-03, 8612-2-04, 9284-5.1-14, 9284-5.2-09, 9284-5.2-37 */
static void
the_owner_is_asked_and_nobody_else(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, two_isps, 2);
	plan_one(&w, "198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "s2", "198.51.100.66/32"));
	assert_string_equal(w.plan.parts[0].section, "RFC 9284 5.1");
	assert_non_null(strstr(w.plan.parts[0].reason, "belongs to isp2"));
	world_finish(&w);
}

/* 9284-5.1-16, 9284-5.2-10, 9284-5.2-38 */
static void
without_owner_nothing_is_sent(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, two_isps, 2);
	plan_one(&w, "203.0.113.5/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 0);
	assert_int_equal(w.plan.parts[0].state, PART_REFUSED);
	assert_non_null(strstr(w.plan.parts[0].reason, "belongs to no provider"));
	world_finish(&w);
}

/* 9284-5.1-15, 9284-5.1-16: the other provider is no substitute. */
static void
an_unavailable_owner_makes_it_pending(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, two_isps, 2);
	w.up[server_named(w.h, "s2")] = SERVER_UNAVAILABLE;
	plan_one(&w, "198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.parts[0].state, PART_PENDING);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(w.plan.requests[0].pending);
	assert_int_equal(w.plan.requests[0].server, server_named(w.h, "s2"));
	w.up[server_named(w.h, "s2")] = SERVER_SILENT; /* asked at once all the same (M3) */
	plan_one(&w, "198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.parts[0].state, PART_SEND);
	world_finish(&w);
}

/* 9284-5.1-15: DHCP may have taken its server back for a moment; without credentials none is to
 * come. */
static void
an_owner_without_a_server_makes_it_pending_if_one_is_expected(void **state)
{
	static const char *const nobody_there[] = {"isp1 wan1 192.0.2.64/26 -"};
	struct world w;

	(void)state;
	world_init(&w, nobody_there, 1);
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.parts[0].state, PART_REFUSED);
	w.h->domains[0].credentials.psk_identity = mem_text("us");
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.parts[0].state, PART_PENDING);
	assert_int_equal(w.plan.parts[0].server, -1);
	assert_int_equal(w.plan.n_requests, 0);
	assert_non_null(strstr(w.plan.parts[0].reason, "no DOTS server of it is known"));
	world_finish(&w);
}

/* 9284-6-05, 8612-2-03, 9284-5.1-19, 9284-5.2-12, 9284-5.2-39, 9284-6-15: each gets its own and
 * only its own. */
static void
targets_of_both_are_split(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, two_isps, 2);
	plan_one(&w, "192.0.2.66/32,198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(w.plan.requests[i].target.n_target_prefix, 1);
	assert_true(is_asked(&w, "s1", "192.0.2.66/32"));
	assert_true(is_asked(&w, "s2", "198.51.100.66/32"));
	world_finish(&w);
}

/* M2: longest match, cut along longer prefixes inside, never-signal parts out. */
static void
a_target_is_cut_along_longer_owners(void **state)
{
	static const char *const nested[] = {"isp1 wan1 10.0.0.0/8 s1", "isp2 wan2 10.1.0.0/16 s2"};
	struct world w;
	char why[100];

	(void)state;
	w.h = make_homing(nested, 2);
	w.h->never_signal = mem_new(sizeof(struct prefix));
	w.h->never_signal[w.h->n_never_signal++] = prefix_from("10.2.0.0/16");
	w.a = arena_new();
	assert_int_equal(homing_index(w.h, why, sizeof(why)), 0);
	for (size_t i = 0; i < 8; i++)
		w.up[i] = SERVER_AVAILABLE;
	plan_one(&w, "10.0.0.0/14", NULL, 0);
	assert_true(is_asked(&w, "s2", "10.1.0.0/16"));
	assert_true(is_asked(&w, "s1", "10.0.0.0/16"));
	assert_true(is_asked(&w, "s1", "10.3.0.0/16"));
	assert_false(is_asked(&w, "s1", "10.1.0.0/16"));
	for (size_t i = 0; i < w.plan.n_parts; i++)
		if (!strcmp(w.plan.parts[i].section, "RFC 9284 6"))
			assert_int_equal(w.plan.parts[i].state, PART_REFUSED);
	world_finish(&w);
}

/* 9284-5.1-22: M4 */
static void
a_wider_target_is_refused_or_clipped(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, two_isps, 2);
	plan_one(&w, "198.51.100.0/24", NULL, 0);
	assert_int_equal(w.plan.n_requests, 0);
	assert_non_null(strstr(w.plan.parts[0].reason, "198.51.100.64/26"));
	w.h->clip = true;
	plan_one(&w, "198.51.100.0/24", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "s2", "198.51.100.64/26"));
	world_finish(&w);
}

/* 8811-1.3-05, 8811-2.3-07, 8811-2.3-08, 8811-2.3-09, 8811-2.3-10: M5; 9284-5.2-20, 9284-5.2-27 */
static void
provider_independent_targets_go_to_all_or_by_policy(void **state)
{
	struct world w = {0};
	char why[100];

	(void)state;
	w.h = make_homing(two_isps, 2);
	w.h->provider_independent = mem_new(sizeof(struct prefix));
	w.h->provider_independent[w.h->n_provider_independent++] = prefix_from("203.0.113.0/25");
	w.a = arena_new();
	assert_int_equal(homing_index(w.h, why, sizeof(why)), 0);
	w.up[0] = w.up[1] = SERVER_AVAILABLE;
	plan_one(&w, "203.0.113.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 2);
	w.h->pi = PI_SERIAL;
	plan_one(&w, "203.0.113.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "s1", "203.0.113.66/32"));
	w.up[server_named(w.h, "s1")] = SERVER_UNAVAILABLE;
	plan_one(&w, "203.0.113.66/32", NULL, 0);
	assert_true(is_asked(&w, "s2", "203.0.113.66/32"));
	w.h->pi = PI_DIVIDE;
	plan_one(&w, "203.0.113.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	w.h->pi = PI_LIST;
	w.h->pi_list = mem_new(sizeof(char *));
	w.h->pi_list[w.h->n_pi_list++] = mem_text("isp2");
	plan_one(&w, "203.0.113.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "s2", "203.0.113.66/32"));
	world_finish(&w);
}

/* M6 */
static void
one_server_of_a_domain_carries_it_by_priority(void **state)
{
	static const char *const twin[] = {"isp1 wan1 192.0.2.64/26 first,second"};
	struct world w;
	struct live live = {.mid = 5, .trigger_mitigation = true};

	(void)state;
	world_init(&w, twin, 1);
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "first", "192.0.2.66/32"));
	w.up[server_named(w.h, "first")] = SERVER_UNAVAILABLE;
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_true(is_asked(&w, "second", "192.0.2.66/32"));
	w.up[server_named(w.h, "first")] = SERVER_AVAILABLE; /* it stays where it is */
	live.server = server_named(w.h, "second");
	live.target = target_from(w.a, "192.0.2.66/32");
	plan_one(&w, "192.0.2.66/32", &live, 1);
	assert_int_equal(w.plan.requests[0].live, 0);
	assert_int_equal(w.plan.n_withdraw, 0);
	w.h->domains[0].attachments = ATTACHMENTS_ALL; /* M14 */
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 2);
	world_finish(&w);
}

/* M8: joined before the server would delete the lower mid. */
static void
overlapping_asks_become_one_request(void **state)
{
	struct world w;
	struct ask asks[2];
	struct live live = {.mid = 7, .trigger_mitigation = true};

	(void)state;
	world_init(&w, two_isps, 2);
	asks[0] = (struct ask){.id = "a",
		.target = target_from(w.a, "198.51.100.66/32 17 53"),
		.trigger_mitigation = true};
	asks[1] = (struct ask){.id = "b",
		.target = target_from(w.a, "198.51.100.64/30 6 443"),
		.trigger_mitigation = true};
	plan(w.h, asks, 2, NULL, 0, w.up, w.a, &w.plan);
	assert_int_equal(w.plan.n_requests, 1);
	assert_int_equal(w.plan.requests[0].n_asks, 2);
	assert_int_equal(w.plan.requests[0].target.n_target_prefix, 1);
	assert_int_equal(w.plan.requests[0].target.n_target_port_range, 2);
	assert_int_equal(w.plan.requests[0].target.n_target_protocol, 2);
	asks[1].target =
		target_from(w.a, "198.51.100.64/30"); /* gave no ports: none in the union */
	plan(w.h, asks, 2, NULL, 0, w.up, w.a, &w.plan);
	assert_int_equal(w.plan.requests[0].target.n_target_port_range, 0);
	live.server = server_named(w.h, "s2");
	live.target = target_from(w.a, "198.51.100.64/28"); /* wide enough: both join it */
	plan(w.h, asks, 2, &live, 1, w.up, w.a, &w.plan);
	assert_int_equal(w.plan.n_requests, 1);
	assert_int_equal(w.plan.requests[0].live, 0);
	live.target =
		target_from(w.a, "198.51.100.66/32 6"); /* too narrow: a new one with the union */
	plan(w.h, asks, 2, &live, 1, w.up, w.a, &w.plan);
	assert_int_equal(w.plan.requests[0].live, -1);
	assert_int_equal(w.plan.n_withdraw, 1);
	world_finish(&w);
}

/* 9284-5.3-11, 9284-5.3-12, 9284-5.3-19, 9284-5.2-48 (M12) */
static void
gateways_take_all_or_by_filter(void **state)
{
	static const char *const open[] = {"@g1 eth0 - gw1", "@g2 eth0 - gw2"};
	static const char *const filtered[] = {
		"@g1 eth0 192.0.2.64/26 gw1", "@g2 eth0 198.51.100.64/26 gw2"};
	struct world w;

	(void)state;
	world_init(&w, open, 2);
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 2);
	world_finish(&w);
	world_init(&w, filtered, 2);
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "gw1", "192.0.2.66/32"));
	plan_one(&w, "203.0.113.1/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 0);
	world_finish(&w);
}

/* 9284-5.3-18, 9284-5.3-11 (M12): each gateway may be responsible for one of them only. */
static void
without_filters_each_target_is_a_request(void **state)
{
	static const char *const open[] = {"@g1 eth0 - gw1", "@g2 eth0 - gw2"};
	static const char *const overlapping[] = {
		"@g1 eth0 192.0.2.64/26,192.0.2.128/26 gw1", "@g2 eth0 192.0.2.64/26 gw2"};
	struct world w;

	(void)state;
	world_init(&w, open, 2);
	plan_one(&w, "192.0.2.66/32,198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 4);
	assert_true(is_asked(&w, "gw1", "192.0.2.66/32"));
	assert_true(is_asked(&w, "gw1", "198.51.100.66/32"));
	assert_true(is_asked(&w, "gw2", "192.0.2.66/32"));
	assert_true(is_asked(&w, "gw2", "198.51.100.66/32"));
	world_finish(&w);
	world_init(&w, overlapping, 2);
	plan_one(&w, "192.0.2.66/32,192.0.2.67/32,192.0.2.130/32,192.0.2.131/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 5); /* what only one is asked for goes together */
	world_finish(&w);
	world_init(&w, open, 1); /* there is nobody else to take a part of it */
	plan_one(&w, "192.0.2.66/32,198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	world_finish(&w);
}

/* Two targets of one ask that a request of another one covers both: that is one asker, once. */
static void
an_ask_joined_twice_counts_once(void **state)
{
	static const char *const open[] = {"@g1 eth0 - gw1", "@g2 eth0 - gw2"};
	struct world w;
	struct ask asks[] = {
		{.id = "a", .trigger_mitigation = true}, {.id = "b", .trigger_mitigation = true}};

	(void)state;
	world_init(&w, open, 2);
	asks[0].target = target_from(w.a, "192.0.2.66/32,192.0.2.68/32");
	asks[1].target = target_from(w.a, "192.0.2.64/26");
	plan(w.h, asks, 2, NULL, 0, w.up, w.a, &w.plan);
	assert_int_equal(w.plan.n_requests, 2);
	assert_int_equal(w.plan.requests[0].n_asks, 2);
	assert_int_equal(w.plan.requests[1].n_asks, 2);
	world_finish(&w);
}

/* 9284-5.3-14, 9284-5.3-16 */
static void
a_gateway_knows_what_is_foreign(void **state)
{
	struct world w;
	struct prefix foreign;
	struct target t;

	(void)state;
	world_init(&w, two_isps, 2);
	t = target_from(w.a, "192.0.2.66/32,198.51.100.66/32");
	assert_true(plan_owns_all(w.h, &t, &foreign));
	t = target_from(w.a, "192.0.2.66/32,203.0.113.1/32");
	assert_false(plan_owns_all(w.h, &t, &foreign));
	assert_true(
		prefix_equal(&foreign, &(struct prefix){prefix_from("203.0.113.1/32").addr, 32}));
	world_finish(&w);
}

/* 4116-2-01, 8811-1.3-06, 9284-1-02: figures show two, the text speaks of several. */
static void
three_domains_are_told_apart(void **state)
{
	static const char *const three[] = {"isp1 wan1 192.0.2.64/26 s1",
		"isp2 wan2 198.51.100.64/26 s2", "isp3 wan3 203.0.113.64/26 s3"};
	struct world w;

	(void)state;
	world_init(&w, three, 3);
	plan_one(&w, "203.0.113.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "s3", "203.0.113.66/32"));
	plan_one(&w, "192.0.2.66/32,198.51.100.66/32,203.0.113.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 3);
	assert_true(is_asked(&w, "s1", "192.0.2.66/32"));
	assert_true(is_asked(&w, "s2", "198.51.100.66/32"));
	assert_true(is_asked(&w, "s3", "203.0.113.66/32"));
	world_finish(&w);
}

/* 9284-1-07: a provider that has no DOTS server helps nobody, and no other one helps instead. */
static void
a_domain_without_a_server_cannot_help(void **state)
{
	static const char *const one_of_two[] = {
		"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 -"};
	struct world w;

	(void)state;
	world_init(&w, one_of_two, 2);
	plan_one(&w, "192.0.2.66/32,198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	assert_true(is_asked(&w, "s1", "192.0.2.66/32"));
	assert_int_equal(w.plan.n_parts, 2);
	assert_int_equal(w.plan.parts[1].state, PART_REFUSED);
	assert_non_null(strstr(w.plan.parts[1].reason, "no DOTS server of it is known"));
	world_finish(&w);
}

/* 9284-6-11, 4116-3.1.1.2-02: what is assigned by one and routed by another one too. */
static void
what_several_protect_is_asked_of_all(void **state)
{
	struct world w = {0};
	struct domain *d;
	char why[200];

	(void)state;
	w.h = make_homing(two_isps, 2);
	d = &w.h->domains[1];
	d->protects = mem_grow(d->protects, 2, sizeof(struct prefix));
	d->protects[d->n_protects++] = prefix_from("192.0.2.64/26");
	w.a = arena_new();
	assert_int_equal(homing_index(w.h, why, sizeof(why)), 0);
	w.up[0] = w.up[1] = SERVER_AVAILABLE;
	plan_one(&w, "192.0.2.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 2);
	assert_true(is_asked(&w, "s1", "192.0.2.66/32"));
	assert_true(is_asked(&w, "s2", "192.0.2.66/32"));
	plan_one(&w, "198.51.100.66/32", NULL, 0);
	assert_int_equal(w.plan.n_requests, 1);
	world_finish(&w);
}

/* 8811-2.3-09: divided, each target has one provider, always the same, and both have some. */
static void
divided_targets_have_one_provider_each(void **state)
{
	struct world w = {0};
	char why[100], text[32];
	unsigned at[2] = {0};

	(void)state;
	w.h = make_homing(two_isps, 2);
	w.h->provider_independent = mem_new(sizeof(struct prefix));
	w.h->provider_independent[w.h->n_provider_independent++] = prefix_from("203.0.113.0/25");
	w.h->pi = PI_DIVIDE;
	w.a = arena_new();
	assert_int_equal(homing_index(w.h, why, sizeof(why)), 0);
	w.up[0] = w.up[1] = SERVER_AVAILABLE;
	for (unsigned i = 0; i < 128; i++) {
		uint32_t server;

		snprintf(text, sizeof(text), "203.0.113.%u/32", i);
		plan_one(&w, text, NULL, 0);
		assert_int_equal(w.plan.n_requests, 1);
		server = w.plan.requests[0].server;
		at[server]++;
		w.up[server] = SERVER_UNAVAILABLE;
		plan_one(&w, text, NULL, 0);
		assert_int_equal(w.plan.requests[0].server, server);
		assert_true(w.plan.requests[0].pending);
		w.up[server] = SERVER_AVAILABLE;
	}
	assert_true(at[0] > 20 && at[1] > 20);
	world_finish(&w);
}

enum { SPLIT_MAX = 256 };

/* 2001:db8:1111:2222:3333:4444:5555:1000 and every second address after it. */
static struct target
many_hosts(struct arena *a, unsigned first, size_t n)
{
	struct target t = {
		.target_prefix = arena_alloc(a, n, sizeof(struct prefix)), .n_target_prefix = n};

	for (size_t i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "2001:db8:1111:2222:3333:4444:5555:%x/128",
			0x1000 + 2 * (first + (unsigned)i));
		t.target_prefix[i] = prefix_from(text);
	}
	return t;
}

/* What is on record at the server, and for which ask. */
struct record {
	struct live live[SPLIT_MAX];
	size_t n, served[2][SPLIT_MAX], n_served[2];
};

/* What was planned stands now, or was refused. */
static void
note_requests(struct world *w, struct ask *asks, size_t n_asks, struct record *r, bool refused)
{
	for (size_t i = 0; i < w->plan.n_requests; i++) {
		const struct plan_request *p = &w->plan.requests[i];

		r->live[r->n] = (struct live){.mid = (uint32_t)r->n + 1,
			.target = p->target,
			.trigger_mitigation = true,
			.refused = refused};
		for (size_t k = 0; k < n_asks; k++)
			for (size_t q = 0; q < p->n_asks; q++)
				if (!strcmp(p->asks[q], asks[k].id))
					r->served[k][r->n_served[k]++] = r->n;
		r->n++;
	}
	for (size_t k = 0; k < n_asks; k++) {
		asks[k].served_by = r->served[k];
		asks[k].n_served_by = r->n_served[k];
	}
	plan(w->h, asks, n_asks, r->live, r->n, w->up, w->a, &w->plan);
}

/* Each fits a datagram, none overlaps another one, and each is for who wants some of it. How many
 * prefixes they hold. */
static size_t
check_pieces(const struct world *w, const struct ask *asks, size_t n_asks)
{
	size_t n = 0;

	for (size_t i = 0; i < w->plan.n_requests; i++) {
		const struct plan_request *r = &w->plan.requests[i];
		size_t wanted = 0;

		n += r->target.n_target_prefix;
		assert_in_range(r->target.n_target_prefix, 1, 900 / 44);
		for (size_t k = 0; k < i; k++)
			assert_false(target_overlaps(&r->target, &w->plan.requests[k].target));
		for (size_t k = 0; k < n_asks; k++)
			wanted += target_overlaps(&r->target, &asks[k].target);
		assert_int_equal(r->n_asks, wanted);
	}
	return n;
}

/* It is kept when it stands. Refused, what several wanted is asked for by itself, and that is all.
 */
static size_t
check_split(struct world *w, struct ask *asks, size_t n_asks)
{
	struct record r = {.n = 0};
	size_t n;

	plan(w->h, asks, n_asks, NULL, 0, w->up, w->a, &w->plan);
	n = check_pieces(w, asks, n_asks);
	note_requests(w, asks, n_asks, &r, false);
	assert_int_equal(w->plan.n_requests, r.n);
	assert_int_equal(w->plan.n_withdraw, 0);
	for (size_t i = 0; i < r.n; i++)
		assert_true(w->plan.requests[i].live >= 0);
	for (size_t i = 0; i < r.n; i++)
		r.live[i].refused = true;
	plan(w->h, asks, n_asks, r.live, r.n, w->up, w->a, &w->plan);
	for (size_t rounds = 0; w->plan.n_requests; rounds++) {
		assert_in_range(rounds, 0, n_asks - 1);
		note_requests(w, asks, n_asks, &r, true);
	}
	for (size_t k = 0; k < n_asks; k++)
		asks[k].served_by = NULL, asks[k].n_served_by = 0;
	return n;
}

/* 8612-SIG-002-01, 9132-7.3-06: more prefixes than a datagram holds are several requests. */
static void
what_does_not_fit_a_datagram_is_several_requests(void **state)
{
	struct world w;
	struct ask ask = {.id = "a", .trigger_mitigation = true};

	(void)state;
	world_init(&w, (const char *const[]){"isp1 wan1 2001:db8::/32 s1"}, 1);
	ask.target = many_hosts(w.a, 0, 500);
	assert_int_equal(check_split(&w, &ask, 1), 500);
	world_finish(&w);
}

/* The shorter its texts are, the more of them fit. */
static void
short_prefixes_fit_in_greater_number(void **state)
{
	enum { SHORT = 0x300 };
	struct world w;
	struct ask ask = {.id = "a", .trigger_mitigation = true};
	size_t most = 0;

	(void)state;
	world_init(&w, (const char *const[]){"isp1 wan1 ::/1 s1"}, 1);
	ask.target.target_prefix = arena_alloc(w.a, SHORT, sizeof(struct prefix));
	for (unsigned i = 1; i <= SHORT; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%x::/16", i);
		ask.target.target_prefix[ask.target.n_target_prefix++] = prefix_from(text);
	}
	plan(w.h, &ask, 1, NULL, 0, w.up, w.a, &w.plan);
	for (size_t i = 0; i < w.plan.n_requests; i++)
		if (w.plan.requests[i].target.n_target_prefix > most)
			most = w.plan.requests[i].target.n_target_prefix;
	assert_in_range(most, 90, 110);
	world_finish(&w);
}

/* 8612-SIG-002-01, 9132-7.3-06: so is what several want together, each of it for who wants it. */
static void
what_several_want_is_split_too(void **state)
{
	struct world w;
	struct ask asks[] = {
		{.id = "a", .trigger_mitigation = true}, {.id = "b", .trigger_mitigation = true}};

	(void)state;
	world_init(&w, (const char *const[]){"isp1 wan1 2001:db8::/32 s1"}, 1);
	asks[0].target = many_hosts(w.a, 0, 18);
	asks[1].target = many_hosts(w.a, 17, 18);
	assert_int_equal(check_split(&w, asks, 2), 35);
	asks[0].target = many_hosts(w.a, 0, 100);
	asks[1].target = many_hosts(w.a, 50, 100);
	assert_int_equal(check_split(&w, asks, 2), 150);
	world_finish(&w);
}

static void
a_prefix_assigned_twice_is_an_error(void **state)
{
	static const char *const twice[] = {
		"isp1 wan1 192.0.2.0/24 s1", "isp2 wan2 192.0.2.0/24 s2"};
	struct homing *h = make_homing(twice, 2);
	char why[200];

	(void)state;
	assert_int_not_equal(homing_index(h, why, sizeof(why)), 0);
	assert_non_null(strstr(why, "192.0.2.0/24 is assigned by both isp1 and isp2"));
	homing_free(h);
}

/* ---- properties ---- */

static uint32_t seed = 99;

static uint32_t
dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
check_plan(const struct world *w, const struct ask *asks, size_t n)
{
	for (size_t i = 0; i < w->plan.n_requests; i++) {
		const struct plan_request *r = &w->plan.requests[i];
		const struct domain *d = &w->h->domains[w->h->servers[r->server]->domain];

		for (size_t k = 0; k < r->target.n_target_prefix; k++) {
			bool owned = false;

			for (size_t p = 0; p < d->n_protects; p++)
				owned |= prefix_contains(
					&d->protects[p], &r->target.target_prefix[k]);
			assert_true(owned);
		}
		for (size_t k = 0; k < i; k++)
			if (w->plan.requests[k].server == r->server)
				assert_false(
					target_overlaps(&w->plan.requests[k].target, &r->target));
	}
	/* every address of every ask is in some part of it */
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 50; k++) {
			struct prefix host = asks[i].target.target_prefix[0];
			bool found = false;

			host.addr.bytes[3] =
				(uint8_t)(host.addr.bytes[3] + dice(256 >> (host.len - 24)));
			host.len = 32;
			for (size_t p = 0; p < w->plan.n_parts; p++)
				found |= !strcmp(w->plan.parts[p].ask, asks[i].id) &&
					 prefix_contains(&w->plan.parts[p].prefix, &host);
			assert_true(found);
		}
}

static long
most_memory_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* The parts of a request are bounded by the configuration: those of its longer prefixes that lie
 * inside, and no more however often a target is named. */
static void
a_target_named_again_and_again_is_cut_once(void **state)
{
	enum { HOLES = 1024, TIMES = 4096, ROOM_KIB = 65536 };
	struct homing *h =
		make_homing((const char *const[]){"isp1 wan1 10.0.0.0/16 s1", "isp2 wan2 - s2"}, 2);
	enum availability up[2] = {SERVER_AVAILABLE, SERVER_AVAILABLE};
	struct domain *d = &h->domains[1];
	struct arena *a = arena_new();
	struct prefix targets[TIMES], foreign;
	struct ask ask = {.id = "a", .target.target_prefix = targets};
	struct plan once, often;
	long before;
	char why[200];

	(void)state;
	free(d->prefixes);
	free(d->protects);
	d->prefixes = mem_array(HOLES, sizeof(*d->prefixes));
	d->protects = mem_array(HOLES, sizeof(*d->protects));
	d->n_prefixes = d->n_protects = HOLES;
	for (unsigned i = 0; i < HOLES; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%u.%u/32", i / 128, 2 * (i % 128));
		d->prefixes[i] = d->protects[i] = prefix_from(text);
	}
	assert_int_equal(homing_index(h, why, sizeof(why)), 0);
	for (size_t i = 0; i < TIMES; i++)
		targets[i] = prefix_from(i % 2 ? "10.0.0.0/16" : "10.0.0.0/20");
	ask.target.n_target_prefix = 2;
	plan(h, &ask, 1, NULL, 0, up, a, &once);
	assert_true(once.n_parts > 2 * HOLES - 1);
	before = most_memory_kib();
	ask.target.n_target_prefix = TIMES;
	plan(h, &ask, 1, NULL, 0, up, a, &often);
	assert_int_equal(often.n_parts, once.n_parts);
	assert_true(plan_owns_all(h, &ask.target, &foreign));
	assert_false(plan_may_hold(h, server_named(h, "s1"), &ask.target));
	assert_in_range(most_memory_kib(), before, before + ROOM_KIB);
	arena_free(a);
	homing_free(h);
}

/* Never to a domain that does not own it; sent, pending and refused parts are the request; one
 * server never gets two overlapping requests; the order of asks does not matter. */
static void
random_plans_keep_the_rules(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		char text[3][80], ids[4][4];
		const char *domains[3] = {text[0], text[1], text[2]};
		struct ask asks[4], reversed[4];
		struct plan other;
		struct world w;

		for (int d = 0; d < 3; d++)
			snprintf(text[d], sizeof(text[d]), "isp%d wan%d 10.0.%d.%u/%u s%d", d, d, d,
				dice(256), 24 + dice(5), d);
		world_init(&w, domains, 3);
		for (int s = 0; s < 3; s++)
			w.up[s] = (enum availability)dice(3);
		for (int i = 0; i < 4; i++) {
			char target[64];

			snprintf(target, sizeof(target), "10.0.%u.%u/%u", dice(4), dice(256),
				24 + dice(9));
			snprintf(ids[i], sizeof(ids[i]), "a%d", i);
			asks[i] = (struct ask){.id = ids[i],
				.target = target_from(w.a, target),
				.trigger_mitigation = true};
			reversed[3 - i] = asks[i];
		}
		plan(w.h, asks, 4, NULL, 0, w.up, w.a, &w.plan);
		check_plan(&w, asks, 4);
		plan(w.h, reversed, 4, NULL, 0, w.up, w.a, &other);
		assert_int_equal(other.n_parts, w.plan.n_parts);
		assert_int_equal(other.n_requests, w.plan.n_requests);
		for (size_t i = 0; i < other.n_parts; i++)
			assert_true(prefix_equal(&other.parts[i].prefix, &w.plan.parts[i].prefix) &&
				    other.parts[i].server == w.plan.parts[i].server);
		world_finish(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_is_asked_and_nobody_else),
		cmocka_unit_test(without_owner_nothing_is_sent),
		cmocka_unit_test(an_unavailable_owner_makes_it_pending),
		cmocka_unit_test(an_owner_without_a_server_makes_it_pending_if_one_is_expected),
		cmocka_unit_test(targets_of_both_are_split),
		cmocka_unit_test(a_target_is_cut_along_longer_owners),
		cmocka_unit_test(a_wider_target_is_refused_or_clipped),
		cmocka_unit_test(provider_independent_targets_go_to_all_or_by_policy),
		cmocka_unit_test(one_server_of_a_domain_carries_it_by_priority),
		cmocka_unit_test(overlapping_asks_become_one_request),
		cmocka_unit_test(gateways_take_all_or_by_filter),
		cmocka_unit_test(without_filters_each_target_is_a_request),
		cmocka_unit_test(an_ask_joined_twice_counts_once),
		cmocka_unit_test(a_gateway_knows_what_is_foreign),
		cmocka_unit_test(three_domains_are_told_apart),
		cmocka_unit_test(a_domain_without_a_server_cannot_help),
		cmocka_unit_test(what_several_protect_is_asked_of_all),
		cmocka_unit_test(divided_targets_have_one_provider_each),
		cmocka_unit_test(what_does_not_fit_a_datagram_is_several_requests),
		cmocka_unit_test(short_prefixes_fit_in_greater_number),
		cmocka_unit_test(what_several_want_is_split_too),
		cmocka_unit_test(a_prefix_assigned_twice_is_an_error),
		cmocka_unit_test(a_target_named_again_and_again_is_cut_once),
		cmocka_unit_test(random_plans_keep_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
