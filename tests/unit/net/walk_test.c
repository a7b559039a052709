/* Zones in, questions and servers out: RFC 8973 6 and 7, RFC 3958, RFC 6763. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/walk.h"

enum { DRAWS = 10000, TTL = 300 };

/* ---- zones ---- */

struct row {
	const char *owner;
	enum rr_type type;
	struct rr rr;
	const char *addr;
	int error; /* of the look-up, in place of records */
	uint32_t ttl;
};

#define NAPTR(owner_, order_, preference_, flags_, services_, replacement_)                        \
	{                                                                                          \
		.owner = (owner_), .type = RR_NAPTR, .ttl = TTL,                                   \
		.rr = {.order = (order_),                                                          \
			.preference = (preference_),                                               \
			.flags = flags_,                                                           \
			.services = services_,                                                     \
			.name = replacement_ }                                                     \
	}
#define SRV(owner_, priority_, weight_, port_, target_)                                            \
	{                                                                                          \
		.owner = (owner_), .type = RR_SRV, .ttl = TTL,                                     \
		.rr = {.priority = (priority_),                                                    \
			.weight = (weight_),                                                       \
			.port = (port_),                                                           \
			.name = target_ }                                                          \
	}
#define PTR(owner_, instance_)                                                                     \
	{                                                                                          \
		.owner = (owner_), .type = RR_PTR, .ttl = TTL, .rr = {.name = instance_ }          \
	}
#define ADDR(owner_, addr_)                                                                        \
	{                                                                                          \
		.owner = (owner_), .type = RR_ADDRESSES, .ttl = TTL, .addr = (addr_)               \
	}
#define FAILS(owner_, type_, error_, ttl_)                                                         \
	{                                                                                          \
		.owner = (owner_), .type = (type_), .error = (error_), .ttl = (ttl_)               \
	}
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct world {
	struct walk *walk;
	const struct discover_answer *answer;
	struct buf asked; /* "NAPTR example.net\n"… */
	unsigned questions;
	struct buf found; /* "udp a.example.net 5000 2001:db8::1\n"… */
	enum discover_method method;
	unsigned failures;
	uint64_t seed;
};

static void
reply(struct walk *w, const struct walk_question *q, const struct row *zone, size_t n)
{
	struct rr list[RR_MAX];
	struct addr addrs[RESOLVER_ADDRS_MAX];
	struct walk_answer a = {.list = list, .addrs = addrs, .ttl = UINT32_MAX, .why = "because"};

	for (size_t i = 0; i < n; i++) {
		if (zone[i].type != q->type || strcasecmp(zone[i].owner, q->name) != 0)
			continue;
		if (zone[i].error)
			a.error = zone[i].error;
		else if (zone[i].addr)
			assert_int_equal(addr_parse(zone[i].addr, &addrs[a.n_addrs++]), 0);
		else
			list[a.n++] = zone[i].rr;
		if (zone[i].ttl < a.ttl)
			a.ttl = zone[i].ttl;
	}
	if (!a.error && !a.n && !a.n_addrs) {
		a.error = -ENOENT;
		a.ttl = 0;
	}
	walk_answer(w, &a);
}

static void
note_found(struct world *x)
{
	static const char *const services[] = {"udp", "tcp", "data"};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < x->answer->n; i++) {
		const struct discovered *d = &x->answer->found[i];

		assert_in_range(d->n_addrs, 1, RESOLVER_ADDRS_MAX);
		buf_printf(&x->found, "%s %s %u", services[d->service], d->target, d->port);
		for (size_t k = 0; k < d->n_addrs; k++)
			buf_printf(&x->found, " %s", addr_format(&d->addrs[k], text));
		buf_printf(&x->found, "\n");
	}
}

static void
walk(struct world *x, const struct row *zone, size_t n)
{
	static const char *const names[] = {
		[RR_ADDRESSES] = "A", [RR_PTR] = "PTR", [RR_SRV] = "SRV", [RR_NAPTR] = "NAPTR"};
	const struct walk_question *q;

	walk_free(x->walk);
	buf_reset(&x->asked);
	buf_reset(&x->found);
	x->questions = 0;
	x->walk = walk_new("example.net", x->method, x->failures, x->seed);
	while ((q = walk_next(x->walk))) {
		x->questions++;
		buf_printf(&x->asked, "%s %s\n", names[q->type], q->name);
		reply(x->walk, q, zone, n);
	}
	x->answer = walk_result(x->walk);
	assert_int_equal(!x->answer->error, x->answer->n > 0);
	assert_int_equal(!x->answer->error, !*x->answer->why);
	note_found(x);
}

static void
expect(struct world *x, const struct row *zone, size_t n, const char *found)
{
	walk(x, zone, n);
	assert_string_equal(buf_text(&x->found), found);
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	buf_init(&x->asked, 1 << 16);
	buf_init(&x->found, 1 << 16);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	walk_free(x->walk);
	buf_finish(&x->asked);
	buf_finish(&x->found);
	free(x);
	return 0;
}

/* ---- S-NAPTR ---- */

static const struct row figure_8[] = {
	NAPTR("example.net", 100, 10, "", "DOTS:signal.udp", "signal.example.net"),
	NAPTR("example.net", 200, 10, "", "DOTS:signal.tcp", "signal.example.net"),
	NAPTR("example.net", 300, 10, "", "DOTS:data.tcp", "data.example.net"),
	NAPTR("signal.example.net", 100, 10, "s", "DOTS:signal.udp",
		"_dots-signal._udp.example.net"),
	NAPTR("signal.example.net", 200, 10, "s", "DOTS:signal.tcp",
		"_dots-signal._tcp.example.net"),
	NAPTR("data.example.net", 100, 10, "s", "DOTS:data.tcp", "_dots-data._tcp.example.net"),
	NAPTR("data.example.net", 200, 10, "a", "DOTS:data.tcp", "b.example.net"),
	SRV("_dots-signal._udp.example.net", 0, 0, 5000, "a.example.net"),
	SRV("_dots-signal._tcp.example.net", 0, 0, 5001, "a.example.net"),
	SRV("_dots-data._tcp.example.net", 0, 0, 5002, "a.example.net"),
	ADDR("a.example.net", "2001:db8::1"),
	ADDR("b.example.net", "2001:db8::2"),
};

/* 8973-6-03, -06, -08, -09, -12: table 1; what was asked once is not asked
 * again for the other protocol. 8973-8.2-02: whatever the records say, one name is to be proven. */
static void
figure_8_gives_table_1(void **state)
{
	struct world *x = *state;

	expect(x, figure_8, COUNT(figure_8),
		"udp a.example.net 5000 2001:db8::1\n"
		"tcp a.example.net 5001 2001:db8::1\n"
		"data a.example.net 5002 2001:db8::1\n"
		"data b.example.net 443 2001:db8::2\n");
	assert_string_equal(buf_text(&x->asked), "NAPTR example.net\n"
						 "NAPTR signal.example.net\n"
						 "SRV _dots-signal._udp.example.net\n"
						 "A a.example.net\n"
						 "SRV _dots-signal._tcp.example.net\n"
						 "NAPTR data.example.net\n"
						 "SRV _dots-data._tcp.example.net\n"
						 "A b.example.net\n");
	assert_string_equal(x->answer->found[0].reference, "example.net");
	assert_string_equal(x->answer->found[1].reference, "example.net");
}

/* 8973-6-10: a client of ours has no use for Call Home (figure 9), nor for anybody else's records,
 * nor for a data channel alone; 8973-6-13: with nothing else the discovery fails. */
static void
records_of_other_services_lead_nowhere(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 100, 10, "", "DOTS-CALL-HOME:signal.udp",
			"signal.example.net"),
		NAPTR("example.net", 200, 10, "", "DOTS-CALL-HOME:signal.tcp",
			"signal.example.net"),
		NAPTR("example.net", 300, 10, "a", "DOTS:data.tcp", "b.example.net"),
		NAPTR("example.net", 10, 10, "s", "SIP+D2U", "_sip._udp.example.net"),
		NAPTR("signal.example.net", 1, 1, "a", "DOTS:signal.udp", "b.example.net"),
		ADDR("b.example.net", "2001:db8::2"),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone), "");
	assert_string_equal(buf_text(&x->asked), "NAPTR example.net\n");
	assert_int_equal(x->answer->error, -ENOENT);
	assert_string_equal(x->answer->why, "example.net: no record leads to a DOTS server");
	assert_int_equal(x->answer->ttl, TTL);
}

/* 8973-6-13, 8973-6-15 */
static void
without_records_it_fails_and_tells_how_long_to_wait(void **state)
{
	static const struct {
		int error;
		uint32_t ttl;
		unsigned failures;
		uint32_t want;
	} rows[] = {
		{-ENOENT, 900, 0, 900}, /* what the name server says */
		{-ENOENT, 900, 5, 900},
		{-ENOENT, 0, 0, DISCOVER_WAIT_MIN},
		{-ENOENT, 1000000, 0, DISCOVER_WAIT_MAX},
		{-ETIMEDOUT, 0, 0, 60}, /* twice as long each time */
		{-ETIMEDOUT, 0, 1, 120},
		{-ETIMEDOUT, 0, 5, 1920},
		{-ETIMEDOUT, 0, 6, DISCOVER_WAIT_MAX},
		{-EIO, 0, 4000000000, DISCOVER_WAIT_MAX},
		{-EBADMSG, 0, 2, 240},
	};
	struct world *x = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row zone[] = {
			FAILS("example.net", RR_NAPTR, rows[i].error, rows[i].ttl)};

		x->failures = rows[i].failures;
		expect(x, zone, 1, "");
		assert_int_equal(x->answer->error, rows[i].error);
		assert_string_equal(x->answer->why, "NAPTR of example.net: because");
		assert_int_equal(x->answer->ttl, rows[i].want);
		assert_int_equal(x->questions, 1);
	}
}

/* 3958-2.2.1-01, 3958-2.2.2-01 */
static void
records_are_taken_by_order_then_preference(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 20, 1, "a", "DOTS:signal.udp", "e.example.net"),
		NAPTR("example.net", 10, 30, "a", "DOTS:signal.udp", "c.example.net"),
		NAPTR("example.net", 10, 10, "a", "DOTS:signal.tcp:signal.udp", "a.example.net"),
		NAPTR("example.net", 65535, 0, "a", "DOTS:signal.udp", "f.example.net"),
		NAPTR("example.net", 10, 30, "a", "DOTS:signal.udp", "d.example.net"),
		NAPTR("example.net", 10, 20, "a", "DOTS:signal.udp", "b.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
		ADDR("b.example.net", "192.0.2.2"),
		ADDR("c.example.net", "192.0.2.3"),
		ADDR("d.example.net", "192.0.2.4"),
		ADDR("e.example.net", "192.0.2.5"),
		ADDR("f.example.net", "192.0.2.6"),
	};

	expect(*state, zone, COUNT(zone),
		"udp a.example.net 4646 192.0.2.1\n"
		"udp b.example.net 4646 192.0.2.2\n"
		"udp c.example.net 4646 192.0.2.3\n"
		"udp d.example.net 4646 192.0.2.4\n"
		"udp e.example.net 4646 192.0.2.5\n"
		"udp f.example.net 4646 192.0.2.6\n"
		"tcp a.example.net 4646 192.0.2.1\n");
}

/* 3958-6.4-01, 3958-2.2.3-02, 3958-2.2.3-03, 8973-6-11, 3958-6.6-01 */
static void
flags_say_what_comes_next(void **state)
{
	static const struct {
		const char *flags, *found;
		bool regexp;
	} rows[] = {
		{"a", "udp x.example.net 4646 192.0.2.1\n", false},
		{"A", "udp x.example.net 4646 192.0.2.1\n", false},
		{"s", "udp y.example.net 5000 192.0.2.2\n", false},
		{"S", "udp y.example.net 5000 192.0.2.2\n", false},
		{"", "udp z.example.net 4646 192.0.2.3\n", false},
		{"u", "", false},
		{"p", "", false},
		{"sa", "", false},
		{"aa", "", false},
		{" ", "", false},
		{"1", "", false},
		{"a", "", true},
		{"s", "", true},
		{"", "", true},
	};
	struct world *x = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct row zone[] = {
			NAPTR("example.net", 1, 1, "", "DOTS:signal.udp", "x.example.net"),
			ADDR("x.example.net", "192.0.2.1"),
			SRV("x.example.net", 0, 0, 5000, "y.example.net"),
			ADDR("y.example.net", "192.0.2.2"),
			NAPTR("x.example.net", 1, 1, "a", "DOTS:signal.udp", "z.example.net"),
			ADDR("z.example.net", "192.0.2.3"),
		};

		snprintf(zone[0].rr.flags, sizeof(zone[0].rr.flags), "%s", rows[i].flags);
		zone[0].rr.regexp = rows[i].regexp;
		expect(x, zone, COUNT(zone), rows[i].found);
	}
}

/* 8973-6-05, 3958-6.5-01, 3958-2.2.2-01 */
static void
services_are_matched(void **state)
{
	static const struct {
		const char *services;
		bool udp, tcp, data;
	} rows[] = {
		{"DOTS:signal.udp", true, false, false},
		{"dots:Signal.UDP", true, false, false},
		{"DOTS:signal.tcp", false, true, false},
		{"DOTS:signal.tcp:data.tcp:signal.udp", true, true, true},
		{"DOTS:signal.tcp:Data.TCP", false, true, true},
		{"DOTS:x-new:signal.udp", true, false, false},
		{"DOTS:aaaaaaaaaabbbbbbbbbbccccccccccdd:signal.udp", true, false, false},
		{"DOTS:aaaaaaaaaabbbbbbbbbbccccccccccddd:signal.udp", false, false, false}, /* 33 */
		{"DOTS:signal.udp:", false, false, false},
		{"DOTS::signal.udp", false, false, false},
		{"DOTS:1signal:signal.udp", false, false, false}, /* a letter first */
		{"DOTS:signal.udp:not a tag", false, false, false},
		{"DOTS:signal.udp2", false, false, false},
		{"DOTS:signal", false, false, false},
		{"DOTS", false, false, false},
		{"DOT:signal.udp", false, false, false},
		{"DOTSX:signal.udp", false, false, false},
		{"signal.udp:DOTS", false, false, false},
		{"DOTS-CALL-HOME:signal.udp", false, false, false},
		{"DOTS+signal.udp", false, false, false},
		{":signal.udp", false, false, false},
		{"", false, false, false},
	};
	struct world *x = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct row zone[] = {
			NAPTR("example.net", 1, 1, "a", "", "x.example.net"),
			ADDR("x.example.net", "192.0.2.1"),
		};
		char found[160];

		snprintf(zone[0].rr.services, sizeof(zone[0].rr.services), "%s", rows[i].services);
		snprintf(found, sizeof(found), "%s%s%s",
			rows[i].udp ? "udp x.example.net 4646 192.0.2.1\n" : "",
			rows[i].tcp ? "tcp x.example.net 4646 192.0.2.1\n" : "",
			rows[i].data ? "data x.example.net 443 192.0.2.1\n" : "");
		expect(x, zone, COUNT(zone), found);
	}
}

/* 3958-2.2.4-01, 3958-2.2.4-04, 3958-2.2.4-05: a path that ends in nothing is left for the next
 * one of where it branched off. */
static void
what_leads_nowhere_is_passed_over(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "s", "DOTS:signal.udp", "nosrv.example.net"),
		NAPTR("example.net", 1, 2, "a", "DOTS:signal.udp", "noaddress.example.net"),
		NAPTR("example.net", 1, 3, "", "DOTS:signal.udp", "nonaptr.example.net"),
		NAPTR("example.net", 1, 4, "", "DOTS:signal.udp", "nomatch.example.org"),
		NAPTR("nomatch.example.org", 1, 1, "a", "EM:ProtA", "x.example.net"),
		NAPTR("example.net", 1, 5, "", "DOTS:signal.udp", "good.example.org"),
		NAPTR("good.example.org", 1, 1, "s", "DOTS:signal.udp", "srv.example.org"),
		NAPTR("good.example.org", 1, 2, "a", "DOTS:signal.udp", "second.example.org"),
		SRV("srv.example.org", 0, 0, 5000, "gone.example.org"),
		SRV("srv.example.org", 1, 0, 5000, "first.example.org"),
		NAPTR("example.net", 1, 6, "a", "DOTS:signal.udp", "third.example.net"),
		ADDR("first.example.org", "192.0.2.1"),
		ADDR("second.example.org", "192.0.2.2"),
		ADDR("third.example.net", "192.0.2.3"),
		ADDR("x.example.net", "192.0.2.4"),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone),
		"udp first.example.org 5000 192.0.2.1\n"
		"udp second.example.org 4646 192.0.2.2\n"
		"udp third.example.net 4646 192.0.2.3\n");
	assert_string_equal(buf_text(&x->asked), "NAPTR example.net\n"
						 "SRV nosrv.example.net\n"
						 "A noaddress.example.net\n"
						 "NAPTR nonaptr.example.net\n"
						 "NAPTR nomatch.example.org\n"
						 "NAPTR good.example.org\n"
						 "SRV srv.example.org\n"
						 "A gone.example.org\n"
						 "A first.example.org\n"
						 "A second.example.org\n"
						 "A third.example.net\n");
}

/* 3958-2.2.5-01, 3958-2.2.5-04: all of UDP before any of TCP, whatever the order says; each has
 * its own way through the same names (3958-2.2.5-05). */
static void
one_protocol_is_pursued_to_its_end(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "", "DOTS:signal.tcp", "one.example.net"),
		NAPTR("example.net", 2, 1, "", "DOTS:signal.udp", "one.example.net"),
		NAPTR("example.net", 3, 1, "a", "DOTS:signal.udp:signal.tcp", "last.example.net"),
		NAPTR("one.example.net", 1, 1, "s", "DOTS:signal.udp:signal.tcp",
			"srv.example.net"),
		SRV("srv.example.net", 1, 0, 5000, "a.example.net"),
		SRV("srv.example.net", 2, 0, 5000, "b.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
		ADDR("b.example.net", "192.0.2.2"),
		ADDR("last.example.net", "192.0.2.3"),
	};

	expect(*state, zone, COUNT(zone),
		"udp a.example.net 5000 192.0.2.1\n"
		"udp b.example.net 5000 192.0.2.2\n"
		"udp last.example.net 4646 192.0.2.3\n"
		"tcp a.example.net 5000 192.0.2.1\n"
		"tcp b.example.net 5000 192.0.2.2\n"
		"tcp last.example.net 4646 192.0.2.3\n");
}

/* 3958-2.2.5-02, 3958-2.2.5-03: that the delegated domain offers TCP says nothing for ours. */
static void
protocols_are_those_of_the_first_records(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "", "DOTS:signal.udp", "isp.example"),
		NAPTR("isp.example", 1, 1, "a", "DOTS:signal.tcp", "tcp.isp.example"),
		NAPTR("isp.example", 2, 1, "a", "DOTS:signal.udp", "udp.isp.example"),
		ADDR("tcp.isp.example", "192.0.2.1"),
		ADDR("udp.isp.example", "192.0.2.2"),
	};

	expect(*state, zone, COUNT(zone), "udp udp.isp.example 4646 192.0.2.2\n");
}

/* 8973-6-07: where the SRV records are is said by the NAPTR record. */
static void
names_of_srv_records_are_not_made_up(void **state)
{
	static const struct row zone[] = {
		SRV("_dots-signal._udp.example.net", 0, 0, 5000, "a.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
		ADDR("example.net", "192.0.2.1"),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone), "");
	assert_string_equal(buf_text(&x->asked), "NAPTR example.net\n");
}

/* ---- SRV ---- */

static void
targets_are_taken_by_priority(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "s", "DOTS:signal.udp", "srv.example.net"),
		SRV("srv.example.net", 30, 65535, 5003, "c.example.net"),
		SRV("srv.example.net", 10, 0, 5001, "a.example.net"),
		SRV("srv.example.net", 0, 0, 0, "a.example.net"), /* no port */
		SRV("srv.example.net", 20, 10, 5002, "A.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
		ADDR("c.example.net", "192.0.2.3"),
	};
	struct world *x = *state;

	for (x->seed = 0; x->seed < 100; x->seed++)
		expect(x, zone, COUNT(zone),
			"udp a.example.net 5001 192.0.2.1\n"
			"udp A.example.net 5002 192.0.2.1\n"
			"udp c.example.net 5003 192.0.2.3\n");
	assert_int_equal(x->questions, 4); /* names have no case */
}

/* 6763-5-02: of weights 0, 10, 30, 60, by RFC 2782: a number from 0 to 100 is drawn. */
static void
targets_of_one_priority_are_drawn_by_weight(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "s", "DOTS:signal.udp", "srv.example.net"),
		SRV("srv.example.net", 0, 60, 1060, "a.example.net"),
		SRV("srv.example.net", 0, 0, 1000, "a.example.net"),
		SRV("srv.example.net", 0, 30, 1030, "a.example.net"),
		SRV("srv.example.net", 0, 10, 1010, "a.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
	};
	struct world *x = *state;
	unsigned first[61] = {0}, second[61] = {0};

	for (x->seed = 0; x->seed < DRAWS; x->seed++) {
		walk(x, zone, COUNT(zone));
		assert_int_equal(x->answer->n, 4);
		first[x->answer->found[0].port - 1000]++;
		if (x->answer->found[0].port == 1060)
			second[x->answer->found[1].port - 1000]++;
	}
	assert_in_range(first[0], 50, 160); /* 1 in 101 */
	assert_in_range(first[10], 850, 1150);
	assert_in_range(first[30], 2700, 3250);
	assert_in_range(first[60], 5650, 6250);
	assert_in_range(second[10] * 100 / first[60], 20, 29); /* 10 in 41 */
	assert_in_range(second[30] * 100 / first[60], 68, 78);
}

/* ---- DNS-SD ---- */

/* 8973-7-03, 8973-7-05, 6763-4.1-01, 6763-5-01, 6763-12-01; 8973-7-04 and 6763-6.1-01: nobody asks
 * for TXT, so one that is empty, or missing, or full, is all the same. */
static void
figure_10_gives_two_servers(void **state)
{
	static const struct row zone[] = {
		PTR("_dots-signal._udp.example.net", "a._dots-signal._udp.example.net"),
		PTR("_dots-signal._udp.example.net", "b._dots-signal._udp.example.net"),
		SRV("a._dots-signal._udp.example.net", 0, 0, 4646, "a.example.net"),
		SRV("b._dots-signal._udp.example.net", 0, 0, 4646, "b.example.net"),
		ADDR("a.example.net", "2001:db8::a"),
		ADDR("b.example.net", "2001:db8::b"),
	};
	struct world *x = *state;

	x->method = DISCOVER_DNSSD;
	expect(x, zone, COUNT(zone),
		"udp a.example.net 4646 2001:db8::a\n"
		"udp b.example.net 4646 2001:db8::b\n");
	assert_string_equal(buf_text(&x->asked), "PTR _dots-signal._udp.example.net\n"
						 "SRV a._dots-signal._udp.example.net\n"
						 "SRV b._dots-signal._udp.example.net\n"
						 "A a.example.net\n"
						 "A b.example.net\n"
						 "PTR _dots-signal._tcp.example.net\n");
	assert_string_equal(x->answer->found[1].reference, "example.net");
}

/* 8973-7-01, 8973-7-03: their names say what they are, in any domain (RFC 6763 4.2). */
static void
instances_of_other_services_are_passed_over(void **state)
{
	static const struct row zone[] = {
		PTR("_dots-signal._tcp.example.net", "a._http._tcp.example.net"),
		PTR("_dots-signal._tcp.example.net", "a._dots-signal._udp.example.net"),
		PTR("_dots-signal._tcp.example.net", "a._dots-signal._tcp"),
		PTR("_dots-signal._tcp.example.net", "_dots-signal._tcp.example.net"),
		PTR("_dots-signal._tcp.example.net", "a\\._dots-signal._tcp.example.net"),
		PTR("_dots-signal._tcp.example.net", "alone"),
		PTR("_dots-signal._tcp.example.net",
			"Any v1\\.2 \\\\ box._DOTS-signal._tcp.isp.example"),
		SRV("Any v1\\.2 \\\\ box._dots-signal._tcp.isp.example", 0, 0, 4646,
			"a.isp.example"),
		ADDR("a.isp.example", "192.0.2.1"),
	};
	struct world *x = *state;

	x->method = DISCOVER_DNSSD;
	expect(x, zone, COUNT(zone), "tcp a.isp.example 4646 192.0.2.1\n");
	assert_int_equal(x->questions, 4);
}

/* 6763-5-02, among all instances: they are the servers of one service. */
static void
priority_counts_among_instances(void **state)
{
	static const struct row zone[] = {
		PTR("_dots-signal._udp.example.net", "a._dots-signal._udp.example.net"),
		PTR("_dots-signal._udp.example.net", "b._dots-signal._udp.example.net"),
		PTR("_dots-signal._udp.example.net", "a._dots-signal._udp.example.net"),
		SRV("a._dots-signal._udp.example.net", 20, 0, 4646, "a.example.net"),
		SRV("b._dots-signal._udp.example.net", 30, 0, 4646, "c.example.net"),
		SRV("b._dots-signal._udp.example.net", 10, 0, 4646, "b.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
		ADDR("b.example.net", "192.0.2.2"),
		ADDR("c.example.net", "192.0.2.3"),
	};
	struct world *x = *state;

	x->method = DISCOVER_DNSSD;
	expect(x, zone, COUNT(zone),
		"udp b.example.net 4646 192.0.2.2\n"
		"udp a.example.net 4646 192.0.2.1\n"
		"udp c.example.net 4646 192.0.2.3\n");
}

static void
a_domain_without_instances_fails(void **state)
{
	struct world *x = *state;

	x->method = DISCOVER_DNSSD;
	expect(x, NULL, 0, "");
	assert_int_equal(x->answer->error, -ENOENT);
	assert_string_equal(x->answer->why, "PTR of _dots-signal._udp.example.net: because");
	assert_int_equal(x->questions, 2);
}

/* ---- addresses, times ---- */

static void
addresses_that_reach_nobody_are_left_out(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "a", "DOTS:signal.udp", "a.example.net"),
		NAPTR("example.net", 2, 1, "a", "DOTS:signal.udp", "b.example.net"),
		ADDR("a.example.net", "::1"),
		ADDR("a.example.net", "ff02::1"),
		ADDR("a.example.net", "::"),
		ADDR("a.example.net", "127.0.0.1"),
		ADDR("a.example.net", "224.0.0.1"),
		ADDR("a.example.net", "0.0.0.0"),
		ADDR("a.example.net", "::ffff:127.0.0.1"),
		ADDR("b.example.net", "ff02::1"),
		ADDR("b.example.net", "2001:db8::1"),
		ADDR("b.example.net", "127.9.9.9"),
		ADDR("b.example.net", "192.0.2.1"),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone), "udp b.example.net 4646 2001:db8::1 192.0.2.1\n");
	expect(x, zone, 9, ""); /* without those of b */
	assert_int_equal(x->answer->error, -ENOENT);
	assert_string_equal(x->answer->why, "address of a.example.net: nothing that could be used");
}

/* 8973-6-15 */
static void
the_smallest_time_to_live_counts(void **state)
{
	struct row zone[] = {
		NAPTR("example.net", 1, 1, "s", "DOTS:signal.udp", "srv.example.net"),
		NAPTR("example.net", 1, 2, "a", "DOTS:signal.udp", "gone.example.net"),
		SRV("srv.example.net", 0, 0, 5000, "a.example.net"),
		ADDR("a.example.net", "192.0.2.1"),
		ADDR("gone.example.net", "192.0.2.1"),
	};
	struct world *x = *state;

	for (size_t i = 0; i < COUNT(zone); i++) {
		zone[i].ttl = 7;
		walk(x, zone, COUNT(zone));
		assert_int_equal(x->answer->ttl, 7);
		zone[i].ttl = TTL;
	}
	/* What failed is not asked for again at once. */
	zone[3].ttl = 7;
	walk(x, zone, 4);
	assert_int_equal(x->answer->n, 1);
	assert_int_equal(x->answer->ttl, DISCOVER_WAIT_MIN);
	zone[3].ttl = TTL;
	walk(x, zone, 4);
	assert_int_equal(x->answer->ttl, TTL);
}

/* Of several failures the one that is no answer is told; the longest wait counts. */
static void
the_failure_that_matters_is_told(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "a", "DOTS:signal.udp", "a.example.net"),
		NAPTR("example.net", 1, 2, "s", "DOTS:signal.udp", "b.example.net"),
		NAPTR("example.net", 1, 3, "", "DOTS:signal.udp", "c.example.net"),
		FAILS("a.example.net", RR_ADDRESSES, -ENOENT, 100),
		FAILS("b.example.net", RR_SRV, -ETIMEDOUT, 0),
		FAILS("c.example.net", RR_NAPTR, -ENOENT, 1000),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone), "");
	assert_int_equal(x->answer->error, -ETIMEDOUT);
	assert_string_equal(x->answer->why, "SRV of b.example.net: because");
	assert_int_equal(x->answer->ttl, 1000);
}

/* ---- limits ---- */

static void
loops_are_refused(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "", "DOTS:signal.udp", "Example.NET"),
		NAPTR("example.net", 2, 1, "", "DOTS:signal.udp", "a.example.net"),
		NAPTR("a.example.net", 1, 1, "", "DOTS:signal.udp", "b.example.net"),
		NAPTR("b.example.net", 1, 1, "", "DOTS:signal.udp", "example.net"),
		NAPTR("b.example.net", 2, 1, "", "DOTS:signal.udp", "a.example.net"),
		NAPTR("b.example.net", 3, 1, "a", "DOTS:signal.udp", "c.example.net"),
		ADDR("c.example.net", "192.0.2.1"),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone), "udp c.example.net 4646 192.0.2.1\n");
	assert_int_equal(x->questions, 4);
}

/* depth non-terminal records one after the other, then a server. */
static size_t
chain(struct row *zone, char names[][16], unsigned depth)
{
	snprintf(names[0], 16, "example.net");
	for (unsigned i = 0; i < depth; i++) {
		snprintf(names[i + 1], 16, "n%u.example", i + 1);
		zone[i] = (struct row)NAPTR(names[i], 1, 1, "", "DOTS:signal.udp", "");
		snprintf(zone[i].rr.name, RR_NAME_MAX, "%s", names[i + 1]);
	}
	zone[depth] = (struct row)NAPTR(names[depth], 1, 1, "a", "DOTS:signal.udp", "end.example");
	zone[depth + 1] = (struct row)ADDR("end.example", "192.0.2.1");
	return depth + 2;
}

/* 3958-2.2.3-01 */
static void
records_refer_onward_eight_times(void **state)
{
	struct world *x = *state;
	struct row zone[16];
	char names[16][16];

	expect(x, zone, chain(zone, names, WALK_DEPTH_MAX), "udp end.example 4646 192.0.2.1\n");
	expect(x, zone, chain(zone, names, WALK_DEPTH_MAX + 1), "");
	assert_int_equal(x->answer->error, -E2BIG);
	assert_int_equal(x->questions, WALK_DEPTH_MAX + 1);
}

static size_t
many(struct row *zone, char names[][16], unsigned n, const char *services)
{
	for (unsigned i = 0; i < n; i++) {
		snprintf(names[i], 16, "n%u.example", i);
		zone[i] = (struct row)NAPTR("example.net", 1, 1, "a", "", "");
		snprintf(zone[i].rr.services, 256, "%s", services);
		snprintf(zone[i].rr.name, RR_NAME_MAX, "%s", names[i]);
		zone[n + i] = (struct row)ADDR(names[i], "192.0.2.1");
	}
	return 2 * n;
}

static void
of_many_servers_eight_are_taken_of_each_service(void **state)
{
	struct world *x = *state;
	struct row zone[2 * RR_MAX];
	char names[RR_MAX][16];

	walk(x, zone, many(zone, names, RR_MAX, "DOTS:signal.udp:signal.tcp:data.tcp"));
	assert_int_equal(x->answer->n, DISCOVER_FOUND_MAX);
	for (size_t i = 0; i < x->answer->n; i++)
		assert_int_equal(x->answer->found[i].service, i / DISCOVER_OF_ONE_MAX);
	assert_int_equal(x->questions, 1 + DISCOVER_OF_ONE_MAX);
}

/* Two levels of names without addresses. */
static void
look_ups_are_limited(void **state)
{
	struct world *x = *state;
	struct row zone[3 * RR_MAX];
	char names[RR_MAX][16], deep[RR_MAX][16];
	size_t n = 0;

	for (unsigned i = 0; i < RR_MAX; i++) {
		snprintf(names[i], 16, "n%u.example", i);
		snprintf(deep[i], 16, "d%u.example", i);
		zone[n] = (struct row)NAPTR("example.net", 1, 1, "", "DOTS:signal.udp", "");
		snprintf(zone[n++].rr.name, RR_NAME_MAX, "%s", names[i]);
		zone[n] = (struct row)NAPTR(names[i], 1, 1, "a", "DOTS:signal.udp", "");
		snprintf(zone[n++].rr.name, RR_NAME_MAX, "%s", deep[i]);
	}
	expect(x, zone, n, "");
	assert_int_equal(x->questions, WALK_QUESTIONS_MAX);
	assert_int_equal(x->answer->error, -E2BIG);
	/* What was found until then counts. */
	zone[n++] = (struct row)ADDR(deep[3], "192.0.2.1");
	expect(x, zone, n, "udp d3.example 4646 192.0.2.1\n");
	assert_int_equal(x->questions, WALK_QUESTIONS_MAX);
}

static void
after_three_silences_nobody_is_asked_any_more(void **state)
{
	static const struct row zone[] = {
		NAPTR("example.net", 1, 1, "a", "DOTS:signal.udp", "first.example"),
		NAPTR("example.net", 1, 2, "a", "DOTS:signal.udp", "n1.example"),
		NAPTR("example.net", 1, 3, "s", "DOTS:signal.udp", "n2.example"),
		NAPTR("example.net", 1, 4, "", "DOTS:signal.udp", "n3.example"),
		NAPTR("example.net", 1, 5, "a", "DOTS:signal.udp", "n4.example"),
		FAILS("n1.example", RR_ADDRESSES, -ETIMEDOUT, 0),
		FAILS("n2.example", RR_SRV, -ETIMEDOUT, 0),
		FAILS("n3.example", RR_NAPTR, -ETIMEDOUT, 0),
		ADDR("n4.example", "192.0.2.1"),
		ADDR("first.example", "192.0.2.2"),
	};
	struct world *x = *state;

	expect(x, zone, COUNT(zone), "udp first.example 4646 192.0.2.2\n");
	assert_int_equal(x->questions, 5);
	expect(x, zone, COUNT(zone) - 1, "");
	assert_int_equal(x->answer->error, -ETIMEDOUT);
}

/* Records that all lead to the same names: as many paths as 32 to the power of 8, few names. */
static void
many_paths_to_few_names_are_no_work(void **state)
{
	struct world *x = *state;
	struct row zone[WALK_DEPTH_MAX * RR_MAX];
	char names[WALK_DEPTH_MAX + 1][16];
	size_t n = 0;

	snprintf(names[0], 16, "example.net");
	for (unsigned i = 0; i < WALK_DEPTH_MAX; i++) {
		snprintf(names[i + 1], 16, "n%u.example", i + 1);
		for (unsigned k = 0; k < RR_MAX; k++) {
			zone[n] = (struct row)NAPTR(names[i], 1, 1, "", "DOTS:signal.udp", "");
			snprintf(zone[n++].rr.name, RR_NAME_MAX, "%s", names[i + 1]);
		}
	}
	expect(x, zone, n, "");
	assert_int_equal(x->questions, WALK_DEPTH_MAX + 1);
}

/* As many instances as have addresses asked for; the other protocol comes in as well. */
static void
of_many_instances_eight_are_taken(void **state)
{
	struct world *x = *state;
	struct row zone[2 * 3 * RR_MAX];
	char names[2][RR_MAX][48];
	size_t n = 0;

	for (unsigned tcp = 0; tcp < 2; tcp++)
		for (unsigned i = 0; i < RR_MAX; i++) {
			const char *service = tcp ? "_dots-signal._tcp.example.net"
						  : "_dots-signal._udp.example.net";

			snprintf(names[tcp][i], 48, "i%u.%s", i, service);
			zone[n] = (struct row)PTR(service, "");
			snprintf(zone[n++].rr.name, RR_NAME_MAX, "%s", names[tcp][i]);
			zone[n++] = (struct row)SRV(
				names[tcp][i], 0, 0, (uint16_t)(i + 1), "a.example");
		}
	zone[n++] = (struct row)ADDR("a.example", "192.0.2.1");
	x->method = DISCOVER_DNSSD;
	walk(x, zone, n);
	assert_int_equal(x->answer->n, 2 * DISCOVER_OF_ONE_MAX);
	assert_int_equal(x->questions, 2 * (1 + DISCOVER_OF_ONE_MAX) + 1);
}

/* 8973-7-02 */
static void
a_domain_is_conventional_and_has_room_for_a_service(void **state)
{
	char name[256];

	(void)state;
	assert_true(walk_domain_fits("example.net"));
	assert_false(walk_domain_fits(""));
	assert_false(walk_domain_fits("example.net."));
	assert_false(walk_domain_fits("two words.net"));
	memset(name, 'a', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253 - 18] = '\0';
	assert_true(walk_domain_fits(name));
	name[253 - 18] = 'a';
	name[253 - 17] = '\0';
	assert_false(walk_domain_fits(name));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(figure_8_gives_table_1),
		CASE(records_of_other_services_lead_nowhere),
		CASE(without_records_it_fails_and_tells_how_long_to_wait),
		CASE(records_are_taken_by_order_then_preference),
		CASE(flags_say_what_comes_next),
		CASE(services_are_matched),
		CASE(what_leads_nowhere_is_passed_over),
		CASE(one_protocol_is_pursued_to_its_end),
		CASE(protocols_are_those_of_the_first_records),
		CASE(names_of_srv_records_are_not_made_up),
		CASE(targets_are_taken_by_priority),
		CASE(targets_of_one_priority_are_drawn_by_weight),
		CASE(figure_10_gives_two_servers),
		CASE(instances_of_other_services_are_passed_over),
		CASE(priority_counts_among_instances),
		CASE(a_domain_without_instances_fails),
		CASE(addresses_that_reach_nobody_are_left_out),
		CASE(the_smallest_time_to_live_counts),
		CASE(the_failure_that_matters_is_told),
		CASE(loops_are_refused),
		CASE(records_refer_onward_eight_times),
		CASE(of_many_servers_eight_are_taken_of_each_service),
		CASE(look_ups_are_limited),
		CASE(after_three_silences_nobody_is_asked_any_more),
		CASE(many_paths_to_few_names_are_no_work),
		CASE(of_many_instances_eight_are_taken),
		CASE(a_domain_is_conventional_and_has_room_for_a_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
