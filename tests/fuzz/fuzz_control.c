/*
 * The control socket of a daemon with both roles: each line of the input is one frame, and each
 * gets one JSON object with an exit code. A line "wait" lets a minute go by, "next" opens another
 * connection, "gone" closes the last one; "peer" is a client that comes and asks our server, "up"
 * the servers that take our own client in, "placed" their 2.01 to what it asks,
 * "crowd" more connections than are taken, "stored" the store's word, "restart" another start of
 * the parts that keep what was learned about domains, and what the operator has put on record.
 *
 * Covers: daemon/control.c daemon/control_command.c daemon/control_record.c daemon/control_view.c
 * Covers: daemon/recorded.c daemon/record_text.c
 * Covers: homing/fact.c homing/wish.c role/operator.c role/admission.c role/names.c base/frame.c
 */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "daemon/control_command.h"
#include "daemon/store.h"
#include "fuzz.h"
#include "mitigator/dryrun.h"
#include "net/record.h"
#include "snapshot.h"
#include "standin/association.h"
#include "standin/link.h"
#include "standin/loop.h"
#include "standin/random.h"
#include "standin/store.h"
#include "standin/udp.h"
#include "tmpdir.h"
#include "wire/coap.h"

enum { LINES_MAX = 64, DOMAINS = 2, CONNECTIONS = 3, CROWD = 40, WAIT_MS = 60000, STORE_MS = 5 };

static struct loop *loop;
static struct mitigator *mitigators[1];
static struct control_parts parts;
static struct config config; /* the file's, with what was learned */
static struct credentials *nothing[DOMAINS];
static struct control *control;
static const char *path;
static int fds[CONNECTIONS];
static unsigned current, owed[CONNECTIONS];

static const char *
acl_at(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	(void)arg, (void)domain, (void)asker;
	return strcmp(acl, "nowhere") != 0 ? acl : NULL;
}

/* ---- the other ends ---- */

enum { SOCKETS = 64, FIRST_PORT = 40000, PEER_PORT = 50000, APPLICATION = 23, MESSAGE_MAX = 1500 };

/* The last request on each socket of our client. */
static struct coap_msg asked[SOCKETS];

static void
on_datagram(void *arg, const struct udp_path *p, const uint8_t *bytes, size_t len)
{
	unsigned n = (unsigned)p->local.port - FIRST_PORT;
	struct coap_msg m;
	const char *why;

	(void)arg;
	if (n < SOCKETS && record_type(bytes) == APPLICATION &&
		coap_decode(bytes + 13, len - 13, &m, &why) == 0 && coap_is_request(m.code))
		asked[n] = m;
}

static void
peer_comes(void)
{
	static const uint8_t put[] =
		"\x50\x03\x12\x34\xbb.well-known\x04"
		"dots\x08mitigate"
		"\x06"
		"cuid=c\x05mid=1\x12\x01\x0f\xff\xa1\x01\xa1\x02\x81\xa2\x06\x81\x6f"
		"203.0.113.64/28\x0e\x18\x3c";
	struct udp_path p = {
		{{4, {203, 0, 113, 1}}, 4646, 0}, {{4, {192, 0, 2, 70}}, PEER_PORT, 0}, 0};
	uint8_t record[MESSAGE_MAX];

	standin_udp_receive(&p, record, standin_association_hello(record, sizeof(record), 0, 1));
	standin_loop_settle(loop);
	standin_udp_receive(&p, record,
		standin_association_record(
			record, sizeof(record), APPLICATION, put, sizeof(put) - 1));
}

static void
servers_come_up(void)
{
	uint8_t record[MESSAGE_MAX];

	for (unsigned i = 0; i < standin_udp_connected(); i++) {
		standin_udp_receive_at(
			i, record, standin_association_hello(record, sizeof(record), 0, 1));
		standin_loop_settle(loop);
	}
}

static void
servers_place(void)
{
	uint8_t record[MESSAGE_MAX], bytes[MESSAGE_MAX];

	for (unsigned i = 0; i < standin_udp_connected() && i < SOCKETS; i++) {
		struct coap_msg m;
		int n;

		coap_init(&m, COAP_NON, COAP_201_CREATED);
		m.id = (uint16_t)(1000 + asked[i].id);
		m.token_len = asked[i].token_len;
		memcpy(m.token, asked[i].token, m.token_len);
		n = coap_encode(&m, bytes, sizeof(bytes));
		if (!asked[i].code || n < 0)
			continue;
		standin_udp_receive_at(i, record,
			standin_association_record(
				record, sizeof(record), APPLICATION, bytes, (size_t)n));
		standin_loop_settle(loop);
	}
}

/* In place of daemon/store.c: our store is another one. */
bool
store_is_volatile(const struct persist *p)
{
	(void)p;
	return current != 0;
}

size_t
store_backlog(const struct persist *p)
{
	(void)p;
	return current;
}

static struct data_upstream_setup
records_setup(void)
{
	struct data_upstream_setup s = {.homing = config.homing, .credentials = nothing};

	s.wishes = recorded_wishes(parts.recorded, &config, &s.n_wishes);
	return s;
}

static void
rerecord(void *arg)
{
	struct data_upstream_setup rs = records_setup();

	(void)arg;
	data_upstream_reload(parts.records, &rs);
}

static void
reload(void *arg, char *why, size_t cap)
{
	(void)arg;
	snprintf(why, cap, "%s", current & 1 ? "not now" : "");
}

/* As the daemon does it: a new snapshot, and then nobody looks at the old one any more. */
static void
rehome(void *arg)
{
	struct homing *old = config.homing;
	struct dots_client_setup cs = {.credentials = config.credentials};

	(void)arg;
	config.homing = learned_apply(parts.learned, config.base);
	cs.homing = config.homing;
	dots_client_reload(parts.client, &cs);
	rerecord(NULL);
	dots_client_on_acl(parts.client, &(struct client_records){.of = {.acl = acl_at}});
	homing_free(old);
}

/* What was learned, or put on record, is read from the store, and is what it was. */
static void
learn_anew(void)
{
	size_t n = recorded_count(parts.recorded);

	standin_loop_settle(loop);
	learned_free(parts.learned);
	parts.learned = learned_new(loop, parts.store, rehome, NULL);
	recorded_free(parts.recorded);
	parts.recorded = recorded_new(parts.store);
	assert(recorded_count(parts.recorded) == n);
	rehome(NULL);
}

/* One provider has a data channel, over which nothing is sent: there are no credentials for it. A
 * file has an alias for it. */
static void
give_channel(struct config *c)
{
	struct domain *d = &c->homing->domains[0];

	assert(c->homing->n_domains == DOMAINS);
	if (d->data.name)
		return;
	d->data.name = mem_text("data.example");
	d->data.address = (struct addr){4, {192, 0, 2, 66}};
	c->records = mem_new(sizeof(*c->records));
	c->records[c->n_records++] = (struct share_wish){.kind = SHARE_ALIAS,
		.entry = json_pack("{ss s[s]}", "name", "filed", "target-prefix", "192.0.2.70/32")};
}

static void
store_is_done(void)
{
	standin_loop_advance(loop, STORE_MS);
}

static void
begin(void)
{
	static const struct peer_id one = {.kind = PEER_PSK, .name = "one"};
	static const struct addr address = {4, {192, 0, 2, 65}};
	struct config *c = snapshot_config();
	struct dots_client_setup cs = {.credentials = c->credentials};
	struct server_setup ss = {.name = "fuzz",
		.sockets = c->listen,
		.n_sockets = c->n_listen,
		.clients = c->clients,
		.heartbeat = c->heartbeat,
		.policy = c->policy};
	struct data_upstream_setup rs;
	struct mitigator_events events;
	char why[256];

	standin_random_begin();
	standin_link_begin();
	standin_resolver_set(0, &address, 3600);
	standin_association_peers(&one, 1);
	give_channel(c);
	standin_udp_set_out(on_datagram, NULL);
	memset(asked, 0, sizeof(asked));
	loop = loop_new();
	config = *c;
	config.base = c->homing;
	parts = (struct control_parts){.loop = loop,
		.config = &config,
		.rehome = rehome,
		.rerecord = rerecord,
		.reload = reload};
	parts.store = standin_store_new(loop);
	standin_store_delay(parts.store, STORE_MS);
	parts.learned = learned_new(loop, parts.store, rehome, NULL);
	parts.recorded = recorded_new(parts.store);
	cs.homing = config.homing = learned_apply(parts.learned, config.base);
	parts.client = dots_client_new(loop, parts.store, &cs);
	rs = records_setup();
	parts.records = data_upstream_new(loop, parts.store, parts.client, &rs);
	dots_client_on_acl(parts.client, &(struct client_records){.of = {.acl = acl_at}});
	parts.server = server_new(loop, parts.store, &ss, mitigators, 1, NULL, why, sizeof(why));
	assert(parts.server);
	events = server_events(parts.server, 0);
	mitigators[0] = dryrun_new(loop, &events);
	server_start(parts.server);
	path = tmpdir_path("control");
	control = control_new(loop, path, &parts, why, sizeof(why));
	assert(control);
	current = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		fds[i] = -1;
		owed[i] = 0;
	}
}

static void
hang_up(unsigned i)
{
	if (fds[i] >= 0)
		close(fds[i]);
	fds[i] = -1;
	owed[i] = 0;
	standin_loop_settle(loop);
}

static void
end(void)
{
	if (current & 1) /* either side may be the first to go */
		control_free(control);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		hang_up(i);
	if (!(current & 1))
		control_free(control);
	server_free(parts.server);
	mitigators[0]->ops->free(mitigators[0]);
	data_upstream_free(parts.records);
	dots_client_free(parts.client);
	learned_free(parts.learned);
	recorded_free(parts.recorded);
	homing_free(config.homing);
	standin_store_free(parts.store);
	loop_free(loop);
}

/* ---- replies ---- */

static void
check_reply(const uint8_t *bytes, size_t len)
{
	json_t *j = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *code = json_object_get(j, "exit");

	assert(json_is_object(j) && json_is_integer(code));
	assert(json_integer_value(code) >= DONE && json_integer_value(code) <= PENDING);
	if (json_integer_value(code) == USAGE)
		assert(*json_string_value(json_object_get(j, "error")));
	json_decref(j);
}

static void
read_replies(unsigned i)
{
	ssize_t here;
	uint8_t *bytes;
	size_t len;
	char first;

	while (fds[i] >= 0 && (here = recv(fds[i], &first, 1, MSG_PEEK | MSG_DONTWAIT)) >= 0) {
		if (here == 0) { /* gave way to a crowd: nothing may be owed to it */
			assert(owed[i] == 0);
			hang_up(i);
			return;
		}
		assert(frame_read_blocking(fds[i], CONTROL_FRAME_MAX, 0, &bytes, &len) == 0);
		check_reply(bytes, len);
		free(bytes);
		assert(owed[i] > 0); /* one for each request */
		owed[i]--;
	}
}

static void
read_all(void)
{
	standin_loop_settle(loop);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		read_replies(i);
}

static void
crowd_comes(void)
{
	int crowd[CROWD];

	for (unsigned i = 0; i < CROWD; i++) {
		crowd[i] = frame_connect(path);
		standin_loop_settle(loop);
	}
	for (unsigned i = 0; i < CROWD; i++)
		close(crowd[i]);
	standin_loop_settle(loop);
}

/* ---- requests ---- */

static void
ask(const uint8_t *line, size_t len)
{
	if (fds[current] < 0) {
		fds[current] = frame_connect(path);
		assert(fds[current] >= 0);
		standin_loop_settle(loop);
	}
	assert(frame_write_blocking(fds[current], line, len) == 0);
	owed[current]++;
	read_all();
}

static bool
is(const uint8_t *line, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(line, word, len);
}

static void
step(const uint8_t *line, size_t len)
{
	static const struct {
		const char *word;
		void (*happens)(void);
	} others[] = {{"peer", peer_comes}, {"up", servers_come_up}, {"placed", servers_place},
		{"crowd", crowd_comes}, {"stored", store_is_done}, {"restart", learn_anew}};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (is(line, len, others[i].word)) {
			others[i].happens();
			read_all();
			return;
		}
	if (is(line, len, "wait"))
		standin_loop_advance(loop, WAIT_MS);
	else if (is(line, len, "next"))
		current = (current + 1) % CONNECTIONS;
	else if (is(line, len, "gone"))
		hang_up(current);
	else
		ask(line, len);
	read_all();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end_of_line;

	begin();
	for (unsigned i = 0; i < LINES_MAX && size > 0; i++) {
		size_t n;

		end_of_line = memchr(data, '\n', size);
		n = end_of_line ? (size_t)(end_of_line - data) : size;
		step(data, n);
		n += end_of_line ? 1 : 0;
		data += n;
		size -= n;
	}
	standin_loop_advance(loop, 3600 * 1000 + WAIT_MS); /* the longest `wait` */
	read_all();
	for (unsigned i = 0; i < CONNECTIONS; i++)
		assert(owed[i] == 0);
	end();
	return 0;
}
