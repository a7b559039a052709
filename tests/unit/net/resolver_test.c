/* Names of servers, asked of a scripted resolver in another network namespace (netns.h). */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dns.h"
#include "net/resolver.h"
#include "netns.h"

struct world {
	struct loop *l;
	struct dns dns;
	struct resolver *r;
	struct resolver_answer answer;
	struct resolver_records records;
	char why[128];
	unsigned answers;
	bool free_inside;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	netns_connect();
	x->l = loop_new();
	x->dns.loop = x->l;
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	resolver_free(x->r);
	dns_close(&x->dns);
	loop_free(x->l);
	free(x);
	netns_disconnect();
	return 0;
}

static struct dns_point *
serve(struct world *x, const char *endpoint, const char *device)
{
	struct dns_point *p;

	netns_enter(netns_theirs);
	p = dns_open(&x->dns, endpoint, device);
	netns_enter(netns_ours);
	return p;
}

/* servers: with commas between; interface and source may be NULL. */
static void
make(struct world *x, const char *interface, const char *source, const char *servers)
{
	struct endpoint list[4];
	struct addr a;
	struct resolver_config cfg = {.interface = interface, .servers = list};
	char *copy = mem_text(servers), *rest = copy, *one;

	while ((one = strsep(&rest, ",")))
		assert_int_equal(endpoint_parse(one, 0, &list[cfg.n_servers++]), 0);
	free(copy);
	if (source) {
		assert_int_equal(addr_parse(source, &a), 0);
		cfg.sources = &a;
		cfg.n_sources = 1;
	}
	x->r = resolver_new(x->l, &cfg);
	assert_non_null(x->r);
}

static void
on_answer(void *arg, const struct resolver_answer *a)
{
	struct world *x = arg;

	x->answers++;
	x->answer = *a;
	snprintf(x->why, sizeof(x->why), "%s", a->why);
	if (x->free_inside) {
		resolver_free(x->r);
		x->r = NULL;
	}
}

static void
ask_name(struct world *x, const char *name)
{
	x->answers = 0;
	resolver_lookup(x->r, name, on_answer, x);
	assert_int_equal(x->answers, 0); /* never from inside */
	WAIT(x->l, x->answers == 1);
}

static void
on_records(void *arg, const struct resolver_records *a)
{
	struct world *x = arg;

	x->answers++;
	x->records = *a;
	snprintf(x->why, sizeof(x->why), "%s", a->why);
	if (x->free_inside) {
		resolver_free(x->r);
		x->r = NULL;
	}
}

static void
ask_records(struct world *x, const char *name, enum rr_type type)
{
	x->answers = 0;
	resolver_lookup_records(x->r, name, type, on_records, x);
	assert_int_equal(x->answers, 0);
	WAIT(x->l, x->answers == 1);
}

static void
expect(const struct world *x, const char *const *addrs, size_t n)
{
	char text[ADDR_TEXT_MAX];

	assert_int_equal(x->answer.error, 0);
	assert_int_equal(x->answer.n_addrs, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(addr_format(&x->answer.addrs[i], text), addrs[i]);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void
both_families_are_looked_up_ipv6_first(void **state)
{
	struct world *x = *state;
	static const char *const want[] = {"2001:db8::10", "192.0.2.10", "192.0.2.11"};

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "dots.isp1.example", "192.0.2.10", 300);
	dns_record(&x->dns, "dots.isp1.example", "192.0.2.11", 120);
	dns_record(&x->dns, "dots.isp1.example", "2001:db8::10", 300);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "dots.isp1.example");
	expect(x, want, 3);
	assert_int_equal(x->answer.ttl, 120); /* the smallest */
}

static void
one_family_is_enough(void **state)
{
	struct world *x = *state;
	static const char *const four[] = {"192.0.2.10"}, *const six[] = {"2001:db8::10"};

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "four.example", "192.0.2.10", 60);
	dns_record(&x->dns, "six.example", "2001:db8::10", 60);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "four.example");
	expect(x, four, 1);
	ask_name(x, "six.example");
	expect(x, six, 1);
}

static void
an_alias_is_followed(void **state)
{
	struct world *x = *state;
	static const char *const want[] = {"2001:db8::10", "192.0.2.10"};

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "dots.example", "real.example", 30);
	dns_record(&x->dns, "real.example", "192.0.2.10", 300);
	dns_record(&x->dns, "real.example", "2001:db8::10", 300);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "dots.example");
	expect(x, want, 2);
	assert_in_range(x->answer.ttl, 30, 300);
}

static void
no_name_and_no_address_are_told(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "empty.example", "nowhere.example", 30);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "none.example");
	assert_int_equal(x->answer.error, -ENOENT);
	assert_int_equal(x->answer.n_addrs, 0);
	assert_true(*x->why);
	ask_name(x, "empty.example");
	assert_int_equal(x->answer.error, -ENOENT);
}

/* No hosts file, no search list, no domain of this host is added. */
static void
a_name_is_asked_as_it_is(void **state)
{
	struct world *x = *state;
	struct dns_point *p = serve(x, "10.0.1.2", NULL);

	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "dots");
	assert_string_equal(x->dns.last, "dots");
	assert_int_equal(p->queries, 2); /* A and AAAA, nothing else */
	assert_int_equal(x->answer.error, -ENOENT);
}

static void
a_truncated_answer_is_fetched_over_tcp(void **state)
{
	struct world *x = *state;
	static const char *const want[] = {"2001:db8::10", "192.0.2.10"};

	serve(x, "10.0.1.2", NULL);
	x->dns.truncate = true;
	dns_record(&x->dns, "dots.example", "192.0.2.10", 300);
	dns_record(&x->dns, "dots.example", "2001:db8::10", 300);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "dots.example");
	expect(x, want, 2);
}

/* 4218-4.3-01 */
static void
of_many_addresses_sixteen_are_taken_of_both_families(void **state)
{
	struct world *x = *state;
	static char text[40][ADDR_TEXT_MAX];
	size_t six = 0;

	serve(x, "10.0.1.2", NULL);
	for (int i = 0; i < 40; i++) {
		snprintf(text[i], ADDR_TEXT_MAX, i < 20 ? "2001:db8::%d" : "192.0.2.%d", i + 1);
		dns_record(&x->dns, "dots.example", text[i], 60);
	}
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "dots.example");
	assert_int_equal(x->answer.n_addrs, RESOLVER_ADDRS_MAX);
	for (size_t i = 0; i < x->answer.n_addrs; i++)
		six += x->answer.addrs[i].family == 6;
	/* A domain may have sources of one family only. */
	assert_int_equal(six, RESOLVER_ADDRS_MAX / 2);
	assert_int_equal(x->answer.addrs[0].family, 6);
	assert_false(x->answer.whole);
}

/* 9284-6-05: what is not known of a name may be somebody else's. */
static void
an_answer_is_whole_when_both_families_were_answered(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "both.example", "192.0.2.1", 60);
	dns_record(&x->dns, "both.example", "2001:db8::1", 30);
	dns_record(&x->dns, "four.example", "192.0.2.1", 60);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "both.example");
	assert_int_equal(x->answer.n_addrs, 2);
	assert_int_equal(x->answer.ttl, 30);
	assert_true(x->answer.whole);
	ask_name(x, "four.example"); /* it has none of the other one */
	assert_int_equal(x->answer.n_addrs, 1);
	assert_true(x->answer.whole);
	x->dns.refused_type = DNS_AAAA;
	ask_name(x, "both.example");
	assert_int_equal(x->answer.error, 0);
	assert_int_equal(x->answer.n_addrs, 1);
	assert_false(x->answer.whole);
	ask_name(x, "none.example"); /* of the one family none, of the other one nobody knows */
	assert_true(x->answer.error == -EIO || x->answer.error == -ETIMEDOUT);
}

/* ---- records --- */

static void
records_come_with_their_time_to_live(void **state)
{
	struct world *x = *state;
	const struct rr *rr = x->records.set.list;

	serve(x, "10.0.1.2", NULL);
	dns_naptr(
		&x->dns, "example.net", 100, 10, "s", "DOTS:signal.udp", "", "srv.example.net", 90);
	dns_naptr(&x->dns, "example.net", 200, 20, "", "DOTS:signal.tcp", "!x!y!", "b.example.net",
		80);
	dns_srv(&x->dns, "srv.example.net", 1, 2, 5000, "a.example.net", 70);
	dns_ptr(&x->dns, "_dots-signal._udp.example.net", "Box 1\\.2._dots-signal._udp.example.net",
		60);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_records(x, "example.net", RR_NAPTR);
	assert_int_equal(x->records.error, 0);
	assert_string_equal(x->why, "");
	assert_int_equal(x->records.set.n, 2);
	assert_int_equal(x->records.set.ttl, 80);
	assert_int_equal(rr[0].order, 100);
	assert_string_equal(rr[0].name, "srv.example.net");
	assert_true(rr[1].regexp);
	ask_records(x, "srv.example.net", RR_SRV);
	assert_int_equal(x->records.error, 0);
	assert_int_equal(x->records.set.ttl, 70);
	assert_int_equal(rr[0].port, 5000);
	assert_string_equal(rr[0].name, "a.example.net");
	ask_records(x, "_dots-signal._udp.example.net", RR_PTR);
	assert_int_equal(x->records.error, 0);
	assert_int_equal(x->records.set.ttl, 60);
	assert_string_equal(rr[0].name, "Box 1\\.2._dots-signal._udp.example.net");
}

static void
no_records_are_told_with_how_long(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "address.example", "192.0.2.1", 60);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	x->dns.negative_ttl = 77;
	ask_records(x, "none.example", RR_SRV);
	assert_int_equal(x->records.error, -ENOENT);
	assert_int_equal(x->records.set.ttl, 77);
	ask_records(x, "address.example", RR_SRV); /* the name is there */
	assert_int_equal(x->records.error, -ENOENT);
	assert_int_equal(x->records.set.ttl, 77);
	x->dns.negative_ttl = 0;
	ask_records(x, "none.example", RR_SRV);
	assert_int_equal(x->records.error, -ENOENT);
	assert_int_equal(x->records.set.ttl, 0);
	assert_true(*x->why);
}

static uint16_t
forge_nonsense(struct dns *d, bool tcp, struct buf *out)
{
	(void)d;
	(void)tcp;
	buf_u32(out, 0xffffffff);
	return 3;
}

static void
a_malformed_answer_is_told(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.forge = forge_nonsense;
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_records(x, "example.net", RR_NAPTR);
	assert_int_equal(x->records.error, -EBADMSG);
	assert_string_equal(x->why, "malformed answer");
	assert_int_equal(x->records.set.n, 0);
}

static void
an_answer_that_is_not_to_the_question_is_no_record(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	dns_record(&x->dns, "example.net", "elsewhere.example", 60);
	dns_srv(&x->dns, "other.example", 1, 2, 5000, "a.example.net", 70);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_records(x, "example.net", RR_SRV);
	assert_int_equal(x->records.error, -ENOENT);
}

/* ---- resolvers that do not work -------------------------------------------------------------- */

static void
silence_is_a_timeout(void **state)
{
	struct world *x = *state;
	struct dns_point *p = serve(x, "10.0.1.2", NULL);

	x->dns.silent = true;
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	resolver_lookup(x->r, "dots.example", on_answer, x);
	resolver_lookup_records(x->r, "dots.example", RR_SRV, on_records, x);
	WAIT(x->l, x->answers == 2);
	assert_int_equal(x->answer.error, -ETIMEDOUT);
	assert_int_equal(x->records.error, -ETIMEDOUT);
	assert_true(p->queries >= 6); /* each of the three was repeated */
}

static void
the_next_resolver_is_asked_when_one_fails(void **state)
{
	struct world *x = *state;
	static const char *const want[] = {"192.0.2.10"};
	struct dns broken = {.loop = x->l, .refuse = true};

	netns_enter(netns_theirs);
	dns_open(&broken, "10.0.1.2", NULL);
	netns_enter(netns_ours);
	serve(x, "10.0.1.2:5353", NULL);
	dns_record(&x->dns, "dots.example", "192.0.2.10", 60);
	/* Nobody there, out of order, in order. */
	make(x, "wan1", "10.0.1.1", "10.0.1.2:5354,10.0.1.2,10.0.1.2:5353");
	ask_name(x, "dots.example");
	expect(x, want, 1);
	dns_close(&broken);
}

static void
a_broken_resolver_alone_is_an_error(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.refuse = true;
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	ask_name(x, "dots.example");
	assert_true(x->answer.error == -EIO || x->answer.error == -ETIMEDOUT);
}

static void
without_resolvers_there_is_none(void **state)
{
	struct world *x = *state;
	struct resolver_config cfg = {0};

	assert_null(resolver_new(x->l, &cfg));
	assert_int_equal(errno, EINVAL);
}

/* ---- links (9284-5.1-05, 9284-5.2-04) ---------------------------------------------------------
 */

/* The route prefers wan1; who is bound to wan2 leaves by wan2. */
static void
a_bound_resolver_leaves_by_its_link(void **state)
{
	struct world *x = *state;
	static const char *const want[] = {"192.0.2.10"};
	struct dns_point *one, *two;

	netns_ip_theirs("addr add 10.9.9.9/32 dev lo");
	one = serve(x, "10.9.9.9", "far1");
	two = serve(x, "10.9.9.9", "far2");
	dns_record(&x->dns, "dots.example", "192.0.2.10", 60);
	make(x, "wan2", "10.0.2.1", "10.9.9.9");
	ask_name(x, "dots.example");
	expect(x, want, 1);
	assert_int_equal(one->queries, 0);
	assert_int_equal(two->queries, 2);
	netns_ip_theirs("addr del 10.9.9.9/32 dev lo");
}

/* Its link is down, or gone: the query fails, and does not leave by the other. */
static void
nothing_leaves_by_another_link(void **state)
{
	struct world *x = *state;
	struct dns_point *one, *two;

	netns_ip_theirs("addr add 10.9.9.9/32 dev lo");
	one = serve(x, "10.9.9.9", "far1");
	two = serve(x, "10.9.9.9", "far2");
	dns_record(&x->dns, "dots.example", "192.0.2.10", 60);
	make(x, "wan2", "10.0.2.1", "10.9.9.9");
	netns_ip("link set wan2 down");
	ask_name(x, "dots.example");
	assert_int_not_equal(x->answer.error, 0);
	netns_ip("link set wan2 up");
	netns_ip("route add 10.9.9.9/32 via 10.0.2.2 metric 2"); /* it went with the link */
	two->queries = 0;
	x->dns.silent = true;
	x->answers = 0;
	resolver_lookup(x->r, "dots.example", on_answer, x);
	WAIT(x->l, two->queries >= 2);
	netns_ip("link del wan2"); /* with the query under way */
	WAIT(x->l, x->answers == 1);
	assert_int_not_equal(x->answer.error, 0);
	x->dns.silent = false;
	ask_name(x, "dots.example");
	assert_int_not_equal(x->answer.error, 0);
	assert_int_equal(one->queries, 0);
	netns_ip_theirs("addr del 10.9.9.9/32 dev lo");
}

/* A source that this host does not have (any more) is not replaced by another. */
static void
a_lost_source_fails_the_query(void **state)
{
	struct world *x = *state;
	struct dns_point *p = serve(x, "10.0.1.2", NULL);

	make(x, "wan1", "10.0.1.77", "10.0.1.2");
	ask_name(x, "dots.example");
	assert_int_not_equal(x->answer.error, 0);
	assert_int_equal(p->queries, 0);
}

/* A router that announces its link-local address as resolver. */
static void
a_link_local_resolver_is_asked_on_its_link(void **state)
{
	struct world *x = *state;
	static const char *const want[] = {"192.0.2.10"};
	struct dns_point *one, *two;

	netns_enter(netns_theirs);
	one = dns_open(&x->dns, "[fe80::2%far1]:53", "far1");
	two = dns_open(&x->dns, "[fe80::2%far2]:53", "far2");
	netns_enter(netns_ours);
	dns_record(&x->dns, "dots.example", "192.0.2.10", 60);
	make(x, "wan2", "fe80::1", "fe80::2");
	ask_name(x, "dots.example");
	expect(x, want, 1);
	assert_int_equal(one->queries, 0);
	assert_int_equal(two->queries, 2);
	/* Without a link of the domain's, its scope says which. */
	resolver_free(x->r);
	make(x, NULL, NULL, "[fe80::2%wan1]:53");
	ask_name(x, "dots.example");
	expect(x, want, 1);
	assert_int_equal(one->queries, 2);
	assert_int_equal(two->queries, 2);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void
freeing_drops_what_is_under_way(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.silent = true;
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	for (int i = 0; i < 5; i++) {
		resolver_lookup(x->r, "dots.example", on_answer, x);
		resolver_lookup_records(x->r, "dots.example", RR_SRV, on_records, x);
	}
	WAIT(x->l, *x->dns.last);
	resolver_free(x->r);
	x->r = NULL;
	harness_settle(x->l);
	assert_int_equal(x->answers, 0);
}

/* Answered, but not told yet. */
static void
freeing_drops_what_is_to_be_told(void **state)
{
	struct world *x = *state;

	make(x, "wan1", "10.0.1.77", "10.0.1.2"); /* fails inside the call */
	resolver_lookup(x->r, "dots.example", on_answer, x);
	resolver_lookup_records(x->r, "dots.example", RR_NAPTR, on_records, x);
	resolver_free(x->r);
	x->r = NULL;
	harness_settle(x->l);
	assert_int_equal(x->answers, 0);
}

static void
a_callback_may_free_its_resolver(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	x->free_inside = true;
	resolver_lookup(x->r, "one.example", on_answer, x);
	resolver_lookup(x->r, "two.example", on_answer, x);
	WAIT(x->l, x->answers);
	harness_settle(x->l);
	assert_int_equal(x->answers, 1);
	make(x, "wan1", "10.0.1.1", "10.0.1.2");
	resolver_lookup_records(x->r, "one.example", RR_SRV, on_records, x);
	resolver_lookup_records(x->r, "two.example", RR_SRV, on_records, x);
	WAIT(x->l, x->answers == 2);
	harness_settle(x->l);
	assert_int_equal(x->answers, 2);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_families_are_looked_up_ipv6_first),
		CASE(one_family_is_enough),
		CASE(an_alias_is_followed),
		CASE(no_name_and_no_address_are_told),
		CASE(a_name_is_asked_as_it_is),
		CASE(a_truncated_answer_is_fetched_over_tcp),
		CASE(of_many_addresses_sixteen_are_taken_of_both_families),
		CASE(an_answer_is_whole_when_both_families_were_answered),
		CASE(records_come_with_their_time_to_live),
		CASE(no_records_are_told_with_how_long),
		CASE(a_malformed_answer_is_told),
		CASE(an_answer_that_is_not_to_the_question_is_no_record),
		CASE(silence_is_a_timeout),
		CASE(the_next_resolver_is_asked_when_one_fails),
		CASE(a_broken_resolver_alone_is_an_error),
		CASE(without_resolvers_there_is_none),
		CASE(a_bound_resolver_leaves_by_its_link),
		CASE(nothing_leaves_by_another_link),
		CASE(a_lost_source_fails_the_query),
		CASE(a_link_local_resolver_is_asked_on_its_link),
		CASE(freeing_drops_what_is_under_way),
		CASE(freeing_drops_what_is_to_be_told),
		CASE(a_callback_may_free_its_resolver),
	};

	if (!netns_begin())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
