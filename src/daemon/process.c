/*
 * Limits, memory, directories, privileges.
 */
#include "daemon/process.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"

void
process_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* JSON is made of many pieces, whatever is done with it: that many are below a tenth of a
 * millisecond. */
enum { PIECES = 512 };

static void
count_piece(void)
{
	static _Thread_local unsigned n;

	if (++n % PIECES == 0)
		loop_give_way();
}

static void *
piece_new(size_t size)
{
	count_piece();
	return malloc(size);
}

static void
piece_free(void *p)
{
	count_piece();
	free(p);
}

void
process_set_memory(void)
{
	mallopt(M_MXFAST, 0);
	json_set_alloc_funcs(piece_new, piece_free);
}

void
process_make_parent(const char *path)
{
	char *copy = mem_text(path), *slash = strrchr(copy, '/');

	if (slash && slash != copy) {
		*slash = '\0';
		mkdir(copy, 0755);
	}
	free(copy);
}

/* The store and the control socket are opened again and removed after the change of account. A file
 * that is not there is none of our business. */
static bool
hand_over(const struct config *c, const struct passwd *pw)
{
	static const char *const files[] = {"", "/dotsd.db", "/dotsd.db-wal", "/dotsd.db-shm"};
	bool ok = true;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char *path = mem_printf("%s%s", c->state, files[i]);

		ok = ok && (lchown(path, pw->pw_uid, pw->pw_gid) == 0 || errno == ENOENT);
		free(path);
	}
	return ok && lchown(c->control, pw->pw_uid, pw->pw_gid) == 0;
}

bool
process_drop(const struct config *c, char *why, size_t cap)
{
	const struct passwd *pw;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!c->user || geteuid() != 0)
		return true;
	pw = getpwnam(c->user);
	if (!pw) {
		snprintf(why, cap, "user %s does not exist", c->user);
		return false;
	}
	if (!hand_over(c, pw) || setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 ||
		setuid(pw->pw_uid) != 0) {
		snprintf(why, cap, "cannot become %s: %s", c->user, strerror(errno));
		return false;
	}
	return true;
}
