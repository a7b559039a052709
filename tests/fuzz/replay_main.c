/* Runs a fuzz target over the files of its corpus: the replay of what fuzzing found. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int
replay(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t n;

	if (!f)
		return 0;
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	exact = malloc(n ? n : 1); /* so that the sanitizer sees reads past the end */
	for (size_t i = 0; i < n; i++)
		exact[i] = bytes[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 1;
}

int
main(int argc, char **argv)
{
	DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
	const struct dirent *e;
	char path[4096];
	int n = 0;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		if (e->d_name[0] != '.')
			n += replay(path);
	}
	if (d)
		closedir(d);
	printf("1..1\n%s 1 - replay of %d inputs\n", n ? "ok" : "not ok", n);
	return n ? EXIT_SUCCESS : EXIT_FAILURE;
}
