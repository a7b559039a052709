/*
 * The store: what was confirmed is there, what could not be written is not lost.
 */
#include "daemon/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "base/mem.h"

enum { PATIENCE_MS = 60000 };

static char dir[64];
static unsigned volatile_events, durable_events;

static void
count_event(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	(void)arg;
	(void)fields;
	(void)n;
	volatile_events += id == EVENT_STORE_VOLATILE;
	durable_events += id == EVENT_STORE_DURABLE;
}

static int
remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dotsd-store-XXXXXX");
	volatile_events = durable_events = 0;
	event_clear_sinks();
	event_add_sink(count_event, NULL);
	return mkdtemp(dir) ? 0 : -1;
}

static int
drop_dir(void **state)
{
	(void)state;
	nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return 0;
}

/* ---- running the loop until somebody is told ---- */

struct told {
	struct loop *loop;
	int times;
	bool durable;
};

static void
on_told(void *arg, bool durable)
{
	struct told *t = arg;

	t->times++;
	t->durable = durable;
	loop_stop(t->loop);
}

static void
too_late(void *arg)
{
	(void)arg;
	fail_msg("the store never answered");
}

/* Whether what was queued so far became durable. */
static bool
settle(struct loop *l, struct persist *p)
{
	struct told t = {.loop = l};
	struct timer *guard = timer_new(l, too_late, NULL);

	persist_after(p, on_told, &t);
	assert_int_equal(t.times, 0); /* never from inside the call */
	timer_after(guard, PATIENCE_MS);
	loop_run(l);
	timer_free(guard);
	assert_int_equal(t.times, 1);
	return t.durable;
}

static void
settle_until_durable(struct loop *l, struct persist *p)
{
	while (!settle(l, p)) {
		struct timespec pause = {.tv_nsec = 50000000};

		nanosleep(&pause, NULL);
	}
}

static struct persist *
open_store(struct loop *l)
{
	char why[256] = "";
	struct persist *p = store_open(l, dir, why, sizeof(why));

	if (!p)
		fail_msg("%s", why);
	return p;
}

static void
gather(void *arg, const char *key, const char *value)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s=%s;", key, value);
}

/* The records of a kind, as another process sees them now. */
static const char *
on_disk(const char *kind)
{
	static char text[65536];
	struct loop *l = loop_new();
	struct persist *p = open_store(l);

	text[0] = '\0';
	persist_each(p, kind, gather, text);
	store_close(p);
	loop_free(l);
	return text;
}

/* ---- the tests ---- */

static void
records_survive_and_the_last_change_counts(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);

	(void)state;
	persist_put(p, "wish", "a", "1");
	persist_put(p, "wish", "b", "2");
	persist_put(p, "placement", "a", "other kind");
	persist_put(p, "wish", "a", "3");
	persist_put(p, "wish", "c", "4");
	persist_remove(p, "wish", "c");
	assert_true(settle(l, p));
	assert_string_equal(on_disk("wish"), "a=3;b=2;");
	persist_remove(p, "wish", "b");
	persist_put(p, "wish", "c", "5");
	assert_true(settle(l, p));
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "a=3;c=5;");
	assert_string_equal(on_disk("placement"), "a=other kind;");
	assert_string_equal(on_disk("nothing"), "");
}

static void
with_nothing_queued_it_is_durable(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);

	(void)state;
	assert_true(settle(l, p));
	assert_int_equal(store_backlog(p), 0);
	store_close(p);
	loop_free(l);
}

static void
closing_writes_what_is_queued(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);

	(void)state;
	persist_put(p, "wish", "never saw the loop", "1");
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "never saw the loop=1;");
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* The worker may be anywhere with its batch when the store is closed. */
static void
closing_during_a_commit_loses_nothing(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct loop *l = loop_new();
		struct persist *p = open_store(l);
		struct timer *t = timer_new(l, stop, l);
		char key[16];

		snprintf(key, sizeof(key), "k%02d", round);
		persist_put(p, "wish", key, "x");
		timer_after(t, 0); /* a turn: handed to the worker, not waited for */
		loop_run(l);
		persist_put(p, "late", key, "x");
		store_close(p);
		timer_free(t);
		loop_free(l);
	}
	assert_int_equal(strlen(on_disk("wish")), 20 * strlen("k00=x;"));
	assert_int_equal(strlen(on_disk("late")), 20 * strlen("k00=x;"));
}

static void
execute(const char *sql)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/dotsd.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
a_newer_schema_is_refused_and_left_alone(void **state)
{
	struct loop *l = loop_new();
	char why[256] = "";

	(void)state;
	store_close(open_store(l));
	execute("UPDATE meta SET value = '2' WHERE key = 'schema'");
	assert_null(store_open(l, dir, why, sizeof(why)));
	assert_non_null(strstr(why, "newer dotsd"));
	assert_non_null(strstr(why, dir));
	execute("UPDATE meta SET value = '1' WHERE key = 'schema' AND value = '2'");
	store_close(open_store(l));
	loop_free(l);
}

static void
what_is_no_database_or_no_directory_is_refused(void **state)
{
	struct loop *l = loop_new();
	char path[128], why[256] = "";
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/dotsd.db", dir);
	f = fopen(path, "w");
	for (int i = 0; i < 100; i++)
		fputs("this is a letter to my grandmother\n", f);
	fclose(f);
	assert_null(store_open(l, dir, why, sizeof(why)));
	assert_non_null(strstr(why, "not a database"));
	assert_null(store_open(l, path, why, sizeof(why)));
	assert_non_null(strstr(why, "not a directory"));
	assert_null(store_open(l, "/nowhere/at/all", why, sizeof(why)));
	assert_non_null(strstr(why, "No such file or directory"));
	loop_free(l);
}

static void
commits_that_take_over_a_second_are_not_waited_for(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	char path[128];
	sqlite3 *db;

	(void)state;
	assert_true(settle(l, p));
	snprintf(path, sizeof(path), "%s/dotsd.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	persist_put(p, "wish", "a", "1");
	assert_false(settle(l, p));
	assert_int_equal(volatile_events, 1);
	assert_int_equal(store_backlog(p), 1);
	assert_false(settle(l, p)); /* now at once */
	persist_put(p, "wish", "b", "1");
	assert_int_equal(store_backlog(p), 2);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	settle_until_durable(l, p);
	assert_int_equal(volatile_events, 1);
	assert_int_equal(durable_events, 1);
	assert_int_equal(store_backlog(p), 0);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "a=1;b=1;");
}

static void
note_told(void *arg, bool durable)
{
	struct told *t = arg;

	t->times++;
	t->durable = durable;
}

static void
who_waits_when_it_is_closed_is_told(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	struct told t = {.loop = l};

	(void)state;
	persist_after(p, note_told, &t); /* nothing to wait for, but the loop does not run */
	persist_put(p, "wish", "a", "1");
	persist_after(p, note_told, &t);
	assert_int_equal(t.times, 0);
	store_close(p);
	assert_int_equal(t.times, 2);
	assert_true(t.durable);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "a=1;");
}

/* Somebody else who writes: no commit of ours gets through until let go. */
static sqlite3 *
lock_out(void)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/dotsd.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void
let_go(sqlite3 *db, const char *how)
{
	assert_int_equal(sqlite3_exec(db, how, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Requests come and go while the disk is away: what waits does not grow with them. */
static void
what_came_and_went_meanwhile_leaves_nothing(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	size_t most = 0;
	char key[16];
	sqlite3 *db;

	(void)state;
	persist_put(p, "wish", "old", "1");
	persist_put(p, "wish", "kept", "1");
	assert_true(settle(l, p));
	db = lock_out();
	persist_put(p, "wish", "new", "1");
	persist_remove(p, "wish", "old");
	assert_false(settle(l, p));
	/* Over several attempts, so that some went to the worker before they were removed. */
	for (int i = 0; i < 20000; i++) {
		struct timespec pause = {.tv_nsec = 100000};

		snprintf(key, sizeof(key), "k%d", i);
		persist_put(p, "wish", key, "x");
		settle(l, p);
		persist_remove(p, "wish", key);
		if (store_backlog(p) > most)
			most = store_backlog(p);
		nanosleep(&pause, NULL);
	}
	assert_in_range(most, 2, 2 + 2); /* "new", "old", and what is with the worker */
	let_go(db, "ROLLBACK");
	settle_until_durable(l, p);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "kept=1;new=1;");
}

/* Nothing waits any more, and nothing can be written: that is no health. The store finds out by
 * itself when it is back. */
static void
a_store_that_fails_with_nothing_to_write_is_not_back(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	sqlite3 *db;
	long end;

	(void)state;
	assert_true(settle(l, p));
	assert_false(store_is_volatile(p));
	db = lock_out();
	persist_put(p, "wish", "a", "1");
	assert_false(settle(l, p));
	persist_remove(p, "wish", "a");
	while (store_backlog(p) > 0) { /* until the attempt that it was in has failed */
		struct timespec pause = {.tv_nsec = 1000000};

		settle(l, p);
		nanosleep(&pause, NULL);
	}
	/* Over some more attempts. */
	end = time(NULL) + 4;
	while (time(NULL) < end) {
		struct timespec pause = {.tv_nsec = 10000000};

		assert_false(settle(l, p));
		assert_true(store_is_volatile(p));
		nanosleep(&pause, NULL);
	}
	assert_int_equal(volatile_events, 1);
	assert_int_equal(durable_events, 0);
	let_go(db, "ROLLBACK");
	settle_until_durable(l, p);
	assert_false(store_is_volatile(p));
	assert_int_equal(durable_events, 1);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "");
}

static void
what_cancels_out_is_not_waited_for(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	struct told t = {.loop = l};

	(void)state;
	persist_put(p, "wish", "a", "1");
	persist_after(p, on_told, &t);
	persist_remove(p, "wish", "a");
	loop_run(l);
	assert_int_equal(t.times, 1);
	assert_true(t.durable);
	assert_int_equal(volatile_events, 0);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "");
}

/* The disk may have taken what it reported as failed. */
static void
what_a_failed_commit_left_behind_goes(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	sqlite3 *db;

	(void)state;
	persist_put(p, "wish", "kept", "1");
	assert_true(settle(l, p));
	db = lock_out();
	persist_put(p, "wish", "gone", "1");
	persist_put(p, "wish", "stays", "1");
	assert_false(settle(l, p));
	persist_remove(p, "wish", "gone");
	while (store_backlog(p) > 1) { /* until the attempt that it was in has failed */
		struct timespec pause = {.tv_nsec = 1000000};

		settle(l, p);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(sqlite3_exec(db,
				 "INSERT INTO record VALUES ('wish', 'gone', '1'), "
				 "('wish', 'stays', '0')",
				 NULL, NULL, NULL),
		SQLITE_OK);
	let_go(db, "COMMIT");
	settle_until_durable(l, p);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "kept=1;stays=1;");
}

static bool own_mounts;

/* A file system of 512 KiB that only this process sees. */
static bool
mount_small(void)
{
	return own_mounts && mount("tmpfs", dir, "tmpfs", 0, "size=512k") == 0;
}

static void
fill(const char *path)
{
	static const char block[4096];
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void
a_full_disk_is_survived(void **state)
{
	struct loop *l = loop_new();
	struct persist *p;
	char filler[128], large[20000];

	(void)state;
	if (!mount_small())
		skip();
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	snprintf(filler, sizeof(filler), "%s/filler", dir);
	p = open_store(l);
	persist_put(p, "wish", "a", "before");
	persist_put(p, "wish", "b", "before");
	assert_true(settle(l, p));
	fill(filler);
	persist_put(p, "large", "x", large);
	persist_put(p, "wish", "a", "first");
	persist_remove(p, "wish", "b");
	assert_false(settle(l, p));
	persist_put(p, "wish", "a", "second");
	persist_put(p, "wish", "c", "new");
	assert_false(settle(l, p));
	assert_int_equal(volatile_events, 1);
	assert_int_equal(durable_events, 0);
	assert_int_equal(store_backlog(p), 4);
	assert_true(store_is_volatile(p));
	assert_int_equal(unlink(filler), 0);
	settle_until_durable(l, p);
	assert_int_equal(durable_events, 1);
	assert_false(store_is_volatile(p));
	assert_int_equal(store_backlog(p), 0);
	assert_string_equal(on_disk("wish"), "a=second;c=new;");
	store_close(p);
	loop_free(l);
	umount(dir);
}

/* What could not be written is not wanted any more; the disk is as full as before. */
static void
a_full_disk_with_nothing_to_write_is_full(void **state)
{
	struct loop *l = loop_new();
	struct persist *p;
	char filler[128];

	(void)state;
	if (!mount_small())
		skip();
	snprintf(filler, sizeof(filler), "%s/filler", dir);
	p = open_store(l);
	assert_true(settle(l, p));
	fill(filler);
	persist_put(p, "wish", "a", "1");
	assert_false(settle(l, p));
	persist_remove(p, "wish", "a");
	for (int i = 0; i < 40 && !durable_events; i++) {
		struct timespec pause = {.tv_nsec = 50000000};

		assert_false(settle(l, p));
		nanosleep(&pause, NULL);
	}
	assert_int_equal(store_backlog(p), 0);
	assert_true(store_is_volatile(p));
	assert_int_equal(durable_events, 0);
	assert_int_equal(unlink(filler), 0);
	settle_until_durable(l, p);
	assert_int_equal(durable_events, 1);
	store_close(p);
	loop_free(l);
	umount(dir);
}

/* ---- files that are removed behind its back ---- */

static void
remove_database(void)
{
	static const char *const names[] = {"dotsd.db", "dotsd.db-wal", "dotsd.db-shm"};
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		assert_int_equal(unlink(path), 0);
	}
}

static void
a_file_that_was_removed_is_written_anew(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);

	(void)state;
	persist_put(p, "wish", "a", "before");
	assert_true(settle(l, p));
	remove_database();
	persist_put(p, "wish", "b", "after");
	assert_true(settle(l, p));
	assert_string_equal(on_disk("wish"), "a=before;b=after;");
	/* ... and is a database like any other. */
	remove_database();
	persist_put(p, "wish", "c", "later");
	assert_true(settle(l, p));
	assert_int_equal(volatile_events, 0);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "a=before;b=after;c=later;");
}

static void
a_directory_that_was_removed_is_waited_for(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);

	(void)state;
	persist_put(p, "wish", "a", "before");
	assert_true(settle(l, p));
	drop_dir(NULL);
	persist_put(p, "wish", "b", "meanwhile");
	assert_false(settle(l, p));
	assert_int_equal(volatile_events, 1);
	assert_int_equal(mkdir(dir, 0700), 0);
	settle_until_durable(l, p);
	assert_int_equal(durable_events, 1);
	store_close(p);
	loop_free(l);
	assert_string_equal(on_disk("wish"), "a=before;b=meanwhile;");
}

static void
another_file_in_its_place_is_left_alone(void **state)
{
	struct loop *l = loop_new();
	struct persist *p = open_store(l);
	char path[128], text[16] = "";
	FILE *f;

	(void)state;
	assert_true(settle(l, p));
	remove_database();
	snprintf(path, sizeof(path), "%s/dotsd.db", dir);
	f = fopen(path, "w");
	fputs("mine", f);
	fclose(f);
	persist_put(p, "wish", "a", "1");
	assert_false(settle(l, p));
	store_close(p);
	loop_free(l);
	f = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "mine");
}

/* ---- killed in the middle ---- */

struct writer {
	struct loop *loop;
	struct persist *store;
	struct timer *next;
	uint32_t number;
	int report;
};

static void
confirmed(void *arg, bool durable)
{
	struct writer *w = arg;

	if (durable && write(w->report, &w->number, sizeof(w->number)) != sizeof(w->number))
		_exit(1);
	timer_after(w->next, 0);
}

static void
write_next(void *arg)
{
	struct writer *w = arg;
	char key[16];

	w->number++;
	for (char part = 'a'; part <= 'c'; part++) {
		snprintf(key, sizeof(key), "%06u%c", w->number, part);
		persist_put(w->store, "wish", key, "x");
	}
	persist_after(w->store, confirmed, w);
}

static void
write_for_ever(int report)
{
	struct writer w = {.loop = loop_new(), .report = report};

	w.store = open_store(w.loop);
	w.next = timer_new(w.loop, write_next, &w);
	timer_after(w.next, 0);
	loop_run(w.loop);
	_exit(0);
}

static void
count_record(void *arg, const char *key, const char *value)
{
	uint32_t *n = arg;

	(void)key;
	(void)value;
	(*n)++;
}

static void
what_was_confirmed_survives_kill(void **state)
{
	uint32_t last = 0, n = 0;
	int pipes[2];
	struct loop *l;
	struct persist *p;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0)
		write_for_ever(pipes[1]);
	close(pipes[1]);
	while (last < 50)
		assert_int_equal(read(pipes[0], &last, sizeof(last)), sizeof(last));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(pipes[0], &n, sizeof(n)) == sizeof(n))
		last = n; /* confirmed before it died */
	close(pipes[0]);
	l = loop_new();
	p = open_store(l);
	n = 0;
	persist_each(p, "wish", count_record, &n);
	assert_true(n >= 3 * last);
	assert_int_equal(n % 3, 0); /* a turn is written whole or not at all */
	store_close(p);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			records_survive_and_the_last_change_counts, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			with_nothing_queued_it_is_durable, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(closing_writes_what_is_queued, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			closing_during_a_commit_loses_nothing, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			a_newer_schema_is_refused_and_left_alone, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			what_is_no_database_or_no_directory_is_refused, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			commits_that_take_over_a_second_are_not_waited_for, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			who_waits_when_it_is_closed_is_told, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			what_came_and_went_meanwhile_leaves_nothing, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			a_store_that_fails_with_nothing_to_write_is_not_back, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			what_cancels_out_is_not_waited_for, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			what_a_failed_commit_left_behind_goes, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(a_full_disk_is_survived, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			a_full_disk_with_nothing_to_write_is_full, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			a_file_that_was_removed_is_written_anew, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			a_directory_that_was_removed_is_waited_for, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			another_file_in_its_place_is_left_alone, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
			what_was_confirmed_survives_kill, make_dir, drop_dir),
	};

	/* Now, as threads that exist would stay behind. */
	own_mounts = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
		     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
