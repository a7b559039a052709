/*
 * The store on SQLite (see store.h).
 *
 * Changes of one loop turn are one batch; one batch at a time is with the worker, the next one
 * gathers meanwhile. A batch is numbered, so that who waits knows which number has to be on disk.
 * What fails goes back in front of what gathered and is tried again every second: nothing is lost,
 * and of several changes of one record the last one counts. If nothing is left to be written, a
 * record that means nothing is: no answer is acknowledged as durable before a commit returned.
 *
 * While the disk is away, what waits is bounded by what there is: one change for each record that
 * lives and one removal for each that is on disk. A record that came and went meanwhile leaves
 * nothing, which needs to be known without the disk: hence the list of what is on it.
 */
#include "daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"

enum {
	SCHEMA_VERSION = 1,
	PATIENCE_MS = 1000,
	RETRY_MS = 1000,
	WHY_MAX = 256,
	CHANGES_IN_ONE_GO = 32, /* below a tenth of a millisecond */
};

struct change {
	TAILQ_ENTRY(change) entry;
	char *id; /* kind, NUL, key, NUL */
	size_t id_len;
	char *value; /* NULL: remove */
};
TAILQ_HEAD(changes, change);

struct batch {
	struct changes list;
	struct map *by_id;
};

/* What the worker has. It outlives the store when the loop has not yet told that it is done. */
struct commit {
	pthread_mutex_t lock; /* held while the worker writes */
	struct store *store;  /* of the loop; NULL: the store was closed meanwhile */
	struct database *db;
	struct batch batch;
	bool abandoned, written, ok;
	char why[WHY_MAX];
};

struct waiter {
	TAILQ_ENTRY(waiter) entry;
	void (*done)(void *arg, bool durable);
	void *arg;
	uint64_t batch; /* that has to be on disk */
	mono_ms since;
	bool durable; /* of a ready one */
};
TAILQ_HEAD(waiters, waiter);

struct database {
	char *dir, *path;
	dev_t dev; /* of the file that is open */
	ino_t ino;
	sqlite3 *sql; /* NULL: lost, opened again at the next write */
	sqlite3_stmt *put, *remove;
	/* Ids of what is on disk, by the last commit that returned. The loop changes it while the
	 * worker rests. */
	struct map *known;
};

struct store {
	struct persist persist; /* first */
	struct loop *loop;
	struct database db;
	struct batch gathering;
	uint64_t number;        /* of the batch that gathers; those before it were handed out */
	struct commit *commit;  /* under way, or NULL */
	bool held;              /* after a failure: nothing is written before the retry timer */
	mono_ms volatile_since; /* 0: in health */
	struct waiters waiting, ready;
	struct timer *patience, *retry, *answer;
};

/* ---- batches --------------------------------------------------------------------------------- */

static void
batch_init(struct batch *b)
{
	TAILQ_INIT(&b->list);
	b->by_id = map_new();
}

static void
change_free(struct change *c)
{
	free(c->id);
	free(c->value);
	free(c);
}

static void
batch_finish(struct batch *b)
{
	struct change *c;

	while ((c = TAILQ_FIRST(&b->list))) {
		TAILQ_REMOVE(&b->list, c, entry);
		change_free(c);
	}
	map_free(b->by_id);
	b->by_id = NULL;
}

/* All of it; the other one is empty afterwards. */
static void
batch_move(struct batch *to, struct batch *from)
{
	TAILQ_INIT(&to->list);
	TAILQ_CONCAT(&to->list, &from->list, entry);
	to->by_id = from->by_id;
	batch_init(from);
}

static char *
id_of(const char *kind, const char *key, size_t *ret_len)
{
	size_t kind_len = strlen(kind) + 1, key_len = strlen(key) + 1;
	char *id = mem_array(kind_len + key_len, 1);

	memcpy(id, kind, kind_len);
	memcpy(id + kind_len, key, key_len);
	*ret_len = kind_len + key_len;
	return id;
}

static void
batch_drop(struct batch *b, struct change *c)
{
	map_remove(b->by_id, c->id, c->id_len);
	TAILQ_REMOVE(&b->list, c, entry);
	change_free(c);
}

static void
batch_add(struct batch *b, const char *kind, const char *key, const char *value)
{
	size_t len;
	char *id = id_of(kind, key, &len);
	struct change *c = map_get(b->by_id, id, len);

	if (c) {
		free(id);
		free(c->value);
	} else {
		c = mem_new(sizeof(*c));
		c->id = id;
		c->id_len = len;
		map_set(b->by_id, c->id, c->id_len, c);
		TAILQ_INSERT_TAIL(&b->list, c, entry);
	}
	c->value = mem_text(value);
}

/* Puts what `older` holds in front of what came later; where both know a record, the later counts.
 */
static void
batch_take_back(struct batch *b, struct batch *older)
{
	struct change *c;

	while ((c = TAILQ_LAST(&older->list, changes))) {
		TAILQ_REMOVE(&older->list, c, entry);
		if (map_get(b->by_id, c->id, c->id_len)) {
			change_free(c);
			continue;
		}
		map_set(b->by_id, c->id, c->id_len, c);
		TAILQ_INSERT_HEAD(&b->list, c, entry);
	}
}

/* Removals of what is not on disk. */
static void
batch_drop_idle(struct batch *b, const struct map *known)
{
	struct change *c, *next;

	for (c = TAILQ_FIRST(&b->list); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!c->value && !map_get(known, c->id, c->id_len))
			batch_drop(b, c);
	}
}

/* ---- the database ---------------------------------------------------------------------------- */

static void
database_close(struct database *db)
{
	sqlite3_finalize(db->put);
	sqlite3_finalize(db->remove);
	sqlite3_close(db->sql);
	db->put = db->remove = NULL;
	db->sql = NULL;
}

static int
database_version(struct database *db)
{
	sqlite3_stmt *st = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(db->sql, "SELECT value FROM meta WHERE key = 'schema'", -1, &st,
		    NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return version;
}

/* The ids of all records; false: they cannot be read. */
static bool
database_each(
	struct database *db, void (*visit)(void *arg, const char *kind, const char *key), void *arg)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite3_prepare_v2(db->sql, "SELECT kind, key FROM record", -1, &st, NULL);

	while (r == SQLITE_OK && (r = sqlite3_step(st)) == SQLITE_ROW) {
		visit(arg, (const char *)sqlite3_column_text(st, 0),
			(const char *)sqlite3_column_text(st, 1));
		r = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return r == SQLITE_DONE;
}

static void
note_known(void *arg, const char *kind, const char *key)
{
	struct database *db = arg;
	size_t len;
	char *id = id_of(kind, key, &len);

	map_set(db->known, id, len, db);
	free(id);
}

static bool
database_list(struct database *db, char *why, size_t cap)
{
	if (database_each(db, note_known, db))
		return true;
	snprintf(why, cap, "%s: %s", db->path, sqlite3_errmsg(db->sql));
	database_close(db);
	return false;
}

/* FULL: a commit that returned survives a power cut, which is what "durable" promises. */
static const char schema[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS record (kind TEXT NOT NULL, key TEXT NOT NULL,"
	" value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;"
	"INSERT OR IGNORE INTO meta VALUES ('schema', '1');";
static const char put_text[] = "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3)";
/* Has to reach the disk, and means nothing: tells whether anything would. */
static const char probe_text[] = "INSERT OR REPLACE INTO meta VALUES ('probe', '')";
static const char remove_text[] = "DELETE FROM record WHERE kind = ?1 AND key = ?2";

static bool
database_open(struct database *db, int flags, char *why, size_t cap)
{
	int r = sqlite3_open_v2(db->path, &db->sql, SQLITE_OPEN_READWRITE | flags, NULL);
	struct stat st;
	int version;

	sqlite3_busy_timeout(db->sql, RETRY_MS);
	/* Before anything is written to it: a file of a later version stays as it is. */
	version = r == SQLITE_OK ? database_version(db) : -1;
	if (version > SCHEMA_VERSION) {
		snprintf(why, cap,
			"%s: written by a newer dotsd (schema %d, this one knows %d); use that "
			"version, or "
			"another `state` directory",
			db->path, version, SCHEMA_VERSION);
		database_close(db);
		return false;
	}
	if (r == SQLITE_OK)
		r = sqlite3_exec(db->sql, schema, NULL, NULL, NULL);
	if (r == SQLITE_OK && stat(db->path, &st) != 0)
		r = SQLITE_IOERR;
	if (r == SQLITE_OK)
		r = sqlite3_prepare_v2(db->sql, put_text, -1, &db->put, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_prepare_v2(db->sql, remove_text, -1, &db->remove, NULL);
	if (r != SQLITE_OK) {
		snprintf(why, cap, "%s: %s", db->path, sqlite3_errmsg(db->sql));
		database_close(db);
		return false;
	}
	db->dev = st.st_dev;
	db->ino = st.st_ino;
	return true;
}

/* ---- a file that was removed: it would take all that is written to it, and keep nothing ---- */

static bool
copy_all(sqlite3 *from, const char *path)
{
	sqlite3 *to = NULL;
	sqlite3_backup *b = NULL;
	bool done = false;

	(void)unlink(path);
	if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
		SQLITE_OK)
		b = sqlite3_backup_init(to, "main", from, "main");
	if (b) {
		done = sqlite3_backup_step(b, -1) == SQLITE_DONE;
		done = sqlite3_backup_finish(b) == SQLITE_OK && done;
	}
	return sqlite3_close(to) == SQLITE_OK && done;
}

/* The name is on disk too. */
static bool
rename_durably(const char *dir, const char *from, const char *to)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && rename(from, to) == 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return done;
}

/* What was on disk is in the open file still: all of it is written anew, once the directory is
 * there again. Another file of that name is not touched. */
static bool
database_renew(struct database *db, char *why, size_t cap)
{
	char *fresh = mem_printf("%s/dotsd.db.new", db->dir);
	struct stat st;
	bool renewed = false;

	if (stat(db->path, &st) == 0)
		snprintf(why, cap,
			"%s: another file is in its place; dotsd takes it up with a restart only",
			db->path);
	else if (!copy_all(db->sql, fresh) || !rename_durably(db->dir, fresh, db->path))
		snprintf(
			why, cap, "%s: the file was removed, and cannot be written anew", db->path);
	else
		renewed = true;
	free(fresh);
	if (!renewed)
		return false;
	database_close(db); /* removes the -wal of that name: first, then */
	return database_open(db, 0, why, cap);
}

static bool
database_is_there(const struct database *db)
{
	struct stat st;

	return stat(db->path, &st) == 0 && st.st_ino == db->ino && st.st_dev == db->dev;
}

/* ---- */

static bool
write_change(struct database *db, const struct change *c)
{
	sqlite3_stmt *st = c->value ? db->put : db->remove;
	bool ok;

	sqlite3_bind_text(st, 1, c->id, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, c->id + strlen(c->id) + 1, -1, SQLITE_STATIC);
	if (c->value)
		sqlite3_bind_text(st, 3, c->value, -1, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool
write_changes(struct database *db, const struct batch *b)
{
	const struct change *c;
	size_t n = 0;

	for (c = TAILQ_FIRST(&b->list); c && write_change(db, c); c = TAILQ_NEXT(c, entry))
		if (++n % CHANGES_IN_ONE_GO == 0)
			loop_give_way();
	return !c;
}

struct strays {
	const struct map *known;
	struct batch removals;
};

static void
note_stray(void *arg, const char *kind, const char *key)
{
	struct strays *strays = arg;
	size_t len;
	char *id = id_of(kind, key, &len);

	if (!map_get(strays->known, id, len))
		batch_add(&strays->removals, kind, key, NULL);
	free(id);
}

/* A commit that was reported as failed may have reached the disk all the same; nobody remembers
 * what it wrote. */
static bool
remove_strays(struct database *db)
{
	struct strays strays = {.known = db->known};
	bool ok;

	batch_init(&strays.removals);
	ok = database_each(db, note_stray, &strays);
	ok = ok && write_changes(db, &strays.removals);
	batch_finish(&strays.removals);
	return ok;
}

/* One transaction; with nothing to write it is a probe. A database that failed is closed, because
 * only a new look at the file can tell whether it is back; a file that vanished is not replaced by
 * an empty one. */
static bool
database_write(struct database *db, const struct batch *b, char *why, size_t cap)
{
	bool ok, anew = !db->sql;

	if (anew && !database_open(db, 0, why, cap))
		return false;
	if (!database_is_there(db) && !database_renew(db, why, cap))
		return false;
	ok = sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
	ok = ok && (!anew || remove_strays(db));
	if (ok && TAILQ_EMPTY(&b->list))
		ok = sqlite3_exec(db->sql, probe_text, NULL, NULL, NULL) == SQLITE_OK;
	ok = ok && write_changes(db, b);
	ok = ok && sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
	if (!ok) {
		snprintf(why, cap, "%s: %s", db->path, sqlite3_errmsg(db->sql));
		database_close(db);
	}
	return ok;
}

/* ---- who waits ------------------------------------------------------------------------------- */

static void
answer_soon(struct store *st, struct waiter *w, bool durable)
{
	TAILQ_REMOVE(&st->waiting, w, entry);
	w->durable = durable;
	TAILQ_INSERT_TAIL(&st->ready, w, entry);
	timer_after(st->answer, 0);
}

static void
on_answer(void *arg)
{
	struct store *st = arg;
	struct waiters now = TAILQ_HEAD_INITIALIZER(now);
	struct waiter *w;

	TAILQ_CONCAT(&now, &st->ready, entry);
	while ((w = TAILQ_FIRST(&now))) {
		TAILQ_REMOVE(&now, w, entry);
		w->done(w->arg, w->durable);
		free(w);
	}
}

/* Waiters stand in the order of their batches and of their time. */
static void
watch_patience(struct store *st)
{
	struct waiter *w = TAILQ_FIRST(&st->waiting);

	if (w)
		timer_at(st->patience, w->since + PATIENCE_MS);
	else
		timer_stop(st->patience);
}

static void
release_written(struct store *st, uint64_t batch)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(&st->waiting)) && w->batch <= batch)
		answer_soon(st, w, true);
	watch_patience(st);
}

static void
turn_volatile(struct store *st, const char *why)
{
	struct waiter *w;

	if (!st->volatile_since) {
		st->volatile_since = loop_now(st->loop) + 1; /* never 0 */
		event_raise(EVENT_STORE_VOLATILE, EVENT_F("reason", why));
	}
	while ((w = TAILQ_FIRST(&st->waiting)))
		answer_soon(st, w, false);
	timer_stop(st->patience);
}

static void
turn_durable(struct store *st)
{
	if (!st->volatile_since)
		return;
	event_raise(EVENT_STORE_DURABLE,
		EVENT_N("after", (loop_now(st->loop) + 1 - st->volatile_since) / 1000));
	st->volatile_since = 0;
}

/* ---- commits --------------------------------------------------------------------------------- */

static void
commit_run(void *arg)
{
	struct commit *c = arg;

	pthread_mutex_lock(&c->lock);
	if (!c->abandoned) {
		c->ok = database_write(c->db, &c->batch, c->why, sizeof(c->why));
		c->written = true;
	}
	pthread_mutex_unlock(&c->lock);
}

/* The worker is through with it, whatever the outcome: commit_done comes in this turn. */
static bool
commit_returned(struct commit *c)
{
	bool written;

	if (pthread_mutex_trylock(&c->lock) != 0)
		return false;
	written = c->written;
	pthread_mutex_unlock(&c->lock);
	return written;
}

/* A loop that was stopped for a while, or that has not begun to run, says nothing about the store.
 */
static void
on_patience(void *arg)
{
	struct store *st = arg;

	if (st->commit && !commit_returned(st->commit))
		turn_volatile(st, "a commit takes longer than a second");
	else if (!TAILQ_EMPTY(&st->waiting))
		timer_after(st->patience, PATIENCE_MS);
}

static void
commit_free(struct commit *c)
{
	batch_finish(&c->batch);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void
note_written(struct database *db, const struct batch *b)
{
	const struct change *c;

	TAILQ_FOREACH(c, &b->list, entry)
		if (c->value)
			map_set(db->known, c->id, c->id_len, db);
		else
			map_remove(db->known, c->id, c->id_len);
}

static void
commit_done(void *arg)
{
	struct commit *c = arg;
	struct store *st = c->store;

	if (st) {
		st->commit = NULL;
		if (c->ok) {
			note_written(&st->db, &c->batch);
			turn_durable(st);
			release_written(st, st->number - 1);
		} else {
			batch_take_back(&st->gathering, &c->batch);
			batch_drop_idle(&st->gathering, st->db.known);
			turn_volatile(st, c->why);
			st->held = true;
			timer_after(st->retry, RETRY_MS);
		}
		on_answer(st);
	}
	commit_free(c);
}

static void
on_turn_end(void *arg)
{
	struct store *st = arg;
	struct commit *c;

	if (st->commit || st->held)
		return;
	/* While the store fails, each attempt is a commit: only one that returned tells that it is
	 * back. */
	if (TAILQ_EMPTY(&st->gathering.list) && !st->volatile_since) {
		release_written(st, st->number); /* what they wait for has come and gone */
		return;
	}
	c = mem_new(sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	c->store = st;
	c->db = &st->db;
	batch_move(&c->batch, &st->gathering);
	st->number++;
	st->commit = c;
	loop_work(st->loop, commit_run, commit_done, c);
}

static void
on_retry(void *arg)
{
	struct store *st = arg;

	st->held = false; /* the end of this turn writes */
}

/* ---- the interface --------------------------------------------------------------------------- */

static struct store *
store_of(struct persist *p)
{
	return (struct store *)p;
}

static void
store_put(struct persist *p, const char *kind, const char *key, const char *value)
{
	batch_add(&store_of(p)->gathering, kind, key, value);
}

/* What never reached the disk, and is not on its way there, goes without a trace. */
static void
store_remove(struct persist *p, const char *kind, const char *key)
{
	struct store *st = store_of(p);
	size_t len;
	char *id = id_of(kind, key, &len);
	struct change *c = map_get(st->gathering.by_id, id, len);
	bool written = map_get(st->db.known, id, len) ||
		       (st->commit && map_get(st->commit->batch.by_id, id, len));

	if (written)
		batch_add(&st->gathering, kind, key, NULL);
	else if (c)
		batch_drop(&st->gathering, c);
	free(id);
}

static void
store_after(struct persist *p, void (*done)(void *arg, bool durable), void *arg)
{
	struct store *st = store_of(p);
	struct waiter *w = mem_new(sizeof(*w));
	bool clean = TAILQ_EMPTY(&st->gathering.list);

	w->done = done;
	w->arg = arg;
	w->batch = clean ? st->number - 1 : st->number;
	w->since = loop_now(st->loop);
	TAILQ_INSERT_TAIL(&st->waiting, w, entry);
	if (st->volatile_since)
		answer_soon(st, w, false);
	else if (clean && !st->commit)
		answer_soon(st, w, true);
	else
		watch_patience(st);
}

static void
store_each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	sqlite3_stmt *st = NULL;
	struct store *s = store_of(p);

	if (sqlite3_prepare_v2(s->db.sql,
		    "SELECT key, value FROM record WHERE kind = ?1 ORDER BY key", -1, &st,
		    NULL) == SQLITE_OK)
		sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC);
	while (st && sqlite3_step(st) == SQLITE_ROW)
		visit(arg, (const char *)sqlite3_column_text(st, 0),
			(const char *)sqlite3_column_text(st, 1));
	sqlite3_finalize(st);
}

static const struct persist_ops store_ops = {
	.put = store_put,
	.remove = store_remove,
	.after = store_after,
	.each = store_each,
};

static bool
make_directory(const char *dir, char *why, size_t cap)
{
	struct stat st;

	if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
		snprintf(why, cap, "%s: cannot be made: %s", dir, strerror(errno));
		return false;
	}
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	snprintf(why, cap, "%s: not a directory", dir);
	return false;
}

struct persist *
store_open(struct loop *l, const char *dir, char *why, size_t cap)
{
	struct store *st;

	if (!make_directory(dir, why, cap))
		return NULL;
	st = mem_new(sizeof(*st));
	st->db.dir = mem_text(dir);
	st->db.path = mem_printf("%s/dotsd.db", dir);
	st->db.known = map_new();
	if (!database_open(&st->db, SQLITE_OPEN_CREATE, why, cap) ||
		!database_list(&st->db, why, cap)) {
		map_free(st->db.known);
		free(st->db.dir);
		free(st->db.path);
		free(st);
		return NULL;
	}
	st->persist.ops = &store_ops;
	st->loop = l;
	st->number = 1;
	batch_init(&st->gathering);
	TAILQ_INIT(&st->waiting);
	TAILQ_INIT(&st->ready);
	st->patience = timer_new(l, on_patience, st);
	st->retry = timer_new(l, on_retry, st);
	st->answer = timer_new(l, on_answer, st);
	loop_at_turn_end(l, on_turn_end, st);
	return &st->persist;
}

/* Takes back what the worker has not written; waits for it if it is at work. */
static void
abandon_commit(struct store *st)
{
	struct commit *c = st->commit;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->abandoned = true;
	c->store = NULL;
	if (!c->written || !c->ok)
		batch_take_back(&st->gathering, &c->batch);
	pthread_mutex_unlock(&c->lock);
}

static void
tell_all(struct waiters *list, bool durable)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, w, entry);
		w->done(w->arg, durable);
		free(w);
	}
}

void
store_close(struct persist *p)
{
	struct store *st = store_of(p);
	char why[WHY_MAX] = "";
	bool ok;

	if (!p)
		return;
	abandon_commit(st);
	ok = TAILQ_EMPTY(&st->gathering.list) ||
	     database_write(&st->db, &st->gathering, why, sizeof(why));
	if (!ok)
		event_raise(EVENT_STORE_VOLATILE, EVENT_F("reason", why));
	batch_finish(&st->gathering);
	database_close(&st->db);
	map_free(st->db.known);
	free(st->db.dir);
	free(st->db.path);
	tell_all(&st->ready, ok);
	tell_all(&st->waiting, ok);
	timer_free(st->patience);
	timer_free(st->retry);
	timer_free(st->answer);
	free(st);
}

bool
store_is_volatile(const struct persist *p)
{
	return ((const struct store *)p)->volatile_since != 0;
}

static size_t
batch_count(const struct batch *b)
{
	return map_count(b->by_id);
}

size_t
store_backlog(const struct persist *p)
{
	const struct store *st = (const struct store *)p;

	if (!st->volatile_since)
		return 0;
	return batch_count(&st->gathering) + (st->commit ? batch_count(&st->commit->batch) : 0);
}
