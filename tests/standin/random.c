/*
 * In place of net/tls.c: random bytes that are the same in every run, so that an input is.
 */
#include "random.h"

#include "net/tls.h"

static uint64_t state;

void
standin_random_begin(void)
{
	state = 0x9e3779b97f4a7c15;
}

/* splitmix64 */
static uint8_t
next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint8_t)(z ^ z >> 31);
}

void
tls_random(void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = next();
}
