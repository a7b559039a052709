/*
 * A slow disk for one process: preloaded, it makes every fdatasync and fsync wait for as many
 * milliseconds as the file named by SLOWDISK says, as long as that file is there.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void
wait_for_the_disk(void)
{
	const char *path = getenv("SLOWDISK");
	FILE *f = path ? fopen(path, "re") : NULL;
	long ms = 0;

	if (!f)
		return;
	if (fscanf(f, "%ld", &ms) == 1)
		nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
			NULL);
	fclose(f);
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
