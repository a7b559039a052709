/*
 * See tmpdir.h.
 */
#include "tmpdir.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATHS = 8, PATH_LEN = 128 };

static char dir[PATH_LEN / 2];

static int
remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
remove_dir(void)
{
	nftw(dir, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
}

const char *
tmpdir_path(const char *name)
{
	static char paths[PATHS][PATH_LEN];
	static unsigned next;
	char *path = paths[next++ % PATHS];

	if (next == 1) {
		const char *where = getenv("TMPDIR"), *made;

		snprintf(dir, sizeof(dir), "%s/dotsd-fuzz-XXXXXX", where ? where : "/tmp");
		made = mkdtemp(dir);
		assert(made);
		(void)made;
		atexit(remove_dir);
	}
	snprintf(path, PATH_LEN, "%s/%s", dir, name);
	return path;
}

void
tmpdir_write(const char *name, const void *bytes, size_t len)
{
	FILE *f = fopen(tmpdir_path(name), "w");
	size_t n;

	assert(f);
	n = fwrite(bytes, 1, len, f);
	assert(n == len);
	(void)n;
	fclose(f);
}
