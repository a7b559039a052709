/* Servers of a domain, asked of dnsmasq and of hostile name servers in another network namespace
 * (netns.h). */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "dns.h"
#include "net/discover.h"
#include "netns.h"

enum { RECORDS_MAX = 24, MANY = 1500 };

/* The answer to one discovery. */
struct told {
	struct world *world;
	unsigned n;
	int error;
	size_t n_found;
	uint32_t ttl;
	char why[512], found[4096]; /* "udp a.example.net 5000 2001:db8::1\n"… */
	char reference[DISCOVER_NAME_MAX];
	struct told *next; /* of what is discovered from inside the callback */
};

struct world {
	struct loop *l;
	struct dns dns;
	struct told told;
	struct discovery *d;
	pid_t guard; /* of dnsmasq; 0: none runs */
	int guard_pipe;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	netns_connect();
	x->l = loop_new();
	x->dns.loop = x->l;
	x->told.world = x;
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	if (x->guard) {
		close(x->guard_pipe);
		waitpid(x->guard, NULL, 0);
	}
	dns_close(&x->dns);
	loop_free(x->l);
	free(x);
	netns_disconnect();
	return 0;
}

static struct dns_point *
serve(struct world *x, const char *endpoint, const char *device)
{
	struct dns_point *p;

	netns_enter(netns_theirs);
	p = dns_open(&x->dns, endpoint, device);
	netns_enter(netns_ours);
	return p;
}

/* ---- dnsmasq ---- */

static bool
listens(const char *address)
{
	struct endpoint e;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool r;

	assert_int_equal(endpoint_parse(address, 53, &e), 0);
	len = endpoint_to_sockaddr(&e, &ss);
	r = connect(fd, (struct sockaddr *)&ss, len) == 0;
	close(fd);
	return r;
}

static char **
arguments(const char *const *records, size_t n)
{
	static const char *const always[] = {"dnsmasq", "--keep-in-foreground",
		"--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--local=/#/",
		"--bind-interfaces", "--user=root", "--pid-file=", "--listen-address=10.0.1.2",
		"--local-ttl=240"};
	enum { ALWAYS = sizeof(always) / sizeof(always[0]) };
	char **argv = mem_array(ALWAYS + n + 1, sizeof(*argv));

	for (size_t i = 0; i < ALWAYS; i++)
		argv[i] = mem_text(always[i]);
	for (size_t i = 0; i < n; i++)
		argv[ALWAYS + i] = mem_text(records[i]);
	return argv;
}

/* Ends it when the other end of the pipe is closed, however that comes. (Its signal at its parent's
 * death would be gone: dnsmasq changes its credentials.) */
static void
guard(char **argv, int pipe_end)
{
	pid_t pid = fork();
	char c;

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	(void)!read(pipe_end, &c, 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	_exit(0);
}

static void
start_dnsmasq(struct world *x, const char *const *records, size_t n)
{
	char **argv = arguments(records, n);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	netns_enter(netns_theirs);
	x->guard = fork();
	if (!x->guard) {
		close(ends[1]);
		guard(argv, ends[0]);
	}
	netns_enter(netns_ours);
	assert_true(x->guard > 0);
	close(ends[0]);
	x->guard_pipe = ends[1];
	for (char **p = argv; *p; p++)
		free(*p);
	free(argv);
	WAIT(x->l, listens("10.0.1.2"));
}

/* ---- asking ---- */

static void
note(struct told *t, const struct discovered *d)
{
	static const char *const services[] = {"udp", "tcp", "data"};
	char text[ADDR_TEXT_MAX];
	size_t at = strlen(t->found);

	at += (size_t)snprintf(t->found + at, sizeof(t->found) - at, "%s %s %u",
		services[d->service], d->target, d->port);
	for (size_t i = 0; i < d->n_addrs; i++)
		at += (size_t)snprintf(t->found + at, sizeof(t->found) - at, " %s",
			addr_format(&d->addrs[i], text));
	snprintf(t->found + at, sizeof(t->found) - at, "\n");
	snprintf(t->reference, sizeof(t->reference), "%s", d->reference);
}

static struct discovery *start(struct world *x, const char *interface, const char *servers,
	const char *domain, enum discover_method method, struct told *t);

static void
on_done(void *arg, const struct discover_answer *a)
{
	struct told *t = arg;

	t->n++;
	t->error = a->error;
	t->n_found = a->n;
	t->ttl = a->ttl;
	snprintf(t->why, sizeof(t->why), "%s", a->why);
	t->found[0] = '\0';
	if (t->next)
		assert_non_null(start(
			t->world, "wan1", "10.0.1.2", "isp1.example", DISCOVER_SNAPTR, t->next));
	for (size_t i = 0; i < a->n; i++)
		note(t, &a->found[i]); /* still valid */
}

/* interface: wanN, from its address 10.0.N.1. */
static struct discovery *
start(struct world *x, const char *interface, const char *servers, const char *domain,
	enum discover_method method, struct told *t)
{
	struct endpoint server;
	struct addr source;
	struct resolver_config cfg = {
		.interface = interface, .servers = &server, .n_servers = 1, .sources = &source};
	char text[] = "10.0.0.1";

	text[5] = interface[3];
	assert_int_equal(addr_parse(text, &source), 0);
	cfg.n_sources = 1;
	assert_int_equal(endpoint_parse(servers, 0, &server), 0);
	return discovery_start(x->l, &cfg, domain, method, 0, on_done, t);
}

static void
discover(struct world *x, const char *domain, enum discover_method method)
{
	x->told.n = 0;
	assert_non_null(start(x, "wan1", "10.0.1.2", domain, method, &x->told));
	assert_int_equal(x->told.n, 0); /* never from inside */
	WAIT(x->l, x->told.n);
	harness_settle(x->l);
	assert_int_equal(x->told.n, 1);
}

static void
discover_what(struct world *x, const char *domain, enum discover_method method, const char *found)
{
	discover(x, domain, method);
	if (*found)
		assert_string_equal(x->told.why, "");
	assert_string_equal(x->told.found, found);
}

/* ---- a real name server ---- */

static const char *const figure_8[] = {
	"--naptr-record=example.net,100,10,,DOTS:signal.udp,,signal.example.net",
	"--naptr-record=example.net,200,10,,DOTS:signal.tcp,,signal.example.net",
	"--naptr-record=example.net,300,10,,DOTS:data.tcp,,data.example.net",
	"--naptr-record=signal.example.net,100,10,s,DOTS:signal.udp,,_dots-signal._udp.example.net",
	"--naptr-record=signal.example.net,200,10,s,DOTS:signal.tcp,,_dots-signal._tcp.example.net",
	"--naptr-record=data.example.net,100,10,s,DOTS:data.tcp,,_dots-data._tcp.example.net",
	"--naptr-record=data.example.net,200,10,a,DOTS:data.tcp,,b.example.net",
	"--srv-host=_dots-signal._udp.example.net,a.example.net,5000,0,0",
	"--srv-host=_dots-signal._tcp.example.net,a.example.net,5001,0,0",
	"--srv-host=_dots-data._tcp.example.net,a.example.net,5002,0,0",
	"--host-record=a.example.net,2001:db8::1",
	"--host-record=b.example.net,2001:db8::2",
	"--naptr-record=dots.example.org,1,1,a,DOTS:signal.udp,,c.example.org",
	"--host-record=c.example.org,192.0.2.3,2001:db8::3",
};

/* 8973-6-03, -04, -08, 8973-8.2-02 */
static void
figure_8_from_dnsmasq(void **state)
{
	struct world *x = *state;

	start_dnsmasq(x, figure_8, sizeof(figure_8) / sizeof(figure_8[0]));
	discover_what(x, "example.net", DISCOVER_SNAPTR,
		"udp a.example.net 5000 2001:db8::1\n"
		"tcp a.example.net 5001 2001:db8::1\n"
		"data a.example.net 5002 2001:db8::1\n"
		"data b.example.net 443 2001:db8::2\n");
	assert_string_equal(x->told.reference, "example.net");
	assert_int_equal(x->told.ttl, 240);
	/* A peer's name, found elsewhere, with a dot at its end. */
	discover_what(x, "dots.example.org.", DISCOVER_SNAPTR,
		"udp c.example.org 4646 2001:db8::3 192.0.2.3\n");
	assert_string_equal(x->told.reference, "dots.example.org");
	/* 8973-6-13 */
	discover_what(x, "example.com", DISCOVER_SNAPTR, "");
	assert_int_equal(x->told.error, -ENOENT);
	assert_int_equal(x->told.ttl, DISCOVER_WAIT_MIN);
	assert_memory_equal(x->told.why, "NAPTR of example.com: ", 22);
}

/* 8973-7-05, 6763-4.1-01, 6763-5-01 */
static void
figure_10_from_dnsmasq(void **state)
{
	static const char *const records[] = {
		"--ptr-record=_dots-signal._udp.example.net,a._dots-signal._udp.example.net",
		"--ptr-record=_dots-signal._udp.example.net,b._dots-signal._udp.example.net",
		"--srv-host=a._dots-signal._udp.example.net,a.example.net,4646,0,0",
		"--srv-host=b._dots-signal._udp.example.net,b.example.net,4646,1,0",
		"--txt-record=a._dots-signal._udp.example.net", /* b has none */
		"--host-record=a.example.net,2001:db8::a",
		"--host-record=b.example.net,192.0.2.11",
	};
	struct world *x = *state;

	start_dnsmasq(x, records, sizeof(records) / sizeof(records[0]));
	discover_what(x, "example.net", DISCOVER_DNSSD,
		"udp a.example.net 4646 2001:db8::a\n"
		"udp b.example.net 4646 192.0.2.11\n");
	assert_string_equal(x->told.reference, "example.net");
	discover_what(x, "example.com", DISCOVER_DNSSD, "");
	assert_int_equal(x->told.error, -ENOENT);
}

/* ---- a scripted one ---- */

static void
simple_zone(struct world *x)
{
	dns_naptr(&x->dns, "example.net", 1, 1, "s", "DOTS:signal.udp", "", "srv.example.net", 300);
	dns_srv(&x->dns, "srv.example.net", 0, 0, 5000, "a.example.net", 200);
	dns_record(&x->dns, "a.example.net", "192.0.2.1", 100);
	dns_ptr(&x->dns, "_dots-signal._tcp.example.net",
		"v1\\.2 f\xc3\xbcr \\\\ alle._dots-signal._tcp.example.net", 300);
	dns_srv(&x->dns, "v1\\.2 f\xc3\xbcr \\\\ alle._dots-signal._tcp.example.net", 0, 0, 5001,
		"a.example.net", 90);
}

static const char simple_found[] = "udp a.example.net 5000 192.0.2.1\n";

/* 8973-7-01; 6763-12-01: no answer of this server has any additional record. */
static void
an_instance_is_asked_for_as_it_is_called(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	simple_zone(x);
	discover_what(x, "example.net", DISCOVER_DNSSD, "tcp a.example.net 5001 192.0.2.1\n");
	assert_int_equal(x->told.ttl, 90);
}

/* 8973-6-15 */
static void
a_no_is_waited_for_as_the_name_server_says(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.negative_ttl = 777;
	discover_what(x, "example.net", DISCOVER_SNAPTR, "");
	assert_int_equal(x->told.error, -ENOENT);
	assert_int_equal(x->told.ttl, 777);
}

static void
a_refusal_is_told(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.refuse = true;
	discover_what(x, "example.net", DISCOVER_SNAPTR, "");
	assert_true(x->told.error && x->told.error != -ENOENT);
	assert_int_equal(x->told.ttl, DISCOVER_WAIT_MIN);
}

static void
truncated_answers_are_fetched_over_tcp(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	simple_zone(x);
	x->dns.truncate = true;
	discover_what(x, "example.net", DISCOVER_SNAPTR, simple_found);
	/* With all records in what the truncated one does not hold, too. */
	discover_what(x, "example.net", DISCOVER_DNSSD, "tcp a.example.net 5001 192.0.2.1\n");
}

/* ---- hostile ones ---- */

/* As many records as there is room for, of the type asked for, each leading on to another name. */
static uint16_t
forge_many(struct dns *d, bool tcp, struct buf *out)
{
	static unsigned count;
	uint16_t n = 0;

	for (; tcp && n < MANY; n++) {
		struct buf data;
		char name[64];

		buf_init(&data, 512);
		if (d->last_type == DNS_NAPTR)
			buf_bytes(&data,
				"\0\1\0\1\0\x0f"
				"DOTS:signal.udp\0",
				22);
		else if (d->last_type == DNS_SRV)
			buf_bytes(&data, "\0\0\0\0\x12\x26", 6);
		else
			buf_u32(&data, 0xc0000200 + n);
		snprintf(name, sizeof(name), "n%u._dots-signal._udp.example", count++ & 0xffff);
		if (d->last_type == DNS_PTR)
			buf_reset(&data);
		if (d->last_type != DNS_A)
			dns_put_name(&data, name);
		dns_put_head(out, d->last, d->last_type, 60, data.len);
		buf_bytes(out, data.bytes, data.len);
		buf_finish(&data);
		if (out->len > 60000)
			return (uint16_t)(n + 1);
	}
	return n;
}

static void
thousands_of_records_end_somewhere(void **state)
{
	struct world *x = *state;
	struct dns_point *p = serve(x, "10.0.1.2", NULL);

	x->dns.truncate = true;
	x->dns.forge = forge_many;
	discover(x, "example.net", DISCOVER_SNAPTR);
	assert_int_equal(x->told.error, -E2BIG);
	assert_in_range(p->queries, 1, 2 * 40); /* over UDP, then over TCP */
	p->queries = 0;
	discover(x, "example.net", DISCOVER_DNSSD);
	assert_int_equal(x->told.error, 0);
	assert_int_equal(x->told.n_found, DISCOVER_OF_ONE_MAX);
	assert_in_range(p->queries, 1, 3 * 40);
}

static void
loops_end(void **state)
{
	struct world *x = *state;
	struct dns_point *p = serve(x, "10.0.1.2", NULL);

	dns_naptr(&x->dns, "example.net", 1, 1, "", "DOTS:signal.udp", "", "b.example.net", 60);
	dns_naptr(&x->dns, "b.example.net", 1, 1, "", "DOTS:signal.udp", "", "example.net", 60);
	dns_naptr(&x->dns, "example.net", 1, 2, "s", "DOTS:signal.udp", "", "c.example.net", 60);
	dns_record(&x->dns, "c.example.net", "d.example.net", 60);
	dns_record(&x->dns, "d.example.net", "c.example.net", 60);
	discover_what(x, "example.net", DISCOVER_SNAPTR, "");
	assert_int_equal(x->told.error, -ENOENT);
	assert_int_equal(p->queries, 3);
}

static void
names_of_255_bytes_are_followed(void **state)
{
	struct world *x = *state;
	char name[254], found[300];

	memset(name, 'a', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	serve(x, "10.0.1.2", NULL);
	dns_naptr(&x->dns, "example.net", 1, 1, "s", "DOTS:signal.udp", "", name, 60);
	dns_srv(&x->dns, name, 0, 0, 5000, name, 60);
	dns_record(&x->dns, name, "192.0.2.1", 60);
	snprintf(found, sizeof(found), "udp %s 5000 192.0.2.1\n", name);
	discover_what(x, "example.net", DISCOVER_SNAPTR, found);
}

/* Whatever is asked for, an SRV record, another name's, and then the end. */
static uint16_t
forge_other(struct dns *d, bool tcp, struct buf *out)
{
	(void)tcp;
	dns_put_head(out, d->last, d->last_type == DNS_SRV ? DNS_PTR : DNS_SRV, 60, 9);
	buf_bytes(out, "\0\0\0\0\x12\x26\1a\0", 9);
	dns_put_head(out, "elsewhere.example", d->last_type, 60, 9);
	buf_bytes(out, "\0\0\0\0\x12\x26\1a\0", 9);
	dns_put_head(out, d->last, d->last_type, 60, 2);
	buf_bytes(out, "\xc0\xff", 2); /* points ahead */
	return 3;
}

static uint16_t
forge_short(struct dns *d, bool tcp, struct buf *out)
{
	forge_other(d, tcp, out);
	return 4;
}

static void
answers_of_wrong_types_and_lengths_lead_nowhere(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.forge = forge_other;
	for (enum discover_method m = DISCOVER_SNAPTR; m <= DISCOVER_DNSSD; m++) {
		discover_what(x, "example.net", m, "");
		assert_int_equal(x->told.error, -ENOENT);
	}
	x->dns.forge = forge_short;
	for (enum discover_method m = DISCOVER_SNAPTR; m <= DISCOVER_DNSSD; m++) {
		discover_what(x, "example.net", m, "");
		assert_int_equal(x->told.error, -EBADMSG);
	}
}

/* ---- links (9284-5.1-05) ---- */

static void
two_links(struct world *x, struct dns_point **one, struct dns_point **two)
{
	netns_ip_theirs("addr add 10.9.9.9/32 dev lo");
	*one = serve(x, "10.9.9.9", "far1");
	*two = serve(x, "10.9.9.9", "far2");
	simple_zone(x);
}

static void
await(struct world *x)
{
	WAIT(x->l, x->told.n);
	netns_ip_theirs("addr del 10.9.9.9/32 dev lo");
}

/* The route prefers wan1. */
static void
every_question_leaves_by_the_link_of_the_domain(void **state)
{
	struct world *x = *state;
	struct dns_point *one, *two;

	two_links(x, &one, &two);
	x->dns.truncate = true; /* over UDP and TCP */
	assert_non_null(start(x, "wan2", "10.9.9.9", "example.net", DISCOVER_SNAPTR, &x->told));
	await(x);
	assert_string_equal(x->told.found, simple_found);
	assert_int_equal(one->queries, 0);
	assert_int_equal(two->queries, 2 * (1 + 1 + 2));
}

static void
nothing_leaves_by_another_link(void **state)
{
	struct world *x = *state;
	struct dns_point *one, *two;

	two_links(x, &one, &two);
	netns_ip("link set wan2 down");
	assert_non_null(start(x, "wan2", "10.9.9.9", "example.net", DISCOVER_SNAPTR, &x->told));
	await(x);
	assert_int_not_equal(x->told.error, 0);
	assert_int_equal(one->queries, 0);
	assert_int_equal(two->queries, 0);
}

static void
a_link_that_goes_in_between_ends_it(void **state)
{
	struct world *x = *state;
	struct dns_point *one, *two;

	two_links(x, &one, &two);
	x->dns.silent = true;
	assert_non_null(start(x, "wan2", "10.9.9.9", "example.net", DISCOVER_SNAPTR, &x->told));
	WAIT(x->l, two->queries);
	x->dns.silent = false;
	netns_ip("link del wan2");
	await(x);
	assert_int_not_equal(x->told.error, 0);
	assert_int_equal(one->queries, 0);
}

static void
a_lost_source_is_not_replaced(void **state)
{
	struct world *x = *state;
	struct dns_point *p = serve(x, "10.0.1.2", NULL);

	simple_zone(x);
	netns_ip("addr del 10.0.1.1/24 dev wan1");
	netns_ip("addr add 10.0.1.77/24 dev wan1");
	discover_what(x, "example.net", DISCOVER_SNAPTR, "");
	assert_int_not_equal(x->told.error, 0);
	assert_int_equal(p->queries, 0);
}

/* 8973-6-13, 8973-6-14: of two domains at once, each has its own result. */
static void
domains_do_not_disturb_each_other(void **state)
{
	struct world *x = *state;
	struct told other = {.world = x};

	serve(x, "10.0.1.2", NULL);
	serve(x, "10.0.2.2", NULL);
	simple_zone(x);
	assert_non_null(start(x, "wan1", "10.0.1.2", "isp1.example", DISCOVER_SNAPTR, &x->told));
	assert_non_null(start(x, "wan2", "10.0.2.2", "example.net", DISCOVER_SNAPTR, &other));
	WAIT(x->l, x->told.n && other.n);
	assert_int_equal(x->told.error, -ENOENT);
	assert_int_equal(other.error, 0);
	assert_string_equal(other.found, simple_found);
}

/* ---- begin and end ---- */

/* And still has what it was told. */
static void
a_callback_may_start_the_next_one(void **state)
{
	struct world *x = *state;
	struct told next = {.world = x};

	serve(x, "10.0.1.2", NULL);
	simple_zone(x);
	x->told.next = &next;
	assert_non_null(start(x, "wan1", "10.0.1.2", "example.net", DISCOVER_SNAPTR, &x->told));
	WAIT(x->l, next.n);
	assert_int_equal(x->told.n, 1);
	assert_string_equal(x->told.found, simple_found);
	assert_int_equal(next.error, -ENOENT);
}

static struct discovery *under_way;

/* At its second question. */
static uint16_t
forge_cancel(struct dns *d, bool tcp, struct buf *out)
{
	(void)tcp;
	if (d->last_type != DNS_NAPTR) {
		discovery_cancel(under_way);
		under_way = NULL;
		return 0;
	}
	dns_put_head(out, d->last, DNS_NAPTR, 60, 26);
	buf_bytes(out,
		"\0\1\0\1\1s\x0f"
		"DOTS:signal.udp\0\1a\0",
		26);
	return 1;
}

static void
a_cancelled_one_tells_nothing(void **state)
{
	struct world *x = *state;

	serve(x, "10.0.1.2", NULL);
	x->dns.forge = forge_cancel;
	discovery_cancel(NULL);
	discovery_cancel(start(x, "wan1", "10.0.1.2", "example.net", DISCOVER_SNAPTR, &x->told));
	under_way = start(x, "wan1", "10.0.1.2", "example.net", DISCOVER_SNAPTR, &x->told);
	WAIT(x->l, !under_way);
	harness_settle(x->l);
	assert_int_equal(x->told.n, 0);
}

static void
no_domain_and_no_resolvers_are_refused(void **state)
{
	static const char *const names[] = {
		"", ".", "two words.net", "example..net", "example.net.."};
	struct resolver_config cfg = {0};
	struct world *x = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		errno = 0;
		assert_null(start(x, "wan1", "10.0.1.2", names[i], DISCOVER_SNAPTR, &x->told));
		assert_int_equal(errno, EINVAL);
	}
	errno = 0;
	assert_null(
		discovery_start(x->l, &cfg, "example.net", DISCOVER_SNAPTR, 0, on_done, &x->told));
	assert_int_equal(errno, EINVAL);
	harness_settle(x->l);
	assert_int_equal(x->told.n, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(figure_8_from_dnsmasq),
		CASE(figure_10_from_dnsmasq),
		CASE(an_instance_is_asked_for_as_it_is_called),
		CASE(a_no_is_waited_for_as_the_name_server_says),
		CASE(a_refusal_is_told),
		CASE(truncated_answers_are_fetched_over_tcp),
		CASE(thousands_of_records_end_somewhere),
		CASE(loops_end),
		CASE(names_of_255_bytes_are_followed),
		CASE(answers_of_wrong_types_and_lengths_lead_nowhere),
		CASE(every_question_leaves_by_the_link_of_the_domain),
		CASE(nothing_leaves_by_another_link),
		CASE(a_link_that_goes_in_between_ends_it),
		CASE(a_lost_source_is_not_replaced),
		CASE(domains_do_not_disturb_each_other),
		CASE(a_callback_may_start_the_next_one),
		CASE(a_cancelled_one_tells_nothing),
		CASE(no_domain_and_no_resolvers_are_refused),
	};

	if (!netns_begin())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
