/*
 * dotsd: start-up in the order of the layers, reload as one swap, an orderly end. The only place
 * that wires roles together.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/event.h"
#include "base/mem.h"
#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/discovery.h"
#include "daemon/expiry.h"
#include "daemon/learned.h"
#include "daemon/preconfigured.h"
#include "daemon/process.h"
#include "daemon/recorded.h"
#include "daemon/store.h"
#include "mitigator/dryrun.h"
#include "mitigator/nftables.h"
#include "role/data_relay.h"
#include "role/gateway.h"

enum {
	EXIT_CONFIG = 78,
	WHY_MAX = 512,
	CLOCK_CHECK_MS = 10000,
	CLOCK_JUMP_MS = 2000,
	TIDY_MS = 20000
};
static const char default_config[] = "/etc/dotsd/dotsd.yaml";

struct daemon {
	const char *path;
	struct config *config;
	struct loop *loop;
	struct persist *store;
	struct dots_client *client;
	struct data_upstream *records;
	struct gateway *gateway;
	struct dots_server *server;
	struct data_relay *passing; /* what clients have on record goes on; NULL: it does not */
	struct data_server *data;
	struct mitigator **mitigators;
	struct relay *relays; /* beside mitigators */
	size_t n_mitigators;
	struct control *control;
	struct control_parts parts;
	struct signal_watch *signals[3];
	struct expiry *expiry;
	struct learned *learned;             /* NULL without the client role */
	struct recorded *recorded;           /* likewise */
	struct discovery_service *discovery; /* likewise */
	struct timer *clock, *watchdog, *tidying;
	wall_ms clock_wall;
	mono_ms clock_mono;
	uint64_t watchdog_us;
	FILE *events;
	const char *reason;
};

/* ---- configuration ---- */

static void
print_problems(const struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		fprintf(stderr, "%s%s\n", p->list[i].fatal ? "" : "warning: ", p->list[i].text);
}

static int
check(const char *path)
{
	struct config_problems problems = {0};
	struct config *c = config_load(path, &problems);
	int code = c ? EXIT_SUCCESS : EXIT_CONFIG;

	print_problems(&problems);
	if (c)
		printf("%s: fine%s\n", path, problems.n ? ", with warnings" : "");
	config_problems_finish(&problems);
	config_free(c);
	return code;
}

static void
raise_warnings(const struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		event_raise(EVENT_CONFIG_WARNING, EVENT_F("reason", p->list[i].text));
}

static bool
has_client(const struct config *c)
{
	return c->homing->n_domains > 0;
}

static bool
has_server(const struct config *c)
{
	return c->n_listen > 0;
}

static bool
has_data(const struct config *c)
{
	return c->data.https.n_sockets > 0;
}

/* NULL: upstream is not asked for our clients. */
static const struct mitigator_config *
escalation_of(const struct config *c)
{
	for (size_t i = 0; i < c->n_mitigators; i++)
		if (c->mitigators[i].kind == MITIGATOR_ESCALATE)
			return &c->mitigators[i];
	return NULL;
}

static struct dots_client_setup
client_setup(const struct config *c)
{
	return (struct dots_client_setup){
		.homing = c->homing, .credentials = c->credentials, .max_wishes = c->max_wishes};
}

static struct data_upstream_setup
records_setup(const struct daemon *d, const struct config *c)
{
	struct data_upstream_setup s = {.homing = c->homing,
		.credentials = c->credentials,
		.via = escalation_of(c) && has_data(c) ? c->data.own[0] : NULL,
		.server_domain = c->server_domain};

	s.wishes = recorded_wishes(d->recorded, c, &s.n_wishes);
	return s;
}

static struct data_relay_setup
relay_setup(const struct config *c)
{
	return (struct data_relay_setup){.homing = c->homing,
		.clients = c->clients,
		.trim = c->trim,
		.separate = c->separate,
		.server_domain = c->server_domain,
		.keep_via = c->keep_via,
		.acts = config_acts(c)};
}

static struct gateway_setup
gateway_setup(const struct config *c)
{
	return (struct gateway_setup){.homing = c->homing,
		.clients = c->clients,
		.trim = c->trim,
		.separate = c->separate,
		.server_domain = c->server_domain};
}

/* Whom a server asks for the names of its clients; a gateway asks as it does for its own. */
static struct names_sources
names_of(const struct config *c)
{
	if (c->names.addr.family || !escalation_of(c))
		return (struct names_sources){NULL, c->names};
	return (struct names_sources){c->homing, c->homing->target_resolver};
}

static struct server_setup
server_setup(const struct config *c)
{
	const struct mitigator_config *e = escalation_of(c);

	return (struct server_setup){.name = c->instance,
		.above = e ? e->above : (struct overload_rule){0},
		.sockets = c->listen,
		.n_sockets = c->n_listen,
		.credentials = c->server_credentials,
		.psk = c->psk,
		.n_psk = c->n_psk,
		.clients = c->clients,
		.heartbeat = c->heartbeat,
		.session = {[SESSION_MITIGATING] = c->session[SESSION_MITIGATING],
			[SESSION_IDLE] = c->session[SESSION_IDLE]},
		.range = &c->range,
		.config_max_age = c->config_max_age,
		.policy = c->policy,
		.max_sessions = c->max_sessions,
		.max_half_open = c->max_half_open,
		.max_half_open_per_prefix = c->max_half_open_per_prefix,
		.handshakes_per_turn = c->handshakes_per_turn,
		.handshake_timeout_ms = c->handshake_timeout_ms,
		.max_observers = c->max_observers,
		.names = names_of(c),
		.max_body = c->max_body,
		.max_bodies = c->max_bodies};
}

/* ---- roles ---- */

/* Mitigators report to the server, which is made after them: the events go by way of this. */
struct relay {
	struct daemon *d;
	size_t index;
};

static struct mitigator_events
target_of(const struct relay *r)
{
	return server_events(r->d->server, r->index);
}

static void
relay_installed(void *arg, uint64_t id)
{
	struct mitigator_events e = target_of(arg);

	e.installed(e.arg, id);
}

static void
relay_failed(void *arg, uint64_t id, const char *why)
{
	struct mitigator_events e = target_of(arg);

	e.failed(e.arg, id, why);
}

static void
relay_removed(void *arg, uint64_t id)
{
	struct mitigator_events e = target_of(arg);

	e.removed(e.arg, id);
}

static void
relay_counters(void *arg, uint64_t id, uint64_t packets, uint64_t bytes)
{
	struct mitigator_events e = target_of(arg);

	e.counters(e.arg, id, packets, bytes);
}

static void
relay_acls_done(void *arg, const char *client, const char *why)
{
	struct mitigator_events e = target_of(arg);

	e.acls_done(e.arg, client, why);
}

static void
relay_acl_counters(void *arg, uint64_t rule, uint64_t packets, uint64_t bytes)
{
	struct mitigator_events e = target_of(arg);

	e.acl_counters(e.arg, rule, packets, bytes);
}

static void
start_mitigators(struct daemon *d)
{
	struct relay *relays = mem_array(d->config->n_mitigators, sizeof(*relays));

	d->relays = relays;
	d->mitigators = mem_array(d->config->n_mitigators, sizeof(struct mitigator *));
	for (size_t i = 0; i < d->config->n_mitigators; i++) {
		const struct mitigator_config *mc = &d->config->mitigators[i];
		struct mitigator_events events = {.arg = &relays[d->n_mitigators],
			.installed = relay_installed,
			.failed = relay_failed,
			.removed = relay_removed,
			.counters = relay_counters,
			.acls_done = relay_acls_done,
			.acl_counters = relay_acl_counters};
		struct nftables_config nft = {mc->socket, mc->instance};

		relays[d->n_mitigators] = (struct relay){d, d->n_mitigators};
		if (mc->kind == MITIGATOR_NFTABLES)
			d->mitigators[d->n_mitigators++] = nftables_new(d->loop, &nft, &events);
		else if (mc->kind == MITIGATOR_DRY_RUN)
			d->mitigators[d->n_mitigators++] = dryrun_new(d->loop, &events);
	}
}

static bool
start_roles(struct daemon *d, char *why, size_t cap)
{
	struct config *c = d->config;
	struct dots_client_setup cs = client_setup(c);
	struct server_setup ss = server_setup(c);
	struct gateway_setup gs = gateway_setup(c);
	struct data_upstream_setup rs;
	struct data_relay_setup ps = relay_setup(c);

	if (has_client(c)) {
		d->client = dots_client_new(d->loop, d->store, &cs);
		preconfigured_apply(d->client, c, d->loop);
		rs = records_setup(d, c);
		d->records = data_upstream_new(d->loop, d->store, d->client, &rs);
	}
	if (!has_server(c))
		return true;
	start_mitigators(d);
	if (d->client && escalation_of(c))
		d->gateway = gateway_new(d->loop, d->client, &gs);
	d->server = server_new(d->loop, d->store, &ss, d->mitigators, d->n_mitigators,
		d->gateway ? gateway_escalation(d->gateway) : NULL, why, cap);
	if (!d->server)
		return false;
	if (has_data(c)) {
		if (d->gateway)
			d->passing = data_relay_new(d->client, d->records, &ps);
		d->data = data_server_new(d->loop, d->store, &c->data, d->server, d->mitigators,
			d->n_mitigators, data_relay_escalation(d->passing), why, cap);
		if (!d->data)
			return false;
		data_server_start(d->data);
	}
	server_start(d->server);
	return true;
}

static void
stop_roles(struct daemon *d)
{
	data_server_free(d->data);
	data_relay_free(d->passing);
	server_free(d->server);
	for (size_t i = 0; i < d->n_mitigators; i++)
		d->mitigators[i]->ops->free(d->mitigators[i]);
	free(d->mitigators);
	free(d->relays);
	gateway_free(d->gateway);
	data_upstream_free(d->records);
	dots_client_free(d->client);
}

/* ---- discovery ---- */

static void rehome(void *arg);

static void
on_stale(void *arg, const char *domain, const char *interface, const char *why)
{
	const struct daemon *d = arg;

	discovery_again(d->discovery, domain, interface, why);
}

static void
start_discovery(struct daemon *d)
{
	d->discovery = discovery_new(d->loop, d->config, d->learned, rehome, d);
	dots_client_on_stale(d->client, on_stale, d);
}

/* ---- reload ---- */

static void reload(void *arg, char *why, size_t cap);
static void rerecord(void *arg);

static void
set_parts(struct daemon *d)
{
	d->parts.loop = d->loop;
	d->parts.config = d->config;
	d->parts.client = d->client;
	d->parts.records = d->records;
	d->parts.server = d->server;
	d->parts.store = d->store;
	d->parts.learned = d->learned;
	d->parts.recorded = d->recorded;
	d->parts.rehome = rehome;
	d->parts.rerecord = rerecord;
	d->parts.reload = reload;
	d->parts.reload_arg = d;
}

/* The first fatal problem, and how many more there are. */
static void
describe_fatal(const struct config_problems *p, char *why, size_t cap)
{
	size_t fatal = 0, len;

	*why = '\0';
	for (size_t i = 0; i < p->n; i++)
		if (p->list[i].fatal && fatal++ == 0)
			snprintf(why, cap, "%s", p->list[i].text);
	len = strlen(why);
	if (fatal > 1)
		snprintf(why + len, cap - len, " (and %zu more: dotsd --check)", fatal - 1);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool
same_mitigators(const struct config *old, const struct config *new)
{
	bool same = old->n_mitigators == new->n_mitigators;

	for (size_t i = 0; same && i < old->n_mitigators; i++) {
		const struct mitigator_config *a = &old->mitigators[i], *b = &new->mitigators[i];

		same = a->kind == b->kind && same_text(a->socket, b->socket) &&
		       same_text(a->instance, b->instance);
	}
	return same;
}

static bool
same_list(const struct listen_socket *a, size_t n_a, const struct listen_socket *b, size_t n_b)
{
	bool same = n_a == n_b;

	for (size_t i = 0; same && i < n_a; i++)
		same = !strcmp(a[i].interface, b[i].interface) &&
		       endpoint_equal(&a[i].local, &b[i].local);
	return same;
}

static bool
same_sockets(const struct config *old, const struct config *new)
{
	const struct https_config *a = &old->data.https, *b = &new->data.https;

	return same_list(old->listen, old->n_listen, new->listen, new->n_listen) &&
	       same_list(a->sockets, a->n_sockets, b->sockets, b->n_sockets) &&
	       same_text(old->data.root, new->data.root);
}

/* What a running process cannot change; NULL: nothing of that kind. */
static const char *
unchangeable(const struct config *old, const struct config *new)
{
	if (has_client(old) != has_client(new) || has_server(old) != has_server(new))
		return "the roles (client, server, gateway) change only with a restart";
	if (!same_text(old->instance, new->instance) || !same_text(old->state, new->state) ||
		!same_text(old->control, new->control) || !same_text(old->events, new->events) ||
		!same_text(old->user, new->user))
		return "instance, state, control, events and user change only with a restart";
	if (!same_sockets(old, new))
		return "listen, and the path of the data channel, change only with a restart";
	if (!same_mitigators(old, new))
		return "mitigators change only with a restart";
	return NULL;
}

/* The snapshot that the roles take: the file's, and what was learned. */
static void
learn(struct daemon *d, struct config *c)
{
	if (!d->learned)
		return;
	c->base = c->homing;
	c->homing = learned_apply(d->learned, c->base);
}

static void
rehome(void *arg)
{
	struct daemon *d = arg;
	struct homing *old = d->config->homing;
	struct dots_client_setup cs;
	struct gateway_setup gs;
	struct data_upstream_setup rs;
	struct data_relay_setup ps;
	struct names_sources names;

	d->config->homing = learned_apply(d->learned, d->config->base);
	cs = client_setup(d->config);
	gs = gateway_setup(d->config);
	rs = records_setup(d, d->config);
	ps = relay_setup(d->config);
	names = names_of(d->config);
	dots_client_reload(d->client, &cs);
	preconfigured_apply(d->client, d->config, d->loop);
	data_upstream_reload(d->records, &rs);
	if (d->passing)
		data_relay_reload(d->passing, &ps);
	if (d->gateway)
		gateway_reload(d->gateway, &gs);
	if (d->server)
		server_set_names(d->server, &names);
	homing_free(old);
}

static void
rerecord(void *arg)
{
	struct daemon *d = arg;
	struct data_upstream_setup rs = records_setup(d, d->config);

	data_upstream_reload(d->records, &rs);
}

static void
swap(struct daemon *d, struct config *new)
{
	struct config *old = d->config;
	struct dots_client_setup cs;
	struct server_setup ss;
	struct gateway_setup gs;
	struct data_upstream_setup rs;
	struct data_relay_setup ps;

	learn(d, new); /* first: what the others hold is of the homing that it makes */
	cs = client_setup(new);
	gs = gateway_setup(new);
	ss = server_setup(new);
	ps = relay_setup(new);
	d->config = new;
	if (d->client) {
		dots_client_reload(d->client, &cs);
		preconfigured_apply(d->client, new, d->loop);
		rs = records_setup(d, new);
		data_upstream_reload(d->records, &rs);
	}
	if (d->passing)
		data_relay_reload(d->passing, &ps);
	if (d->gateway)
		gateway_reload(d->gateway, &gs);
	if (d->server)
		server_reload(d->server, &ss);
	if (d->data)
		data_server_reload(d->data, &new->data);
	set_parts(d);
	if (d->discovery)
		discovery_reload(d->discovery, new);
	expiry_watch(d->expiry, new);
	config_free(old); /* nobody looks at it any more */
}

/* All of it or nothing (rule M17); why is "" when done. */
static void
reload(void *arg, char *why, size_t cap)
{
	struct daemon *d = arg;
	struct config_problems problems = {0};
	struct config *new = config_load(d->path, &problems);
	const char *refusal = new ? unchangeable(d->config, new) : NULL;

	if (new)
		snprintf(why, cap, "%s", refusal ? refusal : "");
	else
		describe_fatal(&problems, why, cap);
	if (!new || *why) {
		event_raise(EVENT_CONFIG_REFUSED, EVENT_F("path", d->path), EVENT_F("reason", why));
		config_free(new);
	} else {
		raise_warnings(&problems);
		swap(d, new);
		event_raise(EVENT_CONFIG, EVENT_F("path", d->path));
	}
	config_problems_finish(&problems);
}

/* ---- signals, clocks, watchdog ---- */

static void
on_signal(void *arg, int signo)
{
	struct daemon *d = arg;
	char why[WHY_MAX];

	if (signo == SIGHUP) {
		reload(d, why, sizeof(why));
		return;
	}
	d->reason = signo == SIGTERM ? "terminated" : "interrupted";
	loop_stop(d->loop);
}

/* Inside, time is monotonic; a jump of the wall clock matters to expiries in the store only. */
static void
check_clock(void *arg)
{
	struct daemon *d = arg;
	wall_ms wall = loop_wall();
	mono_ms mono = loop_now(d->loop);
	int64_t jump = (wall - d->clock_wall) - (mono - d->clock_mono);

	if (jump > CLOCK_JUMP_MS || jump < -CLOCK_JUMP_MS) {
		event_raise(EVENT_CLOCK_JUMP, EVENT_N("seconds", jump / 1000));
		if (d->client)
			dots_client_clock_set(d->client);
		if (d->server)
			server_clock_set(d->server);
		if (d->data)
			data_server_clock_set(d->data);
	}
	d->clock_wall = wall;
	d->clock_mono = mono;
	timer_after(d->clock, CLOCK_CHECK_MS);
}

static void
tidy(void *arg)
{
	struct daemon *d = arg;

	mem_give_back();
	timer_after(d->tidying, TIDY_MS);
}

static void
feed_watchdog(void *arg)
{
	struct daemon *d = arg;

	sd_notify(0, "WATCHDOG=1");
	timer_after(d->watchdog, (int64_t)(d->watchdog_us / 2000));
}

static void
start_housekeeping(struct daemon *d)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < 3; i++)
		d->signals[i] = signal_new(d->loop, signals[i], on_signal, d);
	d->clock = timer_new(d->loop, check_clock, d);
	d->clock_wall = loop_wall();
	d->clock_mono = loop_now(d->loop);
	timer_after(d->clock, CLOCK_CHECK_MS);
	d->tidying = timer_new(d->loop, tidy, d);
	timer_after(d->tidying, TIDY_MS);
	if (sd_watchdog_enabled(0, &d->watchdog_us) > 0) {
		d->watchdog = timer_new(d->loop, feed_watchdog, d);
		feed_watchdog(d);
	}
}

static void
stop_housekeeping(struct daemon *d)
{
	for (size_t i = 0; i < 3; i++)
		signal_free(d->signals[i]);
	timer_free(d->clock);
	timer_free(d->watchdog);
	timer_free(d->tidying);
}

/* ---- the process ---- */

static bool
open_events(struct daemon *d, char *why, size_t cap)
{
	event_add_sink(event_text_sink, stderr);
	if (!d->config->events)
		return true;
	d->events = fopen(d->config->events, "ae");
	if (!d->events) {
		snprintf(why, cap, "cannot write %s: %s", d->config->events, strerror(errno));
		return false;
	}
	event_add_sink(event_json_sink, d->events);
	return true;
}

/* The control socket comes first: it is taken by whoever else runs with this configuration, who
 * must not be disturbed. Commands are served when the loop runs. */
static bool
start(struct daemon *d, char *why, size_t cap)
{
	if (!open_events(d, why, cap))
		return false;
	d->loop = loop_new();
	start_housekeeping(d);
	process_make_parent(d->config->control);
	d->control = control_new(d->loop, d->config->control, &d->parts, why, cap);
	if (!d->control)
		return false;
	d->store = store_open(d->loop, d->config->state, why, cap);
	if (!d->store)
		return false;
	if (has_client(d->config)) {
		d->learned = learned_new(d->loop, d->store, rehome, d);
		d->recorded = recorded_new(d->store);
	}
	learn(d, d->config);
	if (!start_roles(d, why, cap))
		return false;
	d->expiry = expiry_new(d->loop);
	expiry_watch(d->expiry, d->config);
	set_parts(d);
	if (d->client)
		start_discovery(d);
	return process_drop(d->config, why, cap);
}

static void
stop(struct daemon *d)
{
	control_free(d->control);
	discovery_free(d->discovery);
	stop_roles(d);
	learned_free(d->learned);
	recorded_free(d->recorded);
	if (d->store)
		store_close(d->store);
	stop_housekeeping(d);
	expiry_free(d->expiry);
	event_raise(EVENT_STOP, EVENT_F("reason", d->reason));
	loop_free(d->loop);
	event_clear_sinks();
	if (d->events)
		fclose(d->events);
	config_free(d->config);
}

static int
run(const char *path)
{
	struct daemon d = {.path = path, .reason = "cannot start"};
	struct config_problems problems = {0};
	char why[WHY_MAX] = "";
	bool started;

	d.config = config_load(path, &problems);
	if (!d.config) {
		print_problems(&problems);
		config_problems_finish(&problems);
		return EXIT_CONFIG;
	}
	process_raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	started = start(&d, why, sizeof(why));
	if (started) {
		process_set_memory();
		raise_warnings(&problems);
		event_raise(EVENT_START, EVENT_F("version", DOTSD_VERSION), EVENT_F("config", path),
			EVENT_F("instance", d.config->instance));
		sd_notify(0, "READY=1");
		loop_run(d.loop);
		sd_notify(0, "STOPPING=1");
	} else {
		fprintf(stderr, "dotsd: %s\n", why);
	}
	config_problems_finish(&problems);
	stop(&d);
	return started ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
usage(FILE *out)
{
	fputs("usage: dotsd [--config FILE]     run in the foreground (default "
	      "/etc/dotsd/dotsd.yaml)\n"
	      "       dotsd --check FILE        say what is wrong with a configuration; exit 0 or "
	      "78\n"
	      "       dotsd --version | --help\n",
		out);
	return out == stdout ? EXIT_SUCCESS : 2;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"check", required_argument, NULL, 'k'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'}, {0}};
	const char *path = default_config;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			return check(optarg);
		case 'v':
			puts("dotsd " DOTSD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	return optind < argc ? usage(stderr) : run(path);
}
