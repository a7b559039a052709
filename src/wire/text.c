/*
 * Texts of peers: UTF-8, domain names.
 */
#include "wire/text.h"

#include <stdint.h>
#include <string.h>

/* RFC 3629 section 4: by the first byte, how many follow and what the next one may be. */
bool
text_is_utf8(const char *s, size_t len)
{
	static const struct {
		uint8_t first, last, more, low, high;
	} leads[] = {
		{0x00, 0x7f, 0, 0, 0},
		{0xc2, 0xdf, 1, 0x80, 0xbf},
		{0xe0, 0xe0, 2, 0xa0, 0xbf},
		{0xe1, 0xec, 2, 0x80, 0xbf},
		{0xed, 0xed, 2, 0x80, 0x9f},
		{0xee, 0xef, 2, 0x80, 0xbf},
		{0xf0, 0xf0, 3, 0x90, 0xbf},
		{0xf1, 0xf3, 3, 0x80, 0xbf},
		{0xf4, 0xf4, 3, 0x80, 0x8f},
	};
	const uint8_t *at = (const uint8_t *)s, *end = at + len;

	while (at < end) {
		size_t i = 0, n = sizeof(leads) / sizeof(leads[0]);

		while (i < n && (*at < leads[i].first || *at > leads[i].last))
			i++;
		if (i == n || end - at <= leads[i].more)
			return false;
		if (leads[i].more && (at[1] < leads[i].low || at[1] > leads[i].high))
			return false;
		for (unsigned k = 2; k <= leads[i].more; k++)
			if ((at[k] & 0xc0) != 0x80)
				return false;
		at += leads[i].more + 1;
	}
	return true;
}

static bool
is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool
text_is_domain_name(const char *s)
{
	if (!strcmp(s, "."))
		return true;
	while (*s) {
		size_t n = 0;

		while (is_alphanumeric(s[n]) || s[n] == '_' || (s[n] == '-' && n))
			n++;
		if (!n || n > 63 || !is_alphanumeric(s[n - 1]) || (s[n] && s[n] != '.'))
			return false;
		s += n + (s[n] == '.');
	}
	return true;
}
