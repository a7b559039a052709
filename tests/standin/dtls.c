/*
 * See dtls.h.
 */
#include "dtls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/cookie.h"
#include "net/dtls.h"
#include "net/record.h"

enum {
	HEADER = 13,
	DATA_MAX = 1200, /* what 1252 bytes of UDP leave a GnuTLS record with an AEAD cipher */
	FLIGHT_MS = 1000,
	APPLICATION = 23,
	RECORD_MAX = HEADER + DATA_MAX,
};

struct resumption {
	int unused;
};
struct dtls_server {
	int unused;
};
struct cookies {
	int unused;
};

struct dtls {
	struct dtls_setup setup;
	unsigned who;
	bool resumed, done;
	const char *why;
};

static const struct peer_id *peers;
static size_t n_peers;
static uint32_t distrusted;

void
standin_dtls_peers(const struct peer_id *list, size_t n)
{
	peers = list;
	n_peers = n;
	distrusted = 0;
}

void
standin_dtls_distrust(uint32_t set)
{
	distrusted = set;
}

/* ---- records ---- */

static void
put_u16(uint8_t *to, size_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

size_t
standin_dtls_record(uint8_t *to, size_t cap, uint8_t type, const void *body, size_t len)
{
	assert(cap >= HEADER + len);
	memset(to, 0, HEADER);
	to[0] = type;
	to[1] = 0xfe;
	to[2] = 0xfd;
	to[4] = 1; /* epoch */
	put_u16(to + 11, len);
	if (len)
		memcpy(to + HEADER, body, len);
	return HEADER + len;
}

size_t
standin_dtls_hello(uint8_t *to, size_t cap, uint8_t who, uint8_t attempt)
{
	/* version, random, session id, cookie: all that record_is_hello asks for */
	uint8_t body[12 + 2 + HELLO_RANDOM_LEN + 2] = {1};
	size_t n = sizeof(body) - 12;

	put_u16(body + 2, n);
	put_u16(body + 10, n);
	body[12] = 0xfe;
	body[13] = 0xfd;
	body[14] = who;
	body[15] = attempt;
	n = standin_dtls_record(to, cap, RECORD_HANDSHAKE, body, sizeof(body));
	to[4] = 0; /* before any keys */
	return n;
}

static void
push(const struct dtls *d, uint8_t type, const void *body, size_t len)
{
	uint8_t record[RECORD_MAX];
	size_t n = standin_dtls_record(record, sizeof(record), type, body, len);

	d->setup.push(d->setup.arg, record, n);
}

static void
push_alert(const struct dtls *d, uint8_t level, uint8_t description)
{
	const uint8_t body[] = {level, description};

	push(d, RECORD_ALERT, body, sizeof(body));
}

/* ---- net/dtls.h ---- */

struct dtls_server *
dtls_server_new(psk_lookup psk, void *arg)
{
	(void)psk;
	(void)arg;
	return mem_new(sizeof(struct dtls_server));
}

void
dtls_server_free(struct dtls_server *ds)
{
	free(ds);
}

void
dtls_server_renew_tickets(struct dtls_server *ds)
{
	(void)ds;
}

struct dtls *
dtls_new(const struct dtls_setup *setup)
{
	struct dtls *d = mem_new(sizeof(*d));

	d->setup = *setup;
	d->resumed = setup->resume != NULL;
	d->why = "";
	return d;
}

void
dtls_free(struct dtls *d)
{
	free(d);
}

enum dtls_progress
dtls_handshake(struct dtls *d, const uint8_t *record, size_t len)
{
	uint8_t hello[RECORD_MAX];
	size_t n;

	if (len == 0 && !d->setup.server) {
		n = standin_dtls_hello(hello, sizeof(hello), 0, 0);
		d->setup.push(d->setup.arg, hello, n);
	}
	if (len == 0 || !record_is_hello(record, len))
		return DTLS_WAITING;
	d->who = record_hello_random(record)[0];
	d->done = d->who < n_peers;
	d->why = d->done ? "" : "handshake: nobody";
	return d->done ? DTLS_DONE : DTLS_FAILED;
}

uint32_t
dtls_timeout_ms(const struct dtls *d)
{
	(void)d;
	return FLIGHT_MS;
}

bool
dtls_verify(struct dtls *d, const struct credentials *c)
{
	(void)c;
	d->why = "certificate: not trusted any more";
	return !(distrusted >> d->who & 1);
}

bool
dtls_identify(struct dtls *d, struct peer_id *ret)
{
	*ret = peers[d->who];
	return true;
}

bool
dtls_resumed(const struct dtls *d)
{
	return d->resumed;
}

enum dtls_read
dtls_read(struct dtls *d, const uint8_t *record, size_t len, uint8_t *data, size_t cap,
	size_t *ret_len)
{
	assert(d->done && len > HEADER && len - HEADER <= cap + 2048);
	switch (record_type(record)) {
	case APPLICATION:
		*ret_len = len - HEADER < cap ? len - HEADER : cap;
		memcpy(data, record + HEADER, *ret_len);
		return DTLS_DATA;
	case RECORD_ALERT:
		d->why = "closed by the peer";
		return DTLS_CLOSED;
	case RECORD_HANDSHAKE:
		return DTLS_SILENT;
	default:
		return DTLS_FOREIGN;
	}
}

int
dtls_write(struct dtls *d, const void *data, size_t len)
{
	if (len > DATA_MAX)
		return -EMSGSIZE;
	push(d, APPLICATION, data, len);
	return 0;
}

size_t
dtls_max_data(const struct dtls *d)
{
	(void)d;
	return DATA_MAX;
}

void
dtls_close(struct dtls *d)
{
	push_alert(d, 1, 0);
}

void
dtls_refuse(struct dtls *d)
{
	push_alert(d, 2, 49);
}

const char *
dtls_why(const struct dtls *d)
{
	return d->why;
}

const char *
dtls_alert_name(int description)
{
	(void)description;
	return "alert";
}

struct resumption *
dtls_resumption(const struct dtls *d)
{
	(void)d;
	return mem_new(sizeof(struct resumption));
}

void
resumption_free(struct resumption *r)
{
	free(r);
}

/* ---- net/cookie.h: every address is its own ---- */

struct cookies *
cookies_new(struct loop *l)
{
	(void)l;
	return mem_new(sizeof(struct cookies));
}

void
cookies_free(struct cookies *c)
{
	free(c);
}

void
cookies_renew(struct cookies *c)
{
	(void)c;
}

bool
cookies_check(struct cookies *c, const void *client, size_t client_len, const uint8_t *hello,
	size_t len, gnutls_dtls_prestate_st *ret)
{
	(void)c;
	(void)client;
	(void)client_len;
	(void)hello;
	(void)len;
	memset(ret, 0, sizeof(*ret));
	return true;
}

size_t
cookies_ask(struct cookies *c, const void *client, size_t client_len, const uint8_t *hello,
	uint8_t *answer, size_t cap)
{
	(void)c;
	(void)client;
	(void)client_len;
	(void)hello;
	(void)answer;
	(void)cap;
	return 0;
}
