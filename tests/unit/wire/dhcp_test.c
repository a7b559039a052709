/*
 * DHCP: what the questions look like, what of the answers counts (RFC 8973 5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dhcp.h"

static const struct dhcp_question question = {.xid = 0x12345678,
	.has_ether = true,
	.ether = {2, 0, 0, 0, 0, 9},
	.client = {4, {192, 0, 2, 7}}};

enum { MESSAGE_MAX = 4096, V4_OPTIONS = 240, V4_FILE = 108, V4_SNAME = 44 };

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
};

/* Hexadecimal digits, spaces between them. */
static size_t
unhex(const char *text, uint8_t *to)
{
	size_t n = 0;
	char two[3] = "";

	for (; *text; text++) {
		if (*text == ' ')
			continue;
		memcpy(two, text, 2);
		to[n++] = (uint8_t)strtoul(two, NULL, 16);
		text++;
	}
	return n;
}

static void
add(struct message *m, const char *hex)
{
	m->len += unhex(hex, m->bytes + m->len);
}

static struct message
ack_with(const char *options)
{
	struct message m = {.len = V4_OPTIONS};

	m.bytes[0] = 2;
	m.bytes[1] = 1;
	m.bytes[2] = 6;
	unhex("12345678", m.bytes + 4);
	memcpy(m.bytes + 28, question.ether, 6);
	unhex("63825363", m.bytes + 236);
	add(&m, "350105");
	add(&m, options);
	return m;
}

static struct message
reply_with(const char *options)
{
	struct message m = {0};

	add(&m, "07345678 0001000a 00030001020000000009 0002000a 00030001020000000001");
	add(&m, options);
	return m;
}

/* Memory of exactly that length, so that a sanitizer sees what is read beyond. */
static const char *
decode(const struct message *m, bool v6, struct dhcp_dots *ret)
{
	uint8_t *exact = malloc(m->len ? m->len : 1);
	const char *why;

	memcpy(exact, m->bytes, m->len);
	why = v6 ? dhcp_reply_decode(&question, exact, m->len, ret)
		 : dhcp_ack_decode(&question, exact, m->len, ret);
	free(exact);
	return why;
}

static struct dhcp_dots
learnt4(const char *options)
{
	struct message m = ack_with(options);
	struct dhcp_dots d;

	assert_null(decode(&m, false, &d));
	return d;
}

static struct dhcp_dots
learnt6(const char *options)
{
	struct message m = reply_with(options);
	struct dhcp_dots d;

	assert_null(decode(&m, true, &d));
	return d;
}

/* "192.0.2.1 2001:db8::1" */
static const char *
addrs_text(const struct dhcp_dots *d)
{
	static char text[DHCP_ADDRS_MAX * ADDR_TEXT_MAX];
	char one[ADDR_TEXT_MAX];
	size_t at = 0;

	*text = '\0';
	for (size_t i = 0; i < d->n_addrs; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
			addr_format(&d->addrs[i], one));
	return text;
}

/* ---- questions ---- */

/* 8973-5.2.3-01 */
static void
an_inform_asks_for_both_options(void **state)
{
	uint8_t expected[300] = {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 3, 0, 0, 192, 0, 2, 7};
	struct buf out;

	(void)state;
	memcpy(expected + 28, question.ether, 6);
	unhex("63825363 350108 39020578 3705 93 94 0f 06 77 ff", expected + 236);
	buf_init(&out, DHCP_QUESTION_MAX);
	dhcp_inform_encode(&question, 3, &out);
	assert_false(out.failed);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(out.bytes, expected, sizeof(expected));
	buf_finish(&out);
}

/* 8973-5.1.3-01, 8973-9.2-01 */
static void
an_information_request_asks_for_both_options(void **state)
{
	uint8_t expected[64];
	size_t len = unhex("0b345678 0001000a 00030001020000000009 0006000c 008d 008e 0017 0018 "
			   "0020 0053 00080002 0102",
		expected);
	struct dhcp_question bare = question;
	struct buf out;

	(void)state;
	buf_init(&out, DHCP_QUESTION_MAX);
	dhcp_information_request_encode(&question, 0x102, &out);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.bytes, expected, len);
	buf_reset(&out);
	bare.has_ether = false; /* nothing to identify ourselves by */
	dhcp_information_request_encode(&bare, 0x102, &out);
	assert_int_equal(out.len, len - 14);
	assert_memory_equal(out.bytes + 4, expected + 18, len - 18);
	buf_finish(&out);
}

/* ---- names ---- */

#define DOTS_EXAMPLE "04646f7473 076578616d706c65 03636f6d 00"
#define LABEL_63_OF_A                                                                              \
	"6161616161616161616161616161616161616161616161616161616161616161"                         \
	"61616161616161616161616161616161616161616161616161616161616161"
#define LABEL_63 "3f" LABEL_63_OF_A
#define LABEL_61                                                                                   \
	"3d"                                                                                       \
	"616161616161616161616161616161616161616161616161616161616161"                             \
	"61616161616161616161616161616161616161616161616161616161616161"

/* 8973-5.1.1-03, 8973-5.1.1-04, 8973-5.1.3-11, 8973-5.1.3-12, 8973-5.2.1-02, 8973-5.2.3-09,
 * 8973-5.2.3-10; the length fields: 8973-5.1.1-02, 8973-5.2.1-03 */
static void
a_name_is_in_wire_form_and_the_first(void **state)
{
	static const struct {
		const char *hex, *name;
	} rows[] = {
		{DOTS_EXAMPLE, "dots.example.com"},
		{DOTS_EXAMPLE "0561746c6173 00", "dots.example.com"}, /* two names */
		{DOTS_EXAMPLE "ffff", "dots.example.com"}, {"0561746c6173 00", "atlas"},
		{"04446f7473 03612d5f 00", "Dots.a-_"}, {"", ""}, {"00", ""}, /* the root */
		{"00" DOTS_EXAMPLE, ""},                        /* is the first of them */
		{"04646f7473 076578616d706c65 03636f6d", ""},   /* no root label */
		{"04646f7473 076578616d", ""},                  /* broken off */
		{"04646f7473 c000", ""},                        /* compressed */
		{"c000", ""}, {"40 61" LABEL_63_OF_A "00", ""}, /* 64 */
		{"646f74732e6578616d706c652e636f6d", ""},       /* as text */
		{"04646f2e73 00", ""},                          /* a dot in a label */
		{"04646f0073 00", ""}, {"04646f2073 00", ""}, {"04646fc3a9 00", ""},
		{LABEL_63 "00", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{LABEL_63 LABEL_63 LABEL_63 LABEL_61 "0161 00", ""}, /* 257 octets */
		{LABEL_63 LABEL_63 LABEL_63 LABEL_63 "00", ""},
		{LABEL_63 LABEL_63 LABEL_61 LABEL_61 "026161 00", ""}, /* 256 */
	};
	char text[1200], bare[1100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t value[520];
		size_t n = unhex(rows[i].hex, value), at = 0;
		struct dhcp_dots d;

		for (size_t k = 0; k < n; k++)
			at += (size_t)sprintf(bare + at, "%02x", value[k]);
		bare[at] = '\0';
		snprintf(text, sizeof(text), "008d%04zx%s", n, bare);
		d = learnt6(text);
		assert_string_equal(d.name, rows[i].name);
		if (n <= 255) {
			snprintf(text, sizeof(text), "93%02zx%sff", n, bare);
			d = learnt4(text);
			assert_string_equal(d.name, rows[i].name);
		}
		if (n) {
			snprintf(text, sizeof(text), "147=%s", bare);
			assert_null(dhcp_options_parse(text, &d));
			assert_string_equal(d.name, rows[i].name);
		}
	}
}

/* 8973-5.1.1-03: 255 octets are allowed. */
static void
the_longest_name_has_255_octets(void **state)
{
	struct dhcp_dots d = learnt6("008d00ff" LABEL_63 LABEL_63 LABEL_63 LABEL_61 "00");

	(void)state;
	assert_int_equal(strlen(d.name), 253);
	assert_int_equal(d.name[252], 'a');
}

/* 8973-5.1.3-02, 8973-5.2.3-02 */
static void
of_several_names_the_first_instance_counts(void **state)
{
	struct dhcp_dots d;

	(void)state;
	d = learnt6("008d0003016100 008d0003016200");
	assert_string_equal(d.name, "a");
	d = learnt4("9303016100 9303016200 ff");
	assert_string_equal(d.name, "a");
	/* Also if it is no name: it is the one that is used. */
	d = learnt6("008d00020161 008d0003016200");
	assert_string_equal(d.name, "");
	d = learnt4("93020161 9303016200 ff");
	assert_string_equal(d.name, "");
}

/* ---- addresses ---- */

/* 8973-5.2.2-01 to -04, 8973-5.2.3-03, 8973-5.2.3-04, 8973-9.3-01 */
static void
ipv4_addresses_are_multiples_of_four(void **state)
{
	static const struct {
		const char *options, *addrs;
	} rows[] = {
		{"9404c000020a ff", "192.0.2.10"},
		{"9408c0000214c000020a ff", "192.0.2.20 192.0.2.10"}, /* in their order */
		{"9400 ff", ""}, {"9403c00002 ff", ""}, {"9405c000020a01 ff", ""},
		{"9409c0000214c000020a01 ff", ""},
		{"940ce0000001c000020aef010101 ff", "192.0.2.10"}, /* multicast */
		{"940c7f000001c000020a7fff0001 ff", "192.0.2.10"}, /* loopback */
		{"940c00000000c000020affffffff ff", "192.0.2.10"}, /* nobody's */
		{"94087f000001e0000001 ff", ""}, {"9404a9fe0101 ff", "169.254.1.1"},
		{"9404c000020a", "192.0.2.10"}, /* without an end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dhcp_dots d = learnt4(rows[i].options);

		assert_string_equal(addrs_text(&d), rows[i].addrs);
	}
}

/* 8973-5.1.2-01 to -05, 8973-5.1.3-03 to -05, 8973-5-02, 8973-9.2-01 */
static void
ipv6_addresses_are_multiples_of_sixteen(void **state)
{
#define DB8_1    "20010db8000000000000000000000001"
#define DB8_2    "20010db8000000000000000000000002"
#define ALL_NODE "ff020000000000000000000000000001"
#define SELF     "00000000000000000000000000000001"
#define MAPPED   "00000000000000000000ffff"
	static const struct {
		const char *options, *addrs;
	} rows[] = {
		{"008e0010" DB8_1, "2001:db8::1"},
		{"008e0020" DB8_2 DB8_1, "2001:db8::2 2001:db8::1"},
		{"008e0000", ""},
		{"008e000f 20010db80000000000000000000000", ""},
		{"008e0011" DB8_1 "00", ""},
		{"008e0021" DB8_1 DB8_2 "00", ""},
		{"008e0010" DB8_1 "008e0010" DB8_2, "2001:db8::1"}, /* the first instance */
		{"008e000120 008e0010" DB8_2, ""},
		{"008e0020" ALL_NODE DB8_1, "2001:db8::1"},
		{"008e0020" SELF DB8_1, "2001:db8::1"},
		{"008e0020 00000000000000000000000000000000" DB8_1, "2001:db8::1"},
		{"008e0020" MAPPED "c000020a" DB8_1, "192.0.2.10 2001:db8::1"},
		{"008e0020" MAPPED "7f000001" DB8_1, "2001:db8::1"},
		{"008e0020" MAPPED "e0000001" DB8_1, "2001:db8::1"},
		{"008e0010 fe800000000000000000000000000001", "fe80::1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dhcp_dots d = learnt6(rows[i].options);

		assert_string_equal(addrs_text(&d), rows[i].addrs);
	}
}

/* 8973-5.1.3-09: name and nothing else is what remains. */
static void
addresses_of_which_none_is_usable_do_not_count(void **state)
{
	struct dhcp_dots d = learnt6("008d0003016100 008e0010" SELF);

	(void)state;
	assert_string_equal(d.name, "a");
	assert_int_equal(d.n_addrs, 0);
	d = learnt4("9303016100 94047f000001 ff");
	assert_string_equal(d.name, "a");
	assert_int_equal(d.n_addrs, 0);
}

/* 8973-5.2.2-05: 70 addresses in 255 and 25 octets; the 64th lies across the border. */
static void
fragments_of_the_ipv4_addresses_are_joined(void **state)
{
	struct message m = ack_with("");
	uint8_t value[280];
	struct dhcp_dots d;

	(void)state;
	for (size_t i = 0; i < 70; i++) {
		uint8_t a[4] = {i < 60 ? 224 : 192, 0, 2, (uint8_t)i};

		memcpy(value + 4 * i, a, 4);
	}
	add(&m, "94ff");
	memcpy(m.bytes + m.len, value, 255);
	m.len += 255;
	add(&m, "0f0161 9419"); /* something in between */
	memcpy(m.bytes + m.len, value + 255, 25);
	m.len += 25;
	add(&m, "ff");
	assert_null(decode(&m, false, &d));
	assert_string_equal(addrs_text(&d), "192.0.2.60 192.0.2.61 192.0.2.62 192.0.2.63 "
					    "192.0.2.64 192.0.2.65 192.0.2.66 192.0.2.67 "
					    "192.0.2.68 192.0.2.69");
}

/* RFC 2131 4.1, RFC 3396 5: options, then file, then sname. */
static void
overloaded_fields_hold_options_too(void **state)
{
	struct message m = ack_with("9402c000 340103 ff");
	struct dhcp_dots d;

	(void)state;
	unhex("940202 0a ff", m.bytes + V4_FILE);
	unhex("9404c0000214 9303016100 ff", m.bytes + V4_SNAME);
	assert_null(decode(&m, false, &d));
	assert_string_equal(addrs_text(&d), "192.0.2.10 192.0.2.20");
	assert_string_equal(d.name, "a");
	m.bytes[V4_OPTIONS + 9] = 1; /* file alone */
	assert_null(decode(&m, false, &d));
	assert_string_equal(addrs_text(&d), "192.0.2.10");
	assert_string_equal(d.name, "");
	m.bytes[V4_OPTIONS + 9] = 0; /* neither */
	assert_null(decode(&m, false, &d));
	assert_string_equal(addrs_text(&d), "");
}

static void
sixteen_addresses_and_four_resolvers_are_kept(void **state)
{
	struct message m = ack_with("");
	struct dhcp_dots d;

	(void)state;
	add(&m, "9450");
	for (unsigned i = 0; i < 20; i++)
		memcpy(m.bytes + m.len + 4 * i, (uint8_t[]){10, 0, 0, (uint8_t)i}, 4);
	m.len += 80;
	add(&m, "0618");
	for (unsigned i = 0; i < 6; i++)
		memcpy(m.bytes + m.len + 4 * i, (uint8_t[]){10, 0, 1, (uint8_t)i}, 4);
	m.len += 24;
	add(&m, "ff");
	assert_null(decode(&m, false, &d));
	assert_int_equal(d.n_addrs, DHCP_ADDRS_MAX);
	assert_int_equal(d.addrs[15].bytes[3], 15);
	assert_int_equal(d.n_resolvers, DHCP_RESOLVERS_MAX);
	assert_int_equal(d.resolvers[3].addr.bytes[3], 3);
}

/* ---- the rest ---- */

static void
domain_resolvers_and_lifetime_are_read(void **state)
{
	static const struct {
		const char *options, *domain;
		unsigned lifetime;
	} rows[] = {
		{"0f0c697370312e6578616d706c65 ff", "isp1.example", 0},
		{"0f0d697370312e6578616d706c6500 ff", "isp1.example", 0},
		{"0f0d697370312e6578616d706c652e ff", "isp1.example", 0},
		{"0f06697370312e65 0f0678616d706c65 ff", "isp1.example", 0}, /* RFC 2131 4.1 */
		{"0f036101e9 ff", "", 0},
		{"0f0461 2e 2e62 ff", "", 0},
		{"0f022e61 ff", "", 0},
		{"0f0100 ff", "", 0},
		{"7705 6973703107 ff", "", 0},
		{"7706 0469737031 00 ff", "isp1", 0},
		{"7706 0469737031 00 0f0161 ff", "a", 0},
		{"7706 0469737031 00 0f0120 ff", "isp1", 0},
		{"3304 00000e10 ff", "", 3600},
		{"3304 ffffffff ff", "", DHCP_FOREVER},
		{"3303 000e10 ff", "", 0},
	};
	struct dhcp_dots d;
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d = learnt4(rows[i].options);
		assert_string_equal(d.domain, rows[i].domain);
		assert_int_equal(d.lifetime, rows[i].lifetime);
	}
	d = learnt4("060c 7f000001 c0000235 c0000236 ff");
	assert_int_equal(d.n_resolvers, 2);
	assert_string_equal(endpoint_format(&d.resolvers[0], text), "192.0.2.53:53");
	d = learnt4("0605 c000023500 ff");
	assert_int_equal(d.n_resolvers, 0);
	d = learnt6(
		"00170020" DB8_1 "fe800000000000000000000000000001 00180009 0161 00 0469737031 00");
	assert_int_equal(d.n_resolvers, 2);
	assert_string_equal(endpoint_format(&d.resolvers[0], text), "[2001:db8::1]:53");
	assert_int_equal(d.resolvers[1].scope_id, 0);
	assert_string_equal(d.domain, "a");
}

/* RFC 8415 7.6, 21.23 */
static void
the_refresh_time_has_a_default_and_a_minimum(void **state)
{
	static const struct {
		const char *options;
		unsigned lifetime;
	} rows[] = {
		{"", 86400},
		{"00200004 00000e10", 3600},
		{"00200004 00000258", 600},
		{"00200004 00000257", 600},
		{"00200004 00000000", 600},
		{"00200004 ffffffff", DHCP_FOREVER},
		{"00200003 000e10", 86400},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(learnt6(rows[i].options).lifetime, rows[i].lifetime);
}

struct change {
	size_t at;
	uint8_t value;
};

static void
other_messages_are_no_answer(void **state)
{
	/* Of a reply: byte 22 is in the server identifier's option code. */
	static const struct change ack[] = {{0, 1}, {7, 0x79}, {33, 8}, {236, 0}, {242, 2},
		{242, 6}, {241, 9}, {240, 54}},
				   reply[] = {{0, 2}, {3, 0x79}, {17, 8}, {5, 3}, {7, 9}, {19, 3}};
	struct message good4 = ack_with("9404c000020a ff"), good6 = reply_with("008e0010" DB8_1), m;
	struct dhcp_question bare = question;
	struct dhcp_dots d;

	(void)state;
	for (size_t i = 0; i < sizeof(ack) / sizeof(ack[0]); i++) {
		m = good4;
		m.bytes[ack[i].at] = ack[i].value;
		assert_non_null(decode(&m, false, &d));
	}
	for (size_t i = 0; i < sizeof(reply) / sizeof(reply[0]); i++) {
		m = good6;
		m.bytes[reply[i].at] = reply[i].value;
		assert_non_null(decode(&m, true, &d));
	}
	m = reply_with("000d0002 0001");
	assert_non_null(decode(&m, true, &d));
	m = reply_with("000d0004 00006f6b");
	assert_null(decode(&m, true, &d));
	bare.has_ether = false;
	m = good4;
	m.bytes[33] = 8;
	assert_null(dhcp_ack_decode(&bare, m.bytes, m.len, &d));
	m = good6;
	m.bytes[17] = 8;
	assert_null(dhcp_reply_decode(&bare, m.bytes, m.len, &d));
}

static void
messages_that_are_broken_off_are_no_answer(void **state)
{
	struct message whole4 = ack_with("9404c000020a 9303016100"),
		       whole6 = reply_with("008e0010" DB8_1 "008d0003016100"), m;
	struct dhcp_dots d;

	(void)state;
	for (size_t len = 0; len < whole4.len; len++) {
		m = whole4;
		m.len = len;
		/* Where an option ends, a message may. */
		assert_int_equal(decode(&m, false, &d) == NULL,
			len == V4_OPTIONS + 3 || len == V4_OPTIONS + 9);
	}
	for (size_t len = 0; len < whole6.len; len++) {
		m = whole6;
		m.len = len;
		assert_int_equal(decode(&m, true, &d) == NULL, len == 32 || len == 52);
	}
}

static void
thousands_of_options_are_looked_through(void **state)
{
	struct message m = ack_with("");
	struct dhcp_dots d;

	(void)state;
	while (m.len + 20 < MESSAGE_MAX)
		add(&m, "3900");
	add(&m, "9404c000020a ff");
	assert_null(decode(&m, false, &d));
	assert_string_equal(addrs_text(&d), "192.0.2.10");
	m = reply_with("");
	while (m.len + 30 < MESSAGE_MAX)
		add(&m, "00390000");
	add(&m, "008e0010" DB8_1);
	assert_null(decode(&m, true, &d));
	assert_string_equal(addrs_text(&d), "2001:db8::1");
}

/* ---- hooks ---- */

/* 8973-5-08 */
static void
hooks_give_options_as_hexadecimal_text(void **state)
{
	static const struct {
		const char *text, *name, *addrs; /* name NULL: refused */
	} rows[] = {
		{"147=016100", "a", ""},
		{"147=016100,148=C000020a", "a", "192.0.2.10"},
		{"148=c000020a,147=016100", "a", "192.0.2.10"},
		{"148=c000020a", "", "192.0.2.10"},
		{"141=016100,142=" DB8_1, "a", "2001:db8::1"},
		{"142=" MAPPED "c000020a", "", "192.0.2.10"},
		{"148=7f000001", "", ""},
		{"148=c00002", "", ""},
		{"147=61", "", ""},
		{"", NULL, NULL},
		{"147", NULL, NULL},
		{"147=", NULL, NULL},
		{"147=,148=c000020a", NULL, NULL},
		{"147=016", NULL, NULL},
		{"147=0161000", NULL, NULL},
		{"147=0x016100", NULL, NULL},
		{"147=01:61:00", NULL, NULL},
		{"147=016100,", NULL, NULL},
		{",147=016100", NULL, NULL},
		{"147 =016100", NULL, NULL},
		{"147=016100 148=c000020a", NULL, NULL},
		{"15=61", NULL, NULL},
		{"0=61", NULL, NULL},
		{"4294967443=016100", NULL, NULL}, /* 147 beyond 32 bits */
		{"147=016100,142=" DB8_1, NULL, NULL},
		{"141=016100,148=c000020a", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dhcp_dots d;
		const char *why = dhcp_options_parse(rows[i].text, &d);

		assert_int_equal(why == NULL, rows[i].name != NULL);
		if (why)
			continue;
		assert_string_equal(d.name, rows[i].name);
		assert_string_equal(addrs_text(&d), rows[i].addrs);
		assert_int_equal(d.lifetime, 0);
	}
}

static void
text_of_hooks_is_bounded(void **state)
{
	char *text = malloc(DHCP_OPTION_TEXT_MAX + 9);
	struct dhcp_dots d;

	(void)state;
	memset(text, '0', DHCP_OPTION_TEXT_MAX + 8);
	memcpy(text, "148=", 4);
	text[DHCP_OPTION_TEXT_MAX + 8] = '\0';
	memcpy(text + 4, "c000020a", 8);
	assert_non_null(dhcp_options_parse(text, &d));
	text[DHCP_OPTION_TEXT_MAX - 4] = '\0';
	assert_null(dhcp_options_parse(text, &d));
	assert_string_equal(addrs_text(&d), "192.0.2.10");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inform_asks_for_both_options),
		cmocka_unit_test(an_information_request_asks_for_both_options),
		cmocka_unit_test(a_name_is_in_wire_form_and_the_first),
		cmocka_unit_test(the_longest_name_has_255_octets),
		cmocka_unit_test(of_several_names_the_first_instance_counts),
		cmocka_unit_test(ipv4_addresses_are_multiples_of_four),
		cmocka_unit_test(ipv6_addresses_are_multiples_of_sixteen),
		cmocka_unit_test(addresses_of_which_none_is_usable_do_not_count),
		cmocka_unit_test(fragments_of_the_ipv4_addresses_are_joined),
		cmocka_unit_test(overloaded_fields_hold_options_too),
		cmocka_unit_test(sixteen_addresses_and_four_resolvers_are_kept),
		cmocka_unit_test(domain_resolvers_and_lifetime_are_read),
		cmocka_unit_test(the_refresh_time_has_a_default_and_a_minimum),
		cmocka_unit_test(other_messages_are_no_answer),
		cmocka_unit_test(messages_that_are_broken_off_are_no_answer),
		cmocka_unit_test(thousands_of_options_are_looked_through),
		cmocka_unit_test(hooks_give_options_as_hexadecimal_text),
		cmocka_unit_test(text_of_hooks_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
