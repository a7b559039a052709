/*
 * A slow disk for one process: preloaded, it makes every fdatasync and fsync wait for as many
 * milliseconds as the file named by SLOWDISK says, and every pwrite as many as its second number,
 * as long as that file is there.
 */
#undef _FILE_OFFSET_BITS /* pwrite and pwrite64 are two here */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 20 };
enum operation { SYNC, WRITE };

/* Milliseconds that the disk needs; 0: it is as fast as it is. */
static long
slowness(enum operation op)
{
	const char *path = getenv("SLOWDISK");
	FILE *f = path ? fopen(path, "re") : NULL;
	char line[64] = "", *rest;
	long ms[2];

	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	ms[SYNC] = strtol(line, &rest, 10);
	ms[WRITE] = strtol(rest, NULL, 10);
	return ms[op];
}

static void
wait_for_the_disk(enum operation op)
{
	long left;

	for (long waited = 0; (left = slowness(op) - waited) > 0; waited += LOOK_MS) {
		long ms = left < LOOK_MS ? left : LOOK_MS;

		nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
	}
}

static int
sync_with(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	wait_for_the_disk(SYNC);
	return real(fd);
}

static ssize_t
write_with(const char *name, int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
		(ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);

	wait_for_the_disk(WRITE);
	return real(fd, bytes, len, at);
}

int
fdatasync(int fd)
{
	return sync_with("fdatasync", fd);
}

int
fsync(int fd)
{
	return sync_with("fsync", fd);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return write_with("pwrite", fd, bytes, len, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
	return write_with("pwrite64", fd, bytes, len, at);
}
