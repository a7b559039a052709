/*
 * What SQLite alone does, in the schema and with the pragmas of dotsd's store: ROWS records of
 * VALUE-BYTES, then for SECONDS transactions of BATCH changes each. `replace`: of records drawn at
 * random; `append`: a new record at the end, and the first one removed.
 *
 *	floor_sqlite DIRECTORY replace|append ROWS VALUE-BYTES BATCH SECONDS
 */
#include <err.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct records {
	sqlite3 *db;
	sqlite3_stmt *put, *remove;
	bool append;
	unsigned rows, batch;
	unsigned first, last; /* of the records, when appending */
	char *value;
	size_t value_len;
	uint64_t state; /* of the generator */
};

static void
run(struct records *r, const char *sql)
{
	if (sqlite3_exec(r->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		errx(1, "%s: %s", sql, sqlite3_errmsg(r->db));
}

static void
step(struct records *r, sqlite3_stmt *st, unsigned row)
{
	char key[17];

	snprintf(key, sizeof(key), "%016x", row);
	sqlite3_bind_text(st, 1, "mitigation", -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, key, -1, SQLITE_TRANSIENT);
	if (st == r->put)
		sqlite3_bind_text(st, 3, r->value, (int)r->value_len, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		errx(1, "step: %s", sqlite3_errmsg(r->db));
	sqlite3_reset(st);
}

static unsigned
draw(struct records *r)
{
	r->state = r->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(r->state >> 33) % r->rows;
}

static void
fill(struct records *r)
{
	run(r, "BEGIN IMMEDIATE");
	while (r->last < r->rows)
		step(r, r->put, r->last++);
	run(r, "COMMIT");
}

static void
change(struct records *r)
{
	if (!r->append) {
		step(r, r->put, draw(r));
		return;
	}
	step(r, r->put, r->last++);
	step(r, r->remove, r->first++);
}

static double
now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
measure(struct records *r, double seconds)
{
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID), start = now(CLOCK_MONOTONIC), end = start;
	unsigned long commits = 0;

	for (; end - start < seconds; end = now(CLOCK_MONOTONIC)) {
		run(r, "BEGIN IMMEDIATE");
		for (unsigned i = 0; i < r->batch; i++)
			change(r);
		run(r, "COMMIT");
		commits++;
	}
	printf("{\"ok\": %lu, \"commits\": %lu, \"seconds\": %.6f, \"server_cpu\": %.6f}\n",
		commits * r->batch, commits, end - start, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

static void
open_store(struct records *r, const char *directory)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/floor.db", directory);
	if (sqlite3_open(path, &r->db) != SQLITE_OK)
		errx(1, "%s: %s", path, sqlite3_errmsg(r->db));
	run(r, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	       "CREATE TABLE IF NOT EXISTS record (kind TEXT NOT NULL, key TEXT NOT NULL,"
	       " value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;");
	if (sqlite3_prepare_v2(r->db, "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3)", -1,
		    &r->put, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(r->db, "DELETE FROM record WHERE kind = ?1 AND key = ?2", -1,
			&r->remove, NULL) != SQLITE_OK)
		errx(1, "%s", sqlite3_errmsg(r->db));
}

int
main(int argc, char **argv)
{
	struct records r = {.state = 1};

	if (argc != 7)
		errx(2, "usage: floor_sqlite DIRECTORY replace|append ROWS VALUE-BYTES BATCH "
			"SECONDS");
	r.append = !strcmp(argv[2], "append");
	r.rows = (unsigned)strtoul(argv[3], NULL, 10);
	r.value_len = strtoul(argv[4], NULL, 10);
	r.batch = (unsigned)strtoul(argv[5], NULL, 10);
	if (!r.rows || r.value_len > 1 << 20 || !r.batch)
		errx(2, "a number is out of range");
	r.value = malloc(r.value_len);
	if (!r.value)
		err(1, "memory");
	memset(r.value, 'x', r.value_len);
	open_store(&r, argv[1]);
	fill(&r);
	measure(&r, strtod(argv[6], NULL));
	sqlite3_finalize(r.put);
	sqlite3_finalize(r.remove);
	sqlite3_close(r.db);
	free(r.value);
	return 0;
}
