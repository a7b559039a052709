#include "cases.h"

#include <jansson.h>
#include <sys/stat.h>

#include "base/event.h"

static const char *events_md;

static char *
caught(event_sink sink, const char *peer)
{
	static char text[8192];
	FILE *f = tmpfile();

	event_clear_sinks();
	event_add_sink(sink, f);
	event_raise(EVENT_SESSION_DOWN, EVENT_F("peer", peer), EVENT_F("domain", NULL),
		EVENT_F("reason", "a b"));
	event_raise(EVENT_HEARTBEAT, EVENT_F("peer", peer));
	event_clear_sinks();
	rewind(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void
text_lines_escape_what_peers_say(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(caught(event_text_sink, "evil\n\x1b[31m"),
		"session-down peer=evil\\x0a\\x1b[31m reason=\"a b\"\n");
}

static void
json_lines_are_json_whatever_peers_say(void **state)
{
	char *lines = caught(event_json_sink, "\xff\xfe\"\n"), *line = strtok(lines, "\n");
	json_t *j = json_loads(line, 0, NULL);

	(void)state;
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "event")), "session-down");
	assert_string_equal(json_string_value(json_object_get(j, "peer")), "\\xff\\xfe\"\\x0a");
	assert_null(json_object_get(j, "domain"));
	json_decref(j);
	j = json_loads(strtok(NULL, "\n"), 0, NULL); /* debug events too */
	assert_string_equal(json_string_value(json_object_get(j, "level")), "debug");
	json_decref(j);
}

static void
escaping_is_capped(void **state)
{
	static const char dots[] = "\xe2\x80\xa6";
	char text[12], wide[32];

	(void)state;
	/* What fits is whole: 11 and the NUL. */
	assert_string_equal(event_escape(text, sizeof(text), "01234567890", 11), "01234567890");
	event_escape(text, sizeof(text), "012345678901", 12);
	assert_memory_equal(text, "01234567", 8);
	assert_string_equal(text + 8, dots);
	/* No escape is cut. */
	event_escape(text, sizeof(text), "\n\n\n", 3);
	assert_memory_equal(text, "\\x0a\\x0a", 8);
	assert_string_equal(text + 8, dots);
	/* Not a byte of a backslash or beyond ASCII comes through as it is. */
	assert_string_equal(
		event_escape(wide, sizeof(wide), "\\x0a\xc3\x7f", 6), "\\x5cx0a\\xc3\\x7f");
	assert_string_equal(event_escape(wide, sizeof(wide), "a\0b", 3), "a\\x00b");
	assert_string_equal(event_escape(wide, sizeof(wide), NULL, 0), "");
}

static char *
one_line(event_sink sink, FILE *f, enum event_id id, struct event_field field)
{
	static char text[32768];
	size_t n;

	rewind(f);
	assert_int_equal(ftruncate(fileno(f), 0), 0);
	event_add_sink(sink, f);
	event_raise_fields(id, &field, 1);
	event_clear_sinks();
	rewind(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	return text;
}

/* A peer cannot make up fields of its own. */
static void
values_end_where_they_end(void **state)
{
	FILE *f = tmpfile();

	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(
		one_line(event_text_sink, f, EVENT_STOP, EVENT_F("reason", "a\" b=\"c")),
		"stopped reason=\"a\\\" b=\\\"c\"\n");
	assert_string_equal(one_line(event_text_sink, f, EVENT_STOP, EVENT_F("reason", "")),
		"stopped reason=\"\"\n");
	assert_string_equal(one_line(event_text_sink, f, EVENT_CLOCK_JUMP, EVENT_N("seconds", -5)),
		"clock-jump seconds=-5\n");
	fclose(f);
}

static void
only_the_journal_is_told_priorities(void **state)
{
	FILE *f = tmpfile();
	struct stat st;
	char stream[64];

	(void)state;
	assert_int_equal(fstat(fileno(f), &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_string_equal(
		one_line(event_text_sink, f, EVENT_CONFIG_REFUSED, EVENT_F("reason", "x")),
		"<3>config-refused reason=x\n");
	assert_string_equal(one_line(event_text_sink, f, EVENT_ALERT, EVENT_F("reason", "x")),
		"<4>alert reason=x\n");
	assert_string_equal(one_line(event_text_sink, f, EVENT_STOP, EVENT_F("reason", "x")),
		"<6>stopped reason=x\n");
	setenv("JOURNAL_STREAM", "1:1", 1);
	assert_string_equal(one_line(event_text_sink, f, EVENT_STOP, EVENT_F("reason", "x")),
		"stopped reason=x\n");
	unsetenv("JOURNAL_STREAM");
	fclose(f);
}

static void
json_numbers_are_numbers_and_times_are_rfc_3339(void **state)
{
	FILE *f = tmpfile();
	json_t *j;
	const char *time;
	int y, mo, d, h, mi, s, ms, end = 0;

	(void)state;
	j = json_loads(
		one_line(event_json_sink, f, EVENT_CLOCK_JUMP, EVENT_N("seconds", INT64_MIN)), 0,
		NULL);
	assert_non_null(j);
	assert_true(json_is_integer(json_object_get(j, "seconds")));
	assert_true(json_integer_value(json_object_get(j, "seconds")) == INT64_MIN);
	time = json_string_value(json_object_get(j, "time"));
	assert_int_equal(strlen(time), strlen("2026-01-02T03:04:05.678Z"));
	assert_int_equal(
		sscanf(time, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &y, &mo, &d, &h, &mi, &s, &ms, &end),
		7);
	assert_int_equal(end, strlen(time));
	json_decref(j);
	fclose(f);
}

/* However long: one line, and JSON. */
static void
long_values_are_capped_not_broken(void **state)
{
	static char huge[100000];
	FILE *f = tmpfile();
	char *line;
	json_t *j;

	(void)state;
	memset(huge, '\n', sizeof(huge) - 1);
	line = one_line(event_json_sink, f, EVENT_STOP, EVENT_F("reason", huge));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	j = json_loads(line, 0, NULL);
	assert_non_null(j);
	json_decref(j);
	unsetenv("JOURNAL_STREAM");
	line = one_line(event_text_sink, f, EVENT_STOP, EVENT_F("reason", huge));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_true(strlen(line) < 1024);
	fclose(f);
}

static void
count_calls(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	assert_int_equal(id, EVENT_LINK);
	assert_int_equal(n, 2);
	assert_string_equal(fields[1].text, "up");
	++*(int *)arg;
}

static void
ten_a_second_are_told_and_the_others_counted(void **state)
{
	struct event_quota q = {0};
	const char *untold = "";
	int told = 0;

	(void)state;
	for (int ms = 0; ms < 1000; ms++)
		told += event_quota_take(&q, 5000 + ms, &untold);
	assert_int_equal(told, 10);
	assert_null(untold);
	assert_true(event_quota_take(&q, 6000, &untold));
	assert_string_equal(untold, "990");
	assert_true(event_quota_take(&q, 6000, &untold));
	assert_null(untold);
}

/* 8612-4-01 */
static void
every_sink_is_told(void **state)
{
	int calls[4] = {0};

	(void)state;
	for (int i = 0; i < 4; i++)
		event_add_sink(count_calls, &calls[i]);
	event_raise(EVENT_LINK, EVENT_F("interface", "wan1"), EVENT_F("state", "up"));
	event_clear_sinks();
	event_raise(EVENT_LINK, EVENT_F("interface", "wan1"), EVENT_F("state", "down"));
	for (int i = 0; i < 4; i++)
		assert_int_equal(calls[i], 1);
}

/* 8811-5-09, 8612-4-01 */
static void
decisions_that_touch_traffic_are_audited(void **state)
{
	static const enum event_id audited[] = {EVENT_PUT_MITIGATE, EVENT_DELETE_MITIGATE,
		EVENT_REQUEST_REFUSED, EVENT_MITIGATION_START, EVENT_MITIGATION_END,
		EVENT_ESCALATED, EVENT_RULE_INSTALLED, EVENT_RULE_REMOVED, EVENT_RULE_FAILED,
		EVENT_RULES_RECONCILED, EVENT_ASKED, EVENT_PLANNED, EVENT_REFUSED, EVENT_PENDING,
		EVENT_SENT, EVENT_SHARED, EVENT_PLACED, EVENT_WITHDRAWN, EVENT_RELEASED,
		EVENT_LEARNED, EVENT_REDIRECTED, EVENT_REDIRECT_ENDED, EVENT_DRAIN, EVENT_FORGOTTEN,
		EVENT_TERMINATED, EVENT_CLIENT_SUSPENDED, EVENT_CLIENT_RESUMED, EVENT_ACTIVATED,
		EVENT_DATA_CHANGED, EVENT_DATA_REFUSED, EVENT_FILTERS, EVENT_FILTER_CONTROL,
		EVENT_RECORD_PLACED, EVENT_RECORD_REFUSED, EVENT_RECORD_DELETED, EVENT_RECORD_SET,
		EVENT_RECORD_REMOVED};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(audited) / sizeof(audited[0]); i++)
		assert_true(event_is_audit(audited[i]));
	for (int i = 0; i < EVENT_COUNT; i++)
		n += event_is_audit((enum event_id)i);
	assert_int_equal(n, sizeof(audited) / sizeof(audited[0]));
}

static void
names_and_fields_are_found(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_COUNT; i++)
		assert_int_equal(event_find(event_name((enum event_id)i)), i);
	assert_int_equal(event_find("no-such-event"), EVENT_COUNT);
	assert_true(event_has_field(EVENT_SESSION_UP, "ca"));
	assert_false(event_has_field(EVENT_SESSION_UP, "c"));
	assert_false(event_has_field(EVENT_SESSION_UP, ""));
	assert_false(event_has_field(EVENT_SESSION_UP, "role peer"));
	assert_true(event_has_field(EVENT_SESSION_UP, "resumed"));
	assert_true(event_is_audit(EVENT_RULE_INSTALLED));
	assert_false(event_is_audit(EVENT_HEARTBEAT));
}

/* Row by row: nothing missing, nothing left over. */
static void
the_document_holds_the_table(void **state)
{
	FILE *table = tmpfile(), *doc = fopen(events_md, "r");
	char row[512], line[1024];
	int rows = 0;

	(void)state;
	assert_non_null(doc);
	event_print_table(table);
	rewind(table);
	while (fgets(line, sizeof(line), doc)) {
		if (strncmp(line, "| `", 3) != 0)
			continue;
		assert_non_null(fgets(row, sizeof(row), table));
		assert_string_equal(line, row);
		rows++;
	}
	assert_int_equal(rows, EVENT_COUNT);
	fclose(doc);
	fclose(table);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines_escape_what_peers_say),
		cmocka_unit_test(json_lines_are_json_whatever_peers_say),
		cmocka_unit_test(escaping_is_capped),
		cmocka_unit_test(values_end_where_they_end),
		cmocka_unit_test(only_the_journal_is_told_priorities),
		cmocka_unit_test(json_numbers_are_numbers_and_times_are_rfc_3339),
		cmocka_unit_test(long_values_are_capped_not_broken),
		cmocka_unit_test(ten_a_second_are_told_and_the_others_counted),
		cmocka_unit_test(every_sink_is_told),
		cmocka_unit_test(decisions_that_touch_traffic_are_audited),
		cmocka_unit_test(names_and_fields_are_found),
		cmocka_unit_test(the_document_holds_the_table),
	};

	events_md = argc > 1 ? argv[1] : "doc/events.md";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
