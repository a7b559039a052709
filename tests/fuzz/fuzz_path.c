/*
 * Uri-Path: what parses is built again and parses to the same; what does not says why.
 *
 * Covers: wire/path.c
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "wire/path.h"

static void
expect_same(const struct path *a, const struct path *b)
{
	assert(a->resource == b->resource && a->content == b->content);
	assert(a->has_mid == b->has_mid && a->mid == b->mid);
	assert(a->has_sid == b->has_sid && a->sid == b->sid);
	assert(!strcmp(a->cdid, b->cdid) && !strcmp(a->cuid, b->cuid));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coap_msg m, built;
	struct path p, again;
	char storage[4 * (PATH_ID_MAX + 8)];
	const char *why = NULL;
	int r;

	if (coap_decode(data, size, &m, &why) != 0)
		return 0;
	why = NULL;
	r = path_parse(&m, &p, &why);
	if (r != 0) {
		assert(r == -ENOENT || (r == -EBADMSG && !strncmp(why, "RFC 9132 ", 9)));
		return 0;
	}
	assert(!p.has_mid || p.cuid[0]); /* RFC 9132 4.4.1.1 */
	coap_init(&built, COAP_NON, COAP_PUT);
	path_add(&built, &p, storage);
	assert(path_parse(&built, &again, &why) == 0);
	expect_same(&p, &again);
	return 0;
}
