/*
 * The table of events, and the sinks that everything anyone reads derives from.
 */
#include "base/event.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/buf.h"

enum {
	SINKS_MAX = 4,
	TEXT_MAX = 512, /* of one value, in bytes */
	JSON_TEXT_MAX = 4096,
	FIELDS_MAX = 16,
	LINE_BYTES_MAX = FIELDS_MAX * 2 * JSON_TEXT_MAX,
	QUOTA_MAX = 10, /* of one peer, … */
	QUOTA_MS = 1000,
};

struct event_row {
	const char *name;
	enum event_level level;
	bool audit;         /* a decision that touches traffic */
	const char *fields; /* blank separated */
	const char *what;
};

#define AUDIT true
#define PLAIN false
static const struct event_row rows[EVENT_COUNT] = {
	[EVENT_START] = {"started", EVENT_INFO, PLAIN, "version config instance",
		"the daemon is up"},
	[EVENT_STOP] = {"stopped", EVENT_INFO, PLAIN, "reason", "the daemon ends in order"},
	[EVENT_CONFIG] = {"config-loaded", EVENT_INFO, PLAIN, "path",
		"a configuration is in force"},
	[EVENT_CONFIG_REFUSED] = {"config-refused", EVENT_ERROR, PLAIN, "path reason",
		"a reload was refused as a whole"},
	[EVENT_CONFIG_WARNING] = {"config-warning", EVENT_WARNING, PLAIN, "where reason",
		"something in the configuration is doubtful"},
	[EVENT_LISTENING] = {"listening", EVENT_INFO, PLAIN, "address interface",
		"clients are served here"},
	[EVENT_ALERT] = {"alert", EVENT_WARNING, PLAIN,
		"reason target domain server alternate section ask interface code untold",
		"the operator should look"},
	[EVENT_SESSION_UP] = {"session-up", EVENT_INFO, PLAIN,
		"role peer domain server behalf source address interface transport ca credential "
		"resumed untold",
		"a session is established"},
	[EVENT_SESSION_DOWN] = {"session-down", EVENT_INFO, PLAIN,
		"role peer domain server behalf reason", "a session is over"},
	[EVENT_SESSION_SILENT] = {"session-silent", EVENT_WARNING, PLAIN,
		"role peer domain server behalf missed", "heartbeats stay unanswered"},
	[EVENT_SESSION_HEARD] = {"session-heard", EVENT_INFO, PLAIN,
		"role peer domain server behalf", "a silent peer is heard again"},
	[EVENT_SESSION_REFUSED] = {"session-refused", EVENT_WARNING, PLAIN,
		"role peer address reason untold",
		"a handshake was not completed; so many more since the last one told"},
	[EVENT_SESSION_ATTEMPT] = {"session-attempt", EVENT_INFO, PLAIN,
		"domain server behalf address source interface transport reason",
		"a handshake is begun"},
	[EVENT_SESSION_FAILED] = {"session-failed", EVENT_WARNING, PLAIN,
		"domain server behalf address transport reason retry",
		"a handshake failed; the next follows in retry s"},
	[EVENT_REDIRECTED] = {"redirected", EVENT_INFO, AUDIT,
		"role peer domain server behalf alternate ttl reason untold",
		"another server stands in, for so many s (-1: for good), or a client was told so"},
	[EVENT_REDIRECT_ENDED] = {"redirect-ended", EVENT_INFO, AUDIT,
		"domain server behalf alternate reason",
		"the configured server is the one that is asked again"},
	[EVENT_DRAIN] = {"drain", EVENT_INFO, AUDIT, "state alternate ttl",
		"the operator redirects clients: on, force or off"},
	[EVENT_SESSION_CONFIG] = {"session-config", EVENT_INFO, PLAIN,
		"role peer domain server behalf sid mitigating idle code reason untold",
		"the parameters of a session: negotiated, told by the server, deleted, or why not"},
	[EVENT_HEARTBEAT] = {"heartbeat", EVENT_DEBUG, PLAIN,
		"role peer direction domain server untold", "a heartbeat was sent or received"},
	[EVENT_DISCOVERY] = {"discovery", EVENT_INFO, PLAIN, "domain interface reason",
		"servers are looked for on a link: start, attachment, loss or certificate"},
	[EVENT_LEARNED] = {"learned", EVENT_INFO, AUDIT,
		"domain kind value source interface expires",
		"something about a domain was learned, for so many s (0: for good)"},
	[EVENT_FORGOTTEN] = {"forgotten", EVENT_INFO, AUDIT,
		"domain kind value source interface reason",
		"what was learned about a domain holds no more"},
	[EVENT_RESOLVED] = {"resolved", EVENT_INFO, PLAIN,
		"domain name addresses resolver interface",
		"the name of a server of that domain was looked up, or that of a target"},
	[EVENT_RESOLVE_FAILED] = {"resolve-failed", EVENT_WARNING, PLAIN, "domain name reason",
		"it could not be looked up"},
	[EVENT_PUT_MITIGATE] = {"put-mitigate", EVENT_INFO, AUDIT,
		"from cdid cuid mid scope names lifetime code reason untold",
		"a client asked for mitigation, names: by names or aliases as well; cdid: through "
		"a gateway that said so"},
	[EVENT_GET_MITIGATE] = {"get-mitigate", EVENT_DEBUG, PLAIN, "from cuid mid code observe",
		"a client asked for status"},
	[EVENT_DELETE_MITIGATE] = {"delete-mitigate", EVENT_INFO, AUDIT,
		"from cuid mid code scope untold", "a client withdrew a request"},
	[EVENT_REQUEST_REFUSED] = {"request-refused", EVENT_INFO, AUDIT, "from code reason untold",
		"a request was refused before it reached a rule"},
	[EVENT_DATA_CHANGED] = {"data-changed", EVENT_INFO, AUDIT,
		"client cuid kind name change entries",
		"a client changed what it has on record over the data channel, or its time was "
		"over; more than 16 changes by one request are told together, by their number"},
	[EVENT_DATA_REFUSED] = {"data-refused", EVENT_INFO, AUDIT,
		"client method path code reason untold",
		"a request on the data channel was refused"},
	[EVENT_RECORD_SET] = {"record-set", EVENT_INFO, AUDIT, "kind name",
		"the operator has put an alias or ACL of ours on record, or another one of that "
		"name"},
	[EVENT_RECORD_REMOVED] = {"record-removed", EVENT_INFO, AUDIT, "kind name",
		"the operator has taken it off record"},
	[EVENT_DATA_LOOP] = {"data-loop", EVENT_WARNING, PLAIN,
		"client method path via section untold",
		"a request on the data channel has been here before: two gateways ask each other"},
	[EVENT_RECORD_PLACED] = {"record-placed", EVENT_INFO, AUDIT,
		"domain server behalf kind name code",
		"a provider has an alias or ACL of ours on record"},
	[EVENT_RECORD_REFUSED] = {"record-refused", EVENT_WARNING, AUDIT,
		"domain server behalf kind name code reason section",
		"an alias or ACL of ours may go to nobody, or the provider said no"},
	[EVENT_RECORD_DELETED] = {"record-deleted", EVENT_INFO, AUDIT,
		"domain server behalf kind name code",
		"a provider has it no more: it is not wanted any more"},
	[EVENT_DATA_IN_STEP] = {"data-in-step", EVENT_INFO, PLAIN,
		"domain server behalf interface records refused",
		"a provider has on record what it should, so many aliases and ACLs, apart from "
		"what it refused"},
	[EVENT_DATA_PENDING] = {"data-pending", EVENT_WARNING, PLAIN,
		"domain server behalf reason retry",
		"the data channel of a provider fails; it is tried again in retry s"},
	[EVENT_FILTERS] = {"filters-in-force", EVENT_INFO, AUDIT, "client rules",
		"the packet filter has all filters of that client that are to be in force"},
	[EVENT_FILTERS_FAILED] = {"filters-failed", EVENT_ERROR, PLAIN, "client reason",
		"the packet filter did not take the filters of a client; it is tried again"},
	[EVENT_FILTER_CONTROL] = {"filter-control", EVENT_INFO, AUDIT,
		"ask domain server interface mid acls code reason section untold",
		"filters of ours at a provider have become this by signal, or why not, or the "
		"provider tells that they have become it by something else"},
	[EVENT_ACTIVATED] = {"activated", EVENT_WARNING, AUDIT, "id client mid scope peer silent",
		"a preconfigured request became active: its client, or the gateway it came "
		"through, is lost, heard last so many s ago"},
	[EVENT_MITIGATION_START] = {"mitigation-started", EVENT_INFO, AUDIT,
		"id client mid scope lifetime action",
		"filters are wanted that drop, limit or only observe"},
	[EVENT_MITIGATION_STATUS] = {"mitigation-status", EVENT_INFO, PLAIN, "id client mid status",
		"the status of a mitigation changed"},
	[EVENT_MITIGATION_CONFLICT] = {"mitigation-conflict", EVENT_INFO, PLAIN,
		"id client mid scope untold",
		"other clients ask for these of its targets, too; none: no more"},
	[EVENT_MITIGATION_END] = {"mitigation-ended", EVENT_INFO, AUDIT, "id client mid reason",
		"a mitigation is over"},
	[EVENT_TERMINATED] = {"terminated", EVENT_INFO, AUDIT, "id client mid scope reason",
		"the operator ended a mitigation; mitigation-ended follows"},
	[EVENT_CLIENT_SUSPENDED] = {"client-suspended", EVENT_INFO, AUDIT, "client reason ended",
		"the operator lets a client have nothing new, and ended so many mitigations"},
	[EVENT_CLIENT_RESUMED] = {"client-resumed", EVENT_INFO, AUDIT, "client",
		"the operator serves it as before"},
	[EVENT_ESCALATED] = {"escalated", EVENT_INFO, AUDIT, "id client mid reason upstream",
		"upstream is asked beside our own mitigators; why: always, rate, operator, "
		"predecessor, loss"},
	[EVENT_RULE_INSTALLED] = {"rule-installed", EVENT_INFO, AUDIT, "id client scope mitigator",
		"the packet filter has it"},
	[EVENT_RULE_REMOVED] = {"rule-removed", EVENT_INFO, AUDIT, "id client mitigator",
		"the packet filter has it no more"},
	[EVENT_RULE_FAILED] = {"rule-failed", EVENT_WARNING, AUDIT, "id client mitigator reason",
		"the packet filter did not take it; it is tried again"},
	[EVENT_RULES_RECONCILED] = {"rules-reconciled", EVENT_INFO, AUDIT,
		"mitigator kept added removed", "packet filter and store agree"},
	[EVENT_ASKED] = {"asked", EVENT_INFO, AUDIT, "ask asker target lifetime",
		"protection was asked for"},
	[EVENT_PLANNED] = {"planned", EVENT_INFO, AUDIT,
		"ask domain server interface target reason section", "who is asked, and why"},
	[EVENT_REFUSED] = {"refused", EVENT_WARNING, AUDIT,
		"ask target domain server code reason section",
		"nobody may be asked, or the provider said no"},
	[EVENT_PENDING] = {"pending", EVENT_WARNING, AUDIT,
		"ask target domain server reason section",
		"it waits until its provider can be reached"},
	[EVENT_SENT] = {"sent", EVENT_INFO, AUDIT,
		"domain server behalf interface mid scope lifetime kind", "a request went out"},
	[EVENT_SHARED] = {"shared", EVENT_INFO, AUDIT,
		"domain server behalf mid record targets names told consent section",
		"so much of us was told to a provider, and by whose consent if it is not its own"},
	[EVENT_PLACED] = {"placed", EVENT_INFO, AUDIT,
		"ask target domain server interface mid scope lifetime code",
		"the provider accepted it"},
	[EVENT_RESPONSE] = {"response", EVENT_INFO, PLAIN,
		"domain server behalf mid code text conflict", "a server answered"},
	[EVENT_STATUS] = {"status", EVENT_DEBUG, PLAIN,
		"ask target domain server mid status conflict bytes_dropped pkts_dropped lifetime "
		"reason untold",
		"a provider told how it goes"},
	[EVENT_WITHDRAWN] = {"withdrawn", EVENT_INFO, AUDIT, "ask domain server mid code",
		"the provider took the withdrawal"},
	[EVENT_RELEASED] = {"released", EVENT_INFO, AUDIT, "ask asker reason",
		"protection is no longer wanted"},
	[EVENT_STORE_VOLATILE] = {"store-volatile", EVENT_WARNING, PLAIN, "reason",
		"the store fails; what is accepted now does not survive a crash"},
	[EVENT_STORE_DURABLE] = {"store-durable", EVENT_INFO, PLAIN, "after", "the store is back"},
	[EVENT_HELPER_LOST] = {"helper-lost", EVENT_WARNING, PLAIN, "mitigator reason",
		"the privileged helper is away; installed filters stay"},
	[EVENT_LINK] = {"link", EVENT_INFO, PLAIN, "interface state", "an interface changed"},
	[EVENT_CLOCK_JUMP] = {"clock-jump", EVENT_WARNING, PLAIN, "seconds",
		"the wall clock was set"},
};

static const char *const levels[] = {"error", "warning", "info", "debug"};

static struct {
	event_sink sink;
	void *arg;
} sinks[SINKS_MAX];
static size_t n_sinks;

const char *
event_name(enum event_id id)
{
	return rows[id].name;
}

enum event_level
event_level(enum event_id id)
{
	return rows[id].level;
}

bool
event_is_audit(enum event_id id)
{
	return rows[id].audit;
}

enum event_id
event_find(const char *name)
{
	int id = 0;

	while (id < EVENT_COUNT && strcmp(rows[id].name, name) != 0)
		id++;
	return (enum event_id)id;
}

bool
event_has_field(enum event_id id, const char *field)
{
	size_t len = strlen(field), n;

	for (const char *p = rows[id].fields; *p; p += n + (p[n] == ' ')) {
		n = strcspn(p, " ");
		if (n == len && memcmp(p, field, n) == 0)
			return true;
	}
	return false;
}

void
event_add_sink(event_sink sink, void *arg)
{
	assert(n_sinks < SINKS_MAX);
	sinks[n_sinks].sink = sink;
	sinks[n_sinks++].arg = arg;
}

void
event_clear_sinks(void)
{
	n_sinks = 0;
}

void
event_raise_fields(enum event_id id, const struct event_field *fields, size_t n)
{
	assert(n <= FIELDS_MAX);
	for (size_t i = 0; i < n; i++)
		assert(event_has_field(id, fields[i].name));
	for (size_t i = 0; i < n_sinks; i++)
		sinks[i].sink(sinks[i].arg, id, fields, n);
}

bool
event_quota_take(struct event_quota *q, int64_t now_ms, const char **ret_untold)
{
	if (now_ms - q->since >= QUOTA_MS) {
		q->since = now_ms;
		q->told = 0;
	}
	if (q->told == QUOTA_MAX) {
		q->untold++;
		return false;
	}
	q->told++;
	snprintf(q->text, sizeof(q->text), "%u", q->untold);
	*ret_untold = q->untold ? q->text : NULL;
	q->untold = 0;
	return true;
}

char *
event_escape(char *dst, size_t cap, const void *src, size_t len)
{
	static const char more[] = "\xe2\x80\xa6"; /* … */
	const unsigned char *s = src;
	size_t at = 0, cut = 0; /* cut: the last place that leaves room for the dots */

	assert(cap >= sizeof(more));
	for (size_t i = 0; i < len; i++) {
		bool plain = s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\';

		if (at + sizeof(more) <= cap)
			cut = at;
		if (at + (plain ? 1 : 4) >= cap) {
			memcpy(dst + cut, more, sizeof(more));
			return dst;
		}
		if (plain)
			dst[at++] = (char)s[i];
		else
			at += (size_t)snprintf(dst + at, cap - at, "\\x%02x", s[i]);
	}
	dst[at] = '\0';
	return dst;
}

static bool
left_out(const struct event_field *f)
{
	return !f->is_number && !f->text;
}

/* The service manager names the device and inode of the stream that the journal reads; when out is
 * another one, priorities would be noise. */
static bool
journal_reads(FILE *out)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char here[64];
	struct stat st;

	if (!stream || fstat(fileno(out), &st) != 0)
		return false;
	snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, here) == 0;
}

/* Quoted where a reader could not tell where the value ends. */
static void
put_text(struct buf *line, const char *value)
{
	char text[TEXT_MAX];
	bool quoted;

	event_escape(text, sizeof(text), value, strlen(value));
	quoted = !*text || strpbrk(text, " \"=");
	if (quoted)
		buf_u8(line, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			buf_u8(line, '\\');
		buf_u8(line, (uint8_t)*p);
	}
	if (quoted)
		buf_u8(line, '"');
}

/* In one piece, as standard error is not buffered. */
static void
put_line(struct buf *line, FILE *out)
{
	buf_u8(line, '\n');
	fwrite(line->bytes, 1, line->len, out);
	fflush(out);
	buf_finish(line);
}

void
event_text_sink(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	/* syslog priorities of the four levels, for a journal that reads our standard error */
	static const char *const priority[] = {SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG};
	struct buf line;

	if (rows[id].level == EVENT_DEBUG)
		return;
	buf_init(&line, LINE_BYTES_MAX);
	if (journal_reads(arg))
		buf_printf(&line, "%s", priority[rows[id].level]);
	buf_printf(&line, "%s", rows[id].name);
	for (size_t i = 0; i < n; i++) {
		if (left_out(&fields[i]))
			continue;
		buf_printf(&line, " %s=", fields[i].name);
		if (fields[i].is_number)
			buf_printf(&line, "%lld", (long long)fields[i].number);
		else
			put_text(&line, fields[i].text);
	}
	put_line(&line, arg);
}

static void
format_now(char *dst, size_t cap)
{
	struct timespec ts;
	struct tm tm;
	char day[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(dst, cap, "%s.%03ldZ", day, ts.tv_nsec / 1000000);
}

void
event_json_sink(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	char now[64], text[JSON_TEXT_MAX], *dump;
	json_t *line = json_object();
	struct buf out;

	format_now(now, sizeof(now));
	json_object_set_new(line, "time", json_string(now));
	json_object_set_new(line, "event", json_string(rows[id].name));
	json_object_set_new(line, "level", json_string(levels[rows[id].level]));
	for (size_t i = 0; i < n; i++) {
		if (left_out(&fields[i]))
			continue;
		if (!fields[i].is_number)
			event_escape(text, sizeof(text), fields[i].text, strlen(fields[i].text));
		json_object_set_new(line, fields[i].name,
			fields[i].is_number ? json_integer(fields[i].number) : json_string(text));
	}
	dump = json_dumps(line, JSON_COMPACT);
	buf_init(&out, LINE_BYTES_MAX);
	buf_bytes(&out, dump, strlen(dump));
	put_line(&out, arg);
	free(dump);
	json_decref(line);
}

void
event_print_table(void *file)
{
	for (int i = 0; i < EVENT_COUNT; i++)
		fprintf(file, "| `%s` | %s | %s | %s | %s |\n", rows[i].name, levels[rows[i].level],
			rows[i].audit ? "yes" : "", rows[i].fields, rows[i].what);
}
