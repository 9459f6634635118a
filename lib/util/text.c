/* SPDX-License-Identifier: MIT */
#include "util/text.h"

#include <stdbool.h>
#include <string.h>

#define SHOWN_MAX 17 /* four bytes, each as \ooo, and a NUL */
#define CUT "..."

size_t spool_text_utf8_length(const unsigned char *text)
{
	size_t len = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : 0;

	if (text[0] >= 0xe0)
		len = text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80) /* the final NUL as well */
			return 0;
	}
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

/* ASCII's, and U+0080 to U+009F, which are c2 80 to c2 9f in UTF-8. */
static bool is_control(const unsigned char *text)
{
	return text[0] < 0x20 || text[0] == 0x7f ||
	       (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f);
}

/* The first character, as it is shown. Return: of how many bytes it is. */
static size_t show_one(const unsigned char *p, char ret[SHOWN_MAX])
{
	size_t len = spool_text_utf8_length(p), n = len ? len : 1;

	if (len > 0 && !is_control(p) && *p != '\\') {
		memcpy(ret, p, len);
		ret[len] = '\0';
		return len;
	}
	for (size_t i = 0; i < n; i++)
		snprintf(ret + 4 * i, 5, "\\%03o", p[i]);
	return n;
}

void spool_text_put(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	char shown[SHOWN_MAX];

	while (*p) {
		p += show_one(p, shown);
		fputs(shown, out);
	}
}

const char *spool_text_show(const char *text, char *ret, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	char shown[SHOWN_MAX];
	size_t used = 0, cut = 0;

	while (*p) {
		size_t len;

		p += show_one(p, shown);
		len = strlen(shown);
		if (used + len >= size) {
			strcpy(ret + cut, CUT);
			return ret;
		}
		memcpy(ret + used, shown, len);
		used += len;
		if (used + strlen(CUT) < size)
			cut = used;
	}
	ret[used] = '\0';
	return ret;
}
