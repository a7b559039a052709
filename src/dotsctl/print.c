/*
 * Replies as aligned tables.
 */
#include "dotsctl/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { COLUMNS_MAX = 12, CELL_MAX = 512, LISTED_MAX = 8, ROOM_MAX = (LISTED_MAX + 1) * CELL_MAX };

/* ---- a value as a cell ---- */

static void
put_scalar(struct buf *out, const json_t *v)
{
	if (json_is_string(v))
		buf_printf(out, "%.400s", json_string_value(v));
	else if (json_is_integer(v))
		buf_printf(out, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_printf(out, "%s", json_is_true(v) ? "yes" : "no");
	else if (json_is_object(v)) /* one of a list goes by its name */
		put_scalar(out, json_object_get(v, "name"));
}

/* Long lists are cut for people; --json has them whole. */
static void
put_value(struct buf *out, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		put_scalar(out, v);
	json_array_foreach(v, i, item) {
		if (i == LISTED_MAX) {
			buf_printf(out, ",+%zu", json_array_size(v) - i);
			break;
		}
		buf_printf(out, "%s", i ? "," : "");
		put_scalar(out, item);
	}
}

static char *
cell(const json_t *object, const char *member, char *buf)
{
	struct buf out;

	buf_init(&out, ROOM_MAX);
	put_value(&out, json_object_get(object, member));
	snprintf(buf, CELL_MAX, "%s", *buf_text(&out) ? buf_text(&out) : "-");
	buf_finish(&out);
	return buf;
}

/* ---- tables ---- */

struct column {
	const char *title, *member;
};

static void
print_table(const json_t *rows, const struct column *columns)
{
	char buf[CELL_MAX];
	size_t width[COLUMNS_MAX] = {0}, n = 0, i;
	json_t *row;

	for (; columns[n].title; n++) {
		width[n] = strlen(columns[n].title);
		json_array_foreach(rows, i, row) {
			size_t len = strlen(cell(row, columns[n].member, buf));

			width[n] = len > width[n] ? len : width[n];
		}
	}
	for (size_t c = 0; c < n; c++)
		printf("%-*s%s", c + 1 < n ? (int)width[c] : 0, columns[c].title,
			c + 1 < n ? "  " : "\n");
	json_array_foreach(rows, i, row)
		for (size_t c = 0; c < n; c++)
			printf("%-*s%s", c + 1 < n ? (int)width[c] : 0,
				cell(row, columns[c].member, buf), c + 1 < n ? "  " : "\n");
}

static void
print_section(const char *title, const json_t *rows, const struct column *columns)
{
	if (!json_array_size(rows))
		return;
	printf("%s\n", title);
	print_table(rows, columns);
}

#define SERVER_COLUMNS                                                                             \
	{"DOMAIN", "domain"}, {"SERVER", "name"}, {"STATE", "state"}, {"INTERFACE", "interface"},  \
		{"BY", "transport"}, {"FROM", "local"}, {"TO", "remote"},                          \
		{"CREDENTIAL", "credential"}, {"HEARD", "heard"}, {"BEATS", "beats"},              \
		{"REASON", "reason"},                                                              \
	{                                                                                          \
		0                                                                                  \
	}
static const struct column server_columns[] = {SERVER_COLUMNS};
static const struct column separate_columns[] = {{"FOR", "behalf"}, SERVER_COLUMNS};
static const struct column peer_columns[] = {{"CLIENT", "client"}, {"STATE", "state"},
	{"BY", "transport"}, {"FROM", "remote"}, {"TO", "local"}, {"CREDENTIAL", "credential"},
	{"HEARD", "heard"}, {"BEATS", "beats"}, {0}};
static const struct column part_columns[] = {{"TARGET", "target"}, {"STATE", "state"},
	{"DOMAIN", "domain"}, {"SERVER", "server"}, {"INTERFACE", "interface"},
	{"STATUS", "status"}, {"DROPPED", "dropped_packets"}, {"SECTION", "section"},
	{"REASON", "reason"}, {0}};
static const struct column explained_columns[] = {{"TARGET", "target"}, {"STATE", "state"},
	{"DOMAIN", "domain"}, {"SERVER", "server"}, {"INTERFACE", "interface"},
	{"SECTION", "section"}, {"REASON", "reason"}, {0}};
static const struct column told_columns[] = {{"DOMAIN", "domain"}, {"SERVER", "server"},
	{"TOLD", "told"}, {"SECTION", "section"}, {"REASON", "reason"}, {0}};
static const struct column why_columns[] = {{"TARGET", "target"}, {"WHAT", "what"}, {"IS", "is"},
	{"SECTION", "section"}, {"REASON", "reason"}, {0}};
static const struct column domain_columns[] = {{"DOMAIN", "name"}, {"INTERFACES", "interfaces"},
	{"PREFIXES", "prefixes"}, {"PROTECTS", "protects"}, {"RESOLVERS", "resolvers"}, {0}};
static const struct column learned_columns[] = {{"DOMAIN", "domain"}, {"KIND", "kind"},
	{"VALUE", "value"}, {"FROM", "source"}, {"INTERFACE", "interface"}, {"EXPIRES", "expires"},
	{0}};
static const struct column mitigation_columns[] = {{"ID", "id"}, {"CLIENT", "client"},
	{"MID", "mid"}, {"TARGETS", "targets"}, {"STATUS", "status"}, {"LEFT", "lifetime"},
	{"ACTION", "action"}, {"DROPPED", "dropped_packets"}, {"OBSERVED", "observed_packets"},
	{"PPS", "pps"}, {0}};

/* Another server stands in: both are named. */
static void
name_alternate(json_t *server)
{
	const char *alternate = json_string_value(json_object_get(server, "alternate"));

	if (alternate && *alternate)
		json_object_set_new(server, "name",
			json_sprintf("%s > %s", json_string_value(json_object_get(server, "name")),
				alternate));
}

/* Which set of parameters is in force there, and what it says of heartbeats: "idle 30 s x 15". */
static void
name_beats(json_t *session)
{
	const json_t *config = json_object_get(session, "config");

	if (config)
		json_object_set_new(session, "beats",
			json_sprintf("%s %g s x %d",
				json_string_value(json_object_get(config, "set")),
				json_number_value(json_object_get(config, "heartbeat_interval")),
				(int)json_integer_value(
					json_object_get(config, "missing_hb_allowed"))));
}

/* Sessions on behalf of somebody are rare; then all tell whom they are for. */
static void
print_servers(const char *title, const json_t *servers)
{
	const struct column *columns = server_columns;
	json_t *s;
	size_t i;

	json_array_foreach(servers, i, s) {
		if (json_string_length(json_object_get(s, "behalf")))
			columns = separate_columns;
		name_alternate(s);
		name_beats(s);
	}
	print_section(title, servers, columns);
}

/* ---- one a command ---- */

void
print_status(const json_t *reply)
{
	static const char *const members[] = {"version", "instance", "roles", "uptime", "wishes",
		"mitigations", "sessions", "handshakes"};
	const json_t *store = json_object_get(reply, "store"),
		     *drain = json_object_get(reply, "drain"),
		     *alerts = json_object_get(reply, "alerts");
	char buf[CELL_MAX], to[CELL_MAX], deferred[CELL_MAX];
	json_t *alert;
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_get(reply, members[i]))
			printf("%-12s %s\n", members[i], cell(reply, members[i], buf));
	if (store)
		printf("%-12s %s\n", "store", cell(store, "state", buf));
	if (drain)
		printf("%-12s %s, to %s, %s clients deferred\n", "drain", cell(drain, "state", buf),
			cell(drain, "to", to), cell(drain, "deferred", deferred));
	json_array_foreach(alerts, i, alert)
		printf("%-12s %s\n", "ALERT", json_string_value(alert));
}

void
print_domains(const json_t *reply)
{
	const json_t *domains = json_object_get(reply, "domains");
	json_t *domain, *all = json_array();
	size_t i;

	if (domains)
		print_table(domains, domain_columns);
	json_array_foreach(domains, i, domain)
		json_array_extend(all, json_object_get(domain, "servers"));
	print_servers("\nSERVERS", all);
	json_decref(all);
	print_section("\nLEARNED", json_object_get(reply, "learned"), learned_columns);
}

static const struct column record_columns[] = {{"NAME", "name"}, {"DOMAIN", "domain"},
	{"SERVER", "server"}, {"STATE", "state"}, {"FOR", "for"}, {"REASON", "reason"}, {0}};

void
print_records(const json_t *reply)
{
	const json_t *aliases = json_object_get(reply, "aliases");
	json_int_t more = json_integer_value(json_object_get(reply, "not_shown"));

	print_table(aliases ? aliases : json_object_get(reply, "acls"), record_columns);
	if (more)
		printf("and %lld more\n", (long long)more);
}

/* Of a command about one of them; when it is removed there is nothing to show. */
void
print_recorded(const json_t *reply)
{
	const json_t *records = json_object_get(reply, "records");

	if (json_array_size(records))
		print_table(records, record_columns);
	else
		print_done(reply);
}

void
print_sessions(const json_t *reply)
{
	json_t *clients = json_object_get(reply, "clients"), *client;
	size_t i;

	json_array_foreach(clients, i, client)
		name_beats(client);
	print_servers("UPSTREAM", json_object_get(reply, "upstream"));
	print_section("CLIENTS", json_object_get(reply, "clients"), peer_columns);
}

/* What becomes of filters, where there are any. */
static void
print_filters(const json_t *parts)
{
	char where[CELL_MAX], buf[CELL_MAX], state[CELL_MAX], reason[CELL_MAX];
	json_t *part;
	size_t i;

	json_array_foreach(parts, i, part) {
		cell(part, "server", where);
		if (json_object_get(part, "filters"))
			printf("filters at %s: %s %s %s\n", where, cell(part, "filters", buf),
				cell(part, "filters_state", state),
				cell(part, "filters_reason", reason));
		if (json_object_get(part, "filters_changed"))
			printf("filters at %s have been changed there: %s\n", where,
				cell(part, "filters_changed", buf));
	}
}

void
print_parts(const json_t *reply)
{
	const char *id = json_string_value(json_object_get(reply, "id"));

	if (id)
		printf("%s\n", id);
	if (json_array_size(json_object_get(reply, "parts")))
		print_table(json_object_get(reply, "parts"), part_columns);
	print_filters(json_object_get(reply, "parts"));
}

/* Who gets to know of a name, and why. */
static void
print_names(const json_t *names)
{
	char buf[CELL_MAX], addresses[CELL_MAX], state[CELL_MAX];
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		const char *has = json_string_value(json_object_get(name, "state"));

		printf("\n%s  %s\n", cell(name, "name", buf),
			has && !strcmp(has, "known") ? cell(name, "addresses", addresses)
						     : cell(name, "state", state));
		if (json_array_size(json_object_get(name, "servers")))
			print_table(json_object_get(name, "servers"), told_columns);
	}
}

/* Of all parts, each with its target. A refusal stands above, with its reason. */
static void
print_why(json_t *parts)
{
	json_t *part, *row, *rows = json_array();
	size_t i, k;

	json_array_foreach(parts, i, part) {
		json_array_foreach(json_object_get(part, "why"), k, row) {
			if (!strcmp(json_string_value(json_object_get(row, "what")), "refusal"))
				continue;
			json_object_set(row, "target", json_object_get(part, "target"));
			json_array_append(rows, row);
		}
	}
	print_section("\nWHY", rows, why_columns);
	json_decref(rows);
}

/* Nothing was sent, so nothing is called so. */
void
print_explained(const json_t *reply)
{
	json_t *parts = json_object_get(reply, "parts"), *part;
	size_t i;

	json_array_foreach(parts, i, part)
		if (!strcmp(json_string_value(json_object_get(part, "state")), "sent"))
			json_object_set_new(part, "state", json_string("would be sent"));
	if (json_array_size(parts))
		print_table(parts, explained_columns);
	print_why(parts);
	print_names(json_object_get(reply, "names"));
}

static void
print_wish(const json_t *wish)
{
	char id[CELL_MAX], asker[CELL_MAX], asked[CELL_MAX], until[CELL_MAX];
	json_t *name;
	size_t i;

	printf("%s  asked by %s at %s, until %s%s%s\n", cell(wish, "id", id),
		cell(wish, "asker", asker), cell(wish, "asked", asked),
		json_is_string(json_object_get(wish, "until")) ? cell(wish, "until", until)
							       : "withdrawn",
		json_is_true(json_object_get(wish, "on_loss")) ? ", for loss of signal" : "",
		json_is_true(json_object_get(wish, "releasing")) ? " (being withdrawn)" : "");
	if (json_array_size(json_object_get(wish, "ports")))
		printf("ports %s\n", cell(wish, "ports", id));
	if (json_array_size(json_object_get(wish, "protocols")))
		printf("protocols %s\n", cell(wish, "protocols", id));
	json_array_foreach(json_object_get(wish, "names"), i, name)
		printf("name %s\n", cell(name, "name", id));
	if (json_array_size(json_object_get(wish, "acls")))
		printf("filters %s\n", cell(wish, "acls", id));
	print_table(json_object_get(wish, "parts"), part_columns);
	print_filters(json_object_get(wish, "parts"));
}

void
print_list(const json_t *reply)
{
	const json_t *wishes = json_object_get(reply, "wishes");
	const json_t *mitigations = json_object_get(reply, "mitigations");
	json_int_t more = json_integer_value(json_object_get(reply, "not_shown"));
	json_t *wish;
	size_t i;

	json_array_foreach(wishes, i, wish)
		print_wish(wish);
	print_section(json_array_size(wishes) ? "\nMITIGATIONS" : "MITIGATIONS", mitigations,
		mitigation_columns);
	if (!json_array_size(wishes) && !json_array_size(mitigations) &&
		!json_object_get(reply, "error"))
		puts("nothing is asked of anybody");
	if (more)
		printf("and %lld more\n", (long long)more);
}

static void
print_members(const json_t *object)
{
	char buf[CELL_MAX];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
		printf("%-16s %s\n", name, cell(object, name, buf));
}

void
print_show(const json_t *reply)
{
	if (json_object_get(reply, "wish"))
		print_wish(json_object_get(reply, "wish"));
	if (json_object_get(reply, "mitigation"))
		print_members(json_object_get(reply, "mitigation"));
}

/* "3/8": has, and may have. */
static void
name_use(json_t *client, const char *member)
{
	const json_t *use = json_object_get(client, member);

	json_object_set_new(client, member,
		json_sprintf("%lld/%lld",
			(long long)json_integer_value(json_object_get(use, "has")),
			(long long)json_integer_value(json_object_get(use, "may"))));
}

void
print_clients(const json_t *reply)
{
	static const struct column columns[] = {{"CLIENT", "name"}, {"STATE", "state"},
		{"SESSIONS", "sessions"}, {"MITIGATIONS", "mitigations"}, {"TARGETS", "targets"},
		{"ACTION", "action"}, {"HEARD", "heard"}, {"REFUSED", "refused"},
		{"LAST REFUSAL", "refusal"}, {0}};
	const json_t *clients = json_object_get(reply, "clients");
	json_int_t more = json_integer_value(json_object_get(reply, "not_shown"));
	json_t *c;
	size_t i;

	json_array_foreach(clients, i, c) {
		name_use(c, "sessions");
		name_use(c, "mitigations");
		name_use(c, "targets");
	}
	if (clients)
		print_table(clients, columns);
	json_array_foreach(clients, i, c)
		if (json_string_length(json_object_get(c, "reason")))
			printf("%s is suspended since %s: %s\n",
				json_string_value(json_object_get(c, "name")),
				json_string_value(json_object_get(c, "since")),
				json_string_value(json_object_get(c, "reason")));
	if (more)
		printf("and %lld more\n", (long long)more);
}

void
print_done(const json_t *reply)
{
	if (json_integer_value(json_object_get(reply, "exit")) == 0)
		puts("done");
}
