/*
 * Messages of name servers: the records of one name and type.
 *
 * Covers: net/rr.c
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "input.h"
#include "net/rr.h"

static void
check_text(const char *text, size_t cap)
{
	assert(strlen(text) < cap);
	for (; *text; text++)
		assert(isascii((unsigned char)*text) && isprint((unsigned char)*text));
}

static void
check_name(const char *name, enum rr_type type)
{
	size_t wire = 2; /* one more label than dots, and the root */

	assert(*name && strlen(name) < RR_NAME_MAX);
	for (const char *c = name; *c; c++) {
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
		if (*c == '\\')
			assert(*++c == '.' || *c == '\\');
		wire++;
	}
	assert(wire <= 255);
	if (type != RR_PTR)
		assert(rr_name_is_conventional(name));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum rr_type types[] = {RR_PTR, RR_SRV, RR_NAPTR};
	static const char *const names[] = {"example.net", "a\\.b c._dots-signal._udp.example.net"};
	struct input in = {data, data + size};
	unsigned how = input_u8(&in);
	enum rr_type type = types[how % 3];
	static struct rr_set set;
	size_t len;
	uint8_t *message = input_bytes(&in, input_left(&in), &len);
	int r;

	set.n = RR_MAX + 1;
	r = rr_read(message, len, names[how >> 2 & 1], type, &set);
	free(message);
	assert(r == 0 || (r == -EBADMSG && !set.n && !set.ttl));
	assert(set.n <= RR_MAX && set.ttl <= 0x7fffffff);
	for (size_t i = 0; i < set.n; i++) {
		check_name(set.list[i].name, type);
		check_text(set.list[i].flags, sizeof(set.list[i].flags));
		check_text(set.list[i].services, sizeof(set.list[i].services));
	}
	return 0;
}
