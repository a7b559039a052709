#include "cases.h"

#include <jansson.h>

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
	char text[32], peer[100];

	(void)state;
	memset(peer, 'x', sizeof(peer));
	event_escape(text, sizeof(text), peer, sizeof(peer));
	assert_true(strlen(text) < sizeof(text));
	assert_non_null(strstr(text, "\xe2\x80\xa6"));
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
	assert_true(event_is_audit(EVENT_RULE_INSTALLED));
	assert_false(event_is_audit(EVENT_HEARTBEAT));
}

static void
the_document_holds_the_table(void **state)
{
	FILE *table = tmpfile(), *doc = fopen(events_md, "r");
	char row[512], text[65536];
	size_t n;

	(void)state;
	assert_non_null(doc);
	n = fread(text, 1, sizeof(text) - 1, doc);
	text[n] = '\0';
	event_print_table(table);
	rewind(table);
	while (fgets(row, sizeof(row), table))
		if (!strstr(text, row))
			fail_msg("%s lacks %s", events_md, row);
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
		cmocka_unit_test(names_and_fields_are_found),
		cmocka_unit_test(the_document_holds_the_table),
	};

	events_md = argc > 1 ? argv[1] : "doc/events.md";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
