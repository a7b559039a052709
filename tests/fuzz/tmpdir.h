/* A directory of this run, gone when it ends. */
#ifndef DOTSD_TESTS_FUZZ_TMPDIR_H
#define DOTSD_TESTS_FUZZ_TMPDIR_H

#include <stddef.h>

const char *tmpdir_path(const char *name); /* a few of them are valid at the same time */
void tmpdir_write(const char *name, const void *bytes, size_t len);

#endif
