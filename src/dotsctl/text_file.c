#include "dotsctl/text_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { LONGEST = 256 * 1024 }; /* as dotsd takes it */

/* JSON has no control characters but these; what is escaped for them fits a frame. */
static bool
is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
			return false;
	}
	return true;
}

static json_t *
read_all(FILE *f, const char *path, char *why, size_t cap)
{
	char *text = mem_array(LONGEST + 1, 1);
	size_t len = fread(text, 1, LONGEST + 1, f);
	json_t *j = NULL;

	if (ferror(f))
		snprintf(why, cap, "%s cannot be read: %s", path, strerror(errno));
	else if (len > LONGEST)
		snprintf(why, cap, "%s is longer than %d octets", path, LONGEST);
	else if (!is_plain(text, len) || !(j = json_stringn(text, len)))
		snprintf(why, cap, "%s is no text in UTF-8", path);
	free(text);
	return j;
}

json_t *
text_file_read(const char *path, char *why, size_t cap)
{
	bool standard = !strcmp(path, "-");
	FILE *f = standard ? stdin : fopen(path, "re");
	json_t *j;

	if (!f) {
		snprintf(why, cap, "%s cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	j = read_all(f, path, why, cap);
	if (!standard)
		fclose(f);
	return j;
}
