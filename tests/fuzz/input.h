/* Takes an input apart: short reads give zeros, so every input means something. */
#ifndef DOTSD_TESTS_FUZZ_INPUT_H
#define DOTSD_TESTS_FUZZ_INPUT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const uint8_t *at, *end;
};

static inline size_t
input_left(const struct input *in)
{
	return (size_t)(in->end - in->at);
}

static inline uint8_t
input_u8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline unsigned
input_u16(struct input *in)
{
	unsigned high = input_u8(in);

	return high << 8 | input_u8(in);
}

/* At most want bytes, in memory of exactly that length (malloc'ed), so that a sanitizer sees reads
 * past the end. */
static inline uint8_t *
input_bytes(struct input *in, size_t want, size_t *ret_len)
{
	size_t n = want < input_left(in) ? want : input_left(in);
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, in->at, n);
	in->at += n;
	*ret_len = n;
	return copy;
}

#endif
