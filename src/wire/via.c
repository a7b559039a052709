#include "wire/via.h"

#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/mem.h"

enum { NAME_MAX_LEN = 255 };

/* Behind a comment, which may have others in it (RFC 9110 5.6.5). */
static const char *
skip_comment(const char *p)
{
	size_t depth = 0;

	do {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')')
			depth--;
		p++;
	} while (*p && depth);
	return p;
}

/* "name:port", "[address]:port" (RFC 3986 3.2), or a bare address of IPv6. */
static void
strip_port(char *name)
{
	char *colon = strchr(name, ':');

	if (*name == '[') {
		name[strcspn(name, "]")] = '\0';
		memmove(name, name + 1, strlen(name));
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
	}
}

static bool
is_one_of(const char *token, size_t len, const char *const *own, size_t n)
{
	char name[NAME_MAX_LEN + 1], text[ADDR_TEXT_MAX];
	struct addr literal;

	if (len > NAME_MAX_LEN)
		return false;
	memcpy(name, token, len);
	name[len] = '\0';
	strip_port(name);
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(name, own[i]) ||
			(addr_parse(name, &literal) == 0 &&
				!strcmp(addr_format(&literal, text), own[i])))
			return true;
	return false;
}

/* Not only where a name belongs: what is not well formed may still say who it was. */
bool
via_has(const char *field, const char *const *own, size_t n)
{
	const char *p = field;

	while (*p) {
		size_t len = strcspn(p, " \t,(");

		if (len && is_one_of(p, len, own, n))
			return true;
		p += len;
		if (*p == '(')
			p = skip_comment(p);
		else if (*p)
			p++;
	}
	return false;
}

bool
via_is_sound(const char *field)
{
	size_t len = strlen(field);

	for (size_t i = 0; i < len; i++)
		if ((field[i] < ' ' || field[i] > '~') && field[i] != '\t')
			return false;
	return len <= VIA_MAX;
}

char *
via_append(const char *before, const char *by)
{
	return before ? mem_printf("%s, 1.1 %s", before, by) : mem_printf("1.1 %s", by);
}
