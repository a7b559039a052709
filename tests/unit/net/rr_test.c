/* Records out of messages, as name servers and others write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dns.h"
#include "net/rr.h"

enum { HEADER = 12, MANY = 2900, NAME_AT = HEADER };

static struct rr_set set;

/* ---- messages ---- */

static struct buf
begin(const char *question, uint16_t answers, uint16_t authorities)
{
	struct buf b;

	buf_init(&b, 65535);
	buf_u32(&b, 0x12348180);
	buf_u16(&b, 1);
	buf_u16(&b, answers);
	buf_u16(&b, authorities);
	buf_u16(&b, 0);
	dns_put_name(&b, question);
	buf_u32(&b, 0x00ff0001);
	return b;
}

static void
put_srv(struct buf *b, const char *owner, uint32_t ttl, uint16_t priority, const char *target)
{
	struct buf name;

	buf_init(&name, 512);
	dns_put_name(&name, target);
	dns_put_head(b, owner, DNS_SRV, ttl, 6 + name.len);
	buf_u16(b, priority);
	buf_u16(b, 7);
	buf_u16(b, 4646);
	buf_bytes(b, name.bytes, name.len);
	buf_finish(&name);
}

static void
put_pointing(struct buf *b, const char *owner, unsigned type, uint32_t ttl, const char *to)
{
	struct buf name;

	buf_init(&name, 512);
	dns_put_name(&name, to);
	dns_put_head(b, owner, type, ttl, name.len);
	buf_bytes(b, name.bytes, name.len);
	buf_finish(&name);
}

static void
put_string(struct buf *b, const char *text, size_t len)
{
	buf_u8(b, (uint8_t)len);
	buf_bytes(b, text, len);
}

/* Each text of that length, however many NULs. */
static void
put_naptr(struct buf *b, const char *flags, size_t flags_len, const char *services,
	const char *regexp, const char *replacement)
{
	struct buf data;

	buf_init(&data, 2048);
	buf_u16(&data, 100);
	buf_u16(&data, 10);
	put_string(&data, flags, flags_len);
	put_string(&data, services, strlen(services));
	put_string(&data, regexp, strlen(regexp));
	dns_put_name(&data, replacement);
	dns_put_head(b, "example.net", DNS_NAPTR, 60, data.len);
	buf_bytes(b, data.bytes, data.len);
	buf_finish(&data);
}

/* From memory of exactly that length; the buffer is done with. */
static int
read_set(struct buf *b, const char *name, enum rr_type type)
{
	void *exact = mem_copy(b->bytes, b->len);
	int r;

	assert_false(b->failed);
	r = rr_read(exact, b->len, name, type, &set);
	free(exact);
	buf_finish(b);
	return r;
}

/* ---- what is read ---- */

static void
fields_and_the_smallest_time_to_live(void **state)
{
	struct buf b = begin("_dots-signal._udp.example.net", 3, 0);

	(void)state;
	put_srv(&b, "_dots-signal._udp.example.net", 300, 1, "a.example.net");
	put_srv(&b, "_DOTS-Signal._UDP.Example.NET", 120, 2, "B.example.net");
	put_srv(&b, "somebody.else", 5, 3, "c.example.net");
	assert_int_equal(read_set(&b, "_dots-signal._udp.example.net", RR_SRV), 0);
	assert_int_equal(set.n, 2);
	assert_int_equal(set.ttl, 120);
	assert_int_equal(set.list[1].priority, 2);
	assert_int_equal(set.list[1].weight, 7);
	assert_int_equal(set.list[1].port, 4646);
	assert_string_equal(set.list[1].name, "B.example.net");
}

static void
naptr_texts_are_read(void **state)
{
	struct buf b = begin("example.net", 2, 0);

	(void)state;
	put_naptr(&b, "s", 1, "DOTS:signal.udp:signal.tcp", "", "_dots-signal._udp.example.net");
	put_naptr(&b, "", 0, "x", "!.*!y!", "signal.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_NAPTR), 0);
	assert_int_equal(set.n, 2);
	assert_int_equal(set.list[0].order, 100);
	assert_int_equal(set.list[0].preference, 10);
	assert_string_equal(set.list[0].flags, "s");
	assert_string_equal(set.list[0].services, "DOTS:signal.udp:signal.tcp");
	assert_false(set.list[0].regexp);
	assert_string_equal(set.list[0].name, "_dots-signal._udp.example.net");
	assert_string_equal(set.list[1].flags, "");
	assert_true(set.list[1].regexp);
}

/* A text that would look shorter than it is, or that a terminal would obey. */
static void
texts_that_do_not_print_spoil_their_record(void **state)
{
	struct buf b = begin("example.net", 3, 0);

	(void)state;
	put_naptr(&b, "s\0u", 3, "DOTS:signal.udp", "", "x.example.net");
	put_naptr(&b, "s", 1, "DOTS:signal.udp\x1b", "", "x.example.net");
	put_naptr(&b, "sssssssssssssssss", 17, "DOTS:signal.udp", "", "y.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_NAPTR), 0);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.list[0].name, "y.example.net");
	assert_string_equal(set.list[0].flags, "sssssss");
}

/* 8973-7-01 */
static void
instances_are_any_text(void **state)
{
	static const char *const names[] = {"a._dots-signal._udp.example.net",
		"Wohnzimmer f\xc3\xbcr alle._dots-signal._udp.example.net",
		"v1\\.2 \\\\ (b) \"c\" $@;._dots-signal._udp.example.net"};
	struct buf b = begin("_dots-signal._udp.example.net", 4, 0);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		put_pointing(&b, "_dots-signal._udp.example.net", DNS_PTR, 60, names[i]);
	put_pointing(&b, "_dots-signal._udp.example.net", DNS_PTR, 60,
		"bell\a._dots-signal._udp.example.net");
	assert_int_equal(read_set(&b, "_dots-signal._udp.example.net", RR_PTR), 0);
	assert_int_equal(set.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(set.list[i].name, names[i]);
	/* And are found as owners. */
	b = begin(names[2], 1, 0);
	put_srv(&b, names[2], 60, 0, "a.example.net");
	assert_int_equal(read_set(&b, names[2], RR_SRV), 0);
	assert_int_equal(set.n, 1);
}

static void
aliases_are_followed_and_count_for_the_time(void **state)
{
	struct buf b = begin("example.net", 4, 0);

	(void)state;
	/* Out of order: they come as they like. */
	put_srv(&b, "three.example", 300, 1, "a.example.net");
	put_pointing(&b, "two.example", DNS_CNAME, 30, "three.example");
	put_pointing(&b, "example.net", DNS_CNAME, 200, "two.example");
	put_pointing(&b, "unrelated.example", DNS_CNAME, 1, "three.example");
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.ttl, 30);
}

static void
aliases_in_a_circle_lead_nowhere(void **state)
{
	struct buf b = begin("one.example", 2, 0);

	(void)state;
	put_pointing(&b, "one.example", DNS_CNAME, 30, "two.example");
	put_pointing(&b, "two.example", DNS_CNAME, 30, "one.example");
	assert_int_equal(read_set(&b, "one.example", RR_SRV), 0);
	assert_int_equal(set.n, 0);
	assert_int_equal(set.ttl, 0);
}

static void
other_types_and_classes_are_passed_over(void **state)
{
	struct buf b = begin("example.net", 3, 0);

	(void)state;
	put_pointing(&b, "example.net", DNS_PTR, 60, "x.example.net");
	put_srv(&b, "example.net", 60, 0, "chaos.example.net");
	b.bytes[b.len - (6 + 19) - 7] = 3; /* its class */
	put_srv(&b, "example.net", 60, 0, "a.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.list[0].name, "a.example.net");
}

static void
a_time_to_live_without_end_is_none(void **state)
{
	struct buf b = begin("example.net", 1, 0);

	(void)state;
	put_srv(&b, "example.net", 0x80000000, 0, "a.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.ttl, 0);
}

static void
a_no_tells_for_how_long(void **state)
{
	static const struct {
		uint32_t ttl, minimum, want;
	} rows[] = {{900, 300, 300}, {120, 300, 120}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf b = begin("example.net", 0, 2);

		put_pointing(&b, "example.net", DNS_PTR, 1, "x.example.net"); /* not that one */
		dns_put_head(&b, "net", DNS_SOA, rows[i].ttl, 2 + 20);
		buf_u16(&b, 0);
		for (uint32_t k = 1; k <= 4; k++)
			buf_u32(&b, k);
		buf_u32(&b, rows[i].minimum);
		assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
		assert_int_equal(set.n, 0);
		assert_int_equal(set.ttl, rows[i].want);
	}
}

/* ---- names ---- */

static void
pointers_lead_back(void **state)
{
	struct buf b = begin("example.net", 1, 0);

	(void)state;
	buf_u16(&b, 0xc000 | NAME_AT);
	buf_u16(&b, DNS_SRV);
	buf_u16(&b, 1);
	buf_u32(&b, 60);
	buf_u16(&b, 6 + 4);
	buf_bytes(&b, "\0\0\0\0\x12\x26\1a\xc0\x0c", 10);
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.list[0].name, "a.example.net");
}

/* To itself, ahead, in a circle of two, out of the message, reserved kinds of labels. */
static void
pointers_that_play_tricks_are_refused(void **state)
{
	static const char *const owners[] = {"\xc0\x1d", "\xc0\x20", "\xc0\x1f\xc0\x1d", "\xff\xff",
		"\x40", "\x80", "\x01\x61\xc0\x1d"};

	(void)state;
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		struct buf b = begin("example.net", 1, 0);

		assert_int_equal(b.len, 0x1d); /* where the owner will be */
		buf_bytes(&b, owners[i], strlen(owners[i]));
		for (int k = 0; k < 256; k++)
			buf_u8(&b, 0);
		assert_int_equal(read_set(&b, "example.net", RR_SRV), -EBADMSG);
		assert_int_equal(set.n, 0);
	}
}

/* Three labels of 63 and one of `last`. */
static const char *
long_name(char name[static 300], size_t last)
{
	memset(name, 'a', 300);
	name[63] = name[127] = name[191] = '.';
	name[192 + last] = '\0';
	return name;
}

static void
names_have_255_bytes_at_most(void **state)
{
	char name[300];
	struct buf b = begin("example.net", 1, 0);

	(void)state;
	put_srv(&b, "example.net", 60, 0, long_name(name, 61));
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 1);
	assert_int_equal(strlen(set.list[0].name), 253);
	b = begin("example.net", 2, 0);
	put_srv(&b, "example.net", 60, 0, long_name(name, 62));
	put_srv(&b, "example.net", 60, 0, "a.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.list[0].name, "a.example.net");
	/* Of an owner nothing can be passed over. */
	b = begin("example.net", 1, 0);
	put_srv(&b, long_name(name, 62), 60, 0, "a.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_SRV), -EBADMSG);
}

/* Escapes would make its text longer than there is room for. */
static void
a_name_whose_text_is_too_long_is_left_out(void **state)
{
	struct buf b = begin("example.net", 2, 0);
	char name[600] = "";

	(void)state;
	for (int i = 0; i < 3 * 60; i++)
		strcat(name, i % 60 == 59 ? "\\.." : "\\.");
	strcat(name, "x");
	put_pointing(&b, "example.net", DNS_PTR, 60, name);
	put_pointing(&b, "example.net", DNS_PTR, 60, "x.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_PTR), 0);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.list[0].name, "x.example.net");
}

static void
names_for_which_nothing_can_be_done_are_left_out(void **state)
{
	static const char *const targets[] = {"", "a b.example.net", "a\\.b.example.net",
		"f\xc3\xbcr.example.net", "a/b.example.net", "*.example.net"};
	struct buf b = begin("example.net", 7, 0);

	(void)state;
	for (size_t i = 0; i < 6; i++)
		put_srv(&b, "example.net", 60, 0, targets[i]);
	/* A label that is a NUL, which would end the text early. */
	dns_put_head(&b, "example.net", DNS_SRV, 60, 6 + 9);
	buf_bytes(&b, "\0\0\0\0\x12\x26\2ab\1\0\2cd\0", 15);
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 0);
	b = begin("example.net", 1, 0);
	put_pointing(&b, "example.net", DNS_PTR, 60, "");
	assert_int_equal(read_set(&b, "example.net", RR_PTR), 0);
	assert_int_equal(set.n, 0);
}

static void
conventional_names(void **state)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
		{"example.net", true},
		{"net", true},
		{"_dots-signal._udp.1.EXAMPLE-2.net", true},
		{"", false},
		{".", false},
		{".net", false},
		{"example.net.", false},
		{"example..net", false},
		{"exa mple.net", false},
		{"ex\\.ample.net", false},
		{"\xc3\xbc.net", false},
		{"a@b.net", false},
	};
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rr_name_is_conventional(rows[i].name) != rows[i].is)
			fail_msg("%s", rows[i].name);
	assert_true(rr_name_is_conventional(long_name(name, 61)));
	assert_false(rr_name_is_conventional(long_name(name, 62)));
	name[63] = 'a'; /* a label of 127 */
	name[200] = '\0';
	assert_false(rr_name_is_conventional(name));
}

/* ---- what is wrong ---- */

static void
data_that_does_not_fit_its_length_is_left_out(void **state)
{
	struct buf b = begin("example.net", 4, 0);

	(void)state;
	dns_put_head(&b, "example.net", DNS_SRV, 60, 3); /* ends inside */
	buf_bytes(&b, "\0\0\0", 3);
	dns_put_head(&b, "example.net", DNS_SRV, 60, 10); /* goes on */
	buf_bytes(&b, "\0\0\0\0\x12\x26\1a\0x", 10);
	dns_put_head(&b, "example.net", DNS_SRV, 60, 7); /* its name would go on in the next one */
	buf_bytes(&b, "\0\0\0\0\x12\x26\7", 7);
	put_srv(&b, "example.net", 60, 0, "a.example.net");
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.list[0].name, "a.example.net");
}

static void
a_message_that_ends_early_tells_nothing(void **state)
{
	struct buf b = begin("example.net", 2, 0);

	(void)state;
	put_srv(&b, "example.net", 60, 0, "a.example.net");
	put_srv(&b, "example.net", 60, 0, "b.example.net");
	for (size_t len = 0; len < b.len; len++) {
		void *exact = mem_copy(b.bytes, len ? len : 1);

		assert_int_equal(rr_read(exact, len, "example.net", RR_SRV, &set), -EBADMSG);
		assert_int_equal(set.n, 0);
		assert_int_equal(set.ttl, 0);
		free(exact);
	}
	assert_int_equal(read_set(&b, "example.net", RR_SRV), 0);
	assert_int_equal(set.n, 2);
}

static void
of_thousands_of_records_32_are_taken(void **state)
{
	struct buf b = begin("n", MANY, 0);

	(void)state;
	for (int i = 0; i < MANY; i++)
		put_srv(&b, "n", 60, 0, "a");
	assert_int_equal(read_set(&b, "n", RR_SRV), 0);
	assert_int_equal(set.n, RR_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_the_smallest_time_to_live),
		cmocka_unit_test(naptr_texts_are_read),
		cmocka_unit_test(texts_that_do_not_print_spoil_their_record),
		cmocka_unit_test(instances_are_any_text),
		cmocka_unit_test(aliases_are_followed_and_count_for_the_time),
		cmocka_unit_test(aliases_in_a_circle_lead_nowhere),
		cmocka_unit_test(other_types_and_classes_are_passed_over),
		cmocka_unit_test(a_time_to_live_without_end_is_none),
		cmocka_unit_test(a_no_tells_for_how_long),
		cmocka_unit_test(pointers_lead_back),
		cmocka_unit_test(pointers_that_play_tricks_are_refused),
		cmocka_unit_test(names_have_255_bytes_at_most),
		cmocka_unit_test(a_name_whose_text_is_too_long_is_left_out),
		cmocka_unit_test(names_for_which_nothing_can_be_done_are_left_out),
		cmocka_unit_test(conventional_names),
		cmocka_unit_test(data_that_does_not_fit_its_length_is_left_out),
		cmocka_unit_test(a_message_that_ends_early_tells_nothing),
		cmocka_unit_test(of_thousands_of_records_32_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
