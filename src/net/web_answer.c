/*
 * See web_private.h. The head of an answer (RFC 9112 4, 5).
 *
 * libcurl is lenient where RFC 9112 is not: an answer of which two readers could see different ends
 * is not taken.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/http_head.h"
#include "net/web_private.h"

enum { LENGTH_DIGITS_MAX = 18 };

static const char blanks[] = " \t";

static void
forget_fields(struct web_head *h)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		free(h->fields[i].name);
		free(h->fields[i].value);
	}
	h->n_fields = 0;
}

void
web_head_forget(struct web_head *h)
{
	forget_fields(h);
	*h = (struct web_head){0};
}

const char *
web_head_find(const struct web_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (strcasecmp(h->fields[i].name, name) == 0)
			return h->fields[i].value;
	return NULL;
}

static bool
has_word(const char *list, const char *word)
{
	for (; *list; list += strcspn(list, ", \t"), list += strspn(list, ", \t"))
		if (strcspn(list, ", \t") == strlen(word) &&
			strncasecmp(list, word, strlen(word)) == 0)
			return true;
	return false;
}

/* RFC 9112 6.2, 6.3 */
static const char *
frame(struct web_head *h, const char *name, const char *value)
{
	bool is_length = strcasecmp(name, "Content-Length") == 0;

	if (strcasecmp(name, "Connection") == 0)
		h->closes = h->closes || has_word(value, "close");
	if (!is_length && strcasecmp(name, "Transfer-Encoding") != 0)
		return NULL;
	if (h->sized || h->chunked)
		return "HTTP: the length of the answer is said twice (RFC 9112 6.3)";
	if (is_length && (!*value || value[strspn(value, "0123456789")] ||
				 strlen(value) > LENGTH_DIGITS_MAX))
		return "HTTP: Content-Length is no number (RFC 9110 8.6)";
	if (!is_length && strcasecmp(value, "chunked") != 0)
		return "HTTP: Transfer-Encoding is not chunked (RFC 9112 6.1)";
	h->sized = is_length;
	h->chunked = !is_length;
	return NULL;
}

/* RFC 9112 5.2: a line that goes on is as if there were a space. */
static const char *
unfold(struct web_head *h, const char *more)
{
	char *old;

	if (!h->n_fields)
		return "HTTP: a field has no name (RFC 9112 5)";
	if (h->sized || h->chunked)
		return "HTTP: a folded line beside the length of the answer (RFC 9112 5.2)";
	old = h->fields[h->n_fields - 1].value;
	h->fields[h->n_fields - 1].value = mem_printf("%s %s", old, more);
	free(old);
	return NULL;
}

/* Takes the line apart. */
static const char *
take_field(struct web_head *h, char *line)
{
	bool folded = *line == ' ' || *line == '\t';
	char *value = folded ? line : strchr(line, ':');

	if (!value)
		return "HTTP: a field has no colon (RFC 9112 5)";
	if (!folded)
		*value++ = 0;
	value += strspn(value, blanks);
	for (size_t n = strlen(value); n && strchr(blanks, value[n - 1]); n--)
		value[n - 1] = 0;
	if (folded)
		return unfold(h, value);
	if (!http_is_token(line))
		return "HTTP: the name of a field is no token (RFC 9112 5.1)";
	if (h->n_fields == WEB_FIELDS_MAX)
		return "HTTP: the answer has too many fields";
	h->fields[h->n_fields].name = mem_text(line);
	h->fields[h->n_fields++].value = mem_text(value);
	return frame(h, line, value);
}

/* RFC 9112 4: "HTTP/1.x NNN"; RFC 9110 15: from 100 to 599. */
static bool
is_status_line(const char *line)
{
	static const char digits[] = "0123456789";
	const char *status = line + strlen("HTTP/1.x ");

	return strncmp(line, "HTTP/1.", 7) == 0 && strspn(line + 7, digits) == 1 &&
	       line[8] == ' ' && strspn(status, digits) == 3 && *status >= '1' && *status <= '5' &&
	       (status[3] == ' ' || !status[3]);
}

/* RFC 9110 15.2: interim ones come before the answer, as many as the server likes. Nothing else has
 * been asked for, so there is nothing to switch to. */
static const char *
begin(struct web_head *h, const char *line)
{
	if (!is_status_line(line))
		return "HTTP: no line of status of HTTP/1 (RFC 9112 4)";
	if (strncmp(line + 9, "101", 3) == 0)
		return "HTTP: another protocol is in the answer";
	forget_fields(h);
	h->begun = true;
	h->closes = line[7] == '0';
	h->interim = line[9] == '1';
	return NULL;
}

static const char *
finish(struct web_head *h)
{
	if (h->interim && (h->sized || h->chunked))
		return "HTTP: an interim answer has a length (RFC 9110 8.6)";
	h->begun = false;
	h->whole = !h->interim;
	return NULL;
}

const char *
web_head_line(struct web_head *h, const char *line, size_t len)
{
	const char *why;
	char *copy;

	h->seen += len;
	if (h->seen > WEB_HEAD_MAX)
		return "HTTP: the head of the answer is too large";
	if (h->whole)
		return NULL; /* a trailer */
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (memchr(line, 0, len))
		return "HTTP: a NUL in the head of the answer (RFC 9110 5.5)";
	if (memchr(line, '\r', len))
		return "HTTP: a bare CR in the head of the answer (RFC 9112 2.2)";
	if (!len)
		return finish(h);
	copy = mem_new(len + 1);
	memcpy(copy, line, len);
	why = h->begun ? take_field(h, copy) : begin(h, copy);
	free(copy);
	return why;
}
