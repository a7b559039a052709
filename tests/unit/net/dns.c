#include "dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

enum {
	HEADER = 12,
	CLASS_IN = 1,
	FLAGS = 0x8180, /* response, recursion desired and available */
	FLAG_TC = 0x0200,
	SERVFAIL = 2,
	NXDOMAIN = 3,
	QUERIES_MAX = 4096,
	MESSAGE_MAX = 65535,
	CHAIN_MAX = 8,
};

static void
add(struct dns *d, struct dns_record r)
{
	assert_true(d->n_records < DNS_RECORDS_MAX);
	d->records[d->n_records++] = r;
}

void
dns_record(struct dns *d, const char *name, const char *data, uint32_t ttl)
{
	struct addr a;
	unsigned type = addr_parse(data, &a) != 0 ? DNS_CNAME : a.family == 6 ? DNS_AAAA : DNS_A;

	add(d, (struct dns_record){.type = type, .name = name, .data = data, .ttl = ttl});
}

void
dns_ptr(struct dns *d, const char *name, const char *instance, uint32_t ttl)
{
	add(d, (struct dns_record){.type = DNS_PTR, .name = name, .data = instance, .ttl = ttl});
}

void
dns_srv(struct dns *d, const char *name, uint16_t priority, uint16_t weight, uint16_t port,
	const char *target, uint32_t ttl)
{
	add(d, (struct dns_record){DNS_SRV, name, target, {priority, weight, port}, {0}, ttl});
}

void
dns_naptr(struct dns *d, const char *name, uint16_t order, uint16_t preference, const char *flags,
	const char *services, const char *regexp, const char *replacement, uint32_t ttl)
{
	add(d, (struct dns_record){DNS_NAPTR, name, replacement, {order, preference},
		       {flags, services, regexp}, ttl});
}

/* ---- messages ------------------------------------------------------------------------------- */

void
dns_put_name(struct buf *b, const char *name)
{
	while (*name) {
		uint8_t label[256], len = 0;

		for (; *name && *name != '.'; name++) {
			if (*name == '\\')
				name++;
			label[len++] = (uint8_t)*name;
		}
		buf_u8(b, len);
		buf_bytes(b, label, len);
		name += *name == '.';
	}
	buf_u8(b, 0);
}

void
dns_put_head(struct buf *b, const char *name, unsigned type, uint32_t ttl, size_t len)
{
	dns_put_name(b, name);
	buf_u16(b, (uint16_t)type);
	buf_u16(b, CLASS_IN);
	buf_u32(b, ttl);
	buf_u16(b, (uint16_t)len);
}

static void
put_data(struct buf *b, const struct dns_record *r)
{
	size_t numbers = r->type == DNS_SRV ? 3 : r->type == DNS_NAPTR ? 2 : 0;
	struct addr a;

	if (r->type == DNS_A || r->type == DNS_AAAA) {
		assert_int_equal(addr_parse(r->data, &a), 0);
		buf_bytes(b, a.bytes, addr_bits(&a) / 8);
		return;
	}
	for (size_t i = 0; i < numbers; i++)
		buf_u16(b, r->number[i]);
	for (size_t i = 0; i < 3 && r->text[i]; i++) {
		buf_u8(b, (uint8_t)strlen(r->text[i]));
		buf_bytes(b, r->text[i], strlen(r->text[i]));
	}
	dns_put_name(b, r->data);
}

static void
put_record(struct buf *b, const struct dns_record *r)
{
	struct buf data;

	buf_init(&data, 1024);
	put_data(&data, r);
	dns_put_head(b, r->name, r->type, r->ttl, data.len);
	buf_bytes(b, data.bytes, data.len);
	buf_finish(&data);
}

/* Records of that name and type, and of what it is an alias of. Whether the name exists. */
static bool
put_answers(const struct dns *d, const char *name, unsigned type, struct buf *b, uint16_t *ret_n)
{
	bool exists = false;
	unsigned steps = 0;

	while (name && steps++ < CHAIN_MAX) {
		const char *alias = NULL;

		for (size_t i = 0; i < d->n_records; i++) {
			const struct dns_record *r = &d->records[i];

			if (strcasecmp(r->name, name) != 0)
				continue;
			exists = true;
			if (r->type == DNS_CNAME)
				alias = r->data;
			if (r->type == DNS_CNAME || r->type == type) {
				put_record(b, r);
				++*ret_n;
			}
		}
		name = alias;
	}
	return exists;
}

/* A record of the zone's begin, whose last field is what counts. */
static void
put_authority(struct buf *b, uint32_t negative_ttl)
{
	dns_put_head(b, "example", DNS_SOA, negative_ttl + 1, 1 + 1 + 5 * 4);
	dns_put_name(b, "");
	dns_put_name(b, "");
	for (uint32_t i = 1; i <= 4; i++)
		buf_u32(b, i);
	buf_u32(b, negative_ttl);
}

/* Appends, with what has to be escaped escaped. */
static size_t
add_label(char name[static 256], size_t n, const uint8_t *label, size_t len)
{
	for (size_t i = 0; i < len && n < 253; i++) {
		if (label[i] == '.' || label[i] == '\\')
			name[n++] = '\\';
		name[n++] = (char)label[i];
	}
	name[n++] = '.';
	return n;
}

static bool
read_question(
	const uint8_t *q, size_t len, char name[static 256], unsigned *ret_type, size_t *ret_end)
{
	size_t at = HEADER, n = 0;

	while (at < len && q[at]) {
		if (at + 1 + q[at] >= len || n + q[at] + 2 > 255)
			return false;
		n = add_label(name, n, q + at + 1, q[at]);
		at += 1 + (size_t)q[at];
	}
	name[n ? n - 1 : 0] = '\0';
	if (at + 5 > len)
		return false;
	*ret_type = (unsigned)(q[at + 1] << 8 | q[at + 2]);
	*ret_end = at + 5;
	return true;
}

static bool
respond(struct dns *d, const uint8_t *q, size_t len, bool tcp, struct buf *out)
{
	struct buf answers;
	unsigned flags = FLAGS;
	uint16_t n = 0;
	size_t end;

	if (len < HEADER || !read_question(q, len, d->last, &d->last_type, &end) || d->silent)
		return false;
	buf_init(&answers, MESSAGE_MAX);
	if (d->forge)
		n = d->forge(d, tcp, &answers);
	else if (d->refuse || d->last_type == d->refused_type)
		flags |= SERVFAIL;
	else if (!d->truncate || tcp)
		flags |= put_answers(d, d->last, d->last_type, &answers, &n) ? 0 : NXDOMAIN;
	if (d->truncate && !tcp)
		flags |= FLAG_TC;
	buf_bytes(out, q, 2);
	buf_u16(out, (uint16_t)flags);
	buf_u16(out, 1);
	buf_u16(out, n);
	buf_u16(out, !n && d->negative_ttl);
	buf_u16(out, 0);
	buf_bytes(out, q + HEADER, end - HEADER);
	buf_bytes(out, answers.bytes, answers.len);
	if (!n && d->negative_ttl)
		put_authority(out, d->negative_ttl);
	buf_finish(&answers);
	return true;
}

/* ---- sockets -------------------------------------------------------------------------------- */

static void
on_udp(void *arg, int events)
{
	struct dns_point *p = arg;
	uint8_t q[QUERIES_MAX];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(p->udp, q, sizeof(q), 0, (struct sockaddr *)&from, &from_len);
	struct buf out;

	(void)events;
	if (n < 0)
		return;
	p->queries++;
	buf_init(&out, MESSAGE_MAX);
	if (respond(p->dns, q, (size_t)n, false, &out))
		(void)!sendto(p->udp, out.bytes, out.len, 0, (struct sockaddr *)&from, from_len);
	buf_finish(&out);
}

static void
drop_peer(struct dns_point *p)
{
	watch_free(p->peer_watch);
	p->peer_watch = NULL;
	if (p->peer >= 0)
		close(p->peer);
	p->peer = -1;
}

/* One read holds the queries that one client sends: both on one connection. */
static void
on_peer(void *arg, int events)
{
	struct dns_point *p = arg;
	uint8_t q[QUERIES_MAX];
	ssize_t n = recv(p->peer, q, sizeof(q), 0);
	const uint8_t *at = q;

	(void)events;
	if (n <= 0) {
		drop_peer(p);
		return;
	}
	while (n > 2 && n >= 2 + (at[0] << 8 | at[1])) {
		size_t len = (size_t)(at[0] << 8 | at[1]);
		struct buf out;

		p->queries++;
		buf_init(&out, MESSAGE_MAX);
		if (respond(p->dns, at + 2, len, true, &out)) {
			uint8_t head[2] = {(uint8_t)(out.len >> 8), (uint8_t)out.len};

			(void)!send(p->peer, head, 2, MSG_MORE);
			(void)!send(p->peer, out.bytes, out.len, 0);
		}
		buf_finish(&out);
		at += 2 + len;
		n -= (ssize_t)(2 + len);
	}
}

static void
on_tcp(void *arg, int events)
{
	struct dns_point *p = arg;
	int fd = accept4(p->tcp, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), room = 1 << 18;

	(void)events;
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)); /* a whole message at once */
	drop_peer(p);
	p->peer = fd;
	p->peer_watch = watch_new(p->dns->loop, fd, LOOP_READ, on_peer, p);
}

static int
open_socket(const struct endpoint *e, const char *device, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(e, &ss);
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (device)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
					 (socklen_t)strlen(device)),
			0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

struct dns_point *
dns_open(struct dns *d, const char *endpoint, const char *device)
{
	struct dns_point *p = &d->points[d->n_points++];
	struct endpoint e;

	assert_true(d->n_points <= DNS_POINTS_MAX);
	assert_int_equal(endpoint_parse(endpoint, 53, &e), 0);
	*p = (struct dns_point){.dns = d, .peer = -1};
	p->udp = open_socket(&e, device, SOCK_DGRAM);
	p->tcp = open_socket(&e, device, SOCK_STREAM);
	p->udp_watch = watch_new(d->loop, p->udp, LOOP_READ, on_udp, p);
	p->tcp_watch = watch_new(d->loop, p->tcp, LOOP_READ, on_tcp, p);
	return p;
}

void
dns_close(struct dns *d)
{
	for (size_t i = 0; i < d->n_points; i++) {
		struct dns_point *p = &d->points[i];

		drop_peer(p);
		watch_free(p->udp_watch);
		watch_free(p->tcp_watch);
		close(p->udp);
		close(p->tcp);
	}
	d->n_points = 0;
}
