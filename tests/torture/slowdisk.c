/*
 * A slow disk for one process: preloaded, it makes every fdatasync and fsync wait for as many
 * milliseconds as the file named by SLOWDISK says, as long as that file is there.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

/* Milliseconds that the disk needs; 0: it is as fast as it is. */
static long
slowness(void)
{
	const char *path = getenv("SLOWDISK");
	FILE *f = path ? fopen(path, "re") : NULL;
	long ms = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%ld", &ms) != 1)
		ms = 0;
	fclose(f);
	return ms;
}

/* Looks often: a disk that is well again is so at once. */
static void
wait_for_the_disk(void)
{
	for (long waited = 0; waited < slowness(); waited += LOOK_MS)
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
}

static int
sync_with(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	wait_for_the_disk();
	return real(fd);
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
