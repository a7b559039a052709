/*
 * dotsctl: the operator's hand. Words to one JSON request, one JSON reply to tables or --json.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/frame.h"
#include "dotsctl/print.h"
#include "dotsctl/text_file.h"

enum {
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	FRAME_MAX = 1024 * 1024,
	WHY_MAX = 512,
	WAIT_S = 3,      /* of `mitigate`, unless --wait says otherwise */
	PATIENCE_S = 30, /* beyond that: a daemon that does not answer */
};
static const char default_socket[] = "/run/dotsd/control.sock";

/* An option of a command: how its word becomes a member of the request. */
struct option_row {
	const char *word, *member;
	enum { OPTION_TEXT, OPTION_NUMBER, OPTION_LIST, OPTION_PROTOCOL, OPTION_YES } kind;
	const char *help;
};

/* A word without dashes; the last row is empty. */
struct word {
	const char *member, *what; /* as it is called when it is missing; NULL: it may be */
};
/* A word of this member names a file: what is in it is sent. */
static const char file_member[] = "text";
static const struct word target_words[] = {{"targets", "a target"}, {NULL, NULL}};
static const struct word id_words[] = {{"id", "an id (see dotsctl list)"}, {NULL, NULL}};
static const struct word filter_words[] = {{"id", "an id (see dotsctl list)"},
	{"acls", "a filter, as NAME=TYPE (see dotsctl acls)"}, {NULL, NULL}};
static const struct word domain_words[] = {{"name", "the name of a domain (see dotsctl domains)"},
	{"action", "set or unset"}, {"kind", "prefix, resolver, server, gateway, data or dhcp"},
	{"value", NULL}, {NULL, NULL}};

static const struct word drain_words[] = {{"action", "on, force or off"}, {NULL, NULL}};

static const struct word alias_words[] = {{"action", "set, remove or explain"},
	{"name", "the name of an alias (see dotsctl aliases)"}, {file_member, NULL}, {NULL, NULL}};
static const struct word acl_words[] = {{"action", "set, remove or explain"},
	{"name", "the name of an ACL (see dotsctl acls)"}, {file_member, NULL}, {NULL, NULL}};
static const struct word clients_words[] = {{"name", NULL}, {NULL, NULL}};
static const struct word client_words[] = {{"name", "the name of a client (see dotsctl clients)"},
	{"action", "suspend or resume"}, {NULL, NULL}};

struct command {
	const char *name, *arguments, *help;
	const struct word *words; /* those without dashes, in this order; NULL: none */
	bool many;                /* the last of them may stand several times: a list */
	const struct option_row *options;
	void (*print)(const json_t *reply);
};

static const struct option_row mitigate_options[] = {
	{"--port", "ports", OPTION_LIST,
		"P or P-Q: only these destination ports; several are taken"},
	{"--protocol", "protocols", OPTION_PROTOCOL,
		"tcp, udp, icmp… or a number; several are taken"},
	{"--lifetime", "lifetime", OPTION_NUMBER,
		"seconds asked for in each request; it is refreshed"},
	{"--for", "for", OPTION_NUMBER, "seconds after which it is withdrawn by itself"},
	{"--id", "id", OPTION_TEXT, "its name here; the same id and target again renew it"},
	{"--asker", "asker", OPTION_TEXT, "who asks, for the audit (operator)"},
	{"--wait", "wait", OPTION_NUMBER, "seconds to wait for the answers of the providers (3)"},
	{"--on-loss", "on-loss", OPTION_YES,
		"not now: only when a provider hears us no more (RFC 9132 trigger-mitigation)"},
	{"--acl", "acls", OPTION_LIST,
		"NAME=immediate, activate-when-mitigating or deactivate: what a filter of ours "
		"becomes once it is accepted; several are taken"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row filter_options[] = {
	{"--wait", "wait", OPTION_NUMBER, "seconds to wait for the answers of the providers (3)"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row refresh_options[] = {
	{"--attack-status", "attack-status", OPTION_TEXT,
		"under-attack or attack-successfully-mitigated"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row domains_options[] = {
	{"--family", "family", OPTION_TEXT, "4 or 6: only what is IPv4 or IPv6"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row domain_options[] = {
	{"--expires", "expires", OPTION_NUMBER, "seconds until it is forgotten (never)"},
	{"--source", "source", OPTION_TEXT,
		"who says so: operator, dhcp, naptr, dns-sd, router (operator)"},
	{"--interface", "interface", OPTION_TEXT, "the link a server is used over (the domain's)"},
	{"--port", "port", OPTION_NUMBER, "of a server (4646)"},
	{"--transport", "transport", OPTION_TEXT, "of a server: udp, tcp, any (any)"},
	{"--priority", "priority", OPTION_NUMBER, "of a server: lower is asked first (0)"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row drain_options[] = {
	{"--to", "to", OPTION_TEXT, "the name of the server that stands in (none)"},
	{"--address", "addresses", OPTION_LIST, "of that server; several are taken"},
	{"--ttl", "ttl", OPTION_NUMBER,
		"seconds that clients stay there (3600); 4294967295: for good"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row terminate_options[] = {
	{"--reason", "reason", OPTION_TEXT, "in your words, for the audit"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row client_options[] = {
	{"--end", "end", OPTION_YES, "with suspend: end what stands for it, too"},
	{"--reason", "reason", OPTION_TEXT, "with suspend: in your words, for the audit"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row record_options[] = {
	{"--wait", "wait", OPTION_NUMBER, "with set: seconds to wait for the providers (3)"},
	{NULL, NULL, 0, NULL},
};
static const struct option_row explain_options[] = {
	{"--port", "ports", OPTION_LIST, "as of mitigate"},
	{"--protocol", "protocols", OPTION_PROTOCOL, "as of mitigate"},
	{NULL, NULL, 0, NULL},
};

static const struct command commands[] = {
	{"status", "", "what runs, and what is wrong", NULL, false, NULL, print_status},
	{"domains", "[--family 4|6]", "providers: links, prefixes, servers", NULL, false,
		domains_options, print_domains},
	{"domain",
		"NAME set|unset prefix|resolver|server|gateway|data|dhcp [VALUE] [--expires S] "
		"[--source S] "
		"[--interface IF] [--port P] [--transport T] [--priority N]",
		"what a provider assigned or offers, learned since the start", domain_words, false,
		domain_options, print_done},
	{"sessions", "", "signal channels, upstream and of clients", NULL, false, NULL,
		print_sessions},
	{"aliases", "", "aliases of ours at data channels of providers", NULL, false, NULL,
		print_records},
	{"acls", "", "filters of ours there", NULL, false, NULL, print_records},
	{"alias", "set|explain NAME FILE|- [--wait S], or remove NAME",
		"put an alias of ours on record at its providers, or take it off", alias_words,
		false, record_options, print_recorded},
	{"acl", "set|explain NAME FILE|- [--wait S], or remove NAME",
		"put a filter of ours on record there, or take it off", acl_words, false,
		record_options, print_recorded},
	{"clients", "[NAME]", "those we serve: what each has, may have, and was refused",
		clients_words, false, NULL, print_clients},
	{"client", "NAME suspend|resume [--end] [--reason TEXT]",
		"let a client have nothing new for the time being", client_words, false,
		client_options, print_done},
	{"drain", "on|force|off [--to NAME [--address A]...] [--ttl S]",
		"send clients to another server; force: also those with a mitigation", drain_words,
		false, drain_options, print_done},
	{"mitigate",
		"TARGET... [--port P[-Q]]... [--protocol NAME|N]... [--lifetime S] [--for S] [--id "
		"ID] "
		"[--asker A] [--wait S] [--on-loss] [--acl NAME[=TYPE]]...",
		"ask the provider that owns each target for help", target_words, true,
		mitigate_options, print_parts},
	{"filter", "ID NAME[=immediate|activate-when-mitigating|deactivate]... [--wait S]",
		"with a request that stands, switch filters of ours at its providers", filter_words,
		true, filter_options, print_parts},
	{"list", "", "requests of ours, and mitigations of our clients", NULL, false, NULL,
		print_list},
	{"show", "ID", "one of them in full", id_words, false, NULL, print_show},
	{"refresh", "ID [--attack-status S]",
		"send its requests again now, or tell the providers how effective they are",
		id_words, false, refresh_options, print_done},
	{"withdraw", "ID", "end it: the providers stop filtering for it", id_words, false, NULL,
		print_done},
	{"escalate", "ID", "a mitigation is too much for us: ask upstream for it as well", id_words,
		false, NULL, print_done},
	{"terminate", "ID [--reason TEXT]", "end a mitigation of a client", id_words, false,
		terminate_options, print_done},
	{"explain", "TARGET... [--port P[-Q]]... [--protocol NAME|N]...",
		"who would be asked, who would be told of names, and why; nothing is sent",
		target_words, true, explain_options, print_explained},
	{"reload", "", "read the configuration again; sessions and mitigations stay", NULL, false,
		NULL, print_done},
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

/* ---- help ------------------------------------------------------------------------------------ */

static int
usage(FILE *out)
{
	fputs("usage: dotsctl [--socket PATH] [--json] COMMAND ...\n"
	      "       dotsctl COMMAND --help\n\n",
		out);
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fputs("\nexit: 0 done, 1 refused, 2 usage, 3 dotsd not reachable, 4 pending or partly "
	      "placed\n",
		out);
	return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int
command_help(const struct command *c)
{
	const struct option_row *o = c->options;

	printf("usage: dotsctl [--socket PATH] [--json] %s %s\n%s\n", c->name, c->arguments,
		c->help);
	for (; o && o->word; o++)
		printf("  %-11s %s\n", o->word, o->help);
	return EXIT_SUCCESS;
}

static int
misuse(const struct command *c, const char *what, const char *word)
{
	fprintf(stderr, "dotsctl: %s%s\nusage: dotsctl %s %s\n", what, word, c->name, c->arguments);
	return EXIT_USAGE;
}

/* ---- words to a request ---------------------------------------------------------------------- */

static void
append(json_t *request, const char *member, json_t *value)
{
	json_t *list = json_object_get(request, member);

	if (!list) {
		list = json_array();
		json_object_set_new(request, member, list);
	}
	json_array_append_new(list, value);
}

static json_t *
number_of(const char *text)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	return !isdigit((unsigned char)*text) || *end || errno ? NULL : json_integer(v);
}

/* The common ones are known without /etc/protocols, which a small system lacks. */
static json_t *
protocol_of(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"dccp", 33}, {"gre", 47}, {"esp", 50},
		{"icmpv6", 58}, {"sctp", 132}};
	const struct protoent *p;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, text))
			return json_integer(known[i].number);
	p = getprotobyname(text);
	return p ? json_integer(p->p_proto) : number_of(text);
}

static bool
set_option(json_t *request, const struct option_row *o, const char *value)
{
	json_t *j = o->kind == OPTION_NUMBER     ? number_of(value)
		    : o->kind == OPTION_PROTOCOL ? protocol_of(value)
						 : json_string(value);

	if (j && (o->kind == OPTION_LIST || o->kind == OPTION_PROTOCOL))
		append(request, o->member, j);
	else if (j)
		json_object_set_new(request, o->member, j);
	return j != NULL;
}

static const struct option_row *
find_option(const struct command *c, const char *word)
{
	const struct option_row *o = c->options;

	while (o && o->word && strcmp(o->word, word) != 0)
		o++;
	return o && o->word ? o : NULL;
}

static int
take_file(const struct command *c, const struct word **next, const char *path, json_t *request)
{
	char why[WHY_MAX];
	json_t *text = text_file_read(path, why, sizeof(why));

	if (!text)
		return misuse(c, why, "");
	json_object_set_new(request, (*next)->member, text);
	++*next;
	return 0;
}

static int
take_word(const struct command *c, const struct word **next, const char *text, json_t *request)
{
	if (!*next || !(*next)->member)
		return misuse(c, "one word too many: ", text);
	if ((*next)->member == file_member)
		return take_file(c, next, text, request);
	if (c->many && !(*next)[1].member) {
		append(request, (*next)->member, json_string(text));
		return 0;
	}
	json_object_set_new(request, (*next)->member, json_string(text));
	++*next;
	return 0;
}

static int
parse_words(const struct command *c, int n, char **words, json_t *request)
{
	const struct word *next = c->words;

	for (int i = 0; i < n; i++) {
		const struct option_row *o = find_option(c, words[i]);
		int code = 0;

		if (o && o->kind == OPTION_YES) {
			json_object_set_new(request, o->member, json_true());
			continue;
		}
		if (o && i + 1 == n)
			return misuse(c, "a value is missing after ", words[i]);
		if (o && !set_option(request, o, words[i + 1]))
			return misuse(c,
				o->kind == OPTION_PROTOCOL ? "unknown protocol: "
							   : "expected a whole number, found ",
				words[i + 1]);
		if (o)
			i++;
		else if (words[i][0] == '-' && words[i][1]) /* "-" is a word */
			return misuse(c, "unknown option: ", words[i]);
		else
			code = take_word(c, &next, words[i], request);
		if (code)
			return code;
	}
	if (next && next->member && next->what && !json_object_get(request, next->member))
		return misuse(c, "missing: ", next->what);
	return 0;
}

/* ---- the exchange ---------------------------------------------------------------------------- */

static void
unreachable(const char *path, int error)
{
	static const struct {
		int error;
		const char *text;
	} known[] = {
		{ECONNREFUSED, "connection refused. Is it running?"},
		{ENOENT, "there is no such socket. Is it running, or is `control` set to another "
			 "path?"},
		{EACCES, "permission denied. Root and the account that dotsd runs as may use it."},
		{ETIMEDOUT, "no answer. It is there but hangs; see its log."},
		{EPIPE, "it closed the connection. It is ending, or has too many of them; try "
			"again."},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].error == error) {
			fprintf(stderr, "dotsctl: cannot reach dotsd at %s: %s\n", path,
				known[i].text);
			return;
		}
	fprintf(stderr, "dotsctl: cannot reach dotsd at %s: %s\n", path,
		error ? strerror(error) : "no valid answer");
}

static int
patience_ms(const json_t *request)
{
	const json_t *wait = json_object_get(request, "wait");
	json_int_t s = wait ? json_integer_value(wait) : WAIT_S;

	return (int)((s < 3600 ? s : 3600) + PATIENCE_S) * 1000;
}

static json_t *
exchange(const char *path, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int fd = frame_connect(path);
	int r = fd < 0 ? fd : frame_write_blocking(fd, text, strlen(text));
	uint8_t *bytes = NULL;
	size_t len = 0;
	json_t *reply = NULL;

	if (r == 0)
		r = frame_read_blocking(fd, FRAME_MAX, patience_ms(request), &bytes, &len);
	if (r == 0)
		reply = json_loadb((char *)bytes, len, 0, NULL);
	if (!reply)
		unreachable(path, -r);
	if (fd >= 0)
		close(fd);
	free(bytes);
	free(text);
	return reply;
}

static int
finish(const struct command *c, const json_t *reply, bool as_json)
{
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (as_json) {
		json_dumpf(reply, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		c->print(reply);
		fflush(stdout);
		if (error && *error)
			fprintf(stderr, "dotsctl: %s\n", error);
	}
	return (int)json_integer_value(json_object_get(reply, "exit"));
}

static int
run(const struct command *c, const char *path, bool as_json, int n, char **words)
{
	json_t *request, *reply;
	int code;

	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], "--help"))
			return command_help(c);
	request = json_object();
	json_object_set_new(request, "command", json_string(c->name));
	code = parse_words(c, n, words, request);
	if (code == 0) {
		reply = exchange(path, request);
		code = reply ? finish(c, reply, as_json) : EXIT_UNREACHABLE;
		json_decref(reply);
	}
	json_decref(request);
	return code;
}

int
main(int argc, char **argv)
{
	const char *path = default_socket;
	bool as_json = false;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--json"))
			as_json = true;
		else if (!strcmp(argv[i], "--socket") && i + 1 < argc)
			path = argv[++i];
		else if (!strcmp(argv[i], "--help"))
			return usage(stdout);
		else
			return usage(stderr);
	}
	if (i == argc)
		return usage(stderr);
	for (int k = 0; k < N_COMMANDS; k++)
		if (!strcmp(commands[k].name, argv[i]))
			return run(&commands[k], path, as_json, argc - i - 1, argv + i + 1);
	fprintf(stderr, "dotsctl: unknown command %s\n", argv[i]);
	return usage(stderr);
}
