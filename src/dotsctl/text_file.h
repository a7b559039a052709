/*
 * What is in a file, as a text of a request.
 */
#ifndef DOTSD_DOTSCTL_TEXT_FILE_H
#define DOTSD_DOTSCTL_TEXT_FILE_H

#include <jansson.h>

/* All of it; "-" is the standard input. NULL with `why`: it cannot be read, is longer than a
 * command may be, or no text. */
json_t *text_file_read(const char *path, char *why, size_t cap);

#endif
