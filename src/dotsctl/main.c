/*
 * dotsctl: the operator's hand. Words to one JSON request, one JSON reply to tables or --json.
 */
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/frame.h"
#include "dotsctl/print.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, FRAME_MAX = 1024 * 1024 };
static const char default_socket[] = "/run/dotsd/control.sock";

/* An option of a command: how its word becomes a member of the request. */
struct option_row {
	const char *word, *member;
	enum { OPTION_TEXT, OPTION_NUMBER, OPTION_LIST, OPTION_PROTOCOL } kind;
};

struct command {
	const char *name, *arguments, *help;
	const char *positional; /* member of the words without dashes */
	bool many;              /* a list of them, else exactly one */
	const struct option_row *options;
	void (*print)(const json_t *reply);
};

static const struct option_row mitigate_options[] = {
	{"--port", "ports", OPTION_LIST},
	{"--protocol", "protocols", OPTION_PROTOCOL},
	{"--lifetime", "lifetime", OPTION_NUMBER},
	{"--for", "for", OPTION_NUMBER},
	{"--id", "id", OPTION_TEXT},
	{"--asker", "asker", OPTION_TEXT},
	{"--wait", "wait", OPTION_NUMBER},
	{NULL, NULL, 0},
};

static const struct command commands[] = {
	{"status", "", "what runs, and what is wrong", NULL, false, NULL, print_status},
	{"domains", "", "providers: links, prefixes, servers", NULL, false, NULL, print_domains},
	{"sessions", "", "signal channels, upstream and of clients", NULL, false, NULL, print_sessions},
	{"mitigate",
		"TARGET... [--port P[-Q]]... [--protocol NAME|N]... [--lifetime S] [--for S] [--id ID] "
		"[--asker A] [--wait S]",
		"ask the provider that owns each target for help", "targets", true, mitigate_options,
		print_parts},
	{"list", "", "requests of ours, and mitigations of our clients", NULL, false, NULL, print_list},
	{"show", "ID", "one of them in full", "id", false, NULL, print_show},
	{"refresh", "ID", "tell the servers again now", "id", false, NULL, print_done},
	{"withdraw", "ID", "end it", "id", false, NULL, print_done},
	{"explain", "TARGET...", "who would be asked, and why; nothing is sent", "targets", true, NULL,
		print_parts},
	{"reload", "", "read the configuration again", NULL, false, NULL, print_done},
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int
usage(FILE *out)
{
	fputs("usage: dotsctl [--socket PATH] [--json] COMMAND ...\n\n", out);
	for (int i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %s %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].help);
	fputs("\nexit: 0 done, 1 refused, 2 usage, 3 dotsd not reachable, 4 pending or partly placed\n", out);
	return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int
misuse(const struct command *c, const char *what, const char *word)
{
	fprintf(stderr, "dotsctl: %s%s\nusage: dotsctl %s %s\n", what, word, c->name, c->arguments);
	return EXIT_USAGE;
}

/* ---- words to a request ---- */

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
	return !*text || *end || errno ? NULL : json_integer(v);
}

static json_t *
protocol_of(const char *text)
{
	const struct protoent *p = getprotobyname(text);

	return p ? json_integer(p->p_proto) : number_of(text);
}

static bool
set_option(json_t *request, const struct option_row *o, const char *value)
{
	json_t *j;

	switch (o->kind) {
	case OPTION_TEXT:
		json_object_set_new(request, o->member, json_string(value));
		return true;
	case OPTION_LIST:
		append(request, o->member, json_string(value));
		return true;
	case OPTION_NUMBER:
		j = number_of(value);
		if (j)
			json_object_set_new(request, o->member, j);
		return j != NULL;
	case OPTION_PROTOCOL:
		j = protocol_of(value);
		if (j)
			append(request, o->member, j);
		return j != NULL;
	}
	return false;
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
parse_words(const struct command *c, int n, char **words, json_t *request)
{
	int positional = 0;

	for (int i = 0; i < n; i++) {
		const struct option_row *o = find_option(c, words[i]);

		if (o && i + 1 == n)
			return misuse(c, "a value is missing after ", words[i]);
		if (o && !set_option(request, o, words[i + 1]))
			return misuse(c, "this is no number or protocol: ", words[i + 1]);
		if (o) {
			i++;
			continue;
		}
		if (words[i][0] == '-' || !c->positional || (!c->many && positional))
			return misuse(c, "unknown word: ", words[i]);
		if (c->many)
			append(request, c->positional, json_string(words[i]));
		else
			json_object_set_new(request, c->positional, json_string(words[i]));
		positional++;
	}
	if (c->positional && !positional)
		return misuse(c, "missing: ", c->many ? "a target" : "an id");
	return 0;
}

/* ---- the exchange ---- */

static json_t *
exchange(const char *path, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int fd = frame_connect(path), r = fd < 0 ? fd : frame_write_blocking(fd, text, strlen(text));
	uint8_t *bytes = NULL;
	size_t len = 0;
	json_t *reply = NULL;

	if (r == 0)
		r = frame_read_blocking(fd, FRAME_MAX, -1, &bytes, &len);
	if (r == 0)
		reply = json_loadb((char *)bytes, len, 0, NULL);
	if (!reply)
		fprintf(stderr, "dotsctl: cannot reach dotsd at %s: %s. Is it running?\n", path,
			r ? strerror(-r) : "no valid answer");
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
		if (error && *error)
			fprintf(stderr, "dotsctl: %s\n", error);
	}
	return (int)json_integer_value(json_object_get(reply, "exit"));
}

static int
run(const struct command *c, const char *path, bool as_json, int n, char **words)
{
	json_t *request = json_pack("{ss}", "command", c->name), *reply;
	int code = parse_words(c, n, words, request);

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
