/* Uri-Path: what parses is built again and parses to the same. */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/path.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coap_msg m, built;
	struct path p, again;
	char storage[4 * (PATH_ID_MAX + 8)];
	const char *why;

	if (coap_decode(data, size, &m, &why) != 0 || path_parse(&m, &p, &why) != 0)
		return 0;
	coap_init(&built, COAP_NON, COAP_PUT);
	path_add(&built, &p, storage);
	assert(path_parse(&built, &again, &why) == 0);
	assert(again.resource == p.resource && again.mid == p.mid && !strcmp(again.cuid, p.cuid));
	return 0;
}
