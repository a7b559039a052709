/*
 * Datagrams: the format leaves no choice (RFC 7252 3), so what decodes encodes to the same bytes,
 * and so does what is built from its parts.
 *
 * Covers: wire/coap.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/coap.h"

static void
check_built(const struct coap_msg *m, const uint8_t *data, size_t size)
{
	struct coap_msg built, one;
	uint8_t bytes[COAP_MESSAGE_MAX];
	uint32_t value, back;

	coap_init(&built, m->type, m->code);
	built.id = m->id;
	built.token_len = m->token_len;
	memcpy(built.token, m->token, m->token_len);
	built.payload = m->payload;
	built.payload_len = m->payload_len;
	for (unsigned i = 0; i < m->n_options; i++) {
		coap_add(&built, m->options[i].number, m->options[i].value, m->options[i].len);
		if (!coap_get_uint(m, m->options[i].number, &value))
			continue;
		coap_init(&one, m->type, m->code);
		coap_add_uint(&one, m->options[i].number, value);
		/* One of another kind may have a least length. */
		assert(!coap_get_uint(&one, m->options[i].number, &back) || back == value);
	}
	assert(coap_encode(&built, bytes, sizeof(bytes)) == (int)size);
	assert(!memcmp(bytes, data, size));
	for (unsigned i = 0; i < m->n_options; i++) {
		coap_remove(&built, m->options[i].number);
		assert(!coap_find(&built, m->options[i].number));
	}
	assert(built.n_options == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct coap_msg m;
	uint8_t bytes[COAP_MESSAGE_MAX];
	const char *why = NULL;
	uint32_t value;
	uint8_t hops;
	int n;

	if (coap_decode(data, size, &m, &why) != 0) {
		assert(why);
		return 0;
	}
	coap_bad_option(&m);
	assert(coap_hop_limit(&m, &hops) == 0 || !hops);
	assert(!hops || coap_find(&m, COAP_OPT_HOP_LIMIT));
	for (unsigned i = 0; i < m.n_options; i++) {
		coap_get_uint(&m, m.options[i].number, &value);
		assert(!i || m.options[i].number >= m.options[i - 1].number);
	}
	n = coap_encode(&m, bytes, sizeof(bytes));
	if (size > sizeof(bytes))
		return 0; /* larger than we would ever send */
	assert(n == (int)size && !memcmp(bytes, data, size));
	check_built(&m, data, size);
	return 0;
}
