/*
 * The peer by hand of harness.h: an association without the message layer.
 */
#include <stdlib.h>

#include "harness.h"
#include "net/association.h"
#include "net/record.h"
#include "net/udp.h"

enum { MESSAGES_MAX = 1024 };

struct kept {
	uint8_t *bytes;
	size_t len;
	struct coap_msg msg;
};

struct raw {
	struct loop *loop;
	struct udp *udp;
	struct udp_path path;
	struct association *association;
	struct credentials *credentials;
	struct timer *timer;
	bool up, mute;
	unsigned datagrams, sent;
	struct kept kept[MESSAGES_MAX];
	unsigned n;
};

static bool
raw_push(void *arg, const void *datagram, size_t len)
{
	struct raw *r = arg;

	/* Muted, it says no more than the two ClientHellos. */
	if (r->mute && r->sent >= 2)
		return true;
	r->sent++;
	udp_send(r->udp, &r->path, datagram, len);
	return true;
}

static void
raw_step(struct raw *r, const uint8_t *record, size_t len)
{
	switch (association_handshake(r->association, record, len)) {
	case ASSOCIATION_DONE:
		r->up = true;
		timer_stop(r->timer);
		break;
	case ASSOCIATION_WAITING:
		timer_after(r->timer, association_timeout_ms(r->association) + 1);
		break;
	case ASSOCIATION_FAILED:
		fail_msg("%s", association_why(r->association));
		break;
	}
}

static void
raw_keep(struct raw *r, const uint8_t *bytes, size_t len)
{
	struct kept *k = &r->kept[r->n++];
	const char *why;

	assert_true(r->n <= MESSAGES_MAX);
	k->bytes = malloc(len);
	memcpy(k->bytes, bytes, len);
	k->len = len;
	assert_int_equal(coap_decode(k->bytes, len, &k->msg, &why), 0);
}

static void
raw_datagram(void *arg, const struct udp_path *path, uint8_t *bytes, size_t len)
{
	struct raw *r = arg;
	uint8_t data[16384];
	size_t n, data_len;

	(void)path;
	r->datagrams++;
	for (; (n = record_length(bytes, len)) > 0; bytes += n, len -= n) {
		if (!r->up)
			raw_step(r, bytes, n);
		else if (association_read(r->association, bytes, n, data, sizeof(data),
				 &data_len) == ASSOCIATION_DATA)
			raw_keep(r, data, data_len);
	}
}

static void
raw_timer(void *arg)
{
	raw_step(arg, NULL, 0);
}

struct raw *
raw_new(struct loop *l, const struct endpoint *to, const char *source, struct credentials *c)
{
	struct raw *r = calloc(1, sizeof(*r));
	struct association_setup setup = {
		.credentials = c,
		.server_name = "dots.example",
		.mtu = 1232,
		.push = raw_push,
		.arg = r,
	};
	struct addr from;
	int error = 0;

	if (source)
		assert_int_equal(addr_parse(source, &from), 0);
	r->loop = l;
	r->credentials = credentials_ref(c);
	r->udp = udp_connect(l, NULL, source ? &from : NULL, to, raw_datagram, r, &error);
	assert_non_null(r->udp);
	r->path = (struct udp_path){.local = *udp_local(r->udp), .remote = *to};
	r->timer = timer_new(l, raw_timer, r);
	r->association = association_new(&setup);
	assert_non_null(r->association);
	raw_step(r, NULL, 0);
	return r;
}

void
raw_mute(struct raw *r)
{
	r->mute = true;
}

void
raw_free(struct raw *r)
{
	for (unsigned i = 0; i < r->n; i++)
		free(r->kept[i].bytes);
	timer_free(r->timer);
	association_free(r->association);
	udp_free(r->udp);
	credentials_unref(r->credentials);
	free(r);
}

bool
raw_is_up(const struct raw *r)
{
	return r->up;
}

unsigned
raw_datagrams(const struct raw *r)
{
	return r->datagrams;
}

void
raw_send(struct raw *r, const void *bytes, size_t len)
{
	assert_int_equal(association_write(r->association, bytes, len), 0);
}

void
raw_send_msg(struct raw *r, const struct coap_msg *msg)
{
	uint8_t bytes[1280];
	int n = coap_encode(msg, bytes, sizeof(bytes));

	assert_true(n > 0);
	raw_send(r, bytes, (size_t)n);
}

unsigned
raw_count(const struct raw *r)
{
	return r->n;
}

const struct coap_msg *
raw_msg(const struct raw *r, unsigned i)
{
	assert_true(i < r->n);
	return &r->kept[i].msg;
}

const uint8_t *
raw_bytes(const struct raw *r, unsigned i, size_t *ret_len)
{
	assert_true(i < r->n);
	*ret_len = r->kept[i].len;
	return r->kept[i].bytes;
}
