/*
 * The load generator: opens DTLS sessions, keeps a window of requests outstanding over all of them,
 * counts the answers that are right, and reads the server's processor time at both ends of the
 * measured time. One process, one socket, no threads.
 *
 *	load --server ADDRESS:PORT --pid PID [--clients N] [--psk HEX | --certificates DIRECTORY]
 *	     [--prefix-len N] [--request BYTES] [--answer BYTES] [--from ADDRESS] [--stride N]
 *
 * Session n comes from ADDRESS + n * N (127.1.0.0 + n).
 *
 * Commands are lines on standard input, each answered by a line of JSON:
 *
 *	open FIRST N WINDOW                   sessions FIRST to N-1, WINDOW handshakes at a time
 *	run KIND SECONDS WINDOW ITEMS         KIND of ask.h; items drawn at random
 *	each KIND FROM TO WINDOW              each item of FROM to TO-1 once
 *	install ITEM                          from the PUT to a GET that tells status 2
 *	shake full|resumed SECONDS WINDOW     handshakes, each closed at once
 *	beat SECONDS                          sessions send heartbeats so often from now on (0:
 *none) observe N SECONDS                     sessions 0 to N-1 observe the items of their numbers
 *	told STATUS SECONDS                   until that is what all of them were told last
 *	live SECONDS                          what has passed since `beat`, at the end of them
 *	lose                                  all sessions are dropped, without a word
 *	return SPREAD SECONDS                 all come back, at the pace of RFC 9132 4.7
 *	server PID                            which process is looked at from now on
 */
#include <arpa/inet.h>
#include <assert.h>
#include <err.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "batch.h"
#include "fleet.h"
#include "stay.h"

enum {
	WINDOW_MAX = 4096,
	PATIENCE_S = 2, /* for one answer */
	GRACE_S = 20,   /* for the first of a measurement */
	INSTALLED = 2,
	COMMAND_MAX = 256,
	WORDS_MAX = 5,
	FIRST_ADDRESS = 0x7f010000,
};

/* A request that is outstanding. */
struct slot {
	bool used;
	enum ask kind;
	uint32_t item, token, session;
	double sent;
};

struct tally {
	unsigned long ok, bad, lost, all; /* all: also before and after the measured time */
};

/* What is under way: items drawn at random, or each of a range once. */
struct work {
	enum ask kind;
	uint32_t items;
	uint32_t next, end; /* of a range; end 0: drawn */
	bool stopped;
};

struct load {
	struct fleet *fleet;
	struct stay *stay;
	struct items items;
	clockid_t server_clock;
	uint32_t n_sessions;
	struct slot slots[WINDOW_MAX];
	unsigned window, n_used;
	uint32_t generation;
	uint64_t random;
	struct work work;
	struct tally tally;
	unsigned status;              /* of the last GET */
	size_t request, answer;       /* bytes of the last ones, inside DTLS */
	size_t request_on, answer_on; /* and outside */
};

/* --- clocks --------------------------------------------------------------------------------- */

static double
clock_of(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		errx(1, "the server is gone");
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct mark {
	double at, server, load;
};

static struct mark
mark(const struct load *l)
{
	return (struct mark){now(), clock_of(l->server_clock), clock_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void
tell(const struct load *l, const struct mark *from, const struct mark *to)
{
	printf("{\"ok\": %lu, \"bad\": %lu, \"lost\": %lu, \"all\": %lu, \"seconds\": %.6f, "
	       "\"server_cpu\": %.6f, \"load_cpu\": %.6f, \"request\": %zu, \"answer\": %zu, "
	       "\"request_on\": %zu, \"answer_on\": %zu}\n",
		l->tally.ok, l->tally.bad, l->tally.lost, l->tally.all, to->at - from->at,
		to->server - from->server, to->load - from->load, l->request, l->answer,
		l->request_on, l->answer_on);
}

/* --- requests and answers ------------------------------------------------------------------- */

static uint32_t
draw(struct load *l, uint32_t n)
{
	assert(n);
	l->random = l->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((l->random >> 33) % n);
}

static void
send_slot(struct load *l, unsigned i, enum ask kind, uint32_t item)
{
	/* Any session of the item's client. */
	uint32_t clients = l->items.clients,
		 number = item % clients + clients * draw(l, l->n_sessions / clients);
	struct session *s = fleet_session(l->fleet, number);
	struct slot *slot = &l->slots[i];
	uint8_t bytes[ASK_MAX];

	if (!s || s->failed)
		errx(1, "session %u is lost", number);
	*slot = (struct slot){true, kind, item, ++l->generation << 12 | i, number, now()};
	l->request = ask_build(&l->items, kind, item, s->next_id++, slot->token, bytes);
	session_send(s, bytes, l->request);
	l->request_on = s->sent;
}

/* The next request of the work under way, in that slot. */
static void
refill(struct load *l, unsigned i)
{
	struct work *w = &l->work;

	if (w->stopped || (w->end && w->next == w->end)) {
		l->slots[i].used = false;
		l->n_used--;
		return;
	}
	send_slot(l, i, w->kind, w->end ? w->next++ : draw(l, w->items));
}

static struct slot *
slot_of(struct load *l, const uint8_t *bytes, size_t len)
{
	uint32_t token;

	if (!ask_token(l->work.kind, bytes, len, &token))
		return NULL;
	if ((token & (WINDOW_MAX - 1)) >= l->window || !l->slots[token & (WINDOW_MAX - 1)].used ||
		l->slots[token & (WINDOW_MAX - 1)].token != token)
		return NULL;
	return &l->slots[token & (WINDOW_MAX - 1)];
}

static void
on_data(void *arg, struct session *s, const uint8_t *bytes, size_t len)
{
	struct load *l = arg;
	struct slot *slot;

	if (l->work.kind != ASK_ECHO && stay_take(l->stay, s, bytes, len))
		return;
	slot = slot_of(l, bytes, len);
	if (!slot || s->number != slot->session) {
		l->tally.bad++;
		return;
	}
	l->tally.all++;
	if (ask_check(&l->items, slot->kind, slot->item, slot->token, bytes, len, &l->status))
		l->tally.ok++;
	else
		l->tally.bad++;
	l->answer = len;
	l->answer_on = s->received;
	refill(l, (unsigned)(slot - l->slots));
}

/* What is not answered for long is lost; a request of a range is made again. */
static void
give_up(struct load *l)
{
	double before = now() - PATIENCE_S;

	for (unsigned i = 0; i < l->window; i++) {
		struct slot *slot = &l->slots[i];

		if (!slot->used || slot->sent > before)
			continue;
		l->tally.lost++;
		if (l->work.end)
			send_slot(l, i, slot->kind, slot->item);
		else
			refill(l, i);
	}
}

/* --- commands ------------------------------------------------------------------------------- */

static unsigned
number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end || v > UINT32_MAX)
		errx(2, "%s: not a number", text);
	return (unsigned)v;
}

static enum ask
kind_of(const char *name)
{
	enum ask kind = ask_named(name);

	if (kind == ASK_KINDS)
		errx(2, "%s: no such request", name);
	return kind;
}

/* On a machine that is busy otherwise, the first right answer may take longer than was asked for.
 */
static bool
is_over(const struct load *l, double until)
{
	return now() >= until && (l->tally.ok || now() >= until + GRACE_S);
}

static void
turn(struct load *l, int timeout_ms)
{
	fleet_pump(l->fleet, timeout_ms);
	stay_step(l->stay);
}

/* Until `until`, or all of a range is answered. */
static void
pump(struct load *l, double until)
{
	double check = now() + 0.1;

	while (l->n_used && !is_over(l, until)) {
		turn(l, 10);
		if (now() >= check) {
			give_up(l);
			check = now() + 0.1;
		}
	}
}

static void
begin(struct load *l, struct work work, unsigned window)
{
	if (window > WINDOW_MAX || !window || !l->n_sessions || (!work.end && !work.items))
		errx(2, "%u outstanding of %u items on %u sessions", window, work.items,
			l->n_sessions);
	l->work = work;
	l->tally = (struct tally){0};
	l->window = l->n_used = window;
	for (unsigned i = 0; i < window; i++)
		refill(l, i);
}

/* Answers that are still to come would count as wrong ones next time. */
static void
drain(struct load *l)
{
	l->work.stopped = true;
	pump(l, now() + 2 * PATIENCE_S);
}

static void
do_run(struct load *l, char **words)
{
	struct work work = {.kind = kind_of(words[1]), .items = number(words[4])};
	double seconds = strtod(words[2], NULL);
	struct mark from, to;
	unsigned long ok;

	begin(l, work, number(words[3]));
	pump(l, now() + (seconds < 1 ? seconds / 2 : 0.5));
	l->tally = (struct tally){.all = l->tally.all};
	from = mark(l);
	pump(l, now() + seconds);
	to = mark(l);
	ok = l->tally.ok;
	drain(l); /* what is wrong or missing then counts, too */
	l->tally.ok = ok;
	tell(l, &from, &to);
}

static void
do_each(struct load *l, char **words)
{
	struct work work = {
		.kind = kind_of(words[1]), .next = number(words[2]), .end = number(words[3])};
	unsigned window = number(words[4]);
	struct mark from, to;

	if (work.next >= work.end)
		errx(2, "nothing from %u to %u", work.next, work.end);
	if (window > work.end - work.next)
		window = work.end - work.next;
	from = mark(l);
	begin(l, work, window);
	pump(l, now() + 600);
	to = mark(l);
	tell(l, &from, &to);
}

/* One request, alone; true if its answer was right. */
static bool
ask_one(struct load *l, enum ask kind, uint32_t item)
{
	begin(l, (struct work){.kind = kind, .next = item, .end = item + 1}, 1);
	pump(l, now() + 60);
	return l->tally.ok == 1;
}

static void
do_install(struct load *l, char **words)
{
	struct mark from = mark(l), to;
	unsigned item = number(words[1]);
	bool good;

	good = ask_one(l, ASK_PUT, item);
	l->status = 0;
	while (good && l->status != INSTALLED && now() < from.at + 60) {
		usleep(200);
		good = ask_one(l, ASK_GET, item);
	}
	to = mark(l);
	l->tally = (struct tally){.ok = good && l->status == INSTALLED};
	l->tally.bad = !l->tally.ok;
	tell(l, &from, &to);
}

/* --- handshakes ----------------------------------------------------------------------------- */

/* Repeats a flight; one that failed (a slow server) begins anew. */
static void
nudge(struct load *l, uint32_t number)
{
	struct session *s = fleet_session(l->fleet, number);

	session_repeat(s);
	if (!s->failed)
		return;
	l->tally.lost++;
	session_close(s);
	session_open(l->fleet, number, NULL);
}

static void
do_open(struct load *l, char **words)
{
	unsigned first = number(words[1]), n = number(words[2]), window = number(words[3]);
	unsigned begun = first;
	struct mark from = mark(l), to;
	double end = now() + 1800;

	if (n > FLEET_PASSING || first >= n || first != l->n_sessions || n % l->items.clients)
		errx(2, "sessions from %u to %u", first, n);
	l->tally = (struct tally){.bad = n - first};
	l->n_sessions = n;
	stay_count(l->stay, n);
	while (first < n && now() < end) {
		while (begun < n && begun - first < window)
			session_open(l->fleet, begun++, NULL);
		turn(l, fleet_session(l->fleet, first)->up ? 0 : 10);
		for (unsigned i = first; i < begun; i++)
			nudge(l, i);
		while (first < begun && fleet_session(l->fleet, first)->up) {
			l->tally.ok++;
			first++;
		}
	}
	l->tally.bad -= l->tally.ok;
	to = mark(l);
	tell(l, &from, &to);
}

/* A ticket of client 0. */
static gnutls_datum_t
get_ticket(struct load *l)
{
	struct session *s = session_open(l->fleet, FLEET_PASSING, NULL);
	gnutls_datum_t ticket = {0};
	double end = now() + 10;

	while (!s->up && !s->failed && now() < end)
		fleet_pump(l->fleet, 10);
	if (!s->up || gnutls_session_get_data2(s->tls, &ticket) < 0)
		errx(1, "no ticket");
	session_close(s);
	return ticket;
}

struct shaking {
	struct load *load;
	const gnutls_datum_t *ticket; /* NULL: full handshakes */
	uint32_t next;
	struct session *sessions[WINDOW_MAX];
	unsigned window;
};

static void
shake_next(struct shaking *k, unsigned i)
{
	unsigned clients = k->load->items.clients;

	do { /* a ticket belongs to one client */
		k->next += k->ticket ? clients - k->next % clients : 1;
		if (k->next >= FLEET_MAX)
			k->next = FLEET_PASSING + clients - FLEET_PASSING % clients;
	} while (fleet_session(k->load->fleet, k->next));
	k->sessions[i] = session_open(k->load->fleet, k->next, k->ticket);
}

static void
shake_until(struct shaking *k, double until)
{
	struct tally *t = &k->load->tally;

	while (!is_over(k->load, until)) {
		fleet_pump(k->load->fleet, 10);
		for (unsigned i = 0; i < k->window; i++) {
			struct session *s = k->sessions[i];

			session_repeat(s);
			if (!s->up && !s->failed)
				continue;
			if (s->up && gnutls_session_is_resumed(s->tls) == (k->ticket != NULL))
				t->ok++;
			else
				t->bad++;
			session_close(s);
			shake_next(k, i);
		}
	}
}

static void
do_shake(struct load *l, char **words)
{
	struct shaking k = {.load = l, .next = FLEET_PASSING, .window = number(words[3])};
	double seconds = strtod(words[2], NULL);
	gnutls_datum_t ticket = {0};
	struct mark from, to;

	if (k.window > WINDOW_MAX)
		errx(2, "a window of %u", k.window);
	if (!strcmp(words[1], "resumed")) {
		ticket = get_ticket(l);
		k.ticket = &ticket;
	}
	for (unsigned i = 0; i < k.window; i++)
		shake_next(&k, i);
	shake_until(&k, now() + seconds / 4);
	l->tally = (struct tally){0};
	from = mark(l);
	shake_until(&k, now() + seconds);
	to = mark(l);
	for (unsigned i = 0; i < k.window; i++)
		session_close(k.sessions[i]);
	batch_flush(fleet_batch(l->fleet));
	gnutls_free(ticket.data);
	tell(l, &from, &to);
}

/* --- sessions that stay --------------------------------------------------------------------- */

static void
do_beat(struct load *l, char **words)
{
	stay_beat(l->stay, strtod(words[1], NULL));
	puts("{}");
}

static void
do_observe(struct load *l, char **words)
{
	uint32_t n = number(words[1]);

	if (n > l->n_sessions || l->items.clients < n)
		errx(2, "%u observers", n);
	printf("{\"ok\": %u}\n", stay_observe(l->stay, n, strtod(words[2], NULL)));
}

static void
do_told(struct load *l, char **words)
{
	printf("{\"ok\": %u}\n", stay_told(l->stay, number(words[1]), strtod(words[2], NULL)));
}

static void
do_live(struct load *l, char **words)
{
	double end = now() + strtod(words[1], NULL);
	struct mark from = mark(l), to;
	struct stay_tally t;

	while (now() < end)
		turn(l, 10);
	t = stay_tally(l->stay);
	to = mark(l);
	printf("{\"sent\": %lu, \"answered\": %lu, \"missed\": %lu, \"heard\": %lu, \"told\": %lu, "
	       "\"wrong\": %lu, \"heard_least\": %u, \"told_least\": %u, \"lost\": %u, "
	       "\"seconds\": %.6f, \"server_cpu\": %.6f, \"load_cpu\": %.6f}\n",
		t.sent, t.answered, t.missed, t.heard, t.told, t.wrong, t.heard_least, t.told_least,
		t.lost, to.at - from.at, to.server - from.server, to.load - from.load);
}

static void
do_lose(struct load *l, char **words)
{
	(void)words;
	stay_lose(l->stay);
	puts("{}");
}

static void
do_return(struct load *l, char **words)
{
	struct mark from = mark(l), to;
	struct stay_return r = stay_return(l->stay, strtod(words[1], NULL), strtod(words[2], NULL));

	to = mark(l);
	printf("{\"back\": %u, \"in_vain\": %lu, \"median\": %.3f, \"nearly\": %.3f, \"all\": "
	       "%.3f, "
	       "\"server_cpu\": %.6f, \"load_cpu\": %.6f}\n",
		r.back, r.in_vain, r.median, r.nearly, r.all, to.server - from.server,
		to.load - from.load);
}

/* --- start ---------------------------------------------------------------------------------- */

static void
set_server(struct load *l, const char *pid)
{
	if (clock_getcpuclockid((pid_t)number(pid), &l->server_clock) != 0)
		errx(2, "no process %s", pid);
}

static void
do_server(struct load *l, char **words)
{
	set_server(l, words[1]);
	puts("{}");
}

static const struct {
	const char *word;
	size_t n_words;
	void (*run)(struct load *l, char **words);
} commands[] = {
	{"open", 4, do_open},
	{"run", 5, do_run},
	{"each", 5, do_each},
	{"install", 2, do_install},
	{"shake", 4, do_shake},
	{"beat", 2, do_beat},
	{"observe", 3, do_observe},
	{"told", 3, do_told},
	{"live", 2, do_live},
	{"lose", 1, do_lose},
	{"return", 3, do_return},
	{"server", 2, do_server},
};

static void
obey(struct load *l, char *line)
{
	char *words[WORDS_MAX + 1], *rest = line;
	size_t n = 0;

	while (n <= WORDS_MAX && (words[n] = strtok_r(NULL, " \n", &rest)))
		n++;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(words[0], commands[i].word) && n == commands[i].n_words) {
			commands[i].run(l, words);
			fflush(stdout);
			return;
		}
	errx(2, "%s: not understood", n ? words[0] : "");
}

/* Between commands heartbeats go on. */
static void
serve(struct load *l)
{
	struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = batch_fd(fleet_batch(l->fleet)), .events = POLLIN}};
	char line[COMMAND_MAX];

	for (;;) {
		if (poll(p, 2, 50) < 0)
			err(1, "poll");
		turn(l, 0);
		if (!p[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return;
		obey(l, line);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"server", required_argument, NULL, 's'},
		{"pid", required_argument, NULL, 'p'}, {"clients", required_argument, NULL, 'c'},
		{"psk", required_argument, NULL, 'k'},
		{"certificates", required_argument, NULL, 'x'},
		{"prefix-len", required_argument, NULL, 'l'},
		{"request", required_argument, NULL, 'r'}, {"answer", required_argument, NULL, 'a'},
		{"from", required_argument, NULL, 'f'}, {"stride", required_argument, NULL, 't'},
		{0}};
	static struct load l = {.items = {1, 32, 80, 120}, .random = 1};
	struct fleet_setup setup = {
		.from.s_addr = htonl(FIRST_ADDRESS), .stride = 1, .data = on_data, .arg = &l};
	int c;

	setvbuf(stdin, NULL, _IONBF, 0); /* poll tells of what stdio has not read */
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			setup.server = parse_endpoint(optarg);
		else if (c == 'p')
			set_server(&l, optarg);
		else if (c == 'c')
			l.items.clients = number(optarg);
		else if (c == 'k')
			setup.psk = optarg;
		else if (c == 'x')
			setup.certificates = optarg;
		else if (c == 'l')
			l.items.prefix_len = number(optarg);
		else if (c == 'r')
			l.items.request_len = number(optarg);
		else if (c == 'a')
			l.items.answer_len = number(optarg);
		else if (c == 'f')
			setup.from.s_addr = inet_addr(optarg);
		else if (c == 't')
			setup.stride = number(optarg);
		else if (c == '?')
			return 2;
	}
	if (!setup.server.sin_port || !l.server_clock || !l.items.clients || !setup.stride ||
		l.items.request_len < sizeof(uint32_t) || l.items.request_len > ASK_MAX ||
		l.items.answer_len > ASK_MAX || l.items.prefix_len < 16 || l.items.prefix_len > 32)
		errx(2, "usage: see load.c");
	setup.clients = l.items.clients;
	l.fleet = fleet_new(&setup);
	l.stay = stay_new(l.fleet, &l.items);
	serve(&l);
	return 0;
}
