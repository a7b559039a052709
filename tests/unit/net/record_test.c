/*
 * DTLS records from outside.
 */
#include "net/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* A record of that type and epoch with a body of so many bytes. */
static size_t
make(uint8_t *bytes, uint8_t type, uint16_t epoch, uint16_t body)
{
	const uint8_t header[13] = {type, 0xfe, 0xfd, (uint8_t)(epoch >> 8), (uint8_t)epoch, 0, 0,
		0, 0, 0, 1, (uint8_t)(body >> 8), (uint8_t)body};

	memcpy(bytes, header, sizeof(header));
	memset(bytes + sizeof(header), 0, body);
	return sizeof(header) + body;
}

static size_t
make_hello(uint8_t *bytes)
{
	enum { BODY = 12 + 2 + 32 + 1 + 1 + 10 };
	size_t len = make(bytes, 22, 0, BODY);

	bytes[13] = 1;
	bytes[13 + 3] = BODY - 12;  /* length */
	bytes[13 + 11] = BODY - 12; /* fragment length */
	memset(bytes + 13 + 12 + 2, 0x5a, 32);
	return len;
}

static void
whole_records_are_found(void **state)
{
	uint8_t bytes[200];
	size_t first, second;

	(void)state;
	first = make(bytes, 23, 1, 40);
	second = make(bytes + first, 21, 1, 20);
	assert_int_equal(record_length(bytes, first + second), first);
	assert_int_equal(record_length(bytes + first, second), second);
	assert_int_equal(record_type(bytes), 23);
	assert_int_equal(record_epoch(bytes), 1);
}

/* RFC 6347 4.2.2: several messages, and parts of them, may be in one record. */
static void
announced_sizes_are_seen(void **state)
{
	uint8_t bytes[200];
	size_t len = make_hello(bytes);

	(void)state;
	assert_int_equal(record_announces(bytes, len), 46);
	memset(bytes + 13 + 1, 0xff, 3);
	assert_int_equal(record_announces(bytes, len), 0xffffff);
	bytes[0] = 20; /* not a handshake, or one that the library deciphers first */
	assert_int_equal(record_announces(bytes, len), 0);
	len = make(bytes, 22, 1, 40);
	memset(bytes + 13 + 1, 0xff, 3);
	assert_int_equal(record_announces(bytes, len), 0);
	len = make(bytes, 22, 0, 12 + 5 + 12);
	bytes[13 + 3] = 5;
	bytes[13 + 11] = 5;
	bytes[13 + 12 + 5 + 2] = 1;
	assert_int_equal(record_announces(bytes, len), 256);
	assert_int_equal(record_announces(bytes, len - 1), 5); /* half a header is none */
	bytes[13 + 9] = 1;                                     /* more than there is */
	assert_int_equal(record_announces(bytes, len), 5);
}

static void
cut_and_strange_records_are_none(void **state)
{
	uint8_t bytes[200];
	size_t len = make(bytes, 23, 1, 40);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(record_length(bytes, n), 0);
	make(bytes, 19, 1, 40);
	assert_int_equal(record_length(bytes, len), 0);
	make(bytes, 24, 1, 40);
	assert_int_equal(record_length(bytes, len), 0);
	make(bytes, 23, 1, 0);
	assert_int_equal(record_length(bytes, len), 0);
	make(bytes, 23, 1, 40);
	bytes[1] = 3;
	assert_int_equal(record_length(bytes, len), 0);
}

static void
final_alerts_are_told(void **state)
{
	uint8_t bytes[200];
	size_t len = make(bytes, 21, 0, 2);

	(void)state;
	bytes[13] = 2;
	bytes[14] = 40;
	assert_int_equal(record_final_alert(bytes, len), 40);
	bytes[13] = 1;
	assert_int_equal(record_final_alert(bytes, len), -1); /* a warning */
	bytes[14] = 0;
	assert_int_equal(record_final_alert(bytes, len), 0); /* close_notify */
	bytes[4] = 1;
	assert_int_equal(record_final_alert(bytes, len), -1); /* encrypted: not ours to read */
}

static void
hello_is_told_from_everything_else(void **state)
{
	uint8_t bytes[200];
	size_t len = make_hello(bytes);

	(void)state;
	assert_int_equal(record_length(bytes, len), len);
	assert_true(record_is_hello(bytes, len));
	assert_int_equal(record_hello_random(bytes)[0], 0x5a);
	assert_int_equal(record_hello_random(bytes)[31], 0x5a);
	bytes[13] = 2;
	assert_false(record_is_hello(bytes, len));
	make_hello(bytes);
	bytes[13 + 8] = 1; /* a later fragment */
	assert_false(record_is_hello(bytes, len));
	make_hello(bytes);
	bytes[4] = 1;
	assert_false(record_is_hello(bytes, len));
	make_hello(bytes);
	bytes[13 + 11]++;
	assert_false(record_is_hello(bytes, len));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_records_are_found),
		cmocka_unit_test(announced_sizes_are_seen),
		cmocka_unit_test(cut_and_strange_records_are_none),
		cmocka_unit_test(final_alerts_are_told),
		cmocka_unit_test(hello_is_told_from_everything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
